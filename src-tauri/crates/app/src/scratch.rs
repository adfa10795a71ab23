//! Folders for what does not fit into memory: under a key that is kept nowhere, and gone with their use.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cairn_imports::{SCRATCH_BUDGET, Scratch};

use crate::error::{Result, fault};

/// What the mark beside a folder ends in. It is locked as long as the folder is in use.
const MARK: &str = "in-use";

/// A folder of its own in a profile's `scratch`. Removed when it is dropped; where the program is killed
/// before, the next one does it.
pub(crate) struct ScratchFolder {
    scratch: Scratch,
    _in_use: File,
}

impl ScratchFolder {
    /// # Errors
    /// `io` where it cannot be made, `no_randomness`.
    pub fn new(scratch: &Path) -> Result<Self> {
        sweep(scratch);
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|e| fault("no_randomness", e.to_string()))?;
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| fault("no_randomness", e.to_string()))?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = scratch.join(name);
        let in_use = make(&folder).map_err(|e| {
            let message = format!(
                "'{}' cannot be made: {e}. Make room on the disk, or look at who may write there.",
                folder.display()
            );
            fault("io", message)
        })?;
        Ok(Self { scratch: Scratch { folder, key, budget: SCRATCH_BUDGET }, _in_use: in_use })
    }

    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        remove(&self.scratch.folder);
    }
}

fn mark_of(folder: &Path) -> PathBuf {
    folder.with_extension(MARK)
}

/// The mark comes first: a folder without one is nobody's.
fn make(folder: &Path) -> std::io::Result<File> {
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    let in_use = File::create(mark_of(folder))?;
    in_use.lock()?;
    fs::create_dir(folder)?;
    Ok(in_use)
}

fn remove(folder: &Path) {
    // Without its key what lies in it is noise, which the next program removes.
    let _ = fs::remove_dir_all(folder);
    let _ = fs::remove_file(mark_of(folder));
}

/// Removes what killed programs left: folders that nobody uses.
pub(crate) fn sweep(scratch: &Path) {
    // Where it cannot be read, there is nothing or it is told when a folder is made.
    let Ok(entries) = fs::read_dir(scratch) else { return };
    for entry in entries.flatten() {
        let folder = entry.path().with_extension("");
        let is_unused = match File::open(mark_of(&folder)) {
            Ok(mark) => mark.try_lock().is_ok(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if is_unused {
            remove(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_left_goes_and_what_is_in_use_stays() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        let used = ScratchFolder::new(&scratch).unwrap();
        fs::write(used.scratch().folder.join("0.scratch"), "in use").unwrap();
        // Killed: nobody holds the mark any more, or there never was one.
        fs::create_dir(scratch.join("aa")).unwrap();
        fs::write(scratch.join("aa/0.scratch"), "left").unwrap();
        fs::write(scratch.join("aa.in-use"), "").unwrap();
        fs::create_dir(scratch.join("bb")).unwrap();
        let names = || {
            let mut names: Vec<_> =
                fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names().len(), 5);
        sweep(&scratch);
        let folder = &used.scratch().folder;
        let own = [folder.clone(), mark_of(folder)].map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(names(), own);
        drop(used);
        assert_eq!(names(), [""; 0]);
    }
}
