//! Receiving runs of a device's own ops, and ops offered again after a restore.

use std::collections::BTreeMap;

use cairn_domain::access::Role;
use cairn_domain::decide::Refusal;
use cairn_domain::journal::{EntryOrigin, Outcome, Receipt};
use cairn_domain::op::{Header, SealedOp, verify_run};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{AccountId, Change, DeviceId, Hash, OpId, TenantId};
use cairn_protocol::sync::{HistoryDiffers, Offer, PushRun};
use cairn_protocol::{MAX_RUN, code};
use serde_json::json;

use super::{pull, sign_in};
use crate::error::{Error, Result};
use crate::journal::{Desk, Journal};
use crate::org::{self, Caller, Device};
use crate::service::{Ask, Service};
use crate::storage::{Mode, RunRow, with};

/// The most held ops one request asks about.
const MAX_HELD: usize = 5_000;

/// What became of a run.
pub enum Taken {
    /// One receipt for each op, in order.
    Receipts(Vec<Receipt>),
    /// Its author saw another history; nothing was taken.
    Differs(HistoryDiffers),
    /// None of the caller's business, or not there; nothing was taken.
    Closed,
}

/// How the transaction of a run ended.
enum Ended {
    Taken(Taken, u64),
    Forked(u64),
}

fn bad(message: &str, run: &PushRun) -> Error {
    Error::detailed(code::BAD_REQUEST, message, json!({ "tenant": run.tenant, "first": run.run.first }))
}

/// Takes one run: all of it in one transaction under the journal's locked counter.
///
/// # Errors
/// See [`super::sync::sync`].
pub fn run(service: &Service, caller: &Caller, run: &PushRun, ask: &mut Ask<'_>) -> Result<Taken> {
    if !caller.knows(&run.tenant, &service.table) {
        return Ok(Taken::Closed);
    }
    let (headers, hashes) = checked(caller, run)?;
    let roles = roles_for(service, &run.ops)?;
    let desk = service.desk(ask.now, &roles);
    let ended = with(&service.storage, &run.tenant, Mode::Write, |tx| {
        let Some(mut journal) = Journal::open(tx, &run.tenant)? else {
            return Ok(Ended::Taken(Taken::Closed, 0));
        };
        take(&mut journal, &desk, caller, run, (&headers, &hashes)).and_then(|ended| {
            if matches!(ended, Ended::Taken(..)) {
                journal.finish()?;
            }
            Ok(ended)
        })
    })?;
    match ended {
        Ended::Taken(taken, seq) => {
            if !matches!(taken, Taken::Closed) {
                service.changed(&run.tenant, seq);
            }
            Ok(taken)
        }
        Ended::Forked(number) => {
            sign_in::retire(service, &caller.device, "device_forked", ask)?;
            let details = json!({ "tenant": run.tenant, "device": caller.device, "number": number });
            let message =
                "This device's numbers were used twice: its profile was copied or restored. Enrol it anew.";
            Err(Error::detailed(code::DEVICE_FORKED, message, details))
        }
    }
}

fn take(
    journal: &mut Journal<'_>,
    desk: &Desk<'_>,
    caller: &Caller,
    run: &PushRun,
    (headers, hashes): (&[Header], &[Hash]),
) -> Result<Ended> {
    let before = journal.seen().seq;
    let mut known = known_receipts(journal, &caller.device, run)?;
    // Before anything is written: a fork must leave the journal as it was.
    let other = numbers_of_other_bytes(run, &known).first().copied();
    if let Some(number) = other.filter(|_| !planted(Bug::HashNotCompared)) {
        return Ok(Ended::Forked(number));
    }
    if let Some(differs) = differs(journal, run, headers, &known)? {
        return Ok(Ended::Taken(Taken::Differs(differs), before));
    }
    let mut last = journal.tx().last_number(&caller.device)?;
    let mut receipts = Vec::with_capacity(run.ops.len());
    let mut signed = false;
    for ((sealed, header), hash) in run.ops.iter().zip(headers).zip(hashes) {
        let number = header.op.device_seq;
        if let Some(mut receipt) = known.remove(&number) {
            if planted(Bug::HashNotCompared) {
                receipt.hash = *hash;
            }
            receipts.push(receipt);
            continue;
        }
        if number != last + 1 && !journal.allows_gaps() {
            let mut error = bad("Numbers are missing before this run. Push them first.", run);
            if let Error::Api(error) = &mut error {
                error.details = json!({ "gap": true, "tenant": run.tenant, "last_receipted": last });
            }
            return Err(error);
        }
        if !signed {
            let row = RunRow { run: run.run.clone(), hashes: hashes.to_vec() };
            journal.tx().put_run(&caller.device, &row)?;
            signed = true;
        }
        let opened = sealed.open_as(header.clone(), *hash);
        receipts.push(journal.receive_opened(desk, (sealed, opened), caller, EntryOrigin::Pushed)?);
        last = last.max(number);
    }
    Ok(Ended::Taken(Taken::Receipts(receipts), journal.seen().seq))
}

