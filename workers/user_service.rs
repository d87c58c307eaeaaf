//! Turns a campaign into one notification request per user, page by page.
//!
//! reads `campaign` (campaign.turn), emits `notification` (notification.requested)

use std::{process::ExitCode, sync::Arc};

use comms::{
    event::{self, CampaignTurn, Event, NotificationRequested, TURNS, VERSION},
    http::users::routes,
    ops::Ops,
    queue::{self, Entry, Handler, Outage, Outcome, Page, Paged, Redis, Settler, Windows},
    store::{Store, User},
    worker::{self, Worker, patiently},
};
use tokio_util::sync::CancellationToken;

const SERVICE: &str = "user-service";
/// Users a page; pages a turn, so that campaigns take turns.
const PAGE: u32 = 1_000;
const PAGES: u32 = 10;

fn main() -> ExitCode {
    worker::main(
        SERVICE,
        "Fans campaigns out to all users, and answers for users",
        9080,
        run,
    )
}

async fn run(mut worker: Worker) -> anyhow::Result<()> {
    worker.readiness.down("users", "not yet made");
    let store = worker.store().await?;
    let ops = Arc::new(Ops::with(
        &worker.config,
        worker.redis.clone(),
        store.clone(),
    ));
    let http = worker.serve(routes(ops, worker.config.users));
    let made = patiently("making the users", &worker.shutdown, || {
        store.seed_users(worker.config.users)
    })
    .await;
    if let Some(made) = made {
        tracing::info!(made, "users are there");
        worker.readiness.up("users");
    }
    let fanout = FanOut {
        redis: worker.redis.clone(),
        store,
        windows: Windows {
            in_flight: worker.config.window,
            waiting: worker.config.retry_window,
        },
        shutdown: worker.shutdown.clone(),
    };
    worker
        .consume(CampaignTurn::STREAM, false, Arc::new(fanout))
        .await;
    http.await?;
    Ok(())
}

struct FanOut {
    redis: Redis,
    store: Store,
    windows: Windows,
    shutdown: CancellationToken,
}

impl Handler for FanOut {
    async fn handle(&self, batch: Vec<Entry>, settler: Settler) {
        for entry in batch {
            let outcome = match event::parse::<CampaignTurn>(&entry) {
                Ok(turn) => self.take_turn(&entry, turn.turn).await,
                Err(unreadable) => unreadable.outcome(),
            };
            settler.settle(entry, outcome).await;
        }
    }

    async fn bury(&self, _entry: &Entry, reason: &str) -> Outcome {
        let reason = reason.to_owned();
        Outcome::Dead { reason }
    }
}

impl FanOut {
    /// Adds up to ten pages; the script that adds the last one also ends the turn.
    async fn take_turn(&self, entry: &Entry, turn: u64) -> Outcome {
        let mut outage = Outage::new("the fan-out");
        let mut pages = 0;
        let mut at = None;
        loop {
            match self.page(entry, turn, &mut at, pages + 1 >= PAGES).await {
                Ok(Some(Paged::Open { cursor })) => {
                    at = at.map(|known: queue::Cursor| queue::Cursor { cursor, ..known });
                    pages += 1;
                }
                Ok(Some(Paged::Missing) | None) => {
                    let reason = format!("no campaign {:?} is known to Redis", entry.flow);
                    return Outcome::Reject { reason };
                }
                Ok(Some(_)) => return Outcome::Settled,
                Err(_) if self.shutdown.is_cancelled() => return Outcome::HandBack,
                Err(error) => outage.wait(&error, &self.shutdown).await,
            }
        }
    }

    /// `None`: Redis knows nothing of the campaign.
    async fn page(
        &self,
        entry: &Entry,
        turn: u64,
        at: &mut Option<queue::Cursor>,
        ends_turn: bool,
    ) -> queue::Result<Option<Paged>> {
        if at.is_none() {
            *at = queue::cursor(&self.redis, entry.partition, &entry.flow).await?;
        }
        let Some(queue::Cursor { cursor, audience }) = *at else {
            return Ok(None);
        };
        let partitions = self.redis.keys().partitions();
        let read = || {
            self.store
                .users_page(cursor, audience, entry.partition, partitions, PAGE)
        };
        let Some(users) = patiently("reading users", &self.shutdown, read).await else {
            return Ok(Some(Paged::Stopped));
        };
        let last = users.len() < PAGE as usize;
        let upto = if last {
            audience
        } else {
            users.last().map_or(audience, |u| u.id)
        };
        let recipients: Vec<(i64, String)> = users
            .into_iter()
            .map(|user| (user.id, requested(user).to_data()))
            .collect();
        let page = Page {
            turn,
            after: cursor,
            upto,
            recipients: &recipients,
            last,
            ends_turn,
        };
        let (stream, kind) = (NotificationRequested::STREAM, NotificationRequested::TYPE);
        queue::add_page(&self.redis, TURNS, entry, stream, kind, &page, self.windows)
            .await
            .map(Some)
    }
}

fn requested(user: User) -> NotificationRequested {
    NotificationRequested {
        v: VERSION,
        user: user.id,
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
    }
}
