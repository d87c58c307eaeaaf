//! Secrets from Vault or OpenBao: KV v2 at `secret/<service>/<profile>`, keys named like the settings.
//!
//! When `VAULT_ADDR` is set, Vault is obeyed. As long as it is silent, sealed, refuses, or has no such
//! secret, a worker says so and waits; it never falls back to other values.

mod status;

use std::{collections::BTreeMap, time::Duration};

pub use status::{SecretPath, SecretsStatus, status};

use anyhow::{Context, Result, bail};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vaultrs::{
    api::token::responses::LookupTokenResponse,
    auth::approle,
    client::{Client, VaultClient, VaultClientSettingsBuilder},
    error::ClientError,
    kv2, token,
};

use crate::{
    config::{Config, Layers, VaultAuth, VaultConfig},
    http::Readiness,
    telemetry,
};

/// Where `vault secrets list` shows the KV v2 engine, and where AppRole is mounted by default.
const MOUNT: &str = "secret";
const APPROLE: &str = "approle";

/// How long one request to Vault may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest pause between two attempts, and between two looks at the token.
const PAUSE: Duration = Duration::from_secs(5);

/// The connection to Vault that [`load`] used; [`Vault::keep`] keeps its token alive.
pub struct Vault {
    client: VaultClient,
    config: VaultConfig,
}

/// The first thing that a worker does: reads its settings, sets up its log, and asks Vault, if there is one,
/// until it answers. Handlers of signals are installed later, so that SIGTERM ends a worker that waits.
///
/// # Errors
/// When a setting is wrong, wherever it comes from.
pub async fn worker_config(service: &str) -> Result<(Config, Option<Vault>)> {
    let mut layers = Layers::read()?;
    let (filter, json) = layers.log();
    telemetry::log_to_stderr(&filter, json)?;
    for complaint in layers.unknown() {
        tracing::warn!("{complaint}");
    }
    telemetry::install_tls_provider();
    let vault = load(service, &mut layers).await?;
    Ok((layers.build()?, vault))
}

/// Lays the secrets of `service` over the settings. Without `VAULT_ADDR` there is nothing to do. While Vault
/// can't give them, the reason is logged whenever it changes, and it is asked again.
///
/// # Errors
/// When a secret is not a setting's name or not a plain value.
pub async fn load(service: &str, layers: &mut Layers) -> Result<Option<Vault>> {
    let Some(config) = layers.vault().cloned() else {
        return Ok(None);
    };
    telemetry::install_tls_provider();
    let path = format!("{service}/{}", layers.profile()?);
    let mut vault = Vault {
        client: client(&config)?,
        config,
    };
    let values = vault.read_until_answered(&path).await;
    for (name, value) in values {
        let origin = format!("{MOUNT}/{path} in Vault");
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            _ => bail!("{name} in {origin} is neither text nor a number"),
        };
        layers.set(&name, value, &origin)?;
    }
    tracing::info!(
        vault.addr = vault.config.addr,
        "secrets read from {MOUNT}/{path}"
    );
    Ok(Some(vault))
}

fn client(config: &VaultConfig) -> Result<VaultClient> {
    let token = match &config.auth {
        VaultAuth::Token(token) => token.expose_secret(),
        VaultAuth::AppRole { .. } => "",
    };
    // The address was parsed with the settings: the builder panics on a bad one.
    let settings = VaultClientSettingsBuilder::default()
        .address(&config.addr)
        .token(token)
        .timeout(Some(LIMIT))
        .build()
        .context("VAULT_ADDR can't be used")?;
    VaultClient::new(settings).context("cannot set up the Vault client")
}

