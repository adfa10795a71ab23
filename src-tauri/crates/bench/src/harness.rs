//! Several measurements of one thing, and pairs of them made in turn.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Measurements of one thing, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that a share of them does not exceed, e.g. 0.95; 0 where there is none.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        sorted.get((share * last).round() as usize).copied().unwrap_or_default()
    }

    /// The middle one; of an even number the upper one of the two.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The smallest one.
    pub fn min(&self) -> f64 {
        self.quantile(0.0)
    }

    /// The largest one.
    pub fn max(&self) -> f64 {
        self.quantile(1.0)
    }
}

/// Ours and the reference, measured in turn: the nth of each were made right after one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Ours.
    pub ours: Samples,
    /// What it is held against.
    pub reference: Samples,
}

impl Pair {
    /// The middle one of the rounds' ratios, ours over the reference. What else the machine did
    /// meanwhile met both halves of a round, so this says more than the ratio of the two medians.
    pub fn ratio(&self) -> f64 {
        self.ours
            .0
            .iter()
            .zip(&self.reference.0)
            .map(|(ours, other)| ours / other)
            .collect::<Samples>()
            .median()
    }
}

/// Makes `rounds` measurements of each, in turn; every other round begins with the reference.
///
/// # Errors
/// The first measurement that fails.
pub fn in_turn<A, B>(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Result<A>,
    mut reference: impl FnMut(usize) -> Result<B>,
) -> Result<Vec<(A, B)>> {
    let mut out = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let both = if round % 2 == 0 {
            let first = ours(round)?;
            (first, reference(round)?)
        } else {
            let first = reference(round)?;
            (ours(round)?, first)
        };
        out.push(both);
    }
    Ok(out)
}

/// One number of each round of [`in_turn`].
pub fn pair<A, B>(rounds: &[(A, B)], ours: impl Fn(&A) -> f64, reference: impl Fn(&B) -> f64) -> Pair {
    Pair {
        ours: rounds.iter().map(|(a, _)| ours(a)).collect(),
        reference: rounds.iter().map(|(_, b)| reference(b)).collect(),
    }
}

/// How long something took.
///
/// # Errors
/// Its own.
pub fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let started = Instant::now();
    let done = work()?;
    Ok((done, started.elapsed()))
}

/// Milliseconds, with their fraction.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Milliseconds that each of `count` runs of something took.
///
/// # Errors
/// The first that fails.
pub fn each(count: usize, mut work: impl FnMut(usize) -> Result<()>) -> Result<Samples> {
    (0..count)
        .map(|n| timed(|| work(n)).map(|((), took)| ms(took)).with_context(|| format!("run {n}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle_of_any_order() {
        let samples: Samples = [5.0, 1.0, 3.0].into_iter().collect();
        assert_eq!((samples.min(), samples.median(), samples.max()), (1.0, 3.0, 5.0));
        assert_eq!(Samples::default().median(), 0.0);
    }

    #[test]
    fn the_ratio_is_taken_round_by_round() {
        // In the second round the machine was three times slower, for both.
        let rounds = [(2.0, 1.0), (6.0, 3.0), (2.0, 1.0)];
        assert_eq!(pair(&rounds, |a| *a, |b| *b).ratio(), 2.0);
    }

    #[test]
    fn rounds_begin_with_either_in_turn() {
        let order = std::cell::RefCell::new(String::new());
        let note = |letter| {
            order.borrow_mut().push(letter);
            Ok(())
        };
        assert!(in_turn(3, |_| note('a'), |_| note('b')).is_ok());
        assert_eq!(*order.borrow(), "abbaab");
    }
}
