//! What encryption costs: our queries with a key and without, and how often a key is derived.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cairn_app::Session;
use cairn_service::seed;
use cairn_service::storage::sqlite::Sqlite;
use cairn_store::{CACHE_KIB, Profile};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use crate::Size;
use crate::bare::{connect, raw_key};
use crate::child;
use crate::harness::{Samples, in_turn, ms, pair, timed};
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, Laptop, Serving};
use cairn_tests::door::Door;

/// The queries that screens make most, in the store's own words, and whether they name a tenant.
const QUERIES: &[(&str, &str, bool)] = &[
    ("one cell", "SELECT content FROM cells WHERE tenant = ?1 AND cell = 'tenant#name'", true),
    ("all cells of a tenant", "SELECT cell, content FROM cells WHERE tenant = ?1", true),
    (
        "where the journals stand",
        "SELECT tenant, audience, seq, head, client_digest, team_digest, salts, complete_from, snapshot_seq, as_of,
         rebuild, version FROM journals ORDER BY tenant",
        false,
    ),
    ("Today's summaries", "SELECT tenant, version, content FROM summaries", false),
    (
        "a page of a tenant's history",
        "SELECT coalesce(at, ''), tenant, seq, entry FROM entries WHERE tenant = ?1 ORDER BY seq DESC LIMIT 50",
        true,
    ),
    (
        "a page of everybody's history",
        "SELECT coalesce(at, ''), tenant, seq, entry FROM entries WHERE substr(tenant, 1, 1) <> '_'
         ORDER BY coalesce(at, '') DESC, tenant DESC, seq DESC LIMIT 50",
        false,
    ),
    (
        "open conflicts",
        "SELECT tenant, cell, content FROM cells WHERE conflict = 1 AND (?1 IS NULL OR tenant = ?1) ORDER BY tenant, cell",
        true,
    ),
    (
        "what waits to be sent",
        "SELECT tenant, state, count(*) FROM outbox WHERE state <> 'closed' GROUP BY tenant, state",
        false,
    ),
];

/// The 95th percentile of each query, in milliseconds, and that of all together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Times {
    queries: BTreeMap<String, f64>,
    all: f64,
}

/// Runs the queries over every tenant and times each.
///
/// # Errors
/// The database cannot be opened or read.
pub fn queries(database: &Path, key: Option<&Path>) -> Result<Times> {
    let key = key.map(Profile::key_from_file).transpose()?;
    let db = connect(database, key.as_ref().map(|key| key.bytes()))?;
    // As the store opens it, on both sides. With SQLite's own cache, which holds neither side's summaries,
    // every look at Today would read them from the file again; the app keeps one connection for hours.
    db.pragma_update(None, "cache_size", CACHE_KIB)?;
    let tenants: Vec<String> = db
        .prepare("SELECT tenant FROM journals WHERE substr(tenant, 1, 1) <> '_' ORDER BY tenant")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for tenant in &tenants {
        for (name, sql, names_tenant) in QUERIES {
            let (_, took) = timed(|| read_all(&db, sql, names_tenant.then_some(tenant)))?;
            times.entry((*name).to_owned()).or_default().push(ms(took));
        }
    }
    let p95 = |times: &[f64]| times.iter().copied().collect::<Samples>().quantile(0.95);
    let all: Vec<f64> = times.values().flatten().copied().collect();
    Ok(Times {
        queries: times.iter().map(|(name, times)| (name.clone(), p95(times))).collect(),
        all: p95(&all),
    })
}

