//! Imports of a tenant's roster: what is asked for, what the service answers, and how they stand.
//!
//! An import is named after the op that asked for it. The records themselves are no cells: they lie in
//! a blob, and in rosters that are made of blobs. The journal says which blobs, in which order
//! (docs/adr/0013-import-run.md).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cell::{CellKey, Cells, field};
use crate::id::{AccountId, Entity, OpId};
use crate::{Hash, Time};

/// How long after its commit an import can be taken back, in days.
pub const ROLLBACK_DAYS: i64 = 7;
/// The code of the service's answer to an import that was taken back before it was carried out.
pub const WITHDRAWN: &str = "withdrawn";
/// Records of one import while a tenant is in its pilot, unless the service was started otherwise.
pub const PILOT_ROWS: u64 = 500;
/// The limit where a service has not said one.
pub fn pilot_rows() -> u64 {
    PILOT_ROWS
}

/// The rollout mode in which that limit holds.
const PILOT: &str = "pilot";
/// The most records that an answer names one by one; it counts the others.
pub const MOST_LEFT: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    /// SHA-256 of the blob with the records, 64 lower-case hex digits.
    pub blob: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What people call the files, e.g. the folder's name.
    pub source: String,
    /// The format of the files, such as `oneroster-1.1`.
    pub format: String,
    /// `strict` or `tolerant`.
    pub rules: String,
    /// What the blob holds of each type.
    pub records: BTreeMap<String, ImportRecords>,
    /// What its author's plan said that it would do, by type; none where nobody planned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub planned: BTreeMap<String, ImportPlanned>,
    /// Somebody agreed that much is updated or removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds_confirmed: bool,
    /// How many references its author's plan said would lead nowhere, where somebody agreed to that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub broken: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ImportRequest {
    /// All records of the blob.
    pub fn rows(&self) -> u64 {
        self.records.values().fold(0, |sum, of| sum.saturating_add(of.put).saturating_add(of.remove))
    }
}

/// What a blob holds of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecords {
    /// To create or to replace.
    pub put: u64,
    /// To remove.
    pub remove: u64,
}

/// What took data of an import off the computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportExport {
    /// Rejected rows with their reasons, to a file.
    Rejected,
    /// The signed report of an import, to a file.
    Report,
}

/// What an import is to do to the records of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPlanned {
    /// New.
    pub create: u64,
    /// There before, with other values.
    pub update: u64,
    /// There before and to be no more.
    pub remove: u64,
}

/// What an import did to the records of a type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// New.
    pub create: u64,
    /// There before, now with other values.
    pub update: u64,
    /// There before and after with the same values, whether the files hold them or not.
    pub unchanged: u64,
    /// There before and now no more.
    pub remove: u64,
}

impl ImportCounts {
    /// What was done, as a plan says it.
    pub fn done(self) -> ImportPlanned {
        ImportPlanned { create: self.create, update: self.update, remove: self.remove }
    }

    /// How many records are not what they were.
    pub fn changed(self) -> u64 {
        self.create.saturating_add(self.update).saturating_add(self.remove)
    }
}

/// The service made an import visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCommitted {
    /// The revision of the roster that it is.
    pub revision: u64,
    /// What it did, by type.
    pub counts: BTreeMap<String, ImportCounts>,
    /// The digest of the roster after it.
    pub digest: Hash,
    /// Until when it can be taken back, by the service's clock.
    pub rollback_until: Time,
}

/// Why the service did not take an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRefused {
    /// E.g. `pilot_limit`, `import_held`, `import_damaged`.
    pub code: String,
    /// One plain sentence.
    pub message: String,
}

/// A record that a rollback left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportLeft {
    /// Its type.
    pub r#type: String,
    /// Its id.
    pub id: String,
    /// Why, in plain words.
    pub why: String,
}

/// The service took an import back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRolledBack {
    /// The revision of the roster that the rollback is.
    pub revision: u64,
    /// The revision that it took back.
    pub takes_back: u64,
    /// What it did to the records, by type: one that the import created is removed.
    pub counts: BTreeMap<String, ImportCounts>,
    /// Records that somebody changed since, or that others name by now: the first ones.
    pub kept: Vec<ImportLeft>,
    /// How many there are.
    pub kept_count: u64,
    /// Records whose state before the import is gone: the first ones.
    pub failed: Vec<ImportLeft>,
    /// How many there are.
    pub failed_count: u64,
    /// The digest of the roster after it.
    pub digest: Hash,
    /// Whether records were kept that others name by now. Rollbacks of before there was that rule say
    /// nothing, and are made again without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_named: bool,
}

impl ImportRolledBack {
    /// How many records are again what they were before the import.
    pub fn reversed(&self) -> u64 {
        self.counts.values().fold(0, |sum, counts| sum.saturating_add(counts.changed()))
    }
}

/// What an import's `outcome` cell holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportOutcome {
    /// It stands.
    Committed(ImportCommitted),
    /// It was not taken.
    Refused(ImportRefused),
}

/// An import as the cells tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The op that asked for it.
    pub id: OpId,
    /// What was asked for.
    pub request: ImportRequest,
    /// By whom.
    pub by: AccountId,
    /// The author's clock.
    pub at: Time,
    /// What the service answered; none while it has not.
    pub outcome: Option<ImportOutcome>,
    /// Whether somebody asked to take it back.
    pub rollback_asked: bool,
    /// How that ended; none while it has not.
    pub rolled_back: Option<ImportRolledBack>,
}

