//! Sorting more than memory should hold: what does not fit lies in scratch files, encrypted under a
//! key that is kept nowhere, until it is merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};

use crate::error::{ImportError, Result};

/// Where a large import is sorted.
#[derive(Clone)]
pub struct Scratch {
    /// A folder that nobody else uses. What is left in it by a program that was killed is noise, and
    /// the next one writes over it.
    pub folder: PathBuf,
    /// 32 random bytes, new for each import.
    pub key: [u8; 32],
    /// Bytes that are held in memory before something is written to the folder.
    pub budget: usize,
}

/// What is held in memory at most, unless somebody says otherwise.
pub const SCRATCH_BUDGET: usize = 32 << 20;

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Bytes that are encrypted in one piece; a longer item makes a longer piece.
const BLOCK: usize = 256 << 10;
/// The longest piece that is read back.
const MOST_BLOCK: usize = 1 << 30;

/// An item in memory: where it starts, how long its key is, and how long its value.
#[derive(Clone, Copy)]
struct Item {
    at: usize,
    key: usize,
    value: usize,
}

impl Item {
    fn key(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.at..self.at + self.key).unwrap_or_default()
    }

    fn value(self, bytes: &[u8]) -> &[u8] {
        let from = self.at + self.key;
        bytes.get(from..from + self.value).unwrap_or_default()
    }
}

/// Takes items in any order and gives them back by key.
pub(crate) struct Sorter {
    folder: PathBuf,
    cipher: ChaCha20Poly1305,
    budget: usize,
    bytes: Vec<u8>,
    items: Vec<Item>,
    runs: Vec<Run>,
}

