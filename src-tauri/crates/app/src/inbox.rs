//! The inbox: what the signed-in person should hear of, over all tenants. It is the authority;
//! native notifications only point to it.

use std::collections::{BTreeMap, BTreeSet};

use cairn_domain::notice::{self, Kind, Notice, Reader};
use cairn_domain::{TenantId, Time};
use chrono::NaiveDate;

use crate::Desk;
use crate::api::{InboxRow, InboxView};
use crate::error::{Result, fault, store};
use crate::toasts::News;
use crate::views::rfc3339;

/// The most notices the window is given; the oldest stay in the database.
const SHOWN: usize = 2_000;

/// Tenants that are looked at with one commit while everybody else waits: a tenth of a second.
const AT_ONCE: usize = 50;

/// What a look at tenants did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Whether the inbox is another one now.
    pub changed: bool,
    /// Whether more wait for the next look.
    pub more: bool,
}

impl Desk {
    /// Derives the notices of tenants that changed, or of all where a new day began for the person: of some
    /// at a time, so that whoever works meanwhile does not wait for a thousand. Costs one query while
    /// nothing changed, and otherwise one reading of each changed tenant's cells.
    ///
    /// # Errors
    /// `signed_out`; whatever the store reports.
    pub fn refresh_inbox(&mut self, today: NaiveDate, now: Time) -> Result<Looked> {
        let changed = self.store.unnoticed(today).map_err(store)?;
        self.derive(&changed, today, now)
    }

    /// Begins the inbox of tenants that the last sync brought: what it brought is no news. To be called
    /// until no more wait, before the next sync: its changes are news even when nobody looked in between.
    ///
    /// # Errors
    /// As [`Desk::refresh_inbox`].
    pub fn begin_inbox(&mut self, today: NaiveDate, now: Time) -> Result<Looked> {
        let came = self.store.never_noticed().map_err(store)?;
        self.derive(&came, today, now)
    }

    fn derive(&mut self, tenants: &[TenantId], today: NaiveDate, now: Time) -> Result<Looked> {
        let (some, rest) = tenants.split_at(tenants.len().min(AT_ONCE));
        let mut derived = Vec::with_capacity(some.len());
        for tenant in some {
            derived.push((tenant, self.notices_of(tenant, today)?));
        }
        let keep = |store: &mut cairn_store::Store| {
            let mut changed = false;
            for (tenant, notices) in &derived {
                changed |= store.keep_notices(tenant, today, notices, now)?;
            }
            Ok(changed)
        };
        let changed = match derived.is_empty() {
            true => false,
            false => self.store.at_once(keep).and_then(|kept| kept).map_err(store)?,
        };
        Ok(Looked { changed, more: !rest.is_empty() })
    }

    fn notices_of(&self, tenant: &TenantId, today: NaiveDate) -> Result<Vec<Notice>> {
        let me = self.identity()?;
        let loaded = self.load(tenant, None)?;
        let project = loaded.project.as_ref().map(|(project, playbook)| (project, playbook.as_ref()));
        let reader = Reader { account: &me.account, role: me.role, today };
        Ok(notice::notices(&loaded.cells, project, reader))
    }

    /// The inbox as the window shows it, newest first.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn inbox(&self) -> Result<InboxView> {
        let names = self.names()?;
        let tenants = self.tenant_names()?;
        let row = |kept: cairn_store::KeptNotice| InboxRow {
            tenant_name: tenants.get(&kept.tenant).cloned().unwrap_or_else(|| kept.tenant.to_string()),
            tenant: kept.tenant.to_string(),
            key: kept.notice.key,
            kind: kind_word(kept.notice.kind).to_owned(),
            entity: kept.notice.on.to_string(),
            title: kept.notice.title,
            by: kept.notice.by.as_ref().map(|by| names.of(by)),
            text: kept.notice.text,
            at: rfc3339(kept.notice.at.unwrap_or(kept.since)),
            read: kept.read,
        };
        let kept = self.store.inbox(SHOWN).map_err(store)?;
        Ok(InboxView { unread: self.unread()?, rows: kept.into_iter().map(row).collect() })
    }

    pub(crate) fn unread(&self) -> Result<u32> {
        let unread = self.store.unread().map_err(store)?;
        Ok(u32::try_from(unread).unwrap_or(u32::MAX))
    }

    /// Notes that the person has seen one notice, or all of them.
    ///
    /// # Errors
    /// `bad_id`; whatever the store reports.
    pub fn mark_read(&mut self, one: Option<(&str, &str)>) -> Result<()> {
        let Some((tenant, key)) = one else { return self.store.mark_all_read().map_err(store) };
        let tenant: TenantId =
            tenant.parse().map_err(|_| fault("bad_id", format!("'{tenant}' is not a tenant.")))?;
        self.store.mark_read(&[(tenant, key.to_owned())]).map_err(store)
    }

    /// What was not told natively yet, oldest first.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn news(&self) -> Result<Vec<News>> {
        let untold = self.store.untold().map_err(store)?;
        if untold.is_empty() {
            return Ok(Vec::new());
        }
        let tenants = self.tenant_names()?;
        let one = |kept: cairn_store::KeptNotice| News {
            name: tenants.get(&kept.tenant).cloned().unwrap_or_else(|| kept.tenant.to_string()),
            tenant: kept.tenant,
            notice: kept.notice,
        };
        Ok(untold.into_iter().map(one).collect())
    }

    /// Notes that native notifications were raised for these, or are not to be.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn mark_told(&mut self, told: &[(TenantId, String)]) -> Result<()> {
        self.store.mark_told(told).map_err(store)
    }

    /// The names of all notices that were not seen: a toast about none of them is out of date.
    ///
    /// # Errors
    /// Whatever the store reports.
    pub fn unread_names(&self) -> Result<BTreeSet<(TenantId, String)>> {
        Ok(self.store.unread_names().map_err(store)?.into_iter().collect())
    }

    fn tenant_names(&self) -> Result<BTreeMap<TenantId, String>> {
        let tenants = self.store.tenants().map_err(store)?;
        Ok(tenants.into_iter().map(|t| (t.id, t.name)).collect())
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Blocker => "blocker",
        Kind::Conflict => "conflict",
        Kind::Overdue => "overdue",
        Kind::Due => "due",
        Kind::Reply => "reply",
        Kind::Import => "import",
    }
}
