//! Checks of whole sets: the real one, and every dirt of ROSTERS.md that generated sets do not have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cairn_imports::{Limits, Mapping, Options, Problem, Profile, Report, check, export_rejected};
use support::{archive, folder, text_row, workbook};
use tempfile::TempDir;

/// A small set without a fault; tests replace files of it.
fn set() -> BTreeMap<&'static str, Vec<u8>> {
    let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\n\
        file.academicSessions,bulk\nfile.classes,bulk\nfile.courses,bulk\nfile.enrollments,bulk\nfile.orgs,bulk\n\
        file.users,bulk\n";
    let orgs = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n\
        d1,,,District,district,,\ns1,,,School,school,,d1\n";
    let sessions = "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n\
        y1,,,Year,schoolYear,2026-08-17,2027-06-12,,2027\n";
    let courses = "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes\n\
        c1,,,y1,Algebra,A1,09,s1,,\n";
    let classes = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods\n\
        k1,,,Algebra 1,09,c1,,scheduled,,s1,y1,,,\n";
    let enrollments = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n\
        e1,,,k1,s1,u1,student,,2026-08-17,2026-12-19\ne2,,,k1,s1,u2,teacher,true,,\n";
    let users = users(
        "u1,,,true,s1,student,ann,,Ann,Lee,,,ann@example.org,,,,09,\nu2,,,true,s1,teacher,bo,,Bo,Ray,,,,,,,,\n",
    );
    [
        ("manifest.csv", manifest.into()),
        ("orgs.csv", orgs.into()),
        ("academicSessions.csv", sessions.into()),
        ("courses.csv", courses.into()),
        ("classes.csv", classes.into()),
        ("users.csv", users.into_bytes()),
        ("enrollments.csv", enrollments.into()),
    ]
    .into()
}

const USER_LABELS: &str = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password";

fn users(rows: &str) -> String {
    format!("{USER_LABELS}\n{rows}")
}

fn laid(files: &BTreeMap<&'static str, Vec<u8>>) -> TempDir {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    folder(&files)
}

fn with(name: &'static str, bytes: impl Into<Vec<u8>>) -> TempDir {
    let mut files = set();
    files.insert(name, bytes.into());
    laid(&files)
}

fn replaced(name: &'static str, from: &str, to: &str) -> TempDir {
    let text = String::from_utf8(set()[name].clone()).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    with(name, text.replace(from, to))
}

fn checked(path: &Path, profile: Profile) -> Report {
    let report = check(path, &Options { profile, ..Options::default() }).unwrap();
    let adds_up = |c: &cairn_imports::Counts| c.accepted + c.fixed + c.rejected + c.skipped == c.rows;
    assert!(report.files.iter().all(|file| adds_up(&file.counts)));
    report
}

fn tolerant(path: &Path) -> Report {
    checked(path, Profile::Tolerant)
}

fn strict(path: &Path) -> Report {
    checked(path, Profile::Strict)
}

/// `severity rule` of each problem, sorted.
fn rules(report: &Report) -> Vec<String> {
    let mut rules: Vec<String> =
        report.problems.iter().map(|p| format!("{} {}", p.severity, p.rule)).collect();
    rules.sort();
    rules
}

fn problem<'r>(report: &'r Report, rule: &str) -> &'r Problem {
    report
        .problems
        .iter()
        .find(|p| p.rule == rule)
        .unwrap_or_else(|| panic!("no {rule} in {:?}", rules(report)))
}

fn counts(report: &Report, file: &str) -> [u64; 5] {
    let c = report.files.iter().find(|f| f.name == file).unwrap().counts;
    [c.rows, c.accepted, c.fixed, c.rejected, c.skipped]
}

// The real set.

fn real() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data/ed-fi-oneroster-1.1");
    assert!(
        path.join("manifest.csv").is_file(),
        "the real roster set is missing: this test needs ../shared/data/ed-fi-oneroster-1.1 beside the repository"
    );
    path
}

#[test]
fn the_real_set_can_proceed_and_its_quirks_are_told() {
    let report = tolerant(&real());
    assert_eq!(report.format, "oneroster-1.1");
    assert_eq!(report.detected.confidence, 1.0);
    assert!(report.can_proceed);
    assert_eq!(rules(&report), ["warning extra-empty-cell", "warning manifest-value"]);
    assert_eq!(problem(&report, "extra-empty-cell").count, 2);
    assert_eq!(counts(&report, "users.csv"), [10, 10, 0, 0, 0]);
    assert_eq!(counts(&report, "enrollments.csv"), [24, 24, 0, 0, 0]);
    assert_eq!((report.totals.rows, report.totals.accepted), (68, 68));
}

#[test]
fn the_real_set_breaks_the_specification_in_two_places() {
    let report = strict(&real());
    assert_eq!(
        rules(&report),
        ["error extra-empty-cell", "error manifest-value", "error target-rejected", "error target-rejected"]
    );
    // The two teachers, and the enrollments of each.
    assert_eq!(counts(&report, "users.csv"), [10, 8, 0, 2, 0]);
    assert!(!report.can_proceed);
}

// The small set, and the text of files.

#[test]
fn the_small_set_is_clean_as_folder_and_as_archive() {
    let dir = laid(&set());
    let files = set();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let packed = archive(dir.path(), "set.zip", &files);
    for profile in [Profile::Strict, Profile::Tolerant] {
        let report = checked(&packed, profile);
        assert_eq!((report.problems.len(), report.can_proceed, report.totals.rows), (0, true, 17));
    }
}

