//! What a person should hear of without looking for it (UX rule 12). Notices are derived from a
//! tenant's cells on read and never stored as ops. Each is named after its cause, so deriving it
//! again, or on another laptop, gives the same one; when the cause is gone, so is the notice.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::cell::{Cell, Cells, field};
use crate::change::{CommentValue, Owner, Status};
use crate::checklist::{self, ItemView, ProjectView};
use crate::id::{AccountId, Entity, OpId};
use crate::import::{self, Import, ImportOutcome};
use crate::playbook::Playbook;
use crate::{CellKey, Hash, Time};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A colleague blocked an item.
    Blocker,
    /// A cell holds another value beside one's own.
    Conflict,
    /// One's item should have been done.
    Overdue,
    /// One's item is due today.
    Due,
    /// Somebody commented where one had commented, or on one's item.
    Reply,
    /// The service refused an import that one had asked for.
    Import,
}

/// One thing to hear of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name within the tenant, made from its cause, e.g. `reply t1:d1:7`.
    pub key: String,
    /// What it is about.
    pub kind: Kind,
    /// Where to look: an item, a step or the entity of the cell.
    pub on: Entity,
    /// Title of that place.
    pub title: String,
    /// Who caused it; nobody where time did.
    pub by: Option<AccountId>,
    /// When, by the author's clock; none where time caused it.
    pub at: Option<Time>,
    /// The reason, the comment or the date, for the inbox; never for a toast.
    pub text: String,
}

/// For whom notices are derived.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The person.
    pub account: &'a AccountId,
    /// The person's role; items that belong to it are the person's own.
    pub role: Role,
    /// The date where the person is.
    pub today: NaiveDate,
}

impl Reader<'_> {
    fn owns(&self, owner: Option<&Owner>) -> bool {
        match owner {
            Some(Owner::Account(account)) => account == self.account,
            Some(Owner::Role(role)) => *role == self.role.to_string(),
            None => false,
        }
    }
}

/// All that `reader` should hear of in a tenant, in no order that means anything.
pub fn notices(cells: &Cells, project: Option<(&ProjectView, &Playbook)>, reader: Reader<'_>) -> Vec<Notice> {
    let items: Vec<ItemView<'_>> = project.map_or_else(Vec::new, |(project, playbook)| {
        let mut items = checklist::items(cells, project, playbook);
        items.extend(checklist::steps(cells, project, playbook));
        items
    });
    let place = Place { items: items.iter().map(|item| (&item.entity, item)).collect() };
    let mut out = blockers(cells, &place, reader);
    out.extend(conflicts(cells, &place, reader));
    out.extend(replies(cells, &place, reader));
    out.extend(refused_imports(cells, reader));
    out.extend(items.iter().filter_map(|item| dated(item, reader)));
    out
}

/// The items and steps of the tenant's project, to name them and know whose they are.
struct Place<'a> {
    items: BTreeMap<&'a Entity, &'a ItemView<'a>>,
}

impl Place<'_> {
    fn title(&self, entity: &Entity) -> String {
        match (self.items.get(entity), entity) {
            (Some(item), _) => item.title.to_owned(),
            (None, Entity::Item(_, key) | Entity::Step(_, key)) => key.clone(),
            (None, Entity::Project(_)) => "Project".to_owned(),
            (None, other) => other.to_string(),
        }
    }

    fn owner(&self, entity: &Entity) -> Option<&Owner> {
        self.items.get(entity).and_then(|item| item.owner.as_ref())
    }
}

fn blockers(cells: &Cells, place: &Place<'_>, reader: Reader<'_>) -> Vec<Notice> {
    let others = |view: &checklist::BlockerView| {
        let opened = view.opened.as_ref();
        opened.is_none_or(|kept| kept.by != *reader.account)
    };
    let one = |view: checklist::BlockerView| Notice {
        key: format!("blocker {}", view.blocker.op),
        kind: Kind::Blocker,
        title: place.title(&view.on),
        on: view.on,
        by: view.opened.as_ref().map(|kept| kept.by.clone()),
        at: view.opened.as_ref().map(|kept| kept.at),
        text: view.reason,
    };
    checklist::blockers(cells).into_iter().filter(others).map(one).collect()
}

