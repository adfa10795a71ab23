//! The shapes that cross between the core and its two faces, the window and `cairnctl`.
//!
//! The window's TypeScript types are generated from here (`cargo test -p cairn-app` writes
//! `ui/src/lib/host/types.ts`), and [`commands`](crate::commands) lists every command once.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use crate::drafts::{ImportDraft, RememberedMapping};
pub use crate::imports::{ExportedRows, ImportPlan, ImportProgress};
pub use crate::people::{PeoplePage, PeopleTotals, PersonRow, PersonSite, RoleCount, SiteCount};
pub use crate::reports::{ReportChecked, SavedReport};
pub use crate::runs::{
    ImportDid, ImportDoing, ImportRollback, ImportRow, ImportRun, ImportUnderway, LeftRecord, RunChoices,
};
pub use crate::verify::{ImportVerified, VerifyCheck};
pub use cairn_imports::{
    BrokenReferences as ImportBrokenReferences, Candidate as ImportCandidate, Changes as ImportChanges,
    ColumnLook, ColumnMapping as ImportColumn, Counts as ImportCounts, DatesLook, Detected as ImportDetected,
    Double as ImportDouble, DoubleExample as ImportDoubleExample, Example as ImportExample, FieldLook,
    FileCount as ImportFile, FileMapping as ImportMapping, FileRules, FixExample as ImportFixExample,
    FixGroup as ImportFix, FormatName, Hold as ImportHold, LeftFile as ImportLeft, Look as ImportLook,
    Mapping as ImportRules, Place as ImportPlace, Plan as ImportTypes, PlanChange, PlanPage, PlanRow,
    PlanValue, Problem as ImportProblem, Report as ImportReport, TableLook, WordLook,
};

/// Where the app stands: decides which screen may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Session {
    /// Nobody has signed in on this profile yet, or somebody signed out.
    SignedOut {
        /// The service used last, to prefill the form.
        server: Option<String>,
        /// The name used last.
        name: Option<String>,
        /// Changes that have not left this computer.
        #[ts(type = "number")]
        unsent: u64,
    },
    /// The database is locked (on demand, after idle, or because the lease ran out).
    Locked {
        /// `asked`, `idle` or `lease`.
        why: String,
        /// Who is signed in on this profile.
        name: Option<String>,
    },
    /// The database is there but its key is not: never a fresh database.
    Recovery {
        /// `key_absent`, `key_locked`, `key_wrong`, `key_hanging` or `key_backend_changed`.
        code: String,
        /// One plain sentence.
        message: String,
        /// Whether a recovery passphrase was set and can open it.
        passphrase: bool,
    },
    /// The database cannot be used: newer, damaged or in use.
    Unusable {
        /// Code.
        code: String,
        /// One plain sentence: what is wrong and what to do.
        message: String,
    },
    /// Ready.
    SignedIn {
        /// Account id.
        account: String,
        /// Sign-in name.
        name: String,
        /// Role.
        role: String,
        /// The service.
        server: String,
        /// This device.
        device: String,
    },
}

/// The sync line at the bottom of every screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StatusLine {
    /// Changes that have not left this computer.
    #[ts(type = "number")]
    pub pending: u64,
    /// Conflicts that wait for a decision.
    #[ts(type = "number")]
    pub conflicts: u64,
    /// Changes the service refused.
    #[ts(type = "number")]
    pub quarantined: u64,
    /// Changes on the service's held list that this device wrote.
    #[ts(type = "number")]
    pub held: u64,
    /// Notices in the inbox that were not seen.
    pub unread: u32,
    /// RFC 3339; none before the first sync.
    pub last_sync: Option<String>,
    /// RFC 3339: until when work without contact is possible.
    pub lease_until: Option<String>,
    /// `online`, `offline`, `syncing` or `error`.
    pub network: String,
    /// What the last attempt ran into, in plain words.
    pub problem: Option<String>,
}

/// A tenant in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TenantRow {
    /// Id.
    pub id: String,
    /// Short name.
    pub slug: String,
    /// Full name.
    pub name: String,
    /// Playbook key of the newest open project, or none.
    pub playbook: Option<String>,
    /// Its rollout mode.
    pub mode: Option<String>,
    /// Its status.
    pub status: String,
    /// `YYYY-MM-DD`.
    pub go_live: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// The trail: one letter per item that applies, phases apart by a space. `c`omplete, in
    /// `p`rogress, waiting to `v`erify, `o`pen, `b`locked.
    pub trail: String,
    /// Last confirmed seq.
    #[ts(type = "number")]
    pub seq: u64,
    /// Head at that seq, hex.
    pub head: String,
    /// Digest of the confirmed state at that seq, hex.
    pub digest: String,
    /// RFC 3339: when this laptop last heard from the service about it.
    pub as_of: Option<String>,
    /// Own changes that wait.
    #[ts(type = "number")]
    pub pending: u64,
    /// Conflicts.
    #[ts(type = "number")]
    pub conflicts: u64,
}

