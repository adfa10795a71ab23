//! Sorting more than memory should hold: what does not fit lies in scratch files, encrypted under a
//! key that is kept nowhere, until it is merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};

use crate::ahead::{Give, ahead};
use crate::error::{ImportError, Result};

/// Where a large import is sorted.
#[derive(Clone)]
pub struct Scratch {
    /// A folder that nobody else uses. What is left in it by a program that was killed is noise, and
    /// the next one writes over it.
    pub folder: PathBuf,
    /// 32 random bytes, new for each import.
    pub key: [u8; 32],
    /// Bytes that are held in memory: half of them are filled, while the other half is sorted and
    /// written to the folder.
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

/// Bytes of items that are merged at once.
const MERGED: usize = 256 << 10;

/// An item in memory: where it starts, how long its key is, and how long its value.
#[derive(Clone, Copy)]
struct Item {
    /// How its key begins: mostly enough to tell two apart without a look at them.
    begins: u64,
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

/// The first eight bytes of a key as a number, of which the order is the same.
fn begins(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    u64::from_be_bytes(first)
}

/// Items in memory.
#[derive(Default)]
struct Items {
    bytes: Vec<u8>,
    items: Vec<Item>,
}

impl Items {
    /// An empty one that will hold about as much.
    fn another(&self) -> Self {
        Self {
            bytes: Vec::with_capacity(self.bytes.capacity()),
            items: Vec::with_capacity(self.items.capacity()),
        }
    }

    fn held(&self) -> usize {
        self.bytes.len() + self.items.len() * size_of::<Item>()
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        let at = self.bytes.len();
        self.items.push(Item { begins: begins(key), at, key: key.len(), value: value.len() });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.items
            .sort_unstable_by(|a, b| a.begins.cmp(&b.begins).then_with(|| a.key(bytes).cmp(b.key(bytes))));
    }

    fn each(&self, visit: &mut impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        self.items.iter().try_for_each(|item| visit(item.key(&self.bytes), item.value(&self.bytes)))
    }
}

/// Takes items in any order and gives them back by key.
pub(crate) struct Sorter {
    folder: PathBuf,
    cipher: ChaCha20Poly1305,
    /// What is held at most before it is written, while as much may be on its way to the disk.
    budget: usize,
    items: Items,
    runs: Vec<Run>,
    spill: Spill,
}

impl Sorter {
    pub fn new(scratch: &Scratch) -> Self {
        Self {
            folder: scratch.folder.clone(),
            cipher: ChaCha20Poly1305::new(&Key::from(scratch.key)),
            budget: scratch.budget / 2,
            items: Items::default(),
            runs: Vec::new(),
            spill: Spill(None),
        }
    }

    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if self.items.held() + key.len() + value.len() > self.budget && !self.items.items.is_empty() {
            self.spill()?;
        }
        self.items.push(key, value);
        Ok(())
    }

    /// Gives all items by key; those with equal keys in no certain order.
    pub fn each(mut self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() && self.spill.0.is_none() {
            self.items.sort();
            return self.items.each(&mut visit);
        }
        self.spill()?;
        self.written()?;
        self.items = Items::default();
        let (runs, cipher) = (&self.runs, &self.cipher);
        ahead(|give| merge(runs, cipher, give), |items: Items| items.each(&mut visit))
    }

    /// Lets a thread write what is in memory to a file of its own.
    fn spill(&mut self) -> Result<()> {
        let spare = self.written()?;
        let items = std::mem::replace(&mut self.items, spare);
        let number = self.runs.len();
        let run = Run { path: self.folder.join(format!("{number}.scratch")) };
        self.spill = Spill::start(items, run, number, self.cipher.clone())?;
        Ok(())
    }

    /// Waits for what is on its way to the disk; answers its memory, empty.
    fn written(&mut self) -> Result<Items> {
        let Some((items, run, written)) = self.spill.end() else { return Ok(Items::default()) };
        self.runs.push(run);
        written.map(|()| items)
    }
}

/// What a thread answers that wrote a run: the memory that it used, the run, and whether it is whole.
type Spilled = (Items, Run, Result<()>);

/// A run on its way to the disk. No thread is left behind, nor its file.
struct Spill(Option<JoinHandle<Spilled>>);

impl Spill {
    fn start(mut items: Items, run: Run, number: usize, cipher: ChaCha20Poly1305) -> Result<Self> {
        let folder = run.path.clone();
        let write = move || {
            items.sort();
            let written = write(&items, &run.path, number, &cipher);
            items.clear();
            (items, run, written)
        };
        let started = Builder::new().name("import".to_owned()).spawn(write);
        started.map(|thread| Self(Some(thread))).map_err(|error| failed(&folder, &error))
    }

