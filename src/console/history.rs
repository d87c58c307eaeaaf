//! What the counters were, so that rates and sparklines can be drawn.

use std::collections::VecDeque;

use crate::ops::{Overview, StreamView};

/// Older samples are forgotten, ms.
const KEPT_MS: u64 = 240_000;
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

    /// Entries a second, lately; `None` until there are two samples.
    pub(super) fn rate(&self, stage: usize, flow: Flow) -> Option<f64> {
        let last = self.samples.back()?;
        let from = self
            .samples
            .iter()
            .rev()
            .find(|s| s.at_ms + WINDOW_MS <= last.at_ms)
            .or_else(|| self.samples.front())?;
        let span_s = (last.at_ms - from.at_ms) as f64 / 1_000.0;
        if span_s < 0.2 {
            return None;
        }
        let delta = value(last, stage, flow)? - value(from, stage, flow)?;
        Some((delta / span_s).max(0.0))
    }

    /// Entries a second in each of the last `bins` seconds, oldest first; `None` before the first sample.
    pub(super) fn series(&self, stage: usize, flow: Flow, bins: usize) -> Vec<Option<f64>> {
        let Some(end_ms) = self.samples.back().map(|s| s.at_ms) else {
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
        assert_eq!(history.rate(0, Flow::In), None);
        for s in 0..10 {
            history.add(&overview(10_000 + s * 1_000, s * 500, 100));
        }
        assert_eq!(history.rate(0, Flow::In), Some(500.0));
        assert_eq!(history.rate(0, Flow::Out), Some(500.0));
        assert_eq!(history.rate(7, Flow::Out), None);
        let series = history.series(0, Flow::In, 12);
        assert_eq!(series[..3], [None; 3]);
        assert_eq!(series[11], Some(500.0));
    }

    #[test]
    fn counters_that_go_back_start_anew() {
        let mut history = History::default();
        history.add(&overview(1_000, 900, 0));
        history.add(&overview(2_000, 950, 0));
        history.add(&overview(3_000, 5, 0));
        assert_eq!(history.rate(0, Flow::In), None);
        assert_eq!(history.samples.len(), 1);
    }
}
