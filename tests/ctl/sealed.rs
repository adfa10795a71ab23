//! A revoked laptop: what it could not send is carried to the service in a sealed file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cairn_tests::ctl::{Answer, Laptop, answer};
use serde_json::{Value, json};

use super::Office;

const REMARK: &str = "The principal has a second key to the server room";

impl Office {
    /// Runs a command of the service's program.
    fn service_says(&self, words: &[&str]) -> Answer {
        answer(&mut self.service.command(words).unwrap(), "").unwrap()
    }

    fn seq(&self, laptop: &Laptop) -> Value {
        let rows = laptop.ok(&["tenants"]).unwrap()["tenants"].clone();
        let ours = |row: &&Value| row["slug"] == self.tenant();
        rows.as_array().unwrap().iter().find(ours).unwrap()["seq"].clone()
    }
}

#[track_caller]
fn refused(answer: &Answer, exit: i32, code: &str) {
    assert_eq!((answer.code, answer.error["code"].as_str()), (exit, Some(code)), "{answer:?}");
    assert!(answer.error["message"].is_string() && answer.error.get("details").is_some(), "{answer:?}");
}

fn counts(answer: &Answer) -> [u64; 4] {
    assert_eq!(answer.code, 0, "{answer:?}");
    ["held", "known", "refused", "other_bytes"].map(|name| answer.json[name].as_u64().unwrap())
}

#[test]
fn what_a_revoked_laptop_could_not_send_reaches_a_colleague() {
    let mut office = Office::open();
    let (ana, ben) = (office.laptop.clone(), office.laptop_of("IMPL_SPEC", 1));
    let mia = office.laptop_of("IMPL_MGR", 0);
    let tenant = office.tenant().to_owned();
    let item = office.items("not_started").remove(0);
    let person = office.demo.person("IMPL_SPEC", 0).unwrap();
    office.service.stop().unwrap();
    ana.ok(&["item", &tenant, &item, "--status", "in_progress"]).unwrap();
    ana.ok(&["comment", &tenant, &item, "--text", REMARK]).unwrap();

    let disabled = office.service_says(&["user", "disable", &person.name, "--revoke-devices"]);
    assert_eq!((disabled.code, &disabled.json["devices_revoked"]), (0, &json!(1)), "{disabled:?}");
    office.service.start().unwrap();
    refused(&ana.run(&["sync"]).unwrap(), 4, "device_retired");
    let server = office.service.url();
    let login = ["login", "--server", &server, "--user", &person.name, "--password-stdin"];
    refused(&ana.run_with(&login, &person.password).unwrap(), 4, "account_disabled");

    let file = office.folder.path().join("work.cairn");
    let path = file.to_str().unwrap();
    let exported = ana.ok(&["held", "export", path]).unwrap();
    assert_eq!(exported, json!({ "file": path, "ops": 2, "tenants": [tenant] }));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(REMARK) && !text.contains(&tenant), "it is sealed");
    refused(&ana.run(&["held", "export", path]).unwrap(), 2, "file_exists");
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "a file that is there stays as it is");
    let nowhere = office.folder.path().join("no/such/folder/file");
    refused(&ana.run(&["held", "export", nowhere.to_str().unwrap()]).unwrap(), 2, "cannot_write");
    assert_eq!(ana.ok(&["status"]).unwrap()["pending"], 2, "nothing leaves the queue");
    refused(&ben.run(&["held", "export", &format!("{path}-2")]).unwrap(), 2, "nothing_to_export");

    assert_eq!(counts(&office.service_says(&["held", "import", path])), [2, 0, 0, 0]);
    assert_eq!(counts(&office.service_says(&["held", "import", path])), [0, 2, 0, 0]);
    mia.ok(&["sync"]).unwrap();
    let held = mia.ok(&["held", &tenant]).unwrap()["held"].as_array().unwrap().clone();
    assert_eq!(held.iter().map(|row| &row["code"]).collect::<Vec<_>>(), ["imported"; 2]);
    for row in &held {
        mia.ok(&["held", "adopt", row["op"].as_str().unwrap()]).unwrap();
    }
    mia.ok(&["sync"]).unwrap();
    ben.ok(&["sync"]).unwrap();
    let list = ben.ok(&["checklist", &tenant]).unwrap();
    let row =
        list["items"].as_array().unwrap().iter().find(|row| row["key"] == item.as_str()).unwrap().clone();
    assert_eq!((&row["status"], &row["updated_by"]), (&json!("in_progress"), &json!(person.name)), "{row}");
    assert!(ben.ok(&["history", &tenant]).unwrap().to_string().contains("Comment on"), "her remark is there");
    assert_eq!(ben.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);

    let seq = office.seq(&ben);
    assert_eq!(counts(&office.service_says(&["held", "import", path])), [0, 2, 0, 0]);
    ben.ok(&["sync"]).unwrap();
    mia.ok(&["sync"]).unwrap();
    assert_eq!(office.seq(&ben), seq, "once is enough");
    assert_eq!(mia.ok(&["held", &tenant]).unwrap()["held"], json!([]));
}

#[test]
fn a_file_that_is_broken_or_meant_for_another_service_says_so() {
    let office = Office::open();
    let item = office.items("not_started").remove(0);
    office.laptop.ok(&["comment", office.tenant(), &item, "--text", REMARK]).unwrap();
    // Signed out, the way out is still open.
    office.laptop.ok(&["logout"]).unwrap();
    let file = office.folder.path().join("work.cairn");
    let path = file.to_str().unwrap();
    assert_eq!(office.laptop.ok(&["held", "export", path]).unwrap()["ops"], 1);

    let other = Office::open();
    refused(&other.service_says(&["held", "import", path]), 2, "sealed_for_another_service");
    refused(&office.service_says(&["held", "import", &format!("{path}-not-there")]), 2, "cannot_read");
    let mut envelope: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let sealed = envelope["sealed"].as_str().unwrap();
    envelope["sealed"] = json!(sealed[..sealed.len() / 8 * 4]);
    let broken = office.folder.path().join("broken.cairn");
    fs::write(&broken, envelope.to_string()).unwrap();
    refused(&office.service_says(&["held", "import", broken.to_str().unwrap()]), 2, "damaged");
    fs::write(&broken, "a shopping list").unwrap();
    refused(&office.service_says(&["held", "import", broken.to_str().unwrap()]), 2, "not_sealed_work");
    assert_eq!(counts(&office.service_says(&["held", "import", path])), [1, 0, 0, 0]);
}
