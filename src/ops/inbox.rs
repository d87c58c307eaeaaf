//! The mails that arrived in the development inbox, over Inbucket's REST API v1
//! (<https://github.com/inbucket/inbucket/wiki/REST-API>) and the two paths that our own inbox adds.

use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Ops, OpsError};
use crate::mail::recipient_of;

const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InboxStats {
    pub mails: u64,
    pub recipients: u64,
    /// More than 1 per campaign means that somebody was mailed twice.
    pub max_per_recipient: u64,
    pub duplicate_message_ids: u64,
    pub bytes: u64,
    pub kept: u64,
    pub dropped: u64,
    pub rate: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InboxMessage {
    pub mailbox: String,
    pub id: String,
    pub from: String,
    pub to: Vec<String>,
    pub subject: String,
    pub date: String,
    pub size: u64,
}

/// What our own inbox answers for all mailboxes; `next` is the `before` of the page after this one. A search
/// looks at so many mails at a time, so a page may be empty and not the last.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    messages: Vec<InboxMessage>,
    next: Option<u64>,
}

/// One mail with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailText {
    #[serde(flatten)]
    pub message: InboxMessage,
    pub body: MailBody,
    /// As it came, all headers with it.
    #[serde(skip)]
    pub source: String,
}

impl MailText {
    /// Whose mail it is, where one of our campaigns sent it: campaign and user.
    pub fn recipient(&self) -> Option<(i64, i64)> {
        let head = self.source.lines().take_while(|line| !line.is_empty());
        let mut ids = head.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("message-id").then_some(value)
        });
        recipient_of(ids.next()?)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailBody {
    pub text: String,
    pub html: String,
}

impl Ops {
    /// Counters; `None` where the inbox is a plain Inbucket.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn inbox_stats(&self) -> Result<Option<InboxStats>, OpsError> {
        self.fetch(&["stats"], &[]).await
    }

    /// The newest mails: of one mailbox, or of all where the inbox can list them.
    ///
    /// # Errors
    /// When nothing answers, or a mailbox must be named.
    pub async fn inbox_list(
        &self,
        mailbox: Option<&str>,
        search: Option<&str>,
        limit: usize,
    ) -> Result<Vec<InboxMessage>, OpsError> {
        let Some(name) = mailbox else {
            return self.inbox_pages(search.unwrap_or(""), limit).await;
        };
        let mut messages: Vec<InboxMessage> = self
            .fetch(&["mailbox", name], &[])
            .await?
            .ok_or_else(|| OpsError::NotFound(format!("no mailbox {name:?}")))?;
        // Inbucket lists the oldest first.
        messages.reverse();
        if let Some(word) = search {
            let word = word.to_lowercase();
            messages.retain(|m| {
                m.subject.to_lowercase().contains(&word)
                    || m.from.to_lowercase().contains(&word)
                    || m.to.iter().any(|to| to.to_lowercase().contains(&word))
            });
        }
        messages.truncate(limit);
        Ok(messages)
    }

    async fn inbox_pages(&self, search: &str, limit: usize) -> Result<Vec<InboxMessage>, OpsError> {
        let mut messages = Vec::new();
        let mut before = String::new();
        loop {
            let wanted = (limit - messages.len()).to_string();
            let mut query = vec![("search", search), ("limit", wanted.as_str())];
            if !before.is_empty() {
                query.push(("before", before.as_str()));
            }
            let page: Option<Page> = self.fetch(&["messages"], &query).await?;
            let page = page.ok_or_else(|| {
                OpsError::Invalid("this inbox lists one mailbox at a time: name it".to_owned())
            })?;
            messages.extend(page.messages);
            match page.next {
                Some(next) if messages.len() < limit => before = next.to_string(),
                _ => break,
            }
        }
        messages.truncate(limit);
        Ok(messages)
    }

    /// One mail, without its source.
    ///
    /// # Errors
    /// When nothing answers or it isn't there.
    pub async fn inbox_show(&self, mailbox: &str, id: &str) -> Result<MailText, OpsError> {
        let mail = self.fetch(&["mailbox", mailbox, id], &[]).await?;
        mail.ok_or_else(|| no_mail(mailbox, id))
    }

    /// One mail with its source.
    ///
    /// # Errors
    /// As [`Ops::inbox_show`].
    pub async fn inbox_whole(&self, mailbox: &str, id: &str) -> Result<MailText, OpsError> {
        let mut mail = self.inbox_show(mailbox, id).await?;
        let source = self.get(&["mailbox", mailbox, id, "source"], &[]).await?;
        let source = source.ok_or_else(|| no_mail(mailbox, id))?.bytes().await;
        let source = source.map_err(|e| away(e.into()))?;
        mail.source = String::from_utf8_lossy(&source).into_owned();
        Ok(mail)
    }

    /// What the answer says as JSON; `None` for 404.
    async fn fetch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, OpsError> {
        let Some(reply) = self.get(path, query).await? else {
            return Ok(None);
        };
        let value = reply.json().await;
        let value = value.context("the inbox answered something else");
        Ok(Some(value.map_err(OpsError::Failed)?))
    }

    /// `None` for 404.
    async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<reqwest::Response>, OpsError> {
        let mut url = url::Url::parse(&self.config.inbox_url)
            .context("COMMS_INBOX_URL is not a URL")
            .map_err(OpsError::Failed)?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .context("no HTTP client")
            .map_err(OpsError::Failed)?;
        let reply = client
            .get(url)
            .query(query)
            .send()
            .await
            .map_err(|e| away(e.into()))?;
        if reply.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let reply = reply.error_for_status().map_err(|e| away(e.into()))?;
        Ok(Some(reply))
    }
}

fn no_mail(mailbox: &str, id: &str) -> OpsError {
    OpsError::NotFound(format!("no mail {id:?} in mailbox {mailbox:?}"))
}

fn away(source: anyhow::Error) -> OpsError {
    OpsError::Away {
        what: "the inbox",
        source,
    }
}
