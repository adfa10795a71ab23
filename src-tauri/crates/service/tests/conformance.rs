//! One suite for both storages: what every laptop relies on, through the handlers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::{Action, Relation, Role, Table};
use cairn_domain::cell::field;
use cairn_domain::change::{BlockerField, ItemField, Status, Visibility};
use cairn_domain::id::Audience;
use cairn_domain::import::{ImportRecords, ImportRequest};
use cairn_domain::journal::{Outcome, Part};
use cairn_domain::op::Seen;
use cairn_domain::*;
use cairn_protocol::sync::*;
use cairn_service::handlers::{blobs, heads, pull, sign_in};
use cairn_service::storage::{Mode, Storage, with};
use cairn_service::{Ask, Service, admin};
use common::*;
use ed25519_dalek::SigningKey;
use rand::SeedableRng;

on_both!(
    two_laptops_converge_and_the_conflict_keeps_both_values,
    a_repeated_push_gets_the_same_receipts,
    a_number_used_twice_retires_the_device,
    numbers_have_no_gap,
    a_refusal_is_a_receipt_and_blocks_nothing,
    work_of_someone_unassigned_is_held_and_adopted_in_order,
    held_work_can_be_discarded_and_its_base_lives_on,
    a_disabled_account_only_pushes_and_is_held,
    reissued_ops_stand_once,
    a_blocker_is_reached_under_the_name_of_its_duplicate,
    an_import_is_taken_back_under_the_name_of_its_duplicate,
    what_a_duplicate_had_seen_counts_for_those_who_name_it,
    a_long_journal_starts_from_a_snapshot_and_fills_in,
    a_slow_line_is_given_one_journal_at_a_time,
    the_list_is_sent_only_when_it_is_not_remembered,
    a_client_reader_sees_only_hashes_of_the_teams_part,
    a_tenant_taken_away_is_gone,
    another_history_is_noticed,
    sign_in_is_limited_and_tells_nothing,
    blobs_resume_and_stay_in_their_tenant,
    two_replicas_give_no_hole,
    every_row_of_the_access_table_is_guarded,
    every_route_asks_who_is_there_or_is_everybodys,
    a_managers_assignment_is_judged_by_the_tenant_it_names,
    demo_data_is_the_same_twice,
    reads_are_one_line_an_hour,
    strangers_learn_nothing,
    foreign_and_malformed_runs_change_nothing,
);

fn seqs(outcomes: &[Outcome]) -> Vec<u64> {
    outcomes
        .iter()
        .map(|o| match o {
            Outcome::Accepted { seq } => *seq,
            other => panic!("not accepted: {other:?}"),
        })
        .collect()
}

fn refusal(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Refused { refusal } => &refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

fn two_laptops_converge_and_the_conflict_keeps_both_values(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let keys = free_items();
    let a = [
        ana.status(&tenant, &keys[0], Status::Complete, None),
        ana.status(&tenant, &keys[1], Status::Blocked, Some("no network")),
    ];
    assert_eq!(seqs(&ana.push(&mut world, &tenant, a.to_vec())), [3, 4]);
    let b = ben.status(&tenant, &keys[0], Status::InProgress, None);
    assert_eq!(seqs(&ben.push(&mut world, &tenant, vec![b])), [5]);
    ana.sync(&mut world, vec![]);
    assert_eq!(ana.held(&tenant).seen, ben.held(&tenant).seen);
    assert_eq!(ana.held(&tenant).cells, ben.held(&tenant).cells);
    let cell = CellKey::new(item(&keys[0]), field::STATUS);
    assert!(ana.held(&tenant).cells[&cell].is_conflict());
    let settle = ana.status(&tenant, &keys[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![settle]);
    ben.sync(&mut world, vec![]);
    assert!(!ben.held(&tenant).cells[&cell].is_conflict());
}

fn a_repeated_push_gets_the_same_receipts(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let ops = vec![
        ana.status(&tenant, &free_items()[0], Status::Complete, None),
        ana.status(&tenant, &free_items()[1], Status::Blocked, None),
    ];
    let run = ana.run(&tenant, ops.clone());
    let first = ana.ask(&mut world, &ana.request(vec![run.clone()])).unwrap();
    let again = ana.ask(&mut world, &ana.request(vec![run])).unwrap();
    assert_eq!(first.receipts, again.receipts);
    // The same ops in a longer run: the old answers and the new one.
    let mut longer = ops;
    longer.push(ana.status(&tenant, &free_items()[2], Status::InProgress, None));
    let run = ana.run(&tenant, longer);
    let reply = ana.sync(&mut world, vec![run]);
    assert_eq!(reply.receipts[..2], first.receipts[..]);
    assert_eq!(reply.receipts.len(), 3);
    assert_eq!(ana.held(&tenant).last_receipted, 3);
}

fn a_number_used_twice_retires_the_device(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![op]);
    ana.numbers.insert(tenant.clone(), 0);
    let before = ana.held(&tenant).seen;
    let fork = vec![
        ana.status(&tenant, &free_items()[1], Status::Complete, None),
        ana.status(&tenant, &free_items()[2], Status::Complete, None),
    ];
    let run = ana.run(&tenant, fork);
    let refused = ana.ask(&mut world, &ana.request(vec![run])).unwrap_err();
    assert_eq!(refused.code, "device_forked");
    assert_eq!(ana.ask(&mut world, &ana.request(vec![])).unwrap_err().code, "device_retired");
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).seen, before, "nothing of the fork was taken");
    let key = ana.key.clone();
    assert_eq!(world.sign_in_with("ana", PASSWORD, key).err().unwrap().code, "device_retired");
}

fn numbers_have_no_gap(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    ana.numbers.insert(tenant.clone(), 1);
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    let run = ana.run(&tenant, vec![op]);
    let refused = ana.ask(&mut world, &ana.request(vec![run])).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.details["last_receipted"].as_u64()), ("bad_request", Some(0)));
}

