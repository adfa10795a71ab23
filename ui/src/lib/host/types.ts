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
 * Notices in the inbox that were not seen.
 */
unread: number,
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
 * The trail: one letter per item that applies, phases apart by a space. `c`omplete, in
 * `p`rogress, waiting to `v`erify, `o`pen, `b`locked.
 */
trail: string,
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
blocker: BlockerRow | null,
/**
 * `critical`, `high`, `medium` or `low`, where the playbook says so.
 */
priority: string | null,
/**
 * Effort in complexity points, 1 to 100.
 */
complexity: number | null,
/**
 * A number to reach.
 */
target: TargetRow | null,
/**
 * `daily`, `weekly` or `monthly` where it comes again.
 */
repeat: string | null,
/**
 * Which time this is, where the playbook writes an item for each.
 */
round: number | null,
/**
 * What is signed where it is completed: the title of the playbook's line.
 */
sign_off: string | null,
/**
 * What this playbook calls the role that owns it; none where a person owns it or the role keeps
 * its name.
 */
owner_title: string | null,
/**
 * Counts of everything nested in it, at any depth.
 */
parts: Progress | null, };

/**
 * A number that an item has to reach.
 */
export type TargetRow = {
/**
 * `at_least` or `at_most`.
 */
bound: string,
/**
 * The number.
 */
value: number,
/**
 * What is counted, such as `% onboarded`.
 */
unit: string,
/**
 * Within how many hours, where there is a time.
 */
within_hours: number | null, };

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
items: Array<ItemRow>,
/**
 * How many days it usually takes in this mode.
 */
days: number | null, };

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
can_comment: boolean,
/**
 * What the playbook calls the project's mode.
 */
mode_title: string | null,
/**
 * Whether the signed-in person may upgrade the project.
 */
can_upgrade: boolean,
/**
 * The version of this playbook that ships with Cairn, where it is newer than the project's.
 */
newer: number | null,
/**
 * Who may own items here.
 */
people: Array<Person>, };

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
 * What it is for.
 */
summary: string | null,
/**
 * The kind of tenant it is for.
 */
tenant_kind: string,
/**
 * Version.
 */
version: number,
/**
 * How long a roll-out usually takes.
 */
duration: DaySpan | null,
/**
 * Modes in the playbook's order; empty where it has none.
 */
modes: Array<ModeChoice>,
/**
 * Phases in it.
 */
phases: number,
/**
 * Items in it, over all modes and with every repeat.
 */
items: number, };

/**
 * A rollout mode that can be chosen.
 */
export type ModeChoice = {
/**
 * Key.
 */
key: string,
/**
 * Title.
 */
title: string,
/**
 * When to choose it.
 */
summary: string | null,
/**
 * How long a roll-out in this mode usually takes.
 */
duration: DaySpan | null,
/**
 * Items it picks.
 */
items: number, };

/**
 * A stretch of days, both ends included.
 */
export type DaySpan = {
/**
 * The short end.
 */
min_days: number,
/**
 * The long end.
 */
max_days: number, };

/**
 * What a playbook file is: what it contains, or what is wrong with it.
 */
export type PlaybookCheck = {
/**
 * Everything that is wrong, in the order of the file; empty where it can be used.
 */
problems: Array<PlaybookProblem>,
/**
 * What it contains; none where something is wrong.
 */
playbook: PlaybookFacts | null, };

/**
 * A playbook file that was opened from outside, for example by a double click.
 */
export type OpenedPlaybook = {
/**
 * Its file name.
 */
name: string,
/**
 * What it holds.
 */
source: string, };

/**
 * One fault of a playbook file.
 */
export type PlaybookProblem = {
/**
 * Line, from 1.
 */
line: number,
/**
 * Column in that line, from 1, in Unicode characters.
 */
column: number,
/**
 * One of the codes of `docs/playbooks.md`.
 */
code: string,
/**
 * The reason in plain words.
 */
message: string, };

/**
 * What a playbook contains.
 */
export type PlaybookFacts = {
/**
 * What starting it needs to know.
 */
choice: PlaybookChoice,
/**
 * Titles of its phases with the number of their items.
 */
phases: Array<[string, number]>,
/**
 * Items nested in another.
 */
nested: number,
/**
 * Items with a number to reach.
 */
targets: number,
/**
 * Wizard steps.
 */
steps: number,
/**
 * Banners.
 */
banners: number,
/**
 * Sign-off lines.
 */
sign_offs: number, };

/**
 * What an upgrade of a project would change.
 */
export type UpgradePlan = {
/**
 * The project, as `playbook/n`.
 */
project: string,
/**
 * Title of the playbook in the new version.
 */
title: string,
/**
 * The version it follows.
 */
from: number,
/**
 * The version it would follow.
 */
to: number,
/**
 * Whether the file is the very one it follows.
 */
up_to_date: boolean,
/**
 * The project's mode, where the new version does not have it any more.
 */
mode_gone: string | null,
/**
 * Items and steps that come.
 */
added: Array<UpgradeLine>,
/**
 * Items and steps that go; those that hold something stay where that is asked for.
 */
removed: Array<UpgradeLine>,
/**
 * Items and steps that stay and differ.
 */
changed: Array<UpgradeLine>,
/**
 * What was seen; an upgrade that names it is refused where something changed since.
 */
seen: string, };

