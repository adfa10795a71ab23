//! What the command line does to people and tenants. Each command is ops in journals, so a running
//! service and every replica see it at their next request.

use std::collections::BTreeMap;

use cairn_domain::access::Role;
use cairn_domain::change::PlaybookRef;
use cairn_domain::{AccountId, Change, ProjectId, TenantId, playbook};
use cairn_protocol::code;
use serde_json::json;

use crate::error::{Error, Result};
use crate::handlers::sign_in;
use crate::journal::{Desk, Journal, random_bytes};
use crate::org::{self, Account, side};
use crate::password;
use crate::service::{Ask, Service};
use crate::storage::{Mode, TenantTx, with};

/// A new person.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Sign-in name, without spaces.
    pub name: &'a str,
    /// Role.
    pub role: Role,
    /// Password.
    pub password: &'a str,
}

/// A new tenant.
#[derive(Debug, Clone, Copy)]
pub struct NewTenant<'a> {
    /// Short name: a-z, 0-9 and `-`.
    pub slug: &'a str,
    /// Full name.
    pub name: &'a str,
    /// Key of a built-in playbook; without one the tenant starts with no project.
    pub playbook: Option<&'a str>,
    /// One of the playbook's modes.
    pub mode: Option<&'a str>,
    /// Target go-live of the project, `YYYY-MM-DD`.
    pub go_live: Option<&'a str>,
}

fn usage(code: &str, message: impl Into<String>) -> Error {
    Error::api(code, message)
}

/// Makes an account and assigns it to tenants.
///
/// # Errors
/// `bad_name`, `name_taken`, `weak_password`, `unknown_tenant`.
pub fn create_user(
    service: &Service,
    new: &NewUser<'_>,
    tenants: &[&str],
    ask: &mut Ask<'_>,
) -> Result<AccountId> {
    let name = new.name;
    if name.is_empty()
        || name.chars().count() > 100
        || name.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(usage("bad_name", "A sign-in name has 1 to 100 characters and no spaces."));
    }
    let hash = password::hash(new.password, ask.random)?;
    let account: AccountId = format!("a{}", hex::encode(random_bytes::<8>(ask.random))).parse()?;
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    let pen = service.identity.pen(ask.now);
    service.write_journal(&TenantId::org(), |journal| {
        if journal.tx().side(side::NAME, name)?.is_some() {
            return Err(Error::detailed(
                "name_taken",
                "Somebody has this sign-in name.",
                json!({ "name": name }),
            ));
        }
        let made = Change::AccountCreated { account: account.clone(), name: name.to_owned(), role: new.role };
        journal.write(&desk, &pen, made, ask.random)?;
        for slug in tenants {
            let tenant = tenant_named(journal, slug)?;
            let change = Change::AssignmentSet { account: account.clone(), tenant, active: true };
            journal.write(&desk, &pen, change, ask.random)?;
        }
        journal.tx().put_side(side::NAME, name, Some(account.as_str()))?;
        journal.tx().put_side(side::PASSWORD, account.as_str(), Some(&hash))
    })?;
    Ok(account)
}

fn account_named(tx: &mut dyn TenantTx, name: &str) -> Result<Account> {
    org::account_named(tx, name)?.ok_or_else(|| {
        Error::detailed("unknown_user", format!("Nobody is called '{name}'."), json!({ "name": name }))
    })
}

fn tenant_named(journal: &mut Journal<'_>, slug: &str) -> Result<TenantId> {
    org::tenant_by_slug(journal.tx(), slug)?.ok_or_else(|| {
        Error::detailed("unknown_tenant", format!("There is no tenant '{slug}'."), json!({ "slug": slug }))
    })
}

/// Disables an account, or enables it again; it takes effect at the next request.
///
/// # Errors
/// `unknown_user`.
pub fn set_active(service: &Service, name: &str, active: bool, ask: &mut Ask<'_>) -> Result<()> {
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&TenantId::org(), |journal| {
        let account = account_named(journal.tx(), name)?;
        if account.active == active {
            return Ok(());
        }
        let change = Change::AccountActiveSet { account: account.id, active };
        journal.write(&desk, &service.identity.pen(ask.now), change, ask.random).map(drop)
    })
}

/// Revokes every device of a person: from its next request on none may send or receive. What such a
/// device has not sent can still be exported there and imported here. Returns how many were revoked.
///
/// # Errors
/// `unknown_user`.
pub fn revoke_devices(service: &Service, name: &str, ask: &mut Ask<'_>) -> Result<u64> {
    let devices = service.read_org(|tx| {
        let account = account_named(tx, name)?.id;
        org::devices_of(tx, &account)
    })?;
    let mut revoked = 0;
    for device in devices {
        revoked += u64::from(sign_in::retire(service, &device, "revoked", ask)?);
    }
    Ok(revoked)
}

