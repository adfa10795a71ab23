//! One error type inside the service; at the edge it is an [`ApiError`].

use cairn_protocol::{ApiError, code};

/// Why something did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An answer for the caller.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A fault of the service's own; its text is for the log and may not reach a caller.
    #[error("{0}")]
    Fault(String),
}

/// The service's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A fault of the service's own.
    pub fn fault(what: impl Into<String>) -> Self {
        Self::Fault(what.into())
    }

    /// An answer with a code.
    pub fn api(code: &str, message: impl Into<String>) -> Self {
        Self::Api(ApiError::new(code, message))
    }

    /// An answer with a code and details.
    pub fn detailed(code: &str, message: impl Into<String>, details: serde_json::Value) -> Self {
        Self::Api(ApiError { code: code.to_owned(), message: message.into(), details })
    }

    /// What the caller gets. A fault is logged here, once, and answered without its text.
    pub fn into_api(self) -> ApiError {
        match self {
            Self::Api(error) => error,
            Self::Fault(what) => {
                tracing::error!(fault = %what, "internal fault");
                ApiError::new(
                    code::INTERNAL,
                    "The service has a fault of its own. Nothing was changed; try again.",
                )
            }
        }
    }
}

macro_rules! faults {
    ($($type:ty),+) => {
        $(impl From<$type> for Error {
            fn from(error: $type) -> Self {
                Self::Fault(format!("{}: {error}", stringify!($type)))
            }
        })+
    };
}

impl From<serde_json::Error> for Error {
    /// Where, not what: the words of this error quote the text, which may be somebody's.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self::Fault(format!("serde_json::Error: {:?} at {line}:{column}", error.classify()))
    }
}

impl From<cairn_store::StoreError> for Error {
    /// The code alone: the words may name a record, which may be somebody's. Codes of a roster are
    /// answers, because they say what to do with it.
    fn from(error: cairn_store::StoreError) -> Self {
        match &error {
            cairn_store::StoreError::Roster { trouble, .. } => {
                Self::api(trouble.code(), "A roster cannot be used.")
            }
            other => Self::fault(format!("roster: {}", other.code())),
        }
    }
}

faults!(
    rusqlite::Error,
    cairn_domain::id::BadId,
    cairn_domain::journal::BadEntry,
    cairn_domain::op::BadOp,
    std::io::Error,
    hex::FromHexError
);
