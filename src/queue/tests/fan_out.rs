//! The fan-out: whatever two workers, a repeating relay and an operator do, each recipient is added once.

use proptest::prelude::*;
use redis::{AsyncCommands, streams::StreamRangeReply};

use super::{Case, FLOW, on_each_server};
use crate::queue::{
    Entry, FanOuts, FlowState, Page, Paged, Tally, Turns, Windows, add_page, consumer::Source,
    cursor, fan_outs, retry, set_status, start,
};

const TURNS: Turns = Turns {
    stream: "turns",
    group: "fan",
    kind: "turn.taken",
    data: ("{\"turn\":", "}"),
};
const AUDIENCE: i64 = 60;
const PAGE: i64 = 7;
const WORKERS: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Step {
    /// The relay: starts it, or says how far it is; `again` appends the turn once more.
    Start {
        again: bool,
    },
    Read {
        worker: usize,
    },
    /// A page of a turn in hand, by the cursor that is there (`fresh`) or the one that it saw before.
    Page {
        worker: usize,
        fresh: bool,
        ends_turn: bool,
        lost: bool,
    },
    Reclaim {
        worker: usize,
    },
    Pause,
    Resume,
    Promote,
    /// So many recipients are done with, which makes room in the window.
    Outflow {
        number: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let page = (0..2usize, any::<bool>(), any::<bool>(), any::<bool>());
    let step = prop_oneof![
        1 => any::<bool>().prop_map(|again| Step::Start { again }),
        3 => (0..2usize).prop_map(|worker| Step::Read { worker }),
        6 => page.prop_map(|(worker, fresh, ends_turn, lost)| Step::Page { worker, fresh, ends_turn, lost }),
        1 => (0..2usize).prop_map(|worker| Step::Reclaim { worker }),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        2 => Just(Step::Promote),
        1 => (1..10i64).prop_map(|number| Step::Outflow { number }),
    ];
    prop::collection::vec(step, 1..50)
}

/// A turn in a worker's hand, and the cursor that it knows.
#[derive(Clone)]
struct Hand {
    entry: Entry,
    cursor: i64,
}

struct Run {
    case: Case,
    source: Source,
    hands: [Vec<Hand>; 2],
    revision: i64,
    paused: bool,
    started: bool,
}

impl Run {
    async fn new(url: String) -> Self {
        Self {
            case: Case::new(&url, TURNS.stream, TURNS.group).await,
            source: Source {
                stream: TURNS.stream.to_owned(),
                group: TURNS.group.to_owned(),
                counted: false,
            },
            hands: Default::default(),
            revision: 1,
            paused: false,
            started: false,
        }
    }

    fn state(&self) -> FlowState<'static> {
        FlowState {
            flow: FLOW,
            status: if self.paused { "paused" } else { "running" },
            revision: self.revision,
            epoch: 1,
            audience: AUDIENCE,
        }
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Start { again } => {
                let state = self.state();
                start(&self.case.redis, 0, TURNS, &state, *again)
                    .await
                    .expect("started");
                self.started = true;
            }
            Step::Read { worker } => {
                let read = self.case.read(WORKERS[*worker], 1).await;
                self.take(*worker, read).await;
            }
            Step::Reclaim { worker } => {
                let claimed = self
                    .case
                    .reclaim(WORKERS[*worker], WORKERS[1 - *worker])
                    .await;
                self.take(*worker, claimed).await;
            }
            Step::Page {
                worker,
                fresh,
                ends_turn,
                lost,
            } => {
                if let Some(mut hand) = self.hands[*worker].pop() {
                    if *fresh {
                        hand.cursor = self.cursor().await;
                    }
                    let mut paged = self.page(&hand, *ends_turn).await;
                    if *lost {
                        paged = self.page(&hand, *ends_turn).await;
                    }
                    if let Paged::Open { cursor } = paged {
                        hand.cursor = cursor;
                        self.hands[*worker].push(hand);
                    }
                }
            }
            Step::Pause => self.tell(true).await,
            Step::Resume => self.tell(false).await,
            Step::Promote => {
                retry::promote(&self.case.redis, &self.source, 0)
                    .await
                    .expect("promoted");
            }
            Step::Outflow { number } => self.outflow(*number).await,
        }
        self.check().await
    }

    async fn take(&mut self, worker: usize, entries: Vec<Entry>) {
        for entry in entries {
            let cursor = self.cursor().await;
            self.hands[worker].push(Hand { entry, cursor });
        }
    }

    async fn cursor(&self) -> i64 {
        let found = cursor(&self.case.redis, 0, FLOW).await.expect("HMGET");
        found.map_or(0, |c| c.cursor)
    }

    async fn page(&self, hand: &Hand, ends_turn: bool) -> Paged {
        let upto = (hand.cursor + PAGE).min(AUDIENCE);
        let recipients: Vec<(i64, String)> = (hand.cursor + 1..=upto)
            .map(|n| (n, n.to_string()))
            .collect();
        let turn = hand.entry.data.trim_start_matches(TURNS.data.0);
        let page = Page {
            turn: turn
                .trim_end_matches(TURNS.data.1)
                .parse()
                .expect("a number"),
            after: hand.cursor,
            upto,
            recipients: &recipients,
            last: upto == AUDIENCE,
            ends_turn,
        };
        // Narrow: most cases run into it.
        let windows = Windows {
            in_flight: 20,
            waiting: 1_000,
        };
        add_page(
            &self.case.redis,
            TURNS,
            &hand.entry,
            "jobs",
            "job.wanted",
            &page,
            windows,
        )
        .await
        .expect("a page")
    }

    async fn tell(&mut self, paused: bool) {
        self.paused = paused;
        self.revision += 1;
        set_status(&self.case.redis, TURNS, &self.state())
            .await
            .expect("told");
    }

    async fn outflow(&self, number: i64) {
        let key = self.case.redis.keys().tally(0, FLOW);
        let done = number.min(self.tally().await.in_flight);
        let mut commands = self.case.redis.commands();
        let _: i64 = commands
            .hincr(&key, "in_flight", -done)
            .await
            .expect("HINCRBY");
        let _: i64 = commands
            .hincr(&key, "accepted", done)
            .await
            .expect("HINCRBY");
    }

    async fn tally(&self) -> Tally {
        Tally::read(&self.case.redis, FLOW).await.expect("HGETALL")
    }

    /// What was added is 1, 2, 3 … up to the cursor, and counted.
    async fn check(&self) -> Result<(), String> {
        let stream = self.case.redis.keys().stream(0, "jobs");
        let all: StreamRangeReply = self
            .case
            .redis
            .commands()
            .xrange_all(stream)
            .await
            .expect("XRANGE");
        let added: Vec<i64> = all
            .ids
            .iter()
            .map(|e| e.get("data").expect("a number"))
            .collect();
        let expected: Vec<i64> = (1..=self.cursor().await).collect();
        if added != expected {
            return Err(format!("added {added:?}, the cursor says {expected:?}"));
        }
        let tally = self.tally().await;
        if tally.queued != expected.len() as i64 || !tally.balanced() {
            return Err(format!("{} added, counted {tally:?}", expected.len()));
        }
        Ok(())
    }

    /// Resumed and worked off by one worker, it ends, and no turn is needed that isn't there.
    async fn finish(mut self) -> Result<(), String> {
        if !self.started {
            self.step(&Step::Start { again: false }).await?;
        }
        self.step(&Step::Resume).await?;
        for _ in 0..500 {
            let complete = fan_outs(&self.case.redis, FLOW).await.expect("HGET");
            if complete == FanOuts::Complete {
                self.check().await?;
                let all = self.cursor().await;
                self.case.end().await;
                return if all == AUDIENCE {
                    Ok(())
                } else {
                    Err(format!("ended at {all}"))
                };
            }
            let ended = [
                Step::Reclaim { worker: 0 },
                Step::Promote,
                Step::Read { worker: 0 },
                Step::Page {
                    worker: 0,
                    fresh: true,
                    ends_turn: false,
                    lost: false,
                },
                Step::Outflow { number: AUDIENCE },
            ];
            for step in &ended {
                self.step(step).await?;
            }
            // A full window is tried again in 50 ms.
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Err(format!("it stands still at {}", self.cursor().await))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fan_out_adds_each_recipient_once_however_its_turns_interleave(steps in steps()) {
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
