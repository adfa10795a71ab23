//! Rules over the dependency graph, each with its reason. `cargo xtask lint` applies all of them;
//! the direction of the internal arrows is also a test of its own in `tests/`.

use std::collections::BTreeMap;
use std::fmt;

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};

use crate::spdx;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// What was found, with the package's name and version.
    pub found: String,
    /// Why it is not allowed.
    pub reason: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.found, self.reason)
    }
}

fn violation(found: String, reason: &str) -> Violation {
    Violation { found, reason: reason.to_owned() }
}

/// All rules together, sorted.
#[must_use]
pub fn check(metadata: &Metadata) -> Vec<Violation> {
    let mut found = licences(metadata);
    found.extend(sources(metadata));
    found.extend(bans(metadata));
    found.extend(owners(metadata));
    found.extend(features(metadata));
    found.extend(plants(metadata));
    found.extend(arrows(metadata));
    found.sort();
    found
}

/// Licences that an Apache-2.0 program may link, with what each asks of us.
const LICENCES: &[(&str, &str)] = &[
    ("0BSD", "asks nothing"),
    ("Apache-2.0", "our own"),
    ("Apache-2.0 WITH LLVM-exception", "our own, with one duty less"),
    ("BSD-2-Clause", "notice"),
    ("BSD-3-Clause", "notice"),
    ("BSL-1.0", "notice, in source only"),
    ("CDLA-Permissive-2.0", "data (root certificates); notice"),
    ("ISC", "notice"),
    ("MIT", "notice"),
    ("MPL-2.0", "file-level copyleft: used unchanged, from the registry"),
    ("Unicode-3.0", "notice; Unicode tables"),
    ("Unlicense", "asks nothing"),
    ("Zlib", "notice"),
];

/// Every package outside the workspace has a licence that can be met with [`LICENCES`].
#[must_use]
pub fn licences(metadata: &Metadata) -> Vec<Violation> {
    let allowed = |licence: &str| LICENCES.iter().any(|(name, _)| *name == licence);
    let refused = |package: &&Package| {
        !package.license.as_deref().is_some_and(|licence| spdx::is_met(licence, &allowed))
    };
    metadata
        .packages
        .iter()
        .filter(refused)
        .map(|package| {
            let licence = package.license.as_deref().unwrap_or("no licence field");
            violation(
                format!("{} ({licence})", label(package)),
                "its licence is not on the list in policy.rs",
            )
        })
        .collect()
}

/// Packages come from this repository or from the crates registry, never from a git address or a
/// folder elsewhere: those can change under a locked version, and have no checksum.
#[must_use]
pub fn sources(metadata: &Metadata) -> Vec<Violation> {
    let root = &metadata.workspace_root;
    metadata
        .packages
        .iter()
        .filter(|package| match &package.source {
            Some(source) => !source.is_crates_io(),
            None => !package.manifest_path.starts_with(root),
        })
        .map(|package| {
            violation(
                format!(
                    "{} from {}",
                    label(package),
                    package.source.as_ref().map_or("a folder", |s| &s.repr)
                ),
                "only the crates registry has checksums that Cargo.lock pins",
            )
        })
        .collect()
}

/// Which versions of a banned crate are meant.
enum Versions {
    All,
    /// Every version but this major one.
    AllBut(u64),
    /// Versions 0.x below 0.`n`.
    ZeroBelow(u64),
}

