//! Defaults, files and environment, one over the other, and what they mean together.

use std::{collections::BTreeMap, fmt, fs, net::SocketAddr, path::Path, str::FromStr};

use anyhow::{Context, Result, bail};
use secrecy::SecretString;

use super::{
    Config, Profile, Reclaim, VaultAuth, VaultConfig,
    environment::{check_vault_addr, env, names, state_dir, vault_from_env},
    settings::{SETTINGS, misspelt, nearest, variable},
};

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
        if let Some(vault) = vault_from_env()? {
            layers.vault = Some(vault);
        }
        layers.unknown = names().filter_map(|name| misspelt(&name)).collect();
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
                toml::Value::Table(table) if name == "vault" => {
                    self.vault = Some(vault(&table, path)?);
                    continue;
                }
                toml::Value::Table(_) => {
                    bail!(
                        "{}: there is no table [{name}], there are [console] and [vault]",
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

/// The table `[vault]` of a file: where a Vault is, and a token for it. The environment goes over it.
fn vault(table: &toml::Table, path: &Path) -> Result<VaultConfig> {
    let path = path.display();
    if let Some(name) = table
        .keys()
        .find(|name| !["addr", "token"].contains(&name.as_str()))
    {
        bail!("{path}: [vault] has no {name:?}, it has addr and token");
    }
    let text = |name: &str| {
        let value = table.get(name).and_then(toml::Value::as_str);
        value.with_context(|| format!("{path}: [vault] needs {name}, a text"))
    };
    let addr = text("addr")?.to_owned();
    check_vault_addr(&addr, &format!("addr of [vault] in {path}"))?;
    let auth = VaultAuth::Token(text("token")?.into());
    Ok(VaultConfig { addr, auth })
}

/// Settings of a test's own, over those of its process.
#[cfg(test)]
pub(crate) fn test_config(settings: &[(&str, &str)]) -> Config {
    let mut layers = Layers::read().expect("settings");
    for (name, value) in settings {
        let set = layers.set(name, (*value).to_owned(), "a test");
        set.expect("a setting of that name");
    }
    layers.build().expect("valid")
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
    fn a_file_may_name_a_vault_and_what_is_wrong_there_is_said() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("env.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            let mut layers = Layers::defaults(None);
            layers.file(&path).map(|()| layers.vault)
        };
        let vault = read("lanes = 3\n[vault]\naddr = \"http://127.0.0.1:1\"\ntoken = \"t\"\n");
        let vault = vault.expect("valid").expect("a Vault");
        assert_eq!(vault.addr, "http://127.0.0.1:1");
        for (text, said) in [
            ("[vault]\naddr = \"http://127.0.0.1:1\"\n", "needs token"),
            (
                "[vault]\naddr = \"8200\"\ntoken = \"t\"\n",
                "expected a URL",
            ),
            (
                "[vault]\naddress = \"http://127.0.0.1:1\"\n",
                "has no \"address\"",
            ),
            ("[redis]\n", "there is no table [redis]"),
        ] {
            let error = format!("{:#}", read(text).expect_err(text));
            assert!(error.contains(said), "{error}");
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
