//! Verifying an import: what the service committed beside the roster on this computer.

use std::collections::BTreeMap;

use cairn_domain::import::{Import, ImportCommitted, ImportCounts, ImportPlanned};
use cairn_domain::{OpId, TenantId};
use cairn_imports::{Followed, Record, References, Watch};
use cairn_protocol::ApiError;
use cairn_store::roster::{Applied, Roster};
use serde::Serialize;
use ts_rs::TS;

use crate::Desk;
use crate::desk::{id, parse_op};
use crate::error::{Result, fault, store};

/// What verifying an import found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportVerified {
    /// The import.
    pub import: String,
    /// Whether all of `checks` hold.
    pub ok: bool,
    /// What was looked at.
    pub checks: Vec<VerifyCheck>,
    /// The digest of the roster after the import, as the service committed it.
    pub digest: String,
    /// Records by type as they stand on this computer now.
    #[ts(type = "Record<string, number>")]
    pub records: BTreeMap<String, u64>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct VerifyCheck {
    /// `here`, `digest`, `counts`, `plan`, `file` or `references`.
    pub check: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was found, in plain words.
    pub found: String,
}

/// An import that is about to be verified, apart from the desk.
pub struct Verifying {
    pub(crate) tenant: TenantId,
    pub(crate) import: Import,
    pub(crate) roster: Option<Roster>,
    watch: Watch,
}

/// Passes over the roster, each of which is told of.
const PASSES: u32 = 3;

impl Desk {
    /// An import of which the service says that it is committed. Reads nothing of the roster yet.
    ///
    /// # Errors
    /// `unknown_import`, `import_not_committed`; the `roster_...` codes where the roster cannot be opened.
    pub fn verifying(&self, import: &str, watch: Watch) -> Result<Verifying> {
        let import = parse_op(import)?;
        let tenant = self.tenant(import.tenant.as_str())?;
        let asked = self.asked(&id(&tenant)?, &import)?.ok_or_else(|| unknown(&import))?;
        if asked.committed().is_none() {
            let message = "The service has not imported this, so there is nothing to verify.";
            return Err(fault("import_not_committed", message));
        }
        let roster = self.import_roster(&tenant.id)?;
        Ok(Verifying { tenant: id(&tenant)?, import: asked, roster, watch })
    }
}

/// Where what was done is not what was planned, in words; nothing where nobody planned.
fn differences(
    planned: &BTreeMap<String, ImportPlanned>,
    counts: &BTreeMap<String, ImportCounts>,
) -> Vec<String> {
    let of = planned.iter().filter_map(|(kind, planned)| {
        let done = counts.get(kind).copied().unwrap_or_default().done();
        let words = |one: ImportPlanned| {
            format!("{} created, {} updated, {} removed", one.create, one.update, one.remove)
        };
        (done != *planned).then(|| format!("{kind} {} instead of {}", words(done), words(*planned)))
    });
    of.collect()
}

impl Verifying {
    /// Holds what the service committed against the roster on this computer: whether the import is here,
    /// its digest and counts, whether it did what was asked for, every record, and where the records of
    /// its format lead.
    ///
    /// # Errors
    /// The `roster_...` codes where the roster cannot be read, `import_cancelled` where the watch ended it.
    pub fn verify(&self) -> Result<ImportVerified> {
        let Some(committed) = self.import.committed() else { return Err(unknown(&self.import.id)) };
        let mut verified = ImportVerified {
            import: self.import.id.to_string(),
            ok: false,
            checks: Vec::new(),
            digest: committed.digest.to_string(),
            records: BTreeMap::new(),
        };
        let not_here = |mut verified: ImportVerified, found: String| {
            verified.checks.push(check("here", false, found));
            Ok(verified)
        };
        let Some(roster) = &self.roster else {
            let found = "This computer has no roster of the tenant yet. Sync first.";
            return not_here(verified, found.to_owned());
        };
        let applied = roster.revisions().map_err(store)?;
        let last = applied.last().map_or(0, |last| last.number);
        let Some(one) = applied.iter().find(|one| one.number == committed.revision) else {
            let found = format!("The roster on this computer is at revision {last}. Sync first.");
            return not_here(verified, found);
        };
        verified.checks.push(check("here", true, format!("Revision {} of {last}.", one.number)));
        verified.checks.extend(held_against(committed, one));
        verified.checks.push(self.as_asked(committed));
        verified.checks.push(file_check(roster, &self.watch)?);
        if let Some(references) = References::new(&self.import.request.format) {
            verified.checks.push(followed(&self.follow(roster, references)?));
        }
        verified.records = roster.counts().map_err(store)?;
        verified.ok = verified.checks.iter().all(|check| check.ok);
        Ok(verified)
    }

