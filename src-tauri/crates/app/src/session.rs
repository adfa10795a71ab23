//! Opening a profile, signing in and out, and synchronising: everything around the desk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use cairn_domain::import::Import;
use cairn_domain::{OpId, Time};
use cairn_protocol::auth::{SignInReply, device_id};
use cairn_protocol::{ApiError, code};
use cairn_store::{DataKey, Identity, KeySource, Profile, SystemEntropy};
use cairn_sync::http::{Client, Network, signer};
use cairn_sync::{Batch, Engine, Report, Step};
use ed25519_dalek::SigningKey;
use serde_json::json;
use zeroize::Zeroizing;

use crate::api::SyncReport;
use crate::desk::Desk;
use crate::error::{Result, fault, store};
use crate::files;
use crate::keyring::SystemKeyring;
use crate::rosters::{Parts, is_of_the_line};
use crate::runs::{ImportUnderway, Underway};
use crate::scratch;

/// How long one `sync` may take (SPEC command line).
pub const SYNC_LIMIT: Duration = Duration::from_secs(10);

/// How long a sync waits for the service's answer to an import.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How long it waits for a hint before it asks again.
const ANSWER_LOOK: Duration = Duration::from_millis(300);

/// Files of a profile that keep how much the line carried the last time, of ops and of imports' files.
const OPS: &str = "batch";
const FILES: &str = "batch-files";

/// Where a profile's key is kept.
#[derive(Debug, Clone)]
pub enum KeyPlace {
    /// The system keyring.
    Keyring,
    /// A file with 64 hex digits, where there is no keyring.
    File(PathBuf),
}

/// A profile that is opened when first needed.
pub struct Session {
    profile: Profile,
    keys: KeyPlace,
    keyring: Arc<dyn KeySource>,
    desk: Mutex<Option<Desk>>,
    /// Set while nothing may open the database; written and read with `desk` held.
    shut: AtomicBool,
    network: Network,
    /// The file of an import that is on its way now.
    underway: Mutex<Option<Underway>>,
    hears: OnceLock<Box<dyn Fn(ImportUnderway) + Send + Sync>>,
}

impl Session {
    /// The profile in `dir`; nothing is opened or made yet.
    pub fn new(dir: &Path, keys: KeyPlace) -> Self {
        let keyring = Arc::new(SystemKeyring::for_profile(dir));
        Self::with_keyring(dir, keys, keyring)
    }

    /// The same with another keyring, for tests of key failures.
    pub fn with_keyring(dir: &Path, keys: KeyPlace, keyring: Arc<dyn KeySource>) -> Self {
        Self {
            profile: Profile::at(dir),
            keys,
            keyring,
            desk: Mutex::new(None),
            shut: AtomicBool::new(false),
            network: Network::default(),
            underway: Mutex::new(None),
            hears: OnceLock::new(),
        }
    }

    /// Calls `hears` with how far each import is that is under way; the first who asks is the one that hears.
    pub fn tell_underway(&self, hears: impl Fn(ImportUnderway) + Send + Sync + 'static) {
        // A second one hears nothing, which is said above.
        let _ = self.hears.set(Box::new(hears));
    }

    pub(crate) fn hears_underway(&self, far: ImportUnderway) {
        if let Some(hears) = self.hears.get() {
            hears(far);
        }
    }

    pub(crate) fn underway_slot(&self) -> MutexGuard<'_, Option<Underway>> {
        // What is held is valid after every statement.
        self.underway.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Opens the profile if it is not open.
    ///
    /// # Errors
    /// `signed_out` where there is no profile yet; a `key_...` code where its key cannot be had;
    /// `database_newer`, `database_damaged`.
    pub fn open(&self) -> Result<()> {
        let mut desk = self.lock();
        if desk.is_some() {
            return Ok(());
        }
        if self.shut.load(Ordering::SeqCst) {
            return Err(locked());
        }
        // Before the keys are asked for: a restore that a power cut broke off brings its own.
        self.profile.finish_restore().map_err(store)?;
        if !self.profile.exists() {
            return Err(fault("signed_out", "Nobody is signed in on this computer. Sign in first."));
        }
        let key = self.present_key()?;
        let opened = Desk { store: self.profile.open(&key, SystemEntropy).map_err(store)? };
        scratch::sweep(&opened.scratch());
        *desk = Some(opened);
        Ok(())
    }

