//! Errors are one shape everywhere; code branches on `code`, never on text.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Codes that both sides know.
pub mod code {
    /// The nonce is stale or foreign; the reply carries a fresh one in `cairn-nonce`.
    pub const BAD_NONCE: &str = "bad_nonce";
    /// Name and password do not belong together.
    pub const BAD_CREDENTIALS: &str = "bad_credentials";
    /// The request's signature does not fit.
    pub const BAD_SIGNATURE: &str = "bad_signature";
    /// The device is unknown to the service.
    pub const UNKNOWN_DEVICE: &str = "unknown_device";
    /// The device was signed out or retired.
    pub const DEVICE_RETIRED: &str = "device_retired";
    /// A number was used twice with other bytes: the profile was copied or restored.
    pub const DEVICE_FORKED: &str = "device_forked";
    /// The account is disabled: it may only push, and all of it is held.
    pub const ACCOUNT_DISABLED: &str = "account_disabled";
    /// The role may not do this.
    pub const NOT_ALLOWED: &str = "not_allowed";
    /// Too many requests; details carry `retry_after_s`.
    pub const RATE_LIMITED: &str = "rate_limited";
    /// The request is not readable or breaks a limit.
    pub const BAD_REQUEST: &str = "bad_request";
    /// The body is larger than allowed.
    pub const TOO_LARGE: &str = "too_large";
    /// There is no such thing, or it is not for this reader.
    pub const NOT_FOUND: &str = "not_found";
    /// The service has a fault of its own; nothing was changed.
    pub const INTERNAL: &str = "internal";
    /// The service cannot be reached.
    pub const UNREACHABLE: &str = "unreachable";
    /// The other side speaks a version this one does not.
    pub const VERSION: &str = "version_not_supported";
}

/// `{code, message, details}`: on the wire, on stderr and towards the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// One of [`code`] or of the rules' own codes.
    pub code: String,
    /// One plain sentence: what is wrong and what to do.
    pub message: String,
    /// What it is about, or null.
    #[serde(default)]
    pub details: Value,
}

impl ApiError {
    /// An error without details.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), details: Value::Null }
    }
}

impl From<cairn_domain::decide::Refusal> for ApiError {
    fn from(refusal: cairn_domain::decide::Refusal) -> Self {
        Self { code: refusal.code, message: refusal.message, details: refusal.details }
    }
}
