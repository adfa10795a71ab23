//! The references that are nothing but a database: rows of bytes and a commit.

use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, TransactionBehavior};

/// The key of bare databases.
const KEY: [u8; 32] = [9; 32];

/// A database with one table of bytes, as durable as a laptop's: WAL and `synchronous=FULL`.
pub struct Bare(Connection);

impl Bare {
    /// Encrypted by SQLCipher as a laptop's is.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn encrypted(path: &Path) -> Result<Self> {
        Self::open(path, Some(&KEY))
    }

    /// The same build without a key: plain SQLite.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn plain(path: &Path) -> Result<Self> {
        Self::open(path, None)
    }

    fn open(path: &Path, key: Option<&[u8; 32]>) -> Result<Self> {
        let db = connect(path, key)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT",
        )?;
        Ok(Self(db))
    }

    /// Adds rows, saved when it returns.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn append(&self, rows: &[Vec<u8>]) -> Result<()> {
        let tx = rusqlite::Transaction::new_unchecked(&self.0, TransactionBehavior::Immediate)?;
        let mut insert = tx.prepare_cached("INSERT INTO bare (content) VALUES (?1)")?;
        for row in rows {
            insert.execute([row])?;
        }
        drop(insert);
        Ok(tx.commit()?)
    }

    fn after(&self, id: i64) -> Result<Vec<Vec<u8>>> {
        let mut select = self.0.prepare_cached("SELECT content FROM bare WHERE id > ?1 ORDER BY id")?;
        Ok(select.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    fn last(&self) -> Result<i64> {
        Ok(self.0.query_row("SELECT coalesce(max(id), 0) FROM bare", [], |row| row.get(0))?)
    }
}

/// A database file with a key, or without one.
///
/// # Errors
/// Whatever the database reports.
pub fn connect(path: &Path, key: Option<&[u8; 32]>) -> Result<Connection> {
    let db = Connection::open(path)?;
    if let Some(key) = key {
        db.execute_batch(&format!("PRAGMA key = \"{}\"; PRAGMA cipher_log_level = NONE", raw_key(key)))?;
    }
    Ok(db)
}

/// A key as SQLCipher takes it without deriving another from it.
pub fn raw_key(key: &[u8; 32]) -> String {
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}

/// The floor under any synchronisation: the same bytes in one request each way, each into raw
/// SQLCipher with FULL. No signatures, no order, no rules, no compression.
pub struct Floor {
    server: SocketAddr,
    receiver: Bare,
}

/// What a request to the floor's server begins with.
const PUT: u8 = b'P';
const GET: u8 = b'G';

impl Floor {
    /// A server and a receiver with empty databases under `folder`.
    ///
    /// # Errors
    /// Faults of the file system; no port is free.
    pub fn under(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = listener.local_addr()?;
        let file: PathBuf = folder.join("server.db");
        let database = Bare::encrypted(&file)?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away notices by itself.
                let _ = answer(&database, &stream);
            }
        });
        Ok(Self { server, receiver: Bare::encrypted(&folder.join("receiver.db"))? })
    }

    /// Carries rows to the server.
    ///
    /// # Errors
    /// The server does not take them.
    pub fn up(&self, rows: &[Vec<u8>]) -> Result<()> {
        let stream = self.connect()?;
        let mut out = BufWriter::new(&stream);
        out.write_all(&[PUT])?;
        write_rows(&mut out, rows)?;
        out.flush()?;
        let mut said = [0; 1];
        (&stream).read_exact(&mut said)?;
        ensure!(said == [PUT], "the floor's server did not take the rows");
        Ok(())
    }

    /// Carries what is new from the server to the receiver. Returns how many rows.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn down(&self) -> Result<usize> {
        let stream = self.connect()?;
        let mut out = &stream;
        let mut question = vec![GET];
        question.extend(self.receiver.last()?.to_be_bytes());
        out.write_all(&question)?;
        let rows = read_rows(&mut BufReader::new(&stream))?;
        self.receiver.append(&rows)?;
        Ok(rows.len())
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.server).context("the floor's server is not there")?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn answer(database: &Bare, stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let mut kind = [0; 1];
    input.read_exact(&mut kind)?;
    if kind == [PUT] {
        database.append(&read_rows(&mut input)?)?;
        let mut out = stream;
        return Ok(out.write_all(&[PUT])?);
    }
    let mut after = [0; 8];
    input.read_exact(&mut after)?;
    let mut out = BufWriter::new(stream);
    write_rows(&mut out, &database.after(i64::from_be_bytes(after))?)?;
    Ok(out.flush()?)
}

fn write_rows(out: &mut impl Write, rows: &[Vec<u8>]) -> Result<()> {
    out.write_all(&u32::try_from(rows.len())?.to_be_bytes())?;
    for row in rows {
        out.write_all(&u32::try_from(row.len())?.to_be_bytes())?;
        out.write_all(row)?;
    }
    Ok(())
}

fn read_rows(input: &mut impl Read) -> Result<Vec<Vec<u8>>> {
    let count = read_number(input)?;
    (0..count)
        .map(|_| {
            let mut row = vec![0; usize::try_from(read_number(input)?)?];
            input.read_exact(&mut row)?;
            Ok(row)
        })
        .collect()
}

fn read_number(input: &mut impl Read) -> Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_up_comes_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let floor = Floor::under(folder.path()).unwrap();
        floor.up(&[b"one".to_vec(), b"two".to_vec()]).unwrap();
        assert_eq!(floor.down().unwrap(), 2);
        assert_eq!(floor.down().unwrap(), 0);
        assert_eq!(floor.receiver.after(1).unwrap(), [b"two".to_vec()]);
    }
}
