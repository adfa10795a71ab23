//! Records of a blob, many at once, on their way from the thread that reads them to the one that takes
//! them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::blob::{BlobType, Entry, damaged};
use crate::error::Result;
use crate::record::Record;

/// Bytes of text at which a batch is full.
const FULL: usize = 128 << 10;

/// The line above the records of a type.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub r#type: String,
    pub columns: Vec<String>,
}

/// A value that is only copied where it was escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where a text lies in those of its batch.
type Span = (usize, usize);

/// Entries of one type, by id.
pub(crate) struct Batch {
    kind: Arc<Kind>,
    /// Their lines, and what was escaped in one behind it.
    text: String,
    /// Of each entry its id, and then its values.
    spans: Vec<Span>,
    /// Where each entry ends in `spans`, and whether the record is to be no more.
    entries: Vec<(usize, bool)>,
}

impl Batch {
    pub fn new(kind: Arc<Kind>) -> Self {
        Self { kind, text: String::new(), spans: Vec::new(), entries: Vec::new() }
    }

    /// An empty one that will hold about as much.
    pub fn another(&self) -> Self {
        Self {
            kind: Arc::clone(&self.kind),
            text: String::with_capacity(self.text.capacity()),
            spans: Vec::with_capacity(self.spans.capacity()),
            entries: Vec::with_capacity(self.entries.capacity()),
        }
    }

    pub fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.entries.clear();
    }

    /// Gives all entries.
    pub fn each<E>(
        &self,
        each: &mut impl FnMut(Entry<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let kind = self.kind.r#type.as_str();
        let (mut values, mut from) = (Vec::new(), 0);
        for (end, is_leaving) in &self.entries {
            let mut texts = self.texts(from..*end);
            from = *end;
            let id = texts.next().unwrap_or_default();
            if *is_leaving {
                each(Entry::Remove { kind, id })?;
                continue;
            }
            values.clear();
            let named = self.kind.columns.iter().map(String::as_str).zip(texts);
            values.extend(named.filter(|(_, value)| !value.is_empty()));
            each(Entry::Put(Record { kind, id, values: &values }))?;
        }
        Ok(())
    }

    fn texts(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = &str> {
        let spans = self.spans.get(range).unwrap_or_default();
        spans.iter().map(|(start, end)| self.text.get(*start..*end).unwrap_or_default())
    }

    /// Takes a line, which becomes an entry with what [`Batch::end`] says.
    fn read(&mut self, line: &[u8]) -> Result<()> {
        let bad = || damaged("a record makes no sense");
        let line = std::str::from_utf8(line).map_err(|_| bad())?;
        let (start, spans) = (self.text.len(), self.spans.len());
        if plain(line.as_bytes(), start, &mut self.spans).is_some() {
            self.text.push_str(line);
            return Ok(());
        }
        self.spans.truncate(spans);
        let row: Vec<Text<'_>> = serde_json::from_str(line).map_err(|_| bad())?;
        row.iter().for_each(|Text(value)| self.put(value));
        Ok(())
    }

    fn put(&mut self, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.spans.push((start, self.text.len()));
    }
}

/// Finds the strings of an array in which nothing is escaped, as they lie in a text in which it starts
/// at `start`; none where it is anything else.
fn plain(line: &[u8], start: usize, spans: &mut Vec<Span>) -> Option<()> {
    let mut at = line.starts_with(b"[").then_some(1)?;
    loop {
        let value = line.get(at..)?.strip_prefix(b"\"")?;
        let length = memchr::memchr2(b'"', b'\\', value)?;
        // JSON holds no control characters but as escapes.
        let is_plain =
            value.get(length) == Some(&b'"') && value.get(..length)?.iter().all(|byte| *byte >= b' ');
        at += 1;
        spans.push(is_plain.then_some((start + at, start + at + length))?);
        at += length + 1;
        match line.get(at)? {
            b',' => at += 1,
            b']' => return (at + 1 == line.len()).then_some(()),
            _ => return None,
        }
    }
}

/// The type at hand.
pub(crate) struct Current {
    pub kind: Arc<Kind>,
    pub count: BlobType,
    last: String,
}

impl Current {
    pub fn new(kind: Kind) -> Self {
        Self { kind: Arc::new(kind), count: BlobType::default(), last: String::new() }
    }

    /// Takes a line of the type into a batch.
    pub fn read(&mut self, line: &[u8], batch: &mut Batch) -> Result<()> {
        let from = batch.spans.len();
        let is_leaving = line.first() == Some(&b'"');
        if is_leaving {
            let Text(id) = serde_json::from_slice(line).map_err(|_| damaged("a record makes no sense"))?;
            batch.put(&id);
            self.count.remove += 1;
        } else {
            batch.read(line)?;
            self.count.put += 1;
        }
        let read = batch.spans.get(from..).unwrap_or_default();
        let Some(((start, end), values)) = read.split_first() else {
            return Err(damaged("a record has no id"));
        };
        if values.len() > self.kind.columns.len() {
            return Err(damaged("a record has more values than its type has columns"));
        }
        self.follow(batch.text.get(*start..*end).unwrap_or_default())?;
        batch.entries.push((batch.spans.len(), is_leaving));
        Ok(())
    }

    /// Holds that ids come in order, each once.
    fn follow(&mut self, id: &str) -> Result<()> {
        if id.is_empty() || self.last.as_str() >= id {
            return Err(damaged("its records are out of order"));
        }
        self.last.clear();
        self.last.push_str(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The id and the values of a line.
    fn read(line: &str) -> Option<Vec<String>> {
        let mut batch = Batch::new(Arc::new(Kind { r#type: String::new(), columns: Vec::new() }));
        batch.put("before");
        batch.read(line.as_bytes()).ok()?;
        Some(batch.texts(1..batch.spans.len()).map(str::to_owned).collect())
    }

    #[test]
    fn a_line_is_read_as_json_is() {
        for line in [
            r#"["a"]"#,
            r#"["a","b"]"#,
            r#"["a","","ü"]"#,
            r#"["a\n","b\u00e4\"","c"]"#,
            r#"[ "a" , "b" ]"#,
            "[]",
            r#"["a",]"#,
            r#"["a""b"]"#,
            r#"["a"]]"#,
            r#"["a"] "#,
            r#"["a",1]"#,
            r#"["a"#,
            "[\"a\tb\"]",
            "[\"a\u{7f}\"]",
            "[",
            "",
            r#"["a\"]"#,
            r#"["a"],"#,
        ] {
            assert_eq!(read(line), serde_json::from_str::<Vec<String>>(line).ok(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_values_come_back(values: Vec<String>) {
            prop_assert_eq!(read(&serde_json::to_string(&values).unwrap()), Some(values));
        }

        #[test]
        fn any_line_is_read_as_json_is(line in r#"\[("[a\\"]{0,3}",?){0,4}\]?"#) {
            prop_assert_eq!(read(&line), serde_json::from_str::<Vec<String>>(&line).ok());
        }
    }
}
