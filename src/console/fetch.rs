//! Does what the model asks for, each in its own task; the answers come back as messages. Nothing here is
//! awaited by the loop. A look has a time limit. A change, once begun, is never dropped: its outcome and its
//! line in the audit would be lost; each of its calls to Redis and SQL has a limit of its own.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::Sender, time::timeout};
use tokio_util::task::TaskTracker;

use super::{
    change::{make, place},
    claimed::Reports,
    data::{Data, Query},
    message::{Cmd, Failure, Letters, Msg, Wanted},
    model::View,
    screens::{held, pending},
};
use crate::ops::{
    DeadFilter, DeliveryFilter, Ops, OpsError, SettlePlan, SettleRequest, Status, StoredTemplate,
    StuckEntry, grouped, look_ahead,
};

const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// Of plans, and of looks that read whole streams or tables.
const LONG_LOOK_LIMIT: Duration = Duration::from_secs(15);
const CAMPAIGNS: usize = 20;
const STUCK: usize = 200;
/// Entries on a page of a stream or of a pending list.
pub(super) const PAGE: usize = 200;
/// Dead letters of a cause: a bulk action takes those that are shown.
pub(super) const LETTERS: usize = 1_000;
/// Campaigns and changes listed.
pub(super) const LISTED: usize = 100;
/// Schedules listed.
pub(super) const SCHEDULES: u32 = 200;
/// Mails listed.
pub(super) const MAILS: usize = 200;

pub(super) struct Fetcher {
    ops: Arc<Ops>,
    replies: Sender<Msg>,
    /// Changes under way; leaving waits for them.
    changes: TaskTracker,
}

impl Fetcher {
    pub(super) fn new(ops: Arc<Ops>, replies: Sender<Msg>, changes: TaskTracker) -> Self {
        Self {
            ops,
            replies,
            changes,
        }
    }

    /// Starts a command; `Switch`, `Suspend` and `Quit` are the loop's own.
    pub(super) fn start(&self, cmd: Cmd) {
        let ops = Arc::clone(&self.ops);
        let replies = self.replies.clone();
        let changes = matches!(
            cmd,
            Cmd::Create { .. } | Cmd::Claim { .. } | Cmd::Change { .. } | Cmd::TestWords { .. }
        );
        let task = async move {
            if let Some(msg) = answer(&ops, cmd).await {
                // Nobody listens any more when the console has been left.
                let _ = replies.send(msg).await;
            }
        };
        if changes {
            self.changes.spawn(task);
        } else {
            tokio::spawn(task);
        }
    }
}

async fn limited<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, OpsError>>,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure {
            away: true,
            text: format!("no answer in {} s", limit.as_secs()),
        }),
    }
}

