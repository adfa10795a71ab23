//! One synchronisation as a state machine: [`Engine::next`] says what to ask, [`Engine::replied`] or
//! [`Engine::headed`] takes the answer. No I/O and no clock, so the simulator drives it too.
//!
//! The rules are docs/sync-protocol.md; whatever must be atomic happens inside the store.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::op::Seen;
use cairn_domain::{TenantId, Time};
use cairn_protocol::sync::{
    HeadsReply, HistoryDiffers, Known, Offer, SyncReply, SyncRequest, TenantPage, positions_hash,
};
use cairn_protocol::{ApiError, PROTOCOL_VERSION, code};
use cairn_store::{PullError, Store, StoreError};

use crate::batch::Batch;

/// The most entries one request offers.
const OFFER_LIMIT: usize = 500;
/// The most heads asked for at once.
const HEADS_LIMIT: u64 = 64;
/// What of a reply is saved at once: so little that a write of somebody's waits unnoticed.
const AT_ONCE: usize = 100;
/// More rounds than any honest synchronisation needs.
const MAX_ROUNDS: u64 = 100_000;

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Send this to `/v1/sync`, then call [`Engine::replied`].
    Sync(Box<SyncRequest>),
    /// Ask for heads, then call [`Engine::headed`].
    Heads {
        /// Of this journal.
        tenant: TenantId,
        /// At these places.
        at: Vec<u64>,
    },
    /// Nothing is left to do.
    Done(Report),
}

/// What a synchronisation did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Ops the service answered for.
    pub pushed: u64,
    /// Entries received.
    pub pulled: u64,
    /// Requests made.
    pub requests: u64,
    /// Tenants that were rebuilt because the digest did not match. A fault, always reported.
    pub rebuilt: Vec<TenantId>,
    /// Tenants that went away.
    pub gone: Vec<TenantId>,
    /// Tenants whose history differed: the service came back from a backup.
    pub went_back: Vec<TenantId>,
    /// Journals that could not be taken, each with why; the others went on.
    pub problems: Vec<ApiError>,
    /// The account is disabled; what was pushed is held.
    pub disabled: bool,
}

/// Why a synchronisation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The local store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service asks for ever. A fault of either side.
    #[error("The service and this computer do not come to an end. Report this with the log.")]
    NoEnd,
}

impl From<SyncError> for ApiError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(e) => e.into(),
            SyncError::NoEnd => Self::new("sync_no_end", error.to_string()),
        }
    }
}

/// Where the search for a common point stands: the heads agree at `low` and do not at `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Search {
    low: Seen,
    high: u64,
}

impl Search {
    /// Whether nothing lies between.
    fn is_over(&self) -> bool {
        self.high <= self.low.seq + 1
    }

    /// Places to ask about, evenly spread between the two.
    fn places(&self) -> Vec<u64> {
        let between = self.high - self.low.seq - 1;
        let count = between.min(HEADS_LIMIT);
        (1..=count).map(|n| self.low.seq + between * n / count).collect()
    }
}

/// One synchronisation of one profile.
#[derive(Debug, Default)]
pub struct Engine {
    batch: Batch,
    send_list: bool,
    more: bool,
    asked: bool,
    searches: BTreeMap<TenantId, Search>,
    stuck: BTreeSet<TenantId>,
    /// Journals that went away and whose answered work was sent once more.
    leaving: BTreeSet<TenantId>,
    /// How far each journal's offers were made: one that is turned down is made again next time.
    offered: BTreeMap<TenantId, u64>,
    report: Report,
}

impl Engine {
    /// A fresh synchronisation.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fresh synchronisation that begins with requests of this size.
    pub fn with_batch(batch: Batch) -> Self {
        Self { batch, ..Self::default() }
    }

    /// The size that the next request would have.
    pub fn batch(&self) -> Batch {
        self.batch
    }

    /// What was done so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Says what to do next.
    ///
    /// # Errors
    /// When the store refuses, or the rounds never end.
    pub fn next(&mut self, store: &Store) -> Result<Step, SyncError> {
        if self.report.requests >= MAX_ROUNDS {
            return Err(SyncError::NoEnd);
        }
        if let Some((tenant, search)) = self.searches.iter().next() {
            return Ok(Step::Heads { tenant: tenant.clone(), at: search.places() });
        }
        let request = self.request(store)?;
        for offer in &request.offers {
            self.offered.insert(offer.tenant.clone(), offer.entry.seq);
        }
        let idle = request.push.is_empty() && request.offers.is_empty() && request.fill.is_empty();
        if self.asked && idle && !self.more && !self.send_list && request.rebuild.is_empty() {
            return Ok(Step::Done(std::mem::take(&mut self.report)));
        }
        Ok(Step::Sync(Box::new(request)))
    }

