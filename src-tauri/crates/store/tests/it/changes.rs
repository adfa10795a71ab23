//! History page by page, changes taken back together, and summaries that outlive the program.

use cairn_domain::change::{ItemField, Status};
use cairn_domain::{Change, OpId};
use cairn_store::{ChangesQuery, HistoryLine, Reverted, Run, Store};
use serde_json::json;

use crate::fake::{Fake, Laptop, at, item, tenant};

fn note(key: &str, text: &str) -> Change {
    Change::ItemFieldSet { item: item(key), field: ItemField::Note, value: json!(text) }
}

fn status(key: &str, status: Status, reason: Option<&str>) -> Change {
    Change::ItemStatusSet { item: item(key), status, reason: reason.map(str::to_owned) }
}

fn all(limit: usize) -> ChangesQuery {
    ChangesQuery { limit, ..ChangesQuery::default() }
}

fn ids(lines: &[HistoryLine]) -> Vec<OpId> {
    lines.iter().map(|line| line.op.clone()).collect()
}

/// Every page of a query, one after the other.
fn pages(store: &Store, mut query: ChangesQuery) -> Vec<OpId> {
    let mut out = Vec::new();
    loop {
        let page = store.changes(&query).unwrap();
        out.extend(ids(&page.lines));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return out,
        }
    }
}

/// Two people's confirmed changes and one that waits.
fn worked() -> (Laptop, Vec<OpId>) {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let mut ops = vec![a.write(note("name-contacts", "one")).op];
    a.sync(&mut fake);
    b.clock = 2_000;
    ops.push(b.write(status("check-roles", Status::InProgress, None)).op);
    b.sync(&mut fake);
    a.sync(&mut fake);
    a.clock = 3_000;
    ops.push(a.write(note("name-contacts", "two")).op);
    ops.reverse();
    (a, ops)
}

#[test]
fn pages_of_any_size_give_every_change_once_newest_first() {
    let (a, newest) = worked();
    let whole = pages(&a.store, all(100));
    assert_eq!(whole[..3], newest);
    for (limit, of) in [(1, None), (2, None), (3, Some(tenant())), (1, Some(tenant()))] {
        let query = ChangesQuery { tenant: of, ..all(limit) };
        assert_eq!(a.store.count_changes(&query).unwrap(), whole.len() as u64);
        assert_eq!(pages(&a.store, query), whole, "{limit}");
    }
    assert!(whole.iter().all(|op| op.tenant == tenant()), "the journal of accounts stands apart");
}

#[test]
fn a_query_narrows_by_person_verb_time_and_item() {
    let (a, newest) = worked();
    let [waits, others, first] = [&newest[0], &newest[1], &newest[2]];
    let cases: Vec<(ChangesQuery, Vec<&OpId>)> = vec![
        (ChangesQuery { actor: Some("a".parse().unwrap()), ..all(9) }, vec![waits, first]),
        (ChangesQuery { actor: Some("b".parse().unwrap()), ..all(9) }, vec![others]),
        (ChangesQuery { verbs: vec!["ItemStatusSet".into()], ..all(9) }, vec![others]),
        (ChangesQuery { from: Some(at(2_001)), ..all(9) }, vec![waits, others]),
        (ChangesQuery { from: Some(at(1_001)), until: Some(at(2_001)), ..all(9) }, vec![first]),
        (
            ChangesQuery { tenant: Some(tenant()), entity: Some(item("name-contacts")), ..all(9) },
            vec![waits, first],
        ),
    ];
    for (query, wanted) in cases {
        let found = a.store.changes(&query).unwrap();
        assert_eq!(ids(&found.lines), wanted.into_iter().cloned().collect::<Vec<_>>(), "{query:?}");
        assert_eq!(a.store.count_changes(&query).unwrap(), found.lines.len() as u64);
    }
}

#[test]
fn a_line_knows_whether_it_can_be_taken_back() {
    let (a, newest) = worked();
    let codes: Vec<Option<String>> = newest
        .iter()
        .map(|op| a.store.change(op).unwrap().unwrap())
        .map(|line| a.store.undoable(&line).unwrap().err().map(|refusal| refusal.code))
        .collect();
    assert_eq!(codes, [None, None, Some("built_on".to_owned())]);
    let unknown: OpId = "t1:nobody:1".parse().unwrap();
    assert!(a.store.change(&unknown).unwrap().is_none());
}

fn note_of(laptop: &Laptop, key: &str) -> serde_json::Value {
    let key = cairn_domain::CellKey::new(item(key), "note");
    let cells = laptop.cells();
    cells.get(&key).and_then(|cell| cell.winner()).map(|(_, kept)| kept.value.clone()).unwrap_or_default()
}

