//! Unsent work as a sealed file.

use cairn_domain::change::{ItemField, Status};
use cairn_domain::op::verify_run;
use cairn_domain::{Change, Hash, SealedOp, TenantId, seal};
use cairn_protocol::sealed::{SealedWork, UnsentWork};
use cairn_store::Export;
use serde_json::json;

use crate::fake::{Fake, Laptop, Take, item, key_hex, tenant};

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

fn opened(fake: &Fake, export: &Export) -> UnsentWork {
    let envelope: SealedWork = serde_json::from_str(&export.text).unwrap();
    let plain = seal::open(&fake.key, &envelope.bytes().unwrap()).unwrap();
    serde_json::from_slice(&plain).unwrap()
}

#[test]
fn everything_unsent_is_sealed_for_the_service_and_stays_in_the_queue() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("sent long ago"));
    a.sync(&mut fake);
    // More than one push may hold.
    for n in 0..cairn_protocol::MAX_RUN + 20 {
        a.write(note(&format!("a secret remark {n}")));
    }
    let push = a.store.next_push(usize::MAX).unwrap();
    let counts = a.store.counts(None).unwrap();
    let export = a.store.export_unsent().unwrap();
    assert_eq!((export.ops, export.tenants.as_slice()), (520, [tenant()].as_slice()));
    let work = opened(&fake, &export);
    assert_eq!((work.device, work.account, work.runs), (a.device(), a.account.clone(), push.clone()));
    assert!(!export.text.contains("secret"), "who carries the file learns nothing");
    let again = a.store.export_unsent().unwrap();
    assert_ne!(again.text, export.text, "each file has a key of its own");
    assert_eq!(a.store.counts(None).unwrap(), counts);
    assert_eq!(a.store.next_push(usize::MAX).unwrap(), push);
}

#[test]
fn a_retired_device_pushes_nothing_and_exports_all() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let key = key_hex(a.store.signing_key().unwrap());
    a.write(note("unsent"));
    a.store.mark_forked().unwrap();
    a.reopen();
    assert!(a.store.next_push(usize::MAX).unwrap().is_empty());
    let work = opened(&fake, &a.store.export_unsent().unwrap());
    let [run] = work.runs.as_slice() else { panic!("{:?}", work.runs) };
    let hashes: Vec<Hash> = run.ops.iter().map(SealedOp::hash).collect();
    assert!(verify_run(&key, &run.tenant, &work.device, &run.run, &hashes));
    // Signed in again, the same work goes its usual way under a new device.
    a.sign_in(&mut fake);
    a.sync(&mut fake);
    a.assert_settled(&fake);
    assert_eq!(a.store.export_unsent().unwrap_err().code(), "nothing_to_export");
}

#[test]
fn what_the_service_has_answered_is_not_exported() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for _ in 0..3 {
        a.write(Change::ItemStatusSet {
            item: item("name-contacts"),
            status: Status::InProgress,
            reason: None,
        });
    }
    a.push(&mut fake, Take::Hold);
    let late = a.write(note("after"));
    let export = a.store.export_unsent().unwrap();
    assert_eq!(export.ops, 1);
    let work = opened(&fake, &export);
    assert_eq!(work.runs[0].run.first, late.op.device_seq);
    assert!(work.runs.iter().all(|run| run.tenant != TenantId::org()));
}
