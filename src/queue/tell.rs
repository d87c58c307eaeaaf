//! Recipients that were decided on again after their way had ended: their counters move, and those that go
//! again are emitted, in one script that may be repeated.

use std::sync::LazyLock;

use redis::{RedisResult, Script};

use super::{Redis, fanout::LEAST_WINDOW, fanout::Windows, flow::FlowState};

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/tell.lua")));
static RESTORE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("lua/restore_flow.lua")));

/// What was told of entries without a flow is remembered for that long, seconds.
const REMEMBERED_S: u64 = 7 * 24 * 3_600;

/// A recipient that was decided on again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retold {
    pub id: i64,
    /// Higher than the last time.
    pub round: u32,
    /// The counter that has it now.
    pub from: &'static str,
    /// The counter that gets it; `in_flight` emits `data`.
    pub to: &'static str,
    pub data: String,
}

/// Where and as what the recipients are emitted.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// `None`: the entries belong to no flow, and nothing is counted.
    pub flow: Option<&'a FlowState<'a>>,
    pub partition: u32,
    pub stream: &'a str,
    pub kind: &'a str,
    pub windows: Windows,
}

/// Why it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldState {
    Done,
    /// The window is full.
    Full,
    /// The next one would be emitted, and the flow is paused.
    Paused,
    /// The next one would be emitted, and for Redis the flow has ended.
    Closed,
    /// The flow has another epoch.
    Stale,
    /// Redis knows nothing of the flow.
    Missing,
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub state: ToldState,
    /// For each that was dealt with, in order: it had been told before.
    pub known: Vec<bool>,
}

/// Tells one partition of a page of recipients, at most 1,000.
///
/// # Errors
/// Those of the script; it may be repeated.
pub async fn tell(redis: &Redis, telling: Telling<'_>, recipients: &[Retold]) -> RedisResult<Told> {
    let keys = redis.keys();
    let (partition, windows) = (telling.partition, telling.windows);
    let flow = telling.flow.map_or("", |flow| flow.flow);
    let share = |n: u64| (n / u64::from(keys.partitions())).max(1);
    let mut call = TELL.prepare_invoke();
    call.key(keys.stream(partition, telling.stream))
        .key(keys.flow(partition, flow))
        .key(keys.tally(partition, flow))
        .key(keys.told(partition, flow))
        .arg(flow)
        .arg(telling.flow.map_or(0, |flow| flow.epoch))
        .arg(telling.kind)
        .arg(share(LEAST_WINDOW.min(windows.in_flight)))
        .arg(share(windows.waiting))
        .arg(REMEMBERED_S);
    for recipient in recipients {
        call.arg(recipient.id)
            .arg(recipient.round)
            .arg(recipient.from)
            .arg(recipient.to)
            .arg(&recipient.data);
    }
    let (state, letters): (String, String) = call.invoke_async(&mut redis.commands()).await?;
    Ok(Told {
        state: match state.as_str() {
            "done" => ToldState::Done,
            "full" => ToldState::Full,
            "paused" => ToldState::Paused,
            "stale" => ToldState::Stale,
            "missing" => ToldState::Missing,
            _ => ToldState::Closed,
        },
        known: letters.bytes().map(|letter| letter == b'k').collect(),
    })
}

/// Makes the state of a flow again in a partition whose fan-out is complete, unless it is there. `counters`
/// hold `queued` too.
///
/// # Errors
/// Those of the script.
pub async fn restore(
    redis: &Redis,
    partition: u32,
    state: &FlowState<'_>,
    counters: &[(&str, i64)],
) -> RedisResult<bool> {
    let keys = redis.keys();
    let mut call = RESTORE.prepare_invoke();
    call.key(keys.flow(partition, state.flow))
        .key(keys.tally(partition, state.flow))
        .arg(state.status)
        .arg(state.revision)
        .arg(state.epoch)
        .arg(state.audience);
    for (name, value) in counters {
        call.arg(*name).arg(*value);
    }
    call.invoke_async(&mut redis.commands()).await
}
