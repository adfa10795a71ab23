//! Every cause of a problem: its code in the taxonomy known from tabular validation, how severe it is
//! under which rules, and what it says. A table, so that docs/imports.md and tests can hold all of it.

use serde::{Deserialize, Serialize};

/// How strictly files are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The specification to the letter.
    Strict,
    /// What vendors send: certain faults are mended and recorded, harmless ones are warnings.
    #[default]
    Tolerant,
}

impl Profile {
    /// The word of the command line and of reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Tolerant => "tolerant",
        }
    }
}

/// How severe a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; every row stands.
    Warning,
    /// The row is rejected, or the file cannot be imported as it is.
    Error,
}

impl Severity {
    /// The word of reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! causes {
    ($($name:ident: $code:literal, $rule:literal, $strict:ident, $tolerant:ident, $says:literal, $do:literal;)+) => {
        /// Why something is a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Cause {
            $(#[doc = $says] $name),+
        }

        impl Cause {
            /// Every cause.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            fn line(self) -> (&'static str, &'static str, Severity, Severity, &'static str, &'static str) {
                match self {
                    $(Self::$name => ($code, $rule, Severity::$strict, Severity::$tolerant, $says, $do)),+
                }
            }
        }
    };
}

causes! {
    // Files.
    ByteOrderMark: "encoding-error", "byte-order-mark", Warning, Warning,
        "the file starts with a byte order mark", "nothing needs to be done";
    NotUtf8: "encoding-error", "not-utf-8", Error, Warning,
        "the file is not UTF-8", "save it as UTF-8; it was read in the encoding that it has";
    MissingFile: "missing-file", "missing-file", Error, Error,
        "a file that the format requires is not there", "add the file";
    NoHeader: "missing-label", "no-header", Error, Error,
        "the file is empty", "export it again";
    NoRows: "constraint-error", "no-rows", Error, Warning,
        "the file has a header and no rows", "leave the file out, or export it again";
    UnknownFile: "extra-file", "unknown-file", Warning, Warning,
        "the format knows no such file; its rows are skipped", "leave the file out, or say in a mapping file what it is";
    UnmodelledFile: "extra-file", "unmodelled-file", Warning, Warning,
        "rows of this type are not imported; they are skipped", "nothing needs to be done";
    NoManifest: "missing-file", "no-manifest", Error, Warning,
        "there is no manifest.csv", "export the set with its manifest";
    ManifestValue: "manifest-mismatch", "manifest-value", Error, Warning,
        "the manifest holds a property or value that the format does not know", "correct the manifest";
    ManifestNamesMissing: "manifest-mismatch", "manifest-names-missing", Error, Warning,
        "the manifest lists a file that is not there", "add the file, or mark it absent in the manifest";
    ManifestOmits: "manifest-mismatch", "manifest-omits", Error, Warning,
        "the manifest does not list a file that is there; its rows are read", "list the file in the manifest";
    ManifestDenies: "manifest-mismatch", "manifest-denies", Error, Warning,
        "the manifest calls a file absent that is there; its rows are read", "correct the manifest or remove the file";
    // Labels.
    BlankLabel: "blank-label", "blank-label", Error, Warning,
        "a column has no label; it is left out", "label the column or remove it";
    DuplicateLabel: "duplicate-label", "duplicate-label", Error, Error,
        "two columns have the same label", "remove or rename one of them";
    MissingLabel: "missing-label", "missing-label", Error, Error,
        "a required column is missing", "add the column, or say in a mapping file which one it is";
    MissingOptionalLabel: "missing-label", "missing-optional-label", Error, Warning,
        "an optional column of the specification is missing", "nothing needs to be done unless it should be imported";
    ExtraLabel: "extra-label", "extra-label", Error, Warning,
        "the format has no such column; it is left out", "remove the column, or say in a mapping file what it is";
    OtherLabel: "incorrect-label", "other-label", Error, Warning,
        "a column goes by another label than the specification's", "rename the column";
    LabelOrder: "incorrect-label", "label-order", Error, Warning,
        "the columns are not in the order of the specification", "nothing needs to be done; columns are found by label";
    // The shape of rows.
    BlankRow: "blank-row", "blank-row", Error, Error,
        "every cell of the row is empty", "remove the row";
    MissingCell: "missing-cell", "missing-cell", Error, Error,
        "the row has fewer cells than the header has labels", "export the row again; its values may stand in wrong columns";
    ExtraCell: "extra-cell", "extra-cell", Error, Error,
        "the row has more cells than the header has labels", "enclose values that hold the delimiter in quotes";
    ExtraEmptyCell: "extra-cell", "extra-empty-cell", Error, Warning,
        "the row has empty cells behind the last column; they are left out", "nothing needs to be done";
    UnclosedQuote: "quote-error", "unclosed-quote", Error, Error,
        "a quote is opened and never closed", "close it, or double quotes inside a value";
    TextAfterQuote: "quote-error", "text-after-quote", Error, Error,
        "text stands behind a closing quote", "double quotes inside a value";
    TooLong: "constraint-error", "too-long", Error, Error,
        "a value is longer than is read", "shorten the value, or close a quote before it";
    NotText: "encoding-error", "not-text", Error, Error,
        "the row holds bytes that are no text in the file's encoding", "save the file as UTF-8, or name its encoding in a mapping file";
    LineBreak: "constraint-error", "line-break", Error, Warning,
        "a value holds a line break", "replace it by a space";
    // Cells.
    NulByte: "encoding-error", "nul-byte", Error, Error,
        "a value holds a NUL byte", "export the row again";
    RequiredBlank: "constraint-error", "required", Error, Error,
        "a required value is blank", "fill it in";
    NotId: "constraint-error", "id", Error, Error,
        "an identifier holds other characters than letters, digits and . - _ / @, or more than 255", "use the identifier of the source system";
    ScientificId: "truncated-value", "scientific", Error, Error,
        "a spreadsheet rewrote an identifier as a number with exponent; its digits are lost", "export it again and do not open it in a spreadsheet";
    SpreadsheetError: "type-error", "spreadsheet-error", Error, Error,
        "a spreadsheet left an error in place of a value", "mend the formula and export again";
    NotAmong: "constraint-error", "enum", Error, Error,
        "a value is not among those that the column allows", "use one of the allowed values, or map this one in a mapping file";
    NotFlag: "type-error", "boolean", Error, Error,
        "a value is neither true nor false", "write true or false";
    NotDate: "type-error", "date", Error, Error,
        "a value is no date", "write dates as YYYY-MM-DD";
    DateOrderUnclear: "type-error", "date-order-unclear", Error, Error,
        "day and month of a date cannot be told apart", "say the order of dates in a mapping file, for example dd/MM/yyyy";
    NotDateTime: "type-error", "date-time", Error, Error,
        "a value is no date and time", "write it as 2026-08-17T08:00:00Z";
    NotUtc: "type-error", "not-utc", Error, Warning,
        "a date and time is not in UTC", "write it with Z";
    NotYear: "type-error", "year", Error, Error,
        "a value is no year", "write the year in four digits";
    NotEmail: "type-error", "email", Error, Error,
        "a value is no e-mail address", "correct the address";
    NotTypedIds: "type-error", "typed-ids", Error, Error,
        "a value is not of the form {Type:Id}", "write {Type:Id}, with commas between several";
    NotGrades: "constraint-error", "grades", Warning, Warning,
        "a grade is not written in two digits", "write 09 instead of 9";
    StatusInBulk: "constraint-error", "status-in-bulk", Error, Warning,
        "status or date of change is filled in a bulk file, where it has no meaning", "leave it blank";
    Truncated: "truncated-value", "truncated", Warning, Warning,
        "a value is exactly as long as a common limit; its end may be missing", "compare it with the source system";
    Replaced: "encoding-error", "replaced", Warning, Warning,
        "a value holds the sign that stands for lost characters", "export it again in UTF-8";
    // Rows among themselves.
    DateOrder: "constraint-error", "date-order", Error, Error,
        "a date that ends something lies before the one that starts it", "correct one of the dates";
    SameLength: "constraint-error", "same-length", Error, Warning,
        "two lists that belong together have different lengths", "give each entry its counterpart";
    TrueOnlyFor: "constraint-error", "true-only-for", Error, Warning,
        "a value is true where the row's role does not allow it", "leave it blank or write false";
    Itself: "constraint-error", "itself", Error, Error,
        "a row refers to itself", "remove the reference or name another record";
    Once: "unique-error", "once", Error, Error,
        "only one such row is allowed, and there is one before it", "remove one of the rows";
    Shared: "unique-error", "shared", Warning, Warning,
        "several rows share this value", "make sure that they are different people";
    Sort: "constraint-error", "sort", Warning, Warning,
        "the record that is referred to is of an unusual sort", "make sure that it is the right one";
    SortWhen: "constraint-error", "sort-when", Warning, Warning,
        "the role in this row is not that of the person", "make sure that it is the right person and role";
    Agrees: "constraint-error", "agrees", Warning, Warning,
        "the row and the record that it refers to name different sites", "make sure which one is right";
    DuplicateRow: "duplicate-row", "duplicate-row", Error, Warning,
        "the row stands in the file before; the first one counts", "remove the copies";
    DuplicateKey: "primary-key", "duplicate-key", Error, Warning,
        "the identifier stands in the file before, with other values; the first row counts", "decide which row is right and remove the other";
    NoTarget: "foreign-key", "no-target", Error, Error,
        "rows refer to records that are not there", "add the records or correct the references";
    TargetRejected: "foreign-key", "target-rejected", Error, Error,
        "rows refer to records that are rejected themselves", "mend the records that they refer to";
}

