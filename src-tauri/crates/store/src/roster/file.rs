//! The file of a roster and its key: made, opened, made anew, destroyed.
//!
//! The key lies in `cairn.db`, so whoever opens that opens the rosters too, and deleting its row
//! destroys one. A new file is made beside its place, then its key is kept, then it is moved: a power
//! cut leaves the old roster, or a move that the next opening finishes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use cairn_domain::TenantId;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use zeroize::Zeroizing;

use super::{Roster, RosterTrouble, latest, named, trouble};
use crate::journals::Journal;
use crate::keys::DataKey;
use crate::open::{unlock, whole, with_log};
use crate::profile::{create_private_dir, sync_dir, write_new};
use crate::schema::migrate;
use crate::{Store, StoreError};

const MIGRATIONS: &[&str] = &[include_str!("../../../../../migrations/roster/0001_roster.sql")];

const FOLDER: &str = "tenants";
const SALT: usize = 16;
/// The most that an unused log keeps.
const LOG_BYTES: i64 = 4 << 20;
/// What may lie beside a database.
const PARTS: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// A roster's key, and what its file starts with.
struct Kept {
    key: DataKey,
    salt: Vec<u8>,
}

/// Called before each change on disk; a test breaks off there.
type Step<'s> = &'s mut dyn FnMut() -> Result<(), StoreError>;

impl Roster {
    /// A roster in a file of its own, beside no profile: made where there is none, and made anew where
    /// what is there cannot be used. Only for a copy that its owner can fill again.
    ///
    /// # Errors
    /// What the file system reports; `roster_newer`.
    pub fn cached(file: &Path, tenant: &TenantId, key: &DataKey) -> Result<Self, StoreError> {
        let usable = |roster: Self| roster.latest().map(|_| roster);
        if file.exists() {
            let kept = Kept { key: key.clone(), salt: salt(file)? };
            match open(file, tenant, &kept).and_then(usable) {
                Err(StoreError::Roster { trouble, .. })
                    if !matches!(trouble, RosterTrouble::Newer { .. }) => {}
                other => return other,
            }
        }
        let kept = Kept { key: key.clone(), salt: make(file, key)? };
        put_in_place(file, &kept, &mut || Ok(()))?;
        open(file, tenant, &kept)
    }

    /// Removes a file of [`Roster::cached`]. Nobody has it open.
    ///
    /// # Errors
    /// What the file system reports.
    pub fn forget_cached(file: &Path) -> Result<(), StoreError> {
        remove_parts(file)
    }
}

impl Store {
    /// The roster of a tenant; none where it has none yet. Never makes one.
    ///
    /// # Errors
    /// `unknown_tenant`; `roster_missing`, `roster_damaged`, `roster_newer`, `roster_key_wrong`,
    /// `roster_key_absent`: the file is left as it is, and [`Store::rebuild_roster`] starts over.
    pub fn roster(&self, tenant: &TenantId) -> Result<Option<Roster>, StoreError> {
        Journal::require(&self.db, tenant)?;
        let file = self.roster_file(tenant)?;
        match kept(&self.db, tenant)? {
            Some(kept) => open(&file, tenant, &kept).map(Some),
            None if file.exists() => Err(trouble(tenant, RosterTrouble::KeyAbsent)),
            None => Ok(None),
        }
    }

    /// The roster of a tenant, made where it has none yet.
    ///
    /// # Errors
    /// As [`Store::roster`]; what the file system reports.
    pub fn roster_or_new(&mut self, tenant: &TenantId) -> Result<Roster, StoreError> {
        match self.roster(tenant)? {
            Some(roster) => Ok(roster),
            None => self.make_roster(tenant, false, &mut || Ok(())),
        }
    }

    /// An empty roster under a new key in the place of whatever is there, to be loaded again from the
    /// service. The old key is destroyed.
    ///
    /// # Errors
    /// `unknown_tenant`; what the file system reports.
    pub fn rebuild_roster(&mut self, tenant: &TenantId) -> Result<Roster, StoreError> {
        self.make_roster(tenant, true, &mut || Ok(()))
    }

