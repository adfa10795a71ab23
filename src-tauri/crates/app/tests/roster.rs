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
use cairn_app::runs::RunChoices;
use cairn_domain::access::Role;
use cairn_domain::change::PlaybookRef;
use cairn_domain::import::{
    ImportCommitted, ImportCounts, ImportLeft, ImportPlanned as Planned, ImportRecords,
    ImportRequest as Request, ImportRolledBack,
};
use cairn_domain::playbook;
use cairn_domain::{AccountId, Change, Hash, ProjectId, TenantId};
use cairn_imports::generate::{Dirt, Set, write};
use cairn_imports::{Changes, Entry, Hold, Limits, Options, SCRATCH_BUDGET, Scratch, read_blob, write_blob};
use cairn_protocol::ApiError;
use cairn_store::roster::{Applied, Back, Changes as Did, Revision, Roster};
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
    desk.plan_import(
        "hill",
        &ImportRequest { path: dir.to_owned(), ..ImportRequest::default() },
        Watch::default(),
    )
    .unwrap()
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
    roster
        .roll_back(
            Revision { number: 3, import: "back" },
            Back { revision: 2, naming: &|_, _, _| () },
            |left| panic!("{left:?}"),
        )
        .unwrap();
    let mut back = Vec::new();
    roster.export(&mut back).unwrap();
    assert_eq!((roster.digest().unwrap(), back), (digest, first));
    roster
        .roll_back(
            Revision { number: 4, import: "back" },
            Back { revision: 1, naming: &|_, _, _| () },
            |left| panic!("{left:?}"),
        )
        .unwrap();
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
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 2, "a folder, and the mark of its use");
    last.forget();
    assert_eq!(last.page("hill", &PlanQuery::default()).unwrap_err().code, "no_plan");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}

/// Makes `a` somebody who reads the tenant and may not import.
fn hire_csm(fake: &mut Fake) {
    let account: AccountId = "a".parse().unwrap();
    let csm = Change::AccountCreated { account: account.clone(), name: "a".into(), role: Role::Csm };
    fake.says(&TenantId::org(), csm);
    fake.says(&TenantId::org(), Change::AssignmentSet { account, tenant: tenant(), active: true });
}

#[test]
fn who_may_not_import_plans_with_outlines() {
    let mut fake = Fake::new();
    hire_csm(&mut fake);
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

/// What a set asks for, as its plan into an empty roster has it.
fn request(dir: &Path, bytes: &[u8], name: &str) -> Request {
    let mut records: BTreeMap<String, ImportRecords> = BTreeMap::new();
    read_blob(bytes, name, &Limits::default(), |entry| {
        let Entry::Put(record) = entry else { return Ok(()) };
        records.entry(record.kind.to_owned()).or_default().put += 1;
        Ok::<(), ApiError>(())
    })
    .unwrap();
    let planned = records.iter();
    let planned = planned.map(|(kind, of)| (kind.clone(), Planned { create: of.put, ..Planned::default() }));
    Request {
        blob: name.to_owned(),
        bytes: bytes.len() as u64,
        source: dir.display().to_string(),
        format: "oneroster-1.1".into(),
        rules: "tolerant".into(),
        planned: planned.collect(),
        records,
        holds_confirmed: false,
        broken: 0,
    }
}

fn counts(applied: &Applied) -> BTreeMap<String, ImportCounts> {
    let of = applied.counts.iter().map(|(kind, did)| {
        let Did { create, update, unchanged, remove } = *did;
        (kind.clone(), ImportCounts { create, update, unchanged, remove })
    });
    of.collect()
}

/// What verifying an import finds wrong, where `spoil` changes what was asked for and what the service
/// says that it did, and `after` changes the roster here.
fn wrong(
    spoil: impl FnOnce(&mut Request, &mut ImportCommitted),
    after: impl FnOnce(&mut Laptop),
) -> Vec<String> {
    let mut fake = Fake::new();
    let mut laptop = Laptop::new(&mut fake, "a", 1);
    let dir = set(1, vec![]);
    let (bytes, name) = blob(dir.path());
    let mut roster = laptop.store.roster_or_new(&tenant()).unwrap();
    apply(&mut roster, 1, &bytes, &name).unwrap();
    let applied = roster.latest().unwrap().unwrap();
    drop(roster);
    let mut asked = request(dir.path(), &bytes, &name);
    let (counts, digest) = (counts(&applied), applied.digest);
    let mut committed = ImportCommitted { revision: 1, counts, digest, rollback_until: fake::at(9_999) };
    spoil(&mut asked, &mut committed);
    let import = laptop.store.request_import(&tenant(), asked, &bytes, fake::at(1)).unwrap().op;
    laptop.sync(&mut fake);
    fake.says(&tenant(), Change::ImportCommitted { import: import.clone(), committed });
    laptop.sync(&mut fake);
    after(&mut laptop);
    let Laptop { store, dir: _dir, .. } = laptop;
    let desk = Desk { store };
    let found = desk.verifying(&import.to_string(), Watch::default()).unwrap().verify().unwrap();
    let wrong: Vec<String> =
        found.checks.iter().filter(|check| !check.ok).map(|check| check.check.clone()).collect();
    assert_eq!(found.ok, wrong.is_empty());
    wrong
}

#[test]
fn verifying_tells_what_is_not_as_it_was_asked_planned_or_committed() {
    let nothing = |_: &mut Request, _: &mut ImportCommitted| {};
    assert_eq!(wrong(nothing, |_| {}), [""; 0]);
    assert_eq!(wrong(|_, done| done.digest = Hash::ZERO, |_| {}), ["digest"]);
    let more = |_: &mut Request, done: &mut ImportCommitted| {
        done.counts.get_mut("users").unwrap().update += 1;
    };
    assert_eq!(wrong(more, |_| {}), ["counts", "plan"]);
    let other_plan = |asked: &mut Request, _: &mut ImportCommitted| {
        let users = asked.planned.get_mut("users").unwrap();
        (users.create, users.update) = (users.create - 1, 1);
    };
    assert_eq!(wrong(other_plan, |_| {}), ["plan"]);
    let no_plan = |asked: &mut Request, _: &mut ImportCommitted| asked.planned.clear();
    assert_eq!(wrong(no_plan, |_| {}), [""; 0], "an older Cairn said nothing of its plan");
    assert_eq!(wrong(|_, done| done.revision = 2, |_| {}), ["here"]);
    let lost_school = |laptop: &mut Laptop| {
        let mut roster = laptop.store.roster(&tenant()).unwrap().unwrap();
        let mut school = None;
        let orgs = |record: cairn_store::roster::RecordRef<'_>| {
            if record.kind == "orgs" {
                school = Some(record.id.to_owned());
            }
            Ok::<(), ApiError>(())
        };
        roster.each(orgs).unwrap();
        let school = school.unwrap();
        roster.apply(Revision { number: 2, import: "x" }, |writer| writer.remove("orgs", &school)).unwrap();
    };
    assert_eq!(wrong(nothing, lost_school), ["references"]);
}