    /// This profile's key, asked of where it is kept.
    pub(crate) fn present_key(&self) -> Result<DataKey> {
        match &self.keys {
            KeyPlace::Keyring => self.profile.key_from_keyring(&self.keyring).map_err(store),
            KeyPlace::File(path) => existing_key(path),
        }
    }

    /// Where the key is kept.
    pub(crate) fn keys(&self) -> &KeyPlace {
        &self.keys
    }

    /// The system's keyring.
    pub(crate) fn keyring(&self) -> &Arc<dyn KeySource> {
        &self.keyring
    }

    /// Lets `check` look at the desk, if it is open; where it agrees, closes the database and lets
    /// `swap` put another in its place. Nobody can open or write it in between.
    pub(crate) fn replace<T>(
        &self,
        check: impl FnOnce(Option<&mut Desk>) -> Result<T>,
        swap: impl FnOnce(T) -> Result<()>,
    ) -> Result<()> {
        let mut desk = self.lock();
        let checked = check(desk.as_mut())?;
        if let Some(desk) = desk.take() {
            desk.store.lock().map_err(store)?;
        }
        swap(checked)
    }

    /// Opens the profile with the recovery passphrase and gives the key back to the keyring where
    /// that works.
    ///
    /// # Errors
    /// `key_wrong`, `key_absent` where no passphrase was set.
    pub fn recover(&self, passphrase: &str) -> Result<()> {
        self.profile.finish_restore().map_err(store)?;
        let key = self.profile.key_from_passphrase(passphrase).map_err(store)?;
        let opened = self.profile.open(&key, SystemEntropy).map_err(store)?;
        if matches!(self.keys, KeyPlace::Keyring) {
            // A keyring that is still in trouble must not keep anyone from their work.
            if let Err(error) = self.profile.give_to_keyring(&key, &self.keyring) {
                tracing::warn!(code = error.code(), "the keyring did not take the key back");
            }
        }
        let mut desk = self.lock();
        self.shut.store(false, Ordering::SeqCst);
        *desk = Some(Desk { store: opened });
        Ok(())
    }

    /// Closes the database, forgets the keys and keeps everything from opening it again, work in
    /// the background included, until [`unlock`](Self::unlock) or [`recover`](Self::recover).
    ///
    /// # Errors
    /// Whatever the database reports; it is closed all the same.
    pub fn shut(&self) -> Result<()> {
        let mut desk = self.lock();
        self.shut.store(true, Ordering::SeqCst);
        match desk.take() {
            Some(desk) => desk.store.lock().map_err(store),
            None => Ok(()),
        }
    }

