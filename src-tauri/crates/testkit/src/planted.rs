//! Proves that the checks see faults: every planted bug must be caught by some seed that is clean
//! without it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use cairn_domain::planted::{Bug, plant};

use crate::base::Base;
use crate::world::run;

/// How many seeds a bug gets to show itself.
const SEEDS: u64 = 300;

/// Plants each bug, or only the named one, and reports a line about each; true where all were caught.
///
/// # Errors
/// No bug has this name.
pub fn run_all(
    base: &Base,
    only: Option<&str>,
    jobs: usize,
    say: &mut (dyn FnMut(String) + Send),
) -> anyhow::Result<bool> {
    let bugs: Vec<Bug> =
        Bug::ALL.iter().copied().filter(|b| only.is_none_or(|name| b.name() == name)).collect();
    anyhow::ensure!(!bugs.is_empty(), "no planted bug has this name");
    let (next, missed, say) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(say));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let line = match hunt(base, *bug) {
                        Some((seed, what)) => format!("caught {} (seed {seed}: {what})", bug.name()),
                        None => {
                            missed.fetch_add(1, Ordering::Relaxed);
                            format!("not caught {}", bug.name())
                        }
                    };
                    (say.lock().unwrap_or_else(PoisonError::into_inner))(line);
                }
            });
        }
    });
    Ok(missed.into_inner() == 0)
}

/// The first seed that fails with the bug and holds without it.
fn hunt(base: &Base, bug: Bug) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| {
        plant(Some(bug));
        let with = run(base, seed.into());
        plant(None);
        let what = with.err()?;
        run(base, seed.into()).is_ok().then(|| (seed, what.to_string().chars().take(160).collect()))
    })
}
