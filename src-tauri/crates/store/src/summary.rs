//! What lists of all tenants show: derived from a tenant's cells, remembered until they change, and
//! kept in the database so that a start with 1,000 tenants reads 1,000 rows and not all their cells.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cairn_domain::agenda::{self, Agenda};
use cairn_domain::cell::field;
use cairn_domain::checklist::{self, Progress, ProjectView};
use cairn_domain::{Entity, TenantId};
use rusqlite::{TransactionBehavior, params};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cells::load_cells_but_comments;
use crate::journals::Journal;
use crate::open::BUSY_TIMEOUT;
use crate::outbox::Counts;
use crate::read::TenantSummary;
use crate::sql::{from_json, int, to_json, uint};
use crate::{Store, StoreError};

/// By which rules a kept summary was derived. Another version of Cairn derives it again; count the
/// second number up when the rules of `checklist` or `agenda` change within one.
const RULES: &str = concat!(env!("CARGO_PKG_VERSION"), "+1");

/// So many summaries must be new before they are kept: a commit for every tenant that somebody
/// writes to would cost more than deriving those few again at the next start.
const WORTH_KEEPING: usize = 32;

/// What is derived from the cells of one tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    slug: String,
    name: String,
    project: Option<ProjectView>,
    progress: Progress,
    conflicts: u64,
    #[serde(serialize_with = "inside", deserialize_with = "shared")]
    agenda: Arc<Agenda>,
}

fn inside<S: Serializer>(agenda: &Arc<Agenda>, to: S) -> Result<S::Ok, S::Error> {
    agenda.as_ref().serialize(to)
}

fn shared<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Agenda>, D::Error> {
    Agenda::deserialize(from).map(Arc::new)
}

/// The facts of each tenant with the version of the cells they were derived from.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    known: RefCell<HashMap<TenantId, (u64, Arc<Facts>)>>,
    /// Whether the kept ones were read.
    read: RefCell<bool>,
}

impl Summaries {
    pub fn forget(&self, tenant: &TenantId) {
        self.known.borrow_mut().remove(tenant);
    }
}

impl Store {
    /// The facts of a tenant at a version of its cells, and whether they had to be derived. Known
    /// ones cost a look-up; deriving reads the tenant's cells but for its comments, under a millisecond for 30 items.
    pub(crate) fn facts(&self, tenant: &TenantId, version: u64) -> Result<(Arc<Facts>, bool), StoreError> {
        if !self.summaries.read.replace(true) {
            self.read_kept()?;
        }
        let known = self.summaries.known.borrow().get(tenant).filter(|(v, _)| *v == version).cloned();
        if let Some((_, facts)) = known {
            return Ok((facts, false));
        }
        let facts = Arc::new(self.derive(tenant)?);
        self.summaries.known.borrow_mut().insert(tenant.clone(), (version, Arc::clone(&facts)));
        Ok((facts, true))
    }

    fn read_kept(&self) -> Result<(), StoreError> {
        let mut statement =
            self.db.prepare("SELECT tenant, version, content FROM summaries WHERE rules = ?1")?;
        let mut rows = statement.query([RULES])?;
        let mut known = self.summaries.known.borrow_mut();
        while let Some(row) = rows.next()? {
            let content = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            // One that cannot be read is derived again.
            if let Ok(facts) = from_json::<Facts>(content) {
                known.insert(row.get::<_, String>(0)?.parse()?, (uint(row.get(1)?), Arc::new(facts)));
            }
        }
        Ok(())
    }

    /// Keeps facts for the next start. They can be derived at any time, so nobody waits for it and
    /// nothing fails with it: where another process writes, they are kept another time.
    pub(crate) fn keep_summaries(&self, fresh: &[(TenantId, u64, Arc<Facts>)]) {
        if fresh.len() < WORTH_KEEPING || self.db.busy_timeout(Duration::ZERO).is_err() {
            return;
        }
        let kept = self.write_summaries(fresh);
        let restored = self.db.busy_timeout(BUSY_TIMEOUT).map_err(StoreError::from);
        if let Err(error) = kept.and(restored) {
            tracing::debug!(code = error.code(), "summaries were not kept");
        }
    }

    /// How many summaries are kept; for tests.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn kept_summaries(&self) -> Result<u64, StoreError> {
        Ok(uint(self.db.query_row("SELECT count(*) FROM summaries", [], |row| row.get(0))?))
    }

    fn write_summaries(&self, fresh: &[(TenantId, u64, Arc<Facts>)]) -> Result<(), StoreError> {
        let tx = rusqlite::Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let mut statement = tx.prepare(
            "INSERT OR REPLACE INTO summaries (tenant, version, rules, content)
             SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM journals WHERE tenant = ?1)",
        )?;
        for (tenant, version, facts) in fresh {
            statement.execute(params![tenant.as_str(), int(*version), RULES, to_json(facts.as_ref())?])?;
        }
        drop(statement);
        Ok(tx.commit()?)
    }

    fn derive(&self, tenant: &TenantId) -> Result<Facts, StoreError> {
        let cells = load_cells_but_comments(&self.db, tenant)?;
        let text = |name| {
            let shown = checklist::shown(&cells, &Entity::Tenant, name);
            shown.and_then(|s| s.kept.value.as_str()).unwrap_or(tenant.as_str()).to_owned()
        };
        let project = checklist::current_project(&cells);
        let playbook = match &project {
            Some(p) => self.playbook(tenant, &p.playbook.digest)?,
            None => None,
        };
        let (progress, agenda) = match (&project, &playbook) {
            (Some(project), Some(playbook)) => (
                checklist::progress(&checklist::items(&cells, project, playbook)),
                agenda::of(&cells, project, playbook),
            ),
            _ => Default::default(),
        };
        Ok(Facts {
            slug: text(field::SLUG),
            name: text(field::NAME),
            project,
            progress,
            conflicts: cells.values().filter(|c| c.is_conflict()).count() as u64,
            agenda: Arc::new(agenda),
        })
    }
}

impl TenantSummary {
    pub(crate) fn new(id: TenantId, journal: &Journal, facts: &Facts, outbox: Counts) -> Self {
        let project = facts.project.clone();
        Self {
            id,
            slug: facts.slug.clone(),
            name: facts.name.clone(),
            playbook: project.as_ref().map(|p| p.playbook.clone()),
            mode: project.as_ref().and_then(|p| p.mode.clone()),
            status: project.as_ref().map_or_else(|| "not_started".to_owned(), |p| p.status.clone()),
            go_live: project.as_ref().and_then(|p| p.go_live.clone()),
            project,
            progress: facts.progress,
            agenda: Arc::clone(&facts.agenda),
            conflicts: facts.conflicts,
            seq: journal.seen.seq,
            head: journal.seen.head,
            digest: journal.digest(),
            audience: journal.audience,
            as_of: journal.as_of,
            rebuilding: journal.rebuild,
            outbox,
        }
    }
}
