//! The desk over a store that was filled without a service.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use cairn_app::desk::Desk;
use cairn_app::upgrades::Worked;
use cairn_domain::change::{ItemField, Status};
use cairn_domain::{Change, TenantId};
use cairn_domain::{checklist, playbook};
use serde_json::json;

use fake::{Fake, Laptop, at, item, tenant};

const DAY: i64 = 24 * 60;

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

/// The laptop's desk; its directory lives as long as the second part.
fn desk(laptop: Laptop) -> (Desk, impl Sized) {
    let Laptop { store, dir, .. } = laptop;
    (Desk { store }, dir)
}

fn alone() -> (Desk, impl Sized) {
    desk(Laptop::new(&mut Fake::new(), "a", 1))
}

fn status_of(desk: &Desk, key: &str) -> String {
    desk.item("hill", key, at(1_000)).unwrap().item.status
}

#[test]
fn completing_what_the_platform_can_check_waits_for_it() {
    let (mut desk, _dir) = alone();
    for (key, shown) in [("change-first-password", "waiting_to_verify"), ("name-contacts", "complete")] {
        desk.set_status("hill", key, "complete", None, None, at(1_000)).unwrap();
        assert_eq!(status_of(&desk, key), shown, "{key}");
    }
}

#[test]
fn a_refused_change_says_why_and_leaves_nothing() {
    let (mut desk, _dir) = alone();
    for (tenant, key, status, code) in [
        ("hill", "name-contacts", "blocked", "reason_required"),
        ("hill", "name-contacts", "done", "bad_status"),
        ("hill", "no-such-item", "complete", "unknown_item"),
        ("no-such-tenant", "name-contacts", "complete", "unknown_tenant"),
    ] {
        let error = desk.set_status(tenant, key, status, None, None, at(1_000)).unwrap_err();
        assert_eq!(error.code, code);
    }
    assert_eq!(desk.store.counts(None).unwrap().pending, 0);
    desk.set_status("hill", "name-contacts", "blocked", Some("no answer".into()), None, at(1_000)).unwrap();
    assert_eq!(status_of(&desk, "name-contacts"), "blocked");
}

/// As many people as names write the same cell without having seen each other.
fn conflict(names: &[&str]) -> (Desk, impl Sized) {
    let mut fake = Fake::new();
    let mut laptops: Vec<Laptop> =
        (1..).zip(names).map(|(seed, name)| Laptop::new(&mut fake, name, seed)).collect();
    for (laptop, name) in laptops.iter_mut().zip(names) {
        laptop.write(note(&format!("{name}'s")));
    }
    for laptop in &mut laptops {
        laptop.sync(&mut fake);
    }
    let mut first = laptops.remove(0);
    first.pull_all(&fake);
    desk(first)
}

#[test]
fn each_choice_says_what_it_loses() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let blocked = |reason: &str| Change::ItemStatusSet {
        item: item("name-contacts"),
        status: Status::Blocked,
        reason: Some(reason.to_owned()),
    };
    a.write(blocked("no answer"));
    let done = Change::ItemStatusSet { item: item("name-contacts"), status: Status::Complete, reason: None };
    b.write(done);
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.sync(&mut fake);
    let loses = |desk: &Desk, mine: bool| {
        let row = desk.conflicts(None).unwrap().remove(0);
        row.values.into_iter().find(|v| v.mine == mine).unwrap().loses
    };
    let (desk_a, _dir_a) = desk(a);
    assert_eq!(loses(&desk_a, true), ["b's status Complete"]);
    assert_eq!(loses(&desk_a, false), ["Your status Blocked", "Your reason: no answer"]);
    let (desk_b, _dir_b) = desk(b);
    assert_eq!(loses(&desk_b, true), ["a's status Blocked", "a's reason: no answer"]);
    assert_eq!(loses(&desk_b, false), ["Your status Complete"]);

    // Of three values each choice loses two.
    let (desk, _dir) = conflict(&["a", "b", "c"]);
    let mut lost = loses(&desk, true);
    lost.sort();
    assert_eq!(lost, ["b's note b's", "c's note c's"]);
}

