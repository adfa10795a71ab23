//! Changes of an item as people make them, and putting a refused one right.

use std::mem::discriminant;

use cairn_domain::change::{Change, ItemField};
use cairn_domain::{Entity, Time};
use cairn_protocol::ApiError;
use serde_json::{Value, json};

use crate::Desk;
use crate::api::{Edit, Written};
use crate::desk::{parse_op, parse_status};
use crate::error::{Result, fault, store};
use crate::history;

/// A change as an edit; none for kinds that are not made by hand on an item.
pub(crate) fn of(change: &Change) -> Option<Edit> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(match change {
        Change::ItemStatusSet { status, reason, .. } => {
            Edit::Status { status: status.as_str().to_owned(), reason: reason.clone() }
        }
        Change::ItemFieldSet { field, value, .. } => match field {
            ItemField::Owner => Edit::Owner { value: value.clone() },
            ItemField::Due => Edit::Due { value: text(value) },
            ItemField::Note => Edit::Note { value: text(value) },
            ItemField::Evidence => Edit::Evidence { value: text(value) },
        },
        Change::CommentAdded { text, .. } => Edit::Comment { text: text.clone() },
        _ => return None,
    })
}

/// The change of one item that an edit asks for.
///
/// # Errors
/// `bad_status`; `bad_field` for a comment.
pub(crate) fn on_item(edit: &Edit, item: Entity) -> Result<Change> {
    let (field, value) = match edit {
        Edit::Status { status, reason } => {
            return Ok(Change::ItemStatusSet { item, status: parse_status(status)?, reason: reason.clone() });
        }
        Edit::Owner { value } => (ItemField::Owner, value.clone()),
        Edit::Due { value } => (ItemField::Due, json!(value)),
        Edit::Note { value } => (ItemField::Note, json!(value)),
        Edit::Evidence { value } => (ItemField::Evidence, json!(value)),
        Edit::Comment { .. } => {
            return Err(fault("bad_field", "A comment is written on one item at a time."));
        }
    };
    Ok(Change::ItemFieldSet { item, field, value })
}

impl Desk {
    /// Writes a refused change anew with other values, on what is there now; the refused one is
    /// settled in the same transaction.
    ///
    /// # Errors
    /// `unknown_op`, `not_quarantined`, `not_editable`; the rules' refusal with the field it is about,
    /// and the refused change stays then.
    pub fn edit_refused(&mut self, op: &str, edit: &Edit, now: Time) -> Result<Written> {
        self.within_lease(now)?;
        let op = parse_op(op)?;
        let old = self.store.quarantine(Some(&op.tenant)).map_err(store)?.into_iter().find(|o| o.op == op);
        let old = old.ok_or_else(|| fault("unknown_op", "It does not wait for a decision any more."))?;
        let change = edited(&old.body.change, edit).map_err(|error| at_field(edit, error))?;
        let loaded = self.load(&op.tenant, None)?;
        let summary = history::sentence(&change, &loaded);
        let written = self.store.retry(&op, Some(change), now).map_err(|e| at_field(edit, store(e)))?;
        self.told(&written.op, summary)
    }
}

/// The old change with the edit's values. What it is about, and who may read it, stay.
fn edited(old: &Change, edit: &Edit) -> Result<Change> {
    let same_kind = of(old).is_some_and(|was| discriminant(&was) == discriminant(edit));
    match (old, edit) {
        (Change::CommentAdded { on, visibility, .. }, Edit::Comment { text }) => {
            Ok(Change::CommentAdded { on: on.clone(), text: text.clone(), visibility: *visibility })
        }
        (Change::ItemStatusSet { item, .. } | Change::ItemFieldSet { item, .. }, _) if same_kind => {
            on_item(edit, item.clone())
        }
        _ => {
            Err(fault("not_editable", "A change of this kind cannot be edited. Try it again or discard it."))
        }
    }
}

/// Says which field a refusal is about, so that it shows there.
fn at_field(edit: &Edit, mut error: ApiError) -> ApiError {
    let field = match (edit, error.code.as_str()) {
        (Edit::Status { .. }, "reason_required" | "empty_text" | "text_too_long") => "reason",
        (Edit::Status { .. }, "bad_status" | "no_check" | "needs_verification") => "status",
        (_, "empty_text" | "text_too_long" | "bad_value" | "bad_date") => "value",
        _ => return error,
    };
    let mut details = error.details.as_object().cloned().unwrap_or_default();
    details.insert("field".to_owned(), json!(field));
    error.details = Value::Object(details);
    error
}
