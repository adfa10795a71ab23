//! Runs one command and prints what came of it: JSON as SPEC fixes it, or plain lines.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use cairn_app::api::{ConflictRow, HistoryRow, ItemRow, QueueRow, Written};
use cairn_app::error::{Result, exit_code, fault};
use cairn_app::hints::Hints;
use cairn_app::projects::{self, built_in_source};
use cairn_app::upgrades::Worked;
use cairn_app::{KeyPlace, Session};
use cairn_domain::Time;
use cairn_domain::playbook;
use cairn_protocol::ApiError;
use cairn_sync::backoff::Backoff;
use serde_json::{Value, json};

use crate::args::{AuditCommand, Cli, Command, PlaybookCommand, ProjectCommand, QuarantineCommand};

/// What a command answers: the JSON (null where it printed itself), the plain lines, and whether the answer is no.
pub(crate) struct Answer {
    pub json: Value,
    pub lines: Vec<String>,
    pub no: bool,
}

impl Answer {
    pub fn yes(json: Value, lines: Vec<String>) -> Self {
        Self { json, lines, no: false }
    }

    /// Of a command that printed its answer itself, bit by bit.
    pub fn printed() -> Self {
        Self::yes(Value::Null, Vec::new())
    }

    fn print(&self, json: bool) {
        if self.json.is_null() {
            return;
        }
        if json {
            println!("{}", self.json);
        } else {
            self.lines.iter().for_each(|line| println!("{line}"));
        }
    }

    fn written(written: &Written) -> Self {
        Self::yes(json!(written), vec![format!("{} ({})", written.summary, written.op)])
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place of this program that reads the clock")]
pub(crate) fn now() -> Time {
    chrono::Utc::now()
}

/// Runs the command line to its end.
pub fn main(cli: Cli) -> ExitCode {
    let json = cli.json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&fault("io", error.to_string())),
    };
    match runtime.block_on(run(cli)) {
        Ok(answer) => {
            answer.print(json);
            ExitCode::from(u8::from(answer.no))
        }
        Err(error) => fail(&error),
    }
}

/// What the command line cannot be read as: help and version are answers, all else is wrong use.
pub fn not_a_command(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        let text = error.to_string();
        return fail(&fault("wrong_use", text.trim_start_matches("error: ").trim_end()));
    }
    // A pipe that nobody reads any more is no fault.
    let _ = error.print();
    ExitCode::SUCCESS
}

fn fail(error: &ApiError) -> ExitCode {
    eprintln!("{}", json!({ "code": error.code, "message": error.message, "details": error.details }));
    ExitCode::from(u8::try_from(exit_code(error)).unwrap_or(2))
}

async fn run(cli: Cli) -> Result<Answer> {
    if let Command::Playbook(args) = &cli.command {
        let PlaybookCommand::Check { file } = &args.what;
        return check_playbook(file);
    }
    let session = session(&cli)?;
    let answer = answer(&session, cli).await;
    // A database that is not closed in order is checked whole at the next start, which is all that a
    // failure to close it means.
    let _ = session.close();
    answer
}

async fn answer(session: &Session, cli: Cli) -> Result<Answer> {
    if let Command::Held { words } = &cli.command
        && let [verb, file] = words.as_slice()
        && verb == "export"
    {
        return export(session, Path::new(file));
    }
    let project = cli.project.as_deref();
    match cli.command {
        Command::Login { server, user, password_stdin } => {
            login(session, &server, &user, password_stdin).await
        }
        Command::Logout => {
            session.sign_out().await?;
            Ok(Answer::yes(
                json!({ "signed_out": true }),
                vec!["Signed out. Unsent changes stay here.".into()],
            ))
        }
        Command::Status => status(session),
        Command::Sync { watch: false } => sync(session).await,
        Command::Sync { watch: true } => watch(session, cli.json).await,
        Command::Adoption(args) => crate::adoption::adoption(session, &args, cli.json),
        Command::Import(args) => crate::imports::import(session, args.what).await,
        other => session.signed_in(|desk| at_desk(desk, other, project)),
    }
}

fn session(cli: &Cli) -> Result<Session> {
    let dir = cli
        .profile
        .clone()
        .ok_or_else(|| fault("wrong_use", "Say where the profile lies: --profile DIR."))?;
    let keys = cli.key_file.clone().map_or(KeyPlace::Keyring, KeyPlace::File);
    Ok(Session::new(&dir, keys))
}

