//! What has not been confirmed: pushed in runs, answered by receipts, quarantined where refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cairn_domain::change::Status;
use cairn_domain::decide::Refusal;
use cairn_domain::journal::{Outcome, Receipt};
use cairn_domain::op::{Body, sign_run};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{Change, DeviceId, Entity, Hash, OpId, SealedOp, TenantId, Time};
use cairn_protocol::MAX_RUN;
use cairn_protocol::sync::{PushRun, TenantPage};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::cells::{Work, in_journal};
use crate::identity::Me;
use crate::journals::{bump, time};
use crate::pending::{Judge, redo_pending, undo_pending};
use crate::sql::{Blob, from_json, int, to_json, uint};
use crate::write::{Base, Draft, Written};
use crate::{Store, StoreError};

/// The most bytes of ops that one push holds, far below the service's limit for a request.
const MAX_PUSH_BYTES: usize = 8 << 20;

/// Where an own op stands until a pull confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Not answered by the service yet.
    Pending,
    /// Accepted; its entry has not been pulled yet.
    Receipted,
    /// On the held list until a manager decides.
    Held,
    /// Refused or dropped: its author edits, retries or discards it.
    Quarantined,
    /// Settled without an entry of its own: discarded, retried, or a duplicate.
    Closed,
}

impl OutboxState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Receipted => "receipted",
            Self::Held => "held",
            Self::Quarantined => "quarantined",
            Self::Closed => "closed",
        }
    }

    fn read(word: &str) -> Self {
        match word {
            "receipted" => Self::Receipted,
            "held" => Self::Held,
            "quarantined" => Self::Quarantined,
            "closed" => Self::Closed,
            _ => Self::Pending,
        }
    }
}

/// An own op that is not confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxOp {
    /// The op.
    pub op: OpId,
    /// The hash of its bytes.
    pub hash: Hash,
    /// Where it stands.
    pub state: OutboxState,
    /// What it says.
    pub body: Body,
    /// When it was saved.
    pub written_at: Time,
    /// The service's answer.
    pub outcome: Option<Outcome>,
    /// Why this laptop itself would refuse it now.
    pub doubt: Option<Refusal>,
    /// The refused op that would have created what this one writes to.
    pub because: Option<OpId>,
}

/// How much is not confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ops the service has not answered.
    pub pending: u64,
    /// Ops accepted but not pulled.
    pub receipted: u64,
    /// Own ops on the held list.
    pub held: u64,
    /// Ops that wait for their author's decision.
    pub quarantined: u64,
}

impl Counts {
    pub(crate) fn set(&mut self, state: &str, n: u64) {
        match OutboxState::read(state) {
            OutboxState::Pending => self.pending = n,
            OutboxState::Receipted => self.receipted = n,
            OutboxState::Held => self.held = n,
            OutboxState::Quarantined => self.quarantined = n,
            OutboxState::Closed => {}
        }
    }
}

/// What receipts changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipted {
    /// Ops accepted.
    pub accepted: Vec<OpId>,
    /// Ops refused or dropped, now in quarantine.
    pub quarantined: Vec<OpId>,
    /// Ops held.
    pub held: Vec<OpId>,
    /// Ops that already stand under another name.
    pub duplicates: Vec<OpId>,
    /// Whether an answer was about other bytes than this laptop's: the profile was copied.
    pub forked: bool,
}

impl Store {
    /// The next ops to push: consecutive pending ones per tenant, `_org` first, at most `limit`,
    /// each run signed. The same ops give the same bytes and signature every time. Empty while the
    /// profile must enrol anew.
    ///
    /// # Errors
    /// `not_enrolled`; whatever the database reports.
    pub fn next_push(&self, limit: usize) -> Result<Vec<PushRun>, StoreError> {
        let me = self.me()?;
        // Another process may have enrolled a new device: its numbers are not this key's to sign.
        if me.forked || !me.is_current(&self.db)? {
            return Ok(Vec::new());
        }
        self.runs_within(me, limit, MAX_PUSH_BYTES)
    }

