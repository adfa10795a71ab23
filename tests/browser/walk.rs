//! One person's way through the whole interface, and what is held against every stop on it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use cairn_tests::bridge::Browser;
use cairn_tests::ctl::Laptop;
use cairn_tests::service::{Demo, Person, Service};
use cairn_tests::window::Window;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Tenants of the demo data: enough for the list to offer a filter.
const TENANTS: usize = 9;

/// A tenant without a project.
pub const FRESH: &str = "harbour-academy";

/// Puts the page into a theme, whatever the settings say.
const DRESS: &str = "document.documentElement.dataset.theme = arguments[0]";

/// Gives the shortcuts that what shows now names.
const NAMED: &str = "return [...document.querySelectorAll('[aria-keyshortcuts]')] \
     .filter(one => one.checkVisibility()).map(one => one.getAttribute('aria-keyshortcuts'))";

/// Gives the focus to the first element with a `data-testid`, or whose `data-testid` starts so.
const FOCUS: &str = "(one => { one?.focus(); return one !== null && document.activeElement === one })";

pub struct Walk {
    pub service: Service,
    pub demo: Demo,
    /// A manager: she sees all there is to see.
    pub mia: Person,
    /// Her colleague's laptop.
    pub ben: Laptop,
    /// Slug of the tenant that is worked on.
    pub shared: String,
    pub folder: TempDir,
    pub browser: Browser,
    pressed: BTreeSet<String>,
    named: BTreeSet<String>,
    faults: Vec<String>,
}

impl Walk {
    /// The service with its demo data, which does not run yet, and a browser without a profile.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-walk-").tempdir()?;
        let service = Service::at(&folder.path().join("service"))?;
        let demo = service.seed(TENANTS)?;
        let mia = demo.person("IMPL_MGR", 0)?;
        service.add_tenant(FRESH, "Harbour Academy", &mia)?;
        service.assign(&demo.person("IMPL_SPEC", 1)?, FRESH)?;
        let shared = demo.tenants.first().context("no tenants were seeded")?.clone();
        let ben = Laptop::new(folder.path(), "ben");
        let browser = Browser::start().await?;
        let (pressed, named, faults) = Default::default();
        Ok(Self { service, demo, mia, ben, shared, folder, browser, pressed, named, faults })
    }

    pub fn window(&self) -> &Window {
        &self.browser.window
    }

    pub fn profile(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Opens a profile, as starting the app does.
    pub async fn open(&mut self, profile: &str) -> Result<()> {
        self.note_faults().await?;
        self.browser.open(&self.folder.path().join(profile)).await
    }

    /// Holds what shows now against what is asked of every screen, in both themes.
    pub async fn look(&mut self, screen: &str) -> Result<()> {
        self.window().still().await?;
        self.dress("light").await?;
        let mut found = self.window().accessibility_faults().await.context(screen.to_owned())?;
        self.dress("dark").await?;
        found.extend(self.window().colour_faults().await?);
        self.faults.extend(found.into_iter().map(|fault| format!("{screen}: {fault}")));
        let lost = self.window().lost_sideways().await?;
        self.faults.extend(lost.map(|what| format!("{screen}: over the edge: {what}")));
        let named = self.window().client.execute(NAMED, vec![]).await?;
        self.named.extend(serde_json::from_value::<Vec<String>>(named)?);
        Ok(())
    }

    async fn dress(&self, theme: &str) -> Result<()> {
        self.window().client.execute(DRESS, vec![json!(theme)]).await?;
        Ok(())
    }

    /// Presses a shortcut, written as `aria-keyshortcuts` writes it.
    pub async fn press(&mut self, shortcut: &str) -> Result<()> {
        let keys: Vec<char> = shortcut.split('+').map(key_of).collect::<Result<_>>()?;
        let down = keys.iter().map(|key| KeyAction::Down { value: *key });
        let up = keys.iter().rev().map(|key| KeyAction::Up { value: *key });
        let hand = down.chain(up).fold(KeyActions::new("keys".to_owned()), |hand, action| hand.then(action));
        let pressed = self.window().client.perform_actions(hand).await;
        pressed.with_context(|| format!("{shortcut} cannot be pressed"))?;
        self.pressed.insert(shortcut.to_lowercase());
        Ok(())
    }

    /// Presses several, one after the other.
    pub async fn press_all(&mut self, shortcuts: &[&str]) -> Result<()> {
        for shortcut in shortcuts {
            self.press(shortcut).await?;
        }
        Ok(())
    }

    /// Gives the focus to what has this `data-testid`, or the first that starts so.
    pub async fn focus(&self, id: &str) -> Result<()> {
        let one = format!("document.querySelector('[data-testid^=\"{id}\"]')");
        self.window().until(&format!("`{id}` takes the focus"), &format!("{FOCUS}({one})")).await
    }

    /// Waits until the focus is on what has this `data-testid`, or one that starts so.
    pub async fn has_focus(&self, id: &str) -> Result<()> {
        let condition = format!("document.activeElement?.closest('[data-testid^=\"{id}\"]')");
        self.window().until(&format!("the focus on `{id}`"), &condition).await
    }

    /// Waits until something that a selector finds shows.
    pub async fn sees(&self, selector: &str) -> Result<()> {
        self.window().until(selector, &format!("document.querySelector({})", json!(selector))).await
    }

    /// Waits until nothing is found by a selector any more.
    pub async fn sees_no(&self, selector: &str) -> Result<()> {
        self.window().until(selector, &format!("!document.querySelector({})", json!(selector))).await
    }

    /// Waits until so many elements have this `data-testid`.
    pub async fn counts(&self, id: &str, number: usize) -> Result<()> {
        let condition = format!("document.querySelectorAll('[data-testid=\"{id}\"]').length === {number}");
        self.window().until(&format!("{number} times `{id}`"), &condition).await
    }

    /// Waits until an element's text holds words.
    pub async fn reads(&self, id: &str, words: &str) -> Result<()> {
        let text = format!("document.querySelector('[data-testid=\"{id}\"]')?.innerText.toLowerCase()");
        let condition = format!("{text}?.includes({})", json!(words.to_lowercase()));
        self.window().until(&format!("`{id}` says {words:?}"), &condition).await
    }

    /// Chooses an option by its value, as the browser's own list of options does.
    pub async fn choose(&self, id: &str, value: &str) -> Result<()> {
        Ok(self.window().find(id).await?.select_by_value(value).await?)
    }

    /// Waits until a form says what is wrong: the focus is on the list of faults.
    pub async fn sees_problem(&self) -> Result<()> {
        self.window().until("the problem", "document.activeElement?.matches('[role=alert]')").await
    }

    /// Takes away what tells of the last change.
    pub async fn dismiss_toast(&self) -> Result<()> {
        self.window().click_toast_away().await
    }

    /// What the core has of an item.
    pub async fn item(&self, key: &str) -> Result<Value> {
        let view = self.window().checklist(&self.shared).await?;
        let mut items = cairn_tests::acts::items(&view);
        items.find(|item| item["key"] == key).cloned().with_context(|| format!("there is no item {key}"))
    }

    /// The keys of the shared tenant's items in a status, with a check or without, as they show.
    pub async fn keys_in(&self, status: &str, checked: bool) -> Result<Vec<String>> {
        let view = self.window().checklist(&self.shared).await?;
        let fits = |item: &&Value| item["status"] == status && item["check"].is_null() != checked;
        let keys = cairn_tests::acts::items(&view).filter(fits).filter_map(|item| item["key"].as_str());
        Ok(keys.map(str::to_owned).collect())
    }

    async fn note_faults(&mut self) -> Result<()> {
        if self.window().client.current_url().await?.scheme() == "http" {
            self.faults.extend(self.browser.faults().await?);
        }
        Ok(())
    }
}