/// Counts of a checklist; not applicable items leave the total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// Complete.
    pub done: u32,
    /// All that apply.
    pub total: u32,
    /// Blocked.
    pub blocked: u32,
}

/// One item or step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ItemRow {
    /// What commands name it by, e.g. `item/school-district/0/confirm-tenant`.
    pub entity: String,
    /// Key in the playbook.
    pub key: String,
    /// Phase key.
    pub phase: String,
    /// Key of the item it is part of.
    pub parent: Option<String>,
    /// Title.
    pub title: String,
    /// One of the six statuses of SPEC.
    pub status: String,
    /// Shown owner: a person's name or a role.
    pub owner: Option<String>,
    /// Account id where the owner is a person.
    pub owner_account: Option<String>,
    /// `YYYY-MM-DD`.
    pub due: Option<String>,
    /// Keys of items it depends on.
    pub depends_on: Vec<String>,
    /// Of those, the keys that are not complete yet: a warning, never a refusal.
    pub waiting_for: Vec<String>,
    /// Reason of blocked and not applicable.
    pub reason: Option<String>,
    /// Note.
    pub note: Option<String>,
    /// What was given as evidence: text or a link.
    pub evidence: Option<String>,
    /// Where the playbook says how to do it.
    pub how_to: Option<String>,
    /// What evidence the playbook wants.
    pub evidence_wanted: Option<String>,
    /// The telemetry check that confirms it, where the playbook names one.
    pub check: Option<String>,
    /// Name of who changed it last.
    pub updated_by: Option<String>,
    /// RFC 3339, the author's clock.
    pub updated_at: Option<String>,
    /// Whether own changes to it wait to be sent.
    pub pending: bool,
    /// Whether two values stand against each other.
    pub conflict: bool,
    /// Comments on it.
    pub comments: u32,
    /// False where an upgrade removed it but somebody's value is still undecided.
    pub in_playbook: bool,
    /// The open blocker it carries.
    pub blocker: Option<BlockerRow>,
    /// `critical`, `high`, `medium` or `low`, where the playbook says so.
    pub priority: Option<String>,
    /// Effort in complexity points, 1 to 100.
    pub complexity: Option<u32>,
    /// A number to reach.
    pub target: Option<TargetRow>,
    /// `daily`, `weekly` or `monthly` where it comes again.
    pub repeat: Option<String>,
    /// Which time this is, where the playbook writes an item for each.
    pub round: Option<u32>,
    /// What is signed where it is completed: the title of the playbook's line.
    pub sign_off: Option<String>,
    /// What this playbook calls the role that owns it; none where a person owns it or the role keeps
    /// its name.
    pub owner_title: Option<String>,
    /// Counts of everything nested in it, at any depth.
    pub parts: Option<Progress>,
}

/// A number that an item has to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TargetRow {
    /// `at_least` or `at_most`.
    pub bound: String,
    /// The number.
    pub value: f64,
    /// What is counted, such as `% onboarded`.
    pub unit: String,
    /// Within how many hours, where there is a time.
    pub within_hours: Option<u32>,
}

/// An open blocker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BlockerRow {
    /// Id.
    pub id: String,
    /// Tenant id.
    pub tenant: String,
    /// Key of the item it stands on.
    pub item: String,
    /// `P0` to `P3`; `P2` until somebody says otherwise.
    pub severity: String,
    /// Reason that stands now.
    pub reason: String,
    /// Owner.
    pub owner: Option<String>,
    /// `us`, `client` or `vendor`.
    pub waiting_on: Option<String>,
    /// RFC 3339.
    pub opened_at: String,
    /// Escalation level, 0 so far.
    pub level: u32,
    /// RFC 3339; none until deadlines exist.
    pub due_at: Option<String>,
}

/// A phase with its items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PhaseRow {
    /// Key; empty for items no longer in the playbook.
    pub key: String,
    /// Title.
    pub title: String,
    /// Counts.
    pub progress: Progress,
    /// Items in the playbook's order.
    pub items: Vec<ItemRow>,
    /// How many days it usually takes in this mode.
    pub days: Option<u32>,
}

