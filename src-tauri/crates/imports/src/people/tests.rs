use super::*;
use crate::schema::SCHEMAS;

type Values<'a> = &'a [(&'a str, &'a str)];

fn record<'a>(kind: &'a str, id: &'a str, values: Values<'a>) -> Record<'a> {
    Record { kind, id, values }
}

fn read(kind: &str, id: &str, values: Values<'_>) -> Person {
    Person::read(&record(kind, id, values), &RoleRows::default()).unwrap()
}

fn rows(all: &[Values<'_>]) -> RoleRows {
    let mut rows = RoleRows::default();
    all.iter().for_each(|values| rows.know(&record("roles", "r", values)));
    rows.end();
    rows
}

/// A person's roles and sites, and the type that names the sites.
fn place(person: &Person) -> (Vec<&str>, Vec<&str>, Option<&str>) {
    let roles = person.roles.iter().map(String::as_str).collect();
    let sites = person.sites.iter().map(|site| site.id.as_str()).collect();
    (roles, sites, person.sites.first().and_then(|site| site.kind))
}

#[test]
fn one_roster_1_1_has_role_sites_and_whether_the_account_is_enabled_with_the_person() {
    let values = [
        ("sourcedId", "u1"),
        ("enabledUser", "false"),
        ("orgSourcedIds", "s1, s2,s1"),
        ("role", "teacher"),
        ("username", "ann.lee"),
        ("givenName", "Ann"),
        ("familyName", "Lee"),
        ("email", "ann@x.org"),
        ("grades", "07,08"),
    ];
    let person = read("users", "u1", &values);
    assert_eq!(place(&person), (vec!["teacher"], vec!["s1", "s2"], Some("orgs")));
    assert_eq!((person.name.as_deref(), person.email.as_deref()), (Some("Ann Lee"), Some("ann@x.org")));
    assert_eq!((person.grades.as_deref(), person.is_active), (Some("07,08"), Some(false)));
    // 1.0 may leave out whether it is enabled: then nobody says.
    assert_eq!(
        read("users", "u1", &values[2..].iter().chain(&values[..1]).copied().collect::<Vec<_>>()).is_active,
        None
    );
}

#[test]
fn one_roster_1_2_has_roles_in_rows_of_their_own_the_main_one_first() {
    let roles = rows(&[
        &[
            ("sourcedId", "r1"),
            ("userSourcedId", "u1"),
            ("roleType", "secondary"),
            ("role", "aide"),
            ("orgSourcedId", "s2"),
        ],
        &[
            ("sourcedId", "r2"),
            ("userSourcedId", "u2"),
            ("roleType", "primary"),
            ("role", "student"),
            ("orgSourcedId", "s1"),
        ],
        &[
            ("sourcedId", "r3"),
            ("userSourcedId", "u1"),
            ("roleType", "primary"),
            ("role", "teacher"),
            ("orgSourcedId", "s1"),
        ],
        &[
            ("sourcedId", "r4"),
            ("userSourcedId", "u1"),
            ("roleType", "secondary"),
            ("role", "aide"),
            ("orgSourcedId", "s3"),
        ],
    ]);
    let values = [
        ("sourcedId", "u1"),
        ("enabledUser", "true"),
        ("givenName", "Annabel"),
        ("familyName", "Lee"),
        ("preferredGivenName", "Ann"),
        ("primaryOrgSourcedId", "s3"),
    ];
    let person = Person::read(&record("users", "u1", &values), &roles).unwrap();
    assert_eq!(place(&person), (vec!["teacher", "aide"], vec!["s3", "s1", "s2"], Some("orgs")));
    assert_eq!(
        (person.role(), person.name.as_deref(), person.is_active),
        (Some("teacher"), Some("Ann Lee"), Some(true))
    );
    let other = Person::read(&record("users", "u9", &[("sourcedId", "u9")]), &roles).unwrap();
    assert_eq!((other.role(), other.sites.is_empty(), other.name.as_deref()), (None, true, None));
}

#[test]
fn school_data_sync_marks_the_main_role_by_a_flag_in_any_case() {
    let roles = rows(&[
        &[("userSourcedId", "u1"), ("orgSourcedId", "s1"), ("role", "coach")],
        &[("userSourcedId", "u1"), ("orgSourcedId", "s1"), ("role", "Teacher"), ("isPrimary", "TRUE")],
    ]);
    let values = [("sourcedId", "u1"), ("username", "ann"), ("familyName", "Lee")];
    let person = Person::read(&record("users", "u1", &values), &roles).unwrap();
    assert_eq!(place(&person), (vec!["Teacher", "coach"], vec!["s1"], Some("orgs")));
    assert_eq!((person.name.as_deref(), person.is_active), (Some("Lee"), None));
}

#[test]
fn a_roster_that_went_from_1_1_to_1_2_is_read_record_by_record() {
    let roles = rows(&[&[("userSourcedId", "u1"), ("role", "student"), ("orgSourcedId", "s1")]]);
    // What was not sent again still has its role with it.
    let old = [("sourcedId", "u2"), ("role", "teacher"), ("orgSourcedIds", "s1")];
    let role = |id, values| Person::read(&record("users", id, values), &roles).unwrap().roles;
    assert_eq!(role("u1", &[("sourcedId", "u1")]), ["student"]);
    assert_eq!(role("u2", &old), ["teacher"]);
}

#[test]
fn clever_says_the_role_by_the_file_and_staff_may_say_their_own() {
    let student = [
        ("School_id", "9"),
        ("Student_id", "s1"),
        ("Last_name", "Lee"),
        ("First_name", "Ann"),
        ("Grade", "7"),
        ("Student_email", "a@x.org"),
    ];
    let person = read("students", "s1", &student);
    assert_eq!(place(&person), (vec!["student"], vec!["9"], Some("schools")));
    assert_eq!((person.email.as_deref(), person.grades.as_deref()), (Some("a@x.org"), Some("7")));
    let teacher = [("School_id", "9"), ("Teacher_id", "t1"), ("Teacher_email", "t@x.org"), ("Title", "Dr")];
    let person = read("teachers", "t1", &teacher);
    assert_eq!(
        (place(&person), person.email.as_deref()),
        ((vec!["teacher"], vec!["9"], Some("schools")), Some("t@x.org"))
    );
    let staff = |role: Values<'_>| {
        let values = [&[("School_id", "9"), ("Staff_id", "f1")][..], role].concat();
        read("staff", "f1", &values).roles
    };
    assert_eq!(staff(&[("Role", "Principal")]), ["Principal"]);
    assert_eq!(staff(&[]), ["staff"]);
}

