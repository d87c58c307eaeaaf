//! A bounded pool of lanes: each is a task that owns one connection and sends one mail at a time.
//!
//! Whoever wants to send reserves first, so that what is claimed in the ledger has a connection in hand:
//! every connected lane grants [`AHEAD`] credits, which are given back with the verdicts. Jobs wait in
//! one queue, so that a server that takes ten minutes for one mail holds up one lane and nothing else.
//!
//! Lanes connect as the load asks for them, a few at once, and close when idle. While the breaker is
//! open nothing is granted, and what waits in the queue comes back as not sent.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    breaker::{Breaker, BreakerState},
    reply::{OwnFault, Phase, Verdict},
    settings::SmtpSettings,
    supervisor,
};

/// Mails that may be claimed for one connected lane: one in its hand, the others on their way to it.
pub const AHEAD: usize = 4;
/// An idle connection is closed after this time.
const IDLE: Duration = Duration::from_secs(60);

/// May this process start a mail now? Asked before each.
pub type MaySend = Arc<dyn Fn() -> bool + Send + Sync>;

/// The bytes of a mail, or how a lane makes them: the lanes run in parallel, whoever submits doesn't.
pub enum Payload {
    Bytes(Vec<u8>),
    /// An error is a permanent refusal with this reason.
    Build(Box<dyn FnOnce() -> Result<Vec<u8>, String> + Send>),
}

/// One mail. The tag comes back with the verdict.
pub struct Job<T> {
    pub tag: T,
    /// The bare address of the recipient.
    pub to: String,
    pub payload: Payload,
}

/// The handle of the pool; clones are the same pool.
pub struct Lanes<T>(pub(super) Arc<Shared<T>>);

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

pub(super) struct Shared<T> {
    state: Mutex<State<T>>,
    pub(super) settings: SmtpSettings,
    /// The bare address of the sender.
    pub(super) from: String,
    pub(super) may_send: MaySend,
    pub(super) most: usize,
    pub(super) idle: Duration,
    /// Wakes a lane: there is a job. Each lane passes it on while there are more.
    pub(super) work: Notify,
    /// Wakes those who wait for credits.
    pub(super) room: Notify,
    /// Wakes the supervisor.
    pub(super) changed: Notify,
    pub(super) shutdown: CancellationToken,
}

pub(super) struct State<T> {
    pub(super) queue: VecDeque<Job<T>>,
    pub(super) breaker: Breaker,
    /// Lanes with a connection in hand.
    pub(super) live: usize,
    pub(super) connecting: usize,
    /// Credits reserved, queued or in a lane's hand.
    pub(super) outstanding: usize,
    /// Mails that somebody waits to reserve.
    pub(super) waiting: usize,
    /// How many lanes the load asks for.
    pub(super) target: usize,
    /// The one credit of a half-open breaker is out.
    pub(super) probing: bool,
    pub(super) stopping: bool,
    /// The server refused a further connection while others worked: no more until then.
    pub(super) grow_after: Option<Instant>,
}

impl<T> State<T> {
    fn credits(&self) -> usize {
        match self.breaker.state() {
            _ if self.stopping => 0,
            BreakerState::Closed => (self.live * AHEAD).saturating_sub(self.outstanding),
            BreakerState::HalfOpen { .. } => usize::from(self.live > 0 && !self.probing),
            BreakerState::Open { .. } => 0,
        }
    }

    /// Lanes for what is on its way and `more` mails.
    pub(super) fn lanes_for(&self, more: usize, most: usize) -> usize {
        (self.outstanding + more).div_ceil(AHEAD).min(most)
    }
}

impl<T> Shared<T> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that may panic runs under the lock, so the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A verdict is with its receiver: its credit is free, and the breaker learns from it.
    /// `lost` says that the connection ended with it.
    pub(super) fn settle(&self, verdict: &Outcome) {
        let mut state = self.state();
        state.outstanding -= 1;
        state.probing = false;
        match verdict {
            Outcome::Spoken => {
                if state.breaker.success() {
                    tracing::info!("the mail server takes mails again");
                    self.changed.notify_one();
                }
            }
            Outcome::Fault(fault) => self.fault(&mut state, fault.clone()),
            Outcome::Silent => {}
        }
        drop(state);
        self.room.notify_waiters();
    }

    pub(super) fn fault(&self, state: &mut State<T>, fault: OwnFault) {
        let was_closed = state.breaker.state() == &BreakerState::Closed;
        let text = fault.to_string();
        if state.breaker.fault(Instant::now(), fault, rand::random()) {
            if was_closed {
                tracing::warn!("no mails are sent for now: {text}");
            }
            state.probing = false;
            self.changed.notify_one();
            self.work.notify_waiters();
        }
    }
}

/// What a verdict says of the server.
pub(super) enum Outcome {
    /// It spoke of the recipient: it is well.
    Spoken,
    Fault(OwnFault),
    /// It wasn't asked.
    Silent,
}

