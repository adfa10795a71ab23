//! State digests: an incremental set hash of the confirmed cells, per audience.
//!
//! Each surviving value is hashed on its own and the hashes are added lane by lane, so a change
//! costs the cells it touches and the order of arrival does not matter. It finds faults, not
//! forgers: forgery is what heads and signatures are for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::{Cell, CellKey};
use crate::hash::Hash;
use crate::id::Audience;

/// The version of the rules a digest speaks of; digests of different versions do not compare.
pub const DIGEST_VERSION: u32 = 1;

/// A sum of hashes: four lanes of 64 bits, wrapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetHash([u64; 4]);

impl SetHash {
    /// Counts a cell in.
    pub fn add(&mut self, key: &CellKey, cell: &Cell) {
        self.fold(key, cell, u64::wrapping_add);
    }

    /// Takes a cell out as it was when counted in.
    pub fn remove(&mut self, key: &CellKey, cell: &Cell) {
        self.fold(key, cell, u64::wrapping_sub);
    }

    /// Counts the hash of anything in.
    pub fn add_hash(&mut self, hash: Hash) {
        self.combine(hash, u64::wrapping_add);
    }

    /// Takes a hash out that was counted in.
    pub fn remove_hash(&mut self, hash: Hash) {
        self.combine(hash, u64::wrapping_sub);
    }

    fn combine(&mut self, hash: Hash, combine: fn(u64, u64) -> u64) {
        for (lane, bytes) in self.0.iter_mut().zip(hash.0.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            *lane = combine(*lane, u64::from_be_bytes(word));
        }
    }

    fn fold(&mut self, key: &CellKey, cell: &Cell, combine: fn(u64, u64) -> u64) {
        let key = key.to_string();
        for (op, kept) in &cell.values {
            let (op, value, at) = (op.to_string(), canonical(&kept.value), kept.at.to_rfc3339());
            let parts = [&key, &op, &value, kept.by.as_str(), at.as_str()].map(str::as_bytes);
            self.combine(Hash::of("cairn value 1", &parts), combine);
        }
        for op in &cell.awaited {
            self.combine(Hash::of("cairn awaited 1", &[key.as_bytes(), op.to_string().as_bytes()]), combine);
        }
    }

    /// The sum as a hash, for comparing and storing.
    pub fn to_hash(self) -> Hash {
        let mut bytes = [0; 32];
        for (out, lane) in bytes.chunks_exact_mut(8).zip(self.0) {
            out.copy_from_slice(&lane.to_be_bytes());
        }
        Hash(bytes)
    }

    /// Reads what [`SetHash::to_hash`] made.
    pub fn from_hash(hash: Hash) -> Self {
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(hash.0.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            *lane = u64::from_be_bytes(word);
        }
        Self(lanes)
    }
}

/// JSON with sorted keys and no spaces, whatever order the value happens to hold its keys in (a
/// build feature of `serde_json` elsewhere in the program may change that order).
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            let fields: Vec<String> =
                sorted.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

/// The digests of a tenant's confirmed state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digests {
    /// Over the cells the tenant's people may see.
    pub client: SetHash,
    /// Over the cells the team alone may see.
    pub team: SetHash,
}

impl Digests {
    /// Replaces what a cell contributed by what it contributes now.
    pub fn update(&mut self, key: &CellKey, before: Option<&Cell>, after: Option<&Cell>) {
        let side = match key.entity.audience() {
            Audience::Client => &mut self.client,
            Audience::Team => &mut self.team,
        };
        if let Some(cell) = before {
            side.remove(key, cell);
        }
        if let Some(cell) = after {
            side.add(key, cell);
        }
    }

    /// What a reader of `audience` compares and `--json` prints: the team sees both sides.
    pub fn for_audience(&self, audience: Audience) -> Hash {
        let client = self.client.to_hash();
        match audience {
            Audience::Client => Hash::of("cairn digest client 1", &[&client.0]),
            Audience::Team => Hash::of("cairn digest team 1", &[&client.0, &self.team.to_hash().0]),
        }
    }
}

impl Serialize for SetHash {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.to_hash().serialize(out)
    }
}

impl<'de> Deserialize<'de> for SetHash {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Hash::deserialize(input).map(Self::from_hash)
    }
}