#[test]
fn who_may_not_import_sees_outlines_of_what_a_rollback_left() {
    for (is_csm, expected) in [(false, "ann@x.org"), (true, "xxx@x.xxx")] {
        let mut fake = Fake::new();
        if is_csm {
            hire_csm(&mut fake);
        }
        let (bytes, name) = blob(set(1, vec![]).path());
        let asked = Request { format: "accounts".into(), ..request(Path::new("x"), &bytes, &name) };
        let import = fake.says(&tenant(), Change::ImportRequested(asked));
        let left = ImportLeft { r#type: "accounts".into(), id: "ann@x.org".into(), why: "changed".into() };
        let committed = ImportCommitted {
            revision: 1,
            counts: BTreeMap::new(),
            digest: Hash::ZERO,
            rollback_until: fake::at(9_999),
        };
        fake.says(&tenant(), Change::ImportCommitted { import: import.clone(), committed });
        fake.says(&tenant(), Change::ImportRollbackRequested { import: import.clone() });
        let rolled_back = ImportRolledBack {
            revision: 2,
            takes_back: 1,
            counts: BTreeMap::new(),
            kept: vec![left.clone()],
            kept_count: 1,
            failed: vec![left],
            failed_count: 1,
            digest: Hash::ZERO,
            keeps_named: true,
        };
        fake.says(&tenant(), Change::ImportRolledBack { import, rolled_back });
        let Laptop { store, dir: _dir, .. } = Laptop::new(&mut fake, "a", 1);
        let desk = Desk { store };
        let history = desk.history("hill", 9, fake::at(2_000)).unwrap();
        assert!(!serde_json::to_string(&history).unwrap().contains("ann@x.org"), "the history names nobody");
        let rows = desk.imports("hill", fake::at(2_000), None).unwrap();
        let rolled_back = rows[0].rolled_back.as_ref().unwrap();
        assert_eq!(
            (rolled_back.kept[0].id.as_str(), rolled_back.failed[0].id.as_str()),
            (expected, expected)
        );
    }
}

/// A district's project in a rollout mode.
fn rolled_out(mode: &str) -> Change {
    let source = playbook::built_in_by_key("school-district").unwrap().source;
    let book = playbook::parse(source).unwrap();
    Change::ProjectStarted {
        project: ProjectId { playbook: book.key.clone(), n: 0 },
        playbook: PlaybookRef {
            key: book.key.clone(),
            version: book.version,
            digest: book.digest().to_owned(),
        },
        source: source.to_owned(),
        mode: Some(mode.to_owned()),
        go_live: None,
    }
}

#[test]
fn a_plan_of_a_pilot_is_held_above_the_limit_that_the_service_named() {
    let dir = set(1, vec![]);
    let big = TempDir::new().unwrap();
    write(big.path(), &Set::of_rows(900, 1)).unwrap();
    for (mode, held) in [("pilot", true), ("phased", false)] {
        let mut fake = Fake::new();
        fake.says(&tenant(), rolled_out(mode));
        let Laptop { store, dir: _dir, .. } = Laptop::new(&mut fake, "a", 1);
        let desk = Desk { store };
        let small = plan(&desk, dir.path()).plan;
        assert!(small.can_proceed && small.holds.is_empty());
        let found = plan(&desk, big.path()).plan;
        let records: u64 = found.types.values().map(|one| one.create).sum();
        let expected = if held { vec![Hold::pilot(records, 500)] } else { vec![] };
        assert_eq!((found.can_proceed, found.holds), (!held, expected));
        let asked = ImportRequest { path: big.path().to_owned(), ..ImportRequest::default() };
        // The service has the last word: it may have been given another limit.
        desk.import_run("hill", &asked, RunChoices::default(), Watch::default()).unwrap().prepare().unwrap();
    }
}
