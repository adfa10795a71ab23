//! Imports as the service carries them out, on both storages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use cairn_domain::access::Role;
use cairn_domain::cell::field;
use cairn_domain::change::Status;
use cairn_domain::import::{self, Import, ImportOutcome, ImportRecords, ImportRequest};
use cairn_domain::journal::Outcome;
use cairn_domain::*;
use cairn_imports::generate::{Dirt, Set, write};
use cairn_imports::{
    Blob, Entry, ImportError, Limits, Options, Plan, Record, Report, SCRATCH_BUDGET, Scratch, plan_with,
    read_blob, write_blob, write_blob_with,
};
use cairn_protocol::sync::SyncRequest;
use cairn_service::handlers::{blobs, sync::sync};
use cairn_service::rosters::{self, Done, Rosters, Staging};
use cairn_service::storage::sqlite::Sqlite;
use cairn_service::storage::{Mode, Standing, Step, Storage, with};
use cairn_service::{Ask, Service, backup, confirm};
use cairn_store::roster::{Back, Revision, Roster};
use cairn_store::{DataKey, StoreError};
use common::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

on_both!(
    an_import_is_committed_once_its_file_is_whole,
    a_file_that_is_not_what_was_asked_for_is_refused,
    a_pilots_limit_holds_at_the_door_and_behind_it,
    much_that_changes_is_judged_by_what_is_there_now,
    references_are_judged_by_what_is_there_now,
    what_waits_to_be_verified_is_confirmed_by_the_rosters_people,
    a_claim_that_somebody_disputes_or_takes_back_is_not_confirmed,
    an_import_that_is_taken_back_before_it_is_carried_out_never_is,
    an_import_that_is_taken_back_while_it_is_staged_is_not_committed,
    how_far_the_service_is_with_an_import_can_be_asked,
    an_import_is_taken_back_within_its_days_and_not_after,
    a_rollback_leaves_nobody_who_names_what_is_gone,
    the_same_file_again_changes_nothing_on_any_replica,
    another_replica_makes_its_copy_from_the_files,
    replicas_that_work_at_once_commit_each_import_once,
    a_copy_that_is_damaged_is_made_again,
    the_records_of_an_import_are_the_teams_and_stay_in_their_tenant,
);

/// Accounts as a file that is uploaded, and the request for it.
fn file(people: &[(&str, &str)]) -> (Vec<u8>, ImportRequest) {
    let mut text = "email,first_name,last_name,organization,role\n".to_owned();
    for (mail, name) in people {
        writeln!(text, "{mail},{name},Lee,MOH,district_admin").unwrap();
    }
    file_of("people.csv", &text)
}

/// The same of a table.
fn file_of(name: &str, text: &str) -> (Vec<u8>, ImportRequest) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let scratch = Scratch { folder: folder.path().to_owned(), key: [7; 32], budget: SCRATCH_BUDGET };
    let mut bytes = Vec::new();
    let (blob, report) = write_blob(&path, &Options::default(), &scratch, &mut bytes).unwrap();
    (bytes, request_for(blob, report))
}

fn request_for(blob: Blob, report: Report) -> ImportRequest {
    let records = blob.records.iter();
    ImportRequest {
        blob: blob.sha256,
        bytes: blob.bytes,
        source: "people.csv".into(),
        format: report.format,
        rules: report.profile,
        records: records
            .map(|(kind, held)| (kind.clone(), ImportRecords { put: held.put, remove: held.remove }))
            .collect(),
        planned: std::collections::BTreeMap::new(),
        holds_confirmed: false,
        broken: 0,
    }
}

/// A tenant that is no pilot, its specialist, and a folder for copies.
struct Place {
    world: World,
    tenant: TenantId,
    ana: Laptop,
    rosters: Rosters,
    folder: tempfile::TempDir,
}

impl Place {
    fn open(open: &Open) -> Self {
        let mut world = World::new(open());
        let new = cairn_service::admin::NewTenant {
            slug: "own",
            name: "Own",
            playbook: None,
            mode: None,
            go_live: None,
        };
        let tenant = world.ask(|s, ask| cairn_service::admin::create_tenant(s, &new, ask)).unwrap();
        world.user("ana", Role::ImplSpec, &["own"]);
        let mut ana = world.sign_in("ana");
        ana.sync(&mut world, vec![]);
        let folder = tempfile::tempdir().unwrap();
        Self { world, tenant, ana, rosters: Rosters::new(folder.path().join("a")), folder }
    }

    fn ask_for(&mut self, request: &ImportRequest) -> OpId {
        let op = self.ana.op(&self.tenant, Change::ImportRequested(request.clone()), BTreeMap::new());
        let id = op.header().unwrap().op;
        let outcomes = self.ana.push(&mut self.world, &self.tenant, vec![op]);
        assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]), "{outcomes:?}");
        id
    }

    fn upload(&self, request: &ImportRequest, bytes: &[u8]) {
        let caller = self.world.service.caller(&self.ana.device).unwrap();
        let name = blobs::Name { tenant: &self.tenant, sha256: &request.blob };
        let whole = (0, bytes.len() as u64);
        blobs::put_import(&self.world.service, &caller, name, whole, request.rows(), bytes).unwrap();
    }

    fn import(&mut self, people: &[(&str, &str)]) -> OpId {
        let (bytes, request) = file(people);
        self.upload(&request, &bytes);
        self.ask_for(&request)
    }

    fn settle(&mut self) -> Vec<Done> {
        let (tenant, rosters) = (self.tenant.clone(), self.rosters.clone());
        self.world.ask(|service, ask| rosters::settle(service, &rosters, &tenant, ask)).unwrap()
    }

    fn roll_back(&mut self, import: &OpId) -> Outcome {
        let change = Change::ImportRollbackRequested { import: import.clone() };
        let op = self.ana.op(&self.tenant, change, BTreeMap::new());
        self.ana.push(&mut self.world, &self.tenant, vec![op]).remove(0)
    }

    /// The import as a laptop has it, whose digests were compared on the way.
    fn seen(&mut self, id: &OpId) -> Import {
        self.ana.sync(&mut self.world, vec![]);
        Import::read(&self.ana.held(&self.tenant).cells, id).unwrap()
    }
}