    /// Opens the database again after [`shut`](Self::shut).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn unlock(&self) -> Result<()> {
        let guard = self.lock();
        self.shut.store(false, Ordering::SeqCst);
        drop(guard);
        self.open()
    }

    /// Wraps the data key under a recovery passphrase too.
    ///
    /// # Errors
    /// `empty_passphrase`, and what keeps the key from being had.
    pub fn set_recovery_passphrase(&self, passphrase: &str) -> Result<()> {
        let key = self.present_key()?;
        self.profile.keep_under_passphrase(&key, passphrase, &mut SystemEntropy).map_err(store)
    }

    /// Closes the database and forgets the keys.
    ///
    /// # Errors
    /// Whatever the database reports; it is closed all the same.
    pub fn close(&self) -> Result<()> {
        match self.lock().take() {
            Some(desk) => desk.store.lock().map_err(store),
            None => Ok(()),
        }
    }

    /// Whether the profile is open.
    pub fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Desk>> {
        // A panic while the desk was held leaves the database in its last committed state.
        self.desk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Does something at the open desk.
    ///
    /// # Errors
    /// `locked` where it is not open; what `work` answers.
    pub fn with<T>(&self, work: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        let mut guard = self.lock();
        let desk = guard.as_mut().ok_or_else(locked)?;
        work(desk)
    }

    /// Does something at the desk of whoever is signed in.
    ///
    /// # Errors
    /// `signed_out`, `locked`; what `work` answers.
    pub fn signed_in<T>(&self, work: impl FnOnce(&mut Desk) -> Result<T>) -> Result<T> {
        self.open()?;
        self.with(|desk| {
            desk.identity()?;
            work(desk)
        })
    }

    /// Makes the profile where there is none: first the key is kept, then the database is made.
    fn make(&self) -> Result<()> {
        if self.profile.exists() {
            return self.open();
        }
        std::fs::create_dir_all(self.profile.dir())
            .map_err(|e| fault("io", format!("'{}' cannot be made: {e}.", self.profile.dir().display())))?;
        let key = match &self.keys {
            KeyPlace::Keyring => {
                self.profile.keep_in_keyring(&self.keyring, &mut SystemEntropy).map_err(store)?
            }
            KeyPlace::File(path) => key_file(path)?,
        };
        let made = self.profile.create(&key, SystemEntropy).map_err(store)?;
        *self.lock() = Some(Desk { store: made });
        Ok(())
    }

    /// Signs in, enrolling this computer the first time, and keeps who it is.
    ///
    /// # Errors
    /// `bad_credentials`, `unreachable`, `bad_server`, `rate_limited`; `other_person` where unsent
    /// work of somebody else lies here; `other_service` where the service's key is not the pinned one.
    pub async fn sign_in(&self, server: &str, name: &str, password: &str, now: Time) -> Result<Identity> {
        let mut client = self.network.client(server, None, None)?;
        // Nothing is made on this computer for an address or a name that does not work out.
        let existing = if self.profile.exists() {
            self.open()?;
            self.with(|desk| Ok(desk.store.identity().cloned()))?
        } else {
            None
        };
        let mut key = self.device_key(existing.as_ref())?;
        let reply = match enrol(&mut client, name, password, &key).await {
            // Signed out, retired or copied meanwhile: this computer becomes a new device.
            Err(error) if error.code == code::DEVICE_RETIRED => {
                key = fresh_key()?;
                enrol(&mut client, name, password, &key).await?
            }
            other => other?,
        };
        if let Some(old) = &existing {
            self.same_person_and_service(old, &reply)?;
        }
        if device_id(&public_key(&key)).as_ref() != Some(&reply.device) {
            return Err(fault("bad_reply", "The service enrolled another device than this one."));
        }
        let identity = Identity {
            account: reply.account,
            name: reply.name,
            role: reply.role,
            device: reply.device,
            service_key: reply.service_key,
            server: server.to_owned(),
            lease_days: reply.lease_days,
            pilot_rows: reply.pilot_rows,
            last_contact: now,
            latest_time: now,
        };
        self.make()?;
        self.with(|desk| {
            desk.store.enrol(identity.clone(), key).map_err(store)?;
            desk.store.set_signed_out(false).map_err(store)
        })?;
        self.keep_nonce(&client);
        Ok(identity)
    }

    /// The key to sign in with: the enrolled one, or a fresh one where there is none or where this
    /// profile was copied and must become a new device.
    fn device_key(&self, existing: Option<&Identity>) -> Result<SigningKey> {
        if existing.is_some() {
            let kept = self.with(|desk| {
                if desk.store.must_re_enrol() {
                    return Ok(None);
                }
                desk.store.signing_key().cloned().map(Some).map_err(store)
            })?;
            if let Some(key) = kept {
                return Ok(key);
            }
        }
        fresh_key()
    }

    fn same_person_and_service(&self, old: &Identity, reply: &SignInReply) -> Result<()> {
        if old.service_key != reply.service_key {
            let message = "Another service answers at this address than the one this profile belongs to. Use a new profile for it.";
            return Err(fault("other_service", message));
        }
        let unsent = self.with(|desk| {
            let counts = desk.store.counts(None).map_err(store)?;
            // Also what no page has confirmed: should the service forget it, only its author may say it again.
            Ok(counts.pending + counts.receipted + counts.quarantined)
        })?;
        if old.account != reply.account && unsent > 0 {
            let message = format!(
                "{unsent} changes of {} have not left this computer. Sign in as {} and sync first.",
                old.name, old.name
            );
            return Err(fault("other_person", message));
        }
        Ok(())
    }

    /// The service of whoever is signed in, for what it gives to everybody: nothing is signed.
    ///
    /// # Errors
    /// `signed_out`; what the store reports.
    pub fn public_client(&self) -> Result<Client> {
        let server = self.signed_in(|desk| Ok(desk.identity()?.server.clone()))?;
        self.network.client(&server, None, None)
    }

    pub(crate) fn client(&self) -> Result<Client> {
        let (server, signer) = self.signed_in(|desk| {
            let identity = desk.identity()?.clone();
            let key = desk.store.signing_key().map_err(store)?.clone();
            Ok((identity.server, signer(identity.device, key)))
        })?;
        // Not a secret, and worth nothing without the device's key: it spares the first request of
        // each program a refusal.
        let nonce = std::fs::read_to_string(self.nonce_file()).ok();
        self.network.client(&server, Some(signer), nonce)
    }

    pub(crate) fn keep_nonce(&self, client: &Client) {
        if let Some(nonce) = client.nonce()
            && let Err(error) = std::fs::write(self.nonce_file(), nonce)
        {
            tracing::info!(%error, "the nonce is not kept; the next request asks for one");
        }
    }

    /// How much the next request should carry: what the line carried the last time, of ops or of files.
    fn kept_batch(&self, what: &str) -> Batch {
        let kept = std::fs::read_to_string(self.profile.dir().join(what)).ok();
        kept.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Keeps it for the next attempt, whichever program makes it: `cairnctl sync` is one of its own.
    fn keep_batch(&self, what: &str, batch: Batch) {
        if batch != self.kept_batch(what)
            && let Err(error) = std::fs::write(self.profile.dir().join(what), batch.to_string())
        {
            tracing::info!(%error, "what the line carries is not kept");
        }
    }

    fn nonce_file(&self) -> PathBuf {
        self.profile.dir().join("nonce")
    }

    /// Signs out: ends the session at the service where that can be reached, and on this computer
    /// in any case. Unsent changes stay.
    ///
    /// # Errors
    /// `signed_out`; whatever the store reports.
    pub async fn sign_out(&self) -> Result<()> {
        let mut client = self.client()?;
        if let Err(error) = client.sign_out().await {
            tracing::info!(code = error.code, "the service was not told of the sign-out");
        }
        self.with(|desk| desk.store.set_signed_out(true).map_err(store))
    }

    /// One synchronisation, at most [`SYNC_LIMIT`]. Only one process of a profile syncs at a time.
    ///
    /// # Errors
    /// `unreachable`, `device_retired`, `device_forked`, `sync_busy`; what the store reports.
    pub async fn sync(&self, clock: &(dyn Fn() -> Time + Sync)) -> Result<SyncReport> {
        let started = Instant::now();
        let mut client = self.client()?;
        let lock = SyncLock::take(self.profile.dir())?;
        let mut engine = Engine::with_batch(self.kept_batch(OPS));
        let attempt = tokio::time::timeout(SYNC_LIMIT, self.exchange(&mut engine, &mut client, clock)).await;
        self.keep_batch(OPS, if came_through(&attempt) { engine.batch() } else { engine.batch().smaller() });
        let mut complete = attempt.is_ok();
        let mut result = attempt.unwrap_or_else(|_| out_of_time(&engine));
        if let Ok(report) = &mut result {
            let rest = SYNC_LIMIT.saturating_sub(started.elapsed());
            let mut parts = Parts::new(self.kept_batch(FILES));
            let work = self.exchange_files(&mut client, &mut parts, report, clock);
            let files = tokio::time::timeout(rest, work).await;
            if files.is_err() && !rest.is_zero() {
                parts.shrink();
            }
            self.keep_batch(FILES, parts.batch());
            match files {
                Ok(Ok(())) => {}
                // What came through of them stays, and the next attempt goes on from there.
                Ok(Err(error)) if is_of_the_line(&error) => complete = false,
                Ok(Err(error)) => result = Err(error),
                Err(_) => complete = false,
            }
        }
        self.keep_nonce(&client);
        drop(lock);
        self.note_result(&result, clock())?;
        let report = result?;
        let (line, tenants) = self.with(|desk| {
            Ok((desk.status("online", None, clock())?, desk.store.tenant_count().map_err(store)?))
        })?;
        Ok(SyncReport {
            pushed: report.pushed,
            pulled: report.pulled,
            pending: line.pending,
            conflicts: line.conflicts,
            quarantined: line.quarantined,
            tenants,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            requests: report.requests,
            complete,
            rebuilt: report.rebuilt.len() as u64,
        })
    }

    async fn exchange(
        &self,
        engine: &mut Engine,
        client: &mut Client,
        clock: &(dyn Fn() -> Time + Sync),
    ) -> Result<Report> {
        loop {
            match self.with(|desk| engine.next(&desk.store).map_err(ApiError::from))? {
                Step::Sync(request) => {
                    let reply = client.sync(&request).await?;
                    self.with(|desk| {
                        engine.replied(&mut desk.store, reply, clock()).map_err(ApiError::from)
                    })?;
                }
                Step::Heads { tenant, at } => {
                    let reply = client.heads(&tenant, &at).await?;
                    self.with(|desk| {
                        engine.headed(&mut desk.store, &tenant, &reply, clock()).map_err(ApiError::from)
                    })?;
                }
                Step::Done(report) => return self.finished(report),
            }
        }
    }

    /// The files of imports, both ways, and rosters as far as their journals are. Where files went out, it
    /// waits a moment for what the service makes of them.
    async fn exchange_files(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        report: &mut Report,
        clock: &(dyn Fn() -> Time + Sync),
    ) -> Result<()> {
        let left = self.send_files(client, parts, clock()).await? > 0 || report.pushed > 0;
        let open = if left { self.open_imports()? } else { Vec::new() };
        let started = Instant::now();
        while started.elapsed() < ANSWER_LIMIT && self.open_imports()?.iter().any(|one| open.contains(one)) {
            // A hint that nobody gives, or that was given before, costs this moment.
            let _ = tokio::time::timeout(ANSWER_LOOK, self.hint()).await;
            let mut engine = Engine::with_batch(self.kept_batch(OPS));
            let more = self.exchange(&mut engine, client, clock).await?;
            report.pulled += more.pulled;
            report.requests += more.requests;
        }
        self.follow_rosters(client, parts, clock()).await
    }

    /// Own imports and rollbacks that have left this computer and wait for the service.
    fn open_imports(&self) -> Result<Vec<OpId>> {
        self.with(|desk| {
            let me = desk.identity()?.account.clone();
            let mut open = Vec::new();
            for tenant in desk.store.tenants_with_imports().map_err(store)? {
                let imports = desk.store.imports(&tenant).map_err(store)?;
                let waits = |one: &Import| (one.is_open() || one.is_rollback_open()) && one.by == me;
                open.extend(imports.into_iter().filter(waits).map(|one| one.id));
            }
            Ok(open)
        })
    }

    fn finished(&self, report: Report) -> Result<Report> {
        if report.disabled {
            let message = "Your account is disabled. What you had not sent is held for a manager.";
            return Err(fault(code::ACCOUNT_DISABLED, message));
        }
        if self.with(|desk| Ok(desk.store.must_re_enrol()))? {
            let message = "This profile was copied or restored from a backup. Sign in again; your unsent changes are kept.";
            return Err(fault(code::DEVICE_FORKED, message));
        }
        match report.problems.first() {
            Some(problem) => Err(problem.clone()),
            None => Ok(report),
        }
    }

    /// Keeps what came of the attempt for the Sync screen, and what it means for this device.
    fn note_result(&self, result: &Result<Report>, now: Time) -> Result<()> {
        self.with(|desk| match result {
            Ok(report) if report.pushed + report.pulled > 0 => {
                let details = json!({ "pushed": report.pushed, "pulled": report.pulled });
                desk.store.log_sync(now, None, "synced", &details).map_err(store)
            }
            Ok(_) => Ok(()),
            Err(error) => {
                if matches!(error.code.as_str(), code::DEVICE_FORKED | code::DEVICE_RETIRED) {
                    desk.store.mark_forked().map_err(store)?;
                }
                let details = json!({ "message": error.message });
                desk.store.log_sync(now, None, &error.code, &details).map_err(store)
            }
        })
    }

    /// Waits for a hint that something changed at the service, or for the stream of hints to end.
    ///
    /// # Errors
    /// The service opens no stream: `unreachable`, what the service answers.
    pub async fn hint(&self) -> Result<Hint> {
        let mut client = self.client()?;
        let stream = client.events().await;
        self.keep_nonce(&client);
        let mut stream = stream?;
        while let Ok(Some(chunk)) = stream.chunk().await {
            if chunk.windows(5).any(|w| w == b"data:") {
                return Ok(Hint::Changed);
            }
        }
        Ok(Hint::BrokeOff)
    }
}

/// How waiting for a hint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Something changed at the service.
    Changed,
    /// The stream of hints ended: the service stopped, or the line is gone.
    BrokeOff,
}

