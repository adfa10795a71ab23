//! The real window, driven by WebDriver: tauri-driver, in front of WebKitWebDriver, starts the
//! program that this build made.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::frame::Frame;
use crate::picture::Picture;
use crate::process::{Running, built, target_dir, wait_for};

/// How long the driver may take until it listens.
pub(crate) const DRIVER_LIMIT: Duration = Duration::from_secs(20);

/// How long the window may take to show what it is asked for.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the page may be in the way of a click while it changes by itself.
const SETTLES: Duration = Duration::from_secs(3);

/// The success criteria that every screen is held to.
const CRITERIA: &[&str] = &["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/// What another theme can break.
const COLOURS: &[&str] = &["color-contrast"];

/// Runs axe and gives `{faults: [line]}` or `{error}`.
const RUN_AXE: &str = "const [only, done] = arguments; \
     const line = rule => rule.id + ': ' + rule.help + ' at ' + rule.nodes.map(node => node.target.join(' ')).join(', '); \
     axe.run(document, {runOnly: only, resultTypes: ['violations'], preload: false}) \
         .then(found => done({faults: found.violations.map(line)}), error => done({error: String(error)}));";

/// Gives the first element that reaches over an edge of the window where nothing scrolls to it.
/// What is only for readers or only for the eye does not count.
const LOST_SIDEWAYS: &str = "const unseen = e => e && (e.matches('[aria-hidden=true]') \
         || getComputedStyle(e).clipPath !== 'none' || unseen(e.parentElement)); \
     const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) && e !== document.body \
         && e.scrollWidth > e.clientWidth || scrolls(e.parentElement)); \
     const over = e => { const r = e.getBoundingClientRect(); \
         return r.width > 0 && r.height > 0 && (r.right > innerWidth + 1 || r.left < -1) }; \
     const lost = [...document.querySelectorAll('body *')].find(e => over(e) && !unseen(e) && !scrolls(e.parentElement)); \
     return lost ? lost.outerHTML.slice(0, 160) : null";

/// Asks the shell and gives `{ok}` or `{refused}`.
const ASK: &str = "const [command, request, done] = arguments; \
     window.__TAURI_INTERNALS__.invoke(command, {request}) \
         .then(ok => done({ok}), refused => done({refused}));";

/// Hides the caret, whose blinking makes no two pictures equal, and answers when what the page is now
/// has been painted: the callback after the next frame's.
const PAINTED: &str = "const done = arguments[0]; document.documentElement.style.caretColor = 'transparent'; \
     requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";

/// Width of the window in pixels, as `tauri.conf.json` says.
const WIDTH: u32 = 1280;

/// The window's title.
const TITLE: &str = "Cairn";

/// Pictures taken at most until two are equal.
const PICTURES: usize = 3;

/// Whether every animation is over.
const STILL: &str = "document.getAnimations().every(one => one.playState !== 'running')";

/// An open window of `cairn` with a WebDriver session on it.
#[derive(Debug)]
pub struct Window {
    /// The session: everything WebDriver can do.
    pub client: Client,
    /// The display that it stands on; a browser without one gives its own pictures.
    display: Option<String>,
    _driver: Running,
}

impl Window {
    /// Starts `cairn --profile <profile>` on the desk and attaches to its window.
    ///
    /// # Errors
    /// The program or tauri-driver is not built, or the window does not open.
    pub async fn open(desk: &Desk, profile: &Path) -> Result<Self> {
        Self::open_with(desk, profile, &[]).await
    }

    /// The same with more arguments for `cairn`.
    ///
    /// # Errors
    /// As [`Window::open`].
    pub async fn open_with(desk: &Desk, profile: &Path, more: &[&str]) -> Result<Self> {
        Self::open_program(desk, &built("cairn")?, profile, more).await
    }

    /// The same with another copy of `cairn`, such as one from a package.
    ///
    /// # Errors
    /// As [`Window::open`].
    pub async fn open_program(desk: &Desk, program: &Path, profile: &Path, more: &[&str]) -> Result<Self> {
        wait_for("the profile is free", DRIVER_LIMIT, || is_free(profile))?;
        let (driver, port) = start_driver(desk)?;
        let profile = profile.to_str().context("the profile's name is not text")?;
        let arguments = [&["--profile", profile], more].concat();
        let capabilities = json!({
            "tauri:options": { "application": program, "args": arguments },
        });
        let window = Self::attach(driver, port, capabilities).await?;
        Ok(Self { display: Some(desk.display().to_owned()), ..window })
    }

    /// A session that a running driver opens.
    pub(crate) async fn attach(driver: Running, port: u16, capabilities: Value) -> Result<Self> {
        let Value::Object(capabilities) = capabilities else { bail!("capabilities are an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("no WebDriver session on the window")?;
        Ok(Self { client, display: None, _driver: driver })
    }

    /// Saves what the window shows as `<folder>/<name>.png` and gives the file.
    ///
    /// # Errors
    /// As [`Window::picture`], or the file cannot be written.
    pub async fn screenshot(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let file = folder.join(format!("{name}.png"));
        self.picture().await?.save(&file)?;
        Ok(file)
    }

    /// What the window shows. It may be the frame before the newest: two equal pictures in a row are the
    /// page's. Where something goes on fading, such as a scrollbar, the last one will do.
    ///
    /// # Errors
    /// The window is hidden, or the browser gives no picture.
    pub async fn picture(&self) -> Result<Picture> {
        self.still().await?;
        let mut picture = self.frame().await?;
        for _ in 1..PICTURES {
            let before = std::mem::replace(&mut picture, self.frame().await?);
            if picture == before {
                break;
            }
        }
        Ok(picture)
    }

    /// The screen shows what a user sees, dialogs of the desktop included; and the driver's own pictures
    /// never come where WebKit draws without OpenGL (docs/adr/0014-drawing-without-a-card.md).
    async fn frame(&self) -> Result<Picture> {
        self.client.execute_async(PAINTED, vec![]).await?;
        match &self.display {
            Some(display) => Frame::find(display, TITLE)?.picture(),
            None => Picture::decode(&self.client.screenshot().await?),
        }
    }

    /// What axe finds against WCAG 2.2 A and AA in what the window shows now: one line per rule, with
    /// the elements that break it.
    ///
    /// # Errors
    /// `npm ci` has not run in `ui`, or axe itself fails.
    pub async fn accessibility_faults(&self) -> Result<Vec<String>> {
        self.axe(CRITERIA).await
    }

    /// The same of what depends on the theme alone.
    ///
    /// # Errors
    /// As [`Window::accessibility_faults`].
    pub async fn colour_faults(&self) -> Result<Vec<String>> {
        self.axe(COLOURS).await
    }

    async fn axe(&self, only: &[&str]) -> Result<Vec<String>> {
        if self.client.execute("return !window.axe", vec![]).await? == json!(true) {
            let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/node_modules/axe-core/axe.min.js");
            let axe = fs::read_to_string(&axe);
            self.client.execute(&axe.context("no axe: run npm ci in ui")?, vec![]).await?;
        }
        let faults = self.client.execute_async(RUN_AXE, vec![json!(only)]).await?;
        match faults["error"].as_str() {
            Some(error) => bail!("axe: {error}"),
            None => Ok(serde_json::from_value(faults["faults"].clone())?),
        }
    }

    /// The element with this `data-testid`, as soon as it is there.
    ///
    /// # Errors
    /// It does not appear.
    pub async fn find(&self, id: &str) -> Result<Element> {
        let css = format!("[data-testid=\"{id}\"]");
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(&css)).await.with_context(|| format!("`{id}` does not appear"))
    }

    /// Scrolls to an element: the driver takes what is half behind an edge for visible, and then acts
    /// beyond the edge.
    ///
    /// # Errors
    /// It is gone.
    pub async fn show(&self, element: &Element) -> Result<()> {
        let into_view = "arguments[0].scrollIntoView({block: 'center'})";
        self.client.execute(into_view, vec![serde_json::to_value(element)?]).await?;
        Ok(())
    }

    /// Clicks the element with this `data-testid`.
    ///
    /// # Errors
    /// It does not appear, or cannot be clicked.
    pub async fn click(&self, id: &str) -> Result<()> {
        let start = Instant::now();
        loop {
            self.still().await?;
            let clicked = self.click_on(&self.find(id).await?).await;
            match clicked {
                // News may come between the look and the click and build the element anew, or let
                // something slide away over it. What stays in the way longer is a fault.
                Err(_) if start.elapsed() < SETTLES => pause().await,
                _ => return clicked.with_context(|| format!("`{id}` cannot be clicked")),
            }
        }
    }

    /// Clicks an element.
    ///
    /// # Errors
    /// It is gone or cannot be clicked.
    pub async fn click_on(&self, element: &Element) -> Result<()> {
        self.show(element).await?;
        Ok(element.click().await?)
    }

    /// Replaces what stands in the field with this `data-testid`.
    ///
    /// # Errors
    /// It does not appear, or takes no text.
    pub async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let field = self.find(id).await?;
        self.show(&field).await?;
        field.clear().await?;
        field.send_keys(text).await.with_context(|| format!("`{id}` takes no text"))?;
        // The driver answers before the page has seen the last key.
        let value = format!("document.querySelector('[data-testid=\"{id}\"]')?.value === {}", json!(text));
        self.until(&format!("`{id}` holds the text"), &value).await
    }

    /// The text of the element with this `data-testid`.
    ///
    /// # Errors
    /// It does not appear.
    pub async fn text(&self, id: &str) -> Result<String> {
        Ok(self.find(id).await?.text().await?)
    }

    /// Waits until `condition`, a JavaScript expression, is true.
    ///
    /// # Errors
    /// It stays false; the page's text is in the message.
    pub async fn until(&self, what: &str, condition: &str) -> Result<()> {
        let script = format!("return Boolean({condition})");
        let start = Instant::now();
        while self.client.execute(&script, vec![]).await? != json!(true) {
            if start.elapsed() > PATIENCE {
                let page = self.client.execute("return document.body.innerText", vec![]).await?;
                bail!("{what}: not seen; the window shows {page}");
            }
            pause().await;
        }
        Ok(())
    }

    /// Waits until every animation is over.
    ///
    /// # Errors
    /// One goes on.
    pub async fn still(&self) -> Result<()> {
        self.until("everything stands still", STILL).await
    }

    /// Waits until nothing has this `data-testid` any more, and what faded out with it is gone too.
    ///
    /// # Errors
    /// It stays.
    pub async fn gone(&self, id: &str) -> Result<()> {
        let gone = format!("!document.querySelector('[data-testid=\"{id}\"]')");
        self.until(&format!("`{id}` is gone"), &gone).await?;
        self.still().await
    }

    /// Makes everything so many percent of its size; returns when the page has been laid out so.
    ///
    /// # Errors
    /// The shell refuses.
    pub async fn zoom(&self, percent: u16) -> Result<()> {
        self.ask("change_settings", json!({ "zoom_percent": percent })).await?;
        let width = WIDTH * 100 / u32::from(percent);
        self.until("the new size", &format!("Math.abs(innerWidth - {width}) <= 2")).await
    }

    /// What lies over an edge of the window, if anything.
    ///
    /// # Errors
    /// The session is gone.
    pub async fn lost_sideways(&self) -> Result<Option<String>> {
        let lost = self.client.execute(LOST_SIDEWAYS, vec![]).await?;
        Ok(lost.as_str().map(str::to_owned))
    }

    /// Asks a command of the shell, as the page does, and gives its answer.
    ///
    /// # Errors
    /// The shell refuses; its failure is in the message.
    pub async fn ask(&self, command: &str, request: Value) -> Result<Value> {
        let answer = self.client.execute_async(ASK, vec![json!(command), request]).await?;
        match answer.get("refused") {
            Some(refused) => bail!("{command}: {refused}"),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// Presses keys wherever the focus is; [`fantoccini::key::Key`] has the special ones.
    ///
    /// # Errors
    /// The session is gone.
    pub async fn press(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Ends the session and closes the window; nothing works on it afterwards.
    ///
    /// # Errors
    /// The session was gone already.
    pub async fn close(&self) -> Result<()> {
        self.client.clone().close().await.context("the session did not end")
    }
}

/// Whether no window has the profile: one that was just closed may hold it a moment longer.
fn is_free(profile: &Path) -> Result<()> {
    match File::open(profile.join("window.lock")) {
        Ok(lock) => Ok(lock.try_lock()?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[allow(clippy::disallowed_methods, reason = "WebDriver tells nobody when a page changes")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(40)).await;
}

/// Where tests keep their screenshots: `target/screens`.
///
/// # Errors
/// This program does not stand in a target directory.
pub fn screens() -> Result<PathBuf> {
    Ok(target_dir()?.join("screens"))
}

fn start_driver(desk: &Desk) -> Result<(Running, u16)> {
    let program = target_dir()?.join("tools/bin/tauri-driver");
    if !program.exists() {
        bail!("{} is not there; cargo xtask test installs it", program.display());
    }
    let (port, native) = free_ports()?;
    let mut command = desk.command(program);
    command.args(["--port", &port.to_string(), "--native-port", &native.to_string()]);
    let driver = Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
    for port in [port, native] {
        wait_for("the driver", DRIVER_LIMIT, || Ok(TcpStream::connect(("127.0.0.1", port))?))?;
    }
    Ok((driver, port))
}

/// Two ports that nobody listens on.
pub(crate) fn free_ports() -> Result<(u16, u16)> {
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}
