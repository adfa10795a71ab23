//! Reading a tenant: what is done, next and blocked. Everything here is derived on read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::{Cell, CellKey, Cells, Kept, field};
use crate::change::{BlockerRef, Owner, PlaybookRef, Status, StatusValue};
use crate::id::{Entity, OpId, ProjectId};
use crate::playbook::Playbook;

/// One cell as a reader sees it: the value that shows, who wrote it, and whether it is disputed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown<'a> {
    /// The op whose value shows.
    pub op: &'a OpId,
    /// The value with its author.
    pub kept: &'a Kept,
    /// Whether another value survives beside it.
    pub conflict: bool,
}

/// The value of a cell that shows now.
pub fn shown<'a>(cells: &'a Cells, entity: &Entity, name: &str) -> Option<Shown<'a>> {
    let cell = cells.get(&CellKey::new(entity.clone(), name))?;
    let (op, kept) = cell.winner()?;
    Some(Shown { op, kept, conflict: cell.is_conflict() })
}

/// An item or a step as screens and `--json` show it.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemView<'a> {
    /// The item or step.
    pub entity: Entity,
    /// Its key in the playbook.
    pub key: &'a str,
    /// Its phase's key; empty for a step and for an item no longer in the playbook.
    pub phase: &'a str,
    /// Its title; the key where the playbook no longer names it.
    pub title: &'a str,
    /// Whether the playbook still names it for this mode.
    pub in_playbook: bool,
    /// The status that shows.
    pub status: StatusValue,
    /// Whether two statuses stand against each other.
    pub conflict: bool,
    /// Who does it: the owner cell, else the playbook's owner role.
    pub owner: Option<Owner>,
    /// `YYYY-MM-DD`, the item's own or relative to go-live.
    pub due: Option<String>,
    /// The note that shows.
    pub note: Option<&'a str>,
    /// The evidence that shows.
    pub evidence: Option<&'a str>,
    /// The last write to any of its cells by op id order of the values that show.
    pub changed: Option<(&'a OpId, &'a Kept)>,
}

/// A project read from the cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectView {
    /// The project.
    pub id: ProjectId,
    /// The playbook that shows.
    pub playbook: PlaybookRef,
    /// Its mode.
    pub mode: Option<String>,
    /// Its status.
    pub status: String,
    /// Its target go-live.
    pub go_live: Option<String>,
}

/// The tenant's projects, oldest first (by playbook, then number).
pub fn projects(cells: &Cells) -> Vec<ProjectView> {
    let from = CellKey { entity: Entity::Tenant, field: String::new() };
    cells
        .range(from..)
        .filter_map(|(key, _)| match &key.entity {
            Entity::Project(id) if key.field == field::PLAYBOOK => project(cells, id),
            _ => None,
        })
        .collect()
}

/// The tenant's newest open project by its author's clock; a completed one where none is open.
pub fn current_project(cells: &Cells) -> Option<ProjectView> {
    let started = |p: &ProjectView| {
        let key = CellKey::new(Entity::Project(p.id.clone()), field::PLAYBOOK);
        cells.get(&key).and_then(Cell::winner).map(|(_, kept)| kept.at)
    };
    projects(cells).into_iter().max_by_key(|p| (p.status != "completed", started(p), p.id.clone()))
}

/// One project, where it has started.
pub fn project(cells: &Cells, id: &ProjectId) -> Option<ProjectView> {
    let entity = Entity::Project(id.clone());
    let text =
        |name: &str| shown(cells, &entity, name).and_then(|s| s.kept.value.as_str().map(str::to_owned));
    let playbook = PlaybookRef::deserialize(&shown(cells, &entity, field::PLAYBOOK)?.kept.value).ok()?;
    Some(ProjectView {
        id: id.clone(),
        playbook,
        mode: text(field::MODE),
        status: text(field::STATUS).unwrap_or_else(|| "not_started".to_owned()),
        go_live: text(field::GO_LIVE),
    })
}

/// The items of a project in the playbook's order, then those no longer in the playbook that still
/// hold a value somebody has not decided about.
pub fn items<'a>(cells: &'a Cells, project: &'a ProjectView, playbook: &'a Playbook) -> Vec<ItemView<'a>> {
    let mode = project.mode.as_deref();
    let mut views: Vec<ItemView<'a>> = playbook
        .items_for(mode)
        .map(|item| {
            let entity = Entity::Item(project.id.clone(), item.key.clone());
            let due =
                item.due_in(mode).and_then(|days| relative(project.go_live.as_deref(), i64::from(days)));
            view(cells, entity, (&item.key, &item.phase, &item.title), Some(&item.owner_role), due)
        })
        .collect();
    let shown: BTreeSet<&str> = views.iter().map(|view| view.key).collect();
    let lost: BTreeSet<(&'a Entity, &'a str)> = cells
        .iter()
        .filter(|(_, cell)| is_decided_here(cell))
        .filter_map(|(key, _)| match &key.entity {
            entity @ Entity::Item(p, k) if *p == project.id => Some((entity, k.as_str())),
            _ => None,
        })
        .filter(|(_, key)| !shown.contains(key))
        .collect();
    views.extend(lost.into_iter().map(|(entity, key)| {
        let title = playbook.item(key).map_or(key, |item| item.title.as_str());
        let mut view = view(cells, entity.clone(), (key, "", title), None, None);
        view.in_playbook = false;
        view
    }));
    views
}

