//! Waiting for the database: said once, and gone on when it is back.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::store;

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Repeats `ask` until the database answers; `None` when the shutdown comes first.
pub async fn patiently<T, F>(
    what: &str,
    shutdown: &CancellationToken,
    ask: impl Fn() -> F,
) -> Option<T>
where
    F: Future<Output = sqlx::Result<T>>,
{
    let mut delay = FIRST_DELAY;
    let mut said = String::new();
    loop {
        let error = match ask().await {
            Ok(answer) => {
                if !said.is_empty() {
                    tracing::info!("the database is back: {what} goes on");
                }
                return Some(answer);
            }
            Err(error) => error,
        };
        let text = error.to_string();
        if text != said {
            if store::is_away(&error) {
                tracing::warn!(error = %text, "the database is away: {what} waits and tries again");
            } else {
                tracing::error!(error = %text, "the database refuses: {what} waits and tries again");
            }
            said = text;
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shutdown.cancelled() => return None,
        }
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}
