//! Stops all lanes while the fault is our own: the server is away, or refuses us whatever the recipient.
//!
//! Closed → open: at once when connecting or logging in fails, else after some faults in a row.
//! Open → half-open: when the backoff (0.5 s doubling to 30 s, with jitter) is over; one probe may go.
//! Half-open → closed or open: as the probe ends. A fault in connecting is refuted by a connection, one
//! at MAIL only by a mail.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::reply::{OwnFault, Phase};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// So many faults in a row, none of them in connecting, open the breaker.
const IN_A_ROW: u32 = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open {
        why: OwnFault,
        /// When mails were last known to go, through all probes that failed since.
        since: Instant,
        until: Instant,
    },
    HalfOpen {
        why: OwnFault,
        since: Instant,
    },
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("mails are sent"),
            Self::Open { why, .. } => write!(f, "no mails are sent: {why}"),
            Self::HalfOpen { why, .. } => write!(f, "one mail is tried after: {why}"),
        }
    }
}

/// Time and chance are passed in, so that it can be tested.
#[derive(Debug)]
pub struct Breaker {
    state: BreakerState,
    faults: u32,
    /// Openings since a mail last went; makes the backoff grow.
    openings: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            faults: 0,
            openings: 0,
        }
    }
}

impl Breaker {
    pub fn state(&self) -> &BreakerState {
        &self.state
    }

    pub fn is_open(&self) -> bool {
        matches!(self.state, BreakerState::Open { .. })
    }

    /// A fault of our own. `chance` is from 0 to 1 and spreads the backoff over its second half.
    ///
    /// Returns true when this one opened it.
    pub fn fault(&mut self, now: Instant, fault: OwnFault, chance: f64) -> bool {
        self.faults += 1;
        let since = match &self.state {
            BreakerState::Open { .. } => return false,
            BreakerState::HalfOpen { since, .. } => *since,
            BreakerState::Closed if fault.at <= Phase::Auth || self.faults >= IN_A_ROW => now,
            BreakerState::Closed => return false,
        };
        let doubled = FIRST.saturating_mul(1 << self.openings.min(16));
        self.openings += 1;
        let delay = doubled
            .min(LONGEST)
            .mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        self.state = BreakerState::Open {
            why: fault,
            since,
            until: now + delay,
        };
        true
    }

    /// The server spoke of a recipient or took a mail. Returns true when this closed it.
    ///
    /// A mail that was under way when the breaker opened proves nothing.
    pub fn success(&mut self) -> bool {
        if self.is_open() {
            return false;
        }
        self.faults = 0;
        self.openings = 0;
        self.close()
    }

    /// A connection was opened and logged in. Returns true when this closed it.
    pub fn connected(&mut self) -> bool {
        match &self.state {
            BreakerState::HalfOpen { why, .. } if why.at <= Phase::Auth => self.close(),
            _ => false,
        }
    }

    fn close(&mut self) -> bool {
        let was_closed = self.state == BreakerState::Closed;
        self.state = BreakerState::Closed;
        // The backoff doesn't forget before a mail has gone: connecting alone may go well for ever.
        self.faults = 0;
        !was_closed
    }

    /// Makes it half-open when the backoff is over, and returns when that will be while it isn't.
    pub fn tick(&mut self, now: Instant) -> Option<Instant> {
        match &self.state {
            BreakerState::Open { until, .. } if now < *until => Some(*until),
            BreakerState::Open { why, since, .. } => {
                self.state = BreakerState::HalfOpen {
                    why: why.clone(),
                    since: *since,
                };
                None
            }
            BreakerState::Closed | BreakerState::HalfOpen { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(phase: Phase) -> OwnFault {
        OwnFault::new(phase, "refused")
    }

    fn half_open(now: Instant, phase: Phase) -> (Breaker, Instant) {
        let mut breaker = Breaker::default();
        while !breaker.fault(now, at(phase), 1.0) {}
        let until = breaker.tick(now).expect("open");
        assert_eq!(breaker.tick(until), None);
        (breaker, until)
    }

    #[test]
    fn connecting_opens_it_at_once_and_mail_after_five_in_a_row() {
        let now = Instant::now();
        for phase in [
            Phase::Connect,
            Phase::Tls,
            Phase::Greeting,
            Phase::Ehlo,
            Phase::Auth,
        ] {
            assert!(Breaker::default().fault(now, at(phase), 0.5), "{phase}");
        }
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 0..IN_A_ROW - 1 {
                assert!(!breaker.fault(now, at(Phase::Mail), 0.5));
            }
            assert!(!breaker.success(), "it was never open");
        }
        for n in 1..=IN_A_ROW {
            assert_eq!(breaker.fault(now, at(Phase::Mail), 0.5), n == IN_A_ROW);
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn the_backoff_doubles_to_thirty_seconds_and_jitters() {
        let start = Instant::now();
        let mut now = start;
        let mut breaker = Breaker::default();
        let mut delays = Vec::new();
        for _ in 0..9 {
            assert!(breaker.fault(now, at(Phase::Connect), 1.0));
            let until = breaker.tick(now).expect("open");
            delays.push((until - now).as_millis());
            now = until;
            assert_eq!(breaker.tick(now), None);
        }
        assert_eq!(
            delays,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
        let BreakerState::HalfOpen { since, .. } = breaker.state() else {
            panic!("{breaker:?}");
        };
        assert_eq!(*since, start, "open since the first fault");
        let mut breaker = Breaker::default();
        breaker.fault(start, at(Phase::Connect), 0.0);
        assert_eq!(breaker.tick(start), Some(start + FIRST / 2));
    }

    #[test]
    fn a_connection_refutes_a_fault_in_connecting_only() {
        let now = Instant::now();
        let (mut breaker, _) = half_open(now, Phase::Connect);
        assert!(breaker.connected());
        assert_eq!(breaker.state(), &BreakerState::Closed);
        let (mut breaker, later) = half_open(now, Phase::Mail);
        assert!(!breaker.connected());
        assert!(
            breaker.fault(later, at(Phase::Mail), 1.0),
            "one fault is enough for a probe"
        );
        assert!(!breaker.success(), "from before it opened");
        breaker.tick(later + LONGEST);
        assert!(breaker.success());
        assert_eq!(breaker.state(), &BreakerState::Closed);
    }

    #[test]
    fn only_a_mail_makes_the_backoff_short_again() {
        let now = Instant::now();
        let (mut breaker, _) = half_open(now, Phase::Connect);
        assert!(breaker.connected());
        breaker.fault(now, at(Phase::Connect), 1.0);
        assert_eq!(breaker.tick(now), Some(now + FIRST * 2));
        breaker.tick(now + LONGEST);
        breaker.success();
        breaker.fault(now, at(Phase::Connect), 1.0);
        assert_eq!(breaker.tick(now), Some(now + FIRST));
    }
}