fn an_import_is_committed_once_its_file_is_whole(open: Open) {
    let mut place = Place::open(&open);
    let (bytes, request) = file(&[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    let id = place.ask_for(&request);
    assert_eq!(place.settle(), []);
    assert!(place.seen(&id).is_open());
    place.upload(&request, &bytes);
    assert_eq!(place.settle(), [Done::Committed(id.clone(), 1)]);
    assert_eq!(place.settle(), []);
    let import = place.seen(&id);
    let committed = import.committed().unwrap();
    assert_eq!((committed.revision, committed.counts["accounts"].create), (1, 2));
    // The same again changes nothing, and is a revision all the same.
    let again = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Committed(again.clone(), 2)]);
    let import = place.seen(&again);
    let committed = import.committed().unwrap();
    assert_eq!((committed.counts["accounts"].unchanged, committed.counts["accounts"].changed()), (2, 0));
    let before = place.seen(&id);
    assert_eq!(committed.digest, before.committed().unwrap().digest);
}

fn a_file_that_is_not_what_was_asked_for_is_refused(open: Open) {
    let mut place = Place::open(&open);
    let (bytes, mut request) = file(&[("a@x.org", "Ann")]);
    place.upload(&request, &bytes);
    request.records.get_mut("accounts").unwrap().put = 2;
    let lied = place.ask_for(&request);
    let noise = b"not an import at all";
    let mut other = request.clone();
    other.blob = hex(noise);
    place.upload(&other, noise);
    let damaged = place.ask_for(&other);
    let done = place.settle();
    assert_eq!(
        done,
        [
            Done::Refused(lied.clone(), "import_differs".into()),
            Done::Refused(damaged, "import_damaged".into())
        ]
    );
    let Some(ImportOutcome::Refused(refused)) = place.seen(&lied).outcome else { panic!() };
    assert!(refused.message.ends_with('.'));
    // What was refused left nothing behind.
    let next = place.import(&[("c@x.org", "Cid")]);
    assert_eq!(place.settle(), [Done::Committed(next.clone(), 1)]);
    assert_eq!(place.seen(&next).committed().unwrap().counts["accounts"].create, 1);
}

fn hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn a_pilots_limit_holds_at_the_door_and_behind_it(open: Open) {
    let mut place = Place::open(&open);
    place.tenant = place.world.tenant("pilots");
    place.world.assign("ana", "pilots", true);
    place.ana.sync(&mut place.world, vec![]);
    place.world.service.pilot_rows = 2;
    let (bytes, request) = file(&[("a@x.org", "Ann"), ("b@x.org", "Bob"), ("c@x.org", "Cid")]);
    let put = |place: &Place, rows| {
        let caller = place.world.service.caller(&place.ana.device).unwrap();
        let name = blobs::Name { tenant: &place.tenant, sha256: &request.blob };
        blobs::put_import(&place.world.service, &caller, name, (0, bytes.len() as u64), rows, &bytes)
    };
    assert_eq!(api(put(&place, 3).unwrap_err()).code, "pilot_limit");
    // Whoever counts wrong gets past the door and no further; nor does it wait for a file.
    let id = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Refused(id, "pilot_limit".into())]);
    put(&place, 1).unwrap();
    let id = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Refused(id, "pilot_limit".into())]);
    let fits = place.import(&[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    assert_eq!(place.settle(), [Done::Committed(fits, 1)]);
}

fn much_that_changes_is_judged_by_what_is_there_now(open: Open) {
    let mut place = Place::open(&open);
    place.import(&[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    place.settle();
    let (bytes, mut request) = file(&[("a@x.org", "Anna"), ("b@x.org", "Robert")]);
    place.upload(&request, &bytes);
    let held = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Refused(held, "import_held".into())]);
    request.holds_confirmed = true;
    let confirmed = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Committed(confirmed.clone(), 2)]);
    assert_eq!(place.seen(&confirmed).committed().unwrap().counts["accounts"].update, 2);
}

/// Records of a type: the id, and the value of its column; none where it is to be no more.
type Of<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

