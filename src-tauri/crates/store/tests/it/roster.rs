//! The roster of a tenant: revisions, rollbacks, diffs, damage, crashes, and the end of its key.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cairn_domain::Hash;
use cairn_store::roster::{Back, Changes, Filter, Left, PageQuery, Record, Revision, Roster, Walk, Why};
use cairn_store::{Store, StoreError, SystemEntropy};
use proptest::prelude::*;

use crate::fake::{Fake, Laptop, data_key, tenant};
use crate::keys::raw;

/// A record's type and id.
type Key = (String, String);
type Values = BTreeMap<String, String>;
type State = BTreeMap<Key, Values>;

fn laptop() -> (Fake, Laptop) {
    let mut fake = Fake::new();
    let laptop = Laptop::new(&mut fake, "a", 1);
    (fake, laptop)
}

fn file(store: &Store) -> PathBuf {
    store.path().with_file_name("tenants").join(format!("{}.db", tenant()))
}

/// What an import says of a record: its values, or that it goes.
type Rows = BTreeMap<Key, Option<Values>>;

fn row(kind: &str, id: &str, values: &[(&str, &str)]) -> (Key, Option<Values>) {
    let values = values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    ((kind.into(), id.into()), Some(values))
}

fn gone(kind: &str, id: &str) -> (Key, Option<Values>) {
    ((kind.into(), id.into()), None)
}

/// So many users, with enough in each to fill several pages.
fn users(count: usize, mark: &str) -> Rows {
    let one = |n: usize| row("users", &format!("u{n:04}"), &[("name", mark), ("note", &"x".repeat(200))]);
    (0..count).map(one).collect()
}

fn revision(number: u64) -> (u64, String) {
    (number, format!("t1:d:{number}"))
}

fn import(roster: &mut Roster, number: u64, rows: &Rows) -> BTreeMap<String, Changes> {
    let (number, import) = revision(number);
    let applied = roster.apply(Revision { number, import: &import }, |writer| {
        for ((kind, id), values) in rows {
            match values {
                Some(values) => {
                    let values: Vec<(&str, &str)> =
                        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    writer.put(kind, id, &values)?;
                }
                None => writer.remove(kind, id)?,
            }
        }
        Ok::<(), StoreError>(())
    });
    applied.unwrap().counts
}

fn roll_back(roster: &mut Roster, number: u64, back: u64) -> (BTreeMap<String, Changes>, Vec<Left>) {
    let (number, import) = revision(number);
    let mut left = Vec::new();
    let applied = roster
        .roll_back(
            Revision { number, import: &import },
            Back { revision: back, naming: &|_, _, _| () },
            |one| left.push(one),
        )
        .unwrap();
    assert_eq!(applied.takes_back, Some(back));
    (applied.counts, left)
}

