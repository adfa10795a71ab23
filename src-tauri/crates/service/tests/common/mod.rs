//! A laptop for tests: signs ops and requests by the rules of the protocol, and checks everything
//! the service sends as docs/sync-protocol.md asks of a client.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod cluster;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{DeviceValue, Status};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{self, Origin};
use cairn_domain::id::Audience;
use cairn_domain::journal::{Entry, Outcome, head_message};
use cairn_domain::op::{
    self, Body, Header, OP_VERSION, SealedOp, Seen, sign_run, verify_message, verify_run,
};
use cairn_domain::*;
use cairn_protocol::auth::{SignInRequest, enrolment_message};
use cairn_protocol::sync::*;
use cairn_protocol::{ApiError, PROTOCOL_VERSION};
use cairn_service::admin::{self, NewTenant, NewUser};
use cairn_service::handlers::{sign_in, sync};
use cairn_service::storage::Storage;
use cairn_service::{Ask, Error, Service};
use ed25519_dalek::SigningKey;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// Opens the same storage as often as wanted: each is another process as far as it can tell.
pub type Open = Arc<dyn Fn() -> Arc<dyn Storage> + Send + Sync>;

#[allow(unused_macros)]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $name() {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().to_owned();
                super::$name(Arc::new(move || Arc::new(cairn_service::storage::sqlite::Sqlite::open(&path).unwrap())));
            })+
        }
        mod postgres {
            use super::*;
            $(#[test] fn $name() {
                let url = common::cluster::database();
                super::$name(Arc::new(move || Arc::new(
                    cairn_service::storage::postgres::Postgres::with_connections(&url, 4).unwrap())));
            })+
        }
    };
}

pub fn api(error: Error) -> ApiError {
    match error {
        Error::Api(error) => error,
        Error::Fault(what) => panic!("a fault: {what}"),
    }
}

