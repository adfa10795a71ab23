//! What the window's commands share: the session, whether it is locked, and how the network stands.
//!
//! Nothing here knows Tauri. Work on the database runs on threads that may block; commands are
//! answered on them, so the window itself never waits.

use std::ops::ControlFlow::{Break, Continue};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_app::api::{
    self, Exported, ImportPlan, ImportRollback, ImportRun, OpenedPlaybook, PeoplePage, PlanPage, RunChoices,
    StatusLine, SyncReport,
};
use cairn_app::error::{Result, fault, store};
use cairn_app::hints::Hints;
use cairn_app::imports::{ImportRequest, Watch};
use cairn_app::people::{KnownPeople, PeopleQuery};
use cairn_app::plans::{LastPlan, PlanQuery};
use cairn_app::settings::SettingsFile;
use cairn_app::{Desk, Session};
use cairn_domain::{Entity, TenantId, Time};
use cairn_protocol::code;
use chrono::Duration;
use serde::Serialize;
use tokio::sync::Notify;

use crate::idle::Idle;
use crate::jobs::Jobs;

/// Reads the clock; passed in, so that tests choose the time.
pub type Clock = fn() -> Time;

/// What the start of the program says, and nobody can change while it runs.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// After how long without use to lock, where the command line names it: it wins over the settings.
    pub lock_after: Option<Duration>,
    /// The user's folder for documents, where the system names one.
    pub documents: Option<PathBuf>,
    /// The playbook that the start was asked to open.
    pub playbook: Option<PathBuf>,
}

/// One profile behind one window.
pub struct Shell {
    pub(crate) session: Session,
    pub(crate) start: Start,
    clock: Clock,
    state: Mutex<State>,
    /// How the opening ends that [`Shell::open_early`] began, until somebody asks.
    early: Mutex<Option<Receiver<Result<()>>>>,
    /// Held by whoever syncs: a second attempt waits instead of failing.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Long work that may be cancelled.
    pub(crate) jobs: Jobs,
    /// The rows of the plan that was made last.
    last_plan: Mutex<LastPlan>,
    /// What is known of the people that were looked at last.
    people: Mutex<Option<Arc<KnownPeople>>>,
    /// Counts up with each [`Shell::drop_work`]: what was begun before keeps nothing.
    drops: Arc<AtomicU64>,
    /// Rings when the background has a reason to sync soon.
    nudge: Notify,
    /// Rings when something may have become news.
    news: Notify,
    /// Tells the window to read again.
    told: Box<dyn Fn(Changed) + Send + Sync>,
}

/// What the window has to read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    /// Everything it shows.
    All,
    /// What stands around the screens: the line of the network, the counts, the inbox.
    Line,
}

pub(crate) struct State {
    locked: Option<Locked>,
    pub(crate) network: Network,
    pub(crate) idle: Idle,
    pub(crate) settings: SettingsFile,
    in_front: Option<Place>,
    /// A playbook that was opened from outside and that the window has not taken yet.
    playbook: Option<PathBuf>,
}

/// An item, a step or the like of a tenant.
pub type Place = (TenantId, Entity);

struct Locked {
    why: &'static str,
    name: Option<String>,
}

/// How the last attempt to sync ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// None was made yet.
    Unknown,
    Online,
    /// The service could not be reached.
    Offline,
    /// The service was reached and something else is wrong, in plain words.
    Trouble(String),
}

