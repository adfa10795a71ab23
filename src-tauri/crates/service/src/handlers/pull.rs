//! What is new for a device: pages, snapshots, what it may no longer hold, where history differs.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::access::{Action, Relation};
use cairn_domain::cell::{Cells, field};
use cairn_domain::id::Audience;
use cairn_domain::journal::{Entry, head_message};
use cairn_domain::op::{Seen, sign_message};
use cairn_domain::planted::{Bug, planted};
use cairn_domain::{CellKey, DeviceId, Entity, Hash, TenantId};
use cairn_protocol::sync::{
    HeldOp, HistoryDiffers, Position, RunProof, Snapshot, SyncReply, SyncRequest, TenantPage,
};
use cairn_protocol::{MAX_PAGE, MAX_RUN};

use crate::error::Result;
use crate::org::{self, Caller};
use crate::service::{Service, not_found};
use crate::storage::{EntryRow, HeldRow, JournalRow, Mode, Standing, TenantTx, with};

/// A journal longer than this starts a new device from a snapshot.
pub const SNAPSHOT_AFTER: u64 = 200;
/// Bytes of entries after which a page ends, and of pages after which a reply does.
const PAGE_BYTES: usize = 16 << 20;
const REPLY_BYTES: usize = 16 << 20;

/// Which journals a caller may read, `_org` first, and as whom.
fn readable(service: &Service, caller: &Caller) -> Result<Vec<(TenantId, Audience)>> {
    let everything = caller.role.is_some_and(|role| service.table.reads(role, Relation::Stranger).is_some());
    let tenants: BTreeSet<TenantId> = if everything {
        service.read_org(org::tenants)?.into_iter().map(|(_, id)| id).collect()
    } else {
        caller.assigned.keys().cloned().collect()
    };
    let all = std::iter::once(TenantId::org()).chain(tenants);
    Ok(all.filter_map(|t| caller.reads(&t, &service.table).map(|audience| (t, audience))).collect())
}

/// Where each journal that the caller may read stands.
pub fn standings(service: &Service, caller: &Caller) -> Result<BTreeMap<TenantId, u64>> {
    let ids: Vec<TenantId> = readable(service, caller)?.into_iter().map(|(tenant, _)| tenant).collect();
    Ok(service.storage.standings(&ids)?.into_iter().map(|s| (s.tenant, s.seen.seq)).collect())
}

/// What one device asks of one journal.
struct Wish<'a> {
    caller: &'a Caller,
    tenant: &'a TenantId,
    audience: Audience,
    from: Seen,
    fill: Option<u64>,
    /// The most entries of a page.
    most: usize,
    manages_held: bool,
}

enum News {
    Page(Box<TenantPage>, usize),
    Differs(HistoryDiffers),
}

/// Adds the pages to the reply. Gives the positions the device has once it has applied them.
pub fn pages(
    service: &Service,
    caller: &Caller,
    positions: &[Position],
    request: &SyncRequest,
    reply: &mut SyncReply,
) -> Result<Vec<Position>> {
    let known: BTreeMap<&TenantId, Seen> = positions.iter().map(|p| (&p.tenant, p.seen)).collect();
    let readable = readable(service, caller)?;
    let ids: Vec<TenantId> = readable.iter().map(|(tenant, _)| tenant.clone()).collect();
    let standings: BTreeMap<TenantId, Standing> =
        service.storage.standings(&ids)?.into_iter().map(|s| (s.tenant.clone(), s)).collect();
    let mut next: BTreeMap<TenantId, Seen> = positions.iter().map(|p| (p.tenant.clone(), p.seen)).collect();
    let most =
        request.most.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let (mut bytes, mut entries) = (0, 0);
    for (tenant, audience) in &readable {
        let Some(standing) = standings.get(tenant) else { continue };
        let rebuild = request.rebuild.contains(tenant);
        let held_before = known.get(tenant).copied();
        let wish = Wish {
            caller,
            tenant,
            audience: *audience,
            from: held_before.filter(|_| !rebuild).unwrap_or_default(),
            fill: request.fill.get(tenant).copied(),
            most,
            manages_held: caller.may(Action::ManageHeld, tenant, &service.table),
        };
        let up_to_date = held_before == Some(standing.seen);
        if up_to_date && !rebuild && wish.fill.is_none() && !(wish.manages_held && standing.held > 0) {
            continue;
        }
        if bytes > REPLY_BYTES || entries >= most {
            reply.more = true;
            break;
        }
        match with(&service.storage, tenant, Mode::Read, |tx| news(service, tx, &wish))? {
            News::Page(page, size) => {
                bytes += size;
                entries += weight(&page);
                reply.more |= page.more;
                next.insert(tenant.clone(), page.seen);
                reply.pages.push(*page);
            }
            News::Differs(differs) if reply.differs.iter().all(|d| d.tenant != *tenant) => {
                reply.differs.push(differs)
            }
            News::Differs(_) => {}
        }
    }
    reply.gone = gone(service, caller, &known, &readable, reply)?;
    next.retain(|tenant, _| !reply.gone.contains(tenant));
    Ok(next.into_iter().map(|(tenant, seen)| Position { tenant, seen }).collect())
}

