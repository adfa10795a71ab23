//! The engine's decisions one by one: the real service answers, and a script twists its answers.
#![allow(clippy::unwrap_used, clippy::panic)]

use cairn_domain::change::{Change, ItemField};
use cairn_domain::decide::Refusal;
use cairn_domain::journal::{Outcome, Receipt};
use cairn_domain::{Entity, Hash, OpId, ProjectId, TenantId};
use cairn_protocol::sync::{Known, SyncReply, SyncRequest};
use cairn_store::{Draft, OutboxState, StoreError};
use cairn_sync::{Engine, Report, Step};

use crate::base::{Base, MANAGER};
use crate::imports::roster_file;
use crate::plan::{Plan, Values};
use crate::wire::{Answered, Asked};
use crate::world::{Seed, World};

const ANA: usize = 0;
const BEN: usize = 1;
/// More rounds than any of these needs.
const ROUNDS: usize = 60;

/// A world in which everybody has everything.
fn world(base: &Base) -> World<'_> {
    let mut world = World::new(base, 1.into()).unwrap();
    for at in 0..world.devices.len() {
        world.sync_whole(at).unwrap();
    }
    world
}

/// A whole synchronisation. The script may change each answer; it is told how many came before.
fn sync(
    world: &mut World<'_>,
    at: usize,
    mut script: impl FnMut(usize, &mut SyncReply),
) -> (Report, Vec<Asked>) {
    let id = world.devices[at].store.identity().unwrap().device.clone();
    let now = world.device_now(at);
    let (mut engine, mut asked) = (Engine::new(), Vec::new());
    for round in 0..ROUNDS {
        let ask = match engine.next(&world.devices[at].store).unwrap() {
            Step::Sync(request) => Asked::Sync(request),
            Step::Heads { tenant, at } => Asked::Heads(tenant, at),
            Step::Done(report) => return (report, asked),
        };
        let answer = world.ask_service(&id, &ask).unwrap();
        asked.push(ask);
        let store = &mut world.devices[at].store;
        match answer {
            Answered::Sync(mut reply) => {
                script(round, &mut reply);
                engine.replied(store, *reply, now).unwrap();
            }
            Answered::Heads(tenant, reply) => engine.headed(store, &tenant, &reply, now).unwrap(),
            Answered::Error(error) => panic!("{error:?}"),
            Answered::Put(_) | Answered::Got { .. } => panic!("nobody asked for a file"),
        }
    }
    panic!("it does not end");
}

/// A world as [`world`], in which there are imports.
fn world_of_imports(base: &Base) -> World<'_> {
    let seed = Seed { imports: true, ..1.into() };
    let mut world = World::new(base, seed).unwrap();
    for at in 0..world.devices.len() {
        world.sync_whole(at).unwrap();
    }
    world
}

/// A plan that puts these students, by number and name.
fn plan(students: &[(u32, &str)]) -> Plan {
    let entries = students.iter().map(|(id, name)| {
        let values = Values::from([("Last_name".to_owned(), (*name).to_owned())]);
        (("students".to_owned(), format!("students-{id}")), Some(values))
    });
    Plan::of(entries.collect(), None, true).unwrap()
}

/// Who asks sends it all, the service does what it can, and everybody hears of it.
fn all_sync(world: &mut World<'_>) {
    for _ in 0..2 {
        for at in 0..world.devices.len() {
            world.sync_whole(at).unwrap();
        }
        for tenant in world.base.tenants.clone() {
            world.settle_imports(&tenant).unwrap();
        }
    }
    for at in 0..world.devices.len() {
        world.sync_whole(at).unwrap();
    }
}

/// The names of the students on a laptop.
fn students(world: &World<'_>, at: usize, tenant: &TenantId) -> Vec<String> {
    let mut names = Vec::new();
    let Some(roster) = world.devices[at].store.roster(tenant).unwrap() else { return names };
    roster
        .each(|record| {
            names.extend(record.values.iter().map(|(_, value)| (*value).to_owned()));
            Ok::<(), StoreError>(())
        })
        .unwrap();
    names
}

