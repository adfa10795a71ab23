//! Entries that come several times become one item for each time.
//!
//! The key of each is the entry's key and the number of the time, so it follows from the file
//! alone: two laptops that start the same playbook without a network make the same items, and a
//! version that adds times keeps the items of those before.

use std::collections::{HashMap, HashSet};

use super::check::{Parents, Places};
use super::fault::FaultCode;
use super::read::{Kind, Reader};
use super::shape::MAX_DAYS;
use super::{Item, MAX_ITEMS, MAX_KEY_CHARS, MAX_SOURCE_BYTES, Repeat, Round};

/// The most text that the items of one playbook may hold once its repeats are written out, in bytes.
const MAX_EXPANDED_BYTES: usize = 8 * MAX_SOURCE_BYTES;
/// Stands for the number of the time in a title or an evidence.
const NUMBER: &str = "{n}";

/// The table form of `repeat`.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// How far apart.
    pub every: Repeat,
    /// How many, at least 1 where the file is without fault.
    pub times: u32,
    /// The number of the first.
    pub first: u32,
}

impl Times {
    fn numbers(self) -> impl Iterator<Item = u32> {
        self.first..self.first.saturating_add(self.times)
    }
}

/// Puts each repeated entry, with everything nested in it, into the list once for each time, where
/// the entry stood. Everything else keeps its place. Faults are noted; where the whole would be too
/// long the list is handed back as it was.
pub(super) fn expand(
    reader: &mut Reader,
    items: Vec<Item>,
    places: Vec<Places>,
    times: &[Option<Times>],
) -> (Vec<Item>, Vec<Places>) {
    if times.iter().all(Option::is_none) {
        return (items, places);
    }
    let groups = groups(reader, &items, &places, times);
    if let Some(message) = too_much(&items, times, &groups) {
        let at = times.iter().position(Option::is_some).map_or(0, |index| places[index].repeat);
        reader.fault(at, FaultCode::TooManyItems, message);
        return (items, places);
    }
    Expansion { reader, items: &items, places: &places, times, groups, out: Vec::new() }.run()
}

/// What is wrong where a short file would grow into something nobody can read or keep.
fn too_much(items: &[Item], times: &[Option<Times>], groups: &[Option<usize>]) -> Option<String> {
    let copies = |index: usize| {
        let times = groups[index].and_then(|root| times[root]).map_or(1, |times| times.times);
        usize::try_from(times).unwrap_or(usize::MAX)
    };
    let total: usize = (0..items.len()).map(copies).sum();
    if total > MAX_ITEMS {
        return Some(format!("with its repeats the playbook has {total} items; the most is {MAX_ITEMS}"));
    }
    let bytes: usize =
        (0..items.len()).map(|index| copies(index).saturating_mul(weight(&items[index]))).sum();
    (bytes > MAX_EXPANDED_BYTES).then(|| {
        format!("with its repeats the playbook has {bytes} bytes of text; the most is {MAX_EXPANDED_BYTES}")
    })
}

/// About how many bytes an item takes.
fn weight(item: &Item) -> usize {
    let texts = [&item.how_to, &item.evidence, &item.parent].into_iter().flatten();
    let lists = item.depends_on.iter().chain(&item.modes);
    let bytes: usize = texts.chain(lists).map(|text| text.len() + size_of::<String>()).sum();
    bytes + item.key.len() + item.title.len() + item.due_by_mode.len() * MAX_KEY_CHARS
}

/// For each item the repeated entry that it is, or is nested in.
fn groups(
    reader: &mut Reader,
    items: &[Item],
    places: &[Places],
    times: &[Option<Times>],
) -> Vec<Option<usize>> {
    let parents = Parents::of(items);
    let group = |index: usize| {
        let roots: Vec<usize> = parents.outwards(index).filter(|at| times[*at].is_some()).collect();
        (roots.len() > 1 && times[index].is_some(), roots.last().copied())
    };
    let found: Vec<_> = (0..items.len()).map(group).collect();
    for (index, _) in found.iter().enumerate().filter(|(_, (inner, _))| *inner) {
        let message = format!("`{}` is nested in an item that comes several times itself", items[index].key);
        reader.fault(places[index].repeat, FaultCode::BadValue, message);
    }
    found.into_iter().map(|(_, root)| root).collect()
}

