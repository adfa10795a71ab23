//! The test bridge: the app as it ships, on Tauri's runtime without windows, behind a small HTTP
//! server for this machine alone. An ordinary browser then shows the built interface, which asks the
//! same commands of the same core, through the same capabilities, as in the real window.
//!
//! An example, so that no program that ships can hold any of it: what it needs are dev-dependencies.
#![allow(clippy::print_stdout, reason = "says on the terminal where it listens")]

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use clap::Parser as _;
use futures_util::stream::{self, Stream};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeError, InvokeResponse, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{AppHandle, EventId, Listener as _, Manager as _, RunEvent, Url, async_runtime};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Where the window's page comes from; commands are allowed to it alone.
const ORIGIN: &str = "tauri://localhost";

/// What the window's page may connect to; here that is where it comes from.
const WINDOW_CONNECTS: &str = "ipc: http://ipc.localhost";

/// What the page gets before everything else.
const STAND_IN: &str = include_str!("bridge.js");

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    app: cairn_desktop::Options,

    /// Let the page's clock stand at the time of the start, so that no two pictures differ by it.
    #[arg(long)]
    clock_stands: bool,
}

#[derive(Clone)]
struct Bridge {
    app: AppHandle<MockRuntime>,
    /// The script before all others.
    script: Arc<str>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let script = script(options.clock_stands);
    let app = cairn_desktop::app(mock_builder(), options.app)?.context("the profile is in use")?;
    app.run(move |app, event| {
        // The window is there from now on.
        if matches!(event, RunEvent::Ready) {
            let bridge = Bridge { app: app.clone(), script: Arc::clone(&script) };
            async_runtime::spawn(async { serve(bridge).await.unwrap_or_else(|error| println!("{error:#}")) });
        }
    });
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a program, which may read the clock")]
fn script(clock_stands: bool) -> Arc<str> {
    let clock = clock_stands.then(|| chrono::Utc::now().timestamp_millis());
    format!("const clock = {};\n{STAND_IN}", serde_json::json!(clock)).into()
}

/// Says where it listens, as JSON in one line, and serves until the program ends.
async fn serve(bridge: Bridge) -> Result<()> {
    let page =
        bridge.app.asset_resolver().get("index.html".to_owned()).context("no interface is built in")?;
    let policy = page.csp_header.unwrap_or_default();
    ensure!(policy.contains(WINDOW_CONNECTS), "the window's content policy is another: {policy}");
    let router = Router::new()
        .route("/invoke/{command}", post(invoke))
        .route("/events/{name}", get(events))
        .route("/bridge.js", get(stand_in))
        .fallback(get(asset))
        .with_state(bridge);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", serde_json::json!({ "url": format!("http://{}", listener.local_addr()?) }));
    Ok(axum::serve(listener, router).await?)
}

/// Asks a command of the core, as the window's page does: `{"ok": answer}` or `{"refused": failure}`.
async fn invoke(
    State(bridge): State<Bridge>,
    Path(command): Path<String>,
    body: String,
) -> Result<Response, (StatusCode, String)> {
    let broken = |error: anyhow::Error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    let answer = match ask(&bridge.app, command, &body).await.map_err(broken)? {
        InvokeResponse::Ok(InvokeResponseBody::Json(json)) => format!(r#"{{"ok":{json}}}"#),
        InvokeResponse::Ok(InvokeResponseBody::Raw(_)) => r#"{"ok":null}"#.to_owned(),
        InvokeResponse::Err(InvokeError(failure)) => format!(r#"{{"refused":{failure}}}"#),
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

async fn ask(app: &AppHandle<MockRuntime>, command: String, body: &str) -> Result<InvokeResponse> {
    let window = app.get_webview_window("main").context("the window is closed")?;
    let request = InvokeRequest {
        cmd: command,
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: Url::parse(ORIGIN)?,
        body: InvokeBody::Json(serde_json::from_str(body)?),
        headers: Default::default(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    let (tell, told) = oneshot::channel();
    let tell = move |_, _, answer, _, _| drop(tell.send(answer));
    window.as_ref().clone().on_message(request, Box::new(tell));
    told.await.context("the core did not answer")
}

/// Ends with the browser's interest.
struct Listening {
    app: AppHandle<MockRuntime>,
    id: EventId,
    payloads: mpsc::UnboundedReceiver<String>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.app.unlisten(self.id);
    }
}

/// What the shell emits under a name.
async fn events(
    State(bridge): State<Bridge>,
    Path(name): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (tell, payloads) = mpsc::unbounded_channel();
    let id = bridge.app.listen_any(name, move |event| drop(tell.send(event.payload().to_owned())));
    let listening = Listening { app: bridge.app, id, payloads };
    Sse::new(stream::unfold(listening, |mut listening| async {
        let payload = listening.payloads.recv().await?;
        Some((Ok(Event::default().data(payload)), listening))
    }))
}

async fn stand_in(State(bridge): State<Bridge>) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript")], bridge.script.to_string()).into_response()
}

/// A file of the interface as it is built into the program, under the window's content policy.
async fn asset(State(bridge): State<Bridge>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let Some(asset) = bridge.app.asset_resolver().get(path.to_owned()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = (header::CONTENT_TYPE, asset.mime_type);
    match asset.csp_header {
        None => ([kind], asset.bytes).into_response(),
        Some(policy) => {
            let policy = (header::CONTENT_SECURITY_POLICY, policy.replace(WINDOW_CONNECTS, "'self'"));
            let page = String::from_utf8_lossy(&asset.bytes);
            let page = page.replacen("<head>", "<head><script src=\"/bridge.js\"></script>", 1);
            ([kind, policy], page).into_response()
        }
    }
}
