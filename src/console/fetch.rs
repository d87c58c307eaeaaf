//! Does what the model asks for, each in its own task with a time limit; the answers come back as
//! messages. Nothing here is awaited by the loop.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::Sender, time::timeout};
use tokio_util::task::TaskTracker;

use super::{
    data::{Data, Query},
    message::{Change, Cmd, Failure, Msg},
    model::View,
};
use crate::ops::{ClaimReport, Ops, OpsError, Status};

const LOOK_LIMIT: Duration = Duration::from_secs(3);
/// A change is not given up early: its outcome would be unknown.
const CHANGE_LIMIT: Duration = Duration::from_secs(15);
const CAMPAIGNS: usize = 20;
const STUCK: usize = 200;
/// Entries on a page of a stream or of a pending list.
pub(super) const PAGE: usize = 200;
/// Mails listed.
pub(super) const MAILS: usize = 200;

pub(super) struct Fetcher {
    ops: Arc<Ops>,
    replies: Sender<Msg>,
    /// Changes under way; leaving waits for them.
    changes: TaskTracker,
}

impl Fetcher {
    pub(super) fn new(ops: Arc<Ops>, replies: Sender<Msg>) -> Self {
        Self {
            ops,
            replies,
            changes: TaskTracker::new(),
        }
    }

    /// Starts a command; `Suspend` and `Quit` are the loop's own.
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

    /// Waits for changes under way.
    pub(super) async fn settle(&self) {
        self.changes.close();
        let _ = timeout(CHANGE_LIMIT, self.changes.wait()).await;
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
            result: limited(LOOK_LIMIT, data(ops, query)).await,
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
        Cmd::Create { dialog, new } => {
            let view = limited(CHANGE_LIMIT, ops.create(new)).await;
            Msg::Created(dialog, view.map(Box::new))
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
        Cmd::Copy(_) | Cmd::Suspend | Cmd::Quit => return None,
    })
}

/// What a list asked for.
async fn data(ops: &Ops, query: Query) -> Result<Data, OpsError> {
    Ok(match query {
        Query::Stuck => Data::Stuck(ops.stuck(STUCK).await?),
        Query::Streams(watch) => Data::Streams(ops.stream_table(&watch).await?),
        Query::Groups { stream } => Data::Groups(ops.groups(Some(&stream)).await?),
        Query::Entries {
            stream,
            newest,
            from,
        } => Data::Entries(ops.entries(&stream, newest, &from, PAGE).await?),
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
        Query::Log { service, .. } => Data::Log(ops.log_of(&service).await?),
    })
}

/// Makes a change that was confirmed; says what became of each id.
async fn make(ops: &Ops, change: Change) -> Result<Vec<(String, String, bool)>, OpsError> {
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
        Change::Unlock => Ok(Vec::new()),
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

async fn left(ops: &Ops, reports: &[ClaimReport]) -> Result<usize, OpsError> {
    let mut sum = 0;
    for report in reports {
        sum += ops.claim_left(report).await?;
    }
    Ok(sum)
}
