//! Rows written many at a time: one statement of many rows takes half the time of as many statements.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection};

use crate::StoreError;

/// Rows that one statement writes; more of them gain nothing.
const AT_ONCE: usize = 32;

/// A value of a row; texts and blobs as their `Bytes`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<Bytes> {
    Null,
    Integer(i64),
    Text(Bytes),
    Blob(Bytes),
}

/// Rows of `COLUMNS` values on their way into a table. Until [`Bulk::flush`] the last of them are not there.
pub(super) struct Bulk<'r, const COLUMNS: usize> {
    many: CachedStatement<'r>,
    one: CachedStatement<'r>,
    /// The values that wait, with where each ends in `bytes`.
    held: Vec<Value<usize>>,
    bytes: Vec<u8>,
}

impl<'r, const COLUMNS: usize> Bulk<'r, COLUMNS> {
    /// `into` names the table and its columns; `conflict` says what is done where a row has the same key.
    pub fn new(db: &'r Connection, into: &str, conflict: &str) -> Result<Self, StoreError> {
        let row = format!("({})", ["?"; COLUMNS].join(", "));
        let rows =
            |count| format!("INSERT INTO {into} VALUES {} {conflict}", vec![row.as_str(); count].join(", "));
        Ok(Self {
            many: db.prepare_cached(&rows(AT_ONCE))?,
            one: db.prepare_cached(&rows(1))?,
            held: Vec::with_capacity(AT_ONCE * COLUMNS),
            bytes: Vec::new(),
        })
    }

    /// Takes a row. What the database reports may be of one that came before.
    pub fn add(&mut self, row: [Value<&[u8]>; COLUMNS]) -> Result<(), StoreError> {
        for value in row {
            let value = match value {
                Value::Null => Value::Null,
                Value::Integer(number) => Value::Integer(number),
                Value::Text(text) => Value::Text(self.hold(text)),
                Value::Blob(blob) => Value::Blob(self.hold(blob)),
            };
            self.held.push(value);
        }
        if self.held.len() < AT_ONCE * COLUMNS {
            return Ok(());
        }
        write(&mut self.many, &self.held, &self.bytes, &mut 0)?;
        self.held.clear();
        self.bytes.clear();
        Ok(())
    }

    fn hold(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len()
    }

    /// Writes the rows that still wait.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        let mut from = 0;
        for row in self.held.chunks(COLUMNS) {
            write(&mut self.one, row, &self.bytes, &mut from)?;
        }
        self.held.clear();
        self.bytes.clear();
        Ok(())
    }
}

/// Writes what a statement takes; the bytes of its first value begin at `from`, which becomes their end.
fn write(
    statement: &mut CachedStatement<'_>,
    values: &[Value<usize>],
    bytes: &[u8],
    from: &mut usize,
) -> Result<(), StoreError> {
    let mut up_to = |end| bytes.get(std::mem::replace(from, end)..end).unwrap_or_default();
    for (place, value) in (1..).zip(values) {
        let value = match *value {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(end) => ValueRef::Text(up_to(end)),
            Value::Blob(end) => ValueRef::Blob(up_to(end)),
        };
        statement.raw_bind_parameter(place, ToSqlOutput::Borrowed(value))?;
    }
    statement.raw_execute()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_as_it_came_and_the_last_of_a_key_stands() {
        for count in [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE, 3 * AT_ONCE + 5] {
            let db = Connection::open_in_memory().unwrap();
            db.execute_batch("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER, b BLOB) WITHOUT ROWID")
                .unwrap();
            let mut rows =
                Bulk::new(&db, "t (id, n, b)", "ON CONFLICT DO UPDATE SET n = excluded.n, b = excluded.b")
                    .unwrap();
            let expected =
                |n: usize| (format!("{n:04}"), (!n.is_multiple_of(3)).then_some(n), vec![n as u8; n % 5]);
            for n in (0..count / 2).chain(0..count) {
                let (id, number, blob) = expected(n);
                let number = number.map_or(Value::Null, |n| Value::Integer(n as i64));
                rows.add([Value::Text(id.as_bytes()), number, Value::Blob(&blob)]).unwrap();
            }
            rows.flush().unwrap();
            let mut statement = db.prepare("SELECT id, n, b FROM t ORDER BY id").unwrap();
            let read = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            let read: Vec<(String, Option<usize>, Vec<u8>)> = read.map(Result::unwrap).collect();
            assert_eq!(read, (0..count).map(expected).collect::<Vec<_>>());
        }
    }
}
