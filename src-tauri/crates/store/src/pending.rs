//! This laptop's own ops on top of the confirmed state: taken back, and decided again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::field;
use cairn_domain::change::PlaybookRef;
use cairn_domain::decide::{self, Context, Lineage, Refusal, Slice, Standing};
use cairn_domain::effect::{Effects, Origin, kept_playbooks};
use cairn_domain::journal::Outcome;
use cairn_domain::planted::{Bug, planted};
use cairn_domain::playbook::{self, Playbook};
use cairn_domain::{AccountId, Cell, CellKey, Change, Entity, Op, OpId, ProjectId, SealedOp, TenantId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;

use crate::cells::{Images, Work, in_journal, keep_playbook, load_cell};
use crate::identity::Identity;
use crate::sql::{from_json, int, to_json};
use crate::{Store, StoreError};

type Playbooks = RefCell<HashMap<String, Option<Arc<Playbook>>>>;

/// What deciding needs beside the op: who decides, by which table, with which playbooks.
pub(crate) struct Judge<'s> {
    pub db: &'s Connection,
    pub identity: &'s Identity,
    table: &'s Table,
    playbooks: &'s Playbooks,
}

impl Store {
    pub(crate) fn judge(&self) -> Result<Judge<'_>, StoreError> {
        let identity = &self.me()?.identity;
        Ok(Judge { db: &self.db, identity, table: &self.table, playbooks: &self.playbooks })
    }
}

impl Judge<'_> {
    /// Decides an op of this laptop against the cells as they are.
    pub fn decide(&self, work: &mut Work<'_>, op: &Op) -> Result<Result<Effects, Refusal>, StoreError> {
        let followed = decide::follow_duplicate(op, |id| duplicate_of(self.db, id))?;
        let decided = followed.as_ref().unwrap_or(op);
        let slice = self.slice(work, decided)?;
        let standing = self.standing(decided)?;
        let context = Context { table: self.table, standing, seq: None };
        Ok(decide::decide(&slice, decided, &context))
    }

    fn slice(&self, work: &mut Work<'_>, op: &Op) -> Result<Slice, StoreError> {
        let touches = decide::touches(op);
        let mut slice = Slice { cells: work.copy(&touches.cells)?, ..Slice::default() };
        if let Some(project) = &touches.project {
            slice.playbooks = self.playbooks_of(work, &op.header.op.tenant, project)?;
        }
        loop {
            let missing = decide::missing_lineage(op, &slice);
            if missing.is_empty() {
                return Ok(slice);
            }
            for id in missing {
                let lineage = lineage(self.db, &id)?;
                slice.lineage.insert(id, lineage);
            }
        }
    }

    fn playbooks_of(
        &self,
        work: &mut Work<'_>,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Vec<Arc<Playbook>>, StoreError> {
        let key = CellKey::new(Entity::Project(project.clone()), field::PLAYBOOK);
        let Some(cell) = work.get(&key)? else { return Ok(Vec::new()) };
        let named: Vec<PlaybookRef> =
            cell.values.values().filter_map(|kept| PlaybookRef::deserialize(&kept.value).ok()).collect();
        let mut out = Vec::new();
        for name in named {
            out.extend(read_playbook(self.db, self.playbooks, tenant, &name.digest)?);
        }
        Ok(out)
    }

    /// How this laptop's person stands to the journal, from `_org` as this laptop knows it. Where it
    /// may not read that, the service sent the tenant only because the person belongs to it.
    fn standing(&self, op: &Op) -> Result<Standing, StoreError> {
        let account = &op.body.actor;
        let tenant = match &op.body.change {
            Change::AssignmentSet { tenant, .. } => tenant,
            _ => &op.header.op.tenant,
        };
        let role = org_value(self.db, Entity::Account(account.clone()), field::ROLE)?;
        let role = role.and_then(|v| Role::deserialize(&v).ok());
        let readable = role.is_some();
        let assigned =
            org_value(self.db, Entity::Assignment(account.clone(), tenant.clone()), field::ACTIVE)?;
        let assigned = assigned.map_or(!readable, |v| v == serde_json::Value::Bool(true));
        let relation = if assigned { Relation::Assigned } else { Relation::Stranger };
        Ok(Standing::Person { role: role.unwrap_or(self.identity.role), relation })
    }
}

/// What the journal of the organisation says of something, as this laptop knows it.
pub(crate) fn org_value(
    db: &Connection,
    entity: Entity,
    name: &str,
) -> Result<Option<serde_json::Value>, StoreError> {
    let cell = load_cell(db, &TenantId::org(), &CellKey::new(entity, name))?;
    Ok(cell.as_ref().and_then(Cell::winner).map(|(_, kept)| kept.value.clone()))
}

/// A playbook of a tenant by its digest; none where the source is not here or not readable.
pub(crate) fn read_playbook(
    db: &Connection,
    cache: &Playbooks,
    tenant: &TenantId,
    digest: &str,
) -> Result<Option<Arc<Playbook>>, StoreError> {
    if let Some(known) = cache.borrow().get(digest) {
        return Ok(known.clone());
    }
    let source: Option<String> = db
        .prepare_cached("SELECT source FROM playbooks WHERE tenant = ?1 AND digest = ?2")?
        .query_row(params![tenant.as_str(), digest], |row| row.get(0))
        .optional()?;
    let Some(source) = source else { return Ok(None) };
    let read = playbook::parse(&source).ok().filter(|p| p.digest() == digest).map(Arc::new);
    cache.borrow_mut().insert(digest.to_owned(), read.clone());
    Ok(read)
}

