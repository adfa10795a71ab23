//! What is uploaded of an import: its records in canonical form, with the rules and the mapping that
//! made them, compressed, and named by the SHA-256 of its bytes.
//!
//! It is lines of JSON under zstd: the [`BlobHead`]; then for each type a line with its columns,
//! followed by its records by id, an array with the id and the values in the order of the columns
//! (blank ones at the end left out) or, for a record to remove, its id alone; and last how many there
//! were. Equal records under equal rules give equal bytes, whatever order the rows had.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ahead::{Give, ahead};
use crate::batch::{Batch, Current, Kind};
use crate::check::{Checked, Late, Options, Outcome, Sink, Verdict, run};
use crate::error::{ImportError, Result};
use crate::limits::Limits;
use crate::map::Mapping;
use crate::record::{Canon, Record};
use crate::report::Report;
use crate::schema::{Schema, schema};
use crate::sort::{Scratch, Sorter};

const FORMAT: &str = "cairn-import";
const VERSION: u32 = 1;
/// Level 3 takes half as much time again for rosters that are 1 % smaller.
const LEVEL: i32 = 2;
/// The most memory that a blob may ask of who unpacks it, as a power of two.
const WINDOW_LOG: u32 = 23;
/// Bytes of lines that are packed at once.
const FULL: usize = 128 << 10;
/// A line holds one record: its fields, each of their bytes written as up to six.
const MOST_LINE_BYTES: usize = 64 << 20;
/// What a byte of a file may become in a line: two quotes and a comma around each field.
const MOST_GROWTH: u64 = 3;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlobHead {
    /// `cairn-import`.
    format: String,
    v: u32,
    /// The format of the files, such as `oneroster-1.1`.
    pub schema: String,
    /// `strict` or `tolerant`.
    pub rules: String,
    /// The mapping file, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Mapping>,
}

/// What a blob holds of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobType {
    /// To create or to replace.
    pub put: u64,
    /// To remove: a delta marks them.
    pub remove: u64,
    /// The file held changes only; otherwise what it does not hold is no more.
    pub delta: bool,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    end: BTreeMap<String, BlobType>,
}

/// A blob that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The SHA-256 of its bytes, in hex: its name.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its records by type.
    pub records: BTreeMap<String, BlobType>,
}

/// What a blob says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// It is to be this.
    Put(Record<'a>),
    /// It is to be no more.
    Remove {
        /// Its type.
        kind: &'a str,
        /// Its id.
        id: &'a str,
    },
}

/// Writes the blob of an import of the files at `path`: the accepted and fixed rows, whether or not
/// others were rejected. Answers the report of the check too.
///
/// Memory follows the number of records by their hashes, as in a check, and `scratch.budget`; records
/// beyond that lie encrypted in `scratch.folder` until the blob is written.
///
/// # Errors
/// As [`crate::check`]; `import_unreadable` where `into` or the folder cannot be written.
pub fn write_blob<W: Write>(
    path: &Path,
    options: &Options,
    scratch: &Scratch,
    into: W,
) -> Result<(Blob, Report)> {
    write_blob_with(path, options, scratch, &[], into)
}

/// [`write_blob`] with `removals`: records, each once by type and id, that are to be no more although no
/// row says so (see [`crate::plan_with`]).
///
/// # Errors
/// As there.
pub fn write_blob_with<W: Write>(
    path: &Path,
    options: &Options,
    scratch: &Scratch,
    removals: &[(String, String)],
    into: W,
) -> Result<(Blob, Report)> {
    let (rows, checked) = gather(path, options, scratch, removals)?;
    let head = BlobHead {
        format: FORMAT.to_owned(),
        v: VERSION,
        schema: checked.schema.format.to_owned(),
        rules: options.profile.word().to_owned(),
        mapping: (options.mapping != Mapping::default()).then(|| options.mapping.clone()),
    };
    let blob = pack(rows, &head, checked.schema, &checked.late, into)?;
    Ok((blob, checked.report))
}

