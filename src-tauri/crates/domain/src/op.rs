//! Ops: what an author wrote, as the exact bytes that are signed, hashed and stored.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::cell::CellKey;
use crate::change::Change;
use crate::hash::Hash;
use crate::id::{AccountId, Audience, DeviceId, OpId, TenantId};

/// The version of the op format this code writes.
pub const OP_VERSION: u32 = 1;
/// The largest body an op may have, in bytes. A playbook's source is the largest honest one.
pub const MAX_BODY: usize = 1 << 20;
/// The largest header, in bytes.
pub const MAX_HEADER: usize = 1 << 10;
/// The most values one op may name as replaced.
pub const MAX_BASE: usize = 50_000;

/// A place in a journal: how many ops it had and the hash that covers them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The seq of the last op; 0 for an empty journal.
    pub seq: u64,
    /// The head at that seq.
    pub head: Hash,
}

/// The part of an op that anyone may hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Format version.
    pub v: u32,
    /// The op's name.
    pub op: OpId,
    /// Who may read the body.
    pub audience: Audience,
    /// What the author had seen of the journal: laptops witness for one another by it.
    pub seen: Seen,
    /// Hash of the op whose bytes this one issues again (after a fork, a restore or a refusal).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reissues: Option<Hash>,
}

/// The part of an op that holds everything personal. Erasing a person blanks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Who wrote it.
    pub actor: AccountId,
    /// Whom the actor stood in for (impersonation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_under: Option<String>,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The author's clock: a label, never a decision.
    pub at: Time,
    /// For each cell the op writes, the ops whose values its author saw.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub base: BTreeMap<CellKey, Vec<OpId>>,
    /// The change.
    pub change: Change,
}

/// An op as it travels and is stored: the exact bytes, and the author's salt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedOp {
    /// [`Header`] as JSON.
    pub header: String,
    /// 32 hex digits; keeps a hash from betraying a body that can be guessed.
    pub salt: String,
    /// [`Body`] as JSON.
    pub body: String,
}

/// An op that was read from its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Op {
    /// The part anyone may hold.
    pub header: Header,
    /// The personal part.
    pub body: Body,
    /// The op's hash.
    pub hash: Hash,
}

/// Why bytes are not an op this version can decide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOp {
    /// The header cannot be read; the op cannot even be named.
    #[error("the header is not readable: {0}")]
    Header(String),
    /// The body cannot be read, though the op can be named and refused.
    #[error("the body is not readable: {0}")]
    Body(String),
    /// A part is larger than allowed.
    #[error("the {part} has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// `header`, `body` or `base`.
        part: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Header and body contradict each other.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// Hash of the salted body alone; a reader who may not see the body gets this instead.
pub fn body_hash(salt: &str, body: &str) -> Hash {
    Hash::of("cairn body 1", &[salt.as_bytes(), body.as_bytes()])
}

/// An op's hash: H(header, H(salt, body)).
pub fn op_hash(header: &str, body: Hash) -> Hash {
    Hash::of("cairn op 1", &[header.as_bytes(), &body.0])
}

impl SealedOp {
    /// Fixes an op's bytes. `salt` is 16 random bytes.
    pub fn seal(header: &Header, body: &Body, salt: [u8; 16]) -> Result<Self, BadOp> {
        let header = serde_json::to_string(header).map_err(|e| BadOp::Header(e.to_string()))?;
        let body = serde_json::to_string(body).map_err(|e| BadOp::Body(e.to_string()))?;
        Ok(Self { header, salt: hex::encode(salt), body })
    }

    /// The op's hash, over the bytes as they are.
    pub fn hash(&self) -> Hash {
        op_hash(&self.header, body_hash(&self.salt, &self.body))
    }

    /// Reads the header alone: enough to name the op and answer for it.
    pub fn header(&self) -> Result<Header, BadOp> {
        limit("header", self.header.len(), MAX_HEADER)?;
        serde_json::from_str(&self.header).map_err(|e| BadOp::Header(e.to_string()))
    }

