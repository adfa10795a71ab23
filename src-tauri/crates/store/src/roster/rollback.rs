//! Taking a revision back: what stands as it wrote it becomes again what was there before.

use std::collections::BTreeMap;

use cairn_domain::planted::{Bug, planted};
use rusqlite::{Connection, Row, params};

use super::pack::unpack_id;
use super::staying::Staying;
use super::write::{Image, MOST_AHEAD};
use super::{Applied, Revision, Roster, RosterTrouble, Writer, damaged, trouble};
use crate::StoreError;
use crate::sql::uint;

/// A record that a rollback left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its type.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Why.
    pub why: Why,
}

/// Why a rollback left a record as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A later revision changed it: kept.
    ChangedBy {
        /// The revision's number.
        revision: u64,
    },
    /// The import created it, and records of this type that stay name it: kept.
    NamedBy(String),
    /// What was there before names a record of this type that was removed since: kept.
    NamesGone(String),
    /// What was there before cannot be read: failed.
    NoImage,
}

/// Gives type and id of every record that a record names, of which it hears the type and the values.
pub type Naming<'n> = dyn Fn(&str, &[(&str, &str)], &mut dyn FnMut(&str, &str)) + 'n;

/// What is taken back.
#[derive(Clone, Copy)]
pub struct Back<'a> {
    /// The revision.
    pub revision: u64,
    /// Says which records a record names, so that none is left to name one that is gone.
    pub naming: &'a Naming<'a>,
}

impl std::fmt::Debug for Back<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Back").field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// Versions that are read at once.
const RUN: i64 = 1_000;

/// A version of the revision that is taken back.
pub(super) struct Version {
    pub id: i64,
    pub kind: i64,
    pub record: Vec<u8>,
    /// The version that has its content.
    pub image: i64,
    /// What was there before; none where that cannot be found.
    pub stood: Option<Stood>,
}

impl Roster {
    /// Takes a revision back, as a revision of its own: every record that stands as that one wrote it
    /// gets back what was there before, but for those that others name by now. `left` hears of each record that does not, in the order in
    /// which the revision wrote them. The counts of the answer are what was reversed.
    ///
    /// A later import that was itself taken back does not stand in the way. A rollback that stands
    /// already is answered as it was, and `left` hears nothing.
    ///
    /// # Errors
    /// `unknown_revision` where this roster does not hold the revision; as [`Roster::apply`].
    pub fn roll_back(
        &mut self,
        revision: Revision<'_>,
        back: Back<'_>,
        left: impl FnMut(Left),
    ) -> Result<Applied, StoreError> {
        self.roll_back_if(revision, back, left, |_| Ok(()))
    }

    /// [`Roster::roll_back`] that becomes visible only where `agreed` says so, as [`Roster::apply_if`].
    ///
    /// # Errors
    /// As there; what `agreed` says.
    pub fn roll_back_if<E: From<StoreError>>(
        &mut self,
        revision: Revision<'_>,
        back: Back<'_>,
        mut left: impl FnMut(Left),
        agreed: impl FnOnce(&Applied) -> Result<(), E>,
    ) -> Result<Applied, E> {
        let tenant = self.tenant.clone();
        self.as_one(
            revision,
            Some(back.revision),
            |writer| {
                let unknown = || trouble(&tenant, RosterTrouble::UnknownRevision(back.revision));
                Ok(writer.take_back(back, &mut left)?.ok_or_else(unknown)?)
            },
            agreed,
        )
    }
}

