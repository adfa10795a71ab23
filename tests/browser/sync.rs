//! What has not left the computer, and what needs a decision.

use anyhow::{Context as _, Result, ensure};
use cairn_tests::ctl::Laptop;
use serde_json::json;

use crate::walk::Walk;

/// The service is out of reach: work goes on and waits.
pub async fn offline(walk: &mut Walk) -> Result<()> {
    walk.window().sync().await?;
    walk.service.stop()?;
    let keys = walk.keys_in("not_started", false).await?;
    let key = keys.first().context("an open item")?.clone();
    walk.window().set_status(&key, "in_progress").await?;
    walk.sees("[data-testid=sync-line][data-pending='1']").await?;
    walk.press("Control+Shift+S").await?;
    walk.sees("[role=alert] [data-testid=toast]").await?;
    walk.look("sync-unreachable").await?;
    walk.dismiss_toast().await?;
    walk.look("checklist-offline").await?;
    for keys in ["Control+1", "Control+2", "Control+6"] {
        walk.press(keys).await?;
        walk.look(&format!("offline {keys}")).await?;
    }
    walk.press("Control+5").await?;
    walk.window().find("queue-row").await?;
    walk.look("sync-queue").await?;
    walk.window().from_account_menu("menu-sign-out").await?;
    walk.window().find("sign-out-anyway").await?;
    walk.look("sign-out").await?;
    walk.press("Escape").await?;
    walk.window().gone("sign-out-anyway").await?;
    walk.focus("queue-row").await?;
    walk.press("u").await?;
    walk.counts("queue-row", 2).await?;
    walk.press_all(&["End", "Home"]).await?;
    walk.service.start()?;
    walk.window().click("sync-now").await?;
    walk.window().gone("queue-row").await?;
    walk.look("sync-done").await
}

/// Two people changed the same items: one conflict is settled by its key, the rest together.
pub async fn conflicts(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("not_started", false).await?;
    let keys: [String; 3] = keys.first_chunk().context("three open items")?.clone();
    walk.ben.login(&walk.service.url(), &walk.demo.person("IMPL_SPEC", 1)?)?;
    walk.ben.ok(&["sync"])?;
    for key in &keys {
        walk.ben.ok(&["item", &walk.shared, key, "--status", "complete"])?;
    }
    let shared = walk.shared.clone();
    walk.service.stop()?;
    walk.window().open_tenant(&shared).await?;
    for key in &keys {
        walk.window().block(key, "Dana has the only key").await?;
    }
    walk.service.start()?;
    walk.ben.ok(&["sync"])?;
    walk.window().sync().await?;
    walk.press("Control+5").await?;
    walk.window().find("conflict-3").await?;
    walk.look("conflicts").await?;
    walk.focus("conflict-1").await?;
    walk.press_all(&["ArrowDown", "ArrowUp", "3"]).await?;
    walk.window().find("item-panel").await?;
    walk.look("item-conflict").await?;
    walk.press("Control+5").await?;
    walk.focus("conflict-1").await?;
    walk.press("2").await?;
    walk.window().gone("conflict-3").await?;
    walk.focus("conflict-1").await?;
    walk.press("1").await?;
    walk.window().gone("conflict-2").await?;
    inbox(walk).await?;
    settle_the_rest(walk, &keys).await
}

/// The other's values are news.
async fn inbox(walk: &mut Walk) -> Result<()> {
    walk.press("Control+i").await?;
    walk.window().find("notice").await?;
    walk.look("inbox").await?;
    walk.window().click("inbox-read-all").await?;
    walk.window().gone("inbox-read-all").await?;
    walk.focus("notice").await?;
    walk.press_all(&["End", "Home", "Escape"]).await?;
    walk.sees_no(".inbox").await
}

async fn settle_the_rest(walk: &mut Walk, keys: &[String]) -> Result<()> {
    // A second conflict, so that there are several to settle.
    let key = &keys[0];
    walk.ben.ok(&["sync"])?;
    walk.ben.ok(&["item", &walk.shared, key, "--status", "not_started"])?;
    let item = walk.item(key).await?;
    walk.service.stop()?;
    let change = json!({ "tenant": walk.shared, "entity": item["entity"], "status": "in_progress" });
    walk.window().ask("set_status", change).await?;
    walk.service.start()?;
    walk.ben.ok(&["sync"])?;
    walk.window().sync().await?;
    walk.window().click("settle-mine").await?;
    walk.window().find("settle-confirm").await?;
    walk.look("settle").await?;
    walk.window().click("settle-confirm").await?;
    walk.window().gone("conflict-1").await?;
    walk.window().sync().await
}

/// A colleague who is no longer assigned, and a decision that was made elsewhere.
pub async fn held_and_refused(walk: &mut Walk) -> Result<()> {
    let keys = walk.keys_in("complete", false).await?;
    let key = keys.first().context("an item")?.clone();
    for text in ["Written on the train", "Written in the tunnel"] {
        walk.ben.ok(&["comment", &walk.shared, &key, "--text", text])?;
    }
    walk.service.unassign(&walk.demo.person("IMPL_SPEC", 1)?, &walk.shared)?;
    walk.ben.ok(&["sync"])?;
    walk.window().sync().await?;
    walk.counts("held-row", 2).await?;
    walk.look("held").await?;
    let other = Laptop::new(walk.folder.path(), "other");
    other.login(&walk.service.url(), &walk.mia)?;
    other.ok(&["sync"])?;
    walk.service.stop()?;
    walk.window().click("held-adopt").await?;
    walk.window().find("held-decided").await?;
    walk.window().click("held-discard").await?;
    walk.window().find("discard-confirm").await?;
    walk.look("held-discard").await?;
    walk.window().click("discard-confirm").await?;
    walk.window().gone("held-discard").await?;
    walk.look("held-decided").await?;
    // Her own decisions must not come first, so this window is closed meanwhile.
    walk.browser.close();
    walk.service.start()?;
    decide_elsewhere(&other, &walk.shared)?;
    walk.open("mia").await?;
    walk.press("Control+5").await?;
    walk.window().click("sync-now").await?;
    walk.counts("refused-row", 2).await?;
    walk.look("refused").await?;
    // Tried again, it is refused again; then there is nothing left but to let go of both. The service is
    // away meanwhile, or the list could show two before and after without anybody knowing which.
    walk.service.stop()?;
    walk.window().click("retry").await?;
    walk.window().find("toast").await?;
    walk.counts("refused-row", 1).await?;
    walk.service.start()?;
    walk.window().click("sync-now").await?;
    walk.counts("refused-row", 2).await?;
    for left in [1, 0] {
        walk.window().click("discard").await?;
        walk.window().find("discard-confirm").await?;
        walk.look("refused-discard").await?;
        walk.window().click("discard-confirm").await?;
        walk.counts("refused-row", left).await?;
    }
    Ok(())
}

/// Decides the other way round about everything that is held.
fn decide_elsewhere(other: &Laptop, tenant: &str) -> Result<()> {
    let held = other.ok(&["held", tenant])?;
    let held = held["held"].as_array().context("a list")?;
    ensure!(held.len() == 2, "{held:?}");
    for row in held {
        other.ok(&["held", "adopt", row["op"].as_str().context("an op")?])?;
    }
    other.ok(&["sync"]).map(drop)
}
