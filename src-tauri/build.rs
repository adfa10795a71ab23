//! Embeds the built interface and generates one permission per command.
//!
//! Naming the commands here makes Tauri deny each of them to every window whose capabilities in
//! `tauri.conf.json` do not list it.

use std::fs;
use std::io;
use std::path::Path;

/// Makes the list of names that Tauri wants.
macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        /// Every command that `ipc.rs` registers.
        const COMMANDS: &[&str] = &[$(stringify!($name)),*];
    };
}
include!("src/command_list.rs");

/// Where Vite puts the interface; the same as `build.frontendDist` in `tauri.conf.json`.
const FRONTEND: &str = "ui/dist";

/// Shown when the program is built before the interface (for example by a lint on a fresh clone).
const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cairn</title>\
<h1>Cairn</h1><p>The interface was not built. Run: npm ci &amp;&amp; npm run build, in ui/.</p></html>\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={FRONTEND}");
    println!("cargo:rerun-if-changed=tauri.conf.json");
    println!("cargo:rerun-if-changed=src-tauri/src/command_list.rs");
    ensure_frontend(Path::new(FRONTEND))?;
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest))?;
    Ok(())
}

/// Tauri refuses to compile without the folder, so a page that says what is missing stands in.
fn ensure_frontend(folder: &Path) -> io::Result<()> {
    let index = folder.join("index.html");
    if index.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::write(index, PLACEHOLDER)
}