pub fn time(second: i64) -> Time {
    chrono::DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

/// What a laptop holds of a journal beyond a place, with its proofs.
pub fn offers(laptop: &Laptop, tenant: &TenantId, after: u64) -> Vec<Offer> {
    let held = laptop.held(tenant);
    let of = |op: &OpId| {
        let covers = |p: &&cairn_protocol::sync::RunProof| {
            p.device == op.device && p.run.first <= op.device_seq && op.device_seq < p.run.first + p.run.count
        };
        held.proofs.iter().find(covers).unwrap().clone()
    };
    held.entries
        .iter()
        .filter(|e| e.seq > after)
        .map(|e| Offer { tenant: tenant.clone(), entry: e.clone(), proof: of(&e.read_header().unwrap().op) })
        .collect()
}

/// A service with a clock and randomness of the test's own.
pub struct World {
    pub service: Service,
    pub random: StdRng,
    pub second: i64,
}

impl World {
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        let mut random = StdRng::seed_from_u64(7);
        let service = Service::open(storage, Ask::new(time(0), &mut random)).unwrap();
        Self { service, random, second: 0 }
    }

    pub fn ask<T>(
        &mut self,
        work: impl FnOnce(&Service, &mut Ask<'_>) -> cairn_service::Result<T>,
    ) -> Result<T, ApiError> {
        self.second += 1;
        let mut ask = Ask::new(time(self.second), &mut self.random);
        work(&self.service, &mut ask).map_err(api)
    }

    pub fn user(&mut self, name: &str, role: Role, tenants: &[&str]) -> AccountId {
        let new = NewUser { name, role, password: PASSWORD };
        self.ask(|s, ask| admin::create_user(s, &new, tenants, ask)).unwrap()
    }

    pub fn tenant(&mut self, slug: &str) -> TenantId {
        let new = NewTenant {
            slug,
            name: slug,
            playbook: Some("school-district"),
            mode: Some("pilot"),
            go_live: None,
        };
        self.ask(|s, ask| admin::create_tenant(s, &new, ask)).unwrap()
    }

    pub fn assign(&mut self, name: &str, slug: &str, active: bool) {
        self.ask(|s, ask| admin::assign(s, name, slug, active, ask)).unwrap();
    }

    pub fn sign_in(&mut self, name: &str) -> Laptop {
        let key = SigningKey::from_bytes(&cairn_service::journal::random_bytes(&mut self.random));
        self.sign_in_with(name, PASSWORD, key).unwrap()
    }

    pub fn sign_in_with(&mut self, name: &str, password: &str, key: SigningKey) -> Result<Laptop, ApiError> {
        let request = sign_in_request(&self.service, name, password, &key, self.second);
        let reply = self.ask(|s, ask| sign_in::sign_in(s, &request, ask))?;
        Ok(Laptop {
            key,
            account: reply.account,
            device: reply.device,
            service_key: reply.service_key,
            journals: BTreeMap::new(),
            numbers: BTreeMap::new(),
            salt: 0,
            by_hash: false,
        })
    }
}

pub const PASSWORD: &str = "a good password";

pub fn sign_in_request(
    service: &Service,
    name: &str,
    password: &str,
    key: &SigningKey,
    second: i64,
) -> SignInRequest {
    let mut random = StdRng::seed_from_u64(1);
    let nonce = sign_in::hello(service, &Ask::new(time(second), &mut random)).nonce;
    let device_key = cairn_service::service::public_hex(key);
    let message = enrolment_message(name, &device_key, &nonce);
    SignInRequest {
        name: name.into(),
        password: password.into(),
        device_key,
        nonce,
        signature: op::sign_message(key, &message),
    }
}

/// A tenant with two specialists who have synced.
pub fn pair(open: &Open) -> (World, TenantId, Laptop, Laptop) {
    let mut world = World::new(open());
    let tenant = world.tenant("north");
    world.user("ana", Role::ImplSpec, &["north"]);
    world.user("ben", Role::ImplSpec, &["north"]);
    let (mut ana, mut ben) = (world.sign_in("ana"), world.sign_in("ben"));
    ana.sync(&mut world, vec![]);
    ben.sync(&mut world, vec![]);
    (world, tenant, ana, ben)
}

/// What a laptop holds of a journal.
#[derive(Default, Clone)]
pub struct Held {
    pub seen: Seen,
    pub cells: Cells,
    pub entries: Vec<Entry>,
    pub hashes: Vec<(OpId, Hash)>,
    pub digests: Digests,
    pub proofs: Vec<RunProof>,
    pub audience: Option<Audience>,
    pub salts: Option<cairn_domain::journal::EffectSalts>,
    pub held: Option<Vec<HeldOp>>,
    pub last_receipted: u64,
}

pub struct Laptop {
    pub key: SigningKey,
    pub account: AccountId,
    pub device: DeviceId,
    pub service_key: String,
    pub journals: BTreeMap<TenantId, Held>,
    pub numbers: BTreeMap<TenantId, u64>,
    pub salt: u64,
    pub by_hash: bool,
}

impl Laptop {
    pub fn positions(&self) -> Vec<Position> {
        self.journals.iter().map(|(t, h)| Position { tenant: t.clone(), seen: h.seen }).collect()
    }

    pub fn request(&self, push: Vec<PushRun>) -> SyncRequest {
        let positions = self.positions();
        let known =
            if self.by_hash { Known::Hash(positions_hash(&positions)) } else { Known::List(positions) };
        SyncRequest {
            v: PROTOCOL_VERSION,
            known,
            push,
            offers: vec![],
            fill: BTreeMap::new(),
            held: vec![],
            rebuild: vec![],
            most: None,
        }
    }

    pub fn ask(&self, world: &mut World, request: &SyncRequest) -> Result<SyncReply, ApiError> {
        let device = self.device.clone();
        world.ask(|s, ask| {
            let caller = s.caller(&device)?;
            sync::sync(s, &caller, request, ask)
        })
    }

    /// Pushes and pulls until nothing more comes, checking all of it.
    pub fn sync(&mut self, world: &mut World, push: Vec<PushRun>) -> SyncReply {
        let first = self.ask(world, &self.request(push)).unwrap();
        self.apply(&first);
        let mut more = first.more;
        while more {
            let reply = self.ask(world, &self.request(vec![])).unwrap();
            self.apply(&reply);
            more = reply.more;
        }
        first
    }

    pub fn apply(&mut self, reply: &SyncReply) {
        for page in &reply.pages {
            self.apply_page(page);
        }
        for gone in &reply.gone {
            self.journals.remove(gone);
        }
    }

    fn apply_page(&mut self, page: &TenantPage) {
        let message = head_message(&page.tenant, page.seen);
        assert!(verify_message(&self.service_key, &message, &page.signature), "the head is signed");
        let mut held = self.journals.remove(&page.tenant).unwrap_or_default();
        held.audience = Some(page.audience);
        held.salts = Some(page.salts.clone());
        held.last_receipted = page.last_receipted;
        if let Some(snapshot) = &page.snapshot {
            held = Held { seen: snapshot.seen, cells: snapshot.cells.iter().cloned().collect(), ..held };
            held.digests = Digests::default();
            for (key, cell) in &held.cells {
                held.digests.update(key, None, Some(cell));
            }
        }
        for entry in &page.entries {
            apply_entry(&mut held, entry, page);
        }
        assert_eq!(held.seen, page.seen, "the page ends where it says");
        if let Some(digest) = page.digest {
            assert_eq!(
                held.digests.for_audience(page.audience),
                digest,
                "the digests agree at {}",
                page.seen.seq
            );
        }
        held.held.clone_from(&page.held);
        held.proofs.extend(page.proofs.clone());
        let tenant = page.tenant.clone();
        self.journals.insert(tenant.clone(), held);
        self.check_proofs(page);
    }

    /// Every entry of a page is covered by its device's signature.
    fn check_proofs(&self, page: &TenantPage) {
        let keys = &self.journals[&TenantId::org()].cells;
        let mine: BTreeMap<(DeviceId, u64), Hash> = page
            .entries
            .iter()
            .chain(&page.filled)
            .map(|e| {
                let op = e.read_header().unwrap().op;
                ((op.device, op.device_seq), e.op_hash())
            })
            .collect();
        let mut covered = Vec::new();
        for proof in &page.proofs {
            let cell = &keys[&CellKey::new(Entity::Device(proof.device.clone()), field::KEY)];
            let value: DeviceValue = serde_json::from_value(cell.winner().unwrap().1.value.clone()).unwrap();
            let numbers = proof.run.first..proof.run.first + proof.run.count;
            let hashes: Vec<Hash> = numbers
                .clone()
                .map(|n| {
                    *proof
                        .others
                        .get(&n)
                        .or_else(|| mine.get(&(proof.device.clone(), n)))
                        .expect("a hash for each op of the run")
                })
                .collect();
            assert!(
                verify_run(&value.key, &page.tenant, &proof.device, &proof.run, &hashes),
                "a proof holds"
            );
            covered.extend(numbers.map(|n| (proof.device.clone(), n)));
        }
        for key in mine.keys() {
            assert!(covered.contains(key), "{key:?} is proven");
        }
    }

    pub fn held(&self, tenant: &TenantId) -> &Held {
        &self.journals[tenant]
    }

    pub fn base_of(&self, tenant: &TenantId, cell: &CellKey) -> Vec<OpId> {
        self.journals.get(tenant).and_then(|h| h.cells.get(cell)).map(Cell::base).unwrap_or_default()
    }

    /// The next op, its base given.
    pub fn op(&mut self, tenant: &TenantId, change: Change, base: BTreeMap<CellKey, Vec<OpId>>) -> SealedOp {
        self.op_reissuing(tenant, change, base, None)
    }

    pub fn op_reissuing(
        &mut self,
        tenant: &TenantId,
        change: Change,
        base: BTreeMap<CellKey, Vec<OpId>>,
        reissues: Option<Hash>,
    ) -> SealedOp {
        let number = self.numbers.entry(tenant.clone()).or_insert(0);
        *number += 1;
        self.salt += 1;
        let header = Header {
            v: OP_VERSION,
            op: OpId { tenant: tenant.clone(), device: self.device.clone(), device_seq: *number },
            audience: change.audience(),
            seen: self.journals.get(tenant).map(|h| h.seen).unwrap_or_default(),
            reissues,
        };
        let body =
            Body { actor: self.account.clone(), acting_under: None, reason: None, at: time(5), base, change };
        let mut salt = [0; 16];
        StdRng::seed_from_u64(self.salt).fill_bytes(&mut salt);
        SealedOp::seal(&header, &body, salt).unwrap()
    }

    /// A status op that has seen what this laptop holds.
    pub fn status(&mut self, tenant: &TenantId, key: &str, status: Status, reason: Option<&str>) -> SealedOp {
        let cell = CellKey::new(item(key), field::STATUS);
        let base = self.base_of(tenant, &cell);
        let base = if base.is_empty() { BTreeMap::new() } else { BTreeMap::from([(cell, base)]) };
        let change = Change::ItemStatusSet { item: item(key), status, reason: reason.map(str::to_owned) };
        self.op(tenant, change, base)
    }

    pub fn run(&self, tenant: &TenantId, ops: Vec<SealedOp>) -> PushRun {
        let first = ops[0].header().unwrap().op.device_seq;
        let hashes: Vec<Hash> = ops.iter().map(SealedOp::hash).collect();
        PushRun {
            tenant: tenant.clone(),
            run: sign_run(&self.key, tenant, &self.device, first, &hashes),
            ops,
        }
    }

    pub fn push(&mut self, world: &mut World, tenant: &TenantId, ops: Vec<SealedOp>) -> Vec<Outcome> {
        let run = self.run(tenant, ops);
        self.sync(world, vec![run]).receipts.into_iter().map(|r| r.outcome).collect()
    }
}

fn apply_entry(held: &mut Held, entry: &Entry, page: &TenantPage) {
    assert_eq!(entry.seq, held.seen.seq + 1, "no hole");
    let head = entry.link(held.seen.head, &page.salts).unwrap();
    held.seen = Seen { seq: entry.seq, head };
    let op = entry.read_header().unwrap().op;
    let effects = entry.effects().unwrap();
    let body: Option<Body> = entry.sealed_op().map(|s| serde_json::from_str(&s.body).unwrap());
    if page.audience == Audience::Client {
        assert!(effects.team.is_empty(), "nothing of the team reaches a client");
    }
    if let Some(body) = body {
        let before = held.cells.clone();
        effect::project_all(&mut held.cells, Origin { op: &op, by: &body.actor, at: body.at }, &effects);
        for key in effects.cells() {
            held.digests.update(key, before.get(key), held.cells.get(key));
        }
    } else {
        assert_eq!(effects, Effects::default(), "effects without their author cannot be projected");
    }
    held.hashes.push((op, entry.op_hash()));
    held.entries.push(entry.clone());
}

pub fn item(key: &str) -> Entity {
    Entity::Item(ProjectId { playbook: "school-district".into(), n: 0 }, key.into())
}

/// Items of the school district playbook that nothing checks.
pub fn free_items() -> Vec<String> {
    let source = playbook::built_in_by_key("school-district").unwrap().source;
    let book = playbook::parse(source).unwrap();
    book.items_for(Some("pilot")).filter(|i| i.check.is_none()).map(|i| i.key.clone()).collect()
}
