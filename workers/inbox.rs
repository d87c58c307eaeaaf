//! inbox: a development mail server.
//!
//! Takes mails by SMTP on `COMMS_INBOX_SMTP_ADDR`, shows them on `COMMS_HTTP_ADDR` (127.0.0.1:9000).

use anyhow::Result;
use clap::Parser;
use comms::{
    config::{Config, Layers},
    inbox::Inbox,
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A development mail server: takes every mail by SMTP and shows it on a web page and by Inbucket's REST API.
///
/// Settings come from comms.toml and the environment: COMMS_INBOX_SMTP_ADDR (127.0.0.1:2500),
/// COMMS_HTTP_ADDR (127.0.0.1:9000), COMMS_INBOX_BYTES (256000000), COMMS_LOG (info).
#[derive(Debug, Parser)]
#[command(name = "inbox", version)]
struct Arguments {}

#[expect(
    clippy::print_stderr,
    reason = "the error of the process is printed once, here"
)]
fn main() -> std::process::ExitCode {
    Arguments::parse();
    match start() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("inbox: {err:#}");
            std::process::ExitCode::from(2)
        }
    }
}

fn start() -> Result<()> {
    let layers = Layers::read()?;
    let (filter, json) = layers.log();
    telemetry::log_to_stderr(&filter, json)?;
    run(&layers.build()?)
}

// One thread takes as many mails as two that wake each other, and leaves the other cores to the senders.
#[tokio::main(flavor = "current_thread")]
async fn run(config: &Config) -> Result<()> {
    let inbox = Inbox::bind(config).await?;
    tracing::info!(
        "taking mails by SMTP on {}, showing them on http://{}",
        inbox.smtp_addr()?,
        inbox.http_addr()?
    );
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopper = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stopper.cancel();
    });
    inbox.run(stop).await
}