    fn make_roster(
        &mut self,
        tenant: &TenantId,
        replace: bool,
        step: Step<'_>,
    ) -> Result<Roster, StoreError> {
        let file = self.roster_file(tenant)?;
        let key = DataKey::random(self.entropy.as_mut())?;
        let unit = self.begin()?;
        Journal::require(&unit, tenant)?;
        // Another program may have just made it.
        let there = kept(&unit, tenant)?.filter(|_| !replace);
        let now = match there {
            Some(kept) => kept,
            None => {
                step()?;
                let salt = make(&file, &key)?;
                step()?;
                unit.execute("DELETE FROM roster_states WHERE tenant = ?1", [tenant.as_str()])?;
                unit.execute(
                    "INSERT OR REPLACE INTO rosters (tenant, key, salt) VALUES (?1, ?2, ?3)",
                    params![tenant.as_str(), key.bytes(), salt],
                )?;
                Kept { key, salt }
            }
        };
        unit.commit()?;
        put_in_place(&file, &now, step)?;
        if replace {
            self.empty_log()?;
        }
        open(&file, tenant, &now)
    }

    /// Where a tenant's roster lies.
    fn roster_file(&self, tenant: &TenantId) -> Result<PathBuf, StoreError> {
        file_of(self.path(), tenant).ok_or_else(|| StoreError::UnknownTenant(tenant.clone()))
    }
}

/// Where a tenant's roster lies beside `database`; none for journals that are no tenants.
fn file_of(database: &Path, tenant: &TenantId) -> Option<PathBuf> {
    let name = tenant.as_str();
    let is_tenant = !name.starts_with('_') && !name.contains('/');
    is_tenant.then(|| database.with_file_name(FOLDER).join(format!("{name}.db")))
}

