//! The rows of a workbook's sheet, cell by cell.
//!
//! The library underneath reads formats of others; should it panic on a broken file, that is caught
//! here and becomes an error. It never allocates by a sheet's claimed size, because cells are
//! streamed. [`super::parts`] has unpacked every part once under the limits before.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{Data, DataRef, ExcelDateTime, Reader, Xlsx};

use super::scan::{Quirks, Row, Span};
use crate::error::{ImportError, Result};
use crate::limits::{Budget, Limits};

type Workbook = Xlsx<BufReader<File>>;

fn damaged(name: &str, reason: impl ToString) -> ImportError {
    ImportError::Damaged { name: name.to_owned(), reason: reason.to_string() }
}

/// Runs a piece of the library; its panic is a damaged file.
fn contained<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(damaged(name, "its inner structure cannot be read")))
}

fn open(path: &Path, name: &str) -> Result<Workbook> {
    let file = File::open(path).map_err(|error| ImportError::io(name, &error))?;
    contained(name, || Xlsx::new(BufReader::new(file)).map_err(|error| damaged(name, error)))
}

/// The names of the sheets that hold anything.
pub fn names(path: &Path, name: &str) -> Result<Vec<String>> {
    let mut book = open(path, name)?;
    let sheets = book.sheet_names();
    let mut found = Vec::new();
    for sheet in sheets {
        let is_filled = contained(name, || {
            let Ok(mut cells) = book.worksheet_cells_reader(&sheet) else { return Ok(false) };
            cells.next_cell().map(|cell| cell.is_some()).map_err(|error| damaged(name, error))
        })?;
        if is_filled {
            found.push(sheet);
        }
    }
    Ok(found)
}

/// Streams a sheet's rows, as [`super::Table::rows`] does. Rows without any text are blank lines.
pub fn rows<F>(path: &Path, sheet: &str, name: &str, budget: &Budget<'_>, mut visit: F) -> Result<()>
where
    F: FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
{
    let mut book = open(path, name)?;
    let mut cells = contained(name, || book.worksheet_cells_reader(sheet).map_err(|e| damaged(name, e)))?;
    let mut line = Line::new(budget.limits);
    let mut width = 0;
    loop {
        let cell = contained(name, || cells.next_cell().map_err(|error| damaged(name, error)))?;
        let place = cell.as_ref().map(|cell| cell.get_position());
        if place.is_none_or(|(row, _)| row != line.row) {
            if line.has_text {
                line.fill_up(width);
                width = width.max(line.spans.len());
                budget.row(name)?;
                if visit(&line.row())?.is_break() {
                    return Ok(());
                }
            }
            line.clear();
        }
        let (Some(cell), Some((row, column))) = (cell, place) else { return Ok(()) };
        budget.columns(name, column as usize + 1)?;
        line.row = row;
        line.put(column as usize, cell.get_value());
    }
}

/// A row as it is put together.
struct Line {
    row: u32,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    has_text: bool,
    field_bytes: usize,
    row_bytes: usize,
    /// A field is longer than the limit.
    is_long: bool,
    /// The row is longer than the limit: nothing of it is kept.
    is_over: bool,
}

impl Line {
    fn new(limits: &Limits) -> Self {
        Self {
            row: 0,
            bytes: Vec::new(),
            spans: Vec::new(),
            has_text: false,
            field_bytes: limits.field_bytes,
            row_bytes: limits.row_bytes,
            is_long: false,
            is_over: false,
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        (self.has_text, self.is_long, self.is_over) = (false, false, false);
    }

    /// As wide as the rows before it, unless it was too long to be read.
    fn fill_up(&mut self, width: usize) {
        if !self.is_over {
            self.pad(width);
        }
    }

    /// Empty cells up to `width`: a sheet leaves out what is empty.
    fn pad(&mut self, width: usize) {
        let end = self.bytes.len() as u32;
        while self.spans.len() < width {
            self.spans.push(Span { from: end, to: end });
        }
    }

    fn put(&mut self, column: usize, value: &DataRef<'_>) {
        if self.is_over {
            return;
        }
        if length(value) > self.row_bytes {
            self.drop_all();
            return;
        }
        self.pad(column);
        let from = self.bytes.len();
        write_value(&mut self.bytes, value);
        let to = self.bytes.len();
        self.has_text |= self.bytes.get(from..).is_some_and(|text| !text.trim_ascii().is_empty());
        self.is_long |= to - from > self.field_bytes;
        self.spans.push(Span { from: from as u32, to: to as u32 });
        if to > self.row_bytes {
            self.drop_all();
        }
    }

    /// Keeps nothing of a row that is too long, as of a line of text; not its room either.
    fn drop_all(&mut self) {
        (self.has_text, self.is_over) = (true, true);
        self.bytes = Vec::new();
        self.spans.clear();
    }

    fn row(&self) -> Row<'_> {
        let mut quirks = Quirks::default();
        if self.is_long || self.is_over {
            quirks.set(Quirks::TOO_LONG);
        }
        if !self.bytes.is_ascii() {
            quirks.set(Quirks::NON_ASCII);
        }
        if memchr::memchr2(b'\n', b'\r', &self.bytes).is_some() {
            quirks.set(Quirks::LINE_BREAK);
        }
        if memchr::memchr(0, &self.bytes).is_some() {
            quirks.set(Quirks::NUL);
        }
        Row { number: u64::from(self.row) + 1, bytes: &self.bytes, fields: &self.spans, quirks }
    }
}

/// Bytes of a text, which alone may be long.
fn length(value: &DataRef<'_>) -> usize {
    match value {
        DataRef::String(text) => text.len(),
        DataRef::SharedString(text) => text.len(),
        _ => 0,
    }
}

/// A cell's value as the same table would write it in CSV: dates as YYYY-MM-DD, whole numbers
/// without decimals.
fn write_value(into: &mut Vec<u8>, value: &DataRef<'_>) {
    match value {
        DataRef::Empty => {}
        DataRef::String(text) => into.extend_from_slice(text.as_bytes()),
        DataRef::SharedString(text) => into.extend_from_slice(text.as_bytes()),
        DataRef::Bool(value) => into.extend_from_slice(if *value { b"true" } else { b"false" }),
        DataRef::DateTime(date) => into.extend_from_slice(date_text(date).as_bytes()),
        DataRef::Float(number) => into.extend_from_slice(number.to_string().as_bytes()),
        other => into.extend_from_slice(Data::from(other.clone()).to_string().as_bytes()),
    }
}

fn date_text(date: &ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    match (date.is_duration() || date.as_f64() < 1.0, time.as_str()) {
        (true, time) => time.to_owned(),
        (false, "00:00:00") => format!("{year:04}-{month:02}-{day:02}"),
        (false, time) => format!("{year:04}-{month:02}-{day:02}T{time}Z"),
    }
}
