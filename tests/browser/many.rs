//! Many items at once.

use anyhow::{Context as _, Result, ensure};

use crate::checklist::fill_date;
use crate::walk::Walk;

/// All the ways to select.
pub async fn select(walk: &mut Walk) -> Result<()> {
    let first = walk.keys_in("not_started", false).await?.first().context("an open item")?.clone();
    walk.focus(&format!("item-row-{first}")).await?;
    walk.press("x").await?;
    walk.reads("selection-count", "1").await?;
    walk.look("selection").await?;
    walk.press_all(&["Shift+ArrowDown", "Shift+ArrowUp", "Control+a"]).await?;
    let shown = "document.querySelectorAll('[data-testid^=item-row-]').length";
    let all = format!("document.querySelectorAll('[aria-selected=true]').length === {shown}");
    walk.window().until("all selected", &all).await?;
    walk.press("Escape").await?;
    walk.window().gone("selection-bar").await?;
    walk.window().click("select").await?;
    walk.window().click("selection-clear").await?;
    walk.window().gone("selection-bar").await
}

/// Every change that can be made to many, and taken back as one.
pub async fn change(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("not_started", false).await?;
    let [one, two] = keys.first_chunk().context("two open items")?.clone();
    pick(walk, &[&one, &two]).await?;
    walk.press("s").await?;
    walk.window().find("status-option-in_progress").await?;
    walk.look("many-status").await?;
    walk.window().click("status-option-in_progress").await?;
    both(walk, &one, &two, "in_progress").await?;
    walk.press("Control+z").await?;
    both(walk, &one, &two, "not_started").await?;
    pick(walk, &[&one, &two]).await?;
    walk.press("b").await?;
    walk.window().fill("reason-input", "The office is closed").await?;
    walk.look("many-reason").await?;
    walk.press("Control+Enter").await?;
    both(walk, &one, &two, "blocked").await?;
    owner_and_due(walk, &[&one, &two]).await?;
    pick(walk, &[&one, &two]).await?;
    walk.press("Space").await?;
    both(walk, &one, &two, "complete").await?;
    leave_some(walk).await
}

async fn owner_and_due(walk: &mut Walk, keys: &[&String]) -> Result<()> {
    pick(walk, keys).await?;
    walk.press("o").await?;
    walk.window().fill("owner-input", "mia").await?;
    walk.look("many-owner").await?;
    walk.press("Enter").await?;
    walk.window().gone("owner-input").await?;
    walk.window().find("toast-undo").await?;
    walk.dismiss_toast().await?;
    pick(walk, keys).await?;
    walk.press("d").await?;
    walk.window().click("many-due-set").await?;
    walk.look("many-due-problem").await?;
    fill_date(walk, "many-due-input", "2031-05-06").await?;
    walk.window().click("many-due-set").await?;
    walk.window().find("toast-undo").await?;
    let known = walk.item(keys[0]).await?;
    ensure!(known["due"] == "2031-05-06" && known["owner"].is_string(), "neither owner nor due: {known}");
    walk.dismiss_toast().await
}

/// An item that only its check completes stays as it was, and is named.
async fn leave_some(walk: &mut Walk) -> Result<()> {
    let plain = walk.keys_in("not_started", false).await?.first().context("an open item")?.clone();
    let checked = walk.keys_in("not_started", true).await?.first().context("a checked item")?.clone();
    pick(walk, &[&plain, &checked]).await?;
    walk.press("Space").await?;
    walk.window().find("left").await?;
    walk.look("many-left").await?;
    ensure!(walk.item(&checked).await?["status"] == "not_started");
    walk.window().click("left-dismiss").await?;
    walk.window().gone("left").await?;
    walk.press("Control+z").await?;
    walk.window().sees_status(&plain, "not_started").await
}

async fn pick(walk: &mut Walk, keys: &[&String]) -> Result<()> {
    for key in keys {
        walk.focus(&format!("item-row-{key}")).await?;
        walk.press("x").await?;
    }
    walk.reads("selection-count", &keys.len().to_string()).await
}

async fn both(walk: &Walk, one: &str, two: &str, status: &str) -> Result<()> {
    walk.window().sees_status(one, status).await?;
    walk.window().sees_status(two, status).await
}
