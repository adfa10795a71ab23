//! What only the shell knows of the program it is: the web view and the operating system.

use std::env::consts;
use std::fs;

use cairn_app::Session;
use cairn_app::api::About;
use cairn_app::error::Result;

/// Which program this is; no personal data.
///
/// # Errors
/// As [`Session::about`].
pub fn of(session: &Session) -> Result<About> {
    let web_view = tauri::webview_version().ok();
    session.about(env!("CARGO_PKG_VERSION"), web_view, system())
}

/// The name that the system gives itself, and the processor's architecture.
fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = pretty_name(&release).unwrap_or(consts::OS);
    format!("{name}, {}", consts::ARCH)
}

/// `PRETTY_NAME` of `/etc/os-release` (os-release(5)).
fn pretty_name(release: &str) -> Option<&str> {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim().trim_matches('"')).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_named_as_it_names_itself() {
        let release = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n";
        assert_eq!(pretty_name(release), Some("Debian GNU/Linux 13 (trixie)"));
        assert_eq!(pretty_name("NAME=x\nPRETTY_NAME=\"\"\n"), None);
        assert_eq!(pretty_name(""), None);
    }
}
