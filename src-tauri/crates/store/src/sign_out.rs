//! Signing out closes the door but keeps the work: identity and outbox stay for the next sign-in.

use crate::open::{get_meta, set_meta};
use crate::{Store, StoreError};

const SIGNED_OUT: &str = "signed_out";

impl Store {
    /// Notes whether the person has signed out.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn set_signed_out(&mut self, signed_out: bool) -> Result<(), StoreError> {
        set_meta(&self.db, SIGNED_OUT, if signed_out { b"1" } else { b"0" })
    }

    /// Whether the person has signed out.
    ///
    /// # Errors
    /// Whatever the database reports.
    pub fn signed_out(&self) -> Result<bool, StoreError> {
        Ok(get_meta(&self.db, SIGNED_OUT)?.is_some_and(|mark| mark == b"1"))
    }
}
