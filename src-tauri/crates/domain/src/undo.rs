//! Undo: an ordinary write of what the op replaced, with the op's value as `base`. Several ops that
//! wrote over one another are taken back by one such write.

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
    let Some(did) = main_of(did) else {
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

/// The one cell an op is about; none where it wrote none, or several.
fn main_of(did: &[Did]) -> Option<&Did> {
    let mut main = did.iter().filter(|d| !is_consequence(d));
    main.next().filter(|_| main.next().is_none())
}

/// One of several ops to take back.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The op.
    pub op: OpId,
    /// What it did.
    pub did: Vec<Did>,
    /// The ops whose values it replaced, by cell.
    pub replaced: BTreeMap<CellKey, Vec<OpId>>,
}

/// Ops that wrote over one another in one cell with nothing in between: one write takes all of them
/// back, from the newest one's value to what the oldest had replaced. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    newest: Link,
    older: Vec<Link>,
}

/// Sorts ops, given newest first, into chains. An op that nothing in the list replaced, or only
/// together with another value, begins a chain of its own: whether it can be taken back depends on
/// whether its value still stands.
pub fn chains(newest_first: impl IntoIterator<Item = Link>) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    // Which chain goes on with which op.
    let mut goes_on: BTreeMap<(CellKey, OpId), usize> = BTreeMap::new();
    for link in newest_first {
        let continued =
            main_of(&link.did).and_then(|did| goes_on.remove(&(did.cell.clone(), link.op.clone())));
        let number = continued.unwrap_or(chains.len());
        if let Some(next) = link.continues_with() {
            // Two that replaced the same op: it goes back with the newer one.
            goes_on.entry(next).or_insert(number);
        }
        match chains.get_mut(number) {
            Some(chain) => chain.older.push(link),
            None => chains.push(Chain { newest: link, older: Vec::new() }),
        }
    }
    chains
}

impl Link {
    /// The one op that it replaced in the cell it is about; none where there were others, or none.
    fn continues_with(&self) -> Option<(CellKey, OpId)> {
        let cell = &main_of(&self.did)?.cell;
        let [replaced] = self.replaced.get(cell)?.as_slice() else { return None };
        Some((cell.clone(), replaced.clone()))
    }
}

impl Chain {
    /// The ops, newest first.
    pub fn ops(&self) -> impl Iterator<Item = &OpId> {
        std::iter::once(&self.newest).chain(&self.older).map(|link| &link.op)
    }

    /// The cells to load before planning.
    pub fn cells(&self) -> impl Iterator<Item = &CellKey> {
        self.newest.did.iter().map(|did| &did.cell)
    }

    fn oldest(&self) -> &Link {
        self.older.last().unwrap_or(&self.newest)
    }

    /// Plans the one write that takes the whole chain back.
    ///
    /// # Errors
    /// As [`plan`]; it is then the reason of every op of the chain.
    pub fn plan(&self, cells: &Cells) -> Result<Undo, Refusal> {
        let (Some(newest), Some(oldest)) = (main_of(&self.newest.did), main_of(&self.oldest().did)) else {
            return plan(&self.newest.op, &self.newest.did, cells);
        };
        let whole =
            Did { cell: newest.cell.clone(), after: newest.after.clone(), before: oldest.before.clone() };
        plan(&self.newest.op, &[whole], cells)
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cell::{Cell, Kept};
    use crate::id::ProjectId;

    fn op(n: u64) -> OpId {
        format!("t1:dev:{n}").parse().unwrap()
    }

    fn note(item: &str) -> CellKey {
        let project = ProjectId { playbook: "p".to_owned(), n: 0 };
        CellKey::new(Entity::Item(project, item.to_owned()), field::NOTE)
    }

    /// Op `n` wrote `after` into the note of `item` over what `replaced` had written there.
    fn link(n: u64, item: &str, after: &str, before: &[&str], replaced: &[u64]) -> Link {
        let before = before.iter().map(|text| json!(text)).collect();
        Link {
            op: op(n),
            did: vec![Did { cell: note(item), after: json!(after), before }],
            replaced: BTreeMap::from([(note(item), replaced.iter().map(|n| op(*n)).collect())]),
        }
    }

    fn holding(item: &str, n: u64, value: &str) -> Cells {
        let mut cell = Cell::default();
        let kept = Kept { value: json!(value), by: "mara".parse().unwrap(), at: crate::Time::UNIX_EPOCH };
        cell.values.insert(op(n), kept);
        Cells::from([(note(item), cell)])
    }

    fn numbers(chain: &Chain) -> Vec<u64> {
        chain.ops().map(|op| op.device_seq).collect()
    }

    #[test]
    fn ops_that_wrote_over_one_another_are_one_write() {
        let all = chains([link(3, "a", "three", &["two"], &[2]), link(2, "a", "two", &["one"], &[1])]);
        assert_eq!(all.len(), 1);
        assert_eq!(numbers(&all[0]), [3, 2]);
        let undo = all[0].plan(&holding("a", 3, "three")).unwrap();
        assert_eq!(undo.base, BTreeMap::from([(note("a"), vec![op(3)])]));
        assert!(matches!(undo.change, Change::ItemFieldSet { value, .. } if value == json!("one")));
    }

    #[test]
    fn another_ones_op_in_between_breaks_the_chain() {
        // 2 is somebody else's and is not to be taken back.
        let all = chains([link(3, "a", "three", &["two"], &[2]), link(1, "a", "one", &[], &[])]);
        assert_eq!(all.iter().map(numbers).collect::<Vec<_>>(), [vec![3], vec![1]]);
        let cells = holding("a", 3, "three");
        assert!(
            matches!(all[0].plan(&cells).unwrap().change, Change::ItemFieldSet { value, .. } if value == "two")
        );
        assert_eq!(all[1].plan(&cells).unwrap_err().code, "built_on");
    }

    #[test]
    fn a_newer_value_refuses_the_whole_chain() {
        let all = chains([link(3, "a", "three", &["two"], &[2]), link(2, "a", "two", &["one"], &[1])]);
        let refused = all[0].plan(&holding("a", 4, "four")).unwrap_err();
        assert_eq!((refused.code.as_str(), &refused.details), ("built_on", &json!({ "ops": [op(4)] })));
    }

    #[test]
    fn a_settled_conflict_ends_a_chain_and_other_cells_stay_apart() {
        let all = chains([
            link(4, "a", "both", &["x", "y"], &[2, 3]),
            link(3, "a", "y", &["one"], &[1]),
            link(1, "b", "z", &[], &[]),
        ]);
        assert_eq!(all.iter().map(numbers).collect::<Vec<_>>(), [vec![4], vec![3], vec![1]]);
        assert_eq!(all[0].plan(&holding("a", 4, "both")).unwrap_err().code, "replaced_several");
    }

    #[test]
    fn what_wrote_no_cell_or_several_stands_alone_and_says_so() {
        let empty = Link { did: vec![], ..link(2, "a", "", &[], &[]) };
        let mut several = link(1, "a", "", &[], &[]);
        several.did.extend(link(1, "b", "", &[], &[]).did);
        let all = chains([empty, several]);
        assert_eq!(all.len(), 2);
        for chain in &all {
            assert_eq!(chain.plan(&Cells::new()).unwrap_err().code, "nothing_to_undo");
        }
    }
}
