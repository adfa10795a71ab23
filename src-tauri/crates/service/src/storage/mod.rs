//! Where journals are kept: one trait, embedded SQLite and PostgreSQL behind it.
//!
//! The guarantee both give:
//!
//! - A transaction belongs to **one** tenant and sees no row of another.
//! - [`Mode::Write`] holds the tenant's counter row locked from its beginning to its end, also
//!   against other processes, so that sequence numbers are given in the order of commits and a
//!   reader that saw number n will never later find a number below n that it had not seen.
//! - What was committed survives a power cut. What was not leaves nothing behind.
//! - [`Mode::Read`] sees one moment: nothing changes between its steps.
//! - [`Mode::Memory`] promises the least: no counter is locked and no commit waits for the disk.
//!
//! Calls block. The HTTP side runs them on blocking threads; the simulator calls them directly.

mod group;
pub mod postgres;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::cell::Cells;
use cairn_domain::digest::Digests;
use cairn_domain::journal::{EffectSalts, Entry, Receipt};
use cairn_domain::op::{RunSignature, SealedOp, Seen};
use cairn_domain::{AccountId, Cell, CellKey, DeviceId, Hash, OpId, TenantId, Time};
use cairn_protocol::MAX_RUN;
use cairn_protocol::sync::PushRun;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The most ops of a run, as a number of a column: no run that begins so far before an op covers it.
const LONGEST_RUN: i64 = MAX_RUN as i64;

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads of one moment.
    Read,
    /// Reads and writes under the tenant's locked counter.
    Write,
    /// Writes beside the journal that a power cut may take back, and that nobody waits for: what a
    /// device proved last only spares it a question.
    Memory,
}

/// A journal's counter and what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// The last place and the head there.
    pub seen: Seen,
    /// How many ops are on the held list.
    pub held: u64,
    /// What else is known of it.
    pub state: JournalState,
}

/// The part of a journal's row that only [`crate::journal`] reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalState {
    /// The secrets that salt its effect hashes.
    pub salts: EffectSalts,
    /// Set hash over the client's cells.
    pub client: Hash,
    /// Set hash over the team's cells.
    pub team: Hash,
    /// The seq from which the service went on after a restore; ops may have seen a lost history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<u64>,
}

impl JournalState {
    /// The digests of the confirmed state.
    pub fn digests(&self) -> Digests {
        use cairn_domain::digest::SetHash;
        Digests { client: SetHash::from_hash(self.client), team: SetHash::from_hash(self.team) }
    }
}

/// A journal and where it stands, for telling what is news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The journal.
    pub tenant: TenantId,
    /// Its last place.
    pub seen: Seen,
    /// How many ops are on its held list.
    pub held: u64,
}

/// An entry with what is needed to page and prove it.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRow {
    /// The op.
    pub op: OpId,
    /// The head after it.
    pub head: Hash,
    /// The entry, whole.
    pub entry: Entry,
}

/// A receipt with what lineage and duplicates need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReceiptRow {
    /// What was answered.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// The hash of the op it issues again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reissues: Option<Hash>,
    /// The base it had, kept where the op is not in the journal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub base: BTreeMap<CellKey, Vec<OpId>>,
}

/// A device's signature over a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The signature.
    pub run: RunSignature,
    /// The hashes it covers, in order of their numbers. Kept with it because other bytes may stand
    /// under one of them in the journal: another copy of the profile may have signed a run too.
    pub hashes: Vec<Hash>,
}

impl From<&PushRun> for RunRow {
    fn from(pushed: &PushRun) -> Self {
        Self { run: pushed.run.clone(), hashes: pushed.ops.iter().map(SealedOp::hash).collect() }
    }
}

impl RunRow {
    /// The number and hash of each op it covers.
    pub fn ops(&self) -> impl Iterator<Item = (u64, Hash)> + '_ {
        (self.run.first..).zip(self.hashes.iter().copied())
    }

    /// Whether it covers this op.
    pub fn covers(&self, number: u64, hash: Hash) -> bool {
        let place = number.checked_sub(self.run.first).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.hashes.get(place)) == Some(&hash)
    }

    /// The hashes as a column, 32 bytes each.
    pub(super) fn hash_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// From its columns.
    pub(super) fn read(run: RunSignature, hashes: &[u8]) -> Self {
        let hashes = hashes.as_chunks().0.iter().map(|bytes| Hash(*bytes)).collect();
        Self { run, hashes }
    }
}

/// An op on the held list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldRow {
    /// The op.
    pub op: OpId,
    /// Its bytes.
    pub sealed: SealedOp,
    /// Its author.
    pub author: AccountId,
    /// When it was received.
    pub received_at: Time,
    /// Why it is held.
    pub why: String,
}

/// A line of the access log; ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access<'a> {
    /// When.
    pub at: Time,
    /// Who, or empty where nobody is known.
    pub account: &'a str,
    /// From which device, or empty.
    pub device: &'a str,
    /// What was asked for, e.g. `sign-in`.
    pub what: &'a str,
    /// `ok` or an error code.
    pub outcome: &'a str,
}

/// How far a blob has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRow {
    /// Its size in bytes.
    pub total: u64,
    /// Bytes received, from the start without holes.
    pub received: u64,
}

