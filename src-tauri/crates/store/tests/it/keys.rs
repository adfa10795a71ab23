//! Keys, files, schemas: what opens, what refuses, what is never replaced.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use cairn_domain::Change;
use cairn_domain::change::ItemField;
use cairn_store::{
    DataKey, Draft, Entropy, KeySource, KeyTrouble, Profile, SCHEMA_VERSION, SeededEntropy, Store,
    StoreError, SystemEntropy,
};
use rusqlite::Connection;
use serde_json::json;

use crate::fake::{Fake, Laptop, at, data_key, item, tenant};

/// A keyring that does what the test says.
#[derive(Default)]
struct Ring {
    key: Mutex<Option<[u8; 32]>>,
    trouble: Mutex<Option<KeyTrouble>>,
    kind: Mutex<&'static str>,
    hangs: AtomicBool,
    waits_for_a_person: AtomicBool,
    /// Never answered while the sender lives.
    never: Mutex<Option<mpsc::Receiver<()>>>,
}

impl KeySource for Ring {
    fn get(&self) -> Result<Option<[u8; 32]>, KeyTrouble> {
        if self.hangs.load(Ordering::SeqCst)
            && let Some(never) = self.never.lock().unwrap().take()
        {
            let _ = never.recv();
        }
        match *self.trouble.lock().unwrap() {
            Some(trouble) => Err(trouble),
            None => Ok(*self.key.lock().unwrap()),
        }
    }
    fn set(&self, key: &[u8; 32]) -> Result<(), KeyTrouble> {
        *self.key.lock().unwrap() = Some(*key);
        Ok(())
    }
    fn was_locked(&self) -> bool {
        self.waits_for_a_person.load(Ordering::SeqCst)
    }
    fn backend(&self) -> String {
        (*self.kind.lock().unwrap()).to_owned()
    }
}

#[test]
fn a_profile_survives_every_trouble_with_its_keyring() {
    let dir = tempfile::tempdir().unwrap();
    let profile = Profile::at(dir.path().join("profile"));
    let ring = Arc::new(Ring::default());
    let source: Arc<dyn KeySource> = ring.clone();
    let mut entropy = SeededEntropy::new(1);
    let key = profile.keep_in_keyring(&source, &mut entropy).unwrap();
    profile.keep_under_passphrase(&key, "correct horse", &mut entropy).unwrap();
    profile.create(&key, SystemEntropy).unwrap().lock().unwrap();
    let before = std::fs::read(profile.database()).unwrap();

    let code = || profile.key_from_keyring(&source).unwrap_err().code().to_owned();
    *ring.trouble.lock().unwrap() = Some(KeyTrouble::Locked);
    assert_eq!(code(), "key_locked");
    *ring.trouble.lock().unwrap() = None;
    let kept = ring.key.lock().unwrap().take();
    assert_eq!(code(), "key_absent");
    *ring.kind.lock().unwrap() = "another";
    assert_eq!(code(), "key_backend_changed");
    *ring.key.lock().unwrap() = Some([1; 32]);
    assert_eq!(code(), "key_wrong");
    let (held, never) = mpsc::channel();
    *ring.never.lock().unwrap() = Some(never);
    ring.hangs.store(true, Ordering::SeqCst);
    let hanging = profile.key_from_keyring_within(&source, Duration::from_millis(30)).unwrap_err();
    assert_eq!(hanging.code(), "key_hanging");
    drop(held);
    let (held, never) = mpsc::channel();
    *ring.never.lock().unwrap() = Some(never);
    ring.waits_for_a_person.store(true, Ordering::SeqCst);
    let waiting = profile.key_from_keyring_within(&source, Duration::from_millis(30)).unwrap_err();
    assert_eq!(waiting.code(), "key_locked", "it asks for its password and nobody types it");
    drop(held);
    ring.hangs.store(false, Ordering::SeqCst);

    // The right words open it, wrong ones do not, and nothing was made anew.
    assert_eq!(profile.key_from_passphrase("wrong horse").unwrap_err().code(), "key_wrong");
    let key = profile.key_from_passphrase("correct horse").unwrap();
    assert_eq!(Some(*key.bytes()), kept);
    assert_eq!(profile.create(&key, SystemEntropy).unwrap_err().code(), "database_exists");
    assert_eq!(profile.keep_in_keyring(&source, &mut entropy).unwrap_err().code(), "key_wrong");
    assert_eq!(std::fs::read(profile.database()).unwrap(), before);
    profile.open(&key, SystemEntropy).unwrap();
    // After the recovery the keyring gets the key back.
    profile.give_to_keyring(&key, &source).unwrap();
    profile.key_from_keyring(&source).unwrap();
}

