//! The desk of one person on one computer: an open profile and everything that can be done with it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use cairn_domain::access::{Action, Relation, Role, Table};
use cairn_domain::agenda::Agenda;
use cairn_domain::cell::Cells;
use cairn_domain::change::{Change, ItemField, Owner, Status, Visibility};
use cairn_domain::checklist::{self, ProjectView};
use cairn_domain::playbook::Playbook;
use cairn_domain::{Entity, OpId, TenantId, Time};
use cairn_store::{Draft, HistoryQuery, Identity, OutboxState, Resolution, Store};
use serde_json::{Value, json};

use crate::api::{
    BlockerRow, ChecklistView, ConflictRow, HistoryRow, ItemDetail, ItemRow, Person, StatusLine, TenantRow,
    Written,
};
use crate::conflicts;
use crate::error::{Result, fault, store};
use crate::history;
use crate::projects;
use crate::upgrades;
use crate::views::{self, Frame, Names};

/// An open profile.
pub struct Desk {
    /// The local store.
    pub store: Store,
}

/// One tenant, loaded for reading.
pub(crate) struct Loaded {
    pub tenant: TenantId,
    pub cells: Arc<Cells>,
    pub project: Option<(ProjectView, Arc<Playbook>)>,
    pub names: Names,
    pub pending: BTreeSet<Entity>,
}

impl Loaded {
    pub fn frame(&self) -> Option<Frame<'_>> {
        let (project, playbook) = self.project.as_ref()?;
        Some(Frame {
            tenant: &self.tenant,
            cells: &self.cells,
            project,
            playbook,
            names: &self.names,
            pending: &self.pending,
        })
    }

    /// The title of an item or step, the key where nothing names it.
    pub fn title(&self, entity: &Entity) -> String {
        let playbook = self.project.as_ref().map(|(_, p)| p);
        let named = match entity {
            Entity::Item(_, key) => playbook.and_then(|p| p.item(key)).map(|i| i.title.clone()),
            Entity::Step(_, key) => playbook.and_then(|p| p.step(key)).map(|s| s.title.clone()),
            Entity::Project(_) => Some("Project".to_owned()),
            Entity::Blocker(_) => Some("Blocker".to_owned()),
            _ => None,
        };
        named.unwrap_or_else(|| views::key_of(entity))
    }
}

impl Desk {
    /// Where what does not fit into memory lies meanwhile.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.store.path().with_file_name("scratch")
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// `signed_out` where nobody is; `lease_expired` where offline access ran out.
    pub fn identity(&self) -> Result<&Identity> {
        let signed_out = self.store.signed_out().map_err(store)?;
        self.store
            .identity()
            .filter(|_| !signed_out)
            .ok_or_else(|| fault("signed_out", "Nobody is signed in on this computer. Sign in first."))
    }

    /// Refuses work once offline access has run out. Expiry locks; it never destroys.
    ///
    /// # Errors
    /// `lease_expired`, `signed_out`.
    pub fn within_lease(&mut self, now: Time) -> Result<()> {
        // Once a minute is enough to notice a clock that was set back, and spares each write a commit.
        if self.identity()?.latest_time + chrono::Duration::minutes(1) < now {
            self.store.note_time(now).map_err(store)?;
        }
        let lease = self.store.lease(now).map_err(store)?;
        if lease.expired {
            let message = "Offline access has run out. Connect to the service to go on; nothing was lost.";
            return Err(fault("lease_expired", message));
        }
        Ok(())
    }

    /// People this laptop may know.
    pub(crate) fn names(&self) -> Result<Names> {
        let accounts = self.store.accounts().map_err(store)?;
        let mut names: std::collections::BTreeMap<_, _> = accounts
            .into_iter()
            .map(|a| (a.id, (a.name, a.role.map(|r| r.to_string()).unwrap_or_default())))
            .collect();
        if let Some(me) = self.store.identity() {
            names.insert(me.account.clone(), (me.name.clone(), me.role.to_string()));
        }
        Ok(Names(names))
    }

