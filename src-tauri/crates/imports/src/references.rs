//! References between records that stand, followed as a check follows those between rows.

use std::collections::BTreeMap;

use crate::check::{Hashes, Hashing};
use crate::record::Record;
use crate::schema::{FileSchema, Holds, Schema, schema};

/// Follows the references of a format: first it hears of every record, then it follows what each names.
/// Memory is 16 bytes or so for each record.
pub struct References {
    schema: &'static Schema,
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
        Some(Self { schema, hashing: Hashing::new(), known, found: Followed::default() })
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
        let Some(file) = self.schema.place(record.kind).and_then(|place| self.schema.files.get(place)) else {
            return;
        };
        for column in file.columns {
            let (Holds::Ref(kind) | Holds::Refs(kind)) = column.holds else { continue };
            let Some((_, value)) = record.values.iter().find(|(name, _)| *name == column.name) else {
                continue;
            };
            let Some(place) = self.schema.place(kind) else { continue };
            let (Some(target), Some(known)) = (self.schema.files.get(place), self.known.get(place)) else {
                continue;
            };
            if target.key.len() != 1 || known.is_empty() {
                continue;
            }
            let is_list = matches!(column.holds, Holds::Refs(_));
            for name in value.split(',').filter(|_| is_list).chain((!is_list).then_some(*value)) {
                if known.contains(&self.hashing.of(id_of(target, name.trim()).as_bytes())) {
                    self.found.whole += 1;
                } else {
                    let place = (file.kind.to_owned(), column.name.to_owned());
                    *self.found.broken.entry(place).or_default() += 1;
                }
            }
        }
    }

    /// What was found.
    #[must_use]
    pub fn end(self) -> Followed {
        self.found
    }
}

/// The id of the record that a reference names: addresses count in lower case.
fn id_of<'n>(target: &FileSchema, name: &'n str) -> std::borrow::Cow<'n, str> {
    let is_address =
        target.key.iter().any(|key| target.column(key).is_some_and(|column| column.holds == Holds::Email));
    if is_address { name.to_ascii_lowercase().into() } else { name.into() }
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
    }
}
