//! Imports of a million rows after their check: onto the laptop, again, changed, taken back, and through
//! the service to another laptop. The references are the `sqlite3` shell and a bare SQLCipher table.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_app::imports::{ImportRequest, Watch};
use cairn_app::runs::RunChoices;
use cairn_domain::TenantId;
use cairn_imports::{
    Entry, Limits, Options, PlanChange, PlanQuery, PlanWriter, Planned, SCRATCH_BUDGET, Scratch, each_entry,
    naming, read_blob, write_blob,
};
use cairn_protocol::ApiError;
use cairn_service::admin::{self, NewTenant};
use cairn_service::storage::sqlite::Sqlite;
use cairn_store::roster::{Back, Revision, Roster};
use cairn_store::{DataKey, StoreError};
use cairn_tests::door::Door;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Size;
use crate::bare::connect;
use crate::harness::{Pair, Samples, in_turn, ms, pair, timed};
use crate::imports::{FILES, growth, made};
use crate::python::{Cost, cost};
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, Laptop, Serving, now};

const ROWS: usize = 1_060_000;
const KEY: [u8; 32] = [9; 32];

/// Milliseconds of what is done to one roster, step by step.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Steps {
    /// Files to the roster: checked, sorted, packed, unpacked, written.
    load: f64,
    /// The same files once more.
    same: f64,
    /// Every row changed, from a packed file.
    update: f64,
    /// That taken back.
    rollback: f64,
}

/// Why the load takes longer than the shell's.
const LOAD: &str = "every record is checked, packed for the way, unpacked, hashed into the digest that all computers \
    compare, and written twice, as what stands and as a version, encrypted. The shell copies text.";
/// Why the same set again takes as long.
const SAME: &str =
    "every row is read, checked, sorted and packed to find that its file is the one that stands.";
/// Why an update takes longer.
const UPDATE: &str = "the new content is written as a version and what stands is pointed to it: twice the rows of the \
    reference, and the digest of the old and of the new content.";
/// Why taking it back takes as long.
const BACK: &str = "it reads both contents of every record, and hashes both.";

/// Measures.
///
/// # Errors
/// There is no `sqlite3`; an import fails.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let rows = size.of(ROWS, 10_000);
    let set = made(folder, rows)?;
    let rounds = size.of(3, 1);
    let loads = in_turn(rounds, |_| hidden(folder, "load-set", &set), |_| shell(folder, &set))?;
    let of = |what: fn(&Cost) -> f64| pair(&loads, what, what);
    const SHELL: &str = "`.import` by the sqlite3 shell, unique indexes and a foreign-key check";
    let mut figures = vec![
        Figure::paired("files to the roster of a laptop", "ms", &of(|c| c.ms), SHELL)
            .goal(Goal::RatioAtMost(1.0))
            .because(LOAD),
        Figure::paired("its processor time", "ms", &of(|c| c.cpu_ms), SHELL),
        Figure::paired("its memory", "MiB", &of(|c| c.mib), SHELL),
    ];
    let steps = in_turn(rounds, |_| steps(folder, &set), |_| bare(folder, &set))?;
    let within = |ours: fn(&Steps) -> f64, other: fn(&Steps) -> f64| Pair {
        ours: steps.iter().map(|(steps, _)| ours(steps)).collect(),
        reference: steps.iter().map(|(steps, _)| other(steps)).collect(),
    };
    figures.extend([
        Figure::paired("the same set again", "ms", &within(|s| s.same, |s| s.load), "its first import")
            .goal(Goal::RatioAtMost(0.5))
            .because(SAME),
        Figure::paired(
            "an update of every row",
            "ms",
            &pair(&steps, |steps| steps.update, |bare| *bare),
            "the same into a bare SQLCipher table that keeps no earlier values",
        )
        .goal(Goal::RatioAtMost(1.35))
        .because(UPDATE),
        Figure::paired("that update taken back", "ms", &within(|s| s.rollback, |s| s.update), "the update")
            .goal(Goal::RatioAtMost(1.0))
            .because(BACK),
    ]);
    figures.extend(pages(folder, &set)?);
    figures.extend(trips(folder, &set, rounds)?);
    Ok(Report {
        about: format!(
            "A clean OneRoster 1.1 set of {rows} rows. Files to the roster: every row is checked, the records are \
             sorted and packed as they are uploaded, unpacked again, and written with their versions into the \
             encrypted roster in one transaction with `synchronous=FULL`; a program of its own. The sqlite3 shell \
             imports the same files into typed tables in one transaction, makes a unique index over each key and \
             runs `PRAGMA foreign_key_check`: neither validated nor encrypted. The later steps follow in one \
             process. An update changes a value of every record, from a packed file; its reference reads the same \
             file. Pages are of a plan into an empty roster. The way to another laptop goes through the real \
             service over HTTP on this machine."
        ),
        figures,
        tables: vec![growth(folder, size, "Files to the roster, by the size of the set", |set| {
            hidden(folder, "load-set", set)
        })?],
    })
}

