//! Text being typed: as much of it as there is room for, the cursor always among it.

use ratatui::text::{Line, Span};

use super::{
    popup::field,
    text::{cut, width},
};
use crate::console::{
    input::Input,
    model::{Asked, Model, Prompt, Tone},
    theme::Theme,
};
use crate::ops::wording::clean;

const CURSOR: &str = "▏";

/// A text with its cursor, at most `cells` wide.
pub(super) fn typed(input: &Input, cells: usize, theme: &Theme) -> Vec<Span<'static>> {
    let (before, after) = window(input, cells.saturating_sub(width(CURSOR)));
    vec![
        Span::styled(before, theme.text),
        Span::styled(CURSOR, theme.accent),
        Span::styled(after, theme.text),
    ]
}

/// A label and what is typed there; without the focus, its beginning or a hint.
pub(super) fn typed_field(
    label: &str,
    input: &Input,
    hint: &str,
    focused: bool,
    cells: usize,
    theme: &Theme,
) -> Line<'static> {
    let value = match input.text() {
        _ if focused => typed(input, cells, theme),
        "" => vec![Span::styled(cut(hint, cells), theme.faint)],
        text => vec![Span::styled(cut(text, cells), theme.text)],
    };
    field(label, value, focused, theme)
}

/// What stands before and after the cursor. Of a text that is too long a third of the room shows what comes
/// after it.
fn window(input: &Input, cells: usize) -> (String, String) {
    let ahead = width(&kept(input.after().chars(), cells));
    let mut before: Vec<char> = kept(input.before().chars().rev(), cells - ahead.min(cells / 3))
        .chars()
        .collect();
    before.reverse();
    let before: String = before.into_iter().collect();
    let after = kept(input.after().chars(), cells.saturating_sub(width(&before)));
    (before, after)
}

/// The first of the characters, with `…` where there are more than `cells` of them. Cleaned.
fn kept(chars: impl Iterator<Item = char>, cells: usize) -> String {
    let (mut kept, mut used) = (Vec::new(), 0);
    for c in chars {
        let shown = clean(c.encode_utf8(&mut [0; 4]));
        let wide = width(&shown);
        if used + wide > cells {
            while used + 1 > cells {
                let Some((_, wide)) = kept.pop() else {
                    return String::new();
                };
                used -= wide;
            }
            kept.push(("…".to_owned(), 1));
            break;
        }
        used += wide;
        kept.push((shown, wide));
    }
    kept.into_iter().map(|(shown, _)| shown).collect()
}

/// What is asked for in the line above the keys, what was typed, and what may be.
pub(super) fn prompt(model: &Model, prompt: &Prompt, cells: usize) -> Line<'static> {
    let theme = &model.setting.theme;
    let servers = format!("{}   enter, esc", model.setting.servers.join(", "));
    let (label, hint) = match prompt.asked {
        Asked::Filter => (
            "/",
            "word  !not  field:word  ^regex$   enter keeps, esc clears",
        ),
        Asked::Edit => ("data ", "the entry's JSON   enter, esc"),
        Asked::Server => ("server ", servers.as_str()),
        Asked::Address => ("send to ", "an address of yours   enter, esc"),
        Asked::NewGroup => (
            "group ",
            "its name, and where it begins: 0, $ or an id   enter, esc",
        ),
        Asked::SetId => ("after ", "0, $ or an id: it goes on after it   enter, esc"),
        Asked::From => (
            "from ",
            "an id or so long ago, 10m..5m ends there, nothing is all   enter, esc",
        ),
    };
    let mut room = cells.saturating_sub(width(label));
    // What is wrong with it takes its room; the hint only what is left.
    let said = model.notice.as_ref().map(|notice| {
        let style = match notice.tone {
            Tone::Good => theme.good,
            Tone::Bad => theme.bad,
        };
        let text = cut(&notice.text, room * 2 / 3);
        room = room.saturating_sub(width(&text) + 2);
        Span::styled(format!("  {text}"), style)
    });
    let mut spans = vec![Span::styled(label, theme.accent)];
    spans.extend(typed(&prompt.input, room, theme));
    let used: usize = spans.iter().map(Span::width).sum();
    let fits = used + 3 + width(hint) <= cells;
    spans.push(match said {
        Some(said) => said,
        None if fits => Span::styled(format!("   {hint}"), theme.faint),
        None => Span::raw(""),
    });
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyCode, KeyEvent};

    use super::*;

    #[test]
    fn the_cursor_is_in_view_wherever_it_stands() {
        for text in [
            "",
            "short",
            &"0123456789".repeat(30),
            &"漢字".repeat(99),
            "a\u{1b}\u{301}",
        ] {
            let mut input = Input::with_room(text, 64 * 1024);
            for _ in 0..=text.chars().count() {
                for cells in 0..40 {
                    let (before, after) = window(&input, cells);
                    assert!(
                        width(&before) + width(&after) <= cells,
                        "{before:?} {after:?}"
                    );
                    // Its neighbours are seen, where there is room for both and what is left out.
                    let near = |c: Option<char>, shown: Option<char>| match c {
                        Some(c) => shown == clean(&c.to_string()).chars().next(),
                        None => shown.is_none(),
                    };
                    if cells >= 12 {
                        let (left, right) = (input.before(), input.after());
                        assert!(
                            near(left.chars().last(), before.chars().last()),
                            "{before:?}"
                        );
                        assert!(
                            near(right.chars().next(), after.chars().next()),
                            "{after:?}"
                        );
                    }
                }
                input.edit(&KeyEvent::from(KeyCode::Left));
            }
        }
    }

    #[test]
    fn what_fits_is_shown_whole_and_else_it_is_said_that_there_is_more() {
        let mut input = Input::new("0123456789");
        assert_eq!(window(&input, 10), ("0123456789".to_owned(), String::new()));
        assert_eq!(window(&input, 6), ("…56789".to_owned(), String::new()));
        input.go_to(0);
        assert_eq!(window(&input, 6), (String::new(), "01234…".to_owned()));
        input.go_to(5);
        assert_eq!(window(&input, 6), ("…234".to_owned(), "5…".to_owned()));
    }
}
