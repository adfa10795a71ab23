//! One row per journal: how far this laptop is, and what it may read.

use cairn_domain::digest::{Digests, SetHash};
use cairn_domain::id::Audience;
use cairn_domain::journal::EffectSalts;
use cairn_domain::op::Seen;
use cairn_domain::{DeviceId, Hash, TenantId, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::StoreError;
use crate::sql::{Blob, from_json, int, to_json, uint};

/// Where this laptop stands in a journal.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub audience: Audience,
    pub seen: Seen,
    pub digests: Digests,
    pub salts: EffectSalts,
    pub complete_from: u64,
    pub snapshot_seq: Option<u64>,
    pub as_of: Time,
    pub rebuild: bool,
    pub version: u64,
}

const COLUMNS: &str = "audience, seq, head, client_digest, team_digest, salts, complete_from, snapshot_seq, as_of, rebuild, version";

impl Journal {
    /// A journal before its first entry.
    pub fn empty(audience: Audience, salts: EffectSalts, now: Time) -> Self {
        Self {
            audience,
            seen: Seen::default(),
            digests: Digests::default(),
            salts,
            complete_from: 1,
            snapshot_seq: None,
            as_of: now,
            rebuild: false,
            version: 0,
        }
    }

    /// The digest of the confirmed state for this laptop's audience.
    pub fn digest(&self) -> Hash {
        self.digests.for_audience(self.audience)
    }

    pub fn load(db: &Connection, tenant: &TenantId) -> Result<Option<Self>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM journals WHERE tenant = ?1");
        let mut statement = db.prepare_cached(&sql)?;
        let raw = statement.query_row([tenant.as_str()], |row| read(row, 0)).optional()?;
        raw.map(Raw::parse).transpose()
    }

    pub fn require(db: &Connection, tenant: &TenantId) -> Result<Self, StoreError> {
        Self::load(db, tenant)?.ok_or_else(|| StoreError::UnknownTenant(tenant.clone()))
    }

    pub fn all(db: &Connection) -> Result<Vec<(TenantId, Self)>, StoreError> {
        let sql = format!("SELECT tenant, {COLUMNS} FROM journals ORDER BY tenant");
        let mut statement = db.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, read(row, 1)?)))?;
        rows.map(|row| {
            let (tenant, raw) = row?;
            Ok((tenant.parse()?, raw.parse()?))
        })
        .collect()
    }

    pub fn save(&self, db: &Connection, tenant: &TenantId) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT OR REPLACE INTO journals (tenant, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        );
        db.prepare_cached(&sql)?.execute(params![
            tenant.as_str(),
            audience_word(self.audience),
            int(self.seen.seq),
            Blob(self.seen.head),
            Blob(self.digests.client.to_hash()),
            Blob(self.digests.team.to_hash()),
            to_json(&self.salts)?,
            int(self.complete_from),
            self.snapshot_seq.map(int),
            self.as_of.to_rfc3339(),
            self.rebuild,
            int(self.version),
        ])?;
        Ok(())
    }
}

/// Says that the tenant's cells changed, for caches.
pub(crate) fn bump(db: &Connection, tenant: &TenantId) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE journals SET version = version + 1 WHERE tenant = ?1")?
        .execute([tenant.as_str()])?;
    Ok(())
}

struct Raw {
    audience: String,
    seq: i64,
    head: Blob,
    client: Blob,
    team: Blob,
    salts: String,
    complete_from: i64,
    snapshot_seq: Option<i64>,
    as_of: String,
    rebuild: bool,
    version: i64,
}

fn read(row: &Row<'_>, at: usize) -> rusqlite::Result<Raw> {
    Ok(Raw {
        audience: row.get(at)?,
        seq: row.get(at + 1)?,
        head: row.get(at + 2)?,
        client: row.get(at + 3)?,
        team: row.get(at + 4)?,
        salts: row.get(at + 5)?,
        complete_from: row.get(at + 6)?,
        snapshot_seq: row.get(at + 7)?,
        as_of: row.get(at + 8)?,
        rebuild: row.get(at + 9)?,
        version: row.get(at + 10)?,
    })
}

impl Raw {
    fn parse(self) -> Result<Journal, StoreError> {
        let digests =
            Digests { client: SetHash::from_hash(self.client.0), team: SetHash::from_hash(self.team.0) };
        Ok(Journal {
            audience: if self.audience == "team" { Audience::Team } else { Audience::Client },
            seen: Seen { seq: uint(self.seq), head: self.head.0 },
            digests,
            salts: from_json(&self.salts)?,
            complete_from: uint(self.complete_from),
            snapshot_seq: self.snapshot_seq.map(uint),
            as_of: time(&self.as_of)?,
            rebuild: self.rebuild,
            version: uint(self.version),
        })
    }
}

fn audience_word(audience: Audience) -> &'static str {
    match audience {
        Audience::Client => "client",
        Audience::Team => "team",
    }
}

pub(crate) fn time(text: &str) -> Result<Time, StoreError> {
    let read = chrono::DateTime::parse_from_rfc3339(text).map_err(|e| StoreError::Format(e.to_string()))?;
    Ok(read.to_utc())
}

/// The last number given out to `device` in `tenant`; none where it never wrote there.
pub(crate) fn last_number(
    db: &Connection,
    tenant: &TenantId,
    device: &DeviceId,
) -> Result<Option<u64>, StoreError> {
    let last: Option<i64> = db
        .prepare_cached("SELECT last FROM numbers WHERE tenant = ?1 AND device = ?2")?
        .query_row([tenant.as_str(), device.as_str()], |row| row.get(0))
        .optional()?;
    Ok(last.map(uint))
}

pub(crate) fn set_last_number(
    db: &Connection,
    tenant: &TenantId,
    device: &DeviceId,
    last: u64,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO numbers (tenant, device, last) VALUES (?1, ?2, ?3)")?
        .execute(params![tenant.as_str(), device.as_str(), int(last)])?;
    Ok(())
}
