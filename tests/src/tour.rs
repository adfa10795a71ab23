//! Every screen and overlay of the window, one after the other, in both themes: each is saved as a
//! picture under its name, and axe looks at each, as it is and at twice the size. The demo makes the pictures, the desktop tests
//! hold every screen to WCAG 2.2 A and AA.
//!
//! To add a screen, add a line to [`STOPS`] and the step that leads to it.

use std::path::{Path, PathBuf};
use std::pin::Pin;

use anyhow::{Context as _, Result, ensure};
use fantoccini::key::Key;
use tempfile::TempDir;

use crate::acts::keys_with;
use crate::ctl::Laptop;
use crate::desk::{Desk, Theme};
use crate::kept;
use crate::service::{Demo, Person, Service};
use crate::window::Window;

/// A screen and the step that leads to it from the one before.
pub struct Stop {
    /// Name of the screen and of its picture.
    pub screen: &'static str,
    step: Step,
}

type Step = for<'a> fn(&'a mut Tour) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

macro_rules! stops {
    ($($screen:literal $step:ident,)*) => {
        /// The whole tour, in order.
        pub const STOPS: &[Stop] =
            &[$(Stop { screen: $screen, step: |tour| Box::pin(tour.$step()) }),*];
    };
}

stops! {
    // Outside: nobody is signed in.
    "sign-in" start_afresh,
    "sign-in-problem" sign_in_without_words,
    // With a network.
    "empty" sign_in_without_tenants,
    "today" sign_in_with_tenants,
    "tenants" open_tenants,
    "start-project" open_tenant_without_project,
    "checklist" open_shared_tenant,
    "selection" select_an_item,
    // The service is out of reach.
    "status-menu" open_status_menu,
    "reason" choose_blocked,
    "toast" block_item,
    "item" open_item,
    "history" scroll_to_history,
    "owner" open_owner_picker,
    "palette" open_palette,
    "tenant-switcher" open_switcher,
    "account-menu" open_account_menu,
    "passphrase" open_passphrase_dialog,
    "migration" open_migration,
    "migration-detect" take_a_roster,
    "migration-map" map_the_roster,
    "migration-validate" validate_the_roster,
    "migration-preview" preview_the_import,
    "migration-import" come_to_the_import,
    "migration-imported" import_the_roster,
    "people" open_people,
    "history-screen" open_history,
    "revert" try_to_revert,
    "sync" open_sync,
    "settings" open_settings,
    "settings-problem" set_wrong_hours,
    "restore" open_restore,
    "sign-out" sign_out_with_changes_waiting,
    // It is back, and a colleague was there before.
    "conflicts" meet_the_other_value,
    "inbox" open_inbox,
    "sync-done" settle,
    "held" receive_held_work,
    "discard" discard_held_work,
    "refused" decide_what_was_decided_elsewhere,
    // Locked, and what can stand in the way of opening again.
    "locked" lock,
    "locked-lease" let_the_lease_run_out,
    "recovery" lose_the_key,
    "unusable-newer" meet_a_newer_database,
    "unusable" damage_the_database,
    "restore-damaged" choose_a_backup,
    "restored" restore_it,
    "tenants-restored" sign_in_after_the_restore,
}

/// Tenants in the demo data.
const TENANTS: usize = 6;

/// Whether Settings says that there is a recovery passphrase.
const PASSPHRASE_IS_SET: &str =
    "document.querySelector('[data-testid=passphrase-state]')?.textContent.includes('is set')
     && !document.querySelector('[data-testid=backup-warning]')";

const PHRASE: &str = "granite lichen morning";

/// A roster with one row that can be imported and one that cannot.
const ROSTER: &str = "email,first_name,last_name,organization,role\n\
    ann.lee@example.org,Ann,Lee,School,teacher\n\
    ,Bo,Ray,School,teacher\n";

/// Slug of the tenant that has no project yet.
const FRESH: &str = "harbour-academy";

