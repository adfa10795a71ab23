//! Files of imports on their way, and rosters that follow their journals: what a synchronisation does
//! beside ops. State machines without I/O and without a clock, as the engine is: [`Sending`] and
//! [`Following`] say what to do next and are told what came of it, so the simulator drives them too.
//!
//! The journal says which files make a tenant's roster, in which order, and what its digest is then. So a
//! roster here is followed step by step, each step one transaction; whatever is cut off goes on from there
//! at the next sync. One that cannot be used, or turns out another one, is loaded again from the start.

use std::collections::VecDeque;

use cairn_domain::digest::SetHash;
use cairn_domain::import::{self, Import, ImportRequest, RosterRevision, Step};
use cairn_domain::{TenantId, Time};
use cairn_protocol::{ApiError, code};
use cairn_store::roster::{Applied, Back, Naming, Revision, Roster, Writer};
use cairn_store::{RosterState, Store, StoreError, UnsentBlob};
use serde_json::json;

/// Whether an error is of the line or the moment, so that going on makes no sense now.
pub fn is_of_the_line(error: &ApiError) -> bool {
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

/// A part of a file for the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose the file is.
    pub tenant: TenantId,
    /// Its name.
    pub sha256: String,
    /// Where the part begins, in bytes.
    pub start: u64,
    /// The file's size in bytes.
    pub total: u64,
    /// The records of the import that the file is; 0 where nobody asks for it.
    pub rows: u64,
    /// What goes.
    pub bytes: Vec<u8>,
}

/// A file that goes out now, and how far it is.
#[derive(Debug)]
struct Outgoing {
    file: UnsentBlob,
    rows: u64,
    start: u64,
}

/// Sends the files that the service does not have, each from where it stands there.
#[derive(Debug, Default)]
pub struct Sending {
    left: Option<VecDeque<UnsentBlob>>,
    out: Option<Outgoing>,
    sent: usize,
}

impl Sending {
    /// Begins with the files that lie here now.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many files the service has now that it did not have before.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// The next part, of at most `most` bytes; none where nothing is left. Then call
    /// [`Sending::answered`] or [`Sending::turned_down`]; without either it is the same part again.
    ///
    /// # Errors
    /// What the store reports.
    pub fn next(&mut self, store: &mut Store, most: usize) -> Result<Option<Part>, StoreError> {
        loop {
            if let Some(Outgoing { file, rows, start }) = &self.out {
                let UnsentBlob { tenant, sha256, total } = file;
                if start < total {
                    let bytes = store.blob_bytes(tenant, sha256, *start, most)?;
                    let (tenant, sha256) = (tenant.clone(), sha256.clone());
                    return Ok(Some(Part {
                        tenant,
                        sha256,
                        start: *start,
                        total: *total,
                        rows: *rows,
                        bytes,
                    }));
                }
                store.note_blob_sent(tenant, sha256)?;
                self.sent += 1;
            }
            self.out = self.begin(store)?;
            if self.out.is_none() {
                return Ok(None);
            }
        }
    }

    fn begin(&mut self, store: &Store) -> Result<Option<Outgoing>, StoreError> {
        let left = match &mut self.left {
            Some(left) => left,
            left => left.insert(store.unsent_blobs()?.into()),
        };
        while let Some(file) = left.pop_front() {
            let imports = store.imports(&file.tenant)?;
            let of_it: Vec<&Import> = imports.iter().filter(|one| one.request.blob == file.sha256).collect();
            // Nobody wants it any more: the service's answer says what becomes of the file.
            if !of_it.is_empty() && of_it.iter().all(|one| one.is_withdrawal_open()) {
                continue;
            }
            let rows = of_it.first().map_or(0, |one| one.request.rows());
            return Ok(Some(Outgoing { file, rows, start: 0 }));
        }
        Ok(None)
    }

    /// The service took the part and has the file up to `received`.
    pub fn answered(&mut self, received: u64) {
        if let Some(out) = &mut self.out {
            out.start = received;
        }
    }

