//! Changes in plain words.

use cairn_domain::change::{Change, Visibility};
use cairn_domain::decide::Refusal;
use cairn_domain::import::ImportExport;
use cairn_domain::journal::Outcome;
use cairn_domain::undo::{self, Did};
use cairn_domain::{Entity, OpId, Time};
use cairn_protocol::sync::HeldOp;
use cairn_store::{HistoryLine, HistoryQuery, OutboxOp, OutboxState, SyncLine};
use serde_json::{Value, json};

use crate::api::{HistoryRow, QueueRow, TenantRow};
use crate::desk::{Desk, Loaded};
use crate::edit;
use crate::error::{Result, store};
use crate::upgrades;
use crate::views::{field_words, rfc3339, status_words, value_words};

/// What a change writes to, as screens open it.
pub fn subject(op: &OpId, change: &Change) -> Option<Entity> {
    Some(match change {
        Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. } => item.clone(),
        Change::CommentAdded { visibility: Visibility::Client, .. } => Entity::Comment(op.clone()),
        Change::CommentAdded { .. } => Entity::InternalComment(op.clone()),
        Change::ProjectStarted { project, .. }
        | Change::ProjectUpgraded { project, .. }
        | Change::ProjectFieldSet { project, .. } => Entity::Project(project.clone()),
        Change::BlockerFieldSet { blocker, .. } => Entity::Blocker(blocker.clone()),
        Change::TenantCreated { .. } => Entity::Tenant,
        _ => return None,
    })
}

/// What a change is about, for people: a comment is about its item.
fn about(op: &OpId, change: &Change) -> Option<Entity> {
    match change {
        Change::CommentAdded { on, .. } => Some(on.clone()),
        _ => subject(op, change),
    }
}

/// What a change sets on an item, e.g. `Complete` or `due 2026-03-20`; none for other kinds.
pub(crate) fn set_words(change: &Change, loaded: &Loaded) -> Option<String> {
    match change {
        Change::ItemStatusSet { status, .. } => Some(status_words(*status).to_owned()),
        Change::ItemFieldSet { field, value, .. } => {
            let words = value_words(field.cell(), value, &loaded.names).0;
            Some(format!("{} {words}", field_words(field.cell())))
        }
        _ => None,
    }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

/// One plain sentence about a change.
pub(crate) fn sentence(change: &Change, loaded: &Loaded) -> String {
    let name = |entity: &Entity| loaded.title(entity);
    let words = |field: &str, value: &Value| value_words(field, value, &loaded.names).0;
    match change {
        Change::TenantCreated { name, .. } => format!("{name}: created"),
        Change::ProjectStarted { playbook, .. } => {
            format!("Project started: {} version {}", playbook.key, playbook.version)
        }
        Change::ProjectUpgraded { playbook, .. } => {
            format!("Playbook upgraded to version {}", playbook.version)
        }
        Change::ProjectFieldSet { field, value, .. } => {
            format!("Project {}: {}", field_words(field.cell()), words(field.cell(), value))
        }
        Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. } => {
            format!("{}: {}", name(item), set_words(change, loaded).unwrap_or_default())
        }
        Change::CommentAdded { on, visibility: Visibility::Client, .. } => {
            format!("Comment on {} for the client", name(on))
        }
        Change::CommentAdded { on, .. } => format!("Comment on {}", name(on)),
        Change::BlockerFieldSet { field, value, .. } => {
            format!("Blocker {}: {}", field_words(field.cell()), words(field.cell(), value))
        }
        Change::ImportRequested(request) => {
            format!("Import of {} asked for: {}", request.source, records(request.rows()))
        }
        Change::ImportCommitted { committed, .. } => {
            let changed =
                committed.counts.values().fold(0, |sum: u64, one| sum.saturating_add(one.changed()));
            format!("Imported: {} changed, revision {} of the roster", records(changed), committed.revision)
        }
        Change::ImportRefused { refused, .. } => format!("Import refused: {}", refused.message),
        Change::ImportRollbackRequested { .. } => "Import to be taken back".to_owned(),
        Change::ImportRolledBack { rolled_back, .. } => format!(
            "Import taken back: {} reversed, {} kept, {} failed",
            records(rolled_back.reversed()),
            rolled_back.kept_count,
            rolled_back.failed_count
        ),
        Change::ImportExported { what: ImportExport::Rejected, source, rows } => {
            format!("Rejected rows of {source} written to a file: {rows}")
        }
        Change::ImportExported { what: ImportExport::Report, source, .. } => {
            format!("Report of the import of {source} written to a file")
        }
        Change::HeldAdopted { .. } => "Held work adopted".to_owned(),
        Change::HeldDiscarded { .. } => "Held work discarded".to_owned(),
        other => other.verb().to_owned(),
    }
}

