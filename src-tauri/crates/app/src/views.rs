//! From cells to what the window and `--json` show. Everything here is derived on read.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{CommentValue, Owner, Status, StatusValue};
use cairn_domain::checklist::{self, BlockerView, ItemView, ProjectView};
use cairn_domain::playbook::{Item, Playbook, Target};
use cairn_domain::{AccountId, Entity, OpId, TenantId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{BlockerRow, CommentRow, ItemRow, PhaseRow, Progress, TargetRow};

/// Names of people by account, for those this laptop may know.
#[derive(Debug, Clone, Default)]
pub struct Names(pub BTreeMap<AccountId, (String, String)>);

impl Names {
    /// A person's name; the bare id where this reader may not know it.
    pub fn of(&self, account: &AccountId) -> String {
        self.0.get(account).map_or_else(|| account.to_string(), |(name, _)| name.clone())
    }

    /// A person's role.
    pub fn role(&self, account: &AccountId) -> Option<String> {
        self.0.get(account).map(|(_, role)| role.clone())
    }

    /// An owner: a person's name, or the role.
    pub fn owner(&self, owner: &Owner) -> String {
        match owner {
            Owner::Account(account) => self.of(account),
            Owner::Role(role) => role.clone(),
        }
    }
}

/// RFC 3339 with milliseconds left out, UTC.
pub fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// The project that was asked for (`playbook` or `playbook/n`), else the tenant's newest open one.
pub fn current_project(cells: &Cells, wanted: Option<&str>) -> Option<ProjectView> {
    if let Some(wanted) = wanted {
        return checklist::projects(cells)
            .into_iter()
            .find(|p| p.id.to_string() == wanted || p.id.playbook == wanted);
    }
    checklist::current_project(cells)
}

/// What turning cells into rows needs beside the cells.
pub struct Frame<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its cells.
    pub cells: &'a Cells,
    /// Its project.
    pub project: &'a ProjectView,
    /// The project's playbook.
    pub playbook: &'a Playbook,
    /// People.
    pub names: &'a Names,
    /// Entities that own pending ops write to.
    pub pending: &'a BTreeSet<Entity>,
}

/// What all rows of a list are read against.
struct Facts<'a> {
    views: &'a [ItemView<'a>],
    done: BTreeSet<&'a str>,
    comments: Vec<Comment>,
    blockers: BTreeMap<OpId, BlockerView>,
    parts: BTreeMap<&'a str, checklist::Progress>,
}

