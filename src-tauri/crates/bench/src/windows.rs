//! The real window beside an empty one: start, memory, size of the program, and a write until it is
//! painted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cairn_service::seed;
use cairn_service::storage::sqlite::Sqlite;
use cairn_tests::acts::keys_with;
use cairn_tests::desk::Desk;
use cairn_tests::process::wait_for;
use cairn_tests::window::Window;
use serde_json::json;

use crate::Size;
use crate::harness::{Samples, in_turn, pair};
use crate::report::{Figure, Goal, Report};
use crate::stage::{Ground, Laptop, PLAYBOOK, Serving, beside};

/// Whose laptop it is: a manager's, who has every tenant.
const WHO: &str = "mia.larsen";

/// Why the start takes longer.
const START: &str = "the program is four times as large, and the page builds Today from 500 KB of script. The \
    database is open and read by then: that goes on beside the start of the web view.";
/// Why it needs more memory.
const MEMORY: &str = "the interface's script and what it shows, the pages of the open database, and the list of 1,000 tenants \
    on both sides.";
/// Why the program is larger.
const PROGRAM: &str = "it holds SQLite with OpenSSL's cipher, TLS, the readers of imports, and clients of the desktop's bus \
    for tray, keyring and notifications.";
/// Why a choice takes longer to be painted.
const PAINTED: &str = "the slowest of 40 choices counts, on two processors without a graphics card that also run the \
    driver. The write itself takes a few milliseconds; the rest is laying out and painting.";

/// Gives when the page said that it shows what it is for, in ms since 1970; null until then.
const SHOWN: &str = "const [mark] = performance.getEntriesByName(arguments[0]); \
     return mark ? performance.timeOrigin + mark.startTime : null";

/// Chooses a status in the open menu and gives the milliseconds until the frame that shows it.
const CHOOSE: &str = "const [item, status, done] = arguments; \
     const at = id => document.querySelector(`[data-testid='${id}']`); \
     const start = performance.now(); \
     const look = () => at(`item-row-${item}`)?.dataset.status === status \
         ? requestAnimationFrame(() => done(performance.now() - start)) : requestAnimationFrame(look); \
     at(`status-option-${status}`).click(); look();";

/// A window that is open, and what its start took.
struct Opened {
    window: Window,
    /// Milliseconds from the program's start to the page's mark.
    ms: f64,
    /// Memory of all its processes, shared pages divided by who shares them, in MiB.
    pss: f64,
    process: u32,
}

impl Opened {
    /// Ends the program as a desktop's session does: WebDriver would kill it, and the next start would
    /// check the whole database.
    async fn end(self) -> Result<()> {
        let process = self.process.to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &process]).status()?.success(),
            "there is no such process"
        );
        wait_for("the program ends", END_LIMIT, || {
            let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // One that nobody has waited for yet has ended too.
            ensure!(status.is_empty() || status.contains(") Z "), "it runs");
            Ok(())
        })?;
        // The session went with it.
        let _ = self.window.close().await;
        Ok(())
    }
}

/// How long a program may take to end.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A program of this build behind a script that notes when it starts, and as which process.
struct Program {
    script: PathBuf,
    note: PathBuf,
    /// What its page calls the moment at which it shows what it is for.
    mark: &'static str,
}

impl Program {
    fn new(folder: &Path, program: &Path, mark: &'static str) -> Result<Self> {
        let name = program.file_name().context("a program without a name")?.to_string_lossy().into_owned();
        let (script, note) = (folder.join(format!("start-{name}")), folder.join(format!("{name}.started")));
        let text = format!(
            "#!/bin/sh\necho $$ $(date +%s%N) > '{}'\nexec '{}' \"$@\"\n",
            note.display(),
            program.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Self { script, note, mark })
    }

    async fn open(&self, desk: &Desk, profile: &Path, more: &[&str]) -> Result<Opened> {
        let window = Window::open_program(desk, &self.script, profile, more).await?;
        let found = format!("performance.getEntriesByName('{}').length", self.mark);
        window.until("the page shows what it is for", &found).await?;
        let shown = window.client.execute(SHOWN, vec![json!(self.mark)]).await?;
        let shown = shown.as_f64().context("the page does not say when")?;
        let note = fs::read_to_string(&self.note)?;
        let (process, started) = note.trim().split_once(' ').context("the start was not noted")?;
        let ms = shown - started.parse::<f64>()? / 1e6;
        let process = process.parse()?;
        let pss = kilobytes(process)? as f64 / 1_024.0;
        Ok(Opened { window, ms, pss, process })
    }
}