fn a_refusal_is_a_receipt_and_blocks_nothing(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let keys = free_items();
    let cell = CellKey::new(item(&keys[0]), field::STATUS);
    let first = ana.status(&tenant, &keys[0], Status::InProgress, None);
    ana.push(&mut world, &tenant, vec![first]);
    let refused = ana.status(&tenant, &keys[0], Status::Blocked, None);
    let mut unreadable = ana.status(&tenant, &keys[1], Status::Complete, None);
    unreadable.body.push('x');
    let refused_id = refused.header().unwrap().op;
    let change = Change::ItemStatusSet { item: item(&keys[0]), status: Status::Complete, reason: None };
    let after = ana.op(&tenant, change, BTreeMap::from([(cell.clone(), vec![refused_id])]));
    let outcomes = ana.push(&mut world, &tenant, vec![refused, unreadable, after]);
    assert_eq!(refusal(&outcomes[0]), "reason_required");
    assert_eq!(refusal(&outcomes[1]), "bad_op");
    assert!(matches!(outcomes[2], Outcome::Accepted { .. }));
    // The refused op's base was inherited: the value it had seen is replaced.
    assert_eq!(ana.held(&tenant).cells[&cell].values.len(), 1);
    ben.sync(&mut world, vec![]);
    let mine = ana.account.clone();
    ana.account = ben.account.clone();
    let forged = ana.status(&tenant, &keys[0], Status::InProgress, None);
    ana.account = mine;
    assert_eq!(refusal(&ana.push(&mut world, &tenant, vec![forged])[0]), "wrong_actor");
}

fn work_of_someone_unassigned_is_held_and_adopted_in_order(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    world.user("mia", Role::ImplMgr, &["north"]);
    let mut mia = world.sign_in("mia");
    let keys = free_items();
    let ops = vec![
        ana.status(&tenant, &keys[0], Status::Complete, None),
        ana.status(&tenant, &keys[1], Status::Complete, None),
    ];
    let ids: Vec<OpId> = ops.iter().map(|o| o.header().unwrap().op).collect();
    world.assign("ana", "north", false);
    let run = ana.run(&tenant, ops);
    let reply = ana.sync(&mut world, vec![run.clone()]);
    assert!(reply.receipts.iter().all(|r| r.outcome == Outcome::Held));
    assert_eq!(reply.gone, std::slice::from_ref(&tenant));
    mia.sync(&mut world, vec![]);
    let listed: Vec<OpId> = mia.held(&tenant).held.clone().unwrap().into_iter().map(|h| h.op).collect();
    assert_eq!(listed, ids);
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).held, None, "a specialist does not see the held list");
    let late = mia.op(&tenant, Change::HeldAdopted { op: ids[1].clone() }, BTreeMap::new());
    let early = mia.op(&tenant, Change::HeldAdopted { op: ids[0].clone() }, BTreeMap::new());
    let early_again = mia.op(&tenant, Change::HeldAdopted { op: ids[0].clone() }, BTreeMap::new());
    let outcomes = mia.push(&mut world, &tenant, vec![late, early, early_again]);
    assert_eq!(refusal(&outcomes[0]), "adopt_in_order");
    assert!(matches!(outcomes[1], Outcome::Accepted { .. }));
    assert_eq!(refusal(&outcomes[2]), "not_held");
    ben.sync(&mut world, vec![]);
    assert!(ben.held(&tenant).cells.contains_key(&CellKey::new(item(&keys[0]), field::STATUS)));
    // Assigned again, the author is told what became of it.
    world.assign("ana", "north", true);
    let reply = ana.sync(&mut world, vec![run]);
    assert!(matches!(reply.receipts[0].outcome, Outcome::Accepted { .. }));
    assert_eq!(reply.receipts[1].outcome, Outcome::Held);
    assert_eq!(ana.held(&tenant).last_receipted, 2);
}

fn held_work_can_be_discarded_and_its_base_lives_on(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    world.user("mia", Role::ImplMgr, &["north"]);
    let mut mia = world.sign_in("mia");
    let key = free_items()[0].clone();
    let cell = CellKey::new(item(&key), field::STATUS);
    let first = ben.status(&tenant, &key, Status::InProgress, None);
    ben.push(&mut world, &tenant, vec![first]);
    ana.sync(&mut world, vec![]);
    let held = ana.status(&tenant, &key, Status::Complete, None);
    let held_id = held.header().unwrap().op;
    let change =
        Change::ItemStatusSet { item: item(&key), status: Status::NotApplicable, reason: Some("no".into()) };
    let over = ana.op(&tenant, change, BTreeMap::from([(cell.clone(), vec![held_id.clone()])]));
    world.assign("ana", "north", false);
    let run = ana.run(&tenant, vec![held]);
    ana.sync(&mut world, vec![run]);
    mia.sync(&mut world, vec![]);
    let drop = mia.op(&tenant, Change::HeldDiscarded { op: held_id }, BTreeMap::new());
    assert!(matches!(mia.push(&mut world, &tenant, vec![drop])[0], Outcome::Accepted { .. }));
    assert_eq!(mia.held(&tenant).held, Some(vec![]));
    world.assign("ana", "north", true);
    assert!(matches!(ana.push(&mut world, &tenant, vec![over])[0], Outcome::Accepted { .. }));
    assert_eq!(
        ana.held(&tenant).cells[&cell].values.len(),
        1,
        "the value seen through the dropped op is replaced"
    );
}

fn a_disabled_account_only_pushes_and_is_held(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    world.ask(|s, ask| admin::set_active(s, "ana", false, ask)).unwrap();
    let run = ana.run(&tenant, vec![op]);
    let reply = ana.ask(&mut world, &ana.request(vec![run])).unwrap();
    assert!(reply.disabled && reply.pages.is_empty() && reply.gone.is_empty());
    assert_eq!(reply.receipts[0].outcome, Outcome::Held);
    let key = SigningKey::from_bytes(&[9; 32]);
    assert_eq!(world.sign_in_with("ana", PASSWORD, key).err().unwrap().code, "account_disabled");
}

