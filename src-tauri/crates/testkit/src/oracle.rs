//! Which values must survive, said without cells: an accepted value stays unless the author of some
//! accepted op on the same cell had seen it.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::{Cells, field};
use cairn_domain::effect::Effect;
use cairn_domain::op::Op;
use cairn_domain::{CellKey, DeviceId, Entity, Hash, OpId, TenantId};
use cairn_service::Service;
use cairn_service::storage::{JournalRow, Mode, ReceiptRow, with};

use crate::world::Failure;

/// Ops that somebody named as seen before the service had judged them, and what is asked of them.
#[derive(Clone, Copy)]
enum Awaited {
    /// What became of them later counts from the beginning: gives what must survive.
    Known,
    /// Nobody could follow them when they were named, so what they lead to may stay visible.
    Unheard,
}

/// An op of the journal, with the cells it wrote and the ops it was the first to hear of.
struct Accepted {
    op: Op,
    written: BTreeMap<CellKey, BTreeSet<OpId>>,
}

/// A journal as the service holds it at the end of a run.
pub struct Journal {
    /// Its counter, digests and salts.
    pub row: JournalRow,
    /// Its cells.
    pub cells: Cells,
    tenant: TenantId,
    entries: Vec<Accepted>,
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
                Effect::Write { cell, awaits, .. } => Some((cell.clone(), awaits.iter().cloned().collect())),
                _ => None,
            });
            entries.push(Accepted { op, written: written.collect() });
        }
        Ok(Self { row, cells, tenant: tenant.clone(), entries, receipts })
    }

    /// The accepted ops in their order.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.entries.iter().map(|entry| &entry.op)
    }

    /// The op under whose name a duplicate of it stands; any other op as it is.
    pub fn stands_as(&self, op: &OpId) -> OpId {
        let mut named = op.clone();
        while let Some(of) = self.receipts.get(&named).and_then(|row| row.receipt.outcome.duplicate_of()) {
            named = of.clone();
        }
        named
    }

    /// The op at a place.
    pub fn op_at(&self, seq: u64) -> Option<&OpId> {
        let place = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.entries.get(place).map(|entry| &entry.op.header.op)
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
        for Accepted { op, .. } in &self.entries {
            for hash in std::iter::once(op.hash).chain(op.header.reissues) {
                if let Some(twin) = standing.insert(hash, &op.header.op) {
                    return fail(format!("{} stands twice, also as {twin}", op.header.op));
                }
            }
        }
        let actual: BTreeMap<&CellKey, BTreeSet<&OpId>> = self
            .cells
            .iter()
            .filter(|(_, c)| !c.values.is_empty())
            .map(|(k, c)| (k, c.values.keys().collect()))
            .collect();
        let none = BTreeSet::new();
        let must = self.survivors(Awaited::Known);
        if let Some((key, ops)) =
            must.iter().find(|(key, ops)| !actual.get(*key).unwrap_or(&none).is_superset(ops))
        {
            return fail(format!("{key} should hold {ops:?} and holds {:?}", actual.get(key)));
        }
        // A restore forgets the receipts of refused ops. What later ops inherited from those stays
        // visible then: more than need be, never less.
        if self.row.state.restored_from.is_none() {
            let may = self.survivors(Awaited::Unheard);
            if let Some((key, ops)) =
                actual.iter().find(|(key, ops)| !may.get(*key).unwrap_or(&none).is_superset(ops))
            {
                return fail(format!("{key} may hold {:?} and holds {ops:?}", may.get(key)));
            }
        }
        self.check_blockers()
    }

    /// The values that nobody had seen who wrote on the same cell.
    fn survivors(&self, awaited: Awaited) -> BTreeMap<&CellKey, BTreeSet<&OpId>> {
        let none = BTreeSet::new();
        let mut seen: BTreeMap<CellKey, BTreeSet<OpId>> = BTreeMap::new();
        for Accepted { op, written } in &self.entries {
            for (named, base) in &op.body.base {
                let key = self.standing_name(named);
                let unheard = match awaited {
                    Awaited::Known => &none,
                    Awaited::Unheard => written.get(&key).unwrap_or(&none),
                };
                let found = self.follow(&key, base, unheard);
                seen.entry(key).or_default().extend(found);
            }
        }
        let mut out: BTreeMap<&CellKey, BTreeSet<&OpId>> = BTreeMap::new();
        for Accepted { op, written } in &self.entries {
            for key in written.keys() {
                if seen.get(key).is_none_or(|met| !met.contains(&op.header.op)) {
                    out.entry(key).or_default().insert(&op.header.op);
                }
            }
        }
        out
    }

    /// What an author named as seen, the author had seen with all that it was built on.
    fn follow(&self, key: &CellKey, base: &[OpId], unheard: &BTreeSet<OpId>) -> BTreeSet<OpId> {
        let mut met = BTreeSet::new();
        let mut todo: Vec<OpId> = base.to_vec();
        while let Some(id) = todo.pop() {
            if !met.insert(id.clone()) || unheard.contains(&id) {
                continue;
            }
            let Some(row) = self.receipts.get(&id) else { continue };
            let built_on = row.base.iter().filter(|(named, _)| self.standing_name(named) == *key);
            todo.extend(built_on.flat_map(|(_, base)| base.iter().cloned()));
            todo.extend(row.receipt.outcome.duplicate_of().cloned());
        }
        met
    }

    /// A cell's name where a blocker was opened, or an import asked for, by an op that turned out to be a
    /// duplicate: it stands under the name of the op that came first.
    fn standing_name(&self, key: &CellKey) -> CellKey {
        let mut key = key.clone();
        match &mut key.entity {
            Entity::Blocker(named) | Entity::Import(named) => *named = self.stands_as(named),
            _ => {}
        }
        key
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
