//! Files of imports on their way, and rosters that follow their journals, over the line: what a sync does
//! beside ops. What to do next says [`cairn_sync::rosters`]; here is the driver around it, which has the
//! desk only for a moment at a time.

use std::io::Read;
use std::time::{Duration, Instant};

use cairn_domain::{TenantId, Time};
use cairn_imports::{Entry, Limits, naming, read_blob};
use cairn_protocol::{ApiError, code};
use cairn_store::roster::Applied;
use cairn_sync::Batch;
use cairn_sync::http::Client;
pub(crate) use cairn_sync::rosters::is_of_the_line;
use cairn_sync::rosters::{Following, Going, Next, Sending};

use crate::Session;
use crate::error::{Result, store};
use crate::runs::{ImportDoing, ImportUnderway, Underway};

/// Bytes of a part for each op that the line would carry.
const PER_OP: usize = 128;
/// The largest part.
const LARGEST_PART: usize = 1 << 20;
/// What a part may take before the next one is not to be larger, and before it is to be smaller.
const SLOW: Duration = Duration::from_secs(1);
const TOO_SLOW: Duration = Duration::from_secs(4);
/// Parts that may break off one after the other before a sync leaves the rest to the next one.
const MOST_BREAKS: u32 = 4;
/// Records after which it is told again how far an import is.
const TOLD_EVERY: u64 = 4_096;
/// What is read of a file at once, with the desk held.
const CHUNK: usize = 64 << 10;

/// How much of a file goes at once over the line: less where it breaks off or is slow.
pub(crate) struct Parts {
    batch: Batch,
    grows: bool,
    breaks: u32,
}

impl Parts {
    pub fn new(batch: Batch) -> Self {
        Self { batch, grows: true, breaks: 0 }
    }

    /// For the next sync to begin with.
    pub fn batch(&self) -> Batch {
        self.batch
    }

    fn bytes(&self) -> usize {
        self.batch.ops().saturating_mul(PER_OP).min(LARGEST_PART)
    }

    fn came(&mut self, took: Duration) {
        self.breaks = 0;
        if took > TOO_SLOW {
            self.shrink();
        } else if self.grows && took < SLOW {
            self.batch = self.batch.larger();
        }
    }

    /// A part did not come through, or the time ran out with it.
    pub fn shrink(&mut self) {
        self.batch = self.batch.smaller();
        self.grows = false;
    }

    /// Whether to try again with less: the line was there and broke off.
    fn goes_on_after(&mut self, error: &ApiError) -> bool {
        let broke = error.code == code::UNREACHABLE && error.details["connected"] == true;
        if broke {
            self.shrink();
            self.breaks += 1;
        }
        broke && self.breaks < MOST_BREAKS
    }
}

/// Says what is on its way until it is dropped.
struct Told<'a>(&'a Session);

impl Told<'_> {
    fn far(&self, tenant: &TenantId, sha256: &str, doing: ImportDoing, (done, total): (u64, u64)) {
        let far = ImportUnderway { doing, done, total };
        self.0.hears_underway(far);
        *self.0.underway_slot() = Some(Underway { tenant: tenant.clone(), sha256: sha256.to_owned(), far });
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        *self.0.underway_slot() = None;
    }
}

impl Session {
    /// The import that is under way now, and how far it is.
    pub fn underway(&self) -> Option<Underway> {
        self.underway_slot().clone()
    }

    /// Asks the service how far it is with an import that it has and has not answered; nothing where there is
    /// none. What it says shows as the import that is under way.
    ///
    /// # Errors
    /// `unknown_tenant`, `signed_out`, those of the line.
    pub async fn look_at_staging(&self, tenant: &str) -> Result<()> {
        let waiting = self.with(|desk| desk.staged_import(tenant))?;
        let Some((tenant, sha256, total)) = waiting else { return Ok(()) };
        let mut client = self.client()?;
        let staged = client.staged(&tenant, &sha256).await;
        self.keep_nonce(&client);
        let mut slot = self.underway_slot();
        let is_free = slot.as_ref().is_none_or(|one| one.far.doing == ImportDoing::Stage);
        if is_free {
            let far = |done| ImportUnderway { doing: ImportDoing::Stage, done, total };
            *slot = staged?.map(|done| Underway { tenant, sha256, far: far(done) });
            let heard = slot.as_ref().map(|one| one.far);
            drop(slot);
            heard.into_iter().for_each(|far| self.hears_underway(far));
        }
        Ok(())
    }