/// Crates that may not be in the graph at all.
const BANS: &[(&str, Versions, &str)] = &[
    ("openssl", Versions::All, "TLS is rustls; OpenSSL serves only as SQLCipher's cipher, built in"),
    ("native-tls", Versions::All, "TLS is rustls, the same on every platform"),
    ("hyper-tls", Versions::All, "TLS is rustls, the same on every platform"),
    ("tokio-native-tls", Versions::All, "TLS is rustls, the same on every platform"),
    ("postgres-native-tls", Versions::All, "TLS is rustls, the same on every platform"),
    ("aws-lc-rs", Versions::All, "rustls runs on ring here; a second provider panics at the first handshake"),
    ("sqlx", Versions::All, "it and rusqlite fight over links = \"sqlite3\""),
    ("sqlx-core", Versions::All, "it and rusqlite fight over links = \"sqlite3\""),
    ("diesel", Versions::All, "it and rusqlite fight over links = \"sqlite3\""),
    ("tauri", Versions::AllBut(2), "pinned to 2.x; 3.0 is published as alpha only"),
    ("tauri-build", Versions::AllBut(2), "pinned to 2.x; 3.0 is published as alpha only"),
    ("time", Versions::ZeroBelow(3), "0.1 and 0.2 read the environment unsoundly (RUSTSEC-2020-0071)"),
    ("chrono", Versions::AllBut(0), "not reviewed yet"),
    ("chrono", Versions::ZeroBelow(4), "older releases lean on time 0.1"),
    ("async-std", Versions::All, "discontinued; the runtime is tokio"),
    ("failure", Versions::All, "abandoned; errors are thiserror and anyhow"),
    ("serde_yaml", Versions::All, "archived; data files are TOML or JSON"),
    ("atty", Versions::All, "abandoned, unsound; std has IsTerminal"),
];

/// No crate of [`BANS`] is anywhere in the graph.
#[must_use]
pub fn bans(metadata: &Metadata) -> Vec<Violation> {
    let banned = |package: &Package| {
        BANS.iter()
            .filter(|(name, versions, _)| *name == package.name.as_str() && versions.hold(package))
            .map(|(_, _, reason)| violation(format!("{} is banned", label(package)), reason))
            .collect::<Vec<_>>()
    };
    linked(metadata).flat_map(banned).collect()
}

impl Versions {
    fn hold(&self, package: &Package) -> bool {
        let version = &package.version;
        match self {
            Self::All => true,
            Self::AllBut(major) => version.major != *major,
            Self::ZeroBelow(minor) => version.major == 0 && version.minor < *minor,
        }
    }
}

/// Crates that only some of our packages may name directly.
const OWNERS: &[(&str, &[&str], &str)] = &[
    ("tauri", &["cairn"], "only the root package names Tauri; everything else runs without a window"),
    ("tauri-build", &["cairn"], "only the root package names Tauri"),
    ("tokio-postgres", &["cairn-service"], "only the service names PostgreSQL"),
    ("deadpool-postgres", &["cairn-service"], "only the service names PostgreSQL"),
    ("axum", &["cairn-service"], "only the service listens"),
    ("reqwest", &["cairn-sync"], "one door to the network: the driver of the sync engine"),
    ("keyring", &["cairn-app", "cairn-tests"], "one door to the system keyring: the Host trait's adapter"),
    ("calamine", &["cairn-imports"], "one door to workbooks, where a panic of theirs is contained"),
    ("zip", &["cairn-imports"], "one door to archives, where what they expand to is counted"),
    ("notify-rust", &["cairn"], "one door to the desktop's notifications"),
    ("tauri-plugin-updater", &["cairn"], "one door to installing packages"),
    ("minisign-verify", &["cairn-app"], "what may be installed is decided in one place"),
    (
        "clap",
        &["cairn", "cairnctl", "cairn-service", "cairn-testkit", "cairn-tests", "cairn-bench", "xtask"],
        "programs only",
    ),
    ("fantoccini", &["cairn-tests"], "drives windows in tests"),
    ("uuid", &[], "everything is named after the op that made it; there is no second kind of id"),
];

/// Crates of [`OWNERS`] that the tests of another package may name all the same: no program that
/// ships holds a dev-dependency.
const IN_TESTS: &[(&str, &str, &str)] =
    &[("cairn", "axum", "the test bridge puts the core before a browser on this machine")];

