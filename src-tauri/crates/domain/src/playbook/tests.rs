#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A small playbook that uses every part of the format. Tests edit it; line numbers count from 1.
const SMALL: &str = r#"key = "small"
version = 3
title = "Small"
tenant_kind = "school"
health_model = "schools"
roles = { school_admin = "Principal" }
duration = { min_days = 10, max_days = 20 }

[[modes]]
key = "pilot"
title = "Pilot"
min_sites = 1
max_sites = 3
metrics = ["logins_7d"]

[[modes]]
key = "full"
title = "Full"

[[phases]]
key = "one"
title = "One"

[[items]]
key = "a"
phase = "one"
title = "First"
owner_role = "CSM"
how_to = "https://help.example.org/a?b=c#d"

[[items]]
key = "b"
parent = "a"
title = "Second"
owner_role = "school_admin"
due = -3
depends_on = []
target = { at_least = 50, unit = "%", within_hours = 24 }
repeat = "weekly"
priority = "critical"
complexity = 5

[[items]]
key = "c"
phase = "one"
title = "Third"
owner_role = "IMPL_SPEC"
depends_on = ["a", "b"]
check = "sso_configured"
modes = ["full"]

[[steps]]
key = "s"
title = "Step"
owner_role = "school_admin"
needs = "Time."
modes = ["pilot"]

[[banners]]
key = "n"
text = "Look here."
action = "Open"
opens = "item:c"
audience = ["teacher"]
when = [{ metric = "logins_7d", below = 1.5 }, { check = "x", is = false }, { item = "a", complete = true }]

[[sign_offs]]
key = "done"
title = "Done"
role = "IMPL_MGR"
phase = "one"
"#;

/// `SMALL` with one piece of text replaced.
fn edited(from: &str, to: &str) -> String {
    assert_eq!(SMALL.matches(from).count(), 1, "{from:?} must be in SMALL once");
    SMALL.replacen(from, to, 1)
}

fn fault(source: &str) -> PlaybookError {
    parse(source).expect_err("the playbook must be refused")
}

fn keys<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<&'a str> {
    items.map(|item| item.key.as_str()).collect()
}

#[test]
fn reads_every_field() {
    let playbook = parse(SMALL).unwrap();
    assert_eq!((playbook.key.as_str(), playbook.version), ("small", 3));
    assert_eq!(playbook.roles["school_admin"], "Principal");
    assert_eq!(playbook.duration, Some(Duration { min_days: 10, max_days: 20 }));
    assert_eq!(playbook.mode("pilot").unwrap().max_sites, Some(3));
    let second = playbook.item("b").unwrap();
    assert_eq!(second.phase, "one", "a nested item takes the phase of its parent");
    assert_eq!(second.due, Some(-3));
    assert_eq!(second.repeat, Some(Repeat::Weekly));
    assert_eq!(second.priority, Some(Priority::Critical));
    assert_eq!(second.complexity, Some(5));
    let target = second.target.clone().unwrap();
    assert_eq!((target.bound, target.value, target.within_hours), (Bound::AtLeast, 50.0, Some(24)));
    assert_eq!(playbook.item("c").unwrap().depends_on, ["a", "b"]);
    let banner = &playbook.banners[0];
    assert_eq!(banner.opens, Opens::Item("c".into()));
    let expected =
        Condition::Metric { metric: "logins_7d".into(), comparison: Comparison::Below, value: 1.5 };
    assert_eq!(banner.when[0], expected);
    assert_eq!(playbook.sign_offs[0].phase.as_deref(), Some("one"));
}

#[test]
fn modes_pick_items_and_steps() {
    let playbook = parse(SMALL).unwrap();
    assert_eq!(keys(playbook.items_for(Some("pilot"))), ["a", "b"]);
    assert_eq!(keys(playbook.items_for(Some("full"))), ["a", "b", "c"]);
    assert_eq!(keys(playbook.items_for(None)), ["a", "b", "c"]);
    assert_eq!(keys(playbook.items_for(Some("elsewhere"))), ["a", "b"]);
    assert_eq!(playbook.steps_for(Some("pilot")).count(), 1);
    assert_eq!(playbook.steps_for(Some("full")).count(), 0);
    assert!(playbook.item("d").is_none() && playbook.step("s").is_some());
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    let digest = hex::encode(Sha256::digest(SMALL.as_bytes()));
    assert_eq!(parse(SMALL).unwrap().digest(), digest);
    assert_ne!(parse(&format!("{SMALL}# comment\n")).unwrap().digest(), digest);
}

#[test]
fn survives_json() {
    for source in samples() {
        let playbook = parse(source).unwrap();
        let json = serde_json::to_string(&playbook).unwrap();
        assert_eq!(serde_json::from_str::<Playbook>(&json).unwrap(), playbook);
    }
}

