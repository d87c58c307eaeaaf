//! What the environment says; nothing else in the project reads it.

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};

use super::{VaultAuth, VaultConfig};

/// Where start.sh keeps state, logs and `env.toml`.
pub const STATE_DIR: &str = ".comms";

/// `COMMS_STATE_DIR`, else `.comms` below the working directory.
pub fn state_dir() -> PathBuf {
    std::env::var_os("COMMS_STATE_DIR").map_or_else(|| PathBuf::from(STATE_DIR), PathBuf::from)
}

/// True when the user asked for no colours (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// True when the terminal says that it has 256 colours.
pub fn has_many_colors() -> bool {
    says("TERM", &["256color"])
}

/// True when the terminal says that it shows any colour.
pub fn has_true_color() -> bool {
    says("COLORTERM", &["truecolor", "24bit"]) || says("TERM", &["direct", "kitty", "ghostty"])
}

fn says(name: &str, words: &[&str]) -> bool {
    std::env::var(name).is_ok_and(|v| words.iter().any(|word| v.contains(word)))
}

/// Who operates this process, `user@host`, for the audit.
pub fn operator() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!(
        "{user}@{}",
        if host.is_empty() { "localhost" } else { host }
    )
}

/// The Redis server that tests use.
#[cfg(test)]
pub(crate) fn test_redis_url() -> String {
    std::env::var("COMMS_TEST_REDIS_URL")
        .expect("COMMS_TEST_REDIS_URL names a server for tests; ./test.sh starts one")
}

/// The program of a Redis 8, where there is one.
#[cfg(test)]
pub(crate) fn test_redis8_server() -> Option<PathBuf> {
    let program = std::env::var_os("COMMS_TEST_REDIS8_SERVER")?;
    (!program.is_empty()).then(|| program.into())
}

/// The names of all variables.
pub(super) fn names() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// A variable, unless it is empty.
pub(super) fn env(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name} is not valid UTF-8"),
    }
}

pub(super) fn vault_from_env() -> Result<Option<VaultConfig>> {
    let Some(addr) = env("VAULT_ADDR")? else {
        return Ok(None);
    };
    check_vault_addr(&addr, "VAULT_ADDR")?;
    let auth = match (
        env("VAULT_TOKEN")?,
        env("VAULT_ROLE_ID")?,
        env("VAULT_SECRET_ID")?,
    ) {
        (Some(token), _, _) => VaultAuth::Token(token.into()),
        (None, Some(role_id), Some(secret_id)) => VaultAuth::AppRole {
            role_id,
            secret_id: secret_id.into(),
        },
        _ => bail!(
            "VAULT_ADDR is set, but neither VAULT_TOKEN nor VAULT_ROLE_ID with VAULT_SECRET_ID is"
        ),
    };
    Ok(Some(VaultConfig { addr, auth }))
}

/// `origin` is named in the error.
pub(super) fn check_vault_addr(addr: &str, origin: &str) -> Result<()> {
    if url::Url::parse(addr).map_or(true, |u| !matches!(u.scheme(), "http" | "https")) {
        bail!("{origin} is {addr:?}, expected a URL like http://127.0.0.1:8200");
    }
    Ok(())
}
