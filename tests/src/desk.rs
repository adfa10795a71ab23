//! A desk: what a graphical session gives a program, each part real and each desk its own: a
//! display, a session bus, an unlocked Secret Service and a notification daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::keyring::Keyring;
use crate::process::{Running, run, wait_for};

/// Size of the screen in pixels: some space around the window's 1280x800.
const SCREEN: &str = "1440x900x24";

/// What may start by itself on a desk's bus: the window in which a keyring asks for its password.
/// Whatever else is installed on this machine stays out: a desk without keyring has none.
const STARTS_BY_ITSELF: &str = "/usr/share/dbus-1/services/org.gnome.keyring.SystemPrompter.service";

/// How long a dialog may take to open or to close.
const DIALOG_LIMIT: Duration = Duration::from_secs(10);

/// After how long a dialog that did not hear a key is told again.
const AGAIN: Duration = Duration::from_secs(1);

/// Which theme programs on the desk are told to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// The toolkit's light theme.
    Light,
    /// The toolkit's dark theme.
    Dark,
}

/// One graphical session; dropped, everything in it ends and its home is removed.
#[derive(Debug)]
pub struct Desk {
    // Declared in the order they have to end.
    notifications: Running,
    /// The Secret Service of this desk.
    pub keyring: Keyring,
    _bus: Running,
    _screen: Running,
    settings: Settings,
    home: TempDir,
}

/// What programs on the desk find in their environment.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    home: PathBuf,
    display: String,
    bus: String,
    theme: Theme,
    /// Programs of this desk that stand before those of the machine.
    programs: PathBuf,
}

impl Desk {
    /// Starts a session with the light theme.
    ///
    /// # Errors
    /// As [`Desk::start_with`].
    pub fn start() -> Result<Self> {
        Self::start_with(Theme::Light)
    }

    /// Starts the session; returns when the keyring is unlocked and notifications are served.
    ///
    /// # Errors
    /// One of Xvfb, dbus-daemon, gnome-keyring-daemon, dunst or gdbus is missing or does not start.
    pub fn start_with(theme: Theme) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("cairn-desk-").tempdir()?;
        for folder in ["run", "data", "config", "cache", "services", "programs"] {
            fs::create_dir(home.path().join(folder))?;
        }
        // The bus and the keyring refuse a runtime directory that others can read.
        fs::set_permissions(home.path().join("run"), fs::Permissions::from_mode(0o700))?;
        let (screen, display) = start_screen()?;
        let (home_path, programs) = (home.path().to_owned(), home.path().join("programs"));
        let mut settings = Settings { home: home_path, display, bus: String::new(), theme, programs };
        let (bus, address) = start_bus(&settings)?;
        settings.bus = address;
        let keyring = Keyring::start(&settings)?;
        let notifications = start_notifications(&settings)?;
        Ok(Self { notifications, keyring, _bus: bus, _screen: screen, settings, home })
    }

    /// A program that will find this desk when it starts.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.settings.command(program)
    }

    /// The desk's home directory; removed with the desk.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Address of its session bus.
    #[must_use]
    pub fn bus(&self) -> &str {
        &self.settings.bus
    }

    /// Name of its display.
    #[must_use]
    pub fn display(&self) -> &str {
        &self.settings.display
    }

    /// Puts a shell script before the machine's program of that name, for whatever starts from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put_program(&self, name: &str, script: &str) -> Result<()> {
        let file = self.settings.programs.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n"))?;
        Ok(fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?)
    }

    /// The notifications that are up now.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub fn notifications_up(&self) -> Result<u32> {
        let shown = run(self.command("dunstctl").args(["count", "displayed"]))?;
        shown.trim().parse().context("dunstctl count is not a number")
    }

    /// Clicks on the newest notification.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub fn click_notification(&self) -> Result<()> {
        run(self.command("dunstctl").args(["action", "0"])).map(drop)
    }

    /// Answers the dialog for files that has this title as a person at the keyboard does: types a path.
    ///
    /// # Errors
    /// No such dialog opens, or it stays open.
    #[allow(clippy::disallowed_methods, reason = "waits for a foreign program")]
    pub fn answer_dialog(&self, title: &str, path: &Path) -> Result<()> {
        let press = |keys: &[&str]| run(self.command("xdotool").args(keys)).map(drop);
        let name = format!("^{title}$");
        let found = || run(self.command("xdotool").args(["search", "--onlyvisible", "--name", &name]));
        let window = wait_for(title, DIALOG_LIMIT, found)?;
        press(&["windowfocus", "--sync", window.trim()])?;
        press(&["key", "ctrl+l"])?;
        press(&["key", "ctrl+a"])?;
        press(&["type", path.to_str().context("the path is no text")?])?;
        // It takes a path only once it has read the folder, and says nobody when.
        let mut pressed: Option<Instant> = None;
        wait_for(&format!("the end of '{title}'"), DIALOG_LIMIT, || {
            if found().is_err() {
                return Ok(());
            }
            if pressed.is_none_or(|last| last.elapsed() > AGAIN) {
                press(&["key", "Return"])?;
                pressed = Some(Instant::now());
            }
            bail!("it is open")
        })
    }

    /// Makes the notification daemon hang, as a broken one does: it lives and answers nothing.
    ///
    /// # Errors
    /// It has ended.
    pub fn hang_notifications(&self) -> Result<()> {
        self.notifications.signal(Signal::STOP)
    }

    /// What the notification daemon has shown or still shows, as the JSON that `dunstctl history`
    /// prints.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub fn notification_history(&self) -> Result<serde_json::Value> {
        let history = run(self.command("dunstctl").arg("history"))?;
        serde_json::from_str(&history).context("dunstctl history is not JSON")
    }
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Self::Light => "Adwaita",
            Self::Dark => "Adwaita:dark",
        }
    }
}

