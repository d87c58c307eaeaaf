//! The question before a change, and the outcome of each id after it.

use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{
    popup::{self, GOES_ON, button},
    text::{Canvas, cut, left, wrap_words},
    typing::typed_field,
};
use crate::console::{
    dialog::{Confirm, ConfirmField, ConfirmStage},
    row::Tint,
    theme::Theme,
};
use crate::ops::wording::{count, duration};

pub(super) fn draw(
    theme: &Theme,
    confirm: &Confirm,
    now_ms: u64,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    let wide = area.width.saturating_sub(8).clamp(56, 90);
    let cells = usize::from(wide.min(area.width)).saturating_sub(4);
    let lines = match &confirm.stage {
        ConfirmStage::Done(outcomes) => outcome(outcomes, cells, theme),
        _ => question(confirm, cells, theme),
    };
    let actions = actions(confirm, now_ms, cells, theme);
    let high = u16::try_from(lines.len() + actions.len() + 3).unwrap_or(u16::MAX);
    let most = area.height.saturating_sub(2);
    let inside = popup::open(canvas, area, (wide, high.min(most)), &confirm.title, theme);
    let room = usize::from(inside.height).saturating_sub(actions.len() + 1);
    let first = confirm.scroll.min(lines.len().saturating_sub(room));
    for (line, y) in lines.iter().skip(first).take(room).zip(0..) {
        canvas.line(inside, y, line);
    }
    let top = inside.height.saturating_sub(actions.len() as u16);
    for (line, y) in actions.iter().zip(top..) {
        canvas.line(inside, y, line);
    }
}

fn question(confirm: &Confirm, cells: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::raw("")];
    for (text, tint) in &confirm.lines {
        let wrapped = wrap_words(text, cells.saturating_sub(2));
        let styled = wrapped
            .into_iter()
            .map(|line| Line::styled(format!("  {line}"), theme.tint(*tint)));
        lines.extend(styled);
    }
    lines
}

fn outcome(outcomes: &[(String, String, bool)], cells: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::raw("")];
    for (id, text, good) in outcomes {
        let (symbol, tint) = if *good {
            ("✓", Tint::Good)
        } else {
            ("✗", Tint::Bad)
        };
        lines.push(Line::from(vec![
            Span::styled(format!("  {symbol} "), theme.tint(tint)),
            Span::styled(left(id, 24), theme.text),
            Span::styled(
                format!(" {}", cut(text, cells.saturating_sub(30))),
                theme.dim,
            ),
        ]));
    }
    lines
}

fn actions(confirm: &Confirm, now_ms: u64, cells: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut buttons = vec![Span::raw(" ")];
    match &confirm.stage {
        ConfirmStage::Planning => buttons.push(Span::styled(" looking …", theme.dim)),
        ConfirmStage::Working => {
            let age = match now_ms.saturating_sub(confirm.sent_at_ms) {
                0..1_000 => String::new(),
                age_ms => format!(" for {}", duration(age_ms)),
            };
            let text = format!(" working{age} …   {GOES_ON}");
            buttons.push(Span::styled(text, theme.dim));
        }
        ConfirmStage::Done(_) | ConfirmStage::Refused => {
            buttons.extend(button("Close", true, theme.text, theme))
        }
        ConfirmStage::Asking => {
            if let Some(word) = &confirm.word {
                let focused = confirm.focus == ConfirmField::Typed;
                let label = format!("type {word}");
                let room = cells.saturating_sub(14);
                lines.push(typed_field(
                    &label,
                    &confirm.typed,
                    "",
                    focused,
                    room,
                    theme,
                ));
                lines.push(Line::raw(""));
            }
            let cancel = confirm.focus == ConfirmField::Cancel;
            buttons.extend(button("Cancel", cancel, theme.text, theme));
            buttons.push(Span::raw("  "));
            let label = match confirm.count {
                0 => confirm.verb.clone(),
                n => format!("{} {}", confirm.verb, count(n)),
            };
            let style = if confirm.obstacle().is_none() {
                theme.warn
            } else {
                theme.faint
            };
            let chosen = confirm.focus == ConfirmField::Do;
            buttons.extend(button(&label, chosen, style, theme));
        }
    }
    lines.push(Line::from(buttons));
    if let Some(error) = &confirm.error {
        let text = format!("  {}", cut(error, cells.saturating_sub(2)));
        lines.push(Line::styled(text, theme.bad));
    }
    lines
}
