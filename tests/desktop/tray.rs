//! Closing the window: into the tray where the settings say so and there is one, otherwise for good.

use std::time::Duration;

use anyhow::ensure;
use cairn_tests::acts::keys_with;
use cairn_tests::ctl::Laptop;
use cairn_tests::desk::Desk;
use cairn_tests::frame::Frame;
use cairn_tests::process::wait_for;
use cairn_tests::service::Service;
use cairn_tests::tray::TrayHost;
use cairn_tests::window::Window;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(20);

fn wait_until_it_shows(frame: &Frame, shows: bool) {
    wait_for("the window", LIMIT, || {
        ensure!(frame.shows()? == shows, "it shows: {}", !shows);
        Ok(())
    })
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_closed_to_the_tray_comes_back_by_a_click_there_and_on_a_notification() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    let demo = service.seed(3).unwrap();
    service.start().unwrap();
    let ben = Laptop::new(folder.path(), "ben");
    ben.login(&service.url(), &demo.person("IMPL_SPEC", 1).unwrap()).unwrap();
    ben.ok(&["sync"]).unwrap();
    let desk = Desk::start().unwrap();
    let tray = TrayHost::start(&desk).await.unwrap();
    let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &demo.person("IMPL_SPEC", 0).unwrap()).await.unwrap();
    window.click("nav-settings").await.unwrap();
    window.click("keep-running").await.unwrap();
    window.until("it is kept", "document.querySelector('[data-testid=keep-running]').checked").await.unwrap();
    window.ask("change_settings", json!({ "keep_running": true })).await.unwrap();

    let frame = Frame::find(desk.display(), "Cairn").unwrap();
    wait_until_it_shows(&frame, true);
    frame.close().unwrap();
    wait_until_it_shows(&frame, false);
    tray.click().await.unwrap();
    wait_until_it_shows(&frame, true);

    // Closed again, it goes on hearing of news, and a click on one brings it back to the item.
    frame.close().unwrap();
    wait_until_it_shows(&frame, false);
    let tenant = &demo.tenants[0];
    let [item] = keys_with(&window.checklist(tenant).await.unwrap(), "not_started").unwrap();
    ben.ok(&["item", tenant, &item, "--status", "blocked", "--reason", "Dana has the only key"]).unwrap();
    ben.ok(&["sync"]).unwrap();
    wait_for("the toast", LIMIT, || {
        ensure!(desk.notifications_up()? == 1, "none is up");
        Ok(())
    })
    .unwrap();
    desk.click_notification().unwrap();
    wait_until_it_shows(&frame, true);
    window.find("item-close").await.unwrap();
    window.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tray_the_setting_is_refused_and_closing_ends_cairn() {
    let desk = Desk::start().unwrap();
    let profile = desk.home().join("profile");
    let window = Window::open(&desk, &profile).await.unwrap();
    let refused = window.ask("change_settings", json!({ "keep_running": true })).await.unwrap_err();
    assert!(refused.to_string().contains("no_tray"), "{refused}");
    let settings = window.ask("settings", json!({})).await.unwrap();
    assert_eq!(settings["keep_running"], false);
    let frame = Frame::find(desk.display(), "Cairn").unwrap();
    frame.close().unwrap();
    wait_for("the window is gone", LIMIT, || {
        ensure!(frame.shows().is_err(), "it is there");
        Ok(())
    })
    .unwrap();
}
