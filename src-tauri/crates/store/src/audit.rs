//! Verifying a journal from what this laptop holds: chain, hashes, signatures, receipts, witnesses.

use std::collections::{BTreeMap, HashMap};

use cairn_domain::cell::Cells;
use cairn_domain::digest::Digests;
use cairn_domain::journal::{Entry, EntryOrigin, Outcome, head_message};
use cairn_domain::op::{RunSignature, Seen, verify_message, verify_run};
use cairn_domain::{DeviceId, Hash, OpId, TenantId};
use rusqlite::OptionalExtension;
use serde::Serialize;

use crate::journals::Journal;
use crate::pull::{ReadEntry, device_key, replay, restored_below, service_keys, writes_of};
use crate::recover::split_hashes;
use crate::sql::{Blob, from_json, int, uint};
use crate::{Store, StoreError};

/// What verifying a journal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Whether everything held.
    pub ok: bool,
    /// How many ops were verified.
    pub ops: u64,
    /// The seq from which entries are held here; those before rest on a signed head.
    pub complete_from: u64,
    /// The head the entries lead to.
    pub head: Hash,
    /// The first place that does not hold.
    pub first_bad_seq: Option<u64>,
    /// What does not hold there: `chain_broken`, `hole`, `hash_differs`,
    /// `unsigned`, `bad_signature`, `unknown_device`, `receipt_broken`, `signed_head_differs`,
    /// `behind_signed_head`, `witness_differs`, `head_differs`, `columns_differ`, `writes_differ`,
    /// `state_differs`, `unreadable`. A journal whose reload was broken off may be `behind_signed_head` until the next
    /// sync.
    pub reason: Option<String>,
    /// Ops that lay beyond the backup the service came back from: others stand in their places.
    pub replaced: Vec<OpId>,
    /// Those of them that it did not take again.
    pub not_returned: Vec<OpId>,
}

/// A finding: where, and what.
type Bad = (u64, &'static str);

struct Verifier<'s> {
    store: &'s Store,
    tenant: &'s TenantId,
    journal: Journal,
    /// By number: a profile that was copied, or put back, signs several things under one, and after a
    /// restore of the service another one of them may stand in the journal.
    signed: HashMap<(DeviceId, u64), Vec<Hash>>,
    receipts: BTreeMap<u64, (OpId, Hash)>,
    witness: BTreeMap<u64, Hash>,
    heads: HashMap<u64, Hash>,
    head: Hash,
    ops: u64,
    replay: Replay,
}

/// The state that the entries alone make, and the first of them that history shows otherwise.
struct Replay {
    cells: Cells,
    differs: Result<Option<u64>, StoreError>,
}

impl Replay {
    fn new() -> Self {
        Self { cells: Cells::new(), differs: Ok(None) }
    }
}

impl Store {
    /// Verifies a journal whole, streaming it: every entry is hashed and linked again, every device
    /// signature checked, and compared with each receipt and head that this laptop ever got and with
    /// what each author had seen.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports. What does not hold is no error but a report.
    pub fn audit_verify(&self, tenant: &TenantId) -> Result<AuditReport, StoreError> {
        let view = self.db.unchecked_transaction()?;
        let journal = Journal::require(&self.db, tenant)?;
        let replaced = self.set_aside(tenant)?.into_iter().map(|(op, _)| op).collect();
        let not_returned = self.not_returned(tenant)?;
        let mut verifier = Verifier {
            store: self,
            tenant,
            signed: HashMap::new(),
            receipts: BTreeMap::new(),
            witness: BTreeMap::new(),
            heads: HashMap::new(),
            head: Hash::ZERO,
            ops: 0,
            replay: Replay::new(),
            journal,
        };
        let bad = match verifier.verify() {
            // What was remembered is not what was written: that is a finding too.
            Err(error) if unreadable(&error) => Some((0, "unreadable")),
            other => other?,
        };
        drop(view);
        Ok(AuditReport {
            ok: bad.is_none(),
            ops: verifier.ops,
            complete_from: verifier.journal.complete_from,
            head: verifier.head,
            first_bad_seq: bad.map(|b| b.0),
            reason: bad.map(|b| b.1.to_owned()),
            replaced,
            not_returned,
        })
    }

