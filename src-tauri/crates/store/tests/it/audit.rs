//! Whatever a device has seen or holds a receipt for cannot be changed unnoticed: a thousand random
//! tamperings with the local journal and with pages, and pairs of laptops told different histories.

use std::collections::BTreeMap;

use cairn_domain::change::ItemField;
use cairn_domain::journal::{Entry, EntryOrigin, Part};
use cairn_domain::op::{Seen, sign_message};
use cairn_domain::{Change, Hash, TenantId};
use cairn_protocol::sync::TenantPage;
use cairn_store::PullError;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::fake::{Fake, Laptop, Take, at, data_key, item, tenant};

const TABLES: [&str; 8] =
    ["journals", "entries", "proofs", "cells", "op_writes", "outbox", "receipts", "witness"];

/// What a journal that is rolled back takes along; what was remembered about it stays.
const JOURNAL: [&str; 5] = ["journals", "entries", "proofs", "cells", "op_writes"];

/// In the journal on disk, each as (name, how to do it).
/// A tampering by its name.
type Edit = (&'static str, fn(&Vault, &mut StdRng));
type PageEdit = (&'static str, fn(&mut TenantPage, &mut StdRng));

const EDITS: [Edit; 29] = [
    ("header", |v, r| v.edit(r, |e, r| e.header = other_text(&e.header, r))),
    ("body", |v, r| v.edit(r, |e, r| body(e, |b| b.body = other_text(&b.body, r)))),
    ("author's salt", |v, r| v.edit(r, |e, r| body(e, |b| b.salt = other_text(&b.salt, r)))),
    ("client effects", |v, r| v.edit(r, |e, r| side(&mut e.client, r))),
    ("team effects", |v, r| v.edit(r, |e, r| side(&mut e.team, r))),
    ("received_at", |v, r| v.edit(r, |e, r| e.received_at += chrono::TimeDelta::milliseconds(past(r)))),
    ("received_at, finely", |v, r| {
        v.edit(r, |e, r| e.received_at += chrono::TimeDelta::nanoseconds(r.random_range(1..1_000_000)));
    }),
    ("origin", |v, r| v.edit(r, |e, r| e.origin = other_origin(&e.header, r))),
    ("entry removed", |v, r| v.run("DELETE FROM entries WHERE tenant = 't1' AND seq = ?1", &[&v.any(r)])),
    ("two entries swapped", Vault::swap),
    ("end cut off", Vault::cut),
    ("rolled back", |v, _| v.load("old", &JOURNAL)),
    ("another journal's entry", Vault::foreign),
    ("stored head", |v, r| v.flip(r, "entries", "head")),
    ("stored hash", |v, r| v.flip(r, "entries", "op_hash")),
    ("stored op", |v, r| v.retype(r, "entries", "op")),
    ("stored actor", |v, r| v.retype(r, "entries", "actor")),
    ("stored time", |v, r| v.retype(r, "entries", "at")),
    ("stored verb", |v, r| v.retype(r, "entries", "verb")),
    ("shown value", |v, r| v.retype(r, "op_writes", "after")),
    ("shown value before", |v, r| v.retype(r, "op_writes", "before")),
    ("shown write removed", |v, r| {
        let (_, seq) = v.row(r, "op_writes", "seq");
        v.run("DELETE FROM op_writes WHERE tenant = 't1' AND seq = ?1", &[&seq]);
    }),
    ("signed head", |v, r| v.flip(r, "witness", "head")),
    ("signature of a head", |v, r| v.retype(r, "witness", "signature")),
    ("receipt's hash", |v, r| v.flip(r, "receipts", "hash")),
    ("receipt's op", |v, r| v.retype(r, "receipts", "op")),
    ("receipt's answer", Vault::moved_receipt),
    ("run's signature", |v, r| v.retype(r, "proofs", "signature")),
    ("journal's head", |v, r| v.flip(r, "journals", "head")),
];

/// In a page on its way; the service's key is not theirs.
const PAGE_EDITS: [PageEdit; 12] = [
    ("header", |p, r| one(p, r, |e, r| e.header = other_text(&e.header, r))),
    ("body", |p, r| one(p, r, |e, r| body(e, |b| b.body = other_text(&b.body, r)))),
    ("client effects", |p, r| one(p, r, |e, r| side(&mut e.client, r))),
    ("received_at", |p, r| one(p, r, |e, r| e.received_at += chrono::TimeDelta::milliseconds(past(r)))),
    ("origin", |p, r| one(p, r, |e, r| e.origin = other_origin(&e.header, r))),
    ("entry removed", |p, r| drop(p.entries.remove(r.random_range(0..p.entries.len())))),
    ("two entries swapped", |p, r| {
        let first = r.random_range(0..p.entries.len() - 1);
        p.entries.swap(first, first + 1);
    }),
    ("entry repeated", |p, r| {
        let again = p.entries[r.random_range(0..p.entries.len())].clone();
        p.entries.push(again);
    }),
    ("head", |p, r| p.seen.head.0[r.random_range(0..32)] ^= 1 << r.random_range(0..8)),
    ("signature", |p, r| p.signature = other_text(&p.signature, r)),
    ("proof", |p, r| {
        let proof = r.random_range(0..p.proofs.len());
        p.proofs[proof].run.signature = other_text(&p.proofs[proof].run.signature, r);
    }),
    ("digest", |p, r| p.digest = Some(Hash::of("another state", &[&r.random::<[u8; 8]>()]))),
];

fn note(key: &str, text: &str) -> Change {
    Change::ItemFieldSet { item: item(key), field: ItemField::Note, value: json!(text) }
}

fn past(rng: &mut StdRng) -> i64 {
    rng.random_range(1..1_000_000_000)
}

/// The text with one character changed. Not between capital and small: hex in capitals is the same
/// signature.
fn other_text(text: &str, rng: &mut StdRng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let place = rng.random_range(0..chars.len());
    let new = char::from(rng.random_range(b'0'..b'z'));
    chars[place] = if chars[place].eq(&new) { '~' } else { new };
    chars.into_iter().collect()
}

fn body(entry: &mut Entry, change: impl FnOnce(&mut cairn_domain::journal::BodyBytes)) {
    let Part::Open(body) = &mut entry.body else { panic!("sealed") };
    change(body);
}

fn side(part: &mut Part<String>, rng: &mut StdRng) {
    let Part::Open(text) = part else { panic!("sealed") };
    *text = other_text(text, rng);
}

fn other_origin(header: &str, rng: &mut StdRng) -> EntryOrigin {
    let header: cairn_domain::op::Header = serde_json::from_str(header).unwrap();
    if rng.random() { EntryOrigin::Offered } else { EntryOrigin::Adopted(header.op) }
}

fn one(page: &mut TenantPage, rng: &mut StdRng, change: impl FnOnce(&mut Entry, &mut StdRng)) {
    let place = rng.random_range(0..page.entries.len());
    change(&mut page.entries[place], rng);
}

/// Someone with the data key and a database tool, beside the open store.
struct Vault {
    db: Connection,
}

impl Vault {
    fn open(laptop: &Laptop) -> Self {
        let db = Connection::open(laptop.store.path()).unwrap();
        db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", hex::encode(data_key().bytes()))).unwrap();
        db.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY").unwrap();
        Self { db }
    }

    fn keep(&self, name: &str) {
        for table in TABLES {
            let sql = format!("CREATE TEMP TABLE {name}_{table} AS SELECT * FROM main.{table}");
            self.db.execute_batch(&sql).unwrap();
        }
    }

    fn load(&self, name: &str, tables: &[&str]) {
        let mut sql = String::from("BEGIN IMMEDIATE;");
        for table in tables {
            sql +=
                &format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM {name}_{table};");
        }
        self.db.execute_batch(&(sql + "COMMIT;")).unwrap();
    }

    fn run(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) {
        assert!(self.db.execute(sql, values).unwrap() > 0, "{sql}");
    }

    fn end(&self) -> i64 {
        self.db.query_row("SELECT seq FROM journals WHERE tenant = 't1'", [], |row| row.get(0)).unwrap()
    }

    fn any(&self, rng: &mut StdRng) -> i64 {
        rng.random_range(1..=self.end())
    }

    fn entry(&self, tenant: &TenantId, seq: i64) -> Entry {
        let sql = "SELECT entry FROM entries WHERE tenant = ?1 AND seq = ?2";
        let text: String = self.db.query_row(sql, params![tenant.as_str(), seq], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn save(&self, seq: i64, entry: &Entry) {
        let text = serde_json::to_string(entry).unwrap();
        self.run("UPDATE entries SET entry = ?2 WHERE tenant = 't1' AND seq = ?1", &[&seq, &text]);
    }

    fn edit(&self, rng: &mut StdRng, change: impl FnOnce(&mut Entry, &mut StdRng)) {
        let seq = self.any(rng);
        let mut entry = self.entry(&tenant(), seq);
        change(&mut entry, rng);
        self.save(seq, &entry);
        if rng.random() {
            self.relink();
        }
    }

    /// Makes hashes and heads fit again, as anyone can who has no key.
    fn relink(&self) {
        let mut head = Hash::ZERO;
        for seq in 1..=self.end() {
            let entry = self.entry(&tenant(), seq);
            head = entry.link(head, &Fake::salts()).unwrap();
            self.run(
                "UPDATE entries SET head = ?2, op_hash = ?3 WHERE tenant = 't1' AND seq = ?1",
                &[&seq, &head.0, &entry.op_hash().0],
            );
        }
        self.run("UPDATE journals SET head = ?1 WHERE tenant = 't1'", &[&head.0]);
    }

    fn swap(&self, rng: &mut StdRng) {
        let first = rng.random_range(1..self.end());
        let second = rng.random_range(first + 1..=self.end());
        for (from, to) in [(first, -1), (second, first), (-1, second)] {
            self.run("UPDATE entries SET seq = ?2 WHERE tenant = 't1' AND seq = ?1", &[&from, &to]);
        }
        for seq in [first, second] {
            let mut entry = self.entry(&tenant(), seq);
            entry.seq = seq.unsigned_abs();
            self.save(seq, &entry);
        }
        self.relink();
    }

    fn cut(&self, rng: &mut StdRng) {
        let keep = rng.random_range(1..self.end());
        for table in ["entries", "op_writes"] {
            let sql = format!("DELETE FROM {table} WHERE tenant = 't1' AND seq > ?1");
            self.db.execute(&sql, [keep]).unwrap();
        }
        self.run("UPDATE journals SET seq = ?1 WHERE tenant = 't1'", &[&keep]);
        self.relink();
    }

    fn foreign(&self, rng: &mut StdRng) {
        let seq = self.any(rng);
        let mut entry = self.entry(&TenantId::org(), rng.random_range(1..=3));
        entry.seq = seq.unsigned_abs();
        let op = entry.read_header().unwrap().op.to_string();
        self.run("UPDATE entries SET op = ?2 WHERE tenant = 't1' AND seq = ?1", &[&seq, &op]);
        self.save(seq, &entry);
        self.relink();
    }

    /// A row of the table, by its place in it; the rows have no common key.
    fn row(&self, rng: &mut StdRng, table: &str, column: &str) -> (i64, rusqlite::types::Value) {
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant = 't1'");
        let count: i64 = self.db.query_row(&sql, [], |row| row.get(0)).unwrap();
        let place = rng.random_range(0..count);
        let sql =
            format!("SELECT {column} FROM {table} WHERE tenant = 't1' ORDER BY {column} LIMIT 1 OFFSET ?1");
        (place, self.db.query_row(&sql, [place], |row| row.get(0)).unwrap())
    }

    fn put(&self, table: &str, column: &str, old: &dyn rusqlite::ToSql, new: &dyn rusqlite::ToSql) {
        let key = self.key(table);
        // One row only, also where several hold the same value.
        let sql = format!(
            "UPDATE {table} SET {column} = ?2 WHERE tenant = 't1' AND ({key}) =
             (SELECT {key} FROM {table} WHERE tenant = 't1' AND {column} = ?1 LIMIT 1)"
        );
        self.run(&sql, &[old, new]);
    }

    fn key(&self, table: &str) -> &'static str {
        match table {
            "entries" | "witness" => "tenant, seq",
            "proofs" => "tenant, device, first",
            "receipts" => "tenant, op",
            "op_writes" => "tenant, seq, cell",
            _ => "tenant, audience",
        }
    }

    fn flip(&self, rng: &mut StdRng, table: &str, column: &str) {
        let (_, old) = self.row(rng, table, column);
        let rusqlite::types::Value::Blob(mut new) = old.clone() else { panic!("{table}.{column}") };
        let place = rng.random_range(0..new.len());
        new[place] ^= 1 << rng.random_range(0..8);
        self.put(table, column, &old, &new);
    }

    fn retype(&self, rng: &mut StdRng, table: &str, column: &str) {
        let (_, old) = self.row(rng, table, column);
        let rusqlite::types::Value::Text(text) = &old else { panic!("{table}.{column}") };
        self.put(table, column, &old, &other_text(text, rng));
    }

    fn moved_receipt(&self, rng: &mut StdRng) {
        let (_, old) = self.row(rng, "receipts", "outcome");
        let rusqlite::types::Value::Text(text) = &old else { panic!("a receipt") };
        let mut outcome: serde_json::Value = serde_json::from_str(text).unwrap();
        let seq = outcome["seq"].as_i64().unwrap();
        let other = rng.random_range(1..self.end() + 5);
        outcome["seq"] = json!(if other == seq { seq + 1 } else { other });
        self.put("receipts", "outcome", &old, &outcome.to_string());
    }
}

/// A laptop whose journal has confirmed work of two people, an op that is receipted but not pulled,
/// a pending one, and a page of news waiting at the service.
fn scene() -> (Fake, Laptop, Vault) {
    let mut fake = Fake::new();
    let (mut a, mut b) = (Laptop::new(&mut fake, "a", 1), Laptop::new(&mut fake, "b", 2));
    a.pull_all(&fake);
    let vault = Vault::open(&a);
    for n in 0..4 {
        a.write(note("name-contacts", &format!("a{n}")));
        a.write(note("create-tenant", &format!("a{n}")));
        b.write(note("check-roles", &format!("b{n}")));
        a.sync(&mut fake);
        b.sync(&mut fake);
        a.pull_all(&fake);
        if n == 1 {
            vault.keep("old");
        }
    }
    a.write(note("name-contacts", "receipted"));
    a.push(&mut fake, Take::Judge);
    a.write(note("name-contacts", "pending"));
    for n in 0..4 {
        b.write(note("check-roles", &format!("news {n}")));
        b.sync(&mut fake);
    }
    vault.keep("all");
    (fake, a, vault)
}

/// Whether the laptop finds out: by the audit, by the next page, or by the audit after it.
fn noticed(fake: &Fake, a: &mut Laptop) -> Option<String> {
    let report = a.store.audit_verify(&tenant()).unwrap();
    if !report.ok {
        return report.reason;
    }
    let page = fake.page(&tenant(), a.seen(&tenant()).seq, usize::MAX, &a.device());
    if let Err(error) = a.store.apply_page(&page, at(3_000)) {
        return Some(error.code().to_owned());
    }
    a.store.audit_verify(&tenant()).unwrap().reason
}

#[test]
fn a_thousand_tamperings_are_noticed() {
    let (fake, mut a, vault) = scene();
    assert!(a.store.audit_verify(&tenant()).unwrap().ok, "the honest journal verifies");
    assert_eq!(noticed(&fake, &mut a), None, "and so it does after the next page");
    vault.load("all", &TABLES);
    let honest = fake.page(&tenant(), a.seen(&tenant()).seq, usize::MAX, &a.device());
    let (mut missed, mut reasons) = (Vec::new(), BTreeMap::<(&str, String), u32>::new());
    for seed in 0..1_000_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let kind = rng.random_range(0..EDITS.len() + PAGE_EDITS.len());
        let (name, found) = match EDITS.get(kind) {
            Some((name, edit)) => {
                edit(&vault, &mut rng);
                (*name, noticed(&fake, &mut a))
            }
            None => {
                let (name, edit) = PAGE_EDITS[kind - EDITS.len()];
                let mut page = honest.clone();
                edit(&mut page, &mut rng);
                (name, a.store.apply_page(&page, at(3_000)).err().map(|e| e.code().to_owned()))
            }
        };
        match found {
            None => missed.push((seed, name)),
            Some(reason) => *reasons.entry((name, reason)).or_default() += 1,
        }
        vault.load("all", &TABLES);
    }
    assert!(missed.is_empty(), "not noticed: {missed:?}");
    let by = |name: &str, reason: &str| reasons.get(&(name, reason.to_owned())).copied().unwrap_or(0);
    assert!(by("end cut off", "behind_signed_head") > 0, "{reasons:?}");
    assert!(by("rolled back", "behind_signed_head") > 0, "{reasons:?}");
    assert!(by("another journal's entry", "hash_differs") > 0, "{reasons:?}");
}

/// A service that tells two laptops different things cannot bring them together again unnoticed:
/// each op carries the head that its author had seen.
#[test]
fn laptops_told_different_histories_find_out_from_each_other() {
    for seed in 0..60_u64 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut one = Fake::new();
        let (mut a, mut b) = (Laptop::new(&mut one, "a", 1), Laptop::new(&mut one, "b", 2));
        for n in 0..rng.random_range(0..3) {
            b.write(note("check-roles", &format!("{n}")));
            b.sync(&mut one);
        }
        a.pull_all(&one);
        let mut other = one.clone();
        lie(&mut one, &mut other, &mut rng);
        a.pull_all(&one);
        b.pull_all(&other);
        for n in 0..rng.random_range(0..3) {
            other.says_over(&tenant(), note("create-tenant", &format!("{n}")));
            b.pull_all(&other);
        }
        // What `a` writes now is handed to `b` as well.
        a.write(note("name-contacts", "from a"));
        let run = a.store.next_push(9).unwrap().remove(0);
        other.receive(&run, Take::Judge).unwrap();
        let page = other.page(&tenant(), b.seen(&tenant()).seq, usize::MAX, &b.device());
        let before = b.cells();
        let found = b.store.apply_page(&page, at(2_000));
        assert!(matches!(found, Err(PullError::HistoryForked { .. })), "{seed}: {found:?}");
        assert_eq!(b.cells(), before, "nothing of it was taken");
        // Nor does a service that signs anything help itself by leaving the author's view away: the
        // device has signed the header.
        let forged = forge_view(&other, &page);
        let found = b.store.apply_page(&forged, at(2_000)).unwrap_err();
        assert!(matches!(found, PullError::BadSignature { .. }), "{seed}: {found:?}");
    }
}

/// From here on `one` and `other` differ at the next place.
fn lie(one: &mut Fake, other: &mut Fake, rng: &mut StdRng) {
    match rng.random_range(0..3) {
        0 => {
            one.says_over(&tenant(), note("check-roles", "told to a"));
            other.says_over(&tenant(), note("check-roles", "told to b"));
        }
        // The same op, received at another time.
        1 => {
            other.clock += rng.random_range(1..1_000);
            one.says_over(&tenant(), note("check-roles", "same"));
            other.says_over(&tenant(), note("check-roles", "same"));
        }
        // Withheld from `b`, who gets something else in its place.
        _ => {
            one.says_over(&tenant(), note("check-roles", "first"));
            one.says_over(&tenant(), note("check-roles", "second"));
            other.says_over(&tenant(), note("create-tenant", "instead"));
        }
    }
}

/// The page with the last op's view of the journal replaced by `b`'s, relinked and signed anew.
fn forge_view(service: &Fake, page: &TenantPage) -> TenantPage {
    let mut page = page.clone();
    let last = page.entries.len() - 1;
    let before = service.t1().seen_at(page.seen.seq - 1);
    let entry = &mut page.entries[last];
    let mut header = entry.read_header().unwrap();
    header.seen = before;
    entry.header = serde_json::to_string(&header).unwrap();
    let head = entry.link(before.head, &Fake::salts()).unwrap();
    page.seen = Seen { seq: page.seen.seq, head };
    page.signature = sign_message(&service.key, &cairn_domain::journal::head_message(&tenant(), page.seen));
    page
}
