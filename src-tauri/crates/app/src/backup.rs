//! Backups of this computer's database: making one, listing them, putting one back.

use std::fs;
use std::path::{Path, PathBuf};

use cairn_domain::Time;
use cairn_protocol::ApiError;
use cairn_store::{BACKUP_EXTENSION, Backup, DataKey, Profile, Staged, SystemEntropy};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::api::{BackupList, BackupRow, BackupState};
use crate::error::{Result, fault, store};
use crate::session::{KeyPlace, Session, existing_key};
use crate::settings::usable_folder;
use crate::{Desk, files, views};

/// The word that is typed to confirm a restore.
pub const CONFIRMATION: &str = "restore";

/// What is asked of a restore.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RestoreRequest {
    /// The whole path of the backup.
    pub file: PathBuf,
    /// [`CONFIRMATION`], typed.
    pub confirm: String,
    /// The recovery passphrase that was set when it was made; without one this computer's key is used.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Whether changes that have not left this computer may stay in the database that is moved aside.
    #[serde(default)]
    pub leave_unsent: bool,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// When the backup was made.
    pub made: Time,
    /// Where the database lies that was there before.
    pub aside: Option<PathBuf>,
    /// Changes that only that one holds; none where it could not be read.
    pub left: Option<u64>,
    /// Changes in the restored outbox.
    pub unsent: u64,
}

/// How a backup is opened.
struct Way {
    key: DataKey,
    /// The passphrase that opened it, where it was not this computer's key.
    passphrase: Option<Zeroizing<String>>,
}

/// Where backups go unless somebody chose otherwise.
pub fn usual_folder(documents: Option<&Path>, profile: &Path) -> PathBuf {
    match documents.filter(|folder| folder.is_dir()) {
        Some(documents) => documents.join("Cairn").join("backups"),
        None => profile.join("backups"),
    }
}

impl Session {
    /// Writes a backup of the open database to a new file in `folder`; `make` says whether a folder
    /// that is not there may be made.
    ///
    /// # Errors
    /// `bad_folder` with `details.field`; `signed_out`, `locked`; what keeps the key from being had;
    /// `disk_full` and what else the file system reports.
    pub fn back_up(&self, folder: &Path, make: bool, now: Time) -> Result<BackupRow> {
        self.open()?;
        if make && let Err(error) = fs::create_dir_all(folder) {
            return Err(bad_folder(format!("'{}' cannot be made: {error}", folder.display())));
        }
        usable_folder(folder).map_err(|why| bad_folder(why.to_owned()))?;
        let file = free_file(folder, now);
        let key = self.present_key()?;
        self.with(|desk| self.profile().back_up(&desk.store, &key, &file, now).map_err(store))?;
        Ok(row(self.profile(), &file))
    }

