use std::collections::HashSet;

use comms::queue::{
    Entry, FanOuts, FlowState, Page, Paged, Started, Windows, add_page, cursor, fan_outs,
    set_status, start,
};
use redis::{AsyncCommands, streams::StreamRangeReply};

use super::rig::{Rig, TURNS};

const WIDE: Windows = Windows {
    in_flight: 1_000_000,
    waiting: 1_000_000,
};

/// Below the window with which every flow begins.
const AUDIENCE: i64 = 400;
const PAGE: i64 = 40;

fn state(status: &str, revision: i64) -> FlowState<'_> {
    FlowState {
        flow: "7",
        status,
        revision,
        epoch: 1,
        audience: AUDIENCE,
    }
}

/// Reads the next turn as some consumer.
async fn next_turn(rig: &Rig) -> Option<Entry> {
    let stream = rig.stream(TURNS.stream);
    let mut connection = rig.redis.commands();
    comms::queue::ensure_group(&mut connection, &stream, TURNS.group)
        .await
        .expect("a group");
    let reply: Option<redis::streams::StreamReadReply> = redis::cmd("XREADGROUP")
        .arg("GROUP")
        .arg(TURNS.group)
        .arg("me")
        .arg("COUNT")
        .arg(1)
        .arg("STREAMS")
        .arg(stream)
        .arg(">")
        .query_async(&mut connection)
        .await
        .expect("XREADGROUP");
    let found = reply?.keys.into_iter().next()?.ids.into_iter().next()?;
    Some(Entry {
        id: found.id.clone(),
        flow: found.get("flow").expect("a flow"),
        data: found.get("data").expect("data"),
        ..Entry::default()
    })
}

fn turn_of(entry: &Entry) -> u64 {
    let data: serde_json::Value = serde_json::from_str(&entry.data).expect("JSON");
    data["turn"].as_u64().expect("a number")
}

/// One page of the audience.
async fn page(rig: &Rig, entry: &Entry, after: i64, ends_turn: bool, windows: Windows) -> Paged {
    let upto = (after + PAGE).min(AUDIENCE);
    let recipients: Vec<(i64, String)> = (after + 1..=upto).map(|n| (n, n.to_string())).collect();
    let page = Page {
        turn: turn_of(entry),
        after,
        upto,
        recipients: &recipients,
        last: upto == AUDIENCE,
        ends_turn,
    };
    add_page(
        &rig.redis,
        TURNS,
        entry,
        "jobs",
        "job.wanted",
        &page,
        windows,
    )
    .await
    .expect("a page")
}

async fn added(rig: &Rig) -> Vec<i64> {
    let all: StreamRangeReply = rig
        .redis
        .commands()
        .xrange_all(rig.stream("jobs"))
        .await
        .expect("XRANGE");
    all.ids
        .iter()
        .map(|e| e.get::<i64>("data").expect("a number"))
        .collect()
}

