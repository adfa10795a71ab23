//! The one decider. Pure: what it needs is named by [`touches`], loaded by the caller into a
//! [`Slice`], and judged by [`decide`]. Authoritative in the service; on a laptop it runs only for
//! the laptop's own pending ops, whose fate the service then decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::{Action, Relation, Role, Table};
use crate::cell::{Cell, CellKey, Cells, field};
use crate::change::{
    BlockerField, BlockerOpened, BlockerRef, Change, CommentValue, ItemField, Owner, PROJECT_STATUSES,
    PlaybookRef, ProjectField, Status, StatusValue, Visibility,
};
use crate::effect::{Effect, Effects};
use crate::id::{Entity, OpId, ProjectId};
use crate::import::{self, Import, ImportOutcome, ImportRequest};
use crate::op::Op;
use crate::planted::{Bug, planted};
use crate::playbook::{self, Playbook};

/// The longest text people may type into one field, in characters.
pub const MAX_TEXT: usize = 20_000;

/// Why an op is refused: a code to branch on, a message to read, details to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// E.g. `reason_required`, `not_allowed`, `unknown_item`.
    pub code: String,
    /// One plain sentence: what is wrong and what to do.
    pub message: String,
    /// What it is about, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), details: Value::Null }
    }
}

/// What became of an op that someone names as seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lineage {
    /// In the journal.
    Accepted,
    /// Refused, or dropped from the held list: whoever saw it had seen its base too.
    Refused(BTreeMap<CellKey, Vec<OpId>>),
    /// Not in the journal but may still come (held): its value is already replaced when it does.
    Held(BTreeMap<CellKey, Vec<OpId>>),
    /// The same bytes stand under another name.
    Duplicate {
        /// Under this one.
        of: OpId,
        /// What its author had seen, under the names that copy of the profile used: some of those may
        /// stand apart from what `of` had seen.
        base: BTreeMap<CellKey, Vec<OpId>>,
    },
    /// Never received: may be offered later, after a restore.
    Unknown,
}

/// What must be loaded to decide an op.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Touches {
    /// Cells whose values count.
    pub cells: Vec<CellKey>,
    /// The project whose playbook sources count: those named by its `playbook` cell's values.
    pub project: Option<ProjectId>,
}

/// What was loaded.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    /// The cells named by [`Touches::cells`]; absent ones are empty.
    pub cells: Cells,
    /// What became of the ops that [`missing_lineage`] names.
    pub lineage: BTreeMap<OpId, Lineage>,
    /// The playbooks of [`Touches::project`].
    pub playbooks: Vec<Arc<Playbook>>,
}

/// Who the author is, judged at receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A person.
    Person {
        /// The person's role.
        role: Role,
        /// How the person stands to the tenant.
        relation: Relation,
    },
    /// The service itself, through its enrolled device.
    Service,
}

/// What is passed in beside the op.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The access table.
    pub table: &'a Table,
    /// The author's standing.
    pub standing: Standing,
    /// The seq the op gets if accepted; none on a laptop.
    pub seq: Option<u64>,
}

/// Names what must be loaded before [`decide`].
pub fn touches(op: &Op) -> Touches {
    let mut cells: BTreeSet<CellKey> = op.body.base.keys().cloned().collect();
    let mut project = None;
    match &op.body.change {
        Change::ProjectStarted { project: p, .. } => {
            cells.extend(
                [field::PLAYBOOK, field::MODE, field::GO_LIVE, field::STATUS]
                    .map(|f| CellKey::new(Entity::Project(p.clone()), f)),
            );
        }
        Change::ProjectUpgraded { project: p, .. } | Change::ProjectFieldSet { project: p, .. } => {
            cells.insert(CellKey::new(Entity::Project(p.clone()), field::PLAYBOOK));
            project = Some(p.clone());
        }
        Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. } => {
            cells.insert(CellKey::new(item.clone(), field::STATUS));
            cells.insert(CellKey::new(item.clone(), field::OWNER));
            project = item.project().cloned();
        }
        Change::CommentAdded { on, .. } => project = on.project().cloned(),
        Change::BlockerFieldSet { blocker, .. } => {
            cells.insert(CellKey::new(Entity::Blocker(blocker.clone()), field::OPENED));
        }
        Change::ImportCommitted { import, .. }
        | Change::ImportRefused { import, .. }
        | Change::ImportRollbackRequested { import }
        | Change::ImportRolledBack { import, .. } => {
            let fields = [field::REQUESTED, field::OUTCOME, field::ROLLBACK, field::ROLLED_BACK];
            cells.extend(fields.map(|f| import::key(import, f)));
        }
        _ => {}
    }
    if let Some(p) = &project {
        cells.insert(CellKey::new(Entity::Project(p.clone()), field::PLAYBOOK));
    }
    cells.extend(written(op).into_iter().map(|(key, _)| key));
    Touches { cells: cells.into_iter().collect(), project }
}

