//! `service_pusher DATA PORT PROFILE KEY_FILE TENANT ITEM`: serves from DATA, on the disk that will
//! die, and pushes comments from a laptop on another disk, printing each text when the service has
//! acknowledged it.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _, stdout};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use cairn_app::{KeyPlace, Session};
use cairn_domain::Time;
use cairn_tests::process::built;

#[allow(clippy::disallowed_methods, reason = "a program reads the clock")]
fn now() -> Time {
    chrono::Utc::now()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [data, port, profile, key, tenant, item] = arguments.as_slice() else {
        bail!("usage: service_pusher DATA PORT PROFILE KEY_FILE TENANT ITEM");
    };
    let mut serve = Command::new(built("cairn-service")?);
    serve.arg("--data").arg(data).args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
    // In this program's own process group: who kills the one kills the other.
    let mut service = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let said = service.stdout.take().context("the service has no standard output")?;
    BufReader::new(said).read_line(&mut String::new())?;
    let session = Session::new(Path::new(profile), KeyPlace::File(key.into()));
    session.open()?;
    let mut output = stdout().lock();
    // What is left of the last time has no line of its own.
    session.sync(&now).await?;
    loop {
        let written =
            session.signed_in(|desk| desk.comment(tenant, item, "pushed".into(), false, None, now()))?;
        session.sync(&now).await?;
        writeln!(output, "{}", written.op)?;
        output.flush()?;
    }
}
