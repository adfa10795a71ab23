/**
 * The one seam between the window and the core: every command by name with what it takes and
 * gives, and the event that says something changed. Only this folder imports `@tauri-apps/*`.
 */
import type {
  About,
  BackupList,
  BackupRow,
  ChecklistView,
  Choice,
  ComputerView,
  Edit,
  Exported,
  ExportedRows,
  Failure,
  HistoryFilter,
  HistoryPage,
  HistoryRow,
  ImportDraft,
  ImportLook,
  ImportPlan,
  ImportProgress,
  ImportReport,
  ImportRollback,
  ImportRow,
  ImportRules,
  ImportRun,
  ImportVerified,
  InboxView,
  ItemDetail,
  ManyWritten,
  OpenedPlaybook,
  PeoplePage,
  PlanChange,
  PlanPage,
  PlaybookCheck,
  RememberedMapping,
  ReportChecked,
  Restored,
  RevertView,
  RunChoices,
  SavedReport,
  Session,
  SettingsEdit,
  SettingsView,
  StatusLine,
  SyncReport,
  SyncView,
  TenantRow,
  TodayView,
  UpdateView,
  UpgradePlan,
  Written,
} from "./types";

type None = Record<string, never>;

/** What an owner can be: a person, a role, or nobody. */
export type OwnerValue = { account: string } | { role: string } | null;

/** An item, a step or the like of a tenant. */
export type Place = { tenant: string; entity: string };

/** A field of an item and its new value. `due` is `YYYY-MM-DD`. */
export type FieldEdit =
  | { field: "owner"; value: OwnerValue }
  | { field: "note" | "due" | "evidence"; value: string | null };

/** What `audit_verify` found. */
export type AuditReport = {
  ok: boolean;
  ops: number;
  head: string;
  first_bad_seq: number | null;
  reason: string | null;
};

/** Which backup to restore, and what was typed to confirm it. */
export type RestoreRequest = {
  file: string;
  confirm: string;
  passphrase?: string;
  leave_unsent?: boolean;
};

/** Files as an import of a tenant; without a format it is found, without rules they are tolerant. */
export type ImportRequest = {
  tenant: string;
  path: string;
  format?: string;
  rules?: "tolerant" | "strict";
  /** What was said about the files by hand. */
  mapping?: ImportRules;
};

/** How a report of verifying is written: for people, or for spreadsheets. */
export type ReportKind = "html" | "csv";

/** Which rows of a tenant's newest plan; `from` is a place among those of the type and change. */
export type PlanQuery = {
  tenant: string;
  type: string | null;
  change: PlanChange | null;
  /** In an id or a value, in any case. */
  text: string;
  /** Only those that change most, most first. */
  worst: boolean;
  from: number;
  limit: number;
};

/** Which people of a tenant's roster; `from` is a place among all of them. */
export type PeopleQuery = {
  tenant: string;
  /** In an id, a name or an address, in any case. */
  text: string;
  /** The main role; a blank one stands for none. */
  role: string | null;
  /** The id of a site. */
  site: string | null;
  from: number;
  limit: number;
  /** Whether the answer has the counts as well. */
  totals: boolean;
};

/** What is dragged over the window, or was dropped on it. */
export type Drag = { at: "over" } | { at: "gone" } | { at: "dropped"; paths: string[] };

