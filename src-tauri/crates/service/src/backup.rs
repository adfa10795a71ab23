//! Backup and restore. A restore is never silent: a new service device, certified by the pinned key
//! because heads that cover its enrolment are signed by it, says in each journal from where the
//! service goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cairn_domain::{Change, TenantId, Time};
use chrono::DateTime;
use serde_json::json;

use crate::error::{Error, Result};
use crate::org;
use crate::service::{Ask, Service, enrolled};
use crate::storage::postgres::Postgres;
use crate::storage::sqlite::{self, Sqlite};
use crate::storage::{Mode, Storage, with};

const SIDE: &str = "backup";

/// Writes a consistent copy of everything, which says when it was made. It is an embedded database's
/// file, whichever storage it comes from, and can be restored into either.
///
/// # Errors
/// `file_exists`; faults.
pub fn backup(service: &Service, file: &Path, now: Time) -> Result<()> {
    if file.exists() {
        return Err(Error::detailed(
            "file_exists",
            "The file exists. Choose a new one.",
            json!({ "file": file }),
        ));
    }
    let org = TenantId::org();
    with(&service.storage, &org, Mode::Write, |tx| tx.put_side(SIDE, "at", Some(&now.to_rfc3339())))?;
    crate::access_log::note(service, &service.identity.author, &org, "backup", crate::access_log::OK, now)?;
    service.storage.backup(file)
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many journals came back.
    pub journals: usize,
    /// Where what was there before went: a file, or a schema in PostgreSQL.
    pub moved: Option<String>,
}

/// Starts again from a backup. A database that is there already is moved aside, never removed.
///
/// # Errors
/// `service_running`, `not_a_backup`, faults; the database that is there then stays in its place.
pub fn restore(file: &Path, data: &Path, ask: &mut Ask<'_>) -> Result<Restored> {
    let _alone = sqlite::lock_alone(data)?;
    // Under another name until it is complete, so that a restore cut short is not taken for one.
    let part = data.join("restore");
    if part.exists() {
        std::fs::remove_dir_all(&part)?;
    }
    let done = prepare(file, &part, ask).and_then(|journals| {
        let name = format!("service.db.before-restore-{}", stamp(ask.now));
        let moved = sqlite::replace(data, &part.join("service.db"), &name)?;
        Ok(Restored { journals, moved: moved.map(|path| path.display().to_string()) })
    });
    // What is left there is a copy of the backup at most.
    std::fs::remove_dir_all(&part)?;
    done
}

/// Starts again from a backup, in PostgreSQL. What is there already is moved into a schema of its own,
/// never removed.
///
/// # Errors
/// `service_running`, `not_a_backup`, faults; what is there then stays in its place.
pub fn restore_postgres(file: &Path, url: &str, ask: &mut Ask<'_>) -> Result<Restored> {
    let part = tempfile::tempdir()?;
    let journals = prepare(file, part.path(), ask)?;
    let aside = format!("cairn_before_restore_{}", stamp(ask.now).to_lowercase());
    let moved = Postgres::replace(url, &part.path().join("service.db"), &aside)?;
    Ok(Restored { journals, moved: moved.then_some(aside) })
}

/// A moment as part of a name.
fn stamp(at: Time) -> String {
    at.format("%Y%m%dT%H%M%S%3fZ").to_string()
}

/// Copies the backup and lets every journal say that it was restored.
fn prepare(file: &Path, part: &Path, ask: &mut Ask<'_>) -> Result<usize> {
    std::fs::create_dir_all(part)?;
    std::fs::copy(file, part.join("service.db"))?;
    let storage: Arc<dyn Storage> = Arc::new(Sqlite::open(part).map_err(|error| match error {
        Error::Fault(what) => Error::api("not_a_backup", format!("The file is not a backup: {what}")),
        other => other,
    })?);
    announce(storage, ask)
}

fn announce(storage: Arc<dyn Storage>, ask: &mut Ask<'_>) -> Result<usize> {
    let org = TenantId::org();
    let Some(at) = with(&storage, &org, Mode::Read, |tx| tx.side(SIDE, "at"))? else {
        return Err(Error::api("not_a_backup", "The file is not a backup made by this service."));
    };
    let backup_at = DateTime::parse_from_rfc3339(&at).ok().map(|t| t.to_utc());
    let old = Service::open(storage.clone(), Ask::new(ask.now, ask.random))?;
    old.renew_device(ask)?;
    let service = Service::open(storage, Ask::new(ask.now, ask.random))?;
    let roles = BTreeMap::new();
    let desk = service.desk(ask.now, &roles);
    let pen = service.identity.pen(ask.now);
    let retired =
        Change::DeviceRetired { device: old.identity.author.device.clone(), why: "restored".into() };
    service.write_journal(&org, |journal| {
        let seen = journal.seen();
        journal.write(&desk, &pen, enrolled(&service.identity.author, true), ask.random)?;
        let restored = Change::ServiceRestored { seq: seen.seq, head: seen.head, backup_at };
        journal.write(&desk, &pen, restored, ask.random)?;
        journal.write(&desk, &pen, retired.clone(), ask.random).map(drop)
    })?;
    let tenants: Vec<TenantId> = service.read_org(org::tenants)?.into_iter().map(|(_, id)| id).collect();
    let standing = service.storage.standings(&tenants)?;
    for journal in &standing {
        service.write_journal(&journal.tenant, |open| {
            let seen = open.seen();
            let restored = Change::ServiceRestored { seq: seen.seq, head: seen.head, backup_at };
            open.write(&desk, &pen, restored, ask.random).map(drop)
        })?;
    }
    Ok(standing.len() + 1)
}
