//! TLS with a given certificate: rustls with ring, behind axum's listener.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::{Error, Result};

/// Seconds that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections past their handshake that wait to be served.
const WAITING: usize = 128;

/// Reads a certificate chain and its key, both PEM.
///
/// # Errors
/// `bad_certificate` with what is wrong.
pub fn config(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let bad = |what: String| {
        Error::api("bad_certificate", format!("The certificate or key cannot be used: {what}."))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| bad(format!("{}: {e}", cert.display())))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(format!("{}: {e}", key.display())))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| bad(e.to_string()))?;
    Ok(Arc::new(config))
}

/// Connections that have made their handshake.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

/// Out of descriptors: lets some connections close before the next attempt, which would otherwise
/// fail at once and keep a processor busy.
#[allow(clippy::disallowed_methods)]
async fn breathe() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Accepts connections and makes their handshakes side by side, so that a slow one holds up nobody.
pub fn listen(listener: TcpListener, config: Arc<ServerConfig>) -> Result<TlsListener> {
    let address = listener.local_addr()?;
    let (send, ready) = mpsc::channel(WAITING);
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        while !send.is_closed() {
            let Ok((stream, from)) = listener.accept().await else {
                breathe().await;
                continue;
            };
            let (acceptor, send) = (acceptor.clone(), send.clone());
            tokio::spawn(async move {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    drop(send.send((stream, from)).await);
                }
            });
        }
    });
    Ok(TlsListener { ready, address })
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ends only with the runtime.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}
