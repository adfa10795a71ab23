//! Checks over all items together: phases of nested items, circles, depth, modes.

use std::collections::{HashMap, HashSet};

use super::fault::FaultCode;
use super::read::Reader;
use super::{Item, MAX_DEPTH, Playbook};

/// The most circles that are reported; a dense tangle has far more than anyone reads.
const MAX_CIRCLES: usize = 20;
/// The most keys of a circle that are spelled out.
const MAX_CHAIN: usize = 20;

/// Byte offsets of the fields of an item that checks over all items may find at fault. A field
/// that is absent has the place of the item.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub item: usize,
    pub phase: usize,
    pub parent: usize,
    pub depends_on: usize,
    pub modes: usize,
    pub repeat: usize,
    pub owner_role: usize,
    pub sign_off: usize,
}

/// Gives nested items without a phase the phase of their outermost parent, and notes items that
/// end up with none and items whose phase is not that of their parent.
pub(super) fn inherit_phases(reader: &mut Reader, items: &mut [Item], places: &[Places]) {
    let named: Vec<String> = {
        let parents = Parents::of(items);
        (0..items.len()).map(|index| parents.phase(items, index)).collect()
    };
    for ((item, phase), at) in items.iter_mut().zip(named).zip(places) {
        if item.phase.is_empty() && at.phase == at.item {
            if phase.is_empty() && item.parent.is_none() {
                reader.fault(at.item, FaultCode::MissingField, "the field `phase` is missing");
            }
            item.phase = phase;
        } else if !phase.is_empty() && !item.phase.is_empty() && item.phase != phase {
            let message = format!("`{}` is nested in an item of phase `{phase}`", item.key);
            reader.fault(at.phase, FaultCode::PhaseMismatch, message);
        }
    }
}

/// Checks circles, depth, modes and sign-offs.
pub(super) fn items(reader: &mut Reader, playbook: &Playbook, places: &[Places]) {
    let items = &playbook.items;
    check_sign_offs(reader, playbook, places);
    let parents = Parents::of(items);
    let nesting: Vec<Vec<usize>> = parents.0.iter().map(|parent| parent.iter().copied().collect()).collect();
    let circles = find_circles(&nesting);
    for circle in &circles {
        note_circle(reader, items, circle, |item| places[item].parent, FaultCode::CircularParent);
    }
    if circles.is_empty() {
        check_depth(reader, items, places, &parents);
        check_modes(reader, playbook, places, &parents);
        check_dependencies(reader, items, places, &parents);
    }
}

/// A line is signed once, by the role that it names.
fn check_sign_offs(reader: &mut Reader, playbook: &Playbook, places: &[Places]) {
    let mut seen = HashSet::new();
    for (item, at) in playbook.items.iter().zip(places) {
        let Some(key) = item.sign_off.as_deref() else { continue };
        if !seen.insert(key) {
            let message = format!("the sign-off `{key}` is signed by another item already");
            reader.fault(at.sign_off, FaultCode::DuplicateKey, message);
        }
        let line = playbook.sign_offs.iter().find(|line| line.key == key);
        if let Some(line) = line.filter(|line| line.role != item.owner_role) {
            let message = format!("`{}` signs `{key}`, so it must own this item", line.role);
            reader.fault(at.owner_role, FaultCode::BadValue, message);
        }
    }
}

/// The parent of each item, by index; none where there is none or it is not defined.
pub(super) struct Parents(Vec<Option<usize>>);

impl Parents {
    pub fn of(items: &[Item]) -> Self {
        let index = index(items);
        let parent = |item: &Item| item.parent.as_deref().and_then(|key| index.get(key).copied());
        Self(items.iter().map(parent).collect())
    }

    /// The item and its parents outwards. Stops where nesting is too deep or circular.
    pub fn outwards(&self, item: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(item), |item| self.0[*item]).take(MAX_DEPTH + 1)
    }

    /// The phase that the outermost parent names.
    fn phase(&self, items: &[Item], item: usize) -> String {
        let outermost = self.outwards(item).last().unwrap_or(item);
        items[outermost].phase.clone()
    }
}

/// Items by key; of two items with one key (a fault of its own) the first counts.
fn index(items: &[Item]) -> HashMap<&str, usize> {
    items.iter().enumerate().rev().map(|(index, item)| (item.key.as_str(), index)).collect()
}

