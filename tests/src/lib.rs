//! Helpers for the whole-system tests: a desk (display, session bus, keyring, notifications), the
//! real window on it, and a disk whose power can be cut.
//!
//! Everything a helper starts ends with it. What a machine lacks is an error, never a skipped test.

pub mod acts;
pub mod bridge;
pub mod crash;
pub mod ctl;
pub mod desk;
pub mod door;
pub mod frame;
pub mod kept;
pub mod keyring;
pub mod picture;
pub mod power;
pub mod process;
pub mod revisions;
pub mod rows;
pub mod service;
pub mod still;
pub mod story;
pub mod tour;
pub mod tray;
pub mod window;
