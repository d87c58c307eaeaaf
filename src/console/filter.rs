//! The filter of a list: words that must all match, `!word` for what must not, `field:word` for one
//! column, each a regular expression where it is one.

use regex::{Regex, RegexBuilder};

/// A compiled pattern may take up to this many bytes; a longer one is matched as plain text.
const MOST_BYTES: usize = 1 << 18;

#[derive(Debug, Clone)]
struct Term {
    /// Lower case, as the beginning of a heading.
    field: Option<String>,
    inverse: bool,
    pattern: Regex,
}

/// A filter as it was typed, and what it means.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    text: String,
    terms: Vec<Term>,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// Never fails: what is no regular expression is plain text. `fields` are the headings.
    pub(super) fn new(text: &str, fields: &[&str]) -> Self {
        Self {
            text: text.to_owned(),
            terms: text
                .split_whitespace()
                .filter_map(|word| term(word, fields))
                .collect(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True when a row with these cells below these headings passes.
    pub(super) fn passes<'a>(
        &self,
        headings: &[&str],
        cells: impl Iterator<Item = &'a str> + Clone,
    ) -> bool {
        self.terms.iter().all(|term| {
            let found = cells.clone().zip(headings).any(|(cell, heading)| {
                let asked = term
                    .field
                    .as_ref()
                    .is_none_or(|field| heading.to_lowercase().starts_with(field.as_str()));
                asked && term.pattern.is_match(cell)
            });
            found != term.inverse
        })
    }
}

fn term(word: &str, fields: &[&str]) -> Option<Term> {
    let (inverse, word) = match word.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    // Only a real heading makes a field: ids and keys hold colons too.
    let field = word.split_once(':').and_then(|(name, rest)| {
        let name = name.to_lowercase();
        let known = !name.is_empty()
            && fields
                .iter()
                .any(|f| f.to_lowercase().starts_with(name.as_str()));
        known.then_some((name, rest))
    });
    let (field, word) = match field {
        Some((name, rest)) => (Some(name), rest),
        None => (None, word),
    };
    if word.is_empty() {
        return None;
    }
    let compiled = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(MOST_BYTES)
            .build()
    };
    let pattern = compiled(word)
        .or_else(|_| compiled(&regex::escape(word)))
        .ok()?;
    Some(Term {
        field,
        inverse,
        pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_inverses_fields_and_regular_expressions() {
        let headings = ["id", "stream", "held by"];
        let row = ["17-0", "email-notification", "host-41 Ann"];
        for (text, passes) in [
            ("", true),
            ("email", true),
            ("EMAIL ann", true),
            ("email bob", false),
            ("!bob", true),
            ("!ann", false),
            ("stream:email", true),
            ("held:email", false),
            ("!held:email", true),
            ("^email-", true),
            ("host-4[12]", true),
            ("id:^17-0$", true),
            ("unknown:17", false),
            ("host-41[", false),
            ("!", true),
            ("stream:", true),
            ("comms:0", false),
        ] {
            let filter = Filter::new(text, &headings);
            assert_eq!(
                filter.passes(&headings, row.iter().copied()),
                passes,
                "{text:?}"
            );
        }
    }
}
