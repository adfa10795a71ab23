//! A clock that stands still, so that what programs write and show is the same on every run.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The library of Debian's package `faketime` for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A time that programs take for now, however long they run. Whatever waits goes on waiting in real
/// time.
#[derive(Clone, Debug)]
pub struct StillClock {
    library: PathBuf,
    time: String,
}

impl StillClock {
    /// A clock that stands at `time`, in UTC, as in `2026-03-02 09:00:00`.
    ///
    /// # Errors
    /// The package `faketime` is missing.
    pub fn at(time: &str) -> Result<Self> {
        // Debian keeps libraries by architecture: /usr/lib/x86_64-linux-gnu and the like.
        let folders = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path());
        let library = folders.map(|folder| folder.join(LIBRARY)).find(|file| file.exists());
        let library = library.context("the package faketime is missing")?;
        Ok(Self { library, time: time.to_owned() })
    }

    /// Gives it to a program that starts.
    pub fn set(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME", &self.time).env("TZ", "UTC");
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
    }
}