fn read_all(db: &Connection, sql: &str, tenant: Option<&String>) -> Result<usize> {
    let mut statement = db.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(tenant))?;
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            seen += usize::from(row.get::<_, Value>(column)? != Value::Null);
        }
    }
    Ok(seen)
}

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let tenants = size.of(300, 12);
    let laptop = manager(folder, tenants)?;
    let derived = derivations(&laptop.session, size)?;
    laptop.close()?;
    let (encrypted, plain) = (folder.join("encrypted.db"), folder.join("plain.db"));
    let key = laptop.key.clone();
    export(&laptop.session.profile().database(), &key, [&encrypted, &plain])?;
    let rounds = in_turn(
        size.of(7, 2),
        |_| child::queries(folder, &encrypted, Some(&key)),
        |_| child::queries(folder, &plain, None),
    )?;
    let p95 = |number: &dyn Fn(&Times) -> f64| pair(&rounds, number, number);
    let against = "the same build without a key";
    let mut figures = vec![
        Figure::paired("p95 over all queries", "ms", &p95(&|times: &Times| times.all), against)
            .goal(Goal::RatioAtMost(1.10)),
    ];
    figures.extend(QUERIES.iter().map(|(name, _, _)| {
        let of = |times: &Times| times.queries.get(*name).copied().unwrap_or_default();
        Figure::paired(format!("p95 of: {name}"), "ms", &p95(&of), against)
    }));
    figures.push(
        Figure::alone("derivations of the passphrase's key in a start with it", "times", &derived)
            .goal(Goal::AtMost(1.5)),
    );
    Ok(Report {
        about: format!(
            "A laptop holds {tenants} tenants of demo data. The queries that screens make most run over every tenant \
             in turn, over one connection with the store's page cache in a fresh process each round, as a session \
             begins, on two exports of the laptop's database: with its key and without one. The passphrase's key: \
             the time of a start with the passphrase beyond one with the key itself, in units of one derivation."
        ),
        figures,
        tables: Vec::new(),
    })
}

/// A manager's laptop with demo data, its summaries kept.
fn manager(folder: &Path, tenants: usize) -> Result<Laptop> {
    let data = folder.join("service");
    let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
    let seeded = ground.ask(|service, ask| seed::seed_demo(service, tenants, 1, ask))?;
    drop(ground);
    let serving = Serving::data(&data)?;
    let door = Door::before(serving.address)?;
    let mia = seeded.people.iter().find(|person| person.name == "mia.larsen").context("no manager")?;
    let laptop = Laptop::enrolled_with(folder, "mia.larsen", &door.url(), &mia.password)?;
    laptop.sync()?;
    let rows = laptop.desk(|desk| Ok(desk.tenants()?.len()))?;
    ensure!(rows == tenants, "{rows} of {tenants} tenants came");
    Ok(laptop)
}

/// How many derivations of the passphrase's key fit into what a start with it takes longer.
fn derivations(session: &Session, size: Size) -> Result<Samples> {
    let passphrase = "five words for a measurement";
    session.set_recovery_passphrase(passphrase)?;
    let starts = size.of(5, 2);
    let (mut derive, mut plain, mut recovered) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..starts {
        derive.push(ms(timed(|| Ok(session.profile().key_from_passphrase(passphrase).map(drop)?))?.1));
        session.close()?;
        plain.push(ms(timed(|| Ok(session.open()?))?.1));
        session.close()?;
        recovered.push(ms(timed(|| Ok(session.recover(passphrase)?))?.1));
    }
    let times = derive.iter().zip(plain.iter().zip(&recovered));
    Ok(times.map(|(derive, (plain, recovered))| (recovered - plain) / derive).collect())
}

/// Writes the database anew to two other files, one with the same key and one without: both packed
/// alike, as the one that was written to bit by bit is not.
fn export(database: &Path, key: &Path, [encrypted, plain]: [&Path; 2]) -> Result<()> {
    let key = Profile::key_from_file(key)?;
    let db = connect(database, Some(key.bytes()))?;
    for (file, key) in [(encrypted, Some(key.bytes())), (plain, None)] {
        let path = file.to_str().context("the folder's name is not text")?;
        db.execute(
            "ATTACH DATABASE ?1 AS other KEY ?2",
            [path.to_owned(), key.map_or(String::new(), raw_key)],
        )?;
        db.query_row("SELECT sqlcipher_export('other')", [], |_| Ok(()))?;
        db.execute_batch("DETACH DATABASE other")?;
        let exported = connect(file, key)?;
        exported.pragma_update(None, "journal_mode", "WAL")?;
    }
    Ok(())
}