    /// The tenants on this computer, by name.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn tenants(&self) -> Result<Vec<TenantRow>> {
        let mut rows: Vec<TenantRow> = self.store.tenants().map_err(store)?.iter().map(tenant_row).collect();
        rows.sort_by(|a, b| (a.name.to_lowercase(), &a.id).cmp(&(b.name.to_lowercase(), &b.id)));
        Ok(rows)
    }

    /// Finds a tenant by slug, id or full name.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn tenant(&self, wanted: &str) -> Result<TenantRow> {
        // The window names tenants by their ids, and often.
        if let Ok(id) = wanted.parse()
            && let Some(found) = self.store.tenant(&id).map_err(store)?
        {
            return Ok(tenant_row(&found));
        }
        let rows = self.tenants()?;
        let fits = |r: &&TenantRow| r.slug == wanted || r.id == wanted || r.name == wanted;
        rows.iter().find(fits).cloned().ok_or_else(|| {
            let message =
                format!("There is no tenant '{wanted}' on this computer. Sync, or ask to be assigned.");
            fault("unknown_tenant", message)
        })
    }

    pub(crate) fn load(&self, tenant: &TenantId, project: Option<&str>) -> Result<Loaded> {
        let cells = Arc::new(self.store.cells(tenant).map_err(store)?);
        let found = views::current_project(&cells, project);
        if found.is_none() && project.is_some() {
            return Err(fault("unknown_project", "This tenant has no such project."));
        }
        let with_book = match found {
            None => None,
            Some(view) => {
                let book = self.store.playbook(tenant, &view.playbook.digest).map_err(store)?;
                let book = book.ok_or_else(|| {
                    fault(
                        "playbook_unreadable",
                        "This version of Cairn cannot read the project's playbook. Update it.",
                    )
                })?;
                Some((view, book))
            }
        };
        Ok(Loaded {
            tenant: tenant.clone(),
            cells,
            project: with_book,
            names: self.names()?,
            pending: self.pending_entities(tenant)?,
        })
    }

    fn pending_entities(&self, tenant: &TenantId) -> Result<BTreeSet<Entity>> {
        let ops = self.store.outbox(Some(tenant)).map_err(store)?;
        let waits = |s: OutboxState| matches!(s, OutboxState::Pending | OutboxState::Receipted);
        Ok(ops
            .iter()
            .filter(|o| waits(o.state))
            .filter_map(|o| history::subject(&o.op, &o.body.change))
            .collect())
    }

    /// A tenant's checklist by phase.
    ///
    /// # Errors
    /// `unknown_tenant`, `unknown_project`.
    pub fn checklist(&self, tenant: &str, project: Option<&str>) -> Result<ChecklistView> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, project)?;
        let book = loaded.project.as_ref().map(|(_, book)| book);
        Ok(ChecklistView {
            playbook_title: book.map(|b| b.title.clone()),
            version: book.map(|b| b.version),
            phases: loaded.frame().map(|f| f.phases()).unwrap_or_default(),
            playbooks: if book.is_none() && self.may(&loaded.tenant, Action::WriteProject) {
                projects::choices()
            } else {
                vec![]
            },
            can_write: self.may(&loaded.tenant, Action::WriteItems)
                || self.may(&loaded.tenant, Action::WriteTenantItems),
            can_comment: self.may(&loaded.tenant, Action::Comment),
            mode_title: mode_title(loaded.project.as_ref()),
            can_upgrade: book.is_some() && self.may(&loaded.tenant, Action::WriteProject),
            newer: book.and_then(|b| projects::newer_than(b)),
            people: self.colleagues(&loaded.tenant)?,
            tenant: row,
        })
    }

    /// A tenant's wizard steps.
    ///
    /// # Errors
    /// `unknown_tenant`, `unknown_project`.
    pub fn wizard(
        &self,
        tenant: &str,
        project: Option<&str>,
    ) -> Result<(TenantRow, Option<Arc<Playbook>>, Vec<ItemRow>)> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, project)?;
        let steps = loaded.frame().map(|f| f.steps()).unwrap_or_default();
        Ok((row, loaded.project.map(|(_, book)| book), steps))
    }

    /// Everything about one item, named by its key or its entity.
    ///
    /// # Errors
    /// `unknown_tenant`, `unknown_item`.
    pub fn item(&self, tenant: &str, entity: &str, now: Time) -> Result<ItemDetail> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, None)?;
        let entity = self.find(&loaded, entity)?;
        let frame = loaded.frame().ok_or_else(no_project)?;
        let rows = frame.phases().into_iter().flat_map(|p| p.items).chain(frame.steps());
        let item =
            rows.into_iter().find(|r| r.entity == entity.to_string()).ok_or_else(|| unknown_item(&entity))?;
        let comments = views::comments(&loaded.cells);
        Ok(ItemDetail {
            comments: comments
                .iter()
                .filter(|c| c.value.on == entity)
                .map(|c| views::comment_row(c, &loaded.names, &loaded.pending))
                .collect(),
            history: history::of(self, &loaded, Some(&entity), 200, now)?,
            people: self.colleagues(&loaded.tenant)?,
            item,
        })
    }

    /// Who may own items of a tenant: its assigned people, and whoever is signed in.
    fn colleagues(&self, tenant: &TenantId) -> Result<Vec<Person>> {
        let me = self.identity()?.account.clone();
        let mut people = Vec::new();
        for account in self.store.accounts().map_err(store)?.into_iter().filter(|account| account.active) {
            if account.id == me || self.store.is_assigned(&account.id, tenant).map_err(store)? {
                people.push(Person {
                    account: account.id.to_string(),
                    name: account.name,
                    role: account.role.map(|role| role.to_string()).unwrap_or_default(),
                });
            }
        }
        people.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(people)
    }

    pub(crate) fn may(&self, tenant: &TenantId, action: Action) -> bool {
        let Some(me) = self.store.identity() else { return false };
        let held = self.store.holds(tenant).unwrap_or(false);
        let relation = if held { Relation::Assigned } else { Relation::Stranger };
        self.role(me).is_some_and(|role| Table::standard().allows(role, action, relation))
    }

    pub(crate) fn role(&self, me: &Identity) -> Option<Role> {
        let listed = self.store.account(&me.account).ok()?.and_then(|account| account.role);
        Some(listed.unwrap_or(me.role))
    }

    /// Finds an item or step by key (or by its full entity text).
    fn find(&self, loaded: &Loaded, key: &str) -> Result<Entity> {
        if key.contains('/') {
            return parse_entity(key);
        }
        let frame = loaded.frame().ok_or_else(no_project)?;
        let mut rows = frame.phases().into_iter().flat_map(|p| p.items).chain(frame.steps());
        let row = rows.find(|r| r.key == key).ok_or_else(|| {
            fault(
                "unknown_item",
                format!("The playbook has nothing called '{key}'. See the checklist for the keys."),
            )
        })?;
        parse_entity(&row.entity)
    }

    /// Sets the status of an item or step. Where the playbook names a check, "complete" is a claim
    /// that waits to be verified: the platform confirms it (SPEC 1).
    ///
    /// # Errors
    /// `unknown_item`, `reason_required` and the rules' other refusals.
    pub fn set_status(
        &mut self,
        tenant: &str,
        key: &str,
        status: &str,
        reason: Option<String>,
        project: Option<&str>,
        now: Time,
    ) -> Result<Written> {
        let status = parse_status(status)?;
        let (loaded, item) = self.target(tenant, key, project)?;
        let status = if status == Status::Complete && has_check(&loaded, &item) {
            Status::WaitingToVerify
        } else {
            status
        };
        self.write(&loaded, Change::ItemStatusSet { item, status, reason }, None, now)
    }

    /// Sets owner, note, due or evidence. `value` is as [`ItemField`] says; null clears.
    ///
    /// # Errors
    /// `unknown_item`, `bad_value`, `bad_date` and the rules' other refusals.
    pub fn set_field(
        &mut self,
        tenant: &str,
        key: &str,
        name: &str,
        value: Value,
        project: Option<&str>,
        now: Time,
    ) -> Result<Written> {
        let which: ItemField = serde_json::from_value(json!(name))
            .map_err(|_| fault("bad_field", format!("'{name}' is not a field of an item.")))?;
        let (loaded, item) = self.target(tenant, key, project)?;
        self.write(&loaded, Change::ItemFieldSet { item, field: which, value }, None, now)
    }

    /// Reads an owner as people type it: a sign-in name, a role, or `none`.
    ///
    /// # Errors
    /// `unknown_person`.
    pub fn owner_value(&self, typed: &str) -> Result<Value> {
        if typed == "none" {
            return Ok(Value::Null);
        }
        if typed.parse::<Role>().is_ok() {
            return Ok(json!(Owner::Role(typed.to_owned())));
        }
        let accounts = self.store.accounts().map_err(store)?;
        let person = accounts.into_iter().find(|a| a.name == typed);
        let person =
            person.ok_or_else(|| fault("unknown_person", format!("Nobody here is called '{typed}'.")))?;
        Ok(json!(Owner::Account(person.id)))
    }

    /// Adds a comment to an item or step.
    ///
    /// # Errors
    /// `unknown_item`, `empty_text`, `not_allowed`.
    pub fn comment(
        &mut self,
        tenant: &str,
        key: &str,
        text: String,
        client: bool,
        project: Option<&str>,
        now: Time,
    ) -> Result<Written> {
        let (loaded, on) = self.target(tenant, key, project)?;
        let visibility = if client { Visibility::Client } else { Visibility::Team };
        self.write(&loaded, Change::CommentAdded { on, text, visibility }, None, now)
    }

    fn target(&self, tenant: &str, key: &str, project: Option<&str>) -> Result<(Loaded, Entity)> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, project)?;
        let entity = self.find(&loaded, key)?;
        Ok((loaded, entity))
    }

    pub(crate) fn write(
        &mut self,
        loaded: &Loaded,
        change: Change,
        reason: Option<String>,
        now: Time,
    ) -> Result<Written> {
        self.within_lease(now)?;
        let summary = history::sentence(&change, loaded);
        let written =
            self.store.write(&loaded.tenant, Draft { change, reason, base: None }, now).map_err(store)?;
        self.told(&written.op, summary)
    }

    /// What is told of a write: what it did, and whether it can be taken back.
    pub(crate) fn told(&self, op: &OpId, summary: String) -> Result<Written> {
        let undoable = match self.store.change(op).map_err(store)? {
            Some(line) if upgrades::is_upgrade(&line.did) => true,
            Some(line) => self.store.undoable(&line).map_err(store)?.is_ok(),
            None => false,
        };
        Ok(Written { op: op.to_string(), summary, undoable })
    }

    /// Open blockers of one tenant or all, oldest first within each tenant.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn blockers(&self, tenant: Option<&str>) -> Result<Vec<BlockerRow>> {
        let names = self.names()?;
        let mut out = Vec::new();
        for row in self.chosen(tenant)? {
            let tenant = id(&row)?;
            let cells = self.store.cells(&tenant).map_err(store)?;
            out.extend(checklist::blockers(&cells).iter().map(|b| views::blocker_row(&tenant, b, &names)));
        }
        Ok(out)
    }

    fn chosen(&self, tenant: Option<&str>) -> Result<Vec<TenantRow>> {
        match tenant {
            Some(wanted) => Ok(vec![self.tenant(wanted)?]),
            None => self.tenants(),
        }
    }

    /// Conflicts of one tenant or all.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn conflicts(&self, tenant: Option<&str>) -> Result<Vec<ConflictRow>> {
        let mut out = Vec::new();
        for row in self.chosen(tenant)? {
            let tenant = id(&row)?;
            let open = self.store.conflicts(Some(&tenant)).map_err(store)?;
            if open.is_empty() {
                continue;
            }
            let loaded = self.load(&tenant, None)?;
            let me = self.identity()?.account.clone();
            for conflict in &open {
                let entity = Some(conflict.cell.entity.clone());
                let query = HistoryQuery { entity, before: None, limit: 100 };
                let history = self.store.history(&tenant, &query).map_err(store)?;
                out.push(conflicts::row(&me, &loaded, &row, conflict, &history.lines));
            }
        }
        Ok(out)
    }

    /// Settles a conflict by taking `mine`, `theirs` or an op's value.
    ///
    /// # Errors
    /// `unknown_conflict`; `ambiguous` with the list where `mine` or `theirs` does not name one value.
    pub fn resolve(&mut self, conflict: &str, take: &str, now: Time) -> Result<Written> {
        self.within_lease(now)?;
        let (tenant, key) = conflicts::parse_id(conflict)?;
        let rows = self.conflicts(Some(tenant.as_str()))?;
        let row = rows.into_iter().find(|r| r.id == conflict).ok_or_else(|| {
            fault("unknown_conflict", "There is no such conflict. It may be settled already; see the list.")
        })?;
        let op = conflicts::choose(&row, take)?;
        let shown =
            row.values.iter().find(|v| v.op == op.to_string()).map(|v| v.shown.clone()).unwrap_or_default();
        let written = self.store.resolve(&tenant, &key, Resolution::Take(op), None, now).map_err(store)?;
        self.told(&written.op, format!("{}: {shown}", row.title))
    }

    /// Takes one change back by an ordinary write.
    ///
    /// # Errors
    /// `built_on`, `nothing_to_undo`, `replaced_several`, `unknown_op`.
    pub fn undo(&mut self, op: &str, now: Time) -> Result<Written> {
        self.within_lease(now)?;
        let op: OpId = parse_op(op)?;
        if let Some(did) = self.store.did(&op).map_err(store)?.filter(|did| upgrades::is_upgrade(did)) {
            return self.undo_upgrade(&op, &did, now);
        }
        let written = self.store.undo(&op, now).map_err(store)?;
        let loaded = self.load(&op.tenant, None)?;
        let title = written.effects.cells().next().map(|c| loaded.title(&c.entity)).unwrap_or_default();
        self.told(&written.op, format!("{title}: change taken back"))
    }

    /// A tenant's history, newest first, own waiting changes on top.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn history(&self, tenant: &str, limit: usize, now: Time) -> Result<Vec<HistoryRow>> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, None)?;
        history::of(self, &loaded, None, limit, now)
    }

    /// The sync line.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn status(&self, network: &str, problem: Option<String>, now: Time) -> Result<StatusLine> {
        let counts = self.store.counts(None).map_err(store)?;
        let identity = self.store.identity();
        Ok(StatusLine {
            // What was receipted has left this computer, though it is not confirmed by a pull yet.
            pending: counts.pending,
            conflicts: self.store.conflict_count().map_err(store)?,
            quarantined: counts.quarantined,
            held: counts.held,
            unread: self.unread()?,
            last_sync: identity.filter(|_| self.synced()).map(|i| views::rfc3339(i.last_contact)),
            lease_until: match identity {
                Some(_) => Some(views::rfc3339(self.store.lease(now).map_err(store)?.until)),
                None => None,
            },
            network: network.to_owned(),
            problem,
        })
    }

    /// Whether anything was ever received.
    fn synced(&self) -> bool {
        self.store.has_journals().unwrap_or(false)
    }

    /// Checks the whole journal of a tenant.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn audit_verify(&self, tenant: &str) -> Result<Value> {
        let row = self.tenant(tenant)?;
        let report = self.store.audit_verify(&id(&row)?).map_err(store)?;
        Ok(json!({
            "tenant": row.slug, "ok": report.ok, "ops": report.ops, "head": report.head,
            "first_bad_seq": report.first_bad_seq, "reason": report.reason,
            "complete_from": report.complete_from, "replaced": report.replaced,
            "not_returned": report.not_returned,
        }))
    }
}

