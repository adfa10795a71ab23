//! What crosses the wire between a laptop and the service. Shapes only; docs/sync-protocol.md
//! tells the rules. Every field that a later version may leave out has a default.

pub mod auth;
pub mod error;
pub mod sealed;
pub mod sync;
pub mod updates;

pub use error::{ApiError, code};

/// The protocol version this code speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// The most ops one push run may hold.
pub const MAX_RUN: usize = 500;
/// The most entries one page of a tenant holds. Pages end where a run ends, so a page can be
/// longer by at most one run.
pub const MAX_PAGE: usize = 10_000;
/// The largest file of sealed work that is written or read, in bytes.
pub const MAX_SEALED: usize = 512 << 20;
/// The largest decompressed request body, in bytes.
pub const MAX_REQUEST: usize = 64 << 20;
