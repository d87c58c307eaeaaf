//! Templates under a name: kept, tried on users, shown as somebody will get them.

use serde::{Deserialize, Serialize};

use super::{AskedWords, Ops, OpsError, words::checked_name};
use crate::{
    mail::{Recipient, Rendered, check_address},
    store::{NewMail, StoredTemplate, User, Words},
};

/// Users on whom words are tried before anybody is mailed.
const SAMPLE: u32 = 50;

/// Words that are to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    pub name: String,
    pub subject: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub html: String,
    /// Values for the fields below `vars`, to try it with; they aren't kept.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// A mail as somebody would get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Preview {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
}

impl Ops {
    /// Keeps words under a name, as the next version if they are others than the last ones.
    ///
    /// # Errors
    /// Names the place of what is wrong, and the user for whom it is.
    pub async fn create_template(&self, new: NewTemplate) -> Result<StoredTemplate, OpsError> {
        self.may_write()?;
        let name = checked_name(&new.name)?;
        if name.contains('@') {
            let text = "a template's name must not hold an @: it stands before the version";
            return Err(OpsError::Invalid(text.to_owned()));
        }
        if new.text.is_empty() && new.html.is_empty() {
            let text = "a template needs a text, or HTML, or both";
            return Err(OpsError::Invalid(text.to_owned()));
        }
        let variables = serde_json::Value::Object(new.variables);
        let words = Words {
            subject: new.subject,
            text: new.text,
            html: new.html,
            template: None,
            variables: variables.to_string(),
        };
        self.try_words(&words, &name).await?;
        let store = self.database.get().await?;
        let saved = store
            .save_template(&name, &words.subject, &words.text, &words.html)
            .await?;
        let ids = [format!("{}@{}", saved.name, saved.version)];
        let none = String::new;
        self.record("template.create", &ids, none(), none(), &[])
            .await;
        Ok(saved)
    }

    /// The last version of each, by name.
    ///
    /// # Errors
    /// When SQL is away.
    pub async fn templates(&self) -> Result<Vec<StoredTemplate>, OpsError> {
        Ok(self.database.get().await?.templates().await?)
    }

    /// `name`, its last version, or `name@version`.
    ///
    /// # Errors
    /// When there is none of that name and version.
    pub async fn template(&self, reference: &str) -> Result<StoredTemplate, OpsError> {
        let (name, version) = match reference.rsplit_once('@') {
            None => (reference, None),
            Some((name, version)) => {
                let version = version.parse().map_err(|_| {
                    OpsError::Invalid(format!("{reference:?} is no NAME or NAME@VERSION"))
                })?;
                (name, Some(version))
            }
        };
        let found = self.database.get().await?.template(name, version).await?;
        found.ok_or_else(|| OpsError::NotFound(format!("there is no template {reference:?}")))
    }

    /// Words as a user would get them: the user of that id, or the first one. With a schedule its own words
    /// lie under those that are asked for.
    ///
    /// # Errors
    /// When there is no such schedule, template or user, or it can't be rendered for that one.
    pub async fn preview(
        &self,
        schedule: Option<i64>,
        asked: &AskedWords,
        user: Option<i64>,
    ) -> Result<Preview, OpsError> {
        let words = self.words_over(schedule, asked).await?;
        self.preview_words(&words, user).await
    }

    async fn words_over(
        &self,
        schedule: Option<i64>,
        asked: &AskedWords,
    ) -> Result<Words, OpsError> {
        let base = match schedule {
            Some(id) => Some(self.schedule_of(id).await?.words),
            None => None,
        };
        self.words(asked, base).await
    }

    async fn preview_words(&self, words: &Words, user: Option<i64>) -> Result<Preview, OpsError> {
        let template = super::words::compiled(words)?;
        let user = self.somebody(user).await?;
        let rendered = template
            .render(&recipient(&user, "1", "Preview"))
            .map_err(|error| refused(words, &error.to_string(), &user))?;
        Ok(shown(user.email, rendered))
    }

    /// Tries words on up to 50 users, and says on how many.
    ///
    /// # Errors
    /// Names the template, the place, what is wrong, and the user for whom it is.
    pub async fn check_words(&self, asked: &AskedWords) -> Result<usize, OpsError> {
        let words = self.words(asked, None).await?;
        self.try_words(&words, "Check").await
    }

