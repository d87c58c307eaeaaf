//! Settings: defaults < `comms.toml` < `.comms/env.toml` < environment < Vault.
//!
//! A setting has one name: `redis_url` in a file and in Vault is `COMMS_REDIS_URL` in the environment.
//! Nothing else in the project reads environment variables.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};

/// Every setting: its name, its default, what it is. The README's table is made from the same words.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    ("profile", "dev", "dev or prod"),
    (
        "redis_url",
        "redis://127.0.0.1:6379",
        "redis, rediss or unix",
    ),
    (
        "database_url",
        "sqlite://.comms/comms.db",
        "sqlite or postgres",
    ),
    (
        "smtp_url",
        "smtp://127.0.0.1:2500",
        "smtp://user:pass@host:port, smtps, ?tls=required",
    ),
    (
        "inbox_url",
        "http://127.0.0.1:9000",
        "where the mails can be looked at",
    ),
    (
        "inbox_smtp_addr",
        "127.0.0.1:2500",
        "where the development inbox takes mails",
    ),
    (
        "inbox_bytes",
        "256000000",
        "how many bytes of mails the development inbox keeps",
    ),
    (
        "http_addr",
        "",
        "where this process answers HTTP; each service has its default",
    ),
    (
        "api_token",
        "",
        "bearer token of the HTTP services; required in prod",
    ),
    (
        "key_prefix",
        "comms",
        "prefix of every Redis key, without braces",
    ),
    (
        "partitions",
        "1",
        "how many Redis Cluster slots share the load; fixed once data exists",
    ),
    ("users", "100000", "users made when the table is empty"),
    ("lanes", "32", "SMTP connections of one email-service"),
    ("batch", "1000", "entries that a worker has in hand at most"),
    (
        "window",
        "20000",
        "mails of one campaign between fan-out and outcome",
    ),
    (
        "retry_window",
        "200000",
        "mails of one campaign waiting for a retry or parked",
    ),
    (
        "visibility_ms",
        "60000",
        "how long a live consumer may hold an entry untouched, ms",
    ),
    (
        "presence_ms",
        "5000",
        "after how long without a heartbeat a process counts as gone, ms",
    ),
    (
        "max_hold_ms",
        "900000",
        "how long a consumer renews its claim on an entry, ms",
    ),
    (
        "reclaim",
        "auto",
        "auto, or manual: stuck entries wait for the operator",
    ),
    (
        "retry_base_ms",
        "",
        "first retry delay, ms; 30000, in dev 1000",
    ),
    (
        "retry_cap_ms",
        "",
        "longest retry delay, ms; 3600000, in dev 60000",
    ),
    (
        "retry_attempts",
        "8",
        "attempts per recipient before it counts as failed",
    ),
    (
        "from",
        "Comms <campaigns@example.com>",
        "sender of the mails",
    ),
    (
        "message_id_domain",
        "comms.example.com",
        "right-hand side of every Message-ID",
    ),
    (
        "sqlite_sync",
        "normal",
        "normal (safe when a process dies) or full (safe when the power fails)",
    ),
    (
        "retention_days",
        "90",
        "how long deliveries and dead letters are kept",
    ),
    ("log", "info", "log filter, as in RUST_LOG"),
    ("log_format", "text", "text or json"),
];

/// Where start.sh keeps state, logs and `env.toml`.
pub const STATE_DIR: &str = ".comms";

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

/// The settings as text, before they are understood. Later layers win.
#[derive(Debug, Clone)]
pub struct Layers {
    values: BTreeMap<String, (String, String)>,
    vault: Option<VaultConfig>,
    unknown: Vec<String>,
    /// The table `[console]`: what it may hold is known in `console::Settings`.
    console: toml::Table,
}

impl Layers {
    /// Nothing but the defaults, for what reads neither files nor environment.
    pub fn defaults(vault: Option<VaultConfig>) -> Self {
        Self {
            values: BTreeMap::new(),
            vault,
            unknown: Vec::new(),
            console: toml::Table::new(),
        }
    }

