//! Where in a template something stands.

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The place of a byte.
pub(super) fn place(source: &str, at: usize) -> Place {
    let before = source.get(..at).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The first use of a field, inside `{{ }}` or `{% %}`.
pub(super) fn field(source: &str, name: &str) -> Option<Place> {
    // A field of a field may be written in several ways; its first name is there for certain.
    let first = name.split('.').next().unwrap_or(name);
    [name, first]
        .into_iter()
        .find_map(|name| in_tags(source, name))
}

fn in_tags(source: &str, name: &str) -> Option<Place> {
    let mut from = 0;
    while let Some(open) = source[from..]
        .find("{{")
        .into_iter()
        .chain(source[from..].find("{%"))
        .min()
    {
        let begin = from + open + 2;
        let close = if source[..begin].ends_with("{{") {
            "}}"
        } else {
            "%}"
        };
        let end = source[begin..]
            .find(close)
            .map_or(source.len(), |at| begin + at);
        if let Some(at) = word(&source[begin..end], name) {
            return Some(place(source, begin + at));
        }
        from = end;
    }
    None
}

/// Where `name` stands by itself, not as a part of a longer one.
fn word(text: &str, name: &str) -> Option<usize> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        !is_part(before) && before != Some('.') && !is_part(text[at + name.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_a_tag_and_nowhere_else() {
        let source = "name\n{{ first_name }} é {{ x.name }} {%if name%}";
        let place = field(source, "name").expect("found");
        assert_eq!((place.line, place.column), (2, 38));
        assert_eq!(field(source, "nme"), None);
        assert_eq!(
            field("{{ a .b }}", "a.b"),
            Some(Place { line: 1, column: 4 })
        );
    }
}
