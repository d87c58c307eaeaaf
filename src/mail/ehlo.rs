//! The start of a dialogue: greeting, EHLO, STARTTLS, AUTH (RFC 5321 3.1, 3207, 4954).

use lettre::transport::smtp::{
    authentication::Mechanism,
    commands::Auth,
    response::{Category, Code, Detail, Response, Severity},
};

use super::{
    reply::{OwnFault, Phase, Reply},
    settings::{SmtpSettings, Tls},
    stream::Stream,
};

/// A server that asks more questions than this doesn't want to know the answer.
const CHALLENGES: u32 = 5;

/// What the server announced, as far as we make use of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) pipelining: bool,
    pub(super) eight_bit: bool,
    pub(super) smtp_utf8: bool,
    /// The largest mail it takes, bytes; `Some(0)` is no limit (RFC 1870).
    pub(super) size: Option<usize>,
    starttls: bool,
    plain: bool,
    login: bool,
}

impl Extensions {
    fn parse(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.text.lines().skip(1) {
            // "AUTH=LOGIN" is what some servers say for old clients.
            let line = line.to_ascii_uppercase().replace('=', " ");
            let mut words = line.split_whitespace();
            match words.next() {
                Some("PIPELINING") => found.pipelining = true,
                Some("8BITMIME") => found.eight_bit = true,
                Some("SMTPUTF8") => found.smtp_utf8 = true,
                Some("STARTTLS") => found.starttls = true,
                Some("SIZE") => {
                    found.size = Some(words.next().map_or(0, |n| n.parse().unwrap_or(0)))
                }
                Some("AUTH") => {
                    for word in words {
                        found.plain |= word == "PLAIN";
                        found.login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// From a fresh TCP connection to one that takes mails.
///
/// # Errors
/// Whatever the server refuses here is our own fault, not a recipient's.
pub(super) async fn begin(
    mut stream: Stream,
    settings: &SmtpSettings,
) -> Result<(Stream, Extensions), OwnFault> {
    if settings.tls == Tls::Implicit {
        stream = stream.encrypt(settings).await?;
    }
    let greeting = listen(&mut stream, settings, Phase::Greeting).await?;
    positive(Phase::Greeting, &greeting)?;
    let mut extensions = ehlo(&mut stream, settings).await?;
    let wanted = matches!(settings.tls, Tls::Opportunistic | Tls::Required);
    if wanted && extensions.starttls {
        let reply = ask(&mut stream, settings, Phase::Tls, "STARTTLS\r\n").await?;
        positive(Phase::Tls, &reply)?;
        stream = stream.encrypt(settings).await?;
        // RFC 3207 4.2: what was announced in the clear is forgotten.
        extensions = ehlo(&mut stream, settings).await?;
    } else if settings.tls == Tls::Required {
        let text = "the server doesn't offer STARTTLS, but COMMS_SMTP_URL says tls=required";
        return Err(OwnFault::new(Phase::Tls, text));
    }
    log_in(&mut stream, settings, &extensions).await?;
    Ok((stream, extensions))
}

async fn ehlo(stream: &mut Stream, settings: &SmtpSettings) -> Result<Extensions, OwnFault> {
    let command = format!("EHLO {}\r\n", settings.hello_name);
    let reply = ask(stream, settings, Phase::Ehlo, &command).await?;
    if matches!(reply.code, 500 | 502 | 504) {
        // A server without extensions (RFC 5321 3.2).
        let command = format!("HELO {}\r\n", settings.hello_name);
        let reply = ask(stream, settings, Phase::Ehlo, &command).await?;
        positive(Phase::Ehlo, &reply)?;
        return Ok(Extensions::default());
    }
    positive(Phase::Ehlo, &reply)?;
    Ok(Extensions::parse(&reply))
}

async fn log_in(
    stream: &mut Stream,
    settings: &SmtpSettings,
    extensions: &Extensions,
) -> Result<(), OwnFault> {
    let Some(credentials) = settings.credentials() else {
        return Ok(());
    };
    let fault = |text: &str| OwnFault::new(Phase::Auth, text);
    if !stream.is_encrypted() && !settings.clear_text_allowed {
        return Err(fault(
            "the password would travel in the clear; use tls=required, or tls=none if that is meant",
        ));
    }
    let mechanism = match (extensions.plain, extensions.login) {
        (true, _) => Mechanism::Plain,
        (false, true) => Mechanism::Login,
        (false, false) => return Err(fault("the server offers neither AUTH PLAIN nor LOGIN")),
    };
    let mut command = Auth::new(mechanism, credentials.clone(), None)
        .map_err(|_| fault("the credentials don't fit the mechanism"))?;
    for _ in 0..CHALLENGES {
        let reply = ask(stream, settings, Phase::Auth, &command.to_string()).await?;
        if reply.code != 334 {
            return positive(Phase::Auth, &reply);
        }
        let code = Code::new(
            Severity::PositiveIntermediate,
            Category::Unspecified3,
            Detail::Four,
        );
        let challenge = Response::new(code, vec![reply.text]);
        command = Auth::new_from_response(mechanism, credentials.clone(), &challenge)
            .map_err(|_| fault("the server's challenge can't be answered"))?;
    }
    Err(fault("too many challenges"))
}

async fn ask(
    stream: &mut Stream,
    settings: &SmtpSettings,
    at: Phase,
    command: &str,
) -> Result<Reply, OwnFault> {
    stream.next_group().extend_from_slice(command.as_bytes());
    stream
        .hand_over(settings.timeouts.hello)
        .await
        .map_err(|e| OwnFault::new(at, e))?;
    listen(stream, settings, at).await
}

async fn listen(
    stream: &mut Stream,
    settings: &SmtpSettings,
    at: Phase,
) -> Result<Reply, OwnFault> {
    stream
        .reply(settings.timeouts.hello)
        .await
        .map_err(|e| OwnFault::new(at, e))
}

fn positive(at: Phase, reply: &Reply) -> Result<(), OwnFault> {
    if reply.is_positive() {
        Ok(())
    } else {
        Err(OwnFault::refused(at, reply))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_are_read_whatever_their_case() {
        let reply = Reply {
            code: 250,
            text: "mx.example.com PIPELINING\n8BitMime\nSIZE 1000\nauth=login\nAUTH PLAIN XOAUTH2\nSMTPUTF8".into(),
        };
        let expected = Extensions {
            pipelining: false,
            eight_bit: true,
            smtp_utf8: true,
            size: Some(1000),
            starttls: false,
            plain: true,
            login: true,
        };
        assert_eq!(Extensions::parse(&reply), expected);
    }
}