/// The receipts that numbers of a run have already.
pub(crate) fn known_receipts(
    journal: &mut Journal<'_>,
    device: &DeviceId,
    run: &PushRun,
) -> Result<BTreeMap<u64, Receipt>> {
    let rows = journal.tx().receipts(device, run.run.first, run.run.count)?;
    Ok(rows.into_iter().map(|row| (row.receipt.op.device_seq, row.receipt)).collect())
}

/// The numbers of a checked run under which other bytes were answered before.
pub(crate) fn numbers_of_other_bytes(run: &PushRun, known: &BTreeMap<u64, Receipt>) -> Vec<u64> {
    let other = |(sealed, number): &(&SealedOp, u64)| {
        known.get(number).is_some_and(|receipt| receipt.hash != sealed.hash())
    };
    run.ops.iter().zip(run.run.first..).filter(other).map(|(_, number)| number).collect()
}

/// Whether an author's view of the journal is not ours. Ops that were answered before do not count.
pub(crate) fn differs(
    journal: &mut Journal<'_>,
    run: &PushRun,
    headers: &[Header],
    known: &BTreeMap<u64, Receipt>,
) -> Result<Option<HistoryDiffers>> {
    let mut checked = None;
    for header in headers.iter().filter(|h| !known.contains_key(&h.op.device_seq)) {
        if checked == Some(header.seen) {
            continue;
        }
        if !journal.witnesses(header.seen)? {
            let service = journal.seen();
            return Ok(Some(pull::differs(journal.tx(), &run.tenant, service)?));
        }
        checked = Some(header.seen);
    }
    Ok(None)
}

/// Checks what needs no journal: size, names, numbers and the device's signature.
pub(crate) fn checked_headers(caller: &Caller, run: &PushRun) -> Result<Vec<Header>> {
    checked(caller, run).map(|(headers, _)| headers)
}

/// [`checked_headers`], and the hash of each op.
fn checked(caller: &Caller, run: &PushRun) -> Result<(Vec<Header>, Vec<Hash>)> {
    if run.ops.is_empty() || run.ops.len() > MAX_RUN || run.run.first == 0 {
        return Err(bad(&format!("A run has 1 to {MAX_RUN} ops and numbers count from 1."), run));
    }
    let hashes: Vec<Hash> = run.ops.iter().map(SealedOp::hash).collect();
    if !verify_run(&caller.key, &run.tenant, &caller.device, &run.run, &hashes) {
        return Err(Error::api(code::BAD_SIGNATURE, "The run is not signed by this device."));
    }
    let mut headers = Vec::with_capacity(run.ops.len());
    for (sealed, number) in run.ops.iter().zip(run.run.first..) {
        let header = sealed.header().map_err(|e| bad(&format!("An op cannot be named: {e}."), run))?;
        let op = &header.op;
        if op.tenant != run.tenant || op.device != caller.device || op.device_seq != number {
            return Err(bad("An op names another tenant, device or number than its run.", run));
        }
        headers.push(header);
    }
    Ok((headers, hashes))
}

/// The roles of all accounts, where one of the ops adopts held work.
fn roles_for<'a>(
    service: &Service,
    ops: impl IntoIterator<Item = &'a SealedOp>,
) -> Result<BTreeMap<AccountId, Role>> {
    let adopts = |sealed: &SealedOp| {
        sealed.open().is_ok_and(|op| matches!(op.body.change, Change::HeldAdopted { .. }))
    };
    // Opening every op twice would cost more than this look at the bytes.
    let mut ops = ops.into_iter().filter(|sealed| sealed.body.contains("HeldAdopted"));
    if ops.any(adopts) { service.read_org(org::roles) } else { Ok(BTreeMap::new()) }
}

