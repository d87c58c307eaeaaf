//! What is sent: a campaign's template, compiled once, or a single mail's words.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::{
    event::EmailRequested,
    mail::{Letter, Recipient, Rendered, Sender, Template},
    store::{Campaign, InDoubt, Store},
    worker::patiently,
};

/// Campaigns whose templates are kept.
const KEPT: usize = 64;

/// The content of one campaign, or of one single mail.
pub(super) struct Content {
    campaign_id: String,
    name: String,
    pub(super) in_doubt: InDoubt,
    words: Words,
}

enum Words {
    Template(Template),
    Literal(Rendered),
}

impl Content {
    fn of_campaign(campaign: Campaign) -> Result<Self, String> {
        let variables = serde_json::from_str(&campaign.variables)
            .map_err(|error| format!("variables of campaign {}: {error}", campaign.id))?;
        let (text, html) = (&campaign.text_template, &campaign.html_template);
        let template = Template::compile(&campaign.subject, text, html, &variables)
            .map_err(|error| format!("campaign {}: {error}", campaign.id))?;
        Ok(Self {
            campaign_id: campaign.id.to_string(),
            name: campaign.name,
            in_doubt: campaign.in_doubt,
            words: Words::Template(template),
        })
    }

    /// The mail's bytes.
    ///
    /// # Errors
    /// The reason why this recipient can never get it: a field of the template, or the address.
    pub(super) fn compose(
        &self,
        sender: &Sender,
        to: &EmailRequested,
        message_id: &str,
    ) -> Result<Vec<u8>, String> {
        let recipient = Recipient {
            first_name: &to.first_name,
            last_name: &to.last_name,
            email: &to.email,
            user_id: to.user,
            campaign_id: &self.campaign_id,
            campaign_name: &self.name,
        };
        let words = match &self.words {
            Words::Template(template) => template.render(&recipient).map_err(|e| e.to_string())?,
            Words::Literal(words) => words.clone(),
        };
        let name = recipient.name();
        let letter = Letter {
            name: &name,
            email: &to.email,
            campaign_id: &self.campaign_id,
            message_id,
        };
        sender.compose(&letter, words).map_err(|e| format!("{e:#}"))
    }
}

/// Contents by campaign, read from SQL once.
pub(super) struct Contents {
    store: Store,
    shutdown: CancellationToken,
    known: Mutex<HashMap<i64, Result<Arc<Content>, String>>>,
}

/// Why there is no content.
pub(super) enum Missing {
    /// There never will be; the reason.
    Never(String),
    /// The shutdown came first.
    Stopped,
}

impl Contents {
    pub(super) fn new(store: Store, shutdown: CancellationToken) -> Self {
        Self {
            store,
            shutdown,
            known: Mutex::default(),
        }
    }

    /// The content for a campaign, or, when it is 0, for the single mail of that id.
    pub(super) async fn of(&self, campaign: i64, mail: i64) -> Result<Arc<Content>, Missing> {
        if campaign == 0 {
            return self.single(mail).await;
        }
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&campaign)
            .cloned();
        if let Some(known) = known {
            return known.map_err(Missing::Never);
        }
        let ask = || self.store.campaign(campaign);
        let found = patiently("reading a campaign", &self.shutdown, ask).await;
        let content = match found.ok_or(Missing::Stopped)? {
            Some(campaign) => Content::of_campaign(campaign).map(Arc::new),
            None => Err(format!("campaign {campaign} is not in the database")),
        };
        let mut cache = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(campaign, content.clone());
        content.map_err(Missing::Never)
    }

    async fn single(&self, id: i64) -> Result<Arc<Content>, Missing> {
        let ask = || self.store.mail(id);
        let found = patiently("reading a mail", &self.shutdown, ask).await;
        let mail = found.ok_or(Missing::Stopped)?;
        let mail =
            mail.ok_or_else(|| Missing::Never(format!("mail {id} is not in the database")))?;
        Ok(Arc::new(Content {
            campaign_id: "0".to_owned(),
            name: mail.name,
            in_doubt: InDoubt::Resend,
            words: Words::Literal(Rendered {
                subject: mail.subject,
                text: mail.text,
                html: mail.html,
            }),
        }))
    }
}
