//! Running imports: asking for one, what became of them, and taking one back.
//!
//! Everything here works offline: what is asked for is an op in the outbox, with its file, and the
//! service answers when it is reached (docs/adr/0013-import-run.md).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cairn_domain::access::Action;
use cairn_domain::change::Change;
use cairn_domain::import::{
    Import as Asked, ImportCounts, ImportExport, ImportLeft, ImportOutcome, ImportPlanned, ImportRecords,
    ImportRequest as Request, ImportRolledBack,
};
use cairn_domain::{OpId, TenantId, Time};
use cairn_imports::{Blob, BrokenReferences, Changes, Hold, Plan, outlined_id};
use cairn_protocol::{ApiError, code};
use cairn_store::roster::Roster;
use cairn_store::{Draft, OutboxState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use ts_rs::TS;

use crate::desk::{id, parse_op};
use crate::error::{Result, fault, store};
use crate::imports::{Import, ImportPlan, ImportRequest, Watch};
use crate::scratch::ScratchFolder;
use crate::views::rfc3339;
use crate::{Desk, Session, history};

/// The largest file that the service takes, in bytes.
const MOST_BYTES: u64 = 256 << 20;

/// How long a run waits for the service's answer while the service is reached.
const PATIENCE: Duration = Duration::from_secs(120);

/// Pauses between asking for an answer: the first are short, as most imports are, and the others long
/// enough that nobody is turned away for asking too often.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
}

/// What somebody agrees to by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct RunChoices {
    /// That much is updated or removed: what holds the plan.
    pub confirm_holds: bool,
    /// To remove the records that bulk files no longer hold. Never done unasked.
    pub remove_absent: bool,
    /// To import the other rows where some are rejected.
    pub leave_rejected: bool,
}

/// What an import did to the records of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct ImportDid {
    /// New.
    #[ts(type = "number")]
    pub create: u64,
    /// There before, now with other values.
    #[ts(type = "number")]
    pub update: u64,
    /// There before and after with the same values.
    #[ts(type = "number")]
    pub unchanged: u64,
    /// There before and now no more.
    #[ts(type = "number")]
    pub remove: u64,
}

impl From<ImportCounts> for ImportDid {
    fn from(counts: ImportCounts) -> Self {
        let ImportCounts { create, update, unchanged, remove } = counts;
        Self { create, update, unchanged, remove }
    }
}

/// By type.
pub type ImportDidByType = BTreeMap<String, ImportDid>;

/// An import that was asked for, in the shape of SPEC. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportRun {
    /// Its name.
    pub import: String,
    /// What it did, by type; none while it is queued.
    pub committed: Option<ImportDidByType>,
    /// Whether the service has not answered yet.
    pub queued: bool,
    /// Until when it can be taken back, RFC 3339; none while it is queued.
    pub rollback_until: Option<String>,
    /// Milliseconds it took; filled in by who holds the clock.
    #[ts(type = "number")]
    pub took_ms: u64,
    /// Records that the files no longer hold and that were left, because nobody asked to remove them.
    #[ts(type = "number")]
    pub left_absent: u64,
    /// Rows that were rejected and not imported.
    #[ts(type = "number")]
    pub left_rejected: u64,
    /// Bytes of the file with its records.
    #[ts(type = "number")]
    pub bytes: u64,
}

/// A record that a rollback left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LeftRecord {
    /// Its type.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// Why, in plain words.
    pub why: String,
}

