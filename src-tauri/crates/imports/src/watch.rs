//! Watching a run while it reads: how far it is, and whether it goes on.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

/// How far a run is. Files are read in several passes by what reads more than once, so that both
/// numbers may start again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read, headers among them.
    pub rows: u64,
    /// Bytes read, after unpacking. Sheets of workbooks count none.
    pub bytes: u64,
}

/// Who watches a run. The default is nobody.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Asked>>);

type Asked = dyn Fn(Progress) -> ControlFlow<()> + Send + Sync;

impl Watch {
    /// Calls `asked` with each piece that is read (some kilobytes, or some thousand rows of a sheet);
    /// a break ends the run with [`ImportError::Cancelled`](crate::ImportError::Cancelled).
    pub fn new(asked: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    /// Whether the run may go on.
    #[must_use]
    pub fn goes_on(&self, progress: Progress) -> bool {
        self.0.as_ref().is_none_or(|asked| asked(progress).is_continue())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}
