//! A first look at files: what they and their columns are taken for, before all of their rows are read.

mod columns;

use std::path::Path;

pub use columns::{ColumnLook, DatesLook, FieldLook, WordLook};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::check::{Opened, Options, assigned};
use crate::error::{ImportError, Result};
use crate::read::{Head, Table};
use crate::report::{Detected, LeftFile};
use crate::schema::{SCHEMAS, Schema};

/// What files are taken for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportLook"))]
pub struct Look {
    /// The file or folder that was looked at, without its path.
    pub name: String,
    /// The format; none where nothing fits.
    pub format: Option<FormatName>,
    /// How it was found; none where nothing fits.
    pub detected: Option<Detected>,
    /// Why nothing fits.
    pub unknown: Option<String>,
    /// The tables, in order of their names.
    pub tables: Vec<TableLook>,
    /// Files that are left alone.
    pub left: Vec<LeftFile>,
    /// All formats that can be named by hand.
    pub formats: Vec<FormatName>,
    /// The types of records that a table can be said to hold; empty where nothing fits.
    pub kinds: Vec<String>,
    /// What such files have in common wherever they come from again: a hash of the tables' names and labels.
    pub source: String,
}

/// A format and what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct FormatName {
    /// As reports and `--format` write it.
    pub format: String,
    /// What people call it.
    pub title: String,
}

/// A table as it lies there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct TableLook {
    /// The file's name.
    pub name: String,
    /// The type of its records, or `manifest`; none where the format knows no such file.
    pub kind: Option<String>,
    /// Bytes on disk, before unpacking.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub size: u64,
    /// Bytes to be read; none where only reading tells, as in a workbook.
    #[cfg_attr(feature = "types", ts(type = "number | null"))]
    pub unpacked: Option<u64>,
    /// Its columns, in the file's order.
    pub columns: Vec<ColumnLook>,
    /// The columns that the format has for such records; empty where it knows no such file.
    pub fields: Vec<FieldLook>,
    /// The encoding it seems to be in.
    pub encoding: String,
    /// What stands between fields; none in a workbook.
    pub delimiter: Option<String>,
    /// `LF`, `CRLF`, `CR` or `mixed`.
    pub line_ends: String,
}

/// Looks at the files at `path`: opens them, reads their first rows and finds the format. Files of no
/// known format are no error here: [`Look::unknown`] says why.
///
/// # Errors
/// Only what keeps the files from being read as tables at all, and a format or mapping that cannot be.
pub fn look(path: &Path, options: &Options) -> Result<Look> {
    let opened = Opened::at(path, options)?;
    let (found, unknown) = match opened.detect(options) {
        Ok(found) => (Some(found), None),
        // A format that was named wrongly is the caller's mistake.
        Err(ImportError::UnknownFormat { reason }) if options.format.is_none() => (None, Some(reason)),
        Err(error) => return Err(error),
    };
    let kinds = match &found {
        Some(found) => assigned(&opened, found, options)?,
        None => vec![None; opened.source.tables.len()],
    };
    let schema = found.as_ref().map(|found| found.schema);
    let tables = opened
        .source
        .tables
        .iter()
        .zip(&opened.heads)
        .zip(kinds)
        .map(|((table, head), kind)| table_look(table, head, kind, schema, options))
        .collect::<Result<Vec<TableLook>>>()?;
    let left = opened.source.left.iter();
    let kinds = schema.map(|schema| schema.files.iter().map(|file| file.kind.to_owned()).collect());
    Ok(Look {
        name: opened.source.name.clone(),
        source: source_of(&tables),
        tables,
        left: left.map(|l| LeftFile { name: l.name.clone(), reason: l.reason.clone() }).collect(),
        format: schema.map(name_of),
        detected: found.map(|found| found.detected),
        unknown,
        formats: SCHEMAS.iter().map(|schema| name_of(schema)).collect(),
        kinds: kinds.unwrap_or_default(),
    })
}

fn table_look(
    table: &Table,
    head: &Head,
    kind: Option<&str>,
    schema: Option<&Schema>,
    options: &Options,
) -> Result<TableLook> {
    let file = schema.zip(kind).and_then(|(schema, kind)| schema.files.get(schema.place(kind)?));
    let rules = options.mapping.file(&table.name);
    let is_text = table.unpacked.is_some();
    Ok(TableLook {
        name: table.name.clone(),
        kind: kind.map(str::to_owned),
        size: table.size,
        unpacked: table.unpacked,
        columns: match file {
            Some(file) => columns::columns(head, file, rules)?,
            None => columns::unknown(head),
        },
        fields: file.map(columns::fields).unwrap_or_default(),
        encoding: table.shape.encoding_name(),
        delimiter: is_text.then(|| char::from(table.shape.dialect.delimiter).to_string()),
        line_ends: table.shape.line_ends.to_owned(),
    })
}

/// Names and labels are what the next export of the same system will have in common with this one.
fn source_of(tables: &[TableLook]) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    for table in tables {
        part(&table.name.to_lowercase());
        part(&table.columns.len().to_string());
        for column in &table.columns {
            part(&column.mapping.label);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn name_of(schema: &Schema) -> FormatName {
    FormatName { format: schema.format.to_owned(), title: schema.title.to_owned() }
}
