//! Cancelled campaigns: what waits for another attempt ends at once, and then the totals are written.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Relay;
use crate::{
    event::STAGES,
    queue::{self, Hasten, Tally},
    store::Campaign,
};

/// Pages of waiting entries that are looked at in one round: others wait for the relay meanwhile.
const PAGES: usize = 10;
/// Between two passes over all that waits. An attempt that was under way may end as one that waits.
const PAUSE: Duration = Duration::from_secs(1);

/// A cancelled campaign of which something is open.
#[derive(Default)]
pub(super) struct Ending {
    hasten: Hasten,
    /// No pass begins before.
    not_before: Option<Instant>,
    /// When this pass began.
    since: Option<Instant>,
}

impl Relay {
    pub(super) async fn end(&mut self, campaign: &Campaign) -> Result<()> {
        if self.totalled.contains_key(&campaign.id) {
            return Ok(());
        }
        let id = campaign.id.to_string();
        let totals = Tally::read(&self.redis, &id).await?;
        if totals.open() != 0 {
            if totals.retrying > 0 {
                let ending = self.ending.entry(campaign.id).or_default();
                ending.hasten(&self.redis, &id).await?;
            }
            return Ok(());
        }
        self.ending.remove(&campaign.id);
        if totals.queued > 0 {
            self.store.write_totals(campaign.id, &totals).await?;
            queue::expire(&self.redis, &id).await?;
        }
        self.totalled.insert(campaign.id, Instant::now());
        Ok(())
    }
}

impl Ending {
    /// The mails become due, and the workers end them as they end all that is due of a cancelled campaign.
    async fn hasten(&mut self, redis: &queue::Redis, flow: &str) -> Result<()> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let streams = STAGES.map(|(stream, _)| stream);
        for _ in 0..PAGES {
            if self.hasten.step(redis, &streams, flow).await? {
                // Long passes over what nobody promotes are to cost Redis little.
                self.not_before = Some(Instant::now() + PAUSE.max(since.elapsed() * 5));
                self.since = None;
                break;
            }
        }
        Ok(())
    }
}