/// Every crate of [`OWNERS`] is named only by its owners.
#[must_use]
pub fn owners(metadata: &Metadata) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            let broken = OWNERS.iter().filter(|(name, owners, _)| {
                *name == dependency.name
                    && !owners.contains(&package.name.as_str())
                    && !(dependency.kind == DependencyKind::Development
                        && IN_TESTS
                            .iter()
                            .any(|(who, what, _)| *who == package.name.as_str() && what == name))
            });
            found.extend(
                broken.map(|(name, _, reason)| violation(format!("{} names {name}", package.name), reason)),
            );
        }
    }
    found
}

/// Features a crate must have been resolved with.
const FEATURES: &[(&str, &str, &str)] = &[
    (
        "libsqlite3-sys",
        "bundled-sqlcipher-vendored-openssl",
        "the system's SQLite has no encryption and any age",
    ),
    ("openssl-sys", "vendored", "OpenSSL is linked in, never the one the machine happens to have"),
];

/// Crates that must not read the machine's own libraries are built with their own copy.
#[must_use]
pub fn features(metadata: &Metadata) -> Vec<Violation> {
    let missing = |package: &Package| {
        let node = node(metadata, &package.id);
        FEATURES
            .iter()
            .filter(|(name, feature, _)| {
                *name == package.name.as_str()
                    && !node.is_some_and(|node| node.features.iter().any(|f| f.as_str() == *feature))
            })
            .map(|(_, feature, reason)| {
                violation(format!("{} without feature {feature}", label(package)), reason)
            })
            .collect::<Vec<_>>()
    };
    linked(metadata).flat_map(missing).collect()
}

/// The feature that makes the simulator's planted bugs possible.
const PLANTED: &str = "planted";

/// Only the simulator asks for planted bugs, and by [`ARROWS`] nothing that ships stands on it. A crate
/// hands the feature on to those below it; that is not asking.
#[must_use]
pub fn plants(metadata: &Metadata) -> Vec<Violation> {
    let asks = |package: &&&Package| {
        let by_default = package.features.get("default").is_some_and(|on| on.iter().any(|f| f == PLANTED));
        by_default || package.dependencies.iter().any(|d| d.features.iter().any(|f| f == PLANTED))
    };
    let members = metadata.workspace_packages();
    let others = members.iter().filter(|package| package.name.as_str() != TESTKIT).filter(asks);
    others
        .map(|package| {
            violation(
                format!("{} asks for {PLANTED}", package.name),
                "planted bugs are for the simulator alone",
            )
        })
        .collect()
}

const DOMAIN: &str = "cairn-domain";
const PROTOCOL: &str = "cairn-protocol";
const STORE: &str = "cairn-store";
const SYNC: &str = "cairn-sync";
const IMPORTS: &str = "cairn-imports";
const DIAGNOSTICS: &str = "cairn-diagnostics";
const APP: &str = "cairn-app";
const SERVICE: &str = "cairn-service";
const TESTKIT: &str = "cairn-testkit";

/// "Arrows point inward": shell, ctl -> app -> {sync, imports, diagnostics, store} -> protocol ->
/// domain; service -> {protocol, domain, imports}. What stands further in may be named from any
/// ring outside it. The programs that test or measure the others stand outside all of them.
const ARROWS: &[(&str, &[&str])] = &[
    (DOMAIN, &[]),
    (PROTOCOL, &[DOMAIN]),
    (STORE, &[PROTOCOL, DOMAIN]),
    (SYNC, &[PROTOCOL, DOMAIN]),
    (IMPORTS, &[PROTOCOL, DOMAIN]),
    (DIAGNOSTICS, &[PROTOCOL, DOMAIN]),
    (APP, &[SYNC, IMPORTS, DIAGNOSTICS, STORE, PROTOCOL, DOMAIN]),
    ("cairn", &[APP, SYNC, IMPORTS, DIAGNOSTICS, STORE, PROTOCOL, DOMAIN]),
    ("cairnctl", &[APP, SYNC, IMPORTS, DIAGNOSTICS, STORE, PROTOCOL, DOMAIN]),
    (SERVICE, &[IMPORTS, PROTOCOL, DOMAIN]),
    (TESTKIT, &[APP, SYNC, IMPORTS, DIAGNOSTICS, STORE, SERVICE, PROTOCOL, DOMAIN]),
    ("cairn-tests", &[TESTKIT, APP, SYNC, IMPORTS, DIAGNOSTICS, STORE, SERVICE, PROTOCOL, DOMAIN, "xtask"]),
    ("cairn-bench", &[APP, SYNC, IMPORTS, DIAGNOSTICS, STORE, SERVICE, PROTOCOL, DOMAIN, "cairn-tests"]),
    ("xtask", &[]),
];