#[test]
fn any_encoding_is_read_and_told() {
    let text = users(
        "u1,,,true,s1,student,ann,,Änn,Lee,,,ann@example.org,,,,09,\nu2,,,true,s1,teacher,bo,,Bo,Ray,,,,,,,,\n",
    );
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{feff}{text}").into_bytes();
    for (bytes, rule, encoding) in [
        (latin, "not-utf-8", "windows-1252"),
        (wide, "not-utf-8", "utf-16le"),
        (marked, "byte-order-mark", "utf-8"),
    ] {
        let report = tolerant(with("users.csv", bytes).path());
        assert_eq!(rules(&report), [format!("warning {rule}")], "{encoding}");
        assert_eq!(counts(&report, "users.csv"), [2, 2, 0, 0, 0], "{encoding}");
        let file = report.files.iter().find(|file| file.name == "users.csv").unwrap();
        assert_eq!(file.encoding, encoding);
    }
}

#[test]
fn a_byte_order_mark_is_no_fault_even_of_the_strict() {
    let bytes = [b"\xef\xbb\xbf".to_vec(), set()["orgs.csv"].clone()].concat();
    assert_eq!(rules(&strict(with("orgs.csv", bytes).path())), ["warning byte-order-mark"]);
}

#[test]
fn line_ends_of_every_kind_and_blank_lines_are_read() {
    let text = String::from_utf8(set()["enrollments.csv"].clone()).unwrap();
    for ends in ["\r\n", "\r", "\n\n", "\r\n\r\n"] {
        let report = tolerant(with("enrollments.csv", text.replace('\n', ends)).path());
        assert_eq!(counts(&report, "enrollments.csv"), [2, 2, 0, 0, 0], "{ends:?}");
    }
    let mixed = text.replacen('\n', "\r\n", 1).replacen("\ne2", "\re2", 1);
    let report = tolerant(with("enrollments.csv", mixed).path());
    assert_eq!(counts(&report, "enrollments.csv"), [2, 2, 0, 0, 0]);
}

#[test]
fn semicolons_and_quotes_are_found_by_themselves() {
    let text = String::from_utf8(set()["enrollments.csv"].clone()).unwrap();
    let quoted = text.lines().map(|l| format!("\"{}\"\n", l.replace(',', "\";\""))).collect::<String>();
    let report = tolerant(with("enrollments.csv", quoted).path());
    let file = report.files.iter().find(|file| file.name == "enrollments.csv").unwrap();
    assert_eq!((file.delimiter.as_str(), file.counts.accepted), (";", 2));
}

// Labels.

#[test]
fn labels_with_invisible_signs_in_other_case_or_order_are_told() {
    let dir = replaced("enrollments.csv", "sourcedId,status,", "\u{200b}sourcedId ,STATUS,");
    let report = tolerant(dir.path());
    assert_eq!(rules(&report), ["warning other-label", "warning other-label"]);
    assert_eq!(counts(&report, "enrollments.csv"), [2, 2, 0, 0, 0]);
    assert_eq!(rules(&strict(dir.path())), ["error other-label", "error other-label"]);
    let dir = with(
        "orgs.csv",
        "name,sourcedId,status,dateLastModified,type,identifier,parentSourcedId\nDistrict,d1,,,district,,\nSchool,s1,,,school,,d1\n",
    );
    assert_eq!(rules(&tolerant(dir.path())), ["warning label-order"]);
    assert_eq!(rules(&strict(dir.path())), ["error label-order"]);
}

#[test]
fn labels_that_are_blank_doubled_missing_or_too_many_are_told() {
    let report = tolerant(with("orgs.csv", "sourcedId,,name,type,type,colour,metadata.x\nd1,,D,district,district,red,1\ns1,,S,school,school,red,1\n").path());
    assert_eq!(
        rules(&report),
        [
            "error duplicate-label",
            "warning blank-label",
            "warning extra-label",
            "warning missing-optional-label"
        ]
    );
    assert_eq!(problem(&report, "missing-optional-label").count, 4);
    assert_eq!(problem(&report, "extra-label").column.as_deref(), Some("colour"));
}

#[test]
fn a_missing_required_column_is_one_cause_for_all_that_falls_with_it() {
    let report = tolerant(replaced("users.csv", ",role,", ",rolle,").path());
    assert_eq!(rules(&report), ["error missing-label", "error target-rejected", "warning extra-label"]);
    assert_eq!(counts(&report, "users.csv"), [2, 0, 0, 2, 0]);
    assert_eq!(counts(&report, "enrollments.csv"), [2, 0, 0, 2, 0]);
    assert_eq!(problem(&report, "target-rejected").count, 2);
    assert!(problem(&report, "extra-label").suggestion.contains("it may be role"));
}

#[test]
fn a_file_with_a_header_only_and_one_with_nothing_are_told() {
    let header =
        String::from_utf8(set()["enrollments.csv"].clone()).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(rules(&tolerant(with("enrollments.csv", header.clone()).path())), ["warning no-rows"]);
    assert_eq!(rules(&strict(with("enrollments.csv", header).path())), ["error no-rows"]);
    assert_eq!(rules(&tolerant(with("enrollments.csv", "").path())), ["error no-header"]);
}

// Cells.

#[test]
fn cells_of_spaces_are_blank() {
    let report = tolerant(replaced("enrollments.csv", "u1,student,,", "   ,student,\u{a0} ,").path());
    assert_eq!(rules(&report), ["error required"]);
    assert_eq!(counts(&report, "enrollments.csv"), [2, 1, 0, 1, 0]);
    let report = tolerant(replaced("enrollments.csv", "u1,student,,", "u1,student,  ,").path());
    assert_eq!(counts(&report, "enrollments.csv"), [2, 1, 1, 0, 0]);
}

#[test]
fn what_a_spreadsheet_leaves_behind_is_told() {
    let report = tolerant(replaced("users.csv", "ann@example.org", "#N/A").path());
    assert!(rules(&report).contains(&"error spreadsheet-error".to_owned()));
    let long = "x".repeat(255);
    let report = tolerant(replaced("orgs.csv", "School,school", &format!("{long},school")).path());
    assert_eq!(rules(&report), ["warning truncated"]);
}

