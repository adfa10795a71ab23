//! How much one request carries.

use std::fmt;
use std::str::FromStr;

/// How many ops a request pushes and how many entries its reply may bring.
///
/// Round trips are what costs on a good line, so it begins with all there is. On a line that breaks
/// off or is too slow for that, half of a thing is worth more than a second attempt at all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Batch(u64);

impl Batch {
    /// All that a service gives at once.
    pub const MOST: Self = Self(cairn_protocol::MAX_PAGE as u64);
    /// A line that cannot carry these, a few kilobytes, carries nothing. More would be too many where
    /// people wrote long comments: nothing would ever come through.
    pub const LEAST: Self = Self(10);

    /// This many at first, and at least one; the simulator begins with very few.
    pub fn at_first(ops: u64) -> Self {
        Self(ops.max(1)).min(Self::MOST)
    }

    /// As a number of ops or entries.
    pub fn ops(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// After a request that came through.
    pub fn larger(self) -> Self {
        Self(self.0 * 2).min(Self::MOST)
    }

    /// After one that broke off on its way, or took too long.
    pub fn smaller(self) -> Self {
        Self(self.0 / 4).max(Self::LEAST)
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::MOST
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Batch {
    type Err = std::num::ParseIntError;

    /// What [`Batch`] displays; anything outside the bounds becomes the bound.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().parse()?).clamp(Self::LEAST, Self::MOST))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_stays_within_its_bounds_and_comes_back() {
        let mut batch = Batch::MOST;
        for _ in 0..10 {
            batch = batch.smaller();
        }
        assert_eq!(batch, Batch::LEAST);
        assert_eq!(batch.to_string().parse::<Batch>().unwrap(), batch);
        for _ in 0..10 {
            batch = batch.larger();
        }
        assert_eq!(batch, Batch::MOST);
        assert_eq!("1".parse::<Batch>().unwrap(), Batch::LEAST);
        assert_eq!("99999999999".parse::<Batch>().unwrap(), Batch::MOST);
        assert!("many".parse::<Batch>().is_err());
    }
}
