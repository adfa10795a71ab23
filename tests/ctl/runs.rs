//! `import run`, `list`, `rollback` and `verify` over the real service: from files on one laptop to the
//! rosters of all.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cairn_imports::generate::{Set, write};
use cairn_tests::ctl::{Answer, Laptop};
use cairn_tests::process::Running;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::Office;
use super::imports::{has, real, store_of};
use super::killed::moment;

/// What a laptop has of a tenant's roster: its revision, its digest, and all records as lines.
#[derive(PartialEq)]
pub(super) struct Has {
    pub revision: u64,
    pub digest: String,
    pub lines: String,
}

impl std::fmt::Debug for Has {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { revision, digest, lines } = self;
        write!(f, "revision {revision}, {digest}, {} records", lines.lines().count())
    }
}

pub(super) fn roster(laptop: &Laptop, slug: &str) -> Option<Has> {
    let store = store_of(laptop);
    let tenant = store.tenants().unwrap().into_iter().find(|one| one.slug == slug).unwrap().id;
    let roster = store.roster(&tenant).unwrap()?;
    roster.verify().unwrap();
    let mut lines = Vec::new();
    roster.export(&mut lines).unwrap();
    let has = Has {
        revision: roster.latest().unwrap().map_or(0, |last| last.number),
        digest: roster.digest().unwrap().to_string(),
        lines: String::from_utf8(lines).unwrap(),
    };
    store.lock().unwrap();
    Some(has)
}

/// A tenant that is no pilot, with both specialists and whoever else is named.
pub(super) fn grown(office: &Office, people: &[(&str, usize)]) -> String {
    let ana = office.demo.person("IMPL_SPEC", 0).unwrap();
    office.service.add_tenant("grown", "Grown", &ana).unwrap();
    for (role, n) in people {
        office.service.assign(&office.demo.person(role, *n).unwrap(), "grown").unwrap();
    }
    office.laptop.ok(&["sync"]).unwrap();
    "grown".to_owned()
}