    fn request(&self, store: &Store) -> Result<SyncRequest, SyncError> {
        let positions = store.positions()?;
        // An empty list is shorter than its hash, and nobody has to remember it.
        let known = if self.send_list || positions.is_empty() {
            Known::List(positions)
        } else {
            Known::Hash(positions_hash(&positions))
        };
        let offers = self.offers(store)?;
        // What is offered again must be there before own work that was built on it.
        let mut push = if offers.is_empty() { store.next_push(self.batch.ops())? } else { Vec::new() };
        push.retain(|run| !self.stuck.contains(&run.tenant));
        let mut fill = store.unfilled()?;
        fill.retain(|tenant, _| !self.stuck.contains(tenant));
        Ok(SyncRequest {
            v: PROTOCOL_VERSION,
            known,
            push,
            offers,
            fill,
            held: if self.asked { Vec::new() } else { store.held_own()? },
            rebuild: store.rebuilding()?.into_iter().filter(|t| !self.stuck.contains(t)).collect(),
            most: (self.batch < Batch::MOST).then_some(self.batch.ops() as u64),
        })
    }

    /// What to offer again, `_org` first: the devices named elsewhere must be known before their ops.
    fn offers(&self, store: &Store) -> Result<Vec<Offer>, SyncError> {
        for tenant in store.offering()? {
            if self.stuck.contains(&tenant) {
                continue;
            }
            let after = self.offered.get(&tenant).copied().unwrap_or(0);
            let offers = store.offers(&tenant, after, OFFER_LIMIT)?;
            if !offers.is_empty() {
                return Ok(offers);
            }
        }
        Ok(Vec::new())
    }

