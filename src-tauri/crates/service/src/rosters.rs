//! Carrying out imports and rollbacks that the journal asks for (docs/adr/0013-import-run.md).
//!
//! A tenant's roster lies in a file of its own, made by the same code as on a laptop. It is a copy: the
//! journal says which blobs make it, in which order, and what its digest has to be. What is asked for is
//! staged as the file's next revision in a transaction that nobody else sees, outside the journal's
//! lock. Then one short transaction under that lock writes the service's own op, and only where it was
//! committed the file's transaction is. Whatever is cut off in between was never there, or is caught up
//! with from the journal.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cairn_domain::cell::field;
use cairn_domain::import::{
    self, Import, ImportCommitted, ImportCounts, ImportLeft, ImportOutcome, ImportRecords, ImportRefused,
    ImportRequest, ImportRolledBack, MOST_LEFT, ROLLBACK_DAYS, RosterRevision, Step,
};
use cairn_domain::journal::Outcome;
use cairn_domain::{Change, Hash, OpId, TenantId, Time};
use cairn_imports::{
    ByColumn, Contents, Entry, ImportError, Leads, Limits, REMOVE_LIMIT, Record, UPDATE_LIMIT, naming,
    read_blob,
};
use cairn_store::roster::{Applied, Back, Changes, Left, Revision, Roster, RosterTrouble, Why, Writer};
use cairn_store::{DataKey, StoreError};
use serde_json::json;

use crate::confirm;
use crate::error::{Error, Result};
use crate::journal::Journal;
use crate::org;
use crate::service::{Ask, Service};
use crate::storage::{Mode, Standing, TenantTx, with};

/// Where a service keeps its copies of rosters. Several services must not share it; one that starts
/// without makes them again.
#[derive(Debug, Clone)]
pub struct Rosters {
    folder: PathBuf,
}

/// How far a process is with the records of each tenant that it stages, for whoever waits for them.
#[derive(Clone, Debug, Default)]
pub struct Staging(Arc<Mutex<BTreeMap<TenantId, (String, u64)>>>);

impl Staging {
    /// The records of a file that are staged; none where it is not being staged here.
    pub fn of(&self, tenant: &TenantId, sha256: &str) -> Option<u64> {
        self.all().get(tenant).filter(|(file, _)| file == sha256).map(|(_, records)| *records)
    }

    fn note(&self, tenant: &TenantId, sha256: &str, records: u64) {
        self.all().insert(tenant.clone(), (sha256.to_owned(), records));
    }

    fn end(&self, tenant: &TenantId) {
        self.all().remove(tenant);
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TenantId, (String, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records after which it is noted again how far a file is.
const NOTED_EVERY: u64 = 4_096;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// An import is visible, as this revision.
    Committed(OpId, u64),
    /// An import was not taken; the code says why.
    Refused(OpId, String),
    /// An import was taken back, as this revision.
    RolledBack(OpId, u64),
}

impl Rosters {
    /// Copies in this folder, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, tenant: &TenantId) -> PathBuf {
        self.folder.join(format!("{tenant}.db"))
    }

    /// Keeps other threads and programs from a tenant's copy for as long as the file lives.
    fn lock(&self, tenant: &TenantId) -> Result<File> {
        fs::create_dir_all(&self.folder)?;
        let file =
            File::options().create(true).append(true).open(self.folder.join(format!("{tenant}.lock")))?;
        file.lock()?;
        Ok(file)
    }
}

/// What a tenant's journal says of its roster.
struct View {
    revisions: Vec<RosterRevision>,
    /// What is asked for and can be done now, in the order of the journal.
    tasks: Vec<Task>,
    is_pilot: bool,
}

#[derive(Debug, Clone)]
enum Task {
    Import(Import),
    RollBack(Import),
    /// It was taken back before it was carried out.
    Withdraw(Import),
}

impl Task {
    fn import(&self) -> &Import {
        match self {
            Self::Import(import) | Self::RollBack(import) | Self::Withdraw(import) => import,
        }
    }
}

impl View {
    fn read(tx: &mut dyn TenantTx, pilot_rows: u64) -> Result<Self> {
        let cells = tx.cells_under(import::CELLS)?;
        let imports = import::imports(&cells);
        if !imports.iter().any(|import| import.is_open() || import.is_rollback_open()) {
            return Ok(Self { revisions: import::revisions(&imports), tasks: Vec::new(), is_pilot: false });
        }
        let is_pilot = import::is_pilot(&tx.cells_under(import::PROJECTS)?);
        let mut tasks = Vec::new();
        for import in &imports {
            if import.is_rollback_open() || import.is_withdrawal_open() {
                let asked =
                    cells.get(&import::key(&import.id, field::ROLLBACK)).and_then(|cell| cell.winner());
                let place = asked.map_or(Ok(u64::MAX), |(op, _)| place(tx, op))?;
                let task = if import.is_open() { Task::Withdraw } else { Task::RollBack };
                tasks.push((place, task(import.clone())));
            } else if import.is_open() {
                let too_many = is_pilot && import.request.rows() > pilot_rows;
                if too_many || is_whole(tx, &import.request)? {
                    tasks.push((place(tx, &import.id)?, Task::Import(import.clone())));
                }
            }
        }
        tasks.sort_by_key(|(place, _)| *place);
        let tasks = tasks.into_iter().map(|(_, task)| task).collect();
        Ok(Self { revisions: import::revisions(&imports), tasks, is_pilot })
    }

