//! A service that comes back from a backup: noticed, said in every journal, and made whole again by
//! what laptops hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;

use cairn_domain::access::Role;
use cairn_domain::change::Status;
use cairn_domain::journal::{EntryOrigin, Outcome};
use cairn_domain::op::Seen;
use cairn_domain::*;
use cairn_protocol::sync::SyncRequest;
use cairn_service::storage::postgres::Postgres;
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::storage::{BlobRow, Mode, with};
use cairn_service::{Ask, admin, backup};
use common::*;
use rand::SeedableRng;

fn open(dir: &std::path::Path) -> World {
    World::new(Arc::new(Sqlite::open(dir).unwrap()))
}

#[test]
fn what_a_restore_lost_comes_back_from_the_laptops() {
    let root = tempfile::tempdir().unwrap();
    let (data, file, again) = (root.path().join("a"), root.path().join("backup"), root.path().join("b"));
    let mut world = open(&data);
    let tenant = world.tenant("north");
    world.user("ana", Role::ImplSpec, &["north"]);
    world.user("ben", Role::ImplSpec, &["north"]);
    let (mut ana, mut ben) = (world.sign_in("ana"), world.sign_in("ben"));
    ana.sync(&mut world, vec![]);
    let keys = free_items();
    let op = ana.status(&tenant, &keys[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![op]);
    backup::backup(&world.service, &file, time(50)).unwrap();
    assert_eq!(api(backup::backup(&world.service, &file, time(50)).unwrap_err()).code, "file_exists");
    // After the backup: one op with a refused one beside it, another from a colleague.
    let refused = ana.status(&tenant, &keys[1], Status::Blocked, None);
    let lost = ana.status(&tenant, &keys[1], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![refused, lost]);
    ben.sync(&mut world, vec![]);
    let bens = ben.status(&tenant, &keys[2], Status::InProgress, None);
    ben.push(&mut world, &tenant, vec![bens]);
    ana.sync(&mut world, vec![]);
    let old_key = world.service.identity.public_key();
    let old_device = world.service.identity.author.device.clone();
    drop(world);

    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    backup::restore(&file, &again, &mut Ask::new(time(60), &mut random)).unwrap();
    let mut world = open(&again);
    assert_eq!(world.service.identity.public_key(), old_key, "the pinned key stays");
    assert_ne!(world.service.identity.author.device, old_device, "the service device is new");

    // Noticed, with the common point among the heads.
    let reply = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    let differs = reply.differs.iter().find(|d| d.tenant == tenant).unwrap();
    let common = Seen { seq: 3, head: ana_head(&ana, &tenant, 3) };
    let caller = world.service.caller(&ana.device).unwrap();
    let heads = cairn_service::handlers::heads::heads(&world.service, &caller, &tenant, &[1, 2, 3]).unwrap();
    assert_eq!(heads.heads.last(), Some(&common));
    assert_eq!(differs.service.seq, 4, "ServiceRestored is on top of the backup");

    // Offered by one laptop, whoever wrote it. A fresh start then shows both as one history.
    let request = SyncRequest { offers: offers(&ana, &tenant, 3), ..ana.request(vec![]) };
    assert_eq!(request.offers.len(), 2);
    let reply = ana.ask(&mut world, &request).unwrap();
    assert!(
        reply.receipts.iter().all(|r| matches!(r.outcome, Outcome::Accepted { .. })),
        "{:?}",
        reply.receipts
    );
    let twice = ana.ask(&mut world, &request).unwrap();
    assert_eq!(twice.receipts, reply.receipts, "offering again changes nothing");
    let before = ana.held(&tenant).cells.clone();
    ana.journals.clear();
    ana.sync(&mut world, vec![]);
    for key in before.keys() {
        assert_eq!(ana.held(&tenant).cells.get(key), before.get(key), "{key}");
    }
    let origins: Vec<&EntryOrigin> = ana.held(&tenant).entries.iter().map(|e| &e.origin).collect();
    assert_eq!(origins.iter().filter(|o| ***o == EntryOrigin::Offered).count(), 2);

    // The device goes on with its numbers; the refused one stays a gap.
    let next = ana.status(&tenant, &keys[0], Status::InProgress, None);
    assert!(matches!(ana.push(&mut world, &tenant, vec![next])[0], Outcome::Accepted { .. }));
    ben.journals.clear();
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).seen, ana.held(&tenant).seen);
}

