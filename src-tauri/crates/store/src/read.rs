//! Queries for the screens. Everything derived is derived here, on read.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::agenda::Agenda;
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::PlaybookRef;
use cairn_domain::checklist::{self, Progress, ProjectView};
use cairn_domain::id::Audience;
use cairn_domain::playbook::Playbook;
use cairn_domain::undo::Did;
use cairn_domain::{AccountId, Cell, CellKey, Entity, Hash, TenantId, Time};
use cairn_protocol::sync::{HeldOp, Position};
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;

use crate::cells::{load_cells, load_cells_between};
use crate::journals::Journal;
use crate::outbox::Counts;
use crate::pending::{org_value, read_playbook};
use crate::sql::{from_json, uint};
use crate::{Store, StoreError};

/// A tenant as lists show it. Playbook, mode, status, go-live and progress are those of its
/// newest open project.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantSummary {
    /// The tenant.
    pub id: TenantId,
    /// Short name.
    pub slug: String,
    /// Full name.
    pub name: String,
    /// The project shown.
    pub project: Option<ProjectView>,
    /// Its playbook.
    pub playbook: Option<PlaybookRef>,
    /// Rollout mode.
    pub mode: Option<String>,
    /// Status of the project.
    pub status: String,
    /// Target go-live, `YYYY-MM-DD`.
    pub go_live: Option<String>,
    /// How far its checklist is.
    pub progress: Progress,
    /// Its open work and its trail.
    pub agenda: Arc<Agenda>,
    /// How many cells hold more than one value.
    pub conflicts: u64,
    /// The last confirmed seq.
    pub seq: u64,
    /// The head there.
    pub head: Hash,
    /// Digest of the confirmed state there, for this reader's audience.
    pub digest: Hash,
    /// What this reader may see.
    pub audience: Audience,
    /// When the service last said that nothing is newer.
    pub as_of: Time,
    /// Whether the tenant is being loaded anew.
    pub rebuilding: bool,
    /// What is not confirmed.
    pub outbox: Counts,
}

/// A cell with more than one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The tenant.
    pub tenant: TenantId,
    /// The cell.
    pub cell: CellKey,
    /// Its values.
    pub content: Cell,
    /// What the ops that wrote them had replaced there.
    pub before: Vec<Did>,
}

/// A person, as far as this laptop may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub id: AccountId,
    /// Sign-in name.
    pub name: String,
    /// Role.
    pub role: Option<Role>,
    /// Whether it may work.
    pub active: bool,
}

