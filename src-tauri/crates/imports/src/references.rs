//! References between records that stand, followed as a check follows those between rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::check::{Hashes, Hashing};
use crate::record::Record;
use crate::schema::{FileSchema, Holds, Schema, schema};

/// Follows the references of a format: first it hears of every record, then it follows what each names.
/// Memory is 16 bytes or so for each record.
pub struct References {
    schema: &'static Schema,
    referring: Vec<Vec<Referring>>,
    hashing: Hashing,
    /// The ids of the records, by the place of their type in the format.
    known: Vec<Hashes>,
    found: Followed,
}

impl std::fmt::Debug for References {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("References").field("found", &self.found).finish_non_exhaustive()
    }
}

/// What was followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// References that lead to a record.
    pub whole: u64,
    /// References that lead nowhere, by type and column.
    pub broken: BTreeMap<(String, String), u64>,
}

impl References {
    /// None for a format that is not known.
    #[must_use]
    pub fn new(format: &str) -> Option<Self> {
        let schema = schema(format)?;
        let known = schema.files.iter().map(|_| Hashes::default()).collect();
        Some(Self {
            schema,
            referring: referring(schema),
            hashing: Hashing::new(),
            known,
            found: Followed::default(),
        })
    }

    /// Hears of a record.
    pub fn know(&mut self, record: &Record<'_>) {
        if let Some(known) = self.schema.place(record.kind).and_then(|place| self.known.get_mut(place)) {
            known.insert(self.hashing.of(record.id.as_bytes()));
        }
    }

    /// Follows what a record names. Types of which there is no record at all are left out: a format may
    /// do without some of its files.
    pub fn follow(&mut self, record: &Record<'_>) {
        let Some(columns) = self.schema.place(record.kind).and_then(|place| self.referring.get(place)) else {
            return;
        };
        for (column, name) in columns.iter().flat_map(|column| column.named(record)) {
            let Some(known) = self.known.get(column.target).filter(|known| !known.is_empty()) else {
                continue;
            };
            if known.contains(&self.hashing.of(name.as_bytes())) {
                self.found.whole += 1;
            } else {
                *self.found.broken.entry(column.place()).or_default() += 1;
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn end(self) -> Followed {
        self.found
    }
}

/// Hears of a record that another names: its type and its id.
pub type Named<'n> = dyn FnMut(&str, &str) + 'n;

/// Gives type and id of every record that a record names, of which it hears the type and the values; of
/// an unknown format, or none, nothing.
pub fn naming(format: Option<&str>) -> impl Fn(&str, &[(&str, &str)], &mut Named<'_>) + use<> {
    let known = format.and_then(schema).map(|schema| (schema, referring(schema)));
    move |kind, values, each| {
        let Some((schema, referring)) = &known else { return };
        let columns = schema.place(kind).and_then(|place| referring.get(place)).into_iter().flatten();
        let record = Record { kind, id: "", values };
        for (column, id) in columns.flat_map(|column| column.named(&record)) {
            if let Some(target) = schema.files.get(column.target) {
                each(target.kind, &id);
            }
        }
    }
}

/// A column whose values name records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Referring {
    /// Its place among those of its type, and that of the type in the format.
    pub from: From,
    pub kind: &'static str,
    pub column: &'static str,
    /// The place in the format of the type that is named.
    pub target: usize,
    is_list: bool,
    /// Addresses count in lower case.
    is_address: bool,
}

/// The place of a type in a format, and of a column among those of its columns that refer.
pub(crate) type From = (u16, u16);

/// The columns of a format that name records by a key of one column, by the place of their type.
pub(crate) fn referring(schema: &'static Schema) -> Vec<Vec<Referring>> {
    let of = |(place, file): (usize, &'static FileSchema)| {
        let columns = file.columns.iter().filter_map(|column| {
            let (Holds::Ref(kind) | Holds::Refs(kind)) = column.holds else { return None };
            let target = schema.place(kind)?;
            let [key] = schema.files.get(target)?.key else { return None };
            let is_address = schema.files.get(target)?.column(key)?.holds == Holds::Email;
            let is_list = matches!(column.holds, Holds::Refs(_));
            Some(Referring {
                from: (0, 0),
                kind: file.kind,
                column: column.name,
                target,
                is_list,
                is_address,
            })
        });
        let numbered =
            columns.enumerate().map(|(at, one)| Referring { from: (place as u16, at as u16), ..one });
        numbered.collect()
    };
    schema.files.iter().enumerate().map(of).collect()
}

impl Referring {
    /// Type and column.
    pub fn place(&self) -> (String, String) {
        (self.kind.to_owned(), self.column.to_owned())
    }

    /// The ids that a value names.
    pub fn ids<'v>(&self, value: &'v str) -> impl Iterator<Item = Cow<'v, str>> + use<'v> {
        let Self { is_list, is_address, .. } = *self;
        let names = value.split(',').filter(move |_| is_list).chain((!is_list).then_some(value));
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        names.map(move |name| if is_address { name.to_ascii_lowercase().into() } else { name.into() })
    }

    /// The ids that a record of its type names in it.
    pub fn named<'r>(&self, record: &Record<'r>) -> impl Iterator<Item = (&Self, Cow<'r, str>)> {
        let value = record.values.iter().find(|(name, _)| *name == self.column).map(|(_, value)| *value);
        value.into_iter().flat_map(|value| self.ids(value)).map(move |id| (self, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_records_or_are_counted_where_they_do_not() {
        type Given = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
        let all: [Given; 5] = [
            ("orgs", "o1", &[("sourcedId", "o1")]),
            ("orgs", "o2", &[("sourcedId", "o2"), ("parentSourcedId", "o1")]),
            ("users", "u1", &[("sourcedId", "u1"), ("orgSourcedIds", "o1, o2,o9")]),
            ("users", "u2", &[("sourcedId", "u2"), ("orgSourcedIds", "o2"), ("agentSourcedIds", "u1,u7")]),
            // There are no classes at all.
            (
                "enrollments",
                "e1",
                &[("userSourcedId", "u1"), ("classSourcedId", "c1"), ("schoolSourcedId", "o2")],
            ),
        ];
        let mut references = References::new("oneroster-1.1").unwrap();
        let record = |(kind, id, values): &Given| Record { kind, id, values };
        all.iter().for_each(|one| references.know(&record(one)));
        all.iter().for_each(|one| references.follow(&record(one)));
        let broken = [("agentSourcedIds", 1), ("orgSourcedIds", 1)]
            .map(|(column, count)| (("users".to_owned(), column.to_owned()), count));
        assert_eq!(references.end(), Followed { whole: 7, broken: broken.into() });
        assert!(References::new("nothing").is_none());

        let named = |format| {
            let mut named = Vec::new();
            naming(format)(all[2].0, all[2].2, &mut |kind, id| named.push(format!("{kind} {id}")));
            named
        };
        assert_eq!(named(Some("oneroster-1.1")), ["orgs o1", "orgs o2", "orgs o9"]);
        assert!(named(Some("nothing")).is_empty() && named(None).is_empty());
    }
}
