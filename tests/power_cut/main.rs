//! Power cuts: nothing that was acknowledged is lost, and a control that must lose something shows
//! that the cuts are real.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cairn;
mod rosters;
mod rows;
