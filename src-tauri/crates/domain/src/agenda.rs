//! What a day at the desk begins with: where to go on, what is due, what is blocked and on whom it
//! waits (UX "Today").
//!
//! Two steps. [`of`] reads one tenant's cells into an [`Agenda`] that is small, holds no moment in
//! time of its own and can therefore be kept until the cells change. [`today`] puts any number of
//! them together for one person and one day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::cell::Cells;
use crate::change::{Owner, Status};
use crate::checklist::{self, BlockerView, ItemView, ProjectView};
use crate::id::{AccountId, Entity, OpId};
use crate::playbook::Playbook;

/// How many days ahead of today a task counts as due next.
pub const AHEAD: i64 = 7;

/// For how many days after the last own write a tenant is where one left off.
pub const LEFT_OFF: i64 = 14;

/// One tenant's open work, as its cells stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agenda {
    /// The phases in the playbook's order, those without items left out.
    pub phases: Vec<Stretch>,
    /// The items that are not settled, in the playbook's order.
    pub tasks: Vec<Task>,
    /// When each person whose value survives here wrote last, by the author's clock.
    pub last: BTreeMap<AccountId, Time>,
}

/// A phase of the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// Key in the playbook; empty for items no longer in it.
    pub key: String,
    /// Title; empty where the key is.
    pub title: String,
    /// One letter per item that applies: `c`omplete, in `p`rogress, waiting to `v`erify, `o`pen,
    /// `b`locked.
    pub stones: String,
    /// Items that count as complete; a disputed one does not.
    pub done: u32,
}

/// An item that is not settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The item.
    pub entity: Entity,
    /// Its title.
    pub title: String,
    /// Its status.
    pub status: Status,
    /// Whether two values stand against each other in one of its fields.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The day it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<NaiveDate>,
    /// Whether something it depends on, or is made of, is still open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// Who changed it last, and when by the author's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<(AccountId, Time)>,
    /// What stands in the way; present exactly for blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
}

/// What stands in the way of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Why, in its author's words.
    pub reason: String,
    /// Who owns the blocker, else who owns the item.
    pub owner: Option<Owner>,
    /// `us`, `client` or `vendor`.
    pub waiting_on: Option<String>,
    /// `P0` to `P3`; `P2` where nobody said.
    pub severity: String,
    /// When it was opened, by the author's clock.
    pub opened: Option<Time>,
}

/// Reads the open work of a project.
pub fn of(cells: &Cells, project: &ProjectView, playbook: &Playbook) -> Agenda {
    let views = checklist::items(cells, project, playbook);
    let blockers: BTreeMap<OpId, BlockerView> =
        checklist::blockers(cells).into_iter().map(|b| (b.blocker.op.clone(), b)).collect();
    let open: BTreeSet<&str> = views.iter().filter(|v| !is_settled(v)).map(|v| v.key).collect();
    let waits = waiting_keys(playbook, &open);
    let task = |view: &ItemView<'_>| Task {
        entity: view.entity.clone(),
        title: view.title.to_owned(),
        status: view.status.status,
        conflict: view.conflict,
        owner: view.owner.clone(),
        due: view.due.as_deref().and_then(|day| day.parse().ok()),
        waits: waits.contains(view.key),
        changed: view.changed.map(|(_, kept)| (kept.by.clone(), kept.at)),
        block: block(view, &blockers),
    };
    Agenda {
        phases: stretches(&views, playbook),
        tasks: views.iter().filter(|v| !is_settled(v)).map(task).collect(),
        last: last_writes(cells),
    }
}

/// Nothing is left to do. An open conflict counts as not complete.
fn is_settled(view: &ItemView<'_>) -> bool {
    match view.status.status {
        Status::NotApplicable => true,
        Status::Complete => !view.conflict,
        _ => false,
    }
}

/// Open items that come after others which are open too: those they depend on, and those they are
/// made of.
fn waiting_keys<'p>(playbook: &'p Playbook, open: &BTreeSet<&str>) -> BTreeSet<&'p str> {
    let parents = playbook.items.iter().filter(|i| open.contains(i.key.as_str()));
    let parents = parents.filter_map(|i| i.parent.as_deref());
    let after = playbook.items.iter().filter(|i| i.depends_on.iter().any(|d| open.contains(d.as_str())));
    parents.chain(after.map(|i| i.key.as_str())).collect()
}

fn block(view: &ItemView<'_>, blockers: &BTreeMap<OpId, BlockerView>) -> Option<Block> {
    if view.status.status != Status::Blocked {
        return None;
    }
    let found = view.status.blocker.as_ref().and_then(|b| blockers.get(&b.op));
    Some(Block {
        reason: view.status.reason.clone().unwrap_or_default(),
        owner: found.and_then(|b| b.owner.clone()).or_else(|| view.owner.clone()),
        waiting_on: found.and_then(|b| b.waiting_on.clone()),
        severity: found.and_then(|b| b.severity.clone()).unwrap_or_else(|| "P2".to_owned()),
        opened: found.and_then(|b| b.opened.as_ref()).map(|kept| kept.at),
    })
}

