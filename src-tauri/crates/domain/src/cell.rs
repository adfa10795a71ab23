//! Cells: registers that keep every value nobody has replaced (DESIGN "Cells").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::Time;
use crate::change::{Status, StatusValue};
use crate::id::{AccountId, BadId, Entity, OpId};
use crate::planted::{Bug, planted};

/// Names of the cells' fields.
pub mod field {
    /// Status with its reason: one value, [`crate::change::StatusValue`].
    pub const STATUS: &str = "status";
    /// Who does it: [`crate::change::Owner`].
    pub const OWNER: &str = "owner";
    /// Free text.
    pub const NOTE: &str = "note";
    /// A date, `YYYY-MM-DD`.
    pub const DUE: &str = "due";
    /// Free text or a link.
    pub const EVIDENCE: &str = "evidence";
    /// A project's playbook: [`crate::change::PlaybookRef`].
    pub const PLAYBOOK: &str = "playbook";
    /// A project's rollout mode, or JSON null where the playbook has none.
    pub const MODE: &str = "mode";
    /// A project's target go-live date, `YYYY-MM-DD`.
    pub const GO_LIVE: &str = "go_live";
    /// A tenant's or an account's name.
    pub const NAME: &str = "name";
    /// A tenant's short name in commands and addresses.
    pub const SLUG: &str = "slug";
    /// A comment: [`crate::change::CommentValue`].
    pub const COMMENT: &str = "comment";
    /// What a blocker stands on and when it was opened: [`crate::change::BlockerOpened`].
    pub const OPENED: &str = "opened";
    /// Whom a blocker waits on: `us`, `client` or `vendor`.
    pub const WAITING_ON: &str = "waiting_on";
    /// A blocker's severity: `P0` to `P3`.
    pub const SEVERITY: &str = "severity";
    /// An account's role.
    pub const ROLE: &str = "role";
    /// Whether an account, device or assignment is in force: `true` or `false`.
    pub const ACTIVE: &str = "active";
    /// A device's public key and the account that enrolled it: [`crate::change::DeviceValue`].
    pub const KEY: &str = "key";
    /// What an import asks for: [`crate::import::ImportRequest`].
    pub const REQUESTED: &str = "requested";
    /// What the service answered: [`crate::import::ImportOutcome`].
    pub const OUTCOME: &str = "outcome";
    /// `true` where somebody asked to take an import back.
    pub const ROLLBACK: &str = "rollback";
    /// How that ended: [`crate::import::ImportRolledBack`].
    pub const ROLLED_BACK: &str = "rolled_back";
}

/// The key of a cell: an entity and one of its fields. Text form `entity#field`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// The entity.
    pub entity: Entity,
    /// The field, 1 to 40 characters of a-z, 0-9 and `_`.
    pub field: String,
}

impl CellKey {
    /// The key of `field` of `entity`; `field` is one of [`field`]'s constants.
    pub fn new(entity: Entity, field: &str) -> Self {
        Self { entity, field: field.to_owned() }
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.entity, self.field)
    }
}

impl FromStr for CellKey {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let wrong = |why| BadId { kind: "cell key", text: text.chars().take(80).collect(), why };
        let (entity, field) = text.split_once('#').ok_or_else(|| wrong("it needs entity#field"))?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if field.is_empty() || field.len() > 40 || !field.chars().all(fits) {
            return Err(wrong("the field must be 1 to 40 of a-z, 0-9 and _"));
        }
        Ok(Self { entity: entity.parse()?, field: field.to_owned() })
    }
}

impl Serialize for CellKey {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CellKey {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(input)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A value that nobody has replaced, with who wrote it and when by the author's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The value; JSON null means cleared.
    pub value: Value,
    /// The author.
    pub by: AccountId,
    /// The author's clock: a label, never a decision.
    pub at: Time,
}

/// A register that keeps every value nobody has replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The surviving values by the op that wrote them.
    pub values: BTreeMap<OpId, Kept>,
    /// Ops that a later write named as seen although they are not in the journal (held, or not yet
    /// offered again after a restore). When one of them arrives, its value is already replaced.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub awaited: BTreeSet<OpId>,
}

impl Cell {
    /// Whether the cell holds nothing at all and need not be stored.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.awaited.is_empty()
    }

    /// The ops whose values survive: the `base` of whoever writes now.
    pub fn base(&self) -> Vec<OpId> {
        self.values.keys().cloned().collect()
    }

    /// The different values, each with the ops that wrote it; more than one is a conflict.
    /// Equal values count as one. Two status values are equal when status and reason are.
    pub fn distinct(&self) -> Vec<Vec<(&OpId, &Kept)>> {
        let mut groups: Vec<Vec<(&OpId, &Kept)>> = Vec::new();
        for entry in &self.values {
            match groups.iter_mut().find(|g| same_value(&g[0].1.value, &entry.1.value)) {
                Some(group) => group.push(entry),
                None => groups.push(vec![entry]),
            }
        }
        groups
    }

    /// Whether more than one different value survives.
    pub fn is_conflict(&self) -> bool {
        let mut values = self.values.values();
        let Some(first) = values.next() else { return false };
        if planted(Bug::EqualConflict) {
            return values.next().is_some();
        }
        values.any(|v| !same_value(&first.value, &v.value))
    }

    /// The value that shows until someone decides: for status the more cautious, ties and other
    /// fields by the smallest op id bytewise. Chosen from the values alone.
    pub fn winner(&self) -> Option<(&OpId, &Kept)> {
        self.values.iter().min_by(|a, b| {
            caution(&a.1.value).cmp(&caution(&b.1.value)).then_with(|| a.0.to_string().cmp(&b.0.to_string()))
        })
    }
}

/// 0 for the most cautious status; everything that is not a status ranks alike.
fn caution(value: &Value) -> usize {
    StatusValue::read(value)
        .map_or(0, |s| Status::BY_CAUTION.iter().position(|x| *x == s.status).unwrap_or(0))
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (StatusValue::read(a), StatusValue::read(b)) {
        (Some(a), Some(b)) => a.status == b.status && a.reason == b.reason,
        _ => a == b,
    }
}

/// The cells of one tenant by key, as the projector and the readers see them.
pub type Cells = BTreeMap<CellKey, Cell>;
