//! Rules that bind the cells of a row, or rows, together.

use super::Fault;
use super::cause::Cause;
use super::ids::Hashes;
use super::judge::{Judge, Shared};
use super::value::Day;
use crate::read::Row;
use crate::schema::Rule;

/// A rule with the places of its columns.
pub(crate) enum BoundRule {
    DateOrder(usize, usize, bool),
    SameLength(usize, usize),
    TrueOnlyFor(usize, usize, &'static str),
    SortWhen(usize, usize, &'static str, u32),
    Agrees(usize, usize),
    Once(Vec<usize>, Option<(usize, &'static str)>, Hashes),
}

impl Judge {
    pub(super) fn bound_rules(&mut self, shared: &mut Shared, row: &Row<'_>) {
        let mut bound = std::mem::take(&mut self.bound);
        for rule in &mut bound {
            // A cell that is wrong by itself is not told a second time by what it is bound to.
            let is_wrong_already =
                |fault: &Fault| fault.column.is_some_and(|at| rule.columns().contains(&at));
            if self.faults.iter().any(is_wrong_already) {
                continue;
            }
            let broken = match rule {
                BoundRule::DateOrder(from, to, strictly) => {
                    let (from, to) = (self.value(row, *from), self.value(row, *to));
                    let is_wrong = !from.is_empty()
                        && !to.is_empty()
                        && matches!((day(from), day(to)), (Some(a), Some(b)) if b < a || (*strictly && a == b));
                    is_wrong.then_some((Cause::DateOrder, 1))
                }
                BoundRule::SameLength(one, other) => {
                    let (one, other) = (self.value(row, *one), self.value(row, *other));
                    let entries = |list: &[u8]| memchr::memchr_iter(b',', list).count();
                    let is_wrong = !one.is_empty() && !other.is_empty() && entries(one) != entries(other);
                    is_wrong.then_some((Cause::SameLength, 1))
                }
                BoundRule::TrueOnlyFor(flag, word, only) => {
                    let is_wrong =
                        self.value(row, *flag) == b"true" && self.value(row, *word) != only.as_bytes();
                    is_wrong.then_some((Cause::TrueOnlyFor, 0))
                }
                BoundRule::SortWhen(reference, other, word, sorts) => {
                    let (sort, _) = self.seen(row, *reference);
                    let is_wrong =
                        sort != 0 && self.value(row, *other) == word.as_bytes() && *sorts & (1 << sort) == 0;
                    is_wrong.then_some((Cause::SortWhen, 0))
                }
                BoundRule::Agrees(reference, mine) => {
                    let (_, theirs) = self.seen(row, *reference);
                    let mine = self.value(row, *mine);
                    let is_wrong = theirs != 0 && !mine.is_empty() && theirs != shared.hashing.of(mine);
                    is_wrong.then_some((Cause::Agrees, 1))
                }
                BoundRule::Once(columns, among, seen) => {
                    let counts =
                        among.is_none_or(|(column, word)| self.value(row, column) == word.as_bytes());
                    let mut key = Vec::new();
                    for column in columns.iter() {
                        key.extend_from_slice(self.value(row, *column));
                        key.push(0x1f);
                    }
                    let is_wrong = counts && self.faults.is_empty() && !seen.insert(shared.hashing.of(&key));
                    is_wrong.then_some((Cause::Once, 0))
                }
            };
            if let Some((cause, which)) = broken {
                let column = rule.columns().get(which).copied();
                let text = column.map(|column| self.shown(row, column)).unwrap_or_default();
                self.problem(shared, cause, column, row.number, || text);
            }
        }
        self.bound = bound;
    }

    /// What is known of the record that a reference of this row names; nothing where it names none.
    fn seen(&self, row: &Row<'_>, column: usize) -> (u32, u64) {
        let is_good = !self.value(row, column).is_empty() && !self.hits.iter().any(|(_, at)| *at == column);
        self.columns.get(column).filter(|_| is_good).map(|bound| bound.seen.get()).unwrap_or_default()
    }
}

impl BoundRule {
    fn columns(&self) -> Vec<usize> {
        match self {
            Self::DateOrder(a, b, _) | Self::SameLength(a, b) | Self::TrueOnlyFor(a, b, _) => vec![*a, *b],
            Self::SortWhen(a, b, ..) | Self::Agrees(a, b) => vec![*a, *b],
            Self::Once(columns, ..) => columns.clone(),
        }
    }
}

pub(super) fn bind(
    rule: Rule,
    at: &dyn Fn(&str) -> Option<usize>,
    sorts: &dyn Fn(&str, &[&str]) -> u32,
) -> Option<BoundRule> {
    match rule {
        Rule::DateOrder(from, to, strictly) => Some(BoundRule::DateOrder(at(from)?, at(to)?, strictly)),
        Rule::SameLength(one, other) => Some(BoundRule::SameLength(at(one)?, at(other)?)),
        Rule::TrueOnlyFor(flag, word, only) => Some(BoundRule::TrueOnlyFor(at(flag)?, at(word)?, only)),
        Rule::SortWhen(reference, (other, word), allowed) => {
            Some(BoundRule::SortWhen(at(reference)?, at(other)?, word, sorts(reference, allowed)))
        }
        Rule::Agrees(reference, _, mine) => Some(BoundRule::Agrees(at(reference)?, at(mine)?)),
        Rule::Once(columns, among) => {
            let columns = columns.iter().map(|name| at(name)).collect::<Option<Vec<_>>>()?;
            let among = match among {
                Some((column, word)) => Some((at(column)?, word)),
                None => None,
            };
            Some(BoundRule::Once(columns, among, Hashes::default()))
        }
        // These are asked where the cell is judged.
        Rule::Sort(..) | Rule::Shared(_) | Rule::NotItself(_) => None,
    }
}

fn day(value: &[u8]) -> Option<Day> {
    Day::iso(value).or_else(|| Day::us(value))
}
