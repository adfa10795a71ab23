//! The one error of the use cases, and which exit code it means.

use cairn_protocol::{ApiError, code};
use cairn_store::StoreError;

/// What a use case answers.
pub type Result<T> = std::result::Result<T, ApiError>;

/// A plain error of this layer.
pub fn fault(code: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(code, message)
}

/// The exit code of SPEC: 1 the answer is no, 2 wrong use, 3 cannot reach the service, 4 not allowed,
/// 5 the local database cannot be opened. (0 done is no error.)
///
/// A history, a state or a signature that does not hold is a 1, as a broken audit is: nothing was used
/// wrongly, and trying again does not help. Whatever may be gone the next time is a 3: a service that
/// is too busy, has a fault or talks of what this version cannot read, and a sync that another program
/// of this profile is doing.
pub fn exit_code(error: &ApiError) -> i32 {
    match error.code.as_str() {
        code::BAD_SIGNATURE
        | "history_forked"
        | "history_differs"
        | "head_mismatch"
        | "digest_mismatch"
        | "page_gap"
        | "roster_forked"
        | "roster_gap"
        | "roster_differs"
        | "import_held"
        | "import_not_clean"
        | "import_not_committed"
        | "import_differs"
        | "pilot_limit"
        | "already_rolled_back"
        | "rollback_too_late"
        | "bad_entry"
        | "bad_reply"
        | "other_service" => 1,
        code::UNREACHABLE
        | code::RATE_LIMITED
        | code::INTERNAL
        | code::VERSION
        | code::TOO_LARGE
        | code::BAD_NONCE
        | "sync_busy" => 3,
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
        "database_missing" | "database_damaged" | "database_newer" | "database_busy" | "database"
        | "disk_full" | "io" | "locked" | "no_randomness" | "roster_missing" | "roster_damaged"
        | "roster_newer" | "roster_key_absent" | "roster_key_wrong" => 5,
        "key_file_differs" => 2,
        other if other.starts_with("key_") => 5,
        _ => 2,
    }
}

/// A store error as the use cases hand it on.
pub fn store(error: StoreError) -> ApiError {
    error.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every code there is, by its exit code. A new one has to be put into one of these rows.
    const TABLE: [(i32, &str); 5] = [
        (
            1,
            "already_rolled_back bad_entry bad_reply bad_signature digest_mismatch head_mismatch history_differs
             history_forked import_differs import_held import_not_clean import_not_committed other_service
             page_gap pilot_limit rollback_too_late roster_differs roster_forked roster_gap",
        ),
        (
            2,
            "already_decided backup_elsewhere backup_unreadable bad_date bad_field bad_folder bad_format bad_id
             bad_kind bad_mapping bad_request bad_restore bad_settings bad_status built_on cannot_read cannot_write changed_since
             database_exists file_exists import_cancelled import_damaged import_empty import_encrypted import_format_unknown
             import_limit import_unreadable import_unsafe_path import_unsupported key_file_differs no_plan no_project not_a_report
             not_editable not_found nothing_to_undo older_playbook other_playbook playbook_unreadable replaced_several
             roster_no_id roster_unsorted settings_not_saved too_many unknown_conflict unknown_import unknown_item unknown_op
             unknown_person unknown_playbook unknown_project unknown_revision unknown_tenant unsent_work up_to_date
             wrong_use",
        ),
        (3, "bad_nonce internal rate_limited sync_busy too_large unreachable version_not_supported"),
        (
            4,
            "account_disabled bad_credentials device_forked device_retired lease_expired not_allowed
             not_enrolled other_person service_only signed_out unknown_device",
        ),
        (
            5,
            "database database_busy database_damaged database_missing database_newer disk_full io key_absent
             key_hanging key_locked key_wrong locked no_randomness roster_damaged roster_key_absent
             roster_key_wrong roster_missing roster_newer",
        ),
    ];

    /// What stands in quotes behind each `before`.
    fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = String> + 'a {
        let is_code = |c: char| c.is_ascii_lowercase() || c == '_';
        text.split(before).skip(1).filter_map(move |rest| {
            let code = rest.trim_start().strip_prefix('"')?.split('"').next()?;
            (!code.is_empty() && code.chars().all(is_code)).then(|| code.to_owned())
        })
    }

    /// Every code that the protocol, the store, imports and this crate name.
    fn named() -> BTreeSet<String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let mut codes: BTreeSet<String> =
            quoted(&read(&here.join("../protocol/src/error.rs")), ": &str =").collect();
        for of in ["store/src/error.rs", "store/src/roster/mod.rs", "imports/src/error.rs"] {
            codes.extend(quoted(&read(&here.join("..").join(of)), " =>"));
        }
        for file in fs::read_dir(here.join("src")).unwrap() {
            codes.extend(quoted(&read(&file.unwrap().path()), "fault("));
        }
        codes
    }

    #[test]
    fn every_code_there_is_has_its_exit_code() {
        let mut known = BTreeSet::new();
        for (exit, codes) in TABLE {
            for code in codes.split_whitespace() {
                assert_eq!(exit_code(&fault(code, "")), exit, "{code}");
                assert!(known.insert(code.to_owned()), "{code} stands there twice");
            }
        }
        let named = named();
        assert!(named.len() > 60, "codes are found no more: {named:?}");
        let missing: Vec<_> = named.difference(&known).collect();
        assert!(missing.is_empty(), "say how these exit: {missing:?}");
    }
}
