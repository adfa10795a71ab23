//! The real service on embedded SQLite, on this machine alone.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::ctl;
use crate::process::{Running, built, run};
use crate::still::StillClock;

/// A service with its data; it can be stopped and started again at the same address.
#[derive(Debug)]
pub struct Service {
    data: PathBuf,
    port: u16,
    releases: Option<PathBuf>,
    keys: Option<(PathBuf, PathBuf)>,
    clock: Option<StillClock>,
    running: Option<Running>,
}

/// A person of the demo data who can sign in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Sign-in name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// What `seed-demo` made.
#[derive(Clone, Debug)]
pub struct Demo {
    people: Vec<(String, Person)>,
    /// Slugs; both specialists share the first.
    pub tenants: Vec<String>,
}

impl Service {
    /// A service whose data lies in `data`, at a free port; it does not run yet.
    ///
    /// # Errors
    /// No port is free.
    pub fn at(data: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { data: data.to_owned(), port, releases: None, keys: None, clock: None, running: None })
    }

    /// Will listen where `other` did.
    pub fn take_place_of(&mut self, other: &Self) {
        self.port = other.port;
    }

    /// Offers the releases in a folder, from the next start on.
    pub fn offer_releases(&mut self, folder: &Path) {
        self.releases = Some(folder.to_owned());
    }

    /// Speaks TLS with this certificate and its key, from the next start on.
    pub fn speak_tls(&mut self, certificate: &Path, key: &Path) {
        self.keys = Some((certificate.to_owned(), key.to_owned()));
    }

    /// Lets its clock stand still, from the next command on.
    pub fn stand_still(&mut self, clock: &StillClock) {
        self.clock = Some(clock.clone());
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for laptops.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.keys.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// A command of the service's program over its data.
    ///
    /// # Errors
    /// The program was not built.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(built("cairn-service")?);
        command.arg("--data").arg(&self.data).arg("--json").args(words);
        if let Some(clock) = &self.clock {
            clock.set(&mut command);
        }
        Ok(command)
    }

    /// How to serve, for a caller that starts and kills the program itself.
    ///
    /// # Errors
    /// The program was not built.
    pub fn serving(&self) -> Result<Command> {
        let mut command = self.command(&["serve", "--listen", &format!("127.0.0.1:{}", self.port)])?;
        if let Some(releases) = &self.releases {
            command.arg("--releases").arg(releases);
        }
        if let Some((certificate, key)) = &self.keys {
            command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        }
        Ok(command)
    }

    /// Makes the demo data.
    ///
    /// # Errors
    /// The service says so.
    pub fn seed(&self, tenants: usize) -> Result<Demo> {
        let made = run(&mut self.command(&["seed-demo", "--tenants", &tenants.to_string()])?)?;
        let made: Value = serde_json::from_str(&made)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| made[name].as_array().cloned().unwrap_or_default();
        let person =
            |p: &Value| (text(&p["role"]), Person { name: text(&p["name"]), password: text(&p["password"]) });
        Ok(Demo {
            people: list("people").iter().map(person).collect(),
            tenants: list("tenants").iter().map(text).collect(),
        })
    }

    /// Makes a person of the same organisation as the demo data's, assigned to these tenants.
    ///
    /// # Errors
    /// The service says so.
    pub fn add_person(&self, name: &str, role: &str, tenants: &[&str]) -> Result<Person> {
        let password = format!("{name}, made for a test");
        let mut command = self.command(&["user", "create", name, "--role", role, "--password-stdin"])?;
        command.args(tenants.iter().flat_map(|slug| ["--tenant", slug]));
        let made = ctl::answer(&mut command, &password)?;
        ensure!(made.code == 0, "{name} was not made: {}", made.error);
        Ok(Person { name: name.to_owned(), password })
    }

    /// Makes a tenant that has no project yet, and assigns a person to it.
    ///
    /// # Errors
    /// The service says so.
    pub fn add_tenant(&self, slug: &str, name: &str, person: &Person) -> Result<()> {
        run(&mut self.command(&["tenant", "create", slug, "--name", name])?)?;
        self.assign(person, slug)
    }

    /// Assigns a person to a tenant.
    ///
    /// # Errors
    /// The service says so.
    pub fn assign(&self, person: &Person, slug: &str) -> Result<()> {
        run(&mut self.command(&["user", "assign", &person.name, "--tenant", slug])?).map(drop)
    }

    /// Takes a person off a tenant.
    ///
    /// # Errors
    /// The service says so.
    pub fn unassign(&self, person: &Person, slug: &str) -> Result<()> {
        run(&mut self.command(&["user", "unassign", &person.name, "--tenant", slug])?).map(drop)
    }

    /// Serves; returns when it listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&mut self) -> Result<()> {
        let serving = self.serving()?;
        self.start_as(serving)
    }

    /// Serves by this command, made of [`Service::serving`]; returns when it listens.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_as(&mut self, mut serving: Command) -> Result<()> {
        let (running, line) = Running::start_and_hear(serving.stderr(Stdio::null()))?;
        if !line.contains(&self.port.to_string()) {
            bail!("the service says {line:?}");
        }
        self.running = Some(running);
        Ok(())
    }

    /// Asks it to end (SIGTERM), as an administrator would, and waits until it has.
    ///
    /// # Errors
    /// It does not run, or does not end well.
    pub fn stop(&mut self) -> Result<()> {
        let mut running = self.running.take().context("the service does not run")?;
        let id = i32::try_from(running.child().id()).ok().and_then(Pid::from_raw).context("no process")?;
        kill_process(id, Signal::TERM)?;
        running.succeed()
    }

    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.running = None;
    }
}

impl Demo {
    /// The `n`th person in a role.
    ///
    /// # Errors
    /// The demo data has no such person.
    pub fn person(&self, role: &str, n: usize) -> Result<Person> {
        let mut fitting = self.people.iter().filter(|(r, _)| r == role);
        fitting.nth(n).map(|(_, p)| p.clone()).with_context(|| format!("no {role} number {n}"))
    }
}