/// A tenant's history, or that of one entity with its comments.
pub(crate) fn of(
    desk: &Desk,
    loaded: &Loaded,
    entity: Option<&Entity>,
    limit: usize,
    _now: Time,
) -> Result<Vec<HistoryRow>> {
    let query = HistoryQuery { entity: entity.cloned(), before: None, limit };
    let history = desk.store.history(&loaded.tenant, &query).map_err(store)?;
    Ok(history.lines.iter().map(|line| row(loaded, line)).collect())
}

/// The cell that a change is about; a blocker opened beside it is a consequence.
pub(crate) fn main_cell(did: &[Did]) -> Option<&Did> {
    did.iter().find(|d| !matches!(d.cell.entity, Entity::Blocker(_))).or_else(|| did.first())
}

fn row(loaded: &Loaded, line: &HistoryLine) -> HistoryRow {
    let main = main_cell(&line.did);
    let before = match main.map(|d| &d.before[..]) {
        None | Some([]) => Value::Null,
        Some([one]) => one.clone(),
        Some(several) => json!(several),
    };
    let summary = match &line.change {
        Some(change) => sentence(change, loaded),
        None => line.verb.clone().unwrap_or_else(|| "A change that is not for this reader".to_owned()),
    };
    HistoryRow {
        id: line.op.to_string(),
        seq: line.seq,
        at: line.at.or(line.received_at).map(rfc3339).unwrap_or_default(),
        actor: line.actor.as_ref().map_or_else(|| "Not for this reader".to_owned(), |a| loaded.names.of(a)),
        acting_under: None,
        device: line.op.device.to_string(),
        change: line.change.as_ref().map_or_else(|| json!({ "verb": line.verb }), |one| in_short(json!(one))),
        summary,
        before,
        after: main.map_or(Value::Null, |d| in_short(d.after.clone())),
        reason: line.reason.clone().or_else(|| reason(line.change.as_ref())),
        outcome: outcome(line),
        can_undo: undo::plan(&line.op, &line.did, &loaded.cells).is_ok()
            || upgrades::can_go_back(&line.op, &line.did, &loaded.cells),
    }
}

/// Without what would bury everything else that a history prints: a playbook's source, and the records that a
/// rollback left, whose ids are not for everybody and which the list of imports names.
fn in_short(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        for key in ["source", "kept", "failed"] {
            map.remove(key);
        }
    }
    value
}

pub(crate) fn reason(change: Option<&Change>) -> Option<String> {
    match change {
        Some(Change::ItemStatusSet { reason, .. }) => reason.clone(),
        _ => None,
    }
}

/// How a change stands, as [`HistoryRow::outcome`] says it.
pub(crate) fn outcome(line: &HistoryLine) -> String {
    let word = match (line.seq, line.state) {
        (Some(_), _) | (None, None) => "accepted",
        (None, Some(OutboxState::Pending | OutboxState::Receipted)) => "pending",
        (None, Some(OutboxState::Quarantined)) => "refused",
        (None, Some(OutboxState::Held)) => "held",
        (None, Some(OutboxState::Closed)) => "discarded",
    };
    word.to_owned()
}

