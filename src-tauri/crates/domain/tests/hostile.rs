//! Hostile bytes: whatever arrives in the name of an op is read or refused, decided or refused, and
//! projected; nothing panics. Fixed numbers of cases, on stable Rust.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::{Action, Relation, Role, Table};
use cairn_domain::cell::{Cell, Cells, Kept, field};
use cairn_domain::change::{
    BlockerField, BlockerOpened, BlockerRef, Change, DeviceValue, ItemField, PlaybookRef, ProjectField,
    Status, StatusValue, Visibility,
};
use cairn_domain::decide::{Context, Lineage, Slice, Standing, decide, missing_lineage, touches};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{Effect, Effects, Origin, project_all};
use cairn_domain::id::Audience;
use cairn_domain::import::{
    ImportCommitted, ImportCounts, ImportExport, ImportLeft, ImportRecords, ImportRefused, ImportRequest,
    ImportRolledBack,
};
use cairn_domain::op::{Body, Header, SealedOp, Seen};
use cairn_domain::{CellKey, Entity, Op, OpId, ProjectId, Time, playbook};
use proptest::prelude::*;
use serde_json::{Value, json};

const BOOK: &str = include_str!("small-1.toml");

fn op_id(n: u64) -> OpId {
    OpId { tenant: "t1".parse().unwrap(), device: "d1".parse().unwrap(), device_seq: n }
}

fn project() -> ProjectId {
    ProjectId { playbook: "small".into(), n: 0 }
}

fn item() -> Entity {
    Entity::Item(project(), "one".into())
}

/// One change of each verb.
fn changes() -> Vec<Change> {
    let book = playbook::parse(BOOK).unwrap();
    let named = PlaybookRef { key: book.key.clone(), version: 1, digest: book.digest().to_owned() };
    let key = DeviceValue { key: "00".repeat(32), account: "a1".parse().unwrap(), service: false };
    vec![
        Change::TenantCreated { slug: "hill".into(), name: "Hill".into() },
        Change::ProjectStarted {
            project: project(),
            playbook: named.clone(),
            source: BOOK.into(),
            mode: None,
            go_live: Some("2026-03-23".into()),
        },
        Change::ProjectUpgraded { project: project(), playbook: named, source: BOOK.into() },
        Change::ProjectFieldSet { project: project(), field: ProjectField::Status, value: json!("uat") },
        Change::ItemStatusSet { item: item(), status: Status::Blocked, reason: Some("IT".into()) },
        Change::ItemFieldSet { item: item(), field: ItemField::Due, value: json!("2026-03-23") },
        Change::CommentAdded { on: item(), text: "hello".into(), visibility: Visibility::Team },
        Change::BlockerFieldSet { blocker: op_id(9), field: BlockerField::Severity, value: json!("P1") },
        Change::HeldAdopted { op: op_id(9) },
        Change::HeldDiscarded { op: op_id(9) },
        Change::AccountCreated { account: "a1".parse().unwrap(), name: "mara".into(), role: Role::Csm },
        Change::AccountActiveSet { account: "a1".parse().unwrap(), active: false },
        Change::DeviceEnrolled { device: "d1".parse().unwrap(), value: key },
        Change::DeviceRetired { device: "d1".parse().unwrap(), why: "revoked".into() },
        Change::AssignmentSet { account: "a1".parse().unwrap(), tenant: "t1".parse().unwrap(), active: true },
        Change::ServiceRestored { seq: 3, head: cairn_domain::Hash::ZERO, backup_at: None },
        Change::ImportRequested(request()),
        Change::ImportCommitted { import: op_id(9), committed: committed() },
        Change::ImportRefused {
            import: op_id(9),
            refused: ImportRefused { code: "pilot_limit".into(), message: "Too many.".into() },
        },
        Change::ImportRollbackRequested { import: op_id(9) },
        Change::ImportRolledBack { import: op_id(9), rolled_back: rolled_back() },
        exported("users.csv"),
    ]
}

fn exported(source: &str) -> Change {
    Change::ImportExported { what: ImportExport::Rejected, source: source.into(), rows: 3 }
}

/// Who is in a tenant's roster, and what became of it, is nothing for the client's people.
#[test]
fn all_of_imports_is_for_the_team() {
    let imports = changes().into_iter().filter(|change| change.verb().starts_with("Import"));
    let audiences: Vec<Audience> = imports.map(|change| change.audience()).collect();
    assert_eq!(audiences, [Audience::Team; 6]);
}

/// Each role that may comment in a tenant it is assigned to may note an export, and no other; what it names
/// has a bound.
#[test]
fn an_export_is_noted_by_who_may_comment_and_in_few_words() {
    let by = |role, source: &str| {
        let op = sealed_over(exported(source), BTreeMap::new()).open().unwrap();
        judge(&op, Standing::Person { role, relation: Relation::Assigned }, 0).is_some()
    };
    for role in Role::ALL {
        let may = Table::standard().allows(*role, Action::Comment, Relation::Assigned);
        assert_eq!(by(*role, "users.csv"), may, "{role}");
    }
    assert!(!by(Role::ImplSpec, " ") && !by(Role::ImplSpec, &"x".repeat(100_000)));
}