/**
 * One item or step of an upgrade.
 */
export type UpgradeLine = {
/**
 * `item` or `step`.
 */
kind: string,
/**
 * Key.
 */
key: string,
/**
 * Title; of a changed one the new one.
 */
title: string,
/**
 * Title of its phase; empty for a step.
 */
phase: string,
/**
 * Fields that differ.
 */
fields: Array<UpgradeField>,
/**
 * What people wrote on it, in words such as `Complete` and `note`; empty where nothing.
 */
holds: Array<string>,
/**
 * Whether it stays whatever is asked for, because another mode of the new version has it.
 */
stays: boolean, };

/**
 * A field that differs.
 */
export type UpgradeField = {
/**
 * Name as in the file.
 */
field: string,
/**
 * In words; none where it was not there.
 */
before: string | null,
/**
 * In words; none where it is not there any more.
 */
after: string | null, };

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
summary: string,
/**
 * Whether it can be taken back. A comment stays, and so does a decision about held work.
 */
undoable: boolean, };

/**
 * A change of an item as people make it: of one or of many, and of one that was refused.
 */
export type Edit = { "field": "status",
/**
 * One of the six statuses of SPEC.
 */
status: string,
/**
 * Required for blocked and not applicable.
 */
reason?: string, } | { "field": "owner",
/**
 * A person, a role or nobody.
 */
value: { account: string } | { role: string } | null, } | { "field": "due",
/**
 * `YYYY-MM-DD`; none takes it away.
 */
value: string | null, } | { "field": "note",
/**
 * None takes it away.
 */
value: string | null, } | { "field": "evidence",
/**
 * None takes it away.
 */
value: string | null, } | { "field": "comment",
/**
 * What it says.
 */
text: string, };

/**
 * What a write of many did.
 */
export type ManyWritten = {
/**
 * What the toast says, e.g. `5 items: Complete`.
 */
summary: string,
/**
 * The ops. Of changed items, taking them back in one go restores everything.
 */
ops: Array<string>,
/**
 * What stays as it was, each with its reason.
 */
refused: Array<LeftRow>, };

/**
 * An item that stays as it was.
 */
export type LeftRow = {
/**
 * The item.
 */
entity: string,
/**
 * Its title.
 */
title: string,
/**
 * Why, in plain words.
 */
message: string, };

/**
 * Which value of a conflict to keep.
 */
export type Choice = {
/**
 * The conflict.
 */
conflict: string,
/**
 * The op that wrote the value.
 */
take: string, };

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
 * What the change is about, to open it.
 */
entity: string | null,
/**
 * What a refused change wanted to set, where its kind can be edited.
 */
edit: Edit | null,
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
 * A notice in the inbox.
 */
export type InboxRow = {
/**
 * Its name within the tenant.
 */
key: string,
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * `blocker`, `conflict`, `overdue`, `due` or `reply`.
 */
kind: string,
/**
 * The item, step or other entity it is about.
 */
entity: string,
/**
 * Title of that place.
 */
title: string,
/**
 * Who caused it; none where time did.
 */
by: string | null,
/**
 * The reason, the comment, the date `YYYY-MM-DD`, or the field with two values.
 */
text: string,
/**
 * RFC 3339: when it was written by its author's clock, or when it was noticed here.
 */
at: string,
/**
 * Whether the person has seen it.
 */
read: boolean, };

/**
 * The inbox.
 */
export type InboxView = {
/**
 * How many were not seen.
 */
unread: number,
/**
 * The notices, newest first.
 */
rows: Array<InboxRow>, };

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
 * What the day begins with, across all tenants.
 */
export type TodayView = {
/**
 * Where to go on; none where nothing is open anywhere.
 */
front: FrontRow | null,
/**
 * Tasks whose day has passed.
 */
late: number,
/**
 * Tasks that are due today.
 */
due_today: number,
/**
 * The first task due after today.
 */
upcoming: TaskRow | null,
/**
 * What is late, due today or within a week, by day; without what is next in front.
 */
due: Array<TaskRow>,
/**
 * How many there are in all.
 */
due_total: number,
/**
 * What is blocked in other tenants, the most pressing first.
 */
blocked: Array<TaskRow>,
/**
 * How many there are in all.
 */
blocked_total: number,
/**
 * What needs the signed-in person's decision.
 */
decisions: Array<DecisionRow>,
/**
 * How many changes and conflicts those stand for in all.
 */
decisions_total: number,
/**
 * What waits to be verified once there is a connection, the oldest claim first.
 */
unverified: Array<TaskRow>,
/**
 * How many there are in all.
 */
unverified_total: number, };

/**
 * The tenant that Today opens on.
 */
export type FrontRow = {
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * Counts.
 */
progress: Progress,
/**
 * `YYYY-MM-DD`.
 */
go_live: string | null,
/**
 * The trail.
 */
phases: Array<TrailPhase>,
/**
 * RFC 3339: when the signed-in person wrote there last; none where it is merely the most urgent.
 */
left_at: string | null,
/**
 * What to do next there.
 */
next: TaskRow | null,
/**
 * What is blocked there, the most pressing first.
 */
blocked: Array<TaskRow>, };

/**
 * A phase of a trail.
 */
