//! What is different between two revisions.

use rusqlite::{Connection, OptionalExtension, params};

use super::pack::unpack_id;
use super::read::values;
use super::types::Types;
use super::{Roster, RosterTrouble, damaged, latest, revision, span, trouble};
use crate::StoreError;
use crate::sql::{int, uint};

/// The most versions that are looked at for one page.
const MOST_LOOKED_AT: usize = 20_000;

/// A record that is not the same in two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its type.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Column and value in the earlier revision; none where there was no such record.
    pub before: Option<Vec<(String, String)>>,
    /// The same in the later one.
    pub after: Option<Vec<(String, String)>>,
}

/// Differences, in the order in which the records were first changed: by revision, type and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffPage {
    /// At most as many as were asked for; fewer where little of what was looked at is different.
    pub differences: Vec<Difference>,
    /// Where the next page goes on; none at the end.
    pub next: Option<u64>,
}

impl Roster {
    /// A page of the records that are not the same after revision `from` as after revision `to`, which
    /// is later. 0 is the empty roster before the first. `after` is where the page before said to go on.
    ///
    /// # Errors
    /// `unknown_revision` where the roster does not hold one of them; `roster_damaged`.
    pub fn diff(&self, from: u64, to: u64, after: Option<u64>, limit: usize) -> Result<DiffPage, StoreError> {
        let start = self.end_of(from)?;
        let end = self.end_of(to)?;
        self.named(diff(&self.db, (start, end), after.map_or(start, int), limit.max(1)))
    }

    /// The last version of a revision.
    fn end_of(&self, number: u64) -> Result<i64, StoreError> {
        // Before the first revision there was nothing, unless that one began with what was there.
        let first = || -> Result<bool, StoreError> {
            Ok(latest(&self.db)?.is_none() || revision(&self.db, 1)?.is_some())
        };
        if number == 0 && self.named(first())? {
            return Ok(0);
        }
        let found = self.named(revision(&self.db, number))?;
        let found = found.ok_or_else(|| trouble(&self.tenant, RosterTrouble::UnknownRevision(number)))?;
        Ok(self.named(span(&self.db, &found))?.1)
    }
}

fn diff(db: &Connection, (start, end): (i64, i64), after: i64, limit: usize) -> Result<DiffPage, StoreError> {
    let types = Types::load(db)?;
    let mut page = DiffPage { differences: Vec::new(), next: None };
    let mut statement = db.prepare_cached(
        "SELECT id, type, record, before FROM versions WHERE id > ?1 AND id <= ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![after.max(start), end])?;
    let mut last = after;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if looked_at == MOST_LOOKED_AT || page.differences.len() == limit {
            page.next = Some(uint(last));
            break;
        }
        looked_at += 1;
        last = row.get(0)?;
        let before: i64 = row.get(3)?;
        // Only the first change of a record after the earlier revision stands for it.
        if before > start {
            continue;
        }
        let one = types.numbered(row.get(1)?)?;
        let id = unpack_id(row.get_ref(2)?.as_blob().map_err(|_| damaged("the id of a record"))?)
            .ok_or_else(|| damaged("the id of a record"))?;
        let was = content(db, before)?;
        let is = content(db, standing_at(db, one.id, &id, end)?)?;
        if was == is {
            continue;
        }
        let read = |content: Option<Vec<u8>>| content.map(|content| values(one, &id, &content)).transpose();
        let (before, after) = (read(was)?, read(is)?);
        page.differences.push(Difference { kind: one.name.clone(), id, before, after });
    }
    Ok(page)
}

/// The version of a record that stood when `end` was the last version of all.
fn standing_at(db: &Connection, kind: i64, id: &str, end: i64) -> Result<i64, StoreError> {
    let lost = || damaged("a version without its record");
    let mut version: i64 = db
        .prepare_cached("SELECT version FROM records WHERE type = ?1 AND id = ?2")?
        .query_row(params![kind, id], |row| row.get(0))
        .optional()?
        .ok_or_else(lost)?;
    while version > end {
        let before: i64 = db
            .prepare_cached("SELECT before FROM versions WHERE id = ?1")?
            .query_row([version], |row| row.get(0))
            .optional()?
            .ok_or_else(lost)?;
        // Always an earlier one: a damaged file must not make a circle.
        version = if before < version { before } else { return Err(lost()) };
    }
    Ok(version)
}

/// What a version stood for; none where the record was not there.
fn content(db: &Connection, version: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT held.content FROM versions v JOIN versions held ON held.id = coalesce(v.image, v.id)
         WHERE v.id = ?1",
    )?;
    let content: Option<Option<Vec<u8>>> = statement.query_row([version], |row| row.get(0)).optional()?;
    Ok(content.flatten())
}
