//! The form of a campaign, and the mail as one user would get it.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    popup::{self, GOES_ON, button, choice, field},
    text::{Canvas, cut, shown, wrap_words},
    typing::typed_field,
};
use crate::console::{
    form::{CampaignForm, Field, MISFIRES, PreviewPane, Start},
    input::Input,
    theme::Theme,
};
use crate::ops::wording::count;

const WIDE: u16 = 70;
/// Cells beside a field's text: its label, the pointer, the cursor.
const BESIDE: usize = 16;

pub(super) fn draw(
    theme: &Theme,
    form: &CampaignForm,
    unmasked: bool,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    if let Some(pane) = &form.preview {
        return preview(theme, pane, unmasked, canvas, area);
    }
    let title = match (&form.edited, form.start) {
        (Some(was), _) => format!("Change schedule {}", was.id),
        (None, Start::Again) => "Create a schedule of campaigns".to_owned(),
        (None, _) => "Create a campaign".to_owned(),
    };
    let cells = usize::from(WIDE.min(area.width)).saturating_sub(4);
    let (lines, focused) = lines(theme, form, cells);
    let high = lines.len() as u16 + 2;
    let inside = popup::open(canvas, area, (WIDE, high), &title, theme);
    // Where it doesn't fit, the field with the focus is among what is shown.
    let rows = usize::from(inside.height);
    let first = (focused + 1).saturating_sub(rows).min(lines.len());
    for (row, line) in lines.iter().skip(first).take(rows).enumerate() {
        canvas.line(inside, row as u16, line);
    }
}

/// The lines, and which of them has the focus.
fn lines(theme: &Theme, form: &CampaignForm, cells: usize) -> (Vec<Line<'static>>, usize) {
    let mut lines = vec![Line::raw("")];
    let mut focused = 0;
    for at in form.fields() {
        if matches!(at, Field::Typed | Field::Cancel) {
            break;
        }
        if at == form.focus {
            focused = lines.len();
        }
        lines.push(asked(theme, form, at, cells));
    }
    lines.extend(times(theme, form, cells));
    lines.push(Line::raw(""));
    lines.push(audience(form, theme));
    if let Some(n) = form.must_type() {
        let has_focus = form.focus == Field::Typed;
        if has_focus {
            focused = lines.len();
        }
        let label = format!("type {n}");
        let room = cells.saturating_sub(BESIDE);
        lines.push(typed_field(&label, &form.typed, "", has_focus, room, theme));
    }
    lines.push(Line::raw(""));
    if [Field::Cancel, Field::Preview, Field::Create].contains(&form.focus) {
        focused = lines.len();
    }
    lines.push(buttons(theme, form));
    lines.push(Line::raw(""));
    if form.sending {
        lines.push(Line::styled(format!("  sending …   {GOES_ON}"), theme.dim));
    } else if let Some(error) = &form.error {
        let wrapped = wrap_words(error, cells.saturating_sub(2));
        for line in wrapped.into_iter().take(3) {
            lines.push(Line::styled(format!("  {line}"), theme.bad));
        }
    }
    (lines, focused)
}

fn asked(theme: &Theme, form: &CampaignForm, at: Field, cells: usize) -> Line<'static> {
    let focus = form.focus == at && !form.sending;
    let room = cells.saturating_sub(BESIDE);
    let text = |label: &str, input: &Input, hint: &str| {
        typed_field(label, input, hint, focus, room, theme)
    };
    let choose = |label: &str, value: &str| {
        let value = cut(value, room.saturating_sub(4));
        field(label, vec![choice(&value, focus, theme)], focus, theme)
    };
    match at {
        Field::Name => text("name", &form.name, "a name for you and the list"),
        Field::Subject => text("subject", &form.subject, "as in the template"),
        Field::Variables => text(
            "variables",
            &form.variables,
            "none; or code=WINTER; discount=20",
        ),
        Field::At => text("at", &form.at, "2027-01-05T09:00"),
        Field::Cron => text("cron", &form.cron, "0 9 * * mon-fri"),
        Field::Zone => text("time zone", &form.zone, "UTC"),
        Field::Template => {
            let named = form.template.checked_sub(1);
            let named = named.and_then(|at| form.templates.get(at));
            let own = match &form.edited {
                Some(_) => "as it is",
                None => "built in",
            };
            choose("template", named.map_or(own, String::as_str))
        }
        Field::Policy => choose(
            "in doubt",
            match form.hold {
                false => "resend: nobody is missed",
                true => "hold: nobody is mailed twice",
            },
        ),
        Field::Start => choose(
            "start",
            match form.start {
                Start::Now => "now",
                Start::At => "at a time",
                Start::Again => "again and again",
            },
        ),
        Field::Misfire => choose(
            "missed",
            match MISFIRES.get(form.misfire).copied() {
                Some("skip") => "skip: missed times are left out",
                Some("all") => "all: each is made up for, up to the cap",
                _ => "once: one campaign makes up for all",
            },
        ),
        Field::Typed | Field::Cancel | Field::Preview | Field::Create => Line::raw(""),
    }
}

