//! A service in memory, as plain as it can be: the reference the store is tested against.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{DeviceValue, PlaybookRef};
use cairn_domain::decide::{self, Context, Lineage, Refusal, Slice, Standing};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{Effects, Origin, kept_playbooks, project_all};
use cairn_domain::id::Audience;
use cairn_domain::journal::{
    BodyBytes, EffectSalts, Entry, EntryOrigin, Outcome, Part, Receipt, head_message,
};
use cairn_domain::op::{Body, Header, OP_VERSION, RunSignature, Seen, sign_message, sign_run};
use cairn_domain::playbook::{self, Playbook};
use cairn_domain::{
    AccountId, CellKey, Change, DeviceId, Entity, Hash, Op, OpId, ProjectId, SealedOp, TenantId, Time,
};
use cairn_protocol::auth::device_id;
use cairn_protocol::sync::{PushRun, RunProof, Snapshot, TenantPage};
use cairn_store::{DataKey, Draft, Identity, SeededEntropy, Store, Written};
use ed25519_dalek::SigningKey;

pub fn at(minute: i64) -> Time {
    chrono::DateTime::from_timestamp(1_700_000_000 + minute * 60, 0).unwrap()
}

pub fn tenant() -> TenantId {
    "t1".parse().unwrap()
}

pub fn source() -> &'static str {
    playbook::built_in_by_key("first-school-go-live").unwrap().source
}

pub fn book() -> Playbook {
    playbook::parse(source()).unwrap()
}

pub fn book_ref() -> PlaybookRef {
    let book = book();
    PlaybookRef { key: book.key.clone(), version: book.version, digest: book.digest().to_owned() }
}

pub fn project() -> ProjectId {
    ProjectId { playbook: book().key.clone(), n: 0 }
}

pub fn item(key: &str) -> Entity {
    Entity::Item(project(), key.to_owned())
}

pub fn start(project: ProjectId) -> Change {
    let book = book();
    let mode = book.modes.first().map(|m| m.key.clone());
    Change::ProjectStarted { project, playbook: book_ref(), source: source().to_owned(), mode, go_live: None }
}

pub type Base = BTreeMap<CellKey, Vec<OpId>>;

/// What the service does with a run, for tests that force its hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Take {
    Judge,
    Hold,
    Refuse(u64),
}

#[derive(Clone, Default)]
pub struct Journal {
    pub entries: Vec<Entry>,
    pub heads: Vec<Hash>,
    pub cells: Cells,
    pub digests: Digests,
    pub receipts: BTreeMap<OpId, (Receipt, Base)>,
    pub hashes: BTreeMap<Hash, OpId>,
    pub runs: Vec<(DeviceId, RunSignature, Vec<Hash>)>,
    pub held: BTreeMap<OpId, SealedOp>,
    pub playbooks: BTreeMap<String, (String, Arc<Playbook>)>,
    pub numbers: BTreeMap<DeviceId, u64>,
}

#[derive(Clone)]
pub struct Fake {
    pub key: SigningKey,
    pub device: DeviceId,
    pub journals: BTreeMap<TenantId, Journal>,
    pub clock: i64,
}

pub fn key_hex(key: &SigningKey) -> String {
    hex::encode(key.verifying_key().to_bytes())
}

impl Journal {
    pub fn seen(&self) -> Seen {
        Seen { seq: self.entries.len() as u64, head: self.heads.last().copied().unwrap_or(Hash::ZERO) }
    }

    pub fn seen_at(&self, seq: u64) -> Seen {
        Seen { seq, head: if seq == 0 { Hash::ZERO } else { self.heads[seq as usize - 1] } }
    }
}

impl Fake {
    pub fn new() -> Self {
        let key = SigningKey::from_bytes(&[9; 32]);
        let device = device_id(&key_hex(&key)).unwrap();
        let mut fake = Self { key, device, journals: BTreeMap::new(), clock: 0 };
        let value =
            DeviceValue { key: key_hex(&fake.key), account: "service".parse().unwrap(), service: true };
        fake.says(&TenantId::org(), Change::DeviceEnrolled { device: fake.device.clone(), value });
        fake.says(&tenant(), Change::TenantCreated { slug: "hill".into(), name: "Hill School".into() });
        fake.says(&tenant(), start(project()));
        fake
    }

