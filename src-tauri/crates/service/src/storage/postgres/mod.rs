//! Journals in PostgreSQL, for several replicas at once.
//!
//! **All SQL on rows goes through [`Postgres::within`]**, which opens a transaction, becomes the role
//! `cairn_rows` (no owner, no exemption from policies) and names the tenants it works for, all only
//! for this transaction. A connection that goes back to the pool carries nothing on. A restore, which
//! begins with the schema, ends the same way: see [`Postgres::replace`].
//!
//! What needs no answer is sent ahead of the next question or of the commit and waits with it: a round
//! trip costs far more than what it asks for.

mod file;

use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cairn_domain::cell::Cells;
use cairn_domain::op::{RunSignature, Seen};
use cairn_domain::{Cell, CellKey, DeviceId, Hash, OpId, TenantId};
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime as PoolRuntime};
use serde::de::DeserializeOwned;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::error::DbError;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::sqlite::Sqlite;
use super::{
    Access, BlobRow, EntryRow, HeldRow, JournalRow, LONGEST_RUN, Mode, ReceiptRow, RunRow, Standing, Step,
    Storage, TenantTx,
};
use crate::error::{Error, Result};
use crate::org;

/// The schema's steps in order; `public.cairn_schema` counts those done.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../../../migrations/service-postgres/0001_journals.sql"),
    include_str!("../../../../../../migrations/service-postgres/0002_hash_of_receipts.sql"),
];
/// Serialises migrations of several replicas that start at once.
const MIGRATION_LOCK: i64 = 0x0043_4149_524e;
/// Connections of one process.
const CONNECTIONS: usize = 24;
/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(20);

/// How our connections are called at the server.
const APPLICATION: &str = "cairn-service";

/// Becomes a role that owns nothing and is exempt from no policy, for one transaction.
macro_rules! become_role {
    () => {
        "SET LOCAL ROLE cairn_rows; SET LOCAL lock_timeout = '20s'; SET LOCAL search_path = cairn"
    };
}
const AS_ROWS: &str = become_role!();

macro_rules! begin {
    ($mode:literal) => {
        concat!("BEGIN ISOLATION LEVEL ", $mode, "; ", become_role!())
    };
}

const BEGIN_READ: &str = begin!("REPEATABLE READ READ ONLY");
const BEGIN_WRITE: &str = begin!("READ COMMITTED");
const BEGIN_MEMORY: &str = concat!(begin!("READ COMMITTED"), "; SET LOCAL synchronous_commit = off");

/// Names the tenants, joined by commas, whose rows the transaction sees.
const SET_TENANTS: &str = "SELECT set_config('cairn.tenants', $1, true)";

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];
/// Values that are sent without waiting.
type Owned = Vec<Box<dyn ToSql + Sync + Send>>;

macro_rules! owned {
    ($($value:expr),+ $(,)?) => { vec![$(Box::new($value) as Box<dyn ToSql + Sync + Send>),+] };
}

type Answer<T> = std::result::Result<T, tokio_postgres::Error>;

/// A PostgreSQL database.
pub struct Postgres {
    pool: Pool,
    // An async client behind a blocking trait: its connections are driven here.
    runtime: Option<Runtime>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A fault of the database. What the server says in words may quote rows, which are people's names and
/// texts, and a fault is logged: of an answer of its only the facts stay.
fn lost(error: impl std::error::Error + 'static) -> Error {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        if let Some(said) = cause.downcast_ref::<DbError>() {
            return Error::fault(format!("postgres: {}", facts(said)));
        }
        next = cause.source();
    }
    let cause = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    Error::fault(format!("postgres: {error}{cause}"))
}

/// Severity, SQLSTATE and the names of what it happened to.
fn facts(said: &DbError) -> String {
    let names = [("table", said.table()), ("column", said.column()), ("constraint", said.constraint())];
    let named = names.into_iter().filter_map(|(what, name)| Some(format!(", {what} {}", name?)));
    format!("{} {}", said.severity(), said.code().code()) + &named.collect::<String>()
}

