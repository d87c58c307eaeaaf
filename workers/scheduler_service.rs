//! Starts campaigns when they are due: at a single time, or again and again by a cron expression.
//!
//! reads the schedules in SQL, writes campaigns there, as a request to campaign-service does

use std::{process::ExitCode, sync::Arc};

use comms::{
    http::schedules::{Schedules, routes},
    ops::Ops,
    scheduler::{Round, Scheduler},
    worker::{self, Worker},
};
use tokio::sync::Notify;

const SERVICE: &str = "scheduler-service";

fn main() -> ExitCode {
    worker::main(SERVICE, "Starts campaigns when they are due", 9083, run)
}

async fn run(mut worker: Worker) -> anyhow::Result<()> {
    let store = worker.store().await?;
    let wake = Arc::new(Notify::new());
    let ops = Arc::new(Ops::with(
        &worker.config,
        worker.redis.clone(),
        store.clone(),
    ));
    let http = worker.serve(routes(Schedules {
        ops,
        scheduler: Arc::clone(&wake),
    }));
    let scheduler = Scheduler::new(store, worker.redis.keys().partitions(), wake);
    scheduler.run(worker.shutdown.clone(), measure).await;
    http.await?;
    Ok(())
}

fn measure(round: &Round) {
    for (planned, committed) in &round.started {
        let late_s = (committed - planned).max(0) as f64 / 1_000.0;
        metrics::histogram!("comms_schedule_lateness_seconds").record(late_s);
    }
}