    /// Everything that waits to be pushed, signed as [`Store::next_push`] would, for a device that
    /// may no longer push.
    ///
    /// # Errors
    /// `not_enrolled`; whatever the database reports.
    pub(crate) fn all_runs(&self) -> Result<Vec<PushRun>, StoreError> {
        self.runs_within(self.me()?, usize::MAX, usize::MAX)
    }

    /// Runs of at most `left` ops and `bytes` bytes.
    fn runs_within(&self, me: &Me, mut left: usize, mut bytes: usize) -> Result<Vec<PushRun>, StoreError> {
        let mut runs = Vec::new();
        for tenant in self.tenants_to_push(&me.identity.device)? {
            for run in self.runs_of(me, &tenant, &mut left, &mut bytes)? {
                runs.push(run);
            }
            if left == 0 || bytes == 0 {
                break;
            }
        }
        Ok(runs)
    }

    fn tenants_to_push(&self, device: &DeviceId) -> Result<Vec<TenantId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT DISTINCT tenant FROM outbox WHERE device = ?1 AND (state = 'pending' OR resend = 1)
             ORDER BY tenant <> '_org', tenant",
        )?;
        let rows = statement.query_map([device.as_str()], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.parse()?)).collect()
    }

    fn runs_of(
        &self,
        me: &Me,
        tenant: &TenantId,
        left: &mut usize,
        bytes: &mut usize,
    ) -> Result<Vec<PushRun>, StoreError> {
        let device = &me.identity.device;
        let mut statement = self.db.prepare_cached(
            "SELECT device_seq, header, salt, body, hash FROM outbox
             WHERE tenant = ?1 AND device = ?2 AND (state = 'pending' OR resend = 1) ORDER BY device_seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![tenant.as_str(), device.as_str(), int(*left as u64)])?;
        let mut runs: Vec<(u64, Vec<Hash>, Vec<SealedOp>)> = Vec::new();
        while let Some(row) = rows.next()? {
            let number = uint(row.get(0)?);
            let op = SealedOp { header: row.get(1)?, salt: row.get(2)?, body: row.get(3)? };
            let size = op.header.len() + op.body.len();
            let first_of_all = *bytes == MAX_PUSH_BYTES;
            if size > *bytes && !first_of_all {
                *bytes = 0;
                break;
            }
            *bytes = bytes.saturating_sub(size);
            *left -= 1;
            let hash = row.get::<_, Blob>(4)?.0;
            match runs.last_mut() {
                Some((first, hashes, ops)) if *first + ops.len() as u64 == number && ops.len() < MAX_RUN => {
                    hashes.push(hash);
                    ops.push(op);
                }
                _ => runs.push((number, vec![hash], vec![op])),
            }
        }
        let sign = |(first, hashes, ops): (u64, Vec<Hash>, Vec<SealedOp>)| PushRun {
            tenant: tenant.clone(),
            run: sign_run(&me.key, tenant, device, first, &hashes),
            ops,
        };
        let mut runs: Vec<PushRun> = runs.into_iter().map(sign).collect();
        if planted(Bug::OutboxOrderLost) {
            runs = singly(me, tenant, runs);
        }
        Ok(runs)
    }

    /// Takes the service's answers. They never move a cursor and never change confirmed state; an op
    /// that was refused, held, dropped or is a duplicate loses its provisional effects. Answers that
    /// are known already, or about ops already confirmed, change nothing.
    ///
    /// # Errors
    /// `not_enrolled`; whatever the database reports.
    pub fn apply_receipts(&mut self, receipts: &[Receipt]) -> Result<Receipted, StoreError> {
        self.apply_receipts_before(receipts, &[])
    }

    /// [`Store::apply_receipts`] where these pages are applied next. An accepted op that one of them
    /// brings back stays as it is until then: should the page not be taken, the op goes out once more
    /// and is answered once more.
    ///
    /// # Errors
    /// As there.
    pub fn apply_receipts_before(
        &mut self,
        receipts: &[Receipt],
        pages: &[TenantPage],
    ) -> Result<Receipted, StoreError> {
        let mut by_tenant: BTreeMap<&TenantId, Vec<&Receipt>> = BTreeMap::new();
        for receipt in receipts {
            by_tenant.entry(&receipt.op.tenant).or_default().push(receipt);
        }
        let mut done = Receipted::default();
        self.refresh_identity()?;
        if receipts.is_empty() {
            return Ok(done);
        }
        // Drawn beforehand, because the transaction borrows the store.
        let mut salts = Vec::new();
        for tenant in by_tenant.keys() {
            salts.extend(self.salts_for_former(tenant)?);
        }
        {
            let judge = self.judge()?;
            let tx = self.begin()?;
            for (tenant, receipts) in by_tenant {
                let page = pages.iter().find(|page| page.tenant == *tenant);
                if settle(&judge, &tx, tenant, (&receipts, page), &mut done)? {
                    reissue(&judge, &tx, tenant, &mut salts, &mut BTreeMap::new())?;
                }
            }
            tx.commit()?;
        }
        if done.forked {
            self.mark_forked()?;
        }
        Ok(done)
    }

    /// Takes own ops out of the outbox that were accepted at or before where this laptop stands: their
    /// entries come no more, because a snapshot holds what they did. To be called once the pages of a
    /// reply are applied, with the receipts of journals that go on from where this laptop stands.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn confirm_covered(&mut self, receipts: &[&Receipt]) -> Result<(), StoreError> {
        let stands: BTreeMap<TenantId, u64> =
            self.positions()?.into_iter().map(|at| (at.tenant, at.seen.seq)).collect();
        let mut by_tenant: BTreeMap<&TenantId, Vec<&OpId>> = BTreeMap::new();
        for receipt in receipts {
            let Outcome::Accepted { seq } = receipt.outcome else { continue };
            let is_behind = stands.get(&receipt.op.tenant).is_some_and(|stands| seq <= *stands);
            if is_behind && state_of(&self.db, &receipt.op)?.is_some_and(|own| own.hash == receipt.hash) {
                by_tenant.entry(&receipt.op.tenant).or_default().push(&receipt.op);
            }
        }
        if by_tenant.is_empty() || planted(Bug::OwnOpKept) {
            return Ok(());
        }
        let judge = self.judge()?;
        let tx = self.begin()?;
        for (tenant, covered) in by_tenant {
            let mut work = Work::new(&tx, tenant);
            undo_pending(&tx, &mut work, tenant)?;
            for op in covered {
                crate::pull::remove_own(&tx, op)?;
            }
            redo_pending(&judge, &mut work, tenant)?;
            work.flush()?;
            bump(&tx, tenant)?;
        }
        tx.commit()
    }

    /// The outbox in its order, of one tenant or of all; settled ops are left out.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn outbox(&self, tenant: Option<&TenantId>) -> Result<Vec<OutboxOp>, StoreError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {OUTBOX_COLUMNS} FROM outbox WHERE state <> 'closed' AND (?1 IS NULL OR tenant = ?1) ORDER BY id"
        ))?;
        let rows = statement.query_map([tenant.map(TenantId::as_str)], RawOp::read)?;
        let mut ops = Vec::new();
        for row in rows {
            ops.push(row?.parse()?);
        }
        explain(&mut ops);
        Ok(ops)
    }

    /// The ops that wait for their author's decision.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn quarantine(&self, tenant: Option<&TenantId>) -> Result<Vec<OutboxOp>, StoreError> {
        let mut ops = self.outbox(tenant)?;
        ops.retain(|op| op.state == OutboxState::Quarantined);
        Ok(ops)
    }

    /// Writes a quarantined op again under a new number: as it was, on what its author had seen
    /// then, or edited, on what is there now.
    ///
    /// # Errors
    /// `unknown_op`, `not_quarantined`; the rules' refusal, and the op stays in quarantine then.
    pub fn retry(&mut self, op: &OpId, edited: Option<Change>, now: Time) -> Result<Written, StoreError> {
        self.compose(&op.tenant, now, |db, _| {
            let old = find(db, op)?.ok_or_else(|| StoreError::UnknownOp(op.clone()))?;
            let old = quarantined(old)?;
            close(db, op)?;
            let (change, base) = match edited {
                Some(change) => (change, None),
                None => (old.body.change, Some(old.body.base)),
            };
            Ok((Draft { change, reason: old.body.reason, base }, Some(old.hash)))
        })
    }

    /// Gives a quarantined op up. Its bytes stay, because later writes may name it as seen.
    ///
    /// # Errors
    /// `unknown_op`, `not_quarantined`.
    pub fn discard(&mut self, op: &OpId) -> Result<(), StoreError> {
        let tx = self.begin()?;
        quarantined(find(&tx, op)?.ok_or_else(|| StoreError::UnknownOp(op.clone()))?)?;
        close(&tx, op)?;
        tx.commit()
    }

    /// Own ops on the held list, as far as this laptop knows: it asks what became of them, because
    /// an adopted one may be refused, and readers of the client's side do not see the decision.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn held_own(&self) -> Result<Vec<OpId>, StoreError> {
        if planted(Bug::HeldNotAskedFor) {
            return Ok(Vec::new());
        }
        let mut statement = self.db.prepare_cached(
            "SELECT tenant, device, device_seq FROM outbox WHERE state = 'held' ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?;
        rows.map(|row| {
            let (tenant, device, number) = row?;
            Ok(OpId { tenant: tenant.parse()?, device: device.parse()?, device_seq: uint(number) })
        })
        .collect()
    }

    /// A salt for each op of a former device that a pull may have to issue again.
    pub(crate) fn salts_for_former(&mut self, tenant: &TenantId) -> Result<Vec<[u8; 16]>, StoreError> {
        let device = self.me()?.identity.device.clone();
        let count: i64 = self
            .db
            .prepare_cached(
                "SELECT count(*) FROM outbox
                 WHERE tenant = ?1 AND device <> ?2 AND state IN ('pending', 'receipted', 'held')",
            )?
            .query_row([tenant.as_str(), device.as_str()], |row| row.get(0))?;
        let mut salts = Vec::new();
        for _ in 0..uint(count) {
            let mut salt = [0; 16];
            self.entropy.fill(&mut salt)?;
            salts.push(salt);
        }
        Ok(salts)
    }

    /// How much is not confirmed, of one tenant or of all.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn counts(&self, tenant: Option<&TenantId>) -> Result<Counts, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT state, count(*) FROM outbox WHERE state <> 'closed' AND (?1 IS NULL OR tenant = ?1) GROUP BY state",
        )?;
        let mut rows = statement.query([tenant.map(TenantId::as_str)])?;
        let mut counts = Counts::default();
        while let Some(row) = rows.next()? {
            counts.set(&row.get::<_, String>(0)?, uint(row.get(1)?));
        }
        Ok(counts)
    }

    /// Every own op's number and where it ended, for audits and the simulator: also settled ones.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn receipt(&self, op: &OpId) -> Result<Option<Receipt>, StoreError> {
        let row = self
            .db
            .prepare_cached("SELECT hash, outcome FROM receipts WHERE tenant = ?1 AND op = ?2")?
            .query_row(params![op.tenant.as_str(), op.to_string()], |row| {
                Ok((row.get::<_, Blob>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        row.map(|(hash, outcome)| Ok(Receipt { op: op.clone(), hash: hash.0, outcome: from_json(&outcome)? }))
            .transpose()
    }
}

/// Each op in a run of its own, newest first. Only for a planted bug.
fn singly(me: &Me, tenant: &TenantId, runs: Vec<PushRun>) -> Vec<PushRun> {
    let device = &me.identity.device;
    let numbered = runs.into_iter().flat_map(|run| (run.run.first..).zip(run.ops));
    let mut runs: Vec<PushRun> = numbered
        .map(|(number, op)| PushRun {
            tenant: tenant.clone(),
            run: sign_run(&me.key, tenant, device, number, &[op.hash()]),
            ops: vec![op],
        })
        .collect();
    runs.reverse();
    runs
}

/// Applies the answers of one tenant inside the transaction. Says whether something that stands under
/// a former device's name has to be issued again.
fn settle(
    judge: &Judge<'_>,
    db: &Connection,
    tenant: &TenantId,
    (receipts, page): (&[&Receipt], Option<&TenantPage>),
    done: &mut Receipted,
) -> Result<bool, StoreError> {
    let mut takes_back = Vec::new();
    let returning = page.map(places).unwrap_or_default();
    let mut issue_again = false;
    for receipt in receipts {
        remember(db, receipt)?;
        crate::recover::answer_offer(db, receipt)?;
        let Some(known) = state_of(db, &receipt.op)? else { continue };
        if known.hash != receipt.hash {
            if receipt.op.device == judge.identity.device {
                done.forked = true;
            } else {
                // Another copy's bytes took the number after a restore: ours are not there.
                issue_again |= wait_again(db, &receipt.op)?;
            }
            continue;
        }
        if in_journal(db, &receipt.op)? {
            continue;
        }
        if let Outcome::Accepted { seq } = receipt.outcome {
            if !matches!(known.state, OutboxState::Pending | OutboxState::Receipted) {
                // Adopted meanwhile, or sent again after a restore: it counts again once pulled.
                keep_state(db, receipt)?;
                continue;
            }
            if planted(Bug::CursorMovedByReceipt) {
                db.execute("UPDATE journals SET seq = seq + 1 WHERE tenant = ?1", [tenant.as_str()])?;
            }
            if !returning.contains(&seq) {
                set_state(db, receipt, OutboxState::Receipted)?;
            }
            done.accepted.push(receipt.op.clone());
        } else {
            takes_back.push((*receipt, known.state));
        }
    }
    let reproject =
        takes_back.iter().any(|(_, s)| matches!(s, OutboxState::Pending | OutboxState::Receipted));
    let mut work = Work::new(db, tenant);
    if reproject {
        undo_pending(db, &mut work, tenant)?;
    }
    for (receipt, was) in takes_back {
        take_back(db, receipt, was, done)?;
    }
    if reproject {
        redo_pending(judge, &mut work, tenant)?;
        work.flush()?;
        bump(db, tenant)?;
    }
    Ok(issue_again)
}

/// The places whose entries a page brings.
fn places(page: &TenantPage) -> Range<u64> {
    match (page.entries.first(), page.entries.last()) {
        (Some(first), Some(last)) => first.seq..last.seq + 1,
        _ => 0..0,
    }
}

/// An op that was answered for waits again; false where its author has decided about it.
fn wait_again(db: &Connection, op: &OpId) -> Result<bool, StoreError> {
    let changed = db
        .prepare_cached(
            "UPDATE outbox SET state = 'pending' WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3
             AND state IN ('pending', 'receipted', 'held')",
        )?
        .execute(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)])?;
    Ok(changed > 0)
}

