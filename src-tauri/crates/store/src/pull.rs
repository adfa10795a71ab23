//! Applying pages: checked, projected and the cursor moved in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::field;
use cairn_domain::change::DeviceValue;
use cairn_domain::effect::{Effect, Effects, Origin, kept_playbooks};
use cairn_domain::journal::{Entry, EntryOrigin, Outcome, Part, head_message};
use cairn_domain::op::{Header, Seen, verify_message, verify_run};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{AccountId, Cell, CellKey, Change, DeviceId, Entity, Hash, OpId, TenantId, Time};
use cairn_protocol::sync::{RunProof, TenantPage};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::Value;

use crate::cells::{Images, Work, head_at, keep_playbook, load_cell};
use crate::error::PullError;
use crate::journals::{Journal, last_number, set_last_number};
use crate::pending::{Author, Judge, redo_pending, undo_pending};
use crate::sql::{Blob, from_json, int, to_json};
use crate::{Store, StoreError};

/// The longest run that is checked; honest ones have at most [`cairn_protocol::MAX_RUN`].
const MAX_PROOF: u64 = 10_000;

/// What a page changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// Where the laptop stood before.
    pub from: Seen,
    /// Where it stands now.
    pub seen: Seen,
    /// How many entries were new.
    pub entries: usize,
    /// Own ops that the page confirmed.
    pub confirmed: Vec<OpId>,
    /// Cells that show something else than before.
    pub cells: Vec<CellKey>,
    /// Runs whose device this laptop does not know yet; the audit checks them later.
    pub unverified: usize,
    /// The service has receipts for numbers this profile never gave out: it was copied or restored.
    pub forked: bool,
}

impl Store {
    /// Applies a page and moves the cursor, in one transaction. A page that was applied already
    /// changes nothing. On any error the store stays as it was, but for `digest_mismatch`, which
    /// marks the journal for a rebuild.
    ///
    /// # Errors
    /// See [`PullError`].
    pub fn apply_page(&mut self, page: &TenantPage, now: Time) -> Result<Applied, PullError> {
        self.refresh_identity()?;
        let result = self.apply_in_one(page, now);
        match &result {
            Ok(applied) if applied.forked => self.mark_forked()?,
            Err(PullError::DigestMismatch { tenant, ours, theirs }) => {
                self.rebuild(tenant)?;
                let details = serde_json::json!({ "seq": page.seen.seq, "ours": ours, "theirs": theirs });
                self.log_sync(now, Some(tenant), "digest_mismatch", &details)?;
            }
            _ => {}
        }
        self.forget_stale_playbooks();
        result
    }

    fn apply_in_one(&mut self, page: &TenantPage, now: Time) -> Result<Applied, PullError> {
        // Drawn beforehand, because the transaction borrows the store.
        let mut salts = self.salts_for_former(&page.tenant)?;
        let judge = self.judge()?;
        let tx = self.begin()?;
        let mut pull = Pull::start(&judge, &tx, page, now)?;
        let applied = pull.run()?;
        if !salts.is_empty() {
            crate::outbox::reissue(&judge, &tx, &page.tenant, &mut salts, &mut BTreeMap::new())?;
        }
        tx.commit()?;
        Ok(applied)
    }

    fn forget_stale_playbooks(&self) {
        // A digest that could not be read before may be readable now that its source arrived.
        self.playbooks.borrow_mut().retain(|_, read| read.is_some());
    }
}

struct Pull<'a> {
    judge: &'a Judge<'a>,
    db: &'a Connection,
    page: &'a TenantPage,
    tenant: &'a TenantId,
    journal: Journal,
    work: Work<'a>,
    applied: Applied,
    /// The hash of each op by device and number that is new or filled in and needs a proof.
    named: BTreeMap<(DeviceId, u64), Hash>,
    /// Whether the laptop starts over with this page.
    fresh: bool,
}

impl<'a> Pull<'a> {
    fn start(
        judge: &'a Judge<'a>,
        db: &'a Connection,
        page: &'a TenantPage,
        now: Time,
    ) -> Result<Self, PullError> {
        let tenant = &page.tenant;
        let known = Journal::load(db, tenant)?;
        let fresh = known.is_none();
        let mut journal = known.unwrap_or_else(|| Journal::empty(page.audience, page.salts.clone(), now));
        let applied = Applied { from: journal.seen, seen: journal.seen, ..Applied::default() };
        if fresh || journal.audience == page.audience {
            journal.salts = page.salts.clone();
        }
        let (work, named) = (Work::new(db, tenant), BTreeMap::new());
        Ok(Self { judge, db, page, tenant, journal, work, applied, named, fresh })
    }

