//! The package that people install: what is in it, that it starts, updates itself over the service
//! and goes again, all in a root of its own on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cairn_tests::desk::Desk;
use cairn_tests::process::{built, run, target_dir};
use cairn_tests::service::Service;
use cairn_tests::window::{Window, screens};
use tempfile::TempDir;
use xtask::bundle::{Parts, package};
use xtask::node;
use xtask::release::{Publish, publish, read_key};

/// What the workspace's own version is updated to.
const NEWER: &str = "0.2.0";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A system that holds nothing but what is installed in it.
struct System(TempDir);

impl System {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(root.path().join("var/lib/dpkg").join(folder)).unwrap();
        }
        fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
        fs::write(root.path().join("var/lib/dpkg/available"), "").unwrap();
        Self(root)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// dpkg on this system. It holds none of the libraries that the package depends on.
    fn dpkg(&self) -> String {
        format!("dpkg --root={} --force-depends --no-triggers", self.0.path().display())
    }

    fn run(&self, words: &str) -> String {
        run(Command::new("sh").args(["-c", &format!("{} {words}", self.dpkg())])).unwrap()
    }

    fn version(&self) -> String {
        let query = format!(
            "dpkg-query --admindir={} -W -f '${{Version}}' cairn",
            self.path("var/lib/dpkg").display()
        );
        run(Command::new("sh").args(["-c", &query])).unwrap()
    }

    /// Everything but dpkg's own books.
    fn files(&self) -> Vec<PathBuf> {
        let list = format!("cd {} && find . -type f -not -path './var/*'", self.0.path().display());
        run(Command::new("sh").args(["-c", &list])).unwrap().lines().map(PathBuf::from).collect()
    }
}

/// Copies of this build's programs, without what only debuggers read: the bundler writes into them,
/// and other tests run the ones they come from.
fn programs(into: &Path) -> PathBuf {
    let folder = into.join("debug");
    fs::create_dir(&folder).unwrap();
    for name in ["cairn", "cairnctl"] {
        run(Command::new("strip").arg("-o").arg(folder.join(name)).arg(built(name).unwrap())).unwrap();
    }
    folder
}

/// Packages programs under a version, and keeps the file in `into`.
fn make(programs: &Path, version: Option<&str>, into: &Path) -> PathBuf {
    let node = node::ensure(&target_dir().unwrap()).unwrap();
    let made = package(&Parts { root: &root(), programs, version }, &node).unwrap();
    let kept = into.join(made.file_name().unwrap());
    fs::copy(made, &kept).unwrap();
    kept
}

/// What is signed has to be current on the machine's own clock.
#[allow(clippy::disallowed_methods, reason = "the program under test reads the same clock")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

/// Signs a package with the development key and offers it under `version`.
fn offer(package: &Path, version: &str, into: &Path) {
    let key = root().join("tests/keys/development");
    let notes = into.join("../notes.txt");
    fs::write(&notes, "Imports of rosters.").unwrap();
    let what = Publish {
        package: package.to_owned(),
        version: version.to_owned(),
        target: "linux-x86_64-deb".to_owned(),
        notes: Some(notes),
        days: 14,
        key: key.clone(),
        into: into.to_owned(),
    };
    publish(&what, &read_key(&key).unwrap(), now()).unwrap();
}

fn state(name: &str) -> String {
    format!("document.querySelector('[data-testid=update-state]')?.dataset.state === '{name}'")
}