#[test]
fn a_key_file_works_without_a_keyring() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    assert_eq!(Profile::key_from_file(&file).unwrap_err().code(), "key_absent");
    std::fs::write(&file, "not hex").unwrap();
    assert_eq!(Profile::key_from_file(&file).unwrap_err().code(), "key_wrong");
    std::fs::write(&file, format!("{}\n", "07".repeat(32))).unwrap();
    let key = Profile::key_from_file(&file).unwrap();
    assert_eq!(key, data_key());
    let profile = Profile::at(dir.path().join("p"));
    profile.create(&key, SystemEntropy).unwrap();
    assert_eq!(profile.open(&DataKey::new([1; 32]), SystemEntropy).unwrap_err().code(), "key_wrong");
    assert_eq!(format!("{key:?}"), "DataKey(..)");
}

#[test]
fn wrong_key_missing_file_damage_and_newer_schema_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let profile = Profile::at(dir.path());
    assert_eq!(profile.open(&data_key(), SystemEntropy).unwrap_err().code(), "database_missing");
    assert!(!profile.exists());
    profile.create(&data_key(), SystemEntropy).unwrap().lock().unwrap();
    let path = profile.database();
    assert_eq!(Store::open(&path, &DataKey::new([1; 32]), SystemEntropy).unwrap_err().code(), "key_wrong");
    assert_eq!(Store::create(&path, &data_key(), SystemEntropy).unwrap_err().code(), "database_exists");

    let whole = std::fs::read(&path).unwrap();
    assert!(!whole.starts_with(b"SQLite format 3"), "the file is encrypted");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(profile.open(&data_key(), SystemEntropy).unwrap_err().code(), "database_damaged");
    std::fs::write(&path, &whole[..100]).unwrap();
    assert_eq!(profile.open(&data_key(), SystemEntropy).unwrap_err().code(), "database_damaged");
    std::fs::write(&path, &whole).unwrap();
    {
        let db = raw(&path);
        db.pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    }
    let error = profile.open(&data_key(), SystemEntropy).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    let told: cairn_protocol::ApiError = error.into();
    assert_eq!(told.details, json!({ "found": SCHEMA_VERSION + 1, "known": SCHEMA_VERSION }));
}

pub(crate) fn raw(path: &std::path::Path) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", hex::encode(data_key().bytes()))).unwrap();
    db
}

#[test]
fn an_unclean_exit_leads_to_a_check_of_the_whole_file() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..300 {
        a.write(note(&format!("note {n} {}", "x".repeat(300))));
    }
    let path = a.store.path().to_owned();
    a.store.lock().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    // Closed in order: not every page is read at the start.
    let store = Store::open(&path, &data_key(), SystemEntropy).unwrap();
    drop(store);
    assert_eq!(Store::open(&path, &data_key(), SystemEntropy).unwrap_err().code(), "database_damaged");
}

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

#[test]
fn a_write_outlives_the_process_and_a_backup_holds_it() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("kept '); DROP TABLE outbox; --"));
    let (path, cells) = (a.store.path().to_owned(), a.cells());
    let copy = a.dir.path().join("copy.db");
    a.store.backup(&copy, &data_key()).unwrap();
    assert_eq!(a.store.backup(&copy, &data_key()).unwrap_err().code(), "database_exists");
    drop(a.store);
    for path in [path, copy] {
        let store = Store::open(&path, &data_key(), SystemEntropy).unwrap();
        assert_eq!(store.cells(&tenant()).unwrap(), cells);
        assert_eq!(store.next_push(9).unwrap()[0].ops.len(), 1);
        store.integrity_check().unwrap();
    }
}

