//! `cairn`, the desktop app. Everything happens in the library, so that tests can reach it.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use cairn_desktop::Ended;
use clap::Parser;

#[allow(clippy::print_stderr, reason = "a second start says on the terminal why it ends")]
fn main() -> anyhow::Result<()> {
    if cairn_desktop::run(cairn_desktop::Options::parse())? == Ended::OpenAlready {
        eprintln!("Cairn is open on this profile already. Its window was asked to come to the front.");
    }
    Ok(())
}