/** Every command as `[request, response]`. */
export type Commands = {
  session: [None, Session];
  sign_in: [{ server: string; name: string; password: string }, Session];
  sign_out: [None, Session];
  /** Everything unsent as a sealed file in the folder for downloads; works signed out. */
  export_unsent: [None, Exported];
  lock: [None, Session];
  unlock: [{ passphrase?: string }, Session];
  /** Somebody moves in the window; without it for long the core locks. */
  active: [None, None];
  set_recovery_passphrase: [{ passphrase: string }, None];
  status: [None, StatusLine];
  /** All, or only the row of one. */
  tenants: [{ only: string | null }, { tenants: TenantRow[] }];
  checklist: [{ tenant: string }, ChecklistView];
  item: [{ tenant: string; entity: string }, ItemDetail];
  set_status: [{ tenant: string; entity: string; status: string; reason?: string }, Written];
  set_field: [{ tenant: string; entity: string } & FieldEdit, Written];
  /** One transaction; what cannot be changed stays and is named with its reason. */
  change_many: [{ tenant: string; entities: string[]; edit: Edit }, ManyWritten];
  comment: [{ tenant: string; entity: string; text: string; visibility: string }, Written];
  undo: [{ op: string }, Written];
  /** From a built-in playbook by its key, or from a file's source. */
  start_project: [
    ({ playbook: string } | { source: string }) & {
      tenant: string;
      mode?: string;
      go_live?: string;
    },
    Written,
  ];
  /** What a playbook's source contains, or everything that is wrong with it. */
  /** The playbook file that was opened from outside, once. */
  take_playbook: [None, OpenedPlaybook | null];
  check_playbook: [{ source: string }, PlaybookCheck];
  /** What an upgrade would change; without a source to the version that ships with Cairn. */
  plan_upgrade: [{ tenant: string; source?: string }, UpgradePlan];
  /** Upgrades as a plan said; `keep` lets items that go but hold something stay. */
  upgrade_project: [{ tenant: string; source?: string; seen: string; keep: boolean }, Written];
  history: [{ tenant: string }, { ops: HistoryRow[] }];
  /** `day` is the local date, `YYYY-MM-DD`; each list holds at most `limit` rows. */
  today: [{ day: string; limit: number }, TodayView];
  changes: [HistoryFilter, HistoryPage];
  /** With `keep` false nothing is written: the answer says what would happen. */
  revert: [{ ops: string[]; keep: boolean }, RevertView];
  sync_now: [None, SyncReport];
  sync_view: [None, SyncView];
  resolve: [{ conflict: string; take: string }, Written];
  /** Each tenant's in one transaction; a settled conflict cannot be taken back. */
  resolve_many: [{ choices: Choice[] }, ManyWritten];
  retry: [{ op: string }, Written];
  /** Writes a refused change anew with other values of the same kind. */
  edit_refused: [{ op: string; edit: Edit }, Written];
  discard: [{ op: string }, None];
  held_adopt: [{ op: string }, Written];
  held_discard: [{ op: string }, Written];
  audit_verify: [{ tenant: string }, AuditReport];
  inbox: [None, InboxView];
  mark_read: [{ tenant: string; key: string }, None];
  mark_all_read: [None, None];
  /** What is in front of the person, so that it raises no native notification. */
  in_front: [{ place: Place | null }, None];
  /** The preferences of this computer; there before anybody signed in. */
  settings: [None, SettingsView];
  change_settings: [SettingsEdit, SettingsView];
  computer: [None, ComputerView];
  about: [None, About];
  update: [None, UpdateView];
  /** Asks the service for a newer Cairn. */
  check_update: [None, UpdateView];
  /** Answers when it is installed, cancelled or failed. */
  install_update: [None, UpdateView];
  cancel_update: [None, None];
  restart: [None, None];
  /** The backups in the folder that the settings name. */
  backups: [None, BackupList];
  back_up: [None, BackupRow];
  restore: [RestoreRequest, Restored];
  /** The desktop's dialog; null where the person chose nothing. */
  choose_import: [{ folder: boolean }, string | null];
  /** What files are taken for, by their first rows. */
  look_at_import: [ImportRequest, ImportLook];
  check_import: [ImportRequest, ImportReport];
  plan_import: [ImportRequest, ImportPlan];
  /** So many rows are looked at for a page that it may be short, or empty, and still have a next one. */
  plan_rows: [PlanQuery, PlanPage];
  /** How far the person is with a tenant's import; null where none was begun. */
  import_draft: [{ tenant: string }, ImportDraft | null];
  /** Keeps it for after a restart; null forgets it. */
  keep_import_draft: [{ tenant: string; draft: ImportDraft | null }, None];
  /** What was said the last time about files of that source; null where nothing was. */
  remembered_mapping: [{ tenant: string; source: string }, RememberedMapping | null];
  /** Remembers it for the next files of that source; a mapping that says nothing forgets it. */
  remember_mapping: [{ tenant: string; source: string; mapping: ImportRules }, None];
  /** A mapping file that the desktop's dialog asks for; null where none was chosen. */
  open_mapping: [None, ImportRules | null];
  /** To a place that the desktop's dialog asks for: the file's path, null for none. */
  save_mapping: [{ mapping: ImportRules }, string | null];
  /** Asks for an import: answered at once where the service is in reach, otherwise queued. */
  run_import: [ImportRequest & { choices: RunChoices }, ImportRun];
  /** The tenant's imports, newest first. */
  imports: [{ tenant: string }, { imports: ImportRow[] }];
  /** Holds an import against the roster on this computer. */
  verify_import: [{ import: string }, ImportVerified];
  /** What verifying found, signed, to a place that the desktop's dialog asks for; null for none. */
  save_import_report: [{ import: string; kind: ReportKind }, SavedReport | null];
  /** Whether a report, which the desktop's dialog asks for, is as it was signed; null for none. */
  check_import_report: [None, ReportChecked | null];
  /** Takes an import back; queued where the service is out of reach. */
  roll_back_import: [{ import: string }, ImportRollback];
  /** How far the check or plan is that runs now; null where none does. */
  import_progress: [None, ImportProgress | null];
  cancel_import: [None, None];
  /** The rejected rows of one file, to a place that the desktop's dialog asks for; null for none. */
  export_rejected: [ImportRequest & { file: string }, ExportedRows | null];
  /** So many people are looked at for a page that it may be short, or empty, and still have a next one. */
  people: [PeopleQuery, PeoplePage];
};

