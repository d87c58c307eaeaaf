//! A text made from a mail's HTML, for readers that show no HTML. One pass, as it is done for every mail.

/// Elements whose content is not read.
const UNREAD: [&str; 4] = ["head", "style", "script", "title"];
/// Elements that stand on lines of their own; with a blank line around them, or without.
const PARAGRAPHS: [&str; 12] = [
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "table",
    "ul",
    "ol",
    "blockquote",
    "pre",
];
const LINES: [&str; 9] = [
    "div", "tr", "li", "br", "section", "header", "footer", "body", "hr",
];

/// The words of an HTML text: paragraphs by blank lines, list items by dashes, links with their address.
pub fn text_of(html: &str) -> String {
    let mut out = Out::default();
    let mut rest = html;
    // The addresses of the links that are open, each with where its words begin.
    let mut links: Vec<(String, usize)> = Vec::new();
    while let Some(at) = rest.find('<') {
        out.words(&rest[..at]);
        let (tag, after) = tag(&rest[at..]);
        rest = after;
        let Some(tag) = tag else {
            out.words("<");
            continue;
        };
        let name = tag.name.as_str();
        if !tag.closes && (tag.hidden || UNREAD.contains(&name)) {
            rest = past_end(rest, name);
        } else if name == "a" {
            if tag.closes {
                if let Some((address, from)) = links.pop() {
                    out.address(&address, from);
                }
            } else {
                links.push((tag.href, out.text.len()));
            }
        } else if PARAGRAPHS.contains(&name) {
            out.breaks(2);
        } else if LINES.contains(&name) {
            out.breaks(1);
            if name == "li" && !tag.closes {
                out.words("- ");
            }
        } else if matches!(name, "td" | "th") && !tag.closes {
            out.blank = true;
        }
    }
    out.words(rest);
    let mut text = out.text.trim().to_owned();
    text.push('\n');
    text
}

#[derive(Default)]
struct Out {
    text: String,
    /// Line breaks and blanks that are due before the next word.
    breaks: usize,
    blank: bool,
}

impl Out {
    fn breaks(&mut self, number: usize) {
        self.breaks = self.breaks.max(number);
    }

    /// Adds words, with white space as a browser shows it.
    fn words(&mut self, html: &str) {
        let text = unescaped(html);
        for (n, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            self.blank |= n > 0;
            if word.is_empty() {
                continue;
            }
            if !self.text.is_empty() {
                match self.breaks {
                    0 if self.blank && !self.text.ends_with(' ') => self.text.push(' '),
                    0 => {}
                    1 => self.text.push('\n'),
                    _ => self.text.push_str("\n\n"),
                }
            }
            self.breaks = 0;
            self.blank = false;
            self.text.push_str(word);
            if word == "-" {
                self.blank = true;
            }
        }
    }

    /// A link's address behind its words, unless they are the address.
    fn address(&mut self, address: &str, from: usize) {
        let shown = self.text.get(from..).unwrap_or("").trim();
        let is_target = address.contains(':') && !address.starts_with('#');
        if is_target && shown != address && address.strip_prefix("mailto:") != Some(shown) {
            self.text.push_str(if shown.is_empty() { "" } else { " " });
            self.text.push_str(&format!("({address})"));
        }
    }
}

#[derive(Default)]
struct Tag {
    name: String,
    closes: bool,
    href: String,
    /// Not shown, such as a preheader.
    hidden: bool,
}

/// Reads the tag, comment or declaration at the beginning of `html`; `None` for a lone `<`.
fn tag(html: &str) -> (Option<Tag>, &str) {
    if let Some(comment) = html.strip_prefix("<!--") {
        let end = comment.find("-->").map_or(comment.len(), |at| at + 3);
        return (Some(Tag::default()), &comment[end..]);
    }
    let inner = &html[1..];
    let is_tag =
        inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    if !is_tag {
        return (None, inner);
    }
    // A > inside quotes doesn't end it.
    let mut quote = None;
    let end = inner.char_indices().find_map(|(at, c)| match (quote, c) {
        (None, '>') => Some(at),
        (None, '"' | '\'') => {
            quote = Some(c);
            None
        }
        (Some(open), c) if open == c => {
            quote = None;
            None
        }
        _ => None,
    });
    let Some(end) = end else {
        return (Some(Tag::default()), "");
    };
    let (text, rest) = (&inner[..end], &inner[end + 1..]);
    let closes = text.starts_with('/');
    let text = text.trim_start_matches('/');
    let name_end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    let style = attribute(&text[name_end..], "style").unwrap_or_default();
    let tag = Tag {
        name: text[..name_end].to_ascii_lowercase(),
        closes,
        href: attribute(&text[name_end..], "href").unwrap_or_default(),
        hidden: style.replace(' ', "").contains("display:none"),
    };
    (Some(tag), rest)
}

fn attribute(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let at = rest.find(name)?;
        let before = rest[..at].chars().next_back();
        let after = rest[at + name.len()..].trim_start();
        rest = &rest[at + name.len()..];
        if !before.is_some_and(|c| c.is_whitespace() || c == '"' || c == '\'') {
            continue;
        }
        let Some(value) = after.strip_prefix('=') else {
            continue;
        };
        let value = value.trim_start();
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?,
            _ => value.split_whitespace().next()?,
        };
        return Some(unescaped(value).into_owned());
    }
}

/// What comes after the end of an element that began just before.
fn past_end<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    let mut open = 1_u32;
    while let Some(at) = rest.find('<') {
        let (tag, after) = tag(&rest[at..]);
        rest = after;
        match tag {
            Some(tag) if tag.name == name && tag.closes => open -= 1,
            Some(tag) if tag.name == name => open += 1,
            _ => {}
        }
        if open == 0 {
            return rest;
        }
    }
    ""
}

/// The entities that a template's escaping and people write; others stay as they are.
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest that is known has eight characters.
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((character(&rest[1..end])?, end + 1))) {
            Some((c, used)) => {
                out.push(c);
                rest = &rest[used..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out.into()
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| !c.is_control());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "shy" => '\u{ad}',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "euro" => '€',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "bull" => '•',
        "middot" => '·',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_becomes_paragraphs_lists_and_addresses() {
        let html = "<!doctype html><html><head><title>no</title><style>p > a { x }</style></head><body>
            <div style=\"display: none\">pre<div>header</div></div>
            <h1>Big &amp; new</h1><p>Dear  Zo&euml;,
            read <a href='https://a.example/?a=1&amp;b=2'>this</a> &lt;now&gt;.</p>
            <ul><li>one</li><li><b>tw</b>o</li></ul><!-- <p>no</p> -->
            <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>
            Or <a href=\"https://b.example\">https://b.example</a><br>5 < 6 &#8364;&#x21;</body></html>";
        assert_eq!(
            text_of(html),
            "Big & new\n\nDear Zo&euml;, read this (https://a.example/?a=1&b=2) <now>.\n\n- one\n- two\n\n\
             a b\nc\n\nOr https://b.example\n5 < 6 €!\n"
        );
    }

    #[test]
    fn what_never_ends_ends() {
        for html in [
            "<",
            "<p",
            "<a href=\"",
            "<!--",
            "<style>x",
            "&",
            "&#;",
            "<p title='>'>x",
            "</a></a>",
        ] {
            assert!(text_of(html).len() < 20, "{html}");
        }
        assert_eq!(text_of("<p title='>'>x"), "x\n");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(html in "[<>a-d/='\"& ;#!é-]{0,80}|\\PC{0,60}") {
            let text = text_of(&html);
            prop_assert!(text.len() <= html.len() * 2 + 16);
        }
    }
}
