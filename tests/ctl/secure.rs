//! Which service a laptop speaks to: one whose certificate its computer trusts, and the one it knows.

use std::path::PathBuf;

use cairn_tests::ctl::{Answer, Laptop, answer};
use cairn_tests::service::Service;

use super::Office;

/// Where the programs look for certificates they trust instead of the system's.
const TRUSTED: &str = "SSL_CERT_FILE";

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../src-tauri/crates/service/tests/fixtures").join(name)
}

#[test]
fn a_service_over_tls_is_spoken_to_where_its_certificate_is_trusted() {
    let mut office = Office::open();
    office.service.stop().unwrap();
    let certificate = fixture("tls-cert.pem");
    office.service.speak_tls(&certificate, &fixture("tls-key.pem"));
    office.service.start().unwrap();
    let (url, person) = (office.service.url(), office.demo.person("IMPL_SPEC", 0).unwrap());
    let laptop = Laptop::new(office.folder.path(), "over tls");
    let run = |words: &[&str], trusts: bool| -> Answer {
        let mut command = laptop.command(words).unwrap();
        if trusts {
            command.env(TRUSTED, &certificate);
        }
        answer(&mut command, &person.password).unwrap()
    };
    let login = ["login", "--server", &url, "--user", &person.name, "--password-stdin"];

    let refused = run(&login, false);
    assert_eq!((refused.code, refused.error["code"].as_str()), (3, Some("unreachable")), "{refused:?}");
    assert!(refused.error["message"].as_str().unwrap().contains("does not trust"), "{refused:?}");
    assert!(!laptop.profile.exists(), "nothing is made for a stranger");

    assert_eq!(run(&login, true).code, 0);
    let synced = run(&["sync"], true);
    assert_eq!((synced.code, &synced.json["complete"]), (0, &true.into()), "{synced:?}");
    // The trust is asked for each time, not once.
    assert_eq!(run(&["sync"], false).code, 3);
}

#[test]
fn another_service_at_the_same_address_gets_nothing() {
    let mut office = Office::open();
    let item = office.items("not_started").remove(0);
    office.laptop.ok(&["comment", office.tenant(), &item, "--text", "for our service alone"]).unwrap();
    office.service.stop().unwrap();
    let mut other = Service::at(&office.folder.path().join("another")).unwrap();
    let demo = other.seed(2).unwrap();
    other.take_place_of(&office.service);
    other.start().unwrap();

    // It knows no such device.
    let sync = office.laptop.run(&["sync"]).unwrap();
    assert_eq!((sync.code, sync.error["code"].as_str()), (4, Some("unknown_device")), "{sync:?}");
    // And whoever signs in there by mistake is told before the profile changes.
    let person = demo.person("IMPL_SPEC", 0).unwrap();
    let login = ["login", "--server", &other.url(), "--user", &person.name, "--password-stdin"];
    let told = office.laptop.run_with(&login, &person.password).unwrap();
    assert_eq!((told.code, told.error["code"].as_str()), (1, Some("other_service")), "{told:?}");

    other.stop().unwrap();
    office.service.start().unwrap();
    let synced = office.laptop.ok(&["sync"]).unwrap();
    assert_eq!((&synced["pushed"], &synced["pending"]), (&1.into(), &0.into()), "{synced}");
}
