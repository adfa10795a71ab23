//! Playbooks: versioned templates of a roll-out, written as TOML data files.
//!
//! A playbook says which phases a roll-out has, which checklist items and wizard steps there are,
//! who owns them, when they are due, what they wait for and which banners show when something is
//! missing. What differs between kinds of tenant is this data, never code (SPEC section 1).
//! `docs/playbooks.md` describes the format for people who write their own.
//!
//! [`parse`] is the only way from text to a [`Playbook`]; it refuses a bad file with line, column
//! and reason and never panics. [`built_in`] lists the playbooks that ship with Cairn, and
//! [`diff`] says what an upgrade from one version to the next would change.

mod built_in;
mod check;
mod diff;
mod fault;
mod read;
mod repeat;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::de::DeTable;

pub use built_in::{BuiltIn, built_in, built_in_by_key};
pub use diff::{EntryChange, FieldChange, PlaybookDiff, StepDiff, diff};
use fault::Fault;
pub use fault::{FaultCode, PlaybookError};

/// The largest source that is read, in bytes.
pub const MAX_SOURCE_BYTES: usize = 512 * 1024;
/// The most checklist items a playbook may have.
pub const MAX_ITEMS: usize = 20_000;
/// The most rollout modes a playbook may have.
pub const MAX_MODES: usize = 20;
/// The deepest nesting of items: an item without parent is at depth 1.
pub const MAX_DEPTH: usize = 5;
/// The most times that a repeated item may come.
pub const MAX_TIMES: u32 = 366;
/// The longest key, in characters.
pub const MAX_KEY_CHARS: usize = 64;
/// The longest text of one line (titles, links), in characters.
pub const MAX_LINE_CHARS: usize = 200;
/// The longest text of several lines (evidence, needs, summaries), in characters.
pub const MAX_PROSE_CHARS: usize = 4_000;
/// The most faults that [`parse_all`] reports for one file.
pub const MAX_FAULTS: usize = 100;

/// Health models that ship with Cairn (SPEC section 6).
pub const HEALTH_MODELS: &[&str] = &["schools", "clients"];

/// Screens that the action of a banner may open.
pub const SCREENS: &[&str] = &["checklist", "setup", "migration", "go-live", "diagnostics", "support"];

/// A versioned template of a roll-out. Made by [`parse`], so its keys are unique, every key it
/// mentions exists, and neither dependencies nor nesting go in a circle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Playbook {
    /// Name of the playbook, the same in all its versions.
    pub key: String,
    /// Version, from 1; a running project keeps the version it started with until upgraded.
    pub version: u32,
    /// What people call it.
    pub title: String,
    /// What it is for, in a sentence or two.
    pub summary: Option<String>,
    /// The kind of tenant it is for, such as `school-district`.
    pub tenant_kind: String,
    /// Name of the health model, one of [`HEALTH_MODELS`].
    pub health_model: String,
    /// What this playbook calls roles of Cairn: role to shown name. Roles not named keep theirs.
    pub roles: BTreeMap<String, String>,
    /// How long the whole roll-out usually takes.
    pub duration: Option<Duration>,
    /// Rollout modes in file order. Empty where there is no choice.
    pub modes: Vec<Mode>,
    /// Phases in the order of work.
    pub phases: Vec<Phase>,
    /// Checklist items in the order of work.
    pub items: Vec<Item>,
    /// Wizard steps in order.
    pub steps: Vec<Step>,
    /// Banners in order of urgency.
    pub banners: Vec<Banner>,
    /// Who signs what before the roll-out counts as accepted.
    pub sign_offs: Vec<SignOff>,
    /// Hex SHA-256 of the source; read it with [`Playbook::digest`].
    digest: String,
}

/// How long something usually takes, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// The short end, in days.
    pub min_days: u32,
    /// The long end, in days; never less than `min_days`.
    pub max_days: u32,
}

/// A rollout mode: picks items, steps and health metrics (SPEC section 1, seed 000 A1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mode {
    /// Name of the mode, unique in the playbook.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// When to choose it.
    pub summary: Option<String>,
    /// The fewest sites that take part, if the mode limits them.
    pub min_sites: Option<u32>,
    /// The most sites that take part, if the mode limits them.
    pub max_sites: Option<u32>,
    /// Health metrics that this mode looks at first, in order.
    pub metrics: Vec<String>,
    /// How long a roll-out in this mode usually takes; none where the playbook's own counts.
    #[serde(default)]
    pub duration: Option<Duration>,
}

