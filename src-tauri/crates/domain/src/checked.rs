//! Signatures that were checked before. In the simulator all laptops and the service share a thread and
//! meet the same signatures many times over; whether one holds depends on nothing but its bytes.
//!
//! Nothing is remembered outside [`remembering`], so programs that ship check each as it comes.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::hash::Hash;

thread_local! {
    /// By key, message and signature; none outside a scope that remembers.
    static KNOWN: RefCell<Option<HashMap<Hash, bool>>> = const { RefCell::new(None) };
}

/// Runs `work` while this thread remembers each signature it checks, and then forgets them all.
pub fn remembering<T>(work: impl FnOnce() -> T) -> T {
    let _scope = Scope(KNOWN.replace(Some(HashMap::new())));
    work()
}

/// Puts back what was before, also where the work panics.
struct Scope(Option<HashMap<Hash, bool>>);

impl Drop for Scope {
    fn drop(&mut self) {
        KNOWN.set(self.0.take());
    }
}

/// What `check` says of a signature, asked once where the thread remembers.
pub(crate) fn once(key: &str, message: &Hash, signature: &str, check: impl FnOnce() -> bool) -> bool {
    if KNOWN.with_borrow(Option::is_none) {
        return check();
    }
    let name = Hash::of("cairn checked 1", &[key.as_bytes(), &message.0, signature.as_bytes()]);
    if let Some(holds) = KNOWN.with_borrow(|known| known.as_ref()?.get(&name).copied()) {
        return holds;
    }
    let holds = check();
    KNOWN.with_borrow_mut(|known| known.as_mut().map(|known| known.insert(name, holds)));
    holds
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn only_a_scope_remembers_and_only_the_very_same_signature() {
        let asked = Cell::new(0);
        let check = |key: &str, signature: &str| {
            once(key, &Hash::ZERO, signature, || {
                asked.set(asked.get() + 1);
                signature == "good"
            })
        };
        assert!(check("k", "good") && check("k", "good"));
        assert_eq!(asked.get(), 2);
        remembering(|| {
            assert!(check("k", "good") && check("k", "good"));
            assert!(!check("k", "bad") && !check("k", "bad"));
            assert!(check("another", "good"));
        });
        assert_eq!(asked.get(), 5);
        assert!(check("k", "good"));
        assert_eq!(asked.get(), 6);
    }
}