#[test]
fn an_import_reaches_the_team_and_what_others_changed_since_stays_when_it_is_taken_back() {
    let base = Base::make().unwrap();
    let mut world = world_of_imports(&base);
    let north = base.tenants[0].clone();
    world.request_import(ANA, &north, plan(&[(1, "Ann"), (2, "Bob")])).unwrap();
    all_sync(&mut world);
    assert_eq!(students(&world, BEN, &north), ["Ann", "Bob"]);
    let first = world.imports_at_service(&north).unwrap()[0].id.clone();
    world.request_import(BEN, &north, plan(&[(2, "Bo")])).unwrap();
    all_sync(&mut world);
    world.save(ANA, &north, Draft::new(Change::ImportRollbackRequested { import: first })).unwrap();
    all_sync(&mut world);
    for at in [ANA, BEN, MANAGER] {
        assert_eq!(students(&world, at, &north), ["Bo"]);
    }
    world.heal().unwrap();
    world.check().unwrap();
}

#[test]
fn a_roster_goes_with_its_tenant_and_comes_back_with_it() {
    let base = Base::make().unwrap();
    let mut world = world_of_imports(&base);
    let north = base.tenants[0].clone();
    world.request_import(ANA, &north, plan(&[(1, "Ann")])).unwrap();
    all_sync(&mut world);
    world.assign(BEN, "north", false).unwrap();
    world.sync_whole(BEN).unwrap();
    assert!(!roster_file(&world.devices[BEN].store, &north).exists());
    world.assign(BEN, "north", true).unwrap();
    world.sync_whole(BEN).unwrap();
    assert_eq!(students(&world, BEN, &north), ["Ann"]);
}

#[test]
fn a_file_that_a_restore_lost_goes_out_again_where_no_history_differs() {
    let base = Base::make().unwrap();
    let mut world = world_of_imports(&base);
    let north = base.tenants[0].clone();
    world.request_import(ANA, &north, plan(&[(1, "Ann")])).unwrap();
    // The request alone; its file follows after the backup.
    plainly(&mut world, ANA);
    world.back_up_service().unwrap();
    world.sync_whole(ANA).unwrap();
    world.restore_service().unwrap();
    all_sync(&mut world);
    assert_eq!(students(&world, BEN, &north), ["Ann"]);
    world.heal().unwrap();
    world.check().unwrap();
}

fn plainly(world: &mut World<'_>, at: usize) -> Report {
    sync(world, at, |_, _| {}).0
}

fn requests(asked: &[Asked]) -> Vec<&SyncRequest> {
    let mut requests = Vec::new();
    for ask in asked {
        if let Asked::Sync(request) = ask {
            requests.push(&**request);
        }
    }
    requests
}

fn note(world: &mut World<'_>, at: usize, tenant: &TenantId, text: &str) -> OpId {
    let project = ProjectId { playbook: "first-school-go-live".to_owned(), n: 0 };
    let item = Entity::Item(project, "name-contacts".to_owned());
    let change = Change::ItemFieldSet { item, field: ItemField::Note, value: text.into() };
    let now = world.device_now(at);
    world.devices[at].store.write(tenant, Draft::new(change), now).unwrap().op
}

fn state(world: &World<'_>, at: usize, op: &OpId) -> Option<OutboxState> {
    let outbox = world.devices[at].store.outbox(None).unwrap();
    outbox.into_iter().find(|one| one.op == *op).map(|one| one.state)
}

fn holds(world: &World<'_>, at: usize, tenant: &TenantId) -> bool {
    world.devices[at].store.positions().unwrap().iter().any(|position| position.tenant == *tenant)
}

fn outcome(world: &World<'_>, op: &OpId) -> Option<Outcome> {
    world.outcome_of(op).unwrap().map(|(_, outcome)| outcome)
}

#[test]
fn the_list_is_sent_where_the_service_does_not_know_it_and_nothing_is_pushed_twice() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    note(&mut world, ANA, &north, "once");
    let (report, asked) = sync(&mut world, ANA, |round, reply| {
        if round == 0 {
            let receipts = std::mem::take(&mut reply.receipts);
            *reply = SyncReply { receipts, send_list: true, ..SyncReply::default() };
        }
    });
    let requests = requests(&asked);
    assert!(matches!(requests[0].known, Known::Hash(_)));
    assert_eq!(requests[0].push.len(), 1);
    assert!(matches!(requests[1].known, Known::List(_)));
    assert!(requests[1].push.is_empty(), "receipts of a reply without pages count");
    assert_eq!((report.pushed, report.pulled, report.requests), (1, 1, 2));
}

