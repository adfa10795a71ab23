//! Opening folders, archives, workbooks and single tables, and the limits on what they may hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use cairn_imports::{Head, ImportError, Limits, Options, Result, Source, Told, check};
use proptest::prelude::*;
use support::{archive, folder, text_row, workbook, workbook_with};

fn open(path: &Path) -> Result<Source> {
    Source::open(path, &Limits::default(), &|_| Told::default())
}

fn names(source: &Source) -> Vec<&str> {
    source.tables.iter().map(|table| table.name.as_str()).collect()
}

fn head(source: &Source, index: usize) -> Head {
    source.tables[index].head(&Limits::default(), 1_000).unwrap()
}

/// The cap that stopped the reading of every table under these limits.
fn cap(path: &Path, limits: &Limits) -> &'static str {
    let read = Source::open(path, limits, &|_| Told::default()).and_then(|source| {
        source.tables.iter().try_for_each(|table| table.head(limits, usize::MAX).map(|_| ()))
    });
    match read {
        Err(ImportError::Limit { cap, .. }) => cap,
        other => panic!("no limit stopped it: {other:?}"),
    }
}

#[test]
fn a_folder_gives_its_tables_and_names_the_rest() {
    let dir = folder(&[
        ("users.csv", b"a,b\n1,2\n"),
        ("more.tsv", b"a\tb\n1\t2\n"),
        ("notes.pdf", b"%PDF"),
        ("old/users.csv", b"x\n"),
    ]);
    let source = open(dir.path()).unwrap();
    assert_eq!(names(&source), ["more.tsv", "users.csv"]);
    let mut left: Vec<&str> = source.left.iter().map(|left| left.name.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, ["notes.pdf", "old"]);
    assert_eq!(head(&source, 0).rows, [["1", "2"]]);
}

#[test]
fn a_folder_inside_a_folder_is_entered_where_it_is_the_only_one() {
    let dir = folder(&[("export/2026/users.csv", b"a,b\n1,2\n")]);
    assert_eq!(names(&open(dir.path()).unwrap()), ["users.csv"]);
}

#[test]
fn an_archive_reads_as_its_folder_does() {
    let dir = folder(&[]);
    let inside: &[(&str, &[u8])] = &[
        ("set/users.csv", b"a,b\n1,2\n"),
        ("set/orgs.csv", b"c\n3\n"),
        ("set/old/users.csv", b"x\n"),
        ("__MACOSX/set/._users.csv", b"junk"),
    ];
    let source = open(&archive(dir.path(), "set.zip", inside)).unwrap();
    assert_eq!(names(&source), ["orgs.csv", "users.csv"]);
    assert_eq!(
        head(&source, 1),
        Head { labels: vec!["a".into(), "b".into()], rows: vec![vec!["1".into(), "2".into()]] }
    );
    assert_eq!(source.left.len(), 2);
}

#[test]
fn a_workbook_gives_a_table_for_each_sheet_that_holds_anything() {
    let dir = folder(&[]);
    let people = [
        text_row(1, &["name", "born", "age", "here"]),
        r#"<row r="3"><c r="A3" t="inlineStr"><is><t>Müller</t></is></c><c r="B3" s="1"><v>45943</v></c><c r="C3"><v>12</v></c><c r="D3" t="b"><v>1</v></c></row>"#.to_owned(),
        r#"<row r="4"><c r="A4" t="inlineStr"><is><t> </t></is></c></row>"#.to_owned(),
        r#"<row r="5"><c r="C5"><v>1.5</v></c></row>"#.to_owned(),
    ]
    .concat();
    let path = workbook(
        dir.path(),
        "book.xlsx",
        &[("People", &people), ("Empty", ""), ("Two", &text_row(1, &["x"]))],
    );
    let source = open(&path).unwrap();
    assert_eq!(names(&source), ["book.xlsx#People", "book.xlsx#Two"]);
    assert_eq!(source.tables[0].stem, "people");
    let found = head(&source, 0);
    assert_eq!(found.labels, ["name", "born", "age", "here"]);
    assert_eq!(found.rows, [["Müller", "2025-10-13", "12", "true"], ["", "", "1.5", ""]]);
}

