//! `POST /v1/sync`: push and pull for all tenants in one round trip.

use std::collections::BTreeMap;

use cairn_domain::id::Audience;
use cairn_domain::journal::{EffectSalts, Entry, Receipt};
use cairn_domain::op::{RunSignature, SealedOp, Seen};
use cairn_domain::{Cell, CellKey, DeviceId, Hash, OpId, TenantId, Time};
use serde::{Deserialize, Serialize};

/// Where a laptop stands in one journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The journal.
    pub tenant: TenantId,
    /// Its last confirmed place.
    #[serde(flatten)]
    pub seen: Seen,
}

/// What the laptop proves it knows: the list of its positions (sorted by tenant), or only its hash
/// where the service should remember the list from last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// [`positions_hash`] of the list.
    Hash(Hash),
    /// The list itself.
    List(Vec<Position>),
}

/// The hash of a list of positions, sorted by tenant.
pub fn positions_hash(positions: &[Position]) -> Hash {
    let lines: Vec<String> =
        positions.iter().map(|p| format!("{} {} {}\n", p.tenant, p.seen.seq, p.seen.head)).collect();
    Hash::of("cairn positions 1", &[lines.concat().as_bytes()])
}

/// A run of consecutive ops of one device in one tenant, signed once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRun {
    /// The journal.
    pub tenant: TenantId,
    /// The signature over the ops' hashes.
    pub run: RunSignature,
    /// The ops, in order of their numbers.
    pub ops: Vec<SealedOp>,
}

/// An op offered again after the service's history was found to differ, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The journal.
    pub tenant: TenantId,
    /// The entry as the laptop holds it.
    pub entry: Entry,
    /// The proof that its author wrote it.
    pub proof: RunProof,
}

/// What a laptop asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Protocol version.
    pub v: u32,
    /// What the laptop knows.
    pub known: Known,
    /// What it has to say, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub push: Vec<PushRun>,
    /// What it offers again, see [`Offer`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<Offer>,
    /// Journals it holds from a snapshot and wants the earlier entries of: entries before this seq.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fill: BTreeMap<TenantId, u64>,
    /// Own ops on the held list, of this device or a former one: what became of them? Answered by a
    /// receipt each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<OpId>,
    /// Journals it wants whole from seq 0, as a snapshot or entries: a rebuild.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rebuild: Vec<TenantId>,
    /// At most this many entries and cells of snapshots in the reply: the journal that passes it is the
    /// last one. Absent: as many as the service gives at once. A laptop on a slow line asks for fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u64>,
}

/// The content encoding of a reply to a push: zstd with [`SyncRequest::prefix`] before it. Whoever asks
/// for it takes plain zstd too.
pub const AFTER_REQUEST: &str = "zstd-after";

impl SyncRequest {
    /// What both sides hold once the request has arrived: its `body` as plain JSON, and the hash of
    /// each op it pushes. The reply repeats most of it, hashes and salts above all, which nothing
    /// else would make shorter.
    pub fn prefix(&self, body: Vec<u8>) -> Vec<u8> {
        let mut prefix = body;
        for op in self.push.iter().flat_map(|run| &run.ops) {
            prefix.extend_from_slice(op.hash().to_string().as_bytes());
        }
        prefix
    }
}

/// A device's signature over a run, and the hashes of those of its ops that are not in this page:
/// refused ones, ones in another page, or ones in whose place other bytes stand there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunProof {
    /// The device.
    pub device: DeviceId,
    /// The signature.
    pub run: RunSignature,
    /// Hashes by number of the ops that the page does not hold. They count before what it holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<u64, Hash>,
}

/// A tenant's state at a place in its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The place.
    pub seen: Seen,
    /// Every cell the reader may see.
    pub cells: Vec<(CellKey, Cell)>,
    /// The playbook sources its projects need, by digest.
    pub playbooks: BTreeMap<String, String>,
    /// The lowest place from which the service went on after it came back from a backup: authors may
    /// have seen what is gone beyond it. The entries, once filled in, must show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<u64>,
}

/// An op on the held list, as managers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOp {
    /// The op.
    pub op: OpId,
    /// Its bytes; absent where the reader may not see its audience.
    pub sealed: Option<SealedOp>,
    /// When the service received it.
    pub received_at: Time,
    /// Why it is held: `not_assigned`, `account_disabled`, `imported`.
    pub why: String,
}

/// News of one journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantPage {
    /// The journal.
    pub tenant: TenantId,
    /// What this reader may see of it.
    pub audience: Audience,
    /// To check effect hashes with.
    pub salts: EffectSalts,
    /// A state to start from, instead of all entries before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Box<Snapshot>>,
    /// The next entries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// Entries before the laptop's first one, newest last; answer to `fill`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filled: Vec<Entry>,
    /// Proofs for `entries` and `filled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<RunProof>,
    /// Where this page ends.
    pub seen: Seen,
    /// The service's signature over [`cairn_domain::journal::head_message`] of `seen`.
    pub signature: String,
    /// The service's digest of what this reader may see, at `seen`; absent when more follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Hash>,
    /// Whether more entries follow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The last number of this device the service has a receipt for, 0 for none.
    pub last_receipted: u64,
    /// The held list, for those who may decide about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Vec<HeldOp>>,
}

/// The service cannot extend what the laptop knows of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryDiffers {
    /// The journal.
    pub tenant: TenantId,
    /// Where the service stands.
    pub service: Seen,
    /// Heads of the service at some earlier places, newest first, to find the common point with.
    pub heads: Vec<Seen>,
    /// No more heads will be told, because the journal is closed to this reader: it goes back to the
    /// highest place it shares.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// What the service answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncReply {
    /// One answer for each op pushed or offered, in the same order, then for each of `held`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<Receipt>,
    /// News, only of journals that have some (or where `last_receipted` or the held list matter).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<TenantPage>,
    /// Journals that were pushed to and are none of the caller's business, or not there: nothing of
    /// theirs was taken. After a restore they may be there again once `_org` was offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<TenantId>,
    /// Journals this device may no longer hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<TenantId>,
    /// Journals whose history differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<HistoryDiffers>,
    /// The service does not remember the list behind the hash: ask again with the list. Pushes of
    /// this request were taken all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_list: bool,
    /// Whether any page said `more`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The account is disabled: pushes were held, nothing is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// `GET /v1/heads/{tenant}?at=1,2,3`: the service's heads, to find a common point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsReply {
    /// As far as the journal reaches.
    pub heads: Vec<Seen>,
}
