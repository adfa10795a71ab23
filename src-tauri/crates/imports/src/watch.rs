//! Watching a run while it reads: how far it is, and whether it goes on.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::{ImportError, Result};

/// How far a run is. What goes over the files more than once begins again with each pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read, headers among them.
    pub rows: u64,
    /// Bytes read, after unpacking. Sheets of workbooks count none.
    pub bytes: u64,
    /// Which pass this is and how many there are; 0 and 0 where there is one.
    pub pass: (u32, u32),
}

/// Who watches a run. The default is nobody.
#[derive(Clone, Default)]
pub struct Watch {
    asked: Option<Arc<Asked>>,
    pass: (u32, u32),
}

type Asked = dyn Fn(Progress) -> ControlFlow<()> + Send + Sync;

impl Watch {
    /// Calls `asked` with each piece that is read (some kilobytes, or some thousand rows of a sheet);
    /// a break ends the run with [`ImportError::Cancelled`](crate::ImportError::Cancelled).
    pub fn new(asked: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self { asked: Some(Arc::new(asked)), pass: (0, 0) }
    }

    /// Whether the run may go on.
    #[must_use]
    pub fn goes_on(&self, progress: Progress) -> bool {
        let progress = Progress { pass: self.pass, ..progress };
        self.asked.as_ref().is_none_or(|asked| asked(progress).is_continue())
    }

    /// Tells of records that were met, now and then.
    ///
    /// # Errors
    /// [`ImportError::Cancelled`] where the run may not go on.
    pub fn met(&self, records: u64) -> Result<()> {
        const EVERY: u64 = 4_096;
        let progress = Progress { rows: records, ..Progress::default() };
        if records.is_multiple_of(EVERY) && !self.goes_on(progress) {
            return Err(ImportError::Cancelled);
        }
        Ok(())
    }

    /// The same watch for one of several passes, the first being 1.
    #[must_use]
    pub fn pass(&self, number: u32, of: u32) -> Self {
        Self { pass: (number, of), ..self.clone() }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.asked.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}
