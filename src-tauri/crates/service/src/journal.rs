//! Receiving ops into one journal: the only place that gives sequence numbers.
//!
//! A [`Journal`] lives inside one write transaction, so the counter stays locked from the first op
//! of a run to the last. It answers every op with a receipt, refusals included.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::{Cells, field};
use cairn_domain::decide::{self, Context, Lineage, Refusal, Slice, Standing};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{self, Effects};
use cairn_domain::import::{self, Import};
use cairn_domain::journal::{BodyBytes, EffectSalts, Entry, EntryOrigin, Outcome, Part, Receipt};
use cairn_domain::op::{self, BadOp, Body, Header, OP_VERSION, Op, SealedOp, Seen};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{AccountId, Cell, CellKey, Change, Hash, OpId, TenantId, Time};
use ed25519_dalek::SigningKey;
use rand::RngCore;

use crate::error::{Error, Result};
use crate::org::{self, Caller};
use crate::playbooks::Playbooks;
use crate::storage::{EntryRow, HeldRow, JournalRow, JournalState, ReceiptRow, RunRow, TenantTx};

/// How far a chain of reissued ops is followed.
const MAX_REISSUES: usize = 32;

/// What judging needs beside the journal itself.
pub struct Desk<'a> {
    /// The access table.
    pub table: &'a Table,
    /// Playbooks read before.
    pub playbooks: &'a Playbooks,
    /// The service's clock, whole milliseconds.
    pub now: Time,
    /// Roles of the authors of held ops, for adoption.
    pub roles: &'a BTreeMap<AccountId, Role>,
}

/// A device that writes ops of its own: the service's, or a seeded one.
pub struct Pen<'a> {
    /// Its key.
    pub key: &'a SigningKey,
    /// Who writes.
    pub author: &'a Caller,
    /// The author's clock.
    pub at: Time,
}

/// One journal inside a write transaction.
pub struct Journal<'t> {
    tx: &'t mut dyn TenantTx,
    tenant: TenantId,
    row: JournalRow,
    digests: Digests,
    cells: BTreeMap<CellKey, Option<Cell>>,
    dirty: BTreeSet<CellKey>,
}

impl<'t> Journal<'t> {
    /// Opens a journal; none where it has not begun.
    pub fn open(tx: &'t mut dyn TenantTx, tenant: &TenantId) -> Result<Option<Self>> {
        let Some(row) = tx.journal()? else { return Ok(None) };
        Ok(Some(Self::with_row(tx, tenant, row)))
    }

    /// Begins a journal with salts of its own.
    pub fn create(tx: &'t mut dyn TenantTx, tenant: &TenantId, random: &mut dyn RngCore) -> Result<Self> {
        let salts = EffectSalts { client: random_hex(random), team: Some(random_hex(random)) };
        let zero = Digests::default();
        let state = JournalState {
            salts,
            client: zero.client.to_hash(),
            team: zero.team.to_hash(),
            restored_from: None,
        };
        let row = JournalRow { seen: Seen::default(), held: 0, state };
        tx.put_journal(&row)?;
        Ok(Self::with_row(tx, tenant, row))
    }

    fn with_row(tx: &'t mut dyn TenantTx, tenant: &TenantId, row: JournalRow) -> Self {
        let digests = row.state.digests();
        Self { tx, tenant: tenant.clone(), row, digests, cells: BTreeMap::new(), dirty: BTreeSet::new() }
    }

    /// Stores what has changed. Without this call the transaction's work is incomplete.
    pub fn finish(mut self) -> Result<JournalRow> {
        let cells = std::mem::take(&mut self.cells);
        let changed: Vec<(CellKey, Option<Cell>)> =
            cells.into_iter().filter(|(key, _)| self.dirty.contains(key)).collect();
        self.tx.put_cells(&changed)?;
        self.row.state.client = self.digests.client.to_hash();
        self.row.state.team = self.digests.team.to_hash();
        if planted(Bug::CounterNotKept) && self.row.seen.seq.is_multiple_of(16) {
            self.row.seen.seq -= 1;
        }
        self.tx.put_journal(&self.row)?;
        Ok(self.row)
    }

