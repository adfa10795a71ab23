//! Migration imports: from files that a school or client hands over to rows that may be imported.
//!
//! [`check`] is the whole way: [`Source`] opens a folder, an archive, a workbook or a single table
//! and streams its rows; the format is found by names, labels and manifest; labels become columns
//! (a [`Mapping`] helps); every row is judged by the tables in [`schema`]; the [`Report`] counts rows
//! and groups problems by cause. [`plan`] holds the rows against the records that are there,
//! [`PlanRows`] shows them one by one, and [`write_blob`] makes of them what is uploaded. Nothing here writes a file of its own accord, reads a
//! clock or knows a tenant.

mod ahead;
mod batch;
mod blob;
mod check;
mod detect;
mod error;
#[cfg(any(test, feature = "generate"))]
pub mod generate;
mod leads;
mod limits;
mod look;
mod map;
pub mod people;
mod plan;
mod planned;
mod read;
mod record;
mod references;
mod rejects;
mod report;
pub mod schema;
mod sort;
mod veil;
mod watch;

pub use blob::{
    Blob, BlobHead, BlobType, Contents, Entry, each_entry, read_blob, write_blob, write_blob_with,
};
pub use check::{Cause, Fix, Options, Profile, Severity, Verdict, check};
pub use detect::names as formats;
pub use error::{ImportError, Result};
pub use leads::{BrokenReferences, ByColumn, Leads};
pub use limits::Limits;
pub use look::{ColumnLook, DatesLook, FieldLook, FormatName, Look, TableLook, WordLook, look};
pub use map::{DateOrder, FileRules, MAX_MAPPING_BYTES, Mapping};
pub use plan::{Changes, Double, DoubleExample, Hold, Plan, REMOVE_LIMIT, UPDATE_LIMIT, plan, plan_with};
pub use planned::{
    PlanChange, PlanPage, PlanQuery, PlanRow, PlanRows, PlanValue, PlanWriter, Planned, WORST,
};
pub use read::{Dialect, Head, Left, Quirks, Row, Shape, Source, Span, Table, Told};
pub use record::Record;
pub use references::{Followed, Named, References, naming};
pub use rejects::{export_rejected, harmless};
pub use report::{
    Candidate, ColumnMapping, Counts, Detected, Example, FileCount, FileMapping, FixExample, FixGroup,
    LeftFile, Place, Problem, Report,
};
pub use sort::{SCRATCH_BUDGET, Scratch};
pub use veil::{outlined, outlined_id};
pub use watch::{Progress, Watch};