    pub fn salts() -> EffectSalts {
        EffectSalts { client: "c".into(), team: Some("t".into()) }
    }

    pub fn journal(&mut self, tenant: &TenantId) -> &mut Journal {
        self.journals.entry(tenant.clone()).or_default()
    }

    pub fn t1(&self) -> &Journal {
        &self.journals[&tenant()]
    }

    /// The service writes an op of its own.
    pub fn says(&mut self, tenant: &TenantId, change: Change) -> OpId {
        let (device, key) = (self.device.clone(), self.key.clone());
        self.clock += 1;
        let now = at(self.clock);
        let journal = self.journal(tenant);
        let number = journal.numbers.get(&device).copied().unwrap_or(0) + 1;
        let id = OpId { tenant: tenant.clone(), device: device.clone(), device_seq: number };
        let header = Header {
            v: OP_VERSION,
            op: id.clone(),
            audience: change.audience(),
            seen: journal.seen(),
            reissues: None,
        };
        let actor = "service".parse().unwrap();
        let body = Body { actor, acting_under: None, reason: None, at: now, base: Base::new(), change };
        let sealed = SealedOp::seal(&header, &body, [1; 16]).unwrap();
        let run = sign_run(&key, tenant, &device, number, &[sealed.hash()]);
        let run = PushRun { tenant: tenant.clone(), run, ops: vec![sealed] };
        let receipts = self.receive_as(&run, Take::Judge, true).unwrap();
        assert!(matches!(receipts[0].outcome, Outcome::Accepted { .. }), "{receipts:?}");
        id
    }

