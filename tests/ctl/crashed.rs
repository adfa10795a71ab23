//! Imports that end at each change which a program makes to its files, in turn: what is there afterwards
//! is what was there before or what was to be, and the next run brings it to the end.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use cairn_tests::crash::{At, CrashPoint, copy, spread};
use cairn_tests::ctl::Laptop;
use cairn_tests::process::{built, run};

use super::Office;
use super::imports::store_of;
use super::runs::{grown, roster, set};

/// Changes at which each program is ended, of some hundred; all of them where `CAIRN_CRASH_POINTS` is `all`.
const MOST: u64 = 24;

#[allow(clippy::disallowed_methods, reason = "whoever runs a test says how thorough it is")]
fn points(all: u64) -> impl Iterator<Item = At> {
    let is_all = env::var("CAIRN_CRASH_POINTS").is_ok_and(|which| which == "all");
    spread(all, if is_all { u64::MAX } else { MOST })
}

/// What is done to a tenant's roster, one after the other.
enum Step {
    Import(String),
    RollBack,
}

fn steps(office: &Office) -> [Step; 3] {
    let import = |seed| Step::Import(set(office.folder.path(), seed, 60));
    [import(1), import(2), Step::RollBack]
}

impl Step {
    /// Asks for it; `last` is the import that was asked for last.
    fn ask(&self, laptop: &Laptop, tenant: &str, last: &mut String) -> bool {
        let json = match self {
            Self::Import(path) => {
                laptop.ok(&["import", "run", path, "--tenant", tenant, "--confirm-holds"]).unwrap()
            }
            Self::RollBack => laptop.ok(&["import", "rollback", last]).unwrap(),
        };
        *last = json["import"].as_str().unwrap().to_owned();
        json["queued"] == true
    }
}

/// A laptop beside `laptop` with the same data.
fn copied(laptop: &Laptop, folder: &Path, name: &str) -> Laptop {
    let copied = Laptop::new(folder, name);
    let _ = std::fs::remove_dir_all(&copied.profile);
    copy(&laptop.profile, &copied.profile).unwrap();
    std::fs::copy(&laptop.key, &copied.key).unwrap();
    copied
}

fn settler(data: &Path, tenant: &str, more: &[&str]) -> Command {
    let mut command = Command::new(built("import_settler").unwrap());
    command.arg(data).arg(tenant).args(more);
    command
}

