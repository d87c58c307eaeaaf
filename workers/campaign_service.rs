//! Accepts campaigns, starts their fan-out, and says when they are finished.
//!
//! reads the outbox in SQL, emits `campaign` (campaign.turn)

use std::{process::ExitCode, sync::Arc};

use comms::{
    http::campaigns::{Campaigns, routes},
    ops::Ops,
    queue::Windows,
    relay::Relay,
    retention,
    worker::{self, Worker},
};
use tokio::sync::Notify;

const SERVICE: &str = "campaign-service";

fn main() -> ExitCode {
    worker::main(SERVICE, "Accepts campaigns and starts them", 8080, run)
}

async fn run(mut worker: Worker) -> anyhow::Result<()> {
    let store = worker.store().await?;
    let wake = Arc::new(Notify::new());
    let ops = Arc::new(Ops::with(
        &worker.config,
        worker.redis.clone(),
        store.clone(),
    ));
    let http = worker.serve(routes(Campaigns {
        ops,
        relay: Arc::clone(&wake),
    }));
    let retention = tokio::spawn(retention::run(
        worker.redis.clone(),
        store.clone(),
        worker.config.retention_days,
        worker.shutdown.clone(),
    ));
    let windows = Windows {
        in_flight: worker.config.window,
        waiting: worker.config.retry_window,
    };
    let relay = Relay::new(worker.redis.clone(), store, wake, windows);
    relay.run(worker.shutdown.clone()).await;
    retention.await?;
    http.await?;
    Ok(())
}