    /// Defaults, files and environment of this process.
    ///
    /// # Errors
    /// When a file can't be read or names a setting that doesn't exist.
    pub fn read() -> Result<Self> {
        let mut layers = Self::defaults(None);
        layers.file(Path::new("comms.toml"))?;
        layers.file(&state_dir().join("env.toml"))?;
        for (name, _, _) in SETTINGS {
            let variable = variable(name);
            if let Some(value) = env(&variable)? {
                layers.values.insert((*name).to_owned(), (value, variable));
            }
        }
        layers.vault = vault_from_env()?;
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        layers.unknown = names.filter_map(|name| misspelt(&name)).collect();
        Ok(layers)
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let table: toml::Table = text
            .parse()
            .with_context(|| format!("{} is not TOML", path.display()))?;
        for (name, value) in table {
            let value = match value {
                toml::Value::Table(table) if name == "console" => {
                    self.console.extend(table);
                    continue;
                }
                toml::Value::Table(_) => {
                    bail!(
                        "{}: there is no table [{name}], did you mean [console]?",
                        path.display()
                    )
                }
                toml::Value::String(s) => s,
                other => other.to_string(),
            };
            self.set(&name, value, &path.display().to_string())?;
        }
        Ok(())
    }

    /// Lays one value over what is there; `origin` is named in errors.
    ///
    /// # Errors
    /// When no setting has that name; the error names the nearest one.
    pub fn set(&mut self, name: &str, value: String, origin: &str) -> Result<()> {
        if !SETTINGS.iter().any(|(known, _, _)| *known == name) {
            let nearest = nearest(name);
            bail!("{origin}: there is no setting {name:?}, did you mean {nearest:?}?");
        }
        self.values
            .insert(name.to_owned(), (value, format!("{name} in {origin}")));
        Ok(())
    }

    /// Variables that look like settings and are none, each with the nearest one. Only worth a warning:
    /// others put such names into the environment too (Kubernetes: `COMMS_PORT` of a service "comms").
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// The table `[console]` of the files.
    pub fn console(&self) -> &toml::Table {
        &self.console
    }

    pub fn vault(&self) -> Option<&VaultConfig> {
        self.vault.as_ref()
    }

    /// `dev` or `prod`, needed before Vault can be asked.
    ///
    /// # Errors
    /// When it is neither.
    pub fn profile(&self) -> Result<Profile> {
        let (value, origin) = self.get("profile");
        match value.as_str() {
            "dev" => Ok(Profile::Dev),
            "prod" => Ok(Profile::Prod),
            other => bail!("{origin} is {other:?}, expected dev or prod"),
        }
    }

    /// The log filter and whether logs are JSON, needed before Vault can be asked.
    pub fn log(&self) -> (String, bool) {
        (self.get("log").0, self.get("log_format").0 == "json")
    }

    fn get(&self, name: &str) -> (String, String) {
        if let Some((value, origin)) = self.values.get(name) {
            return (value.clone(), origin.clone());
        }
        let default = SETTINGS.iter().find(|s| s.0 == name).map_or("", |s| s.1);
        (default.to_owned(), variable(name))
    }

    fn number<T: FromStr + PartialOrd + fmt::Display>(
        &self,
        name: &str,
        least: T,
        most: T,
    ) -> Result<T> {
        let (value, origin) = self.get(name);
        match value.parse::<T>() {
            Ok(n) if n >= least && n <= most => Ok(n),
            _ => bail!("{origin} is {value:?}, expected a number from {least} to {most}"),
        }
    }

    fn number_or(&self, name: &str, default: u64) -> Result<u64> {
        if self.get(name).0.is_empty() {
            Ok(default)
        } else {
            self.number(name, 1, 604_800_000)
        }
    }

