//! Workers: who is alive, what each does, how fast.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    text::{Canvas, left},
    widgets::{Column, POINTER, first_row, headings, row, short, total},
};
use crate::console::{model::Model, theme::Theme};
use crate::ops::{
    Worker,
    wording::{bytes, count, duration, rate},
};

pub(super) fn draw(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, body: Rect) {
    list(model, theme, canvas, body, true);
}

/// The list; on the home screen without a selection.
pub(super) fn list(
    model: &Model,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
    selectable: bool,
) {
    let selected = if selectable {
        model.selected_worker()
    } else {
        None
    };
    let indent = if selectable { 2 } else { 0 };
    let columns = columns(usize::from(area.width).saturating_sub(indent));
    let mut heading = vec![Span::raw(" ".repeat(indent))];
    heading.extend(headings(&columns, theme));
    if let Some(span) = heading.get_mut(1) {
        *span = Span::styled(columns[0].cell("Workers"), theme.title);
    }
    canvas.line(area, 0, &Line::from(heading));
    let workers = model.workers();
    if workers.is_empty() {
        let text = "none has ever started here: ./start.sh";
        canvas.line(area, 1, &Line::styled(text, theme.dim));
        return;
    }
    let room = usize::from(area.height.saturating_sub(1));
    let first = first_row(selected.unwrap_or(0), workers.len(), room);
    for (n, worker) in workers.iter().enumerate().skip(first).take(room) {
        let at = (n - first) as u16 + 1;
        let chosen = selected == Some(n);
        let pointer = if chosen { POINTER } else { " " };
        let mut spans = vec![Span::styled(left(pointer, indent), theme.accent)];
        spans.extend(row(&columns, &cells(worker, theme)));
        canvas.line(area, at, &Line::from(spans));
        if chosen {
            canvas.tint(area, at, theme.selected);
        }
    }
}

fn columns(room: usize) -> [Column; 9] {
    let mut columns = [
        Column::text("consumer", 20),
        Column::text("service", 20),
        Column::text("state", 8),
        Column::number("in hand", 11),
        Column::number("rate", 10),
        Column::number("beat ago", 0),
        Column::number("handled", 0),
        Column::number("memory", 0),
        Column::text("note", 0),
    ];
    // The least important give way first, and what is left is filled in the same order.
    while total(&columns) > room && columns[0].cells > 8 {
        columns[0].cells -= 1;
    }
    while total(&columns) > room && columns[1].cells > 0 {
        columns[1].cells -= 1;
    }
    for (index, cells) in [(5, 8), (7, 9), (6, 12), (8, 16)] {
        if total(&columns) + cells < room {
            columns[index].cells = cells;
        }
    }
    let spare = room.saturating_sub(total(&columns));
    if columns[8].cells > 0 {
        columns[8].cells += spare.saturating_sub(12);
        columns[0].cells += spare.min(12);
    } else {
        columns[0].cells += spare.min(16);
    }
    columns
}

fn cells(worker: &Worker, theme: &Theme) -> Vec<(String, Style)> {
    let info = &worker.info;
    let (state, style) = match (worker.live, info.state.as_str()) {
        (false, _) => ("gone", theme.bad),
        (true, "ready") => ("ready", theme.good),
        (true, "") => ("?", theme.warn),
        (true, other) => (other, theme.warn),
    };
    let text = if worker.live { theme.text } else { theme.dim };
    let hand = format!("{} / {}", short(info.in_hand, 5), short(info.capacity, 5));
    let shown = |live: String| if worker.live { live } else { "–".to_owned() };
    vec![
        (worker.name.clone(), text),
        (info.service.clone(), theme.dim),
        (state.to_owned(), style),
        (shown(hand), text),
        (shown(rate(info.rate)), text),
        (
            duration(worker.silent_ms),
            if worker.live { theme.dim } else { theme.bad },
        ),
        (count(info.handled), text),
        (shown(bytes(info.rss_bytes)), theme.dim),
        (info.note.clone(), theme.warn),
    ]
}
