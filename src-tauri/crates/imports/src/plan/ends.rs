//! Where the references of an import lead beside what is there, as [`crate::Leads`] follows them of the
//! file that it is made into.

use std::collections::BTreeSet;

use super::{Incoming, State};
use crate::check::Hashes;
use crate::leads::{BrokenReferences, ByColumn, Loose, column_of};
use crate::record::Record;
use crate::references::{Referring, referring};
use crate::schema::Schema;

/// Where references lead that no row answers, by the place of the type that they name.
pub(super) struct Ends {
    referring: Vec<Vec<Referring>>,
    /// What rows name and no row puts.
    wanted: Vec<Hashes>,
    /// Of these, what is there.
    found: Vec<Hashes>,
    /// What is there and bulk files no longer hold.
    absent: Vec<Hashes>,
    /// How many records are there.
    met: Vec<u64>,
    /// By the place of a file that is there: whether it is a delta.
    deltas: Vec<Option<bool>>,
    /// References of records that are there and that no row puts, to what may be going; and whether bulk
    /// files no longer hold the record.
    there: Vec<(Loose, bool)>,
}

impl Ends {
    pub fn new(schema: &'static Schema, incoming: &Incoming, deltas: Vec<Option<bool>>) -> Self {
        let none = || -> Vec<Hashes> { schema.files.iter().map(|_| Hashes::default()).collect() };
        let referring = referring(schema);
        let mut wanted = none();
        for one in &incoming.loose {
            let Some(target) = column_of(&referring, one.from).map(|column| column.target) else { continue };
            if let Some(wanted) = wanted.get_mut(target).filter(|_| !incoming.is_put(target, one.id)) {
                wanted.insert(one.id);
            }
        }
        let (found, absent, met) = (none(), none(), vec![0; schema.files.len()]);
        Self { referring, wanted, found, absent, met, deltas, there: Vec::new() }
    }

    /// Hears of a record that is there.
    pub fn meet(&mut self, place: usize, record: &Record<'_>, is_absent: bool, incoming: &Incoming) {
        let own = incoming.hashing.of(record.id.as_bytes());
        if let Some(met) = self.met.get_mut(place) {
            *met += 1;
        }
        let is_wanted = self.wanted.get(place).is_some_and(|wanted| wanted.contains(&own));
        if let Some(found) = self.found.get_mut(place).filter(|_| is_wanted) {
            found.insert(own);
        }
        if let Some(absent) = self.absent.get_mut(place).filter(|_| is_absent) {
            absent.insert(own);
        }
        let known = incoming.files.get(place).and_then(|file| file.records.get(&own));
        if known.is_some_and(|known| known.state != State::Rejected) {
            return;
        }
        let columns = self.referring.get(place).into_iter().flatten();
        for (column, name) in columns.flat_map(|column| column.named(record)) {
            let id = incoming.hashing.of(name.as_bytes());
            if self.may_go(column.target, id, incoming) {
                self.there.push((Loose { from: column.from, id, row: 0 }, is_absent));
            }
        }
    }

    /// Whether a record goes, as a delta says, or may be one that bulk files no longer hold.
    fn may_go(&self, target: usize, id: u64, incoming: &Incoming) -> bool {
        let Some(Some(is_delta)) = self.deltas.get(target) else { return false };
        let known = incoming.files.get(target).and_then(|file| file.records.get(&id));
        known.map_or(!is_delta, |known| known.state == State::ToBeDeleted)
    }

    /// Those that would lead nowhere.
    pub fn broken(&self, incoming: &Incoming) -> Vec<BrokenReferences> {
        let (mut stays, mut goes) = (ByColumn::new(), ByColumn::new());
        let mut add = |column: &Referring, (if_stays, if_goes): (bool, bool)| {
            for (of, is_broken) in [(&mut stays, if_stays), (&mut goes, if_goes)] {
                if is_broken {
                    *of.entry(column.place()).or_default() += 1;
                }
            }
        };
        let is_gone = |target: usize, id: u64| {
            let known = incoming.files.get(target).and_then(|file| file.records.get(&id));
            known.is_some_and(|known| known.state == State::ToBeDeleted)
        };
        let is_in = |of: &[Hashes], target: usize, id: u64| of.get(target).is_some_and(|of| of.contains(&id));
        let holds_any = |(place, met): (usize, &u64)| {
            let file = incoming.files.get(place);
            *met > 0 || file.is_some_and(|file| file.records.keys().any(|id| file.is_put(*id)))
        };
        let any: Vec<bool> = self.met.iter().enumerate().map(holds_any).collect();
        for one in &incoming.loose {
            let Some(column) = column_of(&self.referring, one.from) else { continue };
            let target = column.target;
            if incoming.is_put(target, one.id) {
                continue;
            }
            let any = any.get(target).copied().unwrap_or_default();
            let nowhere = is_gone(target, one.id) || (any && !is_in(&self.found, target, one.id));
            add(column, (nowhere, nowhere || is_in(&self.absent, target, one.id)));
        }
        for (one, is_absent) in &self.there {
            let Some(column) = column_of(&self.referring, one.from) else { continue };
            let gone = is_gone(column.target, one.id);
            let left = gone || is_in(&self.absent, column.target, one.id);
            add(column, (gone, left && !is_absent));
        }
        let places: BTreeSet<&(String, String)> = stays.keys().chain(goes.keys()).collect();
        let count = |of: &ByColumn, place: &(String, String)| of.get(place).copied().unwrap_or(0);
        let one = |place: &(String, String)| BrokenReferences {
            r#type: place.0.clone(),
            column: place.1.clone(),
            count: count(&stays, place),
            with_absent: count(&goes, place),
        };
        places.into_iter().map(one).collect()
    }
}