#[test]
fn a_field_beyond_every_measure_costs_its_row_alone() {
    let huge = "x".repeat(100 << 20);
    let dir = replaced("enrollments.csv", "u2,teacher", &format!("{huge},teacher"));
    let report = tolerant(dir.path());
    assert_eq!(rules(&report), ["error too-long"]);
    assert_eq!(counts(&report, "enrollments.csv"), [2, 1, 0, 1, 0]);
    let quoted = replaced("enrollments.csv", "u2,teacher", &format!("\"{huge}\",teacher"));
    assert_eq!(rules(&tolerant(quoted.path())), ["error too-long"]);
}

#[test]
fn a_cell_beyond_every_measure_costs_its_row_alone() {
    let dir = folder(&[]);
    let long = "x".repeat((1 << 20) + 1);
    let wide = vec!["y".repeat(1 << 20); 9];
    let wide: Vec<&str> = ["3", "Cid"].into_iter().chain(wide.iter().map(String::as_str)).collect();
    let rows = [
        text_row(1, &["student_id", "first_name", "last_name"]),
        text_row(2, &["1", "Ann", &long]),
        text_row(3, &["2", "Bob", "Roe"]),
        text_row(4, &wide),
        text_row(5, &["4", "Dee", &"z".repeat(9 << 20)]),
        text_row(6, &["5", "Eve", &"v".repeat(1 << 20)]),
    ]
    .concat();
    // Packed so well they would be taken for a bomb.
    let limits = Limits { ratio: 10_000, ..Limits::default() };
    let options = Options { format: Some("school-students".to_owned()), limits, ..Options::default() };
    let report = check(&workbook(dir.path(), "students.xlsx", &[("S", &rows)]), &options).unwrap();
    assert_eq!(counts(&report, "students.xlsx"), [5, 2, 0, 3, 0], "{:?}", rules(&report));
    assert_eq!(problem(&report, "too-long").count, 3);
}

#[test]
fn personal_values_show_their_outline_and_secrets_nothing() {
    let dir = with(
        "users.csv",
        users(
            "u1,,,true,s1,student,ann,,Ann,Lee,,,ann at example,,,,09,#N/A\nu2,,,true,s1,teacher,bo,,Bo,Ray,,,bo@x.org,,,,,pass\0word\n",
        ),
    );
    let report = strict(dir.path());
    assert_eq!(problem(&report, "email").examples[0].value, "xxx xx xxxxxxx");
    assert_eq!(problem(&report, "nul-byte").examples[0].value, "•••");
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("ann at") && !text.contains("word\\u"), "{text}");
}

#[test]
fn formulas_stay_as_they_are_and_are_harmless_in_the_export() {
    let dir = with(
        "users.csv",
        users(
            "u1,,,true,s1,wizard,=1+1,,@Ann,\u{ff1d}Lee,-x,+1,ann@example.org,,,,09,\nu2,,,true,s1,teacher,=2+2,,Bo,Ray,,,,,,,,\n",
        ),
    );
    let report = tolerant(dir.path());
    assert_eq!(counts(&report, "users.csv"), [2, 1, 0, 1, 0]);
    let mut text = Vec::new();
    assert_eq!(export_rejected(dir.path(), &Options::default(), "users.csv", &mut text).unwrap(), 1);
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("row,rejected_because,sourcedId,"), "{text}");
    assert!(text.contains("2,role: a value is not among those that the column allows,u1,"), "{text}");
    assert!(text.contains(",'=1+1,,'@Ann,'\u{ff1d}Lee,'-x,'+1,"), "{text}");
}

// References and keys.

#[test]
fn a_reference_whose_zeros_are_mended_still_falls_with_its_record() {
    let mut files = set();
    files.insert(
        "users.csv",
        users("007,,,true,s1,wizard,ann,,Ann,Lee,,,,,,,09,\nu2,,,true,s1,teacher,bo,,Bo,Ray,,,,,,,,\n")
            .into(),
    );
    let text = String::from_utf8(files["enrollments.csv"].clone()).unwrap().replace(",u1,", ",7,");
    files.insert("enrollments.csv", text.into());
    let report = tolerant(laid(&files).path());
    assert_eq!(counts(&report, "enrollments.csv"), [2, 1, 0, 1, 0]);
    assert_eq!(rules(&report), ["error enum", "error target-rejected"]);
}

#[test]
fn people_behind_people_who_are_not_there_fall_one_after_the_other() {
    // Child refers to a parent below it, the parent to nobody who is there; another pair is right.
    let rows = "u1,,,true,s1,student,a,,A,A,,,,,,u3,09,\nu2,,,true,s1,teacher,b,,B,B,,,,,,,,\nu3,,,true,s1,parent,c,,C,C,,,,,,u9,,\nu4,,,true,s1,student,d,,D,D,,,,,,u5,09,\nu5,,,true,s1,parent,e,,E,E,,,,,,u4,,\n";
    let report = tolerant(with("users.csv", users(rows)).path());
    assert_eq!(counts(&report, "users.csv"), [5, 3, 0, 2, 0]);
    let fallen = problem(&report, "no-target");
    assert!(fallen.cause.contains("'u9', which is not in users.csv"), "{}", fallen.cause);
    // The two of them and the enrollment of u1, all for one missing person.
    assert_eq!((fallen.count, report.problems.len()), (3, 1));
}

#[test]
fn a_missing_entry_of_a_list_is_named_by_itself() {
    let report = tolerant(replaced("classes.csv", ",y1,", ",\"y1, y9\",").path());
    let fallen = problem(&report, "no-target");
    assert!(fallen.cause.contains("'y9', which is not in academicSessions.csv"), "{}", fallen.cause);
    // The class and its two enrollments.
    assert_eq!(fallen.count, 3);
}

