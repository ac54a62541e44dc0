//! SPDX expressions, as packages say which licences they come under.

/// Whether an SPDX expression can be met with permitted licences alone: one side of each `OR`, both of each `AND`.
///
/// `/` is the `OR` of old manifests. An exception (`WITH …`) only widens a licence, so it is read over.
#[must_use]
pub fn is_met(expression: &str, permitted: impl Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, permitted: &permitted };
    let met = reader.any();
    met && reader.words.is_empty()
}

struct Reader<'a> {
    words: &'a [&'a str],
    permitted: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_> {
    fn any(&mut self) -> bool {
        let mut met = self.all();
        while self.take("OR") {
            met |= self.all();
        }
        met
    }

    fn all(&mut self) -> bool {
        let mut met = self.one();
        while self.take("AND") {
            met &= self.one();
        }
        met
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let met = self.any();
            return self.take(")") && met;
        }
        let Some((licence, rest)) = self.words.split_first() else { return false };
        self.words = rest;
        if self.take("WITH") {
            self.words = self.words.get(1..).unwrap_or_default();
        }
        (self.permitted)(licence)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_met;

    fn is_permitted(expression: &str) -> bool {
        is_met(expression, |licence| ["Apache-2.0", "MIT", "Unicode-3.0"].contains(&licence))
    }

    /// If this fails, a licence that binds the app's author slips in, or a harmless crate is refused.
    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "LGPL-2.1-or-later OR MIT",
        ] {
            assert!(is_permitted(expression), "{expression}");
        }
        for expression in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND AGPL-3.0", "", "MIT Apache-2.0"] {
            assert!(!is_permitted(expression), "{expression}");
        }
    }
}
