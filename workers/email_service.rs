//! Sends one mail per entry, and writes down what became of it.
//!
//! reads `email-notification` (email.requested), emits nothing: results go to the ledger

use std::{process::ExitCode, sync::Arc, time::Duration};

use comms::{
    delivery::Delivery,
    event::{EmailRequested, Event},
    http::mails::{Mails, routes},
    store::Ledger,
    worker::{self, Worker},
};

const SERVICE: &str = "email-service";

fn main() -> ExitCode {
    worker::main(
        SERVICE,
        "Sends e-mails and keeps the ledger of deliveries",
        9082,
        run,
    )
}

async fn run(mut worker: Worker) -> anyhow::Result<()> {
    let store = worker.store().await?;
    let mails = Mails {
        store: store.clone(),
        redis: worker.redis.clone(),
    };
    let http = worker.serve(routes(mails));
    let ledger = Ledger::start(store.clone(), worker.presence.name().to_owned());
    let delivery = Arc::new(Delivery::start(&worker, store, ledger.clone())?);
    say_trouble(&worker, Arc::clone(&delivery));
    worker.consume(EmailRequested::STREAM, true, delivery).await;
    ledger.shutdown().await;
    http.await?;
    Ok(())
}

/// Tells the console once a second why no mails are sent, if so. The worker stays ready: it waits by itself.
fn say_trouble(worker: &Worker, delivery: Arc<Delivery>) {
    let (note, shutdown) = (worker.note(), worker.shutdown.clone());
    tokio::spawn(async move {
        while !shutdown.is_cancelled() {
            note(delivery.trouble());
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    });
}