#[test]
fn what_falls_with_a_parent_in_the_same_file_is_named_after_it() {
    let report = tolerant(replaced("orgs.csv", "District,district", "District,castle").path());
    assert_eq!(rules(&report), ["error enum", "error target-rejected"]);
    let fallen = problem(&report, "target-rejected");
    assert!(fallen.cause.contains("'d1', which is rejected itself (row 2 of orgs.csv)"), "{}", fallen.cause);
    assert_eq!(fallen.count, 7);
}

#[test]
fn a_key_with_an_exponent_is_damaged_in_any_format() {
    let report = found(&[("students.csv", "student_id,first_name,last_name\n2.01E+11,Ann,Lee\n7,Bo,Ray\n")]);
    assert_eq!(rules(&report), ["error scientific"]);
}

#[test]
fn a_row_does_not_refer_to_itself() {
    let report =
        tolerant(replaced("orgs.csv", "d1,,,District,district,,", "d1,,,District,district,,d1").path());
    assert!(rules(&report).contains(&"error itself".to_owned()));
}

#[test]
fn a_missing_file_is_one_cause() {
    let mut files = set();
    files.remove("orgs.csv");
    let report = tolerant(laid(&files).path());
    assert_eq!(rules(&report), ["error no-target", "warning manifest-names-missing"]);
    let fallen = problem(&report, "no-target");
    assert_eq!((fallen.count, fallen.spread.len()), (6, 4));
    assert!(fallen.cause.contains("orgs.csv, which is not there"), "{}", fallen.cause);
}

#[test]
fn sense_of_site_and_role_is_asked() {
    let mut files = set();
    for (name, from, to) in
        [("classes.csv", ",s1,y1", ",d1,y1"), ("enrollments.csv", "student,,", "student,true,")]
    {
        let text = String::from_utf8(files[name].clone()).unwrap();
        files.insert(name, text.replace(from, to).into());
    }
    let report = tolerant(laid(&files).path());
    assert_eq!(rules(&report), ["warning agrees", "warning sort", "warning true-only-for"]);
    assert_eq!(problem(&report, "agrees").count, 2);
    assert!(report.can_proceed);
}

#[test]
fn a_role_that_is_not_the_persons_is_asked_about() {
    let text = String::from_utf8(set()["enrollments.csv"].clone()).unwrap();
    let text = text.replace("u1,student,", "u1,teacher,").replace("u2,teacher,true", "u2,student,");
    let report = tolerant(with("enrollments.csv", text).path());
    assert_eq!(rules(&report), ["warning sort-when"]);
    assert_eq!((problem(&report, "sort-when").count, report.can_proceed), (2, true));
}

#[test]
fn what_is_known_of_a_person_is_not_mixed_up_with_the_one_before() {
    // The teacher, a student whose zero was lost, and the teacher again.
    let mut files = set();
    files.insert(
        "users.csv",
        users("07,,,true,s1,student,ann,,Ann,Lee,,,,,,,09,\nu2,,,true,s1,teacher,bo,,Bo,Ray,,,,,,,,\n")
            .into(),
    );
    let header =
        String::from_utf8(files["enrollments.csv"].clone()).unwrap().lines().next().unwrap().to_owned();
    let rows = "e1,,,k1,s1,u2,teacher,,,\ne2,,,k1,s1,7,student,,,\ne3,,,k1,s1,u2,teacher,,,\n";
    files.insert("enrollments.csv", format!("{header}\n{rows}").into());
    let report = tolerant(laid(&files).path());
    assert_eq!((rules(&report), counts(&report, "enrollments.csv")), (vec![], [3, 2, 1, 0, 0]));
}

#[test]
fn words_of_school_data_sync_may_have_any_case() {
    let report = found(&[
        ("orgs.csv", "sourcedId,name,type\n1,North,school\n"),
        ("users.csv", "sourcedId,username\n7,ann\n"),
        ("roles.csv", "userSourcedId,orgSourcedId,role,isPrimary\n7,1,STUDENT,True\n"),
    ]);
    assert_eq!((report.format.as_str(), report.totals.accepted), ("sds-2.1", 3));
}

#[test]
fn lists_and_dates_that_belong_together_are_held_together() {
    let report = tolerant(replaced("courses.csv", "s1,,", "s1,\"Maths,Art\",02052").path());
    assert_eq!(rules(&report), ["warning same-length"]);
    let report = tolerant(replaced("academicSessions.csv", "2027-06-12", "2026-08-17").path());
    assert!(rules(&report).contains(&"error date-order".to_owned()));
    // An enrollment may end on the day it begins.
    let report = tolerant(replaced("enrollments.csv", "2026-12-19", "2026-08-17").path());
    assert_eq!(rules(&report), [""; 0]);
}

// Manifest, bulk and delta.

#[test]
fn a_manifest_that_does_not_fit_is_told_and_the_files_win() {
    let text = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.academicSessions,bulk\nfile.classes,absent\nfile.courses,bulk\nfile.enrollments,bulk\nfile.orgs,bulk\nfile.demographics,bulk\nfile.users,some\n";
    let report = tolerant(with("manifest.csv", text).path());
    assert_eq!(
        rules(&report),
        [
            "warning manifest-denies",
            "warning manifest-names-missing",
            "warning manifest-omits",
            "warning manifest-value"
        ]
    );
    assert_eq!(counts(&report, "classes.csv"), [1, 1, 0, 0, 0]);
    assert!(!strict(with("manifest.csv", text).path()).can_proceed);
}

#[test]
fn a_delta_needs_status_and_may_refer_to_what_was_sent_before() {
    let manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,delta\n";
    let rows = "u8,active,2026-08-17T08:00:00Z,true,s7,student,a,,A,A,,,,,,,09,\nu9,,2026-08-17T08:00:00+02:00,true,s7,student,b,,B,B,,,,,,,09,\nu7,gone,2026-08-17T08:00:00Z,true,s7,student,c,,C,C,,,,,,,09,\n";
    let dir = folder(&[("manifest.csv", manifest.as_bytes()), ("users.csv", users(rows).as_bytes())]);
    let report = tolerant(dir.path());
    assert_eq!(rules(&report), ["error enum", "error required", "warning not-utc"]);
    assert_eq!(counts(&report, "users.csv"), [3, 1, 0, 2, 0]);
}

