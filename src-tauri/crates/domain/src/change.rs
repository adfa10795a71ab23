//! What an op changes: one verb of a closed set, in the words of the field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::Role;
use crate::id::{AccountId, DeviceId, Entity, OpId, ProjectId, TenantId};
use crate::import::{ImportCommitted, ImportExport, ImportRefused, ImportRequest, ImportRolledBack};
use crate::{Hash, Time};

/// The statuses of an item or step (SPEC 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has begun.
    NotStarted,
    /// Somebody is at it.
    InProgress,
    /// Done.
    Complete,
    /// Something stands in the way; needs a reason.
    Blocked,
    /// Does not apply here; needs a reason.
    NotApplicable,
    /// Claimed while the system could not confirm it; only where the playbook names a check.
    WaitingToVerify,
}

impl Status {
    /// From the most to the least cautious: which of two conflicting values shows meanwhile.
    pub const BY_CAUTION: [Self; 6] = [
        Self::Blocked,
        Self::WaitingToVerify,
        Self::InProgress,
        Self::NotStarted,
        Self::NotApplicable,
        Self::Complete,
    ];

    /// Whether a reason must come with it.
    pub fn needs_reason(self) -> bool {
        matches!(self, Self::Blocked | Self::NotApplicable)
    }

    /// The word on the wire and in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::Complete => "complete",
            Self::Blocked => "blocked",
            Self::NotApplicable => "not_applicable",
            Self::WaitingToVerify => "waiting_to_verify",
        }
    }
}

/// The value of a status cell: status and reason together, and the blocker it carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusValue {
    /// The status.
    pub status: Status,
    /// Why; present exactly for blocked and not applicable (optional elsewhere).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The blocker that is open while this value survives; present exactly for blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocker: Option<BlockerRef>,
}

/// A blocker and the place of its opening in the journal, which says which of two is older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockerRef {
    /// The seq at which it was opened; none while its op is still pending on a laptop.
    /// `None` must compare as the youngest, see [`BlockerRef::age`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_seq: Option<u64>,
    /// The op that opened it.
    pub op: OpId,
}

impl BlockerRef {
    /// Orders blockers from old to young; pending ones are the youngest, by their own number.
    pub fn age(&self) -> (u64, u64, &OpId) {
        (self.opened_seq.unwrap_or(u64::MAX), self.op.device_seq, &self.op)
    }
}

impl StatusValue {
    /// Reads a cell's value as a status; none where it is something else.
    pub fn read(value: &Value) -> Option<Self> {
        if !value.is_object() {
            return None;
        }
        Self::deserialize(value).ok()
    }
}

/// Who does an item: a person, or a role while nobody is named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A person.
    Account(AccountId),
    /// A role, internal or of the tenant.
    Role(String),
}

/// Which playbook a project follows. The source itself lies beside the cells, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlaybookRef {
    /// Key of the playbook.
    pub key: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of its source.
    pub digest: String,
}

/// A comment as its cell holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommentValue {
    /// What it is about.
    pub on: Entity,
    /// What it says.
    pub text: String,
}

/// What a blocker's `opened` cell holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockerOpened {
    /// The item or step it stands on.
    pub on: Entity,
    /// The reason given when it was opened.
    pub reason: String,
}

/// What a device's `key` cell holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceValue {
    /// Ed25519 public key, 64 hex digits.
    pub key: String,
    /// Whose device it is; a pseudonym, not a name.
    pub account: AccountId,
    /// Whether it is the service's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service: bool,
}

/// Who may read a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The tenant's people too.
    Client,
    /// The team alone.
    Team,
}

/// Fields of an item or step that hold one value of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemField {
    /// [`Owner`] or null.
    Owner,
    /// Text or null.
    Note,
    /// `YYYY-MM-DD` or null.
    Due,
    /// Text or null.
    Evidence,
}

/// Fields of a project that hold one value of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectField {
    /// One of the playbook's modes.
    Mode,
    /// `YYYY-MM-DD` or null.
    GoLive,
    /// One of [`PROJECT_STATUSES`].
    Status,
}

/// The statuses of a project (SPEC 1); at risk and blocked are derived.
pub const PROJECT_STATUSES: [&str; 9] = [
    "not_started",
    "discovery",
    "configuration",
    "migration",
    "training",
    "uat",
    "go_live_prep",
    "completed",
    "on_hold",
];