/// Everything that was found on the ways; and that no shortcut was named that nobody pressed.
pub async fn finish(walks: [Walk; 2]) -> Result<()> {
    let (mut faults, mut named, mut pressed) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for mut walk in walks {
        walk.note_faults().await?;
        walk.window().close().await?;
        faults.append(&mut walk.faults);
        named.append(&mut walk.named);
        pressed.append(&mut walk.pressed);
    }
    let named = named.iter().flat_map(|shortcuts| shortcuts.split(' ')).map(str::to_lowercase);
    let untried: Vec<_> = named.filter(|shortcut| !pressed.contains(shortcut)).collect();
    ensure!(untried.is_empty(), "nobody pressed {untried:?}");
    ensure!(faults.is_empty(), "found:\n{}", faults.join("\n"));
    Ok(())
}

/// What WebDriver types for a key.
fn key_of(name: &str) -> Result<char> {
    Ok(match name {
        "Control" => Key::Control.into(),
        "Shift" => Key::Shift.into(),
        "Enter" => Key::Enter.into(),
        "Escape" => Key::Escape.into(),
        "Space" => ' ',
        "Home" => Key::Home.into(),
        "End" => Key::End.into(),
        "ArrowDown" => Key::Down.into(),
        "ArrowUp" => Key::Up.into(),
        "ArrowLeft" => Key::Left.into(),
        "ArrowRight" => Key::Right.into(),
        "F8" => Key::F8.into(),
        other => match other.chars().next() {
            Some(letter) if other.len() == letter.len_utf8() => letter,
            _ => bail!("nobody knows the key {other}"),
        },
    })
}