/// The longest way from duplicate to duplicate that is followed; each is answered with the op that
/// stands, so one step is the rule.
const MAX_DUPLICATES: usize = 8;

/// The op as it is to be loaded and decided where it names a blocker or an import after an op that was
/// answered as a duplicate: it then stands under the original's name. None where that is not so.
///
/// # Errors
/// Whatever `duplicate_of` fails with.
pub fn follow_duplicate<E>(
    op: &Op,
    duplicate_of: impl FnMut(&OpId) -> Result<Option<OpId>, E>,
) -> Result<Option<Op>, E> {
    let Some(named) = op.body.change.names().cloned() else { return Ok(None) };
    let Some(stands) = original(&named, duplicate_of)? else { return Ok(None) };
    let mut followed = op.clone();
    followed.body.base = std::mem::take(&mut followed.body.base)
        .into_iter()
        .map(|(key, base)| (about(key, &named, &stands), base))
        .collect();
    if let Some(named) = followed.body.change.names_mut() {
        *named = stands;
    }
    Ok(Some(followed))
}

/// The base of an op that was refused or is held, with the blockers and imports it names under the names
/// they stand under by now: whoever names that op as seen is decided under those.
///
/// # Errors
/// Whatever `duplicate_of` fails with.
pub fn follow_base<E>(
    base: BTreeMap<CellKey, Vec<OpId>>,
    mut duplicate_of: impl FnMut(&OpId) -> Result<Option<OpId>, E>,
) -> Result<BTreeMap<CellKey, Vec<OpId>>, E> {
    let mut followed = BTreeMap::new();
    for (key, seen) in base {
        let named = match &key.entity {
            Entity::Blocker(named) | Entity::Import(named) => Some(named.clone()),
            _ => None,
        };
        let stands = match &named {
            Some(named) => original(named, &mut duplicate_of)?,
            None => None,
        };
        let key = match named.zip(stands) {
            Some((named, stands)) => about(key, &named, &stands),
            None => key,
        };
        followed.insert(key, seen);
    }
    Ok(followed)
}

/// The op that stands for a duplicate; none where `named` is not a duplicate.
fn original<E>(
    named: &OpId,
    mut duplicate_of: impl FnMut(&OpId) -> Result<Option<OpId>, E>,
) -> Result<Option<OpId>, E> {
    let mut stands = None;
    for _ in 0..MAX_DUPLICATES {
        let Some(of) = duplicate_of(stands.as_ref().unwrap_or(named))? else { break };
        stands = Some(of);
    }
    Ok(stands)
}

fn about(key: CellKey, named: &OpId, stands: &OpId) -> CellKey {
    match &key.entity {
        Entity::Blocker(blocker) if blocker == named => {
            CellKey { entity: Entity::Blocker(stands.clone()), ..key }
        }
        Entity::Import(import) if import == named => {
            CellKey { entity: Entity::Import(stands.clone()), ..key }
        }
        _ => key,
    }
}

/// The ops named as seen whose fate must still be loaded into `slice.lineage`; call until empty.
pub fn missing_lineage(op: &Op, slice: &Slice) -> Vec<OpId> {
    let mut missing = BTreeSet::new();
    for (key, base) in &op.body.base {
        walk(slice, key, base, &mut |id, lineage| {
            if lineage.is_none() {
                missing.insert(id.clone());
            }
        });
    }
    missing.into_iter().collect()
}