/// Each row: what is replaced, by what, and the fault that must be found with line and column.
#[test]
fn faults_have_their_place() {
    let long = format!("title = \"{}\"", "x".repeat(MAX_LINE_CHARS + 1));
    let table: &[(&str, &str, FaultCode, u32, u32)] = &[
        ("version = 3", "version = = 3", FaultCode::Syntax, 2, 11),
        ("version = 3", "version = 3\nversion = 4", FaultCode::Syntax, 3, 1),
        ("title = \"Small\"", "title = \"Small", FaultCode::Syntax, 3, 15),
        ("version = 3", "version = 3\nverzion = 3", FaultCode::UnknownField, 3, 1),
        ("title = \"First\"", "title = \"First\"\nowner = \"CSM\"", FaultCode::UnknownField, 28, 1),
        ("below = 1.5 }", "below = 1.5, x = 1 }", FaultCode::UnknownField, 65, 46),
        ("version = 3\n", "", FaultCode::MissingField, 1, 1),
        ("title = \"First\"\n", "", FaultCode::MissingField, 24, 1),
        ("title = \"Second\"\n", "", FaultCode::MissingField, 31, 1),
        ("phase = \"one\"\ntitle = \"First\"", "title = \"First\"", FaultCode::MissingField, 24, 1),
        ("at_least = 50, unit", "unit", FaultCode::MissingField, 38, 10),
        ("{ check = \"x\", is = false }", "{ is = false }", FaultCode::MissingField, 65, 48),
        ("version = 3", "version = \"3\"", FaultCode::WrongType, 2, 11),
        ("due = -3", "due = -3.5", FaultCode::WrongType, 36, 7),
        ("depends_on = []", "depends_on = \"a\"", FaultCode::WrongType, 37, 14),
        ("[\"a\", \"b\"]", "[\"a\", 7]", FaultCode::WrongType, 48, 20),
        ("roles = { school_admin = \"Principal\" }", "roles = 1", FaultCode::WrongType, 6, 9),
        ("is = false", "is = 0", FaultCode::WrongType, 65, 68),
        ("title = \"First\"", "title = \"\"", FaultCode::EmptyText, 27, 9),
        ("title = \"First\"", "title = \"  \"", FaultCode::EmptyText, 27, 9),
        ("title = \"First\"", "title = \"Fi\\nrst\"", FaultCode::BadText, 27, 9),
        ("title = \"First\"", &long, FaultCode::BadText, 27, 9),
        ("[\"teacher\"]", "[]", FaultCode::EmptyList, 64, 12),
        ("modes = [\"full\"]", "modes = []", FaultCode::EmptyList, 50, 9),
        ("key = \"a\"", "key = \"A b\"", FaultCode::BadKey, 25, 7),
        ("key = \"small\"", "key = \"small-\"", FaultCode::BadKey, 1, 7),
        ("check = \"sso_configured\"", "check = \"sso-configured\"", FaultCode::BadKey, 49, 9),
        ("key = \"c\"", "key = \"b\"", FaultCode::DuplicateKey, 44, 7),
        ("[\"a\", \"b\"]", "[\"a\", \"a\"]", FaultCode::DuplicateKey, 48, 20),
        ("version = 3", "version = 0", FaultCode::BadVersion, 2, 11),
        ("version = 3", "version = -1", FaultCode::BadVersion, 2, 11),
        ("version = 3", "version = 99999999999999999999", FaultCode::BadVersion, 2, 11),
        ("due = -3", "due = -4000", FaultCode::BadValue, 36, 7),
        ("complexity = 5", "complexity = 0", FaultCode::BadValue, 41, 14),
        ("repeat = \"weekly\"", "repeat = \"yearly\"", FaultCode::BadValue, 39, 10),
        ("priority = \"critical\"", "priority = \"P0\"", FaultCode::BadValue, 40, 12),
        ("at_least = 50", "at_least = inf", FaultCode::BadValue, 38, 23),
        ("at_least = 50", "at_least = 50, at_most = 60", FaultCode::BadValue, 38, 10),
        ("max_days = 20", "max_days = 9", FaultCode::BadValue, 7, 40),
        ("opens = \"item:c\"", "opens = \"screen:moon\"", FaultCode::BadValue, 63, 9),
        ("https://help", "http://help", FaultCode::BadLink, 29, 10),
        ("https://help.example.org/a?b=c#d", "javascript:alert(1)", FaultCode::BadLink, 29, 10),
        ("https://help", "https://me@help", FaultCode::BadLink, 29, 10),
        ("https://help", "https://help help", FaultCode::BadLink, 29, 10),
        ("https://help.example.org/a?b=c#d", "guide:../etc", FaultCode::BadLink, 29, 10),
        ("owner_role = \"CSM\"", "owner_role = \"csm\"", FaultCode::UnknownRole, 28, 14),
        ("{ school_admin =", "{ principal =", FaultCode::UnknownRole, 6, 11),
        ("[\"teacher\"]", "[\"teacher\", \"pupil\"]", FaultCode::UnknownRole, 64, 24),
        ("health_model = \"schools\"", "health_model = \"banks\"", FaultCode::UnknownHealthModel, 5, 16),
        (
            "phase = \"one\"\ntitle = \"Third\"",
            "phase = \"two\"\ntitle = \"T\"",
            FaultCode::UnknownPhase,
            45,
            9,
        ),
        ("modes = [\"full\"]", "modes = [\"full\", \"half\"]", FaultCode::UnknownMode, 50, 18),
        ("[\"a\", \"b\"]", "[\"a\", \"z\"]", FaultCode::UnknownDependency, 48, 20),
        ("parent = \"a\"", "parent = \"z\"", FaultCode::UnknownParent, 33, 10),
        ("opens = \"item:c\"", "opens = \"item:z\"", FaultCode::UnknownItem, 63, 9),
        ("item = \"a\", complete", "item = \"z\", complete", FaultCode::UnknownItem, 65, 86),
        ("opens = \"item:c\"", "opens = \"step:z\"", FaultCode::UnknownStep, 63, 9),
        ("depends_on = []", "depends_on = [\"b\"]", FaultCode::CircularDependency, 37, 14),
        ("depends_on = []", "depends_on = [\"c\"]", FaultCode::CircularDependency, 37, 14),
        ("depends_on = []", "depends_on = [\"a\"]", FaultCode::CircularDependency, 37, 14),
        ("parent = \"a\"", "parent = \"b\"", FaultCode::CircularParent, 33, 10),
        ("parent = \"a\"", "parent = \"c\"", FaultCode::ModeMismatch, 31, 1),
        ("parent = \"a\"", "parent = \"a\"\nphase = \"two\"", FaultCode::UnknownPhase, 34, 9),
        ("due = -3", "due = { pilot = -3, half = 1 }", FaultCode::UnknownMode, 36, 21),
        ("due = -3", "due = { pilot = -3, full = \"x\" }", FaultCode::WrongType, 36, 28),
        ("due = -3", "due = { pilot = -4000 }", FaultCode::BadValue, 36, 17),
        ("due = -3", "due = {}", FaultCode::EmptyList, 36, 7),
        ("title = \"One\"", "title = \"One\"\ndays = { full = 0 }", FaultCode::BadValue, 23, 17),
        ("max_sites = 3", "max_sites = 3\nduration = { min_days = 3 }", FaultCode::MissingField, 14, 12),
        ("repeat = \"weekly\"", "repeat = { every = \"weekly\" }", FaultCode::MissingField, 39, 10),
        ("repeat = \"weekly\"", "repeat = { times = 3 }", FaultCode::MissingField, 39, 10),
        ("repeat = \"weekly\"", "repeat = { every = \"weekly\", times = 0 }", FaultCode::BadValue, 39, 38),
        ("repeat = \"weekly\"", "repeat = { every = \"yearly\", times = 2 }", FaultCode::BadValue, 39, 20),
        (
            "repeat = \"weekly\"",
            "repeat = { every = \"daily\", times = 2, x = 1 }",
            FaultCode::UnknownField,
            39,
            40,
        ),
        ("repeat = \"weekly\"", "repeat = 3", FaultCode::WrongType, 39, 10),
        ("check = \"sso_configured\"", "sign_off = \"gone\"", FaultCode::UnknownSignOff, 49, 12),
        ("check = \"sso_configured\"", "sign_off = \"done\"", FaultCode::BadValue, 47, 14),
    ];
    let mut wrong = Vec::new();
    for (from, to, code, line, column) in table {
        let found = fault(&edited(from, to));
        let place = (found.code, found.line, found.column);
        if place != (*code, *line, *column) {
            wrong.push(format!("{from:?} -> {to:?}: wanted {line}:{column} {code}, found {found}"));
        }
        assert!(found.message.len() > 10, "{found}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_nested_item_stays_in_the_phase_of_its_parent() {
    let two = "[[phases]]\nkey = \"two\"\ntitle = \"Two\"\n\n[[items]]\nkey = \"a\"";
    let source =
        edited("[[items]]\nkey = \"a\"", two).replace("parent = \"a\"", "parent = \"a\"\nphase = \"two\"");
    let found = fault(&source);
    assert_eq!((found.code, found.line, found.column), (FaultCode::PhaseMismatch, 38, 9), "{found}");
}

#[test]
fn a_circle_is_named_whole() {
    let found = fault(&edited("depends_on = []", "depends_on = [\"c\"]"));
    // Item a is done when its nested b is; b waits for c, and c for a.
    assert!(found.message.ends_with("a -> b -> c -> a"), "{found}");
    let found = fault(&edited("parent = \"a\"", "parent = \"b\""));
    assert!(found.message.ends_with("b -> b"), "{found}");
}

#[test]
fn all_faults_come_in_order_of_place() {
    let source = edited("version = 3", "version = 0")
        .replace("title = \"First\"", "title = \"\"")
        .replace("[\"a\", \"b\"]", "[\"y\", \"z\"]");
    let faults = parse_all(&source).unwrap_err();
    let codes: Vec<_> = faults.iter().map(|fault| (fault.code, fault.line)).collect();
    let missing = FaultCode::UnknownDependency;
    assert_eq!(codes, [(FaultCode::BadVersion, 2), (FaultCode::EmptyText, 27), (missing, 48), (missing, 48)]);
    assert_eq!(parse(&source).unwrap_err(), faults[0]);
}

#[test]
fn columns_count_characters_and_lines_may_end_in_crlf() {
    let source = edited("title = \"First\"\nowner_role = \"CSM\"", "title = \"ÄÖ\"\r\nowner_role =  'ß'");
    let found = fault(&source);
    assert_eq!((found.code, found.line, found.column), (FaultCode::UnknownRole, 28, 15), "{found}");
    let found = fault("\u{feff}zzz = 1\n");
    assert_eq!((found.line, found.column), (1, 1), "{found}");
    let source = edited("{ metric = \"logins_7d\"", "{ metric = \"ÄÖ\"");
    let found = fault(&source.replace("audience = [\"teacher\"]", "audience = ['ÄÖÜ', 'x']"));
    assert_eq!((found.line, found.column), (64, 13), "{found}");
}

/// Items `i0..`, each with the extra lines that `more` gives for its number.
fn many(count: usize, more: impl Fn(usize) -> String) -> String {
    let head = "key=\"m\"\nversion=1\ntitle=\"M\"\ntenant_kind=\"t\"\nhealth_model=\"schools\"\n\
                phases=[{key=\"p\",title=\"P\"}]\n";
    let item =
        |i| format!("[[items]]\nkey=\"i{i}\"\ntitle=\"T\"\nphase=\"p\"\nowner_role=\"CSM\"\n{}\n", more(i));
    (0..count).fold(head.to_owned(), |source, i| source + &item(i))
}

#[test]
fn caps_hold() {
    let big = format!("{SMALL}#{}", "x".repeat(MAX_SOURCE_BYTES));
    let found = fault(&big);
    assert_eq!((found.code, found.line, found.column), (FaultCode::TooLarge, 1, 1));
    let padded = format!("{SMALL}{}", " ".repeat(MAX_SOURCE_BYTES - SMALL.len()));
    assert!(parse(&padded).is_ok(), "exactly the cap is allowed");

    let crowd = format!("items = [{}]", "{},".repeat(MAX_ITEMS + 1));
    let found = parse_all(&crowd).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].line, found[0].column), (FaultCode::TooManyItems, 1, 9));

    let empty = format!("items = [{}]", "{},".repeat(MAX_ITEMS));
    assert_eq!(parse_all(&empty).unwrap_err().len(), MAX_FAULTS);

    let nested =
        |depth| many(depth, |i| if i == 0 { String::new() } else { format!("parent=\"i{}\"", i - 1) });
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    let found = fault(&nested(MAX_DEPTH + 1));
    assert_eq!((found.code, found.column), (FaultCode::TooDeep, 8), "{found}");
}

