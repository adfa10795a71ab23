//! The store against a service in memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audit;
mod backup;
mod changes;
mod converge;
mod export;
mod fake;
mod keys;
mod newer;
mod notices;
mod processes;
mod recovery;
mod roster;
mod rounds;
