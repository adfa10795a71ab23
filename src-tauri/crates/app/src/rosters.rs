//! Files of imports on their way, and rosters that follow their journals: what a sync does beside ops.
//!
//! The journal says which files make a tenant's roster, in which order, and what its digest is then. So a
//! roster here is followed step by step, each step one transaction; whatever is cut off goes on from there
//! at the next sync. One that cannot be used, or turns out another one, is loaded again from the start.

use std::io::Read;
use std::time::{Duration, Instant};

use cairn_domain::import::{self, Import, ImportRequest, RosterRevision, Step};
use cairn_domain::{TenantId, Time};
use cairn_imports::{Entry, Limits, read_blob};
use cairn_protocol::{ApiError, code};
use cairn_store::roster::{Applied, Revision, Roster};
use cairn_store::{RosterState, UnsentBlob};
use cairn_sync::Batch;
use cairn_sync::http::Client;
use serde_json::json;

use crate::Session;
use crate::error::{Result, fault, store};

/// Bytes of a part for each op that the line would carry.
const PER_OP: usize = 128;
/// The largest part.
const LARGEST_PART: usize = 1 << 20;
/// What a part may take before the next one is not to be larger, and before it is to be smaller.
const SLOW: Duration = Duration::from_secs(1);
const TOO_SLOW: Duration = Duration::from_secs(4);
/// Parts that may break off one after the other before a sync leaves the rest to the next one.
const MOST_BREAKS: u32 = 4;
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

/// Whether an error is of the line or the moment, so that going on makes no sense now.
pub(crate) fn is_of_the_line(error: &ApiError) -> bool {
    matches!(error.code.as_str(), code::UNREACHABLE | code::RATE_LIMITED | code::INTERNAL | code::BAD_NONCE)
}

/// Whether the service will never take the file: its op is answered all the same.
fn is_final(error: &ApiError) -> bool {
    matches!(error.code.as_str(), "pilot_limit" | code::TOO_LARGE | "wrong_hash")
}

/// Whether a roster that answers this is loaded again from the start.
fn starts_over(error: &ApiError) -> bool {
    matches!(
        error.code.as_str(),
        "roster_missing"
            | "roster_damaged"
            | "roster_key_wrong"
            | "roster_key_absent"
            | "roster_forked"
            | "roster_gap"
            | "roster_differs"
    )
}

