//! Writes a clean OneRoster 1.1 set of about ROWS rows to DIR, or checks what lies at PATH:
//! `oneroster-set write DIR ROWS` and `oneroster-set check PATH`. For measurements.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;

use cairn_imports::generate::{Set, write};
use cairn_imports::{Options, check};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", dir, rows] => {
            std::fs::create_dir_all(dir)?;
            write(Path::new(dir), &Set::of_rows(rows.parse()?, 1))?;
        }
        ["check", path] => {
            let report = check(Path::new(path), &Options::default())?;
            println!("{}", serde_json::to_string(&report.totals)?);
            println!("{}", serde_json::to_string(&report.problems)?);
        }
        _ => return Err("say 'write DIR ROWS' or 'check PATH'".into()),
    }
    Ok(())
}
