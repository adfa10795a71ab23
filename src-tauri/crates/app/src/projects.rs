//! Starting and upgrading projects.

use cairn_domain::ProjectId;
use cairn_domain::Time;
use cairn_domain::change::{Change, PlaybookRef};
use cairn_domain::checklist;
use cairn_domain::playbook::{self, Playbook};
use serde_json::{Value, json};

use crate::Desk;
use crate::api::{PlaybookChoice, Written};
use crate::desk::{id, no_project};
use crate::error::{Result, fault};

impl Desk {
    /// Starts a project from a playbook: the key of a built-in one, or a file's source.
    ///
    /// # Errors
    /// `bad_playbook` with line and column, `unknown_playbook`, `unknown_mode`.
    pub fn start_project(
        &mut self,
        tenant: &str,
        source: &str,
        mode: Option<String>,
        go_live: Option<String>,
        now: Time,
    ) -> Result<Written> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, None)?;
        let book = read_book(source)?;
        let mode = mode.or_else(|| default_mode(&book));
        let same =
            checklist::projects(&loaded.cells).into_iter().filter(|p| p.id.playbook == book.key).count();
        let n = u32::try_from(same).map_err(|_| fault("too_many", "There are too many projects."))?;
        let change = Change::ProjectStarted {
            project: ProjectId { playbook: book.key.clone(), n },
            playbook: named(&book),
            source: source.to_owned(),
            mode,
            go_live,
        };
        self.write(&loaded, change, None, now)
    }

    /// What an upgrade of the tenant's project would change; with `apply` it is done.
    ///
    /// # Errors
    /// `unknown_project`, `bad_playbook`; `up_to_date` where the version is the project's own.
    pub fn upgrade_project(
        &mut self,
        tenant: &str,
        source: Option<&str>,
        project: Option<&str>,
        apply: bool,
        now: Time,
    ) -> Result<Value> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, project)?;
        let (view, old) = loaded.project.as_ref().ok_or_else(no_project)?;
        let built_in = || playbook::built_in_by_key(&view.id.playbook).map(|b| b.source);
        let source = source.or_else(built_in).ok_or_else(|| unknown_playbook(&view.id.playbook))?;
        let new = read_book(source)?;
        let diff = playbook::diff(old, &new, view.mode.as_deref());
        let same = new.digest() == old.digest();
        let mut out = json!({
            "tenant": row.slug, "project": view.id, "from": old.version, "to": new.version,
            "up_to_date": same, "applied": false, "diff": diff,
        });
        if apply && !same {
            let change = Change::ProjectUpgraded {
                project: view.id.clone(),
                playbook: named(&new),
                source: source.to_owned(),
            };
            let written = self.write(&loaded, change, None, now)?;
            out["applied"] = json!(true);
            out["op"] = json!(written.op);
        }
        Ok(out)
    }
}

/// The playbooks that are built in, as the checklist offers them.
pub fn choices() -> Vec<PlaybookChoice> {
    playbook::built_in().iter().filter_map(|b| playbook::parse(b.source).ok()).map(|b| choice(&b)).collect()
}

fn choice(book: &Playbook) -> PlaybookChoice {
    PlaybookChoice {
        key: book.key.clone(),
        title: book.title.clone(),
        version: book.version,
        modes: book.modes.iter().map(|m| (m.key.clone(), m.title.clone())).collect(),
        items: u32::try_from(book.items.len()).unwrap_or(u32::MAX),
    }
}

/// The source of a built-in playbook.
///
/// # Errors
/// `unknown_playbook` with the keys there are.
pub fn built_in_source(key: &str) -> Result<&'static str> {
    playbook::built_in_by_key(key).map(|b| b.source).ok_or_else(|| unknown_playbook(key))
}

fn unknown_playbook(key: &str) -> cairn_protocol::ApiError {
    let keys: Vec<&str> = playbook::built_in().iter().map(|b| b.key).collect();
    fault("unknown_playbook", format!("There is no playbook '{key}'; built in are {}.", keys.join(", ")))
}

/// The mode a project starts in where nobody says: the one that picks every item.
fn default_mode(book: &Playbook) -> Option<String> {
    book.modes.iter().max_by_key(|m| book.items_for(Some(&m.key)).count()).map(|m| m.key.clone())
}

fn read_book(source: &str) -> Result<Playbook> {
    playbook::parse(source).map_err(|e| cairn_protocol::ApiError {
        code: "bad_playbook".to_owned(),
        message: format!("The playbook is not valid: {e}"),
        details: json!({ "line": e.line, "column": e.column, "code": e.code, "message": e.message }),
    })
}

fn named(book: &Playbook) -> PlaybookRef {
    PlaybookRef { key: book.key.clone(), version: book.version, digest: book.digest().to_owned() }
}
