//! Anki, which keeps collections in step over its own sync server, as the reference for ours.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::Size;
use crate::harness::{Pair, Samples, in_turn, pair};
use crate::python;
use crate::report::{Figure, Goal, Report};
use crate::sync::{OPS, Receiver, SALTS, Steady, Template, Trip, WORK, Way};
use cairn_tests::door::{Door, Passed};

/// The release that is measured.
const VERSION: &str = "26.9.3";
/// Why one op takes as long as it does.
const ONE: &str = "the service and both laptops each wait for the disk once, one after the other, and a laptop encrypts \
    some thirty pages for an op: its entry, its writes, its cell, where the journal stands, the proof and the receipt.";
/// What drives its two collections.
const DRIVER: &str = include_str!("anki.py");
/// How long its server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures.
///
/// # Errors
/// Anki cannot be installed or does not work; anything of ours that does not work out.
pub fn run(folder: &Path, tools: &Path, size: Size) -> Result<Report> {
    let python = python::with(tools, "anki", VERSION)?;
    let ops = size.of(OPS, 300);
    let template = Template::make(&folder.join("template"), ops)?;
    let mut figures = Vec::new();
    for (receiver, who) in [(Receiver::Fresh, "a fresh laptop"), (Receiver::InStep, "a laptop in step")] {
        let rounds = in_turn(size.of(5, 1), |_| template.trip(receiver), |_| notes(&python, folder, ops))?;
        figures.extend(long(&rounds, &format!("{ops} ops, to {who}")));
    }
    let steady = Steady::start(&template, &folder.join("single"))?;
    let mut anki = Anki::start(&python, &tempfile::tempdir_in(folder)?.keep())?;
    anki.ask(&json!(["add", "a", 1]))?;
    anki.trip()?;
    let rounds = in_turn(
        size.of(40, 5),
        |n| steady.one(n),
        |n| {
            anki.ask(&json!(["edit", "a", format!("edit {n}")]))?;
            anki.trip()
        },
    )?;
    figures.extend(single(&rounds));
    let idle = in_turn(size.of(40, 5), |_| steady.idle(), |_| anki.sync("b"))?;
    figures.push(Figure::paired("a check that finds nothing", "ms", &ways(&idle, |way| way.ms), "Anki's"));
    figures.push(Figure::paired("its bytes, both directions", "bytes", &ways(&idle, bytes_of), "Anki's"));
    Ok(Report {
        about: format!(
            "Anki {VERSION} from PyPI, its own sync server and two collections that have met empty: one adds {ops} \
             notes, each with the words of one of our comments, and both sync the normal way (not the whole file). \
             Both products go through the same kind of counting door; adding notes and writing comments is not in \
             the time, nor is the start of Anki's Python. Bytes are with all headers."
        ),
        figures,
        tables: Vec::new(),
    })
}

fn long(rounds: &[(Trip, Trip)], what: &str) -> Vec<Figure> {
    let requests = |trip: &Trip| (trip.up.passed.requests + trip.down.passed.requests) as f64;
    vec![
        Figure::paired(what, "ms", &pair(rounds, Trip::ms, Trip::ms), "Anki")
            .goal(Goal::RatioAtMost(0.25))
            .because(WORK),
        Figure::paired(format!("bytes, {what}"), "bytes", &pair(rounds, Trip::bytes, Trip::bytes), "Anki")
            .goal(Goal::RatioAtMost(0.5))
            .because(SALTS),
        Figure::paired(format!("requests, {what}"), "requests", &pair(rounds, requests, requests), "Anki"),
    ]
}

fn single(rounds: &[(Trip, Trip)]) -> Vec<Figure> {
    let requests = |trip: &Trip| (trip.up.passed.requests + trip.down.passed.requests) as f64;
    vec![
        Figure::paired("one op, laptop to laptop", "ms", &pair(rounds, Trip::ms, Trip::ms), "Anki, one edit")
            .goal(Goal::RatioAtMost(0.5))
            .because(ONE),
        Figure::paired(
            "its bytes, both directions",
            "bytes",
            &pair(rounds, Trip::bytes, Trip::bytes),
            "Anki, one edit",
        )
        .goal(Goal::RatioAtMost(0.5)),
        Figure::paired("its requests", "requests", &pair(rounds, requests, requests), "Anki, one edit")
            .goal(Goal::RatioAtMost(0.5)),
    ]
}

fn ways(rounds: &[(Way, Way)], number: fn(&Way) -> f64) -> Pair {
    let of = |ways: &mut dyn Iterator<Item = &Way>| ways.map(number).collect::<Samples>();
    Pair {
        ours: of(&mut rounds.iter().map(|(ours, _)| ours)),
        reference: of(&mut rounds.iter().map(|(_, b)| b)),
    }
}

fn bytes_of(way: &Way) -> f64 {
    (way.passed.up + way.passed.down) as f64
}

/// 10,000 notes from one collection to another, each time with everything afresh.
fn notes(python: &Path, folder: &Path, count: usize) -> Result<Trip> {
    let folder = tempfile::tempdir_in(folder)?;
    let mut anki = Anki::start(python, folder.path())?;
    anki.ask(&json!(["add", "a", count]))?;
    let trip = anki.trip()?;
    let there = anki.ask(&json!(["count", "b"]))?;
    ensure!(there == count as f64, "{there} of {count} notes arrived");
    Ok(trip)
}

/// Anki's server, and two collections that have met; dropped, all of it ends.
struct Anki {
    server: Child,
    driver: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
    door: Door,
}

impl Anki {
    fn start(python: &Path, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Command::new(python);
        server.args(["-m", "anki.syncserver"]).env("SYNC_USER1", "bench:bench");
        server.env("SYNC_HOST", "127.0.0.1").env("SYNC_PORT", port.to_string());
        server.env("SYNC_BASE", folder.join("server"));
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        wait_for(address)?;
        let door = Door::before(address)?;
        let mut driver = Command::new(python);
        driver.args(["-c", DRIVER, &format!("{}/", door.url())]).arg(folder);
        let mut driver =
            driver.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let words = driver.stdin.take().context("no standard input")?;
        let answers = BufReader::new(driver.stdout.take().context("no standard output")?);
        let mut anki = Self { server, driver, words, answers, door };
        anki.answer()?;
        Ok(anki)
    }

    /// Tells the driver one thing; milliseconds, or the number asked for.
    fn ask(&mut self, words: &Value) -> Result<f64> {
        writeln!(self.words, "{words}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<f64> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).context("Anki's driver ended")
    }

    fn sync(&mut self, collection: &str) -> Result<Way> {
        let _: Passed = self.door.take();
        let ms = self.ask(&json!(["sync", collection]))?;
        Ok(Way { ms, passed: self.door.take() })
    }

    fn trip(&mut self) -> Result<Trip> {
        Ok(Trip { up: self.sync("a")?, down: self.sync("b")? })
    }
}

impl Drop for Anki {
    fn drop(&mut self) {
        for child in [&mut self.driver, &mut self.server] {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a foreign program that has no other way to say that it is ready"
)]
fn wait_for(address: SocketAddr) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(started.elapsed() < PATIENCE, "Anki's server does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
