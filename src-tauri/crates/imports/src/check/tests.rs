//! Generated sets: what was put in is what is found, whatever it is, and rows always add up.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::generate::{Dirt, Expected, Set, write};
use crate::report::Report;
use crate::schema::schema;

fn small(seed: u64, dirt: Vec<(Dirt, u32)>) -> Set {
    Set { seed, schools: 3, courses: 2, classes: 4, users: 20, enrollments: 60, dirt }
}

fn written(set: &Set) -> (TempDir, Expected) {
    let dir = TempDir::new().unwrap();
    let expected = write(dir.path(), set).unwrap();
    (dir, expected)
}

fn tolerant(dir: &TempDir) -> Report {
    check(dir.path(), &Options::default()).unwrap()
}

/// What a report says, in the shape of what was expected.
fn found(report: &Report) -> Expected {
    let mut found = Expected::default();
    for file in &report.files {
        let c = file.counts;
        found.rows.insert(file.name.clone(), [c.accepted, c.fixed, c.rejected, c.skipped]);
    }
    for problem in &report.problems {
        if problem.code == "foreign-key" {
            found.fallen += problem.count;
        } else {
            *found.problems.entry((problem.file.clone(), problem.rule.clone())).or_default() += problem.count;
        }
    }
    found
}

fn adds_up(report: &Report) -> bool {
    let one = |c: &crate::Counts| c.accepted + c.fixed + c.rejected + c.skipped == c.rows;
    report.files.iter().all(|file| one(&file.counts)) && one(&report.totals)
}

#[test]
fn a_clean_set_has_no_problem_at_all_under_either_profile() {
    let (dir, expected) = written(&small(7, vec![]));
    for profile in [Profile::Tolerant, Profile::Strict] {
        let report = check(dir.path(), &Options { profile, ..Options::default() }).unwrap();
        assert_eq!(report.problems, []);
        assert!(report.can_proceed);
        assert_eq!(found(&report), expected);
    }
}

#[test]
fn each_fault_is_found_as_often_as_it_was_put_in() {
    for dirt in Dirt::ALL {
        let (dir, expected) = written(&small(11, vec![(*dirt, 2)]));
        let report = tolerant(&dir);
        assert_eq!(found(&report), expected, "{dirt:?}");
        assert!(adds_up(&report), "{dirt:?}");
        let is_error = report.problems.iter().any(|problem| problem.severity == "error");
        assert_eq!(report.can_proceed, !is_error, "{dirt:?}");
    }
}

#[test]
fn fixes_are_recorded_with_both_values() {
    let (dir, _) = written(&small(11, vec![(Dirt::UsDate, 1), (Dirt::LostZeros, 1), (Dirt::RoleSpaces, 1)]));
    let report = tolerant(&dir);
    let fixes: Vec<(&str, &str, u64)> =
        report.fixes.iter().map(|fix| (fix.column.as_str(), fix.fix.as_str(), fix.count)).collect();
    assert_eq!(
        fixes,
        [("beginDate", "date-order", 1), ("role", "trim", 1), ("userSourcedId", "leading-zeros", 1)]
    );
    let date = &report.fixes[0].examples[0];
    assert_eq!((date.before.as_str(), date.after.as_str()), ("8/17/2026", "2026-08-17"));
    assert!(report.can_proceed);
}

#[test]
fn under_strict_rules_nothing_is_mended() {
    let mended =
        [Dirt::UsDate, Dirt::LostZeros, Dirt::RoleSpaces, Dirt::RoleCase, Dirt::NulByte, Dirt::InvisibleSign];
    let (dir, _) = written(&small(5, mended.iter().map(|dirt| (*dirt, 1)).collect()));
    let report = check(dir.path(), &Options { profile: Profile::Strict, ..Options::default() }).unwrap();
    assert_eq!((report.fixes.len(), report.totals.fixed), (0, 0));
    assert_eq!(report.totals.rejected, mended.len() as u64);
    assert!(!report.can_proceed);
}

#[test]
fn one_bad_school_is_one_cause_with_a_count() {
    let (dir, expected) = written(&small(3, vec![(Dirt::BadSchool, 1)]));
    let report = tolerant(&dir);
    assert_eq!(report.problems.len(), 2, "the school itself, and all that falls with it");
    let fallen = report.problems.iter().find(|problem| problem.code == "foreign-key").unwrap();
    // 2 courses, 4 classes, 20 people and 60 enrollments.
    assert_eq!((fallen.count, expected.fallen), (86, 86));
    assert_eq!(fallen.file, "enrollments.csv");
    assert_eq!(fallen.spread.iter().map(|place| place.count).sum::<u64>(), 86);
    assert!(fallen.cause.contains("orgs.csv"), "{}", fallen.cause);
}

