//! Workers: who is alive, what each does, how fast.

use super::{Listing, plural};
use crate::console::{
    action::Scope,
    column::Column,
    data::Data,
    model::Model,
    place::{Page, Place},
    row::{Cell, Row, Tint},
    screens::log::Log,
};
use crate::ops::{
    Worker,
    wording::{bytes, count, duration, rate},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Workers;

pub(in crate::console) static COLUMNS: [Column; 9] = [
    Column::text("consumer", 22, 34, 0),
    Column::text("service", 20, 20, 2),
    Column::text("state", 8, 10, 0),
    Column::number("in hand", 11, 1),
    Column::number("rate", 10, 1),
    Column::number("beat ago", 8, 3),
    Column::number("handled", 9, 5),
    Column::number("memory", 9, 4),
    Column::text("note", 12, 60, 6),
];

impl Listing for Workers {
    fn name(&self) -> &'static str {
        "workers"
    }

    fn title(&self) -> String {
        "Workers".to_owned()
    }

    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn rows(&self, model: &Model, _data: Option<&Data>) -> Vec<Row> {
        let workers = model.workers().iter().enumerate();
        workers.map(|(item, worker)| row(item, worker)).collect()
    }

    fn open(&self, model: &Model, _page: &Page, row: &Row) -> Option<Place> {
        let worker = model.workers().get(row.item)?;
        Some(Place::Log(Log {
            service: worker.info.service.clone(),
            host: worker.info.host.clone(),
        }))
    }

    fn scope(&self) -> Option<Scope> {
        Some(Scope::Workers)
    }

    fn empty(&self) -> (String, Tint) {
        (
            "none has ever started here: ./start.sh".to_owned(),
            Tint::Dim,
        )
    }

    fn unit(&self, n: usize) -> &'static str {
        plural(n, "worker", "workers")
    }
}

/// One worker; on the home screen too.
pub(in crate::console) fn row(item: usize, worker: &Worker) -> Row {
    let info = &worker.info;
    let (state, tint) = match (worker.live, info.state.as_str()) {
        (false, _) => ("gone", Tint::Bad),
        (true, "ready") => ("ready", Tint::Good),
        (true, "") => ("?", Tint::Warn),
        (true, other) => (other, Tint::Warn),
    };
    let text = if worker.live { Tint::Text } else { Tint::Dim };
    let hand = format!("{} / {}", count(info.in_hand), count(info.capacity));
    let live = |cell: Cell| if worker.live { cell } else { Cell::none() };
    let beat = if worker.live { Tint::Dim } else { Tint::Bad };
    Row {
        id: worker.name.clone(),
        fault: !worker.live || info.state != "ready",
        item,
        cells: vec![
            Cell::text(&worker.name).tint(text),
            Cell::text(&info.service).dim(),
            Cell::text(state).tint(tint),
            live(Cell::number(hand, info.in_hand as f64)),
            live(Cell::number(rate(info.rate), info.rate)),
            Cell::number(duration(worker.silent_ms), worker.silent_ms as f64).tint(beat),
            Cell::count(info.handled).tint(text),
            live(Cell::number(bytes(info.rss_bytes), info.rss_bytes as f64).dim()),
            Cell::text(&info.note).tint(Tint::Warn),
        ],
    }
}
