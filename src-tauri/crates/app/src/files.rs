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
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The error that counts is the first one.
        let _ = std::fs::remove_file(path);
    }
    written
}
