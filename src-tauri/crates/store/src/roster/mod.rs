//! The roster of one tenant: the records that imports brought, as versions, in an encrypted file of
//! its own beside `cairn.db` (docs/adr/0012-roster-database.md).
//!
//! Each revision is one transaction: its versions, the records they belong to, the counts, the digest
//! and the revision's own number. A version is written once and never changed; which version stands
//! is kept apart. So what an import did, what was there before and how to take it back are queries.
//!
//! The file is a cache: the service has every revision. A file that cannot be used is an error that
//! says so, and is replaced only by [`Store::rebuild_roster`](crate::Store::rebuild_roster).

mod bulk;
mod diff;
mod file;
mod pack;
mod read;
mod rollback;
mod staying;
mod tally;
mod types;
mod write;

use std::collections::BTreeMap;

use cairn_domain::{Hash, TenantId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::sql::{Blob, from_json, int, to_json, uint};
pub use diff::{DiffPage, Difference};
pub(crate) use file::remove as remove_file;
pub use read::{Filter, Page, PageQuery, RecordRef, Walk};
pub use rollback::{Back, Left, Naming, Why};
pub use write::{Beside, Writer};

/// The open roster of a tenant: one connection. Several processes may hold one each. It holds its key
/// until it is dropped, also when the profile is locked.
pub struct Roster {
    db: Connection,
    tenant: TenantId,
}

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roster").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// A record: its type, what names it among those of its type, and its values that are not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its type, such as `users`.
    pub kind: String,
    /// Its id; never empty.
    pub id: String,
    /// Column and value.
    pub values: Vec<(String, String)>,
}

/// Names what is about to be done to a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision<'a> {
    /// Its number: one more than the last, or any in an empty roster, whose earlier ones were not kept.
    pub number: u64,
    /// The import or rollback, by the op that asked for it.
    pub import: &'a str,
}

/// What a revision did to the records of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New.
    pub create: u64,
    /// There before, with other values.
    pub update: u64,
    /// There before, with the same values.
    pub unchanged: u64,
    /// There before and now no more.
    pub remove: u64,
}

/// A revision that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub number: u64,
    /// The op that asked for it.
    pub import: String,
    /// The revision that it took back, where it is a rollback.
    pub takes_back: Option<u64>,
    /// What it did, by type.
    pub counts: BTreeMap<String, Changes>,
    /// The digest of the records after it.
    pub digest: Hash,
    /// The last version that it wrote.
    last: i64,
}

/// Why a roster could not be used or changed. It is as it was then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterTrouble {
    /// The key is there and the file is not.
    #[error("The roster file is missing. Load the roster again from the service.")]
    Missing,
    /// The file is not whole or does not make sense.
    #[error("The roster file is damaged: {0}. Load the roster again from the service.")]
    Damaged(String),
    /// The file is not the one that was made under the key.
    #[error("The roster file was made under another key. Load the roster again from the service.")]
    KeyWrong,
    /// The file is there and its key is not.
    #[error(
        "There is a roster file without its key, as after a backup was restored. Load the roster again from the service."
    )]
    KeyAbsent,
    /// A newer Cairn made the file.
    #[error(
        "The roster has schema {found}; this version of Cairn knows up to {known}. Update Cairn to open it."
    )]
    Newer {
        /// The file's schema.
        found: u32,
        /// The newest schema this code knows.
        known: u32,
    },
    /// Revisions in between are missing.
    #[error("The roster stands at revision {have}; revision {number} cannot follow it.")]
    Gap {
        /// The last revision.
        have: u64,
        /// The one that was offered.
        number: u64,
    },
    /// Another import stands under that number.
    #[error("Revision {0} of the roster is another import. Load the roster again from the service.")]
    Forked(u64),
    /// Records come by id, in the order of its bytes, each once.
    #[error("The records of an import are out of order: '{id}' of {kind} stands behind a later one.")]
    Unsorted {
        /// The type.
        kind: String,
        /// The id.
        id: String,
    },
    /// A record without an id cannot be found again.
    #[error("A record of {0} has no id.")]
    NoId(String),
    /// The roster does not hold the revision: there is none, or it began later.
    #[error("The roster on this computer does not hold revision {0}.")]
    UnknownRevision(u64),
}