/// The wizard's steps of a project in the playbook's order.
pub fn steps<'a>(cells: &'a Cells, project: &'a ProjectView, playbook: &'a Playbook) -> Vec<ItemView<'a>> {
    playbook
        .steps_for(project.mode.as_deref())
        .map(|step| {
            let entity = Entity::Step(project.id.clone(), step.key.clone());
            view(cells, entity, (&step.key, "", &step.title), Some(&step.owner_role), None)
        })
        .collect()
}

/// What people wrote on an item or step of a project, by field; what was cleared does not count.
pub fn written_on<'a>(cells: &'a Cells, entity: &Entity) -> Vec<(&'a str, Shown<'a>)> {
    let from = CellKey::new(entity.clone(), "");
    let of_entity = cells.range(from..).take_while(|(key, _)| key.entity == *entity);
    let held = of_entity.filter(|(_, cell)| is_decided_here(cell));
    held.filter_map(|(key, cell)| {
        let (op, kept) = cell.winner()?;
        Some((key.field.as_str(), Shown { op, kept, conflict: cell.is_conflict() }))
    })
    .collect()
}

/// Whether anyone wrote a value that is still there; an upgrade clears what its author saw.
fn is_decided_here(cell: &Cell) -> bool {
    cell.values.values().any(|k| !k.value.is_null())
}

fn view<'a>(
    cells: &'a Cells,
    entity: Entity,
    (key, phase, title): (&'a str, &'a str, &'a str),
    owner_role: Option<&str>,
    due: Option<String>,
) -> ItemView<'a> {
    let status = shown(cells, &entity, field::STATUS);
    let [owner, note, own_due, evidence] =
        [field::OWNER, field::NOTE, field::DUE, field::EVIDENCE].map(|f| shown(cells, &entity, f));
    let fields = [status, owner, note, own_due, evidence];
    // The latest by the authors' clocks is only a label; ties go to the larger op id.
    let changed =
        fields.iter().flatten().map(|s| (s.op, s.kept)).max_by(|a, b| (a.1.at, a.0).cmp(&(b.1.at, b.0)));
    let conflict = fields.iter().flatten().any(|s| s.conflict);
    let value = status.and_then(|s| StatusValue::read(&s.kept.value));
    ItemView {
        entity,
        key,
        phase,
        title,
        in_playbook: true,
        status: value.unwrap_or(StatusValue { status: Status::NotStarted, reason: None, blocker: None }),
        conflict,
        owner: owner
            .and_then(|s| Owner::deserialize(&s.kept.value).ok())
            .or_else(|| owner_role.map(|r| Owner::Role(r.to_owned()))),
        due: own_due.and_then(|s| s.kept.value.as_str().map(str::to_owned)).or(due),
        note: note.and_then(|s| s.kept.value.as_str()),
        evidence: evidence.and_then(|s| s.kept.value.as_str()),
        changed,
    }
}

fn relative(go_live: Option<&str>, days: i64) -> Option<String> {
    let date = chrono::NaiveDate::parse_from_str(go_live?, "%Y-%m-%d").ok()?;
    date.checked_add_signed(chrono::Duration::try_days(days)?).map(|d| d.to_string())
}

/// How far a checklist is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Items complete.
    pub done: usize,
    /// Items that apply: all but those not applicable.
    pub total: usize,
    /// Items blocked.
    pub blocked: usize,
}

/// Counts items; not applicable ones leave the total.
pub fn progress<'a>(items: impl IntoIterator<Item = &'a ItemView<'a>>) -> Progress {
    let mut out = Progress::default();
    for item in items {
        if item.status.status == Status::NotApplicable {
            continue;
        }
        out.total += 1;
        // An open conflict counts as not complete.
        out.done += usize::from(item.status.status == Status::Complete && !item.conflict);
        out.blocked += usize::from(item.status.status == Status::Blocked);
    }
    out
}

/// A blocker that is open: a surviving status value carries it.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockerView {
    /// The blocker.
    pub blocker: BlockerRef,
    /// The item or step it stands on.
    pub on: Entity,
    /// The reason that stands now.
    pub reason: String,
    /// Who opened it and when.
    pub opened: Option<Kept>,
    /// Its owner.
    pub owner: Option<Owner>,
    /// Whom it waits on.
    pub waiting_on: Option<String>,
    /// `P0` to `P3`.
    pub severity: Option<String>,
}

/// The open blockers, oldest first.
pub fn blockers(cells: &Cells) -> Vec<BlockerView> {
    let mut out: Vec<BlockerView> = Vec::new();
    for (key, cell) in cells.iter().filter(|(k, _)| k.field == field::STATUS) {
        for kept in cell.values.values() {
            let Some(StatusValue { blocker: Some(blocker), reason, .. }) = StatusValue::read(&kept.value)
            else {
                continue;
            };
            if out.iter().all(|b| b.blocker.op != blocker.op) {
                out.push(blocker_view(cells, blocker, key.entity.clone(), reason.unwrap_or_default()));
            }
        }
    }
    out.sort_by(|a, b| a.blocker.age().cmp(&b.blocker.age()));
    out
}

fn blocker_view(cells: &Cells, blocker: BlockerRef, on: Entity, reason: String) -> BlockerView {
    let entity = Entity::Blocker(blocker.op.clone());
    let value = |name: &str| shown(cells, &entity, name).map(|s| s.kept.value.clone());
    let text = |name: &str| value(name).as_ref().and_then(Value::as_str).map(str::to_owned);
    BlockerView {
        opened: shown(cells, &entity, field::OPENED).map(|s| s.kept.clone()),
        owner: value(field::OWNER).and_then(|v| Owner::deserialize(v).ok()),
        waiting_on: text(field::WAITING_ON),
        severity: text(field::SEVERITY),
        blocker,
        on,
        reason,
    }
}