    /// The backups in `folder`, newest first; none where there is no such folder.
    ///
    /// # Errors
    /// `bad_folder` where it cannot be read.
    pub fn backups(&self, folder: &Path) -> Result<BackupList> {
        let mut backups = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(bad_folder(format!("'{}' cannot be read: {error}", folder.display()))),
        };
        for entry in entries.into_iter().flatten().flatten() {
            let file = entry.path();
            if file.extension().is_some_and(|end| end == BACKUP_EXTENSION) {
                backups.push(row(self.profile(), &file));
            }
        }
        backups.sort_by(|a, b| (&b.made, &b.name).cmp(&(&a.made, &a.name)));
        Ok(BackupList { folder: folder.display().to_string(), backups })
    }

    /// Puts a backup in the place of this profile's database, which is moved aside. Whoever uses it
    /// then has to sign in and enrol anew; what the backup's outbox holds is issued again.
    ///
    /// # Errors
    /// `bad_restore` with `details.fields` where the word is not typed or the passphrase is missing or
    /// wrong; `backup_unreadable`, `backup_incomplete`, `backup_newer`, `database_damaged`;
    /// `other_person` where it is somebody else's; `unsent_work` with `details.count` where changes
    /// would stay behind; `locked`, `database_busy`. The profile is as it was then.
    pub fn restore(&self, request: &RestoreRequest, now: Time) -> Result<Done> {
        if request.confirm.trim().to_lowercase() != CONFIRMATION {
            return Err(bad_restore("confirm", format!("Type the word {CONFIRMATION} to go on")));
        }
        let readable = self.openable()?;
        let backup = Backup::read(&request.file).map_err(|error| match error {
            cairn_store::StoreError::Io(error) => {
                fault("backup_unreadable", format!("The backup cannot be read: {error}."))
            }
            other => other.into(),
        })?;
        let way = self.way_into(&backup, request.passphrase.as_deref())?;
        let staged = self.profile().stage(&backup, &way.key).map_err(store)?;
        let unsent = staged.store().and_then(|s| s.counts(None)).map_err(store)?.pending;
        self.keep_old_key(&staged, &way)?;
        let (made, left, aside) = (staged.made(), None, None);
        let mut done = Done { made, aside, left, unsent };
        self.replace(
            |desk| {
                if let Some(desk) = desk {
                    done.left = Some(left_behind(&staged, desk, request.leave_unsent)?);
                } else if readable {
                    // It was open a moment ago: somebody locked it.
                    return Err(fault("locked", "Cairn is locked. Unlock it to go on."));
                }
                Ok(staged)
            },
            |staged| {
                done.aside = staged.put_in_place(now).map_err(store)?;
                Ok(())
            },
        )?;
        self.keep_new_key(&way);
        Ok(done)
    }

    /// Whether the present database can be read. One that is damaged, or whose key is gone, can only
    /// be moved aside; a newer one must stay.
    fn openable(&self) -> Result<bool> {
        match self.open() {
            Ok(()) => Ok(true),
            Err(error) if error.code == "signed_out" || error.code == "database_damaged" => Ok(false),
            Err(error) if error.code.starts_with("key_") => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn way_into(&self, backup: &Backup, passphrase: Option<&str>) -> Result<Way> {
        if let Some(key) = self.any_key().filter(|key| backup.fits(key)) {
            return Ok(Way { key, passphrase: None });
        }
        if !backup.has_passphrase() {
            let message = "This backup was made under another key and without a recovery passphrase. Only the computer it was made on can open it.";
            return Err(fault("backup_elsewhere", message));
        }
        let Some(typed) = passphrase.filter(|typed| !typed.is_empty()) else {
            let message = "Enter the recovery passphrase that was set when this backup was made";
            return Err(bad_restore("passphrase", message.to_owned()));
        };
        let key = backup.key_from_passphrase(typed).map_err(|error| match error.code() {
            "key_wrong" => bad_restore("passphrase", "This passphrase does not open the backup".to_owned()),
            _ => error.into(),
        })?;
        self.key_file_fits(&key)?;
        Ok(Way { key, passphrase: Some(Zeroizing::new(typed.to_owned())) })
    }

    /// A key file is named by whoever starts the program; it is never overwritten.
    fn key_file_fits(&self, key: &DataKey) -> Result<()> {
        let KeyPlace::File(path) = self.keys() else { return Ok(()) };
        if path.exists() && existing_key(path)? != *key {
            let message = "The key file of this profile holds another key than the backup's. Start Cairn with a key file that does not exist yet.";
            return Err(fault("key_file_differs", message));
        }
        Ok(())
    }

    /// The key that this computer has now, whatever it opens.
    fn any_key(&self) -> Option<DataKey> {
        match self.keys() {
            KeyPlace::Keyring => self.profile().any_key_in_keyring(self.keyring()).ok().flatten(),
            KeyPlace::File(path) => Profile::key_from_file(path).ok(),
        }
    }

    /// The keyring will hold the restored key: the old one must open the database moved aside.
    fn keep_old_key(&self, staged: &Staged, way: &Way) -> Result<()> {
        let Some(passphrase) = &way.passphrase else { return Ok(()) };
        match self.any_key() {
            Some(old) => staged.keep_old_key(&old, passphrase, &mut SystemEntropy).map_err(store),
            None => Ok(()),
        }
    }

    /// After a restore by passphrase the key goes where it is looked for. Where that does not work,
    /// the recovery screen asks for the passphrase again.
    fn keep_new_key(&self, way: &Way) {
        if way.passphrase.is_none() {
            return;
        }
        let kept = match self.keys() {
            KeyPlace::Keyring => self.profile().give_to_keyring(&way.key, self.keyring()).map_err(store),
            KeyPlace::File(path) => make_key_file(path, &way.key),
        };
        if let Err(error) = kept {
            tracing::warn!(code = error.code, "the restored key was not kept");
        }
    }
}

fn make_key_file(path: &Path, key: &DataKey) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let text = Zeroizing::new(hex::encode(key.bytes()));
    files::write_private(path, text.as_bytes()).map_err(|e| fault("io", e.to_string()))
}

/// How many changes only the present database holds, if they may stay there.
fn left_behind(staged: &Staged, desk: &Desk, allowed: bool) -> Result<u64> {
    let kept = staged.store().map_err(store)?;
    if let (Some(theirs), Some(mine)) = (kept.identity(), desk.store.identity())
        && theirs.account != mine.account
    {
        let message = format!(
            "This backup belongs to {}, this profile to {}. Restore it in a profile of its own.",
            theirs.name, mine.name
        );
        return Err(fault("other_person", message));
    }
    let left = staged.left_behind(&desk.store).map_err(store)?.len() as u64;
    if left > 0 && !allowed {
        let mut error = fault(
            "unsent_work",
            "Changes made after this backup have not left this computer. Sync or export them first, or leave them in the database that is moved aside.",
        );
        error.details = json!({ "count": left });
        return Err(error);
    }
    Ok(left)
}

fn row(profile: &Profile, file: &Path) -> BackupRow {
    let read = Backup::read(file);
    let state = match &read {
        Ok(backup) if profile.has_key_of(backup) => BackupState::Here,
        Ok(backup) if backup.has_passphrase() => BackupState::Passphrase,
        Ok(_) => BackupState::Elsewhere,
        Err(error) => match error.code() {
            "backup_incomplete" => BackupState::Incomplete,
            "backup_newer" => BackupState::Newer,
            _ => BackupState::Unreadable,
        },
    };
    BackupRow {
        file: file.display().to_string(),
        name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        made: read.as_ref().ok().map(|backup| views::rfc3339(backup.made())),
        bytes: fs::metadata(file).map_or(0, |data| data.len()),
        state,
        passphrase: read.is_ok_and(|backup| backup.has_passphrase()),
    }
}

fn free_file(folder: &Path, now: Time) -> PathBuf {
    let name = format!("cairn-{}", now.format("%Y%m%dT%H%M%SZ"));
    let more = (2..).map(|n| format!("{name}-{n}"));
    let files = std::iter::once(name.clone()).chain(more);
    let mut files = files.map(|name| folder.join(format!("{name}.{BACKUP_EXTENSION}")));
    files.find(|file| !file.exists()).unwrap_or_else(|| folder.join(name))
}

fn bad_folder(message: String) -> ApiError {
    let mut error = fault("bad_folder", message);
    error.details = json!({ "field": "backup_folder" });
    error
}

fn bad_restore(field: &str, message: String) -> ApiError {
    let mut error = fault("bad_restore", message.clone());
    error.details = json!({ "fields": { field: message } });
    error
}
