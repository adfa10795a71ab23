//! The workspace as cargo sees it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};

/// Packages, their features and who depends on whom, exactly as locked.
///
/// # Errors
/// Cargo cannot read the workspace, or `Cargo.lock` does not match the manifests.
pub fn load() -> Result<Metadata> {
    MetadataCommand::new()
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cargo metadata --locked failed; is Cargo.lock up to date?")
}

/// The root of the checkout.
#[must_use]
pub fn root(metadata: &Metadata) -> PathBuf {
    metadata.workspace_root.clone().into_std_path_buf()
}

/// Where cargo builds; tools that xtask fetches live in it too.
#[must_use]
pub fn target(metadata: &Metadata) -> PathBuf {
    metadata.target_directory.clone().into_std_path_buf()
}

/// A package of this workspace.
#[must_use]
pub fn member<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a Package> {
    metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name)
}

/// Whether a package of this workspace has a program of that name.
#[must_use]
pub fn has_program(metadata: &Metadata, package: &str, program: &str) -> bool {
    member(metadata, package).is_some_and(|package| {
        package.targets.iter().any(|target| target.name == program && target.kind.contains(&TargetKind::Bin))
    })
}
