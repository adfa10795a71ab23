//! Migration imports: looking at files before anything is imported, and at what they would do.

use std::io::Read;
use std::path::{Path, PathBuf};

use cairn_imports::{
    Counts, MAX_MAPPING_BYTES, Mapping, Options, Plan, Profile, Record, Report, check, plan,
};
use cairn_protocol::ApiError;
use serde::Serialize;

use crate::Desk;
use crate::error::{Result, fault, store};

/// What an import is made of: the path, and what is said by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRequest {
    /// A folder, an archive, a workbook or a table.
    pub path: PathBuf,
    /// The format, where it is not to be found out.
    pub format: Option<String>,
    /// `strict` or `tolerant`; tolerant where it is left out.
    pub rules: Option<String>,
    /// A mapping file.
    pub mapping: Option<PathBuf>,
}

/// What an import would do to a tenant, in the shape of SPEC. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportPlan {
    /// The counts by type, and what has to be confirmed.
    #[serde(flatten)]
    pub plan: Plan,
    /// The format.
    pub format: String,
    /// `strict` or `tolerant`.
    pub profile: String,
    /// The rows of the files.
    pub totals: Counts,
    /// The files could be imported, whatever is held.
    pub files_can_proceed: bool,
    /// The revision of the roster that the files were held against; none where the tenant has none.
    pub revision: Option<u64>,
    /// Milliseconds it took; filled in by who holds the clock.
    pub took_ms: u64,
}

impl Desk {
    /// Checks files as an import of a tenant: counts, and problems grouped by cause. Judges the files
    /// alone, reads nothing of the tenant and writes nothing; `took_ms` is left to who holds the clock.
    ///
    /// # Errors
    /// `unknown_tenant`, `wrong_use` for other rules, `bad_mapping`, and the `import_...` codes where
    /// the files cannot be read as an import at all.
    pub fn check_import(&self, tenant: &str, request: &ImportRequest) -> Result<Report> {
        self.tenant(tenant)?;
        Ok(check(&request.path, &options(request)?)?)
    }

    /// Plans an import of files against the tenant's roster on this computer. Where the tenant has none
    /// yet, everything is new. Writes nothing; `took_ms` is left to who holds the clock.
    ///
    /// # Errors
    /// As [`Desk::check_import`]; the `roster_...` codes where the tenant's roster cannot be read.
    pub fn plan_import(&self, tenant: &str, request: &ImportRequest) -> Result<ImportPlan> {
        let tenant = self.tenant(tenant)?.id.parse().map_err(|_| fault("bad_id", "This is no tenant."))?;
        let options = options(request)?;
        let roster = self.store.roster(&tenant).map_err(store)?;
        let revision = match &roster {
            Some(roster) => roster.latest().map_err(store)?.map(|last| last.number),
            None => None,
        };
        let (plan, report) = plan(&request.path, &options, |meet| match &roster {
            Some(roster) => roster.each(|record| {
                meet(Record { kind: record.kind, id: record.id, values: record.values });
                Ok::<(), ApiError>(())
            }),
            None => Ok(()),
        })?;
        Ok(ImportPlan {
            plan,
            files_can_proceed: report.can_proceed,
            format: report.format,
            profile: report.profile,
            totals: report.totals,
            revision,
            took_ms: 0,
        })
    }
}

fn options(request: &ImportRequest) -> Result<Options> {
    let mapping = request.mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default();
    Ok(Options {
        format: request.format.clone(),
        profile: profile(request.rules.as_deref())?,
        mapping,
        ..Options::default()
    })
}

fn profile(word: Option<&str>) -> Result<Profile> {
    match word {
        None | Some("tolerant") => Ok(Profile::Tolerant),
        Some("strict") => Ok(Profile::Strict),
        Some(other) => Err(fault("wrong_use", format!("'{other}' is no profile: say strict or tolerant."))),
    }
}

fn read_mapping(path: &Path) -> Result<Mapping> {
    let cannot = |error: std::io::Error| {
        fault("bad_mapping", format!("The mapping file '{}' cannot be read: {error}.", path.display()))
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_MAPPING_BYTES as u64 + 1).read_to_string(&mut text).map_err(cannot)?;
    Ok(Mapping::parse(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_two_words() {
        assert_eq!(profile(None).unwrap(), Profile::Tolerant);
        assert_eq!(profile(Some("strict")).unwrap(), Profile::Strict);
        assert_eq!(profile(Some("lax")).unwrap_err().code, "wrong_use");
    }

    #[test]
    fn a_mapping_file_that_is_missing_or_wrong_says_so() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("mapping.toml");
        assert_eq!(read_mapping(&path).unwrap_err().code, "bad_mapping");
        std::fs::write(&path, "formt = \"clever\"").unwrap();
        let error = read_mapping(&path).unwrap_err();
        assert_eq!(error.code, "bad_mapping");
        assert!(error.message.contains("line 1"), "{}", error.message);
        std::fs::write(&path, "format = \"clever\"").unwrap();
        assert_eq!(read_mapping(&path).unwrap().format.as_deref(), Some("clever"));
    }
}
