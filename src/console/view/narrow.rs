//! One column, for a terminal too small for the screens.

use ratatui::{layout::Rect, text::Line};

use super::{
    list::Look,
    text::{Canvas, cut, right},
    typing,
};
use crate::console::{
    action::{ACTIONS, Act},
    model::{Link, Model},
    screens::Listing,
};
use crate::ops::wording::{count, percent};

/// Lines above and below a list.
pub(in crate::console) const AROUND: u16 = 2;

pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let below = match model.page().place.listing() {
        None => {
            home(model, canvas, area);
            None
        }
        Some(listing) => {
            let title = format!("comms {}", listing.title());
            list(model, listing, &title, canvas, area);
            let rows = model.page().table.len();
            Some(format!("{rows} {}", listing.unit(rows)))
        }
    };
    last_line(model, below, canvas, area);
}

/// What is typed, what just happened, or else the sum of a list.
fn last_line(model: &Model, sum: Option<String>, canvas: &mut Canvas<'_>, area: Rect) {
    let (theme, cells) = (super::body_theme(model), usize::from(area.width));
    let line = match (&model.prompt, &model.notice) {
        (Some(prompt), _) => typing::prompt(model, prompt, cells),
        (None, Some(notice)) => Line::styled(cut(&notice.text, cells), theme.dim),
        (None, None) => match sum.filter(|_| area.height > 1) {
            Some(sum) => Line::styled(cut(&sum, cells), theme.dim),
            None => return,
        },
    };
    let row = area.height.saturating_sub(1);
    canvas.clear(Rect {
        y: area.y + row,
        height: 1,
        ..area
    });
    canvas.line(area, row, &line);
}

/// The rows of a list, with as many columns as there is room for.
fn list(model: &Model, listing: &dyn Listing, title: &str, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = super::body_theme(model);
    let table = &model.page().table;
    let cells = usize::from(area.width);
    canvas.line(area, 0, &Line::styled(cut(title, cells), theme.title));
    let rows = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(AROUND),
        ..area
    };
    if rows.height > 0 {
        let look = Look {
            marks: listing.marks(),
            selects: true,
            unmasked: model.unmasked,
        };
        super::list::rows(listing.columns(), table, look, &theme, canvas, rows);
    }
}

/// The first key that quits, as it is bound.
fn way_out(model: &Model) -> String {
    let quit = ACTIONS.iter().find(|a| a.act == Act::Quit);
    let key = quit.and_then(|a| model.setting.keys.of(a).first());
    key.map_or_else(String::new, |key| format!("{} quit", key.name()))
}

fn home(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
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
    // The way out stays in sight.
    let last = usize::from(area.height.saturating_sub(1));
    lines.truncate(last);
    let out = (way_out(model), theme.dim);
    let rows = (0..).zip(&lines).chain([(last, &out)]);
    for (row, (text, style)) in rows {
        let text = cut(text, usize::from(area.width));
        canvas.line(area, row as u16, &Line::styled(text, *style));
    }
}
