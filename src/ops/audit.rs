//! Every mutation leaves a line.

use super::{Ops, OpsError, command::bounded};
use crate::queue::operate::{self, AuditEntry};

/// Ids named in one line; the rest is counted.
const IDS: usize = 1_000;
/// Bytes of commands in one entry.
const MOST_BYTES: usize = 32_000;

impl Ops {
    /// Writes who did what, and the same as commands for redis-cli where there are some. `false` when Redis
    /// didn't take it: the deed itself stands.
    pub(crate) async fn record(
        &self,
        what: &str,
        ids: &[String],
        before: String,
        after: String,
        commands: &[String],
    ) -> bool {
        let (command, left_out) = bounded(commands, MOST_BYTES);
        let mut named = ids[..ids.len().min(IDS)].join(" ");
        if ids.len() > IDS {
            named.push_str(&format!(" and {} more", ids.len() - IDS));
        }
        let entry = AuditEntry {
            who: self.who.clone(),
            what: what.to_owned(),
            ids: named,
            before,
            after,
            command,
            left_out: left_out as u64,
            ..AuditEntry::default()
        };
        match operate::audit(&self.redis, &entry).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "an operator's deed was not written to the audit");
                false
            }
        }
    }

    /// What operators did lately, newest first.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn audit(&self, count: usize) -> Result<Vec<AuditEntry>, OpsError> {
        Ok(operate::recent(&self.redis, count).await?)
    }
}
