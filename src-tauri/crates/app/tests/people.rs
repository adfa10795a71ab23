//! The people of a tenant's roster: pages of them, their counts, who sees what, and the adoption list.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use cairn_app::Desk;
use cairn_app::api::{PeoplePage, PersonRow};
use cairn_app::people::PeopleQuery;
use cairn_domain::access::Role;
use cairn_domain::import::{ImportCommitted, ImportRequest};
use cairn_domain::{AccountId, Change, Hash, TenantId};
use cairn_imports::Watch;
use cairn_protocol::ApiError;
use cairn_store::StoreError;
use cairn_store::roster::Revision;

use fake::{Fake, Laptop, at, tenant};

type Values<'a> = &'a [(&'a str, &'a str)];
/// Records by type and id; without values they go.
type Records<'a> = BTreeMap<(&'a str, String), Option<Vec<(&'a str, String)>>>;

fn put<'a>(records: &mut Records<'a>, kind: &'a str, id: &str, values: &[(&'a str, &str)]) {
    let values = values.iter().map(|(column, value)| (*column, (*value).to_owned())).collect();
    records.insert((kind, id.to_owned()), Some(values));
}

/// Writes records as the next revision.
fn write(desk: &mut Desk, records: &Records<'_>) {
    let mut roster = desk.store.roster_or_new(&tenant()).unwrap();
    let number = roster.latest().unwrap().map_or(1, |last| last.number + 1);
    let revision = Revision { number, import: &format!("t1:d:{number}") };
    let all = |writer: &mut cairn_store::roster::Writer<'_>| {
        for ((kind, id), values) in records {
            match values {
                None => writer.remove(kind, id)?,
                Some(values) => {
                    let values: Vec<(&str, &str)> = values.iter().map(|(c, v)| (*c, v.as_str())).collect();
                    writer.put(kind, id, &values)?;
                }
            }
        }
        Ok::<(), StoreError>(())
    };
    roster.apply(revision, all).unwrap();
}

/// The desk of somebody with a role; its directory lives as long as the second part.
fn desk_of(role: Role) -> (Desk, impl Sized) {
    let mut fake = Fake::new();
    if role != Role::ImplSpec {
        let account: AccountId = "a".parse().unwrap();
        fake.says(
            &TenantId::org(),
            Change::AccountCreated { account: account.clone(), name: "a".into(), role },
        );
        fake.says(&TenantId::org(), Change::AssignmentSet { account, tenant: tenant(), active: true });
    }
    let Laptop { store, dir, .. } = Laptop::new(&mut fake, "a", 1);
    (Desk { store }, dir)
}

fn desk() -> (Desk, impl Sized) {
    desk_of(Role::ImplSpec)
}

/// A school of OneRoster 1.1: two sites, so many people.
fn school(users: usize) -> Records<'static> {
    let mut records = Records::new();
    put(&mut records, "orgs", "o1", &[("sourcedId", "o1"), ("name", "Hill School")]);
    put(&mut records, "orgs", "o2", &[("sourcedId", "o2"), ("name", "Annex")]);
    for n in 0..users {
        let (id, role) = (format!("u{n:05}"), if n % 10 == 0 { "teacher" } else { "student" });
        let (site, email) = (if n % 3 == 0 { "o2" } else { "o1,o9" }, format!("{id}@x.org"));
        let values = [
            ("sourcedId", id.as_str()),
            ("orgSourcedIds", site),
            ("role", role),
            ("givenName", if n % 7 == 0 { "Ann" } else { "Bo" }),
            ("familyName", "Lee"),
            ("email", &email),
        ];
        put(&mut records, "users", &id, &values);
    }
    records
}

fn query() -> PeopleQuery {
    PeopleQuery { limit: 100, ..PeopleQuery::default() }
}

fn ids(people: &[PersonRow]) -> Vec<&str> {
    people.iter().map(|person| person.id.as_str()).collect()
}

