//! When histories differ: rewinding to a common point, offering what lies beyond, loading anew,
//! and removing a tenant whole.

use std::collections::BTreeMap;

use cairn_domain::digest::Digests;
use cairn_domain::journal::{Entry, Outcome, Receipt};
use cairn_domain::op::{RunSignature, Seen};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{Hash, OpId, TenantId, Time};
use cairn_protocol::sync::{Offer, RunProof};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::cells::{Work, head_at};
use crate::error::PullError;
use crate::journals::Journal;
use crate::pending::{redo_pending, undo_pending};
use crate::pull::{ReadEntry, replay};
use crate::sql::{Blob, from_json, int, to_json, uint};
use crate::{Store, StoreError};

/// How many lines of the sync log are kept.
const LOG_LINES: i64 = 1_000;

/// What became of own work in a tenant that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many own ops wait on its held list for a manager.
    pub held: u64,
    /// Own ops that no service had accepted.
    pub destroyed: Vec<OpId>,
    /// The roster's file could not be removed, as where another program has it open. Nobody can read
    /// it: its key is destroyed.
    pub roster_left: bool,
}

/// A line of the sync log.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncLine {
    /// When.
    pub at: Time,
    /// The journal it is about.
    pub tenant: Option<TenantId>,
    /// What happened, e.g. `digest_mismatch`.
    pub code: String,
    /// More about it; no personal data.
    pub details: Value,
}

