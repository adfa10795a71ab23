//! Which releases of Cairn this computer accepts: everything between what the service offers and
//! handing a package to the system. Nothing here installs anything.
//!
//! The service only passes on what the makers signed, so it may be as hostile as it likes: a
//! manifest counts while it is signed, for this kind of computer, current and not older than one
//! that was seen before; a package counts when it has the size and the hash of that manifest.
//! docs/updates.md says what each rule is there against.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cairn_domain::Time;
use cairn_protocol::updates::{
    KIND, LONGEST_DAYS, MAX_MANIFEST, MAX_PACKAGE, Manifest, SignedManifest, is_plain_name,
};
use cairn_sync::http::Client;
use chrono::{DateTime, Duration, Utc};
use minisign_verify::{PublicKey, Signature};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{Result, fault};
use crate::files;

/// Name of the file in the profile directory that remembers what was seen.
const FILE: &str = "updates.json";

/// How far a manifest may be dated ahead of this computer's clock.
const CLOCKS_DIFFER: Duration = Duration::days(1);

/// What holds for every release on this computer.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The makers' public key: a minisign file, in base64.
    pub key: String,
    /// [`cairn_protocol::updates::target`] of this computer.
    pub target: String,
    /// The version that runs.
    pub running: Version,
}

/// The newest release this computer has seen; it only ever grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its version.
    pub version: Option<Version>,
    /// When its manifest was signed.
    pub published: Option<DateTime<Utc>>,
    /// When the service last showed a manifest that counts.
    pub checked: Option<DateTime<Utc>>,
}

/// A release that may be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    version: Version,
    manifest: Manifest,
}

impl Release {
    /// Its version.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// What its makers signed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether `package` is the one that the manifest names.
    ///
    /// # Errors
    /// `update_cut`, `update_changed`.
    pub fn check(&self, package: &[u8]) -> Result<()> {
        if package.len() as u64 != self.manifest.size {
            let (is, should) = (package.len(), self.manifest.size);
            return Err(refused("update_cut", &format!("The package has {is} bytes instead of {should}")));
        }
        if hex::encode(Sha256::digest(package)) != self.manifest.sha256 {
            return Err(refused("update_changed", "The package is not the one its makers signed"));
        }
        Ok(())
    }

    /// The same in the shape that the updater plugin restores an update from. Its address is never
    /// asked: the bytes are handed over.
    pub fn for_plugin(&self) -> Value {
        json!({
            "version": self.manifest.version,
            "notes": self.manifest.notes,
            "pub_date": self.manifest.published.to_rfc3339(),
            "url": format!("https://releases.invalid/{}", self.manifest.file),
            "signature": self.manifest.signature,
        })
    }
}

/// Asks the service for a newer release; what was seen is kept in `seen`.
///
/// # Errors
/// `unreachable`, `too_large`; as [`admit`] and [`SeenFile::save`].
pub async fn look(client: &Client, rules: &Rules, seen: &mut SeenFile, now: Time) -> Result<Option<Release>> {
    let Some(offered) = client.release_manifest(&rules.target).await? else { return Ok(None) };
    let release = admit(&offered, rules, &mut seen.seen, now)?;
    seen.save()?;
    Ok(release)
}