/// All pages of a query, and how many there were.
fn all(desk: &Desk, query: &PeopleQuery) -> (Vec<PersonRow>, usize) {
    let reading = desk.people_reading("hill", Watch::default()).unwrap();
    let (mut known, mut from, mut people, mut pages) = (None, Some(0), Vec::new(), 0);
    while let Some(place) = from {
        let (page, learned) = reading.page(known, &PeopleQuery { from: place, ..query.clone() }).unwrap();
        assert!(page.people.len() <= query.limit as usize && page.from == place);
        (known, from, pages) = (learned, page.next, pages + 1);
        people.extend(page.people);
    }
    (people, pages)
}

#[test]
fn a_tenant_without_a_roster_has_no_people_and_says_so() {
    let (mut desk, _dir) = desk();
    let page = desk.people("hill", &PeopleQuery { totals: true, ..query() }).unwrap();
    assert_eq!(page, PeoplePage { totals: Some(Default::default()), ..PeoplePage::default() });
    // One that was just made has no revision yet.
    desk.store.roster_or_new(&tenant()).unwrap();
    assert_eq!(desk.people("hill", &query()).unwrap(), PeoplePage::default());
    assert_eq!(desk.people("nowhere", &query()).unwrap_err().code, "unknown_tenant");
}

#[test]
fn a_page_has_people_with_their_role_and_the_names_of_their_sites() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(25));
    let page = desk.people("hill", &PeopleQuery { limit: 2, totals: true, ..query() }).unwrap();
    assert_eq!((ids(&page.people), page.from, page.next), (vec!["u00000", "u00001"], 0, Some(2)));
    assert_eq!((page.total, page.revision, page.as_of, page.masked), (25, Some(1), None, false));
    let [teacher, student] = page.people.as_slice() else { panic!("two") };
    assert_eq!((teacher.name.as_deref(), teacher.email.as_deref()), (Some("Ann Lee"), Some("u00000@x.org")));
    let sites = |person: &PersonRow| -> Vec<String> {
        person.sites.iter().map(|site| format!("{} {}", site.id, site.name)).collect()
    };
    assert_eq!(
        (teacher.roles.as_slice(), sites(teacher)),
        (&["teacher".to_owned()][..], vec!["o2 Annex".to_owned()])
    );
    // A site without a record is its id.
    assert_eq!(sites(student), ["o1 Hill School", "o9 o9"]);
    let totals = page.totals.unwrap();
    let roles: Vec<_> = totals.roles.iter().map(|one| (one.role.as_deref().unwrap(), one.people)).collect();
    assert_eq!(roles, [("student", 22), ("teacher", 3)]);
    let sites: Vec<_> = totals.sites.iter().map(|one| (one.name.as_str(), one.people)).collect();
    assert_eq!(sites, [("Annex", 9), ("Hill School", 16), ("o9", 16)]);
    assert_eq!((totals.other_roles, totals.more_sites), (0, false));
    assert_eq!(desk.people("hill", &query()).unwrap().totals, None, "only where they are asked for");
}

#[test]
fn pages_are_one_list_wherever_one_begins() {
    let (mut desk, _dir) = desk();
    let mut records = school(2_345);
    // Another type, and records that no page shows.
    put(&mut records, "accounts", "b@x.org", &[("email", "b@x.org"), ("role", "auditor")]);
    put(&mut records, "students", "s1", &[("Student_id", "s1"), ("School_id", "1")]);
    put(&mut records, "students", "s2", &[("nummer", "s2")]);
    write(&mut desk, &records);
    // In the middle of it a stretch is removed.
    let gone: Records<'_> = (1_100..1_300).map(|n| (("users", format!("u{n:05}")), None)).collect();
    write(&mut desk, &gone);
    let (people, pages) = all(&desk, &query());
    assert_eq!((people.len(), pages), (2_147, 22));
    assert_eq!(ids(&people[2_144..]), ["u02344", "s1", "b@x.org"]);
    let mut each = Vec::new();
    let reading = desk.people_reading("hill", Watch::default()).unwrap();
    let revision = reading.each(&query(), |person| {
        each.push(person);
        Ok(())
    });
    assert_eq!((revision.unwrap(), &each), (Some(2), &people));
    for from in [0, 1, 99, 999, 1_000, 1_001, 1_099, 1_100, 1_101, 2_000, 2_144, 2_145, 2_146] {
        let page = desk.people("hill", &PeopleQuery { from, limit: 3, ..query() }).unwrap();
        let from = usize::try_from(from).unwrap();
        let end = (from + 3).min(people.len());
        assert_eq!(page.people, people[from..end], "from {from}");
        assert_eq!(page.next, (end < people.len()).then_some(end as u64), "from {from}");
    }
    let behind = desk.people("hill", &PeopleQuery { from: 9_999, ..query() }).unwrap();
    assert_eq!((behind.people.len(), behind.next, behind.total), (0, None, 2_147));
}

