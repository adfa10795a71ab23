//! When to try again after a failure: doubling, capped, with jitter so that a school full of
//! laptops does not come back at the same moment.

use std::time::Duration;

use rand::Rng;

/// The first pause.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);

/// Pauses between attempts. Holds no clock; the caller waits.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure: between half and all of 2 s, 4 s, 8 s ... up to 5 min.
    pub fn failed(&mut self, rng: &mut impl Rng) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        whole.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// Starts over after a success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_start_over() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.failed(&mut rng)).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let whole = Duration::from_secs(2 << n.min(10)).min(LONGEST);
            assert!(*pause >= whole / 2 && *pause <= whole, "{n}: {pause:?}");
        }
        backoff.succeeded();
        assert!(backoff.failed(&mut rng) <= FIRST);
    }
}