#[test]
fn mine_and_theirs_name_one_value_or_are_ambiguous() {
    for take in ["mine", "theirs"] {
        let (mut desk, _dir) = conflict(&["a", "b"]);
        let row = desk.conflicts(None).unwrap().remove(0);
        desk.resolve(&row.id, take, at(1_000)).unwrap();
        assert!(desk.conflicts(None).unwrap().is_empty());
        assert_eq!(desk.resolve(&row.id, take, at(1_000)).unwrap_err().code, "unknown_conflict");
    }
    let (mut desk, _dir) = conflict(&["a", "b", "c"]);
    let row = desk.conflicts(None).unwrap().remove(0);
    let error = desk.resolve(&row.id, "theirs", at(1_000)).unwrap_err();
    assert_eq!(error.code, "ambiguous");
    assert_eq!(error.details["values"].as_array().unwrap().len(), 3);
    assert_eq!(desk.resolve(&row.id, "t1:x:1", at(1_000)).unwrap_err().code, "unknown_value");
    let theirs = row.values.iter().find(|v| !v.mine).unwrap();
    desk.resolve(&row.id, &theirs.op, at(1_000)).unwrap();
    assert!(desk.conflicts(None).unwrap().is_empty());
}

#[test]
fn an_audit_lists_what_was_replaced_and_what_did_not_return() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let common = fake.t1().seen();
    let returned = a.write(note("returned")).op;
    let lost = a.write(note("lost")).op;
    a.sync(&mut fake);
    fake.roll_back(&tenant(), common.seq);
    a.store.rewind(&tenant(), common, at(1)).unwrap();
    let offer = a.store.offers(&tenant(), 0, 1).unwrap().remove(0);
    a.store.apply_receipts(&[fake.take_offer(&offer.entry)]).unwrap();
    a.pull_all(&fake);
    let (desk, _dir) = desk(a);
    let audit = desk.audit_verify("hill").unwrap();
    assert_eq!((&audit["ok"], &audit["complete_from"]), (&json!(true), &json!(1)), "{audit}");
    assert_eq!((&audit["replaced"], &audit["not_returned"]), (&json!([returned, lost]), &json!([lost])));
}

/// Does something at the desk of a laptop that has no network.
fn offline(laptop: Laptop, work: impl FnOnce(&mut Desk)) -> Laptop {
    let Laptop { store, dir, account, clock } = laptop;
    let mut desk = Desk { store };
    work(&mut desk);
    Laptop { store: desk.store, dir, account, clock }
}

#[test]
fn two_laptops_that_start_the_same_playbook_apart_get_one_checklist() {
    const KEY: &str = "regional-workshop";
    let book = playbook::built_in_by_key(KEY).unwrap();
    let keys: Vec<String> =
        playbook::parse(book.source).unwrap().items_for(None).map(|i| i.key.clone()).take(2).collect();
    let mut fake = Fake::new();
    let start = |laptop: Laptop, key: &str| {
        offline(laptop, |desk| {
            desk.start_project("hill", book.source, None, None, at(1_000)).unwrap();
            let text = json!(format!("note on {key}"));
            desk.set_field("hill", key, "note", text, Some(KEY), at(1_001)).unwrap();
        })
    };
    let mut a = start(Laptop::new(&mut fake, "a", 1), &keys[0]);
    let mut b = start(Laptop::new(&mut fake, "b", 2), &keys[1]);
    for laptop in [&mut a, &mut b] {
        laptop.sync(&mut fake);
    }
    a.pull_all(&fake);
    for laptop in [a, b] {
        laptop.assert_settled(&fake);
        let started = checklist::projects(&laptop.cells());
        assert_eq!(started.iter().filter(|p| p.id.playbook == KEY).count(), 1, "one project of two starts");
        let (desk, _dir) = desk(laptop);
        assert!(desk.conflicts(None).unwrap().is_empty(), "both said the same");
        let view = desk.checklist("hill", Some(KEY)).unwrap();
        let items: Vec<_> = view.phases.iter().flat_map(|p| &p.items).collect();
        for key in &keys {
            let shown = items.iter().filter(|i| i.key == *key).map(|i| i.note.as_deref());
            assert_eq!(shown.collect::<Vec<_>>(), [Some(format!("note on {key}").as_str())]);
        }
    }
}

#[test]
fn undo_is_refused_once_somebody_built_on_it() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let lonely = a.write(Change::ItemStatusSet {
        item: item("check-roles"),
        status: Status::InProgress,
        reason: None,
    });
    let built_on = a.write(note("first"));
    a.sync(&mut fake);
    b.sync(&mut fake);
    b.write(note("second"));
    b.sync(&mut fake);
    a.sync(&mut fake);
    let (mut desk, _dir) = desk(a);
    assert_eq!(desk.undo(&built_on.op.to_string(), at(1_000)).unwrap_err().code, "built_on");
    desk.undo(&lonely.op.to_string(), at(1_000)).unwrap();
    assert_eq!(status_of(&desk, "check-roles"), "not_started");
}

