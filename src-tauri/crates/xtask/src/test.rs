//! `cargo xtask test`: everything, in stages.
//!
//! All test programs are built once, in one go: cargo chooses the features of shared crates by the
//! packages it builds together, so building them package by package would compile much of the tree
//! several times, and test something else than what ships.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Message, Metadata};

use crate::node::{self, Interface};
use crate::stages::{Outcome, Stages};
use crate::system::{self, Need};
use crate::{graph, lint, shell, sim};

/// Seeds of the simulator in a full run.
const SEEDS: u64 = 1_000;

/// The package of the whole-system tests.
const SYSTEM: &str = "cairn-tests";

/// Its test program that cuts the power; it needs root and loop devices.
const POWER_CUTS: &str = "power_cut";

/// See `cargo xtask test --help`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Run only these stages (and what they need): lint, ui, core, service, simulator, desktop,
    /// system, power.
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub only: Vec<String>,
}

/// The stages somebody can ask for.
const NAMES: &[&str] = &["lint", "ui", "core", "service", "simulator", "desktop", "system", "power"];

/// Runs the stages in order, stops at the first that fails, and always prints the table.
///
/// # Errors
/// The first stage that failed, by name.
pub fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|name| !NAMES.contains(&name.as_str())) {
        bail!("there is no stage `{unknown}`; there are: {}", NAMES.join(", "));
    }
    let mut stages = Stages::default();
    let done = all(options, &mut stages);
    println!("\n{}", stages.table());
    done
}

fn all(options: &Options, stages: &mut Stages) -> Result<()> {
    let wants = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let metadata = graph::load()?;
    let target = graph::target(&metadata);
    stages.run("prepare", || prepare(&target))?;
    // In a full run clippy takes minutes that the window tests leave free.
    let clippy_later = wants(LINT_STAGE) && wants(SYSTEM_STAGE);
    if wants(LINT_STAGE) {
        let lint = if clippy_later { lint::quick } else { lint::run };
        stages.run(LINT_STAGE, || lint().map(|()| Outcome::Done))?;
    }
    if wants("ui") {
        stages.run("ui", || interface(&metadata, &target))?;
    }
    let mut built = Built::default();
    if NAMES[2..].iter().any(|name| wants(name)) {
        stages.run("build", || build(&metadata).map(|programs| built = programs).map(|()| Outcome::Done))?;
    }
    let (mut power, mut clippy) = (None, None);
    for (name, stage) in TEST_STAGES {
        if !wants(name) {
            continue;
        }
        if *name == SYSTEM_STAGE && wants(POWER_STAGE) {
            power = Some(Beside::start(POWER_STAGE, built.command(is_power_cut)?, &target)?);
        }
        if *name == SYSTEM_STAGE && clippy_later {
            clippy = Some(Beside::start("clippy", idle_clippy(), &target)?);
        }
        match power.take_if(|_| *name == POWER_STAGE) {
            Some(running) => stages.run(name, || running.finish())?,
            None => stages.run(name, || stage(&metadata, &built))?,
        }
    }
    match clippy {
        Some(running) => stages.run("clippy", || running.finish()),
        None => Ok(()),
    }
}

const LINT_STAGE: &str = "lint";
/// Both wait for windows and disks more than they compute: in a full run they share the time.
const SYSTEM_STAGE: &str = "system";
const POWER_STAGE: &str = "power";

/// Clippy, at the priority that leaves the processors to whoever else wants them.
fn idle_clippy() -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(shell::cargo().get_program()).args(lint::CLIPPY);
    command
}

fn is_power_cut(package: &str, program: &str) -> bool {
    package == SYSTEM && program == POWER_CUTS
}

/// A stage that runs what the stage `build` has built.
type TestStage = fn(&Metadata, &Built) -> Result<Outcome>;

const TEST_STAGES: &[(&str, TestStage)] = &[
    ("core", |_, built| {
        built.test(|package, _| !["cairn", "cairn-service", SYSTEM].contains(&package))?;
        shell::run(shell::cargo().args(["test", "--locked", "--workspace", "--doc"])).map(|()| Outcome::Done)
    }),
    ("service", |_, built| built.test(|package, _| package == "cairn-service")),
    ("simulator", simulate),
    ("desktop", |_, built| built.test(|package, _| package == "cairn")),
    (SYSTEM_STAGE, |_, built| {
        built.test(|package, program| package == SYSTEM && !is_power_cut(package, program))
    }),
    (POWER_STAGE, |_, built| built.test(is_power_cut)),
];

fn prepare(target: &Path) -> Result<Outcome> {
    system::ensure_packages(Need::Tests)?;
    system::ensure_tauri_driver(target)?;
    Ok(Outcome::Done)
}

