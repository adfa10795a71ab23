//! Many at once: one local transaction with one op each, every one decided by itself.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::{Cell, Cells, field};
use cairn_domain::change::{Change, Status, StatusValue};
use cairn_domain::{CellKey, Entity, OpId, TenantId, Time};
use cairn_store::{Decided, Draft};
use serde_json::Value;

use crate::Desk;
use crate::api::{Choice, Edit, LeftRow, ManyWritten};
use crate::desk::{Loaded, id, parse_entity, parse_op};
use crate::edit;
use crate::error::{Result, fault, store};
use crate::views::field_words;
use crate::{conflicts, history};

/// As many as can be changed, and taken back, at once: a whole checklist.
pub const MOST_AT_ONCE: usize = cairn_domain::playbook::MAX_ITEMS;

/// What stands in the way of changing an item together with others.
enum Way {
    /// Nothing.
    Free,
    /// It holds the value already.
    Same,
    /// Two values stand in it: a write would settle them unseen, and could not be taken back.
    Disputed,
}

impl Desk {
    /// Changes several items or steps of a tenant in one transaction. What the rules refuse, and what
    /// two values stand in, stays as it is and is named with its reason; what holds the value already
    /// is only counted.
    ///
    /// # Errors
    /// `unknown_tenant`, `bad_id`, `bad_status`, `bad_field`; `too_many` above [`MOST_AT_ONCE`].
    pub fn change_many(
        &mut self,
        tenant: &str,
        entities: &[String],
        edit: &Edit,
        now: Time,
    ) -> Result<ManyWritten> {
        self.within_lease(now)?;
        at_most(entities.len())?;
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, None)?;
        let mut done = Done::default();
        let (mut items, mut drafts) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for entity in entities.iter().filter(|entity| seen.insert(*entity)) {
            let item = parse_entity(entity)?;
            let change = edit::on_item(edit, item.clone())?;
            match way(&loaded.cells, &change) {
                Way::Free => {
                    items.push(item);
                    drafts.push(Draft::new(change));
                }
                Way::Same => done.same += 1,
                Way::Disputed => done.leave(&item, loaded.title(&item), DISPUTED.to_owned()),
            }
        }
        let changes: Vec<Change> = drafts.iter().map(|draft| draft.change.clone()).collect();
        let decided = self.store.write_many(&loaded.tenant, drafts, now).map_err(store)?;
        for (item, decided) in items.iter().zip(decided) {
            done.take(item, || loaded.title(item), decided);
        }
        let summary = changes.first().map(|change| done.summary(change, &loaded));
        Ok(ManyWritten {
            summary: summary.unwrap_or_else(|| done.nothing()),
            ops: done.ops,
            refused: done.refused,
        })
    }

    /// Settles several conflicts, each tenant's in one transaction. What cannot be settled stays and
    /// is named with its reason. A settled conflict cannot be taken back (ADR 6); History keeps every
    /// value.
    ///
    /// # Errors
    /// `bad_id`; `too_many` above [`MOST_AT_ONCE`]. Whatever the store reports, and the tenants after
    /// that one are left alone.
    pub fn resolve_many(&mut self, choices: &[Choice], now: Time) -> Result<ManyWritten> {
        self.within_lease(now)?;
        at_most(choices.len())?;
        let mut by_tenant: BTreeMap<TenantId, Vec<(CellKey, OpId)>> = BTreeMap::new();
        for choice in choices {
            let (tenant, key) = conflicts::parse_id(&choice.conflict)?;
            by_tenant.entry(tenant).or_default().push((key, parse_op(&choice.take)?));
        }
        let mut done = Done::default();
        for (tenant, choices) in by_tenant {
            let loaded = self.load(&tenant, None)?;
            let keys: Vec<CellKey> = choices.iter().map(|(key, _)| key.clone()).collect();
            let decided = self.store.resolve_many(&tenant, choices, now).map_err(store)?;
            for (key, decided) in keys.iter().zip(decided) {
                let title = || format!("{}: {}", loaded.title(&key.entity), field_words(key.field.as_str()));
                done.take(&key.entity, title, decided);
            }
        }
        let summary = match done.ops.len() {
            0 => "Nothing was settled".to_owned(),
            1 => "1 conflict settled; every value stays in History".to_owned(),
            many => format!("{many} conflicts settled; every value stays in History"),
        };
        Ok(ManyWritten { summary, ops: done.ops, refused: done.refused })
    }
}

const DISPUTED: &str = "Two values stand against each other here. Decide on the Sync screen first.";

/// What came of many writes so far.
#[derive(Default)]
struct Done {
    ops: Vec<String>,
    refused: Vec<LeftRow>,
    same: usize,
}

impl Done {
    fn leave(&mut self, entity: &Entity, title: String, message: String) {
        self.refused.push(LeftRow { entity: entity.to_string(), title, message });
    }

    fn take(&mut self, entity: &Entity, title: impl FnOnce() -> String, decided: Decided) {
        match decided {
            Ok(written) => self.ops.push(written.op.to_string()),
            Err(refused) => self.leave(entity, title(), refused.to_string()),
        }
    }

    /// `change` is one of those that were asked for.
    fn summary(&self, change: &Change, loaded: &Loaded) -> String {
        let words = history::set_words(change, loaded).unwrap_or_default();
        let same = if self.same > 0 { format!("; {}", already(self.same)) } else { String::new() };
        match self.ops.len() {
            0 => self.nothing(),
            many => format!("{}: {words}{same}", items(many)),
        }
    }

    fn nothing(&self) -> String {
        if self.same > 0 { already(self.same) } else { "Nothing was changed".to_owned() }
    }
}

fn items(count: usize) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

fn already(count: usize) -> String {
    format!("{} had it already", items(count))
}

fn at_most(count: usize) -> Result<()> {
    if count <= MOST_AT_ONCE {
        return Ok(());
    }
    Err(fault("too_many", format!("At most {MOST_AT_ONCE} can be changed at once. Select fewer.")))
}

fn way(cells: &Cells, change: &Change) -> Way {
    let (item, name) = match change {
        Change::ItemStatusSet { item, .. } => (item, field::STATUS),
        Change::ItemFieldSet { item, field, .. } => (item, field.cell()),
        _ => return Way::Free,
    };
    let cell = cells.get(&CellKey::new(item.clone(), name));
    if cell.is_some_and(Cell::is_conflict) {
        return Way::Disputed;
    }
    let held = cell.and_then(Cell::winner).map_or(&Value::Null, |(_, kept)| &kept.value);
    if holds(held, change) { Way::Same } else { Way::Free }
}

/// Whether a cell with this value says already what the change would say.
fn holds(held: &Value, change: &Change) -> bool {
    match change {
        Change::ItemStatusSet { status, reason, .. } => {
            let held = StatusValue::read(held);
            let (is, why) = held.map_or((Status::NotStarted, None), |h| (h.status, h.reason));
            is == *status && (reason.is_none() || *reason == why)
        }
        Change::ItemFieldSet { value, .. } => held == value,
        _ => false,
    }
}
