//! References between rows of one file, settled when all its rows are known.

use super::Verdict;
use super::ids::Hashes;
use super::judge::{Judge, Shared, records};

/// A reference of a row to another of the same file, judged when all are known.
pub(super) struct Pending {
    pub row: u64,
    pub own: u64,
    pub target: u64,
    pub column: u16,
    pub verdict: Verdict,
    /// The key that it refers to; empty where too many are held to keep it.
    pub text: Box<[u8]>,
}

/// References within a file whose keys are kept to name them; of more only those of unknown records.
pub(super) const MOST_TEXTS: usize = 100_000;

impl Judge {
    /// Settles references within the file, now that all its records are known, and rejects rows
    /// behind rows that this rejects. Answers which rows were rejected late, with their columns.
    pub fn settle(&mut self, shared: &mut Shared) -> Vec<(u64, usize)> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|pending| (pending.target, pending.row));
        let mut late = Vec::new();
        let mut rejected: Hashes = Hashes::default();
        let mut queue: Vec<usize> = (0..pending.len()).collect();
        queue.sort_by_key(|index| pending.get(*index).map(|pending| pending.row));
        queue.reverse();
        let mut settled = vec![false; pending.len()];
        while let Some(index) = queue.pop() {
            let Some(held) = pending.get(index).filter(|_| !settled[index]) else { continue };
            let entry = records(shared, self.rules.place).entries.get(&held.target).copied();
            let root = match entry {
                Some(entry) if entry.root() == 0 => continue,
                Some(entry) => entry.root(),
                None => shared.roots.missing(self.rules.place as u16, held.target, &held.text),
            };
            settled[index] = true;
            let number = self.rules.number;
            if !held.text.is_empty() {
                shared.roots.name(root, &held.text);
            }
            shared.roots.hit(root, number, held.column, held.row, &held.text);
            match held.verdict {
                Verdict::Rejected | Verdict::Skipped => continue,
                _ if !rejected.insert(held.row) => continue,
                Verdict::Accepted => self.counts.accepted -= 1,
                Verdict::Fixed => self.counts.fixed -= 1,
            }
            self.counts.rejected += 1;
            late.push((held.row, usize::from(held.column)));
            let own = held.own;
            if let Some(entry) = records(shared, self.rules.place).entries.get_mut(&own) {
                entry.set_root(root);
            }
            // Rows that refer to this one were let through before.
            let from = pending.partition_point(|other| other.target < own);
            let behind = pending.iter().enumerate().skip(from).take_while(|(_, other)| other.target == own);
            queue.extend(behind.map(|(index, _)| index));
        }
        late
    }
}