fn request() -> ImportRequest {
    ImportRequest {
        blob: "0a".repeat(32),
        bytes: 7,
        source: "roster.zip".into(),
        format: "oneroster-1.1".into(),
        rules: "tolerant".into(),
        records: [("users".to_owned(), ImportRecords { put: 2, remove: 1 })].into(),
        planned: std::collections::BTreeMap::new(),
        holds_confirmed: true,
        broken: 0,
    }
}

fn committed() -> ImportCommitted {
    ImportCommitted {
        revision: 1,
        counts: [("users".to_owned(), ImportCounts { create: 2, ..ImportCounts::default() })].into(),
        digest: cairn_domain::Hash::ZERO,
        rollback_until: Time::from_timestamp(1_700_000_000, 0).unwrap(),
    }
}

fn rolled_back() -> ImportRolledBack {
    ImportRolledBack {
        revision: 2,
        takes_back: 1,
        counts: committed().counts,
        kept: vec![ImportLeft { r#type: "users".into(), id: "1".into(), why: "changed since".into() }],
        kept_count: 1,
        failed: Vec::new(),
        failed_count: 0,
        digest: cairn_domain::Hash::ZERO,
        keeps_named: true,
    }
}

fn sealed(change: Change) -> SealedOp {
    sealed_over(change, [(CellKey::new(item(), field::STATUS), vec![op_id(1)])].into())
}

/// An op of a change that had seen `base`.
fn sealed_over(change: Change, base: BTreeMap<CellKey, Vec<OpId>>) -> SealedOp {
    let header =
        Header { v: 1, op: op_id(2), audience: change.audience(), seen: Seen::default(), reissues: None };
    let body = Body {
        actor: "a1".parse().unwrap(),
        acting_under: None,
        reason: None,
        at: Time::from_timestamp(1_700_000_000, 0).unwrap(),
        base,
        change,
    };
    SealedOp::seal(&header, &body, [7; 16]).unwrap()
}

/// Judges an op against a project that exists, by whoever is asked for. `world` picks what stands
/// there and what became of what its author had seen.
fn judge(op: &Op, standing: Standing, world: usize) -> Option<Effects> {
    let touched = touches(op);
    let mut slice = Slice { cells: standing_cells(world), ..Slice::default() };
    slice.cells.retain(|key, _| touched.cells.contains(key));
    if touched.project.is_some() {
        slice.playbooks = vec![Arc::new(playbook::parse(BOOK).unwrap())];
    }
    // Lineage may name more ops; the number of rounds is bounded as the ops are.
    for round in 0..8 {
        let missing = missing_lineage(op, &slice);
        if missing.is_empty() {
            break;
        }
        for (n, id) in missing.into_iter().enumerate() {
            let fate = lineage(world + round + n);
            slice.lineage.insert(id, fate);
        }
    }
    decide(&slice, op, &Context { table: &Table::standard(), standing, seq: Some(1) }).ok()
}

/// What may stand in a tenant: nothing, a status, an open blocker, several values at once, and a value
/// that is none of this field's.
fn standing_cells(world: usize) -> Cells {
    let status = CellKey::new(item(), field::STATUS);
    let blocked = StatusValue {
        status: Status::Blocked,
        reason: Some("IT".into()),
        blocker: Some(BlockerRef { op: op_id(9), opened_seq: Some(1) }),
    };
    let complete = StatusValue { status: Status::Complete, reason: None, blocker: None };
    let opened = BlockerOpened { on: item(), reason: "IT".into() };
    let values = match world % 5 {
        0 => return Cells::new(),
        1 => vec![json!(complete)],
        2 => vec![json!(blocked)],
        3 => vec![json!(complete), json!(blocked)],
        _ => vec![json!({ "status": "of a newer version" }), json!(7)],
    };
    [(status, values), (CellKey::new(Entity::Blocker(op_id(9)), field::OPENED), vec![json!(opened)])]
        .into_iter()
        .map(|(key, values)| (key, cell(values)))
        .collect()
}

fn cell(values: Vec<Value>) -> Cell {
    let kept = |value| Kept { value, by: "a1".parse().unwrap(), at: Time::from_timestamp(0, 0).unwrap() };
    let values =
        (1..).zip(values).map(|(n, value)| (op_id(if n == 1 { 1 } else { 9 }), kept(value))).collect();
    Cell { values, ..Cell::default() }
}

/// Each of the five ends an op can come to.
fn lineage(n: usize) -> Lineage {
    let base = || [(CellKey::new(item(), field::STATUS), vec![op_id(5)])].into();
    match n % 5 {
        0 => Lineage::Unknown,
        1 => Lineage::Accepted,
        2 => Lineage::Refused(base()),
        3 => Lineage::Held(base()),
        _ => Lineage::Duplicate { of: op_id(6), base: base() },
    }
}

/// Whether the bytes were an op, so that they were decided.
fn face(bytes: SealedOp, world: usize) -> bool {
    let Ok(op) = bytes.open() else { return false };
    let person = Standing::Person { role: Role::ImplSpec, relation: Relation::Assigned };
    for standing in [person, Standing::Service] {
        let Some(effects) = judge(&op, standing, world) else { continue };
        let mut cells = standing_cells(world);
        project_all(&mut cells, Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at }, &effects);
        let mut digests = Digests::default();
        cells.iter().for_each(|(k, c)| digests.update(k, None, Some(c)));
    }
    true
}

/// The values inside some JSON, each with the way to it.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, v)| {
            leaves(v, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, v)| leaves(v, &format!("{path}/{n}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Puts another value in the place of one, or one more character into a text.
fn twist(text: &str, place: u16, kind: u8) -> String {
    let mut json: Value = serde_json::from_str(text).unwrap();
    let mut found = Vec::new();
    leaves(&json, "", &mut found);
    let path = &found[usize::from(place) % found.len()];
    let leaf = json.pointer_mut(path).unwrap();
    *leaf = match (kind % 8, leaf.as_str()) {
        (0, _) => Value::Null,
        (1, _) => json!(u64::MAX),
        (2, _) => json!(-1.5),
        (3, _) => json!([]),
        (4, _) => json!("x".repeat(500)),
        (5, Some(text)) => json!(format!("{text}\u{301}")),
        (6, Some(text)) => json!(text.chars().skip(1).collect::<String>()),
        (_, Some(text)) => json!(text.to_uppercase()),
        (_, None) => json!(true),
    };
    json.to_string()
}

fn mutate(text: &str, edits: &[(u16, u8, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, byte) in edits {
        let at = usize::from(*place) % (bytes.len() + 1);
        match kind % 4 {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.truncate(at),
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn each_honest_verb_is_read_back_as_it_was_written() {
    for change in changes() {
        let bytes = sealed(change.clone());
        let op = bytes.open().unwrap();
        assert_eq!(op.body.change, change);
        assert_eq!(op.hash, bytes.hash());
    }
}

#[test]
fn only_the_service_writes_what_is_the_services() {
    let person = Standing::Person { role: Role::PlatformAdmin, relation: Relation::Assigned };
    for change in changes() {
        let own = matches!(
            change,
            Change::TenantCreated { .. }
                | Change::AccountCreated { .. }
                | Change::AccountActiveSet { .. }
                | Change::DeviceEnrolled { .. }
                | Change::DeviceRetired { .. }
                | Change::ServiceRestored { .. }
                | Change::ImportCommitted { .. }
                | Change::ImportRefused { .. }
                | Change::ImportRolledBack { .. }
        );
        let mut op = sealed(change).open().unwrap();
        op.body.base.clear();
        assert!(!own || judge(&op, person, 0).is_none(), "{}", op.body.change.verb());
    }
}

/// Values changed inside whole JSON: most of it is still an op, so it is decided in every world.
#[test]
fn twisted_values_are_decided_and_never_panic() {
    let (mut all, mut decided) = (0, 0);
    for change in changes() {
        let honest = sealed(change);
        for (place, kind, world) in
            (0..16).flat_map(|p| (0..16).map(move |k| (p, k, usize::from(p) + usize::from(k))))
        {
            let body = twist(&honest.body, place, kind);
            let header = if kind == 15 { twist(&honest.header, place, kind) } else { honest.header.clone() };
            assert!(face(honest.clone(), world), "an honest op is decided in every world");
            all += 1;
            decided += usize::from(face(SealedOp { header, salt: honest.salt.clone(), body }, world));
        }
    }
    assert!(decided * 10 > all, "only {decided} of {all} were decided");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_bytes_never_panic(
        which in 0usize..16,
        header in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 0..3),
        body in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 0..6),
        world in 0usize..25,
    ) {
        let honest = sealed(changes().swap_remove(which));
        face(SealedOp {
            header: mutate(&honest.header, &header),
            salt: honest.salt.clone(),
            body: mutate(&honest.body, &body),
        }, world);
    }

    #[test]
    fn any_text_is_read_or_refused(header in ".{0,200}", salt in ".{0,40}", body in ".{0,400}") {
        face(SealedOp { header, salt, body }, 0);
    }

    /// Writes that do not replace one another may arrive in any order, and twice.
    #[test]
    fn order_and_repeats_do_not_matter_to_the_projector(order in Just((1u64..12).collect::<Vec<_>>()).prop_shuffle()) {
        let write = |n: u64| Effects {
            client: vec![Effect::Write {
                cell: CellKey::new(item(), if n.is_multiple_of(2) { field::NOTE } else { field::STATUS }),
                value: json!(n),
                replaces: vec![],
                awaits: vec![],
            }],
            team: vec![],
        };
        let by = "a1".parse().unwrap();
        let at = Time::from_timestamp(0, 0).unwrap();
        let apply = |cells: &mut Cells, n: u64| project_all(cells, Origin { op: &op_id(n), by: &by, at }, &write(n));
        let (mut straight, mut shuffled) = (Cells::new(), Cells::new());
        (1..12).for_each(|n| apply(&mut straight, n));
        order.iter().chain(&order).for_each(|n| apply(&mut shuffled, *n));
        prop_assert_eq!(straight, shuffled);
    }
}
