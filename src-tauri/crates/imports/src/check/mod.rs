//! Checking: opens what was pointed at, finds its format, matches labels, and judges every row.
//!
//! Files are read in the order of references, so that nearly every reference is settled when it is
//! met, and one pass over each file is enough. What is kept of a record is its key's hash.

mod cause;
mod cells;
mod file;
mod ids;
mod judge;
mod labels;
mod ledger;
pub(crate) mod manifest;
mod rules;
mod settle;
mod value;

#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use cause::Fixes;
pub use cause::{Cause, Fix, Profile, Severity};
pub(crate) use cells::{is_allowed, is_plain_date, is_unclear_date};
use judge::{Bound, Shared};

use crate::detect::{Found, detect};
use crate::error::Result;
use crate::limits::{Budget, Limits};
use crate::map::Mapping;
use crate::read::{Head, Row, Source};
use crate::report::{LeftFile, Report};
use crate::schema::{FileSchema, Schema};
use crate::watch::Watch;
pub(crate) use ids::{Hashes, Hashing, Itself};
use ids::{RootId, Roots};
pub(crate) use labels::order_of;
pub(crate) use ledger::Show;
use ledger::{Ledger, Names, Notes};
pub(crate) use value::outline;

/// How a check is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The format, where it is not to be found out.
    pub format: Option<String>,
    /// The profile.
    pub profile: Profile,
    /// What a mapping file says.
    pub mapping: Mapping,
    /// What is read at most.
    pub limits: Limits,
    /// Who watches, and may end it.
    pub watch: Watch,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Unchanged.
    Accepted,
    /// Changed by a recorded fix.
    Fixed,
    /// At fault itself, or referring to a rejected row.
    Rejected,
    /// A later duplicate.
    Skipped,
}

/// Why a row is rejected: a cause of its own, or the root of another row's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub cause: Cause,
    pub column: Option<usize>,
    /// 0 for a fault of its own.
    pub root: RootId,
}

/// A judged row, for who wants more than counts.
pub(crate) struct Outcome<'a, 'r> {
    pub schema: &'static Schema,
    /// The file's place in the format.
    pub place: usize,
    pub file: &'static FileSchema,
    pub row: &'a Row<'r>,
    /// The hash of its key, where it has one.
    pub own: Option<u64>,
    pub is_delta: bool,
    pub verdict: Verdict,
    pub faults: &'a [Fault],
    pub columns: &'a [Bound],
    pub mended: &'a [(usize, Vec<u8>)],
}

impl<'r> Outcome<'_, 'r> {
    /// The value of a column as it is imported.
    pub fn value<'v>(&'v self, column: usize) -> &'v [u8]
    where
        'r: 'v,
    {
        if let Some((_, value)) = self.mended.iter().rev().find(|(at, _)| *at == column) {
            return value;
        }
        self.columns.get(column).map(|bound| self.row.field(bound.index)).unwrap_or_default()
    }
}

/// Hears of every judged row. Rows of files that refer to themselves may be rejected later: see
/// [`Checked::late`].
pub(crate) trait Sink {
    /// Whether it listens at all; a check alone does not.
    const LISTENS: bool;
    fn row(&mut self, outcome: &Outcome<'_, '_>);
}

struct Deaf;

impl Sink for Deaf {
    const LISTENS: bool = false;
    fn row(&mut self, _: &Outcome<'_, '_>) {}
}

/// A row that was rejected after all rows of its file were known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub place: usize,
    pub row: u64,
    /// The number of the column that refers.
    pub column: usize,
}

/// A report, and what who listens needs beside it.
pub(crate) struct Checked {
    pub report: Report,
    pub late: Vec<Late>,
    pub schema: &'static Schema,
    /// The places of files that are deltas.
    pub deltas: Vec<usize>,
}

/// Checks the files at `path`: counts, and problems grouped by cause. Writes nothing.
///
/// # Errors
/// Only what keeps the files from being read as an import at all; faults in rows are in the report.
pub fn check(path: &Path, options: &Options) -> Result<Report> {
    Ok(run(path, options, &mut Deaf)?.report)
}