async fn answer(ops: &Ops, cmd: Cmd) -> Option<Msg> {
    Some(match cmd {
        Cmd::Fetch {
            view: View::Status,
            generation,
        } => {
            let status = limited(LOOK_LIMIT, look(ops)).await;
            Msg::Status(generation, status.map(Box::new))
        }
        Cmd::Fetch {
            view: View::Campaigns,
            generation,
        } => Msg::Campaigns(
            generation,
            limited(LOOK_LIMIT, ops.campaigns(CAMPAIGNS)).await,
        ),
        Cmd::Ask {
            page,
            generation,
            query,
        } => Msg::Page {
            page,
            generation,
            result: limited(limit_of(&query), data(ops, query)).await,
        },
        Cmd::Change { dialog, change } => {
            Msg::Changed(dialog, make(ops, change).await.map_err(Failure::from))
        }
        Cmd::SetReadOnly(read_only) => {
            ops.set_read_only(read_only);
            return None;
        }
        Cmd::CountAudience { dialog } => {
            Msg::Audience(dialog, limited(LONG_LOOK_LIMIT, ops.audience()).await)
        }
        Cmd::ListTemplates { dialog } => {
            // Without them, the built-in words can still be sent.
            let stored = limited(LOOK_LIMIT, ops.templates())
                .await
                .unwrap_or_default();
            let name = |t: StoredTemplate| format!("{}@{}", t.name, t.version);
            Msg::Templates(dialog, stored.into_iter().map(name).collect())
        }
        Cmd::LookAhead { dialog, when } => {
            let ahead = look_ahead(&when).map_err(Failure::from);
            Msg::Ahead(dialog, when, ahead)
        }
        Cmd::Preview {
            dialog,
            schedule,
            words,
            user,
        } => {
            let id = (user > 1).then_some(user);
            let mail = ops.preview(schedule, &words, id);
            let mail = limited(LONG_LOOK_LIMIT, mail).await;
            Msg::Previewed(dialog, user, mail)
        }
        Cmd::TestWords {
            dialog,
            schedule,
            words,
            user,
            to,
        } => {
            let id = (user > 1).then_some(user);
            let mail = ops.test_words(schedule, &words, &to, id).await;
            Msg::TestSent(dialog, mail.map_err(Failure::from))
        }
        Cmd::Create { dialog, order } => {
            Msg::Created(dialog, place(ops, order).await.map_err(Failure::from))
        }
        Cmd::PlanClaim {
            dialog,
            part,
            request,
        } => Msg::Planned {
            dialog,
            part,
            plan: limited(LONG_LOOK_LIMIT, ops.plan_claim(&request)).await,
        },
        Cmd::PlanClaimAll {
            dialog,
            part,
            request,
            wanted,
        } => {
            let passes = |stuck: &StuckEntry| listed(&wanted, stuck);
            let (consumer, bodies) = (wanted.consumer.as_deref(), !wanted.filter.is_empty());
            let plan = ops.plan_claim_stuck(&request, consumer, bodies, &passes);
            let plan = limited(LONG_LOOK_LIMIT, plan).await;
            Msg::Planned { dialog, part, plan }
        }
        Cmd::PlanRetry {
            dialog,
            campaign,
            users,
        } => {
            let filter = DeliveryFilter {
                users,
                ..DeliveryFilter::default()
            };
            let plan = ops.plan_retry(campaign, &filter);
            Msg::RetryPlanned(dialog, limited(LONG_LOOK_LIMIT, plan).await)
        }
        Cmd::PlanGroup {
            dialog,
            stream,
            group,
            verb,
        } => Msg::GroupPlanned(
            dialog,
            limited(LONG_LOOK_LIMIT, ops.plan_group(&stream, &group, verb)).await,
        ),
        Cmd::PlanLetters {
            dialog,
            filter,
            asked,
        } => {
            let plan = async {
                match &asked {
                    Letters::Replay { edited } => ops.plan_replay(&filter, edited.as_deref()).await,
                    Letters::Drop => ops.plan_drop(&filter).await,
                }
            };
            Msg::LettersPlanned(dialog, limited(LONG_LOOK_LIMIT, plan).await)
        }
        Cmd::PlanDrain { dialog, worker } => Msg::DrainPlanned(
            dialog,
            limited(LONG_LOOK_LIMIT, ops.plan_drain(&worker)).await,
        ),
        Cmd::PlanSettle { dialog, requests } => {
            let plans = limited(LONG_LOOK_LIMIT, plan_settle(ops, &requests)).await;
            Msg::SettlePlanned(dialog, plans)
        }
        Cmd::Claim { dialog, plans } => {
            let mut reports = Vec::new();
            for plan in &plans {
                reports.push(ops.claim(plan).await.map_err(Failure::from));
            }
            Msg::Claimed(dialog, reports)
        }
        Cmd::LookAfterClaim { dialog, reports } => {
            Msg::ClaimLeft(dialog, limited(LOOK_LIMIT, left(ops, &reports)).await)
        }
        Cmd::Copy(_) | Cmd::Switch(_) | Cmd::Suspend | Cmd::Quit => return None,
    })
}

/// The list would show it.
fn listed(wanted: &Wanted, stuck: &StuckEntry) -> bool {
    if wanted.filter.is_empty() && !wanted.faults_only {
        return true;
    }
    match wanted.consumer {
        None => {
            let row = pending::row(0, stuck, wanted.visibility_ms);
            row.passes(&wanted.filter, wanted.faults_only, &pending::COLUMNS)
        }
        Some(_) => {
            let row = held::row(0, &stuck.entry, wanted.visibility_ms);
            row.passes(&wanted.filter, wanted.faults_only, &held::COLUMNS)
        }
    }
}