fn reissued_ops_stand_once(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let key = free_items()[0].clone();
    let note = |text: &str| Change::ItemFieldSet {
        item: item(&free_items()[0]),
        field: ItemField::Note,
        value: text.into(),
    };
    let original = ana.op(&tenant, note("once"), BTreeMap::new());
    ana.push(&mut world, &tenant, vec![original.clone()]);
    // A copy of the profile enrols anew and issues the same again, through a refused attempt.
    let mut copy = world.sign_in("ana");
    copy.salt = 1_000;
    copy.sync(&mut world, vec![]);
    let again = copy.op_reissuing(&tenant, note("once"), BTreeMap::new(), Some(original.hash()));
    let outcomes = copy.push(&mut world, &tenant, vec![again]);
    assert_eq!(outcomes, [Outcome::Duplicate { of: original.header().unwrap().op }]);
    // Refused, then reissued twice with a reason: only one of the two stands.
    let change = |reason: Option<&str>| Change::ItemStatusSet {
        item: item(&key),
        status: Status::Blocked,
        reason: reason.map(str::to_owned),
    };
    let refused = copy.op(&tenant, change(None), BTreeMap::new());
    let better = copy.op_reissuing(&tenant, change(Some("snow")), BTreeMap::new(), Some(refused.hash()));
    let twin = copy.op_reissuing(&tenant, change(Some("rain")), BTreeMap::new(), Some(refused.hash()));
    let better_id = better.header().unwrap().op;
    let outcomes = copy.push(&mut world, &tenant, vec![refused, better, twin]);
    assert_eq!(refusal(&outcomes[0]), "reason_required");
    assert!(matches!(outcomes[1], Outcome::Accepted { .. }));
    assert_eq!(outcomes[2], Outcome::Duplicate { of: better_id });
}

fn a_long_journal_starts_from_a_snapshot_and_fills_in(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let comment = |n: usize| Change::CommentAdded {
        on: item(&free_items()[0]),
        text: format!("comment {n}"),
        visibility: if n.is_multiple_of(2) { Visibility::Client } else { Visibility::Team },
    };
    let ops = (0..250).map(|n| ana.op(&tenant, comment(n), BTreeMap::new())).collect();
    ana.push(&mut world, &tenant, ops);
    ben.sync(&mut world, vec![]);
    world.user("cas", Role::ImplSpec, &["north"]);
    let mut cas = world.sign_in("cas");
    let reply = cas.sync(&mut world, vec![]);
    let page = reply.pages.iter().find(|p| p.tenant == tenant).unwrap();
    assert!(page.snapshot.is_some() && page.entries.is_empty() && page.digest.is_some());
    assert_eq!(page.snapshot.as_ref().unwrap().playbooks.len(), 1);
    assert_eq!(cas.held(&tenant).cells, ben.held(&tenant).cells);
    let mut request = cas.request(vec![]);
    request.fill.insert(tenant.clone(), page.seen.seq + 1);
    let reply = cas.ask(&mut world, &request).unwrap();
    let filled = &reply.pages.iter().find(|p| p.tenant == tenant).unwrap().filled;
    assert_eq!(filled.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=252).collect::<Vec<_>>());
    cas.apply(&reply);
    // A laptop on a slow line is given no more than it asks for, and told that more follows.
    request.most = Some(100);
    let slow = cas.ask(&mut world, &request).unwrap();
    let filled = &slow.pages.iter().find(|p| p.tenant == tenant).unwrap().filled;
    assert_eq!(filled.iter().map(|e| e.seq).collect::<Vec<_>>(), (153..=252).collect::<Vec<_>>());
    // A rebuild is the same snapshot again.
    let mut request = ben.request(vec![]);
    request.rebuild.push(tenant.clone());
    let reply = ben.ask(&mut world, &request).unwrap();
    assert!(reply.pages.iter().any(|p| p.tenant == tenant && p.snapshot.is_some()));
    ben.apply(&reply);
    assert_eq!(cas.held(&tenant).cells, ben.held(&tenant).cells);
}

fn a_slow_line_is_given_one_journal_at_a_time(open: Open) {
    let mut world = World::new(open());
    let tenants = ["north", "south"].map(|slug| world.tenant(slug));
    world.user("ana", Role::ImplSpec, &["north", "south"]);
    let mut ana = world.sign_in("ana");
    ana.sync(&mut world, vec![]);
    for tenant in &tenants {
        let comment = |n: usize| Change::CommentAdded {
            on: item(&free_items()[0]),
            text: format!("comment {n}"),
            visibility: Visibility::Client,
        };
        let ops = (0..250).map(|n| ana.op(tenant, comment(n), BTreeMap::new())).collect();
        ana.push(&mut world, tenant, ops);
    }
    world.user("cas", Role::ImplSpec, &["north", "south"]);
    let mut cas = world.sign_in("cas");
    // Nonsense asks for the least and for the most there is.
    for most in [0, u64::MAX] {
        let reply = cas.ask(&mut world, &SyncRequest { most: Some(most), ..cas.request(vec![]) }).unwrap();
        assert_eq!(reply.more, most == 0);
    }
    let whole = ana.held(&tenants[0]).cells.len() as u64;
    let slowly = |laptop: &Laptop, most| SyncRequest { most: Some(most), ..laptop.request(vec![]) };
    let mut pages = Vec::new();
    for last in [false, true] {
        let reply = cas.ask(&mut world, &slowly(&cas, whole)).unwrap();
        assert_eq!(reply.more, !last);
        pages.push(reply.pages.iter().filter(|page| page.snapshot.is_some()).count());
        cas.apply(&reply);
    }
    assert_eq!(pages, [1, 1], "a snapshot counts by its cells");
    // Where not even one snapshot fits, the journals come in pieces from their first entries, and the
    // runs of 250 in pieces too.
    world.user("dan", Role::ImplSpec, &["north", "south"]);
    let mut dan = world.sign_in("dan");
    let mut more = true;
    while more {
        let reply = dan.ask(&mut world, &slowly(&dan, 60)).unwrap();
        assert!(reply.pages.iter().all(|page| page.snapshot.is_none()));
        assert!(reply.pages.iter().map(|page| page.entries.len()).sum::<usize>() < 180);
        dan.apply(&reply);
        more = reply.more;
    }
    for tenant in &tenants {
        for laptop in [&cas, &dan] {
            assert_eq!(laptop.held(tenant).cells, ana.held(tenant).cells);
        }
    }
}