fn take_back(
    db: &Connection,
    receipt: &Receipt,
    was: OutboxState,
    done: &mut Receipted,
) -> Result<(), StoreError> {
    let (state, list) = match &receipt.outcome {
        Outcome::Refused { .. } | Outcome::Discarded { .. } => {
            (OutboxState::Quarantined, &mut done.quarantined)
        }
        Outcome::Held => (OutboxState::Held, &mut done.held),
        Outcome::Duplicate { .. } => (OutboxState::Closed, &mut done.duplicates),
        Outcome::Accepted { .. } => return Ok(()),
    };
    if state == OutboxState::Quarantined && planted(Bug::RefusalBlocks) {
        return Ok(());
    }
    if state == OutboxState::Quarantined && planted(Bug::QuarantineDrops) {
        return close(db, &receipt.op);
    }
    if was == OutboxState::Closed {
        // What its author has decided about already stays decided.
        return keep_state(db, receipt);
    }
    set_state(db, receipt, state)?;
    if was != state {
        list.push(receipt.op.clone());
    }
    Ok(())
}

fn remember(db: &Connection, receipt: &Receipt) -> Result<(), StoreError> {
    if planted(Bug::ReceiptForgotten) {
        return Ok(());
    }
    db.prepare_cached("INSERT OR REPLACE INTO receipts (tenant, op, hash, outcome) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            receipt.op.tenant.as_str(),
            receipt.op.to_string(),
            Blob(receipt.hash),
            to_json(&receipt.outcome)?
        ])?;
    Ok(())
}