/// A tenant's checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ChecklistView {
    /// The tenant.
    pub tenant: TenantRow,
    /// Title of the playbook; none while no project has started.
    pub playbook_title: Option<String>,
    /// Version of the playbook.
    pub version: Option<u32>,
    /// Phases in order.
    pub phases: Vec<PhaseRow>,
    /// Playbooks a project can be started from, where the signed-in person may.
    pub playbooks: Vec<PlaybookChoice>,
    /// Whether the signed-in person may write items here.
    pub can_write: bool,
    /// Whether the signed-in person may comment here.
    pub can_comment: bool,
    /// What the playbook calls the project's mode.
    pub mode_title: Option<String>,
    /// Whether the signed-in person may upgrade the project.
    pub can_upgrade: bool,
    /// The version of this playbook that ships with Cairn, where it is newer than the project's.
    pub newer: Option<u32>,
    /// Who may own items here.
    pub people: Vec<Person>,
}

/// A playbook that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlaybookChoice {
    /// Key.
    pub key: String,
    /// Title.
    pub title: String,
    /// What it is for.
    pub summary: Option<String>,
    /// The kind of tenant it is for.
    pub tenant_kind: String,
    /// Version.
    pub version: u32,
    /// How long a roll-out usually takes.
    pub duration: Option<DaySpan>,
    /// Modes in the playbook's order; empty where it has none.
    pub modes: Vec<ModeChoice>,
    /// Phases in it.
    pub phases: u32,
    /// Items in it, over all modes and with every repeat.
    pub items: u32,
}

/// A rollout mode that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ModeChoice {
    /// Key.
    pub key: String,
    /// Title.
    pub title: String,
    /// When to choose it.
    pub summary: Option<String>,
    /// How long a roll-out in this mode usually takes.
    pub duration: Option<DaySpan>,
    /// Items it picks.
    pub items: u32,
}

/// A stretch of days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DaySpan {
    /// The short end.
    pub min_days: u32,
    /// The long end.
    pub max_days: u32,
}

/// What a playbook file is: what it contains, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlaybookCheck {
    /// Everything that is wrong, in the order of the file; empty where it can be used.
    pub problems: Vec<PlaybookProblem>,
    /// What it contains; none where something is wrong.
    pub playbook: Option<PlaybookFacts>,
}

/// A playbook file that was opened from outside, for example by a double click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OpenedPlaybook {
    /// Its file name.
    pub name: String,
    /// What it holds.
    pub source: String,
}

/// One fault of a playbook file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlaybookProblem {
    /// Line, from 1.
    pub line: u32,
    /// Column in that line, from 1, in Unicode characters.
    pub column: u32,
    /// One of the codes of `docs/playbooks.md`.
    pub code: String,
    /// The reason in plain words.
    pub message: String,
}

/// What a playbook contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PlaybookFacts {
    /// What starting it needs to know.
    pub choice: PlaybookChoice,
    /// Titles of its phases with the number of their items.
    pub phases: Vec<(String, u32)>,
    /// Items nested in another.
    pub nested: u32,
    /// Items with a number to reach.
    pub targets: u32,
    /// Wizard steps.
    pub steps: u32,
    /// Banners.
    pub banners: u32,
    /// Sign-off lines.
    pub sign_offs: u32,
}

/// What an upgrade of a project would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct UpgradePlan {
    /// The project, as `playbook/n`.
    pub project: String,
    /// Title of the playbook in the new version.
    pub title: String,
    /// The version it follows.
    pub from: u32,
    /// The version it would follow.
    pub to: u32,
    /// Whether the file is the very one it follows.
    pub up_to_date: bool,
    /// The project's mode, where the new version does not have it any more.
    pub mode_gone: Option<String>,
    /// Items and steps that come.
    pub added: Vec<UpgradeLine>,
    /// Items and steps that go; those that hold something stay where that is asked for.
    pub removed: Vec<UpgradeLine>,
    /// Items and steps that stay and differ.
    pub changed: Vec<UpgradeLine>,
    /// What was seen; an upgrade that names it is refused where something changed since.
    pub seen: String,
}

