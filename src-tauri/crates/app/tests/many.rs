//! Many changes at once, and refused ones put right, over a store that was filled without a service.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::time::Instant;

use cairn_app::Desk;
use cairn_app::api::{Choice, Edit, ItemRow, QueueRow};
use cairn_domain::Change;
use cairn_domain::change::{ItemField, Status, Visibility};
use serde_json::json;

use fake::{Fake, Laptop, Take, at, item};

/// Claimed by people, confirmed by the platform.
const CHECKED: &str = "configure-sso";

fn desk(laptop: Laptop) -> (Desk, impl Sized) {
    let Laptop { store, dir, .. } = laptop;
    (Desk { store }, dir)
}

fn alone() -> (Desk, impl Sized) {
    desk(Laptop::new(&mut Fake::new(), "a", 1))
}

fn named(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| item(key).to_string()).collect()
}

fn status(word: &str, reason: Option<&str>) -> Edit {
    Edit::Status { status: word.to_owned(), reason: reason.map(str::to_owned) }
}

fn shown(desk: &Desk, key: &str) -> ItemRow {
    desk.item("hill", key, at(1_000)).unwrap().item
}

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

#[test]
fn many_items_change_in_one_go_and_go_back_in_one_go() {
    let (mut desk, _dir) = alone();
    let keys = ["confirm-scope", "name-contacts", "check-roles"];
    let before: Vec<ItemRow> = keys.iter().map(|key| shown(&desk, key)).collect();
    let edits = [
        (status("blocked", Some("no answer")), "3 items: Blocked"),
        (Edit::Owner { value: json!({ "role": "CSM" }) }, "3 items: owner CSM"),
        (Edit::Due { value: Some("2026-03-20".to_owned()) }, "3 items: due 2026-03-20"),
    ];
    for (edit, summary) in edits {
        let done = desk.change_many("hill", &named(&keys), &edit, at(1_000)).unwrap();
        assert_eq!((done.summary.as_str(), done.ops.len(), done.refused.len()), (summary, 3, 0));
        let again = desk.change_many("hill", &named(&keys), &edit, at(1_001)).unwrap();
        assert_eq!((again.summary.as_str(), again.ops.len()), ("3 items had it already", 0));
        assert!(keys.iter().all(|key| shown(&desk, key) != before[0]));
        let undone = desk.revert(&done.ops, true, at(1_002)).unwrap();
        assert_eq!((undone.reverted, undone.refused.len()), (3, 0));
    }
    for (key, before) in keys.iter().zip(before) {
        let after = shown(&desk, key);
        assert_eq!((after.status, after.owner, after.due), (before.status, before.owner, before.due));
    }
}

#[test]
fn what_cannot_be_changed_is_left_and_named() {
    let (mut desk, _dir) = alone();
    desk.set_status("hill", "check-roles", "complete", None, None, at(1_000)).unwrap();
    let keys = ["name-contacts", CHECKED, "check-roles", "no-such-item", "name-contacts"];
    let done = desk.change_many("hill", &named(&keys), &status("complete", None), at(1_001)).unwrap();
    assert_eq!(done.summary, "1 item: Complete; 1 item had it already");
    assert_eq!(done.ops.len(), 1);
    let left: Vec<&str> = done.refused.iter().map(|row| row.message.as_str()).collect();
    assert_eq!(done.refused[0].entity, item(CHECKED).to_string());
    assert!(left[0].contains("waiting to verify") && left[1].contains("no-such-item"), "{left:?}");
    assert_eq!(shown(&desk, CHECKED).status, "not_started");
    assert_eq!(shown(&desk, "name-contacts").status, "complete");

    let none = desk.change_many("hill", &named(&[CHECKED]), &status("complete", None), at(1_002)).unwrap();
    assert_eq!((none.summary.as_str(), none.ops.len()), ("Nothing was changed", 0));
    let comment = Edit::Comment { text: "hello".to_owned() };
    let refused = desk.change_many("hill", &named(&["check-roles"]), &comment, at(1_003));
    assert_eq!(refused.unwrap_err().code, "bad_field");
    assert_eq!(desk.store.counts(None).unwrap().pending, 2);
}

