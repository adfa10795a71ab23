//! A first look at files: what they are taken for, before all of their rows are read.

use std::path::Path;

use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::check::{Opened, Options, assigned};
use crate::error::{ImportError, Result};
use crate::report::{Detected, LeftFile};
use crate::schema::SCHEMAS;

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The labels of its columns.
    pub columns: u32,
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
    let sign = |byte: u8| char::from(byte).to_string();
    let tables = opened.source.tables.iter().zip(&opened.heads).zip(kinds).map(|((table, head), kind)| {
        let is_text = table.unpacked.is_some();
        TableLook {
            name: table.name.clone(),
            kind: kind.map(str::to_owned),
            size: table.size,
            unpacked: table.unpacked,
            columns: u32::try_from(head.labels.len()).unwrap_or(u32::MAX),
            encoding: table.shape.encoding_name(),
            delimiter: is_text.then(|| sign(table.shape.dialect.delimiter)),
            line_ends: table.shape.line_ends.to_owned(),
        }
    });
    let left = opened.source.left.iter();
    Ok(Look {
        name: opened.source.name.clone(),
        tables: tables.collect(),
        left: left.map(|l| LeftFile { name: l.name.clone(), reason: l.reason.clone() }).collect(),
        format: found.as_ref().map(|found| name_of(found.schema)),
        detected: found.map(|found| found.detected),
        unknown,
        formats: SCHEMAS.iter().map(|schema| name_of(schema)).collect(),
    })
}

fn name_of(schema: &crate::schema::Schema) -> FormatName {
    FormatName { format: schema.format.to_owned(), title: schema.title.to_owned() }
}
