//! `cargo xtask demo`: from a checkout to an open window.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::node::{self, Interface};
use crate::system::{self, Need};
use crate::{graph, shell};

/// The program that walks through the windows without a display.
const WALK: &str = "demo";

/// Role of the person whose desk the demo opens.
const SPECIALIST: &str = "IMPL_SPEC";

/// How the demo runs; see `cargo xtask demo --help`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Options {
    /// Drive the windows under Xvfb and save their screenshots to target/demo, even when there is
    /// a display.
    #[arg(long)]
    pub headless: bool,
}

/// Installs or names what is missing, builds, starts the service with demo data under `target/demo`
/// and opens the desktop app signed in as a specialist; the service ends with the window. Without a
/// display, tells the main story in real windows under Xvfb.
///
/// # Errors
/// Packages are missing, something does not build, or a step of the story is not as told.
pub fn run(options: &Options) -> Result<()> {
    let metadata = graph::load()?;
    let target = graph::target(&metadata);
    let headless = options.headless || !has_display();
    system::ensure_packages(if headless { Need::Tests } else { Need::Build })?;
    if let Some(interface) = Interface::find(&graph::root(&metadata))? {
        interface.build(&node::ensure(&target)?)?;
    }
    // Not the tests: who only wants to look need not wait for them. With the examples cargo chooses the
    // features that the tests need as well, so that `cargo xtask test` afterwards goes on from here.
    shell::run(shell::cargo().args(["build", "--locked", "--workspace", "--bins", "--examples"]))?;
    if headless {
        system::ensure_tauri_driver(&target)?;
        return shell::run(&mut Command::new(target.join("debug").join(WALK)));
    }
    Stage { programs: target.join("debug"), folder: target.join("demo") }.open()
}

/// Where the demo takes place.
#[derive(Debug)]
pub struct Stage {
    /// Folder of the built programs.
    pub programs: PathBuf,
    /// Folder of everything it keeps, made where it is missing; the next demo goes on there.
    pub folder: PathBuf,
}

/// The demo's service; dropped, it ends.
#[derive(Debug)]
struct Service(Child);

/// All is set: the service runs, and a specialist is signed in on the stage's profile.
#[derive(Debug)]
pub struct Scene {
    _service: Service,
    /// The service's address.
    pub url: String,
    /// Everyone who can sign in there.
    people: Vec<Value>,
    /// Sign-in name of the specialist.
    pub specialist: String,
}

impl Stage {
    fn open(&self) -> Result<()> {
        let scene = self.set()?;
        println!("\nThe service is at {}. Everyone who can sign in there:\n", scene.url);
        for person in &scene.people {
            let text = |name: &str| person[name].as_str().unwrap_or_default();
            println!("    {:<14}{:<16}{}", text("name"), text("password"), text("role"));
        }
        println!("\nOpening the desk of {}. The service ends with the window.\n", scene.specialist);
        shell::run(&mut self.profile("cairn"))
    }

    /// Makes the demo data, starts the service and signs the specialist in.
    ///
    /// # Errors
    /// A program is not there, or a step fails.
    pub fn set(&self) -> Result<Scene> {
        fs::create_dir_all(&self.folder)?;
        let made: Value = serde_json::from_str(&shell::output(&mut self.service(&["seed-demo"]))?)?;
        let (service, url) = self.serve()?;
        let people = made["people"].as_array().cloned().unwrap_or_default();
        let person = people.iter().find(|person| person["role"] == SPECIALIST);
        let person = person.context("the demo data has no specialist")?;
        let text = |name: &str| person[name].as_str().unwrap_or_default().to_owned();
        let specialist = text("name");
        self.sign_in(&url, &specialist, &text("password"))?;
        Ok(Scene { _service: service, url, people, specialist })
    }

    /// Where the specialist's data lies.
    #[must_use]
    pub fn profile_folder(&self) -> PathBuf {
        self.folder.join("profile")
    }

    /// Where the key to it lies: the demo leaves nothing in the keyring of whoever tries it.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("profile.key")
    }

    fn service(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join("cairn-service"));
        command.arg("--data").arg(self.folder.join("data")).arg("--json").args(words);
        command
    }

    /// A program on the specialist's profile.
    fn profile(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--profile").arg(self.profile_folder());
        command.arg("--key-file").arg(self.key_file());
        command
    }

    fn serve(&self) -> Result<(Service, String)> {
        let log = fs::File::create(self.folder.join("service.log"))?;
        let address = self.address();
        let mut command = self.service(&["serve", "--listen", &address]);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn()?;
        let output = child.stdout.take().context("the service has no standard output")?;
        let service = Service(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).with_context(|| {
            format!("the service does not start; see {}/service.log", self.folder.display())
        })?;
        Ok((service, said["url"].as_str().unwrap_or_default().to_owned()))
    }

    /// The address of the last run, so that its profile still fits; at first any free one.
    fn address(&self) -> String {
        let file = self.folder.join("address");
        let free = || Some(std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.to_string());
        if let Ok(known) = fs::read_to_string(&file) {
            return known;
        }
        let address = free().unwrap_or_else(|| "127.0.0.1:8787".to_owned());
        // Without the file the next run signs in again, which works as well.
        let _ = fs::write(&file, &address);
        address
    }

    fn sign_in(&self, url: &str, name: &str, password: &str) -> Result<()> {
        let mut command = self.profile("cairnctl");
        command.args(["login", "--server", url, "--user", name, "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let mut input = child.stdin.take().context("cairnctl has no standard input")?;
        input.write_all(password.as_bytes())?;
        drop(input);
        let status = child.wait()?;
        if !status.success() {
            bail!("{name} cannot sign in ({status}); remove {} to start afresh", self.folder.display());
        }
        shell::run(self.profile("cairnctl").arg("sync"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already; SQLite needs no goodbye.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| shell::variable(name).is_some_and(|value| !value.is_empty()))
}
