//! Use cases shared by the window and the command line. Neither Tauri nor a terminal is known here.

pub mod adoption;
pub mod api;
pub mod backup;
pub mod changes;
pub mod computer;
pub mod conflicts;
pub mod desk;
pub mod drafts;
pub mod edit;
pub mod error;
mod files;
pub mod hints;
pub mod history;
pub mod imports;
pub mod inbox;
pub mod keyring;
pub mod many;
pub mod people;
pub mod plans;
pub mod projects;
pub mod queue;
pub mod reports;
mod rosters;
pub mod runs;
mod scratch;
pub mod session;
pub mod settings;
pub mod toasts;
mod today;
pub mod updates;
pub mod upgrades;
pub mod verify;
pub mod views;

pub use desk::Desk;
pub use session::{KeyPlace, Session};