fn export(roster: &Roster) -> String {
    let mut bytes = Vec::new();
    roster.export(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    result.unwrap_err().code().to_owned()
}

// The model: everything in memory, each state of a record with a number of its own.

#[derive(Clone, Debug, Default, PartialEq)]
struct Stand {
    /// 0 is the state before anything was known of the record.
    number: u64,
    values: Option<Values>,
}

#[derive(Default)]
struct Model {
    stands: BTreeMap<Key, Stand>,
    states: Vec<State>,
    /// By revision: what stood before and what stood after.
    effects: Vec<BTreeMap<Key, (Stand, Stand)>>,
    numbers: u64,
}

fn tally(counts: &mut BTreeMap<String, Changes>, kind: &str, before: bool, after: bool) {
    let counts = counts.entry(kind.to_owned()).or_default();
    match (before, after) {
        (false, true) => counts.create += 1,
        (true, true) => counts.update += 1,
        (true, false) => counts.remove += 1,
        (false, false) => counts.unchanged += 1,
    }
}

impl Model {
    fn state(&self) -> State {
        let there = self.stands.iter().filter_map(|(key, stand)| Some((key.clone(), stand.values.clone()?)));
        there.collect()
    }

    fn at(&self, number: u64) -> State {
        (number as usize).checked_sub(1).map(|at| self.states[at].clone()).unwrap_or_default()
    }

    fn end(&mut self, effects: BTreeMap<Key, (Stand, Stand)>) {
        self.effects.push(effects);
        self.states.push(self.state());
    }

    fn import(&mut self, rows: &Rows) -> BTreeMap<String, Changes> {
        let (mut counts, mut effects) = (BTreeMap::new(), BTreeMap::new());
        for (key, values) in rows {
            let values = values.clone().map(|mut values| {
                values.retain(|_, value| !value.is_empty());
                values
            });
            let before = self.stands.get(key).cloned().unwrap_or_default();
            if before.values == values {
                if values.is_some() {
                    counts.entry(key.0.clone()).or_insert_with(Changes::default).unchanged += 1;
                }
                continue;
            }
            self.numbers += 1;
            let after = Stand { number: self.numbers, values };
            tally(&mut counts, &key.0, before.values.is_some(), after.values.is_some());
            self.stands.insert(key.clone(), after.clone());
            effects.insert(key.clone(), (before, after));
        }
        self.end(effects);
        counts
    }

    fn roll_back(&mut self, back: u64) -> (BTreeMap<String, Changes>, Vec<Key>) {
        let (mut counts, mut effects, mut kept) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (key, (before, after)) in self.effects[back as usize - 1].clone() {
            let stands = self.stands[&key].clone();
            if stands.number != after.number {
                kept.push(key);
                continue;
            }
            tally(&mut counts, &key.0, stands.values.is_some(), before.values.is_some());
            self.stands.insert(key.clone(), before.clone());
            effects.insert(key, (stands, before));
        }
        self.end(effects);
        (counts, kept)
    }

    fn export(&self) -> String {
        let lines = self.state().into_iter().map(|((kind, id), values)| {
            let values = serde_json::to_string(&values).unwrap();
            let [kind, id] = [kind, id].map(|text| serde_json::to_string(&text).unwrap());
            format!("{{\"type\":{kind},\"id\":{id},\"values\":{values}}}\n")
        });
        lines.collect()
    }

    fn diff(&self, from: u64, to: u64) -> BTreeMap<Key, (Option<Values>, Option<Values>)> {
        let (from, to) = (self.at(from), self.at(to));
        let keys = from.keys().chain(to.keys()).cloned();
        let pairs = keys.map(|key| (key.clone(), (from.get(&key).cloned(), to.get(&key).cloned())));
        pairs.filter(|(_, (before, after))| before != after).collect()
    }
}

/// The whole of a diff, in pages of three.
fn diff(roster: &Roster, from: u64, to: u64) -> BTreeMap<Key, (Option<Values>, Option<Values>)> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = roster.diff(from, to, after, 3).unwrap();
        assert!(page.differences.len() <= 3);
        for one in page.differences {
            let map = |values: Option<Vec<(String, String)>>| values.map(|v| v.into_iter().collect());
            let was = all.insert((one.kind, one.id), (map(one.before), map(one.after)));
            assert!(was.is_none(), "each record stands in a diff once");
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// All records of a type, in pages of two.
fn pages(roster: &Roster, kind: &str, filter: &Filter) -> Vec<Record> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = roster.page(PageQuery { kind, after: after.as_deref(), limit: 2, filter }).unwrap();
        assert!(page.records.len() <= 2);
        all.extend(page.records);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn same(roster: &Roster, model: &Model) {
    let state = model.state();
    assert_eq!(export(roster), model.export());
    roster.verify().unwrap();
    let mut counts = roster.counts().unwrap();
    counts.retain(|_, count| *count > 0);
    let mut expected = BTreeMap::new();
    state.keys().for_each(|(kind, _)| *expected.entry(kind.clone()).or_insert(0) += 1);
    assert_eq!(counts, expected);
    let record = |((kind, id), values): (&Key, &Values)| {
        let mut values: Vec<_> = values.clone().into_iter().collect();
        values.sort();
        (kind.clone(), id.clone(), values)
    };
    let mut paged = Vec::new();
    for kind in ["classes", "users"] {
        for mut one in pages(roster, kind, &Filter::default()) {
            assert_eq!(roster.get(kind, &one.id).unwrap().as_ref(), Some(&one));
            one.values.sort();
            paged.push((one.kind, one.id, one.values));
        }
    }
    assert_eq!(paged, state.iter().map(record).collect::<Vec<_>>());
}

#[derive(Clone, Debug)]
enum Step {
    Import(Rows),
    RollBack(prop::sample::Index),
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c][0-3]",
        1 => prop::sample::select(vec![
            "F5CD259C-0AB6-48B3-ED3E-BF3131641960".to_owned(),
            "f5cd259c-0ab6-48b3-ed3e-bf3131641960".to_owned(),
            "é 'x'\u{1f}".to_owned(),
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let values = prop::collection::btree_map("[a-c]", prop_oneof!["[x-z]{0,2}", id()], 0..3);
    let kind = prop::sample::select(vec!["users".to_owned(), "classes".to_owned()]);
    let rows = prop::collection::btree_map((kind, id()), prop::option::weighted(0.8, values), 0..10);
    prop_oneof![
        3 => rows.prop_map(Step::Import),
        2 => any::<prop::sample::Index>().prop_map(Step::RollBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is imported and taken back: content, counts, what was kept, every diff, pages, digest
    /// and export are those of a model that knows nothing of versions.
    #[test]
    fn any_history_is_that_of_the_model(steps in prop::collection::vec(step(), 1..9)) {
        let (_fake, mut a) = laptop();
        let mut roster = a.store.roster_or_new(&tenant()).unwrap();
        let mut model = Model::default();
        for (step, number) in steps.iter().zip(1u64..) {
            match step {
                Step::RollBack(which) if number > 1 => {
                    let back = which.index(number as usize - 1) as u64 + 1;
                    let (counts, left) = roll_back(&mut roster, number, back);
                    let (expected, kept) = model.roll_back(back);
                    prop_assert_eq!(counts, expected);
                    let mut names: Vec<Key> =
                        left.iter().map(|one| (one.kind.clone(), one.id.clone())).collect();
                    names.sort();
                    prop_assert_eq!(names, kept);
                    let is_later = |one: &Left| matches!(one.why, Why::ChangedBy { revision } if revision > back && revision < number);
                    prop_assert!(left.iter().all(is_later), "{:?}", left);
                }
                Step::RollBack(_) => {
                    import(&mut roster, number, &Rows::new());
                    model.import(&Rows::new());
                }
                Step::Import(rows) => {
                    prop_assert_eq!(import(&mut roster, number, rows), model.import(rows));
                }
            }
            same(&roster, &model);
        }
        let last = steps.len() as u64;
        for from in 0..=last {
            for to in from..=last {
                prop_assert_eq!(diff(&roster, from, to), model.diff(from, to), "{} to {}", from, to);
            }
        }
        // The same records loaded at once have the same digest and the same export.
        let (digest, bytes) = (roster.digest().unwrap(), export(&roster));
        drop(roster);
        let mut fresh = a.store.rebuild_roster(&tenant()).unwrap();
        let rows = model.state().into_iter().map(|(key, values)| (key, Some(values))).collect();
        import(&mut fresh, last, &rows);
        prop_assert_eq!((fresh.digest().unwrap(), export(&fresh)), (digest, bytes));
    }
}

/// What is repeated without being read is what putting it again comes to: in counts, in digest, in what
/// stands, and in what a rollback of it leaves.
#[test]
fn an_import_that_is_repeated_is_as_if_it_were_put_again() {
    let mut rows = users(40, "one");
    rows.insert(("orgs".into(), "o1".into()), Some(BTreeMap::from([("name".into(), "Hill".into())])));
    let begun = |rows: &Rows| {
        let (fake, mut a) = laptop();
        let mut roster = a.store.roster_or_new(&tenant()).unwrap();
        import(&mut roster, 1, &users(50, "before"));
        let mut second = rows.clone();
        second.insert(("users".into(), "u0045".into()), None);
        import(&mut roster, 2, &second);
        (fake, a, roster, second)
    };
    let (_fake, _a, mut put, second) = begun(&rows);
    let (_other, _b, mut repeated, _) = begun(&rows);
    import(&mut put, 3, &second);
    let (number, name) = revision(3);
    repeated.repeat_if(Revision { number, import: &name }, |_| Ok::<(), StoreError>(())).unwrap();
    assert_eq!(repeated.latest().unwrap(), put.latest().unwrap());
    assert_eq!(export(&repeated), export(&put));
    let counts = repeated.latest().unwrap().unwrap().counts;
    assert_eq!(counts["users"], Changes { unchanged: 40, ..Changes::default() });
    assert_eq!(roll_back(&mut repeated, 4, 3).0, roll_back(&mut put, 4, 3).0);
    assert_eq!(export(&repeated), export(&put));
    // A rollback put nothing that could be repeated.
    let (number, name) = revision(5);
    let none = repeated.repeat_if(Revision { number, import: &name }, |_| Ok::<(), StoreError>(()));
    assert_eq!(code(none), "roster_damaged");
    assert_eq!(repeated.latest().unwrap().unwrap().number, 4);
}

#[test]
fn a_revision_is_applied_once_and_in_turn() {
    let (_fake, mut a) = laptop();
    assert!(a.store.roster(&tenant()).unwrap().is_none());
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    assert_eq!((roster.latest().unwrap(), roster.digest().unwrap()), (None, Hash::ZERO));
    let rows = users(3, "one");
    let first = import(&mut roster, 7, &rows);
    assert_eq!(first["users"], Changes { create: 3, ..Changes::default() });
    let stands = export(&roster);
    // The same again: its answer, and nothing is asked.
    let again = roster.apply(Revision { number: 7, import: "t1:d:7" }, |_| -> Result<(), StoreError> {
        panic!("it stands already")
    });
    assert_eq!(again.unwrap().counts, first);
    let mut offer = |number, import| {
        code(roster.apply(Revision { number, import }, |writer| writer.put("users", "u9", &[])))
    };
    assert_eq!(offer(7, "another"), "roster_forked");
    assert_eq!(offer(9, "t1:d:9"), "roster_gap");
    assert_eq!(offer(6, "t1:d:6"), "roster_gap");
    assert_eq!(export(&roster), stands);
    assert_eq!(roster.revisions().unwrap().len(), 1);
    // It began with what was there, so there is nothing before it to compare with.
    assert_eq!(code(roster.diff(0, 7, None, 9)), "unknown_revision");
    assert_eq!(code(roster.diff(3, 7, None, 9)), "unknown_revision");
    let missing = roster.roll_back(
        Revision { number: 8, import: "x" },
        Back { revision: 3, naming: &|_, _, _| () },
        |_| {},
    );
    assert_eq!(code(missing), "unknown_revision");
    assert_eq!(roster.latest().unwrap().unwrap().number, 7);
}

#[test]
fn records_out_of_order_and_what_fails_midway_change_nothing() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    import(&mut roster, 1, &users(3, "one"));
    let stands = export(&roster);
    let mut write = |ids: &[&str], end: Result<(), StoreError>| {
        let revision = Revision { number: 2, import: "t1:d:2" };
        code(roster.apply(revision, |writer| {
            ids.iter().try_for_each(|id| writer.put("users", id, &[("name", "two")]))?;
            end
        }))
    };
    assert_eq!(write(&["u0001", "u0000"], Ok(())), "roster_unsorted");
    assert_eq!(write(&["u0001", "u0001"], Ok(())), "roster_unsorted");
    assert_eq!(write(&[""], Ok(())), "roster_no_id");
    assert_eq!(write(&["u0000", "u0002"], Err(StoreError::DiskFull)), "disk_full");
    assert_eq!(export(&roster), stands);
    roster.verify().unwrap();
    import(&mut roster, 2, &[gone("users", "u0001"), gone("users", "u9999")].into());
    assert_eq!(roster.counts().unwrap()["users"], 2);
}

#[test]
fn few_changes_among_many_records_find_theirs() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    import(&mut roster, 1, &users(3_000, "one"));
    let mut some: Rows =
        users(3_000, "two").into_iter().enumerate().filter(|(n, _)| n % 97 == 0).map(|(_, r)| r).collect();
    some.extend([row("users", "u0000x", &[]), row("users", "zz", &[("other", "column")])]);
    let counts = import(&mut roster, 2, &some)["users"];
    assert_eq!(counts, Changes { create: 2, update: 31, ..Changes::default() });
    let counts = import(&mut roster, 3, &users(3_000, "one"))["users"];
    assert_eq!(counts, Changes { update: 31, unchanged: 2_969, ..Changes::default() });
    roster.verify().unwrap();
}

#[test]
fn a_page_can_be_filtered() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    let people = [("u1", "René", "student"), ("u2", "Ann", "teacher"), ("u3", "Irene", "student")];
    let one = |(id, name, role): (&str, &str, &str)| row("users", id, &[("name", name), ("role", role)]);
    import(&mut roster, 1, &people.map(one).into());
    let ids = |filter: &Filter| -> Vec<String> {
        pages(&roster, "users", filter).into_iter().map(|one| one.id).collect()
    };
    let text = |text: &str| Filter { text: Some(text.into()), ..Filter::default() };
    let equals = |column: &str, value: &str| Filter {
        equals: Some((column.into(), value.into())),
        ..Filter::default()
    };
    assert_eq!(ids(&text("REN")), ["u1", "u3"]);
    assert_eq!(ids(&text("RENÉ")), ["u1"]);
    assert_eq!(ids(&text("U2")), ["u2"], "the id counts too");
    assert_eq!(ids(&equals("role", "student")), ["u1", "u3"]);
    assert_eq!(ids(&equals("role", "")), [""; 0]);
    assert_eq!(ids(&equals("phone", "")), ["u1", "u2", "u3"]);
    assert_eq!(ids(&Filter { text: Some("ire".into()), ..equals("role", "student") }), ["u3"]);
    assert!(pages(&roster, "courses", &Filter::default()).is_empty());
}

/// The ids that a walk tells of, and where it goes on.
fn walked(roster: &Roster, after: Option<&str>, most: usize, until: &str) -> (Vec<String>, Option<String>) {
    let mut ids = Vec::new();
    let visit = |record: cairn_store::roster::RecordRef<'_>| {
        ids.push(record.id.to_owned());
        let ends = record.id == until;
        Ok::<_, StoreError>(if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let next = roster.walk(Walk { kind: "users", after, most }, visit).unwrap();
    (ids, next)
}

#[test]
fn a_walk_ends_where_it_is_told_or_has_looked_enough_and_goes_on_from_there() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    import(&mut roster, 1, &users(5, "one"));
    import(&mut roster, 2, &[gone("users", "u0001"), gone("users", "u0002")].into());
    let found = |ids: &[&str], next: Option<&str>| {
        (ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), next.map(str::to_owned))
    };
    assert_eq!(walked(&roster, None, 9, ""), found(&["u0000", "u0003", "u0004"], None));
    assert_eq!(walked(&roster, None, 9, "u0003"), found(&["u0000", "u0003"], Some("u0003")));
    assert_eq!(walked(&roster, Some("u0003"), 9, ""), found(&["u0004"], None));
    // Removed records are looked at, so that many of them cost no more than others.
    assert_eq!(walked(&roster, None, 3, ""), found(&["u0000"], Some("u0002")));
    assert_eq!(walked(&roster, Some("u0000"), 2, ""), found(&[], Some("u0002")));
    assert_eq!(walked(&roster, None, 5, "u0004"), found(&["u0000", "u0003", "u0004"], None), "all were seen");
    let nobody = Walk { kind: "courses", after: None, most: 9 };
    assert_eq!(roster.walk::<StoreError>(nobody, |_| panic!("there are none")).unwrap(), None);
    let all = Walk { kind: "users", after: None, most: 9 };
    let stopped = roster.walk(all, |_| Err(StoreError::DiskFull)).unwrap_err();
    assert!(matches!(stopped, StoreError::DiskFull));
}

#[test]
fn what_is_read_at_one_moment_does_not_change_under_it() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    import(&mut roster, 1, &users(3, "one"));
    let reader = a.store.roster(&tenant()).unwrap().unwrap();
    let seen = |reader: &Roster| {
        let number = reader.latest().unwrap().unwrap().number;
        (number, walked(reader, None, 9, "").0.len())
    };
    let read = |one: &Roster| {
        let before = seen(one);
        import(&mut roster, 2, &users(5, "two"));
        Ok::<_, StoreError>((before, seen(one)))
    };
    assert_eq!(reader.moment(read).unwrap(), ((1, 3), (1, 3)));
    assert_eq!(seen(&reader), (2, 5));
}

