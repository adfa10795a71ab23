//! Passwords: Argon2id at the parameters that OWASP names as the minimum (19 MiB, 2 passes).

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use cairn_protocol::code;
use rand::RngCore;

use crate::error::{Error, Result};
use crate::journal::random_bytes;

/// The fewest characters of a password.
pub const MIN_CHARS: usize = 8;
/// The most bytes of a password; hashing longer ones only helps an attacker.
pub const MAX_BYTES: usize = 1_024;
/// A hash of nothing anybody knows, so that an unknown name takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y2Fpcm5ub2JvZHkwMDAwMA$sMhAhlWm2fL9Yz4yAXvEMBbTGbqDaBhIl9WrQ9kAHKk";

/// Hashes a new password.
///
/// # Errors
/// `weak_password` where it is too short or too long.
pub fn hash(password: &str, random: &mut dyn RngCore) -> Result<String> {
    if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(Error::api(
            "weak_password",
            format!("A password has {MIN_CHARS} to {MAX_BYTES} characters."),
        ));
    }
    let salt =
        SaltString::encode_b64(&random_bytes::<16>(random)).map_err(|e| Error::fault(e.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| Error::fault(e.to_string()))?.to_string())
}

/// Checks a password against its hash, or against nobody's where there is none.
///
/// # Errors
/// `bad_credentials`, the same for a wrong password and an unknown name.
pub fn verify(password: &str, hash: Option<&str>) -> Result<()> {
    let parsed = PasswordHash::new(hash.unwrap_or(NOBODY)).map_err(|e| Error::fault(e.to_string()))?;
    let fits = password.len() <= MAX_BYTES
        && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    if fits && hash.is_some() {
        return Ok(());
    }
    Err(Error::api(code::BAD_CREDENTIALS, "Name and password do not belong together."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_right_password_fits_and_nobody_is_a_real_hash() {
        let kept = hash("correct horse", &mut crate::outside::random()).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        verify("correct horse", Some(&kept)).unwrap();
        for (password, hash) in [("wrong horse", Some(kept.as_str())), ("correct horse", None), ("", None)] {
            assert!(matches!(verify(password, hash), Err(Error::Api(e)) if e.code == "bad_credentials"));
        }
        assert!(hash("short", &mut crate::outside::random()).is_err());
    }
}
