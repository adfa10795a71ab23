//! The formats, as data: which files there are, which columns they have, what a cell may hold, and
//! which rules bind cells and rows together. A new format is a new table here, never new code.
//!
//! The facts are those of the specifications and vendors' guides named at the top of each module.

mod clever;
mod oneroster;
pub mod people;
mod plain;
mod sds;

pub use plain::SCHOOL_SET;

/// A format that files can be in.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its name, as `--format` takes it and reports print it.
    pub format: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Its files, in the order in which they are read: what is referred to comes first.
    pub files: &'static [FileSchema],
    /// What the format asks of files as such.
    pub asks: Asks,
}

/// What a format asks of files and labels, beyond cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Labels are matched to the letter under strict rules; otherwise labels are looked for by name.
    pub exact_labels: bool,
    /// Columns come in the order of the specification.
    pub column_order: bool,
    /// Files are UTF-8.
    pub utf8: bool,
    /// No field holds a line break.
    pub one_line_fields: bool,
    /// A file with a header has at least one row.
    pub rows: bool,
    /// A `manifest.csv` that lists the files.
    pub manifest: bool,
    /// One table is enough to be in this format.
    pub single: bool,
}

/// One file of a format.
#[derive(Debug, PartialEq, Eq)]
pub struct FileSchema {
    /// The type of its records, as plans print it.
    pub kind: &'static str,
    /// Names it may have, without ending, in lower case; the first is the usual one.
    pub names: &'static [&'static str],
    /// A set without it is not complete.
    pub required: bool,
    /// Its rows are imported. Rows of others are counted as skipped.
    pub modelled: bool,
    /// The columns, in the order of the specification.
    pub columns: &'static [Column],
    /// The columns that together name a record; none where nothing does.
    pub key: &'static [&'static str],
    /// The column that says which sort of record it is, for [`Rule::Sort`].
    pub sort: Option<&'static str>,
    /// Rules that bind cells together.
    pub rules: &'static [Rule],
}

/// One column of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its label.
    pub name: &'static str,
    /// Other labels it goes by.
    pub aliases: &'static [&'static str],
    /// Whether it may be missing or blank.
    pub need: Need,
    /// What its cells hold.
    pub holds: Holds,
    /// Its values are about a person, so reports show their outline only.
    pub personal: bool,
}

