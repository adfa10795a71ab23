//! What an import would do to what is there: creates, updates, unchanged and removals by type, and
//! the holds that ask for a confirmation first.
//!
//! A pure function over the files and the current records. Records are told apart by kind and key and
//! compared by a hash of their values, so that memory follows the number of records, not their size.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check::{Hashing, Itself, Options, Outcome, Sink, Verdict, run_with};
use crate::error::Result;
use crate::report::Report;
use crate::schema::{FileSchema, Need, Schema};

/// More updated records of a type than this share of those that are there hold an import.
pub const UPDATE_LIMIT: f64 = 0.75;
/// More removed records of a type than this share of those that are there hold an import.
pub const REMOVE_LIMIT: f64 = 0.10;

/// A record as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Its type, such as `users`.
    pub kind: String,
    /// The values of the key's columns, in the order of the format.
    pub key: Vec<String>,
    /// Column and value, in any order; blank values may be left out.
    pub values: Vec<(String, String)>,
}

/// What an import would do, in the shape of SPEC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// By type; types that are neither in the files nor there are left out.
    pub types: BTreeMap<String, Changes>,
    /// What has to be confirmed first.
    pub holds: Vec<Hold>,
    /// The files can be imported, and nothing holds it.
    pub can_proceed: bool,
}

/// What becomes of the records of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// New.
    pub create: u64,
    /// There, with other values.
    pub update: u64,
    /// There, with the same values.
    pub unchanged: u64,
    /// There, and no longer in the files; or marked `tobedeleted` in a delta.
    pub remove: u64,
    /// There, and in the files only as rejected rows: left as they are.
    pub kept: u64,
}

/// A reason to ask before an import goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The type.
    #[serde(rename = "type")]
    pub kind_of_record: String,
    /// `update` or `remove`.
    pub kind: String,
    /// The share of the records that are there.
    pub share: f64,
    /// The share up to which nobody is asked.
    pub limit: f64,
}

/// Plans an import of the files at `path` against the records that are there now. Answers the report
/// of the check too.
///
/// Under bulk rules a record that the files no longer hold is a removal; of a delta only what it marks
/// `tobedeleted`. A record whose row is rejected is neither removed nor changed.
///
/// # Errors
/// As [`crate::check`].
pub fn plan(
    path: &Path,
    options: &Options,
    current: impl IntoIterator<Item = Current>,
) -> Result<(Plan, Report)> {
    let hashing = Hashing::new();
    let mut incoming = Incoming { hashing: hashing.clone(), files: Vec::new(), buffer: Vec::new() };
    let checked = run_with(path, options, hashing.clone(), &mut incoming)?;
    for late in &checked.late {
        incoming.reject(late.place, late.row);
    }
    let plan = compare(checked.schema, &mut incoming, &checked.deltas, current, checked.report.can_proceed);
    Ok((plan, checked.report))
}

/// A record in the files.
#[derive(Clone, Copy)]
struct Record {
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
    records: HashMap<u64, Record, BuildHasherDefault<Itself>>,
    /// The numbers of the columns that count, in the order of the format.
    columns: Vec<usize>,
    status: Option<usize>,
    is_bound: bool,
}

struct Incoming {
    hashing: Hashing,
    files: Vec<File>,
    buffer: Vec<u8>,
}

impl Incoming {
    fn reject(&mut self, place: usize, row: u64) {
        let Some(file) = self.files.get_mut(place) else { return };
        let late = file.records.values_mut().filter(|record| u64::from(record.row) == row);
        late.for_each(|record| record.state = State::Rejected);
    }
}

/// Whether a column's values make a record what it is: when it changed last does not.
fn counts(column: &crate::schema::Column) -> bool {
    column.need != Need::Delta
}

fn put(buffer: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !value.is_empty() {
        buffer.extend_from_slice(name.as_bytes());
        buffer.push(0x1e);
        buffer.extend_from_slice(value);
        buffer.push(0x1f);
    }
}

impl Sink for Incoming {
    const LISTENS: bool = true;

    fn row(&mut self, outcome: &Outcome<'_, '_>) {
        let Some(own) = outcome.own.filter(|_| outcome.verdict != Verdict::Skipped) else { return };
        if self.files.len() <= outcome.place {
            self.files.resize_with(outcome.place + 1, File::default);
        }
        let Some(file) = self.files.get_mut(outcome.place) else { return };
        if !file.is_bound {
            file.is_bound = true;
            let at = |name: &str| outcome.columns.iter().position(|bound| bound.column.name == name);
            file.columns =
                outcome.file.columns.iter().filter(|c| counts(c)).filter_map(|c| at(c.name)).collect();
            file.status = at("status").filter(|_| outcome.file.column("status").is_some_and(|c| !counts(c)));
        }
        self.buffer.clear();
        for column in &file.columns {
            let name = outcome.columns.get(*column).map_or("", |bound| bound.column.name);
            put(&mut self.buffer, name, outcome.value(*column));
        }
        let is_leaving = file.status.is_some_and(|status| outcome.value(status) == b"tobedeleted");
        let state = match outcome.verdict {
            Verdict::Rejected => State::Rejected,
            _ if is_leaving && outcome.is_delta => State::ToBeDeleted,
            _ => State::Good,
        };
        let row = u32::try_from(outcome.row.number).unwrap_or(u32::MAX);
        file.records.insert(own, Record { content: self.hashing.of(&self.buffer), row, state });
    }
}

