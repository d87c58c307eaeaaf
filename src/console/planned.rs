//! The plan of a claim as its question shows it, counted once when it comes: it may hold a hundred thousand
//! ids.

use super::dialog::{ClaimDialog, ClaimPart};
use crate::ops::{ClaimPlan, PlannedClaim};

/// What is counted and worded of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Entries that aren't idle for long enough yet, and will stay.
    pub fresh: usize,
    /// One command a key, shortened.
    pub commands: Vec<String>,
}

/// A row below the heads of the groups.
pub(super) enum Row<'a> {
    /// Where the entries of a group begin, when there are several groups.
    Group(&'a ClaimPlan),
    Entry(&'a ClaimPlan, &'a PlannedClaim),
}

impl ClaimPart {
    /// Counts anew, after the plan has come or its target or idle time was chosen.
    pub(super) fn count(&mut self) {
        self.sums = match &self.plan {
            Some(Ok(plan)) => Sums {
                fresh: fresh(plan),
                commands: plan.commands_in_short(),
            },
            _ => Sums::default(),
        };
    }
}

fn fresh(plan: &ClaimPlan) -> usize {
    let items = plan.items.iter();
    items.filter(|i| i.idle_ms < plan.min_idle_ms).count()
}

impl ClaimDialog {
    pub(super) fn known_plans(&self) -> impl Iterator<Item = &ClaimPlan> {
        self.parts
            .iter()
            .filter_map(|p| p.plan.as_ref()?.as_ref().ok())
    }

    fn heads(&self) -> usize {
        usize::from(self.parts.len() > 1)
    }

    pub(super) fn rows(&self) -> usize {
        let plans = self.known_plans();
        plans.map(|plan| self.heads() + plan.items.len()).sum()
    }

    /// The rows from `first` on.
    pub(super) fn rows_from(&self, mut first: usize) -> impl Iterator<Item = Row<'_>> {
        let heads = self.heads();
        self.known_plans().flat_map(move |plan| {
            let skipped = first.min(heads + plan.items.len());
            first -= skipped;
            let head = (skipped < heads).then_some(Row::Group(plan));
            let items = plan.items[skipped.saturating_sub(heads)..].iter();
            head.into_iter()
                .chain(items.map(move |item| Row::Entry(plan, item)))
        })
    }
}
