//! The digest of a roster while a revision is written: records are hashed on a thread of their own,
//! beside the one that writes them.

use std::mem::take;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use cairn_domain::Hash;
use cairn_domain::digest::SetHash;
use sha2::{Digest as _, Sha256};

use super::pack::Unpacked;
use super::types::{Type, Types};
use super::{HASHED, damaged};
use crate::StoreError;

/// Bytes of records at which a batch is full.
const FULL: usize = 128 << 10;
/// Batches that wait to be hashed at most, so that memory stays flat whichever side is slower.
const MOST_WAITING: usize = 2;

/// What the records of a type count for.
struct Kind {
    /// How many columns it was made of.
    columns: usize,
    /// What comes before every id.
    head: Vec<u8>,
    /// The places of the columns by their names, which stand in front of their values.
    named: Vec<(usize, Vec<u8>)>,
}

impl Kind {
    fn new(one: &Type) -> Self {
        let mut head = Vec::new();
        framed(&mut head, HASHED.as_bytes());
        framed(&mut head, one.name.as_bytes());
        let mut names: Vec<(&str, usize)> = one.columns.iter().map(String::as_str).zip(0..).collect();
        names.sort_unstable();
        let name = |(name, place): (&str, usize)| {
            let mut bytes = Vec::new();
            framed(&mut bytes, name.as_bytes());
            (place, bytes)
        };
        Self { columns: names.len(), head, named: names.into_iter().map(name).collect() }
    }

    /// The same as [`super::hash_of`], through one text.
    fn hash(&self, id: &str, values: &Unpacked, text: &mut Vec<u8>) -> Hash {
        text.clear();
        text.extend_from_slice(&self.head);
        framed(text, id.as_bytes());
        for (place, name) in &self.named {
            let value = values.value(*place);
            if !value.is_empty() {
                text.extend_from_slice(name);
                framed(text, value.as_bytes());
            }
        }
        Hash(Sha256::digest(text).into())
    }
}

/// A part behind its length, as [`Hash::of`] takes it.
fn framed(text: &mut Vec<u8>, part: &[u8]) {
    text.extend_from_slice(&(part.len() as u64).to_be_bytes());
    text.extend_from_slice(part);
}

/// A record in a batch: the place of its type, the lengths of its id and content, and whether it counts
/// from now on, or no more.
struct Counted {
    at: usize,
    id: usize,
    content: usize,
    is_now: bool,
}

/// Records on their way to be hashed.
#[derive(Default)]
struct Batch {
    kinds: Vec<Arc<Kind>>,
    bytes: Vec<u8>,
    records: Vec<Counted>,
}

impl Batch {
    /// Counts all records in or out; none where one is something else.
    fn count(&self, sum: &mut SetHash) -> Option<()> {
        let (mut unpacked, mut text) = (Unpacked::default(), Vec::new());
        let mut rest = self.bytes.as_slice();
        for record in &self.records {
            let (id, content, kind);
            (id, rest) = rest.split_at_checked(record.id)?;
            (content, rest) = rest.split_at_checked(record.content)?;
            kind = self.kinds.get(record.at)?;
            let id = std::str::from_utf8(id).ok()?;
            unpacked.read(content, id)?;
            let hash = kind.hash(id, &unpacked, &mut text);
            if record.is_now { sum.add_hash(hash) } else { sum.remove_hash(hash) }
        }
        Some(())
    }
}

fn count_all(batches: &Receiver<Batch>, mut sum: SetHash) -> Option<SetHash> {
    batches.iter().try_for_each(|batch| batch.count(&mut sum)).map(|()| sum)
}

/// The thread that hashes. It ends by itself where nobody asks for the sum any more.
struct Worker {
    give: SyncSender<Batch>,
    thread: JoinHandle<Option<SetHash>>,
}

impl Worker {
    fn start(sum: SetHash) -> std::io::Result<Self> {
        let (give, batches) = sync_channel(MOST_WAITING);
        let thread = Builder::new().name("roster".to_owned()).spawn(move || count_all(&batches, sum))?;
        Ok(Self { give, thread })
    }