#[test]
fn people_are_found_by_text_role_and_site() {
    let (mut desk, _dir) = desk();
    let mut records = school(100);
    put(&mut records, "users", "x1", &[("sourcedId", "x1"), ("givenName", "Zoë"), ("password", "hunter2")]);
    write(&mut desk, &records);
    let found = |query: &PeopleQuery| all(&desk, &PeopleQuery { limit: 7, ..query.clone() }).0.len();
    let text = |text: &str| PeopleQuery { text: text.to_owned(), ..query() };
    assert_eq!([found(&text("ann lee")), found(&text(" U0001 ")), found(&text("ZOË"))], [15, 10, 1]);
    assert_eq!([found(&text("hunter2")), found(&text("teacher")), found(&text("nobody"))], [0, 0, 0]);
    let role = |role: &str| PeopleQuery { role: Some(role.to_owned()), ..query() };
    assert_eq!([found(&role("teacher")), found(&role("student")), found(&role(""))], [10, 90, 1]);
    let site = |site: &str| PeopleQuery { site: Some(site.to_owned()), ..query() };
    assert_eq!([found(&site("o2")), found(&site("o9")), found(&site("o7"))], [34, 66, 0]);
    assert_eq!(
        found(&PeopleQuery { text: "ann".to_owned(), site: Some("o2".to_owned()), ..role("teacher") }),
        1
    );
}

#[test]
fn a_text_that_nobody_has_costs_a_page_and_says_where_it_goes_on() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(20_500));
    let nobody = PeopleQuery { text: "nobody".to_owned(), ..query() };
    let page = desk.people("hill", &nobody).unwrap();
    assert_eq!((page.people.len(), page.next, page.total), (0, Some(20_000), 20_500));
    let page = desk.people("hill", &PeopleQuery { from: 20_000, ..nobody }).unwrap();
    assert_eq!((page.people.len(), page.next), (0, None));
}

#[test]
fn roles_and_sites_that_are_rows_of_their_own_are_found_too() {
    let (mut desk, _dir) = desk();
    let mut records = Records::new();
    put(&mut records, "orgs", "o1", &[("sourcedId", "o1"), ("name", "Hill School")]);
    for (id, name) in [("u1", "Ann"), ("u2", "Bo"), ("u3", "Cy")] {
        put(&mut records, "users", id, &[("sourcedId", id), ("givenName", name)]);
    }
    let rows: [Values<'_>; 3] = [
        &[("userSourcedId", "u1"), ("roleType", "secondary"), ("role", "aide"), ("orgSourcedId", "o2")],
        &[("userSourcedId", "u1"), ("roleType", "primary"), ("role", "teacher"), ("orgSourcedId", "o1")],
        &[("userSourcedId", "u2"), ("roleType", "primary"), ("role", "student"), ("orgSourcedId", "o1")],
    ];
    for (n, values) in rows.iter().enumerate() {
        put(&mut records, "roles", &format!("r{n}"), values);
    }
    write(&mut desk, &records);
    let page = desk.people("hill", &PeopleQuery { totals: true, ..query() }).unwrap();
    let roles = |person: &PersonRow| person.roles.join(" ");
    assert_eq!(page.people.iter().map(roles).collect::<Vec<_>>(), ["teacher aide", "student", ""]);
    let sites: Vec<&str> = page.people[0].sites.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(sites, ["Hill School", "o2"]);
    let totals = page.totals.unwrap();
    let counts: Vec<_> = totals.roles.iter().map(|one| (one.role.as_deref(), one.people)).collect();
    assert_eq!(counts, [(None, 1), (Some("student"), 1), (Some("teacher"), 1)]);
    // The counts are those of the main role, and so is what they lead to.
    let aides = PeopleQuery { role: Some("aide".to_owned()), ..query() };
    assert_eq!(desk.people("hill", &aides).unwrap().people, []);
    let at_annex = PeopleQuery { site: Some("o2".to_owned()), ..query() };
    assert_eq!(ids(&desk.people("hill", &at_annex).unwrap().people), ["u1"]);
}

