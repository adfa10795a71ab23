//! The journal's algebra as an in-memory model: write, refuse, hold, adopt, discard, reissue, fork,
//! restore, undo and upgrade, each against `base`, over many seeds and before any SQL.
//!
//! The oracle knows nothing of cells: an accepted value survives unless some accepted op on the
//! same cell was written by an author who had seen it. Seeds that once failed stay in `SEEDS`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{Change, ItemField, PlaybookRef, Status};
use cairn_domain::decide::{Context, Lineage, Refusal, Slice, Standing, decide, missing_lineage, touches};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{Effect, Effects, Origin, project_all};
use cairn_domain::journal::Outcome;
use cairn_domain::op::{Body, Header, SealedOp, Seen};
use cairn_domain::playbook::{self, Playbook};
use cairn_domain::undo::{self, Did};
use cairn_domain::{CellKey, DeviceId, Entity, Hash, Op, OpId, ProjectId, TenantId, Time};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Seeds that found a fault once.
const SEEDS: &[u64] = &[];

const BOOK: [&str; 2] = [include_str!("small-1.toml"), include_str!("small-2.toml")];

fn count() -> u64 {
    10_000
}

#[test]
fn every_replica_converges_on_what_the_oracle_says() {
    for seed in SEEDS.iter().copied().chain(0..count()) {
        World::run(seed);
    }
}

type Bases = BTreeMap<CellKey, Vec<OpId>>;

/// What the service ever received under a name.
#[derive(Clone)]
struct Received {
    hash: Hash,
    outcome: Outcome,
    op: Op,
    sealed: SealedOp,
}

#[derive(Clone, Default)]
struct Service {
    journal: Vec<(OpId, Effects)>,
    heads: Vec<Hash>,
    cells: Cells,
    digests: Digests,
    received: BTreeMap<OpId, Received>,
    held: Vec<OpId>,
    retired: BTreeSet<DeviceId>,
    /// How often it came back from a backup; stands for the `ServiceRestored` entries that every
    /// laptop reads in the journal.
    restored: u64,
}

enum Push {
    Done,
    Forked,
}

impl Service {
    fn seen(&self) -> Seen {
        Seen { seq: self.journal.len() as u64, head: self.heads.last().copied().unwrap_or(Hash::ZERO) }
    }

    fn last_receipted(&self, device: &DeviceId) -> u64 {
        self.received.keys().filter(|id| id.device == *device).map(|id| id.device_seq).max().unwrap_or(0)
    }

    fn lineage(&self, id: &OpId) -> Lineage {
        let Some(r) = self.received.get(id) else { return Lineage::Unknown };
        match &r.outcome {
            Outcome::Accepted { .. } => Lineage::Accepted,
            Outcome::Refused { .. } | Outcome::Discarded { .. } => Lineage::Refused(r.op.body.base.clone()),
            Outcome::Held => Lineage::Held(r.op.body.base.clone()),
            Outcome::Duplicate { of } => Lineage::Duplicate { of: of.clone(), base: r.op.body.base.clone() },
        }
    }

    fn receive(&mut self, world: &Rights, sealed: &SealedOp, offered: bool) -> Push {
        let op = sealed.open().unwrap();
        let id = op.header.op.clone();
        if let Some(known) = self.received.get(&id) {
            if known.hash == op.hash {
                return Push::Done;
            }
            if !offered {
                self.retired.insert(id.device);
            }
            return Push::Forked;
        }
        if !offered
            && (self.retired.contains(&id.device) || id.device_seq != self.last_receipted(&id.device) + 1)
        {
            return Push::Forked;
        }
        let twin = op.header.reissues.and_then(|hash| {
            let same = |r: &&Received| r.hash == hash || r.op.header.reissues == Some(hash);
            self.received.values().find(same).map(|r| (r.op.header.op.clone(), r.outcome.clone()))
        });
        let outcome = match twin {
            // A refused op may be tried again; anything else stands already.
            Some((of, Outcome::Accepted { .. } | Outcome::Held | Outcome::Duplicate { .. })) => {
                Outcome::Duplicate { of }
            }
            _ if !offered && !world.assigned(&id.device) => {
                self.held.push(id.clone());
                Outcome::Held
            }
            _ => self.judge(world, &op),
        };
        self.received.insert(id, Received { hash: op.hash, outcome, op, sealed: sealed.clone() });
        Push::Done
    }