/// An import that was taken back, in the shape of SPEC. Fields that SPEC does not name come last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportRollback {
    /// The import.
    pub import: String,
    /// Records that are again what they were before it; none while it is queued.
    #[ts(type = "number | null")]
    pub reversed: Option<u64>,
    /// Records that somebody changed since, the first ones.
    pub kept: Vec<LeftRecord>,
    /// Records whose state before it is gone, the first ones.
    pub failed: Vec<LeftRecord>,
    /// Whether the service has not answered yet.
    pub queued: bool,
    /// Whether it was taken back before it was imported, so that nothing had to be reversed.
    pub withdrawn: bool,
    /// How many were kept.
    #[ts(type = "number")]
    pub kept_count: u64,
    /// How many failed.
    #[ts(type = "number")]
    pub failed_count: u64,
    /// What was done to the records, by type.
    pub types: ImportDidByType,
    /// Milliseconds it took; filled in by who holds the clock.
    #[ts(type = "number")]
    pub took_ms: u64,
}

impl ImportRollback {
    /// Shows ids as outlines: some are addresses.
    fn mask(&mut self, format: &str) {
        for left in self.kept.iter_mut().chain(&mut self.failed) {
            left.id = outlined_id(format, &left.r#type, &left.id);
        }
    }
}

/// What is done with an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ImportDoing {
    /// Its file goes to the service.
    Send,
    /// The service makes its records ready, and shows them all at once.
    Stage,
    /// Its file comes from there.
    Fetch,
    /// Its records become those of the roster here.
    Apply,
}

/// How far an import is with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportUnderway {
    /// What is done.
    pub doing: ImportDoing,
    /// Bytes of the file that have arrived; where it is staged or applied, records.
    #[ts(type = "number")]
    pub done: u64,
    /// All of them.
    #[ts(type = "number")]
    pub total: u64,
}

/// The import that is under way, by its file, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Underway {
    pub(crate) tenant: TenantId,
    pub(crate) sha256: String,
    pub(crate) far: ImportUnderway,
}

/// An import in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ImportRow {
    /// Its name.
    pub id: String,
    /// What the files were called.
    pub source: String,
    /// Their format.
    pub format: String,
    /// `strict` or `tolerant`.
    pub rules: String,
    /// Who asked for it.
    pub by: String,
    /// When, by their clock.
    pub at: String,
    /// `queued` (not sent), `requested` (the service has not answered), `committed`, `refused`,
    /// `rollback_queued`, `rollback_requested`, `rolled_back`, `withdrawn` (taken back before it was
    /// imported).
    pub state: String,
    /// Records of its file.
    #[ts(type = "number")]
    pub records: u64,
    /// What it did, by type; none where it was not committed.
    pub committed: Option<ImportDidByType>,
    /// The revision of the roster that it made.
    #[ts(type = "number | null")]
    pub revision: Option<u64>,
    /// Until when it can be taken back, RFC 3339.
    pub rollback_until: Option<String>,
    /// Whether it can be taken back now, as far as this computer knows.
    pub can_roll_back: bool,
    /// Why it was refused, or the rollback that was asked for.
    pub reason: Option<String>,
    /// How the rollback ended.
    pub rolled_back: Option<ImportRollback>,
    /// Whether the roster on this computer has it.
    pub here: bool,
    /// What is done with it now, and how far it is.
    pub underway: Option<ImportUnderway>,
}

/// An import that is about to be asked for, apart from the desk.
pub struct Run {
    tenant: TenantId,
    import: Import,
    roster: Option<Roster>,
    scratch: PathBuf,
    source: String,
    choices: RunChoices,
}

/// An import with its file, ready to be asked for.
pub struct Ready {
    tenant: TenantId,
    request: Request,
    file: Vec<u8>,
    left_absent: u64,
    left_rejected: u64,
}

/// An import that was asked for on this computer.
pub struct Queued {
    tenant: TenantId,
    import: OpId,
    run: ImportRun,
}

impl Desk {
    /// An import that this person may run. Reads the mapping file and opens the roster, nothing else yet.
    ///
    /// # Errors
    /// `not_allowed`; as [`Desk::import`] and [`Desk::import_roster`].
    pub fn import_run(
        &self,
        tenant: &str,
        request: &ImportRequest,
        choices: RunChoices,
        watch: Watch,
    ) -> Result<Run> {
        let import = self.import(tenant, request, watch)?;
        let tenant_id = id(&self.tenant(tenant)?)?;
        self.may_import(&tenant_id)?;
        Ok(Run {
            roster: self.import_roster(tenant)?,
            tenant: tenant_id,
            import,
            scratch: self.scratch(),
            source: source_of(&request.path),
            choices,
        })
    }

