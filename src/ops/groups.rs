//! Consumer groups made, moved and rid of consumers: a plan that says what it means, then the deed.

use serde::Serialize;

use super::{
    ConsumerView, GroupView, Ops, OpsError, command::command, is_ours, trimming, wording::duration,
};
use crate::queue::{
    inspect::{self, Source},
    operate,
};

/// What is to be done with a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum GroupVerb {
    /// A group that reads from `from` on: `0`, `$` or an id.
    Create { from: String },
    /// It goes on after that id.
    Setid { id: String },
    /// Removes a consumer that is gone; what it holds must have been claimed by others.
    DeleteConsumer { consumer: String },
}

impl GroupVerb {
    /// The command for redis-cli that would do the same.
    fn command(&self, key: &str, group: &str) -> String {
        match self {
            Self::Create { from } => command(["XGROUP", "CREATE", key, group, from, "MKSTREAM"]),
            Self::Setid { id } => command(["XGROUP", "SETID", key, group, id]),
            Self::DeleteConsumer { consumer } => {
                command(["XGROUP", "DELCONSUMER", key, group, consumer])
            }
        }
    }
}

/// What would be done, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupPlan {
    pub stream: String,
    pub group: String,
    #[serde(flatten)]
    pub verb: GroupVerb,
    pub sources: Vec<Source>,
    /// How it is now, a line a partition.
    pub before: Vec<String>,
    /// What an operator should know first.
    pub warnings: Vec<String>,
    /// The commands for redis-cli that would do the same.
    pub commands: Vec<String>,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupResult {
    pub source: Source,
    pub done: bool,
    /// Why not, or what was done.
    pub text: String,
}

impl Ops {
    /// Looks at the group and says what the verb would do to it.
    ///
    /// # Errors
    /// When there is no such stream or group or consumer, an id is none, the consumer lives or holds entries.
    pub async fn plan_group(
        &self,
        stream: &str,
        group: &str,
        verb: GroupVerb,
    ) -> Result<GroupPlan, OpsError> {
        let mut plan = GroupPlan {
            stream: stream.to_owned(),
            group: group.to_owned(),
            sources: self.sources(stream),
            before: Vec::new(),
            warnings: Vec::new(),
            commands: Vec::new(),
            verb,
        };
        if let GroupVerb::Create { from: id } | GroupVerb::Setid { id } = &plan.verb {
            check_id(id)?;
        }
        for source in plan.sources.clone() {
            let view = inspect::groups_of(&self.redis, source.clone()).await?;
            let found = view.groups.iter().find(|g| g.name == group);
            let key = &source.key;
            if let GroupVerb::Create { from: id } | GroupVerb::Setid { id } = &plan.verb
                && let Some(missed) = trimming::missed(&view, id)
            {
                plan.warnings.push(format!("{key}: {missed}"));
            }
            match (&plan.verb, found) {
                (GroupVerb::Create { .. }, None) => {
                    plan.before.push(format!("{key}: no group {group}"));
                    plan.commands.push(plan.verb.command(key, group));
                }
                (GroupVerb::Create { .. }, Some(_)) => {
                    return Err(OpsError::Conflict(format!("{key} has a group {group}")));
                }
                (_, None) => {
                    return Err(OpsError::NotFound(format!(
                        "stream {stream:?} has no group {group:?}"
                    )));
                }
                (GroupVerb::Setid { id }, Some(found)) => {
                    plan.before.push(format!(
                        "{key}: last delivered {}, {} pending",
                        found.last_delivered_id, found.pending
                    ));
                    plan.commands.push(plan.verb.command(key, group));
                    let warning = meaning(id, found);
                    plan.warnings.push(format!("{key}: {warning}"));
                }
                (GroupVerb::DeleteConsumer { consumer }, Some(found)) => {
                    let held = found.consumers.iter().find(|c| c.name == *consumer);
                    plan.before.push(match held {
                        Some(held) => format!("{key}: {consumer} holds {}", held.pending),
                        None => format!("{key}: no consumer {consumer}"),
                    });
                    if held.is_some() {
                        plan.commands.push(plan.verb.command(key, group));
                    }
                    if let Some(held) = held.filter(|held| !is_ours(stream) && self.reads(held)) {
                        return Err(OpsError::Conflict(format!(
                            "{consumer} still reads: the last time {} ago",
                            duration(held.idle_ms)
                        )));
                    }
                    if let Some(held) = held.filter(|held| held.pending > 0) {
                        return Err(OpsError::Conflict(format!(
                            "{consumer} holds {} entries, which would be thrown away; give them to another first: \
                             comms-tui claim {stream} {group} --all --to CONSUMER",
                            held.pending
                        )));
                    }
                }
            }
        }
        self.consumer_is_gone(&plan).await?;
        if is_ours(stream) && matches!(plan.verb, GroupVerb::Create { .. }) {
            let warning = "a group that isn't ours is not waited for: what it hasn't read is trimmed when ours has \
                           handled it";
            plan.warnings.push(warning.to_owned());
        }
        Ok(plan)
    }

