//! From one laptop through the service to another: 10,000 ops, one op, and nothing at all.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use cairn_domain::TenantId;
use cairn_service::storage::sqlite::Sqlite;

use crate::Size;
use crate::child;
use crate::harness::{Samples, in_turn, ms, pair, timed};
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, Laptop, Serving, copy, words};
use cairn_tests::door::{Door, Passed};

/// Ops of the long trip.
pub const OPS: usize = 10_000;
/// Single ops, one after another.
const SINGLE: usize = 40;

/// The largest message of a single op, in bytes with headers, each way.
const OP_BYTES: f64 = 1_536.0;
/// The largest message of a check that finds nothing, in bytes with headers, each way.
const IDLE_BYTES: f64 = 400.0;

/// Why goals are missed, where they are.
const IDLE_HEX: &str =
    "the request's nonce (43) and the hash of the places it proves (64) are written in hex.";
/// Why the bytes of many ops cannot become few.
pub const SALTS: &str = "each op carries 16 random bytes of salt, which nothing compresses: 10,000 of them are 160 KB \
    each way, two thirds of the goal. The effects of each op come beside its words, so that no laptop judges again.";

/// Why many ops take so long.
pub const WORK: &str = "the service hashes, judges and answers each op and saves an entry, a receipt, a cell and an \
    index for it; each laptop checks it again and saves an entry, what it wrote, a cell and their indexes, encrypted. \
    That is a dozen rows where the reference saves one or two, and twelve readings or writings of the op's JSON.";

/// A service, a laptop with unsent ops, one that just signed in and one that has synced before, as
/// files at rest. Every round starts from a copy.
pub struct Template {
    folder: PathBuf,
    door: Door,
    /// The tenant they share.
    pub tenant: TenantId,
    /// The bytes of each op as its author signed it.
    pub ops: Vec<Vec<u8>>,
}

/// One way of a trip.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Milliseconds, from the call to its end.
    pub ms: f64,
    /// What crossed the wire.
    pub passed: Passed,
}

/// There and back.
#[derive(Debug, Clone, Copy)]
pub struct Trip {
    /// From the author's laptop to the service.
    pub up: Way,
    /// From the service to the other laptop.
    pub down: Way,
}

impl Trip {
    /// Milliseconds of both ways.
    pub fn ms(&self) -> f64 {
        self.up.ms + self.down.ms
    }

    /// Bytes of both ways, in both directions.
    pub fn bytes(&self) -> f64 {
        [self.up, self.down].iter().map(|way| (way.passed.up + way.passed.down) as f64).sum()
    }
}

/// Which laptop receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// One that has just signed in: it holds nothing.
    Fresh,
    /// One that has everything but what is new.
    InStep,
}

impl Receiver {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "ben",
            Self::InStep => "cas",
        }
    }
}

impl Template {
    /// Makes one with `ops` unsent comments.
    ///
    /// # Errors
    /// Faults of the file system, the store or the service.
    pub fn make(folder: &Path, ops: usize) -> Result<Self> {
        let data = folder.join("service");
        let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
        let tenant = ground.tenant("north")?;
        for name in ["ana", Receiver::Fresh.name(), Receiver::InStep.name()] {
            ground.specialist(name, &["north"])?;
        }
        drop(ground);
        let serving = Serving::data(&data)?;
        let door = Door::before(serving.address)?;
        Laptop::enrolled(folder, Receiver::Fresh.name(), &door.url())?.close()?;
        let in_step = Laptop::enrolled(folder, Receiver::InStep.name(), &door.url())?;
        let ana = Laptop::enrolled(folder, "ana", &door.url())?;
        ana.sync()?;
        in_step.sync()?;
        in_step.close()?;
        for n in 0..ops {
            ana.comment(&tenant, words(n))?;
        }
        let ops = ana.desk(|desk| {
            let runs = desk.store.next_push(ops)?;
            let bytes =
                |op: &cairn_domain::SealedOp| [&op.header, &op.salt, &op.body].map(String::as_bytes).concat();
            Ok(runs.iter().flat_map(|run| run.ops.iter().map(bytes)).collect())
        })?;
        ana.close()?;
        Ok(Self { folder: folder.to_owned(), door, tenant, ops })
    }