impl Shell {
    /// The shell over `session`; `told` is called after everything the window should show.
    /// The settings are those in the session's profile.
    pub fn new(
        session: Session,
        clock: Clock,
        start: Start,
        told: impl Fn(Changed) + Send + Sync + 'static,
    ) -> Self {
        let settings = SettingsFile::read(session.profile().dir());
        let limit = start.lock_after.unwrap_or_else(|| settings.settings().lock_after.duration());
        let idle = Idle::since(clock(), limit);
        let state = State {
            locked: None,
            network: Network::Unknown,
            idle,
            settings,
            in_front: None,
            playbook: start.playbook.clone(),
        };
        Self {
            session,
            start,
            clock,
            state: Mutex::new(state),
            early: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            jobs: Jobs::default(),
            last_plan: Mutex::default(),
            people: Mutex::default(),
            drops: Arc::default(),
            nudge: Notify::new(),
            news: Notify::new(),
            told: Box::new(told),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid after every statement; a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// Where the window stands. Blocks while the keyring is asked, at most its patience of 2.5 s.
    ///
    /// # Errors
    /// Only faults that no screen stands for.
    pub fn standing(&self) -> Result<api::Session> {
        if let Some(locked) = &self.state().locked {
            return Ok(api::Session::Locked { why: locked.why.to_owned(), name: locked.name.clone() });
        }
        let early = self.early().take();
        let was_open = early.is_none() && self.session.is_open();
        // A keyring is asked once: one that hangs costs its patience and not twice that.
        let opened = early.and_then(|early| early.recv().ok()).unwrap_or_else(|| self.session.open());
        if opened.is_ok() && !was_open {
            self.nudge();
        }
        self.after(opened)
    }

    /// The work, for a thread that may block, of opening the database while the window is made, which
    /// takes longer; then of reading what the first screen asks for, so that it is at hand.
    /// [`Shell::standing`] waits for the opening and tells how it ended.
    pub fn open_early(self: &Arc<Self>) -> impl FnOnce() + Send + 'static {
        let (tell, told) = sync_channel(1);
        *self.early() = Some(told);
        let shell = Arc::clone(self);
        move || {
            let opened = shell.session.open();
            let is_open = opened.is_ok();
            // Nobody hears it where the window ended meanwhile.
            let _ = tell.send(opened);
            if is_open && let Err(error) = shell.session.with(|desk| desk.store.tenants().map_err(store)) {
                // The screens will say so.
                tracing::debug!(code = error.code, "nothing was read early");
            }
        }
    }

    fn early(&self) -> MutexGuard<'_, Option<Receiver<Result<()>>>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the window stands after an attempt to open the database.
    fn after(&self, opened: Result<()>) -> Result<api::Session> {
        match opened {
            Ok(()) => self.session.with(|desk| at(desk, self.now())),
            Err(error) if error.code == "signed_out" => {
                Ok(api::Session::SignedOut { server: None, name: None, unsent: 0 })
            }
            Err(error) if error.code.starts_with("key_") => Ok(api::Session::Recovery {
                passphrase: self.session.profile().has_recovery(),
                code: error.code,
                message: error.message,
            }),
            Err(error) => Ok(api::Session::Unusable { code: error.code, message: error.message }),
        }
    }

    /// Locks: the keys leave the memory, and nothing is sent or received until [`Shell::unlock`].
    /// Where nobody is signed in there is nothing to lock.
    ///
    /// # Errors
    /// What the database reports; it is locked all the same.
    pub fn lock(&self, why: &'static str) -> Result<()> {
        let Ok(api::Session::SignedIn { name, .. }) = self.standing() else { return Ok(()) };
        self.state().locked = Some(Locked { why, name: Some(name) });
        self.drop_work();
        let closed = self.session.shut();
        self.tell(Changed::All);
        closed
    }

    /// Closes the database in order before the program ends, so that the next start need not check all of
    /// it. Nothing opens it again.
    pub fn close(&self) {
        self.drop_work();
        if let Err(error) = self.session.shut() {
            tracing::warn!(code = error.code, "the database was not closed in order");
        }
    }

    /// Opens the database again, by the recovery passphrase or by the keyring, which is asked once:
    /// one that hangs costs its patience of 2.5 s and not twice that.
    ///
    /// # Errors
    /// `key_wrong` and the other key troubles. A locked window that meets one goes on to the
    /// recovery screen instead.
    pub fn unlock(&self, passphrase: Option<&str>) -> Result<api::Session> {
        let opened = match passphrase {
            Some(passphrase) => self.session.recover(passphrase),
            None => self.session.unlock(),
        };
        let was_locked = self.state().locked.is_some();
        match opened {
            Err(error) if passphrase.is_some() || !was_locked => Err(error),
            opened => {
                let mut state = self.state();
                state.locked = None;
                state.idle.used(self.now());
                drop(state);
                self.nudge();
                self.news();
                self.after(opened)
            }
        }
    }

    /// Somebody uses the window.
    pub fn active(&self) {
        let now = self.now();
        self.state().idle.used(now);
    }

    /// Locks where nobody used the window for long enough.
    pub fn lock_if_idle(&self) {
        let now = self.now();
        let (idle, locked) = {
            let state = self.state();
            (state.idle.is_over(now), state.locked.is_some())
        };
        if idle
            && !locked
            && self.session.is_open()
            && let Err(error) = self.lock("idle")
        {
            tracing::warn!(code = error.code, "the database did not close cleanly");
        }
    }

    /// The session, for what is not done at the desk: signing in and out, the passphrase.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Does something at the desk of whoever is signed in, on a thread that may block.
    ///
    /// # Errors
    /// `signed_out`, `locked`, `lease_expired`; what `work` answers.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Desk, Time) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.blocking(move |shell| {
            let now = shell.now();
            shell.session.signed_in(|desk| {
                desk.within_lease(now)?;
                work(desk, now)
            })
        })
        .await
    }

    /// Reads at the desk what long work needs, then does that work apart from it, where it keeps nobody
    /// waiting; [`Jobs::cancel`] ends it.
    ///
    /// # Errors
    /// As [`Shell::read`]; `import_cancelled`; what `work` answers.
    pub async fn long<P: Send + 'static, T: Send + 'static>(
        self: &Arc<Self>,
        prepare: impl FnOnce(&Desk, Watch) -> Result<P> + Send + 'static,
        work: impl FnOnce(P) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let run = move |watch| async move {
            let prepared = self.read(move |desk, _| prepare(desk, watch)).await?;
            self.blocking(move |_| work(prepared)).await
        };
        self.jobs.run(run).await
    }

    /// Plans an import, and keeps its rows for [`Shell::plan_rows`]; those of the plan before go.
    ///
    /// # Errors
    /// As [`Desk::planning`] and [`cairn_app::plans::Planning::plan`].
    pub async fn plan_import(self: &Arc<Self>, tenant: String, request: ImportRequest) -> Result<ImportPlan> {
        self.last_plan().forget();
        let prepare = move |desk: &Desk, watch| desk.planning(&tenant, &request, watch);
        let (plan, rows) = self.long(prepare, |planning| planning.plan()).await?;
        // Locked meanwhile: what was about to be kept goes.
        if self.session.is_open() {
            self.last_plan().keep(rows);
        }
        Ok(plan)
    }

    /// A page of the rows of a tenant's plan.
    ///
    /// # Errors
    /// As [`LastPlan::page`]; `locked`.
    pub fn plan_rows(&self, tenant: &str, query: &PlanQuery) -> Result<PlanPage> {
        if let Err(error) = self.session.signed_in(|desk| desk.tenant(tenant).map(drop)) {
            // What the tenant's people are goes with the tenant.
            self.last_plan().forget();
            return Err(error);
        }
        self.last_plan().page(tenant, query)
    }

    fn last_plan(&self) -> MutexGuard<'_, LastPlan> {
        // What is held is valid after every statement.
        self.last_plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page of a tenant's people, read apart from the desk. It is none of the [`Jobs`]: to look at people
    /// ends no check or plan. What is known of them is kept for the next page.
    ///
    /// # Errors
    /// As [`Desk::people_reading`] and [`cairn_app::people::PeopleReading::page`].
    pub async fn people(self: &Arc<Self>, tenant: String, query: PeopleQuery) -> Result<PeoplePage> {
        let (drops, begun) = (Arc::clone(&self.drops), self.drops.load(Ordering::SeqCst));
        let is_wanted = move || drops.load(Ordering::SeqCst) == begun;
        let asked = is_wanted.clone();
        let watch = Watch::new(move |_| if asked() { Continue(()) } else { Break(()) });
        let reading = self.read(move |desk, _| desk.people_reading(&tenant, watch)).await;
        if reading.is_err() {
            // What the tenant's people are goes with the tenant.
            self.known_people().take();
        }
        let reading = reading?;
        self.blocking(move |shell| {
            let known = shell.known_people().clone();
            let (page, known) = reading.page(known, &query)?;
            let mut kept = shell.known_people();
            // Locked meanwhile: what was about to be kept goes.
            if is_wanted() {
                *kept = known;
            }
            drop(kept);
            Ok(page)
        })
        .await
    }

    fn known_people(&self) -> MutexGuard<'_, Option<Arc<KnownPeople>>> {
        // What is held is valid after every statement.
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends long work and lets go of what it kept: both hold what a tenant's people are.
    pub fn drop_work(&self) {
        self.jobs.cancel();
        self.last_plan().forget();
        self.drops.fetch_add(1, Ordering::SeqCst);
        self.known_people().take();
    }

    /// Asks for an import of files, which a sync takes along soon. Until the file is made [`Jobs::cancel`]
    /// ends it and nothing is asked for.
    ///
    /// # Errors
    /// As [`Desk::import_run`], [`cairn_app::runs::Run::prepare`] and [`Desk::queue_import`].
    pub async fn run_import(
        self: &Arc<Self>,
        tenant: String,
        request: ImportRequest,
        choices: RunChoices,
    ) -> Result<ImportRun> {
        let of = tenant.clone();
        let prepare = move |desk: &Desk, watch| desk.import_run(&of, &request, choices, watch);
        let ready = self.long(prepare, |run| run.prepare()).await?;
        let queue = move |desk: &mut Desk, now| {
            let queued = desk.queue_import(ready, now)?;
            // Whoever stands at its draft after a restart knows that it was not asked for.
            desk.keep_import_draft(&tenant, None)?;
            Ok(queued)
        };
        let queued = self.write(queue).await?;
        self.read(move |desk, _| desk.import_answer(&queued)).await
    }

    /// Takes an import back, and syncs at once.
    ///
    /// # Errors
    /// As [`Desk::queue_rollback`] and [`Desk::rollback_answer`]; a sync that fails is none.
    pub async fn roll_import_back(self: &Arc<Self>, import: String) -> Result<ImportRollback> {
        let (import, op) = self.write(move |desk, now| desk.queue_rollback(&import, now)).await?;
        self.sync_now_or_later().await;
        self.read(move |desk, _| desk.rollback_answer(&import, &op)).await
    }

    /// A sync whose failure the sync line tells, and which is tried again by itself.
    async fn sync_now_or_later(self: &Arc<Self>) {
        if let Err(error) = self.sync().await {
            tracing::info!(code = error.code, "what was asked for is queued");
        }
    }

    /// As [`Shell::read`], then has the change sent soon.
    ///
    /// # Errors
    /// The same.
    pub async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Desk, Time) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.read(work).await?;
        self.nudge.notify_one();
        self.news();
        Ok(done)
    }

    /// Runs `work` on a thread that may block.
    ///
    /// # Errors
    /// `internal` where it panicked; what it answers.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shell = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&shell))
            .await
            .unwrap_or_else(|_| Err(fault("internal", "Cairn made a mistake. What was saved is safe.")))
    }

    /// Writes everything unsent to a new sealed file in `folder`. It needs nobody to be signed in.
    ///
    /// # Errors
    /// `signed_out` where there is no profile yet, `locked`; as [`Desk::export_unsent`].
    pub fn export_unsent(&self, folder: &Path) -> Result<Exported> {
        let now = self.now();
        let file = folder.join(format!("cairn-unsent-{}.json", now.format("%Y%m%dT%H%M%SZ")));
        self.session.open()?;
        self.session.with(|desk| desk.export_unsent(&file, now))
    }

    /// Notes a playbook file that was opened from outside.
    pub fn open_playbook(&self, file: PathBuf) {
        self.state().playbook = Some(file);
    }

    /// The playbook that was opened from outside, once.
    ///
    /// # Errors
    /// `playbook_unreadable`.
    pub fn take_playbook(&self) -> Result<Option<OpenedPlaybook>> {
        let taken = self.state().playbook.take();
        taken.map(|file| cairn_app::projects::open_file(&file)).transpose()
    }

    /// The sync line.
    ///
    /// # Errors
    /// `signed_out`, `locked`; what the store reports.
    pub fn status(&self) -> Result<StatusLine> {
        let syncing = self.turn.try_lock().is_err();
        let (network, problem) = match (syncing, self.state().network.clone()) {
            (true, _) => ("syncing", None),
            (false, Network::Online) => ("online", None),
            (false, Network::Offline | Network::Unknown) => ("offline", None),
            (false, Network::Trouble(message)) => ("error", Some(message)),
        };
        self.session.signed_in(|desk| desk.status(network, problem, self.now()))
    }

    /// One attempt to send and receive, at most 10 s; while another runs, waits for its end first.
    ///
    /// # Errors
    /// As [`Session::sync`].
    pub async fn sync(self: &Arc<Self>) -> Result<SyncReport> {
        if self.state().locked.is_some() {
            return Err(fault("locked", "Cairn is locked. Unlock it to go on."));
        }
        let turn = self.turn.lock().await;
        let result = self.session.sync(&self.clock).await;
        self.note(&result);
        let today = crate::local_now().date();
        let begin = move |desk: &mut Desk, now| desk.begin_inbox(today, now);
        if let Err(error) = crate::news::look_at_all(self, begin).await {
            tracing::info!(code = error.code, "the inbox is not begun; the next look does it");
        }
        drop(turn);
        // An attempt without a network has changed nothing but the line, if that.
        let is_vain = matches!(&result, Err(error) if error.code == code::UNREACHABLE);
        self.tell(if is_vain { Changed::Line } else { Changed::All });
        self.news();
        result
    }

    fn note(&self, result: &Result<SyncReport>) {
        let network = match result {
            Ok(_) => Network::Online,
            Err(error) => match error.code.as_str() {
                code::UNREACHABLE => Network::Offline,
                // Nothing was tried, or another Cairn program does it right now.
                "locked" | "signed_out" | "sync_busy" => return,
                _ => Network::Trouble(error.message.clone()),
            },
        };
        self.state().network = network;
    }

    /// Waits for a reason to sync that somebody at this computer gave.
    pub async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// Gives such a reason.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Waits until something may have become news.
    pub async fn some_news(&self) {
        self.news.notified().await;
    }

    /// Says that something may have become news.
    pub fn news(&self) {
        self.news.notify_one();
    }

    /// Notes what the person has in front of them.
    pub fn set_in_front(&self, place: Option<Place>) {
        self.state().in_front = place;
    }

    /// What the person has in front of them, while the window is in front.
    pub fn in_front(&self) -> Option<Place> {
        self.state().in_front.clone()
    }

    /// Waits for the next of `hints`; for ever where the service gives none.
    pub async fn hinted(&self, hints: &mut Hints) {
        if self.state().locked.is_some() {
            std::future::pending::<()>().await;
        }
        hints.next(&self.session).await;
    }

    /// A number that moves when another program writes to the database; none while it is closed.
    pub fn data_version(&self) -> Option<u64> {
        if !self.session.is_open() {
            return None;
        }
        self.session.with(|desk| desk.store.data_version().map_err(cairn_app::error::store)).ok()
    }

    /// Whether the database is open.
    ///
    /// # Errors
    /// As [`Shell::blocking`].
    pub async fn is_open(self: &Arc<Self>) -> Result<bool> {
        self.blocking(|shell| Ok(shell.session.is_open())).await
    }

    /// Tells the window what to read again.
    pub fn tell(&self, changed: Changed) {
        (self.told)(changed);
    }
}

