//! A mail as bytes (RFC 5322), from a rendered template.

use anyhow::{Context, Result};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::{subject, template::Rendered};

/// Who the mails come from; understood once.
#[derive(Debug, Clone)]
pub struct Sender {
    mailbox: Mailbox,
    domain: String,
}

impl Sender {
    /// `from` is `Name <address>` or an address, `domain` the right-hand side of Message-IDs.
    ///
    /// # Errors
    /// Names COMMS_FROM or COMMS_MESSAGE_ID_DOMAIN, whichever is wrong.
    pub fn new(from: &str, domain: &str) -> Result<Self> {
        let mailbox = from.parse().with_context(|| {
            format!("COMMS_FROM is {from:?}, expected an address or Name <address>")
        })?;
        Address::new("x", domain)
            .with_context(|| format!("COMMS_MESSAGE_ID_DOMAIN is {domain:?}, expected a domain"))?;
        Ok(Self {
            mailbox,
            domain: domain.to_owned(),
        })
    }

    /// The bare address, for MAIL FROM.
    pub fn address(&self) -> &str {
        self.mailbox.email.as_ref()
    }
}

/// One recipient's mail.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    pub name: &'a str,
    /// The bare address.
    pub email: &'a str,
    pub campaign_id: &'a str,
    /// With angle brackets, as [`message_id`] makes it.
    pub message_id: &'a str,
}

/// # Errors
/// Says what is wrong with a bare address.
pub fn check_address(address: &str) -> Result<()> {
    address
        .parse::<Address>()
        .with_context(|| format!("{address:?} is no address"))?;
    Ok(())
}

/// The same on every attempt, so that a mail sent twice can be recognised (and is, by many servers).
pub fn message_id(campaign: &str, user: i64, channel: &str, domain: &str) -> String {
    format!("<{campaign}.{user}.{channel}@{domain}>")
}

/// The campaign and the user of a Message-ID that [`message_id`] made for a campaign's mail.
pub fn recipient_of(message_id: &str) -> Option<(i64, i64)> {
    let (local, _) = message_id.trim().strip_prefix('<')?.split_once('@')?;
    let mut parts = local.split('.');
    let numbers = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().map(|_channel| numbers)
}

impl Sender {
    /// The whole mail: headers, text, and HTML as an alternative where there is any. All of it ASCII,
    /// except for an address that isn't.
    ///
    /// # Errors
    /// When the address is none: permanent, and the reason says so without the address.
    pub fn compose(&self, letter: &Letter<'_>, words: Rendered) -> Result<Vec<u8>> {
        let address: Address = letter
            .email
            .parse()
            .context("the recipient's address is not valid")?;
        // Lettre encodes what isn't ASCII, but takes a line break as it is.
        let name: String = letter.name.split(char::is_control).collect();
        let name = Some(name).filter(|name| !name.trim().is_empty());
        let header = |name, value: String| HeaderValue::new(name, value);
        let builder = Message::builder()
            .from(self.mailbox.clone())
            .to(Mailbox::new(name, address))
            .raw_header(subject::header(&words.subject))
            .date_now()
            .message_id(Some(letter.message_id.to_owned()))
            // RFC 3834 5: nobody's holiday answers to a campaign.
            .raw_header(header(AUTO_SUBMITTED, "auto-generated".to_owned()))
            // RFC 2919: what mail programs sort by.
            .raw_header(header(LIST_ID, format!("<campaigns.{}>", self.domain)))
            .raw_header(header(CAMPAIGN_ID, letter.campaign_id.to_owned()));
        let message = match words.html {
            Some(html) => builder.multipart(MultiPart::alternative_plain_html(words.text, html)),
            None => builder.singlepart(SinglePart::plain(words.text)),
        };
        Ok(message
            .context("the mail cannot be put together")?
            .formatted())
    }
}

const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
const LIST_ID: HeaderName = HeaderName::new_from_ascii_str("List-Id");
const CAMPAIGN_ID: HeaderName = HeaderName::new_from_ascii_str("X-Campaign-Id");

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn sender() -> Sender {
        Sender::new("Comms Team <campaigns@example.com>", "comms.example.com").expect("valid")
    }

    fn words() -> Rendered {
        Rendered {
            subject: "Grüße — a long subject that has to be folded somewhere, 42 times over".into(),
            text: "Dear Zoë,\n.a dot\n".into(),
            html: Some("<p>Dear Zo\u{eb}</p>".into()),
        }
    }

    const LETTER: Letter<'_> = Letter {
        name: "Zoë \"Z\" O'Hara, née Ng",
        email: "zoe.7@example.com",
        campaign_id: "c1",
        message_id: "<c1.7.email@comms.example.com>",
    };

    #[test]
    fn a_mail_is_read_as_it_was_meant() {
        let bytes = sender().compose(&LETTER, words()).expect("valid");
        assert!(bytes.is_ascii());
        let mail = MessageParser::new().parse(&bytes).expect("a mail");
        let to = mail.to().and_then(|to| to.first()).expect("a recipient");
        assert_eq!(to.name(), Some(LETTER.name));
        assert_eq!(to.address(), Some(LETTER.email));
        let from = mail.from().and_then(|from| from.first()).expect("a sender");
        assert_eq!(from.name(), Some("Comms Team"));
        assert_eq!(mail.subject(), Some(words().subject.as_str()));
        assert_eq!(mail.message_id(), Some("c1.7.email@comms.example.com"));
        assert!(mail.date().is_some());
        assert_eq!(
            mail.header_raw("Auto-Submitted").map(str::trim),
            Some("auto-generated")
        );
        assert_eq!(mail.header_raw("X-Campaign-Id").map(str::trim), Some("c1"));
        assert_eq!(
            mail.header_raw("List-Id").map(str::trim),
            Some("<campaigns.comms.example.com>")
        );
        let text = mail.body_text(0).expect("has text");
        assert_eq!(text.replace('\r', ""), words().text);
        assert_eq!(mail.body_html(0).as_deref(), words().html.as_deref());
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains("Content-Type: multipart/alternative"),
            "{text}"
        );
    }

    #[test]
    fn names_cannot_add_headers() {
        let letter = Letter {
            name: "Eve\r\nBcc: all@example.com",
            ..LETTER
        };
        let bytes = sender().compose(&letter, words()).expect("valid");
        let mail = MessageParser::new().parse(&bytes).expect("a mail");
        assert!(mail.bcc().is_none());
    }

    #[test]
    fn a_bad_address_is_an_error_that_does_not_repeat_it() {
        for email in [
            "",
            "eve",
            "eve@",
            "@example.com",
            "e ve@example.com",
            "eve@exa mple",
            "a@b\r\nc",
        ] {
            let letter = Letter { email, ..LETTER };
            let error = format!("{:#}", sender().compose(&letter, words()).expect_err(email));
            assert!(
                error.contains("address") && !error.contains("eve@"),
                "{error}"
            );
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let error = Sender::new("nobody", "example.com")
            .expect_err("no address")
            .to_string();
        assert!(error.contains("COMMS_FROM"), "{error}");
        let error = Sender::new("a@example.com", "no domain")
            .expect_err("no domain")
            .to_string();
        assert!(error.contains("COMMS_MESSAGE_ID_DOMAIN"), "{error}");
    }

    #[test]
    fn ids_are_the_same_on_every_attempt() {
        assert_eq!(
            message_id("c1", 7, "email", "x.example"),
            "<c1.7.email@x.example>"
        );
    }
}
