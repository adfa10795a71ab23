//! The handlers over HTTP: bodies, compression, signatures, status codes, events.
//!
//! Handlers block, so each runs on a blocking thread. A request that is cut off there still ends
//! its transaction; its sender repeats it and gets the same receipts.

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use cairn_domain::TenantId;
use cairn_protocol::auth::{
    DEVICE_HEADER, IMPORT_ROWS_HEADER, NONCE_HEADER, SIGNATURE_HEADER, STAGED_HEADER, SignInRequest,
    signature_of,
};
use cairn_protocol::sync::{AFTER_REQUEST, SyncRequest};
use cairn_protocol::{ApiError, MAX_REQUEST, code};
use futures_util::Stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use zstd::stream::raw::CParameter;

use crate::access_log;
use crate::error::{Error, Result};
use crate::handlers::{auth, blobs, heads, sign_in, sync};
use crate::org::Caller;
use crate::rosters::{self, Rosters};
use crate::service::{Ask, Service};

/// The largest body on the wire, before it is decompressed.
const MAX_WIRE: usize = 32 << 20;
/// How long a request may take: its head, and then its body with the work on it.
pub const TIMEOUT: Duration = Duration::from_secs(60);
/// How often an event stream looks for what other processes wrote.
const LOOK: Duration = Duration::from_secs(3);
/// Replies smaller than this are not worth compressing.
const COMPRESS_FROM: usize = 512;
/// How hard zstd tries: its default.
const LEVEL: i32 = 3;
/// How far back a reply may repeat a request, as a power of two: 64 MiB, which every decoder takes.
const MAX_REACH: u32 = 26;

/// What the routes share.
#[derive(Clone)]
pub struct App {
    service: Arc<Service>,
    changes: broadcast::Sender<TenantId>,
    closing: Arc<AtomicBool>,
    timeout: Duration,
}

impl App {
    /// Wraps a service, listening to its changes.
    pub fn new(service: Service) -> Self {
        let (changes, _) = broadcast::channel(1_024);
        let tell = changes.clone();
        // Nobody listening is no error: events are hints.
        let service = service.with_on_change(Box::new(move |tenant, _| drop(tell.send(tenant.clone()))));
        Self { service: Arc::new(service), changes, closing: Arc::default(), timeout: TIMEOUT }
    }

    /// The same with another limit of how long a request may take; event streams have none.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Ends the event streams, which would otherwise keep a graceful shutdown waiting for as long as
    /// anybody listens.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the streams; which tenant does not matter, and nobody listening is no error.
        drop(self.changes.send(TenantId::org()));
    }

    /// The service inside.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }
}

/// How often it is looked for imports that another replica left, with nobody having told.
const LOOK_FOR_IMPORTS: Duration = Duration::from_secs(60);

/// Carries out imports, one after the other and apart from all requests, until the service is told to
/// stop. Whatever moves a journal here wakes it.
pub async fn carry_out_imports(app: App, rosters: Rosters) {
    let mut changes = app.changes.subscribe();
    let mut which = None;
    let mut looked = rosters::Looked::new();
    while !app.closing.load(Ordering::SeqCst) {
        let (rosters, tenant, mut known) = (rosters.clone(), which.take(), std::mem::take(&mut looked));
        let done = blocking(&app, move |service, ask| {
            match tenant {
                Some(tenant) => rosters::attend(service, &rosters, &tenant, ask).map(drop)?,
                None => rosters::settle_all(service, &rosters, &mut known, ask)?,
            }
            Ok(known)
        });
        match done.await {
            Ok(known) => looked = known,
            // All of them are looked at again.
            Err(error) => tracing::warn!(code = error.code, "imports wait"),
        }
        which = match tokio::time::timeout(LOOK_FOR_IMPORTS, changes.recv()).await {
            Ok(Ok(tenant)) => Some(tenant),
            Ok(Err(broadcast::error::RecvError::Closed)) => return,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => None,
        };
    }
}

