//! The demo without a display: tells the main story in real windows under Xvfb and saves a picture
//! of every screen under `target/demo`, named after the screen.
#![allow(clippy::print_stdout, reason = "a terminal program talks on the terminal")]

use std::cell::Cell;

use anyhow::Result;
use cairn_tests::process::target_dir;
use cairn_tests::story;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = target_dir()?.join("demo");
    let step = Cell::new(0);
    story::tell(&folder, &|line| {
        step.set(step.get() + 1);
        println!("{:>2}. {line}", step.get());
    })
    .await?;
    println!("\nThe pictures are in {}.", folder.display());
    Ok(())
}
