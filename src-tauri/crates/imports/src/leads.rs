//! Where the references of an import would lead: what it puts has to find what it names, and nothing
//! that stays may name what it removes.
//!
//! A check follows references between the rows of files, where those hold everything. What only a delta's
//! receiver can know, and what the removal of a record leaves behind, is followed here: beside the records
//! that are there. A plan does so with the files at hand, the service with what they were made into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::check::{Hashes, Hashing};
use crate::record::Record;
use crate::references::{From, Referring, referring};
use crate::schema::{Schema, schema};

/// References of one column that would lead nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportBrokenReferences"))]
pub struct BrokenReferences {
    /// The type whose records refer.
    pub r#type: String,
    /// The column.
    pub column: String,
    /// How many, where records that bulk files no longer hold stay.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
    /// How many, where those are removed.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub with_absent: u64,
}

/// References by type and column.
pub type ByColumn = BTreeMap<(String, String), u64>;

/// A reference whose record was not met yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loose {
    /// The column that names it.
    pub from: From,
    /// The hash of the id that it names.
    pub id: u64,
    /// The row that refers, of a file.
    pub row: u32,
}

pub(crate) fn column_of(referring: &[Vec<Referring>], (place, at): From) -> Option<&Referring> {
    referring.get(usize::from(place))?.get(usize::from(at))
}

/// Follows the references of what an import puts and removes, beside the records that stand.
///
/// Memory is 16 bytes or so for each record that is put, and for each reference to one that is not.
pub struct Leads {
    schema: &'static Schema,
    referring: Vec<Vec<Referring>>,
    hashing: Hashing,
    /// By the place of their type in the format.
    put: Vec<Hashes>,
    gone: Vec<Hashes>,
    loose: Vec<Loose>,
}

impl std::fmt::Debug for Leads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leads").field("loose", &self.loose.len()).finish_non_exhaustive()
    }
}

impl Leads {
    /// None for a format that is not known.
    #[must_use]
    pub fn new(format: &str) -> Option<Self> {
        let schema = schema(format)?;
        let none = || schema.files.iter().map(|_| Hashes::default()).collect();
        Some(Self {
            schema,
            referring: referring(schema),
            hashing: Hashing::new(),
            put: none(),
            gone: none(),
            loose: Vec::new(),
        })
    }

    /// Hears of a record that is put.
    pub fn put(&mut self, record: &Record<'_>) {
        let Some(place) = self.schema.place(record.kind) else { return };
        if let Some(put) = self.put.get_mut(place) {
            put.insert(self.hashing.of(record.id.as_bytes()));
        }
        let columns = self.referring.get(place).into_iter().flatten();
        for (column, name) in columns.flat_map(|column| column.named(record)) {
            let id = self.hashing.of(name.as_bytes());
            if !self.put.get(column.target).is_some_and(|put| put.contains(&id)) {
                self.loose.push(Loose { from: column.from, id, row: 0 });
            }
        }
    }

    /// Hears of a record that is removed.
    pub fn remove(&mut self, kind: &str, id: &str) {
        if let Some(gone) = self.schema.place(kind).and_then(|place| self.gone.get_mut(place)) {
            gone.insert(self.hashing.of(id.as_bytes()));
        }
    }

