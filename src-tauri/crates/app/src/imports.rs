//! Migration imports: looking at files before anything is imported, and at what they would do.

use std::io::Read;
use std::path::{Path, PathBuf};

use cairn_domain::TenantId;
use cairn_domain::access::Action;
use cairn_domain::import::PILOT_ROWS;
use cairn_imports::{
    Blob, Counts, Entry, Hold, Look, MAX_MAPPING_BYTES, Mapping, Options, Plan, Profile, Record, Report,
    Scratch, check, each_entry, export_rejected, look, outlined_id, plan_with, write_blob_with,
};
pub use cairn_imports::{Progress, Watch};
use cairn_protocol::ApiError;
use cairn_store::roster::Roster;
use serde::Serialize;
use ts_rs::TS;

use crate::Desk;
use crate::desk::id;
use crate::error::{Result, fault, store};
use crate::files::replace_private_with;

/// What an import is made of: the path, and what is said by hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportRequest {
    /// A folder, an archive, a workbook or a table.
    pub path: PathBuf,
    /// The format, where it is not to be found out.
    pub format: Option<String>,
    /// `strict` or `tolerant`; tolerant where it is left out.
    pub rules: Option<String>,
    /// What is said about the files.
    pub mapping: Mapping,
}

/// What an import would do to a tenant, in the shape of SPEC. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
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
    #[ts(type = "number | null")]
    pub revision: Option<u64>,
    /// Milliseconds it took; filled in by who holds the clock.
    #[ts(type = "number")]
    pub took_ms: u64,
}

/// Rejected rows that were written to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ExportedRows {
    /// Where they are.
    pub file: String,
    /// How many.
    #[ts(type = "number")]
    pub rows: u64,
}

/// How far a check or plan is that runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportProgress {
    /// Rows read.
    #[ts(type = "number")]
    pub rows: u64,
    /// Bytes read, after unpacking; none of a workbook's.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Which pass this is, the first being 1: rows and bytes begin again with each.
    pub pass: u32,
    /// How many there are.
    pub passes: u32,
}

/// Files that a tenant may import, apart from the desk: what takes long keeps nobody else from it.
#[derive(Clone, Debug)]
pub struct Import {
    path: PathBuf,
    options: Options,
    /// The most records it may have, while the tenant is in its pilot.
    pilot: Option<u64>,
}

impl Desk {
    /// An import of a tenant. Reads nothing yet; `watch` hears how far each pass over the files is, and
    /// may end it.
    ///
    /// # Errors
    /// `unknown_tenant`, `wrong_use` for other rules.
    pub fn import(&self, tenant: &str, request: &ImportRequest, watch: Watch) -> Result<Import> {
        let pilot = self.pilot_limit(&self.tenant_of_import(tenant)?)?;
        Ok(Import { path: request.path.clone(), options: Options { watch, ..options(request)? }, pilot })
    }

    /// The most records that an import may have, where the tenant is in its pilot.
    fn pilot_limit(&self, tenant: &TenantId) -> Result<Option<u64>> {
        let is_pilot = self.store.is_pilot(tenant).map_err(store)?;
        let limit = self.store.identity().map_or(PILOT_ROWS, |identity| identity.pilot_rows);
        Ok(is_pilot.then_some(limit))
    }

    /// The roster that a tenant's imports are held against; none where it has none on this computer, or an
    /// empty one: whoever read that would keep its first revision from being written.
    ///
    /// # Errors
    /// `unknown_tenant`; the `roster_...` codes where it cannot be read.
    pub fn import_roster(&self, tenant: &str) -> Result<Option<Roster>> {
        let tenant = self.tenant_of_import(tenant)?;
        let begun = |roster: Option<Roster>| match roster {
            Some(roster) => Ok(roster.latest()?.map(|_| roster)),
            None => Ok(None),
        };
        self.store.roster(&tenant).and_then(begun).map_err(|error| {
            // What cannot be used is loaded again by the next sync. Where that cannot be noted either,
            // the first error is the one that counts.
            let _ = self.store.look_at_roster_again(&tenant);
            store(error)
        })
    }

    /// Checks files as an import of a tenant: counts, and problems grouped by cause. Judges the files
    /// alone, reads nothing of the tenant and writes nothing; `took_ms` is left to who holds the clock.
    ///
    /// # Errors
    /// As [`Desk::import`] and [`Import::check`].
    pub fn check_import(&self, tenant: &str, request: &ImportRequest) -> Result<Report> {
        self.import(tenant, request, Watch::default())?.check()
    }

    /// Plans an import of files against the tenant's roster on this computer. Where the tenant has none
    /// yet, everything is new. Writes nothing; `took_ms` is left to who holds the clock.
    ///
    /// # Errors
    /// As [`Desk::import`], [`Desk::import_roster`] and [`Import::plan`].
    pub fn plan_import(&self, tenant: &str, request: &ImportRequest, watch: Watch) -> Result<ImportPlan> {
        let import = self.import(tenant, request, watch)?;
        let mut plan = import.plan(self.import_roster(tenant)?.as_ref())?;
        if self.is_masked(tenant)? {
            plan.mask();
        }
        Ok(plan)
    }

