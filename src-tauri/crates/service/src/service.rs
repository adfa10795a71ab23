//! The service without its network: what the handlers share. Time and randomness come with each
//! call, so the simulator drives the same code that HTTP does.

use std::collections::BTreeMap;
use std::sync::Arc;

use cairn_domain::access::Table;
use cairn_domain::change::DeviceValue;
use cairn_domain::{AccountId, Change, DeviceId, TenantId, Time};
use cairn_protocol::auth::device_id;
use cairn_protocol::{ApiError, code};
use chrono::SubsecRound;
use ed25519_dalek::SigningKey;
use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::callers::Callers;
use crate::error::{Error, Result};
use crate::journal::{Desk, Journal, Pen, random_bytes};
use crate::limits::{Limits, Rates};
use crate::org::{self, Caller, Device, side};
use crate::playbooks::Playbooks;
use crate::rosters::Staging;
use crate::storage::{Mode, Storage, TenantTx, with};

/// Days that offline access lasts since the last contact (DESIGN "Data on the laptop").
pub const LEASE_DAYS: u32 = 14;
/// The account under which the service writes.
pub const SERVICE_ACCOUNT: &str = "service";

/// What comes with each call from outside: the clock and randomness.
pub struct Ask<'a> {
    /// The time of the call.
    pub now: Time,
    /// Randomness fit for keys; a seeded one in tests.
    pub random: &'a mut dyn RngCore,
}

impl<'a> Ask<'a> {
    /// Cuts the time to whole milliseconds, which is what a head covers.
    pub fn new(now: Time, random: &'a mut dyn RngCore) -> Self {
        Self { now: now.trunc_subsecs(3), random }
    }
}

/// The keys of a service, kept in `_org`'s side table. The pinned key signs heads; the device key
/// signs the service's own ops and is renewed by a restore.
#[derive(Serialize, Deserialize)]
struct Keys {
    pinned: String,
    device: String,
    nonce: String,
}

/// Who the service is.
pub struct Identity {
    /// Signs heads; laptops pin its public half.
    pub pinned: SigningKey,
    /// Signs the service's own ops.
    pub device_key: SigningKey,
    /// The service as an author.
    pub author: Caller,
    /// Authenticates nonces; the same in every replica.
    pub nonce_secret: Vec<u8>,
}

impl Identity {
    fn read(keys: &Keys) -> Result<Self> {
        let device_key = read_key(&keys.device)?;
        let public = public_hex(&device_key);
        let device = device_id(&public).ok_or_else(|| Error::fault("the service's device has no id"))?;
        let author = org::service(SERVICE_ACCOUNT.parse()?, device, public);
        Ok(Self {
            pinned: read_key(&keys.pinned)?,
            device_key,
            author,
            nonce_secret: hex::decode(&keys.nonce)?,
        })
    }

    /// The public key that laptops pin, 64 hex digits.
    pub fn public_key(&self) -> String {
        public_hex(&self.pinned)
    }

    /// The pen for the service's own ops.
    pub fn pen(&self, now: Time) -> Pen<'_> {
        Pen { key: &self.device_key, author: &self.author, at: now }
    }
}

fn read_key(text: &str) -> Result<SigningKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)?;
    Ok(SigningKey::from_bytes(&bytes))
}

/// A key's public half, 64 hex digits.
pub fn public_hex(key: &SigningKey) -> String {
    hex::encode(key.verifying_key().to_bytes())
}

/// Called after each commit that moved a journal.
pub type OnChange = Box<dyn Fn(&TenantId, u64) + Send + Sync>;

/// The service.
pub struct Service {
    /// Where journals are kept.
    pub storage: Arc<dyn Storage>,
    /// Who it is.
    pub identity: Identity,
    /// The access table.
    pub table: Table,
    /// Rate limits of this process.
    pub limits: Limits,
    /// How much they let happen.
    pub rates: Rates,
    /// The most records of one import of a tenant in its pilot.
    pub pilot_rows: u64,
    /// The imports that this process is staging.
    pub staging: Staging,
    pub(crate) playbooks: Playbooks,
    callers: Callers,
    on_change: Option<OnChange>,
}

impl Service {
    /// Opens the service on a storage; a new one gets its keys and begins `_org`.
    pub fn open(storage: Arc<dyn Storage>, mut ask: Ask<'_>) -> Result<Self> {
        let playbooks = Playbooks::default();
        let table = Table::standard();
        let identity = identity(&storage, &table, &playbooks, &mut ask)?;
        Ok(Self {
            storage,
            identity,
            table,
            limits: Limits::default(),
            rates: Rates::default(),
            pilot_rows: cairn_domain::import::PILOT_ROWS,
            staging: Staging::default(),
            playbooks,
            callers: Callers::default(),
            on_change: None,
        })
    }

