//! `held import` on both storages: what a revoked device could not send reaches the held list once,
//! whole, and only if it is what the device wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::cell::field;
use cairn_domain::change::Status;
use cairn_domain::journal::Outcome;
use cairn_domain::op::Seen;
use cairn_domain::seal::seal;
use cairn_domain::*;
use cairn_protocol::ApiError;
use cairn_protocol::sealed::{SealedWork, UnsentWork};
use cairn_protocol::sync::PushRun;
use cairn_service::held::{Imported, NotTaken, import};
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::{Ask, admin, backup};
use common::*;
use ed25519_dalek::SigningKey;
use rand::SeedableRng;

on_both!(
    work_of_a_revoked_device_is_held_adopted_and_imported_once,
    what_was_answered_before_is_left_alone,
    what_was_issued_again_stands_once,
    a_number_with_other_bytes_is_reported_and_nothing_of_its_run_is_taken,
    only_a_retired_device_may_have_gaps,
    a_strangers_tenant_takes_nothing_and_stops_nothing,
    another_history_is_not_taken,
    an_unreadable_op_is_refused_for_ever,
    a_file_that_is_not_whole_or_not_ours_changes_nothing,
);

/// The file a laptop would write about these runs.
fn file(laptop: &Laptop, runs: Vec<PushRun>) -> SealedWork {
    let work = UnsentWork { device: laptop.device.clone(), account: laptop.account.clone(), runs };
    sealed(&laptop.service_key, &work)
}

fn sealed(service_key: &str, work: &UnsentWork) -> SealedWork {
    let plain = serde_json::to_vec(work).unwrap();
    SealedWork::around(service_key, &seal(service_key, &[3; 32], [4; 12], &plain).unwrap()).unwrap()
}

fn take(world: &mut World, file: &SealedWork) -> Result<Imported, ApiError> {
    let bytes = serde_json::to_vec(file).unwrap();
    world.ask(|service, ask| import(service, &bytes, ask))
}

fn counts(imported: &Imported) -> [u64; 4] {
    [imported.held, imported.known, imported.refused, imported.other_bytes]
}

/// Statuses of the first `n` free items, written without sending them.
fn day(laptop: &mut Laptop, tenant: &TenantId, n: usize) -> Vec<SealedOp> {
    let keys = free_items();
    keys[..n].iter().map(|key| laptop.status(tenant, key, Status::Complete, None)).collect()
}

fn revoke(world: &mut World, name: &str) {
    assert_eq!(world.ask(|s, ask| admin::revoke_devices(s, name, ask)).unwrap(), 1);
    assert_eq!(world.ask(|s, ask| admin::revoke_devices(s, name, ask)).unwrap(), 0);
}

/// A manager of the pair's tenant.
fn manager(world: &mut World) -> Laptop {
    world.user("mia", Role::ImplMgr, &["north"]);
    let mut mia = world.sign_in("mia");
    mia.sync(world, vec![]);
    mia
}

fn adopt(mia: &mut Laptop, world: &mut World, tenant: &TenantId, ops: &[OpId]) -> Vec<Outcome> {
    let adopted =
        ops.iter().map(|op| mia.op(tenant, Change::HeldAdopted { op: op.clone() }, BTreeMap::new()));
    let adopted = adopted.collect();
    mia.push(world, tenant, adopted)
}

fn ids(ops: &[SealedOp]) -> Vec<OpId> {
    ops.iter().map(|op| op.header().unwrap().op).collect()
}

/// The held list as the manager sees it: names and reasons.
fn listed(mia: &mut Laptop, world: &mut World, tenant: &TenantId) -> Vec<(OpId, String)> {
    mia.sync(world, vec![]);
    mia.held(tenant).held.clone().unwrap().into_iter().map(|h| (h.op, h.why)).collect()
}