    fn may_import(&self, tenant: &TenantId) -> Result<()> {
        if self.may(tenant, Action::RunImports) {
            return Ok(());
        }
        let message = "Your role may not import here. Ask an implementation specialist or manager.";
        Err(fault(code::NOT_ALLOWED, message))
    }

    /// Asks for an import: its op and its file, in one transaction.
    ///
    /// # Errors
    /// `lease_expired`, `not_allowed`; what the store reports.
    pub fn queue_import(&mut self, ready: Ready, now: Time) -> Result<Queued> {
        self.within_lease(now)?;
        let Ready { tenant, request, file, left_absent, left_rejected } = ready;
        let bytes = request.bytes;
        let written = self.store.request_import(&tenant, request, &file, now).map_err(store)?;
        let run = ImportRun {
            import: written.op.to_string(),
            committed: None,
            queued: true,
            rollback_until: None,
            took_ms: 0,
            left_absent,
            left_rejected,
            bytes,
        };
        Ok(Queued { tenant, import: written.op, run })
    }

    /// Notes for the audit that rejected rows of a file were written to another.
    ///
    /// # Errors
    /// `unknown_tenant`; what the store reports.
    pub fn note_rejected_export(&mut self, tenant: &str, file: &str, rows: u64, now: Time) -> Result<()> {
        let tenant = id(&self.tenant(tenant)?)?;
        let what = ImportExport::Rejected;
        self.note_export(&tenant, Change::ImportExported { what, source: file.to_owned(), rows }, now)
    }

    /// Notes for the audit that the report of an import was written to a file.
    ///
    /// # Errors
    /// `unknown_import`; what the store reports.
    pub fn note_report(&mut self, import: &str, now: Time) -> Result<()> {
        let import = parse_op(import)?;
        let Some(asked) = self.asked(&import.tenant, &import)? else { return Ok(()) };
        let (source, rows) = (asked.request.source.clone(), asked.request.rows());
        let change = Change::ImportExported { what: ImportExport::Report, source, rows };
        self.note_export(&import.tenant, change, now)
    }

    /// Who may not write, or whose offline access has run out, may export all the same.
    fn note_export(&mut self, tenant: &TenantId, change: Change, now: Time) -> Result<()> {
        if !self.may(tenant, Action::Comment) || self.within_lease(now).is_err() {
            return Ok(());
        }
        self.store.write(tenant, Draft::new(change), now).map(drop).map_err(store)
    }

    /// How an import that was asked for here stands.
    ///
    /// # Errors
    /// What the service refused it with.
    pub fn import_answer(&self, queued: &Queued) -> Result<ImportRun> {
        let mut run = queued.run.clone();
        self.not_refused(&queued.import)?;
        match self.asked(&queued.tenant, &queued.import)?.and_then(|import| import.outcome) {
            None => Ok(run),
            Some(ImportOutcome::Refused(refused)) => {
                let details = json!({ "import": queued.import });
                Err(ApiError { code: refused.code, message: refused.message, details })
            }
            Some(ImportOutcome::Committed(committed)) => {
                run.queued = false;
                run.committed = Some(did(&committed.counts));
                run.rollback_until = Some(rfc3339(committed.rollback_until));
                Ok(run)
            }
        }
    }

    pub(crate) fn asked(&self, tenant: &TenantId, import: &OpId) -> Result<Option<Asked>> {
        Ok(self.store.imports(tenant).map_err(store)?.into_iter().find(|one| one.id == *import))
    }