struct Known {
    hash: Hash,
    state: OutboxState,
}

fn state_of(db: &Connection, op: &OpId) -> Result<Option<Known>, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT hash, state FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
        )?
        .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| {
            Ok(Known { hash: row.get::<_, Blob>(0)?.0, state: OutboxState::read(&row.get::<_, String>(1)?) })
        })
        .optional()?;
    Ok(row)
}

fn set_state(db: &Connection, receipt: &Receipt, state: OutboxState) -> Result<(), StoreError> {
    let op = &receipt.op;
    let keeps_effects = matches!(state, OutboxState::Pending | OutboxState::Receipted);
    db.prepare_cached(
        "UPDATE outbox SET state = ?4, outcome = ?5, resend = 0,
                effects = CASE WHEN ?6 THEN effects END, before = CASE WHEN ?6 THEN before END
         WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
    )?
    .execute(params![
        op.tenant.as_str(),
        op.device.as_str(),
        int(op.device_seq),
        state.word(),
        to_json(&receipt.outcome)?,
        keeps_effects,
    ])?;
    Ok(())
}

/// Notes an answer to an op that is settled here: it need not be sent again, and what became of it
/// by its author's decision stays.
fn keep_state(db: &Connection, receipt: &Receipt) -> Result<(), StoreError> {
    let op = &receipt.op;
    db.prepare_cached(
        "UPDATE outbox SET resend = 0, outcome = CASE state WHEN 'closed' THEN outcome ELSE ?4 END
         WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
    )?
    .execute(params![
        op.tenant.as_str(),
        op.device.as_str(),
        int(op.device_seq),
        to_json(&receipt.outcome)?
    ])?;
    Ok(())
}

