//! The rows of a plan: every record that an import would change, before and after, kept for paging.
//!
//! They lie in blocks, compressed and encrypted under a key that is kept nowhere, in one file that goes
//! with them. In memory is only where each block lies and how many rows of which sort it holds, so that a
//! page of a million rows opens the blocks that it shows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::error::Result;
use crate::schema::{FileSchema, Schema, schema};
use crate::sort::{Run, Scratch, broken, create, failed, nonce};
use crate::veil::Veil;

/// What would become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
#[serde(rename_all = "snake_case")]
pub enum PlanChange {
    /// It is new.
    Create,
    /// It is there, with other values.
    Update,
    /// It is there, and a row says that it is no more.
    Remove,
    /// It is there, and bulk files no longer hold it: it goes only where somebody asks for that.
    Absent,
}

/// A record that would change. One of the two sides is there at least.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// Its type.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// The row that says so, the header being 1; none where no row does.
    pub row: Option<u64>,
    /// Column and value as they are; none where there is no such record.
    pub before: Option<&'a [(&'a str, &'a str)]>,
    /// The same as they would be.
    pub after: Option<&'a [(&'a str, &'a str)]>,
}

impl Planned<'_> {
    fn change(&self) -> PlanChange {
        match (self.before, self.after, self.row) {
            (None, _, _) => PlanChange::Create,
            (_, Some(_), _) => PlanChange::Update,
            (_, None, Some(_)) => PlanChange::Remove,
            (_, None, None) => PlanChange::Absent,
        }
    }
}

/// A value on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct PlanValue {
    /// The column.
    pub column: String,
    /// As it is; none where it is blank or there is no such record.
    pub before: Option<String>,
    /// As it would be.
    pub after: Option<String>,
}

/// A record that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct PlanRow {
    /// Its place among all rows of the plan.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub at: u64,
    /// Its type.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// What would become of it.
    pub change: PlanChange,
    /// The row that says so, the header being 1; none where no row does.
    #[cfg_attr(feature = "types", ts(type = "number | null"))]
    pub row: Option<u64>,
    /// How many values differ.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub changed: u64,
    /// Its values, in the order of the format.
    pub values: Vec<PlanValue>,
}

/// Which rows of a plan to show.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PlanQuery {
    /// Only of this type.
    pub r#type: Option<String>,
    /// Only what would become this.
    pub change: Option<PlanChange>,
    /// Only where this is in the id or a value, in any case.
    #[serde(default)]
    pub text: String,
    /// Only the updates that change most, those first: at most [`WORST`] of each type.
    #[serde(default)]
    pub worst: bool,
    /// Where to begin, among the rows of that type and change.
    #[serde(default)]
    pub from: u64,
    /// The most rows.
    pub limit: usize,
}

/// A page of the rows of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct PlanPage {
    /// At most as many as were asked for; fewer where few of those looked at have the text.
    pub rows: Vec<PlanRow>,
    /// How many rows are of the type and change, whatever the text.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub total: u64,
    /// Where it begins among these.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub from: u64,
    /// Where the next page begins; none at the end.
    #[cfg_attr(feature = "types", ts(type = "number | null"))]
    pub next: Option<u64>,
    /// Whether values about people show as outlines.
    pub masked: bool,
}

/// The most updates of a type that are kept as those that change most.
pub const WORST: usize = 100;
/// The most rows on a page.
const MOST_ROWS: usize = 500;
/// Bytes of rows that make a block.
const BLOCK: usize = 64 << 10;
const LEVEL: i32 = 1;
/// The largest block that is opened: one row more than a block, and a row has its values twice.
const MOST_BLOCK: usize = 64 << 20;
/// What may be looked at for one page, so that a text that is nowhere costs no more than any other: a
/// block costs as much as this many rows of one.
const MOST_WORK: usize = 40_000;
const BLOCK_WORK: usize = 100;
/// Stands for the run in nonces, which no sorter under the same key reaches.
const RUN: usize = u32::MAX as usize;

/// A row as it lies in a block: the number of its type, its row, its id and its two sides.
type Lying<'a> = (u8, Option<u64>, Text<'a>, Option<Side<'a>>, Option<Side<'a>>);
type Side<'a> = Vec<(Text<'a>, Text<'a>)>;

