//! Copies, restores, snapshots, rewinding, removal, tampering.

use std::collections::BTreeMap;

use cairn_domain::change::{BlockerField, ItemField, Status};
use cairn_domain::import::ImportRequest;
use cairn_domain::{Change, OpId};
use cairn_store::{SeededEntropy, Store, StoreError};
use serde_json::json;

use crate::fake::{Fake, Laptop, Take, at, data_key, item, tenant};

fn note(key: &str, text: &str) -> Change {
    Change::ItemFieldSet { item: item(key), field: ItemField::Note, value: json!(text) }
}

#[test]
fn a_copied_profile_enrols_anew_and_loses_nothing() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let shared = a.write(note("name-contacts", "in both")).op;
    let blocked = Change::ItemStatusSet {
        item: item("create-tenant"),
        status: Status::Blocked,
        reason: Some("r".into()),
    };
    let mut b = a.copy(50);
    let only_b = b.write(blocked).op;
    b.write(Change::BlockerFieldSet {
        blocker: only_b.clone(),
        field: BlockerField::Severity,
        value: json!("P1"),
    });
    b.write(note("name-contacts", "over it"));
    a.write(note("check-roles", "only in a"));
    a.sync(&mut fake);

    assert!(b.push(&mut fake, Take::Judge), "the service finds the fork");
    assert!(b.store.must_re_enrol());
    assert!(b.store.next_push(9).unwrap().is_empty());
    let pending = b.store.counts(None).unwrap().pending;
    b.sign_in(&mut fake);
    assert!(!b.store.must_re_enrol());
    assert_eq!(b.store.counts(None).unwrap().pending, pending);
    let runs = b.store.next_push(99).unwrap();
    assert_eq!(runs[0].run.first, 1);
    let headers: Vec<_> = runs[0].ops.iter().map(|op| op.header().unwrap()).collect();
    assert!(headers.iter().all(|h| h.reissues.is_some() && h.op.device == b.device()));
    let last = runs[0].ops.last().unwrap().open().unwrap();
    assert!(
        last.body.base.values().flatten().all(|op| op.device == b.device()),
        "names inside the outbox follow"
    );

    b.sync(&mut fake);
    assert!(matches!(fake.t1().receipts[&shared].0.outcome, cairn_domain::journal::Outcome::Accepted { .. }));
    a.sync(&mut fake);
    a.assert_settled(&fake);
    b.assert_settled(&fake);
    assert!(a.store.conflicts(None).unwrap().is_empty(), "the shared op counts once");
}

fn import() -> ImportRequest {
    ImportRequest {
        blob: "ab".repeat(32),
        bytes: 3,
        source: "roster".into(),
        format: "clever".into(),
        rules: "tolerant".into(),
        records: BTreeMap::new(),
        planned: std::collections::BTreeMap::new(),
        holds_confirmed: false,
        broken: 0,
    }
}

#[test]
fn a_copied_profile_takes_back_the_import_under_its_new_name() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let mut b = a.copy(50);
    let asked = b.write(Change::ImportRequested(import())).op;
    b.write(Change::ImportRollbackRequested { import: asked });
    a.write(note("check-roles", "only in a"));
    a.sync(&mut fake);
    assert!(b.push(&mut fake, Take::Judge), "the service finds the fork");
    b.sign_in(&mut fake);
    let runs = b.store.next_push(99).unwrap();
    let ops: Vec<_> = runs[0].ops.iter().map(|op| op.open().unwrap()).collect();
    let again = ops[0].header.op.clone();
    assert_eq!(ops[1].body.change, Change::ImportRollbackRequested { import: again.clone() });
    b.sync(&mut fake);
    a.sync(&mut fake);
    a.assert_settled(&fake);
    b.assert_settled(&fake);
    let imports = a.store.imports(&tenant()).unwrap();
    assert!(matches!(&imports[..], [one] if one.id == again && one.is_withdrawal_open()), "{imports:?}");
}

#[test]
fn files_go_out_again_to_a_service_that_came_back_without_differing_from_what_is_here() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.store.request_import(&tenant(), import(), b"abc", at(1)).unwrap();
    a.sync(&mut fake);
    a.store.note_blob_sent(&tenant(), &import().blob).unwrap();
    assert!(a.store.unsent_blobs().unwrap().is_empty());
    // The backup holds all that this laptop knows of the journal, but not the file, which came later.
    let here = a.seen(&tenant());
    fake.roll_back(&tenant(), here.seq);
    a.sync(&mut fake);
    assert_eq!(a.store.sync_log(9).unwrap().iter().find(|line| line.code == "history_differs"), None);
    assert_eq!(a.store.unsent_blobs().unwrap().len(), 1, "the service may not have it any more");
}

