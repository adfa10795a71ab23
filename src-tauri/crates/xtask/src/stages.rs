//! Named stages, one after another, each timed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Runs stages in order and remembers how long each took.
#[derive(Debug, Default)]
pub struct Stages {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    note: &'static str,
}

/// How a stage that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work.
    Done,
    /// There is nothing of its kind in this checkout; the table says so with these words.
    Absent(&'static str),
}

impl Stages {
    /// Runs one stage.
    ///
    /// # Errors
    /// The stage's own, with its name; the row is kept for the table.
    pub fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<Outcome>) -> Result<()> {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = stage();
        let note = match &outcome {
            Ok(Outcome::Done) => "ok",
            Ok(Outcome::Absent(why)) => why,
            Err(_) => "FAILED",
        };
        self.rows.push(Row { name, took: start.elapsed(), note });
        outcome.map(|_| ()).with_context(|| format!("stage `{name}` failed"))
    }

    /// Minutes per stage and in total.
    #[must_use]
    pub fn table(&self) -> String {
        let total = self.rows.iter().map(|row| row.took).sum::<Duration>();
        let mut lines = vec![format!("{:<14}{:>8}", "stage", "minutes")];
        lines.extend(self.rows.iter().map(|row| line(row.name, row.took, row.note)));
        lines.push(line("total", total, ""));
        lines.join("\n")
    }
}

fn line(name: &str, took: Duration, note: &str) -> String {
    format!("{name:<14}{:>8.1}  {note}", took.as_secs_f64() / 60.0).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn the_table_names_what_ran_what_is_absent_and_what_failed() {
        let mut stages = Stages::default();
        assert!(stages.run("one", || Ok(Outcome::Done)).is_ok());
        assert!(stages.run("two", || Ok(Outcome::Absent("none here"))).is_ok());
        let failed = stages.run("three", || bail!("broken"));
        assert_eq!(
            failed.map_err(|error| format!("{error:#}")),
            Err("stage `three` failed: broken".to_owned())
        );
        let table = stages.table();
        assert_eq!(
            table,
            "stage          minutes\none                0.0  ok\ntwo                0.0  none here\n\
             three              0.0  FAILED\ntotal              0.0"
        );
    }
}
