//! What each op did: for History, undo and the conflict screen.

use cairn_domain::effect::{Effect, Effects};
use cairn_domain::journal::{Entry, EntryOrigin, Part};
use cairn_domain::undo::Did;
use cairn_domain::{AccountId, Cell, CellKey, Change, DeviceId, Entity, OpId, TenantId, Time};
use rusqlite::{Connection, OptionalExtension, params};

use crate::cells::in_journal;
use crate::outbox::{self, OutboxOp, OutboxState};
use crate::pull::{ReadEntry, replaced_values};
use crate::sql::{from_json, int};
use crate::{Store, StoreError};

/// One line of History.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryLine {
    /// The op.
    pub op: OpId,
    /// Its place; none while it is not confirmed.
    pub seq: Option<u64>,
    /// When the service received it.
    pub received_at: Option<Time>,
    /// How it came in.
    pub origin: Option<EntryOrigin>,
    /// Where an own op stands that is not confirmed.
    pub state: Option<OutboxState>,
    /// Its author; none where that is not for this reader or erased.
    pub actor: Option<AccountId>,
    /// The author's clock.
    pub at: Option<Time>,
    /// The verb, also where a newer version wrote it.
    pub verb: Option<String>,
    /// The change; none where sealed, erased or of a newer version.
    pub change: Option<Change>,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// What it wrote over what.
    pub did: Vec<Did>,
}

/// What history is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryQuery {
    /// Only what touched this entity.
    pub entity: Option<Entity>,
    /// Only entries before this seq; unconfirmed ops are left out then.
    pub before: Option<u64>,
    /// At most so many lines.
    pub limit: usize,
}

/// A tenant's history, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The lines: own unconfirmed ops, then entries from the newest down.
    pub lines: Vec<HistoryLine>,
    /// The seq from which this laptop holds the journal; 1 when it is complete.
    pub complete_from: u64,
}

impl Store {
    /// The history of a tenant or of one of its entities.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn history(&self, tenant: &TenantId, query: &HistoryQuery) -> Result<History, StoreError> {
        let journal = crate::journals::Journal::require(&self.db, tenant)?;
        let mut lines = Vec::new();
        if query.before.is_none() {
            lines.extend(self.unconfirmed(tenant, query)?);
        }
        let left = query.limit.saturating_sub(lines.len());
        lines.extend(self.confirmed(tenant, query, left)?);
        Ok(History { lines, complete_from: journal.complete_from })
    }

    fn unconfirmed(&self, tenant: &TenantId, query: &HistoryQuery) -> Result<Vec<HistoryLine>, StoreError> {
        let mut lines = self.unconfirmed_lines(Some(tenant), query.entity.as_ref())?;
        lines.truncate(query.limit);
        Ok(lines)
    }

    /// Own ops that no entry stands for yet, newest first, of a tenant and an entity where given.
    pub(crate) fn unconfirmed_lines(
        &self,
        tenant: Option<&TenantId>,
        entity: Option<&Entity>,
    ) -> Result<Vec<HistoryLine>, StoreError> {
        let mut lines = Vec::new();
        for own in self.outbox(tenant)?.into_iter().rev() {
            if in_journal(&self.db, &own.op)? {
                continue;
            }
            let did = own_did(&self.db, &own.op)?.unwrap_or_default();
            let wanted = entity.is_none_or(|e| {
                did.iter().any(|d| d.cell.entity == *e) || own.body.base.keys().any(|k| k.entity == *e)
            });
            if wanted {
                lines.push(own_line(own, did));
            }
        }
        Ok(lines)
    }

    /// One own op that no entry stands for; none where there is no such op or it was settled.
    pub(crate) fn unconfirmed_line(&self, op: &OpId) -> Result<Option<HistoryLine>, StoreError> {
        let own = outbox::find(&self.db, op)?.filter(|own| own.state != OutboxState::Closed);
        own.map(|own| Ok(own_line(own, own_did(&self.db, op)?.unwrap_or_default()))).transpose()
    }

    fn confirmed(
        &self,
        tenant: &TenantId,
        query: &HistoryQuery,
        limit: usize,
    ) -> Result<Vec<HistoryLine>, StoreError> {
        let before = int(query.before.unwrap_or(u64::MAX));
        let sql = match query.entity {
            None => "SELECT entry FROM entries WHERE tenant = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
            Some(_) => {
                "SELECT entry FROM entries WHERE tenant = ?1 AND seq < ?2 AND seq IN
                   (SELECT seq FROM op_writes WHERE tenant = ?1 AND cell >= ?4 AND cell < ?5)
                 ORDER BY seq DESC LIMIT ?3"
            }
        };
        let mut statement = self.db.prepare_cached(sql)?;
        let limit = int(limit as u64);
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let rows: Vec<String> = match &query.entity {
            None => statement
                .query_map(params![tenant.as_str(), before, limit], read)?
                .collect::<Result<_, _>>()?,
            Some(entity) => {
                // All fields of the entity: '$' is the sign after '#'.
                let (from, to) = (format!("{entity}#"), format!("{entity}$"));
                statement
                    .query_map(params![tenant.as_str(), before, limit, from, to], read)?
                    .collect::<Result<_, _>>()?
            }
        };
        rows.iter().map(|text| self.line(tenant, &from_json(text)?)).collect()
    }

    pub(crate) fn line(&self, tenant: &TenantId, entry: &Entry) -> Result<HistoryLine, StoreError> {
        let read = ReadEntry::read(entry)?;
        let did = written_did(&self.db, tenant, &read.header.op)?;
        let (actor, at) = read.author.map(|a| (a.actor, a.at)).unzip();
        Ok(HistoryLine {
            op: read.header.op,
            seq: Some(entry.seq),
            received_at: Some(entry.received_at),
            origin: Some(entry.origin.clone()),
            state: None,
            actor,
            at,
            verb: read.verb,
            change: read.change,
            reason: reason(entry),
            did,
        })
    }

    /// Who writes on a device, by an entry of a tenant's journal; none where this laptop holds none.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn author_on(&self, tenant: &TenantId, device: &DeviceId) -> Result<Option<AccountId>, StoreError> {
        // All ops of the device: ';' is the sign after ':'.
        let (from, to) = (format!("{tenant}:{device}:"), format!("{tenant}:{device};"));
        let found: Option<String> = self
            .db
            .prepare_cached(
                "SELECT actor FROM entries
                 WHERE tenant = ?1 AND op >= ?2 AND op < ?3 AND actor IS NOT NULL LIMIT 1",
            )?
            .query_row(params![tenant.as_str(), from, to], |row| row.get(0))
            .optional()?;
        found
            .map(|actor| actor.parse().map_err(|_| StoreError::Damaged("the author of an entry".into())))
            .transpose()
    }

    /// What an op did to which cells; none where this laptop knows no such op.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn did(&self, op: &OpId) -> Result<Option<Vec<Did>>, StoreError> {
        did(&self.db, op)
    }
}

