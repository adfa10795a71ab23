/**
 * A host in memory for the browser and for component tests. It keeps the promises the screens
 * lean on (a write is visible at once, undo writes back, an undecided value stays), not the rules
 * of the domain. It is never part of the bundle that ships.
 */
import { asStatus, needsReason, STATUSES } from "../status";
import { texts } from "../texts";
import type { Changed, Commands, Drag, Host, ImportRequest, Place } from "./commands";
import {
  ABOUT,
  at,
  backups,
  checkOf,
  conflicts,
  date,
  type FakePhase,
  GOES,
  held,
  hillPhases,
  historyOf,
  manyConflicts,
  myComputer,
  mySettings,
  notices,
  PEOPLE,
  PLAYBOOKS,
  plainPhases,
  refused,
  refusedOfEachKind,
  riverPhases,
  tenantRow,
  upgradePlan,
  waiting,
  workshopPhases,
} from "./fake-data";
import { fakeLook, fakeMended, fakePilot, fakePlan, fakeReport, fakeSame } from "./fake-import";
import { fakePeople, fakePeoplePage } from "./fake-people";
import { fakePlanPage, fakeRows } from "./fake-plan";
import { FakeRuns } from "./fake-runs";
import { fakeChanges, fakePage, fakeRevert, fakeToday, longHistory, trailOf } from "./fake-today";
import type {
  BackupRow,
  ChangeRow,
  ChecklistView,
  CommentRow,
  ComputerView,
  ConflictRow,
  Edit,
  Failure,
  HistoryRow,
  ImportDraft,
  ImportLook,
  ImportPlan,
  ImportProgress,
  ImportReport,
  ImportRules,
  InboxRow,
  ItemRow,
  ManyWritten,
  OpenedPlaybook,
  PersonRow,
  PhaseRow,
  Progress,
  QueueRow,
  RememberedMapping,
  ReportChecked,
  Session,
  SettingsView,
  TenantRow,
  Update,
  UpdateView,
  UpgradePlan,
  Written,
} from "./types";

/** How the fake starts. */
export type FakeOptions = {
  now?: Date;
  session?: Session;
  network?: "online" | "offline" | "error";
  /** Nothing at all, or the tenants of a working day. */
  data?: "full" | "empty" | "clean";
  /** Items of the large checklist. */
  large?: number;
  /** A tenant with a series of workshops beside the others. */
  workshop?: boolean;
  /** The version of the pictures' playbook that ships. */
  ships?: number;
  /** Tenants beside the usual ones. */
  more?: number;
  /** Changes in a long history, in place of the usual ones. */
  changes?: number;
  readOnly?: boolean;
  manager?: boolean;
  /** Several conflicts, in two tenants. */
  disputed?: boolean;
};

const SIGNED_IN: Session = {
  state: "signed_in",
  account: "acc-mara",
  name: "mara.okafor",
  role: "IMPL_SPEC",
  server: "https://cairn.example.org",
  device: "d1",
};

function fail(code: string, message: string, details: unknown = null): Failure {
  return { code, message, details };
}

function progressOf(items: ItemRow[]): Progress {
  const counted = items.filter((item) => item.status !== "not_applicable");
  return {
    done: counted.filter((item) => item.status === "complete" && !item.conflict).length,
    total: counted.length,
    blocked: counted.filter((item) => item.status === "blocked").length,
  };
}

/** Why an item cannot be changed together with others. */
function refusalOf(item: ItemRow, edit: Edit): string | null {
  if (edit.field !== "status") return null;
  if (item.conflict)
    return "Two values stand against each other here. Decide on the Sync screen first.";
  if (edit.status === "complete" && item.check !== null)
    return "The platform confirms this item. Set it to waiting to verify.";
  if (edit.status === "waiting_to_verify" && item.check === null)
    return "Nothing checks this item, so it cannot wait to be verified.";
  return null;
}

