//! `import check` as scripts use it: the shape of SPEC, and its exit codes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Office;

#[track_caller]
fn has(value: &Value, fields: &str) {
    for field in fields.split(' ') {
        assert!(value.get(field).is_some(), "`{field}` is missing in {value}");
    }
}

/// The real roster set that lies beside the repository.
fn real() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/ed-fi-oneroster-1.1");
    assert!(path.is_dir(), "this test needs ../shared/data/ed-fi-oneroster-1.1 beside the repository");
    path.to_str().unwrap().to_owned()
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
