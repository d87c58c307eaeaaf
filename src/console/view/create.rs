//! The form that creates a campaign.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    popup::{self, button, choice, field},
    text::{Canvas, cut, wrap_words},
};
use crate::console::{
    dialog::{CreateField, CreateForm, Input},
    theme::Theme,
};
use crate::ops::wording::count;

pub(super) fn draw(theme: &Theme, form: &CreateForm, canvas: &mut Canvas<'_>, area: Rect) {
    let inside = popup::open(canvas, area, (64, 15), "Create a campaign", theme);
    let cells = usize::from(inside.width);
    let is = |f: CreateField| form.focus == f && !form.sending;
    let text = |input: &Input, hint: &str| {
        if input.0.is_empty() {
            Span::styled(cut(hint, cells.saturating_sub(16)), theme.faint)
        } else {
            Span::styled(end_of(&input.0, cells.saturating_sub(16)), theme.text)
        }
    };
    let name = text(
        &form.name,
        if is(CreateField::Name) {
            ""
        } else {
            "a name for you and the list"
        },
    );
    let subject_hint = if is(CreateField::Subject) {
        ""
    } else {
        "as in the template"
    };
    let policy = match form.hold {
        false => "resend: nobody is missed",
        true => "hold: nobody is mailed twice",
    };
    let mut lines = vec![
        Line::raw(""),
        field("name", name, is(CreateField::Name), true, theme),
        field(
            "subject",
            text(&form.subject, subject_hint),
            is(CreateField::Subject),
            true,
            theme,
        ),
        field(
            "in doubt",
            choice(policy, is(CreateField::Policy), theme),
            is(CreateField::Policy),
            false,
            theme,
        ),
        Line::raw(""),
        audience(form, theme),
    ];
    if let Some(n) = form.must_type() {
        let label = format!("type {n}");
        let typed = Span::styled(form.typed.0.clone(), theme.text);
        lines.push(field(&label, typed, is(CreateField::Typed), true, theme));
    } else {
        lines.push(Line::raw(""));
    }
    lines.push(Line::raw(""));
    let mut buttons = vec![Span::raw(" ")];
    buttons.extend(button("Cancel", is(CreateField::Cancel), theme.text, theme));
    buttons.push(Span::raw("  "));
    let ready = form.obstacle().is_none();
    let style = if ready { theme.accent } else { theme.faint };
    buttons.extend(button("Create", is(CreateField::Create), style, theme));
    lines.push(Line::from(buttons));
    lines.push(Line::raw(""));
    if form.sending {
        lines.push(Line::styled("  creating …", theme.dim));
    } else if let Some(error) = &form.error {
        for line in wrap_words(error, cells.saturating_sub(2))
            .into_iter()
            .take(2)
        {
            lines.push(Line::styled(format!("  {line}"), theme.bad));
        }
    }
    for (row, line) in lines.iter().enumerate() {
        canvas.line(inside, row as u16, line);
    }
}

fn audience(form: &CreateForm, theme: &Theme) -> Line<'static> {
    let (text, style) = match &form.audience {
        None => ("counting …".to_owned(), theme.dim),
        Some(Ok(n)) => (
            format!("{} people get one mail each", count(*n)),
            theme.title,
        ),
        Some(Err(error)) => (format!("not known: {error}"), theme.warn),
    };
    Line::from(vec![
        Span::raw("  "),
        Span::styled(super::text::left("audience", 12), theme.dim),
        Span::styled(text, style),
    ])
}

/// The end of what was typed, where the cursor is.
fn end_of(text: &str, cells: usize) -> String {
    let lines: String = crate::ops::wording::clean(text);
    let mut tail: Vec<char> = Vec::new();
    let mut used = 0;
    for c in lines.chars().rev() {
        used += super::text::width(c.encode_utf8(&mut [0; 4]));
        if used > cells {
            break;
        }
        tail.push(c);
    }
    tail.iter().rev().collect()
}
