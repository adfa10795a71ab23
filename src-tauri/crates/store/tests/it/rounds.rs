//! Writes, pushes, receipts and pages, one at a time.

use cairn_domain::cell::field;
use cairn_domain::change::{BlockerField, ItemField, Status, StatusValue};
use cairn_domain::{CellKey, Change, OpId};
use cairn_store::{Draft, HistoryQuery, OutboxState, Resolution, StoreError};
use serde_json::json;

use crate::fake::{Fake, Laptop, Take, at, item, project, start, tenant};

fn status(key: &str, status: Status, reason: Option<&str>) -> Change {
    Change::ItemStatusSet { item: item(key), status, reason: reason.map(str::to_owned) }
}

fn note(key: &str, text: &str) -> Change {
    Change::ItemFieldSet { item: item(key), field: ItemField::Note, value: json!(text) }
}

fn shown(laptop: &Laptop, key: &str) -> Status {
    let cells = laptop.cells();
    let cell = &cells[&CellKey::new(item(key), field::STATUS)];
    StatusValue::read(&cell.winner().unwrap().1.value).unwrap().status
}

#[test]
fn a_write_shows_at_once_and_is_confirmed_by_a_pull() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let before = a.seen(&tenant());
    a.write(status("name-contacts", Status::Complete, None));
    assert_eq!(shown(&a, "name-contacts"), Status::Complete);
    assert_eq!(a.store.tenants().unwrap()[0].progress.done, 1);
    assert_eq!(a.store.counts(None).unwrap().pending, 1);

    assert!(!a.push(&mut fake, Take::Judge));
    assert_eq!(a.seen(&tenant()), before, "a push reply never moves the cursor");
    assert_eq!(a.store.counts(None).unwrap().receipted, 1);
    a.pull_all(&fake);
    a.assert_settled(&fake);
    let summary = &a.store.tenants().unwrap()[0];
    assert_eq!((summary.slug.as_str(), summary.progress.done, summary.seq), ("hill", 1, 3));
}

#[test]
fn a_refused_write_leaves_nothing_behind() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let cells = a.cells();
    let error = a.try_write(status("name-contacts", Status::Blocked, None)).unwrap_err();
    assert_eq!(error.code(), "reason_required");
    assert_eq!(a.cells(), cells);
    let written = a.write(note("name-contacts", "x"));
    assert_eq!(written.op.device_seq, 1, "the refused write used no number");
}

#[test]
fn the_same_push_comes_out_until_it_is_answered() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..3 {
        a.write(note("name-contacts", &format!("{n}")));
    }
    let first = a.store.next_push(100).unwrap();
    assert_eq!(first, a.store.next_push(100).unwrap());
    assert_eq!(first.len(), 1);
    // The reply is lost; the same run is answered alike.
    let receipts = fake.receive(&first[0], Take::Judge).unwrap();
    let again = fake.receive(&a.store.next_push(100).unwrap()[0], Take::Judge).unwrap();
    assert_eq!(receipts, again);
    a.store.apply_receipts(&again).unwrap();
    a.store.apply_receipts(&receipts).unwrap();
    assert!(a.store.next_push(100).unwrap().is_empty());
    assert_eq!(a.store.next_push(1).unwrap().len(), 0);
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

#[test]
fn a_limit_cuts_a_push_in_order() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..5 {
        a.write(note("name-contacts", &format!("{n}")));
    }
    let runs = a.store.next_push(2).unwrap();
    assert_eq!((runs[0].run.first, runs[0].ops.len()), (1, 2));
    let receipts = fake.receive(&runs[0], Take::Judge).unwrap();
    a.store.apply_receipts(&receipts).unwrap();
    assert_eq!(a.store.next_push(9).unwrap()[0].run.first, 3);
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

#[test]
fn two_people_write_one_cell_and_one_settles_it() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    a.write(status("name-contacts", Status::Complete, None));
    b.write(status("name-contacts", Status::Blocked, Some("no phone")));
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.sync(&mut fake);
    assert_eq!(shown(&a, "name-contacts"), Status::Blocked);
    let conflicts = a.store.conflicts(None).unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].content.values.len(), 2);
    let theirs: Vec<OpId> =
        conflicts[0].content.values.keys().filter(|op| op.device == b.device()).cloned().collect();

    let key = CellKey::new(item("name-contacts"), field::STATUS);
    a.store.resolve(&tenant(), &key, Resolution::Take(theirs[0].clone()), None, at(9)).unwrap();
    assert!(a.store.conflicts(Some(&tenant())).unwrap().is_empty());
    let settled =
        a.store.resolve(&tenant(), &key, Resolution::Take(theirs[0].clone()), None, at(9)).unwrap_err();
    assert_eq!(settled.code(), "no_conflict");
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.assert_settled(&fake);
    b.assert_settled(&fake);
    assert!(b.store.conflicts(None).unwrap().is_empty());
}

