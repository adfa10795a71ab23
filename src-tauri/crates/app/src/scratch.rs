//! Folders for what does not fit into memory: under a key that is kept nowhere, and gone with their use.

use std::path::Path;

use cairn_imports::{SCRATCH_BUDGET, Scratch};

use crate::error::{Result, fault};

/// A folder of its own in a profile's `scratch`. Removed when it is dropped; what a killed program left
/// in others is noise.
pub(crate) struct ScratchFolder(Scratch);

impl ScratchFolder {
    /// # Errors
    /// `io` where it cannot be made, `no_randomness`.
    pub fn new(scratch: &Path) -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|e| fault("no_randomness", e.to_string()))?;
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(|e| fault("no_randomness", e.to_string()))?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = scratch.join(name);
        std::fs::create_dir_all(&folder).map_err(|e| {
            let message = format!(
                "'{}' cannot be made: {e}. Make room on the disk, or look at who may write there.",
                folder.display()
            );
            fault("io", message)
        })?;
        Ok(Self(Scratch { folder, key, budget: SCRATCH_BUDGET }))
    }

    pub fn scratch(&self) -> &Scratch {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Without its key what lies in it is noise.
        let _ = std::fs::remove_dir_all(&self.0.folder);
    }
}
