//! Programs that end with the test that started them.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A running program with all it started: dropped, the whole process group is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// Starts `command` and reads the first line of its standard output: how many programs say that
    /// they are ready.
    ///
    /// # Errors
    /// The program cannot be started, or ends without a word.
    pub fn start_and_hear(command: &mut Command) -> Result<(Self, String)> {
        let mut running = Self::start(command.stdout(Stdio::piped()))?;
        let output = running.child().stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let line = line.trim().to_owned();
        if line.is_empty() {
            bail!("{} ended before it was ready", command.get_program().display());
        }
        Ok((running, line))
    }

    /// The program itself, for its pipes and exit code.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn succeed(&mut self) -> Result<()> {
        let status = self.child.wait()?;
        if !status.success() {
            bail!("a program ended with {status}");
        }
        Ok(())
    }

    /// Sends the program a signal: `STOP` lets it live and answer nothing.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no process")?;
        Ok(kill_process(process, signal)?)
    }

    /// Kills the program and all it started (SIGKILL), and waits for the program.
    pub fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The group may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs `command` to its end and gives its standard output.
///
/// # Errors
/// It cannot be started or does not succeed; its standard error is in the message.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Asks again and again until `ready` answers, for programs that have no other way to say so.
///
/// # Errors
/// No answer within `limit`; the last error is in the message.
#[allow(clippy::disallowed_methods, reason = "the one place that waits for foreign programs")]
pub fn wait_for<T>(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match ready() {
            Ok(answer) => return Ok(answer),
            Err(error) if start.elapsed() > limit => return Err(error.context(format!("{what}: not ready"))),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Cargo's target directory of this build.
///
/// # Errors
/// This program does not stand in a target directory.
pub fn target_dir() -> Result<PathBuf> {
    profile_dir()?.parent().map(Path::to_owned).context("the profile directory has no parent")
}

/// A program that this build made, such as `cairn`.
///
/// # Errors
/// It was not built; `cargo xtask test` builds all of them before the tests.
pub fn built(program: &str) -> Result<PathBuf> {
    let file = profile_dir()?.join(program);
    if !file.exists() {
        bail!("{} is not there; run: cargo build --workspace --bins", file.display());
    }
    Ok(file)
}

/// An example that this build made: a program that never ships.
///
/// # Errors
/// It was not built; `cargo xtask test` builds all of them before the tests.
pub fn example(program: &str) -> Result<PathBuf> {
    let file = profile_dir()?.join("examples").join(program);
    if !file.exists() {
        bail!("{} is not there; run: cargo build --workspace --examples", file.display());
    }
    Ok(file)
}

/// `target/debug`, from `target/debug/deps/<test>` or `target/debug/<program>`.
fn profile_dir() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.parent().context("this program stands nowhere")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}