    fn run(&mut self) -> Result<Applied, PullError> {
        self.check_signature()?;
        if self.starts_over() {
            self.reset()?;
        }
        if self.page.seen.seq < self.journal.seen.seq {
            return self.stale();
        }
        let news = self.new_entries()?;
        if !news.is_empty() || self.fresh {
            self.project(news)?;
        }
        if self.journal.seen != self.page.seen {
            return Err(self.wrong_end());
        }
        self.fill()?;
        self.check_proofs(news)?;
        self.check_digest()?;
        self.numbers()?;
        self.finish()
    }

    /// The end does not fit: another history where nothing was added, wrong entries otherwise.
    fn wrong_end(&self) -> PullError {
        let (tenant, seq) = (self.tenant.clone(), self.page.seen.seq);
        if self.page.seen.seq == self.applied.from.seq {
            PullError::HistoryForked { tenant, seq }
        } else {
            PullError::HeadMismatch { tenant, seq }
        }
    }

    fn check_signature(&self) -> Result<(), PullError> {
        let message = head_message(self.tenant, self.page.seen);
        let signed = |key: &str| verify_message(key, &message, &self.page.signature);
        // After a restore the service signs with a new device that the pinned key certified.
        if signed(&self.judge.identity.service_key) || service_keys(self.db)?.iter().any(|key| signed(key)) {
            return Ok(());
        }
        Err(self.bad_signature("the service's signature of its head"))
    }

    fn bad_signature(&self, what: &str) -> PullError {
        PullError::BadSignature { tenant: self.tenant.clone(), what: what.to_owned() }
    }

    /// Whether this page begins the journal anew: a rebuild that was asked for, another audience, or
    /// a snapshot ahead of where this laptop stands.
    fn starts_over(&self) -> bool {
        let from_start =
            self.page.snapshot.is_some() || self.page.entries.first().is_some_and(|e| e.seq == 1);
        let ahead = self.page.snapshot.as_ref().is_some_and(|s| s.seen.seq > self.journal.seen.seq);
        ahead || (from_start && (self.journal.rebuild || self.journal.audience != self.page.audience))
    }