impl Cause {
    /// The code of the taxonomy.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.line().0
    }

    /// The rule within the code: several rules share a code.
    #[must_use]
    pub fn rule(self) -> &'static str {
        self.line().1
    }

    /// How severe it is under these rules.
    #[must_use]
    pub fn severity(self, profile: Profile) -> Severity {
        match profile {
            Profile::Strict => self.line().2,
            Profile::Tolerant => self.line().3,
        }
    }

    /// What is the matter, as half a sentence.
    #[must_use]
    pub fn says(self) -> &'static str {
        self.line().4
    }

    /// What to do about it.
    #[must_use]
    pub fn suggestion(self) -> &'static str {
        self.line().5
    }
}

/// A change that was made to a value because it was certain. Never made to the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fix {
    /// Spaces around the value.
    Trim,
    /// Characters that nobody can see.
    Invisible,
    /// NUL bytes.
    Nul,
    /// Upper and lower case.
    Case,
    /// Another spelling of an allowed word.
    Word,
    /// A value that the mapping file replaces.
    Mapped,
    /// The order of day, month and year.
    DateOrder,
    /// Zeros that a spreadsheet removed.
    LeadingZeros,
    /// An empty entry of a list.
    EmptyEntry,
}

impl Fix {
    /// Every fix.
    pub const ALL: &[Self] = &[
        Self::Trim,
        Self::Invisible,
        Self::Nul,
        Self::Case,
        Self::Word,
        Self::Mapped,
        Self::DateOrder,
        Self::LeadingZeros,
        Self::EmptyEntry,
    ];

