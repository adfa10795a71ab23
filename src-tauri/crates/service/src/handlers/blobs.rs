//! Blobs: import plans and attachments, keyed by tenant and SHA-256, resumable, answered for only
//! within the tenant.

use cairn_domain::TenantId;
use cairn_domain::access::Action;
use cairn_protocol::code;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::org::Caller;
use crate::rosters;
use crate::service::{Service, not_found};
use crate::storage::{BlobRow, Mode, TenantTx, with};

/// The largest blob, in bytes.
pub const MAX_BLOB: u64 = 256 << 20;
/// The most bytes of one part.
pub const MAX_PART: usize = 8 << 20;

/// How far a blob has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobState {
    /// Its size in bytes.
    pub total: u64,
    /// Bytes received, from the start: where the next part begins.
    pub received: u64,
}

impl From<BlobRow> for BlobState {
    fn from(row: BlobRow) -> Self {
        Self { total: row.total, received: row.received }
    }
}

/// Which blob.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// 64 lowercase hex digits.
    pub sha256: &'a str,
}

/// Whether the caller may know of the file. Files are the client's, whoever else reads them, but for
/// the records of an import: those are the team's.
fn allowed(service: &Service, caller: &Caller, name: Name<'_>) -> Result<()> {
    let readable = caller.active && caller.may(Action::ReadClient, name.tenant, &service.table);
    if !readable || name.tenant.is_org() {
        return Err(not_found());
    }
    if name.sha256.len() != 64 || name.sha256.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Error::api(code::BAD_REQUEST, "A blob is named by 64 lowercase hex digits."));
    }
    Ok(())
}

/// Takes the part of a blob that begins at `start`. The last part is taken only when the whole has
/// the hash it is named after; else all of it is dropped.
///
/// # Errors
/// `wrong_offset` with how far it has come, `wrong_hash`, `too_large`, `not_found`, `not_allowed`.
pub fn put(
    service: &Service,
    caller: &Caller,
    name: Name<'_>,
    start: u64,
    total: u64,
    bytes: &[u8],
) -> Result<BlobState> {
    allowed(service, caller, name)?;
    if !caller.may(Action::WriteItems, name.tenant, &service.table) {
        return Err(Error::api(code::NOT_ALLOWED, "Your role may not add files here."));
    }
    take(service, name, start, total, bytes)
}

/// [`put`] of the records of an import, of which there are `rows`.
///
/// # Errors
/// As there; `pilot_limit` where a tenant in its pilot may not have so many.
pub fn put_import(
    service: &Service,
    caller: &Caller,
    name: Name<'_>,
    (start, total): (u64, u64),
    rows: u64,
    bytes: &[u8],
) -> Result<BlobState> {
    allowed(service, caller, name)?;
    if !caller.may(Action::RunImports, name.tenant, &service.table) {
        return Err(Error::api(code::NOT_ALLOWED, "Your role may not import here."));
    }
    with(&service.storage, name.tenant, Mode::Read, |tx| {
        rosters::within_pilot(tx, rows, service.pilot_rows)
    })?;
    take(service, name, start, total, bytes)
}

fn take(service: &Service, name: Name<'_>, start: u64, total: u64, bytes: &[u8]) -> Result<BlobState> {
    let end = start.saturating_add(bytes.len() as u64);
    if total > MAX_BLOB || bytes.len() > MAX_PART {
        let details = json!({ "max_blob": MAX_BLOB, "max_part": MAX_PART });
        return Err(Error::detailed(code::TOO_LARGE, "The blob or this part of it is too large.", details));
    }
    if end > total || (bytes.is_empty() && total > 0) {
        return Err(Error::api(code::BAD_REQUEST, "The part does not lie within the blob."));
    }
    let taken = with(&service.storage, name.tenant, Mode::Write, |tx| {
        let row = tx.blob(name.sha256)?.unwrap_or(BlobRow { total, received: 0 });
        if row.received == row.total && row.total == total && total > 0 {
            return Ok(Some(row));
        }
        if row.received != start || row.total != total {
            let state = BlobState::from(row);
            return Err(Error::detailed("wrong_offset", "Go on where the service stands.", json!(state)));
        }
        let row = BlobRow { total, received: end };
        tx.put_blob_part(name.sha256, row, bytes)?;
        if end == total && whole_hash(tx, name.sha256, total)? != name.sha256 {
            tx.remove_blob(name.sha256)?;
            return Ok(None);
        }
        Ok(Some(row))
    })?;
    if end == total {
        // Whoever waits for the whole of it need not look again and again.
        service.changed(name.tenant, 0);
    }
    taken
        .map(BlobState::from)
        .ok_or_else(|| Error::api("wrong_hash", "The bytes do not have the hash they are named after."))
}

fn whole_hash(tx: &mut dyn TenantTx, sha256: &str, total: u64) -> Result<String> {
    let mut sha = Sha256::new();
    let mut at = 0;
    while at < total {
        let (_, bytes) = tx.blob_part(sha256, at)?.ok_or_else(|| Error::fault("a blob with a hole"))?;
        sha.update(&bytes);
        at += bytes.len() as u64;
    }
    Ok(hex::encode(sha.finalize()))
}

/// How far a blob has come.
///
/// # Errors
/// `not_found`.
pub fn state(service: &Service, caller: &Caller, name: Name<'_>) -> Result<BlobState> {
    allowed(service, caller, name)?;
    let row = with(&service.storage, name.tenant, Mode::Read, |tx| {
        for_reader(service, caller, name, tx)?;
        tx.blob(name.sha256)
    })?;
    row.map(BlobState::from).ok_or_else(not_found)
}

fn for_reader(service: &Service, caller: &Caller, name: Name<'_>, tx: &mut dyn TenantTx) -> Result<()> {
    let is_team = caller.may(Action::ReadTeam, name.tenant, &service.table);
    if !is_team && rosters::is_import(tx, name.sha256)? { Err(not_found()) } else { Ok(()) }
}

/// Bytes of a complete blob from `start`, at most one part and at most `most`.
///
/// # Errors
/// `not_found` where it is missing or not complete, `bad_request` beyond its end.
pub fn get(
    service: &Service,
    caller: &Caller,
    name: Name<'_>,
    start: u64,
    most: usize,
) -> Result<(BlobState, Vec<u8>)> {
    allowed(service, caller, name)?;
    with(&service.storage, name.tenant, Mode::Read, |tx| {
        for_reader(service, caller, name, tx)?;
        let row = tx.blob(name.sha256)?.filter(|row| row.received == row.total).ok_or_else(not_found)?;
        if start > row.total {
            return Err(Error::api(code::BAD_REQUEST, "The range begins behind the blob's end."));
        }
        let bytes = match tx.blob_part(name.sha256, start)? {
            Some((at, bytes)) => {
                let skip = usize::try_from(start - at).unwrap_or(usize::MAX).min(bytes.len());
                bytes.into_iter().skip(skip).take(most).collect()
            }
            None => Vec::new(),
        };
        Ok((row.into(), bytes))
    })
}