export type TrailPhase = {
/**
 * Key; empty for items no longer in the playbook.
 */
key: string,
/**
 * Title.
 */
title: string,
/**
 * One letter per item that applies, as in [`TenantRow::trail`].
 */
stones: string,
/**
 * Counts.
 */
progress: Progress, };

/**
 * An open item of some tenant.
 */
export type TaskRow = {
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * The item, to open it.
 */
entity: string,
/**
 * Title.
 */
title: string,
/**
 * Status.
 */
status: string,
/**
 * `YYYY-MM-DD`.
 */
due: string | null,
/**
 * Shown owner: a person's name or a role.
 */
owner: string | null,
/**
 * Whether the signed-in person owns it.
 */
mine: boolean,
/**
 * Name of who changed it last.
 */
updated_by: string | null,
/**
 * RFC 3339, the author's clock.
 */
updated_at: string | null,
/**
 * What stands in its way; present exactly for blocked.
 */
block: BlockRow | null, };

/**
 * What stands in the way of a task.
 */
export type BlockRow = {
/**
 * Why.
 */
reason: string,
/**
 * Shown owner of the blocker, else of the item.
 */
owner: string | null,
/**
 * `us`, `client` or `vendor`.
 */
waiting_on: string | null,
/**
 * `P0` to `P3`.
 */
severity: string,
/**
 * RFC 3339.
 */
opened_at: string | null, };

/**
 * Something only the signed-in person can decide; the Sync screen is where.
 */
export type DecisionRow = {
/**
 * `conflict` or `refused`.
 */
kind: string,
/**
 * Tenant id.
 */
tenant: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * What it is about: the title of an item, or the change in one sentence. None where no title
 * is at hand.
 */
title: string | null,
/**
 * Why it was refused.
 */
problem: string | null,
/**
 * How many it stands for.
 */
count: number, };

/**
 * What the History screen asks for; what is left out does not narrow it.
 */
export type HistoryFilter = {
/**
 * Tenant id.
 */
tenant?: string,
/**
 * Only what wrote to this entity.
 */
entity?: string,
/**
 * Account id.
 */
person?: string,
/**
 * `status`, `field`, `comment`, `blocker`, `project` or `other`.
 */
kind?: string,
/**
 * RFC 3339: not earlier than this, by the authors' clocks.
 */
from?: string,
/**
 * RFC 3339: earlier than this.
 */
until?: string,
/**
 * Words that must all occur in what a row shows.
 */
text?: string,
/**
 * Where the page before ended.
 */
after?: string,
/**
 * At most so many rows; 200 where it is left out.
 */
limit?: number, };

/**
 * A page of changes, newest first.
 */
export type HistoryPage = {
/**
 * The changes.
 */
ops: Array<ChangeRow>,
/**
 * Where the next page goes on; none at the end.
 */
next: string | null,
/**
 * How many there are in all; only on the first page and where no words are searched.
 */
total: number | null,
/**
 * RFC 3339: how far back a search for words has looked.
 */
searched_to: string | null,
/**
 * The seq from which this laptop holds the tenant's journal; 1 where it is complete, and where
 * no tenant was named.
 */
complete_from: number,
/**
 * Whom one can ask for; only on the first page.
 */
people: Array<Person>,
/**
 * The title of the entity that was asked for.
 */
entity_title: string | null, };

/**
 * One change as the History screen shows it.
 */
export type ChangeRow = {
/**
 * Op id.
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
 * RFC 3339, the author's clock; when the service received it where that is not for this reader.
 */
at: string,
/**
 * Author's name; none where that is not for this reader.
 */
actor: string | null,
/**
 * Whether the signed-in person wrote it.
 */
mine: boolean,
/**
 * As in [`HistoryFilter::kind`].
 */
kind: string,
/**
 * What it is about: the title of an item, or a sentence where there is no before and after.
 */
title: string,
/**
 * The field that changed, in words; none where there is no before and after.
 */
field: string | null,
/**
 * The value before, in words.
 */
before: string | null,
/**
 * The value after, in words.
 */
after: string | null,
/**
 * Why.
 */
reason: string | null,
/**
 * The item it is about, to open it.
 */
entity: string | null,
/**
 * `pending`, `accepted`, `refused`, `held` or `discarded`.
 */
outcome: string,
/**
 * Why it cannot be taken back, as a code: `built_on`, `nothing_to_undo`, `replaced_several`,
 * `not_in_force`; none where it can.
 */
cannot: string | null, };

/**
 * What taking several changes back did, or would do.
 */
export type RevertView = {
/**
 * Changes taken back.
 */
reverted: number,
/**
 * The ops that were written for it, newest first: taking them back restores everything.
 */
writes: Array<string>,
/**
 * Changes that stay, each with its reason.
 */
refused: Array<RefusedRow>, };

/**
 * A change that could not be taken back.
 */
export type RefusedRow = {
/**
 * Op id.
 */
id: string,
/**
 * Tenant name.
 */
tenant_name: string,
/**
 * The change in one sentence.
 */
summary: string,
/**
 * `built_on`, `nothing_to_undo`, `replaced_several`, `not_allowed`, `unknown_op` and others.
 */
code: string,
/**
 * Why, in plain words.
 */
message: string, };

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
 * How large everything in the window is, in percent.
 */
zoom_percent: number,
/**
 * The sizes there are.
 */
zooms: Array<number>,
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
 * One of [`SettingsView::zooms`].
 */
zoom_percent?: number,
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
 * Whether there is a newer Cairn.
 */
