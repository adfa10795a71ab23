//! Which records there are, and what became of them: the keys of each file as hashes, and the roots
//! of rejection, so that a thousand rows that fail for one bad record are one cause.
//!
//! Keys are held as 64-bit hashes with a seed of their own for each run: 16 bytes a record whatever
//! its key's length. Among three million records the chance that any two hashes meet is below one in
//! four million, and nobody who writes a file can know the seed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::cause::{Cause, Profile};
use super::ledger::{EXAMPLES, Names, problem};
use crate::report::{Example, Place, Problem};

/// Hashes keys and values, the same way all through one run.
#[derive(Clone)]
pub(crate) struct Hashing(foldhash::quality::RandomState);

impl Hashing {
    pub fn new() -> Self {
        Self(foldhash::quality::RandomState::default())
    }

    #[inline]
    pub fn of(&self, value: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(value);
        hasher.finish()
    }
}

/// Takes a hash for itself.
#[derive(Default)]
pub(crate) struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type ByHash = BuildHasherDefault<Itself>;
/// A set of hashes.
pub(crate) type Hashes = HashSet<u64, ByHash>;

/// Names a root of rejection; 0 is none.
pub(crate) type RootId = u32;

const SORT_BITS: u32 = 5;

/// What is known of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// Root above, sort below.
    packed: u32,
    /// A hash of the whole row, to tell a copy from another row with the same key.
    pub content: u32,
}

impl Entry {
    pub fn new(content: u32) -> Self {
        Self { packed: 0, content }
    }

    pub fn root(self) -> RootId {
        self.packed >> SORT_BITS
    }

    /// 0 where it is unknown, else the place of the word plus one.
    pub fn sort(self) -> u32 {
        self.packed & ((1 << SORT_BITS) - 1)
    }

    pub fn set_root(&mut self, root: RootId) {
        self.packed = (root << SORT_BITS) | self.sort();
    }

    pub fn set_sort(&mut self, sort: u32) {
        self.packed = (self.root() << SORT_BITS) | (sort & ((1 << SORT_BITS) - 1));
    }
}

/// How references to a file are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// By its rows.
    There,
    /// Not at all: it may hold changes only, and the rest lies elsewhere.
    Partial,
    /// The file is missing, which is one cause for all of them.
    Missing,
}

/// The records of one file.
pub(crate) struct Records {
    pub standing: Standing,
    pub entries: HashMap<u64, Entry, ByHash>,
    /// The hash of another column by key, where rows of a later file have to agree with it.
    pub links: HashMap<u64, u64, ByHash>,
}

impl Records {
    pub fn new(standing: Standing) -> Self {
        Self { standing, entries: HashMap::default(), links: HashMap::default() }
    }
}

/// Where a rejection starts.
#[derive(Clone, Copy, Debug)]
struct Root {
    /// The place of the file in the format.
    file: u16,
    /// The rejected row; 0 for a record or file that is not there.
    row: u32,
    /// Where its places are kept, plus one.
    places: u32,
}

/// The rows that a root rejected.
#[derive(Debug, Default)]
struct Places {
    /// The key of the record, where it is known.
    key: String,
    list: Vec<(u16, u16, u64, Vec<Example>)>,
}

impl Places {
    fn count(&self) -> u64 {
        self.list.iter().map(|(_, _, count, _)| count).sum()
    }
}

/// Missing records that are told apart; those beyond share one root for each file.
const MOST_MISSING: usize = 1 << 16;

/// Roots with more than one row that get a problem of their own.
const MOST_ROOTS: usize = 20;

/// All roots of a run.
#[derive(Default)]
pub(crate) struct Roots {
    roots: Vec<Root>,
    places: Vec<Places>,
    missing: HashMap<(u16, u64), RootId, foldhash::fast::FixedState>,
    whole: HashMap<u16, RootId, foldhash::fast::FixedState>,
}

impl Roots {
    fn add(&mut self, file: u16, row: u32) -> RootId {
        self.roots.push(Root { file, row, places: 0 });
        self.roots.len() as RootId
    }

    /// A row that is rejected for a fault of its own.
    pub fn rejected(&mut self, file: u16, row: u64) -> RootId {
        self.add(file, u32::try_from(row).unwrap_or(u32::MAX))
    }

    /// A record that is not there, by the key that names it.
    pub fn missing(&mut self, file: u16, hash: u64, key: &[u8]) -> RootId {
        if let Some(root) = self.missing.get(&(file, hash)) {
            return *root;
        }
        if self.missing.len() >= MOST_MISSING {
            return self.whole(file);
        }
        let root = self.add(file, 0);
        self.missing.insert((file, hash), root);
        self.name(root, key);
        root
    }

    /// Says what the record of a root is called, unless that was said before. Whoever refers to it
    /// directly comes before those behind.
    pub fn name(&mut self, root: RootId, key: &[u8]) {
        if let Some(held) = self.roots.get_mut(root as usize - 1).filter(|held| held.places == 0) {
            self.places.push(Places { key: super::value::shown(key), list: Vec::new() });
            held.places = self.places.len() as u32;
        }
    }

    fn is_whole(&self, root: &Root) -> bool {
        let held = self.whole.get(&root.file).and_then(|whole| self.roots.get(*whole as usize - 1));
        held.is_some_and(|held| held.places == root.places)
    }

    /// A file that is not there.
    pub fn whole(&mut self, file: u16) -> RootId {
        self.whole_from(file, 0)
    }