/** The host in memory; its fields are open so that a test can set a scene. */
export class FakeHost implements Host {
  readonly now: Date;
  session: Session;
  network: string;
  problem: string | null = null;
  readonly tenants: TenantRow[] = [];
  readonly phases = new Map<string, FakePhase[]>();
  /** The version of its playbook that a tenant's project follows, where it is not 1. */
  readonly versions = new Map<string, number>();
  readonly comments = new Map<string, CommentRow[]>();
  readonly histories = new Map<string, HistoryRow[]>();
  readonly calls: Array<{ command: string; request: unknown }> = [];
  conflicts: ConflictRow[] = [];
  waiting: QueueRow[] = [];
  refused: QueueRow[] = [];
  held: QueueRow[] = [];
  notices: InboxRow[] = [];
  log: Array<[string, string]> = [];
  changes: ChangeRow[] = [];
  update: UpdateView = { running: ABOUT.version, checked: null, update: { state: "unknown" } };
  /** What the service says when it is asked for a newer Cairn. */
  offer: Update = { state: "current" };
  /** A playbook file that was opened from outside. */
  opened: OpenedPlaybook | null = null;
  settings: SettingsView;
  computer: ComputerView;
  backups: BackupRow[] = [];
  /** What the desktop's dialogs answer. */
  chosen: string | null = "/home/mara/riverside-2026-03-11.zip";
  /** Imports that were asked for. */
  readonly runs: FakeRuns;
  /** The mapping file that its dialog answers, or that was saved. */
  mappingFile: ImportRules | null = null;
  /** The newest plan of each tenant. */
  readonly plans = new Map<string, ImportPlan>();
  /** The people of the rosters on this computer, by tenant. */
  readonly rosters = new Map<string, PersonRow[]>();
  /** Whether the rows of plans, and people, show values about people as outlines. */
  masked = false;
  /** How far the person is with each tenant's import. */
  readonly drafts = new Map<string, ImportDraft>();
  /** What was said about files, by tenant and source. */
  readonly mappings = new Map<string, RememberedMapping>();
  savedTo: string | null = "/home/mara/enrollments-rejected.csv";
  /** What is said of the report that its dialog answers. */
  report: ReportChecked | null;
  /** How far the job is that runs now. */
  progress: ImportProgress | null = null;
  readonly #drags = new Set<(drag: Drag) => void>();
  readonly #held = new Map<keyof Commands, (reason: Failure | null) => void>();
  readonly #gates = new Map<keyof Commands, Promise<void>>();
  /** The next call of a command fails with this. */
  readonly failNext = new Map<keyof Commands, Failure>();
  readonly #playbookListeners = new Set<() => void>();
  readonly #listeners = new Set<(changed: Changed) => void>();
  readonly #openers = new Set<(place: Place | null) => void>();
  readonly #before = new Map<string, () => void>();
  readonly #options: FakeOptions;
  #sequence = 100;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.now = options.now ?? new Date();
    this.session = options.session ?? SIGNED_IN;
    this.network = options.network ?? "offline";
    this.runs = new FakeRuns(this.now);
    this.report = this.runs.checked();
    this.masked = options.readOnly ?? false;
    this.settings = mySettings();
    this.computer = myComputer(this.now);
    this.rosters.set("t-river", fakePeople(2_300));
    if (options.data !== "empty") this.backups = backups(this.now);
    if (options.data !== "empty") this.#fill(options.data !== "clean");
  }

  #fill(unsynced: boolean): void {
    const now = this.now;
    const add = (
      row: Partial<TenantRow> & { id: string; slug: string; name: string },
      phases: FakePhase[],
    ) => {
      this.tenants.push({ ...tenantRow(now, row.id, row.slug, row.name), ...row });
      this.phases.set(row.id, phases);
    };
    add(
      {
        id: "t-hill",
        slug: "hill-school",
        name: "Hill School",
        playbook: "first-school-go-live",
        mode: "pilot",
        go_live: date(now, 11),
      },
      hillPhases(now),
    );
    add({ id: "t-river", slug: "riverside", name: "Riverside Unified" }, riverPhases(now));
    add(
      {
        id: "t-north",
        slug: "northfield",
        name: "Northfield Academy",
        mode: "full",
        go_live: date(now, 25),
      },
      plainPhases(now, 10, 10),
    );
    add(
      { id: "t-orchard", slug: "orchard-valley", name: "Orchard Valley ISD", go_live: null },
      plainPhases(now, 3, 58),
    );
    add(
      {
        id: "t-lake",
        slug: "lakeside",
        name: "Lakeside Charter",
        playbook: null,
        mode: null,
        go_live: null,
        status: "not_started",
      },
      [],
    );
    if (this.#options.workshop) {
      add(
        {
          id: "t-delta",
          slug: "delta-region",
          name: "Delta Region",
          playbook: "regional-workshop",
          mode: null,
          go_live: date(now, -10),
        },
        workshopPhases(now),
      );
    }
    for (let n = 1; n <= (this.#options.more ?? 0); n += 1) {
      const phases = plainPhases(now, n % 23, 22);
      add({ id: `t-more-${n}`, slug: `school-${n}`, name: `School ${n}` }, phases);
    }
    this.changes = this.#options.changes
      ? longHistory(now, this.#options.changes)
      : fakeChanges(now);
    if (this.#options.large) {
      add(
        { id: "t-large", slug: "large", name: "Metro District" },
        plainPhases(now, 120, this.#options.large),
      );
    }
    this.comments.set("item/first-school-go-live/0/configure-sso", [
      this.#comment(
        "priya.nair",
        -2,
        "IT has the form. They answer within two working days.",
        "team",
      ),
      this.#comment(
        "dana.whitfield",
        -1,
        "I asked again this morning, the certificate is on its way.",
        "client",
      ),
    ]);
    if (unsynced) this.#queue();
    else this.#settle();
    this.log = [
      [at(now, -1, 18, 25), "No answer from the service: there is no network."],
      [at(now, -1, 17, 42), "3 sent, 12 received."],
    ];
  }

  #queue(): void {
    this.conflicts = this.#options.disputed ? manyConflicts(this.now) : conflicts(this.now);
    this.waiting = waiting(this.now);
    this.refused = refused(this.now);
    this.held = this.#options.manager ? held(this.now) : [];
    this.notices = notices(this.now);
  }

  /** Everything sent and decided. */
  #settle(): void {
    for (const phases of this.phases.values()) {
      for (const phase of phases) {
        for (const item of phase.items) Object.assign(item, { pending: false, conflict: false });
      }
    }
  }

  #comment(by: string, days: number, text: string, visibility: string): CommentRow {
    return {
      id: `c-${this.#sequence++}`,
      by,
      at: at(this.now, days, 9, 30),
      text,
      visibility,
      pending: false,
    };
  }

  onPlaybook(callback: () => void): Promise<() => void> {
    this.#playbookListeners.add(callback);
    return Promise.resolve(() => this.#playbookListeners.delete(callback));
  }

  /** A playbook file was opened from outside. */
  openFile(name: string, source: string): void {
    this.opened = { name, source };
    for (const listener of this.#playbookListeners) listener();
  }

  onDrag(callback: (drag: Drag) => void): Promise<() => void> {
    this.#drags.add(callback);
    return Promise.resolve(() => this.#drags.delete(callback));
  }

  /** Files are dragged over the window, or dropped on it. */
  drag(drag: Drag): void {
    for (const listener of this.#drags) listener(drag);
  }

  /** The next call of a command waits until what this gives is called, or until it is cancelled. */
  hold(command: keyof Commands): () => void {
    let end: (reason: Failure | null) => void = () => undefined;
    const gate = new Promise<void>((pass, refuse) => {
      end = (reason) => (reason === null ? pass() : refuse(reason));
    });
    this.#held.set(command, end);
    // Nobody may have called it when it is cancelled.
    gate.catch(() => undefined);
    this.#gates.set(command, gate);
    return () => end(null);
  }

  onOpen(callback: (place: Place | null) => void): Promise<() => void> {
    this.#openers.add(callback);
    return Promise.resolve(() => this.#openers.delete(callback));
  }

  /** A native notification was clicked. */
  click(place: Place | null): void {
    for (const opener of this.#openers) opener(place);
  }

  onChanged(callback: (changed: Changed) => void): Promise<() => void> {
    this.#listeners.add(callback);
    return Promise.resolve(() => this.#listeners.delete(callback));
  }

  /** As the shell does after a pull. */
  emitChanged(changed: Changed = "all"): void {
    for (const listener of this.#listeners) listener(changed);
  }

  async invoke<K extends keyof Commands>(
    command: K,
    request: Commands[K][0],
  ): Promise<Commands[K][1]> {
    this.calls.push({ command, request });
    const planned = this.failNext.get(command);
    if (planned) {
      this.failNext.delete(command);
      throw planned;
    }
    const gate = this.#gates.get(command);
    if (gate) {
      this.#gates.delete(command);
      await gate;
    }
    const handler = this.#handlers[command] as (request: Commands[K][0]) => Commands[K][1];
    return structuredClone(handler(request));
  }

  readonly #handlers: { [K in keyof Commands]: (request: Commands[K][0]) => Commands[K][1] } = {
    session: () => this.session,
    sign_in: ({ server, name, password }) => {
      if (password === "wrong")
        throw fail("bad_credentials", "The name or the password is not right.", {
          field: "password",
        });
      this.session = { ...SIGNED_IN, server, name } as Session;
      return this.session;
    },
    sign_out: () => {
      this.session = {
        state: "signed_out",
        server: "https://cairn.example.org",
        name: "mara.okafor",
        unsent: this.waiting.length,
      };
      return this.session;
    },
    export_unsent: () => ({
      file: "/home/mara/Downloads/cairn-unsent-20260302T120000Z.json",
      ops: this.waiting.length,
      tenants: [...new Set(this.waiting.map((row) => row.tenant))],
    }),
    lock: () => {
      this.session = { state: "locked", why: "asked", name: "mara.okafor" };
      return this.session;
    },
    unlock: ({ passphrase }) => {
      if (passphrase === "wrong")
        throw fail("passphrase_wrong", "This passphrase does not open the database.", {
          field: "passphrase",
        });
      this.session = SIGNED_IN;
      return this.session;
    },
    active: () => ({}),
    inbox: () => ({
      unread: this.notices.filter((row) => !row.read).length,
      rows: this.notices,
    }),
    mark_read: ({ tenant, key }) => {
      this.notices = this.notices.map((row) =>
        row.tenant === tenant && row.key === key ? { ...row, read: true } : row,
      );
      return {};
    },
    mark_all_read: () => {
      this.notices = this.notices.map((row) => ({ ...row, read: true }));
      return {};
    },
    choose_import: () => this.chosen,
    look_at_import: (request) => this.#look(request),
    check_import: (request) => this.#check(request),
    plan_import: (request) => {
      const plan = this.#planned(request);
      this.plans.set(request.tenant, plan);
      return plan;
    },
    plan_rows: (query) => {
      const plan = this.plans.get(query.tenant);
      if (!plan) throw fail("no_plan", "The rows of this plan are gone. Plan once more.");
      return fakePlanPage(fakeRows(plan), query, this.masked);
    },
    people: (query) => {
      const people = this.rosters.get(query.tenant) ?? null;
      const asOf = at(this.now, -1, 17, 31);
      return fakePeoplePage(people, query, this.masked, asOf);
    },
    import_draft: ({ tenant }) => this.drafts.get(tenant) ?? null,
    keep_import_draft: ({ tenant, draft }) => {
      if (draft === null) this.drafts.delete(tenant);
      else this.drafts.set(tenant, draft);
      return {};
    },
    remembered_mapping: ({ tenant, source }) => this.mappings.get(`${tenant} ${source}`) ?? null,
    remember_mapping: ({ tenant, source, mapping }) => {
      const said = { mapping, at: this.now.toISOString() };
      if (Object.keys(mapping).length === 0) this.mappings.delete(`${tenant} ${source}`);
      else this.mappings.set(`${tenant} ${source}`, said);
      return {};
    },
    open_mapping: () => this.mappingFile,
    save_mapping: ({ mapping }) => {
      if (this.chosen !== null) this.mappingFile = mapping;
      return this.chosen;
    },
    run_import: (request) => {
      const [run, answer] = this.runs.run(request, this.#planned(request));
      if (this.network === "online")
        setTimeout(() => {
          this.runs.answer(run.import, answer);
          this.emitChanged();
        });
      return run;
    },
    imports: ({ tenant }) => ({ imports: this.runs.of(tenant) }),
    verify_import: (request) => this.runs.verify(request.import),
    save_import_report: ({ import: id, kind }) => {
      if (this.savedTo === null) return null;
      const source = this.runs.find(id)?.source ?? "import";
      return { file: `/home/mara/${source.replace(/\.\w+$/, "")}-report.${kind}` };
    },
    check_import_report: () => this.report,
    roll_back_import: (request) => this.runs.rollBack(request.import, this.network === "online"),
    import_progress: () => this.progress,
    cancel_import: () => {
      for (const end of this.#held.values())
        end(fail("import_cancelled", "You cancelled this. Nothing was written."));
      return {};
    },
    export_rejected: (request) => {
      const file = this.#check(request).files.find((one) => one.name === request.file);
      return this.savedTo === null ? null : { file: this.savedTo, rows: file?.rejected ?? 0 };
    },
    in_front: () => ({}),
    set_recovery_passphrase: () => {
      this.computer.passphrase = true;
      return {};
    },
    status: () => ({
      pending: this.waiting.length,
      conflicts: this.conflicts.length,
      quarantined: this.refused.length,
      held: this.held.length,
      unread: this.notices.filter((row) => !row.read).length,
      last_sync: this.tenants.length === 0 ? null : at(this.now, -1, 17, 42),
      lease_until: at(this.now, 6, 17, 42),
      network: this.network,
      problem: this.problem,
    }),
    tenants: ({ only }) => ({
      tenants: this.tenants
        .filter((row) => only === null || row.id === only)
        .map((row) => this.#tenant(row)),
    }),
    checklist: ({ tenant }) => this.#checklist(tenant),
    item: ({ tenant, entity }) => {
      const item = this.#item(tenant, entity);
      return {
        item: { ...this.#shown(item), parts: this.#parts(item.key, this.#items(tenant)) },
        comments: this.#commentsOf(entity),
        history: [...(this.histories.get(entity) ?? []), ...historyOf(this.now, item)],
        people: PEOPLE,
      };
    },
    set_status: ({ tenant, entity, status, reason }) =>
      this.#setStatus(tenant, this.#item(tenant, entity), status, reason),
    set_field: ({ tenant, entity, field, value }) =>
      this.#setField(tenant, this.#item(tenant, entity), field, value),
    change_many: ({ tenant, entities, edit }) => this.#changeMany(tenant, entities, edit),
    comment: ({ tenant, entity, text, visibility }) => {
      const item = this.#item(tenant, entity);
      const row: CommentRow = {
        id: this.#op(tenant),
        by: "mara.okafor",
        at: this.now.toISOString(),
        text,
        visibility,
        pending: true,
      };
      this.comments.set(entity, [...this.#commentsOf(entity), row]);
      item.comments += 1;
      return this.#written(tenant, row.id, `Comment on ${item.title}`, null);
    },
    undo: ({ op }) => {
      const restore =
        this.#before.get(op) ??
        (this.changes.some((row) => row.id === op && row.cannot === null) ? () => undefined : null);
      if (!restore)
        throw fail("built_on", "Others have built on this change.", { ops: ["t-hill/d2/19"] });
      const summary = this.waiting.find((row) => row.op === op)?.summary ?? "Change";
      restore();
      this.waiting = this.waiting.filter((row) => row.op !== op);
      return this.#written("t-hill", this.#op("t-hill"), `Undone: ${summary}`, () => undefined);
    },
    take_playbook: () => {
      const opened = this.opened;
      this.opened = null;
      return opened;
    },
    check_playbook: ({ source }) => checkOf(source),
    plan_upgrade: ({ tenant, source }) => this.#plan(tenant, source),
    upgrade_project: ({ tenant, source, seen, keep }) => {
      if (this.#plan(tenant, source).seen !== seen)
        throw fail("changed_since", "Something changed since the changes were shown.");
      return this.#upgrade(tenant, keep);
    },
    start_project: (request) => {
      const { tenant, mode, go_live } = request;
      const own = "source" in request ? checkOf(request.source).playbook?.choice : undefined;
      const playbook = "source" in request ? (own?.key ?? "") : request.playbook;
      const row = this.#row(tenant);
      Object.assign(row, { playbook, mode: mode ?? null, go_live: go_live ?? null });
      this.phases.set(
        tenant,
        plainPhases(
          this.now,
          0,
          (own ?? PLAYBOOKS.find((one) => one.key === playbook))?.items ?? 10,
        ),
      );
      return this.#written(tenant, this.#op(tenant), `Project started: ${playbook}`, null);
    },
    history: ({ tenant }) => ({
      ops: this.#items(tenant).flatMap((item) => historyOf(this.now, item)),
    }),
    today: ({ day, limit }) =>
      fakeToday(
        {
          now: this.now,
          tenants: this.tenants.map((row) => this.#tenant(row)),
          phases: this.phases,
          conflicts: this.conflicts,
          refused: this.refused,
        },
        day,
        limit,
      ),
    changes: (filter) => fakePage(this.changes, filter, PEOPLE),
    revert: ({ ops, keep }) => {
      const done = fakeRevert(this.changes, ops, () => this.#op("t-hill"));
      if (!keep) return done;
      for (const op of ops) this.#before.get(op)?.();
      const gone = new Set(ops);
      this.waiting = this.waiting.filter((row) => !gone.has(row.op));
      for (const op of done.writes) this.#before.set(op, () => undefined);
      return done;
    },
    sync_now: () => {
      if (this.network === "offline")
        throw fail(
          "unreachable",
          "The service cannot be reached. Your work is kept here and leaves later.",
        );
      const pushed = this.waiting.length;
      this.waiting = [];
      return {
        pushed,
        pulled: 3,
        pending: 0,
        conflicts: this.conflicts.length,
        quarantined: this.refused.length,
        tenants: this.tenants.length,
        took_ms: 240,
        requests: 1,
        rebuilt: 0,
        complete: true,
      };
    },
    sync_view: () => ({
      waiting: this.waiting,
      refused: this.refused,
      held: this.held,
      conflicts: this.conflicts,
      log: this.log,
      can_manage_held: this.#options.manager ?? false,
    }),
    resolve_many: ({ choices }) => {
      const ops = choices.map((choice) => this.#handlers.resolve(choice).op);
      const many = ops.length === 1 ? "1 conflict" : `${ops.length} conflicts`;
      return { summary: `${many} settled; every value stays in History`, ops, refused: [] };
    },
    edit_refused: ({ op }) => this.#leave("refused", op, "Edited"),
    resolve: ({ conflict, take }) => {
      const row = this.conflicts.find((one) => one.id === conflict);
      const value = row?.values.find((one) => one.op === take);
      if (!row || !value) throw fail("unknown_conflict", "This conflict was decided meanwhile.");
      this.conflicts = this.conflicts.filter((one) => one.id !== conflict);
      const status = STATUSES.find((one) => texts.status[one] === value.shown);
      const item = this.#item(row.tenant, row.entity);
      const written = this.#edit(row.tenant, item, value.shown, {
        conflict: false,
        ...(status ? { status, reason: value.text } : {}),
      });
      // One write cannot bring several values back.
      return { ...written, undoable: false };
    },
    retry: ({ op }) => this.#leave("refused", op, "Sent again"),
    discard: ({ op }) => {
      this.refused = this.refused.filter((row) => row.op !== op);
      return {};
    },
    held_adopt: ({ op }) => this.#leave("held", op, "Taken over"),
    held_discard: ({ op }) => this.#leave("held", op, "Discarded"),
    audit_verify: () => ({
      ok: true,
      ops: 120,
      head: "9f".repeat(32),
      first_bad_seq: null,
      reason: null,
    }),
    settings: () => this.settings,
    change_settings: (edit) => {
      const fields: Record<string, string> = {};
      const time = /^([01]\d|2[0-3]):[0-5]\d$/;
      for (const name of ["quiet_from", "quiet_to"] as const) {
        const given = edit[name];
        if (given !== undefined && !time.test(given))
          fields[name] =
            `Enter when the quiet ${name === "quiet_to" ? "ends" : "begins"}, for example 07:00`;
      }
      const folder = edit.backup_folder;
      if (folder && !folder.startsWith("/"))
        fields.backup_folder = "Enter the whole path of a folder";
      if (Object.keys(fields).length > 0) throw fail("bad_settings", "Not taken over.", { fields });
      Object.assign(this.settings, edit);
      if (folder !== undefined) {
        this.settings.backup_folder = folder || mySettings().backup_folder;
        this.settings.backup_folder_chosen = folder !== "";
      }
      return this.settings;
    },
    computer: () => this.computer,
    about: () => ABOUT,
    update: () => this.update,
    check_update: () => {
      this.update = { ...this.update, checked: at(this.now, 0, 9, 30), update: this.offer };
      return this.update;
    },
    install_update: () => {
      if (this.update.update.state === "offered") {
        const installed = { state: "installed" as const, release: this.update.update.release };
        this.update = { ...this.update, update: installed };
      }
      return this.update;
    },
    cancel_update: () => ({}),
    restart: () => ({}),
    backups: () => ({ folder: this.settings.backup_folder, backups: this.backups }),
    back_up: () => {
      const name = "cairn-20260312T080000Z.cairn-backup";
      const made: BackupRow = {
        file: `${this.settings.backup_folder}/${name}`,
        name,
        made: this.now.toISOString(),
        bytes: 12_800_000,
        state: "here",
        passphrase: this.computer.passphrase,
      };
      this.backups = [made, ...this.backups];
      return made;
    },
    restore: ({ file, confirm, passphrase, leave_unsent }) => {
      const row = this.backups.find((one) => one.file === file);
      if (!row) throw fail("backup_unreadable", "The backup cannot be read.");
      const wrong = (field: string, message: string) =>
        fail("bad_restore", message, { fields: { [field]: message } });
      if (confirm !== "restore") throw wrong("confirm", "Type the word restore to go on");
      if (row.state === "passphrase" && passphrase === undefined)
        throw wrong(
          "passphrase",
          "Enter the recovery passphrase that was set when this backup was made",
        );
      if (passphrase === "wrong")
        throw wrong("passphrase", "This passphrase does not open the backup");
      const readable = this.session.state === "signed_in";
      const count = readable ? this.waiting.length : 0;
      if (count > 0 && !leave_unsent)
        throw fail("unsent_work", "Changes would stay behind.", { count });
      this.session = {
        state: "signed_out",
        server: "https://cairn.example.org",
        name: "mara.okafor",
        unsent: 1,
      };
      return {
        made: row.made ?? "",
        aside: `${this.computer.folder}/before-restore-20260312T080000Z`,
        unsent: 1,
        left: readable ? count : null,
        session: this.session,
      };
    },
  };

  #row(tenant: string): TenantRow {
    const row = this.tenants.find((one) => one.id === tenant);
    if (!row) throw fail("unknown_tenant", "This tenant is not on this computer.");
    return row;
  }

  #items(tenant: string): ItemRow[] {
    return (this.phases.get(tenant) ?? []).flatMap((phase) => phase.items);
  }

  #item(tenant: string, entity: string): ItemRow {
    const item = this.#items(tenant).find((one) => one.entity === entity);
    if (!item) throw fail("unknown_item", "This item is not in the checklist.");
    return item;
  }

  #commentsOf(entity: string): CommentRow[] {
    return this.comments.get(entity) ?? [];
  }

  #shown(item: ItemRow): ItemRow {
    return { ...item, comments: Math.max(item.comments, this.#commentsOf(item.entity).length) };
  }

  #tenant(row: TenantRow): TenantRow {
    return {
      ...row,
      progress: progressOf(this.#items(row.id)),
      trail: trailOf(this.phases.get(row.id) ?? []),
      pending: this.waiting.filter((one) => one.tenant === row.id).length,
      conflicts: this.conflicts.filter((one) => one.tenant === row.id).length,
    };
  }

  #checklist(tenant: string): ChecklistView {
    const row = this.#row(tenant);
    const phases: PhaseRow[] = (this.phases.get(tenant) ?? []).map((phase) => ({
      ...phase,
      items: phase.items.map((item) => ({
        ...this.#shown(item),
        parts: this.#parts(item.key, phase.items),
      })),
      progress: progressOf(phase.items),
    }));
    return {
      tenant: this.#tenant(row),
      playbook_title:
        row.playbook === null
          ? null
          : (PLAYBOOKS.find((one) => one.key === row.playbook)?.title ??
            texts.playbook(row.playbook)),
      version: row.playbook === null ? null : (this.versions.get(tenant) ?? 1),
      phases,
      playbooks: this.#options.readOnly ? [] : PLAYBOOKS,
      can_write: !this.#options.readOnly,
      can_comment: true,
      mode_title: row.mode === null ? null : row.mode.charAt(0).toUpperCase() + row.mode.slice(1),
      can_upgrade: !this.#options.readOnly && row.playbook !== null,
      newer: this.#newer(row),
      people: PEOPLE,
    };
  }

  #newer(row: TenantRow): number | null {
    const ships = this.#options.ships ?? 1;
    const follows = this.versions.get(row.id) ?? 1;
    return row.playbook === "first-school-go-live" && ships > follows ? ships : null;
  }

  /** Only the pictures' tenant has somewhere to go: to the version that ships, or to a file. */
  #plan(tenant: string, source: string | undefined): UpgradePlan {
    const from = this.versions.get(tenant) ?? 1;
    const plan = upgradePlan(from);
    if (source === undefined && (this.#options.ships ?? 1) <= from)
      return { ...plan, to: from, up_to_date: true };
    return plan;
  }

  #upgrade(tenant: string, keep: boolean): Written {
    const before = structuredClone(this.phases.get(tenant) ?? []);
    const phases = structuredClone(before);
    for (const phase of phases) {
      phase.items = phase.items.filter((item) => item.key !== GOES);
    }
    const gone = before.flatMap((phase) => phase.items).find((item) => item.key === GOES);
    if (keep && gone) {
      const items = [{ ...gone, phase: "", in_playbook: false }];
      phases.push({ key: "", title: "No longer in the playbook", days: null, items });
    }
    this.phases.set(tenant, phases);
    this.versions.set(tenant, 2);
    return this.#written(tenant, this.#op(tenant), "Playbook upgraded to version 2", () => {
      this.phases.set(tenant, before);
      this.versions.set(tenant, 1);
    });
  }

  /** Counts of what is nested in an item, at any depth. */
  #parts(key: string, items: ItemRow[]): Progress | null {
    const nested = (above: string): ItemRow[] =>
      items.filter((item) => item.parent === above).flatMap((item) => [item, ...nested(item.key)]);
    const all = nested(key);
    return all.length === 0 ? null : progressOf(all);
  }

  #blocker(tenant: string, item: ItemRow, reason: string): ItemRow["blocker"] {
    return {
      id: `blocker/${item.key}`,
      tenant,
      item: item.key,
      severity: "P2",
      reason,
      owner: item.owner,
      waiting_on: null,
      opened_at: this.now.toISOString(),
      level: 0,
      due_at: null,
    };
  }

  #setStatus(tenant: string, item: ItemRow, status: string, reason?: string): Written {
    if (needsReason(asStatus(status)) && !reason?.trim()) {
      throw fail("reason_required", "A reason is required.", { field: "reason" });
    }
    return this.#edit(tenant, item, texts.status[asStatus(status)], {
      status,
      reason: reason ?? null,
      conflict: false,
      blocker: status === "blocked" ? this.#blocker(tenant, item, reason ?? "") : null,
    });
  }

  #setField(tenant: string, item: ItemRow, field: string, value: unknown): Written {
    if (field === "owner") return this.#setOwner(tenant, item, value);
    if (field === "evidence") return this.#edit(tenant, item, "evidence", {});
    return this.#edit(tenant, item, `${texts.sync.field(field)} ${value ?? "removed"}`, {
      [field]: value,
    });
  }

  #changeMany(tenant: string, entities: string[], edit: Edit): ManyWritten {
    const items = new Map(this.#items(tenant).map((item) => [item.entity, item]));
    const done: ManyWritten = { summary: "Nothing was changed", ops: [], refused: [] };
    for (const entity of entities) {
      const item = items.get(entity);
      if (!item) continue;
      const message = refusalOf(item, edit);
      if (message !== null) {
        done.refused.push({ entity, title: item.title, message });
        continue;
      }
      const written =
        edit.field === "status"
          ? this.#setStatus(tenant, item, edit.status, edit.reason)
          : this.#setField(tenant, item, edit.field, "value" in edit ? edit.value : null);
      done.ops.push(written.op);
      const count = done.ops.length;
      const said = written.summary.slice(item.title.length);
      done.summary = `${count === 1 ? "1 item" : `${count} items`}${said}`;
    }
    return done;
  }

  #setOwner(tenant: string, item: ItemRow, value: unknown): Written {
    const given = value as { account?: string; role?: string } | null;
    const person = PEOPLE.find((one) => one.account === given?.account);
    const owner = person?.name ?? given?.role ?? null;
    return this.#edit(tenant, item, `owner ${owner ?? "removed"}`, {
      owner,
      owner_account: person?.account ?? null,
      owner_title: null,
    });
  }

  #look(request: ImportRequest): ImportLook {
    const { path, format, mapping } = request;
    if (path.includes("gone"))
      throw fail(
        "import_unreadable",
        `'${path}' cannot be read: there is no such file or folder; it may have been moved or deleted`,
        { file: path },
      );
    if (path.includes("empty"))
      throw fail("import_empty", "'empty' holds no table: no CSV, TSV or XLSX file lies in it", {
        file: "empty",
      });
    return fakeLook(path, format, mapping);
  }

  #check(request: ImportRequest): ImportReport {
    const rules = request.rules ?? "tolerant";
    const report = fakeReport(this.#look(request), rules, request.path.includes("clean"));
    return fakeMended(report, request.mapping);
  }

  /** The same files again, read as `same`, change nothing. */
  #planned(request: ImportRequest): ImportPlan {
    const { tenant, path } = request;
    const plan = fakePlan(this.#check(request), tenant !== "t-lake" && !path.includes("first"));
    if (path.includes("same")) return fakeSame(plan);
    return path.includes("pilot") ? fakePilot(plan) : plan;
  }

  #op(tenant: string): string {
    return `${tenant}/d1/${this.#sequence++}`;
  }

  #edit(tenant: string, item: ItemRow, said: string, change: Partial<ItemRow>): Written {
    const before = { ...item };
    const op = this.#op(tenant);
    Object.assign(item, change, {
      pending: true,
      updated_by: "mara.okafor",
      updated_at: this.now.toISOString(),
    });
    const summary = `${item.title}: ${said}`;
    this.#note(item, op, summary, change.reason ?? null);
    return this.#written(tenant, op, summary, () => Object.assign(item, before));
  }

  #note(item: ItemRow, op: string, summary: string, reason: string | null): void {
    const base = historyOf(this.now, item)[0];
    if (!base) return;
    const row = {
      ...base,
      id: op,
      seq: null,
      at: this.now.toISOString(),
      summary,
      reason,
      outcome: "pending",
      can_undo: true,
    };
    this.histories.set(item.entity, [row, ...(this.histories.get(item.entity) ?? [])]);
  }

  #written(tenant: string, op: string, summary: string, restore: (() => void) | null): Written {
    this.waiting.push({
      op,
      tenant,
      tenant_name: this.#row(tenant).name,
      summary,
      written_at: this.now.toISOString(),
      state: "pending",
      problem: null,
      code: null,
      entity: null,
      edit: null,
      decided: null,
    });
    this.#before.set(op, restore ?? (() => undefined));
    return { op, summary, undoable: restore !== null };
  }

  #leave(list: "refused" | "held", op: string, said: string): Written {
    const row = this[list].find((one) => one.op === op);
    if (!row) throw fail("unknown_op", "This change was decided meanwhile.");
    this[list] = this[list].filter((one) => one.op !== op);
    return this.#written(row.tenant, this.#op(row.tenant), `${said}: ${row.summary}`, null);
  }
}

