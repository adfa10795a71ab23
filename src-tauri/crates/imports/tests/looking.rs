//! A first look at files, and watching a run that reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cairn_imports::{ImportError, Look, Options, Progress, Watch, check, look};
use support::{archive, folder};

const LABELS: &str = "email,first_name,last_name,organization,role\n";

fn accounts(rows: usize) -> String {
    let row = |n: usize| format!("a{n}@example.org,Ann,Lee,School,teacher\n");
    LABELS.to_owned() + &(0..rows).map(row).collect::<String>()
}

fn looked(path: &Path) -> Look {
    look(path, &Options::default()).unwrap()
}

#[test]
fn a_look_says_what_files_are_taken_for() {
    let dir = folder(&[("accounts.csv", accounts(3).as_bytes()), ("notes.pdf", b"%PDF")]);
    let seen = looked(dir.path());
    assert_eq!(seen.format.unwrap().title, "Accounts");
    let detected = seen.detected.unwrap();
    assert!(detected.confidence > 0.9 && detected.reason.contains("accounts.csv"), "{detected:?}");
    let table = &seen.tables[0];
    assert_eq!(
        (table.kind.as_deref(), table.columns, table.encoding.as_str()),
        (Some("accounts"), 5, "utf-8")
    );
    assert_eq!((table.delimiter.as_deref(), table.line_ends.as_str()), (Some(","), "LF"));
    assert_eq!(table.unpacked, Some(accounts(3).len() as u64));
    assert_eq!(seen.left[0].name, "notes.pdf");
    assert!(seen.formats.iter().any(|format| format.format == "clever"));
}

#[test]
fn an_archive_says_how_much_there_is_to_read() {
    let dir = folder(&[]);
    let path = archive(dir.path(), "set.zip", &[("accounts.csv", accounts(2_000).as_bytes())]);
    let table = &looked(&path).tables[0];
    assert_eq!(table.unpacked, Some(accounts(2_000).len() as u64));
    assert!(table.size < accounts(2_000).len() as u64 / 10);
}

#[test]
fn files_of_no_known_format_are_named_all_the_same() {
    let dir = folder(&[("menu.csv", b"dish,price\nsoup,3\n")]);
    let seen = looked(dir.path());
    assert_eq!((seen.format, seen.detected, seen.tables[0].name.as_str()), (None, None, "menu.csv"));
    assert!(seen.unknown.unwrap().contains("no known format"));
    let options = Options { format: Some("clever".to_owned()), ..Options::default() };
    assert_eq!(look(dir.path(), &options).unwrap().format.unwrap().format, "clever");
    let options = Options { format: Some("cleverer".to_owned()), ..Options::default() };
    assert!(matches!(look(dir.path(), &options), Err(ImportError::UnknownFormat { .. })));
}

#[test]
fn what_is_gone_says_so_in_plain_words() {
    let error = look(Path::new("/nowhere/roster.zip"), &Options::default()).unwrap_err();
    assert_eq!(error.code(), "import_unreadable");
    assert!(error.to_string().ends_with("it may have been moved or deleted"), "{error}");
}

#[test]
fn who_watches_hears_how_far_a_check_is() {
    let text = accounts(20_000);
    let dir = folder(&[("accounts.csv", text.as_bytes())]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let watch = Watch::new(move |progress| {
        ear.lock().unwrap().push(progress);
        ControlFlow::Continue(())
    });
    let report = check(dir.path(), &Options { watch, ..Options::default() }).unwrap();
    assert_eq!(report.totals.rows, 20_000);
    let heard = heard.lock().unwrap();
    assert!(heard.is_sorted_by_key(|progress| (progress.rows, progress.bytes)));
    assert!(heard.len() > 4, "{}", heard.len());
    assert_eq!(heard.last().map(|progress| progress.bytes), Some(text.len() as u64));
}

#[test]
fn who_watches_can_end_a_check() {
    let dir = folder(&[("accounts.csv", accounts(50_000).as_bytes())]);
    let rows = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&rows);
    let watch = Watch::new(move |progress: Progress| {
        seen.store(progress.rows, Ordering::Relaxed);
        if progress.rows > 10_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let error = check(dir.path(), &Options { watch, ..Options::default() }).unwrap_err();
    assert_eq!(error.code(), "import_cancelled");
    let rows = rows.load(Ordering::Relaxed);
    assert!(rows > 10_000 && rows < 30_000, "it stopped after {rows} rows");
}

#[test]
fn the_file_that_lists_the_others_is_no_stranger() {
    let manifest = b"propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.orgs,bulk\n";
    let orgs = b"sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\na,,,A,school,,\n";
    let dir = folder(&[("manifest.csv", manifest), ("orgs.csv", orgs), ("stray.csv", b"a,b\n1,2\n")]);
    let kinds = looked(dir.path()).tables.into_iter().map(|table| table.kind).collect::<Vec<_>>();
    assert_eq!(kinds, [Some("manifest".to_owned()), Some("orgs".to_owned()), None]);
}