/// Steps inside a transaction on one tenant. Errors are faults of the storage; the caller rolls back.
pub trait TenantTx {
    /// The journal's row; none before its first op.
    fn journal(&mut self) -> Result<Option<JournalRow>>;
    /// Stores the row.
    fn put_journal(&mut self, row: &JournalRow) -> Result<()>;
    /// The named cells; absent ones are left out.
    fn cells(&mut self, keys: &[CellKey]) -> Result<Cells>;
    /// The cells whose key begins with `prefix`, all for an empty one.
    fn cells_under(&mut self, prefix: &str) -> Result<Cells>;
    /// Stores cells; `None` removes.
    fn put_cells(&mut self, cells: &[(CellKey, Option<Cell>)]) -> Result<()>;
    /// A playbook's source by digest.
    fn playbook(&mut self, digest: &str) -> Result<Option<String>>;
    /// Keeps a playbook's source.
    fn keep_playbook(&mut self, digest: &str, source: &str) -> Result<()>;
    /// Entries after `seq`, in order, at most `limit`.
    fn entries(&mut self, after: u64, limit: usize) -> Result<Vec<EntryRow>>;
    /// The head at each of these places that exists; place 0 does not count.
    fn heads(&mut self, at: &[u64]) -> Result<Vec<Seen>>;
    /// Appends entries.
    fn append(&mut self, rows: &[EntryRow]) -> Result<()>;
    /// The receipts of a device's numbers from `first`, at most `count`, in order.
    fn receipts(&mut self, device: &DeviceId, first: u64, count: u64) -> Result<Vec<ReceiptRow>>;
    /// A receipt by the op's hash; the newest where several ops have it.
    fn receipt_by_hash(&mut self, hash: Hash) -> Result<Option<ReceiptRow>>;
    /// Stores receipts, replacing those of the same op.
    fn put_receipts(&mut self, rows: &[ReceiptRow]) -> Result<()>;
    /// The device's last receipted number, 0 for none.
    fn last_number(&mut self, device: &DeviceId) -> Result<u64>;
    /// The op in the journal that the bytes with this hash stand under, where it is not their own.
    fn standing(&mut self, hash: Hash) -> Result<Option<OpId>>;
    /// Notes that the bytes with this hash stand in the journal under `op`; the first note stays.
    fn put_standing(&mut self, hash: Hash, op: &OpId) -> Result<()>;
    /// A device's signature over a run that covers the op with this number and hash.
    fn run(&mut self, device: &DeviceId, number: u64, hash: Hash) -> Result<Option<RunRow>> {
        let runs = self.runs(device, number)?;
        Ok(runs.into_iter().find(|row| row.covers(number, hash)))
    }
    /// A device's signatures over runs that cover `number`, longest first.
    fn runs(&mut self, device: &DeviceId, number: u64) -> Result<Vec<RunRow>>;
    /// Keeps a run's signature.
    fn put_run(&mut self, device: &DeviceId, run: &RunRow) -> Result<()>;
    /// The held list by device and number.
    fn held(&mut self) -> Result<Vec<HeldRow>>;
    /// Puts an op on the held list.
    fn put_held(&mut self, row: &HeldRow) -> Result<()>;
    /// Takes an op off the held list.
    fn remove_held(&mut self, op: &OpId) -> Result<()>;
    /// A value beside the journal.
    fn side(&mut self, kind: &str, key: &str) -> Result<Option<String>>;
    /// All values of a kind, by key.
    fn sides(&mut self, kind: &str) -> Result<Vec<(String, String)>>;
    /// Stores a value beside the journal; `None` removes.
    fn put_side(&mut self, kind: &str, key: &str, value: Option<&str>) -> Result<()>;
    /// Adds a line to the access log.
    fn log_access(&mut self, access: &Access<'_>) -> Result<()>;
    /// How far a blob has come.
    fn blob(&mut self, sha256: &str) -> Result<Option<BlobRow>>;
    /// Adds bytes to a blob at its end, which is `row.received - bytes.len()`.
    fn put_blob_part(&mut self, sha256: &str, row: BlobRow, bytes: &[u8]) -> Result<()>;
    /// The stored part that holds byte `at`: where it starts, and its bytes.
    fn blob_part(&mut self, sha256: &str, at: u64) -> Result<Option<(u64, Vec<u8>)>>;
    /// Removes a blob with its parts.
    fn remove_blob(&mut self, sha256: &str) -> Result<()>;
}

/// What is done inside a transaction.
pub type Step<'a> = &'a mut dyn FnMut(&mut dyn TenantTx) -> Result<()>;

/// A place that keeps journals; see the module for what it guarantees.
pub trait Storage: Send + Sync {
    /// Runs `step` in one transaction on one tenant: committed when it returns `Ok`, else undone.
    fn transact(&self, tenant: &TenantId, mode: Mode, step: Step<'_>) -> Result<()>;
    /// Where these journals stand; those that do not exist are left out. The only read over several.
    fn standings(&self, tenants: &[TenantId]) -> Result<Vec<Standing>>;
    /// Whether the storage answers.
    fn ready(&self) -> Result<()>;
    /// Writes a consistent copy of everything to a new file.
    fn backup(&self, to: &std::path::Path) -> Result<()>;
}

/// [`Storage::transact`] with a result.
pub fn with<T>(
    storage: &Arc<dyn Storage>,
    tenant: &TenantId,
    mode: Mode,
    mut step: impl FnMut(&mut dyn TenantTx) -> Result<T>,
) -> Result<T> {
    let mut out = None;
    storage.transact(tenant, mode, &mut |tx| {
        out = Some(step(tx)?);
        Ok(())
    })?;
    out.ok_or_else(|| crate::error::Error::fault("a transaction ended without a result"))
}
