//! The errors that stop an import before a report exists. Faults in rows are no errors: they are
//! problems in the [`Report`](crate::Report).

use cairn_protocol::ApiError;
use serde_json::{Value, json};

/// What an import answers.
pub type Result<T> = std::result::Result<T, ImportError>;

/// Why files cannot be read as an import at all. Every limit names itself, what it allows and what
/// was found, so that nobody has to guess which one it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such file or folder, or it cannot be opened or read.
    #[error("'{name}' cannot be read: {reason}")]
    Unreadable {
        /// What was to be read.
        name: String,
        /// The system's words.
        reason: String,
    },
    /// The file is of no kind that can be read.
    #[error(
        "'{name}' is not a kind of file that can be imported: CSV, TSV, XLSX, or a zip or folder of these"
    )]
    Unsupported {
        /// The file.
        name: String,
    },
    /// There is no table in the folder or archive.
    #[error("'{name}' holds no table: no CSV, TSV or XLSX file lies in it")]
    Empty {
        /// The folder or archive.
        name: String,
    },
    /// An archive or workbook whose inner structure is broken.
    #[error("'{name}' is damaged: {reason}")]
    Damaged {
        /// The file.
        name: String,
        /// What is broken.
        reason: String,
    },
    /// A part of an archive needs a password.
    #[error("'{name}' is protected by a password: unpack it first")]
    Encrypted {
        /// The part.
        name: String,
    },
    /// A path in an archive leads outside it.
    #[error("'{name}' leads out of the archive it lies in: make the archive anew")]
    UnsafePath {
        /// The path.
        name: String,
    },
    /// A limit of [`Limits`](crate::Limits).
    #[error("'{name}' has {found} {what}, and at most {limit} are read")]
    Limit {
        /// The file.
        name: String,
        /// Which limit: `expanded_bytes`, `ratio`, `rows`, `columns`, `held_bytes`, `depth` or `files`.
        cap: &'static str,
        /// The limit in words, after a number.
        what: &'static str,
        /// What is allowed.
        limit: u64,
        /// What was found when reading stopped; there may be more.
        found: u64,
    },
    /// The files are of no known format.
    #[error("{reason}; say which format it is with --format or a mapping file")]
    UnknownFormat {
        /// Why nothing fits.
        reason: String,
    },
    /// Whoever watched the run ended it.
    #[error("this was cancelled; nothing was written")]
    Cancelled,
    /// A mapping file that cannot be used.
    #[error("the mapping file cannot be used: {reason}")]
    BadMapping {
        /// What is wrong with it, with line and column where the parser knows them.
        reason: String,
    },
}

impl ImportError {
    /// The error's code, stable for scripts and the window.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "import_unreadable",
            Self::Unsupported { .. } => "import_unsupported",
            Self::Empty { .. } => "import_empty",
            Self::Damaged { .. } => "import_damaged",
            Self::Encrypted { .. } => "import_encrypted",
            Self::UnsafePath { .. } => "import_unsafe_path",
            Self::Limit { .. } => "import_limit",
            Self::UnknownFormat { .. } => "import_format_unknown",
            Self::Cancelled => "import_cancelled",
            Self::BadMapping { .. } => "bad_mapping",
        }
    }

    fn details(&self) -> Value {
        match self {
            Self::Limit { name, cap, limit, found, .. } => {
                json!({ "file": name, "cap": cap, "limit": limit, "found": found })
            }
            Self::Unreadable { name, .. }
            | Self::Unsupported { name }
            | Self::Empty { name }
            | Self::Damaged { name, .. }
            | Self::Encrypted { name }
            | Self::UnsafePath { name } => json!({ "file": name }),
            Self::UnknownFormat { .. } | Self::Cancelled | Self::BadMapping { .. } => Value::Null,
        }
    }

    pub(crate) fn io(name: &str, error: &std::io::Error) -> Self {
        Self::Unreadable { name: name.to_owned(), reason: in_words(error) }
    }
}

/// Windows' number for a file that another program has open for itself.
const SHARING_VIOLATION: i32 = 32;

/// The system's words where they help, plainer ones for what happens to everybody.
fn in_words(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    let is_shut = cfg!(windows) && error.raw_os_error() == Some(SHARING_VIOLATION);
    match error.kind() {
        Kind::NotFound => "there is no such file or folder; it may have been moved or deleted".to_owned(),
        Kind::PermissionDenied => "this account may not open it".to_owned(),
        Kind::ResourceBusy => IN_USE.to_owned(),
        _ if is_shut => IN_USE.to_owned(),
        _ => error.to_string(),
    }
}

const IN_USE: &str = "another program has it open; close it there and try again";

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string(), details: error.details() }
    }
}