/// A file of these records and removals, in the order of their types, and the request for it.
fn delta(entries: &[Of<'_>]) -> (Vec<u8>, ImportRequest) {
    let columns = |kind: &str| match kind {
        "orgs" => serde_json::json!(["name"]),
        _ => serde_json::json!(["orgSourcedIds"]),
    };
    let head = serde_json::json!({ "format": "cairn-import", "v": 1, "schema": "oneroster-1.1", "rules": "tolerant" });
    let (mut lines, mut records) = (vec![head], BTreeMap::new());
    for (kind, of) in entries {
        lines.push(serde_json::json!({ "type": kind, "columns": columns(kind) }));
        let held: &mut ImportRecords = records.entry((*kind).to_owned()).or_default();
        for (id, value) in *of {
            match value {
                Some(value) => {
                    lines.push(serde_json::json!([id, value]));
                    held.put += 1;
                }
                None => {
                    lines.push(serde_json::json!(id));
                    held.remove += 1;
                }
            }
        }
    }
    let end = records.iter().map(|(kind, of): (&String, &ImportRecords)| {
        (kind.clone(), serde_json::json!({ "put": of.put, "remove": of.remove, "delta": true }))
    });
    lines.push(serde_json::json!({ "end": end.collect::<serde_json::Map<_, _>>() }));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    let bytes = encoder.finish().unwrap();
    let request = ImportRequest {
        blob: hex(&bytes),
        bytes: bytes.len() as u64,
        source: "delta".into(),
        format: "oneroster-1.1".into(),
        rules: "tolerant".into(),
        records,
        planned: BTreeMap::new(),
        holds_confirmed: true,
        broken: 0,
    };
    (bytes, request)
}

/// A tenant whose playbook has checks that a roster answers.
fn with_checks(open: &Open) -> Place {
    let mut place = Place::open(open);
    let new = cairn_service::admin::NewTenant {
        slug: "hill",
        name: "Hill",
        playbook: Some("first-school-go-live"),
        mode: None,
        go_live: None,
    };
    place.tenant = place.world.ask(|s, ask| cairn_service::admin::create_tenant(s, &new, ask)).unwrap();
    place.world.assign("ana", "hill", true);
    place.ana.sync(&mut place.world, vec![]);
    place
}

const STUDENT: &str = "student_id,first_name,last_name,email,grade\ns1,Bo,Lee,b@x.org,9\n";

/// Sets a status, having seen what there is, or nothing.
fn set_status(place: &mut Place, item: &Entity, status: Status, has_seen: bool) -> SealedOp {
    let cell = CellKey::new(item.clone(), field::STATUS);
    let seen = if has_seen { place.ana.base_of(&place.tenant, &cell) } else { vec![] };
    let base = BTreeMap::from([(cell, seen)]).into_iter().filter(|(_, ops)| !ops.is_empty()).collect();
    place.ana.op(&place.tenant, Change::ItemStatusSet { item: item.clone(), status, reason: None }, base)
}

fn push(place: &mut Place, op: SealedOp) {
    let outcomes = place.ana.push(&mut place.world, &place.tenant, vec![op]);
    assert!(matches!(outcomes[..], [Outcome::Accepted { .. }]), "{outcomes:?}");
}

/// Whether somebody says otherwise beside the claim, or does so before whichever step of the service.
fn a_claim_that_somebody_disputes_or_takes_back_is_not_confirmed(open: Open) {
    let mut place = with_checks(&open);
    let item = Entity::Item("first-school-go-live/0".parse().unwrap(), "import-students".to_owned());
    let (bytes, request) = file_of("students.csv", STUDENT);
    place.upload(&request, &bytes);
    place.ask_for(&request);
    place.settle();
    for (status, has_seen) in [(Status::WaitingToVerify, true), (Status::InProgress, false)] {
        let op = set_status(&mut place, &item, status, has_seen);
        push(&mut place, op);
    }
    let (tenant, rosters) = (place.tenant.clone(), place.rosters.clone());
    let confirmed =
        place.world.ask(|service, ask| confirm::by_roster(service, &rosters, &tenant, ask)).unwrap();
    assert_eq!(confirmed, [], "it is disputed");
    let random = |seed| StdRng::seed_from_u64(seed);
    for n in 0.. {
        place.ana.sync(&mut place.world, vec![]);
        let op = set_status(&mut place, &item, Status::WaitingToVerify, true);
        push(&mut place, op);
        place.ana.sync(&mut place.world, vec![]);
        let op = set_status(&mut place, &item, Status::InProgress, true);
        let request = place.ana.request(vec![place.ana.run(&place.tenant, vec![op])]);
        let (device, ran) = (place.ana.device.clone(), Arc::new(AtomicUsize::new(0)));
        let other = Service::open(open(), Ask::new(time(100), &mut random(1))).unwrap();
        let told = Arc::clone(&ran);
        let take_back = move || {
            told.store(1, Ordering::SeqCst);
            let caller = other.caller(&device).unwrap();
            sync(&other, &caller, &request, &mut Ask::new(time(100), &mut random(2))).unwrap();
        };
        let before = Arc::new(Before {
            storage: open(),
            left: AtomicUsize::new(usize::MAX),
            then: Box::new(take_back),
        });
        let service = Service::open(before.clone(), Ask::new(time(100), &mut random(3))).unwrap();
        before.left.store(n, Ordering::SeqCst);
        let mut ask_random = random(4);
        let mut ask = Ask::new(time(100), &mut ask_random);
        let confirmed = confirm::by_roster(&service, &place.rosters, &place.tenant, &mut ask).unwrap();
        if ran.load(Ordering::SeqCst) == 0 {
            assert!(n > 1 && confirmed == [item], "{n} steps: {confirmed:?}");
            return;
        }
        assert_eq!(confirmed, [], "taken back before step {n}");
    }
}

fn what_waits_to_be_verified_is_confirmed_by_the_rosters_people(open: Open) {
    let mut place = with_checks(&open);
    let project: ProjectId = "first-school-go-live/0".parse().unwrap();
    let item = Entity::Item(project.clone(), "import-students".to_owned());
    let step = Entity::Step(project.clone(), "import-rosters".to_owned());
    let other = Entity::Item(project, "configure-sso".to_owned());
    let claim = |place: &mut Place, item: &Entity| {
        let op = set_status(place, item, Status::WaitingToVerify, true);
        push(place, op);
    };
    for item in [&item, &step, &other] {
        claim(&mut place, item);
    }
    let confirmed = |place: &mut Place| {
        place.settle();
        let (tenant, rosters) = (place.tenant.clone(), place.rosters.clone());
        place.world.ask(|service, ask| confirm::by_roster(service, &rosters, &tenant, ask)).unwrap()
    };
    assert_eq!(confirmed(&mut place), [], "nothing is imported yet");
    place.import(&[("a@x.org", "Ann")]);
    assert_eq!(confirmed(&mut place), [], "the roster has no student");
    let (bytes, request) = file_of("students.csv", STUDENT);
    place.upload(&request, &bytes);
    let students = place.ask_for(&request);
    assert_eq!(confirmed(&mut place), [item.clone(), step.clone()]);
    assert_eq!(confirmed(&mut place), []);
    place.seen(&students);
    let status = |place: &Place, of: &Entity| {
        let shown = checklist::shown(&place.ana.held(&place.tenant).cells, of, field::STATUS).unwrap();
        (shown.kept.value["status"].as_str().unwrap().to_owned(), shown.kept.by.to_string())
    };
    let (word, by) = status(&place, &item);
    assert_eq!(word, "complete");
    assert_ne!(by, status(&place, &other).1, "the service says so, and not who claimed it");
    assert_eq!(status(&place, &other).0, "waiting_to_verify", "a roster says nothing of single sign-on");
    // Taken back, it is for people to say what that means for the checklist.
    assert!(matches!(place.roll_back(&students), Outcome::Accepted { .. }));
    assert_eq!(confirmed(&mut place), []);
    place.seen(&students);
    assert_eq!(status(&place, &item).0, "complete");
    claim(&mut place, &item);
    assert_eq!(confirmed(&mut place), [], "there is no student any more");
}

fn references_are_judged_by_what_is_there_now(open: Open) {
    let mut place = Place::open(&open);
    let orgs: Of<'_> = ("orgs", &[("o1", Some("One")), ("o2", Some("Two"))]);
    let (first, asked) = delta(&[orgs, ("users", &[("u1", Some("o1,o2"))])]);
    place.upload(&asked, &first);
    let stands = place.ask_for(&asked);
    assert_eq!(place.settle(), [Done::Committed(stands, 1)]);
    // Planned at the same time by two people: one takes a school away, the other brings it a person.
    let (away, mut asked) = delta(&[("orgs", &[("o2", None)]), ("users", &[("u1", Some("o1"))])]);
    place.upload(&asked, &away);
    let away = place.ask_for(&asked);
    let (brings, asked_too) = delta(&[("users", &[("u2", Some("o2"))])]);
    place.upload(&asked_too, &brings);
    let brings = place.ask_for(&asked_too);
    assert_eq!(
        place.settle(),
        [Done::Committed(away, 2), Done::Refused(brings.clone(), "import_references".into())]
    );
    let Some(ImportOutcome::Refused(refused)) = place.seen(&brings).outcome else { panic!() };
    assert!(refused.message.contains("1 of orgSourcedIds in users"), "{}", refused.message);
    // What stays may not name what goes either, but where its author agreed to as much.
    let (gone, gone_asked) = delta(&[("orgs", &[("o1", None)])]);
    asked = gone_asked;
    place.upload(&asked, &gone);
    let unasked = place.ask_for(&asked);
    assert_eq!(place.settle(), [Done::Refused(unasked, "import_references".into())]);
    asked.broken = 1;
    let meant = place.ask_for(&asked);
    assert_eq!(place.settle(), [Done::Committed(meant.clone(), 3)]);
    assert_eq!(place.seen(&meant).committed().unwrap().counts["orgs"].remove, 1);
    // The same file again is no way around it.
    asked.broken = 0;
    let again = place.ask_for(&asked);
    assert_eq!(place.settle(), [Done::Refused(again, "import_references".into())]);
}

fn an_import_that_is_taken_back_before_it_is_carried_out_never_is(open: Open) {
    let mut place = Place::open(&open);
    let (bytes, request) = file(&[("a@x.org", "Ann")]);
    // Its file never comes: its author's laptop is lost.
    let lost = place.ask_for(&request);
    assert_eq!(place.settle(), []);
    assert!(matches!(place.roll_back(&lost), Outcome::Accepted { .. }));
    assert_eq!(place.settle(), [Done::Refused(lost.clone(), "withdrawn".into())]);
    assert!(place.seen(&lost).is_withdrawn());
    // Nor where the file is there.
    place.upload(&request, &bytes);
    let changed_mind = place.ask_for(&request);
    assert!(matches!(place.roll_back(&changed_mind), Outcome::Accepted { .. }));
    assert_eq!(place.settle(), [Done::Refused(changed_mind.clone(), "withdrawn".into())]);
    for import in [&lost, &changed_mind] {
        assert!(
            matches!(place.roll_back(import), Outcome::Refused { refusal } if refusal.code == "import_not_committed")
        );
    }
    // Asked for while it was being carried out, it is a rollback.
    let third = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Committed(third.clone(), 1)]);
    assert!(matches!(place.roll_back(&third), Outcome::Accepted { .. }));
    assert_eq!(place.settle(), [Done::RolledBack(third, 2)]);
}

