//! Revisions of a roster, one after the other, for a disk that loses its power. The writer is the program
//! `roster_writer`; the oracle is here. What a revision holds follows from its number.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cairn_store::roster::{Back, Revision, Roster};
use cairn_store::{DataKey, StoreError};

const KEY: [u8; 32] = [5; 32];
/// Records of each import: some pages, so that cuts fall into the middle of one.
const RECORDS: u64 = 120;
/// Every third revision takes the one before it back.
const BACK: u64 = 3;

/// Opens or makes the roster in `folder`.
///
/// # Errors
/// The file cannot be used.
pub fn open(folder: &Path) -> Result<Roster> {
    let tenant = "north".parse().context("a tenant")?;
    Ok(Roster::cached(&folder.join("roster.db"), &tenant, &DataKey::new(KEY))?)
}

/// Makes revisions for ever and calls `acknowledge` with the number of the last that is there, and of each
/// after its commit.
///
/// # Errors
/// The roster or `acknowledge` failed: after a power cut, always.
pub fn write(roster: &mut Roster, mut acknowledge: impl FnMut(u64) -> Result<()>) -> Result<()> {
    let newest = roster.latest()?.map_or(0, |last| last.number);
    acknowledge(newest)?;
    for number in newest + 1.. {
        let import = name(number);
        let revision = Revision { number, import: &import };
        if number.is_multiple_of(BACK) {
            let back = Back { revision: number - 1, naming: &|_, _, _| () };
            roster.roll_back(revision, back, drop)?;
        } else {
            roster.apply(revision, |writer| {
                (0..RECORDS).try_for_each(|n| match value(number, n) {
                    Some(value) => {
                        writer.put("users", &id(n), &[("sourcedId", &id(n)), ("givenName", &value)])
                    }
                    None => writer.remove("users", &id(n)),
                })?;
                Ok::<(), StoreError>(())
            })?;
        }
        acknowledge(number)?;
    }
    Ok(())
}

fn name(number: u64) -> String {
    format!("north:d:{number}")
}

fn id(n: u64) -> String {
    format!("u{n:04}")
}

/// What a record is after an import; none where it is removed.
fn value(number: u64, n: u64) -> Option<String> {
    (!(number + n).is_multiple_of(7)).then(|| format!("name {n} of {number}; ").repeat(1 + (n % 9) as usize))
}

/// What is there after a revision.
fn expected(number: u64) -> Vec<(String, String)> {
    // What takes back is what was there before what it took back.
    let import = if number.is_multiple_of(BACK) { number - 2 } else { number };
    (0..RECORDS).filter_map(|n| Some((id(n), value(import, n)?))).collect()
}

/// Whether the roster is whole, has all that was acknowledged, and is one revision and nothing of another.
///
/// # Errors
/// It is not.
pub fn check(folder: &Path, acknowledged: &[String]) -> Result<()> {
    let roster = open(folder)?;
    roster.verify()?;
    let newest = roster.latest()?.map_or(0, |last| last.number);
    let last = acknowledged.last().map_or(Ok(0), |line| line.parse::<u64>())?;
    ensure!(newest >= last, "revision {last} was acknowledged and the roster is at {newest}");
    let mut there = Vec::new();
    roster.each(|record| {
        let name = record.values.iter().find(|(column, _)| *column == "givenName");
        there.push((record.id.to_owned(), name.map(|(_, value)| (*value).to_owned()).unwrap_or_default()));
        Ok::<(), StoreError>(())
    })?;
    let expected = if newest == 0 { Vec::new() } else { expected(newest) };
    ensure!(there == expected, "the roster is not revision {newest}");
    Ok(())
}
