//! `cairnctl`: the use cases of Cairn without a window.

mod args;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            // Clap's own rendering: help and version to stdout, faults to stderr.
            if error.print().is_err() {
                return ExitCode::from(2);
            }
            return ExitCode::from(if wrong { 2 } else { 0 });
        }
    };
    run::main(cli)
}
