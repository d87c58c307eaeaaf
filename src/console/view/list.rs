//! Draws any list: the path to it, headings, rows, the sum, and the selected row in full.

use ratatui::{
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{
    text::{Canvas, cut, left, right, shown, width},
    widgets::POINTER,
};
use crate::console::{
    column::{Column, widths},
    geometry,
    model::{Model, Page},
    row::{Row, Tint},
    screens::Listing,
    table::Table,
    theme::Theme,
};
use crate::ops::wording::count;

/// Selection and mark stand before a row.
const POINTER_CELLS: usize = 2;
const MARK_CELLS: usize = 2;

pub(super) fn draw(
    model: &Model,
    listing: &dyn Listing,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    body: Rect,
) {
    let page = model.page();
    let detail = listing.detail_height(body.height);
    let parts = geometry::list(body, model.depth() > 1, detail);
    path(model, theme, canvas, parts.path);
    if page.table.is_empty() {
        canvas.line(parts.headings, 0, &nothing(page, listing, body, theme));
        if !page.table.rows().is_empty() {
            sum(page, listing, theme, canvas, parts.sum);
        }
        return;
    }
    let look = Look::of(model, listing);
    headings(
        listing.columns(),
        &page.table,
        look,
        theme,
        canvas,
        parts.headings,
        None,
    );
    rows(
        listing.columns(),
        &page.table,
        look,
        theme,
        canvas,
        parts.rows,
    );
    sum(page, listing, theme, canvas, parts.sum);
    if let Some(row) = page.table.selected() {
        let cells = usize::from(parts.detail.width);
        let lines = listing.detail(model, page, row, cells, theme);
        for (n, line) in (0..parts.detail.height).zip(&lines) {
            canvas.line(parts.detail, n, line);
        }
    }
}

/// `Streams › email-notification › email-service`
fn path(model: &Model, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let titles: Vec<String> = model
        .stack()
        .iter()
        .filter_map(|page| Some(page.place.listing()?.title()))
        .collect();
    let Some((last, before)) = titles.split_last() else {
        return;
    };
    let cells = usize::from(area.width);
    let last = cut(last, cells.min(60));
    let before: String = before
        .iter()
        .map(|t| format!("{} › ", cut(t, 40)))
        .collect();
    // The end says where one is; the beginning gives way.
    let room = cells.saturating_sub(width(&last));
    let before = if width(&before) > room {
        String::new()
    } else {
        before
    };
    canvas.line(
        area,
        0,
        &Line::from(vec![
            Span::styled(before, theme.dim),
            Span::styled(last, theme.title),
        ]),
    );
}

fn nothing(page: &Page, listing: &dyn Listing, body: Rect, theme: &Theme) -> Line<'static> {
    let table = &page.table;
    let (text, style) = if !table.rows().is_empty() {
        let all = table.rows().len();
        let text = format!(
            "none of {} {} matches",
            count(all as u64),
            listing.unit(all)
        );
        (text, theme.dim)
    } else {
        match (&page.feed.data, &page.feed.error) {
            (None, Some(error)) => (format!("not known: {error}"), theme.warn),
            (None, None) if page.asked.is_some() || page.feed.in_flight => {
                ("looking …".to_owned(), theme.dim)
            }
            _ => {
                let (text, tint) = listing.empty();
                (text, theme.tint(tint))
            }
        }
    };
    Line::styled(cut(&text, usize::from(body.width)), style)
}

/// What stands before the cells of a row, and whether addresses are shown.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub marks: bool,
    pub selects: bool,
    pub unmasked: bool,
}

impl Look {
    /// Of a list that has the screen.
    pub(super) fn of(model: &Model, listing: &dyn Listing) -> Self {
        Self {
            marks: listing.marks(),
            selects: true,
            unmasked: model.unmasked,
        }
    }

    pub(super) fn indent(self) -> usize {
        let marks = if self.marks { MARK_CELLS } else { 0 };
        let pointer = if self.selects { POINTER_CELLS } else { 0 };
        marks + pointer
    }
}

