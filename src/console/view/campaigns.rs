//! Campaigns on the home screen: progress, rate, what is left, and whether the counters balance.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    text::{Canvas, cut, left, right, width},
    widgets::bar,
};
use crate::console::{model::Model, theme::Theme};
use crate::ops::{
    CampaignRow,
    wording::{SEPARATOR, duration, percent, rate, signed},
};

const TITLE: &str = "Campaigns";

/// The widths of the columns, for the room there is.
struct Widths {
    name: usize,
    bar: usize,
    done: usize,
    count: usize,
    rate: usize,
    state: usize,
}

impl Widths {
    fn of(cells: usize) -> Self {
        let (done, count, rate, state) = match cells {
            0..100 => (5, 17, 10, 9),
            _ => (5, 21, 12, 11),
        };
        // Five gaps of a space, and two cells for the balance.
        let rest = cells.saturating_sub(done + count + rate + state + 5 + 2);
        let name = (rest * 2 / 3).min(36);
        Self {
            name,
            bar: rest - name,
            done,
            count,
            rate,
            state,
        }
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    let widths = Widths::of(usize::from(area.width));
    // Old rows stay; why they are old is said above them.
    let old = model.campaigns.error.as_ref();
    let old = old.filter(|_| model.campaigns.data.is_some());
    let old = old.map_or_else(String::new, |error| format!("  {error}"));
    let room = (widths.name + widths.bar + 1).saturating_sub(TITLE.len());
    let heading = vec![
        Span::styled(left(TITLE, TITLE.len()), theme.title),
        Span::styled(left(&old, room), theme.warn),
        Span::styled(format!(" {}", right("done", widths.done)), theme.dim),
        Span::styled(
            format!(" {}", right("outcome known", widths.count)),
            theme.dim,
        ),
        Span::styled(format!(" {}", right("rate", widths.rate)), theme.dim),
        Span::styled(format!(" {}", right("left", widths.state)), theme.dim),
    ];
    canvas.line(area, 0, &Line::from(heading));
    let room = usize::from(area.height.saturating_sub(1));
    let message = match (&model.campaigns.data, &model.campaigns.error) {
        (None, Some(error)) => Some((format!("not known: {error}"), theme.warn)),
        (None, None) => Some(("looking …".to_owned(), theme.dim)),
        (Some(rows), _) if rows.is_empty() => {
            Some(("none yet: c creates the first".to_owned(), theme.dim))
        }
        _ => None,
    };
    if let Some((text, style)) = message {
        canvas.line(
            area,
            1,
            &Line::styled(cut(&text, usize::from(area.width)), style),
        );
        return;
    }
    let mut rows: Vec<&CampaignRow> = model.campaigns.data.iter().flatten().collect();
    // What runs stands above what has ended; else the newest first, as they come.
    rows.sort_by_key(|row| !matches!(row.view.status.as_str(), "running" | "paused" | "lost"));
    for (n, row) in rows.into_iter().take(room).enumerate() {
        canvas.line(area, 1 + n as u16, &line(row, &widths, theme));
    }
}

fn line(row: &CampaignRow, widths: &Widths, theme: &Theme) -> Line<'static> {
    let view = &row.view;
    let running = view.status == "running";
    let (bar_style, state_style) = match view.status.as_str() {
        "running" => (theme.accent, theme.text),
        "finished" if view.failed > 0 => (theme.warn, theme.warn),
        "finished" => (theme.good, theme.good),
        "paused" | "lost" => (theme.warn, theme.warn),
        _ => (theme.faint, theme.dim),
    };
    let state = match view.eta_s {
        Some(s) if running => duration(s * 1_000),
        _ if running => "–".to_owned(),
        _ => view.status.clone(),
    };
    let shown_rate = if view.rate > 0.0 || running {
        rate(view.rate)
    } else {
        "–".to_owned()
    };
    let done = row.progress().map_or_else(|| "–".to_owned(), percent);
    let id = view.id.to_string();
    let name = cut(&view.name, widths.name.saturating_sub(width(&id) + 1));
    let pad = widths.name.saturating_sub(width(&id) + 1 + width(&name));
    let cell = |text: &str, cells: usize, style: Style| {
        Span::styled(format!(" {}", right(text, cells)), style)
    };
    let mut spans = vec![
        Span::styled(format!("{id} "), theme.dim),
        Span::styled(format!("{name}{} ", " ".repeat(pad)), theme.text),
    ];
    spans.extend(bar(row.progress(), widths.bar, bar_style, theme));
    spans.push(cell(&done, widths.done, theme.title));
    spans.extend(of_total(row, widths.count, theme));
    spans.push(cell(&shown_rate, widths.rate, theme.text));
    spans.push(cell(&state, widths.state, state_style));
    let balance = if view.balanced {
        (" ✓", theme.good)
    } else {
        (" ≠", theme.bad)
    };
    spans.push(Span::styled(balance.0, balance.1));
    Line::from(spans)
}

/// `61 204 / 100 000`, the first number bright.
fn of_total(row: &CampaignRow, cells: usize, theme: &Theme) -> Vec<Span<'static>> {
    let mut closed = signed(row.closed());
    let mut total = row.total.map_or_else(|| "?".to_owned(), signed);
    if width(&closed) + width(&total) + 3 > cells {
        closed = closed.replace(SEPARATOR, "");
        total = total.replace(SEPARATOR, "");
    }
    let tail = format!(" / {total}");
    let head = cells.saturating_sub(width(&tail)) + 1;
    vec![
        Span::styled(right(&closed, head), theme.text),
        Span::styled(tail, theme.dim),
    ]
}