    /// Reads the whole op. Never panics, whatever the bytes.
    pub fn open(&self) -> Result<Op, BadOp> {
        self.open_as(self.header()?, self.hash())
    }

    /// [`SealedOp::open`] for whoever has read the header and hashed the bytes already.
    pub fn open_as(&self, header: Header, hash: Hash) -> Result<Op, BadOp> {
        limit("body", self.body.len(), MAX_BODY)?;
        if self.salt.len() != 32 || hex::decode(&self.salt).is_err() {
            return Err(BadOp::Inconsistent("the salt is not 32 hex digits"));
        }
        let body: Body = serde_json::from_str(&self.body).map_err(|e| BadOp::Body(e.to_string()))?;
        limit("base", body.base.values().map(Vec::len).sum(), MAX_BASE)?;
        if body.change.audience() != header.audience {
            return Err(BadOp::Inconsistent("the header names another audience than the change belongs to"));
        }
        if body.base.values().flatten().any(|op| op.tenant != header.op.tenant) {
            return Err(BadOp::Inconsistent("the base names an op of another tenant"));
        }
        Ok(Op { header, body, hash })
    }
}

fn limit(part: &'static str, size: usize, limit: usize) -> Result<(), BadOp> {
    if size > limit { Err(BadOp::TooLarge { part, size, limit }) } else { Ok(()) }
}

/// A device's signature over a run of its consecutive ops in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSignature {
    /// The first number of the run.
    pub first: u64,
    /// How many ops it covers.
    pub count: u64,
    /// Ed25519 signature, 128 hex digits.
    pub signature: String,
}

fn run_message(tenant: &TenantId, device: &DeviceId, first: u64, hashes: &[Hash]) -> Hash {
    let joined: Vec<u8> = hashes.iter().flat_map(|h| h.0).collect();
    Hash::of(
        "cairn run 1",
        &[tenant.as_str().as_bytes(), device.as_str().as_bytes(), &first.to_be_bytes(), &joined],
    )
}

/// Signs a run: the hashes of ops `first`, `first + 1`, ...
pub fn sign_run(
    key: &SigningKey,
    tenant: &TenantId,
    device: &DeviceId,
    first: u64,
    hashes: &[Hash],
) -> RunSignature {
    let signature = key.sign(&run_message(tenant, device, first, hashes).0);
    RunSignature { first, count: hashes.len() as u64, signature: hex::encode(signature.to_bytes()) }
}

/// Whether `run` is this device's signature over exactly these hashes. `key` is 64 hex digits.
pub fn verify_run(
    key: &str,
    tenant: &TenantId,
    device: &DeviceId,
    run: &RunSignature,
    hashes: &[Hash],
) -> bool {
    if run.count != hashes.len() as u64 {
        return false;
    }
    verify_message(key, &run_message(tenant, device, run.first, hashes), &run.signature)
}

/// Signs a message that was already reduced to a labelled hash; 128 hex digits.
pub fn sign_message(key: &SigningKey, message: &Hash) -> String {
    hex::encode(key.sign(&message.0).to_bytes())
}

/// Checks [`sign_message`]. `key` is 64 hex digits; anything malformed is simply not valid, nor is a
/// signature in capital digits: each has one form, so that nothing signed can change unnoticed.
pub fn verify_message(key: &str, message: &Hash, signature: &str) -> bool {
    crate::checked::once(key, message, signature, || checks_out(key, message, signature))
}

fn checks_out(key: &str, message: &Hash, signature: &str) -> bool {
    if signature.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return false;
    }
    let mut key_bytes = [0; 32];
    let mut signature_bytes = [0; 64];
    if hex::decode_to_slice(key, &mut key_bytes).is_err()
        || hex::decode_to_slice(signature, &mut signature_bytes).is_err()
    {
        return false;
    }
    let Ok(key) = VerifyingKey::from_bytes(&key_bytes) else { return false };
    key.verify(&message.0, &Signature::from_bytes(&signature_bytes)).is_ok()
}
