//! What Vault holds for us, for operators: which secrets are there, and no value of any.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use vaultrs::{kv2, token};

use super::{MOUNT, Vault, client};
use crate::config::{VaultAuth, VaultConfig};

/// The services that have secrets, and the profiles that each has them for.
const SERVICES: [&str; 5] = [
    "campaign-service",
    "user-service",
    "notification-service",
    "email-service",
    "scheduler-service",
];
const PROFILES: [&str; 2] = ["dev", "prod"];

/// Vault as we see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecretsStatus {
    /// Empty when VAULT_ADDR isn't set: then there are no secrets from Vault.
    pub addr: String,
    /// `token` or `AppRole`.
    pub auth: String,
    /// `unsealed`, or what is wrong.
    pub state: String,
    /// True when it answers and takes our token.
    pub usable: bool,
    /// Seconds that our token has left; `None` for one that doesn't end, or when we have none.
    pub token_ttl_s: Option<u64>,
    pub paths: Vec<SecretPath>,
}

/// The secret of one service in one profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SecretPath {
    pub path: String,
    pub service: String,
    pub profile: String,
    /// `found`, or what is wrong.
    pub state: String,
    pub found: bool,
    /// Names and masked values.
    pub values: BTreeMap<String, String>,
}

/// Asks Vault; what it doesn't answer is part of the result.
pub async fn status(config: Option<&VaultConfig>) -> SecretsStatus {
    let Some(config) = config else {
        return SecretsStatus {
            state: "not used: VAULT_ADDR isn't set".to_owned(),
            ..SecretsStatus::default()
        };
    };
    let auth = match config.auth {
        VaultAuth::Token(_) => "token",
        VaultAuth::AppRole { .. } => "AppRole",
    };
    let mut status = SecretsStatus {
        addr: config.addr.clone(),
        auth: auth.to_owned(),
        ..SecretsStatus::default()
    };
    crate::telemetry::install_tls_provider();
    let mut vault = match client(config) {
        Ok(client) => Vault {
            client,
            config: config.clone(),
        },
        Err(error) => {
            status.state = format!("{error:#}");
            return status;
        }
    };
    // Not by its health: what OpenBao says there lacks fields that Vault has.
    let looked = match vault.log_in().await {
        Ok(()) => token::lookup_self(&vault.client).await,
        Err(error) => Err(error),
    };
    match looked {
        Ok(found) => {
            status.usable = true;
            status.state = "unsealed".to_owned();
            status.token_ttl_s = Some(found.ttl).filter(|ttl| *ttl > 0);
        }
        Err(error) => {
            status.state = vault.explain(&error, None);
            if super::code_of(&error) != Some(403) {
                return status;
            }
        }
    }
    for service in SERVICES {
        for profile in PROFILES {
            status.paths.push(vault.look(service, profile).await);
        }
    }
    status
}

impl Vault {
    async fn look(&self, service: &str, profile: &str) -> SecretPath {
        let path = format!("{service}/{profile}");
        let mut look = SecretPath {
            path: format!("{MOUNT}/{path}"),
            service: service.to_owned(),
            profile: profile.to_owned(),
            ..SecretPath::default()
        };
        let read: Result<BTreeMap<String, Value>, _> = kv2::read(&self.client, MOUNT, &path).await;
        match read {
            Ok(values) => {
                look.state = "found".to_owned();
                look.found = true;
                look.values = values
                    .into_iter()
                    .map(|(name, value)| (name, masked(&value)))
                    .collect();
            }
            Err(error) => {
                look.state = match super::code_of(&error) {
                    Some(404) => "missing".to_owned(),
                    Some(400 | 403) => "refused".to_owned(),
                    _ => self.explain(&error, Some(&path)),
                };
            }
        }
        look
    }
}

/// Says nothing of a value but that there is one.
fn masked(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::Null => "(empty)".to_owned(),
        _ => "••••••••".to_owned(),
    }
}