    /// The word of reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trim => "trim",
            Self::Invisible => "invisible",
            Self::Nul => "nul",
            Self::Case => "case",
            Self::Word => "word",
            Self::Mapped => "mapped",
            Self::DateOrder => "date-order",
            Self::LeadingZeros => "leading-zeros",
            Self::EmptyEntry => "empty-entry",
        }
    }
}

/// Which fixes may be made to the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixes(u16);

impl Fixes {
    /// Every fix.
    pub const ALL: Self = Self((1 << Fix::ALL.len()) - 1);

    /// Those that rules make unasked, and what a mapping file replaces under any.
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Tolerant => Self::ALL,
            Profile::Strict => Self(0).with(Fix::Mapped),
        }
    }

    pub fn has(self, fix: Fix) -> bool {
        self.0 & Self::bit(fix) != 0
    }

    #[must_use]
    pub fn with(self, fix: Fix) -> Self {
        Self(self.0 | Self::bit(fix))
    }

    #[must_use]
    pub fn without<'f>(self, fixes: impl IntoIterator<Item = &'f Fix>) -> Self {
        Self(fixes.into_iter().fold(self.0, |held, fix| held & !Self::bit(*fix)))
    }

    fn bit(fix: Fix) -> u16 {
        1 << fix as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_cause_and_fix() {
        let page = include_str!("../../../../../docs/imports.md");
        let mut wanted: Vec<String> = Cause::ALL
            .iter()
            .map(|cause| {
                let (code, rule, strict, tolerant, says, _) = cause.line();
                format!("| `{code}` | `{rule}` | {} | {} | {says} |", strict.word(), tolerant.word())
            })
            .collect();
        wanted.extend(Fix::ALL.iter().map(|fix| format!("| `{}` | ", fix.word())));
        for line in &wanted {
            assert!(page.contains(line.as_str()), "docs/imports.md lacks: {line}");
        }
        let rules = page.lines().filter(|l| l.contains("| error |") || l.contains("| warning |")).count();
        assert_eq!(rules, Cause::ALL.len(), "docs/imports.md lists causes that there are not");
    }

    #[test]
    fn a_mapping_file_calls_fixes_as_reports_do() {
        for fix in Fix::ALL {
            assert_eq!(serde_json::to_value(fix).unwrap(), fix.word());
            assert_eq!(Fix::ALL.iter().filter(|other| Fixes::bit(**other) == Fixes::bit(*fix)).count(), 1);
            let without = Fixes::ALL.without([fix]);
            assert!(!without.has(*fix) && without.with(*fix) == Fixes::ALL);
        }
    }

    #[test]
    fn tolerant_rules_are_never_stricter() {
        for cause in Cause::ALL {
            assert!(cause.severity(Profile::Tolerant) <= cause.severity(Profile::Strict), "{cause:?}");
        }
    }
}
