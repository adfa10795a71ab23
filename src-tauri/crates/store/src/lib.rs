//! The local encrypted database of a laptop: journal, projections, outbox and keys.
//!
//! Three promises rest here (DESIGN "The journal"). A local write is one transaction, so what shows
//! as saved survives a power cut. A page is applied and the cursor moved in one transaction, and a
//! push reply never moves it. One refused op never blocks the others.
//!
//! The cells hold the provisional state: what the service confirmed, with this laptop's own pending
//! ops on top. Each pending op keeps the cells as they were before it; a pull takes all pending ops
//! back, newest first, projects the page, and decides the pending ops again, oldest first.

mod audit;
mod backup;
mod blobs;
mod cells;
mod changes;
mod entropy;
mod error;
mod export;
mod history;
mod identity;
mod journals;
mod keys;
mod mappings;
mod notices;
mod open;
mod outbox;
mod pending;
mod profile;
mod pull;
mod read;
mod recover;
mod revert;
pub mod roster;
mod schema;
mod sign_out;
mod sql;
mod summary;
mod unit;
mod write;

pub use audit::AuditReport;
pub use backup::{BACKUP_EXTENSION, Backup, Staged};
pub use blobs::{BlobState, RosterState, UnsentBlob};
pub use changes::{Changes, ChangesQuery, Place};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use error::{PullError, StoreError};
pub use export::Export;
pub use history::{History, HistoryLine, HistoryQuery};
pub use identity::{Identity, Lease};
pub use keys::{DataKey, KeyTrouble};
pub use notices::Kept as KeptNotice;
pub use open::{CACHE_KIB, Store};
pub use outbox::{Counts, OutboxOp, OutboxState, Receipted};
pub use profile::{KEYRING_PATIENCE, KeySource, Profile};
pub use pull::Applied;
pub use read::{Account, Conflict, TenantSummary};
pub use recover::{Dropped, SyncLine};
pub use revert::{Reverted, Run};
pub use schema::SCHEMA_VERSION;
pub use write::{Base, Decided, Draft, Resolution, Written};
