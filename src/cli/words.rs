//! The flags that say what a mail is to say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value};

use crate::ops::{AskedWords, variable};

#[derive(Debug, Args)]
pub struct WordsArgs {
    /// Template of the subject
    #[arg(long)]
    pub subject: Option<String>,
    /// Template of the text part
    #[arg(long, value_name = "PATH")]
    pub text_file: Option<PathBuf>,
    /// Template of the HTML part
    #[arg(long, value_name = "PATH")]
    pub html_file: Option<PathBuf>,
    /// A field of the campaign's own, {{ vars.NAME }}; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub vars: Vec<(String, Value)>,
    /// More of them: a file with a JSON object
    #[arg(long, value_name = "PATH")]
    pub vars_file: Option<PathBuf>,
}

impl WordsArgs {
    pub(super) fn asked(&self) -> Result<AskedWords> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(AskedWords {
            template: None,
            subject: self.subject.clone(),
            text: read(&self.text_file)?,
            html: read(&self.html_file)?,
            variables: self.variables()?,
        })
    }

    /// `None` when none is given.
    fn variables(&self) -> Result<Option<Map<String, Value>>> {
        let mut variables = match &self.vars_file {
            None if self.vars.is_empty() => return Ok(None),
            None => Map::new(),
            Some(path) => match serde_json::from_str(&read(path)?) {
                Ok(Value::Object(fields)) => fields,
                Ok(_) => bail!("{} holds no JSON object", path.display()),
                Err(error) => bail!("{}: {error}", path.display()),
            },
        };
        variables.extend(self.vars.iter().cloned());
        Ok(Some(variables))
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
