//! Reading the records that stand: one, a page, all of them in order.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::ops::ControlFlow;

use cairn_domain::Hash;
use cairn_domain::digest::SetHash;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

use super::pack::Unpacked;
use super::types::{Type, Types};
use super::{Record, Roster, damaged, hash_of};
use crate::StoreError;
use crate::open::check_integrity;

/// The most records that are looked at for one page, so that a filter that nothing passes costs no
/// more than any other.
const MOST_LOOKED_AT: usize = 20_000;

/// A record while it is read.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Column and value, without blank ones.
    pub values: &'a [(&'a str, &'a str)],
}

/// Asks for the records of a type one by one, by id.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    /// The type.
    pub kind: &'a str,
    /// Only what comes after this id.
    pub after: Option<&'a str>,
    /// Records that are looked at, removed ones among them.
    pub most: usize,
}

impl RecordRef<'_> {
    fn to_owned(self) -> Record {
        let values = self.values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Record { kind: self.kind.to_owned(), id: self.id.to_owned(), values: values.collect() }
    }
}

/// Which records a page holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Their id or one of their values has this in it, in any case.
    pub text: Option<String>,
    /// The column has exactly this value; a blank one stands for none.
    pub equals: Option<(String, String)>,
}

/// Asks for a page of the records of a type, by id.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery<'a> {
    /// The type.
    pub kind: &'a str,
    /// Only what comes after this id.
    pub after: Option<&'a str>,
    /// Records on a page.
    pub limit: usize,
    /// Which records.
    pub filter: &'a Filter,
}

/// Records of a type, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for; fewer where few of those looked at fit.
    pub records: Vec<Record>,
    /// Where the next page goes on; none at the end.
    pub next: Option<String>,
}