#[test]
fn a_restored_backup_is_noticed_by_its_numbers() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "one"));
    let mut old = a.copy(60);
    a.write(note("name-contacts", "two"));
    a.sync(&mut fake);
    drop(a);
    // It pulls before it pushes: the service knows a number this profile never gave out.
    let page = fake.page(&tenant(), old.seen(&tenant()).seq, 99, &old.device());
    assert!(old.store.apply_page(&page, at(1)).unwrap().forked);
    assert!(old.store.must_re_enrol());
    old.write(note("check-roles", "after the restore"));
    old.sign_in(&mut fake);
    old.sync(&mut fake);
    old.assert_settled(&fake);
}

#[test]
fn other_bytes_under_an_own_number_are_kept_apart() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let mut b = a.copy(70);
    a.write(note("name-contacts", "a's"));
    a.sync(&mut fake);
    b.write(note("name-contacts", "b's"));
    let page = fake.page(&tenant(), b.seen(&tenant()).seq, 99, &b.device());
    assert!(b.store.apply_page(&page, at(1)).unwrap().forked);
    assert_eq!(b.cells(), fake.t1().cells, "what stands under the number is the journal's");
    b.sign_in(&mut fake);
    b.sync(&mut fake);
    b.assert_settled(&fake);
    assert_eq!(b.store.conflicts(None).unwrap().len(), 1, "both values are there");
}

#[test]
fn a_snapshot_starts_a_laptop_and_history_is_filled_in() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..6 {
        a.write(note("name-contacts", &format!("{n}")));
    }
    a.sync(&mut fake);
    let mut b = Laptop::new(&mut fake, "b", 2);
    b.store.drop_tenant(&tenant(), false).unwrap();
    assert_eq!(b.seen(&tenant()).seq, 0);
    b.store.apply_page(&fake.snapshot(&tenant(), &b.device()), at(1)).unwrap();
    b.assert_settled(&fake);
    let before = b.store.unfilled().unwrap()[&tenant()];
    b.write(note("check-roles", "on a snapshot"));
    b.sync(&mut fake);
    b.assert_settled(&fake);

    let end = fake.t1().seen().seq;
    for part in [4..before as usize - 1, 0..4] {
        let mut page = fake.page(&tenant(), end, 9, &b.device());
        page.filled = fake.t1().entries[part].to_vec();
        page.proofs = fake.t1().proofs(&page.filled);
        b.store.apply_page(&page, at(1)).unwrap();
    }
    assert!(b.store.unfilled().unwrap().is_empty());
    b.assert_settled(&fake);
    let report = b.store.audit_verify(&tenant()).unwrap();
    assert_eq!((report.complete_from, report.ops), (1, end));
    let second = OpId { tenant: tenant(), device: a.device(), device_seq: 2 };
    let first = b.store.did(&second).unwrap().unwrap();
    assert_eq!(first[0].before, [json!("0")]);
}

/// Rows are overwritten where they lay (`secure_delete`); the log would still hold them.
#[test]
fn no_older_version_of_a_removed_tenants_rows_stays_in_the_log() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "to be forgotten"));
    a.sync(&mut fake);
    let log = a.store.path().with_file_name("cairn.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    assert!(length() > 0);
    a.store.drop_tenant(&tenant(), false).unwrap();
    assert_eq!(length(), 0);
}

#[test]
fn a_filled_in_history_that_leads_elsewhere_is_refused() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "1"));
    a.sync(&mut fake);
    let mut b = Laptop::new(&mut fake, "b", 2);
    b.store.drop_tenant(&tenant(), false).unwrap();
    b.store.apply_page(&fake.snapshot(&tenant(), &b.device()), at(1)).unwrap();
    let mut page = fake.page(&tenant(), fake.t1().seen().seq, 9, &b.device());
    page.filled = fake.t1().entries.clone();
    page.filled[1].received_at = at(77);
    page.proofs = fake.t1().proofs(&page.filled);
    assert_eq!(b.store.apply_page(&page, at(1)).unwrap_err().code(), "head_mismatch");
    assert_eq!(b.store.unfilled().unwrap().len(), 1);
}

