//! Local writes: one SQLite transaction each, saved when it returns.

use std::collections::BTreeMap;

use cairn_domain::cell::Cells;
use cairn_domain::change::StatusValue;
use cairn_domain::decide::Refusal;
use cairn_domain::effect::Effects;
use cairn_domain::op::{Body, Header, MAX_BASE, MAX_BODY, OP_VERSION};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::undo::{self, write_back};
use cairn_domain::{Cell, CellKey, Change, Entity, Hash, Op, OpId, SealedOp, TenantId, Time, playbook};
use rusqlite::{Connection, params};

use crate::cells::Work;
use crate::journals::{Journal, bump, last_number, set_last_number};
use crate::pending::{Judge, apply_own, images_json, lean};
use crate::revert::Run;
use crate::sql::{Blob, int};
use crate::{Store, StoreError};

/// For each cell, the ops whose values its author saw.
pub type Base = BTreeMap<CellKey, Vec<OpId>>;

/// What somebody wants to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The change.
    pub change: Change,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// What the author saw in the cells it writes; none for the values that survive now.
    pub base: Option<Base>,
}

impl Draft {
    /// A draft over what is there now, without a reason.
    pub fn new(change: Change) -> Self {
        Self { change, reason: None, base: None }
    }
}

/// What was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The op.
    pub op: OpId,
    /// The hash of its bytes.
    pub hash: Hash,
    /// What it does here until the service's answer is pulled.
    pub effects: Effects,
}

/// What resolving a conflict takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// The value that this op wrote.
    Take(OpId),
    /// Another value: an ordinary write that has seen all of them.
    Write(Change),
}

impl Store {
    /// Saves a change: the op into the outbox and its effects on the cells, in one transaction.
    ///
    /// # Errors
    /// The rules' refusal (nothing is written then); `not_enrolled`, `unknown_tenant`, `disk_full`.
    pub fn write(&mut self, tenant: &TenantId, draft: Draft, now: Time) -> Result<Written, StoreError> {
        self.compose(tenant, now, |_, _| Ok((draft, None)))
    }

    /// Takes an op back by an ordinary write of what it replaced.
    ///
    /// # Errors
    /// `unknown_op`; `built_on`, `nothing_to_undo`, `replaced_several` of [`undo::plan`].
    pub fn undo(&mut self, op: &OpId, now: Time) -> Result<Written, StoreError> {
        self.compose(&op.tenant, now, |db, work| {
            let did = crate::history::did(db, op)?.ok_or_else(|| StoreError::UnknownOp(op.clone()))?;
            let keys: Vec<CellKey> = did.iter().map(|d| d.cell.clone()).collect();
            let plan = undo::plan(op, &did, &work.copy(&keys)?)?;
            Ok((Draft { change: plan.change, reason: None, base: Some(plan.base) }, None))
        })
    }

    /// Saves several changes in one transaction, each decided by itself: what is refused keeps
    /// nothing else from being saved. Answers in the order of the drafts.
    ///
    /// # Errors
    /// `not_enrolled`, `unknown_tenant`, `disk_full`; nothing is written then.
    pub fn write_many(
        &mut self,
        tenant: &TenantId,
        drafts: Vec<Draft>,
        now: Time,
    ) -> Result<Vec<Decided>, StoreError> {
        self.transact(tenant, now, drafts.len(), |composer| {
            let each = drafts.into_iter().map(|draft| only_refusals(composer.write(draft, None)));
            Ok((each.collect::<Result<_, _>>()?, Run::Keep))
        })
    }

    /// Settles a conflict: writes one value with all surviving ones as its base.
    ///
    /// # Errors
    /// `no_conflict`, `unknown_value` where the op's value does not survive; the rules' refusal.
    pub fn resolve(
        &mut self,
        tenant: &TenantId,
        key: &CellKey,
        resolution: Resolution,
        reason: Option<String>,
        now: Time,
    ) -> Result<Written, StoreError> {
        self.compose(tenant, now, |_, work| Ok((settled(work, key, resolution, reason)?, None)))
    }

