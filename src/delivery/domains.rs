//! Recipients' domains that ask for patience (421, or 4.7.x: RFC 3463 3.8, policy): their mails wait, those
//! for others don't.
//!
//! A rest begins with a few such replies in a row, and each next one after it is longer. What waits uses up
//! no attempt; only the few that find out whether it is over do. A domain that has rested as often as a
//! recipient is tried has no more patience: its mails go, and end as their own attempts do.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{mail::Verdict, queue::RetryPolicy};

const IN_A_ROW: u32 = 5;
/// Domains that are remembered; beyond them, those that don't rest are forgotten.
const KEPT: usize = 4_096;

/// What this process knows of each domain.
pub(super) struct Domains {
    policy: RetryPolicy,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Default)]
struct Known {
    /// Such replies since a mail was last taken.
    in_a_row: u32,
    rests: u32,
    until: Option<Instant>,
}

impl Domains {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long mails for this domain are to wait; `None`: they may go.
    pub(super) fn rest(&self, domain: &str, now: Instant) -> Option<Duration> {
        let known = self.known();
        let until = known.get(domain)?.until?;
        Some(until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
    }

    /// Learns from a verdict.
    pub(super) fn note(&self, domain: &str, verdict: &Verdict, now: Instant) {
        let mut domains = self.known();
        match verdict {
            // Mostly there is nothing to forget.
            Verdict::Accepted { .. } if domains.is_empty() => {}
            Verdict::Accepted { .. } => drop(domains.remove(domain)),
            Verdict::Deferred { code, text, .. } if *code == 421 || text.starts_with("4.7.") => {
                if domains.len() >= KEPT {
                    domains.retain(|_, known| known.until.is_some_and(|until| until > now));
                }
                let known = domains.entry(domain.to_owned()).or_default();
                known.in_a_row += 1;
                let rests = known.until.is_some_and(|until| until > now);
                if known.in_a_row < IN_A_ROW || rests || known.rests >= self.policy.attempts {
                    return;
                }
                known.rests += 1;
                let rest = Duration::from_millis(self.policy.delay_ms(known.rests));
                known.until = Some(now + rest);
                tracing::warn!(
                    rest_ms = rest.as_millis() as u64,
                    rests = known.rests,
                    "a recipients' domain asks for patience; mails for it wait"
                );
            }
            _ => {}
        }
    }
}

/// The part of an address after the at sign, in small letters.
pub(super) fn domain_of(address: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or_default();
    domain.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Phase;

    fn domains() -> Domains {
        Domains::new(RetryPolicy {
            base_ms: 1_000,
            cap_ms: 8_000,
            attempts: 3,
        })
    }

    fn deferred(code: u16, text: &str) -> Verdict {
        Verdict::Deferred {
            code,
            text: text.to_owned(),
            at: Phase::Rcpt,
        }
    }

    fn accepted() -> Verdict {
        Verdict::Accepted {
            code: 250,
            text: String::new(),
        }
    }

    #[test]
    fn a_domain_rests_after_five_in_a_row_and_others_dont() {
        let (domains, now) = (domains(), Instant::now());
        for n in 1..=IN_A_ROW {
            assert_eq!(domains.rest("a.example", now), None, "after {n}");
            let verdict = if n % 2 == 0 {
                deferred(421, "slow down")
            } else {
                deferred(450, "4.7.28 too much")
            };
            domains.note("a.example", &verdict, now);
        }
        let rest = domains.rest("a.example", now).expect("rests");
        assert!(rest >= Duration::from_secs(1), "{rest:?}");
        assert_eq!(domains.rest("b.example", now), None);
        assert_eq!(domains.rest("a.example", now + rest), None, "it is over");
    }

    #[test]
    fn one_more_refusal_after_a_rest_begins_the_next_and_a_mail_ends_them() {
        let (domains, mut now) = (domains(), Instant::now());
        for _ in 0..IN_A_ROW {
            domains.note("a.example", &deferred(421, ""), now);
        }
        now += Duration::from_secs(10);
        domains.note("a.example", &deferred(421, ""), now);
        assert!(domains.rest("a.example", now).is_some());
        now += Duration::from_secs(10);
        domains.note("a.example", &accepted(), now);
        domains.note("a.example", &deferred(421, ""), now);
        assert_eq!(domains.rest("a.example", now), None, "counted anew");
    }

    #[test]
    fn patience_ends_after_as_many_rests_as_attempts() {
        let (domains, mut now) = (domains(), Instant::now());
        for _ in 0..100 {
            domains.note("a.example", &deferred(421, ""), now);
            now += Duration::from_secs(10);
        }
        domains.note("a.example", &deferred(421, ""), now);
        assert_eq!(domains.rest("a.example", now), None);
    }

    #[test]
    fn other_refusals_are_about_the_recipient() {
        let (domains, now) = (domains(), Instant::now());
        for _ in 0..100 {
            domains.note("a.example", &deferred(450, "4.2.1 busy"), now);
        }
        assert_eq!(domains.rest("a.example", now), None);
        assert_eq!(domain_of("x@Y.Example"), "y.example");
    }
}
