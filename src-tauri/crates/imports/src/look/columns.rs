//! What the columns of a table are taken for, and what a person needs to see to say otherwise.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
#[cfg(feature = "types")]
use ts_rs::TS;

use crate::check::{Fixes, Show, is_allowed, is_plain_date, is_unclear_date, order_of};
use crate::error::Result;
use crate::map::{DateOrder, FileRules, Matched, match_labels, said};
use crate::read::Head;
use crate::report::ColumnMapping;
use crate::schema::{Column, FileSchema, Holds, Need};

/// First values that are shown of a column.
const SAMPLES: usize = 3;

/// The most words of one column that are shown to be translated.
const MOST_WORDS: usize = 50;

/// A label of a table, and what it is taken for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct ColumnLook {
    /// The column of the format, and how sure that is.
    #[serde(flatten)]
    pub mapping: ColumnMapping,
    /// The mapping leaves it out.
    pub left_out: bool,
    /// Its first values, each once; in outline where they are about people or nobody knows.
    pub samples: Vec<String>,
    /// Words among the first rows that its column does not know, the most frequent first, and those that
    /// the mapping translates already.
    pub words: Vec<WordLook>,
    /// How its dates are written, where any is not `YYYY-MM-DD`.
    pub dates: Option<DatesLook>,
}

/// A word of a file where the format has others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct WordLook {
    /// As the file writes it.
    pub word: String,
    /// How often it stands in the first rows.
    #[cfg_attr(feature = "types", ts(type = "number"))]
    pub count: u64,
    /// What the mapping says that it means.
    pub meant: Option<String>,
}

/// How the dates of a column are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct DatesLook {
    /// `dd.MM.yyyy`, `MM/dd/yyyy` or `yyyy-MM-dd`; none where nothing proves an order.
    pub order: Option<String>,
    /// The mapping says so.
    pub told: bool,
    /// Some dates can be read in two ways, and nothing says which.
    pub unclear: bool,
}

/// A column that the format has for such records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(TS))]
pub struct FieldLook {
    /// Its name.
    pub name: String,
    /// No row can be imported without it.
    pub required: bool,
    /// The words it may hold; empty where it holds anything else.
    pub words: Vec<String>,
}

/// The columns of `file`, as a person may choose among them.
pub(super) fn fields(file: &FileSchema) -> Vec<FieldLook> {
    let field = |column: &Column| FieldLook {
        name: column.name.to_owned(),
        required: column.need == Need::Cell,
        words: words_of(column.holds).into_iter().map(str::to_owned).collect(),
    };
    file.columns.iter().map(field).collect()
}

/// The labels of a table that holds such records, in the table's order.
pub(super) fn columns(head: &Head, file: &FileSchema, rules: Option<&FileRules>) -> Result<Vec<ColumnLook>> {
    let matched = match_labels(&head.labels, file, rules)?;
    Ok(matched.iter().enumerate().map(|(at, label)| column(head, at, label, file, rules)).collect())
}

/// The labels of a table that the format does not know.
pub(super) fn unknown(head: &Head) -> Vec<ColumnLook> {
    let column = |(at, label): (usize, &String)| ColumnLook {
        mapping: ColumnMapping {
            label: label.clone(),
            column: None,
            how: "none".to_owned(),
            confidence: 0.0,
            mapped: false,
        },
        left_out: false,
        samples: samples(head, at, Show::Outline),
        words: Vec::new(),
        dates: None,
    };
    head.labels.iter().enumerate().map(column).collect()
}

fn column(
    head: &Head,
    at: usize,
    label: &Matched,
    file: &FileSchema,
    rules: Option<&FileRules>,
) -> ColumnLook {
    let column = label.column.filter(|_| label.is_mapped()).and_then(|place| file.columns.get(place));
    ColumnLook {
        mapping: label.shown(file),
        left_out: label.is_left_out,
        samples: samples(head, at, column.map_or(Show::Outline, Show::of)),
        words: column.map(|column| words(head, at, column, label, rules)).unwrap_or_default(),
        dates: column.and_then(|column| dates(head, at, column, label, rules)),
    }
}

/// The values of a column among the first rows that hold anything.
fn values(head: &Head, at: usize) -> impl Iterator<Item = &str> {
    head.rows.iter().filter_map(move |row| row.get(at)).map(|value| value.trim()).filter(|v| !v.is_empty())
}

fn samples(head: &Head, at: usize, show: Show) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let shown = values(head, at).map(|value| show.text(value.as_bytes()));
    shown.filter(|text| seen.insert(text.clone())).take(SAMPLES).collect()
}

fn words(
    head: &Head,
    at: usize,
    column: &Column,
    label: &Matched,
    rules: Option<&FileRules>,
) -> Vec<WordLook> {
    if words_of(column.holds).is_empty() {
        return Vec::new();
    }
    let told = rules.and_then(|rules| said(&rules.values, column, &label.label));
    let kept = rules.and_then(|rules| said(&rules.keep, column, &label.label));
    let may = Fixes::ALL.without(kept.into_iter().flatten());
    let meant = |word: &str| told.and_then(|told| told.get(word)).cloned();
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for word in values(head, at) {
        *counts.entry(word).or_default() += 1;
    }
    let mut words: Vec<WordLook> = counts
        .into_iter()
        .map(|(word, count)| WordLook { word: word.to_owned(), count, meant: meant(word) })
        .filter(|word| word.meant.is_some() || !is_allowed(column.holds, word.word.as_bytes(), may))
        .collect();
    words.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    words.truncate(MOST_WORDS);
    words
}

fn dates(
    head: &Head,
    at: usize,
    column: &Column,
    label: &Matched,
    rules: Option<&FileRules>,
) -> Option<DatesLook> {
    if !matches!(column.holds, Holds::Date | Holds::UsDate) {
        return None;
    }
    let told =
        rules.and_then(|rules| said(&rules.dates, column, &label.label)).and_then(|o| DateOrder::parse(o));
    let order = told.or_else(|| order_of(head, at));
    if told.is_none() && values(head, at).all(|value| is_plain_date(value.as_bytes())) {
        return None;
    }
    Some(DatesLook {
        order: order.map(|order| order.pattern().to_owned()),
        told: told.is_some(),
        unclear: order.is_none() && values(head, at).any(|value| is_unclear_date(value.as_bytes())),
    })
}

fn words_of(holds: Holds) -> Vec<&'static str> {
    match holds {
        Holds::Word(choices) | Holds::WordOrExt(choices) | Holds::AnyCase(choices) => {
            choices.iter().map(|choice| choice.word).collect()
        }
        Holds::Flag | Holds::AnyCaseFlag => vec!["true", "false"],
        _ => Vec::new(),
    }
}
