//! `held import`: work that a device could not push, carried here as a sealed file. All of it goes to
//! the held lists, where managers decide about it as about any other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cairn_domain::journal::{Outcome, Receipt};
use cairn_domain::op::Header;
use cairn_domain::{AccountId, DeviceId, TenantId, seal};
use cairn_protocol::auth::device_id;
use cairn_protocol::sealed::{FORMAT, SealedWork, UnsentWork, VERSION};
use cairn_protocol::sync::PushRun;
use cairn_protocol::{MAX_SEALED, code};
use serde::Serialize;
use serde_json::json;

use crate::access_log;
use crate::error::{Error, Result};
use crate::handlers::push::{checked_headers, differs, known_receipts, numbers_of_other_bytes};
use crate::journal::Journal;
use crate::org::{self, Caller, Device};
use crate::service::{Ask, Service};
use crate::storage::RunRow;

/// What an import did; the JSON shape of `held import`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Whose work it is.
    pub account: AccountId,
    /// The device that wrote it.
    pub device: DeviceId,
    /// Ops now on a held list.
    pub held: u64,
    /// Ops that were answered before, or that stand in their journal under another name.
    pub known: u64,
    /// Ops that can never be decided: unreadable, or in somebody else's name.
    pub refused: u64,
    /// Ops whose number stands for other bytes: the profile was copied or restored.
    pub other_bytes: u64,
    /// Runs of which nothing was taken.
    pub not_taken: Vec<NotTaken>,
}

/// A run of which nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotTaken {
    /// The journal.
    pub tenant: TenantId,
    /// Its first number.
    pub first: u64,
    /// How many ops it has.
    pub count: u64,
    /// `unknown_tenant`, `other_bytes`, `history_differs` or `gap`.
    pub why: &'static str,
}

/// The device whose work it is.
struct Author {
    caller: Caller,
    /// It will never push again, so nothing follows from numbers that are missing.
    retired: bool,
}

/// What became of a run.
enum Taken {
    /// How many ops were answered before, and what the others came to.
    Whole { known: u64, outcomes: Vec<Outcome> },
    /// Nothing was taken: so many numbers stand for other bytes.
    OtherBytes(u64),
    /// Nothing was taken for another reason.
    Not(&'static str),
}

/// Reads a file of sealed work.
///
/// # Errors
/// `cannot_read`, `too_large`.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    let unreadable = |e: std::io::Error| {
        let message = format!("'{}' cannot be read: {e}.", file.display());
        Error::detailed("cannot_read", message, json!({ "file": file }))
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > MAX_SEALED as u64 {
        let message = format!("'{}' is larger than sealed work can be.", file.display());
        let details = json!({ "file": file, "bytes": size, "limit": MAX_SEALED });
        return Err(Error::detailed(code::TOO_LARGE, message, details));
    }
    std::fs::read(file).map_err(unreadable)
}

/// Opens sealed work and holds every op that is not known. Nothing is taken before the whole file was
/// checked; taking it twice changes nothing.
///
/// # Errors
/// `not_sealed_work`, `version_not_supported`, `sealed_for_another_service`, `damaged`,
/// `unknown_device`, `wrong_account`, `bad_signature`, `bad_request`; faults.
pub fn import(service: &Service, file: &[u8], ask: &mut Ask<'_>) -> Result<Imported> {
    let work = open(service, file)?;
    let author = author(service, &work)?;
    let headers: Vec<Vec<Header>> =
        work.runs.iter().map(|run| checked_headers(&author.caller, run)).collect::<Result<_>>()?;
    let mut imported = Imported {
        account: work.account,
        device: work.device,
        held: 0,
        known: 0,
        refused: 0,
        other_bytes: 0,
        not_taken: vec![],
    };
    for (run, headers) in work.runs.iter().zip(&headers) {
        imported.count(run, take_run(service, &author, run, headers, ask)?);
    }
    let who = &service.identity.author;
    access_log::note(service, who, &TenantId::org(), "held-import", access_log::OK, ask.now)?;
    Ok(imported)
}

fn open(service: &Service, file: &[u8]) -> Result<UnsentWork> {
    let foreign = || Error::api("not_sealed_work", "The file does not hold sealed work of Cairn.");
    let envelope: SealedWork = serde_json::from_slice(file).map_err(|_| foreign())?;
    if envelope.format != FORMAT {
        return Err(foreign());
    }
    if envelope.v != VERSION {
        let message = format!("The file has version {}; this service reads {VERSION}.", envelope.v);
        return Err(Error::detailed(code::VERSION, message, json!({ "v": envelope.v })));
    }
    let ours = device_id(&service.identity.public_key());
    if ours.as_ref() != Some(&envelope.service) {
        let message = "The file was sealed for another service.";
        let details = json!({ "sealed_for": envelope.service, "this": ours });
        return Err(Error::detailed("sealed_for_another_service", message, details));
    }
    let damaged = || Error::api("damaged", "The file was changed or cut short on its way. Export it again.");
    let sealed = envelope.bytes().ok_or_else(damaged)?;
    let plain = seal::open(&service.identity.pinned, &sealed).map_err(|_| damaged())?;
    serde_json::from_slice(&plain).map_err(|_| foreign())
}

