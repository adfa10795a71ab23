//! Moving a running project to another version of its playbook, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{Change, PlaybookRef, Status, StatusValue};
use cairn_domain::checklist::{self, ProjectView};
use cairn_domain::playbook::{self, EntryChange, FieldChange, Playbook, PlaybookDiff};
use cairn_domain::undo::{self, Did};
use cairn_domain::{CellKey, Entity, Hash, OpId, ProjectId, Time};
use cairn_store::Draft;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Desk;
use crate::api::{UpgradeField, UpgradeLine, UpgradePlan, Written};
use crate::desk::{Loaded, id, no_project};
use crate::error::{Result, fault, store};
use crate::history;
use crate::projects::{named, read_book, unknown_playbook};
use crate::views::value_words;

/// What becomes of items and steps that the new version does not have any more and that hold
/// something. What others wrote meanwhile stays either way (DESIGN "One decider").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// They stay, marked as no longer in the playbook.
    Stays,
    /// They go, with the values the author sees; the history keeps those.
    Goes,
}

/// An upgrade that was worked out and not yet written.
struct Upgrade {
    tenant: String,
    loaded: Loaded,
    view: ProjectView,
    old: Arc<Playbook>,
    new: Playbook,
    source: String,
}

impl Upgrade {
    fn diff(&self) -> PlaybookDiff {
        playbook::diff(&self.old, &self.new, self.view.mode.as_deref())
    }

    fn up_to_date(&self) -> bool {
        self.new.digest() == self.old.digest()
    }

    fn entity(&self, kind: Kind, key: &str) -> Entity {
        match kind {
            Kind::Item => Entity::Item(self.view.id.clone(), key.to_owned()),
            Kind::Step => Entity::Step(self.view.id.clone(), key.to_owned()),
        }
    }

    fn plan(&self) -> UpgradePlan {
        let diff = self.diff();
        let items = |entries: &[playbook::Item], of: &Playbook| -> Vec<UpgradeLine> {
            entries.iter().map(|i| self.line(Kind::Item, (&i.key, &i.title, &i.phase), of)).collect()
        };
        let steps = |entries: &[playbook::Step], of: &Playbook| -> Vec<UpgradeLine> {
            entries.iter().map(|s| self.line(Kind::Step, (&s.key, &s.title, ""), of)).collect()
        };
        let changed = |entries: &[EntryChange], kind| -> Vec<UpgradeLine> {
            entries.iter().map(|change| self.changed(kind, change)).collect()
        };
        let removed = [items(&diff.removed, &self.old), steps(&diff.steps.removed, &self.old)].concat();
        UpgradePlan {
            project: self.view.id.to_string(),
            title: self.new.title.clone(),
            from: self.old.version,
            to: self.new.version,
            up_to_date: self.up_to_date(),
            mode_gone: self.view.mode.clone().filter(|mode| self.new.mode(mode).is_none()),
            added: [items(&diff.added, &self.new), steps(&diff.steps.added, &self.new)].concat(),
            changed: [changed(&diff.changed, Kind::Item), changed(&diff.steps.changed, Kind::Step)].concat(),
            seen: self.seen(&removed),
            removed,
        }
    }

    fn line(&self, kind: Kind, (key, title, phase): (&str, &str, &str), of: &Playbook) -> UpgradeLine {
        let entity = self.entity(kind, key);
        let phase = of.phases.iter().find(|p| p.key == phase).map(|p| p.title.clone()).unwrap_or_default();
        UpgradeLine {
            kind: kind.word().to_owned(),
            key: key.to_owned(),
            title: title.to_owned(),
            phase,
            fields: vec![],
            holds: self.holds(&entity),
            stays: kind.named(&self.new, key),
        }
    }

    fn changed(&self, kind: Kind, change: &EntryChange) -> UpgradeLine {
        let item = self.new.item(&change.key).filter(|_| kind == Kind::Item);
        let step = self.new.step(&change.key).filter(|_| kind == Kind::Step);
        let title = item.map(|i| i.title.as_str()).or(step.map(|s| s.title.as_str()));
        let phase = item.map(|i| i.phase.as_str()).unwrap_or_default();
        let mut line = self.line(kind, (&change.key, title.unwrap_or(&change.key), phase), &self.new);
        line.fields = change.fields.iter().map(field_in_words).collect();
        line
    }

