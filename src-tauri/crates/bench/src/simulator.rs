//! The simulator's speed, from what its own program says.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::Size;
use crate::harness::Samples;
use crate::report::{Figure, Report};
use crate::stage::beside;

/// How many seeds count as a full run.
const FULL: f64 = 10_000.0;

/// Measures.
///
/// # Errors
/// A seed fails, or the program was not built.
pub fn run(size: Size) -> Result<Report> {
    let seeds = size.of(300, 10);
    let runs: Vec<(f64, f64)> =
        (0..size.of(3, 1)).map(|n| speed(1_000_000 + n * seeds, seeds)).collect::<Result<_>>()?;
    let ops: Samples = runs.iter().map(|(ops, _)| *ops).collect();
    let minutes: Samples = runs.iter().map(|(_, seeds)| FULL / seeds / 60.0).collect();
    Ok(Report {
        about: format!(
            "Runs of {seeds} new seeds each, on all processors, built in release. `cargo xtask sim` builds its core \
             at opt-level 2 instead, to spare the link. The minutes for 10,000 seeds are projected from the seeds a \
             second."
        ),
        figures: vec![
            Figure::alone("ops that laptops wrote", "1/s", &ops),
            Figure::alone("10,000 seeds", "min", &minutes),
        ],
        tables: Vec::new(),
    })
}

/// Ops and seeds a second.
fn speed(first: usize, seeds: usize) -> Result<(f64, f64)> {
    let mut command = Command::new(beside("sim")?);
    command.args(["--seeds", &seeds.to_string(), "--first", &first.to_string()]);
    // The seeds that once found a fault run in every other run; here only the new ones count.
    let output = command.args(["--seed-list", "/dev/null"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the simulator found something: {said}");
    let line = said.lines().last().context("the simulator says nothing")?;
    read(line).with_context(|| format!("the simulator says '{line}'"))
}

/// `300 seeds, 60000 ops, 90000 steps in 12.0 s: 25.0 seeds a second, 0 failed`
fn read(line: &str) -> Option<(f64, f64)> {
    let number_before =
        |word: &str| -> Option<f64> { line.split(word).next()?.split(' ').next_back()?.parse().ok() };
    let (ops, seconds) = (number_before(" ops")?, number_before(" s: ")?);
    Some((ops / seconds, number_before(" seeds,")? / seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulators_last_line_is_read() {
        let line = "300 seeds, 60000 ops, 90000 steps in 12.0 s: 25.0 seeds a second, 0 failed";
        assert_eq!(read(line), Some((5_000.0, 25.0)));
        assert_eq!(read("nothing of the kind"), None);
    }
}
