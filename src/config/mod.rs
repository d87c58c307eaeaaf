//! Settings: defaults < `comms.toml` < `.comms/env.toml` < environment < Vault.
//!
//! A setting has one name: `redis_url` in a file and in Vault is `COMMS_REDIS_URL` in the environment.

mod settings;

mod layers;

mod environment;

use std::{fmt, net::SocketAddr};

use anyhow::Result;
use secrecy::{ExposeSecret, SecretString};

pub use environment::{STATE_DIR, has_many_colors, has_true_color, no_color, operator, state_dir};
#[cfg(test)]
pub(crate) use environment::{test_redis_url, test_redis8_server};
pub use layers::Layers;
#[cfg(test)]
pub(crate) use layers::test_config;
pub use settings::SETTINGS;
pub(crate) use settings::distance;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Dev,
    Prod,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Prod => "prod",
        })
    }
}

/// Who takes over entries whose consumer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reclaim {
    Auto,
    Manual,
}

/// How a process proves itself to Vault.
#[derive(Debug, Clone)]
pub enum VaultAuth {
    Token(SecretString),
    AppRole {
        role_id: String,
        secret_id: SecretString,
    },
}

/// Set when `VAULT_ADDR` is: then Vault is obeyed, and its silence is an error.
#[derive(Debug, Clone)]
pub struct VaultConfig {
    pub addr: String,
    pub auth: VaultAuth,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub profile: Profile,
    pub redis_url: SecretString,
    pub database_url: SecretString,
    pub smtp_url: SecretString,
    pub inbox_url: String,
    pub inbox_smtp_addr: SocketAddr,
    pub inbox_bytes: u64,
    /// `None`: the service's own default.
    pub http_addr: Option<SocketAddr>,
    pub api_token: Option<SecretString>,
    pub key_prefix: String,
    pub partitions: u32,
    pub users: u64,
    pub lanes: usize,
    pub batch: usize,
    pub window: u64,
    pub retry_window: u64,
    pub visibility_ms: u64,
    pub presence_ms: u64,
    pub max_hold_ms: u64,
    pub reclaim: Reclaim,
    pub retry_base_ms: u64,
    pub retry_cap_ms: u64,
    pub retry_attempts: u32,
    pub from: String,
    pub message_id_domain: String,
    pub sqlite_sync_full: bool,
    pub retention_days: u32,
    pub log: String,
    pub log_json: bool,
    pub vault: Option<VaultConfig>,
}

impl Config {
    /// Defaults, files and environment, without Vault: what the console and the tests need.
    ///
    /// # Errors
    /// As [`Layers::read`] and [`Layers::build`].
    pub fn load() -> Result<Self> {
        Layers::read()?.build()
    }

    /// The keys of this installation.
    pub fn keys(&self) -> crate::queue::Keys {
        crate::queue::Keys::new(&self.key_prefix, self.partitions)
            .expect("checked when the settings were read")
    }

    pub fn redis_url(&self) -> &str {
        self.redis_url.expose_secret()
    }

    pub fn database_url(&self) -> &str {
        self.database_url.expose_secret()
    }

    pub fn smtp_url(&self) -> &str {
        self.smtp_url.expose_secret()
    }
}