#[test]
fn an_expired_lease_refuses_work_and_destroys_nothing() {
    let (mut desk, _dir) = alone();
    let write = |desk: &mut Desk, now| {
        desk.set_status("hill", "name-contacts", "in_progress", None, None, now).map(drop)
    };
    write(&mut desk, at(1_000)).unwrap();
    assert_eq!(write(&mut desk, at(15 * DAY)).unwrap_err().code, "lease_expired");
    assert_eq!(
        write(&mut desk, at(1_001)).unwrap_err().code,
        "lease_expired",
        "a set-back clock gains nothing"
    );
    assert_eq!(desk.store.counts(None).unwrap().pending, 1);
    assert!(!desk.store.cells(&tenant()).unwrap().is_empty());
    desk.store.note_contact(at(15 * DAY)).unwrap();
    write(&mut desk, at(15 * DAY)).unwrap();
    assert_eq!(desk.store.counts(None).unwrap().pending, 2);
}

#[test]
fn signing_out_closes_the_door_and_keeps_the_work() {
    let (mut desk, _dir) = alone();
    desk.set_status("hill", "name-contacts", "in_progress", None, None, at(1_000)).unwrap();
    desk.store.set_signed_out(true).unwrap();
    assert_eq!(desk.identity().unwrap_err().code, "signed_out");
    let refused = desk.set_status("hill", "name-contacts", "complete", None, None, at(1_000));
    assert_eq!(refused.unwrap_err().code, "signed_out");
    assert_eq!(desk.store.counts(None).unwrap().pending, 1);
    desk.store.set_signed_out(false).unwrap();
    assert_eq!(desk.store.next_push(9).unwrap()[0].ops.len(), 1);
}

/// The playbook of the laptops' project in its next version: `check-roles` is gone, `name-contacts`
/// is called something else and `greet` is new.
fn next_version() -> String {
    let source = fake::source().replace("version = 1", "version = 2");
    let gone = source.find("[[items]]\nkey = \"check-roles\"").unwrap();
    let end = source[gone + 1..].find("\n\n").unwrap() + gone + 2;
    let greet =
        "[[items]]\nkey = \"greet\"\nphase = \"prepare\"\ntitle = \"Greet\"\nowner_role = \"CSM\"\n\n";
    format!("{}{greet}{}", &source[..gone], &source[end..])
        .replace("Name the people at the school", "Name everyone at the school")
}

fn keys_of(desk: &Desk) -> Vec<(String, bool)> {
    let view = desk.checklist("hill", None).unwrap();
    view.phases.into_iter().flat_map(|p| p.items).map(|i| (i.key, i.in_playbook)).collect()
}

fn worked_on() -> (Desk, impl Sized) {
    let (mut desk, dir) = alone();
    desk.set_status("hill", "check-roles", "complete", None, None, at(1_000)).unwrap();
    desk.set_field("hill", "check-roles", "note", json!("three roles"), None, at(1_000)).unwrap();
    (desk, dir)
}

#[test]
fn an_upgrade_is_shown_before_it_is_done() {
    let (desk, _dir) = worked_on();
    let plan = desk.plan_upgrade("hill", Some(&next_version()), None).unwrap();
    assert_eq!((plan.from, plan.to, plan.up_to_date), (1, 2, false));
    let keys =
        |lines: &[cairn_app::api::UpgradeLine]| lines.iter().map(|l| l.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&plan.added), ["greet"]);
    assert_eq!(keys(&plan.removed), ["check-roles"]);
    assert_eq!(plan.removed[0].holds, ["Complete", "note"]);
    assert_eq!(plan.removed[0].phase, "Prepare");
    assert_eq!(keys(&plan.changed), ["name-contacts"]);
    let field = &plan.changed[0].fields[0];
    assert_eq!(
        (field.field.as_str(), field.before.as_deref()),
        ("title", Some("Name the people at the school"))
    );
    assert_eq!(desk.checklist("hill", None).unwrap().version, Some(1), "looking changes nothing");
    assert!(desk.plan_upgrade("hill", None, None).unwrap().up_to_date);
}

