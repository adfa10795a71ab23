//! The one error of the use cases, and which exit code it means.

use cairn_protocol::{ApiError, code};
use cairn_store::StoreError;

/// What a use case answers.
pub type Result<T> = std::result::Result<T, ApiError>;

/// A plain error of this layer.
pub fn fault(code: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(code, message)
}

/// The exit code of SPEC: 2 wrong use, 3 cannot reach the service, 4 not allowed, 5 the local
/// database cannot be opened. (0 done and 1 the answer is no are not errors.)
pub fn exit_code(error: &ApiError) -> i32 {
    match error.code.as_str() {
        code::UNREACHABLE => 3,
        code::NOT_ALLOWED
        | code::BAD_CREDENTIALS
        | code::DEVICE_RETIRED
        | code::DEVICE_FORKED
        | code::ACCOUNT_DISABLED
        | code::UNKNOWN_DEVICE
        | "service_only"
        | "not_enrolled"
        | "other_person"
        | "signed_out"
        | "lease_expired" => 4,
        "database_missing" | "database_damaged" | "database_newer" | "database_busy" | "database" | "io" => 5,
        other if other.starts_with("key_") => 5,
        _ => 2,
    }
}

/// A store error as the use cases hand it on.
pub fn store(error: StoreError) -> ApiError {
    error.into()
}