    /// The file of the import that the service carries out next, and its records.
    pub(crate) fn staged_import(&self, tenant: &str) -> Result<Option<(TenantId, String, u64)>> {
        let tenant = id(&self.tenant(tenant)?)?;
        let pending = self.pending_imports(&tenant)?;
        let imports = self.store.imports(&tenant).map_err(store)?;
        let mut asked = imports.iter().filter(|one| one.is_open() && !pending.contains(&one.id));
        Ok(asked.next().map(|one| (tenant, one.request.blob.clone(), one.request.rows())))
    }

    /// The refusal of an own op, where the service refused it.
    fn not_refused(&self, op: &OpId) -> Result<()> {
        let ops = self.store.outbox(Some(&op.tenant)).map_err(store)?;
        let refused = ops.iter().find(|one| one.op == *op && one.state == OutboxState::Quarantined);
        match refused.and_then(history::refusal_of) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// The imports of a tenant, newest first; `underway` is what [`Session::underway`] says.
    ///
    /// # Errors
    /// `unknown_tenant`; what the store reports.
    pub fn imports(&self, tenant: &str, now: Time, underway: Option<&Underway>) -> Result<Vec<ImportRow>> {
        let tenant = id(&self.tenant(tenant)?)?;
        let names = self.names()?;
        let here = self.store.roster_state(&tenant).map_err(store)?.map_or(0, |state| state.revision);
        let pending = self.pending_imports(&tenant)?;
        let is_masked = !self.may(&tenant, Action::RunImports);
        let mut imports = self.store.imports(&tenant).map_err(store)?;
        imports.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let mut rows = Vec::with_capacity(imports.len());
        for import in &imports {
            let mut row = row(import, &pending, here, now);
            row.by = names.of(&import.by);
            if is_masked && let Some(rolled_back) = &mut row.rolled_back {
                rolled_back.mask(&import.request.format);
            }
            row.can_roll_back &= !is_masked;
            let is_its = |one: &&Underway| one.tenant == tenant && one.sha256 == import.request.blob;
            row.underway = underway.filter(is_its).map(|one| one.far);
            rows.push(row);
        }
        Ok(rows)
    }

    /// Imports whose request, or whose rollback, has not left this computer.
    fn pending_imports(&self, tenant: &TenantId) -> Result<BTreeSet<OpId>> {
        let ops = self.store.outbox(Some(tenant)).map_err(store)?;
        let pending = ops.into_iter().filter(|op| op.state == OutboxState::Pending);
        Ok(pending
            .filter_map(|op| match op.body.change {
                Change::ImportRequested(_) => Some(op.op),
                Change::ImportRollbackRequested { import } => Some(import),
                _ => None,
            })
            .collect())
    }

    /// Asks to take an import back. One that the service has not carried out yet will not be.
    ///
    /// # Errors
    /// `unknown_import`, `import_not_committed`, `already_rolled_back`, `not_allowed`, `lease_expired`.
    pub fn queue_rollback(&mut self, import: &str, now: Time) -> Result<(OpId, OpId)> {
        self.within_lease(now)?;
        let import = parse_op(import)?;
        let tenant = id(&self.tenant(import.tenant.as_str())?)?;
        let change = Change::ImportRollbackRequested { import: import.clone() };
        let written = self.store.write(&tenant, Draft::new(change), now).map_err(store)?;
        Ok((import, written.op))
    }

    /// How a rollback that was asked for here stands; `op` is what asked for it.
    ///
    /// # Errors
    /// What the service refused it with, such as `rollback_too_late`.
    pub fn rollback_answer(&self, import: &OpId, op: &OpId) -> Result<ImportRollback> {
        self.not_refused(op)?;
        let asked = self.asked(&import.tenant, import)?;
        if asked.as_ref().is_some_and(Asked::is_withdrawn) {
            return Ok(ImportRollback {
                reversed: Some(0),
                queued: false,
                withdrawn: true,
                ..rollback(import, None)
            });
        }
        Ok(rollback(import, asked.and_then(|one| one.rolled_back).as_ref()))
    }
}

impl Run {
    /// Checks and plans, and makes the file that is uploaded. Reads the files twice.
    ///
    /// # Errors
    /// `import_not_clean` where rows are rejected and `import_held` where much would change, unless the
    /// choices say so; `import_empty` where nothing is left; as [`Import::plan`].
    pub fn prepare(&self) -> Result<Ready> {
        let mut absent = Vec::new();
        let plan = self.import.pass(1, 2).plan_with(self.roster.as_ref(), |kind, id| {
            absent.push((kind.to_owned(), id.to_owned()));
        })?;
        self.agreed(&plan, &absent)?;
        let removals = if self.choices.remove_absent { absent.as_slice() } else { &[] };
        let mut file = Vec::new();
        let blob = self.blob(removals, &mut file)?;
        let records = records_of(&blob);
        if records.values().all(|of| of.put + of.remove == 0) {
            return Err(fault("import_empty", "No record is left to import."));
        }
        if blob.bytes > MOST_BYTES {
            let message = format!(
                "The import has {} bytes even packed; the service takes {MOST_BYTES}. Split it by files.",
                blob.bytes
            );
            return Err(fault("import_limit", message));
        }
        Ok(Ready {
            tenant: self.tenant.clone(),
            request: Request {
                blob: blob.sha256,
                bytes: blob.bytes,
                source: self.source.clone(),
                format: plan.format,
                rules: plan.profile,
                records,
                planned: self.planned(&plan.plan),
                holds_confirmed: self.choices.confirm_holds,
                broken: self.broken(&plan.plan),
            },
            file,
            left_absent: (absent.len() - removals.len()) as u64,
            left_rejected: plan.totals.rejected,
        })
    }