/// Journals the device holds and may no longer. While `_org` itself differs nobody can tell: the
/// assignment may be among what a restore lost. The same holds for a tenant that is not there at all.
/// A tenant whose history differs is not gone yet: what a restore lost may lie on this device alone.
fn gone(
    service: &Service,
    caller: &Caller,
    known: &BTreeMap<&TenantId, Seen>,
    readable: &[(TenantId, Audience)],
    reply: &mut SyncReply,
) -> Result<Vec<TenantId>> {
    let unreadable: Vec<TenantId> =
        known.keys().filter(|t| readable.iter().all(|(r, _)| r != **t)).map(|t| (*t).clone()).collect();
    if unreadable.is_empty() || reply.differs.iter().any(|d| d.tenant.is_org()) {
        return Ok(Vec::new());
    }
    let there: BTreeSet<TenantId> =
        service.storage.standings(&unreadable)?.into_iter().map(|s| s.tenant).collect();
    let mut gone = Vec::new();
    for tenant in unreadable {
        let from = known.get(&tenant).copied().unwrap_or_default();
        if !there.contains(&tenant) {
            let (service, heads) = (Seen::default(), vec![Seen::default()]);
            reply.differs.push(HistoryDiffers { tenant, service, heads, closed: true });
        } else if let Some(lost) = lost(service, caller, &tenant, from)? {
            reply.differs.push(lost);
        } else {
            gone.push(tenant);
        }
    }
    Ok(gone)
}

/// Where a former reader's history and ours part, if a restore lost some of it and the reader may
/// offer it.
fn lost(service: &Service, caller: &Caller, tenant: &TenantId, from: Seen) -> Result<Option<HistoryDiffers>> {
    if !caller.knows(tenant, &service.table) {
        return Ok(None);
    }
    with(&service.storage, tenant, Mode::Read, |tx| {
        let row = tx.journal()?.ok_or_else(not_found)?;
        let differs = row.state.restored_from.is_some() && !extends(tx, from, &row)?;
        if !differs {
            return Ok(None);
        }
        Ok(Some(HistoryDiffers { closed: true, ..self::differs(tx, tenant, row.seen)? }))
    })
}

fn news(service: &Service, tx: &mut dyn TenantTx, wish: &Wish<'_>) -> Result<News> {
    let row = tx.journal()?.ok_or_else(not_found)?;
    if !extends(tx, wish.from, &row)? {
        return differs(tx, wish.tenant, row.seen).map(News::Differs);
    }
    let snapshot = first_snapshot(tx, wish, &row)?;
    let rows = if snapshot.is_some() { Vec::new() } else { next_rows(tx, wish.from.seq, wish.most)? };
    let seen = match (rows.last(), &snapshot) {
        (_, Some(snapshot)) => snapshot.seen,
        (Some(last), None) => Seen { seq: last.entry.seq, head: last.head },
        (None, None) => wish.from,
    };
    let filled = wish.fill.map(|before| rows_before(tx, before, wish.most)).transpose()?.unwrap_or_default();
    let proofs = proofs(tx, rows.iter().chain(&filled))?;
    let more = seen.seq < row.seen.seq;
    let size = rows.iter().chain(&filled).map(row_bytes).sum::<usize>()
        + snapshot
            .as_ref()
            .map_or(0, |s| s.cells.len() * 400 + s.playbooks.values().map(String::len).sum::<usize>());
    let page = TenantPage {
        tenant: wish.tenant.clone(),
        audience: wish.audience,
        salts: row.state.salts.for_audience(wish.audience),
        snapshot,
        entries: for_reader(&rows, wish.audience, &row)?,
        filled: for_reader(&filled, wish.audience, &row)?,
        proofs,
        seen,
        signature: sign_message(&service.identity.pinned, &head_message(wish.tenant, seen)),
        digest: (!more).then(|| row.state.digests().for_audience(wish.audience)),
        more,
        last_receipted: tx.last_number(&wish.caller.device)?,
        held: wish.manages_held.then(|| held_list(tx, wish.audience)).transpose()?,
    };
    Ok(News::Page(Box::new(page), size))
}

