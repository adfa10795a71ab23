//! Where nobody is signed in or the database is closed, and where there is nothing yet.

use std::fs;

use anyhow::{Context as _, Result};
use cairn_tests::kept;
use cairn_tests::service::Person;

use crate::walk::Walk;

const PHRASE: &str = "granite lichen morning";

/// Without words, without a service, with a wrong password.
pub async fn signing_in(walk: &mut Walk) -> Result<()> {
    walk.open("newcomer").await?;
    walk.window().find("sign-in-submit").await?;
    walk.look("sign-in").await?;
    walk.window().click("sign-in-submit").await?;
    walk.sees_problem().await?;
    walk.look("sign-in-problem").await?;
    let newcomer = walk.service.add_person("noa.winter", "IMPL_SPEC", &[])?;
    let url = walk.service.url();
    walk.window().sign_in(&url, &newcomer).await?;
    walk.window().until("no service", "document.querySelectorAll('[role=alert] li').length === 1").await?;
    walk.look("sign-in-unreachable").await?;
    walk.service.start()?;
    let wrong = Person { password: "not hers".to_owned(), ..newcomer.clone() };
    walk.window().sign_in(&url, &wrong).await?;
    walk.sees_problem().await?;
    walk.window().sign_in(&url, &newcomer).await?;
    walk.window().find("account-menu").await.map(drop)
}

/// Every screen of somebody who has no tenants.
pub async fn nothing_yet(walk: &mut Walk) -> Result<()> {
    for (keys, screen) in
        [("Control+1", "today"), ("Control+2", "tenants"), ("Control+5", "sync"), ("Control+6", "history")]
    {
        walk.press(keys).await?;
        walk.sees(&format!("[data-testid=nav-{screen}][aria-current=page]")).await?;
        walk.sees("main .empty").await?;
        walk.look(&format!("{screen}-empty")).await?;
    }
    walk.press("Control+i").await?;
    walk.sees(".inbox .empty").await?;
    walk.look("inbox-empty").await?;
    walk.press("Escape").await?;
    walk.sees_no(".inbox").await?;
    walk.window().from_account_menu("menu-sign-out").await?;
    walk.window().find("sign-in-submit").await.map(drop)
}

/// Locked by the shortcut, by the palette and by the menu; a passphrase opens it as well.
pub async fn locked(walk: &mut Walk) -> Result<()> {
    walk.window().from_account_menu("menu-passphrase").await?;
    walk.window().click("passphrase-submit").await?;
    walk.sees_problem().await?;
    walk.look("passphrase-problem").await?;
    walk.window().set_passphrase(PHRASE).await?;
    walk.press("Control+Shift+L").await?;
    walk.has_focus("unlock-submit").await?;
    walk.look("locked").await?;
    walk.window().click("unlock-other").await?;
    walk.window().fill("unlock-passphrase", "not the one").await?;
    walk.window().click("unlock-submit").await?;
    walk.sees_problem().await?;
    walk.look("locked-problem").await?;
    walk.window().fill("unlock-passphrase", PHRASE).await?;
    walk.window().unlock().await?;
    walk.window().from_account_menu("menu-lock").await?;
    walk.window().unlock().await
}

/// The key is gone: never a fresh database, and the passphrase opens what is there.
pub async fn lost_key(walk: &mut Walk) -> Result<()> {
    let key = fs::read(walk.profile("mia.key")).context("the key file")?;
    fs::remove_file(walk.profile("mia.key"))?;
    walk.open("mia").await?;
    walk.window().find("recovery-cause").await?;
    walk.look("recovery").await?;
    walk.window().click("recovery-submit").await?;
    walk.sees_problem().await?;
    walk.look("recovery-problem").await?;
    walk.window().recover(PHRASE).await?;
    Ok(fs::write(walk.profile("mia.key"), key)?)
}

/// A newer and a damaged database, and the backup in its place.
pub async fn damaged(walk: &mut Walk) -> Result<()> {
    walk.browser.close();
    kept::make_newer(&walk.profile("mia"), PHRASE)?;
    walk.open("mia").await?;
    walk.window().find("unusable").await?;
    walk.look("unusable-newer").await?;
    kept::damage(&walk.profile("mia"))?;
    walk.open("mia").await?;
    walk.window().click("restore-open").await?;
    walk.window().find("restore-choice").await?;
    walk.look("restore-damaged").await?;
    walk.window().fill("restore-confirm", "restore").await?;
    walk.window().click("restore-submit").await?;
    walk.window().find("restored").await?;
    walk.look("restored").await?;
    let url = walk.service.url();
    walk.window().sign_in_to_tenants(&url, &walk.mia).await?;
    walk.window().sync().await
}
