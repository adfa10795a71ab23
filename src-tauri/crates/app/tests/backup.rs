//! Backing up and restoring as the window asks for it: sessions over real encrypted files, with a key
//! file or a keyring in memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../../store/tests/it/fake.rs"]
mod fake;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cairn_app::api::BackupState;
use cairn_app::backup::RestoreRequest;
use cairn_app::{KeyPlace, Session};
use cairn_domain::Change;
use cairn_domain::change::ItemField;
use cairn_store::{DataKey, Draft, KeySource, KeyTrouble, Profile, SeededEntropy};
use serde_json::json;

use fake::{Fake, Laptop, at, data_key, item, tenant};

const PHRASE: &str = "granite lichen morning";

/// A keyring in memory.
#[derive(Default)]
struct Ring(Mutex<Option<[u8; 32]>>);

impl KeySource for Ring {
    fn get(&self) -> Result<Option<[u8; 32]>, KeyTrouble> {
        Ok(*self.0.lock().unwrap())
    }
    fn set(&self, key: &[u8; 32]) -> Result<(), KeyTrouble> {
        *self.0.lock().unwrap() = Some(*key);
        Ok(())
    }
    fn backend(&self) -> String {
        "memory".to_owned()
    }
}

/// A signed-in laptop behind a session with a key file; the laptop's directory is the profile.
struct Desk {
    session: Session,
    laptop: Arc<tempfile::TempDir>,
    folder: PathBuf,
}

impl Desk {
    fn new(account: &str) -> Self {
        let Laptop { store, dir, .. } = Laptop::new(&mut Fake::new(), account, 1);
        store.lock().unwrap();
        let profile = Profile::at(dir.path());
        profile.keep_under_passphrase(&data_key(), PHRASE, &mut SeededEntropy::new(9)).unwrap();
        let file = dir.path().join("key");
        fs::write(&file, hex(data_key().bytes())).unwrap();
        let session = Session::new(dir.path(), KeyPlace::File(file));
        session.open().unwrap();
        let folder = dir.path().join("backups");
        Self { session, laptop: dir, folder }
    }