    /// What the plan says that is agreed to.
    fn planned(&self, plan: &Plan) -> BTreeMap<String, ImportPlanned> {
        let of = plan.types.iter().map(|(kind, changes)| {
            let stays = if self.choices.remove_absent { 0 } else { changes.absent };
            let Changes { create, update, remove, .. } = *changes;
            (kind.clone(), ImportPlanned { create, update, remove: remove - stays })
        });
        of.collect()
    }

    /// References that lead nowhere by the plan. Where there are any, somebody has agreed to them.
    fn broken(&self, plan: &Plan) -> u64 {
        let one = |of: &BrokenReferences| if self.choices.remove_absent { of.with_absent } else { of.count };
        plan.broken.iter().map(one).sum()
    }

    /// Holds that nobody confirmed, and rows that nobody agreed to leave, end it here.
    fn agreed(&self, plan: &ImportPlan, absent: &[(String, String)]) -> Result<()> {
        if !plan.files_can_proceed && !self.choices.leave_rejected {
            let message = format!(
                "{} of {} rows are rejected. Mend the files, or say that the other rows are to be imported without them.",
                plan.totals.rejected, plan.totals.rows
            );
            let details = json!({ "rejected": plan.totals.rejected, "rows": plan.totals.rows });
            return Err(ApiError { details, ..fault("import_not_clean", message) });
        }
        // What is only absent is removed where somebody asks for it. The pilot's limit is for the service
        // to judge, which may have been given another one since the sign-in.
        let is_meant = |hold: &&Hold| {
            let is_absent = || absent.iter().any(|(kind, _)| *kind == hold.kind_of_record);
            let is_asked = hold.kind != "remove" || self.choices.remove_absent || !is_absent();
            is_asked && hold.kind != Hold::PILOT
        };
        let holds =
            if self.choices.remove_absent { plan.plan.holds_with_absent() } else { plan.plan.holds.clone() };
        let holds: Vec<&Hold> = holds.iter().filter(is_meant).collect();
        if self.choices.confirm_holds || holds.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = holds.iter().map(|hold| hold_in_words(hold)).collect();
        let message = format!("{}. Look at the plan, and confirm it if that is meant.", words.join("; "));
        Err(ApiError { details: json!({ "holds": holds }), ..fault("import_held", message) })
    }

