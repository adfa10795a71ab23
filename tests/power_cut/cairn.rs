//! The real store and the real service on a disk that loses its power.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use cairn_tests::ctl::Laptop;
use cairn_tests::power::Disk;
use cairn_tests::process::{built, run};
use cairn_tests::service::{Demo, Service};

/// Cuts under the store.
const STORE_CUTS: usize = 200;

/// Cuts under the service.
const SERVICE_CUTS: usize = 200;

/// After so many cuts the store starts again from the first state, so that its outbox stays short.
const FRESH_EVERY: usize = 20;

/// Acknowledged changes before a cut under the service, at most: each is a round trip.
const PUSHES: usize = 12;

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").arg("-a").arg(from).arg(to)).map(drop)
}

/// A specialist's laptop that knows its tenants, and an item to comment on.
fn enrolled(folder: &Path, service: &Service, demo: &Demo) -> Result<(Laptop, String)> {
    let laptop = Laptop::new(folder, "laptop");
    laptop.login(&service.url(), &demo.person("IMPL_SPEC", 0)?)?;
    laptop.ok(&["sync"])?;
    let view = laptop.ok(&["checklist", &demo.tenants[0]])?;
    Ok((laptop, view["items"][0]["key"].as_str().unwrap_or_default().to_owned()))
}

/// Ids of all ops that a laptop's history shows.
fn ops(laptop: &Laptop, tenant: &str) -> Result<BTreeSet<String>> {
    let history = laptop.ok(&["history", tenant])?;
    let rows = history["ops"].as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect())
}

fn all_there(acknowledged: &[String], kept: &BTreeSet<String>) -> Result<()> {
    let lost: Vec<_> = acknowledged.iter().filter(|op| !kept.contains(*op)).collect();
    ensure!(lost.is_empty(), "lost: {lost:?}");
    Ok(())
}

#[test]
fn the_store_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::at(&folder.path().join("service")).unwrap();
    let demo = service.seed(1).unwrap();
    service.start().unwrap();
    let (laptop, item) = enrolled(folder.path(), &service, &demo).unwrap();
    service.stop().unwrap();
    let tenant = &demo.tenants[0];
    let mut disk = Disk::create(11).unwrap();
    let mut all: Vec<String> = Vec::new();
    for cut in 0..STORE_CUTS {
        let on_disk = Laptop { profile: disk.path().join("laptop"), key: laptop.key.clone() };
        if cut % FRESH_EVERY == 0 {
            let _ = fs::remove_dir_all(&on_disk.profile);
            copy(&laptop.profile, &on_disk.profile).unwrap();
            run(Command::new("sync").arg("-f").arg(disk.path())).unwrap();
            all.clear();
        }
        let writer = |_: &Path| {
            let mut command = Command::new(built("store_writer")?);
            command.arg(&on_disk.profile).arg(&on_disk.key).args([tenant, &item]);
            Ok(command)
        };
        let done = disk.trial(writer, |_, lines| {
            all.extend_from_slice(lines);
            all_there(&all, &ops(&on_disk, tenant)?)
        });
        done.unwrap();
    }
}

#[test]
fn the_service_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::create(12).unwrap();
    disk.cut_within(PUSHES);
    let mut service = Service::at(&disk.path().join("service")).unwrap();
    let demo = service.seed(1).unwrap();
    service.start().unwrap();
    let (laptop, item) = enrolled(folder.path(), &service, &demo).unwrap();
    let witness = Laptop::new(folder.path(), "witness");
    witness.login(&service.url(), &demo.person("IMPL_MGR", 0).unwrap()).unwrap();
    service.stop().unwrap();
    run(Command::new("sync").arg("-f").arg(disk.path())).unwrap();
    let tenant = &demo.tenants[0];
    let data = disk.path().join("service");
    for _ in 0..SERVICE_CUTS {
        let pusher = |_: &Path| {
            let mut command = Command::new(built("service_pusher")?);
            command.arg(&data).arg(service.port().to_string());
            command.arg(&laptop.profile).arg(&laptop.key).args([tenant, &item]);
            Ok(command)
        };
        let acknowledged = disk.trial(pusher, |_, lines| Ok(lines.to_vec())).unwrap();
        // Somebody else's laptop sees only what the service kept.
        service.start().unwrap();
        let report = witness.ok(&["sync"]).unwrap();
        assert_eq!(report["rebuilt"], 0);
        all_there(&acknowledged, &ops(&witness, tenant).unwrap()).unwrap();
        service.stop().unwrap();
    }
    service.start().unwrap();
    assert_eq!(laptop.ok(&["sync"]).unwrap()["pending"], 0);
    for laptop in [&laptop, &witness] {
        assert_eq!(laptop.ok(&["audit", "verify", tenant]).unwrap()["ok"], true);
    }
}
