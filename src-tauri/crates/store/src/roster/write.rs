//! Records that come in the order of their ids, beside those that stand: to write a revision, or to see
//! what it would be.

use std::collections::{BTreeMap, VecDeque};

use cairn_domain::TenantId;
use cairn_domain::digest::SetHash;
use cairn_domain::planted::{Bug, planted};
use rusqlite::{Connection, Row, params};

use super::bulk::{Bulk, Value};
use super::file::with_log_unless_busy;
use super::pack::{Unpacked, pack, pack_id};
use super::read::{RecordRef, each_of};
use super::tally::Tally;
use super::types::{Type, Types};
use super::{Applied, Changes, Revision, Roster, RosterTrouble, damaged, named, trouble};
use crate::StoreError;
use crate::unit::Unit;

impl Roster {
    /// Does what `write` says as one revision, in one transaction. A revision that stands already,
    /// asked for by the same import, is answered as it was and `write` is not called.
    ///
    /// # Errors
    /// `roster_gap` where a revision between is missing, `roster_forked` where another import stands
    /// under the number; what `write` and the database report. Nothing was changed then.
    pub fn apply<E: From<StoreError>>(
        &mut self,
        revision: Revision<'_>,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
    ) -> Result<Applied, E> {
        self.as_one(revision, None, write, |_| Ok(()))
    }

    /// [`Roster::apply`] that becomes visible only where `agreed`, which hears what was done, says so: a
    /// revision that it turns down, or that is cut off before, was never there.
    ///
    /// # Errors
    /// As there; what `agreed` says.
    pub fn apply_if<E: From<StoreError>>(
        &mut self,
        revision: Revision<'_>,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
        agreed: impl FnOnce(&Applied) -> Result<(), E>,
    ) -> Result<Applied, E> {
        self.as_one(revision, None, write, agreed)
    }

    /// [`Roster::apply_if`] of the records that the last revision put, which finds each of them unchanged
    /// without reading it. Whoever calls knows that the last revision was an import of the same file.
    ///
    /// # Errors
    /// As there; `roster_damaged` where the last revision was none.
    pub fn repeat_if<E: From<StoreError>>(
        &mut self,
        revision: Revision<'_>,
        agreed: impl FnOnce(&Applied) -> Result<(), E>,
    ) -> Result<Applied, E> {
        self.as_one(revision, None, |writer| Ok(writer.repeat()?), agreed)
    }

    /// Holds records beside those that stand now. Changes nothing.
    ///
    /// # Errors
    /// `roster_damaged`; what `hold` says.
    pub fn beside<E: From<StoreError>>(
        &self,
        hold: impl FnOnce(&mut Beside<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let moment = self.db.unchecked_transaction().map_err(StoreError::from)?;
        let finder = self.named(Finder::new(&moment, &self.tenant))?;
        hold(&mut Beside { finder, content: Vec::new(), unpacked: Unpacked::default() })
    }

    pub(super) fn as_one<E: From<StoreError>>(
        &mut self,
        revision: Revision<'_>,
        takes_back: Option<u64>,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), E>,
        agreed: impl FnOnce(&Applied) -> Result<(), E>,
    ) -> Result<Applied, E> {
        let unit = Unit::begin(&self.db, false)?;
        let last = self.named(super::latest(&unit))?;
        if let Some(done) = self.done(&unit, last.as_ref(), revision, takes_back)? {
            return Ok(done);
        }
        let mut writer = self.named(Writer::after(&unit, &self.tenant, last.as_ref()))?;
        write(&mut writer)?;
        let applied = self.named(writer.end(revision, takes_back))?;
        agreed(&applied)?;
        unit.commit()?;
        with_log_unless_busy(&self.db)?;
        Ok(applied)
    }

    /// The revision, where it stands already; an error where it cannot be the next one.
    fn done(
        &self,
        db: &Connection,
        last: Option<&Applied>,
        revision: Revision<'_>,
        takes_back: Option<u64>,
    ) -> Result<Option<Applied>, StoreError> {
        let number = revision.number;
        match self.named(super::revision(db, number))? {
            Some(done) if done.import == revision.import && done.takes_back == takes_back => Ok(Some(done)),
            Some(_) => Err(trouble(&self.tenant, RosterTrouble::Forked(number))),
            None => match last {
                Some(last) if last.number.checked_add(1) != Some(number) => {
                    Err(trouble(&self.tenant, RosterTrouble::Gap { have: last.number, number }))
                }
                _ => Ok(None),
            },
        }
    }
}

