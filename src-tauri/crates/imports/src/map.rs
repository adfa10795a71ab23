//! From the labels of a file to the columns of a format, and the mapping file that says what cannot
//! be known: other labels, encodings, values and orders of dates.

use std::collections::{BTreeMap, BTreeSet};

use encoding_rs::Encoding;
use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::check::Fix;
use crate::error::{ImportError, Result};
use crate::read::Told;
use crate::report::ColumnMapping;
use crate::schema::{Column, FileSchema};

/// The largest mapping file that is read, in bytes.
pub const MAX_MAPPING_BYTES: usize = 1 << 20;

/// A mapping file, TOML or JSON (docs/imports.md). Everything in it is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS), ts(rename = "ImportRules"))]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The format.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub format: Option<String>,
    /// What is to be known about files, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<BTreeMap<String, FileRules>>"))]
    pub files: BTreeMap<String, FileRules>,
}

/// What a mapping file says about one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
#[serde(deny_unknown_fields)]
pub struct FileRules {
    /// The type of its records, such as `users`; `-` leaves the file out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub is: Option<String>,
    /// Its encoding, by any name that the web knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub encoding: Option<String>,
    /// What stands between fields: one character.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub delimiter: Option<String>,
    /// What encloses fields: one character.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional))]
    pub quote: Option<String>,
    /// Lines above the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<u32>"))]
    pub skip_lines: Option<u64>,
    /// Label to column; `-` leaves the column out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<BTreeMap<String, String>>"))]
    pub columns: BTreeMap<String, String>,
    /// Column to its values: what the file writes to what is meant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<BTreeMap<String, BTreeMap<String, String>>>"))]
    pub values: BTreeMap<String, BTreeMap<String, String>>,
    /// Column to the order of its dates, such as `dd.MM.yyyy`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<BTreeMap<String, String>>"))]
    pub dates: BTreeMap<String, String>,
    /// Column to the fixes that are not made to its values, such as `case`: these are judged as they
    /// stand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "types", ts(optional, as = "Option<BTreeMap<String, Vec<String>>>"))]
    pub keep: BTreeMap<String, BTreeSet<Fix>>,
}

impl Mapping {
    /// Reads a mapping file: JSON where it starts with `{`, TOML otherwise.
    ///
    /// # Errors
    /// [`ImportError::BadMapping`] with the parser's line and column, or the field and why.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |reason: String| ImportError::BadMapping { reason };
        if text.len() > MAX_MAPPING_BYTES {
            return Err(bad(format!("it is longer than {MAX_MAPPING_BYTES} bytes")));
        }
        let mapping: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| bad(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| bad(error.to_string()))?
        };
        for (name, rules) in &mapping.files {
            rules.told().map_err(|reason| bad(format!("files.\"{name}\": {reason}")))?;
            for (column, order) in &rules.dates {
                if DateOrder::parse(order).is_none() {
                    return Err(bad(format!(
                        "files.\"{name}\".dates.\"{column}\": '{order}' is no order of dates; write dd, MM and yyyy, for example dd.MM.yyyy"
                    )));
                }
            }
        }
        Ok(mapping)
    }

    /// As a mapping file, which [`Mapping::parse`] reads again.
    ///
    /// # Errors
    /// [`ImportError::BadMapping`] where it holds what TOML cannot say.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| ImportError::BadMapping { reason: error.to_string() })
    }

    /// What is said about a file: by its whole name, or without its ending, in any case.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileRules> {
        let wanted = name.to_lowercase();
        let stem = wanted.rsplit_once('.').map_or(wanted.as_str(), |(stem, _)| stem);
        self.files
            .iter()
            .find(|(key, _)| {
                let key = key.to_lowercase();
                key == wanted || key == stem
            })
            .map(|(_, rules)| rules)
    }

    /// What is said about a file's text.
    #[must_use]
    pub fn told(&self, name: &str) -> Told {
        self.file(name).and_then(|rules| rules.told().ok()).unwrap_or_default()
    }
}

