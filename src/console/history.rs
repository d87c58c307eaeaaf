//! What the counters were, so that rates and sparklines can be drawn.

use std::collections::VecDeque;

use crate::ops::{Overview, Status, StreamView};

/// Older samples are forgotten, ms.
const KEPT_MS: u64 = 900_000;
/// A rate is measured over at least this long, ms.
const WINDOW_MS: u64 = 3_000;

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    at_ms: u64,
    stages: Vec<Counters>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counters {
    added: f64,
    handled: f64,
}

/// Which counter of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Entries added to the stream.
    In,
    /// Entries that its group has handled.
    Out,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct History {
    samples: VecDeque<Sample>,
}

impl History {
    /// Counters that went back (another server, lost data) start a new history.
    pub(super) fn add(&mut self, overview: &Overview) {
        let sample = Sample {
            at_ms: overview.server.now_ms,
            stages: overview.stages.iter().map(counters).collect(),
        };
        if let Some(last) = self.samples.back() {
            if sample.at_ms == last.at_ms {
                return;
            }
            let back = sample.at_ms < last.at_ms
                || sample.stages.len() != last.stages.len()
                || sample
                    .stages
                    .iter()
                    .zip(&last.stages)
                    .any(|(new, old)| new.added < old.added);
            if back {
                self.samples.clear();
            }
        }
        let oldest = sample.at_ms.saturating_sub(KEPT_MS);
        self.samples.push_back(sample);
        while self.samples.front().is_some_and(|s| s.at_ms < oldest) {
            self.samples.pop_front();
        }
    }

    /// The last sample not after that moment, Redis TIME in ms.
    fn last(&self, until_ms: u64) -> Option<&Sample> {
        let after = self.samples.partition_point(|s| s.at_ms <= until_ms);
        self.samples.get(after.checked_sub(1)?)
    }

    /// Entries a second just before a moment, Redis TIME in ms; `None` until there are two samples.
    pub(super) fn rate(&self, stage: usize, flow: Flow, until_ms: u64) -> Option<f64> {
        let last = self.last(until_ms)?;
        let from = self
            .samples
            .iter()
            .rev()
            .find(|s| s.at_ms + WINDOW_MS <= last.at_ms)
            .or_else(|| self.samples.front())?;
        let span_s = last.at_ms.saturating_sub(from.at_ms) as f64 / 1_000.0;
        if span_s < 0.2 {
            return None;
        }
        let delta = value(last, stage, flow)? - value(from, stage, flow)?;
        Some((delta / span_s).max(0.0))
    }

    /// Entries a second in each of the `bins` seconds before a moment, oldest first; `None` before the
    /// first sample.
    pub(super) fn series(
        &self,
        stage: usize,
        flow: Flow,
        bins: usize,
        until_ms: u64,
    ) -> Vec<Option<f64>> {
        let Some(end_ms) = self.last(until_ms).map(|s| s.at_ms) else {
            return vec![None; bins];
        };
        let at = |seconds_ago: usize| {
            let at_ms = end_ms.checked_sub(seconds_ago as u64 * 1_000)?;
            self.at(at_ms, stage, flow)
        };
        (0..bins)
            .rev()
            .map(|n| Some((at(n)? - at(n + 1)?).max(0.0)))
            .collect()
    }

    /// The counter at a moment, between two samples by proportion.
    fn at(&self, at_ms: u64, stage: usize, flow: Flow) -> Option<f64> {
        let after = self.samples.partition_point(|s| s.at_ms < at_ms);
        let next = self.samples.get(after)?;
        let after_value = value(next, stage, flow)?;
        if next.at_ms == at_ms {
            return Some(after_value);
        }
        let previous = self.samples.get(after.checked_sub(1)?)?;
        let before_value = value(previous, stage, flow)?;
        let share = (at_ms - previous.at_ms) as f64 / (next.at_ms - previous.at_ms) as f64;
        Some(before_value + (after_value - before_value) * share)
    }
}

/// Older looks are this far apart, ms.
const PAST_STEP_MS: u64 = 5_000;
/// The last looks are kept closer together, for this long, ms.
const RECENT_MS: u64 = 30_000;
const RECENT_STEP_MS: u64 = 1_000;

/// What the status was during the last 15 minutes, to be looked back at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    looks: VecDeque<Status>,
    /// The moment looked at, Redis TIME in ms.
    at_ms: Option<u64>,
}

impl Past {
    pub(super) fn add(&mut self, status: &Status) {
        let now_ms = status.overview.server.now_ms;
        let last_ms = self.looks.back().map(|s| s.overview.server.now_ms);
        if last_ms.is_some_and(|ms| now_ms < ms) {
            // Another server.
            *self = Self::default();
        } else if last_ms.is_some_and(|ms| now_ms < ms + RECENT_STEP_MS) {
            return;
        }
        self.looks.push_back(status.clone());
        self.thin(now_ms);
    }

