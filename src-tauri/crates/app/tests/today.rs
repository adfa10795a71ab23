//! Today and History over a store that was filled without a service.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::time::Instant;

use cairn_app::Desk;
use cairn_app::api::{ChangeRow, HistoryFilter};
use cairn_domain::change::{ItemField, ProjectField, Status};
use cairn_domain::{Change, TenantId};
use cairn_store::Draft;
use serde_json::json;

use fake::{Fake, Laptop, at, item, project, start, tenant};

/// The day of `at(1_000)`.
const DAY: &str = "2023-11-15";

fn set(key: &str, status: Status, reason: Option<&str>) -> Change {
    Change::ItemStatusSet { item: item(key), status, reason: reason.map(str::to_owned) }
}

fn field(key: &str, field: ItemField, value: &str) -> Change {
    Change::ItemFieldSet { item: item(key), field, value: json!(value) }
}

fn desk(laptop: Laptop) -> (Desk, impl Sized) {
    let Laptop { store, dir, .. } = laptop;
    (Desk { store }, dir)
}

/// A second tenant with one blocked item and a go-live.
fn two_tenants() -> (Fake, Laptop) {
    let mut fake = Fake::new();
    let other: TenantId = "t2".parse().unwrap();
    fake.says(&other, Change::TenantCreated { slug: "lake".into(), name: "Lake School".into() });
    fake.says(&other, start(project()));
    fake.says(&other, set("check-roles", Status::Blocked, Some("no answer")));
    let go_live = Change::ProjectFieldSet {
        project: project(),
        field: ProjectField::GoLive,
        value: json!("2024-03-01"),
    };
    fake.says_over(&other, go_live);
    let laptop = Laptop::new(&mut fake, "a", 1);
    (fake, laptop)
}

#[test]
fn what_the_second_sync_brings_is_news_though_nobody_looked_since_the_first() {
    let (mut fake, laptop) = two_tenants();
    let day = DAY.parse().unwrap();
    let Laptop { store, dir, account, clock } = laptop;
    let mut desk = Desk { store };
    desk.begin_inbox(day, at(1_100)).unwrap();
    let other: TenantId = "t2".parse().unwrap();
    fake.says(&other, set("name-contacts", Status::Blocked, Some("no key")));
    let mut laptop = Laptop { store: desk.store, dir, account, clock };
    laptop.sync(&mut fake);
    let (mut desk, _dir) = self::desk(laptop);
    desk.begin_inbox(day, at(1_200)).unwrap();
    assert!(desk.refresh_inbox(day, at(1_200)).unwrap().changed);
    let news = desk.news().unwrap();
    assert_eq!(news.iter().map(|n| n.notice.text.as_str()).collect::<Vec<_>>(), ["no key"]);
}

/// Whoever works meanwhile waits for fifty tenants at most, however many a sync brings.
#[test]
fn an_inbox_is_begun_for_some_tenants_at_a_time() {
    let mut fake = Fake::new();
    for n in 0..120 {
        let tenant: TenantId = format!("t-{n}").parse().unwrap();
        fake.says(
            &tenant,
            Change::TenantCreated { slug: format!("school-{n}"), name: format!("School {n}") },
        );
    }
    let (mut desk, _dir) = desk(Laptop::new(&mut fake, "a", 1));
    let day = DAY.parse().unwrap();
    let mut waiting = desk.store.never_noticed().unwrap().len();
    assert!(waiting >= 120, "{waiting}");
    while waiting > 0 {
        let looked = desk.begin_inbox(day, at(1_100)).unwrap();
        let left = desk.store.never_noticed().unwrap().len();
        assert!((1..=50).contains(&(waiting - left)), "{waiting} waited, {left} are left");
        assert_eq!(looked.more, left > 0);
        waiting = left;
    }
}