    fn judge(&mut self, world: &Rights, op: &Op) -> Outcome {
        let standing =
            Standing::Person { role: world.role(&op.header.op.device), relation: Relation::Assigned };
        let seq = self.journal.len() as u64 + 1;
        match self.decide(op, standing, Some(seq)) {
            Err(refusal) => Outcome::Refused { refusal },
            Ok(effects) => {
                let before: Vec<_> =
                    effects.cells().map(|k| (k.clone(), self.cells.get(k).cloned())).collect();
                project_all(&mut self.cells, origin(op), &effects);
                for (key, old) in unique(before) {
                    self.digests.update(&key, old.as_ref(), self.cells.get(&key));
                }
                let head = Hash::of("model", &[&self.seen().head.0, &op.hash.0]);
                self.heads.push(head);
                self.journal.push((op.header.op.clone(), effects));
                Outcome::Accepted { seq }
            }
        }
    }

    fn decide(&self, op: &Op, standing: Standing, seq: Option<u64>) -> Result<Effects, Refusal> {
        decide_with(&self.cells, op, standing, seq, &|id| self.lineage(id))
    }

    fn settle_held(&mut self, world: &Rights, rng: &mut StdRng, all: bool) {
        while let Some(index) = (!self.held.is_empty()).then(|| rng.random_range(0..self.held.len())) {
            let device = self.held[index].device.clone();
            // Device order is kept: the first held op of that device.
            let first = self.held.iter().position(|id| id.device == device).unwrap();
            let id = self.held.remove(first);
            let op = self.received[&id].op.clone();
            let outcome = if !all && rng.random_bool(0.3) {
                Outcome::Discarded { by: id.clone() }
            } else {
                self.judge(world, &op)
            };
            self.received.get_mut(&id).unwrap().outcome = outcome;
            if !all {
                break;
            }
        }
    }
}

fn unique<V>(pairs: Vec<(CellKey, V)>) -> BTreeMap<CellKey, V> {
    let mut out = BTreeMap::new();
    for (k, v) in pairs {
        out.entry(k).or_insert(v);
    }
    out
}

fn origin(op: &Op) -> Origin<'_> {
    Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at }
}

fn books(cells: &Cells, project: &ProjectId) -> Vec<Arc<Playbook>> {
    thread_local!(static READ: [Arc<Playbook>; 2] = BOOK.map(|s| Arc::new(playbook::parse(s).unwrap())));
    let Some(cell) = cells.get(&CellKey::new(Entity::Project(project.clone()), field::PLAYBOOK)) else {
        return Vec::new();
    };
    READ.with(|read| {
        let named = |book: &Arc<Playbook>| cell.values.values().any(|k| k.value["digest"] == book.digest());
        read.iter().filter(|b| named(b)).cloned().collect()
    })
}

fn decide_with(
    cells: &Cells,
    op: &Op,
    standing: Standing,
    seq: Option<u64>,
    lineage: &dyn Fn(&OpId) -> Lineage,
) -> Result<Effects, Refusal> {
    let touched = touches(op);
    let mut slice = Slice {
        cells: touched.cells.iter().filter_map(|k| Some((k.clone(), cells.get(k)?.clone()))).collect(),
        lineage: BTreeMap::new(),
        playbooks: touched.project.map(|p| books(cells, &p)).unwrap_or_default(),
    };
    loop {
        let missing = missing_lineage(op, &slice);
        if missing.is_empty() {
            break;
        }
        slice.lineage.extend(missing.into_iter().map(|id| (id.clone(), lineage(&id))));
    }
    decide(&slice, op, &Context { table: &Table::standard(), standing, seq })
}

/// What changes about people during a run.
#[derive(Clone, Default)]
struct Rights {
    unassigned: BTreeSet<usize>,
    readers: BTreeSet<usize>,
    person_of: BTreeMap<DeviceId, usize>,
}

impl Rights {
    fn assigned(&self, device: &DeviceId) -> bool {
        !self.unassigned.contains(&self.person_of[device])
    }

    fn role(&self, device: &DeviceId) -> Role {
        if self.readers.contains(&self.person_of[device]) { Role::Csm } else { Role::ImplSpec }
    }
}

