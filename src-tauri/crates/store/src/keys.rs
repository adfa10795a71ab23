//! The data key: 32 random bytes that encrypt the database, and where they are kept.

use zeroize::Zeroize;

use crate::StoreError;
use crate::entropy::Entropy;

/// The key of the database. Zeroed when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey([u8; 32]);

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl DataKey {
    /// A key from its 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random(entropy: &mut dyn Entropy) -> Result<Self, StoreError> {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    /// The bytes, for wrapping.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// Why the key of an existing profile cannot be had. Never a reason to make a fresh database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    /// The keyring has no such key. A locked keyring can look like this.
    #[error(
        "The system keyring does not have the key of this profile. Unlock it, or use the recovery passphrase."
    )]
    Absent,
    /// The keyring is locked.
    #[error("The system keyring is locked. Unlock it, or use the recovery passphrase.")]
    Locked,
    /// The key does not open the database.
    #[error("This key or passphrase does not open the database.")]
    Wrong,
    /// The keyring does not answer.
    #[error("The system keyring does not answer. Use the recovery passphrase, or try again.")]
    Hanging,
    /// The key was kept in another kind of keyring than the one that answers now.
    #[error(
        "The key of this profile is kept in another keyring than the one running now. Use the recovery passphrase."
    )]
    BackendChanged,
}

impl KeyTrouble {
    /// The code to branch on.
    pub fn code(self) -> &'static str {
        match self {
            Self::Absent => "key_absent",
            Self::Locked => "key_locked",
            Self::Wrong => "key_wrong",
            Self::Hanging => "key_hanging",
            Self::BackendChanged => "key_backend_changed",
        }
    }
}