fn close(db: &Connection, op: &OpId) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE outbox SET state = 'closed' WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
    )?
    .execute(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)])?;
    Ok(())
}

fn quarantined(op: OutboxOp) -> Result<OutboxOp, StoreError> {
    if op.state == OutboxState::Quarantined {
        return Ok(op);
    }
    Err(Refusal::new("not_quarantined", "This change does not wait for a decision.").into())
}

pub(crate) fn find(db: &Connection, op: &OpId) -> Result<Option<OutboxOp>, StoreError> {
    let sql =
        format!("SELECT {OUTBOX_COLUMNS} FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3");
    let mut statement = db.prepare_cached(&sql)?;
    let key = params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)];
    statement.query_row(key, RawOp::read).optional()?.map(RawOp::parse).transpose()
}

const OUTBOX_COLUMNS: &str = "tenant, device, device_seq, hash, state, body, written_at, outcome, doubt";

struct RawOp {
    name: (String, String, i64),
    hash: Blob,
    state: String,
    body: String,
    written_at: String,
    outcome: Option<String>,
    doubt: Option<String>,
}

impl RawOp {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: (row.get(0)?, row.get(1)?, row.get(2)?),
            hash: row.get(3)?,
            state: row.get(4)?,
            body: row.get(5)?,
            written_at: row.get(6)?,
            outcome: row.get(7)?,
            doubt: row.get(8)?,
        })
    }

    fn parse(self) -> Result<OutboxOp, StoreError> {
        let (tenant, device, number) = self.name;
        Ok(OutboxOp {
            op: OpId { tenant: tenant.parse()?, device: device.parse()?, device_seq: uint(number) },
            hash: self.hash.0,
            state: OutboxState::read(&self.state),
            body: from_json(&self.body)?,
            written_at: time(&self.written_at)?,
            outcome: self.outcome.map(|text| from_json(&text)).transpose()?,
            doubt: self.doubt.map(|text| from_json(&text)).transpose()?,
            because: None,
        })
    }
}

