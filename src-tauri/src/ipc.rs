//! The commands the window may call, each a thin door to one use case. Their names stand in
//! `command_list.rs`; each takes one argument, `request`, shaped as in
//! `ui/src/lib/host/commands.ts`, and answers a [`Failure`] where it cannot do what was asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cairn_app::Desk;
use cairn_app::api::{
    About, BackupList, BackupRow, ChecklistView, Choice, ComputerView, Edit, Exported, ExportedRows, Failure,
    HistoryFilter, HistoryPage, HistoryRow, ImportDraft, ImportLook, ImportPlan, ImportProgress,
    ImportReport, ImportRollback, ImportRow, ImportRules, ImportRun, ImportVerified, InboxView, ItemDetail,
    ManyWritten, OpenedPlaybook, PeoplePage, PlanPage, PlaybookCheck, RememberedMapping, ReportChecked,
    Restored, RevertView, RunChoices, SavedReport, Session, SettingsEdit, SettingsView, StatusLine,
    SyncReport, SyncView, TenantRow, TodayView, UpdateView, UpgradePlan, Written,
};
use cairn_app::backup::RestoreRequest;
use cairn_app::error::fault;
use cairn_app::imports::ImportRequest;
use cairn_app::people::PeopleQuery;
use cairn_app::plans::PlanQuery;
use cairn_app::projects::built_in_source;
use cairn_app::reports::ReportKind;
use cairn_app::upgrades::Worked;
use cairn_protocol::ApiError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::Invoke;
use tauri::{AppHandle, Runtime, State, WebviewWindow};

use crate::dialogs;
use crate::shell::Shell;
use crate::tray::Tray;
use crate::updates::Updates;

/// Entries of a tenant's history that the window is given.
const HISTORY_LENGTH: usize = 1_000;

macro_rules! commands {
    ($($name:ident),* $(,)?) => {
        /// All commands, for the Tauri builder.
        pub fn handler<R: Runtime>() -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$($name),*]
        }

        /// Their names.
        #[cfg(test)]
        const COMMANDS: &[&str] = &[$(stringify!($name)),*];
    };
}
include!("command_list.rs");

type Answer<T> = Result<T, Failure>;
type Host<'a> = State<'a, Arc<Shell>>;
type Newer<'a> = State<'a, Arc<Updates>>;

/// A request or an answer without content: `{}`.
#[derive(Debug, Deserialize, Serialize)]
pub struct Nothing {}

