//! `import check` and `import plan` as scripts use them: the shapes of SPEC, and their exit codes.

use std::fs;
use std::path::Path;

use cairn_store::roster::Revision;
use cairn_store::{Profile, Store, StoreError, SystemEntropy};
use cairn_tests::ctl::Laptop;
use serde_json::{Value, json};

use super::Office;

#[track_caller]
pub(super) fn has(value: &Value, fields: &str) {
    for field in fields.split(' ') {
        assert!(value.get(field).is_some(), "`{field}` is missing in {value}");
    }
}

/// The real roster set.
pub(super) fn real() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ed-fi-oneroster-1.1");
    path.to_str().unwrap().to_owned()
}

#[test]
fn how_far_a_long_job_is_goes_to_standard_error_where_it_is_asked_for() {
    let office = Office::open();
    let words = ["import", "check", &real(), "--tenant", office.tenant()];
    let told = |more: &[&str]| {
        let output = office.laptop.command(&[&words[..], more].concat()).unwrap().output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (answer["totals"]["rows"].as_u64().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (rows, nothing) = told(&[]);
    assert_eq!(nothing, "", "a script that does not ask hears nothing");
    let (same, lines) = told(&["--progress"]);
    let first = lines.lines().next().unwrap();
    assert_eq!((same, first.starts_with("Read "), first.ends_with(" rows")), (rows, true, true), "{lines}");
}

#[test]
fn a_set_is_checked_in_the_shape_of_spec_without_a_network() {
    let mut office = Office::open();
    office.service.stop().unwrap();
    let tenant = office.tenant().to_owned();
    let report = office.laptop.ok(&["import", "check", &real(), "--tenant", &tenant]).unwrap();
    has(&report, "format profile files totals problems can_proceed took_ms");
    assert_eq!((&report["format"], &report["profile"]), (&"oneroster-1.1".into(), &"tolerant".into()));
    has(&report["files"][0], "name rows accepted fixed rejected skipped");
    has(&report["totals"], "rows accepted fixed rejected skipped");
    has(&report["problems"][0], "code severity file column count cause suggestion examples");
    has(&report["problems"][0]["examples"][0], "row value");
    assert_eq!(report["can_proceed"], true);
    let strict = ["import", "check", &real(), "--tenant", &tenant, "--rules", "strict"];
    let answer = office.laptop.run(&strict).unwrap();
    assert_eq!((answer.code, &answer.json["can_proceed"]), (1, &false.into()), "{answer:?}");
}

#[test]
fn what_cannot_be_checked_is_2_and_says_why() {
    let office = Office::open();
    let folder = office.folder.path();
    fs::write(folder.join("menu.csv"), "dish,price\nsoup,3\n").unwrap();
    fs::write(folder.join("mapping.toml"), "formt = \"accounts\"").unwrap();
    let menu = folder.join("menu.csv").to_str().unwrap().to_owned();
    let mapping = folder.join("mapping.toml").to_str().unwrap().to_owned();
    let ask = |words: &[&str], tenant: &str| {
        let words = [&["import", "check"], words, &["--tenant", tenant]].concat();
        let answer = office.laptop.run(&words).unwrap();
        (answer.code, answer.error["code"].as_str().unwrap_or_default().to_owned())
    };
    let tenant = office.tenant();
    assert_eq!(ask(&[&menu], tenant), (2, "import_format_unknown".into()));
    assert_eq!(ask(&[&menu, "--format", "klingon"], tenant), (2, "import_format_unknown".into()));
    assert_eq!(ask(&[&menu, "--mapping", &mapping], tenant), (2, "bad_mapping".into()));
    assert_eq!(ask(&["nothing.csv"], tenant), (2, "import_unreadable".into()));
    assert_eq!(ask(&[&real()], "nowhere"), (2, "unknown_tenant".into()));
}

#[test]
fn a_mapping_file_makes_a_foreign_table_fit() {
    let office = Office::open();
    let folder = office.folder.path();
    fs::write(folder.join("leute.csv"), "Post;Vorname;Nachname;Haus;Amt\na@x.org;Ann;Lee;MOH;Planung\n")
        .unwrap();
    fs::write(
        folder.join("leute.json"),
        r#"{"format": "accounts", "files": {"leute": {"columns": {"Post": "email", "Haus": "organization", "Amt": "role"}}}}"#,
    )
    .unwrap();
    let [table, mapping] =
        ["leute.csv", "leute.json"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let words = ["import", "check", &table, "--tenant", office.tenant(), "--mapping", &mapping];
    let report = office.laptop.ok(&words).unwrap();
    assert_eq!((&report["totals"]["accepted"], &report["problems"]), (&1.into(), &Value::Array(vec![])));
}

#[test]
fn rejected_rows_go_to_a_file_with_their_reasons() {
    let office = Office::open();
    let folder = office.folder.path();
    let rows =
        format!("{HEADER}ann@x.org,Ann,Lee,MOH,district_admin\nno-address,=Cy,Day,MOH,district_admin\n");
    fs::write(folder.join("accounts.csv"), rows).unwrap();
    let [table, into] =
        ["accounts.csv", "mend.csv"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let words = ["import", "rejected", &table, "--tenant", office.tenant(), "--file", "accounts.csv"];
    let written = office.laptop.ok(&[&words[..], &["--into", &into]].concat()).unwrap();
    assert_eq!((&written["rows"], written["file"].as_str()), (&1.into(), Some(into.as_str())));
    let text = fs::read_to_string(&into).unwrap();
    assert!(text.contains("no-address") && text.contains("'=Cy") && !text.contains("ann@x.org"), "{text}");
    let told = || office.laptop.ok(&["history", office.tenant()]).unwrap().to_string();
    assert!(told().contains("Rejected rows of accounts.csv written to a file: 1"), "{}", told());
    let nowhere = [&words[..], &["--into", "/nowhere/mend.csv"]].concat();
    let refused = office.laptop.run(&nowhere).unwrap();
    assert_eq!((refused.code, refused.error["code"].as_str()), (2, Some("cannot_write")));
}

/// Somebody's account as a row, and as the record that it becomes.
struct Account {
    email: &'static str,
    name: &'static str,
}

const HEADER: &str = "email,first_name,last_name,organization,role\n";

impl Account {
    fn row(&self) -> String {
        format!("{},{},Lee,MOH,district_admin\n", self.email, self.name)
    }

    fn values(&self) -> [(&'static str, &'static str); 5] {
        [
            ("email", self.email),
            ("first_name", self.name),
            ("last_name", "Lee"),
            ("organization", "MOH"),
            ("role", "district_admin"),
        ]
    }
}

/// A laptop's database, while no program runs on it.
pub(super) fn store_of(laptop: &Laptop) -> Store {
    let key = Profile::key_from_file(&laptop.key).unwrap();
    Profile::at(&laptop.profile).open(&key, SystemEntropy).unwrap()
}

impl Office {
    /// The laptop's database, while no program runs on it.
    fn store(&self) -> Store {
        store_of(&self.laptop)
    }

    /// Gives the tenant a roster with these accounts.
    fn import(&self, accounts: &[Account]) {
        let mut store = self.store();
        let tenants = store.tenants().unwrap();
        let tenant = &tenants.iter().find(|one| one.slug == self.tenant()).unwrap().id;
        let mut roster = store.roster_or_new(tenant).unwrap();
        roster
            .apply(Revision { number: 1, import: "an import" }, |writer| {
                accounts.iter().try_for_each(|one| writer.put("accounts", one.email, &one.values()))
            })
            .map_err(|error: StoreError| error)
            .unwrap();
    }
}

#[test]
fn a_plan_into_nothing_is_all_new_and_works_without_a_network() {
    let mut office = Office::open();
    office.service.stop().unwrap();
    let plan = office.laptop.ok(&["import", "plan", &real(), "--tenant", office.tenant()]).unwrap();
    has(&plan, "types holds can_proceed format profile totals revision took_ms");
    assert_eq!((&plan["holds"], &plan["can_proceed"]), (&json!([]), &true.into()));
    assert_eq!(plan["revision"], Value::Null);
    let mut created = 0;
    for changes in plan["types"].as_object().unwrap().values() {
        has(changes, "create update unchanged remove");
        assert_eq!([&changes["update"], &changes["unchanged"], &changes["remove"]], [0, 0, 0]);
        created += changes["create"].as_u64().unwrap();
    }
    let report = office.laptop.ok(&["import", "check", &real(), "--tenant", office.tenant()]).unwrap();
    let manifest = report["files"].as_array().unwrap().iter().find(|file| file["name"] == "manifest.csv");
    let good = |counts: &Value| counts["accepted"].as_u64().unwrap() + counts["fixed"].as_u64().unwrap();
    assert_eq!(created, good(&report["totals"]) - manifest.map_or(0, good));
}

#[test]
fn a_plan_is_held_against_the_roster_of_the_tenant() {
    let office = Office::open();
    let people = |names: &[&'static str]| -> Vec<Account> {
        let emails = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"];
        emails.into_iter().zip(names).map(|(email, name)| Account { email, name }).collect()
    };
    office.import(&people(&["Ann", "Bob", "Cid"]));
    let table = office.folder.path().join("accounts.csv");
    let path = table.to_str().unwrap().to_owned();
    let plan = |names: &[&'static str]| {
        let rows: String = people(names).iter().map(Account::row).collect();
        fs::write(&table, format!("{HEADER}{rows}")).unwrap();
        let answer = office.laptop.run(&["import", "plan", &path, "--tenant", office.tenant()]).unwrap();
        (answer.code, answer.json)
    };
    let (code, same) = plan(&["Ann", "Bob", "Cid"]);
    assert_eq!((code, &same["revision"]), (0, &1.into()), "{same}");
    assert_eq!(same["types"]["accounts"]["unchanged"], 3);
    let (code, more) = plan(&["Ann", "Rob", "Cid", "Dee"]);
    let counts = ["create", "update", "unchanged", "remove"].map(|name| &more["types"]["accounts"][name]);
    assert_eq!((code, counts), (0, [1, 1, 2, 0].map(Value::from).each_ref()));
    let (code, fewer) = plan(&["Ann"]);
    assert_eq!((code, &fewer["can_proceed"]), (1, &false.into()), "two of three would go");
    let hold = &fewer["holds"][0];
    has(hold, "type kind share limit");
    assert_eq!(
        (&hold["type"], &hold["kind"], &hold["limit"]),
        (&"accounts".into(), &"remove".into(), &0.1.into())
    );

    let lines = office
        .laptop
        .plain()
        .unwrap()
        .args(["import", "plan", &path, "--tenant", office.tenant()])
        .output()
        .unwrap();
    let lines = String::from_utf8(lines.stdout).unwrap();
    assert_eq!(
        lines,
        "accounts, tolerant rules, against revision 1 of the roster\n\
         accounts\t0 new, 0 updated, 1 unchanged, 2 removed, 0 kept\n\
         67 % of accounts would be removed; above 10 % somebody has to confirm\n\
         This import waits until somebody confirms it.\n"
    );
}

#[test]
fn a_roster_that_cannot_be_read_is_5_and_stays_as_it_is() {
    let office = Office::open();
    office.import(&[Account { email: "a@x.org", name: "Ann" }]);
    let folder = office.laptop.profile.join("tenants");
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let plan = || {
        let answer = office.laptop.run(&["import", "plan", &real(), "--tenant", office.tenant()]).unwrap();
        (answer.code, answer.error["code"].as_str().unwrap_or_default().to_owned())
    };
    fs::write(&file, "not a roster").unwrap();
    assert_eq!(plan(), (5, "roster_damaged".into()));
    assert_eq!(fs::read(&file).unwrap(), b"not a roster");
    fs::remove_file(&file).unwrap();
    assert_eq!(plan(), (5, "roster_missing".into()));
    assert!(!file.exists());
}