    fn blob(&self, removals: &[(String, String)], file: &mut Vec<u8>) -> Result<Blob> {
        let folder = ScratchFolder::new(&self.scratch)?;
        self.import.pass(2, 2).blob(folder.scratch(), removals, file)
    }
}

/// What a hold is about, as the beginning of a sentence.
pub fn hold_in_words(hold: &Hold) -> String {
    let (kind, share) = (&hold.kind_of_record, hold.share);
    match (hold.kind.as_str(), &hold.column) {
        (Hold::REFERENCES, Some(column)) => {
            format!("{share:.0} of {column} in {kind} would lead to records that are not there")
        }
        ("remove", _) => format!("{:.0} % of {kind} would be removed", share * 100.0),
        _ => format!("{:.0} % of {kind} would be updated", share * 100.0),
    }
}

fn records_of(blob: &Blob) -> BTreeMap<String, ImportRecords> {
    let of = blob.records.iter();
    of.map(|(kind, held)| (kind.clone(), ImportRecords { put: held.put, remove: held.remove })).collect()
}

fn source_of(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name: String = name.unwrap_or_else(|| path.display().to_string()).chars().take(200).collect();
    if name.trim().is_empty() { "files".to_owned() } else { name }
}

pub(crate) fn did(counts: &BTreeMap<String, ImportCounts>) -> ImportDidByType {
    counts.iter().map(|(kind, counts)| (kind.clone(), (*counts).into())).collect()
}

fn rollback(import: &OpId, rolled_back: Option<&ImportRolledBack>) -> ImportRollback {
    let list = |left: &[ImportLeft]| {
        let one = |left: &ImportLeft| LeftRecord {
            r#type: left.r#type.clone(),
            id: left.id.clone(),
            why: left.why.clone(),
        };
        left.iter().map(one).collect()
    };
    ImportRollback {
        import: import.to_string(),
        reversed: rolled_back.map(ImportRolledBack::reversed),
        kept: rolled_back.map(|back| list(&back.kept)).unwrap_or_default(),
        failed: rolled_back.map(|back| list(&back.failed)).unwrap_or_default(),
        queued: rolled_back.is_none(),
        withdrawn: false,
        kept_count: rolled_back.map_or(0, |back| back.kept_count),
        failed_count: rolled_back.map_or(0, |back| back.failed_count),
        types: rolled_back.map(|back| did(&back.counts)).unwrap_or_default(),
        took_ms: 0,
    }
}

fn row(import: &Asked, pending: &BTreeSet<OpId>, here: u64, now: Time) -> ImportRow {
    let is_pending = pending.contains(&import.id);
    let committed = import.committed();
    let state = match &import.outcome {
        None if import.rollback_asked && is_pending => "rollback_queued",
        None if import.rollback_asked => "rollback_requested",
        None if is_pending => "queued",
        None => "requested",
        Some(ImportOutcome::Refused(_)) if import.is_withdrawn() => "withdrawn",
        Some(ImportOutcome::Refused(_)) => "refused",
        Some(_) if import.rolled_back.is_some() => "rolled_back",
        Some(_) if import.rollback_asked && is_pending => "rollback_queued",
        Some(_) if import.rollback_asked => "rollback_requested",
        Some(_) => "committed",
    };
    let reason = match &import.outcome {
        Some(ImportOutcome::Refused(refused)) => Some(refused.message.clone()),
        _ => None,
    };
    ImportRow {
        id: import.id.to_string(),
        source: import.request.source.clone(),
        format: import.request.format.clone(),
        rules: import.request.rules.clone(),
        by: import.by.to_string(),
        at: rfc3339(import.at),
        state: state.to_owned(),
        records: import.request.rows(),
        committed: committed.map(|committed| did(&committed.counts)),
        revision: committed.map(|committed| committed.revision),
        rollback_until: committed.map(|committed| rfc3339(committed.rollback_until)),
        can_roll_back: match state {
            "queued" | "requested" => true,
            "committed" => committed.is_some_and(|one| now <= one.rollback_until),
            _ => false,
        },
        reason,
        rolled_back: import.rolled_back.as_ref().map(|back| rollback(&import.id, Some(back))),
        here: committed.is_some_and(|committed| committed.revision <= here),
        underway: None,
    }
}

/// An error of a sync after which what was asked for waits for the next one.
fn waits(error: &ApiError) -> bool {
    matches!(
        error.code.as_str(),
        code::UNREACHABLE
            | code::RATE_LIMITED
            | code::INTERNAL
            | code::TOO_LARGE
            | code::BAD_NONCE
            | "sync_busy"
    )
}

impl Session {
    /// Runs an import from files to the service's answer, or to the outbox where the service is not
    /// reached: then it is `queued`, and a later sync brings it there. `took_ms` is left to who holds the
    /// clock.
    ///
    /// # Errors
    /// As [`Desk::import_run`], [`Run::prepare`] and [`Desk::import_answer`].
    pub async fn run_import(
        &self,
        tenant: &str,
        request: &ImportRequest,
        choices: RunChoices,
        watch: Watch,
        clock: &(dyn Fn() -> Time + Sync),
    ) -> Result<ImportRun> {
        let ready = self.signed_in(|desk| desk.import_run(tenant, request, choices, watch))?.prepare()?;
        let queued = self.signed_in(|desk| desk.queue_import(ready, clock()))?;
        let (tenant, is_queued) = (queued.tenant.clone(), |run: &ImportRun| run.queued);
        self.until_answered(&tenant, clock, is_queued, |desk| desk.import_answer(&queued)).await
    }

