//! One run: who is there, what time it is, and what the seed decides.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::op::sign_message;
use cairn_domain::{Hash, OpId, TenantId, Time, checked};
use cairn_protocol::auth::{SignInRequest, enrolment_message};
use cairn_protocol::code;
use cairn_service::handlers::sign_in;
use cairn_service::service::public_hex;
use cairn_service::storage::Storage;
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::{Ask, Error, Service};
use cairn_store::{Identity, StoreError};
use chrono::Duration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::acts::Weights;
use crate::base::{Base, PASSWORD, PEOPLE, START};
use crate::device::{Device, copy_database};
use crate::imports::Imports;
use crate::wire::Packet;

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// In these words.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// An error that nothing here may cause.
    pub fn of(doing: &str, error: &dyn std::error::Error) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

macro_rules! failures {
    ($($type:ty: $doing:literal),+ $(,)?) => {
        $(impl From<$type> for Failure {
            fn from(error: $type) -> Self {
                Self::of($doing, &error)
            }
        })+
    };
}

failures!(std::io::Error: "files", StoreError: "store", Error: "service", serde_json::Error: "json");

/// What a run was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Changes that laptops said are saved.
    pub ops: u64,
    /// Steps of the schedule.
    pub steps: u64,
    /// Over the schedule and the logical state it ended in.
    pub hash: Hash,
}

/// How many changes a run writes.
pub const OPS: u64 = 200;
/// More steps than any run needs for that many.
const MAX_STEPS: u64 = 6_000;

/// A backup of the service and where each journal stood in it.
pub(crate) struct Backup {
    pub file: PathBuf,
    pub seqs: BTreeMap<TenantId, u64>,
}

/// How much happens between two changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Two steps in three are changes: as many faults a second as the machine can take.
    #[default]
    Brisk,
    /// Every other one. Seeds that were found at this pace keep it.
    Steady,
    /// One in three: more messages between them.
    Slow,
}

impl Pace {
    /// All, with their names in lists of seeds and on the command line.
    pub const ALL: [(Self, &str); 3] =
        [(Self::Brisk, "brisk"), (Self::Steady, "steady"), (Self::Slow, "slow")];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(pace, _)| *pace == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Pace {
    type Err = BadSeed;

    fn from_str(text: &str) -> Result<Self, BadSeed> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(pace, _)| *pace).ok_or_else(|| BadSeed(text.to_owned()))
    }
}

/// A line that names no seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a seed: a number, a pace where it is not brisk (steady, slow), and 'imports' where it has some"
)]
pub struct BadSeed(String);

/// What a run is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// All chance comes from it.
    pub number: u64,
    /// How much happens between two changes.
    pub pace: Pace,
    /// Whether people import rosters too. Without, the schedule is the one it would be if there were none.
    pub imports: bool,
}

/// One run of so many has imports.
pub const IMPORTS_EVERY: u64 = 3;
/// How a list of seeds and the command line name those.
const WITH_IMPORTS: &str = "imports";

impl Seed {
    /// The seed of this number at this pace; one of every so many has imports, none where that is 0.
    pub fn drawn(number: u64, pace: Pace, every: u64) -> Self {
        Self { number, pace, imports: every > 0 && number % every == every - 1 }
    }
}

impl From<u64> for Seed {
    fn from(number: u64) -> Self {
        Self::drawn(number, Pace::default(), IMPORTS_EVERY)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        if self.pace != Pace::default() {
            write!(f, " {}", self.pace.name())?;
        }
        if self.imports { write!(f, " {WITH_IMPORTS}") } else { Ok(()) }
    }
}

/// As in the list of seeds: `194`, `194 slow`, or `194 slow imports`.
impl FromStr for Seed {
    type Err = BadSeed;

    fn from_str(text: &str) -> Result<Self, BadSeed> {
        let bad = || BadSeed(text.to_owned());
        let mut words = text.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
        let mut seed = Self { number, pace: Pace::default(), imports: false };
        for word in words {
            match word {
                WITH_IMPORTS => seed.imports = true,
                pace => seed.pace = pace.parse()?,
            }
        }
        Ok(seed)
    }
}