/// One item or step of an upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct UpgradeLine {
    /// `item` or `step`.
    pub kind: String,
    /// Key.
    pub key: String,
    /// Title; of a changed one the new one.
    pub title: String,
    /// Title of its phase; empty for a step.
    pub phase: String,
    /// Fields that differ.
    pub fields: Vec<UpgradeField>,
    /// What people wrote on it, in words such as `Complete` and `note`; empty where nothing.
    pub holds: Vec<String>,
    /// Whether it stays whatever is asked for, because another mode of the new version has it.
    pub stays: bool,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct UpgradeField {
    /// Name as in the file.
    pub field: String,
    /// In words; none where it was not there.
    pub before: Option<String>,
    /// In words; none where it is not there any more.
    pub after: Option<String>,
}

/// One entry of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct HistoryRow {
    /// Op id.
    pub id: String,
    /// Seq; none while it waits.
    #[ts(type = "number | null")]
    pub seq: Option<u64>,
    /// RFC 3339, the author's clock.
    pub at: String,
    /// Author's name.
    pub actor: String,
    /// Whom the author stood in for.
    pub acting_under: Option<String>,
    /// Device id.
    pub device: String,
    /// The verb and what it is about, as JSON.
    #[ts(type = "Record<string, unknown>")]
    pub change: serde_json::Value,
    /// One plain sentence, e.g. `Configure SSO: In progress to Blocked`.
    pub summary: String,
    /// The values before, as JSON.
    #[ts(type = "unknown")]
    pub before: serde_json::Value,
    /// The value after, as JSON.
    #[ts(type = "unknown")]
    pub after: serde_json::Value,
    /// Why.
    pub reason: Option<String>,
    /// `pending`, `accepted`, `refused`, `held`, `discarded` or `duplicate`.
    pub outcome: String,
    /// Whether undo would be taken now.
    pub can_undo: bool,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CommentRow {
    /// Op id.
    pub id: String,
    /// Author's name.
    pub by: String,
    /// RFC 3339.
    pub at: String,
    /// Text.
    pub text: String,
    /// `client` or `team`.
    pub visibility: String,
    /// Whether it waits to be sent.
    pub pending: bool,
}

/// What an item's side panel shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ItemDetail {
    /// The item.
    pub item: ItemRow,
    /// Comments, oldest first.
    pub comments: Vec<CommentRow>,
    /// Changes, newest first.
    pub history: Vec<HistoryRow>,
    /// Who may own it.
    pub people: Vec<Person>,
}

/// A person who can own an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Person {
    /// Account id.
    pub account: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: String,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Written {
    /// The op.
    pub op: String,
    /// What the toast says, e.g. `Confirm tenant setup: Complete`.
    pub summary: String,
    /// Whether it can be taken back. A comment stays, and so does a decision about held work.
    pub undoable: bool,
}

/// A change of an item as people make it: of one or of many, and of one that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "field", rename_all = "snake_case")]
pub enum Edit {
    /// Its status.
    Status {
        /// One of the six statuses of SPEC.
        status: String,
        /// Required for blocked and not applicable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        reason: Option<String>,
    },
    /// Who does it.
    Owner {
        /// A person, a role or nobody.
        #[ts(type = "{ account: string } | { role: string } | null")]
        value: serde_json::Value,
    },
    /// When it is due.
    Due {
        /// `YYYY-MM-DD`; none takes it away.
        value: Option<String>,
    },
    /// Its note.
    Note {
        /// None takes it away.
        value: Option<String>,
    },
    /// Its evidence.
    Evidence {
        /// None takes it away.
        value: Option<String>,
    },
    /// A comment on it. Not for many at once: a comment cannot be taken back.
    Comment {
        /// What it says.
        text: String,
    },
}

/// What a write of many did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ManyWritten {
    /// What the toast says, e.g. `5 items: Complete`.
    pub summary: String,
    /// The ops. Of changed items, taking them back in one go restores everything.
    pub ops: Vec<String>,
    /// What stays as it was, each with its reason.
    pub refused: Vec<LeftRow>,
}

/// An item that stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftRow {
    /// The item.
    pub entity: String,
    /// Its title.
    pub title: String,
    /// Why, in plain words.
    pub message: String,
}

/// Which value of a conflict to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Choice {
    /// The conflict.
    pub conflict: String,
    /// The op that wrote the value.
    pub take: String,
}

/// A change that waits to be sent, was refused or is held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct QueueRow {
    /// Op id.
    pub op: String,
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// One plain sentence.
    pub summary: String,
    /// RFC 3339.
    pub written_at: String,
    /// `pending`, `receipted`, `quarantined` or `held`.
    pub state: String,
    /// Why it was refused or held.
    pub problem: Option<String>,
    /// Code of the refusal.
    pub code: Option<String>,
    /// What the change is about, to open it.
    pub entity: Option<String>,
    /// What a refused change wanted to set, where its kind can be edited.
    pub edit: Option<Edit>,
    /// Held work that somebody has decided about on this computer, while the service does not know
    /// yet: `adopted` or `discarded`.
    pub decided: Option<String>,
}

