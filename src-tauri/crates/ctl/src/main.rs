//! `cairnctl`: the use cases of Cairn without a window.

mod args;
mod imports;
mod run;

use std::process::ExitCode;

use clap::Parser;

/// Texts and small lists come and go by the million where much is synchronised: half as long with this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::Cli::try_parse() {
        Ok(cli) => run::main(cli),
        Err(error) => run::not_a_command(&error),
    }
}
