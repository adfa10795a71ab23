//! What changed, by whom, and taking it back.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::checklist::fill_date;
use crate::walk::Walk;

/// Every filter, alone and together.
pub async fn narrow(walk: &mut Walk) -> Result<()> {
    walk.press("Control+6").await?;
    walk.window().find("change-row").await?;
    walk.look("history").await?;
    walk.focus("change-row").await?;
    walk.press_all(&["ArrowDown", "End", "Home", "/"]).await?;
    walk.has_focus("history-text").await?;
    walk.window().fill("history-text", "nothing like it").await?;
    walk.sees("main .empty").await?;
    walk.look("history-none").await?;
    walk.press("Escape").await?;
    walk.window().find("change-row").await?;
    for kind in ["status", "field", "comment", "blocker", "project", "other"] {
        walk.choose("history-kind", kind).await?;
        narrowed(walk, "history-clear").await?;
    }
    walk.window().click("history-clear").await?;
    walk.window().gone("history-clear").await?;
    let me = walk.window().session().await?["account"].clone();
    walk.choose("history-person", me.as_str().context("an account")?).await?;
    narrowed(walk, "history-clear").await?;
    let others = "[...document.querySelectorAll('.row .who')].every(who => who.innerText.trim() === 'You')";
    walk.window().until("her own changes", others).await?;
    fill_date(walk, "history-from", "2031-01-01").await?;
    walk.sees("main .empty").await?;
    fill_date(walk, "history-until", "2031-01-02").await?;
    walk.window().click("history-clear").await?;
    walk.window().find("change-row").await.map(drop)
}

async fn narrowed(walk: &Walk, clear: &str) -> Result<()> {
    walk.window().find(clear).await?;
    walk.sees("[data-testid=change-row], main .empty").await
}

/// One change, a selection, and everything since.
pub async fn take_back(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("not_started", false).await?;
    let key = keys.first().context("an open item")?.clone();
    let entity = walk.item(&key).await?["entity"].clone();
    for status in ["in_progress", "complete"] {
        let change = json!({ "tenant": walk.shared, "entity": entity, "status": status });
        walk.window().ask("set_status", change).await?;
    }
    walk.press("Control+1").await?;
    walk.press("Control+6").await?;
    walk.window().find("change-row").await?;
    walk.focus("change-row").await?;
    walk.press_all(&["Space", "Escape", "r"]).await?;
    is(walk, &key, "in_progress").await?;
    walk.focus("change-row").await?;
    walk.press_all(&["Home", "Shift+ArrowDown", "Shift+R"]).await?;
    walk.window().find("revert-cancel").await?;
    walk.look("revert").await?;
    walk.window().click("revert-confirm").await?;
    walk.window().gone("revert-confirm").await?;
    walk.window().find("toast-undo").await?;
    walk.focus("change-row").await?;
    walk.press("i").await?;
    walk.window().find("history-item").await?;
    walk.look("history-item").await?;
    walk.window().click("history-all").await?;
    walk.window().gone("history-all").await?;
    walk.focus("change-row").await?;
    walk.press("Enter").await?;
    walk.window().find("item-panel").await.map(drop)
}

async fn is(walk: &Walk, key: &str, status: &str) -> Result<()> {
    walk.window().find("toast-undo").await?;
    let known = walk.item(key).await?;
    ensure!(known["status"] == status, "{key} should be {status}: {known}");
    Ok(())
}
