//! From a server's word to the ledger, and from there to the entry's outcome.

use std::{sync::Arc, time::Instant};

use tokio::{sync::mpsc, task::JoinSet};

use super::{Stage, Tag, WAIT_MS, closed};
use crate::{
    mail::Verdict,
    queue::{Closed, Outcome},
    store::{DeliveryResult, DeliveryStatus, InDoubt},
};

/// Results recorded in one statement, and statements under way at once.
const BATCH: usize = 256;
const RECORDING: usize = 2;

/// What to do with an entry once its result is recorded.
enum Next {
    Settle(Outcome),
    /// It was not sent, through no fault of the recipient's: once more, when a lane is free.
    Again,
}

/// Records verdicts until the lanes are gone.
pub(super) async fn run(stage: Arc<Stage>, mut verdicts: mpsc::Receiver<(Tag, Verdict)>) {
    let mut recording = JoinSet::new();
    let mut batch = Vec::with_capacity(BATCH);
    while verdicts.recv_many(&mut batch, BATCH).await > 0 {
        while recording.len() >= RECORDING {
            recording.join_next().await;
        }
        recording.spawn(Arc::clone(&stage).record(std::mem::take(&mut batch)));
    }
    while recording.join_next().await.is_some() {}
}

impl Stage {
    async fn record(self: Arc<Self>, batch: Vec<(Tag, Verdict)>) {
        let mut results = Vec::with_capacity(batch.len());
        let mut next = Vec::with_capacity(batch.len());
        for (tag, verdict) in &batch {
            let (result, then) = self.judge(tag, verdict);
            self.domains.note(&tag.domain, verdict, Instant::now());
            self.watch(tag, result.status).await;
            results.push(result);
            next.push(then);
        }
        let asked: Vec<DeliveryStatus> = results.iter().map(|r| r.status).collect();
        let Ok(found) = self.ledger.record(results).await else {
            for (tag, _) in batch {
                tag.work.settle(Outcome::HandBack).await;
            }
            return;
        };
        for (((tag, _), then), (asked, found)) in batch
            .into_iter()
            .zip(next)
            .zip(asked.into_iter().zip(found))
        {
            let then = if asked == found {
                then
            } else {
                let wait = Outcome::Wait { delay_ms: WAIT_MS };
                Next::Settle(closed(found).map_or(wait, Outcome::Done))
            };
            match then {
                Next::Settle(outcome) => tag.work.settle(outcome).await,
                Next::Again => self.take(tag.work).await,
            }
        }
    }

    fn judge(&self, tag: &Tag, verdict: &Verdict) -> (DeliveryResult, Next) {
        let attempt = tag.work.entry.attempt;
        let mut result = DeliveryResult {
            campaign: tag.campaign,
            user: tag.user,
            attempt,
            status: DeliveryStatus::Accepted,
            code: None,
            answer: None,
            due_at_ms: None,
            in_doubt: false,
        };
        let next = match verdict {
            Verdict::Accepted { code, text } => {
                result.code = Some(*code);
                result.answer = Some(text.clone());
                Next::Settle(Outcome::Done(Closed::Accepted))
            }
            Verdict::Refused { code, text, at } => {
                result.status = DeliveryStatus::Failed;
                result.code = Some(*code);
                result.answer = Some(text.clone());
                let reason = format!("refused at {at}: {code} {text}");
                Next::Settle(Outcome::Dead { reason })
            }
            Verdict::Deferred { code, text, at } => {
                result.code = Some(*code);
                result.answer = Some(text.clone());
                let reason =
                    format!("attempt {attempt} was the last, deferred at {at}: {code} {text}");
                self.again_later(
                    &mut result,
                    Outcome::Dead { reason },
                    DeliveryStatus::Failed,
                )
            }
            Verdict::InDoubt { why } => {
                result.in_doubt = true;
                result.answer = Some(why.clone());
                let held = Outcome::Done(Closed::InDoubt);
                if tag.content.in_doubt == InDoubt::Hold {
                    result.status = DeliveryStatus::InDoubt;
                    Next::Settle(held)
                } else {
                    self.again_later(&mut result, held, DeliveryStatus::InDoubt)
                }
            }
            Verdict::OwnFault { code, text, .. } => {
                result.code = *code;
                result.answer = Some(text.clone());
                result.status = DeliveryStatus::Queued;
                Next::Again
            }
            Verdict::NotSent { why } => {
                result.answer = Some(why.clone());
                result.status = DeliveryStatus::Queued;
                Next::Again
            }
        };
        (result, next)
    }

    /// Another attempt, or, when this was the last, `otherwise`.
    fn again_later(
        &self,
        result: &mut DeliveryResult,
        otherwise: Outcome,
        last: DeliveryStatus,
    ) -> Next {
        if result.attempt >= self.retry.attempts {
            result.status = last;
            return Next::Settle(otherwise);
        }
        let due_at_ms = self.presence.now_ms() + self.retry.delay_ms(result.attempt);
        result.status = DeliveryStatus::Retrying;
        result.due_at_ms = i64::try_from(due_at_ms).ok();
        Next::Settle(Outcome::Retry {
            due_at_ms,
            attempt: result.attempt + 1,
        })
    }

    /// Pauses a campaign of whose last mails half have failed.
    async fn watch(&self, tag: &Tag, status: DeliveryStatus) {
        metrics::counter!("comms_mails_total", "status" => status.as_str()).increment(1);
        let Some(reason) = self
            .failing
            .note(tag.campaign, tag.work.entry.round, status)
        else {
            return;
        };
        use crate::store::CampaignStatus::{Paused, Running};
        match self
            .store
            .set_status(tag.campaign, &[Running], Paused, Some(&reason))
            .await
        {
            Ok(Some(_)) => {
                tracing::error!(campaign.id = tag.campaign, %reason, "the campaign is paused")
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(campaign.id = tag.campaign, %error, %reason, "the campaign could not be paused")
            }
        }
    }
}
