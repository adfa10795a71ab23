//! Reading `_org`: who somebody is and what they are assigned to. The service's own state about
//! people is nothing but the cells of that journal, so every replica and command sees the same.

use std::collections::BTreeMap;

use cairn_domain::access::{Relation, Role, Table};
use cairn_domain::cell::{Cells, field};
use cairn_domain::change::DeviceValue;
use cairn_domain::decide::Standing;
use cairn_domain::id::Audience;
use cairn_domain::{AccountId, Cell, CellKey, Change, DeviceId, Entity, TenantId};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::storage::TenantTx;

/// Side values of `_org`.
pub mod side {
    /// Sign-in name to account id.
    pub const NAME: &str = "name";
    /// Account id to password hash.
    pub const PASSWORD: &str = "password";
    /// Tenant slug to tenant id.
    pub const SLUG: &str = "slug";
    /// Device id to the positions it proved.
    pub const KNOWN: &str = "known";
    /// Sign-in name of a demo person to the seed their password came from.
    pub const DEMO: &str = "demo";
    /// The service's keys.
    pub const KEY: &str = "service-key";
}

/// Somebody who asks, or the author of an op.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// The device's public key, 64 hex digits.
    pub key: String,
    /// The role; none for the service itself.
    pub role: Option<Role>,
    /// Whether the account may work.
    pub active: bool,
    /// Assignments ever made, and whether they are in force.
    pub assigned: BTreeMap<TenantId, bool>,
}

impl Caller {
    /// How the caller stands to a tenant.
    pub fn relation(&self, tenant: &TenantId) -> Relation {
        if self.assigned.get(tenant).copied().unwrap_or(false) {
            Relation::Assigned
        } else {
            Relation::Stranger
        }
    }

    /// The audience the caller may read of a journal, if any. `_org` is for every active account:
    /// the team sees accounts, everybody the device keys.
    pub fn reads(&self, tenant: &TenantId, table: &Table) -> Option<Audience> {
        let Some(role) = self.role else { return Some(Audience::Team) };
        if tenant.is_org() {
            return Some(if role.is_tenant_role() { Audience::Client } else { Audience::Team });
        }
        table.reads(role, self.relation(tenant))
    }

    /// Whether the caller may do `action` in a tenant.
    pub fn may(&self, action: cairn_domain::access::Action, tenant: &TenantId, table: &Table) -> bool {
        self.role.is_none_or(|role| table.allows(role, action, self.relation(tenant)))
    }

    /// Whether a tenant's existence is no secret to the caller: something may be done there now, or
    /// the caller was assigned once.
    pub fn knows(&self, tenant: &TenantId, table: &Table) -> bool {
        tenant.is_org() || self.assigned.contains_key(tenant) || self.admitted(tenant, table)
    }

    fn admitted(&self, tenant: &TenantId, table: &Table) -> bool {
        self.role.is_none_or(|role| table.admits(role, self.relation(tenant)))
    }

    /// Why an op of the caller must wait for a manager, if it must.
    pub fn held_in(&self, tenant: &TenantId, table: &Table) -> Option<&'static str> {
        let role = self.role?;
        if !self.active {
            return Some("account_disabled");
        }
        let stranger = !tenant.is_org()
            && self.relation(tenant) == Relation::Stranger
            && !table.admits(role, Relation::Stranger);
        stranger.then_some("not_assigned")
    }

    /// The standing of an op's author. In `_org` an assignment is judged by the author's relation to
    /// the tenant it speaks of.
    pub fn standing(&self, tenant: &TenantId, change: &Change) -> Standing {
        let Some(role) = self.role else { return Standing::Service };
        let about = match change {
            Change::AssignmentSet { tenant: named, .. } => named,
            _ => tenant,
        };
        Standing::Person { role, relation: self.relation(about) }
    }
}

/// What is known of a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Device {
    /// Never enrolled.
    Unknown,
    /// Signed out, revoked or forked; its author is still its author.
    Retired(Caller),
    /// Enrolled.
    Enrolled(Caller),
}

impl Device {
    /// The author behind the device, whether it is still enrolled or not.
    pub fn author(self) -> Option<Caller> {
        match self {
            Self::Unknown => None,
            Self::Retired(caller) | Self::Enrolled(caller) => Some(caller),
        }
    }
}

/// An account as `_org` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Sign-in name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether it may work.
    pub active: bool,
}

fn value<T: DeserializeOwned>(cells: &Cells, entity: &Entity, name: &str) -> Option<T> {
    let cell: &Cell = cells.get(&CellKey::new(entity.clone(), name))?;
    serde_json::from_value(cell.winner()?.1.value.clone()).ok()
}

