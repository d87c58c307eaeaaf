//! Starts lanes as the load asks for them and the breaker allows, and gives back what can't be sent.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::sleep_until,
};

use super::{
    breaker::BreakerState,
    lane::{self, Seat},
    lanes::{Job, Shared},
    reply::{Phase, Verdict},
};

/// Connections that are being opened at once.
const CONNECTING: usize = 8;
/// The pause after a server refused one more connection.
const GROW_AGAIN: Duration = Duration::from_secs(30);

pub(super) fn grow_again() -> Instant {
    Instant::now() + GROW_AGAIN
}

/// What is to be done now, and when to look again if nothing happens until then.
struct Plan<T> {
    returned: Vec<Job<T>>,
    why: String,
    start: usize,
    wake_at: Option<Instant>,
    done: bool,
}

pub(super) async fn run<T: Send + 'static>(
    shared: Arc<Shared<T>>,
    verdicts: mpsc::Sender<(T, Verdict)>,
) {
    let mut lanes = JoinSet::new();
    loop {
        let plan = plan(&shared);
        give_back(&shared, &verdicts, plan.returned, &plan.why).await;
        for _ in 0..plan.start {
            let seat = Seat::taken(shared.clone());
            lanes.spawn(lane::run(seat, verdicts.clone()));
        }
        if plan.done && lanes.is_empty() {
            return;
        }
        let wake_at = plan.wake_at.map(tokio::time::Instant::from_std);
        tokio::select! {
            () = shared.changed.notified() => {}
            () = shared.shutdown.cancelled(), if !shared.state().stopping => {}
            () = sleep_until(wake_at.unwrap_or_else(tokio::time::Instant::now)), if wake_at.is_some() => {}
            Some(ended) = lanes.join_next(), if !lanes.is_empty() => log_panic(ended),
        }
    }
}

fn plan<T>(shared: &Shared<T>) -> Plan<T> {
    let now = Instant::now();
    let mut state = shared.state();
    if shared.shutdown.is_cancelled() && !state.stopping {
        state.stopping = true;
        shared.room.notify_waiters();
    }
    let demand = state.lanes_for(state.waiting, shared.most);
    state.target = state.target.max(demand);
    let mut wake_at = state.breaker.tick(now);
    let running = state.live + state.connecting;
    let mut start = 0;
    let mut why = None;
    match state.breaker.state() {
        _ if state.stopping => why = Some("this process is stopping".to_owned()),
        BreakerState::Open { why: fault, .. } => {
            why = Some(format!("no mails are sent for now: {fault}"));
        }
        // A fault in connecting is probed without being asked, so that readiness recovers by itself.
        BreakerState::HalfOpen { why: fault, .. } => {
            let wanted = fault.at <= Phase::Auth || (demand > 0 && state.live == 0);
            start = usize::from(wanted && state.connecting == 0);
            // Those who wait for the probe's credit.
            shared.room.notify_waiters();
        }
        BreakerState::Closed => {
            let paused = state.grow_after.filter(|at| *at > now && running > 0);
            let missing = state.target.saturating_sub(running);
            if missing > 0 && paused.is_some() {
                wake_at = paused;
            } else {
                start = missing.min(CONNECTING.saturating_sub(state.connecting));
            }
        }
    }
    state.connecting += start;
    let returned = match why {
        Some(_) => state.queue.drain(..).collect(),
        None => Vec::new(),
    };
    Plan {
        returned,
        why: why.unwrap_or_default(),
        start,
        wake_at,
        done: state.stopping && state.outstanding == 0,
    }
}

async fn give_back<T>(
    shared: &Shared<T>,
    verdicts: &mpsc::Sender<(T, Verdict)>,
    jobs: Vec<Job<T>>,
    why: &str,
) {
    let count = jobs.len();
    for job in jobs {
        let verdict = Verdict::NotSent {
            why: why.to_owned(),
        };
        // Nobody receives any more: then nobody waits for the verdict.
        let _ = verdicts.send((job.tag, verdict)).await;
    }
    if count > 0 {
        shared.state().outstanding -= count;
        shared.room.notify_waiters();
        shared.changed.notify_one();
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(e) = ended {
        tracing::error!("an SMTP lane ended unexpectedly: {e}");
    }
}