    pub fn receive(&mut self, run: &PushRun, take: Take) -> Result<Vec<Receipt>, &'static str> {
        self.receive_as(run, take, false)
    }

    fn receive_as(&mut self, run: &PushRun, take: Take, service: bool) -> Result<Vec<Receipt>, &'static str> {
        let hashes: Vec<Hash> = run.ops.iter().map(SealedOp::hash).collect();
        let mut receipts = Vec::new();
        let device = run.ops[0].header().unwrap().op.device;
        for (sealed, hash) in run.ops.iter().zip(&hashes) {
            let op = sealed.open().unwrap();
            receipts.push(self.one(sealed, &op, *hash, take, service)?);
        }
        self.journal(&run.tenant).runs.push((device, run.run.clone(), hashes));
        Ok(receipts)
    }

    fn one(
        &mut self,
        sealed: &SealedOp,
        op: &Op,
        hash: Hash,
        take: Take,
        service: bool,
    ) -> Result<Receipt, &'static str> {
        let id = op.header.op.clone();
        let table = Table::standard();
        self.clock += 1;
        let now = at(self.clock);
        let journal = self.journal(&id.tenant);
        if let Some((receipt, _)) = journal.receipts.get(&id) {
            return if receipt.hash == hash { Ok(receipt.clone()) } else { Err("device_forked") };
        }
        let last = journal.numbers.entry(id.device.clone()).or_default();
        assert_eq!(*last + 1, id.device_seq, "numbers are gapless");
        *last += 1;
        let outcome = if let Some(of) = op.header.reissues.and_then(|h| journal.hashes.get(&h)) {
            Outcome::Duplicate { of: of.clone() }
        } else if take == Take::Hold {
            journal.held.insert(id.clone(), sealed.clone());
            Outcome::Held
        } else if take == Take::Refuse(id.device_seq) {
            Outcome::Refused { refusal: Refusal::new("forced", "Refused by the test.") }
        } else {
            let standing = if service {
                Standing::Service
            } else {
                Standing::Person { role: Role::ImplSpec, relation: Relation::Assigned }
            };
            let seq = journal.entries.len() as u64 + 1;
            match decide::decide(&journal.slice(op), op, &Context { table: &table, standing, seq: Some(seq) })
            {
                Ok(effects) => {
                    journal.append(sealed, op, &effects, EntryOrigin::Pushed, now);
                    Outcome::Accepted { seq }
                }
                Err(refusal) => Outcome::Refused { refusal },
            }
        };
        let receipt = Receipt { op: id.clone(), hash, outcome };
        self.journal(&id.tenant).receipts.insert(id, (receipt.clone(), op.body.base.clone()));
        Ok(receipt)
    }

    /// A manager adopts a held op.
    pub fn adopt(&mut self, id: &OpId) {
        self.says(&id.tenant, Change::HeldAdopted { op: id.clone() });
        let journal = self.journal(&id.tenant);
        let sealed = journal.held.remove(id).unwrap();
        let op = sealed.open().unwrap();
        let seq = journal.entries.len() as u64 + 1;
        let standing = Standing::Person { role: Role::ImplSpec, relation: Relation::Assigned };
        let context = Context { table: &Table::standard(), standing, seq: Some(seq) };
        let origin = EntryOrigin::Adopted(id.clone());
        let outcome = match decide::decide(&journal.slice(&op), &op, &context) {
            Ok(effects) => {
                journal.append(&sealed, &op, &effects, origin, at(500));
                Outcome::Accepted { seq }
            }
            Err(refusal) => Outcome::Refused { refusal },
        };
        journal.receipts.get_mut(id).unwrap().0.outcome = outcome;
    }

    /// The page after `from`, with at most `limit` entries.
    pub fn page(&self, tenant: &TenantId, from: u64, limit: usize, device: &DeviceId) -> TenantPage {
        let journal = &self.journals[tenant];
        let entries: Vec<Entry> = journal.entries.iter().skip(from as usize).take(limit).cloned().collect();
        let end = journal.seen_at(from + entries.len() as u64);
        let more = end != journal.seen();
        TenantPage {
            tenant: tenant.clone(),
            audience: Audience::Team,
            salts: Self::salts(),
            snapshot: None,
            proofs: journal.proofs(&entries),
            entries,
            filled: Vec::new(),
            seen: end,
            signature: sign_message(&self.key, &head_message(tenant, end)),
            digest: (!more).then(|| journal.digests.for_audience(Audience::Team)),
            more,
            last_receipted: journal.numbers.get(device).copied().unwrap_or(0),
            held: None,
        }
    }

    /// A page that begins with the state as it is.
    pub fn snapshot(&self, tenant: &TenantId, device: &DeviceId) -> TenantPage {
        let journal = &self.journals[tenant];
        let mut page = self.page(tenant, journal.seen().seq, 1, device);
        page.snapshot = Some(Box::new(Snapshot {
            seen: journal.seen(),
            cells: journal.cells.clone().into_iter().collect(),
            playbooks: journal.playbooks.iter().map(|(d, (s, _))| (d.clone(), s.clone())).collect(),
            restored_from: None,
        }));
        page
    }

    /// Forgets everything after `seq`, as a service restored from a backup does.
    pub fn roll_back(&mut self, tenant: &TenantId, seq: u64) {
        let old = self.journals.remove(tenant).unwrap();
        let journal = self.journal(tenant);
        for entry in old.entries.into_iter().take(seq as usize) {
            let sealed = entry.sealed_op().unwrap();
            let op = sealed.open().unwrap();
            journal.append(&sealed, &op, &entry.effects().unwrap(), entry.origin.clone(), entry.received_at);
            let id = op.header.op.clone();
            journal.numbers.insert(id.device.clone(), id.device_seq);
            let receipt =
                Receipt { op: id.clone(), hash: op.hash, outcome: Outcome::Accepted { seq: entry.seq } };
            journal.receipts.insert(id, (receipt, op.body.base));
        }
        journal.runs = old.runs;
        let seen = journal.seen();
        self.says(tenant, Change::ServiceRestored { seq: seen.seq, head: seen.head, backup_at: None });
    }

    /// Takes an offered entry.
    pub fn take_offer(&mut self, entry: &Entry) -> Receipt {
        let sealed = entry.sealed_op().unwrap();
        let op = sealed.open().unwrap();
        let id = op.header.op.clone();
        self.clock += 1;
        let now = at(self.clock);
        let journal = self.journal(&id.tenant);
        if let Some((receipt, _)) = journal.receipts.get(&id) {
            return receipt.clone();
        }
        let seq = journal.entries.len() as u64 + 1;
        let context = Context { table: &Table::standard(), standing: Standing::Service, seq: Some(seq) };
        let effects = decide::decide(&journal.slice(&op), &op, &context).unwrap();
        journal.append(&sealed, &op, &effects, EntryOrigin::Offered, now);
        let last = journal.numbers.entry(id.device.clone()).or_default();
        *last = (*last).max(id.device_seq);
        let receipt = Receipt { op: id.clone(), hash: op.hash, outcome: Outcome::Accepted { seq } };
        journal.receipts.insert(id, (receipt.clone(), op.body.base));
        receipt
    }
}

