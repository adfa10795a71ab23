//! How far a long job is, on standard error: one line that is written over on a terminal, lines elsewhere
//! where somebody asks for them. Nothing of it is part of an answer.
#![allow(clippy::print_stderr, reason = "a command line prints")]

use std::io::{IsTerminal as _, Write as _, stderr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_app::Session;
use cairn_app::imports::Watch;
use cairn_app::runs::{ImportDoing, ImportUnderway};

/// How often it is said on a terminal, and elsewhere.
const ON_TERMINAL: Duration = Duration::from_millis(200);
const IN_LINES: Duration = Duration::from_secs(5);
/// A pace that is younger than this jumps about.
const STEADY: Duration = Duration::from_secs(1);

/// Who says how far a job is. Dropped, it leaves no line behind on a terminal.
pub(crate) struct Progress(Option<Arc<Told>>);

struct Told {
    is_terminal: bool,
    now: Mutex<Option<Now>>,
}

/// The part of a job that is under way.
struct Now {
    what: String,
    began: Instant,
    first: u64,
    said: Option<Instant>,
    /// The rows of the pass before this one, which this one has as well.
    rows: Option<u64>,
    done: u64,
}

impl Progress {
    /// On a terminal, or where it is asked for.
    pub fn new(is_asked: bool) -> Self {
        let is_terminal = stderr().is_terminal();
        Self((is_asked || is_terminal).then(|| Arc::new(Told { is_terminal, now: Mutex::new(None) })))
    }

    /// Hears of passes over files.
    pub fn watch(&self) -> Watch {
        let Some(told) = self.0.clone() else { return Watch::default() };
        Watch::new(move |progress| {
            let what = match progress.pass {
                (_, 0) => "Read".to_owned(),
                (pass, of) => format!("Pass {pass} of {of}: read"),
            };
            told.hear(what, progress.rows, None, "rows");
            ControlFlow::Continue(())
        })
    }

    /// Hears of what a session does with imports.
    pub fn of(&self, session: &Session) {
        if let Some(told) = self.0.clone() {
            session.tell_underway(move |far| told.underway(far));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.0.as_ref().is_some_and(|told| told.is_terminal && told.has_said()) {
            eprint!("\r\u{1b}[K");
        }
    }
}

impl Told {
    fn underway(&self, far: ImportUnderway) {
        let (what, unit) = match far.doing {
            ImportDoing::Send => ("Sent", "kB"),
            ImportDoing::Stage => ("Imported by the service:", "rows"),
            ImportDoing::Fetch => ("Fetched", "kB"),
            ImportDoing::Apply => ("Written to the roster:", "rows"),
        };
        let scale = if unit == "kB" { 1_000 } else { 1 };
        self.hear(what.to_owned(), far.done / scale, Some(far.total.div_ceil(scale)), unit);
    }

    fn hear(&self, what: String, done: u64, total: Option<u64>, unit: &str) {
        let mut slot = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let before = slot.take_if(|now| now.what != what || done < now.done);
        let now = slot.get_or_insert_with(|| Now {
            rows: before.map(|before| before.done).filter(|_| total.is_none()),
            what,
            began: Instant::now(),
            first: done,
            said: None,
            done,
        });
        now.done = done;
        let pause = if self.is_terminal { ON_TERMINAL } else { IN_LINES };
        if now.said.is_some_and(|said| said.elapsed() < pause) {
            return;
        }
        now.said = Some(Instant::now());
        let total = total.or(now.rows.filter(|rows| *rows > done));
        let text = line(&now.what, (done, total), unit, (done - now.first, now.began.elapsed()));
        if self.is_terminal {
            eprint!("\r\u{1b}[K{text}");
            // A terminal that does not take it is no reason to end a job.
            let _ = stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    fn has_said(&self) -> bool {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// What is said: how much of what, the pace, and how long it will take where that is known.
fn line(what: &str, (done, total): (u64, Option<u64>), unit: &str, (since, took): (u64, Duration)) -> String {
    let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
    let mut line = format!("{what} {done}{of} {unit}");
    let rate = since as f64 / took.as_secs_f64();
    if took < STEADY || rate < 1.0 {
        return line;
    }
    line.push_str(&format!(", {rate:.0} {unit}/s"));
    if let Some(total) = total {
        line.push_str(&format!(", about {:.0} s left", (total - done.min(total)) as f64 / rate));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_and_how_long_once_that_is_known() {
        let (short, long) = (Duration::from_millis(100), Duration::from_secs(4));
        assert_eq!(line("Read", (5_000, None), "rows", (5_000, short)), "Read 5000 rows");
        assert_eq!(line("Read", (8_000, None), "rows", (8_000, long)), "Read 8000 rows, 2000 rows/s");
        assert_eq!(
            line("Sent", (600, Some(1_000)), "kB", (400, long)),
            "Sent 600 of 1000 kB, 100 kB/s, about 4 s left"
        );
        assert_eq!(line("Sent", (600, Some(1_000)), "kB", (0, long)), "Sent 600 of 1000 kB");
    }

    #[test]
    fn a_pass_over_the_same_rows_knows_how_many_they_are() {
        let told = Told { is_terminal: false, now: Mutex::new(None) };
        told.hear("Pass 1 of 2: read".into(), 900, None, "rows");
        told.hear("Pass 2 of 2: read".into(), 100, None, "rows");
        let rows = |told: &Told| told.now.lock().unwrap().as_ref().unwrap().rows;
        assert_eq!(rows(&told), Some(900));
        told.hear("Sent".into(), 5, Some(50), "kB");
        assert_eq!(rows(&told), None);
    }
}
