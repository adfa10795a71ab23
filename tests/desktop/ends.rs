//! The end of the program when the desktop's session ends: in order, so that the next start is quick.

use std::process::Command;
use std::time::Duration;

use cairn_tests::desk::Desk;
use cairn_tests::process::{built, run, wait_for};
use cairn_tests::service::Service;
use cairn_tests::window::Window;
use rusqlite::Connection;

#[tokio::test]
async fn a_window_that_is_asked_to_end_closes_its_database_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(folder.path()).unwrap();
    let person = service.seed(1).unwrap().person("IMPL_SPEC", 0).unwrap();
    service.start().unwrap();
    let desk = Desk::start().unwrap();
    let (profile, key) = (desk.home().join("profile"), desk.home().join("profile.key"));
    let more = ["--key-file", key.to_str().unwrap()];
    let window = Window::open_program(&desk, &built("cairn").unwrap(), &profile, &more).await.unwrap();
    window.sign_in_to_tenants(&service.url(), &person).await.unwrap();

    let name = format!("cairn --profile {}", profile.display());
    run(Command::new("pkill").args(["-TERM", "-f", &name])).unwrap();
    wait_for("the window ends", Duration::from_secs(20), || {
        let still = Command::new("pgrep").args(["-f", &name]).output()?;
        anyhow::ensure!(still.stdout.is_empty(), "it runs");
        Ok(())
    })
    .unwrap();
    let database = Connection::open(profile.join("cairn.db")).unwrap();
    let digits = std::fs::read_to_string(&key).unwrap();
    database.pragma_update(None, "key", format!("x'{}'", digits.trim())).unwrap();
    let mark = "SELECT value FROM meta WHERE key = 'running'";
    let running: Vec<u8> = database.query_row(mark, [], |row| row.get(0)).unwrap();
    assert_eq!(running, b"0");
}