/// Says of each op whether what it writes to was to be created by an op that was refused.
fn explain(ops: &mut [OutboxOp]) {
    let mut missing: BTreeMap<(TenantId, Entity), OpId> = BTreeMap::new();
    for op in ops {
        let tenant = op.op.tenant.clone();
        op.because =
            uses(&op.body.change).into_iter().find_map(|e| missing.get(&(tenant.clone(), e)).cloned());
        if op.state == OutboxState::Quarantined
            && let Some(entity) = creates(&op.op, &op.body)
        {
            missing.insert((tenant, entity), op.op.clone());
        }
    }
}

fn creates(op: &OpId, body: &Body) -> Option<Entity> {
    match &body.change {
        Change::ProjectStarted { project, .. } => Some(Entity::Project(project.clone())),
        Change::ItemStatusSet { status: Status::Blocked, .. } => Some(Entity::Blocker(op.clone())),
        Change::ImportRequested(_) => Some(Entity::Import(op.clone())),
        _ => None,
    }
}

fn uses(change: &Change) -> BTreeSet<Entity> {
    let entity = match change {
        Change::ProjectUpgraded { project, .. } | Change::ProjectFieldSet { project, .. } => {
            Some(Entity::Project(project.clone()))
        }
        Change::ItemStatusSet { item: on, .. }
        | Change::ItemFieldSet { item: on, .. }
        | Change::CommentAdded { on, .. } => on.project().cloned().map(Entity::Project),
        Change::BlockerFieldSet { blocker, .. } => Some(Entity::Blocker(blocker.clone())),
        Change::ImportRollbackRequested { import } => Some(Entity::Import(import.clone())),
        _ => None,
    };
    entity.into_iter().collect()
}

