//! Listening, and stopping without cutting off a request.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long requests in hand may take after the shutdown began.
const GRACE: Duration = Duration::from_secs(5);

/// Takes the address. `setting` names what the user can change, such as `COMMS_HTTP_ADDR`.
///
/// # Errors
/// When the address is in use or not ours; the error names the setting and the next step.
pub async fn bind(addr: SocketAddr, setting: &str) -> Result<TcpListener> {
    match TcpListener::bind(addr).await {
        Ok(listener) => Ok(listener),
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => bail!(
            "{addr} ({setting}) is in use: set {setting} to a free address or stop the other process"
        ),
        Err(e) => Err(e).with_context(|| format!("cannot listen on {addr} ({setting})")),
    }
}

/// Answers on `listener` until `shutdown`, then lets requests in hand finish for up to 5 s.
///
/// # Errors
/// When the listener breaks.
pub async fn serve_on(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> Result<()> {
    let stop = shutdown.clone();
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .into_future();
    let grace = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        done = server => done.context("the HTTP server broke"),
        () = grace => {
            tracing::warn!("requests were still open 5 s after the shutdown began and were cut off");
            Ok(())
        }
    }
}

/// [`bind`] and [`serve_on`].
///
/// # Errors
/// As both.
pub async fn serve(
    addr: SocketAddr,
    setting: &str,
    router: Router,
    shutdown: CancellationToken,
) -> Result<()> {
    serve_on(bind(addr, setting).await?, router, shutdown).await
}