#[test]
fn long_chains_and_circles_do_not_exhaust_the_stack() {
    let chain = many(6_000, |i| {
        format!("depends_on=[{}]", if i == 0 { String::new() } else { format!("\"i{}\"", i - 1) })
    });
    assert_eq!(parse(&chain).unwrap().items.len(), 6_000);
    let circle = many(6_000, |i| format!("depends_on=[\"i{}\"]", (i + 1) % 6_000));
    let found = fault(&circle);
    assert_eq!(found.code, FaultCode::CircularDependency);
    assert!(found.message.ends_with("i19 -> ... -> i0"), "{found}");
    let nest = many(6_000, |i| format!("parent=\"i{}\"", (i + 1) % 6_000));
    assert!(parse_all(&nest).unwrap_err().iter().any(|f| f.code == FaultCode::CircularParent));
    let deep = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(fault(&deep).code, FaultCode::Syntax);
}

#[test]
fn codes_read_as_they_are_written() {
    let found = fault(&edited("version = 3", "version = 0"));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["code"], found.code.as_str());
    assert_eq!((json["line"].as_u64(), json["column"].as_u64()), (Some(2), Some(11)));
    assert!(found.to_string().starts_with("line 2, column 11: "), "{found}");
}

#[test]
fn the_diff_names_what_an_upgrade_changes() {
    let old = parse(SMALL).unwrap();
    let source = edited("version = 3", "version = 4")
        .replace("title = \"Second\"", "title = \"Second, better\"")
        .replace("due = -3\n", "")
        .replace("key = \"c\"", "key = \"d\"")
        .replace("item:c", "item:d")
        .replace("needs = \"Time.\"", "needs = \"More time.\"");
    let new = parse(&source).unwrap();
    let change = diff(&old, &new, Some("full"));
    assert_eq!(keys(change.added.iter()), ["d"]);
    assert_eq!(keys(change.removed.iter()), ["c"]);
    assert_eq!(change.changed.len(), 1);
    assert_eq!(change.changed[0].key, "b");
    let fields: BTreeSet<_> = change.changed[0].fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, BTreeSet::from(["due", "title"]));
    let due = change.changed[0].fields.iter().find(|field| field.field == "due").unwrap();
    assert_eq!((&due.before, &due.after), (&serde_json::json!(-3), &serde_json::Value::Null));
    assert!(change.steps.changed.is_empty(), "mode full does not have the step");

    let change = diff(&old, &new, Some("pilot"));
    assert!(change.added.is_empty() && change.removed.is_empty());
    assert_eq!(change.steps.changed[0].key, "s");
    assert!(diff(&old, &old, None).is_empty());
}