#[test]
fn two_processes_write_without_a_gap() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let path = a.store.path().to_owned();
    let before = a.store.data_version().unwrap();
    let threads: Vec<_> = (0..2u64)
        .map(|n| {
            let mut store = Store::open(&path, &data_key(), SeededEntropy::new(100 + n)).unwrap();
            std::thread::spawn(move || {
                for i in 0..40 {
                    store.write(&tenant(), Draft::new(note(&format!("{n} {i}"))), at(i)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_ne!(a.store.data_version().unwrap(), before, "the window notices");
    assert_eq!(a.store.counts(None).unwrap().pending, 80);
    let runs = a.store.next_push(1_000).unwrap();
    assert_eq!((runs.len(), runs[0].run.first, runs[0].run.count), (1, 1, 80));
    assert!(a.store.conflicts(None).unwrap().is_empty(), "each saw what the other had written");
    a.sync(&mut fake);
    a.assert_settled(&fake);
}

/// Wherever a transaction breaks off, nothing of it is there.
#[test]
fn every_change_is_one_transaction() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    b.write(note("theirs"));
    b.sync(&mut fake);
    a.write(note("pending"));
    let page = fake.page(&tenant(), a.seen(&tenant()).seq, 9, &a.device());
    let receipts = fake.receive(&a.store.next_push(9).unwrap()[0], crate::fake::Take::Refuse(1)).unwrap();
    let acts: [&dyn Fn(&mut Store) -> bool; 3] = [
        &|store| store.write(&tenant(), Draft::new(note("lost")), at(1)).is_ok(),
        &|store| store.apply_page(&page, at(1)).is_ok(),
        &|store| store.apply_receipts(&receipts).is_ok(),
    ];
    let tables =
        ["cells", "outbox", "numbers", "journals", "entries", "op_writes", "proofs", "witness", "receipts"];
    let mut broken = [0; 3];
    for (n, act) in acts.iter().enumerate() {
        for table in tables {
            for verb in ["INSERT", "UPDATE", "DELETE"] {
                broken[n] += usize::from(!survives(&a, act, verb, table));
            }
        }
    }
    assert!(broken.iter().all(|n| *n >= 3), "{broken:?}");
}

/// Lets the database break off after `verb` on `table`; what did not happen must have left no trace.
fn survives(laptop: &Laptop, act: &dyn Fn(&mut Store) -> bool, verb: &str, table: &str) -> bool {
    let path = laptop.dir.path().join("broken.db");
    laptop.store.backup(&path, &data_key()).unwrap();
    raw(&path)
        .execute_batch(&format!(
            "CREATE TRIGGER stop AFTER {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'power cut'); END"
        ))
        .unwrap();
    let mut store = Store::open(&path, &data_key(), SeededEntropy::new(5)).unwrap();
    let state = |store: &Store| {
        let all = (store.cells(&tenant()).unwrap(), store.positions().unwrap(), store.next_push(9).unwrap());
        (all, store.counts(None).unwrap(), store.outbox(None).unwrap())
    };
    let before = state(&store);
    let done = act(&mut store);
    assert!(done || state(&store) == before, "{verb} {table}");
    assert!(store.state_holds(&tenant()).unwrap(), "{verb} {table}");
    store.lock().unwrap();
    for end in ["", "-wal", "-shm", ".use"] {
        let _ = std::fs::remove_file(laptop.dir.path().join(format!("broken.db{end}")));
    }
    done
}

/// How fast it is; run with `--release` or the tests' opt level. Numbers go into the report.
#[test]
#[ignore = "prints timings"]
#[allow(clippy::print_stdout)]
fn timings() {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    let n = 1_000;
    let timed = |what: &str, act: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        act();
        println!("{what}: {:?}", start.elapsed());
    };
    timed("1000 writes", &mut || (0..n).for_each(|i| drop(a.write(note(&format!("{i}"))))));
    (0..n).for_each(|i| drop(b.write(note(&format!("b{i}")))));
    timed("next_push of 1000", &mut || drop(b.store.next_push(n).unwrap()));
    b.push(&mut fake, crate::fake::Take::Judge);
    timed("page of 1000 entries over 1000 pending", &mut || a.pull(&fake, &tenant(), 2_000));
    timed("page of 1000 entries, own", &mut || b.pull(&fake, &tenant(), 2_000));
    timed("audit of 1000", &mut || assert!(b.store.audit_verify(&tenant()).unwrap().ok));
    timed("tenants", &mut || drop(b.store.tenants().unwrap()));
}

#[test]
fn the_lease_follows_the_largest_time_ever_seen() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let day = 24 * 60;
    a.store.note_contact(at(0)).unwrap();
    assert!(!a.store.lease(at(13 * day)).unwrap().expired);
    a.store.note_time(at(15 * day)).unwrap();
    // The clock is set back.
    assert!(a.store.lease(at(day)).unwrap().expired);
    let path = a.store.path().to_owned();
    drop(a.store);
    let mut store = Store::open(&path, &data_key(), SystemEntropy).unwrap();
    assert!(store.lease(at(day)).unwrap().expired);
    store.note_contact(at(15 * day)).unwrap();
    assert!(!store.lease(at(16 * day)).unwrap().expired);
}

#[test]
fn a_clock_that_once_ran_ahead_does_not_lock_for_ever() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let day = 24 * 60;
    a.store.note_contact(at(0)).unwrap();
    a.store.note_time(at(400 * day)).unwrap();
    assert!(a.store.lease(at(day)).unwrap().expired);
    a.store.note_contact(at(day)).unwrap();
    assert!(!a.store.lease(at(2 * day)).unwrap().expired);
    assert!(a.store.lease(at(16 * day)).unwrap().expired);
}

/// A database made by the first schema, with a pending op, still opens. To make such a file for a
/// schema: run the ignored test below before the next migration is added, and commit the file.
#[test]
fn databases_of_earlier_schemas_open() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for version in 1..=SCHEMA_VERSION {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cairn.db");
        std::fs::copy(fixtures.join(format!("schema-{version}.db")), &path).unwrap();
        let mut store = Store::open(&path, &data_key(), SystemEntropy).unwrap();
        assert_eq!(store.counts(None).unwrap().pending, 1);
        assert!(store.audit_verify(&tenant()).unwrap().ok);
        store.write(&tenant(), Draft::new(note("after the migration")), at(1)).unwrap();
        store.integrity_check().unwrap();
    }
}