#[test]
fn what_cannot_be_used_says_so_and_is_left_as_it_is() {
    let (_fake, mut a) = laptop();
    let mut roster = a.store.roster_or_new(&tenant()).unwrap();
    import(&mut roster, 1, &users(300, "one"));
    drop(roster);
    let file = file(&a.store);
    let whole = fs::read(&file).unwrap();
    let ask = |bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => fs::write(&file, bytes).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let code = code(a.store.roster(&tenant()).and_then(|roster| roster.unwrap().verify()));
        assert_eq!(fs::read(&file).ok().as_deref(), bytes, "{code}");
        code
    };
    let spoiled = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert_eq!(ask(Some(&whole[..whole.len() / 2])), "roster_damaged");
    assert_eq!(ask(Some(&whole[..9])), "roster_damaged");
    assert_eq!(ask(Some(b"")), "roster_damaged");
    assert_eq!(ask(Some(&spoiled(100))), "roster_damaged");
    for page in 1..whole.len() / 4096 {
        assert_eq!(ask(Some(&spoiled(page * 4096 + 100))), "roster_damaged", "page {page}");
    }
    assert_eq!(ask(Some(&spoiled(3))), "roster_key_wrong");
    assert_eq!(ask(None), "roster_missing");
    let error: cairn_protocol::ApiError = a.store.roster(&tenant()).unwrap_err().into();
    assert!(error.message.contains("Load the roster again"), "{}", error.message);
    assert_eq!(error.details["tenant"], tenant().as_str());
    assert_eq!(code(a.store.roster_or_new(&tenant())), "roster_missing", "none is made unasked");

    let mut fresh = a.store.rebuild_roster(&tenant()).unwrap();
    import(&mut fresh, 1, &users(300, "one"));
    fresh.verify().unwrap();
}