    fn write(&self, text: &str) {
        let change =
            Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) };
        let write = |desk: &mut cairn_app::Desk| {
            desk.store.write(&tenant(), Draft::new(change), at(2_000)).map_err(cairn_app::error::store)
        };
        self.session.with(write).unwrap();
    }

    fn pending(&self) -> u64 {
        self.session.with(|desk| Ok(desk.store.counts(None).unwrap().pending)).unwrap()
    }

    fn back_up(&self) -> PathBuf {
        PathBuf::from(self.session.back_up(&self.folder, true, at(10)).unwrap().file)
    }

    fn restore(&self, file: &Path) -> Result<cairn_app::backup::Done, cairn_protocol::ApiError> {
        self.session.restore(&request(file), at(20))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn request(file: &Path) -> RestoreRequest {
    RestoreRequest { file: file.to_owned(), confirm: "Restore ".to_owned(), ..RestoreRequest::default() }
}

#[test]
fn the_list_says_what_opens_each_file_and_the_newest_comes_first() {
    let desk = Desk::new("a");
    let first = desk.back_up();
    let second = PathBuf::from(desk.session.back_up(&desk.folder, false, at(11)).unwrap().file);
    fs::write(desk.folder.join("x.cairn-backup"), b"something else").unwrap();
    fs::write(desk.folder.join("letter.txt"), b"not listed").unwrap();
    let whole = fs::read(&first).unwrap();
    fs::write(&first, &whole[..whole.len() - 1]).unwrap();
    let states = |session: &Session| -> Vec<BackupState> {
        session.backups(&desk.folder).unwrap().backups.iter().map(|row| row.state).collect()
    };
    let listed = desk.session.backups(&desk.folder).unwrap();
    assert_eq!(listed.backups[0].file, second.display().to_string());
    assert!(listed.backups[0].passphrase && listed.backups[0].made.is_some());
    assert!(listed.backups[0].bytes > 4_096);
    let mut rest = states(&desk.session)[1..].to_vec();
    rest.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(rest, [BackupState::Incomplete, BackupState::Unreadable]);

    let elsewhere = tempfile::tempdir().unwrap();
    let other = Session::new(elsewhere.path(), KeyPlace::File(elsewhere.path().join("key")));
    assert_eq!(states(&other)[0], BackupState::Passphrase);
    assert!(desk.session.backups(&desk.laptop.path().join("nowhere")).unwrap().backups.is_empty());
}

#[test]
fn a_folder_that_cannot_be_used_is_named_as_the_field() {
    let desk = Desk::new("a");
    for bad in ["backups", "/no/such/folder"] {
        let error = desk.session.back_up(Path::new(bad), false, at(10)).unwrap_err();
        assert_eq!((error.code.as_str(), &error.details["field"]), ("bad_folder", &json!("backup_folder")));
    }
    desk.session.shut().unwrap();
    assert_eq!(desk.session.back_up(&desk.folder, true, at(10)).unwrap_err().code, "locked");
    assert!(!desk.folder.exists(), "nothing is made while it is locked");
}

#[test]
fn unsent_work_stops_a_restore_until_it_may_stay_behind_and_then_it_is_said_where() {
    let desk = Desk::new("a");
    desk.write("in the backup");
    let file = desk.back_up();
    desk.write("after it");
    let mut wanted = request(&file);
    wanted.confirm = "yes".to_owned();
    let untyped = desk.session.restore(&wanted, at(20)).unwrap_err();
    assert!(untyped.details["fields"]["confirm"].is_string());

    let refused = desk.restore(&file).unwrap_err();
    assert_eq!((refused.code.as_str(), &refused.details), ("unsent_work", &json!({ "count": 1 })));
    assert_eq!(desk.pending(), 2, "it is open and as it was");

    let done =
        desk.session.restore(&RestoreRequest { leave_unsent: true, ..request(&file) }, at(20)).unwrap();
    assert_eq!((done.unsent, done.left, done.made), (1, Some(1), at(10)));
    let aside = Profile::at(done.aside.unwrap());
    let old = aside.open(&data_key(), SeededEntropy::new(1)).unwrap();
    assert_eq!(old.counts(None).unwrap().pending, 2);

    // Whoever opens it now has to sign in, and what waited is still there.
    assert_eq!(desk.session.signed_in(|_| Ok(())).unwrap_err().code, "signed_out");
    assert_eq!(desk.pending(), 1);
    assert!(desk.session.with(|desk| Ok(desk.store.must_re_enrol())).unwrap());
}

#[test]
fn a_damaged_database_gives_way_without_being_read() {
    let desk = Desk::new("a");
    let file = desk.back_up();
    desk.session.close().unwrap();
    fs::write(desk.session.profile().database(), b"this was a database").unwrap();
    assert_eq!(desk.session.open().unwrap_err().code, "database_damaged");
    let done = desk.restore(&file).unwrap();
    assert_eq!(done.left, None, "nobody can tell what it held");
    assert_eq!(fs::read(done.aside.unwrap().join("cairn.db")).unwrap(), b"this was a database");
    desk.session.open().unwrap();
}

#[test]
fn a_locked_window_restores_nothing() {
    let desk = Desk::new("a");
    let file = desk.back_up();
    desk.session.shut().unwrap();
    assert_eq!(desk.restore(&file).unwrap_err().code, "locked");
    desk.session.unlock().unwrap();
    assert_eq!(desk.session.with(|desk| Ok(desk.store.must_re_enrol())), Ok(false));
}

#[test]
fn another_persons_backup_is_not_put_over_ones_own_work() {
    let (mine, theirs) = (Desk::new("a"), Desk::new("b"));
    let file = theirs.back_up();
    assert_eq!(mine.restore(&file).unwrap_err().code, "other_person");
    assert_eq!(mine.session.with(|desk| Ok(desk.store.must_re_enrol())), Ok(false));
}

#[test]
fn what_is_no_whole_backup_is_refused_by_name() {
    let desk = Desk::new("a");
    let file = desk.back_up();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(desk.restore(&file).unwrap_err().code, "backup_incomplete");
    fs::write(&file, b"a letter").unwrap();
    assert_eq!(desk.restore(&file).unwrap_err().code, "backup_unreadable");
    assert_eq!(desk.restore(&desk.folder.join("gone")).unwrap_err().code, "backup_unreadable");
    assert_eq!(desk.restore(&desk.folder).unwrap_err().code, "backup_unreadable");
    desk.write("it goes on");
}

/// A new computer with a keyring of its own.
struct Fresh {
    session: Session,
    ring: Arc<Ring>,
    dir: tempfile::TempDir,
}

impl Fresh {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ring = Arc::new(Ring::default());
        let session = Session::with_keyring(dir.path(), KeyPlace::Keyring, ring.clone());
        Self { session, ring, dir }
    }

    fn restore(
        &self,
        file: &Path,
        passphrase: &str,
    ) -> Result<cairn_app::backup::Done, cairn_protocol::ApiError> {
        let passphrase = Some(passphrase.to_owned());
        self.session.restore(&RestoreRequest { passphrase, ..request(file) }, at(20))
    }
}