    /// Takes an import back, or queues that where the service is not reached.
    ///
    /// # Errors
    /// As [`Desk::queue_rollback`] and [`Desk::rollback_answer`].
    pub async fn roll_import_back(
        &self,
        import: &str,
        clock: &(dyn Fn() -> Time + Sync),
    ) -> Result<ImportRollback> {
        let (import, op) = self.signed_in(|desk| desk.queue_rollback(import, clock()))?;
        let tenant = op.tenant.clone();
        self.until_answered(
            &tenant,
            clock,
            |back: &ImportRollback| back.queued,
            |desk| desk.rollback_answer(&import, &op),
        )
        .await
    }

    /// Syncs until the answer is no longer `queued`, as long as the service is reached and patience lasts:
    /// what is large takes several syncs to send, and the service a while to carry out.
    #[allow(clippy::disallowed_methods, reason = "the pause is for the service, no test waits for it")]
    async fn until_answered<T>(
        &self,
        tenant: &TenantId,
        clock: &(dyn Fn() -> Time + Sync),
        queued: impl Fn(&T) -> bool,
        answer: impl Fn(&Desk) -> Result<T>,
    ) -> Result<T> {
        let (started, mut pauses) = (Instant::now(), pauses());
        loop {
            let synced = match self.sync(clock).await {
                Err(error) if !waits(&error) => return Err(error),
                synced => synced.is_ok(),
            };
            let answer = self.signed_in(|desk| answer(desk))?;
            if !synced || !queued(&answer) || started.elapsed() > PATIENCE {
                return Ok(answer);
            }
            tokio::time::sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
            // How far it is, is nothing that an answer waits for.
            let _ = self.look_at_staging(tenant.as_str()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_an_import_does_not_ask_too_often() {
        let within = |time: Duration| {
            let times = pauses().scan(Duration::ZERO, |sum, pause| {
                *sum += pause;
                Some(*sum)
            });
            times.take_while(|sum| *sum < time).count()
        };
        // The service takes 1,200 requests a minute of a device.
        assert!(within(Duration::from_secs(60)) < 150 && within(Duration::from_millis(100)) >= 3);
    }
}
