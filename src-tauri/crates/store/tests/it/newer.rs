//! What a newer version wrote: stored, forwarded and shown as such, untouched.

use cairn_domain::change::ItemField;
use cairn_domain::effect::{Effect, Origin, project_all};
use cairn_domain::journal::{BodyBytes, Entry, EntryOrigin, Part};
use cairn_domain::op::{SealedOp, sign_run, verify_run};
use cairn_domain::{CellKey, Change, OpId};
use cairn_store::HistoryQuery;
use serde_json::json;

use crate::fake::{Fake, Laptop, at, item, key_hex, tenant};

/// The cell of an entity that this version does not know.
fn glow() -> CellKey {
    "wonder/1#glow".parse().unwrap()
}

fn note(text: &str) -> Change {
    Change::ItemFieldSet { item: item("name-contacts"), field: ItemField::Note, value: json!(text) }
}

impl Fake {
    /// An entry of a version with other verbs, effects and entities, with more in every part and with
    /// bytes that this version would not write.
    fn says_newer(&mut self) -> Entry {
        let (device, key) = (self.device.clone(), self.key.clone());
        let journal = self.journal(&tenant());
        let number = journal.numbers[&device] + 1;
        let id = OpId { tenant: tenant(), device: device.clone(), device_seq: number };
        let seen = journal.seen();
        let header = format!(
            r#"{{ "v":2, "op":"{id}", "audience":"client", "seen":{{"seq":{},"head":"{}"}}, "weight":1.50 }}"#,
            seen.seq, seen.head
        );
        let body = r#"{ "change":{"verb":"WonderMade","glow":1.0},  "at":"2023-11-14T22:13:20Z","actor":"service","mood":"good" }"#;
        let sealed = SealedOp { header, salt: "ab".repeat(16), body: body.to_owned() };
        let hash = sealed.hash();
        let run = sign_run(&key, &tenant(), &device, number, &[hash]);
        let write =
            format!(r#"[ {{"do":"write","cell":"{}","value":{{"of":1.0}}, "until":"dawn"}} ]"#, glow());
        let entry = Entry {
            seq: seen.seq + 1,
            received_at: at(600),
            origin: EntryOrigin::Pushed,
            header: sealed.header,
            body: Part::Open(BodyBytes { salt: sealed.salt, body: sealed.body }),
            client: Part::Open(r#"[ {"do":"shine","on":["wonder/1"]} ]"#.to_owned()),
            team: Part::Open(write),
        };
        journal.runs.push((device.clone(), run, vec![hash]));
        journal.numbers.insert(device, number);
        journal.heads.push(entry.link(seen.head, &Self::salts()).unwrap());
        let effects = entry.effects().unwrap();
        assert_eq!(effects.client, [Effect::Unknown]);
        let by = "service".parse().unwrap();
        project_all(&mut journal.cells, Origin { op: &id, by: &by, at: at(0) }, &effects);
        journal.digests.update(&glow(), None, journal.cells.get(&glow()));
        journal.entries.push(entry.clone());
        entry
    }
}

fn holds(laptop: &Laptop, fake: &Fake, newer: &Entry) {
    laptop.assert_settled(fake);
    assert_eq!(laptop.cells()[&glow()].values.len(), 1, "the unknown thing's value is there");
    let query = HistoryQuery { limit: 99, ..HistoryQuery::default() };
    let lines = laptop.store.history(&tenant(), &query).unwrap().lines;
    let line = lines.iter().find(|line| line.seq == Some(newer.seq)).unwrap();
    assert_eq!((line.verb.as_deref(), &line.change), (Some("WonderMade"), &None));
    assert_eq!(line.actor.as_ref().unwrap().as_str(), "service");
    assert_eq!((&line.did[0].cell, &line.did[0].after), (&glow(), &json!({ "of": 1.0 })));
}

#[test]
fn what_a_newer_version_wrote_is_kept_shown_and_offered_untouched() {
    let mut fake = Fake::new();
    let mut a = Laptop::new(&mut fake, "a", 1);
    let common = fake.t1().seen();
    let newer = fake.says_newer();
    a.write(note("own"));
    a.sync(&mut fake);
    holds(&a, &fake, &newer);
    // The next page goes on from it, also after the program was started again.
    a.reopen();
    fake.says_over(&tenant(), note("the service's"));
    a.sync(&mut fake);
    holds(&a, &fake, &newer);

    a.store.rewind(&tenant(), common, at(1)).unwrap();
    assert!(!a.cells().contains_key(&glow()));
    let offer = a.store.offers(&tenant(), 0, 1).unwrap().remove(0);
    assert_eq!(offer.entry, newer, "byte for byte");
    let hashes = [newer.op_hash()];
    assert!(offer.proof.others.is_empty());
    assert!(verify_run(&key_hex(&fake.key), &tenant(), &fake.device, &offer.proof.run, &hashes));
    // The service comes back to what it was: the same entries fit again.
    a.pull_all(&fake);
    holds(&a, &fake, &newer);
}