    /// Starts a copy.
    ///
    /// # Errors
    /// Faults of the file system; the service does not start.
    pub fn start(&self, to: &Path) -> Result<Running<'_>> {
        copy(&self.folder, to)?;
        let serving = Serving::data(&to.join("service"))?;
        self.door.lead_to(serving.address);
        Ok(Running { door: &self.door, folder: to.to_owned(), _serving: serving })
    }

    /// The long trip, from a copy that is removed afterwards.
    ///
    /// # Errors
    /// As [`Template::start`]; not everything arrives.
    pub fn trip(&self, receiver: Receiver) -> Result<Trip> {
        let copy = tempfile::tempdir_in(self.folder.parent().context("the template stands nowhere")?)?;
        let running = self.start(copy.path())?;
        let (author, other) = (running.laptop("ana")?, running.laptop(receiver.name())?);
        let (pushed, up) = running.way(&author)?;
        let (_, down) = running.way(&other)?;
        ensure!(pushed.0 == self.ops.len() as u64, "{pushed:?} of {} ops were answered", self.ops.len());
        let held = |laptop: &Laptop| laptop.desk(|desk| Ok(desk.store.positions()?));
        let there =
            |all: &[cairn_protocol::sync::Position]| all.iter().find(|p| p.tenant == self.tenant).cloned();
        ensure!(there(&held(&author)?) == there(&held(&other)?), "the laptops differ");
        Ok(Trip { up, down })
    }
}

/// A copy of a template at work.
pub struct Running<'t> {
    door: &'t Door,
    folder: PathBuf,
    _serving: Serving,
}

impl Running<'_> {
    /// One of its laptops, its database open as in a running app.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn laptop(&self, name: &str) -> Result<Laptop> {
        let laptop = Laptop::at(&self.folder, name)?;
        laptop.session.open()?;
        Ok(laptop)
    }

    /// One synchronisation: how many ops it pushed and entries it pulled, and what that took.
    ///
    /// # Errors
    /// It fails.
    pub fn way(&self, laptop: &Laptop) -> Result<((u64, u64), Way)> {
        self.door.take();
        let (moved, took) = timed(|| laptop.sync())?;
        Ok((moved, Way { ms: ms(took), passed: self.door.take() }))
    }
}

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let ops = size.of(OPS, 300);
    let template = Template::make(&folder.join("template"), ops)?;
    let bytes = template.ops.iter().map(Vec::len).sum::<usize>();
    let mut report = Report {
        about: format!(
            "{ops} comments go from one laptop through the service to another, over HTTP through a door that counts \
             bytes and requests with all headers. Time is from the app's call to its end, databases open; writing \
             the comments is not in it. The floor carries the same {bytes} bytes (header, salt and body of each op) \
             in one request each way over TCP, uncompressed, and commits them to raw SQLCipher with `synchronous=FULL`, \
             {ops} rows in one transaction: no signatures, no order, no rules."
        ),
        ..Report::default()
    };
    long(folder, size, &template, &mut report)?;
    single(folder, size, &template, &mut report)?;
    Ok(report)
}

fn long(folder: &Path, size: Size, template: &Template, report: &mut Report) -> Result<()> {
    let ops = template.ops.len();
    for (receiver, who) in [(Receiver::Fresh, "a fresh laptop"), (Receiver::InStep, "a laptop in step")] {
        let rounds = in_turn(
            size.of(5, 2),
            |_| template.trip(receiver),
            |_| child::bare_trip(folder, &template.ops, 1),
        )?;
        let wall = pair(&rounds, Trip::ms, |floor| *floor);
        let trips: Vec<Trip> = rounds.into_iter().map(|(trip, _)| trip).collect();
        let alone = |what: &str, unit, number: fn(&Trip) -> u64| {
            let samples: Samples = trips.iter().map(|trip| number(trip) as f64).collect();
            Figure::alone(format!("{what}, to {who}"), unit, &samples)
        };
        report.figures.extend([
            Figure::paired(format!("{ops} ops, to {who}"), "ms", &wall, "the floor")
                .goal(Goal::RatioAtMost(3.0))
                .because(WORK),
            Figure::alone(format!("of it up, to {who}"), "ms", &trips.iter().map(|t| t.up.ms).collect()),
            alone("requests up", "requests", |t| t.up.passed.requests).goal(Goal::AtMost(3.0)),
            alone("requests down", "requests", |t| t.down.passed.requests).goal(Goal::AtMost(3.0)),
            alone("bytes up, both directions", "bytes", |t| t.up.passed.up + t.up.passed.down),
            alone("bytes down, both directions", "bytes", |t| t.down.passed.up + t.down.passed.down),
        ]);
    }
    Ok(())
}

