//! Rejected rows as CSV, each with its reason, for the school to mend.
//!
//! Values are written as they stand in the file, escaped so that no spreadsheet takes one for a
//! formula: what starts with `= + - @`, TAB, CR or LF, or their full-width forms, gets a single quote
//! before it.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use crate::check::{Late, Options, Outcome, Sink, Verdict, run};
use crate::error::{ImportError, Result};
use crate::report::Report;
use crate::schema::schema;

/// The column that says why, before those of the file.
pub const REASON: &str = "rejected_because";
/// The column with the row's number in the file.
pub const ROW: &str = "row";

/// Writes the rejected rows of one file of an import (named as in the report) to `into`, with a
/// reason each, and answers how many there were.
///
/// The files are read again from the start, twice where rows refer to rows of the same file.
///
/// # Errors
/// As [`crate::check`]; [`ImportError::Unreadable`] where `into` cannot be written.
pub fn export_rejected<W: Write>(path: &Path, options: &Options, file: &str, into: W) -> Result<u64> {
    let mut nobody = Rejects::new(usize::MAX, HashMap::new(), std::io::sink());
    let first = run(path, options, &mut nobody)?;
    let Some(place) = place_of(&first.report, file) else { return Ok(0) };
    let reasons =
        first.late.iter().filter(|late| late.place == place).map(|late| (late.row, *late)).collect();
    let mut sink = Rejects::new(place, reasons, into);
    run(path, options, &mut sink)?;
    sink.end()
}

fn place_of(report: &Report, file: &str) -> Option<usize> {
    let kind = report.files.iter().find(|held| held.name == file)?.kind.clone()?;
    let set = schema(&report.format)?;
    set.place(&kind).or_else(|| crate::schema::SCHOOL_SET.place(&kind))
}

struct Rejects<W: Write> {
    place: usize,
    late: HashMap<u64, Late>,
    writer: csv::Writer<W>,
    has_header: bool,
    count: u64,
    failed: Option<csv::Error>,
}

impl<W: Write> Rejects<W> {
    fn new(place: usize, late: HashMap<u64, Late>, into: W) -> Self {
        let writer = csv::WriterBuilder::new().flexible(true).from_writer(into);
        Self { place, late, writer, has_header: false, count: 0, failed: None }
    }

    fn end(mut self) -> Result<u64> {
        let failed = self.failed.take().map(|error| error.to_string());
        let flushed = self.writer.flush().map_err(|error| error.to_string());
        match failed.map_or(flushed, Err) {
            Ok(()) => Ok(self.count),
            Err(reason) => {
                Err(ImportError::Unreadable { name: "the list of rejected rows".to_owned(), reason })
            }
        }
    }

    fn write(&mut self, outcome: &Outcome<'_, '_>) -> std::result::Result<(), csv::Error> {
        if !self.has_header {
            self.has_header = true;
            let mut labels: Vec<(usize, &str)> =
                outcome.columns.iter().map(|bound| (bound.index, bound.label.as_str())).collect();
            labels.sort_unstable();
            let width = labels.last().map_or(0, |(index, _)| index + 1).max(outcome.row.fields.len());
            let label =
                |index: usize| labels.iter().find(|(at, _)| *at == index).map_or("", |(_, label)| *label);
            self.writer.write_record([ROW, REASON].into_iter().chain((0..width).map(label)))?;
        }
        self.writer.write_field(outcome.row.number.to_string())?;
        self.writer.write_field(self.reason(outcome))?;
        for index in 0..outcome.row.fields.len() {
            self.writer.write_field(harmless(outcome.row.field(index)))?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    /// All reasons of a row, in words.
    fn reason(&self, outcome: &Outcome<'_, '_>) -> String {
        let label = |column: Option<usize>| {
            let bound = column.and_then(|column| outcome.columns.get(column));
            bound.map(|bound| format!("{}: ", bound.label)).unwrap_or_default()
        };
        let mut reasons: Vec<String> = outcome
            .faults
            .iter()
            .map(|fault| format!("{}{}", label(fault.column), fault.cause.says()))
            .collect();
        if let (true, Some(late)) = (reasons.is_empty(), self.late.get(&outcome.row.number)) {
            reasons.push(format!("{}{}", label(Some(late.column)), crate::Cause::NoTarget.says()));
        }
        reasons.join("; ")
    }
}

impl<W: Write> Sink for Rejects<W> {
    const LISTENS: bool = true;

    fn row(&mut self, outcome: &Outcome<'_, '_>) {
        let is_rejected = outcome.verdict == Verdict::Rejected || self.late.contains_key(&outcome.row.number);
        if outcome.place != self.place || !is_rejected || outcome.verdict == Verdict::Skipped {
            return;
        }
        self.count += 1;
        if let Err(error) = self.write(outcome) {
            self.failed.get_or_insert(error);
        }
    }
}

/// A value that no spreadsheet computes.
pub fn harmless(value: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    const FULL_WIDTH: [&str; 4] = ["\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"];
    let is_formula = matches!(value.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n'))
        || FULL_WIDTH.iter().any(|sign| value.starts_with(sign.as_bytes()));
    if is_formula { [b"'", value].concat().into() } else { value.into() }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_spreadsheet_computes_what_is_exported() {
        let signs = ["=", "+", "-", "@", "\t", "\r", "\n", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}"];
        for sign in signs {
            let value = format!("{sign}1");
            assert_eq!(harmless(value.as_bytes()), format!("'{value}").as_bytes(), "{sign:?}");
        }
        for value in ["", "a=1", "1-2", "'=1", " =1"] {
            assert_eq!(harmless(value.as_bytes()), value.as_bytes(), "{value}");
        }
    }
}
