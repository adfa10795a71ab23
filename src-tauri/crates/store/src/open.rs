//! Opening and closing the database.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cairn_domain::access::Table;
use cairn_domain::playbook::Playbook;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::identity::{Identity, Me};
use crate::keys::{DataKey, KeyTrouble};
use crate::summary::Summaries;
use crate::{StoreError, schema};

/// How long a writer waits for another process's transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The most pages kept in memory, in KiB below zero as SQLite takes it: a year's work of a specialist.
pub const CACHE_KIB: i64 = -32 * 1024;

/// The size of a page, SQLCipher's own since version 4.
const PAGE: u64 = 4096;

/// The open local database: one connection, one identity. Several processes may hold one each.
pub struct Store {
    pub(crate) db: Connection,
    pub(crate) path: PathBuf,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) me: Option<Me>,
    pub(crate) table: Table,
    pub(crate) playbooks: RefCell<HashMap<String, Option<Arc<Playbook>>>>,
    pub(crate) summaries: Summaries,
    /// Whether several transactions are being made as one.
    pub(crate) at_once: bool,
    /// Held shared while the database is open; whoever gets it alone knows that nobody else runs.
    in_use: Option<File>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes a new database. Never touches one that exists.
    ///
    /// # Errors
    /// `database_exists`; whatever the file system or the database reports.
    pub fn create(path: &Path, key: &DataKey, entropy: impl Entropy + 'static) -> Result<Self, StoreError> {
        if path.exists() {
            return Err(StoreError::Exists(path.to_owned()));
        }
        Self::connect(path, key, Box::new(entropy), OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Opens an existing database. Never makes one. After an unclean exit the whole file is checked.
    ///
    /// # Errors
    /// `database_missing`, `key_wrong`, `database_damaged`, `database_newer`.
    pub fn open(path: &Path, key: &DataKey, entropy: impl Entropy + 'static) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        Self::connect(path, key, Box::new(entropy), OpenFlags::empty())
    }

    fn connect(
        path: &Path,
        key: &DataKey,
        entropy: Box<dyn Entropy>,
        create: OpenFlags,
    ) -> Result<Self, StoreError> {
        let in_use = UseMark::take(path)?;
        if !in_use.alone {
            // Whoever has it alone may be checking it or putting a restored copy in its place.
            in_use.wait()?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
        let db = Connection::open_with_flags(path, flags)?;
        unlock(&db, key)?;
        with_log(&db)?;
        whole(&db, path)?;
        schema::migrate(&db, schema::MIGRATIONS)?;
        if in_use.alone && !mark_running(&db)? {
            check_integrity(&db)?;
        }
        let mut store = Self {
            db,
            path: path.to_owned(),
            entropy,
            me: None,
            table: Table::standard(),
            playbooks: RefCell::default(),
            summaries: Summaries::default(),
            at_once: false,
            in_use: in_use.share()?,
        };
        store.me = Me::load(&store.db)?;
        Ok(store)
    }

    /// Closes the database in order, so that the next start need not check it, and forgets all keys.
    ///
    /// # Errors
    /// Whatever the database reports; it is closed all the same.
    pub fn lock(mut self) -> Result<(), StoreError> {
        self.me = None;
        if let Some(mark) = self.in_use.take() {
            // The last one out notes that nobody crashed.
            mark.unlock()?;
            if mark.try_lock().is_ok() {
                set_meta(&self.db, "running", b"0")?;
            }
        }
        self.db.close().map_err(|(_, error)| error.into())
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes when another connection has changed the database.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn data_version(&self) -> Result<u64, StoreError> {
        let version: i64 = self.db.pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(crate::sql::uint(version))
    }

    /// Lets go of the database as a power cut does: what lies in the write-ahead log stays there.
    pub fn abandon(self) {
        use rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        // Where it does not work, the log is merely emptied.
        let _ = self.db.set_db_config(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    /// Uses another access table; for tests that turn rows over.
    pub fn set_table(&mut self, table: Table) {
        self.table = table;
    }

    /// Copies the database, encrypted with the same key, while it is in use.
    ///
    /// # Errors
    /// `database_exists` where the target exists; whatever the database reports.
    pub fn backup(&self, target: &Path, key: &DataKey) -> Result<(), StoreError> {
        if target.exists() {
            return Err(StoreError::Exists(target.to_owned()));
        }
        let mut copy = Connection::open(target)?;
        apply_key(&copy, key)?;
        let backup = rusqlite::backup::Backup::new(&self.db, &mut copy)?;
        backup.run_to_completion(1_000, Duration::ZERO, None)?;
        drop(backup);
        set_meta(&copy, "running", b"0")?;
        copy.close().map_err(|(_, error)| error.into())
    }

    /// The versions of SQLite and SQLCipher, e.g. `3.50.4` and `4.10.0 community`.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn engine(&self) -> Result<(String, String), StoreError> {
        let cipher: String = self.db.query_row("PRAGMA cipher_version", [], |row| row.get(0))?;
        Ok((rusqlite::version().to_owned(), cipher))
    }

    /// Reads every page of the database and its structure.
    ///
    /// # Errors
    /// `database_damaged` with what was found.
    pub fn integrity_check(&self) -> Result<(), StoreError> {
        check_integrity(&self.db)
    }

    pub(crate) fn me(&self) -> Result<&Me, StoreError> {
        self.me.as_ref().ok_or(StoreError::NotEnrolled)
    }

    /// Who works here, if anyone has signed in.
    pub fn identity(&self) -> Option<&Identity> {
        self.me.as_ref().map(|me| &me.identity)
    }
}

/// The file beside the database that says whether anyone has it open.
struct UseMark {
    file: File,
    alone: bool,
}

impl UseMark {
    fn take(path: &Path) -> Result<Self, StoreError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".use");
        let file = File::options().create(true).truncate(false).write(true).open(PathBuf::from(name))?;
        let alone = file.try_lock().is_ok();
        Ok(Self { file, alone })
    }

    fn wait(&self) -> Result<(), StoreError> {
        Ok(self.file.lock_shared()?)
    }

    fn share(self) -> Result<Option<File>, StoreError> {
        if self.alone {
            self.file.unlock()?;
            self.wait()?;
        }
        Ok(Some(self.file))
    }
}

fn apply_key(db: &Connection, key: &DataKey) -> Result<(), StoreError> {
    let pragma =
        Zeroizing::new(format!("PRAGMA key = \"x'{}'\"", Zeroizing::new(hex::encode(key.bytes())).as_str()));
    db.execute_batch(&pragma)?;
    // What goes wrong comes back as an error; SQLCipher would print it as well. It turns its log on
    // with the first key, so it is turned off only now; nothing has been read yet.
    Ok(db.execute_batch("PRAGMA cipher_log_level = NONE")?)
}

pub(crate) fn unlock(db: &Connection, key: &DataKey) -> Result<(), StoreError> {
    apply_key(db, key)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // The first read shows whether the key fits.
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(|e| {
        match e.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Key(KeyTrouble::Wrong),
            _ => e.into(),
        }
    })?;
    db.execute_batch("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;")?;
    // A page that stays is decrypted and checked once. What does not fit costs a large transaction even
    // more: it is encrypted and written for each time that it leaves.
    db.pragma_update(None, "cache_size", CACHE_KIB)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Writes go through a write-ahead log from now on, so that readers and a writer do not wait for each other.
pub(crate) fn with_log(db: &Connection) -> Result<(), StoreError> {
    Ok(db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?)
}

/// A file that is shorter than its own header says was cut off.
pub(crate) fn whole(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let pages: u64 =
        db.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).map(crate::sql::uint)?;
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let has_wal = std::fs::metadata(PathBuf::from(wal)).is_ok_and(|m| m.len() > 0);
    let length = std::fs::metadata(path)?.len();
    // With a write-ahead log the newest pages may not be in the main file yet.
    if !has_wal && length < pages * PAGE {
        return Err(StoreError::Damaged(format!("the file has {length} of {} bytes", pages * PAGE)));
    }
    Ok(())
}

pub(crate) fn check_integrity(db: &Connection) -> Result<(), StoreError> {
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged(found)) }
}

/// Notes that a program runs on this database; tells whether the last one closed it in order.
fn mark_running(db: &Connection) -> Result<bool, StoreError> {
    let clean = get_meta(db, "running")?.is_none_or(|mark| mark == b"0");
    set_meta(db, "running", b"1")?;
    Ok(clean)
}

pub(crate) fn get_meta(db: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(db
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

pub(crate) fn set_meta(db: &Connection, key: &str, value: &[u8]) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute(rusqlite::params![key, value])?;
    Ok(())
}