fn the_list_is_sent_only_when_it_is_not_remembered(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    ana.by_hash = true;
    // What the last reply would lead to is recognised when the device comes back with its hash.
    assert!(!ana.ask(&mut world, &ana.request(vec![])).unwrap().send_list);
    let op = ben.status(&tenant, &free_items()[0], Status::Complete, None);
    ben.push(&mut world, &tenant, vec![op]);
    let lost = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    assert_eq!(lost.pages.len(), 1);
    let again = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    assert_eq!(again.pages, lost.pages, "a lost reply comes again");
    ana.apply(&again);
    let quiet = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    assert!(!quiet.send_list && quiet.pages.is_empty());
    // A hash of anything else: the list is asked for, the push is taken all the same.
    let op = ana.status(&tenant, &free_items()[1], Status::Complete, None);
    let mut request = ana.request(vec![ana.run(&tenant, vec![op])]);
    request.known = Known::Hash(Hash([3; 32]));
    let reply = ana.ask(&mut world, &request).unwrap();
    assert!(reply.send_list && reply.pages.is_empty());
    assert!(matches!(reply.receipts[0].outcome, Outcome::Accepted { .. }));
}

fn a_client_reader_sees_only_hashes_of_the_teams_part(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    world.user("dora", Role::DistrictAdmin, &["north"]);
    let mut dora = world.sign_in("dora");
    let on = item(&free_items()[0]);
    let ops = vec![
        ana.status(&tenant, &free_items()[0], Status::Blocked, Some("the cable is cut")),
        ana.op(
            &tenant,
            Change::CommentAdded { on: on.clone(), text: "SECRET".into(), visibility: Visibility::Team },
            BTreeMap::new(),
        ),
        ana.op(
            &tenant,
            Change::CommentAdded { on, text: "hello".into(), visibility: Visibility::Client },
            BTreeMap::new(),
        ),
    ];
    ana.push(&mut world, &tenant, ops);
    let reply = dora.sync(&mut world, vec![]);
    assert!(!serde_json::to_string(&reply).unwrap().contains("SECRET"));
    let held = dora.held(&tenant);
    assert_eq!(held.audience, Some(Audience::Client));
    assert_eq!(held.seen, ana.held(&tenant).seen, "the chain verifies for both");
    assert!(matches!(held.entries[3].body, Part::Sealed(_)));
    let org = dora.held(&TenantId::org());
    assert!(
        org.cells.keys().all(|k| matches!(k.entity, Entity::Device(_))),
        "only device keys of the organisation"
    );
}

fn a_tenant_taken_away_is_gone(open: Open) {
    let (mut world, tenant, ana, _) = pair(&open);
    world.assign("ana", "north", false);
    let reply = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    assert_eq!(reply.gone, std::slice::from_ref(&tenant));
    assert!(reply.pages.iter().all(|p| p.tenant != tenant));
    let caller = world.service.caller(&ana.device).unwrap();
    let refused = api(heads::heads(&world.service, &caller, &tenant, &[1]).unwrap_err());
    assert_eq!(refused.code, "not_found");
}

fn another_history_is_noticed(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![op]);
    let good = ana.held(&tenant).seen;
    for wrong in [
        Seen { seq: good.seq, head: Hash([1; 32]) },
        Seen { seq: 99, head: Hash([1; 32]) },
        Seen { seq: 1, head: Hash::ZERO },
    ] {
        ana.journals.get_mut(&tenant).unwrap().seen = wrong;
        let op = ana.status(&tenant, &free_items()[1], Status::Complete, None);
        ana.numbers.insert(tenant.clone(), 1);
        let reply = ana.ask(&mut world, &ana.request(vec![ana.run(&tenant, vec![op])])).unwrap();
        assert!(reply.receipts.is_empty() && reply.pages.iter().all(|p| p.tenant != tenant));
        assert_eq!(reply.differs.len(), 1);
        assert_eq!((reply.differs[0].service, reply.differs[0].heads[0]), (good, good));
        assert_eq!(reply.differs[0].heads.last(), Some(&Seen::default()));
    }
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).seen, good);
}

fn sign_in_is_limited_and_tells_nothing(open: Open) {
    let mut world = World::new(open());
    world.user("ana", Role::ImplSpec, &[]);
    let key = SigningKey::from_bytes(&[5; 32]);
    let wrong = world.sign_in_with("ana", "a wrong password", key.clone()).err().unwrap();
    let nobody = world.sign_in_with("nobody", "a wrong password", key.clone()).err().unwrap();
    assert_eq!((wrong.code.as_str(), &wrong), ("bad_credentials", &nobody));
    for _ in 0..9 {
        world.sign_in_with("ana", "a wrong password", key.clone()).err().unwrap();
    }
    let limited = world.sign_in_with("ana", PASSWORD, key.clone()).err().unwrap();
    assert_eq!(limited.code, "rate_limited");
    world.second += 15 * 60;
    let laptop = world.sign_in_with("ana", PASSWORD, key.clone()).unwrap();
    let same = world.sign_in_with("ana", PASSWORD, key.clone()).unwrap();
    assert_eq!(laptop.device, same.device);
    world.user("ben", Role::ImplSpec, &[]);
    assert_eq!(world.sign_in_with("ben", PASSWORD, key).err().unwrap().code, "not_allowed");
    let mut request =
        sign_in_request(&world.service, "ana", PASSWORD, &SigningKey::from_bytes(&[6; 32]), world.second);
    request.nonce = "1.00".into();
    assert_eq!(world.ask(|s, ask| sign_in::sign_in(s, &request, ask)).unwrap_err().code, "bad_nonce");
    let mut request =
        sign_in_request(&world.service, "ana", PASSWORD, &SigningKey::from_bytes(&[6; 32]), world.second);
    request.device_key = "00".repeat(32);
    assert_eq!(world.ask(|s, ask| sign_in::sign_in(s, &request, ask)).unwrap_err().code, "bad_signature");
}

