//! `roster_writer FOLDER`: imports into a roster and takes imports back until the disk dies, printing the
//! number of the last revision that is there, and of each after its commit.

use std::env;
use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use cairn_tests::revisions;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder] = arguments.as_slice() else { bail!("usage: roster_writer FOLDER") };
    let mut roster = revisions::open(Path::new(folder))?;
    let mut output = stdout().lock();
    revisions::write(&mut roster, |number| {
        writeln!(output, "{number}")?;
        Ok(output.flush()?)
    })
}
