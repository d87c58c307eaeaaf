//! Looks at a campaign every 200 ms from outside the workers: it balances, and ends no sooner than it should.

use std::time::Duration;

use comms::{
    queue::{Redis, Tally},
    store::{CampaignStatus, Store},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Watch {
    stop: CancellationToken,
    task: JoinHandle<Seen>,
}

#[derive(Default)]
struct Seen {
    looks: u64,
    wrong: Vec<String>,
}

impl Watch {
    pub(super) fn start(redis: Redis, store: Store, id: i64) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(watch(redis, store, id, stop.clone()));
        Self { stop, task }
    }

    /// Ends the watch, and fails when anything was wrong. Returns how often it looked.
    pub(super) async fn end(self) -> u64 {
        self.stop.cancel();
        let seen = self.task.await.expect("no panic");
        assert!(seen.wrong.is_empty(), "{}", seen.wrong.join("\n"));
        assert!(seen.looks > 0, "it never looked");
        seen.looks
    }
}

async fn watch(redis: Redis, store: Store, id: i64, stop: CancellationToken) -> Seen {
    let mut seen = Seen::default();
    while !stop.is_cancelled() {
        look(&redis, &store, id, &mut seen).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    seen
}

/// A server that is away has nothing to say, and neither has a Redis that has lost the campaign.
async fn look(redis: &Redis, store: &Store, id: i64, seen: &mut Seen) {
    // The status first: what it says of Redis must have been true by then.
    let Ok(Some(campaign)) = store.campaign(id).await else {
        return;
    };
    let Ok(tally) = Tally::read(redis, &id.to_string()).await else {
        return;
    };
    seen.looks += 1;
    let least = [
        tally.accepted,
        tally.failed,
        tally.suppressed,
        tally.cancelled,
        tally.retrying,
        tally.in_flight,
        tally.in_doubt,
        tally.parked,
    ];
    if !tally.balanced() || least.iter().any(|n| *n < 0) {
        seen.wrong.push(format!("it doesn't balance: {tally:?}"));
    }
    if campaign.status == CampaignStatus::Finished {
        let totals = Tally {
            queued: campaign.queued,
            accepted: campaign.accepted,
            failed: campaign.failed,
            suppressed: campaign.suppressed,
            cancelled: campaign.cancelled,
            in_doubt: campaign.in_doubt_count,
            ..Tally::default()
        };
        let early = !totals.balanced() || tally.open() != 0 || totals.queued < campaign.audience;
        // An operator may have started it again between the two looks.
        let now = store.campaign(id).await;
        let same = matches!(&now, Ok(Some(now)) if now.revision == campaign.revision);
        if early && same {
            seen.wrong
                .push(format!("finished too early: {totals:?}, {tally:?}"));
        }
    }
}