fn work_of_a_revoked_device_is_held_adopted_and_imported_once(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let mut mia = manager(&mut world);
    let ops = day(&mut ana, &tenant, 3);
    let run = ana.run(&tenant, ops.clone());
    world.ask(|s, ask| admin::set_active(s, "ana", false, ask)).unwrap();
    revoke(&mut world, "ana");
    let refused = ana.ask(&mut world, &ana.request(vec![run.clone()])).unwrap_err();
    assert_eq!(refused.code, "device_retired");

    let file = file(&ana, vec![run]);
    let imported = take(&mut world, &file).unwrap();
    assert_eq!(counts(&imported), [3, 0, 0, 0]);
    assert_eq!(
        (&imported.account, &imported.device, imported.not_taken.len()),
        (&ana.account, &ana.device, 0)
    );
    let held: Vec<_> = ids(&ops).into_iter().map(|op| (op, "imported".to_owned())).collect();
    assert_eq!(listed(&mut mia, &mut world, &tenant), held);
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [0, 3, 0, 0], "twice changes nothing");
    assert_eq!(listed(&mut mia, &mut world, &tenant), held);

    let outcomes = adopt(&mut mia, &mut world, &tenant, &ids(&ops));
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Accepted { .. })), "{outcomes:?}");
    // Ben's laptop checks the author's signature of each entry.
    ben.sync(&mut world, vec![]);
    for key in &free_items()[..3] {
        let cell = &ben.held(&tenant).cells[&CellKey::new(item(key), field::STATUS)];
        assert_eq!(cell.winner().unwrap().1.by, ana.account);
    }
    let seen = ben.held(&tenant).seen;
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [0, 3, 0, 0], "adopted ops are known too");
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).seen, seen);
    assert_eq!(listed(&mut mia, &mut world, &tenant), []);
}

fn what_was_answered_before_is_left_alone(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let mut mia = manager(&mut world);
    let ops = day(&mut ana, &tenant, 3);
    ana.push(&mut world, &tenant, vec![ops[0].clone()]);
    let file = file(&ana, vec![ana.run(&tenant, ops.clone())]);
    // The device is still enrolled: it may have another way one day.
    let imported = take(&mut world, &file).unwrap();
    assert_eq!(counts(&imported), [2, 1, 0, 0]);
    assert_eq!(listed(&mut mia, &mut world, &tenant).len(), 2);
    let outcomes = ana.push(&mut world, &tenant, ops);
    assert!(matches!(outcomes[0], Outcome::Accepted { .. }));
    assert_eq!(outcomes[1..], [Outcome::Held, Outcome::Held]);
    let next = ana.status(&tenant, &free_items()[3], Status::Complete, None);
    assert!(matches!(ana.push(&mut world, &tenant, vec![next])[0], Outcome::Accepted { .. }));
}

fn what_was_issued_again_stands_once(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let mut mia = manager(&mut world);
    let ops = day(&mut ana, &tenant, 3);
    let file = file(&ana, vec![ana.run(&tenant, ops.clone())]);
    revoke(&mut world, "ana");
    // Signed in again, her profile issues the same work anew.
    let mut again = world.sign_in("ana");
    again.salt = 1_000;
    again.sync(&mut world, vec![]);
    let mut reissue = |world: &mut World, op: &SealedOp| {
        let change = op.open().unwrap().body.change;
        let op = again.op_reissuing(&tenant, change, BTreeMap::new(), Some(op.hash()));
        again.push(world, &tenant, vec![op]).remove(0)
    };
    // Before the file arrives, after it was adopted, and in between.
    assert!(matches!(reissue(&mut world, &ops[0]), Outcome::Accepted { .. }));
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [2, 1, 0, 0]);
    adopt(&mut mia, &mut world, &tenant, &ids(&ops)[1..2]);
    assert_eq!(reissue(&mut world, &ops[1]), Outcome::Duplicate { of: ids(&ops)[1].clone() });
    assert!(matches!(reissue(&mut world, &ops[2]), Outcome::Accepted { .. }));
    mia.sync(&mut world, vec![]);
    let before = mia.held(&tenant).seen.seq;
    adopt(&mut mia, &mut world, &tenant, &ids(&ops)[2..]);
    assert_eq!(mia.held(&tenant).seen.seq, before + 1, "only the manager's decision itself is new");
}