impl Outcome {
    pub(super) fn of(verdict: &Verdict, usable: bool) -> Self {
        match verdict {
            Verdict::Accepted { .. } | Verdict::Refused { .. } | Verdict::Deferred { .. } => {
                Self::Spoken
            }
            Verdict::OwnFault { code, text, at } => Self::Fault(OwnFault {
                code: *code,
                text: text.clone(),
                at: *at,
            }),
            Verdict::NotSent { .. } if usable => Self::Silent,
            Verdict::NotSent { why } => Self::Fault(OwnFault::new(Phase::Mail, why)),
            Verdict::InDoubt { why } => Self::Fault(OwnFault::new(Phase::Dot, why)),
        }
    }
}

impl<T: Send + 'static> Lanes<T> {
    /// Starts a pool of at most `most` lanes, and the supervisor that runs until `shutdown`.
    ///
    /// The verdicts must be received by somebody who isn't waiting in [`Self::reserve`] meanwhile. After
    /// `shutdown` what waits comes back as not sent, what is under way ends, the connections say QUIT,
    /// and then the channel closes; whoever shuts down decides how long to wait for that.
    pub fn start(
        settings: SmtpSettings,
        most: usize,
        from: String,
        may_send: MaySend,
        shutdown: CancellationToken,
    ) -> (Self, mpsc::Receiver<(T, Verdict)>) {
        Self::start_with(settings, most, from, may_send, shutdown, IDLE)
    }

    pub(super) fn start_with(
        settings: SmtpSettings,
        most: usize,
        from: String,
        may_send: MaySend,
        shutdown: CancellationToken,
        idle: Duration,
    ) -> (Self, mpsc::Receiver<(T, Verdict)>) {
        let most = most.max(1);
        let (verdicts, receiver) = mpsc::channel(most * AHEAD);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: VecDeque::with_capacity(most * AHEAD),
                breaker: Breaker::default(),
                live: 0,
                connecting: 0,
                outstanding: 0,
                waiting: 0,
                target: 0,
                probing: false,
                stopping: false,
                grow_after: None,
            }),
            settings,
            from,
            may_send,
            most,
            idle,
            work: Notify::new(),
            room: Notify::new(),
            changed: Notify::new(),
            shutdown,
        });
        tokio::spawn(supervisor::run(shared.clone(), verdicts));
        (Self(shared), receiver)
    }

    /// Waits until a lane has a connection in hand and a credit is free, and takes at most `max` of
    /// them. None after shutdown. Can be cancelled.
    pub async fn reserve(&self, max: usize) -> Permits<T> {
        let shared = &self.0;
        let permits = |count| Permits {
            shared: shared.clone(),
            count,
        };
        let mut waiting = None;
        loop {
            let mut room = std::pin::pin!(shared.room.notified());
            room.as_mut().enable();
            {
                let mut state = shared.state();
                let count = state.credits().min(max);
                if count > 0 || max == 0 || state.stopping {
                    let lanes = state.lanes_for(max, shared.most);
                    if lanes > state.target {
                        state.target = lanes;
                        shared.changed.notify_one();
                    }
                    state.outstanding += count;
                    state.probing |= count > 0 && state.breaker.state() != &BreakerState::Closed;
                    drop(state);
                    return permits(count);
                }
                if waiting.is_none() {
                    state.waiting += max;
                    waiting = Some(Waiting { shared, max });
                    shared.changed.notify_one();
                }
            }
            room.await;
        }
    }

    /// Whether mails are sent, why not, and since when.
    pub fn breaker(&self) -> BreakerState {
        self.0.state().breaker.state().clone()
    }

    /// How many lanes have a connection in hand.
    pub fn connected(&self) -> usize {
        self.0.state().live
    }

    /// How many mails are reserved, queued or under way.
    pub fn outstanding(&self) -> usize {
        self.0.state().outstanding
    }
}

/// Somebody in `reserve`, as long as the future lives.
struct Waiting<'a, T> {
    shared: &'a Shared<T>,
    max: usize,
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.shared.state().waiting -= self.max;
    }
}

/// The right to submit so many mails. What isn't used is given back when it is dropped.
pub struct Permits<T> {
    shared: Arc<Shared<T>>,
    count: usize,
}

impl<T> Permits<T> {
    pub fn count(&self) -> usize {
        self.count
    }

    /// Uses one permit. The verdict comes back with the job's tag, in any case exactly once.
    ///
    /// # Panics
    /// When more jobs are submitted than were granted.
    pub fn submit(&mut self, job: Job<T>) {
        assert!(self.count > 0, "a job was submitted without a permit");
        self.count -= 1;
        let mut state = self.shared.state();
        state.queue.push_back(job);
        let nobody_works = state.stopping || state.live == 0 || state.breaker.is_open();
        drop(state);
        // The lane that waited least: the others become idle, and close.
        self.shared.work.notify_last();
        if nobody_works {
            self.shared.changed.notify_one();
        }
    }
}

impl<T> Drop for Permits<T> {
    fn drop(&mut self) {
        if self.count > 0 {
            let mut state = self.shared.state();
            state.outstanding -= self.count;
            state.probing = false;
            drop(state);
            self.shared.room.notify_waiters();
            self.shared.changed.notify_one();
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
