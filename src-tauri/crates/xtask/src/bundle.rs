//! `cargo xtask bundle`: from a checkout to the package that people install.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::node::{self, Interface, Node};
use crate::system::{self, Need};
use crate::{graph, shell};

/// How to package; see `cargo xtask bundle --help`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Package a development build instead of an optimised one: for trying the package itself.
    #[arg(long)]
    pub debug: bool,

    /// Public half of the makers' key, as `cargo xtask release key` writes it. Without one the
    /// package does not update itself.
    #[arg(long, value_name = "FILE")]
    pub release_key: Option<PathBuf>,
}

/// Installs or names what is missing, builds, and packages for this system; says where it lies.
///
/// # Errors
/// Packages are missing, or something does not build.
pub fn run(options: &Options) -> Result<()> {
    let metadata = graph::load()?;
    let (root, target) = (graph::root(&metadata), graph::target(&metadata));
    system::ensure_packages(Need::Build)?;
    let node = node::ensure(&target)?;
    let interface = Interface::find(&root)?.context("there is no interface to package")?;
    interface.build(&node)?;
    let key = options.release_key.as_deref().map(config_with_key).transpose()?;
    build(options.debug, key.as_ref())?;
    let profile = if options.debug { "debug" } else { "release" };
    let package = package(&Parts { root: &root, programs: &target.join(profile), version: None }, &node)?;
    println!("\n{}", package.display());
    if options.release_key.is_none() {
        println!("It was built without a release key, so it does not update itself (docs/updates.md).");
    }
    Ok(())
}

/// The programs of the package, together, so that no library is built twice with other features; and
/// without the rest of the workspace, whose simulator wants planted bugs in what it shares with them.
fn build(debug: bool, config: Option<&Value>) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--locked", "--package", "cairn", "--package", "cairnctl", "--bins"]);
    if !debug {
        cargo.arg("--release");
    }
    if let Some(config) = config {
        cargo.env("TAURI_CONFIG", config.to_string());
    }
    shell::run(&mut cargo)
}

fn config_with_key(file: &Path) -> Result<Value> {
    let key = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(json!({ "plugins": { "updater": { "pubkey": key.trim() } } }))
}

/// What goes into a package.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// Folder of the built programs, `release` or `debug` in a target directory. The bundler writes
    /// into `cairn` itself which kind of package it comes from.
    pub programs: &'a Path,
    /// The version to write on it instead of the workspace's: for tests of upgrades.
    pub version: Option<&'a str>,
}

/// Packages programs that are built; gives the file.
///
/// # Errors
/// The bundler fails, or its package is not where it says.
pub fn package(parts: &Parts<'_>, node: &Node) -> Result<PathBuf> {
    let mut config = json!({
        "bundle": { "linux": { "deb": { "files": { "/usr/bin/cairnctl": parts.programs.join("cairnctl") } } } },
    });
    if let Some(version) = parts.version {
        config["version"] = json!(version);
    }
    let config = config.to_string();
    let mut words = vec!["bundle", "--ci", "--no-sign", "--bundles", "deb", "--config", &config];
    if parts.programs.ends_with("debug") {
        words.push("--debug");
    }
    let folder = parts.programs.join("bundle/deb");
    // What is left over from an earlier run would be taken for this one's.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let target = parts.programs.parent().context("the programs stand in no target directory")?;
    let mut bundler = node.program(&parts.root.join("ui/node_modules/.bin/tauri"))?;
    shell::run(bundler.args(words).current_dir(parts.root).env("CARGO_TARGET_DIR", target))?;
    let made = fs::read_dir(&folder).with_context(|| format!("{} is not there", folder.display()))?;
    let files = made.filter_map(|entry| Some(entry.ok()?.path()));
    let package = files.into_iter().find(|file| file.extension().is_some_and(|e| e == "deb"));
    package.with_context(|| format!("there is no package in {}", folder.display()))
}
