//! A server's reply, and what it means for the recipient.
//!
//! The rules: permanent is a 5xx to RCPT, to DATA or to the final dot, and 552 to MAIL. Transient is a
//! 4xx at the same places. Anything else that goes wrong before RCPT says nothing about this recipient:
//! it is our own fault, and stops the lanes instead of using up attempts.

use std::{fmt, io};

/// Texts of a reply are cut to this many characters.
const TEXT_CHARS: usize = 500;
/// RFC 5321 4.5.3.1.5 allows 512 bytes a line; some servers say more.
const LINE_BYTES: usize = 4 * 1024;
const REPLY_BYTES: usize = 64 * 1024;

/// Where in the dialogue something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Connect,
    Tls,
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The body and the final dot.
    Dot,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Dot => "final dot",
        })
    }
}

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server took responsibility: 2yz to the final dot, 250 in practice (RFC 5321 4.2.5).
    Accepted { code: u16, text: String },
    /// Permanent. Refusals made here, before anything was sent, carry the code a server would give.
    Refused { code: u16, text: String, at: Phase },
    /// Transient, and about this recipient: another attempt later.
    Deferred { code: u16, text: String, at: Phase },
    /// Not about this recipient; counted by the breaker, the attempt is not used up.
    OwnFault {
        code: Option<u16>,
        text: String,
        at: Phase,
    },
    /// Certainly not sent: the final dot never reached the kernel. The attempt is not used up.
    NotSent { why: String },
    /// The final dot was handed to the kernel, and no reply to it was read.
    InDoubt { why: String },
}

/// A fault that is not about any recipient: the server is away, or refuses us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFault {
    /// The server's code, when it said one.
    pub code: Option<u16>,
    pub text: String,
    pub at: Phase,
}

impl OwnFault {
    pub(super) fn new(at: Phase, text: impl fmt::Display) -> Self {
        Self {
            code: None,
            text: clean(&text.to_string()),
            at,
        }
    }

    pub(super) fn refused(at: Phase, reply: &Reply) -> Self {
        Self {
            code: Some(reply.code),
            text: clean(&reply.text),
            at,
        }
    }
}

impl fmt::Display for OwnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SMTP {}: ", self.at)?;
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for OwnFault {}

/// A complete reply. The lines of the text are separated by `\n`, and as the server sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// RFC 5321 3.8: the server closes the connection after it.
    pub(super) fn closes(&self) -> bool {
        self.code == 421
    }

    /// Takes one reply from the front of `bytes`: it and its length, or `None` when it isn't complete.
    ///
    /// # Errors
    /// When this is no SMTP reply, or an endless one.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let mut text = String::new();
        let mut first: Option<&[u8]> = None;
        let mut start = 0;
        while let Some(length) = memchr::memchr(b'\n', &bytes[start..]) {
            let line = &bytes[start..start + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            start += length + 1;
            let is_reply = line.len() >= 3
                && matches!(line[0], b'2'..=b'5')
                && line[1..3].iter().all(u8::is_ascii_digit)
                && matches!(line.get(3), None | Some(b' ' | b'-'))
                && first.is_none_or(|code| code == &line[..3]);
            if !is_reply || start > REPLY_BYTES {
                return Err(unexpected(&String::from_utf8_lossy(line)));
            }
            if first.is_some() {
                text.push('\n');
            }
            first = Some(&line[..3]);
            text.push_str(&String::from_utf8_lossy(line.get(4..).unwrap_or_default()));
            if line.get(3) != Some(&b'-') {
                let code = line[..3]
                    .iter()
                    .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
                return Ok(Some((Self { code, text }, start)));
            }
        }
        if bytes.len() - start > LINE_BYTES || bytes.len() > REPLY_BYTES {
            return Err(unexpected("an endless line"));
        }
        Ok(None)
    }
}

/// The error for a server that doesn't speak SMTP as we understand it.
pub(super) fn unexpected(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("unexpected reply {:?}", clean(what)),
    )
}

/// What a reply to MAIL, RCPT, DATA or the final dot makes of the mail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Positive: go on.
    Go,
    Done(Verdict),
    /// Means nothing at this place: the dialogue is out of step.
    Unexpected,
}