fn tenant_row(s: &cairn_store::TenantSummary) -> TenantRow {
    TenantRow {
        id: s.id.to_string(),
        slug: s.slug.clone(),
        name: s.name.clone(),
        playbook: s.playbook.as_ref().map(|p| p.key.clone()),
        mode: s.mode.clone(),
        status: s.status.clone(),
        go_live: s.go_live.clone(),
        progress: views::count(s.progress),
        trail: trail(&s.agenda),
        seq: s.seq,
        head: s.head.to_string(),
        digest: s.digest.to_string(),
        as_of: Some(views::rfc3339(s.as_of)),
        pending: s.outbox.pending,
        conflicts: s.conflicts,
    }
}

fn mode_title(project: Option<&(ProjectView, Arc<Playbook>)>) -> Option<String> {
    let (view, book) = project?;
    let key = view.mode.as_ref()?;
    Some(book.mode(key).map_or_else(|| key.clone(), |mode| mode.title.clone()))
}

fn trail(agenda: &Agenda) -> String {
    agenda.phases.iter().map(|phase| phase.stones.as_str()).collect::<Vec<_>>().join(" ")
}

fn has_check(loaded: &Loaded, item: &Entity) -> bool {
    let Some((_, book)) = &loaded.project else { return false };
    match item {
        Entity::Item(_, key) => book.item(key).is_some_and(|i| i.check.is_some()),
        Entity::Step(_, key) => book.step(key).is_some_and(|s| s.check.is_some()),
        _ => false,
    }
}

pub(crate) fn parse_status(text: &str) -> Result<Status> {
    serde_json::from_value(json!(text)).map_err(|_| {
        let words: Vec<&str> = Status::BY_CAUTION.iter().map(|s| s.as_str()).collect();
        fault("bad_status", format!("'{text}' is not a status; the statuses are {}.", words.join(", ")))
    })
}

pub(crate) fn no_project() -> cairn_protocol::ApiError {
    fault("no_project", "This tenant has no project yet. Start one from a playbook.")
}

fn unknown_item(entity: &Entity) -> cairn_protocol::ApiError {
    fault("unknown_item", format!("There is no item '{}' here.", views::key_of(entity)))
}

pub(crate) fn id(row: &TenantRow) -> Result<TenantId> {
    row.id.parse().map_err(|e: cairn_domain::id::BadId| fault("bad_id", e.to_string()))
}

pub(crate) fn parse_op(text: &str) -> Result<OpId> {
    text.parse().map_err(|e: cairn_domain::id::BadId| fault("bad_id", e.to_string()))
}

pub(crate) fn parse_entity(text: &str) -> Result<Entity> {
    text.parse().map_err(|e: cairn_domain::id::BadId| fault("bad_id", e.to_string()))
}
