//! Hello, sign-in with device enrolment, sign-out.

use std::collections::BTreeMap;

use cairn_domain::op::verify_message;
use cairn_domain::{Change, DeviceId, TenantId};
use cairn_protocol::auth::{Hello, SignInReply, SignInRequest, device_id, enrolment_message};
use cairn_protocol::{PROTOCOL_VERSION, code};

use crate::error::{Error, Result};
use crate::org::{self, Account, Caller, Device, side};
use crate::service::{Ask, LEASE_DAYS, Service, enrolled};
use crate::storage::{Access, Mode, with};
use crate::{access_log, nonce, password};

/// The scope of nonces given to strangers.
pub const HELLO: &str = "hello";

/// What anyone may know.
pub fn hello(service: &Service, ask: &Ask<'_>) -> Hello {
    Hello {
        v: PROTOCOL_VERSION,
        service_key: service.identity.public_key(),
        nonce: nonce::make(&service.identity.nonce_secret, HELLO, ask.now),
    }
}

/// Signs a person in on a device and enrols the device where its key is new.
///
/// # Errors
/// `rate_limited`, `bad_nonce`, `bad_signature`, `bad_credentials`, `account_disabled`,
/// `device_retired` (the key was retired: make a new one), `not_allowed` (somebody else's device).
pub fn sign_in(service: &Service, request: &SignInRequest, ask: &mut Ask<'_>) -> Result<SignInReply> {
    let name = request.name.trim();
    let limit = format!("sign-in {name}");
    service.limits.check(&limit, service.rates.sign_in_failures, ask.now)?;
    let device = proven_device(service, request, ask)?;
    let (account, kept) = service.read_org(|tx| {
        let account = org::account_named(tx, name)?;
        let kept = account.as_ref().map(|a| tx.side(side::PASSWORD, a.id.as_str())).transpose()?.flatten();
        Ok((account, kept))
    })?;
    let checked = password::verify(&request.password, kept.as_deref())
        .and_then(|()| account.ok_or_else(|| Error::fault("a password without an account")))
        .and_then(|account| enrol(service, request, &device, account, ask));
    log_sign_in(service, &device, &checked, ask)?;
    match checked {
        Ok(reply) => {
            service.limits.forget(&limit);
            Ok(reply)
        }
        Err(error) => {
            service.limits.count(&limit, service.rates.sign_in_failures, ask.now)?;
            Err(error)
        }
    }
}

fn proven_device(service: &Service, request: &SignInRequest, ask: &Ask<'_>) -> Result<DeviceId> {
    if !nonce::check(&service.identity.nonce_secret, HELLO, &request.nonce, ask.now) {
        return Err(Error::api(code::BAD_NONCE, "The sign-in took too long. Try again."));
    }
    let message = enrolment_message(&request.name, &request.device_key, &request.nonce);
    if !verify_message(&request.device_key, &message, &request.signature) {
        return Err(Error::api(code::BAD_SIGNATURE, "The device did not prove that it holds its key."));
    }
    device_id(&request.device_key)
        .ok_or_else(|| Error::api(code::BAD_REQUEST, "The device key is not a key."))
}

fn enrol(
    service: &Service,
    request: &SignInRequest,
    device: &DeviceId,
    account: Account,
    ask: &mut Ask<'_>,
) -> Result<SignInReply> {
    if !account.active {
        return Err(Error::api(code::ACCOUNT_DISABLED, "This account is disabled. Ask your manager."));
    }
    let caller = Caller {
        account: account.id.clone(),
        device: device.clone(),
        key: request.device_key.clone(),
        role: Some(account.role),
        active: true,
        assigned: BTreeMap::new(),
    };
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&TenantId::org(), |journal| match org::device(journal.tx(), device)? {
        Device::Unknown => journal
            .write(&desk, &service.identity.pen(ask.now), enrolled(&caller, false), ask.random)
            .map(drop),
        Device::Retired(_) => {
            Err(Error::api(code::DEVICE_RETIRED, "This device's key was retired. Enrol it with a new key."))
        }
        Device::Enrolled(known) if known.account != account.id => {
            Err(Error::api(code::NOT_ALLOWED, "This device's key belongs to somebody else. Use a new key."))
        }
        Device::Enrolled(_) => Ok(()),
    })?;
    Ok(SignInReply {
        account: account.id,
        name: account.name,
        role: account.role,
        device: device.clone(),
        service_key: service.identity.public_key(),
        lease_days: LEASE_DAYS,
        pilot_rows: service.pilot_rows,
    })
}

fn log_sign_in(
    service: &Service,
    device: &DeviceId,
    outcome: &Result<SignInReply>,
    ask: &Ask<'_>,
) -> Result<()> {
    let (account, outcome) = match outcome {
        Ok(reply) => (reply.account.as_str(), "ok"),
        Err(Error::Api(error)) => ("", error.code.as_str()),
        Err(Error::Fault(_)) => ("", code::INTERNAL),
    };
    let access = Access { at: ask.now, account, device: device.as_str(), what: "sign-in", outcome };
    with(&service.storage, &TenantId::org(), Mode::Write, |tx| tx.log_access(&access))
}

/// Signs a device out: it is retired and enrols anew at the next sign-in.
pub fn sign_out(service: &Service, caller: &Caller, ask: &mut Ask<'_>) -> Result<()> {
    retire(service, &caller.device, "signed_out", ask)?;
    access_log::note(service, caller, &TenantId::org(), "sign-out", access_log::OK, ask.now)
}

/// Retires a device and tells whether it was enrolled until now; one already retired stays so.
pub fn retire(service: &Service, device: &DeviceId, why: &str, ask: &mut Ask<'_>) -> Result<bool> {
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&TenantId::org(), |journal| {
        if !matches!(org::device(journal.tx(), device)?, Device::Enrolled(_)) {
            return Ok(false);
        }
        let change = Change::DeviceRetired { device: device.clone(), why: why.to_owned() };
        journal.write(&desk, &service.identity.pen(ask.now), change, ask.random).map(|_| true)
    })
}
