//! The main job, end to end, in real windows: two specialists work one tenant, one of them at a
//! school without network, and everyone's work comes together. The demo tells it, and the desktop
//! tests hold it to its word.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fantoccini::key::Key;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ctl::Laptop;
use crate::desk::{Desk, Theme};
use crate::service::{Demo, Person, Service};
use crate::window::Window;

/// Tenants in the demo data.
const TENANTS: usize = 6;

/// Why the item is blocked, in the words of the specialist at the school.
const REASON: &str = "Their firewall turns the sign-in host away; IT promised Thursday";

/// What she writes on another item.
const REMARK: &str = "Room list checked on site with the office";

/// Who tells the story: one line for everything that happened.
pub type Teller<'a> = &'a dyn Fn(&str);

/// The cast and the places.
pub struct Story<'a> {
    tell: Teller<'a>,
    pictures: PathBuf,
    faults: Vec<String>,
    folder: TempDir,
    service: Service,
    demo: Demo,
    /// Slug of the tenant that both work on.
    shared: String,
    // Windows end before the desks they stand on.
    ana: Seat,
    ben: Seat,
}

/// A laptop with a person at its window.
struct Seat {
    window: Window,
    desk: Desk,
    person: Person,
    /// Ends the names of its pictures.
    suffix: &'static str,
}

/// The items the story needs, by key.
struct Items {
    contested: String,
    remarked: String,
    slipped: String,
    other: String,
}

/// Tells the whole story; every screen on the way is saved under `pictures` as `<screen>.png`.
///
/// # Errors
/// The first thing that is not as told; in the end, all that axe found on the way.
pub async fn tell(pictures: &Path, tell: Teller<'_>) -> Result<()> {
    let mut story = Story::open(pictures, tell).await?;
    if let Err(error) = story.chapters().await {
        for seat in [&story.ana, &story.ben] {
            // What the windows show when it goes wrong; the error itself is what counts.
            let _ = seat.window.screenshot(pictures, &format!("failed{}", seat.suffix)).await;
        }
        return Err(error);
    }
    story.end().await
}

impl<'a> Story<'a> {
    async fn open(pictures: &Path, tell: Teller<'a>) -> Result<Self> {
        fs::create_dir_all(pictures)?;
        let folder = tempfile::Builder::new().prefix("cairn-story-").tempdir()?;
        let mut service = Service::at(&folder.path().join("service"))?;
        let demo = service.seed(TENANTS)?;
        service.start()?;
        tell("The service runs on embedded SQLite with demo data.");
        let ana = Seat::take(Theme::Light, demo.person("IMPL_SPEC", 0)?, "").await?;
        let ben = Seat::take(Theme::Dark, demo.person("IMPL_SPEC", 1)?, "-dark").await?;
        tell("Two laptops are on, each with its own display, keyring and notifications.");
        let (pictures, faults, shared) = (pictures.to_owned(), Vec::new(), String::new());
        Ok(Self { tell, pictures, faults, folder, service, demo, shared, ana, ben })
    }

    async fn chapters(&mut self) -> Result<()> {
        self.sign_in().await?;
        let items = self.choose_items().await?;
        self.work_apart(&items).await?;
        self.come_together(&items).await?;
        self.settle(&items).await?;
        self.verify().await?;
        self.lock_and_recover().await
    }

    fn shared(&self) -> &str {
        &self.shared
    }

    /// Saves the screen and has axe look at it.
    async fn picture(&mut self, whose: Who, screen: &str) -> Result<()> {
        let seat = match whose {
            Who::Ana => &self.ana,
            Who::Ben => &self.ben,
        };
        let name = format!("{screen}{}", seat.suffix);
        seat.window.screenshot(&self.pictures, &name).await?;
        let found = seat.window.accessibility_faults().await.with_context(|| name.clone())?;
        self.faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
        Ok(())
    }