impl Import {
    /// The import of this name, if the cells hold it.
    pub fn read(cells: &Cells, id: &OpId) -> Option<Self> {
        let kept = cells.get(&key(id, field::REQUESTED))?.winner()?.1;
        Some(Self {
            id: id.clone(),
            request: serde_json::from_value(kept.value.clone()).ok()?,
            by: kept.by.clone(),
            at: kept.at,
            outcome: value(cells, id, field::OUTCOME),
            rollback_asked: value(cells, id, field::ROLLBACK).unwrap_or(false),
            rolled_back: value(cells, id, field::ROLLED_BACK),
        })
    }

    /// What was committed, if it was.
    pub fn committed(&self) -> Option<&ImportCommitted> {
        match &self.outcome {
            Some(ImportOutcome::Committed(committed)) => Some(committed),
            _ => None,
        }
    }

    /// Whether the service has not answered the request.
    pub fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it was taken back before the service carried it out, which has not answered that yet.
    pub fn is_withdrawal_open(&self) -> bool {
        self.is_open() && self.rollback_asked
    }

    /// Whether it was taken back before the service carried it out.
    pub fn is_withdrawn(&self) -> bool {
        matches!(&self.outcome, Some(ImportOutcome::Refused(refused)) if refused.code == WITHDRAWN)
    }

    /// Whether a rollback was asked for that the service has not carried out.
    pub fn is_rollback_open(&self) -> bool {
        self.committed().is_some() && self.rollback_asked && self.rolled_back.is_none()
    }
}

/// Whether the cells hold a project that is rolled out as a pilot and not completed.
pub fn is_pilot(cells: &Cells) -> bool {
    let is = |entity: &Entity, name: &str, text: &str| {
        let cell = cells.get(&CellKey::new(entity.clone(), name)).and_then(|cell| cell.winner());
        cell.is_some_and(|(_, kept)| kept.value.as_str() == Some(text))
    };
    let modes = cells.keys().filter(|key| key.field == field::MODE).map(|key| &key.entity);
    modes.into_iter().any(|of| is(of, field::MODE, PILOT) && !is(of, field::STATUS, "completed"))
}

/// The prefix of the keys of all projects' cells, which tell whether there is a pilot.
pub const PROJECTS: &str = "project/";

/// The prefix of the keys of all imports' cells.
pub const CELLS: &str = "import/";

/// All imports in the cells, in the order of their names.
pub fn imports(cells: &Cells) -> Vec<Import> {
    let ids = cells.keys().filter_map(|key| match &key.entity {
        Entity::Import(id) if key.field == field::REQUESTED => Some(id),
        _ => None,
    });
    ids.filter_map(|id| Import::read(cells, id)).collect()
}

/// A step of a roster's way: what made a revision of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The records of an import's blob were put.
    Import(ImportRequest),
    /// The import's revision was taken back.
    RollBack {
        /// That revision.
        takes_back: u64,
        /// The format of its import, where records that others name were kept.
        naming: Option<String>,
    },
}

/// A revision of a roster as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterRevision {
    /// Its number.
    pub number: u64,
    /// The import that it is, or takes back.
    pub import: OpId,
    /// What made it.
    pub step: Step,
    /// The digest after it.
    pub digest: Hash,
}

impl RosterRevision {
    /// The name of a revision in rosters: a rollback is not the import that it takes back.
    pub fn name(&self) -> String {
        match self.step {
            Step::Import(_) => self.import.to_string(),
            Step::RollBack { .. } => format!("{} rolled back", self.import),
        }
    }
}

/// Whether an import puts just the records that the revision before it put: then all of them stand, and
/// nobody needs its file.
pub fn repeats(before: Option<&RosterRevision>, request: &ImportRequest) -> bool {
    match before.map(|before| &before.step) {
        Some(Step::Import(last)) => (&last.blob, &last.records) == (&request.blob, &request.records),
        Some(Step::RollBack { .. }) | None => false,
    }
}

/// The revisions of a roster, from the first.
pub fn revisions(imports: &[Import]) -> Vec<RosterRevision> {
    let mut all = Vec::new();
    for import in imports {
        let Some(committed) = import.committed() else { continue };
        all.push(RosterRevision {
            number: committed.revision,
            import: import.id.clone(),
            step: Step::Import(import.request.clone()),
            digest: committed.digest,
        });
        all.extend(import.rolled_back.as_ref().map(|back| RosterRevision {
            number: back.revision,
            import: import.id.clone(),
            step: Step::RollBack {
                takes_back: back.takes_back,
                naming: back.keeps_named.then(|| import.request.format.clone()),
            },
            digest: back.digest,
        }));
    }
    all.sort_by_key(|revision| revision.number);
    all
}

/// The key of a cell of an import.
pub fn key(id: &OpId, field: &str) -> CellKey {
    CellKey::new(Entity::Import(id.clone()), field)
}

fn value<T: DeserializeOwned>(cells: &Cells, id: &OpId, field: &str) -> Option<T> {
    let kept = cells.get(&key(id, field))?.winner()?.1;
    serde_json::from_value(kept.value.clone()).ok()
}
