//! The one place where the service reads the clock and the system's randomness; everything behind
//! it gets both with the call.
#![allow(clippy::disallowed_methods)]

use cairn_domain::Time;
use rand::rngs::ThreadRng;

/// The time now.
pub fn now() -> Time {
    chrono::Utc::now()
}

/// Randomness fit for keys.
pub fn random() -> ThreadRng {
    rand::rng()
}
