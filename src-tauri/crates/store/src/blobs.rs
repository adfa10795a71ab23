//! Files of imports on their way, and how far each tenant's roster is.
//!
//! A file that somebody asked to import is kept in one transaction with the op that names it, so that no
//! op is queued without its file. It stays until it is no longer of use: the service may come back from
//! a backup without it.

use cairn_domain::import::{self, Import};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{Change, Hash, TenantId, Time};
use rusqlite::{Connection, OptionalExtension, params};

use crate::cells::load_cells_between;
use crate::journals::Journal;
use crate::outbox::OutboxOp;
use crate::sql::{Blob, int, uint};
use crate::write::{Draft, Written};
use crate::{Store, StoreError};

/// Bytes of a part that is written here.
const PART: usize = 1 << 20;

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobState {
    /// Its size in bytes.
    pub total: u64,
    /// Bytes that are here, from the start without holes.
    pub received: u64,
    /// Whether the service has all of it.
    pub sent: bool,
    /// Whether it came from the service.
    pub fetched: bool,
}

impl BlobState {
    /// Whether all of it is here.
    pub fn is_whole(self) -> bool {
        self.received == self.total
    }
}

/// A file that the service does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsentBlob {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its name.
    pub sha256: String,
    /// Its size in bytes.
    pub total: u64,
}

/// How far a tenant's roster is on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterState {
    /// The last revision.
    pub revision: u64,
    /// The digest of the records after it.
    pub digest: Hash,
}