/// What is said about a column: by its own name, or by its label in the file.
pub(crate) fn said<'r, T>(of: &'r BTreeMap<String, T>, column: &Column, label: &str) -> Option<&'r T> {
    of.get(column.name).or_else(|| of.get(label))
}

impl FileRules {
    /// Refuses to keep what is in no column: it would be mended without a word.
    fn keeps_columns(&self, labels: &[String], file: &FileSchema) -> Result<()> {
        let is_known = |name: &str| file.column(name).is_some() || labels.iter().any(|label| label == name);
        let Some(name) = self.keep.keys().find(|name| !is_known(name)) else { return Ok(()) };
        let reason = format!(
            "'{name}' under keep is neither a column of {} nor a label of its file; the labels are {}",
            file.kind,
            labels.join(", ")
        );
        Err(ImportError::BadMapping { reason })
    }

    fn told(&self) -> std::result::Result<Told, String> {
        let encoding = match &self.encoding {
            None => None,
            Some(label) => Some(
                Encoding::for_label(label.as_bytes()).ok_or_else(|| format!("'{label}' is no encoding"))?,
            ),
        };
        let delimiter = self.delimiter.as_deref().map(one_byte).transpose()?;
        let quote = self.quote.as_deref().map(one_byte).transpose()?;
        if delimiter.is_some() && delimiter == quote {
            return Err("delimiter and quote are the same".to_owned());
        }
        Ok(Told { encoding, delimiter, quote, skip_lines: self.skip_lines })
    }
}

fn one_byte(text: &str) -> std::result::Result<u8, String> {
    match text.as_bytes() {
        [b'\\', b't'] => Ok(b'\t'),
        [byte] if !matches!(byte, b'\n' | b'\r' | b' ') && byte.is_ascii() => Ok(*byte),
        _ => Err(format!("'{text}' is not one character")),
    }
}

/// The order of a date's parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 2026-08-17, the only one that needs no fix.
    YearMonthDay,
    /// 17.08.2026
    DayMonthYear,
    /// 08/17/2026
    MonthDayYear,
}

impl DateOrder {
    /// Reads a pattern such as `dd.MM.yyyy` or `M/d/yyyy`.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        let mut parts: Vec<char> = pattern.chars().filter(char::is_ascii_alphabetic).collect();
        parts.dedup();
        let parts: String = parts.into_iter().collect();
        match parts.to_ascii_lowercase().as_str() {
            "ymd" => Some(Self::YearMonthDay),
            "dmy" => Some(Self::DayMonthYear),
            "mdy" => Some(Self::MonthDayYear),
            _ => None,
        }
    }
}

impl DateOrder {
    /// A pattern that [`DateOrder::parse`] reads.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::YearMonthDay => "yyyy-MM-dd",
            Self::DayMonthYear => "dd.MM.yyyy",
            Self::MonthDayYear => "MM/dd/yyyy",
        }
    }
}

/// How a label was matched with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// A mapping file says so.
    Told,
    /// To the letter.
    Exact,
    /// The same but for case, spaces and signs, or an alias.
    Alias,
    /// It looks like it; a proposal only.
    Fuzzy,
    /// Nothing is like it.
    None,
}

/// What one label of a file is.
#[derive(Clone, Debug)]
pub(crate) struct Matched {
    /// The label as the file writes it.
    pub label: String,
    /// The column's place in the schema; of a fuzzy match the proposed one.
    pub column: Option<usize>,
    pub how: How,
    pub confidence: f64,
    /// The mapping file leaves it out.
    pub is_left_out: bool,
}

impl Matched {
    /// Whether the column is read: fuzzy matches are not.
    pub fn is_mapped(&self) -> bool {
        self.column.is_some() && matches!(self.how, How::Told | How::Exact | How::Alias)
    }

    pub fn shown(&self, file: &FileSchema) -> ColumnMapping {
        let column = self.column.and_then(|place| file.columns.get(place));
        ColumnMapping {
            label: self.label.clone(),
            column: column.map(|column| column.name.to_owned()),
            how: match self.how {
                How::Told => "told",
                How::Exact => "exact",
                How::Alias => "alias",
                How::Fuzzy => "fuzzy",
                How::None => "none",
            }
            .to_owned(),
            confidence: (self.confidence * 100.0).round() / 100.0,
            mapped: self.is_mapped(),
        }
    }
}