impl Store {
    /// Puts this profile on a new device, after `device_forked` or a restored backup: every op that
    /// the service has not answered is issued again under the new device, numbered from 1 in the old
    /// order, naming the bytes it replaces; what they name of each other is renamed with them.
    ///
    /// Returns the new name of each op.
    ///
    /// # Errors
    /// Whatever the database reports; the profile is as before then.
    pub fn re_enrol(
        &mut self,
        identity: crate::Identity,
        key: ed25519_dalek::SigningKey,
    ) -> Result<BTreeMap<OpId, OpId>, StoreError> {
        self.same_person(&identity)?;
        let me = Me { identity, key, forked: false };
        let tenants: Vec<TenantId> =
            crate::journals::Journal::all(&self.db)?.into_iter().map(|(t, _)| t).collect();
        let mut renamed = BTreeMap::new();
        // Drawn beforehand, because the transaction borrows the store.
        let mut salts = Vec::new();
        for _ in 0..self.to_issue_again()? {
            let mut salt = [0; 16];
            self.entropy.fill(&mut salt)?;
            salts.push(salt);
        }
        let old = self.me.replace(me);
        let result = (|| {
            let judge = self.judge()?;
            let tx = self.begin()?;
            self.me()?.save(&tx)?;
            tx.execute(NOT_SENT_AGAIN, [])?;
            for tenant in &tenants {
                reissue(&judge, &tx, tenant, &mut salts, &mut renamed)?;
            }
            tx.commit()?;
            Ok(())
        })();
        if result.is_err() {
            self.me = old;
        }
        result.map(|()| renamed)
    }

