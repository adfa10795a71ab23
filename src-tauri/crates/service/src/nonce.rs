//! Nonces that any replica can check without state: a time and a keyed hash of it.

use cairn_domain::Time;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Seconds that a nonce is good for.
pub const LIFETIME_S: i64 = 600;

fn mac(secret: &[u8], scope: &str, at: i64) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(b"cairn nonce 1");
    mac.update(&at.to_be_bytes());
    mac.update(scope.as_bytes());
    Some(mac)
}

/// Bytes of the keyed hash in a nonce. Each request and each reply carries one, and it is good for
/// minutes: half a SHA-256 is far more than anybody can guess at.
const TAG: usize = 16;

/// A nonce for `scope`: a device id, or `hello`. Text form `seconds.hex`.
pub fn make(secret: &[u8], scope: &str, now: Time) -> String {
    let at = now.timestamp();
    let tag =
        mac(secret, scope, at).map(|m| hex::encode(&m.finalize().into_bytes()[..TAG])).unwrap_or_default();
    format!("{at}.{tag}")
}

/// Whether this service made `nonce` for `scope` lately. Constant time in the secret part.
pub fn check(secret: &[u8], scope: &str, nonce: &str, now: Time) -> bool {
    let Some((at, tag)) = nonce.split_once('.') else { return false };
    let (Ok(at), Ok(tag)) = (at.parse::<i64>(), hex::decode(tag)) else { return false };
    // A replica whose clock runs a little ahead may have made it.
    let age = now.timestamp().saturating_sub(at);
    let fits = |m: Hmac<Sha256>| tag.len() == TAG && m.verify_truncated_left(&tag).is_ok();
    (-60..LIFETIME_S).contains(&age) && mac(secret, scope, at).is_some_and(fits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_nonce_is_for_one_scope_and_ten_minutes() {
        let start = chrono::DateTime::from_timestamp(1_000_000, 0).unwrap();
        let nonce = make(b"secret", "d1", start);
        let later = |s| start + chrono::Duration::seconds(s);
        assert!(check(b"secret", "d1", &nonce, later(599)));
        assert!(!check(b"secret", "d1", &nonce, later(600)));
        assert!(!check(b"secret", "d2", &nonce, start));
        assert!(!check(b"other", "d1", &nonce, start));
        for bad in ["", ".", "1.zz", "x.00", "99999999999999999999.00"] {
            assert!(!check(b"secret", "d1", bad, start), "{bad}");
        }
        for shorter in 1..=2 * TAG {
            assert!(
                !check(b"secret", "d1", &nonce[..nonce.len() - shorter], start),
                "{shorter} digits fewer"
            );
        }
    }
}
