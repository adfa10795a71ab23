//! Taking several ops of a tenant back at once, by ordinary writes (`domain::undo`).

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::effect::{Effect, Effects};
use cairn_domain::journal::Entry;
use cairn_domain::undo::{Link, chains};
use cairn_domain::{CellKey, OpId, TenantId, Time};
use rusqlite::{Connection, OptionalExtension, params};

use crate::history;
use crate::pull::ReadEntry;
use crate::sql::{from_json, int};
use crate::write::{Decided, Draft, only_refusals};
use crate::{Store, StoreError};

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Only to see what would happen: everything is decided, nothing is kept.
    Try,
    /// For good.
    Keep,
}

/// What became of ops that one write takes back.
#[derive(Debug)]
pub struct Reverted {
    /// The ops, newest first.
    pub ops: Vec<OpId>,
    /// The write, or why there is none: `built_on`, `nothing_to_undo`, `replaced_several`,
    /// `not_allowed`, `unknown_op` and the rules' other refusals.
    pub outcome: Decided,
}

/// Where an op stands: unconfirmed ones are the newest, by the order in which they were written.
type Age = (bool, i64);

impl Store {
    /// Takes ops back, the newest first, in one transaction. Ops that wrote over one another are
    /// one write; what is refused keeps nothing else from being taken back.
    ///
    /// # Errors
    /// `not_enrolled`, `unknown_tenant`, `disk_full`; nothing is written then.
    pub fn revert(
        &mut self,
        tenant: &TenantId,
        ops: &[OpId],
        now: Time,
        run: Run,
    ) -> Result<Vec<Reverted>, StoreError> {
        self.transact(tenant, now, ops.len(), |composer| {
            let (links, unknown) = links(composer.db, tenant, ops)?;
            let mut out: Vec<Reverted> = unknown.into_iter().map(not_known).collect();
            for chain in chains(links) {
                let keys: Vec<CellKey> = chain.cells().cloned().collect();
                let outcome = match chain.plan(&composer.work.copy(&keys)?) {
                    Err(refusal) => Err(refusal.into()),
                    Ok(plan) => {
                        let draft = Draft { change: plan.change, reason: None, base: Some(plan.base) };
                        only_refusals(composer.write(draft, None))?
                    }
                };
                out.push(Reverted { ops: chain.ops().cloned().collect(), outcome });
            }
            Ok((out, run))
        })
    }
}

fn not_known(op: OpId) -> Reverted {
    Reverted { ops: vec![op.clone()], outcome: Err(StoreError::UnknownOp(op)) }
}

/// The ops newest first with what they did, and those this laptop does not know.
fn links(db: &Connection, tenant: &TenantId, ops: &[OpId]) -> Result<(Vec<Link>, Vec<OpId>), StoreError> {
    let mut found: Vec<(Age, Link)> = Vec::new();
    let mut unknown = Vec::new();
    for op in ops.iter().collect::<BTreeSet<_>>() {
        let known = if op.tenant == *tenant { link(db, op)? } else { None };
        match known {
            Some(known) => found.push(known),
            None => unknown.push(op.clone()),
        }
    }
    found.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    Ok((found.into_iter().map(|(_, link)| link).collect(), unknown))
}

fn link(db: &Connection, op: &OpId) -> Result<Option<(Age, Link)>, StoreError> {
    let Some((age, effects)) = written(db, op)? else { return Ok(None) };
    let did = history::did(db, op)?.unwrap_or_default();
    Ok(Some((age, Link { op: op.clone(), did, replaced: replaced(&effects) })))
}

/// Where an op stands and what it does; none where it is not known or not in force.
fn written(db: &Connection, op: &OpId) -> Result<Option<(Age, Effects)>, StoreError> {
    let entry: Option<(i64, String)> = db
        .prepare_cached("SELECT seq, entry FROM entries WHERE tenant = ?1 AND op = ?2")?
        .query_row(params![op.tenant.as_str(), op.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((seq, entry)) = entry {
        return Ok(Some(((false, seq), ReadEntry::read(&from_json::<Entry>(&entry)?)?.effects)));
    }
    let own: Option<(i64, Option<String>)> = db
        .prepare_cached(
            "SELECT id, effects FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
        )?
        .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((id, effects)) = own else { return Ok(None) };
    let effects = effects.map_or_else(|| Ok(Effects::default()), |text| from_json(&text))?;
    Ok(Some(((true, id), effects)))
}

fn replaced(effects: &Effects) -> BTreeMap<CellKey, Vec<OpId>> {
    let one = |effect: &Effect| match effect {
        Effect::Write { cell, replaces, .. } => Some((cell.clone(), replaces.clone())),
        _ => None,
    };
    effects.all().filter_map(one).collect()
}
