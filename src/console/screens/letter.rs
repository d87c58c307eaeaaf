//! One dead letter in full, and the attempts that were made.

use super::{Listing, plural, text_lines};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::Page,
    row::{Row, Tint},
    view::text::wrap,
};
use crate::ops::{
    DeadDetails, LetterId,
    wording::{clock, times},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Opened {
    pub stream: String,
    pub id: LetterId,
}

static COLUMNS: [Column; 2] = [
    Column::text("", 10, 10, 0),
    Column::text("letter", 20, 1_000, 0),
];

impl Listing for Opened {
    fn name(&self) -> &'static str {
        "letter"
    }

    fn title(&self) -> String {
        self.id.to_string()
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Letter {
            stream: self.stream.clone(),
            id: self.id.clone(),
        })
    }

    fn every_ms(&self) -> Option<u64> {
        None
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Letter(details)) = data else {
            return Vec::new();
        };
        let cells = text_lines::room(model, 10);
        text_lines::rows(lines(details), |text| wrap(text, cells))
    }

    fn recipient(&self, page: &Page, _row: &Row) -> Option<(i64, i64)> {
        let Some(Data::Letter(details)) = &page.feed.data else {
            return None;
        };
        details.letter.campaign().zip(details.letter.user())
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(1)
    }

    fn empty(&self) -> (String, Tint) {
        ("it is no dead letter any more".to_owned(), Tint::Dim)
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }
}

fn lines(details: &DeadDetails) -> Vec<(&'static str, String)> {
    let letter = &details.letter.letter;
    let mut lines = vec![
        ("stream", letter.stream.clone()),
        ("id", details.letter.id().to_string()),
        ("was", letter.origin_id.clone()),
        ("at", clock(letter.at_ms)),
        ("reason", letter.reason.clone()),
        ("type", letter.kind.clone()),
        ("campaign", letter.flow.clone()),
        (
            "attempt",
            format!("{}, round {}", letter.attempt, letter.round),
        ),
        ("data", letter.data.clone()),
    ];
    if let Some(deliveries) = letter.deliveries {
        lines.push(("delivered", times(deliveries)));
    }
    if let Some(raw) = &letter.raw {
        lines.push(("raw", raw.clone()));
    }
    match &details.delivery {
        None => lines.push(("ledger", "has no row for it".to_owned())),
        Some(delivery) => {
            let text = format!("{}, round {}", delivery.status, delivery.round);
            lines.push(("ledger", text));
            let attempts = delivery.history.iter().enumerate();
            lines.extend(attempts.map(|(n, attempt)| {
                let at = clock(u64::try_from(attempt.at_ms).unwrap_or(0));
                let code = attempt.code.map_or_else(String::new, |c| format!("{c} "));
                let text = format!(
                    "{at}  round {}, attempt {}: {code}{}",
                    attempt.round, attempt.attempt, attempt.answer
                );
                (if n == 0 { "attempts" } else { "" }, text)
            }));
        }
    }
    lines
}
