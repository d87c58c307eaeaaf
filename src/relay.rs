//! What SQL has decided, told to Redis until both agree: fan-outs, statuses, ends.
//!
//! Several relays may run at once and each step may be repeated: the scripts decide.

mod cancelled;
mod replay;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    event::TURNS,
    queue::{self, FlowState, Redis, Started, Tally, Windows},
    store::{Campaign, CampaignStatus, OutboxKind, OutboxRow, Store},
};

/// How often SQL is asked when nobody wakes the relay.
const POLL: Duration = Duration::from_millis(100);
/// A fan-out that has not moved for that long gets its turn appended again, which is harmless.
const SILENT: Duration = Duration::from_secs(30);

/// What Redis may lose, and the time that it takes to come back, are shorter.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// A campaign that was cancelled longer ago has nothing left in Redis, in ms: keys of what ended last 7 days.
const CANCELLED_MS: i64 = 7 * 86_400_000;

/// Where a fan-out was seen last, and since when it stands there.
struct Seen {
    turn: u64,
    cursor: u64,
    since: Instant,
}

pub struct Relay {
    redis: Redis,
    store: Store,
    wake: Arc<Notify>,
    windows: Windows,
    fanouts: HashMap<(i64, u32), Seen>,
    replays: HashMap<(i64, u32), replay::Pass>,
    /// Cancelled campaigns whose totals are written, and since when.
    totalled: HashMap<i64, Instant>,
    /// Cancelled campaigns of which something is open.
    ending: HashMap<i64, cancelled::Ending>,
}

impl Relay {
    /// `wake` ends a pause early.
    pub fn new(redis: Redis, store: Store, wake: Arc<Notify>, windows: Windows) -> Self {
        Self {
            redis,
            store,
            wake,
            windows,
            fanouts: HashMap::new(),
            replays: HashMap::new(),
            totalled: HashMap::new(),
            ending: HashMap::new(),
        }
    }

