//! Files to rows: folders, archives, workbooks and single tables behind one [`Source`].
//!
//! Nothing is unpacked to disk and nothing is held whole: every pass over a table streams it anew.

mod parts;
mod scan;
mod sheet;
mod source;
mod text;

pub use scan::{Dialect, Quirks, Row, Span};
pub use source::{Head, Left, Source, Table};
pub use text::{Shape, Told};