#[derive(Clone)]
struct Laptop {
    person: usize,
    device: DeviceId,
    /// Confirmed entries as pulled, with the bytes (to offer them again).
    entries: Vec<(SealedOp, Effects)>,
    heads: Vec<Hash>,
    confirmed: Cells,
    /// Own ops not in the journal yet, in order, with what the service said.
    outbox: Vec<(SealedOp, Option<Outcome>)>,
    next: u64,
    /// The restore of the service this laptop last took note of.
    restored: u64,
}

impl Laptop {
    fn new(person: usize, device: DeviceId) -> Self {
        Self {
            person,
            device,
            entries: vec![],
            heads: vec![],
            confirmed: Cells::new(),
            outbox: vec![],
            next: 1,
            restored: 0,
        }
    }

    /// What the screen shows: confirmed state and the own pending ops decided on top.
    fn cells(&self) -> Cells {
        let mut cells = self.confirmed.clone();
        for (sealed, outcome) in &self.outbox {
            if outcome.is_some() {
                continue;
            }
            let op = sealed.open().unwrap();
            if let Ok(effects) = self.judge(&cells, &op) {
                project_all(&mut cells, origin(&op), &effects);
            }
        }
        cells
    }

    fn judge(&self, cells: &Cells, op: &Op) -> Result<Effects, Refusal> {
        let standing = Standing::Person { role: Role::ImplSpec, relation: Relation::Assigned };
        decide_with(cells, op, standing, None, &|id| {
            let own = self.outbox.iter().find(|(s, _)| s.header().unwrap().op == *id);
            match own {
                Some((s, Some(Outcome::Held))) => Lineage::Held(s.open().unwrap().body.base),
                Some((s, Some(_))) => Lineage::Refused(s.open().unwrap().body.base),
                _ => Lineage::Accepted,
            }
        })
    }

    fn write(&mut self, world: &mut World2, change: Change, base: Option<Bases>) {
        let cells = self.cells();
        let id = OpId { tenant: world.tenant.clone(), device: self.device.clone(), device_seq: self.next };
        let audience = change.audience();
        let seen =
            Seen { seq: self.entries.len() as u64, head: self.heads.last().copied().unwrap_or(Hash::ZERO) };
        let header = Header { v: 1, op: id, audience, seen, reissues: None };
        let mut body = Body {
            actor: format!("a{}", self.person).parse().unwrap(),
            acting_under: None,
            reason: None,
            at: Time::from_timestamp(world.rng.random_range(0..1_000_000), 0).unwrap(),
            base: Bases::new(),
            change,
        };
        body.base = base.unwrap_or_else(|| saw_all(&cells, &header, &body));
        let sealed = SealedOp::seal(&header, &body, world.rng.random()).unwrap();
        if self.judge(&cells, &sealed.open().unwrap()).is_ok() {
            self.outbox.push((sealed, None));
            self.next += 1;
        }
    }

    /// Enrols anew and issues the outbox again under the new device.
    fn re_enrol(&mut self, world: &mut World2, known: &dyn Fn(&OpId) -> bool) {
        self.device = world.new_device(self.person);
        self.next = 1;
        let outbox = std::mem::take(&mut self.outbox);
        let (answered, unsent): (Vec<_>, Vec<_>) = outbox
            .into_iter()
            .partition(|(sealed, outcome)| outcome.is_some() || known(&sealed.header().unwrap().op));
        self.outbox = answered;
        self.reissue(world, unsent);
    }

    fn reissue(&mut self, world: &mut World2, ops: Vec<(SealedOp, Option<Outcome>)>) {
        let mut renamed: BTreeMap<OpId, OpId> = BTreeMap::new();
        for (sealed, _) in ops {
            let op = sealed.open().unwrap();
            let id = OpId { device: self.device.clone(), device_seq: self.next, ..op.header.op.clone() };
            self.next += 1;
            renamed.insert(op.header.op.clone(), id.clone());
            let header =
                Header { op: id, reissues: Some(op.header.reissues.unwrap_or(op.hash)), ..op.header };
            let mut body = op.body;
            for base in body.base.values_mut() {
                for id in base.iter_mut() {
                    if let Some(new) = renamed.get(id) {
                        *id = new.clone();
                    }
                }
            }
            self.outbox.push((SealedOp::seal(&header, &body, world.rng.random()).unwrap(), None));
        }
    }

