//! One lane: connects, sends what is queued, and ends when its connection is of no more use.

use std::{panic::AssertUnwindSafe, sync::Arc};

use tokio::{sync::mpsc, time::sleep};

use super::{
    breaker::BreakerState,
    connection::Connection,
    lanes::{Job, Outcome, Payload, Shared},
    reply::{Phase, Verdict},
};

/// A lane's place in the counters, given back however it ends.
pub(super) struct Seat<T> {
    shared: Arc<Shared<T>>,
    live: bool,
}

impl<T> Seat<T> {
    /// The supervisor has counted it as connecting.
    pub(super) fn taken(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            live: false,
        }
    }

    fn connected(&mut self) {
        self.live = true;
        let mut state = self.shared.state();
        state.connecting -= 1;
        state.live += 1;
        if state.breaker.connected() {
            tracing::info!("the mail server takes connections again");
        }
        drop(state);
        self.shared.room.notify_waiters();
        self.shared.changed.notify_one();
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if self.live {
            state.live -= 1;
        } else {
            state.connecting -= 1;
        }
        // It is replaced only if it is missed.
        let missed = state.lanes_for(state.waiting, self.shared.most);
        state.target = state.target.min(missed);
        drop(state);
        self.shared.changed.notify_one();
    }
}

pub(super) async fn run<T: Send + 'static>(
    mut seat: Seat<T>,
    verdicts: mpsc::Sender<(T, Verdict)>,
) {
    let shared = seat.shared.clone();
    let opened = tokio::select! {
        opened = Connection::open(&shared.settings) => opened,
        () = shared.shutdown.cancelled() => return,
    };
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(fault) => {
            let mut state = shared.state();
            let others_work = state.live > 0 && state.breaker.state() == &BreakerState::Closed;
            if others_work && fault.at != Phase::Auth {
                // The server limits connections, or is just going away: then the others will notice.
                tracing::debug!(lanes = state.live, "no further SMTP connection: {fault}");
                state.grow_after = Some(super::supervisor::grow_again());
            } else {
                shared.fault(&mut state, fault);
            }
            return;
        }
    };
    seat.connected();
    serve(&shared, &mut connection, &verdicts).await;
    drop(seat);
    connection.quit().await;
}

/// Until the connection is lost or idle for too long, the breaker opens or the pool shuts down.
async fn serve<T: Send + 'static>(
    shared: &Shared<T>,
    connection: &mut Connection,
    verdicts: &mpsc::Sender<(T, Verdict)>,
) {
    while connection.usable() {
        match next(shared) {
            Next::Job(job) => {
                let (tag, verdict, outcome) = send(shared, connection, job).await;
                // Nobody receives any more: then nobody waits for the verdict.
                let _ = verdicts.send((tag, verdict)).await;
                shared.settle(&outcome);
            }
            Next::End => break,
            Next::Wait => tokio::select! {
                () = shared.work.notified() => {}
                () = shared.shutdown.cancelled() => break,
                () = connection.closed() => break,
                () = sleep(shared.idle) => break,
            },
        }
    }
}

enum Next<T> {
    Job(Job<T>),
    Wait,
    End,
}

fn next<T>(shared: &Shared<T>) -> Next<T> {
    let mut state = shared.state();
    if state.stopping || matches!(state.breaker.state(), BreakerState::Open { .. }) {
        return Next::End;
    }
    let Some(job) = state.queue.pop_front() else {
        return Next::Wait;
    };
    let more = !state.queue.is_empty();
    drop(state);
    if more {
        // A notification may have been lost while no lane was waiting.
        shared.work.notify_last();
    }
    Next::Job(job)
}

async fn send<T>(
    shared: &Shared<T>,
    connection: &mut Connection,
    job: Job<T>,
) -> (T, Verdict, Outcome) {
    let message = match job.payload {
        Payload::Bytes(bytes) => Ok(bytes),
        Payload::Build(build) => std::panic::catch_unwind(AssertUnwindSafe(build))
            .unwrap_or_else(|_| Err("making the mail panicked".to_owned())),
    };
    let message = match message {
        Ok(message) => message,
        Err(reason) => {
            let verdict = Verdict::Refused {
                code: 554,
                text: format!("5.6.0 not sent: {reason}"),
                at: Phase::Mail,
            };
            return (job.tag, verdict, Outcome::Silent);
        }
    };
    let verdict = connection
        .send(&shared.from, &job.to, &message, || (shared.may_send)())
        .await;
    let outcome = Outcome::of(&verdict, connection.usable());
    (job.tag, verdict, outcome)
}