#[test]
fn a_thousand_missing_people_are_one_problem() {
    let (dir, expected) = written(&Set { enrollments: 800, ..small(9, vec![(Dirt::OrphanUser, 1_000)]) });
    let report = tolerant(&dir);
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].count, expected.fallen);
    assert!(expected.fallen > 900);
    assert_eq!(report.problems[0].column.as_deref(), Some("userSourcedId"));
    assert_eq!(report.problems[0].examples.len(), 5);
}

#[test]
fn the_same_files_give_the_same_report() {
    let (dir, _) = written(&small(4, Dirt::ALL.iter().map(|dirt| (*dirt, 1)).collect()));
    assert_eq!(tolerant(&dir), tolerant(&dir));
}

fn any_dirt() -> impl Strategy<Value = Vec<(Dirt, u32)>> {
    let one = (proptest::sample::select(Dirt::ALL), 1..6u32);
    proptest::collection::vec(one, 0..8)
}

/// Any fixes undone in any columns.
fn any_keep() -> impl Strategy<Value = Mapping> {
    let columns = schema("oneroster-1.1").unwrap().files.iter().filter(|file| file.modelled);
    let columns: Vec<(String, &str)> =
        columns.flat_map(|file| file.columns.iter().map(|column| (file.file_name(), column.name))).collect();
    let one = (proptest::sample::select(columns), proptest::sample::select(Fix::ALL));
    proptest::collection::vec(one, 0..60).prop_map(|undone| {
        let mut mapping = Mapping::default();
        for ((file, column), fix) in undone {
            let rules = mapping.files.entry(file).or_default();
            rules.keep.entry(column.to_owned()).or_default().insert(fix);
        }
        mapping
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_mixture_of_faults_is_found_exactly(seed in any::<u64>(), dirt in any_dirt()) {
        let (dir, expected) = written(&small(seed, dirt));
        let report = tolerant(&dir);
        prop_assert!(adds_up(&report));
        prop_assert_eq!(found(&report), expected);
    }

    /// Whatever fixes are undone: none of them is made, and rows add up.
    #[test]
    fn what_is_kept_is_not_mended(seed in any::<u64>(), dirt in any_dirt(), mapping in any_keep()) {
        let (dir, _) = written(&small(seed, dirt));
        let report = check(dir.path(), &Options { mapping: mapping.clone(), ..Options::default() }).unwrap();
        prop_assert!(adds_up(&report));
        prop_assert!(!report.can_proceed || report.totals.rejected == 0);
        for group in &report.fixes {
            let kept = mapping.file(&group.file).and_then(|rules| rules.keep.get(&group.column));
            let is_kept = kept.is_some_and(|kept| kept.iter().any(|fix| fix.word() == group.fix));
            prop_assert!(!is_kept, "{:?}", group);
        }
    }

    /// Bytes changed, cut out and put in anywhere: no panic, rows add up, and whoever can proceed
    /// has no rejected row.
    #[test]
    fn any_damage_leaves_rows_that_add_up(
        seed in any::<u64>(),
        file in proptest::sample::select(vec!["users.csv", "enrollments.csv", "orgs.csv", "classes.csv", "manifest.csv"]),
        damage in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..40),
        profile in proptest::sample::select(vec![Profile::Strict, Profile::Tolerant]),
        mapping in any_keep(),
    ) {
        let (dir, _) = written(&small(seed, vec![]));
        let path = dir.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            let byte = if byte < 100 { b",\"\n\r\0\xff;\t \xc3"[usize::from(byte % 10)] } else { byte };
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let format = Some("oneroster-1.1".to_owned());
        let options = Options { profile, format, mapping, ..Options::default() };
        let report = check(dir.path(), &options).unwrap();
        prop_assert!(adds_up(&report));
        prop_assert!(!report.can_proceed || report.totals.rejected == 0);
    }

    #[test]
    fn every_rejected_row_is_exported_with_its_reason(seed in any::<u64>(), dirt in any_dirt()) {
        let (dir, _) = written(&small(seed, dirt));
        let report = tolerant(&dir);
        for file in &report.files {
            let mut text = Vec::new();
            let count = crate::export_rejected(dir.path(), &Options::default(), &file.name, &mut text).unwrap();
            prop_assert_eq!(count, file.counts.rejected, "{}", &file.name);
            let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
            let reasons: Vec<String> = reader.byte_records().map(|r| String::from_utf8(r.unwrap()[1].to_vec()).unwrap()).collect();
            prop_assert_eq!(reasons.len() as u64, count);
            prop_assert!(reasons.iter().all(|reason| !reason.is_empty()));
        }
    }
}