    async fn sign_in(&mut self) -> Result<()> {
        for who in [Who::Ana, Who::Ben] {
            self.seat(who).window.find("sign-in-submit").await?;
            self.picture(who, "sign-in").await?;
            let (url, seat) = (self.service.url(), self.seat(who));
            seat.sign_in(&url).await?;
            self.picture(who, "tenants").await?;
        }
        let rows = self.ana.tenants().await?;
        ensure!(!rows.is_empty(), "she received no tenants");
        let (tell, name) = (self.tell, self.ana.person.name.clone());
        tell(&format!("{name} signed in at the office and received {} tenants.", rows.len()));
        let wrong = Laptop::new(self.folder.path(), "stranger");
        let nobody = Person { name, password: "not hers".into() };
        ensure!(wrong.login(&self.service.url(), &nobody).is_err(), "a wrong password signs in");
        Ok(())
    }

    /// Opens the shared tenant in both windows and picks items nobody has finished.
    async fn choose_items(&mut self) -> Result<Items> {
        let (hers, his) = (self.ana.tenants().await?, self.ben.tenants().await?);
        let both = hers.iter().filter(|row| his.iter().any(|other| other["id"] == row["id"]));
        let widest = both.max_by_key(|row| row["progress"]["total"].as_u64());
        let slug = widest.and_then(|row| row["slug"].as_str()).context("they share no tenant")?.to_owned();
        slug.clone_into(&mut self.shared);
        for who in [Who::Ana, Who::Ben] {
            let seat = self.seat(who);
            seat.window.click(&format!("tenant-row-{slug}")).await?;
            seat.window.find("checklist-title").await?;
            seat.window.until("the rows", "document.querySelector('[data-testid^=item-row-]')").await?;
            self.picture(who, "checklist").await?;
        }
        let view = self.ana.checklist(&slug).await?;
        let plain = || items(&view).filter(|item| item["check"].is_null());
        let with = |status: &'static str| plain().filter(move |item| item["status"] == status);
        let key = |item: Option<&Value>| {
            item.and_then(|item| item["key"].as_str()).map(str::to_owned).context("too few open items")
        };
        let mut open = with("not_started");
        Ok(Items {
            contested: key(open.next())?,
            slipped: key(open.next())?,
            other: key(open.next())?,
            remarked: key(with("in_progress").next())?,
        })
    }

    /// The service is out of reach; both go on working.
    async fn work_apart(&mut self, items: &Items) -> Result<()> {
        self.service.stop()?;
        (self.tell)("The service is out of reach: both laptops are on their own.");
        let window = &self.ana.window;
        window.click(&format!("item-status-{}", items.contested)).await?;
        window.find("status-option-blocked").await?;
        self.picture(Who::Ana, "status-menu").await?;
        self.ana.window.click("status-option-blocked").await?;
        self.ana.window.fill("reason-input", REASON).await?;
        self.picture(Who::Ana, "reason").await?;
        self.ana.window.click("reason-submit").await?;
        self.ana.sees_status(&items.contested, "blocked").await?;
        (self.tell)(&format!("{} blocked `{}` with a reason.", self.ana.person.name, items.contested));

        self.ana.window.open_row(&items.remarked).await?;
        self.ana.window.fill("comment-input", REMARK).await?;
        self.ana.window.click("comment-submit").await?;
        self.ana.window.find("comment-row").await?;
        self.picture(Who::Ana, "item").await?;
        self.ana.window.click("item-close").await?;
        (self.tell)(&format!("She commented on `{}`.", items.remarked));

        self.ana.set_status(&items.slipped, "complete").await?;
        self.ana.window.click("toast-undo").await?;
        self.ana.sees_status(&items.slipped, "not_started").await?;
        (self.tell)(&format!("She marked `{}` by mistake and took it back.", items.slipped));

        self.ben.set_status(&items.contested, "complete").await?;
        self.ben.set_status(&items.other, "in_progress").await?;
        (self.tell)(&format!(
            "Meanwhile {} completed `{}` and began `{}`.",
            self.ben.person.name, items.contested, items.other
        ));
        self.picture(Who::Ben, "checklist-offline").await?;
        self.ana.window.click("nav-sync").await?;
        self.ana.window.find("queue-row").await?;
        self.picture(Who::Ana, "sync").await?;
        let line = self.ana.window.text("sync-line").await?;
        ensure!(!line.contains("Synced"), "the sync line says {line:?} with work waiting");
        Ok(())
    }

