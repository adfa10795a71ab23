//! Conflicts as people see them: both values, both authors, both times, the value before, and what
//! taking each one loses.

use cairn_domain::{AccountId, CellKey, Kept, OpId, TenantId};
use cairn_protocol::ApiError;
use cairn_store::{Conflict, HistoryLine};
use serde_json::{Value, json};

use crate::api::{ConflictRow, ConflictValue, TenantRow};
use crate::desk::Loaded;
use crate::error::{Result, fault};
use crate::views::{self, field_words, rfc3339, value_words};

/// A conflict's id: `tenant|entity#field`.
pub fn id(tenant: &TenantId, cell: &CellKey) -> String {
    format!("{tenant}|{cell}")
}

/// Reads what [`id`] made.
///
/// # Errors
/// `bad_id`.
pub fn parse_id(text: &str) -> Result<(TenantId, CellKey)> {
    let bad = || fault("bad_id", format!("'{text}' is not a conflict. See the list for their ids."));
    let (tenant, cell) = text.split_once('|').ok_or_else(bad)?;
    Ok((tenant.parse().map_err(|_| bad())?, cell.parse().map_err(|_| bad())?))
}

/// One conflict in the shape of the api.
pub(crate) fn row(
    me: &AccountId,
    loaded: &Loaded,
    tenant: &TenantRow,
    conflict: &Conflict,
    history: &[HistoryLine],
) -> ConflictRow {
    let field = conflict.cell.field.as_str();
    let values = shown_values(me, loaded, field, conflict);
    let before = conflict.before.iter().flat_map(|did| &did.before).next().cloned().unwrap_or(Value::Null);
    let wrote = history.iter().find(|line| {
        line.did.iter().any(|did| did.cell == conflict.cell && did.after == before && !before.is_null())
    });
    let winner = conflict.content.winner().map(|(op, _)| op.to_string()).unwrap_or_default();
    ConflictRow {
        id: id(&conflict.tenant, &conflict.cell),
        tenant: tenant.id.clone(),
        tenant_name: tenant.name.clone(),
        item: views::key_of(&conflict.cell.entity),
        title: loaded.title(&conflict.cell.entity),
        entity: conflict.cell.entity.to_string(),
        field: field.to_owned(),
        base_shown: value_words(field, &before, &loaded.names).0,
        base: before,
        base_by: wrote.and_then(|line| line.actor.as_ref()).map(|actor| loaded.names.of(actor)),
        base_at: wrote.and_then(|line| line.at).map(rfc3339),
        winner,
        values,
    }
}

/// The different values; equal ones stand once, under the op of the signed-in person where one is.
fn shown_values(me: &AccountId, loaded: &Loaded, field: &str, conflict: &Conflict) -> Vec<ConflictValue> {
    let groups = conflict.content.distinct();
    let picked: Vec<(&OpId, &Kept)> = groups
        .iter()
        .filter_map(|group| group.iter().find(|(_, kept)| kept.by == *me).or_else(|| group.first()).copied())
        .collect();
    let words: Vec<(String, Option<String>)> =
        picked.iter().map(|(_, kept)| value_words(field, &kept.value, &loaded.names)).collect();
    picked
        .iter()
        .enumerate()
        .map(|(n, (op, kept))| ConflictValue {
            op: op.to_string(),
            value: kept.value.clone(),
            shown: words[n].0.clone(),
            text: words[n].1.clone(),
            by: loaded.names.of(&kept.by),
            role: loaded.names.role(&kept.by),
            at: rfc3339(kept.at),
            mine: kept.by == *me,
            loses: losses(loaded, me, field, &picked, &words, n),
        })
        .collect()
}

/// What taking value `n` loses: every other value, and the reason or text typed with it.
fn losses(
    loaded: &Loaded,
    me: &AccountId,
    field: &str,
    picked: &[(&OpId, &Kept)],
    words: &[(String, Option<String>)],
    n: usize,
) -> Vec<String> {
    let others = picked.iter().zip(words).enumerate().filter(|(other, _)| *other != n);
    let mut out = Vec::new();
    for (_, ((_, kept), (shown, text))) in others {
        let whose =
            if kept.by == *me { "Your".to_owned() } else { format!("{}'s", loaded.names.of(&kept.by)) };
        out.push(format!("{whose} {} {shown}", field_words(field)));
        if let Some(text) = text {
            out.push(format!("{whose} reason: {text}"));
        }
    }
    out
}

/// Which op `mine`, `theirs` or an op id names.
///
/// # Errors
/// `ambiguous` with the list, where there is not exactly one such value; `unknown_value`.
pub fn choose(row: &ConflictRow, take: &str) -> Result<OpId> {
    let fits: Vec<&ConflictValue> = match take {
        "mine" => row.values.iter().filter(|v| v.mine).collect(),
        "theirs" => row.values.iter().filter(|v| !v.mine).collect(),
        op => row.values.iter().filter(|v| v.op == op).collect(),
    };
    match fits[..] {
        [one] => crate::desk::parse_op(&one.op),
        _ => Err(ApiError {
            code: if matches!(take, "mine" | "theirs") { "ambiguous" } else { "unknown_value" }.to_owned(),
            message: format!("'{take}' does not name exactly one of the values. Name the op to take."),
            details: json!({ "values": row.values }),
        }),
    }
}
