// Generated from src-tauri/crates/app/src/api.rs by `cargo test -p cairn-app`; do not edit.

/**
 * Where the app stands: decides which screen may show.
 */
export type Session = { "state": "signed_out",
/**
 * The service used last, to prefill the form.
 */
server: string | null,
/**
 * The name used last.
 */
name: string | null,
/**
 * Changes that have not left this computer.
 */
unsent: number, } | { "state": "locked",
/**
 * `asked`, `idle` or `lease`.
 */
why: string,
/**
 * Who is signed in on this profile.
 */
name: string | null, } | { "state": "recovery",
/**
 * `key_absent`, `key_locked`, `key_wrong`, `key_hanging` or `key_backend_changed`.
 */
code: string,
/**
 * One plain sentence.
 */
message: string,
/**
 * Whether a recovery passphrase was set and can open it.
 */
passphrase: boolean, } | { "state": "unusable",
/**
 * Code.
 */
code: string,
/**
 * One plain sentence: what is wrong and what to do.
 */
message: string, } | { "state": "signed_in",
/**
 * Account id.
 */
account: string,
/**
 * Sign-in name.
 */
name: string,
/**
 * Role.
 */
role: string,
/**
 * The service.
 */
server: string,
/**
 * This device.
 */
device: string, };

/**
 * The sync line at the bottom of every screen.
 */
export type StatusLine = {
/**
 * Changes that have not left this computer.
 */
pending: number,
/**
 * Conflicts that wait for a decision.
 */
conflicts: number,
/**
 * Changes the service refused.
 */
quarantined: number,
/**
 * Changes on the service's held list that this device wrote.
 */
held: number,
/**
 * RFC 3339; none before the first sync.
 */
last_sync: string | null,
/**
 * RFC 3339: until when work without contact is possible.
 */
lease_until: string | null,
/**
 * `online`, `offline`, `syncing` or `error`.
 */
network: string,
/**
 * What the last attempt ran into, in plain words.
 */
problem: string | null, };

/**
 * A tenant in a list.
 */
export type TenantRow = {
/**
 * Id.
 */
id: string,
/**
 * Short name.
 */
slug: string,
/**
 * Full name.
 */
name: string,
/**
 * Playbook key of the newest open project, or none.
 */
playbook: string | null,
/**
 * Its rollout mode.
 */
mode: string | null,
/**
 * Its status.
 */
status: string,
/**
 * `YYYY-MM-DD`.
 */
go_live: string | null,
/**
 * How far it is.
 */
progress: Progress,
/**
 * Last confirmed seq.
 */
seq: number,
/**
 * Head at that seq, hex.
 */
head: string,
/**
 * Digest of the confirmed state at that seq, hex.
 */
digest: string,
/**
 * RFC 3339: when this laptop last heard from the service about it.
 */
as_of: string | null,
/**
 * Own changes that wait.
 */
pending: number,
/**
 * Conflicts.
 */
conflicts: number, };

/**
 * Counts of a checklist; not applicable items leave the total.
 */
export type Progress = {
/**
 * Complete.
 */
done: number,
/**
 * All that apply.
 */
total: number,
/**
 * Blocked.
 */
blocked: number, };

/**
 * One item or step.
 */
export type ItemRow = {
/**
 * What commands name it by, e.g. `item/school-district/0/confirm-tenant`.
 */
entity: string,
/**
 * Key in the playbook.
 */
key: string,
/**
 * Phase key.
 */
phase: string,
/**
 * Key of the item it is part of.
 */
parent: string | null,
/**
 * Title.
 */
title: string,
/**
 * One of the six statuses of SPEC.
 */
status: string,
/**
 * Shown owner: a person's name or a role.
 */
owner: string | null,
/**
 * Account id where the owner is a person.
 */
owner_account: string | null,
/**
 * `YYYY-MM-DD`.
 */
due: string | null,
/**
 * Keys of items it depends on.
 */
depends_on: Array<string>,
/**
 * Of those, the keys that are not complete yet: a warning, never a refusal.
 */
waiting_for: Array<string>,
/**
 * Reason of blocked and not applicable.
 */
reason: string | null,
/**
 * Note.
 */
note: string | null,
/**
 * What was given as evidence: text or a link.
 */
evidence: string | null,
/**
 * Where the playbook says how to do it.
 */
how_to: string | null,
/**
 * What evidence the playbook wants.
 */
evidence_wanted: string | null,
/**
 * The telemetry check that confirms it, where the playbook names one.
 */
check: string | null,
/**
 * Name of who changed it last.
 */
updated_by: string | null,
/**
 * RFC 3339, the author's clock.
 */
updated_at: string | null,
/**
 * Whether own changes to it wait to be sent.
 */
pending: boolean,
/**
 * Whether two values stand against each other.
 */
conflict: boolean,
/**
 * Comments on it.
 */
comments: number,
/**
 * False where an upgrade removed it but somebody's value is still undecided.
 */
in_playbook: boolean,
/**
 * The open blocker it carries.
 */
blocker: BlockerRow | null, };