#[test]
fn what_is_known_is_used_for_its_revision_alone() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(30));
    let page = |desk: &Desk, known| {
        desk.people_reading("hill", Watch::default()).unwrap().page(known, &query()).unwrap()
    };
    let known = page(&desk, None).1.unwrap();
    let (_, again) = page(&desk, Some(Arc::clone(&known)));
    assert!(Arc::ptr_eq(&known, &again.unwrap()));
    let mut more = Records::new();
    put(&mut more, "users", "u99999", &[("sourcedId", "u99999")]);
    write(&mut desk, &more);
    let (found, learned) = page(&desk, Some(Arc::clone(&known)));
    assert!(!Arc::ptr_eq(&known, &learned.unwrap()));
    assert_eq!((found.total, found.revision), (31, Some(2)));
}

#[test]
fn the_pass_over_all_people_ends_when_it_is_told() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(4_100));
    let watch = Watch::new(|_| ControlFlow::Break(()));
    let stopped = desk.people_reading("hill", watch.clone()).unwrap().page(None, &query()).map(drop);
    assert_eq!(stopped.unwrap_err().code, "import_cancelled");
    // A page of people who are known is short work.
    let known = desk.people_reading("hill", Watch::default()).unwrap().page(None, &query()).unwrap().1;
    let page = desk.people_reading("hill", watch).unwrap().page(known, &query()).unwrap().0;
    assert_eq!(page.people.len(), 100);
}

#[test]
fn a_page_says_when_the_import_was_asked_for_that_it_shows() {
    let mut fake = Fake::new();
    let request: ImportRequest = serde_json::from_value(serde_json::json!({
        "blob": "0".repeat(64), "bytes": 1, "source": "x", "format": "accounts", "rules": "tolerant",
        "records": {},
    }))
    .unwrap();
    let import = fake.says(&tenant(), Change::ImportRequested(request));
    let committed = ImportCommitted {
        revision: 1,
        counts: BTreeMap::new(),
        digest: Hash::ZERO,
        rollback_until: at(9_999),
    };
    fake.says(&tenant(), Change::ImportCommitted { import, committed });
    let Laptop { store, dir: _dir, .. } = Laptop::new(&mut fake, "a", 1);
    let mut desk = Desk { store };
    write(&mut desk, &school(1));
    let row = desk.imports("hill", at(2_000), None).unwrap().remove(0);
    assert_eq!(desk.people("hill", &query()).unwrap().as_of, Some(row.at));
    // A later revision is another import's.
    write(&mut desk, &school(2));
    assert_eq!(desk.people("hill", &query()).unwrap().as_of, None);
}

