//! Pushes per second of the service's program, on SQLite and on PostgreSQL with one and two replicas,
//! against `pgbench` inserting the same bytes under the same rule of commit.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_domain::journal::Outcome;
use cairn_domain::op::{Body, Header, OP_VERSION, SealedOp, Seen, sign_message, sign_run};
use cairn_domain::{AccountId, DeviceId, OpId, TenantId};
use cairn_protocol::PROTOCOL_VERSION;
use cairn_protocol::auth::{SignInRequest, enrolment_message};
use cairn_protocol::sync::{Known, Position, PushRun, SyncReply, SyncRequest, positions_hash};
use cairn_service::handlers::sign_in;
use cairn_service::service::public_hex;
use cairn_service::storage::Storage;
use cairn_service::storage::postgres::Postgres;
use cairn_service::storage::sqlite::Sqlite;
use cairn_sync::http::{Client, signer};
use ed25519_dalek::SigningKey;

use crate::Size;
use crate::harness::{in_turn, pair};
use crate::postgres::Cluster;
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, PASSWORD, Serving, comment, now};

/// Laptops that push at once, each into a tenant of its own; as many clients has `pgbench`.
const LAPTOPS: usize = 16;

/// Why a push costs more than an insert.
const REQUEST: &str = "a push is a request of its own: signed by the laptop, sent over HTTP, checked, judged, and \
    answered with a receipt and a page, on the same two processors as the load. An insert is one row.";
/// Why PostgreSQL costs more than a file.
const TRANSACTIONS: &str = "a push takes eight transactions, and each begins with becoming a role that owns nothing and \
    naming the tenants it works for, so that the database itself keeps tenants apart.";
/// Why two are not quicker than one.
const TWO: &str = "both replicas, the database and the load share two processors, which one replica fills.";

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let rounds = size.of(5, 2);
    let seconds = size.of(4, 2) as u64;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let cluster = Cluster::start()?;
    cluster.database("bare")?;
    cluster.table("bare")?;
    let data = folder.join("service");
    let mut on_sqlite = Crowd::gather(Arc::new(Sqlite::open(&data)?))?;
    let url = cluster.database("cairn")?;
    let mut on_postgres = Crowd::gather(Arc::new(Postgres::open(&url)?))?;
    let bytes = on_sqlite.bytes()?;
    let inserts = |_| cluster.inserts("bare", bytes, LAPTOPS, seconds);

    let sqlite = Serving::data(&data)?;
    on_sqlite.lead_to(&[sqlite.address])?;
    let sqlite_rounds = in_turn(rounds, |_| runtime.block_on(on_sqlite.push_for(seconds)), inserts)?;
    drop(sqlite);

    let place = [OsStr::new("--database-url"), OsStr::new(&url)];
    let replicas = [Serving::start(&place)?, Serving::start(&place)?];
    let addresses = [replicas[0].address, replicas[1].address];
    on_postgres.lead_to(&addresses[..1])?;
    let postgres_rounds = in_turn(rounds, |_| runtime.block_on(on_postgres.push_for(seconds)), inserts)?;

    let crowd = std::cell::RefCell::new(on_postgres);
    let with = |addresses: &[SocketAddr]| {
        let mut crowd = crowd.borrow_mut();
        crowd.lead_to(addresses)?;
        runtime.block_on(crowd.push_for(seconds))
    };
    let two = in_turn(rounds, |_| with(&addresses), |_| with(&addresses[..1]))?;

    let same = |rounds: &[(f64, f64)]| pair(rounds, |ours| *ours, |other| *other);
    Ok(Report {
        about: format!(
            "{LAPTOPS} laptops push one op after another for {seconds} s a round, each into a tenant of its own, over \
             signed HTTP, and read their own entry in the reply; the load comes from the same machine. `pgbench` \
             inserts one row of the op's {bytes} bytes per transaction with {LAPTOPS} clients for as long; PostgreSQL \
             runs with `fsync` and `synchronous_commit` on, SQLite with `synchronous=FULL`."
        ),
        figures: vec![
            Figure::paired("pushes on SQLite", "1/s", &same(&sqlite_rounds), "pgbench")
                .goal(Goal::RatioAtLeast(0.5))
                .because(REQUEST),
            Figure::paired("pushes on PostgreSQL", "1/s", &same(&postgres_rounds), "pgbench")
                .goal(Goal::RatioAtLeast(0.5))
                .because(TRANSACTIONS),
            Figure::paired("pushes with two replicas", "1/s", &same(&two), "one replica")
                .goal(Goal::RatioAtLeast(1.0))
                .because(TWO),
        ],
        tables: Vec::new(),
    })
}

/// Laptops without databases: each knows its place in the journals and signs its ops.
pub struct Crowd(Vec<Pusher>);

struct Pusher {
    key: SigningKey,
    account: AccountId,
    device: DeviceId,
    tenant: TenantId,
    number: u64,
    known: BTreeMap<TenantId, Seen>,
    client: Option<Client>,
}

