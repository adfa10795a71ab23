//! Playbooks read before. A source is named by its digest, so what was read once stays true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_domain::playbook::{self, Playbook};

use crate::error::Result;

/// The most playbooks kept in memory.
const KEPT: usize = 64;

/// Playbooks by the digest of their source.
#[derive(Default)]
pub struct Playbooks(Mutex<HashMap<String, Arc<Playbook>>>);

impl Playbooks {
    /// The playbook with this digest, from memory or from the source that `load` gives. None where
    /// there is no source, or this version cannot read it.
    pub fn get(
        &self,
        digest: &str,
        load: impl FnOnce() -> Result<Option<String>>,
    ) -> Result<Option<Arc<Playbook>>> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(known.clone()));
        }
        let Some(source) = load()? else { return Ok(None) };
        let Ok(read) = playbook::parse(&source) else { return Ok(None) };
        let read = Arc::new(read);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(digest.to_owned(), read.clone());
        Ok(Some(read))
    }
}