impl Postgres {
    /// Connects and brings the schema up to date. The address's role must own the schema or be able
    /// to make it; rows are only ever touched as `cairn_rows`.
    ///
    /// # Errors
    /// The server cannot be reached, or a newer version wrote the schema.
    pub fn open(url: &str) -> Result<Self> {
        Self::with_connections(url, CONNECTIONS)
    }

    /// [`Postgres::open`] with a pool of another size.
    ///
    /// # Errors
    /// As there.
    pub fn with_connections(url: &str, connections: usize) -> Result<Self> {
        let this = Self::connect(url, connections)?;
        this.migrate()?;
        Ok(this)
    }

    fn connect(url: &str, connections: usize) -> Result<Self> {
        let mut config: tokio_postgres::Config = url.parse().map_err(lost)?;
        config.application_name(APPLICATION);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(PoolRuntime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .build()
            .map_err(lost)?;
        Ok(Self { pool, runtime: Some(runtime) })
    }

    fn handle(&self) -> Result<&Handle> {
        self.runtime.as_ref().map(Runtime::handle).ok_or_else(|| Error::fault("the storage is closed"))
    }

    fn migrate(&self) -> Result<()> {
        self.handle()?.block_on(async {
            let mut client = self.pool.get().await.map_err(lost)?;
            let tx = client.transaction().await.map_err(lost)?;
            Self::migrate_in(&tx).await?;
            tx.commit().await.map_err(lost)
        })
    }

    async fn migrate_in(tx: &deadpool_postgres::Transaction<'_>) -> Result<()> {
        tx.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await.map_err(lost)?;
        tx.batch_execute("CREATE TABLE IF NOT EXISTS public.cairn_schema (version bigint NOT NULL)")
            .await
            .map_err(lost)?;
        let row = tx
            .query_one("SELECT coalesce(max(version), 0) FROM public.cairn_schema", &[])
            .await
            .map_err(lost)?;
        let done = usize::try_from(row.get::<_, i64>(0)).unwrap_or(usize::MAX);
        if done > MIGRATIONS.len() {
            return Err(Error::detailed(
                "newer_database",
                "A newer version of the service wrote this data. Install that version to open it.",
                serde_json::json!({ "version": done, "known": MIGRATIONS.len() }),
            ));
        }
        for (sql, version) in MIGRATIONS.iter().zip(1_i64..).skip(done) {
            tx.batch_execute(sql).await.map_err(lost)?;
            tx.execute("INSERT INTO public.cairn_schema VALUES ($1)", &[&version]).await.map_err(lost)?;
        }
        // Whoever connects may become the role that sees rows.
        tx.batch_execute("GRANT cairn_rows TO CURRENT_USER").await.map_err(lost)
    }

    /// The only way to rows; see the module.
    fn within<T>(
        &self,
        tenants: &[TenantId],
        mode: Mode,
        work: impl FnOnce(&mut Link<'_>) -> Result<T>,
    ) -> Result<T> {
        let handle = self.handle()?;
        let held = Held(Some(handle.block_on(self.pool.get()).map_err(lost)?));
        let Some(client) = &held.0 else { return Err(Error::fault("the connection is gone")) };
        let mut link = Link { handle, client, sent: VecDeque::new(), locked: None };
        let done = link.begin(tenants, mode).and_then(|()| work(&mut link)).and_then(|out| {
            link.end(mode)?;
            Ok(out)
        });
        drop(link);
        if done.is_ok() || handle.block_on(client.batch_execute("ROLLBACK")).is_ok() {
            held.give_back();
        }
        done
    }
}

/// A connection in the middle of a transaction. Where a step panics or undoing fails it is closed, and
/// the server rolls back itself.
struct Held(Option<Client>);

impl Held {
    /// Back to the pool.
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Client::take(client));
        }
    }
}

impl Storage for Postgres {
    fn transact(&self, tenant: &TenantId, mode: Mode, step: Step<'_>) -> Result<()> {
        self.within(std::slice::from_ref(tenant), mode, |link| step(&mut Tx { link, tenant }))
    }

