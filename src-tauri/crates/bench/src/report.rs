//! What a slice prints: figures with their goals, tables and remarks, as JSON.

use serde::Serialize;

use crate::harness::{Pair, Samples};

/// What one slice measured.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How it was measured, one paragraph.
    pub about: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// How they grow.
    pub tables: Vec<Table>,
}

/// Samples in short.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Stats {
    median: f64,
    min: f64,
    max: f64,
    samples: usize,
}

impl From<&Samples> for Stats {
    fn from(samples: &Samples) -> Self {
        Self { median: samples.median(), min: samples.min(), max: samples.max(), samples: samples.len() }
    }
}

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The ratio to the reference, at most.
    RatioAtMost(f64),
    /// The ratio to the reference, at least.
    RatioAtLeast(f64),
    /// The largest sample, at most, in the figure's unit.
    AtMost(f64),
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    what: String,
    unit: &'static str,
    ours: Stats,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    /// Why the goal is missed; there only where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

impl Figure {
    /// Ours beside a reference.
    pub fn paired(
        what: impl Into<String>,
        unit: &'static str,
        pair: &Pair,
        against: impl Into<String>,
    ) -> Self {
        Self {
            against: Some(against.into()),
            reference: Some((&pair.reference).into()),
            ratio: Some(pair.ratio()),
            ..Self::alone(what, unit, &pair.ours)
        }
    }

    /// Ours by itself.
    pub fn alone(what: impl Into<String>, unit: &'static str, ours: &Samples) -> Self {
        Self {
            what: what.into(),
            unit,
            ours: ours.into(),
            against: None,
            reference: None,
            ratio: None,
            goal: None,
            met: None,
            because: None,
        }
    }

    /// With what it must be.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.met = match goal {
            Goal::RatioAtMost(most) => self.ratio.map(|ratio| ratio <= most),
            Goal::RatioAtLeast(least) => self.ratio.map(|ratio| ratio >= least),
            Goal::AtMost(most) => Some(self.ours.max <= most),
        };
        self.goal = Some(goal);
        self
    }

    /// With why, should the goal be missed.
    #[must_use]
    pub fn because(mut self, why: &str) -> Self {
        if self.met == Some(false) {
            self.because = Some(why.to_owned());
        }
        self
    }
}

/// A table, most often of how something grows.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Heads of its columns.
    pub columns: Vec<String>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|head| (*head).to_owned()).collect();
        Self { title: title.to_owned(), columns, rows: Vec::new() }
    }

    /// One quantity at each size, and by how much the last is larger than the first.
    pub fn growth(&mut self, what: &str, values: &[f64]) {
        let factor = match (values.first(), values.last()) {
            (Some(first), Some(last)) if *first > 0.0 => format!("{:.1}x", last / first),
            _ => String::new(),
        };
        let values = values.iter().map(|value| short(*value));
        self.rows.push(std::iter::once(what.to_owned()).chain(values).chain([factor]).collect());
    }
}

/// Three digits that count.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(ours: f64, reference: f64) -> Figure {
        let pair = Pair { ours: [ours].into_iter().collect(), reference: [reference].into_iter().collect() };
        Figure::paired("one", "ms", &pair, "another")
    }

    #[test]
    fn a_goal_is_met_at_its_limit_and_missed_beyond_it() {
        assert_eq!(paired(3.0, 2.0).goal(Goal::RatioAtMost(1.5)).met, Some(true));
        assert_eq!(paired(3.1, 2.0).goal(Goal::RatioAtMost(1.5)).met, Some(false));
        assert_eq!(paired(0.9, 2.0).goal(Goal::RatioAtLeast(0.5)).met, Some(false));
        assert_eq!(paired(3.0, 2.0).goal(Goal::AtMost(2.0)).met, Some(false));
    }

    #[test]
    fn a_reason_is_given_only_where_a_goal_is_missed() {
        assert!(paired(1.0, 1.0).goal(Goal::RatioAtMost(1.5)).because("slow").because.is_none());
        assert!(paired(2.0, 1.0).goal(Goal::RatioAtMost(1.5)).because("slow").because.is_some());
    }
}
