//! How many people a roster has, by role and by site.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use super::{Person, SiteId};

/// Roles that are counted apart.
pub const MOST_ROLES: usize = 200;
/// Sites that are counted apart.
pub const MOST_SITES: usize = 5_000;

/// Counts people. Memory is bounded by [`MOST_ROLES`] and [`MOST_SITES`], whatever words a roster holds.
#[derive(Debug, Default)]
pub struct Totals {
    people: u64,
    /// The blank role is that of people without one.
    roles: HashMap<String, u64>,
    sites: HashMap<SiteId, u64>,
    other_roles: u64,
    has_other_sites: bool,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All people.
    pub people: u64,
    /// People by their main role, in the roster's own words, most first; none for those without a role.
    pub roles: Vec<(Option<String>, u64)>,
    /// People of roles beyond the first 200 that were met. With `roles` they are all people.
    pub other_roles: u64,
    /// People by site, most first. Who is at several counts at each.
    pub sites: Vec<(SiteId, u64)>,
    /// Whether there are more sites than the first 5,000 that were met.
    pub has_other_sites: bool,
}

impl Totals {
    /// Counts somebody.
    pub fn count(&mut self, person: &Person) {
        self.people += 1;
        let role = person.role().unwrap_or_default();
        if !add(&mut self.roles, role, str::to_owned, MOST_ROLES) {
            self.other_roles += 1;
        }
        for site in &person.sites {
            self.has_other_sites |= !add(&mut self.sites, site, SiteId::clone, MOST_SITES);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn end(self) -> Counted {
        Counted {
            people: self.people,
            roles: most_first(
                self.roles.into_iter().map(|(role, n)| ((!role.is_empty()).then_some(role), n)),
            ),
            other_roles: self.other_roles,
            sites: most_first(self.sites.into_iter()),
            has_other_sites: self.has_other_sites,
        }
    }
}

/// Counts a word, which `own` keeps when it is new; says whether there was room for it.
fn add<K, W>(counts: &mut HashMap<K, u64>, word: &W, own: impl FnOnce(&W) -> K, most: usize) -> bool
where
    K: Eq + Hash + Borrow<W>,
    W: Eq + Hash + ?Sized,
{
    if let Some(count) = counts.get_mut(word) {
        *count += 1;
        return true;
    }
    let has_room = counts.len() < most;
    if has_room {
        counts.insert(own(word), 1);
    }
    has_room
}

fn most_first<W: Ord>(counts: impl Iterator<Item = (W, u64)>) -> Vec<(W, u64)> {
    let mut counts: Vec<(W, u64)> = counts.collect();
    counts.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    counts
}