/// Fields of a blocker that hold one value of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockerField {
    /// [`Owner`] or null.
    Owner,
    /// `us`, `client` or `vendor`.
    WaitingOn,
    /// `P0` to `P3`.
    Severity,
}

macro_rules! field_names {
    ($type:ident, $($variant:ident => $name:ident),+) => {
        impl $type {
            /// The name of its cell.
            pub fn cell(self) -> &'static str {
                match self { $(Self::$variant => crate::cell::field::$name),+ }
            }
        }
    };
}

field_names!(ItemField, Owner => OWNER, Note => NOTE, Due => DUE, Evidence => EVIDENCE);
field_names!(ProjectField, Mode => MODE, GoLive => GO_LIVE, Status => STATUS);
field_names!(BlockerField, Owner => OWNER, WaitingOn => WAITING_ON, Severity => SEVERITY);

/// One verb of the closed set. On the wire `{"verb": "ItemStatusSet", ...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Change {
    /// The service made a tenant.
    TenantCreated {
        /// Short name, unique in the organisation.
        slug: String,
        /// Full name.
        name: String,
    },
    /// A roll-out began. The project carries its playbook's source, so that every reader, whatever
    /// playbooks its own version knows, shows the same checklist.
    ProjectStarted {
        /// The project; `n` is how many projects of that playbook the author saw.
        project: ProjectId,
        /// The playbook.
        playbook: PlaybookRef,
        /// Its TOML source.
        source: String,
        /// Rollout mode, where the playbook has modes.
        mode: Option<String>,
        /// Target go-live, `YYYY-MM-DD`.
        go_live: Option<String>,
    },
    /// A running project moves to another version of its playbook. The base of each removed item's
    /// cells names the values the author saw; any other value keeps its item visible.
    ProjectUpgraded {
        /// The project.
        project: ProjectId,
        /// The new version.
        playbook: PlaybookRef,
        /// Its TOML source.
        source: String,
    },
    /// A field of a project.
    ProjectFieldSet {
        /// The project.
        project: ProjectId,
        /// Which.
        field: ProjectField,
        /// The value, see [`ProjectField`].
        value: Value,
    },
    /// Status, with its reason, of an item or step.
    ItemStatusSet {
        /// The item or step.
        item: Entity,
        /// The status.
        status: Status,
        /// Required for blocked and not applicable.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A field of an item or step.
    ItemFieldSet {
        /// The item or step.
        item: Entity,
        /// Which.
        field: ItemField,
        /// The value, see [`ItemField`].
        value: Value,
    },
    /// A comment on an item, step or project.
    CommentAdded {
        /// What it is about.
        on: Entity,
        /// What it says.
        text: String,
        /// Who may read it.
        visibility: Visibility,
    },
    /// A field of a blocker.
    BlockerFieldSet {
        /// The op that opened it.
        blocker: OpId,
        /// Which.
        field: BlockerField,
        /// The value, see [`BlockerField`].
        value: Value,
    },
    /// Somebody asks for an import; its records are in a blob.
    ImportRequested(ImportRequest),
    /// The service made an import visible.
    ImportCommitted {
        /// The import, by the op that asked for it.
        import: OpId,
        /// What was committed.
        #[serde(flatten)]
        committed: ImportCommitted,
    },
    /// The service did not take an import.
    ImportRefused {
        /// The import.
        import: OpId,
        /// Why.
        #[serde(flatten)]
        refused: ImportRefused,
    },
    /// Somebody asks to take an import back.
    ImportRollbackRequested {
        /// The import.
        import: OpId,
    },
    /// The service took an import back.
    ImportRolledBack {
        /// The import.
        import: OpId,
        /// How it ended.
        #[serde(flatten)]
        rolled_back: ImportRolledBack,
    },
    /// Somebody wrote data of an import to a file; changes nothing, and is for the audit.
    ImportExported {
        /// What.
        what: ImportExport,
        /// What people call the files of the import.
        source: String,
        /// Rows of it, or records that the import is about.
        rows: u64,
    },
    /// A manager takes a held op into the journal; the author's bytes follow as the next entry.
    HeldAdopted {
        /// The held op.
        op: OpId,
    },
    /// A manager drops a held op.
    HeldDiscarded {
        /// The held op.
        op: OpId,
    },
    /// An account was made (`_org`, by the service).
    AccountCreated {
        /// Its id.
        account: AccountId,
        /// Sign-in name.
        name: String,
        /// Role.
        role: Role,
    },
    /// An account was disabled or enabled again (`_org`, by the service).
    AccountActiveSet {
        /// The account.
        account: AccountId,
        /// Whether it may work.
        active: bool,
    },
    /// A device was enrolled (`_org`, by the service).
    DeviceEnrolled {
        /// The device.
        device: DeviceId,
        /// Its key and account.
        value: DeviceValue,
    },
    /// A device was retired (`_org`, by the service).
    DeviceRetired {
        /// The device.
        device: DeviceId,
        /// Why, e.g. `device_forked`, `signed_out`, `revoked`.
        why: String,
    },
    /// A person was assigned to a tenant or taken off it (`_org`, by the service or a manager).
    AssignmentSet {
        /// The person.
        account: AccountId,
        /// The tenant.
        tenant: TenantId,
        /// Whether assigned.
        active: bool,
    },
    /// The service came back from a backup (by the new service device).
    ServiceRestored {
        /// The seq and head from which it goes on.
        seq: u64,
        /// The head at that seq.
        head: Hash,
        /// When the backup was taken.
        backup_at: Option<Time>,
    },
}