    /// How many ops a new device issues again.
    fn to_issue_again(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .db
            .prepare_cached(
                "SELECT count(*) FROM outbox
                 WHERE state = 'pending' OR (resend = 1 AND state IN ('receipted', 'held'))",
            )?
            .query_row([], |row| row.get(0))?;
        Ok(uint(count))
    }
}

/// What was to be sent again under the name of a former device can be no more: work that counts waits, to
/// be issued again.
const NOT_SENT_AGAIN: &str = "UPDATE outbox SET resend = 0,
        state = CASE WHEN state IN ('receipted', 'held') THEN 'pending' ELSE state END
     WHERE resend = 1";

/// Issues again what is pending under a former device.
pub(crate) fn reissue(
    judge: &Judge<'_>,
    db: &Connection,
    tenant: &TenantId,
    salts: &mut Vec<[u8; 16]>,
    renamed: &mut BTreeMap<OpId, OpId>,
) -> Result<(), StoreError> {
    let mut work = Work::new(db, tenant);
    undo_pending(db, &mut work, tenant)?;
    let device = &judge.identity.device;
    let mut number = crate::journals::last_number(db, tenant, device)?.unwrap_or(0);
    for row in crate::pending::pending(db, tenant)? {
        let op = row.sealed.open()?;
        let answered =
            state_of(db, &op.header.op)?.is_some_and(|known| known.state == OutboxState::Receipted);
        if answered || op.header.op.device == *device {
            continue;
        }
        number += 1;
        let id = OpId { tenant: tenant.clone(), device: device.clone(), device_seq: number };
        let at: String =
            db.query_row("SELECT written_at FROM outbox WHERE id = ?1", [row.id], |r| r.get(0))?;
        let salt = salts.pop().ok_or(StoreError::Busy)?;
        let sealed = renamed_op(&op, &id, renamed, salt)?;
        crate::write::insert(db, &id, &sealed, time(&at)?, None)?;
        let outcome = to_json(&Outcome::Duplicate { of: id.clone() })?;
        db.prepare_cached(
            "UPDATE outbox SET state = 'closed', outcome = ?2, effects = NULL, before = NULL WHERE id = ?1",
        )?
        .execute(params![row.id, outcome])?;
        renamed.insert(op.header.op, id);
    }
    crate::journals::set_last_number(db, tenant, device, number)?;
    redo_pending(judge, &mut work, tenant)?;
    work.flush()?;
    bump(db, tenant)
}

/// The same op under a new name, with the names of its fellows replaced.
fn renamed_op(
    op: &cairn_domain::Op,
    id: &OpId,
    renamed: &BTreeMap<OpId, OpId>,
    salt: [u8; 16],
) -> Result<SealedOp, StoreError> {
    let rename = |old: &OpId| renamed.get(old).unwrap_or(old).clone();
    let mut header = op.header.clone();
    let mut body = op.body.clone();
    header.op = id.clone();
    header.reissues = Some(op.hash);
    if let Some(named) = body.change.names_mut() {
        *named = rename(named);
    }
    body.base = op
        .body
        .base
        .iter()
        .map(|(key, ops)| (rename_key(key, &rename), ops.iter().map(rename).collect()))
        .collect::<Base>();
    Ok(SealedOp::seal(&header, &body, salt)?)
}

fn rename_key(key: &cairn_domain::CellKey, rename: &impl Fn(&OpId) -> OpId) -> cairn_domain::CellKey {
    let entity = match &key.entity {
        Entity::Blocker(op) => Entity::Blocker(rename(op)),
        Entity::Import(op) => Entity::Import(rename(op)),
        other => other.clone(),
    };
    cairn_domain::CellKey { entity, field: key.field.clone() }
}
