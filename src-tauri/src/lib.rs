//! The desktop shell: one window over one profile directory.
//!
//! Only this package names Tauri. It wires the window to the use cases of `cairn-app`; the web view
//! holds no authority of its own (see `tauri.conf.json`: each command is listed per window, the
//! content policy is strict and nothing is loaded from the network).

mod about;
mod background;
mod dialogs;
mod idle;
mod installer;
mod ipc;
mod jobs;
mod news;
mod notify;
mod profile;
#[cfg(target_os = "linux")]
mod rendering;
mod settings;
mod shell;
mod tray;
mod updates;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use cairn_app::api::Theme;
use cairn_app::computer::WEB_DATA;
use cairn_app::settings::Settings;
use cairn_app::toasts::Opens;
use cairn_app::{KeyPlace, Session};
use cairn_domain::Time;
use chrono::Duration;
use tauri::window::Color;
use tauri::{
    App, AppHandle, Builder, Emitter as _, Manager as _, RunEvent, Runtime, WebviewWindowBuilder,
    WindowEvent, async_runtime,
};

use crate::profile::{OneWindow, Profile};
use crate::shell::{Changed, Shell, Start};
use crate::tray::Tray;
use crate::updates::Updates;

/// Label of the one window, as `tauri.conf.json` and its capabilities name it.
const MAIN_WINDOW: &str = "main";

/// The event that tells the window to read again; `ui/src/lib/host/tauri.ts` listens to it.
const CHANGED: &str = "changed";

/// The event that tells the window that a playbook was opened from outside.
const PLAYBOOK: &str = "playbook";

/// The event that tells the window what a native notification opened; null for the inbox.
const OPEN: &str = "open";

/// What the user may say on the command line of `cairn`.
#[derive(Clone, Debug, Default, clap::Parser)]
#[command(name = "cairn", version, about = "The offline desk of implementation specialists")]
pub struct Options {
    /// Directory that holds this profile: its database, keys and web view data. One window opens
    /// per profile. The default is the user's data directory for Cairn.
    #[arg(long, value_name = "DIR")]
    pub profile: Option<PathBuf>,

    /// File that holds the data key, for use without a system keyring.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// A playbook file to open.
    #[arg(value_name = "PLAYBOOK")]
    pub playbook: Option<PathBuf>,

    /// Lock after this long without use, whatever the settings say: 5 to 900 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(5..=900))]
    pub lock_after: Option<u16>,
}

impl Options {
    fn lock_after(&self) -> Option<Duration> {
        self.lock_after.map(|seconds| Duration::seconds(seconds.into()))
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The window was closed.
    Closed,
    /// The profile's window was open already; it was asked to come to the front.
    OpenAlready,
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// The profile directory cannot be made, or the system offers no display or web view.
pub fn run(options: Options) -> anyhow::Result<Ended> {
    #[cfg(target_os = "linux")]
    rendering::choose();
    let Some(app) = app(Builder::default(), options)? else { return Ok(Ended::OpenAlready) };
    app.run(|app, event| {
        if let RunEvent::Exit = event {
            app.state::<Arc<Shell>>().close();
        }
    });
    Ok(Ended::Closed)
}

/// The whole app, ready to run: on the runtime of a real window, or on one without any, over which
/// tests put the same commands before a browser. `None` where the profile's window is open already.
///
/// # Errors
/// As [`run`].
#[allow(clippy::disallowed_methods, reason = "generate_context! expands to code that may exit")]
pub fn app<R: Runtime>(builder: Builder<R>, options: Options) -> anyhow::Result<Option<App<R>>> {
    let lock_after = options.lock_after();
    let playbook = options.playbook.as_deref().map(std::path::absolute).transpose()?;
    let profile = Profile::prepare(options)?;
    let Some(mine) = profile.take(playbook.as_deref())? else { return Ok(None) };
    let start = Start { lock_after, documents: dirs::document_dir(), playbook };
    let app = builder
        .plugin(tauri_plugin_updater::Builder::new().build())
        .setup(move |app| Ok(open(app, &profile, start, mine)?))
        .invoke_handler(ipc::handler())
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event
                && goes_on_in_tray(window.app_handle())
                && window.hide().is_ok()
            {
                api.prevent_close();
            }
        })
        .build(tauri::generate_context!())
        .context("the window could not be opened")?;
    Ok(Some(app))
}

#[allow(clippy::disallowed_methods, reason = "the one place of this program that reads the clock")]
fn now() -> Time {
    chrono::Utc::now()
}

/// The time on this computer's clock face: for what is due, and for quiet hours.
#[allow(clippy::disallowed_methods, reason = "beside `now`, the only place that asks the clock")]
fn local_now() -> chrono::NaiveDateTime {
    chrono::Local::now().naive_local()
}

/// Ends the program in order where the desktop session ends: what is asked to end otherwise just stops,
/// and the next start has to check the whole database.
#[cfg(unix)]
async fn end_when_asked<R: Runtime>(app: AppHandle<R>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut ends), Ok(mut hangs_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return;
    };
    tokio::select! {
        _ = ends.recv() => {}
        _ = hangs_up.recv() => {}
    }
    app.exit(0);
}