/// `title` replaces the first heading.
pub(super) fn headings(
    columns: &[Column],
    table: &Table,
    look: Look,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
    title: Option<&str>,
) {
    let room = usize::from(area.width).saturating_sub(look.indent());
    let cells = widths(columns, table, room);
    let mut spans = vec![Span::raw(" ".repeat(look.indent()))];
    for (n, (column, wide)) in columns.iter().zip(&cells).enumerate() {
        if *wide == 0 {
            continue;
        }
        if spans.len() > 1 {
            spans.push(Span::raw(" "));
        }
        let sorted = table.sort.filter(|sort| sort.column == n);
        let arrow = sorted.map_or("", |sort| if sort.descending { "↓" } else { "↑" });
        let (heading, style) = match title.filter(|_| n == 0) {
            Some(title) => (title, theme.title),
            None if sorted.is_some() => (column.heading, theme.accent),
            None => (column.heading, theme.dim),
        };
        let text = format!("{heading}{arrow}");
        spans.push(Span::styled(aligned(&text, *wide, column.right), style));
    }
    canvas.line(area, 0, &Line::from(spans));
}

fn aligned(text: &str, cells: usize, on_the_right: bool) -> String {
    if on_the_right {
        right(text, cells)
    } else {
        left(text, cells)
    }
}

pub(super) fn rows(
    columns: &[Column],
    table: &Table,
    look: Look,
    theme: &Theme,
    canvas: &mut Canvas<'_>,
    area: Rect,
) {
    let room = usize::from(area.width).saturating_sub(look.indent());
    let cells = widths(columns, table, room);
    let visible = table.visible(usize::from(area.height));
    for ((n, row), y) in visible.zip(0..) {
        let chosen = look.selects && table.at() == Some(n);
        let mut spans = before(row, table, look, chosen, theme);
        let mut first = true;
        for ((cell, column), wide) in row.cells.iter().zip(columns).zip(&cells) {
            if *wide == 0 {
                continue;
            }
            if !std::mem::take(&mut first) {
                spans.push(Span::raw(" "));
            }
            let style = theme.tint(cell.tint);
            let text = if cell.private {
                aligned(&shown(&cell.text, look.unmasked), *wide, column.right)
            } else {
                aligned(&cell.text, *wide, column.right)
            };
            spans.push(Span::styled(text, style));
        }
        canvas.line(area, y, &Line::from(spans));
        if chosen {
            canvas.tint(area, y, theme.selected);
        }
    }
}

fn before(row: &Row, table: &Table, look: Look, chosen: bool, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if look.selects {
        let pointer = if chosen { POINTER } else { " " };
        spans.push(Span::styled(format!("{pointer} "), theme.accent));
    }
    if look.marks {
        let marked = table.marks.contains(&row.id);
        let (mark, style) = if marked {
            ("■ ", theme.accent)
        } else {
            ("· ", theme.faint)
        };
        spans.push(Span::styled(mark, style));
    }
    spans
}

/// `12 stuck, 3 marked, the oldest; there are more   filter: x`
fn sum(page: &Page, listing: &dyn Listing, theme: &Theme, canvas: &mut Canvas<'_>, area: Rect) {
    let table = &page.table;
    let (all, shown) = (table.rows().len(), table.len());
    let number = if all == shown {
        count(all as u64)
    } else {
        format!("{} of {}", count(shown as u64), count(all as u64))
    };
    let mut room = usize::from(area.width);
    let mut spans = Vec::new();
    let mut say = |text: String, style: Style| {
        let text = cut(&text, room);
        room -= width(&text);
        spans.push(Span::styled(text, style));
    };
    say(format!("  {number} {}", listing.unit(all)), theme.dim);
    if !table.marks.is_empty() {
        let marked = format!(", {} marked", count(table.marks.len() as u64));
        say(marked, theme.accent);
    }
    // Why the last look failed needs the room.
    let remark = page.feed.error.is_none().then(|| listing.remark(page));
    if let Some(remark) = remark.flatten() {
        say(format!(", {remark}"), theme.dim);
    }
    if !table.filter.is_empty() {
        let filter = format!("  filter {}", cut(table.filter.text(), 40));
        say(filter, theme.accent);
    }
    if table.faults_only {
        say("  faults only".to_owned(), theme.accent);
    }
    if let Some(error) = &page.feed.error {
        say(format!("  {error}"), theme.warn);
    }
    canvas.line(area, 0, &Line::from(spans));
}

impl Theme {
    pub(super) fn tint(&self, tint: Tint) -> Style {
        match tint {
            Tint::Text => self.text,
            Tint::Title => self.title,
            Tint::Dim => self.dim,
            Tint::Accent => self.accent,
            Tint::Good => self.good,
            Tint::Warn => self.warn,
            Tint::Bad => self.bad,
        }
    }
}