#[test]
fn what_is_no_table_is_refused_in_words() {
    let dir = folder(&[
        ("a.pdf", b"%PDF"),
        ("b.xls", b"\xd0\xcf\x11\xe0"),
        ("c.zip", b"PK\x03\x04broken"),
        ("d/e.txt.bak", b""),
    ]);
    let code = |name: &str| open(&dir.path().join(name)).unwrap_err().code();
    assert_eq!(code("a.pdf"), "import_unsupported");
    assert_eq!(code("b.xls"), "import_unsupported");
    assert_eq!(code("c.zip"), "import_damaged");
    assert_eq!(code("d"), "import_empty");
    assert_eq!(code("missing.csv"), "import_unreadable");
}

#[test]
fn a_broken_workbook_is_an_error() {
    let dir = folder(&[]);
    let path = workbook(
        dir.path(),
        "book.xlsx",
        &[("People", "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>7</v></c></row>")],
    );
    let read = open(&path).and_then(|source| source.tables[0].head(&Limits::default(), 10).map(|_| ()));
    assert_eq!(read.unwrap_err().code(), "import_damaged");
}

#[test]
fn a_path_out_of_the_archive_is_refused() {
    let dir = folder(&[]);
    for name in ["../users.csv", "/etc/users.csv", "a/../../users.csv"] {
        let path = archive(dir.path(), "set.zip", &[(name, b"a\n1\n")]);
        assert_eq!(open(&path).unwrap_err().code(), "import_unsafe_path", "{name}");
    }
}

#[test]
fn an_archive_made_to_do_harm_stops_at_the_ratio() {
    let dir = folder(&[]);
    let zeros = vec![b'0'; 20 << 20];
    assert_eq!(cap(&archive(dir.path(), "bomb.zip", &[("users.csv", &zeros)]), &Limits::default()), "ratio");
    let sheet = format!("<!--{}-->", " ".repeat(20 << 20));
    assert_eq!(cap(&workbook(dir.path(), "bomb.xlsx", &[("S", &sheet)]), &Limits::default()), "ratio");
}

#[test]
fn every_other_limit_stops_and_names_itself() {
    let dir = folder(&[("t/users.csv", b"a,b,c\n1,2,3\n4,5,6\n")]);
    let tables = dir.path().join("t");
    let limits = Limits::default;
    assert_eq!(cap(&tables, &Limits { expanded_bytes: 10, ..limits() }), "expanded_bytes");
    assert_eq!(cap(&tables, &Limits { rows: 2, ..limits() }), "rows");
    assert_eq!(cap(&tables, &Limits { columns: 2, ..limits() }), "columns");
    let many = folder(&[("a.csv", b"a\n"), ("b.csv", b"a\n")]);
    assert_eq!(cap(many.path(), &Limits { files: 1, ..limits() }), "files");
    let deep: &[(&str, &[u8])] = &[("1/2/3/users.csv", b"a\n1\n")];
    assert_eq!(cap(&archive(dir.path(), "deep.zip", deep), &Limits { depth: 2, ..limits() }), "depth");
    let deep = folder(&[("1/2/3/users.csv", b"a\n1\n")]);
    assert_eq!(cap(deep.path(), &Limits { depth: 2, ..limits() }), "depth");
}

