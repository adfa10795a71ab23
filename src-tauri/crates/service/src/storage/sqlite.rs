//! Journals in one SQLite file: one writer, several readers, other processes welcome.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cairn_domain::cell::Cells;
use cairn_domain::op::{RunSignature, Seen};
use cairn_domain::{Cell, CellKey, DeviceId, Hash, OpId, TenantId};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::de::DeserializeOwned;

use super::group::Writers;
use super::{
    Access, BlobRow, EntryRow, HeldRow, JournalRow, LONGEST_RUN, Mode, ReceiptRow, RunRow, Standing, Step,
    Storage, TenantTx,
};
use crate::error::{Error, Result};

/// The schema's steps in order; the file's `user_version` counts those done.
const MIGRATIONS: &[&str] = &[
    include_str!("../../../../../migrations/service-sqlite/0001_journals.sql"),
    include_str!("../../../../../migrations/service-sqlite/0002_hash_of_receipts.sql"),
];
/// The database's file in a data directory.
const DB_FILE: &str = "service.db";
/// How long a process waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(20);
/// The most pages that a connection keeps in memory, in KiB below zero as SQLite takes it: as much as the
/// longest run of ops touches.
const CACHE_KIB: i64 = -16 * 1024;
/// Connections kept for reading.
const READERS: usize = 8;
/// Held shared by whoever has the data open, alone by a restore. Its content means nothing.
const LOCK_FILE: &str = "service.lock";

/// The file `service.db` in a data directory.
pub struct Sqlite {
    path: PathBuf,
    writers: Writers,
    readers: Mutex<Vec<Connection>>,
    /// Let go of last.
    _in_use: File,
}

impl Sqlite {
    /// Opens the data directory, making it and the schema where they are missing.
    ///
    /// # Errors
    /// The directory cannot be written, the file is empty or was written by a newer version, or
    /// `restore_running`.
    pub fn open(dir: &Path) -> Result<Self> {
        let in_use = lock_file(dir)?;
        refuse_empty(&dir.join(DB_FILE), &in_use)?;
        in_use.try_lock_shared().map_err(|e| locked(e, "restore_running", "A restore is under way here."))?;
        let path = dir.join(DB_FILE);
        let mut journal = connect(&path)?;
        restrict(&path)?;
        migrate(&mut journal)?;
        let memory = connect(&path)?;
        memory.pragma_update(None, "synchronous", "NORMAL")?;
        let writers = Writers::new(journal, memory);
        Ok(Self { path, writers, readers: Mutex::new(Vec::new()), _in_use: in_use })
    }

    /// A new file with the tables and no rows.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn new_file(path: &Path) -> Result<Connection> {
        File::create_new(path)?;
        let mut connection = connect(path)?;
        restrict(path)?;
        migrate(&mut connection)?;
        Ok(connection)
    }

    fn reader(&self) -> Result<Connection> {
        match lock(&self.readers).pop() {
            Some(connection) => Ok(connection),
            None => connect(&self.path),
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut readers = lock(&self.readers);
        if readers.len() < READERS {
            readers.push(connection);
        }
    }
}

/// SQLite takes an empty file for a new database, and a service would go on from nothing under a key of
/// its own. Where another process has the data open, it may just be making the file.
fn refuse_empty(path: &Path, in_use: &File) -> Result<()> {
    let empty = std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
    if empty && in_use.try_lock().is_ok() {
        return Err(Error::fault(format!(
            "{} is empty. Restore a backup; or delete the file, if nothing was ever kept here.",
            path.display()
        )));
    }
    Ok(())
}

fn lock_file(dir: &Path) -> Result<File> {
    std::fs::create_dir_all(dir)?;
    Ok(File::options().create(true).append(true).open(dir.join(LOCK_FILE))?)
}

fn locked(error: TryLockError, code: &str, message: &str) -> Error {
    match error {
        TryLockError::WouldBlock => Error::api(code, message),
        TryLockError::Error(error) => error.into(),
    }
}

/// Keeps a data directory from being opened for as long as the file lives.
///
/// # Errors
/// `service_running` where somebody has the data open.
pub fn lock_alone(dir: &Path) -> Result<File> {
    let file = lock_file(dir)?;
    let message = "A service or a command works on this data. Stop it first.";
    file.try_lock().map_err(|e| locked(e, "service_running", message))?;
    Ok(file)
}