#[test]
fn on_a_new_computer_only_the_passphrase_opens_it_and_its_keyring_gets_the_key() {
    let desk = Desk::new("a");
    desk.write("waits");
    let file = desk.back_up();
    let fresh = Fresh::new();
    for (passphrase, words) in [("", "Enter the recovery"), ("a wrong phrase", "does not open")] {
        let error = fresh.restore(&file, passphrase).unwrap_err();
        let said = error.details["fields"]["passphrase"].as_str().unwrap();
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(fs::read_dir(fresh.dir.path()).unwrap().count(), 0, "nothing is made before it opens");
    let done = fresh.restore(&file, PHRASE).unwrap();
    assert_eq!((done.aside, done.unsent), (None, 1));
    assert_eq!(*fresh.ring.0.lock().unwrap(), Some(*data_key().bytes()));
    fresh.session.open().unwrap();
}

#[test]
fn without_a_passphrase_it_says_that_only_its_own_computer_opens_it() {
    let first = Fresh::new();
    let key = first
        .session
        .profile()
        .keep_in_keyring(&(first.ring.clone() as Arc<dyn KeySource>), &mut SeededEntropy::new(3))
        .unwrap();
    first.session.profile().create(&key, SeededEntropy::new(4)).unwrap().lock().unwrap();
    let row = first.session.back_up(&first.dir.path().join("b"), true, at(10)).unwrap();
    assert_eq!((row.state, row.passphrase), (BackupState::Here, false));
    let file = PathBuf::from(row.file);
    let second = Fresh::new();
    let folder = second.session.backups(&first.dir.path().join("b")).unwrap();
    assert_eq!(folder.backups[0].state, BackupState::Elsewhere);
    assert_eq!(second.restore(&file, PHRASE).unwrap_err().code, "backup_elsewhere");
    first.restore(&file, "").unwrap();
}

#[test]
fn the_old_key_is_not_lost_when_the_keyring_gets_the_restored_one() {
    let desk = Desk::new("a");
    let file = desk.back_up();
    let fresh = Fresh::new();
    let profile = fresh.session.profile();
    let source = fresh.ring.clone() as Arc<dyn KeySource>;
    let old: DataKey = profile.keep_in_keyring(&source, &mut SeededEntropy::new(3)).unwrap();
    profile.create(&old, SeededEntropy::new(4)).unwrap().lock().unwrap();
    let done = fresh.restore(&file, PHRASE).unwrap();
    assert_eq!(*fresh.ring.0.lock().unwrap(), Some(*data_key().bytes()));
    let aside = Profile::at(done.aside.unwrap());
    assert_eq!(aside.key_from_passphrase(PHRASE).unwrap(), old);
}

#[test]
fn a_key_file_that_holds_another_key_is_not_overwritten() {
    let desk = Desk::new("a");
    let file = desk.back_up();
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    fs::write(&key_file, "08".repeat(32)).unwrap();
    let session = Session::new(&dir.path().join("profile"), KeyPlace::File(key_file.clone()));
    let wanted = RestoreRequest { passphrase: Some(PHRASE.to_owned()), ..request(&file) };
    assert_eq!(session.restore(&wanted, at(20)).unwrap_err().code, "key_file_differs");
    assert_eq!(fs::read_to_string(&key_file).unwrap(), "08".repeat(32));
    fs::remove_file(&key_file).unwrap();
    session.restore(&wanted, at(20)).unwrap();
    session.open().unwrap();
}