fn stretches(views: &[ItemView<'_>], playbook: &Playbook) -> Vec<Stretch> {
    let known = playbook.phases.iter().map(|p| (p.key.as_str(), p.title.as_str()));
    known
        .chain([("", "")])
        .map(|(key, title)| {
            let inside = || views.iter().filter(|v| v.phase == key);
            let done = checklist::progress(inside()).done;
            Stretch {
                key: key.to_owned(),
                title: title.to_owned(),
                stones: inside().filter_map(|v| stone(v.status.status)).collect(),
                done: u32::try_from(done).unwrap_or(u32::MAX),
            }
        })
        .filter(|stretch| !stretch.stones.is_empty())
        .collect()
}

fn stone(status: Status) -> Option<char> {
    Some(match status {
        Status::Complete => 'c',
        Status::InProgress => 'p',
        Status::WaitingToVerify => 'v',
        Status::NotStarted => 'o',
        Status::Blocked => 'b',
        Status::NotApplicable => return None,
    })
}

fn last_writes(cells: &Cells) -> BTreeMap<AccountId, Time> {
    let mut last: BTreeMap<AccountId, Time> = BTreeMap::new();
    for kept in cells.values().flat_map(|cell| cell.values.values()) {
        let at = last.entry(kept.by.clone()).or_insert(kept.at);
        *at = kept.at.max(*at);
    }
    last
}

/// Who looks, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Viewer {
    /// The person.
    pub account: AccountId,
    /// Their role as playbooks name it.
    pub role: String,
    /// The day it is where they are.
    pub day: NaiveDate,
    /// The moment.
    pub now: Time,
}

/// A tenant as Today weighs it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its name, which orders what is equal otherwise.
    pub name: &'a str,
    /// Target go-live, `YYYY-MM-DD`.
    pub go_live: Option<&'a str>,
    /// False while its project is on hold: then nobody is expected to work on it.
    pub active: bool,
    /// Its open work.
    pub agenda: &'a Agenda,
}

/// A task and its tenant, by the tenant's index in what was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line<'a> {
    /// Index of the tenant.
    pub place: usize,
    /// The task.
    pub task: &'a Task,
}

/// Where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Front<'a> {
    /// Index of the tenant.
    pub place: usize,
    /// When the viewer wrote there last; none where it was chosen because it is the most urgent.
    pub left: Option<Time>,
    /// What to do next there; none where everything open is blocked or waits to be verified.
    pub next: Option<&'a Task>,
    /// What is blocked there, the most pressing first.
    pub blocked: Vec<&'a Task>,
}

/// What the viewer's day begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Today<'a> {
    /// Where to go on; none where nothing is open anywhere.
    pub front: Option<Front<'a>>,
    /// What is late, due today or within [`AHEAD`] days, by day; without the front's next task.
    pub due: Vec<Line<'a>>,
    /// How many tasks are late.
    pub late: usize,
    /// How many are due today.
    pub due_today: usize,
    /// The first one due after today.
    pub upcoming: Option<Line<'a>>,
    /// What is blocked in other tenants than the front, the most pressing first.
    pub blocked: Vec<Line<'a>>,
    /// What waits to be verified by the platform, the oldest claim first.
    pub unverified: Vec<Line<'a>>,
}

/// Whose turn it is, from one's own to others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Mine,
    Anyones,
    Others,
}

impl Viewer {
    fn turn(&self, task: &Task) -> Turn {
        match &task.owner {
            Some(Owner::Account(account)) if *account == self.account => Turn::Mine,
            Some(Owner::Role(role)) if *role != self.role => Turn::Others,
            Some(Owner::Account(_)) => Turn::Others,
            Some(Owner::Role(_)) | None => Turn::Anyones,
        }
    }
}

impl Task {
    /// Somebody can work on it now: not blocked, not claimed already, not waiting for a decision
    /// between two values of a finished one.
    pub fn is_workable(&self) -> bool {
        matches!(self.status, Status::NotStarted | Status::InProgress)
    }

    /// A missing date sorts after every date.
    fn by_due(&self) -> (bool, Option<NaiveDate>) {
        (self.due.is_none(), self.due)
    }

    /// What is begun comes before what is not.
    fn unbegun(&self) -> bool {
        self.status != Status::InProgress
    }
}

/// What to do next in one tenant: what is ready comes before what waits for other items, one's own
/// before anyone's before others', then the earlier date, then what was begun, then the playbook's
/// order.
pub fn next<'a>(agenda: &'a Agenda, viewer: &Viewer) -> Option<&'a Task> {
    let workable = agenda.tasks.iter().filter(|task| task.is_workable());
    workable.min_by_key(|task| (task.waits, viewer.turn(task), task.by_due(), task.unbegun()))
}