/// Conflicts wait for those whose value is one of several.
fn conflicts(cells: &Cells, place: &Place<'_>, reader: Reader<'_>) -> Vec<Notice> {
    let waits =
        |cell: &Cell| cell.is_conflict() && cell.values.values().any(|kept| kept.by == *reader.account);
    let one = |(key, cell): (&CellKey, &Cell)| {
        let theirs =
            cell.values.values().filter(|kept| kept.by != *reader.account).max_by_key(|kept| kept.at);
        Notice {
            key: format!("conflict {key} {}", values_name(cell)),
            kind: Kind::Conflict,
            on: key.entity.clone(),
            title: place.title(&key.entity),
            by: theirs.map(|kept| kept.by.clone()),
            at: theirs.map(|kept| kept.at),
            text: key.field.clone(),
        }
    };
    cells.iter().filter(|(_, cell)| waits(cell)).map(one).collect()
}

/// The same values give the same name, others another: a conflict with a new value is news.
fn values_name(cell: &Cell) -> String {
    let ops: Vec<String> = cell.values.keys().map(OpId::to_string).collect();
    let parts: Vec<&[u8]> = ops.iter().map(String::as_bytes).collect();
    Hash::of("cairn notice", &parts).to_string().chars().take(16).collect()
}

/// Comments of others where the reader had commented before, or on the reader's items.
fn replies(cells: &Cells, place: &Place<'_>, reader: Reader<'_>) -> Vec<Notice> {
    let comments: Vec<Comment> = cells.iter().filter_map(|(key, cell)| Comment::read(key, cell)).collect();
    let mut joined: BTreeMap<&Entity, Time> = BTreeMap::new();
    for own in comments.iter().filter(|comment| comment.by == *reader.account) {
        let first = joined.entry(&own.on).or_insert(own.at);
        *first = (*first).min(own.at);
    }
    let concerns = |comment: &&Comment| {
        comment.by != *reader.account
            && (joined.get(&comment.on).is_some_and(|since| *since <= comment.at)
                || reader.owns(place.owner(&comment.on)))
    };
    comments.iter().filter(concerns).map(|comment| comment.notice(place)).collect()
}

/// An import may be asked for without a network, and refused days later.
fn refused_imports(cells: &Cells, reader: Reader<'_>) -> Vec<Notice> {
    let one = |import: Import| {
        let Some(ImportOutcome::Refused(refused)) = import.outcome else { return None };
        let taken_back = cells.get(&import::key(&import.id, field::ROLLBACK)).and_then(Cell::winner);
        let by = taken_back.map(|(_, kept)| kept.by.clone());
        // What one takes back oneself is no news.
        let is_own = refused.code == import::WITHDRAWN && by.as_ref() == Some(reader.account);
        (import.by == *reader.account && !is_own).then(|| Notice {
            key: format!("import {}", import.id),
            kind: Kind::Import,
            on: Entity::Import(import.id),
            title: import.request.source,
            by,
            at: None,
            text: refused.message,
        })
    };
    import::imports(cells).into_iter().filter_map(one).collect()
}

struct Comment {
    op: OpId,
    on: Entity,
    text: String,
    by: AccountId,
    at: Time,
}

impl Comment {
    fn read(key: &CellKey, cell: &Cell) -> Option<Self> {
        if !matches!(key.entity, Entity::Comment(_) | Entity::InternalComment(_)) {
            return None;
        }
        let (op, kept) = cell.winner()?;
        let CommentValue { on, text } = CommentValue::deserialize(&kept.value).ok()?;
        Some(Self { op: op.clone(), on, text, by: kept.by.clone(), at: kept.at })
    }

    fn notice(&self, place: &Place<'_>) -> Notice {
        Notice {
            key: format!("reply {}", self.op),
            kind: Kind::Reply,
            title: place.title(&self.on),
            on: self.on.clone(),
            by: Some(self.by.clone()),
            at: Some(self.at),
            text: self.text.clone(),
        }
    }
}

