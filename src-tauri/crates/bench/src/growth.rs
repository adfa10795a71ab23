//! How the figures grow: from 10 to 1,000 tenants, and from 1,000 to 1,000,000 ops in one journal.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cairn_domain::TenantId;
use cairn_service::seed;
use cairn_service::storage::sqlite::Sqlite;
use cairn_store::Profile;
use rusqlite::{Connection, params};

use crate::Size;
use crate::bare::connect;
use crate::harness::{Samples, each, ms, timed};
use crate::report::{Report, Table};
use crate::stage::{Ground, Laptop, PLAYBOOK, Serving, now, words};
use crate::sync::{Steady, Template, Trip, Way};
use cairn_tests::door::Door;

/// Rows added in one transaction, so that the log stays small.
const CHUNK: usize = 100_000;

/// Quantities by name, one value at each size.
#[derive(Default)]
struct Grown(Vec<(&'static str, Vec<f64>)>);

impl Grown {
    fn add(&mut self, what: &'static str, value: f64) {
        match self.0.iter_mut().find(|(name, _)| *name == what) {
            Some((_, values)) => values.push(value),
            None => self.0.push((what, vec![value])),
        }
    }

    fn table(&self, title: &str, sizes: &[usize], of: &str) -> Table {
        let heads: Vec<String> = sizes.iter().map(|size| format!("{size} {of}")).collect();
        let mut columns = vec![""];
        columns.extend(heads.iter().map(String::as_str));
        columns.push("growth");
        let mut table = Table::new(title, &columns);
        for (what, values) in &self.0 {
            table.growth(what, values);
        }
        table
    }
}

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let tenants = [size.of(10, 6), size.of(1_000, 12)];
    let mut by_tenants = Grown::default();
    for count in tenants {
        let folder = tempfile::tempdir_in(folder)?;
        with_tenants(folder.path(), count, size, &mut by_tenants)
            .with_context(|| format!("{count} tenants"))?;
    }
    let ops = [size.of(1_000, 20), size.of(30_000, 100), size.of(1_000_000, 1_000)];
    let mut by_ops = Grown::default();
    for count in ops {
        let folder = tempfile::tempdir_in(folder)?;
        with_ops(folder.path(), count, ops[0], size, &mut by_ops).with_context(|| format!("{count} ops"))?;
    }
    Ok(Report {
        about: format!(
            "Medians. Tenants hold the demo's work and are all on one manager's laptop. Ops lie in one tenant's \
             journal: {} of them were written, pushed and pulled; the rest were put into the three databases in bulk, \
             as if one comment had been written over and over, because pushing a million takes longer than anybody \
             waits. From there on everything is real again. The start is that of the data (database opened, Today \
             derived), without a window.",
            ops[0]
        ),
        figures: Vec::new(),
        tables: vec![
            by_tenants.table("By tenants", &tenants, "tenants"),
            by_ops.table("By ops in one journal", &ops, "ops"),
        ],
    })
}

fn with_tenants(folder: &Path, count: usize, size: Size, grown: &mut Grown) -> Result<()> {
    let data = folder.join("service");
    let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
    let seeded = ground.ask(|service, ask| seed::seed_demo(service, count, 1, ask))?;
    drop(ground);
    let serving = Serving::data(&data)?;
    let door = Door::before(serving.address)?;
    let password = |name: &str| -> Result<&str> {
        let person =
            seeded.people.iter().find(|person| person.name == name).context("somebody is missing")?;
        Ok(&person.password)
    };
    let laptop = Laptop::enrolled_with(folder, "mia.larsen", &door.url(), password("mia.larsen")?)?;
    let (_, first) = timed(|| laptop.sync())?;
    grown.add("first sync, ms", ms(first));
    grown.add("first sync, KB received", door.take().down as f64 / 1_000.0);
    let tenant = laptop.desk(|desk| {
        let all = desk.store.tenants()?;
        let ours = all.into_iter().find(|t| t.playbook.as_ref().is_some_and(|p| p.key == PLAYBOOK));
        Ok(ours.context("no tenant with our playbook")?.id)
    })?;
    local(&laptop, &tenant, size, grown)?;
    laptop.sync()?;
    let (mut sent, mut idle) = (Vec::new(), Vec::new());
    let way = || -> Result<Way> {
        door.take();
        let (_, took) = timed(|| laptop.sync())?;
        Ok(Way { ms: ms(took), passed: door.take() })
    };
    for n in 0..size.of(20, 3) {
        laptop.comment(&tenant, words(n))?;
        sent.push(way()?);
        idle.push(way()?);
    }
    let median =
        |ways: &[Way], number: fn(&Way) -> f64| ways.iter().map(number).collect::<Samples>().median();
    let bytes: fn(&Way) -> f64 = |way| (way.passed.up + way.passed.down) as f64;
    grown.add("one op sent, ms", median(&sent, |way| way.ms));
    grown.add("one op sent, bytes both directions", median(&sent, bytes));
    grown.add("a check that finds nothing, ms", median(&idle, |way| way.ms));
    grown.add("a check that finds nothing, bytes both directions", median(&idle, bytes));
    Ok(())
}

/// What needs no network.
fn local(laptop: &Laptop, tenant: &TenantId, size: Size, grown: &mut Grown) -> Result<()> {
    let day = now().date_naive().to_string();
    let today = || laptop.desk(|desk| Ok(desk.today(&day, 20, now()).map(drop)?));
    today()?;
    let starts = (0..size.of(7, 2)).map(|_| {
        laptop.close()?;
        Ok(ms(timed(today)?.1))
    });
    let starts: Samples = starts.collect::<Result<Vec<f64>>>()?.into_iter().collect();
    grown.add("start: database opened and Today derived, ms", starts.median());
    grown.add("Today again, ms", each(size.of(30, 3), |_| today())?.median());
    let history = || laptop.desk(|desk| Ok(desk.history(tenant.as_str(), 50, now()).map(drop)?));
    history()?;
    grown.add("a page of the tenant's history, ms", each(size.of(30, 3), |_| history())?.median());
    let write = each(size.of(50, 3), |n| laptop.comment(tenant, words(n)))?;
    grown.add("a local write to its commit, ms", write.median());
    Ok(())
}

fn with_ops(folder: &Path, count: usize, written: usize, size: Size, grown: &mut Grown) -> Result<()> {
    let template = Template::make(&folder.join("template"), written)?;
    let steady = Steady::start(&template, &folder.join("steady"))?;
    let more = count.saturating_sub(written);
    steady.at_rest(|laptops, service| {
        if more == 0 {
            return Ok(());
        }
        for laptop in laptops {
            let key = Profile::key_from_file(&laptop.key)?;
            let db = connect(&laptop.session.profile().database(), Some(key.bytes()))?;
            fill_laptop(&db, &template.tenant, more)?;
        }
        fill_service(&connect(&service.join("service.db"), None)?, &template.tenant, more)
    })?;
    let seq = steady.author.desk(|desk| {
        let all = desk.store.positions()?;
        Ok(all.iter().find(|p| p.tenant == template.tenant).map_or(0, |p| p.seen.seq))
    })?;
    ensure!(seq >= count as u64, "the journal has {seq} ops");
    grown.add("the laptop's database, MB", megabytes(&steady.author.session.profile().database())?);
    local(&steady.author, &template.tenant, size, grown)?;
    steady.catch_up()?;
    let trips: Vec<Trip> = (0..size.of(20, 3)).map(|n| steady.one(n)).collect::<Result<_>>()?;
    let ways: Vec<Way> = (0..size.of(20, 3)).map(|_| steady.idle()).collect::<Result<_>>()?;
    let median = |values: &mut dyn Iterator<Item = f64>| values.collect::<Samples>().median();
    grown.add("one op, laptop to laptop, ms", median(&mut trips.iter().map(Trip::ms)));
    grown.add("one op, laptop to laptop, bytes", median(&mut trips.iter().map(Trip::bytes)));
    grown.add("a check that finds nothing, ms", median(&mut ways.iter().map(|way| way.ms)));
    Ok(())
}

fn megabytes(file: &Path) -> Result<f64> {
    Ok(std::fs::metadata(file)?.len() as f64 / 1e6)
}

/// The device under whose name the bulk stands: of the form of one, and nobody's.
const NOBODY: &str = "'ffffffffffffffff'";

/// Adds entries like the newest one to a laptop's journal.
fn fill_laptop(db: &Connection, tenant: &TenantId, more: usize) -> Result<()> {
    let op = format!("t.tenant || ':' || {NOBODY} || ':' || (t.seq + n.i)");
    fill(db, tenant, more, &[
        &format!(
            "INSERT INTO op_writes (tenant, seq, cell, op, after, before)
             SELECT t.tenant, t.seq + n.i, t.cell, {op}, t.after, t.before FROM n, op_writes t
             WHERE t.tenant = ?1 AND t.seq = (SELECT seq FROM journals WHERE tenant = ?1)"
        ),
        &format!(
            "INSERT INTO entries (tenant, seq, head, op, op_hash, actor, at, verb, entry)
             SELECT t.tenant, t.seq + n.i, t.head, {op}, randomblob(32), t.actor, t.at, t.verb,
                    replace(replace(t.entry, t.op, {op}), '\"seq\":' || t.seq || ',', '\"seq\":' || (t.seq + n.i) || ',')
             FROM n, entries t WHERE t.tenant = ?1 AND t.seq = (SELECT seq FROM journals WHERE tenant = ?1)"
        ),
        "UPDATE journals SET seq = seq + ?2 WHERE tenant = ?1",
    ])
}

/// Adds entries like the newest one, with receipts, to a journal of the service.
fn fill_service(db: &Connection, tenant: &TenantId, more: usize) -> Result<()> {
    let last = "t.tenant = ?1 AND t.seq = (SELECT seq FROM journal WHERE tenant = ?1)";
    fill(
        db,
        tenant,
        more,
        &[
            &format!(
                "INSERT INTO receipt (tenant, device, device_seq, hash, receipt)
             SELECT t.tenant, {NOBODY}, t.seq + n.i, lower(hex(randomblob(32))), r.receipt
             FROM n, entry t JOIN receipt r USING (tenant, device, device_seq) WHERE {last}"
            ),
            &format!(
                "INSERT INTO standing (tenant, hash, op)
             SELECT t.tenant, lower(hex(randomblob(32))), t.tenant || ':' || {NOBODY} || ':' || (t.seq + n.i)
             FROM n, entry t WHERE {last}"
            ),
            &format!(
                "INSERT INTO entry (tenant, seq, device, device_seq, head, entry)
             SELECT t.tenant, t.seq + n.i, {NOBODY}, t.seq + n.i, t.head,
                    replace(t.entry, '\"seq\":' || t.seq || ',', '\"seq\":' || (t.seq + n.i) || ',')
             FROM n, entry t WHERE {last}"
            ),
            "UPDATE journal SET seq = seq + ?2 WHERE tenant = ?1",
        ],
    )
}

/// Runs the statements for each chunk of numbers `n.i`; the last of them moves the counter on.
fn fill(db: &Connection, tenant: &TenantId, more: usize, statements: &[&str]) -> Result<()> {
    // Nobody loses anything here in a power cut, and the indexes are written in random order.
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY")?;
    db.busy_timeout(std::time::Duration::from_secs(20))?;
    let mut left = more;
    while left > 0 {
        let chunk = left.min(CHUNK);
        let count = i64::try_from(chunk)?;
        let tx = db.unchecked_transaction()?;
        tx.execute_batch(&format!(
            "CREATE TEMP TABLE IF NOT EXISTS n (i INTEGER PRIMARY KEY); DELETE FROM temp.n;
             WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {count})
             INSERT INTO temp.n SELECT i FROM c"
        ))?;
        for sql in statements {
            let mut statement = tx.prepare(sql)?;
            match statement.parameter_count() {
                1 => statement.execute(params![tenant.as_str()])?,
                _ => statement.execute(params![tenant.as_str(), count])?,
            };
        }
        tx.commit()?;
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        left -= chunk;
    }
    Ok(())
}