impl RosterTrouble {
    /// The code to branch on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "roster_missing",
            Self::Damaged(_) => "roster_damaged",
            Self::KeyWrong => "roster_key_wrong",
            Self::KeyAbsent => "roster_key_absent",
            Self::Newer { .. } => "roster_newer",
            Self::Gap { .. } => "roster_gap",
            Self::Forked(_) => "roster_forked",
            Self::Unsorted { .. } => "roster_unsorted",
            Self::NoId(_) => "roster_no_id",
            Self::UnknownRevision(_) => "unknown_revision",
        }
    }
}

impl Roster {
    /// Whose it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The last revision; none where nothing was imported yet.
    ///
    /// # Errors
    /// `roster_damaged`; whatever the database reports.
    pub fn latest(&self) -> Result<Option<Applied>, StoreError> {
        self.named(latest(&self.db))
    }

    /// All revisions, oldest first.
    ///
    /// # Errors
    /// As [`Roster::latest`].
    pub fn revisions(&self) -> Result<Vec<Applied>, StoreError> {
        let all = || {
            let mut statement =
                self.db.prepare_cached(&format!("SELECT {APPLIED} FROM revisions ORDER BY number"))?;
            let mut rows = statement.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(applied(row)?);
            }
            Ok(all)
        };
        self.named(all())
    }

    /// Says which roster it is that is damaged.
    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| named(&self.tenant, error))
    }
}

fn named(tenant: &TenantId, error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged(why) => trouble(tenant, RosterTrouble::Damaged(why)),
        StoreError::Key(_) => trouble(tenant, RosterTrouble::Damaged("a page cannot be read".into())),
        StoreError::Newer { found, known } => trouble(tenant, RosterTrouble::Newer { found, known }),
        other => other,
    }
}

fn trouble(tenant: &TenantId, trouble: RosterTrouble) -> StoreError {
    StoreError::Roster { tenant: tenant.clone(), trouble }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}

const APPLIED: &str = "number, import, takes_back, counts, digest, last";

fn applied(row: &Row<'_>) -> Result<Applied, StoreError> {
    let counts: String = row.get(3)?;
    Ok(Applied {
        number: uint(row.get(0)?),
        import: row.get(1)?,
        takes_back: row.get::<_, Option<i64>>(2)?.map(uint),
        counts: from_json(&counts).map_err(|_| damaged("the counts of a revision"))?,
        digest: row.get::<_, Blob>(4)?.0,
        last: row.get(5)?,
    })
}

fn latest(db: &Connection) -> Result<Option<Applied>, StoreError> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {APPLIED} FROM revisions ORDER BY number DESC LIMIT 1"))?;
    let mut rows = statement.query([])?;
    rows.next()?.map(applied).transpose()
}

fn revision(db: &Connection, number: u64) -> Result<Option<Applied>, StoreError> {
    let mut statement = db.prepare_cached(&format!("SELECT {APPLIED} FROM revisions WHERE number = ?1"))?;
    let mut rows = statement.query([int(number)])?;
    rows.next()?.map(applied).transpose()
}

/// The versions of a revision: those after the first number, up to the second.
fn span(db: &Connection, applied: &Applied) -> Result<(i64, i64), StoreError> {
    let before: Option<i64> = db
        .prepare_cached("SELECT max(last) FROM revisions WHERE number < ?1")?
        .query_row([int(applied.number)], |row| row.get(0))
        .optional()?
        .flatten();
    Ok((before.unwrap_or(0), applied.last))
}

fn save(db: &Connection, applied: &Applied) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO revisions (number, import, takes_back, counts, digest, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        int(applied.number),
        applied.import,
        applied.takes_back.map(int),
        to_json(&applied.counts)?,
        Blob(applied.digest),
        applied.last
    ])?;
    Ok(())
}

/// The label of what records count for in the digest.
const HASHED: &str = "cairn roster record 1";

/// What a record counts for in the digest: the same whatever the order of its columns.
fn hash_of<'a>(kind: &str, id: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> Hash {
    let mut values: Vec<(&str, &str)> = values.filter(|(_, value)| !value.is_empty()).collect();
    values.sort_unstable();
    let mut parts = vec![kind.as_bytes(), id.as_bytes()];
    parts.extend(values.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
    Hash::of(HASHED, &parts)
}
