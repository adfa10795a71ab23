//! The project's own commands: `cargo xtask test`, `lint`, `demo`, `sim`, `bench`, `bundle`,
//! `release`.
//!
//! A library beside the program, so that the rules over the dependency graph ([`policy`]) are also
//! ordinary tests.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program talks on the terminal")]

pub mod bench;
pub mod bundle;
pub mod demo;
pub mod graph;
pub mod lint;
pub mod node;
pub mod policy;
pub mod release;
pub mod shell;
pub mod sim;
pub mod spdx;
pub mod stages;
pub mod system;
pub mod test;