#[test]
fn files_of_one_school_say_the_role_and_no_site() {
    let student = [
        ("student_id", "1"),
        ("first_name", "Ann"),
        ("last_name", "Lee"),
        ("grade", "7"),
        ("status", "Inactive"),
    ];
    let person = read("students", "1", &student);
    assert_eq!(place(&person), (vec!["student"], vec![], None));
    assert_eq!((person.grades.as_deref(), person.is_active), (Some("7"), Some(false)));
    let teacher = [("teacher_id", "1"), ("last_name", "Lee"), ("status", "on leave")];
    let person = read("teachers", "1", &teacher);
    assert_eq!(
        (person.role(), person.is_active),
        (Some("teacher"), None),
        "a word of their own says nothing"
    );
}

#[test]
fn accounts_and_participants_have_units_whose_names_may_hold_commas() {
    let account = [
        ("email", "Ann@x.org"),
        ("first_name", "Ann"),
        ("organization", "Ministry of Water, North"),
        ("role", "moa_admin"),
    ];
    let person = read("accounts", "ann@x.org", &account);
    assert_eq!(place(&person), (vec!["moa_admin"], vec!["Ministry of Water, North"], None));
    let participant =
        [("email", "b@x.org"), ("stakeholder_type", "Elders"), ("province", "Sulu"), ("organization", "LGU")];
    assert_eq!(place(&read("participants", "b@x.org", &participant)), (vec!["Elders"], vec!["Sulu"], None));
}

#[test]
fn other_records_are_no_people() {
    let none = RoleRows::default();
    for (kind, values) in [
        ("orgs", &[("sourcedId", "o1"), ("name", "Hill")][..]),
        ("cases", &[("original_case_id", "1"), ("name", "A case"), ("lead", "Ann Lee")]),
        ("demographics", &[("sourcedId", "u1")]),
        // Of no format that is known: nothing says what its columns mean.
        ("students", &[("nummer", "1"), ("first_name", "Ann")]),
    ] {
        assert_eq!(Person::read(&record(kind, "1", values), &none), None, "{kind}");
    }
}

