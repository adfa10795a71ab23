//! `cargo xtask`: see `cargo xtask --help`.
#![allow(clippy::print_stderr, reason = "the one place that reports a failure to the terminal")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, bundle, demo, lint, release, sim, system, test};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that CI runs, stage by stage, with minutes per stage.
    Test(test::Options),
    /// Formatting, clippy, and the rules over licences, crates, sources and internal arrows.
    Lint,
    /// Build, and open the desktop app (without a display: drive it under Xvfb).
    Demo(demo::Options),
    /// The many-device simulator.
    Sim(sim::Options),
    /// Make the package that people install.
    Bundle(bundle::Options),
    /// Sign packages and lay them out for the service to offer (docs/updates.md).
    #[command(subcommand)]
    Release(release::Command),
    /// Measures the product beside its references and writes docs/benchmarks.md.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Lint => lint::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Sim(options) => sim::run(&options),
        Command::Bundle(options) => bundle::run(&options),
        Command::Release(command) => release::run(&command),
        Command::Bench(options) => bench::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<system::Missing>() => {
            eprintln!("\n{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
