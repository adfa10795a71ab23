//! A service that came back from a backup: `audit verify` lists what was replaced.

use cairn_tests::process::run;
use serde_json::{Value, json};

use super::Office;

fn comment(office: &Office, laptop: &cairn_tests::ctl::Laptop, text: &str) -> Value {
    let item = &office.items("not_started")[0];
    let written = laptop.ok(&["comment", office.tenant(), item, "--text", text]).unwrap();
    laptop.ok(&["sync"]).unwrap();
    written["op"].clone()
}

/// What was replaced, and what of it did not return.
fn lists(office: &Office) -> [Value; 2] {
    let audit = office.laptop.ok(&["audit", "verify", office.tenant()]).unwrap();
    assert_eq!((&audit["ok"], &audit["complete_from"]), (&json!(true), &json!(1)), "{audit}");
    ["replaced", "not_returned"].map(|name| audit[name].clone())
}

/// An office whose service came back from a backup older than one comment of each of two specialists,
/// before any laptop has spoken to it again: those comments, and the name of the second specialist.
fn restored() -> (Office, [Value; 2], String) {
    let mut office = Office::open();
    let backup = office.folder.path().join("backup");
    let backup = backup.to_str().unwrap();
    run(&mut office.service.command(&["backup", backup]).unwrap()).unwrap();
    let mine = comment(&office, &office.laptop, "after the backup");
    let other = office.laptop_of("IMPL_SPEC", 1);
    let theirs = comment(&office, &other, "from a laptop enrolled after the backup");
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(lists(&office), [json!([]), json!([])]);

    office.service.stop().unwrap();
    run(&mut office.service.command(&["restore", backup]).unwrap()).unwrap();
    let name = office.demo.person("IMPL_SPEC", 1).unwrap().name;
    (office, [mine, theirs], name)
}

fn said_of(office: &Office, op: &Value) -> String {
    let plain = run(office.laptop.plain().unwrap().args(["audit", "verify", office.tenant()])).unwrap();
    let op = op.as_str().unwrap();
    plain.lines().find(|line| line.starts_with(op)).unwrap_or_default().replace(op, "").trim().to_owned()
}

#[test]
fn an_audit_lists_what_a_restored_service_replaced() {
    let (mut office, [mine, theirs], _) = restored();
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(lists(&office), [json!([mine, theirs]), json!([])], "everything came back");
    for op in [&mine, &theirs] {
        assert_eq!(said_of(&office, op), "replaced by a restored service, returned");
    }
}

#[test]
fn an_audit_lists_what_did_not_return_after_a_restore() {
    let (mut office, [mine, theirs], name) = restored();
    // Judged anew: whoever left the tenant meanwhile has their work held for a manager.
    run(&mut office.service.command(&["user", "unassign", &name, "--tenant", office.tenant()]).unwrap())
        .unwrap();
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(lists(&office), [json!([mine, theirs]), json!([theirs])]);
    assert_eq!(said_of(&office, &mine), "replaced by a restored service, returned");
    assert_eq!(said_of(&office, &theirs), "replaced by a restored service, did not return");
}
