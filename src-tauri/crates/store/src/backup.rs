//! One file with everything a profile needs to open again, and the way back.
//!
//! A backup is one line of JSON ([`Head`]) followed by the database, encrypted as it lies on disk. The
//! line holds what `keys.json` holds: how to tell the key, and the key under the recovery passphrase
//! where one was set. Nothing in it is secret by itself and nothing names a person.
//!
//! A restore first makes a whole copy in a folder of its own. One file, the plan, then says that the
//! copy takes the place of what is there, and every step after that can be done again: a power cut
//! leaves either the old database, or a plan that the next start finishes. The database that was
//! there is moved aside and never deleted.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use cairn_domain::decide::Refusal;
use cairn_domain::{OpId, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::entropy::Entropy;
use crate::keys::{DataKey, KeyTrouble};
use crate::outbox::OutboxState;
use crate::profile::{KeyFile, create_private_dir, fingerprint, seal, sync_dir, unseal, write_new};
use crate::{Profile, SCHEMA_VERSION, Store, StoreError, SystemEntropy};

/// What the name of a backup ends with.
pub const BACKUP_EXTENSION: &str = "cairn-backup";

const FORMAT: &str = "cairn-backup";
const VERSION: u32 = 1;
/// The longest first line that is read.
const MAX_HEAD: u64 = 64 * 1024;

/// The folder in the profile where a restore makes its copy.
const STAGE: &str = "restoring";
/// The folder in the profile where a backup is made before it goes to its place.
const MAKING: &str = "backing-up";
const PLAN: &str = "restore.json";
const DATABASE: &str = "cairn.db";
const KEYS: &str = "keys.json";
/// The old profile's `keys.json` with its key under the passphrase that was typed.
const ASIDE_KEYS: &str = "keys.aside.json";
/// A database and what may lie beside it.
const PARTS: [&str; 3] = ["cairn.db", "cairn.db-wal", "cairn.db-shm"];

/// The first line of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    format: String,
    v: u32,
    made: Time,
    schema: u32,
    bytes: u64,
    sha256: String,
    keys: KeyFile,
}

/// A backup whose first line is readable and whose length is right.
#[derive(Debug, Clone)]
pub struct Backup {
    file: PathBuf,
    head: Head,
    /// Where the database starts in the file.
    from: u64,
}

/// What a restore does once its copy is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    v: u32,
    /// The folder in the profile that takes what is there.
    aside: String,
}

/// A restored copy beside the profile's own database, not in its place yet. Dropped, it is removed.
#[derive(Debug)]
pub struct Staged {
    profile: Profile,
    store: Option<Store>,
    made: Time,
    planned: bool,
}

impl Backup {
    /// Reads the first line of a backup and whether all of it is there.
    ///
    /// # Errors
    /// `backup_unreadable` where it is something else, `backup_incomplete` where it was cut off,
    /// `backup_newer` where a newer Cairn made it.
    pub fn read(file: &Path) -> Result<Self, StoreError> {
        let mut line = Vec::new();
        BufReader::new(File::open(file)?).take(MAX_HEAD).read_until(b'\n', &mut line)?;
        let head = Head::parse(&line)?;
        let from = line.len() as u64;
        let length = fs::metadata(file)?.len();
        if from.checked_add(head.bytes) != Some(length) {
            return Err(incomplete());
        }
        if head.schema > SCHEMA_VERSION {
            return Err(newer());
        }
        Ok(Self { file: file.to_owned(), head, from })
    }

    /// When it was made, by the clock of its computer.
    pub fn made(&self) -> Time {
        self.head.made
    }

    /// Whether a recovery passphrase opens it.
    pub fn has_passphrase(&self) -> bool {
        self.head.keys.recovery.is_some()
    }

    /// Whether it was made under this key.
    pub fn fits(&self, key: &DataKey) -> bool {
        fingerprint(key) == self.head.keys.fingerprint
    }

    /// Its key from the recovery passphrase that was set when it was made.
    ///
    /// # Errors
    /// `key_absent` where none was, `key_wrong`.
    pub fn key_from_passphrase(&self, passphrase: &str) -> Result<DataKey, StoreError> {
        let envelope = self.head.keys.recovery.as_ref().ok_or(KeyTrouble::Absent)?;
        unseal(envelope, passphrase, &self.head.keys.fingerprint)
    }