#[test]
fn little_or_nothing_new_is_one_round_trip() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    plainly(&mut world, ANA);
    let quiet = plainly(&mut world, ANA);
    assert_eq!((quiet.pushed, quiet.pulled, quiet.requests), (0, 0, 1));
    let north = base.tenants[0].clone();
    note(&mut world, ANA, &north, "hers");
    let sent = plainly(&mut world, ANA);
    assert_eq!((sent.pushed, sent.pulled, sent.requests), (1, 1, 1), "sent and confirmed in one");
    plainly(&mut world, BEN);
    note(&mut world, BEN, &north, "his");
    plainly(&mut world, BEN);
    let received = plainly(&mut world, ANA);
    assert_eq!((received.pushed, received.pulled, received.requests), (0, 1, 1));
}

#[test]
fn a_service_that_came_back_is_met_at_the_last_common_place_and_gets_everything_again() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    world.back_up_service().unwrap();
    let common = world.backup.as_ref().unwrap().seqs[&north];
    let ops: Vec<OpId> = (0..150).map(|n| note(&mut world, ANA, &north, &format!("note {n}"))).collect();
    plainly(&mut world, ANA);
    world.restore_service().unwrap();
    let (report, asked) = sync(&mut world, ANA, |_, _| {});
    assert!(report.went_back.contains(&north), "{report:?}");
    assert!(report.problems.is_empty() && report.rebuilt.is_empty(), "{report:?}");
    let heads = asked.iter().filter(|ask| matches!(ask, Asked::Heads(tenant, _) if *tenant == north));
    assert!(heads.count() <= 2, "150 places are searched in at most two questions");
    let log = world.devices[ANA].store.sync_log(20).unwrap();
    let line = log.iter().find(|l| l.code == "history_differs" && l.tenant.as_ref() == Some(&north)).unwrap();
    assert_eq!(line.details["to"]["seq"], common);
    for op in &ops {
        assert!(matches!(outcome(&world, op), Some(Outcome::Accepted { .. })), "{op}");
    }
}

#[test]
fn a_journal_that_cannot_be_taken_stops_no_other_and_is_taken_next_time() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let [north, south] = [0, 1].map(|place: usize| base.tenants[place].clone());
    note(&mut world, MANAGER, &north, "for the north");
    note(&mut world, MANAGER, &south, "for the south");
    plainly(&mut world, MANAGER);
    let broken = |reply: &mut SyncReply| {
        for page in reply.pages.iter_mut().filter(|page| page.tenant == north) {
            page.signature = "00".repeat(64);
        }
    };
    let (report, asked) = sync(&mut world, ANA, |_, reply| broken(reply));
    let codes: Vec<_> = report.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["bad_signature"]);
    assert_eq!((report.pulled, asked.len()), (1, 1), "the south came, and nobody insisted");
    assert_eq!(plainly(&mut world, ANA).pulled, 1, "the north comes with the next one");
}

#[test]
fn a_digest_that_differs_is_answered_by_one_rebuild() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    note(&mut world, BEN, &north, "new");
    plainly(&mut world, BEN);
    let lie = |reply: &mut SyncReply| {
        for page in reply.pages.iter_mut().filter(|page| page.tenant == north) {
            page.digest = Some(Hash::ZERO);
        }
    };
    let (report, asked) = sync(&mut world, ANA, |_, reply| lie(reply));
    assert_eq!(report.rebuilt, std::slice::from_ref(&north));
    let codes: Vec<_> = report.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["digest_mismatch"], "the second time it is left alone");
    let rebuilds =
        requests(&asked).iter().filter(|request| request.rebuild == std::slice::from_ref(&north)).count();
    assert_eq!(rebuilds, 1);
    // An honest answer mends it.
    let report = plainly(&mut world, ANA);
    assert!(report.problems.is_empty() && report.rebuilt.is_empty(), "{report:?}");
    assert!(world.devices[ANA].store.rebuilding().unwrap().is_empty());
}

