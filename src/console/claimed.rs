//! What became of the ids of a claim, counted once: there may be a hundred thousand of them.

use std::{collections::BTreeMap, sync::Arc};

use crate::ops::{ClaimOutcome, ClaimReport, Claimed};

/// What each group's claim came to, or why it failed.
pub(super) type Reports = Arc<[Result<ClaimReport, String>]>;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub reports: Reports,
    pub claimed: usize,
    /// How many ended in each way.
    pub sums: BTreeMap<&'static str, usize>,
    /// The report and the place in it of each id, what went wrong first.
    order: Vec<(u32, u32)>,
}

impl Outcome {
    pub(super) fn new(reports: Vec<Result<ClaimReport, String>>) -> Self {
        let (mut wrong, mut right, mut sums) = (Vec::new(), Vec::new(), BTreeMap::new());
        let numbered = reports.iter().zip(0..);
        for (report, n) in numbered.filter_map(|(report, n)| Some((report.as_ref().ok()?, n))) {
            for (result, place) in report.results.iter().zip(0..) {
                *sums.entry(word(&result.outcome)).or_default() += 1;
                match result.outcome {
                    ClaimOutcome::Claimed => right.push((n, place)),
                    _ => wrong.push((n, place)),
                }
            }
        }
        let claimed = right.len();
        wrong.append(&mut right);
        Self {
            reports: reports.into(),
            claimed,
            sums,
            order: wrong,
        }
    }

    /// How many ids have an outcome.
    pub(super) fn ids(&self) -> usize {
        self.order.len()
    }

    /// The ids from `first` on, with the report that each belongs to.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = (&ClaimReport, &Claimed)> {
        let rest = self.order.get(first..).unwrap_or_default();
        rest.iter().filter_map(|(report, place)| {
            let report = self.reports.get(*report as usize)?.as_ref().ok()?;
            Some((report, report.results.get(*place as usize)?))
        })
    }
}

fn word(outcome: &ClaimOutcome) -> &'static str {
    match outcome {
        ClaimOutcome::Claimed => "claimed",
        ClaimOutcome::NotIdle { .. } => "not idle long enough",
        ClaimOutcome::Vanished => "vanished: trimmed from the stream",
        ClaimOutcome::Taken { .. } => "taken by another",
        ClaimOutcome::Acknowledged => "handled meanwhile",
        ClaimOutcome::Unknown => "unknown: the reply was lost",
        ClaimOutcome::NotTried { .. } => "not tried",
    }
}