impl Vault {
    async fn read_until_answered(&mut self, path: &str) -> BTreeMap<String, Value> {
        let mut pause = Duration::from_millis(250);
        let mut said = String::new();
        loop {
            match self.read(path).await {
                Ok(values) => return values,
                Err(why) => {
                    let why = self.explain(&why, Some(path));
                    if why != said {
                        tracing::error!(vault.addr = self.config.addr, "{why}; asking again");
                        said = why;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    async fn read(&mut self, path: &str) -> Result<BTreeMap<String, Value>, ClientError> {
        if matches!(self.config.auth, VaultAuth::AppRole { .. }) {
            self.log_in().await?;
        }
        kv2::read(&self.client, MOUNT, path).await
    }

    /// With AppRole, gets a token; a fixed token is all there is.
    async fn log_in(&mut self) -> Result<(), ClientError> {
        if let VaultAuth::AppRole { role_id, secret_id } = &self.config.auth {
            let secret_id = secret_id.expose_secret();
            let auth = approle::login(&self.client, APPROLE, role_id, secret_id).await?;
            self.client.set_token(&auth.client_token);
        }
        Ok(())
    }

    /// Watches the token until `shutdown` and renews it at half of its life. Readiness `vault` says whether Vault
    /// answers and takes the token. The token needs the policy `default`, which lets it look at and renew itself.
    pub async fn keep(mut self, readiness: Readiness, shutdown: CancellationToken) {
        loop {
            let pause = match self.refresh().await {
                Ok(pause) => {
                    if readiness.up("vault") {
                        tracing::info!(vault.addr = self.config.addr, "Vault takes our token");
                    }
                    pause
                }
                Err(why) => {
                    let why = self.explain(&why, None);
                    if readiness.down("vault", &why) {
                        tracing::error!(vault.addr = self.config.addr, "{why}; trying again");
                    }
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at the token, renews it if half of its life is over, and returns when to look again.
    async fn refresh(&mut self) -> Result<Duration, ClientError> {
        let found = match token::lookup_self(&self.client).await {
            Err(ClientError::APIError { code: 403, .. }) => {
                self.log_in().await?;
                token::lookup_self(&self.client).await?
            }
            found => found?,
        };
        if half_gone(&found) && token::renew_self(&self.client, None).await.is_err() {
            // Past its longest life a token isn't renewed; a role can get another.
            self.log_in().await?;
        }
        let quarter = Duration::from_secs(found.creation_ttl) / 4;
        Ok(match found.creation_ttl {
            0 => PAUSE,
            _ => quarter.clamp(Duration::from_millis(250), PAUSE),
        })
    }

    /// What is wrong and what to do about it. `path` is the secret that was asked for, `None` our own token.
    fn explain(&self, error: &ClientError, path: Option<&str>) -> String {
        let vault = format!("Vault at {} (VAULT_ADDR)", self.config.addr);
        let credentials = match self.config.auth {
            VaultAuth::Token(_) => "VAULT_TOKEN",
            VaultAuth::AppRole { .. } => "VAULT_ROLE_ID and VAULT_SECRET_ID",
        };
        match (code_of(error), path) {
            (Some(400 | 403), Some(path)) => format!(
                "{vault} refuses us: check {credentials}, and that its policy may read {MOUNT}/data/{path}"
            ),
            (Some(400 | 403), None) => format!(
                "{vault} refuses our token: it has expired or lacks the policy `default`; \
                 start again with a good {credentials}"
            ),
            (Some(404), Some(path)) => format!(
                "{vault} has no secret {MOUNT}/{path}: write one, `vault kv put {MOUNT}/{path} redis_url=...`"
            ),
            (Some(503), _) => {
                format!("{vault} is sealed or starting: unseal it, `vault operator unseal`")
            }
            (Some(code), _) => format!("{vault} answers with status {code}"),
            (None, _) => format!(
                "{vault} doesn't answer ({}): is it running? Start it, or unset VAULT_ADDR",
                cause(error)
            ),
        }
    }
}

fn code_of(error: &ClientError) -> Option<u16> {
    match error {
        ClientError::APIError { code, .. }
        | ClientError::RestClientError {
            source: rustify::errors::ClientError::ServerResponseError { code, .. },
        } => Some(*code),
        _ => None,
    }
}

fn half_gone(token: &LookupTokenResponse) -> bool {
    token.renewable == Some(true) && token.ttl * 2 <= token.creation_ttl
}

/// The innermost cause: "connection refused" says more than "error sending HTTP request".
fn cause(error: &ClientError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
