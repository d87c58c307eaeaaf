//! Text that keeps to its cells: cleaned, cut to a width, aligned by what it really takes up.

use ratatui::{
    buffer::{Buffer, CellWidth},
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::ops::wording::{clean, is_clean};

/// The cells that a text takes up: those of each character as it is drawn. A whole text may be counted
/// narrower, for some letters join.
pub(in crate::console) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    characters(&Span::raw(text)).map(|(_, cells)| cells).sum()
}

/// The characters that are drawn one by one, each with its cells.
fn characters<'a>(text: &'a Span<'a>) -> impl Iterator<Item = (&'a str, usize)> {
    let drawn = text.styled_graphemes(Style::new());
    drawn.map(|it| (it.symbol, usize::from(it.symbol.cell_width())))
}

/// At most `most` cells, with `…` where something was left out. Cleaned.
pub(in crate::console) fn cut(text: &str, most: usize) -> String {
    // Of a long text only what may be shown is looked at; a character is seldom more than a few code points.
    let end = text.char_indices().nth(most * 8 + 8);
    let head = clean(end.map_or(text, |(at, _)| &text[..at]));
    let (mut used, mut fits, mut whole) = (0, 0, end.is_none());
    for (character, wide) in characters(&Span::raw(&head)) {
        used += wide;
        if used > most {
            whole = false;
            break;
        }
        if used < most {
            fits += character.len();
        }
    }
    match whole {
        true => head,
        false if most > 0 => format!("{}…", &head[..fits]),
        false => String::new(),
    }
}

/// Exactly `cells` wide, the text on the left.
pub(in crate::console) fn left(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let pad = cells.saturating_sub(width(&text));
    format!("{text}{}", " ".repeat(pad))
}

/// Exactly `cells` wide, the text on the right.
pub(in crate::console) fn right(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let pad = cells.saturating_sub(width(&text));
    format!("{}{text}", " ".repeat(pad))
}

/// Lines of at most `cells`, broken anywhere: for data, not for prose.
pub(in crate::console) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (character, wide) in characters(&Span::raw(clean(text))) {
        if used + wide > cells && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push_str(character);
        }
    }
    lines
}

/// Lines of at most `cells`, broken between words where that is possible.
pub(in crate::console) fn wrap_words(text: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in clean(text).split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= cells => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(wrap(word, cells)),
        }
    }
    lines
}

/// Keeps the local part and the domain of every address to their first letters.
pub(in crate::console) fn masked(text: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut start = 0;
    while start < chars.len() {
        if !is_part(chars[start]) {
            out.push(chars[start]);
            start += 1;
            continue;
        }
        let run = |from: usize| {
            chars[from..]
                .iter()
                .position(|c| !is_part(*c))
                .map_or(chars.len(), |n| from + n)
        };
        let at = run(start);
        let end = if chars.get(at) == Some(&'@') {
            run(at + 1)
        } else {
            at
        };
        if end > at + 1 {
            let domain: String = chars[at + 1..end].iter().collect();
            let suffix = domain.rsplit_once('.').map_or("", |(_, s)| s);
            out.push_str(&format!(
                "{}***@{}***.{suffix}",
                chars[start],
                chars[at + 1]
            ));
        } else {
            out.extend(&chars[start..end]);
        }
        start = end;
    }
    out
}

/// Text that may hold addresses, masked unless they may be seen.
pub(in crate::console) fn shown(text: &str, unmasked: bool) -> String {
    if unmasked {
        text.to_owned()
    } else {
        masked(text)
    }
}

/// Cells of the widest character: half-width katakana with a sound mark.
const WIDEST: u16 = 3;

/// The buffer with the operations that screens need; nothing is ever drawn outside of it.
pub(in crate::console) struct Canvas<'a> {
    buffer: &'a mut Buffer,
}

impl<'a> Canvas<'a> {
    pub(in crate::console) fn new(buffer: &'a mut Buffer) -> Self {
        Self { buffer }
    }

    /// One line in the area's row `row`; what doesn't fit is left out.
    pub(in crate::console) fn line(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        self.line_at(area, 0, row, line);
    }

    pub(in crate::console) fn line_at(
        &mut self,
        area: Rect,
        column: u16,
        row: u16,
        line: &Line<'_>,
    ) {
        let area = area.intersection(self.buffer.area);
        if row >= area.height || column >= area.width {
            return;
        }
        let (x, y, room) = (area.x + column, area.y + row, area.width - column);
        // Whatever wrote the line: nothing of it can steer the terminal.
        if line.iter().all(|span| is_clean(&span.content)) {
            self.buffer.set_line(x, y, line, room);
        } else {
            let spans = line
                .iter()
                .map(|span| Span::styled(clean(&span.content), span.style));
            let line = Line::from(spans.collect::<Vec<_>>()).style(line.style);
            self.buffer.set_line(x, y, &line, room);
        }
    }

    /// A line that ends at the area's right edge.
    pub(in crate::console) fn line_right(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        let wide = u16::try_from(line.width()).unwrap_or(u16::MAX);
        self.line_at(area, area.width.saturating_sub(wide), row, line);
    }

    /// Lays a style over a row.
    pub(in crate::console) fn tint(&mut self, area: Rect, row: u16, style: Style) {
        let area = area.intersection(self.buffer.area);
        if row < area.height {
            let row = Rect {
                y: area.y + row,
                height: 1,
                ..area
            };
            self.buffer.set_style(row, style);
        }
    }

    /// Empties an area. A wide character that begins before it would lie over its edge, and goes too.
    pub(in crate::console) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.x.saturating_sub(WIDEST - 1)..area.x {
                if x + self.buffer[(x, y)].cell_width() > area.x {
                    self.buffer[(x, y)].set_symbol(" ");
                }
            }
            for x in area.left()..area.right() {
                self.buffer[(x, y)].reset();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_exactly_as_wide_as_they_should_be() {
        for text in [
            "",
            "a",
            "漢字漢字漢字",
            "e\u{301}e\u{301}e\u{301}",
            "x\u{1b}[31mred",
            "👍👍👍👍",
            "👍🏽👍🏽👍🏽",
            "ｶﾞｶﾞｶﾞ",
            "لالالا",
        ] {
            for cells in 0..12 {
                assert_eq!(width(&left(text, cells)), cells, "{text:?} {cells}");
                assert_eq!(width(&right(text, cells)), cells, "{text:?} {cells}");
                // No line can be narrower than its widest character.
                let least = cells.max(WIDEST.into());
                let lines = wrap(text, least);
                let wide = lines.iter().find(|l| width(l) > least);
                assert_eq!(wide, None, "{cells}");
            }
        }
    }

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        assert_eq!(
            masked(r#"{"email":"ann.lee.7@mail.example.com","n":1}"#),
            r#"{"email":"a***@m***.com","n":1}"#
        );
        assert_eq!(masked("a @ b, x@, @y"), "a @ b, x@, @y");
    }
}
