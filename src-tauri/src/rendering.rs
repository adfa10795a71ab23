//! How the web view draws: without OpenGL where the computer has no graphics card.
//!
//! On Linux the web view draws through OpenGL everywhere. Where there is no card, as in most virtual
//! machines, a program imitates one on the processor, which takes the web view two to three times as
//! long for a change and costs it 80 MiB (docs/adr/0014-drawing-without-a-card.md).

use std::path::Path;

/// Tells WebKit to leave OpenGL alone. Whoever starts Cairn may say otherwise with `0`.
const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Where Linux lists graphics cards, a `renderD…` for each one that can draw.
const CARDS: &str = "/dev/dri";

/// Chooses how the web view will draw. To be called before anything else runs: what is chosen is an
/// environment variable, which must not change under other threads.
#[allow(clippy::disallowed_methods, reason = "what is chosen here is a variable of the environment")]
pub fn choose() {
    if std::env::var_os(SWITCH).is_some() || has_card(Path::new(CARDS)) {
        return;
    }
    if let Err(error) = glib::setenv(SWITCH, "1", false) {
        tracing::debug!(%error, "the web view draws as it likes");
    }
}

fn has_card(folder: &Path) -> bool {
    let Ok(cards) = std::fs::read_dir(folder) else { return false };
    cards.flatten().any(|card| card.file_name().as_encoded_bytes().starts_with(b"renderD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_one_that_can_draw() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_card(&dir.path().join("none")));
        // A virtual screen alone cannot draw.
        std::fs::write(dir.path().join("card0"), "").unwrap();
        assert!(!has_card(dir.path()));
        std::fs::write(dir.path().join("renderD128"), "").unwrap();
        assert!(has_card(dir.path()));
    }
}
