//! Deliveries that were decided on again: told to Redis until it has surely heard.
//!
//! A row stays open until all of its deliveries have ended, and is gone through again every two seconds: if
//! Redis comes back with an older copy of its data, what was told is told once more, and only then.

use std::{collections::HashMap, time::Duration, time::Instant};

use anyhow::Result;

use super::{Relay, mirror, state};
use crate::{
    event::{EmailRequested, Event, NotificationRequested, VERSION},
    queue::{self, Retold, Telling, Told, ToldState},
    store::{Campaign, CampaignStatus, DeliveryStatus, Move, OutboxRow},
};

const PAGE: u32 = 500;
const AGAIN: Duration = Duration::from_secs(2);

/// The last time that a row was gone through to its end.
pub(super) struct Pass {
    created_at_ms: i64,
    at: Instant,
}

impl Relay {
    pub(super) async fn replay(&mut self, row: &OutboxRow) -> Result<()> {
        let key = (row.campaign_id, row.partition);
        let passed = self.replays.get(&key).is_some_and(|pass| {
            pass.created_at_ms == row.created_at_ms && pass.at.elapsed() < AGAIN
        });
        if passed {
            return Ok(());
        }
        let campaign = match row.campaign_id {
            0 => None,
            id => match self.store.campaign(id).await? {
                Some(campaign) => Some(campaign),
                None => {
                    self.store.close_outbox(row).await?;
                    return Ok(());
                }
            },
        };
        if let Some(campaign) = &campaign
            && campaign.status == CampaignStatus::Cancelled
        {
            let why = "the campaign was cancelled";
            self.store
                .close_moves(campaign.id, None, DeliveryStatus::Cancelled, why)
                .await?;
        }
        match self.pass(row, campaign.as_ref()).await? {
            Passed::Cleared => {
                self.replays.remove(&key);
                self.store.close_outbox(row).await?;
            }
            Passed::Told => {
                let pass = Pass {
                    created_at_ms: row.created_at_ms,
                    at: Instant::now(),
                };
                self.replays.insert(key, pass);
            }
            Passed::Stopped => {}
        }
        Ok(())
    }

    async fn pass(&self, row: &OutboxRow, campaign: Option<&Campaign>) -> Result<Passed> {
        let (id, partitions) = (row.campaign_id, self.redis.keys().partitions());
        let mut after = 0;
        let mut open = false;
        loop {
            let moves = self
                .store
                .moves(id, row.partition, partitions, after, PAGE)
                .await?;
            let Some(last) = moves.last() else {
                return Ok(if open { Passed::Told } else { Passed::Cleared });
            };
            after = last.user;
            let Some(told) = self.tell(row, campaign, &moves).await? else {
                // Some were closed instead, since there is nobody to mail: they are read again.
                after = 0;
                continue;
            };
            // What was told just now is told again before it is forgotten.
            let over: Vec<&Move> = moves
                .iter()
                .zip(&told.known)
                .filter(|(moved, known)| **known && moved.status.is_closed())
                .map(|(moved, _)| moved)
                .collect();
            self.store.clear_moves(id, &over).await?;
            open |= over.len() < moves.len();
            match (told.state, campaign) {
                (ToldState::Done, _) => {}
                (ToldState::Paused, _) => return Ok(Passed::Told),
                (ToldState::Missing, Some(campaign)) => {
                    // One that never finished is fanned out again by `reconcile`.
                    if campaign.queued > 0 {
                        self.restore(campaign, row.partition).await?;
                    }
                    return Ok(Passed::Stopped);
                }
                (ToldState::Closed, Some(campaign)) => {
                    mirror(&self.redis, &self.store, campaign).await?;
                    return Ok(Passed::Stopped);
                }
                _ => return Ok(Passed::Stopped),
            }
        }
    }

