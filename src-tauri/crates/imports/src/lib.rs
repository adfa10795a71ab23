//! Migration imports: from files that a school or client hands over to rows that may be imported.
//!
//! [`Source`] opens a folder, an archive, a workbook or a single table and streams its rows. Nothing
//! here writes, reads a clock or knows a tenant.

mod error;
mod limits;
mod read;

pub use error::{ImportError, Result};
pub use limits::Limits;
pub use read::{Dialect, Head, Left, Quirks, Row, Shape, Source, Span, Table, Told};