    /// Whether taking back all pending ops gives exactly the confirmed state whose digest the last
    /// pull left: the before-images are whole. For the simulator and diagnostics; changes nothing.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn state_holds(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let view = self.db.unchecked_transaction()?;
        let journal = Journal::require(&view, tenant)?;
        self.confirmed_holds(tenant, &journal)
    }

    fn confirmed_holds(&self, tenant: &TenantId, journal: &Journal) -> Result<bool, StoreError> {
        let mut work = crate::cells::Work::new(&self.db, tenant);
        work.load_all()?;
        crate::pending::undo_pending(&self.db, &mut work, tenant)?;
        let mut digests = Digests::default();
        for (key, cell) in work.load_all()? {
            digests.update(key, None, Some(cell));
        }
        Ok(digests == journal.digests)
    }

    /// Ops set aside after the service came back from a backup that it did not take again, in the
    /// order they had.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn not_returned(&self, tenant: &TenantId) -> Result<Vec<OpId>, StoreError> {
        let mut out = Vec::new();
        for (op, outcome) in self.set_aside(tenant)? {
            let taken = matches!(outcome, Some(Outcome::Accepted { .. } | Outcome::Duplicate { .. }));
            if !taken && !crate::cells::in_journal(&self.db, &op)? {
                out.push(op);
            }
        }
        Ok(out)
    }

    /// Every op ever set aside after the service came back from a backup, in the order they had, with
    /// its answer to the offer.
    fn set_aside(&self, tenant: &TenantId) -> Result<Vec<(OpId, Option<Outcome>)>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT op, outcome FROM beyond WHERE tenant = ?1 ORDER BY seq")?;
        let rows = statement.query_map([tenant.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })?;
        rows.map(|row| {
            let (op, outcome) = row?;
            Ok((op.parse()?, outcome.map(|o| from_json(&o)).transpose()?))
        })
        .collect()
    }

    fn accepted(&self, tenant: &TenantId) -> Result<Vec<(u64, OpId, Hash)>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT op, hash, outcome FROM receipts WHERE tenant = ?1")?;
        let mut rows = statement.query([tenant.as_str()])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            if let Outcome::Accepted { seq } = from_json(&row.get::<_, String>(2)?)? {
                out.push((seq, row.get::<_, String>(0)?.parse()?, row.get::<_, Blob>(1)?.0));
            }
        }
        Ok(out)
    }
}

/// Whether a row does not hold what this program writes there.
fn unreadable(error: &StoreError) -> bool {
    match error {
        StoreError::Format(_) => true,
        StoreError::Sqlite(e) => {
            matches!(
                e,
                rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)
            )
        }
        _ => false,
    }
}

/// What history lists and filters by, as saved beside an entry.
fn shown_columns(read: &ReadEntry) -> [Option<String>; 3] {
    let author = read.author.as_ref();
    [author.map(|a| a.actor.to_string()), author.map(|a| a.at.to_rfc3339()), read.verb.clone()]
}

