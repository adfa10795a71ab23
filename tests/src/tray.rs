//! A desktop's tray, as far as one window needs it: who asks for an icon, and a click on it.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
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
