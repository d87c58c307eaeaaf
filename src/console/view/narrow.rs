//! One column, for a terminal too small for the screens.

use ratatui::{layout::Rect, text::Line};

use super::text::{Canvas, cut, right};
use crate::console::model::{Link, Model};
use crate::ops::wording::{count, percent};

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = super::body_theme(model);
    let state = match model.link {
        Link::Connecting => "connecting",
        Link::Up => "live",
        Link::Away { .. } => "Redis is away",
    };
    let mut lines = vec![(format!("comms {state}"), theme.title)];
    if let Some(status) = model.shown_status() {
        for stage in &status.overview.stages {
            let behind = stage.own_group().map_or(0, |g| g.backlog.count);
            lines.push((
                format!("{} {}", right(&count(behind), 8), stage.stream),
                theme.text,
            ));
        }
        for row in model.campaigns.data.iter().flatten().take(3) {
            let done = row.progress().map_or_else(|| "–".to_owned(), percent);
            lines.push((format!("{} {}", right(&done, 8), row.view.name), theme.text));
        }
        for finding in &status.findings {
            lines.push((finding.text.clone(), theme.warn));
        }
    }
    lines.push(("q quit".to_owned(), theme.dim));
    for (row, (text, style)) in lines.iter().enumerate() {
        let text = cut(text, usize::from(area.width));
        canvas.line(area, row as u16, &Line::styled(text, *style));
    }
}