    /// The references that lead nowhere now. `standing` passes on the records of a type as they stand
    /// after the import; it is asked for those types alone of which something has to be known. References
    /// to a type of which there is no record at all are left out, as [`crate::References`] does.
    ///
    /// # Errors
    /// What `standing` says.
    pub fn end<E>(
        mut self,
        mut standing: impl FnMut(&str, &mut dyn FnMut(&Record<'_>)) -> Result<(), E>,
    ) -> Result<ByColumn, E> {
        let mut broken = ByColumn::new();
        let (referring, put) = (&self.referring, &self.put);
        let target = |one: &Loose| column_of(referring, one.from).map(|column| column.target);
        self.loose.retain(|one| {
            let put = target(one).and_then(|target| put.get(target));
            !put.is_some_and(|put| put.contains(&one.id))
        });
        for (place, file) in self.schema.files.iter().enumerate() {
            let loose: Vec<&Loose> = self.loose.iter().filter(|one| target(one) == Some(place)).collect();
            if loose.is_empty() {
                continue;
            }
            let wanted: Hashes = loose.iter().map(|one| one.id).collect();
            let (mut met, mut any) = (Hashes::default(), false);
            standing(file.kind, &mut |record| {
                any = true;
                met.extend(wanted.get(&self.hashing.of(record.id.as_bytes())));
            })?;
            let gone = self.gone.get(place);
            for one in loose {
                let is_gone = gone.is_some_and(|gone| gone.contains(&one.id));
                let is_broken = is_gone || (any && !met.contains(&one.id));
                if let Some(column) = column_of(referring, one.from).filter(|_| is_broken) {
                    *broken.entry(column.place()).or_default() += 1;
                }
            }
        }
        self.left_behind(&mut broken, &mut standing)?;
        Ok(broken)
    }

    /// Counts what stays and names what was removed.
    fn left_behind<E>(
        &self,
        broken: &mut ByColumn,
        standing: &mut impl FnMut(&str, &mut dyn FnMut(&Record<'_>)) -> Result<(), E>,
    ) -> Result<(), E> {
        let gone = |column: &Referring| self.gone.get(column.target).filter(|gone| !gone.is_empty());
        for ((columns, put), file) in self.referring.iter().zip(&self.put).zip(self.schema.files) {
            let columns: Vec<&Referring> = columns.iter().filter(|column| gone(column).is_some()).collect();
            if columns.is_empty() {
                continue;
            }
            standing(file.kind, &mut |record| {
                if put.contains(&self.hashing.of(record.id.as_bytes())) {
                    return;
                }
                for (column, name) in columns.iter().flat_map(|column| column.named(record)) {
                    if gone(column).is_some_and(|gone| gone.contains(&self.hashing.of(name.as_bytes()))) {
                        *broken.entry(column.place()).or_default() += 1;
                    }
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Values = &'static [(&'static str, &'static str)];

    const O1: (&str, &str, Values) = ("orgs", "o1", &[("name", "One")]);
    const U1: (&str, &str, Values) = ("users", "u1", &[("orgSourcedIds", "o1,o9")]);
    const U2: (&str, &str, Values) = ("users", "u2", &[("orgSourcedIds", "o2"), ("agentSourcedIds", "u3")]);
    const U3: (&str, &str, Values) = ("users", "u3", &[("orgSourcedIds", "o1")]);
    const E1: (&str, &str, Values) =
        ("enrollments", "e1", &[("userSourcedId", "u3"), ("classSourcedId", "c1")]);

    /// What leads nowhere after `put` and `gone` where `standing` stands, and the types that were read.
    fn broken(
        put: &[(&'static str, &'static str, Values)],
        gone: &[(&str, &str)],
        standing: &[(&'static str, &'static str, Values)],
    ) -> (Vec<(String, u64)>, Vec<String>) {
        let mut leads = Leads::new("oneroster-1.1").unwrap();
        for (kind, id, values) in put {
            leads.put(&Record { kind, id, values });
        }
        gone.iter().for_each(|(kind, id)| leads.remove(kind, id));
        let mut read = Vec::new();
        let broken = leads
            .end(|kind, visit| {
                read.push(kind.to_owned());
                let of = put.iter().chain(standing).filter(|(of, ..)| *of == kind);
                of.for_each(|(kind, id, values)| visit(&Record { kind, id, values }));
                Ok::<(), ()>(())
            })
            .unwrap();
        (
            broken.into_iter().map(|((kind, column), count)| (format!("{kind} {column}"), count)).collect(),
            read,
        )
    }

    #[test]
    fn what_is_put_has_to_find_what_it_names_in_the_import_or_beside_it() {
        let whole = broken(&[O1, U3, E1], &[], &[]);
        assert_eq!(whole, (vec![], vec!["classes".to_owned()]), "there are no classes at all");
        assert_eq!(broken(&[U3], &[], &[O1]).0, []);
        let (found, _) = broken(&[U1, U2], &[], &[O1]);
        let expected = [("users agentSourcedIds", 1), ("users orgSourcedIds", 2)];
        assert_eq!(found, expected.map(|(place, count)| (place.to_owned(), count)));
    }

    #[test]
    fn nothing_that_stays_may_name_what_goes() {
        let (found, read) = broken(&[], &[("users", "u3")], &[O1, U2, E1]);
        let expected = [("enrollments userSourcedId", 1), ("users agentSourcedIds", 1)];
        assert_eq!(found, expected.map(|(place, count)| (place.to_owned(), count)));
        assert!(!read.contains(&"orgs".to_owned()), "no more is read than has to be: {read:?}");
        // What is put in the same import counts by what it says now, and once.
        const MOVED: (&str, &str, Values) = ("users", "u2", &[("orgSourcedIds", "o1")]);
        assert_eq!(broken(&[MOVED], &[("users", "u3")], &[O1]).0, []);
        assert_eq!(broken(&[U2], &[("users", "u3")], &[]).0, [("users agentSourcedIds".to_owned(), 1)]);
    }
}
