//! Settling, promotion and unparking: whoever acknowledges first decides, and all is counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use redis::AsyncCommands;

use super::{Case, FLOW, on_each_server};
use crate::queue::{Closed, Entry, Outcome, Tally, consumer::Source, janitor, retry, settle};

const STREAM: &str = "jobs";
const OUT: &str = "next";
const USERS: usize = 12;

#[derive(Debug, Clone)]
enum Step {
    Read {
        worker: usize,
        count: usize,
    },
    /// Settles what a worker has had in hand longest. `lost`: the reply is, and it does so again.
    Settle {
        worker: usize,
        ends: Vec<End>,
        lost: bool,
    },
    Reclaim {
        worker: usize,
    },
    Promote,
    Pause,
    Resume,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Emit,
    Done,
    Doubt,
    Drop,
    Retry,
    Wait,
    Dead,
    Park,
}

fn ends() -> impl Strategy<Value = End> {
    use End::{Dead, Done, Doubt, Drop, Emit, Park, Retry, Wait};
    prop::sample::select(vec![Emit, Done, Doubt, Drop, Retry, Wait, Dead, Park])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let settle = (
        0..2usize,
        prop::collection::vec(ends(), 1..6),
        any::<bool>(),
    );
    let step = prop_oneof![
        4 => (0..2usize, 1..5usize).prop_map(|(worker, count)| Step::Read { worker, count }),
        6 => settle.prop_map(|(worker, ends, lost)| Step::Settle { worker, ends, lost }),
        2 => (0..2usize).prop_map(|worker| Step::Reclaim { worker }),
        2 => Just(Step::Promote),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
    ];
    prop::collection::vec(step, 1..40)
}

/// Where every user is, by the rules on paper.
#[derive(Default)]
struct Model {
    paused: bool,
    /// Delivered and not acknowledged: entry id and user.
    pending: HashMap<String, String>,
    unread: usize,
    retrying: BTreeSet<String>,
    parked: BTreeSet<String>,
    emitted: BTreeSet<String>,
    closed: BTreeMap<&'static str, i64>,
    dead: usize,
    dropped: i64,
}

impl Model {
    /// True when the entry was still open, and this decided it.
    fn settle(&mut self, entry: &Entry, end: End) -> bool {
        let Some(user) = self.pending.remove(&entry.id) else {
            return false;
        };
        match end {
            End::Emit => drop(self.emitted.insert(user)),
            End::Done => *self.closed.entry("accepted").or_default() += 1,
            End::Doubt => *self.closed.entry("in_doubt").or_default() += 1,
            // Counted nowhere: it stays in flight, which is right only for a duplicate.
            End::Drop => self.dropped += 1,
            End::Retry | End::Wait => drop(self.retrying.insert(user)),
            End::Dead => {
                self.dead += 1;
                *self.closed.entry("failed").or_default() += 1;
            }
            End::Park if self.paused => drop(self.parked.insert(user)),
            End::Park => self.unread += 1,
        }
        true
    }

    fn tally(&self) -> Tally {
        let closed = |name| self.closed.get(name).copied().unwrap_or(0);
        let open = self.pending.len() + self.unread + self.emitted.len();
        Tally {
            queued: USERS as i64,
            accepted: closed("accepted"),
            failed: closed("failed"),
            in_doubt: closed("in_doubt"),
            retrying: self.retrying.len() as i64,
            parked: self.parked.len() as i64,
            in_flight: open as i64 + self.dropped,
            ..Tally::default()
        }
    }
}

fn outcome(end: End, attempt: u32) -> Outcome {
    match end {
        End::Emit => Outcome::Emit {
            stream: OUT,
            kind: "job.next",
            data: String::new(),
        },
        End::Done => Outcome::Done(Closed::Accepted),
        End::Doubt => Outcome::Done(Closed::InDoubt),
        End::Drop => Outcome::Drop,
        End::Retry => Outcome::Retry {
            due_at_ms: 0,
            attempt: attempt + 1,
        },
        End::Wait => Outcome::Wait { delay_ms: 0 },
        End::Dead => Outcome::Dead {
            reason: "told so".to_owned(),
        },
        End::Park => Outcome::Park,
    }
}

struct Run {
    case: Case,
    source: Source,
    model: Model,
    hands: [Vec<Entry>; 2],
}

const WORKERS: [&str; 2] = ["a", "b"];