fn a_number_with_other_bytes_is_reported_and_nothing_of_its_run_is_taken(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let mut mia = manager(&mut world);
    let first = day(&mut ana, &tenant, 1);
    ana.push(&mut world, &tenant, first);
    // A restored profile used the number again.
    ana.numbers.insert(tenant.clone(), 0);
    let ops: Vec<SealedOp> =
        free_items()[1..3].iter().map(|key| ana.status(&tenant, key, Status::InProgress, None)).collect();
    let file = file(&ana, vec![ana.run(&tenant, ops)]);
    let imported = take(&mut world, &file).unwrap();
    assert_eq!(counts(&imported), [0, 0, 0, 1]);
    let not = NotTaken { tenant: tenant.clone(), first: 1, count: 2, why: "other_bytes" };
    assert_eq!(imported.not_taken, [not]);
    assert_eq!(listed(&mut mia, &mut world, &tenant), []);
    ben.sync(&mut world, vec![]);
    // The device goes on where it was.
    ana.numbers.insert(tenant.clone(), 1);
    let next = ana.status(&tenant, &free_items()[3], Status::Complete, None);
    assert!(matches!(ana.push(&mut world, &tenant, vec![next])[0], Outcome::Accepted { .. }));
}

fn only_a_retired_device_may_have_gaps(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let mut mia = manager(&mut world);
    let ops = day(&mut ana, &tenant, 3);
    let late = file(&ana, vec![ana.run(&tenant, ops[1..].to_vec())]);
    let imported = take(&mut world, &late).unwrap();
    assert_eq!((counts(&imported), imported.not_taken[0].why), ([0; 4], "gap"));
    // Otherwise the first one could never be pushed.
    assert_eq!(ana.push(&mut world, &tenant, ops[..1].to_vec()).len(), 1);

    let mut lost = day(&mut ben, &tenant, 2);
    let kept = lost.split_off(1);
    let late = file(&ben, vec![ben.run(&tenant, kept.clone())]);
    revoke(&mut world, "ben");
    assert_eq!(counts(&take(&mut world, &late).unwrap()), [1, 0, 0, 0]);
    let outcomes = adopt(&mut mia, &mut world, &tenant, &ids(&kept));
    assert!(matches!(outcomes[0], Outcome::Accepted { .. }));
    ana.sync(&mut world, vec![]);
}

fn a_strangers_tenant_takes_nothing_and_stops_nothing(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let foreign = world.tenant("south");
    let nowhere: TenantId = "nowhere".parse().unwrap();
    let mut runs = Vec::new();
    for tenant in [&foreign, &nowhere, &tenant] {
        let ops = day(&mut ana, tenant, 1);
        runs.push(ana.run(tenant, ops));
    }
    let imported = take(&mut world, &file(&ana, runs)).unwrap();
    assert_eq!(counts(&imported), [1, 0, 0, 0]);
    let not: Vec<_> = imported.not_taken.iter().map(|run| (&run.tenant, run.why)).collect();
    assert_eq!(not, [(&foreign, "unknown_tenant"), (&nowhere, "unknown_tenant")]);
    let standing = world.service.storage.standings(&[foreign, nowhere]).unwrap();
    assert_eq!(standing.iter().map(|s| s.held).collect::<Vec<_>>(), [0]);
}

fn another_history_is_not_taken(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let seen = ana.held(&tenant).seen;
    ana.journals.get_mut(&tenant).unwrap().seen = Seen { head: Hash([7; 32]), ..seen };
    let ops = day(&mut ana, &tenant, 1);
    let file = file(&ana, vec![ana.run(&tenant, ops)]);
    revoke(&mut world, "ana");
    let imported = take(&mut world, &file).unwrap();
    assert_eq!((counts(&imported), imported.not_taken[0].why), ([0; 4], "history_differs"));
    ben.sync(&mut world, vec![]);
}

fn an_unreadable_op_is_refused_for_ever(open: Open) {
    let (mut world, tenant, mut ana, ben) = pair(&open);
    let mut ops = day(&mut ana, &tenant, 2);
    ops[0].body.push('x');
    ana.account = ben.account.clone();
    ops.push(ana.status(&tenant, &free_items()[2], Status::Complete, None));
    ana.account = ops[1].open().unwrap().body.actor;
    let file = file(&ana, vec![ana.run(&tenant, ops)]);
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [1, 0, 2, 0]);
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [0, 3, 0, 0]);
}