struct Expansion<'a> {
    reader: &'a mut Reader,
    items: &'a [Item],
    places: &'a [Places],
    times: &'a [Option<Times>],
    groups: Vec<Option<usize>>,
    out: Vec<(Item, Places)>,
}

impl Expansion<'_> {
    fn run(mut self) -> (Vec<Item>, Vec<Places>) {
        let members = self.members();
        for index in 0..self.items.len() {
            match self.groups[index] {
                None => self.out.push((self.items[index].clone(), self.places[index])),
                Some(root) if root == index => self.rounds(root, &members[&root]),
                Some(_) => {}
            }
        }
        self.point_at_last_times();
        self.out.into_iter().unzip()
    }

    fn members(&self) -> HashMap<usize, Vec<usize>> {
        let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, root) in self.groups.iter().enumerate() {
            if let Some(root) = root {
                members.entry(*root).or_default().push(index);
            }
        }
        members
    }

    fn rounds(&mut self, root: usize, members: &[usize]) {
        let Some(times) = self.times[root] else { return };
        let inside: HashSet<&str> = members.iter().map(|index| self.items[*index].key.as_str()).collect();
        for (turn, n) in times.numbers().enumerate() {
            let shift = i32::try_from(turn).unwrap_or(i32::MAX).saturating_mul(times.every.days());
            for index in members {
                let mut item = self.one(*index, &inside, n, shift);
                if *index == root && !self.items[root].title.contains(NUMBER) {
                    item.title = format!("{} ({} {n})", item.title, unit(times.every));
                }
                self.out.push((item, self.places[*index]));
            }
        }
    }

    /// The entry at `index` for time `n`, `shift` days after its first.
    fn one(&mut self, index: usize, inside: &HashSet<&str>, n: u32, shift: i32) -> Item {
        let (source, at) = (&self.items[index], self.places[index]);
        let named = |key: &String| if inside.contains(key.as_str()) { numbered(key, n) } else { key.clone() };
        let worded = |text: &str| text.replace(NUMBER, &n.to_string());
        let mut item = source.clone();
        item.key = numbered(&source.key, n);
        item.parent = source.parent.as_ref().map(named);
        item.depends_on = source.depends_on.iter().map(named).collect();
        item.title = worded(&source.title);
        item.evidence = source.evidence.as_deref().map(worded);
        item.due = source.due.map(|days| days.saturating_add(shift));
        item.due_by_mode.values_mut().for_each(|days| *days = days.saturating_add(shift));
        item.round = Some(Round { of: source.key.clone(), n });
        self.define(&item, at);
        item
    }

    fn define(&mut self, item: &Item, at: Places) {
        let Some(Round { of, .. }) = &item.round else { return };
        if item.key.len() > MAX_KEY_CHARS {
            let message = format!("`{}` is longer than {MAX_KEY_CHARS} characters", item.key);
            self.reader.fault(at.item, FaultCode::BadKey, message);
        }
        let late = |days: &i32| i64::from(*days) > MAX_DAYS;
        if item.due.iter().chain(item.due_by_mode.values()).any(late) {
            let message = format!("`{}` would be due more than {MAX_DAYS} days after go-live", item.key);
            self.reader.fault(at.repeat, FaultCode::BadValue, message);
        }
        self.reader.repeated(of, &item.key);
        self.reader.define(Kind::Item, &item.key, at.item);
    }

    /// What waits for a repeated entry from outside waits for its last time.
    fn point_at_last_times(&mut self) {
        let mut last: HashMap<&str, String> = HashMap::new();
        for (index, root) in self.groups.iter().enumerate() {
            let Some(number) = root.and_then(|root| self.times[root]).and_then(|t| t.numbers().last()) else {
                continue;
            };
            let key = self.items[index].key.as_str();
            last.insert(key, numbered(key, number));
        }
        for key in self.out.iter_mut().flat_map(|(item, _)| &mut item.depends_on) {
            if let Some(last) = last.get(key.as_str()) {
                key.clone_from(last);
            }
        }
    }
}

fn numbered(key: &str, n: u32) -> String {
    format!("{key}-{n}")
}

fn unit(every: Repeat) -> &'static str {
    match every {
        Repeat::Daily => "day",
        Repeat::Weekly => "week",
        Repeat::Monthly => "month",
    }
}
