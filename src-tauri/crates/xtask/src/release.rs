//! `cargo xtask release`: signing packages and laying them out for the service to offer.
//!
//! The secret key stays where packages are made. The service gets a folder of signed files and can
//! neither change them nor make new ones.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use minisign::{KeyPair, SecretKey, SecretKeyBox};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::shell;

/// Where the password of the secret key is read from; without it the key is not encrypted.
const PASSWORD: &str = "CAIRN_RELEASE_PASSWORD";

/// See `cargo xtask release --help`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Make a key pair: FILE for the secret half, FILE.pub for the public one. The password comes from
    /// CAIRN_RELEASE_PASSWORD.
    Key {
        /// Where to; nothing is overwritten
        file: PathBuf,
    },
    /// Sign a package and put it with its manifest into a folder of releases. Run again with the
    /// same package before the manifest expires.
    Publish(Publish),
}

/// What to publish.
#[derive(Clone, Debug, clap::Args)]
pub struct Publish {
    /// The package
    #[arg(long, value_name = "FILE")]
    pub package: PathBuf,
    /// Its version
    #[arg(long)]
    pub version: String,
    /// The computers it is for
    #[arg(long, default_value = "linux-x86_64-deb")]
    pub target: String,
    /// What is new, as a text file
    #[arg(long, value_name = "FILE")]
    pub notes: Option<PathBuf>,
    /// For how many days the manifest is current, at most 30
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub days: u8,
    /// The secret key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The folder that `cairn-service serve --releases` gives
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
}

/// Does what was asked.
///
/// # Errors
/// A file cannot be read or written, or the password is wrong.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Key { file } => make_key(file),
        Command::Publish(publish) => {
            let key = read_key(&publish.key)?;
            let manifest = self::publish(publish, &key, now())?;
            println!("{}", manifest.display());
            Ok(())
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a program of the makers, which dates what it signs")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn password() -> Option<String> {
    shell::variable(PASSWORD).and_then(|text| text.into_string().ok()).filter(|text| !text.is_empty())
}

fn make_key(file: &Path) -> Result<()> {
    let public = public_half(file);
    for file in [file, &public] {
        if file.exists() {
            bail!("{} is there already; it stays as it is", file.display());
        }
    }
    let pair = match password() {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password)),
        None => KeyPair::generate_unencrypted_keypair(),
    }?;
    fs::write(file, pair.sk.to_box(None)?.into_string())?;
    fs::write(&public, STANDARD.encode(pair.pk.to_box()?.into_string()))?;
    println!("{}\n{}", file.display(), public.display());
    Ok(())
}

fn public_half(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Reads a secret key.
///
/// # Errors
/// It cannot be read, or the password is wrong.
pub fn read_key(file: &Path) -> Result<SecretKey> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let sealed = SecretKeyBox::from_string(&text)?;
    match password() {
        Some(password) => sealed.into_secret_key(Some(password)).context("the password is wrong"),
        None => sealed.into_unencrypted_secret_key().with_context(|| format!("set {PASSWORD} for this key")),
    }
}

/// Signs at `now` and writes package and manifest, the manifest last; gives the manifest's file.
///
/// # Errors
/// A file cannot be read or written.
pub fn publish(what: &Publish, key: &SecretKey, now: DateTime<Utc>) -> Result<PathBuf> {
    let package =
        fs::read(&what.package).with_context(|| format!("{} cannot be read", what.package.display()))?;
    let file = what.package.file_name().and_then(|name| name.to_str()).context("the package has no name")?;
    let notes = what.notes.as_deref().map(fs::read_to_string).transpose()?.unwrap_or_default();
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let manifest = json!({
        "kind": "cairn-release",
        "version": what.version,
        "target": what.target,
        "file": file,
        "size": package.len(),
        "sha256": hex::encode(Sha256::digest(&package)),
        "signature": sign(key, &package, &format!("version:{}\tfile:{file}", what.version))?,
        "published": at(now),
        "expires": at(now + Duration::days(what.days.into())),
        "notes": notes,
    })
    .to_string();
    fs::create_dir_all(&what.into)?;
    let place = what.into.join(file);
    if place != what.package {
        replace(&place, &package)?;
    }
    seal(&manifest, &what.target, key, &what.into)
}

/// Signs a manifest's text and writes both for `target` into the folder of releases.
///
/// # Errors
/// It cannot be written.
pub fn seal(manifest: &str, target: &str, key: &SecretKey, into: &Path) -> Result<PathBuf> {
    let signature = sign(key, manifest.as_bytes(), &format!("manifest:{target}"))?;
    let place = into.join(format!("{target}.json"));
    replace(&place, json!({ "manifest": manifest, "signature": signature }).to_string().as_bytes())?;
    Ok(place)
}

/// A service that reads the folder meanwhile sees the old file or the new one.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    fs::write(&fresh, bytes)?;
    Ok(fs::rename(&fresh, file)?)
}

/// A minisign file over `bytes`, in base64, as the updater reads it.
fn sign(key: &SecretKey, bytes: &[u8], comment: &str) -> Result<String> {
    let signed = minisign::sign(None, key, Cursor::new(bytes), Some(comment), Some("Cairn"))?;
    Ok(STANDARD.encode(signed.to_string()))
}