/// Why an own op was refused, by the service or by this laptop's own doubt.
pub(crate) fn refusal_of(op: &OutboxOp) -> Option<Refusal> {
    match &op.outcome {
        Some(Outcome::Refused { refusal }) => Some(refusal.clone()),
        _ => op.doubt.clone(),
    }
}

/// An own op that is not confirmed, as the Sync screen shows it.
pub(crate) fn queue_row(loaded: &Loaded, tenant: &TenantRow, op: &OutboxOp) -> QueueRow {
    let refusal = refusal_of(op);
    let state = match op.state {
        OutboxState::Pending => "pending",
        OutboxState::Receipted => "receipted",
        OutboxState::Held => "held",
        OutboxState::Quarantined | OutboxState::Closed => "quarantined",
    };
    QueueRow {
        op: op.op.to_string(),
        tenant: tenant.id.clone(),
        tenant_name: tenant.name.clone(),
        summary: sentence(&op.body.change, loaded),
        written_at: rfc3339(op.written_at),
        state: state.to_owned(),
        problem: refusal.as_ref().map(|r| r.message.clone()),
        code: refusal.map(|r| r.code),
        entity: about(&op.op, &op.body.change).map(|e| e.to_string()),
        edit: edit::of(&op.body.change).filter(|_| op.state == OutboxState::Quarantined),
        decided: None,
    }
}

/// Somebody's op on the held list, as managers see it.
pub(crate) fn held_row(loaded: &Loaded, tenant: &TenantRow, held: &HeldOp) -> QueueRow {
    let body = held.sealed.as_ref().and_then(|s| s.open().ok()).map(|op| op.body);
    let summary = body.as_ref().map_or_else(
        || "A change that is not for this reader".to_owned(),
        |b| format!("{}, by {}", sentence(&b.change, loaded), loaded.names.of(&b.actor)),
    );
    QueueRow {
        op: held.op.to_string(),
        tenant: tenant.id.clone(),
        tenant_name: tenant.name.clone(),
        summary,
        written_at: rfc3339(body.as_ref().map_or(held.received_at, |b| b.at)),
        state: "held".to_owned(),
        problem: Some(why_held(&held.why).to_owned()),
        code: Some(held.why.clone()),
        entity: body.and_then(|b| about(&held.op, &b.change)).map(|e| e.to_string()),
        edit: None,
        decided: None,
    }
}

fn why_held(why: &str) -> &str {
    match why {
        "not_assigned" => "Its author was not assigned to the tenant when it arrived.",
        "account_disabled" => "Its author's account is disabled.",
        "imported" => "It was brought in from a file.",
        other => other,
    }
}

/// A line of the sync log: time and plain words.
pub(crate) fn log_line(line: &SyncLine) -> (String, String) {
    let words = match line.code.as_str() {
        "synced" => {
            let count = |name: &str| line.details.get(name).and_then(Value::as_u64).unwrap_or(0);
            format!("Synced: {} sent, {} received", count("pushed"), count("pulled"))
        }
        "exported" => {
            let ops = line.details.get("ops").and_then(Value::as_u64).unwrap_or(0);
            format!("Exported {ops} unsent changes to a sealed file")
        }
        "history_differs" => {
            "The service came back from a backup; its missing changes were offered again".to_owned()
        }
        "gone" => match line.details.get("held").and_then(Value::as_u64).unwrap_or(0) {
            0 => "A tenant is no longer assigned to you and was removed from this computer".to_owned(),
            held => format!(
                "A tenant is no longer assigned to you and was removed from this computer; {held} of your changes there wait for its manager"
            ),
        },
        "roster_loaded_again" => "A roster was loaded again from the service".to_owned(),
        "digest_mismatch" => "A tenant did not match the service and was loaded anew".to_owned(),
        _ => line.details.get("message").and_then(Value::as_str).unwrap_or(&line.code).to_owned(),
    };
    (rfc3339(line.at), words)
}