/// What became of an op that someone names as seen, as far as this laptop knows.
fn lineage(db: &Connection, op: &OpId) -> Result<Lineage, StoreError> {
    if in_journal(db, op)? {
        return Ok(Lineage::Accepted);
    }
    let row = db
        .prepare_cached(
            "SELECT state, outcome, effects IS NOT NULL, body FROM outbox
             WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
        )?
        .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, Option<String>>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, String>(3)?,
            ))
        })
        .optional()?;
    let Some((state, outcome, applied, body)) = row else { return Ok(Lineage::Unknown) };
    let base = || decide::follow_base(from_json::<BaseOnly>(&body)?.base, |id| duplicate_of(db, id));
    let outcome: Option<Outcome> = outcome.map(|text| from_json(&text)).transpose()?;
    Ok(match (state.as_str(), outcome) {
        (_, Some(Outcome::Duplicate { of })) => Lineage::Duplicate { of, base: base()? },
        ("held", _) => Lineage::Held(base()?),
        ("pending" | "receipted", _) if applied => Lineage::Accepted,
        _ => Lineage::Refused(base()?),
    })
}

/// The op that a duplicate was answered with, as far as this laptop knows.
fn duplicate_of(db: &Connection, op: &OpId) -> Result<Option<OpId>, StoreError> {
    if in_journal(db, op)? {
        return Ok(None);
    }
    let outcome: Option<String> = db
        .prepare_cached("SELECT outcome FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3")?
        .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| row.get(0))
        .optional()?
        .flatten();
    let outcome: Option<Outcome> = outcome.map(|text| from_json(&text)).transpose()?;
    Ok(outcome.and_then(|outcome| outcome.duplicate_of().cloned()))
}

#[derive(Deserialize)]
struct BaseOnly {
    #[serde(default)]
    base: std::collections::BTreeMap<CellKey, Vec<OpId>>,
}

/// One op of the outbox that still counts.
pub(crate) struct Pending {
    pub id: i64,
    pub sealed: SealedOp,
    pub before: Option<String>,
}

/// The ops that stand on top of the confirmed state, in their order.
pub(crate) fn pending(db: &Connection, tenant: &TenantId) -> Result<Vec<Pending>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT id, header, salt, body, before FROM outbox
         WHERE tenant = ?1 AND state IN ('pending', 'receipted') ORDER BY id",
    )?;
    let rows = statement.query_map([tenant.as_str()], |row| {
        let sealed = SealedOp { header: row.get(1)?, salt: row.get(2)?, body: row.get(3)? };
        Ok(Pending { id: row.get(0)?, sealed, before: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes the effects of all pending ops back, newest first: what is left is the confirmed state.
pub(crate) fn undo_pending(
    db: &Connection,
    work: &mut Work<'_>,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    for op in pending(db, tenant)?.iter().rev() {
        if let Some(before) = &op.before {
            let images: Vec<(CellKey, Option<Cell>)> = from_json(before)?;
            for (key, cell) in images {
                work.set(&key, cell)?;
            }
        }
    }
    Ok(())
}

/// Decides all pending ops again, oldest first, on top of the confirmed state in `work`.
pub(crate) fn redo_pending(
    judge: &Judge<'_>,
    work: &mut Work<'_>,
    tenant: &TenantId,
) -> Result<(), StoreError> {
    // What an op's fate was on the old state must not count as known for those after it.
    judge
        .db
        .prepare_cached("UPDATE outbox SET effects = NULL, before = NULL WHERE tenant = ?1 AND state IN ('pending', 'receipted')")?
        .execute([tenant.as_str()])?;
    for row in pending(judge.db, tenant)? {
        let op = row.sealed.open()?;
        let decided = if in_journal(judge.db, &op.header.op)? {
            // Another copy of this profile used the number; this op comes back under a new device.
            Err(Refusal::new("device_forked", "Another copy of this profile used the same number."))
        } else {
            judge.decide(work, &op)?
        };
        match decided {
            Ok(effects) => {
                let before = apply_own(judge.db, work, &op, &effects)?;
                keep_effects(judge.db, row.id, &effects, &before)?;
            }
            Err(refusal) => {
                judge
                    .db
                    .prepare_cached("UPDATE outbox SET doubt = ?2 WHERE id = ?1")?
                    .execute(params![row.id, to_json(&refusal)?])?;
            }
        }
    }
    Ok(())
}

/// Projects an own op; returns the cells as they were.
pub(crate) fn apply_own(
    db: &Connection,
    work: &mut Work<'_>,
    op: &Op,
    effects: &Effects,
) -> Result<Images, StoreError> {
    for (digest, source) in kept_playbooks(effects) {
        keep_playbook(db, &op.header.op.tenant, digest, source)?;
    }
    work.apply(Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at }, effects)
}

fn keep_effects(db: &Connection, id: i64, effects: &Effects, before: &Images) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE outbox SET effects = ?2, before = ?3, doubt = NULL WHERE id = ?1")?
        .execute(params![id, lean(effects)?, images_json(before)?])?;
    Ok(())
}

/// Before-images as JSON: a list of pairs.
pub(crate) fn images_json(images: &Images) -> Result<String, StoreError> {
    if planted(Bug::BeforeImageLost) {
        return Ok("[]".to_owned());
    }
    to_json(&images.iter().collect::<Vec<_>>())
}

/// Effects as the outbox keeps them: playbook sources lie beside the cells already.
pub(crate) fn lean(effects: &Effects) -> Result<String, StoreError> {
    let writes = |side: &[cairn_domain::Effect]| {
        side.iter().filter(|e| matches!(e, cairn_domain::Effect::Write { .. })).cloned().collect()
    };
    to_json(&Effects { client: writes(&effects.client), team: writes(&effects.team) })
}

/// The author's name and clock of a body, readable even where a newer version wrote the rest.
#[derive(Deserialize)]
pub(crate) struct Author {
    pub actor: AccountId,
    pub at: cairn_domain::Time,
}