#[test]
fn a_roster_of_a_newer_cairn_is_left_alone() {
    let (_fake, mut a) = laptop();
    drop(a.store.roster_or_new(&tenant()).unwrap());
    let key: Vec<u8> =
        raw(a.store.path()).query_row("SELECT key FROM rosters", [], |row| row.get(0)).unwrap();
    let db = rusqlite::Connection::open(file(&a.store)).unwrap();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", hex::encode(key))).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert_eq!(code(a.store.roster(&tenant())), "roster_newer");
}

#[test]
fn a_tenant_that_is_removed_takes_its_roster_and_its_key_along() {
    for gone_already in [false, true] {
        let (fake, mut a) = laptop();
        let mut roster = a.store.roster_or_new(&tenant()).unwrap();
        import(&mut roster, 1, &users(300, "one"));
        let file = file(&a.store);
        let copy = a.dir.path().join("copy.db");
        if gone_already {
            drop(roster);
            fs::rename(&file, &copy).unwrap();
            assert!(!a.store.drop_tenant(&tenant(), false).unwrap().roster_left);
        } else {
            // While it is open.
            fs::copy(&file, &copy).unwrap();
            assert!(!a.store.drop_tenant(&tenant(), false).unwrap().roster_left);
            drop(roster);
        }
        let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        let keys: i64 =
            raw(a.store.path()).query_row("SELECT count(*) FROM rosters", [], |row| row.get(0)).unwrap();
        assert_eq!(keys, 0);
        assert_eq!(code(a.store.roster(&tenant())), "unknown_tenant");
        assert_eq!(code(a.store.roster_or_new(&tenant())), "unknown_tenant");
        // Assigned again, a copy of the old file is noise, also under the key of `cairn.db`.
        a.pull_all(&fake);
        assert!(a.store.roster(&tenant()).unwrap().is_none());
        fs::rename(&copy, &file).unwrap();
        assert_eq!(code(a.store.roster(&tenant())), "roster_key_absent");
        let db = raw(&file);
        assert!(db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_err());
        drop(db);
        assert_eq!(a.store.rebuild_roster(&tenant()).unwrap().latest().unwrap(), None);
    }
}