fn own_line(own: OutboxOp, did: Vec<Did>) -> HistoryLine {
    HistoryLine {
        op: own.op,
        seq: None,
        received_at: None,
        origin: None,
        state: Some(own.state),
        actor: Some(own.body.actor),
        at: Some(own.body.at),
        verb: Some(own.body.change.verb().to_owned()),
        change: Some(own.body.change),
        reason: own.body.reason,
        did,
    }
}

fn reason(entry: &Entry) -> Option<String> {
    let Part::Open(body) = &entry.body else { return None };
    let body: serde_json::Value = serde_json::from_str(&body.body).ok()?;
    body.get("reason")?.as_str().map(str::to_owned)
}

pub(crate) fn did(db: &Connection, op: &OpId) -> Result<Option<Vec<Did>>, StoreError> {
    if in_journal(db, op)? {
        return written_did(db, &op.tenant, op).map(Some);
    }
    own_did(db, op)
}

fn written_did(db: &Connection, tenant: &TenantId, op: &OpId) -> Result<Vec<Did>, StoreError> {
    let mut statement = db.prepare_cached(
        // The plus keeps SQLite from walking the whole tenant by cell.
        "SELECT cell, after, before FROM op_writes
         WHERE tenant = ?1 AND seq = (SELECT seq FROM entries WHERE tenant = ?1 AND op = ?2) ORDER BY +cell",
    )?;
    let rows = statement.query_map(params![tenant.as_str(), op.to_string()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    rows.map(|row| {
        let (cell, after, before) = row?;
        Ok(Did { cell: cell.parse()?, after: from_json(&after)?, before: from_json(&before)? })
    })
    .collect()
}

/// What an own unconfirmed op did; an op that does nothing here did nothing.
fn own_did(db: &Connection, op: &OpId) -> Result<Option<Vec<Did>>, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT effects, before FROM outbox WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3",
        )?
        .query_row(params![op.tenant.as_str(), op.device.as_str(), int(op.device_seq)], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))
        })
        .optional()?;
    let Some((effects, before)) = row else { return Ok(None) };
    let (Some(effects), Some(before)) = (effects, before) else { return Ok(Some(Vec::new())) };
    let effects: Effects = from_json(&effects)?;
    let before: Vec<(CellKey, Option<Cell>)> = from_json(&before)?;
    let one = |effect: &Effect| match effect {
        Effect::Write { cell, value, replaces, .. } => {
            let was = before.iter().find(|(key, _)| key == cell).and_then(|(_, c)| c.as_ref());
            let before = replaced_values(was, replaces).into_iter().cloned().collect();
            Some(Did { cell: cell.clone(), after: value.clone(), before })
        }
        _ => None,
    };
    Ok(Some(effects.all().filter_map(one).collect()))
}
