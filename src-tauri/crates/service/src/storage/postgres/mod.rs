//! Journals in PostgreSQL, for several replicas at once.
//!
//! **All SQL on rows goes through [`Postgres::begin`]**, which opens a transaction, becomes the role
//! `cairn_rows` (no owner, no exemption from policies) and names the tenants it works for, all only
//! for this transaction. A connection that goes back to the pool carries nothing on. A restore, which
//! begins with the schema, ends the same way: see [`Postgres::replace`].

// First, because the files beside this one use it too.
/// A role that owns nothing and is exempt from no policy.
macro_rules! become_role {
    () => {
        "SET LOCAL ROLE cairn_rows; SET LOCAL lock_timeout = '20s'; SET LOCAL search_path = cairn"
    };
}

mod file;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use cairn_domain::cell::Cells;
use cairn_domain::op::{RunSignature, Seen};
use cairn_domain::{Cell, CellKey, DeviceId, Hash, OpId, TenantId};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime as PoolRuntime, Transaction};
use serde::de::DeserializeOwned;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, NoTls, Row};

use super::sqlite::Sqlite;
use super::{
    Access, BlobRow, EntryRow, HeldRow, JournalRow, Mode, ReceiptRow, RunRow, Standing, Step, Storage,
    TenantTx,
};
use crate::error::{Error, Result};
use crate::org;

/// The schema's steps in order; `public.cairn_schema` counts those done.
const MIGRATIONS: &[&str] =
    &[include_str!("../../../../../../migrations/service-postgres/0001_journals.sql")];
/// Serialises migrations of several replicas that start at once.
const MIGRATION_LOCK: i64 = 0x0043_4149_524e;
/// Connections of one process.
const CONNECTIONS: usize = 24;
/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(20);

/// How our connections are called at the server.
const APPLICATION: &str = "cairn-service";

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

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

fn lost(error: impl std::error::Error) -> Error {
    let cause = error.source().map(|s| format!(": {s}")).unwrap_or_default();
    Error::fault(format!("postgres: {error}{cause}"))
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

    async fn migrate_in(tx: &Transaction<'_>) -> Result<()> {
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
    async fn begin<'c>(
        client: &'c mut deadpool_postgres::Client,
        tenants: &[TenantId],
        mode: Mode,
    ) -> Result<Transaction<'c>> {
        let build = client.build_transaction();
        let build = match mode {
            Mode::Read => build.isolation_level(IsolationLevel::RepeatableRead).read_only(true),
            Mode::Write | Mode::Memory => build.isolation_level(IsolationLevel::ReadCommitted),
        };
        let tx = build.start().await.map_err(lost)?;
        let role = match mode {
            Mode::Memory => concat!(become_role!(), "; SET LOCAL synchronous_commit = off"),
            Mode::Read | Mode::Write => become_role!(),
        };
        let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        Self::work_for(&tx, role, &names.join(",")).await.map_err(lost)?;
        if let (Mode::Write, [tenant]) = (mode, tenants) {
            Self::lock(&tx, tenant).await.map_err(lost)?;
        }
        Ok(tx)
    }

    /// Becomes the role that sees rows, for these tenants (joined by commas) and this transaction.
    async fn work_for(
        tx: &Transaction<'_>,
        role: &str,
        tenants: &str,
    ) -> std::result::Result<(), tokio_postgres::Error> {
        // Sent one behind the other without waiting in between: the server takes them in this order,
        // and where one fails the transaction takes nothing more.
        let set = async {
            let set = tx.prepare_cached("SELECT set_config('cairn.tenants', $1, true)").await?;
            tx.execute(&set, &[&tenants]).await
        };
        tokio::try_join!(biased; tx.batch_execute(role), set).map(drop)
    }

    /// Locks a tenant's counter. The row may not be there yet; then the first lock alone orders those
    /// who would make it.
    async fn lock(tx: &Transaction<'_>, tenant: &TenantId) -> std::result::Result<(), tokio_postgres::Error> {
        let name = tx.prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").await?;
        let row = tx.prepare_cached("SELECT 1 FROM journal WHERE tenant = $1 FOR UPDATE").await?;
        let values: Values<'_> = &[&tenant.as_str()];
        tokio::try_join!(biased; tx.execute(&name, values), tx.execute(&row, values))?;
        Ok(())
    }
}

