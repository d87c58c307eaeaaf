//! The data of the page shown: asked for again and again, one request under way. When what is wanted has
//! changed meanwhile (another filter, another page), the answer is dropped and the newest question asked.

use super::super::{
    data::{Data, Query},
    message::{Cmd, Failure},
    model::Model,
    trends::Point,
};
use super::{feeds, lists};

/// What the page shown wants to know.
pub(super) fn wanted(model: &Model) -> Option<Query> {
    let page = model.page();
    page.place.listing()?.query(model, page)
}

fn is_current(model: &Model, wanted: &Query) -> bool {
    let asked = model.page().asked.as_ref();
    asked.is_some_and(|asked| wanted.is_about(asked))
}

/// When the page shown wants its next request, ms since the start.
pub(super) fn due_at_ms(model: &Model) -> u64 {
    let Some(wanted) = wanted(model) else {
        return u64::MAX;
    };
    let feed = &model.page().feed;
    if feed.in_flight {
        return u64::MAX;
    }
    if is_current(model, &wanted) {
        feed.due_at_ms
    } else {
        0
    }
}

pub(super) fn send(model: &mut Model) -> Option<Cmd> {
    let query = wanted(model)?;
    let page = model.page_mut();
    page.asked = Some(query.clone());
    Some(Cmd::Ask {
        page: page.number,
        generation: feeds::begin(&mut page.feed),
        query,
    })
}

/// Asks again at once, or as soon as the request under way is answered.
pub(super) fn refresh(model: &mut Model) -> Option<Cmd> {
    wanted(model)?;
    if model.page().feed.in_flight {
        model.page_mut().feed.again = true;
        return None;
    }
    send(model)
}

pub(super) fn arrived(
    model: &mut Model,
    number: u64,
    generation: u64,
    result: Result<Data, Failure>,
) -> Vec<Cmd> {
    let now_ms = model.now_ms;
    let is_shown = model.page().number == number;
    let outdated = is_shown && wanted(model).is_some_and(|wanted| !is_current(model, &wanted));
    let stands = is_shown && model.dialog.is_some() && model.page().feed.data.is_some();
    let base_ms = feeds::interval_ms(model);
    let Some(page) = model.page_numbered(number) else {
        return Vec::new();
    };
    if outdated || stands {
        if page.feed.generation == generation {
            page.feed.in_flight = false;
            page.feed.due_at_ms = now_ms;
        }
        if stands {
            // A list doesn't move behind a question.
            return Vec::new();
        }
        return send(model).into_iter().collect();
    }
    let every = page.place.listing().and_then(|l| l.every_ms());
    let interval_ms = every.map_or(u64::MAX / 2, |ms| ms.max(base_ms));
    let result = result.map_err(|f| f.text);
    if let Ok(data) = &result
        && generation == page.feed.generation
    {
        watch(model, data);
    }
    let Some(page) = model.page_numbered(number) else {
        return Vec::new();
    };
    let changed = feeds::arrive(&mut page.feed, now_ms, interval_ms, generation, result);
    if changed == Some(true) {
        lists::fill(model, number);
        model.changed |= is_shown;
    }
    if is_shown && changed.is_some() && due_at_ms(model) <= now_ms {
        return send(model).into_iter().collect();
    }
    Vec::new()
}

/// What was read adds to the trends.
fn watch(model: &mut Model, data: &Data) {
    let at_ms = model.now_ms;
    match data {
        Data::Groups(rows) => {
            for row in rows {
                let group = &row.group;
                let backlog = group.backlog.count as f64;
                let Some(read) = group.entries_read else {
                    continue;
                };
                let point = Point {
                    at_ms,
                    backlog,
                    added: read as f64 + backlog,
                    handled: read as f64 - group.pending as f64,
                };
                model.trends.add(&row.stream, &group.name, point);
            }
        }
        Data::Streams(table) => {
            for line in &table.lines {
                let Some(facts) = line.facts.as_ref().filter(|_| line.is_fresh(table.now_ms))
                else {
                    continue;
                };
                let slowest = facts.groups.iter().max_by_key(|g| g.lag);
                let point = Point {
                    at_ms,
                    backlog: slowest.and_then(|g| g.lag).unwrap_or(0) as f64,
                    added: facts.entries_added as f64,
                    handled: slowest.map_or(0.0, |g| {
                        g.entries_read.unwrap_or(0) as f64 - g.pending as f64
                    }),
                };
                model.trends.add(&line.name, "", point);
            }
        }
        _ => {}
    }
}