fn command(folder: &Path, slice: &str, words: &[&Path]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(slice).arg("--folder").arg(folder).arg("--").args(words);
    Ok(command)
}

fn hidden(folder: &Path, slice: &str, set: &Path) -> Result<Cost> {
    cost(&command(folder, slice, &[set])?)
}

fn said<T: serde::de::DeserializeOwned>(cost: &Cost) -> Result<T> {
    Ok(serde_json::from_str(&cost.said)?)
}

fn steps(folder: &Path, set: &Path) -> Result<Steps> {
    said(&hidden(folder, "roster-steps", set)?)
}

fn bare(folder: &Path, set: &Path) -> Result<f64> {
    said(&hidden(folder, "bare-update", set)?)
}

/// The set as it is uploaded.
fn packed(folder: &Path, set: &Path) -> Result<(Vec<u8>, String)> {
    let scratch = Scratch { folder: folder.to_owned(), key: KEY, budget: SCRATCH_BUDGET };
    let mut bytes = Vec::new();
    let (blob, report) = write_blob(set, &Options::default(), &scratch, &mut bytes)?;
    ensure!(report.can_proceed, "the set is not clean: {:?}", report.problems);
    Ok((bytes, blob.sha256))
}

fn roster(folder: &Path) -> Result<Roster> {
    let tenant: TenantId = "north".parse().map_err(|_| anyhow::anyhow!("no tenant"))?;
    Ok(Roster::cached(&folder.join("roster.db"), &tenant, &DataKey::new(KEY))?)
}

/// What a value of the update is.
fn changed(value: &str) -> String {
    format!("{value}*")
}

/// Writes a packed set as a revision; `changes` a value of every record.
fn apply(roster: &mut Roster, number: u64, (bytes, name): &(Vec<u8>, String), changes: bool) -> Result<()> {
    let import = format!("north:d:{number}");
    let written = roster.apply(Revision { number, import: &import }, |writer| {
        read_blob(bytes.as_slice(), name, &Limits::default(), |entry| {
            let Entry::Put(record) = entry else { return Ok(()) };
            if !changes {
                return Ok::<(), ApiError>(writer.put(record.kind, record.id, record.values)?);
            }
            let mut values = record.values.to_vec();
            let other = values.get(1).map(|(_, value)| changed(value));
            if let (Some(slot), Some(other)) = (values.get_mut(1), &other) {
                slot.1 = other;
            }
            Ok(writer.put(record.kind, record.id, &values)?)
        })
        .map(drop)
    });
    Ok(written.map(drop)?)
}

/// Imports a packed set a second time: as laptops and the service do, by the name of its file.
fn again(roster: &mut Roster, packed: &(Vec<u8>, String), first: &str) -> Result<()> {
    ensure!(packed.1 == first, "the same set gives another file");
    let revision = Revision { number: 2, import: "north:d:2" };
    Ok(roster.repeat_if(revision, |_| Ok::<(), StoreError>(())).map(drop)?)
}

/// What the hidden slice `load-set` answers.
///
/// # Errors
/// The set cannot be imported.
pub fn load_set(folder: &Path, set: &Path) -> Result<Value> {
    let packed = packed(folder, set)?;
    apply(&mut roster(folder)?, 1, &packed, false)?;
    Ok(json!(packed.0.len()))
}