fn single(folder: &Path, size: Size, template: &Template, report: &mut Report) -> Result<()> {
    let steady = Steady::start(template, &folder.join("single"))?;
    let row = template.ops.last().cloned().into_iter().collect::<Vec<_>>();
    let rounds = in_turn(size.of(SINGLE, 5), |n| steady.one(n), |_| child::bare_trip(folder, &row, 5))?;
    let wall = pair(&rounds, Trip::ms, |floor| *floor);
    let trips: Vec<Trip> = rounds.into_iter().map(|(trip, _)| trip).collect();
    let idle: Vec<Way> = (0..size.of(SINGLE, 5)).map(|_| steady.idle()).collect::<Result<_>>()?;
    let of = |what: &str, unit, goal, number: fn(&Trip) -> u64| {
        let samples: Samples = trips.iter().map(|trip| number(trip) as f64).collect();
        Figure::alone(what, unit, &samples).goal(Goal::AtMost(goal))
    };
    let check = |what: &str, unit, goal, number: fn(&Way) -> u64| {
        let samples: Samples = idle.iter().map(|way| number(way) as f64).collect();
        Figure::alone(what, unit, &samples).goal(Goal::AtMost(goal))
    };
    report.figures.extend([
        Figure::paired("one op, laptop to laptop", "ms", &wall, "the floor"),
        of("its requests up", "requests", 1.0, |t| t.up.passed.requests),
        of("its requests down", "requests", 1.0, |t| t.down.passed.requests),
        of("the author's request", "bytes", OP_BYTES, |t| t.up.passed.up),
        of("the author's reply", "bytes", OP_BYTES, |t| t.up.passed.down),
        of("the reader's request", "bytes", OP_BYTES, |t| t.down.passed.up),
        of("the reader's reply", "bytes", OP_BYTES, |t| t.down.passed.down),
        Figure::alone("a check that finds nothing", "ms", &idle.iter().map(|way| way.ms).collect()),
        check("its requests", "requests", 1.0, |w| w.passed.requests),
        check("its request", "bytes", IDLE_BYTES, |w| w.passed.up).because(IDLE_HEX),
        check("its reply", "bytes", IDLE_BYTES, |w| w.passed.down),
    ]);
    Ok(())
}

/// Two laptops that have everything, for one op after another.
pub struct Steady<'t> {
    running: Running<'t>,
    /// Who writes.
    pub author: Laptop,
    reader: Laptop,
    tenant: TenantId,
}

impl<'t> Steady<'t> {
    /// Brings both into step.
    ///
    /// # Errors
    /// As [`Template::start`].
    pub fn start(template: &'t Template, folder: &Path) -> Result<Self> {
        let running = template.start(folder)?;
        let (author, reader) = (running.laptop("ana")?, running.laptop(Receiver::InStep.name())?);
        let steady = Self { running, author, reader, tenant: template.tenant.clone() };
        steady.catch_up()?;
        Ok(steady)
    }

    /// Brings both into step.
    ///
    /// # Errors
    /// A synchronisation fails.
    pub fn catch_up(&self) -> Result<()> {
        [&self.author, &self.reader, &self.author].into_iter().try_for_each(|laptop| laptop.sync().map(drop))
    }

    /// Does something to the laptops' databases while they are closed, and to the service's data.
    ///
    /// # Errors
    /// Its own.
    pub fn at_rest(&self, work: impl FnOnce([&Laptop; 2], &Path) -> Result<()>) -> Result<()> {
        let laptops = [&self.author, &self.reader];
        laptops.iter().try_for_each(|laptop| laptop.close())?;
        work(laptops, &self.running.folder.join("service"))?;
        self.catch_up()
    }

    /// One op from one to the other; saving it is not in the time.
    ///
    /// # Errors
    /// It does not arrive.
    pub fn one(&self, n: usize) -> Result<Trip> {
        self.author.comment(&self.tenant, words(n))?;
        let (pushed, up) = self.running.way(&self.author)?;
        let (pulled, down) = self.running.way(&self.reader)?;
        ensure!(pushed.0 == 1 && pulled.1 == 1, "one op went, {pushed:?} and {pulled:?} came");
        Ok(Trip { up, down })
    }

    /// A check that finds nothing.
    ///
    /// # Errors
    /// It fails.
    pub fn idle(&self) -> Result<Way> {
        let (moved, way) = self.running.way(&self.reader)?;
        ensure!(moved == (0, 0), "something came: {moved:?}");
        Ok(way)
    }
}