/// A text that is only copied where it was escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// How many values of a row change, and its place: the least comes first, of equal ones the last.
type Weight = Reverse<(u64, Reverse<u64>)>;

/// A number of a type, and what becomes of its records.
type Sort = (u8, PlanChange);

#[derive(Debug)]
struct Block {
    at: u64,
    length: usize,
    rows: u64,
    sorts: BTreeMap<Sort, u64>,
}

/// Takes the rows of a plan, one after the other.
pub struct PlanWriter {
    file: File,
    run: Run,
    cipher: ChaCha20Poly1305,
    kinds: Vec<String>,
    blocks: Vec<Block>,
    end: u64,
    rows: u64,
    plain: Vec<u8>,
    sorts: BTreeMap<Sort, u64>,
    held: u64,
    worst: BTreeMap<u8, BinaryHeap<Weight>>,
}

impl std::fmt::Debug for PlanWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanWriter").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl PlanWriter {
    /// Rows in a file of `scratch`, which [`crate::each_entry`] may use at the same time.
    ///
    /// # Errors
    /// `import_unreadable` where the file cannot be made.
    pub fn new(scratch: &Scratch) -> Result<Self> {
        let path = scratch.folder.join("plan.scratch");
        let file = create(&path).map_err(|error| failed(&path, &error))?;
        Ok(Self {
            file,
            run: Run { path },
            cipher: ChaCha20Poly1305::new(&Key::from(scratch.key)),
            kinds: Vec::new(),
            blocks: Vec::new(),
            end: 0,
            rows: 0,
            plain: Vec::new(),
            sorts: BTreeMap::new(),
            held: 0,
            worst: BTreeMap::new(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `import_unreadable` where the file cannot be written.
    pub fn put(&mut self, row: Planned<'_>) -> Result<()> {
        let kind = self.kind(row.kind);
        let lying = (kind, row.row, row.id, row.before, row.after);
        serde_json::to_writer(&mut self.plain, &lying).map_err(|_| broken(&self.run.path))?;
        self.plain.push(b'\n');
        let change = row.change();
        *self.sorts.entry((kind, change)).or_default() += 1;
        if let (PlanChange::Update, Some(before), Some(after)) = (change, row.before, row.after) {
            self.weigh(kind, differing(before, after));
        }
        self.held += 1;
        self.rows += 1;
        if self.plain.len() >= BLOCK { self.seal() } else { Ok(()) }
    }

    fn kind(&mut self, kind: &str) -> u8 {
        // They come type by type.
        let known = self.kinds.iter().rposition(|known| known == kind);
        let number = known.unwrap_or_else(|| {
            self.kinds.push(kind.to_owned());
            self.kinds.len() - 1
        });
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    /// Keeps the row at hand among the worst of its type, if it is; of equal ones the first.
    fn weigh(&mut self, kind: u8, changed: u64) {
        let worst = self.worst.entry(kind).or_default();
        worst.push(Reverse((changed, Reverse(self.rows))));
        if worst.len() > WORST {
            worst.pop();
        }
    }

    fn seal(&mut self) -> Result<()> {
        let cannot = |error: &std::io::Error| failed(&self.run.path, error);
        let packed = zstd::bulk::compress(&self.plain, LEVEL).map_err(|error| cannot(&error))?;
        let nonce = nonce((RUN, self.blocks.len() as u64));
        let sealed = self.cipher.encrypt(&nonce, packed.as_slice()).map_err(|_| broken(&self.run.path))?;
        self.file.write_all(&sealed).map_err(|error| cannot(&error))?;
        self.blocks.push(Block {
            at: self.end,
            length: sealed.len(),
            rows: std::mem::take(&mut self.held),
            sorts: std::mem::take(&mut self.sorts),
        });
        self.end += sealed.len() as u64;
        self.plain.clear();
        Ok(())
    }

    /// The rows, to be paged; `format` says which values are about people.
    ///
    /// # Errors
    /// As [`PlanWriter::put`].
    pub fn end(mut self, format: &str) -> Result<PlanRows> {
        if self.held > 0 {
            self.seal()?;
        }
        let path = &self.run.path;
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        let worst = self.worst.into_iter().map(|(kind, worst)| {
            let worst = worst.into_sorted_vec().into_iter();
            (kind, worst.map(|Reverse((changed, Reverse(at)))| (changed, at)).collect())
        });
        Ok(PlanRows {
            file,
            cipher: self.cipher,
            schema: schema(format),
            kinds: self.kinds,
            blocks: self.blocks,
            worst: worst.collect(),
            run: self.run,
        })
    }
}

/// How many columns have another value.
fn differing(before: &[(&str, &str)], after: &[(&str, &str)]) -> u64 {
    let value = |side: &[(&str, &str)], name: &str| {
        side.iter().find(|(column, _)| *column == name).map(|(_, value)| (*value).to_owned())
    };
    let changed = after.iter().filter(|(name, is)| value(before, name).as_deref() != Some(is)).count();
    let gone = before.iter().filter(|(name, _)| value(after, name).is_none()).count();
    (changed + gone) as u64
}

/// The rows of a plan. Their file goes with them.
pub struct PlanRows {
    file: File,
    cipher: ChaCha20Poly1305,
    schema: Option<&'static Schema>,
    kinds: Vec<String>,
    blocks: Vec<Block>,
    /// By the number of a type: how many values change, and the row's place; most first.
    worst: BTreeMap<u8, Vec<(u64, u64)>>,
    run: Run,
}

impl std::fmt::Debug for PlanRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanRows").field("blocks", &self.blocks.len()).finish_non_exhaustive()
    }
}

/// A row while it is read, with its place among all.
struct Found<'a> {
    at: u64,
    change: PlanChange,
    lying: Lying<'a>,
}

impl PlanRows {
    /// A page of the rows. Where `masked`, values about people show as outlines, and a text is looked for
    /// in what shows. A secret shows to nobody.
    ///
    /// # Errors
    /// `import_unreadable`, `import_damaged` where the file was changed while it was in use.
    pub fn page(&mut self, query: &PlanQuery, masked: bool) -> Result<PlanPage> {
        let limit = query.limit.clamp(1, MOST_ROWS);
        let kind = match &query.r#type {
            None => None,
            Some(kind) => match self.kinds.iter().position(|known| known == kind) {
                Some(number) => u8::try_from(number).ok(),
                None => return Ok(PlanPage { masked, ..PlanPage::default() }),
            },
        };
        if query.worst {
            self.worst(kind, query, limit, masked)
        } else {
            self.listed(kind, query, limit, masked)
        }
    }

    fn listed(
        &mut self,
        kind: Option<u8>,
        query: &PlanQuery,
        limit: usize,
        masked: bool,
    ) -> Result<PlanPage> {
        let fits = |(of, change): Sort| {
            kind.is_none_or(|kind| of == kind) && query.change.is_none_or(|wanted| change == wanted)
        };
        let fitting = |block: &Block| -> u64 {
            block.sorts.iter().filter(|(sort, _)| fits(**sort)).map(|(_, count)| count).sum()
        };
        let total = self.blocks.iter().map(fitting).sum();
        let mut page = PlanPage { total, from: query.from, masked, ..PlanPage::default() };
        let sought = Sought::new(&query.text, masked);
        let (mut passed, mut first, mut work) = (0, 0, 0);
        for number in 0..self.blocks.len() {
            let Some(block) = self.blocks.get(number) else { break };
            let (here, rows) = (fitting(block), block.rows);
            if passed + here > query.from && here > 0 {
                if work > MOST_WORK {
                    page.next = Some(passed.max(query.from));
                    return Ok(page);
                }
                work += BLOCK_WORK;
                let plain = self.open(number)?;
                if sought.may_be_in(&plain) {
                    let mut place = passed;
                    for found in found(&plain, first) {
                        let found = found.ok_or_else(|| broken(&self.run.path))?;
                        if !fits((found.lying.0, found.change)) {
                            continue;
                        }
                        if place >= query.from {
                            if page.rows.len() == limit {
                                page.next = Some(place);
                                return Ok(page);
                            }
                            work += 1;
                            page.rows.extend(self.shown(found, masked).filter(|row| sought.is_in(row)));
                        }
                        place += 1;
                    }
                }
            }
            passed += here;
            first += rows;
        }
        Ok(page)
    }

    fn worst(&mut self, kind: Option<u8>, query: &PlanQuery, limit: usize, masked: bool) -> Result<PlanPage> {
        let of_kind = self.worst.iter().filter(|(of, _)| kind.is_none_or(|kind| **of == kind));
        let mut worst: Vec<(u64, u64)> = of_kind.flat_map(|(_, worst)| worst.iter().copied()).collect();
        worst.sort_by_key(|(changed, at)| (Reverse(*changed), *at));
        if query.change.is_some_and(|change| change != PlanChange::Update) {
            worst.clear();
        }
        let sought = Sought::new(&query.text, masked);
        let mut page =
            PlanPage { total: worst.len() as u64, from: query.from, masked, ..PlanPage::default() };
        let from = usize::try_from(query.from).unwrap_or(usize::MAX);
        for (place, (_, at)) in worst.iter().enumerate().skip(from) {
            if page.rows.len() == limit {
                page.next = Some(place as u64);
                break;
            }
            page.rows.extend(self.row(*at, masked)?.filter(|row| sought.is_in(row)));
        }
        Ok(page)
    }

    /// The row at a place among all.
    fn row(&mut self, at: u64, masked: bool) -> Result<Option<PlanRow>> {
        let mut first = 0;
        for number in 0..self.blocks.len() {
            let rows = self.blocks.get(number).map_or(0, |block| block.rows);
            if at < first + rows {
                let plain = self.open(number)?;
                let row = found(&plain, first).flatten().find(|found| found.at == at);
                return Ok(row.and_then(|found| self.shown(found, masked)));
            }
            first += rows;
        }
        Ok(None)
    }

    /// The bytes of a block.
    fn open(&mut self, number: usize) -> Result<Vec<u8>> {
        let path = &self.run.path;
        let Some(block) = self.blocks.get(number) else { return Err(broken(path)) };
        let mut sealed = vec![0; block.length];
        let read = self.file.seek(SeekFrom::Start(block.at));
        read.and_then(|_| self.file.read_exact(&mut sealed)).map_err(|error| failed(path, &error))?;
        let nonce = nonce((RUN, number as u64));
        let packed = self.cipher.decrypt(&nonce, sealed.as_slice()).map_err(|_| broken(path))?;
        zstd::bulk::decompress(&packed, MOST_BLOCK).map_err(|_| broken(path))
    }

    /// A row as it is shown.
    fn shown(&self, found: Found<'_>, masked: bool) -> Option<PlanRow> {
        let (kind, row, Text(id), before, after) = found.lying;
        let kind = self.kinds.get(usize::from(kind))?;
        let file = self.schema.and_then(|schema| schema.files.iter().find(|file| file.kind == kind));
        let values = beside(file, before.unwrap_or_default(), after.unwrap_or_default());
        let veil = if masked { Veil::Outlines } else { Veil::Open };
        let veiled = |PlanValue { column, before, after }: PlanValue| PlanValue {
            before: before.map(|value| veil.value(file, &column, value)),
            after: after.map(|value| veil.value(file, &column, value)),
            column,
        };
        Some(PlanRow {
            at: found.at,
            r#type: kind.clone(),
            id: veil.id(file, id.into_owned()),
            change: found.change,
            row,
            changed: values.iter().filter(|value| value.before != value.after).count() as u64,
            values: values.into_iter().map(veiled).collect(),
        })
    }
}