/// Two people wrote the note of one item without having seen each other.
fn disputed() -> (Desk, impl Sized) {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    for (laptop, whose) in [(&mut a, "mine"), (&mut b, "theirs")] {
        laptop.write(note(whose));
        let status = Status::InProgress;
        let (key, reason) = ("check-roles", Some(whose.to_owned()));
        laptop.write(Change::ItemStatusSet { item: item(key), status, reason });
    }
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.sync(&mut fake);
    desk(a)
}

#[test]
fn a_change_of_many_settles_no_conflict_unseen() {
    let (mut desk, _dir) = disputed();
    let edit = Edit::Note { value: Some("ours".to_owned()) };
    let done =
        desk.change_many("hill", &named(&["name-contacts", "confirm-scope"]), &edit, at(1_100)).unwrap();
    assert_eq!((done.ops.len(), done.refused.len()), (1, 1));
    assert!(done.refused[0].message.contains("Two values"));
    assert_eq!(desk.conflicts(None).unwrap().len(), 2);
    // Another field of the same item is not disputed.
    let free = desk.change_many("hill", &named(&["name-contacts"]), &status("complete", None), at(1_101));
    assert_eq!(free.unwrap().ops.len(), 1);
}

#[test]
fn many_conflicts_are_settled_at_once_and_history_keeps_them() {
    for mine in [true, false] {
        let (mut desk, _dir) = disputed();
        let rows = desk.conflicts(None).unwrap();
        let choose = |row: &cairn_app::api::ConflictRow| Choice {
            conflict: row.id.clone(),
            take: row.values.iter().find(|value| value.mine == mine).unwrap().op.clone(),
        };
        let choices: Vec<Choice> = rows.iter().map(choose).collect();
        let done = desk.resolve_many(&choices, at(1_100)).unwrap();
        assert_eq!((done.ops.len(), done.refused.len()), (2, 0));
        assert_eq!(done.summary, "2 conflicts settled; every value stays in History");
        assert!(desk.conflicts(None).unwrap().is_empty());
        let kept = if mine { "mine" } else { "theirs" };
        assert_eq!(shown(&desk, "name-contacts").note.as_deref(), Some(kept));
        assert_eq!(shown(&desk, "check-roles").reason.as_deref(), Some(kept));
        let undone = desk.revert(&done.ops, true, at(1_101)).unwrap();
        assert!(undone.refused.iter().all(|row| row.code == "replaced_several"), "{undone:?}");

        let again = desk.resolve_many(&choices, at(1_102)).unwrap();
        assert_eq!((again.ops.len(), again.refused.len()), (0, 2));
        assert_eq!(again.summary, "Nothing was settled");
    }
}

/// A desk on which the service refused `changes`, and their rows on the Sync screen.
fn refused(changes: &[Change]) -> (Desk, impl Sized + use<>, Vec<QueueRow>) {
    let mut fake = Fake::new();
    let mut laptop = Laptop::new(&mut fake, "a", 1);
    for change in changes {
        let written = laptop.write(change.clone());
        laptop.push(&mut fake, Take::Refuse(written.op.device_seq));
    }
    let (desk, dir) = desk(laptop);
    let rows = desk.sync_view().unwrap().refused;
    assert_eq!(rows.len(), changes.len());
    (desk, dir, rows)
}

#[test]
fn a_refused_change_is_put_right_and_leaves_the_list() {
    let comment = |text: &str| Change::CommentAdded {
        on: item("name-contacts"),
        text: text.to_owned(),
        visibility: Visibility::Client,
    };
    let begun = Change::ItemStatusSet { item: item("check-roles"), status: Status::InProgress, reason: None };
    let (mut desk, _dir, rows) = refused(&[begun, note("old"), comment("old")]);
    let offered: Vec<Edit> = rows.iter().filter_map(|row| row.edit.clone()).collect();
    let text = |text: &str| Edit::Comment { text: text.to_owned() };
    let noted = |text: &str| Edit::Note { value: Some(text.to_owned()) };
    assert_eq!(offered, [status("in_progress", None), noted("old"), text("old")]);
    assert_eq!(rows[2].entity, Some(item("name-contacts").to_string()));

    for (row, edit) in rows.iter().zip([status("complete", None), noted("new"), text("new")]) {
        desk.edit_refused(&row.op, &edit, at(1_100)).unwrap();
        assert_eq!(desk.edit_refused(&row.op, &edit, at(1_100)).unwrap_err().code, "unknown_op");
    }
    let view = desk.sync_view().unwrap();
    assert_eq!((view.refused.len(), view.waiting.len()), (0, 3));
    assert!(view.waiting.iter().all(|row| row.edit.is_none()));
    assert_eq!(shown(&desk, "check-roles").status, "complete");
    assert_eq!(shown(&desk, "name-contacts").note.as_deref(), Some("new"));
    let comments = desk.item("hill", "name-contacts", at(1_101)).unwrap().comments;
    assert_eq!((comments[0].text.as_str(), comments[0].visibility.as_str()), ("new", "client"));
}