/// Arrows between peers of one ring that are allowed all the same, with the reason.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    (SYNC, STORE, "the driver applies a page and moves the cursor in one transaction of the store"),
    (
        SERVICE,
        STORE,
        "service and laptops make rosters with the same code (ADR 13); it takes nothing but `roster`",
    ),
];

const INWARD: &str = "arrows point inward (docs/ARCHITECTURE.md)";

/// Packages of the workspace depend on each other only as [`ARROWS`] says. Tests of a package
/// (dev-dependencies) may also use the test kit.
#[must_use]
pub fn arrows(metadata: &Metadata) -> Vec<Violation> {
    let rules: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let members: Vec<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(inner) = rules.get(package.name.as_str()) else {
            found.push(violation(format!("{} has no place in policy.rs", package.name), INWARD));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let is_fine = !members.contains(&name)
                || inner.contains(&name)
                || SIDEWAYS.iter().any(|(from, to, _)| *from == package.name.as_str() && *to == name)
                || (dependency.kind == DependencyKind::Development && name == TESTKIT);
            if !is_fine {
                found.push(violation(format!("{} -> {name}", package.name), INWARD));
            }
        }
    }
    found
}

/// Packages that are really resolved: cargo also lists optional ones nobody turned on.
fn linked(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.packages.iter().filter(|package| node(metadata, &package.id).is_some())
}

fn node<'a>(metadata: &'a Metadata, id: &PackageId) -> Option<&'a Node> {
    metadata.resolve.as_ref()?.nodes.iter().find(|node| node.id == *id)
}

