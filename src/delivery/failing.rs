//! Notices when half of a campaign's last 200 mails have failed: then more would only do harm.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use crate::store::DeliveryStatus;

const LAST: usize = 200;
const KEPT: usize = 64;

/// The last results per campaign and round, as this process saw them: what goes again is judged anew.
#[derive(Default)]
pub(super) struct Failing {
    campaigns: Mutex<HashMap<(i64, u32), Window>>,
}

#[derive(Default)]
struct Window {
    failed: VecDeque<bool>,
    failures: usize,
}

impl Failing {
    /// Notes a result; says why the campaign should pause, when it should. The count begins anew then.
    pub(super) fn note(&self, campaign: i64, round: u32, status: DeliveryStatus) -> Option<String> {
        let failed = match status {
            DeliveryStatus::Accepted => false,
            DeliveryStatus::Failed => true,
            _ => return None,
        };
        if campaign == 0 {
            return None;
        }
        let mut campaigns = self
            .campaigns
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (campaign, round);
        if campaigns.len() >= KEPT && !campaigns.contains_key(&key) {
            campaigns.clear();
        }
        let window = campaigns.entry(key).or_default();
        window.failed.push_back(failed);
        window.failures += usize::from(failed);
        if window.failed.len() > LAST && window.failed.pop_front() == Some(true) {
            window.failures -= 1;
        }
        if window.failed.len() < LAST || window.failures * 2 < LAST {
            return None;
        }
        let failures = window.failures;
        campaigns.remove(&key);
        Some(format!(
            "{failures} of the last {LAST} mails failed; see the dead letters, then resume"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_last_two_hundred_is_too_many() {
        let failing = Failing::default();
        for n in 0..1_000 {
            let status = if n % 3 == 0 {
                DeliveryStatus::Failed
            } else {
                DeliveryStatus::Accepted
            };
            assert_eq!(failing.note(7, 1, status), None);
        }
        let said = (0..200).find_map(|_| failing.note(7, 1, DeliveryStatus::Failed));
        assert!(said.expect("paused").starts_with("100 of the last 200"));
        assert_eq!(
            failing.note(7, 1, DeliveryStatus::Failed),
            None,
            "counted anew"
        );
    }

    #[test]
    fn what_goes_again_is_judged_anew() {
        let failing = Failing::default();
        assert!((0..150).all(|_| failing.note(7, 1, DeliveryStatus::Failed).is_none()));
        assert!((0..150).all(|_| failing.note(7, 2, DeliveryStatus::Accepted).is_none()));
    }

    #[test]
    fn a_few_failures_at_the_beginning_say_nothing() {
        let failing = Failing::default();
        assert!((0..199).all(|_| failing.note(7, 1, DeliveryStatus::Failed).is_none()));
    }
}