/// Puts the database at `new` in the place of the one in `dir`, which is moved aside under `name`
/// first. Whoever calls has the directory locked alone. Gives where the old one went, if there was one.
///
/// # Errors
/// Faults of the file system; the old database is then still in its place, or aside.
pub fn replace(dir: &Path, new: &Path, name: &str) -> Result<Option<PathBuf>> {
    let (path, aside) = (dir.join(DB_FILE), dir.join(name));
    let beside = |base: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", base.display()));
    let old = path.exists();
    if old {
        // A second name first: at no moment is there no database, which a start would take for a
        // new service.
        std::fs::hard_link(&path, &aside)?;
        let log = (beside(&path, "-wal"), beside(&aside, "-wal"));
        if log.0.exists() {
            std::fs::copy(&log.0, &log.1)?;
            // Where it can be opened the log goes into the database, and the copy is not needed.
            if close_log(&path).is_ok() && !log.0.exists() {
                std::fs::remove_file(&log.1)?;
            }
        }
    }
    for suffix in ["-wal", "-shm"].map(|suffix| beside(&path, suffix)) {
        if suffix.exists() {
            std::fs::remove_file(suffix)?;
        }
    }
    std::fs::rename(new, &path)?;
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    Ok(old.then_some(aside))
}

/// Brings what is in the log into the database: the last connection that closes does.
fn close_log(path: &Path) -> Result<()> {
    let connection = connect(path)?;
    connection.query_row("SELECT count(*) FROM journal", [], |row| row.get::<_, i64>(0))?;
    connection.close().map_err(|(_, error)| error.into())
}

/// A poisoned lock only means that a thread died inside a transaction, which was rolled back.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Password hashes and keys lie in the file: only its owner may read it.
fn restrict(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: usize = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if done > MIGRATIONS.len() {
        return Err(Error::detailed(
            "newer_database",
            "A newer version of the service wrote this data. Install that version to open it.",
            serde_json::json!({ "version": done, "known": MIGRATIONS.len() }),
        ));
    }
    for sql in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(sql)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(tx.commit()?)
}

impl Storage for Sqlite {
    fn transact(&self, tenant: &TenantId, mode: Mode, step: Step<'_>) -> Result<()> {
        match mode {
            Mode::Write | Mode::Memory => self.writers.transact(mode, |db| step(&mut Tx { db, tenant })),
            Mode::Read => {
                let mut reader = self.reader()?;
                let out = read(&mut reader, tenant, step);
                self.give_back(reader);
                out
            }
        }
    }

    fn standings(&self, tenants: &[TenantId]) -> Result<Vec<Standing>> {
        let reader = self.reader()?;
        let out = standings(&reader, tenants);
        self.give_back(reader);
        out
    }

    fn ready(&self) -> Result<()> {
        let reader = self.reader()?;
        let out = reader.query_row("SELECT count(*) FROM journal", [], |row| row.get::<_, i64>(0));
        self.give_back(reader);
        out.map(drop).map_err(Error::from)
    }

    fn backup(&self, to: &Path) -> Result<()> {
        let reader = self.reader()?;
        let mut target = Connection::open(to)?;
        let copy = rusqlite::backup::Backup::new(&reader, &mut target)?;
        copy.run_to_completion(1_000, Duration::ZERO, None)?;
        drop(copy);
        restrict(to)
    }
}

fn read(connection: &mut Connection, tenant: &TenantId, step: Step<'_>) -> Result<()> {
    let tx = connection.transaction()?;
    step(&mut Tx { db: &tx, tenant })?;
    Ok(tx.commit()?)
}

fn standings(db: &Connection, tenants: &[TenantId]) -> Result<Vec<Standing>> {
    let mut query = db.prepare_cached("SELECT seq, head, held FROM journal WHERE tenant = ?1")?;
    let mut out = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let row = query
            .query_row([tenant.as_str()], |r| Ok((number(r, 0)?, r.get::<_, String>(1)?, number(r, 2)?)));
        if let Some((seq, head, held)) = row.optional()? {
            out.push(Standing { tenant: tenant.clone(), seen: Seen { seq, head: head.parse()? }, held });
        }
    }
    Ok(out)
}

/// SQLite counts in signed numbers; ours never come near the difference.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Tx<'a> {
    db: &'a Connection,
    tenant: &'a TenantId,
}

