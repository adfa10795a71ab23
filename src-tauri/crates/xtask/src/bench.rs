//! `cargo xtask bench`: builds in release, measures slice by slice, writes `docs/benchmarks.md`.

mod machine;
mod page;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::{graph, shell};

/// The program that measures.
const PROGRAM: &str = "cairn-bench";

/// What it needs beside it.
const PROGRAMS: &[&str] = &[PROGRAM, "cairn", "cairn-service", "sim"];
/// What the window is held against.
const EMPTY_WINDOW: &str = "empty-window";

/// Parts of the page in its order, each one run of [`PROGRAM`]: name and heading.
const SLICES: &[(&str, &str)] = &[
    ("write", "A local write"),
    ("sync", "From laptop to laptop, against the floor"),
    ("anki", "From laptop to laptop, against Anki"),
    ("cipher", "Encryption"),
    ("service", "The service"),
    ("simulator", "The simulator"),
    ("growth", "How it grows"),
    ("windows", "The window"),
    ("imports", "A check of an import"),
    ("rosters", "An import, from files to laptops"),
];

/// See `cargo xtask bench --help`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Measure only these: write, sync, anki, cipher, service, simulator, growth, windows, imports,
    /// rosters. The
    /// page keeps what earlier runs of this checkout measured of the others.
    #[arg(long, value_name = "SLICE", value_delimiter = ',')]
    pub only: Vec<String>,

    /// Tiny sizes in a debug build: whether everything works. Writes no page.
    #[arg(long)]
    pub quick: bool,

    /// The date on the page, `YYYY-MM-DD`; today's where not given.
    #[arg(long)]
    pub date: Option<String>,

    /// Measure nothing; write the page from what earlier runs measured.
    #[arg(long, conflicts_with = "quick")]
    pub page: bool,
}

/// Measures and writes the page.
///
/// # Errors
/// Something does not build, a measurement fails, or the page cannot be written.
pub fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|name| SLICES.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = SLICES.iter().map(|(name, _)| *name).collect();
        bail!("there is no slice `{unknown}`; there are: {}", known.join(", "));
    }
    let metadata = graph::load()?;
    let folder = graph::target(&metadata).join("bench");
    fs::create_dir_all(&folder)?;
    let date = match &options.date {
        Some(date) => date.clone(),
        None => shell::output(Command::new("date").args(["-u", "+%F"]))?,
    };
    if !options.page {
        let programs = build(&graph::target(&metadata), options.quick)?;
        for (name, _) in SLICES {
            if options.only.is_empty() || options.only.iter().any(|only| only == name) {
                let result = measure(&programs, &folder, name, options.quick)?;
                if !options.quick {
                    keep(&folder, name, &date, result)?;
                }
            }
        }
    }
    if options.quick {
        return Ok(());
    }
    let page = page::write(SLICES, &kept(&folder)?, &machine::facts()?);
    Ok(fs::write(graph::root(&metadata).join("docs/benchmarks.md"), page)?)
}

/// Builds what measures and what is measured; gives the folder of the programs.
fn build(target: &Path, quick: bool) -> Result<PathBuf> {
    let mut cargo = shell::cargo();
    // The whole workspace's choice of features: what is measured is what ships.
    cargo.args(["build", "--locked", "--workspace"]);
    cargo.args(PROGRAMS.iter().flat_map(|program| ["--bin", program])).args(["--example", EMPTY_WINDOW]);
    if !quick {
        cargo.arg("--release");
    }
    shell::run(&mut cargo)?;
    Ok(target.join(if quick { "debug" } else { "release" }))
}

/// Runs one slice. What it says on its standard error goes to the terminal.
fn measure(programs: &Path, folder: &Path, name: &str, quick: bool) -> Result<Value> {
    let load = machine::load();
    let mut command = Command::new(programs.join(PROGRAM));
    command.arg(name).arg("--folder").arg(folder);
    if quick {
        command.arg("--quick");
    }
    println!("\n=== {name} (load before: {load})");
    let output = command.stderr(Stdio::inherit()).output().context("the bench does not start")?;
    if !output.status.success() {
        bail!("`{name}` ended with {}", output.status);
    }
    let report: Value = serde_json::from_slice(&output.stdout)?;
    println!("{}", page::measured(&report));
    Ok(json!({ "report": report, "load": [load, machine::load()] }))
}

fn keep(folder: &Path, name: &str, date: &str, mut result: Value) -> Result<()> {
    result["date"] = date.into();
    Ok(fs::write(folder.join(name).with_extension("json"), serde_json::to_vec_pretty(&result)?)?)
}

/// What was measured, in the order of [`SLICES`]; null where nothing was.
fn kept(folder: &Path) -> Result<Vec<Value>> {
    let read = |(name, _): &(&str, &str)| match fs::read(folder.join(name).with_extension("json")) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error.into()),
    };
    SLICES.iter().map(read).collect()
}