    /// The service did not take the part. Where it only stands elsewhere, the file goes on from there;
    /// anything else is logged and leaves the file to the next synchronisation, or for good.
    ///
    /// # Errors
    /// What the store reports.
    pub fn turned_down(&mut self, store: &mut Store, error: &ApiError, now: Time) -> Result<(), StoreError> {
        let Some(mut out) = self.out.take() else { return Ok(()) };
        let there = error.details["received"].as_u64().filter(|there| *there != out.start);
        if let ("wrong_offset", Some(there)) = (error.code.as_str(), there) {
            out.start = there;
            self.out = Some(out);
            return Ok(());
        }
        let UnsentBlob { tenant, sha256, .. } = &out.file;
        store.log_sync(now, Some(tenant), &error.code, &json!({ "message": error.message }))?;
        if is_final(error) { store.note_blob_sent(tenant, sha256) } else { Ok(()) }
    }
}

/// What a roster needs next.
#[derive(Debug)]
pub enum Next {
    /// Ask the service for bytes of a file, then call [`Following::got`] or [`Following::turned_down`].
    Get {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        sha256: String,
        /// The first byte that is missing.
        start: u64,
    },
    /// Go this step, with the store free for others meanwhile, then call [`Following::went`].
    Go(Box<Going>),
    /// Every roster is where its journal is, or its trouble is in the log.
    Done,
}

/// A step of a roster's way that is to be gone.
#[derive(Debug)]
pub struct Going {
    tenant: TenantId,
    revision: RosterRevision,
    /// Whether it is the import before it once more.
    repeats: bool,
    roster: Roster,
}

impl Going {
    /// Whose roster it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The file whose records it puts; none where it needs none.
    pub fn blob(&self) -> Option<&str> {
        match &self.revision.step {
            Step::Import(ImportRequest { blob, .. }) if !self.repeats => Some(blob),
            Step::Import(_) | Step::RollBack { .. } => None,
        }
    }

    /// The records of that file; none where it needs none.
    pub fn records(&self) -> u64 {
        match &self.revision.step {
            Step::Import(request) if !self.repeats => request.rows(),
            Step::Import(_) | Step::RollBack { .. } => 0,
        }
    }

    /// The format by which it keeps what others name; none where it keeps nothing for that.
    pub fn naming(&self) -> Option<&str> {
        match &self.revision.step {
            Step::RollBack { naming, .. } => naming.as_deref(),
            Step::Import(_) => None,
        }
    }

    /// Goes it: one transaction of the roster. `put` reads the records of [`Going::blob`], and `naming` says
    /// what records of the format [`Going::naming`] name.
    ///
    /// # Errors
    /// What `put` says, and the `roster_...` codes; the roster is as it was then.
    pub fn go(
        &mut self,
        naming: &Naming<'_>,
        put: impl FnOnce(&mut Writer<'_>) -> Result<(), ApiError>,
    ) -> Result<Applied, ApiError> {
        let name = self.revision.name();
        let named = Revision { number: self.revision.number, import: &name };
        match &self.revision.step {
            Step::Import(_) if self.repeats => self.roster.repeat_if(named, |_| Ok(())),
            Step::Import(_) => self.roster.apply(named, put),
            Step::RollBack { takes_back, .. } => {
                let back = Back { revision: *takes_back, naming };
                Ok(self.roster.roll_back(named, back, drop)?)
            }
        }
    }
}

/// Brings every roster to where its journal is.
#[derive(Debug, Default)]
pub struct Following {
    left: Option<VecDeque<TenantId>>,
    way: Option<Way>,
}

impl Following {
    /// Begins with the rosters that may be behind now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what to do next. What is wrong with one roster is logged and keeps no other back.
    ///
    /// # Errors
    /// What the store reports of all of them.
    pub fn next(&mut self, store: &mut Store, now: Time) -> Result<Next, ApiError> {
        loop {
            let Some(way) = &mut self.way else {
                match self.begin(store)? {
                    Some(tenant) => self.way = Some(Way::new(tenant)),
                    None => return Ok(Next::Done),
                }
                continue;
            };
            match way.next(store, now) {
                Ok(Some(next)) => return Ok(next),
                Ok(None) => self.way = None,
                Err(error) => self.failed(store, error, now)?,
            }
        }
    }

    fn begin(&mut self, store: &Store) -> Result<Option<TenantId>, StoreError> {
        let left = match &mut self.left {
            Some(left) => left,
            left => left.insert(store.rosters_behind()?.into()),
        };
        Ok(left.pop_front())
    }

