//! How backlogs have moved, per stream and group: rates, a small chart, and when they will be drained.

use std::collections::{BTreeMap, VecDeque};

/// Points of one line; they lie at least [`APART_MS`] apart.
const POINTS: usize = 60;
const APART_MS: u64 = 900;
/// A rate is measured over the last points only.
const WINDOW: usize = 10;
/// Streams and groups beyond these have no trend.
const LINES: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub at_ms: u64,
    /// Entries waiting.
    pub backlog: f64,
    /// Entries added so far.
    pub added: f64,
    /// Entries handled so far.
    pub handled: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trend(VecDeque<Point>);

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trends(BTreeMap<(String, String), Trend>);

impl Trends {
    /// `group` is empty for the stream as a whole.
    pub(super) fn add(&mut self, stream: &str, group: &str, point: Point) {
        let key = (stream.to_owned(), group.to_owned());
        if self.0.len() >= LINES && !self.0.contains_key(&key) {
            return;
        }
        let points = &mut self.0.entry(key).or_default().0;
        if let Some(last) = points.back() {
            if point.at_ms < last.at_ms + APART_MS {
                return;
            }
            if point.added < last.added || point.handled + 0.5 < last.handled - last.backlog {
                // Another server, or lost data: what was is of no use.
                points.clear();
            }
        }
        points.push_back(point);
        if points.len() > POINTS {
            points.pop_front();
        }
    }

    pub(super) fn of(&self, stream: &str, group: &str) -> Option<&Trend> {
        self.0.get(&(stream.to_owned(), group.to_owned()))
    }
}

impl Trend {
    /// Too little is known for a rate.
    pub(super) fn is_young(&self) -> bool {
        self.0.len() < 3
    }

    fn per_s(&self, value: impl Fn(&Point) -> f64) -> Option<f64> {
        let last = self.0.back()?;
        let first = self.0.get(self.0.len().saturating_sub(WINDOW))?;
        let span_s = (last.at_ms.saturating_sub(first.at_ms)) as f64 / 1_000.0;
        (span_s > 0.5).then(|| (value(last) - value(first)) / span_s)
    }

    /// Entries added a second.
    pub(super) fn rate_in(&self) -> Option<f64> {
        self.per_s(|p| p.added).map(|r| r.max(0.0))
    }

    /// Entries handled a second.
    pub(super) fn rate_out(&self) -> Option<f64> {
        self.per_s(|p| p.handled).map(|r| r.max(0.0))
    }

    /// Seconds until the backlog is gone at this pace; `None` while it doesn't shrink.
    pub(super) fn drained_in_s(&self) -> Option<f64> {
        let backlog = self.0.back()?.backlog;
        let shrinks = -self.per_s(|p| p.backlog)?;
        (shrinks > 0.01).then(|| backlog / shrinks)
    }

    /// The backlog over time, a character a point.
    pub(super) fn spark(&self, cells: usize) -> String {
        const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let points = self.0.iter().skip(self.0.len().saturating_sub(cells));
        let most = points.clone().map(|p| p.backlog).fold(0.0, f64::max);
        points
            .map(|p| {
                let share = if most > 0.0 { p.backlog / most } else { 0.0 };
                STEPS[((share * 7.0).round() as usize).min(7)]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(s: u64, backlog: f64, added: f64) -> Point {
        Point {
            at_ms: s * 1_000,
            backlog,
            added,
            handled: added - backlog,
        }
    }

    #[test]
    fn a_shrinking_backlog_has_an_end_and_a_growing_one_has_none() {
        let mut trends = Trends::default();
        for s in 0..20 {
            trends.add(
                "a",
                "g",
                point(s, 1_000.0 - s as f64 * 10.0, 5_000.0 + s as f64 * 40.0),
            );
            trends.add("b", "g", point(s, s as f64 * 10.0, s as f64 * 10.0));
        }
        let shrinking = trends.of("a", "g").expect("known");
        assert_eq!(shrinking.rate_in(), Some(40.0));
        assert_eq!(shrinking.rate_out(), Some(50.0));
        assert_eq!(shrinking.drained_in_s(), Some(81.0));
        let growing = trends.of("b", "g").expect("known");
        assert_eq!(growing.drained_in_s(), None);
        assert_eq!(growing.spark(4).chars().count(), 4);
        assert_eq!(growing.spark(12).chars().last(), Some('█'));
    }

    #[test]
    fn points_are_apart_and_few_and_begin_anew_when_counters_go_back() {
        let mut trends = Trends::default();
        for n in 0..1_000 {
            let at = Point {
                at_ms: n * 100,
                ..point(0, 5.0, n as f64)
            };
            trends.add("a", "", at);
        }
        assert!(trends.of("a", "").is_some_and(|t| t.0.len() == POINTS));
        trends.add("a", "", point(200, 0.0, 3.0));
        assert!(trends.of("a", "").is_some_and(Trend::is_young));
    }
}
