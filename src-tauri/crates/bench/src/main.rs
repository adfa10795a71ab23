//! `cairn-bench <slice> --folder <dir>`: measures one part of the product beside its reference, in
//! turn, and prints the figures as JSON. `cargo xtask bench` builds it in release, runs all slices
//! and writes `docs/benchmarks.md`.
#![allow(clippy::print_stdout, reason = "a program that reports prints")]

mod anki;
mod bare;
mod child;
mod cipher;
mod growth;
mod harness;
mod imports;
mod postgres;
mod pushes;
mod python;
mod report;
mod rosters;
mod simulator;
mod stage;
mod sync;
mod windows;
mod write;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

use crate::report::Report;

/// Measures one part of the product beside its reference.
#[derive(Debug, Parser)]
struct Options {
    /// What to measure.
    slice: Slice,
    /// Where databases and tools go: on the kind of disk that counts, never on tmpfs. What is
    /// measured lies in folders of its own in there and is removed again; tools stay.
    #[arg(long)]
    folder: PathBuf,
    /// Tiny sizes: whether it works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// For the hidden slices.
    #[arg(last = true, hide = true)]
    words: Vec<String>,
}

/// The parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Slice {
    /// A local write against a bare transaction.
    Write,
    /// 10,000 ops, one op and nothing at all, laptop to laptop, against the floor.
    Sync,
    /// The same against Anki.
    Anki,
    /// Queries with a key and without.
    Cipher,
    /// Pushes per second against pgbench.
    Service,
    /// Ops per second in the simulator.
    Simulator,
    /// From 10 to 1,000 tenants and from 1,000 to 1,000,000 ops.
    Growth,
    /// The real window against an empty one.
    Windows,
    /// A check of a million rows against DuckDB.
    Imports,
    /// An import of a million rows after its check.
    Rosters,
    /// References, in a process of their own; see [`child`].
    #[value(hide = true)]
    BareWrites,
    #[value(hide = true)]
    BareTrips,
    #[value(hide = true)]
    Queries,
    #[value(hide = true)]
    CheckSet,
    #[value(hide = true)]
    LoadSet,
    #[value(hide = true)]
    RosterSteps,
    #[value(hide = true)]
    BareUpdate,
    #[value(hide = true)]
    PlanPages,
}

/// Whether sizes are those of the page or tiny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Those of the page.
    Whole,
    /// Tiny ones.
    Quick,
}

impl Size {
    /// The one or the other.
    pub fn of(self, whole: usize, quick: usize) -> usize {
        match self {
            Self::Whole => whole,
            Self::Quick => quick,
        }
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let size = if options.quick { Size::Quick } else { Size::Whole };
    std::fs::create_dir_all(&options.folder)?;
    let work = tempfile::Builder::new().prefix("run-").tempdir_in(&options.folder)?;
    let said = match child::answer(options.slice, work.path(), &options.words)? {
        Some(answer) => answer,
        None => serde_json::to_value(measure(options.slice, work.path(), &options.folder, size)?)?,
    };
    println!("{said}");
    Ok(())
}

fn measure(slice: Slice, work: &Path, tools: &Path, size: Size) -> Result<Report> {
    match slice {
        Slice::Write => write::run(work, size),
        Slice::Sync => sync::run(work, size),
        Slice::Anki => anki::run(work, tools, size),
        Slice::Cipher => cipher::run(work, size),
        Slice::Service => pushes::run(work, size),
        Slice::Simulator => simulator::run(size),
        Slice::Growth => growth::run(work, size),
        Slice::Windows => windows::run(work, size),
        Slice::Imports => imports::run(work, tools, size),
        Slice::Rosters => rosters::run(work, size),
        Slice::BareWrites
        | Slice::BareTrips
        | Slice::Queries
        | Slice::CheckSet
        | Slice::LoadSet
        | Slice::RosterSteps
        | Slice::BareUpdate
        | Slice::PlanPages => {
            bail!("this slice belongs to another")
        }
    }
}