/// A storage on which something happens right before one of its transactions.
struct Before {
    storage: Arc<dyn Storage>,
    left: AtomicUsize,
    then: Box<dyn Fn() + Send + Sync>,
}

impl Storage for Before {
    fn transact(&self, tenant: &TenantId, mode: Mode, step: Step<'_>) -> cairn_service::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            (self.then)();
        }
        self.storage.transact(tenant, mode, step)
    }

    fn standings(&self, tenants: &[TenantId]) -> cairn_service::Result<Vec<Standing>> {
        self.storage.standings(tenants)
    }

    fn ready(&self) -> cairn_service::Result<()> {
        self.storage.ready()
    }

    fn backup(&self, to: &Path) -> cairn_service::Result<()> {
        self.storage.backup(to)
    }
}

/// Whenever it is taken back before its answer, before whichever step of the service, it never happens.
fn an_import_that_is_taken_back_while_it_is_staged_is_not_committed(open: Open) {
    let mut place = Place::open(&open);
    let random = |seed| StdRng::seed_from_u64(seed);
    for n in 0.. {
        let import = place.import(&[(&format!("p{n}@x.org"), "Pat")]);
        let change = Change::ImportRollbackRequested { import: import.clone() };
        let op = place.ana.op(&place.tenant, change, BTreeMap::new());
        let request = place.ana.request(vec![place.ana.run(&place.tenant, vec![op])]);
        let (device, tenant, id) = (place.ana.device.clone(), place.tenant.clone(), import.clone());
        let other = Service::open(open(), Ask::new(time(100), &mut random(1))).unwrap();
        let was_open = Arc::new(Mutex::new(None));
        let told = Arc::clone(&was_open);
        let take_back = move || {
            let cells =
                with(&other.storage, &tenant, Mode::Read, |tx| tx.cells_under(import::CELLS)).unwrap();
            *told.lock().unwrap() = Some(Import::read(&cells, &id).unwrap().is_open());
            let caller = other.caller(&device).unwrap();
            sync(&other, &caller, &request, &mut Ask::new(time(100), &mut random(2))).unwrap();
        };
        let before = Arc::new(Before {
            storage: open(),
            left: AtomicUsize::new(usize::MAX),
            then: Box::new(take_back),
        });
        let service = Service::open(before.clone(), Ask::new(time(100), &mut random(3))).unwrap();
        before.left.store(n, Ordering::SeqCst);
        let mut ask_random = random(4);
        let mut ask = Ask::new(time(100), &mut ask_random);
        let done = rosters::settle(&service, &place.rosters, &place.tenant, &mut ask).unwrap();
        let was_open = *was_open.lock().unwrap();
        let seen = place.seen(&import);
        match was_open {
            Some(true) => assert!(seen.is_withdrawn(), "before step {n}: {done:?}"),
            Some(false) => assert!(seen.rolled_back.is_some(), "before step {n}: {done:?}"),
            None => {
                assert!(n > 4 && seen.committed().is_some(), "{n} steps: {done:?}");
                return;
            }
        }
    }
}

