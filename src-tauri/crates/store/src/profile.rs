//! The profile directory: `cairn.db`, and `keys.json`, which says how its key is kept.
//!
//! A key that cannot be had leads to an error, never to a fresh database.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use cairn_domain::Hash;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::entropy::Entropy;
use crate::keys::{DataKey, KeyTrouble};
use crate::{Store, StoreError};

/// How long a keyring may take to answer; the recovery screen shows within 3 s.
pub const KEYRING_PATIENCE: Duration = Duration::from_millis(2_500);

/// The system keyring's entry for one profile. The app supplies the real one.
pub trait KeySource: Send + Sync {
    /// The key; none where the keyring has no such entry (a locked one can look like that).
    ///
    /// # Errors
    /// Why it cannot be told.
    fn get(&self) -> Result<Option<[u8; 32]>, KeyTrouble>;
    /// Keeps the key.
    ///
    /// # Errors
    /// Why it cannot be kept.
    fn set(&self, key: &[u8; 32]) -> Result<(), KeyTrouble>;
    /// Whether the keyring was locked when it was asked last: it then waits for a person, and no
    /// answer in time means that it is locked still.
    fn was_locked(&self) -> bool {
        false
    }
    /// What kind of keyring it is, e.g. `secret-service`; no personal data.
    fn backend(&self) -> String;
}

/// A profile directory.
#[derive(Debug, Clone)]
pub struct Profile {
    dir: PathBuf,
}

/// The contents of `keys.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeyFile {
    v: u32,
    /// Tells whether a key is the right one; betrays nothing about it.
    pub(crate) fingerprint: String,
    /// The kind of keyring that was given the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyring: Option<String>,
    /// The key under the recovery passphrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recovery: Option<Envelope>,
}

impl KeyFile {
    /// The same, not given to any keyring yet.
    pub(crate) fn without_keyring(self) -> Self {
        Self { keyring: None, ..self }
    }
}

/// A key wrapped by a passphrase: Argon2id, then XChaCha20-Poly1305.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Envelope {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// Above the minimum that OWASP names for Argon2id (19 MiB, 2 passes).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// The most that a `keys.json` may ask of this machine.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 20;

impl Profile {
    /// The profile in this directory, whether or not it exists.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the database lies.
    pub fn database(&self) -> PathBuf {
        self.dir.join("cairn.db")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.join("keys.json")
    }

    /// Whether there is a database, or one is on its way to its place (see
    /// [`Profile::finish_restore`]).
    pub fn exists(&self) -> bool {
        self.database().exists() || self.is_restoring()
    }

    /// Whether a recovery passphrase was set.
    pub fn has_recovery(&self) -> bool {
        self.read_keys().is_ok_and(|keys| keys.recovery.is_some())
    }

    /// Whether the key was given to a keyring.
    pub fn uses_keyring(&self) -> bool {
        self.read_keys().is_ok_and(|keys| keys.keyring.is_some())
    }

    /// Makes a profile with this key. Keep the key first ([`Profile::keep_in_keyring`],
    /// [`Profile::keep_under_passphrase`]): a crash in between must not leave a database without one.
    ///
    /// # Errors
    /// `database_exists`; whatever the file system or the database reports.
    pub fn create(&self, key: &DataKey, entropy: impl Entropy + 'static) -> Result<Store, StoreError> {
        if self.exists() {
            return Err(StoreError::Exists(self.database()));
        }
        self.update_keys(key, |_| Ok(()))?;
        Store::create(&self.database(), key, entropy)
    }

    /// Opens the profile with its key.
    ///
    /// # Errors
    /// `database_missing`; `key_wrong` where it is another key, `database_damaged` where the right
    /// key cannot read the file; `database_newer`.
    pub fn open(&self, key: &DataKey, entropy: impl Entropy + 'static) -> Result<Store, StoreError> {
        self.finish_restore()?;
        if !self.exists() {
            return Err(StoreError::Missing(self.database()));
        }
        let known = self.read_keys().ok().map(|keys| keys.fingerprint);
        let right = known.as_deref() == Some(&fingerprint(key));
        if known.is_some() && !right {
            return Err(KeyTrouble::Wrong.into());
        }
        Store::open(&self.database(), key, entropy).map_err(|error| match error {
            StoreError::Key(KeyTrouble::Wrong) if right => {
                StoreError::Damaged("the right key cannot read its first page".into())
            }
            other => other,
        })
    }

    /// A key for a new profile: the one the keyring already has for it, else a random one, which is
    /// then given to the keyring.
    ///
    /// # Errors
    /// `key_locked`, `key_hanging` and the like: no profile is made then.
    pub fn keep_in_keyring(
        &self,
        source: &Arc<dyn KeySource>,
        entropy: &mut dyn Entropy,
    ) -> Result<DataKey, StoreError> {
        let key = match within(source, KEYRING_PATIENCE, |s| s.get())? {
            Some(bytes) => DataKey::new(bytes),
            None => DataKey::random(entropy)?,
        };
        self.give_to_keyring(&key, source)?;
        Ok(key)
    }