    /// A file whose rows are all rejected, for its header.
    pub fn unusable(&mut self, file: u16) -> RootId {
        self.whole_from(file, 1)
    }

    fn whole_from(&mut self, file: u16, row: u32) -> RootId {
        if let Some(root) = self.whole.get(&file) {
            return *root;
        }
        let root = self.add(file, row);
        self.whole.insert(file, root);
        root
    }

    /// Counts a row that a root rejects.
    pub fn hit(&mut self, root: RootId, file: u16, column: u16, row: u64, value: &[u8]) {
        let Some(held) = self.roots.get_mut(root as usize - 1) else { return };
        if held.places == 0 {
            self.places.push(Places::default());
            held.places = self.places.len() as u32;
        }
        let Some(places) = self.places.get_mut(held.places as usize - 1) else { return };
        let at = places.list.iter().position(|(f, c, ..)| (*f, *c) == (file, column));
        let at = at.unwrap_or_else(|| {
            places.list.push((file, column, 0, Vec::new()));
            places.list.len() - 1
        });
        if let Some((_, _, count, examples)) = places.list.get_mut(at) {
            *count += 1;
            if examples.len() < EXAMPLES {
                examples.push(Example { row, value: super::value::shown(value) });
            }
        }
    }

    /// The problems: one for each root with several rows, the largest first; what is left is one
    /// problem for each column that refers.
    pub fn problems(&self, profile: Profile, names: &Names, target: &dyn Fn(u16) -> String) -> Vec<Problem> {
        let mut roots: Vec<(&Root, &Places)> = self
            .roots
            .iter()
            .filter_map(|root| Some((root, self.places.get((root.places as usize).checked_sub(1)?)?)))
            .collect();
        roots.sort_by_key(|(_, places)| std::cmp::Reverse(places.count()));
        let own = roots.iter().filter(|(_, places)| places.count() > 1).count().min(MOST_ROOTS);
        let (own, rest) = roots.split_at(own);
        let mut problems: Vec<Problem> = own
            .iter()
            .map(|(root, places)| one(root, places, self.is_whole(root), profile, names, target))
            .collect();
        problems.extend(merged(rest, profile, names, target));
        problems
    }
}

fn cause_of(root: &Root) -> Cause {
    if root.row == 0 { Cause::NoTarget } else { Cause::TargetRejected }
}

/// One root: the place with the most rows stands for it, the others are its spread.
fn one(
    root: &Root,
    places: &Places,
    is_whole: bool,
    profile: Profile,
    names: &Names,
    target: &dyn Fn(u16) -> String,
) -> Problem {
    let mut list: Vec<&(u16, u16, u64, Vec<Example>)> = places.list.iter().collect();
    list.sort_by_key(|(file, column, count, _)| (std::cmp::Reverse(*count), *file, *column));
    let (file, column) = list.first().map_or((0, 0), |(file, column, ..)| (*file, *column));
    let mut problem = problem(cause_of(root), profile, names.file(file), names.label(file, column));
    problem.count = places.count();
    problem.examples = list.first().map(|(_, _, _, examples)| examples.clone()).unwrap_or_default();
    let target = target(root.file);
    problem.cause = match (root.row, places.key.as_str()) {
        (0, _) if is_whole => format!("rows refer to {target}, which is not there"),
        (_, _) if is_whole => format!("rows refer to {target}, of which no row can be used"),
        (0, key) => format!("rows refer to '{key}', which is not in {target}"),
        (row, "") => format!("rows refer to row {row} of {target}, which is rejected itself"),
        (row, key) => format!("rows refer to '{key}', which is rejected itself (row {row} of {target})"),
    };
    if list.len() > 1 {
        problem.spread = list
            .iter()
            .map(|(file, column, count, _)| Place {
                file: names.file(*file),
                column: names.label(*file, *column),
                count: *count,
            })
            .collect();
    }
    problem
}

/// Roots that share a problem.
#[derive(Default)]
struct Group {
    rows: u64,
    records: u64,
    examples: Vec<Example>,
}

/// Roots with a row each, or beyond the largest: one problem for each column and target.
fn merged(
    rest: &[(&Root, &Places)],
    profile: Profile,
    names: &Names,
    target: &dyn Fn(u16) -> String,
) -> Vec<Problem> {
    let mut groups: BTreeMap<(Cause, u16, u16, u16), Group> = BTreeMap::new();
    for (root, places) in rest {
        for (file, column, count, examples) in &places.list {
            let group = groups.entry((cause_of(root), root.file, *file, *column)).or_default();
            group.rows += count;
            group.records += 1;
            group.examples.extend(examples.iter().cloned());
            group.examples.sort_by_key(|example| example.row);
            group.examples.truncate(EXAMPLES);
        }
    }
    groups
        .into_iter()
        .map(|((cause, target_file, file, column), Group { rows, records, examples })| {
            let mut problem = problem(cause, profile, names.file(file), names.label(file, column));
            let target = target(target_file);
            let which = if cause == Cause::NoTarget {
                format!("not in {target}")
            } else {
                format!("in {target} but rejected there")
            };
            let words = if records == 1 {
                "1 record that is".to_owned()
            } else {
                format!("{records} records that are")
            };
            problem.cause = format!("rows refer to {words} {which}");
            problem.count = rows;
            problem.examples = examples;
            problem
        })
        .collect()
}