async fn login(session: &Session, server: &str, user: &str, password_stdin: bool) -> Result<Answer> {
    if !password_stdin {
        return Err(fault("wrong_use", "Pass the password on standard input and say --password-stdin."));
    }
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).map_err(|e| fault("io", e.to_string()))?;
    let identity = session.sign_in(server, user, password.trim_end_matches(['\r', '\n']), now()).await?;
    let line = format!("Signed in as {} ({}).", identity.name, identity.role);
    let json = json!({ "user": identity.name, "role": identity.role, "device": identity.device, "server": identity.server });
    Ok(Answer::yes(json, vec![line]))
}

fn status(session: &Session) -> Result<Answer> {
    session.signed_in(|desk| {
        let line = desk.status("unknown", None, now())?;
        let identity = desk.identity()?;
        let tenants = desk.tenants()?.len();
        let json = json!({
            "user": identity.name, "server": identity.server, "device": identity.device,
            "lease_until": line.lease_until, "pending": line.pending, "conflicts": line.conflicts,
            "quarantined": line.quarantined, "held": line.held, "last_sync": line.last_sync, "tenants": tenants,
            "role": identity.role, "must_sign_in_again": desk.store.must_re_enrol(),
        });
        let words = format!(
            "{} at {}: {} changes waiting, {} conflicts, {} refused, {tenants} tenants",
            identity.name, identity.server, line.pending, line.conflicts, line.quarantined
        );
        Ok(Answer::yes(json, vec![words]))
    })
}

async fn sync(session: &Session) -> Result<Answer> {
    let report = session.sync(&now).await?;
    let line = format!(
        "Sent {}, received {}, {} waiting, {} conflicts, {} refused",
        report.pushed, report.pulled, report.pending, report.conflicts, report.quarantined
    );
    Ok(Answer::yes(json!(report), vec![line]))
}

/// Syncs until interrupted: at each hint of the service, at the latest every minute, and with
/// growing pauses while it cannot be reached. Prints a line for each attempt.
#[allow(clippy::disallowed_methods, reason = "jitter is for the network, no test repeats it")]
async fn watch(session: &Session, json: bool) -> Result<Answer> {
    let (mut backoff, mut hints) = (Backoff::default(), Hints::default());
    loop {
        let pause = match sync(session).await {
            Ok(answer) => {
                answer.print(json);
                backoff.succeeded();
                std::time::Duration::from_secs(60)
            }
            Err(error)
                if matches!(
                    error.code.as_str(),
                    "unreachable" | "rate_limited" | "sync_busy" | "internal"
                ) =>
            {
                eprintln!(
                    "{}",
                    json!({ "code": error.code, "message": error.message, "details": error.details })
                );
                backoff.failed(&mut rand::rng())
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Answer::yes(json!({ "stopped": true }), vec![])),
            // Losing every hint costs no more than the pause.
            _ = tokio::time::timeout(pause, hints.next(session)) => {}
        }
    }
}

fn at_desk(desk: &mut cairn_app::Desk, command: Command, project: Option<&str>) -> Result<Answer> {
    match command {
        Command::Tenants => tenants(desk),
        Command::Checklist { tenant } => checklist(desk, &tenant, project),
        Command::Wizard { tenant } => wizard(desk, &tenant, project),
        Command::Project(args) => project_command(desk, args.what, project),
        Command::Comment { tenant, key, text, client } => {
            desk.comment(&tenant, &key, text, client, project, now()).map(|w| Answer::written(&w))
        }
        Command::Item { tenant, key, status, reason, note, owner, due } => {
            let wanted = ItemChange { status: status.map(|s| s.word()), reason, note, owner, due };
            item(desk, &tenant, &key, wanted, project)
        }
        Command::Held { words } => held(desk, &words),
        Command::Quarantine { what } => quarantine(desk, what),
        Command::Blockers { tenant } => {
            let mut rows = desk.blockers(tenant.as_deref())?;
            let slugs = Slugs::of(desk)?;
            rows.iter_mut().for_each(|b| slugs.put(&mut b.tenant));
            let lines = rows
                .iter()
                .map(|b| format!("{} {} {}: {}", b.severity, b.tenant, b.item, b.reason))
                .collect();
            Ok(Answer::yes(json!({ "blockers": rows }), lines))
        }
        Command::Conflicts { tenant } => conflicts(desk, tenant.as_deref()),
        Command::Resolve { conflict, take } => {
            desk.resolve(&conflict, &take, now()).map(|w| Answer::written(&w))
        }
        Command::History { tenant } => history(desk, &tenant),
        Command::Undo { op } => desk.undo(&op, now()).map(|w| Answer::written(&w)),
        Command::Audit(args) => {
            let AuditCommand::Verify { tenant } = args.what;
            audit(desk, &tenant)
        }
        Command::Login { .. }
        | Command::Logout
        | Command::Status
        | Command::Sync { .. }
        | Command::Adoption(_)
        | Command::Import(_)
        | Command::Playbook(_) => Err(fault("wrong_use", "This command does not work on a tenant.")),
    }
}

