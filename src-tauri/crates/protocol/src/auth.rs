//! Sign-in, and how each request is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cairn_domain::access::Role;
use cairn_domain::{AccountId, DeviceId, Hash};
use serde::{Deserialize, Serialize};

/// Request header: the device's id.
pub const DEVICE_HEADER: &str = "cairn-device";
/// Request header: the nonce used. Reply header: the next nonce.
pub const NONCE_HEADER: &str = "cairn-nonce";
/// Request header: Ed25519 signature over [`request_message`], as [`signature_header`] writes it.
pub const SIGNATURE_HEADER: &str = "cairn-signature";
/// Says how many records of an import's file are staged, while whoever answers stages it: HEAD alone.
pub const STAGED_HEADER: &str = "cairn-staged";

/// Says of a blob that it holds the records of an import, and how many: PUT alone.
pub const IMPORT_ROWS_HEADER: &str = "cairn-import-rows";

/// A signature of 128 hex digits as a header: base64 without padding, since each request carries one.
#[must_use]
pub fn signature_header(signature: &str) -> String {
    STANDARD_NO_PAD.encode(hex::decode(signature).unwrap_or_default())
}

/// The 128 hex digits of [`signature_header`]; anything else gives what no key fits.
#[must_use]
pub fn signature_of(header: &str) -> String {
    STANDARD_NO_PAD.decode(header).map(hex::encode).unwrap_or_default()
}

/// What a device signs for each request. `path` includes the query.
pub fn request_message(method: &str, path: &str, body: &[u8], nonce: &str) -> Hash {
    Hash::of(
        "cairn request 1",
        &[method.as_bytes(), path.as_bytes(), &Hash::of("cairn request body 1", &[body]).0, nonce.as_bytes()],
    )
}

/// A device's id follows from its public key (32 bytes as 64 hex digits): nobody can enrol a
/// second key under it.
pub fn device_id(public_key_hex: &str) -> Option<DeviceId> {
    let hash = Hash::of("cairn device 1", &[public_key_hex.as_bytes()]);
    hex16(&hash).parse().ok()
}

fn hex16(hash: &Hash) -> String {
    hash.to_string().chars().take(16).collect()
}

/// What a device signs at sign-in, to prove that it holds the key it enrols.
pub fn enrolment_message(name: &str, public_key_hex: &str, nonce: &str) -> Hash {
    Hash::of("cairn enrol 1", &[name.as_bytes(), public_key_hex.as_bytes(), nonce.as_bytes()])
}

/// `GET /v1/hello`: what anyone may know before signing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Protocol version of the service.
    pub v: u32,
    /// The service's public key, 64 hex digits; pinned at enrolment.
    pub service_key: String,
    /// A nonce to sign in with.
    pub nonce: String,
}

/// `POST /v1/sign-in`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInRequest {
    /// Sign-in name.
    pub name: String,
    /// Password. Never logged.
    pub password: String,
    /// The device's public key, 64 hex digits. An enrolled key signs in again; a new one is enrolled.
    pub device_key: String,
    /// From [`Hello`].
    pub nonce: String,
    /// Signature over [`enrolment_message`] by the device key.
    pub signature: String,
}

/// The reply to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInReply {
    /// Who signed in.
    pub account: AccountId,
    /// Sign-in name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// The device.
    pub device: DeviceId,
    /// The service's public key, to pin.
    pub service_key: String,
    /// Days that offline access lasts since the last contact.
    pub lease_days: u32,
    /// Records of one import at most while a tenant is in its pilot.
    #[serde(default = "cairn_domain::import::pilot_rows")]
    pub pilot_rows: u64,
}
