//! References that are Python packages, and what any program costs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Runs a program and prints what it took.
const MEASURE: &str = include_str!("measure.py");

/// A Python that has this release of a package from PyPI; `tools` keeps it for the next time.
///
/// # Errors
/// Python has no `venv`, or the package cannot be installed.
pub fn with(tools: &Path, package: &str, version: &str) -> Result<PathBuf> {
    let folder = std::path::absolute(tools)?.join(format!("{package}-{version}"));
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    if !ready.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let package = format!("{package}=={version}");
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]))?;
        std::fs::write(&ready, "")?;
    }
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What a program took from its start to its end.
#[derive(Debug, Clone, Deserialize)]
pub struct Cost {
    /// Milliseconds.
    pub ms: f64,
    /// Milliseconds of all its threads on processors.
    pub cpu_ms: f64,
    /// The most memory it had at once, in MiB.
    pub mib: f64,
    /// What it printed.
    pub said: String,
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or does not end with 0.
pub fn cost(command: &Command) -> Result<Cost> {
    let mut measure = Command::new("python3");
    measure.args(["-c", MEASURE]).arg(command.get_program()).args(command.get_args());
    Ok(serde_json::from_str(&succeed(&mut measure)?)?)
}