#[test]
fn journals_that_are_no_tenants_have_no_roster() {
    let (_fake, mut a) = laptop();
    let org = cairn_domain::TenantId::org();
    assert_eq!(code(a.store.roster_or_new(&org)), "unknown_tenant");
    let person = "_person/../x".parse();
    if let Ok(person) = person {
        assert_eq!(code(a.store.roster_or_new(&person)), "unknown_tenant");
    }
}

// Crashes. A commit is a run of frames at the end of the write-ahead log, and a checkpoint copies pages
// of it into the file: whatever was written last before a crash is a prefix of one of the two.

/// The log's header, and the frame of a page.
const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// Lays the files of a roster out as a crash left them, and opens it.
fn after_crash(store: &Store, database: &[u8], log: &[u8]) -> (u64, Hash, String) {
    let file = file(store);
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", file.display()));
    let _ = fs::remove_file(beside("-shm"));
    fs::write(&file, database).unwrap();
    fs::write(beside("-wal"), log).unwrap();
    let roster = store.roster(&tenant()).unwrap().unwrap();
    roster.verify().unwrap();
    (roster.latest().unwrap().unwrap().number, roster.digest().unwrap(), export(&roster))
}

fn files(path: &Path) -> (Vec<u8>, Vec<u8>) {
    (fs::read(path).unwrap(), fs::read(format!("{}-wal", path.display())).unwrap_or_default())
}