#[test]
fn who_may_not_import_sees_outlines_and_finds_only_what_shows() {
    let (mut desk, _dir) = desk_of(Role::Csm);
    let mut records = school(3);
    let account =
        [("email", "Zed7@x.org"), ("first_name", "Zed"), ("organization", "MOH"), ("role", "auditor")];
    put(&mut records, "accounts", "zed7@x.org", &account);
    write(&mut desk, &records);
    let page = desk.people("hill", &PeopleQuery { limit: 4, ..query() }).unwrap();
    let zed = page.people.last().unwrap();
    assert_eq!(
        (zed.id.as_str(), zed.name.as_deref(), zed.email.as_deref()),
        ("xxx9@x.xxx", Some("xxx"), Some("xxx9@x.xxx"))
    );
    assert_eq!((zed.roles[0].as_str(), zed.sites[0].name.as_str(), page.masked), ("auditor", "MOH", true));
    assert_eq!(page.people[0].id, "u00000", "an id that is about nobody shows");
    let whole = serde_json::to_string(&page).unwrap().to_lowercase();
    assert!(!whole.contains("zed") && !whole.contains("lee"), "{whole}");
    let found = |text: &str| all(&desk, &PeopleQuery { text: text.to_owned(), ..query() }).0.len();
    assert_eq!([found("zed"), found("lee"), found("xxx9@x")], [0, 0, 1]);
}

#[test]
fn the_people_are_the_teams_and_nobody_elses() {
    for role in [Role::DistrictAdmin, Role::SchoolAdmin, Role::Teacher, Role::SupportTier1, Role::HotlineOp] {
        let (mut desk, _dir) = desk_of(role);
        write(&mut desk, &school(1));
        let refused = desk.people("hill", &query()).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), cairn_app::error::exit_code(&refused)),
            ("not_allowed", 4),
            "{role}"
        );
        assert!(!refused.message.contains('1'), "it does not say how many there are");
    }
    for role in [Role::ImplMgr, Role::PlatformAdmin] {
        let (mut desk, _dir) = desk_of(role);
        write(&mut desk, &school(1));
        assert!(!desk.people("hill", &query()).unwrap().masked, "{role}");
    }
}

#[test]
fn a_roster_that_cannot_be_used_says_so_and_is_looked_at_again() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(1));
    let file = desk.store.path().with_file_name("tenants").join("t1.db");
    std::fs::remove_file(&file).unwrap();
    let refused: ApiError = desk.people("hill", &query()).unwrap_err();
    assert_eq!((refused.code.as_str(), cairn_app::error::exit_code(&refused)), ("roster_missing", 5));
}

#[test]
fn the_adoption_list_has_everybody_and_no_figures_until_there_are_some() {
    let (mut desk, _dir) = desk();
    write(&mut desk, &school(3));
    let reading = desk.people_reading("hill", Watch::default()).unwrap();
    let mut rows = Vec::new();
    let revision = reading.adoption(&PeopleQuery::default(), |row| {
        rows.push(serde_json::to_value(&row).unwrap());
        Ok(())
    });
    assert_eq!((revision.unwrap(), rows.len()), (Some(1), 3));
    let expected = serde_json::json!({
        "id": "u00001", "name": "Bo Lee", "site": "Hill School", "last_login": null, "assignments": null,
        "submissions": null, "scored": null, "backlog": null, "flags": [], "role": "student",
        "sites": ["Hill School", "o9"],
    });
    assert_eq!(rows[1], expected);
    let stopped = reading.adoption(&PeopleQuery::default(), |_| Err(ApiError::new("cannot_write", "full")));
    assert_eq!(stopped.unwrap_err().code, "cannot_write");
}

#[test]
fn the_adoption_list_as_csv_computes_nothing_and_leaves_unknown_figures_blank() {
    let (mut desk, _dir) = desk();
    let mut records = Records::new();
    let account =
        [("email", "a@x.org"), ("first_name", "=cmd()"), ("last_name", "Lee, Ann"), ("organization", "@MOH")];
    put(&mut records, "accounts", "a@x.org", &account);
    write(&mut desk, &records);
    let mut csv = Vec::new();
    desk.people_reading("hill", Watch::default())
        .unwrap()
        .adoption_csv(&PeopleQuery::default(), &mut csv)
        .unwrap();
    let text = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let header = "id,name,site,last_login,assignments,submissions,scored,backlog,flags,role,sites";
    assert_eq!(lines, [header, "a@x.org,\"'=cmd() Lee, Ann\",'@MOH,,,,,,,,'@MOH"]);
}