fn ana_head(laptop: &Laptop, tenant: &TenantId, at: u64) -> Hash {
    // The head before entry `at + 1` follows from the entries up to it.
    let held = laptop.held(tenant);
    let salts = held.salts.clone().unwrap();
    held.entries.iter().filter(|e| e.seq <= at).fold(Hash::ZERO, |head, e| e.link(head, &salts).unwrap())
}

/// Everything in a file, table by table: what two storages must agree on.
fn rows_in(file: &std::path::Path) -> Vec<(String, Vec<String>)> {
    let db = rusqlite::Connection::open(file).unwrap();
    let mut names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows_of = |name: String| {
        let mut all = db.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let width = all.column_count();
        let read = |row: &rusqlite::Row<'_>| {
            let value = |at| Ok(format!("{:?}", row.get::<_, rusqlite::types::Value>(at)?));
            Ok((0..width).map(value).collect::<rusqlite::Result<Vec<_>>>()?.join(" | "))
        };
        let mut rows: Vec<String> = all.query_map([], read).unwrap().map(Result::unwrap).collect();
        rows.sort();
        (name, rows)
    };
    names.into_iter().map(rows_of).collect()
}

#[test]
fn a_backup_goes_from_one_storage_to_the_other_and_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (url, first) = (common::cluster::database(), root.path().join("first"));
    let mut world = World::new(Arc::new(Postgres::with_connections(&url, 2).unwrap()));
    let tenant = world.tenant("north");
    world.user("ana", Role::ImplSpec, &["north"]);
    let mut ana = world.sign_in("ana");
    ana.sync(&mut world, vec![]);
    let refused = ana.status(&tenant, &free_items()[1], Status::Blocked, None);
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![refused, op]);
    with(&world.service.storage, &tenant, Mode::Write, |tx| {
        tx.put_blob_part("ab", BlobRow { total: 4, received: 3 }, &[0, 255, 7])
    })
    .unwrap();
    // Both tenants, at one moment, while the service runs.
    backup::backup(&world.service, &first, time(50)).unwrap();
    assert_eq!(api(backup::backup(&world.service, &first, time(50)).unwrap_err()).code, "file_exists");
    let cells = ana.held(&tenant).cells.clone();
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    let mut restore =
        |into: &str| backup::restore_postgres(&first, into, &mut Ask::new(time(60), &mut random));
    assert_eq!(api(restore(&url).unwrap_err()).code, "service_running");
    drop(world);

    // Over what is there, which is kept; and into a database that has never seen a service.
    let moved = restore(&url).unwrap().moved.unwrap();
    assert!(moved.starts_with("cairn_before_restore_2026"), "{moved}");
    let fresh = common::cluster::database();
    assert_eq!(restore(&fresh).unwrap().moved, None);
    let file = root.path().join("second");
    let mut world = World::new(Arc::new(Postgres::with_connections(&url, 2).unwrap()));
    backup::backup(&world.service, &file, time(70)).unwrap();
    let tables = rows_in(&file);
    assert!(tables.iter().filter(|(_, rows)| !rows.is_empty()).count() >= 10, "{tables:?}");
    let reply = ana.ask(&mut world, &ana.request(vec![])).unwrap();
    assert_eq!(reply.differs, [], "nothing was written since the backup: her laptop just goes on");
    let mut again = world.sign_in("ana");
    again.sync(&mut world, vec![]);
    assert_eq!(again.held(&tenant).cells, cells);
    drop(world);

    // And into an embedded one, which then holds the same but for what a restore itself adds.
    let data = root.path().join("data");
    backup::restore(&file, &data, &mut Ask::new(time(80), &mut random)).unwrap();
    let embedded = rows_in(&data.join("service.db"));
    for ((name, rows), (_, there)) in tables.iter().zip(&embedded) {
        let lost: Vec<&String> = rows.iter().filter(|row| !there.contains(row)).collect();
        // The counters go on, and the service has a new device.
        assert!(lost.is_empty() || ["cell", "journal", "side"].contains(&name.as_str()), "{name}: {lost:?}");
    }
    let mut world = open(&data);
    let mut again = world.sign_in("ana");
    again.sync(&mut world, vec![]);
    assert_eq!(again.held(&tenant).cells, cells);
}