/// Labels of more bytes are no labels, and are not compared.
const LONGEST_LABEL: usize = 200;

/// Below this likeness nothing is proposed.
const LEAST_LIKENESS: f64 = 0.72;

/// Matches the labels of a file with the columns of a format: told, exact, alias, then fuzzy. A
/// column is taken once; of two labels that could be it the better match wins, then the first.
pub(crate) fn match_labels(
    labels: &[String],
    file: &FileSchema,
    rules: Option<&FileRules>,
) -> Result<Vec<Matched>> {
    let mut found: Vec<Matched> = labels
        .iter()
        .map(|label| Matched {
            label: label.clone(),
            column: None,
            how: How::None,
            confidence: 0.0,
            is_left_out: false,
        })
        .collect();
    let mut taken = vec![false; file.columns.len()];
    if let Some(rules) = rules {
        rules.keeps_columns(labels, file)?;
        tell(&mut found, &mut taken, file, rules)?;
    }
    let by = |wanted: How| move |label: &str, place: usize| likeness(label, file, place, wanted);
    for how in [How::Exact, How::Alias] {
        take(&mut found, &mut taken, how, &by(how));
    }
    propose(&mut found, &taken, &by(How::Fuzzy));
    Ok(found)
}

fn tell(found: &mut [Matched], taken: &mut [bool], file: &FileSchema, rules: &FileRules) -> Result<()> {
    for (label, column) in &rules.columns {
        // The very label before one that only reads like it.
        let exact = found.iter().position(|m| m.label == *label);
        let at = exact.or_else(|| found.iter().position(|m| plain(&m.label) == plain(label)));
        let Some(matched) = at.and_then(|at| found.get_mut(at)) else { continue };
        if column == "-" {
            matched.is_left_out = true;
            continue;
        }
        let place = file.columns.iter().position(|c| c.name == *column).ok_or_else(|| {
            let known: Vec<&str> = file.columns.iter().map(|c| c.name).collect();
            let reason =
                format!("{} has no column '{column}'; its columns are {}", file.kind, known.join(", "));
            ImportError::BadMapping { reason }
        })?;
        (matched.column, matched.how, matched.confidence) = (Some(place), How::Told, 1.0);
        if let Some(taken) = taken.get_mut(place) {
            *taken = true;
        }
    }
    Ok(())
}

fn take(found: &mut [Matched], taken: &mut [bool], how: How, likeness: &dyn Fn(&str, usize) -> f64) {
    for matched in found.iter_mut().filter(|m| m.how == How::None && !m.is_left_out) {
        let hit = (0..taken.len()).find(|place| !taken[*place] && likeness(&matched.label, *place) > 0.0);
        if let Some(place) = hit {
            taken[place] = true;
            let confidence = likeness(&matched.label, place);
            (matched.column, matched.how, matched.confidence) = (Some(place), how, confidence);
        }
    }
}