/// A run.
pub struct World<'b> {
    pub(crate) base: &'b Base,
    pub(crate) dir: PathBuf,
    pub(crate) random: StdRng,
    pub(crate) service_random: StdRng,
    pub(crate) service: Service,
    pub(crate) service_life: u64,
    pub(crate) service_skew: Duration,
    pub(crate) backup: Option<Backup>,
    pub(crate) devices: Vec<Device>,
    pub(crate) packets: Vec<Packet>,
    pub(crate) requests: u64,
    pub(crate) clock: Time,
    pub(crate) weights: Weights,
    pub(crate) roles: Vec<Role>,
    pub(crate) copies: u32,
    pub(crate) ops: u64,
    pub(crate) words: u64,
    pub(crate) log: Option<Vec<String>>,
    /// By hash, what laptops issued again and as what: a restored service may not know it.
    pub(crate) renamed: BTreeMap<Hash, Vec<(OpId, Hash)>>,
    /// In runs that have imports.
    pub(crate) imports: Option<Imports>,
    trace: Sha256,
    seed: Seed,
}

/// Makes one run and checks every promise at its end.
///
/// # Errors
/// The first promise that did not hold.
pub fn run(base: &Base, seed: Seed) -> Result<Report, Failure> {
    run_logged(base, seed, false).0
}

/// [`run`], and the schedule in words if asked for.
pub fn run_logged(base: &Base, seed: Seed, log: bool) -> (Result<Report, Failure>, Vec<String>) {
    checked::remembering(|| run_once(base, seed, log))
}

fn run_once(base: &Base, seed: Seed, log: bool) -> (Result<Report, Failure>, Vec<String>) {
    let mut world = match World::new(base, seed) {
        Ok(world) => world,
        Err(failure) => return (Err(failure), Vec::new()),
    };
    world.log = log.then(Vec::new);
    let result = world.live();
    let lines = world.log.take().unwrap_or_default();
    let dir = world.dir.clone();
    for device in std::mem::take(&mut world.devices) {
        device.store.abandon();
    }
    drop(world);
    // Whatever stays is removed with the base.
    let _ = std::fs::remove_dir_all(dir);
    (result, lines)
}

impl<'b> World<'b> {
    pub(crate) fn new(base: &'b Base, seed: Seed) -> Result<Self, Failure> {
        let mut random = StdRng::seed_from_u64(seed.number);
        let thread = format!("{:?}", std::thread::current().id());
        let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
        let dir = base.root().join(format!("seed-{}-{thread}", seed.number));
        let mut service_random = StdRng::seed_from_u64(random.random());
        let clock = Time::from_timestamp(START + 60, 0).unwrap_or_default();
        copy_database(&base.service(), &dir.join("service-0"), "service.db")?;
        let storage: Arc<dyn Storage> = Arc::new(Sqlite::open(&dir.join("service-0"))?);
        let mut service = Service::open(storage, Ask::new(clock, &mut service_random))?;
        let imports = seed.imports.then(|| Imports::new(seed.number));
        if let Some(imports) = &imports {
            service = service.with_on_change(imports.hook());
        }
        let weights = Weights::draw(&mut random, seed.pace);
        let mut world = Self {
            base,
            dir,
            service_random,
            service,
            service_life: 0,
            service_skew: Duration::zero(),
            backup: None,
            devices: Vec::new(),
            packets: Vec::new(),
            requests: 0,
            clock,
            weights,
            roles: PEOPLE.iter().map(|p| p.1).collect(),
            copies: 0,
            ops: 0,
            words: 0,
            log: None,
            renamed: BTreeMap::new(),
            imports,
            trace: Sha256::new(),
            seed,
            random,
        };
        for person in 0..PEOPLE.len() {
            world.add_device(&base.laptop(), person)?;
            world.sign_in(person)?;
            // Most begin with the tenants they were assigned; the others receive them on the way.
            if world.random.random_bool(0.8) {
                world.sync_whole(person)?;
            }
        }
        Ok(world)
    }

    /// Another laptop that starts from a copy of `database`.
    pub(crate) fn add_device(&mut self, database: &std::path::Path, person: usize) -> Result<usize, Failure> {
        let index = self.devices.len();
        let home = self.dir.join(format!("laptop-{index}"));
        let seed = self.random.random();
        self.devices.push(Device::new(home, database, &self.base.key, seed, (index, person))?);
        Ok(index)
    }