/// How many it answered, the revision of its copy and the journal's.
fn settled(data: &Path, tenant: &str, more: &[&str]) -> [u64; 3] {
    let printed = run(&mut settler(data, tenant, more)).unwrap();
    let numbers: Vec<u64> = printed.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

#[test]
fn a_service_that_ends_at_any_change_has_the_old_roster_or_the_new() {
    let mut office = Office::open();
    let tenant = grown(&office, &[]);
    let point = CrashPoint::build(office.folder.path()).unwrap();
    let data = office.folder.path().join("service");
    let id =
        store_of(&office.laptop).tenants().unwrap().into_iter().find(|one| one.slug == tenant).unwrap().id;
    let (mut last, mut ended) = (String::new(), 0);
    for (before, step) in (0..).zip(steps(&office)) {
        // It takes what is asked for, and ends as soon as it begins to stage it.
        office.service.stop().unwrap();
        let mut serving = office.service.serving().unwrap();
        point.set(&mut serving, &data.join("rosters"), At { change: 1, is_torn: false });
        office.service.start_as(serving).unwrap();
        assert!(step.ask(&office.laptop, &tenant, &mut last), "it was answered");
        office.service.kill();

        let folder = |name: &str| -> PathBuf {
            let folder = office.folder.path().join(name);
            let _ = std::fs::remove_dir_all(&folder);
            copy(&data, &folder).unwrap();
            folder
        };
        let counted = folder("counted");
        let all = point.count(&mut settler(&counted, id.as_str(), &[]), &counted).unwrap();
        println!("{all} changes of a service");
        for at in points(all) {
            let cut = folder("cut");
            let well = point.crash(&mut settler(&cut, id.as_str(), &[]), &cut, at).unwrap();
            ended += u64::from(well.is_none());
            // The journal may have its answer before the copy has the rows; never the other way round.
            let [_, copy, journal] = settled(&cut, id.as_str(), &["look"]);
            assert!(before <= copy && copy <= journal && journal <= before + 1, "{copy} {journal} {at:?}");
            let [done, copy, after] = settled(&cut, id.as_str(), &[]);
            assert_eq!((done, after), (before + 1 - journal, before + 1), "{at:?}");
            assert!(copy == after || done == 0, "{at:?}");
            assert_eq!(settled(&cut, id.as_str(), &[])[0], 0, "{at:?}");
        }
        office.service.start().unwrap();
        let here = || roster(&office.laptop, &tenant).map_or(0, |has| has.revision) == before + 1;
        let comes = |_| office.laptop.ok(&["sync"]).is_ok() && here();
        assert!((0..200).any(comes), "it was not carried out");
    }
    assert!(ended > 3 * MOST / 2, "it was ended {ended} times only");
}

#[test]
fn a_laptop_that_ends_at_any_change_has_the_old_roster_or_the_new() {
    let office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let point = CrashPoint::build(office.folder.path()).unwrap();
    let ben = office.laptop_of("IMPL_SPEC", 1);
    let (mut last, mut ended) = (String::new(), 0);
    for step in steps(&office) {
        let (ana, old) = (&office.laptop, roster(&ben, &tenant));
        assert!(!step.ask(ana, &tenant, &mut last), "it is queued");
        let new = roster(ana, &tenant);
        let sync = |laptop: &Laptop| laptop.command(&["sync"]).unwrap();
        let cut = || copied(&ben, office.folder.path(), "cut");
        let counted = cut();
        let all = point.count(&mut sync(&counted), &counted.profile).unwrap();
        println!("{all} changes of a laptop that syncs");
        for at in points(all) {
            let cut = cut();
            ended += u64::from(point.crash(&mut sync(&cut), &cut.profile, at).unwrap().is_none());
            let stands = roster(&cut, &tenant);
            let is_empty = stands.as_ref().is_none_or(|has| has.revision == 0) && old.is_none();
            assert!(is_empty || stands == old || stands == new, "{stands:?} after {at:?}");
            cut.ok(&["sync"]).unwrap();
            assert_eq!(roster(&cut, &tenant), new, "after {at:?}");
        }
        ben.ok(&["sync"]).unwrap();
        assert_eq!(roster(&ben, &tenant), new);
    }
    assert!(ended > 3 * MOST / 2, "it was ended {ended} times only");
    assert_eq!(ben.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
}

#[test]
fn an_import_that_is_queued_is_there_with_its_file_or_not_at_all() {
    let mut office = Office::open();
    let tenant = grown(&office, &[]);
    let point = CrashPoint::build(office.folder.path()).unwrap();
    office.service.stop().unwrap();
    let path = set(office.folder.path(), 1, 60);
    let words = ["import", "run", &path, "--tenant", &tenant];
    let cut = || copied(&office.laptop, office.folder.path(), "cut");
    let counted = cut();
    let mut command = counted.command(&words).unwrap();
    let all = point.count(&mut command, &counted.profile).unwrap();
    println!("{all} changes of a laptop that asks");
    let (mut ended, mut queued) = (0, 0);
    for at in points(all) {
        let cut = cut();
        ended +=
            u64::from(point.crash(&mut cut.command(&words).unwrap(), &cut.profile, at).unwrap().is_none());
        let list = cut.ok(&["import", "list", "--tenant", &tenant]).unwrap();
        let rows = list["imports"].as_array().unwrap().len();
        let store = store_of(&cut);
        let tenant = store.tenants().unwrap().into_iter().find(|one| one.slug == tenant).unwrap().id;
        let files = store.unsent_blobs().unwrap();
        let imports = store.imports(&tenant).unwrap();
        assert_eq!((imports.len(), files.len()), (rows, rows), "after {at:?}");
        for (import, file) in imports.iter().zip(&files) {
            assert_eq!(
                (&import.request.blob, import.request.bytes),
                (&file.sha256, file.total),
                "after {at:?}"
            );
        }
        queued += rows;
    }
    assert!(ended > MOST / 2 && queued > 0, "ended {ended} times, queued {queued} times");
}