/// What a new device starts a long journal from. Unlike entries it comes whole or not at all, so a line
/// that cannot carry it begins at the first entry.
fn first_snapshot(tx: &mut dyn TenantTx, wish: &Wish<'_>, row: &JournalRow) -> Result<Option<Box<Snapshot>>> {
    if wish.from.seq > 0 || row.seen.seq <= SNAPSHOT_AFTER {
        return Ok(None);
    }
    let snapshot = snapshot_of(tx, wish.audience, row)?;
    let carried = wish.most == MAX_PAGE || snapshot.cells.len() <= wish.most;
    Ok(carried.then(|| Box::new(snapshot)))
}

/// Whether the journal can be continued from where the reader stands.
fn extends(tx: &mut dyn TenantTx, from: Seen, row: &JournalRow) -> Result<bool> {
    if planted(Bug::RestoreNotNoticed) {
        return Ok(true);
    }
    if from.seq == 0 {
        return Ok(from.head == Hash::ZERO);
    }
    if from.seq == row.seen.seq {
        return Ok(from.head == row.seen.head);
    }
    Ok(tx.heads(&[from.seq])?.first().is_some_and(|ours| ours.head == from.head))
}

/// Says where the service stands, with heads further and further back to find the common point.
pub fn differs(tx: &mut dyn TenantTx, tenant: &TenantId, service: Seen) -> Result<HistoryDiffers> {
    let steps = std::iter::successors(Some(1u64), |step| step.checked_mul(2));
    let back: Vec<u64> = std::iter::once(service.seq)
        .chain(steps.take_while(|step| *step < service.seq).map(|step| service.seq - step))
        .collect();
    let mut heads = tx.heads(&back)?;
    heads.push(Seen::default());
    Ok(HistoryDiffers { tenant: tenant.clone(), service, heads, closed: false })
}

/// What a page counts against what a laptop asked for at most: entries, and the cells of a snapshot,
/// or else a slow line would never carry the first reply to somebody with many tenants.
fn weight(page: &TenantPage) -> usize {
    let cells = page.snapshot.as_ref().map_or(0, |snapshot| snapshot.cells.len());
    page.entries.len() + page.filled.len() + cells
}

fn row_bytes(row: &EntryRow) -> usize {
    use cairn_domain::journal::Part;
    let side = |part: &Part<String>| match part {
        Part::Open(json) => json.len(),
        Part::Sealed(_) => 64,
    };
    let body = match &row.entry.body {
        Part::Open(body) => body.body.len(),
        Part::Sealed(_) => 64,
    };
    200 + row.entry.header.len() + body + side(&row.entry.client) + side(&row.entry.team)
}

/// The next entries: at most `most`, and a few more where a run ends with them. Cut anywhere else, a run
/// costs the hash of each of its ops that is not there.
fn next_rows(tx: &mut dyn TenantTx, after: u64, most: usize) -> Result<Vec<EntryRow>> {
    let mut rows = tx.entries(after, most + MAX_RUN)?;
    if planted(Bug::PullSkipsRow) && rows.len() > 4 {
        rows.remove(2);
    }
    let mut bytes = 0;
    let fits = rows.iter().take_while(|row| {
        bytes += row_bytes(row);
        bytes <= PAGE_BYTES
    });
    let fits = fits.count().max(1);
    rows.truncate(fits);
    let Some(last) = rows.get(most - 1) else { return Ok(rows) };
    let (last, last_hash) = (last.op.clone(), last.entry.op_hash());
    let run = tx.run(&last.device, last.device_seq, last_hash)?;
    let end = run.map_or(0, |row| row.run.first + row.run.count);
    let same_run = |row: &&EntryRow| row.op.device == last.device && row.op.device_seq < end;
    let extra = rows.iter().skip(most).take_while(same_run).count();
    rows.truncate(if extra <= most { most + extra } else { most });
    Ok(rows)
}

