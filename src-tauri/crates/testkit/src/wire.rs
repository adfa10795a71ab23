//! The network: one message at a time, in whatever order the seed picks.

use cairn_domain::TenantId;
use cairn_domain::access::Relation;
use cairn_domain::id::Audience;
use cairn_domain::journal::Part;
use cairn_protocol::sync::{HeadsReply, SyncReply, SyncRequest, TenantPage};
use cairn_protocol::{ApiError, code};
use cairn_service::handlers::{heads, sync};
use cairn_service::{Ask, Error};
use cairn_sync::rosters::Part as FilePart;
use cairn_sync::{Batch, Engine, Step};

use crate::imports::answer_about_file;
use crate::world::{Failure, Seed, World};

/// What a laptop asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// `/v1/sync`, with the device that signed it.
    Sync(Box<SyncRequest>),
    /// `/v1/heads`.
    Heads(TenantId, Vec<u64>),
    /// `PUT /v1/blobs`.
    Put(FilePart),
    /// `GET /v1/blobs`.
    Get {
        /// Whose it is.
        tenant: TenantId,
        /// Its name.
        sha256: String,
        /// The first byte.
        start: u64,
        /// Bytes at most.
        most: usize,
    },
}

/// What the service answers.
#[derive(Debug, Clone)]
pub enum Answered {
    /// To a sync.
    Sync(Box<SyncReply>),
    /// To a question about heads.
    Heads(TenantId, HeadsReply),
    /// To a part of a file: how far the service has it.
    Put(u64),
    /// To a question for bytes of a file.
    Got {
        /// Some of them.
        bytes: Vec<u8>,
        /// The file's size in bytes.
        total: u64,
    },
    /// It did not take the request.
    Error(ApiError),
}

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The laptop, by place.
    pub device: usize,
    /// The request it is, or answers; a laptop that gave up no longer waits for it.
    pub number: u64,
    /// What it carries.
    pub load: Load,
}

/// What a message carries.
#[derive(Debug, Clone)]
pub enum Load {
    /// To the service, from the device with this id.
    Ask(cairn_domain::DeviceId, Asked),
    /// To the laptop.
    Answer(Answered),
}

/// The laptop whose line carries little at once, in the runs that have one.
const NARROW: usize = 3;
/// One run in so many has it: with it and without, other things meet.
const NARROW_EVERY: u64 = 4;

fn batch(seed: Seed, at: usize) -> Batch {
    if at == NARROW && seed.number.is_multiple_of(NARROW_EVERY) { Batch::at_first(5) } else { Batch::MOST }
}

