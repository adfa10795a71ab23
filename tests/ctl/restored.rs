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

#[test]
fn an_audit_lists_what_a_restored_service_replaced() {
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
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(lists(&office), [json!([mine, theirs]), json!([])], "everything came back");
    let plain = run(office.laptop.plain().unwrap().args(["audit", "verify", office.tenant()])).unwrap();
    for op in [&mine, &theirs] {
        let line = format!("{}\treplaced by a restored service, returned", op.as_str().unwrap());
        assert!(plain.contains(&line), "{plain}");
    }
}