    fn live(&mut self) -> Result<Report, Failure> {
        let mut steps = 0;
        while self.ops < OPS && steps < MAX_STEPS {
            steps += 1;
            self.clock += Duration::seconds(self.random.random_range(1..600));
            let stepped = self.step().and_then(|()| self.import_step());
            stepped.map_err(|f| Failure::new(format!("step {steps}: {f}")))?;
        }
        self.heal()?;
        self.check()?;
        let state = self.state()?;
        self.trace(&state);
        let hash = Hash(self.trace.clone().finalize().into());
        Ok(Report { ops: self.ops, steps, hash })
    }

    /// Adds a step to the hash of the schedule.
    pub(crate) fn trace(&mut self, what: &dyn Debug) {
        let line = format!("{what:?}");
        self.trace.update(line.as_bytes());
        if let Some(log) = &mut self.log {
            log.push(line);
        }
    }

    pub(crate) fn service_now(&self) -> Time {
        self.clock + self.service_skew
    }

    pub(crate) fn device_now(&self, at: usize) -> Time {
        self.devices[at].now(self.clock)
    }

    /// Whether this laptop's person may see the client's side alone.
    pub(crate) fn reads_client_only(&self, at: usize) -> bool {
        self.roles[self.devices[at].person].is_tenant_role()
    }

    /// Signs a laptop in, with the key it has or as a new device; false where it may not.
    pub(crate) fn sign_in(&mut self, at: usize) -> Result<bool, Failure> {
        let (now, seen_at) = (self.service_now(), self.device_now(at));
        let device = &mut self.devices[at];
        let keeps = device.store.identity().is_some() && !device.store.must_re_enrol();
        let key = if keeps { device.store.signing_key()?.clone() } else { device.store.new_signing_key()? };
        let name = PEOPLE[device.person].0;
        let mut ask = Ask::new(now, &mut self.service_random);
        let hello = sign_in::hello(&self.service, &ask);
        let device_key = public_hex(&key);
        let signature = sign_message(&key, &enrolment_message(name, &device_key, &hello.nonce));
        let request = SignInRequest {
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
            device_key,
            nonce: hello.nonce,
            signature,
        };
        let reply = match sign_in::sign_in(&self.service, &request, &mut ask) {
            Ok(reply) => reply,
            Err(Error::Api(error))
                if [code::ACCOUNT_DISABLED, code::RATE_LIMITED].contains(&error.code.as_str()) =>
            {
                return Ok(false);
            }
            Err(Error::Api(error)) if error.code == code::DEVICE_RETIRED && keeps => {
                self.devices[at].store.mark_forked()?;
                return self.sign_in(at);
            }
            Err(error) => return Err(error.into()),
        };
        let identity = Identity {
            account: reply.account,
            name: reply.name,
            role: reply.role,
            device: reply.device.clone(),
            service_key: reply.service_key,
            server: "simulated".to_owned(),
            lease_days: reply.lease_days,
            pilot_rows: reply.pilot_rows,
            last_contact: seen_at,
            latest_time: seen_at,
        };
        self.trace(&("signed in", at, reply.device.as_str()));
        let device = &mut self.devices[at];
        device.signed_out = false;
        if device.store.identity().is_none_or(|old| old.device == identity.device) {
            device.store.enrol(identity, key)?;
            return Ok(true);
        }
        // A new device: the outbox is issued again.
        let before: BTreeMap<OpId, Hash> = device.hashes()?.into_iter().collect();
        let names = device.store.re_enrol(identity, key)?;
        let after: BTreeMap<OpId, Hash> = device.hashes()?.into_iter().collect();
        for (old, new) in names {
            let (Some(was), Some(is)) = (before.get(&old), after.get(&new)) else {
                return Err(Failure::new(format!("{old} was issued again as {new}, and one is missing")));
            };
            self.renamed.entry(*was).or_default().push((new, *is));
        }
        Ok(true)
    }

    /// A whole synchronisation without faults.
    pub(crate) fn sync_whole(&mut self, at: usize) -> Result<(), Failure> {
        for _ in 0..400 {
            self.step_sync(at)?;
            if self.packets.iter().all(|p| p.device != at) {
                return Ok(());
            }
            while let Some(place) = self.packets.iter().position(|p| p.device == at) {
                let packet = self.packets.remove(place);
                self.deliver(packet)?;
            }
        }
        Err(Failure::new(format!("device {at} does not come to an end")))
    }

    /// The seed, for messages.
    pub fn seed(&self) -> Seed {
        self.seed
    }
}