/// What the times mean; always as many lines, so that the form stands still while one types.
fn times(theme: &Theme, form: &CampaignForm, cells: usize) -> Vec<Line<'static>> {
    let height = match form.start {
        Start::Now => return Vec::new(),
        Start::At => 1,
        Start::Again => 3,
    };
    let room = cells.saturating_sub(BESIDE);
    let mut lines = Vec::new();
    match &form.when {
        Some((_, Some(Ok(ahead)))) => {
            let mut texts = vec![(ahead.words.clone(), theme.title)];
            let next = ahead.next.iter().map(|at| (at.clone(), theme.text));
            match form.start {
                Start::At => texts[0].0 = format!("{}, {}", ahead.next.join(""), ahead.words),
                _ => texts.extend(next.take(2)),
            }
            for (text, style) in texts {
                let value = Span::styled(cut(&text, room), style);
                let label = ["that is", "next", "then"][lines.len().min(2)];
                lines.push(field(label, vec![value], false, theme));
            }
        }
        Some((_, Some(Err(error)))) => {
            for line in wrap_words(error, room).into_iter().take(height) {
                let value = Span::styled(line, theme.warn);
                lines.push(field("", vec![value], false, theme));
            }
        }
        _ => {}
    }
    lines.resize(height, Line::raw(""));
    lines
}

fn audience(form: &CampaignForm, theme: &Theme) -> Line<'static> {
    let (text, style) = match &form.audience {
        None => ("counting …".to_owned(), theme.dim),
        Some(Ok(n)) => {
            let each = match form.start {
                Start::Again => ", every time",
                _ => "",
            };
            let text = format!("{} people get one mail each{each}", count(*n));
            (text, theme.title)
        }
        Some(Err(error)) => (format!("not known: {error}"), theme.warn),
    };
    field("audience", vec![Span::styled(text, style)], false, theme)
}

fn buttons(theme: &Theme, form: &CampaignForm) -> Line<'static> {
    let is = |at: Field| form.focus == at && !form.sending;
    let mut buttons = vec![Span::raw(" ")];
    buttons.extend(button("Cancel", is(Field::Cancel), theme.text, theme));
    buttons.push(Span::raw("  "));
    buttons.extend(button("Preview", is(Field::Preview), theme.text, theme));
    buttons.push(Span::raw("  "));
    let ready = form.obstacle().is_none();
    let style = if ready { theme.accent } else { theme.faint };
    let verb = match form.edited {
        Some(_) => "Change",
        None => "Create",
    };
    buttons.extend(button(verb, is(Field::Create), style, theme));
    Line::from(buttons)
}

fn preview(theme: &Theme, pane: &PreviewPane, unmasked: bool, canvas: &mut Canvas<'_>, area: Rect) {
    let size = (area.width.min(100), area.height.saturating_sub(2));
    let title = format!("As user {} gets it", pane.user);
    let inside = popup::open(canvas, area, size, &title, theme);
    let cells = usize::from(inside.width);
    let mut lines = Vec::new();
    match &pane.mail {
        None => lines.push(Line::styled("rendering …", theme.dim)),
        Some(Err(error)) => {
            let wrapped = wrap_words(error, cells);
            lines.extend(wrapped.into_iter().map(|l| Line::styled(l, theme.bad)));
        }
        Some(Ok(mail)) => {
            let html = match &mail.html {
                Some(html) => format!(
                    "text and {} of HTML",
                    crate::ops::wording::bytes(html.len() as u64)
                ),
                None => "text only".to_owned(),
            };
            for (label, value, style) in [
                ("to", shown(&mail.to, unmasked), theme.text),
                (
                    "subject",
                    crate::ops::wording::clean(&mail.subject),
                    theme.title,
                ),
                ("parts", html, theme.dim),
            ] {
                let value = Span::styled(cut(&value, cells.saturating_sub(BESIDE)), style);
                lines.push(field(label, vec![value], false, theme));
            }
            lines.push(Line::raw(""));
            for line in mail.text.lines() {
                let wrapped =
                    wrap_words(&crate::ops::wording::clean(line), cells.saturating_sub(2));
                let empty = wrapped.is_empty().then(String::new);
                let wrapped = wrapped.into_iter().chain(empty);
                lines.extend(wrapped.map(|l| Line::styled(format!("  {l}"), theme.text)));
            }
        }
    }
    let rows = usize::from(inside.height.saturating_sub(1));
    let first = usize::from(pane.scroll).min(lines.len().saturating_sub(rows));
    for (row, line) in lines.iter().skip(first).take(rows).enumerate() {
        canvas.line(inside, row as u16, line);
    }
    let hint = "← → another user   ↑ ↓ scroll   T send it to you   esc back to the form";
    let (text, style) = match &pane.said {
        Some((text, true)) => (text.as_str(), theme.good),
        Some((text, false)) => (text.as_str(), theme.bad),
        None => (hint, theme.faint),
    };
    let line = Line::styled(cut(text, cells), style);
    canvas.line(inside, inside.height.saturating_sub(1), &line);
}