export type UpdateView = {
/**
 * The version that runs.
 */
running: string,
/**
 * RFC 3339: when the service last showed a list of releases that counts.
 */
checked: string | null,
/**
 * Where the update stands.
 */
update: Update, };

/**
 * Where an update stands.
 */
export type Update = { "state": "off",
/**
 * `not_packaged`: it was not installed from a package; `no_release_key`: its package was
 * built without the makers' key.
 */
why: string, } | { "state": "unknown" } | { "state": "current" } | { "state": "none" } | { "state": "offered",
/**
 * Which.
 */
release: ReleaseRow, } | { "state": "fetching",
/**
 * Which.
 */
release: ReleaseRow,
/**
 * Bytes that are here.
 */
done: number, } | { "state": "installing",
/**
 * Which.
 */
release: ReleaseRow, } | { "state": "installed",
/**
 * Which.
 */
release: ReleaseRow, } | { "state": "failed",
/**
 * Code.
 */
code: string,
/**
 * One plain sentence.
 */
message: string,
/**
 * Which, where it got that far: it can be tried again.
 */
release: ReleaseRow | null, };

/**
 * A release as the window shows it.
 */
export type ReleaseRow = {
/**
 * Version.
 */
version: string,
/**
 * What is new, in plain text.
 */
notes: string,
/**
 * RFC 3339: when it was signed.
 */
published: string,
/**
 * Bytes of its package.
 */
size: number, };

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
 * A format and what people call it.
 */
export type FormatName = {
/**
 * As reports and `--format` write it.
 */
format: string,
/**
 * What people call it.
 */
title: string, };

/**
 * A column that the format has for such records.
 */
export type FieldLook = {
/**
 * Its name.
 */
name: string,
/**
 * No row can be imported without it.
 */
required: boolean,
/**
 * The words it may hold; empty where it holds anything else.
 */
words: Array<string>, };

/**
 * A word of a file where the format has others.
 */
export type WordLook = {
/**
 * As the file writes it.
 */
word: string,
/**
 * How often it stands in the first rows.
 */
count: number,
/**
 * What the mapping says that it means.
 */
meant: string | null, };

/**
 * How the dates of a column are written.
 */
export type DatesLook = {
/**
 * `dd.MM.yyyy`, `MM/dd/yyyy` or `yyyy-MM-dd`; none where nothing proves an order.
 */
order: string | null,
/**
 * The mapping says so.
 */
told: boolean,
/**
 * Some dates can be read in two ways, and nothing says which.
 */
unclear: boolean, };

/**
 * A label of a table, and what it is taken for.
 */
export type ColumnLook = {
/**
 * The mapping leaves it out.
 */
left_out: boolean,
/**
 * Its first values, each once; in outline where they are about people or nobody knows.
 */
samples: Array<string>,
/**
 * Words among the first rows that its column does not know, the most frequent first, and those that
 * the mapping translates already.
 */
words: Array<WordLook>,
/**
 * How its dates are written, where any is not `YYYY-MM-DD`.
 */
dates: DatesLook | null,
/**
 * Its label in the file.
 */
label: string,
/**
 * The column of the format, or the likeliest one where it is not mapped.
 */
column: string | null,
/**
 * `told`, `exact`, `alias`, `fuzzy` or `none`.
 */
how: string,
/**
 * From 0 to 1.
 */
confidence: number,
/**
 * Whether it is read as that column: only what is certain is, unasked.
 */
mapped: boolean, };

/**
 * A table as it lies there.
 */
export type TableLook = {
/**
 * The file's name.
 */
name: string,
/**
 * The type of its records, or `manifest`; none where the format knows no such file.
 */
kind: string | null,
/**
 * Bytes on disk, before unpacking.
 */
size: number,
/**
 * Bytes to be read; none where only reading tells, as in a workbook.
 */
unpacked: number | null,
/**
 * Its columns, in the file's order.
 */
columns: Array<ColumnLook>,
/**
 * The columns that the format has for such records; empty where it knows no such file.
 */
fields: Array<FieldLook>,
/**
 * The encoding it seems to be in.
 */
encoding: string,
/**
 * What stands between fields; none in a workbook.
 */
delimiter: string | null,
/**
 * `LF`, `CRLF`, `CR` or `mixed`.
 */
line_ends: string, };

/**
 * What files are taken for.
 */
export type ImportLook = {
/**
 * The file or folder that was looked at, without its path.
 */
name: string,
/**
 * The format; none where nothing fits.
 */
format: FormatName | null,
/**
 * How it was found; none where nothing fits.
 */
detected: ImportDetected | null,
/**
 * Why nothing fits.
 */
unknown: string | null,
/**
 * The tables, in order of their names.
 */
tables: Array<TableLook>,
/**
 * Files that are left alone.
 */
left: Array<ImportLeft>,
/**
 * All formats that can be named by hand.
 */
formats: Array<FormatName>,
/**
 * The types of records that a table can be said to hold; empty where nothing fits.
 */
kinds: Array<string>,
/**
 * What such files have in common wherever they come from again: a hash of the tables' names and labels.
 */
source: string, };

/**
 * What a mapping file says about one file.
 */