#[test]
fn after_the_service_came_back_everything_beyond_is_offered_again() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let common = fake.t1().seen();
    a.write(note("name-contacts", "a1"));
    a.sync(&mut fake);
    b.sync(&mut fake);
    b.write(note("create-tenant", "b1"));
    b.sync(&mut fake);
    a.sync(&mut fake);
    a.write(note("name-contacts", "a2"));
    let shown = a.cells();
    fake.roll_back(&tenant(), common.seq);

    let heads = a.store.heads_at(&tenant(), &[common.seq, 99]).unwrap();
    assert_eq!(heads, [common]);
    let wrong = cairn_domain::op::Seen { head: cairn_domain::Hash::ZERO, ..common };
    assert_eq!(a.store.rewind(&tenant(), wrong, at(1)).unwrap_err().code(), "history_forked");
    a.store.rewind(&tenant(), common, at(1)).unwrap();
    assert_eq!(a.seen(&tenant()), common);
    assert_eq!(a.store.offering().unwrap(), [tenant()]);
    assert_eq!(a.store.audit_verify(&tenant()).unwrap().not_returned.len(), 2);

    let offers = a.store.offers(&tenant(), 0, 99).unwrap();
    assert_eq!(offers.len(), 2);
    let receipts: Vec<_> = offers.iter().map(|o| fake.take_offer(&o.entry)).collect();
    a.store.apply_receipts(&receipts).unwrap();
    assert!(a.store.offering().unwrap().is_empty());
    a.sync(&mut fake);
    a.assert_settled(&fake);
    assert_eq!(a.cells().len(), shown.len());
    let audit = a.store.audit_verify(&tenant()).unwrap();
    assert_eq!((audit.replaced.len(), audit.not_returned.len()), (2, 0));

    // The other laptop finds the same.
    b.store.rewind(&tenant(), common, at(1)).unwrap();
    let offers = b.store.offers(&tenant(), 0, 99).unwrap();
    let receipts: Vec<_> = offers.iter().map(|o| fake.take_offer(&o.entry)).collect();
    b.store.apply_receipts(&receipts).unwrap();
    b.sync(&mut fake);
    b.assert_settled(&fake);
    assert_eq!(b.store.sync_log(9).unwrap()[0].code, "history_differs");
}

/// The answer to an offer is no promise until a page has brought the op back: the service may come back
/// from a backup once more before that.
#[test]
fn what_a_second_restore_lost_is_offered_once_more() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let common = fake.t1().seen();
    a.write(note("name-contacts", "a1"));
    a.sync(&mut fake);
    fake.roll_back(&tenant(), common.seq);
    a.store.rewind(&tenant(), common, at(1)).unwrap();
    let offers = a.store.offers(&tenant(), 0, 99).unwrap();
    let receipts: Vec<_> = offers.iter().map(|o| fake.take_offer(&o.entry)).collect();
    a.store.apply_receipts(&receipts).unwrap();
    assert!(a.store.offering().unwrap().is_empty());

    // To where it stood right after the first time.
    fake.roll_back(&tenant(), common.seq + 1);
    a.sync(&mut fake);
    let again = a.store.offers(&tenant(), 0, 99).unwrap();
    assert_eq!(again, offers);
    let receipts: Vec<_> = again.iter().map(|o| fake.take_offer(&o.entry)).collect();
    a.store.apply_receipts(&receipts).unwrap();
    a.sync(&mut fake);
    a.assert_settled(&fake);
    assert!(a.store.offering().unwrap().is_empty());
    assert!(a.store.audit_verify(&tenant()).unwrap().not_returned.is_empty());
}

/// It could only be sent again under the name that this profile had to give up.
#[test]
fn held_work_that_a_restore_lost_is_issued_again_by_a_new_device() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let common = fake.t1().seen();
    let mut copy = a.copy(50);
    a.write(note("name-contacts", "held"));
    a.push(&mut fake, Take::Hold);
    fake.roll_back(&tenant(), common.seq);
    let journal = fake.journal(&tenant());
    journal.numbers.remove(&a.device());
    journal.runs.retain(|(device, _, _)| *device != a.device());
    a.pull_all(&fake);
    assert_eq!(a.store.counts(None).unwrap().held, 1);

    copy.write(note("check-roles", "under the same number"));
    copy.sync(&mut fake);
    assert!(a.push(&mut fake, Take::Judge), "the service finds the fork");
    a.sign_in(&mut fake);
    assert_eq!(a.store.counts(None).unwrap().pending, 1);
    a.sync(&mut fake);
    a.assert_settled(&fake);
    assert_eq!(a.store.counts(None).unwrap().held, 0);
    assert!(
        a.cells().values().any(|cell| cell.winner().is_some_and(|(_, kept)| kept.value == json!("held")))
    );
}

