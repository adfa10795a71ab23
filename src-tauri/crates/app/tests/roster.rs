//! Imports from files to the roster of a tenant: what is planned, what is written, what a plan then finds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use cairn_app::api::{PlanChange, PlanRow, PlanValue};
use cairn_app::desk::Desk;
use cairn_app::imports::{ImportPlan, ImportRequest, Watch};
use cairn_app::plans::{LastPlan, PlanQuery};
use cairn_domain::access::Role;
use cairn_domain::{AccountId, Change, TenantId};
use cairn_imports::generate::{Dirt, Set, write};
use cairn_imports::{Changes, Entry, Limits, Options, SCRATCH_BUDGET, Scratch, read_blob, write_blob};
use cairn_protocol::ApiError;
use cairn_store::roster::{Revision, Roster};
use proptest::prelude::*;
use tempfile::TempDir;

use fake::{Fake, Laptop, tenant};

/// The laptop's desk; its directory lives as long as the second part.
fn desk() -> (Desk, impl Sized) {
    let Laptop { store, dir, .. } = Laptop::new(&mut Fake::new(), "a", 1);
    (Desk { store }, dir)
}

fn set(seed: u64, dirt: Vec<(Dirt, u32)>) -> TempDir {
    let dir = TempDir::new().unwrap();
    let set = Set { seed, schools: 2, courses: 2, classes: 3, users: 20, enrollments: 200, dirt };
    write(dir.path(), &set).unwrap();
    dir
}

/// The blob of a set, and its name.
fn blob(dir: &Path) -> (Vec<u8>, String) {
    let folder = TempDir::new().unwrap();
    let scratch = Scratch { folder: folder.path().to_owned(), key: [7; 32], budget: SCRATCH_BUDGET };
    let mut bytes = Vec::new();
    let (blob, _) = write_blob(dir, &Options::default(), &scratch, &mut bytes).unwrap();
    (bytes, blob.sha256)
}

/// Writes a blob as a revision.
fn apply(roster: &mut Roster, number: u64, bytes: &[u8], name: &str) -> Result<(), ApiError> {
    let import = format!("t1:d:{number}");
    roster
        .apply(Revision { number, import: &import }, |writer| {
            read_blob(bytes, name, &Limits::default(), |entry| {
                match entry {
                    Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                    Entry::Remove { kind, id } => writer.remove(kind, id)?,
                }
                Ok::<(), ApiError>(())
            })
            .map(drop)
        })
        .map(drop)
}

fn plan(desk: &Desk, dir: &Path) -> ImportPlan {
    desk.plan_import("hill", &ImportRequest { path: dir.to_owned(), ..ImportRequest::default() }).unwrap()
}

#[test]
fn what_was_imported_is_unchanged_the_second_time_and_gone_after_a_rollback() {
    let (mut desk, _dir) = desk();
    let clean = set(1, vec![]);
    let before = plan(&desk, clean.path());
    assert_eq!((before.revision, before.plan.can_proceed), (None, true));

    let (bytes, name) = blob(clean.path());
    let mut roster = desk.store.roster_or_new(&tenant()).unwrap();
    let empty = roster.digest().unwrap();
    apply(&mut roster, 1, &bytes, &name).unwrap();
    let written = roster.latest().unwrap().unwrap().counts;
    for (kind, changes) in &before.plan.types {
        assert_eq!(written[kind].create, changes.create, "a plan and then a run are the plan: {kind}");
    }
    // The same again, and the same with faults that can be mended.
    let mended = set(1, vec![(Dirt::UsDate, 3), (Dirt::RoleCase, 3), (Dirt::LostZeros, 2)]);
    for dir in [&clean, &mended] {
        let again = plan(&desk, dir.path());
        assert_eq!((again.revision, again.plan.can_proceed), (Some(1), true));
        for (kind, changes) in &again.plan.types {
            let unchanged = before.plan.types[kind].create;
            assert_eq!(*changes, Changes { unchanged, ..Changes::default() }, "{kind}");
        }
        let (bytes, other) = blob(dir.path());
        assert_eq!((bytes.len() > 100, &other), (true, &name), "what is uploaded is the same");
    }
    let (digest, mut first) = (roster.digest().unwrap(), Vec::new());
    roster.export(&mut first).unwrap();

    // Another set on top, and back: the equal digest and the same bytes.
    let (bytes, name) = blob(set(2, vec![]).path());
    apply(&mut roster, 2, &bytes, &name).unwrap();
    assert_ne!(roster.digest().unwrap(), digest);
    roster.roll_back(Revision { number: 3, import: "back" }, 2, |left| panic!("{left:?}")).unwrap();
    let mut back = Vec::new();
    roster.export(&mut back).unwrap();
    assert_eq!((roster.digest().unwrap(), back), (digest, first));
    roster.roll_back(Revision { number: 4, import: "back" }, 1, |left| panic!("{left:?}")).unwrap();
    assert_eq!(roster.digest().unwrap(), empty);
    assert_eq!(plan(&desk, clean.path()).plan, before.plan);
}

