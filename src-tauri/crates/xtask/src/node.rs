//! Node and the interface: `npm ci`, its checks and its build.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::stages::Outcome;
use crate::{shell, system};

/// What Vite 8 asks for; Debian 12 has 18.
const OLDEST_NODE: (u64, u64) = (20, 19);

/// Fetched from the npm registry when the machine's Node is too old.
const OWN_NODE: &str = "node@22";

/// Fetched when the machine has another npm: from 11 on, `npm ci` refuses a lock file that lacks
/// optional packages of other platforms, and not every registry has all of these.
const OWN_NPM: &str = "npm@10";

/// The npm major version that reads our lock file.
const NPM: &str = "10.";

/// Scripts of `ui/package.json` in the order of the stage; `build` has to be there.
const SCRIPTS: &[&str] = &["check", "lint", "test", "build"];

/// A Node that is new enough, as a `PATH`.
#[derive(Debug)]
pub struct Node {
    path: OsString,
}

/// Finds Node and npm, or brings what does not fit into `<target>/node`.
///
/// # Errors
/// There is no npm to fetch them with, or they cannot be fetched.
pub fn ensure(target: &Path) -> Result<Node> {
    let folder = target.join("node");
    let path = shell::path_with(&folder.join("node_modules/.bin"))?;
    let mut wanted = Vec::new();
    if !version(&path, "node").is_some_and(|version| is_new_enough(&version)) {
        wanted.push(OWN_NODE);
    }
    if !version(&path, "npm").is_some_and(|version| version.starts_with(NPM)) {
        wanted.push(OWN_NPM);
    }
    if !wanted.is_empty() {
        system::ensure_npm()?;
        fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).args(wanted);
        shell::run(&mut npm)?;
    }
    let node = version(&path, "node").context("the Node that npm brought does not start")?;
    let npm = version(&path, "npm").context("the npm that npm brought does not start")?;
    println!("node: {node}, npm: {npm}");
    Ok(Node { path })
}

/// Version of the first `program` on `path`, such as `v22.4.0`.
fn version(path: &OsString, program: &str) -> Option<String> {
    let file = std::env::split_paths(path).map(|folder| folder.join(program)).find(|file| file.exists())?;
    shell::output(Command::new(file).arg("--version").env("PATH", path)).ok()
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST_NODE,
        _ => false,
    }
}

/// The folder of the interface, with its `package.json`.
#[derive(Debug)]
pub struct Interface {
    folder: PathBuf,
    package: Value,
}

impl Interface {
    /// `None` when this checkout has no interface.
    ///
    /// # Errors
    /// `package.json` cannot be read.
    pub fn find(root: &Path) -> Result<Option<Self>> {
        let folder = root.join("ui");
        let file = folder.join("package.json");
        if !file.exists() {
            return Ok(None);
        }
        let package = serde_json::from_str(&fs::read_to_string(&file)?)
            .with_context(|| format!("{} is not JSON", file.display()))?;
        Ok(Some(Self { folder, package }))
    }

    /// `npm ci`, then every script of [`SCRIPTS`] that `package.json` has.
    ///
    /// # Errors
    /// The first script that fails.
    pub fn check_and_build(&self, node: &Node) -> Result<Outcome> {
        self.install(node)?;
        for script in SCRIPTS.iter().filter(|script| **script == "build" || self.has(script)) {
            self.npm(node, &["run", script])?;
        }
        Ok(Outcome::Done)
    }

    /// `npm ci` and the build alone.
    ///
    /// # Errors
    /// A package cannot be fetched, or the build fails.
    pub fn build(&self, node: &Node) -> Result<()> {
        self.install(node)?;
        self.npm(node, &["run", "build"])
    }

    fn has(&self, script: &str) -> bool {
        self.package["scripts"][script].is_string()
    }

    fn install(&self, node: &Node) -> Result<()> {
        self.npm(node, &["ci", "--no-audit", "--no-fund"])
    }

    fn npm(&self, node: &Node, arguments: &[&str]) -> Result<()> {
        let program =
            std::env::split_paths(&node.path).map(|folder| folder.join("npm")).find(|file| file.exists());
        let program = program.context("npm is not there")?;
        shell::run(node.program(&program)?.args(arguments).current_dir(&self.folder))
    }
}

impl Node {
    /// A script that runs on this Node.
    ///
    /// # Errors
    /// It is not there.
    pub fn program(&self, script: &Path) -> Result<Command> {
        if !script.exists() {
            bail!("{} is not there: npm ci has not run", script.display());
        }
        let mut command = Command::new(script);
        command.env("PATH", &self.path);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn debian_12_has_too_old_a_node() {
        for old in ["v18.20.4", "v20.18.3", "v8.0.0", "", "nonsense"] {
            assert!(!is_new_enough(old), "{old}");
        }
        for new in ["v20.19.0", "v22.1.0", "v100.0.0"] {
            assert!(is_new_enough(new), "{new}");
        }
    }
}