fn dated(item: &ItemView<'_>, reader: Reader<'_>) -> Option<Notice> {
    let open = !matches!(item.status.status, Status::Complete | Status::NotApplicable);
    if !open || !item.in_playbook || !reader.owns(item.owner.as_ref()) {
        return None;
    }
    let text = item.due.clone()?;
    let due = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?;
    let (kind, name) = match due.cmp(&reader.today) {
        std::cmp::Ordering::Less => (Kind::Overdue, "overdue"),
        std::cmp::Ordering::Equal => (Kind::Due, "due"),
        std::cmp::Ordering::Greater => return None,
    };
    Some(Notice {
        key: format!("{name} {} {text}", item.entity),
        kind,
        on: item.entity.clone(),
        title: item.title.to_owned(),
        by: None,
        at: None,
        text,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::playbook;
    use crate::{Kept, ProjectId};

    const BOOK: &str = include_str!("../tests/small-1.toml");

    fn at(minute: i64) -> Time {
        Time::from_timestamp(1_760_000_000 + minute * 60, 0).unwrap()
    }

    fn op(device: &str, number: u64) -> OpId {
        format!("t1:{device}:{number}").parse().unwrap()
    }

    struct Desk {
        cells: Cells,
        project: ProjectView,
        playbook: Playbook,
        me: AccountId,
        ben: AccountId,
    }

    impl Desk {
        fn new() -> Self {
            let playbook = playbook::parse(BOOK).unwrap();
            let id = ProjectId { playbook: playbook.key.clone(), n: 0 };
            let named = crate::change::PlaybookRef {
                key: playbook.key.clone(),
                version: playbook.version,
                digest: playbook.digest().to_owned(),
            };
            let project = ProjectView {
                id,
                playbook: named,
                mode: None,
                status: "configuration".into(),
                go_live: None,
            };
            let [me, ben] = ["me", "ben"].map(|name| name.parse().unwrap());
            Self { cells: Cells::new(), project, playbook, me, ben }
        }

        fn item(&self, place: usize) -> Entity {
            Entity::Item(self.project.id.clone(), self.playbook.items[place].key.clone())
        }

        fn put(&mut self, entity: Entity, field: &str, op: OpId, by: &AccountId, minute: i64, value: Value) {
            let cell = self.cells.entry(CellKey::new(entity, field)).or_default();
            cell.values.insert(op, Kept { value, by: by.clone(), at: at(minute) });
        }

        fn comment(&mut self, op: OpId, by: &AccountId, minute: i64, on: &Entity) {
            let value = json!(CommentValue { on: on.clone(), text: "words".into() });
            self.put(Entity::Comment(op.clone()), field::COMMENT, op, by, minute, value);
        }

        fn hear(&self) -> Vec<Notice> {
            let today = "2026-03-10".parse().unwrap();
            let reader = Reader { account: &self.me, role: Role::ImplSpec, today };
            notices(&self.cells, Some((&self.project, &self.playbook)), reader)
        }

        fn kinds(&self) -> Vec<Kind> {
            self.hear().into_iter().map(|notice| notice.kind).collect()
        }
    }

    #[test]
    fn a_colleagues_blocker_is_heard_while_it_stands_and_ones_own_is_not() {
        let (mut desk, item) = (Desk::new(), Desk::new().item(0));
        for (by, device) in [(desk.ben.clone(), "d2"), (desk.me.clone(), "d1")] {
            let (op, on) = (op(device, 1), desk.item(usize::from(device == "d1")));
            let opened = json!(crate::change::BlockerOpened { on: on.clone(), reason: "snow".into() });
            desk.put(Entity::Blocker(op.clone()), field::OPENED, op.clone(), &by, 1, opened);
            let blocker = json!({ "op": op, "opened_seq": 1 });
            let value = json!({ "status": "blocked", "reason": "snow", "blocker": blocker });
            desk.put(on, field::STATUS, op, &by, 1, value);
        }
        let heard = desk.hear();
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!((heard[0].kind, &heard[0].on, heard[0].text.as_str()), (Kind::Blocker, &item, "snow"));
        desk.cells.remove(&CellKey::new(item, field::STATUS));
        assert_eq!(desk.kinds(), []);
    }

    #[test]
    fn a_refused_import_is_heard_of_by_who_asked_for_it() {
        let mut desk = Desk::new();
        let (ben, me) = (desk.ben.clone(), desk.me.clone());
        let asked = json!({
            "blob": "0".repeat(64), "bytes": 9, "source": "roster.zip", "format": "accounts",
            "rules": "tolerant", "records": {},
        });
        let answers = [
            ("d1", &me, json!({ "refused": { "code": "pilot_limit", "message": "Too many." } })),
            ("d3", &me, json!({ "committed": {} })),
            ("d2", &ben, json!({ "refused": { "code": "pilot_limit", "message": "Too many." } })),
            ("d4", &me, json!({ "refused": { "code": "withdrawn", "message": "Taken back." } })),
        ];
        for (device, by, answer) in answers {
            let id = op(device, 1);
            desk.put(Entity::Import(id.clone()), field::REQUESTED, id.clone(), by, 1, asked.clone());
            assert_eq!(desk.kinds(), if device == "d1" { vec![] } else { vec![Kind::Import] });
            if device == "d4" {
                desk.put(Entity::Import(id.clone()), field::ROLLBACK, op(device, 2), &me, 2, json!(true));
            }
            desk.put(Entity::Import(id), field::OUTCOME, op("service", 1), by, 2, answer);
        }
        let heard = desk.hear();
        assert_eq!((heard.len(), heard[0].kind), (1, Kind::Import));
        assert_eq!((heard[0].title.as_str(), heard[0].text.as_str()), ("roster.zip", "Too many."));
        assert_eq!((&heard[0].on, &heard[0].by), (&Entity::Import(op("d1", 1)), &None));
        // Somebody else took it back.
        desk.put(Entity::Import(op("d4", 1)), field::ROLLBACK, op("d2", 2), &ben, 3, json!(true));
        let heard = desk.hear();
        assert_eq!((heard.len(), heard[1].text.as_str(), &heard[1].by), (2, "Taken back.", &Some(ben)));
    }

    #[test]
    fn a_reply_is_a_comment_after_ones_own_or_on_ones_item() {
        let mut desk = Desk::new();
        let (ben, me) = (desk.ben.clone(), desk.me.clone());
        let (here, elsewhere, mine) = (desk.item(0), desk.item(1), desk.item(2));
        desk.put(elsewhere.clone(), field::OWNER, op("d2", 9), &ben, 0, json!({ "account": ben }));
        desk.put(here.clone(), field::OWNER, op("d2", 8), &ben, 0, json!({ "account": ben }));
        desk.put(mine.clone(), field::OWNER, op("d2", 7), &ben, 0, json!({ "account": me }));
        desk.comment(op("d2", 1), &ben, 1, &here);
        desk.comment(op("d1", 1), &me, 2, &here);
        desk.comment(op("d2", 2), &ben, 3, &here);
        desk.comment(op("d2", 3), &ben, 4, &elsewhere);
        desk.comment(op("d2", 4), &ben, 5, &mine);
        let mut keys: Vec<String> = desk.hear().into_iter().map(|notice| notice.key).collect();
        keys.sort();
        assert_eq!(keys, ["reply t1:d2:2", "reply t1:d2:4"]);
    }

    #[test]
    fn a_conflict_waits_for_those_who_wrote_one_of_its_values_and_a_new_value_is_news() {
        let mut desk = Desk::new();
        let (ben, me, item) = (desk.ben.clone(), desk.me.clone(), desk.item(0));
        desk.put(item.clone(), field::NOTE, op("d2", 1), &ben, 1, json!("one"));
        desk.put(item.clone(), field::NOTE, op("d3", 1), &ben, 2, json!("two"));
        assert_eq!(desk.kinds(), [], "it is between others");
        desk.put(item.clone(), field::NOTE, op("d1", 1), &me, 3, json!("three"));
        let first = desk.hear();
        assert_eq!((first.len(), first[0].kind, first[0].by.as_ref()), (1, Kind::Conflict, Some(&ben)));
        assert_eq!(first, desk.hear());
        desk.put(item, field::NOTE, op("d4", 1), &ben, 4, json!("four"));
        assert_ne!(first[0].key, desk.hear()[0].key);
    }

    #[test]
    fn ones_open_items_are_heard_of_on_their_day_and_after() {
        let mut desk = Desk::new();
        let (me, item) = (desk.me.clone(), desk.item(0));
        desk.put(item.clone(), field::OWNER, op("d1", 1), &me, 0, json!({ "account": me }));
        for (day, kinds) in
            [("2026-03-11", vec![]), ("2026-03-10", vec![Kind::Due]), ("2026-03-09", vec![Kind::Overdue])]
        {
            desk.cells.remove(&CellKey::new(item.clone(), field::DUE));
            desk.put(item.clone(), field::DUE, op("d1", 2), &me, 0, json!(day));
            assert_eq!(desk.kinds(), kinds, "{day}");
        }
        desk.put(item.clone(), field::STATUS, op("d1", 3), &me, 0, json!({ "status": "complete" }));
        assert_eq!(desk.kinds(), [], "it is done");
        desk.cells.remove(&CellKey::new(item.clone(), field::STATUS));
        desk.cells.remove(&CellKey::new(item.clone(), field::OWNER));
        desk.put(item, field::OWNER, op("d2", 3), &me, 0, json!({ "account": "ben" }));
        assert_eq!(desk.kinds(), [], "it is somebody else's");
    }
}
