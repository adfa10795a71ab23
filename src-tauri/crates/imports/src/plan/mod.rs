//! What an import would do to what is there: creates, updates, unchanged and removals by type, and
//! the holds that ask for a confirmation first.
//!
//! A pure function over the files and the current records. Records are told apart by type and id and
//! compared by a hash of their values, so that memory follows the number of records, not their size.

mod ends;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::path::Path;

use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use self::ends::Ends;
use crate::check::{Hashing, Itself, Late, Options, Outcome, Sink, Verdict, run_with};
use crate::error::ImportError;
use crate::leads::{BrokenReferences, Loose};
use crate::record::{Canon, Record, is_content};
use crate::references::{Referring, referring};
use crate::report::Report;
use crate::schema::{FileSchema, Rule, Schema};

/// More updated records of a type than this share of those that are there hold an import.
pub const UPDATE_LIMIT: f64 = 0.75;
/// More removed records of a type than this share of those that are there hold an import.
pub const REMOVE_LIMIT: f64 = 0.10;

/// What an import would do, in the shape of SPEC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportTypes"))]
pub struct Plan {
    /// By type; types that are neither in the files nor there are left out.
    pub types: BTreeMap<String, Changes>,
    /// What has to be confirmed first.
    pub holds: Vec<Hold>,
    /// The files can be imported, and nothing holds it.
    pub can_proceed: bool,
    /// Values that should be one record's and are in the files with one id and there with another. They
    /// hold nothing: the two may be two indeed.
    pub doubles: Vec<Double>,
    /// References that would lead nowhere: of what the files put, and of what stays and names what goes.
    #[serde(default)]
    pub broken: Vec<BrokenReferences>,
}

impl Plan {
    /// What holds it besides, where records that bulk files no longer hold are removed too.
    #[must_use]
    pub fn holds_with_absent(&self) -> Vec<Hold> {
        let beside = self.holds.iter().filter(|hold| hold.kind != Hold::REFERENCES).cloned();
        beside.chain(self.broken.iter().filter_map(|one| Hold::references(one, one.with_absent))).collect()
    }
}

/// A value that a record of the files shares with one that is there under another id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportDouble"))]
pub struct Double {
    /// The type.
    #[serde(rename = "type")]
    pub kind_of_record: String,
    /// The column, such as an address.
    pub column: String,
    /// How many pairs there are.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
    /// The first ones.
    pub examples: Vec<DoubleExample>,
}

/// A row, and the record that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportDoubleExample"))]
pub struct DoubleExample {
    /// The row, the header being 1.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub row: u64,
    /// The id of the record that is there.
    pub id: String,
}

/// Examples of each sort of double.
const EXAMPLES: usize = 5;

/// What becomes of the records of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportChanges"))]
pub struct Changes {
    /// New.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub create: u64,
    /// There, with other values.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub update: u64,
    /// There, with the same values.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub unchanged: u64,
    /// There, and no longer in the files; or marked `tobedeleted` in a delta.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub remove: u64,
    /// There, and in the files only as rejected rows: left as they are.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub kept: u64,
    /// Of those removed: no row speaks of them, so they go only where somebody asks for it.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub absent: u64,
}

/// A reason to ask before an import goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportHold"))]
pub struct Hold {
    /// The type; blank where it is of all.
    #[serde(rename = "type")]
    pub kind_of_record: String,
    /// `update` or `remove`; `references` that would lead nowhere; `pilot`, which the service judges and
    /// nobody can confirm.
    pub kind: String,
    /// The share of the records that are there; of `pilot` the number of records, of `references` theirs.
    pub share: f64,
    /// The share, or number, up to which nobody is asked.
    pub limit: f64,
    /// The column that refers, of `references`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

impl Hold {
    /// The hold of a tenant's pilot.
    pub const PILOT: &str = "pilot";
    /// The hold of references that would lead nowhere.
    pub const REFERENCES: &str = "references";

    /// References that would lead nowhere; none where there are none.
    fn references(of: &BrokenReferences, count: u64) -> Option<Self> {
        (count > 0).then(|| Self {
            kind_of_record: of.r#type.clone(),
            kind: Self::REFERENCES.to_owned(),
            share: count as f64,
            limit: 0.0,
            column: Some(of.column.clone()),
        })
    }

