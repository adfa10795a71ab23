//! `store_writer PROFILE KEY_FILE TENANT ITEM`: comments on an item until the disk dies, through the
//! use cases and the store as `cairnctl` does, printing the op of each comment after its commit.

use std::env;
use std::io::{Write as _, stdout};
use std::path::Path;

use anyhow::{Result, bail};
use cairn_app::{KeyPlace, Session};

#[allow(clippy::disallowed_methods, reason = "a program reads the clock")]
fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [profile, key, tenant, item] = arguments.as_slice() else {
        bail!("usage: store_writer PROFILE KEY_FILE TENANT ITEM");
    };
    let session = Session::new(Path::new(profile), KeyPlace::File(key.into()));
    let mut output = stdout().lock();
    for n in 0.. {
        let text = format!("remark {n}; ").repeat(1 + n % 50);
        let written =
            session.signed_in(|desk| desk.comment(tenant, item, text, false, None, chrono::Utc::now()))?;
        writeln!(output, "{}", written.op)?;
        output.flush()?;
    }
    Ok(())
}