    /// The service is back: everything merges, the one conflict stands on both laptops.
    async fn come_together(&mut self, items: &Items) -> Result<()> {
        self.service.start()?;
        (self.tell)("The service is back.");
        self.ben.window.click("nav-sync").await?;
        for seat in [&self.ana, &self.ben, &self.ana] {
            seat.sync().await?;
        }
        for who in [Who::Ana, Who::Ben] {
            self.seat(who).window.find("conflict-1").await?;
            self.picture(who, "sync-conflict").await?;
            let shown = self.seat(who).window.text("conflict-1").await?;
            for part in [REASON, "Blocked", "Complete", "Not started"] {
                ensure!(shown.contains(part), "the conflict does not show {part:?}: {shown}");
            }
            let view = self.seat(who).window.ask("sync_view", json!({})).await?;
            let conflicts = view["conflicts"].as_array().map_or(0, Vec::len);
            ensure!(conflicts == 1, "{conflicts} conflicts instead of one");
        }
        let view = self.ben.checklist(self.shared()).await?;
        let status = |key: &str| items_status(&view, key);
        ensure!(status(&items.other) == "in_progress", "his other change is gone");
        ensure!(status(&items.contested) == "blocked", "the more cautious value does not show");
        (self.tell)("Everything merged; the one real conflict shows on both laptops with both values.");
        Ok(())
    }

    /// Settled on one laptop, gone on the other.
    async fn settle(&mut self, items: &Items) -> Result<()> {
        let view = self.ana.window.ask("sync_view", json!({})).await?;
        let values = view["conflicts"][0]["values"].as_array().cloned().unwrap_or_default();
        let hers = values.iter().position(|value| value["mine"] == true).context("no value is hers")?;
        self.ana.window.click(&format!("conflict-take-1-{}", hers + 1)).await?;
        self.ana.window.gone("conflict-1").await?;
        self.ana.sync().await?;
        self.ben.sync().await?;
        self.ben.window.gone("conflict-1").await?;
        let status = items_status(&self.ben.checklist(self.shared()).await?, &items.contested);
        ensure!(status == "blocked", "he sees {status}");
        self.picture(Who::Ana, "sync-done").await?;
        (self.tell)("She kept hers; on his laptop the conflict is gone.");
        Ok(())
    }

    /// The journal verifies, and the CSM's laptop has the equal digest at the equal seq.
    async fn verify(&mut self) -> Result<()> {
        let slug = self.shared().to_owned();
        let csm = Laptop::new(self.folder.path(), "csm");
        let who = self.demo.person("CSM", 0)?;
        csm.login(&self.service.url(), &who)?;
        csm.ok(&["sync"])?;
        let audit = csm.ok(&["audit", "verify", &slug])?;
        ensure!(audit["ok"] == true, "the journal does not verify: {audit}");
        let tenants = csm.ok(&["tenants"])?;
        let theirs = named(&tenants["tenants"], &slug)?;
        for seat in [&self.ana, &self.ben] {
            let rows = Value::Array(seat.tenants().await?);
            let own = named(&rows, &slug)?;
            for field in ["seq", "head", "digest"] {
                ensure!(own[field] == theirs[field], "{field} differs: {} and {}", own[field], theirs[field]);
            }
        }
        (self.tell)(&format!(
            "The journal verifies ({} changes); three laptops hold digest {:.12} at seq {}.",
            audit["ops"],
            theirs["digest"].as_str().unwrap_or_default(),
            theirs["seq"]
        ));
        let window = &self.ana.window;
        window.click("nav-tenants").await?;
        window.click(&format!("tenant-row-{slug}")).await?;
        window.find("checklist-title").await?;
        self.picture(Who::Ana, "checklist-after").await?;
        self.ana.window.click("palette-open").await?;
        self.ana.window.fill("palette-input", "sch").await?;
        self.picture(Who::Ana, "palette").await?;
        self.ana.window.press(&Key::Escape.to_string()).await?;
        self.ana.window.gone("palette-input").await
    }