    /// Settles several conflicts of a tenant in one transaction, each by taking the value that an op
    /// wrote. Answers in the order of the choices, each as [`Store::resolve`] would.
    ///
    /// # Errors
    /// `not_enrolled`, `unknown_tenant`, `disk_full`; nothing is written then.
    pub fn resolve_many(
        &mut self,
        tenant: &TenantId,
        choices: Vec<(CellKey, OpId)>,
        now: Time,
    ) -> Result<Vec<Decided>, StoreError> {
        self.transact(tenant, now, choices.len(), |composer| {
            let each = choices.into_iter().map(|(key, op)| {
                let draft = settled(&mut composer.work, &key, Resolution::Take(op), None);
                only_refusals(draft.and_then(|draft| composer.write(draft, None)))
            });
            Ok((each.collect::<Result<_, _>>()?, Run::Keep))
        })
    }

    /// Opens a transaction, lets `plan` say what to write (and which bytes it issues again), writes
    /// it and commits.
    pub(crate) fn compose(
        &mut self,
        tenant: &TenantId,
        now: Time,
        plan: impl FnOnce(&Connection, &mut Work<'_>) -> Result<(Draft, Option<Hash>), StoreError>,
    ) -> Result<Written, StoreError> {
        self.transact(tenant, now, 1, |composer| {
            let (draft, reissues) = plan(composer.db, &mut composer.work)?;
            let written = composer.write(draft, reissues)?;
            let lost = planted(Bug::AcknowledgedEarly) && written.op.device_seq % 8 == 0;
            Ok((written, if lost { Run::Try } else { Run::Keep }))
        })
    }

    /// Opens a transaction for at most `most` writes in a tenant and lets `make` write; commits
    /// where it says so.
    pub(crate) fn transact<T>(
        &mut self,
        tenant: &TenantId,
        now: Time,
        most: usize,
        make: impl FnOnce(&mut Composer<'_>) -> Result<(T, Run), StoreError>,
    ) -> Result<T, StoreError> {
        // Drawn beforehand, because the transaction borrows the store.
        let mut salts = vec![[0; 16]; most];
        for salt in &mut salts {
            self.entropy.fill(salt)?;
        }
        self.refresh_identity()?;
        let judge = self.judge()?;
        let tx = self.begin()?;
        if !self.me()?.is_current(&tx)? {
            // Another process enrolled a new device just now; numbers go under that one.
            return Err(StoreError::Busy);
        }
        let work = Work::new(&tx, tenant);
        let mut composer = Composer { judge: &judge, db: &tx, tenant, now, salts: salts.into_iter(), work };
        let (made, run) = make(&mut composer)?;
        if run == Run::Keep {
            tx.commit()?;
        }
        Ok(made)
    }
}

/// What became of one of several writes: saved, or refused by the rules.
pub type Decided = Result<Written, StoreError>;

/// A refusal is an answer; anything else ends the whole run.
pub(crate) fn only_refusals(written: Decided) -> Result<Decided, StoreError> {
    match written {
        Ok(written) => Ok(Ok(written)),
        Err(refused @ StoreError::Refused(_)) => Ok(Err(refused)),
        Err(fault) => Err(fault),
    }
}

/// The write that settles a conflict.
fn settled(
    work: &mut Work<'_>,
    key: &CellKey,
    resolution: Resolution,
    reason: Option<String>,
) -> Result<Draft, StoreError> {
    let cell = work.get(key)?.filter(|c| c.is_conflict());
    let cell = cell.ok_or_else(|| Refusal::new("no_conflict", "There is no conflict here any more."))?;
    let change = match resolution {
        Resolution::Write(change) => change,
        Resolution::Take(op) => take(key, cell, &op)?,
    };
    let base = Base::from([(key.clone(), cell.base())]);
    Ok(Draft { change, reason, base: Some(base) })
}

fn take(key: &CellKey, cell: &Cell, op: &OpId) -> Result<Change, Refusal> {
    let kept = cell
        .values
        .get(op)
        .ok_or_else(|| Refusal::new("unknown_value", "That value is not there any more."))?;
    let mut value = kept.value.clone();
    // The blocker is the rules' business: a write of blocked keeps the oldest one by itself.
    if let Some(mut status) = StatusValue::read(&value) {
        status.blocker = None;
        value = serde_json::json!(status);
    }
    write_back(key, value)
        .ok_or_else(|| Refusal::new("cannot_resolve", "This field cannot be written by hand."))
}

/// Makes ops inside an open transaction.
pub(crate) struct Composer<'a> {
    judge: &'a Judge<'a>,
    pub db: &'a Connection,
    tenant: &'a TenantId,
    now: Time,
    /// One for each write.
    salts: std::vec::IntoIter<[u8; 16]>,
    pub work: Work<'a>,
}

impl Composer<'_> {
    /// Decides and saves one op. A refused one leaves nothing behind.
    pub fn write(&mut self, draft: Draft, reissues: Option<Hash>) -> Result<Written, StoreError> {
        let journal = Journal::require(self.db, self.tenant)?;
        let device = &self.judge.identity.device;
        let device_seq = last_number(self.db, self.tenant, device)?.unwrap_or(0) + 1;
        let id = OpId { tenant: self.tenant.clone(), device: device.clone(), device_seq };
        let header =
            Header { v: OP_VERSION, op: id, audience: draft.change.audience(), seen: journal.seen, reissues };
        let body = Body {
            actor: self.judge.identity.account.clone(),
            acting_under: None,
            reason: draft.reason,
            at: self.now,
            base: Base::new(),
            change: draft.change,
        };
        let mut op = Op { header, body, hash: Hash::ZERO };
        op.body.base = match draft.base {
            Some(base) => base,
            None => self.default_base(&op)?,
        };
        let effects = self.judge.decide(&mut self.work, &op)??;
        self.save(op, effects)
    }

