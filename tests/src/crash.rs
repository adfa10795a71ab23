//! Programs that end at one of their changes to files, as if they were killed there: before each of them in
//! turn. `crash_point.c` does it, in C because interposing on the C library needs `unsafe`, which this
//! workspace forbids; the C compiler is there for SQLCipher anyway.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::run;

/// What ends them: a library that is loaded before the C library.
#[derive(Debug)]
pub struct CrashPoint {
    library: PathBuf,
}

/// A change to a file, the first being 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Which one.
    pub change: u64,
    /// Whether half of it happens, where it is a write.
    pub is_torn: bool,
}

impl CrashPoint {
    /// Compiles it into `folder`.
    ///
    /// # Errors
    /// There is no C compiler.
    pub fn build(folder: &Path) -> Result<Self> {
        let library = folder.join("crash_point.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/crash_point.c");
        run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source))?;
        Ok(Self { library })
    }

    /// Sets a command, that was not started, to end at a change under the folder.
    pub fn set(&self, command: &mut Command, under: &Path, at: At) {
        self.prepare(command, under).env("CRASH_AT", at.change.to_string());
        if at.is_torn {
            command.env("CRASH_TORN", "1");
        }
    }

    fn prepare<'c>(&self, command: &'c mut Command, under: &Path) -> &'c mut Command {
        command.env("LD_PRELOAD", &self.library).env("CRASH_UNDER", under)
    }

    /// Runs a command to its good end and counts its changes under the folder.
    ///
    /// # Errors
    /// It does not succeed.
    pub fn count(&self, command: &mut Command, under: &Path) -> Result<u64> {
        let count = self.library.with_extension("count");
        run(self.prepare(command, under).env("CRASH_COUNT", &count))?;
        Ok(fs::read_to_string(count)?.trim().parse()?)
    }

    /// Runs a command that is to end at a change. Answers what it printed where it ended well before,
    /// because it had fewer changes to make this time.
    ///
    /// # Errors
    /// It ended badly otherwise.
    pub fn crash(&self, command: &mut Command, under: &Path, at: At) -> Result<Option<Output>> {
        self.set(command, under, at);
        let output = command.stdin(Stdio::null()).output().context("it cannot be started")?;
        match (output.status.signal(), output.status.code()) {
            (Some(9), _) => Ok(None),
            (_, Some(0)) => Ok(Some(output)),
            _ => bail!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
        }
    }
}

/// At most `most` of `all` changes, spread evenly; every second of them is torn.
pub fn spread(all: u64, most: u64) -> impl Iterator<Item = At> {
    let count = all.min(most);
    (1..=count).map(move |n| At { change: n * all / count, is_torn: n % 2 == 0 })
}

/// Copies a folder with all that is in it.
///
/// # Errors
/// The disk's.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
