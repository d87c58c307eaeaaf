//! Does what the model asks for, each in its own task with a time limit; the answers come back as
//! messages. Nothing here is awaited by the loop.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::Sender, time::timeout};
use tokio_util::task::TaskTracker;

use super::{
    claimed::Reports,
    data::{Data, Query},
    message::{Change, Cmd, Failure, Made, Msg, Order, ScheduleVerb, Wanted},
    model::View,
    screens::{held, pending},
};
use crate::ops::{
    AgainReport, CampaignView, DeadAction, DeadFilter, DeadPlan, DeadReport, DeliveryFilter,
    DeliveryStatus, Ops, OpsError, PlannedLetter, Status, StoredTemplate, StuckEntry, grouped,
    look_ahead,
    wording::{count, dead_outcome},
};

const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// A change is not given up early: its outcome would be unknown.
const CHANGE_LIMIT: Duration = Duration::from_secs(15);
const CAMPAIGNS: usize = 20;
const STUCK: usize = 200;
/// Entries on a page of a stream or of a pending list.
pub(super) const PAGE: usize = 200;
/// Dead letters of a cause: a bulk action takes those that are shown.
pub(super) const LETTERS: usize = 1_000;
/// Recipients that are named after they were sent to again.
const RETRIED: usize = 1_000;
/// Campaigns and changes listed.
pub(super) const LISTED: usize = 100;
/// How long a canary may take.
const CANARY_LIMIT: Duration = Duration::from_secs(10);
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
            Cmd::Create { .. } | Cmd::Claim { .. } | Cmd::Change { .. }
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

/// Waits for changes under way.
pub(super) async fn settle(changes: &TaskTracker) {
    changes.close();
    let _ = timeout(CHANGE_LIMIT, changes.wait()).await;
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
            Msg::Changed(dialog, limited(CHANGE_LIMIT, make(ops, change)).await)
        }
        Cmd::SetReadOnly(read_only) => {
            ops.set_read_only(read_only);
            return None;
        }
        Cmd::CountAudience { dialog } => {
            Msg::Audience(dialog, limited(CHANGE_LIMIT, ops.audience()).await)
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
            let mail = async {
                match schedule {
                    Some(schedule) => ops.preview_schedule(schedule, &words, id).await,
                    None => ops.preview(&words, id).await,
                }
            };
            let mail = limited(CHANGE_LIMIT, mail).await;
            Msg::Previewed(dialog, user, mail)
        }
        Cmd::Create { dialog, order } => {
            Msg::Created(dialog, limited(CHANGE_LIMIT, place(ops, order)).await)
        }
        Cmd::PlanClaim {
            dialog,
            part,
            request,
        } => Msg::Planned {
            dialog,
            part,
            plan: limited(CHANGE_LIMIT, ops.plan_claim(&request)).await,
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
            let plan = limited(CHANGE_LIMIT, plan).await;
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
            Msg::RetryPlanned(dialog, limited(CHANGE_LIMIT, plan).await)
        }
        Cmd::PlanGroup {
            dialog,
            stream,
            group,
            verb,
        } => Msg::GroupPlanned(
            dialog,
            limited(CHANGE_LIMIT, ops.plan_group(&stream, &group, verb)).await,
        ),
        Cmd::Claim { dialog, plans } => {
            let mut reports = Vec::new();
            for plan in &plans {
                reports.push(limited(CHANGE_LIMIT, ops.claim(plan)).await);
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
        Query::Mail { mailbox, id } => Data::Mail(Box::new(ops.inbox_show(&mailbox, &id).await?)),
        Query::Log { service, host } => Data::Log(ops.log_of(&service, &host).await?),
    })
}

async fn place(ops: &Ops, order: Order) -> Result<Made, OpsError> {
    let schedule = match order {
        Order::Campaign(new) => {
            let view = ops.create(*new).await?;
            return Ok(Made::Campaign(Box::new(view)));
        }
        Order::Schedule(None, asked) => ops.create_schedule(*asked).await?,
        Order::Schedule(Some(id), asked) => ops.edit_schedule(id, *asked).await?,
    };
    Ok(Made::Schedule(Box::new(schedule)))
}

/// What became of each id: id, outcome, and whether it is good.
type Outcomes = Vec<(String, String, bool)>;

/// Makes a change that was confirmed; says what became of each id.
async fn make(ops: &Ops, change: Change) -> Result<Outcomes, OpsError> {
    match change {
        Change::PauseCampaigns(ids) => {
            let mut outcomes = Vec::new();
            for id in ids {
                let (text, good) = match ops.pause(id).await {
                    Ok(view) => (view.status, true),
                    Err(error) => (Failure::from(error).text, false),
                };
                outcomes.push((format!("campaign {id}"), text, good));
            }
            Ok(outcomes)
        }
        Change::ResumeCampaign(id) => steered(id, ops.resume(id).await),
        Change::CancelCampaign(id) => steered(id, ops.cancel(id).await),
        Change::RetryFailed(plan) => Ok(retried(&ops.retry_failed(&plan).await?)),
        Change::ReplayLetters {
            filter,
            canary,
            edited,
        } => replay(ops, &filter, canary, edited.as_deref()).await,
        Change::DropLetters(filter) => {
            let plan = ops.plan_drop(&filter).await?;
            Ok(outcomes(&ops.drop_dead(&plan).await?))
        }
        Change::Schedule(verb, id) => {
            let text = match verb {
                ScheduleVerb::Pause => ops.pause_schedule(id).await?.status,
                ScheduleVerb::Resume => ops.resume_schedule(id).await?.status,
                ScheduleVerb::Run => format!("campaign {}", ops.run_schedule(id).await?.id),
                ScheduleVerb::Remove => {
                    ops.remove_schedule(id).await?;
                    "removed".to_owned()
                }
            };
            Ok(vec![(format!("schedule {id}"), text, true)])
        }
        Change::TestSend { campaign, to } => {
            let mail = ops.test_send(campaign, &to, None).await?;
            Ok(vec![(to, format!("queued as mail {mail}"), true)])
        }
        Change::Group(plan) => {
            let results = ops.change_group(&plan).await?;
            let outcome = results.into_iter().map(|r| (r.source.key, r.text, r.done));
            Ok(outcome.collect())
        }
        Change::Drain(name) => {
            ops.drain(&name).await?;
            let told = "told; its next heartbeat reads it".to_owned();
            Ok(vec![(name, told, true)])
        }
        Change::Unlock => Ok(Vec::new()),
    }
}

