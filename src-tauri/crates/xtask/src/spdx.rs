//! Licence expressions: just enough of SPDX to answer "may we use this?".

/// Whether `expression` can be met using only licences that `allowed` accepts. `AND` needs both
/// sides, `OR` (and the old `/`) either; `WITH` belongs to the licence before it. An expression
/// that does not parse is not met.
#[must_use]
pub fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let words = words(expression);
    let mut reader = Reader { words: &words, allowed };
    let met = reader.any_of();
    reader.words.is_empty() && met == Some(true)
}

fn words(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Recursive descent; `None` is a syntax error.
struct Reader<'a> {
    words: &'a [String],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_> {
    fn any_of(&mut self) -> Option<bool> {
        let mut met = self.all_of()?;
        while self.take("OR") {
            met |= self.all_of()?;
        }
        Some(met)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let met = self.any_of()?;
            return self.take(")").then_some(met);
        }
        let licence = self.next().filter(|word| !matches!(*word, "AND" | "OR" | "WITH" | ")"))?.to_owned();
        if !self.take("WITH") {
            return Some((self.allowed)(&licence));
        }
        let exception = self.next()?.to_owned();
        Some((self.allowed)(&format!("{licence} WITH {exception}")))
    }

    fn next(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first().is_some_and(|first| first == word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_met;

    fn with_mit_and_isc(expression: &str) -> bool {
        is_met(expression, &|licence| matches!(licence, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception"))
    }

    #[test]
    fn either_side_of_or_is_enough() {
        assert!(with_mit_and_isc("GPL-3.0 OR MIT"));
        assert!(with_mit_and_isc("GPL-3.0/MIT"));
        assert!(with_mit_and_isc("Apache-2.0 / MIT"));
        assert!(!with_mit_and_isc("GPL-3.0 OR MPL-2.0"));
    }

    #[test]
    fn and_needs_both_and_binds_tighter() {
        assert!(with_mit_and_isc("MIT AND ISC"));
        assert!(!with_mit_and_isc("MIT AND GPL-3.0"));
        assert!(with_mit_and_isc("GPL-3.0 AND ISC OR MIT"));
        assert!(!with_mit_and_isc("GPL-3.0 AND (ISC OR MIT)"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(with_mit_and_isc("Apache-2.0 WITH LLVM-exception"));
        assert!(!with_mit_and_isc("MIT WITH Odd-exception"));
    }

    #[test]
    fn nonsense_is_refused() {
        for nonsense in ["", "MIT MIT", "(MIT", "MIT OR", "AND", "MIT )", "WITH MIT"] {
            assert!(!with_mit_and_isc(nonsense), "{nonsense}");
        }
    }
}
