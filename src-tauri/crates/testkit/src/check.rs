//! Heals the world, then says whether every promise held.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::Cells;
use cairn_domain::decide::Refusal;
use cairn_domain::id::Audience;
use cairn_domain::journal::Outcome;
use cairn_domain::{Cell, CellKey, Hash, OpId, TenantId};
use cairn_service::storage::{JournalRow, Mode, with};

use crate::acts::is_settled;
use crate::base::{PEOPLE, TENANTS};
use crate::oracle::Journal;
use crate::rosters;
use crate::world::{Failure, World};

/// More rounds of everybody syncing than any healed world needs.
const ROUNDS: usize = 12;

impl World<'_> {
    /// The network works again, everybody may work, the manager decides about all held work.
    pub(crate) fn heal(&mut self) -> Result<(), Failure> {
        self.packets.clear();
        for device in &mut self.devices {
            device.stop_sync();
        }
        self.restore_rights()?;
        for _ in 0..ROUNDS {
            for at in 0..self.devices.len() {
                self.sync_whole(at)?;
            }
            // A restore may have lost and brought back decisions about people.
            self.restore_rights()?;
            let mut decided = false;
            while self.settle_held(0.2)? {
                self.sync_whole(crate::base::MANAGER)?;
                decided = true;
            }
            for tenant in self.base.tenants.clone() {
                self.settle_imports(&tenant)?;
            }
            decided |= self.take_lost_imports_back()?;
            if !decided && self.is_settled()? {
                return Ok(());
            }
        }
        self.why_unsettled()
    }

    fn restore_rights(&mut self) -> Result<(), Failure> {
        for (person, (_, role, _)) in PEOPLE.iter().enumerate() {
            if self.roles[person] != *role {
                self.set_role(person, *role)?;
            }
            self.set_active(person, true)?;
            for slug in TENANTS {
                self.assign(person, slug, true)?;
            }
        }
        Ok(())
    }

    fn journals(&self) -> impl Iterator<Item = TenantId> + use<> {
        std::iter::once(TenantId::org()).chain(self.base.tenants.clone())
    }

    fn is_settled(&self) -> Result<bool, Failure> {
        Ok(self.unsettled()?.is_none())
    }

    fn why_unsettled(&self) -> Result<(), Failure> {
        self.unsettled()?.map_or(Ok(()), |why| Err(Failure::new(format!("it does not settle: {why}"))))
    }

    fn unsettled(&self) -> Result<Option<String>, Failure> {
        for tenant in self.journals() {
            let row = self.row(&tenant)?;
            if row.held > 0 {
                return Ok(Some(format!("{} ops are held in {tenant}", row.held)));
            }
            for device in &self.devices {
                let at = device.index;
                let stands = device.store.positions()?.into_iter().find(|p| p.tenant == tenant);
                if stands.as_ref().map(|p| p.seen) != Some(row.seen) {
                    return Ok(Some(format!(
                        "device {at} stands at {stands:?} of {tenant}, not at {:?}",
                        row.seen
                    )));
                }
                let counts = device.store.counts(Some(&tenant))?;
                if counts.pending + counts.receipted + counts.held > 0 {
                    return Ok(Some(format!("device {at} still has {counts:?} in {tenant}")));
                }
                if device.store.must_re_enrol() || device.signed_out {
                    return Ok(Some(format!("device {at} has to sign in again")));
                }
            }
            if let Some(why) = self.unsettled_imports(&tenant)? {
                return Ok(Some(why));
            }
        }
        Ok(None)
    }

    fn row(&self, tenant: &TenantId) -> Result<JournalRow, Failure> {
        let row = with(&self.service.storage, tenant, Mode::Read, |tx| tx.journal())?;
        row.ok_or_else(|| Failure::new(format!("the service lost {tenant}")))
    }

    /// Every promise, on the healed world.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let mut journals = BTreeMap::new();
        for tenant in self.journals() {
            let journal = Journal::load(&self.service, &tenant)?;
            journal.check()?;
            journals.insert(tenant, journal);
        }
        for device in &self.devices {
            for (tenant, journal) in &journals {
                self.check_device(device.index, tenant, journal)
                    .map_err(|f| Failure::new(format!("device {} {tenant}: {f}", device.index)))?;
            }
        }
        self.check_imports(&journals)?;
        for device in &self.devices {
            for acked in &device.acked {
                let owed = self.accounted(&journals, &acked.op, acked.hash, &mut BTreeSet::new())?;
                if let Some(why) = owed.filter(|_| !acked.excused)
                    && !self.refusal_shows(device.index, acked)?
                {
                    let here =
                        device.store.outbox(None)?.into_iter().find(|o| o.op == acked.op).map(|o| o.state);
                    return Err(Failure::new(format!(
                        "device {} acknowledged {} and it is lost: {why}; there it is {here:?}, with {:?}, not returned: {:?}",
                        device.index,
                        acked.op,
                        device.store.receipt(&acked.op)?,
                        device.store.not_returned(&acked.op.tenant)?
                    )));
                }
                self.check_visible(&journals, device.index, acked)?;
            }
        }
        Ok(())
    }

    /// Every import has one answer, and every roster is what the committed ones make.
    fn check_imports(&self, journals: &BTreeMap<TenantId, Journal>) -> Result<(), Failure> {
        let Some(imports) = &self.imports else { return Ok(()) };
        for (tenant, journal) in journals {
            let told = rosters::tell(journal, &imports.plans)
                .map_err(|f| Failure::new(format!("an import of {tenant}: {f}")))?;
            if let Some(open) = told.open.first() {
                return Err(Failure::new(format!("{open} has no answer")));
            }
            let roster = (told.model.number(), &told.model.records());
            for device in self.devices.iter().filter(|_| !tenant.is_org()) {
                self.check_roster(device.index, tenant, roster)
                    .map_err(|f| Failure::new(format!("device {} {tenant}: {f}", device.index)))?;
            }
        }
        self.devices.iter().try_for_each(|device| {
            self.check_roster_log(device.index)
                .map_err(|f| Failure::new(format!("device {}: {f}", device.index)))
        })
    }

    fn check_device(&self, at: usize, tenant: &TenantId, journal: &Journal) -> Result<(), Failure> {
        let store = &self.devices[at].store;
        let fail = |what: String| Err(Failure::new(what));
        if !store.rebuilding()?.is_empty() {
            return fail("it is being rebuilt".to_owned());
        }
        let audit = store.audit_verify(tenant)?;
        if !audit.ok {
            return fail(format!("audit: {:?} at {:?}", audit.reason, audit.first_bad_seq));
        }
        if !store.state_holds(tenant)? {
            return fail("taking pending ops back does not give the confirmed state".to_owned());
        }
        let client = self.reads_client_only(at);
        let theirs = |key: &CellKey| !client || key.entity.audience() == Audience::Client;
        let expected: Cells =
            journal.cells.iter().filter(|(k, _)| theirs(k)).map(|(k, c)| (k.clone(), c.clone())).collect();
        let shown = store.cells(tenant)?;
        if shown != expected {
            return fail(format!("it shows other cells than the service: {}", difference(&shown, &expected)));
        }
        let audience = if client { Audience::Client } else { Audience::Team };
        let summary = store.tenants()?.into_iter().find(|t| t.id == *tenant);
        if let Some(summary) = summary
            && summary.digest != journal.row.state.digests().for_audience(audience)
        {
            return fail("its digest differs from the service's".to_owned());
        }
        let conflicts: BTreeSet<CellKey> =
            store.conflicts(Some(tenant))?.into_iter().map(|c| c.cell).collect();
        let several: BTreeSet<CellKey> =
            expected.iter().filter(|(_, cell)| has_several(cell)).map(|(k, _)| k.clone()).collect();
        if conflicts != several {
            return fail(format!("conflicts are {conflicts:?} and should be {several:?}"));
        }
        Ok(())
    }

    /// None where the op is accounted for; else why not.
    fn accounted(
        &self,
        journals: &BTreeMap<TenantId, Journal>,
        op: &OpId,
        hash: Hash,
        met: &mut BTreeSet<OpId>,
    ) -> Result<Option<String>, Failure> {
        if !met.insert(op.clone()) {
            return Ok(Some("it was issued again in a circle".to_owned()));
        }
        // Its author discarded it or tried it again, knowing the answer.
        if self.devices.iter().any(|d| d.settled.contains(op)) {
            return Ok(None);
        }
        let answered = self.outcome_of(op)?;
        let mut why = match &answered {
            Some((theirs, outcome)) if *theirs == hash => match outcome {
                Outcome::Accepted { seq } => match journals.get(&op.tenant).and_then(|j| j.op_at(*seq)) {
                    Some(stands) if stands == op => return Ok(None),
                    other => format!("its receipt says {seq}, where {other:?} stands"),
                },
                Outcome::Duplicate { of } => match self.outcome_of(of)? {
                    Some((_, Outcome::Accepted { .. })) => return Ok(None),
                    other => format!("it is a duplicate of {of}, which is {other:?}"),
                },
                outcome if is_settled(outcome) => return Ok(None),
                _ => return Ok(None),
            },
            Some(_) => "other bytes stand under its number".to_owned(),
            None => "the service never received it".to_owned(),
        };
        let again = journals.get(&op.tenant).map(|j| j.reissues(hash)).unwrap_or_default();
        for (new, is) in again.into_iter().chain(self.renamed.get(&hash).into_iter().flatten().cloned()) {
            match self.accounted(journals, &new, is, met)? {
                None => return Ok(None),
                Some(also) => why += &format!("; issued again as {new}: {also}"),
            }
        }
        Ok(Some(why))
    }

    /// Whether a laptop shows a refusal that a restored service has forgotten: it is in quarantine, or
    /// another copy of the profile took its number meanwhile.
    fn refusal_shows(&self, at: usize, acked: &crate::device::Acked) -> Result<bool, Failure> {
        let store = &self.devices[at].store;
        let waits = store.quarantine(Some(&acked.op.tenant))?.iter().any(|o| o.op == acked.op);
        let taken = store.receipt(&acked.op)?.is_some_and(|receipt| {
            let of = |refusal: &Refusal| refusal.code == "other_bytes";
            receipt.hash == acked.hash
                && matches!(&receipt.outcome, Outcome::Refused { refusal } if of(refusal))
        });
        Ok(waits || taken)
    }

    /// What was not accepted must show on the laptop that wrote it.
    fn check_visible(
        &self,
        journals: &BTreeMap<TenantId, Journal>,
        at: usize,
        acked: &crate::device::Acked,
    ) -> Result<(), Failure> {
        let Some((hash, outcome)) = self.outcome_of(&acked.op)? else { return Ok(()) };
        if acked.unseen || hash != acked.hash || matches!(outcome, Outcome::Accepted { .. }) {
            return Ok(());
        }
        // Issued again: its author follows the new one.
        let known = journals.get(&acked.op.tenant).is_some_and(|j| !j.reissues(hash).is_empty());
        if known || self.renamed.contains_key(&hash) {
            return Ok(());
        }
        let device = &self.devices[at];
        let waits = device.store.quarantine(Some(&acked.op.tenant))?.iter().any(|o| o.op == acked.op);
        if matches!(outcome, Outcome::Refused { .. } | Outcome::Discarded { .. })
            && !device.settled.contains(&acked.op)
            && !waits
        {
            // Accepted once, lost with a restore, and refused when it was offered again.
            if device.store.not_returned(&acked.op.tenant)?.contains(&acked.op) {
                return Ok(());
            }
            return Err(Failure::new(format!(
                "device {at} does not show {}, which is {outcome:?}",
                acked.op
            )));
        }
        match device.store.receipt(&acked.op)? {
            Some(receipt) if receipt.hash == hash => Ok(()),
            _ => {
                Err(Failure::new(format!("device {at} has no receipt of {}, which is {outcome:?}", acked.op)))
            }
        }
    }

    /// The logical state a run ended in, for the hash.
    pub(crate) fn state(&self) -> Result<Vec<(String, Hash, u64)>, Failure> {
        let mut out = Vec::new();
        for tenant in self.journals() {
            let row = self.row(&tenant)?;
            out.push((tenant.to_string(), row.seen.head, row.seen.seq));
            out.push((tenant.to_string(), row.state.digests().for_audience(Audience::Team), 0));
        }
        for device in &self.devices {
            for op in device.store.outbox(None)? {
                out.push((format!("{} {:?}", op.op, op.state), op.hash, 0));
            }
        }
        Ok(out)
    }
}

fn difference(shown: &Cells, expected: &Cells) -> String {
    let keys: BTreeSet<&CellKey> = shown.keys().chain(expected.keys()).collect();
    let key = keys.into_iter().find(|k| shown.get(*k) != expected.get(*k));
    match key {
        Some(key) => format!("{key}: {:?} instead of {:?}", shown.get(key), expected.get(key)),
        None => String::new(),
    }
}

/// Whether a cell holds several different values; said again here, not asked of the cell.
fn has_several(cell: &Cell) -> bool {
    let plain = |value: &serde_json::Value| match value.get("status") {
        Some(status) => (status.clone(), value.get("reason").cloned().unwrap_or_default()),
        None => (value.clone(), serde_json::Value::Null),
    };
    let mut values = cell.values.values().map(|kept| plain(&kept.value));
    let first = values.next();
    values.any(|value| Some(value) != first)
}