    fn address(&self, name: &str) -> Result<Option<SocketAddr>> {
        let (value, origin) = self.get(name);
        if value.is_empty() {
            return Ok(None);
        }
        match value.parse() {
            Ok(addr) => Ok(Some(addr)),
            Err(_) => {
                bail!("{origin} is {value:?}, expected an address and port like 127.0.0.1:8080")
            }
        }
    }

    fn secret_url(&self, name: &str, schemes: &[&str]) -> Result<SecretString> {
        let (value, origin) = self.get(name);
        let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
        if !schemes.contains(&scheme) {
            // The value may hold a password, so only its scheme is shown.
            bail!(
                "{origin} starts with {scheme:?}, expected one of {}",
                schemes.join(", ")
            );
        }
        Ok(value.into())
    }

    /// Understands all of it.
    ///
    /// # Errors
    /// Names the first setting that is wrong, where it came from, and what was expected.
    pub fn build(&self) -> Result<Config> {
        let profile = self.profile()?;
        let (default_base, default_cap) = match profile {
            Profile::Dev => (1_000, 60_000),
            Profile::Prod => (30_000, 3_600_000),
        };
        let choice = |name: &str, options: &[&str]| -> Result<usize> {
            let (value, origin) = self.get(name);
            options.iter().position(|o| *o == value).with_context(|| {
                format!("{origin} is {value:?}, expected {}", options.join(" or "))
            })
        };
        let (token, _) = self.get("api_token");
        let api_token = (!token.is_empty()).then(|| SecretString::from(token));
        let (key_prefix, origin) = self.get("key_prefix");
        if let Err(e) = crate::queue::Keys::new(&key_prefix, 1) {
            bail!("{origin}: {e}");
        }
        let config = Config {
            profile,
            redis_url: self.secret_url("redis_url", &["redis", "rediss", "unix", "redis+unix"])?,
            database_url: self.secret_url("database_url", &["sqlite", "postgres", "postgresql"])?,
            smtp_url: self.secret_url("smtp_url", &["smtp", "smtps"])?,
            inbox_url: self.get("inbox_url").0.trim_end_matches('/').to_owned(),
            inbox_smtp_addr: self
                .address("inbox_smtp_addr")?
                .context("COMMS_INBOX_SMTP_ADDR is empty")?,
            inbox_bytes: self.number("inbox_bytes", 1_000_000, u64::MAX)?,
            http_addr: self.address("http_addr")?,
            api_token,
            key_prefix,
            partitions: self.number("partitions", 1, 1_024)?,
            users: self.number("users", 0, 100_000_000)?,
            lanes: self.number("lanes", 1, 1_000)?,
            batch: self.number("batch", 1, 1_000)?,
            window: self.number("window", 1, 10_000_000)?,
            retry_window: self.number("retry_window", 1, 100_000_000)?,
            visibility_ms: self.number("visibility_ms", 500, 3_600_000)?,
            presence_ms: self.number("presence_ms", 1_500, 3_600_000)?,
            max_hold_ms: self.number("max_hold_ms", 1_000, 86_400_000)?,
            reclaim: [Reclaim::Auto, Reclaim::Manual][choice("reclaim", &["auto", "manual"])?],
            retry_base_ms: self.number_or("retry_base_ms", default_base)?,
            retry_cap_ms: self.number_or("retry_cap_ms", default_cap)?,
            retry_attempts: self.number("retry_attempts", 1, 100)?,
            from: self.get("from").0,
            message_id_domain: self.get("message_id_domain").0,
            sqlite_sync_full: choice("sqlite_sync", &["normal", "full"])? == 1,
            retention_days: self.number("retention_days", 1, 36_500)?,
            log: self.get("log").0,
            log_json: choice("log_format", &["text", "json"])? == 1,
            vault: self.vault.clone(),
        };
        if profile == Profile::Prod && config.api_token.is_none() {
            bail!(
                "COMMS_API_TOKEN is empty, but COMMS_PROFILE=prod requires a bearer token; set it, or api_token in Vault"
            );
        }
        Ok(config)
    }
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

/// `COMMS_STATE_DIR`, else `.comms` below the working directory.
pub fn state_dir() -> PathBuf {
    std::env::var_os("COMMS_STATE_DIR").map_or_else(|| PathBuf::from(STATE_DIR), PathBuf::from)
}

/// True when the user asked for no colours (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
}