#[test]
fn an_upgrade_keeps_work_where_it_is_asked_to_and_can_be_taken_back() {
    for worked in [Worked::Stays, Worked::Goes] {
        let (mut desk, _dir) = worked_on();
        let source = next_version();
        let before = keys_of(&desk);
        let seen = desk.plan_upgrade("hill", Some(&source), None).unwrap().seen;
        let written = desk.upgrade_project("hill", Some(&source), &seen, worked, at(1_001)).unwrap();
        let stays = keys_of(&desk).contains(&("check-roles".to_owned(), false));
        assert_eq!(stays, worked == Worked::Stays);
        assert!(keys_of(&desk).contains(&("greet".to_owned(), true)));
        let history = desk.history("hill", 10, at(1_001)).unwrap();
        assert!(history.iter().find(|row| row.id == written.op).unwrap().can_undo);

        desk.undo(&written.op, at(1_002)).unwrap();
        assert_eq!(keys_of(&desk), before, "{worked:?}");
        let item = desk.item("hill", "check-roles", at(1_002)).unwrap().item;
        assert_eq!(
            (item.status.as_str(), item.note.as_deref()),
            ("complete", Some("three roles")),
            "{worked:?}"
        );
        assert_eq!(desk.undo(&written.op, at(1_003)).unwrap_err().code, "built_on");
    }
}

#[test]
fn an_upgrade_is_refused_where_its_plan_is_no_longer_true() {
    let (mut desk, _dir) = worked_on();
    let source = next_version();
    let seen = desk.plan_upgrade("hill", Some(&source), None).unwrap().seen;
    desk.set_status("hill", "check-roles", "in_progress", None, None, at(1_001)).unwrap();
    let mut upgrade = |seen: &str| {
        desk.upgrade_project("hill", Some(&source), seen, Worked::Goes, at(1_002)).map_err(|e| e.code)
    };
    assert_eq!(upgrade(&seen).unwrap_err(), "changed_since");
    let seen = desk.plan_upgrade("hill", Some(&source), None).unwrap().seen;
    desk.upgrade_project("hill", Some(&source), &seen, Worked::Goes, at(1_003)).unwrap();
    let seen = desk.plan_upgrade("hill", Some(&source), None).unwrap().seen;
    let again = desk.upgrade_project("hill", Some(&source), &seen, Worked::Goes, at(1_004));
    assert_eq!(again.unwrap_err().code, "up_to_date");
    assert_eq!(desk.plan_upgrade("hill", None, None).unwrap_err().code, "older_playbook");
    let other = playbook::built_in_by_key("pilot-ministry").unwrap().source;
    assert_eq!(desk.plan_upgrade("hill", Some(other), None).unwrap_err().code, "other_playbook");
    let error = desk.plan_upgrade("hill", Some("key = 1"), None).unwrap_err();
    assert_eq!((error.code.as_str(), &error.details["line"]), ("bad_playbook", &json!(1)));
}

#[test]
fn what_cairnctl_prints_of_an_upgrade_names_what_goes_with_it() {
    let (mut desk, _dir) = worked_on();
    let source = next_version();
    let mut run =
        |worked, apply| desk.upgrade_in_json("hill", Some(&source), None, worked, apply, at(1_001)).unwrap();
    let json = run(Worked::Goes, false);
    assert_eq!((&json["applied"], &json["from"], &json["to"]), (&json!(false), &json!(1), &json!(2)));
    assert_eq!(json["diff"]["removed"][0]["key"], "check-roles");
    assert_eq!(json["removed_with_values"][0]["holds"], json!(["Complete", "note"]));
    assert_eq!(json["removed_with_values"][0]["stays"], false);
    let json = run(Worked::Stays, true);
    assert_eq!((&json["applied"], &json["removed_with_values"][0]["stays"]), (&json!(true), &json!(true)));
    assert!(json["op"].is_string());
    assert_eq!(run(Worked::Stays, true)["up_to_date"], true);
}

/// A note alone is work too.
#[test]
fn an_item_that_holds_only_a_note_stays() {
    let (mut desk, _dir) = alone();
    desk.set_field("hill", "check-roles", "note", json!("ask Dana"), None, at(1_000)).unwrap();
    let source = next_version();
    let seen = desk.plan_upgrade("hill", Some(&source), None).unwrap().seen;
    desk.upgrade_project("hill", Some(&source), &seen, Worked::Stays, at(1_001)).unwrap();
    assert!(keys_of(&desk).contains(&("check-roles".to_owned(), false)));
}

