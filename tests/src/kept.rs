//! What a profile keeps on disk, and what tests do to it while no window is open.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use cairn_app::{KeyPlace, Session};
use cairn_store::Profile;
use rusqlite::Connection;
use serde_json::Value;

/// The databases of a profile as they lie on disk: file, inode and bytes, sorted by file.
///
/// # Errors
/// The directory cannot be read.
pub fn databases(profile: &Path) -> Result<Vec<(PathBuf, u64, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(profile)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "db") {
            let bytes = fs::read(&file)?;
            found.push((file.clone(), file.metadata()?.ino(), bytes));
        }
    }
    found.sort();
    Ok(found)
}

/// Lets the profile see a time beyond its lease, as a computer does that was off for so long.
///
/// # Errors
/// The passphrase does not open it, or the lease has not run out by then.
#[allow(clippy::disallowed_methods, reason = "the lease counts from a contact in real time")]
pub fn let_the_lease_run_out(profile: &Path, phrase: &str) -> Result<()> {
    let later = chrono::Utc::now() + chrono::Duration::days(15);
    let session = Session::new(profile, KeyPlace::File(profile.join("no key file")));
    session.recover(phrase).map_err(|error| anyhow::anyhow!(error.message))?;
    let refused = session.with(|desk| desk.within_lease(later)).err();
    ensure!(refused.is_some_and(|error| error.code == "lease_expired"), "the lease goes on");
    session.close().map_err(|error| anyhow::anyhow!(error.message))
}

/// Makes the database one of a newer Cairn.
///
/// # Errors
/// The passphrase does not open it.
pub fn make_newer(profile: &Path, phrase: &str) -> Result<()> {
    let profile = Profile::at(profile);
    let key = profile.key_from_passphrase(phrase)?;
    let key: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let db = Connection::open(profile.database())?;
    db.execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA user_version = 99"))?;
    Ok(())
}

/// Overwrites the start of the database.
///
/// # Errors
/// There is none.
pub fn damage(profile: &Path) -> Result<()> {
    let mut file = File::options().write(true).open(Profile::at(profile).database())?;
    Ok(file.write_all(b"this was a page of the database")?)
}

/// Notes another kind of keyring as the place of the key, as a profile has it whose system was
/// moved to another desktop.
///
/// # Errors
/// The profile names none.
pub fn name_another_keyring(profile: &Path) -> Result<()> {
    let file = profile.join("keys.json");
    let mut keys: Value = serde_json::from_slice(&fs::read(&file)?)?;
    *keys.get_mut("keyring").context("no keyring has the key")? = Value::from("another-keyring");
    Ok(fs::write(file, keys.to_string())?)
}
