//! Roles that are rows of their own, kept small.

use std::collections::HashMap;

use super::value;
use crate::check::Hashing;
use crate::record::Record;
use crate::schema::people::ROLE_ROWS;

/// Different roles that are kept; people of a further one have it not.
const KEPT_ROLES: usize = 10_000;
/// Different sites that are kept, some 10 MB of them; people of a further one have it not.
const KEPT_SITES: usize = 100_000;

/// The rows that say roles of people at sites: 16 bytes of each, and every word once.
///
/// First it hears of all rows, then it is asked.
pub struct RoleRows {
    hashing: Hashing,
    rows: Vec<Row>,
    is_sorted: bool,
    roles: Words,
    sites: Words,
}

/// One row. The main ones of a person come first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    person: u64,
    site: u32,
    role: u16,
    is_other: bool,
}

/// Words by number; the first is 1, and 0 stands for none.
struct Words {
    most: usize,
    words: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl std::fmt::Debug for RoleRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoleRows").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

impl Default for RoleRows {
    fn default() -> Self {
        Self {
            hashing: Hashing::new(),
            rows: Vec::new(),
            is_sorted: true,
            roles: Words::new(KEPT_ROLES),
            sites: Words::new(KEPT_SITES),
        }
    }
}

impl RoleRows {
    /// The type of the rows.
    pub const KIND: &'static str = ROLE_ROWS.kind;

    /// Hears of a row; what is none is left out.
    pub fn know(&mut self, record: &Record<'_>) {
        let Some(person) = value(record, ROLE_ROWS.person).filter(|_| record.kind == ROLE_ROWS.kind) else {
            return;
        };
        let number = |words: &mut Words, column| value(record, column).map_or(0, |word| words.number(word));
        let role = number(&mut self.roles, ROLE_ROWS.role);
        let is_main = ROLE_ROWS.main.iter().any(|(column, word)| {
            value(record, column).is_some_and(|found| found.eq_ignore_ascii_case(word))
        });
        self.is_sorted = false;
        self.rows.push(Row {
            person: self.hashing.of(person.as_bytes()),
            site: number(&mut self.sites, ROLE_ROWS.site),
            role: u16::try_from(role).unwrap_or_default(),
            is_other: !is_main,
        });
    }

    /// All rows were heard of: now they can be asked for.
    pub fn end(&mut self) {
        // Rows of a person stay in the order in which they came.
        self.rows.sort_by_key(|row| (row.person, row.is_other));
        self.rows.shrink_to_fit();
        self.is_sorted = true;
        self.roles.numbers = HashMap::new();
        self.sites.numbers = HashMap::new();
    }

    /// The roles and sites of a person, the main ones first; none before [`RoleRows::end`].
    pub fn of(&self, person: &str) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
        let wanted = self.hashing.of(person.as_bytes());
        let rows = if self.is_sorted { self.rows.as_slice() } else { &[] };
        let from = rows.partition_point(|row| row.person < wanted);
        let its = rows.iter().skip(from).take_while(move |row| row.person == wanted);
        its.map(|row| (self.roles.word(u32::from(row.role)), self.sites.word(row.site)))
    }
}

impl Words {
    fn new(most: usize) -> Self {
        Self { most, words: Vec::new(), numbers: HashMap::new() }
    }

    /// The number of a word; 0 for one too many.
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        if self.words.len() == self.most {
            return 0;
        }
        self.words.push(word.to_owned());
        let number = u32::try_from(self.words.len()).unwrap_or_default();
        self.numbers.insert(word.to_owned(), number);
        number
    }

    fn word(&self, number: u32) -> Option<&str> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.words.get(place).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_sixteen_bytes() {
        assert_eq!(size_of::<Row>(), 16);
    }

    #[test]
    fn more_words_than_are_kept_are_none() {
        let mut words = Words::new(2);
        assert_eq!(["a", "b", "c", "a"].map(|word| words.number(word)), [1, 2, 0, 1]);
        assert_eq!([0, 1, 2, 3].map(|number| words.word(number)), [None, Some("a"), Some("b"), None]);
    }
}
