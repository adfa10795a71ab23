//! The profile directory of this run, and that one window opens on it.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::Options;

/// Directory of the default profile inside the user's data directory.
const DEFAULT: &str = "org.cairn.desk";

/// Where this run keeps its data.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Absolute path of the profile directory; it exists.
    pub directory: PathBuf,
    /// File with the data key, if the user named one instead of the system keyring.
    pub key_file: Option<PathBuf>,
}

/// Held as long as the window is open; the system lets go of it when the program ends, however it
/// ends.
#[derive(Debug)]
pub struct OneWindow {
    _lock: File,
    wish: PathBuf,
}

impl Profile {
    /// The profile directory the user named, or the default one, made if it is missing.
    ///
    /// # Errors
    /// It cannot be made, or this system has no place for a user's data.
    pub fn prepare(options: Options) -> Result<Self> {
        let directory = match options.profile {
            Some(directory) => directory,
            None => dirs::data_local_dir().context("this system names no data directory")?.join(DEFAULT),
        };
        fs::create_dir_all(&directory)
            .with_context(|| format!("the profile directory {} cannot be made", directory.display()))?;
        Ok(Self { directory: directory.canonicalize()?, key_file: options.key_file })
    }

    /// Takes the profile for this window; `None` where another has it, which is then asked to come
    /// to the front.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn take(&self) -> Result<Option<OneWindow>> {
        let wish = self.directory.join("window.wish");
        let lock = File::create(self.directory.join("window.lock"))?;
        match lock.try_lock() {
            Ok(()) => {
                forget(&wish);
                Ok(Some(OneWindow { _lock: lock, wish }))
            }
            Err(TryLockError::WouldBlock) => {
                File::create(wish)?;
                Ok(None)
            }
            Err(TryLockError::Error(error)) => Err(error).context("the profile cannot be locked"),
        }
    }
}

impl OneWindow {
    /// Whether a second start asked for this window since the last time.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        fs::remove_file(&self.wish).is_ok()
    }
}

/// An old wish, of a start that met a window which is gone now.
fn forget(wish: &std::path::Path) {
    let _ = fs::remove_file(wish);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_second_start_on_a_profile_asks_the_first_to_show_itself() {
        let folder = tempfile::tempdir().unwrap();
        let options = || Options { profile: Some(folder.path().join("new")), ..Options::default() };
        let (first, second) = (Profile::prepare(options()).unwrap(), Profile::prepare(options()).unwrap());
        let window = first.take().unwrap().unwrap();
        assert!(!window.is_wanted());
        assert!(second.take().unwrap().is_none());
        assert!(window.is_wanted());
        assert!(!window.is_wanted());
        drop(window);
        assert!(second.take().unwrap().is_some());
    }
}
