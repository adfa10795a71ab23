//! Screens held against the pictures in `tests/pictures`. Clocks stand still and the data are always
//! the same, so whatever is different was changed in the interface or in what the core tells it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use cairn_tests::acts::keys_with;
use cairn_tests::bridge::Browser;
use cairn_tests::desk::Theme;
use cairn_tests::picture::Picture;
use cairn_tests::process::target_dir;
use cairn_tests::service::{Person, Service};
use cairn_tests::still::StillClock;
use cairn_tests::window::Window;
use serde_json::json;
use tempfile::TempDir;

/// A Monday morning.
const NOW: &str = "2026-03-02 09:00:00";

const TENANTS: usize = 5;

/// Set, it makes the pictures anew instead of holding screens against them.
const RENEW: &str = "CAIRN_RENEW_PICTURES";

/// Hides where this computer keeps its data and how large they are.
const HIDE: &str = "const one = document.querySelector('[data-testid=data-folder]')?.closest('section'); \
     if (one) one.style.visibility = 'hidden'";

/// Whether the bottom line tells of a connection, where there is one.
const SETTLED: &str = "[null, undefined].includes(document.querySelector('[data-testid=sync-line]')?.innerText) \
     || document.querySelector('[data-testid=sync-line]').innerText.includes('Connected')";

/// Everything in one theme.
struct Album {
    _folder: TempDir,
    service: Service,
    mia: Person,
    shared: String,
    browser: Browser,
    theme: &'static str,
    faults: Vec<String>,
}

impl Album {
    async fn open(theme: Theme) -> Result<Self> {
        let clock = StillClock::at(NOW)?;
        let folder = tempfile::Builder::new().prefix("cairn-pictures-").tempdir()?;
        let mut service = Service::at(&folder.path().join("service"))?;
        service.stand_still(&clock);
        let demo = service.seed(TENANTS)?;
        let mia = demo.person("IMPL_MGR", 0)?;
        service.add_tenant("harbour-academy", "Harbour Academy", &mia)?;
        service.start()?;
        let mut browser = Browser::start().await?;
        browser.stand_still(&clock);
        browser.open(&folder.path().join("mia")).await?;
        let theme = if theme == Theme::Dark { "dark" } else { "light" };
        browser.window.ask("change_settings", json!({ "theme": theme })).await?;
        browser.window.client.refresh().await?;
        let shared = demo.tenants.first().context("no tenants were seeded")?.clone();
        Ok(Self { _folder: folder, service, mia, shared, browser, theme, faults: Vec::new() })
    }

    fn window(&self) -> &Window {
        &self.browser.window
    }

    async fn hold(&mut self, screen: &str) -> Result<()> {
        self.window().until("a connection", SETTLED).await?;
        self.window()
            .until("the theme", &format!("document.documentElement.dataset.theme === '{}'", self.theme))
            .await?;
        self.window().client.execute(HIDE, vec![]).await?;
        let seen = self.window().picture().await?;
        self.faults.extend(compare(&seen, &format!("{screen}-{}", self.theme))?);
        Ok(())
    }

    async fn walk(&mut self) -> Result<()> {
        // Where the cursor stands already; but not every Chromium gives a page loaded again the focus.
        self.window().click("sign-in-server").await?;
        self.hold("sign-in").await?;
        let url = self.service.url();
        self.window().sign_in(&url, &self.mia).await?;
        self.window().find("today-front").await?;
        self.window().sync().await?;
        self.hold("today").await?;
        self.window().click("nav-tenants").await?;
        self.window().find("tenant-list").await?;
        self.hold("tenants").await?;
        self.window().click("tenant-row-harbour-academy").await?;
        self.window().find("start-project").await?;
        self.hold("start-project").await?;
        self.checklist().await?;
        self.window().click("nav-history").await?;
        self.window().find("change-row").await?;
        self.hold("history").await?;
        self.window().click("nav-settings").await?;
        self.window().find("about-version").await?;
        self.hold("settings").await?;
        self.window().from_account_menu("menu-lock").await?;
        self.window().find("unlock-submit").await?;
        self.hold("locked").await
    }

    async fn checklist(&mut self) -> Result<()> {
        let shared = self.shared.clone();
        self.window().open_tenant(&shared).await?;
        self.hold("checklist").await?;
        let [item] = keys_with(&self.window().checklist(&shared).await?, "not_started")?;
        self.window().click(&format!("item-status-{item}")).await?;
        self.window().find("status-option-blocked").await?;
        self.hold("status-menu").await?;
        self.window().click("status-option-blocked").await?;
        self.window().click("reason-submit").await?;
        self.window().until("the fault", "document.querySelector('[role=alert] a')").await?;
        self.hold("reason-problem").await?;
        self.window().fill("reason-input", "Their firewall turns the sign-in host away").await?;
        self.window().click("reason-submit").await?;
        self.window().sees_status(&item, "blocked").await?;
        self.window().sync().await?;
        self.window().click_toast_away().await?;
        self.window().open_row(&item).await?;
        self.window().find("panel-status").await?;
        self.hold("item").await?;
        self.window().click("palette-open").await?;
        self.window().fill("palette-input", "sch").await?;
        self.hold("palette").await?;
        self.window().press(&fantoccini::key::Key::Escape.to_string()).await?;
        self.window().gone("palette-input").await
    }
}

/// Holds a screen against its picture; gives what is wrong.
fn compare(seen: &Picture, name: &str) -> Result<Option<String>> {
    let kept = kept().join(format!("{name}.png"));
    let told = Picture::read(&kept).and_then(|picture| picture.difference(seen));
    if matches!(told, Ok(None)) {
        return Ok(None);
    }
    if renews() {
        return seen.write(&kept).map(|()| None);
    }
    let folder = target_dir()?.join("pictures");
    seen.write(&folder.join(format!("{name}.png")))?;
    let what = match told {
        Ok(Some(difference)) => {
            difference.shown.write(&folder.join(format!("{name}-difference.png")))?;
            difference.to_string()
        }
        Ok(None) => String::new(),
        Err(error) => format!("{error:#}"),
    };
    Ok(Some(format!("{name}: {what}")))
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures")
}

#[allow(clippy::disallowed_methods, reason = "a test program takes this wish from its environment alone")]
fn renews() -> bool {
    std::env::var_os(RENEW).is_some()
}

async fn hold_all(theme: Theme) -> Result<()> {
    let mut album = Album::open(theme).await?;
    album.walk().await?;
    album.window().close().await?;
    let faults = album.faults.join("\n");
    let advice = "what was seen is in target/pictures; if it is meant to be so, renew the pictures";
    ensure!(faults.is_empty(), "{faults}\n{advice} ({RENEW}=1, see README.md)");
    Ok(())
}

#[tokio::test]
async fn the_screens_look_as_they_did_in_light() {
    hold_all(Theme::Light).await.unwrap();
}

#[tokio::test]
async fn the_screens_look_as_they_did_in_dark() {
    hold_all(Theme::Dark).await.unwrap();
}