    /// A lock, and a keyring that will not open: never a fresh database.
    async fn lock_and_recover(&mut self) -> Result<()> {
        let phrase = "granite lichen morning";
        self.ana.window.click("account-menu").await?;
        self.ana.window.click("menu-passphrase").await?;
        self.ana.window.fill("passphrase", phrase).await?;
        self.ana.window.fill("passphrase-repeat", phrase).await?;
        self.picture(Who::Ana, "passphrase").await?;
        self.ana.window.click("passphrase-submit").await?;
        self.ana.window.gone("passphrase-submit").await?;
        for who in [Who::Ana, Who::Ben] {
            self.seat(who).window.click("account-menu").await?;
            self.seat(who).window.click("menu-lock").await?;
            self.seat(who).window.find("unlock-submit").await?;
            self.picture(who, "locked").await?;
        }
        self.ana.window.click("unlock-submit").await?;
        self.ana.window.find("account-menu").await?;
        (self.tell)("She locked her window and opened it again by the keyring.");

        self.ana.desk.lock_keyring()?;
        self.ana.window.click("account-menu").await?;
        self.ana.window.click("menu-lock").await?;
        self.ana.window.click("unlock-submit").await?;
        self.ana.window.find("recovery-cause").await?;
        self.picture(Who::Ana, "recovery").await?;
        self.ana.window.fill("unlock-passphrase", phrase).await?;
        self.ana.window.click("recovery-submit").await?;
        self.ana.window.find("account-menu").await?;
        ensure!(!self.ana.tenants().await?.is_empty(), "her tenants are gone");
        (self.tell)("With her keyring locked she opened it by the recovery passphrase; nothing was lost.");
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.ana.window.close().await?;
        self.ben.window.close().await?;
        ensure!(self.faults.is_empty(), "axe found:\n{}", self.faults.join("\n"));
        (self.tell)("axe found nothing on any of these screens.");
        Ok(())
    }

    fn seat(&self, who: Who) -> &Seat {
        match who {
            Who::Ana => &self.ana,
            Who::Ben => &self.ben,
        }
    }
}

#[derive(Clone, Copy)]
enum Who {
    Ana,
    Ben,
}

impl Seat {
    async fn take(theme: Theme, person: Person, suffix: &'static str) -> Result<Self> {
        let desk = Desk::start_with(theme)?;
        let window = Window::open(&desk, &desk.home().join("profile")).await?;
        Ok(Self { window, desk, person, suffix })
    }

    async fn sign_in(&self, url: &str) -> Result<()> {
        self.window.fill("sign-in-server", url).await?;
        self.window.fill("sign-in-name", &self.person.name).await?;
        self.window.fill("sign-in-password", &self.person.password).await?;
        self.window.click("sign-in-submit").await?;
        self.window.find("tenant-list").await.map(drop)
    }

    async fn set_status(&self, item: &str, status: &str) -> Result<()> {
        self.window.click(&format!("item-status-{item}")).await?;
        self.window.click(&format!("status-option-{status}")).await?;
        self.sees_status(item, status).await
    }

    async fn sees_status(&self, item: &str, status: &str) -> Result<()> {
        let row = format!("[data-testid=\"item-row-{item}\"][data-status=\"{status}\"]");
        self.window.until(&format!("{item} is {status}"), &format!("document.querySelector('{row}')")).await
    }

    /// Presses Sync now on the Sync screen and waits until nothing waits.
    async fn sync(&self) -> Result<()> {
        self.window.ask("sync_now", json!({})).await?;
        let line = self.window.ask("status", json!({})).await?;
        ensure!(line["pending"] == 0 && line["quarantined"] == 0, "after a sync: {line}");
        Ok(())
    }

    async fn tenants(&self) -> Result<Vec<Value>> {
        let answer = self.window.ask("tenants", json!({})).await?;
        Ok(answer["tenants"].as_array().cloned().unwrap_or_default())
    }

    async fn checklist(&self, slug: &str) -> Result<Value> {
        self.window.ask("checklist", json!({ "tenant": slug })).await
    }
}

fn items(view: &Value) -> impl Iterator<Item = &Value> {
    let phases = view["phases"].as_array().into_iter().flatten();
    phases.flat_map(|phase| phase["items"].as_array().into_iter().flatten())
}

fn items_status(view: &Value, key: &str) -> String {
    let item = items(view).find(|item| item["key"] == key);
    item.and_then(|item| item["status"].as_str()).unwrap_or_default().to_owned()
}

fn named(tenants: &Value, slug: &str) -> Result<Value> {
    let rows = tenants.as_array().into_iter().flatten();
    rows.into_iter().find(|row| row["slug"] == slug).cloned().with_context(|| format!("no tenant {slug}"))
}
