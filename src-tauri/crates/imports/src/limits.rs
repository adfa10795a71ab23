//! What is read at most, whatever a file claims. ROSTERS.md "Dirt to expect": zip bombs, deep paths,
//! fields of 100 MB.

use std::cell::Cell;

use crate::error::{ImportError, Result};
use crate::watch::{Progress, Watch};

/// Caps on what one import may hold. All are far above any real roster and far below what would
/// hurt a laptop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all tables together after unpacking.
    pub expanded_bytes: u64,
    /// How many bytes one packed byte may become; asked once a part has more than a MiB.
    pub ratio: u64,
    /// Records of all tables together.
    pub rows: u64,
    /// Columns of one table.
    pub columns: u64,
    /// Bytes of one field; a longer one rejects its row, no more.
    pub field_bytes: usize,
    /// Bytes of one record; a longer one is rejected unread.
    pub row_bytes: usize,
    /// Bytes of a part of a workbook that is held whole, after unpacking: its shared texts, its styles,
    /// the list of its sheets. Of a sheet, what lies between two tags.
    pub held_bytes: u64,
    /// Folders above a file inside an archive or folder.
    pub depth: u64,
    /// Parts of an archive, or files of a folder.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expanded_bytes: 4 << 30,
            ratio: 200,
            rows: 20_000_000,
            columns: 1_000,
            field_bytes: 1 << 20,
            row_bytes: 8 << 20,
            held_bytes: 256 << 20,
            depth: 8,
            files: 10_000,
        }
    }
}

/// What one run has used of its limits; all tables of a run share it.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    pub limits: &'a Limits,
    bytes: Cell<u64>,
    rows: Cell<u64>,
    watch: Watch,
}

/// Whoever watches is asked again after this many rows; a power of two.
const ROWS_BETWEEN: u64 = 4_096;

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self::watched(limits, Watch::default())
    }

    /// One that asks `watch` whether to go on.
    pub fn watched(limits: &'a Limits, watch: Watch) -> Self {
        Self { limits, bytes: Cell::new(0), rows: Cell::new(0), watch }
    }

    fn ask(&self) -> Result<()> {
        let progress = Progress { rows: self.rows.get(), bytes: self.bytes.get(), ..Progress::default() };
        if self.watch.goes_on(progress) { Ok(()) } else { Err(ImportError::Cancelled) }
    }

    pub fn bytes(&self, name: &str, more: u64) -> Result<()> {
        let found = self.bytes.get().saturating_add(more);
        self.bytes.set(found);
        if found <= self.limits.expanded_bytes {
            return self.ask();
        }
        Err(ImportError::Limit {
            name: name.to_owned(),
            cap: "expanded_bytes",
            what: "bytes of tables, counted with those before it",
            limit: self.limits.expanded_bytes,
            found,
        })
    }

    pub fn row(&self, name: &str) -> Result<()> {
        let found = self.rows.get() + 1;
        self.rows.set(found);
        if found <= self.limits.rows {
            return if found.is_multiple_of(ROWS_BETWEEN) { self.ask() } else { Ok(()) };
        }
        Err(ImportError::Limit {
            name: name.to_owned(),
            cap: "rows",
            what: "rows, counted with those before it",
            limit: self.limits.rows,
            found,
        })
    }

    pub fn ratio(&self, name: &str, packed: u64, expanded: u64) -> Result<()> {
        let allowed = packed.max(1).saturating_mul(self.limits.ratio);
        if expanded <= (1 << 20) || expanded <= allowed {
            return Ok(());
        }
        Err(ImportError::Limit {
            name: name.to_owned(),
            cap: "ratio",
            what: "bytes for each packed byte, as an archive made to do harm has",
            limit: self.limits.ratio,
            found: expanded / packed.max(1),
        })
    }

    pub fn columns(&self, name: &str, found: usize) -> Result<()> {
        if found as u64 <= self.limits.columns {
            return Ok(());
        }
        Err(ImportError::Limit {
            name: name.to_owned(),
            cap: "columns",
            what: "columns",
            limit: self.limits.columns,
            found: found as u64,
        })
    }
}
