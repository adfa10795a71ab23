//! What a person said about the files of an import, and how far they are: kept on this computer, so that
//! a restart and the next files of the same source find it again.

use std::path::{Path, PathBuf};

use cairn_domain::{TenantId, Time};
use cairn_imports::Mapping;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Desk;
use crate::error::{Result, fault, store};
use crate::files::replace_private;
use crate::runs::RunChoices;
use crate::views::rfc3339;

/// How far a person is with a tenant's import.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct ImportDraft {
    /// The files.
    #[ts(type = "string")]
    pub path: PathBuf,
    /// The step that shows; a word of the window's.
    pub step: String,
    /// The format, where it was chosen by hand.
    pub format: Option<String>,
    /// `strict` or `tolerant`.
    pub rules: String,
    /// What was said about the files.
    pub mapping: Mapping,
    /// What was agreed to of the plan.
    pub choices: RunChoices,
    /// The import that is looked at; none while it is not asked for.
    pub import: Option<String>,
}

/// What was said about files like these before.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct RememberedMapping {
    /// What was said.
    pub mapping: Mapping,
    /// When; RFC 3339.
    pub at: String,
}

impl Desk {
    /// How far the tenant's import is; none where none was begun.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the store reports.
    pub fn import_draft(&self, tenant: &str) -> Result<Option<ImportDraft>> {
        self.store.draft(&self.tenant_of_import(tenant)?).map_err(store)
    }

    /// Keeps how far the tenant's import is; nothing forgets it.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the store reports.
    pub fn keep_import_draft(&mut self, tenant: &str, draft: Option<&ImportDraft>) -> Result<()> {
        let tenant = self.tenant_of_import(tenant)?;
        self.store.keep_draft(&tenant, draft).map_err(store)
    }

    /// What was said the last time about files of that source ([`cairn_imports::Look::source`]).
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the store reports.
    pub fn remembered_mapping(&self, tenant: &str, source: &str) -> Result<Option<RememberedMapping>> {
        let kept = self.store.mapping(&self.tenant_of_import(tenant)?, source).map_err(store)?;
        Ok(kept.map(|(mapping, at)| RememberedMapping { mapping, at: rfc3339(at) }))
    }

    /// Remembers what is said about files of that source. A mapping that says nothing forgets it.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the store reports.
    pub fn remember_mapping(
        &mut self,
        tenant: &str,
        source: &str,
        mapping: &Mapping,
        now: Time,
    ) -> Result<()> {
        let tenant = self.tenant_of_import(tenant)?;
        let said = Some(mapping).filter(|mapping| **mapping != Mapping::default());
        self.store.keep_mapping(&tenant, source, said, now).map_err(store)
    }

    pub(crate) fn tenant_of_import(&self, tenant: &str) -> Result<TenantId> {
        self.tenant(tenant)?.id.parse().map_err(|_| fault("bad_id", "This is no tenant."))
    }
}

/// Writes a mapping as a file that others can use, with `--mapping` or in the window.
///
/// # Errors
/// `cannot_write`; `bad_mapping` where it cannot be written as one.
pub fn save_mapping(mapping: &Mapping, into: &Path) -> Result<()> {
    let text = format!("# What these files hold, for Cairn's Migration.\n\n{}", mapping.to_toml()?);
    replace_private(into, text.as_bytes()).map_err(|error| {
        let place = into.display();
        fault(
            "cannot_write",
            format!("The mapping cannot be written to '{place}': {error}. Choose another place."),
        )
    })
}
