//! One connection, one mail at a time.
//!
//! Where the server announces PIPELINING (RFC 2920), MAIL, RCPT and DATA leave together, and a mail
//! takes two round trips. The replies are read one by one; the first refusal decides, and what follows
//! only brings the dialogue back into step. Whatever can't be brought back into step (a timeout, a lost
//! connection, an unexpected reply, 421) ends the connection: its next reply might be about another mail.

use std::{io, time::Duration};

use super::{
    ehlo::{self, Extensions},
    reply::{OwnFault, Phase, Reply, Step, Verdict, classify, clean, unexpected},
    settings::{SmtpSettings, Timeouts},
    stream::Stream,
};

/// How long a last word of a server that hangs up in the middle of a body is waited for.
const LAST_WORD: Duration = Duration::from_secs(1);
/// How long a good-bye may take.
const QUIT: Duration = Duration::from_secs(2);

/// A connection that was greeted, encrypted and logged in as the settings want it.
pub struct Connection {
    stream: Stream,
    extensions: Extensions,
    timeouts: Timeouts,
    usable: bool,
    /// The last mail was refused after MAIL: RSET goes first.
    needs_reset: bool,
}

/// Why a mail went no further: the recipient's verdict, or a lost connection.
enum Stop {
    Verdict(Verdict),
    Lost(io::Error),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Self::Lost(e)
    }
}

impl Connection {
    /// # Errors
    /// Whatever goes wrong here is our own fault, not a recipient's.
    pub async fn open(settings: &SmtpSettings) -> Result<Self, OwnFault> {
        let stream = Stream::connect(settings).await?;
        let (stream, extensions) = ehlo::begin(stream, settings).await?;
        Ok(Self {
            stream,
            extensions,
            timeouts: settings.timeouts,
            usable: true,
            needs_reset: false,
        })
    }

    /// False after anything that leaves the dialogue out of step, and while a mail is under way: a
    /// future of [`Self::send`] that is dropped leaves a connection that is not used again.
    pub fn usable(&self) -> bool {
        self.usable
    }

    /// Sends one mail from and to bare addresses. `message` may have any line endings.
    ///
    /// `before_data` is asked before the write that holds DATA. Says it no, nothing was started, the
    /// verdict is `NotSent` and the connection stays usable.
    pub async fn send(
        &mut self,
        from: &str,
        to: &str,
        message: &[u8],
        before_data: impl FnOnce() -> bool,
    ) -> Verdict {
        if !self.usable {
            return Verdict::NotSent {
                why: "the connection is closed".to_owned(),
            };
        }
        let parameters = match self.parameters(from, to, message) {
            Ok(parameters) => parameters,
            Err(verdict) => return verdict,
        };
        self.usable = false;
        let asked = self.ask(from, to, &parameters, before_data).await;
        let stop = match asked {
            Ok(()) => match self.deliver(message).await {
                Ok(verdict) => return verdict,
                Err(e) if self.stream.is_handed_over() => {
                    return Verdict::InDoubt {
                        why: format!("no reply to the final dot: {e}"),
                    };
                }
                Err(e) => Stop::Lost(e),
            },
            Err(stop) => stop,
        };
        match stop {
            Stop::Verdict(verdict) => verdict,
            Stop::Lost(e) => Verdict::NotSent {
                why: clean(&format!(
                    "the connection was lost before the final dot: {e}"
                )),
            },
        }
    }

    /// The parameters of MAIL, or why this server can't get this mail.
    fn parameters(&self, from: &str, to: &str, message: &[u8]) -> Result<String, Verdict> {
        let refused = |code, at, text: String| Err(Verdict::Refused { code, text, at });
        for (address, at) in [(to, Phase::Rcpt), (from, Phase::Mail)] {
            let breaks_out = |c: char| c.is_control() || c.is_whitespace() || "<>".contains(c);
            if address.is_empty() || address.contains(breaks_out) {
                return refused(553, at, "5.1.3 this is not an address".to_owned());
            }
        }
        let mut parameters = String::new();
        if !(from.is_ascii() && to.is_ascii()) {
            if !self.extensions.smtp_utf8 {
                let text = "5.6.7 the address is not ASCII, and the server doesn't offer SMTPUTF8";
                return refused(553, Phase::Rcpt, text.to_owned());
            }
            parameters.push_str(" SMTPUTF8");
        }
        if !message.is_ascii() {
            if !self.extensions.eight_bit {
                let text = "5.6.3 the mail is not ASCII, and the server doesn't offer 8BITMIME";
                return refused(554, Phase::Mail, text.to_owned());
            }
            parameters.push_str(" BODY=8BITMIME");
        }
        if let Some(limit) = self.extensions.size {
            if limit > 0 && message.len() > limit {
                let text = format!("5.3.4 {} bytes, the server takes {limit}", message.len());
                return refused(552, Phase::Mail, text);
            }
            parameters.push_str(" SIZE=");
            parameters.push_str(&message.len().to_string());
        }
        Ok(parameters)
    }

