//! Problems and fixes, counted by cause as they are found, with the first few places of each.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::cause::{Cause, Fix, Profile};
use super::value::{outline, shown};
use crate::report::{Example, FixExample, FixGroup, Problem};
use crate::schema::{Column, Holds};

/// Places that a problem shows.
pub(crate) const EXAMPLES: usize = 5;

/// No column in particular.
pub(crate) const NO_COLUMN: u16 = u16::MAX;

/// What a report may show of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Value,
    Outline,
    Nothing,
}

impl Show {
    pub fn of(column: &Column) -> Self {
        match column {
            Column { holds: Holds::Secret, .. } => Self::Nothing,
            Column { personal: true, .. } => Self::Outline,
            _ => Self::Value,
        }
    }

    pub fn text(self, value: &[u8]) -> String {
        match self {
            Self::Value => shown(value),
            Self::Outline => outline(value),
            Self::Nothing => "•••".to_owned(),
        }
    }
}

type Key<T> = (T, u16, u16);

/// What was found in the rows of all files.
#[derive(Default)]
pub(crate) struct Ledger {
    problems: HashMap<Key<Cause>, (u64, Vec<Example>), FixedState>,
    fixes: HashMap<Key<Fix>, (u64, Vec<FixExample>), FixedState>,
}

impl Ledger {
    /// Counts a problem; `value` is asked only while examples are wanted.
    pub fn add(&mut self, cause: Cause, file: u16, column: u16, row: u64, value: impl FnOnce() -> String) {
        let (count, examples) = self.problems.entry((cause, file, column)).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(Example { row, value: value() });
        }
    }

    pub fn fixed(&mut self, fix: Fix, file: u16, column: u16, example: impl FnOnce() -> FixExample) {
        let (count, examples) = self.fixes.entry((fix, file, column)).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example());
        }
    }

    /// All problems, with names in place of numbers.
    pub fn problems(&self, profile: Profile, names: &Names) -> Vec<Problem> {
        self.problems
            .iter()
            .map(|((cause, file, column), (count, examples))| {
                let mut problem = problem(*cause, profile, names.file(*file), names.label(*file, *column));
                problem.count = *count;
                problem.examples.clone_from(examples);
                if let (Cause::NotAmong, Some(column)) = (cause, names.column(*file, *column)) {
                    problem.suggestion = format!("{}; allowed: {}", problem.suggestion, allowed(column));
                }
                problem
            })
            .collect()
    }

    /// All fixes, likewise.
    pub fn fixes(&self, names: &Names) -> Vec<FixGroup> {
        let mut groups: Vec<FixGroup> = self
            .fixes
            .iter()
            .map(|((fix, file, column), (count, examples))| FixGroup {
                fix: fix.word().to_owned(),
                file: names.file(*file),
                column: names.label(*file, *column).unwrap_or_default(),
                count: *count,
                examples: examples.clone(),
            })
            .collect();
        groups.sort_by(|a, b| (&a.file, &a.column, &a.fix).cmp(&(&b.file, &b.column, &b.fix)));
        groups
    }
}

fn allowed(column: &Column) -> String {
    match column.holds {
        Holds::Word(choices) | Holds::WordOrExt(choices) | Holds::AnyCase(choices) => {
            choices.iter().map(|choice| choice.word).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}

/// A problem with its words and nothing counted yet.
pub(crate) fn problem(cause: Cause, profile: Profile, file: String, column: Option<String>) -> Problem {
    Problem {
        code: cause.code().to_owned(),
        severity: cause.severity(profile).word().to_owned(),
        file,
        column,
        count: 0,
        cause: cause.says().to_owned(),
        suggestion: cause.suggestion().to_owned(),
        examples: Vec::new(),
        rule: cause.rule().to_owned(),
        spread: Vec::new(),
    }
}

/// The names behind the numbers of files and columns.
#[derive(Default)]
pub(crate) struct Names {
    files: Vec<(String, Vec<(String, &'static Column)>)>,
}

impl Names {
    /// Numbers a file.
    pub fn add(&mut self, file: String) -> u16 {
        self.files.push((file, Vec::new()));
        (self.files.len() - 1) as u16
    }

    /// Numbers the columns of a file: label and what it is.
    pub fn columns(&mut self, file: u16, columns: Vec<(String, &'static Column)>) {
        if let Some((_, held)) = self.files.get_mut(usize::from(file)) {
            *held = columns;
        }
    }

    pub fn file(&self, file: u16) -> String {
        self.files.get(usize::from(file)).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    pub fn label(&self, file: u16, column: u16) -> Option<String> {
        self.entry(file, column).map(|(label, _)| label.clone())
    }

    fn column(&self, file: u16, column: u16) -> Option<&'static Column> {
        self.entry(file, column).map(|(_, column)| *column)
    }

    fn entry(&self, file: u16, column: u16) -> Option<&(String, &'static Column)> {
        self.files.get(usize::from(file)).and_then(|(_, columns)| columns.get(usize::from(column)))
    }
}

/// Problems of files and labels, which are few.
pub(crate) struct Notes {
    pub profile: Profile,
    pub problems: Vec<Problem>,
}

impl Notes {
    pub fn new(profile: Profile) -> Self {
        Self { profile, problems: Vec::new() }
    }

    /// Notes something about a file or one of its columns, unless there is nothing to note.
    pub fn add_all(
        &mut self,
        cause: Cause,
        file: &str,
        column: Option<&str>,
        places: Vec<(u64, String)>,
    ) -> Option<&mut Problem> {
        if places.is_empty() {
            return None;
        }
        let mut problem = problem(cause, self.profile, file.to_owned(), column.map(str::to_owned));
        problem.count = places.len() as u64;
        let examples = places.into_iter().take(EXAMPLES);
        problem.examples =
            examples.map(|(row, value)| Example { row, value: shown(value.as_bytes()) }).collect();
        self.problems.push(problem);
        self.problems.last_mut()
    }
}
