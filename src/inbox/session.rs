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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    /// The replies to `input` given in pieces of these lengths (the last one repeated), and the store.
    fn talk(input: &[u8], pieces: &[usize]) -> (String, Arc<Store>) {
        let store = Arc::new(Store::new(100_000_000));
        let mut out = Vec::new();
        let mut session = Session::open(Ipv4Addr::LOCALHOST.into(), store.clone(), &mut out);
        let mut pieces = pieces
            .iter()
            .copied()
            .chain(std::iter::repeat(pieces[pieces.len() - 1]));
        let (mut given, mut held) = (0, Vec::new());
        while given < input.len() {
            let piece = pieces.next().unwrap().max(1).min(input.len() - given);
            held.extend_from_slice(&input[given..given + piece]);
            given += piece;
            let taken = session.feed(&held, &mut out);
            held.drain(..taken);
            assert!(
                held.len() <= MAX_LINE_BYTES,
                "{} bytes held back",
                held.len()
            );
        }
        (String::from_utf8(out).unwrap(), store)
    }

    fn codes(replies: &str) -> Vec<&str> {
        replies
            .lines()
            .filter(|l| l.as_bytes().get(3) == Some(&b' '))
            .map(|l| &l[..3])
            .collect()
    }

    const HELLO: &str =
        "EHLO client\r\nMAIL FROM:<a@x> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<b@x>\r\nDATA\r\n";

    #[test]
    fn a_pipelined_group_is_answered_in_order() {
        let input = format!(
            "{HELLO}Subject: x\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<c@x>\r\nDATA\r\n.\r\nQUIT\r\nNOOP\r\n"
        );
        let (replies, store) = talk(input.as_bytes(), &[usize::MAX]);
        assert_eq!(
            codes(&replies),
            [
                "220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"
            ]
        );
        for extension in ["8BITMIME", "PIPELINING", "SIZE 26214400"] {
            assert!(replies.contains(extension), "{replies}");
        }
        let mail = store.latest("b").unwrap();
        assert_eq!(mail.source(), b"Subject: x\r\n\r\n.dot\r\n");
        assert_eq!(
            (mail.from(), store.latest("c").unwrap().from()),
            ("a@x", "")
        );
    }

    #[test]
    fn bad_input_gets_the_right_replies() {
        let many: String = (0..101).map(|n| format!("RCPT TO:<u{n}@x>\r\n")).collect();
        let long = "x".repeat(5_000);
        let input = format!(
            "DATA\r\nMAIL FROM:<a@x>\r\nWHAT\r\nNOOP\n{long}\r\nEHLO c\r\nDATA\r\nRCPT TO:<b@x>\r\nMAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\nDATA\r\n{many}RSET\r\nRCPT TO:<b@x>\r\nVRFY a\r\nSTARTTLS\r\nQUIT\r\n"
        );
        let (replies, _) = talk(input.as_bytes(), &[usize::MAX]);
        let codes = codes(&replies);
        assert_eq!(
            codes[..12],
            [
                "220", "503", "503", "500", "500", "500", "250", "503", "503", "250", "503", "503"
            ]
        );
        assert_eq!(codes[12..112], ["250"; 100]);
        assert_eq!(codes[112..], ["452", "250", "503", "252", "503", "221"]);
    }

    #[test]
    fn an_oversized_message_is_refused_and_the_session_goes_on() {
        let line = "x".repeat(998) + "\r\n";
        let input = format!(
            "{HELLO}{}.\r\n{}QUIT\r\n",
            line.repeat(26_300),
            &HELLO[13..].replace("DATA\r\n", "DATA\r\nshort\r\n.\r\n")
        );
        let (replies, store) = talk(input.as_bytes(), &[32_768]);
        assert_eq!(
            codes(&replies),
            [
                "220", "250", "250", "250", "354", "552", "250", "250", "354", "250", "221"
            ]
        );
        assert_eq!(store.latest("b").unwrap().source(), b"short\r\n");
        assert_eq!(
            store
                .incoming_bytes
                .load(std::sync::atomic::Ordering::Relaxed),
            0
        );
    }

    #[test]
    fn whoever_does_not_speak_smtp_is_cut_off() {
        let (replies, _) = talk(&b"GET / HTTP/1.1\r\n".repeat(500), &[usize::MAX]);
        assert_eq!(codes(&replies).len(), 1 + 100 + 1);
        assert!(replies.ends_with("421 Too many errors, closing connection\r\n"));
    }

    #[test]
    fn only_a_dot_between_two_crlf_ends_a_message() {
        let smuggled = "a\n.\nb\n.\r\nc\r.\r\n.\rd\r\n.\n\r\n";
        let (_, store) = talk(format!("{HELLO}{smuggled}.\r\n").as_bytes(), &[usize::MAX]);
        assert_eq!(
            store.latest("b").unwrap().source(),
            b"a\n.\nb\n.\r\nc\r.\r\n\rd\r\n\n\r\n"
        );
        assert_eq!(store.stats().mails, 1);
    }

    /// Fragments that matter, in any order, so that the states are reached.
    fn fragment() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => Just(HELLO.as_bytes().to_vec()),
            3 => Just(b"\r\n.\r\n".to_vec()),
            1 => prop::sample::select(vec![
                &b"."[..], b"\r", b"\n", b"..", b".\r\n", b"RSET\r\n", b"QUIT\r\n", b"MAIL FROM:<>\r\n",
                b"MAIL FROM:<", b"RCPT TO:<\xff>\r\n", b"DATA\r\n", b"EHLO x\r\n", b"HELO \r\n", b"AUTH PLAIN\r\n",
            ]).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..40),
            1 => (1_000_usize..3_000).prop_map(|n| vec![b'z'; n]),
        ]
    }

    proptest! {
        #[test]
        fn the_replies_do_not_depend_on_the_chunking(
            fragments in prop::collection::vec(fragment(), 1..12),
            pieces in prop::collection::vec(1_usize..200, 1..20),
        ) {
            let input = fragments.concat();
            let (whole, at_once) = talk(&input, &[usize::MAX]);
            let (cut, in_pieces) = talk(&input, &pieces);
            prop_assert_eq!(whole, cut);
            let sources = |store: &Store| -> Vec<Vec<u8>> {
                store.newest(None, 100).iter().map(|m| m.source().to_vec()).collect()
            };
            prop_assert_eq!(sources(&at_once), sources(&in_pieces));
        }

        #[test]
        fn a_dot_stuffed_message_comes_back_as_it_was(
            lines in prop::collection::vec("[.a\r\u{e9}]{0,6}", 0..20),
            piece in 1_usize..50,
        ) {
            let message: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
            let stuffed = message.split_inclusive("\r\n").fold(String::new(), |text, line| {
                text + if line.starts_with('.') { "." } else { "" } + line
            });
            let (_, store) = talk(format!("{HELLO}{stuffed}.\r\n").as_bytes(), &[piece]);
            let mail = store.latest("b").unwrap();
            prop_assert_eq!(mail.source(), message.as_bytes());
        }
    }
}