impl Store {
    /// This laptop's heads at these places, where it knows them; to find a common point with.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn heads_at(&self, tenant: &TenantId, seqs: &[u64]) -> Result<Vec<Seen>, StoreError> {
        let mut heads = Vec::new();
        for &seq in seqs {
            heads.extend(head_at(&self.db, tenant, seq)?.map(|head| Seen { seq, head }));
        }
        Ok(heads)
    }

    /// Goes back to a place both sides know, after the service answered `history_differs`. What lies
    /// beyond is kept to be offered (see [`Store::offers`]), whoever wrote it; the outbox stays.
    /// Where this laptop holds the entries only from a snapshot on and the point lies before, it
    /// starts over from nothing and asks for a rebuild.
    ///
    /// # Errors
    /// `history_forked` where this laptop never stood at that place.
    pub fn rewind(&mut self, tenant: &TenantId, common: Seen, now: Time) -> Result<(), PullError> {
        {
            let judge = self.judge()?;
            let tx = self.begin()?;
            let mut journal = Journal::require(&tx, tenant)?;
            let from = journal.seen;
            if head_at(&tx, tenant, common.seq)? != Some(common.head) {
                return Err(PullError::HistoryForked { tenant: tenant.clone(), seq: common.seq });
            }
            let mut work = Work::new(&tx, tenant);
            undo_pending(&tx, &mut work, tenant)?;
            set_aside(&tx, tenant, common.seq)?;
            work.clear()?;
            journal.digests = Digests::default();
            if journal.complete_from == 1 {
                replay_into(&tx, tenant, &mut work, &mut journal.digests)?;
                journal.seen = common;
            } else {
                journal.seen = Seen::default();
                journal.complete_from = 1;
                journal.snapshot_seq = None;
                journal.rebuild = true;
                for table in ["entries", "proofs", "op_writes"] {
                    tx.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), [tenant.as_str()])?;
                }
            }
            journal.version += 1;
            journal.save(&tx, tenant)?;
            redo_pending(&judge, &mut work, tenant)?;
            work.flush()?;
            crate::blobs::send_blobs_again(&tx, tenant)?;
            let details = json!({ "from": from, "to": common });
            log(&tx, now, Some(tenant), "history_differs", &details)?;
            tx.commit()?;
        }
        Ok(())
    }

    /// The entries set aside by [`Store::rewind`] that the service has not answered for, oldest
    /// first, with the proof of who wrote them; at most `limit`, from after old seq `after`.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn offers(&self, tenant: &TenantId, after: u64, limit: usize) -> Result<Vec<Offer>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT entry, proof FROM beyond WHERE tenant = ?1 AND seq > ?2 AND outcome IS NULL ORDER BY seq LIMIT ?3",
        )?;
        let rows = statement.query_map(params![tenant.as_str(), int(after), int(limit as u64)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (entry, proof) = row?;
            Ok(Offer { tenant: tenant.clone(), entry: from_json(&entry)?, proof: from_json(&proof)? })
        })
        .collect()
    }

    /// The journals with entries that still have to be offered, `_org` first.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn offering(&self) -> Result<Vec<TenantId>, StoreError> {
        if planted(Bug::NotOffered) {
            return Ok(Vec::new());
        }
        let mut statement = self.db.prepare_cached(
            "SELECT DISTINCT tenant FROM beyond WHERE outcome IS NULL ORDER BY tenant <> '_org', tenant",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.parse()?)).collect()
    }

    /// Marks a journal to be loaded anew. What is there stays readable until the service's page comes.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn rebuild(&mut self, tenant: &TenantId) -> Result<(), StoreError> {
        self.db
            .prepare_cached("UPDATE journals SET rebuild = 1 WHERE tenant = ?1")?
            .execute([tenant.as_str()])?;
        Ok(())
    }

    /// The journals marked to be loaded anew.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn rebuilding(&self) -> Result<Vec<TenantId>, StoreError> {
        let all = Journal::all(&self.db)?;
        Ok(all.into_iter().filter(|(_, j)| j.rebuild).map(|(tenant, _)| tenant).collect())
    }

    /// Sends own work once more that the service answered for and that no page has brought back: it
    /// may have forgotten. What stands under a former device's name is issued again. Says whether
    /// there is any.
    ///
    /// # Errors
    /// `not_enrolled`; whatever the database reports.
    pub fn send_again(&mut self, tenant: &TenantId) -> Result<bool, StoreError> {
        self.refresh_identity()?;
        let mut salts = self.salts_for_former(tenant)?;
        let judge = self.judge()?;
        let tx = self.begin()?;
        let device = judge.identity.device.as_str();
        let some = tx
            .prepare_cached(
                "UPDATE outbox SET resend = (device = ?2),
                        state = CASE WHEN device = ?2 THEN state ELSE 'pending' END
                 WHERE tenant = ?1 AND state IN ('receipted', 'held')",
            )?
            .execute(params![tenant.as_str(), device])?;
        if !salts.is_empty() {
            crate::outbox::reissue(&judge, &tx, tenant, &mut salts, &mut BTreeMap::new())?;
        }
        tx.commit()?;
        Ok(some > 0)
    }

    /// Removes a tenant whole: rows are overwritten, the write-ahead log is emptied, the roster's key
    /// goes with its row and then its file is removed. Unsent work stops it, unless `destroy_unsent` (a security wipe), which says what it destroyed.
    ///
    /// # Errors
    /// `unsent_work`; whatever the database reports.
    pub fn drop_tenant(&mut self, tenant: &TenantId, destroy_unsent: bool) -> Result<Dropped, StoreError> {
        let tx = self.begin()?;
        let destroyed = unsent(&tx, tenant)?;
        let held: i64 = tx.query_row(
            "SELECT count(*) FROM outbox WHERE tenant = ?1 AND state = 'held'",
            [tenant.as_str()],
            |row| row.get(0),
        )?;
        if !destroyed.is_empty() && !destroy_unsent {
            return Err(StoreError::UnsentWork { tenant: tenant.clone(), count: destroyed.len() as u64 });
        }
        for table in TENANT_TABLES {
            tx.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), [tenant.as_str()])?;
        }
        if !destroyed.is_empty() {
            // Their numbers may never have been received: the service says where to go on.
            tx.execute("DELETE FROM numbers WHERE tenant = ?1", [tenant.as_str()])?;
        }
        tx.commit()?;
        self.summaries.forget(tenant);
        self.empty_log()?;
        let roster_left = planted(Bug::RosterLeft) || !crate::roster::remove_file(&self.path, tenant);
        Ok(Dropped { destroyed, held: uint(held), roster_left })
    }

    /// Empties the write-ahead log, which may hold older versions of rows.
    pub(crate) fn empty_log(&self) -> Result<(), StoreError> {
        Ok(self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// Adds a line to the sync log; the oldest lines go. Nobody waits for the disk: a power cut may take
    /// the newest lines.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn log_sync(
        &mut self,
        at: Time,
        tenant: Option<&TenantId>,
        code: &str,
        details: &Value,
    ) -> Result<(), StoreError> {
        self.lightly(|db| log(db, at, tenant, code, details))
    }

    /// The last lines of the sync log, newest first.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn sync_log(&self, limit: usize) -> Result<Vec<SyncLine>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT at, tenant, code, details FROM sync_log ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([int(limit as u64)], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        })?;
        rows.map(|row| {
            let (at, tenant, code, details) = row?;
            let tenant = tenant.map(|t| t.parse()).transpose()?;
            Ok(SyncLine { at: crate::journals::time(&at)?, tenant, code, details: from_json(&details)? })
        })
        .collect()
    }
}