impl Frame<'_> {
    /// The checklist by phase; items no longer in the playbook come last under an empty key.
    pub fn phases(&self) -> Vec<PhaseRow> {
        let views = checklist::items(self.cells, self.project, self.playbook);
        let rows = self.rows(&views);
        let mode = self.project.mode.as_deref();
        let known = self.playbook.phases.iter().map(|p| (p.key.as_str(), p.title.as_str(), p.days_in(mode)));
        known
            .chain([("", "No longer in the playbook", None)])
            .filter_map(|(key, title, days)| {
                let items: Vec<ItemRow> = rows.iter().filter(|r| r.phase == key).cloned().collect();
                if items.is_empty() {
                    return None;
                }
                let progress = count(checklist::progress(views.iter().filter(|v| v.phase == key)));
                Some(PhaseRow { key: key.to_owned(), title: title.to_owned(), progress, items, days })
            })
            .collect()
    }

    /// The wizard's steps.
    pub fn steps(&self) -> Vec<ItemRow> {
        self.rows(&checklist::steps(self.cells, self.project, self.playbook))
    }

    fn rows(&self, views: &[ItemView<'_>]) -> Vec<ItemRow> {
        let done: BTreeSet<&str> = views
            .iter()
            .filter(|v| v.status.status == Status::Complete && !v.conflict)
            .map(|v| v.key)
            .collect();
        let comments = comments(self.cells);
        let blockers: BTreeMap<OpId, BlockerView> =
            checklist::blockers(self.cells).into_iter().map(|b| (b.blocker.op.clone(), b)).collect();
        let parts = self.parts(views);
        let facts = Facts { views, done, comments, blockers, parts };
        views.iter().map(|view| self.row(view, &facts)).collect()
    }

    /// Counts of what is nested in each item, at any depth.
    fn parts<'v>(&'v self, views: &'v [ItemView<'v>]) -> BTreeMap<&'v str, checklist::Progress> {
        let mut nested: BTreeMap<&str, Vec<&ItemView<'_>>> = BTreeMap::new();
        let parent = |key: &str| self.playbook.item(key).and_then(|item| item.parent.as_deref());
        for view in views.iter().filter(|view| matches!(view.entity, Entity::Item(..))) {
            // The playbook was read, so nesting ends after a few levels.
            for above in std::iter::successors(parent(view.key), |key| parent(key)) {
                nested.entry(above).or_default().push(view);
            }
        }
        nested.into_iter().map(|(key, parts)| (key, checklist::progress(parts))).collect()
    }

    fn row(&self, view: &ItemView<'_>, facts: &Facts<'_>) -> ItemRow {
        let Facts { views, done, comments, blockers, parts } = facts;
        let item = self.playbook.item(view.key).filter(|_| matches!(view.entity, Entity::Item(..)));
        let step = self.playbook.step(view.key).filter(|_| matches!(view.entity, Entity::Step(..)));
        // A dependency that the mode leaves out does not count.
        let known = |key: &&String| views.iter().any(|v| v.key == key.as_str());
        let depends_on: Vec<String> =
            item.map(|i| i.depends_on.iter().filter(known).cloned().collect()).unwrap_or_default();
        let blocker = view.status.blocker.as_ref().and_then(|b| blockers.get(&b.op));
        let comment_count = comments.iter().filter(|c| c.value.on == view.entity).count();
        ItemRow {
            entity: view.entity.to_string(),
            key: view.key.to_owned(),
            phase: view.phase.to_owned(),
            parent: item.and_then(|i| i.parent.clone()),
            title: view.title.to_owned(),
            status: view.status.status.as_str().to_owned(),
            owner: view.owner.as_ref().map(|o| self.names.owner(o)),
            owner_account: view.owner.as_ref().and_then(account_of),
            due: view.due.clone(),
            waiting_for: depends_on.iter().filter(|k| !done.contains(k.as_str())).cloned().collect(),
            depends_on,
            reason: view.status.reason.clone(),
            note: view.note.map(str::to_owned),
            evidence: view.evidence.map(str::to_owned),
            how_to: item.and_then(|i| i.how_to.clone()),
            evidence_wanted: item.and_then(|i| i.evidence.clone()),
            check: item.and_then(|i| i.check.clone()).or_else(|| step.and_then(|s| s.check.clone())),
            updated_by: view.changed.map(|(_, kept)| self.names.of(&kept.by)),
            updated_at: view.changed.map(|(_, kept)| rfc3339(kept.at)),
            pending: self.pending.contains(&view.entity),
            conflict: view.conflict,
            comments: u32::try_from(comment_count).unwrap_or(u32::MAX),
            in_playbook: view.in_playbook,
            blocker: blocker.map(|b| blocker_row(self.tenant, b, self.names)),
            priority: item.and_then(|i| i.priority).map(word),
            complexity: item.and_then(|i| i.complexity),
            target: item.and_then(|i| i.target.as_ref()).map(target_row),
            repeat: item.and_then(|i| i.repeat).map(word),
            round: item.and_then(|i| i.round.as_ref()).map(|r| r.n),
            sign_off: item.and_then(|i| self.signed_by(i)),
            owner_title: view.owner.as_ref().and_then(|o| self.called(o)),
            parts: parts.get(view.key).copied().map(count),
        }
    }

    fn signed_by(&self, item: &Item) -> Option<String> {
        let key = item.sign_off.as_ref()?;
        self.playbook.sign_offs.iter().find(|line| line.key == *key).map(|line| line.title.clone())
    }

    /// What this playbook calls the role that owns something.
    fn called(&self, owner: &Owner) -> Option<String> {
        match owner {
            Owner::Role(role) => self.playbook.roles.get(role).cloned(),
            Owner::Account(_) => None,
        }
    }
}

/// A word of the playbook's format as its file writes it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A target as rows show it.
pub fn target_row(target: &Target) -> TargetRow {
    TargetRow {
        bound: word(target.bound),
        value: target.value,
        unit: target.unit.clone(),
        within_hours: target.within_hours,
    }
}

fn account_of(owner: &Owner) -> Option<String> {
    match owner {
        Owner::Account(account) => Some(account.to_string()),
        Owner::Role(_) => None,
    }
}