    /// RSET where one is due, MAIL, RCPT, DATA; after `Ok` the server waits for the body.
    async fn ask(
        &mut self,
        from: &str,
        to: &str,
        parameters: &str,
        before_data: impl FnOnce() -> bool,
    ) -> Result<(), Stop> {
        let mail = ["MAIL FROM:<", from, ">", parameters, "\r\n"];
        let rcpt = ["RCPT TO:<", to, ">\r\n"];
        let reset = if self.needs_reset { "RSET\r\n" } else { "" };
        if self.extensions.pipelining {
            if !before_data() {
                return Err(self.not_started());
            }
            self.say(&[&[reset], &mail[..], &rcpt[..], &["DATA\r\n"]].concat())
                .await?;
            self.reset_reply().await?;
            return self.group_replies().await;
        }
        if self.needs_reset {
            self.say(&[reset]).await?;
            self.reset_reply().await?;
        }
        self.say(&mail).await?;
        self.expect(Phase::Mail).await?;
        self.say(&rcpt).await?;
        self.expect(Phase::Rcpt).await?;
        if !before_data() {
            self.needs_reset = true;
            return Err(self.not_started());
        }
        self.say(&["DATA\r\n"]).await?;
        self.expect(Phase::Data).await
    }

    fn not_started(&mut self) -> Stop {
        self.usable = true;
        Stop::Verdict(Verdict::NotSent {
            why: "this process may start no mail now".to_owned(),
        })
    }

    /// The three replies to a group. Each of them has to be read whatever the others say.
    async fn group_replies(&mut self) -> Result<(), Stop> {
        let mut refusal = None;
        for at in [Phase::Mail, Phase::Rcpt, Phase::Data] {
            match self.expect(at).await {
                Ok(()) if at == Phase::Data && refusal.is_some() => {
                    // RFC 2920 3.1: a server that wants the mail of a refused recipient gets a dot.
                    self.usable = false;
                    self.say(&[".\r\n"]).await.ok();
                    let reply = self.stream.reply(self.timeouts.command).await;
                    self.usable = reply.is_ok_and(|reply| !reply.closes());
                }
                Ok(()) => {}
                Err(stop) => {
                    let lost = !self.usable;
                    // The first refusal decides; a loss after it is only about the connection.
                    let first = refusal.get_or_insert(stop);
                    if matches!(first, Stop::Lost(_)) || lost {
                        break;
                    }
                }
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// The reply to one command; `usable` is true again after a refusal that leaves us in step.
    async fn expect(&mut self, at: Phase) -> Result<(), Stop> {
        self.usable = false;
        let reply = self.stream.reply(self.timeouts.command).await?;
        match classify(at, &reply) {
            Step::Go => Ok(()),
            Step::Unexpected => Err(Stop::Lost(out_of_step(at, &reply))),
            Step::Done(verdict) => {
                self.usable = !reply.closes();
                self.needs_reset = true;
                Err(Stop::Verdict(verdict))
            }
        }
    }

    async fn reset_reply(&mut self) -> io::Result<()> {
        if self.needs_reset {
            let reply = self.stream.reply(self.timeouts.command).await?;
            if !reply.is_positive() {
                return Err(unexpected(&format!("{} to RSET", reply.code)));
            }
            self.needs_reset = false;
        }
        Ok(())
    }

    /// Body and final dot, as one group.
    async fn deliver(&mut self, message: &[u8]) -> io::Result<Verdict> {
        encode(message, self.stream.next_group());
        let reply = match self.stream.hand_over(self.timeouts.body).await {
            Ok(()) => self.stream.reply(self.timeouts.dot).await?,
            Err(e) => match self.stream.reply(LAST_WORD).await {
                // A server that has seen enough of a mail says so, and hangs up.
                Ok(reply) if reply.code >= 400 => {
                    return match classify(Phase::Dot, &reply) {
                        Step::Done(verdict) => Ok(verdict),
                        Step::Go | Step::Unexpected => Err(e),
                    };
                }
                _ => return Err(e),
            },
        };
        match classify(Phase::Dot, &reply) {
            Step::Done(verdict) => {
                self.usable = !reply.closes();
                Ok(verdict)
            }
            Step::Go | Step::Unexpected => Err(out_of_step(Phase::Dot, &reply)),
        }
    }

    async fn say(&mut self, parts: &[&str]) -> io::Result<()> {
        let group = self.stream.next_group();
        for part in parts {
            group.extend_from_slice(part.as_bytes());
        }
        self.stream.hand_over(self.timeouts.command).await
    }

    /// Returns when an idle connection has become useless: the server said something unasked, or is
    /// gone. Can be cancelled; ends at once for a connection that isn't usable.
    pub async fn closed(&mut self) {
        if self.usable {
            self.stream.unasked().await;
            self.usable = false;
        }
    }

    /// Says good-bye, for at most 2 s. What the server answers makes no difference.
    pub async fn quit(mut self) {
        if self.usable {
            self.stream.next_group().extend_from_slice(b"QUIT\r\n");
            if self.stream.hand_over(QUIT).await.is_ok() {
                let _ = self.stream.reply(QUIT).await;
            }
        }
    }
}

fn out_of_step(at: Phase, reply: &Reply) -> io::Error {
    unexpected(&format!("{} {} to {at}", reply.code, reply.text))
}

/// Appends the body as RFC 5321 4.5.2 wants it, and the final dot: every line ends with CRLF, and a
/// line's first dot is doubled. A bare CR or LF ends a line too: left alone, servers disagree on
/// whether `\n.\n` ends the mail.
fn encode(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(message.len() + message.len() / 64 + 8);
    let mut rest = message;
    while !rest.is_empty() {
        if rest[0] == b'.' {
            out.push(b'.');
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..end]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[end..];
        rest = rest
            .strip_prefix(b"\r\n")
            .or_else(|| rest.strip_prefix(b"\r"))
            .or_else(|| rest.strip_prefix(b"\n"))
            .unwrap_or_default();
    }
    out.extend_from_slice(b".\r\n");
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