#[test]
fn today_opens_where_one_left_off_and_says_what_is_next_due_and_blocked() {
    let (_fake, mut laptop) = two_tenants();
    laptop.write(field("name-contacts", ItemField::Due, DAY));
    laptop.write(field("check-roles", ItemField::Due, "2023-11-14"));
    laptop.write(set("check-roles", Status::InProgress, None));
    laptop.write(set("create-tenant", Status::Blocked, Some("the firewall")));
    let (desk, _dir) = desk(laptop);
    let view = desk.today(DAY, 5, at(1_100)).unwrap();

    let front = view.front.unwrap();
    assert_eq!((front.tenant_name.as_str(), front.left_at.is_some()), ("Hill School", true));
    assert_eq!(front.next.unwrap().title, desk.item("hill", "check-roles", at(1_100)).unwrap().item.title);
    assert_eq!(front.blocked.len(), 1);
    assert_eq!(front.blocked[0].block.as_ref().unwrap().reason, "the firewall");
    assert_eq!((view.late, view.due_today), (1, 1));
    assert_eq!(view.due[0].due.as_deref(), Some(DAY));
    assert_eq!(view.blocked_total, 1);
    assert_eq!(view.blocked[0].tenant_name, "Lake School");

    // The trail says the same as the checklist.
    let list = desk.checklist("hill", None).unwrap();
    let shown: u32 = front.phases.iter().map(|p| p.progress.total).sum();
    assert_eq!((shown, front.progress), (list.tenant.progress.total, list.tenant.progress));
    assert_eq!(list.tenant.trail.replace(' ', "").len() as u32, shown);
    assert_eq!(desk.today("soon", 5, at(1_100)).unwrap_err().code, "bad_date");
}

#[test]
fn what_waits_for_a_platform_and_what_is_disputed_or_refused_is_listed() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    a.write(field("name-contacts", ItemField::Note, "mine"));
    b.write(field("name-contacts", ItemField::Note, "theirs"));
    a.sync(&mut fake);
    b.sync(&mut fake);
    a.sync(&mut fake);
    let refused = a.write(set("check-roles", Status::Complete, None));
    a.push(&mut fake, fake::Take::Refuse(refused.op.device_seq));
    let (mut desk, _dir) = desk(a);
    desk.set_status("hill", "change-first-password", "complete", None, None, at(1_100)).unwrap();
    let view = desk.today(DAY, 5, at(1_100)).unwrap();
    assert_eq!(view.unverified.iter().map(|t| t.status.as_str()).collect::<Vec<_>>(), ["waiting_to_verify"]);
    let kinds: Vec<(&str, bool)> =
        view.decisions.iter().map(|d| (d.kind.as_str(), d.problem.is_some())).collect();
    assert_eq!(kinds, [("conflict", false), ("refused", true)]);
    assert_eq!(view.decisions_total, 2);
    assert!(view.decisions.iter().all(|d| d.title.is_some()));
}

fn only(filter: HistoryFilter) -> HistoryFilter {
    HistoryFilter { tenant: Some("t1".to_owned()), ..filter }
}

fn said(row: &ChangeRow) -> (Option<&str>, Option<&str>, Option<&str>) {
    (row.field.as_deref(), row.before.as_deref(), row.after.as_deref())
}

#[test]
fn history_shows_before_and_after_and_why() {
    let (_fake, mut laptop) = two_tenants();
    laptop.write(set("check-roles", Status::InProgress, None));
    laptop.write(set("check-roles", Status::Blocked, Some("no answer")));
    laptop.write(field("name-contacts", ItemField::Due, DAY));
    let (desk, _dir) = desk(laptop);
    let page = desk.changes(&only(HistoryFilter::default())).unwrap();
    assert_eq!(page.total, Some(page.ops.len() as u64));
    assert!(page.people.first().is_some_and(|p| p.account == "a"), "one's own name comes first");
    let [due, blocked, begun] = &page.ops[..3] else { panic!("{page:?}") };
    assert_eq!(said(due), (Some("due"), Some("Empty"), Some(DAY)));
    assert_eq!(said(blocked), (Some("status"), Some("In progress"), Some("Blocked")));
    assert_eq!(blocked.reason.as_deref(), Some("no answer"));
    assert!(blocked.mine && blocked.cannot.is_none() && blocked.outcome == "pending");
    assert_eq!(begun.cannot.as_deref(), Some("built_on"));
    assert_eq!(begun.entity, Some(item("check-roles").to_string()));
    let across = desk.changes(&HistoryFilter::default()).unwrap();
    assert!(across.ops.iter().any(|row| row.tenant_name == "Lake School"));
}

