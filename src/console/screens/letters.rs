//! The dead letters of one cause: mark, replay, edit, drop; Enter shows one with its attempts.

use ratatui::text::{Line, Span};

use super::{Listing, letter::Opened, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    theme::Theme,
    view::text::{shown, wrap},
};
use crate::ops::{DeadFilter, Letter, wording::clock};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Letters {
    pub stream: String,
    /// The campaign's id; empty for none.
    pub flow: String,
    pub fingerprint: String,
    pub cause: String,
}

static COLUMNS: [Column; 6] = [
    Column::text("id", 15, 24, 0),
    Column::text("at", 8, 8, 2),
    Column::number("user", 8, 0),
    Column::number("attempt", 7, 3),
    Column::number("round", 5, 4),
    Column::text("reason", 20, 200, 1),
];

impl Letters {
    pub(in crate::console) fn filter(&self) -> DeadFilter {
        DeadFilter {
            stream: Some(self.stream.clone()),
            ids: Vec::new(),
            cause: Some(self.fingerprint.clone()),
            campaign: self.flow.parse().ok(),
        }
    }
}

impl Listing for Letters {
    fn name(&self) -> &'static str {
        "letters"
    }

    fn title(&self) -> String {
        self.cause.clone()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Letters(self.filter()))
    }

    fn every_ms(&self) -> Option<u64> {
        Some(3_000)
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Letters(letters)) = data else {
            return Vec::new();
        };
        let mine = |(_, one): &(usize, &Letter)| one.letter.flow == self.flow;
        let rows = letters.iter().enumerate().filter(mine);
        rows.map(|(item, one)| Row {
            id: one.id().to_string(),
            cells: vec![
                Cell::text(one.id().to_string()),
                Cell::text(clock(one.letter.at_ms)).dim(),
                one.user().map_or_else(Cell::none, |user| {
                    Cell::number(user.to_string(), user as f64)
                }),
                Cell::count(u64::from(one.letter.attempt)),
                Cell::count(u64::from(one.letter.round)),
                Cell::text(&one.letter.reason).private(),
            ],
            fault: true,
            item,
        })
        .collect()
    }

    fn open(&self, _model: &Model, page: &Page, row: &Row) -> Option<Place> {
        let letter = letter_of(page, row)?;
        Some(Place::Letter(Opened {
            stream: letter.letter.stream.clone(),
            id: letter.id(),
        }))
    }

    fn recipient(&self, page: &Page, row: &Row) -> Option<(i64, i64)> {
        let letter = letter_of(page, row)?;
        letter.campaign().zip(letter.user())
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Letters)
    }

    fn marks(&self) -> bool {
        true
    }

    fn detail_height(&self, height: u16) -> u16 {
        if height >= 16 { 4 } else { 0 }
    }

    fn detail(
        &self,
        model: &Model,
        page: &Page,
        row: &Row,
        cells: usize,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        let Some(one) = letter_of(page, row) else {
            return Vec::new();
        };
        let raw = one.letter.raw.as_ref();
        let data = shown(raw.unwrap_or(&one.letter.data), model.unmasked);
        let lines = wrap(&data, cells.max(1)).into_iter().take(3);
        let head = Line::from(Span::styled("its data", theme.dim));
        let lines = lines.map(|line| Line::from(Span::styled(line, theme.text)));
        std::iter::once(head).chain(lines).collect()
    }

    fn empty(&self) -> (String, Tint) {
        ("none is left".to_owned(), Tint::Good)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "letter", "letters")
    }

    fn remark(&self, page: &Page) -> Option<String> {
        let more = page.table.rows().len() >= crate::console::fetch::LETTERS;
        more.then(|| "the first; replay or drop them, and the next ones come".to_owned())
    }
}

/// The letter of a row.
pub(in crate::console) fn letter_of<'a>(page: &'a Page, row: &Row) -> Option<&'a Letter> {
    match &page.feed.data {
        Some(Data::Letters(letters)) => letters.get(row.item),
        _ => None,
    }
}