/// Checks, with `sink` hearing of each row.
pub(crate) fn run<S: Sink>(path: &Path, options: &Options, sink: &mut S) -> Result<Checked> {
    run_with(path, options, Hashing::new(), sink)
}

/// Checks with hashes that the caller can make too.
pub(crate) fn run_with<S: Sink>(
    path: &Path,
    options: &Options,
    hashing: Hashing,
    sink: &mut S,
) -> Result<Checked> {
    let opened = Opened::at(path, options)?;
    let found = opened.detect(options)?;
    let budget = Budget::watched(&options.limits, options.watch.clone());
    let run = opened.run(found.schema, options, &budget, hashing);
    let deltas = run.deltas();
    let (mut report, late) = run.all(sink)?;
    report.detected = found.detected;
    report.left = opened
        .source
        .left
        .iter()
        .map(|l| LeftFile { name: l.name.clone(), reason: l.reason.clone() })
        .collect();
    Ok(Checked { report, late, schema: found.schema, deltas })
}

/// Files that were opened and whose first rows were read.
pub(crate) struct Opened {
    pub source: Source,
    pub heads: Vec<Head>,
    manifest: Option<manifest::Manifest>,
}

impl Opened {
    pub fn at(path: &Path, options: &Options) -> Result<Self> {
        let source = Source::open(path, &options.limits, &|name| options.mapping.told(name))?;
        let heads = heads(&source, &options.limits)?;
        let manifest = source
            .tables
            .iter()
            .zip(&heads)
            .find(|(table, _)| table.stem == MANIFEST)
            .map(|(table, head)| manifest::Manifest::read(&table.name, head));
        Ok(Self { source, heads, manifest })
    }

    pub fn detect(&self, options: &Options) -> Result<Found> {
        let (manifest, told) = (self.manifest.as_ref(), options.format.as_deref());
        detect(&self.source, &self.heads, manifest, told, &options.mapping)
    }

    fn run<'a>(
        &'a self,
        schema: &'static Schema,
        options: &'a Options,
        budget: &'a Budget<'a>,
        hashing: Hashing,
    ) -> file::Run<'a> {
        file::Run {
            source: &self.source,
            heads: &self.heads,
            manifest: self.manifest.as_ref().filter(|_| schema.asks.manifest),
            schema,
            options,
            budget,
            shared: Shared {
                profile: options.profile,
                hashing,
                ledger: Ledger::default(),
                roots: Roots::default(),
                records: Vec::new(),
            },
            names: Names::default(),
            notes: Notes::new(options.profile),
            files: Vec::new(),
            mapping: Vec::new(),
            late: Vec::new(),
        }
    }
}

/// What the table calls itself that lists the others.
const MANIFEST: &str = "manifest";

/// The type of records of each table, in a format; `manifest` of the one that lists the others.
pub(crate) fn assigned(
    opened: &Opened,
    found: &Found,
    options: &Options,
) -> Result<Vec<Option<&'static str>>> {
    let budget = Budget::new(&options.limits);
    let places = opened.run(found.schema, options, &budget, Hashing::new()).assign()?;
    let kind = |place: Option<usize>| found.schema.files.get(place?).map(|file| file.kind);
    let is_manifest = |stem: &str| stem == MANIFEST && found.schema.asks.manifest;
    let tables = opened.source.tables.iter();
    let kinds = places
        .into_iter()
        .zip(tables)
        .map(|(place, table)| if is_manifest(&table.stem) { Some(MANIFEST) } else { kind(place) });
    Ok(kinds.collect())
}

/// Records that are looked at to find the format and the order of dates.
const SAMPLE_ROWS: usize = 1_000;

fn heads(source: &Source, limits: &Limits) -> Result<Vec<Head>> {
    source.tables.iter().map(|table| table.head(limits, SAMPLE_ROWS)).collect()
}