impl Verifier<'_> {
    fn verify(&mut self) -> Result<Option<Bad>, StoreError> {
        for (seq, op, hash) in self.store.accepted(self.tenant)? {
            if self.receipts.insert(seq, (op, hash)).is_some() {
                return Ok(Some((seq, "receipt_broken")));
            }
        }
        if let Some(bad) = self.heads()? {
            return Ok(Some(bad));
        }
        if let Some(bad) = self.proofs()? {
            return Ok(Some(bad));
        }
        // Entries up to a snapshot whose chain is not closed yet have no head to compare with.
        let start = self.journal.snapshot_seq.map_or(1, |seq| seq + 1);
        self.head =
            if start == 1 { Hash::ZERO } else { self.witness.get(&(start - 1)).copied().unwrap_or_default() };
        if let Some(bad) = self.entries(start)? {
            return Ok(Some(bad));
        }
        let end = self.journal.seen;
        if self.head != end.head || start + self.ops != end.seq + 1 {
            return Ok(Some((end.seq, "head_differs")));
        }
        if let Some(bad) = self.beyond_end()? {
            return Ok(Some(bad));
        }
        self.state()
    }

    /// What the service signed or answered beyond the end of the journal: the end was cut off,
    /// unless the op is own work that the next pull brings, or the journal is being loaded anew.
    fn beyond_end(&self) -> Result<Option<Bad>, StoreError> {
        let end = self.journal.seen.seq;
        if self.journal.rebuild {
            return Ok(None);
        }
        if let Some((seq, _)) = self.witness.range(end + 1..).next() {
            return Ok(Some((*seq, "behind_signed_head")));
        }
        let device = &self.store.me()?.identity.device;
        for (seq, (op, hash)) in self.receipts.range(end + 1..) {
            let own = self
                .store
                .db
                .prepare_cached(
                    "SELECT hash FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
                )?
                .query_row(
                    rusqlite::params![self.tenant.as_str(), op.device.as_str(), int(op.device_seq)],
                    |row| row.get::<_, Blob>(0),
                )
                .optional()?;
            // Under a former device's name it was issued again.
            if op.device == *device && own.map(|h| h.0) != Some(*hash) {
                return Ok(Some((*seq, "receipt_broken")));
            }
        }
        Ok(None)
    }

    /// Every head the service signed, with its signature.
    fn heads(&mut self) -> Result<Option<Bad>, StoreError> {
        let db = &self.store.db;
        // Nearly all are signed by the pinned key.
        let mut keys = vec![self.store.me()?.identity.service_key.clone()];
        keys.extend(service_keys(db)?);
        let mut statement =
            db.prepare_cached("SELECT seq, head, signature FROM witness WHERE tenant = ?1 ORDER BY seq")?;
        let mut rows = statement.query([self.tenant.as_str()])?;
        while let Some(row) = rows.next()? {
            let seen = Seen { seq: uint(row.get(0)?), head: row.get::<_, Blob>(1)?.0 };
            let signature: String = row.get(2)?;
            let message = head_message(self.tenant, seen);
            if !signature.is_empty() && !keys.iter().any(|key| verify_message(key, &message, &signature)) {
                return Ok(Some((seen.seq, "bad_signature")));
            }
            self.witness.insert(seen.seq, seen.head);
        }
        Ok(None)
    }

    /// Every device signature; what they cover is then compared with the entries.
    fn proofs(&mut self) -> Result<Option<Bad>, StoreError> {
        let db = &self.store.db;
        let pinned = &self.store.me()?.identity.service_key;
        let mut statement = db
            .prepare_cached("SELECT device, first, count, signature, hashes FROM proofs WHERE tenant = ?1")?;
        let mut rows = statement.query([self.tenant.as_str()])?;
        while let Some(row) = rows.next()? {
            let device: DeviceId = row.get::<_, String>(0)?.parse()?;
            let run =
                RunSignature { first: uint(row.get(1)?), count: uint(row.get(2)?), signature: row.get(3)? };
            let hashes: Vec<Hash> = split_hashes(&row.get::<_, Vec<u8>>(4)?).collect();
            let valid = match device_key(db, pinned, &device)? {
                None => Err("unknown_device"),
                Some(key) if verify_run(&key, self.tenant, &device, &run, &hashes) => Ok(()),
                Some(_) => Err("bad_signature"),
            };
            if let Err(why) = valid {
                return Ok(Some((self.place_of(&device, run.first)?, why)));
            }
            for (number, hash) in (run.first..).zip(hashes) {
                self.signed.entry((device.clone(), number)).or_default().push(hash);
            }
        }
        Ok(None)
    }

    fn place_of(&self, device: &DeviceId, number: u64) -> Result<u64, StoreError> {
        let op = OpId { tenant: self.tenant.clone(), device: device.clone(), device_seq: number };
        let seq: Option<i64> = self.store.db.query_row(
            "SELECT min(seq) FROM entries WHERE tenant = ?1 AND op = ?2",
            [self.tenant.as_str(), &op.to_string()],
            |row| row.get(0),
        )?;
        Ok(seq.map_or(0, uint))
    }

    fn entries(&mut self, start: u64) -> Result<Option<Bad>, StoreError> {
        let db = &self.store.db;
        let mut statement = db.prepare_cached(
            "SELECT seq, head, op, op_hash, entry, actor, at, verb FROM entries WHERE tenant = ?1 AND seq >= ?2 ORDER BY seq",
        )?;
        let mut rows = statement.query(rusqlite::params![self.tenant.as_str(), int(start)])?;
        while let Some(row) = rows.next()? {
            let seq = uint(row.get(0)?);
            let (head, op, hash) =
                (row.get::<_, Option<Blob>>(1)?, row.get::<_, String>(2)?, row.get::<_, Blob>(3)?.0);
            let Ok(entry) = serde_json::from_str::<Entry>(&row.get::<_, String>(4)?) else {
                return Ok(Some((seq, "unreadable")));
            };
            if seq != start + self.ops || entry.seq != seq {
                return Ok(Some((start + self.ops, "hole")));
            }
            let Ok(read) = ReadEntry::read(&entry) else { return Ok(Some((seq, "unreadable"))) };
            if let Some(why) = self.entry(&entry, &read, head.map(|h| h.0), &op, hash)? {
                return Ok(Some((seq, why)));
            }
            let columns: [Option<String>; 3] = [row.get(5)?, row.get(6)?, row.get(7)?];
            if columns != shown_columns(&read) {
                return Ok(Some((seq, "columns_differ")));
            }
            if self.is_whole() {
                self.replay(seq, &read);
            }
            self.ops += 1;
        }
        Ok(None)
    }

    fn entry(
        &mut self,
        entry: &Entry,
        read: &ReadEntry,
        stored: Option<Hash>,
        op: &str,
        hash: Hash,
    ) -> Result<Option<&'static str>, StoreError> {
        let seq = entry.seq;
        let Ok(head) = entry.link(self.head, &self.journal.salts) else { return Ok(Some("unreadable")) };
        let name = (read.header.op.device.clone(), read.header.op.device_seq);
        let seen = read.header.seen;
        if read.header.op.to_string() != op
            || read.header.op.tenant != *self.tenant
            || entry.op_hash() != hash
        {
            return Ok(Some("hash_differs"));
        }
        match self.signed.get(&name) {
            None => return Ok(Some("unsigned")),
            Some(signed) if !signed.contains(&hash) => return Ok(Some("hash_differs")),
            Some(_) => {}
        }
        if self.receipts.get(&seq).is_some_and(|(op, h)| *op != read.header.op || *h != hash) {
            return Ok(Some("receipt_broken"));
        }
        // The chain covers whole milliseconds, so nothing finer may stand there.
        if stored != Some(head) || !entry.received_at.timestamp_subsec_nanos().is_multiple_of(1_000_000) {
            return Ok(Some("chain_broken"));
        }
        if self.witness.get(&seq).is_some_and(|signed| *signed != head) {
            return Ok(Some("signed_head_differs"));
        }
        let exempt =
            entry.origin == EntryOrigin::Offered || restored_below(&self.store.db, self.tenant, seen.seq)?;
        let known = if seen.seq == 0 { Some(&Hash::ZERO) } else { self.heads.get(&seen.seq) };
        if !exempt && (seen.seq >= seq || known.is_some_and(|head| *head != seen.head)) {
            return Ok(Some("witness_differs"));
        }
        self.heads.insert(seq, head);
        self.head = head;
        Ok(None)
    }

    /// The entries alone must make the state whose digest every sync compares, and what the screens
    /// read must be that state under this laptop's own pending work.
    fn state(&mut self) -> Result<Option<Bad>, StoreError> {
        if !self.store.confirmed_holds(self.tenant, &self.journal)? {
            return Ok(Some((self.journal.seen.seq, "state_differs")));
        }
        if !self.is_whole() {
            return Ok(None);
        }
        let Replay { cells, differs } = std::mem::replace(&mut self.replay, Replay::new());
        if let Some(seq) = differs? {
            return Ok(Some((seq, "writes_differ")));
        }
        let mut digests = Digests::default();
        for (key, cell) in &cells {
            digests.update(key, None, Some(cell));
        }
        Ok((digests != self.journal.digests).then_some((self.journal.seen.seq, "state_differs")))
    }

    /// Whether every entry from the first on is here.
    fn is_whole(&self) -> bool {
        self.journal.complete_from <= 1 && self.journal.snapshot_seq.is_none()
    }

    /// Applies an entry to what those before it made. What history shows otherwise is told once the
    /// entries themselves have held.
    fn replay(&mut self, seq: u64, read: &ReadEntry) {
        let before = replay(&mut self.replay.cells, read);
        if matches!(self.replay.differs, Ok(None)) {
            let same = self.shown_writes(seq).and_then(|shown| Ok(shown == writes_of(read, &before)?));
            self.replay.differs = same.map(|same| (!same).then_some(seq));
        }
    }

    /// What history shows of the entry at `seq`.
    fn shown_writes(&self, seq: u64) -> Result<BTreeMap<String, [String; 2]>, StoreError> {
        let mut statement = self
            .store
            .db
            .prepare_cached("SELECT cell, after, before FROM op_writes WHERE tenant = ?1 AND seq = ?2")?;
        let rows = statement.query_map(rusqlite::params![self.tenant.as_str(), int(seq)], |row| {
            Ok((row.get(0)?, [row.get(1)?, row.get(2)?]))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