fn interface(metadata: &Metadata, target: &Path) -> Result<Outcome> {
    match Interface::find(&graph::root(metadata))? {
        Some(interface) => interface.check_and_build(&node::ensure(target)?),
        None => Ok(Outcome::Absent("no ui/package.json in this checkout")),
    }
}

/// What the stage `build` has built.
#[derive(Debug, Default)]
struct Built {
    tests: Vec<TestProgram>,
    /// Ordinary programs by package and name.
    programs: BTreeMap<(String, String), PathBuf>,
}

#[derive(Debug)]
struct TestProgram {
    package: String,
    /// Name of the library, program or file in `tests/` that it tests.
    name: String,
    file: PathBuf,
    /// Folder of the package: where cargo would start it.
    folder: PathBuf,
}

fn build(metadata: &Metadata) -> Result<Built> {
    let mut built = Built::default();
    artifacts(|artifact, file| {
        let Some(package) = metadata.packages.iter().find(|package| package.id == artifact.package_id) else {
            return;
        };
        let (package, folder) = (package, package.manifest_path.parent());
        let name = artifact.target.name.clone();
        if artifact.profile.test {
            let folder = folder.map(|folder| folder.to_owned().into_std_path_buf()).unwrap_or_default();
            built.tests.push(TestProgram { package: package.name.to_string(), name, file, folder });
        } else {
            built.programs.insert((package.name.to_string(), name), file);
        }
    })?;
    built.tests.sort_by(|a, b| (&a.package, &a.name, &a.file).cmp(&(&b.package, &b.name, &b.file)));
    Ok(built)
}

/// What a full run builds, in one go: built apart from the tests, the programs would be compiled with
/// fewer features of the packages they share, and Tauri and what stands on it a second time.
const EVERYTHING: &[&str] = &["build", "--locked", "--workspace", "--bins", "--tests", "--examples"];

/// Builds [`EVERYTHING`] and hands over every program.
fn artifacts(mut take: impl FnMut(&cargo_metadata::Artifact, PathBuf)) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(EVERYTHING).args(["--message-format", "json-render-diagnostics"]);
    println!("$ cargo {}", EVERYTHING.join(" "));
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo has no standard output")?;
    for message in Message::parse_stream(std::io::BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message?
            && let Some(file) = artifact.executable.clone()
        {
            take(&artifact, file.into_std_path_buf());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo {} ended with {status}", EVERYTHING.join(" "));
    }
    Ok(())
}

impl Built {
    /// Runs the test programs that `wanted` (package, name) picks, as cargo would.
    fn test(&self, wanted: impl Fn(&str, &str) -> bool) -> Result<Outcome> {
        let tests: Vec<_> = self.tests.iter().filter(|test| wanted(&test.package, &test.name)).collect();
        if tests.is_empty() {
            bail!("no test program was built for this stage");
        }
        for test in tests {
            println!("\n{} ({})", test.package, test.name);
            shell::run(&mut test.command())?;
        }
        Ok(Outcome::Done)
    }

    /// How to start the one test program that `wanted` (package, name) picks.
    fn command(&self, wanted: impl Fn(&str, &str) -> bool) -> Result<Command> {
        let test = self.tests.iter().find(|test| wanted(&test.package, &test.name));
        Ok(test.context("no test program was built for this stage")?.command())
    }
}

impl TestProgram {
    /// Starts it as cargo would.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        // A test that fails says why in its last line; whatever RUST_BACKTRACE is, the frames of the
        // runtime would only push that out of sight.
        command.env("RUST_BACKTRACE", "0").env("RUST_LIB_BACKTRACE", "0");
        command.current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// A program that runs beside a stage; dropped, it ends.
struct Beside {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Beside {
    /// Starts it; what it says goes to a file in `target` until [`Beside::finish`].
    fn start(name: &'static str, mut command: Command, target: &Path) -> Result<Self> {
        let log = target.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let child = command.stdout(output.try_clone()?).stderr(output).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start {name}"))?, name, log })
    }

    /// Waits for its end and shows what it said.
    fn finish(mut self) -> Result<Outcome> {
        let status = self.child.wait()?;
        println!("{}", fs::read_to_string(&self.log)?);
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(Outcome::Done)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn simulate(_: &Metadata, built: &Built) -> Result<Outcome> {
    let (package, program) = sim::SIMULATOR;
    let Some(file) = built.programs.get(&(package.to_owned(), program.to_owned())) else {
        return Ok(Outcome::Absent("no simulator in this checkout"));
    };
    sim::run_built(file, &sim::Options { seeds: SEEDS, first: 0, planted: false })?;
    sim::run_built(file, &sim::Options { seeds: SEEDS, first: 0, planted: true })?;
    Ok(Outcome::Done)
}
