//! What an upgrade from one version of a playbook to another would change.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Item, Playbook, Step};

/// The difference between two playbooks as one mode sees them. Shown before an upgrade.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaybookDiff {
    /// Items only the new playbook has, in its order.
    pub added: Vec<Item>,
    /// Items only the old playbook has, in its order.
    pub removed: Vec<Item>,
    /// Items that both have but not alike, in the order of the new one.
    pub changed: Vec<EntryChange>,
    /// The same for wizard steps.
    pub steps: StepDiff,
}

/// The difference between the wizard steps of two playbooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepDiff {
    /// Steps only the new playbook has.
    pub added: Vec<Step>,
    /// Steps only the old playbook has.
    pub removed: Vec<Step>,
    /// Steps that both have but not alike.
    pub changed: Vec<EntryChange>,
}

/// An item or step that is in both playbooks but not alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryChange {
    /// Key of the item or step.
    pub key: String,
    /// Its fields that differ, by name; at least one.
    pub fields: Vec<FieldChange>,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Name of the field as in the file.
    pub field: String,
    /// Its value in the old playbook; null if it was not there.
    pub before: Value,
    /// Its value in the new playbook; null if it is not there any more.
    pub after: Value,
}

impl PlaybookDiff {
    /// Whether an upgrade would change no item and no step.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares the items and steps that `mode` picks in each playbook (see
/// [`Playbook::items_for`]). The `modes` field itself does not count: only what it leads to; of
/// dates that differ by mode only that of `mode` counts.
pub fn diff(old: &Playbook, new: &Playbook, mode: Option<&str>) -> PlaybookDiff {
    let before = items_in(old, mode);
    let after = items_in(new, mode);
    let (before, after): (Vec<&Item>, Vec<&Item>) = (before.iter().collect(), after.iter().collect());
    let (added, removed, changed) = compare(&before, &after, |item| &item.key);
    let before: Vec<&Step> = old.steps_for(mode).collect();
    let after: Vec<&Step> = new.steps_for(mode).collect();
    let steps = compare(&before, &after, |step| &step.key);
    let steps = StepDiff { added: steps.0, removed: steps.1, changed: steps.2 };
    PlaybookDiff { added, removed, changed, steps }
}

/// The items of a mode with the dates of that mode.
fn items_in(playbook: &Playbook, mode: Option<&str>) -> Vec<Item> {
    let dated = |item: &Item| {
        let due = item.due_in(mode);
        Item { due, due_by_mode: std::collections::BTreeMap::new(), ..item.clone() }
    };
    // Without a mode every date counts, as every item does.
    playbook.items_for(mode).map(|item| if mode.is_some() { dated(item) } else { item.clone() }).collect()
}

type Compared<T> = (Vec<T>, Vec<T>, Vec<EntryChange>);

fn compare<T: Clone + Serialize>(before: &[&T], after: &[&T], key: impl Fn(&T) -> &String) -> Compared<T> {
    let index = |entries: &[&T]| -> std::collections::HashMap<String, usize> {
        entries.iter().enumerate().map(|(at, entry)| (key(entry).clone(), at)).collect()
    };
    let (old, new) = (index(before), index(after));
    let added = after.iter().filter(|e| !old.contains_key(key(e))).map(|e| (*e).clone()).collect();
    let removed = before.iter().filter(|e| !new.contains_key(key(e))).map(|e| (*e).clone()).collect();
    let change = |entry: &&T| {
        let was = before.get(*old.get(key(entry))?)?;
        let fields = changed_fields(&as_fields(was), &as_fields(entry));
        (!fields.is_empty()).then(|| EntryChange { key: key(entry).clone(), fields })
    };
    (added, removed, after.iter().filter_map(change).collect())
}

/// The fields of an entry as the file names them. Items and steps always write as objects.
fn as_fields<T: Serialize>(entry: &T) -> Map<String, Value> {
    match serde_json::to_value(entry) {
        Ok(Value::Object(mut fields)) => {
            fields.remove("modes");
            fields
        }
        _ => Map::new(),
    }
}

fn changed_fields(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<FieldChange> {
    // A field that is left out where it is empty may stand on one side only.
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |of: &Map<String, Value>, field: &String| of.get(field).cloned().unwrap_or(Value::Null);
    let change = |field: &String| FieldChange {
        field: field.clone(),
        before: value(before, field),
        after: value(after, field),
    };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}
