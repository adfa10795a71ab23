//! Backups: what a file holds, what opens it, and that a restored laptop loses nothing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cairn_domain::Change;
use cairn_domain::change::ItemField;
use cairn_store::{Backup, DataKey, Profile, SCHEMA_VERSION, SeededEntropy, SystemEntropy};
use serde_json::{Value, json};

use crate::fake::{Fake, Laptop, at, data_key, item, tenant};

const PHRASE: &str = "granite lichen morning";

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

/// The laptop's directory as a profile whose key has a recovery passphrase.
fn profile(laptop: &Laptop) -> Profile {
    let profile = Profile::at(laptop.dir.path());
    profile.keep_under_passphrase(&data_key(), PHRASE, &mut SeededEntropy::new(9)).unwrap();
    profile
}

fn back_up(laptop: &Laptop) -> (Profile, PathBuf) {
    let profile = profile(laptop);
    let file = laptop.dir.path().join("one.cairn-backup");
    profile.back_up(&laptop.store, &data_key(), &file, at(1)).unwrap();
    (profile, file)
}

/// Writes the first line of a backup again, changed.
fn with_head(file: &Path, change: impl FnOnce(&mut Value)) {
    let bytes = fs::read(file).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let mut head: Value = serde_json::from_slice(&bytes[..end]).unwrap();
    change(&mut head);
    let mut changed = serde_json::to_vec(&head).unwrap();
    changed.extend(&bytes[end..]);
    fs::write(file, changed).unwrap();
}

fn read_code(file: &Path) -> String {
    Backup::read(file).unwrap_err().code().to_owned()
}

#[test]
fn a_restored_laptop_enrols_anew_and_issues_its_outbox_again() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("confirmed"));
    a.sync(&mut fake);
    let waits = a.write(note("waits in the backup")).op;
    let (profile, file) = back_up(&a);
    // After the backup: what waited goes out, more is written, and some of it stays.
    a.sync(&mut fake);
    let left = a.write(note("written after the backup")).op;
    let Laptop { store, dir, account, clock } = a;

    let backup = Backup::read(&file).unwrap();
    assert_eq!(backup.made(), at(1));
    let key = backup.key_from_passphrase(PHRASE).unwrap();
    let staged = profile.stage(&backup, &key).unwrap();
    assert_eq!(staged.left_behind(&store).unwrap(), std::slice::from_ref(&left));
    store.lock().unwrap();
    let aside = staged.put_in_place(at(9)).unwrap().unwrap();

    let store = profile.open(&key, SeededEntropy::new(77)).unwrap();
    let mut restored = Laptop { store, dir, account, clock };
    assert!(restored.store.must_re_enrol() && restored.store.signed_out().unwrap());
    assert!(restored.store.next_push(9).unwrap().is_empty(), "nothing leaves before it has enrolled");
    assert_eq!(restored.store.outbox(None).unwrap()[0].op, waits);
    restored.sign_in(&mut fake);
    let again = restored.store.next_push(9).unwrap();
    let header = again[0].ops[0].header().unwrap();
    assert!(header.reissues.is_some() && header.op.device == restored.device());
    restored.sync(&mut fake);
    restored.assert_settled(&fake);
    assert!(restored.store.conflicts(None).unwrap().is_empty(), "what went out twice counts once");

    // What was moved aside opens with the same key and still holds what was left behind.
    let old = Profile::at(&aside).open(&key, SystemEntropy).unwrap();
    assert_eq!(old.outbox(None).unwrap().last().unwrap().op, left);
}

#[test]
fn a_backup_is_encrypted_and_for_its_owner_alone() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    a.write(note("a sentence that nobody may read"));
    let (profile, file) = back_up(&a);
    let bytes = fs::read(&file).unwrap();
    let holds = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    assert!(!holds(b"a sentence that nobody") && !holds(b"SQLite format") && !holds(&[7; 32]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = profile.back_up(&a.store, &data_key(), &file, at(2)).unwrap_err();
    assert_eq!((again.code(), fs::read(&file).unwrap() == bytes), ("file_exists", true));
    let other = profile.back_up(&a.store, &DataKey::new([8; 32]), &file.with_extension("x"), at(2));
    assert_eq!(other.unwrap_err().code(), "key_wrong");
    let left: Vec<_> = fs::read_dir(a.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "backing-up" || name == "one.x"), "{left:?}");
}