/**
 * An open blocker.
 */
export type BlockerRow = {
/**
 * Id.
 */
id: string,
/**
 * Tenant id.
 */
tenant: string,
/**
 * Key of the item it stands on.
 */
item: string,
/**
 * `P0` to `P3`; `P2` until somebody says otherwise.
 */
severity: string,
/**
 * Reason that stands now.
 */
reason: string,
/**
 * Owner.
 */
owner: string | null,
/**
 * `us`, `client` or `vendor`.
 */
waiting_on: string | null,
/**
 * RFC 3339.
 */
opened_at: string,
/**
 * Escalation level, 0 so far.
 */
level: number,
/**
 * RFC 3339; none until deadlines exist.
 */
due_at: string | null, };

/**
 * A phase with its items.
 */
export type PhaseRow = {
/**
 * Key; empty for items no longer in the playbook.
 */
key: string,
/**
 * Title.
 */
title: string,
/**
 * Counts.
 */
progress: Progress,
/**
 * Items in the playbook's order.
 */
items: Array<ItemRow>, };

/**
 * A tenant's checklist.
 */
export type ChecklistView = {
/**
 * The tenant.
 */
tenant: TenantRow,
/**
 * Title of the playbook; none while no project has started.
 */
playbook_title: string | null,
/**
 * Version of the playbook.
 */
version: number | null,
/**
 * Phases in order.
 */
phases: Array<PhaseRow>,
/**
 * Playbooks a project can be started from, where the signed-in person may.
 */
playbooks: Array<PlaybookChoice>,
/**
 * Whether the signed-in person may write items here.
 */
can_write: boolean,
/**
 * Whether the signed-in person may comment here.
 */
can_comment: boolean, };

/**
 * A playbook that can be started.
 */
export type PlaybookChoice = {
/**
 * Key.
 */
key: string,
/**
 * Title.
 */
title: string,
/**
 * Version.
 */
version: number,
/**
 * Modes as (key, title); empty where it has none.
 */
modes: Array<[string, string]>,
/**
 * Items in it.
 */
items: number, };

/**
 * One entry of a history.
 */
export type HistoryRow = {
/**
 * Op id.
 */
id: string,
/**
 * Seq; none while it waits.
 */
seq: number | null,
/**
 * RFC 3339, the author's clock.
 */
at: string,
/**
 * Author's name.
 */
actor: string,
/**
 * Whom the author stood in for.
 */
acting_under: string | null,
/**
 * Device id.
 */
device: string,
/**
 * The verb and what it is about, as JSON.
 */
change: Record<string, unknown>,
/**
 * One plain sentence, e.g. `Configure SSO: In progress to Blocked`.
 */
summary: string,
/**
 * The values before, as JSON.
 */
before: unknown,
/**
 * The value after, as JSON.
 */
after: unknown,
/**
 * Why.
 */
reason: string | null,
/**
 * `pending`, `accepted`, `refused`, `held`, `discarded` or `duplicate`.
 */
outcome: string,
/**
 * Whether undo would be taken now.
 */
can_undo: boolean, };

/**
 * A comment.
 */
export type CommentRow = {
/**
 * Op id.
 */
id: string,
/**
 * Author's name.
 */
by: string,
/**
 * RFC 3339.
 */
at: string,
/**
 * Text.
 */
text: string,
/**
 * `client` or `team`.
 */
visibility: string,
/**
 * Whether it waits to be sent.
 */
pending: boolean, };

/**
 * What an item's side panel shows.
 */
export type ItemDetail = {
/**
 * The item.
 */
item: ItemRow,
/**
 * Comments, oldest first.
 */
comments: Array<CommentRow>,
/**
 * Changes, newest first.
 */
history: Array<HistoryRow>,
/**
 * Who may own it.
 */
people: Array<Person>, };

/**
 * A person who can own an item.
 */
export type Person = {
/**
 * Account id.
 */
account: string,
/**
 * Name.
 */
name: string,
/**
 * Role.
 */
role: string, };

/**
 * What a write did.
 */