/// One of the values of a conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConflictValue {
    /// The op that wrote it; the way to take it.
    pub op: String,
    /// The value as JSON.
    #[ts(type = "unknown")]
    pub value: serde_json::Value,
    /// The value in words, e.g. `Blocked`.
    pub shown: String,
    /// The reason or text behind it.
    pub text: Option<String>,
    /// Author's name.
    pub by: String,
    /// Author's role.
    pub role: Option<String>,
    /// RFC 3339, the author's clock.
    pub at: String,
    /// Whether the signed-in person wrote it, on any device.
    pub mine: bool,
    /// What taking this value loses, in plain words.
    pub loses: Vec<String>,
}

/// A conflict: more than one value that nobody has replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConflictRow {
    /// Its id: `tenant|entity#field`.
    pub id: String,
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// Key of the item, or the entity.
    pub item: String,
    /// Title of the item.
    pub title: String,
    /// Entity, to open it.
    pub entity: String,
    /// Field.
    pub field: String,
    /// The value before both, as JSON.
    #[ts(type = "unknown")]
    pub base: serde_json::Value,
    /// The value before in words.
    pub base_shown: String,
    /// Who wrote the value before, and when.
    pub base_by: Option<String>,
    /// RFC 3339.
    pub base_at: Option<String>,
    /// The values.
    pub values: Vec<ConflictValue>,
    /// The op whose value shows meanwhile.
    pub winner: String,
}

/// A notice in the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct InboxRow {
    /// Its name within the tenant.
    pub key: String,
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// `blocker`, `conflict`, `overdue`, `due` or `reply`.
    pub kind: String,
    /// The item, step or other entity it is about.
    pub entity: String,
    /// Title of that place.
    pub title: String,
    /// Who caused it; none where time did.
    pub by: Option<String>,
    /// The reason, the comment, the date `YYYY-MM-DD`, or the field with two values.
    pub text: String,
    /// RFC 3339: when it was written by its author's clock, or when it was noticed here.
    pub at: String,
    /// Whether the person has seen it.
    pub read: bool,
}

/// The inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct InboxView {
    /// How many were not seen.
    pub unread: u32,
    /// The notices, newest first.
    pub rows: Vec<InboxRow>,
}

/// What the Sync screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SyncView {
    /// Waiting for a network, oldest first.
    pub waiting: Vec<QueueRow>,
    /// Refused by the service.
    pub refused: Vec<QueueRow>,
    /// Own work on the held list, and for managers everybody's.
    pub held: Vec<QueueRow>,
    /// Conflicts.
    pub conflicts: Vec<ConflictRow>,
    /// The last attempts, newest first, in plain words with RFC 3339 times.
    pub log: Vec<(String, String)>,
    /// Whether the signed-in person may adopt or discard held work.
    pub can_manage_held: bool,
}

/// What one sync did; the JSON shape of `cairnctl sync`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SyncReport {
    /// Ops the service answered for.
    #[ts(type = "number")]
    pub pushed: u64,
    /// Entries received.
    #[ts(type = "number")]
    pub pulled: u64,
    /// Ops still waiting.
    #[ts(type = "number")]
    pub pending: u64,
    /// Conflicts now.
    #[ts(type = "number")]
    pub conflicts: u64,
    /// Refused ops now.
    #[ts(type = "number")]
    pub quarantined: u64,
    /// Tenants on this laptop.
    #[ts(type = "number")]
    pub tenants: u64,
    /// Milliseconds.
    #[ts(type = "number")]
    pub took_ms: u64,
    /// Requests made.
    #[ts(type = "number")]
    pub requests: u64,
    /// False where the time ran out with more to come; the next attempt goes on from there.
    pub complete: bool,
    /// Tenants that had to be rebuilt after a digest mismatch; always 0 in health.
    #[ts(type = "number")]
    pub rebuilt: u64,
}

/// Unsent work as a sealed file; the JSON shape of `cairnctl held export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Exported {
    /// Where the file lies.
    pub file: String,
    /// Changes inside.
    #[ts(type = "number")]
    pub ops: u64,
    /// Slugs of their tenants, or ids where this computer knows no slug.
    pub tenants: Vec<String>,
}