    /// Where the journal stands now.
    pub fn seen(&self) -> Seen {
        self.row.seen
    }

    /// Whose journal it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The transaction, for steps beside the journal.
    pub fn tx(&mut self) -> &mut dyn TenantTx {
        self.tx
    }

    /// Whether `seen` is a place of this journal. After a restore an author may have seen a history
    /// that was lost beyond that point; such a place cannot be checked and is let through.
    pub fn witnesses(&mut self, seen: Seen) -> Result<bool> {
        let known = if seen.seq == 0 {
            seen.head == Hash::ZERO
        } else if seen.seq == self.row.seen.seq {
            seen.head == self.row.seen.head
        } else {
            self.tx.heads(&[seen.seq])?.first().is_some_and(|ours| ours.head == seen.head)
        };
        Ok(known || self.row.state.restored_from.is_some_and(|from| seen.seq > from))
    }

    /// Whether numbers may be missing before a pushed op: those of ops lost with a restore.
    pub fn allows_gaps(&self) -> bool {
        self.row.state.restored_from.is_some()
    }

    /// Notes that the service went on from `from` after a restore.
    pub fn mark_restored(&mut self, from: u64) {
        self.row.state.restored_from = Some(self.row.state.restored_from.map_or(from, |old| old.min(from)));
    }

    /// Answers one op, whose name, number and signature the caller has checked.
    ///
    /// # Errors
    /// Only faults of the storage; whatever is wrong with the op is in its receipt.
    pub fn receive(
        &mut self,
        desk: &Desk<'_>,
        sealed: &SealedOp,
        author: &Caller,
        origin: EntryOrigin,
    ) -> Result<Receipt> {
        self.receive_opened(desk, (sealed, sealed.open()), author, origin)
    }

    /// [`Journal::receive`] for whoever has opened the op.
    ///
    /// # Errors
    /// As there.
    pub fn receive_opened(
        &mut self,
        desk: &Desk<'_>,
        (sealed, opened): (&SealedOp, std::result::Result<Op, BadOp>),
        author: &Caller,
        origin: EntryOrigin,
    ) -> Result<Receipt> {
        let op = match self.read_op(sealed, opened, author)? {
            Ok(op) => op,
            Err(receipt) => return Ok(receipt),
        };
        if let Some(why) =
            author.held_in(&self.tenant, desk.table).filter(|_| !planted(Bug::StrangerAccepted))
        {
            return self.hold(desk, &op, sealed, why);
        }
        let standing = author.standing(&self.tenant, &op.body.change);
        self.judge(desk, &op, sealed, standing, origin)
    }

    /// Answers one op that came in a file, whose name and signature the caller has checked: whoever
    /// wrote it, a manager decides.
    ///
    /// # Errors
    /// As [`Journal::receive`].
    pub fn import(&mut self, desk: &Desk<'_>, sealed: &SealedOp, author: &Caller) -> Result<Receipt> {
        match self.read_op(sealed, sealed.open(), author)? {
            Ok(op) => self.hold(desk, &op, sealed, "imported"),
            Err(receipt) => Ok(receipt),
        }
    }

    /// Reads an op, or answers it at once where it is unreadable, not its author's or there already.
    fn read_op(
        &mut self,
        sealed: &SealedOp,
        opened: std::result::Result<Op, BadOp>,
        author: &Caller,
    ) -> Result<std::result::Result<Op, Receipt>> {
        let op = match opened {
            Ok(op) => op,
            Err(bad) => {
                let refusal = Refusal::new("bad_op", format!("The op cannot be read: {bad}."));
                let outcome = Outcome::Refused { refusal };
                return self.close(&sealed.header()?, sealed.hash(), BTreeMap::new(), outcome).map(Err);
            }
        };
        if op.body.actor != author.account {
            let refusal =
                Refusal::new("wrong_actor", "The op names another author than its device belongs to.");
            return self.close_op(&op, Outcome::Refused { refusal }).map(Err);
        }
        if let Some(of) = self.duplicate(&op)? {
            self.tx.put_standing(op.hash, &of)?;
            return self.close_op(&op, Outcome::Duplicate { of }).map(Err);
        }
        Ok(Ok(op))
    }

