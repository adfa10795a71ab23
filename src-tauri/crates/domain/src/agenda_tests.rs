//! What Today says, rule by rule.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::id::ProjectId;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn person(name: &str) -> Owner {
    Owner::Account(name.parse().unwrap())
}

/// Mara at eight on a Thursday.
fn mara() -> Viewer {
    Viewer {
        account: "mara".parse().unwrap(),
        role: "IMPL_SPEC".to_owned(),
        day: day("2026-03-12"),
        now: at("2026-03-12T08:00:00Z"),
    }
}

fn task(key: &str) -> Task {
    Task {
        entity: Entity::Item(ProjectId { playbook: "p".to_owned(), n: 0 }, key.to_owned()),
        title: key.to_owned(),
        status: Status::NotStarted,
        conflict: false,
        owner: None,
        due: None,
        waits: false,
        changed: None,
        block: None,
    }
}

fn due(key: &str, on: &str) -> Task {
    Task { due: Some(day(on)), ..task(key) }
}

fn stuck(key: &str, severity: &str, opened: &str) -> Task {
    let block = Block {
        reason: "no answer".to_owned(),
        owner: None,
        waiting_on: Some("client".to_owned()),
        severity: severity.to_owned(),
        opened: Some(at(opened)),
    };
    Task { status: Status::Blocked, block: Some(block), ..task(key) }
}

fn agenda(tasks: Vec<Task>) -> Agenda {
    Agenda { tasks, ..Agenda::default() }
}

fn written(mut agenda: Agenda, when: &str) -> Agenda {
    agenda.last.insert("mara".parse().unwrap(), at(when));
    agenda
}

fn place<'a>(name: &'a str, agenda: &'a Agenda) -> Place<'a> {
    Place { name, go_live: None, active: true, agenda }
}

