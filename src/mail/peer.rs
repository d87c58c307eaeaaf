//! A mail server for tests that says exactly what it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::settings::SmtpSettings;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

/// The server's side of one connection.
pub(super) struct Session {
    wire: Box<dyn Wire>,
    read: Vec<u8>,
    /// Counts from 0.
    pub(super) number: usize,
}

impl Session {
    pub(super) fn over(tcp: TcpStream) -> Self {
        // Each reply is a write of its own: with Nagle's algorithm, a group would take 40 ms.
        tcp.set_nodelay(true).expect("connected");
        Self {
            wire: Box::new(tcp),
            read: Vec::new(),
            number: 0,
        }
    }

    pub(super) async fn say(&mut self, text: &str) {
        let text = text.replace('\n', "\r\n") + "\r\n";
        // The client may be gone, which the test then sees on its side.
        let _ = self.wire.write_all(text.as_bytes()).await;
        let _ = self.wire.flush().await;
    }

    /// What one read brings; empty when the client is gone.
    pub(super) async fn chunk(&mut self) -> String {
        if self.read.is_empty() {
            self.read.reserve(64 * 1024);
            let _ = self.wire.read_buf(&mut self.read).await;
        }
        String::from_utf8(std::mem::take(&mut self.read)).expect("tests speak UTF-8")
    }

    /// The next line without its end; `None` when the client is gone.
    pub(super) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.wire.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(super) async fn expect(&mut self, start: &str) -> String {
        let line = self.line().await.unwrap_or_default();
        assert!(line.starts_with(start), "expected {start:?}, got {line:?}");
        line
    }

    pub(super) async fn hello(&mut self, extensions: &str) {
        self.say("220 peer ESMTP").await;
        self.ehlo(extensions).await;
    }

    pub(super) async fn ehlo(&mut self, extensions: &str) {
        self.expect("EHLO ").await;
        let mut lines: Vec<&str> = vec!["peer"];
        lines.extend(extensions.split_whitespace());
        let (last, others) = lines.split_last().expect("not empty");
        for line in others {
            self.say(&format!("250-{}", line.replace('_', " "))).await;
        }
        self.say(&format!("250 {}", last.replace('_', " "))).await;
    }

    /// The lines of a body up to the final dot, which is not part of it.
    pub(super) async fn body(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            if line == "." {
                return lines;
            }
            lines.push(line);
        }
        panic!("the client hung up in the body");
    }

    /// Answers one dialogue after the other, each command with what `reply` says; `None` hangs up.
    /// `reply` gets the command, or `.` for a body.
    pub(super) async fn answer(&mut self, reply: impl Fn(&str) -> Option<String>) {
        let mut body = false;
        while let Some(line) = self.line().await {
            if body && line != "." {
                continue;
            }
            let Some(text) = reply(&line) else { return };
            body = text.starts_with("354");
            self.say(&text).await;
            if line == "QUIT" {
                return;
            }
        }
    }

    pub(super) async fn encrypt(self, identity: &Identity) -> Self {
        self.try_encrypt(identity).await.expect("a handshake")
    }

    pub(super) async fn try_encrypt(mut self, identity: &Identity) -> Option<Self> {
        let acceptor = TlsAcceptor::from(identity.config.clone());
        self.wire = Box::new(acceptor.accept(self.wire).await.ok()?);
        Some(self)
    }
}

/// Positive to everything.
pub(super) fn well(line: &str) -> Option<String> {
    Some(
        match line {
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 2.0.0 ok",
        }
        .to_owned(),
    )
}

pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Serves every connection with `script`, in a task of its own.
    pub(super) async fn start<F>(script: impl Fn(Session) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::serve(listener, script)
    }

    pub(super) fn serve<F>(
        listener: TcpListener,
        script: impl Fn(Session) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let port = listener.local_addr().expect("bound").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(script(Session {
                    number,
                    ..Session::over(tcp)
                }));
            }
        });
        Self { port, connections }
    }

    pub(super) fn settings(&self) -> SmtpSettings {
        SmtpSettings::parse(&format!("smtp://127.0.0.1:{}", self.port)).expect("valid")
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A certificate for localhost that signs itself, and the file that makes clients trust it.
pub(super) struct Identity {
    config: Arc<rustls::ServerConfig>,
    file: tempfile::NamedTempFile,
}

impl Identity {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), made.cert.pem()).expect("written");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a key that fits");
        Self {
            config: Arc::new(config),
            file,
        }
    }

    pub(super) fn path(&self) -> String {
        self.file.path().display().to_string()
    }
}
