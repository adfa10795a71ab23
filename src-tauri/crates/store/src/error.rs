//! What can go wrong in the store: a code to branch on, a sentence to read.

use std::path::PathBuf;

use cairn_domain::decide::Refusal;
use cairn_domain::{Hash, OpId, TenantId};
use cairn_protocol::ApiError;
use serde_json::{Value, json};

use crate::keys::KeyTrouble;
use crate::roster::RosterTrouble;

/// Why the store could not do what was asked. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules refuse the change; code, message and details are the rule's own.
    #[error("{0}")]
    Refused(Refusal),
    /// The data key of an existing profile cannot be had. The database is left as it is.
    #[error(transparent)]
    Key(#[from] KeyTrouble),
    /// A newer Cairn made this database.
    #[error(
        "This database has schema {found}; this version of Cairn knows up to {known}. Update Cairn to open it."
    )]
    Newer {
        /// The database's schema.
        found: u32,
        /// The newest schema this code knows.
        known: u32,
    },
    /// The file is not whole.
    #[error(
        "The database is damaged: {0}. Restore a backup of it, or move its folder aside and start again: what the service has comes back after signing in."
    )]
    Damaged(String),
    /// There is no database at this place.
    #[error("There is no database at {}.", .0.display())]
    Missing(PathBuf),
    /// There is one already; it is never replaced.
    #[error("There is already a database at {}.", .0.display())]
    Exists(PathBuf),
    /// Nobody has signed in here.
    #[error("Nobody has signed in on this computer yet.")]
    NotEnrolled,
    /// This laptop does not hold the journal.
    #[error("This computer does not hold the tenant '{0}'. Sync to receive it.")]
    UnknownTenant(TenantId),
    /// This laptop knows no such op.
    #[error("This computer knows no change named '{0}'.")]
    UnknownOp(OpId),
    /// The tenant has work that the service has not answered for.
    #[error("{count} changes of '{tenant}' have not left this computer. Sync or export them first.")]
    UnsentWork {
        /// The tenant.
        tenant: TenantId,
        /// How many ops.
        count: u64,
    },
    /// The profile was copied or restored: it must sign in anew before it pushes again.
    #[error("This profile was copied or restored. Sign in again; your unsent changes are kept.")]
    DeviceForked,
    /// A tenant's roster cannot be used or changed.
    #[error("The roster of '{tenant}': {trouble}")]
    Roster {
        /// The tenant.
        tenant: TenantId,
        /// Why.
        trouble: RosterTrouble,
    },
    /// Another process holds the database for longer than the waiting time.
    #[error("Another Cairn process is writing. Try again.")]
    Busy,
    /// The disk is full.
    #[error("The disk is full. Nothing was saved.")]
    DiskFull,
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The database refuses for another reason.
    #[error("The database reports: {0}")]
    Sqlite(rusqlite::Error),
    /// Something stored or passed in cannot be read.
    #[error("{0}")]
    Format(String),
}

impl StoreError {
    /// The code to branch on.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Key(trouble) => trouble.code(),
            Self::Newer { .. } => "database_newer",
            Self::Damaged(_) => "database_damaged",
            Self::Missing(_) => "database_missing",
            Self::Exists(_) => "database_exists",
            Self::NotEnrolled => "not_enrolled",
            Self::UnknownTenant(_) => "unknown_tenant",
            Self::UnknownOp(_) => "unknown_op",
            Self::UnsentWork { .. } => "unsent_work",
            Self::DeviceForked => "device_forked",
            Self::Roster { trouble, .. } => trouble.code(),
            Self::Busy => "database_busy",
            Self::DiskFull => "disk_full",
            Self::Io(_) => "io",
            Self::Sqlite(_) => "database",
            Self::Format(_) => "bad_format",
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::Refused(refusal) => refusal.details.clone(),
            Self::Newer { found, known } => json!({ "found": found, "known": known }),
            Self::Roster { tenant, .. } => json!({ "tenant": tenant }),
            Self::UnknownTenant(tenant) => json!({ "tenant": tenant }),
            Self::UnknownOp(op) => json!({ "op": op }),
            Self::UnsentWork { tenant, count } => json!({ "tenant": tenant, "count": count }),
            _ => Value::Null,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string(), details: error.details() }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(NotADatabase) => Self::Key(KeyTrouble::Wrong),
            Some(DiskFull) => Self::DiskFull,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<cairn_domain::id::BadId> for StoreError {
    fn from(error: cairn_domain::id::BadId) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<cairn_domain::seal::BadSeal> for StoreError {
    fn from(error: cairn_domain::seal::BadSeal) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<cairn_domain::op::BadOp> for StoreError {
    fn from(error: cairn_domain::op::BadOp) -> Self {
        Self::Format(error.to_string())
    }
}

/// Why a page was not applied. The store is as it was before, but for [`PullError::DigestMismatch`],
/// which also marks the journal for a rebuild.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The page does not go on where this laptop stands.
    #[error("The page of '{tenant}' starts at {first}, but this computer stands at {have}.")]
    Gap {
        /// The journal.
        tenant: TenantId,
        /// The laptop's seq.
        have: u64,
        /// The page's first seq.
        first: u64,
    },
    /// The service tells another history than it told before, or than an author witnessed.
    #[error("The service tells another history of '{tenant}' at {seq} than this computer has seen.")]
    HistoryForked {
        /// The journal.
        tenant: TenantId,
        /// Where they differ.
        seq: u64,
    },
    /// The entries do not lead to the head the page names.
    #[error("The entries of '{tenant}' do not lead to the head that the service signed at {seq}.")]
    HeadMismatch {
        /// The journal.
        tenant: TenantId,
        /// Where the page ends.
        seq: u64,
    },
    /// A signature is missing or does not fit.
    #[error("A signature in the page of '{tenant}' is missing or does not fit: {what}.")]
    BadSignature {
        /// The journal.
        tenant: TenantId,
        /// Whose: `seen`, or the run.
        what: String,
    },
    /// An entry cannot be read at all.
    #[error("An entry of '{tenant}' cannot be read: {why}")]
    BadEntry {
        /// The journal.
        tenant: TenantId,
        /// What is wrong.
        why: String,
    },
    /// The state differs from the service's at the same place.
    #[error("The state of '{tenant}' differs from the service's. It is loaded again.")]
    DigestMismatch {
        /// The journal.
        tenant: TenantId,
        /// What this laptop computed.
        ours: Hash,
        /// What the service says.
        theirs: Hash,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(StoreError),
}

impl PullError {
    /// The code to branch on.
    pub fn code(&self) -> &str {
        match self {
            Self::Gap { .. } => "page_gap",
            Self::HistoryForked { .. } => "history_forked",
            Self::HeadMismatch { .. } => "head_mismatch",
            Self::BadSignature { .. } => "bad_signature",
            Self::BadEntry { .. } => "bad_entry",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::Store(error) => error.code(),
        }
    }
}

impl<E: Into<StoreError>> From<E> for PullError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl From<PullError> for ApiError {
    fn from(error: PullError) -> Self {
        match error {
            PullError::Store(error) => error.into(),
            other => Self { code: other.code().to_owned(), message: other.to_string(), details: Value::Null },
        }
    }
}