fn blobs_resume_and_stay_in_their_tenant(open: Open) {
    use sha2::{Digest, Sha256};
    let (mut world, tenant, ana, _) = pair(&open);
    world.tenant("south");
    world.user("sue", Role::ImplSpec, &["south"]);
    let sue = world.sign_in("sue");
    let bytes: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let sha = hex::encode(Sha256::digest(&bytes));
    let service = &world.service;
    let ana = service.caller(&ana.device).unwrap();
    let sue = service.caller(&sue.device).unwrap();
    let name = blobs::Name { tenant: &tenant, sha256: &sha };
    let total = bytes.len() as u64;
    assert_eq!(blobs::put(service, &ana, name, 0, total, &bytes[..40_000]).unwrap().received, 40_000);
    assert_eq!(api(blobs::get(service, &ana, name, 0, usize::MAX).unwrap_err()).code, "not_found");
    let again = api(blobs::put(service, &ana, name, 0, total, &bytes[..40_000]).unwrap_err());
    assert_eq!((again.code.as_str(), again.details["received"].as_u64()), ("wrong_offset", Some(40_000)));
    assert_eq!(blobs::put(service, &ana, name, 40_000, total, &bytes[40_000..]).unwrap().received, total);
    assert_eq!(blobs::get(service, &ana, name, 50_000, usize::MAX).unwrap().1, bytes[50_000..]);
    assert_eq!(
        blobs::put(service, &ana, name, 0, total, &bytes[..10]).unwrap().received,
        total,
        "it is there already"
    );
    assert_eq!(api(blobs::state(service, &sue, name).unwrap_err()).code, "not_found");
    assert_eq!(api(blobs::get(service, &sue, name, 0, usize::MAX).unwrap_err()).code, "not_found");
    assert_eq!(api(blobs::put(service, &sue, name, 0, total, &bytes).unwrap_err()).code, "not_found");
    let other = "0".repeat(64);
    let wrong = blobs::Name { tenant: &tenant, sha256: &other };
    assert_eq!(api(blobs::put(service, &ana, wrong, 0, 3, b"abc").unwrap_err()).code, "wrong_hash");
    assert_eq!(api(blobs::state(service, &ana, wrong).unwrap_err()).code, "not_found");
    assert_eq!(api(blobs::put(service, &ana, wrong, 0, 1 << 40, b"abc").unwrap_err()).code, "too_large");
}

fn two_replicas_give_no_hole(open: Open) {
    const EACH: usize = 20;
    let (mut world, tenant, ana, ben) = pair(&open);
    let threads: Vec<_> = [ana, ben]
        .into_iter()
        .map(|mut laptop| {
            let (open, tenant) = (open.clone(), tenant.clone());
            std::thread::spawn(move || {
                let mut world = World::new(open());
                for n in 0..EACH {
                    let change = Change::CommentAdded {
                        on: item(&free_items()[0]),
                        text: format!("{n}"),
                        visibility: Visibility::Client,
                    };
                    let op = laptop.op(&tenant, change, BTreeMap::new());
                    // Applying checks that no row is ever skipped.
                    seqs(&laptop.push(&mut world, &tenant, vec![op]));
                }
                laptop
            })
        })
        .collect();
    let mut laptops: Vec<Laptop> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    for laptop in &mut laptops {
        laptop.sync(&mut world, vec![]);
        assert_eq!(laptop.held(&tenant).seen.seq, 2 + 2 * EACH as u64);
    }
    assert_eq!(laptops[0].held(&tenant).cells, laptops[1].held(&tenant).cells);
}

/// What lies in every tenant before it is tried.
const FILE: &[u8] = b"a plan";

fn file() -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(FILE))
}

/// What a role in a relation really can do, found by trying each action once.
fn tried(
    world: &mut World,
    laptop: &mut Laptop,
    tenant: &TenantId,
    blocker: &OpId,
) -> BTreeMap<Action, bool> {
    let request = SyncRequest { known: Known::List(laptop.positions()), ..laptop.request(vec![]) };
    let pages = laptop.ask(world, &request).unwrap().pages;
    let page = pages.iter().find(|p| p.tenant == *tenant);
    let audience = page.map(|p| p.audience);
    let held = page.is_some_and(|p| p.held.is_some());
    let caller = world.service.caller(&laptop.device).unwrap();
    let blob = blobs::Name { tenant, sha256: &"0".repeat(64) };
    let put = api(blobs::put(&world.service, &caller, blob, 0, 1, b"x").unwrap_err()).code;
    let file = file();
    let file = blobs::Name { tenant, sha256: &file };
    let looked = blobs::state(&world.service, &caller, file).map(|_| FILE.to_vec());
    let got = blobs::get(&world.service, &caller, file, 0, usize::MAX).map(|(_, bytes)| bytes);
    for seen in [looked, got] {
        let seen = seen.map_err(|e| api(e).code);
        let wanted = if put == "not_found" { Err("not_found".to_owned()) } else { Ok(FILE.to_vec()) };
        assert_eq!(seen, wanted, "blobs follow reading");
    }
    let hinted = pull::standings(&world.service, &caller).unwrap().contains_key(tenant);
    assert_eq!(hinted, audience.is_some(), "hints follow reading");
    let audit = heads::heads(&world.service, &caller, tenant, &[1]).is_ok();
    let mut out = BTreeMap::from([
        (Action::ReadClient, put != "not_found"),
        (Action::ReadTeam, audience == Some(Audience::Team)),
        (Action::VerifyAudit, audit),
    ]);
    assert_eq!(
        audience.is_some(),
        out[&Action::ReadClient] || out[&Action::ReadTeam],
        "pages follow reading"
    );
    let note = |item| Change::ItemFieldSet { item, field: ItemField::Note, value: "n".into() };
    let absent: OpId = "x:y:1".parse().unwrap();
    let tries = [
        (
            Action::WriteProject,
            Change::ProjectFieldSet {
                project: ProjectId { playbook: "school-district".into(), n: 0 },
                field: cairn_domain::change::ProjectField::Status,
                value: "discovery".into(),
            },
        ),
        (Action::WriteItems, note(by_owner(false))),
        (Action::WriteTenantItems, note(by_owner(true))),
        (
            Action::WriteBlockers,
            Change::BlockerFieldSet {
                blocker: blocker.clone(),
                field: BlockerField::Severity,
                value: "P1".into(),
            },
        ),
        (Action::RunImports, Change::ImportRequested(import_of(&"0".repeat(64)))),
        (
            Action::Comment,
            Change::CommentAdded {
                on: item(&free_items()[0]),
                text: "c".into(),
                visibility: Visibility::Client,
            },
        ),
        (Action::ManageHeld, Change::HeldDiscarded { op: OpId { tenant: tenant.clone(), ..absent } }),
    ];
    let actions: Vec<Action> = tries.iter().map(|t| t.0).collect();
    let changes = tries.map(|t| t.1).to_vec();
    out.extend(actions.into_iter().zip(may(world, laptop, tenant, changes)));
    assert_eq!(held, out[&Action::ManageHeld] && audience.is_some(), "the held list is for its managers");
    let assignment =
        Change::AssignmentSet { account: "nobody".parse().unwrap(), tenant: tenant.clone(), active: true };
    out.insert(Action::Assign, may(world, laptop, &TenantId::org(), vec![assignment])[0]);
    out
}