/// Whether closing the window only hides it: the settings say so, and there is a way back.
fn goes_on_in_tray<R: Runtime>(app: &AppHandle<R>) -> bool {
    app.state::<Arc<Shell>>().settings().keep_running && app.state::<Arc<Tray<R>>>().is_there()
}

/// Hands the profile to the commands, shows the window and starts what runs beside it.
fn open<R: Runtime>(
    app: &mut App<R>,
    profile: &Profile,
    start: Start,
    mine: OneWindow,
) -> anyhow::Result<()> {
    let keys = profile.key_file.clone().map_or(KeyPlace::Keyring, KeyPlace::File);
    let session = Session::new(&profile.directory, keys);
    let handle = app.handle().clone();
    let shell = Arc::new(Shell::new(session, now, start, move |changed| tell(&handle, changed)));
    async_runtime::spawn_blocking(shell.open_early());
    app.manage(Arc::clone(&shell));
    // Cookies, caches and storage of the web view belong to the profile: two profiles share nothing.
    show(app, profile.directory.join(WEB_DATA), &shell.settings())?;
    let running = app.package_info().version.to_string();
    let updates = Arc::new(Updates::new(Arc::clone(&shell), running, installer::way(app.handle())));
    app.manage(Arc::clone(&updates));
    async_runtime::spawn(updates::keep_looking(updates));
    let (tray, wanted) = (Arc::new(Tray::new(app.handle().clone())), shell.settings().keep_running);
    app.manage(Arc::clone(&tray));
    async_runtime::spawn(async move { tray.follow(wanted).await });
    async_runtime::spawn(background::keep_in_sync(Arc::clone(&shell)));
    #[cfg(unix)]
    async_runtime::spawn(end_when_asked(app.handle().clone()));
    let handle = app.handle().clone();
    let desktop = notify::Desktop::new(move |opens| {
        raise(&handle);
        open_from_toast(&handle, opens);
    });
    async_runtime::spawn(news::keep_telling(Arc::clone(&shell), desktop));
    let (handle, mine) = (app.handle().clone(), Arc::new(mine));
    async_runtime::spawn(background::keep_watch(shell, move || {
        if let Some(wish) = mine.wish() {
            raise(&handle);
            if let Some(file) = wish.file {
                handle.state::<Arc<Shell>>().open_playbook(file);
                tell_playbook(&handle);
            }
        }
    }));
    Ok(())
}

fn show<R: Runtime>(app: &App<R>, web_data: PathBuf, settings: &Settings) -> anyhow::Result<()> {
    let theme = settings.theme;
    let windows = &app.config().app.windows;
    let window = windows.iter().find(|window| window.label == MAIN_WINDOW);
    let window = window.context("tauri.conf.json names no main window")?.clone();
    let window = WebviewWindowBuilder::from_config(app, &window)?
        .data_directory(web_data)
        .initialization_script(first_theme(theme))
        .build()?;
    window.set_zoom(settings.zoom.factor())?;
    let dark = match theme {
        Theme::Light => false,
        Theme::Dark => true,
        Theme::System => window.theme().is_ok_and(|theme| theme == tauri::Theme::Dark),
    };
    // What shows until the page has painted: its canvas, not a white sheet (tokens.css).
    let canvas = if dark { Color(0x11, 0x15, 0x16, 0xff) } else { Color(0xf1, 0xf3, 0xf1, 0xff) };
    if let Err(error) = window.set_background_color(Some(canvas)) {
        tracing::debug!(%error, "the window keeps its own background");
    }
    Ok(())
}

/// Runs before the page is built, so that a chosen theme is there with the first paint. From then on
/// the page itself follows the settings.
fn first_theme(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "",
        Theme::Light => "document.documentElement?.setAttribute('data-theme', 'light');",
        Theme::Dark => "document.documentElement?.setAttribute('data-theme', 'dark');",
    }
}

fn tell<R: Runtime>(app: &AppHandle<R>, changed: Changed) {
    if let Err(error) = app.emit(CHANGED, changed) {
        // The window is closing; there is nobody to tell.
        tracing::debug!(%error, "the window was not told");
    }
}

fn tell_playbook<R: Runtime>(app: &AppHandle<R>) {
    if let Err(error) = app.emit(PLAYBOOK, ()) {
        tracing::debug!(%error, "the window was not told of a playbook");
    }
}

/// Leads the window to what a toast was about; a locked window shows it once it is unlocked.
fn open_from_toast<R: Runtime>(app: &AppHandle<R>, opens: Opens) {
    let place = match opens {
        Opens::Place(tenant, entity) => {
            Some(serde_json::json!({ "tenant": tenant.to_string(), "entity": entity.to_string() }))
        }
        Opens::Inbox => None,
    };
    if let Err(error) = app.emit(OPEN, place) {
        tracing::debug!(%error, "the window was not told what to open");
    }
}

fn raise<R: Runtime>(app: &AppHandle<R>) {
    if let Some(window) = app.get_webview_window(MAIN_WINDOW) {
        let shown = window.unminimize().and_then(|()| window.show()).and_then(|()| window.set_focus());
        if let Err(error) = shown {
            tracing::warn!(%error, "the window did not come to the front");
        }
    }
}
