//! `manifest.csv` of a OneRoster set: which files there are, and whether each is bulk or delta.

use std::collections::BTreeMap;

use super::cause::Cause;
use super::ledger::Notes;
use crate::read::Head;
use crate::schema::Schema;

/// The properties of a manifest.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    /// The table's name.
    pub name: String,
    /// Property to (row, value), in any order.
    properties: BTreeMap<String, (u64, String)>,
}

/// What a manifest says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Absent,
    Bulk,
    Delta,
}

impl Manifest {
    pub fn read(name: &str, head: &Head) -> Self {
        let mut properties = BTreeMap::new();
        for (index, row) in head.rows.iter().enumerate() {
            let mut cells = row.iter().map(|cell| cell.trim());
            if let (Some(property), value) = (cells.next(), cells.next().unwrap_or_default()) {
                properties.insert(property.to_owned(), (index as u64 + 2, value.to_owned()));
            }
        }
        Self { name: name.to_owned(), properties }
    }

    fn value(&self, property: &str) -> Option<&str> {
        self.properties.get(property).map(|(_, value)| value.as_str())
    }

    /// `oneroster.version`: 1.0, 1.1 or 1.2; a second dot, as in 1.2.1, changes nothing.
    pub fn version(&self) -> Option<&str> {
        let version = self.value("oneroster.version")?;
        ["1.0", "1.1", "1.2"].into_iter().find(|known| {
            version == *known || version.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// What it says about the files of this type.
    pub fn mode(&self, kind: &str) -> Option<Mode> {
        match self.value(&format!("file.{kind}"))?.to_ascii_lowercase().as_str() {
            "absent" => Some(Mode::Absent),
            "bulk" => Some(Mode::Bulk),
            "delta" => Some(Mode::Delta),
            _ => None,
        }
    }

    /// Notes where it does not fit the format or the files that are there; the files win.
    pub fn judge(&self, schema: &Schema, is_there: &dyn Fn(&str) -> bool, notes: &mut Notes) {
        let mut wrong: Vec<(u64, String)> = Vec::new();
        for (property, (row, value)) in &self.properties {
            let is_right = match property.as_str() {
                "manifest.version" => value == "1.0",
                "oneroster.version" => matches!(value.as_str(), "1.0" | "1.1" | "1.2"),
                "source.systemName" | "source.systemCode" => true,
                other => other.strip_prefix("file.").is_some_and(|kind| {
                    matches!(value.as_str(), "absent" | "bulk" | "delta") && schema.place(kind).is_some()
                }),
            };
            if !is_right {
                wrong.push((*row, format!("{property} = {value}")));
            }
        }
        notes.add_all(Cause::ManifestValue, &self.name, None, wrong);
        for file in schema.files {
            let there = is_there(file.kind);
            let cause = match self.mode(file.kind) {
                Some(Mode::Bulk | Mode::Delta) if !there => Cause::ManifestNamesMissing,
                Some(Mode::Absent) if there => Cause::ManifestDenies,
                None if there => Cause::ManifestOmits,
                _ => continue,
            };
            let row = self.properties.get(&format!("file.{}", file.kind)).map_or(1, |(row, _)| *row);
            notes.add_all(cause, &self.name, None, vec![(row, format!("file.{}", file.kind))]);
        }
    }
}
