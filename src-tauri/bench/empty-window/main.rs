//! An empty Tauri window: what `cargo xtask bench` holds the start, the memory and the size of Cairn
//! against. It is part of no package.

#[allow(clippy::disallowed_methods, reason = "generate_context! expands to code that may exit")]
fn main() -> anyhow::Result<()> {
    let context = tauri::generate_context!("src-tauri/bench/empty-window/tauri.conf.json");
    Ok(tauri::Builder::default().run(context)?)
}