    fn sync(&mut self, service: &mut Service, world: &mut World2, lossy: bool) {
        self.find_common_point(service, world);
        for index in 0..self.outbox.len() {
            let (sealed, outcome) = &self.outbox[index];
            if outcome.is_some() || sealed.header().unwrap().op.device != self.device {
                continue;
            }
            if lossy && world.rng.random_bool(0.2) {
                break;
            }
            let sealed = sealed.clone();
            if let Push::Forked = service.receive(&world.rights, &sealed, false) {
                let received = service.received.clone();
                let outbox = self.outbox.clone();
                self.re_enrol(world, &|id| {
                    let mine = outbox.iter().find(|(s, _)| s.header().unwrap().op == *id);
                    mine.is_some_and(|(s, _)| received.get(id).is_some_and(|r| r.hash == s.hash()))
                });
                return;
            }
        }
        if lossy && world.rng.random_bool(0.2) {
            return;
        }
        self.pull(service, world);
    }

    /// A restored service cannot extend what we know: go back to where both agree and offer the rest.
    fn find_common_point(&mut self, service: &mut Service, world: &mut World2) {
        let common = self.heads.iter().zip(&service.heads).take_while(|(a, b)| a == b).count();
        if self.restored == service.restored {
            assert_eq!(common, self.heads.len(), "only a restore may make histories differ");
            return;
        }
        self.restored = service.restored;
        let beyond = self.entries.split_off(common);
        self.heads.truncate(common);
        let entries = self.entries.clone();
        self.confirmed = Cells::new();
        for (sealed, effects) in &entries {
            project_all(&mut self.confirmed, origin(&sealed.open().unwrap()), effects);
        }
        for (_, outcome) in &mut self.outbox {
            *outcome = None;
        }
        for (sealed, _) in beyond {
            let _ = service.receive(&world.rights, &sealed, true);
        }
        self.reissue_of_former_devices(world);
    }

    /// Held and refused ops of a device this laptop no longer is cannot be pushed under that name.
    fn reissue_of_former_devices(&mut self, world: &mut World2) {
        let (mine, former): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outbox)
            .into_iter()
            .partition(|(s, _)| s.header().unwrap().op.device == self.device);
        self.outbox = mine;
        self.reissue(world, former);
    }

    fn pull(&mut self, service: &Service, world: &mut World2) {
        let end = if world.rng.random_bool(0.5) {
            service.journal.len()
        } else {
            world.rng.random_range(self.entries.len()..=service.journal.len())
        };
        for index in self.entries.len()..end {
            let (id, effects) = &service.journal[index];
            let received = &service.received[id];
            project_all(&mut self.confirmed, origin(&received.op), effects);
            self.entries.push((received.sealed.clone(), effects.clone()));
            self.heads.push(service.heads[index]);
        }
        let confirmed: BTreeSet<OpId> = self.entries.iter().map(|(s, _)| s.header().unwrap().op).collect();
        self.outbox.retain(|(s, _)| !confirmed.contains(&s.header().unwrap().op));
        for (sealed, outcome) in &mut self.outbox {
            let receipt =
                service.received.get(&sealed.header().unwrap().op).filter(|r| r.hash == sealed.hash());
            *outcome = receipt.map(|r| r.outcome.clone()).filter(|o| !matches!(o, Outcome::Accepted { .. }));
        }
    }
}

/// The base of an author who saw everything the cells show.
fn saw_all(cells: &Cells, header: &Header, body: &Body) -> Bases {
    let op = Op { header: header.clone(), body: body.clone(), hash: Hash::ZERO };
    touches(&op)
        .cells
        .into_iter()
        .filter(|key| match &body.change {
            Change::ItemStatusSet { .. } => key.field == field::STATUS,
            Change::ItemFieldSet { field, .. } => key.field == field.cell(),
            Change::ProjectUpgraded { .. } => key.field == field::PLAYBOOK,
            _ => true,
        })
        .filter_map(|key| Some((key.clone(), cells.get(&key)?.base())))
        .collect()
}

/// What a laptop may touch of the world while it works.
struct World2 {
    rng: StdRng,
    tenant: TenantId,
    rights: Rights,
    devices: usize,
}

impl World2 {
    fn new_device(&mut self, person: usize) -> DeviceId {
        self.devices += 1;
        let device: DeviceId = format!("d{:02}", self.devices).parse().unwrap();
        self.rights.person_of.insert(device.clone(), person);
        device
    }
}

