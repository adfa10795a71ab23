//! What can be chosen for this computer, and what is kept of it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::walk::Walk;

async fn holds(walk: &Walk, setting: &str, value: Value) -> Result<()> {
    let known = walk.window().ask("settings", json!({})).await?;
    ensure!(known[setting] == value, "{setting} should be {value}: {known}");
    Ok(())
}

pub async fn choices(walk: &mut Walk) -> Result<()> {
    walk.press("Control+,").await?;
    walk.window().find("about-version").await?;
    walk.look("settings").await?;
    for theme in ["dark", "light", "system"] {
        walk.window().click(&format!("theme-{theme}")).await?;
        let shown = if theme == "system" { Value::Null } else { json!(theme) };
        let condition = format!("(document.documentElement.dataset.theme ?? null) === {shown}");
        walk.window().until(&format!("the theme {theme}"), &condition).await?;
        holds(walk, "theme", json!(theme)).await?;
    }
    for (keys, percent) in
        [("Control+=", "110"), ("Control+-", "100"), ("Control+=", "110"), ("Control+0", "100")]
    {
        walk.press(keys).await?;
        walk.window().until(keys, &format!("document.querySelector('#zoom').value === '{percent}'")).await?;
    }
    walk.choose("lock-after", "7").await?;
    walk.window().click("notifications-on").await?;
    walk.window()
        .until("both are kept", "!document.querySelector('[data-testid=notifications-on]').checked")
        .await?;
    walk.window().sync().await?;
    holds(walk, "lock_after_minutes", json!(7)).await?;
    holds(walk, "notifications", json!(false)).await?;
    // There is no tray here: the box says what holds, and the toast why.
    walk.window().click("keep-running").await?;
    walk.sees("[role=alert] [data-testid=toast]").await?;
    walk.look("settings-no-tray").await?;
    walk.dismiss_toast().await?;
    quiet_hours(walk).await
}

async fn quiet_hours(walk: &mut Walk) -> Result<()> {
    walk.window().fill("quiet-from", "at eight").await?;
    walk.window().click("quiet-save").await?;
    walk.sees_problem().await?;
    walk.look("settings-problem").await?;
    walk.window().fill("quiet-from", "9:30 pm").await?;
    walk.window().click("quiet-save").await?;
    // The hour is said as the locale says it.
    walk.reads("quiet-state", ":30").await?;
    holds(walk, "quiet_from", json!("21:30")).await?;
    holds(walk, "quiet_on", json!(true)).await?;
    walk.window().click("quiet-off").await?;
    walk.sees_no("[data-testid=quiet-off]").await?;
    holds(walk, "quiet_on", json!(false)).await
}

/// Backups and updates, as far as they go without leaving the screen.
pub async fn keeping(walk: &mut Walk) -> Result<()> {
    walk.window().click("back-up").await?;
    walk.window().click("backup-restore").await?;
    walk.window().find("restore-confirm").await?;
    walk.window().click("restore-submit").await?;
    walk.sees_problem().await?;
    walk.look("restore-problem").await?;
    walk.press("Escape").await?;
    walk.window().gone("restore-confirm").await?;
    // What was not installed from a package does not update itself, and says so.
    walk.sees("[data-testid=update-state][data-state=off] .hint").await?;
    walk.look("settings-end").await
}
