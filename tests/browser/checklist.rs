//! One tenant's checklist: filters, search, every status, the keys, and an item's panel.

use anyhow::{Context as _, Result, ensure};
use cairn_tests::acts::items;
use serde_json::{Value, json};

use crate::walk::{FRESH, Walk};

/// The tabs and the status that all their rows have, where it is one.
const TABS: &[(&str, Option<&str>)] = &[
    ("open", None),
    ("blocked", Some("blocked")),
    ("verify", Some("waiting_to_verify")),
    ("mine", None),
    ("all", None),
];

/// Signs in where the service is in reach, and starts a project in the tenant that has none.
pub async fn arrive(walk: &mut Walk) -> Result<()> {
    walk.service.start()?;
    walk.open("mia").await?;
    let url = walk.service.url();
    walk.window().sign_in_to_tenants(&url, &walk.mia).await?;
    let project = json!({ "tenant": FRESH, "playbook": "first-school-go-live", "go_live": "2031-06-01" });
    walk.window().ask("start_project", project).await.map(drop)
}

pub async fn filters(walk: &mut Walk) -> Result<()> {
    let shared = walk.shared.clone();
    walk.window().open_tenant(&shared).await?;
    walk.look("checklist").await?;
    let view = walk.window().checklist(&shared).await?;
    for (tab, status) in TABS {
        walk.window().click(&format!("filter-{tab}")).await?;
        walk.sees(&format!("[data-testid=filter-{tab}][aria-pressed=true]")).await?;
        let Some(status) = status else { continue };
        let number = items(&view).filter(|item| item["status"] == *status).count();
        let rows = "[...document.querySelectorAll('[data-testid^=item-row-]')]";
        let fits =
            format!("{rows}.length === {number} && {rows}.every(r => r.dataset.status === '{status}')");
        walk.window().until(&format!("{number} rows under {tab}"), &fits).await?;
        walk.look(&format!("checklist-{tab}")).await?;
    }
    folding(walk).await
}

async fn folding(walk: &mut Walk) -> Result<()> {
    let open = "[data-testid^=phase-row-]:focus[aria-expanded=true]";
    let folded = "[data-testid^=phase-row-]:focus[aria-expanded=false]";
    walk.focus("phase-row-").await?;
    for (key, then) in [("ArrowRight", open), ("ArrowLeft", folded), ("Enter", open), ("Space", folded)] {
        walk.press(key).await?;
        walk.sees(then).await?;
    }
    walk.press("Enter").await
}

pub async fn search(walk: &mut Walk) -> Result<()> {
    walk.press("/").await?;
    walk.has_focus("filter-input").await?;
    walk.window().fill("filter-input", "nothing like it").await?;
    walk.sees("main .empty").await?;
    walk.look("checklist-none").await?;
    let [key] = cairn_tests::acts::keys_with(&walk.window().checklist(&walk.shared).await?, "not_started")?;
    let title = walk.item(&key).await?["title"].clone();
    walk.window().fill("filter-input", title.as_str().context("an item has a title")?).await?;
    walk.sees(&format!("[data-testid=item-row-{key}]")).await?;
    walk.look("checklist-search").await?;
    walk.press_all(&["ArrowDown", "/", "Escape"]).await?;
    walk.has_focus("item-row-").await
}

/// Every status that a menu offers, in a tenant where all is still to do: on an item with a check and on one without.
pub async fn statuses(walk: &mut Walk) -> Result<()> {
    let plain: &[&str] = &["in_progress", "blocked", "complete", "not_applicable", "not_started"];
    let checked: &[&str] = &["in_progress", "waiting_to_verify", "blocked", "not_applicable", "not_started"];
    walk.shared = FRESH.to_owned();
    walk.window().open_tenant(FRESH).await?;
    for (has_check, statuses) in [(false, plain), (true, checked)] {
        let keys = walk.keys_in("not_started", has_check).await?;
        let key = keys.first().context("an item that is not started")?;
        for status in statuses {
            set(walk, key, status).await?;
            let known = walk.item(key).await?;
            ensure!(known["status"] == *status, "{key} should be {status}: {known}");
        }
    }
    walk.look("checklist-changed").await
}

