//! The window opens, and holds no more authority than it was given.

use std::fs;

use cairn_tests::desk::{Desk, Theme};
use cairn_tests::window::{Window, screens};
use serde_json::{Value, json};

/// Calls a command of the shell from inside the web view and gives what it answers: `{ok}` or
/// `{refused}`.
const CALL: &str = "const [command, done] = arguments; \
     window.__TAURI_INTERNALS__.invoke(command, {request: {}}).then(ok => done({ok}), refused => done({refused: String(refused)}));";

async fn call(window: &Window, command: &str) -> Value {
    window.client.execute_async(CALL, vec![json!(command)]).await.unwrap()
}

#[tokio::test]
async fn the_window_opens_on_its_own_profile() {
    let desk = Desk::start().unwrap();
    let profile = desk.home().join("profile");
    let window = Window::open(&desk, &profile).await.unwrap();

    assert_eq!(window.client.title().await.unwrap(), "Cairn");
    let picture = window.screenshot(&screens().unwrap(), "window").await.unwrap();
    assert!(fs::metadata(picture).unwrap().len() > 1_000);

    let session = call(&window, "session").await;
    assert_eq!(session["ok"], json!({ "state": "signed_out", "server": null, "name": null, "unsent": 0 }));
    assert!(!profile.join("cairn.db").exists(), "nobody signed in, so there is nothing to keep");
    window.close().await.unwrap();
}

#[tokio::test]
async fn the_web_view_holds_no_authority() {
    let desk = Desk::start().unwrap();
    let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();

    for command in ["window|close", "updater|check", "updater|download_and_install", "app|version"] {
        let refused = call(&window, &format!("plugin:{command}")).await;
        assert!(refused["refused"].as_str().unwrap().contains("not allowed"), "{command}: {refused}");
    }
    let unknown = call(&window, "no_such_command").await;
    assert!(unknown["refused"].is_string(), "{unknown}");

    let has_global = window.client.execute("return '__TAURI__' in window", vec![]).await.unwrap();
    assert_eq!(has_global, json!(false));
    let is_frozen = window.client.execute("return Object.isFrozen(Object.prototype)", vec![]).await.unwrap();
    assert_eq!(is_frozen, json!(true));

    let fetch = "const done = arguments[0]; \
         fetch('http://127.0.0.1:9/').then(() => done('fetched'), () => done('refused'));";
    assert_eq!(window.client.execute_async(fetch, vec![]).await.unwrap(), json!("refused"));
    let inline = "const script = document.createElement('script'); script.textContent = 'window.ran = true'; \
         document.head.append(script); return window.ran === true";
    assert_eq!(window.client.execute(inline, vec![]).await.unwrap(), json!(false));
    window.close().await.unwrap();
}

#[tokio::test]
async fn the_window_follows_the_theme_of_the_desk() {
    for (theme, is_dark) in [(Theme::Light, false), (Theme::Dark, true)] {
        let desk = Desk::start_with(theme).unwrap();
        let window = Window::open(&desk, &desk.home().join("profile")).await.unwrap();
        let dark = "return matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(window.client.execute(dark, vec![]).await.unwrap(), json!(is_dark), "{theme:?}");
        window.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_chosen_theme_is_there_from_the_first_screen_and_changes_at_once() {
    let desk = Desk::start_with(Theme::Light).unwrap();
    let profile = desk.home().join("profile");
    std::fs::create_dir(&profile).unwrap();
    std::fs::write(profile.join("settings.json"), br#"{"theme": "dark", "of_tomorrow": 1}"#).unwrap();
    let window = Window::open(&desk, &profile).await.unwrap();
    window.find("sign-in-submit").await.unwrap();
    let canvas = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(window.client.execute(canvas, vec![]).await.unwrap(), json!("rgb(17, 21, 22)"));
    window.ask("change_settings", json!({ "theme": "system" })).await.unwrap();
    window.client.refresh().await.unwrap();
    window.find("sign-in-submit").await.unwrap();
    let light = "getComputedStyle(document.body).backgroundColor === 'rgb(241, 243, 241)'";
    window.until("the theme of the desk again", light).await.unwrap();
    window.close().await.unwrap();
    let kept = std::fs::read_to_string(profile.join("settings.json")).unwrap();
    assert!(kept.contains("of_tomorrow"), "{kept}");
}