impl Roster {
    /// How many records of each type there are.
    ///
    /// # Errors
    /// `roster_damaged`; whatever the database reports.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let types = self.named(Types::load(&self.db))?;
        Ok(types.0.into_iter().map(|one| (one.name, one.records)).collect())
    }

    /// The digest of the records: equal where the records are, whatever order they came in.
    ///
    /// # Errors
    /// As [`Roster::counts`].
    pub fn digest(&self) -> Result<Hash, StoreError> {
        Ok(self.latest()?.map_or_else(|| SetHash::default().to_hash(), |last| last.digest))
    }

    /// A record, where there is one.
    ///
    /// # Errors
    /// As [`Roster::counts`].
    pub fn get(&self, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
        self.named(get(&self.db, kind, id))
    }

    /// A page of the records of a type. No more than 20,000 are looked at: where a filter lets few
    /// through, a page may be short or empty and still say where the next one goes on.
    ///
    /// # Errors
    /// As [`Roster::counts`].
    pub fn page(&self, query: PageQuery<'_>) -> Result<Page, StoreError> {
        self.named(page(&self.db, query))
    }

    /// Reads all records as they stand at one moment, by type and id.
    ///
    /// # Errors
    /// What `visit` says, and it is not called again; `roster_damaged`.
    pub fn each<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(RecordRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let moment = self.db.unchecked_transaction().map_err(StoreError::from)?;
        let types = self.named(sorted(&moment))?;
        for one in &types {
            let mut failed = None;
            let read = each_of(&moment, one, |record| match visit(record) {
                Ok(()) => true,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            self.named(read)?;
        }
        Ok(())
    }

    /// Reads several things as they stand at one moment, whatever is written meanwhile. What `read` calls
    /// opens no moment of its own: not [`Roster::each`].
    ///
    /// # Errors
    /// What `read` says; whatever the database reports.
    pub fn moment<T, E: From<StoreError>>(&self, read: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        // Nothing is written, so to end it is to let go of it.
        let _moment = self.db.unchecked_transaction().map_err(StoreError::from)?;
        read(self)
    }

    /// Reads the records of a type by id until `visit` breaks, with that record, or as many were looked at.
    /// Answers the id of the last that was looked at, from which a walk goes on; none where no more follow.
    ///
    /// # Errors
    /// What `visit` says, and it is not called again; `roster_damaged`.
    pub fn walk<E: From<StoreError>>(
        &self,
        walk: Walk<'_>,
        visit: impl FnMut(RecordRef<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Option<String>, E> {
        let mut failed = None;
        let walked = self.named(walk_of(&self.db, walk, visit, &mut failed))?;
        failed.map_or(Ok(walked), Err)
    }

    /// Writes all records as lines of JSON, by type and id, their columns by name: the same bytes for
    /// the same records. Answers how many there were.
    ///
    /// # Errors
    /// `io` where `into` cannot be written; `roster_damaged`.
    pub fn export(&self, into: &mut dyn Write) -> Result<u64, StoreError> {
        #[derive(Serialize)]
        struct Line<'a> {
            r#type: &'a str,
            id: &'a str,
            values: BTreeMap<&'a str, &'a str>,
        }
        let mut count = 0;
        self.each(|record| {
            let values = record.values.iter().copied().collect();
            let line = Line { r#type: record.kind, id: record.id, values };
            serde_json::to_writer(&mut *into, &line).map_err(std::io::Error::from)?;
            into.write_all(b"\n")?;
            count += 1;
            Ok::<(), StoreError>(())
        })?;
        Ok(count)
    }

    /// Reads every page of the file, then all records, and holds them against the counts and the digest
    /// that are kept of them.
    ///
    /// # Errors
    /// `roster_damaged` where they differ or cannot be read.
    pub fn verify(&self) -> Result<(), StoreError> {
        self.named(check_integrity(&self.db))?;
        let (mut digest, mut counts) = (SetHash::default(), BTreeMap::<String, u64>::new());
        self.each(|record| {
            digest.add_hash(hash_of(record.kind, record.id, record.values.iter().copied()));
            match counts.get_mut(record.kind) {
                Some(count) => *count += 1,
                None => drop(counts.insert(record.kind.to_owned(), 1)),
            }
            Ok::<(), StoreError>(())
        })?;
        let kept: BTreeMap<String, u64> =
            self.counts()?.into_iter().filter(|(_, count)| *count > 0).collect();
        let is_right = digest.to_hash() == self.digest()? && counts == kept;
        self.named(if is_right { Ok(()) } else { Err(damaged("its records are not what was imported")) })
    }
}

/// The types by name.
fn sorted(db: &Connection) -> Result<Vec<Type>, StoreError> {
    let mut types = Types::load(db)?.0;
    types.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(types)
}

pub(super) fn each_of(
    db: &Connection,
    one: &Type,
    mut visit: impl FnMut(RecordRef<'_>) -> bool,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT r.id, v.content FROM records r JOIN versions v ON v.id = r.image
         WHERE r.type = ?1 AND v.content IS NOT NULL ORDER BY r.id",
    )?;
    let mut rows = statement.query([one.id])?;
    let mut unpacked = Unpacked::default();
    while let Some(row) = rows.next()? {
        let id = text(row.get_ref(0)?)?;
        unpacked.read(blob(row.get_ref(1)?)?, id).ok_or_else(|| damaged("the values of a record"))?;
        let values: Vec<(&str, &str)> = one.named(unpacked.values()).collect();
        if !visit(RecordRef { kind: &one.name, id, values: &values }) {
            break;
        }
    }
    Ok(())
}

fn text(value: rusqlite::types::ValueRef<'_>) -> Result<&str, StoreError> {
    value.as_str().map_err(|_| damaged("the id of a record"))
}

fn blob(value: rusqlite::types::ValueRef<'_>) -> Result<&[u8], StoreError> {
    value.as_blob().map_err(|_| damaged("the values of a record"))
}

fn get(db: &Connection, kind: &str, id: &str) -> Result<Option<Record>, StoreError> {
    let types = Types::load(db)?;
    let Some(one) = types.position(kind).and_then(|at| types.0.get(at)) else { return Ok(None) };
    let content: Option<Option<Vec<u8>>> = db
        .prepare_cached(
            "SELECT v.content FROM records r JOIN versions v ON v.id = r.image WHERE r.type = ?1 AND r.id = ?2",
        )?
        .query_row(params![one.id, id], |row| row.get(0))
        .optional()?;
    let read = |content: Vec<u8>| values(one, id, &content);
    Ok(content.flatten().map(read).transpose()?.map(|values| Record {
        kind: kind.to_owned(),
        id: id.to_owned(),
        values,
    }))
}

/// The values of a record from its content.
pub(super) fn values(one: &Type, id: &str, content: &[u8]) -> Result<Vec<(String, String)>, StoreError> {
    let mut unpacked = Unpacked::default();
    unpacked.read(content, id).ok_or_else(|| damaged("the values of a record"))?;
    Ok(one.named(unpacked.values()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The records of a type behind an id, removed ones without content.
const AFTER: &str = "SELECT r.id, v.content FROM records r LEFT JOIN versions v ON v.id = r.image
     WHERE r.type = ?1 AND r.id > ?2 ORDER BY r.id";

fn page(db: &Connection, query: PageQuery<'_>) -> Result<Page, StoreError> {
    let (fits, limit) = (Fits::new(query.filter), query.limit.max(1));
    let mut records = Vec::new();
    let walk = Walk { kind: query.kind, after: query.after, most: MOST_LOOKED_AT };
    let looked = |record: RecordRef<'_>| {
        if fits.fits(&record) {
            records.push(record.to_owned());
        }
        let is_full = records.len() >= limit;
        Ok::<_, Infallible>(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let next = walk_of(db, walk, looked, &mut None)?;
    Ok(Page { records, next })
}

fn walk_of<E>(
    db: &Connection,
    walk: Walk<'_>,
    mut visit: impl FnMut(RecordRef<'_>) -> Result<ControlFlow<()>, E>,
    failed: &mut Option<E>,
) -> Result<Option<String>, StoreError> {
    let types = Types::load(db)?;
    let Some(one) = types.position(walk.kind).and_then(|at| types.0.get(at)) else { return Ok(None) };
    let mut statement = db.prepare_cached(AFTER)?;
    let mut rows = statement.query(params![one.id, walk.after.unwrap_or_default()])?;
    let mut unpacked = Unpacked::default();
    let (mut left, mut last) = (walk.most, String::new());
    while let Some(row) = rows.next()? {
        if left == 0 {
            return Ok(Some(last));
        }
        left -= 1;
        let id = text(row.get_ref(0)?)?;
        last.clear();
        last.push_str(id);
        let content = row.get_ref(1)?;
        if content == rusqlite::types::ValueRef::Null {
            continue;
        }
        unpacked.read(blob(content)?, id).ok_or_else(|| damaged("the values of a record"))?;
        let values: Vec<(&str, &str)> = one.named(unpacked.values()).collect();
        match visit(RecordRef { kind: &one.name, id, values: &values }) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => left = 0,
            Err(error) => {
                *failed = Some(error);
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// A filter made ready.
struct Fits<'f> {
    text: Option<String>,
    equals: Option<&'f (String, String)>,
}

impl<'f> Fits<'f> {
    fn new(filter: &'f Filter) -> Self {
        let text = filter.text.as_ref().filter(|text| !text.is_empty());
        Self { text: text.map(|text| text.to_lowercase()), equals: filter.equals.as_ref() }
    }

    fn fits(&self, record: &RecordRef<'_>) -> bool {
        let is_equal = self.equals.is_none_or(|(column, wanted)| {
            let value = record.values.iter().find(|(name, _)| name == column);
            value.map_or("", |(_, value)| value) == wanted
        });
        let has = |text: &String, value: &str| value.to_lowercase().contains(text);
        is_equal
            && self.text.as_ref().is_none_or(|text| {
                has(text, record.id) || record.values.iter().any(|(_, value)| has(text, value))
            })
    }
}
