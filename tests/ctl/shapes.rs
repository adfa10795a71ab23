//! The fields of SPEC's JSON, and the story of two laptops that work apart.

use serde_json::Value;

use super::Office;

#[track_caller]
fn has(value: &Value, fields: &str) {
    for field in fields.split(' ') {
        assert!(value.get(field).is_some(), "`{field}` is missing in {value}");
    }
}

#[test]
fn two_laptops_work_apart_and_come_together() {
    let mut office = Office::open();
    let (ana, ben) = (office.laptop.clone(), office.laptop_of("IMPL_SPEC", 1));
    let tenant = office.tenant().to_owned();
    let open = office.items("not_started");
    let [contested, slipped, ..] = open.as_slice() else { panic!("{open:?}") };
    office.service.stop().unwrap();

    ana.ok(&["item", &tenant, contested, "--status", "blocked", "--reason", "waiting for IT"]).unwrap();
    ana.ok(&["comment", &tenant, contested, "--text", "called them", "--client"]).unwrap();
    let slip = ana.ok(&["item", &tenant, slipped, "--status", "complete"]).unwrap();
    ana.ok(&["undo", slip["op"].as_str().unwrap()]).unwrap();
    ben.ok(&["item", &tenant, contested, "--status", "complete"]).unwrap();
    let status = ana.ok(&["status"]).unwrap();
    has(&status, "user server device lease_until pending conflicts quarantined last_sync tenants");
    assert_eq!(status["pending"], 4);

    office.service.start().unwrap();
    let sync = ana.ok(&["sync"]).unwrap();
    has(&sync, "pushed pulled pending conflicts quarantined tenants took_ms");
    assert_eq!((&sync["pushed"], &sync["pending"]), (&4.into(), &0.into()));
    ben.ok(&["sync"]).unwrap();
    ana.ok(&["sync"]).unwrap();

    let conflicts = ana.ok(&["conflicts"]).unwrap();
    let conflict = &conflicts["conflicts"][0];
    assert_eq!(conflicts["conflicts"].as_array().unwrap().len(), 1);
    has(conflict, "id tenant item field base values winner");
    has(&conflict["values"][0], "op value by at mine");
    let blockers = ana.ok(&["blockers", &tenant]).unwrap();
    has(&blockers["blockers"][0], "id tenant item severity reason owner waiting_on opened_at level due_at");

    ben.ok(&["resolve", conflict["id"].as_str().unwrap(), "--take", "theirs"]).unwrap();
    ben.ok(&["sync"]).unwrap();
    ana.ok(&["sync"]).unwrap();
    assert_eq!(ana.ok(&["conflicts"]).unwrap()["conflicts"].as_array().unwrap().len(), 0);

    let csm = office.laptop_of("CSM", 0);
    let row = |laptop: &cairn_tests::ctl::Laptop| {
        let rows = laptop.ok(&["tenants"]).unwrap()["tenants"].clone();
        rows.as_array().unwrap().iter().find(|row| row["slug"] == tenant.as_str()).cloned().unwrap()
    };
    has(&row(&ana), "id slug name playbook mode status go_live progress seq head digest as_of");
    has(&row(&ana)["progress"], "done total blocked");
    for field in ["seq", "head", "digest"] {
        assert_eq!(row(&ana)[field], row(&csm)[field], "{field}");
        assert_eq!(row(&ana)[field], row(&ben)[field], "{field}");
    }
    let lists: Vec<Value> = [&ana, &ben].map(|l| l.ok(&["checklist", &tenant]).unwrap()).to_vec();
    assert_eq!(lists[0], lists[1], "equal queues, equal output");
    has(&lists[0], "tenant playbook version items");
    has(
        &lists[0]["items"][0],
        "key phase title status owner due depends_on reason note updated_by updated_at pending",
    );
    let history = ana.ok(&["history", &tenant]).unwrap();
    has(&history["ops"][0], "id seq at actor acting_under device change before after reason outcome");
    let audit = csm.ok(&["audit", "verify", &tenant]).unwrap();
    has(&audit, "tenant ok ops head first_bad_seq reason");
    assert_eq!(audit["ok"], true);
}
