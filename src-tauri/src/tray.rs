//! The tray of desktops that have one. Where the settings say so, Cairn goes on there when its window
//! is closed; where there is no tray, closing the window ends it, and the settings say that.

use tauri::{AppHandle, Runtime};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Tray;
#[cfg(target_os = "linux")]
pub use linux::Tray;

/// Freedesktop's StatusNotifierItem, over the session bus: no library of the desktop is needed.
#[cfg(target_os = "linux")]
mod linux {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use ksni::menu::StandardItem;
    use ksni::{Handle, Icon, MenuItem, OfflineReason, TrayMethods as _};
    use tauri::Manager as _;
    use tokio::sync::Mutex;
    use tokio::time::timeout;

    use super::{AppHandle, Runtime};
    use crate::raise;
    use crate::shell::Shell;

    /// A desktop that takes longer than this hangs; there is no tray then.
    const PATIENCE: Duration = Duration::from_secs(3);

    /// The icon in the tray.
    pub struct Tray<R: Runtime> {
        app: AppHandle<R>,
        item: Mutex<Option<Handle<Item<R>>>>,
        there: Arc<AtomicBool>,
    }

    impl<R: Runtime> Tray<R> {
        /// None is shown until [`Tray::follow`] wants one.
        pub fn new(app: AppHandle<R>) -> Self {
            Self { app, item: Mutex::new(None), there: Arc::default() }
        }

        /// Shows the icon or takes it away; gives whether it is as wanted.
        pub async fn follow(&self, wanted: bool) -> bool {
            let mut item = self.item.lock().await;
            if wanted == self.is_there() {
                return true;
            }
            if let Some(old) = item.take() {
                old.shutdown().await;
                self.there.store(false, Ordering::SeqCst);
            }
            if wanted {
                let fresh = Item { app: self.app.clone(), there: Arc::clone(&self.there) };
                match timeout(PATIENCE, fresh.spawn()).await {
                    Ok(Ok(handle)) => {
                        self.there.store(true, Ordering::SeqCst);
                        *item = Some(handle);
                    }
                    Ok(Err(error)) => tracing::info!(%error, "this desktop has no tray"),
                    Err(_) => tracing::info!("the tray of this desktop hangs"),
                }
            }
            wanted == self.is_there()
        }

        /// Whether somebody can find Cairn again when its window is gone.
        pub fn is_there(&self) -> bool {
            self.there.load(Ordering::SeqCst)
        }
    }

    struct Item<R: Runtime> {
        app: AppHandle<R>,
        there: Arc<AtomicBool>,
    }

    impl<R: Runtime> ksni::Tray for Item<R> {
        fn id(&self) -> String {
            self.app.config().identifier.clone()
        }

        fn title(&self) -> String {
            "Cairn".to_owned()
        }

        fn icon_pixmap(&self) -> Vec<Icon> {
            let icon = self.app.default_window_icon();
            icon.map(|icon| pixmap(icon.width(), icon.height(), icon.rgba())).into_iter().flatten().collect()
        }

        fn activate(&mut self, _: i32, _: i32) {
            raise(&self.app);
        }

        fn menu(&self) -> Vec<MenuItem<Self>> {
            vec![
                entry("Open Cairn", |item: &mut Self| raise(&item.app)),
                entry("Sync now", |item| item.app.state::<Arc<Shell>>().nudge()),
                entry("Lock", |item| {
                    if let Err(error) = item.app.state::<Arc<Shell>>().lock("asked") {
                        tracing::warn!(code = error.code, "the database did not close cleanly");
                    }
                }),
                MenuItem::Separator,
                entry("Quit", |item| item.app.exit(0)),
            ]
        }

        fn watcher_online(&self) {
            self.there.store(true, Ordering::SeqCst);
        }

        /// A window that was closed would be lost: it comes back.
        fn watcher_offline(&self, _: OfflineReason) -> bool {
            self.there.store(false, Ordering::SeqCst);
            raise(&self.app);
            true
        }
    }

    fn entry<R: Runtime>(label: &str, does: impl Fn(&mut Item<R>) + Send + 'static) -> MenuItem<Item<R>> {
        StandardItem { label: label.to_owned(), activate: Box::new(does), ..StandardItem::default() }.into()
    }

    /// From red, green, blue, opacity to the specification's opacity first.
    fn pixmap(width: u32, height: u32, rgba: &[u8]) -> Option<Icon> {
        let data = rgba.chunks_exact(4).flat_map(|p| [p[3], p[0], p[1], p[2]]).collect();
        Some(Icon { width: width.try_into().ok()?, height: height.try_into().ok()?, data })
    }

    #[cfg(test)]
    mod tests {
        use super::pixmap;

        #[test]
        fn opacity_comes_first() {
            let icon = pixmap(2, 1, &[1, 2, 3, 4, 5, 6, 7, 8]).map(|icon| (icon.width, icon.data));
            assert_eq!(icon, Some((2, vec![4, 1, 2, 3, 8, 5, 6, 7])));
        }
    }
}

/// Not built yet for other systems: closing the window ends Cairn there.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::marker::PhantomData;

    use super::{AppHandle, Runtime};

    /// No tray.
    pub struct Tray<R: Runtime>(PhantomData<AppHandle<R>>);

    impl<R: Runtime> Tray<R> {
        /// No tray.
        pub fn new(_: AppHandle<R>) -> Self {
            Self(PhantomData)
        }

        /// Whether none is wanted.
        pub async fn follow(&self, wanted: bool) -> bool {
            !wanted
        }

        /// Never.
        pub fn is_there(&self) -> bool {
            false
        }
    }
}
