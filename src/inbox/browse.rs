//! What the web page needs beyond Inbucket's API: all mailboxes at once, search, counters, live events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    api::{App, blocking, ok},
    counters::Stats,
    store::Store,
    view::Summary,
};
use crate::http::{Problem, Query};

/// Open event streams at a time.
pub(super) const MAX_WATCHERS: usize = 64;

/// Mails that one search looks at; the answer says where to go on.
const SEARCHED: usize = 20_000;

/// Mails taken from the store at a time, so that reception is never held up.
const BATCH: usize = 500;

/// A watcher learns of changes this often at most.
const EVENT_EVERY: Duration = Duration::from_millis(250);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/stats", get(stats))
        .route("/api/v1/messages", get(messages).delete(clear))
        .route("/api/v1/events", get(events))
}

async fn stats(State(app): State<App>) -> Json<Stats> {
    Json(app.store.stats())
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    search: String,
    before: Option<u64>,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

#[derive(Debug, Serialize)]
struct Found {
    messages: Vec<Summary>,
    /// Give it as `before` to go on; null when everything was looked at.
    next: Option<u64>,
}

async fn messages(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Found>, Problem> {
    blocking(move || Json(find(&app.store, &wanted))).await
}

async fn clear(State(app): State<App>) -> Result<Response, Problem> {
    blocking(move || {
        app.store.clear();
        ok()
    })
    .await
}

/// Newest first. Every word of the search must occur in the addresses or the subject.
fn find(store: &Store, wanted: &Wanted) -> Found {
    let search = wanted.search.to_lowercase();
    let words: Vec<_> = search.split_whitespace().collect();
    let limit = wanted.limit.clamp(1, BATCH);
    let mut messages = Vec::new();
    let mut next = wanted.before;
    for _ in 0..SEARCHED / BATCH {
        let batch = store.newest(next, if words.is_empty() { limit } else { BATCH });
        if batch.is_empty() {
            return Found {
                messages,
                next: None,
            };
        }
        for mail in batch {
            next = Some(mail.id());
            let summary = Summary::of(&mail, String::new());
            let fits = |word: &&str| {
                summary.has(word) || mail.recipients().any(|r| r.to_lowercase().contains(*word))
            };
            if !words.iter().all(fits) {
                continue;
            }
            // None: deleted since.
            if let Some(mailbox) = store.mailbox_holding(&mail) {
                messages.push(Summary { mailbox, ..summary });
            }
            if messages.len() == limit {
                return Found { messages, next };
            }
        }
    }
    Found { messages, next }
}

/// Server-sent events named `stats`, one whenever the counters have changed.
async fn events(State(app): State<App>) -> Result<Response, Problem> {
    let permit = app.watchers.clone().try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many pages are watching; poll /api/v1/stats instead",
        )
    })?;
    let stop = app.stop.clone().cancelled_owned();
    let events = changes(app).take_until(stop).map(move |event| {
        let _held_while_streaming = &permit;
        event
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response())
}

fn changes(app: App) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut ticks = tokio::time::interval(EVENT_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    stream::unfold((app, ticks, None), |(app, mut ticks, last)| async move {
        loop {
            ticks.tick().await;
            let stats = app.store.stats();
            if last != Some(stats) {
                let event = Event::default()
                    .event("stats")
                    .json_data(stats)
                    .unwrap_or_default();
                return Some((Ok(event), (app, ticks, Some(stats))));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::mail::Mail;

    fn wanted(search: &str, before: Option<u64>, limit: usize) -> Wanted {
        Wanted {
            search: search.to_owned(),
            before,
            limit,
        }
    }

    fn store(mails: usize) -> Store {
        let store = Store::new(100_000_000);
        for n in 0..mails {
            let source = format!("Subject: Nr {n}\r\n\r\n");
            store.push(Mail::of(
                "news@x",
                &[&format!("User{n}@x")],
                source.as_bytes(),
            ));
        }
        store
    }

    #[test]
    fn a_search_finds_addresses_and_subjects_newest_first() {
        let store = store(700);
        let ids = |search: &str| -> Vec<_> {
            find(&store, &wanted(search, None, 10))
                .messages
                .into_iter()
                .map(|m| m.id)
                .collect()
        };
        assert_eq!(ids("user31@"), ["31"]);
        assert_eq!(
            ids("nr USER69"),
            [
                "699", "698", "697", "696", "695", "694", "693", "692", "691", "690"
            ]
        );
        assert_eq!(ids("nobody"), Vec::<String>::new());
    }

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let store = store(120);
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = find(&store, &wanted("", before, 50));
            seen.extend(
                page.messages
                    .into_iter()
                    .map(|m| m.id.parse::<usize>().unwrap()),
            );
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..120).rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_search_stops_after_its_share_and_says_where_to_go_on() {
        let store = store(SEARCHED + 10);
        let first = find(&store, &wanted("user5@", None, 10));
        assert_eq!((first.messages.len(), first.next), (0, Some(10)));
        let rest = find(&store, &wanted("user5@", first.next, 10));
        assert_eq!((rest.messages.len(), rest.next), (1, None));
    }
}