    fn end(self) -> Option<SetHash> {
        drop(self.give);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// The sum of the hashes of all records.
pub(super) struct Tally {
    /// As it was when the first batch was given away.
    sum: SetHash,
    kinds: Vec<Arc<Kind>>,
    batch: Batch,
    worker: Option<Worker>,
}

impl Tally {
    pub fn new(sum: SetHash) -> Self {
        Self { sum, kinds: Vec::new(), batch: Batch::default(), worker: None }
    }

    /// Counts a record in that `is_now`, or out. Content that cannot be read may show only later.
    pub fn count(
        &mut self,
        types: &Types,
        at: usize,
        (id, content): (&str, &[u8]),
        is_now: bool,
    ) -> Result<(), StoreError> {
        self.batch.bytes.extend_from_slice(id.as_bytes());
        self.batch.bytes.extend_from_slice(content);
        self.batch.records.push(Counted { at, id: id.len(), content: content.len(), is_now });
        if self.batch.bytes.len() < FULL { Ok(()) } else { self.give(types) }
    }

    /// The sum after all.
    pub fn end(mut self, types: &Types) -> Result<SetHash, StoreError> {
        if self.worker.is_none() {
            // Little was changed: no thread is worth it.
            self.ready(types).count(&mut self.sum).ok_or_else(unreadable)?;
            return Ok(self.sum);
        }
        self.give(types)?;
        self.worker.take().and_then(Worker::end).ok_or_else(unreadable)
    }

    /// The batch at hand with what its types are now; columns are only ever added.
    fn ready(&mut self, types: &Types) -> Batch {
        self.kinds.truncate(types.0.len());
        for (at, one) in types.0.iter().enumerate() {
            match self.kinds.get_mut(at) {
                Some(kind) if kind.columns == one.columns.len() => {}
                Some(kind) => *kind = Arc::new(Kind::new(one)),
                None => self.kinds.push(Arc::new(Kind::new(one))),
            }
        }
        Batch { kinds: self.kinds.clone(), ..take(&mut self.batch) }
    }

    fn give(&mut self, types: &Types) -> Result<(), StoreError> {
        let batch = self.ready(types);
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(self.sum)?,
        };
        if worker.give.send(batch).is_ok() {
            self.worker = Some(worker);
            return Ok(());
        }
        // It has ended before its time: what it could not read, or its panic, is told.
        worker.end().map_or_else(|| Err(unreadable()), |_| Err(damaged("the digest of the records")))
    }
}

fn unreadable() -> StoreError {
    damaged("the values of a record")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pack::pack;
    use super::super::{Changes, hash_of};
    use super::*;

    fn types(columns: &[&str]) -> Types {
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        let one = |id, name: &str| Type {
            id,
            name: name.to_owned(),
            columns,
            records: 0,
            changes: Changes::default(),
        };
        Types(vec![one(1, "users")])
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_the_hashes(
            records in proptest::collection::vec(("[a-z]{1,9}", proptest::collection::vec("[a-z]{0,3}", 4)), 0..40),
            often in 1..400usize,
        ) {
            let types = types(&["name", "", "grade", "city"]);
            let one = &types.0[0];
            let (mut tally, mut expected) = (Tally::new(SetHash::default()), SetHash::default());
            let mut content = Vec::new();
            for _ in 0..often {
                for (n, (id, values)) in records.iter().enumerate() {
                    let texts = || values.iter().map(String::as_str);
                    pack(texts(), id, &mut content);
                    tally.count(&types, 0, (id, &content), n % 3 > 0).unwrap();
                    let hash = hash_of("users", id, one.named(texts()));
                    if n % 3 > 0 { expected.add_hash(hash) } else { expected.remove_hash(hash) }
                }
            }
            prop_assert_eq!(tally.end(&types).unwrap(), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_at_the_end_or_before() {
        for records in [1, 100_000] {
            let types = types(&["name"]);
            let mut tally = Tally::new(SetHash::default());
            let counted = (0..records).try_for_each(|_| tally.count(&types, 0, ("an id", &[9, b'a']), true));
            let told = counted.and_then(|()| tally.end(&types).map(drop)).unwrap_err();
            assert_eq!(told.to_string(), unreadable().to_string());
        }
    }
}
