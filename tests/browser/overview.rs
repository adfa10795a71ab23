//! The screens across tenants, and the ways between them.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::walk::{FRESH, Walk};

pub async fn today(walk: &mut Walk) -> Result<()> {
    walk.open("mia").await?;
    let url = walk.service.url();
    walk.window().sign_in(&url, &walk.mia).await?;
    walk.has_focus("today-next").await?;
    walk.look("today").await?;
    walk.press_all(&["ArrowDown", "ArrowUp", "End", "Home"]).await?;
    walk.has_focus("today-next").await?;
    walk.press("Enter").await?;
    walk.window().find("item-panel").await?;
    walk.press("Control+1").await?;
    walk.window().find("today-front").await.map(drop)
}

pub async fn tenants(walk: &mut Walk) -> Result<()> {
    walk.press("Control+2").await?;
    walk.window().find("tenant-list").await?;
    walk.look("tenants").await?;
    let tenants = walk.window().tenants().await?;
    walk.window().until("every tenant", &rows(tenants.len())).await?;
    walk.window().fill("tenant-filter", "nothing like it").await?;
    walk.sees("main .empty").await?;
    walk.look("tenants-none").await?;
    walk.press("Escape").await?;
    walk.window().fill("tenant-filter", FRESH).await?;
    walk.window().until("one tenant", &rows(1)).await?;
    walk.press_all(&["Escape", "ArrowDown"]).await?;
    walk.has_focus("tenant-row-").await?;
    walk.press_all(&["End", "ArrowUp", "Home", "Enter"]).await?;
    walk.sees("[data-testid=nav-checklist][aria-current=page]").await
}

fn rows(number: usize) -> String {
    format!("document.querySelectorAll('[data-testid^=tenant-row-]').length === {number}")
}

/// Everything the palette leads to, and the other way to a tenant.
pub async fn palette(walk: &mut Walk) -> Result<()> {
    walk.press("Control+k").await?;
    walk.has_focus("palette-input").await?;
    walk.look("palette").await?;
    walk.window().fill("palette-input", "nothing like it").await?;
    walk.look("palette-none").await?;
    walk.press("Escape").await?;
    walk.window().gone("palette-input").await?;
    for (line, leads_to) in [
        ("today", "[data-testid=nav-today][aria-current=page]"),
        ("tenants", "[data-testid=nav-tenants][aria-current=page]"),
        ("sync", "[data-testid=nav-sync][aria-current=page]"),
        ("history", "[data-testid=nav-history][aria-current=page]"),
        ("settings", "[data-testid=nav-settings][aria-current=page]"),
        ("inbox", ".inbox"),
        ("passphrase", "[data-testid=passphrase-submit]"),
        ("sync-now", "[data-testid=toast]"),
    ] {
        walk.press("Control+k").await?;
        walk.window().click(&format!("palette-{line}")).await?;
        walk.sees(leads_to).await?;
        walk.press("Escape").await?;
    }
    let name = walk.window().checklist(&walk.shared).await?["tenant"]["name"].clone();
    let name = name.as_str().context("the tenant has a name")?.to_owned();
    walk.press("Control+k").await?;
    walk.window().fill("palette-input", &name).await?;
    walk.press("Enter").await?;
    walk.window().find("checklist-title").await?;
    walk.press("Control+k").await?;
    walk.window().click("palette-upgrade").await?;
    walk.sees("[data-testid=upgrade-reason], [data-testid=upgrade-diff]").await?;
    walk.look("upgrade").await?;
    walk.press("Escape").await?;
    walk.sees_no("[role=dialog]").await?;
    switcher(walk).await
}

async fn switcher(walk: &mut Walk) -> Result<()> {
    walk.window().click("tenant-switcher").await?;
    walk.has_focus("switcher-input").await?;
    walk.look("tenant-switcher").await?;
    walk.window().fill("switcher-input", "harbour").await?;
    walk.press("Enter").await?;
    walk.window().find("start-project").await.map(drop)
}

/// From a file that is none, from one that is, and from a built-in playbook.
pub async fn start_project(walk: &mut Walk) -> Result<()> {
    walk.look("start-project").await?;
    walk.window().click("playbook-from-file").await?;
    let good = include_str!("../../src-tauri/crates/domain/playbooks/first-school-go-live.toml");
    for (name, text, then) in
        [("bad", "no playbook", "[role=alert]"), ("good", good, "[data-testid=playbook-facts]")]
    {
        let file = walk.profile(&format!("{name}.playbook.toml"));
        std::fs::write(&file, text)?;
        let field = walk.window().find("playbook-file").await?;
        field.send_keys(file.to_str().context("a name in text")?).await?;
        walk.sees(&format!("main {then}")).await?;
        walk.look(&format!("start-file-{name}")).await?;
    }
    walk.window().click("playbook-first-school-go-live").await?;
    walk.window().click("start-project").await?;
    walk.window().find("checklist-title").await?;
    walk.look("checklist-started").await?;
    let started = walk.window().ask("checklist", json!({ "tenant": FRESH })).await?;
    ensure!(started["playbook_title"].is_string(), "no project: {started}");
    Ok(())
}