#[test]
fn undo_brings_back_what_was_replaced_until_somebody_builds_on_it() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    a.write(status("name-contacts", Status::InProgress, None));
    let done = a.write(status("name-contacts", Status::Complete, None)).op;
    a.store.undo(&done, at(5)).unwrap();
    assert_eq!(shown(&a, "name-contacts"), Status::InProgress);
    assert_eq!(a.store.undo(&done, at(6)).unwrap_err().code(), "built_on");
    a.sync(&mut fake);
    b.sync(&mut fake);

    let note_op = b.write(note("name-contacts", "first")).op;
    b.sync(&mut fake);
    b.store.undo(&note_op, at(7)).unwrap();
    b.sync(&mut fake);
    b.assert_settled(&fake);
    let unknown: OpId = "t1:nobody:1".parse().unwrap();
    assert!(matches!(b.store.undo(&unknown, at(8)), Err(StoreError::UnknownOp(_))));
}

#[test]
fn history_names_who_wrote_what_over_what() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "one"));
    a.sync(&mut fake);
    a.write(note("name-contacts", "two"));
    let query = HistoryQuery { entity: Some(item("name-contacts")), before: None, limit: 10 };
    let history = a.store.history(&tenant(), &query).unwrap();
    assert_eq!(history.complete_from, 1);
    let lines: Vec<_> = history
        .lines
        .iter()
        .map(|l| (l.seq.is_some(), l.did[0].before.clone(), l.did[0].after.clone()))
        .collect();
    assert_eq!(lines, [(false, vec![json!("one")], json!("two")), (true, vec![], json!("one"))]);
    assert_eq!(history.lines[0].state, Some(OutboxState::Pending));
    let all = a.store.history(&tenant(), &HistoryQuery { limit: 100, ..HistoryQuery::default() }).unwrap();
    assert_eq!(all.lines.len(), 4);
    let people = a.store.accounts().unwrap();
    assert_eq!(people[0].name, "a");
    // One of them is found without the others, and whose names only begin as the one's do are others.
    assert!(people.iter().all(|one| a.store.account(&one.id).unwrap().as_ref() == Some(one)));
    assert_eq!(a.store.account(&"a-longer-one".parse().unwrap()).unwrap(), None);
}

#[test]
fn one_refused_op_blocks_nothing_and_waits_for_its_author() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let bad = a.write(note("name-contacts", "bad")).op;
    a.write(note("name-contacts", "good"));
    a.write(status("create-tenant", Status::InProgress, None));
    a.push(&mut fake, Take::Refuse(1));
    let waiting = a.store.quarantine(None).unwrap();
    assert_eq!((waiting.len(), waiting[0].op.clone()), (1, bad.clone()));
    a.pull_all(&fake);
    // The later write named the refused one as seen and inherits its base.
    a.assert_settled(&fake);

    let again = a.store.retry(&bad, Some(note("name-contacts", "better")), at(9)).unwrap();
    assert!(a.store.quarantine(None).unwrap().is_empty());
    a.sync(&mut fake);
    a.assert_settled(&fake);
    let cells = a.cells();
    let cell = &cells[&CellKey::new(item("name-contacts"), field::NOTE)];
    assert_eq!(cell.base(), [again.op]);
    assert_eq!(a.store.discard(&bad).unwrap_err().code(), "not_quarantined");
}

#[test]
fn what_stands_on_a_refused_creation_says_so() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let second = cairn_domain::ProjectId { n: 1, ..project() };
    let created = a.write(start(second.clone())).op;
    let on = cairn_domain::Entity::Item(second, "name-contacts".into());
    a.write(Change::ItemStatusSet { item: on, status: Status::Complete, reason: None });
    a.write(note("name-contacts", "unharmed"));
    a.push(&mut fake, Take::Refuse(1));
    let waiting = a.store.quarantine(None).unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting[1].because, Some(created.clone()));
    a.pull_all(&fake);
    a.assert_settled(&fake);
    for op in waiting {
        a.store.discard(&op.op).unwrap();
    }
    assert!(a.store.outbox(None).unwrap().is_empty());
}