/// Visits each op that `base` leads to: those whose values stand in the cell, and through the
/// lineage of refused, held and duplicate ones.
fn walk<'a>(
    slice: &'a Slice,
    key: &CellKey,
    base: &'a [OpId],
    visit: &mut dyn FnMut(&'a OpId, Option<&'a Lineage>),
) {
    const STANDS: &Lineage = &Lineage::Accepted;
    let standing = slice.cells.get(key);
    let mut seen = BTreeSet::new();
    let mut todo: Vec<&OpId> = base.iter().collect();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        if standing.is_some_and(|c| c.values.contains_key(id)) {
            visit(id, Some(STANDS));
            continue;
        }
        let lineage = slice.lineage.get(id);
        visit(id, lineage);
        match lineage {
            Some(Lineage::Refused(_)) if planted(Bug::BaseNotFollowed) => {}
            Some(Lineage::Refused(base) | Lineage::Held(base)) => {
                todo.extend(base.get(key).into_iter().flatten())
            }
            Some(Lineage::Duplicate { of, base }) => {
                todo.push(of);
                todo.extend(base.get(key).into_iter().flatten());
            }
            _ => {}
        }
    }
}

/// Judges an op. The effects are what the projector applies, on every replica alike.
pub fn decide(slice: &Slice, op: &Op, ctx: &Context<'_>) -> Result<Effects, Refusal> {
    allowed(slice, op, ctx)?;
    checked(slice, op, ctx)?;
    let mut effects = Effects::default();
    let written = written(op);
    for key in op.body.base.keys() {
        let expected = written.iter().any(|(k, _)| k == key) || is_removal(op, key);
        if !expected {
            return Err(Refusal::new(
                "wrong_base",
                format!("The change does not write '{key}', but its base names it."),
            ));
        }
    }
    for (key, value) in written {
        let value =
            if is_status(op, &key) { with_blocker(slice, op, ctx, &key, value, &mut effects) } else { value };
        effects.push(write(slice, op, key, value));
    }
    for key in op.body.base.keys().filter(|key| is_removal(op, key)) {
        effects.push(write(slice, op, key.clone(), Value::Null));
    }
    if let Change::ProjectStarted { playbook, source, .. }
    | Change::ProjectUpgraded { playbook, source, .. } = &op.body.change
    {
        effects.push(Effect::KeepPlaybook { digest: playbook.digest.clone(), source: source.clone() });
    }
    Ok(effects)
}

/// The cells a change writes, and the values, before rules add to them.
fn written(op: &Op) -> Vec<(CellKey, Value)> {
    let one = |entity: Entity, name: &str, value: Value| vec![(CellKey::new(entity, name), value)];
    match &op.body.change {
        Change::TenantCreated { slug, name } => vec![
            (CellKey::new(Entity::Tenant, field::SLUG), json!(slug)),
            (CellKey::new(Entity::Tenant, field::NAME), json!(name)),
        ],
        Change::ProjectStarted { project, playbook, mode, go_live, .. } => {
            let cell = |name| CellKey::new(Entity::Project(project.clone()), name);
            let mut out = vec![
                (cell(field::PLAYBOOK), json!(playbook)),
                (cell(field::MODE), json!(mode)),
                (cell(field::STATUS), json!("not_started")),
            ];
            if let Some(date) = go_live {
                out.push((cell(field::GO_LIVE), json!(date)));
            }
            out
        }
        Change::ProjectUpgraded { project, playbook, .. } => {
            one(Entity::Project(project.clone()), field::PLAYBOOK, json!(playbook))
        }
        Change::ProjectFieldSet { project, field, value } => {
            one(Entity::Project(project.clone()), field.cell(), value.clone())
        }
        Change::ItemStatusSet { item, status, reason } => {
            let value = StatusValue { status: *status, reason: reason.clone(), blocker: None };
            one(item.clone(), field::STATUS, json!(value))
        }
        Change::ItemFieldSet { item, field, value } => one(item.clone(), field.cell(), value.clone()),
        Change::CommentAdded { on, text, visibility } => {
            let entity = match visibility {
                Visibility::Client => Entity::Comment(op.header.op.clone()),
                Visibility::Team => Entity::InternalComment(op.header.op.clone()),
            };
            one(entity, field::COMMENT, json!(CommentValue { on: on.clone(), text: text.clone() }))
        }
        Change::BlockerFieldSet { blocker, field, value } => {
            one(Entity::Blocker(blocker.clone()), field.cell(), value.clone())
        }
        Change::AccountCreated { account, name, role } => {
            let cell = |f| CellKey::new(Entity::Account(account.clone()), f);
            vec![
                (cell(field::NAME), json!(name)),
                (cell(field::ROLE), json!(role)),
                (cell(field::ACTIVE), json!(true)),
            ]
        }
        Change::AccountActiveSet { account, active } => {
            one(Entity::Account(account.clone()), field::ACTIVE, json!(active))
        }
        Change::DeviceEnrolled { device, value } => {
            let cell = |f| CellKey::new(Entity::Device(device.clone()), f);
            vec![(cell(field::KEY), json!(value)), (cell(field::ACTIVE), json!(true))]
        }
        Change::DeviceRetired { device, .. } => {
            one(Entity::Device(device.clone()), field::ACTIVE, json!(false))
        }
        Change::AssignmentSet { account, tenant, active } => {
            one(Entity::Assignment(account.clone(), tenant.clone()), field::ACTIVE, json!(active))
        }
        Change::ImportRequested(request) => {
            one(Entity::Import(op.header.op.clone()), field::REQUESTED, json!(request))
        }
        Change::ImportCommitted { import, committed } => {
            let outcome = ImportOutcome::Committed(committed.clone());
            one(Entity::Import(import.clone()), field::OUTCOME, json!(outcome))
        }
        Change::ImportRefused { import, refused } => {
            let outcome = ImportOutcome::Refused(refused.clone());
            one(Entity::Import(import.clone()), field::OUTCOME, json!(outcome))
        }
        // The same value whoever asks: two who ask at once are no conflict.
        Change::ImportRollbackRequested { import } => {
            one(Entity::Import(import.clone()), field::ROLLBACK, json!(true))
        }
        Change::ImportRolledBack { import, rolled_back } => {
            one(Entity::Import(import.clone()), field::ROLLED_BACK, json!(rolled_back))
        }
        Change::ImportExported { .. }
        | Change::HeldAdopted { .. }
        | Change::HeldDiscarded { .. }
        | Change::ServiceRestored { .. } => Vec::new(),
    }
}