fn tenants(desk: &cairn_app::Desk) -> Result<Answer> {
    let rows = desk.tenants()?;
    let lines = rows
        .iter()
        .map(|t| {
            format!(
                "{}\t{}\t{} of {} done, {} blocked",
                t.slug, t.name, t.progress.done, t.progress.total, t.progress.blocked
            )
        })
        .collect();
    Ok(Answer::yes(json!({ "tenants": rows }), lines))
}

fn checklist(desk: &cairn_app::Desk, tenant: &str, project: Option<&str>) -> Result<Answer> {
    let view = desk.checklist(tenant, project)?;
    let items: Vec<&ItemRow> = view.phases.iter().flat_map(|p| &p.items).collect();
    let lines = items.iter().map(|i| item_line(i)).collect();
    let json = json!({
        "tenant": view.tenant.slug, "playbook": view.tenant.playbook, "version": view.version,
        "items": items,
    });
    Ok(Answer::yes(json, lines))
}

fn item_line(item: &ItemRow) -> String {
    let reason = item.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    let marks = [(item.pending, " (waiting to be sent)"), (item.conflict, " (two values)")];
    let marks: String = marks.iter().filter(|(on, _)| *on).map(|(_, words)| *words).collect();
    format!("{}\t{}\t{}{reason}{marks}", item.key, item.title, item.status.replace('_', " "))
}

fn wizard(desk: &cairn_app::Desk, tenant: &str, project: Option<&str>) -> Result<Answer> {
    let (row, book, steps) = desk.wizard(tenant, project)?;
    let lines = steps.iter().map(item_line).collect();
    let json = json!({
        "tenant": row.slug, "playbook": book.as_ref().map(|b| b.key.clone()),
        "version": book.as_ref().map(|b| b.version), "steps": steps,
    });
    Ok(Answer::yes(json, lines))
}

/// The source of a playbook: a file where there is one of that name, else a built-in key.
fn source_of(named: &str) -> Result<String> {
    let file = Path::new(named);
    if file.is_file() {
        return read(file);
    }
    built_in_source(named).map(str::to_owned)
}

fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file)
        .map_err(|e| fault("wrong_use", format!("'{}' cannot be read: {e}.", file.display())))?;
    String::from_utf8(bytes)
        .map_err(|_| fault("bad_playbook", format!("'{}' is not UTF-8 text.", file.display())))
}

fn project_command(
    desk: &mut cairn_app::Desk,
    what: ProjectCommand,
    project: Option<&str>,
) -> Result<Answer> {
    match what {
        ProjectCommand::Start { tenant, playbook, mode, go_live } => {
            let source = source_of(&playbook)?;
            desk.start_project(&tenant, &source, mode, go_live, now()).map(|w| Answer::written(&w))
        }
        ProjectCommand::Upgrade { tenant, playbook, dry_run, let_go } => {
            let source = playbook.as_deref().map(source_of).transpose()?;
            let worked = if let_go { Worked::Goes } else { Worked::Stays };
            let json = desk.upgrade_in_json(&tenant, source.as_deref(), project, worked, !dry_run, now())?;
            let lines = upgrade_lines(&json, dry_run);
            Ok(Answer::yes(json, lines))
        }
    }
}

