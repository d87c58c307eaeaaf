//! Every Redis key of the queue, and nowhere else.
//!
//! Keys of a partition carry the hash tag `{PREFIX:P}`, so that a partition lies in one Redis Cluster
//! slot and a script can touch all of it. The few keys of no partition are used one at a time.

use std::sync::Arc;

/// Names the keys below one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: Arc<str>,
    partitions: u32,
}

impl Keys {
    /// # Errors
    /// When the prefix is empty or holds a brace (it would break the hash tag), or there is no partition.
    pub fn new(prefix: &str, partitions: u32) -> Result<Self, String> {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            return Err(format!(
                "key prefix {prefix:?} must not be empty or hold a brace"
            ));
        }
        if partitions == 0 {
            return Err("there must be at least one partition".to_owned());
        }
        Ok(Self {
            prefix: prefix.into(),
            partitions,
        })
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    fn key(&self, partition: u32, name: &str) -> String {
        format!("{{{}:{partition}}}:{name}", self.prefix)
    }

    /// The stream itself.
    pub fn stream(&self, partition: u32, stream: &str) -> String {
        self.key(partition, stream)
    }

    /// ZSET of entries that are due later, scored by Redis TIME in ms.
    pub fn retry(&self, partition: u32, stream: &str) -> String {
        self.key(partition, &format!("{stream}:retry"))
    }

    /// Stream of dead letters.
    pub fn dead(&self, partition: u32, stream: &str) -> String {
        self.key(partition, &format!("{stream}:dead"))
    }

    /// Hash entry id → how often its consumer died with it in hand.
    pub fn crashes(&self, partition: u32, stream: &str) -> String {
        self.key(partition, &format!("{stream}:crashes"))
    }

    /// Set of the flows that have parked entries of this stream.
    pub fn parked_flows(&self, partition: u32, stream: &str) -> String {
        self.key(partition, &format!("{stream}:parked"))
    }

    /// List of the entries of a paused flow.
    pub fn parked(&self, partition: u32, stream: &str, flow: &str) -> String {
        self.key(partition, &format!("{stream}:parked:{flow}"))
    }

    /// Hash of a flow: status, revision, cursor, turn, window.
    pub fn flow(&self, partition: u32, flow: &str) -> String {
        self.key(partition, &format!("flow:{flow}"))
    }

    /// Hash of a flow's counters.
    pub fn tally(&self, partition: u32, flow: &str) -> String {
        self.key(partition, &format!("tally:{flow}"))
    }

    /// Hash recipient → the last round of a flow that Redis was told of after his way had ended.
    pub fn told(&self, partition: u32, flow: &str) -> String {
        self.key(partition, &format!("told:{flow}"))
    }

    /// ZSET consumer name → time of its last heartbeat.
    pub fn workers(&self) -> String {
        format!("{}:workers", self.prefix)
    }

    /// Hash consumer name → what it does, as JSON.
    pub fn workers_info(&self) -> String {
        format!("{}:workers:info", self.prefix)
    }

    /// Hash consumer name → who asked it to drain.
    pub fn workers_drain(&self) -> String {
        format!("{}:workers:drain", self.prefix)
    }

    /// Stream of what operators did.
    pub fn audit(&self) -> String {
        format!("{}:audit", self.prefix)
    }

    /// Hash of facts that every process must agree on.
    pub fn meta(&self) -> String {
        format!("{}:meta", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_one_hash_slot() {
        let keys = Keys::new("comms", 4).expect("valid");
        assert_eq!(keys.stream(3, "campaign"), "{comms:3}:campaign");
        assert_eq!(
            keys.parked(3, "campaign", "7"),
            "{comms:3}:campaign:parked:7"
        );
        assert_eq!(keys.workers(), "comms:workers");
    }

    #[test]
    fn a_brace_in_the_prefix_is_refused() {
        assert!(Keys::new("a{b", 1).is_err());
        assert!(Keys::new("", 1).is_err());
        assert!(Keys::new("a", 0).is_err());
    }
}