#[test]
fn an_item_that_leaves_a_mode_is_removed_in_that_mode() {
    let old = parse(SMALL).unwrap();
    let new = parse(&edited("modes = [\"full\"]", "modes = [\"pilot\"]")).unwrap();
    assert_eq!(keys(diff(&old, &new, Some("full")).removed.iter()), ["c"]);
    assert_eq!(keys(diff(&old, &new, Some("pilot")).added.iter()), ["c"]);
    assert!(diff(&old, &new, None).is_empty());
}

#[test]
fn every_built_in_playbook_parses() {
    for built_in in built_in() {
        let playbook =
            parse_all(built_in.source).unwrap_or_else(|faults| panic!("{}: {faults:?}", built_in.key));
        assert_eq!(playbook.key, built_in.key);
        assert_eq!(built_in_by_key(built_in.key), Some(built_in));
        assert!(playbook.summary.is_some() && playbook.duration.is_some());
        // A nested item may lean on its parent for how it is done and what shows it.
        let explained = |i: &Item| i.parent.is_some() || (i.how_to.is_some() && i.evidence.is_some());
        assert!(playbook.items.iter().all(explained), "{}", built_in.key);
        for mode in modes_of(&playbook) {
            let dated = |i: &Item| i.due_in(mode).is_some();
            assert!(playbook.items_for(mode).all(dated), "{} {mode:?}", built_in.key);
        }
        let used: BTreeSet<_> = playbook.items.iter().map(|item| &item.phase).collect();
        assert_eq!(used.len(), playbook.phases.len(), "{}: a phase without items", built_in.key);
        // The first items are done by people before any platform is connected.
        assert!(playbook.items.iter().take(2).all(|item| item.check.is_none()));
    }
    assert!(built_in_by_key("nothing").is_none());
}