/// Asks for an import of two accounts.
fn import_of(blob: &str) -> ImportRequest {
    ImportRequest {
        blob: blob.to_owned(),
        bytes: 1,
        source: "people.csv".into(),
        format: "accounts".into(),
        rules: "tolerant".into(),
        records: [("accounts".to_owned(), ImportRecords { put: 2, remove: 0 })].into(),
        planned: std::collections::BTreeMap::new(),
        holds_confirmed: false,
        broken: 0,
    }
}

/// Which of these changes get past the access table.
fn may(world: &mut World, laptop: &mut Laptop, journal: &TenantId, changes: Vec<Change>) -> Vec<bool> {
    let number = laptop.numbers.get(journal).copied().unwrap_or(0);
    let count = changes.len();
    let ops = changes.into_iter().map(|c| laptop.op(journal, c, BTreeMap::new())).collect();
    let run = laptop.run(journal, ops);
    let reply = laptop.ask(world, &laptop.request(vec![run])).unwrap();
    if reply.closed.contains(journal) {
        assert!(reply.receipts.is_empty(), "nothing of it was taken");
        laptop.numbers.insert(journal.clone(), number);
        return vec![false; count];
    }
    let judged = |outcome: &Outcome| match outcome {
        Outcome::Refused { refusal } => refusal.code != "not_allowed",
        other => matches!(other, Outcome::Accepted { .. }),
    };
    reply.receipts.iter().map(|r| judged(&r.outcome)).collect()
}

fn by_owner(tenant_role: bool) -> Entity {
    let source = playbook::built_in_by_key("school-district").unwrap().source;
    let book = playbook::parse(source).unwrap();
    let fits =
        |i: &&playbook::Item| i.owner_role.parse::<Role>().is_ok_and(|r| r.is_tenant_role() == tenant_role);
    item(&book.items_for(Some("pilot")).find(fits).unwrap().key)
}

fn every_row_of_the_access_table_is_guarded(open: Open) {
    let mut world = World::new(open());
    let tenants = BTreeMap::from([
        (Relation::Assigned, world.tenant("own")),
        (Relation::Stranger, world.tenant("other")),
    ]);
    let mut laptops = BTreeMap::new();
    for role in Role::ALL {
        let name = role.as_str().to_lowercase();
        world.user(&name, *role, &["own"]);
        let mut laptop = world.sign_in(&name);
        laptop.sync(&mut world, vec![]);
        laptop.journals.retain(|tenant, _| tenant.is_org());
        laptops.insert(*role, laptop);
    }
    let admin = laptops.get_mut(&Role::PlatformAdmin).unwrap();
    let mut blockers = BTreeMap::new();
    for (relation, tenant) in &tenants {
        let op = admin.status(tenant, &free_items()[0], Status::Blocked, Some("snow"));
        blockers.insert(*relation, op.header().unwrap().op);
        let run = admin.run(tenant, vec![op]);
        let outcome = admin.ask(&mut world, &admin.request(vec![run])).unwrap().receipts[0].outcome.clone();
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        let caller = world.service.caller(&admin.device).unwrap();
        let name = blobs::Name { tenant, sha256: &file() };
        blobs::put(&world.service, &caller, name, 0, FILE.len() as u64, FILE).unwrap();
    }
    let standard = Table::standard();
    let mut try_all = |table: &Table, role: Role, relation: Relation| {
        world.service.table = table.clone();
        let laptop = laptops.get_mut(&role).unwrap();
        tried(&mut world, laptop, &tenants[&relation], &blockers[&relation])
    };
    for role in Role::ALL {
        for relation in [Relation::Assigned, Relation::Stranger] {
            let got = try_all(&standard, *role, relation);
            for action in Action::ALL {
                assert_eq!(
                    got[&action],
                    standard.allows(*role, action, relation),
                    "{role} {action:?} {relation:?}"
                );
            }
        }
    }
    // Each row turned over is noticed, and nothing else changes.
    for row in Table::every_row() {
        let (role, turned, relation) = row;
        let got = try_all(&standard.flipped(row), role, relation);
        for action in Action::ALL {
            let before = standard.allows(role, action, relation);
            assert_eq!(
                got[&action],
                before != (action == turned),
                "{role} {action:?} with {row:?} turned over"
            );
        }
    }
}

fn every_route_asks_who_is_there_or_is_everybodys(open: Open) {
    use axum::body::Body;
    use axum::http::{Method, Request, StatusCode};
    use cairn_service::http::{App, paths, router};
    use tower::Service as _;
    const EVERYBODYS: [&str; 4] = ["/v1/hello", "/v1/sign-in", "/health/live", "/health/ready"];
    let mut world = World::new(open());
    let tenant = world.tenant("own");
    let mut router = router(App::new(world.service), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let guarded: Vec<&str> = paths().into_iter().filter(|path| !EVERYBODYS.contains(path)).collect();
    assert_eq!(guarded.len() + EVERYBODYS.len(), paths().len());
    for path in guarded {
        let path = path.replace("{tenant}", tenant.as_str()).replace("{sha256}", &file());
        let mut asked = 0;
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = Request::builder().method(&method).uri(&path).body(Body::from("{}")).unwrap();
            let status = runtime.block_on(router.call(request)).unwrap().status();
            if status != StatusCode::METHOD_NOT_ALLOWED {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
                asked += 1;
            }
        }
        assert!(asked > 0, "{path}");
    }
}