    fn standings(&self, tenants: &[TenantId]) -> Result<Vec<Standing>> {
        if tenants.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        let sql = "SELECT tenant, seq, head, held FROM journal WHERE tenant = ANY ($1)";
        let rows = self.within(tenants, Mode::Read, |link| link.query(sql, &[&names]))?;
        let read = |row: &Row| {
            let seen = Seen { seq: number(row, 1), head: text(row, 2).parse()? };
            Ok(Standing { tenant: text(row, 0).parse()?, seen, held: number(row, 3) })
        };
        rows.iter().map(read).collect()
    }

    fn ready(&self) -> Result<()> {
        self.handle()?.block_on(async {
            let client = self.pool.get().await.map_err(lost)?;
            client.batch_execute("SELECT 1").await.map_err(lost)
        })
    }

    fn backup(&self, to: &Path) -> Result<()> {
        let mut file = Sqlite::new_file(to)?;
        let org = TenantId::org();
        self.within(std::slice::from_ref(&org), Mode::Read, |link| {
            let listed = org::tenants(&mut Tx { link, tenant: &org })?;
            // One moment for all tenants: the same transaction goes on for them.
            link.work_for(std::iter::once(&org).chain(listed.iter().map(|(_, id)| id)))?;
            link.settle()?;
            link.handle.block_on(file::save(link.client, &mut file))
        })
    }
}

/// PostgreSQL counts in signed numbers; ours never come near the difference.
fn number(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column).cast_unsigned()
}

fn text(row: &Row, column: usize) -> &str {
    row.get(column)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Something that was sent and not waited for yet.
type Sent<'a> = Pin<Box<dyn Future<Output = Answer<()>> + 'a>>;

/// A connection inside a transaction.
struct Link<'a> {
    handle: &'a Handle,
    client: &'a Client,
    sent: VecDeque<Sent<'a>>,
    /// The row that was locked at the beginning, until somebody asks for it or writes another.
    locked: Option<Row>,
}

impl<'a> Link<'a> {
    fn begin(&mut self, tenants: &[TenantId], mode: Mode) -> Result<()> {
        let (client, begin) = match mode {
            Mode::Read => (self.client, BEGIN_READ),
            Mode::Write => (self.client, BEGIN_WRITE),
            Mode::Memory => (self.client, BEGIN_MEMORY),
        };
        self.send(client.batch_execute(begin));
        self.work_for(tenants.iter())?;
        if let (Mode::Write, [tenant]) = (mode, tenants) {
            self.lock(tenant)?;
        }
        Ok(())
    }

    /// Names the tenants whose rows the transaction sees from now on.
    fn work_for<'t>(&mut self, tenants: impl Iterator<Item = &'t TenantId>) -> Result<()> {
        let names: Vec<&str> = tenants.map(TenantId::as_str).collect();
        self.execute(SET_TENANTS, owned![names.join(",")])
    }

    /// Locks a tenant's counter. The row may not be there yet; then the first lock alone orders those
    /// who would make it.
    fn lock(&mut self, tenant: &TenantId) -> Result<()> {
        let name = tenant.as_str();
        self.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", owned![name.to_owned()])?;
        let row = "SELECT seq, head, held, state FROM journal WHERE tenant = $1 FOR UPDATE";
        self.locked = self.query(row, &[&name])?.pop();
        Ok(())
    }

    fn end(&mut self, mode: Mode) -> Result<()> {
        let client = self.client;
        if mode == Mode::Read {
            self.settle()?;
            // Nobody waits for the end of what only read.
            self.send(client.batch_execute("COMMIT"));
            return Ok(());
        }
        self.send(client.batch_execute("COMMIT"));
        self.settle()
    }

    /// Sends something. The server takes it in this order, and where it fails the transaction takes
    /// nothing more and is not committed.
    fn send(&mut self, work: impl Future<Output = Answer<()>> + 'a) {
        let mut work: Sent<'a> = Box::pin(work);
        // The first step sends; the answer is fetched by whoever waits for the next.
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => self.sent.push_back(work),
            Poll::Ready(answer) => self.sent.push_back(Box::pin(ready(answer))),
        }
    }

    /// Waits for all that was sent.
    fn settle(&mut self) -> Result<()> {
        let sent = std::mem::take(&mut self.sent);
        self.handle.block_on(settled(sent)).map_err(lost)
    }

    fn execute(&mut self, sql: &str, values: Owned) -> Result<()> {
        let client = self.client;
        let prepared = beside(&mut self.sent, client.prepare_cached(sql));
        let statement = self.handle.block_on(prepared).map_err(lost)?;
        self.send(async move {
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            client.execute(&statement, &values).await.map(drop)
        });
        Ok(())
    }

    fn query(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>> {
        let (client, mut sent) = (self.client, std::mem::take(&mut self.sent));
        let answer = async {
            let statement = beside(&mut sent, client.prepare_cached(sql)).await?;
            let mut question = pin!(client.query(&statement, values));
            // Sent behind all others, whose answers come first.
            let asked = poll_fn(|cx| Poll::Ready(question.as_mut().poll(cx))).await;
            settled(sent).await?;
            match asked {
                Poll::Ready(rows) => rows,
                Poll::Pending => question.await,
            }
        };
        self.handle.block_on(answer).map_err(lost)
    }
}