    /// Drops what was confirmed. Signed heads, receipts and the outbox stay.
    fn reset(&mut self) -> Result<(), PullError> {
        undo_pending(self.db, &mut self.work, self.tenant)?;
        self.work.clear()?;
        for table in ["entries", "proofs", "op_writes"] {
            self.db.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), [self.tenant.as_str()])?;
        }
        let version = self.journal.version;
        self.journal = Journal::empty(self.page.audience, self.page.salts.clone(), self.journal.as_of);
        self.journal.version = version;
        self.fresh = true;
        if let Some(snapshot) = &self.page.snapshot {
            for (key, cell) in &snapshot.cells {
                self.work.set(key, Some(cell.clone()))?;
                self.journal.digests.update(key, None, Some(cell));
            }
            for (digest, source) in &snapshot.playbooks {
                keep_playbook(self.db, self.tenant, digest, source)?;
            }
            self.journal.seen = snapshot.seen;
            self.journal.complete_from = snapshot.seen.seq + 1;
            self.journal.snapshot_seq = Some(snapshot.seen.seq);
            keep_restored(self.db, self.tenant, snapshot.restored_from)?;
            self.forget_confirmed_by(snapshot.seen.seq.min(snapshot.restored_from.unwrap_or(u64::MAX)))?;
            if let Some(from) = snapshot.restored_from {
                self.send_all_again(from)?;
            }
        }
        Ok(())
    }

    /// A snapshot may hold own ops whose entries were never pulled: those accepted at or before `last`.
    /// Beyond the backup that the service once came back from, a place says nothing: what stood there
    /// then may be lost, so it is sent again.
    fn forget_confirmed_by(&mut self, last: u64) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT device, device_seq, outcome FROM outbox WHERE tenant = ?1 AND state = 'receipted'",
        )?;
        let rows = statement.query_map([self.tenant.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        for row in rows {
            let (device, number, outcome) = row?;
            let accepted = matches!(from_json(&outcome)?, Outcome::Accepted { seq } if seq <= last);
            if accepted {
                let op = OpId {
                    tenant: self.tenant.clone(),
                    device: device.parse()?,
                    device_seq: crate::sql::uint(number),
                };
                remove_own(self.db, &op)?;
                self.applied.confirmed.push(op);
            }
        }
        Ok(())
    }

    fn stale(&mut self) -> Result<Applied, PullError> {
        if let Some(head) = head_at(self.db, self.tenant, self.page.seen.seq)?
            && head != self.page.seen.head
        {
            return Err(PullError::HistoryForked { tenant: self.tenant.clone(), seq: self.page.seen.seq });
        }
        Ok(self.applied.clone())
    }

    /// The entries beyond where this laptop stands. Those before must be the ones it knows.
    fn new_entries(&self) -> Result<&'a [Entry], PullError> {
        let have = self.journal.seen.seq;
        let entries = &self.page.entries;
        let known = entries.iter().take_while(|e| e.seq <= have).count();
        if let Some(first) = entries.get(known)
            && first.seq != have + 1
        {
            return Err(PullError::Gap { tenant: self.tenant.clone(), have, first: first.seq });
        }
        Ok(&entries[known..])
    }

    fn project(&mut self, news: &[Entry]) -> Result<(), PullError> {
        if !self.fresh {
            undo_pending(self.db, &mut self.work, self.tenant)?;
        }
        for entry in news {
            self.entry(entry)?;
        }
        self.applied.entries = news.len();
        // Checking signatures and deciding read `_org`, so its state must be there before.
        if self.tenant.is_org() {
            self.work.flush()?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), PullError> {
        let bad = |why: String| PullError::BadEntry { tenant: self.tenant.clone(), why };
        if entry.seq != self.journal.seen.seq + 1 {
            return Err(PullError::Gap {
                tenant: self.tenant.clone(),
                have: self.journal.seen.seq,
                first: entry.seq,
            });
        }
        let hash = entry.op_hash();
        let head =
            entry.link_op(hash, self.journal.seen.head, &self.page.salts).map_err(|e| bad(e.to_string()))?;
        let read = ReadEntry::read(entry).map_err(|e| bad(e.to_string()))?;
        if read.header.op.tenant != *self.tenant {
            return Err(bad(format!("it names {}", read.header.op)));
        }
        self.check_witness(entry, &read.header)?;
        self.journal.seen = Seen { seq: entry.seq, head };
        let before = self.apply(&read)?;
        save_entry(self.db, self.tenant, entry, hash, Some(head), &read)?;
        save_writes(self.db, self.tenant, entry.seq, &read, &before)?;
        self.confirm(&read.header.op, hash)?;
        self.note_decisions(&read)?;
        self.named.insert((read.header.op.device, read.header.op.device_seq), hash);
        Ok(())
    }

    /// What an author had seen must be what this laptop has seen: laptops witness for one another.
    /// After the service came back from a backup, authors may have seen what is gone.
    fn check_witness(&self, entry: &Entry, header: &Header) -> Result<(), PullError> {
        let seen = header.seen;
        if entry.origin == EntryOrigin::Offered || restored_below(self.db, self.tenant, seen.seq)? {
            return Ok(());
        }
        let known = if seen.seq >= entry.seq { None } else { Some(head_at(self.db, self.tenant, seen.seq)?) };
        match known {
            Some(None) => Ok(()),
            Some(Some(head)) if head == seen.head => Ok(()),
            _ => Err(PullError::HistoryForked { tenant: self.tenant.clone(), seq: seen.seq }),
        }
    }

    fn apply(&mut self, read: &ReadEntry) -> Result<Images, StoreError> {
        for (digest, source) in kept_playbooks(&read.effects) {
            keep_playbook(self.db, self.tenant, digest, source)?;
        }
        let Some(author) = &read.author else { return Ok(Images::new()) };
        let origin = Origin { op: &read.header.op, by: &author.actor, at: author.at };
        if planted(Bug::CursorWithoutPage) {
            return Ok(Images::new());
        }
        let before = self.work.apply(origin, &read.effects)?;
        for (key, cell) in &before {
            if planted(Bug::DigestNotUpdated) && key.field == field::NOTE {
                continue;
            }
            self.journal.digests.update(key, cell.as_ref(), self.work.now(key));
        }
        Ok(before)
    }

    /// An own op that arrives is confirmed and leaves the outbox; other bytes under its name mean
    /// that another copy of this profile wrote them.
    fn confirm(&mut self, op: &OpId, hash: Hash) -> Result<(), StoreError> {
        let ours: Option<Blob> = self
            .db
            .prepare_cached("SELECT hash FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3")?
            .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| row.get(0))
            .optional()?;
        match ours {
            Some(ours) if ours.0 == hash && planted(Bug::OwnOpKept) => {}
            Some(ours) if ours.0 == hash => {
                remove_own(self.db, op)?;
                self.applied.confirmed.push(op.clone());
            }
            // Under a former device's name it was issued again already.
            Some(_) if op.device == self.judge.identity.device => self.applied.forked = true,
            Some(_) | None => {}
        }
        Ok(())
    }

    /// A manager dropped an own op from the held list: its author learns of it.
    fn note_decisions(&self, read: &ReadEntry) -> Result<(), StoreError> {
        match &read.change {
            Some(Change::HeldDiscarded { op }) => {
                let outcome = to_json(&Outcome::Discarded { by: read.header.op.clone() })?;
                self.db
                    .prepare_cached(
                        "UPDATE outbox SET state = 'quarantined', outcome = ?4
                         WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3 AND state = 'held'",
                    )?
                    .execute(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq), outcome])?;
            }
            Some(Change::ServiceRestored { seq, .. }) => {
                let lowest = restored_from(self.db, self.tenant)?.map_or(*seq, |before| before.min(*seq));
                keep_restored(self.db, self.tenant, Some(lowest))?;
                self.send_all_again(*seq)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The service came back from a backup: what it had answered it may have forgotten, also below
    /// the last number it knows, since others offer what they hold of this device.
    fn send_all_again(&self, from: u64) -> Result<(), StoreError> {
        if planted(Bug::NotSentAgain) {
            return Ok(());
        }
        let device = self.judge.identity.device.as_str();
        // What stands under a former device cannot be sent under that name: it is issued again.
        self.db
            .prepare_cached(
                "UPDATE outbox SET resend = (device = ?2 AND state IN ('held', 'quarantined', 'closed')),
                        state = CASE WHEN state = 'receipted' OR (state = 'held' AND device <> ?2)
                                THEN 'pending' ELSE state END
                 WHERE tenant = ?1 AND state <> 'pending'",
            )?
            .execute([self.tenant.as_str(), device])?;
        // Files too, also where the journal here goes on from what came back.
        crate::blobs::send_blobs_again(self.db, self.tenant)?;
        // An offer that was answered may have been lost with the answer's op, before a page brought it back.
        self.db
            .prepare_cached(
                "UPDATE beyond SET outcome = NULL
                 WHERE tenant = ?1 AND NOT (json_extract(outcome, '$.outcome') = 'accepted'
                                            AND json_extract(outcome, '$.seq') <= ?2)",
            )?
            .execute(params![self.tenant.as_str(), int(from)])?;
        // Places beyond the backup are given to other ops now.
        self.db
            .prepare_cached(
                "DELETE FROM receipts WHERE tenant = ?1 AND json_extract(outcome, '$.outcome') = 'accepted'
                 AND json_extract(outcome, '$.seq') > ?2",
            )?
            .execute(params![self.tenant.as_str(), int(from)])?;
        Ok(())
    }

    fn check_proofs(&mut self, news: &[Entry]) -> Result<(), PullError> {
        let mut hashes = std::mem::take(&mut self.named);
        let mut open: BTreeSet<(DeviceId, u64)> = hashes.keys().cloned().collect();
        let (known, _) = self.page.entries.split_at(self.page.entries.len() - news.len());
        for entry in known {
            let (name, hash) = self.name_of(entry)?;
            hashes.insert(name, hash);
        }
        for proof in &self.page.proofs {
            let covered = self.check_proof(proof, &hashes)?;
            for (number, hash) in (proof.run.first..).zip(covered) {
                let name = (proof.device.clone(), number);
                // Another copy of the profile may have signed other bytes under this number.
                if hashes.get(&name) == Some(&hash) {
                    open.remove(&name);
                }
            }
        }
        match open.first() {
            None => Ok(()),
            Some((device, number)) => {
                Err(self.bad_signature(&format!("nothing proves who wrote {device}:{number}")))
            }
        }
    }

    fn name_of(&self, entry: &Entry) -> Result<((DeviceId, u64), Hash), PullError> {
        let header = entry
            .read_header()
            .map_err(|e| PullError::BadEntry { tenant: self.tenant.clone(), why: e.to_string() })?;
        Ok(((header.op.device, header.op.device_seq), entry.op_hash()))
    }

    fn check_proof(
        &mut self,
        proof: &RunProof,
        hashes: &BTreeMap<(DeviceId, u64), Hash>,
    ) -> Result<Vec<Hash>, PullError> {
        let RunProof { device, run, others } = proof;
        if run.count == 0 || run.count > MAX_PROOF {
            return Err(self.bad_signature("a run of impossible length"));
        }
        let mut list = Vec::new();
        for number in run.first..run.first.saturating_add(run.count) {
            let known = others.get(&number).or_else(|| hashes.get(&(device.clone(), number))).copied();
            let known = match known {
                Some(hash) => Some(hash),
                None => stored_hash(self.db, self.tenant, device, number)?,
            };
            list.push(
                known.ok_or_else(|| self.bad_signature(&format!("the run of {device} misses {number}")))?,
            );
        }
        match device_key(self.db, &self.judge.identity.service_key, device)? {
            Some(key) if !verify_run(&key, self.tenant, device, run, &list) => {
                return Err(self.bad_signature(&format!("the run of {device} from {}", run.first)));
            }
            Some(_) => {}
            None => self.applied.unverified += 1,
        }
        save_proof(self.db, self.tenant, proof, &list)?;
        Ok(list)
    }

    fn check_digest(&self) -> Result<(), PullError> {
        let ours = self.journal.digest();
        match self.page.digest {
            Some(theirs) if theirs != ours => {
                Err(PullError::DigestMismatch { tenant: self.tenant.clone(), ours, theirs })
            }
            _ => Ok(()),
        }
    }

    /// Compares the numbers the service knows of this device with those this profile gave out.
    fn numbers(&mut self) -> Result<(), StoreError> {
        let device = &self.judge.identity.device;
        let known = self.page.last_receipted;
        match last_number(self.db, self.tenant, device)? {
            // The tenant is new here, or came back after it was removed: numbers go on.
            None => set_last_number(self.db, self.tenant, device, known)?,
            Some(last) if known > last => self.applied.forked = true,
            Some(last) if known < last => {
                self.db
                    .prepare_cached(
                        "UPDATE outbox SET resend = state IN ('held', 'quarantined', 'closed'),
                                state = CASE state WHEN 'receipted' THEN 'pending' ELSE state END
                         WHERE tenant = ?1 AND device = ?2 AND device_seq > ?3 AND state <> 'pending'",
                    )?
                    .execute(params![self.tenant.as_str(), device.as_str(), int(known)])?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Applied, PullError> {
        if self.applied.entries > 0 || self.fresh {
            if !planted(Bug::NotDecidedAgain) {
                redo_pending(self.judge, &mut self.work, self.tenant)?;
            }
            self.work.flush()?;
        }
        self.applied.cells = self.work.changed();
        if self.applied.entries > 0 || self.fresh {
            self.journal.version += 1;
        }
        if planted(Bug::PageWithoutCursor) && !self.fresh {
            self.journal.seen = self.applied.from;
        }
        self.journal.save(self.db, self.tenant)?;
        save_witness(self.db, self.page)?;
        self.save_held()?;
        self.applied.seen = self.journal.seen;
        Ok(self.applied.clone())
    }

    fn save_held(&self) -> Result<(), StoreError> {
        let Some(held) = &self.page.held else { return Ok(()) };
        let texts = held.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
        let mut kept = self.db.prepare_cached("SELECT held FROM held WHERE tenant = ?1 ORDER BY place")?;
        let kept = kept.query_map([self.tenant.as_str()], |row| row.get(0))?;
        if kept.collect::<Result<Vec<String>, _>>()? == texts {
            // Mostly nothing is held, and nothing need be written.
            return Ok(());
        }
        self.db.prepare_cached("DELETE FROM held WHERE tenant = ?1")?.execute([self.tenant.as_str()])?;
        let mut save = self.db.prepare_cached(
            "INSERT OR REPLACE INTO held (tenant, op, place, held) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for ((place, one), text) in (0..).zip(held).zip(texts) {
            save.execute(params![self.tenant.as_str(), one.op.to_string(), int(place), text])?;
        }
        Ok(())
    }

    /// Earlier entries that a snapshot had left out. Their chain closes only once the first one is
    /// here; then it must lead to the snapshot's head.
    fn fill(&mut self) -> Result<(), PullError> {
        let page = self.page;
        let wanted = page.filled.last().is_some_and(|last| last.seq + 1 == self.journal.complete_from);
        let Some(snapshot) = self.journal.snapshot_seq.filter(|_| wanted) else {
            // Answers to an older question; who wrote them is proven all the same.
            for entry in &page.filled {
                let (name, hash) = self.name_of(entry)?;
                self.named.insert(name, hash);
            }
            return Ok(());
        };
        for (seq, entry) in (page.filled[0].seq..).zip(&page.filled) {
            let read = ReadEntry::read(entry)
                .map_err(|why| PullError::BadEntry { tenant: self.tenant.clone(), why: why.to_string() })?;
            if entry.seq != seq {
                return Err(PullError::Gap { tenant: self.tenant.clone(), have: seq, first: entry.seq });
            }
            let hash = entry.op_hash();
            save_entry(self.db, self.tenant, entry, hash, None, &read)?;
            self.named.insert((read.header.op.device, read.header.op.device_seq), hash);
        }
        self.journal.complete_from = page.filled[0].seq;
        if self.journal.complete_from == 1 {
            self.close_chain(snapshot)?;
        }
        Ok(())
    }

    fn close_chain(&mut self, snapshot: u64) -> Result<(), PullError> {
        let tenant = self.tenant;
        let mut head = Hash::ZERO;
        let mut cells = cairn_domain::cell::Cells::new();
        for seq in 1..=snapshot {
            let text: String = self
                .db
                .prepare_cached("SELECT entry FROM entries WHERE tenant = ?1 AND seq = ?2")?
                .query_row(params![tenant.as_str(), int(seq)], |row| row.get(0))?;
            let entry: Entry = from_json(&text)?;
            let bad = |why: String| PullError::BadEntry { tenant: tenant.clone(), why };
            head = entry.link(head, &self.page.salts).map_err(|e| bad(e.to_string()))?;
            let read = ReadEntry::read(&entry).map_err(|e| bad(e.to_string()))?;
            let before = replay(&mut cells, &read);
            save_writes(self.db, tenant, seq, &read, &before)?;
            self.db
                .prepare_cached("UPDATE entries SET head = ?3 WHERE tenant = ?1 AND seq = ?2")?
                .execute(params![tenant.as_str(), int(seq), Blob(head)])?;
        }
        let expected = self
            .db
            .prepare_cached("SELECT head FROM witness WHERE tenant = ?1 AND seq = ?2")?
            .query_row(params![tenant.as_str(), int(snapshot)], |row| row.get::<_, Blob>(0))
            .optional()?;
        if expected.is_some_and(|h| h.0 != head) {
            return Err(PullError::HeadMismatch { tenant: tenant.clone(), seq: snapshot });
        }
        // What the snapshot said of restores counts only where the entries show it.
        let shown = restores_shown(self.db, self.tenant)?;
        keep_restored(self.db, self.tenant, shown)?;
        self.journal.snapshot_seq = None;
        Ok(())
    }
}

/// Applies an entry to cells held in memory. Returns what it touched, as it was before.
pub(crate) fn replay(cells: &mut cairn_domain::cell::Cells, read: &ReadEntry) -> Images {
    let before = read.effects.cells().map(|key| (key.clone(), cells.get(key).cloned())).collect();
    if let Some(author) = &read.author {
        let origin = Origin { op: &read.header.op, by: &author.actor, at: author.at };
        cairn_domain::effect::project_all(cells, origin, &read.effects);
    }
    before
}

fn restored_key(tenant: &TenantId) -> String {
    format!("restored/{tenant}")
}

/// Whether the service came back from a backup that ended before `seq`.
pub(crate) fn restored_below(db: &Connection, tenant: &TenantId, seq: u64) -> Result<bool, StoreError> {
    Ok(restored_from(db, tenant)?.is_some_and(|at| seq > at))
}

/// The lowest place from which the service went on after it came back from a backup.
fn restored_from(db: &Connection, tenant: &TenantId) -> Result<Option<u64>, StoreError> {
    let mark = crate::open::get_meta(db, &restored_key(tenant))?;
    Ok(mark.and_then(|m| <[u8; 8]>::try_from(m).ok()).map(u64::from_be_bytes))
}

fn keep_restored(db: &Connection, tenant: &TenantId, at: Option<u64>) -> Result<(), StoreError> {
    match at {
        Some(at) => crate::open::set_meta(db, &restored_key(tenant), &at.to_be_bytes()),
        None => {
            db.execute("DELETE FROM meta WHERE key = ?1", [restored_key(tenant)])?;
            Ok(())
        }
    }
}

/// The same as the entries held show it.
fn restores_shown(db: &Connection, tenant: &TenantId) -> Result<Option<u64>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT entry FROM entries WHERE tenant = ?1 AND verb = 'ServiceRestored'")?;
    let mut rows = statement.query([tenant.as_str()])?;
    let mut lowest = None;
    while let Some(row) = rows.next()? {
        let entry: Entry = from_json(&row.get::<_, String>(0)?)?;
        if let Some(Change::ServiceRestored { seq, .. }) = ReadEntry::read(&entry)?.change {
            lowest = Some(lowest.map_or(seq, |before: u64| before.min(seq)));
        }
    }
    Ok(lowest)
}

/// An entry as far as this reader and this version can read it.
pub(crate) struct ReadEntry {
    pub header: Header,
    pub author: Option<Author>,
    /// None where it is sealed, erased or of a newer version.
    pub change: Option<Change>,
    pub verb: Option<String>,
    pub effects: Effects,
}

impl ReadEntry {
    /// Only the header must be readable; whatever a newer version wrote is kept and skipped.
    pub fn read(entry: &Entry) -> Result<Self, StoreError> {
        let header = serde_json::from_str(&entry.header)?;
        let effects = Effects { client: effects_of(&entry.client), team: effects_of(&entry.team) };
        let (author, change, verb) = match &entry.body {
            Part::Open(body) => said(&body.body),
            Part::Sealed(_) => (None, None, None),
        };
        Ok(Self { header, author, change, verb, effects })
    }
}

/// What a body says. One that this version can read whole is read in one go; of any other each part is
/// read that can be.
fn said(body: &str) -> (Option<Author>, Option<Change>, Option<String>) {
    #[derive(Deserialize)]
    struct Whole {
        actor: AccountId,
        at: Time,
        change: Change,
    }
    if let Ok(Whole { actor, at, change }) = serde_json::from_str(body) {
        let verb = change.verb().to_owned();
        return (Some(Author { actor, at }), Some(change), Some(verb));
    }
    let body: Option<Value> = serde_json::from_str(body).ok();
    let author = body.as_ref().and_then(|b| Author::deserialize(b).ok());
    let change = body.as_ref().and_then(|b| b.get("change"));
    let verb = change.and_then(|c| c.get("verb")).and_then(Value::as_str).map(str::to_owned);
    (author, change.and_then(|c| Change::deserialize(c).ok()), verb)
}

fn effects_of(part: &Part<String>) -> Vec<Effect> {
    let Part::Open(json) = part else { return Vec::new() };
    if let Ok(effects) = serde_json::from_str(json) {
        return effects;
    }
    let values: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    values.into_iter().map(|value| serde_json::from_value(value).unwrap_or(Effect::Unknown)).collect()
}

fn save_entry(
    db: &Connection,
    tenant: &TenantId,
    entry: &Entry,
    hash: Hash,
    head: Option<Hash>,
    read: &ReadEntry,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO entries (tenant, seq, head, op, op_hash, actor, at, verb, entry)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        tenant.as_str(),
        int(entry.seq),
        head.map(Blob),
        read.header.op.to_string(),
        Blob(hash),
        read.author.as_ref().map(|a| a.actor.as_str()),
        read.author.as_ref().map(|a| a.at.to_rfc3339()),
        read.verb,
        to_json(entry)?,
    ])?;
    Ok(())
}

