//! The system keyring as the place of the data key.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cairn_store::{KeySource, KeyTrouble};
use zeroize::Zeroizing;

const SERVICE: &str = "org.cairn.desk";

/// The entry of one profile in the system's keyring (Secret Service, Keychain, Credential Manager).
pub struct SystemKeyring {
    user: String,
    was_locked: AtomicBool,
}

impl SystemKeyring {
    /// The entry for the profile in `dir`: each profile has its own, by whatever path it is reached.
    pub fn for_profile(dir: &Path) -> Self {
        Self { user: format!("data key of {}", resolved(dir).display()), was_locked: AtomicBool::new(false) }
    }

    fn entry(&self) -> Result<keyring::Entry, KeyTrouble> {
        self.was_locked.store(native::is_locked(), Ordering::SeqCst);
        native::entry(&self.user).map_err(|e| trouble(&e))
    }
}

impl KeySource for SystemKeyring {
    fn get(&self) -> Result<Option<[u8; 32]>, KeyTrouble> {
        match self.entry()?.get_secret() {
            Ok(secret) => {
                let secret = Zeroizing::new(secret);
                Ok(Some(secret.as_slice().try_into().map_err(|_| KeyTrouble::Wrong)?))
            }
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(trouble(&error)),
        }
    }

    fn set(&self, key: &[u8; 32]) -> Result<(), KeyTrouble> {
        self.entry()?.set_secret(key).map_err(|e| trouble(&e))
    }

    fn was_locked(&self) -> bool {
        self.was_locked.load(Ordering::SeqCst)
    }

    fn backend(&self) -> String {
        if cfg!(target_os = "macos") {
            "keychain".to_owned()
        } else if cfg!(windows) {
            "credential-manager".to_owned()
        } else {
            "secret-service".to_owned()
        }
    }
}

/// The one absolute path of a directory, which is the same before and after it is made.
fn resolved(dir: &Path) -> PathBuf {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let there = dir.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let Some((above, real)) = there else { return dir };
    let rest = dir.strip_prefix(above).unwrap_or(Path::new(""));
    // By components: joining nothing would end it with a separator.
    real.components().chain(rest.components()).collect()
}

fn trouble(error: &keyring::Error) -> KeyTrouble {
    match error {
        keyring::Error::NoStorageAccess(_) => KeyTrouble::Locked,
        _ => KeyTrouble::Absent,
    }
}

/// The Secret Service. It is connected to anew each time: `keyring::Entry::new` connects once in a
/// process, so it would never see a service that was started, restarted or woken later.
#[cfg(not(any(target_os = "macos", windows)))]
mod native {
    use keyring_core::api::CredentialStoreApi as _;
    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;
    use zbus_secret_service_keyring_store::Store;

    /// Whether the collection that new entries go to is locked. To open it, the service asks the
    /// person for its password, and does not answer until then.
    pub fn is_locked() -> bool {
        let locked = || SecretService::connect(EncryptionType::Plain)?.get_default_collection()?.is_locked();
        // What else may be wrong shows when the entry is asked for.
        locked().unwrap_or(false)
    }

    pub fn entry(user: &str) -> keyring::Result<keyring::Entry> {
        Ok(keyring::Entry { inner: Store::new()?.build(super::SERVICE, user, None)? })
    }
}

#[cfg(any(target_os = "macos", windows))]
mod native {
    /// The system says so itself when the entry is asked for.
    pub fn is_locked() -> bool {
        false
    }

    pub fn entry(user: &str) -> keyring::Result<keyring::Entry> {
        keyring::Entry::new(super::SERVICE, user)
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::SystemKeyring;

    #[test]
    fn a_profile_has_one_entry_before_and_after_it_is_made_and_by_every_path() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap().join("home");
        let link = folder.path().join("link");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let wanted = format!("data key of {}", real.join("a/profile").display());
        let paths = [real.join("a/profile"), link.join("a/profile"), link.join("a/profile/")];
        let names = || paths.each_ref().map(|path| SystemKeyring::for_profile(path).user);
        assert_eq!(names(), [wanted.as_str(); 3], "before it is made");
        std::fs::create_dir_all(&paths[0]).unwrap();
        assert_eq!(names(), [wanted.as_str(); 3], "after it is made");
    }
}