impl Storage for Postgres {
    fn transact(&self, tenant: &TenantId, mode: Mode, step: Step<'_>) -> Result<()> {
        let handle = self.handle()?;
        let mut client = handle.block_on(self.pool.get()).map_err(lost)?;
        let tx = handle.block_on(Self::begin(&mut client, std::slice::from_ref(tenant), mode))?;
        let done = step(&mut Tx { handle, tx: &tx, tenant });
        match done {
            Ok(()) => handle.block_on(tx.commit()).map_err(lost),
            Err(error) => {
                // Where even this fails the connection is broken and the server rolls back itself.
                drop(handle.block_on(tx.rollback()));
                Err(error)
            }
        }
    }

    fn standings(&self, tenants: &[TenantId]) -> Result<Vec<Standing>> {
        if tenants.is_empty() {
            return Ok(Vec::new());
        }
        self.handle()?.block_on(async {
            let mut client = self.pool.get().await.map_err(lost)?;
            let tx = Self::begin(&mut client, tenants, Mode::Read).await?;
            let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
            let sql = "SELECT tenant, seq, head, held FROM journal WHERE tenant = ANY ($1)";
            let rows =
                tx.query(&tx.prepare_cached(sql).await.map_err(lost)?, &[&names]).await.map_err(lost)?;
            tx.commit().await.map_err(lost)?;
            let read = |row: &Row| {
                let seen = Seen { seq: number(row, 1), head: text(row, 2).parse()? };
                Ok(Standing { tenant: text(row, 0).parse()?, seen, held: number(row, 3) })
            };
            rows.iter().map(read).collect()
        })
    }

    fn ready(&self) -> Result<()> {
        self.handle()?.block_on(async {
            let client = self.pool.get().await.map_err(lost)?;
            client.batch_execute("SELECT 1").await.map_err(lost)
        })
    }

    fn backup(&self, to: &Path) -> Result<()> {
        let mut file = Sqlite::new_file(to)?;
        let (handle, org) = (self.handle()?, TenantId::org());
        let mut client = handle.block_on(self.pool.get()).map_err(lost)?;
        let tx = handle.block_on(Self::begin(&mut client, std::slice::from_ref(&org), Mode::Read))?;
        let mut tenants = vec![org.clone()];
        tenants
            .extend(org::tenants(&mut Tx { handle, tx: &tx, tenant: &org })?.into_iter().map(|(_, id)| id));
        let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        handle.block_on(async {
            // One moment for all tenants: the same transaction goes on for them.
            Self::work_for(&tx, become_role!(), &names.join(",")).await.map_err(lost)?;
            file::save(&tx, &mut file).await?;
            tx.commit().await.map_err(lost)
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

struct Tx<'a> {
    handle: &'a Handle,
    tx: &'a Transaction<'a>,
    tenant: &'a TenantId,
}

impl Tx<'_> {
    fn wait<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        self.handle.block_on(work).map_err(lost)
    }

    fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>> {
        self.wait(async { self.tx.query(&self.tx.prepare_cached(sql).await?, values).await })
    }

    fn first(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>> {
        self.wait(async { self.tx.query_opt(&self.tx.prepare_cached(sql).await?, values).await })
    }

    fn execute(&self, sql: &str, values: Values<'_>) -> Result<()> {
        self.wait(async { self.tx.execute(&self.tx.prepare_cached(sql).await?, values).await }).map(drop)
    }

    fn jsons<T: DeserializeOwned>(&self, sql: &str, values: Values<'_>) -> Result<Vec<T>> {
        self.query(sql, values)?.iter().map(|row| Ok(serde_json::from_str(text(row, 0))?)).collect()
    }
}

impl TenantTx for Tx<'_> {
    fn journal(&mut self) -> Result<Option<JournalRow>> {
        let sql = "SELECT seq, head, held, state FROM journal WHERE tenant = $1";
        let Some(row) = self.first(sql, &[&self.tenant.as_str()])? else { return Ok(None) };
        let seen = Seen { seq: number(&row, 0), head: text(&row, 1).parse()? };
        Ok(Some(JournalRow { seen, held: number(&row, 2), state: serde_json::from_str(text(&row, 3))? }))
    }

    fn put_journal(&mut self, row: &JournalRow) -> Result<()> {
        let sql = "INSERT INTO journal (tenant, seq, head, held, state) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (tenant) DO UPDATE SET seq = excluded.seq, head = excluded.head,
                   held = excluded.held, state = excluded.state";
        let (head, state) = (row.seen.head.to_string(), serde_json::to_string(&row.state)?);
        self.execute(sql, &[&self.tenant.as_str(), &signed(row.seen.seq), &head, &signed(row.held), &state])
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
            self.execute(sql, &[&self.tenant.as_str(), &keys, &values])?;
        }
        if !gone.is_empty() {
            self.execute(
                "DELETE FROM cell WHERE tenant = $1 AND key = ANY ($2)",
                &[&self.tenant.as_str(), &gone],
            )?;
        }
        Ok(())
    }

