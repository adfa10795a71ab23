//! `row_writer FOLDER full|normal`: writes rows until the disk dies, printing the id of each row
//! after its commit.

use std::env;
use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use cairn_tests::rows;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, synchronous] = arguments.as_slice() else {
        bail!("usage: row_writer FOLDER full|normal");
    };
    let database = rows::open(Path::new(folder), synchronous.parse()?)?;
    let mut output = stdout().lock();
    rows::write(&database, |id| {
        writeln!(output, "{id}")?;
        Ok(output.flush()?)
    })
}