fn save_writes(
    db: &Connection,
    tenant: &TenantId,
    seq: u64,
    read: &ReadEntry,
    before: &Images,
) -> Result<(), StoreError> {
    let op = read.header.op.to_string();
    for (cell, [after, before]) in writes_of(read, before)? {
        db.prepare_cached(
            "INSERT INTO op_writes (tenant, seq, cell, op, after, before) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![tenant.as_str(), int(seq), cell, op, after, before])?;
    }
    Ok(())
}

/// What history shows of an entry: by cell, the value it wrote and those it took away, as JSON.
pub(crate) fn writes_of(
    read: &ReadEntry,
    before: &Images,
) -> Result<BTreeMap<String, [String; 2]>, StoreError> {
    let mut writes = BTreeMap::new();
    for effect in read.effects.all() {
        if let Effect::Write { cell: key, value, replaces, .. } = effect {
            let replaced = replaced_values(before.get(key).and_then(Option::as_ref), replaces);
            writes.insert(key.to_string(), [to_json(value)?, to_json(&replaced)?]);
        }
    }
    Ok(writes)
}

/// The values that a write took away, of those it names.
pub(crate) fn replaced_values<'a>(before: Option<&'a Cell>, replaces: &[OpId]) -> Vec<&'a Value> {
    let Some(cell) = before else { return Vec::new() };
    replaces.iter().filter_map(|op| cell.values.get(op)).map(|kept| &kept.value).collect()
}