fn write(slice: &Slice, op: &Op, cell: CellKey, value: Value) -> Effect {
    let (mut replaces, mut awaits) = (BTreeSet::new(), BTreeSet::new());
    let empty = Vec::new();
    let base = op.body.base.get(&cell).unwrap_or(&empty);
    walk(slice, &cell, base, &mut |id, lineage| {
        let stands = slice.cells.get(&cell).is_some_and(|c| c.values.contains_key(id));
        if stands {
            replaces.insert(id.clone());
        } else if matches!(lineage, Some(Lineage::Held(_) | Lineage::Unknown))
            && !planted(Bug::HeldNotAwaited)
        {
            awaits.insert(id.clone());
        }
    });
    Effect::Write {
        cell,
        value,
        replaces: replaces.into_iter().collect(),
        awaits: awaits.into_iter().collect(),
    }
}

fn is_status(op: &Op, key: &CellKey) -> bool {
    matches!(op.body.change, Change::ItemStatusSet { .. }) && key.field == field::STATUS
}

/// An upgrade clears cells of items that its author saw removed.
fn is_removal(op: &Op, key: &CellKey) -> bool {
    let Change::ProjectUpgraded { project, .. } = &op.body.change else { return false };
    matches!(&key.entity, Entity::Item(p, _) | Entity::Step(p, _) if p == project)
}

/// A write of blocked keeps the oldest blocker among the blocked values in its base, else opens one
/// named after itself.
fn with_blocker(
    slice: &Slice,
    op: &Op,
    ctx: &Context<'_>,
    key: &CellKey,
    value: Value,
    effects: &mut Effects,
) -> Value {
    let Some(mut status) = StatusValue::read(&value).filter(|s| s.status == Status::Blocked) else {
        return value;
    };
    let empty = Vec::new();
    let mut oldest: Option<BlockerRef> = None;
    walk(slice, key, op.body.base.get(key).unwrap_or(&empty), &mut |id, _| {
        let kept = slice.cells.get(key).and_then(|c| c.values.get(id));
        let blocker = kept.and_then(|k| StatusValue::read(&k.value)).and_then(|s| s.blocker);
        if let Some(b) = blocker
            && oldest.as_ref().is_none_or(|o| b.age() < o.age())
        {
            oldest = Some(b);
        }
    });
    if oldest.is_none() {
        let id = &op.header.op;
        let opened =
            BlockerOpened { on: key.entity.clone(), reason: status.reason.clone().unwrap_or_default() };
        effects.push(Effect::Write {
            cell: CellKey::new(Entity::Blocker(id.clone()), field::OPENED),
            value: json!(opened),
            replaces: Vec::new(),
            awaits: Vec::new(),
        });
        oldest = Some(BlockerRef { opened_seq: ctx.seq, op: id.clone() });
    }
    let opens = oldest.as_ref().is_some_and(|b| b.op == op.header.op);
    status.blocker = oldest.filter(|_| opens || !planted(Bug::BlockerLost));
    json!(status)
}