impl Journal {
    fn append(&mut self, sealed: &SealedOp, op: &Op, effects: &Effects, origin: EntryOrigin, now: Time) {
        for (digest, source) in kept_playbooks(effects) {
            let read = Arc::new(playbook::parse(source).unwrap());
            self.playbooks.insert(digest.to_owned(), (source.to_owned(), read));
        }
        for key in effects.cells() {
            self.digests.update(key, self.cells.get(key), None);
        }
        let from = Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at };
        project_all(&mut self.cells, from, effects);
        let touched: std::collections::BTreeSet<&CellKey> = effects.cells().collect();
        for key in touched {
            self.digests.update(key, None, self.cells.get(key));
        }
        let entry = Entry {
            seq: self.entries.len() as u64 + 1,
            received_at: now,
            origin,
            header: sealed.header.clone(),
            body: Part::Open(BodyBytes { salt: sealed.salt.clone(), body: sealed.body.clone() }),
            client: Part::Open(serde_json::to_string(&effects.client).unwrap()),
            team: Part::Open(serde_json::to_string(&effects.team).unwrap()),
        };
        self.heads.push(entry.link(self.seen().head, &Fake::salts()).unwrap());
        self.entries.push(entry);
        self.hashes.insert(op.hash, op.header.op.clone());
        if let Some(old) = op.header.reissues {
            self.hashes.insert(old, op.header.op.clone());
        }
    }

    fn slice(&self, op: &Op) -> Slice {
        let touches = decide::touches(op);
        let mut slice = Slice::default();
        for key in &touches.cells {
            if let Some(cell) = self.cells.get(key) {
                slice.cells.insert(key.clone(), cell.clone());
            }
        }
        if let Some(project) = &touches.project {
            let key = CellKey::new(Entity::Project(project.clone()), field::PLAYBOOK);
            for kept in self.cells.get(&key).iter().flat_map(|c| c.values.values()) {
                let named: PlaybookRef = serde_json::from_value(kept.value.clone()).unwrap();
                slice.playbooks.push(Arc::clone(&self.playbooks[&named.digest].1));
            }
        }
        loop {
            let missing = decide::missing_lineage(op, &slice);
            if missing.is_empty() {
                return slice;
            }
            for id in missing {
                let lineage = match self.receipts.get(&id) {
                    None => Lineage::Unknown,
                    Some((receipt, base)) => match &receipt.outcome {
                        Outcome::Accepted { .. } => Lineage::Accepted,
                        Outcome::Held => Lineage::Held(base.clone()),
                        Outcome::Duplicate { of } => {
                            Lineage::Duplicate { of: of.clone(), base: base.clone() }
                        }
                        Outcome::Refused { .. } | Outcome::Discarded { .. } => Lineage::Refused(base.clone()),
                    },
                };
                slice.lineage.insert(id, lineage);
            }
        }
    }

    pub fn proofs(&self, entries: &[Entry]) -> Vec<RunProof> {
        let here: Vec<OpId> = entries.iter().map(|e| e.read_header().unwrap().op).collect();
        let mut proofs = Vec::new();
        for (device, run, hashes) in &self.runs {
            let numbers = run.first..run.first + run.count;
            if !here.iter().any(|op| op.device == *device && numbers.contains(&op.device_seq)) {
                continue;
            }
            let others = numbers
                .zip(hashes)
                .filter(|(n, _)| !here.iter().any(|op| op.device == *device && op.device_seq == *n))
                .map(|(n, h)| (n, *h))
                .collect();
            proofs.push(RunProof { device: device.clone(), run: run.clone(), others });
        }
        proofs
    }
}

