//! The inbox: which notices stand, which are news, which were read. What gives rise to a notice is
//! decided by [`cairn_domain::notice`]; here it is only remembered.

use std::collections::BTreeSet;

use cairn_domain::notice::Notice;
use cairn_domain::{TenantId, Time};
use chrono::NaiveDate;
use rusqlite::{Connection, OptionalExtension, params};

use crate::journals::time;
use crate::sql::{from_json, int, to_json};
use crate::{Store, StoreError};

/// A notice as the inbox keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The tenant it is about.
    pub tenant: TenantId,
    /// What to hear of.
    pub notice: Notice,
    /// When this laptop first derived it.
    pub since: Time,
    /// Whether a native notification was raised, or is not to be.
    pub told: bool,
    /// Whether the person has seen it.
    pub read: bool,
}

impl Store {
    /// Tenants whose notices were not derived since their cells changed or since `day` began.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn unnoticed(&self, day: NaiveDate) -> Result<Vec<TenantId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT j.tenant FROM journals j LEFT JOIN noticed n ON n.tenant = j.tenant
             WHERE substr(j.tenant, 1, 1) <> '_'
               AND (n.version IS NULL OR n.version <> j.version OR n.day <> ?1)
             ORDER BY j.tenant",
        )?;
        let rows = statement.query_map([day.to_string()], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.parse()?)).collect()
    }

    /// Tenants whose notices were never derived: they came with the last sync.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn never_noticed(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "SELECT tenant FROM journals j WHERE substr(tenant, 1, 1) <> '_'
               AND NOT EXISTS (SELECT 1 FROM noticed n WHERE n.tenant = j.tenant)
             ORDER BY tenant",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|row| Ok(row?.parse()?)).collect()
    }

    /// Puts what a tenant gives rise to in place of what it gave rise to before. New ones are news,
    /// except the first time: what stood before this laptop knew the tenant is no news. Those that
    /// stay keep what is known of them; those whose cause is gone are withdrawn. Says whether the inbox is
    /// another one now.
    ///
    /// # Errors
    /// `unknown_tenant`; whatever the database reports.
    pub fn keep_notices(
        &mut self,
        tenant: &TenantId,
        day: NaiveDate,
        notices: &[Notice],
        now: Time,
    ) -> Result<bool, StoreError> {
        let tx = self.begin()?;
        let version: Option<i64> = tx
            .prepare_cached("SELECT version FROM journals WHERE tenant = ?1")?
            .query_row([tenant.as_str()], |row| row.get(0))
            .optional()?;
        let version = version.ok_or_else(|| StoreError::UnknownTenant(tenant.clone()))?;
        let first = !is_noticed(&tx, tenant)?;
        let mut gone = keys(&tx, tenant)?;
        let mut changed = false;
        for notice in notices {
            if !gone.remove(&notice.key) {
                insert(&tx, tenant, notice, now, first)?;
                changed = true;
            }
        }
        changed |= !gone.is_empty();
        for key in &gone {
            tx.prepare_cached("DELETE FROM notices WHERE tenant = ?1 AND key = ?2")?
                .execute([tenant.as_str(), key])?;
        }
        tx.prepare_cached(
            "INSERT INTO noticed (tenant, version, day) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET version = excluded.version, day = excluded.day",
        )?
        .execute(params![tenant.as_str(), version, day.to_string()])?;
        tx.commit()?;
        Ok(changed)
    }

    /// The inbox, newest first, at most `limit`.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn inbox(&self, limit: usize) -> Result<Vec<Kept>, StoreError> {
        self.kept(
            "SELECT tenant, notice, since, told, read FROM notices ORDER BY since DESC, tenant, key LIMIT ?1",
            limit,
        )
    }

    /// News for which no native notification was raised yet, oldest first.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn untold(&self) -> Result<Vec<Kept>, StoreError> {
        self.kept(
            "SELECT tenant, notice, since, told, read FROM notices WHERE told = 0 ORDER BY since, tenant, key LIMIT ?1",
            usize::MAX,
        )
    }

    /// How many notices were not read.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn unread(&self) -> Result<u64, StoreError> {
        let count = "SELECT count(*) FROM notices WHERE read = 0";
        Ok(crate::sql::uint(self.db.prepare_cached(count)?.query_row([], |row| row.get(0))?))
    }

    /// The names of notices that were not read.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn unread_names(&self) -> Result<Vec<(TenantId, String)>, StoreError> {
        let mut statement = self.db.prepare_cached("SELECT tenant, key FROM notices WHERE read = 0")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        rows.map(|row| row.map_err(StoreError::from).and_then(|(t, key)| Ok((t.parse()?, key)))).collect()
    }

    /// Notes that native notifications were raised for these, or are not to be.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn mark_told(&mut self, told: &[(TenantId, String)]) -> Result<(), StoreError> {
        self.mark("UPDATE notices SET told = 1 WHERE tenant = ?1 AND key = ?2", told)
    }

    /// Notes that the person has seen these; whatever was seen needs no native notification.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn mark_read(&mut self, read: &[(TenantId, String)]) -> Result<(), StoreError> {
        self.mark("UPDATE notices SET read = 1, told = 1 WHERE tenant = ?1 AND key = ?2", read)
    }

    /// Notes that the person has seen all there is.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn mark_all_read(&mut self) -> Result<(), StoreError> {
        self.db.execute("UPDATE notices SET read = 1, told = 1 WHERE read = 0 OR told = 0", [])?;
        Ok(())
    }

    fn mark(&mut self, sql: &str, which: &[(TenantId, String)]) -> Result<(), StoreError> {
        if which.is_empty() {
            return Ok(());
        }
        let tx = self.begin()?;
        for (tenant, key) in which {
            tx.prepare_cached(sql)?.execute([tenant.as_str(), key])?;
        }
        tx.commit()
    }

    fn kept(&self, sql: &str, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query([int(limit as u64)])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            out.push(Kept {
                tenant: row.get::<_, String>(0)?.parse()?,
                notice: from_json(&row.get::<_, String>(1)?)?,
                since: time(&row.get::<_, String>(2)?)?,
                told: row.get(3)?,
                read: row.get(4)?,
            });
        }
        Ok(out)
    }
}

fn is_noticed(db: &Connection, tenant: &TenantId) -> Result<bool, StoreError> {
    let row = db
        .prepare_cached("SELECT 1 FROM noticed WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |_| Ok(()))
        .optional()?;
    Ok(row.is_some())
}

fn keys(db: &Connection, tenant: &TenantId) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = db.prepare_cached("SELECT key FROM notices WHERE tenant = ?1")?;
    let rows = statement.query_map([tenant.as_str()], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(row?)).collect()
}

fn insert(
    db: &Connection,
    tenant: &TenantId,
    notice: &Notice,
    now: Time,
    old: bool,
) -> Result<(), StoreError> {
    // What stood before stands in the order in which it came about.
    let since = notice.at.filter(|at| old && *at < now).unwrap_or(now);
    db.prepare_cached(
        "INSERT INTO notices (tenant, key, notice, since, told, read) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![tenant.as_str(), notice.key, to_json(notice)?, since.to_rfc3339(), old])?;
    Ok(())
}
