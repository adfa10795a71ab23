//! The demo without a display: tells the main story in real windows under Xvfb, and saves a picture
//! of every screen in both themes under `target/demo`, named after the screen.
#![allow(clippy::print_stdout, reason = "a terminal program talks on the terminal")]

use std::cell::Cell;
use std::fs;
use std::path::Path;

use anyhow::Result;
use cairn_tests::desk::Theme;
use cairn_tests::process::target_dir;
use cairn_tests::{story, tour};

#[tokio::main]
async fn main() -> Result<()> {
    let folder = target_dir()?.join("demo");
    fs::create_dir_all(&folder)?;
    remove_pictures(&folder)?;
    let step = Cell::new(0);
    let tell = |line: &str| {
        step.set(step.get() + 1);
        println!("{:>2}. {line}", step.get());
    };
    story::tell(&folder, &tell).await?;
    for theme in [Theme::Light, Theme::Dark] {
        tour::make(theme, &folder).await?;
        tell(&format!("{} screens in the {theme:?} theme: axe found nothing.", tour::STOPS.len()));
    }
    println!("\nThe pictures are in {}.", folder.display());
    Ok(())
}

/// What an earlier run left would pass for this one's. Whatever else lies there belongs to the demo
/// with a display, which goes on where it stopped.
fn remove_pictures(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "png") {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}