#[test]
fn a_tenant_that_went_away_stays_until_its_refused_work_is_decided_about() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    let op = note(&mut world, BEN, &north, "refused");
    let hash = world.devices[BEN].hashes().unwrap()[0].1;
    let refusal = Refusal::new("no", "No.");
    let receipt = Receipt { op: op.clone(), hash, outcome: Outcome::Refused { refusal } };
    world.devices[BEN].store.apply_receipts(&[receipt]).unwrap();
    world.assign(BEN, "north", false).unwrap();
    assert!(plainly(&mut world, BEN).gone.is_empty());
    assert!(holds(&world, BEN, &north), "it waits for its author");
    world.devices[BEN].store.discard(&op).unwrap();
    assert_eq!(plainly(&mut world, BEN).gone, std::slice::from_ref(&north));
    assert!(!holds(&world, BEN, &north));
}

/// Ben's change was acknowledged, then the service came back from an older backup, and he is no
/// longer assigned.
fn forgotten(world: &mut World<'_>, north: &TenantId, pulled: bool) -> OpId {
    world.back_up_service().unwrap();
    let op = note(world, BEN, north, "acknowledged");
    sync(world, BEN, |_, reply| {
        if !pulled {
            reply.pages.clear();
        }
    });
    let shown = if pulled { None } else { Some(OutboxState::Receipted) };
    assert_eq!(state(world, BEN, &op), shown);
    world.restore_service().unwrap();
    assert_eq!(outcome(world, &op), None);
    world.assign(BEN, "north", false).unwrap();
    op
}

#[test]
fn acknowledged_work_that_a_restore_forgot_is_sent_again_before_its_tenant_goes() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    let op = forgotten(&mut world, &north, false);
    let report = plainly(&mut world, BEN);
    assert_eq!(outcome(&world, &op), Some(Outcome::Held));
    assert_eq!(report.gone, std::slice::from_ref(&north));
    assert!(!holds(&world, BEN, &north));
    let line = world.devices[BEN].store.sync_log(1).unwrap().remove(0);
    assert_eq!((line.code.as_str(), &line.details["held"]), ("gone", &1.into()), "its author is told");
}

#[test]
fn confirmed_work_that_a_restore_forgot_is_offered_before_its_tenant_goes() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    let op = forgotten(&mut world, &north, true);
    let report = plainly(&mut world, BEN);
    assert_eq!(outcome(&world, &op), Some(Outcome::Held), "its author may not write here any more");
    assert_eq!(report.gone, std::slice::from_ref(&north));
}

#[test]
fn an_answer_about_other_bytes_means_that_the_profile_was_copied() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let north = base.tenants[0].clone();
    let op = note(&mut world, ANA, &north, "mine");
    sync(&mut world, ANA, |_, reply| {
        for receipt in reply.receipts.iter_mut().filter(|receipt| receipt.op == op) {
            receipt.hash = Hash::ZERO;
        }
    });
    let store = &world.devices[ANA].store;
    assert!(store.must_re_enrol());
    assert!(store.next_push(10).unwrap().is_empty(), "nothing more goes out under these numbers");
}

#[test]
fn work_on_a_tenant_that_a_restore_made_unknown_waits_and_stops_nothing_else() {
    let base = Base::make().unwrap();
    let mut world = world(&base);
    let [north, south] = [0, 1].map(|place: usize| base.tenants[place].clone());
    world.back_up_service().unwrap();
    world.assign(BEN, "south", true).unwrap();
    plainly(&mut world, BEN);
    world.restore_service().unwrap();
    let ops = [note(&mut world, BEN, &north, "north"), note(&mut world, BEN, &south, "south")];
    let report = plainly(&mut world, BEN);
    let codes: Vec<_> = report.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["not_found"]);
    assert!(matches!(outcome(&world, &ops[0]), Some(Outcome::Accepted { .. })));
    assert_eq!(state(&world, BEN, &ops[1]), Some(OutboxState::Pending));
    // His laptop has offered the assignment itself meanwhile.
    assert!(plainly(&mut world, BEN).problems.is_empty());
    assert!(matches!(outcome(&world, &ops[1]), Some(Outcome::Accepted { .. })));
}
