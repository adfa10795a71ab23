//! A first look at files, and watching a run that reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cairn_imports::{ColumnLook, ImportError, Look, Mapping, Options, Progress, Watch, check, look};
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
        (table.kind.as_deref(), table.columns.len(), table.encoding.as_str()),
        (Some("accounts"), 5, "utf-8")
    );
    assert_eq!((table.delimiter.as_deref(), table.line_ends.as_str()), (Some(","), "LF"));
    assert_eq!(table.unpacked, Some(accounts(3).len() as u64));
    assert_eq!(seen.left[0].name, "notes.pdf");
    assert!(seen.formats.iter().any(|format| format.format == "clever"));
}

const PUPILS: &str = "Student number;First name;Nachname;Birthdate;Gender;Telefonn;Shoe size\n\
    1;Ann;Lee;03.04.2016;f;1;36\n\
    2;Bob;Ray;05.06.2016;m;2;38\n\
    3;Cat;May;;weibl.;3;36\n\
    4;Dan;Fox;;weibl.;4;36\n";

fn column<'a>(look: &'a Look, label: &str) -> &'a ColumnLook {
    look.tables[0].columns.iter().find(|column| column.mapping.label == label).unwrap()
}

#[test]
fn a_look_says_what_each_column_is_taken_for_and_what_is_unclear() {
    let dir = folder(&[("students.csv", PUPILS.as_bytes())]);
    let seen = looked(dir.path());
    let how = |label: &str| column(&seen, label).mapping.how.clone();
    assert_eq!([how("First name"), how("Telefonn"), how("Shoe size")], ["alias", "fuzzy", "none"]);
    let phone = column(&seen, "Telefonn");
    assert_eq!((phone.mapping.column.as_deref(), phone.mapping.mapped), (Some("phone"), false));
    assert_eq!(column(&seen, "First name").samples, ["xxx"], "about people: in outline");
    assert_eq!(column(&seen, "Shoe size").samples, ["99"], "nobody knows what it is");
    let words: Vec<_> = column(&seen, "Gender").words.iter().map(|w| (w.word.as_str(), w.count)).collect();
    assert_eq!(words, [("weibl.", 2)], "the others are known");
    let dates = column(&seen, "Birthdate").dates.clone().unwrap();
    assert_eq!((dates.order, dates.told, dates.unclear), (None, false, true));
    let gender = seen.tables[0].fields.iter().find(|field| field.name == "gender").unwrap();
    assert!(!gender.required && gender.words.contains(&"female".to_owned()), "{gender:?}");
    assert!(seen.tables[0].fields.iter().any(|field| field.name == "student_id" && field.required));
}

#[test]
fn a_look_shows_what_a_mapping_says() {
    let dir = folder(&[("students.csv", PUPILS.as_bytes())]);
    let mapping = Mapping::parse(
        "[files.\"students.csv\".columns]\n\"Telefonn\" = \"phone\"\n\"Shoe size\" = \"-\"\n\
         [files.\"students.csv\".values.gender]\n\"weibl.\" = \"female\"\n\
         [files.\"students.csv\".dates]\n\"date_of_birth\" = \"dd.MM.yyyy\"\n",
    )
    .unwrap();
    let seen = look(dir.path(), &Options { mapping: mapping.clone(), ..Options::default() }).unwrap();
    let phone = column(&seen, "Telefonn");
    assert_eq!((phone.mapping.how.as_str(), phone.mapping.mapped), ("told", true));
    assert!(column(&seen, "Shoe size").left_out);
    assert_eq!(column(&seen, "Gender").words[0].meant.as_deref(), Some("female"));
    let dates = column(&seen, "Birthdate").dates.clone().unwrap();
    assert_eq!((dates.order.as_deref(), dates.told, dates.unclear), (Some("dd.MM.yyyy"), true, false));
    assert_eq!(
        seen.source,
        looked(dir.path()).source,
        "the source is the files', whatever is said about them"
    );
    assert_eq!(Mapping::parse(&mapping.to_toml().unwrap()).unwrap(), mapping);
    let report = check(dir.path(), &Options { mapping, ..Options::default() }).unwrap();
    assert_eq!((report.totals.rejected, report.totals.rows), (0, 4), "{report:?}");
}

#[test]
fn words_that_are_kept_as_they_stand_are_open_again() {
    let dir = folder(&[("students.csv", PUPILS.as_bytes())]);
    let mapping = Mapping::parse("[files.students.keep]\nGender = [\"word\"]").unwrap();
    let seen = look(dir.path(), &Options { mapping, ..Options::default() }).unwrap();
    let words: Vec<_> = column(&seen, "Gender").words.iter().map(|w| (w.word.as_str(), w.count)).collect();
    assert_eq!(words, [("weibl.", 2), ("f", 1), ("m", 1)]);
}

#[test]
fn the_same_labels_are_the_same_source_and_others_are_another() {
    let source = |text: &str| {
        let dir = folder(&[("people.csv", text.as_bytes())]);
        looked(dir.path()).source
    };
    let one = source(&accounts(1));
    assert_eq!(one, source(&accounts(9)));
    assert_ne!(one, source(&accounts(1).replace("role", "rank")));
    // Labels that only read the same when they stand together are other labels.
    assert_ne!(source("a,bc\n1,2\n"), source("ab,c\n1,2\n"));
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