#[test]
fn a_crash_at_any_write_leaves_the_old_revision_or_the_new_one() {
    type Work = fn(&mut Roster);
    let works: [Work; 2] =
        [|roster| drop(import(roster, 2, &users(120, "two"))), |roster| drop(roll_back(roster, 2, 1))];
    for work in works {
        let (_fake, mut a) = laptop();
        let path = file(&a.store);
        let mut roster = a.store.roster_or_new(&tenant()).unwrap();
        import(&mut roster, 1, &users(80, "one"));
        let old = (1, roster.digest().unwrap(), export(&roster));
        drop(roster);
        let before = fs::read(&path).unwrap();

        // Somebody reads meanwhile, so that the log stays as the commit wrote it.
        let reader = a.store.roster(&tenant()).unwrap().unwrap();
        let mut writer = a.store.roster(&tenant()).unwrap().unwrap();
        let mut committed = None;
        reader
            .each(|_| {
                if committed.is_none() {
                    work(&mut writer);
                    committed = Some(files(&path));
                }
                Ok::<(), StoreError>(())
            })
            .unwrap();
        let new = (2, writer.digest().unwrap(), export(&writer));
        drop((reader, writer));
        let after = fs::read(&path).unwrap();
        let (database, log) = committed.unwrap();
        assert_eq!(database, before, "nothing but the log was written");
        assert!(
            log.len() >= HEADER + 8 * FRAME && (log.len() - HEADER).is_multiple_of(FRAME),
            "{}",
            log.len()
        );

        let whole = (HEADER..=log.len()).step_by(FRAME);
        let torn = (HEADER + 1_000..log.len()).step_by(FRAME);
        for cut in [0].into_iter().chain(whole).chain(torn) {
            let expected = if cut == log.len() { &new } else { &old };
            assert_eq!(&after_crash(&a.store, &before, &log[..cut]), expected, "the log cut at {cut}");
        }
        for copied in (0..=after.len()).step_by(4096) {
            let mut mixed = before.clone();
            mixed.resize(before.len().max(copied), 0);
            mixed[..copied].copy_from_slice(&after[..copied]);
            assert_eq!(after_crash(&a.store, &mixed, &log), new, "{copied} bytes were copied");
        }
    }
}

#[test]
fn two_programs_share_a_roster() {
    let (_fake, mut a) = laptop();
    let mut mine = a.store.roster_or_new(&tenant()).unwrap();
    let other = Store::open(a.store.path(), &data_key(), SystemEntropy).unwrap();
    let mut theirs = other.roster(&tenant()).unwrap().unwrap();
    import(&mut mine, 1, &users(3, "one"));
    import(&mut theirs, 2, &[row("classes", "c1", &[("title", "Algebra")])].into());
    import(&mut mine, 3, &users(3, "two"));
    assert_eq!(export(&mine), export(&theirs));
    assert_eq!(theirs.get("classes", "c1").unwrap().unwrap().values, [("title".into(), "Algebra".into())]);
}