    fn next(&self) -> u64 {
        self.revisions.last().map_or(0, |last| last.number) + 1
    }
}

/// Where an op stands in the journal.
fn place(tx: &mut dyn TenantTx, op: &OpId) -> Result<u64> {
    let receipt = tx.receipts(&op.device, op.device_seq, 1)?.pop();
    Ok(match receipt.map(|row| row.receipt.outcome) {
        Some(Outcome::Accepted { seq }) => seq,
        _ => u64::MAX,
    })
}

fn is_whole(tx: &mut dyn TenantTx, request: &ImportRequest) -> Result<bool> {
    let blob = tx.blob(&request.blob)?;
    Ok(blob.is_some_and(|blob| blob.received == blob.total && blob.total > 0))
}

/// The pilot's limit as an answer, where `rows` are more than it allows.
///
/// # Errors
/// `pilot_limit`.
pub(crate) fn within_pilot(tx: &mut dyn TenantTx, rows: u64, limit: u64) -> Result<()> {
    if rows > limit && import::is_pilot(&tx.cells_under(import::PROJECTS)?) {
        let refused = too_many(rows, limit);
        return Err(Error::detailed(&refused.code, refused.message, json!({ "rows": rows, "limit": limit })));
    }
    Ok(())
}

fn too_many(rows: u64, limit: u64) -> ImportRefused {
    ImportRefused {
        code: "pilot_limit".to_owned(),
        message: format!(
            "While a tenant is in its pilot an import may have {limit} records at most; this one has {rows}. Import the pilot's schools alone, or change the rollout mode first."
        ),
    }
}

/// Whether a file is the records of an import, which are for the team.
pub(crate) fn is_import(tx: &mut dyn TenantTx, sha256: &str) -> Result<bool> {
    let cells = tx.cells_under(import::CELLS)?;
    Ok(import::imports(&cells).iter().any(|import| import.request.blob == sha256))
}

/// Does all that a tenant's journal asks for and that can be done now. What waits for its file waits on.
///
/// # Errors
/// Faults, which leave what was asked for as it was: to be done at the next call.
pub fn settle(
    service: &Service,
    rosters: &Rosters,
    tenant: &TenantId,
    ask: &mut Ask<'_>,
) -> Result<Vec<Done>> {
    let work = Work { service, rosters, tenant };
    let is_idle = || Ok::<bool, Error>(work.view()?.tasks.is_empty() && !work.mark().exists());
    if tenant.is_org() || is_idle()? {
        return Ok(Vec::new());
    }
    let _alone = rosters.lock(tenant)?;
    work.tell_what_broke_off()?;
    let mut done = Vec::new();
    loop {
        let view = work.view()?;
        let Some(task) = view.tasks.first().cloned() else { return Ok(done) };
        let mark = Mark::set(work.mark(), task.import())?;
        let carried_out = work.carry_out(&view, &task, ask);
        service.staging.end(tenant);
        mark.clear()?;
        match carried_out {
            Ok(one) => {
                tracing::info!(%tenant, import = %task.import().id, done = ?one, "import carried out");
                done.push(one);
            }
            // Another replica was quicker, or it was taken back: what happened shows at the next look.
            Err(Stop::Superseded) => {
                tracing::info!(%tenant, import = %task.import().id, "staged rows dropped: answered or taken back meanwhile");
            }
            Err(Stop::Refused(refused)) => done.push(work.refuse(task.import(), refused, ask)?),
            Err(Stop::Fault(error)) => return Err(error),
        }
    }
}

/// Reads the whole copy of a tenant's roster as it lies there, and holds it against the journal. Answers
/// its revision, 0 where there is none, and the journal's last: a copy catches up when it is needed.
///
/// # Errors
/// `roster_differs` where it is none of the journal's revisions; the `roster_...` codes where it cannot
/// be read.
pub fn verify(service: &Service, rosters: &Rosters, tenant: &TenantId) -> Result<(u64, u64)> {
    let work = Work { service, rosters, tenant };
    let _alone = rosters.lock(tenant)?;
    let revisions = work.view()?.revisions;
    let newest = revisions.last().map_or(0, |last| last.number);
    let file = rosters.file(tenant);
    if !file.exists() {
        return Ok((0, newest));
    }
    let roster = Roster::cached(&file, tenant, &work.key())?;
    roster.verify()?;
    let Some(last) = roster.latest()? else { return Ok((0, newest)) };
    let number = last.number;
    match revisions.iter().find(|one| one.number == number) {
        Some(known) if is_revision(&last, known) => Ok((number, newest)),
        _ => Err(differs(number)),
    }
}

/// The roster of a tenant as its journal has it, caught up; none where nothing was imported.
///
/// # Errors
/// Faults, such as a file of an import that is not here yet.
pub(crate) fn standing(service: &Service, rosters: &Rosters, tenant: &TenantId) -> Result<Option<Roster>> {
    let work = Work { service, rosters, tenant };
    let _alone = rosters.lock(tenant)?;
    let revisions = work.view()?.revisions;
    if revisions.is_empty() {
        return Ok(None);
    }
    match work.caught_up(&revisions) {
        Ok(roster) => Ok(Some(roster)),
        Err(Stop::Fault(error)) => Err(error),
        Err(Stop::Superseded | Stop::Refused(_)) => Err(differs(0)),
    }
}

/// [`settle`], and then what people claim is confirmed as far as the roster bears it out.
///
/// # Errors
/// As there.
pub fn attend(
    service: &Service,
    rosters: &Rosters,
    tenant: &TenantId,
    ask: &mut Ask<'_>,
) -> Result<Vec<Done>> {
    let done = settle(service, rosters, tenant, ask)?;
    if !tenant.is_org() {
        confirm::by_roster(service, rosters, tenant, ask)?;
    }
    Ok(done)
}

/// The places of journals up to which nothing is left to do.
pub type Looked = BTreeMap<TenantId, u64>;

/// Attends to every tenant whose journal moved since it was looked at; a fault of one is logged and leaves
/// the others alone.
///
/// # Errors
/// Faults of the storage.
pub fn settle_all(
    service: &Service,
    rosters: &Rosters,
    looked: &mut Looked,
    ask: &mut Ask<'_>,
) -> Result<()> {
    let tenants: Vec<TenantId> = service.read_org(org::tenants)?.into_iter().map(|(_, id)| id).collect();
    for Standing { tenant, seen, .. } in service.storage.standings(&tenants)? {
        if looked.get(&tenant) == Some(&seen.seq) {
            continue;
        }
        match attend(service, rosters, &tenant, ask) {
            Ok(_) => drop(looked.insert(tenant, seen.seq)),
            Err(error) => {
                tracing::error!(%tenant, fault = %error, "imports wait");
                looked.remove(&tenant);
            }
        }
    }
    Ok(())
}

/// Why a task ends without its answer.
enum Stop {
    /// The journal has its answer already, or another revision in its place.
    Superseded,
    /// It is refused.
    Refused(ImportRefused),
    /// A fault: it is tried again later.
    Fault(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<ImportError> for Stop {
    fn from(error: ImportError) -> Self {
        Self::Refused(ImportRefused { code: error.code().to_owned(), message: error.to_string() })
    }
}

fn refused(code: &str, message: String) -> Stop {
    Stop::Refused(ImportRefused { code: code.to_owned(), message })
}

/// Says on the disk that something is being staged, so that the next start can tell what became of it.
struct Mark(PathBuf);

impl Mark {
    fn set(path: PathBuf, import: &Import) -> Result<Self> {
        fs::write(&path, import.id.to_string())?;
        Ok(Self(path))
    }

    fn clear(self) -> Result<()> {
        Ok(fs::remove_file(self.0)?)
    }
}

struct Work<'a> {
    service: &'a Service,
    rosters: &'a Rosters,
    tenant: &'a TenantId,
}

impl Work<'_> {
    fn view(&self) -> Result<View> {
        let limit = self.service.pilot_rows;
        with(&self.service.storage, self.tenant, Mode::Read, |tx| View::read(tx, limit))
    }

