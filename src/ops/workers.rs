//! Draining one worker: it finishes what it has in hand, hands the rest back, and ends.

use serde::Serialize;

use super::{Ops, OpsError, Worker, command::command, wording::count};
use crate::queue::operate;

/// What would be done, and what it means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrainPlan {
    pub worker: Worker,
    /// Other live workers of the same service, which get what it hands back.
    pub others: usize,
    /// What an operator should know first.
    pub warnings: Vec<String>,
    /// The command for redis-cli that would do the same.
    pub command: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrainReport {
    pub worker: String,
    /// The deed is in the audit.
    pub audited: bool,
}

impl Ops {
    /// Looks at a worker, and at who does its work afterwards.
    ///
    /// # Errors
    /// When there is no such worker, or it is gone or draining already.
    pub async fn plan_drain(&self, name: &str) -> Result<DrainPlan, OpsError> {
        let workers = self.workers().await?;
        let Some(worker) = workers.iter().find(|w| w.name == name) else {
            return Err(OpsError::NotFound(format!(
                "there is no worker {name:?}; comms-tui workers lists them"
            )));
        };
        if !worker.live {
            return Err(OpsError::Conflict(format!("{name} is gone already")));
        }
        if worker.info.state == "draining" {
            return Err(OpsError::Conflict(format!("{name} is draining already")));
        }
        let service = &worker.info.service;
        let stays = |w: &&Worker| {
            w.live && w.name != name && w.info.service == *service && w.info.state != "draining"
        };
        let others = workers.iter().filter(stays).count();
        let mut warnings = Vec::new();
        if others == 0 {
            warnings.push(format!(
                "it is the only {service}: its work waits until one is started again"
            ));
        }
        Ok(DrainPlan {
            others,
            warnings,
            command: command(["HSET", &self.redis.keys().workers_drain(), name, &self.who]),
            worker: worker.clone(),
        })
    }

    /// Tells the worker of a plan; its next heartbeat reads it, and then it drains as after SIGTERM.
    ///
    /// # Errors
    /// When this process is read-only, Redis is away, or the worker went or was told meanwhile.
    pub async fn drain(&self, plan: &DrainPlan) -> Result<DrainReport, OpsError> {
        self.may_write()?;
        let name = &plan.worker.name;
        self.plan_drain(name).await?;
        operate::ask_to_drain(&self.redis, name, &self.who).await?;
        let info = &plan.worker.info;
        let before = format!(
            "{} {}, {} in hand",
            info.service,
            info.state,
            count(info.in_hand)
        );
        let ids = [name.clone()];
        let after = "told to drain".to_owned();
        let audited = self
            .record(
                "worker.drain",
                &ids,
                before,
                after,
                std::slice::from_ref(&plan.command),
            )
            .await;
        Ok(DrainReport {
            worker: name.clone(),
            audited,
        })
    }
}