#[test]
fn a_restore_that_fails_changes_nothing_in_postgres() {
    let root = tempfile::tempdir().unwrap();
    let (url, file) = (common::cluster::database(), root.path().join("file"));
    let mut world = World::new(Arc::new(Postgres::with_connections(&url, 2).unwrap()));
    world.tenant("north");
    backup::backup(&world.service, &file, time(50)).unwrap();
    drop(world);
    // One row that PostgreSQL cannot keep: the transaction ends after thousands of others.
    let db = rusqlite::Connection::open(&file).unwrap();
    db.execute("INSERT INTO side (tenant, kind, key, value) VALUES ('_org', 'x', 'y', 'a' || char(0))", [])
        .unwrap();
    drop(db);
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    assert!(backup::restore_postgres(&file, &url, &mut Ask::new(time(60), &mut random)).is_err());
    let world = World::new(Arc::new(Postgres::with_connections(&url, 2).unwrap()));
    let tenants = world.service.read_org(cairn_service::org::tenants).unwrap();
    assert_eq!(tenants.iter().map(|(slug, _)| slug.as_str()).collect::<Vec<_>>(), ["north"]);
}

#[test]
fn a_forged_offer_is_turned_down() {
    let root = tempfile::tempdir().unwrap();
    let mut world = open(root.path());
    let tenant = world.tenant("north");
    world.user("ana", Role::ImplSpec, &["north"]);
    world.user("ben", Role::ImplSpec, &["north"]);
    let (mut ana, mut ben) = (world.sign_in("ana"), world.sign_in("ben"));
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![op]);
    ben.sync(&mut world, vec![]);
    let seen = ben.held(&tenant).seen;
    let mut forged = offers(&ben, &tenant, 2);
    let header = forged[0].entry.header.replace(":1\"", ":7\"");
    forged[0].entry.header = header;
    forged[0].proof.run.first = 7;
    let reply = ben.ask(&mut world, &SyncRequest { offers: forged, ..ben.request(vec![]) }).unwrap();
    assert!(
        matches!(&reply.receipts[0].outcome, Outcome::Refused { refusal } if refusal.code == "bad_signature")
    );
    let mut huge = offers(&ben, &tenant, 2);
    huge[0].proof.run.count = u64::MAX;
    huge[0].proof.run.first = 1;
    ben.ask(&mut world, &SyncRequest { offers: huge, ..ben.request(vec![]) }).unwrap();
    ben.sync(&mut world, vec![]);
    assert_eq!(ben.held(&tenant).seen, seen, "nothing was taken");
}