impl Writer<'_> {
    /// None where the revision is not held.
    fn take_back(&mut self, back: Back<'_>, left: &mut dyn FnMut(Left)) -> Result<Option<()>, StoreError> {
        let Some(taken) = super::revision(self.db(), back.revision)? else { return Ok(None) };
        let (mut after, last) = super::span(self.db(), &taken)?;
        let ends = ends(self.db())?;
        let staying = Staying::find(self.db(), self.types(), back.naming, (after, last))?;
        loop {
            let versions = versions(self.db(), after, last)?;
            let Some(end) = versions.last() else { return Ok(Some(())) };
            after = end.id;
            for version in &versions {
                let id = unpack_id(&version.record).ok_or_else(|| damaged("the id of a record"))?;
                let staying = staying.get(&(version.kind, id.clone()));
                if let Some(why) = self.restore(version, &id, &ends, staying)? {
                    let kind = self.types().numbered(version.kind)?.name.clone();
                    left(Left { kind, id, why });
                }
            }
        }
    }

    /// Brings back what was there before a version; answers why it does not.
    fn restore(
        &mut self,
        version: &Version,
        id: &str,
        ends: &BTreeMap<i64, u64>,
        staying: Option<&Why>,
    ) -> Result<Option<Why>, StoreError> {
        let (at, standing) = self.standing(version.kind, id)?;
        let standing = standing.ok_or_else(|| damaged("a version without its record"))?;
        if standing.image != version.image {
            let revision = ends.range(standing.version..).next().map_or(0, |(_, number)| *number);
            return Ok(Some(Why::ChangedBy { revision }));
        }
        let Some(stood) = &version.stood else { return Ok(Some(Why::NoImage)) };
        if staying.is_some() {
            return Ok(staying.cloned());
        }
        if planted(Bug::RollbackForgetsImage) && stood.image != 0 {
            return Ok(None);
        }
        self.write(at, id, Some(&standing), Image::Of(stood.image, stood.content.as_deref()))?;
        Ok(None)
    }
}

/// The revisions by the last version that each wrote.
fn ends(db: &Connection) -> Result<BTreeMap<i64, u64>, StoreError> {
    // One that wrote nothing ends where the one before does: the first of them counts.
    let mut statement = db.prepare_cached("SELECT last, min(number) FROM revisions GROUP BY last")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, uint(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The next versions with what was there before each, as many as memory should hold.
pub(super) fn versions(db: &Connection, after: i64, last: i64) -> Result<Vec<Version>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT v.id, v.type, v.record, coalesce(v.image, v.id), v.before, b.id, coalesce(b.image, b.id),
                held.id, held.content
         FROM versions v LEFT JOIN versions b ON b.id = v.before
         LEFT JOIN versions held ON held.id = coalesce(b.image, b.id)
         WHERE v.id > ?1 AND v.id <= ?2 ORDER BY v.id LIMIT ?3",
    )?;
    let mut rows = statement.query(params![after, last, RUN])?;
    let (mut versions, mut bytes) = (Vec::new(), 0);
    while bytes < MOST_AHEAD {
        let Some(row) = rows.next()? else { break };
        let stood = stood(row)?;
        bytes += stood.as_ref().and_then(|stood| stood.content.as_ref()).map_or(0, Vec::len);
        let (id, kind, record, image) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        versions.push(Version { id, kind, record, image, stood });
    }
    Ok(versions)
}

/// What a version stood for.
pub(super) struct Stood {
    /// The version that has the content; 0 where there was no record.
    pub image: i64,
    pub content: Option<Vec<u8>>,
}

fn stood(row: &Row<'_>) -> rusqlite::Result<Option<Stood>> {
    if row.get::<_, i64>(4)? == 0 {
        return Ok(Some(Stood { image: 0, content: None }));
    }
    let (before, held): (Option<i64>, Option<i64>) = (row.get(5)?, row.get(7)?);
    if before.is_none() {
        return Ok(None);
    }
    let (image, content) = (row.get(6)?, row.get(8)?);
    Ok((image == 0 || held.is_some()).then_some(Stood { image, content }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataKey;

    #[test]
    fn a_record_whose_earlier_content_is_gone_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let tenant = "t1".parse().unwrap();
        let mut roster = Roster::cached(&dir.path().join("r.db"), &tenant, &DataKey::new([7; 32])).unwrap();
        for (number, name) in [(1, "Ann"), (2, "Ann Lee")] {
            let revision = Revision { number, import: &format!("import {number}") };
            let put = |writer: &mut Writer<'_>| {
                ["u1", "u2"].iter().try_for_each(|id| writer.put("users", id, &[("name", name)]))
            };
            roster.apply(revision, put).unwrap();
        }
        assert_eq!(roster.db.execute("DELETE FROM versions WHERE id = 1", []).unwrap(), 1);
        let mut left = Vec::new();
        let back = Back { revision: 2, naming: &|_, _, _| () };
        roster.roll_back(Revision { number: 3, import: "back" }, back, |one| left.push(one)).unwrap();
        assert_eq!(left, [Left { kind: "users".into(), id: "u1".into(), why: Why::NoImage }]);
        let name = |id| roster.get("users", id).unwrap().unwrap().values[0].1.clone();
        assert_eq!((name("u1"), name("u2")), ("Ann Lee".to_owned(), "Ann".to_owned()));
    }
}
