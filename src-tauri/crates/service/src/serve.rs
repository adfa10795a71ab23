//! Takes connections and serves the routes on them, behind TLS where there is a certificate, until
//! told to stop.
//!
//! HTTP/1.1, which is what laptops speak. Not axum's own loop: that gives a stranger for ever to send
//! the head of a request, and so a connection for nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long requests that have begun may take to end once the service was told to stop: a stranger who
/// never ends what they began would keep it for ever.
const DRAIN: Duration = Duration::from_secs(10);

/// Everybody who comes to `listener` is served from `router` until `stop` ends and what had begun by
/// then is answered. A connection on which no request's head comes within `patience` is closed, the
/// first time and between two requests.
///
/// `keys` are the certificate and its key for TLS.
pub async fn serve(
    listener: TcpListener,
    keys: Option<Arc<ServerConfig>>,
    router: Router,
    patience: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let door = Door { http, router, acceptor: keys.map(TlsAcceptor::from) };
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(door.clone().enter(stream, open.watcher()))),
            Err(_) => breathe().await,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, open.shutdown()).await.is_err() {
        tracing::warn!("stopped with requests unfinished");
    }
}

/// Out of descriptors: lets some connections close before the next attempt, which would otherwise
/// fail at once and keep a processor busy.
#[allow(clippy::disallowed_methods, reason = "no test waits for it")]
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// What serves one connection.
#[derive(Clone)]
struct Door {
    http: http1::Builder,
    router: Router,
    acceptor: Option<TlsAcceptor>,
}

impl Door {
    /// Serves a connection to its end. A slow handshake holds up nobody else.
    async fn enter(self, stream: TcpStream, watcher: Watcher) {
        // A reply is one piece: waiting for more to send with it only makes it late. Where that cannot
        // be set it is late and right.
        let _ = stream.set_nodelay(true);
        match self.acceptor.clone() {
            None => self.answer(stream, watcher).await,
            Some(acceptor) => {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    self.answer(stream, watcher).await;
                }
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, watcher: Watcher) {
        let routes = TowerToHyperService::new(self.router);
        let connection = self.http.serve_connection(TokioIo::new(stream), routes);
        // How a connection ended is its client's affair; what was asked on it is in the log.
        drop(watcher.watch(connection).await);
    }
}