/// What the hidden slice `roster-steps` answers.
///
/// # Errors
/// A step fails.
pub fn roster_steps(folder: &Path, set: &Path) -> Result<Value> {
    let mut roster = roster(folder)?;
    let mut import = |number| -> Result<f64> {
        let ((), took) = timed(|| apply(&mut roster, number, &packed(folder, set)?, false))?;
        Ok(ms(took))
    };
    let load = import(1)?;
    let first = packed(folder, set)?.1;
    let ((), same) = timed(|| again(&mut roster, &packed(folder, set)?, &first))?;
    let packed = packed(folder, set)?;
    let ((), update) = timed(|| apply(&mut roster, 3, &packed, true))?;
    let back = Revision { number: 4, import: "north:d:4" };
    let naming = naming(Some("oneroster-1.1"));
    let third = Back { revision: 3, naming: &naming };
    let (_, rollback) = timed(|| Ok(roster.roll_back(back, third, drop)?))?;
    let revisions = roster.revisions()?;
    ensure!(
        revisions.first().map(|one| one.digest) == revisions.last().map(|one| one.digest),
        "not taken back"
    );
    Ok(serde_json::to_value(Steps { load, same: ms(same), update: ms(update), rollback: ms(rollback) })?)
}

/// What the hidden slice `bare-update` answers: milliseconds of an update of every row of a table that
/// holds the records under the same keys, encrypted, and nothing else.
///
/// # Errors
/// The database refuses.
pub fn bare_update(folder: &Path, set: &Path) -> Result<Value> {
    let packed = packed(folder, set)?;
    let db = connect(&folder.join("bare.db"), Some(&KEY))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE records (type TEXT NOT NULL, id TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT, WITHOUT ROWID;",
    )?;
    bare_write(&db, "INSERT INTO records (type, id, content) VALUES (?1, ?2, ?3)", &packed, false)?;
    let update = "UPDATE records SET content = ?3 WHERE type = ?1 AND id = ?2";
    let ((), took) = timed(|| bare_write(&db, update, &packed, true))?;
    Ok(json!(ms(took)))
}

fn bare_write(db: &Connection, sql: &str, (bytes, name): &(Vec<u8>, String), changes: bool) -> Result<()> {
    let moment = db.unchecked_transaction()?;
    let mut statement = moment.prepare(sql)?;
    let fault = |error: rusqlite::Error| ApiError {
        code: "database".into(),
        message: error.to_string(),
        details: Value::Null,
    };
    read_blob(bytes.as_slice(), name, &Limits::default(), |entry| {
        let Entry::Put(record) = entry else { return Ok(()) };
        let mut content: String = record.values.iter().flat_map(|(_, value)| [*value, "\u{1f}"]).collect();
        if changes {
            content = changed(&content);
        }
        statement.execute(params![record.kind, record.id, content]).map(drop).map_err(fault)
    })?;
    drop(statement);
    Ok(moment.commit()?)
}

/// The shell's way: typed tables, a unique index over each key, every reference checked.
fn shell(folder: &Path, set: &Path) -> Result<Cost> {
    const REFERENCES: &[(&str, &str, &str)] = &[
        ("courses", "orgSourcedId", "orgs"),
        ("classes", "courseSourcedId", "courses"),
        ("classes", "schoolSourcedId", "orgs"),
        ("enrollments", "classSourcedId", "classes"),
        ("enrollments", "schoolSourcedId", "orgs"),
        ("enrollments", "userSourcedId", "users"),
    ];
    let file = folder.join("shell.db");
    let mut command = Command::new("sqlite3");
    command.arg(&file).args(["PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", "BEGIN;"]);
    for name in FILES {
        let path = set.join(name).with_extension("csv");
        let head = std::fs::read_to_string(&path)?.lines().next().unwrap_or_default().to_owned();
        let columns = head.split(',').map(|column| format!("\"{column}\" TEXT"));
        let references = REFERENCES.iter().filter(|(from, _, _)| from == name);
        let references =
            references.map(|(_, column, to)| format!("FOREIGN KEY ({column}) REFERENCES {to} (sourcedId)"));
        let columns: Vec<String> = columns.chain(references).collect();
        command.arg(format!("CREATE TABLE {name} ({});", columns.join(", ")));
        command.arg(format!(".import --csv --skip 1 '{}' {name}", path.display()));
        command.arg(format!("CREATE UNIQUE INDEX {name}_key ON {name} (sourcedId);"));
    }
    let cost = cost(command.args(["PRAGMA foreign_key_check;", "COMMIT;"]))?;
    ensure!(cost.said.trim().lines().all(|line| line == "wal"), "the shell finds faults: {}", cost.said);
    for ending in ["", "-wal", "-shm"] {
        // The shell may have removed them itself.
        let _ = std::fs::remove_file(folder.join(format!("shell.db{ending}")));
    }
    Ok(cost)
}

