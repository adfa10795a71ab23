/** What the fake host starts with: four tenants in different states, seen on one morning. */
import type {
  About,
  BackupRow,
  ComputerView,
  ConflictRow,
  HistoryRow,
  InboxRow,
  ItemRow,
  Person,
  PlaybookCheck,
  PlaybookChoice,
  QueueRow,
  SettingsView,
  TenantRow,
  UpgradeLine,
  UpgradePlan,
} from "./types";

const DAY = 86_400_000;

/** RFC 3339 text `days` and `hours` away from `now`. */
export function at(now: Date, days: number, hours: number, minutes = 0): string {
  const day = new Date(now.getTime() + days * DAY);
  day.setHours(hours, minutes, 0, 0);
  return day.toISOString();
}

/** `YYYY-MM-DD`, `days` away from `now`. */
export function date(now: Date, days: number): string {
  const day = new Date(now.getTime() + days * DAY);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

export const PEOPLE: Person[] = [
  { account: "acc-mara", name: "mara.okafor", role: "IMPL_SPEC" },
  { account: "acc-priya", name: "priya.nair", role: "IMPL_MGR" },
  { account: "acc-joel", name: "joel.santos", role: "IMPL_SPEC" },
  { account: "acc-dana", name: "dana.whitfield", role: "district_admin" },
];

const span = (min_days: number, max_days: number) => ({ min_days, max_days });

export const PLAYBOOKS: PlaybookChoice[] = [
  {
    key: "school-district",
    title: "School district",
    summary:
      "Brings a district from an empty tenant to teachers who use the platform, as a pilot, school by school or all at once.",
    tenant_kind: "school-district",
    version: 1,
    duration: span(30, 120),
    modes: [
      { key: "pilot", title: "Pilot", summary: "One to three schools.", duration: null, items: 7 },
      { key: "phased", title: "Phased", summary: "School by school.", duration: null, items: 10 },
      {
        key: "full",
        title: "Full district",
        summary: "Every school on one day.",
        duration: null,
        items: 8,
      },
    ],
    phases: 5,
    items: 10,
  },
  {
    key: "first-school-go-live",
    title: "First school go-live",
    summary:
      "Takes the first one or two schools live under pilot guardrails, with checked data and a rehearsed recovery.",
    tenant_kind: "school",
    version: 1,
    duration: span(21, 42),
    modes: [],
    phases: 5,
    items: 26,
  },
  {
    key: "pilot-ministry",
    title: "Pilot ministry",
    summary:
      "Builds everything a pilot with ministries needs: an environment of its own, accounts, training, acceptance testing, a help desk and monitoring.",
    tenant_kind: "ministry",
    version: 1,
    duration: span(60, 100),
    modes: [],
    phases: 8,
    items: 47,
  },
  {
    key: "ethics-line-client",
    title: "Ethics line client",
    summary:
      "Brings a client's ethics line from an empty account to cases that are taken in, handled and reported.",
    tenant_kind: "client",
    version: 1,
    duration: span(14, 180),
    modes: [
      {
        key: "quick-start",
        title: "Quick start",
        summary: "One organisation, standard forms, no old cases. Two to four weeks.",
        duration: span(14, 28),
        items: 22,
      },
      {
        key: "standard",
        title: "Standard",
        summary: "Own categories and forms, single sign-on, old cases. Four to eight weeks.",
        duration: span(28, 56),
        items: 34,
      },
      {
        key: "complex",
        title: "Complex",
        summary: "Several units or languages, in step with the HR system. Eight to sixteen weeks.",
        duration: span(56, 112),
        items: 40,
      },
      {
        key: "enterprise",
        title: "Enterprise",
        summary: "A group with reviews of its own and a steering group. Three to six months.",
        duration: span(90, 180),
        items: 43,
      },
    ],
    phases: 8,
    items: 43,
  },
  {
    key: "regional-workshop",
    title: "Regional workshop",
    summary:
      "Prepares, launches and closes a series of five workshops in a region, one workshop each week.",
    tenant_kind: "region",
    version: 1,
    duration: span(70, 105),
    modes: [],
    phases: 5,
    items: 179,
  },
];

/** What a file is said to be: bad where it has the word "fault" in it, good otherwise. */
export function checkOf(source: string): PlaybookCheck {
  if (source.includes("fault")) {
    return {
      problems: [
        {
          line: 12,
          column: 14,
          code: "unknown_role",
          message: "`csm` is not a role; roles are SUPPORT_TIER_1, SUPPORT_TIER_2 and others",
        },
        {
          line: 31,
          column: 15,
          code: "unknown_dependency",
          message: "`confirm-branch` is not a key of any item in this playbook",
        },
      ],
      playbook: null,
    };
  }
  return {
    problems: [],
    playbook: {
      choice: {
        key: "library-pilot",
        title: "Library pilot",
        summary: "A first library with three branches.",
        tenant_kind: "library",
        version: 1,
        duration: span(20, 30),
        modes: [],
        phases: 2,
        items: 12,
      },
      phases: [
        ["Prepare", 8],
        ["Open", 4],
      ],
      nested: 3,
      targets: 1,
      steps: 0,
      banners: 0,
      sign_offs: 2,
    },
  };
}

/** An upgrade with something of everything; the item with this key goes though it holds work. */
export const GOES = "watch-dashboard";

/** What an upgrade of the pictures' tenant to version 2 would change. */
export function upgradePlan(from: number): UpgradePlan {
  const line = (key: string, title: string, phase: string, more: Partial<UpgradeLine> = {}) => ({
    kind: "item",
    key,
    title,
    phase,
    fields: [],
    holds: [],
    stays: false,
    ...more,
  });
  return {
    project: "first-school-go-live/0",
    title: "First school go-live",
    from,
    to: 2,
    up_to_date: from === 2,
    mode_gone: null,
    added: [
      line("walk-the-building", "Walk through the building with the caretaker", "Prepare"),
      line("rehearse-recovery", "Rehearse the recovery with the school", "Go-live"),
    ],
    removed: [
      line(GOES, "Bring monitoring to the people on call", "Policies", {
        holds: ["Complete", "note"],
      }),
    ],
    changed: [
      line("import-students", "Import students and guardians", "Data", {
        fields: [
          { field: "title", before: "Import students", after: "Import students and guardians" },
          { field: "due", before: "14 days before go-live", after: "10 days before go-live" },
        ],
      }),
      line("set-up-staff", "Set up staff accounts", "", {
        kind: "step",
        fields: [{ field: "needs", before: "A list.", after: "A list and its owner." }],
      }),
    ],
    seen: `seen-${from}`,
  };
}

type Seed = [key: string, title: string, status: string, more?: Partial<ItemRow>];

const MARA = { owner: "mara.okafor", owner_account: "acc-mara" };
const DANA = { owner: "dana.whitfield", owner_account: "acc-dana" };

/** Phases and items of the tenant that the pictures show. */
function hillSeeds(now: Date): Array<[string, string, Seed[]]> {
  const sso = {
    id: "blocker/1",
    tenant: "t-hill",
    item: "configure-sso",
    severity: "P1",
    reason:
      "The certificate expires on the 14th, new SAML metadata is needed from the school's IT.",
    owner: "dana.whitfield",
    waiting_on: "client",
    opened_at: at(now, -3, 9, 12),
    level: 0,
    due_at: null,
  };
  const scim = {
    ...sso,
    id: "blocker/2",
    item: "configure-scim",
    severity: "P2",
    reason: "Needs the single sign-on first.",
  };
  return [
    [
      "prepare",
      "Prepare",
      [
        ["confirm-scope", "Confirm schools, people and go-live date", "complete", MARA],
        ["name-contacts", "Name the people at the school", "complete", DANA],
        ["create-tenant", "Create the school's tenant", "complete", MARA],
        ["check-roles", "Check that admin, teacher and student roles exist", "complete", MARA],
      ],
    ],
    [
      "identity",
      "Identity",
      [
        ["create-first-admin", "Create the first admin", "complete", MARA],
        ["set-up-totp", "Set up a second factor for admins", "complete", DANA],
        [
          "configure-sso",
          "Configure SSO",
          "blocked",
          {
            ...DANA,
            due: date(now, -2),
            reason: sso.reason,
            blocker: sso,
            check: "sso_configured",
            comments: 2,
          },
        ],
        [
          "exchange-saml-metadata",
          "Exchange SAML metadata",
          "complete",
          { ...DANA, parent: "configure-sso" },
        ],
        [
          "test-staff-sign-in",
          "Test sign-in with 3 staff accounts",
          "waiting_to_verify",
          {
            ...MARA,
            parent: "configure-sso",
            conflict: true,
            check: "staff_signed_in",
            depends_on: ["exchange-saml-metadata"],
            comments: 1,
          },
        ],
        [
          "configure-scim",
          "Configure SCIM",
          "blocked",
          {
            ...DANA,
            due: date(now, 1),
            reason: scim.reason,
            blocker: scim,
            depends_on: ["configure-sso"],
            waiting_for: ["configure-sso"],
          },
        ],
      ],
    ],
    [
      "data",
      "Data",
      [
        ["receive-rosters", "Receive roster files", "complete", DANA],
        ["import-subjects", "Import subjects", "complete", MARA],
        ["import-teachers", "Import teachers", "complete", { ...MARA, pending: true }],
        [
          "import-classes",
          "Import classes",
          "in_progress",
          { ...MARA, due: date(now, 0), pending: true },
        ],
        [
          "check-room-codes",
          "Check room codes",
          "not_started",
          {
            ...MARA,
            parent: "import-classes",
            due: date(now, 0),
            how_to: "guide:first-school-go-live#check-room-codes",
            evidence_wanted: "A list of rooms that the school signed.",
            evidence: null,
            comments: 1,
            pending: true,
          },
        ],
        [
          "import-students",
          "Import students",
          "not_started",
          {
            owner: null,
            owner_account: null,
            due: date(now, 4),
            check: "students_imported",
            depends_on: ["import-classes"],
            waiting_for: ["import-classes"],
          },
        ],
        [
          "compare-counts",
          "Compare the counts with the school",
          "not_applicable",
          { ...MARA, reason: "The school counts in the summer, we compare then." },
        ],
      ],
    ],
    [
      "policies",
      "Policies",
      [
        ["turn-on-guardrails", "Turn on the pilot guardrails", "complete", MARA],
        ["agree-service-levels", "Agree response and resolution times", "complete", MARA],
        ["staff-on-call", "Staff the on-call rota", "complete", MARA],
        ["watch-dashboard", "Bring monitoring to the people on call", "complete", MARA],
      ],
    ],
    [
      "go-live",
      "Go-live",
      [
        [
          "pass-preflight",
          "Pass the 8 preflight checks",
          "not_started",
          { ...MARA, due: date(now, 9), check: "preflight_passed" },
        ],
        [
          "pass-gate",
          "Pass the go-live gate and open the school",
          "not_started",
          {
            ...MARA,
            due: date(now, 11),
            check: "golive_gate_open",
            depends_on: ["pass-preflight"],
            waiting_for: ["pass-preflight"],
          },
        ],
      ],
    ],
  ];
}

/** One phase of the fake's store. */
export type FakePhase = { key: string; title: string; days: number | null; items: ItemRow[] };

function itemOf(now: Date, playbook: string, phase: string, seed: Seed, order: number): ItemRow {
  const [key, title, status, more] = seed;
  return {
    entity: `item/${playbook}/0/${key}`,
    key,
    phase,
    parent: null,
    title,
    status,
    owner: "mara.okafor",
    owner_account: "acc-mara",
    due: date(now, -12 + order),
    depends_on: [],
    waiting_for: [],
    reason: null,
    note: null,
    how_to: `guide:${playbook}#${key}`,
    evidence_wanted: null,
    evidence: null,
    check: null,
    updated_by: status === "not_started" ? null : "mara.okafor",
    updated_at: status === "not_started" ? null : at(now, -9 + Math.floor(order / 3), 9, order),
    pending: false,
    conflict: false,
    comments: 0,
    in_playbook: true,
    blocker: null,
    priority: null,
    complexity: null,
    target: null,
    repeat: null,
    round: null,
    sign_off: null,
    owner_title: null,
    parts: null,
    ...more,
  };
}

/** A series of workshops: items nested three deep, targets, repeats, sign-offs, points. */
export function workshopPhases(now: Date): FakePhase[] {
  const lead = { owner: "IMPL_SPEC", owner_account: null, owner_title: "Technical lead" };
  const director = {
    owner: "district_admin",
    owner_account: null,
    owner_title: "Programme director",
  };
  const facilitator = { owner: "CSM", owner_account: null, owner_title: "Facilitator" };
  const week = (n: number): Seed[] => {
    const parent = (key: string) => ({ ...facilitator, parent: `${key}-${n}`, round: n });
    const own = { ...facilitator, round: n };
    return [
      [
        `workshop-${n}`,
        `Workshop ${n}`,
        "not_started",
        {
          ...own,
          repeat: "weekly",
          priority: "critical",
          target: { bound: "at_least", value: 85, unit: "% handed in", within_hours: null },
        },
      ],
      [
        `workshop-opening-${n}`,
        `Monday: open workshop ${n}`,
        "in_progress",
        { ...own, parent: `workshop-${n}` },
      ],
      [`unlock-${n}`, "Unlock the workshop", "complete", parent("workshop-opening")],
      [
        `tell-${n}`,
        "Tell the participants that it is open",
        "not_started",
        parent("workshop-opening"),
      ],
      [
        `workshop-closing-${n}`,
        `Friday: close workshop ${n}`,
        "not_started",
        { ...own, parent: `workshop-${n}` },
      ],
    ];
  };
  const seeds: Array<[string, string, number, Seed[]]> = [
    [
      "launch",
      "Launch",
      7,
      [
        [
          "approve-launch",
          "Approve the launch",
          "in_progress",
          { ...lead, priority: "critical", complexity: 3 },
        ],
        [
          "sign-technical",
          "Approved by the technical lead",
          "complete",
          { ...lead, parent: "approve-launch", sign_off: "The technical lead approves the launch" },
        ],
        [
          "sign-director",
          "Approved by the programme director",
          "not_started",
          {
            ...director,
            parent: "approve-launch",
            sign_off: "The programme director approves the launch",
          },
        ],
      ],
    ],
    [
      "first-week",
      "First week",
      12,
      [
        [
          "bring-people-in",
          "Bring everyone in",
          "not_started",
          { ...facilitator, priority: "critical" },
        ],
        [
          "onboarded-day-1",
          "Half of the participants are in after a day",
          "not_started",
          {
            ...facilitator,
            parent: "bring-people-in",
            target: { bound: "at_least", value: 50, unit: "% onboarded", within_hours: 24 },
          },
        ],
      ],
    ],
    ["series", "Weekly workshops", 28, [...week(2), ...week(3)]],
  ];
  let order = 0;
  return seeds.map(([key, title, days, list]) => ({
    key,
    title,
    days,
    items: list.map((seed) => itemOf(now, "regional-workshop", key, seed, order++)),
  }));
}

/** The checklist in the pictures: 22 items that count, 14 done, 2 blocked. */
export function hillPhases(now: Date): FakePhase[] {
  let order = 0;
  return hillSeeds(now).map(([key, title, seeds]) => ({
    key,
    title,
    days: 7,
    items: seeds.map((seed) => itemOf(now, "first-school-go-live", key, seed, order++)),
  }));
}

/** A plain checklist of `total` items of which `done` are complete, in at most eight phases. */
export function plainPhases(now: Date, done: number, total: number): FakePhase[] {
  const phases: FakePhase[] = [];
  const full = Math.max(10, Math.ceil(total / 8));
  for (let first = 0; first < total; first += full) {
    const key = `phase-${first / full + 1}`;
    const size = Math.min(full, total - first);
    const items = Array.from({ length: size }, (_, i) => {
      const number = first + i;
      const seed: Seed = [
        `task-${number + 1}`,
        `Task ${number + 1}: set up and check site ${number + 1}`,
        number < done ? "complete" : number === done ? "in_progress" : "not_started",
      ];
      return itemOf(now, "school-district", key, seed, number);
    });
    phases.push({ key, title: `Phase ${first / full + 1}`, days: null, items });
  }
  return phases;
}

/** A checklist of 22 items, 9 of them done and one blocked by a vendor. */
export function riverPhases(now: Date): FakePhase[] {
  const phases = plainPhases(now, 9, 22);
  const item = phases[1]?.items[2];
  if (item) {
    const reason = "The vendor has not turned on the nightly export.";
    Object.assign(item, {
      title: "Connect rostering",
      status: "blocked",
      reason,
      blocker: {
        id: "blocker/3",
        tenant: "t-river",
        item: item.key,
        severity: "P2",
        reason,
        owner: "priya.nair",
        waiting_on: "vendor",
        opened_at: at(now, -5, 9, 0),
        level: 0,
        due_at: null,
      },
    });
  }
  return phases;
}

/** A tenant with everything but its progress. */
export function tenantRow(now: Date, id: string, slug: string, name: string): TenantRow {
  return {
    id,
    slug,
    name,
    playbook: "school-district",
    mode: "phased",
    status: "configuration",
    go_live: date(now, 40),
    progress: { done: 0, total: 0, blocked: 0 },
    trail: "",
    seq: 120,
    head: "9f".repeat(32),
    digest: "3c".repeat(32),
    as_of: at(now, -1, 17, 42),
    pending: 0,
    conflicts: 0,
  };
}

/** The conflict in the pictures. */
export function conflicts(now: Date): ConflictRow[] {
  return [
    {
      id: "t-hill|item/first-school-go-live/0/test-staff-sign-in#status",
      tenant: "t-hill",
      tenant_name: "Hill School",
      item: "test-staff-sign-in",
      title: "Test sign-in with 3 staff accounts",
      entity: "item/first-school-go-live/0/test-staff-sign-in",
      field: "status",
      base: { status: "in_progress" },
      base_shown: "In progress",
      base_by: "mara.okafor",
      base_at: at(now, -3, 9, 12),
      winner: "t-hill/d1/41",
      values: [
        {
          op: "t-hill/d1/41",
          value: { status: "waiting_to_verify" },
          shown: "Waiting to verify",
          text: "Tested with the head teacher and two class teachers, all three reached the dashboard.",
          by: "mara.okafor",
          role: "IMPL_SPEC",
          at: at(now, -1, 16, 55),
          mine: true,
          loses: ["Not applicable, by priya.nair, and the reason for it"],
        },
        {
          op: "t-hill/d2/17",
          value: { status: "not_applicable" },
          shown: "Not applicable",
          text: "Staff use one-time links until SSO is live. Test again in phase 2.",
          by: "priya.nair",
          role: "IMPL_MGR",
          at: at(now, -1, 17, 20),
          mine: false,
          loses: ["Waiting to verify, your claim", "The sign-in check before go-live"],
        },
      ],
    },
  ];
}

/** The same, two more like it, and one in which two others stand against each other. */
export function manyConflicts(now: Date): ConflictRow[] {
  const [first] = conflicts(now);
  const [mine, theirs] = first?.values ?? [];
  if (!first || !mine || !theirs) return [];
  const like = (
    tenant: string,
    name: string,
    project: string,
    key: string,
    title: string,
    values: ConflictRow["values"],
  ): ConflictRow => {
    const entity = `item/${project}/0/${key}`;
    const id = `${tenant}|${entity}#status`;
    const own = values.map((value, n) => ({ ...value, op: `${tenant}/${key}/${n + 1}` }));
    const winner = own[0]?.op ?? "";
    const row = { ...first, id, tenant, tenant_name: name, item: key, title, entity };
    return { ...row, values: own, winner };
  };
  const river = (key: string, title: string, values: ConflictRow["values"]) =>
    like("t-river", "Riverside Unified", "school-district", key, title, values);
  const other = { ...mine, by: "joel.santos", mine: false, loses: theirs.loses };
  return [
    first,
    like("t-hill", "Hill School", "first-school-go-live", "configure-sso", "Configure SSO", [
      mine,
      theirs,
    ]),
    river("task-4", "Task 4: set up and check site 4", [mine, theirs]),
    river("task-5", "Task 5: set up and check site 5", [other, theirs]),
  ];
}

function queueRow(now: Date, op: string, tenant: string, name: string, summary: string): QueueRow {
  return {
    op,
    tenant,
    tenant_name: name,
    summary,
    written_at: at(now, -1, 17, 51),
    state: "pending",
    problem: null,
    code: null,
    entity: null,
    edit: null,
    decided: null,
  };
}

/** What waits to be sent. */
export function waiting(now: Date): QueueRow[] {
  const hill = (op: string, summary: string, hour: number, minute: number): QueueRow => ({
    ...queueRow(now, op, "t-hill", "Hill School", summary),
    written_at: at(now, -1, hour, minute),
  });
  return [
    hill("t-hill/d1/42", "Import classes: In progress", 17, 51),
    hill("t-hill/d1/43", "Import teachers: Complete", 18, 4),
    hill("t-hill/d1/44", "Comment on Check room codes", 18, 11),
    {
      ...queueRow(
        now,
        "t-river/d1/9",
        "t-river",
        "Riverside Unified",
        "Configure policies: owner mara.okafor",
      ),
      written_at: at(now, -1, 18, 20),
    },
  ];
}

/** What the service refused, and what it holds. */
export function refused(now: Date): QueueRow[] {
  return [
    {
      ...queueRow(
        now,
        "t-river/d1/8",
        "t-river",
        "Riverside Unified",
        `Task 3: set up and check site 3: due ${date(now, 8)}`,
      ),
      written_at: at(now, -1, 16, 40),
      state: "quarantined",
      problem: "The pilot runs until the 27th, nothing is due before it ends.",
      code: "before_pilot_end",
      entity: "item/school-district/0/task-3",
      edit: { field: "due", value: date(now, 8) },
    },
  ];
}

/** Refused changes of the kinds that are edited in other fields than a day. */
export function refusedOfEachKind(now: Date): QueueRow[] {
  return refused(now).flatMap((row) => [
    {
      ...row,
      op: "t-river/d1/9",
      summary: "Connect rostering: Blocked",
      problem:
        "A blocked item names what it waits for. Say which export is missing and who sends it.",
      edit: { field: "status", status: "blocked", reason: "Waiting for the vendor" },
    },
    {
      ...row,
      op: "t-river/d1/10",
      summary: "Configure policies: owner mara.okafor",
      problem: "This person does not write this tenant.",
      edit: { field: "owner", value: { account: "mara.okafor" } },
    },
  ]);
}

/** Work of a colleague who was unassigned meanwhile. */
export function held(now: Date): QueueRow[] {
  return [
    {
      ...queueRow(
        now,
        "t-north/d3/5",
        "t-north",
        "Northfield Academy",
        "Map sections to classes: Complete",
      ),
      written_at: at(now, -2, 11, 15),
      state: "held",
      problem: "joel.santos is no longer assigned to Northfield Academy.",
      code: "unassigned",
    },
  ];
}

/** What there is to hear of, newest first. */
export function notices(now: Date): InboxRow[] {
  const item = (key: string) => `item/first-school-go-live/0/${key}`;
  const row = (
    kind: string,
    key: string,
    title: string,
    by: string | null,
    text: string,
    when: string,
    read = false,
  ): InboxRow => ({
    key: `${kind} ${key}`,
    tenant: "t-hill",
    tenant_name: "Hill School",
    kind,
    entity: item(key),
    title,
    by,
    text,
    at: when,
    read,
  });
  return [
    row("due", "check-room-codes", "Check room codes", null, date(now, 0), at(now, 0, 6, 0)),
    row(
      "reply",
      "configure-sso",
      "Configure SSO",
      "dana.whitfield",
      "The new metadata comes on Thursday, their IT says.",
      at(now, -1, 16, 20),
    ),
    row(
      "conflict",
      "test-staff-sign-in",
      "Test sign-in with 3 staff accounts",
      "dana.whitfield",
      "status",
      at(now, -1, 11, 2),
      true,
    ),
    row(
      "blocker",
      "configure-scim",
      "Configure SCIM",
      "dana.whitfield",
      "Needs the single sign-on first.",
      at(now, -3, 9, 12),
      true,
    ),
  ];
}

/** A short history of one item. */
export function historyOf(now: Date, item: ItemRow): HistoryRow[] {
  if (item.updated_at === null) return [];
  const first: HistoryRow = {
    id: `op-${item.key}-1`,
    seq: 12,
    at: at(now, -6, 10, 5),
    actor: "priya.nair",
    acting_under: null,
    device: "d2",
    change: { verb: "ItemStatusSet", item: item.key },
    summary: `${item.title}: Not started to In progress`,
    before: ["not_started"],
    after: "in_progress",
    reason: null,
    outcome: "accepted",
    can_undo: false,
  };
  const last: HistoryRow = {
    ...first,
    id: `op-${item.key}-2`,
    seq: item.pending ? null : 40,
    at: item.updated_at,
    actor: "mara.okafor",
    device: "d1",
    summary: `${item.title}: In progress to ${item.status.replaceAll("_", " ")}`,
    before: ["in_progress"],
    after: item.status,
    reason: item.reason,
    outcome: item.pending ? "pending" : "accepted",
    can_undo: true,
  };
  return [last, first];
}

const FOLDER = "/home/mara/Documents/Cairn/backups";

/** The preferences of a fresh computer. */
export function mySettings(): SettingsView {
  return {
    theme: "system",
    quiet_on: false,
    quiet_from: "20:00",
    quiet_to: "07:00",
    notifications: true,
    zoom_percent: 100,
    zooms: [80, 90, 100, 110, 125, 150, 200],
    lock_after_minutes: 15,
    lock_fixed_seconds: null,
    keep_running: false,
    backup_folder: FOLDER,
    backup_folder_chosen: false,
    set_aside: null,
  };
}

/** A computer with a predecessor that was retired and one that may be lost. */
export function myComputer(now: Date): ComputerView {
  const device = (id: string, days: number) => ({
    id,
    this: false,
    active: true,
    since: at(now, days, 9, 5),
    retired: null,
  });
  return {
    devices: [
      { ...device("d-6c1f0e9a4b7d2835a1c0", -40), this: true },
      device("d-b02e71c49d8f35a6e417", -190),
      { ...device("d-19fa53d0c87b26e4f08d", -420), active: false, retired: at(now, -40, 9, 12) },
    ],
    last_contact: at(now, -1, 17, 42),
    lease_until: at(now, 13, 17, 42),
    passphrase: false,
    folder: "/home/mara/.local/share/org.cairn.desk",
    database_bytes: 12_841_984,
    web_bytes: 3_214_336,
    tenants: 5,
  };
}

/** What the program says of itself. */
export const ABOUT: About = {
  version: "0.1.0",
  protocol: 1,
  schema: 1,
  sqlite: "3.50.4",
  sqlcipher: "4.10.0 community",
  web_view: "2.50.1",
  system: "Debian GNU/Linux 13 (trixie), x86_64",
};

/** One of each kind that a folder may hold. */
export function backups(now: Date): BackupRow[] {
  const row = (name: string, days: number, state: BackupRow["state"]): BackupRow => ({
    file: `${FOLDER}/${name}.cairn-backup`,
    name: `${name}.cairn-backup`,
    made: at(now, days, 17, 30),
    bytes: 12_640_000,
    state,
    passphrase: state === "passphrase",
  });
  return [
    row("cairn-20260309T173000Z", -3, "here"),
    row("cairn-20260201T090000Z", -39, "passphrase"),
    { ...row("cairn-20260115T101500Z", -56, "incomplete"), made: null, bytes: 4_000_000 },
  ];
}