    /// Takes the answer to a [`Step::Sync`]. Everything in it that can be kept is kept, each journal
    /// on its own: one that cannot be taken never stops another.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn replied(&mut self, store: &mut Store, reply: SyncReply, now: Time) -> Result<(), SyncError> {
        self.report.requests += 1;
        self.asked = true;
        self.batch = self.batch.larger();
        self.send_list = reply.send_list;
        self.more = reply.more;
        self.report.disabled |= reply.disabled;
        self.report.pushed += reply.receipts.len() as u64;
        // A small reply is saved in one go: each commit waits for the disk. A large one goes page by page,
        // so that somebody who writes meanwhile need not wait for all of it.
        if weight(&reply) <= AT_ONCE {
            store.at_once(|store| self.take(store, reply, now))?
        } else {
            self.take(store, reply, now)
        }
    }

    fn take(&mut self, store: &mut Store, reply: SyncReply, now: Time) -> Result<(), SyncError> {
        let mut forked = store.apply_receipts_before(&reply.receipts, &reply.pages)?.forked;
        for page in &reply.pages {
            match store.apply_page(page, now) {
                Ok(applied) => {
                    self.report.pulled += applied.entries as u64;
                    forked |= applied.forked;
                }
                Err(error) => self.page_failed(&page.tenant, error)?,
            }
        }
        let receipts: Vec<_> = reply.receipts.iter().filter(|r| goes_on(&reply, &r.op.tenant)).collect();
        store.confirm_covered(&receipts)?;
        for tenant in reply.closed {
            self.closed(tenant);
        }
        for tenant in reply.gone {
            self.leave(store, tenant, now)?;
        }
        for differs in reply.differs {
            self.search(store, &differs, now)?;
        }
        if forked {
            store.mark_forked()?;
        }
        if !reply.send_list && !reply.more {
            store.note_contact(now)?;
        }
        Ok(())
    }

    fn page_failed(&mut self, tenant: &TenantId, error: PullError) -> Result<(), SyncError> {
        if let PullError::Store(error) = error {
            return Err(error.into());
        }
        let again = self.report.rebuilt.contains(tenant);
        if matches!(error, PullError::DigestMismatch { .. }) && !again {
            self.report.rebuilt.push(tenant.clone());
            return Ok(());
        }
        self.stuck.insert(tenant.clone());
        self.report.problems.push(error.into());
        Ok(())
    }

    fn closed(&mut self, tenant: TenantId) {
        if self.stuck.insert(tenant.clone()) {
            let message = "The service does not know this tenant, or not as yours. Your changes stay here.";
            self.report.problems.push(ApiError {
                details: serde_json::json!({ "tenant": tenant }),
                ..ApiError::new(code::NOT_FOUND, message)
            });
        }
    }

    /// Leaves a tenant that is no longer ours. Before it is dropped everything is offered that the
    /// service lost, and own work it answered for but that no page has brought back goes out once
    /// more: should a restore have forgotten it, it is held then.
    fn leave(&mut self, store: &mut Store, tenant: TenantId, now: Time) -> Result<(), SyncError> {
        if !self.offers(store)?.is_empty()
            || (self.leaving.insert(tenant.clone()) && store.send_again(&tenant)?)
        {
            self.more = true;
            return Ok(());
        }
        self.drop_tenant(store, tenant, now)
    }

    /// Drops a tenant, once nothing of ours is unanswered there.
    fn drop_tenant(&mut self, store: &mut Store, tenant: TenantId, now: Time) -> Result<(), SyncError> {
        match store.drop_tenant(&tenant, false) {
            Ok(dropped) => {
                let details = serde_json::json!({ "held": dropped.held, "roster_left": dropped.roster_left });
                store.log_sync(now, Some(&tenant), "gone", &details)?;
                self.report.gone.push(tenant);
                Ok(())
            }
            Err(StoreError::UnsentWork { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn search(&mut self, store: &mut Store, differs: &HistoryDiffers, now: Time) -> Result<(), SyncError> {
        let positions = store.positions()?;
        let ours = positions.iter().find(|p| p.tenant == differs.tenant).map_or(0, |p| p.seen.seq);
        let high = (differs.service.seq + 1).min(ours + 1);
        self.searches.insert(differs.tenant.clone(), Search { low: Seen::default(), high });
        let mut heads = differs.heads.clone();
        heads.push(differs.service);
        self.narrow(store, &differs.tenant, &heads)?;
        if differs.closed
            && let Some(search) = self.searches.get_mut(&differs.tenant)
        {
            search.high = search.low.seq + 1;
        }
        self.go_back(store, &differs.tenant, now)
    }

    /// Takes the answer to a [`Step::Heads`].
    ///
    /// # Errors
    /// When the store refuses.
    pub fn headed(
        &mut self,
        store: &mut Store,
        tenant: &TenantId,
        reply: &HeadsReply,
        now: Time,
    ) -> Result<(), SyncError> {
        self.report.requests += 1;
        if reply.heads.is_empty() {
            self.searches.remove(tenant);
            self.stuck.insert(tenant.clone());
            let message = "The service's history differs and it does not say where.";
            self.report.problems.push(ApiError::new("history_differs", message));
            return Ok(());
        }
        self.narrow(store, tenant, &reply.heads)?;
        self.go_back(store, tenant, now)
    }

    fn narrow(&mut self, store: &Store, tenant: &TenantId, heads: &[Seen]) -> Result<(), SyncError> {
        let Some(search) = self.searches.get_mut(tenant) else { return Ok(()) };
        let places: Vec<u64> = heads.iter().map(|h| h.seq).collect();
        let ours: BTreeMap<u64, Seen> =
            store.heads_at(tenant, &places)?.into_iter().map(|s| (s.seq, s)).collect();
        for theirs in heads {
            match ours.get(&theirs.seq) {
                Some(mine) if mine.head == theirs.head => {
                    search.low = if theirs.seq > search.low.seq { *mine } else { search.low };
                }
                _ if theirs.seq > 0 => search.high = search.high.min(theirs.seq),
                _ => {}
            }
        }
        Ok(())
    }

    /// Goes back to the common point once it is found.
    fn go_back(&mut self, store: &mut Store, tenant: &TenantId, now: Time) -> Result<(), SyncError> {
        let Some(found) = self.searches.get(tenant).copied().filter(Search::is_over) else { return Ok(()) };
        self.searches.remove(tenant);
        self.offered.remove(tenant);
        if let Err(error) = store.rewind(tenant, found.low, now) {
            return self.page_failed(tenant, error);
        }
        self.report.went_back.push(tenant.clone());
        self.send_list = true;
        self.more = true;
        Ok(())
    }
}

/// Whether the service has held a journal's history against ours for this reply, and goes on from it: only
/// then does a place in a receipt say which op stands there.
fn goes_on(reply: &SyncReply, tenant: &TenantId) -> bool {
    let has_page = reply.pages.iter().any(|page| page.tenant == *tenant);
    let was_looked_at = has_page || !(reply.send_list || reply.more);
    was_looked_at && reply.differs.iter().all(|differs| differs.tenant != *tenant)
}

/// How much of a reply there is to save. What goes away or differs is much, whatever it holds.
fn weight(reply: &SyncReply) -> usize {
    if !reply.gone.is_empty() || !reply.differs.is_empty() {
        return usize::MAX;
    }
    let cells = |page: &TenantPage| page.snapshot.as_ref().map_or(0, |snapshot| snapshot.cells.len());
    let pages = reply.pages.iter().map(|page| page.entries.len() + page.filled.len() + cells(page));
    reply.receipts.len() + pages.sum::<usize>()
}

/// The common point lies where the heads last agree; with nothing in between the search is over.
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_search_asks_between_and_never_outside() {
        for (low, high) in [(0, 2), (0, 100), (10, 12), (0, 1_000_000)] {
            let search = Search { low: Seen { seq: low, ..Seen::default() }, high };
            let places = search.places();
            assert!(!places.is_empty() && places.len() <= 64);
            assert!(places.iter().all(|p| *p > low && *p < high), "{low} {high}: {places:?}");
            assert_eq!(places.last().copied(), Some(high - 1));
        }
    }
}
