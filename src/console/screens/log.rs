//! The log in which a worker writes, followed: its service's on this machine.

use ratatui::text::Line;

use super::{Listing, plural};
use crate::console::{
    column::Column,
    data::{Data, Query},
    model::Model,
    place::Page,
    row::{Cell, Row, Tint},
    theme::Theme,
    view::text::{shown, wrap},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Log {
    pub service: String,
    /// Where the worker runs.
    pub host: String,
}

static COLUMNS: [Column; 2] = [
    Column::text("level", 5, 5, 1),
    Column::text("log", 20, 2_000, 0),
];

impl Listing for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn title(&self) -> String {
        format!("logs/{}.log", self.service)
    }

    fn query(&self, _model: &Model, _page: &Page) -> Option<Query> {
        Some(Query::Log {
            service: self.service.clone(),
            host: self.host.clone(),
        })
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, _model: &Model, data: Option<&Data>) -> Vec<Row> {
        let Some(Data::Log(lines)) = data else {
            return Vec::new();
        };
        lines.iter().enumerate().map(row).collect()
    }

    fn follows(&self) -> bool {
        true
    }

    fn copied(&self, _page: &Page, row: &Row) -> String {
        row.text(1)
    }

    fn detail_height(&self, _height: u16) -> u16 {
        3
    }

    fn detail(
        &self,
        model: &Model,
        _page: &Page,
        row: &Row,
        cells: usize,
        theme: &Theme,
    ) -> Vec<Line<'static>> {
        let text = row.cells.get(1).map_or("", |c| c.text.as_str());
        let lines = wrap(&shown(text, model.unmasked), cells);
        let styled = lines.into_iter().map(|line| Line::styled(line, theme.text));
        styled.collect()
    }

    fn empty(&self) -> (String, Tint) {
        ("its log is empty".to_owned(), Tint::Dim)
    }

    fn remark(&self, _page: &Page) -> Option<String> {
        let Self { service, host } = self;
        Some(format!("every {service} of {host} writes in it"))
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "line", "lines")
    }
}

fn row((item, line): (usize, &String)) -> Row {
    let level = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        .into_iter()
        .find(|level| line.split_whitespace().take(3).any(|word| word == *level))
        .unwrap_or("");
    let tint = match level {
        "ERROR" => Tint::Bad,
        "WARN" => Tint::Warn,
        _ => Tint::Dim,
    };
    Row {
        // Lines of a log aren't numbered; the same text at another place is another line.
        id: format!("{item} {line}"),
        cells: vec![Cell::text(level).tint(tint), Cell::text(line).private()],
        fault: matches!(level, "ERROR" | "WARN"),
        item,
    }
}
