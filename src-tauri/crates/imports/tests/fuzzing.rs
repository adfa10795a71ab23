//! Readers under bytes that nobody meant: an error that says what is wrong or rows that add up, never a
//! panic, whatever the ending of the file promises.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;

use cairn_imports::{Options, check, formats, look};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tempfile::TempDir;

use support::{archive, workbook};

/// Looks and checks: what can be read adds up, and what cannot says so.
fn holds(path: &Path, format: Option<&str>) {
    let options = Options { format: format.map(str::to_owned), ..Options::default() };
    // A look judges nothing; it has to come back.
    let _ = look(path, &options);
    match check(path, &options) {
        Ok(report) => {
            let t = report.totals;
            assert_eq!(t.accepted + t.fixed + t.rejected + t.skipped, t.rows);
            assert!(!report.can_proceed || t.rejected == 0);
        }
        Err(error) => {
            assert!(error.code().starts_with("import_") || error.code() == "bad_mapping", "{error}")
        }
    }
}

/// Where, what and how: put in its place, put in, taken out, or all from there on cut off.
type Damage = Vec<(Index, u8, u8)>;

fn damage() -> impl Strategy<Value = Damage> {
    proptest::collection::vec((any::<Index>(), any::<u8>(), 0..12u8), 1..24)
}

fn damaged(mut bytes: Vec<u8>, damage: Damage) -> Vec<u8> {
    for (at, byte, how) in damage {
        if bytes.is_empty() {
            break;
        }
        let at = at.index(bytes.len());
        match how {
            0..=6 => bytes[at] = byte,
            7 | 8 => bytes.insert(at, byte),
            9 | 10 => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn damaged_file(path: &Path, damage: Damage) {
    fs::write(path, damaged(fs::read(path).unwrap(), damage)).unwrap();
}

/// The pupils as rows of a sheet.
fn sheet() -> String {
    let row = |(n, line): (usize, &str)| support::text_row(n + 1, &line.split(',').collect::<Vec<_>>());
    PUPILS.lines().enumerate().map(row).collect()
}

const PUPILS: &str =
    "student_id,first_name,last_name,grade\n1,Ann,Lee,9\n2,Bob,\"Roe, Jr\",10\n3,Cid,Poe,11\n";

fn any_format() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(select(formats()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn damaged_archives(damage in damage(), format in any_format()) {
        let dir = TempDir::new().unwrap();
        let path = archive(dir.path(), "set.zip", &[("students.csv", PUPILS.as_bytes()), ("classes/classes.csv", PUPILS.as_bytes())]);
        damaged_file(&path, damage);
        holds(&path, format);
    }

    #[test]
    fn damaged_workbooks(damage in damage(), format in any_format()) {
        let dir = TempDir::new().unwrap();
        let path = workbook(dir.path(), "pupils.xlsx", &[("Students", &sheet())]);
        damaged_file(&path, damage);
        holds(&path, format);
    }

    #[test]
    fn damaged_sheets(damage in damage(), format in any_format()) {
        let dir = TempDir::new().unwrap();
        let rows = String::from_utf8_lossy(&damaged(sheet().into_bytes(), damage)).into_owned();
        holds(&workbook(dir.path(), "pupils.xlsx", &[("Students", &rows)]), format);
    }

    #[test]
    fn any_bytes_under_any_ending(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        signature in select(vec![&b""[..], b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"sep=;\n"]),
        name in select(vec!["a.csv", "a.tsv", "a.txt", "a.zip", "a.xlsx", "students.csv", "users.csv"]),
        format in any_format(),
    ) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, [signature, &bytes].concat()).unwrap();
        holds(&path, format);
        holds(dir.path(), format);
    }
}