/// Adopted below a snapshot, the op's own entry never comes by a page.
#[test]
fn held_work_that_a_snapshot_covers_leaves_the_outbox() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let held = a.write(note("name-contacts", "held")).op;
    a.push(&mut fake, Take::Hold);
    assert_eq!(a.store.counts(None).unwrap().held, 1);
    fake.adopt(&held);
    a.store.rebuild(&tenant()).unwrap();
    a.store.apply_page(&fake.snapshot(&tenant(), &a.device()), at(1)).unwrap();
    assert_eq!(a.store.counts(None).unwrap().held, 1, "a snapshot does not say who wrote what");
    let answer = fake.t1().receipts[&held].0.clone();
    a.store.confirm_covered(&[&answer]).unwrap();
    assert_eq!(a.store.counts(None).unwrap().held, 0);
    a.assert_settled(&fake);
}

#[test]
fn a_service_without_the_last_receipts_gets_the_ops_again() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let common = fake.t1().seen();
    a.write(note("name-contacts", "1"));
    a.write(note("name-contacts", "2"));
    a.push(&mut fake, Take::Refuse(1));
    fake.roll_back(&tenant(), common.seq);
    fake.journal(&tenant()).numbers.remove(&a.device());
    a.pull_all(&fake);
    let runs = a.store.next_push(9).unwrap();
    assert_eq!((runs[0].run.first, runs[0].run.count), (1, 2), "the refused one fills its gap");
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

#[test]
fn a_removed_tenant_leaves_nothing_and_numbers_go_on() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("name-contacts", "find this text"));
    assert!(matches!(a.store.drop_tenant(&tenant(), false), Err(StoreError::UnsentWork { count: 1, .. })));
    a.sync(&mut fake);
    assert!(a.store.drop_tenant(&tenant(), false).unwrap().destroyed.is_empty());
    assert!(a.store.tenants().unwrap().is_empty());
    assert!(a.cells().is_empty());
    a.pull(&fake, &tenant(), 99);
    assert_eq!(a.write(note("name-contacts", "again")).op.device_seq, 2);
    assert_eq!(a.store.drop_tenant(&tenant(), true).unwrap().destroyed.len(), 1);
    assert_eq!(a.try_write(note("name-contacts", "x")).unwrap_err().code(), "unknown_tenant");
}

/// Every byte of the journal and of what was remembered about it counts.
#[test]
fn the_audit_finds_what_was_changed() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..3 {
        a.write(note("name-contacts", &format!("{n}")));
        a.sync(&mut fake);
    }
    let path = a.store.path().to_owned();
    a.store.lock().unwrap();
    let changes: BTreeMap<&str, &str> = BTreeMap::from([
        (
            "UPDATE entries SET entry = replace(entry, 'Hill School', 'Dale School') WHERE tenant = 't1'",
            "hash_differs",
        ),
        ("DELETE FROM entries WHERE tenant = 't1' AND seq = 4", "hole"),
        ("DELETE FROM entries WHERE tenant = 't1' AND seq = 5", "head_differs"),
        ("UPDATE entries SET head = zeroblob(32) WHERE tenant = 't1' AND seq = 3", "chain_broken"),
        (
            "UPDATE entries SET entry = replace(entry, '\"received_at\":\"2023', '\"received_at\":\"2022') WHERE seq = 3",
            "chain_broken",
        ),
        ("UPDATE proofs SET signature = replace(signature, 'a', 'b') WHERE tenant = 't1'", "bad_signature"),
        ("DELETE FROM proofs WHERE tenant = 't1'", "unsigned"),
        ("UPDATE witness SET head = zeroblob(32) WHERE tenant = 't1' AND seq = 5", "bad_signature"),
        ("UPDATE receipts SET hash = zeroblob(32) WHERE tenant = 't1'", "receipt_broken"),
        ("UPDATE journals SET client_digest = zeroblob(32) WHERE tenant = 't1'", "state_differs"),
    ]);
    for (sql, reason) in changes {
        let copy = a.dir.path().join("tampered.db");
        let _ = std::fs::remove_file(&copy);
        std::fs::copy(&path, &copy).unwrap();
        {
            let db = rusqlite::Connection::open(&copy).unwrap();
            db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", hex::encode(data_key().bytes()))).unwrap();
            assert!(db.execute(sql, []).unwrap() > 0, "{sql}");
        }
        let store = Store::open(&copy, &data_key(), SeededEntropy::new(1)).unwrap();
        let report = store.audit_verify(&tenant()).unwrap();
        assert!(!report.ok, "{sql}");
        assert_eq!(report.reason.as_deref(), Some(reason), "{sql}");
        store.lock().unwrap();
    }
}
