//! Locking: by the person, by itself, and when offline access has run out. Nothing is lost by it.

use std::path::PathBuf;

use cairn_tests::desk::Desk;
use cairn_tests::kept;
use cairn_tests::service::{Person, Service};
use cairn_tests::window::Window;
use tempfile::TempDir;

const PHRASE: &str = "granite lichen morning";

/// A service with one tenant, and a desk.
struct Place {
    service: Service,
    person: Person,
    desk: Desk,
    _folder: TempDir,
}

impl Place {
    fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Service::at(folder.path()).unwrap();
        let person = service.seed(1).unwrap().person("IMPL_SPEC", 0).unwrap();
        service.start().unwrap();
        Self { service, person, desk: Desk::start().unwrap(), _folder: folder }
    }

    fn profile(&self) -> PathBuf {
        self.desk.home().join("profile")
    }

    async fn signed_in(&self) -> Window {
        let window = Window::open(&self.desk, &self.profile()).await.unwrap();
        window.sign_in_to_tenants(&self.service.url(), &self.person).await.unwrap();
        window
    }
}

/// The lock shows with these words, and the shell gives nothing away.
async fn is_locked(window: &Window, why: &str, words: &str) {
    window.find("unlock-submit").await.unwrap();
    let shown = window.text("lock-reason").await.unwrap();
    assert!(shown.contains(words), "{shown}");
    let session = window.session().await.unwrap();
    assert_eq!((&session["state"], &session["why"]), (&"locked".into(), &why.into()));
    assert!(window.tenants().await.is_err(), "a locked window reads nothing");
}

#[tokio::test]
async fn the_shortcut_locks_and_the_keyring_unlocks() {
    let place = Place::prepare();
    let window = place.signed_in().await;
    let before = window.tenants().await.unwrap();
    window.lock().await.unwrap();
    is_locked(&window, "asked", "You locked it").await;
    window.unlock().await.unwrap();
    assert_eq!(window.tenants().await.unwrap().len(), before.len());
    window.close().await.unwrap();
}

#[tokio::test]
async fn a_window_that_nobody_uses_locks_itself() {
    let place = Place::prepare();
    let window = Window::open_with(&place.desk, &place.profile(), &["--lock-after", "5"]).await.unwrap();
    window.sign_in(&place.service.url(), &place.person).await.unwrap();
    is_locked(&window, "idle", "locked itself").await;
    window.unlock().await.unwrap();
    window.close().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_ran_out_locks_until_the_next_contact_and_destroys_nothing() {
    let mut place = Place::prepare();
    let window = place.signed_in().await;
    window.from_account_menu("menu-passphrase").await.unwrap();
    window.set_passphrase(PHRASE).await.unwrap();
    let before = window.tenants().await.unwrap();
    window.close().await.unwrap();
    place.service.stop().unwrap();
    kept::let_the_lease_run_out(&place.profile(), PHRASE).unwrap();

    let window = Window::open(&place.desk, &place.profile()).await.unwrap();
    is_locked(&window, "lease", "too long").await;
    window.click("unlock-submit").await.unwrap();
    window.until("why it stays locked", "document.querySelector('[role=alert]')").await.unwrap();
    is_locked(&window, "lease", "too long").await;

    place.service.start().unwrap();
    window.unlock().await.unwrap();
    let after = window.tenants().await.unwrap();
    assert_eq!(after[0]["digest"], before[0]["digest"]);
    window.close().await.unwrap();
}