/// Every mode of a playbook, or none where it has none.
fn modes_of(playbook: &Playbook) -> Vec<Option<&str>> {
    if playbook.modes.is_empty() {
        return vec![None];
    }
    playbook.modes.iter().map(|mode| Some(mode.key.as_str())).collect()
}

/// Dates are a plan that can be kept: nothing is due before what it waits for.
#[test]
fn built_in_due_dates_follow_dependencies() {
    for built_in in built_in() {
        let playbook = parse(built_in.source).unwrap();
        for mode in modes_of(&playbook) {
            let items: Vec<_> = playbook.items_for(mode).collect();
            let by_key = |key: &String| items.iter().find(|item| item.key == *key);
            for item in &items {
                for needed in item.depends_on.iter().filter_map(by_key) {
                    let (first, then) = (needed.due_in(mode), item.due_in(mode));
                    assert!(first <= then, "{} {mode:?}: {} before {}", built_in.key, item.key, needed.key);
                }
                // Parents in the oldest playbook are work of their own, done before their parts.
                let parents = item.parent.iter().filter(|_| built_in.key != "first-school-go-live");
                for parent in parents.filter_map(by_key) {
                    let (part, whole) = (item.due_in(mode), parent.due_in(mode));
                    assert!(part <= whole, "{} {mode:?}: {} after {}", built_in.key, item.key, parent.key);
                }
            }
        }
    }
}

#[test]
fn built_in_links_lead_to_sections_of_their_guide() {
    for built_in in built_in() {
        let playbook = parse(built_in.source).unwrap();
        let heading =
            |line: &str| line.strip_prefix("## ").map(|title| title.to_lowercase().replace(' ', "-"));
        let sections: BTreeSet<_> = built_in.guide.lines().filter_map(heading).collect();
        let items = playbook.items.iter().filter_map(|item| item.how_to.as_deref());
        let steps = playbook.steps.iter().filter_map(|step| step.how_to.as_deref());
        for link in items.chain(steps) {
            let section = link.strip_prefix(&format!("guide:{}#", built_in.key)).expect(link);
            assert!(sections.contains(section), "{link}");
        }
    }
}

#[test]
fn school_district_has_ten_items_and_three_modes() {
    let playbook = parse(built_in_by_key("school-district").unwrap().source).unwrap();
    assert_eq!(playbook.items.len(), 10);
    assert_eq!(playbook.health_model, "schools");
    let modes: Vec<_> = playbook.modes.iter().map(|mode| mode.key.as_str()).collect();
    assert_eq!(modes, ["pilot", "phased", "full"]);
    let items = |mode| playbook.items_for(Some(mode)).count();
    assert_eq!((items("pilot"), items("phased"), items("full")), (7, 10, 8));
    let steps = |mode| playbook.steps_for(Some(mode)).count();
    assert_eq!((steps("pilot"), steps("phased"), steps("full")), (6, 8, 7));
    let pilot = playbook.mode("pilot").unwrap();
    assert_eq!((pilot.min_sites, pilot.max_sites), (Some(1), Some(3)));
    let metrics: BTreeSet<_> = playbook.modes.iter().map(|mode| &mode.metrics).collect();
    assert_eq!(metrics.len(), 3, "each mode looks at other metrics");
    assert_eq!(playbook.banners.len(), 3);
    assert_eq!(playbook.steps[0].key, "add-admin-contacts");
}

#[test]
fn first_school_has_its_phases_and_nested_items() {
    let playbook = parse(built_in_by_key("first-school-go-live").unwrap().source).unwrap();
    assert_eq!(playbook.items.len(), 26);
    assert!(playbook.modes.is_empty());
    let phases: Vec<_> = playbook.phases.iter().map(|phase| phase.title.as_str()).collect();
    assert_eq!(phases, ["Prepare", "Identity", "Data", "Policies", "Go-live"]);
    let nested = |key: &str| playbook.items.iter().filter(|i| i.parent.as_deref() == Some(key)).count();
    assert_eq!((nested("configure-sso"), nested("import-classes")), (2, 1));
    assert_eq!(playbook.item("check-room-codes").unwrap().phase, "data");
}

#[test]
fn pilot_ministry_has_its_47_tasks() {
    let playbook = parse(built_in_by_key("pilot-ministry").unwrap().source).unwrap();
    assert_eq!(playbook.items.len(), 47);
    let in_phase = |phase: &str| playbook.items.iter().filter(|item| item.phase == phase).count();
    let sizes: Vec<_> = playbook.phases.iter().map(|phase| in_phase(&phase.key)).collect();
    assert_eq!(sizes, [5, 6, 6, 6, 6, 7, 6, 5]);
    let points: u32 = playbook.items.iter().filter_map(|item| item.complexity).sum();
    assert_eq!(points, 186);
    let with = |priority| playbook.items.iter().filter(|item| item.priority == Some(priority)).count();
    assert_eq!((with(Priority::Critical), with(Priority::High), with(Priority::Medium)), (7, 26, 14));
    assert_eq!(playbook.items.iter().map(|item| item.depends_on.len()).sum::<usize>(), 51);
    assert_eq!(playbook.item("pilot-dashboard").unwrap().depends_on.len(), 3);
}

