//! The main job, end to end, in real windows: two specialists work one tenant, one of them at a
//! school without network, and everyone's work comes together. The demo tells it, and the desktop
//! tests hold it to its word.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::acts::{items, keys_with};
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
}

/// The items the story needs, by key.
struct Items {
    contested: String,
    remarked: String,
    slipped: String,
    other: String,
}

/// Tells the whole story. When it goes wrong, what the windows show is saved under `pictures`.
///
/// # Errors
/// The first thing that is not as told.
pub async fn tell(pictures: &Path, tell: Teller<'_>) -> Result<()> {
    let mut story = Story::open(tell).await?;
    if let Err(error) = story.chapters().await {
        for seat in [&story.ana, &story.ben] {
            // The error itself is what counts.
            let _ = seat.window.screenshot(pictures, &format!("failed-{}", seat.person.name)).await;
        }
        return Err(error);
    }
    for seat in [&story.ana, &story.ben] {
        seat.window.close().await?;
    }
    Ok(())
}

impl<'a> Story<'a> {
    async fn open(tell: Teller<'a>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-story-").tempdir()?;
        let mut service = Service::at(&folder.path().join("service"))?;
        let demo = service.seed(TENANTS)?;
        service.start()?;
        tell("The service runs on embedded SQLite with demo data.");
        let ana = Seat::take(Theme::Light, demo.person("IMPL_SPEC", 0)?).await?;
        let ben = Seat::take(Theme::Dark, demo.person("IMPL_SPEC", 1)?).await?;
        tell("Two laptops are on, each with its own display, keyring and notifications.");
        Ok(Self { tell, folder, service, demo, shared: String::new(), ana, ben })
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

    async fn sign_in(&mut self) -> Result<()> {
        for seat in [&self.ana, &self.ben] {
            seat.window.sign_in_to_tenants(&self.service.url(), &seat.person).await?;
        }
        let rows = self.ana.window.tenants().await?;
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
        let (hers, his) = (self.ana.window.tenants().await?, self.ben.window.tenants().await?);
        let both = hers.iter().filter(|row| his.iter().any(|other| other["id"] == row["id"]));
        let widest = both.max_by_key(|row| row["progress"]["total"].as_u64());
        let slug = widest.and_then(|row| row["slug"].as_str()).context("they share no tenant")?.to_owned();
        slug.clone_into(&mut self.shared);
        for seat in [&self.ana, &self.ben] {
            seat.window.open_tenant(&slug).await?;
        }
        let view = self.ana.window.checklist(&slug).await?;
        let [contested, slipped, other] = keys_with(&view, "not_started")?;
        let [remarked] = keys_with(&view, "in_progress")?;
        Ok(Items { contested, slipped, other, remarked })
    }

    /// The service is out of reach; both go on working.
    async fn work_apart(&mut self, items: &Items) -> Result<()> {
        self.service.stop()?;
        (self.tell)("The service is out of reach: both laptops are on their own.");
        let (hers, his) = (&self.ana.window, &self.ben.window);
        hers.block(&items.contested, REASON).await?;
        (self.tell)(&format!("{} blocked `{}` with a reason.", self.ana.person.name, items.contested));

        hers.open_row(&items.remarked).await?;
        hers.comment(REMARK).await?;
        hers.click("item-close").await?;
        (self.tell)(&format!("She commented on `{}`.", items.remarked));

        hers.set_status(&items.slipped, "complete").await?;
        hers.click("toast-undo").await?;
        hers.sees_status(&items.slipped, "not_started").await?;
        (self.tell)(&format!("She marked `{}` by mistake and took it back.", items.slipped));

        his.set_status(&items.contested, "complete").await?;
        his.set_status(&items.other, "in_progress").await?;
        (self.tell)(&format!(
            "Meanwhile {} completed `{}` and began `{}`.",
            self.ben.person.name, items.contested, items.other
        ));
        hers.click("nav-sync").await?;
        hers.find("queue-row").await?;
        let line = hers.text("sync-line").await?;
        ensure!(!line.contains("Synced"), "the sync line says {line:?} with work waiting");
        Ok(())
    }

    /// The service is back: everything merges, the one conflict stands on both laptops.
    async fn come_together(&mut self, items: &Items) -> Result<()> {
        self.service.start()?;
        (self.tell)("The service is back.");
        self.ben.window.click("nav-sync").await?;
        for seat in [&self.ana, &self.ben, &self.ana] {
            seat.window.sync().await?;
        }
        for seat in [&self.ana, &self.ben] {
            let shown = seat.window.text("conflict-1").await?;
            for part in [REASON, "Blocked", "Complete", "Not started"] {
                ensure!(shown.contains(part), "the conflict does not show {part:?}: {shown}");
            }
            let view = seat.window.ask("sync_view", json!({})).await?;
            let conflicts = view["conflicts"].as_array().map_or(0, Vec::len);
            ensure!(conflicts == 1, "{conflicts} conflicts instead of one");
            seat.shows_both_sides(&shown, &view["conflicts"][0]).await?;
        }
        let view = self.ben.window.checklist(&self.shared).await?;
        let status = |key: &str| items_status(&view, key);
        ensure!(status(&items.other) == "in_progress", "his other change is gone");
        ensure!(status(&items.contested) == "blocked", "the more cautious value does not show");
        (self.tell)("Everything merged; the one real conflict shows on both laptops with both values.");
        Ok(())
    }

    /// Settled on one laptop, gone on the other.
    async fn settle(&mut self, items: &Items) -> Result<()> {
        self.ana.window.keep_mine().await?;
        self.ana.window.sync().await?;
        self.ben.window.sync().await?;
        self.ben.window.gone("conflict-1").await?;
        let status = items_status(&self.ben.window.checklist(&self.shared).await?, &items.contested);
        ensure!(status == "blocked", "he sees {status}");
        (self.tell)("She kept hers; on his laptop the conflict is gone.");
        Ok(())
    }

    /// The journal verifies, and the CSM's laptop has the equal digest at the equal seq.
    async fn verify(&mut self) -> Result<()> {
        let slug = &self.shared;
        let csm = Laptop::new(self.folder.path(), "csm");
        let who = self.demo.person("CSM", 0)?;
        csm.login(&self.service.url(), &who)?;
        csm.ok(&["sync"])?;
        let audit = csm.ok(&["audit", "verify", slug])?;
        ensure!(audit["ok"] == true, "the journal does not verify: {audit}");
        let tenants = csm.ok(&["tenants"])?;
        let theirs = named(&tenants["tenants"], slug)?;
        for seat in [&self.ana, &self.ben] {
            let rows = Value::Array(seat.window.tenants().await?);
            let own = named(&rows, slug)?;
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
        Ok(())
    }

    /// A lock, and a keyring that will not open: never a fresh database.
    async fn lock_and_recover(&mut self) -> Result<()> {
        let phrase = "granite lichen morning";
        let window = &self.ana.window;
        window.from_account_menu("menu-passphrase").await?;
        window.set_passphrase(phrase).await?;
        window.from_account_menu("menu-lock").await?;
        window.unlock().await?;
        (self.tell)("She locked her window and opened it again by the keyring.");

        self.ana.desk.keyring.lock()?;
        window.lock().await?;
        window.click("unlock-submit").await?;
        window.find("recovery-cause").await?;
        window.recover(phrase).await?;
        ensure!(!window.tenants().await?.is_empty(), "her tenants are gone");
        (self.tell)("With her keyring locked she opened it by the recovery passphrase; nothing was lost.");
        Ok(())
    }
}

impl Seat {
    /// The conflict names the other author, says when each wrote, and what each choice loses.
    async fn shows_both_sides(&self, shown: &str, conflict: &Value) -> Result<()> {
        for value in conflict["values"].as_array().context("a conflict without values")? {
            let author = (value["mine"] == false).then(|| &value["by"]);
            let losses = value["loses"].as_array().context("a choice that says nothing of losses")?;
            ensure!(!losses.is_empty(), "a choice loses nothing: {value}");
            for part in author.into_iter().chain(losses) {
                let part = part.as_str().context("no text")?;
                ensure!(shown.contains(part), "the conflict does not show {part:?}: {shown}");
            }
        }
        let times = "[...document.querySelectorAll('[data-testid=conflict-1] .when')]\
                     .filter(time => time.innerText.trim()).length === 2";
        self.window.until("when both were written", times).await
    }

    async fn take(theme: Theme, person: Person) -> Result<Self> {
        let desk = Desk::start_with(theme)?;
        let window = Window::open(&desk, &desk.home().join("profile")).await?;
        Ok(Self { window, desk, person })
    }
}

fn items_status(view: &Value, key: &str) -> String {
    let item = items(view).find(|item| item["key"] == key);
    item.and_then(|item| item["status"].as_str()).unwrap_or_default().to_owned()
}

fn named(tenants: &Value, slug: &str) -> Result<Value> {
    let rows = tenants.as_array().into_iter().flatten();
    rows.into_iter().find(|row| row["slug"] == slug).cloned().with_context(|| format!("no tenant {slug}"))
}
