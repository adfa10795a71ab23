//! `cairnctl`: the use cases of Cairn without a window.

mod adoption;
mod args;
mod imports;
mod progress;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Cli::try_parse() {
        Ok(cli) => run::main(cli),
        Err(error) => run::not_a_command(&error),
    }
}
