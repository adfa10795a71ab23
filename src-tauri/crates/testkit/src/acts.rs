//! What people do, and the dice that decide what happens next.

use cairn_domain::cell::field;
use cairn_domain::change::{BlockerField, Change, ItemField, PlaybookRef, ProjectField, Status, Visibility};
use cairn_domain::journal::Outcome;
use cairn_domain::{CellKey, Entity, OpId, ProjectId, TenantId, playbook};
use cairn_store::{Base as Seen, Draft, OutboxState, Resolution, StoreError, Written};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::base::MANAGER;
use crate::device::Acked;
use crate::world::{Failure, Pace, World};

/// The playbook that laptops start by themselves, and its next version.
const SMALL: [&str; 2] =
    [include_str!("../playbooks/small-1.toml"), include_str!("../playbooks/small-2.toml")];
/// Items of the project that every tenant begins with.
const FIRST: [&str; 4] = ["name-contacts", "create-tenant", "check-roles", "test-staff-sign-in"];
/// Items of the small playbook.
const OWN: [&str; 4] = ["one", "two", "three", "theirs"];

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Write,
    View,
    Undo,
    Resolve,
    Quarantine,
    Held,
    Reassign,
    Sync,
    Deliver,
    Lose,
    Repeat,
    GiveUp,
    CrashLaptop,
    CutReply,
    CrashService,
    CutRequest,
    JumpClock,
    CopyProfile,
    SaveLaptop,
    RestoreLaptop,
    BackUpService,
    RestoreService,
    Assign,
    Disable,
    ChangeRole,
}

/// How likely each act is, by and large, beside writing.
const USUAL: [(Act, u32); 24] = [
    (Act::View, 12),
    (Act::Undo, 25),
    (Act::Resolve, 30),
    (Act::Quarantine, 15),
    (Act::Held, 15),
    (Act::Reassign, 4),
    (Act::Sync, 110),
    (Act::Deliver, 220),
    (Act::Lose, 10),
    (Act::Repeat, 8),
    (Act::GiveUp, 6),
    (Act::CrashLaptop, 4),
    (Act::CutReply, 5),
    (Act::CrashService, 3),
    (Act::CutRequest, 3),
    (Act::JumpClock, 5),
    (Act::CopyProfile, 1),
    (Act::SaveLaptop, 3),
    (Act::RestoreLaptop, 1),
    (Act::BackUpService, 3),
    (Act::RestoreService, 2),
    (Act::Assign, 8),
    (Act::Disable, 3),
    (Act::ChangeRole, 4),
];

/// This run's dice: some faults do not happen in it, some happen often.
pub(crate) struct Weights(Vec<(Act, u32)>);

impl Weights {
    pub fn draw(random: &mut StdRng, pace: Pace) -> Self {
        let writes = match pace {
            Pace::Brisk => 1_000,
            Pace::Steady => 500,
            Pace::Slow => 300,
        };
        let usual = std::iter::once((Act::Write, writes)).chain(USUAL);
        let shaped = usual.enumerate().map(|(place, (act, weight))| {
            let factor = if place < 9 { 2 } else { [0, 2, 2, 6][random.random_range(0..4)] };
            (act, weight * factor)
        });
        Self(shaped.collect())
    }

    fn pick(&self, random: &mut StdRng) -> Act {
        let sum: u32 = self.0.iter().map(|(_, w)| w).sum();
        let mut rest = random.random_range(0..sum.max(1));
        for (act, weight) in &self.0 {
            if rest < *weight {
                return *act;
            }
            rest -= weight;
        }
        Act::Write
    }
}