/// The routes whose requests have a limit of time.
fn timed() -> [(&'static str, MethodRouter<App>); 8] {
    [
        ("/v1/hello", get(hello)),
        ("/v1/sign-in", post(enter)),
        ("/v1/sync", post(synchronise)),
        ("/v1/sign-out", post(leave)),
        ("/v1/heads/{tenant}", get(some_heads)),
        ("/v1/blobs/{tenant}/{sha256}", get(blob_get).head(blob_head).put(blob_put)),
        ("/health/live", get(|| async { Json(serde_json::json!({ "status": "live" })) })),
        ("/health/ready", get(ready)),
    ]
}

/// The routes without one: an event stream goes on for as long as anybody listens.
fn endless() -> [(&'static str, MethodRouter<App>); 1] {
    [("/v1/events", get(events))]
}

/// The paths of all routes but the releases, which are everybody's: whoever tests who may ask what
/// goes through them, so that a new one is noticed.
pub fn paths() -> Vec<&'static str> {
    timed().into_iter().chain(endless()).map(|(path, _)| path).collect()
}

fn routes(table: impl IntoIterator<Item = (&'static str, MethodRouter<App>)>) -> Router<App> {
    table.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// All routes; releases come from the folder `releases`.
pub fn router(app: App, releases: Option<PathBuf>) -> Router {
    let timed = routes(timed()).layer(axum::middleware::from_fn_with_state(app.clone(), in_time));
    Router::new()
        .merge(timed)
        .merge(routes(endless()))
        .merge(crate::releases::router(releases))
        .fallback(|| async { refused(ApiError::new(code::NOT_FOUND, "There is no such address.")) })
        .layer(DefaultBodyLimit::max(MAX_WIRE))
        .layer(axum::middleware::from_fn(log))
        .with_state(app)
}

/// Gives up a request whose body, or the work on it, takes too long.
async fn in_time(
    State(app): State<App>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    tokio::time::timeout(app.timeout, next.run(request)).await.unwrap_or_else(|_| {
        let message = "The request took too long. Send less at once, or try again later.";
        let mut late = ApiError::new(code::UNREACHABLE, message);
        // As a client says it of a line that broke off: it sends less the next time.
        late.details = serde_json::json!({ "connected": true });
        (StatusCode::SERVICE_UNAVAILABLE, Json(late)).into_response()
    })
}

/// One line per request: no names, no bodies, and of a path only its pattern.
async fn log(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let started = std::time::Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<axum::extract::MatchedPath>().map(|p| p.as_str().to_owned());
    let device = request.headers().get(DEVICE_HEADER).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let device = device.filter(|d| d.parse::<cairn_domain::DeviceId>().is_ok());
    tracing::info!(%method, route, device, status = response.status().as_u16(), took_ms, "request");
    response
}

fn status_of(code: &str) -> StatusCode {
    match code {
        code::BAD_NONCE | code::BAD_CREDENTIALS | code::BAD_SIGNATURE | code::UNKNOWN_DEVICE => {
            StatusCode::UNAUTHORIZED
        }
        code::DEVICE_RETIRED | code::ACCOUNT_DISABLED | code::NOT_ALLOWED => StatusCode::FORBIDDEN,
        code::DEVICE_FORKED | "wrong_offset" => StatusCode::CONFLICT,
        code::RATE_LIMITED => StatusCode::TOO_MANY_REQUESTS,
        code::TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        code::NOT_FOUND => StatusCode::NOT_FOUND,
        code::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        "wrong_hash" => StatusCode::UNPROCESSABLE_ENTITY,
        "pilot_limit" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

pub(crate) fn refused(error: ApiError) -> Response {
    let mut response = (status_of(&error.code), Json(&error)).into_response();
    if let Some(seconds) = error.details.get("retry_after_s").and_then(serde_json::Value::as_i64) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Runs a handler on a blocking thread with the clock and randomness of this moment.
async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Service, &mut Ask<'_>) -> Result<T> + Send + 'static,
) -> std::result::Result<T, ApiError> {
    let service = app.service.clone();
    let done = tokio::task::spawn_blocking(move || {
        let mut random = crate::outside::random();
        work(&service, &mut Ask::new(crate::outside::now(), &mut random))
    });
    match done.await {
        Ok(result) => result.map_err(Error::into_api),
        Err(_) => Err(Error::fault("a handler died").into_api()),
    }
}

/// Takes a body whole, within the limit of what may come over the wire.
async fn wire(body: Body) -> std::result::Result<Bytes, ApiError> {
    let too_large = |_| ApiError::new(code::TOO_LARGE, "The request's body is too large or was cut off.");
    axum::body::to_bytes(body, MAX_WIRE).await.map_err(too_large)
}

fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::api(code::BAD_REQUEST, format!("The request's body cannot be read: {why}."))
}

/// Decompresses a body.
fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let compressed = headers.get(header::CONTENT_ENCODING).is_some_and(|v| v == "zstd");
    if !compressed {
        return Ok(Cow::Borrowed(body));
    }
    let decoder = zstd::stream::read::Decoder::new(body).map_err(unreadable)?;
    let mut plain = Vec::new();
    decoder.take(MAX_REQUEST as u64 + 1).read_to_end(&mut plain).map_err(unreadable)?;
    if plain.len() > MAX_REQUEST {
        return Err(Error::api(code::TOO_LARGE, format!("The request has more than {MAX_REQUEST} bytes.")));
    }
    Ok(Cow::Owned(plain))
}

/// Decompresses and reads a body.
fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T> {
    serde_json::from_slice(&plain(headers, body)?).map_err(unreadable)
}

/// Whether whoever asks takes this encoding.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    named.flat_map(|v| v.split(',')).any(|v| v.trim() == encoding)
}

fn reply<T: Serialize>(headers: &HeaderMap, value: &T) -> Result<Response> {
    let json = serde_json::to_vec(value)?;
    let json_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if !takes(headers, "zstd") || json.len() < COMPRESS_FROM {
        return Ok(([json_type], json).into_response());
    }
    // Told how long it is, zstd makes no tables for megabytes that do not come.
    let packed = zstd::bulk::compress(&json, LEVEL)?;
    let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    Ok(([json_type, encoding], packed).into_response())
}

/// A reply that goes on where the request ended; see [`AFTER_REQUEST`].
fn reply_after<T: Serialize>(prefix: &[u8], value: &T) -> Result<Response> {
    let json = serde_json::to_vec(value)?;
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, prefix)?;
    // What it repeats must lie within reach, from the first byte of the request on, and be found there:
    // a place in the table for every other byte or so, hashes and salts are short.
    let reach = (prefix.len() + json.len()).max(1 << 10).next_power_of_two().ilog2().min(MAX_REACH);
    let places = reach.saturating_sub(2).max(12);
    for parameter in [CParameter::WindowLog(reach), CParameter::HashLog(places), CParameter::ChainLog(places)]
    {
        encoder.set_parameter(parameter)?;
    }
    encoder.set_pledged_src_size(Some(json.len() as u64))?;
    encoder.write_all(&json)?;
    let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static(AFTER_REQUEST));
    Ok(([encoding], encoder.finish()?).into_response())
}

