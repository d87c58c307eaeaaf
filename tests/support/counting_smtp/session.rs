//! One connection of the counting server (RFC 5321, and RFC 2920 for pipelining).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Act, Mail, Moment, Shared, Step, lock};

/// The connection ends.
struct Closed;

pub(super) async fn run(shared: Arc<Shared>, tcp: TcpStream) {
    let number = shared.opened.fetch_add(1, Ordering::AcqRel) + 1;
    let before = shared.open.fetch_add(1, Ordering::AcqRel);
    let _seat = Seat(&shared);
    let crowded = before >= shared.limit.load(Ordering::Acquire);
    // Replies of a group are written one by one: with Nagle's algorithm each group would take 40 ms.
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let session = Session {
        shared: &shared,
        tcp,
        number,
        read: Vec::with_capacity(16 * 1024),
        replies: Vec::new(),
        recipient: None,
        tries: 0,
        mail: false,
    };
    // It ends when the client is gone or the rule says so; both are as they should be.
    let _ = session.talk(crowded).await;
}

struct Seat<'a>(&'a Shared);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Session<'a> {
    shared: &'a Shared,
    tcp: TcpStream,
    number: u64,
    read: Vec<u8>,
    /// Written before the next read.
    replies: Vec<u8>,
    recipient: Option<String>,
    tries: u32,
    mail: bool,
}

impl Session<'_> {
    async fn talk(mut self, crowded: bool) -> Result<(), Closed> {
        if crowded {
            self.say("421 4.7.0 too many connections").await?;
        }
        self.step(Step::Greeting, "220 counting ESMTP").await?;
        loop {
            let line = self.line().await?;
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" => self.ehlo().await?,
                "MAIL" => {
                    self.forget();
                    self.mail = self.step(Step::Mail, "250 2.1.0 ok").await?;
                }
                "RCPT" => self.rcpt(&line).await?,
                "DATA" if self.recipient.is_none() => self.say("503 5.5.1 no recipient").await?,
                "DATA" => {
                    if self.step(Step::Data, "354 go on").await? {
                        self.body().await?;
                    }
                }
                "RSET" | "NOOP" => {
                    self.forget();
                    self.say("250 2.0.0 ok").await?;
                }
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    self.flush().await?;
                    return Err(Closed);
                }
                _ => self.say("500 5.5.2 what?").await?,
            }
        }
    }

    fn forget(&mut self) {
        self.mail = false;
        self.recipient = None;
        self.tries = 0;
    }

    async fn ehlo(&mut self) -> Result<(), Closed> {
        let pipelining = self.shared.pipelining.load(Ordering::Acquire);
        let extensions = if pipelining {
            "250-counting\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES"
        } else {
            "250-counting\r\n250 8BITMIME"
        };
        self.step(Step::Ehlo, extensions).await?;
        Ok(())
    }

    async fn rcpt(&mut self, line: &str) -> Result<(), Closed> {
        if !self.mail {
            return self.say("503 5.5.1 MAIL first").await;
        }
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let tries = {
            let mut tries = lock(&self.shared.tries);
            let tries = tries.entry(address.clone()).or_default();
            *tries += 1;
            *tries
        };
        self.recipient = Some(address);
        self.tries = tries;
        if !self.step(Step::Rcpt, "250 2.1.5 ok").await? {
            self.recipient = None;
        }
        Ok(())
    }

    async fn body(&mut self) -> Result<(), Closed> {
        self.flush().await?;
        let mut from = 0;
        let end = loop {
            // The dot may begin in the chunk before.
            if let Some(at) = find(&self.read[from..], b"\r\n.\r\n") {
                break from + at;
            }
            from = self.read.len().saturating_sub(4);
            self.more().await?;
        };
        let message_id = message_id(&self.read[..end]);
        self.read.drain(..end + 5);
        let mail = Mail {
            message_id,
            recipient: self.recipient.clone().unwrap_or_default(),
            connection: self.number,
            at: Instant::now(),
        };
        let act = self.act(Step::Dot);
        if act == Act::TakeAndCut {
            lock(&self.shared.mails).push(mail);
            return Err(Closed);
        }
        match self.perform(act).await? {
            Some(refusal) => self.say(refusal).await?,
            None => {
                // It counts before the reply is on its way: the client can't know more than the server.
                lock(&self.shared.mails).push(mail);
                self.say("250 2.0.0 taken").await?;
            }
        }
        self.forget();
        Ok(())
    }

    /// Answers as the rule says, else with `usual`. False when something else was said.
    async fn step(&mut self, step: Step, usual: &str) -> Result<bool, Closed> {
        let refusal = self.perform(self.act(step)).await?;
        self.say(refusal.unwrap_or(usual)).await?;
        Ok(refusal.is_none())
    }

    /// Does all of an act but for speaking: returns what is to be said instead of the usual.
    async fn perform(&mut self, act: Act) -> Result<Option<&'static str>, Closed> {
        match act {
            Act::Go => Ok(None),
            Act::Say(reply) => Ok(Some(reply)),
            Act::Slow(delay) => {
                self.flush().await?;
                tokio::time::sleep(delay).await;
                Ok(None)
            }
            Act::Cut | Act::TakeAndCut => Err(Closed),
            Act::Silent => {
                while self.more().await.is_ok() {
                    self.read.clear();
                }
                Err(Closed)
            }
        }
    }

    fn act(&self, step: Step) -> Act {
        let rule = Arc::clone(&lock(&self.shared.rule));
        rule(&Moment {
            step,
            connection: self.number,
            recipient: self.recipient.as_deref().unwrap_or_default(),
            tries: self.tries,
        })
    }

    async fn say(&mut self, reply: &str) -> Result<(), Closed> {
        self.replies.extend_from_slice(reply.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
        if reply.starts_with("421") {
            self.flush().await?;
            return Err(Closed);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        if !self.replies.is_empty() {
            let written = self.tcp.write_all(&self.replies).await;
            self.replies.clear();
            written.map_err(|_| Closed)?;
        }
        Ok(())
    }

    async fn more(&mut self) -> Result<(), Closed> {
        self.flush().await?;
        match self.tcp.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(Closed),
            Ok(_) => Ok(()),
        }
    }

    async fn line(&mut self) -> Result<String, Closed> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..end]).into_owned();
                self.read.drain(..end + 2);
                return Ok(line);
            }
            self.more().await?;
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

/// The header's value; empty when there is none.
fn message_id(mail: &[u8]) -> String {
    for line in mail.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let name = line.get(..11).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"message-id:") {
            return String::from_utf8_lossy(&line[11..]).trim().to_owned();
        }
    }
    String::new()
}