    /// Puts an op on the held list with a reason of the caller's.
    pub fn hold(&mut self, desk: &Desk<'_>, op: &Op, sealed: &SealedOp, why: &str) -> Result<Receipt> {
        let row = HeldRow {
            op: op.header.op.clone(),
            sealed: sealed.clone(),
            author: op.body.actor.clone(),
            received_at: desk.now,
            why: why.to_owned(),
        };
        if !planted(Bug::HeldNotListed) {
            self.tx.put_held(&row)?;
        }
        self.row.held += 1;
        self.close_op(op, Outcome::Held)
    }

    fn judge(
        &mut self,
        desk: &Desk<'_>,
        op: &Op,
        sealed: &SealedOp,
        standing: Standing,
        origin: EntryOrigin,
    ) -> Result<Receipt> {
        let followed = decide::follow_duplicate(op, |id| self.duplicate_of(id))?;
        let decided = followed.as_ref().unwrap_or(op);
        let slice = self.load(desk, decided)?;
        let ctx = Context { table: desk.table, standing, seq: Some(self.row.seen.seq + 1) };
        // Rights first: whoever may not do it learns nothing else.
        let judged = match (decide::decide(&slice, decided, &ctx), origin == EntryOrigin::Pushed) {
            (Ok(effects), true) => match self.assigns_what_is_there(op, standing)? {
                Ok(()) => self.rolls_back_in_time(op, desk.now)?.map(|()| effects),
                Err(refusal) => Err(refusal),
            },
            (Ok(_), false) if origin == EntryOrigin::Offered && makes_a_revision(&op.body.change) => {
                Err(carried_out_again())
            }
            (judged, _) => judged,
        };
        let judged = match judged {
            Ok(effects) => self.held_rules(op)?.map(|held| (effects, held)),
            Err(refusal) => Err(refusal),
        };
        match judged {
            Err(refusal) => self.close_op(op, Outcome::Refused { refusal }),
            Ok((effects, held)) => {
                let receipt = self.accept(desk, op, sealed, &effects, origin)?;
                if let Some(held) = held {
                    self.settle(desk, op, &held)?;
                }
                Ok(receipt)
            }
        }
    }

    /// A person assigns accounts and tenants that exist. The service's own commands have looked; an
    /// offered assignment was judged before a restore lost what it names.
    fn assigns_what_is_there(
        &mut self,
        op: &Op,
        standing: Standing,
    ) -> Result<std::result::Result<(), Refusal>> {
        let Change::AssignmentSet { account, tenant, .. } = &op.body.change else { return Ok(Ok(())) };
        if standing == Standing::Service {
            return Ok(Ok(()));
        }
        if org::account(self.tx, account)?.is_none() {
            return Ok(Err(Refusal::new("unknown_account", format!("There is no account '{account}'."))));
        }
        if !org::tenants(self.tx)?.iter().any(|(_, id)| id == tenant) {
            return Ok(Err(Refusal::new("unknown_tenant", format!("There is no tenant '{tenant}'."))));
        }
        Ok(Ok(()))
    }

    /// An import is taken back within its days, by the service's clock at receipt.
    fn rolls_back_in_time(&mut self, op: &Op, now: Time) -> Result<std::result::Result<(), Refusal>> {
        let Change::ImportRollbackRequested { import } = &op.body.change else { return Ok(Ok(())) };
        let keys = [field::REQUESTED, field::OUTCOME].map(|field| import::key(import, field));
        let cells = self.take(keys.iter())?;
        let until = Import::read(&cells, import).and_then(|import| Some(import.committed()?.rollback_until));
        let Some(until) = until.filter(|until| *until < now) else { return Ok(Ok(())) };
        let mut refusal = Refusal::new(
            "rollback_too_late",
            format!(
                "An import can be taken back for {} days; for this one that ended on {}. Import a corrected set instead.",
                import::ROLLBACK_DAYS,
                until.format("%Y-%m-%d %H:%M UTC")
            ),
        );
        refusal.details = serde_json::json!({ "until": until });
        Ok(Err(refusal))
    }

