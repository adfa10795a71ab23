//! Plans of imports with their rows: what each record is and what it would be, before anything is asked
//! for. Works offline and writes nothing but scratch, which goes with the plan.

pub use cairn_imports::PlanQuery;
use cairn_imports::{Entry, PlanPage, PlanRows, PlanWriter, Planned};
use cairn_protocol::ApiError;
use cairn_store::roster::{Beside, Roster};

use crate::Desk;
use crate::error::{Result, fault};
use crate::imports::{Import, ImportPlan, ImportRequest, Watch};
use crate::scratch::ScratchFolder;

/// A plan that is about to be made, apart from the desk.
pub struct Planning {
    tenant: String,
    import: Import,
    roster: Option<Roster>,
    scratch: std::path::PathBuf,
    masked: bool,
}

/// The rows of a plan, to be paged.
pub struct PlannedRows {
    tenant: String,
    masked: bool,
    // Before its folder, which goes with it.
    rows: PlanRows,
    _folder: ScratchFolder,
}

/// The rows of the plan that was made last, where there is one.
#[derive(Default)]
pub struct LastPlan(Option<PlannedRows>);

/// Passes over the files and the roster, each of which is told of.
const PASSES: u32 = 3;

impl Desk {
    /// A plan of files against the tenant's roster on this computer, with its rows. Reads nothing yet.
    /// Who may not import sees values about people as outlines.
    ///
    /// # Errors
    /// As [`Desk::import`] and [`Desk::import_roster`].
    pub fn planning(&self, tenant: &str, request: &ImportRequest, watch: Watch) -> Result<Planning> {
        Ok(Planning {
            import: self.import(tenant, request, watch)?,
            roster: self.import_roster(tenant)?,
            scratch: self.scratch(),
            masked: self.is_masked(tenant)?,
            tenant: tenant.to_owned(),
        })
    }
}

impl Planning {
    /// The plan and its rows. Reads the files twice.
    ///
    /// # Errors
    /// As [`Import::plan`]; what the disk reports.
    pub fn plan(self) -> Result<(ImportPlan, PlannedRows)> {
        let Self { tenant, import, roster, scratch, masked } = self;
        let mut absent = Vec::new();
        let mut plan = import.pass(1, PASSES).plan_with(roster.as_ref(), |kind, id| {
            absent.push((kind.to_owned(), id.to_owned()));
        })?;
        let folder = ScratchFolder::new(&scratch)?;
        let mut writer = PlanWriter::new(folder.scratch())?;
        match &roster {
            None => {
                import.entries(folder.scratch(), &absent, |entry, row| put(&mut writer, None, entry, row))
            }
            Some(roster) => roster.beside(|beside| {
                import.entries(folder.scratch(), &absent, |entry, row| {
                    put(&mut writer, Some(&mut *beside), entry, row)
                })
            }),
        }?;
        let rows = writer.end(&plan.format)?;
        if masked {
            plan.mask();
        }
        Ok((plan, PlannedRows { tenant, masked, rows, _folder: folder }))
    }
}

impl Import {
    /// Every entry that a run would send, told of as the second and the third pass.
    fn entries(
        &self,
        scratch: &cairn_imports::Scratch,
        removals: &[(String, String)],
        mut each: impl FnMut(Entry<'_>, Option<u64>) -> Result<()>,
    ) -> Result<()> {
        let beside = self.watch().pass(3, PASSES);
        let mut met = 0;
        self.pass(2, PASSES).each_entry(scratch, removals, |entry, row| {
            met += 1;
            beside.met(met)?;
            each(entry, row)
        })
    }
}

/// Keeps an entry where it would change something.
fn put(
    writer: &mut PlanWriter,
    beside: Option<&mut Beside<'_>>,
    entry: Entry<'_>,
    row: Option<u64>,
) -> Result<()> {
    let (kind, id, after) = match entry {
        Entry::Put(record) => (record.kind, record.id, Some(record.values)),
        Entry::Remove { kind, id } => (kind, id, None),
    };
    let mut planned = |before: Option<&[(&str, &str)]>| {
        // A record to remove that is not there changes nothing.
        if before.is_none() && after.is_none() {
            return Ok(());
        }
        writer.put(Planned { kind, id, row, before, after }).map_err(ApiError::from)
    };
    match beside {
        Some(beside) => beside.differs(kind, id, after, planned),
        None => planned(None),
    }
}

impl LastPlan {
    /// Keeps the rows of a plan; those of the one before go.
    pub fn keep(&mut self, rows: PlannedRows) {
        self.0 = Some(rows);
    }

    /// Lets go of the rows: their key goes with them.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// A page of the rows of a tenant's plan.
    ///
    /// # Errors
    /// `no_plan` where the last plan is another tenant's or gone; what the disk reports.
    pub fn page(&mut self, tenant: &str, query: &PlanQuery) -> Result<PlanPage> {
        match self.0.as_mut().filter(|plan| plan.tenant == tenant) {
            Some(plan) => Ok(plan.rows.page(query, plan.masked)?),
            None => Err(fault("no_plan", "The rows of this plan are no longer at hand. Plan once more.")),
        }
    }
}