    /// The values that survive now in the cells the change writes.
    fn default_base(&mut self, op: &Op) -> Result<Base, StoreError> {
        let unseeing = self.judge.decide(&mut self.work, op)??;
        let mut base = Base::new();
        for key in unseeing.cells() {
            if let Some(cell) = self.work.get(key)?.filter(|c| !c.values.is_empty()) {
                base.insert(key.clone(), cell.base());
            }
        }
        if let Change::ProjectUpgraded { source, .. } = &op.body.change {
            base.extend(removed_by_upgrade(self.work.load_all()?, op, source));
        }
        Ok(base)
    }

    fn save(&mut self, op: Op, effects: Effects) -> Result<Written, StoreError> {
        let salt = self.salts.next().ok_or(StoreError::Busy)?;
        let sealed = SealedOp::seal(&op.header, &op.body, salt)?;
        let seen: usize = op.body.base.values().map(Vec::len).sum();
        if sealed.body.len() > MAX_BODY || seen > MAX_BASE {
            return Err(Refusal::new("too_large", "The change is too large for one operation.").into());
        }
        let before = apply_own(self.db, &mut self.work, &op, &effects)?;
        self.work.flush()?;
        let id = op.header.op;
        insert(self.db, &id, &sealed, self.now, Some((&lean(&effects)?, &images_json(&before)?)))?;
        if !planted(Bug::NumberReused) || !id.device_seq.is_multiple_of(8) {
            set_last_number(self.db, self.tenant, &id.device, id.device_seq)?;
        }
        bump(self.db, self.tenant)?;
        Ok(Written { op: id, hash: sealed.hash(), effects })
    }
}

/// Puts an op at the end of the outbox.
pub(crate) fn insert(
    db: &Connection,
    id: &OpId,
    sealed: &SealedOp,
    now: Time,
    applied: Option<(&str, &str)>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO outbox (tenant, device, device_seq, header, salt, body, hash, state, effects, before, written_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?9, ?10)",
    )?
    .execute(params![
        id.tenant.as_str(),
        id.device.as_str(),
        int(id.device_seq),
        sealed.header,
        sealed.salt,
        sealed.body,
        Blob(sealed.hash()),
        applied.map(|a| a.0),
        applied.map(|a| a.1),
        now.to_rfc3339(),
    ])?;
    Ok(())
}

/// The cells of items and steps that an upgrade removes, with the values its author sees.
fn removed_by_upgrade(cells: &Cells, op: &Op, source: &str) -> Base {
    let Change::ProjectUpgraded { project, .. } = &op.body.change else { return Base::new() };
    let Ok(next) = playbook::parse(source) else { return Base::new() };
    let gone = |key: &CellKey| match &key.entity {
        Entity::Item(p, item) => p == project && next.item(item).is_none(),
        Entity::Step(p, step) => p == project && next.step(step).is_none(),
        _ => false,
    };
    cells
        .iter()
        .filter(|(key, cell)| gone(key) && cell.values.values().any(|kept| !kept.value.is_null()))
        .map(|(key, cell)| (key.clone(), cell.base()))
        .collect()
}
