//! `cairnctl import ...`: looking at files, importing them, and taking imports back.

use std::path::Path;
use std::time::Instant;

use cairn_app::Session;
use cairn_app::error::Result;
use cairn_app::imports::{ImportPlan, ImportRequest, Watch, read_mapping};
use cairn_app::reports::ReportKind;
use cairn_app::runs::{
    ImportDidByType, ImportRollback, ImportRow, ImportRun, LeftRecord, RunChoices, hold_in_words,
};
use cairn_app::verify::ImportVerified;
use cairn_imports::{Hold, Report};
use serde_json::json;

use crate::args::{ImportCommand, ImportFiles};
use crate::progress::Progress;
use crate::run::{Answer, now};

/// Runs one of them.
pub(crate) async fn import(session: &Session, what: ImportCommand) -> Result<Answer> {
    match what {
        ImportCommand::Check(files) => check(session, files),
        ImportCommand::Rejected { files, file, into } => rejected(session, files, &file, &into),
        ImportCommand::Plan(files) => plan(session, files),
        ImportCommand::Run { files, confirm_holds, remove_absent, leave_rejected } => {
            run(session, files, RunChoices { confirm_holds, remove_absent, leave_rejected }).await
        }
        ImportCommand::List { tenant } => {
            let rows = session.signed_in(|desk| desk.imports(&tenant, now(), None))?;
            Ok(Answer::yes(json!({ "imports": rows }), list_lines(&rows)))
        }
        ImportCommand::Rollback { import } => roll_back(session, &import).await,
        ImportCommand::Verify { import, report } => verify(session, &import, report.as_deref()),
        ImportCommand::ReportCheck { file } => {
            let checked = session.signed_in(|desk| desk.check_import_report(&file))?;
            let lines =
                vec![format!("{}\t{}\t{}\t{}", checked.import, checked.tenant, checked.by, checked.at)];
            let lines = lines.into_iter().chain([checked.found.clone()]).collect();
            Ok(Answer { lines, no: !checked.ok, json: json!(checked) })
        }
    }
}

fn verify(session: &Session, import: &str, report: Option<&Path>) -> Result<Answer> {
    let progress = Progress::new(false);
    let verified = session.signed_in(|desk| desk.verifying(import, progress.watch()))?.verify()?;
    drop(progress);
    let mut lines = verified_lines(&verified);
    if let Some(into) = report {
        let reporting = session.signed_in(|desk| desk.reporting(import, Watch::default(), now()))?;
        let saved = reporting.save(ReportKind::of(into), into)?;
        session.signed_in(|desk| desk.note_report(import, now()))?;
        lines.push(format!("report\twritten\t{}", saved.file));
    }
    Ok(Answer { lines, json: json!(verified), no: !verified.ok })
}

fn check(session: &Session, files: ImportFiles) -> Result<Answer> {
    let started = Instant::now();
    let progress = Progress::new(files.progress);
    let (tenant, request) = import_request(files)?;
    let import = session.signed_in(|desk| desk.import(&tenant, &request, progress.watch()))?;
    let mut report = import.check()?;
    drop(progress);
    report.took_ms = since(started);
    Ok(Answer { lines: report_lines(&report), no: !report.can_proceed, json: json!(report) })
}

fn rejected(session: &Session, files: ImportFiles, file: &str, into: &Path) -> Result<Answer> {
    let progress = Progress::new(files.progress);
    let (tenant, request) = import_request(files)?;
    let import = session.signed_in(|desk| desk.import(&tenant, &request, progress.watch()))?;
    let written = import.export_rejected(file, into)?;
    drop(progress);
    session.signed_in(|desk| desk.note_rejected_export(&tenant, file, written.rows, now()))?;
    let line = format!("{}\t{} rejected rows", written.file, written.rows);
    Ok(Answer::yes(json!(written), vec![line]))
}

fn plan(session: &Session, files: ImportFiles) -> Result<Answer> {
    let started = Instant::now();
    let progress = Progress::new(files.progress);
    let (tenant, request) = import_request(files)?;
    let mut plan = session.signed_in(|desk| desk.plan_import(&tenant, &request, progress.watch()))?;
    drop(progress);
    plan.took_ms = since(started);
    Ok(Answer { lines: plan_lines(&plan), no: !plan.plan.can_proceed, json: json!(plan) })
}

async fn run(session: &Session, files: ImportFiles, choices: RunChoices) -> Result<Answer> {
    let started = Instant::now();
    let progress = Progress::new(files.progress);
    progress.of(session);
    let (tenant, request) = import_request(files)?;
    let mut run = session.run_import(&tenant, &request, choices, progress.watch(), &now).await?;
    drop(progress);
    run.took_ms = since(started);
    Ok(Answer::yes(json!(run), run_lines(&run)))
}

async fn roll_back(session: &Session, import: &str) -> Result<Answer> {
    let started = Instant::now();
    let mut back = session.roll_import_back(import, &now).await?;
    back.took_ms = since(started);
    Ok(Answer::yes(json!(back), rollback_lines(&back)))
}

fn since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn did_lines(types: &ImportDidByType) -> impl Iterator<Item = String> + '_ {
    types.iter().map(|(kind, did)| {
        format!(
            "{kind}\t{} new, {} updated, {} unchanged, {} removed",
            did.create, did.update, did.unchanged, did.remove
        )
    })
}