    /// Copies the database out of it and checks each byte.
    fn unpack(&self, target: &Path) -> Result<(), StoreError> {
        let mut from = File::open(&self.file)?;
        std::io::Seek::seek(&mut from, std::io::SeekFrom::Start(self.from))?;
        let mut to = write_new(target)?;
        let copied = copy_hashed(&mut from.take(self.head.bytes), &mut to)?;
        to.sync_all()?;
        if copied == (self.head.bytes, self.head.sha256.clone()) { Ok(()) } else { Err(incomplete()) }
    }
}

impl Head {
    fn parse(line: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Kind {
            format: String,
            v: u32,
        }
        let kind: Kind = serde_json::from_slice(line).map_err(|_| unreadable())?;
        if kind.format != FORMAT {
            return Err(unreadable());
        }
        if kind.v > VERSION {
            return Err(newer());
        }
        serde_json::from_slice(line).map_err(|_| unreadable())
    }
}

impl Profile {
    /// Writes a backup of the open database to a new file, readable by its owner alone.
    ///
    /// # Errors
    /// `file_exists`; `key_wrong` where `key` is not this profile's; what the file system or the
    /// database reports. Nothing is left of the file then.
    pub fn back_up(&self, store: &Store, key: &DataKey, target: &Path, made: Time) -> Result<(), StoreError> {
        let keys = self.read_keys()?;
        if fingerprint(key) != keys.fingerprint {
            return Err(KeyTrouble::Wrong.into());
        }
        if target.exists() {
            return Err(refused("file_exists", "There is a file of that name already."));
        }
        let making = self.dir().join(MAKING);
        remove_dir(&making)?;
        create_private_dir(&making)?;
        let done = pack(store, key, keys, &making.join(DATABASE), target, made);
        // It is only a copy, and the next backup removes it too.
        let _ = fs::remove_dir_all(&making);
        done
    }

    /// Whether this profile's own key, by what `keys.json` says of it, opens the backup.
    pub fn has_key_of(&self, backup: &Backup) -> bool {
        self.read_keys().is_ok_and(|keys| keys.fingerprint == backup.head.keys.fingerprint)
    }

    /// Makes the copy that is to take the place of this profile's database, checks it, and notes in it
    /// that this computer has to sign in and enrol anew: its numbers may have been used since.
    ///
    /// # Errors
    /// `backup_incomplete`, `backup_newer`, `key_wrong`, `database_damaged`; what the file system
    /// reports. The profile is as it was then.
    pub fn stage(&self, backup: &Backup, key: &DataKey) -> Result<Staged, StoreError> {
        self.finish_restore()?;
        if !backup.fits(key) {
            return Err(KeyTrouble::Wrong.into());
        }
        create_private_dir(self.dir())?;
        let stage = self.dir().join(STAGE);
        remove_dir(&stage)?;
        create_private_dir(&stage)?;
        // From here on a copy that is not used is removed when `staged` is dropped.
        let mut staged = Staged { profile: self.clone(), store: None, made: backup.made(), planned: false };
        let database = stage.join(DATABASE);
        backup.unpack(&database)?;
        let mut store = Store::open(&database, key, SystemEntropy).map_err(|error| match error {
            StoreError::Newer { .. } => newer(),
            StoreError::Key(_) => StoreError::Damaged("the backup's key cannot read it".into()),
            other => other,
        })?;
        store.integrity_check()?;
        if store.identity().is_some() {
            store.mark_forked()?;
        }
        store.set_signed_out(true)?;
        staged.store = Some(store);
        self.stage_keys(backup, &stage)?;
        Ok(staged)
    }

    /// The same key keeps the `keys.json` it has: its passphrase may be newer than the backup's.
    fn stage_keys(&self, backup: &Backup, stage: &Path) -> Result<(), StoreError> {
        let keys = match self.read_keys() {
            Ok(keys) if keys.fingerprint == backup.head.keys.fingerprint => keys,
            // Which keyring has the key is known once one has been given it.
            _ => backup.head.keys.clone().without_keyring(),
        };
        write_json(&stage.join(KEYS), &keys)
    }

