//! The journal: ops in the service's order, chained so that no later change goes unnoticed.

use serde::{Deserialize, Serialize};

use crate::Time;
use crate::effect::{Effect, Effects};
use crate::hash::Hash;
use crate::id::{Audience, OpId};
use crate::op::{self, BadOp, Header, SealedOp, Seen};

/// Bytes that a reader may see, or only their hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part<T> {
    /// The bytes themselves.
    Open(T),
    /// Not for this reader, or erased.
    Sealed(Hash),
}

/// The body of an entry as a reader may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyBytes {
    /// The author's salt.
    pub salt: String,
    /// The body's JSON.
    pub body: String,
}

/// How an op came into the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryOrigin {
    /// Its device pushed it.
    Pushed,
    /// A manager adopted it from the held list, by this op.
    Adopted(OpId),
    /// It was offered again after the service came back from a backup.
    Offered,
}

/// One entry of a tenant's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place, from 1, without holes.
    pub seq: u64,
    /// The service's clock.
    pub received_at: Time,
    /// How it came in.
    pub origin: EntryOrigin,
    /// The op's header, exact bytes.
    pub header: String,
    /// The op's body.
    pub body: Part<BodyBytes>,
    /// Effects on the client's side: JSON list of [`Effect`], or their salted hash.
    pub client: Part<String>,
    /// Effects on the team's side.
    pub team: Part<String>,
}

/// The secrets that salt effect hashes, one for each audience of a journal. Readers of an audience
/// hold its salt; without it a hash of effects betrays nothing that could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectSalts {
    /// For the client's side.
    pub client: String,
    /// For the team's side; absent for client readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

fn effects_hash(salt: &str, seq: u64, json: &str) -> Hash {
    Hash::of("cairn effects 1", &[salt.as_bytes(), &seq.to_be_bytes(), json.as_bytes()])
}

/// Why an entry does not fit its journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// An op that cannot be read.
    #[error(transparent)]
    Op(#[from] BadOp),
    /// Effects that cannot be read.
    #[error("the effects are not readable: {0}")]
    Effects(String),
    /// An open side without the salt to check it.
    #[error("the effects are open, but their salt is missing")]
    NoSalt,
}

impl Entry {
    /// The hash of the op.
    pub fn op_hash(&self) -> Hash {
        op::op_hash(&self.header, self.body_hash())
    }

    fn body_hash(&self) -> Hash {
        match &self.body {
            Part::Open(b) => op::body_hash(&b.salt, &b.body),
            Part::Sealed(hash) => *hash,
        }
    }

    /// The head after this entry, given the head before it.
    pub fn link(&self, previous: Hash, salts: &EffectSalts) -> Result<Hash, BadEntry> {
        self.link_op(self.op_hash(), previous, salts)
    }

    /// [`Entry::link`] for whoever knows the op's hash already.
    pub fn link_op(&self, op: Hash, previous: Hash, salts: &EffectSalts) -> Result<Hash, BadEntry> {
        let client = self.side_hash(&self.client, Some(&salts.client))?;
        let team = self.side_hash(&self.team, salts.team.as_ref())?;
        let origin = serde_json::to_string(&self.origin).map_err(|e| BadEntry::Effects(e.to_string()))?;
        let parts: [&[u8]; 8] = [
            &previous.0,
            &self.seq.to_be_bytes(),
            &self.received_at.timestamp_millis().to_be_bytes(),
            origin.as_bytes(),
            self.header.as_bytes(),
            &op.0,
            &client.0,
            &team.0,
        ];
        Ok(Hash::of("cairn entry 1", &parts))
    }

    fn side_hash(&self, part: &Part<String>, salt: Option<&String>) -> Result<Hash, BadEntry> {
        match part {
            Part::Sealed(hash) => Ok(*hash),
            Part::Open(json) => Ok(effects_hash(salt.ok_or(BadEntry::NoSalt)?, self.seq, json)),
        }
    }

    /// Reads the header.
    pub fn read_header(&self) -> Result<Header, BadEntry> {
        Ok(serde_json::from_str(&self.header).map_err(|e| BadOp::Header(e.to_string()))?)
    }

    /// The sealed op, where the body may be seen.
    pub fn sealed_op(&self) -> Option<SealedOp> {
        match &self.body {
            Part::Open(b) => {
                Some(SealedOp { header: self.header.clone(), salt: b.salt.clone(), body: b.body.clone() })
            }
            Part::Sealed(_) => None,
        }
    }

    /// The effects this reader may see. What a newer version wrote reads as [`Effect::Unknown`].
    pub fn effects(&self) -> Result<Effects, BadEntry> {
        let read = |part: &Part<String>| -> Result<Vec<Effect>, BadEntry> {
            match part {
                Part::Open(json) => serde_json::from_str(json).map_err(|e| BadEntry::Effects(e.to_string())),
                Part::Sealed(_) => Ok(Vec::new()),
            }
        };
        Ok(Effects { client: read(&self.client)?, team: read(&self.team)? })
    }

    /// The entry as a reader of `audience` may have it: what is not theirs becomes its hash.
    pub fn for_audience(&self, audience: Audience, salts: &EffectSalts) -> Result<Self, BadEntry> {
        if audience == Audience::Team {
            return Ok(self.clone());
        }
        let mut entry = self.clone();
        entry.team = Part::Sealed(self.side_hash(&self.team, salts.team.as_ref())?);
        if self.read_header()?.audience == Audience::Team {
            entry.body = Part::Sealed(self.body_hash());
        }
        Ok(entry)
    }
}

impl EffectSalts {
    /// The salts a reader of `audience` may hold.
    pub fn for_audience(&self, audience: Audience) -> Self {
        match audience {
            Audience::Team => self.clone(),
            Audience::Client => Self { client: self.client.clone(), team: None },
        }
    }
}

/// What the service signs about a journal: remembered by laptops as receipts.
pub fn head_message(tenant: &crate::TenantId, seen: Seen) -> Hash {
    Hash::of("cairn head 1", &[tenant.as_str().as_bytes(), &seen.seq.to_be_bytes(), &seen.head.0])
}

/// What the service answered about an op, for ever (DESIGN "Push is idempotent for ever").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// In the journal at this seq.
    Accepted {
        /// The seq.
        seq: u64,
    },
    /// Judged and refused; the number is a known gap.
    Refused {
        /// Why.
        refusal: crate::decide::Refusal,
    },
    /// On the held list until a manager decides.
    Held,
    /// Dropped from the held list by this op.
    Discarded {
        /// The manager's op.
        by: OpId,
    },
    /// The same bytes are already in the journal under this name.
    Duplicate {
        /// The op they stand under.
        of: OpId,
    },
}

impl Outcome {
    /// The op that stands in the journal in this one's place, where this one is a duplicate.
    pub fn duplicate_of(&self) -> Option<&OpId> {
        match self {
            Outcome::Duplicate { of } => Some(of),
            _ => None,
        }
    }
}

/// An answer about one op.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The op.
    pub op: OpId,
    /// The hash of the bytes the service received under that name.
    pub hash: Hash,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}