    /// Sends the files that the service does not have, each from where it stands. Answers how many went.
    ///
    /// # Errors
    /// Those of the line. What the service does not want of one file is logged and keeps no other back.
    pub(crate) async fn send_files(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        now: Time,
    ) -> Result<usize> {
        let (mut sending, told) = (Sending::new(), Told(self));
        loop {
            let most = parts.bytes();
            let next = self.with(|desk| sending.next(&mut desk.store, most).map_err(store))?;
            let Some(part) = next else { return Ok(sending.sent()) };
            told.far(&part.tenant, &part.sha256, ImportDoing::Send, (part.start, part.total));
            let began = Instant::now();
            match client.put_blob_part(&part).await {
                Ok(received) => {
                    sending.answered(received);
                    parts.came(began.elapsed());
                }
                Err(error) if parts.goes_on_after(&error) => {}
                Err(error) if is_of_the_line(&error) => return Err(error),
                Err(error) => {
                    self.with(|desk| sending.turned_down(&mut desk.store, &error, now).map_err(store))?;
                }
            }
        }
    }

    /// Brings every roster to where its journal is.
    ///
    /// # Errors
    /// Those of the line. What is wrong with one roster is logged and keeps no other back.
    pub(crate) async fn follow_rosters(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        now: Time,
    ) -> Result<()> {
        let (mut following, told) = (Following::new(), Told(self));
        loop {
            match self.with(|desk| following.next(&mut desk.store, now))? {
                Next::Done => return Ok(()),
                Next::Go(mut going) => {
                    let applied = self.go(&mut going, &told);
                    self.with(|desk| following.went(&mut desk.store, *going, applied, now))?;
                }
                Next::Get { tenant, sha256, start } => {
                    let began = Instant::now();
                    match client.blob_part(&tenant, &sha256, start, parts.bytes() as u64).await {
                        Ok((bytes, total)) => {
                            parts.came(began.elapsed());
                            let far = start.saturating_add(bytes.len() as u64);
                            told.far(&tenant, &sha256, ImportDoing::Fetch, (far, total));
                            self.with(|desk| following.got(&mut desk.store, &bytes, total, now))?;
                        }
                        Err(error) if parts.goes_on_after(&error) => {}
                        Err(error) => {
                            self.with(|desk| following.turned_down(&mut desk.store, error, now))?;
                        }
                    }
                }
            }
        }
    }

    /// One step of a roster, apart from the desk.
    fn go(&self, going: &mut Going, told: &Told<'_>) -> Result<Applied> {
        let file = KeptFile {
            session: self,
            tenant: going.tenant().clone(),
            sha256: going.blob().unwrap_or_default().to_owned(),
            at: 0,
        };
        let (tenant, sha256, total) = (file.tenant.clone(), file.sha256.clone(), going.records());
        let mut done: u64 = 0;
        let naming = naming(going.naming());
        going.go(&naming, |writer| {
            read_blob(file, &sha256, &Limits::default(), |entry| {
                if done.is_multiple_of(TOLD_EVERY) {
                    told.far(&tenant, &sha256, ImportDoing::Apply, (done, total));
                }
                done += 1;
                match entry {
                    Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                    Entry::Remove { kind, id } => writer.remove(kind, id)?,
                }
                Ok::<(), ApiError>(())
            })
            .map(drop)
        })
    }
}

/// A file in the database, read with the desk held only for a moment at a time.
struct KeptFile<'a> {
    session: &'a Session,
    tenant: TenantId,
    sha256: String,
    at: u64,
}

impl Read for KeptFile<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(CHUNK);
        let bytes = self
            .session
            .with(|desk| desk.store.blob_bytes(&self.tenant, &self.sha256, self.at, most).map_err(store))
            .map_err(std::io::Error::other)?;
        let length = bytes.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at += length as u64;
        Ok(length)
    }
}
