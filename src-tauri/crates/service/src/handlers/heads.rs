//! `GET /v1/heads/{tenant}`: heads at given places, to find a common point with.

use cairn_domain::TenantId;
use cairn_domain::access::Action;
use cairn_domain::op::Seen;
use cairn_protocol::code;
use cairn_protocol::sync::HeadsReply;

use crate::error::{Error, Result};
use crate::org::Caller;
use crate::service::{Service, not_found};
use crate::storage::{Mode, with};

/// The most places one request may ask for.
pub const MAX_PLACES: usize = 256;

/// The service's heads at `at`, as far as the journal reaches.
///
/// # Errors
/// `not_found` where the caller may not verify the journal, `bad_request` for too many places.
pub fn heads(service: &Service, caller: &Caller, tenant: &TenantId, at: &[u64]) -> Result<HeadsReply> {
    let may = tenant.is_org() || caller.may(Action::VerifyAudit, tenant, &service.table);
    if !caller.active || !may {
        return Err(not_found());
    }
    if at.len() > MAX_PLACES {
        return Err(Error::api(code::BAD_REQUEST, format!("Ask for at most {MAX_PLACES} places at once.")));
    }
    let mut heads = with(&service.storage, tenant, Mode::Read, |tx| {
        tx.journal()?.ok_or_else(not_found)?;
        tx.heads(at)
    })?;
    if at.contains(&0) {
        heads.push(Seen::default());
    }
    Ok(HeadsReply { heads })
}