/// The database as somebody who has its key can open it.
fn inside(path: &Path) -> Connection {
    let database = Connection::open(path).unwrap();
    let key = hex::encode(data_key().bytes());
    database.pragma_update(None, "key", format!("x'{key}'")).unwrap();
    database
}

/// The schema's number, and everything it holds.
fn schema(path: &Path) -> (u32, Vec<(String, Option<String>)>) {
    let database = inside(path);
    let version = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let mut statement = database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    (version, rows.map(Result::unwrap).collect())
}

#[test]
fn a_migration_that_fails_midway_leaves_the_database_as_it_was() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1.db");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cairn.db");
    std::fs::copy(fixture, &path).unwrap();
    // In the way of the last statement of the second step; those before it would succeed.
    inside(&path).execute_batch("CREATE TABLE noticed (other TEXT)").unwrap();
    let before = schema(&path);
    assert_eq!(before.0, 1);
    assert!(Store::open(&path, &data_key(), SystemEntropy).is_err());
    assert_eq!(schema(&path), before);

    inside(&path).execute_batch("DROP TABLE noticed").unwrap();
    let store = Store::open(&path, &data_key(), SystemEntropy).unwrap();
    assert_eq!(store.counts(None).unwrap().pending, 1);
    assert!(store.audit_verify(&tenant()).unwrap().ok);
    drop(store);
    assert_eq!(schema(&path).0, SCHEMA_VERSION);
}

#[test]
#[ignore = "writes the fixture of the current schema"]
fn make_fixture() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("confirmed"));
    a.sync(&mut fake);
    a.write(note("pending"));
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::create_dir_all(&fixtures).unwrap();
    a.store.backup(&fixtures.join(format!("schema-{SCHEMA_VERSION}.db")), &data_key()).unwrap();
}

#[test]
fn entropy_follows_its_seed() {
    let draw = |seed| {
        let mut bytes = [0; 40];
        SeededEntropy::new(seed).fill(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}
