//! `POST /v1/sync`: push, offers and pull for all tenants in one round trip.

use cairn_domain::DeviceId;
use cairn_domain::TenantId;
use cairn_protocol::sync::{Known, Position, SyncReply, SyncRequest, positions_hash};
use cairn_protocol::{PROTOCOL_VERSION, code};
use serde::{Deserialize, Serialize};

use super::{pull, push};
use crate::access_log;
use crate::error::{Error, Result};
use crate::org::{Caller, side};
use crate::service::{Ask, Service};
use crate::storage::{Mode, with};

/// The most journals a laptop may list.
const MAX_POSITIONS: usize = 20_000;

/// What a device proved last, and what it will hold once it has applied the last reply. The second
/// is no assumption: it counts only when the device comes back with exactly its hash.
#[derive(Default, Serialize, Deserialize)]
struct Remembered {
    proved: Vec<Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<Vec<Position>>,
}

/// Answers one sync.
///
/// # Errors
/// `version_not_supported`; `bad_request` for a gap in the numbers or a run that does not name its
/// device; `bad_signature`; `device_forked`. What was taken before the error stays taken: its receipts come again.
pub fn sync(
    service: &Service,
    caller: &Caller,
    request: &SyncRequest,
    ask: &mut Ask<'_>,
) -> Result<SyncReply> {
    if request.v != PROTOCOL_VERSION {
        let message =
            format!("This service speaks version {PROTOCOL_VERSION} of the protocol, not {}.", request.v);
        return Err(Error::api(code::VERSION, message));
    }
    let mut reply = SyncReply::default();
    for run in &request.push {
        match push::run(service, caller, run, ask)? {
            push::Taken::Receipts(receipts) => reply.receipts.extend(receipts),
            push::Taken::Differs(differs) => {
                reply.differs.retain(|d| d.tenant != differs.tenant);
                reply.differs.push(differs);
            }
            push::Taken::Closed => reply.closed.push(run.tenant.clone()),
        }
    }
    reply.receipts.extend(push::offers(service, caller, &request.offers, ask)?);
    reply.receipts.extend(push::held(service, caller, &request.held)?);
    // A pushed assignment, or a command meanwhile, may have changed what the caller is.
    let renewed = if wrote(request) { Some(service.caller(&caller.device)?) } else { None };
    let caller = renewed.as_ref().unwrap_or(caller);
    if !caller.active {
        reply.disabled = true;
        return Ok(reply);
    }
    let kept = service.read_org(|tx| tx.side(side::KNOWN, caller.device.as_str()))?;
    let Some(positions) = proven(kept.as_deref(), &request.known)? else {
        reply.send_list = true;
        return Ok(reply);
    };
    let next = pull::pages(service, caller, &positions, request, &mut reply)?;
    for page in &reply.pages {
        access_log::read(service, caller, &page.tenant, ask.now)?;
    }
    let next = (next != positions).then_some(next);
    remember(service, &caller.device, kept.as_deref(), &Remembered { proved: positions, next })?;
    Ok(reply)
}

/// Whether a request did more than ask: time has passed since its caller was looked up.
fn wrote(request: &SyncRequest) -> bool {
    !request.push.is_empty() || !request.offers.is_empty()
}

/// The list the device proves; none where it has to send it.
fn proven(kept: Option<&str>, known: &Known) -> Result<Option<Vec<Position>>> {
    match known {
        Known::List(list) => {
            let sorted = list.windows(2).all(|pair| pair[0].tenant < pair[1].tenant);
            if !sorted || list.len() > MAX_POSITIONS {
                return Err(Error::api(
                    code::BAD_REQUEST,
                    "The list of positions is not sorted, or too long.",
                ));
            }
            Ok(Some(list.clone()))
        }
        Known::Hash(hash) => {
            // Whatever an older version left there is only a memory: without it the list is asked for.
            let kept: Remembered = kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            Ok([Some(kept.proved), kept.next]
                .into_iter()
                .flatten()
                .find(|list| positions_hash(list) == *hash))
        }
    }
}

/// Remembers what the device proved and will hold, unless just that was `kept` before.
fn remember(service: &Service, device: &DeviceId, kept: Option<&str>, now: &Remembered) -> Result<()> {
    let text = serde_json::to_string(now)?;
    if kept == Some(&text) {
        return Ok(());
    }
    let org = TenantId::org();
    with(&service.storage, &org, Mode::Memory, |tx| tx.put_side(side::KNOWN, device.as_str(), Some(&text)))
}
