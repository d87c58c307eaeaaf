//! Connections to Redis that come back by themselves, and what counts as "Redis is away".

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};

use super::Keys;

/// Longer than any command of ours takes, shorter than the visibility time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One Redis server (or cluster entry point) and the keys below our prefix.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
    keys: Keys,
}

impl Redis {
    /// Doesn't connect yet: the first command does. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When the URL can't be understood.
    pub fn open(url: &str, keys: Keys) -> RedisResult<Self> {
        let client = Client::open(url)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self {
            client,
            manager,
            keys,
        })
    }

    /// The shared connection for commands that don't block.
    pub fn commands(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// A connection of the caller's own, for reads that block up to `block`.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn blocking(&self, block: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(block + RESPONSE_TIMEOUT));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }
}

/// True when the command may have been done though its answer never came: a refusal, of the command or of the
/// connection, comes before the first write.
pub fn is_reply_lost(error: &RedisError) -> bool {
    is_away(error) && error.code().is_none() && !error.is_connection_refusal()
}

/// True when the error says something about the server's state and nothing about the command: the
/// same command is worth repeating later, and nothing is counted against the entries it was for.
pub fn is_away(error: &RedisError) -> bool {
    if error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
    {
        return true;
    }
    matches!(
        error.code(),
        Some(
            "OOM"
                | "MISCONF"
                | "LOADING"
                | "READONLY"
                | "CLUSTERDOWN"
                | "MASTERDOWN"
                | "TRYAGAIN"
                | "BUSY"
                | "NOREPLICAS"
        )
    )
}

/// True when the stream or its group is missing, as after a restart without data.
pub fn is_no_group(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP")
}
