//! Rate limits, in memory of one process. They slow an attacker down; they guard no promise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use cairn_domain::Time;
use cairn_protocol::code;

use crate::error::{Error, Result};

/// How much of one thing may happen in how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often.
    pub count: u32,
    /// In how many seconds.
    pub seconds: i64,
}

/// How much a service lets happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Failed sign-ins of one name.
    pub sign_in_failures: Rate,
    /// Requests of one device.
    pub device: Rate,
    /// Requests of one account, from whatever devices.
    pub account: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            sign_in_failures: Rate { count: 10, seconds: 15 * 60 },
            device: Rate { count: 1_200, seconds: 60 },
            account: Rate { count: 3_000, seconds: 60 },
        }
    }
}

/// The most keys remembered; beyond it, windows that have passed are forgotten.
const MAX_KEYS: usize = 100_000;

/// Counters by key in windows of fixed length.
#[derive(Default)]
pub struct Limits(Mutex<HashMap<String, (Time, u32)>>);

impl Limits {
    /// Counts one more.
    ///
    /// # Errors
    /// `rate_limited` with `retry_after_s`.
    pub fn count(&self, key: &str, rate: Rate, now: Time) -> Result<()> {
        self.check(key, rate, now)?;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_KEYS {
            windows.retain(|_, (since, _)| (now - *since).num_seconds() < rate.seconds);
        }
        let window = windows.entry(key.to_owned()).or_insert((now, 0));
        if !(0..rate.seconds).contains(&(now - window.0).num_seconds()) {
            *window = (now, 0);
        }
        window.1 += 1;
        Ok(())
    }

    /// Says whether one more is allowed, without counting.
    ///
    /// # Errors
    /// `rate_limited` with `retry_after_s`.
    pub fn check(&self, key: &str, rate: Rate, now: Time) -> Result<()> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, count)) = windows.get(key) else { return Ok(()) };
        let passed = (now - *since).num_seconds();
        // A window that begins in the future is from before the clock was set back: it counts no more.
        if *count < rate.count || !(0..rate.seconds).contains(&passed) {
            return Ok(());
        }
        let left = rate.seconds - passed;
        let message = format!("Too many requests. Try again in {left} seconds.");
        Err(Error::detailed(code::RATE_LIMITED, message, serde_json::json!({ "retry_after_s": left })))
    }

    /// Forgets a key, after a success.
    pub fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_window_fills_and_passes() {
        let limits = Limits::default();
        let start = chrono::DateTime::from_timestamp(1_000, 0).unwrap();
        let rate = Rate { count: 2, seconds: 60 };
        limits.count("a", rate, start).unwrap();
        limits.count("a", rate, start).unwrap();
        let Err(Error::Api(refused)) = limits.count("a", rate, start + chrono::Duration::seconds(10)) else {
            panic!("the third is too many")
        };
        assert_eq!(
            (refused.code.as_str(), refused.details["retry_after_s"].as_i64()),
            ("rate_limited", Some(50))
        );
        limits.count("b", rate, start).unwrap();
        limits.count("a", rate, start + chrono::Duration::seconds(60)).unwrap();
    }
}
