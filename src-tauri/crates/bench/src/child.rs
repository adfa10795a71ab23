//! References in a process of their own. SQLCipher wipes and locks memory for a whole process once
//! anybody in it asks for that, as the store does: in our process the references would pay for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Slice;
use crate::bare::{Bare, Floor};
use crate::cipher::{self, Times};
use crate::harness::{Samples, each, ms, timed};

/// Milliseconds of a bare write of so many bytes: the medians of `count` with a key and without.
///
/// # Errors
/// It fails.
pub fn bare_writes(folder: &Path, bytes: usize, count: usize) -> Result<(f64, f64)> {
    start("bare-writes", folder, &[bytes.to_string(), count.to_string()])
}

/// Milliseconds that the floor takes for these rows up and down: the median of `count` times.
///
/// # Errors
/// It fails.
pub fn bare_trip(folder: &Path, rows: &[Vec<u8>], count: usize) -> Result<f64> {
    let file = folder.join("rows");
    std::fs::write(&file, serde_json::to_vec(rows)?)?;
    start("bare-trips", folder, &[file.display().to_string(), count.to_string()])
}

/// Our queries on a database, see [`cipher::queries`].
///
/// # Errors
/// It fails.
pub fn queries(folder: &Path, database: &Path, key: Option<&Path>) -> Result<Times> {
    let key = key.map_or(String::new(), |key| key.display().to_string());
    start("queries", folder, &[database.display().to_string(), key])
}

fn start<T: DeserializeOwned>(slice: &str, folder: &Path, words: &[String]) -> Result<T> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(slice).arg("--folder").arg(folder).arg("--").args(words);
    let output = command.output()?;
    ensure!(output.status.success(), "{slice} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What a hidden slice answers; none for the others.
///
/// # Errors
/// It fails.
pub fn answer(slice: Slice, folder: &Path, words: &[String]) -> Result<Option<Value>> {
    let word = |n: usize| words.get(n).context("a word is missing");
    Ok(Some(match slice {
        Slice::BareWrites => write(folder, word(0)?.parse()?, word(1)?.parse()?)?,
        Slice::BareTrips => trips(folder, Path::new(word(0)?), word(1)?.parse()?)?,
        Slice::Queries => {
            let key = Some(word(1)?).filter(|key| !key.is_empty()).map(Path::new);
            serde_json::to_value(cipher::queries(Path::new(word(0)?), key)?)?
        }
        Slice::CheckSet => crate::imports::check_set(Path::new(word(0)?))?,
        Slice::LoadSet => crate::rosters::load_set(folder, Path::new(word(0)?))?,
        Slice::RosterSteps => crate::rosters::roster_steps(folder, Path::new(word(0)?))?,
        Slice::BareUpdate => crate::rosters::bare_update(folder, Path::new(word(0)?))?,
        Slice::PlanPages => crate::rosters::plan_pages(folder, Path::new(word(0)?))?,
        _ => return Ok(None),
    }))
}

fn write(folder: &Path, bytes: usize, count: usize) -> Result<Value> {
    let row = vec![vec![b'x'; bytes]];
    let median = |bare: Bare| -> Result<f64> {
        // The first one makes statements and the log's file.
        bare.append(&row)?;
        Ok(each(count, |_| bare.append(&row))?.median())
    };
    let encrypted = median(Bare::encrypted(&folder.join("encrypted.db"))?)?;
    Ok(json!([encrypted, median(Bare::plain(&folder.join("plain.db"))?)?]))
}

fn trips(folder: &Path, rows: &Path, count: usize) -> Result<Value> {
    let rows: Vec<Vec<u8>> = serde_json::from_slice(&std::fs::read(rows)?)?;
    let floor = Floor::under(folder)?;
    let once = || {
        floor.up(&rows)?;
        floor.down()
    };
    let mut times = Vec::new();
    for _ in 0..count {
        let (moved, took) = timed(once)?;
        if moved != rows.len() {
            bail!("the floor lost rows: {moved} of {}", rows.len());
        }
        times.push(ms(took));
    }
    Ok(json!(times.into_iter().collect::<Samples>().median()))
}