/// An upgrade in plain lines: what comes, goes and differs, and what hangs on what goes.
fn upgrade_lines(json: &Value, dry_run: bool) -> Vec<String> {
    if json["up_to_date"] == true {
        return vec!["The project has this version already.".to_owned()];
    }
    let verb = if dry_run { "Would upgrade" } else { "Upgraded" };
    let mut lines = vec![format!("{verb} from version {} to {}:", json["from"], json["to"])];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for diff in [&json["diff"], &json["diff"]["steps"]] {
        for (sign, name) in [("+", "added"), ("-", "removed")] {
            let named = |e: &Value| format!("{sign} {}\t{}", text(&e["key"]), text(&e["title"]));
            lines.extend(list(&diff[name]).iter().map(named));
        }
        lines.extend(list(&diff["changed"]).iter().map(|e| {
            let fields: Vec<String> = list(&e["fields"]).iter().map(|f| text(&f["field"])).collect();
            format!("~ {}\t{}", text(&e["key"]), fields.join(", "))
        }));
    }
    lines.extend(list(&json["removed_with_values"]).iter().map(|e| {
        let holds: Vec<String> = list(&e["holds"]).iter().map(&text).collect();
        let fate = if e["stays"] == true { "stays" } else { "goes with" };
        format!("{} {fate}: {}", text(&e["key"]), holds.join(", "))
    }));
    lines
}

struct ItemChange {
    status: Option<&'static str>,
    reason: Option<String>,
    note: Option<String>,
    owner: Option<String>,
    due: Option<String>,
}

/// Each field is one change of its own; what was written before one is refused stays written.
fn item(
    desk: &mut cairn_app::Desk,
    tenant: &str,
    key: &str,
    wanted: ItemChange,
    project: Option<&str>,
) -> Result<Answer> {
    let mut done: Vec<Written> = Vec::new();
    if let Some(status) = wanted.status {
        done.push(desk.set_status(tenant, key, status, wanted.reason, project, now())?);
    } else if wanted.reason.is_some() {
        return Err(fault("wrong_use", "A reason belongs to a status: add --status."));
    }
    let owner = wanted.owner.map(|o| desk.owner_value(&o)).transpose()?;
    let due = wanted.due.map(|d| if d == "none" { Value::Null } else { json!(d) });
    let fields = [("note", wanted.note.map(|n| json!(n))), ("owner", owner), ("due", due)];
    for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        done.push(desk.set_field(tenant, key, name, value, project, now())?);
    }
    let Some(last) = done.last() else {
        return Err(fault("wrong_use", "Say what to change: --status, --note, --owner or --due."));
    };
    let mut json = json!(last);
    json["ops"] = json!(done.iter().map(|w| &w.op).collect::<Vec<_>>());
    Ok(Answer::yes(json, done.iter().map(|w| format!("{} ({})", w.summary, w.op)).collect()))
}

fn held(desk: &mut cairn_app::Desk, words: &[String]) -> Result<Answer> {
    match words {
        [verb, op] if verb == "adopt" => desk.decide_held(op, true, now()).map(|w| Answer::written(&w)),
        [verb, op] if verb == "discard" => desk.decide_held(op, false, now()).map(|w| Answer::written(&w)),
        [tenant] => queue(desk, "held", desk.held(tenant)?),
        _ => {
            let message = "Say 'held TENANT', 'held adopt OP', 'held discard OP' or 'held export FILE'.";
            Err(fault("wrong_use", message))
        }
    }
}

/// Unlike everything else at the desk this asks for nobody to be signed in.
fn export(session: &Session, file: &Path) -> Result<Answer> {
    session.open()?;
    let exported = session.with(|desk| desk.export_unsent(file, now()))?;
    let line = format!(
        "{} changes of {} are in {}, sealed for the service. They stay on this computer too.",
        exported.ops,
        exported.tenants.join(", "),
        exported.file
    );
    Ok(Answer::yes(json!(exported), vec![line]))
}

fn quarantine(desk: &mut cairn_app::Desk, what: Option<QuarantineCommand>) -> Result<Answer> {
    match what {
        None => queue(desk, "quarantined", desk.quarantine()?),
        Some(QuarantineCommand::Retry { op }) => desk.retry(&op, now()).map(|w| Answer::written(&w)),
        Some(QuarantineCommand::Discard { op }) => {
            desk.discard(&op)?;
            Ok(Answer::yes(json!({ "discarded": op }), vec!["Dropped.".into()]))
        }
    }
}