    /// The held op that this op decides about, if it is one that does.
    fn held_rules(&mut self, op: &Op) -> Result<std::result::Result<Option<HeldRow>, Refusal>> {
        let (wanted, adopting) = match &op.body.change {
            Change::HeldAdopted { op } => (op, true),
            Change::HeldDiscarded { op } => (op, false),
            _ => return Ok(Ok(None)),
        };
        let list = self.tx.held()?;
        let Some(held) = list.iter().find(|h| h.op == *wanted) else {
            let message = "It is not on the held list. Somebody has adopted or discarded it already.";
            let mut refusal = Refusal::new("not_held", message);
            refusal.details = serde_json::json!({ "op": wanted });
            return Ok(Err(refusal));
        };
        let earlier =
            list.iter().find(|h| h.op.device == wanted.device && h.op.device_seq < wanted.device_seq);
        if let Some(earlier) = earlier.filter(|_| adopting) {
            let mut refusal = Refusal::new(
                "adopt_in_order",
                format!("Decide about '{}' first: it came before.", earlier.op),
            );
            refusal.details = serde_json::json!({ "first": earlier.op });
            return Ok(Err(refusal));
        }
        Ok(Ok(Some(held.clone())))
    }

    /// Carries out a manager's decision about a held op.
    fn settle(&mut self, desk: &Desk<'_>, by: &Op, held: &HeldRow) -> Result<()> {
        self.tx.remove_held(&held.op)?;
        self.row.held = self.row.held.saturating_sub(1);
        let op = held.sealed.open()?;
        let by_id = by.header.op.clone();
        if matches!(by.body.change, Change::HeldDiscarded { .. }) {
            return self.close_op(&op, Outcome::Discarded { by: by_id }).map(drop);
        }
        if let Some(of) = self.duplicate(&op)? {
            return self.close_op(&op, Outcome::Duplicate { of }).map(drop);
        }
        let Some(role) = desk.roles.get(&held.author) else {
            let refusal = Refusal::new("unknown_account", "The author's account is not known.");
            return self.close_op(&op, Outcome::Refused { refusal }).map(drop);
        };
        // The manager vouches for the tenant; the author's role still limits what can be adopted.
        let standing = Standing::Person { role: *role, relation: Relation::Assigned };
        self.judge(desk, &op, &held.sealed, standing, EntryOrigin::Adopted(by_id)).map(drop)
    }

    fn accept(
        &mut self,
        desk: &Desk<'_>,
        op: &Op,
        sealed: &SealedOp,
        effects: &Effects,
        origin: EntryOrigin,
    ) -> Result<Receipt> {
        let seq = self.row.seen.seq + 1;
        let entry = Entry {
            seq,
            received_at: desk.now,
            origin,
            header: sealed.header.clone(),
            body: Part::Open(BodyBytes { salt: sealed.salt.clone(), body: sealed.body.clone() }),
            client: Part::Open(serde_json::to_string(&effects.client)?),
            team: Part::Open(serde_json::to_string(&effects.team)?),
        };
        let head = entry.link_op(op.hash, self.row.seen.head, &self.row.state.salts)?;
        self.project(op, effects)?;
        for (digest, source) in effect::kept_playbooks(effects) {
            self.tx.keep_playbook(digest, source)?;
        }
        self.tx.append(&[EntryRow { op: op.header.op.clone(), head, entry }])?;
        self.row.seen = Seen { seq, head };
        if let Change::ServiceRestored { seq, .. } = &op.body.change {
            self.mark_restored(*seq);
        }
        self.note_reissued(op)?;
        self.close_op(op, Outcome::Accepted { seq })
    }