pub(super) fn classify(at: Phase, reply: &Reply) -> Step {
    let code = reply.code;
    let verdict = match (at, code / 100) {
        (Phase::Mail | Phase::Rcpt, 2) => return Step::Go,
        (Phase::Data, 3) if code == 354 => return Step::Go,
        (_, 2) if at == Phase::Dot => Verdict::Accepted {
            code,
            text: clean(&reply.text),
        },
        (_, 2 | 3) => return Step::Unexpected,
        (Phase::Mail, 4 | 5) if code != 552 => Verdict::OwnFault {
            code: Some(code),
            text: clean(&reply.text),
            at,
        },
        (_, 4) => Verdict::Deferred {
            code,
            text: clean(&reply.text),
            at,
        },
        _ => Verdict::Refused {
            code,
            text: clean(&reply.text),
            at,
        },
    };
    Step::Done(verdict)
}

/// Fit for a terminal and a table: control characters are spaces, at most 500 characters.
pub(super) fn clean(text: &str) -> String {
    let text: String = text
        .trim()
        .chars()
        .take(TEXT_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(step: &Step) -> &'static str {
        match step {
            Step::Go => "go",
            Step::Unexpected => "unexpected",
            Step::Done(Verdict::Accepted { .. }) => "accepted",
            Step::Done(Verdict::Refused { .. }) => "refused",
            Step::Done(Verdict::Deferred { .. }) => "deferred",
            Step::Done(Verdict::OwnFault { .. }) => "own",
            Step::Done(Verdict::NotSent { .. }) => "not sent",
            Step::Done(Verdict::InDoubt { .. }) => "in doubt",
        }
    }

    #[test]
    fn every_code_at_every_place_has_one_meaning() {
        use Phase::{Data, Dot, Mail, Rcpt};
        let table: &[(Phase, u16, &str)] = &[
            (Mail, 250, "go"),
            (Mail, 354, "unexpected"),
            (Mail, 421, "own"),
            (Mail, 450, "own"),
            (Mail, 452, "own"),
            (Mail, 500, "own"),
            (Mail, 530, "own"),
            (Mail, 550, "own"),
            (Mail, 552, "refused"),
            (Mail, 553, "own"),
            (Rcpt, 250, "go"),
            (Rcpt, 251, "go"),
            (Rcpt, 252, "go"),
            (Rcpt, 354, "unexpected"),
            (Rcpt, 421, "deferred"),
            (Rcpt, 450, "deferred"),
            (Rcpt, 451, "deferred"),
            (Rcpt, 452, "deferred"),
            (Rcpt, 550, "refused"),
            (Rcpt, 552, "refused"),
            (Rcpt, 554, "refused"),
            (Data, 250, "unexpected"),
            (Data, 354, "go"),
            (Data, 355, "unexpected"),
            (Data, 421, "deferred"),
            (Data, 451, "deferred"),
            (Data, 554, "refused"),
            (Dot, 250, "accepted"),
            (Dot, 251, "accepted"),
            (Dot, 354, "unexpected"),
            (Dot, 421, "deferred"),
            (Dot, 451, "deferred"),
            (Dot, 452, "deferred"),
            (Dot, 550, "refused"),
            (Dot, 552, "refused"),
            (Dot, 554, "refused"),
        ];
        for (at, code, expected) in table {
            let reply = Reply {
                code: *code,
                text: String::new(),
            };
            assert_eq!(name(&classify(*at, &reply)), *expected, "{code} at {at}");
        }
    }

    #[test]
    fn replies_are_taken_one_by_one_from_what_has_arrived() {
        let bytes = b"250-one\r\n250 two\r\n550 5.1.1 no\r\n25";
        let (reply, taken) = Reply::parse(bytes).expect("valid").expect("complete");
        assert_eq!((reply.code, reply.text.as_str()), (250, "one\ntwo"));
        let (reply, more) = Reply::parse(&bytes[taken..])
            .expect("valid")
            .expect("complete");
        assert_eq!((reply.code, reply.text.as_str()), (550, "5.1.1 no"));
        assert_eq!(Reply::parse(&bytes[taken + more..]).expect("valid"), None);
        assert_eq!(
            Reply::parse(b"250\r\n").expect("valid").map(|r| r.0.code),
            Some(250)
        );
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"250-a\r\n251 b\r\n",
            b"25\r\n",
            b"\r\n",
            b"999 x\r\n",
            b"250x\r\n",
        ] {
            assert!(
                Reply::parse(bytes).is_err(),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
        assert!(Reply::parse(&vec![b'2'; LINE_BYTES + 1]).is_err());
        assert!(Reply::parse(&b"250-x\r\n".repeat(REPLY_BYTES / 7 + 1)).is_err());
    }

    #[test]
    fn texts_are_cut_and_cannot_drive_a_terminal() {
        assert_eq!(
            clean("5.1.1 \x1b[31mno\r\nsuch\tuser"),
            "5.1.1  [31mno  such user"
        );
        assert_eq!(clean(&"é".repeat(600)).chars().count(), 500);
    }
}
