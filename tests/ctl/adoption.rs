//! `adoption`: the people of an imported roster, for scripts and for spreadsheets.

use std::fs;

use cairn_tests::ctl::{Laptop, answer};
use serde_json::{Value, json};

use super::Office;
use super::imports::{has, real};
use super::runs::grown;

/// What a person sees who types the command.
fn printed(laptop: &Laptop, words: &[&str]) -> String {
    let output = laptop.plain().unwrap().args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn people(json: &Value) -> Vec<Value> {
    json["people"].as_array().unwrap().clone()
}

#[test]
fn everybody_of_a_roster_is_listed_and_what_the_platform_has_not_told_is_null() {
    let office = Office::open();
    let (tenant, ana) = (grown(&office, &[]), &office.laptop);
    let none = ana.ok(&["adoption", &tenant]).unwrap();
    assert_eq!(
        none,
        json!({
            "tenant": tenant, "people": [], "revision": null, "figures_as_of": null, "masked": false,
        })
    );
    assert!(printed(ana, &["adoption", &tenant]).starts_with("No roster yet"));

    ana.ok(&["import", "run", &real(), "--tenant", &tenant]).unwrap();
    let all = ana.ok(&["adoption", &tenant]).unwrap();
    let rows = people(&all);
    let users = fs::read_to_string(format!("{}/users.csv", real())).unwrap();
    assert_eq!((rows.len(), &all["revision"]), (users.lines().count() - 1, &json!(1)));
    for row in &rows {
        has(row, "id name site last_login assignments submissions scored backlog flags");
        for figure in ["last_login", "assignments", "submissions", "scored", "backlog"] {
            assert!(row[figure].is_null(), "{row}");
        }
        assert_eq!(row["flags"], json!([]));
        assert!(row["name"].is_string() && row["role"].is_string(), "{row}");
    }
    // A site shows by the name that orgs.csv gives it.
    let orgs = fs::read_to_string(format!("{}/orgs.csv", real())).unwrap();
    let named = |row: &Value| row["site"].as_str().is_some_and(|name| orgs.contains(name));
    assert!(rows.iter().any(named), "{all}");

    let role = rows[0]["role"].as_str().unwrap();
    let some = people(&ana.ok(&["adoption", &tenant, "--role", role]).unwrap());
    let expected: Vec<Value> = rows.iter().filter(|row| row["role"] == role).cloned().collect();
    assert_eq!(some, expected);
    let lines = printed(ana, &["adoption", &tenant]);
    assert_eq!(lines.lines().count(), rows.len() + 1);
    assert!(lines.ends_with("No figures from the platform yet.\n"), "{lines}");
}

#[test]
fn the_list_as_csv_is_for_spreadsheets_and_computes_nothing() {
    let office = Office::open();
    let (tenant, ana) = (grown(&office, &[]), &office.laptop);
    let file = office.folder.path().join("people.csv");
    let rows = "email,first_name,last_name,organization,role\na@x.org,=cmd(),\"Lee, Ann\",MOH,user\n";
    fs::write(&file, rows).unwrap();
    ana.ok(&["import", "run", file.to_str().unwrap(), "--tenant", &tenant]).unwrap();
    let header = "id,name,site,last_login,assignments,submissions,scored,backlog,flags,role,sites";
    let csv = printed(ana, &["adoption", &tenant, "--csv"]);
    assert_eq!(csv, format!("{header}\na@x.org,\"'=cmd() Lee, Ann\",MOH,,,,,,,user,MOH\n"));
    let both = ana.run(&["adoption", &tenant, "--csv"]).unwrap();
    assert_eq!((both.code, &both.error["code"]), (2, &json!("wrong_use")));
}

#[test]
fn who_may_not_import_sees_outlines_and_a_lost_roster_says_so() {
    let office = Office::open();
    let tenant = grown(&office, &[("CSM", 0)]);
    office.laptop.ok(&["import", "run", &real(), "--tenant", &tenant]).unwrap();
    let csm = office.laptop_of("CSM", 0);
    let all = csm.ok(&["adoption", &tenant]).unwrap();
    assert_eq!(all["masked"], true);
    let is_outline =
        |row: &Value| row["name"].as_str().unwrap().chars().all(|c| !c.is_alphabetic() || c == 'x');
    assert!(!people(&all).is_empty() && people(&all).iter().all(is_outline), "{all}");

    let unknown = csm.run(&["adoption", "nowhere"]).unwrap();
    assert_eq!((unknown.code, &unknown.error["code"]), (2, &json!("unknown_tenant")));
    for file in fs::read_dir(csm.profile.join("tenants")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let lost = answer(&mut csm.command(&["adoption", &tenant]).unwrap(), "").unwrap();
    assert_eq!((lost.code, &lost.error["code"], &lost.json), (5, &json!("roster_missing"), &Value::Null));
    csm.ok(&["sync"]).unwrap();
    assert_eq!(csm.ok(&["adoption", &tenant]).unwrap(), all);
}