/// True when the terminal says that it has 256 colours or more.
pub fn has_many_colors() -> bool {
    let says = |name: &str, words: &[&str]| {
        std::env::var(name).is_ok_and(|v| words.iter().any(|word| v.contains(word)))
    };
    says("COLORTERM", &["truecolor", "24bit"])
        || says("TERM", &["256color", "direct", "kitty", "ghostty"])
}

/// Who operates this process, `user@host`, for the audit.
pub fn operator() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown".to_owned());
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

fn variable(name: &str) -> String {
    format!("COMMS_{}", name.to_uppercase())
}

fn nearest(name: &str) -> &'static str {
    let names = SETTINGS.iter().map(|s| s.0);
    names
        .min_by_key(|known| distance(known, name))
        .unwrap_or("redis_url")
}

/// The complaint about a variable `COMMS_…` that is no setting; those of scripts and tests are fine.
fn misspelt(variable_name: &str) -> Option<String> {
    const OTHERS: [&str; 5] = ["state_dir", "start_", "soak", "test_", "bench_"];
    let name = variable_name.strip_prefix("COMMS_")?.to_lowercase();
    let known = SETTINGS.iter().any(|s| s.0 == name) || OTHERS.iter().any(|o| name.starts_with(o));
    let nearest = variable(nearest(&name));
    (!known).then(|| format!("{variable_name} is no setting, did you mean {nearest}?"))
}

fn env(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => bail!("{name} is not valid UTF-8"),
    }
}

fn vault_from_env() -> Result<Option<VaultConfig>> {
    let Some(addr) = env("VAULT_ADDR")? else {
        return Ok(None);
    };
    if url::Url::parse(&addr).map_or(true, |u| !matches!(u.scheme(), "http" | "https")) {
        bail!("VAULT_ADDR is {addr:?}, expected a URL like http://127.0.0.1:8200");
    }
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

/// Levenshtein distance, for "did you mean".
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitution = corner + usize::from(ca != *cb);
            corner = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Config> {
        let mut layers = Layers::defaults(None);
        for (name, value) in pairs {
            layers.set(name, (*value).to_owned(), "comms.toml")?;
        }
        layers.build()
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = with(&[]).expect("valid");
        assert_eq!(config.users, 100_000);
        assert_eq!(config.retry_base_ms, 1_000);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_origin() {
        let error = with(&[("users", "many")])
            .expect_err("not a number")
            .to_string();
        assert!(
            error.contains("users in comms.toml") && error.contains("many"),
            "{error}"
        );
        let error = with(&[("redis_url", "http://:secret@x")])
            .expect_err("wrong scheme")
            .to_string();
        assert!(
            error.contains("redis_url") && !error.contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_setting_names_the_nearest() {
        let error = with(&[("lane", "3")]).expect_err("unknown").to_string();
        assert!(error.contains("\"lanes\""), "{error}");
    }

    #[test]
    fn a_misspelt_variable_names_the_nearest_and_others_are_left_alone() {
        let said = misspelt("COMMS_LANE").expect("no setting");
        assert!(said.contains("COMMS_LANES"), "{said}");
        for fine in ["COMMS_LANES", "COMMS_TEST_REDIS_URL", "COMMS_SOAK", "HOME"] {
            assert_eq!(misspelt(fine), None);
        }
    }

    #[test]
    fn prod_requires_a_token() {
        let error = with(&[("profile", "prod")])
            .expect_err("no token")
            .to_string();
        assert!(error.contains("COMMS_API_TOKEN"), "{error}");
        assert!(with(&[("profile", "prod"), ("api_token", "t")]).is_ok());
    }
}