#[tokio::test]
async fn a_package_installs_starts_updates_itself_keeping_data_and_goes_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let built = programs(folder.path());
    let older = make(&built, None, folder.path());
    let newer = make(&built, Some(NEWER), folder.path());
    let releases = folder.path().join("releases");
    fs::create_dir(&releases).unwrap();

    // Installed: programs, desktop entry, icons and the kind of file.
    let system = System::new();
    system.run(&format!("-i {}", older.display()));
    let first = system.version();
    let entry = fs::read_to_string(system.path("usr/share/applications/Cairn.desktop")).unwrap();
    for line in ["Exec=cairn %f", "Icon=cairn", "MimeType=application/vnd.cairn.playbook+toml;"] {
        assert!(entry.lines().any(|one| one == line), "{line} is not in {entry}");
    }
    for file in [
        "usr/bin/cairn",
        "usr/bin/cairnctl",
        "usr/share/mime/packages/org.cairn.desk.xml",
        "usr/share/icons/hicolor/128x128/apps/cairn.png",
    ] {
        assert!(system.path(file).exists(), "{file} is missing");
    }

    // It starts, and somebody works in it.
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    service.offer_releases(&releases);
    let demo = service.seed(2).unwrap();
    service.start().unwrap();
    let desk = Desk::start().unwrap();
    // Whoever would type the administrator's password; dpkg works on the system above.
    desk.put_program(
        "pkexec",
        &format!("echo \"$@\" >> {}/asked; shift; exec {} \"$@\"", folder.path().display(), system.dpkg()),
    )
    .unwrap();
    let asked = || fs::read_to_string(folder.path().join("asked")).unwrap_or_default().lines().count();
    let profile = desk.home().join("profile");
    let program = system.path("usr/bin/cairn");
    let window = Window::open_program(&desk, &program, &profile, &[]).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &demo.person("IMPL_SPEC", 0).unwrap()).await.unwrap();
    let tenants = window.tenants().await.unwrap().len();

    // A genuine older package under a new number: refused by what was signed with it.
    window.click("nav-settings").await.unwrap();
    window.click("update-check").await.unwrap();
    window.until("nothing is offered", &state("none")).await.unwrap();
    offer(&newer, "0.3.0", &releases);
    let manifest = fs::read_to_string(releases.join("linux-x86_64-deb.json")).unwrap();
    let genuine: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert!(genuine["manifest"].as_str().unwrap().contains("0.3.0"));
    misnumber(&newer, &releases);
    window.click("update-check").await.unwrap();
    window.until("something is offered", &state("offered")).await.unwrap();
    window.click("update-install").await.unwrap();
    window.until("it is refused", &state("failed")).await.unwrap();
    assert_eq!((system.version(), asked()), (first.clone(), 0), "the system was not even asked");

    // The genuine one.
    offer(&newer, "0.3.1", &releases);
    window.click("update-check").await.unwrap();
    window.until("something is offered", &state("offered")).await.unwrap();
    window.screenshot(&screens().unwrap(), "update-offered").await.unwrap();
    window.click("update-install").await.unwrap();
    window.until("it is installed", &state("installed")).await.unwrap();
    window.screenshot(&screens().unwrap(), "update-installed").await.unwrap();
    assert_eq!(asked(), 1);
    assert_eq!(system.version(), NEWER);
    assert_ne!(first, NEWER);
    window.close().await.unwrap();

    // The data are still there, and stay when the package goes.
    let window = Window::open_program(&desk, &program, &profile, &[]).await.unwrap();
    window.find("today-front").await.unwrap();
    assert_eq!(window.tenants().await.unwrap().len(), tenants);
    window.close().await.unwrap();
    system.run("-P cairn");
    assert_eq!(system.files(), Vec::<PathBuf>::new());
    assert!(profile.join("cairn.db").exists());
}

/// Offers a package under 0.3.0 with a signature, by the right key, that names 0.1.5.
fn misnumber(package: &Path, releases: &Path) {
    let other = tempfile::tempdir().unwrap();
    let inside = other.path().join("releases");
    fs::create_dir(&inside).unwrap();
    offer(package, "0.1.5", &inside);
    let read = |folder: &Path| {
        let text = fs::read_to_string(folder.join("linux-x86_64-deb.json")).unwrap();
        let signed: serde_json::Value = serde_json::from_str(&text).unwrap();
        serde_json::from_str::<serde_json::Value>(signed["manifest"].as_str().unwrap()).unwrap()
    };
    let mut mixed = read(releases);
    mixed["signature"] = read(&inside)["signature"].clone();
    let key = read_key(&root().join("tests/keys/development")).unwrap();
    xtask::release::seal(&mixed.to_string(), "linux-x86_64-deb", &key, releases).unwrap();
}