/// Every table with a tenant's data. The last number given out stays: should the service come back
/// from a backup, the same number must not be given to other bytes.
const TENANT_TABLES: [&str; 20] = [
    "journals",
    "entries",
    "proofs",
    "cells",
    "op_writes",
    "outbox",
    "receipts",
    "witness",
    "beyond",
    "playbooks",
    "held",
    "notices",
    "noticed",
    "summaries",
    "rosters",
    "mappings",
    "import_drafts",
    "blobs",
    "blob_parts",
    "roster_states",
];

fn log(
    db: &Connection,
    at: Time,
    tenant: Option<&TenantId>,
    code: &str,
    details: &Value,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO sync_log (at, tenant, code, details) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![at.to_rfc3339(), tenant.map(TenantId::as_str), code, details.to_string()])?;
    db.prepare_cached("DELETE FROM sync_log WHERE id <= (SELECT max(id) FROM sync_log) - ?1")?
        .execute([LOG_LINES])?;
    Ok(())
}

/// Own ops that no service has: not answered, or refused and not decided about, or to be sent again.
fn unsent(db: &Connection, tenant: &TenantId) -> Result<Vec<OpId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT device, device_seq FROM outbox WHERE tenant = ?1 AND (state IN ('pending', 'quarantined') OR (resend = 1 AND state <> 'closed')) ORDER BY id",
    )?;
    let rows = statement
        .query_map([tenant.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| {
        let (device, number) = row?;
        Ok(OpId { tenant: tenant.clone(), device: device.parse()?, device_seq: uint(number) })
    })
    .collect()
}

/// Moves the entries beyond `seq` to where offers are made from, each with the proof of who wrote it,
/// and forgets the heads that the service signed on that branch.
fn set_aside(db: &Connection, tenant: &TenantId, seq: u64) -> Result<(), StoreError> {
    let key = params![tenant.as_str(), int(seq)];
    let mut statement =
        db.prepare_cached("SELECT seq, head, op, entry FROM entries WHERE tenant = ?1 AND seq > ?2")?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        let (op, text): (String, String) = (row.get(2)?, row.get(3)?);
        let entry: Entry = from_json(&text)?;
        let proof = proof_of(db, tenant, &entry)?
            .ok_or_else(|| StoreError::Format(format!("nothing proves who wrote {op}")))?;
        db.prepare_cached(
            "INSERT OR REPLACE INTO beyond (tenant, seq, head, op, entry, proof) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            tenant.as_str(),
            row.get::<_, i64>(0)?,
            row.get::<_, Option<Blob>>(1)?,
            op,
            text,
            to_json(&proof)?
        ])?;
    }
    for table in ["entries", "op_writes", "witness"] {
        db.execute(&format!("DELETE FROM {table} WHERE tenant = ?1 AND seq > ?2"), key)?;
    }
    db.execute(
        "DELETE FROM receipts WHERE tenant = ?1 AND json_extract(outcome, '$.outcome') = 'accepted'
         AND json_extract(outcome, '$.seq') > ?2",
        key,
    )?;
    Ok(())
}

