//! `kill -9` at random moments: nothing that was acknowledged is lost.

use std::process::Stdio;
use std::time::{Duration, Instant};

use cairn_tests::process::Running;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;

use super::Office;

/// How often each program is killed.
const KILLS: usize = 100;

/// Texts of all comments in a laptop's history.
fn comments(history: &Value) -> String {
    history["ops"].to_string()
}

/// A random moment while the program runs, without giving up the processor.
pub(super) fn moment(random: &mut StdRng, longest: Duration) {
    let length = random.random_range(Duration::ZERO..longest);
    let start = Instant::now();
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

#[test]
fn a_killed_cairnctl_loses_nothing_it_acknowledged() {
    let office = Office::open();
    let item = office.items("not_started").remove(0);
    let mut random = StdRng::seed_from_u64(1);
    // How long a command takes changes with what else the machine does: each kill that comes too late
    // shortens the span the next one falls into, each that comes early lengthens it, so that they
    // gather around the moment of the commit wherever it is.
    let start = Instant::now();
    office.laptop.ok(&["comment", office.tenant(), &item, "--text", "measured"]).unwrap();
    let mut longest = start.elapsed();
    let mut acknowledged = vec!["measured".to_owned()];
    for n in 0..KILLS {
        let text = format!("remark {n} of many");
        let mut command =
            office.laptop.command(&["comment", office.tenant(), &item, "--text", &text]).unwrap();
        let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null())).unwrap();
        moment(&mut random, longest);
        running.kill();
        let mut printed = String::new();
        let output = running.child().stdout.take().unwrap();
        std::io::Read::read_to_string(&mut { output }, &mut printed).unwrap();
        let acknowledges = printed.contains("\"op\"");
        longest = longest.mul_f64(if acknowledges { 0.8 } else { 1.25 });
        if acknowledges {
            acknowledged.push(text);
        }
    }
    let (early, late) = (KILLS + 1 - acknowledged.len(), acknowledged.len());
    assert!(early > KILLS / 10 && late > KILLS / 10, "{early} kills came early, {late} late");
    office.laptop.ok(&["sync"]).unwrap();
    let there = comments(&office.laptop.ok(&["history", office.tenant()]).unwrap());
    let lost: Vec<_> = acknowledged.iter().filter(|text| !there.contains(text.as_str())).collect();
    assert!(lost.is_empty(), "{lost:?} are lost");
    assert_eq!(office.laptop.ok(&["status"]).unwrap()["pending"], 0);
    assert_eq!(office.laptop.ok(&["audit", "verify", office.tenant()]).unwrap()["ok"], true);
}

#[test]
fn a_killed_service_loses_nothing_it_acknowledged() {
    let mut office = Office::open();
    let item = office.items("not_started").remove(0);
    let mut random = StdRng::seed_from_u64(2);
    let mut acknowledged = Vec::new();
    for n in 0..KILLS {
        let text = format!("remark {n} of many");
        office.laptop.ok(&["comment", office.tenant(), &item, "--text", &text]).unwrap();
        let mut command = office.laptop.command(&["sync"]).unwrap();
        let mut sync = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        moment(&mut random, Duration::from_millis(60));
        office.service.kill();
        if sync.child().wait().unwrap().success() {
            acknowledged.push(text);
        }
        office.service.start().unwrap();
    }
    office.laptop.ok(&["sync"]).unwrap();
    let status = office.laptop.ok(&["status"]).unwrap();
    assert_eq!((&status["pending"], &status["quarantined"]), (&0.into(), &0.into()), "{status}");
    // A laptop that starts afresh knows only what the service kept.
    let other = office.laptop_of("IMPL_SPEC", 1);
    let there = comments(&other.ok(&["history", office.tenant()]).unwrap());
    let lost = (0..KILLS).filter(|n| !there.contains(&format!("remark {n} of many"))).count();
    assert_eq!(lost, 0, "{} of {KILLS} syncs had been acknowledged", acknowledged.len());
    let report = other.ok(&["sync"]).unwrap();
    assert_eq!(report["rebuilt"], 0);
    assert_eq!(other.ok(&["audit", "verify", office.tenant()]).unwrap()["ok"], true);
}