/// What a list asked for.
async fn data(ops: &Ops, query: Query) -> Result<Data, OpsError> {
    Ok(match query {
        Query::Stuck { all: false } => Data::Stuck(ops.stuck(STUCK).await?),
        Query::Stuck { all: true } => Data::Stuck(ops.stuck_anywhere(STUCK).await?),
        Query::Streams(watch) => Data::Streams(ops.stream_table(&watch).await?),
        Query::Campaigns => Data::Campaigns(ops.campaigns(LISTED).await?),
        Query::Campaign { id } => {
            let view = ops.show(id).await?;
            Data::Campaign(Box::new(view), ops.failures(id).await?)
        }
        Query::Failed { campaign, group } => {
            Data::Failed(ops.failed_for(campaign, &group, PAGE).await?)
        }
        Query::DeadGroups => {
            let found = ops.dead_letters(&DeadFilter::default()).await?;
            Data::DeadGroups(grouped(&found.letters), found.more)
        }
        Query::Letters(filter) => {
            let mut found = ops.dead_letters(&filter).await?;
            found.letters.truncate(LETTERS);
            Data::Letters(found.letters)
        }
        Query::Letter { stream, id } => {
            Data::Letter(Box::new(ops.dead_letter(&stream, &id).await?))
        }
        Query::Trace { campaign, user } => Data::Trace(Box::new(ops.trace(campaign, user).await?)),
        Query::Report { campaign } => Data::Report(Box::new(ops.campaign_report(campaign).await?)),
        Query::Deliveries { campaign, filter } => {
            Data::Deliveries(ops.deliveries(campaign, &filter, 0, PAGE as u32).await?)
        }
        Query::Schedules => Data::Schedules(ops.schedules(SCHEDULES, 0).await?),
        Query::Schedule { id } => Data::Schedule(Box::new(ops.schedule(id).await?)),
        Query::Audit => Data::Audit(ops.audit(LISTED).await?),
        Query::Secrets => Data::Secrets(Box::new(ops.secrets().await)),
        Query::Groups { stream } => Data::Groups(ops.groups(Some(&stream)).await?),
        Query::Entries {
            stream,
            newest,
            from,
            to,
        } => Data::Entries(ops.entries(&stream, newest, (&from, &to), PAGE).await?),
        Query::Held {
            stream,
            group,
            consumer,
        } => Data::Held(ops.held_by(&stream, &group, consumer, PAGE).await?),
        Query::Inbox { search } => {
            let search = Some(search.as_str()).filter(|s| !s.is_empty());
            Data::Inbox(ops.inbox_list(None, search, MAILS).await?)
        }
        Query::Mail { mailbox, id } => Data::Mail(Box::new(ops.inbox_whole(&mailbox, &id).await?)),
        Query::Log { service, host } => Data::Log(ops.log_of(&service, &host).await?),
    })
}

async fn plan_settle(ops: &Ops, requests: &[SettleRequest]) -> Result<Vec<SettlePlan>, OpsError> {
    let mut plans = Vec::with_capacity(requests.len());
    for request in requests {
        plans.push(ops.plan_settle(request).await?);
    }
    Ok(plans)
}

/// Whole streams are read for a trace.
fn limit_of(query: &Query) -> Duration {
    match query {
        Query::Trace { .. }
        | Query::Campaign { .. }
        | Query::Report { .. }
        | Query::Deliveries { .. }
        | Query::Failed { .. } => LONG_LOOK_LIMIT,
        _ => LOOK_LIMIT,
    }
}

/// The first question after an outage may be answered with the failure of the last reconnect; the
/// second one waits for a new connection.
async fn look(ops: &Ops) -> Result<Status, OpsError> {
    match ops.status().await {
        Err(error) if error.is_away() => ops.status().await,
        other => other,
    }
}

/// How many of the claimed entries are still held by those who got them.
async fn left(ops: &Ops, reports: &Reports) -> Result<usize, OpsError> {
    let mut sum = 0;
    for report in reports.iter().flatten() {
        sum += ops.claim_left(report).await?;
    }
    Ok(sum)
}
