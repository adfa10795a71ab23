//! `sim`: runs seeds of the simulator, or the planted bugs.
#![allow(clippy::print_stdout, reason = "a program that reports prints")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cairn_testkit::world::{self, Pace};
use cairn_testkit::{Base, Seed};
use clap::Parser;

/// Thousands of small values live and die in each step, on all cores at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds that found a fault once: they always run first.
const FOUND: &str = include_str!("../../seeds.txt");
/// Every so many seeds one is run twice and must give the same hash.
const TWICE: u64 = 100;

/// Runs the simulator: several laptops, one service, a bad network, everything from a seed.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How much happens between two changes: brisk, steady or slow.
    #[arg(long, default_value = "brisk")]
    pace: Pace,
    /// One seed in so many has imports; 1 for all, 0 for none.
    #[arg(long, default_value_t = world::IMPORTS_EVERY)]
    imports_every: u64,
    /// Run the planted bugs instead, and print `caught` or `not caught` for each.
    #[arg(long)]
    planted: bool,
    /// With --planted: only the bug of this name.
    #[arg(long)]
    bug: Option<String>,
    /// A file with seeds to run first, one a line; the committed list otherwise.
    #[arg(long)]
    seed_list: Option<PathBuf>,
    /// How many seeds run side by side; as many as there are processors otherwise.
    #[arg(long)]
    jobs: Option<usize>,
    /// Print the schedule of each seed that fails.
    #[arg(long)]
    log: bool,
}

#[derive(Debug, Default)]
struct Tally {
    runs: AtomicU64,
    ops: AtomicU64,
    steps: AtomicU64,
    failed: Mutex<Vec<(Seed, String)>>,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let jobs = options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if options.planted {
        return planted(&options, jobs);
    }
    let list = match &options.seed_list {
        Some(path) => std::fs::read_to_string(path)?,
        None => FOUND.to_owned(),
    };
    let mut seeds = listed(&list)?;
    let asked = (options.first..options.first + options.seeds)
        .map(|number| Seed::drawn(number, options.pace, options.imports_every));
    let asked: Vec<Seed> = asked.filter(|seed| !seeds.contains(seed)).collect();
    seeds.extend(asked);
    let base = Base::make()?;
    let (started, tally, next) = (Instant::now(), Tally::default(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(&base, &seeds, &next, &tally, options.log));
        }
    });
    report(started, &tally)
}

/// The seeds of a list: one a line, `#` begins a comment.
fn listed(text: &str) -> anyhow::Result<Vec<Seed>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| Ok(line.parse()?)).collect()
}

fn work(base: &Base, seeds: &[Seed], next: &AtomicU64, tally: &Tally, log: bool) {
    while let Some(seed) =
        usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|n| seeds.get(n))
    {
        let (result, lines) = world::run_logged(base, *seed, log);
        tally.runs.fetch_add(1, Ordering::Relaxed);
        let mut failure = None;
        match result {
            Ok(report) => {
                tally.ops.fetch_add(report.ops, Ordering::Relaxed);
                tally.steps.fetch_add(report.steps, Ordering::Relaxed);
                if seed.number % TWICE == 0
                    && world::run(base, *seed).map(|again| again.hash) != Ok(report.hash)
                {
                    failure = Some("the same seed gave another hash the second time".to_owned());
                }
            }
            Err(what) => failure = Some(what.to_string()),
        }
        if let Some(what) = failure {
            if log {
                println!("{}", lines.join("\n"));
            }
            let pace = seed.pace.name();
            let imports = u8::from(seed.imports);
            println!(
                "seed {seed} failed: {what} (again: sim --first {} --pace {pace} --imports-every {imports} --seeds 1 --log)",
                seed.number
            );
            tally.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*seed, what));
        }
    }
}

fn report(started: Instant, tally: &Tally) -> anyhow::Result<ExitCode> {
    let seconds = started.elapsed().as_secs_f64();
    let (runs, ops, steps) = (
        tally.runs.load(Ordering::Relaxed),
        tally.ops.load(Ordering::Relaxed),
        tally.steps.load(Ordering::Relaxed),
    );
    let failed = tally.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    println!(
        "{runs} seeds, {ops} ops, {steps} steps in {seconds:.1} s: {:.1} seeds a second, {failed} failed",
        runs as f64 / seconds
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn planted(options: &Options, jobs: usize) -> anyhow::Result<ExitCode> {
    let base = Base::make()?;
    let caught =
        cairn_testkit::planted::run_all(&base, options.bug.as_deref(), jobs, &mut |line| println!("{line}"))?;
    Ok(if caught { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
