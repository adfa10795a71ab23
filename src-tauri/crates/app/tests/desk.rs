//! The desk over a store that was filled without a service.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use cairn_app::desk::Desk;
use cairn_domain::change::{ItemField, Status};
use cairn_domain::{Change, TenantId};
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