    /// A consumer that doesn't beat counts as alive as long as it tries to read.
    pub(super) fn reads(&self, consumer: &ConsumerView) -> bool {
        consumer.idle_ms < self.config.visibility_ms
    }

    async fn consumer_is_gone(&self, plan: &GroupPlan) -> Result<(), OpsError> {
        let GroupVerb::DeleteConsumer { consumer } = &plan.verb else {
            return Ok(());
        };
        if plan.commands.is_empty() {
            return Err(OpsError::NotFound(format!(
                "{} has no consumer {consumer:?}",
                plan.group
            )));
        }
        let workers = self.workers().await?;
        if workers.iter().any(|w| w.live && w.name == *consumer) {
            return Err(OpsError::Conflict(format!("{consumer} is alive")));
        }
        Ok(())
    }

    /// Does what the plan says, partition by partition.
    ///
    /// # Errors
    /// When this process is read-only, or Redis is away; then some partitions may be done.
    pub async fn change_group(&self, plan: &GroupPlan) -> Result<Vec<GroupResult>, OpsError> {
        self.may_write()?;
        let (mut results, mut commands) = (Vec::new(), Vec::new());
        let mut broken = Ok(());
        for source in &plan.sources {
            let (done, text) = match self.change_one(plan, source).await {
                Ok(changed) => changed,
                Err(error) => {
                    broken = Err(OpsError::from(error));
                    break;
                }
            };
            if done {
                commands.push(plan.verb.command(&source.key, &plan.group));
            }
            results.push(GroupResult {
                source: source.clone(),
                done,
                text: text.to_owned(),
            });
        }
        if results.is_empty() {
            return broken.map(|()| results);
        }
        let what = match &plan.verb {
            GroupVerb::Create { .. } => "group.create",
            GroupVerb::Setid { .. } => "group.setid",
            GroupVerb::DeleteConsumer { .. } => "group.delete-consumer",
        };
        let ids = [plan.stream.clone(), plan.group.clone()];
        let after: Vec<&str> = results.iter().map(|r| r.text.as_str()).collect();
        self.record(
            what,
            &ids,
            plan.before.join("; "),
            after.join("; "),
            &commands,
        )
        .await;
        broken.map_err(|error| error.after(results.len() as u64, "done"))?;
        Ok(results)
    }

    /// In one partition: whether it was done, and what became of it.
    async fn change_one(
        &self,
        plan: &GroupPlan,
        source: &Source,
    ) -> Result<(bool, &'static str), redis::RedisError> {
        let (redis, group) = (&self.redis, plan.group.as_str());
        Ok(match &plan.verb {
            GroupVerb::Create { from } => {
                match operate::create_group(redis, source, group, from).await? {
                    true => (true, "made"),
                    false => (false, "somebody else has made it"),
                }
            }
            GroupVerb::Setid { id } => {
                operate::set_group_id(redis, source, group, id).await?;
                (true, "set")
            }
            GroupVerb::DeleteConsumer { consumer } => {
                match operate::delete_consumer(redis, source, group, consumer).await? {
                    true => (true, "removed"),
                    false => (false, "it holds entries again; nothing was changed"),
                }
            }
        })
    }
}

/// What it means that a group goes on after another id.
fn meaning(id: &str, group: &GroupView) -> String {
    let now = order(&group.last_delivered_id);
    if id == "$" {
        return format!(
            "{} entries that nobody has read would be skipped for ever",
            group.backlog.count
        );
    }
    match order(id).cmp(&now) {
        std::cmp::Ordering::Less => {
            "entries after that id are delivered again; whoever reads them must not mind".to_owned()
        }
        std::cmp::Ordering::Greater => {
            "entries up to that id that nobody has read are skipped for ever".to_owned()
        }
        std::cmp::Ordering::Equal => "nothing changes".to_owned(),
    }
}

fn order(id: &str) -> (u64, u64) {
    let (ms, seq) = id.split_once('-').unwrap_or((id, "0"));
    (ms.parse().unwrap_or(0), seq.parse().unwrap_or(0))
}

fn check_id(id: &str) -> Result<(), OpsError> {
    let (ms, seq) = id.split_once('-').unwrap_or((id, "0"));
    let number = |text: &str| text.parse::<u64>().is_ok();
    if id == "$" || (number(ms) && number(seq)) {
        return Ok(());
    }
    Err(OpsError::Invalid(format!(
        "{id:?} is no id; expected 0, $ or one like 1731000000000-0"
    )))
}