#[test]
fn a_wrong_value_names_its_field_and_the_refused_change_stays() {
    let begun = Change::ItemStatusSet { item: item("check-roles"), status: Status::InProgress, reason: None };
    let due =
        Change::ItemFieldSet { item: item("check-roles"), field: ItemField::Due, value: json!("2026-03-20") };
    let (mut desk, _dir, rows) = refused(&[begun, due]);
    let mut fault = |row: &QueueRow, edit: Edit| {
        let error = desk.edit_refused(&row.op, &edit, at(1_100)).unwrap_err();
        (error.code, error.details["field"].as_str().unwrap_or_default().to_owned())
    };
    let expected = |code: &str, field: &str| (code.to_owned(), field.to_owned());
    assert_eq!(fault(&rows[0], status("blocked", None)), expected("reason_required", "reason"));
    assert_eq!(fault(&rows[0], status("waiting_to_verify", None)), expected("no_check", "status"));
    assert_eq!(fault(&rows[0], status("done", None)), expected("bad_status", "status"));
    let when = |text: &str| Edit::Due { value: Some(text.to_owned()) };
    assert_eq!(fault(&rows[1], when("soon")), expected("bad_date", "value"));
    assert_eq!(fault(&rows[0], when("2026-03-21")), expected("not_editable", ""), "of another kind");
    assert_eq!(desk.sync_view().unwrap().refused.len(), 2);
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:.0} ms", start.elapsed().as_secs_f64() * 1_000.0);
    done
}

/// A checklist with 10,000 items: prints what changing all of them and taking it back cost.
/// `cargo test -p cairn-app --test many -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_items() {
    let mut source =
        "key = \"big\"\nversion = 1\ntitle = \"Big\"\ntenant_kind = \"school\"\nhealth_model = \"schools\"\n\n[[phases]]\nkey = \"all\"\ntitle = \"All\"\n"
            .to_owned();
    for n in 0..40 {
        source += &format!(
            "\n[[items]]\nkey = \"i{n}\"\nphase = \"all\"\ntitle = \"Item {n}\"\nowner_role = \"CSM\"\nrepeat = {{ every = \"daily\", times = 250 }}\n"
        );
    }
    let (mut desk, _dir) = alone();
    desk.start_project("hill", &source, None, None, at(1_000)).unwrap();
    let list = timed("the checklist", || desk.checklist("hill", Some("big")).unwrap());
    let entities: Vec<String> =
        list.phases.iter().flat_map(|p| &p.items).map(|item| item.entity.clone()).collect();
    assert_eq!(entities.len(), 10_000);
    let write = |desk: &mut Desk, edit: &Edit| desk.change_many("hill", &entities, edit, at(1_001)).unwrap();
    let done = timed("completing all", || write(&mut desk, &status("complete", None)));
    assert_eq!((done.ops.len(), done.refused.len()), (10_000, 0));
    timed("the checklist after it", || desk.checklist("hill", Some("big")).unwrap());
    timed("Sync after it", || desk.sync_view().unwrap());
    let again = timed("once more, with nothing to do", || write(&mut desk, &status("complete", None)));
    assert_eq!(again.ops.len(), 0);
    let undone = timed("taking it back", || desk.revert(&done.ops, true, at(1_002)).unwrap());
    assert_eq!((undone.reverted, undone.refused.len()), (10_000, 0));
}