#[test]
fn files_that_are_not_imported_count_as_skipped() {
    let mut files = set();
    files.insert("lineItems.csv", b"sourcedId\na\nb\n".to_vec());
    files.insert("menu.csv", b"dish,price\nsoup,3\n".to_vec());
    let report = tolerant(laid(&files).path());
    assert_eq!(rules(&report), ["warning manifest-omits", "warning unknown-file", "warning unmodelled-file"]);
    assert_eq!(counts(&report, "lineItems.csv"), [2, 0, 0, 0, 2]);
    assert_eq!(counts(&report, "menu.csv"), [1, 0, 0, 0, 1]);
}

// Other formats.

fn found(files: &[(&str, &str)]) -> Report {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    tolerant(folder(&files).path())
}

#[test]
fn each_format_is_found_and_its_clean_files_can_proceed() {
    let users_1_2 = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password\nu1,,,true,ann,,Ann,Lee,,,,,,,09,\n";
    let roles = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\nr1,,,u1,primary,student,,,s1,\nr2,,,u1,secondary,ext:tutor,,,s1,\n";
    let orgs =
        "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\ns1,,,School,school,,\n";
    let schools = "School_id,School_name,School_number\n1,North,10\n";
    let students = "School_id,Student_id,Last_name,First_name,Grade,DOB\n1,7,Lee,Ann,9,01/31/2012\n";
    let teachers = "School_id,Teacher_id,Teacher_email,First_name,Last_name\n1,3,bo@x.org,Bo,Ray\n";
    let sections =
        "School_id,Section_id,Teacher_id,Name,Term_start,Term_end\n1,5,3,Algebra,08/17/2026,12/19/2026\n";
    let cases = "case_categories,case_status,event_description,reporter_anonymous,submission_date,closed_date,substantiation_status\nFraud;Theft,Closed,Something,TRUE,2026-01-05,2026-02-01,Substantiated\n";
    let table: &[(&str, &[(&str, &str)])] = &[
        ("oneroster-1.2", &[("users.csv", users_1_2), ("roles.csv", roles), ("orgs.csv", orgs)]),
        (
            "clever",
            &[
                ("schools.csv", schools),
                ("students.csv", students),
                ("teachers.csv", teachers),
                ("sections.csv", sections),
                ("enrollments.csv", "School_id,Section_id,Student_id\n1,5,7\n"),
            ],
        ),
        (
            "sds-2.1",
            &[
                ("orgs.csv", "sourcedId,name,type\n1,North,school\n"),
                ("users.csv", "sourcedId,username,givenName,familyName\n7,ann,Ann,Lee\n"),
                ("roles.csv", "userSourcedId,orgSourcedId,role\n7,1,student\n"),
            ],
        ),
        (
            "school-students",
            &[("students.csv", "Student ID,First Name,Last Name,DOB,Gender\n7,Ann,Lee,2012-01-31,F\n")],
        ),
        (
            "school-teachers",
            &[("teachers.csv", "employee_id,first_name,last_name,email,subject\n3,Bo,Ray,bo@x.org,Maths\n")],
        ),
        ("school-classes", &[("classes.csv", "class_id,name,grade,teacher_id\n5,9B,9,3\n")]),
        ("school-subjects", &[("subjects.csv", "subject_code,subject_name,department\nM1,Maths,Science\n")]),
        (
            "accounts",
            &[(
                "people.csv",
                "email,first_name,last_name,organization,role,phone,department\nann@x.org,Ann,Lee,MOH,planner,+63917,Planning\n",
            )],
        ),
        (
            "participants",
            &[(
                "list.csv",
                "email,first_name,last_name,stakeholder_type,province\nann@x.org,Ann,Lee,Academe,Sulu\n",
            )],
        ),
        ("ethics-cases", &[("export.csv", cases)]),
    ];
    for (format, files) in table {
        let report = found(files);
        assert_eq!(report.format, *format, "{:?}", report.detected);
        assert!(report.detected.confidence >= 0.8, "{format}: {:?}", report.detected);
        assert!(!report.detected.reason.is_empty());
        let errors: Vec<String> = rules(&report).into_iter().filter(|r| r.starts_with("error")).collect();
        let allowed: &[&str] = if *format == "oneroster-1.2" { &["error missing-file"; 4] } else { &[] };
        assert_eq!(errors, allowed, "{format}");
        assert_eq!(report.totals.rejected, 0, "{format}");
    }
}

#[test]
fn a_set_without_manifest_counts_as_1_0() {
    let mut files = set();
    files.remove("manifest.csv");
    let report = tolerant(laid(&files).path());
    assert_eq!((report.format.as_str(), report.can_proceed), ("oneroster-1.0", true));
    assert!(report.detected.reason.contains("without a manifest"), "{}", report.detected.reason);
    let named = Options { format: Some("oneroster-1.1".into()), ..Options::default() };
    let report = check(laid(&files).path(), &named).unwrap();
    assert_eq!(
        (report.format.as_str(), rules(&report)),
        ("oneroster-1.1", vec!["warning no-manifest".to_owned()])
    );
}

#[test]
fn labels_of_1_0_are_known() {
    let classes = "sourcedId,status,dateLastModified,title,grade,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedId,subjects\nk1,,,Algebra 1,09,c1,,scheduled,,s1,y1,\n";
    let mut files = set();
    files.remove("manifest.csv");
    files.insert("classes.csv", classes.into());
    let report = tolerant(laid(&files).path());
    assert_eq!(report.format, "oneroster-1.0");
    assert_eq!(rules(&report), [""; 0]);
}

