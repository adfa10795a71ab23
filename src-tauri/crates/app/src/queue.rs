//! What has not left this computer, what was refused, and what the service holds.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use cairn_domain::access::Action;
use cairn_domain::change::Change;
use cairn_domain::{OpId, TenantId, Time};
use cairn_protocol::ApiError;
use cairn_store::{OutboxOp, OutboxState};
use serde_json::json;

use crate::Desk;
use crate::api::{Exported, QueueRow, SyncView, TenantRow, Written};
use crate::desk::{id, parse_op};
use crate::error::{Result, fault, store};
use crate::{files, history};

impl Desk {
    /// What the Sync screen shows.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn sync_view(&self) -> Result<SyncView> {
        let mut view = SyncView {
            waiting: vec![],
            refused: vec![],
            held: vec![],
            conflicts: self.conflicts(None)?,
            log: self
                .store
                .sync_log(500)
                .map_err(store)?
                .iter()
                .map(history::log_line)
                .fold(Vec::new(), folded),
            can_manage_held: false,
        };
        for row in self.tenants()? {
            let tenant = id(&row)?;
            view.can_manage_held |= self.may(&tenant, Action::ManageHeld);
            self.queue_of(&row, &tenant, &mut view)?;
        }
        view.waiting.sort_by(|a, b| a.written_at.cmp(&b.written_at));
        Ok(view)
    }

    fn queue_of(&self, row: &TenantRow, tenant: &TenantId, view: &mut SyncView) -> Result<()> {
        let outbox = self.store.outbox(Some(tenant)).map_err(store)?;
        let others = self.store.held(tenant).map_err(store)?;
        if outbox.is_empty() && others.is_empty() {
            return Ok(());
        }
        let loaded = self.load(tenant, None)?;
        for op in &outbox {
            let line = history::queue_row(&loaded, row, op);
            match op.state {
                OutboxState::Pending => view.waiting.push(line),
                OutboxState::Quarantined => view.refused.push(line),
                OutboxState::Held => view.held.push(line),
                OutboxState::Receipted | OutboxState::Closed => {}
            }
        }
        let decided = decisions(&outbox);
        for held in &others {
            if outbox.iter().all(|o| o.op != held.op) {
                let word = decided.get(&held.op).map(|word| (*word).to_owned());
                view.held.push(QueueRow { decided: word, ..history::held_row(&loaded, row, held) });
            }
        }
        Ok(())
    }

    /// Refused changes.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn quarantine(&self) -> Result<Vec<QueueRow>> {
        Ok(self.sync_view()?.refused)
    }

    /// Sends a refused change again as a new one.
    ///
    /// # Errors
    /// `unknown_op`; the rules' refusal, where this laptop can already see that it stands.
    pub fn retry(&mut self, op: &str, now: Time) -> Result<Written> {
        self.within_lease(now)?;
        let written = self.store.retry(&parse_op(op)?, None, now).map_err(store)?;
        self.told(&written.op, "Waiting to be sent again".to_owned())
    }

    /// Drops a refused change.
    ///
    /// # Errors
    /// `unknown_op`.
    pub fn discard(&mut self, op: &str) -> Result<()> {
        self.store.discard(&parse_op(op)?).map_err(store)
    }

    /// The service's held list of a tenant, as last received.
    ///
    /// # Errors
    /// `unknown_tenant`.
    pub fn held(&self, tenant: &str) -> Result<Vec<QueueRow>> {
        let row = self.tenant(tenant)?;
        Ok(self.sync_view()?.held.into_iter().filter(|q| q.tenant == row.id).collect())
    }

    /// Takes held work into the journal, or drops it; an op like any other.
    ///
    /// # Errors
    /// `not_allowed`, `unknown_op`, `already_decided`.
    pub fn decide_held(&mut self, op: &str, adopt: bool, now: Time) -> Result<Written> {
        let op = parse_op(op)?;
        let outbox = self.store.outbox(Some(&op.tenant)).map_err(store)?;
        if decisions(&outbox).contains_key(&op) {
            let message = "It was decided here already; the decision waits to be sent.";
            return Err(fault("already_decided", message));
        }
        let loaded = self.load(&op.tenant.clone(), None)?;
        let change = if adopt { Change::HeldAdopted { op } } else { Change::HeldDiscarded { op } };
        self.write(&loaded, change, None, now)
    }

    /// Writes everything unsent to a new file that only the service can read, for a computer whose
    /// device was revoked. It works signed out too: where the account is disabled there is no other
    /// way. Nothing leaves the queue.
    ///
    /// # Errors
    /// `file_exists`, `cannot_write`, `nothing_to_export`, `too_large`, `not_enrolled`.
    pub fn export_unsent(&mut self, file: &Path, now: Time) -> Result<Exported> {
        if file.exists() {
            return Err(file_exists(file));
        }
        let export = self.store.export_unsent().map_err(store)?;
        files::write_private(file, export.text.as_bytes()).map_err(|error| not_written(file, &error))?;
        self.store.log_sync(now, None, "exported", &json!({ "ops": export.ops })).map_err(store)?;
        let slugs: BTreeMap<String, String> = self.tenants()?.into_iter().map(|t| (t.id, t.slug)).collect();
        let tenants = export.tenants.iter().map(TenantId::to_string);
        Ok(Exported {
            file: file.display().to_string(),
            ops: export.ops,
            tenants: tenants.map(|id| slugs.get(&id).cloned().unwrap_or(id)).collect(),
        })
    }
}

/// What was decided here about held work while the service does not know yet, by the held op.
fn decisions(outbox: &[OutboxOp]) -> BTreeMap<OpId, &'static str> {
    let waits = |o: &&OutboxOp| matches!(o.state, OutboxState::Pending | OutboxState::Receipted);
    let decision = |o: &OutboxOp| match &o.body.change {
        Change::HeldAdopted { op } => Some((op.clone(), "adopted")),
        Change::HeldDiscarded { op } => Some((op.clone(), "discarded")),
        _ => None,
    };
    outbox.iter().filter(waits).filter_map(decision).collect()
}

fn file_exists(file: &Path) -> ApiError {
    let message = format!("'{}' exists already. Choose a new file.", file.display());
    ApiError { details: json!({ "file": file }), ..fault("file_exists", message) }
}

fn not_written(file: &Path, error: &io::Error) -> ApiError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return file_exists(file);
    }
    let message = format!("'{}' cannot be written: {error}.", file.display());
    ApiError { details: json!({ "file": file }), ..fault("cannot_write", message) }
}

/// A day without a network is one line, not hundreds: the newest attempt stands for those before it
/// that came to the same.
fn folded(mut lines: Vec<(String, String)>, next: (String, String)) -> Vec<(String, String)> {
    if lines.last().is_none_or(|(_, words)| *words != next.1) {
        lines.push(next);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn equal_attempts_in_a_row_are_one_line() {
        let line = |at: &str, words: &str| (at.to_owned(), words.to_owned());
        let log = [line("5", "off"), line("4", "off"), line("3", "synced"), line("2", "off")];
        let shown = log.into_iter().fold(Vec::new(), folded);
        assert_eq!(shown, [line("5", "off"), line("3", "synced"), line("2", "off")]);
    }
}