/// A laptop with a store in a directory of its own.
pub struct Laptop {
    pub store: Store,
    pub dir: Arc<tempfile::TempDir>,
    pub account: AccountId,
    pub clock: i64,
}

pub fn data_key() -> DataKey {
    DataKey::new([7; 32])
}

impl Laptop {
    /// Makes the account (once) and a laptop for it, and pulls everything.
    pub fn new(fake: &mut Fake, account: &str, seed: u64) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store =
            Store::create(&dir.path().join("cairn.db"), &data_key(), SeededEntropy::new(seed)).unwrap();
        let account: AccountId = account.parse().unwrap();
        fake.hire(&account);
        let mut laptop = Self { store, dir, account, clock: 1_000 };
        laptop.sign_in(fake);
        laptop.pull_all(fake);
        laptop
    }

    /// The same profile once more, as a copied directory or a restored backup makes it.
    pub fn copy(&self, seed: u64) -> Self {
        let path = self.dir.path().join(format!("copy-{seed}.db"));
        self.store.backup(&path, &data_key()).unwrap();
        let store = Store::open(&path, &data_key(), SeededEntropy::new(seed)).unwrap();
        Self { store, dir: Arc::clone(&self.dir), account: self.account.clone(), clock: 5_000 }
    }

    /// Enrols a fresh device of this account.
    pub fn sign_in(&mut self, fake: &mut Fake) {
        let key = self.store.new_signing_key().unwrap();
        let device = device_id(&key_hex(&key)).unwrap();
        let value = DeviceValue { key: key_hex(&key), account: self.account.clone(), service: false };
        fake.says(&TenantId::org(), Change::DeviceEnrolled { device: device.clone(), value });
        let identity = Identity {
            account: self.account.clone(),
            name: self.account.to_string(),
            role: Role::ImplSpec,
            device,
            service_key: key_hex(&fake.key),
            server: "http://127.0.0.1:1".into(),
            lease_days: 14,
            pilot_rows: 500,
            last_contact: at(0),
            latest_time: at(0),
        };
        self.store.enrol(identity, key).unwrap();
    }

    pub fn device(&self) -> DeviceId {
        self.store.identity().unwrap().device.clone()
    }

    pub fn seen(&self, tenant: &TenantId) -> Seen {
        let all = self.store.positions().unwrap();
        all.into_iter().find(|p| p.tenant == *tenant).map(|p| p.seen).unwrap_or_default()
    }

    pub fn pull(&mut self, fake: &Fake, tenant: &TenantId, limit: usize) {
        let page = fake.page(tenant, self.seen(tenant).seq, limit, &self.device());
        self.store.apply_page(&page, at(2_000)).unwrap();
    }

    pub fn pull_all(&mut self, fake: &Fake) {
        for tenant in fake.journals.keys() {
            self.pull(fake, tenant, usize::MAX);
        }
    }

    /// Pushes everything and takes the receipts; tells whether the service found a fork.
    pub fn push(&mut self, fake: &mut Fake, take: Take) -> bool {
        for run in self.store.next_push(usize::MAX).unwrap() {
            match fake.receive(&run, take) {
                Ok(receipts) => drop(self.store.apply_receipts(&receipts).unwrap()),
                Err(_) => {
                    self.store.mark_forked().unwrap();
                    return true;
                }
            }
        }
        false
    }

    pub fn sync(&mut self, fake: &mut Fake) {
        assert!(!self.push(fake, Take::Judge));
        self.pull_all(fake);
    }

    pub fn write(&mut self, change: Change) -> Written {
        self.try_write(change).unwrap()
    }

    pub fn try_write(&mut self, change: Change) -> Result<Written, cairn_store::StoreError> {
        self.clock += 1;
        self.store.write(&tenant(), Draft::new(change), at(self.clock))
    }

    pub fn cells(&self) -> Cells {
        self.store.cells(&tenant()).unwrap()
    }

    /// The laptop must show exactly what the service has, and nothing may be left to do.
    pub fn assert_settled(&self, fake: &Fake) {
        assert_eq!(self.seen(&tenant()), fake.t1().seen());
        assert_eq!(self.cells(), fake.t1().cells);
        let counts = self.store.counts(None).unwrap();
        assert_eq!((counts.pending, counts.receipted), (0, 0));
        let report = self.store.audit_verify(&tenant()).unwrap();
        assert!(report.ok, "{report:?}");
    }
}