fn allowed(slice: &Slice, op: &Op, ctx: &Context<'_>) -> Result<(), Refusal> {
    let Standing::Person { role, relation } = ctx.standing else { return Ok(()) };
    let may = |action| ctx.table.allows(role, action, relation);
    let (action, ok) = match &op.body.change {
        Change::ProjectStarted { .. } | Change::ProjectUpgraded { .. } | Change::ProjectFieldSet { .. } => {
            (Action::WriteProject, may(Action::WriteProject))
        }
        Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. } => {
            let tenants = owner_is_tenant_role(slice, item);
            let action = if tenants { Action::WriteTenantItems } else { Action::WriteItems };
            (action, may(action))
        }
        Change::CommentAdded { .. } | Change::ImportExported { .. } => {
            (Action::Comment, may(Action::Comment))
        }
        Change::BlockerFieldSet { .. } => (Action::WriteBlockers, may(Action::WriteBlockers)),
        Change::ImportRequested(_) | Change::ImportRollbackRequested { .. } => {
            (Action::RunImports, may(Action::RunImports))
        }
        Change::HeldAdopted { .. } | Change::HeldDiscarded { .. } => {
            (Action::ManageHeld, may(Action::ManageHeld))
        }
        Change::AssignmentSet { .. } => (Action::Assign, may(Action::Assign)),
        _ => {
            let verb = op.body.change.verb();
            return Err(Refusal::new("service_only", format!("Only the service itself may write {verb}.")));
        }
    };
    if ok {
        return Ok(());
    }
    Err(Refusal {
        code: "not_allowed".into(),
        message: format!("The role {role} may not do this here. Ask an implementation manager."),
        details: json!({ "role": role, "action": action, "relation": relation }),
    })
}

/// The owner of an item: its owner cell where that names a role, else the playbook's owner role.
fn owner_is_tenant_role(slice: &Slice, item: &Entity) -> bool {
    let cell = slice.cells.get(&CellKey::new(item.clone(), field::OWNER));
    let set = cell.and_then(Cell::winner).and_then(|(_, k)| Owner::deserialize(&k.value).ok());
    let role = match (set, item) {
        (Some(Owner::Role(role)), _) => Some(role),
        (_, Entity::Item(_, key)) => {
            slice.playbooks.iter().find_map(|p| p.item(key)).map(|i| i.owner_role.clone())
        }
        (_, Entity::Step(_, key)) => {
            slice.playbooks.iter().find_map(|p| p.step(key)).map(|s| s.owner_role.clone())
        }
        _ => None,
    };
    role.and_then(|r| r.parse::<Role>().ok()).is_some_and(Role::is_tenant_role)
}

fn checked(slice: &Slice, op: &Op, ctx: &Context<'_>) -> Result<(), Refusal> {
    match &op.body.change {
        Change::TenantCreated { slug, name } => {
            text("slug", slug)?;
            text("name", name)
        }
        Change::ProjectStarted { playbook, source, mode, go_live, project } => {
            if project.playbook != playbook.key {
                return Err(Refusal::new("bad_playbook", "The project is named after another playbook."));
            }
            let read = read_playbook(playbook, source)?;
            known_mode([&read], mode.as_deref())?;
            go_live.as_deref().map_or(Ok(()), date)
        }
        Change::ProjectUpgraded { playbook, source, project } => {
            existing_project(slice, project)?;
            if project.playbook != playbook.key {
                return Err(Refusal::new("bad_playbook", "A project cannot change to another playbook."));
            }
            read_playbook(playbook, source).map(drop)
        }
        Change::ProjectFieldSet { project, field, value } => {
            existing_project(slice, project)?;
            project_value(slice, *field, value)
        }
        Change::ItemStatusSet { item, status, reason } => {
            existing_item(slice, item)?;
            status_value(slice, item, *status, reason.as_deref(), ctx)
        }
        Change::ItemFieldSet { item, field, value } => {
            existing_item(slice, item)?;
            item_value(*field, value)
        }
        Change::CommentAdded { on, text: words, .. } => {
            match on {
                Entity::Item(..) | Entity::Step(..) => existing_item(slice, on)?,
                Entity::Project(p) => existing_project(slice, p)?,
                _ => {
                    return Err(Refusal::new(
                        "bad_value",
                        "A comment belongs to an item, a step or a project.",
                    ));
                }
            }
            text("comment", words)
        }
        Change::BlockerFieldSet { blocker, field, value } => {
            let key = CellKey::new(Entity::Blocker(blocker.clone()), field::OPENED);
            if !slice.cells.contains_key(&key) {
                return Err(Refusal::new("unknown_blocker", "There is no such blocker."));
            }
            blocker_value(*field, value)
        }
        Change::ImportRequested(request) => import_request(request),
        Change::ImportExported { source, .. } => text("source", source),
        Change::ImportCommitted { import, .. } | Change::ImportRefused { import, .. } => {
            existing_import(slice, import).and_then(|import| unanswered(&import))
        }
        Change::ImportRollbackRequested { import } => {
            existing_import(slice, import).and_then(|import| can_be_taken_back(&import))
        }
        Change::ImportRolledBack { import, .. } => existing_import(slice, import).and_then(|import| {
            can_be_taken_back(&import)?;
            if import.is_open() { Err(not_committed()) } else { Ok(()) }
        }),
        _ => Ok(()),
    }
}