/// One desk in one theme, and what the steps need.
struct Tour {
    folder: TempDir,
    service: Service,
    demo: Demo,
    /// A manager: she sees all there is to see.
    mia: Person,
    /// Her colleague's laptop.
    ben: Laptop,
    /// Slug of the tenant that both specialists work on.
    shared: String,
    /// Key of the item that both of them change.
    item: String,
    // The window ends before the desk it stands on.
    window: Window,
    desk: Desk,
}

/// Makes the tour in one theme; the pictures go to `<pictures>/<screen>.png`, in the dark theme to
/// `<pictures>/<screen>-dark.png`.
///
/// # Errors
/// A screen cannot be reached; in the end, all that axe found, by screen.
pub async fn make(theme: Theme, pictures: &Path) -> Result<()> {
    let mut tour = Tour::prepare(theme).await?;
    let look = Look { folder: pictures.to_owned(), suffix: if theme == Theme::Dark { "-dark" } else { "" } };
    let mut faults = Vec::new();
    for stop in STOPS {
        if let Err(error) = (stop.step)(&mut tour).await {
            // What the window shows when it goes wrong; the error itself is what counts.
            let _ = look.picture(&tour.window, "failed").await;
            return Err(error.context(format!("on the way to `{}`", stop.screen)));
        }
        faults.extend(look.at(&tour.window, stop.screen).await?);
    }
    tour.window.close().await?;
    ensure!(faults.is_empty(), "axe found:\n{}", faults.join("\n"));
    Ok(())
}

/// Where the pictures of one theme go.
struct Look {
    folder: PathBuf,
    suffix: &'static str,
}

impl Look {
    async fn picture(&self, window: &Window, screen: &str) -> Result<String> {
        let name = format!("{screen}{}", self.suffix);
        window.screenshot(&self.folder, &name).await?;
        Ok(name)
    }

    /// Saves the screen and gives what is wrong there, as it is and at twice the size.
    async fn at(&self, window: &Window, screen: &str) -> Result<Vec<String>> {
        let mut faults = self.faults(window, screen).await?;
        window.zoom(200).await?;
        faults.extend(self.faults(window, &format!("{screen}-200")).await?);
        faults.extend(window.lost_sideways().await?.map(|what| format!("{screen}-200: {what}")));
        window.zoom(100).await?;
        Ok(faults)
    }

    async fn faults(&self, window: &Window, screen: &str) -> Result<Vec<String>> {
        let name = self.picture(window, screen).await?;
        let found = window.accessibility_faults().await.with_context(|| name.clone())?;
        Ok(found.into_iter().map(|fault| format!("{name}: {fault}")).collect())
    }
}