/// Gives what [`write_blob_with`] would write, by type and id: each entry with the number of its row, the
/// header being 1, or none for one of `removals`. Answers the report of the check too.
///
/// # Errors
/// As there; what `each` says.
pub fn each_entry<E: From<ImportError>>(
    path: &Path,
    options: &Options,
    scratch: &Scratch,
    removals: &[(String, String)],
    mut each: impl FnMut(Entry<'_>, Option<u64>) -> std::result::Result<(), E>,
) -> std::result::Result<Report, E> {
    let (rows, checked) = gather(path, options, scratch, removals)?;
    let Rows { sorter, files, .. } = rows;
    let mut current: Option<(usize, Current, Batch)> = None;
    let mut said = None;
    let read = each_good(sorter, &checked.late, |place, number, line| {
        let (_, at, batch) = match current.take() {
            Some(at) if at.0 == place => current.insert(at),
            _ => {
                let at = Current::new(kind_of(checked.schema, &files, place));
                let batch = Batch::new(Arc::clone(&at.kind));
                current.insert((place, at, batch))
            }
        };
        batch.clear();
        at.read(line, batch)?;
        let row = (number != NO_ROW).then_some(number);
        batch.each(&mut |entry| each(entry, row)).map_err(|error| {
            said = Some(error);
            ImportError::Cancelled
        })
    });
    match (said, read) {
        (Some(error), _) => Err(error),
        (None, read) => read.map(|()| checked.report).map_err(E::from),
    }
}

/// The rows to import and the records to remove, ready to be sorted.
fn gather(
    path: &Path,
    options: &Options,
    scratch: &Scratch,
    removals: &[(String, String)],
) -> Result<(Rows, Checked)> {
    let mut rows = Rows::new(scratch);
    let checked = run(path, options, &mut rows)?;
    rows.failed.take().map_or(Ok(()), Err)?;
    for (kind, id) in removals {
        if let Some(place) = checked.schema.place(kind) {
            rows.remove(place, id)?;
        }
    }
    Ok((rows, checked))
}

/// Stands for the row of a record that no row speaks of.
const NO_ROW: u64 = u64::MAX;

/// The rows to import, each as its line.
struct Rows {
    sorter: Sorter,
    /// By the place of a file in the format; whether it is a delta.
    files: Vec<Option<(Canon, bool)>>,
    content: Vec<u8>,
    key: Vec<u8>,
    line: Vec<u8>,
    failed: Option<ImportError>,
}

impl Rows {
    fn new(scratch: &Scratch) -> Self {
        Self {
            sorter: Sorter::new(scratch),
            files: Vec::new(),
            content: Vec::new(),
            key: Vec::new(),
            line: Vec::new(),
            failed: None,
        }
    }

    /// Keeps a row by place and id: its number, and its line.
    fn keep(&mut self, outcome: &Outcome<'_, '_>) -> Result<()> {
        if self.files.len() <= outcome.place {
            self.files.resize_with(outcome.place + 1, || None);
        }
        let Some(file) = self.files.get_mut(outcome.place) else { return Ok(()) };
        let (canon, _) = file.get_or_insert_with(|| (Canon::new(outcome), outcome.is_delta));
        let id = match outcome.own {
            Some(_) => canon.id(outcome),
            None => {
                canon.content(outcome, &mut self.content);
                canon.id_of_content(&self.content)
            }
        };
        self.line.clear();
        self.line.extend_from_slice(&outcome.row.number.to_le_bytes());
        if canon.is_leaving(outcome) {
            put_text(&mut self.line, &id)?;
        } else {
            put_row(&mut self.line, &id, canon, outcome)?;
        }
        self.push(outcome.place, &id)
    }

    /// Keeps a record to remove that no row speaks of.
    fn remove(&mut self, place: usize, id: &str) -> Result<()> {
        self.line.clear();
        self.line.extend_from_slice(&NO_ROW.to_le_bytes());
        put_text(&mut self.line, id)?;
        self.push(place, id)
    }

    fn push(&mut self, place: usize, id: &str) -> Result<()> {
        self.key.clear();
        self.key.push(u8::try_from(place).unwrap_or(u8::MAX));
        self.key.extend_from_slice(id.as_bytes());
        self.sorter.push(&self.key, &self.line)
    }
}

impl Sink for Rows {
    const LISTENS: bool = true;

    fn row(&mut self, outcome: &Outcome<'_, '_>) {
        let is_good = matches!(outcome.verdict, Verdict::Accepted | Verdict::Fixed);
        if is_good && self.failed.is_none() {
            self.failed = self.keep(outcome).err();
        }
    }
}

fn put_row(line: &mut Vec<u8>, id: &str, canon: &Canon, outcome: &Outcome<'_, '_>) -> Result<()> {
    line.push(b'[');
    put_text(line, id)?;
    let mut end = line.len();
    for (_, column) in canon.columns() {
        let value = outcome.value(*column);
        // What is no text was rejected.
        let text = std::str::from_utf8(value).map_err(|_| damaged("a row that was accepted is no text"))?;
        line.push(b',');
        put_text(line, text)?;
        if !text.is_empty() {
            end = line.len();
        }
    }
    line.truncate(end);
    line.push(b']');
    Ok(())
}

fn put_text(line: &mut Vec<u8>, text: &str) -> Result<()> {
    let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if !is_plain {
        return put_json(line, text);
    }
    line.push(b'"');
    line.extend_from_slice(text.as_bytes());
    line.push(b'"');
    Ok(())
}

fn put_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<()> {
    serde_json::to_writer(line, value).map_err(|error| damaged(&error.to_string()))
}

/// Packs what a thread writes that stays a little ahead.
fn pack<W: Write>(rows: Rows, head: &BlobHead, schema: &Schema, late: &[Late], into: W) -> Result<Blob> {
    let mut packed = Packed::new(into)?;
    let records = ahead(|give| write_lines(rows, head, schema, late, give), |lines| packed.put(&lines))?;
    let (sha256, bytes) = packed.end()?;
    Ok(Blob { sha256, bytes, records })
}

/// Gives all lines of a blob; answers what it holds.
fn write_lines(
    rows: Rows,
    head: &BlobHead,
    schema: &Schema,
    late: &[Late],
    give: Give<'_, Vec<u8>>,
) -> Result<BTreeMap<String, BlobType>> {
    let Rows { sorter, files, .. } = rows;
    let mut lines = Lines::new(give);
    lines.put(head)?;
    let mut records: BTreeMap<String, BlobType> = BTreeMap::new();
    let (mut current, mut count) = (None, BlobType::default());
    each_good(sorter, late, |place, _, line| {
        if current != Some(place) {
            if let Some(before) = current.replace(place) {
                let kind = kind_of(schema, &files, before).r#type;
                records.insert(kind, std::mem::take(&mut count));
            }
            lines.put(&kind_of(schema, &files, place))?;
            count.delta = files.get(place).and_then(Option::as_ref).is_some_and(|(_, is_delta)| *is_delta);
        }
        if line.first() == Some(&b'"') {
            count.remove += 1;
        } else {
            count.put += 1;
        }
        lines.line(line)
    })?;
    if let Some(last) = current.and_then(|place| schema.files.get(place)) {
        records.insert(last.kind.to_owned(), count);
    }
    lines.put(&End { end: records.clone() })?;
    lines.end()?;
    Ok(records)
}

/// The line above the records of a type.
fn kind_of(schema: &Schema, files: &[Option<(Canon, bool)>], place: usize) -> Kind {
    let columns =
        files.get(place).and_then(Option::as_ref).into_iter().flat_map(|(canon, _)| canon.columns());
    Kind {
        r#type: schema.files.get(place).map_or("", |file| file.kind).to_owned(),
        columns: columns.map(|(name, _)| (*name).to_owned()).collect(),
    }
}

/// Gives place, number and line of each row that was not rejected after it was read, by place and id.
fn each_good(
    sorter: Sorter,
    late: &[Late],
    mut visit: impl FnMut(usize, u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let late: HashSet<(usize, u64)> = late.iter().map(|late| (late.place, late.row)).collect();
    sorter.each(|key, value| {
        let place = usize::from(key.first().copied().unwrap_or_default());
        let Some((number, line)) = value.split_first_chunk::<8>() else { return Ok(()) };
        let number = u64::from_le_bytes(*number);
        if late.contains(&(place, number)) { Ok(()) } else { visit(place, number, line) }
    })
}

/// Lines on their way into a blob, many at once.
struct Lines<'g> {
    give: Give<'g, Vec<u8>>,
    held: Vec<u8>,
}

impl<'g> Lines<'g> {
    fn new(give: Give<'g, Vec<u8>>) -> Self {
        Self { give, held: Vec::new() }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        self.held.extend_from_slice(line);
        self.held.push(b'\n');
        if self.held.len() < FULL {
            return Ok(());
        }
        let next = Vec::with_capacity(self.held.capacity());
        (self.give)(std::mem::replace(&mut self.held, next))
    }

    fn put(&mut self, line: &impl Serialize) -> Result<()> {
        let mut bytes = Vec::new();
        put_json(&mut bytes, line)?;
        self.line(&bytes)
    }

    fn end(self) -> Result<()> {
        (self.give)(self.held)
    }
}

/// Bytes on their way into a blob.
struct Packed<W: Write>(zstd::Encoder<'static, Named<W>>);

impl<W: Write> Packed<W> {
    fn new(into: W) -> Result<Self> {
        let mut encoder = zstd::Encoder::new(Named::new(into), LEVEL).map_err(|error| unwritten(&error))?;
        encoder.include_checksum(true).map_err(|error| unwritten(&error))?;
        Ok(Self(encoder))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(|error| unwritten(&error))
    }

    /// The SHA-256 in hex and the number of bytes.
    fn end(self) -> Result<(String, u64)> {
        let mut named = self.0.finish().map_err(|error| unwritten(&error))?;
        named.flush().map_err(|error| unwritten(&error))?;
        Ok(named.name())
    }
}

/// Bytes on their way through, hashed and counted.
struct Named<I> {
    inner: I,
    hash: Sha256,
    bytes: u64,
}

impl<I> Named<I> {
    fn new(inner: I) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn name(self) -> (String, u64) {
        let hash: [u8; 32] = self.hash.finalize().into();
        (hash.iter().map(|byte| format!("{byte:02x}")).collect(), self.bytes)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: Write> Write for Named<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.count(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// What a blob was found to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// How its records were made.
    pub head: BlobHead,
    /// What it holds of each type.
    pub types: BTreeMap<String, BlobType>,
}

/// Reads a blob: all its entries, by type and id. Only the end shows that it is whole and the one that
/// `sha256` names, so what `each` does must be taken back where this fails.
///
/// It is unpacked on a thread of its own, which stays some hundred kilobytes ahead of `each`.
///
/// # Errors
/// `import_damaged` where it is another blob, cut off or no blob; `import_limit`; what `each` says.
pub fn read_blob<R: Read + Send, E: From<ImportError>>(
    from: R,
    sha256: &str,
    limits: &Limits,
    mut each: impl FnMut(Entry<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<Contents, E> {
    ahead(|give| batches(from, sha256, limits, give), |batch: Batch| batch.each(&mut each))
}

/// Gives all entries of a blob.
fn batches<R: Read>(from: R, sha256: &str, limits: &Limits, give: Give<'_, Batch>) -> Result<Contents> {
    let mut reader = Reader::new(from, limits)?;
    let head = reader.head()?;
    let schema = schema(&head.schema);
    let mut counts: BTreeMap<String, BlobType> = BTreeMap::new();
    loop {
        let line = reader.line()?;
        let kind = if is_entry(line) { None } else { serde_json::from_slice::<Kind>(line).ok() };
        let Some(kind) = kind else { break };
        if counts.contains_key(&kind.r#type) {
            return Err(damaged("a type comes twice"));
        }
        if !schema.is_some_and(|schema| fits(schema, &kind)) {
            return Err(damaged("it holds what its format does not have"));
        }
        let mut current = Current::new(kind);
        of_type(&mut reader, &mut current, give)?;
        counts.insert(current.kind.r#type.clone(), current.count);
    }
    let types = ended(reader.again(), &counts)?;
    reader.end(sha256)?;
    Ok(Contents { head, types })
}

/// Whether a format has a type of records with these columns.
fn fits(schema: &Schema, kind: &Kind) -> bool {
    let file = schema.files.iter().find(|file| file.kind == kind.r#type);
    file.is_some_and(|file| kind.columns.iter().all(|name| file.column(name).is_some()))
}

/// Gives the entries of a type, up to the first line that is none.
fn of_type<R: Read>(reader: &mut Reader<R>, current: &mut Current, give: Give<'_, Batch>) -> Result<()> {
    let mut batch = Batch::new(Arc::clone(&current.kind));
    loop {
        let read = fill(reader, current, &mut batch);
        let next = batch.another();
        // What stands before a fault was given, so that the first fault is the one that is told.
        give(std::mem::replace(&mut batch, next))?;
        if !read? {
            return Ok(());
        }
    }
}

/// Takes lines until the batch is full; false where a line is no entry, which is read again.
fn fill<R: Read>(reader: &mut Reader<R>, current: &mut Current, batch: &mut Batch) -> Result<bool> {
    while !batch.is_full() {
        let line = reader.line()?;
        if !is_entry(line) {
            reader.is_again = true;
            return Ok(false);
        }
        current.read(line, batch)?;
    }
    Ok(true)
}

fn is_entry(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'[' | b'"'))
}

/// What the last line says, which has to be what was read.
fn ended(line: &[u8], counts: &BTreeMap<String, BlobType>) -> Result<BTreeMap<String, BlobType>> {
    if is_entry(line) {
        return Err(damaged("a record comes before its type"));
    }
    let End { end } = serde_json::from_slice(line).map_err(|_| damaged("a line makes no sense"))?;
    let is_read = |(kind, held): (&String, &BlobType)| {
        counts.get(kind).is_some_and(|read| (read.put, read.remove) == (held.put, held.remove))
    };
    if end.len() == counts.len() && end.iter().all(is_read) {
        Ok(end)
    } else {
        Err(damaged("records are missing"))
    }
}

type Unpacked<R> = BufReader<zstd::Decoder<'static, BufReader<Named<R>>>>;

/// Lines on their way out of a blob.
struct Reader<R: Read> {
    from: Unpacked<R>,
    line: Vec<u8>,
    /// Whether the line is to be read once more.
    is_again: bool,
    bytes: u64,
    most: u64,
}

impl<R: Read> Reader<R> {
    fn new(from: R, limits: &Limits) -> Result<Self> {
        let mut decoder =
            zstd::Decoder::new(Named::new(from)).map_err(|error| unread(&error))?.single_frame();
        decoder.window_log_max(WINDOW_LOG).map_err(|error| unread(&error))?;
        let most = limits.expanded_bytes.saturating_mul(MOST_GROWTH);
        Ok(Self { from: BufReader::new(decoder), line: Vec::new(), is_again: false, bytes: 0, most })
    }

    fn head(&mut self) -> Result<BlobHead> {
        #[derive(Deserialize)]
        struct Which {
            format: String,
            v: u32,
        }
        let line = self.line()?;
        let which: Which = serde_json::from_slice(line).map_err(|_| damaged("it is no import"))?;
        if which.format != FORMAT {
            return Err(damaged("it is no import"));
        }
        if which.v > VERSION {
            return Err(damaged("a newer version of Cairn made it; update Cairn to read it"));
        }
        serde_json::from_slice(line).map_err(|_| damaged("its first line makes no sense"))
    }

    /// The line that was read last.
    fn again(&self) -> &[u8] {
        &self.line
    }

    fn line(&mut self) -> Result<&[u8]> {
        if std::mem::take(&mut self.is_again) {
            return Ok(&self.line);
        }
        self.line.clear();
        let most = MOST_LINE_BYTES as u64;
        self.from.by_ref().take(most).read_until(b'\n', &mut self.line).map_err(|error| unread(&error))?;
        if self.line.pop() != Some(b'\n') {
            return Err(damaged("it is cut off, or a line is too long"));
        }
        self.bytes += self.line.len() as u64;
        if self.bytes > self.most {
            return Err(ImportError::Limit {
                name: NAME.to_owned(),
                cap: "expanded_bytes",
                what: "bytes after unpacking",
                limit: self.most,
                found: self.bytes,
            });
        }
        Ok(&self.line)
    }

    /// Reads to the very end, where the hash tells whether it is the right blob.
    fn end(mut self, sha256: &str) -> Result<()> {
        let mut rest = [0; 1];
        if self.from.read(&mut rest).map_err(|error| unread(&error))? != 0 {
            return Err(damaged("something stands behind its end"));
        }
        let mut packed = self.from.into_inner().finish();
        std::io::copy(&mut packed, &mut std::io::sink()).map_err(|error| unread(&error))?;
        if packed.into_inner().name().0 == sha256 { Ok(()) } else { Err(damaged("it is another import")) }
    }
}

const NAME: &str = "the import";

pub(crate) fn damaged(reason: &str) -> ImportError {
    ImportError::Damaged { name: NAME.to_owned(), reason: reason.to_owned() }
}

fn unwritten(error: &std::io::Error) -> ImportError {
    ImportError::io(NAME, error)
}

/// What zstd cannot unpack is damaged; its errors are of no kind of their own.
fn unread(error: &std::io::Error) -> ImportError {
    damaged(&error.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::generate::{Dirt, Set, write};

    /// A record: type, id, column and value.
    type Owned = (String, String, Vec<(String, String)>);
    /// What is in a blob: what it says of itself, its records, and those to remove by type and id.
    type All = (Contents, Vec<Owned>, Vec<(String, String)>);

    fn set(seed: u64, dirt: Vec<(Dirt, u32)>) -> TempDir {
        let dir = TempDir::new().unwrap();
        let set = Set { seed, schools: 2, courses: 2, classes: 3, users: 20, enrollments: 50, dirt };
        write(dir.path(), &set).unwrap();
        dir
    }

    fn blob_with(dir: &Path, options: &Options, budget: usize) -> (Vec<u8>, Blob, Report) {
        let folder = TempDir::new().unwrap();
        let scratch = Scratch { folder: folder.path().to_owned(), key: [7; 32], budget };
        let mut bytes = Vec::new();
        let (blob, report) = write_blob(dir, options, &scratch, &mut bytes).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(blob.bytes, bytes.len() as u64);
        (bytes, blob, report)
    }

    fn blob(dir: &Path) -> (Vec<u8>, Blob, Report) {
        blob_with(dir, &Options::default(), SCRATCH)
    }

    const SCRATCH: usize = 1 << 20;

    fn read(bytes: &[u8], sha256: &str) -> Result<All> {
        read_under(&Limits::default(), bytes, sha256)
    }

    fn read_under(limits: &Limits, bytes: &[u8], sha256: &str) -> Result<All> {
        let (mut put, mut removed) = (Vec::new(), Vec::new());
        let contents = read_blob(bytes, sha256, limits, |entry| {
            match entry {
                Entry::Put(Record { kind, id, values }) => {
                    let values = values.iter().map(|(name, value)| ((*name).into(), (*value).into()));
                    put.push((kind.to_owned(), id.to_owned(), values.collect()));
                }
                Entry::Remove { kind, id } => removed.push((kind.to_owned(), id.to_owned())),
            }
            Ok::<(), ImportError>(())
        })?;
        Ok((contents, put, removed))
    }

    #[test]
    fn a_blob_holds_the_records_as_they_are_imported() {
        let dir = set(1, vec![(Dirt::UsDate, 2), (Dirt::UserBadRole, 2)]);
        let (bytes, written, report) = blob(dir.path());
        let (contents, put, removed) = read(&bytes, &written.sha256).unwrap();
        assert_eq!(
            (contents.head.schema.as_str(), contents.head.rules.as_str()),
            ("oneroster-1.1", "tolerant")
        );
        assert_eq!((contents.head.mapping, &contents.types), (None, &written.records));
        assert_eq!(contents.types["users"], BlobType { put: 38, remove: 0, delta: false });
        let good = report.files.iter().filter(|file| file.kind.is_some());
        let good: u64 = good.map(|file| file.counts.accepted + file.counts.fixed).sum();
        assert_eq!((put.len() as u64, removed.len()), (good, 0));
        let enrollments: Vec<&Owned> = put.iter().filter(|(kind, ..)| kind == "enrollments").collect();
        assert!(enrollments.is_sorted_by(|a, b| a.1 < b.1));
        let is_date = |(name, value): &(String, String)| name != "beginDate" || value.starts_with("2026-");
        assert!(enrollments.iter().all(|(.., values)| values.iter().all(is_date)), "mended dates");
        let (_, id, values) = enrollments[0];
        assert_eq!(values[0], ("sourcedId".to_owned(), id.clone()));
        assert!(values.iter().all(|(name, value)| !value.is_empty() && name != "status"));
    }

    #[test]
    fn equal_records_give_equal_bytes_whatever_their_order_and_however_little_memory_there_is() {
        let dir = set(1, vec![]);
        let (bytes, written, _) = blob(dir.path());
        for budget in [0, 1_000, 5_000] {
            assert_eq!(blob_with(dir.path(), &Options::default(), budget).0, bytes, "{budget}");
        }
        let file = dir.path().join("enrollments.csv");
        let text = fs::read_to_string(&file).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        fs::write(&file, lines.join("\r\n")).unwrap();
        assert_eq!(blob(dir.path()).1, written);
        lines.pop();
        fs::write(&file, lines.join("\n")).unwrap();
        assert_ne!(blob(dir.path()).1.sha256, written.sha256);
    }

    #[test]
    fn a_delta_names_what_is_to_be_removed() {
        let dir = TempDir::new().unwrap();
        let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,delta\n";
        fs::write(dir.path().join("manifest.csv"), manifest).unwrap();
        let orgs = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nb,active,2026-01-01T00:00:00Z,B,school,,\na,tobedeleted,2026-01-01T00:00:00Z,A,school,,\n";
        fs::write(dir.path().join("orgs.csv"), orgs).unwrap();
        let (bytes, written, _) = blob(dir.path());
        let (contents, put, removed) = read(&bytes, &written.sha256).unwrap();
        assert_eq!(contents.types["orgs"], BlobType { put: 1, remove: 1, delta: true });
        assert_eq!((put[0].1.as_str(), removed), ("b", vec![("orgs".to_owned(), "a".to_owned())]));
    }

    #[test]
    fn the_mapping_that_was_used_travels_along() {
        let dir = TempDir::new().unwrap();
        let table = dir.path().join("leute.csv");
        fs::write(&table, "Post;Vorname;Nachname;Haus;Amt\nA@x.org;Ann;\"L;\"\"e\";MOH;Planung\n").unwrap();
        let mapping = Mapping::parse(
            r#"{"format": "accounts", "files": {"leute": {"columns": {"Post": "email", "Vorname": "first_name", "Nachname": "last_name", "Haus": "organization", "Amt": "role"}}}}"#,
        )
        .unwrap();
        let options = Options { mapping: mapping.clone(), ..Options::default() };
        let (bytes, written, _) = blob_with(&table, &options, SCRATCH);
        let (contents, put, _) = read(&bytes, &written.sha256).unwrap();
        assert_eq!(contents.head.mapping, Some(mapping));
        assert_eq!(put[0].1, "a@x.org", "addresses are compared without case");
        assert!(put[0].2.contains(&("last_name".into(), "L;\"e".into())), "{put:?}");
    }

    #[test]
    fn what_a_mapping_replaces_or_keeps_lies_in_the_blob_and_so_does_the_mapping() {
        let dir = TempDir::new().unwrap();
        let table = dir.path().join("people.csv");
        let rows = "email,first_name,last_name,organization,role\na@x.org, Ann , Lee ,M.O.H.,planner\nb@x.org,Bob,Ray,,planner\n";
        fs::write(&table, rows).unwrap();
        let mapping = Mapping::parse(
            r#"{"files": {"people.csv": {"values": {"organization": {"M.O.H.": "Ministry", "": "None"}, "first_name": {"Bob": "Robert"}}, "keep": {"last_name": ["trim"]}}}}"#,
        )
        .unwrap();
        let options = Options { mapping: mapping.clone(), ..Options::default() };
        let (bytes, written, report) = blob_with(&table, &options, SCRATCH);
        assert_eq!((report.totals.fixed, report.totals.rejected), (2, 0), "{:?}", report.problems);
        let (contents, put, _) = read(&bytes, &written.sha256).unwrap();
        assert_eq!(contents.head.mapping, Some(mapping));
        let values: Vec<Vec<&str>> =
            put.iter().map(|(.., values)| values.iter().map(|(_, value)| value.as_str()).collect()).collect();
        assert_eq!(
            values,
            [
                ["a@x.org", "Ann", " Lee ", "Ministry", "planner"],
                ["b@x.org", "Robert", "Ray", "None", "planner"]
            ]
        );
    }

    #[test]
    fn a_formula_is_stored_as_it_stands_and_harmless_in_the_export() {
        let dir = TempDir::new().unwrap();
        let table = dir.path().join("people.csv");
        let rows = "email,first_name,last_name,organization,role\na@x.org,=1+1,@Lee,-x,planner\nb at x,=1+1,+Ray,MOH,planner\n";
        fs::write(&table, rows).unwrap();
        let (bytes, written, report) = blob(&table);
        assert_eq!((report.totals.accepted, report.totals.rejected), (1, 1));
        let (_, put, _) = read(&bytes, &written.sha256).unwrap();
        let values: Vec<&str> = put.iter().flat_map(|(.., values)| values).map(|(_, v)| v.as_str()).collect();
        assert_eq!(values, ["a@x.org", "=1+1", "@Lee", "-x", "planner"]);
        let mut exported = Vec::new();
        let options = Options::default();
        assert_eq!(crate::export_rejected(&table, &options, "people.csv", &mut exported).unwrap(), 1);
        let exported = String::from_utf8(exported).unwrap();
        assert!(exported.contains(",b at x,'=1+1,'+Ray,MOH,planner"), "{exported}");
    }

    /// Lines as a blob, under the name that it has by right.
    fn sealed(lines: &[u8]) -> (Vec<u8>, String) {
        let bytes = zstd::encode_all(lines, LEVEL).unwrap();
        let mut named = Named::new(std::io::sink());
        named.write_all(&bytes).unwrap();
        (bytes, named.name().0)
    }

    /// Types with their columns and, by id, the values of each record; none of one to remove.
    type Types = BTreeMap<String, (Vec<String>, BTreeMap<String, Option<Vec<String>>>)>;

    /// Types of a format, with some of their columns.
    const KINDS: [(&str, [&str; 3]); 3] = [
        ("schools", ["School_id", "School_name", "State_id"]),
        ("sections", ["Section_id", "Name", "Subject"]),
        ("students", ["Student_id", "Last_name", "Grade"]),
    ];

    fn any_types() -> impl Strategy<Value = Types> {
        let values = proptest::collection::vec(r#"[a-b\n"\\ü]{0,3}"#, 0..3);
        let records =
            proptest::collection::btree_map(r#"[a-c"é]{1,2}"#, proptest::option::weighted(0.8, values), 0..5);
        let of = move |(kind, columns): (&'static str, [&'static str; 3])| {
            let names = columns.map(str::to_owned).to_vec();
            (Just(kind.to_owned()), (proptest::sample::subsequence(names, 2..=3), records.clone()))
        };
        proptest::sample::subsequence(KINDS.to_vec(), 0..=KINDS.len())
            .prop_flat_map(move |kinds| kinds.into_iter().map(&of).collect::<Vec<_>>())
            .prop_map(|kinds| kinds.into_iter().collect())
    }

    /// The lines of a blob.
    fn lines_of(types: &Types) -> Vec<Vec<u8>> {
        let json = |value: &dyn Fn(&mut Vec<u8>) -> Result<()>| {
            let mut line = Vec::new();
            value(&mut line).unwrap();
            line
        };
        let mut lines =
            vec![br#"{"format":"cairn-import","v":1,"schema":"clever","rules":"strict"}"#.to_vec()];
        let mut end = BTreeMap::new();
        for (kind, (columns, records)) in types {
            lines
                .push(json(&|line| put_json(line, &Kind { r#type: kind.clone(), columns: columns.clone() })));
            let mut count = BlobType::default();
            for (id, values) in records {
                *if values.is_some() { &mut count.put } else { &mut count.remove } += 1;
                lines.push(match values {
                    Some(values) => {
                        json(&|line| put_json(line, &[std::slice::from_ref(id), values].concat()))
                    }
                    None => json(&|line| put_json(line, id)),
                });
            }
            end.insert(kind.clone(), count);
        }
        lines.push(json(&|line| put_json(line, &End { end: end.clone() })));
        lines
    }

    /// What lines say, read in the plainest way: records to put and to remove.
    fn said(lines: &[u8]) -> (Vec<Owned>, Vec<(String, String)>) {
        let (mut put, mut removed, mut kind) = (Vec::new(), Vec::new(), None);
        for line in lines.split(|byte| *byte == b'\n').skip(1) {
            if let Ok(next) = serde_json::from_slice::<Kind>(line) {
                kind = Some(next);
            } else if let (Some(kind), Ok(row)) = (&kind, serde_json::from_slice::<Vec<String>>(line)) {
                let named = kind.columns.iter().cloned().zip(row[1..].iter().cloned());
                let values = named.filter(|(_, value)| !value.is_empty()).collect();
                put.push((kind.r#type.clone(), row[0].clone(), values));
            } else if let (Some(kind), Ok(id)) = (&kind, serde_json::from_slice::<String>(line)) {
                removed.push((kind.r#type.clone(), id));
            }
        }
        (put, removed)
    }

    /// A change to the lines of a blob.
    #[derive(Clone, Debug)]
    enum Spoil {
        Drop(prop::sample::Index),
        Double(prop::sample::Index),
        Swap(prop::sample::Index, prop::sample::Index),
        Byte(prop::sample::Index, prop::sample::Index, u8),
        Insert(prop::sample::Index, String),
        /// A number of the last line.
        Count(prop::sample::Index, u8),
    }

    fn any_spoil() -> impl Strategy<Value = Spoil> {
        let at = any::<prop::sample::Index>;
        let byte = prop_oneof![any::<u8>(), proptest::sample::select(br#"[]{}",:\ abc01"#.to_vec())];
        let line = proptest::sample::select(vec![
            "",
            "[]",
            "{}",
            "\"a\"",
            r#"["a"]"#,
            r#"["a",null]"#,
            r#"["\ud800"]"#,
            r#"{"end":{}}"#,
            r#"{"type":"a","columns":[]}"#,
            r#"{"type":"","columns":["a"],"end":{}}"#,
        ]);
        prop_oneof![
            at().prop_map(Spoil::Drop),
            at().prop_map(Spoil::Double),
            (at(), at()).prop_map(|(a, b)| Spoil::Swap(a, b)),
            (at(), at(), byte).prop_map(|(line, at, byte)| Spoil::Byte(line, at, byte)),
            (at(), line).prop_map(|(at, line)| Spoil::Insert(at, line.to_owned())),
            (at(), b'0'..=b'9').prop_map(|(at, digit)| Spoil::Count(at, digit)),
        ]
    }

    fn spoil(lines: &mut Vec<Vec<u8>>, how: &Spoil) {
        if lines.is_empty() {
            return;
        }
        let count = lines.len();
        match how {
            Spoil::Drop(at) => drop(lines.remove(at.index(count))),
            Spoil::Double(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
            Spoil::Swap(a, b) => lines.swap(a.index(count), b.index(count)),
            Spoil::Insert(at, line) => lines.insert(at.index(count), line.clone().into()),
            Spoil::Byte(line, at, byte) => {
                let line = &mut lines[line.index(count)];
                if !line.is_empty() {
                    let at = at.index(line.len());
                    line[at] = *byte;
                }
            }
            Spoil::Count(at, digit) => {
                let mut digits: Vec<&mut u8> =
                    lines[count - 1].iter_mut().filter(|byte| byte.is_ascii_digit()).collect();
                if !digits.is_empty() {
                    let at = at.index(digits.len());
                    *digits[at] = *digit;
                }
            }
        }
    }

    #[test]
    fn what_is_no_whole_blob_is_refused_with_a_reason() {
        let head = r#"{"format":"cairn-import","v":1,"schema":"accounts","rules":"strict"}"#;
        let kind = r#"{"type":"accounts","columns":["email"]}"#;
        let end = |put: u64| format!(r#"{{"end":{{"accounts":{{"put":{put},"remove":0,"delta":false}}}}}}"#);
        let code = |lines: &[&str]| {
            let (bytes, sha256) = sealed(lines.join("\n").as_bytes());
            read(&bytes, &sha256).map(|_| ()).map_err(|error| error.to_string())
        };
        let (one, two) = (end(1), end(2));
        assert_eq!(code(&[head, kind, r#"["a","a"]"#, &one, ""]), Ok(()));
        for (lines, reason) in [
            (vec![head, kind, r#"["a"]"#, &two, ""], "records are missing"),
            (vec![head, kind, r#"["b"]"#, r#"["a"]"#, &two, ""], "out of order"),
            (vec![head, kind, r#"["a"]"#, r#"["a"]"#, &two, ""], "out of order"),
            (vec![head, kind, r#"[""]"#, &one, ""], "out of order"),
            (vec![head, kind, "[]", &one, ""], "no id"),
            (vec![head, kind, r#"["a","b","c"]"#, &one, ""], "more values"),
            (
                vec![head, &kind.replace("accounts", "users"), r#"["a"]"#, &one, ""],
                "its format does not have",
            ),
            (vec![head, &kind.replace("email", "shoe"), r#"["a"]"#, &one, ""], "its format does not have"),
            (vec![&head.replace("accounts", "pigeons"), kind, r#"["a"]"#, &one, ""], "does not have"),
            (vec![head, kind, r#"["a",1]"#, &one, ""], "makes no sense"),
            (vec![head, r#"["a"]"#, &one, ""], "before its type"),
            (vec![head, kind, r#"["a"]"#, kind, r#"["b"]"#, kind, &two, ""], "twice"),
            (vec![head, kind, r#"["a"]"#, &one], "cut off"),
            (vec![head, kind, r#"["a"]"#, ""], "cut off"),
            (vec![head, kind, r#"["a"]"#, &one, "more", ""], "behind its end"),
            (vec![head, "nonsense", ""], "makes no sense"),
            (vec![&head.replace(":1", ":2"), ""], "newer version"),
            (vec![&head.replace("cairn-import", "cairn-backup"), ""], "no import"),
            (vec!["hello", ""], "no import"),
            (vec![""], "cut off"),
        ] {
            let error = code(&lines).unwrap_err();
            assert!(error.contains(reason), "{lines:?}: {error}");
        }
        let (bytes, blob, _) = blob(set(1, vec![]).path());
        let other = read(&bytes, &blob.sha256.replace(char::is_numeric, "0")).unwrap_err();
        assert!(other.to_string().contains("another import"), "{other}");
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let (bytes, blob, _) = blob(set(1, vec![]).path());
        let limits = Limits { expanded_bytes: 1_000, ..Limits::default() };
        let error = read_blob(bytes.as_slice(), &blob.sha256, &limits, |_| Ok::<(), ImportError>(()));
        assert_eq!(error.unwrap_err().code(), "import_limit");
        let bomb = zstd::encode_all(std::io::repeat(b'[').take(200 << 20), LEVEL).unwrap();
        assert_eq!(read(&bomb, "").unwrap_err().code(), "import_damaged");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Whatever lines stand behind the right name: an error in words, or the records that they say
        /// and no others.
        #[test]
        fn any_lines_are_refused_or_read_as_they_stand(
            types in any_types(),
            how in proptest::collection::vec(any_spoil(), 0..4),
            is_ended in proptest::bool::weighted(0.95),
            most in proptest::option::weighted(0.1, 0..200u64),
        ) {
            let mut lines = lines_of(&types);
            how.iter().for_each(|how| spoil(&mut lines, how));
            let mut text = lines.join(&b'\n');
            if is_ended { text.push(b'\n') }
            let (bytes, sha256) = sealed(&text);
            let limits = Limits { expanded_bytes: most.unwrap_or(1 << 20), ..Limits::default() };
            match read_under(&limits, &bytes, &sha256) {
                Ok((contents, put, removed)) => {
                    let counted = |count: fn(&BlobType) -> u64| contents.types.values().map(count).sum::<u64>();
                    prop_assert_eq!(counted(|held| held.put), put.len() as u64);
                    prop_assert_eq!(counted(|held| held.remove), removed.len() as u64);
                    let follows = |pair: &[Owned]| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1;
                    prop_assert!(put.windows(2).all(follows), "{:?}", put);
                    prop_assert_eq!((put, removed), said(&text));
                }
                Err(error) => {
                    prop_assert!(matches!(error.code(), "import_damaged" | "import_limit"), "{}", error);
                    prop_assert!(!how.is_empty() || !is_ended || most.is_some(), "{}", error);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Whatever the dirt: a blob holds what a plan into nothing would create.
        #[test]
        fn a_blob_is_what_the_plan_says(
            seed in 0..1_000u64,
            dirt in proptest::collection::vec((proptest::sample::select(Dirt::ALL), 1..4u32), 0..6),
            budget in 500..50_000usize,
        ) {
            let dir = set(seed, dirt);
            let (bytes, blob, report) = blob_with(dir.path(), &Options::default(), budget);
            let nothing = |_: &mut dyn FnMut(Record<'_>)| Ok::<(), ImportError>(());
            let (plan, checked) = crate::plan(dir.path(), &Options::default(), nothing).unwrap();
            prop_assert_eq!(report, checked);
            for (kind, changes) in &plan.types {
                let put = blob.records.get(kind).map_or(0, |held| held.put);
                prop_assert_eq!(put, changes.create, "{}", kind);
            }
            let (contents, put, _) = read(&bytes, &blob.sha256).unwrap();
            prop_assert_eq!(contents.types.values().map(|held| held.put).sum::<u64>(), put.len() as u64);
            // What was put is what a second plan finds unchanged.
            let again = crate::plan(dir.path(), &Options::default(), |meet| {
                for (kind, id, values) in &put {
                    let values: Vec<(&str, &str)> =
                        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    meet(Record { kind, id, values: &values });
                }
                Ok::<(), ImportError>(())
            });
            for (kind, changes) in again.unwrap().0.types {
                prop_assert_eq!((changes.create, changes.update, changes.remove), (0, 0, 0), "{}", kind);
            }
        }

        /// Any byte changed, any length: an error or the same records, never a panic.
        #[test]
        fn a_spoiled_blob_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()) {
            let (bytes, blob, _) = blob(set(1, vec![]).path());
            let at = at.index(bytes.len());
            let mut spoiled = bytes.clone();
            if cut { spoiled.truncate(at) } else { spoiled[at] ^= 1 << bit }
            prop_assert_eq!(read(&spoiled, &blob.sha256).map(|_| ()).map_err(|error| error.code()), Err("import_damaged"));
        }
    }
}