    /// What people wrote on an item or step, in words.
    fn holds(&self, entity: &Entity) -> Vec<String> {
        let word = |(name, shown): (&str, checklist::Shown<'_>)| match name {
            field::STATUS => value_words(name, &shown.kept.value, &self.loaded.names).0,
            field::DUE => "due date".to_owned(),
            other => other.to_owned(),
        };
        let mut words: Vec<String> =
            checklist::written_on(&self.loaded.cells, entity).into_iter().map(word).collect();
        // The status says most, so it comes first; it alone is written with a capital.
        words.sort_by_key(|word| word.starts_with(char::is_lowercase));
        words
    }

    /// Names the two versions and every value that an upgrade may take away.
    fn seen(&self, removed: &[UpgradeLine]) -> String {
        let mut seen = vec![self.old.digest().to_owned(), self.new.digest().to_owned()];
        for line in removed {
            let kind = if line.kind == Kind::Item.word() { Kind::Item } else { Kind::Step };
            let written = checklist::written_on(&self.loaded.cells, &self.entity(kind, &line.key));
            seen.extend(written.iter().map(|(name, shown)| format!("{}#{name}={}", line.key, shown.op)));
        }
        let parts: Vec<&[u8]> = seen.iter().map(String::as_bytes).collect();
        Hash::of("cairn upgrade seen", &parts).to_string()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Item,
    Step,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Step => "step",
        }
    }

    fn named(self, book: &Playbook, key: &str) -> bool {
        match self {
            Self::Item => book.item(key).is_some(),
            Self::Step => book.step(key).is_some(),
        }
    }
}

impl Desk {
    /// What an upgrade of the tenant's project would change: to the built-in version of its playbook,
    /// or to that of a file's source. Writes nothing.
    ///
    /// # Errors
    /// `no_project`, `unknown_project`; `bad_playbook` with line and column; `other_playbook` where
    /// the file is another playbook; `unknown_playbook` where none is built in; `older_playbook`
    /// where the built-in one is older than the project's.
    pub fn plan_upgrade(
        &self,
        tenant: &str,
        source: Option<&str>,
        project: Option<&str>,
    ) -> Result<UpgradePlan> {
        Ok(self.upgrade(tenant, source, project)?.plan())
    }

    /// Upgrades the tenant's project. `seen` is what [`Desk::plan_upgrade`] gave.
    ///
    /// # Errors
    /// As [`Desk::plan_upgrade`]; `up_to_date`; `changed_since` where the plan is not the same any
    /// more; the rules' refusals.
    pub fn upgrade_project(
        &mut self,
        tenant: &str,
        source: Option<&str>,
        seen: &str,
        worked: Worked,
        now: Time,
    ) -> Result<Written> {
        let upgrade = self.upgrade(tenant, source, None)?;
        if upgrade.plan().seen != seen {
            let message = "Something changed since the changes were shown. Look at them again.";
            return Err(fault("changed_since", message));
        }
        self.write_upgrade(&upgrade, worked, now)
    }

    /// What an upgrade of the tenant's project would change, as `cairnctl` prints it; with `apply`
    /// it is done.
    ///
    /// # Errors
    /// As [`Desk::plan_upgrade`], and the rules' refusals.
    pub fn upgrade_in_json(
        &mut self,
        tenant: &str,
        source: Option<&str>,
        project: Option<&str>,
        worked: Worked,
        apply: bool,
        now: Time,
    ) -> Result<Value> {
        let upgrade = self.upgrade(tenant, source, project)?;
        let plan = upgrade.plan();
        let held: Vec<&UpgradeLine> = plan.removed.iter().filter(|line| !line.holds.is_empty()).collect();
        let mut out = json!({
            "tenant": upgrade.tenant, "project": upgrade.view.id, "from": plan.from, "to": plan.to,
            "up_to_date": plan.up_to_date, "applied": false, "diff": upgrade.diff(),
            "removed_with_values": held.iter().map(|line| json!({
                "kind": line.kind, "key": line.key, "title": line.title, "holds": line.holds,
                "stays": line.stays || worked == Worked::Stays,
            })).collect::<Vec<_>>(),
        });
        if apply && !plan.up_to_date {
            let written = self.write_upgrade(&upgrade, worked, now)?;
            out["applied"] = json!(true);
            out["op"] = json!(written.op);
        }
        Ok(out)
    }