/// Fetches the package of a release. `progress` hears how many bytes are there and may break off.
///
/// # Errors
/// `unreachable`, `too_large`, `cancelled`; as [`Release::check`].
pub async fn fetch(
    client: &Client,
    release: &Release,
    progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Vec<u8>> {
    let manifest = release.manifest();
    let package = client.package(&manifest.file, manifest.size, progress).await?;
    release.check(&package)?;
    Ok(package)
}

/// Reads what the service offers: a release to install, or none where what runs is the newest.
/// `seen` learns of a manifest that counts.
///
/// # Errors
/// `update_too_large`, `update_unreadable`, `update_signature`, `update_target`, `update_expired`,
/// `update_not_yet`, `update_downgrade`, `update_replayed`; `seen` is as before then.
pub fn admit(offered: &[u8], rules: &Rules, seen: &mut Seen, now: Time) -> Result<Option<Release>> {
    if offered.len() as u64 > MAX_MANIFEST {
        return Err(refused("update_too_large", "The list of releases is too long"));
    }
    let signed: SignedManifest = serde_json::from_slice(offered).map_err(unreadable)?;
    verify(&rules.key, signed.manifest.as_bytes(), &signed.signature)?;
    let manifest: Manifest = serde_json::from_str(&signed.manifest).map_err(unreadable)?;
    let version = Version::parse(&manifest.version).map_err(unreadable)?;
    fits(&manifest, rules)?;
    is_current(&manifest, now)?;
    is_newest_seen(&manifest, &version, rules, seen)?;
    *seen = Seen { version: Some(version.clone()), published: Some(manifest.published), checked: Some(now) };
    Ok((version > rules.running).then_some(Release { version, manifest }))
}

fn verify(key: &str, text: &[u8], signature: &str) -> Result<()> {
    let wrong = || refused("update_signature", "The list of releases is not signed by its makers");
    let plain = |base64: &str| STANDARD.decode(base64).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = plain(key).and_then(|key| PublicKey::decode(&key).ok()).ok_or_else(wrong)?;
    let signature = plain(signature).and_then(|text| Signature::decode(&text).ok()).ok_or_else(wrong)?;
    key.verify(text, &signature, false).map_err(|_| wrong())
}

fn fits(manifest: &Manifest, rules: &Rules) -> Result<()> {
    if manifest.kind != KIND {
        return Err(refused("update_unreadable", "What was signed is not a list of releases"));
    }
    if manifest.target != rules.target {
        let why = format!("It is for {}, and this computer is {}", manifest.target, rules.target);
        return Err(refused("update_target", &why));
    }
    if !is_plain_name(&manifest.file) {
        return Err(refused("update_unreadable", "The package has no plain file name"));
    }
    if manifest.size == 0 || manifest.size > MAX_PACKAGE {
        return Err(refused("update_too_large", "The package is larger than this version takes"));
    }
    Ok(())
}

fn is_current(manifest: &Manifest, now: Time) -> Result<()> {
    if manifest.published > now + CLOCKS_DIFFER {
        let why = "It is dated in the future. Check the clock of this computer";
        return Err(refused("update_not_yet", why));
    }
    let most = manifest.published + Duration::days(LONGEST_DAYS);
    if now >= manifest.expires.min(most) {
        let why = "The list of releases is out of date, so there may be a newer one that is kept back";
        return Err(refused("update_expired", why));
    }
    Ok(())
}

fn is_newest_seen(manifest: &Manifest, version: &Version, rules: &Rules, seen: &Seen) -> Result<()> {
    if *version < rules.running {
        let why = format!("It offers {version}, which is older than {}", rules.running);
        return Err(refused("update_downgrade", &why));
    }
    let older = seen.version.as_ref().is_some_and(|newest| version < newest);
    let earlier = seen.published.is_some_and(|last| manifest.published < last);
    if older || earlier {
        return Err(refused("update_replayed", "The service offered something newer before"));
    }
    Ok(())
}

fn unreadable(why: impl std::fmt::Display) -> cairn_protocol::ApiError {
    let mut error = refused("update_unreadable", "The list of releases cannot be read");
    error.details = json!({ "cause": why.to_string() });
    error
}

/// Every refusal says why, and that nothing happened.
fn refused(code: &str, why: &str) -> cairn_protocol::ApiError {
    fault(code, format!("{why}. Nothing was installed."))
}

/// What was seen, kept in a profile directory. A file that cannot be read counts as nothing seen:
/// the version that runs still bounds what is accepted.
#[derive(Debug)]
pub struct SeenFile {
    path: PathBuf,
    /// What it holds.
    pub seen: Seen,
}

impl SeenFile {
    /// Reads the file of the profile in `dir`.
    pub fn read(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let seen = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { path, seen: seen.unwrap_or_default() }
    }

    /// Keeps it through a power cut.
    ///
    /// # Errors
    /// `io`: the disk does not take it.
    pub fn save(&self) -> Result<()> {
        let failed = |e: String| fault("io", format!("{} cannot be written: {e}.", self.path.display()));
        let text = serde_json::to_vec_pretty(&self.seen).map_err(|e| failed(e.to_string()))?;
        files::replace_private(&self.path, &text).map_err(|e| failed(e.to_string()))
    }
}