/// What became of ops that their author knows as held. Only the author is told.
pub fn held(service: &Service, caller: &Caller, ops: &[OpId]) -> Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    for op in ops.iter().take(MAX_HELD) {
        let author = service.read_org(|tx| org::device(tx, &op.device)).map(Device::author)?;
        if author.is_some_and(|author| author.account == caller.account) {
            let rows = with(&service.storage, &op.tenant, Mode::Read, |tx| {
                tx.receipts(&op.device, op.device_seq, 1)
            })?;
            receipts.extend(rows.into_iter().map(|row| row.receipt));
        }
    }
    Ok(receipts)
}

/// Takes offers in order. Each is answered; an answer that a better offer could change is not kept.
pub fn offers(
    service: &Service,
    caller: &Caller,
    offers: &[Offer],
    ask: &mut Ask<'_>,
) -> Result<Vec<Receipt>> {
    let mut hashes: BTreeMap<(&TenantId, DeviceId), BTreeMap<u64, Hash>> = BTreeMap::new();
    let mut headers = Vec::with_capacity(offers.len());
    for offer in offers {
        let header = offer.entry.read_header()?;
        let key = (&offer.tenant, header.op.device.clone());
        hashes.entry(key).or_default().insert(header.op.device_seq, offer.entry.op_hash());
        headers.push(header);
    }
    let mut receipts = Vec::with_capacity(offers.len());
    for (offer, header) in offers.iter().zip(headers) {
        let key = (&offer.tenant, header.op.device.clone());
        let beside = hashes.get(&key).cloned().unwrap_or_default();
        receipts.push(take_offer(service, caller, offer, &header, &beside, ask)?);
    }
    Ok(receipts)
}

fn take_offer(
    service: &Service,
    caller: &Caller,
    offer: &Offer,
    header: &Header,
    beside: &BTreeMap<u64, Hash>,
    ask: &mut Ask<'_>,
) -> Result<Receipt> {
    let hash = offer.entry.op_hash();
    let turned_down = |code: &str, message: &str| {
        Ok(Receipt {
            op: header.op.clone(),
            hash,
            outcome: Outcome::Refused { refusal: Refusal::new(code, message) },
        })
    };
    // Whoever was assigned once may hold what nobody else holds; the proof says who wrote it.
    if !caller.knows(&offer.tenant, &service.table) || !caller.active {
        return turned_down(code::NOT_ALLOWED, "This journal is not yours, so you cannot offer its ops.");
    }
    if header.op.tenant != offer.tenant || header.op.device != offer.proof.device {
        return turned_down("bad_offer", "The offer names another tenant or device than its op.");
    }
    let Some(sealed) = offer.entry.sealed_op() else {
        return turned_down(
            "body_missing",
            "The op's body is not open to you; somebody of the team must offer it.",
        );
    };
    let Some(author) = service.read_org(|tx| org::device(tx, &header.op.device)).map(Device::author)? else {
        return turned_down(
            "unknown_device",
            "The op's device is not known. Offer the journal of the organisation first.",
        );
    };
    let Some(kept) = proven(&author, offer, header, beside) else {
        return turned_down(code::BAD_SIGNATURE, "The proof does not show that the device wrote this op.");
    };
    let roles = roles_for(service, [&sealed])?;
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&offer.tenant, |journal| {
        let known = journal.tx().receipts(&header.op.device, header.op.device_seq, 1)?.pop();
        if let Some(known) = known {
            let same = known.receipt.hash == hash;
            return if same {
                Ok(known.receipt)
            } else {
                turned_down("other_bytes", "Other bytes stand under this number.")
            };
        }
        journal.tx().put_run(&header.op.device, &kept)?;
        journal.receive(&desk, &sealed, &author, EntryOrigin::Offered)
    })
}

/// The proof's signature where it covers this op, with the hashes from the proof and the request.
fn proven(author: &Caller, offer: &Offer, header: &Header, beside: &BTreeMap<u64, Hash>) -> Option<RunRow> {
    let run = &offer.proof.run;
    let number = header.op.device_seq;
    let covers = run.first <= number && number - run.first < run.count;
    if !covers || run.count > MAX_RUN as u64 {
        return None;
    }
    let hash_of = |n: u64| {
        if n == number {
            return Some(offer.entry.op_hash());
        }
        offer.proof.others.get(&n).or_else(|| beside.get(&n)).copied()
    };
    let hashes: Option<Vec<Hash>> = (run.first..run.first.saturating_add(run.count)).map(hash_of).collect();
    let kept = RunRow { run: run.clone(), hashes: hashes? };
    verify_run(&author.key, &offer.tenant, &author.device, run, &kept.hashes).then_some(kept)
}