impl World<'_> {
    /// One step of the schedule.
    pub(crate) fn step(&mut self) -> Result<(), Failure> {
        let act = self.weights.pick(&mut self.random);
        let at = self.random.random_range(0..self.devices.len());
        self.trace(&(act, at));
        match act {
            Act::Write => self.write_something(at),
            Act::View => self.view(at),
            Act::Undo => self.undo(at),
            Act::Resolve => self.resolve(at),
            Act::Quarantine => self.settle_quarantine(at),
            Act::Held => self.settle_held(0.25).map(drop),
            Act::Reassign => self.reassign(),
            Act::Sync => self.step_sync(at),
            Act::Deliver => match self.take_packet() {
                Some(packet) => self.deliver(packet),
                None => Ok(()),
            },
            other => self.fault(other, at),
        }
    }

    /// Takes a message off the wire; which one, the seed decides.
    pub(crate) fn take_packet(&mut self) -> Option<crate::wire::Packet> {
        if self.packets.is_empty() {
            return None;
        }
        let place = self.random.random_range(0..self.packets.len());
        Some(self.packets.swap_remove(place))
    }

    fn pick_tenant(&mut self) -> TenantId {
        let place = usize::from(self.random.random_bool(0.15));
        self.base.tenants[place].clone()
    }

    fn word(&mut self, what: &str) -> String {
        // Few different words, so that equal values meet too.
        let n = self.random.random_range(0..6);
        format!("{what} {n}")
    }

    fn pick_item(&mut self) -> Entity {
        let own = self.random.random_bool(0.4);
        let (project, items) = if own { (small(0), OWN) } else { (first(), FIRST) };
        let item = items.choose(&mut self.random).copied().unwrap_or(items[0]);
        Entity::Item(project, item.to_owned())
    }

    fn write_something(&mut self, at: usize) -> Result<(), Failure> {
        let tenant = self.pick_tenant();
        let change = match self.random.random_range(0..100) {
            0..52 => self.status_change(),
            52..68 => {
                let value = if self.random.random_bool(0.1) { Value::Null } else { json!(self.word("note")) };
                Change::ItemFieldSet { item: self.pick_item(), field: ItemField::Note, value }
            }
            68..78 => {
                let n = self.random.random_range(0..self.base.accounts.len());
                let owner = json!({ "account": self.base.accounts[n] });
                Change::ItemFieldSet { item: self.pick_item(), field: ItemField::Owner, value: owner }
            }
            78..86 => {
                let team = self.random.random_bool(0.4);
                let visibility = if team { Visibility::Team } else { Visibility::Client };
                self.words += 1;
                let text = format!("comment {}", self.words);
                Change::CommentAdded { on: self.pick_item(), text, visibility }
            }
            86..90 => match self.some_blocker(at, &tenant)? {
                Some(blocker) => {
                    let level = ["P0", "P1", "P2", "P3"][self.random.random_range(0..4)];
                    Change::BlockerFieldSet { blocker, field: BlockerField::Severity, value: json!(level) }
                }
                None => self.status_change(),
            },
            90..93 => {
                let day = self.random.random_range(1..28);
                Change::ProjectFieldSet {
                    project: first(),
                    field: ProjectField::GoLive,
                    value: json!(format!("2026-03-{day:02}")),
                }
            }
            93..98 => self.start(at, &tenant)?,
            _ => upgrade(),
        };
        let stale = self.random.random_bool(0.3);
        let mut draft = Draft::new(change);
        if stale
            && let Some((seen_in, key, ops)) = &self.devices[at].viewed
            && *seen_in == tenant
            && writes(&draft.change, key)
        {
            draft.base = Some(Seen::from([(key.clone(), ops.clone())]));
        }
        self.save(at, &tenant, draft)
    }

    fn status_change(&mut self) -> Change {
        let statuses =
            [Status::Blocked, Status::InProgress, Status::Complete, Status::NotApplicable, Status::Blocked];
        let status = statuses[self.random.random_range(0..statuses.len())];
        let reason = status.needs_reason().then(|| self.word("reason"));
        Change::ItemStatusSet { item: self.pick_item(), status, reason }
    }

    /// A blocker that the laptop shows.
    fn some_blocker(&mut self, at: usize, tenant: &TenantId) -> Result<Option<OpId>, Failure> {
        let cells = self.devices[at].store.cells(tenant)?;
        let blockers: Vec<OpId> = cells
            .into_keys()
            .filter_map(|key| match key.entity {
                Entity::Blocker(op) if key.field == field::OPENED => Some(op),
                _ => None,
            })
            .collect();
        Ok(blockers.choose(&mut self.random).cloned())
    }

    /// The small playbook once more: as the project whose number is how many its author sees.
    fn start(&mut self, at: usize, tenant: &TenantId) -> Result<Change, Failure> {
        let cells = self.devices[at].store.cells(tenant)?;
        let seen = |key: &&CellKey| {
            key.field == field::PLAYBOOK && matches!(&key.entity, Entity::Project(p) if p.playbook == "small")
        };
        let n = u32::try_from(cells.keys().filter(seen).count()).unwrap_or(0);
        let (book, named) = book(SMALL[0]);
        Ok(Change::ProjectStarted {
            project: small(n),
            playbook: named,
            source: book.to_owned(),
            mode: None,
            go_live: None,
        })
    }

    /// Writes on one laptop; what it says is saved is owed from then on.
    pub(crate) fn save(&mut self, at: usize, tenant: &TenantId, draft: Draft) -> Result<(), Failure> {
        let now = self.device_now(at);
        let verb = draft.change.verb();
        let written = self.devices[at].store.write(tenant, draft, now);
        self.note(at, verb, written)
    }

    /// Notes what came of a write. Refusals are part of life; anything else is not.
    pub(crate) fn note(
        &mut self,
        at: usize,
        verb: &str,
        written: Result<Written, StoreError>,
    ) -> Result<(), Failure> {
        match written {
            Ok(Written { op, hash, .. }) => {
                let device = &mut self.devices[at];
                let waiting = device.store.outbox(Some(&op.tenant))?;
                if !waiting.iter().any(|o| o.op == op && o.hash == hash) {
                    return Err(Failure::new(format!("{op} was saved but is not in the outbox")));
                }
                device.acked.push(Acked { op: op.clone(), hash, excused: false, unseen: false });
                self.ops += 1;
                self.trace(&("saved", at, verb, op.to_string(), hash));
                Ok(())
            }
            Err(StoreError::Refused(refusal)) => {
                self.trace(&("refused here", at, verb, &refusal.code));
                Ok(())
            }
            Err(StoreError::UnknownTenant(_) | StoreError::UnknownOp(_) | StoreError::NotEnrolled) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Somebody looks at a cell and will write about it later.
    fn view(&mut self, at: usize) -> Result<(), Failure> {
        let tenant = self.pick_tenant();
        let cells = self.devices[at].store.cells(&tenant)?;
        let wanted: Vec<(CellKey, Vec<OpId>)> = cells
            .iter()
            .filter(|(key, _)| matches!(key.entity, Entity::Item(..)) && key.field == field::STATUS)
            .map(|(key, cell)| (key.clone(), cell.base()))
            .collect();
        let picked = wanted.choose(&mut self.random).cloned();
        self.devices[at].viewed = picked.map(|(key, ops)| (tenant, key, ops));
        Ok(())
    }

    fn undo(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.device_now(at);
        let count = self.devices[at].acked.len();
        if count == 0 {
            return Ok(());
        }
        let place = self.random.random_range(count.saturating_sub(8)..count);
        let op = self.devices[at].acked[place].op.clone();
        let stands = self.devices[at].store.cells(&op.tenant)?.values().any(|c| c.values.contains_key(&op));
        let written = self.devices[at].store.undo(&op, now);
        if written.is_ok() && !stands {
            return Err(Failure::new(format!("device {at} undid {op}, which others had written over")));
        }
        self.note(at, "undo", written)
    }

    fn resolve(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.device_now(at);
        let conflicts = self.devices[at].store.conflicts(None)?;
        let Some(conflict) = conflicts.choose(&mut self.random) else { return Ok(()) };
        let values: Vec<OpId> = conflict.content.values.keys().cloned().collect();
        let Some(take) = values.choose(&mut self.random).cloned() else { return Ok(()) };
        let store = &mut self.devices[at].store;
        let written = store.resolve(&conflict.tenant, &conflict.cell, Resolution::Take(take), None, now);
        self.note(at, "resolve", written)
    }

    fn settle_quarantine(&mut self, at: usize) -> Result<(), Failure> {
        let now = self.device_now(at);
        let waiting = self.devices[at].store.quarantine(None)?;
        let Some(one) = waiting.choose(&mut self.random) else { return Ok(()) };
        let how = self.random.random_range(0..3);
        let store = &mut self.devices[at].store;
        match how {
            0 => {
                store.discard(&one.op)?;
                self.devices[at].settled.insert(one.op.clone());
                self.trace(&("discarded", at, one.op.to_string()));
                Ok(())
            }
            1 => {
                let written = store.retry(&one.op, None, now);
                self.note_retry(at, &one.op, written)
            }
            _ => {
                let edited = edit(&one.body.change);
                let written = store.retry(&one.op, edited, now);
                self.note_retry(at, &one.op, written)
            }
        }
    }

    fn note_retry(
        &mut self,
        at: usize,
        old: &OpId,
        written: Result<Written, StoreError>,
    ) -> Result<(), Failure> {
        if written.is_ok() {
            self.devices[at].settled.insert(old.clone());
        }
        self.note(at, "retry", written)
    }

    /// The manager decides about held work; true where there was any.
    pub(crate) fn settle_held(&mut self, discards: f64) -> Result<bool, Failure> {
        let mut any = false;
        for tenant in self.base.tenants.clone() {
            let held = self.devices[MANAGER].store.held(&tenant)?;
            // Their answers may still be on the way.
            let decided: Vec<OpId> = self.devices[MANAGER]
                .store
                .outbox(Some(&tenant))?
                .into_iter()
                .filter(|o| !matches!(o.state, OutboxState::Quarantined))
                .filter_map(|o| match o.body.change {
                    Change::HeldAdopted { op } | Change::HeldDiscarded { op } => Some(op),
                    _ => None,
                })
                .collect();
            let Some(first) = held.iter().find(|h| !decided.contains(&h.op)) else { continue };
            let op = first.op.clone();
            let drop_it = self.random.random_bool(discards);
            let change = if drop_it { Change::HeldDiscarded { op } } else { Change::HeldAdopted { op } };
            self.save(MANAGER, &tenant, Draft::new(change))?;
            any = true;
        }
        Ok(any)
    }

    /// The manager changes an assignment from the own laptop, offline perhaps.
    fn reassign(&mut self) -> Result<(), Failure> {
        let person = self.random.random_range(0..self.base.accounts.len());
        if person == MANAGER {
            return Ok(());
        }
        let change = Change::AssignmentSet {
            account: self.base.accounts[person].clone(),
            tenant: self.pick_tenant(),
            active: self.random.random_bool(0.6),
        };
        self.save(MANAGER, &TenantId::org(), Draft::new(change))
    }
}

/// Whether a change writes this cell.
fn writes(change: &Change, key: &CellKey) -> bool {
    matches!(change, Change::ItemStatusSet { item, .. } if *item == key.entity && key.field == field::STATUS)
}

/// The same wish in other words, as an author edits what was refused.
fn edit(change: &Change) -> Option<Change> {
    match change {
        Change::ItemStatusSet { item, .. } => {
            Some(Change::ItemStatusSet { item: item.clone(), status: Status::InProgress, reason: None })
        }
        _ => None,
    }
}

fn first() -> ProjectId {
    ProjectId { playbook: "first-school-go-live".to_owned(), n: 0 }
}

fn small(n: u32) -> ProjectId {
    ProjectId { playbook: "small".to_owned(), n }
}

fn upgrade() -> Change {
    let (source, named) = book(SMALL[1]);
    Change::ProjectUpgraded { project: small(0), playbook: named, source: source.to_owned() }
}

fn book(source: &'static str) -> (&'static str, PlaybookRef) {
    let named = match playbook::parse(source) {
        Ok(read) => {
            PlaybookRef { key: read.key.clone(), version: read.version, digest: read.digest().to_owned() }
        }
        // The committed playbooks are valid; a test holds it.
        Err(_) => PlaybookRef { key: String::new(), version: 0, digest: String::new() },
    };
    (source, named)
}

/// Whether an outcome settles an op without an entry.
pub(crate) fn is_settled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused { .. } | Outcome::Discarded { .. } | Outcome::Held)
}