/// The small set as 1.2, where people and roles are apart, with a word replaced in one of its files.
fn set_1_2(name: &'static str, from: &str, to: &str) -> TempDir {
    let mut files = set();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let manifest = text(&files["manifest.csv"]).replace("version,1.1", "version,1.2");
    files.insert("manifest.csv", (manifest + "file.roles,bulk\nfile.demographics,bulk\n").into());
    files.insert("users.csv", b"sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName\nu1,,,true,ann,,Ann,Lee\nu2,,,true,bo,,Bo,Ray\n".into());
    files.insert("roles.csv", b"sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\nr1,,,u1,primary,student,,,s1,\n".into());
    files.insert(
        "demographics.csv",
        b"sourcedId,status,dateLastModified,birthDate,sex\nu1,,,,female\n".into(),
    );
    let before = text(&files[name]);
    assert!(before.contains(from), "{name} has no {from}");
    files.insert(name, before.replacen(from, to, 1).into());
    laid(&files)
}

#[test]
fn words_of_ones_own_are_allowed_in_1_2_only() {
    let rejected = |report: &Report| problem(report, "enum").count;
    for (file, word) in [
        ("orgs.csv", ",district,"),
        ("academicSessions.csv", ",schoolYear,2026"),
        ("classes.csv", ",scheduled,"),
        ("enrollments.csv", ",student,"),
        ("roles.csv", ",student,"),
        ("demographics.csv", ",female"),
    ] {
        let report = tolerant(set_1_2(file, word, &word.replacen(',', ",ext:", 1)).path());
        let known = ["warning missing-optional-label"];
        assert_eq!(report.format, "oneroster-1.2");
        assert_eq!(report.totals.rejected, 0, "{file}: {:?}", report.problems);
        assert!(
            rules(&report).iter().all(|rule| known.contains(&rule.as_str())),
            "{file}: {:?}",
            rules(&report)
        );
        let own = tolerant(set_1_2(file, word, &word.replacen(',', ",own", 1)).path());
        assert_eq!(rejected(&own), 1, "{file}");
    }
    assert_eq!(rejected(&tolerant(set_1_2("roles.csv", ",primary,", ",ext:third,").path())), 1);
    for (file, word) in [("orgs.csv", ",district,"), ("enrollments.csv", ",student,")] {
        let report = tolerant(replaced(file, word, &word.replacen(',', ",ext:", 1)).path());
        assert_eq!((report.format.as_str(), rejected(&report)), ("oneroster-1.1", 1), "{file}");
    }
}

#[test]
fn known_sorts_are_told_apart_where_others_are_allowed() {
    let sorts = |word: &str| {
        let report = tolerant(set_1_2("orgs.csv", ",School,school,", &format!(",School,{word},")).path());
        assert_eq!(report.totals.rejected, 0);
        report.problems.iter().filter(|problem| problem.rule == "sort").count()
    };
    // Classes and enrollments name a school; what one's own word means nobody knows.
    assert_eq!([sorts("school"), sorts("department"), sorts("ext:campus")], [0, 2, 0]);
}

#[test]
fn one_primary_role_for_each_person_and_org() {
    let roles = "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\nr1,,,u1,primary,student,,,s1,\nr2,,,u1,primary,aide,,,s1,\nr3,,,u1,secondary,aide,,,s1,\n";
    let users = "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName\nu1,,,true,ann,,Ann,Lee\n";
    let report = found(&[
        ("roles.csv", roles),
        ("users.csv", users),
        ("orgs.csv", "sourcedId,name,type\ns1,School,school\n"),
    ]);
    assert_eq!(report.format, "oneroster-1.2");
    assert_eq!(problem(&report, "once").count, 1);
    assert_eq!(counts(&report, "roles.csv"), [3, 2, 0, 1, 0]);
}

#[test]
fn school_files_in_one_folder_are_one_import() {
    let report = found(&[
        ("students.csv", "student_id,first_name,last_name\n7,Ann,Lee\n7,Ann,Lee\n"),
        ("teachers.csv", "teacher_id,first_name,last_name\n3,Bo,Ray\n"),
        ("subjects.csv", "subject_code,name\nM1,Maths\n"),
    ]);
    assert_eq!(
        (report.format.as_str(), report.totals.rows, report.totals.skipped),
        ("school-students", 4, 1)
    );
    assert_eq!(rules(&report), ["warning duplicate-row"]);
}

#[test]
fn accounts_with_the_same_address_are_one_account() {
    let report = found(&[(
        "accounts.csv",
        "email,first_name,last_name,organization,role\na@x.org,A,B,MOH,planner\nA@X.org,A,C,MOH,planner\nnot an address,A,B,MOH,planner\n",
    )]);
    assert_eq!(counts(&report, "accounts.csv"), [3, 1, 0, 1, 1]);
    assert_eq!(rules(&report), ["error email", "warning duplicate-key"]);
}

#[test]
fn a_case_does_not_close_before_it_began() {
    let row = |closed: &str, event: &str| {
        format!("C{closed}{event},Fraud,Closed,Text,FALSE,2026-01-05,{closed},Undetermined,{event}\n")
    };
    let text = format!(
        "original_case_id,case_categories,case_status,event_description,reporter_anonymous,submission_date,closed_date,substantiation_status,event_date\n{}{}{}{}",
        row("2026-01-04", ""),
        row("2026-01-05", ""),
        row("", "2026-01-01"),
        row("2026-01-06", "2026-01-07")
    );
    let report = found(&[("cases.csv", &text)]);
    assert_eq!(problem(&report, "date-order").count, 2);
    assert_eq!(counts(&report, "cases.csv"), [4, 2, 0, 2, 0]);
    assert!(
        !strict(folder(&[("cases.csv", text.as_bytes())]).path())
            .problems
            .iter()
            .any(|p| p.rule == "boolean")
    );
}