    fn project(&mut self, op: &Op, effects: &Effects) -> Result<()> {
        let keys: BTreeSet<CellKey> = effects.cells().cloned().collect();
        let before = self.take(keys.iter())?;
        let mut after = before.clone();
        let origin = effect::Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at };
        effect::project_all(&mut after, origin, effects);
        for key in keys {
            let now = after.remove(&key);
            self.digests.update(&key, before.get(&key), now.as_ref());
            self.cells.insert(key.clone(), now);
            self.dirty.insert(key);
        }
        Ok(())
    }

    /// The named cells as they are now, loading those not seen yet.
    fn take<'k>(&mut self, keys: impl Iterator<Item = &'k CellKey> + Clone) -> Result<Cells> {
        let missing: Vec<CellKey> = keys.clone().filter(|k| !self.cells.contains_key(*k)).cloned().collect();
        if !missing.is_empty() {
            let mut loaded = self.tx.cells(&missing)?;
            for key in missing {
                let cell = loaded.remove(&key);
                self.cells.insert(key, cell);
            }
        }
        Ok(keys.filter_map(|k| Some((k.clone(), self.cells.get(k)?.clone()?))).collect())
    }

    fn load(&mut self, desk: &Desk<'_>, op: &Op) -> Result<Slice> {
        let touches = decide::touches(op);
        let mut slice = Slice { cells: self.take(touches.cells.iter())?, ..Slice::default() };
        if let Some(project) = &touches.project {
            slice.playbooks = self.project_playbooks(desk, project)?;
        }
        loop {
            let missing = decide::missing_lineage(op, &slice);
            if missing.is_empty() {
                return Ok(slice);
            }
            for id in missing {
                let lineage = self.lineage(&id)?;
                slice.lineage.insert(id, lineage);
            }
        }
    }

    fn project_playbooks(
        &mut self,
        desk: &Desk<'_>,
        project: &cairn_domain::ProjectId,
    ) -> Result<Vec<Arc<cairn_domain::playbook::Playbook>>> {
        use cairn_domain::cell::field::PLAYBOOK;
        let key = CellKey::new(cairn_domain::Entity::Project(project.clone()), PLAYBOOK);
        let cells = self.take(std::iter::once(&key))?;
        let values = cells.get(&key).into_iter().flat_map(|cell| cell.values.values());
        let mut out = Vec::new();
        for kept in values {
            let named: Option<cairn_domain::change::PlaybookRef> =
                serde_json::from_value(kept.value.clone()).ok();
            if let Some(named) = named
                && let Some(playbook) =
                    desk.playbooks.get(&named.digest, || self.tx.playbook(&named.digest))?
            {
                out.push(playbook);
            }
        }
        Ok(out)
    }

    fn lineage(&mut self, id: &OpId) -> Result<Lineage> {
        let Some(row) = self.tx.receipts(&id.device, id.device_seq, 1)?.pop() else {
            return Ok(Lineage::Unknown);
        };
        let mut followed = |base| decide::follow_base(base, |id| self.duplicate_of(id));
        Ok(match row.receipt.outcome {
            Outcome::Accepted { .. } => Lineage::Accepted,
            Outcome::Refused { .. } | Outcome::Discarded { .. } => Lineage::Refused(followed(row.base)?),
            Outcome::Held => Lineage::Held(followed(row.base)?),
            Outcome::Duplicate { of } => Lineage::Duplicate { of, base: followed(row.base)? },
        })
    }

    fn duplicate_of(&mut self, id: &OpId) -> Result<Option<OpId>> {
        let row = self.tx.receipts(&id.device, id.device_seq, 1)?.pop();
        Ok(row.and_then(|row| row.receipt.outcome.duplicate_of().cloned()))
    }

    /// The op under which these bytes, or those they issue again, already stand in the journal.
    fn duplicate(&mut self, op: &Op) -> Result<Option<OpId>> {
        let again = op.header.reissues.filter(|_| !planted(Bug::ReissuedTwice));
        for hash in [Some(op.hash), again].into_iter().flatten() {
            if let Some(of) = self.tx.standing(hash)? {
                return Ok(Some(of));
            }
            // What was accepted stands under its own name; its receipt says so.
            let receipt = self.tx.receipt_by_hash(hash)?.map(|row| row.receipt);
            if let Some(Receipt { op, outcome: Outcome::Accepted { .. }, .. }) = receipt {
                return Ok(Some(op));
            }
        }
        Ok(None)
    }

    /// Notes all that the op's bytes issue again, through ops refused or held in between.
    fn note_reissued(&mut self, op: &Op) -> Result<()> {
        let mut next = op.header.reissues;
        for _ in 0..MAX_REISSUES {
            let Some(hash) = next else { break };
            self.tx.put_standing(hash, &op.header.op)?;
            next = self.tx.receipt_by_hash(hash)?.and_then(|row| row.reissues);
        }
        Ok(())
    }

    fn close_op(&mut self, op: &Op, outcome: Outcome) -> Result<Receipt> {
        let kept = match outcome {
            Outcome::Accepted { .. } => BTreeMap::new(),
            _ => op.body.base.clone(),
        };
        self.close(&op.header, op.hash, kept, outcome)
    }

    /// Stores a receipt for ever.
    fn close(
        &mut self,
        header: &Header,
        hash: Hash,
        base: BTreeMap<CellKey, Vec<OpId>>,
        outcome: Outcome,
    ) -> Result<Receipt> {
        let receipt = Receipt { op: header.op.clone(), hash, outcome };
        if planted(Bug::RefusalNotKept) && matches!(receipt.outcome, Outcome::Refused { .. }) {
            return Ok(receipt);
        }
        self.tx.put_receipts(&[ReceiptRow { receipt: receipt.clone(), reissues: header.reissues, base }])?;
        Ok(receipt)
    }

    /// Writes an op with a pen of the service's side, having seen everything there is.
    ///
    /// # Errors
    /// The refusal as an answer where the rules refuse it, and faults of the storage.
    pub fn write(
        &mut self,
        desk: &Desk<'_>,
        pen: &Pen<'_>,
        change: Change,
        random: &mut dyn RngCore,
    ) -> Result<Receipt> {
        let sealed = self.compose(desk, pen, change, random)?;
        let header = sealed.header()?;
        let run =
            op::sign_run(pen.key, &self.tenant, &header.op.device, header.op.device_seq, &[sealed.hash()]);
        self.tx.put_run(&header.op.device, &RunRow { run, hashes: vec![sealed.hash()] })?;
        let receipt = self.receive(desk, &sealed, pen.author, EntryOrigin::Pushed)?;
        match receipt.outcome {
            Outcome::Refused { refusal } => Err(Error::Api(refusal.into())),
            _ => Ok(receipt),
        }
    }

    fn compose(
        &mut self,
        desk: &Desk<'_>,
        pen: &Pen<'_>,
        change: Change,
        random: &mut dyn RngCore,
    ) -> Result<SealedOp> {
        let device = pen.author.device.clone();
        let device_seq = self.tx.last_number(&device)? + 1;
        let header = Header {
            v: OP_VERSION,
            op: OpId { tenant: self.tenant.clone(), device, device_seq },
            audience: change.audience(),
            seen: self.row.seen,
            reissues: None,
        };
        let account = pen.author.account.clone();
        let mut body = Body {
            actor: account,
            acting_under: None,
            reason: None,
            at: pen.at,
            base: BTreeMap::new(),
            change,
        };
        let draft = Op { header: header.clone(), body: body.clone(), hash: Hash::ZERO };
        let slice = self.load(desk, &draft)?;
        let standing = pen.author.standing(&self.tenant, &body.change);
        let ctx = Context { table: desk.table, standing, seq: Some(self.row.seen.seq + 1) };
        // The cells it writes, and so its base, follow from a first judgement without base.
        let effects = decide::decide(&slice, &draft, &ctx).map_err(|refusal| Error::Api(refusal.into()))?;
        for key in effects.cells() {
            if let Some(cell) = slice.cells.get(key).filter(|cell| !cell.values.is_empty()) {
                body.base.insert(key.clone(), cell.base());
            }
        }
        Ok(SealedOp::seal(&header, &body, random_bytes(random))?)
    }
}

/// Whether a change is the service's answer that a roster has another revision.
fn makes_a_revision(change: &Change) -> bool {
    matches!(change, Change::ImportCommitted { .. } | Change::ImportRolledBack { .. })
}

/// Why such an answer is not taken from before a restore: its number and digest follow from revisions that
/// others may have taken the place of meanwhile, and its file may not be back.
fn carried_out_again() -> Refusal {
    let message = "The service came back from a backup. It carries the import out again from its file.";
    Refusal::new("carried_out_again", message)
}

/// Random bytes of any length.
pub fn random_bytes<const N: usize>(random: &mut dyn RngCore) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

fn random_hex(random: &mut dyn RngCore) -> String {
    hex::encode(random_bytes::<16>(random))
}
