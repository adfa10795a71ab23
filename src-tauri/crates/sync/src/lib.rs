//! The laptop's side of synchronisation.
//!
//! [`engine::Engine`] is a state machine without I/O: it asks for one request at a time and is told
//! what came of it, so the simulator can lose, repeat and reorder every message. [`rosters`] does the
//! same for the files of imports and the rosters that are made of them. [`http::Client`]
//! carries the requests; [`backoff::Backoff`] says when to try again.

pub mod backoff;
pub mod batch;
pub mod engine;
pub mod http;
pub mod rosters;

pub use batch::Batch;
pub use engine::{Engine, Report, Step};