fn queue(desk: &cairn_app::Desk, name: &str, mut rows: Vec<QueueRow>) -> Result<Answer> {
    let slugs = Slugs::of(desk)?;
    rows.iter_mut().for_each(|q| slugs.put(&mut q.tenant));
    let line = |q: &QueueRow| format!("{}\t{}\t{}", q.op, q.summary, q.problem.clone().unwrap_or_default());
    let lines = rows.iter().map(line).collect();
    Ok(Answer::yes(json!({ name: rows }), lines))
}

/// Scripts name tenants by slug, on the way in and on the way out.
struct Slugs(BTreeMap<String, String>);

impl Slugs {
    fn of(desk: &cairn_app::Desk) -> Result<Self> {
        Ok(Self(desk.tenants()?.into_iter().map(|t| (t.id, t.slug)).collect()))
    }

    fn put(&self, tenant: &mut String) {
        if let Some(slug) = self.0.get(tenant) {
            tenant.clone_from(slug);
        }
    }
}

fn conflicts(desk: &cairn_app::Desk, tenant: Option<&str>) -> Result<Answer> {
    let mut rows = desk.conflicts(tenant)?;
    let slugs = Slugs::of(desk)?;
    rows.iter_mut().for_each(|c| slugs.put(&mut c.tenant));
    let lines = rows.iter().flat_map(conflict_lines).collect();
    Ok(Answer::yes(json!({ "conflicts": rows }), lines))
}

fn conflict_lines(row: &ConflictRow) -> Vec<String> {
    let mut lines = vec![format!("{}\t{} {}: before {}", row.id, row.title, row.field, row.base_shown)];
    lines.extend(row.values.iter().map(|v| {
        let loses = v.loses.join("; ");
        format!("\t{}\t{} by {} at {}; taking it loses: {loses}", v.op, v.shown, v.by, v.at)
    }));
    lines
}

fn history(desk: &cairn_app::Desk, tenant: &str) -> Result<Answer> {
    let rows = desk.history(tenant, usize::MAX, now())?;
    let line = |r: &HistoryRow| format!("{}\t{}\t{}\t{}\t{}", r.id, r.at, r.actor, r.summary, r.outcome);
    let lines = rows.iter().map(line).collect();
    Ok(Answer::yes(json!({ "ops": rows }), lines))
}

fn audit(desk: &cairn_app::Desk, tenant: &str) -> Result<Answer> {
    let json = desk.audit_verify(tenant)?;
    let no = json["ok"] != true;
    let words = if no {
        format!("Broken at {}: {}", json["first_bad_seq"], json["reason"])
    } else {
        format!("{} changes verified, head {}", json["ops"], json["head"])
    };
    let lines = std::iter::once(words).chain(audit_lines(&json)).collect();
    Ok(Answer { json, lines, no })
}

/// What an audit adds to its answer: where entries begin here, and what a service that came back from
/// a backup replaced.
fn audit_lines(json: &Value) -> Vec<String> {
    let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
    let gone = list("not_returned");
    let mut lines = Vec::new();
    if json["complete_from"].as_u64() > Some(1) {
        lines.push(format!("Changes before {} rest on a signed head", json["complete_from"]));
    }
    lines.extend(list("replaced").iter().map(|op| {
        let fate = if gone.contains(op) { "did not return" } else { "returned" };
        format!("{}\treplaced by a restored service, {fate}", op.as_str().unwrap_or_default())
    }));
    lines
}

fn check_playbook(file: &Path) -> Result<Answer> {
    let source = read(file)?;
    Ok(match playbook::parse_all(&source) {
        Ok(book) => {
            let facts = projects::check(&source).playbook;
            let words = format!(
                "{} version {}: {} items, {} steps",
                book.key,
                book.version,
                book.items.len(),
                book.steps.len()
            );
            let mut lines = vec![words];
            lines.extend(
                book.modes.iter().map(|mode| {
                    format!("mode {}: {} items", mode.key, book.items_for(Some(&mode.key)).count())
                }),
            );
            let json = json!({
                "ok": true, "key": book.key, "version": book.version, "problems": [], "contains": facts,
            });
            Answer::yes(json, lines)
        }
        Err(faults) => Answer {
            lines: faults
                .iter()
                .map(|f| format!("{}:{}:{}: {}", file.display(), f.line, f.column, f.message))
                .collect(),
            json: json!({ "ok": false, "problems": faults }),
            no: true,
        },
    })
}
