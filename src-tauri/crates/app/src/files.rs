//! Files that only their owner may read.

use std::fs::File;
use std::io::{Result, Write as _};
use std::path::Path;

/// Writes a new file with mode 0600 and waits until the disk has it. One that is there already stays
/// as it is; one that could not be written whole is removed.
///
/// # Errors
/// What the system says; `AlreadyExists` where there is such a file.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    write_private_with(path, |file| file.write_all(bytes))
}

fn write_private_with<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = write(&mut file).and_then(|done| file.sync_all().map(|()| done));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Replaces a file by a new one with mode 0600 so that a power cut leaves the old or the new one.
///
/// # Errors
/// What the system says; the old file is there then.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_private_with(path, |file| file.write_all(bytes))
}

/// As [`replace_private`], of what `write` writes; answers what it answers.
///
/// # Errors
/// What the system or `write` says; the old file is there then.
pub(crate) fn replace_private_with<T>(path: &Path, write: impl FnOnce(&mut File) -> Result<T>) -> Result<T> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = Path::new(&name);
    // One that a power cut left behind.
    if fresh.exists() {
        std::fs::remove_file(fresh)?;
    }
    let done = write_private_with(fresh, write)?;
    std::fs::rename(fresh, path)?;
    sync_folder(path)?;
    Ok(done)
}

/// Makes the rename outlive a power cut; directories cannot be opened for that on Windows, where the
/// file system journals renames itself.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<()> {
    // A bare name lies in the folder of the program.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<()> {
    Ok(())
}