fn a_blocker_is_reached_under_the_name_of_its_duplicate(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let original = ana.status(&tenant, &free_items()[0], Status::Blocked, Some("snow"));
    let id = original.header().unwrap().op;
    ana.push(&mut world, &tenant, vec![original.clone()]);
    // The same profile, enrolled anew, had meanwhile written about the blocker its own op opened.
    let mut copy = world.sign_in("ana");
    copy.salt = 1_000;
    let change = Change::ItemStatusSet {
        item: item(&free_items()[0]),
        status: Status::Blocked,
        reason: Some("snow".into()),
    };
    let again = copy.op_reissuing(&tenant, change, BTreeMap::new(), Some(original.hash()));
    let named = again.header().unwrap().op;
    let severity = |blocker: &OpId, value: &str| Change::BlockerFieldSet {
        blocker: blocker.clone(),
        field: BlockerField::Severity,
        value: value.into(),
    };
    let first = copy.op(&tenant, severity(&named, "P2"), BTreeMap::new());
    let cell = |blocker: &OpId| CellKey::new(Entity::Blocker(blocker.clone()), BlockerField::Severity.cell());
    let base = BTreeMap::from([(cell(&named), vec![first.header().unwrap().op])]);
    // What a refused change about it had seen counts as seen too.
    let refused = copy.op(&tenant, severity(&named, "soon"), base);
    let base = BTreeMap::from([(cell(&named), vec![refused.header().unwrap().op])]);
    let second = copy.op(&tenant, severity(&named, "P1"), base);
    let unknown = copy.op(&tenant, severity(&first.header().unwrap().op, "P1"), BTreeMap::new());
    let run = copy.run(&tenant, vec![again, first, refused, second, unknown]);
    let outcomes: Vec<Outcome> =
        copy.sync(&mut world, vec![run]).receipts.into_iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Duplicate { of: id.clone() });
    assert!(matches!((&outcomes[1], &outcomes[3]), (Outcome::Accepted { .. }, Outcome::Accepted { .. })));
    assert_eq!(refusal(&outcomes[2]), "bad_value");
    assert_eq!(refusal(&outcomes[4]), "unknown_blocker");
    ben.sync(&mut world, vec![]);
    let cells = &ben.held(&tenant).cells;
    assert_eq!(cells[&cell(&id)].winner().unwrap().1.value, "P1");
    assert_eq!(cells[&cell(&id)].values.len(), 1);
    assert!(!cells.contains_key(&cell(&named)));
}

fn an_import_is_taken_back_under_the_name_of_its_duplicate(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let request = import::ImportRequest {
        blob: "ab".repeat(32),
        bytes: 3,
        source: "roster".into(),
        format: "clever".into(),
        rules: "tolerant".into(),
        records: BTreeMap::new(),
        planned: std::collections::BTreeMap::new(),
        holds_confirmed: false,
        broken: 0,
    };
    let original = ana.op(&tenant, Change::ImportRequested(request.clone()), BTreeMap::new());
    let id = original.header().unwrap().op;
    ana.push(&mut world, &tenant, vec![original.clone()]);
    // The same profile, enrolled anew, had meanwhile taken back what its own op asked for.
    let mut copy = world.sign_in("ana");
    copy.salt = 1_000;
    let change = Change::ImportRequested(request);
    let again = copy.op_reissuing(&tenant, change, BTreeMap::new(), Some(original.hash()));
    let named = again.header().unwrap().op;
    let back = copy.op(&tenant, Change::ImportRollbackRequested { import: named.clone() }, BTreeMap::new());
    let run = copy.run(&tenant, vec![again, back]);
    let outcomes: Vec<Outcome> =
        copy.sync(&mut world, vec![run]).receipts.into_iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Duplicate { of: id.clone() });
    assert!(matches!(outcomes[1], Outcome::Accepted { .. }), "{outcomes:?}");
    ben.sync(&mut world, vec![]);
    let cells = &ben.held(&tenant).cells;
    assert!(import::Import::read(cells, &id).unwrap().is_withdrawal_open());
    assert!(!cells.contains_key(&import::key(&named, field::ROLLBACK)));
}

fn what_a_duplicate_had_seen_counts_for_those_who_name_it(open: Open) {
    let (mut world, tenant, mut ana, mut ben) = pair(&open);
    let key = free_items()[0].clone();
    let cell = CellKey::new(item(&key), field::STATUS);
    let status = |status, reason: Option<&str>| Change::ItemStatusSet {
        item: item(&key),
        status,
        reason: reason.map(str::to_owned),
    };
    let id = |op: &SealedOp| op.header().unwrap().op;
    let named = |op: &SealedOp| BTreeMap::from([(cell.clone(), vec![id(op)])]);
    let original = ana.op(&tenant, status(Status::InProgress, None), BTreeMap::new());
    ana.push(&mut world, &tenant, vec![original.clone()]);
    // In the copy of the profile the same op stood on another, which the original had never seen.
    let mut copy = world.sign_in("ana");
    copy.salt = 1_000;
    let earlier = copy.op(&tenant, status(Status::Blocked, Some("snow")), BTreeMap::new());
    let again =
        copy.op_reissuing(&tenant, status(Status::InProgress, None), named(&earlier), Some(original.hash()));
    let later = copy.op(&tenant, status(Status::Complete, None), named(&again));
    let run = copy.run(&tenant, vec![earlier, again, later.clone()]);
    let receipts = copy.sync(&mut world, vec![run]).receipts;
    assert_eq!(receipts[1].outcome, Outcome::Duplicate { of: id(&original) });
    ben.sync(&mut world, vec![]);
    let stands: Vec<&OpId> = ben.held(&tenant).cells[&cell].values.keys().collect();
    assert_eq!(stands, [&id(&later)], "its author had seen both");
}

fn a_managers_assignment_is_judged_by_the_tenant_it_names(open: Open) {
    let mut world = World::new(open());
    let (own, other) = (world.tenant("own"), world.tenant("other"));
    let ana = world.user("ana", Role::ImplSpec, &[]);
    world.user("mia", Role::ImplMgr, &["own"]);
    let mut mia = world.sign_in("mia");
    mia.sync(&mut world, vec![]);
    let org = TenantId::org();
    let assign = |tenant: &TenantId| Change::AssignmentSet {
        account: ana.clone(),
        tenant: tenant.clone(),
        active: true,
    };
    let assign_nobody =
        Change::AssignmentSet { account: "nobody".parse().unwrap(), tenant: own.clone(), active: true };
    let ops = vec![
        mia.op(&org, assign(&own), BTreeMap::new()),
        mia.op(&org, assign(&other), BTreeMap::new()),
        mia.op(&org, Change::AccountActiveSet { account: ana.clone(), active: false }, BTreeMap::new()),
        mia.op(&org, assign_nobody, BTreeMap::new()),
    ];
    let outcomes = mia.push(&mut world, &org, ops);
    assert_eq!(refusal(&outcomes[3]), "unknown_account");
    assert!(matches!(outcomes[0], Outcome::Accepted { .. }));
    assert_eq!((refusal(&outcomes[1]), refusal(&outcomes[2])), ("not_allowed", "service_only"));
    // Only who may assign to every tenant can name one that is not there.
    world.user("pat", Role::PlatformAdmin, &[]);
    let mut pat = world.sign_in("pat");
    pat.sync(&mut world, vec![]);
    let op = pat.op(&org, assign(&"t0000000000000000".parse().unwrap()), BTreeMap::new());
    assert_eq!(refusal(&pat.push(&mut world, &org, vec![op])[0]), "unknown_tenant");
    let mut laptop = world.sign_in("ana");
    laptop.sync(&mut world, vec![]);
    assert!(laptop.journals.contains_key(&own) && !laptop.journals.contains_key(&other));
}

