//! Transactions of the store, and several of them as one.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rusqlite::Connection;

use crate::{Store, StoreError};

/// A transaction: all of it is saved by [`Unit::commit`], or none. Inside [`Store::at_once`] it is a part
/// of that one, as whole or undone by itself as any other.
pub(crate) struct Unit<'c> {
    db: &'c Connection,
    part: bool,
    open: bool,
}

impl<'c> Unit<'c> {
    /// Begins one that may write. Taken at once, so that two writers queue up.
    pub fn begin(db: &'c Connection, part: bool) -> Result<Self, StoreError> {
        db.prepare_cached(if part { "SAVEPOINT part" } else { "BEGIN IMMEDIATE" })?.execute([])?;
        Ok(Self { db, part, open: true })
    }

    pub fn commit(mut self) -> Result<(), StoreError> {
        self.db.prepare_cached(if self.part { "RELEASE part" } else { "COMMIT" })?.execute([])?;
        self.open = false;
        Ok(())
    }
}

/// While it lives, commits of a connection do not wait for the disk.
struct Light<'c>(&'c Connection);

impl<'c> Light<'c> {
    fn begin(db: &'c Connection) -> Result<Self, StoreError> {
        db.pragma_update(None, "synchronous", "NORMAL")?;
        Ok(Self(db))
    }
}

impl Drop for Light<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.pragma_update(None, "synchronous", "FULL") {
            tracing::error!(%error, "commits do not wait for the disk any more");
        }
    }
}

impl Deref for Unit<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.db
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        if self.open {
            // Where it fails SQLite has undone everything already.
            let undo = if self.part { "ROLLBACK TO part; RELEASE part" } else { "ROLLBACK" };
            let _ = self.db.execute_batch(undo);
        }
    }
}

impl Store {
    /// Starts a transaction that may write.
    pub(crate) fn begin(&self) -> Result<Unit<'_>, StoreError> {
        Unit::begin(&self.db, self.at_once)
    }

    /// Saves something that a power cut may take back: its commit does not wait for the disk. What is saved
    /// after it, and waits, brings it there too; the order of both is kept.
    pub(crate) fn lightly(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Whoever saves several things at once waits for all of them.
        let _light = if self.at_once { None } else { Some(Light::begin(&self.db)?) };
        let tx = self.begin()?;
        work(&tx)?;
        tx.commit()
    }

    /// Lets `work` save several things that wait for the disk once, at its end. Each is whole or undone
    /// by itself, and what was done before something failed is kept, as if each had been saved alone.
    ///
    /// Others wait while it runs, so it is for little work.
    ///
    /// # Errors
    /// Whatever the database reports; then nothing of it is saved.
    pub fn at_once<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Result<T, StoreError> {
        if self.at_once {
            return Ok(work(self));
        }
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        self.at_once = true;
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.at_once = false;
        let done = match done {
            Ok(done) => done,
            Err(panic) => {
                let _ = self.db.execute_batch("ROLLBACK");
                resume_unwind(panic)
            }
        };
        if let Err(error) = self.db.execute_batch("COMMIT") {
            let _ = self.db.execute_batch("ROLLBACK");
            // What was read from the transaction counts no more.
            self.reload_identity()?;
            return Err(error.into());
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn commits_wait_for_the_disk_again_after_light_ones() {
        let db = Connection::open_in_memory().unwrap();
        let waits = || db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        {
            let _light = Light::begin(&db).unwrap();
            assert_eq!(waits(), 1);
            let _undone = Unit::begin(&db, false).unwrap();
        }
        assert_eq!(waits(), 2);
    }
}
