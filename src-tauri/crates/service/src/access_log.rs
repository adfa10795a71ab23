//! Reads, exports, denials, sign-ins and sign-outs, by ids alone. The journal tells who changed what;
//! this tells who looked, who left and who was turned away.

use cairn_domain::{TenantId, Time};
use cairn_protocol::code;

use crate::error::{Error, Result};
use crate::limits::Rate;
use crate::org::Caller;
use crate::service::Service;
use crate::storage::{Access, Mode, with};

/// Reads of one device in one tenant are one line an hour.
const READS: Rate = Rate { count: 1, seconds: 60 * 60 };
/// Beside the journal: the hour of a device's last line about reading.
const READ: &str = "read-hour";
/// The outcome of what was done.
pub const OK: &str = "ok";

/// Notes what a caller did, or was denied, in a journal.
///
/// # Errors
/// Faults of the storage.
pub fn note(
    service: &Service,
    caller: &Caller,
    tenant: &TenantId,
    what: &str,
    outcome: &str,
    now: Time,
) -> Result<()> {
    let (account, device) = (caller.account.as_str(), caller.device.as_str());
    let access = Access { at: now, account, device, what, outcome };
    with(&service.storage, tenant, Mode::Write, |tx| tx.log_access(&access))
}

/// Notes that a device read from a journal: at most one line an hour, whichever replica served it.
///
/// # Errors
/// Faults of the storage.
pub fn read(service: &Service, caller: &Caller, tenant: &TenantId, now: Time) -> Result<()> {
    let hour = (now.timestamp() / READS.seconds).to_string();
    let (account, device) = (caller.account.as_str(), caller.device.as_str());
    // Mostly this process remembers, and nothing need be written.
    let known = format!("read {device} {tenant} {hour}");
    if service.limits.count(&known, READS, now).is_err() {
        return Ok(());
    }
    let access = Access { at: now, account, device, what: "read", outcome: OK };
    with(&service.storage, tenant, Mode::Write, |tx| {
        if tx.side(READ, device)?.as_deref() == Some(&hour) {
            return Ok(());
        }
        tx.put_side(READ, device, Some(&hour))?;
        tx.log_access(&access)
    })
}

/// Notes a denial under `_org`: the tenant asked for may not even be there. Other errors are none.
///
/// # Errors
/// Faults of the storage.
pub fn denied(service: &Service, caller: &Caller, what: &str, error: &Error, now: Time) -> Result<()> {
    let Error::Api(error) = error else { return Ok(()) };
    let denial = [code::NOT_ALLOWED, code::NOT_FOUND, code::ACCOUNT_DISABLED, code::DEVICE_FORKED];
    if !denial.contains(&error.code.as_str()) {
        return Ok(());
    }
    note(service, caller, &TenantId::org(), what, &error.code, now)
}
