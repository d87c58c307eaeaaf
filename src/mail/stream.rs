//! The bytes of one connection: TCP or TLS, whole groups out, single replies in.
//!
//! What is to be written is gathered and handed over at once, so that MAIL, RCPT and DATA, or a body and
//! its final dot, are one packet or one run of packets: two small writes in a row would meet Nagle's
//! algorithm and the peer's delayed acknowledgement, 40 ms a mail. The stream knows whether the kernel
//! has taken everything: until it has taken the last byte of the final dot, a mail can't be in doubt.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    reply::{OwnFault, Phase, Reply},
    settings::SmtpSettings,
};

/// A buffer that a big mail has grown is given back.
const KEEP_BYTES: usize = 256 * 1024;

enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(super) struct Stream {
    transport: Transport,
    /// What has arrived and was not yet read as a reply.
    arrived: Vec<u8>,
    /// What is to be handed over next, and how much of it was.
    leaving: Vec<u8>,
    handed: usize,
}

impl Stream {
    /// # Errors
    /// When no address of the host answers within `timeouts.connect`.
    pub(super) async fn connect(settings: &SmtpSettings) -> Result<Self, OwnFault> {
        let limit = settings.timeouts.connect;
        let (host, port) = (settings.host.as_str(), settings.port);
        let tcp = async {
            let tcp = TcpStream::connect((host, port)).await?;
            tcp.set_nodelay(true)?;
            Ok(tcp)
        };
        let tcp = limited(limit, tcp)
            .await
            .map_err(|e| OwnFault::new(Phase::Connect, format!("{host}:{port}: {e}")))?;
        Ok(Self {
            transport: Transport::Tcp(tcp),
            arrived: Vec::with_capacity(1024),
            leaving: Vec::with_capacity(4 * 1024),
            handed: 0,
        })
    }

    /// Encrypts what follows. Whatever was sent ahead in the clear would be taken for the server's
    /// word under TLS, so it is refused (RFC 3207 4.2).
    ///
    /// # Errors
    /// When the handshake fails, the certificate isn't trusted, or something was sent ahead.
    pub(super) async fn encrypt(self, settings: &SmtpSettings) -> Result<Self, OwnFault> {
        let fault = |text: &str| OwnFault::new(Phase::Tls, text);
        if !self.arrived.is_empty() {
            return Err(fault("the server spoke before the handshake"));
        }
        let (Some(config), Some(name)) = (&settings.tls_config, &settings.server_name) else {
            return Err(fault("not set up"));
        };
        let Transport::Tcp(tcp) = self.transport else {
            return Err(fault("encrypted already"));
        };
        let handshake = TlsConnector::from(config.clone()).connect(name.clone(), tcp);
        let tls = limited(settings.timeouts.hello, handshake)
            .await
            .map_err(|e| fault(&e.to_string()))?;
        Ok(Self {
            transport: Transport::Tls(Box::new(tls)),
            ..self
        })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// Where the next group is put together. What it held was handed over, or never will be.
    pub(super) fn next_group(&mut self) -> &mut Vec<u8> {
        self.leaving.clear();
        self.leaving.shrink_to(KEEP_BYTES);
        self.handed = 0;
        &mut self.leaving
    }

    /// Hands the group over to the kernel, in one write if it takes it.
    ///
    /// # Errors
    /// When the connection is lost, or the kernel hasn't taken it all within `limit`; how far it got
    /// is remembered.
    pub(super) async fn hand_over(&mut self, limit: Duration) -> io::Result<()> {
        limited(limit, async {
            while self.handed < self.leaving.len() {
                let rest = &self.leaving[self.handed..];
                let taken = match &mut self.transport {
                    Transport::Tcp(tcp) => tcp.write(rest).await?,
                    Transport::Tls(tls) => tls.write(rest).await?,
                };
                if taken == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                self.handed += taken;
            }
            match &mut self.transport {
                Transport::Tcp(_) => Ok(()),
                Transport::Tls(tls) => tls.flush().await,
            }
        })
        .await
    }

    /// True when the kernel has taken every byte of the group, encrypted or not. Without the last
    /// bytes of its last record, a peer can't read the end of an encrypted group.
    pub(super) fn is_handed_over(&self) -> bool {
        let encrypted_waits = match &self.transport {
            Transport::Tcp(_) => false,
            Transport::Tls(tls) => tls.get_ref().1.wants_write(),
        };
        self.handed == self.leaving.len() && !encrypted_waits
    }

    /// # Errors
    /// When the connection is lost, nothing complete comes within `limit`, or what comes is no reply.
    pub(super) async fn reply(&mut self, limit: Duration) -> io::Result<Reply> {
        // Replies to a group come together, so that the timer is rarely needed.
        if let Some(reply) = self.take_reply()? {
            return Ok(reply);
        }
        limited(limit, async {
            loop {
                self.receive().await?;
                if let Some(reply) = self.take_reply()? {
                    return Ok(reply);
                }
            }
        })
        .await
    }

    fn take_reply(&mut self) -> io::Result<Option<Reply>> {
        let Some((reply, length)) = Reply::parse(&self.arrived)? else {
            return Ok(None);
        };
        self.arrived.drain(..length);
        Ok(Some(reply))
    }

    /// Returns when the server says something unasked (421, as a rule) or is gone: what an idle
    /// connection waits for. Can be cancelled.
    pub(super) async fn unasked(&mut self) {
        if self.arrived.is_empty() {
            // An error and a word both mean that the connection is of no use any more.
            let _ = self.receive().await;
        }
    }

    async fn receive(&mut self) -> io::Result<()> {
        let count = match &mut self.transport {
            Transport::Tcp(tcp) => tcp.read_buf(&mut self.arrived).await?,
            Transport::Tls(tls) => tls.read_buf(&mut self.arrived).await?,
        };
        if count == 0 {
            let text = "the server closed the connection";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Ok(())
    }
}

async fn limited<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {limit:?}"),
        )),
    }
}