impl Tour {
    async fn prepare(theme: Theme) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("cairn-tour-").tempdir()?;
        let mut service = Service::at(&folder.path().join("service"))?;
        let demo = service.seed(TENANTS)?;
        let mia = demo.person("IMPL_MGR", 0)?;
        service.add_tenant(FRESH, "Harbour Academy", &mia)?;
        service.start()?;
        let shared = demo.tenants.first().context("no tenants were seeded")?.clone();
        let ben = Laptop::new(folder.path(), "ben");
        let desk = Desk::start_with(theme)?;
        let window = Window::open(&desk, &desk.home().join("newcomer")).await?;
        Ok(Self { folder, service, demo, mia, ben, shared, item: String::new(), window, desk })
    }

    fn profile(&self) -> PathBuf {
        self.desk.home().join("profile")
    }

    /// Closes the window, does something to its profile, and opens it again.
    async fn reopen(&mut self, meanwhile: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.window.close().await?;
        meanwhile(&self.profile())?;
        self.window = Window::open(&self.desk, &self.profile()).await?;
        Ok(())
    }

    async fn close_overlay(&self, id: &str) -> Result<()> {
        self.window.press(&Key::Escape.to_string()).await?;
        self.window.gone(id).await
    }

    async fn start_afresh(&mut self) -> Result<()> {
        self.window.find("sign-in-submit").await.map(drop)
    }

    async fn sign_in_without_words(&mut self) -> Result<()> {
        self.window.click("sign-in-submit").await?;
        self.window.until("the faults", "document.querySelector('[role=alert] a')").await
    }

    async fn sign_in_without_tenants(&mut self) -> Result<()> {
        let newcomer = self.service.add_person("noa.winter", "IMPL_SPEC", &[])?;
        self.window.sign_in(&self.service.url(), &newcomer).await?;
        self.window.find("account-menu").await?;
        self.window.find("sync-now").await.map(drop)
    }

    async fn sign_in_with_tenants(&mut self) -> Result<()> {
        self.reopen(|_| Ok(())).await?;
        self.window.sign_in(&self.service.url(), &self.mia).await?;
        self.window.find("today-front").await.map(drop)
    }

    async fn open_tenants(&mut self) -> Result<()> {
        self.window.click("nav-tenants").await?;
        self.window.find("tenant-list").await.map(drop)
    }

    async fn open_tenant_without_project(&mut self) -> Result<()> {
        self.window.click(&format!("tenant-row-{FRESH}")).await?;
        self.window.find("start-project").await.map(drop)
    }

    async fn open_shared_tenant(&mut self) -> Result<()> {
        self.window.open_tenant(&self.shared).await?;
        let view = self.window.checklist(&self.shared).await?;
        let [item] = keys_with(&view, "not_started")?;
        self.item = item;
        Ok(())
    }

    async fn select_an_item(&mut self) -> Result<()> {
        self.window.click("select").await?;
        self.window.find("selection-bar").await.map(drop)
    }

    async fn open_status_menu(&mut self) -> Result<()> {
        self.window.click("selection-clear").await?;
        self.window.gone("selection-bar").await?;
        self.service.stop()?;
        self.window.click(&format!("item-status-{}", self.item)).await?;
        self.window.find("status-option-blocked").await.map(drop)
    }

    async fn choose_blocked(&mut self) -> Result<()> {
        self.window.click("status-option-blocked").await?;
        self.window.fill("reason-input", "Their firewall turns the sign-in host away").await
    }

    async fn block_item(&mut self) -> Result<()> {
        self.window.click("reason-submit").await?;
        self.window.sees_status(&self.item, "blocked").await?;
        self.window.find("toast-undo").await.map(drop)
    }

    async fn open_item(&mut self) -> Result<()> {
        self.window.open_row(&self.item).await?;
        self.window.comment("IT promised Thursday").await?;
        let top = self.window.find("panel-status").await?;
        self.window.show(&top).await
    }

    async fn scroll_to_history(&mut self) -> Result<()> {
        let row = self.window.find("history-row").await?;
        self.window.show(&row).await
    }

    async fn open_owner_picker(&mut self) -> Result<()> {
        self.window.click("owner-trigger").await?;
        self.window.find("owner-input").await.map(drop)
    }

    async fn open_palette(&mut self) -> Result<()> {
        self.close_overlay("owner-input").await?;
        self.window.click("item-close").await?;
        self.window.click("palette-open").await?;
        self.window.fill("palette-input", "sch").await
    }

    async fn open_switcher(&mut self) -> Result<()> {
        self.close_overlay("palette-input").await?;
        self.window.click("tenant-switcher").await?;
        self.window.find("switcher-input").await.map(drop)
    }

    async fn open_account_menu(&mut self) -> Result<()> {
        self.close_overlay("switcher-input").await?;
        self.window.click("account-menu").await?;
        self.window.find("menu-lock").await.map(drop)
    }

    async fn open_passphrase_dialog(&mut self) -> Result<()> {
        self.window.click("menu-passphrase").await?;
        self.window.find("passphrase-submit").await.map(drop)
    }

    async fn open_migration(&mut self) -> Result<()> {
        self.window.set_passphrase(PHRASE).await?;
        self.window.click("nav-migration").await?;
        self.window.find("migration-drop").await.map(drop)
    }

    async fn take_a_roster(&mut self) -> Result<()> {
        let roster = self.folder.path().join("accounts.csv");
        std::fs::write(&roster, ROSTER)?;
        self.window.fill("import-path", roster.to_str().context("a name in text")?).await?;
        self.window.click("import-path-use").await?;
        self.window.find("migration-found").await?;
        self.window.click("migration-next").await?;
        self.window.find("format-found").await.map(drop)
    }

    async fn map_the_roster(&mut self) -> Result<()> {
        self.window.click("migration-next").await?;
        self.window.find("migration-map").await.map(drop)
    }

    async fn validate_the_roster(&mut self) -> Result<()> {
        self.window.click("migration-next").await?;
        self.window.find("migration-sum").await.map(drop)
    }

    async fn preview_the_import(&mut self) -> Result<()> {
        self.window.click("migration-next").await?;
        self.window.find("preview-types").await.map(drop)
    }

    async fn come_to_the_import(&mut self) -> Result<()> {
        self.window.click("migration-next").await?;
        self.window.find("import-ask").await.map(drop)
    }

    async fn import_the_roster(&mut self) -> Result<()> {
        self.window.click("leave-rejected").await?;
        self.window.click("migration-run").await?;
        self.window.find("import-outcome").await.map(drop)
    }

    /// The service is out of reach, so that no roster has come yet.
    async fn open_people(&mut self) -> Result<()> {
        self.window.click("nav-people").await?;
        self.window.find("people-none").await.map(drop)
    }

    async fn open_history(&mut self) -> Result<()> {
        self.window.click("nav-history").await?;
        self.window.find("change-row").await.map(drop)
    }

    /// An import and a comment cannot be reverted; the dialog says so beside what can, the change below
    /// them.
    async fn try_to_revert(&mut self) -> Result<()> {
        self.window.click("change-row").await?;
        for _ in 0..2 {
            self.window.press(&Key::Down.to_string()).await?;
        }
        self.window
            .until("something to revert", "document.querySelector('#change-2[aria-current=true]')")
            .await?;
        self.window.click("history-revert-from").await?;
        self.window.find("revert-cancel").await.map(drop)
    }

    async fn open_sync(&mut self) -> Result<()> {
        self.close_overlay("revert-cancel").await?;
        self.window.click("nav-sync").await?;
        self.window.find("queue-row").await.map(drop)
    }

    async fn open_settings(&mut self) -> Result<()> {
        self.window.click("nav-settings").await?;
        self.window.find("about-version").await?;
        self.window.until("the passphrase is set", PASSPHRASE_IS_SET).await?;
        self.window.click("back-up").await?;
        self.window.find("backup-restore").await?;
        let top = self.window.find("settings-title").await?;
        self.window.show(&top).await
    }

    async fn set_wrong_hours(&mut self) -> Result<()> {
        self.window.fill("quiet-from", "at eight").await?;
        self.window.click("quiet-save").await?;
        self.window.until("the fault", "document.querySelector('[role=alert] a')").await
    }

    async fn open_restore(&mut self) -> Result<()> {
        self.window.click("backup-restore").await?;
        self.window.find("restore-confirm").await.map(drop)
    }

    async fn sign_out_with_changes_waiting(&mut self) -> Result<()> {
        self.close_overlay("restore-confirm").await?;
        self.window.click("nav-sync").await?;
        self.window.from_account_menu("menu-sign-out").await?;
        self.window.find("sign-out-anyway").await.map(drop)
    }

    async fn meet_the_other_value(&mut self) -> Result<()> {
        self.close_overlay("sign-out-anyway").await?;
        self.service.start()?;
        self.ben.login(&self.service.url(), &self.demo.person("IMPL_SPEC", 1)?)?;
        self.ben.ok(&["sync"])?;
        self.ben.ok(&["item", &self.shared, &self.item, "--status", "complete"])?;
        self.ben.ok(&["sync"])?;
        self.window.sync().await?;
        self.window.find("conflict-1").await.map(drop)
    }

    /// The other value is one beside hers: that is news.
    async fn open_inbox(&mut self) -> Result<()> {
        self.window.click("inbox-open").await?;
        self.window.find("notice").await.map(drop)
    }

    async fn settle(&mut self) -> Result<()> {
        self.close_overlay("notice").await?;
        self.window.keep_mine().await?;
        self.window.sync().await?;
        self.window.gone("queue-row").await
    }

    /// Her colleague wrote something where he is no longer assigned.
    async fn receive_held_work(&mut self) -> Result<()> {
        self.ben.ok(&["comment", &self.shared, &self.item, "--text", "Written on the train"])?;
        self.service.unassign(&self.demo.person("IMPL_SPEC", 1)?, &self.shared)?;
        self.ben.ok(&["sync"])?;
        self.window.sync().await?;
        self.window.find("held-row").await.map(drop)
    }

    async fn discard_held_work(&mut self) -> Result<()> {
        self.window.click("held-discard").await?;
        self.window.find("discard-confirm").await.map(drop)
    }

    /// She decides at this desk without a network, having decided otherwise on her other laptop.
    async fn decide_what_was_decided_elsewhere(&mut self) -> Result<()> {
        let other = Laptop::new(self.folder.path(), "mia");
        other.login(&self.service.url(), &self.mia)?;
        other.ok(&["sync"])?;
        self.service.stop()?;
        self.window.click("discard-confirm").await?;
        self.window.find("held-decided").await?;
        self.window.gone("held-discard").await?;
        self.window.close().await?;
        self.service.start()?;
        let held = other.ok(&["held", &self.shared])?;
        let op = held["held"][0]["op"].as_str().context("nothing is held")?;
        other.ok(&["held", "adopt", op])?;
        other.ok(&["sync"])?;
        self.window = Window::open(&self.desk, &self.profile()).await?;
        self.window.click("nav-sync").await?;
        self.window.click("sync-now").await?;
        self.window.find("refused-row").await.map(drop)
    }

    async fn lock(&mut self) -> Result<()> {
        self.window.lock().await
    }

    async fn let_the_lease_run_out(&mut self) -> Result<()> {
        self.service.stop()?;
        self.reopen(|profile| kept::let_the_lease_run_out(profile, PHRASE)).await?;
        self.window.find("unlock-submit").await.map(drop)
    }

    async fn lose_the_key(&mut self) -> Result<()> {
        self.desk.keyring.end();
        self.reopen(|_| Ok(())).await?;
        self.window.find("recovery-cause").await.map(drop)
    }

    async fn meet_a_newer_database(&mut self) -> Result<()> {
        self.desk.keyring.start_again()?;
        self.reopen(|profile| kept::make_newer(profile, PHRASE)).await?;
        self.window.find("unusable").await.map(drop)
    }

    async fn damage_the_database(&mut self) -> Result<()> {
        self.reopen(kept::damage).await?;
        self.window.find("unusable").await.map(drop)
    }

    async fn choose_a_backup(&mut self) -> Result<()> {
        self.window.click("restore-open").await?;
        self.window.find("restore-choice").await.map(drop)
    }

    async fn restore_it(&mut self) -> Result<()> {
        self.window.fill("restore-confirm", "restore").await?;
        self.window.click("restore-submit").await?;
        self.window.find("restored").await.map(drop)
    }

    async fn sign_in_after_the_restore(&mut self) -> Result<()> {
        self.service.start()?;
        self.window.sign_in_to_tenants(&self.service.url(), &self.mia).await?;
        self.window.sync().await
    }
}