    fn end(&mut self) -> Option<Spilled> {
        Some(self.0.take()?.join().unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What it answers removes its file.
        drop(self.0.take().map(JoinHandle::join));
    }
}

fn write(items: &Items, path: &Path, number: usize, cipher: &ChaCha20Poly1305) -> Result<()> {
    let mut file = create(path).map_err(|error| failed(path, &error))?;
    let (mut block, mut count) = (Vec::with_capacity(BLOCK), 0);
    for item in &items.items {
        for length in [item.key, item.value] {
            block.extend_from_slice(&(length as u64).to_le_bytes());
        }
        block.extend_from_slice(item.key(&items.bytes));
        block.extend_from_slice(item.value(&items.bytes));
        if block.len() >= BLOCK {
            seal(&mut file, path, &mut block, (number, count), cipher)?;
            count += 1;
        }
    }
    if block.is_empty() { Ok(()) } else { seal(&mut file, path, &mut block, (number, count), cipher) }
}

/// Writes a block, encrypted where it lies, and empties it.
fn seal(
    file: &mut impl Write,
    path: &Path,
    block: &mut Vec<u8>,
    at: (usize, u64),
    cipher: &ChaCha20Poly1305,
) -> Result<()> {
    cipher.encrypt_in_place(&nonce(at), b"", block).map_err(|_| broken(path))?;
    let length = (block.len() as u64).to_le_bytes();
    file.write_all(&length).and_then(|()| file.write_all(block)).map_err(|error| failed(path, &error))?;
    block.clear();
    Ok(())
}

/// Gives the items of all runs by key.
fn merge(runs: &[Run], cipher: &ChaCha20Poly1305, give: Give<'_, Items>) -> Result<()> {
    let mut cursors = Vec::new();
    let mut heads = BinaryHeap::new();
    for (number, run) in runs.iter().enumerate() {
        let mut cursor = Cursor::open(run, number, cipher)?;
        if cursor.advance()? {
            heads.push(Reverse((begins(cursor.key()), cursor.key().to_vec(), number)));
        }
        cursors.push(cursor);
    }
    let mut items = Items::default();
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((first, key, number)) = &mut *head;
        let Some(cursor) = cursors.get_mut(*number) else { break };
        items.push(key, cursor.value());
        if cursor.advance()? {
            *first = begins(cursor.key());
            key.clear();
            key.extend_from_slice(cursor.key());
        } else {
            PeekMut::pop(head);
        }
        if items.held() >= MERGED {
            let next = items.another();
            give(std::mem::replace(&mut items, next))?;
        }
    }
    give(items)
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
        let item = Item { begins: 0, at: 0, key: 0, value: 0 };
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
        self.item = Item { begins: 0, at: at + 16, key, value };
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
        self.plain.resize(length, 0);
        self.file.read_exact(&mut self.plain).map_err(|error| failed(self.path, &error))?;
        let at = nonce((self.run, self.block));
        self.cipher.decrypt_in_place(&at, b"", &mut self.plain).map_err(|_| broken(self.path))?;
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

    /// A sorter that wrote some runs and has another on its way.
    fn spilling(dir: &TempDir) -> Sorter {
        let scratch = Scratch { folder: dir.path().to_owned(), key: [1; 32], budget: 4_000 };
        let mut sorter = Sorter::new(&scratch);
        (0..500u32).for_each(|n| sorter.push(&n.to_be_bytes(), &[7; 50]).unwrap());
        sorter
    }

    #[test]
    fn nothing_is_left_of_a_sorter_that_is_given_up() {
        let dir = TempDir::new().unwrap();
        drop(spilling(&dir));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = spilling(&dir).each(|_, _| Err(ImportError::Cancelled)).unwrap_err();
        assert_eq!(error.code(), "import_cancelled");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("not there");
        let mut sorter = Sorter::new(&Scratch { folder, key: [1; 32], budget: 100 });
        let pushed = (0..9u8).try_for_each(|n| sorter.push(&[n], &[7; 50]));
        assert_eq!(pushed.unwrap_err().code(), "import_unreadable");
        // What was the last to be written is found out at the end.
        let folder = dir.path().join("not there");
        let mut sorter = Sorter::new(&Scratch { folder, key: [1; 32], budget: 100 });
        (0..2u8).for_each(|n| sorter.push(&[n], &[7; 50]).unwrap());
        assert_eq!(sorter.each(|_, _| Ok(())).unwrap_err().code(), "import_unreadable");
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