export type Written = {
/**
 * The op.
 */
op: string,
/**
 * What the toast says, e.g. `Confirm tenant setup: Complete`.
 */
summary: string, };

/**
 * A change that waits to be sent, was refused or is held.
 */
export type QueueRow = {
/**
 * Op id.
 */
op: string,
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * One plain sentence.
 */
summary: string,
/**
 * RFC 3339.
 */
written_at: string,
/**
 * `pending`, `receipted`, `quarantined` or `held`.
 */
state: string,
/**
 * Why it was refused or held.
 */
problem: string | null,
/**
 * Code of the refusal.
 */
code: string | null,
/**
 * What the change would have set, to edit it.
 */
entity: string | null,
/**
 * Held work that somebody has decided about on this computer, while the service does not know
 * yet: `adopted` or `discarded`.
 */
decided: string | null, };

/**
 * One of the values of a conflict.
 */
export type ConflictValue = {
/**
 * The op that wrote it; the way to take it.
 */
op: string,
/**
 * The value as JSON.
 */
value: unknown,
/**
 * The value in words, e.g. `Blocked`.
 */
shown: string,
/**
 * The reason or text behind it.
 */
text: string | null,
/**
 * Author's name.
 */
by: string,
/**
 * Author's role.
 */
role: string | null,
/**
 * RFC 3339, the author's clock.
 */
at: string,
/**
 * Whether the signed-in person wrote it, on any device.
 */
mine: boolean,
/**
 * What taking this value loses, in plain words.
 */
loses: Array<string>, };

/**
 * A conflict: more than one value that nobody has replaced.
 */
export type ConflictRow = {
/**
 * Its id: `tenant|entity#field`.
 */
id: string,
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * Key of the item, or the entity.
 */
item: string,
/**
 * Title of the item.
 */
title: string,
/**
 * Entity, to open it.
 */
entity: string,
/**
 * Field.
 */
field: string,
/**
 * The value before both, as JSON.
 */
base: unknown,
/**
 * The value before in words.
 */
base_shown: string,
/**
 * Who wrote the value before, and when.
 */
base_by: string | null,
/**
 * RFC 3339.
 */
base_at: string | null,
/**
 * The values.
 */
values: Array<ConflictValue>,
/**
 * The op whose value shows meanwhile.
 */
winner: string, };

/**
 * What the Sync screen shows.
 */
export type SyncView = {
/**
 * Waiting for a network, oldest first.
 */
waiting: Array<QueueRow>,
/**
 * Refused by the service.
 */
refused: Array<QueueRow>,
/**
 * Own work on the held list, and for managers everybody's.
 */
held: Array<QueueRow>,
/**
 * Conflicts.
 */
conflicts: Array<ConflictRow>,
/**
 * The last attempts, newest first, in plain words with RFC 3339 times.
 */
log: Array<[string, string]>,
/**
 * Whether the signed-in person may adopt or discard held work.
 */
can_manage_held: boolean, };

/**
 * What one sync did; the JSON shape of `cairnctl sync`.
 */
export type SyncReport = {
/**
 * Ops the service answered for.
 */
pushed: number,
/**
 * Entries received.
 */
pulled: number,
/**
 * Ops still waiting.
 */
pending: number,
/**
 * Conflicts now.
 */
conflicts: number,
/**
 * Refused ops now.
 */
quarantined: number,
/**
 * Tenants on this laptop.
 */
tenants: number,
/**
 * Milliseconds.
 */
took_ms: number,
/**
 * Requests made.
 */
requests: number,
/**
 * False where the time ran out with more to come; the next attempt goes on from there.
 */
complete: boolean,
/**
 * Tenants that had to be rebuilt after a digest mismatch; always 0 in health.
 */
rebuilt: number, };

/**
 * Unsent work as a sealed file; the JSON shape of `cairnctl held export`.
 */
export type Exported = {
/**
 * Where the file lies.
 */
file: string,
/**
 * Changes inside.
 */
ops: number,
/**
 * Slugs of their tenants, or ids where this computer knows no slug.
 */
tenants: Array<string>, };

/**
 * Which theme the window has.
 */
export type Theme = "system" | "light" | "dark";

/**
 * The preferences of this computer, as the Settings screen shows them.
 */