    /// `None` when some could not be told because nobody is there to be mailed.
    async fn tell(
        &self,
        row: &OutboxRow,
        campaign: Option<&Campaign>,
        moves: &[Move],
    ) -> Result<Option<Told>> {
        let data = self.data(row, moves).await?;
        let gone: Vec<i64> = moves
            .iter()
            .filter(|m| m.status == DeliveryStatus::Queued && !data.contains_key(&m.user))
            .map(|m| m.user)
            .collect();
        if !gone.is_empty() {
            let (status, why) = (DeliveryStatus::Suppressed, "the user is gone");
            let closed = self
                .store
                .close_moves(row.campaign_id, Some(&gone), status, why)
                .await?;
            if closed > 0 {
                return Ok(None);
            }
        }
        let recipients: Vec<Retold> = moves
            .iter()
            .map(|m| Retold {
                id: m.user,
                round: m.round,
                from: m.from.as_str(),
                to: if m.status.is_closed() {
                    m.status.as_str()
                } else {
                    "in_flight"
                },
                data: data.get(&m.user).cloned().unwrap_or_default(),
            })
            .collect();
        let id = row.campaign_id.to_string();
        let flow = campaign.map(|campaign| state(campaign, &id));
        let (stream, kind) = match campaign {
            Some(_) => (NotificationRequested::STREAM, NotificationRequested::TYPE),
            None => (EmailRequested::STREAM, EmailRequested::TYPE),
        };
        let telling = Telling {
            flow: flow.as_ref(),
            partition: row.partition,
            stream,
            kind,
            windows: self.windows,
        };
        let told = queue::tell(&self.redis, telling, &recipients).await?;
        let new = told.known.iter().filter(|known| !**known).count();
        if new > 0 {
            tracing::info!(
                campaign.id = row.campaign_id,
                partition = row.partition,
                deliveries = new,
                "redis was told of deliveries that were decided on again"
            );
        }
        Ok(Some(told))
    }

    /// The data of each entry that is to be emitted, by user.
    async fn data(&self, row: &OutboxRow, moves: &[Move]) -> Result<HashMap<i64, String>> {
        let mut data = HashMap::new();
        let mut ids = Vec::new();
        for moved in moves.iter().filter(|m| !m.status.is_closed()) {
            match &moved.with {
                Some(edited) => {
                    data.insert(moved.user, edited.clone());
                }
                None => ids.push(moved.user),
            }
        }
        if row.campaign_id == 0 {
            for id in ids {
                if let Some(mail) = self.store.mail(id).await? {
                    let event = EmailRequested::single(id, mail.address, mail.name);
                    data.insert(id, event.to_data());
                }
            }
            return Ok(data);
        }
        for user in self.store.users(&ids).await? {
            let event = NotificationRequested {
                v: VERSION,
                user: user.id,
                email: user.email,
                first_name: user.first_name,
                last_name: user.last_name,
            };
            data.insert(user.id, event.to_data());
        }
        Ok(data)
    }

    /// Redis has forgotten a campaign that had finished: its counters come from the ledger, and what was on its
    /// way in that partition goes again.
    pub(super) async fn restore(&self, campaign: &Campaign, partition: u32) -> Result<()> {
        let partitions = self.redis.keys().partitions();
        self.store
            .replay_what_is_open(campaign.id, partition, partitions)
            .await?;
        let mut counters = Vec::new();
        let mut queued = 0;
        let counted = self.store.counted(campaign.id, partition, partitions);
        for (status, n) in counted.await? {
            counters.push((status.as_str(), n));
            queued += n;
        }
        counters.push(("queued", queued));
        let id = campaign.id.to_string();
        let made = queue::restore(&self.redis, partition, &state(campaign, &id), &counters).await?;
        if made {
            tracing::warn!(
                campaign.id,
                partition,
                "redis had forgotten the campaign; its counters were made again from the ledger"
            );
        }
        Ok(())
    }
}

/// How far a pass came.
enum Passed {
    /// To the end, and nothing is left.
    Cleared,
    /// To the end; some are still to be seen done.
    Told,
    /// Not to the end: again in the next round.
    Stopped,
}