/// Waits for `work`, and takes the answers to what was sent before it, which come first: the connection
/// hands on nothing while an answer of several messages, such as an error, waits for somebody to take it.
async fn beside<T>(sent: &mut VecDeque<Sent<'_>>, work: impl Future<Output = Answer<T>>) -> Answer<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        while let Some(first) = sent.front_mut() {
            match first.as_mut().poll(cx) {
                Poll::Pending => break,
                Poll::Ready(answer) => {
                    sent.pop_front();
                    if let Err(error) = answer {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
        work.as_mut().poll(cx)
    })
    .await
}

async fn settled(sent: VecDeque<Sent<'_>>) -> Answer<()> {
    for one in sent {
        one.await?;
    }
    Ok(())
}

struct Tx<'l, 'a> {
    link: &'l mut Link<'a>,
    tenant: &'l TenantId,
}

impl Tx<'_, '_> {
    fn name(&self) -> String {
        self.tenant.as_str().to_owned()
    }

    fn query(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>> {
        self.link.query(sql, values)
    }

    fn first(&mut self, sql: &str, values: Values<'_>) -> Result<Option<Row>> {
        Ok(self.query(sql, values)?.pop())
    }

    fn execute(&mut self, sql: &str, values: Owned) -> Result<()> {
        self.link.execute(sql, values)
    }

    fn jsons<T: DeserializeOwned>(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<T>> {
        self.query(sql, values)?.iter().map(|row| Ok(serde_json::from_str(text(row, 0))?)).collect()
    }
}

impl TenantTx for Tx<'_, '_> {
    fn journal(&mut self) -> Result<Option<JournalRow>> {
        let sql = "SELECT seq, head, held, state FROM journal WHERE tenant = $1";
        let locked = self.link.locked.take();
        let asked = if locked.is_some() { locked } else { self.first(sql, &[&self.tenant.as_str()])? };
        let Some(row) = asked else { return Ok(None) };
        let seen = Seen { seq: number(&row, 0), head: text(&row, 1).parse()? };
        Ok(Some(JournalRow { seen, held: number(&row, 2), state: serde_json::from_str(text(&row, 3))? }))
    }

    fn put_journal(&mut self, row: &JournalRow) -> Result<()> {
        let sql = "INSERT INTO journal (tenant, seq, head, held, state) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, head = excluded.head,
                   held = excluded.held, state = excluded.state";
        let (head, state) = (row.seen.head.to_string(), serde_json::to_string(&row.state)?);
        self.link.locked = None;
        self.execute(sql, owned![self.name(), signed(row.seen.seq), head, signed(row.held), state])
    }

    fn cells(&mut self, keys: &[CellKey]) -> Result<Cells> {
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let sql = "SELECT key, cell FROM cell WHERE tenant = $1 AND key = ANY ($2)";
        read_cells(&self.query(sql, &[&self.tenant.as_str(), &names])?)
    }

    fn cells_under(&mut self, prefix: &str) -> Result<Cells> {
        let sql = "SELECT key, cell FROM cell WHERE tenant = $1 AND key >= $2 AND ($2 = '' OR key < $3)";
        // Keys are ASCII, so nothing that begins with the prefix sorts behind this.
        let end = format!("{prefix}\u{7f}");
        read_cells(&self.query(sql, &[&self.tenant.as_str(), &prefix, &end])?)
    }

    fn put_cells(&mut self, cells: &[(CellKey, Option<Cell>)]) -> Result<()> {
        let (mut keys, mut values, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (key, cell) in cells {
            match cell {
                Some(cell) => {
                    keys.push(key.to_string());
                    values.push(serde_json::to_string(cell)?);
                }
                None => gone.push(key.to_string()),
            }
        }
        if !keys.is_empty() {
            let sql = "INSERT INTO cell (tenant, key, cell) SELECT $1, * FROM unnest($2::text[], $3::text[])
                       ON CONFLICT (tenant, key) DO UPDATE SET cell = excluded.cell";
            self.execute(sql, owned![self.name(), keys, values])?;
        }
        if !gone.is_empty() {
            self.execute("DELETE FROM cell WHERE tenant = $1 AND key = ANY ($2)", owned![self.name(), gone])?;
        }
        Ok(())
    }

    fn playbook(&mut self, digest: &str) -> Result<Option<String>> {
        let sql = "SELECT source FROM playbook WHERE tenant = $1 AND digest = $2";
        Ok(self.first(sql, &[&self.tenant.as_str(), &digest])?.map(|row| row.get(0)))
    }

    fn keep_playbook(&mut self, digest: &str, source: &str) -> Result<()> {
        let sql = "INSERT INTO playbook (tenant, digest, source) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.execute(sql, owned![self.name(), digest.to_owned(), source.to_owned()])
    }

    fn entries(&mut self, after: u64, limit: usize) -> Result<Vec<EntryRow>> {
        let sql = "SELECT device, device_seq, head, entry FROM entry WHERE tenant = $1 AND seq > $2
                   ORDER BY seq LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.query(sql, &[&self.tenant.as_str(), &signed(after), &limit])?;
        let read = |row: &Row| {
            let op = OpId {
                tenant: self.tenant.clone(),
                device: text(row, 0).parse()?,
                device_seq: number(row, 1),
            };
            Ok(EntryRow { op, head: text(row, 2).parse()?, entry: serde_json::from_str(text(row, 3))? })
        };
        rows.iter().map(read).collect()
    }

    fn heads(&mut self, at: &[u64]) -> Result<Vec<Seen>> {
        let places: Vec<i64> = at.iter().copied().map(signed).collect();
        let sql = "SELECT seq, head FROM entry WHERE tenant = $1 AND seq = ANY ($2)";
        let rows = self.query(sql, &[&self.tenant.as_str(), &places])?;
        let found: std::collections::BTreeMap<u64, Hash> =
            rows.iter().map(|row| Ok((number(row, 0), text(row, 1).parse()?))).collect::<Result<_>>()?;
        Ok(at.iter().filter_map(|seq| Some(Seen { seq: *seq, head: *found.get(seq)? })).collect())
    }

    fn append(&mut self, rows: &[EntryRow]) -> Result<()> {
        let sql = "INSERT INTO entry (tenant, seq, device, device_seq, head, entry) VALUES ($1, $2, $3, $4, $5, $6)";
        for row in rows {
            let (head, entry) = (row.head.to_string(), serde_json::to_string(&row.entry)?);
            let (device, device_seq) = (row.op.device.to_string(), signed(row.op.device_seq));
            let seq = signed(row.entry.seq);
            self.execute(sql, owned![self.name(), seq, device, device_seq, head, entry])?;
        }
        Ok(())
    }

    fn receipts(&mut self, device: &DeviceId, first: u64, count: u64) -> Result<Vec<ReceiptRow>> {
        let sql = "SELECT receipt FROM receipt WHERE tenant = $1 AND device = $2
                   AND device_seq >= $3 AND device_seq < $4 ORDER BY device_seq";
        let end = signed(first.saturating_add(count));
        self.jsons(sql, &[&self.tenant.as_str(), &device.as_str(), &signed(first), &end])
    }

    fn receipt_by_hash(&mut self, hash: Hash) -> Result<Option<ReceiptRow>> {
        let sql = "SELECT receipt FROM receipt WHERE tenant = $1 AND \"left\"(hash, 16) = $3 AND hash = $2
                   ORDER BY device COLLATE \"C\", device_seq DESC LIMIT 1";
        let hash = hash.to_string();
        let begins = hash.get(..16).unwrap_or_default();
        Ok(self.jsons(sql, &[&self.tenant.as_str(), &hash, &begins])?.pop())
    }

    fn put_receipts(&mut self, rows: &[ReceiptRow]) -> Result<()> {
        let sql =
            "INSERT INTO receipt (tenant, device, device_seq, hash, receipt) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (tenant, device, device_seq) DO UPDATE
                   SET hash = excluded.hash, receipt = excluded.receipt";
        for row in rows {
            let op = &row.receipt.op;
            let (hash, json) = (row.receipt.hash.to_string(), serde_json::to_string(row)?);
            let (device, device_seq) = (op.device.to_string(), signed(op.device_seq));
            self.execute(sql, owned![self.name(), device, device_seq, hash, json])?;
        }
        Ok(())
    }

    fn last_number(&mut self, device: &DeviceId) -> Result<u64> {
        let sql = "SELECT coalesce(max(device_seq), 0) FROM receipt WHERE tenant = $1 AND device = $2";
        Ok(self.first(sql, &[&self.tenant.as_str(), &device.as_str()])?.map_or(0, |row| number(&row, 0)))
    }

    fn standing(&mut self, hash: Hash) -> Result<Option<OpId>> {
        let sql = "SELECT op FROM standing WHERE tenant = $1 AND hash = $2";
        let row = self.first(sql, &[&self.tenant.as_str(), &hash.to_string()])?;
        Ok(row.map(|row| text(&row, 0).parse()).transpose()?)
    }

    fn put_standing(&mut self, hash: Hash, op: &OpId) -> Result<()> {
        let sql = "INSERT INTO standing (tenant, hash, op) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.execute(sql, owned![self.name(), hash.to_string(), op.to_string()])
    }

    fn runs(&mut self, device: &DeviceId, of: u64) -> Result<Vec<RunRow>> {
        let sql = "SELECT first, count, signature, hashes FROM run WHERE tenant = $1 AND device = $2
                   AND first <= $3 AND first > $4 AND first + count > $3 ORDER BY count DESC, first, signature COLLATE \"C\"";
        let too_early = signed(of) - LONGEST_RUN;
        let rows = self.query(sql, &[&self.tenant.as_str(), &device.as_str(), &signed(of), &too_early])?;
        let read = |row: &Row| {
            let run = RunSignature { first: number(row, 0), count: number(row, 1), signature: row.get(2) };
            RunRow::read(run, row.get(3))
        };
        Ok(rows.iter().map(read).collect())
    }

    fn put_run(&mut self, device: &DeviceId, row: &RunRow) -> Result<()> {
        let sql = "INSERT INTO run (tenant, device, first, count, signature, hashes)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let (first, count) = (signed(row.run.first), signed(row.run.count));
        let (signature, hashes) = (row.run.signature.clone(), row.hash_bytes());
        self.execute(sql, owned![self.name(), device.to_string(), first, count, signature, hashes])
    }

    fn held(&mut self) -> Result<Vec<HeldRow>> {
        let sql = "SELECT held FROM held WHERE tenant = $1 ORDER BY device COLLATE \"C\", device_seq";
        self.jsons(sql, &[&self.tenant.as_str()])
    }

    fn put_held(&mut self, row: &HeldRow) -> Result<()> {
        let sql = "INSERT INTO held (tenant, device, device_seq, held) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (tenant, device, device_seq) DO UPDATE SET held = excluded.held";
        let (device, device_seq) = (row.op.device.to_string(), signed(row.op.device_seq));
        self.execute(sql, owned![self.name(), device, device_seq, serde_json::to_string(row)?])
    }

    fn remove_held(&mut self, op: &OpId) -> Result<()> {
        let sql = "DELETE FROM held WHERE tenant = $1 AND device = $2 AND device_seq = $3";
        self.execute(sql, owned![self.name(), op.device.to_string(), signed(op.device_seq)])
    }

    fn side(&mut self, kind: &str, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM side WHERE tenant = $1 AND kind = $2 AND key = $3";
        Ok(self.first(sql, &[&self.tenant.as_str(), &kind, &key])?.map(|row| row.get(0)))
    }

    fn sides(&mut self, kind: &str) -> Result<Vec<(String, String)>> {
        let sql = "SELECT key, value FROM side WHERE tenant = $1 AND kind = $2 ORDER BY key";
        let rows = self.query(sql, &[&self.tenant.as_str(), &kind])?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    fn put_side(&mut self, kind: &str, key: &str, value: Option<&str>) -> Result<()> {
        let (tenant, kind, key) = (self.name(), kind.to_owned(), key.to_owned());
        match value {
            Some(value) => {
                let sql = "INSERT INTO side (tenant, kind, key, value) VALUES ($1, $2, $3, $4)
                           ON CONFLICT (tenant, kind, key) DO UPDATE SET value = excluded.value";
                self.execute(sql, owned![tenant, kind, key, value.to_owned()])
            }
            None => {
                let sql = "DELETE FROM side WHERE tenant = $1 AND kind = $2 AND key = $3";
                self.execute(sql, owned![tenant, kind, key])
            }
        }
    }

    fn log_access(&mut self, access: &Access<'_>) -> Result<()> {
        let sql = "INSERT INTO access_log (tenant, at, account, device, what, outcome) VALUES ($1, $2, $3, $4, $5, $6)";
        let (account, device) = (access.account.to_owned(), access.device.to_owned());
        let (at, what, outcome) = (access.at.to_rfc3339(), access.what.to_owned(), access.outcome.to_owned());
        self.execute(sql, owned![self.name(), at, account, device, what, outcome])
    }

    fn blob(&mut self, sha256: &str) -> Result<Option<BlobRow>> {
        let sql = "SELECT total, received FROM blob WHERE tenant = $1 AND sha256 = $2";
        let row = self.first(sql, &[&self.tenant.as_str(), &sha256])?;
        Ok(row.map(|row| BlobRow { total: number(&row, 0), received: number(&row, 1) }))
    }

    fn put_blob_part(&mut self, sha256: &str, row: BlobRow, bytes: &[u8]) -> Result<()> {
        let (tenant, sha256) = (self.name(), sha256.to_owned());
        let start = row.received.saturating_sub(bytes.len() as u64);
        let sql = "INSERT INTO blob (tenant, sha256, total, received) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (tenant, sha256) DO UPDATE SET total = excluded.total, received = excluded.received";
        self.execute(sql, owned![tenant.clone(), sha256.clone(), signed(row.total), signed(row.received)])?;
        let sql = "INSERT INTO blob_part (tenant, sha256, start, bytes) VALUES ($1, $2, $3, $4)";
        self.execute(sql, owned![tenant, sha256, signed(start), bytes.to_vec()])
    }

    fn blob_part(&mut self, sha256: &str, at: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let sql = "SELECT start, bytes FROM blob_part WHERE tenant = $1 AND sha256 = $2 AND start <= $3
                   ORDER BY start DESC LIMIT 1";
        let row = self.first(sql, &[&self.tenant.as_str(), &sha256, &signed(at)])?;
        Ok(row.map(|row| (number(&row, 0), row.get(1))))
    }

    fn remove_blob(&mut self, sha256: &str) -> Result<()> {
        let (tenant, sha256) = (self.name(), sha256.to_owned());
        let sql = "DELETE FROM blob_part WHERE tenant = $1 AND sha256 = $2";
        self.execute(sql, owned![tenant.clone(), sha256.clone()])?;
        self.execute("DELETE FROM blob WHERE tenant = $1 AND sha256 = $2", owned![tenant, sha256])
    }
}

fn read_cells(rows: &[Row]) -> Result<Cells> {
    rows.iter().map(|row| Ok((text(row, 0).parse()?, serde_json::from_str(text(row, 1))?))).collect()
}
