//! What a campaign or a schedule is to say: checked before anything is written.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Ops, OpsError};
use crate::{
    mail::{BUILT_IN_HTML, BUILT_IN_SUBJECT, BUILT_IN_TEXT, Template},
    store::{InDoubt, Words},
};

const LONGEST_NAME: usize = 200;

/// Words as they are asked for. `None` takes those that there are already, or the built-in ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskedWords {
    /// A stored template, `name` or `name@version`; what else is given replaces its words.
    #[serde(default)]
    pub template: Option<String>,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub html: Option<String>,
    /// The fields below `vars`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub variables: Option<Map<String, Value>>,
}

impl AskedWords {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Without a base, the built-in words fill up what is missing.
    fn over(&self, base: Option<Words>) -> Words {
        let rewritten = self.subject.is_some() || self.text.is_some() || self.html.is_some();
        let mut words = base.unwrap_or_else(|| {
            let own = self.text.is_some() || self.html.is_some();
            Words {
                subject: BUILT_IN_SUBJECT.to_owned(),
                // Words of one's own are a plain mail without HTML, and without a text it is made from the HTML;
                // only without both the built-in ones are taken.
                text: if own { "" } else { BUILT_IN_TEXT }.to_owned(),
                html: if own { "" } else { BUILT_IN_HTML }.to_owned(),
                template: None,
                variables: "{}".to_owned(),
            }
        });
        let set = |to: &mut String, asked: &Option<String>| {
            if let Some(asked) = asked {
                to.clone_from(asked);
            }
        };
        set(&mut words.subject, &self.subject);
        set(&mut words.text, &self.text);
        set(&mut words.html, &self.html);
        if rewritten {
            words.template = None;
        }
        if let Some(variables) = &self.variables {
            words.variables = Value::Object(variables.clone()).to_string();
        }
        words
    }
}

/// A variable as it is typed. What looks like a JSON number, true or false is one; all else is text.
pub fn variable(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("{text:?} is no NAME=VALUE"))?;
    let value = match serde_json::from_str(value) {
        Ok(known @ (Value::Number(_) | Value::Bool(_))) => known,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

impl Ops {
    /// The words that are meant, over `base` if there is one, tried on a sample of the users.
    ///
    /// # Errors
    /// Names the template, the place in it, what is wrong there, and the user for whom it is.
    pub(super) async fn checked_words(
        &self,
        asked: &AskedWords,
        base: Option<Words>,
        campaign: &str,
    ) -> Result<Words, OpsError> {
        let words = self.words(asked, base).await?;
        self.try_words(&words, campaign).await?;
        Ok(words)
    }

    /// The words that are meant, not yet tried.
    pub(super) async fn words(
        &self,
        asked: &AskedWords,
        base: Option<Words>,
    ) -> Result<Words, OpsError> {
        let Some(reference) = &asked.template else {
            return Ok(asked.over(base));
        };
        let found = self.template(reference).await?;
        let variables = base.map_or_else(|| "{}".to_owned(), |base| base.variables);
        Ok(asked.over(Some(Words {
            subject: found.subject,
            text: found.text,
            html: found.html,
            template: Some((found.name, found.version)),
            variables,
        })))
    }
}

pub(super) fn compiled(words: &Words) -> Result<Template, OpsError> {
    let refused = |error: String| OpsError::Invalid(format!("{}{error}", label(words)));
    let variables = serde_json::from_str(&words.variables).map_err(|e| refused(e.to_string()))?;
    Template::compile(&words.subject, &words.text, &words.html, &variables)
        .map_err(|error| refused(error.to_string()))
}

/// What stands before an error: which stored template it is in.
pub(super) fn label(words: &Words) -> String {
    words
        .template
        .as_ref()
        .map_or_else(String::new, |(name, version)| {
            format!("template {name}@{version}: ")
        })
}

/// # Errors
/// When it is empty, too long, or not one line.
pub(super) fn checked_name(name: &str) -> Result<String, OpsError> {
    let name = name.trim();
    let invalid = |text: String| Err(OpsError::Invalid(text));
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return invalid(format!("name must have 1 to {LONGEST_NAME} characters"));
    }
    if name.chars().any(char::is_control) {
        return invalid("name must not hold control characters".to_owned());
    }
    Ok(name.to_owned())
}

/// Empty: resend.
pub(super) fn checked_policy(word: &str) -> Result<InDoubt, OpsError> {
    match word {
        "" => Ok(InDoubt::Resend),
        word => word.parse().map_err(|_| {
            OpsError::Invalid(format!("in_doubt is {word:?}, expected resend or hold"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_words_are_valid_and_subject_and_text_differ() {
        let words = AskedWords::default().over(None);
        let _: Template = compiled(&words).expect("valid");
        assert_ne!(words.subject, words.text);
        assert!(!words.html.is_empty());
    }

    #[test]
    fn an_unknown_field_is_named_before_anything_is_written() {
        let asked = AskedWords {
            text: Some("Dear {{ first_name }},\nyour {{ nickname }}".to_owned()),
            ..AskedWords::default()
        };
        let words = asked.over(None);
        assert!(words.html.is_empty(), "a text of one's own is a plain mail");
        let error = compiled(&words).expect_err("unknown field").to_string();
        assert!(error.contains("nickname") && error.contains("2"), "{error}");
    }

    #[test]
    fn an_edit_keeps_what_it_doesnt_name() {
        let base = Words {
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "<p>h</p>".to_owned(),
            template: Some(("winter".to_owned(), 2)),
            variables: "{}".to_owned(),
        };
        let mut asked = AskedWords::default();
        assert_eq!(asked.over(Some(base.clone())), base);
        asked.variables = Some([("a".to_owned(), Value::from(1))].into_iter().collect());
        let words = asked.over(Some(base.clone()));
        assert_eq!(
            (words.variables.as_str(), &words.template),
            ("{\"a\":1}", &base.template)
        );
        asked.subject = Some("other".to_owned());
        let words = asked.over(Some(base.clone()));
        assert_eq!(
            (words.subject.as_str(), words.text.as_str(), &words.template),
            ("other", "t", &None)
        );
    }

    #[test]
    fn bad_names_and_policies_are_refused() {
        assert!(checked_name("").is_err() && checked_name("a\nb").is_err());
        assert_eq!(checked_name(" spring ").expect("valid"), "spring");
        let error = checked_policy("perhaps").expect_err("unknown").to_string();
        assert!(error.contains("perhaps"), "{error}");
    }
}