impl Store {
    /// Asks for an import: the op into the outbox, and its file, in one transaction.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn request_import(
        &mut self,
        tenant: &TenantId,
        request: import::ImportRequest,
        file: &[u8],
        now: Time,
    ) -> Result<Written, StoreError> {
        let name = request.blob.clone();
        self.at_once(|store| {
            let had = store.blob(tenant, &name)?;
            store.keep_file(tenant, &name, file)?;
            let written = store.write(tenant, Draft::new(Change::ImportRequested(request)), now);
            if written.is_err() && had.is_none() {
                store.forget_blob(tenant, &name)?;
            }
            written
        })?
    }

    fn keep_file(&mut self, tenant: &TenantId, sha256: &str, file: &[u8]) -> Result<(), StoreError> {
        let total = file.len() as u64;
        if self.blob(tenant, sha256)?.is_some_and(BlobState::is_whole) {
            return Ok(());
        }
        self.forget_blob(tenant, sha256)?;
        let mut start = 0;
        for part in file.chunks(PART) {
            self.put_part(tenant, sha256, (start, total), false, part)?;
            start += part.len() as u64;
        }
        Ok(())
    }

    /// How far a file has come; none where nothing of it is here.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn blob(&self, tenant: &TenantId, sha256: &str) -> Result<Option<BlobState>, StoreError> {
        let state = self
            .db
            .prepare_cached(
                "SELECT total, received, sent, fetched FROM blobs WHERE tenant = ?1 AND sha256 = ?2",
            )?
            .query_row(params![tenant.as_str(), sha256], |row| {
                Ok(BlobState {
                    total: uint(row.get(0)?),
                    received: uint(row.get(1)?),
                    sent: row.get(2)?,
                    fetched: row.get(3)?,
                })
            });
        Ok(state.optional()?)
    }

    /// Adds bytes from the service to a file at its end; those that are there already are left as they are.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn put_blob_part(
        &mut self,
        tenant: &TenantId,
        sha256: &str,
        (start, total): (u64, u64),
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.put_part(tenant, sha256, (start, total), true, bytes)
    }

    fn put_part(
        &mut self,
        tenant: &TenantId,
        sha256: &str,
        (start, total): (u64, u64),
        fetched: bool,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let unit = self.begin()?;
        let received: Option<i64> = unit
            .prepare_cached("SELECT received FROM blobs WHERE tenant = ?1 AND sha256 = ?2")?
            .query_row(params![tenant.as_str(), sha256], |row| row.get(0))
            .optional()?;
        if uint(received.unwrap_or(0)) == start {
            unit.prepare_cached(
                "INSERT INTO blobs (tenant, sha256, total, received, sent, fetched) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
                 ON CONFLICT (tenant, sha256) DO UPDATE SET received = excluded.received",
            )?
            .execute(params![tenant.as_str(), sha256, int(total), int(start + bytes.len() as u64), fetched])?;
            unit.prepare_cached(
                "INSERT INTO blob_parts (tenant, sha256, start, bytes) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![tenant.as_str(), sha256, int(start), bytes])?;
        }
        unit.commit()
    }

    /// At most `most` bytes of a file from `start`; fewer where a part ends, none at its end.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn blob_bytes(
        &self,
        tenant: &TenantId,
        sha256: &str,
        start: u64,
        most: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let part = self
            .db
            .prepare_cached(
                "SELECT substr(bytes, ?3 - start + 1, ?4) FROM blob_parts
                 WHERE tenant = ?1 AND sha256 = ?2 AND start <= ?3 ORDER BY start DESC LIMIT 1",
            )?
            .query_row(params![tenant.as_str(), sha256, int(start), int(most as u64)], |row| row.get(0));
        Ok(part.optional()?.unwrap_or_default())
    }

    /// The whole files that the service does not have.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn unsent_blobs(&self) -> Result<Vec<UnsentBlob>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT tenant, sha256, total FROM blobs WHERE sent = 0 AND received = total ORDER BY tenant, sha256",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?;
        rows.map(|row| {
            let (tenant, sha256, total) = row?;
            Ok(UnsentBlob { tenant: tenant.parse()?, sha256, total: uint(total) })
        })
        .collect()
    }

    /// Notes that the service has a file, or wants no more of it.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn note_blob_sent(&mut self, tenant: &TenantId, sha256: &str) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE blobs SET sent = 1 WHERE tenant = ?1 AND sha256 = ?2")?
            .execute(params![tenant.as_str(), sha256])?;
        Ok(())
    }

    /// Forgets a file.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn forget_blob(&mut self, tenant: &TenantId, sha256: &str) -> Result<(), StoreError> {
        let unit = self.begin()?;
        for table in ["blob_parts", "blobs"] {
            unit.execute(
                &format!("DELETE FROM {table} WHERE tenant = ?1 AND sha256 = ?2"),
                params![tenant.as_str(), sha256],
            )?;
        }
        unit.commit()
    }

    /// Forgets the files of a tenant, but those named and those that an own op asks for that is not
    /// settled, refused ones too: it may be sent again.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn forget_blobs_but(&mut self, tenant: &TenantId, needed: &[&str]) -> Result<(), StoreError> {
        let names = |op: OutboxOp| match op.body.change {
            Change::ImportRequested(request) => Some(request.blob),
            _ => None,
        };
        let own: Vec<String> = self.outbox(Some(tenant))?.into_iter().filter_map(names).collect();
        let there: Vec<String> = {
            let mut statement = self.db.prepare_cached("SELECT sha256 FROM blobs WHERE tenant = ?1")?;
            let rows = statement.query_map([tenant.as_str()], |row| row.get(0))?;
            rows.collect::<Result<_, _>>()?
        };
        let is_idle = |name: &&String| !needed.contains(&name.as_str()) && !own.contains(*name);
        there.iter().filter(is_idle).try_for_each(|name| self.forget_blob(tenant, name))
    }

    /// The imports of a tenant, own pending ones too, in the order of their names.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn imports(&self, tenant: &TenantId) -> Result<Vec<Import>, StoreError> {
        Journal::require(&self.db, tenant)?;
        // `0` follows `/`.
        Ok(import::imports(&load_cells_between(&self.db, tenant, import::CELLS, "import0")?))
    }

    /// Whether a project of the tenant is in its pilot.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn is_pilot(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        Journal::require(&self.db, tenant)?;
        Ok(import::is_pilot(&load_cells_between(&self.db, tenant, import::PROJECTS, "project0")?))
    }

    /// Tenants of which there are imports.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn tenants_with_imports(&self) -> Result<Vec<TenantId>, StoreError> {
        self.named_tenants(
            "SELECT j.tenant FROM journals j WHERE EXISTS
                 (SELECT 1 FROM cells c WHERE c.tenant = j.tenant AND c.cell >= 'import/' AND c.cell < 'import0')
             ORDER BY j.tenant",
        )
    }

    fn named_tenants(&self, sql: &str) -> Result<Vec<TenantId>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.parse()?)).collect()
    }

    /// Tenants whose roster may be behind their journal, or ahead of one that came back from a backup
    /// without any import.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn rosters_behind(&self) -> Result<Vec<TenantId>, StoreError> {
        self.named_tenants(
            "SELECT j.tenant FROM journals j LEFT JOIN roster_states s ON s.tenant = j.tenant
             WHERE (s.version IS NULL OR s.version <> j.version)
               AND (EXISTS (SELECT 1 FROM cells c
                            WHERE c.tenant = j.tenant AND c.cell >= 'import/' AND c.cell < 'import0')
                    OR EXISTS (SELECT 1 FROM rosters r WHERE r.tenant = j.tenant))
             ORDER BY j.tenant",
        )
    }

    /// How far a tenant's roster is here; none where that is not known.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn roster_state(&self, tenant: &TenantId) -> Result<Option<RosterState>, StoreError> {
        let state = self
            .db
            .prepare_cached("SELECT revision, digest FROM roster_states WHERE tenant = ?1")?
            .query_row([tenant.as_str()], |row| {
                Ok(RosterState { revision: uint(row.get(0)?), digest: row.get::<_, Blob>(1)?.0 })
            });
        Ok(state.optional()?)
    }

    /// Notes how far a tenant's roster is, and the version of the cells at which that was all.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn note_roster(
        &mut self,
        tenant: &TenantId,
        state: RosterState,
        version: u64,
    ) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT OR REPLACE INTO roster_states (tenant, revision, digest, version) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![tenant.as_str(), int(state.revision), Blob(state.digest), int(version)])?;
        Ok(())
    }

    /// Forgets how far a tenant's roster is, so that the next sync looks at it again.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn look_at_roster_again(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM roster_states WHERE tenant = ?1")?.execute([tenant.as_str()])?;
        Ok(())
    }

    /// The version of a tenant's cells, which grows with every change of them.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn cells_version(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        Ok(Journal::require(&self.db, tenant)?.version)
    }
}

/// The service came back from a backup: it may have lost what it had of a tenant.
pub(crate) fn send_blobs_again(db: &Connection, tenant: &TenantId) -> Result<(), StoreError> {
    if planted(Bug::FilesNotSentAgain) {
        return Ok(());
    }
    db.prepare_cached("UPDATE blobs SET sent = 0 WHERE tenant = ?1")?.execute([tenant.as_str()])?;
    Ok(())
}
