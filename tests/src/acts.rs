//! What a person does in the window, and what they can read there.

use anyhow::{Context as _, Result, ensure};
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::service::Person;
use crate::window::Window;

impl Window {
    /// Fills in the sign-in form and sends it.
    ///
    /// # Errors
    /// The form is not there.
    pub async fn sign_in(&self, url: &str, person: &Person) -> Result<()> {
        self.fill("sign-in-server", url).await?;
        self.fill("sign-in-name", &person.name).await?;
        self.fill("sign-in-password", &person.password).await?;
        self.click("sign-in-submit").await
    }

    /// The same for somebody with tenants; returns when their list shows.
    ///
    /// # Errors
    /// As [`Window::sign_in`]; the sign-in does not work.
    pub async fn sign_in_to_tenants(&self, url: &str, person: &Person) -> Result<()> {
        self.sign_in(url, person).await?;
        // The window opens on Today.
        self.find("today-front").await?;
        self.click("nav-tenants").await?;
        self.find("tenant-list").await.map(drop)
    }

    /// Opens a tenant's checklist from the list of tenants.
    ///
    /// # Errors
    /// It is not in the list, or has no items.
    pub async fn open_tenant(&self, slug: &str) -> Result<()> {
        self.click("nav-tenants").await?;
        self.click(&format!("tenant-row-{slug}")).await?;
        self.find("checklist-title").await?;
        self.until("the rows", "document.querySelector('[data-testid^=item-row-]')").await
    }

    /// Opens an item by a click on its title; the middle of its row is the status menu.
    ///
    /// # Errors
    /// There is no such row.
    pub async fn open_row(&self, item: &str) -> Result<()> {
        self.still().await?;
        let row = self.find(&format!("item-row-{item}")).await?;
        self.click_on(&row.find(Locator::Css(".title")).await?).await
    }

    /// Picks a status without reason from an item's menu.
    ///
    /// # Errors
    /// The item does not show it afterwards.
    pub async fn set_status(&self, item: &str, status: &str) -> Result<()> {
        self.click(&format!("item-status-{item}")).await?;
        self.click(&format!("status-option-{status}")).await?;
        self.sees_status(item, status).await
    }

    /// Blocks an item with a reason.
    ///
    /// # Errors
    /// The item does not show it afterwards.
    pub async fn block(&self, item: &str, reason: &str) -> Result<()> {
        self.click(&format!("item-status-{item}")).await?;
        self.click("status-option-blocked").await?;
        self.fill("reason-input", reason).await?;
        self.click("reason-submit").await?;
        self.sees_status(item, "blocked").await
    }

    /// Waits until an item shows a status.
    ///
    /// # Errors
    /// It does not.
    pub async fn sees_status(&self, item: &str, status: &str) -> Result<()> {
        let row = format!("[data-testid=\"item-row-{item}\"][data-status=\"{status}\"]");
        self.until(&format!("{item} is {status}"), &format!("document.querySelector('{row}')")).await
    }

    /// Writes a comment into the open item.
    ///
    /// # Errors
    /// It does not show afterwards.
    pub async fn comment(&self, text: &str) -> Result<()> {
        self.fill("comment-input", text).await?;
        self.click("comment-submit").await?;
        self.find("comment-row").await.map(drop)
    }

    /// Synchronises; afterwards nothing waits.
    ///
    /// # Errors
    /// The service is out of reach or did not take everything.
    pub async fn sync(&self) -> Result<()> {
        self.ask("sync_now", json!({})).await?;
        let line = self.ask("status", json!({})).await?;
        ensure!(line["pending"] == 0 && line["quarantined"] == 0, "after a sync: {line}");
        Ok(())
    }

    /// Settles the one conflict on the Sync screen by keeping the own value.
    ///
    /// # Errors
    /// No value is the signed-in person's, or the conflict stays.
    pub async fn keep_mine(&self) -> Result<()> {
        let view = self.ask("sync_view", json!({})).await?;
        let values = view["conflicts"][0]["values"].as_array().context("there is no conflict")?;
        let mine = values.iter().position(|value| value["mine"] == true).context("no value is mine")?;
        self.click(&format!("conflict-take-1-{}", mine + 1)).await?;
        self.gone("conflict-1").await
    }

    /// Takes away what tells of the last change.
    ///
    /// # Errors
    /// It stays.
    pub async fn click_toast_away(&self) -> Result<()> {
        let close = "document.querySelector('[data-testid=toast] button:last-of-type')?.click()";
        self.client.execute(close, vec![]).await?;
        self.gone("toast").await
    }

    /// Opens an entry of the account menu.
    ///
    /// # Errors
    /// It is not there.
    pub async fn from_account_menu(&self, entry: &str) -> Result<()> {
        self.click("account-menu").await?;
        self.click(entry).await
    }

    /// Sets a recovery passphrase in its dialog, which is open.
    ///
    /// # Errors
    /// The dialog stays.
    pub async fn set_passphrase(&self, phrase: &str) -> Result<()> {
        self.fill("passphrase", phrase).await?;
        self.fill("passphrase-repeat", phrase).await?;
        self.click("passphrase-submit").await?;
        self.gone("passphrase-submit").await
    }

    /// Opens the database with the recovery passphrase, from the recovery screen.
    ///
    /// # Errors
    /// It does not open.
    pub async fn recover(&self, phrase: &str) -> Result<()> {
        self.fill("unlock-passphrase", phrase).await?;
        self.click("recovery-submit").await?;
        self.find("account-menu").await.map(drop)
    }

    /// Locks by the shortcut.
    ///
    /// # Errors
    /// The lock does not show.
    pub async fn lock(&self) -> Result<()> {
        self.press(&(Key::Control + &(Key::Shift + "l"))).await?;
        self.find("unlock-submit").await.map(drop)
    }

    /// Presses Unlock; returns when the work is there again.
    ///
    /// # Errors
    /// It stays locked.
    pub async fn unlock(&self) -> Result<()> {
        self.click("unlock-submit").await?;
        self.find("account-menu").await.map(drop)
    }

    /// Where the shell says the window stands.
    ///
    /// # Errors
    /// The shell refuses.
    pub async fn session(&self) -> Result<Value> {
        self.ask("session", json!({})).await
    }

    /// The tenants on this laptop.
    ///
    /// # Errors
    /// The shell refuses.
    pub async fn tenants(&self) -> Result<Vec<Value>> {
        let answer = self.ask("tenants", json!({})).await?;
        Ok(answer["tenants"].as_array().cloned().unwrap_or_default())
    }

    /// A tenant's checklist.
    ///
    /// # Errors
    /// The shell refuses.
    pub async fn checklist(&self, slug: &str) -> Result<Value> {
        self.ask("checklist", json!({ "tenant": slug })).await
    }
}

/// The items of a checklist.
pub fn items(view: &Value) -> impl Iterator<Item = &Value> {
    let phases = view["phases"].as_array().into_iter().flatten();
    phases.flat_map(|phase| phase["items"].as_array().into_iter().flatten())
}

/// The keys of a checklist's items in this status that a person may complete.
///
/// # Errors
/// There are fewer than `N`.
pub fn keys_with<const N: usize>(view: &Value, status: &str) -> Result<[String; N]> {
    let plain = items(view).filter(|item| item["check"].is_null() && item["status"] == status);
    let keys: Vec<_> = plain.filter_map(|item| item["key"].as_str()).map(str::to_owned).take(N).collect();
    keys.try_into().ok().with_context(|| format!("too few items are {status}"))
}