#[test]
fn the_ethics_line_has_four_sizes_and_eight_phases() {
    let playbook = parse(built_in_by_key("ethics-line-client").unwrap().source).unwrap();
    assert_eq!(playbook.phases.len(), 8);
    let sizes: Vec<_> =
        playbook.modes.iter().map(|mode| (mode.key.as_str(), mode.duration.unwrap())).collect();
    let days = |min_days, max_days| Duration { min_days, max_days };
    let wanted = [
        ("quick-start", days(14, 28)),
        ("standard", days(28, 56)),
        ("complex", days(56, 112)),
        ("enterprise", days(90, 180)),
    ];
    assert_eq!(sizes, wanted);
    for (mode, length) in sizes {
        let days = |phase: &Phase| phase.days_in(Some(mode)).unwrap();
        let total: u32 = playbook.phases.iter().map(days).sum();
        assert!((length.min_days..=length.max_days).contains(&total), "{mode} takes {total} days");
        let first = playbook.items_for(Some(mode)).filter_map(|item| item.due_in(Some(mode))).min().unwrap();
        assert!(first < 0 && first.unsigned_abs() < length.max_days, "{mode} begins {first}");
    }
    let items = |mode| playbook.items_for(Some(mode)).count();
    let counts = ["quick-start", "standard", "complex", "enterprise"].map(items);
    assert!(counts.is_sorted_by(|a, b| a < b), "{counts:?}");
    assert_eq!(playbook.duration_in(Some("standard")), Some(days(28, 56)));
    assert_eq!(playbook.duration_in(None), Some(days(14, 180)));
}

#[test]
fn the_workshops_repeat_and_are_signed_for() {
    let playbook = parse(built_in_by_key("regional-workshop").unwrap().source).unwrap();
    assert_eq!(playbook.phases.len(), 5);
    let weeks: Vec<_> =
        playbook.items.iter().filter(|i| i.key.starts_with("workshop-") && i.parent.is_none()).collect();
    let seen: Vec<_> = weeks.iter().map(|i| (i.key.as_str(), i.title.as_str(), i.due)).collect();
    let wanted = [
        ("workshop-2", "Workshop 2", Some(20)),
        ("workshop-3", "Workshop 3", Some(27)),
        ("workshop-4", "Workshop 4", Some(34)),
        ("workshop-5", "Workshop 5", Some(41)),
    ];
    assert_eq!(seen, wanted);
    let parts = |key: &str| playbook.items.iter().filter(|i| i.parent.as_deref() == Some(key)).count();
    assert_eq!((parts("workshop-3"), parts("workshop-opening-3"), parts("workshop-5")), (4, 4, 4));
    assert_eq!(playbook.item("close-last").unwrap().depends_on, ["workshop-5"]);
    let half = playbook.item("onboarded-day-1").unwrap().target.clone().unwrap();
    assert_eq!((half.value, half.unit.as_str(), half.within_hours), (50.0, "% onboarded", Some(24)));
    let signed: Vec<_> = playbook.items.iter().filter_map(|i| i.sign_off.as_deref()).collect();
    let lines: Vec<_> = playbook.sign_offs.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(signed, lines);
    assert_eq!(lines.len(), 4);
    assert_eq!(playbook.roles["district_admin"], "Programme director");
}

/// Projects of these versions run in the field and name them by digest: a change of even a comment
/// needs a new version.
#[test]
fn published_versions_stay_as_they_are() {
    let published = [
        ("school-district", 1, "193d1c11a9945fead2a2ec412cf874566ce83ca6e91ccd11048247bd86bcad1e"),
        ("first-school-go-live", 1, "6839c53316f7f52474c6fbd9ce517542b2740fbd7668bda2aa188618707bcc77"),
    ];
    for (key, version, digest) in published {
        let playbook = parse(built_in_by_key(key).unwrap().source).unwrap();
        assert_eq!((playbook.version, playbook.digest()), (version, digest), "{key}");
    }
}

/// `SMALL` in which `a` comes three times and takes `b` along, and `c` waits for both.
fn repeated() -> String {
    let a = "title = \"First\"";
    edited(a, &format!("{a}\ndue = 10\nevidence = \"Week {{n}}.\"\nrepeat = {{ every = \"weekly\", times = 3, first = 2 }}"))
        .replace("item = \"a\", complete", "item = \"a-4\", complete")
}

#[test]
fn a_repeated_entry_becomes_an_item_for_each_time() {
    let playbook = parse(&repeated()).unwrap();
    assert_eq!(keys(playbook.items.iter()), ["a-2", "b-2", "a-3", "b-3", "a-4", "b-4", "c"]);
    let item = |key| playbook.item(key).unwrap();
    assert_eq!(item("a-3").title, "First (week 3)");
    assert_eq!((item("a-2").due, item("a-4").due, item("b-4").due), (Some(10), Some(24), Some(11)));
    assert_eq!(item("a-3").evidence.as_deref(), Some("Week 3."));
    assert_eq!(item("b-3").parent.as_deref(), Some("a-3"));
    assert_eq!(item("b-3").phase, "one");
    assert_eq!(item("b-3").round, Some(Round { of: "b".into(), n: 3 }));
    assert_eq!(item("c").depends_on, ["a-4", "b-4"], "what comes after waits for the last time");
    assert_eq!(item("c").round, None);
}

#[test]
fn more_times_keep_the_items_of_those_before() {
    let old = parse(&repeated()).unwrap();
    let new =
        parse(&repeated().replace("times = 3", "times = 4").replace("version = 3", "version = 4")).unwrap();
    let change = diff(&old, &new, Some("pilot"));
    assert_eq!(keys(change.added.iter()), ["a-5", "b-5"]);
    assert!(change.removed.is_empty() && change.changed.is_empty());
}