struct World {
    seed: u64,
    shared: World2,
    service: Service,
    backup: Option<Service>,
    laptops: Vec<Laptop>,
}

impl World {
    fn run(seed: u64) {
        let shared = World2 {
            rng: StdRng::seed_from_u64(seed),
            tenant: "t1".parse().unwrap(),
            rights: Rights::default(),
            devices: 0,
        };
        let mut world = Self { seed, shared, service: Service::default(), backup: None, laptops: vec![] };
        for person in 0..3 {
            let device = world.shared.new_device(person);
            world.laptops.push(Laptop::new(person, device));
        }
        for _ in 0..40 {
            world.step();
        }
        world.heal();
        world.check();
    }

    fn step(&mut self) {
        let who = self.shared.rng.random_range(0..self.laptops.len());
        match self.shared.rng.random_range(0..100) {
            0..45 => self.write(who),
            45..52 => self.undo(who),
            52..80 => self.laptops[who].sync(&mut self.service, &mut self.shared, true),
            80..84 => toggle(&mut self.shared.rights.unassigned, self.shared.rng.random_range(0..3)),
            84..88 => toggle(&mut self.shared.rights.readers, self.shared.rng.random_range(0..3)),
            88..92 => self.service.settle_held(&self.shared.rights, &mut self.shared.rng, false),
            92..94 if self.laptops.len() < 5 => self.laptops.push(self.laptops[who].clone()),
            94..96 => self.backup = Some(self.service.clone()),
            96..98 => self.restore(),
            _ => self.upgrade(who),
        }
    }

    fn restore(&mut self) {
        let Some(backup) = self.backup.take() else { return };
        let retired = self.service.retired.clone();
        let restored = self.service.restored + 1;
        self.service = Service { restored, ..backup };
        // Devices enrolled or retired since are known to the organisation's own journal.
        self.service.retired.extend(retired);
    }

    fn write(&mut self, who: usize) {
        let rng = &mut self.shared.rng;
        let item = Entity::Item(project(), (*["one", "two", "three"].choose(rng).unwrap()).to_owned());
        let change = match rng.random_range(0..10) {
            0 => start(rng.random_bool(0.8)),
            1..3 => Change::ItemFieldSet {
                item,
                field: ItemField::Note,
                value: rng.random_range(0..4).to_string().into(),
            },
            _ => {
                let status = *[Status::Blocked, Status::InProgress, Status::Complete, Status::NotStarted]
                    .choose(rng)
                    .unwrap();
                let reason = status.needs_reason().then(|| format!("reason {}", rng.random_range(0..3)));
                Change::ItemStatusSet { item, status, reason }
            }
        };
        self.laptops[who].write(&mut self.shared, change, None);
    }

    fn upgrade(&mut self, who: usize) {
        let cells = self.laptops[who].cells();
        let read = playbook::parse(BOOK[1]).unwrap();
        let gone = Entity::Item(project(), "three".into());
        let own = [Entity::Project(project())];
        let base: Bases = cells
            .iter()
            .filter(|(k, _)| k.entity == gone || (own.contains(&k.entity) && k.field == field::PLAYBOOK))
            .map(|(k, c)| (k.clone(), c.base()))
            .collect();
        let change =
            Change::ProjectUpgraded { project: project(), playbook: named(&read), source: BOOK[1].into() };
        self.laptops[who].write(&mut self.shared, change, Some(base));
    }

    fn undo(&mut self, who: usize) {
        let laptop = &self.laptops[who];
        let cells = laptop.cells();
        let Some((sealed, _)) = laptop.outbox.iter().rfind(|(_, o)| o.is_none()) else { return };
        let op = sealed.open().unwrap();
        let did: Vec<Did> = op
            .body
            .base
            .keys()
            .map(|cell| Did {
                cell: cell.clone(),
                after: cells
                    .get(cell)
                    .and_then(|c| c.values.get(&op.header.op))
                    .map(|k| k.value.clone())
                    .unwrap_or_default(),
                before: vec![],
            })
            .collect();
        if let Ok(undo) = undo::plan(&op.header.op, &did, &cells) {
            self.laptops[who].write(&mut self.shared, undo.change, Some(undo.base));
        }
    }