/// A record as it stands.
pub(super) struct Standing {
    id: String,
    pub version: i64,
    pub image: i64,
    /// None where it was removed.
    pub content: Option<Vec<u8>>,
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(Standing { id: row.get(0)?, version: row.get(1)?, image: row.get(2)?, content: row.get(3)? })
}

/// What lies ahead of the records that were written, of one type: read in runs, as long as they are
/// used up.
struct Ahead {
    held: VecDeque<Standing>,
    /// The id that came last.
    last: Option<String>,
    run: usize,
    used: usize,
    is_end: bool,
}

const SHORTEST_RUN: usize = 4;
const LONGEST_RUN: usize = 1_024;
/// The bytes of values at which a run ends.
pub(super) const MOST_AHEAD: usize = 4 << 20;

impl Ahead {
    fn new(is_end: bool) -> Self {
        Self { held: VecDeque::new(), last: None, run: SHORTEST_RUN, used: 0, is_end }
    }

    /// The record of that id, which is behind all before.
    fn find(&mut self, db: &Connection, kind: i64, id: &str) -> Result<Option<Standing>, StoreError> {
        while self.held.front().is_some_and(|front| front.id.as_str() < id) {
            self.held.pop_front();
        }
        if self.held.is_empty() && !self.is_end {
            self.read(db, kind, id)?;
        }
        let is_it = self.held.front().is_some_and(|front| front.id == id);
        self.used += usize::from(is_it);
        Ok(if is_it { self.held.pop_front() } else { None })
    }

    /// Reads the next run, from `id` on: a longer one where most of the last was of use.
    fn read(&mut self, db: &Connection, kind: i64, id: &str) -> Result<(), StoreError> {
        let run = if self.used * 2 >= self.run { self.run * 2 } else { self.run / 2 };
        self.run = run.clamp(SHORTEST_RUN, LONGEST_RUN);
        self.used = 0;
        let mut statement = db.prepare_cached(
            "SELECT r.id, r.version, r.image, v.content FROM records r LEFT JOIN versions v ON v.id = r.image
             WHERE r.type = ?1 AND r.id >= ?2 ORDER BY r.id LIMIT ?3",
        )?;
        let mut rows = statement.query(params![kind, id, self.run as i64])?;
        let mut bytes = 0;
        while bytes < MOST_AHEAD {
            let Some(row) = rows.next()? else {
                self.is_end = self.held.len() < self.run;
                break;
            };
            let standing = standing(row)?;
            bytes += standing.content.as_ref().map_or(0, Vec::len);
            self.held.push_back(standing);
        }
        Ok(())
    }
}

/// Where a version's content comes from.
#[derive(Clone, Copy)]
pub(super) enum Image<'c> {
    /// Its own; none removes the record.
    Own(Option<&'c [u8]>),
    /// That of an earlier version, 0 for none, which is this.
    Of(i64, Option<&'c [u8]>),
}

/// Finds records that stand, of which those of a type are asked for in the order of their ids.
struct Finder<'r> {
    db: &'r Connection,
    tenant: &'r TenantId,
    types: Types,
    ahead: Vec<Ahead>,
}

impl<'r> Finder<'r> {
    fn new(db: &'r Connection, tenant: &'r TenantId) -> Result<Self, StoreError> {
        let types = Types::load(db)?;
        Ok(Self { db, tenant, ahead: types.0.iter().map(|_| Ahead::new(false)).collect(), types })
    }

    /// The type's place, and the record as it stands.
    fn find(&mut self, kind: &str, id: &str) -> Result<(usize, Option<Standing>), StoreError> {
        if id.is_empty() {
            return Err(trouble(self.tenant, RosterTrouble::NoId(kind.to_owned())));
        }
        let at = self.types.position_or_new(kind);
        if at == self.ahead.len() {
            self.ahead.push(Ahead::new(true));
        }
        self.find_at(at, id)
    }

    fn find_at(&mut self, at: usize, id: &str) -> Result<(usize, Option<Standing>), StoreError> {
        let (Some(ahead), Some(one)) = (self.ahead.get_mut(at), self.types.0.get(at)) else {
            return Ok((at, None));
        };
        if ahead.last.as_deref().is_some_and(|last| last >= id) {
            let unsorted = RosterTrouble::Unsorted { kind: one.name.clone(), id: id.to_owned() };
            return Err(trouble(self.tenant, unsorted));
        }
        let last = ahead.last.get_or_insert_default();
        last.clear();
        last.push_str(id);
        let standing = ahead.find(self.db, one.id, id).map_err(|error| named(self.tenant, error))?;
        Ok((at, standing))
    }

