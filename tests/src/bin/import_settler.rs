//! `import_settler DATA TENANT [look]`: carries out what the journal of a tenant asks for, unless it is only
//! to look; then reads the whole copy of its roster and ends. Prints how many imports and rollbacks it
//! answered, the copy's revision and the journal's.

use std::env;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use cairn_domain::TenantId;
use cairn_service::rosters::{Rosters, folder_beside, settle, verify};
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::{Ask, Service};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

#[allow(clippy::disallowed_methods, reason = "a program reads the clock")]
fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (data, tenant, looks) = match arguments.as_slice() {
        [data, tenant] => (data, tenant, false),
        [data, tenant, look] if look == "look" => (data, tenant, true),
        _ => bail!("usage: import_settler DATA TENANT [look]"),
    };
    let (data, tenant): (&Path, TenantId) = (Path::new(data), tenant.parse().context("a tenant's id")?);
    let mut random = StdRng::from_os_rng();
    let mut ask = Ask::new(chrono::Utc::now(), &mut random);
    let storage = Arc::new(Sqlite::open(data)?);
    let service = Service::open(storage, Ask::new(ask.now, &mut StdRng::from_os_rng()))?;
    let rosters = Rosters::new(folder_beside(data));
    let done = if looks { Vec::new() } else { settle(&service, &rosters, &tenant, &mut ask)? };
    let (copy, journal) = verify(&service, &rosters, &tenant)?;
    writeln!(stdout(), "{} {copy} {journal}", done.len())?;
    Ok(())
}