#[test]
fn a_blob_that_turns_out_to_be_another_leaves_the_roster_as_it_was() {
    let (mut desk, _dir) = desk();
    let (bytes, name) = blob(set(1, vec![]).path());
    let mut roster = desk.store.roster_or_new(&tenant()).unwrap();
    for (bytes, name) in [(&bytes[..bytes.len() - 9], name.as_str()), (&bytes, "another")] {
        assert_eq!(apply(&mut roster, 1, bytes, name).unwrap_err().code, "import_damaged");
        assert_eq!(roster.latest().unwrap(), None);
        roster.verify().unwrap();
    }
    apply(&mut roster, 1, &bytes, &name).unwrap();
}

/// Every row of a plan, by pages.
fn rows(last: &mut LastPlan) -> Vec<PlanRow> {
    let (mut rows, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let page = last.page("hill", &PlanQuery { from: at, limit: 37, ..PlanQuery::default() }).unwrap();
        from = page.next;
        rows.extend(page.rows);
    }
    rows
}

fn planned(desk: &Desk, dir: &Path) -> (ImportPlan, Vec<PlanRow>) {
    let request = ImportRequest { path: dir.to_owned(), ..ImportRequest::default() };
    let (plan, rows_of_it) = desk.planning("hill", &request, Watch::default()).unwrap().plan().unwrap();
    let mut last = LastPlan::default();
    last.keep(rows_of_it);
    (plan, rows(&mut last))
}

/// One side of a row, by column.
fn side(row: &PlanRow, of: fn(&PlanValue) -> &Option<String>) -> BTreeMap<String, String> {
    let values = row.values.iter().filter_map(|value| Some((value.column.clone(), of(value).clone()?)));
    values.collect()
}