/// A stretch of the roll-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Name of the phase, unique in the playbook.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// How long it usually takes, in days. None where it is not said, or differs by mode.
    pub days: Option<u32>,
    /// The same where it differs by mode: mode to days. Read with [`Phase::days_in`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days_by_mode: BTreeMap<String, u32>,
}

/// A line of the checklist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Name of the item, unique among the items of the playbook and kept across versions.
    pub key: String,
    /// The phase it belongs to; a nested item is in the phase of its parent.
    pub phase: String,
    /// The item it is nested in.
    pub parent: Option<String>,
    /// What is to be done.
    pub title: String,
    /// The role that should own it, a word of [`Role`](crate::access::Role). A suggestion; people may assign anyone.
    pub owner_role: String,
    /// Where it is explained: `https://...` or `guide:NAME#SECTION`.
    pub how_to: Option<String>,
    /// Due date in days relative to go-live; negative is before. None where it has no date, or the
    /// date differs by mode.
    pub due: Option<i32>,
    /// The same where it differs by mode: mode to days. Read with [`Item::due_in`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub due_by_mode: BTreeMap<String, i32>,
    /// Items that should be complete first. Dependencies warn, they never refuse.
    pub depends_on: Vec<String>,
    /// What shows that it is done.
    pub evidence: Option<String>,
    /// A number to reach.
    pub target: Option<Target>,
    /// Name of the telemetry check that proves it. An item with a check that is marked complete
    /// while the platform cannot be asked is "waiting to verify".
    pub check: Option<String>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// Effort in complexity points, 1 to 100.
    pub complexity: Option<u32>,
    /// How often it comes again.
    pub repeat: Option<Repeat>,
    /// Which time this is, where the file has one entry for several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The line of [`Playbook::sign_offs`] that is signed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_off: Option<String>,
    /// Modes that pick it; empty means every mode.
    pub modes: Vec<String>,
}

/// One time of an entry that the file repeats. Its item's key is `OF-N`, so that whoever reads the
/// same file names the same items, with or without a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Key of the entry in the file.
    pub of: String,
    /// Which time, counted from the entry's `first`.
    pub n: u32,
}

/// A number that an item has to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Which side of the value is good.
    pub bound: Bound,
    /// The number, finite.
    pub value: f64,
    /// What is counted, such as `%` or `seconds`.
    pub unit: String,
    /// Within how many hours it is to be reached, if there is a time.
    pub within_hours: Option<u32>,
}

/// Which side of a target is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value or more.
    AtLeast,
    /// The value or less.
    AtMost,
}

/// How much an item matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual.
    Medium,
    /// Before the others.
    High,
    /// Nothing goes live without it.
    Critical,
}

/// How often an item comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
}

impl Repeat {
    /// Days from one time to the next. A month counts as 30 days, as it does in `due`.
    pub fn days(self) -> i32 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
            Self::Monthly => 30,
        }
    }
}

impl Item {
    /// When it is due in `mode`, in days relative to go-live.
    pub fn due_in(&self, mode: Option<&str>) -> Option<i32> {
        self.due.or_else(|| self.due_by_mode.get(mode?).copied())
    }
}

impl Phase {
    /// How long it usually takes in `mode`, in days.
    pub fn days_in(&self, mode: Option<&str>) -> Option<u32> {
        self.days.or_else(|| self.days_by_mode.get(mode?).copied())
    }
}

/// A step of the setup wizard (SPEC section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Name of the step, unique among the steps of the playbook.
    pub key: String,
    /// What is set up.
    pub title: String,
    /// The role that takes it.
    pub owner_role: String,
    /// What one needs at hand to do it.
    pub needs: String,
    /// Where it is explained: `https://...` or `guide:NAME#SECTION`.
    pub how_to: Option<String>,
    /// Name of the telemetry check that proves it.
    pub check: Option<String>,
    /// Modes that pick it; empty means every mode.
    pub modes: Vec<String>,
}

/// A lasting notice that shows while all its conditions hold (SPEC section 2, seed 000 B2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Banner {
    /// Name of the banner; a dismissal remembers it.
    pub key: String,
    /// What is the matter.
    pub text: String,
    /// Label of its button.
    pub action: String,
    /// Where the button leads.
    pub opens: Opens,
    /// Roles that see it.
    pub audience: Vec<String>,
    /// Conditions that must all hold. A fact that is not known makes no condition hold.
    pub when: Vec<Condition>,
}

