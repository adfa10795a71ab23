//! Migrations: plain SQL files, each applied once in a transaction of its own.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::StoreError;

/// The migrations in order; the schema's number is how many were applied.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../../../../migrations/client/0001_journal.sql"),
    include_str!("../../../../migrations/client/0002_notices.sql"),
    include_str!("../../../../migrations/client/0003_history_and_summaries.sql"),
    include_str!("../../../../migrations/client/0004_rosters.sql"),
    include_str!("../../../../migrations/client/0005_mappings.sql"),
    include_str!("../../../../migrations/client/0006_imports.sql"),
    include_str!("../../../../migrations/client/0007_fewer_indexes.sql"),
];

/// The newest schema this code knows.
pub const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Applies those of `migrations` that the database has not seen.
///
/// # Errors
/// [`StoreError::Newer`] where a newer Cairn made it; nothing is changed then.
pub(crate) fn migrate(db: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let known = migrations.len() as u32;
    while version(db)? < known {
        step(db, migrations)?;
    }
    let found = version(db)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    Ok(())
}

fn version(db: &Connection) -> Result<u32, StoreError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn step(db: &Connection, migrations: &[&str]) -> Result<(), StoreError> {
    let tx = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have just done it.
    let at = version(&tx)?;
    if let Some(sql) = migrations.get(at as usize) {
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", at + 1)?;
    }
    Ok(tx.commit()?)
}