async fn set(walk: &mut Walk, key: &str, status: &str) -> Result<()> {
    walk.window().click(&format!("item-status-{key}")).await?;
    walk.window().click(&format!("status-option-{status}")).await?;
    if matches!(status, "blocked" | "not_applicable") {
        walk.window().click("reason-submit").await?;
        walk.sees_problem().await?;
        walk.look(&format!("reason-{status}")).await?;
        walk.window().fill("reason-input", "Nobody there answers").await?;
        walk.press("Control+Enter").await?;
        walk.window().gone("reason-input").await?;
    }
    walk.window().sees_status(key, status).await
}

/// What the keys do on an item that has the focus.
pub async fn keys(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("not_started", false).await?;
    let key = keys.first().context("an item that is not started")?.clone();
    let row = format!("item-row-{key}");
    walk.focus(&row).await?;
    walk.press("Space").await?;
    walk.window().sees_status(&key, "complete").await?;
    walk.look("toast").await?;
    walk.press("Control+z").await?;
    walk.window().sees_status(&key, "not_started").await?;
    walk.focus(&row).await?;
    walk.press("u").await?;
    walk.window().sees_status(&key, "complete").await?;
    walk.press("s").await?;
    walk.window().find("status-option-blocked").await?;
    walk.look("status-menu").await?;
    walk.press("Escape").await?;
    walk.window().gone("status-option-blocked").await?;
    walk.focus(&row).await?;
    walk.press("b").await?;
    walk.has_focus("reason-input").await?;
    walk.press("Escape").await?;
    walk.window().gone("reason-input").await?;
    walk.has_focus(&row).await?;
    walk.press_all(&["ArrowDown", "ArrowUp", "End", "Home"]).await?;
    walk.has_focus("phase-row-").await?;
    walk.focus(&row).await?;
    walk.press("c").await?;
    walk.has_focus("comment-input").await?;
    walk.press("Escape").await?;
    walk.window().gone("item-panel").await?;
    walk.has_focus(&row).await
}

/// Everything that a panel changes reaches the core.
pub async fn panel(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("not_started", false).await?;
    let key = keys.first().context("an item that is not started")?.clone();
    walk.focus(&format!("item-row-{key}")).await?;
    walk.press("Enter").await?;
    walk.window().find("panel-status").await?;
    walk.look("item").await?;
    // What the keys did may still be told: each toast below has to be of what was done there.
    walk.dismiss_toast().await?;
    walk.window().fill("item-note", "Room 12 has the only wired socket").await?;
    walk.window().click("note-save").await?;
    holds(walk, &key, "note", json!("Room 12 has the only wired socket")).await?;
    walk.window().click("owner-trigger").await?;
    walk.look("owner").await?;
    walk.window().fill("owner-input", "mia").await?;
    walk.press("Enter").await?;
    walk.window().gone("owner-input").await?;
    walk.reads("owner-trigger", "mia").await?;
    walk.window().client.execute(DATE, vec![json!("item-due"), json!("2031-05-06")]).await?;
    walk.press("Enter").await?;
    holds(walk, &key, "due", json!("2031-05-06")).await?;
    walk.window().click("comment-submit").await?;
    walk.sees_problem().await?;
    walk.look("comment-problem").await?;
    walk.choose("comment-visibility", "client").await?;
    walk.window().fill("comment-input", "They will call back").await?;
    walk.press("Control+Enter").await?;
    walk.reads("comment-row", "They will call back").await?;
    walk.look("item-comment").await?;
    walk.window().click("item-close").await?;
    walk.window().gone("item-panel").await
}

/// Types a date: how one is typed depends on the browser's language.
const DATE: &str = "const field = document.querySelector(`[data-testid=${arguments[0]}]`); field.focus(); \
     field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}))";

/// Fills in a date.
pub async fn fill_date(walk: &Walk, id: &str, day: &str) -> Result<()> {
    walk.window().find(id).await?;
    walk.window().client.execute(DATE, vec![json!(id), json!(day)]).await?;
    Ok(())
}

/// Waits until the toast of a change is there, then asks the core for a field.
async fn holds(walk: &Walk, key: &str, field: &str, value: Value) -> Result<()> {
    walk.window().find("toast-undo").await?;
    let known = walk.item(key).await?;
    ensure!(known[field] == value, "{field} should be {value}: {known}");
    walk.dismiss_toast().await
}
