//! Which records a rollback has to leave, because records that it does not take back name them.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::damaged;
use super::pack::{Unpacked, unpack_id};
use super::rollback::{Naming, Why, versions};
use super::types::Types;
use crate::StoreError;

/// Type and id of a record.
type Key = (i64, String);

/// Answers that are remembered; beyond, they are asked for again.
const MOST_KNOWN: usize = 100_000;

/// What a record that others name has to do with the revision that is taken back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The revision created it, and it stands so: it goes unless it stays.
    Leaves,
    /// It was removed after the revision.
    GoneSince,
    /// Nothing.
    Other,
}

/// Looks for what has to stay. Only what came after the revision can name what it created, so where
/// nothing came after it nothing is read.
pub(super) struct Staying<'r> {
    db: &'r Connection,
    types: &'r Types,
    naming: &'r Naming<'r>,
    /// The versions of the revision: after the first, up to the second.
    span: (i64, i64),
    known: HashMap<Key, Fate>,
    stay: BTreeMap<Key, Why>,
    /// Of those that stay, whose names were not followed yet.
    open: Vec<Key>,
}

impl<'r> Staying<'r> {
    /// The records that stay, by type and id, and why.
    pub fn find(
        db: &'r Connection,
        types: &'r Types,
        naming: &'r Naming<'r>,
        span: (i64, i64),
    ) -> Result<BTreeMap<Key, Why>, StoreError> {
        let last: Option<i64> = db.query_row("SELECT max(id) FROM versions", [], |row| row.get(0))?;
        if last.is_none_or(|last| last <= span.1) {
            return Ok(BTreeMap::new());
        }
        let (known, stay) = (HashMap::new(), BTreeMap::new());
        let mut all = Self { db, types, naming, span, known, stay, open: Vec::new() };
        all.named_later()?;
        all.names_gone()?;
        while let Some((kind, id)) = all.open.pop() {
            if let Some(content) = all.content(kind, &id)? {
                all.leads_from(kind, &id, &content)?;
            }
        }
        Ok(all.stay)
    }

    /// What records name that came later and stand, unless they go back themselves.
    fn named_later(&mut self) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT v.id, v.type, v.record, c.content FROM versions v
             JOIN versions c ON c.id = coalesce(v.image, v.id)
             WHERE v.id > ?2 AND NOT (c.id > ?1 AND c.id <= ?2) AND c.content IS NOT NULL ORDER BY v.id",
        )?;
        let mut stands = self.db.prepare_cached("SELECT version FROM records WHERE type = ?1 AND id = ?2")?;
        let mut rows = statement.query(params![self.span.0, self.span.1])?;
        while let Some(row) = rows.next()? {
            let (version, kind): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (record, content): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
            let id = unpack_id(&record).ok_or_else(|| damaged("the id of a record"))?;
            let stands: Option<i64> = stands.query_row(params![kind, id], |row| row.get(0)).optional()?;
            if stands == Some(version) {
                self.leads_from(kind, &id, &content)?;
            }
        }
        Ok(())
    }

    /// What the revision replaced or removed and that names, as it was, what was removed since.
    fn names_gone(&mut self) -> Result<(), StoreError> {
        let (mut after, last) = self.span;
        loop {
            let versions = versions(self.db, after, last)?;
            let Some(end) = versions.last() else { return Ok(()) };
            after = end.id;
            for version in &versions {
                let content = version.stood.as_ref().and_then(|stood| stood.content.as_deref());
                let Some(content) = content else { continue };
                let id = unpack_id(&version.record).ok_or_else(|| damaged("the id of a record"))?;
                let gone = self.names(version.kind, &id, content)?.into_iter();
                for key in gone {
                    if self.fate(&key)? == Fate::GoneSince {
                        let why = Why::NamesGone(self.types.numbered(key.0)?.name.clone());
                        self.stays((version.kind, id.clone()), why);
                    }
                }
            }
        }
    }

    /// What this record names stays.
    fn leads_from(&mut self, kind: i64, id: &str, content: &[u8]) -> Result<(), StoreError> {
        for key in self.names(kind, id, content)? {
            if self.fate(&key)? == Fate::Leaves {
                let why = Why::NamedBy(self.types.numbered(kind)?.name.clone());
                self.stays(key, why);
            }
        }
        Ok(())
    }

    fn stays(&mut self, key: Key, why: Why) {
        if !self.stay.contains_key(&key) {
            self.open.push(key.clone());
            self.stay.insert(key, why);
        }
    }

    /// The records that one names, of the types that there are.
    fn names(&self, kind: i64, id: &str, content: &[u8]) -> Result<Vec<Key>, StoreError> {
        let one = self.types.numbered(kind)?;
        let mut unpacked = Unpacked::default();
        unpacked.read(content, id).ok_or_else(|| damaged("the values of a record"))?;
        let values: Vec<(&str, &str)> = one.named(unpacked.values()).collect();
        let mut names = Vec::new();
        (self.naming)(&one.name, &values, &mut |kind, id| {
            let named = self.types.position(kind).and_then(|at| self.types.0.get(at));
            names.extend(named.map(|one| (one.id, id.to_owned())));
        });
        Ok(names)
    }

    fn fate(&mut self, key: &Key) -> Result<Fate, StoreError> {
        if let Some(fate) = self.known.get(key) {
            return Ok(*fate);
        }
        let (after, last) = self.span;
        let mut statement = self.db.prepare_cached(
            "SELECT r.version > ?4, c.content IS NOT NULL, c.id > ?3 AND c.id <= ?4 AND NOT EXISTS (
                 SELECT 1 FROM versions b JOIN versions held ON held.id = coalesce(b.image, b.id)
                 WHERE b.id = c.before AND held.content IS NOT NULL)
             FROM records r LEFT JOIN versions c ON c.id = r.image WHERE r.type = ?1 AND r.id = ?2",
        )?;
        let found: Option<(bool, bool, Option<bool>)> = statement
            .query_row(params![key.0, key.1, after, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let fate = match found {
            Some((_, true, Some(true))) => Fate::Leaves,
            Some((true, false, _)) => Fate::GoneSince,
            _ => Fate::Other,
        };
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(key.clone(), fate);
        Ok(fate)
    }

    fn content(&self, kind: i64, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT v.content FROM records r JOIN versions v ON v.id = r.image WHERE r.type = ?1 AND r.id = ?2",
        )?;
        let content: Option<Option<Vec<u8>>> =
            statement.query_row(params![kind, id], |row| row.get(0)).optional()?;
        Ok(content.flatten())
    }
}