impl Sorter {
    pub fn new(scratch: &Scratch) -> Self {
        Self {
            folder: scratch.folder.clone(),
            cipher: ChaCha20Poly1305::new(&Key::from(scratch.key)),
            budget: scratch.budget,
            bytes: Vec::new(),
            items: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let held = self.bytes.len() + self.items.len() * size_of::<Item>();
        if held + key.len() + value.len() > self.budget && !self.items.is_empty() {
            self.spill()?;
        }
        self.items.push(Item { at: self.bytes.len(), key: key.len(), value: value.len() });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    /// Gives all items by key; those with equal keys in no certain order.
    pub fn each(mut self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            self.sort();
            return self
                .items
                .iter()
                .try_for_each(|item| visit(item.key(&self.bytes), item.value(&self.bytes)));
        }
        self.spill()?;
        (self.bytes, self.items) = (Vec::new(), Vec::new());
        let mut cursors = Vec::new();
        let mut heads = BinaryHeap::new();
        for (number, run) in self.runs.iter().enumerate() {
            let mut cursor = Cursor::open(run, number, &self.cipher)?;
            if cursor.advance()? {
                heads.push(Reverse((cursor.key().to_vec(), number)));
            }
            cursors.push(cursor);
        }
        while let Some(Reverse((mut key, number))) = heads.pop() {
            let Some(cursor) = cursors.get_mut(number) else { continue };
            visit(&key, cursor.value())?;
            if cursor.advance()? {
                key.clear();
                key.extend_from_slice(cursor.key());
                heads.push(Reverse((key, number)));
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.items.sort_unstable_by(|a, b| a.key(bytes).cmp(b.key(bytes)));
    }

    /// Writes what is in memory to a file of its own.
    fn spill(&mut self) -> Result<()> {
        self.sort();
        let number = self.runs.len();
        let run = Run { path: self.folder.join(format!("{number}.scratch")) };
        let written = self.write(&run.path, number);
        self.runs.push(run);
        written?;
        self.bytes.clear();
        self.items.clear();
        Ok(())
    }

    fn write(&self, path: &Path, number: usize) -> Result<()> {
        let mut file = BufWriter::new(create(path).map_err(|error| failed(path, &error))?);
        let (mut block, mut count) = (Vec::with_capacity(BLOCK), 0);
        for item in &self.items {
            for length in [item.key, item.value] {
                block.extend_from_slice(&(length as u64).to_le_bytes());
            }
            block.extend_from_slice(item.key(&self.bytes));
            block.extend_from_slice(item.value(&self.bytes));
            if block.len() >= BLOCK {
                self.seal(&mut file, path, &block, (number, count))?;
                block.clear();
                count += 1;
            }
        }
        if !block.is_empty() {
            self.seal(&mut file, path, &block, (number, count))?;
        }
        file.flush().map_err(|error| failed(path, &error))
    }

    fn seal(&self, file: &mut impl Write, path: &Path, block: &[u8], at: (usize, u64)) -> Result<()> {
        let sealed = self.cipher.encrypt(&nonce(at), block).map_err(|_| broken(path))?;
        let length = (sealed.len() as u64).to_le_bytes();
        file.write_all(&length).and_then(|()| file.write_all(&sealed)).map_err(|error| failed(path, &error))
    }
}

/// No two blocks under one key have the same.
pub(crate) fn nonce((run, block): (usize, u64)) -> Nonce {
    let mut nonce = Nonce::default();
    let bytes = (run as u32).to_le_bytes().into_iter().chain(block.to_le_bytes());
    nonce.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    nonce
}

/// A scratch file, removed when it is dropped.
pub(crate) struct Run {
    pub path: PathBuf,
}

impl Drop for Run {
    fn drop(&mut self) {
        // Without its key it is noise.
        let _ = fs::remove_file(&self.path);
    }
}

pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(crate) fn failed(path: &Path, error: &std::io::Error) -> ImportError {
    ImportError::io(&path.to_string_lossy(), error)
}

pub(crate) fn broken(path: &Path) -> ImportError {
    let reason = "it was changed while it was in use".to_owned();
    ImportError::Damaged { name: path.to_string_lossy().into_owned(), reason }
}

/// Reads a run, item by item.
struct Cursor<'s> {
    file: BufReader<File>,
    path: &'s Path,
    cipher: &'s ChaCha20Poly1305,
    run: usize,
    block: u64,
    plain: Vec<u8>,
    item: Item,
}

impl<'s> Cursor<'s> {
    fn open(run: &'s Run, number: usize, cipher: &'s ChaCha20Poly1305) -> Result<Self> {
        let file = File::open(&run.path).map_err(|error| failed(&run.path, &error))?;
        let item = Item { at: 0, key: 0, value: 0 };
        let file = BufReader::new(file);
        Ok(Self { file, path: &run.path, cipher, run: number, block: 0, plain: Vec::new(), item })
    }

    fn key(&self) -> &[u8] {
        self.item.key(&self.plain)
    }

    fn value(&self) -> &[u8] {
        self.item.value(&self.plain)
    }

    /// Goes to the next item; false at the end.
    fn advance(&mut self) -> Result<bool> {
        let mut at = self.item.at + self.item.key + self.item.value;
        if at >= self.plain.len() {
            if !self.read_block()? {
                return Ok(false);
            }
            at = 0;
        }
        let length = |from: usize| {
            let bytes = self.plain.get(from..from + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        let lengths = length(at).zip(length(at + 8));
        let (key, value) = lengths.ok_or_else(|| broken(self.path))?;
        self.item = Item { at: at + 16, key, value };
        Ok(true)
    }

    fn read_block(&mut self) -> Result<bool> {
        let mut length = [0; 8];
        match self.file.read_exact(&mut length) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read.map_err(|error| failed(self.path, &error))?,
        }
        let length = u64::from_le_bytes(length) as usize;
        if length > MOST_BLOCK {
            return Err(broken(self.path));
        }
        let mut sealed = vec![0; length];
        self.file.read_exact(&mut sealed).map_err(|error| failed(self.path, &error))?;
        let at = (self.run, self.block);
        self.plain = self.cipher.decrypt(&nonce(at), sealed.as_slice()).map_err(|_| broken(self.path))?;
        self.block += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    fn sorted(items: &[(Vec<u8>, Vec<u8>)], budget: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let dir = TempDir::new().unwrap();
        let scratch = Scratch { folder: dir.path().to_owned(), key: [1; 32], budget };
        let mut sorter = Sorter::new(&scratch);
        for (key, value) in items {
            sorter.push(key, value).unwrap();
        }
        let mut all = Vec::new();
        sorter
            .each(|key, value| {
                all.push((key.to_vec(), value.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "scratch files are removed");
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_items_come_back_by_key_however_little_memory_there_is(
            items in prop::collection::btree_map(any::<Vec<u8>>(), any::<Vec<u8>>(), 0..60),
            budget in 0..3_000usize,
        ) {
            let expected: Vec<_> = items.clone().into_iter().collect();
            let mut mixed = expected.clone();
            mixed.reverse();
            prop_assert_eq!(sorted(&mixed, budget), expected);
        }
    }

    #[test]
    fn blocks_follow_one_another() {
        let item = |n: u32| (n.to_be_bytes().to_vec(), vec![7; 50_000]);
        let items: Vec<_> = (0..40).map(item).collect();
        assert_eq!(sorted(&items, 1 << 20), items);
    }

    #[test]
    fn scratch_files_tell_nothing_and_are_checked() {
        let dir = TempDir::new().unwrap();
        let scratch = Scratch { folder: dir.path().to_owned(), key: [1; 32], budget: 100 };
        let spoil = |spoil: &dyn Fn(Vec<u8>) -> Vec<u8>| {
            let mut sorter = Sorter::new(&scratch);
            for n in 0..9u8 {
                sorter.push(&[n], b"a secret name of a pupil").unwrap();
            }
            let path = dir.path().join("0.scratch");
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"secret"));
            fs::write(&path, spoil(bytes)).unwrap();
            sorter.each(|_, _| Ok(())).map_err(|error| error.code())
        };
        assert_eq!(spoil(&|bytes| bytes), Ok(()));
        assert_eq!(
            spoil(&|mut bytes| {
                bytes[20] ^= 1;
                bytes
            }),
            Err("import_damaged")
        );
        assert_eq!(
            spoil(&|mut bytes| {
                bytes[7] ^= 1;
                bytes
            }),
            Err("import_damaged")
        );
        assert_eq!(spoil(&|bytes| bytes[..30].to_vec()), Err("import_unreadable"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
