//! What can be wrong with a playbook file, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of fault. Callers branch on this, never on the message; the text form is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The file is larger than [`MAX_SOURCE_BYTES`](super::MAX_SOURCE_BYTES).
    TooLarge,
    /// There are more items than [`MAX_ITEMS`](super::MAX_ITEMS).
    TooManyItems,
    /// The text is not TOML.
    Syntax,
    /// A field the format does not know.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// A field holds another type than the format wants.
    WrongType,
    /// A text that must say something is empty or blank.
    EmptyText,
    /// A text is longer than the format allows, or holds control characters.
    BadText,
    /// A list that must have an entry has none.
    EmptyList,
    /// A key or name has characters that keys may not have.
    BadKey,
    /// Two entries of one kind have the same key, or a list names one key twice.
    DuplicateKey,
    /// The version is not a whole number from 1.
    BadVersion,
    /// A number or word outside what the field allows.
    BadValue,
    /// A link that is neither `https://` nor `guide:`.
    BadLink,
    /// A role Cairn does not have.
    UnknownRole,
    /// A health model Cairn does not have.
    UnknownHealthModel,
    /// A phase that the playbook does not define.
    UnknownPhase,
    /// A mode that the playbook does not define.
    UnknownMode,
    /// `depends_on` names an item that the playbook does not define.
    UnknownDependency,
    /// `parent` names an item that the playbook does not define.
    UnknownParent,
    /// A banner names an item that the playbook does not define.
    UnknownItem,
    /// A banner names a wizard step that the playbook does not define.
    UnknownStep,
    /// `sign_off` names a line that the playbook does not define.
    UnknownSignOff,
    /// Items wait for one another in a circle.
    CircularDependency,
    /// Items are nested in a circle.
    CircularParent,
    /// Items are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
    /// A nested item names another phase than its parent.
    PhaseMismatch,
    /// A nested item belongs to a mode that leaves out its parent.
    ModeMismatch,
}

impl FaultCode {
    /// The stable text form, the same that serde writes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooManyItems => "too_many_items",
            Self::Syntax => "syntax",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::EmptyText => "empty_text",
            Self::BadText => "bad_text",
            Self::EmptyList => "empty_list",
            Self::BadKey => "bad_key",
            Self::DuplicateKey => "duplicate_key",
            Self::BadVersion => "bad_version",
            Self::BadValue => "bad_value",
            Self::BadLink => "bad_link",
            Self::UnknownRole => "unknown_role",
            Self::UnknownHealthModel => "unknown_health_model",
            Self::UnknownPhase => "unknown_phase",
            Self::UnknownMode => "unknown_mode",
            Self::UnknownDependency => "unknown_dependency",
            Self::UnknownParent => "unknown_parent",
            Self::UnknownItem => "unknown_item",
            Self::UnknownStep => "unknown_step",
            Self::UnknownSignOff => "unknown_sign_off",
            Self::CircularDependency => "circular_dependency",
            Self::CircularParent => "circular_parent",
            Self::TooDeep => "too_deep",
            Self::PhaseMismatch => "phase_mismatch",
            Self::ModeMismatch => "mode_mismatch",
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault of a playbook file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("line {line}, column {column}: {message} ({code})")]
pub struct PlaybookError {
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in that line, from 1, counted in Unicode characters (a tab is one).
    pub column: u32,
    /// What kind of fault it is.
    pub code: FaultCode,
    /// The reason in plain words, naming what was found.
    pub message: String,
}

/// A fault as it is noted while reading: at a byte offset, not yet at a line and column.
#[derive(Debug)]
pub(super) struct Fault {
    /// Byte offset in the source.
    pub at: usize,
    /// What kind of fault it is.
    pub code: FaultCode,
    /// The reason in plain words.
    pub message: String,
}

impl Fault {
    /// Turns the byte offset into line and column of `source`.
    pub fn locate(self, source: &str) -> PlaybookError {
        let (line, column) = position(source, self.at);
        PlaybookError { line, column, code: self.code, message: self.message }
    }
}

/// Line and column, both from 1, of byte offset `at`. An offset past the end or inside a
/// character is taken back to the nearest place before it. A byte order mark has no column.
fn position(source: &str, at: usize) -> (u32, u32) {
    let mut end = at.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let before = &source[..end];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].chars().filter(|c| *c != '\u{feff}').count() + 1;
    (clamp(line), clamp(column))
}

/// Sources are capped at 512 KiB, so the saturation never shows.
fn clamp(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
