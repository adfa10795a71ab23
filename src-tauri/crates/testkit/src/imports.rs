//! What people do with imports, how their files cross the network, and the service's step that carries
//! them out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cairn_domain::import::{self, Import};
use cairn_domain::{Change, Hash, TenantId};
use cairn_imports::{Entry, Limits, read_blob};
use cairn_protocol::{ApiError, code};
use cairn_service::handlers::blobs::{self, Name};
use cairn_service::org::Caller;
use cairn_service::rosters::{self as carried_out, Rosters, folder_beside};
use cairn_service::service::OnChange;
use cairn_service::storage::{Mode, with};
use cairn_service::{Ask, Error, Service};
use cairn_store::roster::Roster;
use cairn_store::{Draft, Store, StoreError};
use cairn_sync::rosters::{Following, Going, Next, Sending};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};

use crate::device::copy_database;
use crate::plan::{Key, Plan, Values};
use crate::rosters::{Plans, digest_of};
use crate::wire::{Answered, Asked, Load, Packet};
use crate::world::{Failure, World};

/// How likely it is that a step of the schedule is followed by one about imports.
const SHARE: f64 = 0.2;
/// Part of the seed of the chance that imports have for themselves: the rest of the schedule does not
/// depend on it.
const STREAM: u64 = 0x696d_706f_7274_7321;

/// What can happen with imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Somebody asks for an import.
    Request,
    /// Somebody takes one back.
    TakeBack,
    /// The service carries out what a tenant's journal asks for.
    Settle,
    /// The same, and the power goes in the middle of it.
    CutSettle,
    /// A laptop gets further with its synchronisation than others do.
    Carry,
    /// Somebody reads a roster.
    Read,
    /// Somebody asks for a file that may not be theirs.
    Pry,
}

const ACTS: [(Act, u32); 7] = [
    (Act::Request, 12),
    (Act::TakeBack, 9),
    (Act::Settle, 16),
    (Act::CutSettle, 4),
    (Act::Carry, 24),
    (Act::Read, 4),
    (Act::Pry, 1),
];

/// A revision of a roster as it once stood: whose, its number, name and digest.
type Stood = (TenantId, u64, String, Hash);

/// What a run knows of its imports.
pub(crate) struct Imports {
    random: StdRng,
    /// Every plan that somebody asked for.
    pub plans: Plans,
    /// Every revision that the service ever committed, those that a restore took back too.
    stood: BTreeSet<Stood>,
    /// Whether the service came back from a backup: rosters may have to be loaded again then.
    pub went_back: bool,
    power: Arc<Power>,
}

impl Imports {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed ^ STREAM),
            plans: Plans::new(),
            stood: BTreeSet::new(),
            went_back: false,
            power: Arc::default(),
        }
    }

    /// Tells the power where commits of the service end.
    pub fn hook(&self) -> OnChange {
        let power = Arc::clone(&self.power);
        Box::new(move |_, _| power.goes(Moment::Committed))
    }
}

/// Where the power goes while the service carries out an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The roster is staged, and the journal's transaction is not committed.
    Staged,
    /// The journal has the answer, and the roster's copy is not committed.
    Committed,
}

/// A power cut that is to come: the files as they are at that moment are kept.
#[derive(Default)]
struct Power(Mutex<Option<Cut>>);

struct Cut {
    at: Moment,
    database: PathBuf,
    to: PathBuf,
    done: Option<Result<(), Failure>>,
}

impl Power {
    fn arm(&self, at: Moment, database: PathBuf, to: PathBuf) {
        *self.cut() = Some(Cut { at, database, to, done: None });
    }

    fn goes(&self, at: Moment) {
        if let Some(cut) = self.cut().as_mut().filter(|cut| cut.at == at && cut.done.is_none()) {
            cut.done = Some(copy_database(&cut.database, &cut.to, "service.db"));
        }
    }

    /// Whether it went.
    fn disarm(&self) -> Result<bool, Failure> {
        self.cut().take().and_then(|cut| cut.done).map_or(Ok(false), |done| done.map(|()| true))
    }