fn steered(id: i64, done: Result<CampaignView, OpsError>) -> Result<Outcomes, OpsError> {
    Ok(vec![(format!("campaign {id}"), done?.status, true)])
}

/// Replays letters; with a canary the first one alone, and the rest only when its mail was accepted.
async fn replay(
    ops: &Ops,
    filter: &DeadFilter,
    canary: bool,
    edited: Option<&str>,
) -> Result<Outcomes, OpsError> {
    let mut plan = ops.plan_replay(filter, edited).await?;
    let mut done = Vec::new();
    for id in &plan.absent {
        done.push((
            id.clone(),
            "it is no dead letter any more".to_owned(),
            false,
        ));
    }
    if canary {
        let goes = |item: &PlannedLetter| matches!(item.action, DeadAction::Requeue { .. });
        let Some(first) = plan.items.iter().position(goes) else {
            let why = "none of these goes through the ledger, so none can be the first";
            return Err(OpsError::Conflict(why.to_owned()));
        };
        let first = plan.items.remove(first);
        let alone = DeadPlan {
            items: vec![first.clone()],
            ..DeadPlan::default()
        };
        let report = ops.replay_dead(&alone).await?;
        done.extend(outcomes(&report));
        let status = ops.await_canary(&first, CANARY_LIMIT).await?;
        if report.done() == 0 || status != DeliveryStatus::Accepted {
            let text = format!("stays: the first one is {status}");
            let rest = plan.items.iter().map(|item| item.letter.letter.id.clone());
            done.extend(rest.map(|id| (id, text.clone(), false)));
            return Ok(done);
        }
    }
    done.extend(outcomes(&ops.replay_dead(&plan).await?));
    Ok(done)
}

/// The sums, then each recipient, those who were passed over first; of many not all.
fn retried(report: &AgainReport) -> Outcomes {
    let (queued, over) = (report.deliveries, report.passed_over);
    let campaign = format!("campaign {}", report.campaign.id);
    let text = format!("{} queued again", count(queued));
    let mut lines = vec![(campaign, text, queued > 0)];
    if over > 0 {
        let text = format!("{} not failed any more: nothing was done", count(over));
        lines.push((String::new(), text, false));
    }
    let of = |wanted| {
        report
            .outcomes
            .iter()
            .filter(move |(_, queued)| *queued == wanted)
    };
    let each = of(false).chain(of(true)).take(RETRIED);
    lines.extend(each.map(|(user, queued)| {
        let text = match queued {
            true => "queued again",
            false => "not failed any more",
        };
        (format!("user {user}"), text.to_owned(), *queued)
    }));
    lines
}

fn outcomes(report: &DeadReport) -> Outcomes {
    let results = report.results.iter();
    results
        .map(|r| (r.id.clone(), dead_outcome(&r.outcome), r.outcome.is_done()))
        .collect()
}

/// Whole streams are read for a trace.
fn limit_of(query: &Query) -> Duration {
    match query {
        Query::Trace { .. }
        | Query::Campaign { .. }
        | Query::Report { .. }
        | Query::Deliveries { .. }
        | Query::Failed { .. } => CHANGE_LIMIT,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_tells_its_sums_and_then_whoever_was_passed_over_first() {
        let report = |outcomes: Vec<(i64, bool)>| {
            let queued = outcomes.iter().filter(|(_, queued)| *queued).count() as u64;
            retried(&AgainReport {
                deliveries: queued,
                passed_over: outcomes.len() as u64 - queued,
                outcomes,
                campaign: CampaignView {
                    id: 8,
                    ..CampaignView::default()
                },
            })
        };
        let lines = report(vec![(1, true), (2, false), (3, true)]);
        let texts: Vec<String> = lines
            .iter()
            .map(|(id, text, _)| format!("{id} {text}"))
            .collect();
        assert_eq!(
            texts,
            [
                "campaign 8 2 queued again",
                " 1 not failed any more: nothing was done",
                "user 2 not failed any more",
                "user 1 queued again",
                "user 3 queued again",
            ]
        );
        let good: Vec<bool> = lines.iter().map(|(.., good)| *good).collect();
        assert_eq!(good, [true, false, false, true, true]);
        let many = report((0..200_000).map(|user| (user, true)).collect());
        assert_eq!(
            (many[0].1.as_str(), many.len()),
            ("200\u{2009}000 queued again", 1 + RETRIED)
        );
    }
}
