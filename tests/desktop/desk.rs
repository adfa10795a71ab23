//! The desk itself: the keyring is open, notifications are shown, and two desks share nothing.

use std::time::Duration;

use anyhow::ensure;
use cairn_tests::desk::Desk;
use cairn_tests::process::{run, wait_for};

fn call(desk: &Desk, destination: &str, path: &str, method: &str, arguments: &[&str]) -> String {
    let mut command = desk.command("gdbus");
    command.args(["call", "--session", "--dest", destination, "--object-path", path, "--method", method]);
    run(command.args(arguments)).unwrap()
}

#[test]
fn the_keyring_is_there_and_unlocked() {
    let desk = Desk::start().unwrap();
    let secrets = "org.freedesktop.secrets";
    let collection = "/org/freedesktop/secrets/collection/login";
    let property = ["org.freedesktop.Secret.Collection", "Locked"];
    let locked = call(&desk, secrets, collection, "org.freedesktop.DBus.Properties.Get", &property);
    assert_eq!(locked.trim(), "(<false>,)");
}

#[test]
fn a_notification_is_shown_on_its_own_desk_only() {
    let (desk, other) = (Desk::start().unwrap(), Desk::start().unwrap());
    let (name, path) = ("org.freedesktop.Notifications", "/org/freedesktop/Notifications");
    let note = ["cairn", "0", "", "New blocker", "", "[]", "{}", "0"];
    call(&desk, name, path, "org.freedesktop.Notifications.Notify", &note);

    wait_for("the notification", Duration::from_secs(10), || {
        let shown = run(desk.command("dunstctl").args(["count", "displayed"]))?;
        ensure!(shown.trim() == "1", "{shown} are shown");
        Ok(())
    })
    .unwrap();
    run(desk.command("dunstctl").arg("close-all")).unwrap();
    let history = desk.notification_history().unwrap();
    assert_eq!(history["data"][0][0]["summary"]["data"], "New blocker", "{history}");
    assert_eq!(other.notification_history().unwrap()["data"][0], serde_json::json!([]));
}
