//! The fields of each part of the format. One function per part, each field read once.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::check::{self, Places};
use super::fault::{Fault, FaultCode};
use super::read::{Fields, Kind, Reader};
use super::repeat::{self, Times};
use super::{
    Banner, Bound, Comparison, Condition, Duration, HEALTH_MODELS, Item, MAX_ITEMS, MAX_MODES, MAX_TIMES,
    Mode, Opens, Phase, Playbook, Priority, Repeat, SCREENS, SignOff, Step, Target,
};

const PRIORITIES: &[(&str, Priority)] = &[
    ("critical", Priority::Critical),
    ("high", Priority::High),
    ("medium", Priority::Medium),
    ("low", Priority::Low),
];
const REPEATS: &[(&str, Repeat)] =
    &[("daily", Repeat::Daily), ("weekly", Repeat::Weekly), ("monthly", Repeat::Monthly)];
/// Ten years either way: further off it is a slip of the keyboard.
pub(super) const MAX_DAYS: i64 = 3_650;
const MAX_SITES: i64 = 1_000_000;
const MAX_LINK_BYTES: usize = 500;

/// Reads the whole document. On refusal there is at least one fault, in no order.
pub(super) fn playbook(document: &DeTable<'_>, digest: String) -> Result<Playbook, Vec<Fault>> {
    let reader = &mut Reader::default();
    let mut fields = Fields::new(document, 0);
    let tables = fields.tables_required(reader, "items");
    if tables.len() > MAX_ITEMS {
        // Nothing else is read, so that a hostile file costs no more than its parsing.
        let message = format!("the playbook has {} items; the most is {MAX_ITEMS}", tables.len());
        return Err(vec![Fault { at: fields.place("items"), code: FaultCode::TooManyItems, message }]);
    }
    let (mut items, mut places, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for table in tables {
        let (item, place, repeated) = item(reader, table);
        items.push(item);
        places.push(place);
        times.push(repeated);
    }
    check::inherit_phases(reader, &mut items, &places);
    let (items, places) = repeat::expand(reader, items, places, &times);
    let playbook = Playbook {
        key: fields.bare_key(reader, "key"),
        version: version(reader, &mut fields),
        title: fields.line(reader, "title"),
        summary: fields.prose(reader, "summary"),
        tenant_kind: fields.bare_key(reader, "tenant_kind"),
        health_model: health_model(reader, &mut fields),
        roles: roles(reader, &mut fields),
        duration: fields.table(reader, "duration").map(|table| duration(reader, table)),
        modes: rollout_modes(reader, &mut fields),
        phases: fields.tables_required(reader, "phases").into_iter().map(|t| phase(reader, t)).collect(),
        items,
        steps: fields.tables(reader, "steps").into_iter().map(|t| step(reader, t)).collect(),
        banners: fields.tables(reader, "banners").into_iter().map(|t| banner(reader, t)).collect(),
        sign_offs: fields.tables(reader, "sign_offs").into_iter().map(|t| sign_off(reader, t)).collect(),
        digest,
    };
    fields.finish(reader);
    reader.resolve();
    check::items(reader, &playbook, &places);
    if reader.faults.is_empty() { Ok(playbook) } else { Err(std::mem::take(&mut reader.faults)) }
}

fn version(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> u32 {
    fields.need(reader, "version");
    let range = 1..=i64::from(u32::MAX);
    whole(fields.integer(reader, "version", range, FaultCode::BadVersion)).unwrap_or_default()
}

fn health_model(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> String {
    let name = fields.bare_key(reader, "health_model");
    if !name.is_empty() && !HEALTH_MODELS.contains(&name.as_str()) {
        let message = format!("`{name}` is not a health model; models are {}", HEALTH_MODELS.join(", "));
        reader.fault(fields.place("health_model"), FaultCode::UnknownHealthModel, message);
    }
    name
}

fn roles(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let Some(table) = fields.table(reader, "roles") else { return names };
    for (role, shown) in table.lines(reader) {
        reader.role(role.value, role.at);
        names.insert(role.value.to_owned(), shown);
    }
    names
}

fn duration(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Duration {
    let min_days = fields.count_required(reader, "min_days", MAX_DAYS);
    let max_days = fields.count_required(reader, "max_days", MAX_DAYS);
    refuse_reversed(reader, &fields, ("min_days", Some(min_days)), ("max_days", Some(max_days)));
    fields.finish(reader);
    Duration { min_days, max_days }
}

fn rollout_modes(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Vec<Mode> {
    let tables = fields.tables(reader, "modes");
    if tables.len() > MAX_MODES {
        let message = format!("the playbook has {} modes; the most is {MAX_MODES}", tables.len());
        reader.fault(fields.place("modes"), FaultCode::BadValue, message);
    }
    tables.into_iter().take(MAX_MODES).map(|table| mode(reader, table)).collect()
}

fn mode(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Mode {
    let mode = Mode {
        key: fields.key(reader, Kind::Mode),
        title: fields.line(reader, "title"),
        summary: fields.prose(reader, "summary"),
        min_sites: fields.count(reader, "min_sites", MAX_SITES),
        max_sites: fields.count(reader, "max_sites", MAX_SITES),
        metrics: fields.telemetry_list(reader, "metrics"),
        duration: fields.table(reader, "duration").map(|table| duration(reader, table)),
    };
    refuse_reversed(reader, &fields, ("min_sites", mode.min_sites), ("max_sites", mode.max_sites));
    fields.finish(reader);
    mode
}

fn phase(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Phase {
    let (days, days_by_mode) = fields.by_mode(reader, "days", 1..=MAX_DAYS);
    let phase = Phase {
        key: fields.key(reader, Kind::Phase),
        title: fields.line(reader, "title"),
        days,
        days_by_mode,
    };
    fields.finish(reader);
    phase
}

fn item(reader: &mut Reader, mut fields: Fields<'_, '_>) -> (Item, Places, Option<Times>) {
    let (due, due_by_mode) = fields.by_mode(reader, "due", -MAX_DAYS..=MAX_DAYS);
    let (often, times) = repeats(reader, &mut fields);
    let item = Item {
        key: fields.key(reader, Kind::Item),
        phase: fields.mention(reader, "phase", Kind::Phase, FaultCode::UnknownPhase).unwrap_or_default(),
        parent: fields.mention(reader, "parent", Kind::Item, FaultCode::UnknownParent),
        title: fields.line(reader, "title"),
        owner_role: fields.role(reader, "owner_role"),
        how_to: link(reader, &mut fields),
        due,
        due_by_mode,
        depends_on: fields.mentions(reader, "depends_on", Kind::Item, FaultCode::UnknownDependency),
        evidence: fields.prose(reader, "evidence"),
        target: fields.table(reader, "target").and_then(|table| target(reader, table)),
        check: fields.telemetry(reader, "check"),
        priority: fields.word(reader, "priority", PRIORITIES),
        complexity: fields.count(reader, "complexity", 100),
        repeat: often,
        round: None,
        sign_off: fields.mention(reader, "sign_off", Kind::SignOff, FaultCode::UnknownSignOff),
        modes: modes(reader, &mut fields),
    };
    let places = Places {
        item: fields.at,
        phase: fields.place("phase"),
        parent: fields.place("parent"),
        depends_on: fields.place("depends_on"),
        modes: fields.place("modes"),
        repeat: fields.place("repeat"),
        owner_role: fields.place("owner_role"),
        sign_off: fields.place("sign_off"),
    };
    fields.finish(reader);
    (item, places, times)
}

/// A word says that one item comes again; a table makes an item of each time.
fn repeats(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> (Option<Repeat>, Option<Times>) {
    if !fields.is_table("repeat") {
        return (fields.word(reader, "repeat", REPEATS), None);
    }
    let Some(mut table) = fields.table(reader, "repeat") else { return (None, None) };
    table.need(reader, "every");
    let every = table.word(reader, "every", REPEATS);
    let times = table.count_required(reader, "times", i64::from(MAX_TIMES));
    let first = table.count(reader, "first", i64::from(MAX_TIMES)).unwrap_or(1);
    table.finish(reader);
    (every, every.map(|every| Times { every, times, first }))
}

fn target(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Option<Target> {
    let bounds = [(Bound::AtLeast, "at_least"), (Bound::AtMost, "at_most")];
    let (bound, value) = one_of(reader, &mut fields, &bounds)?;
    let unit = fields.line(reader, "unit");
    let within_hours = fields.count(reader, "within_hours", MAX_DAYS * 24);
    fields.finish(reader);
    Some(Target { bound, value, unit, within_hours })
}

fn step(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Step {
    let step = Step {
        key: fields.key(reader, Kind::Step),
        title: fields.line(reader, "title"),
        owner_role: fields.role(reader, "owner_role"),
        needs: fields.prose_required(reader, "needs"),
        how_to: link(reader, &mut fields),
        check: fields.telemetry(reader, "check"),
        modes: modes(reader, &mut fields),
    };
    fields.finish(reader);
    step
}

fn banner(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Banner {
    let banner = Banner {
        key: fields.key(reader, Kind::Banner),
        text: fields.line(reader, "text"),
        action: fields.line(reader, "action"),
        opens: opens(reader, &mut fields),
        audience: fields.role_list(reader, "audience"),
        when: fields
            .tables_required(reader, "when")
            .into_iter()
            .filter_map(|table| condition(reader, table))
            .collect(),
    };
    fields.finish(reader);
    banner
}

fn opens(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Opens {
    let nowhere = Opens::Screen(String::new());
    let Some(text) = fields.raw_required(reader, "opens") else { return nowhere };
    match text.value.split_once(':') {
        Some(("item", key)) => {
            reader.refer(Kind::Item, key, text.at, FaultCode::UnknownItem);
            Opens::Item(key.to_owned())
        }
        Some(("step", key)) => {
            reader.refer(Kind::Step, key, text.at, FaultCode::UnknownStep);
            Opens::Step(key.to_owned())
        }
        Some(("screen", name)) if SCREENS.contains(&name) => Opens::Screen(name.to_owned()),
        _ => {
            let message = format!(
                "`opens` must be item:KEY, step:KEY or screen:NAME; screens are {}",
                SCREENS.join(", ")
            );
            reader.fault(text.at, FaultCode::BadValue, message);
            nowhere
        }
    }
}

/// A condition is told apart by the field that names its fact.
fn condition(reader: &mut Reader, mut fields: Fields<'_, '_>) -> Option<Condition> {
    let condition = if fields.has("check") {
        check_condition(reader, &mut fields)
    } else if fields.has("metric") {
        metric_condition(reader, &mut fields)
    } else if fields.has("item") {
        item_condition(reader, &mut fields)
    } else {
        let message = "a condition names a `check`, a `metric` or an `item`";
        reader.fault(fields.at, FaultCode::MissingField, message);
        return None;
    };
    fields.finish(reader);
    condition
}

fn check_condition(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Option<Condition> {
    let check = fields.telemetry(reader, "check");
    let is = fields.boolean_required(reader, "is");
    Some(Condition::Check { check: check?, is: is? })
}

fn metric_condition(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Option<Condition> {
    let metric = fields.telemetry(reader, "metric");
    let comparisons =
        [(Comparison::Above, "above"), (Comparison::Below, "below"), (Comparison::Equals, "equals")];
    let (comparison, value) = one_of(reader, fields, &comparisons)?;
    Some(Condition::Metric { metric: metric?, comparison, value })
}

fn item_condition(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Option<Condition> {
    let item = fields.mention(reader, "item", Kind::Item, FaultCode::UnknownItem);
    let complete = fields.boolean_required(reader, "complete");
    Some(Condition::Item { item: item?, complete: complete? })
}

fn sign_off(reader: &mut Reader, mut fields: Fields<'_, '_>) -> SignOff {
    let sign_off = SignOff {
        key: fields.key(reader, Kind::SignOff),
        title: fields.line(reader, "title"),
        role: fields.role(reader, "role"),
        phase: fields.mention(reader, "phase", Kind::Phase, FaultCode::UnknownPhase),
    };
    fields.finish(reader);
    sign_off
}

fn modes(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Vec<String> {
    let modes = fields.mentions(reader, "modes", Kind::Mode, FaultCode::UnknownMode);
    if modes.is_empty() && fields.is_empty_list("modes") {
        // Read as "every mode" it would mean the opposite of what it says.
        let message = "`modes` is an empty list; leave it out to mean every mode";
        reader.fault(fields.place("modes"), FaultCode::EmptyList, message);
    }
    modes
}

/// A link is opened outside the window, so only two forms are let through: an `https` address
/// without a user name, and a section of a guide that ships with Cairn.
fn link(reader: &mut Reader, fields: &mut Fields<'_, '_>) -> Option<String> {
    let text = fields.raw(reader, "how_to")?;
    if !is_link(text.value) {
        let message = "`how_to` must be https://HOST/... or guide:NAME#SECTION, without spaces";
        reader.fault(text.at, FaultCode::BadLink, message);
    }
    Some(text.value.to_owned())
}

fn is_link(text: &str) -> bool {
    let plain = text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>\"\\^`{|}".contains(c));
    plain && text.len() <= MAX_LINK_BYTES && (is_https(text) || is_guide(text))
}

fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let labelled = name
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let port = host.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
    labelled && port
}

fn is_guide(text: &str) -> bool {
    let slug = |s: &str| {
        !s.is_empty() && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let Some(rest) = text.strip_prefix("guide:") else { return false };
    let (name, section) = rest.split_once('#').unwrap_or((rest, "top"));
    slug(name) && slug(section)
}

/// The one field of several that must be there, with its number.
fn one_of<T: Copy>(
    reader: &mut Reader,
    fields: &mut Fields<'_, '_>,
    choices: &[(T, &'static str)],
) -> Option<(T, f64)> {
    let present = choices.iter().filter(|(_, name)| fields.has(name)).count();
    let names: Vec<_> = choices.iter().map(|(_, name)| *name).collect();
    if present != 1 {
        let code = if present == 0 { FaultCode::MissingField } else { FaultCode::BadValue };
        reader.fault(fields.at, code, format!("exactly one of {} is wanted", names.join(", ")));
    }
    let read = choices.iter().map(|(choice, name)| fields.number(reader, name).map(|value| (*choice, value)));
    let values: Vec<_> = read.collect();
    values.into_iter().flatten().next()
}

fn refuse_reversed(
    reader: &mut Reader,
    fields: &Fields<'_, '_>,
    (low_name, low): (&'static str, Option<u32>),
    (high_name, high): (&'static str, Option<u32>),
) {
    if let (Some(low), Some(high)) = (low, high)
        && low > high
        && high > 0
    {
        let message = format!("`{high_name}` is less than `{low_name}`");
        reader.fault(fields.place(high_name), FaultCode::BadValue, message);
    }
}

/// Ranges are checked before, so nothing is lost in the narrowing.
fn whole<T: TryFrom<i64>>(number: Option<i64>) -> Option<T> {
    number.and_then(|number| T::try_from(number).ok())
}
