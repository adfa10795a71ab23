//! The rows of a workbook's sheet, cell by cell.
//!
//! The library underneath reads formats of others; should it panic on a broken file, that is caught
//! here and becomes an error. It never allocates by a sheet's claimed size, because cells are
//! streamed, and [`super::source`] has unpacked every part once under the limits before.

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{Data, DataRef, ExcelDateTime, Reader, Xlsx};

use super::scan::{Quirks, Row, Span};
use crate::error::{ImportError, Result};
use crate::limits::Budget;

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
    let mut line = Line::default();
    let mut width = 0;
    loop {
        let cell = contained(name, || cells.next_cell().map_err(|error| damaged(name, error)))?;
        let place = cell.as_ref().map(|cell| cell.get_position());
        if place.is_none_or(|(row, _)| row != line.row) {
            if line.has_text {
                line.pad(width);
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
#[derive(Default)]
struct Line {
    row: u32,
    bytes: Vec<u8>,
    spans: Vec<Span>,
    has_text: bool,
}

impl Line {
    fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.has_text = false;
    }

    /// Empty cells up to `width`: a sheet leaves out what is empty.
    fn pad(&mut self, width: usize) {
        let end = self.bytes.len() as u32;
        while self.spans.len() < width {
            self.spans.push(Span { from: end, to: end });
        }
    }

    fn put(&mut self, column: usize, value: &DataRef<'_>) {
        self.pad(column);
        let from = self.bytes.len() as u32;
        write_value(&mut self.bytes, value);
        let to = self.bytes.len() as u32;
        self.has_text |= self.bytes.get(from as usize..).is_some_and(|text| !text.trim_ascii().is_empty());
        self.spans.push(Span { from, to });
    }

    fn row(&self) -> Row<'_> {
        let mut quirks = Quirks::default();
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

/// A cell's value as the same table would write it in CSV: dates as YYYY-MM-DD, whole numbers
/// without decimals.
fn write_value(into: &mut Vec<u8>, value: &DataRef<'_>) {
    match value {
        DataRef::Empty => {}
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