    fn mark(&self) -> PathBuf {
        self.rosters.folder.join(format!("{}.staging", self.tenant))
    }

    /// A program that was killed while it staged left its mark.
    fn tell_what_broke_off(&self) -> Result<()> {
        let path = self.mark();
        let Ok(import) = fs::read_to_string(&path) else { return Ok(()) };
        let is_open = names_one(&import, self.view()?.tasks.iter().map(|task| task.import().id.to_string()));
        let tenant = self.tenant;
        if is_open {
            tracing::warn!(%tenant, import, "the service ended while it staged this import; what was staged is dropped, and it is staged again");
        } else {
            tracing::warn!(%tenant, import, "the service ended after it had answered this import; its copy of the roster catches up");
        }
        Ok(fs::remove_file(&path)?)
    }

    fn carry_out(&self, view: &View, task: &Task, ask: &mut Ask<'_>) -> std::result::Result<Done, Stop> {
        match task {
            Task::Import(import) => self.import(view, import, ask),
            Task::RollBack(import) => self.roll_back(view, import, ask),
            Task::Withdraw(_) => {
                Err(refused(import::WITHDRAWN, "It was taken back before it was imported.".to_owned()))
            }
        }
    }

    fn import(&self, view: &View, import: &Import, ask: &mut Ask<'_>) -> std::result::Result<Done, Stop> {
        let (rows, limit) = (import.request.rows(), self.service.pilot_rows);
        if view.is_pilot && rows > limit {
            return Err(Stop::Refused(too_many(rows, limit)));
        }
        let mut roster = self.caught_up(&view.revisions)?;
        let there = roster.counts()?;
        let (number, name) = (view.next(), import.id.to_string());
        let revision = Revision { number, import: &name };
        let commit = |applied: &Applied| {
            let committed = ImportCommitted {
                revision: number,
                counts: counts(&applied.counts, &there, &import.request),
                digest: applied.digest,
                rollback_until: rollback_until(ask.now),
            };
            self.within_holds(&import.request, &committed.counts)?;
            self.answer(import, number, ImportOutcome::Committed(committed), ask)
        };
        if repeats_as_agreed(view.revisions.last(), &import.request) {
            roster.repeat_if(revision, commit)?;
        } else {
            roster.apply_if(revision, |writer| self.put_and_follow(&import.request, writer), commit)?;
        }
        Ok(Done::Committed(import.id.clone(), number))
    }