    /// Relays until shutdown. Whatever fails is said once and tried again.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut said = String::new();
        while !shutdown.is_cancelled() {
            match self.round().await {
                Ok(()) if !said.is_empty() => {
                    tracing::info!("the relay goes on");
                    said.clear();
                }
                Ok(()) => {}
                Err(error) => {
                    let text = format!("{error:#}");
                    if text != said {
                        tracing::warn!(error = %text, "the relay waits and tries again");
                        said = text;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.wake.notified() => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn round(&mut self) -> Result<()> {
        for campaign in self.store.unmirrored().await? {
            mirror(&self.redis, &self.store, &campaign).await?;
        }
        let rows = self.store.open_outbox().await?;
        for row in &rows {
            match row.kind {
                OutboxKind::Fanout => self.fan_out(row).await?,
                OutboxKind::Replay => self.replay(row).await?,
            }
        }
        let busy: HashSet<i64> = rows.iter().map(|row| row.campaign_id).collect();
        let since_ms = Timestamp::now().as_millisecond() - CANCELLED_MS;
        for campaign in self.store.live_campaigns(since_ms).await? {
            self.remind(&campaign).await?;
            match campaign.status {
                CampaignStatus::Running => self.finish(&campaign).await?,
                CampaignStatus::Cancelled if !busy.contains(&campaign.id) => {
                    self.end(&campaign).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A Redis that has lost its last second, or that a replica took over from, may have forgotten a pause or
    /// a cancellation that it was told of, and would go on sending.
    async fn remind(&self, campaign: &Campaign) -> Result<()> {
        let settled = self
            .totalled
            .get(&campaign.id)
            .is_some_and(|since| since.elapsed() >= FORGOTTEN);
        if settled {
            return Ok(());
        }
        let known = queue::revision(&self.redis, &campaign.id.to_string()).await?;
        if known.is_some_and(|known| known < campaign.mirrored_revision) {
            tracing::warn!(campaign.id, status = %campaign.status.as_str(), "redis has forgotten the campaign's status; it is told again");
            mirror(&self.redis, &self.store, campaign).await?;
        }
        Ok(())
    }

    /// Starts a partition's fan-out, and keeps its row open until it is complete.
    async fn fan_out(&mut self, row: &OutboxRow) -> Result<()> {
        let Some(campaign) = self.store.campaign(row.campaign_id).await? else {
            return Ok(());
        };
        let key = (row.campaign_id, row.partition);
        if campaign.status == CampaignStatus::Cancelled {
            self.fanouts.remove(&key);
            self.store.close_outbox(row).await?;
            return Ok(());
        }
        let again = self
            .fanouts
            .get(&key)
            .is_some_and(|seen| seen.since.elapsed() >= SILENT);
        let id = campaign.id.to_string();
        let started = queue::start(
            &self.redis,
            row.partition,
            TURNS,
            &state(&campaign, &id),
            again,
        )
        .await?;
        match started {
            Started::Started => {
                tracing::info!(campaign.id, partition = row.partition, "fan-out started");
                let partitions = self.redis.keys().partitions();
                self.store
                    .forget_moves(campaign.id, row.partition, partitions)
                    .await?;
                self.store.mark_published(row).await?;
                // Its status may have changed since it was read, and then nobody could tell Redis.
                if let Some(campaign) = self.store.campaign(campaign.id).await? {
                    mirror(&self.redis, &self.store, &campaign).await?;
                }
            }
            Started::Complete => {
                tracing::info!(campaign.id, partition = row.partition, "fan-out complete");
                self.fanouts.remove(&key);
                self.store.close_outbox(row).await?;
            }
            Started::Halted => {
                self.fanouts.remove(&key);
            }
            Started::Open { turn, cursor } => {
                let seen = self.fanouts.entry(key).or_insert(Seen {
                    turn,
                    cursor,
                    since: Instant::now(),
                });
                if again || (seen.turn, seen.cursor) != (turn, cursor) {
                    *seen = Seen {
                        turn,
                        cursor,
                        since: Instant::now(),
                    };
                }
            }
        }
        Ok(())
    }

    /// Writes the end of a campaign whose fan-outs are complete and of which nothing is open.
    async fn finish(&self, campaign: &Campaign) -> Result<()> {
        let id = campaign.id.to_string();
        match queue::fan_outs(&self.redis, &id).await? {
            queue::FanOuts::Open => return Ok(()),
            queue::FanOuts::Missing(lost) => return self.reconcile(campaign, lost).await,
            queue::FanOuts::Complete => {}
        }
        let totals = Tally::read(&self.redis, &id).await?;
        if totals.open() != 0 || !totals.balanced() {
            return Ok(());
        }
        if self
            .store
            .finish_campaign(campaign.id, campaign.revision, &totals)
            .await?
        {
            tracing::info!(
                campaign.id,
                accepted = totals.accepted,
                failed = totals.failed,
                "campaign finished"
            );
            if let Some(campaign) = self.store.campaign(campaign.id).await? {
                mirror(&self.redis, &self.store, &campaign).await?;
            }
            queue::expire(&self.redis, &id).await?;
        }
        Ok(())
    }

    /// Redis has lost partitions of a campaign that SQL knows to have been started: they begin again from the
    /// ledger, where everybody who got the mail is written down. The others go on.
    async fn reconcile(&self, campaign: &Campaign, mut lost: Vec<u32>) -> Result<()> {
        // Not yet started, or being started again.
        for row in self.store.open_outbox().await? {
            if row.campaign_id == campaign.id && row.kind == OutboxKind::Fanout {
                lost.retain(|partition| *partition != row.partition);
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        let partitions = self.redis.keys().partitions();
        if campaign.queued > 0 {
            // It had finished, so everybody is in the ledger, and only what is open goes again.
            for partition in lost {
                self.restore(campaign, partition).await?;
            }
            return Ok(());
        }
        let reconciled = self
            .store
            .reconcile_campaign(campaign.id, campaign.epoch, &lost, partitions)
            .await?;
        if reconciled.is_some() {
            tracing::error!(
                campaign.id,
                partitions = ?lost,
                "redis has lost the campaign's state; it is reconciled with the ledger"
            );
        }
        Ok(())
    }
}

/// Tells every partition of a campaign's status, and SQL that it was told.
///
/// # Errors
/// When Redis or SQL is away; some partitions may have been told.
pub async fn mirror(redis: &Redis, store: &Store, campaign: &Campaign) -> Result<()> {
    let id = campaign.id.to_string();
    queue::set_status(redis, TURNS, &state(campaign, &id)).await?;
    store.mark_mirrored(campaign.id, campaign.revision).await?;
    Ok(())
}

fn state<'a>(campaign: &'a Campaign, id: &'a str) -> FlowState<'a> {
    FlowState {
        flow: id,
        status: campaign.status.as_str(),
        revision: campaign.revision,
        epoch: campaign.epoch,
        audience: campaign.audience,
    }
}