    /// Packs values at the places of their columns.
    fn pack(&mut self, at: usize, id: &str, values: &[(&str, &str)], content: &mut Vec<u8>) {
        let placed = self.types.0.get_mut(at).map(|one| one.placed(values)).unwrap_or_default();
        pack(placed.into_iter(), id, content);
    }
}

/// Records that are held beside those that stand, as one moment has them. Changes nothing.
pub struct Beside<'r> {
    finder: Finder<'r>,
    content: Vec<u8>,
    unpacked: Unpacked,
}

impl std::fmt::Debug for Beside<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside").field("tenant", &self.finder.tenant).finish_non_exhaustive()
    }
}

impl Beside<'_> {
    /// Calls `visit` where the record does not stand as `values` say, with its values as they stand; with
    /// none where there is no such record. No `values` ask whether it stands at all. Records of a type
    /// come as [`Writer::put`] asks for.
    ///
    /// # Errors
    /// As [`Writer::put`]; what `visit` says.
    pub fn differs<E: From<StoreError>>(
        &mut self,
        kind: &str,
        id: &str,
        values: Option<&[(&str, &str)]>,
        visit: impl FnOnce(Option<&[(&str, &str)]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (at, standing) = self.finder.find(kind, id)?;
        let standing = standing.and_then(|standing| standing.content);
        let is_same = match values {
            None => standing.is_none(),
            Some(values) => {
                self.finder.pack(at, id, values, &mut self.content);
                standing.as_ref() == Some(&self.content)
            }
        };
        if is_same {
            return Ok(());
        }
        let (Some(content), Some(one)) = (standing, self.finder.types.0.get(at)) else { return visit(None) };
        let read = self.unpacked.read(&content, id).ok_or_else(|| damaged("the values of a record"));
        read.map_err(|error| named(self.finder.tenant, error))?;
        let values: Vec<(&str, &str)> = one.named(self.unpacked.values()).collect();
        visit(Some(&values))
    }
}

/// Takes the records of a revision.
pub struct Writer<'r> {
    finder: Finder<'r>,
    /// What the last revision put, by type; none where it was no import.
    before: Option<BTreeMap<String, Changes>>,
    /// The last version.
    last: i64,
    tally: Tally,
    content: Vec<u8>,
    packed_id: Vec<u8>,
    versions: Bulk<'r, 6>,
    records: Bulk<'r, 4>,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("tenant", &self.finder.tenant).finish_non_exhaustive()
    }
}

impl<'r> Writer<'r> {
    fn after(db: &'r Connection, tenant: &'r TenantId, last: Option<&Applied>) -> Result<Self, StoreError> {
        Ok(Self {
            finder: Finder::new(db, tenant)?,
            before: last.filter(|last| last.takes_back.is_none()).map(|last| last.counts.clone()),
            last: last.map_or(0, |last| last.last),
            tally: Tally::new(last.map_or_else(SetHash::default, |last| SetHash::from_hash(last.digest))),
            content: Vec::new(),
            packed_id: Vec::new(),
            versions: Bulk::new(db, "versions (id, type, record, before, image, content)", "")?,
            records: Bulk::new(
                db,
                "records (type, id, version, image)",
                "ON CONFLICT DO UPDATE SET version = excluded.version, image = excluded.image",
            )?,
        })
    }

    /// Makes a record what `values` say: creates it, replaces all its values, or finds it unchanged.
    /// Values are column and value, in any order; blank ones may be left out. Records of a type come
    /// by id, in the order of its bytes, each once, removed ones among them.
    ///
    /// # Errors
    /// `roster_unsorted`, `roster_no_id`, `roster_damaged`; whatever the database reports.
    pub fn put(&mut self, kind: &str, id: &str, values: &[(&str, &str)]) -> Result<(), StoreError> {
        let (at, standing) = self.finder.find(kind, id)?;
        let mut content = std::mem::take(&mut self.content);
        self.finder.pack(at, id, values, &mut content);
        let is_same = standing.as_ref().and_then(|standing| standing.content.as_ref()) == Some(&content);
        let written = if is_same {
            self.finder.types.0.iter_mut().skip(at).take(1).for_each(|one| one.changes.unchanged += 1);
            Ok(())
        } else {
            self.write(at, id, standing.as_ref(), Image::Own(Some(&content)))
        };
        self.content = content;
        written.map_err(|error| named(self.finder.tenant, error))
    }

    /// Counts what the last revision put as unchanged.
    fn repeat(&mut self) -> Result<(), StoreError> {
        let nothing = || named(self.finder.tenant, damaged("the revision that is to be repeated"));
        let before = self.before.take().ok_or_else(nothing)?;
        for (kind, put) in before {
            let at = self.finder.types.position_or_new(&kind);
            if let Some(one) = self.finder.types.0.get_mut(at) {
                one.changes.unchanged = put.create + put.update + put.unchanged;
            }
        }
        Ok(())
    }

