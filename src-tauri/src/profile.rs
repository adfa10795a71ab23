//! The profile directory of this run, and that one window opens on it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

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

/// What a second start asks of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The file to open; without one, the window only comes to the front.
    pub file: Option<PathBuf>,
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
    /// to the front and to open `file`.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn take(&self, file: Option<&Path>) -> Result<Option<OneWindow>> {
        let wish = self.directory.join("window.wish");
        let lock = File::create(self.directory.join("window.lock"))?;
        match lock.try_lock() {
            Ok(()) => {
                forget(&wish);
                Ok(Some(OneWindow { _lock: lock, wish }))
            }
            Err(TryLockError::WouldBlock) => {
                // Whole or not at all: the other window may be reading.
                let fresh = self.directory.join(format!("window.wish.{}", std::process::id()));
                fs::write(&fresh, file.map(|file| file.as_os_str().as_encoded_bytes()).unwrap_or_default())?;
                fs::rename(&fresh, &wish)?;
                Ok(None)
            }
            Err(TryLockError::Error(error)) => Err(error).context("the profile cannot be locked"),
        }
    }
}

impl OneWindow {
    /// Whether a second start asked for this window since the last time, and which file it named.
    #[must_use]
    pub fn wish(&self) -> Option<Wish> {
        let said = fs::read(&self.wish).ok()?;
        forget(&self.wish);
        let file = String::from_utf8(said).ok().filter(|file| !file.is_empty());
        Some(Wish { file: file.map(PathBuf::from) })
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
        let window = first.take(None).unwrap().unwrap();
        assert_eq!(window.wish(), None);
        assert!(second.take(None).unwrap().is_none());
        assert_eq!(window.wish(), Some(Wish { file: None }));
        assert_eq!(window.wish(), None);
        let file = PathBuf::from("/home/ana/own.playbook.toml");
        assert!(second.take(Some(&file)).unwrap().is_none());
        assert_eq!(window.wish(), Some(Wish { file: Some(file) }));
        drop(window);
        assert!(second.take(None).unwrap().is_some());
    }
}
