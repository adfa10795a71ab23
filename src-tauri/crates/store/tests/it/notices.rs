//! The inbox: what is news, what stays known, what goes with its cause.

use cairn_domain::Change;
use cairn_domain::change::ItemField;
use cairn_domain::notice::{Kind, Notice};
use chrono::NaiveDate;
use serde_json::json;

use crate::fake::{Fake, Laptop, at, item, tenant};

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, n).unwrap()
}

fn notice(key: &str) -> Notice {
    Notice {
        key: key.to_owned(),
        kind: Kind::Reply,
        on: cairn_domain::Entity::Tenant,
        title: "A place".into(),
        by: None,
        at: None,
        text: "words".into(),
    }
}

fn laptop() -> (Fake, Laptop) {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("something"));
    a.sync(&mut fake);
    (fake, a)
}

fn untold(a: &Laptop) -> Vec<String> {
    a.store.untold().unwrap().into_iter().map(|kept| kept.notice.key).collect()
}

#[test]
fn what_stood_before_is_no_news_and_what_comes_after_is_once() {
    let (_fake, mut a) = laptop();
    let t = tenant();
    a.store.keep_notices(&t, day(1), &[notice("old")], at(0)).unwrap();
    assert_eq!((untold(&a), a.store.unread().unwrap()), (vec![], 0));
    a.store.keep_notices(&t, day(1), &[notice("old"), notice("new")], at(1)).unwrap();
    assert_eq!((untold(&a), a.store.unread().unwrap()), (vec!["new".to_owned()], 1));
    a.store.mark_told(&[(t.clone(), "new".into())]).unwrap();
    a.store.keep_notices(&t, day(1), &[notice("old"), notice("new")], at(2)).unwrap();
    assert_eq!((untold(&a), a.store.unread().unwrap()), (vec![], 1));
    a.store.mark_read(&[(t.clone(), "new".into())]).unwrap();
    a.store.keep_notices(&t, day(1), &[notice("old"), notice("new")], at(3)).unwrap();
    let inbox = a.store.inbox(10).unwrap();
    assert_eq!(a.store.unread().unwrap(), 0);
    assert_eq!(
        inbox.iter().map(|k| (k.notice.key.as_str(), k.since)).collect::<Vec<_>>(),
        [("new", at(1)), ("old", at(0))]
    );
}

#[test]
fn a_notice_goes_with_its_cause_and_is_news_again_when_that_comes_back() {
    let (_fake, mut a) = laptop();
    let t = tenant();
    a.store.keep_notices(&t, day(1), &[], at(0)).unwrap();
    a.store.keep_notices(&t, day(1), &[notice("one")], at(1)).unwrap();
    a.store.mark_all_read().unwrap();
    a.store.keep_notices(&t, day(1), &[], at(2)).unwrap();
    assert!(a.store.inbox(10).unwrap().is_empty());
    a.store.keep_notices(&t, day(1), &[notice("one")], at(3)).unwrap();
    assert_eq!(untold(&a), ["one"]);
}

#[test]
fn a_tenant_is_looked_at_again_after_a_change_and_on_another_day() {
    let (mut fake, mut a) = laptop();
    let t = tenant();
    assert_eq!(a.store.unnoticed(day(1)).unwrap(), std::slice::from_ref(&t));
    a.store.keep_notices(&t, day(1), &[], at(0)).unwrap();
    assert!(a.store.unnoticed(day(1)).unwrap().is_empty());
    assert_eq!(a.store.unnoticed(day(2)).unwrap(), std::slice::from_ref(&t));
    a.write(note("more"));
    assert_eq!(a.store.unnoticed(day(1)).unwrap(), std::slice::from_ref(&t));
    a.store.keep_notices(&t, day(1), &[], at(0)).unwrap();
    a.sync(&mut fake);
    assert_eq!(a.store.unnoticed(day(1)).unwrap(), std::slice::from_ref(&t), "it was confirmed");
}

#[test]
fn the_inbox_of_a_tenant_goes_with_it() {
    let (_fake, mut a) = laptop();
    let t = tenant();
    a.store.keep_notices(&t, day(1), &[notice("one")], at(0)).unwrap();
    a.store.drop_tenant(&t, false).unwrap();
    assert!(a.store.inbox(10).unwrap().is_empty());
    assert_eq!(a.store.keep_notices(&t, day(1), &[], at(0)).unwrap_err().code(), "unknown_tenant");
}