impl World<'_> {
    /// Lets a laptop's synchronisation take its next step: a request goes onto the wire, or it ends.
    pub(crate) fn step_sync(&mut self, at: usize) -> Result<(), Failure> {
        if self.devices[at].waiting.is_some() {
            return Ok(());
        }
        if self.devices[at].files.is_some() {
            return self.step_files(at);
        }
        if (self.devices[at].signed_out || self.devices[at].store.must_re_enrol()) && !self.sign_in(at)? {
            return Ok(());
        }
        self.requests += 1;
        let number = self.requests;
        let batch = batch(self.seed(), at);
        let device = &mut self.devices[at];
        let engine = device.engine.get_or_insert_with(|| Engine::with_batch(batch));
        let step = engine.next(&device.store).map_err(|e| Failure::of("sync", &e))?;
        let asked = match step {
            Step::Sync(request) => Asked::Sync(request),
            Step::Heads { tenant, at } => Asked::Heads(tenant, at),
            Step::Done(report) => {
                device.engine = None;
                self.trace(&("done", at, report.pushed, report.pulled));
                self.judge_report(at, &report)?;
                return self.begin_files(at);
            }
        };
        device.waiting = Some(number);
        let id =
            device.store.identity().map(|i| i.device.clone()).ok_or_else(|| Failure::new("not enrolled"))?;
        self.packets.push(Packet { device: at, number, load: Load::Ask(id, asked) });
        Ok(())
    }

    fn judge_report(&mut self, at: usize, report: &cairn_sync::Report) -> Result<(), Failure> {
        if let Some(tenant) = report.rebuilt.first() {
            return Err(Failure::new(format!("device {at} had to rebuild {tenant}")));
        }
        // A journal that a restore made unknown for a while.
        let unknown = |problem: &&ApiError| problem.code != code::NOT_FOUND;
        if let Some(problem) = report.problems.iter().find(unknown) {
            return Err(Failure::new(format!(
                "device {at} cannot take a journal: {} {problem}",
                problem.code
            )));
        }
        self.note_gone(at, &report.gone)
    }

    /// Carries one message to its end. A laptop that gave up waiting hears nothing.
    pub(crate) fn deliver(&mut self, packet: Packet) -> Result<(), Failure> {
        match packet.load {
            Load::Ask(id, asked) => {
                let answer = self.ask_service(&id, &asked)?;
                self.packets.push(Packet { load: Load::Answer(answer), ..packet });
                Ok(())
            }
            Load::Answer(answer) => {
                let waits = self.devices[packet.device].waiting == Some(packet.number);
                if waits { self.hear(packet.device, answer) } else { Ok(()) }
            }
        }
    }

    /// The service answers one request of a device.
    pub(crate) fn ask_service(
        &mut self,
        id: &cairn_domain::DeviceId,
        asked: &Asked,
    ) -> Result<Answered, Failure> {
        let before = self.closed_to(id, asked)?;
        let now = self.service_now();
        let mut ask = Ask::new(now, &mut self.service_random);
        let answer = self.service.caller(id).and_then(|caller| match asked {
            Asked::Sync(request) => sync::sync(&self.service, &caller, request, &mut ask)
                .map(|reply| Answered::Sync(Box::new(reply))),
            Asked::Heads(tenant, at) => heads::heads(&self.service, &caller, tenant, at)
                .map(|reply| Answered::Heads(tenant.clone(), reply)),
            Asked::Put(_) | Asked::Get { .. } => answer_about_file(&self.service, &caller, asked),
        });
        let closed: Vec<TenantId> = before.iter().map(|(tenant, _)| tenant.clone()).collect();
        if self.stand(&closed)? != before {
            return Err(Failure::new(format!("{id} wrote to a journal that is closed to it")));
        }
        match answer {
            Ok(answer) => Ok(answer),
            Err(Error::Api(error)) => Ok(Answered::Error(error)),
            Err(Error::Fault(what)) => Err(Failure::new(format!("the service has a fault: {what}"))),
        }
    }

    /// The journals in which a device's work has to be held, and where they stand. What it offers
    /// is others' work too, which counts.
    fn closed_to(&self, id: &cairn_domain::DeviceId, asked: &Asked) -> Result<Vec<(TenantId, u64)>, Failure> {
        let Ok(caller) = self.service.caller(id) else { return Ok(Vec::new()) };
        let offers = |tenant: &TenantId| match asked {
            Asked::Sync(request) => request.offers.iter().any(|offer| offer.tenant == *tenant),
            Asked::Heads(..) | Asked::Put(_) | Asked::Get { .. } => false,
        };
        let closed: Vec<TenantId> = self
            .base
            .tenants
            .iter()
            .filter(|t| !offers(t) && (!caller.active || caller.relation(t) == Relation::Stranger))
            .cloned()
            .collect();
        self.stand(&closed)
    }

    fn stand(&self, tenants: &[TenantId]) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(self.service.storage.standings(tenants)?.into_iter().map(|s| (s.tenant, s.seen.seq)).collect())
    }

    /// A laptop takes an answer.
    pub(crate) fn hear(&mut self, at: usize, answer: Answered) -> Result<(), Failure> {
        let now = self.device_now(at);
        let client = self.reads_client_only(at);
        let device = &mut self.devices[at];
        device.waiting = None;
        if device.files.is_some() {
            return self.hear_of_file(at, answer);
        }
        let Some(engine) = &mut device.engine else { return Ok(()) };
        match answer {
            Answered::Sync(reply) => {
                if client && let Some(leak) = reply.pages.iter().find_map(leak) {
                    return Err(Failure::new(format!("device {at} of a client reader received {leak}")));
                }
                let gone = reply.gone.clone();
                let pushed = reply.receipts.len();
                let differs: Vec<_> =
                    reply.differs.iter().map(|d| (d.tenant.clone(), d.service.seq, d.closed)).collect();
                let told = ("told", at, gone.clone(), differs, reply.closed.clone());
                let is_told = !told.2.is_empty() || !told.3.is_empty() || !told.4.is_empty();
                engine
                    .replied(&mut device.store, *reply, now)
                    .map_err(|e| Failure::of("taking a reply", &e))?;
                if is_told {
                    self.trace(&told);
                }
                let gone: Vec<_> = gone.into_iter().filter(|t| !self.holds(at, t)).collect();
                self.note_gone(at, &gone)?;
                self.trace(&("heard", at, pushed));
                Ok(())
            }
            Answered::Heads(tenant, reply) => engine
                .headed(&mut device.store, &tenant, &reply, now)
                .map_err(|e| Failure::of("taking heads", &e)),
            Answered::Put(_) | Answered::Got { .. } => {
                Err(Failure::new(format!("device {at} heard of a file that it had not asked for")))
            }
            Answered::Error(error) => self.turned_down(at, &error),
        }
    }

    pub(crate) fn holds(&self, at: usize, tenant: &TenantId) -> bool {
        self.devices[at].store.positions().is_ok_and(|all| all.iter().any(|p| p.tenant == *tenant))
    }

    /// What a laptop does when the service does not take its request.
    pub(crate) fn turned_down(&mut self, at: usize, error: &ApiError) -> Result<(), Failure> {
        self.trace(&("turned down", at, &error.code));
        let device = &mut self.devices[at];
        device.stop_sync();
        match error.code.as_str() {
            code::DEVICE_FORKED | code::DEVICE_RETIRED => Ok(device.store.mark_forked()?),
            code::UNKNOWN_DEVICE => {
                device.signed_out = true;
                Ok(())
            }
            // A journal that a restore made unknown for a while.
            code::NOT_FOUND => Ok(()),
            _ => Err(Failure::new(format!(
                "device {at} was turned down: {} {error} {}",
                error.code, error.details
            ))),
        }
    }
}

/// What a page shows that a reader of the client's side may not see.
fn leak(page: &TenantPage) -> Option<String> {
    if page.audience != Audience::Client || page.salts.team.is_some() {
        return Some(format!("the team's side of {}", page.tenant));
    }
    let cells = page.snapshot.iter().flat_map(|s| &s.cells);
    if let Some((key, _)) = cells.into_iter().find(|(key, _)| key.entity.audience() == Audience::Team) {
        return Some(format!("the cell {key}"));
    }
    let open = page.entries.iter().chain(&page.filled).find(|entry| {
        let team = entry.read_header().is_ok_and(|h| h.audience == Audience::Team);
        matches!(entry.team, Part::Open(_)) || (team && matches!(entry.body, Part::Open(_)))
    });
    open.map(|entry| format!("team bytes of {} at {}", page.tenant, entry.seq))
}