    /// Drops what is too old, and of what is no longer recent all but one look in each step.
    fn thin(&mut self, now_ms: u64) {
        let at = |s: &Status| s.overview.server.now_ms;
        while self.looks.front().is_some_and(|s| at(s) + KEPT_MS < now_ms) {
            self.looks.pop_front();
        }
        let old = self.looks.partition_point(|s| at(s) + RECENT_MS < now_ms);
        if old >= 2 && at(&self.looks[old - 1]) < at(&self.looks[old - 2]) + PAST_STEP_MS {
            self.looks.remove(old - 1);
        }
    }

    pub(super) fn is_looked_at(&self) -> bool {
        self.at_ms.is_some()
    }

    fn place(&self) -> Option<usize> {
        let at_ms = self.at_ms?;
        let after = self
            .looks
            .partition_point(|s| s.overview.server.now_ms <= at_ms);
        (!self.looks.is_empty()).then(|| after.saturating_sub(1))
    }

    pub(super) fn shown(&self) -> Option<&Status> {
        self.looks.get(self.place()?)
    }

    /// One look back; false when there is none.
    pub(super) fn earlier(&mut self) -> bool {
        let place = self.place().unwrap_or(self.looks.len().saturating_sub(1));
        let Some(look) = place.checked_sub(1).and_then(|n| self.looks.get(n)) else {
            return false;
        };
        self.at_ms = Some(look.overview.server.now_ms);
        true
    }

    /// One look on; the last one is the present.
    pub(super) fn later(&mut self) {
        let next = self.place().map(|place| place + 1);
        let past = next.filter(|next| next + 1 < self.looks.len());
        self.at_ms = past.map(|next| self.looks[next].overview.server.now_ms);
    }

    pub(super) fn leave(&mut self) -> bool {
        self.at_ms.take().is_some()
    }

    /// How long ago the moment looked at was, ms.
    pub(super) fn age_ms(&self) -> Option<u64> {
        let shown = self.shown()?.overview.server.now_ms;
        let last = self.looks.back()?.overview.server.now_ms;
        Some(last.saturating_sub(shown))
    }
}

fn value(sample: &Sample, stage: usize, flow: Flow) -> Option<f64> {
    let counters = sample.stages.get(stage)?;
    Some(match flow {
        Flow::In => counters.added,
        Flow::Out => counters.handled,
    })
}

/// Handled is what was read and isn't pending any more.
fn counters(stage: &StreamView) -> Counters {
    let added = stage.entries_added as f64;
    let handled = stage.own_group().map_or(0.0, |group| {
        let read = group
            .entries_read
            .map_or(added - group.backlog.count as f64, |n| n as f64);
        read - group.pending as f64
    });
    Counters { added, handled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::GroupView;

    fn overview(at_ms: u64, added: u64, pending: u64) -> Overview {
        let mut overview = Overview::default();
        overview.server.now_ms = at_ms;
        overview.stages = vec![StreamView {
            group: "g".to_owned(),
            entries_added: added,
            groups: vec![GroupView {
                name: "g".to_owned(),
                entries_read: Some(added),
                pending,
                ..GroupView::default()
            }],
            ..StreamView::default()
        }];
        overview
    }

    #[test]
    fn a_rate_is_measured_over_the_last_seconds() {
        let mut history = History::default();
        assert_eq!(history.rate(0, Flow::In, u64::MAX), None);
        for s in 0..10 {
            history.add(&overview(10_000 + s * 1_000, s * 500, 100));
        }
        assert_eq!(history.rate(0, Flow::In, u64::MAX), Some(500.0));
        assert_eq!(history.rate(0, Flow::Out, u64::MAX), Some(500.0));
        assert_eq!(history.rate(7, Flow::Out, u64::MAX), None);
        let series = history.series(0, Flow::In, 12, u64::MAX);
        assert_eq!(series[..3], [None; 3]);
        assert_eq!(series[11], Some(500.0));
    }

    #[test]
    fn counters_that_go_back_start_anew() {
        let mut history = History::default();
        history.add(&overview(1_000, 900, 0));
        history.add(&overview(2_000, 950, 0));
        history.add(&overview(3_000, 5, 0));
        assert_eq!(history.rate(0, Flow::In, u64::MAX), None);
        assert_eq!(history.samples.len(), 1);
    }

    #[test]
    fn the_past_is_gone_through_look_by_look_and_ends_in_the_present() {
        let mut past = Past::default();
        let at = |s: u64| {
            let mut status = Status::default();
            status.overview.server.now_ms = s * 1_000;
            status
        };
        assert!(!past.earlier());
        for s in 0..1_200 {
            past.add(&at(s));
        }
        assert!(past.looks.len() < 260, "{}", past.looks.len());
        assert!(past.earlier() && past.is_looked_at());
        assert_eq!(past.age_ms(), Some(1_000));
        past.add(&at(1_200));
        assert_eq!(past.age_ms(), Some(2_000), "the moment stays");
        while past.earlier() {}
        let age = past.age_ms().expect("a moment");
        assert!((890_000..=900_000).contains(&age), "{age}");
        for _ in 0..300 {
            past.later();
        }
        assert!(!past.is_looked_at());
        past.add(&at(3));
        assert_eq!(past.looks.len(), 1, "another server has no past");
    }
}
