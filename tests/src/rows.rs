//! Rows in an encrypted SQLite database: the plainest thing a power cut can take. The writer is the
//! program `row_writer`; the oracle is here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::Connection;

/// Key of these databases: raw, so that opening one costs no key derivation.
const KEY: &str = "x'2DD29CA851E7B56E4697B0E1F08507293D761A05CE4D1B628663F411A8086D99'";

/// SQLite's `synchronous` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Every commit reaches the disk before it returns: what the store uses.
    Full,
    /// Commits reach the disk at the next checkpoint: the control that has to lose rows.
    Normal,
}

impl Synchronous {
    /// The word for SQLite and for the command line of `row_writer`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }

    /// Pages of the log between checkpoints. With `FULL` few, so that cuts also fall into
    /// checkpoints; with `NORMAL` SQLite's default, because a checkpoint makes durable all it finds.
    fn checkpoint_pages(self) -> u32 {
        match self {
            Self::Full => 40,
            Self::Normal => 1_000,
        }
    }
}

impl FromStr for Synchronous {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "full" => Ok(Self::Full),
            "normal" => Ok(Self::Normal),
            _ => bail!("synchronous is full or normal, not {word}"),
        }
    }
}

/// Opens or makes the database in `folder`.
///
/// # Errors
/// The file cannot be opened, or is not encrypted with this key.
pub fn open(folder: &Path, synchronous: Synchronous) -> Result<Connection> {
    let database = Connection::open(file(folder))?;
    database.pragma_update(None, "key", KEY)?;
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", synchronous.word())?;
    database.pragma_update(None, "wal_autocheckpoint", synchronous.checkpoint_pages())?;
    database.execute_batch("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")?;
    Ok(database)
}

/// Writes rows for ever, each in a transaction of its own, and calls `acknowledge` after each
/// commit.
///
/// # Errors
/// The database or `acknowledge` failed: after a power cut, always.
pub fn write(database: &Connection, mut acknowledge: impl FnMut(i64) -> Result<()>) -> Result<()> {
    let newest: i64 = database.query_row("SELECT coalesce(max(id), 0) FROM rows", [], |row| row.get(0))?;
    for id in newest + 1.. {
        database.execute("INSERT INTO rows (id, text) VALUES (?1, ?2)", (id, text_of(id)))?;
        acknowledge(id)?;
    }
    Ok(())
}

/// How many of the `acknowledged` ids are not in the database in `folder`.
///
/// # Errors
/// The database is damaged, or a row is there with another text: no setting excuses that.
pub fn count_lost(folder: &Path, acknowledged: &[String]) -> Result<usize> {
    if !file(folder).exists() {
        return Ok(acknowledged.len());
    }
    let database = open(folder, Synchronous::Full)?;
    for check in ["integrity_check", "cipher_integrity_check"] {
        let mut statement = database.prepare(&format!("PRAGMA {check}"))?;
        let complaints: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        ensure!(complaints.iter().all(|complaint| complaint == "ok"), "{check}: {complaints:?}");
    }
    let mut statement = database.prepare("SELECT id, text FROM rows")?;
    let mut kept = BTreeSet::new();
    for row in statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))? {
        let (id, text) = row?;
        ensure!(text == text_of(id), "row {id} holds something else");
        kept.insert(id);
    }
    let acknowledged: Vec<i64> = acknowledged
        .iter()
        .map(|line| line.parse().with_context(|| format!("{line:?} is no row")))
        .collect::<Result<_>>()?;
    Ok(acknowledged.iter().filter(|id| !kept.contains(id)).count())
}

fn file(folder: &Path) -> PathBuf {
    folder.join("rows.db")
}

/// A text that differs per row and sometimes needs more than one page.
fn text_of(id: i64) -> String {
    let times = usize::try_from(id.rem_euclid(97)).unwrap_or_default() * 8;
    format!("row {id};").repeat(times + 1)
}