/// Assigns a person to a tenant or takes them off it; nothing is written where it is so already.
///
/// # Errors
/// `unknown_user`, `unknown_tenant`.
pub fn assign(service: &Service, name: &str, slug: &str, active: bool, ask: &mut Ask<'_>) -> Result<()> {
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    service.write_journal(&TenantId::org(), |journal| {
        let account = account_named(journal.tx(), name)?.id;
        let tenant = tenant_named(journal, slug)?;
        if org::assigned(journal.tx(), &account, &tenant)? == active {
            return Ok(());
        }
        let change = Change::AssignmentSet { account, tenant, active };
        journal.write(&desk, &service.identity.pen(ask.now), change, ask.random).map(drop)
    })
}

/// Makes a tenant, with its first project where a playbook is named. Interrupted half-way, the same command finishes it.
///
/// # Errors
/// `bad_slug`, `slug_taken`, `unknown_playbook`, `unknown_mode`, `bad_date`.
pub fn create_tenant(service: &Service, new: &NewTenant<'_>, ask: &mut Ask<'_>) -> Result<TenantId> {
    create_tenant_with(service, new, ask, |_, _, _| Ok(()))
}

/// [`create_tenant`] with more work in the same transaction.
pub(crate) fn create_tenant_with(
    service: &Service,
    new: &NewTenant<'_>,
    ask: &mut Ask<'_>,
    mut more: impl FnMut(&mut Journal<'_>, &Desk<'_>, &mut Ask<'_>) -> Result<()>,
) -> Result<TenantId> {
    let started = new.playbook.map(|key| project_started(key, new)).transpose()?;
    let tenant = reserve(service, new.slug, ask)?;
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    let seq = with(&service.storage, &tenant, Mode::Write, |tx| {
        if tx.journal()?.is_some() {
            return Err(Error::detailed(
                "slug_taken",
                "A tenant has this slug.",
                json!({ "slug": new.slug }),
            ));
        }
        let pen = service.identity.pen(ask.now);
        let mut journal = Journal::create(tx, &tenant, ask.random)?;
        let made = Change::TenantCreated { slug: new.slug.to_owned(), name: new.name.to_owned() };
        journal.write(&desk, &pen, made, ask.random)?;
        if let Some(started) = &started {
            journal.write(&desk, &pen, started.clone(), ask.random)?;
        }
        more(&mut journal, &desk, ask)?;
        Ok(journal.finish()?.seen.seq)
    })?;
    service.changed(&tenant, seq);
    Ok(tenant)
}

/// Gives the slug an id in `_org`, or the one it has already.
fn reserve(service: &Service, slug: &str, ask: &mut Ask<'_>) -> Result<TenantId> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || slug.len() > 40 || !slug.chars().all(fits) || slug.starts_with('-') {
        return Err(usage("bad_slug", "A slug has 1 to 40 of a-z, 0-9 and '-'."));
    }
    let id: TenantId = format!("t{}", hex::encode(random_bytes::<8>(ask.random))).parse()?;
    with(&service.storage, &TenantId::org(), Mode::Write, |tx| {
        if let Some(known) = org::tenant_by_slug(tx, slug)? {
            return Ok(known);
        }
        tx.put_side(side::SLUG, slug, Some(id.as_str()))?;
        Ok(id.clone())
    })
}

fn project_started(key: &str, new: &NewTenant<'_>) -> Result<Change> {
    let known: Vec<&str> = playbook::built_in().iter().map(|p| p.key).collect();
    let Some(built_in) = playbook::built_in_by_key(key) else {
        let message = format!("There is no playbook '{key}'; the built-in ones are {}.", known.join(", "));
        return Err(Error::detailed("unknown_playbook", message, json!({ "playbooks": known })));
    };
    let read = playbook::parse(built_in.source).map_err(|e| Error::fault(e.to_string()))?;
    // A playbook with modes starts in its first one unless told otherwise.
    let mode = new.mode.map(str::to_owned).or_else(|| read.modes.first().map(|m| m.key.clone()));
    Ok(Change::ProjectStarted {
        project: ProjectId { playbook: read.key.clone(), n: 0 },
        playbook: PlaybookRef {
            key: read.key.clone(),
            version: read.version,
            digest: read.digest().to_owned(),
        },
        source: built_in.source.to_owned(),
        mode,
        go_live: new.go_live.map(str::to_owned),
    })
}

/// Whether an error is the user's wrong use of a command.
pub fn is_wrong_use(code: &str) -> bool {
    !matches!(code, code::INTERNAL | code::NOT_ALLOWED | code::UNREACHABLE | "newer_database")
}
