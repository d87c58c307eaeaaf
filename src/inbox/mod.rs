//! A development mail server: takes mails by SMTP, keeps the newest ones in memory, shows them by HTTP.
//!
//! It speaks Inbucket's REST API v1, so that whatever talks to Inbucket talks to it. It must never be the
//! slowest stage of a campaign: at reception a mail is bytes, and is parsed when somebody looks at it.
//!
//! Reading order: bytes come in through `server`, become commands and replies in `session` (over the crate
//! mailin) and a [`Mail`] in `receiver`; [`Store`] keeps and counts them; `api`, `browse` and `page` show them.

// The order is the reader's; blank lines keep rustfmt from sorting it.
mod server;

mod session;

mod command;

mod receiver;

mod mail;

mod store;

mod counters;
mod mailboxes;

mod api;

mod browse;
mod view;

mod page;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{config::Config, http};

pub use counters::Stats;
pub use mail::Mail;
pub use store::Store;

/// Where the web page and the REST API are unless `COMMS_HTTP_ADDR` says otherwise.
pub const DEFAULT_HTTP_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9000);

/// How long open connections may take to end once the inbox is told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Both listeners, bound but not yet serving.
#[derive(Debug)]
pub struct Inbox {
    smtp: TcpListener,
    http: TcpListener,
    store: Arc<Store>,
}

impl Inbox {
    /// Takes both ports.
    ///
    /// # Errors
    /// When a port can't be taken; the error names the address and the setting to change.
    pub async fn bind(config: &Config) -> Result<Self> {
        Ok(Self {
            smtp: http::bind(config.inbox_smtp_addr, "COMMS_INBOX_SMTP_ADDR").await?,
            http: http::bind(
                config.http_addr.unwrap_or(DEFAULT_HTTP_ADDR),
                "COMMS_HTTP_ADDR",
            )
            .await?,
            store: Arc::new(Store::new(config.inbox_bytes)),
        })
    }

    /// Where SMTP is really taken (the port may have been 0).
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn smtp_addr(&self) -> Result<SocketAddr> {
        Ok(self.smtp.local_addr()?)
    }

    /// Where HTTP is really answered.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn http_addr(&self) -> Result<SocketAddr> {
        Ok(self.http.local_addr()?)
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Serves until `stop` is cancelled, then lets open connections end for at most 5 s.
    ///
    /// # Errors
    /// When the HTTP server fails.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let smtp = tokio::spawn(server::serve(self.smtp, self.store.clone(), stop.clone()));
        let router = api::router(self.store, stop.clone());
        let http =
            axum::serve(self.http, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let http = tokio::spawn(http.into_future());
        stop.cancelled().await;
        let drained = tokio::time::timeout(DRAIN, async {
            smtp.await.context("the SMTP server failed")?;
            http.await.context("the HTTP server failed")??;
            anyhow::Ok(())
        });
        match drained.await {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!(
                    "connections were still open {} s after the stop, cutting them off",
                    DRAIN.as_secs()
                );
                Ok(())
            }
        }
    }
}
