//! A check of a large OneRoster set against DuckDB, which reads the same files and asks the same
//! questions, and against the `sqlite3` shell, which only loads them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use cairn_imports::generate::{Set, write};
use cairn_imports::{Options, check};
use serde_json::{Value, json};

use crate::Size;
use crate::harness::{in_turn, pair};
use crate::python::{self, Cost, cost};
use crate::report::{Figure, Goal, Report, Table};

/// The release that is measured.
const VERSION: &str = "2.0.1";
/// What it asks.
const DRIVER: &str = include_str!("duck.py");
/// The files of a set, and which of their columns name rows of which file.
pub const FILES: &[&str] = &["orgs", "academicSessions", "courses", "classes", "users", "enrollments"];
const ROWS: usize = 1_060_000;

/// Measures.
///
/// # Errors
/// DuckDB cannot be installed, there is no `sqlite3`, or a set that is clean is found not to be.
pub fn run(folder: &Path, tools: &Path, size: Size) -> Result<Report> {
    let python = python::with(tools, "duckdb", VERSION)?;
    let rows = size.of(ROWS, 10_000);
    let set = made(folder, rows)?;
    let rounds = in_turn(size.of(7, 1), |_| ours(folder, &set), |_| duck(&python, &set))?;
    let of = |what: fn(&Cost) -> f64| pair(&rounds, what, what);
    let mut figures = vec![
        Figure::paired("a check", "ms", &of(|c| c.ms), "DuckDB").goal(Goal::RatioAtMost(1.0)),
        Figure::paired("its processor time", "ms", &of(|c| c.cpu_ms), "DuckDB").goal(Goal::RatioAtMost(0.65)),
        Figure::paired("its memory", "MiB", &of(|c| c.mib), "DuckDB").goal(Goal::RatioAtMost(0.25)),
    ];
    let loads = in_turn(size.of(3, 1), |_| ours(folder, &set), |_| shell(folder, &set))?;
    let loads = pair(&loads, |c| c.ms, |c| c.ms);
    figures.push(Figure::paired("a check", "ms", &loads, "`.import` by the sqlite3 shell"));
    Ok(Report {
        about: format!(
            "A clean OneRoster 1.1 set of {rows} rows ({} MB): manifest, orgs, sessions, courses, classes, users and, \
             most of them, enrollments. A check reads every file, judges every value by its type and rules, finds \
             repeated keys and follows every reference between the files; it answers how many rows are accepted, \
             fixed, rejected and skipped. DuckDB {VERSION} from PyPI reads the same files and counts the faults of \
             the same kinds by queries. The sqlite3 shell imports them into typed tables in one transaction and \
             checks nothing. Each is a program of its own, from its start to its end.",
            bytes(&set)? / 1_000_000
        ),
        figures,
        tables: vec![growth(folder, size, "A check, by the size of the set", |set| ours(folder, set))?],
    })
}

/// A clean set of so many rows.
///
/// # Errors
/// Faults of the file system.
pub fn made(folder: &Path, rows: usize) -> Result<PathBuf> {
    let set = folder.join(format!("set-{rows}"));
    std::fs::create_dir_all(&set)?;
    write(&set, &Set::of_rows(u32::try_from(rows)?, 1))?;
    Ok(set)
}

fn bytes(set: &Path) -> Result<u64> {
    std::fs::read_dir(set)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

fn ours(folder: &Path, set: &Path) -> Result<Cost> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("check-set").arg("--folder").arg(folder).arg("--").arg(set);
    cost(&command)
}

/// What the hidden slice answers.
///
/// # Errors
/// The set is not clean.
pub fn check_set(set: &Path) -> Result<Value> {
    let report = check(set, &Options::default())?;
    ensure!(report.can_proceed, "the set is not clean: {:?}", report.problems);
    Ok(json!(report.totals.rows))
}

fn duck(python: &Path, set: &Path) -> Result<Cost> {
    let mut command = Command::new(python);
    command.args(["-c", DRIVER]).arg(set);
    let cost = cost(&command)?;
    ensure!(cost.said.trim().ends_with(" 0"), "DuckDB finds faults: {}", cost.said);
    Ok(cost)
}

fn shell(folder: &Path, set: &Path) -> Result<Cost> {
    let file = folder.join("shell.db");
    let mut command = Command::new("sqlite3");
    command.arg(&file).args(["PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "BEGIN;"]);
    for name in FILES {
        let path = set.join(name).with_extension("csv");
        let head = std::fs::read_to_string(&path)?.lines().next().unwrap_or_default().to_owned();
        let columns: Vec<String> = head.split(',').map(|column| format!("\"{column}\" TEXT")).collect();
        command.arg(format!("CREATE TABLE {name} ({});", columns.join(", ")));
        command.arg(format!(".import --csv --skip 1 '{}' {name}", path.display()));
    }
    let cost = cost(command.arg("COMMIT;"))?;
    std::fs::remove_file(file)?;
    Ok(cost)
}

/// What something costs with sets of more and more rows.
///
/// # Errors
/// Its own, and faults of the file system.
pub fn growth(
    folder: &Path,
    size: Size,
    title: &str,
    measure: impl Fn(&Path) -> Result<Cost>,
) -> Result<Table> {
    let sizes: &[usize] = match size {
        Size::Whole => &[10_000, 100_000, 1_000_000, 3_000_000],
        Size::Quick => &[1_000, 10_000],
    };
    let mut costs = Vec::new();
    for rows in sizes {
        let set = made(folder, *rows)?;
        costs.push(measure(&set)?);
        std::fs::remove_dir_all(set)?;
    }
    let heads: Vec<String> = sizes.iter().map(|rows| format!("{rows} rows")).collect();
    let heads: Vec<&str> =
        std::iter::once("").chain(heads.iter().map(String::as_str)).chain(["growth"]).collect();
    let mut table = Table::new(title, &heads);
    table.growth("ms", &costs.iter().map(|c| c.ms).collect::<Vec<_>>());
    table.growth("processor time, ms", &costs.iter().map(|c| c.cpu_ms).collect::<Vec<_>>());
    table.growth("memory, MiB", &costs.iter().map(|c| c.mib).collect::<Vec<_>>());
    Ok(table)
}