/// Shared texts as a workbook has them; `claim` is how many it says they are.
fn shared_texts(claim: u64, texts: &[&str]) -> String {
    let texts: String = texts.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    format!(r#"<?xml version="1.0"?><sst xmlns="{main}" count="{claim}" uniqueCount="{claim}">{texts}</sst>"#)
}

const SHARED_ROW: &str = r#"<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>"#;

#[test]
fn what_a_workbook_holds_whole_has_a_limit_of_its_own() {
    let dir = folder(&[]);
    let long = "x".repeat(10_000);
    let sheets = [("S", SHARED_ROW)];
    let book = |part: &str, text: &str| workbook_with(dir.path(), "a.xlsx", &sheets, &[(part, text)]);
    let limits = Limits { held_bytes: 5_000, ..Limits::default() };
    let texts = book("xl/sharedStrings.xml", &shared_texts(2, &["a", &long]));
    assert_eq!(cap(&texts, &limits), "held_bytes");
    assert_eq!(head(&open(&texts).unwrap(), 0).labels, ["a", &long]);
    let error = Source::open(&texts, &limits, &|_| Told::default()).unwrap_err();
    assert_eq!(error.code(), "import_limit");
    assert_eq!(
        error.to_string(),
        "'a.xlsx' has 5001 bytes in a part that is held whole, as shared texts are, and at most 5000 are read"
    );
    assert_eq!(cap(&book("xl/theme/theme1.xml", &long), &limits), "held_bytes");
    // Sheets are streamed, but for what lies between two tags.
    let rows: String = (1..500).map(|number| text_row(number, &["a"])).collect();
    let sheet = workbook(dir.path(), "b.xlsx", &[("S", &rows)]);
    assert!(Source::open(&sheet, &limits, &|_| Told::default()).is_ok());
    let sheet = workbook(dir.path(), "b.xlsx", &[("S", &text_row(1, &[&long]))]);
    assert_eq!(cap(&sheet, &limits), "held_bytes");
}

#[test]
fn a_workbook_is_given_no_room_for_texts_that_it_only_claims() {
    let dir = folder(&[]);
    let book = |claim| {
        let texts = shared_texts(claim, &["a", "b"]);
        workbook_with(dir.path(), "a.xlsx", &[("S", SHARED_ROW)], &[("xl/sharedStrings.xml", &texts)])
    };
    assert_eq!(head(&open(&book(2_000)).unwrap(), 0).labels, ["a", "b"]);
    let error = open(&book(90_000_000_000)).unwrap_err();
    assert_eq!(error.code(), "import_damaged");
    assert!(error.to_string().contains("claims to have 90000000000 shared texts"), "{error}");
}

#[test]
fn a_limit_says_what_was_found_and_what_is_allowed() {
    let dir = folder(&[("users.csv", b"a,b,c\n1,2,3\n")]);
    let limits = Limits { columns: 2, ..Limits::default() };
    let source = Source::open(dir.path(), &limits, &|_| Told::default()).unwrap();
    let error = source.tables[0].head(&limits, 1).unwrap_err();
    assert_eq!(error.to_string(), "'users.csv' has 3 columns, and at most 2 are read");
}

#[test]
fn an_empty_file_has_no_labels() {
    let dir = folder(&[("users.csv", b""), ("blank.csv", b"\n\r\n  \n")]);
    let source = open(dir.path()).unwrap();
    assert_eq!([head(&source, 0), head(&source, 1)], [Head::default(), Head::default()]);
}

#[test]
fn lines_above_the_header_are_left_out_where_a_mapping_says_so() {
    let dir = folder(&[("users.csv", b"Report of today\n\na,b\n1,2\n")]);
    let rows = text_row(1, &["Report of today"]) + &text_row(3, &["a", "b"]) + &text_row(4, &["1", "2"]);
    workbook(dir.path(), "users.xlsx", &[("S", &rows)]);
    let told = |_: &str| Told { skip_lines: Some(2), ..Told::default() };
    let source = Source::open(dir.path(), &Limits::default(), &told).unwrap();
    for index in 0..2 {
        assert_eq!(
            head(&source, index),
            Head { labels: vec!["a".into(), "b".into()], rows: vec![vec!["1".into(), "2".into()]] }
        );
    }
}

/// A small archive and a small workbook, as bytes.
fn containers() -> [(&'static str, Vec<u8>); 2] {
    let dir = folder(&[]);
    let people: &[u8] = b"student_id,first_name,last_name\n7,Ann,Lee\n8,Bo,Ray\n";
    let rows = text_row(1, &["student_id", "first_name", "last_name"]) + &text_row(2, &["7", "Ann", "Lee"]);
    let zip = archive(dir.path(), "a.zip", &[("students.csv", people)]);
    let book = workbook(dir.path(), "a.xlsx", &[("Students", &rows)]);
    [("a.zip", std::fs::read(zip).unwrap()), ("a.xlsx", std::fs::read(book).unwrap())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever is damaged inside an archive or workbook: an error or rows that add up, never a panic
    /// that comes through and never more memory or time than the limits allow.
    #[test]
    fn damaged_containers_are_errors_or_add_up(
        which in 0..2usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (name, mut bytes) = containers()[which].clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        let dir = folder(&[(name, &bytes)]);
        if let Ok(report) = check(&dir.path().join(name), &Options::default()) {
            let c = report.totals;
            prop_assert_eq!(c.accepted + c.fixed + c.rejected + c.skipped, c.rows);
        }
    }
}