const SESSIONS: Record<string, Session> = {
  "sign-in": { state: "signed_out", server: null, name: null, unsent: 0 },
  revoked: {
    state: "signed_out",
    server: "https://cairn.example.org",
    name: "mara.okafor",
    unsent: 4,
  },
  locked: { state: "locked", why: "asked", name: "mara.okafor" },
  recovery: {
    state: "recovery",
    code: "key_locked",
    message: "The keyring is locked. Unlock it, then try again.",
    passphrase: true,
  },
  damaged: {
    state: "unusable",
    code: "database_damaged",
    message:
      "The database is damaged: the right key cannot read its first page. Restore a backup of it, or move its folder aside and start again: what the service has comes back after signing in.",
  },
  unusable: {
    state: "unusable",
    code: "database_newer",
    message: "A newer version of Cairn wrote this database. Install that version to open it.",
  },
};

/** A fake whose scene is named in the address, e.g. `?scene=locked` or `?scene=empty`. */
export function fakeFromAddress(search: string): FakeHost {
  const asked = new URLSearchParams(search);
  const scene = asked.get("scene") ?? "";
  const now = asked.get("now");
  const session = SESSIONS[scene];
  const host = new FakeHost({
    ...(now === null ? {} : { now: new Date(now) }),
    ...(session === undefined ? {} : { session }),
    data: scene === "empty" ? "empty" : scene === "clean" ? "clean" : "full",
    network:
      scene === "clean" || scene === "import-online"
        ? "online"
        : scene === "error"
          ? "error"
          : "offline",
    large: scene === "large" ? 1_000 : scene === "huge" ? 10_000 : 0,
    workshop: scene === "workshop",
    ships: scene === "newer" ? 2 : 1,
    more: scene === "many" ? 1_000 : 0,
    changes: scene === "many" ? 100_000 : 0,
    readOnly: scene === "reader",
    manager: scene === "manager",
    disputed: scene === "disputed",
  });
  if (scene === "import-job") {
    host.hold("check_import");
    host.progress = { rows: 412_306, bytes: 700_000, pass: 1, passes: 1 };
  }
  if (scene === "import-again") {
    const said = { "users.csv": { columns: { phoneNo: "phone", "shoe size": "-" } } };
    const at = new Date(host.now.getTime() - 9 * 86_400_000).toISOString();
    const key = "t-river source of riverside-2026-03-11.zip";
    host.mappings.set(key, { mapping: { files: said }, at });
  }
  if (scene === "people-one") host.rosters.set("t-river", fakePeople(1));
  if (scene === "people-failed") {
    host.failNext.set("people", {
      code: "roster_damaged",
      message:
        "The roster file is damaged: a page cannot be read. Load the roster again from the service.",
      details: null,
    });
  }
  if (scene === "refused") host.refused = refusedOfEachKind(host.now);
  if (scene.startsWith("opened")) {
    const source = scene === "opened-bad" ? "fault" : "good";
    host.opened = { name: "library-pilot.playbook.toml", source };
  }
  return host;
}