    /// Finishes a restore that a power cut broke off after its copy was whole. Without one it does
    /// nothing.
    ///
    /// # Errors
    /// `database_busy` where another program uses the database; what the file system reports.
    pub fn finish_restore(&self) -> Result<(), StoreError> {
        match self.plan()? {
            Some(plan) => self.swap(&plan, &mut || Ok(())),
            None => Ok(()),
        }
    }

    /// Whether a restore still has to be finished: then there is a database, wherever it lies.
    pub(crate) fn is_restoring(&self) -> bool {
        self.dir().join(PLAN).exists()
    }

    fn plan(&self) -> Result<Option<Plan>, StoreError> {
        match fs::read(self.dir().join(PLAN)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out a plan, from wherever it broke off. `step` is called before each change on disk; a
    /// test breaks off there.
    fn swap(&self, plan: &Plan, step: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let alone = self.alone()?;
        let (stage, aside) = (self.dir().join(STAGE), self.dir().join(&plan.aside));
        if !stage.join(DATABASE).exists() && !self.database().exists() {
            let why = format!("a restore broke off; what was there before lies in {}", aside.display());
            return Err(StoreError::Damaged(why));
        }
        // What is still staged has not taken its place, so what stands there is the old one.
        if stage.join(DATABASE).exists() {
            for part in PARTS {
                move_if_there(&self.dir().join(part), &aside, part, step)?;
            }
        }
        if stage.join(KEYS).exists() {
            move_if_there(&self.dir().join(KEYS), &aside, KEYS, step)?;
        }
        move_if_there(&stage.join(ASIDE_KEYS), &aside, KEYS, step)?;
        sync_dir(self.dir())?;
        for part in [KEYS, DATABASE] {
            move_if_there(&stage.join(part), self.dir(), part, step)?;
        }
        sync_dir(self.dir())?;
        step()?;
        fs::remove_file(self.dir().join(PLAN))?;
        sync_dir(self.dir())?;
        drop(alone);
        remove_dir(&stage)
    }

    /// Holds the database alone: whoever else opens it waits until this is dropped.
    fn alone(&self) -> Result<File, StoreError> {
        let mut name = self.database().into_os_string();
        name.push(".use");
        let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy),
            Err(fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

impl Staged {
    /// When the backup was made.
    pub fn made(&self) -> Time {
        self.made
    }

    /// The restored copy, to look into.
    ///
    /// # Errors
    /// There is always one; a coding fault would show as `database_missing`.
    pub fn store(&self) -> Result<&Store, StoreError> {
        self.store.as_ref().ok_or_else(|| StoreError::Missing(self.profile.database()))
    }

    /// The changes of `present` that have not left this computer and that the restored copy does not
    /// hold: a restore would leave them behind.
    ///
    /// # Errors
    /// Whatever one of the databases reports.
    pub fn left_behind(&self, present: &Store) -> Result<Vec<OpId>, StoreError> {
        let kept = self.store()?;
        let held: std::collections::BTreeSet<_> =
            kept.outbox(None)?.into_iter().map(|op| (op.op, op.hash)).collect();
        let unsent = |state| matches!(state, OutboxState::Pending | OutboxState::Quarantined);
        let ops = present.outbox(None)?.into_iter().filter(|op| unsent(op.state));
        Ok(ops.filter(|op| !held.contains(&(op.op.clone(), op.hash))).map(|op| op.op).collect())
    }

    /// Where another key takes the old one's place in the keyring, only the passphrase that was just
    /// typed will open the database moved aside; it is wrapped under it here. `old` is the key that
    /// the keyring still has.
    ///
    /// # Errors
    /// What the file system reports, or the system has no randomness to give.
    pub fn keep_old_key(
        &self,
        old: &DataKey,
        passphrase: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError> {
        let Ok(mut keys) = self.profile.read_keys() else { return Ok(()) };
        if keys.recovery.is_some() || fingerprint(old) != keys.fingerprint {
            return Ok(());
        }
        keys.recovery = Some(seal(old, passphrase, entropy)?);
        write_json(&self.profile.dir().join(STAGE).join(ASIDE_KEYS), &keys)
    }

    /// Puts the copy in the place of the profile's database, which is moved to a folder of its own in
    /// the profile; gives that folder, or none where there was nothing to move. `now` names it. The
    /// profile must not be open in this process.
    ///
    /// # Errors
    /// `database_busy` where another program uses the database, and the profile is as it was; what the
    /// file system reports, and [`Profile::finish_restore`] goes on from there.
    pub fn put_in_place(self, now: Time) -> Result<Option<PathBuf>, StoreError> {
        self.put_in_place_stepwise(now, &mut || Ok(()))
    }

    fn put_in_place_stepwise(
        mut self,
        now: Time,
        step: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<Option<PathBuf>, StoreError> {
        if let Some(store) = self.store.take() {
            store.lock()?;
        }
        drop(self.profile.alone()?);
        let had_one = self.profile.database().exists() || self.profile.dir().join(KEYS).exists();
        let plan = Plan { v: 1, aside: free_name(self.profile.dir(), now) };
        sync_dir(&self.profile.dir().join(STAGE))?;
        step()?;
        write_json(&self.profile.dir().join(PLAN), &plan)?;
        self.planned = true;
        sync_dir(self.profile.dir())?;
        self.profile.swap(&plan, step)?;
        Ok(had_one.then(|| self.profile.dir().join(plan.aside)))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.store = None;
        if !self.planned {
            // It is only a copy, and the next restore removes it too.
            let _ = fs::remove_dir_all(self.profile.dir().join(STAGE));
        }
    }
}

fn pack(
    store: &Store,
    key: &DataKey,
    keys: KeyFile,
    copy: &Path,
    target: &Path,
    made: Time,
) -> Result<(), StoreError> {
    store.backup(copy, key)?;
    let (bytes, sha256) = copy_hashed(&mut File::open(copy)?, &mut std::io::sink())?;
    let head = Head { format: FORMAT.into(), v: VERSION, made, schema: SCHEMA_VERSION, bytes, sha256, keys };
    let mut name = target.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let written = write_whole(&part, &head, copy).and_then(|()| {
        fs::rename(&part, target)?;
        target.parent().map_or(Ok(()), sync_dir)
    });
    if written.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_whole(part: &Path, head: &Head, copy: &Path) -> Result<(), StoreError> {
    if part.exists() {
        fs::remove_file(part)?;
    }
    let mut file = write_new(part)?;
    file.write_all(&serde_json::to_vec(head)?)?;
    file.write_all(b"\n")?;
    std::io::copy(&mut File::open(copy)?, &mut file)?;
    Ok(file.sync_all()?)
}

/// Copies and gives how many bytes there were and their SHA-256 in hex.
fn copy_hashed(from: &mut dyn Read, to: &mut dyn Write) -> Result<(u64, String), StoreError> {
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut block)?;
        let Some(some) = block.get(..read).filter(|some| !some.is_empty()) else { break };
        hash.update(some);
        to.write_all(some)?;
        bytes += read as u64;
    }
    Ok((bytes, hex::encode(hash.finalize())))
}

fn move_if_there(
    from: &Path,
    folder: &Path,
    name: &str,
    step: &mut dyn FnMut() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if !from.exists() {
        return Ok(());
    }
    step()?;
    create_private_dir(folder)?;
    fs::rename(from, folder.join(name))?;
    sync_dir(folder)
}

/// A folder that is not there yet, named after the time.
fn free_name(dir: &Path, now: Time) -> String {
    let name = format!("before-restore-{}", now.format("%Y%m%dT%H%M%SZ"));
    let more = (2..).map(|n| format!("{name}-{n}"));
    let mut all = std::iter::once(name.clone()).chain(more);
    all.find(|name| !dir.join(name).exists()).unwrap_or(name)
}

/// Writes a file so that a power cut leaves none or a whole one.
fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let fresh = path.with_extension("new");
    if fresh.exists() {
        fs::remove_file(&fresh)?;
    }
    let mut file = write_new(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(value)?)?;
    file.sync_all()?;
    Ok(fs::rename(&fresh, path)?)
}

fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn refused(code: &str, message: &str) -> StoreError {
    Refusal::new(code, message).into()
}

fn unreadable() -> StoreError {
    refused("backup_unreadable", "This file is not a backup of Cairn.")
}

fn incomplete() -> StoreError {
    refused("backup_incomplete", "This backup is not whole: it was cut off or changed. Choose another one.")
}

fn newer() -> StoreError {
    refused("backup_newer", "A newer version of Cairn made this backup. Update Cairn to restore it.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use cairn_domain::access::Role;
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::Identity;

    fn at(minute: u32) -> Time {
        format!("2026-03-02T12:{minute:02}:00Z").parse().unwrap()
    }

    fn key() -> DataKey {
        DataKey::new([7; 32])
    }

    fn identity(name: &str) -> Identity {
        Identity {
            account: "a".parse().unwrap(),
            name: name.to_owned(),
            role: Role::ImplSpec,
            device: "d-1".parse().unwrap(),
            service_key: "00".repeat(32),
            server: "http://127.0.0.1:1".into(),
            lease_days: 14,
            pilot_rows: 500,
            last_contact: at(0),
            latest_time: at(0),
        }
    }

    /// A profile whose database names its person `before`, changed to `after` since the backup.
    fn scene(dir: &Path) -> (Profile, Backup) {
        let profile = Profile::at(dir.join("profile"));
        let mut store = profile.create(&key(), SystemEntropy).unwrap();
        let device = SigningKey::from_bytes(&[3; 32]);
        store.enrol(identity("before"), device.clone()).unwrap();
        let file = dir.join("one.cairn-backup");
        profile.back_up(&store, &key(), &file, at(1)).unwrap();
        store.enrol(identity("after"), device).unwrap();
        store.lock().unwrap();
        (profile, Backup::read(&file).unwrap())
    }

    fn name_in(profile: &Profile) -> String {
        let store = profile.open(&key(), SystemEntropy).unwrap();
        store.integrity_check().unwrap();
        let name = store.identity().unwrap().name.clone();
        store.lock().unwrap();
        name
    }

    fn cut() -> StoreError {
        refused("power_cut", "cut")
    }

    #[test]
    fn a_power_cut_at_any_step_leaves_the_old_or_the_new_database_and_loses_neither() {
        let mut cuts = 0;
        for after in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let (profile, backup) = scene(dir.path());
            let staged = profile.stage(&backup, &key()).unwrap();
            let mut left = after;
            let done = staged.put_in_place_stepwise(at(5), &mut || {
                left -= 1;
                if left < 0 { Err(cut()) } else { Ok(()) }
            });
            let planned = profile.is_restoring();
            assert!(profile.exists(), "cut at {after}: it never looks like a fresh profile");
            // The next start: a second cut in the middle of the repair, then a whole one.
            if let Some(plan) = profile.plan().unwrap() {
                let _ = profile.swap(&plan, &mut || Err(cut()));
            }
            profile.finish_restore().unwrap();
            let expected = if done.is_ok() || planned { "before" } else { "after" };
            assert_eq!(name_in(&profile), expected, "cut at {after}");
            if expected == "before" {
                let aside = Profile::at(profile.dir().join("before-restore-20260302T120500Z"));
                assert_eq!(name_in(&aside), "after", "cut at {after}");
                assert!(!profile.dir().join(STAGE).exists());
            }
            if done.is_ok() {
                break;
            }
            cuts += 1;
        }
        assert!(cuts >= 5, "only {cuts} cuts were tried");
    }

    #[test]
    fn a_database_in_use_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (profile, backup) = scene(dir.path());
        let open = profile.open(&key(), SystemEntropy).unwrap();
        let staged = profile.stage(&backup, &key()).unwrap();
        assert_eq!(staged.put_in_place(at(5)).unwrap_err().code(), "database_busy");
        assert!(!profile.is_restoring());
        assert!(!profile.dir().join(STAGE).exists(), "the copy is gone");
        drop(open);
        assert_eq!(name_in(&profile), "after");
    }

    #[test]
    fn a_restore_whose_copy_is_gone_never_looks_like_a_fresh_profile() {
        let dir = tempfile::tempdir().unwrap();
        let (profile, backup) = scene(dir.path());
        let staged = profile.stage(&backup, &key()).unwrap();
        // The plan, the old database, its keys.
        let mut steps = 3;
        let _ = staged.put_in_place_stepwise(at(5), &mut || {
            steps -= 1;
            if steps < 0 { Err(cut()) } else { Ok(()) }
        });
        fs::remove_dir_all(profile.dir().join(STAGE)).unwrap();
        assert!(!profile.database().exists(), "it was moved aside already");
        assert!(profile.exists());
        assert_eq!(profile.finish_restore().unwrap_err().code(), "database_damaged");
        assert_eq!(profile.create(&key(), SystemEntropy).unwrap_err().code(), "database_exists");
    }
}
