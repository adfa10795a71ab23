//! A line that carries little: whatever is longer breaks off, and still everything arrives.

use std::net::SocketAddr;

use cairn_app::{KeyPlace, Session};
use cairn_tests::ctl::Laptop;
use cairn_tests::door::Door;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::Office;
use super::runs::{grown, roster, set};

/// What the line carries at once, in bytes with all headers.
const WIDTH: u64 = 64 << 10;
/// Together many times that.
const COMMENTS: usize = 600;
/// More attempts than it may take: each brings something or makes the next request smaller.
const ATTEMPTS: usize = 40;

/// Words that no compression makes shorter than half.
fn remark(random: &mut StdRng) -> String {
    (0..400).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}

/// Syncs over the door until nothing is left to send or receive. The first attempts break off.
fn sync_at_last(laptop: &Laptop, door: &Door, done: impl Fn() -> bool) {
    let mut broken = 0;
    for _ in 0..ATTEMPTS {
        let answer = laptop.run(&["sync"]).unwrap();
        broken += door.take().broken;
        if answer.code == 0 && done() {
            assert!(broken > 0, "the line carried everything at once");
            return;
        }
        assert!([0, 3].contains(&answer.code), "{} {}", answer.code, answer.error);
    }
    panic!("it never came through; the line broke off {broken} times");
}

#[test]
fn much_work_goes_over_a_line_that_carries_little() {
    let mut office = Office::open();
    let address: SocketAddr = office.service.url().trim_start_matches("http://").parse().unwrap();
    let door = Door::of_width(address, WIDTH).unwrap();
    let tenant = office.tenant().to_owned();
    let item = office.items("not_started").remove(0);
    let person = office.demo.person("IMPL_SPEC", 0).unwrap();
    office.laptop = Laptop::new(office.folder.path(), "on the line");
    office.laptop.login(&door.url(), &person).unwrap();
    office.laptop.ok(&["sync"]).unwrap();

    let session = Session::new(&office.laptop.profile, KeyPlace::File(office.laptop.key.clone()));
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..COMMENTS {
        let text = remark(&mut random);
        #[allow(clippy::disallowed_methods, reason = "a test that writes as a person does, now")]
        let now = chrono::Utc::now();
        session.signed_in(|desk| desk.comment(&tenant, &item, text, false, None, now)).unwrap();
    }
    drop(session);
    sync_at_last(&office.laptop, &door, || office.laptop.ok(&["status"]).unwrap()["pending"] == 0);

    // And down the same line, to a colleague's laptop that begins with all of it.
    let other = Laptop::new(office.folder.path(), "another on the line");
    other.login(&door.url(), &office.demo.person("IMPL_SPEC", 1).unwrap()).unwrap();
    let stands = |laptop: &Laptop| {
        let all = laptop.ok(&["tenants"]).unwrap();
        let one = all["tenants"].as_array().unwrap().iter().find(|t| t["slug"] == tenant.as_str()).cloned();
        one.map(|one| (one["seq"].clone(), one["digest"].clone()))
    };
    let there = stands(&office.laptop).unwrap();
    sync_at_last(&other, &door, || stands(&other).as_ref() == Some(&there));
    assert_eq!(other.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
}

#[test]
fn an_import_goes_over_a_line_that_carries_little_both_ways() {
    let mut office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let address: SocketAddr = office.service.url().trim_start_matches("http://").parse().unwrap();
    let door = Door::of_width(address, WIDTH).unwrap();
    office.laptop = Laptop::new(office.folder.path(), "on the line");
    office.laptop.login(&door.url(), &office.demo.person("IMPL_SPEC", 0).unwrap()).unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    // Many times what the line carries at once.
    let path = set(office.folder.path(), 1, 6_000);
    let ran = office.laptop.ok(&["import", "run", &path, "--tenant", &tenant]).unwrap();
    assert!(ran["bytes"].as_u64().unwrap() > 3 * WIDTH, "{ran}");
    let is_here = |laptop: &Laptop| {
        let list = laptop.ok(&["import", "list", "--tenant", &tenant]).unwrap();
        list["imports"][0]["here"] == true
    };
    if !is_here(&office.laptop) {
        sync_at_last(&office.laptop, &door, || is_here(&office.laptop));
    }
    let other = Laptop::new(office.folder.path(), "another on the line");
    other.login(&door.url(), &office.demo.person("IMPL_SPEC", 1).unwrap()).unwrap();
    sync_at_last(&other, &door, || is_here(&other));
    assert_eq!(roster(&other, &tenant), roster(&office.laptop, &tenant));
}
