//! The exit codes of SPEC, each by what leads to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cairn_tests::ctl::{Answer, Laptop};
use cairn_tests::service::Person;
use rusqlite::Connection;

use super::Office;

#[track_caller]
fn ends(answer: &Answer, code: i32, why: &str) {
    assert_eq!((answer.code, answer.error["code"].as_str()), (code, Some(why)), "{answer:?}");
    assert!(answer.error["message"].is_string() && answer.error.get("details").is_some(), "{answer:?}");
}

/// The laptop's database, as somebody who has its key can open it.
fn inside(laptop: &Laptop) -> Connection {
    let database = Connection::open(laptop.profile.join("cairn.db")).unwrap();
    let key = fs::read_to_string(&laptop.key).unwrap();
    database.pragma_update(None, "key", format!("x'{}'", key.trim())).unwrap();
    database
}

#[test]
fn a_journal_that_was_tampered_with_is_1() {
    let office = Office::open();
    assert_eq!(office.laptop.run(&["audit", "verify", office.tenant()]).unwrap().code, 0);
    let changed = inside(&office.laptop)
        .execute("UPDATE entries SET entry = replace(entry, 'complete', 'complebe') WHERE seq > 1", [])
        .unwrap();
    assert!(changed > 0);
    let answer = office.laptop.run(&["audit", "verify", office.tenant()]).unwrap();
    assert_eq!((answer.code, &answer.json["ok"]), (1, &false.into()), "{answer:?}");
    assert!(answer.json["first_bad_seq"].is_u64() && answer.json["reason"].is_string(), "{answer:?}");
}

/// What is not closed in order is checked whole at the next start, which takes long on a large one.
#[test]
fn every_command_closes_the_database_in_order() {
    let office = Office::open();
    let is_running = || -> Vec<u8> {
        let mark = "SELECT value FROM meta WHERE key = 'running'";
        inside(&office.laptop).query_row(mark, [], |row| row.get(0)).unwrap()
    };
    for words in [&["status"][..], &["checklist", "no such tenant"], &["sync"]] {
        office.laptop.run(words).unwrap();
        assert_eq!(is_running(), b"0", "{words:?}");
    }
}

#[test]
fn a_newer_database_is_5_and_is_left_as_it_is() {
    let office = Office::open();
    inside(&office.laptop).pragma_update(None, "user_version", 9_999).unwrap();
    ends(&office.laptop.run(&["tenants"]).unwrap(), 5, "database_newer");
    let version: i64 =
        inside(&office.laptop).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 9_999);
}

#[test]
fn wrong_use_is_2() {
    let office = Office::open();
    let item = &office.items("not_started")[0];
    let ask = |words: &[&str]| office.laptop.run(words).unwrap();
    for words in [&["no-such-command"][..], &["item", "x"], &["item", "x", "y", "--status", "done"], &[]] {
        ends(&ask(words), 2, "wrong_use");
    }
    for words in [&["--help"][..], &["item", "--help"], &["--version"]] {
        let answer = ask(words);
        assert_eq!((answer.code, &answer.error), (0, &serde_json::Value::Null), "{answer:?}");
    }
    ends(&ask(&["checklist", "nowhere"]), 2, "unknown_tenant");
    ends(&ask(&["item", office.tenant(), "nothing", "--status", "complete"]), 2, "unknown_item");
    ends(&ask(&["item", office.tenant(), item, "--status", "blocked"]), 2, "reason_required");
    ends(&ask(&["resolve", "nothing", "--take", "mine"]), 2, "bad_id");
}

#[test]
fn an_unreachable_service_is_3() {
    let mut office = Office::open();
    office.service.stop().unwrap();
    ends(&office.laptop.run(&["sync"]).unwrap(), 3, "unreachable");
    assert_eq!(office.laptop.run(&["tenants"]).unwrap().code, 0, "reading needs no network");
}

