//! One SMTP dialogue: bytes in, replies out. The replies depend on the bytes alone, not on how they were cut
//! into packets.

use std::{net::IpAddr, sync::Arc};

use mailin::{Action, Session as Dialogue, SessionBuilder};

use super::{
    command::{self, MAX_MESSAGE_BYTES},
    receiver::Receiver,
    store::Store,
};

/// A command line with its CRLF; RFC 5321 asks for 512 and room for the parameters of extensions.
const MAX_LINE_BYTES: usize = 2_048;

/// Refused commands in a row before the connection is closed: whoever is there doesn't speak SMTP.
const MAX_REFUSALS: u32 = 100;

const NAME: &str = "inbox";

pub(super) struct Session {
    dialogue: Dialogue<Receiver>,
    state: State,
    refusals: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Command,
    /// In a command line that is already too long, until it ends.
    LongLine,
    /// In a message; a dot means something only at the start of a line.
    Message {
        line_start: bool,
    },
    Closed,
}

impl Session {
    /// Also writes the greeting.
    pub(super) fn open(ip: IpAddr, store: Arc<Store>, out: &mut Vec<u8>) -> Self {
        let dialogue = SessionBuilder::new(NAME).build(ip, Receiver::new(store));
        reply(out, b"220 inbox ESMTP");
        Self {
            dialogue,
            state: State::Command,
            refusals: 0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn is_in_message(&self) -> bool {
        matches!(self.state, State::Message { .. })
    }

    /// Takes every whole command and all of a message in `input`, writes all replies (RFC 2920, 3.2), and
    /// returns how much it has taken. The rest is to be given again, with more.
    pub(super) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let taken = match self.state {
                State::Command => self.command(rest, out),
                State::LongLine => self.long_line(rest, out),
                State::Message { line_start } => self.message(rest, line_start, out),
                State::Closed => return input.len(),
            };
            if taken == 0 {
                return at;
            }
            at += taken;
        }
    }

    fn command(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(end) = line_end(rest, MAX_LINE_BYTES) else {
            if rest.len() <= MAX_LINE_BYTES {
                return 0;
            }
            self.state = State::LongLine;
            return MAX_LINE_BYTES;
        };
        let line = &rest[..end];
        match command::canonical(line) {
            Ok(line) => self.process(&line, out),
            Err(refusal) => {
                reply(out, refusal.as_bytes());
                self.refused(out);
            }
        }
        end
    }

    fn process(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let response = self.dialogue.process(line);
        let hello = line
            .get(..4)
            .is_some_and(|verb| verb.eq_ignore_ascii_case(b"EHLO"));
        if hello && response.code == 250 {
            // mailin's own answer announces neither PIPELINING nor SIZE.
            reply(out, b"250-inbox");
            reply(out, b"250-8BITMIME");
            reply(out, b"250-PIPELINING");
            reply(out, b"250-SMTPUTF8");
            reply(out, format!("250 SIZE {MAX_MESSAGE_BYTES}").as_bytes());
        } else {
            write(&response, out);
        }
        if response.action == Action::Close {
            self.state = State::Closed;
        } else if response.code == 354 {
            self.state = State::Message { line_start: true };
        }
        if response.is_error {
            self.refused(out);
        } else {
            self.refusals = 0;
        }
    }

    fn refused(&mut self, out: &mut Vec<u8>) {
        self.refusals += 1;
        if self.refusals == MAX_REFUSALS && !self.is_closed() {
            reply(out, b"421 Too many errors, closing connection");
            self.state = State::Closed;
        }
    }

    fn long_line(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        match line_end(rest, rest.len()) {
            None => rest.len(),
            Some(end) => {
                self.state = State::Command;
                reply(out, b"500 Line too long");
                self.refused(out);
                end
            }
        }
    }

    /// Passes on as many lines at once as it can: mailin only has to see those apart that begin with a dot.
    fn message(&mut self, rest: &[u8], line_start: bool, out: &mut Vec<u8>) -> usize {
        if line_start {
            if rest.starts_with(b".\r\n") {
                let response = self.dialogue.process(b".\r\n");
                write(&response, out);
                self.state = State::Command;
                self.refusals = 0;
                return 3;
            }
            if b".\r\n".starts_with(rest) {
                // Also when nothing is there.
                return 0;
            }
        } else if rest.first() == Some(&b'.') {
            // In the middle of a line mailin would take this dot for a stuffed one: give it one to remove.
            self.dialogue.process(b"..");
            return 1;
        }
        let (end, line_start) = message_part(rest);
        if end > 0 {
            self.dialogue.process(&rest[..end]);
            self.state = State::Message { line_start };
        }
        end
    }
}

/// Where the first line ends, looking at no more than `limit` bytes.
fn line_end(rest: &[u8], limit: usize) -> Option<usize> {
    rest[..rest.len().min(limit)]
        .iter()
        .position(|b| *b == b'\n')
        .map(|at| at + 1)
}

/// The longest part up to a line that begins with a dot, and whether a line starts behind it. A CR at the
/// very end waits for what follows it.
fn message_part(rest: &[u8]) -> (usize, bool) {
    let mut from = 1;
    while let Some(dot) = rest
        .get(from..)
        .and_then(|r| r.iter().position(|b| *b == b'.'))
    {
        let dot = from + dot;
        if rest[..dot].ends_with(b"\r\n") {
            return (dot, true);
        }
        from = dot + 1;
    }
    if rest.ends_with(b"\r\n") {
        (rest.len(), true)
    } else if rest.ends_with(b"\r") {
        (rest.len() - 1, false)
    } else {
        (rest.len(), false)
    }
}

fn write(response: &mailin::Response, out: &mut Vec<u8>) {
    response
        .write_to(out)
        .expect("a Vec takes all that is written");
}

fn reply(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.extend_from_slice(b"\r\n");
}
