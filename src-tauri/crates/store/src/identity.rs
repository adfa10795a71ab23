//! Who works on this laptop: account, device, its signing key, the pinned service, the lease.

use cairn_domain::access::Role;
use cairn_domain::decide::Refusal;
use cairn_domain::{AccountId, DeviceId, Time};
use chrono::Duration;
use ed25519_dalek::SigningKey;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::open::{get_meta, set_meta};
use crate::sql::from_json;
use crate::{Store, StoreError};

/// Who signed in here, with which device, at which service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// Sign-in name.
    pub name: String,
    /// Role at the last contact; `_org` overrides it where this laptop may read accounts.
    pub role: Role,
    /// The enrolled device.
    pub device: DeviceId,
    /// The service's public key, 64 hex digits, pinned at enrolment.
    pub service_key: String,
    /// Where the service is, as typed at sign-in.
    pub server: String,
    /// Days that offline access lasts since the last contact.
    pub lease_days: u32,
    /// Records of one import at most while a tenant is in its pilot, as the service said at sign-in.
    #[serde(default = "cairn_domain::import::pilot_rows")]
    pub pilot_rows: u64,
    /// When the service last answered.
    pub last_contact: Time,
    /// The largest time seen here since then: a clock that is set back gains nothing.
    pub latest_time: Time,
}

/// Whether offline access has run out. Expiry locks; it never destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// When it ends.
    pub until: Time,
    /// Whether it has ended, by the largest time ever seen.
    pub expired: bool,
}

/// The identity with its secret.
pub(crate) struct Me {
    pub identity: Identity,
    pub key: SigningKey,
    /// The service said that this device's numbers were used by another copy.
    pub forked: bool,
}

const IDENTITY: &str = "identity";
const SIGNING_KEY: &str = "signing_key";
const FORKED: &str = "device_forked";

impl Me {
    pub fn load(db: &Connection) -> Result<Option<Self>, StoreError> {
        let Some(text) = get_meta(db, IDENTITY)? else { return Ok(None) };
        let text = String::from_utf8(text).map_err(|e| StoreError::Format(e.to_string()))?;
        let secret = Zeroizing::new(get_meta(db, SIGNING_KEY)?.unwrap_or_default());
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(
            secret
                .as_slice()
                .try_into()
                .map_err(|_| StoreError::Damaged("the signing key is missing".into()))?,
        );
        let forked = get_meta(db, FORKED)?.is_some_and(|mark| mark == b"1");
        Ok(Some(Self { identity: from_json(&text)?, key: SigningKey::from_bytes(&bytes), forked }))
    }

    /// Whether the database still names this device.
    pub fn is_current(&self, db: &Connection) -> Result<bool, StoreError> {
        #[derive(Deserialize)]
        struct DeviceOnly {
            device: DeviceId,
        }
        let Some(text) = get_meta(db, IDENTITY)? else { return Ok(false) };
        let stored: DeviceOnly = serde_json::from_slice(&text)?;
        Ok(stored.device == self.identity.device)
    }

    pub fn save(&self, db: &Connection) -> Result<(), StoreError> {
        set_meta(db, IDENTITY, &serde_json::to_vec(&self.identity)?)?;
        set_meta(db, SIGNING_KEY, self.key.as_bytes())?;
        set_meta(db, FORKED, if self.forked { b"1" } else { b"0" })
    }
}

impl Store {
    /// A fresh device key, to sign in with. It is kept by [`Store::enrol`] or [`Store::re_enrol`].
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new_signing_key(&mut self) -> Result<SigningKey, StoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        self.entropy.fill(secret.as_mut())?;
        Ok(SigningKey::from_bytes(&secret))
    }

    /// Keeps who signed in. For the same device again, or the first one; a new device on a profile
    /// that has an outbox goes through [`Store::re_enrol`].
    ///
    /// # Errors
    /// `other_account`: a profile belongs to one person. Whatever the database reports.
    pub fn enrol(&mut self, identity: Identity, key: SigningKey) -> Result<(), StoreError> {
        self.same_person(&identity)?;
        if self.identity().is_some_and(|old| old.device != identity.device) {
            return self.re_enrol(identity, key).map(drop);
        }
        let me = Me { identity, key, forked: false };
        let tx = self.begin()?;
        me.save(&tx)?;
        tx.commit()?;
        self.me = Some(me);
        Ok(())
    }

    pub(crate) fn same_person(&self, identity: &Identity) -> Result<(), StoreError> {
        match self.identity() {
            Some(old) if old.account != identity.account => Err(StoreError::Refused(Refusal::new(
                "other_account",
                format!("This profile belongs to {}. Use a profile of your own.", old.name),
            ))),
            _ => Ok(()),
        }
    }

    /// The device's key, to sign requests with.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn signing_key(&self) -> Result<&SigningKey, StoreError> {
        Ok(&self.me()?.key)
    }

    /// Reads the identity again: another process may have signed in or noted a contact.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn reload_identity(&mut self) -> Result<(), StoreError> {
        self.me = Me::load(&self.db)?;
        Ok(())
    }

    /// Notes that the service answered at `now` and had nothing more to send: every journal is
    /// current as of then, and the lease starts anew. A clock that once ran ahead and was set right
    /// would otherwise lock for ever, so the largest time ever seen starts anew as well.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn note_contact(&mut self, now: Time) -> Result<(), StoreError> {
        let contact = |identity: &mut Identity| {
            identity.last_contact = now;
            identity.latest_time = now;
        };
        self.update_identity(contact, now, |db| {
            db.prepare_cached("UPDATE journals SET as_of = ?1 WHERE rebuild = 0")?
                .execute([now.to_rfc3339()])?;
            Ok(())
        })
    }

    /// Notes the time, so that a clock set back later gains nothing.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn note_time(&mut self, now: Time) -> Result<(), StoreError> {
        if self.me()?.identity.latest_time >= now {
            return Ok(());
        }
        self.update_identity(|_| (), now, |_| Ok(()))
    }

    /// The state of the lease.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn lease(&self, now: Time) -> Result<Lease, StoreError> {
        let identity = &self.me()?.identity;
        let until = identity.last_contact + Duration::days(i64::from(identity.lease_days));
        Ok(Lease { until, expired: now.max(identity.latest_time) > until })
    }

    /// Whether this profile was copied or restored and must sign in as a new device.
    pub fn must_re_enrol(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.forked)
    }

    /// Notes that the service answered `device_forked` or `device_retired`.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn mark_forked(&mut self) -> Result<(), StoreError> {
        let me = self.me.as_mut().ok_or(StoreError::NotEnrolled)?;
        me.forked = true;
        set_meta(&self.db, FORKED, b"1")
    }

    /// Changes the identity as it is in the database, because another process may have changed it
    /// meanwhile, and what goes `along` with it in the same transaction.
    fn update_identity(
        &mut self,
        change: impl FnOnce(&mut Identity),
        now: Time,
        along: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let mut me = Me::load(&tx)?.ok_or(StoreError::NotEnrolled)?;
        change(&mut me.identity);
        me.identity.latest_time = me.identity.latest_time.max(now);
        set_meta(&tx, IDENTITY, &serde_json::to_vec(&me.identity)?)?;
        along(&tx)?;
        tx.commit()?;
        self.me = Some(me);
        Ok(())
    }

    /// Reads the identity again where another process has enrolled a new device since.
    pub(crate) fn refresh_identity(&mut self) -> Result<(), StoreError> {
        if !self.me()?.is_current(&self.db)? {
            self.reload_identity()?;
        }
        Ok(())
    }
}