/// What stands behind a key in the files, beside what is there now.
fn compare(
    schema: &'static Schema,
    incoming: &mut Incoming,
    deltas: &[usize],
    current: impl IntoIterator<Item = Current>,
    can_proceed: bool,
) -> Plan {
    let mut types: BTreeMap<String, Changes> = BTreeMap::new();
    let mut there: BTreeMap<String, u64> = BTreeMap::new();
    let mut buffer = Vec::new();
    let hashing = incoming.hashing.clone();
    for record in current {
        let Some(place) = schema.place(&record.kind) else { continue };
        // A type that the files do not hold at all is none of their business.
        let (Some(file), Some(held)) = (schema.files.get(place), incoming.files.get_mut(place)) else {
            continue;
        };
        if !held.is_bound {
            continue;
        }
        *there.entry(record.kind.clone()).or_default() += 1;
        let changes = types.entry(record.kind.clone()).or_default();
        let is_delta = deltas.contains(&place);
        match held.records.get_mut(&key_of(&hashing, file, &record)) {
            None if is_delta => changes.unchanged += 1,
            None => changes.remove += 1,
            Some(found) => {
                match found.state {
                    State::Rejected | State::Met => changes.kept += 1,
                    State::ToBeDeleted => changes.remove += 1,
                    State::Good if found.content == content_of(&hashing, file, &record, &mut buffer) => {
                        changes.unchanged += 1;
                    }
                    State::Good => changes.update += 1,
                }
                found.state = if found.state == State::Rejected { State::Rejected } else { State::Met };
            }
        }
    }
    for (place, held) in incoming.files.iter().enumerate() {
        let new = held.records.values().filter(|record| record.state == State::Good).count() as u64;
        if let Some(file) = schema.files.get(place).filter(|_| held.is_bound) {
            types.entry(file.kind.to_owned()).or_default().create += new;
        }
    }
    let holds = holds(&types, &there);
    Plan { can_proceed: can_proceed && holds.is_empty(), types, holds }
}

fn key_of(hashing: &Hashing, file: &FileSchema, record: &Current) -> u64 {
    let is_email = |index: usize| {
        let column = file.key.get(index).and_then(|name| file.column(name));
        column.is_some_and(|column| column.holds == crate::schema::Holds::Email)
    };
    let parts: Vec<String> = record
        .key
        .iter()
        .enumerate()
        .map(|(index, part)| if is_email(index) { part.to_ascii_lowercase() } else { part.clone() })
        .collect();
    hashing.of(parts.join("\u{1f}").as_bytes())
}

fn content_of(hashing: &Hashing, file: &FileSchema, record: &Current, buffer: &mut Vec<u8>) -> u64 {
    buffer.clear();
    for column in file.columns.iter().filter(|column| counts(column)) {
        if let Some((_, value)) = record.values.iter().find(|(name, _)| name == column.name) {
            put(buffer, column.name, value.as_bytes());
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
                holds.push(Hold { kind_of_record: kind.clone(), kind: what.to_owned(), share, limit });
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
                let key = vec![values[0].1.clone()];
                records.push(Current { kind: file.kind.to_owned(), key, values });
            }
        }
        records
    }

    fn planned(dir: &TempDir, current: Vec<Current>) -> Plan {
        plan(dir.path(), &Options::default(), current).unwrap().0
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
        let stranger =
            |n: usize| Current { kind: "users".into(), key: vec![format!("gone{n}")], values: vec![] };
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
            key: vec![key.into()],
            values: [("sourcedId", key), ("name", name), ("type", "school")]
                .map(|(a, b)| (a.into(), b.into()))
                .to_vec(),
        };
        let plan = planned(&dir, ["a", "b", "d"].map(|key| org(key, &key.to_uppercase())).to_vec());
        assert_eq!(plan.types["orgs"], Changes { create: 1, update: 1, unchanged: 1, remove: 1, kept: 0 });
    }

    #[test]
    fn the_shape_is_that_of_spec() {
        let hold = Hold { kind_of_record: "users".into(), kind: "remove".into(), share: 0.5, limit: 0.1 };
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
            let (plan, report) = plan(dir.path(), &Options::default(), current.clone()).unwrap();
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