    /// Takes bytes that [`Next::Get`] asked for, from there on, and the file's size.
    ///
    /// # Errors
    /// `unreachable` where the service sent no more of it; what the store reports of all rosters.
    pub fn got(&mut self, store: &mut Store, bytes: &[u8], total: u64, now: Time) -> Result<(), ApiError> {
        let Some(way) = &self.way else { return Ok(()) };
        match way.got(store, bytes, total) {
            Err(error) => self.failed(store, error, now),
            Ok(()) => Ok(()),
        }
    }

    /// The service did not give what [`Next::Get`] asked for.
    ///
    /// # Errors
    /// The same where it is of the line; what the store reports of all rosters.
    pub fn turned_down(&mut self, store: &mut Store, error: ApiError, now: Time) -> Result<(), ApiError> {
        self.failed(store, error, now)
    }

    /// Takes what became of a step.
    ///
    /// # Errors
    /// What the store reports of all rosters.
    pub fn went(
        &mut self,
        store: &mut Store,
        going: Going,
        applied: Result<Applied, ApiError>,
        now: Time,
    ) -> Result<(), ApiError> {
        let Some(way) = &mut self.way else { return Ok(()) };
        match applied.and_then(|applied| way.went(store, going, &applied)) {
            Err(error) => self.failed(store, error, now),
            Ok(()) => Ok(()),
        }
    }

    /// Begins a roster that cannot be used from its first step, once; logs any other trouble and leaves it.
    fn failed(&mut self, store: &mut Store, error: ApiError, now: Time) -> Result<(), ApiError> {
        let Some(way) = self.way.take() else { return Ok(()) };
        if is_of_the_line(&error) {
            return Err(error);
        }
        let tenant = way.tenant.clone();
        if starts_over(&error) && !way.is_second {
            // Nobody may have the old file open.
            drop(way);
            store.log_sync(now, Some(&tenant), "roster_loaded_again", &json!({ "why": error.code }))?;
            match store.rebuild_roster(&tenant) {
                Ok(_) => {
                    self.way = Some(Way { is_second: true, ..Way::new(tenant) });
                    return Ok(());
                }
                Err(error) => return log(store, &tenant, &error.into(), now),
            }
        }
        log(store, &tenant, &error, now)
    }
}

fn log(store: &mut Store, tenant: &TenantId, error: &ApiError, now: Time) -> Result<(), ApiError> {
    Ok(store.log_sync(now, Some(tenant), &error.code, &json!({ "message": error.message }))?)
}

/// The way of one roster to where its journal is.
#[derive(Debug)]
struct Way {
    tenant: TenantId,
    /// Whether it goes it from the first step, once more.
    is_second: bool,
    known: Option<Known>,
}

/// What the journal says, and where the roster stands.
#[derive(Debug)]
struct Known {
    imports: Vec<Import>,
    revisions: Vec<RosterRevision>,
    /// The version of the cells that say so.
    version: u64,
    roster: Option<Roster>,
    /// The place of the next revision.
    at: usize,
    /// Where the bytes begin that were asked for last. Somebody may have asked for the same import here
    /// meanwhile, and then the file is whole.
    asked: u64,
}

impl Way {
    fn new(tenant: TenantId) -> Self {
        Self { tenant, is_second: false, known: None }
    }

    /// None where the roster is at the end.
    fn next(&mut self, store: &mut Store, now: Time) -> Result<Option<Next>, ApiError> {
        let known = match &mut self.known {
            Some(known) => known,
            known => known.insert(Known::read(store, &self.tenant)?),
        };
        if known.roster.is_none() && known.at == 0 {
            if let Some(state) = store.roster_state(&self.tenant)?.filter(|state| known.is_at_the_end(*state))
            {
                return known.end(store, &self.tenant, state, now).map(|()| None);
            }
            known.open(store, &self.tenant)?;
        }
        let Some(revision) = known.revisions.get(known.at) else {
            let state = known.state()?;
            return known.end(store, &self.tenant, state, now).map(|()| None);
        };
        let before = known.at.checked_sub(1).and_then(|at| known.revisions.get(at));
        let repeats = matches!(&revision.step, Step::Import(request) if import::repeats(before, request));
        if let Step::Import(request) = &revision.step
            && !repeats
        {
            let here = store.blob(&self.tenant, &request.blob)?;
            if here.is_none_or(|here| !here.is_whole()) {
                let start = here.map_or(0, |here| here.received);
                known.asked = start;
                let (tenant, sha256) = (self.tenant.clone(), request.blob.clone());
                return Ok(Some(Next::Get { tenant, sha256, start }));
            }
        }
        let roster = known.roster.take().ok_or_else(|| another_roster(revision.number))?;
        let (tenant, revision) = (self.tenant.clone(), revision.clone());
        Ok(Some(Next::Go(Box::new(Going { tenant, revision, repeats, roster }))))
    }