impl Tx<'_> {
    fn execute(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<()> {
        self.db.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// One JSON column of every row, read.
    fn jsons<T: DeserializeOwned>(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<T>> {
        let mut query = self.db.prepare_cached(sql)?;
        let texts = query.query_map(values, |r| r.get::<_, String>(0))?;
        texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
    }
}

impl TenantTx for Tx<'_> {
    fn journal(&mut self) -> Result<Option<JournalRow>> {
        let sql = "SELECT seq, head, held, state FROM journal WHERE tenant = ?1";
        let row = self.db.prepare_cached(sql)?.query_row([self.tenant.as_str()], |r| {
            Ok((number(r, 0)?, r.get::<_, String>(1)?, number(r, 2)?, r.get::<_, String>(3)?))
        });
        let Some((seq, head, held, state)) = row.optional()? else { return Ok(None) };
        let seen = Seen { seq, head: head.parse()? };
        Ok(Some(JournalRow { seen, held, state: serde_json::from_str(&state)? }))
    }

    fn put_journal(&mut self, row: &JournalRow) -> Result<()> {
        let sql =
            "INSERT OR REPLACE INTO journal (tenant, seq, head, held, state) VALUES (?1, ?2, ?3, ?4, ?5)";
        let (head, state) = (row.seen.head.to_string(), serde_json::to_string(&row.state)?);
        self.execute(sql, params![self.tenant.as_str(), signed(row.seen.seq), head, signed(row.held), state])
    }

    fn cells(&mut self, keys: &[CellKey]) -> Result<Cells> {
        let mut query = self.db.prepare_cached("SELECT cell FROM cell WHERE tenant = ?1 AND key = ?2")?;
        let mut out = Cells::new();
        for key in keys {
            let row =
                query.query_row(params![self.tenant.as_str(), key.to_string()], |r| r.get::<_, String>(0));
            if let Some(text) = row.optional()? {
                out.insert(key.clone(), serde_json::from_str(&text)?);
            }
        }
        Ok(out)
    }

    fn cells_under(&mut self, prefix: &str) -> Result<Cells> {
        let sql = "SELECT key, cell FROM cell WHERE tenant = ?1 AND key >= ?2 AND (?2 = '' OR key < ?3)";
        let mut query = self.db.prepare_cached(sql)?;
        // Keys are ASCII, so nothing that begins with the prefix sorts behind this.
        let end = format!("{prefix}\u{7f}");
        let rows = query.query_map(params![self.tenant.as_str(), prefix, end], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (key, cell) = row?;
            Ok((key.parse()?, serde_json::from_str(&cell)?))
        })
        .collect()
    }

    fn put_cells(&mut self, cells: &[(CellKey, Option<Cell>)]) -> Result<()> {
        for (key, cell) in cells {
            let (tenant, key) = (self.tenant.as_str(), key.to_string());
            match cell {
                Some(cell) => {
                    let sql = "INSERT OR REPLACE INTO cell (tenant, key, cell) VALUES (?1, ?2, ?3)";
                    self.execute(sql, params![tenant, key, serde_json::to_string(cell)?])?;
                }
                None => {
                    self.execute("DELETE FROM cell WHERE tenant = ?1 AND key = ?2", params![tenant, key])?
                }
            }
        }
        Ok(())
    }

    fn playbook(&mut self, digest: &str) -> Result<Option<String>> {
        let sql = "SELECT source FROM playbook WHERE tenant = ?1 AND digest = ?2";
        Ok(self.db.prepare_cached(sql)?.query_row([self.tenant.as_str(), digest], |r| r.get(0)).optional()?)
    }

    fn keep_playbook(&mut self, digest: &str, source: &str) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO playbook (tenant, digest, source) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![self.tenant.as_str(), digest, source])
    }

    fn entries(&mut self, after: u64, limit: usize) -> Result<Vec<EntryRow>> {
        let sql = "SELECT device, device_seq, head, entry FROM entry
                   WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        let mut query = self.db.prepare_cached(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map(params![self.tenant.as_str(), signed(after), limit], |r| {
            Ok((r.get::<_, String>(0)?, number(r, 1)?, r.get::<_, String>(2)?, r.get::<_, String>(3)?))
        })?;
        rows.map(|row| {
            let (device, device_seq, head, entry) = row?;
            let op = OpId { tenant: self.tenant.clone(), device: device.parse()?, device_seq };
            Ok(EntryRow { op, head: head.parse()?, entry: serde_json::from_str(&entry)? })
        })
        .collect()
    }

    fn heads(&mut self, at: &[u64]) -> Result<Vec<Seen>> {
        let mut query = self.db.prepare_cached("SELECT head FROM entry WHERE tenant = ?1 AND seq = ?2")?;
        let mut out = Vec::new();
        for seq in at {
            let row = query.query_row(params![self.tenant.as_str(), signed(*seq)], |r| r.get::<_, String>(0));
            if let Some(head) = row.optional()? {
                out.push(Seen { seq: *seq, head: head.parse()? });
            }
        }
        Ok(out)
    }

    fn append(&mut self, rows: &[EntryRow]) -> Result<()> {
        let sql = "INSERT INTO entry (tenant, seq, device, device_seq, head, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        for row in rows {
            let (head, entry) = (row.head.to_string(), serde_json::to_string(&row.entry)?);
            let (device, device_seq) = (row.op.device.as_str(), signed(row.op.device_seq));
            let values =
                params![self.tenant.as_str(), signed(row.entry.seq), device, device_seq, head, entry];
            self.execute(sql, values)?;
        }
        Ok(())
    }

    fn receipts(&mut self, device: &DeviceId, first: u64, count: u64) -> Result<Vec<ReceiptRow>> {
        let sql = "SELECT receipt FROM receipt
                   WHERE tenant = ?1 AND device = ?2 AND device_seq >= ?3 AND device_seq < ?4 ORDER BY device_seq";
        let end = signed(first.saturating_add(count));
        self.jsons(sql, params![self.tenant.as_str(), device.as_str(), signed(first), end])
    }

    fn receipt_by_hash(&mut self, hash: Hash) -> Result<Option<ReceiptRow>> {
        // Left to itself SQLite goes through all receipts of the tenant, also where the whole hash is
        // asked for beside its beginning.
        let sql = "SELECT receipt FROM receipt INDEXED BY receipt_by_hash
                   WHERE tenant = ?1 AND substr(hash, 1, 16) = ?2 ORDER BY device, device_seq DESC";
        let text = hash.to_string();
        let rows: Vec<ReceiptRow> = self.jsons(sql, params![self.tenant.as_str(), text.get(..16)])?;
        Ok(rows.into_iter().find(|row| row.receipt.hash == hash))
    }

    fn put_receipts(&mut self, rows: &[ReceiptRow]) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO receipt (tenant, device, device_seq, hash, receipt)
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        for row in rows {
            let op = &row.receipt.op;
            let (hash, json) = (row.receipt.hash.to_string(), serde_json::to_string(row)?);
            let (device, device_seq) = (op.device.as_str(), signed(op.device_seq));
            self.execute(sql, params![self.tenant.as_str(), device, device_seq, hash, json])?;
        }
        Ok(())
    }

    fn last_number(&mut self, device: &DeviceId) -> Result<u64> {
        let sql = "SELECT coalesce(max(device_seq), 0) FROM receipt WHERE tenant = ?1 AND device = ?2";
        Ok(self
            .db
            .prepare_cached(sql)?
            .query_row([self.tenant.as_str(), device.as_str()], |r| number(r, 0))?)
    }

    fn standing(&mut self, hash: Hash) -> Result<Option<OpId>> {
        let sql = "SELECT op FROM standing WHERE tenant = ?1 AND hash = ?2";
        let values = params![self.tenant.as_str(), hash.to_string()];
        let op: Option<String> = self.db.prepare_cached(sql)?.query_row(values, |r| r.get(0)).optional()?;
        Ok(op.map(|text| text.parse()).transpose()?)
    }

    fn put_standing(&mut self, hash: Hash, op: &OpId) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO standing (tenant, hash, op) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![self.tenant.as_str(), hash.to_string(), op.to_string()])
    }

    fn runs(&mut self, device: &DeviceId, number_: u64) -> Result<Vec<RunRow>> {
        let sql = "SELECT first, count, signature, hashes FROM run
                   WHERE tenant = ?1 AND device = ?2 AND first <= ?3 AND first > ?4 AND first + count > ?3
                   ORDER BY count DESC, first, signature";
        let mut query = self.db.prepare_cached(sql)?;
        let too_early = signed(number_) - LONGEST_RUN;
        let values = params![self.tenant.as_str(), device.as_str(), signed(number_), too_early];
        let rows = query.query_map(values, |r| {
            let run = RunSignature { first: number(r, 0)?, count: number(r, 1)?, signature: r.get(2)? };
            Ok(RunRow::read(run, &r.get::<_, Vec<u8>>(3)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn put_run(&mut self, device: &DeviceId, row: &RunRow) -> Result<()> {
        let sql = "INSERT OR IGNORE INTO run (tenant, device, first, count, signature, hashes)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (first, count) = (signed(row.run.first), signed(row.run.count));
        self.execute(
            sql,
            params![self.tenant.as_str(), device.as_str(), first, count, row.run.signature, row.hash_bytes()],
        )
    }

    fn held(&mut self) -> Result<Vec<HeldRow>> {
        let sql = "SELECT held FROM held WHERE tenant = ?1 ORDER BY device, device_seq";
        self.jsons(sql, params![self.tenant.as_str()])
    }

    fn put_held(&mut self, row: &HeldRow) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO held (tenant, device, device_seq, held) VALUES (?1, ?2, ?3, ?4)";
        let (device, device_seq) = (row.op.device.as_str(), signed(row.op.device_seq));
        self.execute(sql, params![self.tenant.as_str(), device, device_seq, serde_json::to_string(row)?])
    }

    fn remove_held(&mut self, op: &OpId) -> Result<()> {
        let sql = "DELETE FROM held WHERE tenant = ?1 AND device = ?2 AND device_seq = ?3";
        self.execute(sql, params![self.tenant.as_str(), op.device.as_str(), signed(op.device_seq)])
    }

    fn side(&mut self, kind: &str, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM side WHERE tenant = ?1 AND kind = ?2 AND key = ?3";
        Ok(self
            .db
            .prepare_cached(sql)?
            .query_row([self.tenant.as_str(), kind, key], |r| r.get(0))
            .optional()?)
    }

    fn sides(&mut self, kind: &str) -> Result<Vec<(String, String)>> {
        let sql = "SELECT key, value FROM side WHERE tenant = ?1 AND kind = ?2 ORDER BY key";
        let mut query = self.db.prepare_cached(sql)?;
        let rows = query.query_map([self.tenant.as_str(), kind], |r| Ok((r.get(0)?, r.get(1)?)))?;
        rows.map(|row| row.map_err(Error::from)).collect()
    }

    fn put_side(&mut self, kind: &str, key: &str, value: Option<&str>) -> Result<()> {
        let tenant = self.tenant.as_str();
        match value {
            Some(value) => {
                let sql = "INSERT OR REPLACE INTO side (tenant, kind, key, value) VALUES (?1, ?2, ?3, ?4)";
                self.execute(sql, params![tenant, kind, key, value])
            }
            None => {
                let sql = "DELETE FROM side WHERE tenant = ?1 AND kind = ?2 AND key = ?3";
                self.execute(sql, params![tenant, kind, key])
            }
        }
    }

    fn log_access(&mut self, access: &Access<'_>) -> Result<()> {
        let sql = "INSERT INTO access_log (tenant, at, account, device, what, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (tenant, at) = (self.tenant.as_str(), access.at.to_rfc3339());
        self.execute(sql, params![tenant, at, access.account, access.device, access.what, access.outcome])
    }

    fn blob(&mut self, sha256: &str) -> Result<Option<BlobRow>> {
        let sql = "SELECT total, received FROM blob WHERE tenant = ?1 AND sha256 = ?2";
        let row = self.db.prepare_cached(sql)?.query_row([self.tenant.as_str(), sha256], |r| {
            Ok(BlobRow { total: number(r, 0)?, received: number(r, 1)? })
        });
        Ok(row.optional()?)
    }

    fn put_blob_part(&mut self, sha256: &str, row: BlobRow, bytes: &[u8]) -> Result<()> {
        let tenant = self.tenant.as_str();
        let start = row.received.saturating_sub(bytes.len() as u64);
        let sql = "INSERT OR REPLACE INTO blob (tenant, sha256, total, received) VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, params![tenant, sha256, signed(row.total), signed(row.received)])?;
        let sql = "INSERT INTO blob_part (tenant, sha256, start, bytes) VALUES (?1, ?2, ?3, ?4)";
        self.execute(sql, params![tenant, sha256, signed(start), bytes])
    }

    fn blob_part(&mut self, sha256: &str, at: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let sql = "SELECT start, bytes FROM blob_part WHERE tenant = ?1 AND sha256 = ?2 AND start <= ?3
                   ORDER BY start DESC LIMIT 1";
        let values = params![self.tenant.as_str(), sha256, signed(at)];
        Ok(self.db.prepare_cached(sql)?.query_row(values, |r| Ok((number(r, 0)?, r.get(1)?))).optional()?)
    }

    fn remove_blob(&mut self, sha256: &str) -> Result<()> {
        let values: [&dyn rusqlite::ToSql; 2] = [&self.tenant.as_str(), &sha256];
        self.execute("DELETE FROM blob_part WHERE tenant = ?1 AND sha256 = ?2", &values)?;
        self.execute("DELETE FROM blob WHERE tenant = ?1 AND sha256 = ?2", &values)
    }
}
