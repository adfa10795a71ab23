//! The types of records in a roster, and their columns.

use rusqlite::{Connection, params};

use super::{Changes, damaged};
use crate::StoreError;
use crate::sql::{from_json, int, to_json, uint};

/// A type.
pub(super) struct Type {
    pub id: i64,
    pub name: String,
    /// In the order in which they were first met; values lie in this order.
    pub columns: Vec<String>,
    /// How many records of it there are.
    pub records: u64,
    /// What the revision at hand does to them.
    pub changes: Changes,
}

impl Type {
    /// Values by the place of their column; columns that are new are added.
    pub fn placed<'v>(&mut self, values: &[(&'v str, &'v str)]) -> Vec<&'v str> {
        let mut placed = vec![""; self.columns.len()];
        // They mostly come in the same order.
        let mut next = 0;
        for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            let is_next = self.columns.get(next).is_some_and(|column| column == name);
            let place = if is_next { next } else { self.place(name) };
            if place >= placed.len() {
                placed.resize(place + 1, "");
            }
            if let Some(slot) = placed.get_mut(place) {
                *slot = value;
            }
            next = place + 1;
        }
        placed
    }

    fn place(&mut self, name: &str) -> usize {
        let found = self.columns.iter().position(|column| column == name);
        found.unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    /// Columns and the values that lie at their places, without blank ones.
    pub fn named<'v>(
        &'v self,
        values: impl Iterator<Item = &'v str>,
    ) -> impl Iterator<Item = (&'v str, &'v str)> {
        self.columns.iter().map(String::as_str).zip(values).filter(|(_, value)| !value.is_empty())
    }
}

/// All types, by their number: the first is 1.
pub(super) struct Types(pub Vec<Type>);

impl Types {
    pub fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut statement = db.prepare_cached("SELECT id, name, columns, records FROM types ORDER BY id")?;
        let mut rows = statement.query([])?;
        let mut types = Vec::new();
        while let Some(row) = rows.next()? {
            let columns: String = row.get(2)?;
            types.push(Type {
                id: row.get(0)?,
                name: row.get(1)?,
                columns: from_json(&columns).map_err(|_| damaged("the columns of a type"))?,
                records: uint(row.get(3)?),
                changes: Changes::default(),
            });
        }
        Ok(Self(types))
    }

    pub fn save(&self, db: &Connection) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(
            "INSERT OR REPLACE INTO types (id, name, columns, records) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for one in &self.0 {
            statement.execute(params![one.id, one.name, to_json(&one.columns)?, int(one.records)])?;
        }
        Ok(())
    }

    /// The place of the type of that name in the list.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|one| one.name == name)
    }

    /// The same; a type that is new is added.
    pub fn position_or_new(&mut self, name: &str) -> usize {
        self.position(name).unwrap_or_else(|| {
            let id = self.0.last().map_or(1, |last| last.id + 1);
            self.0.push(Type {
                id,
                name: name.to_owned(),
                columns: Vec::new(),
                records: 0,
                changes: Changes::default(),
            });
            self.0.len() - 1
        })
    }

    /// The place of the type of that number in the list.
    pub fn place(&self, id: i64) -> Result<usize, StoreError> {
        self.0.iter().position(|one| one.id == id).ok_or_else(|| damaged("a record of no type"))
    }

    /// The type of that number.
    pub fn numbered(&self, id: i64) -> Result<&Type, StoreError> {
        self.0.iter().find(|one| one.id == id).ok_or_else(|| damaged("a record of no type"))
    }
}