impl Settings {
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some(path) = self.path() {
            command.env("PATH", path);
        }
        command
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("XDG_DATA_HOME", self.home.join("data"))
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .env("DISPLAY", &self.display)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("LANG", "C.UTF-8")
            .env("GTK_THEME", self.theme.name())
            // The accessibility bus would start on first use, outside of this desk.
            .env("NO_AT_BRIDGE", "1")
            .env("GTK_A11Y", "none")
            .env_remove("WAYLAND_DISPLAY");
        command
    }

    /// The machine's programs behind those of this desk.
    #[allow(clippy::disallowed_methods, reason = "a desk stands on the machine it finds")]
    fn path(&self) -> Option<std::ffi::OsString> {
        let machine = std::env::var_os("PATH")?;
        let folders = std::iter::once(self.programs.clone()).chain(std::env::split_paths(&machine));
        std::env::join_paths(folders).ok()
    }

    /// Waits until somebody serves `name` on the session bus.
    pub(crate) fn wait_for_name(&self, name: &str) -> Result<()> {
        run(self.command("gdbus").args(["wait", "--session", "--timeout", "20", name])).map(drop)
    }
}

/// Xvfb picks a free display number by itself and says which.
fn start_screen() -> Result<(Running, String)> {
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp"]).stderr(Stdio::null());
    let (screen, number) = Running::start_and_hear(&mut command)?;
    Ok((screen, format!(":{number}")))
}

fn start_bus(settings: &Settings) -> Result<(Running, String)> {
    let rules = settings.home.join("bus.conf");
    fs::write(&rules, bus_rules(&settings.home))?;
    let service = Path::new(STARTS_BY_ITSELF);
    let name = service.file_name().context("a service file has a name")?;
    fs::copy(service, settings.home.join("services").join(name))
        .with_context(|| format!("{STARTS_BY_ITSELF} is not there"))?;
    let mut command = settings.command("dbus-daemon");
    command.arg("--config-file").arg(&rules);
    command.args(["--nofork", "--nopidfile", "--print-address=1"]).stderr(Stdio::null());
    Running::start_and_hear(&mut command)
}

/// A session bus like any other, but for what starts by itself on it.
fn bus_rules(home: &Path) -> String {
    let home = home.display();
    format!(
        r#"<busconfig>
  <type>session</type>
  <listen>unix:dir={home}/run</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{home}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#
    )
}

fn start_notifications(settings: &Settings) -> Result<Running> {
    let mut command = settings.command("dunst");
    let dunst = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    settings.wait_for_name("org.freedesktop.Notifications")?;
    Ok(dunst)
}