/// Pages of the rows of a plan.
fn pages(folder: &Path, set: &Path) -> Result<[Figure; 2]> {
    let (turned, sought): (Vec<f64>, Vec<f64>) = said(&hidden(folder, "plan-pages", set)?)?;
    let figure = |what, times: Vec<f64>| {
        Figure::alone(what, "ms", &times.into_iter().collect::<Samples>()).goal(Goal::AtMost(100.0))
    };
    Ok([
        figure("a page of 100 rows of a plan, anywhere, by type and change", turned),
        figure("the answer to a text that no row holds", sought),
    ])
}

/// What the hidden slice `plan-pages` answers.
///
/// # Errors
/// The plan fails.
pub fn plan_pages(folder: &Path, set: &Path) -> Result<Value> {
    let scratch = Scratch { folder: folder.to_owned(), key: KEY, budget: SCRATCH_BUDGET };
    let mut writer = PlanWriter::new(&scratch)?;
    each_entry(set, &Options::default(), &scratch, &[], |entry, row| {
        let Entry::Put(record) = entry else { return Ok(()) };
        let planned =
            Planned { kind: record.kind, id: record.id, row, before: None, after: Some(record.values) };
        writer.put(planned)
    })?;
    let mut rows = writer.end("oneroster-1.1")?;
    let mut page = |query: &PlanQuery| -> Result<f64> {
        let (page, took) = timed(|| Ok(rows.page(query, false)?))?;
        ensure!(page.total > 0, "nothing is planned");
        Ok(ms(took))
    };
    let all = PlanQuery { limit: 100, ..PlanQuery::default() };
    let (mut turned, mut sought) = (Vec::new(), Vec::new());
    for step in 0..20 {
        let from = step * 50_000;
        let kind = (step % 2 == 0).then(|| "enrollments".to_owned());
        let change = (step % 3 == 0).then_some(PlanChange::Create);
        turned.push(page(&PlanQuery { from, r#type: kind, change, ..all.clone() })?);
        for text in ["nobody", "sourcedid", "no such school"] {
            sought.push(page(&PlanQuery { from, text: text.to_owned(), ..all.clone() })?);
        }
    }
    Ok(json!([turned, sought]))
}

/// One import on its way, in milliseconds.
struct Trip {
    /// From files to what waits to be sent.
    prepare: f64,
    /// Until the service has the file.
    upload: f64,
    /// Until the laptop hears that it is committed.
    commit: f64,
    /// Until the author's own roster has it.
    own: f64,
    /// Another laptop's sync.
    other: f64,
}

fn trips(folder: &Path, set: &Path, rounds: usize) -> Result<Vec<Figure>> {
    let trips = (0..rounds).map(|round| trip(&folder.join(format!("trip-{round}")), set));
    let trips = trips.collect::<Result<Vec<Trip>>>()?;
    let figure =
        |what, of: fn(&Trip) -> f64| Figure::alone(what, "ms", &trips.iter().map(of).collect::<Samples>());
    Ok(vec![
        figure("a run: files to the outbox", |t| t.prepare),
        figure("then the upload", |t| t.upload),
        figure("then the service's commit", |t| t.commit),
        figure("then the author's roster", |t| t.own),
        figure("and a second laptop's sync", |t| t.other),
    ])
}

fn trip(folder: &Path, set: &Path) -> Result<Trip> {
    std::fs::create_dir_all(folder)?;
    let data = folder.join("service");
    let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
    // Without a project, so that no pilot limits it.
    let new = NewTenant { slug: "north", name: "North", playbook: None, mode: None, go_live: None };
    let tenant = ground.ask(|service, ask| admin::create_tenant(service, &new, ask))?;
    for name in ["ana", "ben"] {
        ground.specialist(name, &["north"])?;
    }
    drop(ground);
    let serving = Serving::data(&data)?;
    let door = Door::before(serving.address)?;
    let [ana, ben] = ["ana", "ben"].map(|name| Laptop::enrolled(folder, name, &door.url()));
    let (ana, ben) = (ana?, ben?);
    ana.sync()?;
    ben.sync()?;
    let request = ImportRequest { path: set.to_owned(), ..ImportRequest::default() };
    let (_, prepare) = timed(|| {
        let run = ana
            .session
            .signed_in(|desk| desk.import_run("north", &request, RunChoices::default(), Watch::default()))?;
        let ready = run.prepare()?;
        Ok(ana.session.signed_in(|desk| desk.queue_import(ready, now()))?)
    })?;
    let (upload, commit, own) = sent(&ana, &tenant)?;
    let (_, other) = timed(|| until_it_is_here(&ben, &tenant))?;
    let same = [&ana, &ben].map(|laptop| laptop.desk(|desk| Ok(desk.store.roster_state(&tenant)?)));
    let [ours, theirs] = same;
    let (ours, theirs) = (ours?, theirs?);
    ensure!(ours.is_some() && ours == theirs, "the laptops differ");
    drop((ana, ben, serving));
    std::fs::remove_dir_all(folder)?;
    Ok(Trip { prepare: ms(prepare), upload, commit, own, other: ms(other) })
}

#[allow(clippy::disallowed_methods, reason = "nobody tells how far a sync is")]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Whether a laptop has a revision of the roster; what was noted before the first is no roster.
fn is_here(laptop: &Laptop, tenant: &TenantId) -> Result<bool> {
    laptop.desk(|desk| Ok(desk.store.roster_state(tenant)?.is_some_and(|state| state.revision > 0)))
}

fn until_it_is_here(laptop: &Laptop, tenant: &TenantId) -> Result<()> {
    while !is_here(laptop, tenant)? {
        laptop.sync()?;
    }
    Ok(())
}

/// Syncs until the roster is there; looks meanwhile at how far it is.
fn sent(laptop: &Laptop, tenant: &TenantId) -> Result<(f64, f64, f64)> {
    let began = Instant::now();
    let is_sent = || laptop.desk(|desk| Ok(desk.store.unsent_blobs()?.is_empty()));
    let is_committed =
        || laptop.desk(|desk| Ok(desk.store.imports(tenant)?.iter().any(|one| one.committed().is_some())));
    let is_over = AtomicBool::new(false);
    let arrives = || -> Result<Duration> {
        while !is_here(laptop, tenant)? {
            laptop.sync()?;
            let asked = laptop.desk(|desk| Ok(desk.store.imports(tenant)?))?;
            let refused = asked.iter().find(|one| !one.is_open() && one.committed().is_none());
            ensure!(refused.is_none(), "the import is refused: {refused:?}");
            ensure!(began.elapsed() < Duration::from_secs(300), "the import does not arrive");
        }
        Ok(began.elapsed())
    };
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| -> Result<(Duration, Duration)> {
            let until = |there: &dyn Fn() -> Result<bool>| -> Result<Duration> {
                while !there()? && !is_over.load(Ordering::Relaxed) {
                    pause();
                }
                Ok(began.elapsed())
            };
            Ok((until(&is_sent)?, until(&is_committed)?))
        });
        let whole = arrives();
        is_over.store(true, Ordering::Relaxed);
        let whole = whole?;
        let (sent, committed) = watching.join().ok().context("the watching thread ended")??;
        Ok((ms(sent), ms(committed.saturating_sub(sent)), ms(whole.saturating_sub(committed))))
    })
}