#[test]
fn a_file_is_checked_with_all_its_faults_or_described() {
    let bad = cairn_app::projects::check(
        &next_version().replace("version = 2", "version = 0").replace("CSM", "csm"),
    );
    assert!(bad.playbook.is_none());
    assert_eq!((bad.problems[0].code.as_str(), bad.problems[0].line), ("bad_version", 5));
    assert!(bad.problems.len() > 1);
    let source = playbook::built_in_by_key("regional-workshop").unwrap().source;
    let good = cairn_app::projects::check(source);
    let facts = good.playbook.unwrap();
    assert!(good.problems.is_empty());
    assert_eq!((facts.phases.len(), facts.sign_offs, facts.choice.phases), (5, 4, 5));
    assert!(facts.nested > 100 && facts.targets > 10, "{facts:?}");
}

/// A second project of its own for each, in a tenant that has one already.
#[test]
fn every_built_in_playbook_can_be_started() {
    for choice in cairn_app::projects::choices() {
        let (mut desk, _dir) = alone();
        let source = cairn_app::projects::built_in_source(&choice.key).unwrap();
        let modes: Vec<Option<String>> = if choice.modes.is_empty() {
            vec![None]
        } else {
            choice.modes.iter().map(|mode| Some(mode.key.clone())).collect()
        };
        for mode in modes {
            desk.start_project("hill", source, mode.clone(), Some("2026-09-01".into()), at(1_000)).unwrap();
            let view = desk.checklist("hill", Some(&choice.key)).unwrap();
            assert!(
                view.phases.iter().flat_map(|p| &p.items).all(|i| i.due.is_some())
                    || choice.key == "first-school-go-live"
            );
        }
    }
}

#[test]
fn the_rows_carry_what_the_playbook_says() {
    let (mut desk, _dir) = alone();
    let start = |desk: &mut Desk, key: &str, mode: Option<&str>| {
        let source = cairn_app::projects::built_in_source(key).unwrap();
        desk.start_project("hill", source, mode.map(str::to_owned), Some("2026-09-01".into()), at(1_000))
            .unwrap();
        desk.checklist("hill", Some(key)).unwrap()
    };
    let row = |view: &cairn_app::api::ChecklistView, key: &str| {
        view.phases.iter().flat_map(|p| &p.items).find(|i| i.key == key).cloned().unwrap()
    };
    let view = start(&mut desk, "pilot-ministry", None);
    let items: usize = view.phases.iter().map(|p| p.items.len()).sum();
    assert_eq!((items, view.phases.len()), (47, 8));
    let server = row(&view, "staging-server");
    assert_eq!((server.priority.as_deref(), server.complexity), (Some("critical"), Some(5)));
    assert_eq!(server.due.as_deref(), Some("2026-06-23"), "70 days before");

    let view = start(&mut desk, "regional-workshop", None);
    let week = row(&view, "workshop-3");
    assert_eq!((week.round, week.repeat.as_deref()), (Some(3), Some("weekly")));
    assert_eq!(week.parts.map(|p| p.total), Some(20));
    let half = row(&view, "onboarded-day-1").target.unwrap();
    assert_eq!((half.bound.as_str(), half.value, half.within_hours), ("at_least", 50.0, Some(24)));
    let signed = row(&view, "sign-director");
    assert!(signed.sign_off.is_some());
    assert_eq!(
        (signed.owner.as_deref(), signed.owner_title.as_deref()),
        (Some("district_admin"), Some("Programme director"))
    );
    assert_eq!(signed.parent.as_deref(), Some("approve-launch"));

    let view = start(&mut desk, "ethics-line-client", Some("standard"));
    assert_eq!(view.mode_title.as_deref(), Some("Standard"));
    assert_eq!(view.phases[0].days, Some(6));
    assert!(view.phases.iter().flat_map(|p| &p.items).all(|i| i.key != "form-steering-group"));
}

#[test]
fn the_devices_are_ones_own_this_one_first_and_the_retired_last() {
    let mut fake = Fake::new();
    let gone = Laptop::new(&mut fake, "a", 1).device();
    fake.says_over(&TenantId::org(), Change::DeviceRetired { device: gone.clone(), why: "lost".into() });
    let other = Laptop::new(&mut fake, "a", 2).device();
    Laptop::new(&mut fake, "b", 3);
    let laptop = Laptop::new(&mut fake, "a", 4);
    let here = laptop.device();
    let (desk, _dir) = desk(laptop);
    let rows = desk.devices().unwrap();
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, [here.as_str(), other.as_str(), gone.as_str()]);
    let states: Vec<_> = rows.iter().map(|row| (row.this, row.active, row.retired.is_some())).collect();
    assert_eq!(states, [(true, true, false), (false, true, false), (false, false, true)]);
    assert!(rows.iter().all(|row| row.since.is_some()));
}