    /// More records than an import may have while a tenant is in its pilot.
    #[must_use]
    pub fn pilot(records: u64, limit: u64) -> Self {
        Self {
            kind_of_record: String::new(),
            kind: Self::PILOT.to_owned(),
            share: records as f64,
            limit: limit as f64,
            column: None,
        }
    }
}

/// Plans an import of the files at `path` against the records that are there now, which `current`
/// passes on one by one, in any order. Answers the report of the check too.
///
/// Under bulk rules a record that the files no longer hold is a removal; of a delta only what it marks
/// `tobedeleted`. A record whose row is rejected is neither removed nor changed.
///
/// # Errors
/// As [`crate::check`]; what `current` says.
pub fn plan<E: From<ImportError>>(
    path: &Path,
    options: &Options,
    current: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> Result<(), E>,
) -> Result<(Plan, Report), E> {
    plan_with(path, options, current, |_, _| {})
}

/// [`plan`], and `absent` hears type and id of each record that is there and that files under bulk rules
/// no longer hold.
///
/// # Errors
/// As there.
pub fn plan_with<E: From<ImportError>>(
    path: &Path,
    options: &Options,
    current: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> Result<(), E>,
    mut absent: impl FnMut(&str, &str),
) -> Result<(Plan, Report), E> {
    let hashing = Hashing::new();
    let mut incoming = Incoming::new(hashing.clone());
    let checked = run_with(path, options, hashing, &mut incoming)?;
    incoming.reject(&checked.late);
    let mut comparison = Comparison::new(checked.schema, incoming, &checked.deltas);
    current(&mut |record| {
        if comparison.meet(record) {
            absent(record.kind, record.id);
        }
    })?;
    Ok((comparison.end(checked.report.can_proceed), checked.report))
}

/// A record in the files.
#[derive(Clone, Copy)]
struct Known {
    content: u64,
    row: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Rejected,
    ToBeDeleted,
    /// Found among the current records.
    Met,
}

#[derive(Default)]
struct File {
    records: HashMap<u64, Known, BuildHasherDefault<Itself>>,
    canon: Option<Canon>,
    /// For each column that no two records should share: its number, and who holds which value.
    shared: Vec<(usize, Holders)>,
    /// The columns that name records, each with its number.
    referring: Vec<(usize, Referring)>,
}

impl File {
    fn is_put(&self, id: u64) -> bool {
        self.records.get(&id).is_some_and(|known| matches!(known.state, State::Good | State::Met))
    }
}

/// The hash of a value to that of the id which holds it.
type Holders = HashMap<u64, u64, BuildHasherDefault<Itself>>;

/// The columns that no two records should share.
fn shared_columns(file: &'static FileSchema) -> impl Iterator<Item = &'static str> {
    file.rules.iter().filter_map(|rule| match rule {
        Rule::Shared(column) => Some(*column),
        _ => None,
    })
}

struct Incoming {
    hashing: Hashing,
    files: Vec<File>,
    buffer: Vec<u8>,
    /// References of rows to records that no row before them puts.
    loose: Vec<Loose>,
}

impl Incoming {
    fn new(hashing: Hashing) -> Self {
        Self { hashing, files: Vec::new(), buffer: Vec::new(), loose: Vec::new() }
    }

    fn is_put(&self, place: usize, id: u64) -> bool {
        self.files.get(place).is_some_and(|file| file.is_put(id))
    }

    /// Follows what a row names that puts a record.
    fn follow(&mut self, outcome: &Outcome<'_, '_>) {
        let Some(file) = self.files.get(outcome.place) else { return };
        let row = u32::try_from(outcome.row.number).unwrap_or(u32::MAX);
        for (at, column) in &file.referring {
            for name in column.ids(std::str::from_utf8(outcome.value(*at)).unwrap_or_default()) {
                let id = self.hashing.of(name.as_bytes());
                if !self.files.get(column.target).is_some_and(|target| target.is_put(id)) {
                    self.loose.push(Loose { from: column.from, id, row });
                }
            }
        }
    }

    fn reject(&mut self, late: &[Late]) {
        for (place, file) in self.files.iter_mut().enumerate() {
            let rows: HashSet<u64> =
                late.iter().filter(|late| late.place == place).map(|late| late.row).collect();
            if !rows.is_empty() {
                self.loose
                    .retain(|one| usize::from(one.from.0) != place || !rows.contains(&u64::from(one.row)));
                let rejected = file.records.values_mut().filter(|known| rows.contains(&u64::from(known.row)));
                rejected.for_each(|known| known.state = State::Rejected);
            }
        }
    }
}

impl Sink for Incoming {
    const LISTENS: bool = true;

    fn row(&mut self, outcome: &Outcome<'_, '_>) {
        if outcome.verdict == Verdict::Skipped {
            return;
        }
        if self.files.len() <= outcome.place {
            self.files.resize_with(outcome.place + 1, File::default);
        }
        let Some(file) = self.files.get_mut(outcome.place) else { return };
        if file.canon.is_none() {
            let at = |name| outcome.columns.iter().position(|bound| bound.column.name == name);
            file.shared = shared_columns(outcome.file)
                .map(|name| (at(name).unwrap_or(usize::MAX), Holders::default()))
                .collect();
            let referring = referring(outcome.schema).into_iter().nth(outcome.place).unwrap_or_default();
            file.referring = referring.into_iter().filter_map(|one| Some((at(one.column)?, one))).collect();
        }
        let canon = file.canon.get_or_insert_with(|| Canon::new(outcome));
        canon.content(outcome, &mut self.buffer);
        let state = match outcome.verdict {
            Verdict::Rejected => State::Rejected,
            _ if canon.is_leaving(outcome) => State::ToBeDeleted,
            _ => State::Good,
        };
        let id = match outcome.own {
            Some(own) => own,
            // Without a key nothing can be said of what is there, so there is nothing to keep.
            None if state == State::Rejected => return,
            None => self.hashing.of(canon.id_of_content(&self.buffer).as_bytes()),
        };
        for (column, holders) in file.shared.iter_mut().filter(|_| state == State::Good) {
            let value = outcome.value(*column);
            if !value.is_empty() {
                holders.entry(self.hashing.of(&value.to_ascii_lowercase())).or_insert(id);
            }
        }
        let row = u32::try_from(outcome.row.number).unwrap_or(u32::MAX);
        file.records.insert(id, Known { content: self.hashing.of(&self.buffer), row, state });
        if state == State::Good {
            self.follow(outcome);
        }
    }
}

/// The files beside what is there.
struct Comparison {
    incoming: Incoming,
    /// By the place of a file in the format; those that the files do not hold are none of their business.
    fates: Vec<Option<Fate>>,
    schema: &'static Schema,
    /// The place of the last record's type.
    last: usize,
    /// By the place of a file and of a column in it.
    doubles: BTreeMap<(usize, usize), Double>,
    ends: Ends,
}

#[derive(Default)]
struct Fate {
    is_delta: bool,
    there: u64,
    changes: Changes,
}

impl Comparison {
    fn new(schema: &'static Schema, incoming: Incoming, deltas: &[usize]) -> Self {
        let fate = |(place, file): (usize, &File)| {
            let fate = Fate { is_delta: deltas.contains(&place), ..Fate::default() };
            file.canon.is_some().then_some(fate)
        };
        let fates = incoming.files.iter().enumerate().map(fate).collect();
        let deltas = |(place, file): (usize, &File)| file.canon.is_some().then_some(deltas.contains(&place));
        let ends = Ends::new(schema, &incoming, incoming.files.iter().enumerate().map(deltas).collect());
        Self { incoming, fates, schema, last: 0, doubles: BTreeMap::new(), ends }
    }

    /// Counts a record that is there; says whether bulk files no longer hold it.
    fn meet(&mut self, record: Record<'_>) -> bool {
        if self.schema.files.get(self.last).is_none_or(|file| file.kind != record.kind) {
            let Some(place) = self.schema.place(record.kind) else { return false };
            self.last = place;
        }
        let is_absent = self.compare(&record);
        self.ends.meet(self.last, &record, is_absent, &self.incoming);
        is_absent
    }

    /// Counts a record of the last type.
    fn compare(&mut self, record: &Record<'_>) -> bool {
        let (Some(Some(fate)), Some(held), Some(file)) = (
            self.fates.get_mut(self.last),
            self.incoming.files.get_mut(self.last),
            self.schema.files.get(self.last),
        ) else {
            return false;
        };
        let hashing = &self.incoming.hashing;
        fate.there += 1;
        let own = hashing.of(record.id.as_bytes());
        // What the files make of a record is held against them by the check.
        if held.records.get(&own).is_none_or(|known| known.state == State::Rejected) {
            for (place, (column, (_, holders))) in shared_columns(file).zip(&held.shared).enumerate() {
                let value = record.values.iter().find(|(name, _)| *name == column);
                let holder = value
                    .and_then(|(_, value)| holders.get(&hashing.of(value.to_ascii_lowercase().as_bytes())));
                let Some(known) = holder.filter(|id| **id != own).and_then(|id| held.records.get(id)) else {
                    continue;
                };
                let double = self.doubles.entry((self.last, place)).or_insert_with(|| Double {
                    kind_of_record: file.kind.to_owned(),
                    column: column.to_owned(),
                    count: 0,
                    examples: Vec::new(),
                });
                double.count += 1;
                if double.examples.len() < EXAMPLES {
                    double
                        .examples
                        .push(DoubleExample { row: u64::from(known.row), id: record.id.to_owned() });
                }
            }
        }
        match held.records.get_mut(&own) {
            None if fate.is_delta => fate.changes.unchanged += 1,
            None => {
                fate.changes.remove += 1;
                fate.changes.absent += 1;
                return true;
            }
            Some(known) => {
                match known.state {
                    State::Rejected | State::Met => fate.changes.kept += 1,
                    State::ToBeDeleted => fate.changes.remove += 1,
                    State::Good
                        if known.content == content_of(hashing, file, record, &mut self.incoming.buffer) =>
                    {
                        fate.changes.unchanged += 1;
                    }
                    State::Good => fate.changes.update += 1,
                }
                if known.state == State::Good {
                    known.state = State::Met;
                }
            }
        }
        false
    }

    /// What was not met is new.
    fn end(self, can_proceed: bool) -> Plan {
        let broken = self.ends.broken(&self.incoming);
        let (mut types, mut there) = (BTreeMap::new(), BTreeMap::new());
        for ((fate, held), file) in self.fates.into_iter().zip(&self.incoming.files).zip(self.schema.files) {
            let Some(mut fate) = fate else { continue };
            let new = held.records.values().filter(|known| known.state == State::Good);
            fate.changes.create = new.count() as u64;
            types.insert(file.kind.to_owned(), fate.changes);
            there.insert(file.kind.to_owned(), fate.there);
        }
        let mut holds = holds(&types, &there);
        holds.extend(broken.iter().filter_map(|one| Hold::references(one, one.count)));
        Plan {
            can_proceed: can_proceed && holds.is_empty(),
            types,
            holds,
            doubles: self.doubles.into_values().collect(),
            broken,
        }
    }
}

fn content_of(hashing: &Hashing, file: &FileSchema, record: &Record<'_>, buffer: &mut Vec<u8>) -> u64 {
    buffer.clear();
    // They mostly come in the order of the format.
    let mut rest = record.values.iter().peekable();
    for column in file.columns.iter().filter(|column| is_content(column)) {
        let next = rest.next_if(|(name, _)| *name == column.name);
        let held = next.or_else(|| record.values.iter().find(|(name, _)| *name == column.name));
        if let Some((_, value)) = held {
            crate::record::put(buffer, column.name, value.as_bytes());
        }
    }
    hashing.of(buffer)
}

fn holds(types: &BTreeMap<String, Changes>, there: &BTreeMap<String, u64>) -> Vec<Hold> {
    let mut holds = Vec::new();
    for (kind, changes) in types {
        let there = there.get(kind).copied().unwrap_or(0);
        for (what, count, limit) in
            [("update", changes.update, UPDATE_LIMIT), ("remove", changes.remove, REMOVE_LIMIT)]
        {
            let share = if there == 0 { 0.0 } else { count as f64 / there as f64 };
            if share > limit {
                holds.push(Hold {
                    kind_of_record: kind.clone(),
                    kind: what.to_owned(),
                    share,
                    limit,
                    column: None,
                });
            }
        }
    }
    holds
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;
    use crate::Source;
    use crate::generate::{Dirt, Set, write};
    use crate::schema::schema;

    fn set(seed: u64, dirt: Vec<(Dirt, u32)>) -> TempDir {
        let dir = TempDir::new().unwrap();
        write(
            dir.path(),
            &Set { seed, schools: 2, courses: 2, classes: 3, users: 20, enrollments: 50, dirt },
        )
        .unwrap();
        dir
    }

    /// A record that is there.
    #[derive(Clone)]
    struct Current {
        kind: String,
        id: String,
        values: Vec<(String, String)>,
    }

    /// What would be there after the clean set in `dir` was imported.
    fn imported(dir: &TempDir) -> Vec<Current> {
        let limits = crate::Limits::default();
        let source = Source::open(dir.path(), &limits, &|_| crate::Told::default()).unwrap();
        let schema = schema("oneroster-1.1").unwrap();
        let mut records = Vec::new();
        for table in &source.tables {
            let Some(file) = schema.files.iter().find(|f| f.kind.to_lowercase() == table.stem) else {
                continue;
            };
            let head = table.head(&limits, usize::MAX).unwrap();
            for row in head.rows {
                let values: Vec<(String, String)> = head.labels.iter().cloned().zip(row).collect();
                let id = values[0].1.clone();
                records.push(Current { kind: file.kind.to_owned(), id, values });
            }
        }
        records
    }

    fn both(dir: &TempDir, current: &[Current]) -> (Plan, Report) {
        plan(dir.path(), &Options::default(), |meet| {
            for Current { kind, id, values } in current {
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                meet(Record { kind, id, values: &values });
            }
            Ok::<(), ImportError>(())
        })
        .unwrap()
    }

    fn planned(dir: &TempDir, current: Vec<Current>) -> Plan {
        both(dir, &current).0
    }

    fn users(plan: &Plan) -> Changes {
        plan.types["users"]
    }

    #[test]
    fn into_nothing_everything_is_new() {
        let plan = planned(&set(1, vec![]), vec![]);
        assert_eq!(users(&plan), Changes { create: 40, ..Changes::default() });
        assert_eq!(plan.types["enrollments"].create, 100);
        assert!(plan.can_proceed);
    }

    #[test]
    fn a_second_import_of_the_same_changes_nothing() {
        let dir = set(1, vec![]);
        let plan = planned(&dir, imported(&dir));
        for (kind, changes) in &plan.types {
            assert_eq!(
                (changes.create, changes.update, changes.remove, changes.kept),
                (0, 0, 0, 0),
                "{kind}"
            );
            assert!(changes.unchanged > 0, "{kind}");
        }
        assert!(plan.can_proceed && plan.holds.is_empty());
    }

    #[test]
    fn a_fixed_value_is_compared_as_it_is_imported() {
        let (clean, dirty) = (set(1, vec![]), set(1, vec![(Dirt::UsDate, 3), (Dirt::RoleCase, 3)]));
        assert_eq!(planned(&dirty, imported(&clean)).types, planned(&clean, imported(&clean)).types);
    }

    #[test]
    fn a_rejected_row_neither_removes_nor_changes_its_record() {
        let (clean, dirty) =
            (set(1, vec![]), set(1, vec![(Dirt::UserBadRole, 2), (Dirt::UserOrphanAgent, 2)]));
        let plan = planned(&dirty, imported(&clean));
        assert_eq!(users(&plan), Changes { unchanged: 36, kept: 4, ..Changes::default() });
        assert!(!plan.can_proceed);
        assert_eq!(plan.holds, []);
    }

    #[test]
    fn many_updates_and_some_removals_hold() {
        let dir = set(1, vec![]);
        let mut current = imported(&dir);
        let people = |current: &mut Vec<Current>| current.iter().filter(|r| r.kind == "users").count();
        let count = people(&mut current);
        let mut changed = 0;
        for record in current.iter_mut().filter(|record| record.kind == "users") {
            if changed * 4 <= count * 3 {
                record.values.iter_mut().for_each(|(name, value)| {
                    if name == "givenName" {
                        value.push('x')
                    }
                });
                changed += 1;
            }
        }
        let plan = planned(&dir, current.clone());
        assert_eq!(users(&plan).update, changed as u64);
        assert_eq!((plan.holds[0].kind_of_record.as_str(), plan.holds[0].kind.as_str()), ("users", "update"));
        assert!(plan.holds[0].share > UPDATE_LIMIT && !plan.can_proceed);

        let mut current = imported(&dir);
        let stranger = |n: usize| Current { kind: "users".into(), id: format!("gone{n}"), values: vec![] };
        current.extend((0..4).map(stranger));
        assert_eq!(planned(&dir, current.clone()).holds, [], "4 of 44 are under a tenth");
        current.extend((4..5).map(stranger));
        let plan = planned(&dir, current);
        assert_eq!((users(&plan).remove, plan.holds[0].kind.as_str()), (5, "remove"));
    }

    #[test]
    fn a_delta_removes_what_it_marks_and_nothing_else() {
        let dir = TempDir::new().unwrap();
        let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,delta\n";
        std::fs::write(dir.path().join("manifest.csv"), manifest).unwrap();
        let orgs = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\na,tobedeleted,2026-01-01T00:00:00Z,A,school,,\nb,active,2026-01-01T00:00:00Z,B2,school,,\nc,active,2026-01-01T00:00:00Z,C,school,,\n";
        std::fs::write(dir.path().join("orgs.csv"), orgs).unwrap();
        let org = |key: &str, name: &str| Current {
            kind: "orgs".into(),
            id: key.into(),
            values: [("sourcedId", key), ("name", name), ("type", "school")]
                .map(|(a, b)| (a.into(), b.into()))
                .to_vec(),
        };
        let plan = planned(&dir, ["a", "b", "d"].map(|key| org(key, &key.to_uppercase())).to_vec());
        assert_eq!(
            plan.types["orgs"],
            Changes { create: 1, update: 1, unchanged: 1, remove: 1, kept: 0, absent: 0 }
        );
    }

    #[test]
    fn references_of_a_delta_and_to_what_goes_are_followed_beside_what_is_there() {
        let dir = TempDir::new().unwrap();
        let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,delta\nfile.courses,delta\n";
        std::fs::write(dir.path().join("manifest.csv"), manifest).unwrap();
        let at = "2026-01-01T00:00:00Z";
        let orgs = format!(
            "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\na,tobedeleted,{at},A,school,,\nb,active,{at},B,school,,z\nc,active,{at},C,school,,b\n"
        );
        std::fs::write(dir.path().join("orgs.csv"), orgs).unwrap();
        let courses = format!(
            "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes\nk1,active,{at},,One,,,a,,\nk2,active,{at},,Two,,,d,,\nk3,active,{at},,Three,,,y,,\n"
        );
        std::fs::write(dir.path().join("courses.csv"), courses).unwrap();
        let there = |kind: &str, id: &str, values: &[(&str, &str)]| Current {
            kind: kind.into(),
            id: id.into(),
            values: values.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
        };
        let current = vec![
            there("orgs", "a", &[("name", "A")]),
            there("orgs", "d", &[("name", "D")]),
            there("users", "u1", &[("orgSourcedIds", "a,d")]),
            there("users", "u2", &[("orgSourcedIds", "x")]),
        ];
        let plan = planned(&dir, current.clone());
        let broken = |kind: &str, column: &str, count| BrokenReferences {
            r#type: kind.into(),
            column: column.into(),
            count,
            with_absent: count,
        };
        // Of what was broken before, as u2's, nobody is told.
        let expected = [
            broken("courses", "orgSourcedId", 2),
            broken("orgs", "parentSourcedId", 1),
            broken("users", "orgSourcedIds", 1),
        ];
        assert_eq!(plan.broken, expected);
        let held: Vec<_> = plan.holds.iter().filter(|hold| hold.kind == Hold::REFERENCES).collect();
        assert_eq!((held.len(), held[0].column.as_deref(), held[0].share), (3, Some("orgSourcedId"), 2.0));
        assert!(!plan.can_proceed);
    }

    #[test]
    fn what_bulk_files_no_longer_hold_may_be_named_by_what_stays() {
        let dir = set(1, vec![(Dirt::UserBadRole, 2)]);
        let mut current = imported(&set(1, vec![]));
        let stays = current.iter().find(|one| one.kind == "orgs").unwrap().clone();
        current.push(Current { id: "gone".into(), ..stays });
        // Its row is rejected, so it stays as it is.
        let kept: Vec<String> = {
            let (_, report) = both(&dir, &current);
            let problem = report.problems.iter().find(|one| one.column.as_deref() == Some("role")).unwrap();
            problem.examples.iter().map(|one| one.row.to_string()).collect()
        };
        let row: usize = kept[0].parse().unwrap();
        let users: Vec<usize> = (0..current.len()).filter(|at| current[*at].kind == "users").collect();
        let user = &mut current[users[row - 2]];
        user.values
            .iter_mut()
            .filter(|(name, _)| name == "orgSourcedIds")
            .for_each(|(_, v)| v.push_str(",gone"));
        let plan = planned(&dir, current);
        let broken = BrokenReferences {
            r#type: "users".into(),
            column: "orgSourcedIds".into(),
            count: 0,
            with_absent: 1,
        };
        assert_eq!(plan.broken, [broken]);
        let references = |holds: &[Hold]| holds.iter().filter(|hold| hold.kind == Hold::REFERENCES).count();
        assert_eq!((references(&plan.holds), references(&plan.holds_with_absent())), (0, 1));
    }

    #[test]
    fn a_value_that_is_there_under_another_id_is_told_and_holds_nothing() {
        let dir = TempDir::new().unwrap();
        let head = "student_id,first_name,last_name,email,grade\n";
        // 1 is there as it is; 2 has 9's address; 3 and 4 swap theirs; 5 has none.
        let rows = "1,Ann,Lee,a@x.org,9\n2,Bob,Roe,Z@x.org,9\n3,Cid,Poe,d@x.org,9\n4,Dee,Fox,c@x.org,9\n5,Eve,Gay,,9\n";
        std::fs::write(dir.path().join("students.csv"), format!("{head}{rows}")).unwrap();
        let pupil = |id: &str, email: &str| Current {
            kind: "students".into(),
            id: id.into(),
            values: [("student_id", id), ("email", email)].map(|(a, b)| (a.into(), b.into())).to_vec(),
        };
        let there =
            [("1", "a@x.org"), ("3", "c@x.org"), ("4", "d@x.org"), ("9", "z@x.org"), ("8", "n@x.org")];
        let plan = planned(&dir, there.map(|(id, email)| pupil(id, email)).to_vec());
        let double = Double {
            kind_of_record: "students".into(),
            column: "email".into(),
            count: 1,
            examples: vec![DoubleExample { row: 3, id: "9".into() }],
        };
        assert_eq!(plan.doubles, [double]);
        assert_eq!(planned(&dir, vec![]).doubles, []);
    }

    #[test]
    fn rows_without_a_key_are_told_apart_by_what_they_hold() {
        let dir = TempDir::new().unwrap();
        let cases = "case categories,case status,event description,reporter anonymous,submission date,closed date,substantiation status\nTheft,Closed,One,TRUE,2026-01-01,2026-02-01,Undetermined\nTheft,Closed,Two,TRUE,2026-01-01,2026-02-01,Undetermined\nTheft,Closed,One,TRUE,2026-01-01,2026-02-01,Undetermined\n";
        std::fs::write(dir.path().join("cases.csv"), cases).unwrap();
        let (plan, report) = both(&dir, &[]);
        assert_eq!((report.totals.accepted + report.totals.fixed, plan.types["cases"].create), (3, 3));
    }

    #[test]
    fn the_shape_is_that_of_spec() {
        let hold = Hold {
            kind_of_record: "users".into(),
            kind: "remove".into(),
            share: 0.5,
            limit: 0.1,
            column: None,
        };
        let json = serde_json::to_value(hold).unwrap();
        assert_eq!(json, serde_json::json!({"type": "users", "kind": "remove", "share": 0.5, "limit": 0.1}));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Whatever is there and whatever comes: every current record of a type in the files has one
        /// fate, every good row one effect.
        #[test]
        fn every_record_has_one_fate(
            seed in 0..1_000u64,
            other in 0..1_000u64,
            dirt in proptest::collection::vec((proptest::sample::select(Dirt::ALL), 1..4u32), 0..5),
            drop in 0..5usize,
        ) {
            // Half of the records are those of the files, half of another set.
            let (dir, there) = (set(seed, dirt), set(seed, vec![]));
            let mut current: Vec<Current> = imported(&there).into_iter().skip(drop * 20).collect();
            for record in imported(&set(other + 2_000, vec![])) {
                if record.kind != "users" {
                    current.push(record);
                }
            }
            let (plan, report) = both(&dir, &current);
            for (kind, c) in &plan.types {
                let there = current.iter().filter(|record| record.kind == *kind).count() as u64;
                prop_assert_eq!(c.update + c.unchanged + c.remove + c.kept, there, "{}", kind);
                let file = report.files.iter().find(|file| file.kind.as_deref() == Some(kind)).unwrap();
                let good = file.counts.accepted + file.counts.fixed;
                prop_assert_eq!(c.create + c.update + c.unchanged, good, "{}", kind);
            }
        }
    }
}
