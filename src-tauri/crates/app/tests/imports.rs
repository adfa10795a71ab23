//! Imports of a tenant: a look, a check, a plan and the rejected rows, over a store without a service.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cairn_app::Desk;
use cairn_app::drafts::{ImportDraft, save_mapping};
use cairn_app::imports::{Import, ImportRequest, read_mapping};
use cairn_imports::{Mapping, Watch};
use tempfile::TempDir;

use fake::{Fake, Laptop, at};

const ROWS: &str = "email,first_name,last_name,organization,role\n\
    ann@example.org,Ann,Lee,School,teacher\n\
    ,=cmd(),Ray,School,teacher\n\
    no-address,Cy,Day,School,teacher\n";

fn desk() -> (Desk, impl Sized) {
    let Laptop { store, dir, .. } = Laptop::new(&mut Fake::new(), "a", 1);
    (Desk { store }, dir)
}

fn files() -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("accounts.csv"), ROWS).unwrap();
    dir
}

fn request(path: &Path) -> ImportRequest {
    ImportRequest { path: path.to_owned(), ..ImportRequest::default() }
}

fn import(desk: &Desk, path: &Path) -> Import {
    desk.import("hill", &request(path), Watch::default()).unwrap()
}

#[test]
fn files_are_looked_at_checked_and_planned_apart_from_the_desk() {
    let ((desk, _laptop), files) = (desk(), files());
    let (import, roster) = (import(&desk, files.path()), desk.import_roster("hill").unwrap());
    drop(desk);
    assert_eq!(import.look().unwrap().format.unwrap().format, "accounts");
    let report = import.check().unwrap();
    assert_eq!((report.totals.rows, report.totals.accepted, report.totals.rejected), (3, 1, 2));
    let plan = import.plan(roster.as_ref()).unwrap();
    assert_eq!((plan.revision, plan.totals, plan.files_can_proceed), (None, report.totals, false));
    assert_eq!(plan.plan.types["accounts"].create, 1);
}

#[test]
fn a_tenant_has_to_be_there_and_the_rules_have_two_words() {
    let ((desk, _laptop), files) = (desk(), files());
    let error = desk.import("nowhere", &request(files.path()), Watch::default()).unwrap_err();
    assert_eq!(error.code, "unknown_tenant");
    let lax = ImportRequest { rules: Some("lax".to_owned()), ..request(files.path()) };
    assert_eq!(desk.import("hill", &lax, Watch::default()).unwrap_err().code, "wrong_use");
}

#[test]
fn a_check_that_is_cancelled_says_that_nothing_was_written() {
    let ((desk, _laptop), files) = (desk(), files());
    let watch = Watch::new(|_| ControlFlow::Break(()));
    let error = desk.import("hill", &request(files.path()), watch).unwrap().check().unwrap_err();
    assert_eq!(error.code, "import_cancelled");
    assert!(error.message.contains("nothing was written"), "{}", error.message);
}

fn exported(import: &Import, into: &Path) -> Result<(u64, String), cairn_protocol::ApiError> {
    let done = import.export_rejected("accounts.csv", into)?;
    assert_eq!(Path::new(&done.file), into);
    Ok((done.rows, std::fs::read_to_string(into).unwrap()))
}

fn beside(path: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn rejected_rows_go_to_a_file_whole_private_and_free_of_formulas() {
    let ((desk, _laptop), files, out) = (desk(), files(), TempDir::new().unwrap());
    let into = out.path().join("rejected.csv");
    std::fs::write(&into, "an older list").unwrap();
    let (rows, text) = exported(&import(&desk, files.path()), &into).unwrap();
    assert_eq!((rows, text.lines().count()), (2, 3));
    assert!(text.starts_with("row,rejected_because,email,") && text.contains(",'=cmd(),"), "{text}");
    assert_eq!(beside(&into), std::slice::from_ref(&into));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&into).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn rejected_rows_that_cannot_be_made_leave_the_older_file() {
    let ((desk, _laptop), files, out) = (desk(), files(), TempDir::new().unwrap());
    let (into, import) = (out.path().join("rejected.csv"), import(&desk, files.path()));
    std::fs::write(&into, "an older list").unwrap();
    std::fs::remove_file(files.path().join("accounts.csv")).unwrap();
    assert_eq!(exported(&import, &into).unwrap_err().code, "import_empty");
    assert_eq!((beside(&into).len(), std::fs::read_to_string(&into).unwrap().as_str()), (1, "an older list"));
    let error = exported(&import, Path::new("/nowhere/rejected.csv")).unwrap_err();
    assert_eq!(error.code, "cannot_write");
}

/// What was said and how far one is belongs to the tenant.
#[test]
fn what_was_said_about_files_is_found_again() {
    let (mut desk, _laptop) = desk();
    let said = Mapping { format: Some("accounts".to_owned()), ..Mapping::default() };
    let draft = ImportDraft {
        path: "/files".into(),
        step: "map".into(),
        mapping: said.clone(),
        ..Default::default()
    };
    assert_eq!(desk.import_draft("hill").unwrap(), None);
    desk.keep_import_draft("hill", Some(&draft)).unwrap();
    assert_eq!(desk.import_draft("hill").unwrap(), Some(draft));
    desk.keep_import_draft("hill", None).unwrap();
    assert_eq!(desk.import_draft("hill").unwrap(), None);

    assert_eq!(desk.remembered_mapping("hill", "s1").unwrap(), None);
    desk.remember_mapping("hill", "s1", &said, at(1)).unwrap();
    let found = desk.remembered_mapping("hill", "s1").unwrap().unwrap();
    assert_eq!((found.mapping, found.at.is_empty()), (said, false));
    assert_eq!(desk.remembered_mapping("hill", "s2").unwrap(), None, "another source");
    desk.remember_mapping("hill", "s1", &Mapping::default(), at(2)).unwrap();
    assert_eq!(desk.remembered_mapping("hill", "s1").unwrap(), None, "saying nothing forgets it");
    assert_eq!(desk.import_draft("nowhere").unwrap_err().code, "unknown_tenant");
}

#[test]
fn a_saved_mapping_reads_the_same_again() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("mapping.toml");
    let said = Mapping::parse(
        "format = \"accounts\"\n[files.\"a b.csv\".columns]\n\"Job \\\"title\\\"\" = \"position\"",
    )
    .unwrap();
    save_mapping(&said, &file).unwrap();
    assert_eq!(read_mapping(&file).unwrap(), said);
    assert_eq!(save_mapping(&said, &dir.path().join("no/where.toml")).unwrap_err().code, "cannot_write");
}
