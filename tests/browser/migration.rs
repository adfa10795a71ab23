//! A roster from its files to the preview, without a dialog: the path is typed.

use anyhow::{Context as _, Result};

use crate::walk::Walk;

/// One good row, one without the address that names it, and one that says what another says; and a label
/// with a slip in it.
const ROWS: &str = "email,first_name,last_name,organistion,role\n\
    ann.lee@example.org,Ann,Lee,School,teacher\n\
    ,Bo,Ray,School,teacher\n\
    ann.lee@example.org,Ann,Lee,School,teacher\n";

pub async fn files(walk: &mut Walk) -> Result<()> {
    walk.window().click("nav-migration").await?;
    walk.window().find("migration-drop").await?;
    walk.look("migration").await?;
    walk.window().fill("import-path", "/nowhere/roster.zip").await?;
    walk.press("Enter").await?;
    walk.sees_problem().await?;
    walk.reads("migration-failed", "moved or deleted").await?;
    walk.look("migration-failed").await?;
    let folder = walk.profile("roster");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("accounts.csv"), ROWS)?;
    walk.window().fill("import-path", folder.to_str().context("a name in text")?).await?;
    walk.press("Enter").await?;
    walk.reads("migration-found", "accounts.csv").await?;
    walk.look("migration-files").await
}

/// What the slip means is said by hand, a mistake on the way is taken back.
pub async fn map(walk: &mut Walk) -> Result<()> {
    walk.press("Control+Enter").await?;
    walk.reads("format-found", "accounts").await?;
    walk.has_focus("migration-title").await?;
    walk.look("migration-detect").await?;
    walk.press("Control+Enter").await?;
    walk.reads("migration-title", "1 required column is missing").await?;
    walk.has_focus("migration-title").await?;
    walk.reads("map-missing", "no column is read as organization").await?;
    walk.press("F8").await?;
    walk.has_focus("map-missing").await?;
    walk.press("F8").await?;
    walk.has_focus("map-use-3").await?;
    walk.look("migration-map").await?;
    walk.press("Enter").await?;
    walk.has_focus("map-as-3").await?;
    walk.reads("migration-title", "every column is mapped").await?;
    walk.choose("map-as-4", "-").await?;
    walk.reads("map-missing", "no column is read as role").await?;
    walk.choose("map-as-4", "").await?;
    walk.reads("migration-title", "every column is mapped").await?;
    walk.look("migration-mapped").await
}

pub async fn validate(walk: &mut Walk) -> Result<()> {
    walk.press("Control+Enter").await?;
    walk.reads("sum-rejected", "1").await?;
    walk.reads("sum-skipped", "1").await?;
    walk.has_focus("migration-title").await?;
    walk.look("migration-validate").await?;
    walk.focus("cause-problem-0").await?;
    walk.press_all(&["End", "Home"]).await?;
    walk.has_focus("cause-problem-0").await
}

pub async fn preview(walk: &mut Walk) -> Result<()> {
    walk.press("Control+Enter").await?;
    walk.reads("preview-no-roster", "no roster on this computer").await?;
    walk.reads("plan-row", "ann.lee@example.org").await?;
    walk.reads("plan-record", "School").await?;
    walk.look("migration-preview").await?;
    walk.press("/").await?;
    walk.has_focus("rows-text").await?;
    walk.window().fill("rows-text", "nobody").await?;
    walk.window().find("rows-clear").await?;
    walk.look("migration-preview-none").await?;
    walk.press("Escape").await?;
    walk.reads("plan-row", "ann.lee@example.org").await?;
    walk.press_all(&["ArrowDown", "Enter"]).await?;
    walk.has_focus("plan-record").await?;
    walk.press("Escape").await?;
    walk.has_focus("plan-row").await?;
    walk.press("Escape").await?;
    walk.window().find("migration-sum").await?;
    walk.window().click("nav-checklist").await?;
    walk.window().find("checklist-title").await.map(drop)
}
