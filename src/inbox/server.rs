//! The SMTP listener and its connections: one read, all replies in one write.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{session::Session, store::Store};

/// More connections than this are told to come back later.
const MAX_CONNECTIONS: u64 = 1_000;

/// A connection that says nothing for one to two of these is closed (RFC 5321, 4.5.3.2.7 asks for 5 min).
const IDLE: Duration = Duration::from_secs(300);

const READ_BYTES: usize = 32 * 1024;

/// Accepts until `stop`, then waits for the connections to end.
pub(super) async fn serve(listener: TcpListener, store: Arc<Store>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let open = Open::count(store.clone());
                connections.spawn(connection(stream, peer, open, stop.clone()));
            }
            Err(e) => {
                // Out of file descriptors, most likely: give the open connections time to end.
                tracing::warn!("cannot accept an SMTP connection: {e}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, open: Open, stop: CancellationToken) {
    if let Err(e) = converse(stream, peer, &open, stop).await {
        tracing::debug!("an SMTP connection broke: {e}");
    }
}

async fn converse(
    mut stream: TcpStream,
    peer: SocketAddr,
    open: &Open,
    stop: CancellationToken,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if open.is_over_limit {
        return stream
            .write_all(b"421 Too many connections, try again later\r\n")
            .await;
    }
    let mut input = Vec::with_capacity(READ_BYTES);
    let mut replies = Vec::with_capacity(512);
    let mut session = Session::open(peer.ip(), open.store.clone(), &mut replies);
    let mut idle = tokio::time::interval_at(tokio::time::Instant::now() + IDLE, IDLE);
    let mut heard = true;
    let stopped = stop.cancelled();
    tokio::pin!(stopped);
    loop {
        if !replies.is_empty() {
            stream.write_all(&replies).await?;
            replies.clear();
        }
        if session.is_closed() {
            return stream.shutdown().await;
        }
        input.reserve(READ_BYTES);
        tokio::select! {
            biased;
            read = stream.read_buf(&mut input) => {
                if read? == 0 {
                    return Ok(());
                }
                heard = true;
            }
            _ = idle.tick() => {
                if !std::mem::take(&mut heard) {
                    return stream.write_all(b"421 Timeout, closing connection\r\n").await;
                }
            }
            // A message that is half here may still arrive: the stop cuts it off after a while.
            () = &mut stopped, if !session.is_in_message() => {
                return stream.write_all(b"421 Shutting down, closing connection\r\n").await;
            }
        }
        let taken = session.feed(&input, &mut replies);
        input.drain(..taken);
    }
}

/// Counts a connection for as long as it is open.
struct Open {
    store: Arc<Store>,
    is_over_limit: bool,
}

impl Open {
    fn count(store: Arc<Store>) -> Self {
        let before = store.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            store,
            is_over_limit: before >= MAX_CONNECTIONS,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.store.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