/// Removes what is left of a roster whose key is destroyed; says whether nothing is.
pub(crate) fn remove(database: &Path, tenant: &TenantId) -> bool {
    let Some(file) = file_of(database, tenant) else { return true };
    let fresh = beside(&file, ".new");
    let removed = [&fresh, &file].map(|file| remove_parts(file).is_ok());
    removed == [true; 2]
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove_parts(file: &Path) -> Result<(), StoreError> {
    // The database last: without it nothing is taken for a roster.
    for part in PARTS.iter().rev() {
        match fs::remove_file(beside(file, part)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn kept(db: &Connection, tenant: &TenantId) -> Result<Option<Kept>, StoreError> {
    let row = db
        .prepare_cached("SELECT key, salt FROM rosters WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |row| Ok((Zeroizing::new(row.get::<_, [u8; 32]>(0)?), row.get(1)?)))
        .optional()?;
    Ok(row.map(|(key, salt)| Kept { key: DataKey::new(*key), salt }))
}

/// Makes an empty roster beside its place; answers what the file starts with.
fn make(file: &Path, key: &DataKey) -> Result<Vec<u8>, StoreError> {
    let fresh = beside(file, ".new");
    if let Some(folder) = file.parent() {
        create_private_dir(folder)?;
    }
    remove_parts(&fresh)?;
    drop(write_new(&fresh)?);
    let db = connect(&fresh, key)?;
    migrate(&db, MIGRATIONS)?;
    db.close().map_err(|(_, error)| error)?;
    File::open(&fresh)?.sync_all()?;
    file.parent().map_or(Ok(()), sync_dir)?;
    salt(&fresh)
}

/// Moves a new file to its place, if its key is the one that is kept.
fn put_in_place(file: &Path, kept: &Kept, step: Step<'_>) -> Result<(), StoreError> {
    let fresh = beside(file, ".new");
    if !fresh.exists() || salt(&fresh)? != kept.salt {
        return Ok(());
    }
    step()?;
    remove_parts(file)?;
    step()?;
    match fs::rename(&fresh, file) {
        // Another program was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.exists() => {}
        moved => moved?,
    }
    file.parent().map_or(Ok(()), sync_dir)
}

fn salt(file: &Path) -> Result<Vec<u8>, StoreError> {
    let mut salt = Vec::with_capacity(SALT);
    File::open(file)?.take(SALT as u64).read_to_end(&mut salt)?;
    Ok(salt)
}

fn open(file: &Path, tenant: &TenantId, kept: &Kept) -> Result<Roster, StoreError> {
    put_in_place(file, kept, &mut || Ok(()))?;
    if !file.exists() {
        return Err(trouble(tenant, RosterTrouble::Missing));
    }
    let salt = salt(file)?;
    if salt.len() < SALT {
        return Err(trouble(tenant, RosterTrouble::Damaged("the file is cut off".into())));
    }
    if salt != kept.salt {
        return Err(trouble(tenant, RosterTrouble::KeyWrong));
    }
    let ready = || {
        let db = connect(file, &kept.key)?;
        whole(&db, file)?;
        migrate(&db, MIGRATIONS)?;
        if latest(&db)?.is_some() {
            with_log_unless_busy(&db)?;
        }
        Ok(db)
    };
    let db = ready().map_err(|error| named(tenant, error))?;
    Ok(Roster { db, tenant: tenant.clone() })
}

/// A roster begins without a write-ahead log: its first revision, mostly the largest, is written to its place
/// at once, and a power cut before its end brings back what was there, which is nothing.
fn connect(file: &Path, key: &DataKey) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    unlock(&db, key)?;
    // Without a log a commit is the end of a journal, which must not come back after a power cut.
    db.pragma_update(None, "synchronous", "EXTRA")?;
    // What is deleted with the key need not be overwritten before.
    db.pragma_update(None, "secure_delete", false)?;
    // A large import leaves a large log behind, which is cut when it is used again.
    db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    Ok(db)
}

/// Gives a roster that has a revision its log. Where somebody reads it just now, that waits for another time.
pub(super) fn with_log_unless_busy(db: &Connection) -> Result<(), StoreError> {
    match with_log(db) {
        Err(StoreError::Busy) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;
    use crate::roster::Revision;

    fn tenant() -> TenantId {
        "t1".parse().unwrap()
    }

    fn store(dir: &Path) -> Store {
        let path = dir.join("cairn.db");
        let key = DataKey::new([7; 32]);
        if path.exists() {
            return Store::open(&path, &key, SystemEntropy).unwrap();
        }
        let store = Store::create(&path, &key, SystemEntropy).unwrap();
        store
            .db
            .execute(
                "INSERT INTO journals VALUES ('t1', 'team', 0, zeroblob(32), zeroblob(32), zeroblob(32), ?1, 1, NULL, ?2, 0, 0)",
                ["{\"client\":\"\",\"team\":\"\"}", "2026-03-02T12:00:00Z"],
            )
            .unwrap();
        store
    }

    /// The last revision; none where there is no roster.
    fn latest(store: &Store) -> Option<u64> {
        let roster = store.roster(&tenant()).unwrap()?;
        roster.verify().unwrap();
        Some(roster.latest().unwrap().map_or(0, |last| last.number))
    }

    #[test]
    fn a_power_cut_while_a_roster_is_made_leaves_the_old_one_or_an_empty_one() {
        for replace in [false, true] {
            let mut cuts = 0;
            for after in 0.. {
                let dir = tempfile::tempdir().unwrap();
                let mut one = store(dir.path());
                if replace {
                    let mut roster = one.roster_or_new(&tenant()).unwrap();
                    let put = |writer: &mut crate::roster::Writer<'_>| writer.put("users", "u1", &[]);
                    roster.apply(Revision { number: 1, import: "x" }, put).unwrap();
                }
                let old = latest(&one);
                let mut left = after;
                let made = one.make_roster(&tenant(), replace, &mut || {
                    left -= 1;
                    if left < 0 { Err(StoreError::DiskFull) } else { Ok(()) }
                });
                let is_made = made.is_ok();
                drop((made, one));
                let mut again = store(dir.path());
                let found = latest(&again);
                assert!(found == old || found == Some(0), "cut at {after}: {found:?}");
                assert!(!is_made || found == Some(0));
                again.roster_or_new(&tenant()).unwrap();
                again.rebuild_roster(&tenant()).unwrap();
                assert_eq!(latest(&again), Some(0));
                if is_made {
                    break;
                }
                cuts += 1;
            }
            assert_eq!(cuts, 4);
        }
    }

    fn journal_mode(roster: &Roster) -> String {
        roster.db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_crash_while_the_first_revision_is_written_leaves_an_empty_roster() {
        let (dir, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (key, path) = (DataKey::new([7; 32]), dir.path().join("roster.db"));
        let mut roster = Roster::cached(&path, &tenant(), &key).unwrap();
        let kept = Kept { key: key.clone(), salt: salt(&path).unwrap() };
        let empty = fs::metadata(&path).unwrap().len();
        assert_eq!(journal_mode(&roster), "delete");
        // Little is held in memory, so that much is written before the commit.
        roster.db.pragma_update(None, "cache_size", 10).unwrap();
        let mut grown = 0;
        let copied = crashed.path().join("roster.db");
        let crash = |writer: &mut crate::roster::Writer<'_>| {
            for n in 0..4_000 {
                writer.put("users", &format!("u{n:05}"), &[("name", "somebody of the school")])?;
                if n % 400 == 0 {
                    remove_parts(&copied)?;
                    for part in PARTS.iter().filter(|part| beside(&path, part).exists()) {
                        fs::copy(beside(&path, part), beside(&copied, part))?;
                    }
                    grown += u32::from(fs::metadata(&copied)?.len() > empty);
                    let found = open(&copied, &tenant(), &kept)?;
                    assert!(found.latest()?.is_none() && found.counts()?.is_empty());
                    found.verify()?;
                }
            }
            Ok::<(), StoreError>(())
        };
        roster.apply(Revision { number: 1, import: "x" }, crash).unwrap();
        assert!(grown > 5, "written before the commit in {grown} of 10");
        assert_eq!((journal_mode(&roster).as_str(), beside(&path, "-journal").exists()), ("wal", false));
        let again = open(&path, &tenant(), &kept).unwrap();
        assert_eq!(again.latest().unwrap().map(|last| last.number), Some(1));
    }

    #[test]
    fn a_roster_that_is_read_when_its_first_revision_ends_gets_its_log_later() {
        let dir = tempfile::tempdir().unwrap();
        let (key, path) = (DataKey::new([7; 32]), dir.path().join("roster.db"));
        let mut roster = Roster::cached(&path, &tenant(), &key).unwrap();
        let kept = Kept { key, salt: salt(&path).unwrap() };
        let put = |writer: &mut crate::roster::Writer<'_>| writer.put("users", "u1", &[]);
        let revision = Revision { number: 1, import: "x" };
        let reader = open(&path, &tenant(), &kept).unwrap();
        for db in [&roster.db, &reader.db] {
            db.busy_timeout(std::time::Duration::ZERO).unwrap();
        }
        reader.db.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
        assert!(matches!(roster.apply(revision, put), Err(StoreError::Busy)), "a reader keeps it out");
        reader.db.execute_batch("COMMIT").unwrap();
        roster.apply(revision, put).unwrap();
        roster.db.pragma_update(None, "journal_mode", "DELETE").unwrap();
        reader.db.execute_batch("BEGIN; SELECT count(*) FROM records").unwrap();
        with_log_unless_busy(&roster.db).unwrap();
        assert_eq!(journal_mode(&roster), "delete");
        reader.db.execute_batch("COMMIT").unwrap();
        assert_eq!(journal_mode(&open(&path, &tenant(), &kept).unwrap()), "wal");
    }
}