#[test]
fn sites_have_the_name_of_their_record() {
    assert_eq!(
        site_name(&record("orgs", "o1", &[("name", "Hill School"), ("type", "school")])),
        Some("Hill School")
    );
    assert_eq!(site_name(&record("schools", "9", &[("School_name", "Hill")])), Some("Hill"));
    assert_eq!(site_name(&record("schools", "9", &[("School_name", " ")])), None);
    assert_eq!(site_name(&record("users", "u1", &[("name", "Ann")])), None);
}

#[test]
fn who_may_not_import_sees_outlines_of_what_is_about_a_person() {
    let account = [
        ("email", "Ann7@x.org"),
        ("first_name", "Ann"),
        ("last_name", "Lee"),
        ("organization", "MOH"),
        ("role", "user"),
    ];
    let person = read("accounts", "ann7@x.org", &account).outlined();
    let shown = (person.id.as_str(), person.name.as_deref(), person.email.as_deref());
    assert_eq!(shown, ("xxx9@x.xxx", Some("xxx xxx"), Some("xxx9@x.xxx")));
    assert_eq!(place(&person), (vec!["user"], vec!["MOH"], None));
    assert!(person.has("xxx xxx") && !person.has("ann"), "a search finds what shows");

    let user = [("sourcedId", "u1"), ("givenName", "Ann")];
    let person = read("users", "u1", &user).outlined();
    assert_eq!((person.id.as_str(), person.name.as_deref()), ("u1", Some("xxx")));
}

#[test]
fn a_text_is_found_in_id_name_and_address_in_any_case_and_nowhere_else() {
    let person = read(
        "users",
        "U-1",
        &[
            ("sourcedId", "U-1"),
            ("givenName", "Élodie"),
            ("email", "E@X.org"),
            ("role", "teacher"),
            ("password", "hunter2"),
        ],
    );
    for text in ["u-1", "élod", "@x.o", ""] {
        assert!(person.has(text), "{text}");
    }
    for text in ["hunter2", "teacher"] {
        assert!(!person.has(text), "{text}");
    }
}

#[test]
fn people_are_counted_by_their_main_role_and_at_each_of_their_sites() {
    let mut totals = Totals::default();
    let person = |role, sites| {
        let values = [("sourcedId", "u"), ("role", role), ("orgSourcedIds", sites)];
        read("users", "u", &values)
    };
    for (role, sites) in
        [("student", "s1"), ("teacher", "s1,s2"), ("student", "s2"), ("student", ""), ("", "s3")]
    {
        totals.count(&person(role, sites));
    }
    let counted = totals.end();
    let roles: Vec<_> = counted.roles.iter().map(|(role, count)| (role.as_deref(), *count)).collect();
    assert_eq!(roles, [(Some("student"), 3), (None, 1), (Some("teacher"), 1)]);
    let sites: Vec<_> = counted.sites.iter().map(|(site, count)| (site.id.as_str(), *count)).collect();
    assert_eq!(sites, [("s1", 2), ("s2", 2), ("s3", 1)]);
    assert_eq!((counted.people, counted.other_roles, counted.has_other_sites), (5, 0, false));
}

#[test]
fn a_roster_of_many_words_is_counted_in_bounded_memory_and_loses_nobody() {
    let mut totals = Totals::default();
    for n in 0..6_000 {
        let (role, site) = (format!("role {n}"), format!("s{n}"));
        let values = [("email", "a@x.org"), ("role", role.as_str()), ("organization", site.as_str())];
        totals.count(&read("accounts", "a@x.org", &values));
    }
    let counted = totals.end();
    assert_eq!((counted.roles.len(), counted.sites.len()), (MOST_ROLES, MOST_SITES));
    assert!(counted.has_other_sites);
    let listed: u64 = counted.roles.iter().map(|(_, count)| count).sum();
    assert_eq!(listed + counted.other_roles, counted.people);
}

#[test]
fn each_type_of_people_comes_once() {
    let kinds: Vec<&str> = people_kinds().collect();
    assert_eq!(kinds, ["users", "staff", "teachers", "students", "accounts", "participants"]);
    let known = |kind: &&str| SCHEMAS.iter().any(|schema| schema.place(kind).is_some());
    assert!(kinds.iter().all(known));
}