    /// Puts the records of an import's file.
    fn put(&self, request: &ImportRequest, writer: &mut Writer<'_>) -> std::result::Result<(), Stop> {
        self.put_and(request, writer, |_| ())
    }

    /// [`Work::put`]; `each` hears of every record as the file has it.
    fn put_and(
        &self,
        request: &ImportRequest,
        writer: &mut Writer<'_>,
        mut each: impl FnMut(&Entry<'_>),
    ) -> std::result::Result<(), Stop> {
        let (mut file, mut staged) = (BlobFile::new(self, &request.blob), 0_u64);
        let read = read_blob(&mut file, &request.blob, &Limits::default(), |entry| {
            if staged.is_multiple_of(NOTED_EVERY) {
                self.service.staging.note(self.tenant, &request.blob, staged);
            }
            staged += 1;
            each(&entry);
            match entry {
                Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                Entry::Remove { kind, id } => writer.remove(kind, id)?,
            }
            Ok::<(), Stop>(())
        });
        // What the storage could not give is no damage of the file.
        match file.failed.take() {
            Some(fault) => Err(fault.into()),
            None => is_as_asked(request, &read?),
        }
    }

    /// [`Work::put`] of an import that nobody has judged yet: whatever it names has to be there, and
    /// nothing that stays may name what it removes, but for as much as its author has agreed to.
    fn put_and_follow(
        &self,
        request: &ImportRequest,
        writer: &mut Writer<'_>,
    ) -> std::result::Result<(), Stop> {
        let Some(mut leads) = Leads::new(&request.format) else { return self.put(request, writer) };
        self.put_and(request, writer, |entry| match entry {
            Entry::Put(record) => leads.put(record),
            Entry::Remove { kind, id } => leads.remove(kind, id),
        })?;
        let broken = leads.end(|kind, visit| {
            writer.each(kind, |one| visit(&Record { kind: one.kind, id: one.id, values: one.values }))
        })?;
        within_agreed(&broken, request.broken)
    }

    /// Much that changes has to be meant, by what is there now and not by what its author saw.
    fn within_holds(
        &self,
        request: &ImportRequest,
        counts: &BTreeMap<String, ImportCounts>,
    ) -> std::result::Result<(), Stop> {
        if request.holds_confirmed {
            return Ok(());
        }
        for (kind, counts) in counts {
            let there = counts.update + counts.unchanged + counts.remove;
            for (count, limit, what) in
                [(counts.update, UPDATE_LIMIT, "updated"), (counts.remove, REMOVE_LIMIT, "removed")]
            {
                let share = if there == 0 { 0.0 } else { count as f64 / there as f64 };
                if share > limit {
                    let message = format!(
                        "{:.0} % of {kind} would be {what}, and nobody has confirmed that. Plan the import again against the roster as it is now, and confirm it.",
                        share * 100.0
                    );
                    return Err(refused("import_held", message));
                }
            }
        }
        Ok(())
    }

    fn roll_back(&self, view: &View, import: &Import, ask: &mut Ask<'_>) -> std::result::Result<Done, Stop> {
        let Some(committed) = import.committed() else { return Err(Stop::Superseded) };
        let mut roster = self.caught_up(&view.revisions)?;
        let back = committed.revision;
        let (number, there) = (view.next(), roster.counts()?);
        let format = &import.request.format;
        let step = Step::RollBack { takes_back: back, naming: Some(format.clone()) };
        let name = RosterRevision { number, import: import.id.clone(), step, digest: Hash::ZERO }.name();
        let lists = RefCell::new(Lists::default());
        roster.roll_back_if(
            Revision { number, import: &name },
            Back { revision: back, naming: &naming(Some(format)) },
            |left| lists.borrow_mut().add(left, &view.revisions),
            |applied| {
                let lists = lists.take();
                let rolled_back = ImportRolledBack {
                    revision: number,
                    takes_back: back,
                    counts: counts(&applied.counts, &there, &import.request),
                    kept: lists.kept,
                    kept_count: lists.kept_count,
                    failed: lists.failed,
                    failed_count: lists.failed_count,
                    digest: applied.digest,
                    keeps_named: true,
                };
                let import = import.id.clone();
                self.write(
                    number,
                    Change::ImportRolledBack { import, rolled_back },
                    Import::is_rollback_open,
                    ask,
                )
            },
        )?;
        Ok(Done::RolledBack(import.id.clone(), number))
    }

    /// The tenant's roster as the journal has it.
    fn caught_up(&self, revisions: &[RosterRevision]) -> std::result::Result<Roster, Stop> {
        let file = self.rosters.file(self.tenant);
        let key = self.key();
        let mut roster = Roster::cached(&file, self.tenant, &key)?;
        match self.follow(&mut roster, revisions) {
            Err(Stop::Fault(error)) if is_another_roster(&error) => {
                tracing::warn!(tenant = %self.tenant, fault = %error, "the copy of a roster is made again");
                drop(roster);
                Roster::forget_cached(&file)?;
                let mut roster = Roster::cached(&file, self.tenant, &key)?;
                self.follow(&mut roster, revisions)?;
                Ok(roster)
            }
            other => other.map(|()| roster),
        }
    }

    fn follow(&self, roster: &mut Roster, revisions: &[RosterRevision]) -> std::result::Result<(), Stop> {
        let have = roster.latest()?;
        let number = have.as_ref().map_or(0, |last| last.number);
        let known = revisions.iter().find(|revision| revision.number == number);
        if have.is_some_and(|last| !known.is_some_and(|known| is_revision(&last, known))) {
            return Err(another_roster(number));
        }
        let mut before = known;
        for revision in revisions.iter().filter(|revision| revision.number > number) {
            let name = revision.name();
            let named = Revision { number: revision.number, import: &name };
            let applied = match &revision.step {
                Step::Import(request) if import::repeats(before, request) => {
                    roster.repeat_if(named, |_| Ok::<(), Stop>(()))?
                }
                Step::Import(request) => roster.apply(named, |writer| self.put_again(request, writer))?,
                Step::RollBack { takes_back, naming: format } => {
                    let back = Back { revision: *takes_back, naming: &naming(format.as_deref()) };
                    roster.roll_back(named, back, drop)?
                }
            };
            if applied.digest != revision.digest {
                return Err(another_roster(revision.number));
            }
            before = Some(revision);
        }
        Ok(())
    }

    /// [`Work::put`] of an import that stands: its file can only be missing, as after a restore.
    fn put_again(&self, request: &ImportRequest, writer: &mut Writer<'_>) -> std::result::Result<(), Stop> {
        let there = with(&self.service.storage, self.tenant, Mode::Read, |tx| is_whole(tx, request))?;
        if !there {
            let what = format!("the file {} of an import that stands is not here yet", request.blob);
            return Err(Error::fault(what).into());
        }
        self.put(request, writer).map_err(|stop| match stop {
            Stop::Refused(why) => {
                Error::fault(format!("an import that stands cannot be read: {}", why.code)).into()
            }
            other => other,
        })
    }

    /// The key of the tenant's copy: it follows from the service's own, so that a copy is of no use
    /// without the service's database.
    fn key(&self) -> DataKey {
        let secret = self.service.identity.pinned.to_bytes();
        DataKey::new(Hash::of("cairn service roster 1", &[&secret, self.tenant.as_str().as_bytes()]).0)
    }

    fn refuse(&self, import: &Import, why: ImportRefused, ask: &mut Ask<'_>) -> Result<Done> {
        let code = why.code.clone();
        tracing::info!(tenant = %self.tenant, import = %import.id, code, "import refused");
        let done = Done::Refused(import.id.clone(), code);
        let number = self.view()?.next();
        match self.answer(import, number, ImportOutcome::Refused(why), ask) {
            Ok(()) | Err(Stop::Superseded) => Ok(done),
            Err(Stop::Refused(why)) => Err(Error::fault(format!("a refusal was refused: {}", why.code))),
            Err(Stop::Fault(error)) => Err(error),
        }
    }

    fn answer(
        &self,
        import: &Import,
        number: u64,
        outcome: ImportOutcome,
        ask: &mut Ask<'_>,
    ) -> std::result::Result<(), Stop> {
        let import = import.id.clone();
        match outcome {
            // Taken back while it was staged: what is staged is dropped, and the next look refuses it.
            ImportOutcome::Committed(committed) => {
                let waits = |import: &Import| import.is_open() && !import.is_withdrawal_open();
                self.write(number, Change::ImportCommitted { import, committed }, waits, ask)
            }
            ImportOutcome::Refused(refused) => {
                self.write(number, Change::ImportRefused { import, refused }, Import::is_open, ask)
            }
        }
    }

    /// The one short transaction: looks under the journal's lock whether the import still waits for its
    /// answer, and revision `number` for its import, and writes the answer.
    fn write(
        &self,
        number: u64,
        change: Change,
        waits: impl Fn(&Import) -> bool,
        ask: &mut Ask<'_>,
    ) -> std::result::Result<(), Stop> {
        let roles = BTreeMap::new();
        let desk = self.service.desk(ask.now, &roles);
        let pen = self.service.identity.pen(ask.now);
        let written = self.service.write_journal(self.tenant, |journal| {
            let is_next = stands(journal, number, &change, &waits)?;
            if is_next {
                journal.write(&desk, &pen, change.clone(), ask.random)?;
            }
            Ok(is_next)
        })?;
        if written { Ok(()) } else { Err(Stop::Superseded) }
    }
}

fn stands(
    journal: &mut Journal<'_>,
    number: u64,
    change: &Change,
    waits: &impl Fn(&Import) -> bool,
) -> Result<bool> {
    let imports = import::imports(&journal.tx().cells_under(import::CELLS)?);
    let last = import::revisions(&imports).last().map_or(0, |last| last.number);
    let of = match change {
        Change::ImportCommitted { import, .. }
        | Change::ImportRefused { import, .. }
        | Change::ImportRolledBack { import, .. } => import,
        _ => return Ok(false),
    };
    Ok(last + 1 == number && imports.iter().any(|import| import.id == *of && waits(import)))
}

/// Whether a copy's revision is this one of the journal.
fn is_revision(of: &Applied, known: &RosterRevision) -> bool {
    known.digest == of.digest && known.name() == of.import
}

/// A copy that is not the roster of the journal.
fn differs(number: u64) -> Error {
    Error::api("roster_differs", format!("revision {number} of the copy is another one"))
}

fn another_roster(number: u64) -> Stop {
    Stop::Fault(differs(number))
}

fn is_another_roster(error: &Error) -> bool {
    matches!(error, Error::Api(error) if error.code == "roster_differs" || error.code == RosterTrouble::Forked(0).code())
}

/// What the file holds has to be what the journal says of it.
fn is_as_asked(request: &ImportRequest, contents: &Contents) -> std::result::Result<(), Stop> {
    let held: BTreeMap<String, ImportRecords> = contents
        .types
        .iter()
        .map(|(kind, held)| (kind.clone(), ImportRecords { put: held.put, remove: held.remove }))
        .collect();
    if held == request.records && contents.head.schema == request.format {
        return Ok(());
    }
    let message = "The file of this import holds something else than was asked for. Run the import again.";
    Err(refused("import_differs", message.to_owned()))
}

/// Whether an import puts what the last one did, and its author agreed to what leads nowhere in that.
fn repeats_as_agreed(last: Option<&RosterRevision>, request: &ImportRequest) -> bool {
    let before = last.and_then(|last| match &last.step {
        Step::Import(request) => Some(request.broken),
        Step::RollBack { .. } => None,
    });
    import::repeats(last, request) && before.is_some_and(|before| before <= request.broken)
}

/// References that lead nowhere have to be agreed to.
fn within_agreed(broken: &ByColumn, agreed: u64) -> std::result::Result<(), Stop> {
    if broken.values().sum::<u64>() <= agreed {
        return Ok(());
    }
    let of = broken.iter().map(|((kind, column), count)| format!("{count} of {column} in {kind}"));
    let message = format!(
        "Some of its references would lead to records that are not there: {}. The roster may have changed since it was planned. Plan the import again, and confirm it if that is meant.",
        of.collect::<Vec<_>>().join(", ")
    );
    Err(refused("import_references", message))
}

/// What was done, by type. Records that were there and were not changed count as unchanged, whether the
/// files hold them or not.
fn counts(
    applied: &BTreeMap<String, Changes>,
    there: &BTreeMap<String, u64>,
    request: &ImportRequest,
) -> BTreeMap<String, ImportCounts> {
    let kinds = request.records.keys().chain(applied.keys());
    let count = |kind: &String| {
        let Changes { create, update, remove, .. } = applied.get(kind).copied().unwrap_or_default();
        let unchanged = there.get(kind).copied().unwrap_or(0).saturating_sub(update + remove);
        (kind.clone(), ImportCounts { create, update, unchanged, remove })
    };
    kinds.map(count).collect()
}

/// What a rollback left as it was.
#[derive(Default)]
struct Lists {
    kept: Vec<ImportLeft>,
    kept_count: u64,
    failed: Vec<ImportLeft>,
    failed_count: u64,
}

impl Lists {
    fn add(&mut self, left: Left, revisions: &[RosterRevision]) {
        let (list, count, why) = match left.why {
            Why::ChangedBy { revision } => {
                (&mut self.kept, &mut self.kept_count, changed_by(revision, revisions))
            }
            Why::NamedBy(kind) => {
                let why = format!("Records of {kind} that stay name it.");
                (&mut self.kept, &mut self.kept_count, why)
            }
            Why::NamesGone(kind) => {
                let why = format!("Before the import it named a record of {kind} that was removed since.");
                (&mut self.kept, &mut self.kept_count, why)
            }
            Why::NoImage => {
                let why = "What was there before cannot be read.".to_owned();
                (&mut self.failed, &mut self.failed_count, why)
            }
        };
        *count += 1;
        if list.len() < MOST_LEFT {
            list.push(ImportLeft { r#type: left.kind, id: left.id, why });
        }
    }
}

fn changed_by(revision: u64, revisions: &[RosterRevision]) -> String {
    match revisions.iter().find(|one| one.number == revision).map(|one| &one.step) {
        Some(Step::Import(request)) => {
            format!("Changed since by the import of {} (revision {revision}).", request.source)
        }
        Some(Step::RollBack { .. }) => format!("Changed since by a rollback (revision {revision})."),
        None => format!("Changed since (revision {revision})."),
    }
}

/// A tenant's blob, read part by part, each in a transaction of its own: what is staged for long keeps
/// nothing from being cleaned up.
struct BlobFile<'a> {
    work: &'a Work<'a>,
    sha256: &'a str,
    at: u64,
    part: std::io::Cursor<Vec<u8>>,
    failed: Option<Error>,
}

impl<'a> BlobFile<'a> {
    fn new(work: &'a Work<'a>, sha256: &'a str) -> Self {
        Self { work, sha256, at: 0, part: std::io::Cursor::default(), failed: None }
    }