/// The domain's counts in the shape of the api.
pub fn count(progress: checklist::Progress) -> Progress {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Progress { done: narrow(progress.done), total: narrow(progress.total), blocked: narrow(progress.blocked) }
}

/// A blocker as lists show it.
pub fn blocker_row(tenant: &TenantId, view: &BlockerView, names: &Names) -> BlockerRow {
    BlockerRow {
        id: view.blocker.op.to_string(),
        tenant: tenant.to_string(),
        item: key_of(&view.on),
        severity: view.severity.clone().unwrap_or_else(|| "P2".to_owned()),
        reason: view.reason.clone(),
        owner: view.owner.as_ref().map(|o| names.owner(o)),
        waiting_on: view.waiting_on.clone(),
        opened_at: view.opened.as_ref().map(|k| rfc3339(k.at)).unwrap_or_default(),
        level: 0,
        due_at: None,
    }
}

/// The key of an item or step; the entity's own text for anything else.
pub fn key_of(entity: &Entity) -> String {
    match entity {
        Entity::Item(_, key) | Entity::Step(_, key) => key.clone(),
        other => other.to_string(),
    }
}

/// A comment read from its cell.
pub struct Comment {
    /// The op.
    pub op: OpId,
    /// Its text and place.
    pub value: CommentValue,
    /// Who wrote it.
    pub by: AccountId,
    /// When, by the author's clock.
    pub at: Time,
    /// Whether only the team may read it.
    pub team: bool,
}

/// All comments of a tenant this reader may see, oldest first by the authors' clocks.
pub fn comments(cells: &Cells) -> Vec<Comment> {
    let mut out: Vec<Comment> = cells
        .iter()
        .filter_map(|(key, cell)| {
            let team = match key.entity {
                Entity::Comment(_) => false,
                Entity::InternalComment(_) => true,
                _ => return None,
            };
            let (op, kept) = cell.winner()?;
            let value = CommentValue::deserialize(&kept.value).ok()?;
            Some(Comment { op: op.clone(), value, by: kept.by.clone(), at: kept.at, team })
        })
        .collect();
    out.sort_by(|a, b| (a.at, &a.op).cmp(&(b.at, &b.op)));
    out
}

/// A comment as the panel shows it.
pub fn comment_row(comment: &Comment, names: &Names, pending: &BTreeSet<Entity>) -> CommentRow {
    let entity = if comment.team {
        Entity::InternalComment(comment.op.clone())
    } else {
        Entity::Comment(comment.op.clone())
    };
    CommentRow {
        id: comment.op.to_string(),
        by: names.of(&comment.by),
        at: rfc3339(comment.at),
        text: comment.value.text.clone(),
        visibility: if comment.team { "team" } else { "client" }.to_owned(),
        pending: pending.contains(&entity),
    }
}

/// A status in words, sentence case (UX rule 3).
pub fn status_words(status: Status) -> &'static str {
    match status {
        Status::NotStarted => "Not started",
        Status::InProgress => "In progress",
        Status::Complete => "Complete",
        Status::Blocked => "Blocked",
        Status::NotApplicable => "Not applicable",
        Status::WaitingToVerify => "Waiting to verify",
    }
}

/// A cell's value in words, and the text people typed with it.
pub fn value_words(name: &str, value: &Value, names: &Names) -> (String, Option<String>) {
    if let Some(status) = (name == field::STATUS).then(|| StatusValue::read(value)).flatten() {
        return (status_words(status.status).to_owned(), status.reason);
    }
    if name == field::OWNER
        && let Ok(owner) = Owner::deserialize(value)
    {
        return (names.owner(&owner), None);
    }
    match value {
        Value::Null if name == field::STATUS => (status_words(Status::NotStarted).to_owned(), None),
        Value::Null => ("Empty".to_owned(), None),
        Value::String(text) => (text.clone(), None),
        Value::Object(map) => {
            let shown = map.get("title").or_else(|| map.get("key")).and_then(Value::as_str);
            let version = map.get("version").map(|v| format!(" version {v}")).unwrap_or_default();
            (shown.map_or_else(|| value.to_string(), |s| format!("{s}{version}")), None)
        }
        other => (other.to_string(), None),
    }
}

/// The word for a field, as people read it.
pub fn field_words(name: &str) -> &str {
    match name {
        field::GO_LIVE => "go-live",
        field::WAITING_ON => "waiting on",
        other => other,
    }
}