    /// Gives the key of this profile to the keyring, e.g. after a recovery.
    ///
    /// # Errors
    /// What the keyring says; `key_wrong` where it does not give back what it was given.
    pub fn give_to_keyring(&self, key: &DataKey, source: &Arc<dyn KeySource>) -> Result<(), StoreError> {
        let copy = key.clone();
        let back = within(source, KEYRING_PATIENCE, move |s| {
            s.set(copy.bytes())?;
            s.get()
        })?;
        if back.as_ref() != Some(key.bytes()) {
            return Err(KeyTrouble::Wrong.into());
        }
        self.update_keys(key, |keys| {
            keys.keyring = Some(source.backend());
            Ok(())
        })
    }

    /// Wraps the key by a recovery passphrase too.
    ///
    /// # Errors
    /// `empty_passphrase`; whatever the file system reports.
    pub fn keep_under_passphrase(
        &self,
        key: &DataKey,
        passphrase: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        if passphrase.trim().is_empty() {
            return Err(
                cairn_domain::decide::Refusal::new("empty_passphrase", "The passphrase is empty.").into()
            );
        }
        let envelope = seal(key, passphrase, entropy)?;
        self.update_keys(key, |keys| {
            keys.recovery = Some(envelope);
            Ok(())
        })
    }

    /// The key from the keyring, within [`KEYRING_PATIENCE`].
    ///
    /// # Errors
    /// `key_absent`, `key_locked`, `key_wrong`, `key_hanging`, `key_backend_changed`.
    pub fn key_from_keyring(&self, source: &Arc<dyn KeySource>) -> Result<DataKey, StoreError> {
        self.key_from_keyring_within(source, KEYRING_PATIENCE)
    }

    /// As [`Profile::key_from_keyring`], with another patience.
    ///
    /// # Errors
    /// The same.
    pub fn key_from_keyring_within(
        &self,
        source: &Arc<dyn KeySource>,
        patience: Duration,
    ) -> Result<DataKey, StoreError> {
        let keys = self.read_keys()?;
        let changed = keys.keyring.as_ref().is_some_and(|backend| *backend != source.backend());
        let absent = if changed { KeyTrouble::BackendChanged } else { KeyTrouble::Absent };
        let key = within(source, patience, |s| s.get())?.map(DataKey::new).ok_or(absent)?;
        if fingerprint(&key) != keys.fingerprint {
            return Err(KeyTrouble::Wrong.into());
        }
        Ok(key)
    }

    /// The key that the keyring has for this profile, whatever it opens; none where it has none.
    ///
    /// # Errors
    /// `key_locked`, `key_hanging` and the like.
    pub fn any_key_in_keyring(&self, source: &Arc<dyn KeySource>) -> Result<Option<DataKey>, StoreError> {
        Ok(within(source, KEYRING_PATIENCE, |s| s.get())?.map(DataKey::new))
    }

    /// The key from the recovery passphrase.
    ///
    /// # Errors
    /// `key_absent` where none was set, `key_wrong`.
    pub fn key_from_passphrase(&self, passphrase: &str) -> Result<DataKey, StoreError> {
        let keys = self.read_keys()?;
        let envelope = keys.recovery.ok_or(KeyTrouble::Absent)?;
        unseal(&envelope, passphrase, &keys.fingerprint)
    }

    /// The key from a file of 64 hex digits, for use without a keyring.
    ///
    /// # Errors
    /// `key_absent` where there is no such file, `key_wrong` where it holds something else.
    pub fn key_from_file(path: &Path) -> Result<DataKey, StoreError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(KeyTrouble::Absent.into()),
            Err(e) => return Err(e.into()),
        };
        Self::key_from_hex(&text)
    }

    /// The key from 64 hex digits.
    ///
    /// # Errors
    /// `key_wrong`.
    pub fn key_from_hex(text: &str) -> Result<DataKey, StoreError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut()).map_err(|_| KeyTrouble::Wrong)?;
        Ok(DataKey::new(*bytes))
    }

    pub(crate) fn read_keys(&self) -> Result<KeyFile, StoreError> {
        let text = match fs::read_to_string(self.key_file()) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(KeyTrouble::Absent.into()),
            Err(e) => return Err(e.into()),
        };
        Ok(serde_json::from_str(&text)?)
    }

    /// Changes `keys.json` so that a power cut leaves the old or the new one.
    fn update_keys(
        &self,
        key: &DataKey,
        change: impl FnOnce(&mut KeyFile) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let print = fingerprint(key);
        let mut keys = match self.read_keys() {
            // Without a database the old file keeps nothing that could be lost.
            Ok(keys) if keys.fingerprint == print => keys,
            Ok(_) if self.exists() => return Err(KeyTrouble::Wrong.into()),
            Ok(_) | Err(StoreError::Key(KeyTrouble::Absent)) => {
                KeyFile { v: 1, fingerprint: print, ..KeyFile::default() }
            }
            Err(error) => return Err(error),
        };
        change(&mut keys)?;
        create_private_dir(&self.dir)?;
        let fresh = self.dir.join("keys.json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&keys)?)?;
        file.sync_all()?;
        fs::rename(&fresh, self.key_file())?;
        sync_dir(&self.dir)
    }
}