fn locked() -> ApiError {
    fault("locked", "Cairn is locked. Unlock it to go on.")
}

fn fresh_key() -> Result<SigningKey> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(secret.as_mut()).map_err(|e| fault("no_randomness", e.to_string()))?;
    Ok(SigningKey::from_bytes(&secret))
}

fn public_key(key: &SigningKey) -> String {
    hex::encode(key.verifying_key().to_bytes())
}

async fn enrol(client: &mut Client, name: &str, password: &str, key: &SigningKey) -> Result<SignInReply> {
    let sign = |message: &cairn_domain::Hash| cairn_domain::op::sign_message(key, message);
    client.sign_in(name, password, &public_key(key), sign).await
}

/// Whether an attempt says nothing against the line: it ended, or there was no line at all.
fn came_through(attempt: &std::result::Result<Result<Report>, tokio::time::error::Elapsed>) -> bool {
    match attempt {
        Ok(Err(error)) if error.code == code::UNREACHABLE => error.details["connected"] != true,
        Ok(_) => true,
        Err(_) => false,
    }
}

/// A first sync of many tenants may need several attempts: what was received is kept, and the next
/// one goes on from there. Only where nothing came at all is the service out of reach.
fn out_of_time(engine: &Engine) -> Result<Report> {
    if engine.report().requests > 0 {
        return Ok(engine.report().clone());
    }
    Err(fault(code::UNREACHABLE, "The service did not answer in time."))
}