    fn heal(&mut self) {
        self.shared.rights.unassigned.clear();
        self.shared.rights.readers.clear();
        for _ in 0..6 {
            for who in 0..self.laptops.len() {
                self.laptops[who].sync(&mut self.service, &mut self.shared, false);
            }
            self.service.settle_held(&self.shared.rights, &mut self.shared.rng, true);
        }
        let everyone = self.service.journal.len();
        for laptop in &mut self.laptops {
            while laptop.entries.len() < everyone {
                laptop.sync(&mut self.service, &mut self.shared, false);
            }
        }
        assert_eq!(everyone, self.service.journal.len(), "seed {}: queues did not drain", self.seed);
    }

    fn check(&self) {
        let seed = self.seed;
        for laptop in &self.laptops {
            assert_eq!(laptop.confirmed, self.service.cells, "seed {seed}: confirmed state differs");
            assert_eq!(laptop.cells(), self.service.cells, "seed {seed}: shown state differs");
            let waiting = laptop.outbox.iter().filter(|(_, o)| o.is_none()).count();
            assert_eq!(waiting, 0, "seed {seed}: an op never left {}", laptop.device);
        }
        let mut digests = Digests::default();
        for (key, cell) in &self.service.cells {
            digests.update(key, None, Some(cell));
        }
        assert_eq!(digests, self.service.digests, "seed {seed}: incremental digest differs");
        self.check_oracle();
        self.check_blockers();
    }

    /// Survivors by the oracle: accepted, and not seen by the author of any accepted op on the cell.
    fn check_oracle(&self) {
        let accepted: Vec<&Received> =
            self.service.journal.iter().map(|(id, _)| &self.service.received[id]).collect();
        let mut expected: BTreeMap<CellKey, BTreeSet<OpId>> = BTreeMap::new();
        for ((id, effects), received) in self.service.journal.iter().zip(&accepted) {
            for effect in effects.all() {
                let Effect::Write { cell, .. } = effect else { continue };
                let replaced = accepted.iter().any(|later| self.saw(cell, &received.op.header.op, later));
                if !replaced {
                    expected.entry(cell.clone()).or_default().insert(id.clone());
                }
            }
        }
        let actual: BTreeMap<CellKey, BTreeSet<OpId>> = self
            .service
            .cells
            .iter()
            .filter(|(_, c)| !c.values.is_empty())
            .map(|(k, c)| (k.clone(), c.values.keys().cloned().collect()))
            .collect();
        assert_eq!(actual, expected, "seed {}: survivors differ from the oracle", self.seed);
    }

    fn saw(&self, cell: &CellKey, target: &OpId, later: &Received) -> bool {
        let mut todo: Vec<OpId> = later.op.body.base.get(cell).cloned().unwrap_or_default();
        let mut visited = BTreeSet::new();
        while let Some(id) = todo.pop() {
            if id == *target {
                return true;
            }
            if !visited.insert(id.clone()) {
                continue;
            }
            // What an author named as seen, the author had seen with all that it was built on.
            if let Some(r) = self.service.received.get(&id) {
                todo.extend(r.op.body.base.get(cell).cloned().unwrap_or_default());
                if let Outcome::Duplicate { of } = &r.outcome {
                    todo.push(of.clone());
                }
            }
        }
        false
    }

    fn check_blockers(&self) {
        for (key, cell) in self.service.cells.iter().filter(|(k, _)| k.field == field::STATUS) {
            for kept in cell.values.values() {
                let blocked = kept.value["status"] == "blocked";
                assert_eq!(blocked, kept.value.get("blocker").is_some(), "seed {}: {key}", self.seed);
            }
        }
    }
}

fn toggle(set: &mut BTreeSet<usize>, person: usize) {
    if !set.remove(&person) {
        set.insert(person);
    }
}

fn project() -> ProjectId {
    ProjectId { playbook: "small".into(), n: 0 }
}

fn named(book: &Playbook) -> PlaybookRef {
    PlaybookRef { key: book.key.clone(), version: book.version, digest: book.digest().to_owned() }
}

fn start(first: bool) -> Change {
    let source = BOOK[usize::from(!first)];
    let book = playbook::parse(source).unwrap();
    Change::ProjectStarted {
        project: project(),
        playbook: named(&book),
        source: source.into(),
        mode: None,
        go_live: None,
    }
}
