//! What the pipeline looks like now.

use serde::Serialize;

use super::{Finding, GroupView, Ops, OpsError, Overview, StreamView, Worker, diagnose, is_ours};
use crate::{event::STAGES, queue::inspect};

/// The pipeline and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    #[serde(flatten)]
    pub overview: Overview,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamRow {
    #[serde(flatten)]
    pub view: StreamView,
    /// Of all its partitions.
    pub memory_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupRow {
    pub stream: String,
    #[serde(flatten)]
    pub group: GroupView,
    /// Consumers whose process beats; `None` for a stream that isn't ours.
    pub live: Option<usize>,
}

impl Ops {
    /// Two round trips to Redis.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn status(&self) -> Result<Status, OpsError> {
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        let findings = diagnose(&overview, self.config.visibility_ms);
        Ok(Status { overview, findings })
    }

    /// The streams with their memory, which Redis has to count: not for a loop.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn streams(&self) -> Result<Vec<StreamRow>, OpsError> {
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        let mut rows = Vec::new();
        for view in overview.stages {
            let bytes = inspect::memory_of(&self.redis, &self.sources(&view.stream)).await?;
            rows.push(StreamRow {
                view,
                memory_bytes: bytes.iter().sum(),
            });
        }
        Ok(rows)
    }

    /// The groups of one stream (ours by its short name, any other by its key), or of all of ours.
    ///
    /// # Errors
    /// When Redis is away or the stream isn't there.
    pub async fn groups(&self, stream: Option<&str>) -> Result<Vec<GroupRow>, OpsError> {
        if let Some(key) = stream.filter(|s| !is_ours(s)) {
            let view = inspect::groups_of(&self.redis, inspect::Source::foreign(key)).await?;
            if !view.exists {
                return Err(OpsError::NotFound(format!("there is no stream {key:?}")));
            }
            return Ok(view
                .groups
                .into_iter()
                .map(|group| GroupRow {
                    stream: key.to_owned(),
                    group,
                    live: None,
                })
                .collect());
        }
        let overview = inspect::overview(&self.redis, &STAGES, self.config.presence_ms).await?;
        let mut rows = Vec::new();
        for view in &overview.stages {
            if stream.is_some_and(|s| s != view.stream) {
                continue;
            }
            for group in &view.groups {
                let live = group
                    .consumers
                    .iter()
                    .filter(|c| overview.is_live(&c.name))
                    .count();
                rows.push(GroupRow {
                    stream: view.stream.clone(),
                    group: group.clone(),
                    live: Some(live),
                });
            }
        }
        Ok(rows)
    }

    /// Who beats, and who has stopped.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn workers(&self) -> Result<Vec<Worker>, OpsError> {
        Ok(inspect::workers(&self.redis, self.config.presence_ms).await?)
    }
}