export type FileRules = {
/**
 * The type of its records, such as `users`; `-` leaves the file out.
 */
is?: string,
/**
 * Its encoding, by any name that the web knows.
 */
encoding?: string,
/**
 * What stands between fields: one character.
 */
delimiter?: string,
/**
 * What encloses fields: one character.
 */
quote?: string,
/**
 * Lines above the header.
 */
skip_lines?: number,
/**
 * Label to column; `-` leaves the column out.
 */
columns?: { [key in string]?: string },
/**
 * Column to its values: what the file writes to what is meant.
 */
values?: { [key in string]?: { [key in string]?: string } },
/**
 * Column to the order of its dates, such as `dd.MM.yyyy`.
 */
dates?: { [key in string]?: string },
/**
 * Column to the fixes that are not made to its values, such as `case`: these are judged as they
 * stand.
 */
keep?: { [key in string]?: Array<string> }, };

/**
 * A mapping file, TOML or JSON (docs/imports.md). Everything in it is optional.
 */
export type ImportRules = {
/**
 * The format.
 */
format?: string,
/**
 * What is to be known about files, by name.
 */
files?: { [key in string]?: FileRules }, };

/**
 * How far a person is with a tenant's import.
 */
export type ImportDraft = {
/**
 * The files.
 */
path: string,
/**
 * The step that shows; a word of the window's.
 */
step: string,
/**
 * The format, where it was chosen by hand.
 */
format: string | null,
/**
 * `strict` or `tolerant`.
 */
rules: string,
/**
 * What was said about the files.
 */
mapping: ImportRules,
/**
 * What was agreed to of the plan.
 */
choices: RunChoices,
/**
 * The import that is looked at; none while it is not asked for.
 */
import: string | null, };

/**
 * What was said about files like these before.
 */
export type RememberedMapping = {
/**
 * What was said.
 */
mapping: ImportRules,
/**
 * When; RFC 3339.
 */
at: string, };

/**
 * How the format was found.
 */
export type ImportDetected = {
/**
 * From 0 to 1; 1 also where it was said by hand.
 */
confidence: number,
/**
 * Why, in a sentence.
 */
reason: string,
/**
 * Other formats that it could be, the likeliest first.
 */
others: Array<ImportCandidate>, };

/**
 * A format that files could be in.
 */
export type ImportCandidate = {
/**
 * The format.
 */
format: string,
/**
 * From 0 to 1.
 */
confidence: number, };

/**
 * A file that was left alone.
 */
export type ImportLeft = {
/**
 * The file.
 */
name: string,
/**
 * Why.
 */
reason: string, };

/**
 * The answer of a check. Fields that SPEC does not name come last.
 */
export type ImportReport = {
/**
 * The format.
 */
format: string,
/**
 * `strict` or `tolerant`.
 */
profile: string,
/**
 * Rows by file, in the order in which the files were read.
 */
files: Array<ImportFile>,
/**
 * The sums.
 */
totals: ImportCounts,
/**
 * Problems grouped by cause, the gravest and most frequent first.
 */
problems: Array<ImportProblem>,
/**
 * No problem is an error: the files as they are can be imported whole.
 */
can_proceed: boolean,
/**
 * Milliseconds it took; filled in by who holds the clock.
 */
took_ms: number,
/**
 * How the format was found.
 */
detected: ImportDetected,
/**
 * What was changed to make values fit, grouped.
 */
fixes: Array<ImportFix>,
/**
 * Which column of which file is what.
 */
mapping: Array<ImportMapping>,
/**
 * Files that were left alone.
 */
left: Array<ImportLeft>, };

/**
 * How many rows became what. `accepted + fixed + rejected + skipped == rows`, always.
 */
export type ImportCounts = {
/**
 * Records after the header, blank lines left out.
 */
rows: number,
/**
 * Unchanged; warnings are allowed.
 */
accepted: number,
/**
 * Changed by a recorded fix.
 */
fixed: number,
/**
 * At fault themselves, or referring to a rejected row.
 */
rejected: number,
/**
 * Later duplicates, and rows of types that are not imported.
 */
skipped: number, };

/**
 * The rows of one file.
 */
export type ImportFile = {
/**
 * The file's name.
 */
name: string,
/**
 * The type of its records, where the format knows the file.
 */
kind: string | null,
/**
 * The encoding it was read in.
 */
encoding: string,
/**
 * What stands between fields.
 */
delimiter: string,
/**
 * What encloses fields.
 */
quote: string,
/**
 * `LF`, `CRLF`, `CR` or `mixed`.
 */
line_ends: string,
/**
 * Records after the header, blank lines left out.
 */
rows: number,
/**
 * Unchanged; warnings are allowed.
 */
accepted: number,
/**
 * Changed by a recorded fix.
 */
fixed: number,
/**
 * At fault themselves, or referring to a rejected row.
 */
rejected: number,
/**
 * Later duplicates, and rows of types that are not imported.
 */
skipped: number, };

/**
 * A problem: one cause, wherever it shows.
 */
export type ImportProblem = {
/**
 * The code of the taxonomy (docs/imports.md).
 */
code: string,
/**
 * `error` or `warning`.
 */
severity: string,
/**
 * The file where it shows; where it shows in several, the one with the most rows.
 */
file: string,
/**
 * The column, where it is about one.
 */
column: string | null,
/**
 * How many rows (or, for labels and files, how many of these) have it.
 */
count: number,
/**
 * What is the matter.
 */
cause: string,
/**
 * What to do.
 */
suggestion: string,
/**
 * The first places; personal values are shown in outline only.
 */
examples: Array<ImportExample>,
/**
 * The rule within the code.
 */
rule: string,
/**
 * Where else the same cause shows; empty where it shows in one column of one file.
 */
spread: Array<ImportPlace>, };

