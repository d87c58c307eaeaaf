//! Everything that nobody works on, oldest first, and the selected entry in full.

use ratatui::text::{Line, Span};

use super::Listing;
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    screens::entry::{Fields, fields_text, recipient_of, summary},
    theme::Theme,
    view::text::{cut, shown, wrap},
};
use crate::ops::{
    Stuck, StuckEntry,
    wording::{count, duration, times},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Pending;

pub(in crate::console) static COLUMNS: [Column; 7] = [
    Column::text("id", 16, 24, 0),
    Column::text("stream", 18, 40, 3),
    Column::text("held by", 22, 34, 1),
    Column::number("idle", 8, 0),
    Column::number("tries", 5, 2),
    Column::number("campaign", 8, 5),
    Column::text("what", 12, 80, 4),
];

/// A look so old is said to be, ms.
const OLD_MS: u64 = 2_000;

impl Listing for Pending {
    fn name(&self) -> &'static str {
        "pending"
    }

    fn title(&self) -> String {
        "Pending".to_owned()
    }

    fn query(&self, model: &Model, _page: &Page) -> Option<Query> {
        let all = model.setting.all_streams;
        Some(Query::Stuck { all })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Stuck(stuck)) = data else {
            return Vec::new();
        };
        let rows = stuck.entries.iter().enumerate();
        rows.map(|(item, stuck)| row(item, stuck, model.setting.visibility_ms))
            .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let entry = &stuck_of(page, row)?.entry;
        Some(Place::Fields(Fields::new(
            &entry.id,
            entry.fields.as_ref()?,
        )))
    }

    fn recipient(&self, page: &Page, row: &Row) -> Option<(i64, i64)> {
        recipient_of(stuck_of(page, row)?.entry.fields.as_deref())
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Pending)
    }

    fn marks(&self) -> bool {
        true
    }

    fn copied(&self, page: &Page, row: &Row) -> String {
        stuck_of(page, row).map_or_else(String::new, |s| s.entry.id.clone())
    }

    fn detail_height(&self, height: u16) -> u16 {
        if height >= 24 { 7 } else { 4 }
    }

    fn detail(
        &self,
        model: &Model,
        page: &Page,
        row: &Row,
        cells: usize,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        stuck_of(page, row).map_or_else(Vec::new, |stuck| detail(model, stuck, cells, theme))
    }

    fn empty(&self) -> (String, Tint) {
        ("✓ nothing is stuck".to_owned(), Tint::Good)
    }

    fn unit(&self, _n: usize) -> &'static str {
        "stuck"
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let Some(Data::Stuck(stuck)) = &page.feed.data else {
            return None;
        };
        let more = stuck.more.then(|| "the oldest; there are more".to_owned());
        let unread = not_read_yet(stuck);
        let seen = stuck.entries.iter().map(|s| s.seen_ms_ago).max();
        let seen = seen.filter(|ms| *ms >= OLD_MS);
        let seen = seen.map(|ms| format!("seen up to {} ago", duration(ms)));
        let all: Vec<String> = more.into_iter().chain(unread).chain(seen).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn not_read_yet(stuck: &Stuck) -> Option<String> {
    let streams = match stuck.unread {
        0 => return None,
        1 => "1 stream",
        n => &format!("{} streams", count(n as u64)),
    };
    Some(format!("{streams} not read yet"))
}

/// The entry of a row.
pub(in crate::console) fn stuck_of<'a>(page: &'a Page, row: &Row) -> Option<&'a StuckEntry> {
    match &page.feed.data {
        Some(Data::Stuck(stuck)) => stuck.entries.get(row.item),
        _ => None,
    }
}

pub(in crate::console) fn row(item: usize, stuck: &StuckEntry, visibility_ms: u64) -> Row {
    let entry = &stuck.entry;
    let source = &entry.source;
    let bad = |is: bool, tint: Tint| if is { tint } else { Tint::Text };
    Row {
        id: format!("{} {} {}", source.key, entry.group, entry.id),
        fault: !stuck.owner_live || entry.deliveries > 2,
        item,
        cells: vec![
            Cell::text(&entry.id),
            Cell::text(&source.stream).dim(),
            Cell::text(&entry.consumer).tint(bad(!stuck.owner_live, Tint::Bad)),
            Cell::number(duration(entry.idle_ms), entry.idle_ms as f64)
                .tint(bad(entry.idle_ms >= visibility_ms, Tint::Warn)),
            Cell::count(entry.deliveries).tint(bad(entry.deliveries > 2, Tint::Warn)),
            Cell::text(entry.field("flow").unwrap_or("–")),
            Cell::text(summary(entry.fields.as_deref())).dim().private(),
        ],
    }
}

fn detail(model: &Model, stuck: &StuckEntry, cells: usize, theme: &Theme) -> Vec<Line<'static>> {
    let entry = &stuck.entry;
    // Nobody beats for a stream that isn't ours: all that is known is when its owner last read.
    let owner = match (stuck.owner_live, entry.source.partition) {
        (true, Some(_)) => "alive",
        (false, Some(_)) => "gone",
        (true, None) => "still reads",
        (false, None) => "silent",
    };
    let held = format!(
        "held by {} ({owner}), untouched for {}, delivered {}",
        entry.consumer,
        duration(entry.idle_ms),
        times(entry.deliveries)
    );
    let held = match stuck.seen_ms_ago {
        0..OLD_MS => held,
        ms => format!("{held}; seen {} ago", duration(ms)),
    };
    let mut lines = vec![
        Line::from(vec![
            Span::styled(entry.id.clone(), theme.title),
            Span::styled(format!("  {}", cut(&entry.group, 40)), theme.dim),
        ]),
        Line::styled(cut(&held, cells), theme.text),
    ];
    let text = match &entry.fields {
        None => "its body was trimmed: claiming it would only drop it from the list".to_owned(),
        Some(fields) => shown(&fields_text(fields), model.unmasked),
    };
    lines.extend(
        wrap(&text, cells)
            .into_iter()
            .map(|line| Line::styled(line, theme.text)),
    );
    lines
}
