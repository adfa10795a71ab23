//! Work that a device may no longer push, as a file: sealed to the service's key, so that whoever
//! carries it learns nothing. docs/sync-protocol.md tells the steps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cairn_domain::seal::Sealed;
use cairn_domain::{AccountId, DeviceId};
use serde::{Deserialize, Serialize};

use crate::auth::device_id;
use crate::sync::PushRun;

/// What [`SealedWork::format`] says.
pub const FORMAT: &str = "cairn-sealed-work";
/// The version of the file that this code writes and reads.
pub const VERSION: u32 = 1;

/// The file: JSON that anyone may read, around bytes that only the service can open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedWork {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub v: u32,
    /// The service it is for, named after its pinned key as a device is after its own.
    pub service: DeviceId,
    /// The X25519 public key made for this file, 64 hex digits.
    pub ephemeral: String,
    /// 24 hex digits.
    pub nonce: String,
    /// The ciphertext in base64, with padding. Inside is [`UnsentWork`] as JSON.
    pub sealed: String,
}

/// What a device could not push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentWork {
    /// The device, whose key signed each run.
    pub device: DeviceId,
    /// The account it belongs to.
    pub account: AccountId,
    /// The runs as they would have been pushed, `_org` first.
    pub runs: Vec<PushRun>,
}

impl SealedWork {
    /// The file around bytes that were sealed for `service_key`, 64 hex digits; none where that is no
    /// key.
    pub fn around(service_key: &str, sealed: &Sealed) -> Option<Self> {
        Some(Self {
            format: FORMAT.to_owned(),
            v: VERSION,
            service: device_id(service_key)?,
            ephemeral: hex::encode(sealed.ephemeral),
            nonce: hex::encode(sealed.nonce),
            sealed: BASE64.encode(&sealed.ciphertext),
        })
    }

    /// The sealed bytes; none where their text form is damaged.
    pub fn bytes(&self) -> Option<Sealed> {
        let mut sealed = Sealed { ephemeral: [0; 32], nonce: [0; 12], ciphertext: Vec::new() };
        hex::decode_to_slice(&self.ephemeral, &mut sealed.ephemeral).ok()?;
        hex::decode_to_slice(&self.nonce, &mut sealed.nonce).ok()?;
        sealed.ciphertext = BASE64.decode(&self.sealed).ok()?;
        Some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_gives_the_same_bytes_back() {
        let sealed = Sealed { ephemeral: [7; 32], nonce: [8; 12], ciphertext: vec![0, 1, 2, 255] };
        let file = SealedWork::around(&"ab".repeat(32), &sealed).unwrap();
        assert_eq!(file.bytes(), Some(sealed));
        for bad in [
            SealedWork { ephemeral: "07".into(), ..file.clone() },
            SealedWork { nonce: "not hex".into(), ..file.clone() },
            SealedWork { sealed: "AAEC/w".into(), ..file },
        ] {
            assert_eq!(bad.bytes(), None);
        }
    }
}
