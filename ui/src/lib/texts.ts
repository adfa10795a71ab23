/**
 * Every word the window shows that does not come from the data. Plain, short English; statuses in
 * sentence case; the words of the specification.
 */
import type { About, BackupState } from "./host/types";
import type { Status } from "./status";

const numbers = new Intl.NumberFormat();
const n = (value: number) => numbers.format(value);
const plural = (value: number, one: string, many: string) =>
  `${n(value)} ${value === 1 ? one : many}`;
const sentence = (words: string) => words.charAt(0).toUpperCase() + words.slice(1);

/** The texts, grouped by where they show. */
export const texts = {
  app: "Cairn",

  status: {
    not_started: "Not started",
    in_progress: "In progress",
    complete: "Complete",
    blocked: "Blocked",
    not_applicable: "Not applicable",
    waiting_to_verify: "Waiting to verify",
  } satisfies Record<Status, string>,

  role: (role: string): string =>
    (
      ({
        IMPL_SPEC: "specialist",
        IMPL_MGR: "manager",
        CSM: "customer success",
        SUPPORT_TIER_1: "support, tier 1",
        SUPPORT_TIER_2: "support, tier 2",
        SUPPORT_ADMIN: "support admin",
        HOTLINE_OP: "hotline operator",
        HOTLINE_SUP: "hotline supervisor",
        PLATFORM_ADMIN: "platform admin",
        district_admin: "district admin",
        school_admin: "school admin",
        teacher: "teacher",
      }) as Record<string, string>
    )[role] ?? role,

  playbook: (key: string): string => {
    const known: Record<string, string> = {
      "school-district": "School district",
      "first-school-go-live": "First school go-live",
      "pilot-ministry": "Pilot ministry",
      "ethics-line-client": "Ethics line client",
      "regional-workshop": "Regional workshop",
    };
    return known[key] ?? sentence(key.replaceAll("-", " "));
  },

  mode: (mode: string): string => sentence(mode.replaceAll("-", " ")),

  dates: {
    today: "Today",
    yesterday: "Yesterday",
    tomorrow: "Tomorrow",
    at: (day: string, clock: string) => `${day} at ${clock}`,
    on: (day: string) => `on ${day}`,
    late: (day: string) => `${day}, late`,
    minutes: (value: number) => (value < 1 ? "under a minute" : plural(value, "minute", "minutes")),
    hours: (value: number) => plural(value, "hour", "hours"),
    days: (value: number) => plural(value, "day", "days"),
    distance: (days: number) => {
      if (days === 0) return "today";
      const words = plural(Math.abs(days), "day", "days");
      return days > 0 ? `in ${words}` : `${words} ago`;
    },
  },

  common: {
    cancel: "Cancel",
    close: "Close",
    save: "Save",
    tryAgain: "Try again",
    problem: "There is a problem",
    undo: "Undo",
    dismiss: "Dismiss",
    loadFailed: "This could not be read from the local database.",
    none: "None",
    copied: "Copied",
    copyByHand: "To copy by hand",
    show: "Show",
    hide: "Hide",
    showLabel: (what: string) => `Show: ${what}`,
    hideLabel: (what: string) => `Hide: ${what}`,
  },

  pager: {
    first: "First",
    previous: "Previous",
    next: "Next",
    last: "Last",
    stop: "Stop",
    goOn: "Look on",
    looked: (looked: number, total: number) => `Looked through ${n(looked)} of ${n(total)}`,
  },

  frame: {
    main: "Main",
    skip: "Skip to the content",
    allTenants: "All tenants",
    find: "Find a tenant, screen or action",
    findShort: "Find",
    account: (name: string) => `Account of ${name}`,
    lock: "Lock now",
    passphrase: "Set recovery passphrase",
    signOut: "Sign out",
    shortcuts: "Keyboard shortcuts",
    today: "Today",
    tenants: "Tenants",
    sync: "Sync",
    history: "History",
    settings: "Settings",
    checklist: "Checklist",
    migration: "Migration",
    people: "People",
    syncCount: (decisions: number) => plural(decisions, "decision", "decisions"),
    switcher: "Change tenant:",
    switcherFind: "Find a tenant by name or id",
    recent: "Recent",
    noTenant: "No tenant matches",
  },

  inbox: {
    title: "Inbox",
    open: (unread: number) => (unread === 0 ? "Inbox" : `Inbox, ${n(unread)} new`),
    new: (unread: number) => `${n(unread)} new`,
    readAll: "Mark all as read",
    unread: "New",
    none: "Nothing to hear of",
    noneText:
      "Blockers of colleagues, answers to your comments, conflicts that wait for you and what is due show here.",
    more: (count: number) => `and ${n(count)} older`,
    what: (kind: string, by: string | null, text: string) => {
      if (kind === "due") return "Due today";
      if (kind === "overdue") return `Was due ${text}`;
      if (kind === "import") return `The service did not import it: ${text}`;
      if (kind === "conflict") return `Two values for ${text}; one of them is yours`;
      const who = by ?? "Somebody";
      return kind === "blocker" ? `${who} blocked it: ${text}` : `${who}: ${text}`;
    },
  },

  line: {
    saved: "Saved on this computer",
    waiting: (count: number) => `${plural(count, "change", "changes")} waiting`,
    sent: "everything sent",
    held: (count: number) => `${n(count)} held`,
    refused: (count: number) => `${n(count)} refused`,
    decisions: (count: number) => `${plural(count, "decision", "decisions")} needed`,
    lastSynced: (when: string) => `last synced ${when}`,
    synced: (when: string) => `synced ${when}`,
    never: "not synced yet",
    connected: "Connected",
    offline: "No network",
    syncing: "Syncing",
    error: "Last sync failed",
    lease: (when: string) => `Sign-in lasts until ${when}`,
    open: "Open Sync",
    nothing: "Nothing is stored on this computer yet",
    untouched: "The database on this computer is unchanged",
    locked: "Locked. Your work is kept on this computer, encrypted",
    keyless: "Your work is kept on this computer, encrypted",
  },

  signIn: {
    title: "Sign in",
    lead: "You need a network for this once. After that Cairn works without one.",
    server: "Service address",
    serverHint: "https://cairn.example.org",
    name: "Sign-in name",
    password: "Password",
    submit: "Sign in",
    busy: "Signing in",
    kept: "Your work is kept on this computer, encrypted. You stay signed in for a while without a network.",
    slogan: ["What is done, what is next,", "what is blocked and why."],
    sloganLead: "Even in a school basement with no network.",
    trail: ["Sign in", "Enrol this computer", "Receive your tenants\nand work anywhere"],
    missingServer: "Enter the address of the service",
    missingName: "Enter your sign-in name",
    missingPassword: "Enter your password",
  },

  unsent: {
    title: (count: number) =>
      `${plural(count, "change has", "changes have")} not left this computer`,
    lead: "Signing in sends them. If the service does not let you in any more, export them to a file that only the service can read, and give it to your manager.",
    export: "Export unsent work",
    busy: "Exporting",
    done: (count: number) => `${plural(count, "change is", "changes are")} in`,
    next: "They stay on this computer too.",
    stored: "Unsent work is kept on this computer, encrypted",
  },

  opening:
    "Opening your work. After an end that was not in order, Cairn first checks that nothing is damaged.",

  lock: {
    title: "Cairn is locked",
    name: (name: string) => `Signed in as ${name}`,
    why: {
      asked: "You locked it. Nothing is lost and nothing is sent while it is locked.",
      idle: "It locked itself after a while without use. Nothing is lost.",
      lease:
        "This computer has been without contact with the service for too long. Your work is kept. Unlock with a network to go on.",
    } as Record<string, string>,
    unlock: "Unlock",
    busy: "Unlocking",
    passphrase: "Recovery passphrase",
    usePassphrase: "Use the recovery passphrase",
    useKeyring: "Use this computer's keyring",
    missing: "Enter the recovery passphrase",
    signOut: "Sign out",
  },

  recovery: {
    title: "Your data is here, its key is not",
    lead: "Cairn keeps the key in this computer's keyring. Nothing has been deleted and no new database was made.",
    causes: {
      key_absent: "The keyring has no key for this profile.",
      key_locked: "The keyring is locked. Unlock it, then try again.",
      key_wrong: "The key in the keyring does not open this database.",
      key_hanging: "The keyring did not answer within 3 seconds.",
      key_backend_changed:
        "This computer now uses another keyring than the one that holds the key.",
    } as Record<string, string>,
    again: "Try again",
    passphrase: "Recovery passphrase",
    open: "Open with passphrase",
    noPassphrase:
      "No recovery passphrase was set, so only the keyring can open this database. Unlock or repair it, then try again.",
    missing: "Enter the recovery passphrase",
  },

  unusable: {
    title: "This database cannot be opened",
    kept: "Nothing has been changed or deleted.",
    again: "Try again",
  },

  passphrase: {
    title: "Set recovery passphrase",
    lead: "It opens your data when this computer's keyring cannot. At least 12 characters. Keep it somewhere other than this computer.",
    field: "Passphrase",
    repeat: "Repeat it",
    submit: "Set passphrase",
    tooShort: "Use at least 12 characters",
    different: "The two passphrases differ",
    done: "Recovery passphrase set",
  },

  signOut: {
    title: "Sign out with changes waiting?",
    lead: (count: number) =>
      `${plural(count, "change has", "changes have")} not left this computer yet. Sync first to be sure they arrive.`,
    first: "Sync first",
    anyway: "Sign out anyway",
  },

  today: {
    title: "Today",
    leftOff: (when: string) => `Where you left off ${when}`,
    urgent: "The most urgent of your tenants",
    front: (name: string, done: number, total: number) => `${name}: ${n(done)} of ${n(total)} done`,
    goLive: (when: string, distance: string) => `Go-live ${when}, ${distance}`,
    goLiveNone: "No go-live date yet",
    counts: (late: number, today: number) =>
      [late > 0 ? `${n(late)} late` : "", today > 0 ? `${n(today)} due today` : ""]
        .filter((part) => part !== "")
        .join(", "),
    nothingDue: "Nothing due",
    nothingDueNext: (tenant: string, day: string) => `Nothing due. Next: ${tenant}, ${day}`,
    upcoming: (tenant: string, day: string) => `Next: ${tenant}, ${day}`,
    allDone: "Nothing is open in your tenants.",
    next: "Next",
    nextNone: "Nothing can go on here now: what is open is blocked or waits to be verified",
    open: "Open",
    blocked: "Blocked",
    blockedItems: (count: number) => plural(count, "item", "items"),
    waitingOn: (who: string) => `waiting on ${who}`,
    owner: (who: string) => `Owner: ${who}`,
    dueToday: "Due today",
    due: (day: string) => `Due ${day}`,
    dueNext: "Late and due next",
    dueNone: (days: number) => `Nothing is due within ${plural(days, "day", "days")}`,
    blockedElsewhere: "Blocked elsewhere",
    blockedNone: "Nothing is blocked in your other tenants",
    waitingOnLine: (who: string) => `Waiting on ${who}`,
    decisions: "Needs your decision",
    decisionsLead: "On the Sync screen",
    conflict: (title: string | null, count: number) => {
      if (title === null) return `Two values in ${plural(count, "field", "fields")}`;
      return count > 1 ? `Two values: ${title} and ${n(count - 1)} more` : `Two values: ${title}`;
    },
    refused: (title: string | null) => `Refused: ${title ?? "a change"}`,
    connection: "When there is a connection",
    connectionLead: "These wait for a network and need nothing from you now",
    verify: (title: string) => `Verify: ${title}`,
    claimed: (when: string) => `Claimed ${when}`,
    send: (count: number) => `Send ${plural(count, "change", "changes")}`,
    sendLead: "They leave by themselves",
    someOf: (shown: number, total: number) =>
      shown < total ? `${n(shown)} of ${n(total)}` : n(total),
    more: (count: number) => `Show ${n(count)} more`,
    severity: (severity: string) => (severity === "P2" ? "" : severity),
  },

  history: {
    title: "History",
    inTenant: (name: string) => `History of ${name}`,
    count: (count: number) => plural(count, "change", "changes"),
    found: (count: number, day: string | null) =>
      `${plural(count, "change matches", "changes match")}${day === null ? "" : `, searched back to ${day}`}`,
    scope: "Show the history of",
    all: "All tenants",
    list: "Changes, newest first",
    filters: "Filter",
    text: "Search words",
    person: "Person",
    anyone: "Anyone",
    me: (name: string) => `${name} (you)`,
    kind: "Kind",
    anyKind: "Every kind",
    kinds: {
      status: "Status",
      field: "Owner, due, note, evidence",
      comment: "Comments",
      blocker: "Blockers",
      project: "Project and tenant",
      import: "Imports",
      other: "Everything else",
    } as Record<string, string>,
    from: "From",
    until: "To",
    anyDay: "Any day",
    item: (title: string) => `Item: ${title}`,
    itemAny: "Show every item",
    clear: "Clear filters",
    when: "When",
    who: "Who",
    what: "Change",
    tenant: "Tenant",
    state: "State",
    nobody: "Not for this reader",
    you: "You",
    to: "to",
    empty: "No changes yet",
    emptyLead: "What you and your team change shows here, with who, when and why.",
    noMatch: "No change matches",
    searching: "Searching",
    earlier:
      "Earlier changes are still being received; this history is complete once they are here.",
    selected: (count: number) => `${n(count)} selected`,
    revert: "Revert",
    revertOne: "Revert this change",
    revertMany: (count: number) => `Revert ${plural(count, "change", "changes")}`,
    revertFrom: "Revert from here on",
    revertFromLead: "This change and every newer one in the list",
    revertFromNone: "Nothing from here on can be reverted",
    unselect: "Clear selection",
    onlyItem: "Only this item",
    tooMany: (most: number) =>
      `At most ${n(most)} changes can be reverted at once. Narrow the list.`,
    /** `kind`: of the change, where it is known. */
    cannot: (code: string, kind?: string): string =>
      (
        ({
          import: "Imports are taken back under Migration",
          built_on: "Others have built on it. Edit the item instead",
          nothing_to_undo: "A change of this kind cannot be taken back",
          replaced_several: "It settled a conflict. Write the value you want instead",
          not_in_force: "It never took effect",
          not_allowed: "You may not write there",
          unknown_op: "It is not on this computer any more",
        }) as Record<string, string>
      )[code === "nothing_to_undo" && kind === "import" ? kind : code] ?? "",
    cannotLead: (why: string) => `Cannot be reverted. ${why}`,
    dialogTitle: (count: number) => `Revert ${plural(count, "change", "changes")}?`,
    dialogNone: "None of these changes can be reverted",
    dialogLead: (can: number, writes: number) =>
      `${plural(can, "change goes", "changes go")} back to what stood before, by ${plural(writes, "new change", "new changes")}. Nothing is erased, and this can be undone.`,
    dialogRefused: (count: number) =>
      count === 1 ? "1 stays as it is:" : `${n(count)} stay as they are:`,
    done: (count: number, refused: number) =>
      `${plural(count, "change", "changes")} reverted${refused > 0 ? `, ${n(refused)} stayed` : ""}`,
    restored: (count: number, stayed: number) =>
      `${plural(count, "change", "changes")} taken back${stayed > 0 ? `, ${n(stayed)} stayed` : ""}`,
    keys: { move: "move", select: "select", open: "open item", revert: "revert", find: "search" },
  },

  tenants: {
    title: "Tenants",
    summary: (tenants: number, blocked: number) =>
      `${plural(tenants, "tenant", "tenants")}, ${
        blocked === 0 ? "nothing blocked" : `${plural(blocked, "item", "items")} blocked`
      }`,
    name: "Tenant",
    progress: "Progress",
    done: (done: number, total: number) => `${n(done)} of ${n(total)} done`,
    blocked: (count: number) => `${n(count)} blocked`,
    playbook: "Roll-out",
    goLive: "Go-live",
    asOf: "As of",
    noProject: "No project yet",
    noPlaybook: "Choose a playbook",
    notHeard: "Not synced yet",
    decisions: (count: number) => (count === 1 ? "Two values" : `Two values in ${n(count)}`),
    queued: (count: number) => `${n(count)} queued`,
    filter: "Filter tenants",
    emptyTitle: "No tenants on this computer yet",
    empty: "Sync to receive your tenants.",
    emptyUnassigned: "None is assigned to you yet. Once one is, it arrives by itself.",
    emptyOffline: "They arrive at the next sync. There is no network now.",
    noMatch: "No tenant matches",
    clear: "Show all",
    list: "Tenants",
  },

  checklist: {
    title: (done: number, total: number) => `Checklist: ${n(done)} of ${n(total)} done`,
    titleEmpty: "Checklist",
    goLive: (when: string, distance: string) => `Go-live ${when}, ${distance}`,
    goLiveNone: "No go-live date yet",
    all: "All",
    open: "Open",
    blocked: "Blocked",
    verify: "Waiting to verify",
    mine: "Mine",
    show: "Show",
    filter: "Filter",
    filterLabel: "Filter items by words",
    item: "Item",
    status: "Status",
    owner: "Owner",
    due: "Due",
    changed: "Changed",
    phase: (done: number, total: number) => `${n(done)} of ${n(total)}`,
    notApplicable: (count: number) => `, ${n(count)} not applicable`,
    phaseDays: (days: number) => `Usually ${plural(days, "day", "days")}`,
    signOff: "Sign-off",
    phaseDone: (when: string) => `Complete since ${when}`,
    queued: "Queued",
    twoValues: "Two values",
    late: "late",
    waitingFor: (titles: string) => `Comes after ${titles}`,
    waitingOn: (who: string, age: string) => `Waiting on ${who}, ${age}.`,
    blockedFor: (age: string) => `Blocked for ${age}.`,
    by: (owner: string) => `Owner ${owner}.`,
    party: { us: "us", client: "client", vendor: "vendor" } as Record<string, string>,
    noOwner: "No owner",
    noDue: "No date",
    comments: (count: number) => plural(count, "comment", "comments"),
    gone: "No longer in the playbook",
    statusOf: (title: string, status: string) => `Status of ${title}: ${status}. Change`,
    alreadyDone: "Already complete. Press u to undo the last change",
    alreadyClaimed: "Already claimed. It is complete when the platform confirms it",
    readOnly: "You can read this checklist. Its items are written by others",
    nothingToUndo: "Nothing on this item can be undone now",
    builtOn: "Others have built on this change, so it cannot be undone. Edit the item instead.",
    grid: "Checklist items",
    trail: (phase: string, done: number, total: number) => `${phase} ${n(done)} of ${n(total)}`,
    none: "No item matches",
    noneBlocked: "Nothing is blocked",
    noneOpen: "Everything is done",
    noneVerify: "Nothing waits to be verified",
    noneMine: "Nothing here is yours",
    showAll: "Show all items",
    chooseTitle: "Choose a playbook",
    chooseLead: (name: string) => `${name} has no project yet. A playbook brings its checklist.`,
    chooseNone: (name: string) =>
      `${name} has no project yet. Someone who writes this tenant starts it.`,
    choosePlaybook: "Playbook",
    chooseMode: "Mode",
    chooseGoLive: "Go-live date, if it is known",
    chooseItems: (count: number) => plural(count, "item", "items"),
    start: "Start project",
    missingTenantTitle: "This tenant is not on this computer",
    missingTenant: "It may have been assigned to someone else.",
    toTenants: "Open Tenants",
    keys: {
      move: "move",
      open: "open",
      done: "mark done",
      block: "block",
      comment: "comment",
      undo: "undo",
    },
  },

  many: {
    select: "Select",
    selected: (count: number) => `${plural(count, "item", "items")} selected`,
    group: "Change the selected items",
    status: "Status",
    owner: "Owner",
    due: "Due date",
    clear: "Clear selection",
    setDue: "Set due date",
    noDue: "No due date",
    missingDue: "Enter a date",
    left: (count: number) =>
      count === 1
        ? "1 item stays as it was and is still selected"
        : `${n(count)} items stay as they were and are still selected`,
    leftConflicts: (count: number) =>
      count === 1 ? "1 conflict stays" : `${n(count)} conflicts stay`,
    more: (titles: string, count: number) => `${titles} and ${n(count)} more`,
  },

  start: {
    span: (min: number, max: number) =>
      min === max ? plural(min, "day", "days") : `${n(min)} to ${plural(max, "day", "days")}`,
    modes: (count: number) => plural(count, "mode", "modes"),
    fromFile: "From a file",
    fromFileLead: "A playbook of your own, as a TOML file on this computer.",
    goLiveHint: "Dates of items count from it. It can be set and moved later.",
  },

  playbookFile: {
    field: "Playbook file",
    hint: "It is checked on this computer before anything starts.",
    missing: "Choose a playbook file that can be used",
    bad: (name: string) => `${name} cannot be used. Put it right, then choose it again.`,
    fault: (line: number, column: number, message: string) =>
      `Line ${n(line)}, column ${n(column)}: ${message}`,
    more: (more: number, shown: number) =>
      `${plural(more, "more fault", "more faults")} after the first ${n(shown)}.`,
    tooLarge: "The file is too large to be a playbook",
    notText: "The file is not text in UTF-8",
    title: (title: string, version: number) => `${title}, version ${n(version)}`,
    contains: (facts: {
      nested: number;
      targets: number;
      steps: number;
      banners: number;
      sign_offs: number;
    }) => {
      const said = [
        facts.nested > 0 && `${n(facts.nested)} nested`,
        facts.targets > 0 && `${n(facts.targets)} with a number to reach`,
        facts.steps > 0 && plural(facts.steps, "setup step", "setup steps"),
        facts.banners > 0 && plural(facts.banners, "notice", "notices"),
        facts.sign_offs > 0 && plural(facts.sign_offs, "sign-off", "sign-offs"),
      ];
      return said.filter(Boolean).join(" · ");
    },
  },

  openedPlaybook: {
    tenant: "Tenant to start it in",
    nowhere:
      "Every tenant on this computer has a project already, so there is none to start it in.",
    bad: "Put the file right, then open it again.",
    go: "Continue",
  },

  upgrade: {
    version: (version: number) => `version ${n(version)}`,
    open: "Upgrade the playbook",
    openNewer: (version: number) => `See what version ${n(version)} changes`,
    title: (playbook: string) => `Upgrade: ${playbook}`,
    versions: (from: number, to: number) =>
      `From version ${n(from)} to version ${n(to)}. Nothing changes before you upgrade.`,
    backwards: "This is an older version.",
    nothing: "No item and no step differs.",
    newest: (version: number) =>
      `The project follows version ${n(version)}, the one that comes with Cairn. Choose a file to move to another.`,
    same: (version: number) => `This is the very file the project follows, version ${n(version)}.`,
    none: (failure: { code: string; message: string }) =>
      failure.code === "unknown_playbook"
        ? "This playbook does not come with Cairn. Choose the file of its next version."
        : failure.message,
    added: (count: number) => `Added: ${n(count)}`,
    removed: (count: number) => `Removed: ${n(count)}`,
    changed: (count: number) => `Changed: ${n(count)}`,
    step: "Setup",
    field: (field: string): string =>
      (
        ({
          title: "Title",
          phase: "Phase",
          parent: "Part of",
          owner_role: "Owner",
          how_to: "How to",
          due: "Due",
          depends_on: "Comes after",
          evidence: "Evidence wanted",
          target: "Target",
          check: "Confirmed by",
          priority: "Priority",
          complexity: "Points",
          repeat: "Comes again",
          sign_off: "Sign-off",
          needs: "Needs",
        }) as Record<string, string>
      )[field] ?? field,
    becomes: "becomes",
    nothingThere: "nothing",
    holds: (what: string, stays: boolean) =>
      stays
        ? `Holds: ${what}. It stays, marked No longer in the playbook`
        : `Holds: ${what}. It goes with what it holds`,
    keep: (count: number) =>
      count === 1
        ? "Keep the removed item that holds work"
        : `Keep the ${n(count)} removed items that hold work`,
    keepOn: (count: number) =>
      `${count === 1 ? "It stays" : "They stay"} in the checklist, marked No longer in the playbook.`,
    keepOff:
      "What you see goes with them. History keeps it, and Undo brings it back. What others wrote meanwhile stays.",
    modeGone: (mode: string) =>
      `The new version has no mode "${mode}". Only items that belong to every mode will show until another mode is chosen.`,
    file: "From a file",
    fileHint: "The file of another version of this playbook.",
    submit: (version: number) => `Upgrade to version ${n(version)}`,
  },

  item: {
    panel: "Item",
    close: "Close item",
    status: "Status",
    reason: "Reason",
    owner: "Owner",
    due: "Due",
    note: "Note",
    noteNone: "Add a note",
    howTo: "How to",
    /** A reference such as `guide:school-district#connect-rostering`. */
    guide: (reference: string) => {
      const found = /^guide:([^#]+)(?:#(.+))?$/.exec(reference);
      if (!found) return reference;
      const words = [found[1], found[2]].filter(Boolean).map((part) => part?.replaceAll("-", " "));
      return `Guide: ${words.join(", ")}`;
    },
    evidence: "Evidence wanted",
    targetTitle: "Target",
    target: (target: {
      bound: string;
      value: number;
      unit: string;
      within_hours: number | null;
    }) => {
      const bound = target.bound === "at_most" ? "At most" : "At least";
      const within =
        target.within_hours === null
          ? ""
          : ` within ${plural(target.within_hours, "hour", "hours")}`;
      return `${bound} ${n(target.value)} ${target.unit}${within}`;
    },
    signOff: "Sign-off",
    signOffLead: "Complete it once it is signed; name and date are the evidence.",
    parts: "Parts done",
    priority: "Priority",
    priorities: {
      critical: "Critical",
      high: "High",
      medium: "Medium",
      low: "Low",
    } as Record<string, string>,
    points: (points: number) => plural(points, "point", "points"),
    repeat: "Comes again",
    repeats: (often: string, round: number | null) => {
      const words: Record<string, string> = {
        daily: "Every day",
        weekly: "Every week",
        monthly: "Every month",
      };
      const said = words[often] ?? often;
      return round === null ? said : `${said}, this is number ${n(round)}`;
    },
    check: "Confirmed by",
    checkLead: "You claim it, the platform confirms it.",
    after: "Comes after",
    afterOpen: "not complete yet",
    changed: (who: string, when: string) => `Changed by ${who}, ${when}`,
    blockedSince: (when: string) => `since ${when}`,
    severity: "Severity",
    blockedFor: "Blocked for",
    waitingOn: "Waiting on",
    conflict: "Two values stand against each other here.",
    decide: "Decide",
    comments: "Comments",
    noComments: "No comments yet",
    comment: "Comment",
    commentSubmit: "Add comment",
    /** After one was added: there is no Undo. */
    commentStays: "Comments cannot be undone; add another to correct it.",
    visibility: "Who can read it",
    team: "Team only",
    client: "Client too",
    missingComment: "Write a comment first",
    history: "History",
    noHistory: "No changes yet",
    undo: "Undo",
    undoLabel: (summary: string) => `Undo: ${summary}`,
    outcome: {
      pending: "Queued",
      accepted: "",
      refused: "Refused",
      held: "Held",
      discarded: "Discarded",
      duplicate: "Sent twice, counted once",
    } as Record<string, string>,
    ownerFind: "Find a person or role",
    ownerNone: "No owner",
    ownerNoMatch: "Nobody matches",
    role: "Role",
    saveNote: "Save note",
    acting: (who: string) => `for ${who}`,
  },

  reason: {
    blockedTitle: (title: string) => `Block “${title}”`,
    blockedMany: (count: number) => `Block ${plural(count, "item", "items")}`,
    naTitle: (title: string) => `Not applicable: ${title}`,
    naMany: (count: number) => `Not applicable: ${plural(count, "item", "items")}`,
    blockedLead: "Say what it waits for and on whom. The client can read this.",
    naLead: "Say why it does not apply. The client can read this.",
    field: "Reason",
    blockedSubmit: (count: number) => (count === 1 ? "Block item" : `Block ${n(count)} items`),
    naSubmit: "Set not applicable",
    missingBlocked: (count: number) =>
      `Enter a reason for blocking ${count === 1 ? "this item" : "these items"}`,
    missingNa: (count: number) =>
      `Enter a reason why ${count === 1 ? "it does" : "they do"} not apply`,
  },

  sync: {
    title: "Sync",
    summary: (decisions: number, waiting: number, refused: number, held: number) => {
      const said: string[] = [];
      if (decisions > 0)
        said.push(`${n(decisions)} ${decisions === 1 ? "needs" : "need"} your decision`);
      if (refused > 0) said.push(`${n(refused)} refused`);
      if (held > 0) said.push(`${n(held)} held`);
      if (waiting > 0) said.push(`${n(waiting)} ${waiting === 1 ? "waits" : "wait"} to be sent`);
      return said.length === 0 ? "Everything synced" : said.join(", ");
    },
    now: "Sync now",
    busy: "Syncing",
    emptyTitle: "Everything synced",
    empty: (when: string) => `Last synced ${when}. Nothing waits for a network or for you.`,
    emptyNever: "Nothing waits for a network or for you.",
    conflicts: "Decisions",
    conflictTitle: (title: string, field: string) => `${title}: ${field}`,
    field: (field: string): string =>
      (
        ({
          status: "status",
          owner: "owner",
          note: "note",
          due: "due date",
          evidence: "evidence",
          go_live: "go-live date",
          mode: "rollout mode",
        }) as Record<string, string>
      )[field] ?? field,
    meanwhile: (tenant: string, value: string, cautious: boolean) =>
      `${tenant}. Until you decide, everyone sees ${value}${
        cautious ? ", the more cautious value" : ""
      }. Every value stays in History`,
    another: "Write another value",
    before: "Before",
    beforeNone: "nothing",
    beforeBy: (who: string | null, when: string | null) => [who, when].filter(Boolean).join(", "),
    you: "You",
    mineHint: "your value",
    loses: "Keeping this loses",
    losesNothing: "Nothing else",
    keepMine: "Keep mine",
    keep: (name: string) => `Keep ${name}'s`,
    refusedTitle: "Refused",
    refused: "Refused:",
    refusedLead: "The service did not take these. They stay here until you decide",
    written: (when: string) => `Written ${when}`,
    settleMine: "Keep all mine",
    settleTheirs: "Take all theirs",
    settleScope: "Conflicts of",
    settleAll: (count: number) => `All tenants (${n(count)})`,
    settleOne: (tenant: string, count: number) => `${tenant} (${n(count)})`,
    settleTitle: (mine: boolean, count: number) =>
      mine
        ? `Keep yours in ${plural(count, "conflict", "conflicts")}?`
        : `Take theirs in ${plural(count, "conflict", "conflicts")}?`,
    settleLead:
      "This cannot be undone. Every value stays in History, and any of them can be written again.",
    settleLoses: "This loses",
    settleLeft: (count: number, mine: boolean) =>
      `${plural(count, "more conflict", "more conflicts")} ${count === 1 ? "stays" : "stay"} for you to decide: ${mine ? "none of the values there is yours, or several are" : "others gave several values there"}.`,
    settleHistory: "The other value stays in History",
    edit: "Edit",
    editTitle: "Edit the refused change",
    editComment: "Comment",
    editSubmit: "Save and send",
    openItem: "Open item",
    notEditable: "A change of this kind cannot be edited.",
    retry: "Try again",
    discard: "Discard",
    discarded: "Change discarded",
    heldTitle: "Held",
    heldLead: "Written by someone who may no longer write there. Adopt or discard it.",
    heldLeadOwn:
      "You may no longer write there. A manager adopts or discards these as they are, so they cannot be edited.",
    adopt: "Adopt",
    heldDiscard: "Discard",
    decided: (how: string) =>
      how === "adopted" ? "Adopted, waits to be sent" : "Discarded, waits to be sent",
    heldDiscarded: "Held change discarded",
    waitingTitle: "Waiting to be sent",
    waitingLead: "They leave by themselves, oldest first",
    waitingOffline: "Waiting for a network",
    colWritten: "Written",
    colTenant: "Tenant",
    colChange: "Change",
    colState: "State",
    state: {
      pending: "Waiting",
      receipted: "Sent, coming back",
      quarantined: "Refused",
      held: "Held",
    } as Record<string, string>,
    undo: "Undo",
    undoLabel: (summary: string) => `Undo: ${summary}`,
    log: "Last attempts",
    logNone: "No attempt yet",
    done: (pushed: number, pulled: number) =>
      pushed === 0 && pulled === 0
        ? "Synced. Nothing was new"
        : `Synced: ${n(pushed)} sent, ${n(pulled)} received`,
    confirmDiscard: "Discard this change?",
    confirmDiscardLead:
      "It has not been taken by the service and is removed from this computer. This cannot be undone.",
    confirmDiscardHeld:
      "It will never take effect. History keeps who wrote it and who discarded it. This cannot be undone.",
    keepChange: "Keep it",
  },

  updates: {
    title: "Updates",
    notPackaged:
      "This copy was not installed from a package, so it does not update itself. Whoever put it here updates it.",
    noReleaseKey:
      "This package was built without its makers' key, so it does not update itself. Install a newer package by hand.",
    current: "This is the newest version",
    none: "The service offers no updates",
    unknown: "Not looked for since the start",
    checked: (when: string) => `Last looked for ${when}; once a day by itself`,
    check: "Look for updates",
    checking: "Looking",
    offered: (version: string) => `Cairn ${version} is available`,
    signed: (day: string, size: string) => `Signed ${day}, ${size}`,
    install: "Download and install",
    again: "Try again",
    asks: "The system asks for an administrator's password. Your work stays where it is.",
    fetching: (version: string) => `Downloading Cairn ${version}`,
    progress: (done: string, size: string) => `${done} of ${size}`,
    installing: (version: string) =>
      `The system installs Cairn ${version}. You can go on working; it may ask for a password.`,
    installed: (version: string) => `Cairn ${version} is installed and runs after the next start`,
    restart: "Restart now",
    waits: "Update",
  },
  settings: {
    title: "Settings",
    hint: "Theme, lock, backups, computers",
    answer: (lockSeconds: number, backup: string | null | undefined) => {
      const after =
        lockSeconds % 60 === 0
          ? plural(lockSeconds / 60, "minute", "minutes")
          : plural(lockSeconds, "second", "seconds");
      const locks = `This computer locks after ${after} without use`;
      if (backup === undefined) return `${locks}.`;
      return backup === null
        ? `${locks} and has no backup yet.`
        : `${locks}. Its last backup was made ${backup}.`;
    },
    setAside: (file: string) =>
      `The settings of this computer could not be read, so the defaults hold. The file was moved to ${file}`,
    theme: "Theme",
    themes: { system: "Follow the system", light: "Light", dark: "Dark" },
    notifications: "Notifications",
    zoom: "Zoom",
    percent: (percent: number) => `${n(percent)} %`,
    keepRunning:
      "Keep running in the tray when the window is closed, so that notifications still come",
    notify: "Show desktop notifications",
    quietNone: "No quiet hours are set",
    quietIs: (from: string, to: string) => `No notifications from ${from} to ${to}`,
    quietFrom: "Quiet from",
    quietTo: "to",
    quietSave: "Set quiet hours",
    quietStop: "Switch off",
    quietSaved: (from: string, to: string) => `Quiet hours set: ${from} to ${to}`,
    quietOff: "Quiet hours switched off",
    lock: "Lock",
    lockAfter: "Lock when unused for",
    lockHint: "Locking closes the database. 15 minutes is the longest allowed.",
    lockFixed: (seconds: number) =>
      `Cairn was started to lock after ${plural(seconds, "second", "seconds")}. That holds until it is closed.`,
    passphraseSet: "A recovery passphrase is set",
    passphraseNone: "No recovery passphrase is set",
    passphraseChange: "Change recovery passphrase",
    data: "Data",
    copyPath: "Copy path",
    database: "Database",
    tenants: (count: number) => plural(count, "tenant", "tenants"),
    webData: "Web view",
    computers: "Your computers",
    lease: (until: string) => `Without a network you can work here until ${until}`,
    colComputer: "Computer",
    colSince: "Enrolled",
    colState: "State",
    thisComputer: "This computer",
    sinceUnknown: "Not received yet",
    active: "Enrolled",
    contact: (when: string) => `Last contact ${when}`,
    retired: (when: string | null) => (when ? `Retired ${when}` : "Retired"),
    whoRetires:
      "Is one of them lost? Only whoever runs the service can retire it. Ask them, and change your password.",
    about: "About",
    protocol: "Protocol",
    schema: "Database schema",
    engine: "Database engine",
    webView: "Web view",
    system: "System",
    unknown: "not known",
    copyDiagnostics: "Copy for a report",
    diagnostics: (about: About) =>
      [
        `Cairn ${about.version}`,
        `protocol ${about.protocol}`,
        `schema ${about.schema}`,
        `SQLite ${about.sqlite}`,
        `SQLCipher ${about.sqlcipher}`,
        `web view ${about.web_view ?? "not known"}`,
        about.system,
      ].join("; "),
    licences:
      "Cairn is under the Apache License 2.0. It contains SQLite (public domain), SQLCipher (BSD), Public Sans (OFL) and Lucide (ISC).",
  },

  backup: {
    title: "Backups",
    lead: "A backup is one file, encrypted as the database is. It holds your work and the tenants on this computer, not the settings.",
    noPassphrase:
      "No recovery passphrase is set: a backup made now can only be opened on this computer.",
    folder: "Folder for backups",
    useFolder: "Use this folder",
    usualFolder: "Use the usual folder",
    now: "Back up now",
    busy: "Backing up",
    done: (name: string) => `Backed up to ${name}`,
    none: "There is no backup in this folder yet",
    restore: "Restore",
    restoreLabel: (when: string) => `Restore the backup of ${when}`,
    state: {
      here: "Opens on this computer",
      passphrase: "Opens with its recovery passphrase",
      elsewhere: "Made under another key, without a passphrase",
      incomplete: "Not whole: cut off or changed",
      newer: "Made by a newer version of Cairn",
      unreadable: "Not a backup of Cairn",
    } satisfies Record<BackupState, string>,
    opens: (state: BackupState) => state === "here" || state === "passphrase",
  },

  restore: {
    title: "Restore a backup",
    lead: "The database on this computer is moved aside, not deleted, and the backup takes its place. You then sign in again with a network, and what was waiting in the backup is sent.",
    which: "Which backup",
    from: (when: string) => `The backup of ${when}`,
    none: (folder: string) => `There is no backup in ${folder} that can be opened here.`,
    passphrase: "Recovery passphrase of the backup",
    confirm: "Type “restore” to continue",
    submit: "Restore",
    busy: "Restoring",
    left: (count: number) =>
      `${plural(count, "change", "changes")} made after this backup ${count === 1 ? "has" : "have"} not left this computer`,
    leftLead:
      "The backup does not have them. Close this and sync first, or export them for your manager, or leave them where they are.",
    leave: "Leave them in the database that is moved aside",
    exported: (file: string) => `Exported to ${file}`,
  },

  restored: {
    done: (when: string) =>
      `The backup of ${when} is restored. Sign in to go on: this computer enrols anew and sends what was waiting.`,
    aside: "The database from before was moved to",
    left: (count: number) =>
      `${plural(count, "change that was", "changes that were")} not sent ${count === 1 ? "is" : "are"} only in that one.`,
    leftUnknown: "It could not be read. What it held and had not sent is only in there.",
  },

  migration: {
    title: "Migration",
    hint: "Check and import a roster's files",
    steps: {
      files: "Files",
      detect: "Detect",
      map: "Map",
      validate: "Validate",
      preview: "Preview",
      import: "Import",
      verify: "Verify",
      rollback: "Roll back",
    },
    stepsLabel: "Steps of the migration",
    stepDone: "done",
    stepOf: (step: number, all: number) => `${n(step)}/${n(all)}`,
    next: {
      files: "",
      detect: "Detect the format",
      map: "Map the columns",
      validate: "Validate every row",
      preview: "Preview the import",
      import: "Go on to the import",
      verify: "Verify the import",
      rollback: "Go on to roll back",
    },
    back: "Back",
    other: "Choose other files",
    again: "Try again",
    closed: {
      busy: (what: string) =>
        what === "verify"
          ? "The roster is being read"
          : what === "import"
            ? "The file is being made"
            : "The files are being read",
      files: "Choose the files first",
      format: "Choose the format first",
      validate: "Validate the files first",
      after: (step: string) => `Comes after ${step}`,
      rejected: "Tick that rejected rows are left out, or have them corrected",
      hold: "Type the tenant's name to confirm",
      noImport: "Comes after an import",
      filesDone: "This import has its files. Choose files for another one",
      notImported: "Comes once the service has imported it",
      notYetBack: "It is not imported yet: cancel it at Import",
      nothing: "Nothing was imported",
      notHere: "The roster on this computer does not have this import yet. Sync first",
      underway: "Comes once its rows are in the roster on this computer",
    },
    cancelled: (what: string) =>
      what === "import"
        ? "You cancelled this. Nothing was asked for."
        : "You cancelled this. Nothing was written.",
    nothingWritten: "Nothing is written yet",
    remembered: (day: string) =>
      `Read as ${day}: you mapped files with these names and columns then.`,
    startOver: "Start over",

    files: {
      lead: "Files from the school, read where they are; nothing is changed",
      drop: "Drop a file or folder here",
      dropNow: "Let go to read it",
      kinds: "A zip, a folder, an Excel workbook (XLSX), CSV or TSV",
      file: "Choose a file",
      folder: "Choose a folder",
      path: "Or type its path",
      pathUse: "Read",
      pathMissing: "Enter the path of a file or folder",
      onlyOne: "Drop one file or one folder. Put several files into one folder or zip first.",
      found: (name: string, tables: number) => `${plural(tables, "table", "tables")} in ${name}`,
      list: "Tables that will be read",
      left: "Left alone",
      colFile: "File",
      colHolds: "Holds",
      colColumns: "Columns",
      colSize: "Size",
      holds: (kind: string | null, known: boolean): string => {
        if (kind !== null) return texts.migration.kind(kind);
        return known ? "Not part of the format" : "Not known yet";
      },
    },

    detect: {
      lead: "How the files are read. Change it here where Cairn took them for something else.",
      format: "Format",
      detected: (title: string, sure: number) => `${title}, ${n(Math.round(sure * 100))} % sure`,
      named: (title: string) => `${title}, chosen by hand`,
      reason: "Why",
      others: (list: string) => `It could also be ${list}`,
      unknown: "The format is not known",
      unknownLead:
        "These files are like none of the rosters that Cairn knows. Choose the format by hand if you know it, or choose other files.",
      choose: "Format of these files",
      auto: (title: string | null) => (title === null ? "Let Cairn find it" : `As found: ${title}`),
      how: "Rules",
      tolerant: "Tolerant",
      tolerantLead:
        "What vendors really send. Harmless faults are warnings; what can be corrected beyond doubt is corrected, and each fix is listed.",
      strict: "Strict",
      strictLead: "The specification to the letter. Nothing is corrected.",
      text: "How each file is written",
      colEncoding: "Encoding",
      colBetween: "Between fields",
      colAbove: "Lines above",
      colLines: "Line ends",
      found: (what: string) => `${what}, as found`,
      asFound: "As found",
      leftOut: "Left out",
      leaveOut: "Leave this file out",
      kindOf: (file: string) => `What ${file} holds`,
      encodingOf: (file: string) => `Encoding of ${file}`,
      betweenOf: (file: string) => `Between fields of ${file}`,
      aboveOf: (file: string) => `Lines above the labels of ${file}`,
      between: (sign: string | null): string =>
        sign === null
          ? "Workbook"
          : ((
              { ",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar" } as Record<string, string>
            )[sign] ?? sign),
      encoding: (name: string) => name.toUpperCase(),
    },

    map: {
      answer: (missing: number, open: number) => {
        if (missing > 0)
          return `${plural(missing, "required column is", "required columns are")} missing`;
        if (open > 0) return `${plural(open, "column waits", "columns wait")} for a word from you`;
        return "Every column is mapped";
      },
      lead: (name: string, format: string) => `${name}, ${format}`,
      goOn: "You can go on all the same: Validate says what it costs.",
      waiting: (open: number) =>
        `${plural(open, "column waits", "columns wait")} for a word from you.`,
      use: "Use a mapping file…",
      save: "Save as a mapping file…",
      cleared: "What was said about these files is taken back",
      back: "The files are read as before",
      used: "The files are read as the mapping file says",
      saved: (path: string) => `Mapping written to ${path}`,
      tables: "Tables",
      noTables: "None of these tables has columns to map",
      noTablesLead: "Say at Detect what a table holds, or choose the format by hand.",
      toDetect: "Back to Detect",
      table: (kind: string, columns: number, read: number) =>
        `${kind}, ${plural(columns, "column", "columns")}, ${n(read)} read`,
      open: (open: number) => `${n(open)} open`,
      openAll: (open: number) => plural(open, "open point", "open points"),
      nextOpen: "Next open point",
      missing: (field: string) =>
        `No column is read as ${field}: no row can be imported without it.`,
      colLabel: "In the file",
      colValues: "First values",
      colAs: "Read as",
      colHow: "Why",
      blank: (place: number) => `Column ${n(place)}, without a label`,
      noValues: "no values",
      as: (label: string) => `Read ${label} as`,
      notRead: "Not read",
      asFound: "As found",
      leaveOut: "Leave out",
      required: "Required",
      optional: "Optional",
      taken: (field: string, label: string) => `${field} (now: ${label})`,
      how: {
        exact: "The same name",
        alias: "A known other name",
        told: "You said so",
        leftOut: "You left it out",
        none: "Nothing is like it",
        blank: "A column needs a label to be read",
        twice: "The label stands before: only the first is read",
      },
      alike: (field: string, sure: number) =>
        `Looks like ${field}, ${n(Math.round(sure * 100))} % alike`,
      useField: (field: string) => `Use ${field}`,
      word: (word: string) => `“${word}”`,
      times: (count: number) => `${plural(count, "time", "times")} in the first rows`,
      means: (word: string, label: string) => `“${word}” in ${label} means`,
      meansNothing: "Say what it means",
      unknownWord: (field: string) => `${field} knows no such word`,
      dates: "Dates",
      datesOf: (label: string) => `How the dates of ${label} are written`,
      datesUnclear: "Say how they are written",
      unclear: "Nothing proves which comes first, day or month",
      proven: "Its values prove it",
      noDates: "These are like no dates",
      order: (order: string): string =>
        (
          ({
            "dd.MM.yyyy": "day.month.year",
            "MM/dd/yyyy": "month/day/year",
            "yyyy-MM-dd": "year-month-day",
          }) as Record<string, string>
        )[order] ?? order,
    },

    job: {
      title: {
        look: "Looking at the files",
        check: "Validating every row",
        plan: "Comparing with the roster",
        export: "Writing the rejected rows",
        import: "Making the file to import",
        verify: "Reading the roster",
        report: "Writing the report",
      },
      rows: (rows: number) => (rows === 1 ? "row read" : "rows read"),
      rate: (rate: number) => `${n(rate)} rows/s`,
      left: (seconds: number) => {
        if (seconds < 1) return "less than a second left";
        if (seconds < 90) return `about ${plural(Math.round(seconds), "second", "seconds")} left`;
        return `about ${plural(Math.round(seconds / 60), "minute", "minutes")} left`;
      },
      leftUnknown: "The time left is not known for these files",
      lead: (what: string) => {
        if (what === "import")
          return "Nothing is asked for until the file is made. You can go on working elsewhere.";
        const isWritten = what === "export" || what === "report";
        return isWritten
          ? "You can go on working elsewhere."
          : "Nothing is written while this runs, and you can go on working elsewhere.";
      },
    },

    underway: {
      title: (doing: "send" | "stage" | "fetch" | "apply") =>
        ({
          send: "The rows are sent",
          stage: "The service imports the rows",
          fetch: "The rows are fetched",
          apply: "The rows are written to the roster",
        })[doing],
      far: (doing: "send" | "stage" | "fetch" | "apply", done: number, all: number) =>
        `${{ send: "Sent", stage: "Read by the service:", fetch: "Fetched", apply: "Written" }[doing]} ${n(done)} of ${plural(all, "row", "rows")}`,
      file: (done: string, all: string) => `${done} of a file of ${all}.`,
      lead: (doing: "send" | "stage" | "fetch" | "apply") =>
        doing === "apply" || doing === "stage"
          ? "The roster shows them all at once, when the last one is written."
          : "What has arrived stays: after a break it goes on from there.",
    },

    validate: {
      good: (format: string, rows: number) =>
        `All ${plural(rows, "row", "rows")} can be imported as ${format}`,
      bad: (causes: number, rows: number) =>
        rows === 0
          ? `${plural(causes, "problem", "problems")} to settle before the import`
          : `${plural(rows, "row is", "rows are")} rejected, for ${plural(causes, "cause", "causes")}`,
      lead: (name: string, format: string, rules: string) => `${name}, ${format}, ${rules} rules`,
      accepted: "accepted",
      fixed: "fixed",
      rejected: "rejected",
      skipped: "skipped",
      rows: "rows in the files",
      heads: {
        accepted: "Accepted",
        fixed: "Fixed",
        rejected: "Rejected",
        skipped: "Skipped",
        rows: "Rows",
      },
      sum: "Rows by what became of them",
      sums: (accepted: number, fixed: number, rejected: number, skipped: number, rows: number) =>
        `${n(accepted)} accepted, ${n(fixed)} fixed, ${n(rejected)} rejected and ${n(skipped)} skipped make ${n(rows)} rows`,
      byFile: "Rows by file",
      colFile: "File",
      total: "All files",
      problems: "Problems by cause",
      causes: (count: number) => plural(count, "cause", "causes"),
      severity: "Show",
      all: "All",
      errors: "Errors",
      warnings: "Warnings",
      fixes: "Fixes",
      file: "File",
      anyFile: "Every file",
      none: "Nothing was found in these files",
      noneShown: "Nothing of this kind",
      groups: { error: "Errors: to settle first", warning: "Warnings", fix: "Fixed" },
      place: (file: string, column: string | null) =>
        column === null ? file : `${file}, column ${column}`,
      alsoIn: (places: number) => `and ${plural(places, "more place", "more places")}`,
      detail: "About this cause",
      what: "What to do",
      where: "Where",
      first: (shown: number, count: number) =>
        shown < count ? `First ${n(shown)} of ${n(count)}` : plural(count, "place", "places"),
      colRow: "Row",
      colValue: "Value",
      colBefore: "In the file",
      colAfter: "Imported as",
      noValue: "no value",
      outline: "Values about people show in outline: letters as x, digits as 9.",
      rowOne: "Rows count as in a spreadsheet: the labels are row 1.",
      move: "move",
      fixNote: "The file itself stays as it is.",
      undoFix: "Undo this fix for this column",
      undone: (column: string) => `${column} is read as it stands in the file`,
      redone: "The fix is made again",
      fix: (fix: string): string =>
        (
          ({
            trim: "Spaces around a value removed",
            invisible: "Invisible characters removed",
            nul: "Empty bytes removed",
            case: "Capitals made right",
            word: "Another spelling read as the word meant",
            mapped: "Replaced as the mapping says",
            "date-order": "Dates rewritten as year, month, day",
            "leading-zeros": "Leading zeros given back",
            "empty-entry": "Empty entries of a list removed",
          }) as Record<string, string>
        )[fix] ?? fix,
      reject: "Rejected rows, for the school to correct",
      rejectLead:
        "Each with its reasons, safe to open in a spreadsheet. The file holds data about people.",
      export: (rows: number, file: string) => `Export ${plural(rows, "row", "rows")} of ${file}`,
    },
    exported: (rows: number, file: string) =>
      `${plural(rows, "rejected row", "rejected rows")} written to ${file}`,

    preview: {
      would: (create: number, update: number, remove: number, absent: number) => {
        const parts = [
          create > 0 ? `add ${n(create)}` : "",
          update > 0 ? `change ${n(update)}` : "",
          remove > 0 ? `remove ${n(remove)}` : "",
        ].filter((part) => part !== "");
        const list = [parts.slice(0, -1).join(", "), ...parts.slice(-1)]
          .filter((part) => part !== "")
          .join(" and ");
        const last = remove || update || create;
        const would =
          list === ""
            ? "The import would change nothing"
            : `The import would ${list} ${last === 1 ? "record" : "records"}`;
        // They go only where somebody asks for it.
        return absent > 0
          ? `${would}; ${n(absent)} ${absent === 1 ? "is" : "are"} no longer in the files`
          : would;
      },
      types: "What the import would do",
      colType: "Type",
      create: "New",
      update: "Changed",
      unchanged: "Unchanged",
      remove: "Removed",
      kept: "Kept as is",
      total: "All types",
      keptLead: "Kept as is: records of the roster whose rows are rejected. They stay as they are.",
      absentLead: (records: number) =>
        `Removed: of these, ${plural(records, "record is", "records are")} no longer in the files, and ${records === 1 ? "goes" : "go"} only if you ask for it at Import.`,
      noRoster: "This tenant has no roster on this computer yet",
      noRosterLead:
        "There is nothing to compare with, so every record counts as new and none as changed or removed.",
      against: (revision: number) =>
        `Compared with revision ${n(revision)} of the roster on this computer`,
      holds: "Somebody has to confirm this import",
      hold: (
        kind: string,
        hold: { kind: string; share: number; limit: number; column?: string | null },
      ) =>
        hold.kind === "references"
          ? `${kind}: ${plural(hold.share, `value of ${hold.column} would name a record that is`, `values of ${hold.column} would name records that are`)} not there.`
          : `${kind}: ${n(Math.round(hold.share * 100))} % of the records there would be ${hold.kind === "remove" ? "removed" : "changed"}. Above ${n(Math.round(hold.limit * 100))} % somebody has to say that this is meant.`,
      pilotTitle: "This import is too large for a pilot",
      pilot: (most: number, rows: number) =>
        `This tenant is in pilot mode: an import may have at most ${plural(most, "row", "rows")}, this one has ${n(rows)}. Import fewer sites, or ask for phased mode.`,
      doubles: "Some may be there already, under another id",
      double: (kind: string, column: string, count: number) =>
        `${kind}: ${plural(count, "row has", "rows have")} the ${column} of another record.`,
      pair: (row: number, id: string) => `row ${n(row)} and ${id}`,
      doublesLead:
        "Imported as they are, they are two. Where they are one, have the id corrected in the files.",
      filesBad: "The files hold errors",
      filesBadLead:
        "Rejected rows would not be imported. Settle the errors, or have the school correct the rows, and choose the files again.",
      toCheck: "Show the problems",
      ready: "Nothing stands in the way",
      readyLead: "No row is rejected and no limit is passed.",
      show: (count: string, what: string, kind: string) =>
        `${count} ${what}, ${kind}: show the rows`,
    },

    rows: {
      title: "Rows",
      find: "Find in rows",
      type: "Type",
      allTypes: "All types",
      typeOf: (kind: string, rows: number) => `${kind} (${n(rows)})`,
      show: "Show",
      all: "All",
      changes: {
        create: "New",
        update: "Changed",
        remove: "Removed",
        absent: "No longer in the files",
      },
      /** The same where there is little room. */
      marks: { create: "New", update: "Changed", remove: "Removed", absent: "Not in the files" },
      worst: "Most changed first",
      list: "Rows that the import would change",
      colChange: "Change",
      colType: "Type",
      colId: "Id",
      colWhat: "What changes",
      colRow: "Row",
      row: (row: number) => `row ${n(row)}`,
      value: (column: string, value: string) => `${column}: ${value}`,
      becomes: (column: string, before: string, after: string) => `${column}: ${before} → ${after}`,
      more: (what: string, more: number) => (more > 0 ? `${what}, ${n(more)} more` : what),
      differ: (values: number) =>
        plural(values, "value differs, unseen in outline", "values differ, unseen in outline"),
      noValue: "no value",
      masked:
        "Values about people show in outline, because your role may not import here: letters as x, digits as 9. The search looks in the outlines.",
      absent:
        "No row speaks of these records any more. They stay as they are, unless you ask at Import for their removal.",
      none: "Every record is already as the files say",
      noneKept: "Records whose rows are rejected stay as they are.",
      noMatch: "No row matches",
      noMore: "No more rows match",
      clear: "Clear filters",
      planAgain: "Plan once more",
      pages: "Pages of rows",
      range: (from: number, to: number, total: number) =>
        total <= 1 ? plural(total, "row", "rows") : `Rows ${n(from)}–${n(to)} of ${n(total)}`,
      rangeWorst: (from: number, to: number, total: number) =>
        `Rows ${n(from)}–${n(to)} of the ${n(total)} that change most`,
      found: (from: number, to: number, total: number) => {
        if (to < from) return `Nothing ${from > 1 ? "more " : ""}found among ${n(total)}`;
        return from > 1
          ? `Rows ${n(from)}–${n(to)} of those found among ${n(total)}`
          : `${plural(to, "row", "rows")} found among ${n(total)}`;
      },
      foundMore: (from: number, to: number) => `Rows ${n(from)}–${n(to)} of those found so far`,
    },

    record: {
      title: (kind: string, id: string) => `${kind} ${id}`,
      only: "Only what changes",
      colColumn: "Column",
      colBefore: "As it is",
      colAfter: "As it would be",
      changed: "changed",
      noValue: "no value",
      row: (row: number) => `Row ${n(row)} of its file.`,
      leads: {
        create: "It is not in the roster yet.",
        update: "",
        remove: "A row says that it is no more.",
        absent:
          "No row speaks of it any more. It stays as it is, unless you ask at Import for the removal of what the files no longer hold.",
      },
      unseen: (values: number) =>
        `${plural(values, "more value differs", "more values differ")}, unseen in outline.`,
    },

    ask: {
      answer: (tenant: string) => `Import into ${tenant}`,
      what: "What happens",
      lead: "The service takes all of the records or none, and everybody assigned receives them. For seven days the import can be taken back.",
      offline:
        "There is no network: the import waits on this computer and leaves with the next sync.",
      would: "What the import does",
      choices: "What you agree to",
      leaveRejected: (rows: number) => `Leave out ${plural(rows, "rejected row", "rejected rows")}`,
      leaveRejectedLead:
        "All other rows are imported. Records that a rejected row speaks of stay as they are.",
      removeAbsent: (records: number) =>
        `Remove ${plural(records, "record", "records")} that the files no longer hold`,
      removeAbsentLead: "Otherwise they stay as they are.",
      confirm: (tenant: string) => `Type "${tenant}" to confirm that this is meant`,
      run: "Import",
    },

    imports: {
      title: "Imports of this tenant",
      check: "Check a report…",
      checkGood: "This report is as it was signed",
      checkBad: "Do not rely on this report",
      checkFacts: (ok: boolean, source: string, tenant: string, by: string, when: string) =>
        ok
          ? `Of ${source}, ${tenant}, signed by ${by}, ${when}.`
          : `It says that it is of ${source}, ${tenant}, signed by ${by}, ${when}.`,
      colSource: "Files",
      colState: "State",
      colRecords: "Records",
      colBy: "By",
      colAt: "When",
      colUntil: "Can be taken back until",
      noUntil: (state: string) =>
        state === "committed"
          ? "The seven days are over"
          : state === "rolled_back"
            ? "Taken back"
            : "",
      state: (state: string): string =>
        (
          ({
            queued: "Waits to be sent",
            requested: "The service imports it",
            committed: "Imported",
            refused: "Refused",
            rollback_queued: "Taking back waits to be sent",
            rollback_requested: "The service takes it back",
            rolled_back: "Taken back",
            withdrawn: "Taken back before it was imported",
          }) as Record<string, string>
        )[state] ?? state,
    },

    outcome: {
      answer: (state: string, source: string) =>
        (
          ({
            queued: `${source} waits to be imported`,
            requested: `${source} is being imported`,
            committed: `${source} is imported`,
            refused: `${source} was not imported`,
            rollback_queued: `${source} waits to be taken back`,
            rollback_requested: `${source} is being taken back`,
            rolled_back: `${source} was taken back`,
            withdrawn: `${source} was taken back before it was imported`,
          }) as Record<string, string>
        )[state] ?? source,
      lead: (by: string, when: string) => `Asked for by ${by}, ${when}`,
      state: "State",
      did: "What the import did",
      holds: (records: number, format: string) =>
        `${plural(records, "record", "records")}, ${format}`,
      next: (state: string): string =>
        (
          ({
            queued:
              "It is kept on this computer and leaves with the next sync. Nothing has changed yet.",
            requested: "It was sent. This page says so as soon as the service has answered.",
            committed: "Everybody assigned receives these records with their next sync.",
            refused:
              "Nothing was changed. Correct what the service says, then choose the files again.",
            rollback_queued:
              "Taking it back leaves this computer with the next sync. Until then the records stay.",
            rollback_requested: "This page says so as soon as the service has answered.",
            withdrawn: "Nothing was changed.",
            rolled_back:
              "The records are again what they were before it, but for those named here.",
          }) as Record<string, string>
        )[state] ?? "",
      said: "The service says",
      cancel: "Cancel the import",
      cancelTitle: (source: string) => `Cancel the import of ${source}?`,
      goOn: "Go on importing",
      notYetLead:
        "It has not been imported yet. If the service has begun meanwhile, the records become again what they were before it. Both stand in History.",
    },

    verify: {
      answer: (source: string, ok: boolean | null) => {
        if (ok === null) return `Is ${source} here as it was asked for?`;
        return ok
          ? `${source} is here as it was asked for`
          : `${source} is not as it was asked for`;
      },
      lead: "Reads the whole roster on this computer and holds it against what the service committed.",
      checks: "What was found",
      counts: "Records by type",
      after: "After it",
      here: "Here now",
      countsLead:
        "“After it” is what the service committed. What was changed since shows under “Here now”.",
      report: "Report for the school",
      verifyNow: "Verify now",
      verifyAgain: "Verify again",
      reportHtml: "Save report…",
      reportCsv: "Save report as CSV…",
      reportLead:
        "What was asked for, what was found, and the first three records of each type. It is signed: “Check a report” at the tenant's imports says whether one that somebody holds is as it was.",
      reportSaved: (file: string) => `Report written to ${file}`,
      check: (check: string, ok: boolean): string => {
        const [good, bad] = (
          {
            here: ["The import is here.", "The import is not here."],
            digest: ["The digest is right.", "The digest differs."],
            counts: ["The counts are right.", "The counts differ."],
            plan: [
              "It did what its files ask for.",
              "It did something else than its files ask for.",
            ],
            references: ["Every reference leads to a record.", "Some references lead nowhere."],
            file: ["The file is whole.", "The file is damaged."],
          } as Record<string, [string, string]>
        )[check] ?? [check, check];
        return ok ? good : bad;
      },
    },

    rollback: {
      answer: (source: string, can: boolean) =>
        can ? `${source} can be taken back` : `${source} cannot be taken back any more`,
      until: "Can be taken back until",
      clock: "That is by this computer's clock; the service's counts.",
      would: "What taking back does",
      did: "What taking back did",
      goes: "Goes",
      changesBack: "Changes back",
      comesBack: "Comes back",
      takeBack: "Take the import back",
      title: (source: string) => `Take back ${source}?`,
      lead: (records: number) =>
        `${plural(records, "record becomes again what it was", "records become again what they were")} before the import. What somebody changed since stays, and so does what later records name; each is listed. The rollback stands in History.`,
      reversed: (reversed: number, kept: number, failed: number) =>
        [
          `${plural(reversed, "record", "records")} taken back`,
          kept > 0 ? `${n(kept)} kept` : "",
          failed > 0 ? `${n(failed)} failed` : "",
        ]
          .filter((part) => part !== "")
          .join(", "),
      kept: (count: number) => `Kept as they are now (${n(count)})`,
      failed: (count: number) => `Not taken back (${n(count)})`,
      closed: (state: string): string =>
        (
          ({
            committed: "The seven days are over, or your role may not do it",
            rolled_back: "It is taken back already",
          }) as Record<string, string>
        )[state] ?? "It is being taken back",
    },

    /** What a type of records is called. */
    kind: (kind: string): string =>
      (
        ({
          orgs: "Schools and districts",
          schools: "Schools",
          academicSessions: "Terms",
          courses: "Courses",
          classes: "Classes",
          sections: "Sections",
          users: "People",
          students: "Students",
          teachers: "Teachers",
          staff: "Staff",
          subjects: "Subjects",
          enrollments: "Enrollments",
          demographics: "Demographics",
          roles: "Roles",
          userProfiles: "Profiles",
          accounts: "Accounts",
          participants: "Participants",
          cases: "Cases",
          relationships: "Relationships",
          manifest: "List of the files",
        }) as Record<string, string>
      )[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1),

    /** What one of them is called. */
    one: (kind: string): string =>
      (
        ({
          orgs: "School or district",
          schools: "School",
          academicSessions: "Term",
          courses: "Course",
          classes: "Class",
          sections: "Section",
          users: "Person",
          students: "Student",
          teachers: "Teacher",
          subjects: "Subject",
          enrollments: "Enrollment",
          roles: "Role",
          userProfiles: "Profile",
          accounts: "Account",
          participants: "Participant",
          cases: "Case",
          relationships: "Relationship",
        }) as Record<string, string>
      )[kind] ?? texts.migration.kind(kind),

    /** What helps, by the code of what went wrong. */
    help: (code: string): string =>
      (
        ({
          import_unreadable: "Put it back or close it in the other program, then try again.",
          import_unsupported:
            "Save it as CSV or XLSX, or choose another file. Older Excel files (XLS) have to be saved anew.",
          import_empty: "Choose the folder or file that holds the tables.",
          import_damaged: "Ask for the file again: it did not arrive whole.",
          import_format_unknown: "Choose the format by hand at Detect, or choose other files.",
        }) as Record<string, string>
      )[code] ?? "",
  },

  people: {
    title: "People",
    hint: "Who is in the roster, in which role and where",
    count: (count: number) => plural(count, "person", "people"),
    asOf: (revision: number, when: string | null) =>
      when === null
        ? `As of revision ${n(revision)} of the roster`
        : `As of revision ${n(revision)} of the roster, imported ${when}`,
    counting: "Counting the people of this roster",
    find: "Find by name, e-mail or id",
    site: "Site",
    allSites: (sites: number, more: boolean) => `All sites (${n(sites)}${more ? "+" : ""})`,
    roles: "Role",
    otherRoles: "Other roles",
    all: "All",
    withCount: (word: string, people: number) => `${word} (${n(people)})`,
    noRole: "No role",
    noSite: "No site",
    noName: "No name",
    noEmail: "No e-mail",
    inactive: "Inactive",
    grade: (grades: string) => `Grade ${grades.split(",").join(", ")}`,
    list: "People of the roster",
    colName: "Name",
    colRole: "Role",
    colSites: "Site",
    colEmail: "E-mail",
    colId: "Id",
    masked:
      "Names and addresses show in outline, because your role may not import here: letters as x, digits as 9. The search looks in the outlines.",
    noRoster: "No roster yet",
    noRosterText: "Import one, and its people show here, also without a network.",
    noRosterReader:
      "Once a specialist or manager imports one, its people show here after the next sync.",
    toMigration: "Import a roster",
    toImports: "See the imports",
    nobody: "This roster has no people",
    nobodyText: "Its records are of other types, such as cases or classes.",
    notYours: "This list is not for your role",
    notYoursText: "The people of a roster show only to the team that carries out the roll-out.",
    loadedBySync: [
      "roster_missing",
      "roster_damaged",
      "roster_key_wrong",
      "roster_key_absent",
    ] as readonly string[],
    noMatch: "Nobody matches",
    noMore: "Nobody else matches",
    clear: "Clear filters",
    pages: "Pages of people",
    range: (from: number, to: number, total: number) =>
      total <= 1 ? plural(total, "person", "people") : `${n(from)}–${n(to)} of ${n(total)} people`,
    found: (from: number, to: number) => {
      if (to < from) return `Nobody ${from > 1 ? "else " : ""}found`;
      return from > 1
        ? `${n(from)}–${n(to)} of those found`
        : `${plural(to, "person", "people")} found`;
    },
    foundMore: (from: number, to: number) => `${n(from)}–${n(to)} of those found so far`,
  },

  palette: {
    title: "Find a tenant, screen or action",
    counts: (tenants: number, others: number) => {
      if (tenants === 0) return plural(others, "result", "results");
      const found = plural(tenants, "tenant", "tenants");
      return others === 0 ? found : `${found}, ${plural(others, "other result", "other results")}`;
    },
    tenants: "Tenants",
    inTenant: (name: string) => `In ${name}`,
    goTo: "Go to",
    actions: "Actions",
    move: "move",
    open: "open",
    close: "close",
    none: "Nothing matches. Try a tenant's name, a screen or an action.",
    more: (count: number) => `${n(count)} more, keep typing`,
    syncNow: "Sync now",
    upgrade: (name: string) => `Upgrade the playbook of ${name}`,
    screenChecklist: (name: string) => `Checklist of ${name}`,
    screenMigration: (name: string) => `Migration of ${name}`,
    screenPeople: (name: string) => `People of ${name}`,
    screenHistory: (name: string) => `History of ${name}`,
  },
} as const;