/// What the day begins with, across all tenants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TodayView {
    /// Where to go on; none where nothing is open anywhere.
    pub front: Option<FrontRow>,
    /// Tasks whose day has passed.
    pub late: u32,
    /// Tasks that are due today.
    pub due_today: u32,
    /// The first task due after today.
    pub upcoming: Option<TaskRow>,
    /// What is late, due today or within a week, by day; without what is next in front.
    pub due: Vec<TaskRow>,
    /// How many there are in all.
    pub due_total: u32,
    /// What is blocked in other tenants, the most pressing first.
    pub blocked: Vec<TaskRow>,
    /// How many there are in all.
    pub blocked_total: u32,
    /// What needs the signed-in person's decision.
    pub decisions: Vec<DecisionRow>,
    /// How many changes and conflicts those stand for in all.
    pub decisions_total: u32,
    /// What waits to be verified once there is a connection, the oldest claim first.
    pub unverified: Vec<TaskRow>,
    /// How many there are in all.
    pub unverified_total: u32,
}

/// The tenant that Today opens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FrontRow {
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// Counts.
    pub progress: Progress,
    /// `YYYY-MM-DD`.
    pub go_live: Option<String>,
    /// The trail.
    pub phases: Vec<TrailPhase>,
    /// RFC 3339: when the signed-in person wrote there last; none where it is merely the most urgent.
    pub left_at: Option<String>,
    /// What to do next there.
    pub next: Option<TaskRow>,
    /// What is blocked there, the most pressing first.
    pub blocked: Vec<TaskRow>,
}

/// A phase of a trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TrailPhase {
    /// Key; empty for items no longer in the playbook.
    pub key: String,
    /// Title.
    pub title: String,
    /// One letter per item that applies, as in [`TenantRow::trail`].
    pub stones: String,
    /// Counts.
    pub progress: Progress,
}

/// An open item of some tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TaskRow {
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// The item, to open it.
    pub entity: String,
    /// Title.
    pub title: String,
    /// Status.
    pub status: String,
    /// `YYYY-MM-DD`.
    pub due: Option<String>,
    /// Shown owner: a person's name or a role.
    pub owner: Option<String>,
    /// Whether the signed-in person owns it.
    pub mine: bool,
    /// Name of who changed it last.
    pub updated_by: Option<String>,
    /// RFC 3339, the author's clock.
    pub updated_at: Option<String>,
    /// What stands in its way; present exactly for blocked.
    pub block: Option<BlockRow>,
}

/// What stands in the way of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BlockRow {
    /// Why.
    pub reason: String,
    /// Shown owner of the blocker, else of the item.
    pub owner: Option<String>,
    /// `us`, `client` or `vendor`.
    pub waiting_on: Option<String>,
    /// `P0` to `P3`.
    pub severity: String,
    /// RFC 3339.
    pub opened_at: Option<String>,
}

/// Something only the signed-in person can decide; the Sync screen is where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DecisionRow {
    /// `conflict` or `refused`.
    pub kind: String,
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// What it is about: the title of an item, or the change in one sentence. None where no title
    /// is at hand.
    pub title: Option<String>,
    /// Why it was refused.
    pub problem: Option<String>,
    /// How many it stands for.
    pub count: u32,
}

/// What the History screen asks for; what is left out does not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields)]
pub struct HistoryFilter {
    /// Tenant id.
    pub tenant: Option<String>,
    /// Only what wrote to this entity.
    pub entity: Option<String>,
    /// Account id.
    pub person: Option<String>,
    /// `status`, `field`, `comment`, `blocker`, `project` or `other`.
    pub kind: Option<String>,
    /// RFC 3339: not earlier than this, by the authors' clocks.
    pub from: Option<String>,
    /// RFC 3339: earlier than this.
    pub until: Option<String>,
    /// Words that must all occur in what a row shows.
    pub text: Option<String>,
    /// Where the page before ended.
    pub after: Option<String>,
    /// At most so many rows; 200 where it is left out.
    pub limit: Option<u32>,
}

/// A page of changes, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct HistoryPage {
    /// The changes.
    pub ops: Vec<ChangeRow>,
    /// Where the next page goes on; none at the end.
    pub next: Option<String>,
    /// How many there are in all; only on the first page and where no words are searched.
    #[ts(type = "number | null")]
    pub total: Option<u64>,
    /// RFC 3339: how far back a search for words has looked.
    pub searched_to: Option<String>,
    /// The seq from which this laptop holds the tenant's journal; 1 where it is complete, and where
    /// no tenant was named.
    #[ts(type = "number")]
    pub complete_from: u64,
    /// Whom one can ask for; only on the first page.
    pub people: Vec<Person>,
    /// The title of the entity that was asked for.
    pub entity_title: Option<String>,
}

