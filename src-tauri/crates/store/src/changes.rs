//! History page by page, of one tenant or of all, narrowed by who, what and when.
//!
//! A page costs the entries it gives, not those it skips: the two indexes on `entries` hold what the
//! conditions ask for. Counting 100,000 entries reads one of them, a few dozen milliseconds.

use cairn_domain::cell::Cells;
use cairn_domain::decide::Refusal;
use cairn_domain::undo::{self, Did};
use cairn_domain::{AccountId, Entity, OpId, TenantId, Time};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::cells::load_cell;
use crate::history::HistoryLine;
use crate::sql::{from_json, int, uint};
use crate::{Store, StoreError};

/// Which changes are asked for; everything empty asks for all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangesQuery {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// Only what wrote to this entity.
    pub entity: Option<Entity>,
    /// Only this person's.
    pub actor: Option<AccountId>,
    /// Only these verbs.
    pub verbs: Vec<String>,
    /// Only what was written at or after this moment, by the authors' clocks.
    pub from: Option<Time>,
    /// Only what was written before this moment.
    pub until: Option<Time>,
    /// Only what comes after this place; unconfirmed ops come before every place.
    pub after: Option<Place>,
    /// At most so many entries. Unconfirmed ops are few and all given.
    pub limit: usize,
}

/// The place of an entry in the order of [`Store::changes`]. Its parts are the store's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    at: String,
    tenant: TenantId,
    seq: u64,
}

/// A page of history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Own unconfirmed ops, newest first, then entries: of one tenant by place in its journal, of
    /// all by the authors' clocks, which is a label and decides nothing.
    pub lines: Vec<HistoryLine>,
    /// Where the next page goes on; none at the end.
    pub next: Option<Place>,
}

/// Conditions with their values.
#[derive(Default)]
struct Where {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Where {
    fn add(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.values.extend(values);
    }

    fn of(query: &ChangesQuery) -> Self {
        let mut all = Self::default();
        match &query.tenant {
            Some(tenant) => all.add("tenant = ?", [text(tenant.as_str())]),
            None => all.add("substr(tenant, 1, 1) <> '_'", []),
        }
        if let Some(actor) = &query.actor {
            all.add("actor = ?", [text(actor.as_str())]);
        }
        if !query.verbs.is_empty() {
            let marks = vec!["?"; query.verbs.len()].join(", ");
            all.add(&format!("verb IN ({marks})"), query.verbs.iter().map(|verb| text(verb)));
        }
        if let Some(from) = query.from {
            all.add("coalesce(at, '') >= ?", [text(&from.to_rfc3339())]);
        }
        if let Some(until) = query.until {
            all.add("coalesce(at, '') < ?", [text(&until.to_rfc3339())]);
        }
        if let Some(entity) = &query.entity {
            // All fields of the entity: '$' is the sign after '#'.
            all.add(
                "EXISTS (SELECT 1 FROM op_writes w WHERE w.tenant = entries.tenant AND w.seq = entries.seq
                         AND w.cell >= ? AND w.cell < ?)",
                [text(&format!("{entity}#")), text(&format!("{entity}$"))],
            );
        }
        all
    }

    fn after(mut self, query: &ChangesQuery) -> Self {
        let Some(place) = &query.after else { return self };
        let seq = Value::Integer(int(place.seq));
        match query.tenant {
            Some(_) => self.add("seq < ?", [seq]),
            None => self.add(
                "(coalesce(at, ''), tenant, seq) < (?, ?, ?)",
                [text(&place.at), text(place.tenant.as_str()), seq],
            ),
        }
        self
    }

    fn joined(&self) -> String {
        self.sql.join(" AND ")
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

impl Store {
    /// One page of history.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn changes(&self, query: &ChangesQuery) -> Result<Changes, StoreError> {
        let mut lines = if query.after.is_none() { self.own_changes(query)? } else { Vec::new() };
        let wanted = Where::of(query).after(query);
        let order = match query.tenant {
            Some(_) => "seq DESC",
            None => "coalesce(at, '') DESC, tenant DESC, seq DESC",
        };
        let sql = format!(
            "SELECT coalesce(at, ''), tenant, seq, entry FROM entries WHERE {} ORDER BY {order} LIMIT {}",
            wanted.joined(),
            int(query.limit as u64),
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&wanted.values))?;
        let mut last = None;
        let mut given = 0;
        while let Some(row) = rows.next()? {
            let tenant: TenantId = row.get::<_, String>(1)?.parse()?;
            let entry = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
            lines.push(self.line(&tenant, &from_json(entry)?)?);
            last = Some(Place { at: row.get(0)?, tenant, seq: uint(row.get(2)?) });
            given += 1;
        }
        Ok(Changes { lines, next: last.filter(|_| given == query.limit) })
    }

    /// How many changes a query fits, whatever its place and limit.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn count_changes(&self, query: &ChangesQuery) -> Result<u64, StoreError> {
        let wanted = Where::of(query);
        let sql = format!("SELECT count(*) FROM entries WHERE {}", wanted.joined());
        let mut statement = self.db.prepare_cached(&sql)?;
        let confirmed: i64 = statement.query_row(params_from_iter(&wanted.values), |row| row.get(0))?;
        Ok(uint(confirmed) + self.own_changes(query)?.len() as u64)
    }

    /// Own ops that are not confirmed and fit, newest first.
    fn own_changes(&self, query: &ChangesQuery) -> Result<Vec<HistoryLine>, StoreError> {
        let lines = self.unconfirmed_lines(query.tenant.as_ref(), query.entity.as_ref())?;
        let fits = |line: &HistoryLine| {
            // Journals of the service's own stand apart, as for entries.
            (query.tenant.is_some() || !line.op.tenant.as_str().starts_with('_'))
                && query.actor.as_ref().is_none_or(|actor| line.actor.as_ref() == Some(actor))
                && (query.verbs.is_empty() || line.verb.as_ref().is_some_and(|v| query.verbs.contains(v)))
                && query.from.is_none_or(|from| line.at.is_some_and(|at| at >= from))
                && query.until.is_none_or(|until| line.at.is_some_and(|at| at < until))
        };
        Ok(lines.into_iter().filter(fits).collect())
    }

    /// One change; none where this laptop knows no such op.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn change(&self, op: &OpId) -> Result<Option<HistoryLine>, StoreError> {
        let entry: Option<String> = self
            .db
            .prepare_cached("SELECT entry FROM entries WHERE tenant = ?1 AND op = ?2")?
            .query_row(params![op.tenant.as_str(), op.to_string()], |row| row.get(0))
            .optional()?;
        match entry {
            Some(entry) => self.line(&op.tenant, &from_json(&entry)?).map(Some),
            None => self.unconfirmed_line(op),
        }
    }

    /// Whether a line could be taken back on its own now, by what stands in the cells it wrote.
    /// Costs one look-up per cell; rights are asked when it is done.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn undoable(&self, line: &HistoryLine) -> Result<Result<(), Refusal>, StoreError> {
        let cells = self.cells_of(&line.op.tenant, &line.did)?;
        Ok(undo::plan(&line.op, &line.did, &cells).map(drop))
    }

    fn cells_of(&self, tenant: &TenantId, did: &[Did]) -> Result<Cells, StoreError> {
        let mut cells = Cells::new();
        for one in did {
            if let Some(cell) = load_cell(&self.db, tenant, &one.cell)? {
                cells.insert(one.cell.clone(), cell);
            }
        }
        Ok(cells)
    }
}
