//! mailin's handler: gathers envelope and message of one connection and hands whole mails to the store.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use mailin::{
    Handler, Response,
    response::{NO_STORAGE, OK, OUT_OF_SPACE, START_DATA},
};

use super::{
    command::{MAX_MESSAGE_BYTES, NULL_SENDER},
    mail::Mail,
    store::{Store, now_ms},
};

/// RFC 5321, 4.5.3.1.8 asks for at least this many.
const MAX_RECIPIENTS: usize = 100;

/// A buffer up to this size is kept for the connection's next mail and not counted.
const SMALL_BYTES: usize = 64 * 1024;

/// Long messages being received on all connections together may take this much, bytes.
const INCOMING_LIMIT_BYTES: u64 = 256 * 1024 * 1024;

pub(super) struct Receiver {
    store: Arc<Store>,
    recipients: usize,
    /// Envelope and message, in the layout of [`Mail`].
    bytes: Vec<u8>,
    source_at: usize,
    refused: Option<Response>,
    /// This connection's part of `Store::incoming_bytes`.
    incoming_bytes: u64,
}

impl Receiver {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            recipients: 0,
            bytes: Vec::new(),
            source_at: 0,
            refused: None,
            incoming_bytes: 0,
        }
    }

    /// Gives back a long message's room.
    fn reset(&mut self) {
        self.bytes.clear();
        if self.incoming_bytes > 0 {
            self.bytes = Vec::new();
            self.store
                .incoming_bytes
                .fetch_sub(self.incoming_bytes, Ordering::Relaxed);
            self.incoming_bytes = 0;
        }
    }

    /// Makes room for a long message by steps of its own length; false when all of them together are too much.
    fn reserve(&mut self, more: usize) -> bool {
        let needed = self.bytes.len() + more;
        if needed <= SMALL_BYTES.max(self.bytes.capacity()) {
            return true;
        }
        let capacity = needed.next_power_of_two();
        let step = capacity as u64 - self.incoming_bytes;
        let before = self.store.incoming_bytes.fetch_add(step, Ordering::Relaxed);
        self.incoming_bytes += step;
        if before + step > INCOMING_LIMIT_BYTES {
            return false;
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
        true
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.reset();
    }
}

impl Handler for Receiver {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, _from: &str) -> Response {
        self.recipients = 0;
        OK
    }

    fn rcpt(&mut self, _to: &str) -> Response {
        if self.recipients == MAX_RECIPIENTS {
            return Response::custom(452, "Too many recipients".to_owned());
        }
        self.recipients += 1;
        OK
    }

    fn data_start(&mut self, _domain: &str, from: &str, _is8bit: bool, to: &[String]) -> Response {
        self.reset();
        self.refused = None;
        let from = if from == NULL_SENDER { "" } else { from };
        self.bytes.extend_from_slice(from.as_bytes());
        self.bytes.push(b'\n');
        for (at, recipient) in to.iter().enumerate() {
            if !to[..at].contains(recipient) {
                self.bytes.extend_from_slice(recipient.as_bytes());
                self.bytes.push(b'\n');
            }
        }
        self.source_at = self.bytes.len();
        START_DATA
    }

    fn data(&mut self, part: &[u8]) -> io::Result<()> {
        if self.refused.is_some() {
            return Ok(());
        }
        if self.bytes.len() - self.source_at + part.len() > MAX_MESSAGE_BYTES {
            self.reset();
            self.refused = Some(NO_STORAGE);
        } else if self.reserve(part.len()) {
            self.bytes.extend_from_slice(part);
        } else {
            self.reset();
            self.refused = Some(OUT_OF_SPACE);
        }
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        if let Some(mut reply) = self.refused.take() {
            // mailin stays in the message after an error here, and would read the next commands as text.
            reply.is_error = false;
            return reply;
        }
        let mail = Mail::new(self.bytes.as_slice().into(), self.source_at, now_ms());
        self.reset();
        Response::custom(250, format!("OK queued as {}", self.store.push(mail)))
    }
}