    fn upgrade(&self, tenant: &str, source: Option<&str>, project: Option<&str>) -> Result<Upgrade> {
        let row = self.tenant(tenant)?;
        let mut loaded = self.load(&id(&row)?, project)?;
        let (view, old) = loaded.project.take().ok_or_else(no_project)?;
        loaded.project = Some((view.clone(), old.clone()));
        let built_in = || playbook::built_in_by_key(&view.id.playbook).map(|b| b.source);
        let text = source.or_else(built_in).ok_or_else(|| unknown_playbook(&view.id.playbook))?;
        let new = read_book(text)?;
        if new.key != view.id.playbook {
            let message = format!(
                "This is the playbook '{}'; the project follows '{}'. A project keeps its playbook.",
                new.key, view.id.playbook
            );
            return Err(fault("other_playbook", message));
        }
        if source.is_none() && new.version < old.version {
            let message = format!(
                "This version of Cairn brings version {} of the playbook; the project follows version {} already.",
                new.version, old.version
            );
            return Err(fault("older_playbook", message));
        }
        Ok(Upgrade { tenant: row.slug, loaded, view, old, new, source: text.to_owned() })
    }

    fn write_upgrade(&mut self, upgrade: &Upgrade, worked: Worked, now: Time) -> Result<Written> {
        if upgrade.up_to_date() {
            return Err(fault("up_to_date", "The project follows this version already."));
        }
        let project = upgrade.view.id.clone();
        let cell = CellKey::new(Entity::Project(project.clone()), field::PLAYBOOK);
        // Without a base of its own the store names all that its author sees on items that go.
        let seen = upgrade.loaded.cells.get(&cell).map(|c| c.base()).unwrap_or_default();
        let base = (worked == Worked::Stays).then(|| BTreeMap::from([(cell, seen)]));
        let change = Change::ProjectUpgraded {
            project,
            playbook: named(&upgrade.new),
            source: upgrade.source.clone(),
        };
        self.write_over(&upgrade.loaded, change, base, now)
    }

    fn write_over(
        &mut self,
        loaded: &Loaded,
        change: Change,
        base: Option<BTreeMap<CellKey, Vec<OpId>>>,
        now: Time,
    ) -> Result<Written> {
        self.within_lease(now)?;
        let summary = history::sentence(&change, loaded);
        let draft = Draft { change, reason: None, base };
        let written = self.store.write(&loaded.tenant, draft, now).map_err(store)?;
        self.told(&written.op, summary)
    }

    /// Takes an upgrade back by ordinary writes: an upgrade to the version before, then each value
    /// that went with an item. A completion that only the platform may confirm comes back as a claim.
    ///
    /// # Errors
    /// `built_on` where the project was upgraded again since; `nothing_to_undo` where the version
    /// before is not on this computer; `replaced_several`.
    pub(crate) fn undo_upgrade(&mut self, op: &OpId, did: &[Did], now: Time) -> Result<Written> {
        let (project, before) = went(did).ok_or_else(|| {
            fault(
                "replaced_several",
                "This upgrade settled a conflict. Upgrade to the version you want instead.",
            )
        })?;
        let loaded = self.load(&op.tenant, Some(&project.to_string()))?;
        if !can_go_back(op, did, &loaded.cells) {
            return Err(fault(
                "built_on",
                "The playbook was changed again since. Upgrade to the version you want.",
            ));
        }
        let source = self.store.playbook_source(&op.tenant, &before.digest).map_err(store)?;
        let source = source.ok_or_else(|| {
            fault("nothing_to_undo", "The version before is not on this computer, so this cannot be undone.")
        })?;
        let cell = CellKey::new(Entity::Project(project.clone()), field::PLAYBOOK);
        let base = BTreeMap::from([(cell, vec![op.clone()])]);
        let version = before.version;
        let change = Change::ProjectUpgraded { project, playbook: before, source };
        let written = self.write_over(&loaded, change, Some(base), now)?;
        let lost = self.bring_back(op, did, &loaded, now);
        let mut summary = format!("Playbook back to version {version}");
        if lost > 0 {
            summary = format!("{summary}; {lost} of the values that went could not be brought back");
        }
        Ok(Written { summary, ..written })
    }