/// The memory of a process and all that it started, in KiB.
fn kilobytes(process: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let own = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss")?;
    let mut sum = own.trim().trim_end_matches(" kB").parse()?;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let children = fs::read_to_string(thread?.path().join("children"))?;
        for child in children.split_whitespace() {
            // One that has ended meanwhile needs no memory.
            sum += kilobytes(child.parse()?).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// A laptop with `tenants` tenants, its service gone: an early morning at a school.
fn laptop(folder: &Path, tenants: usize) -> Result<Laptop> {
    let data = folder.join("service");
    let mut ground = Ground::on(std::sync::Arc::new(Sqlite::open(&data)?))?;
    let seeded = ground.ask(|service, ask| seed::seed_demo(service, tenants, 1, ask))?;
    drop(ground);
    let serving = Serving::data(&data)?;
    let who = seeded.people.iter().find(|person| person.name == WHO).context("somebody is missing")?;
    let url = format!("http://{}", serving.address);
    let laptop = Laptop::enrolled_with(folder, WHO, &url, &who.password)?;
    laptop.sync()?;
    laptop.close()?;
    Ok(laptop)
}

/// Measures.
///
/// # Errors
/// Anything that does not work out.
pub fn run(folder: &Path, size: Size) -> Result<Report> {
    let tenants = size.of(1_000, 12);
    let laptop = laptop(folder, tenants)?;
    let desk = Desk::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (cairn, empty) = (beside("cairn")?, beside("examples/empty-window")?);
    let ours = Program::new(folder, &cairn, "today")?;
    let reference = Program::new(folder, &empty, "shown")?;
    let key = laptop.key.to_str().context("the key's path is not text")?;
    let open = |program: &Program, profile: &Path, more: &[&str]| {
        let start = async {
            let opened = program.open(&desk, profile, more).await?;
            let (ms, pss) = (opened.ms, opened.pss);
            opened.end().await?;
            anyhow::Ok((ms, pss))
        };
        runtime.block_on(start)
    };
    let nothing = folder.join("empty-profile");
    let profile = laptop.session.profile().dir().to_owned();
    // The first of each reads its files into memory and counts for nothing.
    open(&ours, &profile, &["--key-file", key])?;
    open(&reference, &nothing, &[])?;
    let rounds = in_turn(
        size.of(9, 2),
        |_| open(&ours, &profile, &["--key-file", key]),
        |_| open(&reference, &nothing, &[]),
    )?;
    let against = "an empty Tauri window";
    let mut figures = vec![
        Figure::paired(
            format!("start to an interactive Today, {tenants} tenants"),
            "ms",
            &pair(&rounds, |start| start.0, |start| start.0),
            against,
        )
        .goal(Goal::RatioAtMost(1.25))
        .because(START),
        Figure::paired(
            "memory of all processes (PSS)",
            "MiB",
            &pair(&rounds, |start| start.1, |start| start.1),
            against,
        )
        .goal(Goal::RatioAtMost(1.25))
        .because(MEMORY),
    ];
    let sizes = [(megabytes(&cairn)?, megabytes(&empty)?)];
    figures.push(
        Figure::paired("the program", "MB", &pair(&sizes, |size| *size, |size| *size), against)
            .goal(Goal::RatioAtMost(4.0))
            .because(PROGRAM),
    );
    let writes = runtime.block_on(painted(&ours, &desk, &profile, key, size.of(40, 6)))?;
    figures.push(
        Figure::alone("a status chosen until it is painted", "ms", &writes)
            .goal(Goal::AtMost(50.0))
            .because(PAINTED),
    );
    Ok(Report {
        about: format!(
            "Both programs of this build start in turn on a display without a graphics card, driven by WebDriver, which \
             weighs on both. A start is from the program's `exec` to the page's own mark: Today with its rows in place \
             and a focus, of {tenants} tenants and without a network, or the empty page's first frame. A write is from \
             the choice of a status in its menu to the frame after the row has changed; it is committed by then."
        ),
        figures,
        ..Report::default()
    })
}

fn megabytes(file: &Path) -> Result<f64> {
    Ok(fs::metadata(file)?.len() as f64 / 1e6)
}

/// Chooses one status after another for an item of a checklist.
async fn painted(ours: &Program, desk: &Desk, profile: &Path, key: &str, writes: usize) -> Result<Samples> {
    let window = ours.open(desk, profile, &["--key-file", key]).await?.window;
    let tenants = window.tenants().await?;
    let tenant = tenants.iter().find(|t| t["playbook"].as_str().is_some_and(|name| name.contains(PLAYBOOK)));
    let slug = tenant.or(tenants.first()).and_then(|t| t["slug"].as_str()).context("there is no tenant")?;
    let view = window.checklist(slug).await?;
    let [item] = keys_with::<1>(&view, "not_started")?;
    window.client.execute("location.hash = arguments[0]", vec![json!(format!("#/checklist/{slug}"))]).await?;
    let mut samples = Vec::new();
    for n in 0..writes {
        let status = if n % 2 == 0 { "in_progress" } else { "not_started" };
        window.click(&format!("item-status-{item}")).await?;
        window.find(&format!("status-option-{status}")).await?;
        let took = window.client.execute_async(CHOOSE, vec![json!(item), json!(status)]).await?;
        samples.push(took.as_f64().with_context(|| format!("no time: {took}"))?);
    }
    window.close().await?;
    ensure!(samples.len() == writes, "a write is missing");
    Ok(samples.into_iter().collect())
}
