//! A laptop without a window: `cairnctl` on a profile of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::built;
use crate::service::Person;

/// A profile with its key file.
#[derive(Clone, Debug)]
pub struct Laptop {
    /// Profile directory.
    pub profile: PathBuf,
    /// Key file.
    pub key: PathBuf,
}

/// How one command ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// What it printed, as JSON; null where it printed none.
    pub json: Value,
    /// The error, as JSON; null where there was none.
    pub error: Value,
}

impl Laptop {
    /// A laptop with its data under `folder`; nothing is made yet.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { profile: folder.join(name), key: folder.join(format!("{name}.key")) }
    }

    /// The command, not started.
    ///
    /// # Errors
    /// `cairnctl` was not built.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = self.plain()?;
        command.arg("--json").args(words);
        Ok(command)
    }

    /// The command as a person types it: it prints plain lines.
    ///
    /// # Errors
    /// `cairnctl` was not built.
    pub fn plain(&self) -> Result<Command> {
        let mut command = Command::new(built("cairnctl")?);
        command.arg("--profile").arg(&self.profile).arg("--key-file").arg(&self.key);
        Ok(command)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, words: &[&str]) -> Result<Answer> {
        self.run_with(words, "")
    }

    /// The same with something on its standard input.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run_with(&self, words: &[&str], input: &str) -> Result<Answer> {
        answer(&mut self.command(words)?, input)
    }

    /// The JSON of a command that has to succeed.
    ///
    /// # Errors
    /// It did not exit with 0.
    pub fn ok(&self, words: &[&str]) -> Result<Value> {
        let answer = self.run(words)?;
        ensure!(answer.code == 0, "cairnctl {words:?} ended with {}: {}", answer.code, answer.error);
        Ok(answer.json)
    }

    /// Signs in.
    ///
    /// # Errors
    /// The service or the profile refuses.
    pub fn login(&self, server: &str, person: &Person) -> Result<()> {
        let words = ["login", "--server", server, "--user", &person.name, "--password-stdin"];
        let answer = self.run_with(&words, &person.password)?;
        ensure!(answer.code == 0, "sign-in ended with {}: {}", answer.code, answer.error);
        Ok(())
    }
}

/// Runs `command` with `input` and reads what it printed.
///
/// # Errors
/// It cannot be started, or was killed.
pub fn answer(command: &mut Command, input: &str) -> Result<Answer> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A command that does not read may have ended already.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    Ok(Answer {
        code: output.status.code().context("it was killed")?,
        json: json(&output.stdout),
        error: json(&output.stderr),
    })
}
