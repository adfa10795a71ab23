//! A window as its window manager and its user see it: its frame, and the screen where it stands.

use anyhow::{Context as _, Result, bail, ensure};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, ImageFormat, MapState, Window as WindowId,
};
use x11rb::rust_connection::RustConnection;

use crate::picture::Picture;

/// A window on a display.
pub struct Frame {
    display: RustConnection,
    window: WindowId,
}

impl Frame {
    /// Finds the window on the display of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(display: &str, title: &str) -> Result<Self> {
        let (display, screen) = RustConnection::connect(Some(display))?;
        let root = display.setup().roots.get(screen).context("the display has no screen")?.root;
        let windows = display.query_tree(root)?.reply()?.children;
        for window in windows {
            let name =
                display.get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 64)?.reply()?;
            if name.value == title.as_bytes() && !protocols(&display, window)?.is_empty() {
                return Ok(Self { display, window });
            }
        }
        bail!("no window is called {title}")
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

    /// What stands on the screen where the window is, as its user sees it.
    ///
    /// # Errors
    /// The window cannot be seen whole, or the screen has other points than 4 bytes each: blue, green,
    /// red and one that does not count.
    pub fn picture(&self) -> Result<Picture> {
        let at = self.display.get_geometry(self.window)?.reply()?;
        let corner = self.display.translate_coordinates(self.window, at.root, 0, 0)?.reply()?;
        let image = self
            .display
            .get_image(
                ImageFormat::Z_PIXMAP,
                at.root,
                corner.dst_x,
                corner.dst_y,
                at.width,
                at.height,
                u32::MAX,
            )?
            .reply()
            .context("the window does not stand whole on the screen")?;
        let (width, height) = (usize::from(at.width), usize::from(at.height));
        ensure!(image.data.len() == width * height * 4, "the screen's points have not 4 bytes each");
        Ok(Picture::new(width, image.data.as_chunks().0.iter().map(|[b, g, r, _]| [*r, *g, *b]).collect()))
    }
}

/// What a window manager may ask of a window; helper windows name nothing.
fn protocols(display: &RustConnection, window: WindowId) -> Result<Vec<u8>> {
    let atom = display.intern_atom(false, b"WM_PROTOCOLS")?.reply()?.atom;
    Ok(display.get_property(false, window, atom, AtomEnum::ANY, 0, 16)?.reply()?.value)
}