/// The signature that proves who wrote an entry, with the hashes of the run's other ops.
fn proof_of(db: &Connection, tenant: &TenantId, entry: &Entry) -> Result<Option<RunProof>, StoreError> {
    let header: cairn_domain::op::Header = from_json(&entry.header)?;
    let op = header.op;
    let mut statement = db.prepare_cached(
        "SELECT first, count, signature, hashes FROM proofs
         WHERE tenant = ?1 AND device = ?2 AND first <= ?3 AND first + count > ?3",
    )?;
    let mut rows = statement.query(params![tenant.as_str(), op.device.as_str(), int(op.device_seq)])?;
    while let Some(row) = rows.next()? {
        let run = RunSignature { first: uint(row.get(0)?), count: uint(row.get(1)?), signature: row.get(2)? };
        let mut hashes: BTreeMap<u64, Hash> =
            (run.first..).zip(split_hashes(&row.get::<_, Vec<u8>>(3)?)).collect();
        if hashes.remove(&op.device_seq) == Some(entry.op_hash()) {
            return Ok(Some(RunProof { device: op.device, run, others: hashes }));
        }
    }
    Ok(None)
}

/// Builds the confirmed state again from all entries held.
fn replay_into(
    db: &Connection,
    tenant: &TenantId,
    work: &mut Work<'_>,
    digests: &mut Digests,
) -> Result<(), StoreError> {
    let cells = replayed(db, tenant)?;
    for (key, cell) in cells {
        digests.update(&key, None, Some(&cell));
        work.set(&key, Some(cell))?;
    }
    Ok(())
}

/// The confirmed cells as the entries alone make them.
fn replayed(db: &Connection, tenant: &TenantId) -> Result<cairn_domain::cell::Cells, StoreError> {
    let mut cells = cairn_domain::cell::Cells::new();
    let mut statement = db.prepare_cached("SELECT entry FROM entries WHERE tenant = ?1 ORDER BY seq")?;
    let mut rows = statement.query([tenant.as_str()])?;
    while let Some(row) = rows.next()? {
        let entry: Entry = from_json(&row.get::<_, String>(0)?)?;
        replay(&mut cells, &ReadEntry::read(&entry)?);
    }
    Ok(cells)
}

pub(crate) fn split_hashes(bytes: &[u8]) -> impl Iterator<Item = Hash> + '_ {
    bytes.chunks_exact(32).filter_map(|chunk| <[u8; 32]>::try_from(chunk).ok()).map(Hash)
}

/// Notes the answer to an offer, if this op was offered. Who may not offer it today may tomorrow, and
/// an unknown device may become known: such an offer stays open.
pub(crate) fn answer_offer(db: &Connection, receipt: &Receipt) -> Result<(), StoreError> {
    if let Outcome::Refused { refusal } = &receipt.outcome
        && matches!(refusal.code.as_str(), "not_allowed" | "unknown_device")
    {
        return Ok(());
    }
    db.prepare_cached("UPDATE beyond SET outcome = ?3 WHERE tenant = ?1 AND op = ?2")?.execute(params![
        receipt.op.tenant.as_str(),
        receipt.op.to_string(),
        to_json(&receipt.outcome)?
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataKey, SystemEntropy};

    /// What stays of a tenant that is gone: numbers that this device must not give out again, and the log.
    const STAYS: [&str; 2] = ["numbers", "sync_log"];

    #[test]
    fn every_table_that_names_a_tenant_is_emptied_with_it_or_known_to_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cairn.db");
        let store = Store::create(&path, &DataKey::new([7; 32]), SystemEntropy).unwrap();
        let sql = "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
                   WHERE m.type = 'table' AND c.name = 'tenant' ORDER BY m.name";
        let mut statement = store.db.prepare(sql).unwrap();
        let found: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut known: Vec<&str> = TENANT_TABLES.into_iter().chain(STAYS).collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }
}