/// Reads a device and whose it is.
pub fn device(tx: &mut dyn TenantTx, id: &DeviceId) -> Result<Device> {
    let entity = Entity::Device(id.clone());
    let cells = tx.cells(&[field::KEY, field::ACTIVE].map(|f| CellKey::new(entity.clone(), f)))?;
    let Some(held) = value::<DeviceValue>(&cells, &entity, field::KEY) else { return Ok(Device::Unknown) };
    let enrolled = value(&cells, &entity, field::ACTIVE).unwrap_or(false);
    let caller = if held.service {
        service(held.account, id.clone(), held.key)
    } else {
        let account =
            account(tx, &held.account)?.ok_or_else(|| Error::fault("a device without an account"))?;
        Caller {
            assigned: assignments(tx, &account.id)?,
            account: account.id,
            device: id.clone(),
            key: held.key,
            role: Some(account.role),
            active: account.active,
        }
    };
    Ok(if enrolled { Device::Enrolled(caller) } else { Device::Retired(caller) })
}

/// The service itself as an author.
pub fn service(account: AccountId, device: DeviceId, key: String) -> Caller {
    Caller { account, device, key, role: None, active: true, assigned: BTreeMap::new() }
}

/// Reads one account.
pub fn account(tx: &mut dyn TenantTx, id: &AccountId) -> Result<Option<Account>> {
    let entity = Entity::Account(id.clone());
    let fields = [field::NAME, field::ROLE, field::ACTIVE];
    let cells = tx.cells(&fields.map(|f| CellKey::new(entity.clone(), f)))?;
    Ok(read_account(&cells, id))
}

fn read_account(cells: &Cells, id: &AccountId) -> Option<Account> {
    let entity = Entity::Account(id.clone());
    Some(Account {
        name: value(cells, &entity, field::NAME)?,
        role: value(cells, &entity, field::ROLE)?,
        active: value(cells, &entity, field::ACTIVE).unwrap_or(false),
        id: id.clone(),
    })
}

/// The account with this sign-in name.
pub fn account_named(tx: &mut dyn TenantTx, name: &str) -> Result<Option<Account>> {
    match tx.side(side::NAME, name)? {
        Some(id) => account(tx, &id.parse()?),
        None => Ok(None),
    }
}

/// The roles of all accounts.
pub fn roles(tx: &mut dyn TenantTx) -> Result<BTreeMap<AccountId, Role>> {
    let cells = tx.cells_under("account/")?;
    let ids = cells.keys().filter_map(|key| match &key.entity {
        Entity::Account(id) if key.field == field::ROLE => Some(id),
        _ => None,
    });
    Ok(ids.filter_map(|id| Some((id.clone(), read_account(&cells, id)?.role))).collect())
}

/// The devices ever enrolled for an account, retired ones too.
pub fn devices_of(tx: &mut dyn TenantTx, account: &AccountId) -> Result<Vec<DeviceId>> {
    let cells = tx.cells_under("device/")?;
    let ids = cells.keys().filter_map(|key| match &key.entity {
        Entity::Device(id) if key.field == field::KEY => Some(id),
        _ => None,
    });
    let theirs = |id: &&DeviceId| {
        let entity = Entity::Device((*id).clone());
        value::<DeviceValue>(&cells, &entity, field::KEY).is_some_and(|held| held.account == *account)
    };
    Ok(ids.filter(theirs).cloned().collect())
}

fn assignments(tx: &mut dyn TenantTx, account: &AccountId) -> Result<BTreeMap<TenantId, bool>> {
    let cells = tx.cells_under(&format!("assignment/{account}/"))?;
    let read = cells.iter().filter_map(|(key, cell)| match &key.entity {
        Entity::Assignment(_, tenant) if key.field == field::ACTIVE => {
            let active = cell.winner().and_then(|(_, kept)| kept.value.as_bool());
            Some((tenant.clone(), active.unwrap_or(false)))
        }
        _ => None,
    });
    Ok(read.collect())
}

/// Whether a person is assigned to a tenant.
pub fn assigned(tx: &mut dyn TenantTx, account: &AccountId, tenant: &TenantId) -> Result<bool> {
    Ok(assignments(tx, account)?.get(tenant).copied().unwrap_or(false))
}

/// Every tenant there is, by slug.
pub fn tenants(tx: &mut dyn TenantTx) -> Result<Vec<(String, TenantId)>> {
    tx.sides(side::SLUG)?.into_iter().map(|(slug, id)| Ok((slug, id.parse()?))).collect()
}

/// The tenant with this slug.
pub fn tenant_by_slug(tx: &mut dyn TenantTx, slug: &str) -> Result<Option<TenantId>> {
    Ok(tx.side(side::SLUG, slug)?.map(|id| id.parse()).transpose()?)
}
