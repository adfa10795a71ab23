//! What people said about files to be imported, and how far they are with them. What it means is known
//! to who reads files; here it is only kept.

use cairn_domain::{TenantId, Time};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journals::time;
use crate::sql::{from_json, to_json};
use crate::{Store, StoreError};

impl Store {
    /// Keeps what is said about files of a source, in place of what was said before; nothing forgets it.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn keep_mapping(
        &mut self,
        tenant: &TenantId,
        source: &str,
        mapping: Option<&impl Serialize>,
        now: Time,
    ) -> Result<(), StoreError> {
        let of = params![tenant.as_str(), source];
        let Some(mapping) = mapping else {
            self.db.execute("DELETE FROM mappings WHERE tenant = ?1 AND source = ?2", of)?;
            return Ok(());
        };
        self.db.execute(
            "INSERT INTO mappings (tenant, source, mapping, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, source) DO UPDATE SET mapping = excluded.mapping, at = excluded.at",
            params![tenant.as_str(), source, to_json(mapping)?, now.to_rfc3339()],
        )?;
        Ok(())
    }

    /// What was said about files of that source, and when.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn mapping<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        source: &str,
    ) -> Result<Option<(T, Time)>, StoreError> {
        let row = self
            .db
            .prepare_cached("SELECT mapping, at FROM mappings WHERE tenant = ?1 AND source = ?2")?
            .query_row([tenant.as_str(), source], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        row.map(|(mapping, at)| Ok((from_json(&mapping)?, time(&at)?))).transpose()
    }

    /// Keeps how far a tenant's import is, in place of what was kept before; nothing forgets it.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn keep_draft(
        &mut self,
        tenant: &TenantId,
        draft: Option<&impl Serialize>,
    ) -> Result<(), StoreError> {
        let Some(draft) = draft else {
            self.db.execute("DELETE FROM import_drafts WHERE tenant = ?1", [tenant.as_str()])?;
            return Ok(());
        };
        self.db.execute(
            "INSERT INTO import_drafts (tenant, draft) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET draft = excluded.draft",
            params![tenant.as_str(), to_json(draft)?],
        )?;
        Ok(())
    }

    /// How far a tenant's import is.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn draft<T: DeserializeOwned>(&self, tenant: &TenantId) -> Result<Option<T>, StoreError> {
        let row: Option<String> = self
            .db
            .prepare_cached("SELECT draft FROM import_drafts WHERE tenant = ?1")?
            .query_row([tenant.as_str()], |row| row.get(0))
            .optional()?;
        row.map(|draft| from_json(&draft)).transpose()
    }
}
