//! Starting projects, and what a playbook contains.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::LazyLock;

use cairn_domain::ProjectId;
use cairn_domain::Time;
use cairn_domain::change::{Change, PlaybookRef};
use cairn_domain::checklist;
use cairn_domain::playbook::{self, Mode, Playbook, PlaybookError};
use serde_json::json;

use crate::Desk;
use crate::api::{
    DaySpan, ModeChoice, OpenedPlaybook, PlaybookCheck, PlaybookChoice, PlaybookFacts, PlaybookProblem,
    Written,
};
use crate::desk::id;
use crate::error::{Result, fault};

/// Larger files are not even read as playbooks, in bytes; the reader refuses less than that.
const LARGEST_FILE: u64 = 4 << 20;

impl Desk {
    /// Starts a project from a playbook: the key of a built-in one, or a file's source.
    ///
    /// # Errors
    /// `bad_playbook` with line and column, `unknown_playbook`, `unknown_mode`.
    pub fn start_project(
        &mut self,
        tenant: &str,
        source: &str,
        mode: Option<String>,
        go_live: Option<String>,
        now: Time,
    ) -> Result<Written> {
        let row = self.tenant(tenant)?;
        let loaded = self.load(&id(&row)?, None)?;
        let book = read_book(source)?;
        let mode = mode.or_else(|| default_mode(&book));
        let same =
            checklist::projects(&loaded.cells).into_iter().filter(|p| p.id.playbook == book.key).count();
        let n = u32::try_from(same).map_err(|_| fault("too_many", "There are too many projects."))?;
        let change = Change::ProjectStarted {
            project: ProjectId { playbook: book.key.clone(), n },
            playbook: named(&book),
            source: source.to_owned(),
            mode,
            go_live,
        };
        self.write(&loaded, change, None, now)
    }
}

/// The built-in playbooks, read once.
fn shipped() -> &'static [Playbook] {
    static SHIPPED: LazyLock<Vec<Playbook>> = LazyLock::new(|| {
        playbook::built_in().iter().filter_map(|b| playbook::parse(b.source).ok()).collect()
    });
    &SHIPPED
}

/// The playbooks that are built in, as the checklist offers them.
pub fn choices() -> Vec<PlaybookChoice> {
    shipped().iter().map(choice).collect()
}

/// The version of this playbook that is built in, where it is newer.
pub(crate) fn newer_than(book: &Playbook) -> Option<u32> {
    let shipped = shipped().iter().find(|shipped| shipped.key == book.key)?;
    (shipped.version > book.version).then_some(shipped.version)
}

/// Reads a playbook file that was opened from outside; [`check`] says what it contains.
///
/// # Errors
/// `playbook_unreadable`: it is not there, may not be read, is too large or not text.
pub fn open_file(file: &Path) -> Result<OpenedPlaybook> {
    let bad =
        |why: &str| fault("playbook_unreadable", format!("{} cannot be opened: {why}.", file.display()));
    let reader = File::open(file).map_err(|e| bad(&e.to_string()))?;
    let mut bytes = Vec::new();
    reader.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|e| bad(&e.to_string()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(bad("it is too large to be a playbook"));
    }
    let source = String::from_utf8(bytes).map_err(|_| bad("it is not text in UTF-8"))?;
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Ok(OpenedPlaybook { name, source })
}

/// Reads a playbook's source and says what it contains, or everything that is wrong with it.
pub fn check(source: &str) -> PlaybookCheck {
    match playbook::parse_all(source) {
        Ok(book) => PlaybookCheck { problems: vec![], playbook: Some(facts(&book)) },
        Err(faults) => {
            let problem = |fault: PlaybookError| PlaybookProblem {
                line: fault.line,
                column: fault.column,
                code: fault.code.as_str().to_owned(),
                message: fault.message,
            };
            PlaybookCheck { problems: faults.into_iter().map(problem).collect(), playbook: None }
        }
    }
}

fn facts(book: &Playbook) -> PlaybookFacts {
    let in_phase = |key: &str| narrow(book.items.iter().filter(|item| item.phase == key).count());
    PlaybookFacts {
        choice: choice(book),
        phases: book.phases.iter().map(|p| (p.title.clone(), in_phase(&p.key))).collect(),
        nested: narrow(book.items.iter().filter(|item| item.parent.is_some()).count()),
        targets: narrow(book.items.iter().filter(|item| item.target.is_some()).count()),
        steps: narrow(book.steps.len()),
        banners: narrow(book.banners.len()),
        sign_offs: narrow(book.sign_offs.len()),
    }
}

fn choice(book: &Playbook) -> PlaybookChoice {
    PlaybookChoice {
        key: book.key.clone(),
        title: book.title.clone(),
        summary: book.summary.clone(),
        tenant_kind: book.tenant_kind.clone(),
        version: book.version,
        duration: book.duration.map(span),
        modes: book.modes.iter().map(|mode| mode_choice(book, mode)).collect(),
        phases: narrow(book.phases.len()),
        items: narrow(book.items.len()),
    }
}

fn mode_choice(book: &Playbook, mode: &Mode) -> ModeChoice {
    ModeChoice {
        key: mode.key.clone(),
        title: mode.title.clone(),
        summary: mode.summary.clone(),
        duration: mode.duration.map(span),
        items: narrow(book.items_for(Some(&mode.key)).count()),
    }
}

fn span(duration: playbook::Duration) -> DaySpan {
    DaySpan { min_days: duration.min_days, max_days: duration.max_days }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The source of a built-in playbook.
///
/// # Errors
/// `unknown_playbook` with the keys there are.
pub fn built_in_source(key: &str) -> Result<&'static str> {
    playbook::built_in_by_key(key).map(|b| b.source).ok_or_else(|| unknown_playbook(key))
}

pub(crate) fn unknown_playbook(key: &str) -> cairn_protocol::ApiError {
    let keys: Vec<&str> = playbook::built_in().iter().map(|b| b.key).collect();
    fault("unknown_playbook", format!("There is no playbook '{key}'; built in are {}.", keys.join(", ")))
}

/// The mode a project starts in where nobody says: the one that picks every item.
fn default_mode(book: &Playbook) -> Option<String> {
    book.modes.iter().max_by_key(|m| book.items_for(Some(&m.key)).count()).map(|m| m.key.clone())
}

pub(crate) fn read_book(source: &str) -> Result<Playbook> {
    playbook::parse(source).map_err(|e| cairn_protocol::ApiError {
        code: "bad_playbook".to_owned(),
        message: format!("The playbook is not valid: {e}"),
        details: json!({ "line": e.line, "column": e.column, "code": e.code, "message": e.message }),
    })
}

pub(crate) fn named(book: &Playbook) -> PlaybookRef {
    PlaybookRef { key: book.key.clone(), version: book.version, digest: book.digest().to_owned() }
}
