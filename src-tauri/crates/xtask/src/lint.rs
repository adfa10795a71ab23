//! `cargo xtask lint`: formatting, clippy, and the rules of [`policy`].

use anyhow::{Result, bail};

use crate::{graph, policy, shell};

/// All three, cheapest first.
///
/// # Errors
/// The first of the three that finds something.
pub fn run() -> Result<()> {
    quick()?;
    shell::run(shell::cargo().args(CLIPPY))
}

/// What takes seconds: formatting and the rules of [`policy`].
///
/// # Errors
/// The first of the two that finds something.
pub fn quick() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--", "--check"]))?;
    policies()
}

/// Clippy's arguments for cargo: everything there is, no warning forgiven.
pub const CLIPPY: &[&str] = &["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];

/// Licences, banned crates, sources, owners, features and internal arrows.
///
/// # Errors
/// At least one rule is broken; each is printed with its reason.
pub fn policies() -> Result<()> {
    let metadata = graph::load()?;
    let broken = policy::check(&metadata);
    for violation in &broken {
        println!("policy: {violation}");
    }
    if !broken.is_empty() {
        bail!("{} of the rules in policy.rs are broken", broken.len());
    }
    println!("policy: {} packages keep every rule", metadata.packages.len());
    Ok(())
}