#[cfg(unix)]
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt;
    Ok(fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?)
}

#[cfg(not(unix))]
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), StoreError> {
    Ok(fs::create_dir_all(dir)?)
}

/// Makes a rename outlive a power cut; directories cannot be opened for that on Windows, where the
/// file system journals renames itself.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    Ok(File::open(dir)?.sync_all()?)
}

#[cfg(not(unix))]
pub(crate) fn sync_dir(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// A new file that only its owner may read.
pub(crate) fn write_new(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// Asks the keyring on a thread of its own: a keyring that hangs must not hang the program.
fn within<T: Send + 'static>(
    source: &Arc<dyn KeySource>,
    patience: Duration,
    ask: impl FnOnce(&dyn KeySource) -> Result<T, KeyTrouble> + Send + 'static,
) -> Result<T, KeyTrouble> {
    let (answer, wait) = mpsc::channel();
    let asked = Arc::clone(source);
    std::thread::spawn(move || {
        // Nobody listens any more where the answer came too late.
        let _ = answer.send(ask(asked.as_ref()));
    });
    let late = || if source.was_locked() { KeyTrouble::Locked } else { KeyTrouble::Hanging };
    wait.recv_timeout(patience).unwrap_or_else(|_| Err(late()))
}

pub(crate) fn fingerprint(key: &DataKey) -> String {
    Hash::of("cairn data key 1", &[key.bytes()]).to_string().chars().take(32).collect()
}

pub(crate) fn seal(
    key: &DataKey,
    passphrase: &str,
    entropy: &mut dyn Entropy,
) -> Result<Envelope, StoreError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    entropy.fill(&mut salt)?;
    entropy.fill(&mut nonce)?;
    let mut envelope = Envelope {
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        lanes: 1,
        salt: hex::encode(salt),
        nonce: hex::encode(nonce),
        sealed: String::new(),
    };
    let cipher = cipher(&envelope, passphrase)?;
    let print = fingerprint(key);
    let payload = Payload { msg: key.bytes(), aad: print.as_bytes() };
    let sealed =
        cipher.encrypt(XNonce::from_slice(&nonce), payload).map_err(|e| StoreError::Format(e.to_string()))?;
    envelope.sealed = hex::encode(sealed);
    Ok(envelope)
}

pub(crate) fn unseal(envelope: &Envelope, passphrase: &str, print: &str) -> Result<DataKey, StoreError> {
    let bad = |_| StoreError::Damaged("keys.json is not readable".into());
    let mut nonce = [0; 24];
    hex::decode_to_slice(&envelope.nonce, &mut nonce).map_err(bad)?;
    let sealed = hex::decode(&envelope.sealed).map_err(bad)?;
    let cipher = cipher(envelope, passphrase)?;
    let payload = Payload { msg: &sealed, aad: print.as_bytes() };
    let mut open = cipher.decrypt(XNonce::from_slice(&nonce), payload).map_err(|_| KeyTrouble::Wrong)?;
    let bytes = <[u8; 32]>::try_from(open.as_slice()).map_err(|_| KeyTrouble::Wrong);
    open.zeroize();
    Ok(DataKey::new(bytes?))
}

fn cipher(envelope: &Envelope, passphrase: &str) -> Result<XChaCha20Poly1305, StoreError> {
    let bad = |why: String| StoreError::Damaged(format!("keys.json is not readable: {why}"));
    if envelope.memory_kib > MAX_MEMORY_KIB || envelope.passes > MAX_PASSES || envelope.lanes > 16 {
        return Err(bad("it asks for more work than any Cairn ever did".into()));
    }
    let salt = hex::decode(&envelope.salt).map_err(|e| bad(e.to_string()))?;
    let params = Params::new(envelope.memory_kib, envelope.passes, envelope.lanes, Some(32))
        .map_err(|e| bad(e.to_string()))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &salt, key.as_mut())
        .map_err(|e| bad(e.to_string()))?;
    Ok(XChaCha20Poly1305::new(key.as_ref().into()))
}