/// Whether a column or its cells may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The column must be there and every cell filled.
    Cell,
    /// The column must be there; cells may be blank.
    Label,
    /// Cells must be filled where the file is a delta, and blank where it is bulk.
    Delta,
    /// Neither.
    None,
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Any text.
    Text,
    /// A secret; no report shows anything of it.
    Secret,
    /// An identifier: at most 255 characters of letters, digits and `. - _ / @`.
    Id,
    /// The key of a record of that kind.
    Ref(&'static str),
    /// Keys of records of that kind, with commas between.
    Refs(&'static str),
    /// One of these words.
    Word(&'static [Choice]),
    /// One of these words, or one of one's own with the prefix `ext:`.
    WordOrExt(&'static [Choice]),
    /// One of these words, in any case.
    AnyCase(&'static [Choice]),
    /// `true` or `false`.
    Flag,
    /// True or false, in any case.
    AnyCaseFlag,
    /// A date, YYYY-MM-DD.
    Date,
    /// A date, MM/DD/YYYY or YYYY-MM-DD.
    UsDate,
    /// A date and time in UTC, as in `2026-08-17T08:00:00Z`.
    DateTime,
    /// A year of four digits.
    Year,
    /// An e-mail address.
    Email,
    /// Texts with commas between.
    List,
    /// Grades with commas between, two digits each where they are numbers.
    Grades,
    /// `{Type:Id}` with commas between.
    TypedIds,
}

/// A word of a closed set, with other spellings that mean it beyond doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// What else is read as it under tolerant rules, in lower case.
    pub also: &'static [&'static str],
}

/// What binds the cells of a row, or rows, together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The second date is not before the first; with `true` it is after it.
    DateOrder(&'static str, &'static str, bool),
    /// Two lists of equal length, where both are filled.
    SameLength(&'static str, &'static str),
    /// The first column may be `true` only where the second holds the word.
    TrueOnlyFor(&'static str, &'static str, &'static str),
    /// What the column refers to is of one of these sorts (a question of sense: a warning).
    Sort(&'static str, &'static [&'static str]),
    /// Where the second column holds the word, what the first refers to is of one of these sorts (a
    /// question of sense: a warning).
    SortWhen(&'static str, (&'static str, &'static str), &'static [&'static str]),
    /// What the first column refers to has in its second what this row has in its third (a question of
    /// sense: a warning).
    Agrees(&'static str, &'static str, &'static str),
    /// No two rows share the cells of these columns, among rows whose named column holds the word.
    Once(&'static [&'static str], Option<(&'static str, &'static str)>),
    /// No two rows should share this cell (a warning; parents do share addresses).
    Shared(&'static str),
    /// A row does not refer to itself.
    NotItself(&'static str),
}

impl FileSchema {
    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The file's usual name.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.csv", self.kind)
    }
}

impl Holds {
    /// The words that it may be, where they are told apart by case; of an open set those that are known.
    #[must_use]
    pub fn words(self) -> Option<&'static [Choice]> {
        match self {
            Self::Word(choices) | Self::WordOrExt(choices) => Some(choices),
            _ => None,
        }
    }
}

impl Schema {
    /// The place of the file whose records are of that kind.
    #[must_use]
    pub fn place(&self, kind: &str) -> Option<usize> {
        self.files.iter().position(|file| file.kind == kind)
    }
}

/// All formats, in the order of SPEC.
pub const SCHEMAS: &[&Schema] = &[
    &oneroster::V1_0,
    &oneroster::V1_1,
    &oneroster::V1_2,
    &clever::CLEVER,
    &sds::SDS_2_1,
    &plain::STUDENTS,
    &plain::TEACHERS,
    &plain::CLASSES,
    &plain::SUBJECTS,
    &plain::ACCOUNTS,
    &plain::PARTICIPANTS,
    &plain::CASES,
];

/// The format of that name.
#[must_use]
pub fn schema(format: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().copied().find(|schema| schema.format == format)
}

// What the tables are written with.

const fn column(name: &'static str, need: Need, holds: Holds) -> Column {
    Column { name, aliases: &[], need, holds, personal: false }
}

/// A column whose cells must be filled.
const fn must(name: &'static str, holds: Holds) -> Column {
    column(name, Need::Cell, holds)
}

/// A column whose cells may be blank.
const fn may(name: &'static str, holds: Holds) -> Column {
    column(name, Need::None, holds)
}

/// A column that must be there, while its cells may be blank.
const fn label(name: &'static str, holds: Holds) -> Column {
    column(name, Need::Label, holds)
}

impl Column {
    const fn personal(mut self) -> Self {
        self.personal = true;
        self
    }

    const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

const fn word(word: &'static str) -> Choice {
    Choice { word, also: &[] }
}

const fn word_or(word: &'static str, also: &'static [&'static str]) -> Choice {
    Choice { word, also }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn named_columns(rule: &Rule) -> Vec<&'static str> {
        match *rule {
            Rule::DateOrder(a, b, _) | Rule::SameLength(a, b) | Rule::TrueOnlyFor(a, b, _) => vec![a, b],
            Rule::SortWhen(a, (b, _), _) | Rule::Agrees(a, _, b) => vec![a, b],
            Rule::Sort(a, _) | Rule::Shared(a) | Rule::NotItself(a) => vec![a],
            Rule::Once(columns, among) => columns.iter().copied().chain(among.map(|(c, _)| c)).collect(),
        }
    }

    #[test]
    fn every_name_in_a_table_exists_and_references_point_backwards() {
        for schema in SCHEMAS {
            for (place, file) in schema.files.iter().enumerate() {
                let names: BTreeSet<&str> = file.columns.iter().map(|column| column.name).collect();
                assert_eq!(names.len(), file.columns.len(), "{} {}", schema.format, file.kind);
                let used = file
                    .rules
                    .iter()
                    .flat_map(named_columns)
                    .chain(file.key.iter().copied())
                    .chain(file.sort);
                for name in used {
                    assert!(names.contains(name), "{} {} names {name}", schema.format, file.kind);
                }
                for column in file.columns {
                    if let Holds::Ref(kind) | Holds::Refs(kind) = column.holds {
                        let target = schema.place(kind);
                        assert!(
                            target.is_some_and(|t| t <= place),
                            "{} {}.{}",
                            schema.format,
                            file.kind,
                            column.name
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_format_of_the_command_line_is_there() {
        let formats: Vec<&str> = SCHEMAS.iter().map(|schema| schema.format).collect();
        let wanted = [
            "oneroster-1.0",
            "oneroster-1.1",
            "oneroster-1.2",
            "clever",
            "sds-2.1",
            "school-students",
            "school-teachers",
            "school-classes",
            "school-subjects",
            "accounts",
            "participants",
            "ethics-cases",
        ];
        assert_eq!(formats, wanted);
    }
}
