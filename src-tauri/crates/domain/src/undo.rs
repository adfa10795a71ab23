//! Undo: an ordinary write of what the op replaced, with the op's value as `base`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cell::{CellKey, Cells, field};
use crate::change::{BlockerField, Change, ItemField, ProjectField, Status, StatusValue};
use crate::decide::Refusal;
use crate::id::{Entity, OpId};
use crate::planted::{Bug, planted};

/// What undoing an op would write.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// The change.
    pub change: Change,
    /// Its base: the op's own value.
    pub base: BTreeMap<CellKey, Vec<OpId>>,
}

/// What one op did to one cell, as history remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Did {
    /// The cell.
    pub cell: CellKey,
    /// The value it wrote.
    pub after: Value,
    /// The values it replaced.
    pub before: Vec<Value>,
}

/// Plans the undoing of `op`, which did `did`, against the cells as they are now.
///
/// # Errors
/// `nothing_to_undo` where the op wrote no cell that can be written again (a comment, a start of a
/// project); `built_on` where the author can see that others wrote over it, with their ops in the
/// details; `replaced_several` where it settled a conflict: one write cannot bring several values
/// back, an ordinary edit can choose one.
pub fn plan(op: &OpId, did: &[Did], cells: &Cells) -> Result<Undo, Refusal> {
    let main: Vec<&Did> = did.iter().filter(|d| !is_consequence(d)).collect();
    let [did] = main[..] else {
        return Err(Refusal::new("nothing_to_undo", "This change cannot be undone."));
    };
    let stands = cells.get(&did.cell).is_some_and(|c| c.values.contains_key(op));
    if !stands && !planted(Bug::UndoIgnoresLater) {
        return Err(built_on(cells.get(&did.cell).map(|c| c.base()).unwrap_or_default()));
    }
    let before = match &did.before[..] {
        [] => Value::Null,
        [one] => one.clone(),
        several if several.iter().all(|v| v == &several[0]) => several[0].clone(),
        several => {
            return Err(Refusal {
                code: "replaced_several".into(),
                message: "This change settled a conflict. Write the value you want instead.".into(),
                details: json!({ "values": several }),
            });
        }
    };
    let change = write_back(&did.cell, before)
        .ok_or_else(|| Refusal::new("nothing_to_undo", "This change cannot be undone."))?;
    Ok(Undo { change, base: BTreeMap::from([(did.cell.clone(), vec![op.clone()])]) })
}

/// A blocker opens because of a status and closes with it; nobody takes it back by itself.
fn is_consequence(did: &Did) -> bool {
    matches!(did.cell.entity, Entity::Blocker(_)) && did.cell.field == field::OPENED
}

fn built_on(by: Vec<OpId>) -> Refusal {
    Refusal {
        code: "built_on".into(),
        message: "Somebody has written over this change since. Make an ordinary edit instead.".into(),
        details: json!({ "ops": by }),
    }
}

/// The change that writes `value` into `cell`; the same verb an ordinary edit uses.
pub fn write_back(cell: &CellKey, value: Value) -> Option<Change> {
    let named = |value: &str| Value::from(value);
    match &cell.entity {
        item @ (Entity::Item(..) | Entity::Step(..)) => {
            if cell.field == field::STATUS {
                let old = StatusValue::read(&value);
                let (status, reason) = old.map_or((Status::NotStarted, None), |s| (s.status, s.reason));
                return Some(Change::ItemStatusSet { item: item.clone(), status, reason });
            }
            let which = ItemField::deserialize(named(&cell.field)).ok()?;
            Some(Change::ItemFieldSet { item: item.clone(), field: which, value })
        }
        Entity::Project(project) => {
            let which = ProjectField::deserialize(named(&cell.field)).ok()?;
            Some(Change::ProjectFieldSet { project: project.clone(), field: which, value })
        }
        Entity::Blocker(blocker) => {
            let which = BlockerField::deserialize(named(&cell.field)).ok()?;
            Some(Change::BlockerFieldSet { blocker: blocker.clone(), field: which, value })
        }
        _ => None,
    }
}