    fn next(&mut self) -> Result<bool> {
        let Work { service, tenant, .. } = self.work;
        let part = with(&service.storage, tenant, Mode::Read, |tx| tx.blob_part(self.sha256, self.at))?;
        let fresh = part.filter(|(start, bytes)| *start == self.at && !bytes.is_empty());
        let Some((_, bytes)) = fresh else { return Ok(false) };
        self.at += bytes.len() as u64;
        self.part = std::io::Cursor::new(bytes);
        Ok(true)
    }
}

impl Read for BlobFile<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.part.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            match self.next() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(fault) => {
                    self.failed = Some(fault);
                    return Err(std::io::Error::other("the storage"));
                }
            }
        }
    }
}

/// Whether a mark names one of these. Of a program that was killed while it set it, it is the beginning of a
/// name, or nothing at all.
fn names_one(mark: &str, mut of: impl Iterator<Item = String>) -> bool {
    of.any(|name| name.starts_with(mark))
}

/// When an import that was committed now could last be taken back.
fn rollback_until(now: Time) -> Time {
    now + chrono::Duration::days(ROLLBACK_DAYS)
}

/// Where a service keeps its copies unless told otherwise.
pub fn folder_beside(data: &Path) -> PathBuf {
    data.join("rosters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_was_cut_off_still_names_what_is_open() {
        let open = || ["t:d:7".to_owned()].into_iter();
        assert!(names_one("t:d:7", open()) && names_one("t:", open()) && names_one("", open()));
        assert!(!names_one("t:d:6", open()) && !names_one("t:d:7", std::iter::empty()));
    }
}