fn demo_data_is_the_same_twice(open: Open) {
    let mut world = World::new(open());
    let first = world.ask(|s, ask| cairn_service::seed::seed_demo(s, 3, 5, ask)).unwrap();
    let stands = |world: &World| {
        let ids: Vec<TenantId> =
            world.service.read_org(cairn_service::org::tenants).unwrap().into_iter().map(|t| t.1).collect();
        let mut all = world.service.storage.standings(&ids).unwrap();
        all.extend(world.service.storage.standings(&[TenantId::org()]).unwrap());
        all
    };
    let before = stands(&world);
    assert_eq!(world.ask(|s, ask| cairn_service::seed::seed_demo(s, 3, 5, ask)).unwrap(), first);
    assert_eq!(stands(&world), before, "nothing changed");
    let person = &first.people[0];
    let mut ana =
        world.sign_in_with(&person.name, &person.password, SigningKey::from_bytes(&[8; 32])).unwrap();
    ana.sync(&mut world, vec![]);
    assert!(ana.journals.values().all(|h| h.cells.values().all(|c| !c.is_conflict())), "no conflicts");
    assert_eq!(ana.journals.len(), 3, "the organisation and two tenants");
    assert!(first.people.iter().all(|p| !p.name.contains(' ')));
}

fn reads_are_one_line_an_hour(open: Open) {
    let (mut world, tenant, mut ana, _) = pair(&open);
    let hour = |world: &World| {
        with(&world.service.storage, &tenant, Mode::Read, |tx| tx.sides("read-hour")).unwrap()
    };
    let first = hour(&world);
    assert_eq!(first.len(), 2, "one for each device");
    ana.journals.clear();
    ana.sync(&mut world, vec![]);
    assert_eq!(hour(&world), first);
    world.second += 3_600;
    ana.journals.clear();
    ana.sync(&mut world, vec![]);
    let later = hour(&world);
    assert!(later.len() == 2 && later != first);
}

fn strangers_learn_nothing(open: Open) {
    let (mut world, _, mut ana, _) = pair(&open);
    let other = world.tenant("south");
    let absent: TenantId = "t0000000000000000".parse().unwrap();
    let mut answers = Vec::new();
    for tenant in [&other, &absent] {
        let op = ana.status(tenant, &free_items()[0], Status::Complete, None);
        let run = ana.run(tenant, vec![op]);
        let mut push = ana.ask(&mut world, &ana.request(vec![run])).unwrap();
        assert_eq!(std::mem::take(&mut push.closed), std::slice::from_ref(tenant));
        assert!(push.receipts.is_empty());
        let caller = world.service.caller(&ana.device).unwrap();
        let heads = api(heads::heads(&world.service, &caller, tenant, &[1]).unwrap_err());
        answers.push((push, heads));
    }
    assert_eq!(answers[0], answers[1], "a foreign tenant looks like one that is not there");
}

fn foreign_and_malformed_runs_change_nothing(open: Open) {
    let (mut world, tenant, mut ana, ben) = pair(&open);
    let before = ana.held(&tenant).seen;
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    let good = ana.run(&tenant, vec![op.clone()]);
    let mut unsigned = good.clone();
    unsigned.run.signature = "00".repeat(64);
    let mut empty = good.clone();
    empty.ops.clear();
    let mut shifted = good.clone();
    shifted.run.first = u64::MAX;
    let mut unnamed = op.clone();
    unnamed.header = "{".into();
    let unnamed = PushRun {
        run: cairn_domain::op::sign_run(&ana.key, &tenant, &ana.device, 1, &[unnamed.hash()]),
        ops: vec![unnamed],
        tenant: tenant.clone(),
    };
    let renamed = ana.run(&TenantId::org(), vec![op]);
    for (run, code) in [
        (unsigned, "bad_signature"),
        (empty, "bad_request"),
        (shifted, "bad_signature"),
        (unnamed, "bad_request"),
        (renamed, "bad_request"),
    ] {
        assert_eq!(ana.ask(&mut world, &ana.request(vec![run])).unwrap_err().code, code);
    }
    assert_eq!(ben.ask(&mut world, &ben.request(vec![good])).unwrap_err().code, "bad_signature");
    let mut request = ana.request(vec![]);
    request.v = 99;
    assert_eq!(ana.ask(&mut world, &request).unwrap_err().code, "version_not_supported");
    let list = vec![Position { tenant: tenant.clone(), seen: before }; 2];
    request = SyncRequest { known: Known::List(list), ..ana.request(vec![]) };
    assert_eq!(ana.ask(&mut world, &request).unwrap_err().code, "bad_request");
    ana.sync(&mut world, vec![]);
    assert_eq!(ana.held(&tenant).seen, before);
    let seen =
        with(&world.service.storage, &tenant, Mode::Read, |tx| Ok(tx.journal()?.unwrap().seen)).unwrap();
    assert_eq!(seen, before);
}

#[test]
fn a_seed_gives_the_same_service() {
    let keys = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> =
            Arc::new(cairn_service::storage::sqlite::Sqlite::open(dir.path()).unwrap());
        let mut random = rand::rngs::StdRng::seed_from_u64(seed);
        let service = Service::open(storage, Ask::new(time(0), &mut random)).unwrap();
        let seen = service.storage.standings(&[TenantId::org()]).unwrap()[0].seen;
        (service.identity.public_key(), seen)
    };
    assert_eq!(keys(1), keys(1));
    assert_ne!(keys(1), keys(2));
}
