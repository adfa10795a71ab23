//! When to lock because nobody is there.

use cairn_domain::Time;
use chrono::Duration;

/// Since when nobody used the window. Counts by the wall clock, so that time asleep counts too; a
/// clock that is set back only makes it wait for longer.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    since: Time,
    limit: Duration,
}

impl Idle {
    /// Used last at `now`, over after `limit`.
    pub fn since(now: Time, limit: Duration) -> Self {
        Self { since: now, limit }
    }

    /// Somebody uses it.
    pub fn used(&mut self, now: Time) {
        self.since = now;
    }

    /// Somebody wants another limit; it counts from the last use on.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Whether it is time to lock.
    pub fn is_over(&self, now: Time) -> bool {
        now - self.since >= self.limit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn it_locks_after_a_quarter_of_an_hour_without_use() {
        let start: Time = "2026-03-02T12:00:00Z".parse().unwrap();
        let at = |minutes| start + Duration::minutes(minutes);
        let mut idle = Idle::since(start, Duration::minutes(15));
        assert!(!idle.is_over(at(14)));
        assert!(idle.is_over(at(15)));
        idle.used(at(14));
        assert!(!idle.is_over(at(28)));
        assert!(idle.is_over(at(29)));
        assert!(!idle.is_over(at(-60)), "a clock set back locks nobody out");
        idle.set_limit(Duration::minutes(1));
        assert!(!idle.is_over(at(14)));
        assert!(idle.is_over(at(15)), "from the last use on");
    }
}