/// Where an open profile stands.
fn at(desk: &mut Desk, now: Time) -> Result<api::Session> {
    let known = desk.store.identity().cloned();
    let again = desk.store.must_re_enrol();
    if desk.identity().is_err() || again {
        let (server, name) = known.map(|known| (known.server, known.name)).unzip();
        let unsent = desk.store.counts(None).map_err(store)?.pending;
        return Ok(api::Session::SignedOut { server, name, unsent });
    }
    let me = desk.identity()?.clone();
    match desk.within_lease(now) {
        Err(error) if error.code == "lease_expired" => {
            Ok(api::Session::Locked { why: "lease".to_owned(), name: Some(me.name) })
        }
        Err(error) => Err(error),
        Ok(()) => Ok(api::Session::SignedIn {
            account: me.account.to_string(),
            name: me.name,
            role: me.role.to_string(),
            server: me.server,
            device: me.device.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::fs;
    use std::path::Path;
    use std::sync::atomic::AtomicUsize;

    use cairn_app::KeyPlace;
    use cairn_store::{KeySource, KeyTrouble};

    use super::*;

    fn noon() -> Time {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn shell(folder: &Path) -> Shell {
        let keys = KeyPlace::File(folder.join("key"));
        Shell::new(Session::new(&folder.join("profile"), keys), noon, Start::default(), |_| {})
    }

    #[test]
    fn an_empty_profile_asks_to_sign_in_and_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shell = shell(folder.path());
        let standing = shell.standing().unwrap();
        assert_eq!(standing, api::Session::SignedOut { server: None, name: None, unsent: 0 });
        shell.lock("asked").unwrap();
        assert_eq!(shell.standing().unwrap(), standing, "there is nothing to lock");
        let refused = shell.export_unsent(folder.path()).unwrap_err();
        assert_eq!(refused.code, "signed_out");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_database_without_its_key_leads_to_recovery_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let profile = folder.path().join("profile");
        fs::create_dir(&profile).unwrap();
        fs::write(profile.join("cairn.db"), b"not for anyone without the key").unwrap();
        let shell = shell(folder.path());
        let api::Session::Recovery { code, passphrase, .. } = shell.standing().unwrap() else {
            panic!("{:?}", shell.standing());
        };
        assert_eq!((code.as_str(), passphrase), ("key_absent", false));
        assert!(shell.unlock(None).is_err());
        assert_eq!(fs::read(profile.join("cairn.db")).unwrap(), b"not for anyone without the key");
    }

    /// A locked keyring that counts how often it is asked.
    #[derive(Default)]
    struct LockedKeyring(AtomicUsize);

    impl KeySource for LockedKeyring {
        fn get(&self) -> std::result::Result<Option<[u8; 32]>, KeyTrouble> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(KeyTrouble::Locked)
        }
        fn set(&self, _: &[u8; 32]) -> std::result::Result<(), KeyTrouble> {
            Err(KeyTrouble::Locked)
        }
        fn backend(&self) -> String {
            "locked".to_owned()
        }
    }

    fn behind_a_locked_keyring(folder: &Path) -> (Shell, Arc<LockedKeyring>) {
        fs::write(folder.join("cairn.db"), b"not for anyone without the key").unwrap();
        fs::write(folder.join("keys.json"), br#"{"v": 1, "fingerprint": "00"}"#).unwrap();
        let keyring = Arc::new(LockedKeyring::default());
        let session = Session::with_keyring(folder, KeyPlace::Keyring, keyring.clone());
        (Shell::new(session, noon, Start::default(), |_| {}), keyring)
    }

    #[test]
    fn unlocking_asks_a_keyring_in_trouble_once_and_goes_on_to_recovery() {
        let folder = tempfile::tempdir().unwrap();
        let (shell, keyring) = behind_a_locked_keyring(folder.path());
        shell.state().locked = Some(Locked { why: "asked", name: None });
        let standing = shell.unlock(None).unwrap();
        assert!(matches!(standing, api::Session::Recovery { code, .. } if code == "key_locked"));
        assert_eq!(keyring.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_early_opening_is_told_once_and_asks_the_keyring_once() {
        let folder = tempfile::tempdir().unwrap();
        let (shell, keyring) = behind_a_locked_keyring(folder.path());
        let shell = Arc::new(shell);
        let early = std::thread::spawn(shell.open_early());
        let asked = || keyring.0.load(Ordering::SeqCst);
        assert!(matches!(shell.standing().unwrap(), api::Session::Recovery { .. }));
        early.join().unwrap();
        assert_eq!(asked(), 1);
        assert!(matches!(shell.standing().unwrap(), api::Session::Recovery { .. }));
        assert_eq!(asked(), 2, "whoever asks again wants it looked at again");
    }

    #[test]
    fn an_early_opening_that_dies_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let (shell, keyring) = behind_a_locked_keyring(folder.path());
        let shell = Arc::new(shell);
        drop(shell.open_early());
        assert!(matches!(shell.standing().unwrap(), api::Session::Recovery { .. }));
        assert_eq!(keyring.0.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn nothing_is_read_where_nobody_is_signed_in() {
        let folder = tempfile::tempdir().unwrap();
        let shell = Arc::new(shell(folder.path()));
        let refused = shell.read(|desk, _| desk.tenants()).await.unwrap_err();
        assert_eq!(refused.code, "signed_out");
        assert_eq!(shell.sync().await.unwrap_err().code, "signed_out");
    }
}
