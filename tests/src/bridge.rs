//! The interface as it is built, on the real core, in Debian's Chromium: the test bridge (an example
//! of the desktop package) stands in for the window. What the window adds (keyring, notifications,
//! its own web view) is for the desktop tests; here a step costs milliseconds.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Running, example, wait_for};
use crate::still::StillClock;
use crate::window::{DRIVER_LIMIT, Window, free_ports};

/// How the browser starts: nothing moves, nothing is fetched, and text is drawn the same everywhere.
const BROWSER: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
    "--force-device-scale-factor=1",
    "--force-color-profile=srgb",
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--lang=en-US",
];

/// How much of the window is the browser's: `[width, height]` to add to what the page should have.
const FRAME: &str = "return [outerWidth - innerWidth, outerHeight - innerHeight]";

/// What went wrong in the page since it was opened, as the bridge's script notes it.
const FAULTS: &str = "return window.cairnFaults";

/// What the page of the last profile left in the browser.
const FORGET: &str = "localStorage.clear()";

/// A browser on the app behind the bridge. A profile is opened like a window is: one at a time.
#[derive(Debug)]
pub struct Browser {
    /// The page: everything that a test does in a real window.
    pub window: Window,
    bridge: Option<Running>,
    clock: Option<StillClock>,
    _home: TempDir,
}

impl Browser {
    /// Starts the browser; no profile is open yet.
    ///
    /// # Errors
    /// Debian's chromium or chromium-driver is missing or does not start.
    pub async fn start() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("cairn-browser-").tempdir()?;
        let (driver, port) = start_driver(home.path())?;
        let window = Window::attach(driver, port, capabilities(home.path())).await?;
        let frame = window.client.execute(FRAME, vec![]).await?;
        let [wide, high]: [u32; 2] = serde_json::from_value(frame)?;
        window.client.set_window_size(1280 + wide, 800 + high).await?;
        Ok(Self { window, bridge: None, clock: None, _home: home })
    }

    /// Lets the clocks of core and page stand still, from the next profile on.
    pub fn stand_still(&mut self, clock: &StillClock) {
        self.clock = Some(clock.clone());
    }

    /// Opens a profile; the one before is closed, as if its window were.
    ///
    /// # Errors
    /// The bridge is not built or does not start.
    pub async fn open(&mut self, profile: &Path) -> Result<()> {
        self.close();
        let (bridge, url) = self.start_bridge(profile)?;
        self.bridge = Some(bridge);
        self.window.client.goto(&url).await?;
        self.window.client.execute(FORGET, vec![]).await?;
        self.window.until("a screen", "document.querySelector('h1, h2')").await
    }

    /// Closes the profile, as if its window were; the page stays as it is and reaches nobody.
    pub fn close(&mut self) {
        self.bridge = None;
    }

    fn start_bridge(&self, profile: &Path) -> Result<(Running, String)> {
        let mut command = Command::new(example("bridge")?);
        command.arg("--profile").arg(profile).arg("--key-file").arg(profile.with_extension("key"));
        // Neither a bus nor a display: what the desktop gives is missing, and the app goes on without.
        command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:").env("TZ", "UTC").env_remove("DISPLAY");
        if let Some(clock) = &self.clock {
            clock.set(&mut command);
            command.arg("--clock-stands");
        }
        let (bridge, line) = Running::start_and_hear(command.stderr(Stdio::null()))?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("the bridge says {line}"))?;
        let url = said["url"].as_str().context("the bridge names no address")?;
        Ok((bridge, url.to_owned()))
    }

    /// What went wrong in the page since the profile was opened: errors of scripts and whatever the
    /// content policy blocked.
    ///
    /// # Errors
    /// The session is gone.
    pub async fn faults(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.window.client.execute(FAULTS, vec![]).await?)?)
    }
}

fn capabilities(home: &Path) -> Value {
    let data = format!("--user-data-dir={}", home.join("browser").display());
    let arguments: Vec<&str> = BROWSER.iter().copied().chain([data.as_str()]).collect();
    json!({
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
    })
}

fn start_driver(home: &Path) -> Result<(Running, u16)> {
    let (port, _) = free_ports()?;
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("HOME", home).env("TZ", "UTC").env("LANG", "C.UTF-8").env("LANGUAGE", "en_US");
    let driver = Running::start(&mut command)?;
    wait_for("the driver", DRIVER_LIMIT, || Ok(TcpStream::connect(("127.0.0.1", port))?))?;
    Ok((driver, port))
}
