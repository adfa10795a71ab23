//! The window and other programs on one profile.

use std::time::Duration;

use anyhow::ensure;
use cairn_tests::ctl;
use cairn_tests::desk::Desk;
use cairn_tests::process::{built, wait_for};
use cairn_tests::service::Service;
use cairn_tests::window::Window;
use serde_json::{Value, json};

/// Changes that each of the two writes.
const EACH: usize = 10;

#[tokio::test]
async fn the_window_and_cairnctl_write_to_one_profile() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(folder.path()).unwrap();
    let demo = service.seed(2).unwrap();
    service.start().unwrap();
    let who = demo.person("IMPL_SPEC", 0).unwrap();
    let desk = Desk::start().unwrap();
    let profile = desk.home().join("profile");
    let window = Window::open(&desk, &profile).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &who).await.unwrap();
    service.stop().unwrap();

    let tenant = &demo.tenants[0];
    let view = window.ask("checklist", json!({ "tenant": tenant })).await.unwrap();
    let item = view["phases"][0]["items"][0].clone();
    let key = item["key"].as_str().unwrap();
    // The same keyring holds the key for both.
    let ctl = |words: &[&str]| {
        let mut command = desk.command(built("cairnctl").unwrap());
        command.arg("--profile").arg(&profile).arg("--json").args(words);
        let answer = ctl::answer(&mut command, "").unwrap();
        assert_eq!(answer.code, 0, "{}", answer.error);
        answer.json
    };
    for n in 0..EACH {
        ctl(&["comment", tenant, key, "--text", &format!("from cairnctl {n}")]);
        let words = json!({
            "tenant": tenant, "entity": item["entity"], "text": format!("from the window {n}"), "visibility": "team",
        });
        window.ask("comment", words).await.unwrap();
    }
    assert_eq!(ctl(&["status"])["pending"], json!(2 * EACH));
    // Nobody tells the window of the other's writes; it notices.
    let waiting =
        format!("document.querySelector('[data-testid=sync-line]').innerText.includes('{}')", 2 * EACH);
    window.until("all changes in the sync line", &waiting).await.unwrap();

    service.start().unwrap();
    let report: Value = window.ask("sync_now", json!({})).await.unwrap();
    assert_eq!(report["pending"], 0, "{report}");
    let item = json!({ "tenant": tenant, "entity": item["entity"] });
    let detail = window.ask("item", item).await.unwrap();
    let texts: Vec<_> = detail["comments"].as_array().unwrap().iter().map(|c| c["text"].clone()).collect();
    for n in 0..EACH {
        assert!(texts.contains(&json!(format!("from cairnctl {n}"))), "{texts:?}");
        assert!(texts.contains(&json!(format!("from the window {n}"))), "{texts:?}");
    }
    window.close().await.unwrap();
}

/// Nobody presses anything: the window tries again by itself.
#[tokio::test]
async fn what_was_written_without_a_network_leaves_by_itself_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    let demo = service.seed(2).unwrap();
    service.start().unwrap();
    let who = demo.person("IMPL_SPEC", 0).unwrap();
    let desk = Desk::start().unwrap();
    let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &who).await.unwrap();
    service.kill();

    let tenant = &demo.tenants[0];
    let view = window.ask("checklist", json!({ "tenant": tenant })).await.unwrap();
    let words = json!({
        "tenant": tenant, "entity": view["phases"][0]["items"][0]["entity"],
        "text": "written at the school", "visibility": "team",
    });
    window.ask("comment", words).await.unwrap();
    let waiting =
        |count: u32| format!("document.querySelector('[data-testid=sync-line][data-pending=\"{count}\"]')");
    window.until("one change waits", &waiting(1)).await.unwrap();
    let offline = "document.querySelector('[data-testid=sync-line]').innerText.includes('No network')";
    window.until("it is known that the service is out of reach", offline).await.unwrap();

    service.start().unwrap();
    window.until("nothing waits", &waiting(0)).await.unwrap();
    window.close().await.unwrap();
}

#[tokio::test]
async fn a_second_start_on_one_profile_leaves_the_first_alone() {
    let desk = Desk::start().unwrap();
    let profile = desk.home().join("profile");
    let window = Window::open(&desk, &profile).await.unwrap();
    let mut second = desk.command(built("cairn").unwrap());
    let answer = second.arg("--profile").arg(&profile).output().unwrap();
    assert!(answer.status.success());
    assert!(String::from_utf8_lossy(&answer.stderr).contains("open on this profile already"));
    wait_for("the first window takes note", Duration::from_secs(10), || {
        ensure!(!profile.join("window.wish").exists(), "the wish is still there");
        Ok(())
    })
    .unwrap();
    assert_eq!(window.client.title().await.unwrap(), "Cairn");
    window.close().await.unwrap();
}

/// What a double click on a playbook does, with Cairn closed and with its window open.
#[tokio::test]
async fn a_playbook_file_opens_in_the_window_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    let demo = service.seed(2).unwrap();
    service.start().unwrap();
    let who = demo.person("IMPL_SPEC", 0).unwrap();
    service.add_tenant("harbour-academy", "Harbour Academy", &who).unwrap();
    let desk = Desk::start().unwrap();
    let profile = desk.home().join("profile");
    let playbook = |name: &str, title: &str| {
        let own = include_str!("../../src-tauri/crates/domain/playbooks/first-school-go-live.toml");
        let file = folder.path().join(name);
        std::fs::write(&file, own.replacen("title = \"", &format!("title = \"{title} "), 1)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let first = playbook("own.playbook.toml", "First");
    let window = Window::open_with(&desk, &profile, &[&first]).await.unwrap();
    // It waits until somebody is signed in.
    window.sign_in(&service.url(), &who).await.unwrap();
    let says = |id: &str, title: &str| {
        format!("document.querySelector('[data-testid={id}]')?.innerText.startsWith('{title} ')")
    };
    window.until("the first playbook", &says("opened-facts", "First")).await.unwrap();
    window.click("opened-close").await.unwrap();
    window.gone("opened-close").await.unwrap();

    let mut second = desk.command(built("cairn").unwrap());
    let file = playbook("other.playbook.toml", "Second");
    let answer = second.arg("--profile").arg(&profile).arg(&file).output().unwrap();
    assert!(answer.status.success());
    window.until("the second playbook", &says("opened-facts", "Second")).await.unwrap();
    window.click("opened-go").await.unwrap();
    window.until("its start", &says("playbook-facts", "Second")).await.unwrap();
    window.close().await.unwrap();
}
