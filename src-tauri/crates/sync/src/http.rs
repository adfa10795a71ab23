//! HTTP between laptop and service: signs each request, compresses bodies, keeps the nonce.

use std::error::Error;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::Duration;

use cairn_domain::op::sign_message;
use cairn_domain::{DeviceId, TenantId};
use cairn_protocol::auth::{
    DEVICE_HEADER, Hello, IMPORT_ROWS_HEADER, NONCE_HEADER, SIGNATURE_HEADER, STAGED_HEADER, SignInReply,
    SignInRequest, enrolment_message, request_message, signature_header,
};
use cairn_protocol::sync::{AFTER_REQUEST, HeadsReply, SyncReply, SyncRequest};
use cairn_protocol::{ApiError, code, updates};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rosters::Part;

/// The largest reply taken, decompressed, in bytes.
const MAX_REPLY: u64 = 512 << 20;
/// Bodies smaller than this are not worth compressing.
const COMPRESS_FROM: usize = 200;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the manifest of releases may take, and a package on a slow line.
const MANIFEST_TIME: Duration = Duration::from_secs(20);
const PACKAGE_TIME: Duration = Duration::from_secs(60 * 60);

/// How long a connection is kept for the next request. A laptop changes networks; a connection from
/// the one before would cost an attempt.
const IDLE: Duration = Duration::from_secs(5);

/// Who signs requests.
pub struct Signer {
    /// The device.
    pub device: DeviceId,
    /// Its key.
    pub key: Box<dyn Fn(&cairn_domain::Hash) -> String + Send + Sync>,
}

/// The way out of this program. Reading the certificates of the system takes longer than a whole
/// round trip, so whoever speaks to a service again and again keeps one.
#[derive(Debug, Default)]
pub struct Network {
    elsewhere: OnceLock<reqwest::Client>,
    /// A service on this computer is never behind a proxy.
    here: OnceLock<reqwest::Client>,
}

impl Network {
    /// As [`Client::new`].
    ///
    /// # Errors
    /// The same.
    pub fn client(
        &self,
        server: &str,
        signer: Option<Signer>,
        nonce: Option<String>,
    ) -> Result<Client, ApiError> {
        let (server, local) = address(server)?;
        let kept = if local { &self.here } else { &self.elsewhere };
        let http = match kept.get() {
            Some(http) => http.clone(),
            None => {
                let made = connector(local)?;
                // Where two come at once each makes one, and the first stays.
                kept.get_or_init(|| made).clone()
            }
        };
        Ok(Client { http, server, signer, nonce })
    }
}