/**
 * A place where a problem shows.
 */
export type ImportExample = {
/**
 * The row as a spreadsheet counts: the header is 1.
 */
row: number,
/**
 * The value, or its outline.
 */
value: string, };

/**
 * A column of a file where a cause shows.
 */
export type ImportPlace = {
/**
 * The file.
 */
file: string,
/**
 * The column.
 */
column: string | null,
/**
 * How many rows.
 */
count: number, };

/**
 * A fix, wherever it was made.
 */
export type ImportFix = {
/**
 * What was done.
 */
fix: string,
/**
 * The file.
 */
file: string,
/**
 * The column.
 */
column: string,
/**
 * How many values.
 */
count: number,
/**
 * The first ones.
 */
examples: Array<ImportFixExample>, };

/**
 * A value before and after a fix.
 */
export type ImportFixExample = {
/**
 * The row as a spreadsheet counts.
 */
row: number,
/**
 * The value in the file, or its outline.
 */
before: string,
/**
 * The value that is imported, or its outline.
 */
after: string, };

/**
 * What the columns of a file are.
 */
export type ImportMapping = {
/**
 * The file.
 */
file: string,
/**
 * Its columns, in the file's order.
 */
columns: Array<ImportColumn>, };

/**
 * What one column is.
 */
export type ImportColumn = {
/**
 * Its label in the file.
 */
label: string,
/**
 * The column of the format, or the likeliest one where it is not mapped.
 */
column: string | null,
/**
 * `told`, `exact`, `alias`, `fuzzy` or `none`.
 */
how: string,
/**
 * From 0 to 1.
 */
confidence: number,
/**
 * Whether it is read as that column: only what is certain is, unasked.
 */
mapped: boolean, };

/**
 * What an import would do, in the shape of SPEC.
 */
export type ImportTypes = {
/**
 * By type; types that are neither in the files nor there are left out.
 */
types: { [key in string]?: ImportChanges },
/**
 * What has to be confirmed first.
 */
holds: Array<ImportHold>,
/**
 * The files can be imported, and nothing holds it.
 */
can_proceed: boolean,
/**
 * Values that should be one record's and are in the files with one id and there with another. They
 * hold nothing: the two may be two indeed.
 */
doubles: Array<ImportDouble>,
/**
 * References that would lead nowhere: of what the files put, and of what stays and names what goes.
 */
broken: Array<ImportBrokenReferences>, };

/**
 * What becomes of the records of a type.
 */
export type ImportChanges = {
/**
 * New.
 */
create: number,
/**
 * There, with other values.
 */
update: number,
/**
 * There, with the same values.
 */
unchanged: number,
/**
 * There, and no longer in the files; or marked `tobedeleted` in a delta.
 */
remove: number,
/**
 * There, and in the files only as rejected rows: left as they are.
 */
kept: number,
/**
 * Of those removed: no row speaks of them, so they go only where somebody asks for it.
 */
absent: number, };

/**
 * A reason to ask before an import goes on.
 */
export type ImportHold = {
/**
 * The type; blank where it is of all.
 */
type: string,
/**
 * `update` or `remove`; `references` that would lead nowhere; `pilot`, which the service judges and
 * nobody can confirm.
 */
kind: string,
/**
 * The share of the records that are there; of `pilot` the number of records, of `references` theirs.
 */
share: number,
/**
 * The share, or number, up to which nobody is asked.
 */
limit: number,
/**
 * The column that refers, of `references`.
 */
column?: string | null, };

/**
 * A value that a record of the files shares with one that is there under another id.
 */
export type ImportDouble = {
/**
 * The type.
 */
type: string,
/**
 * The column, such as an address.
 */
column: string,
/**
 * How many pairs there are.
 */
count: number,
/**
 * The first ones.
 */
examples: Array<ImportDoubleExample>, };

/**
 * A row, and the record that is there.
 */
export type ImportDoubleExample = {
/**
 * The row, the header being 1.
 */
row: number,
/**
 * The id of the record that is there.
 */
id: string, };

/**
 * References of one column that would lead nowhere.
 */
export type ImportBrokenReferences = {
/**
 * The type whose records refer.
 */
type: string,
/**
 * The column.
 */
column: string,
/**
 * How many, where records that bulk files no longer hold stay.
 */
count: number,
/**
 * How many, where those are removed.
 */
with_absent: number, };

/**
 * What an import would do to a tenant, in the shape of SPEC. Fields that SPEC does not name come last.
 */
export type ImportPlan = {
/**
 * The format.
 */
format: string,
/**
 * `strict` or `tolerant`.
 */
profile: string,
/**
 * The rows of the files.
 */
totals: ImportCounts,
/**
 * The files could be imported, whatever is held.
 */
files_can_proceed: boolean,
/**
 * The revision of the roster that the files were held against; none where the tenant has none.
 */
revision: number | null,
/**
 * Milliseconds it took; filled in by who holds the clock.
 */
took_ms: number,
/**
 * By type; types that are neither in the files nor there are left out.
 */
types: { [key in string]?: ImportChanges },
/**
 * What has to be confirmed first.
 */
holds: Array<ImportHold>,
/**
 * The files can be imported, and nothing holds it.
 */
can_proceed: boolean,
/**
 * Values that should be one record's and are in the files with one id and there with another. They
 * hold nothing: the two may be two indeed.
 */
doubles: Array<ImportDouble>,
/**
 * References that would lead nowhere: of what the files put, and of what stays and names what goes.
 */
broken: Array<ImportBrokenReferences>, };