/// The rules and counts of the problems of a column.
fn told(report: &Report, file: &str, column: &str) -> Vec<(String, u64)> {
    let here = |p: &&Problem| p.file == file && p.column.as_deref() == Some(column);
    report.problems.iter().filter(here).map(|p| (p.rule.clone(), p.count)).collect()
}

/// Fix, file and column of all fixes.
fn fixes(report: &Report) -> Vec<[&str; 3]> {
    report.fixes.iter().map(|f| [f.fix.as_str(), f.file.as_str(), f.column.as_str()]).collect()
}

#[test]
fn a_fix_that_is_undone_leaves_its_column_as_strict_rules_do_and_others_mended() {
    for (fix, file, column, from, to) in [
        ("trim", "users.csv", "givenName", ",Ann,", ", Ann,"),
        ("trim", "enrollments.csv", "role", ",student,", ",student ,"),
        ("trim", "classes.csv", "termSourcedIds", ",s1,y1,", ",s1,\" y1\","),
        ("invisible", "users.csv", "username", ",ann,", ",a\u{200b}nn,"),
        ("nul", "users.csv", "familyName", ",Lee,", ",L\0ee,"),
        ("case", "enrollments.csv", "role", ",student,", ",Student,"),
        ("case", "enrollments.csv", "primary", ",true,", ",TRUE,"),
        ("word", "enrollments.csv", "primary", ",true,", ",yes,"),
        ("date-order", "enrollments.csv", "beginDate", ",2026-08-17,", ",17.08.2026,"),
        ("leading-zeros", "classes.csv", "grades", ",09,", ",9,"),
        ("leading-zeros", "enrollments.csv", "classSourcedId", ",k1,s1,u1,", ",7,s1,u1,"),
        ("empty-entry", "classes.csv", "termSourcedIds", ",s1,y1,", ",s1,\"y1,\","),
    ] {
        let mut files = set();
        let mut replace = |file: &'static str, from: &str, to: &str| {
            let text = String::from_utf8(files[file].clone()).unwrap();
            assert!(text.contains(from), "{file} has no {from}");
            files.insert(file, text.replacen(from, to, 1).into());
        };
        replace(file, from, to);
        replace("users.csv", ",teacher,", ",Teacher,");
        if column == "classSourcedId" {
            replace("classes.csv", "\nk1,", "\n007,");
            replace("enrollments.csv", ",k1,s1,u2,", ",007,s1,u2,");
        }
        let dir = laid(&files);
        let other = ["case", "users.csv", "role"];
        let mended = tolerant(dir.path());
        let mut both = [[fix, file, column], other];
        both.sort_by_key(|[fix, file, column]| [*file, *column, *fix]);
        assert_eq!((fixes(&mended), mended.totals.rejected), (both.to_vec(), 0), "{fix} {column}");

        let keep = format!("[files.\"{file}\".keep]\n\"{column}\" = [\"{fix}\"]");
        let options = Options { mapping: Mapping::parse(&keep).unwrap(), ..Options::default() };
        let kept = check(dir.path(), &options).unwrap();
        assert_eq!(fixes(&kept), [other], "{fix} {column}");
        assert_eq!(told(&kept, file, column), told(&strict(dir.path()), file, column), "{fix} {column}");
        let is_whole = matches!((fix, column), (_, "givenName" | "username" | "grades"));
        assert_eq!(kept.totals.rejected == 0, is_whole, "{fix} {column}: {:?}", kept.problems);
    }
}

#[test]
fn what_is_kept_comes_before_what_else_a_mapping_says() {
    let rows = "email,first_name,last_name,organization,role\na@x.org,Ann,Lee,MOH,planner\n";
    let dir = folder(&[("people.csv", rows.as_bytes())]);
    let text =
        "[files.people.values.last_name]\nLee = \"Ray\"\n[files.people.keep]\nlast_name = [\"mapped\"]";
    let options = Options { mapping: Mapping::parse(text).unwrap(), ..Options::default() };
    assert_eq!(fixes(&check(dir.path(), &options).unwrap()), [[""; 3]; 0]);
    let dir = replaced("enrollments.csv", ",2026-08-17,", ",17.08.2026,");
    for (keep, rejected) in [("", 0), ("[files.enrollments.keep]\nbeginDate = [\"date-order\"]", 1)] {
        let text = format!("[files.enrollments.dates]\nbeginDate = \"dd.MM.yyyy\"\n{keep}");
        let mapping = Mapping::parse(&text).unwrap();
        for profile in [Profile::Strict, Profile::Tolerant] {
            let options = Options { profile, mapping: mapping.clone(), ..Options::default() };
            assert_eq!(check(dir.path(), &options).unwrap().totals.rejected, rejected, "{keep}");
        }
    }
}

#[test]
fn a_mapping_file_copes_with_other_labels_orders_of_dates_and_words() {
    let text = "Fallnr;Kategorien;Status;Was geschah;Anonym;Eingang;Abschluss;Ergebnis\n1;Betrug;zu;Text;ja;03-04-2026;05-04-2026;bestätigt\n";
    let mapping = r#"
        format = "ethics-cases"
        [files."faelle.csv".columns]
        "Fallnr" = "original_case_id"
        "Kategorien" = "case_categories"
        "Was geschah" = "event_description"
        "Eingang" = "submission_date"
        "Abschluss" = "closed_date"
        "Ergebnis" = "substantiation_status"
        [files."faelle.csv".values.reporter_anonymous]
        "ja" = "true"
        "nein" = "false"
        [files."faelle.csv".values.substantiation_status]
        "bestätigt" = "Substantiated"
        [files."faelle.csv".dates]
        "submission_date" = "dd-MM-yyyy"
        "Abschluss" = "dd-MM-yyyy"
    "#;
    let dir = folder(&[("faelle.csv", text.as_bytes())]);
    let options = Options { mapping: Mapping::parse(mapping).unwrap(), ..Options::default() };
    let report = check(dir.path(), &options).unwrap();
    assert_eq!((rules(&report), report.totals.fixed, report.can_proceed), (vec![], 1, true));
    let fixes: Vec<(&str, &str, &str)> = report
        .fixes
        .iter()
        .map(|f| (f.column.as_str(), f.fix.as_str(), f.examples[0].after.as_str()))
        .collect();
    assert_eq!(
        fixes,
        [
            ("Abschluss", "date-order", "2026-04-05"),
            ("Anonym", "mapped", "true"),
            ("Eingang", "date-order", "2026-04-03"),
            ("Ergebnis", "mapped", "Substantiated"),
        ]
    );
}

