//! Writers of one SQLite file share commits: whoever writes while others wait for their turn leaves the
//! transaction open for them, and the last one commits for all. A commit waits for the disk, so many
//! requests at once would otherwise wait for it one after the other.
//!
//! Each step is whole or undone by itself, and nobody is answered before the commit that holds its work.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::Mode;
use super::sqlite::lock;
use crate::error::{Error, Result};

/// The most steps that one commit waits for.
const MOST: usize = 64;

/// SQLite takes one writer at a time; waiting for the lock here is fairer than asking the file again
/// and again.
pub(super) struct Writers {
    inner: Mutex<Inner>,
    /// How many wait for the lock. Each takes it, so each can be left to commit.
    waiting: AtomicUsize,
}

struct Inner {
    journal: Connection,
    /// Its commits do not wait for the disk. Their order with the others' is kept, so a power cut
    /// takes away the newest of them and nothing else.
    memory: Connection,
    /// Whose steps are in the transaction that is open on `journal`.
    open: Option<Open>,
}

struct Open {
    steps: usize,
    group: Arc<Group>,
}

/// Those who wait for one commit.
#[derive(Default)]
struct Group {
    ended: Mutex<Option<Ended>>,
    told: Condvar,
}

/// How a commit ended; where it failed, why.
type Ended = std::result::Result<(), String>;

impl Group {
    fn wait(&self) -> Result<()> {
        let mut ended = lock(&self.ended);
        loop {
            match &*ended {
                Some(ended) => return ended.clone().map_err(Error::fault),
                None => ended = self.told.wait(ended).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn tell(&self, how: Ended) {
        *lock(&self.ended) = Some(how);
        self.told.notify_all();
    }
}

impl Writers {
    pub fn new(journal: Connection, memory: Connection) -> Self {
        let inner = Mutex::new(Inner { journal, memory, open: None });
        Self { inner, waiting: AtomicUsize::new(0) }
    }

    /// Runs a step that writes. [`Mode::Write`] returns once it is on the disk.
    pub fn transact(&self, mode: Mode, step: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut inner = lock(&self.inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if mode == Mode::Memory && inner.open.is_none() {
            let tx = begin(&mut inner.memory)?;
            step(&tx)?;
            return Ok(tx.commit()?);
        }
        let group = inner.join()?;
        let done = catch_unwind(AssertUnwindSafe(|| inner.part(step)));
        let done = match done {
            Ok(done) => done,
            Err(panic) => {
                self.leave(inner);
                resume_unwind(panic)
            }
        };
        self.leave(inner);
        done?;
        if mode == Mode::Memory { Ok(()) } else { group.wait() }
    }

    /// Commits, unless somebody waits who can do it.
    fn leave(&self, mut inner: MutexGuard<'_, Inner>) {
        let full = inner.open.as_ref().is_none_or(|open| open.steps >= MOST);
        if full || self.waiting.load(Ordering::SeqCst) == 0 {
            inner.commit();
        }
    }
}

fn begin(db: &mut Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
}

impl Inner {
    /// Goes into the open transaction, or opens one.
    fn join(&mut self) -> Result<Arc<Group>> {
        if let Some(open) = &mut self.open {
            open.steps += 1;
            return Ok(open.group.clone());
        }
        self.journal.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let group = Arc::<Group>::default();
        self.open = Some(Open { steps: 1, group: group.clone() });
        Ok(group)
    }

    /// Runs one step inside the open transaction; one that fails leaves nothing behind.
    fn part(&self, step: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let part = Part::begin(&self.journal)?;
        step(&self.journal)?;
        part.keep()
    }

    fn commit(&mut self) {
        let Some(Open { group, .. }) = self.open.take() else { return };
        let commit = || self.journal.prepare_cached("COMMIT")?.execute([]);
        let ended = commit();
        if ended.is_err() {
            // Where this fails SQLite has undone everything already.
            let _ = self.journal.execute_batch("ROLLBACK");
        }
        group.tell(ended.map(drop).map_err(|error| error.to_string()));
    }
}

/// A part of a transaction that is undone unless it is kept.
struct Part<'c> {
    db: &'c Connection,
    open: bool,
}

impl<'c> Part<'c> {
    fn begin(db: &'c Connection) -> Result<Self> {
        db.prepare_cached("SAVEPOINT step")?.execute([])?;
        Ok(Self { db, open: true })
    }

    fn keep(mut self) -> Result<()> {
        self.db.prepare_cached("RELEASE step")?.execute([])?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.open {
            // Where it fails SQLite has undone everything already, and the commit fails for all.
            let _ = self.db.execute_batch("ROLLBACK TO step; RELEASE step");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Barrier;

    use super::*;

    fn writers(file: &std::path::Path) -> Writers {
        let open = || {
            let db = Connection::open(file).unwrap();
            db.pragma_update(None, "journal_mode", "WAL").unwrap();
            db.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY)").unwrap();
            db
        };
        Writers::new(open(), open())
    }

    fn insert(db: &Connection, n: usize) -> Result<()> {
        db.execute("INSERT INTO t VALUES (?1)", [n])?;
        Ok(())
    }

    /// Every answered write is there, every failed one is not, whoever shared its commit.
    #[test]
    fn steps_share_commits_and_fail_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.db");
        let (writers, threads, each) = (writers(&file), 8, 50);
        let start = Barrier::new(threads);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (writers, start, file) = (&writers, &start, &file);
                scope.spawn(move || {
                    start.wait();
                    let other = Connection::open(file).unwrap();
                    for n in (0..each).map(|n| n * threads + thread) {
                        let mode = if n % 5 == 0 { Mode::Memory } else { Mode::Write };
                        let fails = n % 7 == 0;
                        let done = writers.transact(mode, |db| {
                            insert(db, n)?;
                            if fails { Err(Error::fault("on purpose")) } else { Ok(()) }
                        });
                        assert_eq!(done.is_err(), fails);
                        if mode == Mode::Write {
                            let there = other.prepare("SELECT 1 FROM t WHERE n = ?1").unwrap().exists([n]);
                            assert_eq!(there.unwrap(), !fails, "{n}");
                        }
                    }
                });
            }
        });
        let count: usize = Connection::open(&file)
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, (0..threads * each).filter(|n| n % 7 != 0).count());
    }

    #[test]
    fn a_step_that_panics_leaves_the_others_their_commit() {
        let dir = tempfile::tempdir().unwrap();
        let writers = writers(&dir.path().join("t.db"));
        let died = catch_unwind(AssertUnwindSafe(|| {
            writers.transact(Mode::Write, |db| {
                insert(db, 1)?;
                panic!("on purpose")
            })
        }));
        assert!(died.is_err());
        writers.transact(Mode::Write, |db| insert(db, 1)).unwrap();
    }
}
