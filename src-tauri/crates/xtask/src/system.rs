//! What has to be on the machine: packages of the system and the WebDriver of the desktop tests.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// How to see whether a package is there.
#[derive(Clone, Copy)]
enum Probe {
    /// A library, by its pkg-config name.
    Library(&'static str),
    /// A program on `PATH`.
    Program(&'static str),
    /// A program that Debian keeps off `PATH`, in `/usr/lib/postgresql/<version>/bin`.
    Postgres(&'static str),
    /// A file or folder.
    Path(&'static str),
}

/// What building needs: (probe, Debian package).
const BUILD: &[(Probe, &str)] = &[
    (Probe::Program("cc"), "build-essential"),
    (Probe::Program("make"), "build-essential"),
    (Probe::Program("perl"), "perl"),
    (Probe::Program("pkg-config"), "pkg-config"),
    (Probe::Program("git"), "git"),
    (Probe::Library("gtk+-3.0"), "libgtk-3-dev"),
    (Probe::Library("webkit2gtk-4.1"), "libwebkit2gtk-4.1-dev"),
];

/// What the tests need on top.
const TESTS: &[(Probe, &str)] = &[
    (Probe::Program("Xvfb"), "xvfb"),
    (Probe::Program("WebKitWebDriver"), "webkit2gtk-driver"),
    (Probe::Program("xdotool"), "xdotool"),
    (Probe::Program("chromium"), "chromium"),
    (Probe::Program("chromedriver"), "chromium-driver"),
    (Probe::Program("faketime"), "faketime"),
    // For whoever sets OPENSSL_NO_VENDOR, as `.ci/run` does.
    (Probe::Library("libcrypto"), "libssl-dev"),
    (Probe::Program("dbus-daemon"), "dbus-daemon"),
    (Probe::Program("gnome-keyring-daemon"), "gnome-keyring"),
    (Probe::Program("dunst"), "dunst"),
    (Probe::Program("gdbus"), "libglib2.0-bin"),
    (Probe::Postgres("initdb"), "postgresql"),
    (Probe::Postgres("postgres"), "postgresql"),
    (Probe::Program("mkfs.ext4"), "e2fsprogs"),
    (Probe::Program("losetup"), "mount"),
    (Probe::Program("mount"), "mount"),
    (Probe::Path("/usr/share/fonts/truetype/dejavu"), "fonts-dejavu-core"),
];

/// Packages that are not there and could not be installed. The program ends with exit code 2.
#[derive(Debug)]
pub struct Missing(Vec<&'static str>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "These packages are missing. Install them, then run this again:\n\n")?;
        write!(f, "    apt-get install --no-install-recommends {}", self.0.join(" "))
    }
}

impl std::error::Error for Missing {}

/// What the machine is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Building the programs.
    Build,
    /// Building and testing them.
    Tests,
}

/// Makes sure that every package is there: as root with apt, installs what is missing.
///
/// # Errors
/// [`Missing`] when packages are missing and cannot be installed from here.
pub fn ensure_packages(need: Need) -> Result<()> {
    let tests = if need == Need::Tests { TESTS } else { &[] };
    ensure(&[BUILD, tests].concat())?;
    println!("system packages: all there");
    Ok(())
}

/// Makes sure that npm is there, to fetch Node with.
///
/// # Errors
/// As [`ensure_packages`].
pub fn ensure_npm() -> Result<()> {
    ensure(&[(Probe::Program("npm"), "npm"), (Probe::Program("node"), "nodejs")])
}

fn ensure(wanted: &[(Probe, &'static str)]) -> Result<()> {
    let missing = missing(wanted);
    if missing.is_empty() {
        return Ok(());
    }
    if !(is_root() && shell::which("apt-get").is_some()) {
        return Err(Missing(missing).into());
    }
    apt(&["update", "-q"], &[])?;
    apt(&["install", "-q", "-y", "--no-install-recommends"], &missing)?;
    let still = self::missing(wanted);
    if still.is_empty() { Ok(()) } else { Err(Missing(still).into()) }
}

fn missing(wanted: &[(Probe, &'static str)]) -> Vec<&'static str> {
    let absent = wanted.iter().filter(|(probe, _)| !probe.is_there());
    let mut packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

impl Probe {
    fn is_there(&self) -> bool {
        match self {
            Self::Library(name) => {
                Command::new("pkg-config").args(["--exists", name]).status().is_ok_and(|s| s.success())
            }
            Self::Program(name) => shell::which(name).is_some(),
            Self::Postgres(name) => shell::which(name).is_some() || in_postgres_folders(name),
            Self::Path(path) => Path::new(path).exists(),
        }
    }
}

fn in_postgres_folders(program: &str) -> bool {
    fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .any(|version| version.path().join("bin").join(program).exists())
}

fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

fn apt(arguments: &[&str], packages: &[&str]) -> Result<()> {
    shell::run(
        Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments).args(packages),
    )
}

/// Version of the program between a WebDriver client and the window.
const TAURI_DRIVER: &str = "2.1.0";

/// Makes sure that `tauri-driver` is in `<target>/tools/bin`, where the tests look for it.
///
/// # Errors
/// It cannot be fetched or built.
pub fn ensure_tauri_driver(target: &Path) -> Result<()> {
    let tools = target.join("tools");
    if tools.join("bin/tauri-driver").exists() {
        println!("tauri-driver: there");
        return Ok(());
    }
    shell::run(
        shell::cargo()
            .args(["install", "tauri-driver", "--locked", "--version", TAURI_DRIVER, "--root"])
            .arg(&tools)
            .arg("--target-dir")
            .arg(tools.join("build")),
    )
}