fn a_file_that_is_not_whole_or_not_ours_changes_nothing(open: Open) {
    let (mut world, tenant, mut ana, ben) = pair(&open);
    let mut mia = manager(&mut world);
    let ops = day(&mut ana, &tenant, 2);
    let run = ana.run(&tenant, ops);
    let good = file(&ana, vec![run.clone()]);
    let work = UnsentWork { device: ana.device.clone(), account: ana.account.clone(), runs: vec![run] };
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let elsewhere = cairn_service::service::public_hex(&stranger);

    let mut cut = good.clone();
    cut.sealed.truncate(cut.sealed.len() / 8 * 4);
    let mut tampered = good.clone();
    let middle = tampered.sealed.len() / 2;
    let letter = if tampered.sealed.as_bytes()[middle] == b'A' { "B" } else { "A" };
    tampered.sealed.replace_range(middle..=middle, letter);
    let mut changed = work.clone();
    changed.runs[0].ops[1].body = changed.runs[0].ops[1].body.replace("complete", "in_progress");
    let mut moved = work.clone();
    moved.runs[0].ops.swap(0, 1);
    let mut mixed = work.clone();
    mixed.runs.push(ben.run(&tenant, work.runs[0].ops.clone()));
    let mut renamed = work.clone();
    renamed.device = "0123456789abcdef".parse().unwrap();
    let mut claimed = work.clone();
    claimed.account = ben.account.clone();
    let mut empty = work.clone();
    empty.runs[0].ops.clear();
    let ours = good.service.clone();
    let to_us = |work: &UnsentWork| sealed(&ana.service_key, work);
    for (file, code) in [
        (SealedWork { format: "something-else".into(), ..good.clone() }, "not_sealed_work"),
        (SealedWork { v: 2, ..good.clone() }, "version_not_supported"),
        (sealed(&elsewhere, &work), "sealed_for_another_service"),
        (SealedWork { service: ours, ..sealed(&elsewhere, &work) }, "damaged"),
        (SealedWork { nonce: "00".repeat(12), ..good.clone() }, "damaged"),
        (SealedWork { ephemeral: String::new(), ..good.clone() }, "damaged"),
        (cut, "damaged"),
        (tampered, "damaged"),
        (to_us(&changed), "bad_signature"),
        (to_us(&moved), "bad_signature"),
        (to_us(&mixed), "bad_signature"),
        (to_us(&renamed), "unknown_device"),
        (to_us(&claimed), "wrong_account"),
        (to_us(&empty), "bad_request"),
    ] {
        assert_eq!(take(&mut world, &file).unwrap_err().code, code);
    }
    for text in ["", "{}", "not json", "[1, 2]"] {
        let refused = world.ask(|s, ask| import(s, text.as_bytes(), ask)).unwrap_err();
        assert_eq!(refused.code, "not_sealed_work", "{text}");
    }
    assert_eq!(listed(&mut mia, &mut world, &tenant), []);
    assert_eq!(counts(&take(&mut world, &good).unwrap()), [2, 0, 0, 0], "the file itself is good");
}

#[test]
fn what_was_sealed_before_a_restore_opens_after_it() {
    let root = tempfile::tempdir().unwrap();
    let (data, copy) = (root.path().join("a"), root.path().join("backup"));
    let path = data.clone();
    let open: Open = Arc::new(move || Arc::new(Sqlite::open(&path).unwrap()));
    let (mut world, tenant, mut ana, _) = pair(&open);
    backup::backup(&world.service, &copy, time(50)).unwrap();
    // The service forgets the first; the device was told that it arrived.
    let ops = day(&mut ana, &tenant, 3);
    ana.push(&mut world, &tenant, ops[..1].to_vec());
    let file = file(&ana, vec![ana.run(&tenant, ops[1..].to_vec())]);
    drop(world);
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    backup::restore(&copy, &data, &mut Ask::new(time(60), &mut random)).unwrap();
    let mut world = World::new(open());
    assert_eq!(counts(&take(&mut world, &file).unwrap()), [2, 0, 0, 0]);
}
