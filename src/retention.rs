//! Forgets what is older than `COMMS_RETENTION_DAYS`: deliveries of campaigns that have ended, single mails,
//! the history of schedules, and dead letters. Several may run at once.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    event::STAGES,
    queue::{Redis, operate},
    store::Store,
};

const EVERY: Duration = Duration::from_secs(3_600);
/// Rows of one statement, so that senders never wait long for the database.
const PAGE: u32 = 1_000;
/// Between two pages, for the same reason.
const PAUSE: Duration = Duration::from_millis(20);

/// What one look has removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    pub deliveries: u64,
    pub mails: u64,
    pub fires: u64,
    pub dead_letters: u64,
}

/// Looks once an hour until shutdown. What fails is said, and done in the next hour.
pub async fn run(redis: Redis, store: Store, days: u32, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let before_ms = Timestamp::now().as_millisecond() - i64::from(days) * 86_400_000;
        let done = tokio::select! {
            done = forget(&redis, &store, before_ms) => done,
            () = shutdown.cancelled() => return,
        };
        match done {
            Ok(gone) if gone == Forgotten::default() => {}
            Ok(gone) => tracing::info!(
                deliveries = gone.deliveries,
                mails = gone.mails,
                fires = gone.fires,
                dead_letters = gone.dead_letters,
                "removed what is older than {days} days"
            ),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "old deliveries are kept for another hour");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Removes all that ended before `before_ms`, page by page.
///
/// # Errors
/// When SQL or Redis fails; what was removed until then stays removed.
pub async fn forget(redis: &Redis, store: &Store, before_ms: i64) -> Result<Forgotten> {
    let mut gone = Forgotten::default();
    loop {
        let rows = store.prune_deliveries(before_ms, PAGE).await?;
        let mails = store.prune_mails(before_ms, PAGE).await?;
        let fires = store.prune_fires(before_ms, PAGE).await?;
        gone.deliveries += rows;
        gone.mails += mails;
        gone.fires += fires;
        if rows + mails + fires == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    for (stream, _) in STAGES {
        gone.dead_letters += operate::forget_letters(redis, stream, before_ms).await?;
    }
    Ok(gone)
}