    /// What was done beside what was asked for.
    fn as_asked(&self, committed: &ImportCommitted) -> VerifyCheck {
        let request = &self.import.request;
        let holds = request.records.iter().all(|(kind, asked)| {
            let did = committed.counts.get(kind).copied().unwrap_or_default();
            let written = did.create.saturating_add(did.update);
            written <= asked.put
                && asked.put <= written.saturating_add(did.unchanged)
                && did.remove <= asked.remove
        });
        let is_all = committed.counts.keys().all(|kind| request.records.contains_key(kind));
        if !(holds && is_all) {
            return check("plan", false, "It did something else than its files ask for.".to_owned());
        }
        let other = differences(&request.planned, &committed.counts);
        if !other.is_empty() {
            let found = format!(
                "It did what its files ask for, and other than the plan said, because the roster had changed since: {}.",
                other.join("; ")
            );
            return check("plan", false, found);
        }
        let planned = if request.planned.is_empty() { "" } else { ", as planned" };
        let found = format!(
            "All {} records of the files are in it{planned}, and nothing else was changed.",
            request.rows()
        );
        check("plan", true, found)
    }

    fn follow(&self, roster: &Roster, mut references: References) -> Result<Followed> {
        for pass in [2, 3] {
            let watch = self.watch.pass(pass, PASSES);
            let mut met = 0;
            roster.each(|record| {
                met += 1;
                watch.met(met)?;
                let record = Record { kind: record.kind, id: record.id, values: record.values };
                if pass == 2 {
                    references.know(&record);
                } else {
                    references.follow(&record);
                }
                Ok::<(), ApiError>(())
            })?;
        }
        Ok(references.end())
    }
}

/// A revision here beside what the service committed.
fn held_against(committed: &ImportCommitted, one: &Applied) -> [VerifyCheck; 2] {
    let counts = committed.counts.iter().all(|(kind, counts)| {
        let here = one.counts.get(kind).copied().unwrap_or_default();
        (counts.create, counts.update, counts.remove) == (here.create, here.update, here.remove)
    });
    let words = |holds, what: &str| {
        let not = if holds { "" } else { "not " };
        format!("{what} {not}what the service committed.")
    };
    let digest = one.digest == committed.digest;
    [
        check("digest", digest, words(digest, "The digest of the records after it is")),
        check("counts", counts, words(counts, "What it did here is")),
    ]
}

fn file_check(roster: &Roster, watch: &Watch) -> Result<VerifyCheck> {
    watch.pass(1, PASSES).met(0)?;
    Ok(match roster.verify() {
        Ok(()) => check("file", true, "Every record was read.".to_owned()),
        Err(error) => check("file", false, error.to_string()),
    })
}

fn followed(followed: &Followed) -> VerifyCheck {
    if followed.broken.is_empty() {
        let found = format!("{} references lead to records that are there.", followed.whole);
        return check("references", true, found);
    }
    let words =
        followed.broken.iter().map(|((kind, column), count)| format!("{count} of {column} in {kind}"));
    let words = words.collect::<Vec<_>>().join(", ");
    check("references", false, format!("Some lead to records that are not there: {words}."))
}

fn check(check: &str, ok: bool, found: String) -> VerifyCheck {
    VerifyCheck { check: check.to_owned(), ok, found }
}

fn unknown(import: &OpId) -> ApiError {
    fault("unknown_import", format!("There is no import '{import}' on this computer. Sync first."))
}