#[test]
fn repeats_that_cannot_be_are_refused() {
    let faults = |source: &str| fault(source);
    let found = faults(&repeated().replace("item = \"a-4\"", "item = \"a\""));
    assert_eq!(found.code, FaultCode::UnknownItem, "{found}");
    assert!(found.message.contains("a-4"), "{found}");
    let found = faults(&repeated().replace("key = \"c\"", "key = \"b-3\"").replace("item:c", "item:b-3"));
    assert_eq!(found.code, FaultCode::DuplicateKey, "{found}");
    let found =
        faults(&repeated().replace("repeat = \"weekly\"", "repeat = { every = \"daily\", times = 2 }"));
    assert_eq!((found.code, found.line, found.column), (FaultCode::BadValue, 42, 10), "{found}");
    let found = faults(&repeated().replace("due = 10", "due = 3640"));
    assert_eq!((found.code, found.column), (FaultCode::BadValue, 10), "{found}");
    let found = faults(&repeated().replace("depends_on = []", "depends_on = [\"c\"]"));
    assert_eq!(found.code, FaultCode::CircularDependency, "{found}");
    let found =
        faults(&repeated().replace("owner_role = \"CSM\"", "owner_role = \"IMPL_MGR\"\nsign_off = \"done\""));
    assert_eq!(found.code, FaultCode::DuplicateKey, "a line is signed once: {found}");
    let long = format!("k{}", "x".repeat(MAX_KEY_CHARS - 1));
    let found = faults(
        &repeated().replace("key = \"b\"", &format!("key = \"{long}\"")).replace("\"a\", \"b\"", "\"a\""),
    );
    assert_eq!(found.code, FaultCode::BadKey, "{found}");
}

#[test]
fn a_short_file_cannot_grow_without_end() {
    let repeat = |i: usize| {
        if i.is_multiple_of(2) { "repeat={every=\"daily\",times=366}".to_owned() } else { String::new() }
    };
    let found = fault(&many(200, repeat));
    assert_eq!(found.code, FaultCode::TooManyItems, "{found}");
    let long = format!("evidence=\"{}\"\n", "x".repeat(MAX_PROSE_CHARS));
    let found = fault(&many(20, |i| format!("{long}{}", repeat(i))));
    assert_eq!(found.code, FaultCode::TooManyItems, "{found}");
    assert_eq!(parse(&many(20, repeat)).unwrap().items.len(), 10 * 366 + 10);
}

#[test]
fn a_circle_of_repeated_parents_is_named_and_nothing_more() {
    let source = many(4, |i| format!("parent=\"i{}\"\nrepeat={{every=\"daily\",times=3}}", (i + 1) % 4));
    assert!(parse_all(&source).is_err());
}

#[test]
fn dates_may_differ_by_mode() {
    let source = edited("due = -3", "due = { pilot = -3, full = -9 }");
    let playbook = parse(&source).unwrap();
    let b = playbook.item("b").unwrap();
    assert_eq!((b.due_in(Some("pilot")), b.due_in(Some("full")), b.due_in(None)), (Some(-3), Some(-9), None));
    let new = parse(&source.replace("full = -9", "full = -8")).unwrap();
    assert!(diff(&playbook, &new, Some("pilot")).is_empty(), "only the dates of the project's mode count");
    let change = diff(&playbook, &new, Some("full"));
    assert_eq!((change.changed[0].key.as_str(), change.changed[0].fields[0].field.as_str()), ("b", "due"));
    let days = parse(&edited("title = \"One\"", "title = \"One\"\ndays = { pilot = 4 }")).unwrap();
    assert_eq!(
        (days.phases[0].days_in(Some("pilot")), days.phases[0].days_in(Some("full"))),
        (Some(4), None)
    );
}

/// What no version before wrote stays out of the JSON of what every version wrote.
#[test]
fn new_fields_show_only_where_they_are_used() {
    let json = serde_json::to_value(parse(SMALL).unwrap()).unwrap();
    for field in ["due_by_mode", "round", "sign_off"] {
        assert!(json["items"][1].get(field).is_none(), "{field}");
    }
    let mut old = json.clone();
    old["modes"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .for_each(|mode| drop(mode.as_object_mut().unwrap().remove("duration")));
    assert_eq!(serde_json::from_value::<Playbook>(old).unwrap(), parse(SMALL).unwrap());
}

fn mutate(source: &str, edits: &[(usize, u8, u8)]) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for (at, kind, byte) in edits {
        let at = at % bytes.len().max(1);
        match kind % 4 {
            1 => bytes.insert(at, *byte),
            _ if bytes.is_empty() => {}
            0 => bytes[at] = *byte,
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(1)),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the property tests bend: every part of the format, and every playbook that ships.
fn samples() -> &'static [String] {
    static SAMPLES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
        let shipped = built_in().iter().map(|built_in| built_in.source.to_owned());
        [SMALL.to_owned(), repeated()].into_iter().chain(shipped).collect()
    });
    &SAMPLES
}

