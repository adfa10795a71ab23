//! This computer: the signed-in person's devices, the lease, where the data lies, and what the
//! program is made of.

use std::fs;
use std::path::Path;

use cairn_domain::cell::field;
use cairn_domain::change::DeviceValue;
use cairn_domain::{Entity, TenantId, Time, checklist};
use cairn_protocol::PROTOCOL_VERSION;
use cairn_store::SCHEMA_VERSION;
use serde::Deserialize as _;

use crate::api::{About, ComputerView, DeviceRow};
use crate::error::{Result, store};
use crate::session::Session;
use crate::{Desk, views};

/// Where the shell lets the web view keep its data, inside the profile.
pub const WEB_DATA: &str = "webview";

impl Session {
    /// What the Settings screen shows of this computer.
    ///
    /// # Errors
    /// `signed_out`, `locked`; what the store reports.
    pub fn computer(&self, now: Time) -> Result<ComputerView> {
        let profile = self.profile();
        let database = profile.database();
        let beside = |end: &str| {
            let mut name = database.clone().into_os_string();
            name.push(end);
            size_of(Path::new(&name))
        };
        self.signed_in(|desk| {
            Ok(ComputerView {
                devices: desk.devices()?,
                last_contact: views::rfc3339(desk.identity()?.last_contact),
                lease_until: views::rfc3339(desk.store.lease(now).map_err(store)?.until),
                passphrase: profile.has_recovery(),
                folder: profile.dir().display().to_string(),
                database_bytes: size_of(&database) + beside("-wal"),
                web_bytes: size_of(&profile.dir().join(WEB_DATA)),
                tenants: desk.tenants()?.len() as u64,
            })
        })
    }

    /// What this program is made of; `version`, `web_view` and `system` are the shell's.
    ///
    /// # Errors
    /// `signed_out`, `locked`; what the store reports.
    pub fn about(&self, version: &str, web_view: Option<String>, system: String) -> Result<About> {
        let (sqlite, sqlcipher) = self.signed_in(|desk| desk.store.engine().map_err(store))?;
        Ok(About {
            version: version.to_owned(),
            protocol: PROTOCOL_VERSION,
            schema: SCHEMA_VERSION,
            sqlite,
            sqlcipher,
            web_view,
            system,
        })
    }
}

impl Desk {
    /// The devices of the signed-in person that this laptop knows of: this one first, then those that
    /// are active, each group newest first. What the service has not sent yet is not in it.
    ///
    /// # Errors
    /// `signed_out`; what the store reports.
    pub fn devices(&self) -> Result<Vec<DeviceRow>> {
        let me = self.identity()?;
        let org = self.store.cells(&TenantId::org()).map_err(store)?;
        let mut rows = Vec::new();
        for cell in org.keys().filter(|cell| cell.field == field::KEY) {
            let Entity::Device(id) = &cell.entity else { continue };
            let Some(key) = checklist::shown(&org, &cell.entity, field::KEY) else { continue };
            let mine = DeviceValue::deserialize(&key.kept.value).is_ok_and(|of| of.account == me.account);
            if !mine {
                continue;
            }
            let retired = checklist::shown(&org, &cell.entity, field::ACTIVE)
                .filter(|active| active.kept.value == serde_json::Value::Bool(false));
            rows.push(DeviceRow {
                id: id.to_string(),
                this: *id == me.device,
                active: retired.is_none(),
                since: Some(views::rfc3339(key.kept.at)),
                retired: retired.map(|active| views::rfc3339(active.kept.at)),
            });
        }
        if !rows.iter().any(|row| row.this) {
            let id = me.device.to_string();
            rows.push(DeviceRow { id, this: true, active: true, since: None, retired: None });
        }
        rows.sort_by(|a, b| (b.this, b.active, &b.since).cmp(&(a.this, a.active, &a.since)));
        Ok(rows)
    }
}

/// Bytes of a file, or of all files in a folder; 0 where there is none or it cannot be read.
fn size_of(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else { return 0 };
    if !data.is_dir() {
        return data.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size_of(&entry.path())).sum()
}