#[test]
fn only_who_was_assigned_once_may_offer() {
    let root = tempfile::tempdir().unwrap();
    let mut world = open(root.path());
    let tenant = world.tenant("north");
    world.tenant("south");
    world.user("ana", Role::ImplSpec, &["north"]);
    world.user("ben", Role::ImplSpec, &["north"]);
    world.user("eve", Role::ImplSpec, &["south"]);
    let (mut ana, mut ben, eve) = (world.sign_in("ana"), world.sign_in("ben"), world.sign_in("eve"));
    let op = ana.status(&tenant, &free_items()[0], Status::Complete, None);
    ana.push(&mut world, &tenant, vec![op]);
    ben.sync(&mut world, vec![]);
    let genuine = offers(&ben, &tenant, 2);
    assert_eq!(genuine.len(), 1);
    // It came to her by a file, say; that she was never assigned counts, not what she knows.
    let request = SyncRequest { offers: genuine.clone(), ..eve.request(vec![]) };
    let reply = eve.ask(&mut world, &request).unwrap();
    assert!(
        matches!(&reply.receipts[0].outcome, Outcome::Refused { refusal } if refusal.code == "not_allowed")
    );
    // Whoever has left may hold what nobody else holds.
    world.ask(|s, ask| admin::assign(s, "ben", "north", false, ask)).unwrap();
    let request = SyncRequest { offers: genuine, ..ben.request(vec![]) };
    let reply = ben.ask(&mut world, &request).unwrap();
    assert!(matches!(&reply.receipts[0].outcome, Outcome::Accepted { .. }));
}

/// The file `name` in a data directory, opened as a service of its own.
fn tenants_in(file: &std::path::Path) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(file, dir.path().join("service.db")).unwrap();
    let world = open(dir.path());
    world.service.read_org(cairn_service::org::tenants).unwrap().into_iter().map(|t| t.0).collect()
}

#[test]
fn what_was_there_is_moved_aside_and_stays_whole() {
    let root = tempfile::tempdir().unwrap();
    let (data, file) = (root.path().join("a"), root.path().join("backup"));
    let mut world = open(&data);
    world.tenant("north");
    backup::backup(&world.service, &file, time(50)).unwrap();
    world.tenant("later");
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    let mut restore =
        |at: i64| backup::restore(&file, &data, &mut Ask::new(time(at), &mut random)).map_err(api);
    assert_eq!(restore(60).unwrap_err().code, "service_running");
    drop(world);
    let first = restore(61).unwrap();
    let moved = std::path::PathBuf::from(first.moved.unwrap());
    assert!(moved.file_name().unwrap().to_str().unwrap().starts_with("service.db.before-restore-2026"));
    assert_eq!(tenants_in(&moved), ["later", "north"]);
    assert_eq!(tenants_in(&data.join("service.db")), ["north"]);
    // A database that cannot even be opened is moved with what lies beside it.
    for suffix in ["", "-wal", "-shm"] {
        std::fs::write(data.join(format!("service.db{suffix}")), format!("broken {suffix}")).unwrap();
    }
    let moved = restore(62).unwrap().moved.unwrap();
    for suffix in ["", "-wal"] {
        let aside = std::fs::read(format!("{moved}{suffix}")).unwrap();
        assert_eq!(aside, format!("broken {suffix}").into_bytes());
        assert!(suffix.is_empty() || !data.join(format!("service.db{suffix}")).exists());
    }
    let world = open(&data);
    assert_eq!(world.service.read_org(cairn_service::org::tenants).unwrap().len(), 1);
    drop(world);
    // Nothing is moved for a file that is no backup.
    std::fs::write(&file, b"not a database at all, but long enough to look like a header of one").unwrap();
    let refused = backup::restore(&file, &data, &mut Ask::new(time(63), &mut random)).map_err(api);
    assert_eq!(refused.unwrap_err().code, "not_a_backup");
    assert_eq!(tenants_in(&data.join("service.db")), ["north"]);
}

#[test]
fn something_else_is_no_backup() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("x");
    std::fs::write(&file, b"not a database at all, but long enough to look like a header of one").unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(3);
    let refused =
        backup::restore(&file, &root.path().join("b"), &mut Ask::new(time(1), &mut random)).unwrap_err();
    assert_eq!(api(refused).code, "not_a_backup");
    assert!(!root.path().join("b/service.db").exists());
}