/// Puts the viewer's day together. One pass over all open tasks and a sort of what shows: 1,000
/// tenants with 20 open tasks each take a few milliseconds.
pub fn today<'a>(places: &[Place<'a>], viewer: &Viewer) -> Today<'a> {
    let front = front(places, viewer);
    let at = front.as_ref().map(|f| f.place);
    let lines: Vec<Line<'a>> = places
        .iter()
        .enumerate()
        .filter(|(_, place)| place.active)
        .flat_map(|(index, place)| place.agenda.tasks.iter().map(move |task| Line { place: index, task }))
        .collect();
    let dated = dated(places, viewer, &lines);
    let day = |line: &&Line<'a>| line.task.due.unwrap_or(NaiveDate::MAX);
    let until = viewer.day + Duration::days(AHEAD);
    let next = front.as_ref().and_then(|f| f.next);
    let is_next =
        |line: &&Line<'a>| Some(line.place) == at && next.is_some_and(|n| std::ptr::eq(n, line.task));
    Today {
        late: dated.iter().filter(|l| day(l) < viewer.day).count(),
        due_today: dated.iter().filter(|l| day(l) == viewer.day).count(),
        upcoming: dated.iter().find(|l| day(l) > viewer.day).copied(),
        due: dated.iter().filter(|l| day(l) <= until && !is_next(l)).copied().collect(),
        blocked: blocked(places, lines.iter().filter(|l| Some(l.place) != at)),
        unverified: unverified(places, &lines),
        front,
    }
}

/// Workable tasks with a date: by day, then whose turn it is, then the tenant's name; the
/// playbook's order stays within a tenant.
fn dated<'a>(places: &[Place<'a>], viewer: &Viewer, lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let mut dated: Vec<Line<'a>> =
        lines.iter().filter(|l| l.task.is_workable() && l.task.due.is_some()).copied().collect();
    dated.sort_by_key(|l| (l.task.due, viewer.turn(l.task), places[l.place].name, l.place));
    dated
}

/// By severity, then the oldest, then the tenant's name.
fn blocked<'a, 'l>(places: &[Place<'a>], lines: impl Iterator<Item = &'l Line<'a>>) -> Vec<Line<'a>>
where
    'a: 'l,
{
    let mut blocked: Vec<Line<'a>> = lines.filter(|l| l.task.block.is_some()).copied().collect();
    blocked.sort_by_key(|l| (pressing(l.task), places[l.place].name, l.place));
    blocked
}

fn pressing(task: &Task) -> (&str, Time) {
    let block = task.block.as_ref();
    (block.map_or("P2", |b| b.severity.as_str()), block.and_then(|b| b.opened).unwrap_or(Time::MAX_UTC))
}

fn unverified<'a>(places: &[Place<'a>], lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let mut out: Vec<Line<'a>> =
        lines.iter().filter(|l| l.task.status == Status::WaitingToVerify).copied().collect();
    out.sort_by_key(|l| (l.task.changed.as_ref().map(|c| c.1), places[l.place].name, l.place));
    out
}

/// Where the viewer wrote last within [`LEFT_OFF`] days, as long as something is open there; else
/// where the most urgent task is: whatever is next in each tenant, the ready, own and earliest
/// first, then the nearest go-live.
fn front<'a>(places: &[Place<'a>], viewer: &Viewer) -> Option<Front<'a>> {
    let open = || places.iter().enumerate().filter(|(_, p)| p.active && !p.agenda.tasks.is_empty());
    let since = viewer.now - Duration::days(LEFT_OFF);
    let last = |place: &Place<'a>| place.agenda.last.get(&viewer.account).copied().filter(|at| *at >= since);
    let left = open().filter_map(|(index, place)| Some((last(place)?, index))).max_by_key(|(at, _)| *at);
    let urgent = || {
        let by = |(_, place): &(usize, &Place<'a>)| {
            let next = next(place.agenda, viewer);
            let task = next.map(|t| (t.by_due(), t.waits, viewer.turn(t)));
            (next.is_none(), task, place.go_live.is_none(), place.go_live, place.name)
        };
        open().min_by_key(by).map(|(index, _)| index)
    };
    let place = left.map(|(_, index)| index).or_else(urgent)?;
    let agenda = places[place].agenda;
    let mut stuck: Vec<&Task> = agenda.tasks.iter().filter(|t| t.block.is_some()).collect();
    stuck.sort_by_key(|t| pressing(t));
    Some(Front { place, left: left.map(|(at, _)| at), next: next(agenda, viewer), blocked: stuck })
}

#[cfg(test)]
#[path = "agenda_tests.rs"]
mod tests;
