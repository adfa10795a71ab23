//! The desk's Secret Service, and what can go wrong with one.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use crate::desk::Settings;
use crate::process::{Running, run};

/// Password of the desk's keyring.
const PASSWORD: &str = "desk";

const SECRETS: &str = "org.freedesktop.secrets";

/// A real keyring daemon, started unlocked.
#[derive(Debug)]
pub struct Keyring {
    settings: Settings,
    daemon: Option<Running>,
}

impl Keyring {
    /// Starts the daemon; returns when it answers.
    pub(crate) fn start(settings: &Settings) -> Result<Self> {
        let mut keyring = Self { settings: settings.clone(), daemon: None };
        keyring.start_again()?;
        Ok(keyring)
    }

    /// Starts the daemon after [`Keyring::end`], unlocked and with the entries it had.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self) -> Result<()> {
        let mut command = self.settings.command("gnome-keyring-daemon");
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut daemon =
            Running::start(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut input = daemon.child().stdin.take().context("no standard input")?;
        input.write_all(PASSWORD.as_bytes())?;
        // The end of the input is the end of the password.
        drop(input);
        self.settings.wait_for_name(SECRETS)?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Ends the daemon: nobody serves secrets any more.
    pub fn end(&mut self) {
        self.daemon = None;
    }

    /// Locks it, as the screen lock of some desktops does.
    ///
    /// # Errors
    /// It does not answer.
    pub fn lock(&self) -> Result<()> {
        let collection = "['/org/freedesktop/secrets/collection/login']";
        self.call("/org/freedesktop/secrets", "Service.Lock", collection).map(drop)
    }

    /// It is there and never answers again, until [`Keyring::wake`].
    ///
    /// # Errors
    /// It does not run.
    pub fn hang(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Ends [`Keyring::hang`].
    ///
    /// # Errors
    /// It does not run.
    pub fn wake(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Deletes every entry that Cairn made.
    ///
    /// # Errors
    /// It does not answer.
    pub fn forget(&self) -> Result<()> {
        let ours = "{'service': 'org.cairn.desk'}";
        let found = self.call("/org/freedesktop/secrets", "Service.SearchItems", ours)?;
        // Printed as `([objectpath '/org/...', '/org/...'], @ao [])`.
        for item in found.split('\'').filter(|part| part.starts_with('/')) {
            self.call(item, "Item.Delete", "")?;
        }
        Ok(())
    }

    fn call(&self, path: &str, method: &str, argument: &str) -> Result<String> {
        let mut command = self.settings.command("gdbus");
        command.args(["call", "--session", "--dest", SECRETS, "--object-path", path]);
        command.args(["--method", &format!("org.freedesktop.Secret.{method}")]);
        run(command.args(Some(argument).filter(|argument| !argument.is_empty())))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.daemon.as_ref().context("the keyring does not run")?.signal(signal)
    }
}