/// Elects the one process of a profile that syncs; the system frees it when the process dies.
struct SyncLock(File);

impl SyncLock {
    fn take(dir: &Path) -> Result<Self> {
        let io = |e: std::io::Error| fault("io", format!("The profile cannot be locked for syncing: {e}."));
        let file = File::create(dir.join("sync.lock")).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(fault("sync_busy", "Another Cairn program is syncing this profile right now."))
            }
            Err(std::fs::TryLockError::Error(e)) => Err(io(e)),
        }
    }
}

impl Drop for SyncLock {
    fn drop(&mut self) {
        // Closing the file frees the lock in any case.
        let _ = self.0.unlock();
    }
}

/// The key in a file that the user named.
pub(crate) fn existing_key(path: &Path) -> Result<DataKey> {
    Profile::key_from_file(path).map_err(|error| {
        let why = match error.code() {
            "key_absent" => "is not there",
            _ => "does not hold a key of 64 hex digits",
        };
        fault(error.code(), format!("The key file '{}' {why}. Nothing was changed.", path.display()))
    })
}

/// Reads the key file, or makes it with a fresh key, readable by its owner alone.
fn key_file(path: &Path) -> Result<DataKey> {
    if path.exists() {
        return Profile::key_from_file(path).map_err(store);
    }
    let key = DataKey::random(&mut SystemEntropy).map_err(store)?;
    let io =
        |e: std::io::Error| fault("io", format!("The key file '{}' cannot be made: {e}.", path.display()));
    let text = Zeroizing::new(hex::encode(key.bytes()));
    files::write_private(path, text.as_bytes()).map_err(io)?;
    Ok(key)
}