/// The most types of records that an import may have.
const MOST_TYPES: usize = 100;

fn import_request(request: &ImportRequest) -> Result<(), Refusal> {
    let is_hex =
        request.blob.len() == 64 && request.blob.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex || request.records.len() > MOST_TYPES {
        return Err(Refusal::new("bad_value", "The import does not name its records as it should."));
    }
    let words = [("source", &request.source), ("format", &request.format), ("rules", &request.rules)];
    words.iter().try_for_each(|(what, words)| text(what, words))?;
    request.records.keys().try_for_each(|name| text("type", name))
}

fn existing_import(slice: &Slice, import: &OpId) -> Result<Import, Refusal> {
    Import::read(&slice.cells, import)
        .ok_or_else(|| Refusal::new("unknown_import", format!("There is no import '{import}' here.")))
}

fn unanswered(import: &Import) -> Result<(), Refusal> {
    if import.is_open() {
        return Ok(());
    }
    Err(Refusal::new("import_answered", "The service has answered this import already."))
}

fn can_be_taken_back(import: &Import) -> Result<(), Refusal> {
    if import.rolled_back.is_some() {
        return Err(Refusal::new("already_rolled_back", "This import was taken back already."));
    }
    match &import.outcome {
        // One that is not carried out yet will not be.
        None | Some(ImportOutcome::Committed(_)) => Ok(()),
        Some(ImportOutcome::Refused(_)) => Err(not_committed()),
    }
}

fn not_committed() -> Refusal {
    let message = "The service has not imported this, so there is nothing to take back.";
    Refusal::new("import_not_committed", message)
}

fn existing_project(slice: &Slice, project: &ProjectId) -> Result<(), Refusal> {
    if slice.playbooks.is_empty() {
        return Err(Refusal::new("unknown_project", format!("There is no project '{project}' here.")));
    }
    Ok(())
}

/// An item exists while a playbook of its project names it, or while anyone has written to it.
fn existing_item(slice: &Slice, item: &Entity) -> Result<(), Refusal> {
    let (project, key) = match item {
        Entity::Item(p, key) | Entity::Step(p, key) => (p, key),
        _ => return Err(Refusal::new("bad_value", "Only items and steps have a status.")),
    };
    existing_project(slice, project)?;
    let named = slice.playbooks.iter().any(|p| match item {
        Entity::Item(..) => p.item(key).is_some(),
        _ => p.step(key).is_some(),
    });
    if named || slice.cells.contains_key(&CellKey::new(item.clone(), field::STATUS)) {
        return Ok(());
    }
    Err(Refusal::new("unknown_item", format!("The playbook of '{project}' has nothing called '{key}'.")))
}

fn has_check(slice: &Slice, item: &Entity) -> bool {
    slice.playbooks.iter().any(|p| match item {
        Entity::Item(_, key) => p.item(key).is_some_and(|i| i.check.is_some()),
        Entity::Step(_, key) => p.step(key).is_some_and(|s| s.check.is_some()),
        _ => false,
    })
}