impl Change {
    /// The op after which the blocker or import is named that this change of a person's is about.
    pub fn names(&self) -> Option<&OpId> {
        match self {
            Self::BlockerFieldSet { blocker: op, .. } | Self::ImportRollbackRequested { import: op } => {
                Some(op)
            }
            _ => None,
        }
    }

    /// [`Change::names`], to be put under another name.
    pub fn names_mut(&mut self) -> Option<&mut OpId> {
        match self {
            Self::BlockerFieldSet { blocker: op, .. } | Self::ImportRollbackRequested { import: op } => {
                Some(op)
            }
            _ => None,
        }
    }

    /// The verb, for history and logs.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::TenantCreated { .. } => "TenantCreated",
            Self::ProjectStarted { .. } => "ProjectStarted",
            Self::ProjectUpgraded { .. } => "ProjectUpgraded",
            Self::ProjectFieldSet { .. } => "ProjectFieldSet",
            Self::ItemStatusSet { .. } => "ItemStatusSet",
            Self::ItemFieldSet { .. } => "ItemFieldSet",
            Self::CommentAdded { .. } => "CommentAdded",
            Self::BlockerFieldSet { .. } => "BlockerFieldSet",
            Self::ImportRequested(_) => "ImportRequested",
            Self::ImportCommitted { .. } => "ImportCommitted",
            Self::ImportRefused { .. } => "ImportRefused",
            Self::ImportRollbackRequested { .. } => "ImportRollbackRequested",
            Self::ImportRolledBack { .. } => "ImportRolledBack",
            Self::ImportExported { .. } => "ImportExported",
            Self::HeldAdopted { .. } => "HeldAdopted",
            Self::HeldDiscarded { .. } => "HeldDiscarded",
            Self::AccountCreated { .. } => "AccountCreated",
            Self::AccountActiveSet { .. } => "AccountActiveSet",
            Self::DeviceEnrolled { .. } => "DeviceEnrolled",
            Self::DeviceRetired { .. } => "DeviceRetired",
            Self::AssignmentSet { .. } => "AssignmentSet",
            Self::ServiceRestored { .. } => "ServiceRestored",
        }
    }

    /// Who may read the op's body. Each verb belongs to one audience, so a body is never split;
    /// only its effects can touch both (docs/adr/0002).
    pub fn audience(&self) -> crate::id::Audience {
        use crate::id::Audience::{Client, Team};
        match self {
            Self::CommentAdded { visibility: Visibility::Team, .. }
            | Self::BlockerFieldSet { .. }
            | Self::ImportRequested(_)
            | Self::ImportCommitted { .. }
            | Self::ImportRefused { .. }
            | Self::ImportRollbackRequested { .. }
            | Self::ImportRolledBack { .. }
            | Self::ImportExported { .. }
            | Self::AccountCreated { .. }
            | Self::AccountActiveSet { .. }
            | Self::AssignmentSet { .. }
            | Self::HeldAdopted { .. }
            | Self::HeldDiscarded { .. } => Team,
            _ => Client,
        }
    }
}