    fn playbook(&mut self, digest: &str) -> Result<Option<String>> {
        let sql = "SELECT source FROM playbook WHERE tenant = $1 AND digest = $2";
        Ok(self.first(sql, &[&self.tenant.as_str(), &digest])?.map(|row| row.get(0)))
    }

    fn keep_playbook(&mut self, digest: &str, source: &str) -> Result<()> {
        let sql = "INSERT INTO playbook (tenant, digest, source) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.execute(sql, &[&self.tenant.as_str(), &digest, &source])
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
            let (device, device_seq) = (row.op.device.as_str(), signed(row.op.device_seq));
            let seq = signed(row.entry.seq);
            self.execute(sql, &[&self.tenant.as_str(), &seq, &device, &device_seq, &head, &entry])?;
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
        let sql = "SELECT receipt FROM receipt WHERE tenant = $1 AND hash = $2
                   ORDER BY device COLLATE \"C\", device_seq DESC LIMIT 1";
        Ok(self.jsons(sql, &[&self.tenant.as_str(), &hash.to_string()])?.pop())
    }

    fn put_receipts(&mut self, rows: &[ReceiptRow]) -> Result<()> {
        let sql =
            "INSERT INTO receipt (tenant, device, device_seq, hash, receipt) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (tenant, device, device_seq) DO UPDATE
                   SET hash = excluded.hash, receipt = excluded.receipt";
        for row in rows {
            let op = &row.receipt.op;
            let (hash, json) = (row.receipt.hash.to_string(), serde_json::to_string(row)?);
            let (device, device_seq) = (op.device.as_str(), signed(op.device_seq));
            self.execute(sql, &[&self.tenant.as_str(), &device, &device_seq, &hash, &json])?;
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
        self.execute(sql, &[&self.tenant.as_str(), &hash.to_string(), &op.to_string()])
    }

    fn runs(&mut self, device: &DeviceId, of: u64) -> Result<Vec<RunRow>> {
        let sql = "SELECT first, count, signature, hashes FROM run WHERE tenant = $1 AND device = $2
                   AND first <= $3 AND first + count > $3 ORDER BY count DESC, first, signature COLLATE \"C\"";
        let rows = self.query(sql, &[&self.tenant.as_str(), &device.as_str(), &signed(of)])?;
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
        self.execute(
            sql,
            &[&self.tenant.as_str(), &device.as_str(), &first, &count, &row.run.signature, &row.hash_bytes()],
        )
    }

    fn held(&mut self) -> Result<Vec<HeldRow>> {
        let sql = "SELECT held FROM held WHERE tenant = $1 ORDER BY device COLLATE \"C\", device_seq";
        self.jsons(sql, &[&self.tenant.as_str()])
    }

    fn put_held(&mut self, row: &HeldRow) -> Result<()> {
        let sql = "INSERT INTO held (tenant, device, device_seq, held) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (tenant, device, device_seq) DO UPDATE SET held = excluded.held";
        let (device, device_seq) = (row.op.device.as_str(), signed(row.op.device_seq));
        self.execute(sql, &[&self.tenant.as_str(), &device, &device_seq, &serde_json::to_string(row)?])
    }

    fn remove_held(&mut self, op: &OpId) -> Result<()> {
        let sql = "DELETE FROM held WHERE tenant = $1 AND device = $2 AND device_seq = $3";
        self.execute(sql, &[&self.tenant.as_str(), &op.device.as_str(), &signed(op.device_seq)])
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
        let tenant = self.tenant.as_str();
        match value {
            Some(value) => {
                let sql = "INSERT INTO side (tenant, kind, key, value) VALUES ($1, $2, $3, $4)
                           ON CONFLICT (tenant, kind, key) DO UPDATE SET value = excluded.value";
                self.execute(sql, &[&tenant, &kind, &key, &value])
            }
            None => {
                let sql = "DELETE FROM side WHERE tenant = $1 AND kind = $2 AND key = $3";
                self.execute(sql, &[&tenant, &kind, &key])
            }
        }
    }

    fn log_access(&mut self, access: &Access<'_>) -> Result<()> {
        let sql = "INSERT INTO access_log (tenant, at, account, device, what, outcome) VALUES ($1, $2, $3, $4, $5, $6)";
        let (tenant, at) = (self.tenant.as_str(), access.at.to_rfc3339());
        self.execute(sql, &[&tenant, &at, &access.account, &access.device, &access.what, &access.outcome])
    }

    fn blob(&mut self, sha256: &str) -> Result<Option<BlobRow>> {
        let sql = "SELECT total, received FROM blob WHERE tenant = $1 AND sha256 = $2";
        let row = self.first(sql, &[&self.tenant.as_str(), &sha256])?;
        Ok(row.map(|row| BlobRow { total: number(&row, 0), received: number(&row, 1) }))
    }

    fn put_blob_part(&mut self, sha256: &str, row: BlobRow, bytes: &[u8]) -> Result<()> {
        let tenant = self.tenant.as_str();
        let start = row.received.saturating_sub(bytes.len() as u64);
        let sql = "INSERT INTO blob (tenant, sha256, total, received) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (tenant, sha256) DO UPDATE SET total = excluded.total, received = excluded.received";
        self.execute(sql, &[&tenant, &sha256, &signed(row.total), &signed(row.received)])?;
        let sql = "INSERT INTO blob_part (tenant, sha256, start, bytes) VALUES ($1, $2, $3, $4)";
        self.execute(sql, &[&tenant, &sha256, &signed(start), &bytes])
    }

    fn blob_part(&mut self, sha256: &str, at: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let sql = "SELECT start, bytes FROM blob_part WHERE tenant = $1 AND sha256 = $2 AND start <= $3
                   ORDER BY start DESC LIMIT 1";
        let row = self.first(sql, &[&self.tenant.as_str(), &sha256, &signed(at)])?;
        Ok(row.map(|row| (number(&row, 0), row.get(1))))
    }

    fn remove_blob(&mut self, sha256: &str) -> Result<()> {
        let tenant = self.tenant.as_str();
        self.execute("DELETE FROM blob_part WHERE tenant = $1 AND sha256 = $2", &[&tenant, &sha256])?;
        self.execute("DELETE FROM blob WHERE tenant = $1 AND sha256 = $2", &[&tenant, &sha256])
    }
}

fn read_cells(rows: &[Row]) -> Result<Cells> {
    rows.iter().map(|row| Ok((text(row, 0).parse()?, serde_json::from_str(text(row, 1))?))).collect()
}