pub(crate) fn remove_own(db: &Connection, op: &OpId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3")?
        .execute(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)])?;
    Ok(())
}

/// The hash of an op that this laptop holds already: in its journal, its outbox or its receipts.
fn stored_hash(
    db: &Connection,
    tenant: &TenantId,
    device: &DeviceId,
    number: u64,
) -> Result<Option<Hash>, StoreError> {
    let op = OpId { tenant: tenant.clone(), device: device.clone(), device_seq: number }.to_string();
    let hash: Option<Blob> = db
        .prepare_cached(
            "SELECT coalesce((SELECT op_hash FROM entries WHERE tenant = ?1 AND op = ?2),
                             (SELECT hash FROM outbox WHERE tenant = ?1 AND device = ?3 AND device_seq = ?4),
                             (SELECT hash FROM receipts WHERE tenant = ?1 AND op = ?2))",
        )?
        .query_row(params![tenant.as_str(), op, device.as_str(), int(number)], |row| row.get(0))?;
    Ok(hash.map(|b| b.0))
}

fn save_proof(
    db: &Connection,
    tenant: &TenantId,
    proof: &RunProof,
    hashes: &[Hash],
) -> Result<(), StoreError> {
    let joined: Vec<u8> = hashes.iter().flat_map(|h| h.0).collect();
    db.prepare_cached(
        "INSERT OR REPLACE INTO proofs (tenant, device, first, count, signature, hashes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        tenant.as_str(),
        proof.device.as_str(),
        int(proof.run.first),
        int(proof.run.count),
        proof.run.signature,
        joined,
    ])?;
    Ok(())
}