/// The address of a service, and whether it is on this computer.
fn address(server: &str) -> Result<(Url, bool), ApiError> {
    let wrong = |why: String| ApiError::new("bad_server", why);
    let server =
        Url::parse(server).map_err(|e| wrong(format!("'{server}' is not a service address: {e}.")))?;
    let local = matches!(server.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match server.scheme() {
        "https" => Ok((server, local)),
        "http" if local => Ok((server, local)),
        "http" => Err(wrong("Use https: plain http is only for a service on this computer.".into())),
        other => Err(wrong(format!("'{other}' is not http or https."))),
    }
}

fn connector(local: bool) -> Result<reqwest::Client, ApiError> {
    // Another part of the program may have installed it already; that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none());
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().map_err(|e| ApiError::new("bad_server", format!("The network cannot be used: {e}.")))
}

/// A connection to one service.
pub struct Client {
    http: reqwest::Client,
    server: Url,
    signer: Option<Signer>,
    nonce: Option<String>,
}

impl Client {
    /// Prepares for `server`, e.g. `https://cairn.example.org`. Nothing is sent yet.
    ///
    /// # Errors
    /// `bad_server` where the address is not usable: not an address, or plain HTTP to anything but
    /// this computer (DESIGN "Security").
    pub fn new(server: &str, signer: Option<Signer>, nonce: Option<String>) -> Result<Self, ApiError> {
        Network::default().client(server, signer, nonce)
    }

    /// The nonce for the next request, to keep for the next session.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Asks for the service's key and a nonce to sign in with.
    ///
    /// # Errors
    /// `unreachable`, or what the service answers.
    pub async fn hello(&self) -> Result<Hello, ApiError> {
        let reply = self.http.get(self.url("/v1/hello")?).send().await.map_err(unreachable)?;
        decode(&receive(reply).await?.body()?)
    }

    /// Signs in and enrols `device_key`; `sign` signs with it. The reply brings the device's first nonce.
    ///
    /// # Errors
    /// `bad_credentials`, `rate_limited`, `account_disabled`, `unreachable`.
    pub async fn sign_in(
        &mut self,
        name: &str,
        password: &str,
        device_key: &str,
        sign: impl Fn(&cairn_domain::Hash) -> String,
    ) -> Result<SignInReply, ApiError> {
        let hello = self.hello().await?;
        let signature = sign(&enrolment_message(name, device_key, &hello.nonce));
        let request = SignInRequest {
            name: name.to_owned(),
            password: password.to_owned(),
            device_key: device_key.to_owned(),
            nonce: hello.nonce,
            signature,
        };
        let body = encode(&request)?;
        let sent =
            self.http.post(self.url("/v1/sign-in")?).header("content-type", "application/json").body(body);
        let reply = sent.send().await.map_err(unreachable)?;
        self.note_nonce(&reply);
        decode(&receive(reply).await?.body()?)
    }

    /// One round of synchronisation.
    ///
    /// # Errors
    /// `unreachable`, or what the service answers.
    pub async fn sync(&mut self, request: &SyncRequest) -> Result<SyncReply, ApiError> {
        let body = encode(request)?;
        if request.push.is_empty() {
            return self.signed(Method::POST, "/v1/sync", body).await;
        }
        let received = self.exchange(&Method::POST, "/v1/sync", &body, AFTER_REQUEST).await?;
        decode(&received.body_after(|| request.prefix(body))?)
    }

    /// The service's heads at some places of a journal.
    ///
    /// # Errors
    /// `unreachable`, or what the service answers.
    pub async fn heads(&mut self, tenant: &TenantId, at: &[u64]) -> Result<HeadsReply, ApiError> {
        let list: Vec<String> = at.iter().map(u64::to_string).collect();
        self.signed(Method::GET, &format!("/v1/heads/{tenant}?at={}", list.join(",")), Vec::new()).await
    }

    /// Sends a part of an import's blob. Answers how far the service has come, from where the next part has
    /// to begin.
    ///
    /// # Errors
    /// `unreachable`, `pilot_limit`, `wrong_offset` with how far it is there, or what else the service
    /// answers.
    pub async fn put_blob_part(&mut self, part: &Part) -> Result<u64, ApiError> {
        #[derive(serde::Deserialize)]
        struct State {
            received: u64,
        }
        let Part { tenant, sha256, start, total, rows, bytes } = part;
        let path = format!("/v1/blobs/{tenant}/{sha256}");
        let end = (start + bytes.len() as u64).saturating_sub(1);
        let headers = [
            ("content-range", format!("bytes {start}-{end}/{total}")),
            (IMPORT_ROWS_HEADER, rows.to_string()),
        ];
        let reply = self.again_if_stale(&Method::PUT, &path, bytes, &headers).await?;
        Ok(decode::<State>(&receive(reply).await?.body()?)?.received)
    }

    /// Bytes of a blob from `start`, at most `most`, and its size.
    ///
    /// # Errors
    /// `unreachable`, `not_found`, or what else the service answers.
    pub async fn blob_part(
        &mut self,
        tenant: &TenantId,
        sha256: &str,
        start: u64,
        most: u64,
    ) -> Result<(Vec<u8>, u64), ApiError> {
        let path = format!("/v1/blobs/{tenant}/{sha256}");
        let headers = [("range", format!("bytes={start}-{}", start + most.saturating_sub(1)))];
        let reply = self.again_if_stale(&Method::GET, &path, &[], &headers).await?;
        let total = reply.headers().get("content-range").and_then(|value| {
            let (_, total) = value.to_str().ok()?.rsplit_once('/')?;
            total.parse().ok()
        });
        let bytes = receive(reply).await?.body()?;
        let total =
            total.ok_or_else(|| ApiError::new(code::UNREACHABLE, "The service sent no part of a file."))?;
        Ok((bytes, total))
    }

    /// How many records of an import's file the service has staged; none where whoever answers does not
    /// stage it now.
    ///
    /// # Errors
    /// `unreachable`, `not_found`, or what else the service answers.
    pub async fn staged(&mut self, tenant: &TenantId, sha256: &str) -> Result<Option<u64>, ApiError> {
        let path = format!("/v1/blobs/{tenant}/{sha256}");
        let reply = self.again_if_stale(&Method::HEAD, &path, &[], &[]).await?;
        let staged = reply.headers().get(STAGED_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        receive(reply).await.map(|_| staged)
    }

    /// Sends a request as it is, once more where its nonce was too old.
    async fn again_if_stale(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        headers: &[(&str, String)],
    ) -> Result<reqwest::Response, ApiError> {
        let reply = self.send_plain(method, path, body, headers).await?;
        // A nonce that is too old is the one reason that a repetition removes; the reply has a fresh one.
        if reply.status() != reqwest::StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        self.send_plain(method, path, body, headers).await
    }

    async fn send_plain(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        headers: &[(&str, String)],
    ) -> Result<reqwest::Response, ApiError> {
        let request = self.signed_request(method, path, body)?;
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let request = if body.is_empty() { request } else { request.body(body.to_vec()) };
        let reply = request.send().await.map_err(unreachable)?;
        self.note_nonce(&reply);
        Ok(reply)
    }

    /// A request that says who asks, without its body yet.
    fn signed_request(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> Result<reqwest::RequestBuilder, ApiError> {
        let nonce = self.nonce.clone().unwrap_or_default();
        let signer =
            self.signer.as_ref().ok_or_else(|| ApiError::new("signed_out", "Nobody is signed in here."))?;
        let signature = (signer.key)(&request_message(method.as_str(), path, body, &nonce));
        let request = self.http.request(method.clone(), self.url(path)?);
        Ok(request
            .header(DEVICE_HEADER, signer.device.as_str())
            .header(NONCE_HEADER, nonce)
            .header(SIGNATURE_HEADER, signature_header(&signature)))
    }

    /// Ends this device's session at the service.
    ///
    /// # Errors
    /// `unreachable`, or what the service answers.
    pub async fn sign_out(&mut self) -> Result<(), ApiError> {
        let _: serde_json::Value = self.signed(Method::POST, "/v1/sign-out", b"{}".to_vec()).await?;
        Ok(())
    }

    /// Opens the stream of hints; the caller reads it and syncs when something arrives.
    ///
    /// # Errors
    /// `unreachable`, or what the service answers.
    pub async fn events(&mut self) -> Result<reqwest::Response, ApiError> {
        let reply = self.send(&Method::GET, "/v1/events", &[], "zstd").await?;
        if reply.status().is_success() {
            return Ok(reply);
        }
        Err(receive(reply)
            .await
            .map_or_else(|e| e, |_| ApiError::new(code::INTERNAL, "The service sent no stream.")))
    }

    /// The signed manifest of releases for `target`; none where the service offers none. Nobody
    /// needs to be signed in.
    ///
    /// # Errors
    /// `unreachable`, `too_large`.
    pub async fn release_manifest(&self, target: &str) -> Result<Option<Vec<u8>>, ApiError> {
        let reply = self.http.get(self.url(&format!("/v1/releases/{target}.json"))?);
        let reply = reply.timeout(MANIFEST_TIME).send().await.map_err(unreachable)?;
        if reply.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        capped(reply, updates::MAX_MANIFEST, |_| ControlFlow::Continue(())).await.map(Some)
    }

    /// A package of `size` bytes from the folder of releases. `progress` hears how many bytes are
    /// there and may break off. No more than `size` bytes are ever kept.
    ///
    /// # Errors
    /// `unreachable`, `too_large`, `cancelled`.
    pub async fn package(
        &self,
        file: &str,
        size: u64,
        progress: impl FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Vec<u8>, ApiError> {
        let reply = self.http.get(self.url(&format!("/v1/releases/{file}"))?);
        let reply = reply.timeout(PACKAGE_TIME).send().await.map_err(unreachable)?;
        capped(reply, size.min(updates::MAX_PACKAGE), progress).await
    }

    async fn signed<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ApiError> {
        decode(&self.exchange(&method, path, &body, "zstd").await?.body()?)
    }

    /// Sends a request, once more where its nonce was too old: the refusal brings a fresh one.
    async fn exchange(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        takes: &str,
    ) -> Result<Received, ApiError> {
        match receive(self.send(method, path, body, takes).await?).await {
            Err(e) if e.code == code::BAD_NONCE => receive(self.send(method, path, body, takes).await?).await,
            other => other,
        }
    }

    async fn send(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        takes: &str,
    ) -> Result<reqwest::Response, ApiError> {
        let (body, packed) = pack(body);
        let mut request = self.signed_request(method, path, &body)?.header("accept-encoding", takes);
        if packed {
            request = request.header("content-encoding", "zstd");
        }
        if !body.is_empty() {
            // What it is follows from the address; each header is paid for at every school.
            request = request.body(body);
        }
        let reply = request.send().await.map_err(unreachable)?;
        self.note_nonce(&reply);
        Ok(reply)
    }

    fn note_nonce(&mut self, reply: &reqwest::Response) {
        if let Some(next) = reply.headers().get(NONCE_HEADER).and_then(|v| v.to_str().ok()) {
            self.nonce = Some(next.to_owned());
        }
    }

    fn url(&self, path: &str) -> Result<Url, ApiError> {
        self.server.join(path).map_err(|e| ApiError::new("bad_server", e.to_string()))
    }
}

/// Signs with an Ed25519 key.
pub fn signer(device: DeviceId, key: ed25519_dalek::SigningKey) -> Signer {
    Signer { device, key: Box::new(move |message| sign_message(&key, message)) }
}

fn pack(body: &[u8]) -> (Vec<u8>, bool) {
    if body.len() < COMPRESS_FROM {
        return (body.to_vec(), false);
    }
    match zstd::bulk::compress(body, 3) {
        Ok(packed) if packed.len() < body.len() => (packed, true),
        _ => (body.to_vec(), false),
    }
}

/// The body of a reply, as it came, while it has at most `most` bytes; the first byte more ends it.
async fn capped(
    mut reply: reqwest::Response,
    most: u64,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Vec<u8>, ApiError> {
    let too_large = || ApiError::new(code::TOO_LARGE, "The reply is larger than what was announced.");
    if !reply.status().is_success() {
        let message = format!("The service does not give it (HTTP {}).", reply.status().as_u16());
        return Err(ApiError::new(code::UNREACHABLE, message));
    }
    if reply.content_length().is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(unreachable)? {
        if (bytes.len() + chunk.len()) as u64 > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        if progress(bytes.len() as u64).is_break() {
            return Err(ApiError::new("cancelled", "Cancelled. Nothing was kept."));
        }
    }
    Ok(bytes)
}

/// What came back with success, as it went over the wire.
struct Received {
    encoding: Encoding,
    bytes: Vec<u8>,
}

enum Encoding {
    Plain,
    Zstd,
    AfterRequest,
}

impl Received {
    fn body(self) -> Result<Vec<u8>, ApiError> {
        self.body_after(Vec::new)
    }

    /// The body; `prefix` is made where it goes on from there.
    fn body_after(self, prefix: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, ApiError> {
        match self.encoding {
            Encoding::Plain => Ok(self.bytes),
            Encoding::Zstd => unpack(&self.bytes, &[], MAX_REPLY),
            Encoding::AfterRequest => unpack(&self.bytes, &prefix(), MAX_REPLY),
        }
    }
}

async fn receive(reply: reqwest::Response) -> Result<Received, ApiError> {
    let status = reply.status();
    let encoding = match reply.headers().get("content-encoding").and_then(|v| v.to_str().ok()) {
        Some("zstd") => Encoding::Zstd,
        Some(AFTER_REQUEST) => Encoding::AfterRequest,
        _ => Encoding::Plain,
    };
    let bytes = reply.bytes().await.map_err(unreachable)?.to_vec();
    let received = Received { encoding, bytes };
    if status.is_success() {
        return Ok(received);
    }
    Err(serde_json::from_slice(&received.body()?).unwrap_or_else(|_| {
        ApiError::new(
            code::UNREACHABLE,
            format!("What answered is not a Cairn service (HTTP {}).", status.as_u16()),
        )
    }))
}

fn unpack(bytes: &[u8], prefix: &[u8], most: u64) -> Result<Vec<u8>, ApiError> {
    let bad = |_| ApiError::new(code::UNREACHABLE, "The reply was cut or changed on its way.");
    let mut out = Vec::new();
    let decoder = zstd::Decoder::with_ref_prefix(bytes, prefix).map_err(bad)?;
    decoder.take(most + 1).read_to_end(&mut out).map_err(bad)?;
    if out.len() as u64 > most {
        return Err(ApiError::new(code::TOO_LARGE, "The reply is larger than this version takes."));
    }
    Ok(out)
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|e| ApiError::new(code::INTERNAL, e.to_string()))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map_err(|e| ApiError::new(code::VERSION, format!("The reply cannot be read by this version: {e}.")))
}

/// Any failure before an answer counts as no network; what was tried stays in the details.
fn unreachable(error: reqwest::Error) -> ApiError {
    let message = if error.is_timeout() {
        "The service did not answer in time."
    } else if is_untrusted(&error) {
        "This computer does not trust the certificate of what answers at the service's address. Ask whoever runs the service or this network."
    } else {
        "The service cannot be reached."
    };
    let connected = !error.is_connect();
    let error = error.without_url();
    let causes: Vec<String> = causes(&error).map(ToString::to_string).collect();
    // Whether anything went out: a line that broke off is another matter than none at all.
    let details = serde_json::json!({ "connected": connected, "cause": causes.join(": ") });
    ApiError { code: code::UNREACHABLE.to_owned(), message: message.to_owned(), details }
}

/// An error and what lies behind it, the outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Whether the handshake ended because of the certificate.
fn is_untrusted(error: &reqwest::Error) -> bool {
    causes(error)
        .any(|error| matches!(inside(error).downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// What an I/O error wraps, however often; that is no source of it. Any other error itself.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => inside(wrapped),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reply_that_unpacks_beyond_the_cap_is_refused() {
        let bomb = zstd::encode_all(&vec![0; 100_000][..], 3).unwrap();
        assert!(bomb.len() < 100);
        assert_eq!(unpack(&bomb, &[], 100_000).unwrap().len(), 100_000);
        assert_eq!(unpack(&bomb, &[], 99_999).unwrap_err().code, code::TOO_LARGE);
        assert_eq!(unpack(&bomb[..bomb.len() / 2], &[], 100_000).unwrap_err().code, code::UNREACHABLE);
    }
}
