//! A newer Cairn, behind the window: looked for once a day, fetched and installed when somebody asks
//! for it. What counts as one is decided in `cairn_app::updates`; installing is the plugin's.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_app::api::{ReleaseRow, Update, UpdateView};
use cairn_app::error::Result;
use cairn_app::updates::{Release, Rules, SeenFile, fetch, look};
use cairn_protocol::ApiError;
use cairn_sync::http::Client;
use chrono::SecondsFormat;
use tokio::time::sleep;

use crate::shell::{Changed, Shell};

/// How often to see whether a day has passed.
const LOOK: Duration = Duration::from_secs(15 * 60);

/// Without anybody asking, look this often.
const DAILY: chrono::Duration = chrono::Duration::days(1);

/// The window hears of progress after this many bytes more.
const STEP: u64 = 512 << 10;

/// Hands a package to the system and waits until it is installed. Blocks.
pub type Install = Box<dyn Fn(&Release, &[u8]) -> Result<()> + Send + Sync>;

/// Why a copy does not update itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// It was not installed from a package.
    NotPackaged,
    /// Its package was built without the makers' key.
    NoReleaseKey,
}

/// The way to a newer Cairn.
pub struct Updates {
    shell: Arc<Shell>,
    running: String,
    way: std::result::Result<Way, Off>,
    state: Mutex<State>,
    cancelled: AtomicBool,
    /// Held while something is fetched: one at a time.
    turn: tokio::sync::Mutex<()>,
}

/// How this copy updates itself.
pub struct Way {
    /// What it accepts.
    pub rules: Rules,
    /// How it installs.
    pub install: Install,
}

struct State {
    seen: SeenFile,
    at: At,
}

#[derive(Clone)]
enum At {
    Unknown,
    Current,
    None,
    Offered(Release),
    Fetching(Release, u64),
    Installing(Release),
    Installed(Release),
    Failed(ApiError, Option<Release>),
}

impl Updates {
    /// For a copy of version `running`.
    pub fn new(shell: Arc<Shell>, running: String, way: std::result::Result<Way, Off>) -> Self {
        let state = State { seen: SeenFile::read(shell.session().profile().dir()), at: At::Unknown };
        let (state, cancelled) = (Mutex::new(state), AtomicBool::new(false));
        Self { shell, running, way, state, cancelled, turn: tokio::sync::Mutex::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the update stands.
    pub fn view(&self) -> UpdateView {
        let state = self.state();
        let checked = state.seen.seen.checked.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let update = match &self.way {
            Err(off) => Update::Off { why: off.as_str().to_owned() },
            Ok(_) => shown(&state.at),
        };
        UpdateView { running: self.running.clone(), checked, update }
    }

    /// Asks the service.
    pub async fn check(&self) -> UpdateView {
        let turn = self.turn.lock().await;
        if let Ok(way) = &self.way
            && !matches!(self.state().at, At::Installed(_))
        {
            let at = match self.look(&way.rules).await {
                Ok(Some(release)) => At::Offered(release),
                Ok(None) => self.nothing_newer(),
                Err(error) => At::Failed(error, None),
            };
            self.set(at);
        }
        drop(turn);
        self.view()
    }

    /// Nothing newer: what runs is the newest, or nobody has ever said so.
    fn nothing_newer(&self) -> At {
        if self.state().seen.seen.checked.is_some() { At::Current } else { At::None }
    }

    async fn look(&self, rules: &Rules) -> Result<Option<Release>> {
        let client = self.client().await?;
        let mut seen = SeenFile::read(self.shell.session().profile().dir());
        let found = look(&client, rules, &mut seen, self.shell.now()).await;
        self.state().seen = seen;
        found
    }

    async fn client(&self) -> Result<Client> {
        self.shell.blocking(|shell| shell.session().public_client()).await
    }

    /// Fetches and installs the release that was offered; where none is, nothing happens.
    pub async fn install(&self) -> UpdateView {
        let Ok(_turn) = self.turn.try_lock() else { return self.view() };
        let release = match self.state().at.clone() {
            At::Offered(release) | At::Failed(_, Some(release)) => release,
            _ => return self.view(),
        };
        self.cancelled.store(false, Ordering::SeqCst);
        let at = match self.fetch_and_install(&release).await {
            Ok(()) => At::Installed(release),
            Err(error) if error.code == "cancelled" => At::Offered(release),
            Err(error) => At::Failed(error, Some(release)),
        };
        self.set(at);
        self.view()
    }

    async fn fetch_and_install(&self, release: &Release) -> Result<()> {
        let Ok(way) = &self.way else { return Ok(()) };
        let client = self.client().await?;
        self.set(At::Fetching(release.clone(), 0));
        let package = fetch(&client, release, |done| self.progress(release, done)).await?;
        self.set(At::Installing(release.clone()));
        // The system may ask for a password; only this command waits for it.
        tokio::task::block_in_place(|| (way.install)(release, &package))
    }

    fn progress(&self, release: &Release, done: u64) -> ControlFlow<()> {
        if self.cancelled.load(Ordering::SeqCst) {
            return ControlFlow::Break(());
        }
        let told = match &self.state().at {
            At::Fetching(_, told) => *told,
            _ => 0,
        };
        if done >= told + STEP {
            self.set(At::Fetching(release.clone(), done));
        }
        ControlFlow::Continue(())
    }

    /// Breaks off what is being fetched; what is being installed goes on.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    fn set(&self, at: At) {
        self.state().at = at;
        self.shell.tell(Changed::All);
    }

    fn is_due(&self) -> bool {
        let now = self.shell.now();
        let state = self.state();
        let idle = matches!(state.at, At::Unknown | At::Current | At::None | At::Failed(_, None));
        // A clock that was set back must not end the looking.
        idle && state.seen.seen.checked.is_none_or(|last| now - last >= DAILY || last > now)
    }
}

/// Looks once a day while somebody is signed in. It never installs by itself.
#[allow(clippy::disallowed_methods, reason = "waits for a day to pass")]
pub async fn keep_looking(updates: Arc<Updates>) {
    loop {
        sleep(LOOK).await;
        if updates.way.is_ok() && updates.is_due() && updates.shell.is_open().await.unwrap_or(false) {
            updates.check().await;
        }
    }
}

impl Off {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotPackaged => "not_packaged",
            Self::NoReleaseKey => "no_release_key",
        }
    }
}

fn shown(at: &At) -> Update {
    match at {
        At::Unknown => Update::Unknown,
        At::Current => Update::Current,
        At::None => Update::None,
        At::Offered(release) => Update::Offered { release: row(release) },
        At::Fetching(release, done) => Update::Fetching { release: row(release), done: *done },
        At::Installing(release) => Update::Installing { release: row(release) },
        At::Installed(release) => Update::Installed { release: row(release) },
        At::Failed(error, release) => Update::Failed {
            code: error.code.clone(),
            message: error.message.clone(),
            release: release.as_ref().map(row),
        },
    }
}

fn row(release: &Release) -> ReleaseRow {
    let manifest = release.manifest();
    ReleaseRow {
        version: manifest.version.clone(),
        notes: manifest.notes.clone(),
        published: manifest.published.to_rfc3339_opts(SecondsFormat::Secs, true),
        size: manifest.size,
    }
}
