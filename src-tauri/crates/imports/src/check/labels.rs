//! The labels of a file: what is wrong with them, and the columns that follow.

use super::cause::{Cause, Fix, Fixes, Severity};
use super::file::Run;
use super::judge::Bound;
use super::value::{self, is_invisible};
use crate::map::{DateOrder, FileRules, How, Matched, said};
use crate::read::{Head, Table};
use crate::schema::{FileSchema, Holds, Need, Rule};

impl Run<'_> {
    /// Notes what is wrong with the labels; false where rows cannot be judged.
    pub(super) fn labels(
        &mut self,
        table: &Table,
        head: &Head,
        file: &FileSchema,
        matched: &[Matched],
    ) -> bool {
        let name = &table.name;
        let one = |label: &str| (1, label.to_owned());
        if head.labels.is_empty() {
            self.notes.add_all(Cause::NoHeader, name, None, vec![one("")]);
            return false;
        }
        let blank: Vec<(u64, String)> = matched
            .iter()
            .enumerate()
            .filter(|(_, m)| is_blank(&m.label))
            .map(|(at, _)| one(&format!("column {}", at + 1)))
            .collect();
        self.notes.add_all(Cause::BlankLabel, name, None, blank);
        for (at, label) in matched.iter().enumerate() {
            let before = matched.iter().take(at).any(|other| other.label == label.label);
            if before && !is_blank(&label.label) {
                self.notes.add_all(Cause::DuplicateLabel, name, Some(&label.label), vec![one(&label.label)]);
            }
        }
        self.unmapped(name, file, matched);
        self.spelled(name, file, matched);
        self.missing(name, file, matched)
    }

    /// Labels that the format does not know, with what they may be.
    fn unmapped(&mut self, name: &str, file: &FileSchema, matched: &[Matched]) {
        for (at, label) in matched.iter().enumerate() {
            let is_repeated = matched.iter().take(at).any(|other| other.label == label.label);
            let is_free = label.label.starts_with("metadata.") && self.schema.asks.exact_labels;
            if label.is_mapped() || label.is_left_out || is_blank(&label.label) || is_repeated || is_free {
                continue;
            }
            let likely =
                label.column.filter(|_| label.how == How::Fuzzy).and_then(|place| file.columns.get(place));
            let places = vec![(1, label.label.clone())];
            let is_lenient = !self.schema.asks.exact_labels;
            let Some(problem) = self.notes.add_all(Cause::ExtraLabel, name, Some(&label.label), places)
            else {
                continue;
            };
            if is_lenient {
                problem.severity = Severity::Warning.word().to_owned();
            }
            if let Some(column) = likely {
                let sure = (label.confidence * 100.0).round();
                problem.suggestion = format!(
                    "it may be {} ({sure} % alike): say so in a mapping file, or remove the column",
                    column.name
                );
            }
        }
    }

    /// Labels that are not the specification's own, and their order.
    fn spelled(&mut self, name: &str, file: &FileSchema, matched: &[Matched]) {
        for label in matched.iter().filter(|m| m.how == How::Alias) {
            let Some(column) = label.column.and_then(|place| file.columns.get(place)) else { continue };
            let is_odd = label.label.contains(is_invisible) || label.label.trim() != label.label;
            let is_older = column.aliases.contains(&label.label.as_str());
            if is_odd || (self.schema.asks.exact_labels && !is_older) {
                let places = vec![(1, label.label.clone())];
                if let Some(problem) = self.notes.add_all(Cause::OtherLabel, name, Some(&label.label), places)
                {
                    problem.suggestion = format!("rename the column to {}", column.name);
                }
            }
        }
        let order: Vec<usize> = matched.iter().filter(|m| m.is_mapped()).filter_map(|m| m.column).collect();
        let is_metadata = |m: &&Matched| m.label.starts_with("metadata.");
        let behind = matched.iter().skip_while(|m| !is_metadata(m)).any(|m| m.is_mapped());
        if self.schema.asks.column_order && (!order.is_sorted() || behind) {
            self.notes.add_all(Cause::LabelOrder, name, None, vec![(1, String::new())]);
        }
    }

    /// Columns that are not there; false where a required one is missing.
    fn missing(&mut self, name: &str, file: &FileSchema, matched: &[Matched]) -> bool {
        let is_there = |place: usize| matched.iter().any(|m| m.is_mapped() && m.column == Some(place));
        let mut optional = Vec::new();
        let mut is_usable = true;
        let missing = file.columns.iter().enumerate().filter(|(place, _)| !is_there(*place));
        for column in missing.map(|(_, column)| column) {
            match column.need {
                Need::Cell | Need::Label => {
                    is_usable &= column.need != Need::Cell;
                    let places = vec![(1, column.name.to_owned())];
                    self.notes.add_all(Cause::MissingLabel, name, Some(column.name), places);
                }
                Need::Delta | Need::None => optional.push((1, column.name.to_owned())),
            }
        }
        if self.schema.asks.column_order {
            self.notes.add_all(Cause::MissingOptionalLabel, name, None, optional);
        }
        is_usable
    }

    /// The columns that are read, those of the key first.
    pub(super) fn bind(
        &self,
        table: &Table,
        head: &Head,
        file: &'static FileSchema,
        matched: &[Matched],
    ) -> Vec<Bound> {
        let rules = self.options.mapping.file(&table.name);
        let mut columns: Vec<Bound> = Vec::new();
        for (index, label) in matched.iter().enumerate().filter(|(_, m)| m.is_mapped()) {
            let Some(column) = label.column.and_then(|place| file.columns.get(place)) else { continue };
            let mut bound = Bound::new(column, label.label.clone(), index, Fixes::of(self.options.profile));
            if let Holds::Ref(kind) | Holds::Refs(kind) = column.holds {
                bound.target = self.schema.place(kind);
            }
            for rule in file.rules {
                match rule {
                    Rule::Shared(name) if *name == column.name => bound.shared = Some(Default::default()),
                    Rule::Sort(name, sorts) if *name == column.name => {
                        bound.sorts = self.sorts(column.holds, sorts)
                    }
                    _ => {}
                }
            }
            if let Some(rules) = rules {
                tell(&mut bound, rules);
            }
            if column.holds == Holds::Date && bound.order.is_none() && bound.may.has(Fix::DateOrder) {
                bound.order = order_of(head, index);
            }
            columns.push(bound);
        }
        let key =
            |bound: &Bound| file.key.iter().position(|name| *name == bound.column.name).unwrap_or(usize::MAX);
        columns.sort_by_key(key);
        columns
    }

    /// Allowed sorts of a record that is referred to, as bits.
    pub(super) fn sorts(&self, holds: Holds, allowed: &[&str]) -> u32 {
        let (Holds::Ref(kind) | Holds::Refs(kind)) = holds else { return 0 };
        let file = self.schema.place(kind).and_then(|place| self.schema.files.get(place));
        let Some(choices) = file.and_then(|f| f.column(f.sort?)).and_then(|c| c.holds.words()) else {
            return 0;
        };
        let bits = choices.iter().enumerate().filter(|(_, choice)| allowed.contains(&choice.word));
        bits.fold(0, |bits, (place, _)| bits | 1 << (place + 1))
    }
}

/// Takes what a mapping file says about a column. What it keeps stays as it is, whatever else it says.
fn tell(bound: &mut Bound, rules: &FileRules) {
    bound.order = said(&rules.dates, bound.column, &bound.label).and_then(|order| DateOrder::parse(order));
    if bound.order.is_some() {
        bound.may = bound.may.with(Fix::DateOrder);
    }
    bound.may = bound.may.without(said(&rules.keep, bound.column, &bound.label).into_iter().flatten());
    if bound.may.has(Fix::Mapped) {
        let values = said(&rules.values, bound.column, &bound.label).into_iter().flatten();
        bound.values = values.map(|(from, to)| (from.clone().into(), to.clone().into())).collect();
    }
}

fn is_blank(label: &str) -> bool {
    value::cleaned(label.as_bytes(), Fixes::ALL).0.is_empty()
}

/// The order of a column's dates, where its first values prove one and none proves the other.
pub(crate) fn order_of(head: &Head, index: usize) -> Option<DateOrder> {
    let mut proven =
        head.rows.iter().filter_map(|row| value::proven_order(row.get(index)?.trim().as_bytes()));
    let first = proven.next()?;
    proven.all(|order| order == first).then_some(first)
}