    /// Whether this person sees values about people as outlines: who may not import does.
    pub(crate) fn is_masked(&self, tenant: &str) -> Result<bool> {
        Ok(!self.may(&id(&self.tenant(tenant)?)?, Action::RunImports))
    }
}

impl ImportPlan {
    /// Shows ids about people as outlines.
    pub(crate) fn mask(&mut self) {
        for double in &mut self.plan.doubles {
            for one in &mut double.examples {
                one.id = outlined_id(&self.format, &double.kind_of_record, &one.id);
            }
        }
    }
}

/// The records that the files would send, without those that nobody has asked to remove.
fn records_of(plan: &Plan) -> u64 {
    let of = plan.types.values().map(|one| one.create + one.update + one.unchanged + one.remove - one.absent);
    of.sum()
}

impl Import {
    /// The same, told of as one of several passes.
    pub(crate) fn pass(&self, number: u32, of: u32) -> Self {
        let mut import = self.clone();
        import.options.watch = import.options.watch.pass(number, of);
        import
    }

    /// What the files are taken for, by their first rows.
    ///
    /// # Errors
    /// The `import_...` codes where the files cannot be read as tables at all.
    pub fn look(&self) -> Result<Look> {
        Ok(look(&self.path, &self.options)?)
    }

    /// Counts, and problems grouped by cause.
    ///
    /// # Errors
    /// The `import_...` codes where the files cannot be read as an import at all, `import_cancelled`
    /// where the watch ended it.
    pub fn check(&self) -> Result<Report> {
        Ok(check(&self.path, &self.options)?)
    }

    /// What the import would do to `roster`.
    ///
    /// # Errors
    /// As [`Import::check`]; the `roster_...` codes where the roster cannot be read.
    pub fn plan(&self, roster: Option<&Roster>) -> Result<ImportPlan> {
        self.plan_with(roster, |_, _| {})
    }

    /// [`Import::plan`]; `absent` hears type and id of what bulk files no longer hold.
    pub(crate) fn plan_with(
        &self,
        roster: Option<&Roster>,
        absent: impl FnMut(&str, &str),
    ) -> Result<ImportPlan> {
        let revision = match roster {
            Some(roster) => roster.latest().map_err(store)?.map(|last| last.number),
            None => None,
        };
        let current = |meet: &mut dyn FnMut(Record<'_>)| match roster {
            Some(roster) => {
                let mut met = 0;
                roster.each(|record| {
                    meet(Record { kind: record.kind, id: record.id, values: record.values });
                    met += 1;
                    Ok::<(), ApiError>(self.options.watch.met(met)?)
                })
            }
            None => Ok(()),
        };
        let (mut plan, report) = plan_with(&self.path, &self.options, current, absent)?;
        if let Some(limit) = self.pilot.filter(|limit| records_of(&plan) > *limit) {
            plan.holds.push(Hold::pilot(records_of(&plan), limit));
            plan.can_proceed = false;
        }
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

    /// Who watches it.
    pub(crate) fn watch(&self) -> &Watch {
        &self.options.watch
    }

    /// Gives every entry that a run would send, by type and id, with its row.
    pub(crate) fn each_entry(
        &self,
        scratch: &Scratch,
        removals: &[(String, String)],
        each: impl FnMut(Entry<'_>, Option<u64>) -> Result<()>,
    ) -> Result<()> {
        each_entry(&self.path, &self.options, scratch, removals, each).map(drop)
    }

    /// Writes the file that is uploaded: the accepted and fixed rows, and `removals` by type and id.
    pub(crate) fn blob(
        &self,
        scratch: &Scratch,
        removals: &[(String, String)],
        into: &mut Vec<u8>,
    ) -> Result<Blob> {
        Ok(write_blob_with(&self.path, &self.options, scratch, removals, into)?.0)
    }

    /// Writes the rejected rows of one of the files (named as in the report) to `into`, each with its
    /// reasons. They are about people, so only their owner may read the file. It is there whole or not
    /// at all; one that was there before is replaced.
    ///
    /// # Errors
    /// As [`Import::check`]; `cannot_write` where the file cannot be written.
    pub fn export_rejected(&self, file: &str, into: &Path) -> Result<ExportedRows> {
        let cannot = |error: std::io::Error| {
            let message = format!(
                "The rejected rows cannot be written to '{}': {error}. Choose another place.",
                into.display()
            );
            fault("cannot_write", message)
        };
        let mut failed = None;
        let written = replace_private_with(into, |to| {
            export_rejected(&self.path, &self.options, file, std::io::BufWriter::new(to)).map_err(|error| {
                failed = Some(error);
                std::io::Error::other("it could not be made")
            })
        });
        match (written, failed) {
            (Ok(rows), _) => Ok(ExportedRows { file: into.display().to_string(), rows }),
            (Err(_), Some(error)) => Err(error.into()),
            (Err(error), None) => Err(cannot(error)),
        }
    }
}

fn options(request: &ImportRequest) -> Result<Options> {
    Ok(Options {
        format: request.format.clone(),
        profile: profile(request.rules.as_deref())?,
        mapping: request.mapping.clone(),
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

/// Reads a mapping file.
///
/// # Errors
/// `bad_mapping` with what is wrong and where.
pub fn read_mapping(path: &Path) -> Result<Mapping> {
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