    fn cut(&self) -> std::sync::MutexGuard<'_, Option<Cut>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service's randomness: it is asked for while an answer is written, before that is committed.
struct Drawn<'r> {
    random: &'r mut StdRng,
    power: &'r Power,
}

impl RngCore for Drawn<'_> {
    fn next_u32(&mut self) -> u32 {
        self.power.goes(Moment::Staged);
        self.random.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.power.goes(Moment::Staged);
        self.random.next_u64()
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        self.power.goes(Moment::Staged);
        self.random.fill_bytes(to);
    }
}

/// The files and rosters of a laptop's synchronisation, after its ops.
pub enum Files {
    /// Files go out.
    Sending(Sending),
    /// Rosters follow their journals.
    Following(Box<Following>),
}

/// Where a step of a roster's way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Well,
    /// The power goes while its records are put.
    Within(u64),
    /// The power goes when the roster has it and the laptop has not noted that.
    After,
}

impl World<'_> {
    /// The chance that imports have for themselves; without imports that of the schedule.
    fn luck(&mut self) -> &mut StdRng {
        match &mut self.imports {
            Some(imports) => &mut imports.random,
            None => &mut self.random,
        }
    }

    /// What happens with imports between two steps of the schedule, in runs that have some.
    pub(crate) fn import_step(&mut self) -> Result<(), Failure> {
        if self.imports.is_none() || !self.luck().random_bool(SHARE) {
            return Ok(());
        }
        let act = ACTS.choose_weighted(self.luck(), |(_, weight)| *weight).map_or(Act::Settle, |one| one.0);
        let devices = self.devices.len();
        let at = self.luck().random_range(0..devices);
        let tenant = self.base.tenants[usize::from(self.luck().random_bool(0.15))].clone();
        self.trace(&(act, at));
        match act {
            Act::Request => self.ask_for_import(at, &tenant),
            Act::TakeBack => self.take_import_back(at, &tenant),
            Act::Settle => self.settle_imports(&tenant),
            Act::CutSettle => self.cut_settle(&tenant),
            Act::Carry => self.carry(at),
            Act::Read => self.read_roster(at, &tenant),
            Act::Pry => self.pry(at, &tenant),
        }
    }

    fn ask_for_import(&mut self, at: usize, tenant: &TenantId) -> Result<(), Failure> {
        let again = self.luck().random_bool(0.1);
        let known: Vec<Plan> = match &self.imports {
            Some(imports) if again => imports.plans.values().cloned().collect(),
            _ => Vec::new(),
        };
        let plan = match known.choose(self.luck()) {
            Some(plan) => plan.clone(),
            None => Plan::draw(self.luck())?,
        };
        self.request_import(at, tenant, plan)
    }

    /// Asks for an import on a laptop: its op and its file.
    pub(crate) fn request_import(&mut self, at: usize, tenant: &TenantId, plan: Plan) -> Result<(), Failure> {
        let now = self.device_now(at);
        let store = &mut self.devices[at].store;
        let written = store.request_import(tenant, plan.request.clone(), &plan.file, now);
        if let Some(imports) = &mut self.imports {
            imports.plans.insert(plan.request.blob.clone(), plan);
        }
        self.note(at, "import", written)
    }

    fn take_import_back(&mut self, at: usize, tenant: &TenantId) -> Result<(), Failure> {
        let imports = match self.devices[at].store.imports(tenant) {
            Ok(imports) => imports,
            Err(StoreError::UnknownTenant(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // What is refused here is asked for at times too.
        let any = self.luck().random_bool(0.1);
        let wanted: Vec<Import> = imports.into_iter().filter(|one| any || !one.rollback_asked).collect();
        let Some(import) = wanted.choose(self.luck()).map(|one| one.id.clone()) else { return Ok(()) };
        self.save(at, tenant, Draft::new(Change::ImportRollbackRequested { import }))
    }

    /// The service carries out what it can of a tenant's imports.
    pub(crate) fn settle_imports(&mut self, tenant: &TenantId) -> Result<(), Failure> {
        let Some(imports) = &self.imports else { return Ok(()) };
        let rosters = Rosters::new(folder_beside(&self.service_dir()));
        let now = self.service_now();
        let mut random = Drawn { random: &mut self.service_random, power: &imports.power };
        let done = carried_out::settle(&self.service, &rosters, tenant, &mut Ask::new(now, &mut random))?;
        if !done.is_empty() {
            self.trace(&("settled", tenant, done));
            self.note_revisions(tenant)?;
        }
        Ok(())
    }

    fn note_revisions(&mut self, tenant: &TenantId) -> Result<(), Failure> {
        let all = self.imports_at_service(tenant)?;
        let Some(imports) = &mut self.imports else { return Ok(()) };
        for one in import::revisions(&all) {
            imports.stood.insert((tenant.clone(), one.number, one.name(), one.digest));
        }
        Ok(())
    }

    /// A restored service knows nothing of later imports; its copies of rosters may still lie there.
    pub(crate) fn restore_imports(&mut self, before: &Path, now: &Path) -> Result<(), Failure> {
        let Some(imports) = &mut self.imports else { return Ok(()) };
        imports.went_back = true;
        if imports.random.random_bool(0.5) {
            crate::device::copy_folder(&folder_beside(before), &folder_beside(now))?;
        }
        Ok(())
    }

    /// The imports of a tenant as the service has them.
    pub(crate) fn imports_at_service(&self, tenant: &TenantId) -> Result<Vec<Import>, Failure> {
        let cells = with(&self.service.storage, tenant, Mode::Read, |tx| tx.cells_under(import::CELLS))?;
        Ok(import::imports(&cells))
    }

    fn cut_settle(&mut self, tenant: &TenantId) -> Result<(), Failure> {
        let at = if self.luck().random_bool(0.5) { Moment::Staged } else { Moment::Committed };
        let (from, to) = (self.service_dir().join("service.db"), self.next_service_dir());
        let Some(imports) = &self.imports else { return Ok(()) };
        imports.power.arm(at, from, to);
        self.settle_imports(tenant)?;
        let went = self.imports.as_ref().map_or(Ok(false), |imports| imports.power.disarm())?;
        if went {
            self.trace(&("the power went", at));
            self.service_life += 1;
            self.open_service()?;
        }
        Ok(())
    }

    /// A laptop's synchronisation goes on for some messages, none of which are lost.
    fn carry(&mut self, at: usize) -> Result<(), Failure> {
        for _ in 0..self.luck().random_range(1..12) {
            self.step_sync(at)?;
            let Some(place) = self.packets.iter().position(|packet| packet.device == at) else {
                return Ok(());
            };
            let packet = self.packets.remove(place);
            self.deliver(packet)?;
        }
        Ok(())
    }

    fn read_roster(&mut self, at: usize, tenant: &TenantId) -> Result<(), Failure> {
        match self.devices[at].store.roster(tenant) {
            Ok(Some(roster)) => self.stood_once(&roster),
            Ok(None) | Err(StoreError::UnknownTenant(_)) => Ok(()),
            Err(error) => Err(Failure::of(&format!("device {at} reads the roster of {tenant}"), &error)),
        }
    }

    /// What a reader sees is a revision that the service once committed, or nothing at all.
    fn stood_once(&self, roster: &Roster) -> Result<(), Failure> {
        stood_once(roster, self.imports.as_ref().map_or(&BTreeSet::new(), |imports| &imports.stood))
    }

    /// A client reader learns nothing of an import's file, a stranger nothing at all.
    fn pry(&mut self, at: usize, tenant: &TenantId) -> Result<(), Failure> {
        let Some(device) = self.devices[at].store.identity().map(|one| one.device.clone()) else {
            return Ok(());
        };
        let Ok(caller) = self.service.caller(&device) else { return Ok(()) };
        let may =
            caller.active && caller.may(cairn_domain::access::Action::ReadTeam, tenant, &self.service.table);
        for import in self.imports_at_service(tenant)? {
            let name = Name { tenant, sha256: &import.request.blob };
            match blobs::get(&self.service, &caller, name, 0, 1) {
                Ok(_) if may => {}
                Err(Error::Api(error)) if error.code == code::NOT_FOUND => {}
                other => {
                    let other = other.map(|(state, _)| state).map_err(|error| error.to_string());
                    return Err(Failure::new(format!("device {at} asks for a file and gets {other:?}")));
                }
            }
        }
        Ok(())
    }

    /// After its ops a laptop sends its files and follows its journals.
    pub(crate) fn begin_files(&mut self, at: usize) -> Result<(), Failure> {
        if self.imports.is_none() {
            return Ok(());
        }
        self.devices[at].files = Some(Files::Sending(Sending::new()));
        self.step_files(at)
    }

    /// Goes on to the next message, or to the end.
    pub(crate) fn step_files(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.device_now(at);
        let most = self.luck().random_range(40..600);
        while let Some(mut files) = self.devices[at].files.take() {
            let store = &mut self.devices[at].store;
            let asked = match &mut files {
                Files::Sending(sending) => match sending.next(store, most)? {
                    Some(part) => Asked::Put(part),
                    None => {
                        self.devices[at].files = Some(Files::Following(Box::default()));
                        continue;
                    }
                },
                Files::Following(following) => {
                    match following.next(store, now).map_err(|e| Failure::of("following", &e))? {
                        Next::Get { tenant, sha256, start } => Asked::Get { tenant, sha256, start, most },
                        Next::Go(going) => {
                            self.go(at, files, *going)?;
                            continue;
                        }
                        Next::Done => return Ok(()),
                    }
                }
            };
            self.devices[at].files = Some(files);
            return self.ask_for(at, asked);
        }
        Ok(())
    }

    fn ask_for(&mut self, at: usize, asked: Asked) -> Result<(), Failure> {
        self.requests += 1;
        let number = self.requests;
        let device = &mut self.devices[at];
        let identity = device.store.identity().ok_or_else(|| Failure::new("not enrolled"))?;
        let id = identity.device.clone();
        device.waiting = Some(number);
        self.packets.push(Packet { device: at, number, load: Load::Ask(id, asked) });
        Ok(())
    }

    /// One step of a roster; others read meanwhile, and the power may go.
    fn go(&mut self, at: usize, mut files: Files, mut going: Going) -> Result<(), Failure> {
        let ends = match self.luck().random_range(0..40) {
            0 => Ends::Within(self.luck().random_range(0..8)),
            1 => Ends::After,
            _ => Ends::Well,
        };
        let peeks = self.luck().random_bool(0.2);
        let now = self.device_now(at);
        let (tenant, cut) = (going.tenant().clone(), self.devices[at].cut_place());
        let file = match going.blob() {
            Some(name) => whole(&self.devices[at].store, &tenant, name)?,
            None => Vec::new(),
        };
        let name = going.blob().unwrap_or_default().to_owned();
        let stood = self.imports.as_ref().map_or_else(BTreeSet::new, |imports| imports.stood.clone());
        let store = &self.devices[at].store;
        let (mut put, mut broken) = (0, None);
        let naming = cairn_imports::naming(going.naming());
        let applied = going.go(&naming, |writer| {
            read_blob(Cursor::new(file), &name, &Limits::default(), |entry| {
                match entry {
                    Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                    Entry::Remove { kind, id } => writer.remove(kind, id)?,
                }
                put += 1;
                if peeks && put == 2 {
                    broken = peek(store, &tenant, &stood).err();
                }
                if ends == Ends::Within(put) {
                    broken = copy_database(store.path(), &cut, "cairn.db").err();
                }
                Ok::<(), ApiError>(())
            })
            .map(drop)
        });
        if let Some(broken) = broken {
            return Err(broken);
        }
        self.trace(&("went", at, &tenant, applied.is_ok()));
        match ends {
            Ends::Within(place) if (1..=put).contains(&place) => return self.devices[at].crash_as(&cut),
            Ends::After => return self.devices[at].crash(),
            _ => {}
        }
        if let Files::Following(following) = &mut files {
            let store = &mut self.devices[at].store;
            following.went(store, going, applied, now).map_err(|e| Failure::of("a roster", &e))?;
        }
        self.devices[at].files = Some(files);
        Ok(())
    }

    /// A laptop takes an answer about a file.
    pub(crate) fn hear_of_file(&mut self, at: usize, answer: Answered) -> Result<(), Failure> {
        let now = self.device_now(at);
        let device = &mut self.devices[at];
        let Some(files) = &mut device.files else { return Ok(()) };
        let heard = match (files, answer) {
            (Files::Sending(sending), Answered::Put(received)) => {
                sending.answered(received);
                Ok(())
            }
            (Files::Following(following), Answered::Got { bytes, total }) => {
                following.got(&mut device.store, &bytes, total, now)
            }
            (_, Answered::Error(error)) if is_of_the_device(&error) => return self.turned_down(at, &error),
            (Files::Sending(sending), Answered::Error(error)) => {
                sending.turned_down(&mut device.store, &error, now).map_err(ApiError::from)
            }
            (Files::Following(following), Answered::Error(error)) => {
                following.turned_down(&mut device.store, error, now)
            }
            _ => return Err(Failure::new(format!("device {at} heard what it had not asked for"))),
        };
        heard.map_err(|error| Failure::of("a file", &error))
    }

    /// Whether all bytes of a file are at the service, or on a laptop that can bring them there.
    pub(crate) fn file_is_somewhere(&self, tenant: &TenantId, sha256: &str) -> Result<bool, Failure> {
        let row = with(&self.service.storage, tenant, Mode::Read, |tx| tx.blob(sha256))?;
        if row.is_some_and(|row| row.received == row.total) {
            return Ok(true);
        }
        for device in &self.devices {
            if device.store.blob(tenant, sha256)?.is_some_and(|here| here.is_whole()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The manager takes back what can never be carried out, because no laptop has its file any more.
    pub(crate) fn take_lost_imports_back(&mut self) -> Result<bool, Failure> {
        let mut any = false;
        if self.imports.is_none() {
            return Ok(false);
        }
        for tenant in self.base.tenants.clone() {
            for import in self.devices[crate::base::MANAGER].store.imports(&tenant)? {
                if import.is_open()
                    && !import.rollback_asked
                    && !self.file_is_somewhere(&tenant, &import.request.blob)?
                {
                    let change = Change::ImportRollbackRequested { import: import.id };
                    self.save(crate::base::MANAGER, &tenant, Draft::new(change))?;
                    any = true;
                }
            }
        }
        Ok(any)
    }

    /// What waits for the service or for a laptop's roster, in words.
    pub(crate) fn unsettled_imports(&self, tenant: &TenantId) -> Result<Option<String>, Failure> {
        if self.imports.is_none() {
            return Ok(None);
        }
        for import in self.imports_at_service(tenant)? {
            if import.is_open() || import.is_rollback_open() {
                let here = self.file_is_somewhere(tenant, &import.request.blob)?;
                return Ok(Some(format!("{} waits for its answer; its file is there: {here}", import.id)));
            }
        }
        for device in &self.devices {
            if device.store.rosters_behind()?.contains(tenant) {
                let log = device.store.sync_log(3)?;
                return Ok(Some(format!("device {} is behind with its roster: {log:?}", device.index)));
            }
        }
        Ok(None)
    }

    /// A laptop holds the roster that `records` are, in its file and in what it noted.
    pub(crate) fn check_roster(
        &self,
        at: usize,
        tenant: &TenantId,
        (number, records): (u64, &BTreeMap<Key, Values>),
    ) -> Result<(), Failure> {
        let store = &self.devices[at].store;
        if self.reads_client_only(at) {
            return if roster_file(store, tenant).exists() {
                Err(Failure::new("a client reader has a roster"))
            } else {
                Ok(())
            };
        }
        let roster = store.roster(tenant)?;
        let latest = match &roster {
            Some(roster) => {
                roster.verify()?;
                roster.latest()?.map_or(0, |last| last.number)
            }
            None => 0,
        };
        let here = roster.as_ref().map_or(Ok(BTreeMap::new()), read)?;
        if here != *records {
            return Err(Failure::new(format!("its roster holds {here:?}, not {records:?}")));
        }
        if latest != number {
            return Err(Failure::new(format!("its roster is at revision {latest}, not {number}")));
        }
        let noted = store.roster_state(tenant)?;
        if noted.is_some_and(|noted| (noted.revision, noted.digest) != (number, digest_of(records))) {
            return Err(Failure::new(format!("it noted {noted:?} of its roster")));
        }
        Ok(())
    }

    /// Nothing was wrong with a roster on the way, and none was loaded again without a reason.
    pub(crate) fn check_roster_log(&self, at: usize) -> Result<(), Failure> {
        let Some(imports) = &self.imports else { return Ok(()) };
        for line in self.devices[at].store.sync_log(1_000)? {
            let again = line.code == "roster_loaded_again"
                && !(imports.went_back && line.details["why"] == "roster_differs");
            if again || (line.code != "roster_loaded_again" && line.code.starts_with("roster_")) {
                return Err(Failure::new(format!("trouble with a roster: {} {}", line.code, line.details)));
            }
        }
        Ok(())
    }
}

/// The service takes or gives a part of a file.
pub(crate) fn answer_about_file(
    service: &Service,
    caller: &Caller,
    asked: &Asked,
) -> Result<Answered, Error> {
    match asked {
        Asked::Put(part) => {
            let name = Name { tenant: &part.tenant, sha256: &part.sha256 };
            let place = (part.start, part.total);
            blobs::put_import(service, caller, name, place, part.rows, &part.bytes)
                .map(|state| Answered::Put(state.received))
        }
        Asked::Get { tenant, sha256, start, most } => {
            let name = Name { tenant, sha256 };
            blobs::get(service, caller, name, *start, *most)
                .map(|(state, bytes)| Answered::Got { bytes, total: state.total })
        }
        Asked::Sync(_) | Asked::Heads(..) => Err(Error::fault("this is about no file")),
    }
}

/// Where a tenant's roster lies on a laptop.
pub(crate) fn roster_file(store: &Store, tenant: &TenantId) -> PathBuf {
    store.path().with_file_name("tenants").join(format!("{tenant}.db"))
}

/// Whether the service does not know or want the device itself.
fn is_of_the_device(error: &ApiError) -> bool {
    matches!(error.code.as_str(), code::DEVICE_FORKED | code::DEVICE_RETIRED | code::UNKNOWN_DEVICE)
}

fn whole(store: &Store, tenant: &TenantId, sha256: &str) -> Result<Vec<u8>, Failure> {
    let mut file = Vec::new();
    loop {
        let bytes = store.blob_bytes(tenant, sha256, file.len() as u64, 1 << 20)?;
        if bytes.is_empty() {
            return Ok(file);
        }
        file.extend(bytes);
    }
}

/// Reads a roster beside whoever writes it.
fn peek(store: &Store, tenant: &TenantId, stood: &BTreeSet<Stood>) -> Result<(), Failure> {
    store.roster(tenant)?.map_or(Ok(()), |roster| stood_once(&roster, stood))
}

fn stood_once(roster: &Roster, stood: &BTreeSet<Stood>) -> Result<(), Failure> {
    let digest = digest_of(&read(roster)?);
    let known = match roster.latest()? {
        None => digest == digest_of(&BTreeMap::new()),
        Some(last) => {
            let one = (roster.tenant().clone(), last.number, last.import, last.digest);
            last.digest == digest && stood.contains(&one)
        }
    };
    if known { Ok(()) } else { Err(Failure::new("a reader sees a roster that never stood")) }
}

fn read(roster: &Roster) -> Result<BTreeMap<Key, Values>, Failure> {
    let mut records = BTreeMap::new();
    roster.each(|record| {
        let values = record.values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        records.insert((record.kind.to_owned(), record.id.to_owned()), values.collect());
        Ok::<(), StoreError>(())
    })?;
    Ok(records)
}
