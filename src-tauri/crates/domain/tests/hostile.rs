//! Hostile bytes: whatever arrives in the name of an op is read or refused, decided or refused, and
//! projected; nothing panics. Fixed numbers of cases, on stable Rust.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::{
    BlockerField, Change, DeviceValue, ItemField, PlaybookRef, ProjectField, Status, Visibility,
};
use cairn_domain::decide::{Context, Slice, Standing, decide, missing_lineage, touches};
use cairn_domain::digest::Digests;
use cairn_domain::effect::{Effect, Effects, Origin, project_all};
use cairn_domain::op::{Body, Header, SealedOp, Seen};
use cairn_domain::{CellKey, Entity, Op, OpId, ProjectId, Time, playbook};
use proptest::prelude::*;
use serde_json::json;

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
    ]
}

fn sealed(change: Change) -> SealedOp {
    let header =
        Header { v: 1, op: op_id(2), audience: change.audience(), seen: Seen::default(), reissues: None };
    let body = Body {
        actor: "a1".parse().unwrap(),
        acting_under: None,
        reason: None,
        at: Time::from_timestamp(1_700_000_000, 0).unwrap(),
        base: [(CellKey::new(item(), field::STATUS), vec![op_id(1)])].into(),
        change,
    };
    SealedOp::seal(&header, &body, [7; 16]).unwrap()
}

/// Judges an op against a project that exists, by whoever is asked for.
fn judge(op: &Op, standing: Standing) -> Option<Effects> {
    let touched = touches(op);
    let mut slice = Slice::default();
    if touched.project.is_some() {
        slice.playbooks = vec![Arc::new(playbook::parse(BOOK).unwrap())];
    }
    for id in missing_lineage(op, &slice) {
        slice.lineage.insert(id, cairn_domain::decide::Lineage::Unknown);
    }
    decide(&slice, op, &Context { table: &Table::standard(), standing, seq: Some(1) }).ok()
}

fn face(bytes: SealedOp) {
    let Ok(op) = bytes.open() else { return };
    let person = Standing::Person { role: Role::ImplSpec, relation: Relation::Assigned };
    for standing in [person, Standing::Service] {
        let Some(effects) = judge(&op, standing) else { continue };
        let mut cells = Cells::new();
        project_all(&mut cells, Origin { op: &op.header.op, by: &op.body.actor, at: op.body.at }, &effects);
        let mut digests = Digests::default();
        cells.iter().for_each(|(k, c)| digests.update(k, None, Some(c)));
    }
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
        );
        let mut op = sealed(change).open().unwrap();
        op.body.base.clear();
        assert!(!own || judge(&op, person).is_none(), "{}", op.body.change.verb());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_bytes_never_panic(
        which in 0usize..16,
        header in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 0..3),
        body in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>()), 0..6),
    ) {
        let honest = sealed(changes().swap_remove(which));
        face(SealedOp {
            header: mutate(&honest.header, &header),
            salt: honest.salt.clone(),
            body: mutate(&honest.body, &body),
        });
    }

    #[test]
    fn any_text_is_read_or_refused(header in ".{0,200}", salt in ".{0,40}", body in ".{0,400}") {
        face(SealedOp { header, salt, body });
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