fn run_lines(run: &ImportRun) -> Vec<String> {
    let mut lines: Vec<String> = run.committed.iter().flat_map(did_lines).collect();
    if run.left_rejected > 0 {
        lines.push(format!("{} rejected rows were left out.", run.left_rejected));
    }
    if run.left_absent > 0 {
        lines.push(format!(
            "{} records that the files no longer hold were left. --remove-absent removes them.",
            run.left_absent
        ));
    }
    lines.push(match &run.rollback_until {
        Some(until) => format!("Imported as {}; it can be taken back until {until}.", run.import),
        None => {
            format!("{} is queued: the service has not imported it yet. Sync when it is reached.", run.import)
        }
    });
    lines
}

fn rollback_lines(back: &ImportRollback) -> Vec<String> {
    let left = |what: &str, list: &[LeftRecord]| -> Vec<String> {
        list.iter().map(|one| format!("{what}\t{} {}: {}", one.r#type, one.id, one.why)).collect()
    };
    let mut lines = left("kept", &back.kept);
    lines.extend(left("failed", &back.failed));
    lines.push(match back.reversed {
        Some(_) if back.withdrawn => "Taken back before it was imported: nothing was changed.".into(),
        Some(reversed) => format!(
            "Taken back: {reversed} records reversed, {} kept, {} failed.",
            back.kept_count, back.failed_count
        ),
        None => "The rollback is queued: the service has not done it yet. Sync when it is reached.".into(),
    });
    lines
}

fn list_lines(rows: &[ImportRow]) -> Vec<String> {
    let line = |row: &ImportRow| {
        format!("{}\t{}\t{}\t{} records\t{}\t{}", row.id, row.state, row.at, row.records, row.source, row.by)
    };
    rows.iter().map(line).collect()
}

fn verified_lines(verified: &ImportVerified) -> Vec<String> {
    let word = |ok| if ok { "holds" } else { "does not hold" };
    verified.checks.iter().map(|one| format!("{}\t{}\t{}", one.check, word(one.ok), one.found)).collect()
}

/// The tenant, and what is asked about it.
fn import_request(files: ImportFiles) -> Result<(String, ImportRequest)> {
    let ImportFiles { path, tenant, format, rules, mapping, progress: _ } = files;
    let mapping = mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default();
    Ok((tenant, ImportRequest { path, format, rules: Some(rules.word().to_owned()), mapping }))
}

/// A plan in plain lines: what it was held against, each type, what has to be confirmed, the answer.
fn plan_lines(plan: &ImportPlan) -> Vec<String> {
    let against = plan.revision.map_or_else(
        || "the tenant has no roster yet".to_owned(),
        |number| format!("against revision {number} of the roster"),
    );
    let mut lines = vec![format!("{}, {} rules, {against}", plan.format, plan.profile)];
    lines.extend(plan.plan.types.iter().map(|(kind, c)| {
        format!(
            "{kind}\t{} new, {} updated, {} unchanged, {} removed, {} kept",
            c.create, c.update, c.unchanged, c.remove, c.kept
        )
    }));
    lines.extend(plan.plan.holds.iter().map(|hold| {
        if hold.kind == Hold::PILOT {
            return format!(
                "{} records are more than the {} that an import may have while the tenant is in its pilot",
                hold.share, hold.limit
            );
        }
        match hold.kind.as_str() {
            Hold::REFERENCES => format!("{}; somebody has to confirm", hold_in_words(hold)),
            _ => {
                format!("{}; above {:.0} % somebody has to confirm", hold_in_words(hold), hold.limit * 100.0)
            }
        }
    }));
    lines.extend(plan.plan.doubles.iter().map(|double| {
        let pairs = double.examples.iter().map(|one| format!("row {} and {}", one.row, one.id));
        format!(
            "{} {} have the {} of a record that is there under another id: {}",
            double.count,
            double.kind_of_record,
            double.column,
            pairs.collect::<Vec<_>>().join(", ")
        )
    }));
    lines.push(
        match (plan.files_can_proceed, plan.plan.can_proceed) {
            (false, _) => "These files cannot be imported as they are: import check says why.",
            (true, false) => "This import waits until somebody confirms it.",
            (true, true) => "This import can go on.",
        }
        .to_owned(),
    );
    lines
}

/// A check in plain lines: the format, each file's rows, each problem, and the answer.
fn report_lines(report: &Report) -> Vec<String> {
    let sure = (report.detected.confidence * 100.0).round();
    let mut lines = vec![format!("{} ({sure} % sure), {} rules", report.format, report.profile)];
    lines.extend(report.files.iter().map(|file| {
        let c = file.counts;
        format!(
            "{}\t{} rows: {} accepted, {} fixed, {} rejected, {} skipped",
            file.name, c.rows, c.accepted, c.fixed, c.rejected, c.skipped
        )
    }));
    lines.extend(report.problems.iter().map(|problem| {
        let column = problem.column.as_ref().map(|column| format!(", {column}")).unwrap_or_default();
        format!(
            "{}\t{}{column}: {} ({}); {}",
            problem.severity, problem.file, problem.cause, problem.count, problem.suggestion
        )
    }));
    lines.push(
        if report.can_proceed {
            "These files can be imported."
        } else {
            "These files cannot be imported as they are."
        }
        .to_owned(),
    );
    lines
}
