//! Everything that nobody works on, oldest first, and the selected entry in full.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    text::{Canvas, cut, masked, wrap},
    widgets::{Column, POINTER, first_row, headings, row, total},
};
use crate::console::{
    model::{Model, key_of},
    theme::Theme,
};
use crate::ops::{
    StuckEntry,
    wording::{count, duration},
};

pub(super) fn draw(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, body: Rect) {
    let entries = model.stuck_entries();
    if entries.is_empty() {
        let (text, style) = match (&model.stuck.data, &model.stuck.error) {
            (Some(_), _) => ("✓ nothing is stuck".to_owned(), theme.good),
            (None, Some(error)) => (format!("not known: {error}"), theme.warn),
            (None, None) => ("looking …".to_owned(), theme.dim),
        };
        canvas.line(
            body,
            0,
            &Line::styled(cut(&text, usize::from(body.width)), style),
        );
        return;
    }
    let detail = if body.height >= 24 { 7 } else { 4 };
    let list = Rect {
        height: body.height.saturating_sub(detail + 1),
        ..body
    };
    table(model, theme, canvas, list);
    let below = Rect {
        y: list.bottom() + 1,
        height: detail,
        ..body
    };
    if let Some(stuck) = model.selected_entry().and_then(|row| entries.get(row)) {
        entry(stuck, theme, canvas, below);
    }
}

fn table(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    let entries = model.stuck_entries();
    let columns = columns(usize::from(area.width).saturating_sub(4));
    let mut heading = vec![Span::raw("    ")];
    heading.extend(headings(&columns, theme));
    canvas.line(area, 0, &Line::from(heading));
    let selected = model.selected_entry();
    let room = usize::from(area.height.saturating_sub(2));
    let first = first_row(selected.unwrap_or(0), entries.len(), room);
    for (n, stuck) in entries.iter().enumerate().skip(first).take(room) {
        let at = (n - first) as u16 + 1;
        let chosen = selected == Some(n);
        let pointer = if chosen { POINTER } else { " " };
        let marked = model.marks.contains(&key_of(stuck));
        let mark = if marked { "■ " } else { "· " };
        let mark_style = if marked { theme.accent } else { theme.faint };
        let mut spans = vec![
            Span::styled(format!("{pointer} "), theme.accent),
            Span::styled(mark, mark_style),
        ];
        spans.extend(row(
            &columns,
            &cells(stuck, model.setting.visibility_ms, theme),
        ));
        canvas.line(area, at, &Line::from(spans));
        if chosen {
            canvas.tint(area, at, theme.selected);
        }
    }
    let more = model.stuck.data.as_ref().is_some_and(|s| s.more);
    let mut sum = format!("{} stuck", count(entries.len() as u64));
    if more {
        sum = format!("the oldest {}, there are more", count(entries.len() as u64));
    }
    let mut spans = vec![Span::styled(format!("    {sum}"), theme.dim)];
    if !model.marks.is_empty() {
        let marked = format!(", {} marked", count(model.marks.len() as u64));
        spans.push(Span::styled(marked, theme.accent));
    }
    canvas.line(area, area.height.saturating_sub(1), &Line::from(spans));
}

fn columns(room: usize) -> [Column; 7] {
    let mut columns = [
        Column::text("id", 17),
        Column::text("stream", 18),
        Column::text("held by", 22),
        Column::number("idle", 8),
        Column::number("tries", 5),
        Column::number("campaign", 0),
        Column::text("what", 0),
    ];
    while total(&columns) > room && columns[2].cells > 10 {
        columns[2].cells -= 1;
    }
    if total(&columns) + 9 < room {
        columns[5].cells = 8;
    }
    let spare = room.saturating_sub(total(&columns));
    if spare > 12 {
        columns[6].cells = (spare - 1).min(60);
        let spare = spare - 1 - columns[6].cells;
        columns[2].cells += spare.min(12);
    } else {
        columns[2].cells += spare.min(12);
    }
    columns
}

fn cells(stuck: &StuckEntry, visibility_ms: u64, theme: &Theme) -> Vec<(String, Style)> {
    let entry = &stuck.entry;
    let owner = if stuck.owner_live {
        theme.text
    } else {
        theme.bad
    };
    let idle = if entry.idle_ms >= visibility_ms {
        theme.warn
    } else {
        theme.text
    };
    let tries = if entry.deliveries > 2 {
        theme.warn
    } else {
        theme.text
    };
    vec![
        (entry.id.clone(), theme.text),
        (entry.source.stream.clone(), theme.dim),
        (entry.consumer.clone(), owner),
        (duration(entry.idle_ms), idle),
        (count(entry.deliveries), tries),
        (entry.field("flow").unwrap_or("–").to_owned(), theme.text),
        (summary(stuck), theme.dim),
    ]
}

/// What the entry is about, in a few words; addresses are masked.
fn summary(stuck: &StuckEntry) -> String {
    if stuck.entry.fields.is_none() {
        return "trimmed".to_owned();
    }
    let data = stuck.entry.field("data").unwrap_or("");
    let Ok(serde_json::Value::Object(json)) = serde_json::from_str(data) else {
        return masked(data);
    };
    let mut words = Vec::new();
    for (name, value) in json.iter().filter(|(name, _)| *name != "v") {
        match value {
            serde_json::Value::Number(n) => words.push(format!("{name} {n}")),
            serde_json::Value::String(s) if s.contains('@') => words.push(masked(s)),
            _ => {}
        }
    }
    // The numbers are ids, and say more than the rest.
    words.sort_by_key(|w| w.contains('@'));
    words.join("  ")
}

fn entry(stuck: &StuckEntry, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let entry = &stuck.entry;
    let title = Line::from(vec![
        Span::styled(entry.id.clone(), theme.title),
        Span::styled(format!("  {}", cut(&entry.group, 40)), theme.dim),
    ]);
    canvas.line(area, 0, &title);
    let owner = if stuck.owner_live { "alive" } else { "gone" };
    let about = format!(
        "{}, {owner}, hasn't touched it for {}; delivered {}×",
        entry.consumer,
        duration(entry.idle_ms),
        count(entry.deliveries)
    );
    canvas.line(area, 1, &Line::styled(cut(&about, cells), theme.dim));
    let text = match &entry.fields {
        None => "it was trimmed from the stream: nobody can handle it any more".to_owned(),
        Some(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", masked(value)))
                .collect();
            fields.join("  ")
        }
    };
    let rows = usize::from(area.height.saturating_sub(2));
    for (row, line) in wrap(&text, cells).into_iter().take(rows).enumerate() {
        canvas.line(area, 2 + row as u16, &Line::styled(line, theme.text));
    }
}
