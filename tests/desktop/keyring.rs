//! What the window does when the keyring does not give its key: the recovery screen, the database
//! untouched, and the recovery passphrase opens it with everything that was written.

use std::time::Duration;

use cairn_tests::acts::items;
use cairn_tests::ctl;
use cairn_tests::desk::Desk;
use cairn_tests::kept;
use cairn_tests::process::built;
use cairn_tests::service::{Person, Service};
use cairn_tests::window::Window;
use serde_json::json;
use tempfile::TempDir;

const PHRASE: &str = "granite lichen morning";

/// The promise: so long may it take until the recovery screen shows.
const PROMISE: Duration = Duration::from_secs(3);

/// A laptop that was used and closed: a recovery passphrase is set, and one change waits to be sent
/// to a service that is out of reach.
struct Laptop {
    desk: Desk,
    service: Service,
    person: Person,
    before: Vec<(std::path::PathBuf, u64, Vec<u8>)>,
    _folder: TempDir,
}

impl Laptop {
    async fn used() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Service::at(folder.path()).unwrap();
        let demo = service.seed(1).unwrap();
        service.start().unwrap();
        let person = demo.person("IMPL_SPEC", 0).unwrap();
        let desk = Desk::start().unwrap();
        let mut laptop = Self { desk, service, person, before: Vec::new(), _folder: folder };
        let window = laptop.open().await;
        window.sign_in_to_tenants(&laptop.service.url(), &laptop.person).await.unwrap();
        laptop.service.stop().unwrap();
        window.from_account_menu("menu-passphrase").await.unwrap();
        window.set_passphrase(PHRASE).await.unwrap();
        let view = window.checklist(&demo.tenants[0]).await.unwrap();
        let comment = json!({
            "tenant": demo.tenants[0], "entity": items(&view).next().unwrap()["entity"],
            "text": "written before the keyring failed", "visibility": "team",
        });
        window.ask("comment", comment).await.unwrap();
        window.lock().await.unwrap();
        window.close().await.unwrap();
        laptop.before = kept::databases(&laptop.profile()).unwrap();
        assert_eq!(laptop.before.len(), 1);
        laptop
    }

    fn profile(&self) -> std::path::PathBuf {
        self.desk.home().join("profile")
    }

    async fn open(&self) -> Window {
        Window::open(&self.desk, &self.profile()).await.unwrap()
    }

    /// The window shows the recovery screen for this cause, and nothing was made or touched.
    async fn needs_recovery(&self, window: &Window, code: &str, words: &str) {
        let shown = window.text("recovery-cause").await.unwrap();
        assert!(shown.contains(words), "{shown}");
        let session = window.session().await.unwrap();
        assert_eq!(session["state"], "recovery");
        assert_eq!(session["code"], code);
        assert_eq!(kept::databases(&self.profile()).unwrap(), self.before);
        assert!(window.tenants().await.is_err(), "nothing is readable without the key");
    }

    /// The passphrase opens the same file, with what waited in it.
    async fn opens_by_passphrase(&self, window: &Window) {
        window.recover(PHRASE).await.unwrap();
        assert_eq!(window.tenants().await.unwrap().len(), 1);
        let line = window.ask("status", json!({})).await.unwrap();
        assert_eq!(line["pending"], 1, "{line}");
        let files = |all: &[(std::path::PathBuf, u64, Vec<u8>)]| {
            all.iter().map(|(file, inode, _)| (file.clone(), *inode)).collect::<Vec<_>>()
        };
        assert_eq!(files(&kept::databases(&self.profile()).unwrap()), files(&self.before));
    }
}

#[tokio::test]
async fn an_absent_keyring_leads_to_recovery_and_is_found_when_it_comes() {
    let mut laptop = Laptop::used().await;
    laptop.desk.keyring.end();
    let window = laptop.open().await;
    laptop.needs_recovery(&window, "key_absent", "does not have the key").await;

    laptop.desk.keyring.start_again().unwrap();
    window.click("recovery-again").await.unwrap();
    window.find("account-menu").await.unwrap();

    laptop.desk.keyring.end();
    window.lock().await.unwrap();
    window.click("unlock-submit").await.unwrap();
    window.find("recovery-cause").await.unwrap();
    laptop.opens_by_passphrase(&window).await;
    window.close().await.unwrap();
}