/// One change as the History screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChangeRow {
    /// Op id.
    pub id: String,
    /// Tenant id.
    pub tenant: String,
    /// Tenant name.
    pub tenant_name: String,
    /// RFC 3339, the author's clock; when the service received it where that is not for this reader.
    pub at: String,
    /// Author's name; none where that is not for this reader.
    pub actor: Option<String>,
    /// Whether the signed-in person wrote it.
    pub mine: bool,
    /// As in [`HistoryFilter::kind`].
    pub kind: String,
    /// What it is about: the title of an item, or a sentence where there is no before and after.
    pub title: String,
    /// The field that changed, in words; none where there is no before and after.
    pub field: Option<String>,
    /// The value before, in words.
    pub before: Option<String>,
    /// The value after, in words.
    pub after: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The item it is about, to open it.
    pub entity: Option<String>,
    /// `pending`, `accepted`, `refused`, `held` or `discarded`.
    pub outcome: String,
    /// Why it cannot be taken back, as a code: `built_on`, `nothing_to_undo`, `replaced_several`,
    /// `not_in_force`; none where it can.
    pub cannot: Option<String>,
}

/// What taking several changes back did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RevertView {
    /// Changes taken back.
    pub reverted: u32,
    /// The ops that were written for it, newest first: taking them back restores everything.
    pub writes: Vec<String>,
    /// Changes that stay, each with its reason.
    pub refused: Vec<RefusedRow>,
}

/// A change that could not be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RefusedRow {
    /// Op id.
    pub id: String,
    /// Tenant name.
    pub tenant_name: String,
    /// The change in one sentence.
    pub summary: String,
    /// `built_on`, `nothing_to_undo`, `replaced_several`, `not_allowed`, `unknown_op` and others.
    pub code: String,
    /// Why, in plain words.
    pub message: String,
}

/// Which theme the window has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// That of the system, live.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// The preferences of this computer, as the Settings screen shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SettingsView {
    /// Theme.
    pub theme: Theme,
    /// How large everything in the window is, in percent.
    pub zoom_percent: u16,
    /// The sizes there are.
    pub zooms: Vec<u16>,
    /// Whether quiet hours count.
    pub quiet_on: bool,
    /// `HH:MM`, local.
    pub quiet_from: String,
    /// `HH:MM`, local; before `quiet_from` where the hours go over midnight.
    pub quiet_to: String,
    /// Whether native notifications show.
    pub notifications: bool,
    /// Minutes without use until the window locks, 1 to 15.
    pub lock_after_minutes: u8,
    /// Seconds that `--lock-after` named instead, for this run.
    pub lock_fixed_seconds: Option<u32>,
    /// Whether Cairn goes on without its window.
    pub keep_running: bool,
    /// Where backups go.
    pub backup_folder: String,
    /// Whether somebody chose that folder.
    pub backup_folder_chosen: bool,
    /// Where a broken settings file was moved to at this start.
    pub set_aside: Option<String>,
}

/// What to change of [`SettingsView`]; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields)]
pub struct SettingsEdit {
    /// Theme.
    pub theme: Option<Theme>,
    /// One of [`SettingsView::zooms`].
    #[ts(optional, type = "number")]
    pub zoom_percent: Option<i64>,
    /// Whether quiet hours count.
    pub quiet_on: Option<bool>,
    /// `HH:MM`, local.
    pub quiet_from: Option<String>,
    /// `HH:MM`, local.
    pub quiet_to: Option<String>,
    /// Whether native notifications show.
    pub notifications: Option<bool>,
    /// 1 to 15.
    #[ts(optional, type = "number")]
    pub lock_after_minutes: Option<i64>,
    /// Whether Cairn goes on without its window.
    pub keep_running: Option<bool>,
    /// The whole path of a folder; empty for the usual one.
    pub backup_folder: Option<String>,
}

/// An enrolled device of the signed-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DeviceRow {
    /// Device id.
    pub id: String,
    /// Whether it is this one.
    pub this: bool,
    /// Whether the service still takes anything from it.
    pub active: bool,
    /// RFC 3339: when it was enrolled; none where this computer has not received that yet.
    pub since: Option<String>,
    /// RFC 3339: when it was retired.
    pub retired: Option<String>,
}

