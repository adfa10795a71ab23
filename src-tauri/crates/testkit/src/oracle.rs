//! Which values must survive, said without cells: an accepted value stays unless the author of some
//! accepted op on the same cell had seen it.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::{Cells, field};
use cairn_domain::effect::Effect;
use cairn_domain::journal::Outcome;
use cairn_domain::op::Op;
use cairn_domain::{CellKey, DeviceId, Entity, Hash, OpId, TenantId};
use cairn_service::Service;
use cairn_service::storage::{JournalRow, Mode, ReceiptRow, with};

use crate::world::Failure;

/// A journal as the service holds it at the end of a run.
pub struct Journal {
    /// Its counter, digests and salts.
    pub row: JournalRow,
    /// Its cells.
    pub cells: Cells,
    tenant: TenantId,
    entries: Vec<(Op, Vec<CellKey>)>,
    receipts: BTreeMap<OpId, ReceiptRow>,
}

impl Journal {
    /// Reads it whole.
    pub fn load(service: &Service, tenant: &TenantId) -> Result<Self, Failure> {
        let devices: BTreeSet<DeviceId> = service.read_org(|tx| {
            let cells = tx.cells_under("device/")?;
            Ok(cells
                .into_keys()
                .filter_map(|key| match key.entity {
                    Entity::Device(id) => Some(id),
                    _ => None,
                })
                .collect())
        })?;
        let (row, cells, rows, receipts) = with(&service.storage, tenant, Mode::Read, |tx| {
            let mut receipts = BTreeMap::new();
            for device in &devices {
                for row in tx.receipts(device, 1, u64::MAX / 4)? {
                    receipts.insert(row.receipt.op.clone(), row);
                }
            }
            Ok((tx.journal()?, tx.cells_under("")?, tx.entries(0, usize::MAX / 4)?, receipts))
        })?;
        let row = row.ok_or_else(|| Failure::new(format!("the service lost {tenant}")))?;
        let mut entries = Vec::new();
        for (expected, row) in (1..).zip(rows) {
            if row.entry.seq != expected {
                return Err(Failure::new(format!("{tenant} has a hole before {}", row.entry.seq)));
            }
            let sealed =
                row.entry.sealed_op().ok_or_else(|| Failure::new("the service cannot read an op"))?;
            let op = sealed.open().map_err(|e| Failure::of("an accepted op", &e))?;
            let effects = row.entry.effects().map_err(|e| Failure::of("effects", &e))?;
            let written = effects.all().filter_map(|e| match e {
                Effect::Write { cell, .. } => Some(cell.clone()),
                _ => None,
            });
            entries.push((op, written.collect()));
        }
        Ok(Self { row, cells, tenant: tenant.clone(), entries, receipts })
    }

    /// The op at a place.
    pub fn op_at(&self, seq: u64) -> Option<&OpId> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.entries.get(place).map(|(op, _)| &op.header.op)
    }

    /// The ops that issue these bytes again, with their hashes.
    pub fn reissues(&self, hash: Hash) -> Vec<(OpId, Hash)> {
        let again = self.receipts.iter().filter(|(_, row)| row.reissues == Some(hash));
        again.map(|(op, row)| (op.clone(), row.receipt.hash)).collect()
    }

    /// Whether the service's own state keeps the promises.
    pub fn check(&self) -> Result<(), Failure> {
        let fail = |what: String| Err(Failure::new(format!("{} at the service: {what}", self.tenant)));
        if self.row.seen.seq != self.entries.len() as u64 {
            return fail(format!("it counts {} and has {} entries", self.row.seen.seq, self.entries.len()));
        }
        let mut standing: BTreeMap<Hash, &OpId> = BTreeMap::new();
        for (op, _) in &self.entries {
            for hash in std::iter::once(op.hash).chain(op.header.reissues) {
                if let Some(twin) = standing.insert(hash, &op.header.op) {
                    return fail(format!("{} stands twice, also as {twin}", op.header.op));
                }
            }
        }
        let expected = self.survivors();
        let actual: BTreeMap<&CellKey, BTreeSet<&OpId>> = self
            .cells
            .iter()
            .filter(|(_, c)| !c.values.is_empty())
            .map(|(k, c)| (k, c.values.keys().collect()))
            .collect();
        // A restore forgets the receipts of refused ops. What later ops inherited from those stays
        // visible then: more than need be, never less.
        let forgot = self.row.state.restored_from.is_some();
        let fits = |key: &CellKey, ops: &BTreeSet<&OpId>| match actual.get(key) {
            Some(held) if forgot => held.is_superset(ops),
            held => held == Some(ops),
        };
        if let Some((key, ops)) = expected.iter().find(|(k, ops)| !fits(k, ops)) {
            return fail(format!("{key} should hold {ops:?} and holds {:?}", actual.get(key)));
        }
        if let Some((key, ops)) = actual.iter().find(|(k, _)| !forgot && !expected.contains_key(*k)) {
            return fail(format!("{key} should hold nothing and holds {ops:?}"));
        }
        self.check_blockers()
    }

    fn survivors(&self) -> BTreeMap<&CellKey, BTreeSet<&OpId>> {
        let mut seen: BTreeMap<&CellKey, BTreeSet<OpId>> = BTreeMap::new();
        for (op, _) in &self.entries {
            for (key, base) in &op.body.base {
                let met = seen.entry(key).or_default();
                self.follow(key, base, met);
            }
        }
        let mut out: BTreeMap<&CellKey, BTreeSet<&OpId>> = BTreeMap::new();
        for (op, written) in &self.entries {
            for key in written {
                if seen.get(key).is_none_or(|met| !met.contains(&op.header.op)) {
                    out.entry(key).or_default().insert(&op.header.op);
                }
            }
        }
        out
    }

    /// What an author named as seen, the author had seen with all that it was built on.
    fn follow(&self, key: &CellKey, base: &[OpId], met: &mut BTreeSet<OpId>) {
        let mut todo: Vec<OpId> = base.to_vec();
        while let Some(id) = todo.pop() {
            if !met.insert(id.clone()) {
                continue;
            }
            let Some(row) = self.receipts.get(&id) else { continue };
            todo.extend(row.base.get(key).into_iter().flatten().cloned());
            if let Outcome::Duplicate { of } = &row.receipt.outcome {
                todo.push(of.clone());
            }
        }
    }

    /// A status is blocked exactly while it carries a blocker, and that blocker was opened.
    fn check_blockers(&self) -> Result<(), Failure> {
        for (key, cell) in self.cells.iter().filter(|(k, _)| k.field == field::STATUS) {
            for kept in cell.values.values() {
                let blocked = kept.value["status"] == "blocked";
                if blocked != kept.value.get("blocker").is_some() {
                    return Err(Failure::new(format!("{key}: blocked and blocker do not go together")));
                }
            }
        }
        Ok(())
    }
}
