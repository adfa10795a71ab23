//! Two programs on one profile, as the window and the command line are.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use cairn_domain::Change;
use cairn_domain::change::{ItemField, Status};
use cairn_store::{Draft, SeededEntropy, Store};
use serde_json::{Value, json};

use crate::fake::{Fake, Laptop, at, data_key, item, start, tenant};

/// What a child is told: database, name and how many writes.
const DATABASE: &str = "CAIRN_TEST_DATABASE";
const NAME: &str = "CAIRN_TEST_NAME";
const WRITES: u64 = 100;

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

fn spawn(path: &std::path::Path, name: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--ignored"])
        .env(DATABASE, path)
        .env(NAME, name.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The other program. Does nothing unless the test below starts it.
#[test]
#[ignore = "started by two_processes_write_on_one_profile"]
#[allow(clippy::disallowed_methods, reason = "this test is the main of the second process")]
fn child() {
    let (Ok(path), Ok(name)) = (std::env::var(DATABASE), std::env::var(NAME)) else { return };
    let seed = SeededEntropy::new(name.parse().unwrap());
    let mut store = Store::open(std::path::Path::new(&path), &data_key(), seed).unwrap();
    for n in 0..WRITES {
        store.write(&tenant(), Draft::new(note(&format!("{name}.{n}"))), at(2_000)).unwrap();
    }
    store.lock().unwrap();
}

#[test]
fn two_processes_write_on_one_profile() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let path = a.store.path().to_owned();
    for mut child in [spawn(&path, 1), spawn(&path, 2)] {
        assert!(child.wait().unwrap().success());
    }
    let runs = a.store.next_push(1_000).unwrap();
    let ops: Vec<_> = runs.iter().flat_map(|run| &run.ops).map(|op| op.open().unwrap()).collect();
    let numbers: Vec<u64> = ops.iter().map(|op| op.header.op.device_seq).collect();
    assert_eq!(numbers, (1..=2 * WRITES).collect::<Vec<_>>());
    let texts: BTreeSet<String> = ops.iter().map(|op| text(&op.body.change)).collect();
    let all = [1, 2].iter().flat_map(|name| (0..WRITES).map(move |n| format!("{name}.{n}")));
    assert_eq!(texts, all.collect());
    a.sync(&mut fake);
    a.assert_settled(&fake);
    assert!(a.store.conflicts(None).unwrap().is_empty(), "each saw what the other had written");
}

fn text(change: &Change) -> String {
    let Change::ItemFieldSet { value: Value::String(text), .. } = change else { panic!("{change:?}") };
    text.clone()
}

/// How long the list of a thousand tenants takes at the start and afterwards.
#[test]
#[ignore = "prints timings"]
#[allow(clippy::print_stdout)]
fn a_thousand_tenants() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    for n in 0..1_000 {
        let one: cairn_domain::TenantId = format!("n{n}").parse().unwrap();
        fake.says(&one, Change::TenantCreated { slug: format!("s{n}"), name: format!("School {n}") });
        fake.says(&one, start(crate::fake::project()));
        for item in crate::fake::book().items.iter().take(20) {
            let item = crate::fake::item(&item.key);
            fake.says(&one, Change::ItemStatusSet { item, status: Status::Complete, reason: None });
        }
    }
    a.pull_all(&fake);
    a.reopen();
    for what in ["first", "second"] {
        let begin = std::time::Instant::now();
        assert_eq!(a.store.tenants().unwrap().len(), 1_001);
        println!("{what} list: {:?}", begin.elapsed());
    }
}