    /// The same with another access table; for tests that turn rows over.
    #[must_use]
    pub fn with_table(mut self, table: Table) -> Self {
        self.table = table;
        self
    }

    /// The same with a hook that hears of each journal that moved.
    #[must_use]
    pub fn with_on_change(mut self, on_change: OnChange) -> Self {
        self.on_change = Some(on_change);
        self
    }

    /// Gives the service a new device key, in force for whoever opens the service next.
    pub(crate) fn renew_device(&self, ask: &mut Ask<'_>) -> Result<()> {
        let device = hex::encode(random_bytes::<32>(ask.random));
        with(&self.storage, &TenantId::org(), Mode::Write, |tx| {
            let text = tx.side(side::KEY, "keys")?.ok_or_else(|| Error::fault("the service has no keys"))?;
            let mut keys: Keys = serde_json::from_str(&text)?;
            keys.device.clone_from(&device);
            tx.put_side(side::KEY, "keys", Some(&serde_json::to_string(&keys)?))
        })
    }

    pub(crate) fn changed(&self, tenant: &TenantId, seq: u64) {
        if let Some(on_change) = &self.on_change {
            on_change(tenant, seq);
        }
    }

    pub(crate) fn desk<'a>(
        &'a self,
        now: Time,
        roles: &'a BTreeMap<AccountId, cairn_domain::access::Role>,
    ) -> Desk<'a> {
        Desk { table: &self.table, playbooks: &self.playbooks, now, roles }
    }

    /// Reads from `_org`.
    pub fn read_org<T>(&self, step: impl FnMut(&mut dyn TenantTx) -> Result<T>) -> Result<T> {
        with(&self.storage, &TenantId::org(), Mode::Read, step)
    }

    /// Writes into a journal that has begun, with the counter locked, and tells who listens.
    pub fn write_journal<T>(
        &self,
        tenant: &TenantId,
        mut step: impl FnMut(&mut Journal<'_>) -> Result<T>,
    ) -> Result<T> {
        let (out, before, after) = with(&self.storage, tenant, Mode::Write, |tx| {
            let mut journal = Journal::open(tx, tenant)?.ok_or_else(not_found)?;
            let before = journal.seen().seq;
            let out = step(&mut journal)?;
            Ok((out, before, journal.finish()?.seen.seq))
        })?;
        if after != before {
            self.changed(tenant, after);
        }
        Ok(out)
    }

    /// What is known of a device now.
    ///
    /// # Errors
    /// Faults of the storage.
    pub fn device(&self, id: &DeviceId) -> Result<Device> {
        self.callers.device(&self.storage, id)
    }

    /// Who the device belongs to, judged now.
    ///
    /// # Errors
    /// `unknown_device`, `device_retired`.
    pub fn caller(&self, device: &DeviceId) -> Result<Caller> {
        match self.device(device)? {
            Device::Enrolled(caller) if caller.role.is_some() => Ok(caller),
            Device::Retired(_) => {
                Err(Error::api(code::DEVICE_RETIRED, "This device was signed out or retired. Sign in again."))
            }
            _ => {
                Err(Error::api(code::UNKNOWN_DEVICE, "The service does not know this device. Sign in again."))
            }
        }
    }
}

/// The one answer about what is not there and what is not for this reader.
pub fn not_found() -> Error {
    Error::Api(ApiError::new(code::NOT_FOUND, "There is no such thing here."))
}

fn identity(
    storage: &Arc<dyn Storage>,
    table: &Table,
    playbooks: &Playbooks,
    ask: &mut Ask<'_>,
) -> Result<Identity> {
    let org = TenantId::org();
    if let Some(text) = with(storage, &org, Mode::Read, |tx| tx.side(side::KEY, "keys"))? {
        return Identity::read(&serde_json::from_str(&text)?);
    }
    with(storage, &org, Mode::Write, |tx| {
        // Another replica may have been quicker.
        if let Some(text) = tx.side(side::KEY, "keys")? {
            return Identity::read(&serde_json::from_str(&text)?);
        }
        let mut secret = || hex::encode(random_bytes::<32>(ask.random));
        let keys = Keys { pinned: secret(), device: secret(), nonce: secret() };
        tx.put_side(side::KEY, "keys", Some(&serde_json::to_string(&keys)?))?;
        let identity = Identity::read(&keys)?;
        let roles = BTreeMap::new();
        let desk = Desk { table, playbooks, now: ask.now, roles: &roles };
        let mut journal = Journal::create(tx, &org, ask.random)?;
        journal.write(&desk, &identity.pen(ask.now), enrolled(&identity.author, true), ask.random)?;
        journal.finish()?;
        Ok(identity)
    })
}

/// The change that enrols a device.
pub(crate) fn enrolled(of: &Caller, service: bool) -> Change {
    let value = DeviceValue { key: of.key.clone(), account: of.account.clone(), service };
    Change::DeviceEnrolled { device: of.device.clone(), value }
}