#[tokio::test]
async fn pages_repeated_after_lost_replies_add_nobody_twice() {
    let rig = Rig::new();
    let started = start(&rig.redis, 0, TURNS, &state("running", 1), false).await;
    assert_eq!(started.expect("started"), Started::Started);
    // A relay that didn't hear the answer starts it again, and even appends the turn once more.
    let again = start(&rig.redis, 0, TURNS, &state("running", 1), true).await;
    assert_eq!(again.expect("open"), Started::Open { turn: 1, cursor: 0 });
    let mut turns = 0;
    while let Some(entry) = next_turn(&rig).await {
        turns += 1;
        let mut at = cursor(&rig.redis, 0, "7")
            .await
            .expect("HMGET")
            .expect("a flow")
            .cursor;
        for n in 1..=3 {
            let first = page(&rig, &entry, at, n == 3, WIDE).await;
            // The reply was lost: the same page again.
            let second = page(&rig, &entry, at, n == 3, WIDE).await;
            match (first, second) {
                (Paged::Open { cursor }, Paged::Open { cursor: again }) => {
                    assert_eq!(cursor, again);
                    at = cursor;
                }
                (Paged::TurnEnded | Paged::Complete | Paged::Stale, Paged::Stale) => break,
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    assert!(turns >= 4, "{turns} turns");
    assert_eq!(added(&rig).await, (1..=AUDIENCE).collect::<Vec<i64>>());
    let tally = rig.tally("7").await;
    assert_eq!((tally.queued, tally.in_flight), (AUDIENCE, AUDIENCE));
    assert_eq!(fan_outs(&rig.redis, "7").await, Ok(FanOuts::Complete));
}

#[tokio::test]
async fn two_workers_on_one_turn_leave_no_gap_and_no_duplicate() {
    let rig = Rig::new();
    start(&rig.redis, 0, TURNS, &state("running", 1), false)
        .await
        .expect("started");
    start(&rig.redis, 0, TURNS, &state("running", 1), true)
        .await
        .expect("twice");
    let (one, two) = (
        next_turn(&rig).await.expect("one"),
        next_turn(&rig).await.expect("two"),
    );
    let work = async |entry: &Entry| {
        let mut at = 0;
        while let Paged::Open { cursor } = page(&rig, entry, at, false, WIDE).await {
            at = cursor;
        }
    };
    tokio::join!(work(&one), work(&two));
    let found = added(&rig).await;
    assert_eq!(found.len() as i64, AUDIENCE);
    assert_eq!(found.iter().collect::<HashSet<_>>().len() as i64, AUDIENCE);
}

#[tokio::test]
async fn a_full_window_delays_the_next_turn() {
    let rig = Rig::new();
    start(&rig.redis, 0, TURNS, &state("running", 1), false)
        .await
        .expect("started");
    let entry = next_turn(&rig).await.expect("a turn");
    let narrow = Windows {
        in_flight: 60,
        waiting: 1_000,
    };
    assert_eq!(
        page(&rig, &entry, 0, false, narrow).await,
        Paged::Open { cursor: PAGE }
    );
    assert_eq!(
        page(&rig, &entry, PAGE, false, narrow).await,
        Paged::TurnEnded
    );
    assert_eq!(added(&rig).await.len(), 60);
    assert!(
        next_turn(&rig).await.is_none(),
        "the next turn is not yet due"
    );
    let waiting: Vec<String> = rig
        .redis
        .commands()
        .zrange(rig.redis.keys().retry(0, TURNS.stream), 0, -1)
        .await
        .expect("ZRANGE");
    assert!(waiting[0].contains("|2|"), "{waiting:?}");
    let at = cursor(&rig.redis, 0, "7")
        .await
        .expect("HMGET")
        .expect("a flow");
    assert_eq!(at.cursor, 60);
}

#[tokio::test]
async fn a_paused_flow_stops_and_goes_on_where_it_was() {
    let rig = Rig::new();
    start(&rig.redis, 0, TURNS, &state("running", 1), false)
        .await
        .expect("started");
    let entry = next_turn(&rig).await.expect("a turn");
    assert_eq!(
        page(&rig, &entry, 0, false, WIDE).await,
        Paged::Open { cursor: PAGE }
    );
    set_status(&rig.redis, TURNS, &state("paused", 2))
        .await
        .expect("paused");
    assert_eq!(page(&rig, &entry, PAGE, false, WIDE).await, Paged::Stopped);
    assert!(next_turn(&rig).await.is_none());
    // An older revision that comes late changes nothing.
    set_status(&rig.redis, TURNS, &state("running", 1))
        .await
        .expect("old");
    assert!(next_turn(&rig).await.is_none());
    set_status(&rig.redis, TURNS, &state("running", 3))
        .await
        .expect("resumed");
    let mut at = PAGE;
    let entry = next_turn(&rig).await.expect("the turn again");
    while let Paged::Open { cursor } = page(&rig, &entry, at, false, WIDE).await {
        at = cursor;
    }
    assert_eq!(added(&rig).await, (1..=AUDIENCE).collect::<Vec<i64>>());
}