impl Session {
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
        let mut sent = 0;
        for file in self.with(|desk| desk.store.unsent_blobs().map_err(store))? {
            if self.is_withdrawn(&file)? {
                continue;
            }
            match self.send_file(client, parts, &file).await {
                Ok(()) => sent += 1,
                Err(error) if is_of_the_line(&error) => return Err(error),
                Err(error) => self.with(|desk| {
                    let details = json!({ "message": error.message });
                    desk.store.log_sync(now, Some(&file.tenant), &error.code, &details).map_err(store)?;
                    if is_final(&error) {
                        desk.store.note_blob_sent(&file.tenant, &file.sha256).map_err(store)?;
                    }
                    Ok(())
                })?,
            }
        }
        Ok(sent)
    }

    /// Whether nobody wants a file's import any more: the service's answer says what becomes of the file.
    fn is_withdrawn(&self, file: &UnsentBlob) -> Result<bool> {
        let imports = self.with(|desk| desk.store.imports(&file.tenant).map_err(store))?;
        let mut of_it = imports.iter().filter(|one| one.request.blob == file.sha256).peekable();
        Ok(of_it.peek().is_some() && of_it.all(Import::is_withdrawal_open))
    }

    async fn send_file(&self, client: &mut Client, parts: &mut Parts, file: &UnsentBlob) -> Result<()> {
        let UnsentBlob { tenant, sha256, total } = file;
        let imports = self.with(|desk| desk.store.imports(tenant).map_err(store))?;
        let rows = imports.iter().find(|one| one.request.blob == *sha256).map_or(0, |one| one.request.rows());
        let mut at = 0;
        while at < *total {
            let part =
                self.with(|desk| desk.store.blob_bytes(tenant, sha256, at, parts.bytes()).map_err(store))?;
            let began = Instant::now();
            match client.put_blob_part(tenant, sha256, (at, *total), rows, &part).await {
                Ok(received) => {
                    at = received;
                    parts.came(began.elapsed());
                }
                Err(error) if parts.goes_on_after(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.with(|desk| desk.store.note_blob_sent(tenant, sha256).map_err(store))
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
        for tenant in self.with(|desk| desk.store.rosters_behind().map_err(store))? {
            match self.follow_roster(client, parts, &tenant, now).await {
                Err(error) if is_of_the_line(&error) => return Err(error),
                Err(error) => self.with(|desk| {
                    let details = json!({ "message": error.message });
                    desk.store.log_sync(now, Some(&tenant), &error.code, &details).map_err(store)
                })?,
                Ok(()) => {}
            }
        }
        Ok(())
    }

    async fn follow_roster(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        tenant: &TenantId,
        now: Time,
    ) -> Result<()> {
        let (imports, version, state) = self.with(|desk| {
            let imports = desk.store.imports(tenant).map_err(store)?;
            let version = desk.store.cells_version(tenant).map_err(store)?;
            Ok((imports, version, desk.store.roster_state(tenant).map_err(store)?))
        })?;
        let revisions = import::revisions(&imports);
        let state = match state.filter(|state| is_at_the_end(&revisions, *state)) {
            Some(state) => state,
            None => self.followed(client, parts, (tenant, &revisions), now).await?,
        };
        self.with(|desk| {
            desk.store.note_roster(tenant, state, version).map_err(store)?;
            // A file is kept as long as the import may be asked for once more.
            let needed = |one: &&Import| match one.committed() {
                Some(committed) => committed.rollback_until >= now,
                None => one.is_open(),
            };
            let needed: Vec<&str> =
                imports.iter().filter(needed).map(|one| one.request.blob.as_str()).collect();
            desk.store.forget_blobs_but(tenant, &needed).map_err(store)
        })
    }

    /// Goes the steps that the roster has not gone; from the first one, once, where it cannot be used.
    async fn followed(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        (tenant, revisions): (&TenantId, &[RosterRevision]),
        now: Time,
    ) -> Result<RosterState> {
        match self.follow(client, parts, tenant, revisions).await {
            Err(error) if starts_over(&error) => {
                self.with(|desk| {
                    let why = json!({ "why": error.code });
                    desk.store.log_sync(now, Some(tenant), "roster_loaded_again", &why).map_err(store)?;
                    desk.store.rebuild_roster(tenant).map(drop).map_err(store)
                })?;
                self.follow(client, parts, tenant, revisions).await
            }
            other => other,
        }
    }

    /// Goes the steps that the roster has not gone.
    async fn follow(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        tenant: &TenantId,
        revisions: &[RosterRevision],
    ) -> Result<RosterState> {
        let mut roster = self.with(|desk| match revisions {
            [] => desk.store.roster(tenant).map_err(store),
            _ => desk.store.roster_or_new(tenant).map(Some).map_err(store),
        })?;
        let have = match &roster {
            Some(roster) => roster.latest().map_err(store)?,
            None => None,
        };
        let number = have.as_ref().map_or(0, |last| last.number);
        if let Some(last) = have.filter(|last| !is_of(revisions, last)) {
            return Err(another_roster(last.number));
        }
        for revision in revisions.iter().filter(|revision| revision.number > number) {
            let fetched = match &revision.step {
                Step::Import(request) => self.fetch_file(client, parts, tenant, &request.blob).await?,
                Step::RollBack { .. } => false,
            };
            let Some(roster) = &mut roster else { return Err(another_roster(revision.number)) };
            let applied = self.go(roster, tenant, revision)?;
            if applied.digest != revision.digest {
                return Err(another_roster(revision.number));
            }
            self.with(|desk| {
                let state = RosterState { revision: applied.number, digest: applied.digest };
                desk.store.note_roster(tenant, state, 0).map_err(store)?;
                match &revision.step {
                    Step::Import(request) if fetched => {
                        desk.store.forget_blob(tenant, &request.blob).map_err(store)
                    }
                    _ => Ok(()),
                }
            })?;
        }
        let digest = match &roster {
            Some(roster) => roster.digest().map_err(store)?,
            None => cairn_domain::digest::SetHash::default().to_hash(),
        };
        Ok(RosterState { revision: revisions.last().map_or(0, |last| last.number), digest })
    }

    /// One step, apart from the desk.
    fn go(&self, roster: &mut Roster, tenant: &TenantId, revision: &RosterRevision) -> Result<Applied> {
        let name = revision.name();
        let named = Revision { number: revision.number, import: &name };
        match &revision.step {
            Step::RollBack { takes_back } => roster.roll_back(named, *takes_back, drop).map_err(store),
            Step::Import(ImportRequest { blob, .. }) => roster.apply(named, |writer| {
                let file = KeptFile { session: self, tenant, sha256: blob, at: 0 };
                read_blob(file, blob, &Limits::default(), |entry| {
                    match entry {
                        Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                        Entry::Remove { kind, id } => writer.remove(kind, id)?,
                    }
                    Ok::<(), ApiError>(())
                })
                .map(drop)
            }),
        }
    }

    /// Gets what is missing of a file; says whether it came from the service.
    async fn fetch_file(
        &self,
        client: &mut Client,
        parts: &mut Parts,
        tenant: &TenantId,
        sha256: &str,
    ) -> Result<bool> {
        let here = self.with(|desk| desk.store.blob(tenant, sha256).map_err(store))?;
        if let Some(here) = here.filter(|here| here.is_whole()) {
            return Ok(here.fetched);
        }
        let mut at = here.map_or(0, |here| here.received);
        loop {
            let began = Instant::now();
            let (part, total) = match client.blob_part(tenant, sha256, at, parts.bytes() as u64).await {
                Err(error) if parts.goes_on_after(&error) => continue,
                other => other?,
            };
            parts.came(began.elapsed());
            if part.is_empty() && at < total {
                return Err(fault(code::UNREACHABLE, "The service sent a file without its end. Sync again."));
            }
            self.with(|desk| desk.store.put_blob_part(tenant, sha256, (at, total), &part).map_err(store))?;
            at += part.len() as u64;
            if at >= total {
                return Ok(true);
            }
        }
    }
}

/// Whether a roster is all that the journal speaks of.
fn is_at_the_end(revisions: &[RosterRevision], state: RosterState) -> bool {
    revisions.last().is_some_and(|last| (last.number, last.digest) == (state.revision, state.digest))
}

/// Whether the last revision of a roster is one of the journal's.
fn is_of(revisions: &[RosterRevision], last: &Applied) -> bool {
    let same = |one: &RosterRevision| {
        one.number == last.number && one.digest == last.digest && one.name() == last.import
    };
    revisions.iter().any(same)
}

fn another_roster(number: u64) -> ApiError {
    let message = format!(
        "Revision {number} of the roster on this computer is not the one that the service committed. It is loaded again at the next sync."
    );
    fault("roster_differs", message)
}

/// A file in the database, read with the desk held only for a moment at a time.
struct KeptFile<'a> {
    session: &'a Session,
    tenant: &'a TenantId,
    sha256: &'a str,
    at: u64,
}

impl Read for KeptFile<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(CHUNK);
        let bytes = self
            .session
            .with(|desk| desk.store.blob_bytes(self.tenant, self.sha256, self.at, most).map_err(store))
            .map_err(std::io::Error::other)?;
        let length = bytes.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..length), bytes.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at += length as u64;
        Ok(length)
    }
}