/**
 * What would become of a record.
 */
export type PlanChange = "create" | "update" | "remove" | "absent";

/**
 * A value on both sides.
 */
export type PlanValue = {
/**
 * The column.
 */
column: string,
/**
 * As it is; none where it is blank or there is no such record.
 */
before: string | null,
/**
 * As it would be.
 */
after: string | null, };

/**
 * A record that would change.
 */
export type PlanRow = {
/**
 * Its place among all rows of the plan.
 */
at: number,
/**
 * Its type.
 */
type: string,
/**
 * Its id.
 */
id: string,
/**
 * What would become of it.
 */
change: PlanChange,
/**
 * The row that says so, the header being 1; none where no row does.
 */
row: number | null,
/**
 * How many values differ.
 */
changed: number,
/**
 * Its values, in the order of the format.
 */
values: Array<PlanValue>, };

/**
 * A page of the rows of a plan.
 */
export type PlanPage = {
/**
 * At most as many as were asked for; fewer where few of those looked at have the text.
 */
rows: Array<PlanRow>,
/**
 * How many rows are of the type and change, whatever the text.
 */
total: number,
/**
 * Where it begins among these.
 */
from: number,
/**
 * Where the next page begins; none at the end.
 */
next: number | null,
/**
 * Whether values about people show as outlines.
 */
masked: boolean, };

/**
 * How far a check or plan is that runs now.
 */
export type ImportProgress = {
/**
 * Rows read.
 */
rows: number,
/**
 * Bytes read, after unpacking; none of a workbook's.
 */
bytes: number,
/**
 * Which pass this is, the first being 1: rows and bytes begin again with each.
 */
pass: number,
/**
 * How many there are.
 */
passes: number, };

/**
 * Rejected rows that were written to a file.
 */
export type ExportedRows = {
/**
 * Where they are.
 */
file: string,
/**
 * How many.
 */
rows: number, };

/**
 * What somebody agrees to by hand.
 */
export type RunChoices = {
/**
 * That much is updated or removed: what holds the plan.
 */
confirm_holds: boolean,
/**
 * To remove the records that bulk files no longer hold. Never done unasked.
 */
remove_absent: boolean,
/**
 * To import the other rows where some are rejected.
 */
leave_rejected: boolean, };

/**
 * What an import did to the records of a type.
 */
export type ImportDid = {
/**
 * New.
 */
create: number,
/**
 * There before, now with other values.
 */
update: number,
/**
 * There before and after with the same values.
 */
unchanged: number,
/**
 * There before and now no more.
 */
remove: number, };

/**
 * An import that was asked for, in the shape of SPEC. Fields that SPEC does not name come last.
 */
export type ImportRun = {
/**
 * Its name.
 */
import: string,
/**
 * What it did, by type; none while it is queued.
 */
committed: { [key in string]?: ImportDid } | null,
/**
 * Whether the service has not answered yet.
 */
queued: boolean,
/**
 * Until when it can be taken back, RFC 3339; none while it is queued.
 */
rollback_until: string | null,
/**
 * Milliseconds it took; filled in by who holds the clock.
 */
took_ms: number,
/**
 * Records that the files no longer hold and that were left, because nobody asked to remove them.
 */
left_absent: number,
/**
 * Rows that were rejected and not imported.
 */
left_rejected: number,
/**
 * Bytes of the file with its records.
 */
bytes: number, };

/**
 * A record that a rollback left as it is.
 */
export type LeftRecord = {
/**
 * Its type.
 */
type: string,
/**
 * Its id.
 */
id: string,
/**
 * Why, in plain words.
 */
why: string, };

/**
 * An import that was taken back, in the shape of SPEC. Fields that SPEC does not name come last.
 */
export type ImportRollback = {
/**
 * The import.
 */
import: string,
/**
 * Records that are again what they were before it; none while it is queued.
 */
reversed: number | null,
/**
 * Records that somebody changed since, the first ones.
 */
kept: Array<LeftRecord>,
/**
 * Records whose state before it is gone, the first ones.
 */
failed: Array<LeftRecord>,
/**
 * Whether the service has not answered yet.
 */
queued: boolean,
/**
 * Whether it was taken back before it was imported, so that nothing had to be reversed.
 */
withdrawn: boolean,
/**
 * How many were kept.
 */
kept_count: number,
/**
 * How many failed.
 */
failed_count: number,
/**
 * What was done to the records, by type.
 */
types: { [key in string]?: ImportDid },
/**
 * Milliseconds it took; filled in by who holds the clock.
 */
took_ms: number, };

/**
 * What is done with an import.
 */
export type ImportDoing = "send" | "stage" | "fetch" | "apply";

/**
 * How far an import is with that.
 */
export type ImportUnderway = {
/**
 * What is done.
 */
doing: ImportDoing,
/**
 * Bytes of the file that have arrived; where it is staged or applied, records.
 */
done: number,
/**
 * All of them.
 */
total: number, };

