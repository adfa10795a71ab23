//! Randomness is passed in, so that the simulator gets the same bytes from the same seed.

use sha2::{Digest, Sha256};

use crate::StoreError;

/// A source of random bytes for salts and keys.
pub trait Entropy: Send {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError>;
}

/// The operating system's randomness; what programs use.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        getrandom::fill(bytes).map_err(|e| StoreError::Io(std::io::Error::other(e.to_string())))
    }
}

/// Bytes that follow from a seed alone. For tests and the simulator; never for real keys.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: u64,
    drawn: u64,
}

impl SeededEntropy {
    /// Starts the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        for chunk in bytes.chunks_mut(32) {
            let mut sha = Sha256::new();
            sha.update(self.seed.to_be_bytes());
            sha.update(self.drawn.to_be_bytes());
            self.drawn += 1;
            chunk.copy_from_slice(&sha.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}