fn status_value(
    slice: &Slice,
    item: &Entity,
    status: Status,
    reason: Option<&str>,
    ctx: &Context<'_>,
) -> Result<(), Refusal> {
    if status.needs_reason() && reason.is_none_or(|r| r.trim().is_empty()) {
        let message = format!("Say why it is {}: a reason is required.", status.as_str().replace('_', " "));
        return Err(Refusal::new("reason_required", message));
    }
    if let Some(reason) = reason {
        text("reason", reason)?;
    }
    let checked = has_check(slice, item);
    if status == Status::WaitingToVerify && !checked {
        return Err(Refusal::new("no_check", "Nothing checks this item, so it cannot wait to be verified."));
    }
    if status == Status::Complete && checked && ctx.standing != Standing::Service {
        let message = "The platform confirms this item. Set it to waiting to verify.";
        return Err(Refusal::new("needs_verification", message));
    }
    Ok(())
}

fn item_value(field: ItemField, value: &Value) -> Result<(), Refusal> {
    if value.is_null() {
        return Ok(());
    }
    match field {
        ItemField::Owner => owner(value),
        ItemField::Note | ItemField::Evidence => text("text", string(value)?),
        ItemField::Due => date(string(value)?),
    }
}

fn blocker_value(field: BlockerField, value: &Value) -> Result<(), Refusal> {
    match field {
        BlockerField::Owner if value.is_null() => Ok(()),
        BlockerField::Owner => owner(value),
        BlockerField::WaitingOn => one_of(value, &["us", "client", "vendor"]),
        BlockerField::Severity => one_of(value, &["P0", "P1", "P2", "P3"]),
    }
}

fn project_value(slice: &Slice, field: ProjectField, value: &Value) -> Result<(), Refusal> {
    match field {
        ProjectField::Mode => known_mode(slice.playbooks.iter().map(Arc::as_ref), value.as_str()),
        ProjectField::GoLive if value.is_null() => Ok(()),
        ProjectField::GoLive => date(string(value)?),
        ProjectField::Status => one_of(value, &PROJECT_STATUSES),
    }
}

fn known_mode<'a>(
    playbooks: impl IntoIterator<Item = &'a Playbook>,
    mode: Option<&str>,
) -> Result<(), Refusal> {
    let modes: Vec<&str> =
        playbooks.into_iter().flat_map(|p| p.modes.iter().map(|m| m.key.as_str())).collect();
    match mode {
        None if modes.is_empty() => Ok(()),
        Some(mode) if modes.contains(&mode) => Ok(()),
        _ => Err(Refusal {
            code: "unknown_mode".into(),
            message: format!("The playbook's modes are: {}.", modes.join(", ")),
            details: json!({ "modes": modes }),
        }),
    }
}

fn read_playbook(named: &PlaybookRef, source: &str) -> Result<Playbook, Refusal> {
    let read = playbook::parse(source).map_err(|e| Refusal {
        code: "bad_playbook".into(),
        message: format!("The playbook is not valid: {e}"),
        details: Value::Null,
    })?;
    if read.key != named.key || read.version != named.version || read.digest() != named.digest {
        return Err(Refusal::new(
            "bad_playbook",
            "The playbook's source is not the one that the change names.",
        ));
    }
    Ok(read)
}

fn string(value: &Value) -> Result<&str, Refusal> {
    value.as_str().ok_or_else(|| Refusal::new("bad_value", "This field takes text."))
}

fn text(what: &str, words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::new("empty_text", format!("The {what} is empty.")));
    }
    let length = words.chars().count();
    if length > MAX_TEXT {
        let message = format!("The {what} has {length} characters; the most is {MAX_TEXT}.");
        return Err(Refusal::new("text_too_long", message));
    }
    Ok(())
}

fn date(text: &str) -> Result<(), Refusal> {
    let exact = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok_and(|d| d.to_string() == text);
    if exact {
        Ok(())
    } else {
        Err(Refusal::new("bad_date", format!("'{text}' is not a date like 2026-03-23.")))
    }
}

fn owner(value: &Value) -> Result<(), Refusal> {
    match Owner::deserialize(value) {
        Ok(Owner::Account(_)) => Ok(()),
        Ok(Owner::Role(role)) => text("role", &role),
        Err(_) => Err(Refusal::new("bad_value", "An owner is a person or a role.")),
    }
}

fn one_of(value: &Value, allowed: &[&str]) -> Result<(), Refusal> {
    if value.as_str().is_some_and(|v| allowed.contains(&v)) {
        return Ok(());
    }
    Err(Refusal::new("bad_value", format!("The value must be one of: {}.", allowed.join(", "))))
}
