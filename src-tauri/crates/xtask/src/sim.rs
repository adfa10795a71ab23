//! `cargo xtask sim`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{graph, shell};

/// Package and program of the simulator.
pub(crate) const SIMULATOR: (&str, &str) = ("cairn-testkit", "sim");

/// What the simulator is asked to do; see `cargo xtask sim --help`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How many seeds to run, one after another.
    #[arg(long, default_value_t = 10_000)]
    pub seeds: u64,

    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub first: u64,

    /// Run the planted bugs instead, and print `caught` or `not caught` for each.
    #[arg(long)]
    pub planted: bool,
}

impl Options {
    /// The same words for the simulator's own program.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut words =
            vec!["--seeds".to_owned(), self.seeds.to_string(), "--first".to_owned(), self.first.to_string()];
        if self.planted {
            words.push("--planted".to_owned());
        }
        words
    }
}

/// Builds and runs the simulator.
///
/// # Errors
/// This checkout has no simulator, it does not build, or a seed fails.
pub fn run(options: &Options) -> Result<()> {
    let (package, program) = SIMULATOR;
    let metadata = graph::load()?;
    if !graph::has_program(&metadata, package, program) {
        bail!("this checkout has no simulator (program `{program}` of {package})");
    }
    let mut cargo = shell::cargo();
    // The whole workspace's choice of features, so that nothing outside it is built a second time.
    cargo.args(["build", "--locked", "--quiet", "--workspace", "--bin", program]);
    shell::run(&mut cargo)?;
    run_built(&graph::target(&metadata).join("debug").join(program), options)
}

/// Runs the simulator that is already built.
///
/// # Errors
/// A seed fails.
pub fn run_built(program: &Path, options: &Options) -> Result<()> {
    shell::run(Command::new(program).args(options.arguments()))
}
