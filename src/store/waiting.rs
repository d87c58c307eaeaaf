//! What waits for the ledger's next commit.

use std::collections::{HashSet, VecDeque};

use tokio::sync::oneshot;

/// A row of the ledger: campaign and user.
pub(super) type Key = (i64, i64);

/// Rows of one kind in the order in which they were asked for. A request is answered when all its rows
/// are done; it may take several commits.
pub(super) struct Waiting<R, O> {
    requests: VecDeque<Request<R, O>>,
    key: fn(&R) -> Key,
}

struct Request<R, O> {
    rows: Vec<R>,
    outcomes: Vec<O>,
    reply: Option<oneshot::Sender<Vec<O>>>,
}

impl<R, O> Waiting<R, O> {
    pub(super) fn new(key: fn(&R) -> Key) -> Self {
        Self {
            requests: VecDeque::new(),
            key,
        }
    }

    /// Without a `reply` nobody wants to know.
    pub(super) fn push(&mut self, rows: Vec<R>, reply: Option<oneshot::Sender<Vec<O>>>) {
        self.requests.push_back(Request {
            outcomes: Vec::with_capacity(rows.len()),
            rows,
            reply,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn rows(&self) -> usize {
        self.requests
            .iter()
            .map(|r| r.rows.len() - r.outcomes.len())
            .sum()
    }

    /// The next rows, at most `limit`; fewer when a row would come twice, which one statement can't do.
    pub(super) fn next(&self, limit: usize) -> Vec<&R> {
        let mut keys = HashSet::with_capacity(limit);
        self.requests
            .iter()
            .flat_map(|r| &r.rows[r.outcomes.len()..])
            .take(limit)
            .take_while(|row| keys.insert((self.key)(row)))
            .collect()
    }

    /// Answers the rows that [`Waiting::next`] gave, in the same order. Returns the rows of requests whose
    /// callers have gone meanwhile, with their outcomes.
    pub(super) fn answer(&mut self, outcomes: impl IntoIterator<Item = O>) -> Vec<(R, O)> {
        let mut orphans = Vec::new();
        for outcome in outcomes {
            let Some(request) = self.requests.front_mut() else {
                break;
            };
            request.outcomes.push(outcome);
            if request.outcomes.len() < request.rows.len() {
                continue;
            }
            if let Some(done) = self.requests.pop_front()
                && let Some(reply) = done.reply
                && let Err(outcomes) = reply.send(done.outcomes)
            {
                orphans.extend(done.rows.into_iter().zip(outcomes));
            }
        }
        orphans
    }
}

/// Sorted by their keys: two processes that write the same rows lock them in the same order.
pub(super) fn sorted<R>(mut rows: Vec<&R>, key: fn(&R) -> Key) -> Vec<&R> {
    rows.sort_unstable_by_key(|row| key(row));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_when_all_its_rows_are_done() {
        let mut waiting: Waiting<i64, &str> = Waiting::new(|row| (0, *row));
        let (reply, mut answer) = oneshot::channel();
        waiting.push(vec![1, 2, 3], Some(reply));
        assert_eq!(waiting.next(2), [&1, &2]);
        assert!(waiting.answer(["a", "b"]).is_empty());
        assert!(answer.try_recv().is_err());
        assert_eq!(waiting.next(2), [&3]);
        waiting.answer(["c"]);
        assert_eq!(answer.try_recv(), Ok(vec!["a", "b", "c"]));
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_row_comes_once_a_commit() {
        let mut waiting: Waiting<i64, ()> = Waiting::new(|row| (0, *row));
        waiting.push(vec![1, 2], None);
        waiting.push(vec![2, 3], None);
        assert_eq!(waiting.next(10), [&1, &2]);
        waiting.answer([(), ()]);
        assert_eq!(waiting.next(10), [&2, &3]);
    }

    #[test]
    fn what_nobody_waits_for_is_handed_back() {
        let mut waiting: Waiting<i64, &str> = Waiting::new(|row| (0, *row));
        let (reply, answer) = oneshot::channel();
        waiting.push(vec![1], Some(reply));
        drop(answer);
        assert_eq!(waiting.answer(["claimed"]), [(1, "claimed")]);
    }
}
