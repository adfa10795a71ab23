//! Work that cannot be pushed, as a file sealed to the service's key.

use cairn_domain::TenantId;
use cairn_domain::decide::Refusal;
use cairn_domain::seal::{BadSeal, seal};
use cairn_protocol::sealed::{SealedWork, UnsentWork};
use cairn_protocol::sync::PushRun;
use cairn_protocol::{MAX_SEALED, code};
use zeroize::Zeroizing;

use crate::sql::to_json;
use crate::{Store, StoreError};

/// Sealed work, ready to be carried to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The file: [`SealedWork`] as JSON.
    pub text: String,
    /// How many ops are inside.
    pub ops: u64,
    /// Whose journals they belong to.
    pub tenants: Vec<TenantId>,
}

impl Store {
    /// Seals everything that waits to be pushed to the pinned key of the service, signed as a push
    /// would be. A device that was retired, or has to enrol anew, can do it too: it still has the key
    /// it signs with. The outbox stays as it is, because only the service knows whether the file ever
    /// arrives.
    ///
    /// # Errors
    /// `nothing_to_export`, `too_large`, `not_enrolled`; whatever the database reports.
    pub fn export_unsent(&mut self) -> Result<Export, StoreError> {
        // Another process may have enrolled a new device and issued everything again under it.
        self.refresh_identity()?;
        let runs = self.all_runs()?;
        if runs.is_empty() {
            return Err(Refusal::new("nothing_to_export", "Nothing waits to be sent.").into());
        }
        let ops = runs.iter().map(|run| run.ops.len() as u64).sum();
        let tenants = tenants_of(&runs);
        let text = self.sealed(runs)?;
        if text.len() > MAX_SEALED {
            let message = "There is more unsent work than one file may hold.";
            return Err(Refusal::new(code::TOO_LARGE, message).into());
        }
        Ok(Export { text, ops, tenants })
    }

    fn sealed(&mut self, runs: Vec<PushRun>) -> Result<String, StoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        let mut nonce = [0; 12];
        self.entropy.fill(secret.as_mut())?;
        self.entropy.fill(&mut nonce)?;
        let me = &self.me()?.identity;
        let work = UnsentWork { device: me.device.clone(), account: me.account.clone(), runs };
        let plain = Zeroizing::new(to_json(&work)?);
        let sealed = seal(&me.service_key, &secret, nonce, plain.as_bytes())?;
        to_json(&SealedWork::around(&me.service_key, &sealed).ok_or(BadSeal::Key)?)
    }
}

/// Each tenant once, in the order of the runs.
fn tenants_of(runs: &[PushRun]) -> Vec<TenantId> {
    let mut tenants: Vec<TenantId> = runs.iter().map(|run| run.tenant.clone()).collect();
    tenants.dedup();
    tenants
}