/// Both sides column by column, in the order of the format; columns that it does not know come last.
fn beside(file: Option<&FileSchema>, before: Side<'_>, after: Side<'_>) -> Vec<PlanValue> {
    let mut values: Vec<PlanValue> = Vec::with_capacity(after.len().max(before.len()));
    for (side, is_after) in [(before, false), (after, true)] {
        for (Text(column), Text(value)) in side {
            let at = values.iter().position(|known| known.column == column).unwrap_or_else(|| {
                values.push(PlanValue { column: column.into_owned(), before: None, after: None });
                values.len() - 1
            });
            if let Some(slot) = values.get_mut(at) {
                *(if is_after { &mut slot.after } else { &mut slot.before }) = Some(value.into_owned());
            }
        }
    }
    let order = |value: &PlanValue| {
        let known = file.and_then(|file| file.columns.iter().position(|one| one.name == value.column));
        known.unwrap_or(usize::MAX)
    };
    values.sort_by_key(order);
    values
}

/// The rows of a block, of which the first has this place; none in place of one that makes no sense.
fn found(plain: &[u8], first: u64) -> impl Iterator<Item = Option<Found<'_>>> {
    let lines = plain.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.zip(first..).map(|(line, at)| {
        let lying: Lying<'_> = serde_json::from_slice(line).ok()?;
        let side = |side: &Option<Side<'_>>| side.as_ref().map(|_| [].as_slice());
        let sides = Planned { kind: "", id: "", row: lying.1, before: side(&lying.3), after: side(&lying.4) };
        Some(Found { at, change: sides.change(), lying })
    })
}