impl Crowd {
    /// Enrols them, each with an account and a tenant.
    ///
    /// # Errors
    /// Faults of the storage.
    pub fn gather(storage: Arc<dyn Storage>) -> Result<Self> {
        let mut ground = Ground::on(storage)?;
        (0..LAPTOPS).map(|n| Pusher::enrol(&mut ground, n)).collect::<Result<_>>().map(Self)
    }

    /// How long an op is, in bytes: header, salt and body.
    pub fn bytes(&self) -> Result<usize> {
        let op = self.0.first().context("nobody is there")?.op()?;
        Ok(op.header.len() + op.salt.len() + op.body.len())
    }

    /// Points them at these replicas in turn; the first request of each fetches a nonce and what is new.
    pub fn lead_to(&mut self, replicas: &[SocketAddr]) -> Result<()> {
        for (n, pusher) in self.0.iter_mut().enumerate() {
            let signer = signer(pusher.device.clone(), pusher.key.clone());
            let server = format!("http://{}", replicas[n % replicas.len()]);
            pusher.client = Some(Client::new(&server, Some(signer), None)?);
        }
        Ok(())
    }

    /// Pushes per second over some seconds.
    pub async fn push_for(&mut self, seconds: u64) -> Result<f64> {
        for pusher in &mut self.0 {
            pusher.catch_up().await?;
        }
        let started = Instant::now();
        let until = started + Duration::from_secs(seconds);
        let mut tasks = tokio::task::JoinSet::new();
        for mut pusher in self.0.drain(..) {
            tasks.spawn(async move {
                let mut pushed = 0_u64;
                while Instant::now() < until {
                    pusher.push().await?;
                    pushed += 1;
                }
                anyhow::Ok((pusher, pushed))
            });
        }
        let mut all = 0;
        while let Some(done) = tasks.join_next().await {
            let (pusher, pushed) = done??;
            self.0.push(pusher);
            all += pushed;
        }
        Ok(all as f64 / started.elapsed().as_secs_f64())
    }
}

impl Pusher {
    fn enrol(ground: &mut Ground, n: usize) -> Result<Self> {
        let (name, slug) = (format!("person-{n}"), format!("tenant-{n}"));
        let tenant = ground.tenant(&slug)?;
        ground.specialist(&name, &[&slug])?;
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
        let key = SigningKey::from_bytes(&secret);
        let device_key = public_hex(&key);
        let reply = ground.ask(|service, ask| {
            let nonce = sign_in::hello(service, ask).nonce;
            let signature = sign_message(&key, &enrolment_message(&name, &device_key, &nonce));
            let password = PASSWORD.to_owned();
            sign_in::sign_in(service, &SignInRequest { name, password, device_key, nonce, signature }, ask)
        })?;
        let (account, device) = (reply.account, reply.device);
        Ok(Self { key, account, device, tenant, number: 0, known: BTreeMap::new(), client: None })
    }

    /// The next op: a comment, having seen all that is known.
    fn op(&self) -> Result<SealedOp> {
        let change = comment(format!("Walked through it with the office today. {}", self.number));
        let op =
            OpId { tenant: self.tenant.clone(), device: self.device.clone(), device_seq: self.number + 1 };
        let seen = self.known.get(&self.tenant).copied().unwrap_or_default();
        let header = Header { v: OP_VERSION, op, audience: change.audience(), seen, reissues: None };
        let actor = self.account.clone();
        let body = Body { actor, acting_under: None, reason: None, at: now(), base: BTreeMap::new(), change };
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&(self.number + 1).to_be_bytes());
        Ok(SealedOp::seal(&header, &body, salt)?)
    }

    async fn push(&mut self) -> Result<()> {
        let op = self.op()?;
        let run = sign_run(&self.key, &self.tenant, &self.device, self.number + 1, &[op.hash()]);
        let run = PushRun { tenant: self.tenant.clone(), run, ops: vec![op] };
        let reply = self.ask(Known::Hash(positions_hash(&self.positions())), vec![run]).await?;
        let accepted =
            matches!(reply.receipts.as_slice(), [one] if matches!(one.outcome, Outcome::Accepted { .. }));
        ensure!(accepted, "a push was answered by {:?}", reply.receipts);
        self.number += 1;
        Ok(())
    }

    /// Brings the place up to what the service has, other people's sign-ins included.
    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let reply = self.ask(Known::List(self.positions()), Vec::new()).await?;
            if !reply.more && reply.pages.is_empty() {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self, known: Known, push: Vec<PushRun>) -> Result<SyncReply> {
        let request = SyncRequest {
            v: PROTOCOL_VERSION,
            known,
            push,
            offers: Vec::new(),
            fill: BTreeMap::new(),
            held: Vec::new(),
            rebuild: Vec::new(),
            most: None,
        };
        let client = self.client.as_mut().context("nobody listens")?;
        let reply = client.sync(&request).await?;
        for page in &reply.pages {
            self.known.insert(page.tenant.clone(), page.seen);
        }
        Ok(reply)
    }

    fn positions(&self) -> Vec<Position> {
        self.known.iter().map(|(tenant, seen)| Position { tenant: tenant.clone(), seen: *seen }).collect()
    }
}
