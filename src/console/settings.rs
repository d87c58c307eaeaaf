//! The table `[console]` of `comms.toml`: theme, keys, pace, columns, servers.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{keymap::Keymap, screens, theme::ThemeChoice};
use crate::config::distance;

/// What `comms-tui config print-default` prints; a test reads it back.
pub const DEFAULTS: &str = r#"[console]
# dark, light or none; NO_COLOR in the environment means none
theme = "dark"
# frames drawn with + - | where a font has no lines
ascii = false
# how often the console looks, ms; without it every second, four times as often while a campaign runs
# refresh_ms = 1000
# refuse every change, by key or by verb, until unlocked
read_only = false

# Keys by the name that the palette (:) shows; dangerous ones need an uppercase letter.
[console.keys]
# refresh = ["r", "ctrl-r"]
# claim = ["C"]

# The columns of a list, by their headings; all of them when the list isn't named here.
[console.columns]
# pending = ["id", "held by", "idle", "tries", "what"]

# Servers for `comms-tui --profile NAME`, and to switch to by @.
# [console.profiles.staging]
# redis_url = "redis://staging.example.com:6379"
# read_only = true
"#;

const NAMES: [&str; 7] = [
    "theme",
    "ascii",
    "refresh_ms",
    "read_only",
    "keys",
    "columns",
    "profiles",
];
const PROFILE_NAMES: [&str; 2] = ["redis_url", "read_only"];

/// How the console looks and behaves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub theme: Option<ThemeChoice>,
    pub ascii: bool,
    pub refresh_ms: Option<u64>,
    pub read_only: bool,
    keys: BTreeMap<String, OneOrMore>,
    columns: BTreeMap<String, Vec<String>>,
    profiles: BTreeMap<String, Profile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Profile {
    redis_url: String,
    read_only: bool,
}

impl Settings {
    /// # Errors
    /// Names the setting that doesn't exist and the nearest one that does, or the value that is wrong.
    pub fn read(table: &toml::Table) -> Result<Self> {
        known("console", table.keys(), &NAMES)?;
        if let Some(toml::Value::Table(profiles)) = table.get("profiles") {
            for (name, profile) in profiles {
                let place = format!("console.profiles.{name}");
                if let toml::Value::Table(profile) = profile {
                    known(&place, profile.keys(), &PROFILE_NAMES)?;
                }
            }
        }
        let settings: Self = serde_path_to_error::deserialize(table.clone())
            .context("[console] in comms.toml can't be understood")?;
        if settings
            .refresh_ms
            .is_some_and(|ms| !(100..=600_000).contains(&ms))
        {
            bail!("[console] refresh_ms in comms.toml: expected a number from 100 to 600000");
        }
        settings.keymap()?;
        settings.hidden()?;
        Ok(settings)
    }

    /// The names of the servers that can be looked at.
    pub(super) fn servers(&self) -> Vec<String> {
        self.profiles.keys().cloned().collect()
    }

    pub(super) fn keymap(&self) -> Result<Keymap> {
        let bindings = self.keys.iter().map(|(name, keys)| {
            let keys = match keys {
                OneOrMore::One(key) => vec![key.clone()],
                OneOrMore::More(keys) => keys.clone(),
            };
            (name.clone(), keys)
        });
        Keymap::new(&bindings.collect()).context("[console.keys] in comms.toml")
    }

    /// Of each list the places of the columns that were not named.
    pub(super) fn hidden(&self) -> Result<BTreeMap<&'static str, Vec<usize>>> {
        let mut hidden = BTreeMap::new();
        let lists = screens::all();
        let lists: Vec<_> = lists.iter().filter_map(|place| place.listing()).collect();
        let names: Vec<&str> = lists.iter().map(|list| list.name()).collect();
        known("console.columns", self.columns.keys(), &names)?;
        for list in lists {
            let Some(wanted) = self.columns.get(list.name()) else {
                continue;
            };
            let headings: Vec<&str> = list.columns().iter().map(|c| c.heading).collect();
            let place = format!("console.columns, {}", list.name());
            known(&place, wanted.iter(), &headings)?;
            let unwanted =
                (0..headings.len()).filter(|n| !wanted.iter().any(|wanted| wanted == headings[*n]));
            hidden.insert(list.name(), unwanted.collect());
        }
        Ok(hidden)
    }

    /// Takes on a profile, and says where its server is.
    ///
    /// # Errors
    /// When there is no such profile, or it names no server.
    pub fn choose(&mut self, name: &str) -> Result<String> {
        let Some(profile) = self.profiles.get(name) else {
            let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            bail!(
                "there is no profile {name:?} in [console.profiles] of comms.toml; there is {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            );
        };
        if profile.redis_url.is_empty() {
            bail!("[console.profiles.{name}] in comms.toml has no redis_url");
        }
        self.read_only |= profile.read_only;
        Ok(profile.redis_url.clone())
    }
}

fn known<'a>(place: &str, found: impl Iterator<Item = &'a String>, names: &[&str]) -> Result<()> {
    for name in found {
        if !names.contains(&name.as_str()) {
            let nearest = names.iter().min_by_key(|known| distance(known, name));
            bail!(
                "comms.toml: [{place}] knows no {name:?}, did you mean {:?}?",
                nearest.copied().unwrap_or_default()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        let table: toml::Table = text.parse().expect("TOML");
        match table.get("console") {
            Some(toml::Value::Table(console)) => Settings::read(console),
            _ => panic!("no [console]"),
        }
    }

    #[test]
    fn the_printed_defaults_are_the_defaults_also_without_their_comments() {
        let settings = read(DEFAULTS).expect("valid");
        assert_eq!(settings.theme, Some(ThemeChoice::Dark));
        assert!(!settings.read_only && !settings.ascii && settings.refresh_ms.is_none());
        let is_setting = |line: &str| {
            let line = line.trim_start_matches("# ");
            line.starts_with('[')
                || line
                    .split_once(" = ")
                    .is_some_and(|(n, _)| !n.contains(' '))
        };
        let all: Vec<&str> = DEFAULTS
            .lines()
            .filter(|line| is_setting(line))
            .map(|line| line.trim_start_matches("# "))
            .collect();
        let mut settings = read(&all.join("\n")).expect("valid");
        assert_eq!(
            settings.choose("staging").expect("there"),
            "redis://staging.example.com:6379"
        );
        assert!(settings.read_only);
    }

    #[test]
    fn what_is_unknown_is_an_error_that_names_the_nearest() {
        for (text, nearest) in [
            ("[console]\nthme = 'dark'", "\"theme\""),
            ("[console.keys]\nrefesh = 'r'", "\"refresh\""),
            ("[console.columns]\npendin = []", "\"pending\""),
            ("[console.columns]\npending = ['heldby']", "\"held by\""),
            ("[console.profiles.a]\nredis = 'x'", "\"redis_url\""),
            ("[console]\ntheme = 'drak'", "dark"),
            ("[console]\nrefresh_ms = 1", "from 100"),
        ] {
            let error = format!("{:#}", read(text).expect_err(text));
            assert!(error.contains(nearest), "{text}: {error}");
        }
    }
}
