//! News: the inbox has it, the desktop tells of it, and a click leads to it.

use std::time::Duration;

use anyhow::ensure;
use cairn_tests::acts::keys_with;
use cairn_tests::ctl::Laptop;
use cairn_tests::desk::Desk;
use cairn_tests::process::wait_for;
use cairn_tests::service::Service;
use cairn_tests::window::Window;
use tempfile::TempDir;

const REASON: &str = "Dana has the only key";

/// Two people who share a tenant: she has the window, he has a command line.
struct Shared {
    _service: Service,
    desk: Desk,
    window: Window,
    ben: Laptop,
    tenant: String,
    items: [String; 2],
    _folder: TempDir,
}

impl Shared {
    async fn prepare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Service::at(&folder.path().join("service")).unwrap();
        let demo = service.seed(3).unwrap();
        let tenant = demo.tenants[0].clone();
        service.start().unwrap();
        let ben = Laptop::new(folder.path(), "ben");
        ben.login(&service.url(), &demo.person("IMPL_SPEC", 1).unwrap()).unwrap();
        ben.ok(&["sync"]).unwrap();
        let desk = Desk::start().unwrap();
        let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();
        let ana = demo.person("IMPL_SPEC", 0).unwrap();
        window.sign_in_to_tenants(&service.url(), &ana).await.unwrap();
        let items = keys_with(&window.checklist(&tenant).await.unwrap(), "not_started").unwrap();
        Self { _service: service, desk, window, ben, tenant, items, _folder: folder }
    }

    fn ben_writes(&self, words: &[&str]) {
        self.ben.ok(words).unwrap();
        self.ben.ok(&["sync"]).unwrap();
    }

    fn ben_blocks(&self, item: &str) {
        self.ben_writes(&["item", &self.tenant, item, "--status", "blocked", "--reason", REASON]);
    }

    fn wait_for_toasts(&self, wanted: u32) {
        wait_for("the toasts", Duration::from_secs(20), || {
            let up = self.desk.notifications_up()?;
            ensure!(up == wanted, "{up} are up, not {wanted}");
            Ok(())
        })
        .unwrap();
    }

    async fn wait_for_unread(&self, label: &str) {
        let said = format!("document.querySelector('[data-testid=inbox-open]')?.ariaLabel === '{label}'");
        self.window.until(label, &said).await.unwrap();
    }
}

#[tokio::test]
async fn a_colleagues_blocker_is_told_natively_opens_its_item_and_goes_when_it_is_resolved() {
    let shared = Shared::prepare().await;
    shared.ben_blocks(&shared.items[0]);
    shared.wait_for_toasts(1);
    shared.desk.click_notification().unwrap();
    shared.window.find("item-close").await.unwrap();
    let panel = shared.window.text("panel-status").await.unwrap();
    assert!(panel.contains("Blocked"), "{panel}");
    // Another one, resolved before she looks.
    shared.wait_for_toasts(0);
    shared.ben_blocks(&shared.items[1]);
    shared.wait_for_toasts(1);
    shared.ben_writes(&["item", &shared.tenant, &shared.items[1], "--status", "complete"]);
    shared.wait_for_toasts(0);
    // The daemon remembers what was taken down, not what was clicked.
    let said = shared.desk.notification_history().unwrap().to_string();
    assert!(said.contains("Blocked: "), "{said}");
    assert!(!said.contains("Dana") && !said.contains("ben."), "no personal data: {said}");
    shared.window.close().await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_hangs_costs_a_toast_and_nothing_else() {
    let shared = Shared::prepare().await;
    shared.desk.hang_notifications().unwrap();
    shared.ben_blocks(&shared.items[0]);
    shared.wait_for_unread("Inbox, 1 new").await;
    shared.window.click("inbox-open").await.unwrap();
    let told = format!("document.querySelector('[data-testid=notice]')?.textContent.includes('{REASON}')");
    shared.window.until("the notice", &told).await.unwrap();
    shared.ben_blocks(&shared.items[1]);
    shared.wait_for_unread("Inbox, 2 new").await;
    shared.window.click("inbox-read-all").await.unwrap();
    shared.wait_for_unread("Inbox").await;
    shared.window.close().await.unwrap();
}