/// The entries just before a place, at most `most`, newest last; a few more where that is all of them.
fn rows_before(tx: &mut dyn TenantTx, before: u64, most: usize) -> Result<Vec<EntryRow>> {
    let after = match before.saturating_sub(1 + most as u64) {
        few if few <= most as u64 / 10 => 0,
        after => after,
    };
    let wanted = usize::try_from(before.saturating_sub(1).saturating_sub(after)).unwrap_or(0);
    let rows = tx.entries(after, wanted)?;
    let mut bytes = 0;
    let fits = rows.iter().rev().take_while(|row| {
        bytes += row_bytes(row);
        bytes <= PAGE_BYTES
    });
    let skip = rows.len() - fits.count().max(rows.len().min(1));
    Ok(rows.into_iter().skip(skip).collect())
}

fn for_reader(rows: &[EntryRow], audience: Audience, row: &JournalRow) -> Result<Vec<Entry>> {
    let audience = if planted(Bug::AudienceLeak) { Audience::Team } else { audience };
    rows.iter().map(|r| Ok(r.entry.for_audience(audience, &row.state.salts)?)).collect()
}

/// The signatures that prove these entries, each with the hashes of its ops that are not among them.
fn proofs<'a>(tx: &mut dyn TenantTx, rows: impl Iterator<Item = &'a EntryRow>) -> Result<Vec<RunProof>> {
    let mut by_device: BTreeMap<DeviceId, BTreeMap<u64, Hash>> = BTreeMap::new();
    for row in rows {
        by_device.entry(row.op.device.clone()).or_default().insert(row.op.device_seq, row.entry.op_hash());
    }
    let mut out = Vec::new();
    for (device, present) in by_device {
        let mut open = present.clone();
        while let Some((number, hash)) = open.pop_first() {
            let Some(row) = tx.run(&device, number, hash)? else { continue };
            for (number, hash) in row.ops() {
                if open.get(&number) == Some(&hash) {
                    open.remove(&number);
                }
            }
            let others = row.ops().filter(|(number, hash)| present.get(number) != Some(hash)).collect();
            out.push(RunProof { device: device.clone(), run: row.run, others });
        }
    }
    Ok(out)
}

fn snapshot_of(tx: &mut dyn TenantTx, audience: Audience, row: &JournalRow) -> Result<Snapshot> {
    let mut cells: Cells = tx.cells_under("")?;
    cells.retain(|key, _| audience == Audience::Team || key.entity.audience() == Audience::Client);
    let mut playbooks = BTreeMap::new();
    for digest in playbook_digests(&cells) {
        if let Some(source) = tx.playbook(&digest)? {
            playbooks.insert(digest, source);
        }
    }
    let restored_from = row.state.restored_from;
    Ok(Snapshot { seen: row.seen, cells: cells.into_iter().collect(), playbooks, restored_from })
}

fn playbook_digests(cells: &Cells) -> BTreeSet<String> {
    let is_playbook =
        |key: &CellKey| matches!(key.entity, Entity::Project(_)) && key.field == field::PLAYBOOK;
    cells
        .iter()
        .filter(|(key, _)| is_playbook(key))
        .flat_map(|(_, cell)| cell.values.values())
        .filter_map(|kept| Some(kept.value.get("digest")?.as_str()?.to_owned()))
        .collect()
}

fn held_list(tx: &mut dyn TenantTx, audience: Audience) -> Result<Vec<HeldOp>> {
    Ok(tx.held()?.into_iter().map(|row| held_op(row, audience)).collect())
}

fn held_op(row: HeldRow, audience: Audience) -> HeldOp {
    let theirs = row.sealed.header().is_ok_and(|header| header.audience <= audience);
    HeldOp { op: row.op, sealed: theirs.then_some(row.sealed), received_at: row.received_at, why: row.why }
}
