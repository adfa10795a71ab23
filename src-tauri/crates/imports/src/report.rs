//! What a check answers, in the shape of SPEC: `import check --json` prints it, the wizard shows it.

use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

/// The answer of a check. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportReport"))]
pub struct Report {
    /// The format.
    pub format: String,
    /// `strict` or `tolerant`.
    pub profile: String,
    /// Rows by file, in the order in which the files were read.
    pub files: Vec<FileCount>,
    /// The sums.
    pub totals: Counts,
    /// Problems grouped by cause, the gravest and most frequent first.
    pub problems: Vec<Problem>,
    /// No problem is an error: the files as they are can be imported whole.
    pub can_proceed: bool,
    /// Milliseconds it took; filled in by who holds the clock.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub took_ms: u64,
    /// How the format was found.
    pub detected: Detected,
    /// What was changed to make values fit, grouped.
    pub fixes: Vec<FixGroup>,
    /// Which column of which file is what.
    pub mapping: Vec<FileMapping>,
    /// Files that were left alone.
    pub left: Vec<LeftFile>,
}

/// How many rows became what. `accepted + fixed + rejected + skipped == rows`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportCounts"))]
pub struct Counts {
    /// Records after the header, blank lines left out.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub rows: u64,
    /// Unchanged; warnings are allowed.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub accepted: u64,
    /// Changed by a recorded fix.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub fixed: u64,
    /// At fault themselves, or referring to a rejected row.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub rejected: u64,
    /// Later duplicates, and rows of types that are not imported.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.accepted += other.accepted;
        self.fixed += other.fixed;
        self.rejected += other.rejected;
        self.skipped += other.skipped;
    }
}

/// The rows of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportFile"))]
pub struct FileCount {
    /// The file's name.
    pub name: String,
    /// What became of its rows.
    #[serde(flatten)]
    pub counts: Counts,
    /// The type of its records, where the format knows the file.
    pub kind: Option<String>,
    /// The encoding it was read in.
    pub encoding: String,
    /// What stands between fields.
    pub delimiter: String,
    /// What encloses fields.
    pub quote: String,
    /// `LF`, `CRLF`, `CR` or `mixed`.
    pub line_ends: String,
}

/// A problem: one cause, wherever it shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportProblem"))]
pub struct Problem {
    /// The code of the taxonomy (docs/imports.md).
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// The file where it shows; where it shows in several, the one with the most rows.
    pub file: String,
    /// The column, where it is about one.
    pub column: Option<String>,
    /// How many rows (or, for labels and files, how many of these) have it.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
    /// What is the matter.
    pub cause: String,
    /// What to do.
    pub suggestion: String,
    /// The first places; personal values are shown in outline only.
    pub examples: Vec<Example>,
    /// The rule within the code.
    pub rule: String,
    /// Where else the same cause shows; empty where it shows in one column of one file.
    pub spread: Vec<Place>,
}

/// A place where a problem shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportExample"))]
pub struct Example {
    /// The row as a spreadsheet counts: the header is 1.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub row: u64,
    /// The value, or its outline.
    pub value: String,
}

/// A column of a file where a cause shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportPlace"))]
pub struct Place {
    /// The file.
    pub file: String,
    /// The column.
    pub column: Option<String>,
    /// How many rows.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
}

/// A fix, wherever it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportFix"))]
pub struct FixGroup {
    /// What was done.
    pub fix: String,
    /// The file.
    pub file: String,
    /// The column.
    pub column: String,
    /// How many values.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
    /// The first ones.
    pub examples: Vec<FixExample>,
}

/// A value before and after a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportFixExample"))]
pub struct FixExample {
    /// The row as a spreadsheet counts.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub row: u64,
    /// The value in the file, or its outline.
    pub before: String,
    /// The value that is imported, or its outline.
    pub after: String,
}

/// How the format was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportDetected"))]
pub struct Detected {
    /// From 0 to 1; 1 also where it was said by hand.
    pub confidence: f64,
    /// Why, in a sentence.
    pub reason: String,
    /// Other formats that it could be, the likeliest first.
    pub others: Vec<Candidate>,
}

/// A format that files could be in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportCandidate"))]
pub struct Candidate {
    /// The format.
    pub format: String,
    /// From 0 to 1.
    pub confidence: f64,
}

/// What the columns of a file are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportMapping"))]
pub struct FileMapping {
    /// The file.
    pub file: String,
    /// Its columns, in the file's order.
    pub columns: Vec<ColumnMapping>,
}

/// What one column is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportColumn"))]
pub struct ColumnMapping {
    /// Its label in the file.
    pub label: String,
    /// The column of the format, or the likeliest one where it is not mapped.
    pub column: Option<String>,
    /// `told`, `exact`, `alias`, `fuzzy` or `none`.
    pub how: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Whether it is read as that column: only what is certain is, unasked.
    pub mapped: bool,
}

/// A file that was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportLeft"))]
pub struct LeftFile {
    /// The file.
    pub name: String,
    /// Why.
    pub reason: String,
}
