//! Imports into a roster, and rollbacks, on a disk that loses its power: the old state or the new one.

use std::fs;
use std::process::Command;

use cairn_tests::power::Disk;
use cairn_tests::process::built;
use cairn_tests::revisions::check;

const CUTS: usize = 100;
/// Lines of the writer before a cut, at most: each is a large transaction.
const REVISIONS: usize = 8;
/// After so many cuts a new roster is begun: a cut may fall while its file is made.
const FRESH_EVERY: usize = 5;

#[test]
fn an_import_is_there_whole_or_not_at_all() {
    cut(Disk::create(21).unwrap(), REVISIONS, FRESH_EVERY);
}

/// The first revision of a roster is written in another way than those behind it.
#[test]
fn a_first_import_is_there_whole_or_not_at_all() {
    cut(Disk::create(22).unwrap(), 3, 1);
}

fn cut(mut disk: Disk, within: usize, fresh_every: usize) {
    disk.cut_within(within);
    let data = disk.path().join("data");
    for cut in 0..CUTS {
        if cut % fresh_every == 0 {
            let _ = fs::remove_dir_all(&data);
            fs::create_dir(&data).unwrap();
        }
        let writer = |_: &std::path::Path| {
            let mut command = Command::new(built("roster_writer")?);
            command.arg(&data);
            Ok(command)
        };
        disk.trial(writer, |_, lines| check(&data, lines)).unwrap();
    }
}
