//! The rules of Cairn: journal, cells, playbooks, checklists and access.
//!
//! This crate does no I/O, knows no clock and starts no threads. Time, identity and randomness are
//! passed in, so every rule here runs the same in the service, on a laptop and in the simulator.
//!
//! The path of a change: an author's [`op::Op`] names a [`change::Change`] and, for each cell it
//! writes, the values its author saw. [`decide::touches`] says what must be loaded,
//! [`decide::decide`] judges it into [`effect::Effects`], and [`effect::project`] applies those
//! mechanically to [`cell::Cell`]s. Screens read the cells through [`checklist`].

pub mod access;
pub mod agenda;
pub mod cell;
pub mod change;
pub mod checked;
pub mod checklist;
pub mod decide;
pub mod digest;
pub mod effect;
pub mod hash;
pub mod id;
pub mod import;
pub mod journal;
pub mod notice;
pub mod op;
pub mod planted;
pub mod playbook;
pub mod seal;
pub mod undo;

pub use cell::{Cell, CellKey, Kept};
pub use change::Change;
pub use effect::{Effect, Effects};
pub use hash::Hash;
pub use id::{AccountId, DeviceId, Entity, OpId, ProjectId, TenantId};
pub use op::{Op, SealedOp};

/// A moment in time, always UTC. Cairn never reads a clock in this crate.
pub type Time = chrono::DateTime<chrono::Utc>;