#[tokio::test]
async fn a_locked_keyring_leads_to_recovery() {
    let laptop = Laptop::used().await;
    laptop.desk.keyring.lock().unwrap();
    let window = laptop.open().await;
    laptop.needs_recovery(&window, "key_locked", "is locked").await;
    laptop.opens_by_passphrase(&window).await;
    window.close().await.unwrap();
}

/// Another database's key stands under the name of this profile's.
#[tokio::test]
async fn a_wrong_key_leads_to_recovery_and_the_right_one_is_given_back() {
    let mut laptop = Laptop::used().await;
    let (profile, aside) = (laptop.profile(), laptop.desk.home().join("aside"));
    laptop.desk.keyring.forget().unwrap();
    std::fs::rename(&profile, &aside).unwrap();
    laptop.service.start().unwrap();
    let mut login = laptop.desk.command(built("cairnctl").unwrap());
    login.arg("--profile").arg(&profile).args(["login", "--server", &laptop.service.url()]);
    login.args(["--user", &laptop.person.name, "--password-stdin"]);
    let answer = ctl::answer(&mut login, &laptop.person.password).unwrap();
    assert_eq!(answer.code, 0, "{}", answer.error);
    laptop.service.stop().unwrap();
    std::fs::remove_dir_all(&profile).unwrap();
    std::fs::rename(&aside, &profile).unwrap();

    let window = laptop.open().await;
    laptop.needs_recovery(&window, "key_wrong", "does not open the database").await;
    laptop.opens_by_passphrase(&window).await;
    window.lock().await.unwrap();
    window.unlock().await.unwrap();
    window.close().await.unwrap();
}

/// The app waits for as long as it says, which is less than it promises, and asks once.
#[tokio::test]
async fn a_hanging_keyring_leads_to_recovery_and_is_found_when_it_wakes() {
    assert!(cairn_store::KEYRING_PATIENCE < PROMISE);
    let mut laptop = Laptop::used().await;
    laptop.desk.keyring.hang().unwrap();
    let window = laptop.open().await;
    laptop.needs_recovery(&window, "key_hanging", "does not answer").await;
    laptop.opens_by_passphrase(&window).await;

    window.lock().await.unwrap();
    window.click("unlock-submit").await.unwrap();
    window.find("recovery-cause").await.unwrap();
    laptop.desk.keyring.wake().unwrap();
    window.click("recovery-again").await.unwrap();
    window.find("account-menu").await.unwrap();
    window.close().await.unwrap();
}

#[tokio::test]
async fn another_kind_of_keyring_leads_to_recovery() {
    let mut laptop = Laptop::used().await;
    laptop.desk.keyring.forget().unwrap();
    kept::name_another_keyring(&laptop.profile()).unwrap();
    laptop.before = kept::databases(&laptop.profile()).unwrap();
    let window = laptop.open().await;
    laptop.needs_recovery(&window, "key_backend_changed", "another keyring").await;
    laptop.opens_by_passphrase(&window).await;
    window.close().await.unwrap();
}

/// People type paths as they come: the profile's own folder is not there yet at the first sign-in.
#[tokio::test]
async fn a_command_finds_its_key_again_by_a_relative_path() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(folder.path()).unwrap();
    let demo = service.seed(1).unwrap();
    service.start().unwrap();
    let person = demo.person("IMPL_SPEC", 0).unwrap();
    let desk = Desk::start().unwrap();
    let run = |profile: &std::path::Path, words: &[&str]| {
        let mut command = desk.command(built("cairnctl").unwrap());
        command.current_dir(desk.home()).arg("--json").arg("--profile").arg(profile).args(words);
        ctl::answer(&mut command, &person.password).unwrap()
    };
    let url = service.url();
    let login = ["login", "--server", &url, "--user", &person.name, "--password-stdin"];
    let relative = std::path::Path::new("profiles/ana");
    assert_eq!(run(relative, &login).code, 0);
    for path in [relative.to_owned(), desk.home().join(relative)] {
        let answer = run(&path, &["status"]);
        assert_eq!(
            (answer.code, answer.json["user"].as_str()),
            (0, Some(person.name.as_str())),
            "{answer:?}"
        );
    }
}