export type SettingsView = {
/**
 * Theme.
 */
theme: Theme,
/**
 * Whether quiet hours count.
 */
quiet_on: boolean,
/**
 * `HH:MM`, local.
 */
quiet_from: string,
/**
 * `HH:MM`, local; before `quiet_from` where the hours go over midnight.
 */
quiet_to: string,
/**
 * Whether native notifications show.
 */
notifications: boolean,
/**
 * Minutes without use until the window locks, 1 to 15.
 */
lock_after_minutes: number,
/**
 * Seconds that `--lock-after` named instead, for this run.
 */
lock_fixed_seconds: number | null,
/**
 * Whether Cairn goes on without its window.
 */
keep_running: boolean,
/**
 * Where backups go.
 */
backup_folder: string,
/**
 * Whether somebody chose that folder.
 */
backup_folder_chosen: boolean,
/**
 * Where a broken settings file was moved to at this start.
 */
set_aside: string | null, };

/**
 * What to change of [`SettingsView`]; what is not named stays.
 */
export type SettingsEdit = {
/**
 * Theme.
 */
theme?: Theme,
/**
 * Whether quiet hours count.
 */
quiet_on?: boolean,
/**
 * `HH:MM`, local.
 */
quiet_from?: string,
/**
 * `HH:MM`, local.
 */
quiet_to?: string,
/**
 * Whether native notifications show.
 */
notifications?: boolean,
/**
 * 1 to 15.
 */
lock_after_minutes?: number,
/**
 * Whether Cairn goes on without its window.
 */
keep_running?: boolean,
/**
 * The whole path of a folder; empty for the usual one.
 */
backup_folder?: string, };

/**
 * An enrolled device of the signed-in person.
 */
export type DeviceRow = {
/**
 * Device id.
 */
id: string,
/**
 * Whether it is this one.
 */
this: boolean,
/**
 * Whether the service still takes anything from it.
 */
active: boolean,
/**
 * RFC 3339: when it was enrolled; none where this computer has not received that yet.
 */
since: string | null,
/**
 * RFC 3339: when it was retired.
 */
retired: string | null, };

/**
 * This computer: its devices, its lease and its data.
 */
export type ComputerView = {
/**
 * The signed-in person's devices, this one first, then the newest first.
 */
devices: Array<DeviceRow>,
/**
 * RFC 3339: when the service last answered this one.
 */
last_contact: string,
/**
 * RFC 3339: until when work without contact is possible.
 */
lease_until: string,
/**
 * Whether a recovery passphrase is set.
 */
passphrase: boolean,
/**
 * The profile directory.
 */
folder: string,
/**
 * Bytes of the database with its write-ahead log.
 */
database_bytes: number,
/**
 * Bytes of what the web view keeps.
 */
web_bytes: number,
/**
 * Tenants on this computer.
 */
tenants: number, };

/**
 * Which program this is.
 */
export type About = {
/**
 * Version of Cairn.
 */
version: string,
/**
 * Version of the protocol it speaks.
 */
protocol: number,
/**
 * Newest schema of the local database it knows.
 */
schema: number,
/**
 * Version of SQLite.
 */
sqlite: string,
/**
 * Version of SQLCipher.
 */
sqlcipher: string,
/**
 * Version of the web view; none where the system does not tell.
 */
web_view: string | null,
/**
 * The operating system and the processor's architecture.
 */
system: string, };

/**
 * What opens a backup, or why nothing does.
 */
export type BackupState = "here" | "passphrase" | "elsewhere" | "incomplete" | "newer" | "unreadable";

/**
 * A file in the folder for backups.
 */
export type BackupRow = {
/**
 * Its whole path.
 */
file: string,
/**
 * Its name.
 */
name: string,
/**
 * RFC 3339: when it was made; none where it cannot be read.
 */
made: string | null,
/**
 * Its size.
 */
bytes: number,
/**
 * What opens it.
 */
state: BackupState,
/**
 * Whether it has a recovery passphrase.
 */
passphrase: boolean, };

/**
 * The backups in a folder.
 */
export type BackupList = {
/**
 * The folder.
 */
folder: string,
/**
 * Newest first.
 */
backups: Array<BackupRow>, };

/**
 * What a restore left behind.
 */
export type Restored = {
/**
 * RFC 3339: when the backup was made.
 */
made: string,
/**
 * Where the database lies that was there before; none where there was none.
 */
aside: string | null,
/**
 * Changes in the restored outbox that wait to be sent.
 */
unsent: number,
/**
 * Changes that only the database moved aside holds; none where it could not be read.
 */
left: number | null,
/**
 * Where the window stands now.
 */
session: Session, };

/**
 * An error as the window gets it.
 */
export type Failure = {
/**
 * To branch on.
 */
code: string,
/**
 * To show.
 */
message: string,
/**
 * What it is about.
 */
details: unknown, };
