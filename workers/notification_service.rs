//! May we notify this user, and by which channel?
//!
//! reads `notification` (notification.requested), emits `email-notification` (email.requested)

use std::{collections::HashSet, process::ExitCode, sync::Arc};

use axum::Router;
use comms::{
    delivery::{self, Burial},
    event::{self, EmailRequested, Event, NotificationRequested, VERSION},
    queue::{Entry, FlowStatus, Flows, Handler, Outage, Outcome, Settler, Statuses},
    store::{DeliveryStatus, Ledger, Store},
    worker::{self, Worker, patiently},
};
use tokio_util::sync::CancellationToken;

const SERVICE: &str = "notification-service";

fn main() -> ExitCode {
    worker::main(
        SERVICE,
        "Decides for each user whether and how to notify",
        9081,
        run,
    )
}

async fn run(mut worker: Worker) -> anyhow::Result<()> {
    let http = worker.serve(Router::new());
    let store = worker.store().await?;
    let ledger = Ledger::start(store.clone(), worker.presence.name().to_owned());
    let gate = Gate {
        flows: Flows::new(worker.redis.clone()),
        burial: Burial::new(&worker, &store, &ledger),
        store,
        ledger: ledger.clone(),
        shutdown: worker.shutdown.clone(),
    };
    worker
        .consume(NotificationRequested::STREAM, true, Arc::new(gate))
        .await;
    ledger.shutdown().await;
    http.await?;
    Ok(())
}

struct Gate {
    flows: Flows,
    burial: Burial,
    store: Store,
    ledger: Ledger,
    shutdown: CancellationToken,
}

impl Handler for Gate {
    async fn handle(&self, batch: Vec<Entry>, settler: Settler) {
        let Some(statuses) = self.statuses(&batch).await else {
            return hand_back(batch, &settler).await;
        };
        let mut requests = Vec::with_capacity(batch.len());
        for entry in batch {
            match (
                statuses.of(&entry),
                event::parse::<NotificationRequested>(&entry),
            ) {
                (_, Err(unreadable)) => settler.settle(entry, unreadable.outcome()).await,
                (FlowStatus::Missing, Ok(_)) => {
                    let reason = format!("no campaign {:?} is known to Redis", entry.flow);
                    settler.settle(entry, Outcome::Reject { reason }).await;
                }
                (FlowStatus::Paused, Ok(_)) => settler.settle(entry, Outcome::Park).await,
                (_, Ok(request)) => requests.push((entry, request)),
            }
        }
        self.decide(requests, &statuses, &settler).await;
    }

    async fn bury(&self, entry: &Entry, reason: &str) -> Outcome {
        self.burial.bury(entry, reason).await
    }
}

impl Gate {
    /// `None` when the shutdown comes before Redis answers.
    async fn statuses(&self, batch: &[Entry]) -> Option<Statuses> {
        let mut outage = Outage::new("deciding");
        loop {
            match self.flows.of(batch).await {
                Ok(statuses) => return Some(statuses),
                Err(_) if self.shutdown.is_cancelled() => return None,
                Err(error) => outage.wait(&error, &self.shutdown).await,
            }
        }
    }

    /// E-mail is the one channel so far: everybody who is active gets one.
    async fn decide(
        &self,
        requests: Vec<(Entry, NotificationRequested)>,
        statuses: &Statuses,
        settler: &Settler,
    ) {
        let ids: Vec<i64> = requests.iter().map(|(_, r)| r.user).collect();
        let ask = || self.store.inactive_users(&ids);
        let Some(inactive) = patiently("deciding", &self.shutdown, ask).await else {
            return hand_back(
                requests.into_iter().map(|(entry, _)| entry).collect(),
                settler,
            )
            .await;
        };
        let (closed, wanted): (Vec<_>, Vec<_>) =
            requests.into_iter().partition(|(entry, request)| {
                statuses.of(entry) == FlowStatus::Cancelled || inactive.contains(&request.user)
            });
        self.close(closed, &inactive, settler).await;
        for (entry, request) in wanted {
            settler.settle(entry, emit(request)).await;
        }
    }

    async fn close(
        &self,
        closed: Vec<(Entry, NotificationRequested)>,
        inactive: &HashSet<i64>,
        settler: &Settler,
    ) {
        let rows = closed.iter().map(|(entry, request)| {
            if inactive.contains(&request.user) {
                delivery::closing(
                    entry,
                    request.user,
                    DeliveryStatus::Suppressed,
                    "the user is inactive",
                )
            } else {
                delivery::closing(
                    entry,
                    request.user,
                    DeliveryStatus::Cancelled,
                    "the campaign was cancelled",
                )
            }
        });
        let Ok(found) = self.ledger.close(rows.collect()).await else {
            return hand_back(
                closed.into_iter().map(|(entry, _)| entry).collect(),
                settler,
            )
            .await;
        };
        for ((entry, request), status) in closed.into_iter().zip(found) {
            // Begun before Redis was lost: email-service knows what becomes of it.
            let outcome = match delivery::closed(status) {
                Some(closed) => Outcome::Done(closed),
                None => emit(request),
            };
            settler.settle(entry, outcome).await;
        }
    }
}

fn emit(request: NotificationRequested) -> Outcome {
    let email = EmailRequested {
        v: VERSION,
        user: request.user,
        email: request.email,
        first_name: request.first_name,
        last_name: request.last_name,
    };
    Outcome::Emit {
        stream: EmailRequested::STREAM,
        kind: EmailRequested::TYPE,
        data: email.to_data(),
    }
}

async fn hand_back(batch: Vec<Entry>, settler: &Settler) {
    for entry in batch {
        settler.settle(entry, Outcome::HandBack).await;
    }
}