fn check_depth(reader: &mut Reader, items: &[Item], places: &[Places], parents: &Parents) {
    for (index, item) in items.iter().enumerate() {
        if parents.outwards(index).count() > MAX_DEPTH {
            let message = format!("`{}` is nested deeper than {MAX_DEPTH} levels", item.key);
            reader.fault(places[index].parent, FaultCode::TooDeep, message);
        }
    }
}

/// A nested item without its parent would hang in the air.
fn check_modes(reader: &mut Reader, playbook: &Playbook, places: &[Places], parents: &Parents) {
    for (index, item) in playbook.items.iter().enumerate() {
        let Some(parent) = parents.0[index].map(|parent| &playbook.items[parent]) else { continue };
        let picks = |of: &Item, mode: &str| of.modes.is_empty() || of.modes.iter().any(|m| m == mode);
        let left_out = playbook.modes.iter().find(|mode| picks(item, &mode.key) && !picks(parent, &mode.key));
        if let Some(mode) = left_out {
            let message =
                format!("mode `{}` picks `{}` but not its parent `{}`", mode.key, item.key, parent.key);
            reader.fault(places[index].modes, FaultCode::ModeMismatch, message);
        }
    }
}

/// A parent is done when its nested items are, so they count as what it waits for.
fn check_dependencies(reader: &mut Reader, items: &[Item], places: &[Places], parents: &Parents) {
    let index = index(items);
    let known =
        |item: &Item| item.depends_on.iter().filter_map(|key| index.get(key.as_str()).copied()).collect();
    let mut waits: Vec<Vec<usize>> = items.iter().map(known).collect();
    for (child, parent) in parents.0.iter().enumerate() {
        if let Some(parent) = parent {
            waits[*parent].push(child);
        }
    }
    for circle in find_circles(&waits) {
        let place = |item: usize| places[item].depends_on;
        note_circle(reader, items, &circle, place, FaultCode::CircularDependency);
    }
}

/// Names the whole chain, at the first of its items that has the field in question.
fn note_circle(
    reader: &mut Reader,
    items: &[Item],
    circle: &[usize],
    place: impl Fn(usize) -> usize,
    code: FaultCode,
) {
    let has_field = |item: &&usize| match code {
        FaultCode::CircularParent => items[**item].parent.is_some(),
        _ => !items[**item].depends_on.is_empty(),
    };
    let at = circle.iter().find(has_field).or(circle.first()).map_or(0, |item| place(*item));
    let mut chain: Vec<&str> = circle.iter().take(MAX_CHAIN).map(|item| items[*item].key.as_str()).collect();
    if circle.len() > MAX_CHAIN {
        chain.push("...");
    }
    chain.extend(circle.first().map(|item| items[*item].key.as_str()));
    let message = match code {
        FaultCode::CircularParent => format!("items are nested in a circle: {}", chain.join(" -> ")),
        _ => format!("items wait for one another in a circle: {}", chain.join(" -> ")),
    };
    reader.fault(at, code, message);
}

/// Circles in a graph given as the followers of each node: one for each edge that closes one in a
/// depth-first walk in file order, up to [`MAX_CIRCLES`]. None are found exactly when there are
/// none. Walks with a stack of its own, so a long chain cannot overflow the thread's.
fn find_circles(followers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut circles = Vec::new();
    let mut done = HashSet::new();
    for start in 0..followers.len() {
        if circles.len() < MAX_CIRCLES && !done.contains(&start) {
            walk(followers, start, &mut done, &mut circles);
        }
    }
    circles.truncate(MAX_CIRCLES);
    circles
}

fn walk(followers: &[Vec<usize>], start: usize, done: &mut HashSet<usize>, circles: &mut Vec<Vec<usize>>) {
    // The way from the start to here: each node, and which of its followers is next.
    let mut way = vec![(start, 0)];
    let mut on_way = HashMap::from([(start, 0)]);
    while let Some((node, next)) = way.last_mut() {
        let Some(follower) = followers[*node].get(*next).copied() else {
            on_way.remove(node);
            done.insert(*node);
            way.pop();
            continue;
        };
        *next += 1;
        if let Some(from) = on_way.get(&follower) {
            if circles.len() < MAX_CIRCLES {
                circles.push(way[*from..].iter().map(|(node, _)| *node).collect());
            }
        } else if !done.contains(&follower) {
            on_way.insert(follower, way.len());
            way.push((follower, 0));
        }
    }
}