/// Proposes the likeliest free column for each label that is left.
fn propose(found: &mut [Matched], taken: &[bool], likeness: &dyn Fn(&str, usize) -> f64) {
    for matched in found.iter_mut().filter(|m| m.how == How::None && !m.is_left_out && !m.label.is_empty()) {
        let likely = (0..taken.len())
            .filter(|place| !taken[*place])
            .map(|place| (place, likeness(&matched.label, place)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((place, confidence)) = likely.filter(|(_, likeness)| *likeness >= LEAST_LIKENESS) {
            (matched.column, matched.how, matched.confidence) = (Some(place), How::Fuzzy, confidence);
        }
    }
}

fn likeness(label: &str, file: &FileSchema, place: usize, how: How) -> f64 {
    let Some(column) = file.columns.get(place).filter(|_| label.len() <= LONGEST_LABEL) else { return 0.0 };
    let label_plain = plain(label);
    match how {
        How::Exact => f64::from(u8::from(label == column.name)),
        How::Alias if label_plain.is_empty() => 0.0,
        How::Alias if label_plain == plain(column.name) => 0.98,
        How::Alias => {
            let is_alias = column.aliases.iter().any(|alias| plain(alias) == label_plain);
            if is_alias { 0.95 } else { 0.0 }
        }
        _ => std::iter::once(column.name)
            .chain(column.aliases.iter().copied())
            .map(|name| strsim::normalized_damerau_levenshtein(&label_plain, &plain(name)))
            .fold(0.0, f64::max),
    }
}

/// A label without case, spaces, signs and what nobody can see: `First Name` and `first_name` are
/// the same word.
pub(crate) fn plain(label: &str) -> String {
    label.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::schema;

    fn matched(format: &str, labels: &[&str], rules: Option<&FileRules>) -> Vec<(Option<&'static str>, How)> {
        let file = &schema(format).unwrap().files[0];
        let labels: Vec<String> = labels.iter().map(|&l| l.to_owned()).collect();
        let name = |place: usize| file.columns[place].name;
        match_labels(&labels, file, rules).unwrap().iter().map(|m| (m.column.map(name), m.how)).collect()
    }

    #[test]
    fn labels_match_to_the_letter_then_by_name_then_by_likeness() {
        assert_eq!(
            matched("accounts", &["email", "First Name", "surname", "Organistion", "shoe size", ""], None),
            [
                (Some("email"), How::Exact),
                (Some("first_name"), How::Alias),
                (Some("last_name"), How::Alias),
                (Some("organization"), How::Fuzzy),
                (None, How::None),
                (None, How::None),
            ]
        );
    }

    #[test]
    fn only_certain_matches_are_mapped() {
        let file = &schema("accounts").unwrap().files[0];
        let found = match_labels(&["Organistion".into(), "E-Mail".into()], file, None).unwrap();
        assert_eq!([found[0].is_mapped(), found[1].is_mapped()], [false, true]);
        assert!(found[0].confidence < 0.95 && found[0].confidence >= LEAST_LIKENESS);
    }

    #[test]
    fn an_exact_label_is_taken_before_an_alias_that_stands_first() {
        assert_eq!(
            matched("accounts", &["E-mail", "email"], None),
            [(None, How::None), (Some("email"), How::Exact)]
        );
    }

    #[test]
    fn labels_of_another_language_and_with_invisible_signs_are_found() {
        assert_eq!(
            matched("ethics-cases", &["Fallnummer", "\u{200b}Beschreibung\u{a0}", "Eingangsdatum"], None),
            [
                (Some("original_case_id"), How::Alias),
                (Some("event_description"), How::Alias),
                (Some("submission_date"), How::Alias),
            ]
        );
    }

    #[test]
    fn a_mapping_file_comes_before_everything() {
        let mapping = Mapping::parse(
            "[files.\"people.csv\"]\ncolumns = { \"email\" = \"-\", \"Anrede\" = \"first_name\" }",
        )
        .unwrap();
        let found = matched("accounts", &["email", "Anrede", "first_name"], mapping.file("PEOPLE.csv"));
        assert_eq!(found[1], (Some("first_name"), How::Told));
        assert_eq!([found[0].0, found[2].0], [None, None]);
    }

    #[test]
    fn what_is_said_of_a_label_is_not_heard_of_one_that_only_reads_like_it() {
        let mapping = Mapping::parse("[files.a.columns]\n\"Email\" = \"-\"").unwrap();
        let file = &schema("accounts").unwrap().files[0];
        let labels = ["E-mail".to_owned(), "Email".to_owned()];
        let found = match_labels(&labels, file, mapping.file("a.csv")).unwrap();
        assert_eq!([found[0].is_left_out, found[1].is_left_out], [false, true]);
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "format = \"accounts\"\n[files.\"a.csv\"]\nencoding = \"latin1\"\ndelimiter = \";\"\n[files.\"a.csv\".values.role]\nBoss = \"manager\"\n[files.\"a.csv\".dates]\nborn = \"dd.MM.yyyy\"\n";
        let json = r#"{"format":"accounts","files":{"a.csv":{"encoding":"latin1","delimiter":";","values":{"role":{"Boss":"manager"}},"dates":{"born":"dd.MM.yyyy"}}}}"#;
        let mapping = Mapping::parse(toml).unwrap();
        assert_eq!(mapping, Mapping::parse(json).unwrap());
        assert_eq!(mapping.told("A.CSV").delimiter, Some(b';'));
        assert_eq!(mapping.told("a.csv").encoding.unwrap().name(), "windows-1252");
    }

    #[test]
    fn what_is_kept_of_a_column_is_said_in_the_words_of_reports() {
        let toml = "[files.\"a.csv\".keep]\nrole = [\"word\", \"case\", \"word\"]\n";
        let mapping = Mapping::parse(toml).unwrap();
        let kept = &mapping.file("a.csv").unwrap().keep["role"];
        assert_eq!(kept.iter().copied().collect::<Vec<Fix>>(), [Fix::Case, Fix::Word]);
        assert_eq!(Mapping::parse(&mapping.to_toml().unwrap()).unwrap(), mapping);
        let json = serde_json::to_string(&mapping).unwrap();
        assert_eq!(json, r#"{"files":{"a.csv":{"keep":{"role":["case","word"]}}}}"#);
        assert_eq!(Mapping::parse(&json).unwrap(), mapping);
        let without = Mapping::parse("[files.\"a.csv\"]\nis = \"accounts\"\n").unwrap();
        assert!(!serde_json::to_string(&without).unwrap().contains("keep"));
    }

    #[test]
    fn what_is_kept_of_nothing_is_refused() {
        let file = &schema("accounts").unwrap().files[0];
        let keep = |name: &str| {
            let mapping = Mapping::parse(&format!("[files.a.keep]\n{name} = [\"trim\"]")).unwrap();
            match_labels(&["Rolle".into(), "shoe".into()], file, mapping.file("a.csv")).map(|_| ())
        };
        assert!(keep("role").is_ok() && keep("Rolle").is_ok() && keep("shoe").is_ok());
        let error = keep("rol").unwrap_err();
        assert_eq!(error.code(), "bad_mapping");
        assert!(error.to_string().contains("'rol' under keep is neither a column of accounts"), "{error}");
        let error = Mapping::parse("[files.a.keep]\nrole = [\"trim\", \"trimm\"]").unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), "bad_mapping");
        assert!(
            text.contains("line 2") && text.contains("`trimm`") && text.contains("`leading-zeros`"),
            "{text}"
        );
    }

    #[test]
    fn a_bad_mapping_file_says_what_and_where() {
        let reason = |text: &str| Mapping::parse(text).unwrap_err().to_string();
        assert!(reason("[files.a]\nencodin = \"x\"").contains("line 2"));
        assert!(reason("{\"files\": 3}").contains("line 1"));
        assert!(reason("[files.a]\nencoding = \"klingon\"").contains("'klingon' is no encoding"));
        assert!(reason("[files.a]\ndelimiter = \"::\"").contains("not one character"));
        assert!(reason("[files.a]\ndelimiter = \"'\"\nquote = \"'\"").contains("the same"));
        assert!(reason("[files.a.dates]\nborn = \"yesterday\"").contains("no order of dates"));
        let rules = Mapping::parse("[files.a.columns]\nx = \"nothing\"").unwrap();
        let file = &schema("accounts").unwrap().files[0];
        let error = match_labels(&["x".into()], file, rules.file("a.csv")).unwrap_err();
        assert!(error.to_string().contains("accounts has no column 'nothing'"));
    }

    #[test]
    fn orders_of_dates_are_read() {
        let order = DateOrder::parse;
        assert_eq!(order("dd.MM.yyyy"), Some(DateOrder::DayMonthYear));
        assert_eq!(order("M/d/yyyy"), Some(DateOrder::MonthDayYear));
        assert_eq!(order("yyyy-MM-dd"), Some(DateOrder::YearMonthDay));
        assert_eq!([order("dd.yyyy"), order(""), order("yyyy-dd-MM")], [None; 3]);
    }
}