/// This computer: its devices, its lease and its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ComputerView {
    /// The signed-in person's devices, this one first, then the newest first.
    pub devices: Vec<DeviceRow>,
    /// RFC 3339: when the service last answered this one.
    pub last_contact: String,
    /// RFC 3339: until when work without contact is possible.
    pub lease_until: String,
    /// Whether a recovery passphrase is set.
    pub passphrase: bool,
    /// The profile directory.
    pub folder: String,
    /// Bytes of the database with its write-ahead log.
    #[ts(type = "number")]
    pub database_bytes: u64,
    /// Bytes of what the web view keeps.
    #[ts(type = "number")]
    pub web_bytes: u64,
    /// Tenants on this computer.
    #[ts(type = "number")]
    pub tenants: u64,
}

/// Which program this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct About {
    /// Version of Cairn.
    pub version: String,
    /// Version of the protocol it speaks.
    pub protocol: u32,
    /// Newest schema of the local database it knows.
    pub schema: u32,
    /// Version of SQLite.
    pub sqlite: String,
    /// Version of SQLCipher.
    pub sqlcipher: String,
    /// Version of the web view; none where the system does not tell.
    pub web_view: Option<String>,
    /// The operating system and the processor's architecture.
    pub system: String,
}

/// Whether there is a newer Cairn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UpdateView {
    /// The version that runs.
    pub running: String,
    /// RFC 3339: when the service last showed a list of releases that counts.
    pub checked: Option<String>,
    /// Where the update stands.
    pub update: Update,
}

/// Where an update stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Update {
    /// This copy does not update itself.
    Off {
        /// `not_packaged`: it was not installed from a package; `no_release_key`: its package was
        /// built without the makers' key.
        why: String,
    },
    /// Nobody has looked since the start.
    Unknown,
    /// What runs is the newest.
    Current,
    /// The service has no releases.
    None,
    /// There is a newer one.
    Offered {
        /// Which.
        release: ReleaseRow,
    },
    /// It is on its way.
    Fetching {
        /// Which.
        release: ReleaseRow,
        /// Bytes that are here.
        #[ts(type = "number")]
        done: u64,
    },
    /// The system installs it.
    Installing {
        /// Which.
        release: ReleaseRow,
    },
    /// It is installed and runs from the next start on.
    Installed {
        /// Which.
        release: ReleaseRow,
    },
    /// What the service offered was refused, or did not arrive.
    Failed {
        /// Code.
        code: String,
        /// One plain sentence.
        message: String,
        /// Which, where it got that far: it can be tried again.
        release: Option<ReleaseRow>,
    },
}

/// A release as the window shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReleaseRow {
    /// Version.
    pub version: String,
    /// What is new, in plain text.
    pub notes: String,
    /// RFC 3339: when it was signed.
    pub published: String,
    /// Bytes of its package.
    #[ts(type = "number")]
    pub size: u64,
}

/// What opens a backup, or why nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// The key of this computer.
    Here,
    /// Only its recovery passphrase: it was made under another key.
    Passphrase,
    /// Neither: it was made under another key, before a passphrase was set there.
    Elsewhere,
    /// Nothing: it was cut off or changed.
    Incomplete,
    /// A newer Cairn.
    Newer,
    /// Nothing: it is no backup of Cairn.
    Unreadable,
}

/// A file in the folder for backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BackupRow {
    /// Its whole path.
    pub file: String,
    /// Its name.
    pub name: String,
    /// RFC 3339: when it was made; none where it cannot be read.
    pub made: Option<String>,
    /// Its size.
    #[ts(type = "number")]
    pub bytes: u64,
    /// What opens it.
    pub state: BackupState,
    /// Whether it has a recovery passphrase.
    pub passphrase: bool,
}

/// The backups in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BackupList {
    /// The folder.
    pub folder: String,
    /// Newest first.
    pub backups: Vec<BackupRow>,
}

/// What a restore left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Restored {
    /// RFC 3339: when the backup was made.
    pub made: String,
    /// Where the database lies that was there before; none where there was none.
    pub aside: Option<String>,
    /// Changes in the restored outbox that wait to be sent.
    #[ts(type = "number")]
    pub unsent: u64,
    /// Changes that only the database moved aside holds; none where it could not be read.
    #[ts(type = "number | null")]
    pub left: Option<u64>,
    /// Where the window stands now.
    pub session: Session,
}

/// An error as the window gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Failure {
    /// To branch on.
    pub code: String,
    /// To show.
    pub message: String,
    /// What it is about.
    #[ts(type = "unknown")]
    pub details: serde_json::Value,
}