/// While an import is staged, whoever asks for its file hears how many records are ready.
fn how_far_the_service_is_with_an_import_can_be_asked(open: Open) {
    let mut place = Place::open(&open);
    let mut told = Vec::new();
    for n in 0.. {
        let (bytes, request) = file(&[(&format!("p{n}@x.org"), "Pat"), ("q@x.org", "Quin")]);
        place.upload(&request, &bytes);
        place.ask_for(&request);
        let (staging, seen) = (Arc::new(OnceLock::<Staging>::new()), Arc::new(Mutex::new(None)));
        let (tenant, inside, hears) = (place.tenant.clone(), Arc::clone(&staging), Arc::clone(&seen));
        let sha256 = request.blob.clone();
        let look = move || *hears.lock().unwrap() = Some(inside.get().unwrap().of(&tenant, &sha256));
        let before =
            Arc::new(Before { storage: open(), left: AtomicUsize::new(usize::MAX), then: Box::new(look) });
        let mut random = StdRng::seed_from_u64(3);
        let service = Service::open(before.clone(), Ask::new(time(100), &mut random)).unwrap();
        staging.set(service.staging.clone()).unwrap();
        before.left.store(n, Ordering::SeqCst);
        let mut ask = Ask::new(time(100), &mut random);
        rosters::settle(&service, &place.rosters, &place.tenant, &mut ask).unwrap();
        assert_eq!(service.staging.of(&place.tenant, &request.blob), None, "it is over");
        match *seen.lock().unwrap() {
            Some(heard) => told.push(heard),
            None => break,
        }
    }
    assert!(told.contains(&None) && told.contains(&Some(0)), "{told:?}");
}

