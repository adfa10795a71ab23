//! SQLCipher in WAL mode, the way the stores use it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use cairn_tests::power::Disk;
use cairn_tests::process::built;
use cairn_tests::rows::{Synchronous, count_lost};

/// Cuts with `synchronous=FULL`.
const CUTS: usize = 100;

/// Cuts of the control.
const CONTROL_CUTS: usize = 20;

/// Rows lost over `cuts` cuts, each against a fresh database.
fn lost(synchronous: Synchronous, seed: u64, cuts: usize) -> Result<usize> {
    let mut disk = Disk::create(seed)?;
    let mut lost = 0;
    for _ in 0..cuts {
        lost +=
            disk.trial(|folder| writer(folder, synchronous), |folder, rows| count_lost(&data(folder), rows))?;
        fs::remove_dir_all(data(disk.path()))?;
    }
    Ok(lost)
}

fn writer(folder: &Path, synchronous: Synchronous) -> Result<Command> {
    let data = data(folder);
    fs::create_dir_all(&data)?;
    let mut command = Command::new(built("row_writer")?);
    command.arg(data).arg(synchronous.word());
    Ok(command)
}

fn data(folder: &Path) -> std::path::PathBuf {
    folder.join("data")
}

#[test]
fn full_synchronous_loses_nothing_acknowledged() {
    assert_eq!(lost(Synchronous::Full, 1, CUTS).unwrap(), 0);
}

#[test]
fn one_database_survives_cut_after_cut() {
    let mut disk = Disk::create(2).unwrap();
    let mut all: Vec<String> = Vec::new();
    for _ in 0..CUTS {
        let lost = disk.trial(
            |folder| writer(folder, Synchronous::Full),
            |folder, rows| {
                all.extend_from_slice(rows);
                count_lost(&data(folder), &all)
            },
        );
        assert_eq!(lost.unwrap(), 0);
    }
}

#[test]
fn the_control_with_normal_synchronous_loses_some() {
    assert!(lost(Synchronous::Normal, 3, CONTROL_CUTS).unwrap() > 0);
}