fn save_witness(db: &Connection, page: &TenantPage) -> Result<(), StoreError> {
    let save = |seen: Seen, signature: &str| -> Result<(), StoreError> {
        db.prepare_cached(
            "INSERT OR REPLACE INTO witness (tenant, seq, head, signature) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![page.tenant.as_str(), int(seen.seq), Blob(seen.head), signature])?;
        Ok(())
    };
    save(page.seen, &page.signature)?;
    if let Some(snapshot) = &page.snapshot
        && snapshot.seen != page.seen
    {
        // Not signed itself, but the signed head rests on it.
        save(snapshot.seen, "")?;
    }
    Ok(())
}

/// The public key of a device: the pinned one for the service that signed in, else `_org`'s.
pub(crate) fn device_key(
    db: &Connection,
    pinned: &str,
    device: &DeviceId,
) -> Result<Option<String>, StoreError> {
    if cairn_protocol::auth::device_id(pinned).as_ref() == Some(device) {
        return Ok(Some(pinned.to_owned()));
    }
    let key = CellKey::new(Entity::Device(device.clone()), field::KEY);
    let cell = load_cell(db, &TenantId::org(), &key)?;
    let value =
        cell.as_ref().and_then(Cell::winner).and_then(|(_, kept)| DeviceValue::deserialize(&kept.value).ok());
    Ok(value.map(|v| v.key))
}

/// The keys of the service's own devices.
pub(crate) fn service_keys(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT content FROM cells WHERE tenant = '_org' AND cell >= 'device/' AND cell < 'device0'
         AND content LIKE '%\"service\":true%'",
    )?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut keys = Vec::new();
    for row in rows {
        let cell: Cell = from_json(&row?)?;
        keys.extend(
            cell.values
                .values()
                .filter_map(|k| DeviceValue::deserialize(&k.value).ok())
                .filter(|v| v.service)
                .map(|v| v.key),
        );
    }
    Ok(keys)
}