/// A text that is looked for, in any case.
struct Sought {
    text: String,
    /// The same as it lies in a block; none where blocks hold what must not be looked at.
    lying: Option<Finder<'static>>,
}

impl Sought {
    fn new(text: &str, masked: bool) -> Self {
        let text = text.trim().to_lowercase();
        let escaped = serde_json::to_string(&text).unwrap_or_default();
        let inner = escaped.trim_start_matches('"');
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        let lying = (!masked && !text.is_empty()).then(|| Finder::new(inner.as_bytes()).into_owned());
        Self { text, lying }
    }

    /// Whether a block is worth a look.
    fn may_be_in(&self, plain: &[u8]) -> bool {
        let Some(finder) = &self.lying else { return true };
        if self.text.is_ascii() {
            return finder.find(&plain.to_ascii_lowercase()).is_some();
        }
        finder.find(String::from_utf8_lossy(plain).to_lowercase().as_bytes()).is_some()
    }

    fn is_in(&self, row: &PlanRow) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.text);
        let sides = || row.values.iter().flat_map(|value| [&value.before, &value.after]).flatten();
        self.text.is_empty() || has(&row.id) || sides().any(|value| has(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    type Values = Vec<(&'static str, String)>;
    /// Type, id, row, before, after.
    type Given = (&'static str, String, Option<u64>, Option<Values>, Option<Values>);

    fn kept(dir: &TempDir, given: &[Given]) -> PlanRows {
        let scratch = Scratch { folder: dir.path().to_owned(), key: [3; 32], budget: 0 };
        let mut writer = PlanWriter::new(&scratch).unwrap();
        for (kind, id, row, before, after) in given {
            let [before, after] = [before, after].map(|side| {
                let named =
                    side.as_ref().map(|side| side.iter().map(|(name, value)| (*name, value.as_str())));
                named.map(Iterator::collect::<Vec<(&str, &str)>>)
            });
            writer
                .put(Planned { kind, id, row: *row, before: before.as_deref(), after: after.as_deref() })
                .unwrap();
        }
        writer.end("oneroster-1.1").unwrap()
    }

    fn user(name: &str) -> Values {
        vec![("sourcedId", "u".to_owned()), ("givenName", name.to_owned()), ("role", "student".to_owned())]
    }

    /// Some of each, so that there are several blocks.
    fn some(count: u64) -> Vec<Given> {
        (0..count)
            .map(|n| {
                let id = format!("{n:07}");
                let (old, new) = (user(&format!("Old {n}")), user(&format!("New \"{n}\" Ürgüp")));
                let kind = if n < count / 2 { "classes" } else { "users" };
                match n % 4 {
                    0 => (kind, id, Some(n + 2), None, Some(new)),
                    1 => (kind, id, Some(n + 2), Some(old), Some(new)),
                    2 => (kind, id, Some(n + 2), Some(old), None),
                    _ => (kind, id, None, Some(old), None),
                }
            })
            .collect()
    }

    fn all(rows: &mut PlanRows, query: &PlanQuery, masked: bool) -> Vec<PlanRow> {
        let (mut found, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            let page = rows.page(&PlanQuery { from: at, ..query.clone() }, masked).unwrap();
            assert!(page.rows.len() <= query.limit.clamp(1, MOST_ROWS));
            assert!(page.next.is_none_or(|next| next > at), "{:?} behind {at}", page.next);
            from = page.next;
            found.extend(page.rows);
        }
        found
    }

    fn query(limit: usize) -> PlanQuery {
        PlanQuery { limit, ..PlanQuery::default() }
    }

    #[test]
    fn a_row_shows_both_sides_in_the_order_of_the_format() {
        let dir = TempDir::new().unwrap();
        let before = vec![("role", "student".to_owned()), ("givenName", "Ana".to_owned())];
        let after = vec![("givenName", "Anna".to_owned()), ("email", "a@b.ca".to_owned())];
        let mut rows = kept(&dir, &[("users", "u1".into(), Some(7), Some(before), Some(after))]);
        let page = rows.page(&query(10), false).unwrap();
        let value = |column: &str, before: Option<&str>, after: Option<&str>| PlanValue {
            column: column.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let row = PlanRow {
            at: 0,
            r#type: "users".into(),
            id: "u1".into(),
            change: PlanChange::Update,
            row: Some(7),
            changed: 3,
            values: vec![
                value("role", Some("student"), None),
                value("givenName", Some("Ana"), Some("Anna")),
                value("email", None, Some("a@b.ca")),
            ],
        };
        assert_eq!(page, PlanPage { rows: vec![row], total: 1, from: 0, next: None, masked: false });
    }

    #[test]
    fn pages_begin_anywhere_and_are_of_one_type_and_change() {
        let (dir, given) = (TempDir::new().unwrap(), some(4_000));
        let mut rows = kept(&dir, &given);
        assert!(rows.blocks.len() > 3, "{}", rows.blocks.len());
        let whole = all(&mut rows, &query(300), false);
        assert_eq!(whole.len(), 4_000);
        assert!(whole.iter().enumerate().all(|(at, row)| row.at == at as u64 && row.id == given[at].1));
        let of = PlanQuery { r#type: Some("users".into()), change: Some(PlanChange::Absent), ..query(100) };
        let page = rows.page(&PlanQuery { from: 450, ..of.clone() }, false).unwrap();
        assert_eq!((page.total, page.from, page.next, page.rows.len()), (500, 450, None, 50));
        let expected: Vec<u64> =
            whole.iter().filter(|row| row.at >= 2_000 && row.at % 4 == 3).map(|row| row.at).collect();
        assert_eq!(all(&mut rows, &of, false).iter().map(|row| row.at).collect::<Vec<_>>(), expected);
        let nothing = PlanQuery { r#type: Some("orgs".into()), ..query(100) };
        assert_eq!(rows.page(&nothing, false).unwrap(), PlanPage::default());
    }

    #[test]
    fn a_text_is_found_in_any_case_and_only_in_values() {
        let dir = TempDir::new().unwrap();
        let mut rows = kept(&dir, &some(4_000));
        let mut at = |text: &str| -> Vec<u64> {
            let query = PlanQuery { text: text.to_owned(), ..query(7) };
            all(&mut rows, &query, false).iter().map(|row| row.at).collect()
        };
        assert_eq!(at(" 0003999 "), [3_999]);
        assert_eq!(at("new \"3997\" üRGÜP"), [3_997]);
        let twelves: Vec<u64> =
            (0..4_000).filter(|n| n % 4 != 0 && n.to_string().starts_with("12")).collect();
        assert_eq!(at("old 12"), twelves);
        assert_eq!(at("givenName"), Vec::<u64>::new());
        assert_eq!(at("nobody"), Vec::<u64>::new());
    }

    #[test]
    fn a_page_looks_at_so_much_and_says_where_to_go_on() {
        let dir = TempDir::new().unwrap();
        let mut rows = kept(&dir, &some(120_000));
        let sought = PlanQuery { text: "givenName".into(), ..query(10) };
        let page = rows.page(&sought, false).unwrap();
        assert_eq!((page.rows.len(), page.total), (0, 120_000));
        assert!(page.next.is_some_and(|next| next > 10_000 && next < 120_000), "{:?}", page.next);
        assert_eq!(all(&mut rows, &sought, false), []);
    }

    #[test]
    fn who_may_not_import_sees_outlines_and_finds_only_those() {
        let dir = TempDir::new().unwrap();
        let secret = |word: &str| {
            vec![("password", word.to_owned()), ("givenName", "Ana".to_owned()), ("odd", "x1".into())]
        };
        let mut rows =
            kept(&dir, &[("users", "u1".into(), Some(2), Some(secret("one")), Some(secret("two")))]);
        let mut shown = |masked, text: &str| {
            let page = rows.page(&PlanQuery { text: text.into(), ..query(5) }, masked).unwrap();
            let row = page.rows.into_iter().next()?;
            let values = row.values.into_iter().map(|value| (value.column, value.after.unwrap_or_default()));
            Some((page.masked, row.changed, values.collect::<BTreeMap<_, _>>()))
        };
        let values = |name: &str, odd: &str| {
            let values = [("password", "\u{2022}\u{2022}\u{2022}"), ("givenName", name), ("odd", odd)];
            values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        };
        assert_eq!(shown(false, "ana"), Some((false, 1, values("Ana", "x1"))));
        assert_eq!(shown(true, ""), Some((true, 1, values("xxx", "x9"))));
        assert_eq!((shown(true, "ana"), shown(false, "two")), (None, None));
    }

    #[test]
    fn the_worst_are_those_that_change_most() {
        let dir = TempDir::new().unwrap();
        let wide = |n: u64, value: &str| -> Values {
            let names = ["givenName", "familyName", "email", "phone", "grades"];
            names.iter().take(n as usize).map(|name| (*name, value.to_owned())).collect()
        };
        let given: Vec<Given> = (0..300u64)
            .map(|n| {
                let many = 1 + n % 5;
                ("users", format!("{n:03}"), Some(n + 2), Some(wide(many, "a")), Some(wide(many, "b")))
            })
            .collect();
        let mut rows = kept(&dir, &given);
        let worst = all(&mut rows, &PlanQuery { worst: true, ..query(30) }, false);
        assert_eq!(worst.len(), WORST);
        let expected: Vec<(u64, u64)> =
            (0..60).map(|n| (5, n * 5 + 4)).chain((0..40).map(|n| (4, n * 5 + 3))).collect();
        assert_eq!(worst.iter().map(|row| (row.changed, row.at)).collect::<Vec<_>>(), expected);
        let created = PlanQuery { worst: true, change: Some(PlanChange::Create), ..query(30) };
        assert_eq!(all(&mut rows, &created, false), []);
    }

    #[test]
    fn what_lies_on_the_disk_tells_nothing_and_is_checked() {
        let dir = TempDir::new().unwrap();
        let mut rows = kept(&dir, &some(8));
        let path = dir.path().join("plan.scratch");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(3).any(|window| window == b"Old"));
        bytes[9] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(rows.page(&query(5), false).unwrap_err().code(), "import_damaged");
        drop(rows);
        assert!(!path.exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Whatever is asked for and however small the pages: what fits, each once, in order.
        #[test]
        fn pages_hold_what_fits(
            count in 0..600u64,
            kind in prop::option::of(prop::sample::select(vec!["users", "classes"])),
            change in prop::option::of(prop::sample::select(
                vec![PlanChange::Create, PlanChange::Update, PlanChange::Remove, PlanChange::Absent],
            )),
            text in prop::sample::select(vec!["", "1", "new", "OLD 5", "ü"]),
            limit in 1..50usize,
        ) {
            let dir = TempDir::new().unwrap();
            let given = some(count);
            let mut rows = kept(&dir, &given);
            let asked = PlanQuery { r#type: kind.map(str::to_owned), change, text: text.into(), ..query(limit) };
            let found: Vec<u64> = all(&mut rows, &asked, false).iter().map(|row| row.at).collect();
            let fits = |(of, id, row, before, after): &Given| {
                let sides = || before.iter().chain(after).flatten().map(|(_, value)| value.to_lowercase());
                let is_in = id.contains(text) || sides().any(|value| value.contains(&text.to_lowercase()));
                let becomes = match (before, after, row) {
                    (None, _, _) => PlanChange::Create,
                    (_, Some(_), _) => PlanChange::Update,
                    (_, _, Some(_)) => PlanChange::Remove,
                    _ => PlanChange::Absent,
                };
                kind.is_none_or(|kind| *of == kind) && change.is_none_or(|change| becomes == change) && is_in
            };
            let expected: Vec<u64> =
                given.iter().enumerate().filter(|(_, one)| fits(one)).map(|(at, _)| at as u64).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