#[test]
fn a_file_that_was_cut_off_or_changed_is_refused_and_touches_nothing() {
    let mut fake = Fake::new();
    let a = Laptop::new(&mut fake, "a", 1);
    let (profile, file) = back_up(&a);
    let whole = fs::read(&file).unwrap();
    let before = fs::read(profile.database()).unwrap();
    for length in [whole.len() - 1, whole.len() / 2, 600] {
        fs::write(&file, &whole[..length]).unwrap();
        let code = read_code(&file);
        assert!(["backup_incomplete", "backup_unreadable"].contains(&code.as_str()), "{length}: {code}");
    }
    for bad in [&b""[..], b"\n", b"{}\n", b"{\"format\": \"other\", \"v\": 1}\n", &before] {
        fs::write(&file, bad).unwrap();
        assert_eq!(read_code(&file), "backup_unreadable");
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&file, &changed).unwrap();
    let backup = Backup::read(&file).unwrap();
    assert_eq!(profile.stage(&backup, &data_key()).unwrap_err().code(), "backup_incomplete");
    // Whoever changes the checksum too still meets the pages' own authentication.
    with_head(&file, |head| {
        let end = changed.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        head["sha256"] = json!(sha256(&changed[end..]));
    });
    let backup = Backup::read(&file).unwrap();
    assert_eq!(profile.stage(&backup, &data_key()).unwrap_err().code(), "database_damaged");
    assert_eq!(fs::read(profile.database()).unwrap(), before);
    assert!(!profile.dir().join("restoring").exists(), "no copy is left");
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

#[test]
fn a_newer_backup_waits_for_a_newer_cairn() {
    let mut fake = Fake::new();
    let a = Laptop::new(&mut fake, "a", 1);
    let (profile, file) = back_up(&a);
    with_head(&file, |head| head["schema"] = json!(SCHEMA_VERSION + 1));
    assert_eq!(read_code(&file), "backup_newer");
    with_head(&file, |head| head["v"] = json!(2));
    assert_eq!(read_code(&file), "backup_newer");
    // A first line that lies about it: the database itself says so.
    let newer = a.dir.path().join("newer.cairn-backup");
    crate::keys::raw(a.store.path()).pragma_update(None, "user_version", SCHEMA_VERSION + 1).unwrap();
    profile.back_up(&a.store, &data_key(), &newer, at(3)).unwrap();
    let backup = Backup::read(&newer).unwrap();
    assert_eq!(profile.stage(&backup, &data_key()).unwrap_err().code(), "backup_newer");
}

#[test]
fn only_its_key_or_its_passphrase_opens_it() {
    let mut fake = Fake::new();
    let a = Laptop::new(&mut fake, "a", 1);
    let (_, file) = back_up(&a);
    let backup = Backup::read(&file).unwrap();
    assert!(backup.fits(&data_key()) && !backup.fits(&DataKey::new([8; 32])));
    assert_eq!(backup.key_from_passphrase("another phrase").unwrap_err().code(), "key_wrong");

    let elsewhere = tempfile::tempdir().unwrap();
    let theirs = Profile::at(elsewhere.path());
    assert!(!theirs.has_key_of(&backup));
    let other = DataKey::new([8; 32]);
    assert_eq!(theirs.stage(&backup, &other).unwrap_err().code(), "key_wrong");
    let key = backup.key_from_passphrase(PHRASE).unwrap();
    assert_eq!(theirs.stage(&backup, &key).unwrap().put_in_place(at(9)).unwrap(), None, "nothing was there");
    assert!(theirs.has_recovery() && !theirs.uses_keyring());
    let key = theirs.key_from_passphrase(PHRASE).unwrap();
    assert!(theirs.open(&key, SystemEntropy).unwrap().must_re_enrol());
}

#[test]
fn a_newer_passphrase_of_the_same_key_stays_and_an_old_key_is_wrapped_before_it_goes() {
    let mut fake = Fake::new();
    let a = Laptop::new(&mut fake, "a", 1);
    let (profile, file) = back_up(&a);
    profile.keep_under_passphrase(&data_key(), "a newer phrase", &mut SeededEntropy::new(10)).unwrap();
    drop(a.store);
    let backup = Backup::read(&file).unwrap();
    profile.stage(&backup, &data_key()).unwrap().put_in_place(at(9)).unwrap();
    profile.key_from_passphrase("a newer phrase").unwrap();

    // Another profile, whose key only the keyring has, takes the backup over by its passphrase.
    let home = tempfile::tempdir().unwrap();
    let other = Profile::at(home.path());
    let old = DataKey::new([8; 32]);
    other.create(&old, SystemEntropy).unwrap().lock().unwrap();
    let staged = other.stage(&backup, &data_key()).unwrap();
    staged.keep_old_key(&old, PHRASE, &mut SeededEntropy::new(11)).unwrap();
    let aside = Profile::at(staged.put_in_place(at(9)).unwrap().unwrap());
    assert_eq!(aside.key_from_passphrase(PHRASE).unwrap(), old);
    aside.open(&old, SystemEntropy).unwrap();
    other.open(&data_key(), SystemEntropy).unwrap();
}

#[test]
fn a_damaged_database_is_moved_aside_and_the_backup_opens() {
    let mut fake = Fake::new();
    let a = Laptop::new(&mut fake, "a", 1);
    let (profile, file) = back_up(&a);
    drop(a.store);
    fs::write(profile.database(), b"this was a database").unwrap();
    // Another program that looks at the profile meanwhile keeps it from being replaced.
    let mark = File::options().write(true).open(profile.dir().join("cairn.db.use")).unwrap();
    mark.lock_shared().unwrap();
    let backup = Backup::read(&file).unwrap();
    let busy = profile.stage(&backup, &data_key()).unwrap().put_in_place(at(9)).unwrap_err();
    assert_eq!(busy.code(), "database_busy");
    drop(mark);
    let aside = profile.stage(&backup, &data_key()).unwrap().put_in_place(at(9)).unwrap().unwrap();
    assert_eq!(fs::read(aside.join("cairn.db")).unwrap(), b"this was a database");
    let store = profile.open(&data_key(), SystemEntropy).unwrap();
    assert!(store.cells(&tenant()).is_ok());
}
