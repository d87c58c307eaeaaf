//! Bodies that are never whole in memory: files that are sent row by row, and read as they come.

use std::{
    io::{self, Read},
    pin::pin,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::{sync::mpsc, task::unconstrained};

use super::Problem;
use crate::ops::OpsError;

/// Pieces of a body that were read and not yet taken.
const AHEAD: usize = 4;

/// Sends pages as they are made. What is wrong with the first one is a problem; later the body is cut off, which
/// a client sees.
pub(super) async fn file(
    content_type: &'static str,
    pages: impl Stream<Item = Result<Vec<u8>, OpsError>> + Send + 'static,
) -> Result<Response, Problem> {
    let mut pages = Box::pin(pages);
    let first = pages.try_next().await?.unwrap_or_default();
    let rest = pages.inspect_err(|error| tracing::error!(%error, "an export was cut off"));
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest));
    let kind = HeaderValue::from_static(content_type);
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// A body as something that blocks while it is read; for a thread of its own, inside a runtime or not.
pub(super) struct Incoming {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

/// The reader, and what fills it until the body ends or nobody reads any more; false: the body broke off.
pub(super) fn incoming(body: Body) -> (Incoming, impl Future<Output = bool> + Send) {
    let (to, pieces) = mpsc::channel(AHEAD);
    let fill = async move {
        let mut stream = pin!(body.into_data_stream());
        while let Some(piece) = stream.next().await {
            let is_broken = piece.is_err();
            let is_over = to.send(piece.map_err(io::Error::other)).await.is_err();
            if is_broken || is_over {
                return !is_broken;
            }
        }
        true
    };
    let piece = Bytes::new();
    (Incoming { pieces, piece }, fill)
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            // Without tokio's budget, which nobody would renew here.
            let next = unconstrained(self.pieces.recv());
            match futures::executor::block_on(next) {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let taken = self.piece.split_to(into.len().min(self.piece.len()));
        into[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}