    /// The file that the next step needs, and from where on it was asked for.
    fn file(&self) -> Option<(&str, u64)> {
        let known = self.known.as_ref()?;
        match &known.revisions.get(known.at)?.step {
            Step::Import(request) => Some((&request.blob, known.asked)),
            Step::RollBack { .. } => None,
        }
    }

    fn got(&self, store: &mut Store, bytes: &[u8], total: u64) -> Result<(), ApiError> {
        let Some((sha256, start)) = self.file() else { return Ok(()) };
        if bytes.is_empty() && start < total {
            let message = "The service sent a file without its end. Sync again.";
            return Err(ApiError::new(code::UNREACHABLE, message));
        }
        Ok(store.put_blob_part(&self.tenant, sha256, (start, total), bytes)?)
    }

    fn went(&mut self, store: &mut Store, going: Going, applied: &Applied) -> Result<(), ApiError> {
        let Some(known) = &mut self.known else { return Ok(()) };
        let Going { revision, roster, .. } = going;
        if applied.digest != revision.digest {
            return Err(another_roster(applied.number));
        }
        let state = RosterState { revision: applied.number, digest: applied.digest };
        store.note_roster(&self.tenant, state, 0)?;
        if let Step::Import(request) = &revision.step
            && store.blob(&self.tenant, &request.blob)?.is_some_and(|here| here.fetched)
        {
            store.forget_blob(&self.tenant, &request.blob)?;
        }
        known.roster = Some(roster);
        known.at += 1;
        Ok(())
    }
}

impl Known {
    fn read(store: &Store, tenant: &TenantId) -> Result<Self, ApiError> {
        let imports = store.imports(tenant)?;
        let version = store.cells_version(tenant)?;
        Ok(Self { revisions: import::revisions(&imports), imports, version, roster: None, at: 0, asked: 0 })
    }

    /// Whether a roster is all that the journal speaks of.
    fn is_at_the_end(&self, state: RosterState) -> bool {
        self.revisions.last().is_some_and(|last| (last.number, last.digest) == (state.revision, state.digest))
    }

    /// Opens the roster, which has to be at one of the journal's revisions.
    fn open(&mut self, store: &mut Store, tenant: &TenantId) -> Result<(), ApiError> {
        let roster = match self.revisions.as_slice() {
            [] => store.roster(tenant)?,
            _ => Some(store.roster_or_new(tenant)?),
        };
        let have = match &roster {
            Some(roster) => roster.latest()?,
            None => None,
        };
        let number = have.as_ref().map_or(0, |last| last.number);
        if have.is_some_and(|last| !is_of(&self.revisions, &last)) {
            return Err(another_roster(number));
        }
        self.at = self.revisions.iter().filter(|revision| revision.number <= number).count();
        self.roster = roster;
        Ok(())
    }

    fn state(&self) -> Result<RosterState, ApiError> {
        let digest = match &self.roster {
            Some(roster) => roster.digest()?,
            None => SetHash::default().to_hash(),
        };
        Ok(RosterState { revision: self.revisions.last().map_or(0, |last| last.number), digest })
    }

    /// Notes where the roster is, and lets go of files that nobody needs.
    fn end(
        &self,
        store: &mut Store,
        tenant: &TenantId,
        state: RosterState,
        now: Time,
    ) -> Result<(), ApiError> {
        store.note_roster(tenant, state, self.version)?;
        // A file is kept as long as the import may be asked for once more.
        let needed = |one: &&Import| match one.committed() {
            Some(committed) => committed.rollback_until >= now,
            None => one.is_open(),
        };
        let needed: Vec<&str> =
            self.imports.iter().filter(needed).map(|one| one.request.blob.as_str()).collect();
        Ok(store.forget_blobs_but(tenant, &needed)?)
    }
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
    ApiError::new("roster_differs", message)
}