/**
 * An import in a list.
 */
export type ImportRow = {
/**
 * Its name.
 */
id: string,
/**
 * What the files were called.
 */
source: string,
/**
 * Their format.
 */
format: string,
/**
 * `strict` or `tolerant`.
 */
rules: string,
/**
 * Who asked for it.
 */
by: string,
/**
 * When, by their clock.
 */
at: string,
/**
 * `queued` (not sent), `requested` (the service has not answered), `committed`, `refused`,
 * `rollback_queued`, `rollback_requested`, `rolled_back`, `withdrawn` (taken back before it was
 * imported).
 */
state: string,
/**
 * Records of its file.
 */
records: number,
/**
 * What it did, by type; none where it was not committed.
 */
committed: { [key in string]?: ImportDid } | null,
/**
 * The revision of the roster that it made.
 */
revision: number | null,
/**
 * Until when it can be taken back, RFC 3339.
 */
rollback_until: string | null,
/**
 * Whether it can be taken back now, as far as this computer knows.
 */
can_roll_back: boolean,
/**
 * Why it was refused, or the rollback that was asked for.
 */
reason: string | null,
/**
 * How the rollback ended.
 */
rolled_back: ImportRollback | null,
/**
 * Whether the roster on this computer has it.
 */
here: boolean,
/**
 * What is done with it now, and how far it is.
 */
underway: ImportUnderway | null, };

/**
 * One thing that was looked at.
 */
export type VerifyCheck = {
/**
 * `here`, `digest`, `counts`, `plan`, `file` or `references`.
 */
check: string,
/**
 * Whether it holds.
 */
ok: boolean,
/**
 * What was found, in plain words.
 */
found: string, };

/**
 * What verifying an import found.
 */
export type ImportVerified = {
/**
 * The import.
 */
import: string,
/**
 * Whether all of `checks` hold.
 */
ok: boolean,
/**
 * What was looked at.
 */
checks: Array<VerifyCheck>,
/**
 * The digest of the roster after the import, as the service committed it.
 */
digest: string,
/**
 * Records by type as they stand on this computer now.
 */
records: Record<string, number>, };

/**
 * A report that was written.
 */
export type SavedReport = {
/**
 * Where it is.
 */
file: string, };

/**
 * What checking a report found.
 */
export type ReportChecked = {
/**
 * The import that it is about.
 */
import: string,
/**
 * The tenant's name, as the report has it.
 */
tenant: string,
/**
 * Who signed it, as the report has it.
 */
by: string,
/**
 * When, RFC 3339.
 */
at: string,
/**
 * Whether it is unchanged and signed by a device that a tenant's journal knows.
 */
ok: boolean,
/**
 * What was found, in plain words.
 */
found: string, };

/**
 * A site of a person.
 */
export type PersonSite = {
/**
 * Its id in the roster.
 */
id: string,
/**
 * Its name; the id where the roster has none.
 */
name: string, };

/**
 * Somebody of a roster.
 */
export type PersonRow = {
/**
 * The record's id.
 */
id: string,
/**
 * The record's type, such as `users`. With the id it names the person.
 */
kind: string,
/**
 * Given and family name.
 */
name: string | null,
/**
 * In the roster's own words, the main one first.
 */
roles: Array<string>,
/**
 * The main one first.
 */
sites: Array<PersonSite>,
/**
 * The address.
 */
email: string | null,
/**
 * As the roster writes them.
 */
grades: string | null,
/**
 * Whether the account may be used; none where the roster does not say.
 */
active: boolean | null, };

/**
 * People of a role.
 */
export type RoleCount = {
/**
 * The roster's own word; none for people without one.
 */
role: string | null,
/**
 * How many.
 */
people: number, };

/**
 * People of a site.
 */
export type SiteCount = {
/**
 * Its id in the roster.
 */
id: string,
/**
 * Its name; the id where the roster has none.
 */
name: string,
/**
 * How many.
 */
people: number, };

/**
 * How many people there are.
 */
export type PeopleTotals = {
/**
 * By main role, most first. With `other_roles` they are all people.
 */
roles: Array<RoleCount>,
/**
 * People whose role is beyond the 200 that are listed.
 */
other_roles: number,
/**
 * By site, by name. Who is at several counts at each.
 */
sites: Array<SiteCount>,
/**
 * Whether there are more sites than the 5,000 that are listed.
 */
more_sites: boolean, };

/**
 * A page of a tenant's people, by type and id.
 */
export type PeoplePage = {
/**
 * At most as many as were asked for. So many are looked at for a page that a filter may leave few of
 * them, or none, and the page still has a next one.
 */
people: Array<PersonRow>,
/**
 * The place at which the page began.
 */
from: number,
/**
 * Where the next page goes on; none at the end.
 */
next: number | null,
/**
 * All people of the roster.
 */
total: number,
/**
 * The counts, where they were asked for.
 */
totals: PeopleTotals | null,
/**
 * The revision of the roster; none where the tenant has none on this computer.
 */
revision: number | null,
/**
 * When the import was asked for that made the revision, by its author's clock, RFC 3339; none for a
 * rollback.
 */
as_of: string | null,
/**
 * Whether what is about people shows as outlines, because this person may not import here.
 */
masked: boolean, };

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
