//! `cargo xtask demo` on a computer with a display.

use cairn_tests::desk::Desk;
use cairn_tests::process::built;
use cairn_tests::window::Window;
use xtask::demo::Stage;

/// The window as the demo opens it, and who is signed in there.
async fn whose(desk: &Desk, stage: &Stage) -> String {
    let key = stage.key_file();
    let more = ["--key-file", key.to_str().unwrap()];
    let window = Window::open_with(desk, &stage.profile_folder(), &more).await.unwrap();
    window.find("today").await.unwrap();
    let session = window.ask("session", serde_json::json!({})).await.unwrap();
    assert_eq!(session["state"], "signed_in", "{session}");
    window.close().await.unwrap();
    session["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_demo_sets_the_desk_of_a_specialist_and_goes_on_there_the_next_time() {
    let desk = Desk::start().unwrap();
    let programs = built("cairn").unwrap().parent().unwrap().to_owned();
    let stage = Stage { programs, folder: desk.home().join("demo") };
    for _ in 0..2 {
        let scene = stage.set().unwrap();
        assert_eq!(whose(&desk, &stage).await, scene.specialist);
    }
}
