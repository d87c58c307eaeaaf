//! The screens that are lists, one file each: what it asks for, its columns, and how a row is made.

pub(super) mod audit;
pub(super) mod campaign;
pub(super) mod campaigns;
pub(super) mod consumers;
pub(super) mod dead;
pub(super) mod deliveries;
pub(super) mod entries;
pub(super) mod entry;
pub(super) mod failures;
pub(super) mod groups;
pub(super) mod held;
pub(super) mod inbox;
pub(super) mod letter;
pub(super) mod letters;
pub(super) mod log;
pub(super) mod mail;
pub(super) mod pending;
pub(super) mod report;
pub(super) mod schedule;
pub(super) mod schedules;
pub(super) mod secrets;
pub(super) mod streams;
mod text_lines;
pub(super) mod trace;
pub(super) mod workers;

use ratatui::text::Line;

use super::{
    action::Scope,
    column::Column,
    data::{Data, Query},
    model::Model,
    place::{Page, Place},
    row::{Row, Tint},
    table::Sort,
    theme::Theme,
};

/// A list: a screen, or a level below one.
pub(super) trait Listing {
    /// For `[console.columns]`.
    fn name(&self) -> &'static str;

    /// The last word of the path shown above the list.
    fn title(&self) -> String;

    /// What it fetches; `None` when it is made of the status, which is fetched anyway.
    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        None
    }

    /// How often, ms; `None`: once, and when asked to.
    fn every_ms(&self) -> Option<u64> {
        Some(1_000)
    }

    fn columns(&self) -> &'static [Column];

    /// The rows in the order of arrival. `data` is `None` only for a list made of the status.
    fn rows(&self, model: &Model, data: Option<&Data>) -> Vec<Row>;

    /// Where Enter leads.
    fn open(&self, _model: &Model, _page: &Page, _row: &Row) -> Option<Place> {
        None
    }

    /// Whose message a row is about: campaign and user. `t` traces it.
    fn recipient(&self, _page: &Page, _row: &Row) -> Option<(i64, i64)> {
        None
    }

    /// Its own actions.
    fn scope(&self) -> Option<Scope> {
        None
    }

    /// Rows can be marked.
    fn marks(&self) -> bool {
        false
    }

    /// The newest row, at the end, is selected until one moves away from it.
    fn follows(&self) -> bool {
        false
    }

    fn sort(&self) -> Option<Sort> {
        None
    }

    /// What `y` copies.
    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.id.clone()
    }

    /// What else is to be said when `y` is pressed, above all why there is nothing to copy.
    fn copy_remark(&self, _page: &Page, _row: &Row) -> Option<String> {
        None
    }

    /// Lines kept below the list for the selected row, of `height` for all.
    fn detail_height(&self, _height: u16) -> u16 {
        0
    }

    fn detail(
        &self,
        _model: &Model,
        _page: &Page,
        _row: &Row,
        _cells: usize,
        _theme: &Theme,
    ) -> Vec<Line<'static>> {
        Vec::new()
    }

    /// Said when there are no rows, though all has been fetched.
    fn empty(&self) -> (String, Tint);

    /// Said after the number of rows: `12 entries`.
    fn unit(&self, n: usize) -> &'static str;

    /// What else is to be said of the whole, below the rows.
    fn remark(&self, _page: &Page) -> Option<String> {
        None
    }
}

/// Every list once, for what is set by its name.
pub(super) fn all() -> Vec<Place> {
    let none = String::new;
    vec![
        Place::Streams(streams::Streams),
        Place::Groups(groups::Groups { stream: none() }),
        Place::Consumers(consumers::Consumers {
            stream: none(),
            group: none(),
        }),
        Place::Held(held::Held {
            stream: none(),
            group: none(),
            consumer: none(),
        }),
        Place::Entries(entries::Entries::of("")),
        Place::Pending(pending::Pending),
        Place::Campaigns(campaigns::Campaigns),
        Place::Dead(dead::Dead),
        Place::Audit(audit::Audit),
        Place::Secrets(secrets::Secrets),
        Place::Schedules(schedules::Schedules),
        Place::Inbox(inbox::Inbox),
        Place::Workers(workers::Workers),
    ]
}

/// `one` or `many`.
pub(super) fn plural(n: usize, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}
