//! Who sent a request: its device's signature over method, path, body and nonce.

use cairn_domain::op::verify_message;
use cairn_domain::{DeviceId, Time};
use cairn_protocol::auth::request_message;
use cairn_protocol::code;

use crate::error::{Error, Result};
use crate::nonce;
use crate::org::{Caller, Device};
use crate::service::Service;

/// What a request shows of its sender.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The device it names.
    pub device: &'a str,
    /// The nonce it used.
    pub nonce: &'a str,
    /// The signature, 128 hex digits.
    pub signature: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path with query.
    pub path: &'a str,
    /// The body, exactly the bytes on the wire: compressed where they were.
    pub body: &'a [u8],
}

/// Finds out who sends a request, judged now: whoever was disabled or retired a moment ago is.
///
/// # Errors
/// `bad_nonce`, `unknown_device`, `bad_signature`, `device_retired`, `rate_limited`.
pub fn caller(service: &Service, shown: &Shown<'_>, now: Time) -> Result<Caller> {
    let unknown =
        || Error::api(code::UNKNOWN_DEVICE, "The service does not know this device. Sign in again.");
    let device: DeviceId = shown.device.parse().map_err(|_| unknown())?;
    if !nonce::check(&service.identity.nonce_secret, device.as_str(), shown.nonce, now) {
        return Err(Error::api(code::BAD_NONCE, "The nonce is stale. Use the one this reply carries."));
    }
    let found = service.device(&device)?;
    let retired = matches!(found, Device::Retired(_));
    let caller = found.author().filter(|author| author.role.is_some()).ok_or_else(unknown)?;
    let message = request_message(shown.method, shown.path, shown.body, shown.nonce);
    if !verify_message(&caller.key, &message, shown.signature) {
        return Err(Error::api(code::BAD_SIGNATURE, "The request is not signed by this device."));
    }
    if retired {
        return Err(Error::api(
            code::DEVICE_RETIRED,
            "This device was signed out or retired. Sign in again.",
        ));
    }
    service.limits.count(&format!("device {device}"), service.rates.device, now)?;
    service.limits.count(&format!("account {}", caller.account), service.rates.account, now)?;
    Ok(caller)
}

/// The next nonce for a device.
pub fn next_nonce(service: &Service, device: &str, now: Time) -> String {
    nonce::make(&service.identity.nonce_secret, device, now)
}
