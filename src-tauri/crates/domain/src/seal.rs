//! Sealing bytes so that only the holder of one Ed25519 key can open them: X25519 between a key made
//! for these bytes alone and the reader's key in its Montgomery form, then ChaCha20-Poly1305.
//!
//! Whoever seals is not proven by it: what is inside carries signatures of its own.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::hash::Hash;

/// Bytes that one reader can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The X25519 public key made for these bytes.
    pub ephemeral: [u8; 32],
    /// The nonce.
    pub nonce: [u8; 12],
    /// The ciphertext with its tag of 16 bytes at the end.
    pub ciphertext: Vec<u8>,
}

/// Why bytes were not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSeal {
    /// The reader's key is not 64 hex digits of an Ed25519 key that can keep a secret.
    #[error("the reader's key is not a usable key")]
    Key,
    /// There is more to seal than the cipher takes, about 256 GiB.
    #[error("there is too much to seal at once")]
    TooLong,
    /// The bytes were changed, cut short, or sealed for another key.
    #[error("the bytes were changed, or sealed for another key")]
    NotOpened,
}

/// Seals bytes for the holder of `reader`, 64 hex digits. `secret` and `nonce` are random bytes that
/// are used for nothing else.
///
/// # Errors
/// [`BadSeal::Key`], [`BadSeal::TooLong`].
pub fn seal(reader: &str, secret: &[u8; 32], nonce: [u8; 12], plain: &[u8]) -> Result<Sealed, BadSeal> {
    let reader = reading_key(reader)?;
    let ephemeral = MontgomeryPoint::mul_base_clamped(*secret).to_bytes();
    let shared = reader.to_montgomery().mul_clamped(*secret);
    let ciphertext = cipher(&shared, &ephemeral, &reader)
        .encrypt(Nonce::from_slice(&nonce), plain)
        .map_err(|_| BadSeal::TooLong)?;
    Ok(Sealed { ephemeral, nonce, ciphertext })
}

/// Opens what was sealed for this key.
///
/// # Errors
/// [`BadSeal::NotOpened`].
pub fn open(reader: &SigningKey, sealed: &Sealed) -> Result<Vec<u8>, BadSeal> {
    let shared = MontgomeryPoint(sealed.ephemeral).mul_clamped(reader.to_scalar_bytes());
    cipher(&shared, &sealed.ephemeral, &reader.verifying_key())
        .decrypt(Nonce::from_slice(&sealed.nonce), sealed.ciphertext.as_slice())
        .map_err(|_| BadSeal::NotOpened)
}

fn reading_key(hex_digits: &str) -> Result<VerifyingKey, BadSeal> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex_digits, &mut bytes).map_err(|_| BadSeal::Key)?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadSeal::Key)?;
    // With a key of small order anybody knows what X25519 comes to.
    if key.is_weak() { Err(BadSeal::Key) } else { Ok(key) }
}

fn cipher(shared: &MontgomeryPoint, ephemeral: &[u8; 32], reader: &VerifyingKey) -> ChaCha20Poly1305 {
    let key = Hash::of("cairn seal key 1", &[shared.as_bytes(), ephemeral, reader.as_bytes()]);
    ChaCha20Poly1305::new(&key.0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> (SigningKey, String) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = hex::encode(key.verifying_key().to_bytes());
        (key, public)
    }

    fn sealed_for(reader: &str) -> Sealed {
        seal(reader, &[3; 32], [4; 12], b"a day's work").unwrap()
    }

    #[test]
    fn only_the_reader_opens_what_was_sealed() {
        let (reader, public) = key(1);
        let sealed = sealed_for(&public);
        assert_eq!(open(&reader, &sealed).unwrap(), b"a day's work");
        assert_eq!(open(&key(2).0, &sealed), Err(BadSeal::NotOpened));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (reader, public) = key(1);
        let whole = sealed_for(&public);
        let mut changed = Vec::new();
        for at in 0..whole.ciphertext.len() {
            let mut sealed = whole.clone();
            sealed.ciphertext[at] ^= 1;
            changed.push(sealed);
        }
        // The highest bit of an X25519 key is not part of the point; it counts all the same.
        changed.push(Sealed { ephemeral: flipped(whole.ephemeral, 31, 0x80), ..whole.clone() });
        changed.push(Sealed { ephemeral: flipped(whole.ephemeral, 0, 1), ..whole.clone() });
        changed.push(Sealed { nonce: [5; 12], ..whole.clone() });
        changed.push(Sealed { ciphertext: whole.ciphertext[..20].to_vec(), ..whole.clone() });
        changed.push(Sealed { ciphertext: Vec::new(), ..whole });
        for sealed in changed {
            assert_eq!(open(&reader, &sealed), Err(BadSeal::NotOpened), "{sealed:?}");
        }
    }

    fn flipped(mut bytes: [u8; 32], at: usize, bits: u8) -> [u8; 32] {
        bytes[at] ^= bits;
        bytes
    }

    #[test]
    fn a_key_that_keeps_no_secret_is_refused() {
        let zeros = "00".repeat(31);
        let (neutral, no_point) = (format!("01{zeros}"), format!("02{zeros}"));
        for bad in ["", "00", "zz", &neutral, &no_point] {
            assert_eq!(seal(bad, &[3; 32], [4; 12], b"x"), Err(BadSeal::Key), "{bad}");
        }
    }

    /// The worked example of docs/sync-protocol.md, made by another implementation of the same steps.
    #[test]
    fn the_documented_example_holds() {
        let (_, public) = key(1);
        let sealed = sealed_for(&public);
        assert_eq!(public, "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c");
        assert_eq!(
            hex::encode(sealed.ephemeral),
            "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22"
        );
        assert_eq!(
            hex::encode(sealed.ciphertext),
            "008ec2d661173844cefec27d4cb634082b6a81d1ea1e5b9869eea883"
        );
    }
}