/** What is to be read again: all that the window shows, or the line, the counts and the inbox. */
export type Changed = "all" | "line";

/** What stands behind the seam: the desktop shell, or the fake used in tests and the browser. */
export type Host = {
  invoke<K extends keyof Commands>(command: K, request: Commands[K][0]): Promise<Commands[K][1]>;
  onChanged(callback: (changed: Changed) => void): Promise<() => void>;
  /** Calls back when a native notification was clicked; null stands for the inbox. */
  onOpen(callback: (place: Place | null) => void): Promise<() => void>;
  /** Calls back when a playbook file was opened from outside; `take_playbook` gives it. */
  onPlaybook(callback: () => void): Promise<() => void>;
  /** Calls back while files are dragged over the window, and when they are dropped. */
  onDrag(callback: (drag: Drag) => void): Promise<() => void>;
};

let host: Host | null = null;

/** Chooses the host; called once before the first screen, and by each test. */
export function useHost(chosen: Host): void {
  host = chosen;
}

/** Runs a command. Rejects with a {@link Failure}, whatever went wrong. */
export async function call<K extends keyof Commands>(
  command: K,
  request: Commands[K][0],
): Promise<Commands[K][1]> {
  if (host === null) throw failure("no_host", "Cairn is still starting.");
  try {
    return await host.invoke(command, request);
  } catch (error) {
    throw asFailure(error);
  }
}

/** Calls back after anything changed in the local database, whoever wrote it. */
export async function onChanged(callback: (changed: Changed) => void): Promise<() => void> {
  if (host === null) throw failure("no_host", "Cairn is still starting.");
  return host.onChanged(callback);
}

/** Calls back when a native notification was clicked, with what it was about. */
export async function onOpen(callback: (place: Place | null) => void): Promise<() => void> {
  if (host === null) throw failure("no_host", "Cairn is still starting.");
  return host.onOpen(callback);
}

/** Calls back when a playbook file was opened from outside. */
export async function onPlaybook(callback: () => void): Promise<() => void> {
  if (host === null) throw failure("no_host", "Cairn is still starting.");
  return host.onPlaybook(callback);
}

/** Calls back while files are dragged over the window, and when they are dropped. */
export async function onDrag(callback: (drag: Drag) => void): Promise<() => void> {
  if (host === null) throw failure("no_host", "Cairn is still starting.");
  return host.onDrag(callback);
}

/** Whatever was thrown as the one error shape the screens know. */
export function asFailure(error: unknown): Failure {
  if (typeof error === "object" && error !== null && "code" in error && "message" in error) {
    const given = error as { code: unknown; message: unknown; details?: unknown };
    return failure(String(given.code), String(given.message), given.details ?? null);
  }
  const message = error instanceof Error ? error.message : String(error);
  return failure("internal", message);
}

function failure(code: string, message: string, details: unknown = null): Failure {
  return { code, message, details };
}