    /// Sends one mail of a campaign to an address, as a user would get it; the ledger of the campaign hears
    /// nothing of it, and its Message-ID is another one. Answers with the mail's id.
    ///
    /// # Errors
    /// When there is no such campaign or user, or the address is none.
    pub async fn test_send(
        &self,
        campaign: i64,
        to: &str,
        user: Option<i64>,
    ) -> Result<i64, OpsError> {
        self.may_write()?;
        let row = self.row_of(campaign).await?;
        let words = Words {
            subject: row.subject,
            text: row.text_template,
            html: row.html_template,
            template: row.template,
            variables: row.variables,
        };
        let named = (campaign.to_string(), row.name.as_str());
        let id = self.send_one(&words, &named, to, user).await?;
        self.record_test("campaign.test-send", &named.0, id).await;
        Ok(id)
    }

    /// Sends one mail of words that no campaign has yet, as [`Ops::preview`] shows it. Answers with the mail's
    /// id.
    ///
    /// # Errors
    /// As [`Ops::preview`], and when the address is none.
    pub async fn test_words(
        &self,
        schedule: Option<i64>,
        asked: &AskedWords,
        to: &str,
        user: Option<i64>,
    ) -> Result<i64, OpsError> {
        self.may_write()?;
        let words = self.words_over(schedule, asked).await?;
        let named = ("1".to_owned(), "Preview");
        let id = self.send_one(&words, &named, to, user).await?;
        let of = words.template.as_ref();
        let of = of.map_or_else(|| "built-in".to_owned(), |(name, v)| format!("{name}@{v}"));
        self.record_test("template.test-send", &of, id).await;
        Ok(id)
    }

    /// `named`: id and name of the campaign that the words believe to be of.
    async fn send_one(
        &self,
        words: &Words,
        named: &(String, &str),
        to: &str,
        user: Option<i64>,
    ) -> Result<i64, OpsError> {
        check_address(to).map_err(|error| OpsError::Invalid(format!("to: {error:#}")))?;
        let user = self.somebody(user).await?;
        let rendered = super::words::compiled(words)?
            .render(&recipient(&user, &named.0, named.1))
            .map_err(|error| refused(words, &error.to_string(), &user))?;
        let new = NewMail {
            address: to.to_owned(),
            name: String::new(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            idempotency_key: None,
            body_hash: String::new(),
        };
        super::mails::queue(self.database.get().await?, &self.redis, new).await
    }

    async fn record_test(&self, what: &str, of: &str, mail: i64) {
        let (ids, after) = ([of.to_owned()], format!("mail {mail}"));
        self.record(what, &ids, String::new(), after, &[]).await;
    }

    /// Renders words for a sample of the users, and says for how many.
    pub(super) async fn try_words(&self, words: &Words, campaign: &str) -> Result<usize, OpsError> {
        let template = super::words::compiled(words)?;
        let users = self.database.get().await?.sample_users(SAMPLE).await?;
        for user in &users {
            template
                .render(&recipient(user, "1", campaign))
                .map_err(|error| refused(words, &error.to_string(), user))?;
        }
        Ok(users.len())
    }

    async fn somebody(&self, id: Option<i64>) -> Result<User, OpsError> {
        let store = self.database.get().await?;
        let found = match id {
            Some(id) => store.user(id).await?,
            None => store.sample_users(1).await?.into_iter().next(),
        };
        found.ok_or_else(|| {
            OpsError::NotFound(match id {
                Some(id) => format!("there is no user {id}"),
                None => "there is no user yet".to_owned(),
            })
        })
    }
}

fn recipient<'a>(user: &'a User, campaign_id: &'a str, campaign_name: &'a str) -> Recipient<'a> {
    Recipient {
        first_name: &user.first_name,
        last_name: &user.last_name,
        email: &user.email,
        user_id: user.id,
        campaign_id,
        campaign_name,
    }
}

fn refused(words: &Words, error: &str, user: &User) -> OpsError {
    let label = super::words::label(words);
    OpsError::Invalid(format!("{label}{error} (for user {})", user.id))
}

fn shown(to: String, rendered: Rendered) -> Preview {
    Preview {
        to,
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
    }
}
