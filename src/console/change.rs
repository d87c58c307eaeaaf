//! Makes what was confirmed, and says what became of each id.

use super::message::{Change, Failure, Made, Order, ScheduleVerb};
use crate::ops::{
    AgainReport, CampaignView, DeadReport, Ops, OpsError, SettlePlan,
    wording::{count, dead_outcome, settle_outcome},
};

/// Recipients that are named after they were sent to again.
const RETRIED: usize = 1_000;

pub(super) async fn place(ops: &Ops, order: Order) -> Result<Made, OpsError> {
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
pub(super) async fn make(ops: &Ops, change: Change) -> Result<Outcomes, OpsError> {
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
        Change::ReplayLetters { plan, canary } => {
            let report = match canary {
                true => ops.replay_canary_first(&plan).await?,
                false => ops.replay_dead(&plan).await?,
            };
            Ok(outcomes(&report))
        }
        Change::DropLetters(plan) => Ok(outcomes(&ops.drop_dead(&plan).await?)),
        Change::Schedule(verb, id) => {
            let text = match verb {
                ScheduleVerb::Pause => ops.pause_schedule(id).await?.status,
                ScheduleVerb::Resume => ops.resume_schedule(id).await?.status,
                ScheduleVerb::Run => format!("campaign {}", ops.run_schedule(id, None).await?.id),
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
        Change::Settle(plans) => Ok(settled(ops, &plans).await),
        Change::Drain(plan) => {
            let report = ops.drain(&plan).await?;
            let told = "told; its next heartbeat reads it".to_owned();
            Ok(vec![(report.worker, told, true)])
        }
        Change::Unlock => Ok(Vec::new()),
    }
}

/// Of several groups each has its outcome, whatever became of the others.
async fn settled(ops: &Ops, plans: &[SettlePlan]) -> Outcomes {
    let mut outcomes = Vec::new();
    for plan in plans {
        match ops.settle(plan).await {
            Ok(report) => outcomes.extend(report.results.iter().map(|r| {
                let good = report.is_done(&r.outcome);
                (r.entry.id.clone(), settle_outcome(&r.outcome), good)
            })),
            Err(error) => {
                let text = format!("not tried: {}", Failure::from(error).text);
                let ids = plan.items.iter().map(|item| item.entry.id.clone());
                outcomes.extend(ids.map(|id| (id, text.clone(), false)));
            }
        }
    }
    outcomes
}

fn steered(id: i64, done: Result<CampaignView, OpsError>) -> Result<Outcomes, OpsError> {
    Ok(vec![(format!("campaign {id}"), done?.status, true)])
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
    let results = report.results.iter().map(|r| {
        let text = dead_outcome(&r.outcome);
        (r.id().to_string(), text, r.outcome.is_done())
    });
    let unwritten = ("audit".to_owned(), "not written".to_owned(), false);
    let unwritten = (!report.audited).then_some(unwritten);
    results.chain(unwritten).collect()
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