    /// Writes back what an upgrade cleared; gives how many values could not be.
    fn bring_back(&mut self, op: &OpId, did: &[Did], loaded: &Loaded, now: Time) -> usize {
        let cleared = did.iter().filter(|d| matches!(d.cell.entity, Entity::Item(..) | Entity::Step(..)));
        let mut lost = 0;
        for did in cleared {
            let mut values = did.before.iter().filter(|v| !v.is_null());
            let (Some(value), more) = (values.next(), values.next()) else { continue };
            let stands = loaded.cells.get(&did.cell).is_some_and(|c| c.values.contains_key(op));
            let back = more.is_none() && stands && self.write_value(op, &did.cell, value, loaded, now);
            lost += usize::from(!back);
        }
        lost
    }

    fn write_value(&mut self, op: &OpId, cell: &CellKey, value: &Value, loaded: &Loaded, now: Time) -> bool {
        let base = BTreeMap::from([(cell.clone(), vec![op.clone()])]);
        let mut write = |change: Option<Change>| {
            change.is_some_and(|change| self.write_over(loaded, change, Some(base.clone()), now).is_ok())
        };
        let value = without_blocker(value);
        if write(undo::write_back(cell, value.clone())) {
            return true;
        }
        let completed = StatusValue::read(&value).is_some_and(|s| s.status == Status::Complete);
        let claim = json!(StatusValue { status: Status::WaitingToVerify, reason: None, blocker: None });
        completed && write(undo::write_back(cell, claim))
    }
}

/// A blocker is the rules' business; a status is written without it.
fn without_blocker(value: &Value) -> Value {
    match StatusValue::read(value) {
        Some(mut status) => {
            status.blocker = None;
            json!(status)
        }
        None => value.clone(),
    }
}

/// The project that an upgrade moved and the version it moved it from, where that was one.
fn went(did: &[Did]) -> Option<(ProjectId, PlaybookRef)> {
    let moved = did.iter().find(|d| d.cell.field == field::PLAYBOOK)?;
    let Entity::Project(project) = &moved.cell.entity else { return None };
    let (first, rest) = moved.before.split_first()?;
    let before = PlaybookRef::deserialize(first).ok().filter(|_| rest.iter().all(|v| v == first))?;
    Some((project.clone(), before))
}

/// Whether an op moved a project from one version of its playbook to another. A start replaces none.
pub(crate) fn is_upgrade(did: &[Did]) -> bool {
    did.iter().any(|d| d.cell.field == field::PLAYBOOK && !d.before.is_empty())
}

/// Whether the project still follows what this upgrade chose, so that it can be taken back.
pub(crate) fn can_go_back(op: &OpId, did: &[Did], cells: &Cells) -> bool {
    went(did).is_some_and(|(project, _)| {
        let cell = CellKey::new(Entity::Project(project), field::PLAYBOOK);
        cells.get(&cell).is_some_and(|c| c.values.contains_key(op))
    })
}

fn field_in_words(change: &FieldChange) -> UpgradeField {
    UpgradeField {
        field: change.field.clone(),
        before: in_words(&change.field, &change.before),
        after: in_words(&change.field, &change.after),
    }
}

/// A field of an item or step as a person reads it.
fn in_words(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) => Some(
            list.iter()
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        Value::Number(days) if name == "due" => days.as_i64().map(due_in_words),
        Value::Object(target) if name == "target" => Some(target_in_words(target)),
        other => Some(other.to_string()),
    }
}

fn due_in_words(days: i64) -> String {
    let count = |days: u64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    match days {
        0 => "the day of go-live".to_owned(),
        ..0 => format!("{} before go-live", count(days.unsigned_abs())),
        1.. => format!("{} after go-live", count(days.unsigned_abs())),
    }
}

fn target_in_words(target: &serde_json::Map<String, Value>) -> String {
    let text = |name: &str| target.get(name).and_then(Value::as_str).unwrap_or_default();
    let bound = if text("bound") == "at_most" { "at most" } else { "at least" };
    let value = target.get("value").and_then(Value::as_f64).unwrap_or_default();
    let hours = target.get("within_hours").and_then(Value::as_u64);
    let within = hours.map(|hours| format!(" within {hours} h")).unwrap_or_default();
    format!("{bound} {value} {}{within}", text("unit"))
}