impl Fake {
    fn hire(&mut self, account: &AccountId) {
        let org = TenantId::org();
        let name = CellKey::new(Entity::Account(account.clone()), field::NAME);
        if self.journals[&org].cells.contains_key(&name) {
            return;
        }
        let change = Change::AccountCreated {
            account: account.clone(),
            name: account.to_string(),
            role: Role::ImplSpec,
        };
        self.says(&org, change);
        self.says(&org, Change::AssignmentSet { account: account.clone(), tenant: tenant(), active: true });
    }
}

impl Fake {
    /// The service writes over what is there, having seen it.
    pub fn says_over(&mut self, tenant: &TenantId, change: Change) -> OpId {
        let (device, key) = (self.device.clone(), self.key.clone());
        let journal = self.journal(tenant);
        let number = journal.numbers.get(&device).copied().unwrap_or(0) + 1;
        let id = OpId { tenant: tenant.clone(), device: device.clone(), device_seq: number };
        let header = Header {
            v: OP_VERSION,
            op: id.clone(),
            audience: change.audience(),
            seen: journal.seen(),
            reissues: None,
        };
        let body = Body {
            actor: "service".parse().unwrap(),
            acting_under: None,
            reason: None,
            at: at(1),
            base: Base::new(),
            change,
        };
        let mut op = Op { header, body, hash: Hash::ZERO };
        let context = Context { table: &Table::standard(), standing: Standing::Service, seq: None };
        let effects = decide::decide(&journal.slice(&op), &op, &context).unwrap();
        for key in effects.cells() {
            if let Some(cell) = journal.cells.get(key) {
                op.body.base.insert(key.clone(), cell.base());
            }
        }
        let sealed = SealedOp::seal(&op.header, &op.body, [2; 16]).unwrap();
        let run = sign_run(&key, tenant, &device, number, &[sealed.hash()]);
        self.receive_as(&PushRun { tenant: tenant.clone(), run, ops: vec![sealed] }, Take::Judge, true)
            .unwrap();
        id
    }
}

impl Laptop {
    /// The program ends without closing and starts again.
    pub fn reopen(&mut self) {
        let path = self.store.path().to_owned();
        self.clock += 1;
        let seed = SeededEntropy::new(10_000 + self.clock as u64);
        self.store = Store::open(&path, &data_key(), seed).unwrap();
    }
}

impl Fake {
    /// The whole journal as the tenant's own people may read it.
    pub fn client_page(&self, tenant: &TenantId, device: &DeviceId) -> TenantPage {
        let mut page = self.page(tenant, 0, usize::MAX, device);
        let salts = Self::salts();
        page.entries =
            page.entries.iter().map(|e| e.for_audience(Audience::Client, &salts).unwrap()).collect();
        page.audience = Audience::Client;
        page.salts = salts.for_audience(Audience::Client);
        page.digest = Some(self.journals[tenant].digests.for_audience(Audience::Client));
        page
    }
}
