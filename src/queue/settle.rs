//! Settling: one script per batch, in which whoever acknowledges an entry decides its outcome.

use std::{collections::HashMap, sync::LazyLock};

use redis::{RedisResult, Script};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Entry, Held, Outage, Outcome, Redis, consumer::Source, is_away};

/// Entries per script: it holds Redis for about 5 µs each.
const BATCH: usize = 1_000;

static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/settle.lua")));

/// Settles what handlers send until all of them are gone. Repeats a batch until Redis has answered: that
/// is harmless, since the acknowledgement decides.
pub(super) async fn run(
    redis: Redis,
    source: Source,
    held: Held,
    mut outcomes: mpsc::Receiver<(Entry, Outcome)>,
    wake_promoter: watch::Sender<()>,
    give_up: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut outage = Outage::new("settling");
    while outcomes.recv_many(&mut batch, BATCH).await > 0 {
        let mut by_partition: HashMap<u32, Vec<&(Entry, Outcome)>> = HashMap::new();
        for settled in &batch {
            match settled.1 {
                Outcome::Settled | Outcome::HandBack => {}
                _ => by_partition
                    .entry(settled.0.partition)
                    .or_default()
                    .push(settled),
            }
        }
        for (partition, settled) in by_partition {
            while !give_up.is_cancelled() {
                match settle(&redis, &source, partition, &settled).await {
                    Ok(late) => {
                        outage.over();
                        if !late.is_empty() {
                            tracing::warn!(late = late.len(), stream = %source.stream, "entries had been taken over by others; their outcomes were not written");
                        }
                        break;
                    }
                    Err(error) if is_away(&error) || error.code() == Some("NOGROUP") => {
                        outage.wait(&error, &give_up).await;
                    }
                    Err(error) => {
                        // Neither our entries nor the server's state: a bug or a foreign key. The batch stays
                        // pending, and others may have better luck after the key is mended.
                        tracing::error!(error = %error, stream = %source.stream, "a batch could not be settled and stays pending");
                        outage.wait(&error, &give_up).await;
                    }
                }
            }
        }
        if batch.iter().any(|(_, o)| {
            matches!(
                o,
                Outcome::Retry { .. } | Outcome::Wait { .. } | Outcome::Settled
            )
        }) {
            wake_promoter.send_replace(());
        }
        held.give_back(batch.iter().map(|(entry, _)| entry));
        batch.clear();
    }
}

/// Runs the script once. Returns the ids that were no longer ours: nothing was written for them.
pub(super) async fn settle(
    redis: &Redis,
    source: &Source,
    partition: u32,
    batch: &[&(Entry, Outcome)],
) -> RedisResult<Vec<String>> {
    let keys = redis.keys();
    let mut flows: Vec<&str> = Vec::new();
    let mut streams: Vec<&'static str> = Vec::new();
    for (entry, outcome) in batch {
        if !entry.flow.is_empty()
            && (source.counted || matches!(outcome, Outcome::Emit { .. }))
            && !flows.contains(&entry.flow.as_str())
        {
            flows.push(&entry.flow);
        }
        if let Outcome::Emit { stream, .. } = outcome
            && !streams.contains(stream)
        {
            streams.push(stream);
        }
    }

    let mut call = SETTLE.prepare_invoke();
    let stream = &source.stream;
    call.key(keys.stream(partition, stream))
        .key(keys.retry(partition, stream))
        .key(keys.dead(partition, stream))
        .key(keys.crashes(partition, stream))
        .key(keys.parked_flows(partition, stream));
    for name in &streams {
        call.key(keys.stream(partition, name));
    }
    for flow in &flows {
        call.key(keys.flow(partition, flow))
            .key(keys.tally(partition, flow))
            .key(keys.parked(partition, stream, flow));
    }
    call.arg(source.group.as_str())
        .arg(streams.len())
        .arg(flows.len());
    for flow in &flows {
        call.arg(*flow);
    }
    for (entry, outcome) in batch {
        let flow = flows
            .iter()
            .position(|f| *f == entry.flow)
            .map_or(0, |i| i + 1);
        call.arg(entry.id.as_str());
        match outcome {
            Outcome::Emit { stream, kind, data } => {
                let to = streams
                    .iter()
                    .position(|s| s == stream)
                    .map_or(1, |i| i + 1);
                call.arg("E")
                    .arg(flow)
                    .arg(to)
                    .arg(*kind)
                    .arg(data.as_str());
                call.arg(entry.round)
                    .arg(entry.trace.as_deref().unwrap_or(""));
            }
            Outcome::Done(closed) => {
                call.arg("D").arg(flow).arg(closed.counter());
            }
            Outcome::Retry { due_at_ms, attempt } => {
                call.arg("R")
                    .arg(flow)
                    .arg(*due_at_ms)
                    .arg(entry.to_member(*attempt));
            }
            Outcome::Wait { delay_ms } => {
                call.arg("W")
                    .arg(flow)
                    .arg(*delay_ms)
                    .arg(entry.to_member(entry.attempt));
            }
            Outcome::Dead { reason } => {
                call.arg("L")
                    .arg(flow)
                    .arg(entry.to_letter())
                    .arg(reason.as_str())
                    .arg(1);
            }
            Outcome::Reject { reason } => {
                call.arg("L")
                    .arg(0)
                    .arg(entry.to_letter())
                    .arg(reason.as_str())
                    .arg(0);
            }
            Outcome::Park => {
                call.arg("P").arg(flow).arg(entry.to_fields(entry.attempt));
            }
            Outcome::Drop | Outcome::Settled | Outcome::HandBack => {
                call.arg("X").arg(flow);
            }
        }
    }
    call.invoke_async(&mut redis.commands()).await
}