fn label(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::{Value, json};

    use super::*;

    /// One package as `cargo metadata` writes it; `over` replaces fields.
    fn package(name: &str, version: &str, over: Value) -> Value {
        let mut package = json!({
            "name": name, "version": version, "id": format!("{name}@{version}"),
            "license": "MIT", "source": "registry+https://github.com/rust-lang/crates.io-index",
            "dependencies": [], "targets": [], "features": {},
            "manifest_path": format!("/registry/{name}/Cargo.toml"),
        });
        for (key, value) in over.as_object().unwrap() {
            package[key] = value.clone();
        }
        package
    }

    /// A member of the workspace that names `dependencies` as (crate, kind).
    fn member(name: &str, dependencies: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, kind)| {
                json!({
                    "name": name, "req": "*", "kind": kind, "optional": false,
                    "uses_default_features": true, "features": [],
                })
            })
            .collect();
        let over = json!({
            "source": null, "dependencies": dependencies, "manifest_path": format!("/repo/{name}/Cargo.toml"),
        });
        package(name, "0.1.0", over)
    }

    fn graph(packages: Vec<Value>) -> Metadata {
        let id = |package: &Value| package["id"].clone();
        let members: Vec<Value> = packages.iter().filter(|p| p["source"].is_null()).map(id).collect();
        let nodes: Vec<Value> = packages
            .iter()
            .map(|p| json!({"id": p["id"], "deps": [], "dependencies": [], "features": []}))
            .collect();
        let graph = json!({
            "packages": packages, "workspace_members": members, "resolve": {"nodes": nodes, "root": null},
            "workspace_root": "/repo", "target_directory": "/repo/target", "version": 1,
        });
        serde_json::from_value(graph).unwrap()
    }

    fn found(violations: Vec<Violation>) -> Vec<String> {
        violations.into_iter().map(|violation| violation.found).collect()
    }

    #[test]
    fn an_arrow_that_points_outward_is_found() {
        let graph = graph(vec![member(DOMAIN, &[(STORE, None)]), member(STORE, &[(DOMAIN, None)])]);
        assert_eq!(found(arrows(&graph)), ["cairn-domain -> cairn-store"]);
    }

    #[test]
    fn tests_may_use_the_test_kit_and_products_may_not() {
        let graph = graph(vec![
            member(TESTKIT, &[]),
            member(STORE, &[(TESTKIT, Some("dev"))]),
            member(APP, &[(TESTKIT, None)]),
        ]);
        assert_eq!(found(arrows(&graph)), ["cairn-app -> cairn-testkit"]);
    }

    #[test]
    fn a_member_without_a_place_is_found() {
        assert_eq!(found(arrows(&graph(vec![member("new", &[])]))), ["new has no place in policy.rs"]);
    }

    #[test]
    fn only_owners_name_a_crate() {
        let graph = graph(vec![member(APP, &[("tauri", None)]), member("cairn", &[("tauri", None)])]);
        assert_eq!(found(owners(&graph)), ["cairn-app names tauri"]);
    }

    #[test]
    fn only_its_tests_may_name_what_a_package_does_not_own() {
        let graph =
            graph(vec![member("cairn", &[("axum", Some("dev"))]), member(APP, &[("axum", Some("dev"))])]);
        assert_eq!(found(owners(&graph)), ["cairn-app names axum"]);
        let graph = self::graph(vec![member("cairn", &[("axum", None)])]);
        assert_eq!(found(owners(&graph)), ["cairn names axum"]);
    }

    #[test]
    fn banned_crates_and_versions_are_found() {
        let graph = graph(vec![
            package("sqlx", "0.8.0", json!({})),
            package("tauri", "2.9.0", json!({})),
            package("tauri", "3.0.0", json!({})),
            package("time", "0.1.45", json!({})),
            package("time", "0.3.40", json!({})),
        ]);
        assert_eq!(
            found(bans(&graph)),
            ["sqlx 0.8.0 is banned", "tauri 3.0.0 is banned", "time 0.1.45 is banned"]
        );
    }

    #[test]
    fn licences_off_the_list_are_found() {
        let graph = graph(vec![
            package("good", "1.0.0", json!({"license": "GPL-3.0 OR MIT"})),
            package("bad", "1.0.0", json!({"license": "GPL-3.0"})),
            package("silent", "1.0.0", json!({"license": null})),
        ]);
        assert_eq!(found(licences(&graph)), ["bad 1.0.0 (GPL-3.0)", "silent 1.0.0 (no licence field)"]);
    }

    #[test]
    fn sources_outside_the_registry_are_found() {
        let graph = graph(vec![
            member(DOMAIN, &[]),
            package("git", "1.0.0", json!({"source": "git+https://example.org/git"})),
            package("folder", "1.0.0", json!({"source": null, "manifest_path": "/elsewhere/Cargo.toml"})),
        ]);
        assert_eq!(
            found(sources(&graph)),
            ["git 1.0.0 from git+https://example.org/git", "folder 1.0.0 from a folder"]
        );
    }

    #[test]
    fn planted_bugs_are_for_the_simulator_alone() {
        let mut asking = member(STORE, &[]);
        asking["features"] = json!({"planted": ["cairn-domain/planted"], "default": ["planted"]});
        let mut handing_on = member(SYNC, &[]);
        handing_on["features"] = json!({"planted": ["cairn-domain/planted"]});
        let with = |name: &str| {
            let mut package = member(name, &[(DOMAIN, None)]);
            package["dependencies"][0]["features"] = json!([PLANTED]);
            package
        };
        let graph = graph(vec![asking, handing_on, with(APP), with(TESTKIT)]);
        assert_eq!(found(plants(&graph)), ["cairn-store asks for planted", "cairn-app asks for planted"]);
    }

    #[test]
    fn a_library_of_the_machine_is_found() {
        let graph = graph(vec![package("openssl-sys", "0.9.0", json!({}))]);
        assert_eq!(found(features(&graph)), ["openssl-sys 0.9.0 without feature vendored"]);
    }
}
