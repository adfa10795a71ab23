//! Effects, and the projector that applies them: total, mechanical, the only thing that runs for
//! received ops. An older laptop therefore never judges newer rules again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Time;
use crate::cell::{Cell, CellKey, Cells, Kept};
use crate::id::{AccountId, Audience, OpId};
use crate::planted::{Bug, planted};

/// What an accepted op does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Effect {
    /// Writes a value into a cell and removes the values its author saw.
    Write {
        /// The cell.
        cell: CellKey,
        /// The value; null means cleared.
        value: Value,
        /// The ops whose values it replaces: the author's base with the bases of refused, held and
        /// reissued ops followed through.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replaces: Vec<OpId>,
        /// Ops the author saw that are not in the journal yet and count as replaced when they come.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        awaits: Vec<OpId>,
    },
    /// Keeps a playbook's source, by its digest, so that whoever shows the project has it.
    KeepPlaybook {
        /// SHA-256 of the source.
        digest: String,
        /// TOML.
        source: String,
    },
    /// What a newer version wrote: kept in the journal, no effect here.
    #[serde(other)]
    Unknown,
}

/// The effects of one op, by audience.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Effects {
    /// What the tenant's people may see.
    pub client: Vec<Effect>,
    /// What the team alone may see.
    pub team: Vec<Effect>,
}

impl Effects {
    /// Adds an effect to the side its cell's audience names.
    pub fn push(&mut self, effect: Effect) {
        let audience = match &effect {
            Effect::Write { cell, .. } => cell.entity.audience(),
            Effect::KeepPlaybook { .. } | Effect::Unknown => Audience::Client,
        };
        match audience {
            Audience::Client => self.client.push(effect),
            Audience::Team => self.team.push(effect),
        }
    }

    /// All effects, the client's first.
    pub fn all(&self) -> impl Iterator<Item = &Effect> {
        self.client.iter().chain(&self.team)
    }

    /// The cells that the projector must load before and store after.
    pub fn cells(&self) -> impl Iterator<Item = &CellKey> {
        self.all().filter_map(|e| match e {
            Effect::Write { cell, .. } => Some(cell),
            _ => None,
        })
    }
}

/// Where an effect comes from; becomes the provenance of the values it writes.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The op.
    pub op: &'a OpId,
    /// Its author.
    pub by: &'a AccountId,
    /// The author's clock.
    pub at: Time,
}

/// Applies one effect to the cells. Total: whatever it meets, it does something defined.
pub fn project(cells: &mut Cells, origin: Origin<'_>, effect: &Effect) {
    if let Effect::Write { cell: key, value, replaces, awaits } = effect {
        let cell = cells.entry(key.clone()).or_default();
        write(cell, origin, value, replaces, awaits);
        if cell.is_empty() {
            cells.remove(key);
        }
    }
}

fn write(cell: &mut Cell, origin: Origin<'_>, value: &Value, replaces: &[OpId], awaits: &[OpId]) {
    for op in replaces {
        cell.values.remove(op);
    }
    if planted(Bug::ValueDropped) {
        cell.values.clear();
    }
    cell.awaited.extend(awaits.iter().cloned());
    // Somebody who had seen this very op has already written over it.
    if !cell.awaited.remove(origin.op) {
        cell.values
            .insert(origin.op.clone(), Kept { value: value.clone(), by: origin.by.clone(), at: origin.at });
    }
}

/// Applies all effects of an op to the cells, client effects first.
pub fn project_all(cells: &mut Cells, origin: Origin<'_>, effects: &Effects) {
    for effect in effects.all() {
        project(cells, origin, effect);
    }
}

/// The sources of playbooks that effects ask to keep, by digest.
pub fn kept_playbooks(effects: &Effects) -> BTreeMap<&str, &str> {
    effects
        .all()
        .filter_map(|e| match e {
            Effect::KeepPlaybook { digest, source } => Some((digest.as_str(), source.as_str())),
            _ => None,
        })
        .collect()
}