fn stands(roster: &Roster, row: &PlanRow) -> BTreeMap<String, String> {
    roster
        .get(&row.r#type, &row.id)
        .unwrap()
        .map(|record| record.values.into_iter().collect())
        .unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The rows are as many of each sort as the plan counts; what they call before is what stands, and
    /// what they call after is what a run makes of it.
    #[test]
    fn the_rows_of_a_plan_are_what_a_run_does(
        seed in 0..500u64,
        other in 0..500u64,
        dirt in proptest::collection::vec((proptest::sample::select(Dirt::ALL), 1..4u32), 0..4),
    ) {
        let (mut desk, _dir) = desk();
        let mut roster = desk.store.roster_or_new(&tenant()).unwrap();
        let (bytes, name) = blob(set(other, vec![]).path());
        apply(&mut roster, 1, &bytes, &name).unwrap();
        let dir = set(seed, dirt);
        let (plan, rows) = planned(&desk, dir.path());
        let mut counts: BTreeMap<(&str, PlanChange), u64> = BTreeMap::new();
        for row in &rows {
            *counts.entry((&row.r#type, row.change)).or_default() += 1;
            prop_assert_eq!(side(row, |value| &value.before), stands(&roster, row));
            prop_assert!(row.changed > 0 && row.row.is_some() == (row.change != PlanChange::Absent));
        }
        for (kind, changes) in &plan.plan.types {
            let count = |change| counts.get(&(kind.as_str(), change)).copied().unwrap_or_default();
            prop_assert_eq!(
                (count(PlanChange::Create), count(PlanChange::Update), count(PlanChange::Absent)),
                (changes.create, changes.update, changes.absent),
                "{}", kind
            );
            prop_assert_eq!(count(PlanChange::Remove), changes.remove - changes.absent, "{}", kind);
        }
        let (bytes, name) = blob(dir.path());
        apply(&mut roster, 2, &bytes, &name).unwrap();
        for row in rows.iter().filter(|row| row.change != PlanChange::Absent) {
            prop_assert_eq!(side(row, |value| &value.after), stands(&roster, row));
        }
    }
}

#[test]
fn the_rows_of_a_plan_go_with_it() {
    let (desk, _dir) = desk();
    let dir = set(3, vec![]);
    let request = ImportRequest { path: dir.path().to_owned(), ..ImportRequest::default() };
    let planning = desk.planning("hill", &request, Watch::default()).unwrap();
    let mut last = LastPlan::default();
    assert_eq!(last.page("hill", &PlanQuery::default()).unwrap_err().code, "no_plan");
    last.keep(planning.plan().unwrap().1);
    let page = last.page("hill", &PlanQuery { limit: 3, ..PlanQuery::default() }).unwrap();
    assert_eq!((page.rows.len(), page.masked, page.next), (3, false, Some(3)));
    assert_eq!(last.page("other", &PlanQuery::default()).unwrap_err().code, "no_plan");
    let scratch = desk.store.path().with_file_name("scratch");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 1);
    last.forget();
    assert_eq!(last.page("hill", &PlanQuery::default()).unwrap_err().code, "no_plan");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn who_may_not_import_plans_with_outlines() {
    let mut fake = Fake::new();
    let account: AccountId = "a".parse().unwrap();
    let csm = Change::AccountCreated { account: account.clone(), name: "a".into(), role: Role::Csm };
    fake.says(&TenantId::org(), csm);
    let assigned = Change::AssignmentSet { account, tenant: tenant(), active: true };
    fake.says(&TenantId::org(), assigned);
    let Laptop { store, dir: _dir, .. } = Laptop::new(&mut fake, "a", 1);
    let desk = Desk { store };
    let set = set(3, vec![]);
    let request = ImportRequest { path: set.path().to_owned(), ..ImportRequest::default() };
    let mut last = LastPlan::default();
    last.keep(desk.planning("hill", &request, Watch::default()).unwrap().plan().unwrap().1);
    let query = PlanQuery { r#type: Some("users".into()), limit: 1, ..PlanQuery::default() };
    let page = last.page("hill", &query).unwrap();
    let name = side(&page.rows[0], |value| &value.after)["givenName"].clone();
    assert!(page.masked && name.chars().all(|c| "x9 -".contains(c)), "{name}");
}

#[test]
fn a_plan_that_is_cancelled_while_it_is_held_beside_the_roster_leaves_nothing() {
    let (mut desk, _dir) = desk();
    let dir = TempDir::new().unwrap();
    write(dir.path(), &Set::of_rows(9_000, 1)).unwrap();
    let (bytes, name) = blob(dir.path());
    apply(&mut desk.store.roster_or_new(&tenant()).unwrap(), 1, &bytes, &name).unwrap();
    let request = ImportRequest { path: dir.path().to_owned(), ..ImportRequest::default() };
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hears = std::sync::Arc::clone(&told);
    let watch = Watch::new(move |progress| {
        hears.lock().unwrap().push(progress.pass);
        if progress.pass.0 == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let error = desk.planning("hill", &request, watch).unwrap().plan().map(drop).unwrap_err();
    assert_eq!(error.code, "import_cancelled");
    let told = told.lock().unwrap();
    assert!(told.is_sorted() && told.last() == Some(&(3, 3)) && told.contains(&(2, 3)), "{told:?}");
    assert_eq!(std::fs::read_dir(desk.store.path().with_file_name("scratch")).unwrap().count(), 0);
}