impl Run {
    async fn new(url: String) -> Self {
        let case = Case::new(&url, STREAM, "workers").await;
        let mut redis = case.redis.commands();
        let keys = case.redis.keys();
        let _: () = redis
            .hset_multiple(keys.flow(0, FLOW), &[("status", "running")])
            .await
            .expect("HSET");
        let counts = [("queued", USERS), ("in_flight", USERS)];
        let _: () = redis
            .hset_multiple(keys.tally(0, FLOW), &counts)
            .await
            .expect("HSET");
        for user in 0..USERS {
            let fields = [
                ("type", "job.wanted"),
                ("flow", FLOW),
                ("data", &format!("u{user}")),
            ];
            let _: String = redis.xadd(&case.stream, "*", &fields).await.expect("XADD");
        }
        Self {
            case,
            source: Source {
                stream: STREAM.to_owned(),
                group: "workers".to_owned(),
                counted: true,
            },
            model: Model {
                unread: USERS,
                ..Model::default()
            },
            hands: Default::default(),
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Read { worker, count } => {
                let read = self.case.read(WORKERS[*worker], *count).await;
                self.model.unread -= read.len();
                for entry in &read {
                    self.model
                        .pending
                        .insert(entry.id.clone(), entry.data.clone());
                }
                self.hands[*worker].extend(read);
            }
            Step::Settle { worker, ends, lost } => {
                let count = ends.len().min(self.hands[*worker].len());
                let taken: Vec<Entry> = self.hands[*worker].drain(..count).collect();
                let batch: Vec<(Entry, Outcome)> = taken
                    .into_iter()
                    .zip(ends)
                    .map(|(entry, end)| (entry.clone(), outcome(*end, entry.attempt)))
                    .collect();
                let expected: Vec<String> = batch
                    .iter()
                    .zip(ends)
                    .filter(|((entry, _), end)| !self.model.settle(entry, **end))
                    .map(|((entry, _), _)| entry.id.clone())
                    .collect();
                let batch: Vec<&(Entry, Outcome)> = batch.iter().collect();
                let redis = &self.case.redis;
                if batch.is_empty() {
                    return Ok(());
                }
                let late = settle::settle(redis, &self.source, 0, &batch).await;
                equal("late", &late.expect("settled"), &expected)?;
                if *lost {
                    let late = settle::settle(redis, &self.source, 0, &batch).await;
                    let all: Vec<String> =
                        batch.iter().map(|(entry, _)| entry.id.clone()).collect();
                    equal("late, repeated", &late.expect("settled"), &all)?;
                }
            }
            Step::Reclaim { worker } => {
                let from = WORKERS[1 - *worker];
                let claimed = self.case.reclaim(WORKERS[*worker], from).await;
                for entry in &claimed {
                    let known = self.model.pending.get(&entry.id);
                    equal("claimed", &Some(&entry.data), &known)?;
                }
                self.hands[*worker].extend(claimed);
            }
            Step::Promote => {
                retry::promote(&self.case.redis, &self.source, 0)
                    .await
                    .expect("promoted");
                self.model.unread += std::mem::take(&mut self.model.retrying).len();
            }
            Step::Pause => self.status("paused").await,
            Step::Resume => {
                self.status("running").await;
                janitor::unpark(&self.case.redis, &self.source, 0)
                    .await
                    .expect("unparked");
                self.model.unread += std::mem::take(&mut self.model.parked).len();
            }
        }
        self.compare().await
    }

    async fn status(&mut self, status: &str) {
        self.model.paused = status == "paused";
        let key = self.case.redis.keys().flow(0, FLOW);
        let _: () = self
            .case
            .redis
            .commands()
            .hset(key, "status", status)
            .await
            .expect("HSET");
    }

    async fn compare(&self) -> Result<(), String> {
        let redis = &self.case.redis;
        let keys = redis.keys();
        let tally = Tally::read(redis, FLOW).await.expect("HGETALL");
        equal("tally", &tally, &self.model.tally())?;
        if !tally.balanced() {
            return Err(format!("it doesn't balance: {tally:?}"));
        }
        let mut commands = redis.commands();
        let out: usize = commands.xlen(keys.stream(0, OUT)).await.expect("XLEN");
        equal("emitted", &out, &self.model.emitted.len())?;
        let dead: usize = commands.xlen(keys.dead(0, STREAM)).await.expect("XLEN");
        equal("dead letters", &dead, &self.model.dead)?;
        let later: usize = commands.zcard(keys.retry(0, STREAM)).await.expect("ZCARD");
        equal("retries", &later, &self.model.retrying.len())?;
        let pending: (usize, redis::Value, redis::Value, redis::Value) = redis::cmd("XPENDING")
            .arg(&[&self.case.stream, "workers"])
            .query_async(&mut commands)
            .await
            .expect("XPENDING");
        equal("pending", &pending.0, &self.model.pending.len())
    }

    /// Everything that is left is finished by worker b, and then nothing is.
    async fn finish(mut self) -> Result<(), String> {
        self.step(&Step::Resume).await?;
        self.step(&Step::Promote).await?;
        self.step(&Step::Reclaim { worker: 1 }).await?;
        self.step(&Step::Read {
            worker: 1,
            count: USERS * 2,
        })
        .await?;
        // What each still believes to have, the stale copies included.
        for worker in 0..2 {
            let ends = vec![End::Done; self.hands[worker].len()];
            let lost = true;
            self.step(&Step::Settle { worker, ends, lost }).await?;
        }
        equal("open", &self.model.pending.len(), &0)?;
        let left = self.case.hash(&self.case.crashes()).await;
        equal("crashes", &left.len(), &0)?;
        self.case.end().await;
        Ok(())
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, the model has {expected:?}"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hop_is_exactly_once_however_two_workers_interleave(steps in steps()) {
        let run = async |url| {
            let mut run = Run::new(url).await;
            for step in &steps {
                run.step(step).await?;
            }
            run.finish().await
        };
        prop_assert_eq!(on_each_server(run), Ok(()));
    }
}