/// Refused or accepted, but never a panic; and a refusal points into the file.
fn meets_contract(source: &str) -> Result<(), TestCaseError> {
    match parse_all(source) {
        Ok(playbook) => prop_assert_eq!(parse(source).ok(), Some(playbook)),
        Err(faults) => {
            prop_assert!(!faults.is_empty() && faults.len() <= MAX_FAULTS);
            prop_assert_eq!(parse(source).err(), faults.first().cloned());
            let lines: Vec<&str> = source.split('\n').collect();
            for fault in &faults {
                let line = lines.get(fault.line as usize - 1);
                let columns = line.map(|line| line.chars().count() + 1);
                prop_assert!(columns.is_some_and(|most| (fault.column as usize) <= most), "{}", fault);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_playbooks_never_panic(
        which in 0usize..samples().len(),
        edits in prop::collection::vec((any::<usize>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        let source = samples()[which].as_str();
        meets_contract(&mutate(source, &edits))?;
    }

    #[test]
    fn swapped_lines_never_panic(
        which in 0usize..samples().len(),
        swaps in prop::collection::vec((any::<usize>(), any::<usize>()), 1..8),
    ) {
        let source = samples()[which].as_str();
        let mut lines: Vec<&str> = source.lines().collect();
        for (a, b) in swaps {
            let (a, b) = (a % lines.len(), b % lines.len());
            lines.swap(a, b);
        }
        meets_contract(&lines.join("\n"))?;
    }

    /// However entries are nested and repeated, each time has its own items with its own keys, in
    /// blocks of whole times, and dates move by the distance between times.
    #[test]
    fn repeats_are_written_out_whole(
        parents in prop::collection::vec(prop::option::of(0usize..6), 6),
        times in 1u32..5,
        first in 1u32..4,
        which in 0usize..6,
    ) {
        // An entry may be nested only in one before it, so that there is no circle.
        let parent = |i: usize| parents[i].filter(|p| *p < i);
        let source = many(6, |i| {
            let nested = parent(i).map(|p| format!("parent=\"i{p}\"\n")).unwrap_or_default();
            let again = format!("repeat={{every=\"weekly\",times={times},first={first}}}\n");
            format!("{nested}due={i}\n{}", if i == which { again } else { String::new() })
        });
        let inside: Vec<usize> = (0..6)
            .filter(|i| std::iter::successors(Some(*i), |at| parent(*at)).any(|at| at == which))
            .collect();
        let Ok(playbook) = parse(&source) else { return Err(TestCaseError::fail(format!("{:?}", parse_all(&source)))) };
        prop_assert_eq!(playbook.items.len(), 6 + inside.len() * (times as usize - 1));
        let keys: BTreeSet<_> = playbook.items.iter().map(|item| &item.key).collect();
        prop_assert_eq!(keys.len(), playbook.items.len());
        for (turn, n) in (first..first + times).enumerate() {
            for i in &inside {
                let item = playbook.item(&format!("i{i}-{n}"));
                prop_assert_eq!(item.and_then(|item| item.due), Some(i32::try_from(i + 7 * turn).unwrap()));
            }
        }
        prop_assert_eq!(parse(&source).ok(), Some(playbook), "reading is repeatable");
    }

    #[test]
    fn any_text_never_panics(source in ".{0,200}") {
        meets_contract(&source)?;
    }

    /// Whatever the dependencies, a playbook is accepted exactly when no item waits for itself.
    #[test]
    fn circles_are_found_exactly(edges in prop::collection::vec((0usize..8, 0usize..8), 0..14)) {
        let edges: BTreeSet<_> = edges.into_iter().collect();
        let needs = |i: usize| {
            let keys: Vec<_> = edges.iter().filter(|(a, _)| *a == i).map(|(_, b)| format!("\"i{b}\"")).collect();
            format!("depends_on=[{}]", keys.join(","))
        };
        let mut reach = [[false; 8]; 8];
        for (a, b) in &edges {
            reach[*a][*b] = true;
        }
        for k in 0..8 {
            for a in 0..8 {
                for b in 0..8 {
                    reach[a][b] |= reach[a][k] && reach[k][b];
                }
            }
        }
        let circular = (0..8).any(|i| reach[i][i]);
        let found = parse(&many(8, needs)).err().map(|fault| fault.code);
        prop_assert_eq!(found, circular.then_some(FaultCode::CircularDependency));
    }
}

/// The examples of the format's documentation are part of the contract.
#[test]
fn the_documented_example_parses_and_every_code_is_documented() {
    let text = include_str!("../../../../../docs/playbooks.md");
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(parse_all(example).unwrap().items.len(), 2);
    for role in crate::access::Role::ALL {
        assert!(text.contains(&format!("`{}`", role.as_str())), "{role:?} is not documented");
    }
    for code in EVERY_CODE {
        assert!(text.contains(&format!("`{code}`")), "{code} is not documented");
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

const EVERY_CODE: [FaultCode; 28] = [
    FaultCode::TooLarge,
    FaultCode::TooManyItems,
    FaultCode::Syntax,
    FaultCode::UnknownField,
    FaultCode::MissingField,
    FaultCode::WrongType,
    FaultCode::EmptyText,
    FaultCode::BadText,
    FaultCode::EmptyList,
    FaultCode::BadKey,
    FaultCode::DuplicateKey,
    FaultCode::BadVersion,
    FaultCode::BadValue,
    FaultCode::BadLink,
    FaultCode::UnknownRole,
    FaultCode::UnknownHealthModel,
    FaultCode::UnknownPhase,
    FaultCode::UnknownMode,
    FaultCode::UnknownDependency,
    FaultCode::UnknownParent,
    FaultCode::UnknownItem,
    FaultCode::UnknownStep,
    FaultCode::UnknownSignOff,
    FaultCode::CircularDependency,
    FaultCode::CircularParent,
    FaultCode::TooDeep,
    FaultCode::PhaseMismatch,
    FaultCode::ModeMismatch,
];