fn codes(done: &[Reverted]) -> Vec<(usize, Option<String>)> {
    done.iter()
        .map(|one| (one.ops.len(), one.outcome.as_ref().err().map(|error| error.code().to_owned())))
        .collect()
}

#[test]
fn a_span_is_taken_back_by_one_write_per_cell_and_that_can_be_taken_back_too() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let mut ops = vec![a.write(note("name-contacts", "one")).op];
    a.sync(&mut fake);
    ops.push(a.write(note("name-contacts", "two")).op);
    ops.push(a.write(note("name-contacts", "three")).op);
    ops.push(a.write(status("check-roles", Status::Blocked, Some("no answer"))).op);
    let before = a.store.counts(None).unwrap().pending;

    let tried = a.store.revert(&tenant(), &ops, at(4_000), Run::Try).unwrap();
    assert_eq!(codes(&tried), [(1, None), (3, None)]);
    assert_eq!(a.store.counts(None).unwrap().pending, before, "trying writes nothing");
    assert_eq!(note_of(&a, "name-contacts"), json!("three"));

    let done = a.store.revert(&tenant(), &ops, at(4_001), Run::Keep).unwrap();
    assert_eq!(codes(&done), [(1, None), (3, None)]);
    assert_eq!(a.store.counts(None).unwrap().pending, before + 2);
    assert_eq!(note_of(&a, "name-contacts"), json!(null));

    let writes: Vec<OpId> = done.into_iter().map(|one| one.outcome.unwrap().op).collect();
    a.store.revert(&tenant(), &writes, at(4_002), Run::Keep).unwrap();
    assert_eq!(note_of(&a, "name-contacts"), json!("three"));
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

#[test]
fn what_others_built_on_stays_and_says_so_and_keeps_nothing_else_back() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let mut ops = vec![a.write(note("name-contacts", "mine")).op, a.write(note("check-roles", "mine")).op];
    ops.push(
        a.write(Change::CommentAdded {
            on: item("check-roles"),
            text: "said".into(),
            visibility: cairn_domain::change::Visibility::Team,
        })
        .op,
    );
    a.sync(&mut fake);
    b.sync(&mut fake);
    b.write(note("name-contacts", "theirs"));
    b.sync(&mut fake);
    a.sync(&mut fake);
    let unknown: OpId = "t1:nobody:1".parse().unwrap();
    ops.push(unknown);
    let done = a.store.revert(&tenant(), &ops, at(4_000), Run::Keep).unwrap();
    let mut codes = codes(&done);
    codes.sort();
    let said = |code: &str| (1, Some(code.to_owned()));
    assert_eq!(codes, [(1, None), said("built_on"), said("nothing_to_undo"), said("unknown_op")]);
    assert_eq!(note_of(&a, "name-contacts"), json!("theirs"));
    assert_eq!(note_of(&a, "check-roles"), json!(null));
}

/// Tenants of one playbook, with a little work in each.
fn many(count: usize) -> (Fake, Laptop, Vec<cairn_domain::TenantId>) {
    let mut fake = Fake::new();
    let tenants: Vec<cairn_domain::TenantId> = (0..count).map(|n| format!("m{n}").parse().unwrap()).collect();
    for (n, tenant) in tenants.iter().enumerate() {
        let name = format!("School {n}");
        fake.says(tenant, Change::TenantCreated { slug: format!("school-{n}"), name });
        fake.says(tenant, crate::fake::start(crate::fake::project()));
    }
    let a = Laptop::new(&mut fake, "a", 1);
    (fake, a, tenants)
}

#[test]
fn summaries_are_kept_for_the_next_start_and_never_outlive_a_change() {
    let (_fake, mut a, tenants) = many(40);
    let first = a.store.tenants().unwrap();
    assert_eq!(a.store.kept_summaries().unwrap(), 41);
    a.reopen();
    assert_eq!(a.store.tenants().unwrap(), first);

    a.clock = 5_000;
    a.write(status("check-roles", Status::Complete, None));
    a.reopen();
    let then = a.store.tenants().unwrap();
    let row = |all: &[cairn_store::TenantSummary]| {
        all.iter().find(|s| s.id == tenant()).map(|s| (s.progress.done, s.agenda.tasks.len())).unwrap()
    };
    assert_eq!(row(&then), (row(&first).0 + 1, row(&first).1 - 1));
    assert!(then.iter().find(|s| s.id == tenant()).unwrap().agenda.last.contains_key(&a.account));

    a.store.drop_tenant(&tenants[1], true).unwrap();
    assert_eq!(a.store.kept_summaries().unwrap(), 40, "nothing of a tenant stays behind");
}