fn titles(lines: &[Line<'_>]) -> Vec<String> {
    lines.iter().map(|l| format!("{}:{}", l.place, l.task.title)).collect()
}

fn next_of(tasks: Vec<Task>) -> Option<String> {
    next(&agenda(tasks), &mara()).map(|t| t.title.clone())
}

#[test]
fn next_is_what_is_ready_and_ones_own_then_the_earliest() {
    let waits = Task { waits: true, ..due("waits", "2026-03-01") };
    let others = Task { owner: Some(person("ben")), ..due("others", "2026-03-02") };
    let foreign =
        Task { owner: Some(Owner::Role("district_admin".to_owned())), ..due("foreign", "2026-03-03") };
    let role = Task { owner: Some(Owner::Role("IMPL_SPEC".to_owned())), ..due("role", "2026-03-20") };
    let mine = Task { owner: Some(person("mara")), ..task("mine") };
    let mut left = vec![waits, others, foreign, role, mine];
    for wanted in ["mine", "role", "others", "foreign", "waits"] {
        assert_eq!(next_of(left.clone()).as_deref(), Some(wanted));
        left.retain(|task| task.title != wanted);
    }
    assert_eq!(next_of(left), None);
}

#[test]
fn next_prefers_dates_then_what_was_begun_then_the_playbooks_order() {
    let begun = |key: &str| Task { status: Status::InProgress, ..task(key) };
    assert_eq!(next_of(vec![task("a"), begun("b"), due("c", "2027-01-01")]).as_deref(), Some("c"));
    assert_eq!(next_of(vec![task("a"), begun("b")]).as_deref(), Some("b"));
    assert_eq!(next_of(vec![task("a"), task("b")]).as_deref(), Some("a"));
}

#[test]
fn nothing_is_next_where_all_is_blocked_claimed_or_disputed() {
    let claimed = Task { status: Status::WaitingToVerify, ..task("claimed") };
    let disputed = Task { status: Status::Complete, conflict: true, ..task("disputed") };
    assert_eq!(next_of(vec![stuck("b", "P2", "2026-03-09T09:00:00Z"), claimed, disputed]), None);
}

#[test]
fn due_counts_by_the_day_and_looks_a_week_ahead() {
    let one = agenda(vec![
        due("week", "2026-03-19"),
        due("beyond", "2026-03-20"),
        due("today", "2026-03-12"),
        due("late", "2026-03-11"),
        task("undated"),
    ]);
    let two = agenda(vec![due("tomorrow", "2026-03-13")]);
    let busy = written(agenda(vec![task("elsewhere")]), "2026-03-11T18:20:00Z");
    let places = [place("b", &one), place("a", &two), place("c", &busy)];
    let view = today(&places, &mara());
    assert_eq!(titles(&view.due), ["0:late", "0:today", "1:tomorrow", "0:week"]);
    assert_eq!((view.late, view.due_today), (1, 1));
    assert_eq!(view.upcoming.map(|l| l.task.title.as_str()), Some("tomorrow"));
    assert_eq!(view.front.unwrap().place, 2);
}

#[test]
fn what_is_next_in_front_is_not_said_twice_but_counts() {
    let one = agenda(vec![due("first", "2026-03-12"), due("second", "2026-03-12")]);
    let view = today(&[place("a", &one)], &mara());
    assert_eq!(view.front.as_ref().and_then(|f| f.next).map(|t| t.title.as_str()), Some("first"));
    assert_eq!(titles(&view.due), ["0:second"]);
    assert_eq!(view.due_today, 2);
}

#[test]
fn equal_days_stand_own_first_then_by_tenant() {
    let ben = Task { owner: Some(person("ben")), ..due("ben's", "2026-03-13") };
    let one = agenda(vec![ben, due("z", "2026-03-13")]);
    let two = agenda(vec![due("a", "2026-03-13")]);
    let front = written(agenda(vec![task("x")]), "2026-03-11T18:20:00Z");
    let view = today(&[place("z", &one), place("a", &two), place("f", &front)], &mara());
    assert_eq!(titles(&view.due), ["1:a", "0:z", "0:ben's"]);
}

#[test]
fn it_opens_where_one_left_off_and_else_where_it_is_most_urgent() {
    let older = written(agenda(vec![task("o")]), "2026-03-10T08:00:00Z");
    let newer = written(agenda(vec![task("n")]), "2026-03-11T18:20:00Z");
    let urgent = agenda(vec![due("u", "2026-03-01")]);
    let all = [place("older", &older), place("newer", &newer), place("urgent", &urgent)];
    let front = today(&all, &mara()).front.unwrap();
    assert_eq!((front.place, front.left), (1, Some(at("2026-03-11T18:20:00Z"))));

    let long_ago = written(agenda(vec![task("l")]), "2026-02-20T08:00:00Z");
    let finished = written(agenda(vec![]), "2026-03-11T18:20:00Z");
    let all = [place("long ago", &long_ago), place("finished", &finished), place("urgent", &urgent)];
    let front = today(&all, &mara()).front.unwrap();
    assert_eq!((front.place, front.left), (2, None));
}

#[test]
fn among_equally_urgent_tenants_the_nearest_go_live_leads() {
    let one = agenda(vec![task("a")]);
    let places = [
        place("without", &one),
        Place { go_live: Some("2026-05-01"), ..place("may", &one) },
        Place { go_live: Some("2026-04-01"), ..place("april", &one) },
    ];
    assert_eq!(today(&places, &mara()).front.unwrap().place, 2);
}

#[test]
fn blocked_stands_by_severity_then_age_and_apart_for_the_front() {
    let front = written(
        agenda(vec![
            stuck("young", "P2", "2026-03-11T09:00:00Z"),
            stuck("old", "P2", "2026-03-09T09:00:00Z"),
        ]),
        "2026-03-11T18:20:00Z",
    );
    let one =
        agenda(vec![stuck("p2", "P2", "2026-01-01T09:00:00Z"), stuck("p0", "P0", "2026-03-11T09:00:00Z")]);
    let view = today(&[place("front", &front), place("one", &one)], &mara());
    assert_eq!(titles(&view.blocked), ["1:p0", "1:p2"]);
    let stuck: Vec<&str> = view.front.unwrap().blocked.iter().map(|t| t.title.as_str()).collect();
    assert_eq!(stuck, ["old", "young"]);
}

#[test]
fn claims_wait_for_a_connection_the_oldest_first() {
    let claim = |key: &str, when: &str| Task {
        status: Status::WaitingToVerify,
        changed: Some(("mara".parse().unwrap(), at(when))),
        ..due(key, "2026-03-01")
    };
    let one = agenda(vec![claim("new", "2026-03-11T09:00:00Z"), claim("old", "2026-03-10T09:00:00Z")]);
    let view = today(&[place("one", &one)], &mara());
    assert_eq!(titles(&view.unverified), ["0:old", "0:new"]);
    assert!(view.due.is_empty(), "what is claimed needs nothing from anyone here");
}

#[test]
fn projects_on_hold_are_left_out() {
    let one = written(
        agenda(vec![due("late", "2026-03-01"), stuck("b", "P0", "2026-03-09T09:00:00Z")]),
        "2026-03-11T18:20:00Z",
    );
    let view = today(&[Place { active: false, ..place("held", &one) }], &mara());
    assert!(view.front.is_none() && view.due.is_empty() && view.blocked.is_empty());
    assert_eq!(view.late, 0);
}

#[test]
fn an_agenda_survives_being_kept() {
    let mut all = written(
        agenda(vec![stuck("b", "P1", "2026-03-09T09:00:00Z"), due("d", "2026-03-01")]),
        "2026-03-11T18:20:00Z",
    );
    all.phases.push(Stretch { key: "k".into(), title: "T".into(), stones: "cpvob".into(), done: 1 });
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Agenda>(&text).unwrap(), all);
}