/// Where the button of a banner leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opens {
    /// A checklist item, by key.
    Item(String),
    /// A wizard step, by key.
    Step(String),
    /// A screen, one of [`SCREENS`].
    Screen(String),
}

/// A condition of a banner, over facts that may be unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A telemetry check has this answer.
    Check {
        /// Name of the check.
        check: String,
        /// The answer that makes the condition hold.
        is: bool,
    },
    /// A telemetry metric compares so.
    Metric {
        /// Name of the metric.
        metric: String,
        /// How the metric is compared with the value.
        comparison: Comparison,
        /// The value, finite.
        value: f64,
    },
    /// A checklist item is complete, or not.
    Item {
        /// Key of the item.
        item: String,
        /// Whether the condition holds when the item is complete or when it is not.
        complete: bool,
    },
}

/// How a metric is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// The metric is greater than the value.
    Above,
    /// The metric is less than the value.
    Below,
    /// The metric equals the value.
    Equals,
}

/// A line that somebody signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Name of the line, unique among the sign-offs of the playbook.
    pub key: String,
    /// What is signed.
    pub title: String,
    /// The role that signs.
    pub role: String,
    /// The phase at whose end it is signed; none means the end of the roll-out.
    pub phase: Option<String>,
}

impl Playbook {
    /// Items that `mode` picks, in file order. `None` (no mode chosen yet) gives all items; a mode
    /// the playbook does not have gives those that belong to every mode.
    pub fn items_for<'a>(&'a self, mode: Option<&'a str>) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(move |item| picked(&item.modes, mode))
    }

    /// Wizard steps that `mode` picks, in file order, by the same rule as [`Playbook::items_for`].
    pub fn steps_for<'a>(&'a self, mode: Option<&'a str>) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| picked(&step.modes, mode))
    }

    /// The item with this key, in whatever mode.
    pub fn item(&self, key: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.key == key)
    }

    /// The wizard step with this key, in whatever mode.
    pub fn step(&self, key: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.key == key)
    }

    /// How long a roll-out in `mode` usually takes: the mode's own duration, else the playbook's.
    pub fn duration_in(&self, mode: Option<&str>) -> Option<Duration> {
        mode.and_then(|key| self.mode(key)).and_then(|mode| mode.duration).or(self.duration)
    }

    /// The mode with this key.
    pub fn mode(&self, key: &str) -> Option<&Mode> {
        self.modes.iter().find(|mode| mode.key == key)
    }

    /// Lower-case hex SHA-256 of the source bytes: two playbooks are the same file exactly when
    /// their digests are equal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn picked(modes: &[String], mode: Option<&str>) -> bool {
    modes.is_empty() || mode.is_none_or(|mode| modes.iter().any(|m| m == mode))
}

/// Reads a playbook.
///
/// # Errors
/// The first fault of the file by line and column; [`parse_all`] gives them all.
pub fn parse(source: &str) -> Result<Playbook, PlaybookError> {
    read(source).map_err(|faults| {
        let first = faults.into_iter().min_by_key(|fault| (fault.at, fault.code));
        let unnamed = || Fault { at: 0, code: FaultCode::Syntax, message: "unreadable".to_owned() };
        first.unwrap_or_else(unnamed).locate(source)
    })
}

/// Reads a playbook, reporting every fault.
///
/// # Errors
/// The faults in the order of their places, at least one and at most [`MAX_FAULTS`]. Text that is
/// not TOML gives only its first fault; all other faults are found together.
pub fn parse_all(source: &str) -> Result<Playbook, Vec<PlaybookError>> {
    read(source).map_err(|mut faults| {
        faults.sort_by_key(|fault| (fault.at, fault.code));
        faults.into_iter().take(MAX_FAULTS).map(|fault| fault.locate(source)).collect()
    })
}

/// Reads and checks; on refusal there is at least one fault, in no order.
fn read(source: &str) -> Result<Playbook, Vec<Fault>> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("the file has {} bytes; the most is {MAX_SOURCE_BYTES}", source.len());
        return Err(vec![Fault { at: 0, code: FaultCode::TooLarge, message }]);
    }
    let document = DeTable::parse(source).map_err(|error| vec![syntax_fault(&error)])?;
    let digest = hex::encode(Sha256::digest(source.as_bytes()));
    shape::playbook(document.get_ref(), digest)
}

fn syntax_fault(error: &toml::de::Error) -> Fault {
    let at = error.span().map_or(0, |span| span.start);
    Fault { at, code: FaultCode::Syntax, message: error.message().to_owned() }
}