impl Store {
    /// Where this laptop stands in each journal, sorted by tenant: what it proves when it syncs.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        let mut out: Vec<Position> = Journal::all(&self.db)?
            .into_iter()
            .map(|(tenant, journal)| Position { tenant, seen: journal.seen })
            .collect();
        out.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        Ok(out)
    }

    /// Journals of which earlier entries are still missing: the seq before which to fill.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn unfilled(&self) -> Result<BTreeMap<TenantId, u64>, StoreError> {
        let all = Journal::all(&self.db)?;
        Ok(all.into_iter().filter(|(_, j)| j.complete_from > 1).map(|(t, j)| (t, j.complete_from)).collect())
    }

    /// All cells of a tenant: the confirmed state with own pending ops on top.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn cells(&self, tenant: &TenantId) -> Result<Cells, StoreError> {
        load_cells(&self.db, tenant)
    }

    /// How many tenants are on this laptop: the length of [`Store::tenants`], without deriving it.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn tenant_count(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM journals WHERE substr(tenant, 1, 1) <> '_'";
        Ok(uint(self.db.prepare_cached(count)?.query_row([], |row| row.get(0))?))
    }

    /// The tenants on this laptop, by slug.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn tenants(&self) -> Result<Vec<TenantSummary>, StoreError> {
        let mut out = Vec::new();
        // One view of the database for the whole list.
        let tx = self.db.unchecked_transaction()?;
        let counts = all_counts(&tx)?;
        let mut fresh = Vec::new();
        for (tenant, journal) in Journal::all(&tx)? {
            if tenant.as_str().starts_with('_') {
                continue;
            }
            let (facts, is_fresh) = self.facts(&tenant, journal.version)?;
            if is_fresh {
                fresh.push((tenant.clone(), journal.version, Arc::clone(&facts)));
            }
            let outbox = counts.get(&tenant).copied().unwrap_or_default();
            out.push(TenantSummary::new(tenant, &journal, &facts, outbox));
        }
        drop(tx);
        self.keep_summaries(&fresh);
        out.sort_by(|a, b| (&a.slug, &a.id).cmp(&(&b.slug, &b.id)));
        Ok(out)
    }

    /// One of the tenants on this laptop; none where it is not here. Costs the same however many there are.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn tenant(&self, tenant: &TenantId) -> Result<Option<TenantSummary>, StoreError> {
        let tx = self.db.unchecked_transaction()?;
        let Some(journal) = Journal::load(&tx, tenant)?.filter(|_| !tenant.as_str().starts_with('_')) else {
            return Ok(None);
        };
        let (facts, _) = self.facts(tenant, journal.version)?;
        Ok(Some(TenantSummary::new(tenant.clone(), &journal, &facts, self.counts(Some(tenant))?)))
    }

    /// A playbook that came with one of the tenant's projects.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn playbook(&self, tenant: &TenantId, digest: &str) -> Result<Option<Arc<Playbook>>, StoreError> {
        read_playbook(&self.db, &self.playbooks, tenant, digest)
    }

    /// The source of such a playbook, as it was published.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn playbook_source(&self, tenant: &TenantId, digest: &str) -> Result<Option<String>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT source FROM playbooks WHERE tenant = ?1 AND digest = ?2")?;
        Ok(statement.query_row((tenant.as_str(), digest), |row| row.get(0)).optional()?)
    }

    /// The open conflicts of one tenant or of all, by tenant and cell.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn conflicts(&self, tenant: Option<&TenantId>) -> Result<Vec<Conflict>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT tenant, cell, content FROM cells WHERE conflict = 1 AND (?1 IS NULL OR tenant = ?1) ORDER BY tenant, cell",
        )?;
        let rows = statement.query_map([tenant.map(TenantId::as_str)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut out = Vec::new();
        for row in rows {
            let (tenant, cell, content) = row?;
            let (tenant, cell, content): (TenantId, CellKey, Cell) =
                (tenant.parse()?, cell.parse()?, from_json(&content)?);
            let mut before = Vec::new();
            for op in content.values.keys() {
                before.extend(self.did(op)?.unwrap_or_default().into_iter().filter(|d| d.cell == cell));
            }
            out.push(Conflict { tenant, cell, content, before });
        }
        Ok(out)
    }

    /// Whether a tenant is on this laptop.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn holds(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        Ok(Journal::load(&self.db, tenant)?.is_some())
    }

    /// Whether anything was ever received.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn has_journals(&self) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("SELECT 1 FROM journals LIMIT 1")?.exists([])?)
    }

    /// How many conflicts are open: the length of [`Store::conflicts`] of all, without reading them.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn conflict_count(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM cells WHERE conflict = 1";
        Ok(uint(self.db.prepare_cached(count)?.query_row([], |row| row.get(0))?))
    }

    /// The people this laptop may know, by name.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        // `0` follows `/`.
        self.accounts_between("account/", "account0")
    }

    /// One of them.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let entity = Entity::Account(id.clone());
        // `$` follows `#`, which stands before the field.
        Ok(self.accounts_between(&format!("{entity}#"), &format!("{entity}$"))?.pop())
    }

    /// Accounts whose cells lie between two texts; the journal of the organisation also holds an assignment
    /// for each person and tenant, which would be read for nothing.
    fn accounts_between(&self, from: &str, to: &str) -> Result<Vec<Account>, StoreError> {
        let cells = load_cells_between(&self.db, &TenantId::org(), from, to)?;
        let value = |entity: &Entity, name: &str| {
            checklist::shown(&cells, entity, name).map(|s| s.kept.value.clone())
        };
        let mut out: Vec<Account> = cells
            .keys()
            .filter_map(|key| match &key.entity {
                Entity::Account(id) if key.field == field::NAME => Some((id, &key.entity)),
                _ => None,
            })
            .map(|(id, entity)| Account {
                id: id.clone(),
                name: value(entity, field::NAME)
                    .and_then(|v| v.as_str().map(str::to_owned))
                    .unwrap_or_default(),
                role: value(entity, field::ROLE).and_then(|v| Role::deserialize(v).ok()),
                active: value(entity, field::ACTIVE) != Some(serde_json::Value::Bool(false)),
            })
            .collect();
        out.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(out)
    }

    /// Whether a person is assigned to a tenant, as far as this laptop may know.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn is_assigned(&self, account: &AccountId, tenant: &TenantId) -> Result<bool, StoreError> {
        let entity = Entity::Assignment(account.clone(), tenant.clone());
        Ok(org_value(&self.db, entity, field::ACTIVE)? == Some(serde_json::Value::Bool(true)))
    }

    /// The held list of a tenant, for those who may decide about it.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn held(&self, tenant: &TenantId) -> Result<Vec<HeldOp>, StoreError> {
        let mut statement =
            self.db.prepare_cached("SELECT held FROM held WHERE tenant = ?1 ORDER BY place")?;
        let rows = statement.query_map([tenant.as_str()], |row| row.get::<_, String>(0))?;
        rows.map(|row| from_json(&row?)).collect()
    }
}

fn all_counts(db: &Connection) -> Result<BTreeMap<TenantId, Counts>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT tenant, state, count(*) FROM outbox WHERE state <> 'closed' GROUP BY tenant, state",
    )?;
    let mut rows = statement.query([])?;
    let mut out: BTreeMap<TenantId, Counts> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let counts = out.entry(row.get::<_, String>(0)?.parse()?).or_default();
        counts.set(&row.get::<_, String>(1)?, uint(row.get(2)?));
    }
    Ok(out)
}