#[derive(Deserialize)]
pub struct SignIn {
    server: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
pub struct Unlock {
    passphrase: Option<String>,
}

#[derive(Deserialize)]
pub struct Passphrase {
    passphrase: String,
}

#[derive(Deserialize)]
pub struct OfTenant {
    tenant: String,
}

#[derive(Deserialize)]
pub struct WhichTenants {
    /// The one that was written to, in place of all.
    #[serde(default)]
    only: Option<String>,
}

#[derive(Deserialize)]
pub struct OfItem {
    tenant: String,
    entity: String,
}

#[derive(Deserialize)]
pub struct SetStatus {
    tenant: String,
    entity: String,
    status: String,
    reason: Option<String>,
}

#[derive(Deserialize)]
pub struct SetField {
    tenant: String,
    entity: String,
    field: String,
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
pub struct ChangeMany {
    tenant: String,
    entities: Vec<String>,
    edit: Edit,
}

#[derive(Deserialize)]
pub struct EditRefused {
    op: String,
    edit: Edit,
}

#[derive(Deserialize)]
pub struct ResolveMany {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
pub struct Comment {
    tenant: String,
    entity: String,
    text: String,
    visibility: String,
}

#[derive(Deserialize)]
pub struct OfOp {
    op: String,
}

/// `day` is the calendar date where the window stands: the web view knows the zone, the core does not
/// ask for it.
#[derive(Deserialize)]
pub struct OfDay {
    day: String,
    limit: u32,
}

#[derive(Deserialize)]
pub struct Revert {
    ops: Vec<String>,
    keep: bool,
}

/// From a built-in playbook by its key, or from a file's source.
#[derive(Deserialize)]
pub struct StartProject {
    tenant: String,
    playbook: Option<String>,
    source: Option<String>,
    mode: Option<String>,
    go_live: Option<String>,
}

#[derive(Deserialize)]
pub struct OfSource {
    source: String,
}

/// To the built-in version of the project's playbook, or to that of a file's source.
#[derive(Deserialize)]
pub struct PlanUpgrade {
    tenant: String,
    source: Option<String>,
}

#[derive(Deserialize)]
pub struct UpgradeProject {
    tenant: String,
    source: Option<String>,
    /// What the plan that the person looked at said.
    seen: String,
    /// Whether items that go but hold something stay.
    keep: bool,
}

#[derive(Deserialize)]
pub struct Resolve {
    conflict: String,
    take: String,
}

#[derive(Deserialize)]
pub struct OfNotice {
    tenant: String,
    key: String,
}

#[derive(Deserialize)]
pub struct InFront {
    place: Option<OfItem>,
}

#[derive(Deserialize)]
pub struct ChooseImport {
    /// A folder, in place of a file.
    folder: bool,
}

/// Files as an import of a tenant. `path` is what was chosen, dropped on the window or typed.
#[derive(Deserialize)]
pub struct OfImport {
    tenant: String,
    path: PathBuf,
    format: Option<String>,
    rules: Option<String>,
    /// What was said about the files by hand.
    #[serde(default)]
    mapping: ImportRules,
}

/// Rows of a tenant's plan.
#[derive(Deserialize)]
pub struct RowsOfPlan {
    tenant: String,
    #[serde(flatten)]
    query: PlanQuery,
}

/// People of a tenant's roster.
#[derive(Deserialize)]
pub struct PeopleOf {
    tenant: String,
    #[serde(flatten)]
    query: PeopleQuery,
}

#[derive(Deserialize)]
pub struct RunImport {
    #[serde(flatten)]
    import: OfImport,
    choices: RunChoices,
}

/// An import by its name.
#[derive(Deserialize)]
pub struct OneImport {
    import: String,
}

#[derive(Deserialize)]
pub struct SaveReport {
    import: String,
    kind: ReportKind,
}

#[derive(Serialize)]
pub struct Imports {
    imports: Vec<ImportRow>,
}

#[derive(Deserialize)]
pub struct KeepDraft {
    tenant: String,
    /// None forgets the one that is kept.
    draft: Option<ImportDraft>,
}

/// Files of one source, as a look names it.
#[derive(Deserialize)]
pub struct OfFiles {
    tenant: String,
    source: String,
}

#[derive(Deserialize)]
pub struct RememberMapping {
    #[serde(flatten)]
    of: OfFiles,
    mapping: ImportRules,
}

#[derive(Deserialize)]
pub struct SaveMapping {
    mapping: ImportRules,
}

#[derive(Deserialize)]
pub struct ExportRejected {
    #[serde(flatten)]
    import: OfImport,
    /// One of the import's files, as the report names it.
    file: String,
}

impl OfImport {
    fn split(self) -> (String, ImportRequest) {
        let Self { tenant, path, format, rules, mapping } = self;
        (tenant, ImportRequest { path, format, rules, mapping })
    }
}

#[derive(Serialize)]
pub struct Tenants {
    tenants: Vec<TenantRow>,
}

#[derive(Serialize)]
pub struct History {
    ops: Vec<HistoryRow>,
}

fn failure(error: ApiError) -> Failure {
    Failure { code: error.code, message: error.message, details: error.details }
}

async fn standing(shell: &Arc<Shell>) -> Answer<Session> {
    shell.blocking(Shell::standing).await.map_err(failure)
}

#[tauri::command]
async fn session(shell: Host<'_>, request: Nothing) -> Answer<Session> {
    let Nothing {} = request;
    standing(&shell).await
}

/// Signs in and receives the tenants at once: the next screen has something to show.
#[tauri::command]
async fn sign_in(shell: Host<'_>, request: SignIn) -> Answer<Session> {
    let SignIn { server, name, password } = request;
    shell.session().sign_in(server.trim(), name.trim(), &password, crate::now()).await.map_err(failure)?;
    shell.active();
    if let Err(error) = shell.sync().await {
        // Signed in is signed in: the sync line says what is wrong, and the background goes on.
        tracing::info!(code = error.code, "the first sync did not work");
    }
    shell.nudge();
    standing(&shell).await
}

/// Signing out of a locked window needs its database, so it is unlocked first.
#[tauri::command]
async fn sign_out(shell: Host<'_>, request: Nothing) -> Answer<Session> {
    let Nothing {} = request;
    shell.blocking(|shell| shell.unlock(None)).await.map_err(failure)?;
    shell.drop_work();
    shell.session().sign_out().await.map_err(failure)?;
    standing(&shell).await
}

/// Where somebody may no longer sign in, this is the way out for their work.
#[tauri::command]
async fn export_unsent(shell: Host<'_>, request: Nothing) -> Answer<Exported> {
    let Nothing {} = request;
    let folder = dirs::download_dir().filter(|folder| folder.is_dir()).or_else(dirs::home_dir);
    let folder = folder.ok_or_else(|| failure(fault("cannot_write", "This system names no home folder.")))?;
    shell.blocking(move |shell| shell.export_unsent(&folder)).await.map_err(failure)
}

#[tauri::command]
async fn lock(shell: Host<'_>, request: Nothing) -> Answer<Session> {
    let Nothing {} = request;
    shell.blocking(|shell| shell.lock("asked")).await.map_err(failure)?;
    standing(&shell).await
}

#[tauri::command]
async fn unlock(shell: Host<'_>, request: Unlock) -> Answer<Session> {
    let work = move |shell: &Shell| shell.unlock(request.passphrase.as_deref());
    let now = shell.blocking(work).await.map_err(failure)?;
    // Offline access ran out: only a contact with the service opens this.
    if matches!(&now, Session::Locked { why, .. } if why == "lease") {
        shell.sync().await.map_err(failure)?;
        return standing(&shell).await;
    }
    Ok(now)
}

/// Somebody moves in the window; without it for a quarter of an hour the window locks.
#[tauri::command]
async fn active(shell: Host<'_>, request: Nothing) -> Answer<Nothing> {
    shell.active();
    Ok(request)
}

#[tauri::command]
async fn set_recovery_passphrase(shell: Host<'_>, request: Passphrase) -> Answer<Nothing> {
    let work = move |shell: &Shell| shell.session().set_recovery_passphrase(&request.passphrase);
    shell.blocking(work).await.map_err(failure)?;
    Ok(Nothing {})
}

#[tauri::command]
async fn status(shell: Host<'_>, request: Nothing) -> Answer<StatusLine> {
    let Nothing {} = request;
    shell.blocking(Shell::status).await.map_err(failure)
}

#[tauri::command]
async fn tenants(shell: Host<'_>, request: WhichTenants) -> Answer<Tenants> {
    let read = move |desk: &mut Desk, _| match &request.only {
        Some(only) => desk.tenant(only).map(|row| vec![row]),
        None => desk.tenants(),
    };
    Ok(Tenants { tenants: shell.read(read).await.map_err(failure)? })
}

#[tauri::command]
async fn checklist(shell: Host<'_>, request: OfTenant) -> Answer<ChecklistView> {
    shell.read(move |desk, _| desk.checklist(&request.tenant, None)).await.map_err(failure)
}

#[tauri::command]
async fn item(shell: Host<'_>, request: OfItem) -> Answer<ItemDetail> {
    shell.read(move |desk, now| desk.item(&request.tenant, &request.entity, now)).await.map_err(failure)
}

#[tauri::command]
async fn set_status(shell: Host<'_>, request: SetStatus) -> Answer<Written> {
    let SetStatus { tenant, entity, status, reason } = request;
    let work =
        move |desk: &mut cairn_app::Desk, now| desk.set_status(&tenant, &entity, &status, reason, None, now);
    shell.write(work).await.map_err(failure)
}

#[tauri::command]
async fn set_field(shell: Host<'_>, request: SetField) -> Answer<Written> {
    let SetField { tenant, entity, field, value } = request;
    let work =
        move |desk: &mut cairn_app::Desk, now| desk.set_field(&tenant, &entity, &field, value, None, now);
    shell.write(work).await.map_err(failure)
}

#[tauri::command]
async fn change_many(shell: Host<'_>, request: ChangeMany) -> Answer<ManyWritten> {
    let ChangeMany { tenant, entities, edit } = request;
    shell.write(move |desk, now| desk.change_many(&tenant, &entities, &edit, now)).await.map_err(failure)
}

#[tauri::command]
async fn comment(shell: Host<'_>, request: Comment) -> Answer<Written> {
    let Comment { tenant, entity, text, visibility } = request;
    let client = visibility == "client";
    let work = move |desk: &mut cairn_app::Desk, now| desk.comment(&tenant, &entity, text, client, None, now);
    shell.write(work).await.map_err(failure)
}

#[tauri::command]
async fn undo(shell: Host<'_>, request: OfOp) -> Answer<Written> {
    shell.write(move |desk, now| desk.undo(&request.op, now)).await.map_err(failure)
}

#[tauri::command]
async fn start_project(shell: Host<'_>, request: StartProject) -> Answer<Written> {
    let StartProject { tenant, playbook, source, mode, go_live } = request;
    let source = match source {
        Some(source) => source,
        None => built_in_source(&playbook.unwrap_or_default()).map_err(failure)?.to_owned(),
    };
    let work =
        move |desk: &mut cairn_app::Desk, now| desk.start_project(&tenant, &source, mode, go_live, now);
    shell.write(work).await.map_err(failure)
}

/// Needs no tenant and no database: a file is good or bad by itself.
#[tauri::command]
async fn check_playbook(shell: Host<'_>, request: OfSource) -> Answer<PlaybookCheck> {
    shell.blocking(move |_| Ok(cairn_app::projects::check(&request.source))).await.map_err(failure)
}

#[tauri::command]
async fn take_playbook(shell: Host<'_>, request: Nothing) -> Answer<Option<OpenedPlaybook>> {
    let Nothing {} = request;
    shell.blocking(Shell::take_playbook).await.map_err(failure)
}

#[tauri::command]
async fn plan_upgrade(shell: Host<'_>, request: PlanUpgrade) -> Answer<UpgradePlan> {
    let PlanUpgrade { tenant, source } = request;
    shell.read(move |desk, _| desk.plan_upgrade(&tenant, source.as_deref(), None)).await.map_err(failure)
}

#[tauri::command]
async fn upgrade_project(shell: Host<'_>, request: UpgradeProject) -> Answer<Written> {
    let UpgradeProject { tenant, source, seen, keep } = request;
    let worked = if keep { Worked::Stays } else { Worked::Goes };
    let work = move |desk: &mut cairn_app::Desk, now| {
        desk.upgrade_project(&tenant, source.as_deref(), &seen, worked, now)
    };
    shell.write(work).await.map_err(failure)
}

#[tauri::command]
async fn history(shell: Host<'_>, request: OfTenant) -> Answer<History> {
    let work = move |desk: &mut cairn_app::Desk, now| desk.history(&request.tenant, HISTORY_LENGTH, now);
    Ok(History { ops: shell.read(work).await.map_err(failure)? })
}

#[tauri::command]
async fn today(shell: Host<'_>, request: OfDay) -> Answer<TodayView> {
    let OfDay { day, limit } = request;
    shell.read(move |desk, now| desk.today(&day, limit as usize, now)).await.map_err(failure)
}

#[tauri::command]
async fn changes(shell: Host<'_>, request: HistoryFilter) -> Answer<HistoryPage> {
    shell.read(move |desk, _| desk.changes(&request)).await.map_err(failure)
}

/// With `keep` false it only says what would happen, and nothing is sent because of it.
#[tauri::command]
async fn revert(shell: Host<'_>, request: Revert) -> Answer<RevertView> {
    let Revert { ops, keep } = request;
    let work = move |desk: &mut cairn_app::Desk, now| desk.revert(&ops, keep, now);
    let done = if keep { shell.write(work).await } else { shell.read(work).await };
    done.map_err(failure)
}

#[tauri::command]
async fn sync_now(shell: Host<'_>, request: Nothing) -> Answer<SyncReport> {
    let Nothing {} = request;
    let report = shell.sync().await.map_err(failure)?;
    // The background may be in a long pause after failures.
    shell.nudge();
    Ok(report)
}

#[tauri::command]
async fn sync_view(shell: Host<'_>, request: Nothing) -> Answer<SyncView> {
    let Nothing {} = request;
    shell.read(|desk, _| desk.sync_view()).await.map_err(failure)
}

#[tauri::command]
async fn resolve(shell: Host<'_>, request: Resolve) -> Answer<Written> {
    shell.write(move |desk, now| desk.resolve(&request.conflict, &request.take, now)).await.map_err(failure)
}

#[tauri::command]
async fn resolve_many(shell: Host<'_>, request: ResolveMany) -> Answer<ManyWritten> {
    shell.write(move |desk, now| desk.resolve_many(&request.choices, now)).await.map_err(failure)
}

#[tauri::command]
async fn edit_refused(shell: Host<'_>, request: EditRefused) -> Answer<Written> {
    let EditRefused { op, edit } = request;
    shell.write(move |desk, now| desk.edit_refused(&op, &edit, now)).await.map_err(failure)
}

#[tauri::command]
async fn retry(shell: Host<'_>, request: OfOp) -> Answer<Written> {
    shell.write(move |desk, now| desk.retry(&request.op, now)).await.map_err(failure)
}

#[tauri::command]
async fn discard(shell: Host<'_>, request: OfOp) -> Answer<Nothing> {
    shell.write(move |desk, _| desk.discard(&request.op)).await.map_err(failure)?;
    Ok(Nothing {})
}

#[tauri::command]
async fn held_adopt(shell: Host<'_>, request: OfOp) -> Answer<Written> {
    shell.write(move |desk, now| desk.decide_held(&request.op, true, now)).await.map_err(failure)
}

#[tauri::command]
async fn held_discard(shell: Host<'_>, request: OfOp) -> Answer<Written> {
    shell.write(move |desk, now| desk.decide_held(&request.op, false, now)).await.map_err(failure)
}

#[tauri::command]
async fn audit_verify(shell: Host<'_>, request: OfTenant) -> Answer<Value> {
    shell.read(move |desk, _| desk.audit_verify(&request.tenant)).await.map_err(failure)
}

#[tauri::command]
async fn inbox(shell: Host<'_>, request: Nothing) -> Answer<InboxView> {
    let Nothing {} = request;
    shell.read(|desk, _| desk.inbox()).await.map_err(failure)
}

#[tauri::command]
async fn mark_read(shell: Host<'_>, request: OfNotice) -> Answer<Nothing> {
    let work = move |desk: &mut cairn_app::Desk, _| desk.mark_read(Some((&request.tenant, &request.key)));
    shell.read(work).await.map_err(failure)?;
    shell.news();
    Ok(Nothing {})
}

#[tauri::command]
async fn mark_all_read(shell: Host<'_>, request: Nothing) -> Answer<Nothing> {
    shell.read(|desk, _| desk.mark_read(None)).await.map_err(failure)?;
    shell.news();
    Ok(request)
}

/// What the person has in front of them, while the window is in front: that raises no toast.
#[tauri::command]
async fn in_front(shell: Host<'_>, request: InFront) -> Answer<Nothing> {
    let place = request.place.and_then(|at| Some((at.tenant.parse().ok()?, at.entity.parse().ok()?)));
    shell.set_in_front(place);
    Ok(Nothing {})
}

#[tauri::command]
async fn settings(shell: Host<'_>, request: Nothing) -> Answer<SettingsView> {
    let Nothing {} = request;
    Ok(shell.settings_view())
}

#[tauri::command]
async fn change_settings<R: Runtime>(
    shell: Host<'_>,
    tray: State<'_, Arc<Tray<R>>>,
    window: WebviewWindow<R>,
    request: SettingsEdit,
) -> Answer<SettingsView> {
    if let Some(wanted) = request.keep_running
        && !tray.follow(wanted).await
    {
        let message = "This desktop has no tray, so closing the window ends Cairn.";
        return Err(failure(fault("no_tray", message)));
    }
    let sized = request.zoom_percent.is_some();
    let view = shell.blocking(move |shell| shell.change_settings(&request)).await.map_err(failure)?;
    if sized && let Err(error) = window.set_zoom(shell.settings().zoom.factor()) {
        tracing::warn!(%error, "the window keeps its size");
    }
    Ok(view)
}

#[tauri::command]
async fn computer(shell: Host<'_>, request: Nothing) -> Answer<ComputerView> {
    let Nothing {} = request;
    shell.blocking(|shell| shell.session().computer(crate::now())).await.map_err(failure)
}

#[tauri::command]
async fn about(shell: Host<'_>, request: Nothing) -> Answer<About> {
    let Nothing {} = request;
    shell.blocking(|shell| crate::about::of(shell.session())).await.map_err(failure)
}

#[tauri::command]
async fn update(updates: Newer<'_>, request: Nothing) -> Answer<UpdateView> {
    let Nothing {} = request;
    Ok(updates.view())
}

#[tauri::command]
async fn check_update(updates: Newer<'_>, request: Nothing) -> Answer<UpdateView> {
    let Nothing {} = request;
    Ok(updates.check().await)
}

/// Fetches and installs what [`check_update`] found; answers when that is over, one way or another.
#[tauri::command]
async fn install_update(updates: Newer<'_>, request: Nothing) -> Answer<UpdateView> {
    let Nothing {} = request;
    Ok(updates.install().await)
}

#[tauri::command]
async fn cancel_update(updates: Newer<'_>, request: Nothing) -> Answer<Nothing> {
    updates.cancel();
    Ok(request)
}

/// Starts again, so that what was installed runs.
#[tauri::command]
async fn restart<R: Runtime>(app: AppHandle<R>, request: Nothing) -> Answer<Nothing> {
    app.request_restart();
    Ok(request)
}

#[tauri::command]
async fn backups(shell: Host<'_>, request: Nothing) -> Answer<BackupList> {
    let Nothing {} = request;
    shell.blocking(Shell::backups).await.map_err(failure)
}

#[tauri::command]
async fn back_up(shell: Host<'_>, request: Nothing) -> Answer<BackupRow> {
    let Nothing {} = request;
    shell.blocking(Shell::back_up).await.map_err(failure)
}

#[tauri::command]
async fn restore(shell: Host<'_>, request: RestoreRequest) -> Answer<Restored> {
    shell.restore(request).await.map_err(failure)
}

/// Asks in the desktop's dialog; the answer is a path, null where none was chosen.
#[tauri::command]
async fn choose_import<R: Runtime>(
    window: WebviewWindow<R>,
    request: ChooseImport,
) -> Answer<Option<String>> {
    let chosen = if request.folder {
        dialogs::import_folder(&window).await
    } else {
        dialogs::import_file(&window).await
    };
    Ok(chosen.map_err(failure)?.map(|path| path.display().to_string()))
}

#[tauri::command]
async fn look_at_import(shell: Host<'_>, request: OfImport) -> Answer<ImportLook> {
    let (tenant, request) = request.split();
    let prepare = move |desk: &cairn_app::Desk, watch| desk.import(&tenant, &request, watch);
    shell.long(prepare, |import| import.look()).await.map_err(failure)
}

#[tauri::command]
async fn check_import(shell: Host<'_>, request: OfImport) -> Answer<ImportReport> {
    let (tenant, request) = request.split();
    let prepare = move |desk: &cairn_app::Desk, watch| desk.import(&tenant, &request, watch);
    shell.long(prepare, |import| import.check()).await.map_err(failure)
}

#[tauri::command]
async fn plan_import(shell: Host<'_>, request: OfImport) -> Answer<ImportPlan> {
    let (tenant, request) = request.split();
    shell.plan_import(tenant, request).await.map_err(failure)
}

/// A page of the rows of the plan that was made last: what each record is and would be.
#[tauri::command]
async fn plan_rows(shell: Host<'_>, request: RowsOfPlan) -> Answer<PlanPage> {
    shell.blocking(move |shell| shell.plan_rows(&request.tenant, &request.query)).await.map_err(failure)
}

/// How far the person is with a tenant's import; null where none was begun.
#[tauri::command]
async fn import_draft(shell: Host<'_>, request: OfTenant) -> Answer<Option<ImportDraft>> {
    shell.read(move |desk, _| desk.import_draft(&request.tenant)).await.map_err(failure)
}

#[tauri::command]
async fn keep_import_draft(shell: Host<'_>, request: KeepDraft) -> Answer<Nothing> {
    let KeepDraft { tenant, draft } = request;
    shell.read(move |desk, _| desk.keep_import_draft(&tenant, draft.as_ref())).await.map_err(failure)?;
    Ok(Nothing {})
}

/// What was said the last time about files of that source; null where nothing was.
#[tauri::command]
async fn remembered_mapping(shell: Host<'_>, request: OfFiles) -> Answer<Option<RememberedMapping>> {
    let OfFiles { tenant, source } = request;
    shell.read(move |desk, _| desk.remembered_mapping(&tenant, &source)).await.map_err(failure)
}

#[tauri::command]
async fn remember_mapping(shell: Host<'_>, request: RememberMapping) -> Answer<Nothing> {
    let RememberMapping { of: OfFiles { tenant, source }, mapping } = request;
    let work = move |desk: &mut cairn_app::Desk, now| desk.remember_mapping(&tenant, &source, &mapping, now);
    shell.read(work).await.map_err(failure)?;
    Ok(Nothing {})
}

/// Asks in the desktop's dialog for a mapping file and reads it; null where none was chosen.
#[tauri::command]
async fn open_mapping<R: Runtime>(
    window: WebviewWindow<R>,
    shell: Host<'_>,
    request: Nothing,
) -> Answer<Option<ImportRules>> {
    let Nothing {} = request;
    let Some(path) = dialogs::mapping_file(&window).await.map_err(failure)? else { return Ok(None) };
    shell.blocking(move |_| cairn_app::imports::read_mapping(&path)).await.map(Some).map_err(failure)
}

/// Asks in the desktop's dialog where to, and answers the file's path; null where no place was chosen.
#[tauri::command]
async fn save_mapping<R: Runtime>(
    window: WebviewWindow<R>,
    shell: Host<'_>,
    request: SaveMapping,
) -> Answer<Option<String>> {
    let Some(into) = dialogs::save_mapping(&window).await.map_err(failure)? else { return Ok(None) };
    let save = move |_: &Shell| {
        cairn_app::drafts::save_mapping(&request.mapping, &into).map(|()| into.display().to_string())
    };
    shell.blocking(save).await.map(Some).map_err(failure)
}

/// Asks for an import: with the service in reach it may be answered at once, otherwise it is queued.
#[tauri::command]
async fn run_import(shell: Host<'_>, request: RunImport) -> Answer<ImportRun> {
    let RunImport { import, choices } = request;
    let (tenant, request) = import.split();
    shell.run_import(tenant, request, choices).await.map_err(failure)
}

/// The tenant's imports, newest first.
#[tauri::command]
async fn imports(shell: Host<'_>, request: OfTenant) -> Answer<Imports> {
    let underway = shell.session().underway();
    let tenant = request.tenant.clone();
    let read = move |desk: &mut Desk, now| desk.imports(&request.tenant, now, underway.as_ref());
    let imports = shell.read(read).await.map_err(failure)?;
    if imports.iter().any(|row| row.state == "requested") {
        let shell = Arc::clone(&shell);
        // What it says is there at the next look at the list.
        tauri::async_runtime::spawn(async move { shell.session().look_at_staging(&tenant).await.ok() });
    }
    Ok(Imports { imports })
}

/// Holds an import against the roster on this computer; reads all of it.
#[tauri::command]
async fn verify_import(shell: Host<'_>, request: OneImport) -> Answer<ImportVerified> {
    let prepare = move |desk: &cairn_app::Desk, watch| desk.verifying(&request.import, watch);
    shell.long(prepare, |verifying| verifying.verify()).await.map_err(failure)
}

/// Verifies once more and writes a signed report where the desktop's dialog says; null where no place was
/// chosen.
#[tauri::command]
async fn save_import_report<R: Runtime>(
    window: WebviewWindow<R>,
    shell: Host<'_>,
    request: SaveReport,
) -> Answer<Option<SavedReport>> {
    let SaveReport { import, kind } = request;
    let Some(into) = dialogs::save_report(&window, kind.ending()).await.map_err(failure)? else {
        return Ok(None);
    };
    let (now, of) = (shell.now(), import.clone());
    let prepare = move |desk: &cairn_app::Desk, watch| desk.reporting(&of, watch, now);
    let saved = shell.long(prepare, move |report| report.save(kind, &into)).await.map_err(failure)?;
    shell.write(move |desk, now| desk.note_report(&import, now)).await.map_err(failure)?;
    Ok(Some(saved))
}

/// Says whether a report that somebody holds is as it was signed; null where none was chosen.
#[tauri::command]
async fn check_import_report<R: Runtime>(
    window: WebviewWindow<R>,
    shell: Host<'_>,
    request: Nothing,
) -> Answer<Option<ReportChecked>> {
    let Nothing {} = request;
    let Some(file) = dialogs::report_file(&window).await.map_err(failure)? else { return Ok(None) };
    shell.read(move |desk, _| desk.check_import_report(&file)).await.map(Some).map_err(failure)
}

/// Takes an import back; without the service in reach that is queued.
#[tauri::command]
async fn roll_back_import(shell: Host<'_>, request: OneImport) -> Answer<ImportRollback> {
    shell.roll_import_back(request.import).await.map_err(failure)
}

/// How far the check or plan is that runs now; null where none does.
#[tauri::command]
async fn import_progress(shell: Host<'_>, request: Nothing) -> Answer<Option<ImportProgress>> {
    let Nothing {} = request;
    Ok(shell.jobs.progress())
}

/// What runs answers `import_cancelled` at once.
#[tauri::command]
async fn cancel_import(shell: Host<'_>, request: Nothing) -> Answer<Nothing> {
    shell.jobs.cancel();
    Ok(request)
}

/// Asks in the desktop's dialog where to; null where no place was chosen.
#[tauri::command]
async fn export_rejected<R: Runtime>(
    window: WebviewWindow<R>,
    shell: Host<'_>,
    request: ExportRejected,
) -> Answer<Option<ExportedRows>> {
    let ExportRejected { import, file } = request;
    let Some(into) = dialogs::save_table(&window, rejected_name(&file)).await.map_err(failure)? else {
        return Ok(None);
    };
    let (tenant, request) = import.split();
    let (of, name) = (tenant.clone(), file.clone());
    let prepare = move |desk: &cairn_app::Desk, watch| desk.import(&of, &request, watch);
    let work = move |import: cairn_app::imports::Import| import.export_rejected(&name, &into);
    let written = shell.long(prepare, work).await.map_err(failure)?;
    let rows = written.rows;
    let note = move |desk: &mut cairn_app::Desk, now| desk.note_rejected_export(&tenant, &file, rows, now);
    shell.write(note).await.map_err(failure)?;
    Ok(Some(written))
}

/// A page of the people of a tenant's roster on this computer.
#[tauri::command]
async fn people(shell: Host<'_>, request: PeopleOf) -> Answer<PeoplePage> {
    let PeopleOf { tenant, query } = request;
    shell.people(tenant, query).await.map_err(failure)
}

/// The name that is proposed for the rejected rows of a file.
fn rejected_name(file: &str) -> String {
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}-rejected.csv")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn listed() -> BTreeSet<String> {
        COMMANDS.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn rejected_rows_are_named_after_their_file() {
        assert_eq!(rejected_name("users.csv"), "users-rejected.csv");
        assert_eq!(rejected_name("../users"), "users-rejected.csv");
        assert_eq!(rejected_name("people.xlsx#Sheet 1"), "people-rejected.csv");
    }

    #[test]
    fn the_capabilities_list_every_command_and_nothing_else() {
        let config: Value = serde_json::from_str(include_str!("../../tauri.conf.json")).unwrap();
        let permissions = &config["app"]["security"]["capabilities"][0]["permissions"];
        let own = permissions
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|name| Some(name.as_str()?.strip_prefix("allow-")?.replace('-', "_")));
        assert_eq!(own.collect::<BTreeSet<_>>(), listed());
    }

    #[test]
    fn the_window_knows_every_command_and_nothing_else() {
        let source = include_str!("../../ui/src/lib/host/commands.ts");
        let map = source.split("export type Commands = {").nth(1).unwrap().split("\n};").next().unwrap();
        let names = map.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("  ")?.split_once(": [")?;
            Some(name.to_owned())
        });
        assert_eq!(names.collect::<BTreeSet<_>>(), listed());
    }
}