#[test]
fn what_is_not_allowed_is_4() {
    let office = Office::open();
    let stranger = Laptop::new(office.folder.path(), "stranger");
    ends(&stranger.run(&["status"]).unwrap(), 4, "signed_out");
    let name = office.demo.person("IMPL_SPEC", 0).unwrap().name;
    let login = ["login", "--server", &office.service.url(), "--user", &name, "--password-stdin"];
    ends(&stranger.run_with(&login, "guess").unwrap(), 4, "bad_credentials");
    assert!(!stranger.profile.join("cairn.db").exists(), "a refused sign-in makes nothing");

    let csm = office.laptop_of("CSM", 0);
    let item = &office.items("not_started")[0];
    ends(&csm.run(&["item", office.tenant(), item, "--status", "complete"]).unwrap(), 4, "not_allowed");
    office.laptop.ok(&["logout"]).unwrap();
    ends(&office.laptop.run(&["tenants"]).unwrap(), 4, "signed_out");
}

#[test]
fn a_database_that_cannot_be_opened_is_5_and_is_left_as_it_is() {
    let office = Office::open();
    let database = office.laptop.profile.join("cairn.db");
    let other = Laptop { key: office.folder.path().join("other.key"), ..office.laptop.clone() };
    ends(&other.run(&["tenants"]).unwrap(), 5, "key_absent");
    assert!(!other.key.exists(), "no key is made beside a database");
    fs::write(&other.key, "7".repeat(64)).unwrap();
    ends(&other.run(&["tenants"]).unwrap(), 5, "key_wrong");
    assert_eq!(office.laptop.run(&["tenants"]).unwrap().code, 0);

    let whole = fs::read(&database).unwrap();
    fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    for wal in ["cairn.db-wal", "cairn.db-shm"] {
        let _ = fs::remove_file(office.laptop.profile.join(wal));
    }
    let answer = office.laptop.run(&["tenants"]).unwrap();
    assert_eq!(answer.code, 5, "{answer:?}");
    assert_eq!(fs::read(&database).unwrap().len(), whole.len() / 2, "nothing is put in its place");
    fs::write(&database, b"short").unwrap();
    assert_eq!(office.laptop.run(&["tenants"]).unwrap().code, 5);
}

#[test]
fn a_new_key_file_is_for_its_owner_alone() {
    let office = Office::open();
    assert_eq!(fs::metadata(&office.laptop.key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn nobody_else_signs_in_over_unsent_work() {
    let office = Office::open();
    let item = &office.items("not_started")[0];
    office.laptop.ok(&["comment", office.tenant(), item, "--text", "not sent yet"]).unwrap();
    office.laptop.ok(&["logout"]).unwrap();
    let other = office.demo.person("IMPL_SPEC", 1).unwrap();
    let login = ["login", "--server", &office.service.url(), "--user", &other.name, "--password-stdin"];
    ends(&office.laptop.run_with(&login, &other.password).unwrap(), 4, "other_person");
    office.laptop.login(&office.service.url(), &office.demo.person("IMPL_SPEC", 0).unwrap()).unwrap();
    assert_eq!(office.laptop.ok(&["sync"]).unwrap()["pushed"], 1);
}

#[test]
fn a_copied_profile_has_to_sign_in_again_and_loses_nothing() {
    let office = Office::open();
    let item = &office.items("not_started")[0];
    let copy = Laptop { profile: office.folder.path().join("copy"), key: office.laptop.key.clone() };
    fs::create_dir(&copy.profile).unwrap();
    for file in fs::read_dir(&office.laptop.profile).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.profile.join(file.file_name())).unwrap();
    }
    office.laptop.ok(&["comment", office.tenant(), item, "--text", "from the first"]).unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    copy.ok(&["comment", office.tenant(), item, "--text", "from the copy"]).unwrap();
    assert_eq!(copy.run(&["sync"]).unwrap().code, 4);
    let person: Person = office.demo.person("IMPL_SPEC", 0).unwrap();
    copy.login(&office.service.url(), &person).unwrap();
    copy.ok(&["sync"]).unwrap();
    let history = copy.ok(&["history", office.tenant()]).unwrap().to_string();
    assert!(history.contains("from the first") && history.contains("from the copy"), "{history}");
}
