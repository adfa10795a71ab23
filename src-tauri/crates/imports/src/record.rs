//! Records as they are imported: which type and id they have, and which of their values count.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::check::Outcome;
use crate::schema::{Column, Holds, Need};

/// A record in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its type, such as `users`.
    pub kind: &'a str,
    /// The values of the key's columns in the order of the format, U+001F between them, addresses in
    /// lower case. A record without a key has one made of its values: `sha256:` and a hash.
    pub id: &'a str,
    /// Column and value, in the order of the format, mended where they were; without blank ones, and
    /// without status and date of change.
    pub values: &'a [(&'a str, &'a str)],
}

/// Whether a column's values make a record what it is: when it changed last does not.
pub(crate) fn is_content(column: &Column) -> bool {
    column.need != Need::Delta
}

/// Adds a value to what a record holds.
pub(crate) fn put(content: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !value.is_empty() {
        content.extend_from_slice(name.as_bytes());
        content.push(0x1e);
        content.extend_from_slice(value);
        content.push(0x1f);
    }
}

/// How the rows of one file become records.
pub(crate) struct Canon {
    /// The columns that count, by number, in the order of the format.
    columns: Vec<(&'static str, usize)>,
    status: Option<usize>,
    /// The columns of the key, and whether each holds an address.
    keys: Vec<(usize, bool)>,
    /// How many records without a key held the same before.
    same: HashMap<[u8; 32], u64>,
}

impl Canon {
    /// From any row of the file.
    pub fn new(outcome: &Outcome<'_, '_>) -> Self {
        let at = |name: &str| outcome.columns.iter().position(|bound| bound.column.name == name);
        let content = outcome.file.columns.iter().filter(|column| is_content(column));
        let key = outcome.file.key.iter().filter_map(|name| {
            let is_address = outcome.file.column(name).is_some_and(|column| column.holds == Holds::Email);
            Some((at(name)?, is_address))
        });
        let is_mark = outcome.file.column("status").is_some_and(|column| !is_content(column));
        Self {
            columns: content.filter_map(|column| Some((column.name, at(column.name)?))).collect(),
            status: at("status").filter(|_| is_mark),
            keys: key.collect(),
            same: HashMap::new(),
        }
    }

    /// The columns that count, in the order of the format, with their numbers.
    pub fn columns(&self) -> &[(&'static str, usize)] {
        &self.columns
    }

    /// The id of a row that has a key.
    pub fn id(&self, outcome: &Outcome<'_, '_>) -> String {
        let mut id = String::new();
        for (place, (column, is_address)) in self.keys.iter().enumerate() {
            if place > 0 {
                id.push('\u{1f}');
            }
            let from = id.len();
            id.push_str(&String::from_utf8_lossy(outcome.value(*column)));
            if let Some(part) = id.get_mut(from..).filter(|_| *is_address) {
                part.make_ascii_lowercase();
            }
        }
        id
    }

    /// What the row holds, into `content`, which is cleared.
    pub fn content(&self, outcome: &Outcome<'_, '_>, content: &mut Vec<u8>) {
        content.clear();
        for (name, column) in &self.columns {
            put(content, name, outcome.value(*column));
        }
    }

    /// Whether a delta marks the row's record as one to remove.
    pub fn is_leaving(&self, outcome: &Outcome<'_, '_>) -> bool {
        outcome.is_delta && self.status.is_some_and(|status| outcome.value(status) == b"tobedeleted")
    }

    /// The id of a record without a key. Of several that hold the same each has its own.
    pub fn id_of_content(&mut self, content: &[u8]) -> String {
        let hash: [u8; 32] = Sha256::digest(content).into();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let before = self.same.entry(hash).or_default();
        *before += 1;
        if *before == 1 { format!("sha256:{hex}") } else { format!("sha256:{hex}/{before}") }
    }
}
