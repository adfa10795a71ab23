//! The simulator: several laptops, one service, a bad network, and one seed for all of it.
//!
//! A run is single-threaded and its time is virtual, so a seed repeats it exactly: the same
//! schedule, the same ids, the same heads. The databases are real (SQLCipher files of
//! [`cairn_store`], SQLite files of [`cairn_service`]), on tmpfs where there is one; only the wire
//! is made up. [`run`] makes one run; the program `sim` makes many.
//!
//! - [`base`] makes what every run starts from: accounts, tenants, an empty laptop.
//! - [`world`] holds a run; [`acts`] is what people do, [`faults`] what goes wrong, [`wire`] the
//!   network, [`device`] a laptop. [`imports`] is what they do with the plans of [`plan`], in one run of
//!   three.
//! - [`check`] heals the world and says whether every promise held; [`oracle`] knows which values
//!   must survive without knowing how cells work, and [`rosters`] what a roster must be without knowing
//!   how versions do.
//! - [`planted`] proves that the checks see faults: each planted bug must be caught.

pub mod acts;
pub mod base;
pub mod check;
pub mod device;
pub mod faults;
pub mod imports;
pub mod oracle;
pub mod plan;
pub mod planted;
pub mod rosters;
#[cfg(test)]
mod scripted;
pub mod wire;
pub mod world;

pub use base::Base;
pub use world::{Failure, Report, Seed, run};
