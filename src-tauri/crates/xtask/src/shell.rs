//! Running other programs: every command is printed before it starts, and a failure names it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Runs `command` with this terminal as its own; an exit code other than 0 is an error.
///
/// # Errors
/// The program cannot be started, or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// The standard output of `command`, trimmed.
///
/// # Errors
/// The program cannot be started, or does not succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The cargo that started this program, so that all stages use one toolchain.
#[must_use]
pub fn cargo() -> Command {
    Command::new(variable("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// The compiler beside that cargo.
#[must_use]
pub fn rustc() -> Command {
    Command::new(variable("RUSTC").unwrap_or_else(|| OsString::from("rustc")))
}

/// A variable of the environment.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "xtask is a program, not a library of the product")]
pub fn variable(name: &str) -> Option<OsString> {
    env::var_os(name)
}

/// Where on `PATH` (and in the places where Debian keeps root's programs) `program` is.
#[must_use]
pub fn which(program: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
}

/// `PATH` with `folder` before everything else.
///
/// # Errors
/// The folder's name holds a colon.
pub fn path_with(folder: &Path) -> Result<OsString> {
    let path = variable("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    Ok(env::join_paths(folders)?)
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