#[test]
fn history_finds_by_kind_person_item_and_words() {
    let (_fake, mut laptop) = two_tenants();
    laptop.write(set("check-roles", Status::Blocked, Some("The Firewall turns it away")));
    laptop.write(field("name-contacts", ItemField::Note, "firewall too"));
    let (desk, _dir) = desk(laptop);
    let count = |filter: HistoryFilter| desk.changes(&only(filter)).unwrap().ops.len();
    let text = |words: &str| HistoryFilter { text: Some(words.to_owned()), ..HistoryFilter::default() };
    assert_eq!(count(text("FIREWALL")), 2);
    assert_eq!(count(text("firewall blocked")), 1);
    assert_eq!(count(text("no such words")), 0);
    let kind = |kind: &str| HistoryFilter { kind: Some(kind.to_owned()), ..HistoryFilter::default() };
    assert_eq!((count(kind("status")), count(kind("field")), count(kind("comment"))), (1, 1, 0));
    let entity = HistoryFilter { entity: Some(item("name-contacts").to_string()), ..Default::default() };
    assert_eq!(count(entity), 1);
    assert_eq!(count(HistoryFilter { person: Some("a".into()), ..Default::default() }), 2);
    for (filter, code) in [
        (kind("nonsense"), "bad_kind"),
        (HistoryFilter { from: Some("soon".into()), ..Default::default() }, "bad_date"),
        (HistoryFilter { after: Some("there".into()), ..Default::default() }, "bad_id"),
        (HistoryFilter { tenant: Some("t9".into()), ..Default::default() }, "unknown_tenant"),
    ] {
        assert_eq!(desk.changes(&filter).unwrap_err().code, code);
    }
}

#[test]
fn a_search_for_words_goes_on_page_by_page_to_the_end() {
    let (_fake, mut laptop) = two_tenants();
    for n in 0..30 {
        laptop.write(field("name-contacts", ItemField::Note, &format!("note {n}")));
    }
    let (desk, _dir) = desk(laptop);
    let mut filter = only(HistoryFilter { limit: Some(3), ..HistoryFilter::default() });
    let mut seen = 0;
    loop {
        let page = desk.changes(&filter).unwrap();
        seen += page.ops.len();
        assert_eq!(page.total.is_some(), filter.after.is_none());
        match page.next {
            Some(next) => filter.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, 32, "30 own ones, the tenant's creation and the project's start");
}

#[test]
fn spans_are_tried_then_taken_back_and_restored() {
    let (_fake, mut laptop) = two_tenants();
    let ops: Vec<String> = [
        set("check-roles", Status::InProgress, None),
        set("check-roles", Status::Complete, None),
        field("name-contacts", ItemField::Note, "x"),
    ]
    .into_iter()
    .map(|change| laptop.write(change).op.to_string())
    .chain(["t1:nobody:1".to_owned()])
    .collect();
    let (mut desk, _dir) = desk(laptop);
    let status = |desk: &Desk| desk.item("hill", "check-roles", at(1_200)).unwrap().item.status;
    let tried = desk.revert(&ops, false, at(1_200)).unwrap();
    assert_eq!((tried.reverted, tried.writes.len(), tried.refused.len()), (3, 2, 1));
    assert_eq!(tried.refused[0].code, "unknown_op");
    assert_eq!(status(&desk), "complete");
    let done = desk.revert(&ops, true, at(1_200)).unwrap();
    assert_eq!((done.reverted, done.writes.len()), (3, 2));
    assert_eq!(status(&desk), "not_started");
    desk.revert(&done.writes, true, at(1_201)).unwrap();
    assert_eq!(status(&desk), "complete");
    let many = vec![ops[0].clone(); cairn_app::many::MOST_AT_ONCE + 1];
    assert_eq!(desk.revert(&many, false, at(1_202)).unwrap_err().code, "too_many");
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:.1} ms", start.elapsed().as_secs_f64() * 1_000.0);
    done
}

