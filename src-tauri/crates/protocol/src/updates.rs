//! What a service offers to computers that want a newer Cairn; docs/updates.md tells the rules.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The largest signed manifest that is read, in bytes.
pub const MAX_MANIFEST: u64 = 64 << 10;
/// The largest package that is read, in bytes.
pub const MAX_PACKAGE: u64 = 300 << 20;
/// How long a manifest may say that it is current, in days: after that, whoever holds an older one
/// back is noticed.
pub const LONGEST_DAYS: i64 = 30;
/// What a manifest says it is, so that nothing else signed with the same key passes for one.
pub const KIND: &str = "cairn-release";

/// A manifest as it is stored and sent: the text that was signed, byte for byte, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedManifest {
    /// [`Manifest`] as JSON.
    pub manifest: String,
    /// Signature of that text: a minisign file, in base64.
    pub signature: String,
}

/// The newest release for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`KIND`].
    pub kind: String,
    /// Semantic version.
    pub version: String,
    /// [`target`] of the computers it is for.
    pub target: String,
    /// Name of the package in the folder of releases.
    pub file: String,
    /// Bytes of the package.
    pub size: u64,
    /// SHA-256 of the package, in lower-case hex.
    pub sha256: String,
    /// Signature of the package: a minisign file, in base64. Its trusted comment names the version.
    pub signature: String,
    /// When it was signed.
    pub published: DateTime<Utc>,
    /// Until when it is current, at most [`LONGEST_DAYS`] after `published`.
    pub expires: DateTime<Utc>,
    /// What is new, in plain text.
    #[serde(default)]
    pub notes: String,
}

/// The computers that one package is for, such as `linux-x86_64-deb`.
#[must_use]
pub fn target(os: &str, arch: &str, package: &str) -> String {
    format!("{os}-{arch}-{package}")
}

/// Whether `name` names a file in a folder and nothing above or below it.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_name_files() {
        assert!(is_plain_name("cairn_0.2.0_amd64.deb"));
        for name in ["", "..", ".hidden", "../x", "a/b", "a\\b", "a b", "a%2fb", "ä", &"x".repeat(129)] {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
