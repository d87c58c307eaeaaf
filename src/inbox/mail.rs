//! One mail as it came in: envelope and bytes. Nothing is parsed before somebody asks.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

/// What a mail costs besides its bytes: itself, its place in the store, its entry in a mailbox.
pub(super) const OVERHEAD_BYTES: usize = 144;

/// A received mail.
///
/// Envelope and message share one allocation: sender, recipients, each ended by a line feed, then the
/// message exactly as it was sent (dots unstuffed).
pub struct Mail {
    /// Position in the order of arrival; set by the store, which never gives a number twice.
    pub(super) id: u64,
    /// Unix time, ms.
    pub(super) arrived_at_ms: i64,
    seen: AtomicBool,
    source_at: usize,
    bytes: Box<[u8]>,
}

impl Mail {
    /// `bytes` is the layout above, `source_at` where the message begins in it.
    pub(super) fn new(bytes: Box<[u8]>, source_at: usize, arrived_at_ms: i64) -> Self {
        debug_assert!(source_at <= bytes.len());
        Self {
            id: 0,
            arrived_at_ms,
            seen: AtomicBool::new(false),
            source_at,
            bytes,
        }
    }

    #[cfg(test)]
    pub(super) fn of(from: &str, to: &[&str], source: &[u8]) -> Self {
        let mut bytes = format!("{from}\n{}\n", to.join("\n")).into_bytes();
        let source_at = bytes.len();
        bytes.extend_from_slice(source);
        Self::new(bytes.into(), source_at, 1_700_000_000_000)
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Unix time, ms.
    pub fn arrived_at_ms(&self) -> i64 {
        self.arrived_at_ms
    }

    /// The sender of the envelope, empty for a bounce.
    pub fn from(&self) -> &str {
        self.envelope().next().unwrap_or_default()
    }

    /// The recipients of the envelope, each once.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.envelope().skip(1)
    }

    /// The message as it was sent.
    pub fn source(&self) -> &[u8] {
        &self.bytes[self.source_at..]
    }

    pub fn seen(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    pub fn mark_seen(&self, seen: bool) {
        self.seen.store(seen, Ordering::Relaxed);
    }

    /// What keeping this mail costs, bytes.
    pub(super) fn cost(&self) -> u64 {
        (self.bytes.len() + OVERHEAD_BYTES) as u64
    }

    fn envelope(&self) -> impl Iterator<Item = &str> {
        // The receiver only lets UTF-8 in.
        std::str::from_utf8(&self.bytes[..self.source_at])
            .unwrap_or_default()
            .split_terminator('\n')
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither addresses nor content belong in a log.
        f.debug_struct("Mail")
            .field("id", &self.id)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The mailbox of an address as Inbucket names it by default: the local part in lower case, without `+tag`.
/// A bare name is its own local part.
pub(super) fn mailbox_of(address: &str) -> String {
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let local = match local.find('+') {
        Some(at) if at > 0 => &local[..at],
        _ => local,
    };
    local.to_lowercase()
}

/// The header fields of a message, name and raw value (still folded), up to the empty line.
pub(super) fn header_fields(source: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = source;
    std::iter::from_fn(move || {
        loop {
            let end = field_end(rest);
            let (field, after) = rest.split_at(end);
            if field.is_empty() || field == b"\r\n" || field == b"\n" {
                return None;
            }
            rest = after;
            if let Some(colon) = field.iter().position(|b| *b == b':') {
                return Some((
                    field[..colon].trim_ascii_end(),
                    field[colon + 1..].trim_ascii(),
                ));
            }
        }
    })
}

/// The end of the first field with its continuation lines (RFC 5322, 2.2.3).
fn field_end(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = rest[at..].iter().position(|b| *b == b'\n') {
        at += line + 1;
        let blank = at <= 2 && rest[..at].trim_ascii().is_empty();
        if blank || !matches!(rest.get(at), Some(b' ' | b'\t')) {
            return at;
        }
    }
    rest.len()
}

/// The Message-ID of a message, with its angle brackets.
pub(super) fn message_id(source: &[u8]) -> Option<&[u8]> {
    header_fields(source)
        .find(|(name, _)| name.eq_ignore_ascii_case(b"message-id"))
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_the_local_part_without_its_tag() {
        assert_eq!(mailbox_of("Ann.Lee+news@Example.com"), "ann.lee");
        assert_eq!(mailbox_of("swaks"), "swaks");
        assert_eq!(mailbox_of("+odd@example.com"), "+odd");
        assert_eq!(mailbox_of("\"a@b\"@example.com"), "\"a@b\"");
    }

    #[test]
    fn the_message_id_is_found_without_parsing_the_mail() {
        assert_eq!(
            message_id(b"Subject: x\r\nmessage-id:\r\n <1@a>\r\n\r\nbody"),
            Some(&b"<1@a>"[..])
        );
        assert_eq!(
            message_id(b"Subject: x\r\n\r\nMessage-ID: <in the body>\r\n"),
            None
        );
        assert_eq!(message_id(b"Message-ID:\r\n\r\n"), None);
        assert_eq!(message_id(b""), None);
    }

    #[test]
    fn a_mail_gives_back_its_envelope_and_its_exact_source() {
        let mail = Mail::of("", &["a@x", "b@x"], b"\n\r\n.\xff");
        assert_eq!(mail.from(), "");
        assert_eq!(mail.recipients().collect::<Vec<_>>(), ["a@x", "b@x"]);
        assert_eq!(mail.source(), b"\n\r\n.\xff");
    }
}