/// A request with everything its signature covers.
struct Signed {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Signed {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    fn caller(&self, service: &Service, now: cairn_domain::Time) -> Result<Caller> {
        let signature = signature_of(self.header(SIGNATURE_HEADER));
        let shown = auth::Shown {
            device: self.header(DEVICE_HEADER),
            nonce: self.header(NONCE_HEADER),
            signature: &signature,
            method: self.method.as_str(),
            path: self.uri.path_and_query().map_or("/", |p| p.as_str()),
            body: &self.body,
        };
        auth::caller(service, &shown, now)
    }
}

/// Runs a handler for whoever signed the request; every reply, refusals too, carries the next nonce.
async fn signed(
    app: &App,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
    work: impl FnOnce(&Service, &Caller, &HeaderMap, &[u8], &mut Ask<'_>) -> Result<Response> + Send + 'static,
) -> Response {
    let device = headers.get(DEVICE_HEADER).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let done = match wire(body).await {
        Err(error) => Err(error),
        Ok(body) => {
            let request = Signed { method, uri, headers, body };
            blocking(app, move |service, ask| {
                let caller = request.caller(service, ask.now)?;
                let done = work(service, &caller, &request.headers, &request.body, ask);
                if let Err(error) = &done {
                    access_log::denied(service, &caller, request.uri.path(), error, ask.now)?;
                }
                done
            })
            .await
        }
    };
    let mut response = done.unwrap_or_else(refused);
    let nonce = auth::next_nonce(&app.service, &device, crate::outside::now());
    if let Ok(nonce) = HeaderValue::from_str(&nonce) {
        response.headers_mut().insert(HeaderName::from_static(NONCE_HEADER), nonce);
    }
    response
}

async fn hello(State(app): State<App>) -> Response {
    match blocking(&app, |service, ask| Ok(Json(sign_in::hello(service, ask)))).await {
        Ok(hello) => hello.into_response(),
        Err(error) => refused(error),
    }
}

async fn ready(State(app): State<App>) -> Response {
    match blocking(&app, |service, _| service.storage.ready()).await {
        Ok(()) => Json(serde_json::json!({ "status": "ready" })).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response(),
    }
}

async fn enter(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let body = match wire(body).await {
        Ok(body) => body,
        Err(error) => return refused(error),
    };
    let done = blocking(&app, move |service, ask| {
        let request: SignInRequest = read(&headers, &body)?;
        let signed_in = sign_in::sign_in(service, &request, ask)?;
        let nonce = auth::next_nonce(service, signed_in.device.as_str(), ask.now);
        Ok(([(NONCE_HEADER, nonce)], Json(signed_in)).into_response())
    });
    done.await.unwrap_or_else(refused)
}

async fn synchronise(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    signed(&app, method, uri, headers, body, |service, caller, headers, body, ask| {
        let plain = plain(headers, body)?;
        let request: SyncRequest = serde_json::from_slice(&plain).map_err(unreadable)?;
        let answer = sync::sync(service, caller, &request, ask)?;
        if takes(headers, AFTER_REQUEST) {
            return reply_after(&request.prefix(plain.into_owned()), &answer);
        }
        reply(headers, &answer)
    })
    .await
}

async fn leave(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    signed(&app, method, uri, headers, body, |service, caller, _, _, ask| {
        sign_in::sign_out(service, caller, ask)?;
        Ok(Json(serde_json::json!({})).into_response())
    })
    .await
}

#[derive(Deserialize)]
struct At {
    #[serde(default)]
    at: String,
}

async fn some_heads(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Query(query): Query<At>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    signed(&app, method, uri, headers, body, move |service, caller, headers, _, _| {
        let places: std::result::Result<Vec<u64>, _> =
            query.at.split(',').filter(|p| !p.is_empty()).map(str::parse).collect();
        let places = places.map_err(|_| Error::api(code::BAD_REQUEST, "'at' is a list of numbers."))?;
        let tenant = named_tenant(&tenant)?;
        reply(headers, &heads::heads(service, caller, &tenant, &places)?)
    })
    .await
}

/// An id that cannot be is as absent as one that is not there.
fn named_tenant(text: &str) -> Result<TenantId> {
    text.parse().map_err(|_| crate::service::not_found())
}

async fn blob_put(
    State(app): State<App>,
    Path((tenant, sha256)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    signed(&app, method, uri, headers, body, move |service, caller, headers, body, _| {
        let tenant = named_tenant(&tenant)?;
        let (start, total) = content_range(headers, body.len() as u64)?;
        let name = blobs::Name { tenant: &tenant, sha256: &sha256 };
        let state = match import_rows(headers)? {
            Some(rows) => blobs::put_import(service, caller, name, (start, total), rows, body)?,
            None => blobs::put(service, caller, name, start, total, body)?,
        };
        Ok(Json(state).into_response())
    })
    .await
}

/// Reads how many records an import has, where the file is one.
fn import_rows(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(IMPORT_ROWS_HEADER) else { return Ok(None) };
    let rows = value.to_str().ok().and_then(|text| text.parse().ok());
    rows.map(Some).ok_or_else(|| Error::api(code::BAD_REQUEST, "The number of records is not a number."))
}

/// Reads `content-range: bytes START-END/TOTAL`; without it the body is the whole.
fn content_range(headers: &HeaderMap, length: u64) -> Result<(u64, u64)> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else { return Ok((0, length)) };
    let read = || {
        let (range, total) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let (start, end, total): (u64, u64, u64) =
            (start.parse().ok()?, end.parse().ok()?, total.parse().ok()?);
        (end.checked_sub(start)?.checked_add(1)? == length).then_some((start, total))
    };
    read().ok_or_else(|| Error::api(code::BAD_REQUEST, "The content-range does not fit the body."))
}

/// Reads `bytes=START-END` or `bytes=START-`: the start, and how many bytes at most.
fn wanted_range(range: &str) -> (u64, usize) {
    let Some((start, end)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return (0, usize::MAX);
    };
    let start: u64 = start.parse().unwrap_or(0);
    let length = end.parse::<u64>().ok().and_then(|end| end.checked_add(1)?.checked_sub(start));
    (start, length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX))
}

async fn blob_head(
    State(app): State<App>,
    Path((tenant, sha256)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    signed(&app, method, uri, headers, Body::empty(), move |service, caller, _, _, _| {
        let tenant = named_tenant(&tenant)?;
        let state = blobs::state(service, caller, blobs::Name { tenant: &tenant, sha256: &sha256 })?;
        let headers =
            [("cairn-received", state.received.to_string()), ("cairn-total", state.total.to_string())];
        let staged = service.staging.of(&tenant, &sha256).map(|staged| [(STAGED_HEADER, staged.to_string())]);
        Ok((headers, staged.map(AppendHeaders), ()).into_response())
    })
    .await
}

async fn blob_get(
    State(app): State<App>,
    Path((tenant, sha256)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    signed(&app, method, uri, headers, Body::empty(), move |service, caller, headers, _, ask| {
        let tenant = named_tenant(&tenant)?;
        let range = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
        let (start, most) = wanted_range(range.unwrap_or_default());
        let name = blobs::Name { tenant: &tenant, sha256: &sha256 };
        let (state, bytes) = blobs::get(service, caller, name, start, most)?;
        if start == 0 {
            // A file that is taken is a copy that the service knows nothing more of.
            access_log::note(service, caller, &tenant, "file", access_log::OK, ask.now)?;
        }
        let end = (start + bytes.len() as u64).saturating_sub(1);
        let range = format!("bytes {start}-{end}/{}", state.total);
        let whole = bytes.len() as u64 == state.total;
        let status = if whole { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
        let kind = (header::CONTENT_TYPE, "application/octet-stream".to_owned());
        Ok((status, [kind, (header::CONTENT_RANGE, range)], bytes).into_response())
    })
    .await
}

/// A hint that a journal moved.
#[derive(Serialize)]
struct Hint {
    tenant: TenantId,
    seq: u64,
}

async fn events(State(app): State<App>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let stream_app = app.clone();
    signed(&app, method, uri, headers, Body::empty(), move |service, caller, _, _, _| {
        if !caller.active {
            return Err(Error::api(code::ACCOUNT_DISABLED, "This account is disabled."));
        }
        let seen = crate::handlers::pull::standings(service, caller)?;
        let stream = hints(stream_app, caller.clone(), seen);
        Ok(Sse::new(stream).keep_alive(KeepAlive::default()).into_response())
    })
    .await
}

struct Watch {
    app: App,
    caller: Caller,
    changes: broadcast::Receiver<TenantId>,
    seen: std::collections::BTreeMap<TenantId, u64>,
    due: std::collections::VecDeque<Hint>,
}

/// A hint for each readable journal that moved, whoever moved it. Rights are judged again each time.
fn hints(
    app: App,
    caller: Caller,
    seen: std::collections::BTreeMap<TenantId, u64>,
) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
    let changes = app.changes.subscribe();
    let watch = Watch { app, caller, changes, seen, due: std::collections::VecDeque::new() };
    futures_util::stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(hint) = watch.due.pop_front() {
                let event = Event::default().json_data(&hint).ok()?;
                return Some((Ok(event), watch));
            }
            // A local change wakes at once, another process's at the next look.
            drop(tokio::time::timeout(LOOK, watch.changes.recv()).await);
            if watch.app.closing.load(Ordering::SeqCst) {
                return None;
            }
            watch.look().await?;
        }
    })
}

impl Watch {
    /// Notes what moved; none when the caller may listen no more.
    async fn look(&mut self) -> Option<()> {
        let device = self.caller.device.clone();
        let now = blocking(&self.app, move |service, _| {
            let caller = service.caller(&device)?;
            if !caller.active {
                return Err(crate::service::not_found());
            }
            crate::handlers::pull::standings(service, &caller)
        });
        let now = now.await.ok()?;
        for (tenant, seq) in &now {
            if self.seen.get(tenant) != Some(seq) {
                self.due.push_back(Hint { tenant: tenant.clone(), seq: *seq });
            }
        }
        self.seen = now;
        Some(())
    }
}
