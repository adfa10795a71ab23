//! A desktop's tray and its window manager, as far as one window needs them: who asks for an icon,
//! and closing a window as its frame's button does.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, MapState, Window as WindowId,
};
use x11rb::rust_connection::RustConnection;
use zbus::Connection;

use crate::desk::Desk;

/// Where a tray waits for icons (freedesktop's StatusNotifierWatcher).
const WATCHER: &str = "org.kde.StatusNotifierWatcher";

/// A tray on a desk's bus. A real protocol with a real icon at the other end; only the panel that
/// would draw it is missing.
#[derive(Debug)]
pub struct TrayHost {
    connection: Connection,
    items: Items,
}

type Items = Arc<Mutex<Vec<String>>>;

struct Watcher(Items);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(service);
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl TrayHost {
    /// Puts a tray on the desk.
    ///
    /// # Errors
    /// The bus does not take it.
    pub async fn start(desk: &Desk) -> Result<Self> {
        let items = Items::default();
        let connection = zbus::connection::Builder::address(desk.bus())?
            .serve_at("/StatusNotifierWatcher", Watcher(Arc::clone(&items)))?
            .name(WATCHER)?
            .build()
            .await?;
        Ok(Self { connection, items })
    }

    /// Clicks on the newest icon.
    ///
    /// # Errors
    /// There is none, or its program does not answer.
    pub async fn click(&self) -> Result<()> {
        let service = self.items.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let service = service.context("nobody asked for an icon")?;
        let item = Some("org.kde.StatusNotifierItem");
        let path = "/StatusNotifierItem";
        self.connection.call_method(Some(service.as_str()), path, item, "Activate", &(0, 0)).await?;
        Ok(())
    }
}

/// A window of `title` on a desk, as its window manager sees it.
pub struct Frame {
    display: RustConnection,
    window: WindowId,
}

impl Frame {
    /// Finds the window.
    ///
    /// # Errors
    /// There is none.
    pub fn find(desk: &Desk, title: &str) -> Result<Self> {
        let (display, screen) = RustConnection::connect(Some(desk.display()))?;
        let root = display.setup().roots.get(screen).context("the display has no screen")?.root;
        let windows = display.query_tree(root)?.reply()?.children;
        for window in windows {
            let name =
                display.get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 64)?.reply()?;
            if name.value == title.as_bytes() && !protocols(&display, window)?.is_empty() {
                return Ok(Self { display, window });
            }
        }
        anyhow::bail!("no window is called {title}")
    }

    /// Asks the program to close the window.
    ///
    /// # Errors
    /// The display is gone.
    pub fn close(&self) -> Result<()> {
        let atom = |name: &[u8]| anyhow::Ok(self.display.intern_atom(false, name)?.reply()?.atom);
        let data = [atom(b"WM_DELETE_WINDOW")?, x11rb::CURRENT_TIME, 0, 0, 0];
        let event = ClientMessageEvent::new(32, self.window, atom(b"WM_PROTOCOLS")?, data);
        self.display.send_event(false, self.window, EventMask::NO_EVENT, event)?;
        Ok(self.display.flush()?)
    }

    /// Whether the window can be seen.
    ///
    /// # Errors
    /// It is gone.
    pub fn shows(&self) -> Result<bool> {
        Ok(self.display.get_window_attributes(self.window)?.reply()?.map_state == MapState::VIEWABLE)
    }
}

/// What a window manager may ask of a window; helper windows name nothing.
fn protocols(display: &RustConnection, window: WindowId) -> Result<Vec<u8>> {
    let atom = display.intern_atom(false, b"WM_PROTOCOLS")?.reply()?.atom;
    Ok(display.get_property(false, window, atom, AtomEnum::ANY, 0, 16)?.reply()?.value)
}