#[test]
fn a_mapping_file_says_which_file_is_what_and_how_it_is_written() {
    let mut files = set();
    let people = files.remove("users.csv").unwrap();
    let latin = String::from_utf8(people).unwrap().replace(',', "|").replace("Ann", "\u{e9}");
    files.insert("leute.csv", latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect());
    files.insert("users.csv", b"old,list\n1,2\n".to_vec());
    let mapping = r#"
        [files.leute]
        is = "users"
        encoding = "iso-8859-2"
        delimiter = "|"
        [files."USERS.csv"]
        is = "-"
    "#;
    let options = Options { mapping: Mapping::parse(mapping).unwrap(), ..Options::default() };
    let report = check(laid(&files).path(), &options).unwrap();
    assert_eq!(rules(&report), ["warning not-utf-8"]);
    assert_eq!(counts(&report, "leute.csv"), [2, 2, 0, 0, 0]);
    assert_eq!(counts(&report, "users.csv"), [1, 0, 0, 0, 1]);
    let file = report.files.iter().find(|file| file.name == "leute.csv").unwrap();
    assert_eq!((file.encoding.as_str(), file.delimiter.as_str()), ("iso-8859-2", "|"));
    let wrong = Options { mapping: Mapping::parse("[files.leute]\nis = \"wizards\"").unwrap(), ..options };
    assert_eq!(check(laid(&files).path(), &wrong).unwrap_err().code(), "bad_mapping");
}

#[test]
fn a_file_with_another_name_is_known_by_its_labels() {
    let mut files = set();
    let people = files.remove("users.csv").unwrap();
    files.insert("export_people_2026.csv", people);
    let report = tolerant(laid(&files).path());
    assert_eq!((rules(&report), counts(&report, "export_people_2026.csv")), (vec![], [2, 2, 0, 0, 0]));
}

#[test]
fn the_manifest_names_the_version() {
    for (version, format) in [("1.0", "oneroster-1.0"), ("1.2", "oneroster-1.2"), ("1.2.1", "oneroster-1.2")]
    {
        let dir = replaced("manifest.csv", "oneroster.version,1.1", &format!("oneroster.version,{version}"));
        assert_eq!(tolerant(dir.path()).format, format, "{version}");
    }
    // A version nobody knows is told, and read as the nearest.
    let report = tolerant(replaced("manifest.csv", "oneroster.version,1.1", "oneroster.version,7").path());
    assert_eq!(
        (report.format.as_str(), rules(&report)),
        ("oneroster-1.1", vec!["warning manifest-value".to_owned()])
    );
}

#[test]
fn the_order_of_dates_is_taken_from_the_file_where_it_proves_one() {
    let text =
        |second: &str| format!("student_id,first_name,last_name,dob\n1,A,B,03/04/2012\n2,A,C,{second}\n");
    let report = found(&[("students.csv", &text("25/04/2012"))]);
    assert_eq!((report.totals.fixed, rules(&report)), (2, vec![]));
    // Proof for both orders is proof for neither.
    let both = text("25/04/2012") + "3,A,D,04/25/2012\n";
    let report = found(&[("students.csv", &both)]);
    assert_eq!((report.totals.fixed, problem(&report, "date-order-unclear").count), (2, 1));
    let report = found(&[("students.csv", &text("05/06/2012"))]);
    assert_eq!(problem(&report, "date-order-unclear").count, 2);
}

#[test]
fn only_what_is_certain_is_mapped_unasked() {
    let report =
        found(&[("accounts.csv", "email,first_name,last_name,organisaton,role\na@x.org,A,B,MOH,planner\n")]);
    assert_eq!(rules(&report), ["error missing-label", "warning extra-label"]);
    let column = report.mapping[0].columns.iter().find(|c| c.label == "organisaton").unwrap();
    assert_eq!(
        (column.column.as_deref(), column.how.as_str(), column.mapped),
        (Some("organization"), "fuzzy", false)
    );
    assert!(column.confidence > 0.8 && column.confidence < 1.0);
}

#[test]
fn a_workbook_is_checked_as_its_tables_are() {
    let dir = folder(&[]);
    let rows = text_row(1, &["Student ID", "First Name", "Last Name", "DOB"])
        + r#"<row r="2"><c r="A2"><v>7</v></c><c r="B2" t="inlineStr"><is><t>Ann</t></is></c><c r="C2" t="inlineStr"><is><t>Lee</t></is></c><c r="D2" s="1"><v>40939</v></c></row>"#;
    let report = tolerant(&workbook(dir.path(), "pupils.xlsx", &[("Students", &rows)]));
    assert_eq!(
        (report.format.as_str(), report.totals.accepted, rules(&report)),
        ("school-students", 1, vec![])
    );
}

#[test]
fn what_is_of_no_format_is_refused_with_the_nearest() {
    let dir = folder(&[("menu.csv", b"dish,price\nsoup,3\n")]);
    let error = check(dir.path(), &Options::default()).unwrap_err();
    assert_eq!(error.code(), "import_format_unknown");
    let named = Options { format: Some("klingon".into()), ..Options::default() };
    let error = check(dir.path(), &named).unwrap_err().to_string();
    assert!(error.contains("'klingon' is no format; the formats are oneroster-1.0, "), "{error}");
}
