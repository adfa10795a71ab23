//! Who devices belong to, remembered for as long as `_org` stands where it stood.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_domain::op::Seen;
use cairn_domain::{DeviceId, TenantId};

use crate::error::Result;
use crate::org::{self, Device};
use crate::storage::{Mode, Storage, with};

/// Devices remembered; beyond it all are forgotten.
const MOST: usize = 10_000;

/// Devices and their people as of one place in `_org`. Each look-up asks where `_org` stands, so
/// somebody who is disabled is turned away by the next request, whichever replica disabled them.
#[derive(Debug, Default)]
pub(crate) struct Callers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    seen: Seen,
    devices: HashMap<DeviceId, Device>,
}

impl Callers {
    /// [`org::device`], read again only after `_org` moved.
    ///
    /// # Errors
    /// Faults of the storage.
    pub fn device(&self, storage: &Arc<dyn Storage>, id: &DeviceId) -> Result<Device> {
        let org = TenantId::org();
        let stands = storage.standings(std::slice::from_ref(&org))?.first().map(|org| org.seen);
        if let Some(device) = stands.and_then(|seen| self.known(seen, id)) {
            return Ok(device);
        }
        let (seen, device) = with(storage, &org, Mode::Read, |tx| {
            Ok((tx.journal()?.map(|row| row.seen), org::device(tx, id)?))
        })?;
        if let Some(seen) = seen {
            self.note(seen, id, &device);
        }
        Ok(device)
    }

    fn known(&self, seen: Seen, id: &DeviceId) -> Option<Device> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (known.seen == seen).then(|| known.devices.get(id).cloned()).flatten()
    }

    fn note(&self, seen: Seen, id: &DeviceId, device: &Device) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.seen != seen || known.devices.len() >= MOST {
            *known = Known { seen, devices: HashMap::new() };
        }
        known.devices.insert(id.clone(), device.clone());
    }
}