/// 1,000 tenants with 26 items each, a few of them worked on. Prints what a start, Today, the list
/// and the first page of History across all of them cost:
/// `cargo test -p cairn-app --test today -- --ignored --nocapture a_thousand`.
#[test]
#[ignore = "a measurement"]
fn a_thousand_tenants() {
    let mut fake = Fake::new();
    for n in 0..1_000 {
        let tenant: TenantId = format!("m{n}").parse().unwrap();
        let name = format!("School {n}");
        fake.says(&tenant, Change::TenantCreated { slug: format!("school-{n}"), name });
        fake.says(&tenant, start(project()));
        fake.says(&tenant, set("name-contacts", Status::Complete, None));
        fake.says(&tenant, set("check-roles", Status::Blocked, Some("no answer from their IT")));
        fake.says(&tenant, field("create-tenant", ItemField::Due, "2023-11-14"));
    }
    let mut laptop = timed("first pull", || Laptop::new(&mut fake, "a", 1));
    laptop.write(set("check-roles", Status::InProgress, None));
    laptop.reopen();
    let path = laptop.store.path().to_owned();
    let (first, dir) = desk(laptop);
    timed("Today, every summary derived", || first.today(DAY, 5, at(1_100)).unwrap());
    drop(first);
    let store = cairn_store::Store::open(&path, &fake::data_key(), cairn_store::SystemEntropy).unwrap();
    let mut again = Desk { store };
    let view = timed("Today, after a start", || again.today(DAY, 5, at(1_100)).unwrap());
    assert_eq!((view.late, view.blocked_total), (1_000, 1_000));
    timed("Today, again", || again.today(DAY, 5, at(1_100)).unwrap());
    again.set_status("hill", "name-contacts", "complete", None, None, at(1_101)).unwrap();
    timed("Today, after a change", || again.today(DAY, 5, at(1_101)).unwrap());
    let rows = timed("the list of tenants", || again.tenants().unwrap());
    println!("the list as JSON: {} kB", serde_json::to_string(&rows).unwrap().len() / 1_000);
    timed("the sync line", || again.status("offline", None, at(1_101)).unwrap());
    timed("a page of History of all", || again.changes(&HistoryFilter::default()).unwrap());
    drop(dir);
}

/// One tenant with 20,000 changes. Prints what pages of History, a search that
/// finds nothing in a stretch, and a revert of 500 cost.
#[test]
#[ignore = "a measurement"]
fn a_long_history() {
    let ops = 20_000;
    let mut fake = Fake::new();
    let mut laptop = Laptop::new(&mut fake, "a", 1);
    let keys: Vec<String> = fake::book().items.iter().map(|item| item.key.clone()).collect();
    for n in 0..ops {
        let change = field(&keys[n % keys.len()], ItemField::Note, &format!("note {n}"));
        laptop.store.write(&tenant(), Draft::new(change), at(1_000 + n as i64)).unwrap();
        if n % 2_000 == 1_999 {
            laptop.sync(&mut fake);
        }
    }
    laptop.sync(&mut fake);
    let (mut desk, _dir) = desk(laptop);
    let all = HistoryFilter::default();
    for (what, filter) in [("of all", all.clone()), ("of one", only(all.clone()))] {
        let page = timed(&format!("first page {what}"), || desk.changes(&filter).unwrap());
        println!("  of {:?}", page.total);
        let next = HistoryFilter { after: page.next, ..filter.clone() };
        timed("  the next page", || desk.changes(&next).unwrap());
        let person = HistoryFilter { person: Some("service".into()), ..filter.clone() };
        timed("  by somebody who wrote little", || desk.changes(&person).unwrap());
        let words = HistoryFilter { text: Some("nowhere".into()), ..filter };
        timed("  a stretch of a search", || desk.changes(&words).unwrap());
    }
    let page = desk.changes(&only(HistoryFilter { limit: Some(500), ..all })).unwrap();
    let span: Vec<String> = page.ops.into_iter().map(|row| row.id).collect();
    let lease = at(1_000 + ops as i64);
    desk.store.note_contact(lease).unwrap();
    timed("trying to take 500 back", || desk.revert(&span, false, lease).unwrap());
    let done = timed("taking 500 back", || desk.revert(&span, true, lease).unwrap());
    println!("  {} by {} writes", done.reverted, done.writes.len());
}
