//! The system keyring as the place of the data key.

use cairn_store::{KeySource, KeyTrouble};
use zeroize::Zeroizing;

const SERVICE: &str = "org.cairn.desk";

/// The entry of one profile in the system's keyring (Secret Service, Keychain, Credential Manager).
pub struct SystemKeyring {
    user: String,
}

impl SystemKeyring {
    /// The entry for the profile in `dir`: each profile has its own.
    pub fn for_profile(dir: &std::path::Path) -> Self {
        let dir = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
        Self { user: format!("data key of {}", dir.display()) }
    }

    fn entry(&self) -> Result<keyring::Entry, KeyTrouble> {
        keyring::Entry::new(SERVICE, &self.user).map_err(|e| trouble(&e))
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

fn trouble(error: &keyring::Error) -> KeyTrouble {
    match error {
        keyring::Error::NoStorageAccess(_) => KeyTrouble::Locked,
        _ => KeyTrouble::Absent,
    }
}