fn an_import_is_taken_back_within_its_days_and_not_after(open: Open) {
    let mut place = Place::open(&open);
    let first = place.import(&[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    place.settle();
    let second = place.import(&[("b@x.org", "Rob"), ("c@x.org", "Cid")]);
    place.settle();
    let until = place.seen(&first).committed().unwrap().rollback_until;
    assert!(matches!(place.roll_back(&first), Outcome::Accepted { .. }));
    assert!(place.seen(&first).is_rollback_open());
    assert_eq!(place.settle(), [Done::RolledBack(first.clone(), 3)]);
    let back = place.seen(&first).rolled_back.unwrap();
    assert_eq!((back.reversed(), back.kept_count, back.failed_count), (1, 1, 0));
    assert_eq!((back.kept[0].id.as_str(), back.kept[0].r#type.as_str()), ("b@x.org", "accounts"));
    assert!(
        matches!(place.roll_back(&first), Outcome::Refused { refusal } if refusal.code == "already_rolled_back")
    );
    // The last second counts, and the one after does not: by the service's clock, not the author's.
    place.world.second += (until - time(0)).num_seconds() + 100;
    let Outcome::Refused { refusal } = place.roll_back(&second) else { panic!() };
    assert_eq!(refusal.code, "rollback_too_late");
    assert!(refusal.message.contains("7 days"), "{}", refusal.message);
    assert_eq!(place.settle(), []);
}

#[test]
fn what_a_restore_lost_is_carried_out_again_after_what_came_meanwhile() {
    let root = tempfile::tempdir().unwrap();
    let (data, backup, again) = (root.path().join("a"), root.path().join("backup"), root.path().join("b"));
    let open: Open = Arc::new(move || Arc::new(Sqlite::open(&data).unwrap()));
    let mut place = Place::open(&open);
    let mut other = place.world.sign_in("ana");
    other.sync(&mut place.world, vec![]);
    backup::backup(&place.world.service, &backup, time(500)).unwrap();
    let common = place.ana.held(&place.tenant).seen.seq;
    let (bytes, request) = file(&[("a@x.org", "Ann")]);
    place.upload(&request, &bytes);
    let lost = place.ask_for(&request);
    assert_eq!(place.settle(), [Done::Committed(lost.clone(), 1)]);
    assert!(place.seen(&lost).committed().is_some());

    backup::restore(&backup, &again, &mut Ask::new(time(600), &mut StdRng::seed_from_u64(3))).unwrap();
    place.world = World::new(Arc::new(Sqlite::open(&again).unwrap()));
    // A laptop that knows nothing of it is quicker.
    std::mem::swap(&mut place.ana, &mut other);
    let meanwhile = place.import(&[("b@x.org", "Bob")]);
    assert_eq!(place.settle(), [Done::Committed(meanwhile.clone(), 1)]);
    std::mem::swap(&mut place.ana, &mut other);
    let offers = offers(&place.ana, &place.tenant, common);
    let offered = SyncRequest { offers, ..place.ana.request(vec![]) };
    let receipts = place.ana.ask(&mut place.world, &offered).unwrap().receipts;
    let outcomes: Vec<Outcome> = receipts.into_iter().map(|receipt| receipt.outcome).collect();
    assert!(
        matches!(&outcomes[..], [Outcome::Accepted { .. }, Outcome::Refused { refusal }]
            if refusal.code == "carried_out_again"),
        "{outcomes:?}"
    );
    assert_eq!(place.settle(), [], "its file is not there");
    place.upload(&request, &bytes);
    assert_eq!(place.settle(), [Done::Committed(lost.clone(), 2)]);
    place.ana.journals.clear();
    place.ana.sync(&mut place.world, vec![]);
    let all = import::revisions(&import::imports(&place.ana.held(&place.tenant).cells));
    let all: Vec<(u64, OpId)> = all.into_iter().map(|one| (one.number, one.import)).collect();
    assert_eq!(all, [(1, meanwhile), (2, lost)]);
}

/// Whatever an import created and others name by now stays, and so does who would be again at what is gone.
fn a_rollback_leaves_nobody_who_names_what_is_gone(open: Open) {
    let mut place = Place::open(&open);
    let import = |place: &mut Place, entries: &[Of<'_>]| {
        let (bytes, mut request) = delta(entries);
        request.broken = 9;
        place.upload(&request, &bytes);
        let id = place.ask_for(&request);
        assert!(matches!(place.settle()[..], [Done::Committed(..)]));
        id
    };
    let put: fn(&'static str) -> Option<&'static str> = Some;
    import(
        &mut place,
        &[("orgs", &[("o0", put("Zero"))]), ("users", &[("u1", put("o0")), ("u2", put("o0"))])],
    );
    let first = import(
        &mut place,
        &[
            ("orgs", &[("o1", put("One")), ("o2", put("Two")), ("o3", put("Three"))]),
            ("users", &[("u1", put("o1")), ("u2", put("o3")), ("u3", put("o3"))]),
        ],
    );
    // Somebody comes to o2 and goes again; somebody comes to o1 and stays; o0 is closed.
    import(&mut place, &[("users", &[("u4", put("o2")), ("u5", put("o1"))])]);
    import(&mut place, &[("orgs", &[("o0", None)]), ("users", &[("u4", None)])]);
    assert!(matches!(place.roll_back(&first), Outcome::Accepted { .. }));
    assert_eq!(place.settle(), [Done::RolledBack(first.clone(), 5)]);
    let back = place.seen(&first).rolled_back.unwrap();
    let kept: Vec<(&str, &str)> = back.kept.iter().map(|one| (one.id.as_str(), one.why.as_str())).collect();
    let would_be = "Before the import it named a record of orgs that was removed since.";
    let named = "Records of users that stay name it.";
    assert_eq!(kept, [("o1", named), ("o3", named), ("u1", would_be), ("u2", would_be)]);
    assert_eq!((back.kept_count, back.reversed()), (4, 2), "o2 and u3 are gone again");
}

fn the_same_file_again_changes_nothing_on_any_replica(open: Open) {
    let mut place = Place::open(&open);
    let people = [("a@x.org", "Ann"), ("b@x.org", "Bob")];
    let first = place.import(&people);
    place.settle();
    let again = place.import(&people);
    assert_eq!(place.settle(), [Done::Committed(again.clone(), 2)]);
    let committed = |place: &mut Place, id: &OpId| place.seen(id).committed().unwrap().clone();
    let (one, two) = (committed(&mut place, &first), committed(&mut place, &again));
    assert_eq!(one.digest, two.digest);
    let counts = two.counts["accounts"];
    assert_eq!((counts.create, counts.update, counts.unchanged, counts.remove), (0, 0, 2, 0));
    // Asked for with other numbers than the file holds, it is not taken for the same.
    let (bytes, mut request) = file(&people);
    request.records.get_mut("accounts").unwrap().put = 3;
    place.upload(&request, &bytes);
    let wrong = place.ask_for(&request);
    assert!(matches!(&place.settle()[..], [Done::Refused(id, _)] if *id == wrong));
    // Another replica goes the same way, and what the first import brought can be taken back there.
    place.rosters = Rosters::new(place.folder.path().join("b"));
    assert!(matches!(place.roll_back(&first), Outcome::Accepted { .. }));
    assert_eq!(place.settle(), [Done::RolledBack(first.clone(), 3)]);
    let after = place.import(&people);
    assert_eq!(place.settle(), [Done::Committed(after.clone(), 4)]);
    assert_eq!(committed(&mut place, &after).counts["accounts"].create, 2);
}

fn another_replica_makes_its_copy_from_the_files(open: Open) {
    let mut place = Place::open(&open);
    let first = place.import(&[("a@x.org", "Ann"), ("b@x.org", "Bob")]);
    place.settle();
    place.roll_back(&first);
    place.import(&[("b@x.org", "Rob"), ("c@x.org", "Cid")]);
    place.settle();
    place.rosters = Rosters::new(place.folder.path().join("b"));
    let last = place.import(&[("c@x.org", "Sid")]);
    assert_eq!(place.settle(), [Done::Committed(last.clone(), 4)]);
    // The first copy follows what the other replica did.
    place.rosters = Rosters::new(place.folder.path().join("a"));
    let next = place.import(&[("c@x.org", "Sid"), ("d@x.org", "Dee")]);
    assert_eq!(place.settle(), [Done::Committed(next.clone(), 5)]);
    let import = place.seen(&next);
    let counts = import.committed().unwrap().counts["accounts"];
    assert_eq!((counts.create, counts.update, counts.unchanged), (1, 0, 2));
}

fn replicas_that_work_at_once_commit_each_import_once(open: Open) {
    const IMPORTS: usize = 8;
    let mut place = Place::open(&open);
    let ids: Vec<OpId> = (0..IMPORTS).map(|n| place.import(&[(&format!("p{n}@x.org"), "Pat")])).collect();
    let replicas: Vec<Service> = (0..2)
        .map(|n| Service::open(open(), Ask::new(time(100), &mut StdRng::seed_from_u64(n))).unwrap())
        .collect();
    let done: Vec<Done> = std::thread::scope(|scope| {
        let workers: Vec<_> = replicas
            .iter()
            .zip(1..)
            .map(|(service, n)| {
                let (tenant, folder) =
                    (place.tenant.clone(), place.folder.path().join(format!("replica-{n}")));
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(n);
                    rosters::settle(
                        service,
                        &Rosters::new(folder),
                        &tenant,
                        &mut Ask::new(time(100), &mut random),
                    )
                    .unwrap()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(done.len(), IMPORTS, "{done:?}");
    let mut revisions: Vec<u64> = ids.iter().map(|id| place.seen(id).committed().unwrap().revision).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=IMPORTS as u64).collect::<Vec<_>>());
    let last = place.import(&[("p0@x.org", "Pat")]);
    assert_eq!(place.settle(), [Done::Committed(last, IMPORTS as u64 + 1)]);
}

fn a_copy_that_is_damaged_is_made_again(open: Open) {
    let mut place = Place::open(&open);
    place.import(&[("a@x.org", "Ann")]);
    place.settle();
    let file = place.folder.path().join("a").join(format!("{}.db", place.tenant));
    for noise in [&b"noise"[..], &[0; 9_000]] {
        std::fs::write(&file, noise).unwrap();
        let next = place.import(&[("a@x.org", "Ann")]);
        let done = place.settle();
        assert!(matches!(&done[..], [Done::Committed(id, _)] if *id == next), "{done:?}");
        assert_eq!(place.seen(&next).committed().unwrap().counts["accounts"].unchanged, 1);
    }
    // A mark that a killed service left does no harm.
    std::fs::write(file.with_extension("staging"), "t:d:1").unwrap();
    let next = place.import(&[("b@x.org", "Bob")]);
    assert_eq!(place.settle(), [Done::Committed(next, 4)]);
    assert!(!file.with_extension("staging").exists());
}

fn the_records_of_an_import_are_the_teams_and_stay_in_their_tenant(open: Open) {
    let mut place = Place::open(&open);
    let other = place.world.tenant("other");
    for (name, role) in [("dan", Role::DistrictAdmin), ("cem", Role::Csm)] {
        place.world.user(name, role, &["own"]);
    }
    place.world.user("sam", Role::ImplSpec, &["other"]);
    let people = ["dan", "cem", "sam"].map(|name| place.world.sign_in(name));
    let (bytes, request) = file(&[("a@x.org", "Ann")]);
    place.upload(&request, &bytes);
    let id = place.ask_for(&request);
    place.settle();
    let service = &place.world.service;
    let get = |laptop: &Laptop, tenant: &TenantId| {
        let caller = service.caller(&laptop.device).unwrap();
        let name = blobs::Name { tenant, sha256: &request.blob };
        let seen = blobs::state(service, &caller, name).is_ok();
        let got =
            blobs::get(service, &caller, name, 0, usize::MAX).map(|(_, got)| got == bytes).unwrap_or(false);
        assert_eq!(seen, got);
        got
    };
    let [dan, cem, sam] = &people;
    assert!(get(cem, &place.tenant) && get(&place.ana, &place.tenant));
    assert!(!get(dan, &place.tenant), "records are for the team");
    assert!(!get(sam, &place.tenant) && !get(sam, &other) && !get(&place.ana, &other));
    // Nor does the journal tell the client of it.
    let mut dan = place.world.sign_in("dan");
    dan.sync(&mut place.world, vec![]);
    assert!(Import::read(&dan.held(&place.tenant).cells, &id).is_none());
    assert!(import::imports(&dan.held(&place.tenant).cells).is_empty());
}

/// A set of one of a few seeds, so that sets are alike, with some dirt.
fn generated(random: &mut StdRng) -> tempfile::TempDir {
    let dirt = [Dirt::OrphanUser, Dirt::RoleCase, Dirt::UserBadRole, Dirt::CopiedRow, Dirt::LostZeros];
    let dirt = dirt.into_iter().filter(|_| random.random_bool(0.4)).map(|dirt| (dirt, 2)).collect();
    let (seed, users) = (random.random_range(1..3), random.random_range(15..25));
    let set = Set { seed, schools: 2, courses: 2, classes: 3, users, enrollments: 60, dirt };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &set).unwrap();
    folder
}

/// The laptop's side of an import: planned against its own roster, with what is absent to be removed.
fn planned(mirror: &Roster, folder: &Path) -> (Plan, Vec<u8>, ImportRequest) {
    let mut absent = Vec::new();
    let current = |meet: &mut dyn FnMut(Record<'_>)| {
        mirror
            .each(|one| {
                meet(Record { kind: one.kind, id: one.id, values: one.values });
                Ok::<(), StoreError>(())
            })
            .map_err(|_| ImportError::Cancelled)
    };
    let options = Options::default();
    let (plan, report) =
        plan_with(folder, &options, current, |kind, id| absent.push((kind.to_owned(), id.to_owned())))
            .unwrap();
    let place = tempfile::tempdir().unwrap();
    let scratch = Scratch { folder: place.path().to_owned(), key: [7; 32], budget: SCRATCH_BUDGET };
    let mut bytes = Vec::new();
    let (blob, _) = write_blob_with(folder, &options, &scratch, &absent, &mut bytes).unwrap();
    (plan, bytes, request_for(blob, report))
}

/// Makes a step in the laptop's roster, as a sync does.
fn follow(mirror: &mut Roster, number: u64, bytes: &[u8], sha256: &str) -> Hash {
    let revision = Revision { number, import: &number.to_string() };
    let applied = mirror.apply(revision, |writer| {
        read_blob(bytes, sha256, &Limits::default(), |entry| {
            match entry {
                Entry::Put(record) => writer.put(record.kind, record.id, record.values)?,
                Entry::Remove { kind, id } => writer.remove(kind, id)?,
            }
            Ok::<(), Failed>(())
        })
        .map(drop)
    });
    applied.unwrap().digest
}

/// Either side's error, for a test that expects none.
#[derive(Debug)]
struct Failed(#[allow(dead_code, reason = "shown where the test fails")] String);

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<ImportError> for Failed {
    fn from(error: ImportError) -> Self {
        Self(error.to_string())
    }
}

/// Whatever was imported and taken back before, with whatever dirt: a plan is what the service then does,
/// and its roster and the laptop's stay the same.
#[test]
fn a_plan_and_then_a_run_is_the_plan_and_both_rosters_agree() {
    let mut counted = [0; 4];
    for seed in 0..12 {
        let mut random = StdRng::seed_from_u64(seed);
        let data = tempfile::tempdir().unwrap();
        let path = data.path().to_owned();
        let open: Open =
            Arc::new(move || Arc::new(cairn_service::storage::sqlite::Sqlite::open(&path).unwrap()));
        let mut place = Place::open(&open);
        let file = place.folder.path().join("mirror.db");
        let mut mirror = Roster::cached(&file, &place.tenant, &DataKey::new([9; 32])).unwrap();
        let mut standing: Vec<OpId> = Vec::new();
        for number in 1..8 {
            if !standing.is_empty() && random.random_bool(0.3) {
                let id = standing.swap_remove(random.random_range(0..standing.len()));
                assert!(matches!(place.roll_back(&id), Outcome::Accepted { .. }));
                assert_eq!(place.settle(), [Done::RolledBack(id.clone(), number)]);
                let back = place.seen(&id).rolled_back.unwrap();
                let revision = Revision { number, import: &number.to_string() };
                let mut left = 0;
                let naming = cairn_imports::naming(Some("oneroster-1.1"));
                let taken = Back { revision: back.takes_back, naming: &naming };
                let applied = mirror.roll_back(revision, taken, |_| left += 1).unwrap();
                assert_eq!(
                    (applied.digest, left),
                    (back.digest, back.kept_count),
                    "seed {seed}, revision {number}"
                );
                counted[0] += back.reversed();
                counted[1] += back.kept_count;
                continue;
            }
            let folder = generated(&mut random);
            let (plan, bytes, mut request) = planned(&mirror, folder.path());
            request.holds_confirmed = true;
            let broken: u64 = plan.broken.iter().map(|of| of.with_absent).sum();
            // The service counts as the plan does: one less is not enough.
            if let Some(less) = broken.checked_sub(1) {
                place.upload(&request, &bytes);
                request.broken = less;
                let id = place.ask_for(&request);
                let refused = [Done::Refused(id, "import_references".into())];
                assert_eq!(place.settle(), refused, "seed {seed}: {:?}", plan.broken);
                counted[3] += 1;
            }
            request.broken = broken;
            place.upload(&request, &bytes);
            let id = place.ask_for(&request);
            assert_eq!(place.settle(), [Done::Committed(id.clone(), number)], "seed {seed}");
            let import = place.seen(&id);
            let committed = import.committed().unwrap();
            for (kind, planned) in &plan.types {
                let did = committed.counts.get(kind).copied().unwrap_or_default();
                let wanted =
                    (planned.create, planned.update, planned.unchanged + planned.kept, planned.remove);
                let did = (did.create, did.update, did.unchanged, did.remove);
                assert_eq!(did, wanted, "seed {seed}, revision {number}, {kind}");
                counted[2] += planned.update + planned.remove;
            }
            assert_eq!(follow(&mut mirror, number, &bytes, &request.blob), committed.digest);
            standing.push(id);
        }
        mirror.verify().unwrap();
    }
    assert!(counted.iter().all(|count| *count > 0), "nothing was put to the test: {counted:?}");
}