    /// Removes a record. One that is not there stays so.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub fn remove(&mut self, kind: &str, id: &str) -> Result<(), StoreError> {
        let (at, standing) = self.finder.find(kind, id)?;
        match standing.filter(|standing| standing.content.is_some()) {
            Some(standing) => self
                .write(at, id, Some(&standing), Image::Own(None))
                .map_err(|error| named(self.finder.tenant, error)),
            None => Ok(()),
        }
    }

    /// Writes a version in the place of what stands, and counts it.
    pub(super) fn write(
        &mut self,
        at: usize,
        id: &str,
        standing: Option<&Standing>,
        image: Image<'_>,
    ) -> Result<(), StoreError> {
        let Some(one) = self.finder.types.0.get_mut(at) else { return Err(damaged("a record of no type")) };
        let version = self.last + 1;
        let (own, restored, content) = match image {
            Image::Own(content) => (content, None, content),
            Image::Of(image, content) => (None, Some(image), content),
        };
        pack_id(id, &mut self.packed_id);
        let before = standing.map_or(0, |standing| standing.version);
        let own = own.map_or(Value::Null, Value::Blob);
        let image = restored.map_or(Value::Null, Value::Integer);
        let [number, kind, before] = [version, one.id, before].map(Value::Integer);
        self.versions.add([number, kind, Value::Blob(&self.packed_id), before, image, own])?;
        if !planted(Bug::RevisionWithoutRows) || version % 8 != 0 {
            let image = Value::Integer(restored.unwrap_or(version));
            self.records.add([kind, Value::Text(id.as_bytes()), number, image])?;
        }
        self.last = version;
        let before = standing.and_then(|standing| standing.content.as_deref());
        count(one, before.is_some(), content.is_some());
        for (content, is_now) in [(before, false), (content, true)] {
            if let Some(content) = content {
                self.tally.count(&self.finder.types, at, (id, content), is_now)?;
            }
        }
        Ok(())
    }

    /// Reads the records of a type as they stand after what was written so far, by id.
    ///
    /// # Errors
    /// `roster_damaged`; whatever the database reports.
    pub fn each(&mut self, kind: &str, mut visit: impl FnMut(RecordRef<'_>)) -> Result<(), StoreError> {
        self.flush()?;
        let Some(one) = self.finder.types.position(kind).and_then(|at| self.finder.types.0.get(at)) else {
            return Ok(());
        };
        let read = each_of(self.finder.db, one, |record| {
            visit(record);
            true
        });
        read.map_err(|error| named(self.finder.tenant, error))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.versions.flush()?;
        self.records.flush()
    }

    fn end(mut self, revision: Revision<'_>, takes_back: Option<u64>) -> Result<Applied, StoreError> {
        self.flush()?;
        self.finder.types.save(self.finder.db)?;
        let touched = self.finder.types.0.iter().filter(|one| one.changes != Changes::default());
        let applied = Applied {
            number: revision.number,
            import: revision.import.to_owned(),
            takes_back,
            counts: touched.map(|one| (one.name.clone(), one.changes)).collect(),
            digest: self.tally.end(&self.finder.types)?.to_hash(),
            last: self.last,
        };
        super::save(self.finder.db, &applied)?;
        Ok(applied)
    }

    pub(super) fn types(&self) -> &Types {
        &self.finder.types
    }

    pub(super) fn db(&self) -> &'r Connection {
        self.finder.db
    }

    /// The place of the type of that number, and a record of it as it stands; asked for as
    /// [`Writer::put`] is.
    pub(super) fn standing(&mut self, kind: i64, id: &str) -> Result<(usize, Option<Standing>), StoreError> {
        let at = self.finder.types.place(kind)?;
        self.finder.find_at(at, id).map_err(|error| match error {
            // A revision writes its versions in order; whoever follows them meets none out of it.
            StoreError::Roster { trouble: RosterTrouble::Unsorted { .. }, .. } => {
                damaged("the order of a revision's versions")
            }
            other => other,
        })
    }
}

fn count(one: &mut Type, was_there: bool, is_there: bool) {
    match (was_there, is_there) {
        (false, true) => {
            one.changes.create += 1;
            one.records += 1;
        }
        (true, true) => one.changes.update += 1,
        (true, false) => {
            one.changes.remove += 1;
            one.records = one.records.saturating_sub(1);
        }
        (false, false) => one.changes.unchanged += 1,
    }
}