#[test]
fn held_work_is_taken_back_until_it_is_adopted() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let held = a.write(status("name-contacts", Status::Blocked, Some("why"))).op;
    a.write(Change::BlockerFieldSet {
        blocker: held.clone(),
        field: BlockerField::Severity,
        value: json!("P1"),
    });
    a.push(&mut fake, Take::Hold);
    a.pull_all(&fake);
    assert_eq!(a.cells(), fake.t1().cells);
    assert_eq!(a.store.counts(None).unwrap().held, 2);
    // Written meanwhile by somebody who had seen the held value.
    a.write(note("name-contacts", "meanwhile"));
    a.sync(&mut fake);

    fake.adopt(&held);
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.assert_settled(&fake);
    b.assert_settled(&fake);
    assert_eq!(a.store.counts(None).unwrap().held, 1);
    fake.says(&tenant(), Change::HeldDiscarded { op: OpId { device_seq: 2, ..held } });
    a.sync(&mut fake);
    assert_eq!(a.store.quarantine(None).unwrap().len(), 1);
}

#[test]
fn a_person_taken_off_the_tenant_is_refused_here_already() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let off = Change::AssignmentSet { account: a.account.clone(), tenant: tenant(), active: false };
    // Written over the assignment with its value as seen, as the service does.
    fake.says_over(&cairn_domain::TenantId::org(), off);
    a.pull_all(&fake);
    assert_eq!(a.try_write(note("name-contacts", "x")).unwrap_err().code(), "not_allowed");
}

#[test]
fn pages_that_do_not_fit_change_nothing() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    a.write(note("name-contacts", "one"));
    a.write(note("create-tenant", "two"));
    a.sync(&mut fake);
    b.write(note("name-contacts", "pending"));
    let cells = b.cells();
    let good = fake.page(&tenant(), b.seen(&tenant()).seq, 99, &b.device());
    let mut try_page = |change: &dyn Fn(&mut cairn_protocol::sync::TenantPage)| {
        let mut page = good.clone();
        change(&mut page);
        let error = b.store.apply_page(&page, at(3_000)).unwrap_err();
        assert_eq!(b.cells(), cells);
        error.code().to_owned()
    };
    assert_eq!(try_page(&|p| p.signature = "00".repeat(64)), "bad_signature");
    assert_eq!(try_page(&|p| drop(p.entries.remove(0))), "page_gap");
    assert_eq!(try_page(&|p| drop(p.entries.pop())), "head_mismatch");
    assert_eq!(
        try_page(&|p| p.entries[0].header = p.entries[0].header.replace(":1\"", ":7\"")),
        "head_mismatch"
    );
    assert_eq!(try_page(&|p| p.proofs.clear()), "bad_signature");
    assert_eq!(try_page(&|p| p.proofs[0].run.signature = "00".repeat(64)), "bad_signature");
    assert_eq!(try_page(&|p| p.digest = Some(cairn_domain::Hash::ZERO)), "digest_mismatch");
    assert_eq!(b.store.rebuilding().unwrap(), [tenant()]);

    b.store.apply_page(&fake.page(&tenant(), 0, 99, &b.device()), at(3_000)).unwrap();
    assert!(b.store.rebuilding().unwrap().is_empty());
    b.sync(&mut fake);
    b.assert_settled(&fake);
}

#[test]
fn another_base_makes_a_conflict_on_purpose() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "one"));
    let draft = Draft {
        change: note("name-contacts", "two"),
        reason: Some("r".into()),
        base: Some(Default::default()),
    };
    a.store.write(&tenant(), draft, at(4)).unwrap();
    assert_eq!(a.store.conflicts(None).unwrap().len(), 1);
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

/// A reader from the tenant gets hashes where the team's side is, and still verifies everything.
#[test]
fn a_client_reader_sees_its_own_side_only() {
    use cairn_domain::id::Audience;
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let blocked = a.write(status("name-contacts", Status::Blocked, Some("no phone"))).op;
    a.write(Change::BlockerFieldSet { blocker: blocked, field: BlockerField::Severity, value: json!("P1") });
    a.sync(&mut fake);

    let mut c = Laptop::new(&mut fake, "c", 3);
    for t in [cairn_domain::TenantId::org(), tenant()] {
        c.store.drop_tenant(&t, true).unwrap();
        c.store.apply_page(&fake.client_page(&t, &c.device()), at(1)).unwrap();
    }
    let cells = c.cells();
    assert!(cells.keys().all(|key| key.entity.audience() == Audience::Client));
    assert_eq!(shown(&c, "name-contacts"), Status::Blocked);
    let report = c.store.audit_verify(&tenant()).unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.head, fake.t1().seen().head);
    assert!(c.store.accounts().unwrap().is_empty());

    // Whoever joins the team gets the whole journal anew.
    assert_eq!(c.seen(&tenant()), fake.t1().seen());
    c.store.apply_page(&fake.page(&tenant(), 0, 99, &c.device()), at(1)).unwrap();
    c.assert_settled(&fake);
}