/// Whose work it is. A retired device's author is still its author.
fn author(service: &Service, work: &UnsentWork) -> Result<Author> {
    let found = service.read_org(|tx| org::device(tx, &work.device))?;
    let retired = matches!(found, Device::Retired(_));
    let caller = found.author().filter(|author| author.role.is_some()).ok_or_else(|| {
        let message = "The service does not know the device that wrote this.";
        Error::detailed(code::UNKNOWN_DEVICE, message, json!({ "device": work.device }))
    })?;
    if caller.account != work.account {
        let details = json!({ "device": work.device, "account": work.account });
        return Err(Error::detailed("wrong_account", "The device belongs to another account.", details));
    }
    Ok(Author { caller, retired })
}

fn take_run(
    service: &Service,
    author: &Author,
    run: &PushRun,
    headers: &[Header],
    ask: &Ask<'_>,
) -> Result<Taken> {
    let there = !service.storage.standings(std::slice::from_ref(&run.tenant))?.is_empty();
    // As with a push: whoever never had to do with a tenant puts nothing on its list.
    if !there || !author.caller.knows(&run.tenant, &service.table) {
        return Ok(Taken::Not("unknown_tenant"));
    }
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&run.tenant, |journal| {
        let known = known_receipts(journal, &author.caller.device, run)?;
        if let Some(not) = refusal(journal, author, run, headers, &known)? {
            return Ok(not);
        }
        if known.len() < run.ops.len() {
            journal.tx().put_run(&author.caller.device, &RunRow::from(run))?;
        }
        let fresh = run.ops.iter().zip(run.run.first..).filter(|(_, number)| !known.contains_key(number));
        let mut outcomes = Vec::with_capacity(run.ops.len());
        for (sealed, _) in fresh {
            outcomes.push(journal.import(&desk, sealed, &author.caller)?.outcome);
        }
        Ok(Taken::Whole { known: known.len() as u64, outcomes })
    })
}

/// Why nothing of a run can be taken. A run is taken whole or not at all: its one signature proves
/// the ops of both, and two runs of a device must not tell of other bytes under one number.
fn refusal(
    journal: &mut Journal<'_>,
    author: &Author,
    run: &PushRun,
    headers: &[Header],
    known: &BTreeMap<u64, Receipt>,
) -> Result<Option<Taken>> {
    let others = numbers_of_other_bytes(run, known);
    if !others.is_empty() {
        return Ok(Some(Taken::OtherBytes(others.len() as u64)));
    }
    if differs(journal, run, headers, known)?.is_some() {
        return Ok(Some(Taken::Not("history_differs")));
    }
    let next = journal.tx().last_number(&author.caller.device)? + 1;
    let fresh = headers.iter().map(|header| header.op.device_seq).find(|n| !known.contains_key(n));
    // An enrolled device could never again push what is missing before.
    let gap = fresh.is_some_and(|first| first != next) && !author.retired && !journal.allows_gaps();
    Ok(gap.then_some(Taken::Not("gap")))
}

impl Imported {
    fn count(&mut self, run: &PushRun, taken: Taken) {
        let why = match taken {
            Taken::Whole { known, outcomes } => {
                self.known += known;
                return outcomes.iter().for_each(|outcome| self.count_op(outcome));
            }
            Taken::OtherBytes(others) => {
                self.other_bytes += others;
                "other_bytes"
            }
            Taken::Not(why) => why,
        };
        let (tenant, first, count) = (run.tenant.clone(), run.run.first, run.run.count);
        self.not_taken.push(NotTaken { tenant, first, count, why });
    }

    fn count_op(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Held => self.held += 1,
            Outcome::Refused { .. } => self.refused += 1,
            // It stands in its journal under another name.
            Outcome::Duplicate { .. } | Outcome::Accepted { .. } | Outcome::Discarded { .. } => {
                self.known += 1;
            }
        }
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ops are held for managers, {} were known before, {} were refused.",
            self.held, self.known, self.refused
        )?;
        for run in &self.not_taken {
            let last = run.first.saturating_add(run.count.saturating_sub(1));
            write!(f, "\nNot taken: {} {} to {} ({}).", run.tenant, run.first, last, run.why)?;
        }
        Ok(())
    }
}