fn people(office: &Office, name: &str, rows: &[(&str, &str)]) -> String {
    let path = office.folder.path().join(name);
    let lines: String =
        rows.iter().map(|(mail, name)| format!("{mail},{name},Lee,MOH,district_admin\n")).collect();
    fs::write(&path, format!("email,first_name,last_name,organization,role\n{lines}")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn run(laptop: &Laptop, path: &str, tenant: &str, more: &[&str]) -> Answer {
    laptop.run(&[&["import", "run", path, "--tenant", tenant], more].concat()).unwrap()
}

#[track_caller]
fn ran(answer: &Answer) -> Value {
    assert_eq!((answer.code, &answer.json["queued"]), (0, &json!(false)), "{answer:?}");
    answer.json.clone()
}

fn did(json: &Value, kind: &str) -> [u64; 4] {
    ["create", "update", "unchanged", "remove"].map(|name| json["committed"][kind][name].as_u64().unwrap())
}

#[test]
fn the_real_set_comes_to_both_laptops_again_unchanged_and_is_taken_back_to_the_byte() {
    let office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let (ana, ben) = (&office.laptop, office.laptop_of("IMPL_SPEC", 1));
    let small = people(&office, "first.csv", &[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    ran(&run(ana, &small, &tenant, &[]));
    let before = roster(ana, &tenant).unwrap();

    let plan = ana.ok(&["import", "plan", &real(), "--tenant", &tenant]).unwrap();
    let first = ran(&run(ana, &real(), &tenant, &[]));
    has(&first, "import committed queued rollback_until took_ms");
    for (kind, planned) in plan["types"].as_object().unwrap() {
        let [create, update, unchanged, remove] = did(&first, kind);
        let planned = ["create", "update", "unchanged", "remove"].map(|name| planned[name].as_u64().unwrap());
        assert_eq!([create, update, unchanged, remove], planned, "plan, then run, is the plan: {kind}");
    }
    ben.ok(&["sync"]).unwrap();
    let there = roster(ana, &tenant).unwrap();
    assert_eq!(there.revision, 2);
    assert!(there.lines.lines().count() > 50);
    assert_eq!(roster(&ben, &tenant).unwrap(), there);

    let again = ran(&run(&ben, &real(), &tenant, &[]));
    for kind in again["committed"].as_object().unwrap().keys() {
        let [create, update, _, remove] = did(&again, kind);
        assert_eq!([create, update, remove], [0, 0, 0], "{kind}");
    }
    ana.ok(&["sync"]).unwrap();
    assert_eq!(roster(ana, &tenant).unwrap(), Has { revision: 3, ..roster(&ben, &tenant).unwrap() });
    assert_eq!(roster(ana, &tenant).unwrap().digest, there.digest);
    let verified = ben.ok(&["import", "verify", again["import"].as_str().unwrap()]).unwrap();
    assert_eq!(verified["ok"], true, "{verified}");

    let list = ana.ok(&["import", "list", "--tenant", &tenant]).unwrap();
    let rows = list["imports"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["state"] == "committed" && row["here"] == true), "{list}");

    let back = ana.ok(&["import", "rollback", first["import"].as_str().unwrap()]).unwrap();
    has(&back, "import reversed kept failed");
    assert_eq!((&back["kept"], &back["failed"], &back["queued"]), (&json!([]), &json!([]), &json!(false)));
    ben.ok(&["sync"]).unwrap();
    for laptop in [ana, &ben] {
        let now = roster(laptop, &tenant).unwrap();
        assert_eq!((now.revision, &now.digest, &now.lines), (4, &before.digest, &before.lines));
        assert_eq!(laptop.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
    }
    let told = ben.ok(&["history", &tenant]).unwrap().to_string();
    for words in ["asked for", "Imported:", "Import to be taken back", "Import taken back:"] {
        assert!(told.contains(words), "'{words}' is not in the history");
    }
    let twice = ana.run(&["import", "rollback", first["import"].as_str().unwrap()]).unwrap();
    assert_eq!((twice.code, &twice.error["code"]), (1, &json!("already_rolled_back")), "{twice:?}");
}

#[test]
fn the_report_of_a_verified_import_is_signed_and_anyone_of_the_team_can_check_it() {
    let office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let (ana, ben) = (&office.laptop, office.laptop_of("IMPL_SPEC", 1));
    let files = people(&office, "all.csv", &[("anna@x.org", "Annabel"), ("b@x.org", "=Bob()")]);
    let import = ran(&run(ana, &files, &tenant, &[]))["import"].as_str().unwrap().to_owned();
    ben.ok(&["sync"]).unwrap();
    let report = |name: &str| {
        let path = office.folder.path().join(name).to_str().unwrap().to_owned();
        let verified = ben.ok(&["import", "verify", &import, "--report", &path]).unwrap();
        assert_eq!(verified["ok"], true, "{verified}");
        path
    };
    let (page, table) = (report("report.html"), report("report.csv"));
    let (text, rows) = (fs::read_to_string(&page).unwrap(), fs::read_to_string(&table).unwrap());
    for text in [&text, &rows] {
        assert!(text.contains("Grown") && text.contains(&import) && text.contains("references"), "{text}");
        assert!(!text.contains("Annabel") && !text.contains("anna@x.org"), "people are outlines: {text}");
    }
    assert!(rows.contains("What it did,accounts,2,0,2,0,0,0,2"), "{rows}");
    assert!(text.contains("<td>accounts</td><td>2</td><td>0</td><td>2</td>"), "{text}");

    let checked = |path: &str| ana.run(&["import", "report-check", path]).unwrap();
    // Ben has not written anything yet that Ana could know his laptop by.
    let unknown = checked(&page);
    assert_eq!((unknown.code, &unknown.json["ok"]), (1, &json!(false)), "{unknown:?}");
    assert!(unknown.json["found"].as_str().unwrap().contains("does not know the device"), "{unknown:?}");
    ran(&run(&ben, &files, &tenant, &[]));
    ana.ok(&["sync"]).unwrap();
    for path in [&page, &table] {
        let known = checked(path);
        assert_eq!(
            (known.code, &known.json["ok"], &known.json["import"]),
            (0, &json!(true), &json!(import)),
            "{known:?}"
        );
        let by = office.demo.person("IMPL_SPEC", 1).unwrap().name;
        assert_eq!(known.json["found"], format!("It is unchanged since {by} signed it."));
        let spoilt = fs::read_to_string(path).unwrap().replacen("accounts", "Accounts", 1);
        fs::write(path, &spoilt).unwrap();
        let changed = checked(path);
        assert_eq!((changed.code, &changed.json["ok"]), (1, &json!(false)));
        assert!(
            changed.json["found"].as_str().unwrap().contains("changed after it was signed"),
            "{changed:?}"
        );
        let cut = spoilt.trim_end().rsplit_once('\n').unwrap().0.to_owned();
        fs::write(path, cut).unwrap();
        assert_eq!(checked(path).error["code"], "not_a_report");
    }
    assert_eq!(checked("nowhere.html").error["code"], "cannot_read");
    let told = ana.ok(&["history", &tenant]).unwrap().to_string();
    assert!(told.contains("Report of the import of all.csv written to a file"), "{told}");
}

#[test]
fn an_import_is_queued_without_the_service_and_goes_with_the_next_sync() {
    let mut office = Office::open();
    let tenant = grown(&office, &[]);
    office.service.stop().unwrap();
    let queued = run(&office.laptop, &real(), &tenant, &[]);
    assert_eq!((queued.code, &queued.json["queued"]), (0, &json!(true)), "{queued:?}");
    assert_eq!((&queued.json["committed"], &queued.json["rollback_until"]), (&Value::Null, &Value::Null));
    let state =
        |laptop: &Laptop| laptop.ok(&["import", "list", "--tenant", &tenant]).unwrap()["imports"][0].clone();
    assert_eq!(state(&office.laptop)["state"], "queued");
    assert!(roster(&office.laptop, &tenant).is_none());
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(state(&office.laptop)["state"], "committed", "{:?}", state(&office.laptop));
    assert_eq!(roster(&office.laptop, &tenant).unwrap().revision, 1);

    office.service.stop().unwrap();
    let import = queued.json["import"].as_str().unwrap();
    let back = office.laptop.ok(&["import", "rollback", import]).unwrap();
    assert_eq!((&back["queued"], &back["reversed"]), (&json!(true), &Value::Null));
    assert_eq!(state(&office.laptop)["state"], "rollback_queued");
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(state(&office.laptop)["state"], "rolled_back");
    assert_eq!(roster(&office.laptop, &tenant).unwrap().lines, "");
}

#[test]
fn what_would_change_much_or_remove_something_has_to_be_said() {
    let office = Office::open();
    let tenant = grown(&office, &[]);
    let laptop = &office.laptop;
    let all = [("a@x.org", "Ann"), ("b@x.org", "Bob"), ("c@x.org", "Cid"), ("d@x.org", "Dee")];
    ran(&run(laptop, &people(&office, "all.csv", &all), &tenant, &[]));
    // Records that the file no longer holds stay unless somebody asks.
    let few = people(&office, "few.csv", &[("a@x.org", "Ann"), ("b@x.org", "Rob")]);
    let left = ran(&run(laptop, &few, &tenant, &[]));
    assert_eq!((did(&left, "accounts"), &left["left_absent"]), ([0, 1, 3, 0], &json!(2)), "{left}");
    let held = run(laptop, &few, &tenant, &["--remove-absent"]);
    assert_eq!((held.code, &held.error["code"]), (1, &json!("import_held")), "{held:?}");
    has(&held.error["details"]["holds"][0], "type kind share limit");
    assert_eq!(roster(laptop, &tenant).unwrap().revision, 2);
    let removed = ran(&run(laptop, &few, &tenant, &["--remove-absent", "--confirm-holds"]));
    assert_eq!(did(&removed, "accounts"), [0, 0, 2, 2]);
    let other = people(&office, "other.csv", &[("a@x.org", "Anna"), ("b@x.org", "Robert")]);
    assert_eq!(run(laptop, &other, &tenant, &[]).error["code"], "import_held");
    ran(&run(laptop, &other, &tenant, &["--confirm-holds"]));
    // Rows that are rejected are left out only where somebody says so.
    let dirty = people(&office, "dirty.csv", &[("e@x.org", "Eve"), ("no address", "Nobody")]);
    let refused = run(laptop, &dirty, &tenant, &[]);
    assert_eq!((refused.code, &refused.error["code"]), (1, &json!("import_not_clean")), "{refused:?}");
    let rest = ran(&run(laptop, &dirty, &tenant, &["--leave-rejected"]));
    assert_eq!((&rest["left_rejected"], did(&rest, "accounts")[0]), (&json!(1), 1));
}

#[test]
fn references_that_would_lead_nowhere_have_to_be_said() {
    let office = Office::open();
    let tenant = grown(&office, &[]);
    let laptop = &office.laptop;
    let path = set(office.folder.path(), 3, 60);
    let before = ran(&run(laptop, &path, &tenant, &[]));
    // A delta speaks of what lies with its receiver, and a school that nobody knows.
    let folder = office.folder.path().join("delta");
    fs::create_dir_all(&folder).unwrap();
    let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,delta\n";
    fs::write(folder.join("manifest.csv"), manifest).unwrap();
    let orgs = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\nnew,active,2026-01-01T00:00:00Z,New,school,,nobody\n";
    fs::write(folder.join("orgs.csv"), orgs).unwrap();
    let delta = folder.to_str().unwrap();
    let plan = laptop.run(&["import", "plan", delta, "--tenant", &tenant]).unwrap();
    let held = json!([{ "type": "orgs", "kind": "references", "share": 1.0, "limit": 0.0, "column": "parentSourcedId" }]);
    assert_eq!((plan.code, &plan.json["holds"]), (1, &held), "{plan:?}");
    let refused = run(laptop, delta, &tenant, &[]);
    assert_eq!((refused.code, &refused.error["code"]), (1, &json!("import_held")), "{refused:?}");
    assert!(
        refused.error["message"].as_str().unwrap().contains("1 of parentSourcedId in orgs"),
        "{refused:?}"
    );
    let done = ran(&run(laptop, delta, &tenant, &["--confirm-holds"]));
    assert_eq!(did(&done, "orgs")[0], 1);
    let verified = laptop.run(&["import", "verify", done["import"].as_str().unwrap()]).unwrap();
    assert_eq!(verified.code, 1, "it is still told: {verified:?}");
    assert!(before["committed"]["orgs"]["create"].as_u64().unwrap() > 0);
}

#[test]
fn an_import_on_top_keeps_what_it_changed_and_is_named() {
    let office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let (ana, ben) = (&office.laptop, office.laptop_of("IMPL_SPEC", 1));
    let first = people(&office, "first.csv", &[("a@x.org", "Ann"), ("b@x.org", "Bob"), ("c@x.org", "Cid")]);
    let first = ran(&run(ana, &first, &tenant, &[]));
    ben.ok(&["sync"]).unwrap();
    let second = ran(&run(&ben, &people(&office, "second.csv", &[("b@x.org", "Rob")]), &tenant, &[]));
    let back = ana.ok(&["import", "rollback", first["import"].as_str().unwrap()]).unwrap();
    assert_eq!((&back["reversed"], &back["kept_count"]), (&json!(2), &json!(1)), "{back}");
    let kept = &back["kept"][0];
    assert_eq!((&kept["type"], &kept["id"]), (&json!("accounts"), &json!("b@x.org")));
    assert!(kept["why"].as_str().unwrap().contains("second.csv"), "{kept}");
    ben.ok(&["sync"]).unwrap();
    let left = roster(&ben, &tenant).unwrap();
    assert!(left.lines.lines().count() == 1 && left.lines.contains("Rob"), "{}", left.lines);
    assert_eq!(roster(ana, &tenant).unwrap(), left);
    // The second, taken back after the first, brings back what it replaced.
    ben.ok(&["import", "rollback", second["import"].as_str().unwrap()]).unwrap();
    assert!(roster(&ben, &tenant).unwrap().lines.contains("Bob"));
}

#[test]
fn a_pilot_takes_no_more_than_its_rows_and_others_may_not_import() {
    let office = Office::open();
    let manager = office.demo.person("IMPL_MGR", 0).unwrap();
    let made = [
        "tenant",
        "create",
        "pilots",
        "--name",
        "Pilots",
        "--playbook",
        "school-district",
        "--mode",
        "pilot",
    ];
    assert!(office.service.command(&made).unwrap().output().unwrap().status.success());
    for person in
        [office.demo.person("IMPL_SPEC", 0).unwrap(), office.demo.person("CSM", 0).unwrap(), manager]
    {
        office.service.assign(&person, "pilots").unwrap();
    }
    office.laptop.ok(&["sync"]).unwrap();
    let many: Vec<(String, &str)> = (0..501).map(|n| (format!("p{n}@x.org"), "Pat")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(mail, name)| (mail.as_str(), *name)).collect();
    let refused = run(&office.laptop, &people(&office, "many.csv", &many), "pilots", &[]);
    assert_eq!((refused.code, &refused.error["code"]), (1, &json!("pilot_limit")), "{refused:?}");
    assert!(refused.error["message"].as_str().unwrap().contains("500"), "{refused:?}");
    let list = office.laptop.ok(&["import", "list", "--tenant", "pilots"]).unwrap();
    assert_eq!(list["imports"][0]["state"], "refused");
    ran(&run(&office.laptop, &people(&office, "fits.csv", &many[..500]), "pilots", &[]));

    // Whoever reads the team's part gets the roster, and may not import.
    let csm = office.laptop_of("CSM", 0);
    assert_eq!(roster(&csm, "pilots").unwrap(), roster(&office.laptop, "pilots").unwrap());
    let answer = run(&csm, &real(), "pilots", &[]);
    assert_eq!((answer.code, &answer.error["code"]), (4, &json!("not_allowed")), "{answer:?}");
}

pub(super) fn set(folder: &Path, seed: u64, enrollments: u32) -> String {
    let path = folder.join(format!("set-{seed}"));
    fs::create_dir_all(&path).unwrap();
    let set = Set { seed, schools: 3, courses: 5, classes: 20, users: 300, enrollments, dirt: vec![] };
    write(&path, &set).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Syncs until every laptop has the answer to every import.
fn answered(laptops: &[&Laptop], tenant: &str) {
    let has_all = |laptop: &&Laptop| {
        laptop.ok(&["sync"]).unwrap();
        let list = laptop.ok(&["import", "list", "--tenant", tenant]).unwrap();
        list["imports"].as_array().unwrap().iter().all(|row| row["here"] == true)
    };
    assert!((0..500).any(|_| laptops.iter().all(has_all)), "imports are never answered");
}

/// How often each program is killed.
const KILLS: u64 = 12;

#[test]
fn a_killed_laptop_has_the_old_roster_or_the_new_one_and_goes_on() {
    let office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let ben = office.laptop_of("IMPL_SPEC", 1);
    let mut random = StdRng::seed_from_u64(3);
    let mut longest = Duration::from_millis(1_500);
    for n in 0..KILLS {
        let path = set(office.folder.path(), n, 2_000);
        let words = ["import", "run", &path, "--tenant", &tenant, "--confirm-holds"];
        let mut command = office.laptop.command(&words).unwrap();
        let mut running = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        moment(&mut random, longest);
        running.kill();
        let list = office.laptop.ok(&["import", "list", "--tenant", &tenant]).unwrap();
        let asked = list["imports"].as_array().unwrap().len() as u64;
        // Gather around the moments in which something is written.
        longest = longest.mul_f64(if asked > n { 0.9 } else { 1.2 });
        if let Some(there) = roster(&office.laptop, &tenant) {
            assert!(there.revision <= asked, "{there:?}");
        }
        if asked <= n {
            ran(&run(&office.laptop, &path, &tenant, &["--confirm-holds"]));
        }
    }
    answered(&[&office.laptop, &ben], &tenant);
    let list = ben.ok(&["import", "list", "--tenant", &tenant]).unwrap();
    let rows = list["imports"].as_array().unwrap();
    assert!(rows.len() as u64 >= KILLS && rows.iter().all(|row| row["state"] == "committed"), "{list}");
    let there = roster(&ben, &tenant).unwrap();
    assert_eq!(there.revision, rows.len() as u64);
    assert_eq!(roster(&office.laptop, &tenant).unwrap(), there);
    assert_eq!(office.laptop.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
}

/// Whether the service was at an import when it ended.
fn was_staging(office: &Office) -> bool {
    let Ok(files) = fs::read_dir(office.folder.path().join("service/rosters")) else { return false };
    files.map(|file| file.unwrap().path()).any(|path| path.extension().is_some_and(|end| end == "staging"))
}

/// Starts the service again; its log says what became of what was staged.
fn tells_after_a_kill(office: &Office) {
    let log = office.folder.path().join("log");
    let mut serving = office.service.serving().unwrap();
    let (running, _) = Running::start_and_hear(serving.stderr(fs::File::create(&log).unwrap())).unwrap();
    let mut told = String::new();
    // It looks after what was left beside what it serves.
    let mut is_told = || {
        office.laptop.ok(&["sync"]).unwrap();
        told = fs::read_to_string(&log).unwrap();
        told.contains("it is staged again") || told.contains("catches up")
    };
    assert!((0..200).any(|_| is_told()), "{told}");
    drop(running);
}

#[test]
fn a_killed_service_drops_what_it_staged_and_carries_it_out_once() {
    let mut office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let ben = office.laptop_of("IMPL_SPEC", 1);
    let mut random = StdRng::seed_from_u64(4);
    let (mut imports, mut hits) = (0, 0);
    // Until it was hit often enough while it staged.
    while imports < KILLS || (hits < 3 && imports < 5 * KILLS) {
        let path = set(office.folder.path(), imports, 4_000);
        imports += 1;
        let words = ["import", "run", &path, "--tenant", &tenant, "--confirm-holds"];
        let mut command = office.laptop.command(&words).unwrap();
        let mut running = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())).unwrap();
        moment(&mut random, Duration::from_millis(2_000));
        office.service.kill();
        // Queued, refused a connection, or done: all are fine.
        running.child().wait().unwrap();
        if was_staging(&office) {
            hits += 1;
            tells_after_a_kill(&office);
        }
        office.service.start().unwrap();
        office.laptop.ok(&["sync"]).unwrap();
    }
    assert!(hits > 0, "no kill came while something was staged");
    answered(&[&office.laptop, &ben], &tenant);
    let list = ben.ok(&["import", "list", "--tenant", &tenant]).unwrap();
    let rows = list["imports"].as_array().unwrap();
    assert!(rows.len() as u64 == imports && rows.iter().all(|row| row["state"] == "committed"), "{list}");
    let there = roster(&ben, &tenant).unwrap();
    assert_eq!(there.revision, imports, "each is one revision");
    assert_eq!(roster(&office.laptop, &tenant).unwrap(), there);
    assert_eq!(ben.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
    assert_eq!(ben.ok(&["sync"]).unwrap()["rebuilt"], 0);
}

#[test]
fn a_service_that_came_back_from_a_backup_gets_the_import_again_with_its_file() {
    let mut office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let first = people(&office, "first.csv", &[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    ran(&run(&office.laptop, &first, &tenant, &[]));
    let backup = office.folder.path().join("backup").to_str().unwrap().to_owned();
    cairn_tests::process::run(&mut office.service.command(&["backup", &backup]).unwrap()).unwrap();
    let lost = ran(&run(&office.laptop, &people(&office, "lost.csv", &[("c@x.org", "Cid")]), &tenant, &[]));
    let there = roster(&office.laptop, &tenant).unwrap();

    office.service.stop().unwrap();
    cairn_tests::process::run(&mut office.service.command(&["restore", &backup]).unwrap()).unwrap();
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    let ben = office.laptop_of("IMPL_SPEC", 1);
    assert_eq!(roster(&ben, &tenant).unwrap(), there);
    assert_eq!(roster(&office.laptop, &tenant).unwrap(), there);
    // It goes on from there.
    let next = ran(&run(&ben, &people(&office, "next.csv", &[("d@x.org", "Dee")]), &tenant, &[]));
    assert_eq!(did(&next, "accounts"), [1, 0, 3, 0]);
    let back = ben.ok(&["import", "rollback", lost["import"].as_str().unwrap()]).unwrap();
    assert_eq!((&back["reversed"], &back["queued"]), (&json!(1), &json!(false)), "{back}");
    office.laptop.ok(&["sync"]).unwrap();
    assert_eq!(roster(&office.laptop, &tenant).unwrap(), roster(&ben, &tenant).unwrap());
}

#[test]
fn a_roster_that_is_gone_or_damaged_is_loaded_again_by_the_next_sync() {
    let office = Office::open();
    let tenant = grown(&office, &[]);
    ran(&run(&office.laptop, &real(), &tenant, &[]));
    let import = ran(&run(&office.laptop, &people(&office, "two.csv", &[("a@x.org", "Ann")]), &tenant, &[]));
    office.laptop.ok(&["import", "rollback", import["import"].as_str().unwrap()]).unwrap();
    let there = roster(&office.laptop, &tenant).unwrap();
    let folder = office.laptop.profile.join("tenants");
    let file = fs::read_dir(&folder)
        .unwrap()
        .map(|one| one.unwrap().path())
        .find(|one| one.extension().is_some_and(|end| end == "db"))
        .unwrap();
    for damage in [None, Some("not a roster")] {
        match damage {
            None => fs::remove_file(&file).unwrap(),
            Some(noise) => fs::write(&file, noise).unwrap(),
        }
        let plan = office.laptop.run(&["import", "plan", &real(), "--tenant", &tenant]).unwrap();
        assert_eq!(plan.code, 5, "{plan:?}");
        office.laptop.ok(&["sync"]).unwrap();
        assert_eq!(roster(&office.laptop, &tenant).unwrap(), there);
        office.laptop.ok(&["import", "plan", &real(), "--tenant", &tenant]).unwrap();
    }
    // Whoever leaves the tenant has no roster any more.
    let ana = office.demo.person("IMPL_SPEC", 0).unwrap();
    office.service.unassign(&ana, &tenant).unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    assert!(!file.exists());
}

#[test]
fn an_import_that_is_taken_back_before_it_is_carried_out_never_happens() {
    let mut office = Office::open();
    let tenant = grown(&office, &[("IMPL_SPEC", 1)]);
    let ben = office.laptop_of("IMPL_SPEC", 1);
    office.service.stop().unwrap();
    let files = people(&office, "all.csv", &[("a@x.org", "Ann")]);
    let queued = run(&office.laptop, &files, &tenant, &[]);
    let import = queued.json["import"].as_str().unwrap();
    let back = office.laptop.ok(&["import", "rollback", import]).unwrap();
    assert_eq!((&back["queued"], &back["withdrawn"]), (&json!(true), &json!(false)));
    let state =
        |laptop: &Laptop| laptop.ok(&["import", "list", "--tenant", &tenant]).unwrap()["imports"][0].clone();
    assert_eq!(state(&office.laptop)["state"], "rollback_queued");
    office.service.start().unwrap();
    office.laptop.ok(&["sync"]).unwrap();
    ben.ok(&["sync"]).unwrap();
    for laptop in [&office.laptop, &ben] {
        let row = state(laptop);
        assert_eq!((&row["state"], &row["can_roll_back"]), (&json!("withdrawn"), &json!(false)), "{row}");
        assert!(roster(laptop, &tenant).is_none_or(|roster| roster.revision == 0));
        assert_eq!(laptop.ok(&["audit", "verify", &tenant]).unwrap()["ok"], true);
    }
    let again = office.laptop.run(&["import", "rollback", import]).unwrap();
    assert_eq!((again.code, &again.error["code"]), (1, &json!("import_not_committed")), "{again:?}");
}
