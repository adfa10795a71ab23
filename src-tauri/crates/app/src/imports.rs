//! Migration imports: looking at files before anything is imported.

use std::io::Read;
use std::path::{Path, PathBuf};

use cairn_imports::{MAX_MAPPING_BYTES, Mapping, Options, Profile, Report, check};

use crate::Desk;
use crate::error::{Result, fault};

/// What `import check` is asked: the path, and what is said by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckRequest {
    /// A folder, an archive, a workbook or a table.
    pub path: PathBuf,
    /// The format, where it is not to be found out.
    pub format: Option<String>,
    /// `strict` or `tolerant`; tolerant where it is left out.
    pub rules: Option<String>,
    /// A mapping file.
    pub mapping: Option<PathBuf>,
}

impl Desk {
    /// Checks files as an import of a tenant: counts, and problems grouped by cause. Judges the files
    /// alone, reads nothing of the tenant and writes nothing; `took_ms` is left to who holds the clock.
    ///
    /// # Errors
    /// `unknown_tenant`, `wrong_use` for other rules, `bad_mapping`, and the `import_...` codes where
    /// the files cannot be read as an import at all.
    pub fn check_import(&self, tenant: &str, request: &CheckRequest) -> Result<Report> {
        self.tenant(tenant)?;
        let mapping = request.mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default();
        let options = Options {
            format: request.format.clone(),
            profile: profile(request.rules.as_deref())?,
            mapping,
            ..Options::default()
        };
        Ok(check(&request.path, &options)?)
    }
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
