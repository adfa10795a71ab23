//! The desktop's own dialogs for files. The shell opens them, so the page needs no authority over files.

use std::path::PathBuf;

use cairn_app::error::{Result, fault};
use rfd::{AsyncFileDialog, FileHandle};
use tauri::{Runtime, WebviewWindow};
use tokio::sync::oneshot;

/// What can be read as an import, by the endings of the files (docs/imports.md).
const TABLES: &[&str] = &["zip", "csv", "tsv", "tab", "txt", "xlsx"];

type Picking = std::pin::Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>>;

/// Asks which file to import; none where the person chose none.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn import_file<R: Runtime>(window: &WebviewWindow<R>) -> Result<Option<PathBuf>> {
    ask(window, |dialog| {
        let dialog = dialog.set_title("Choose a roster").add_filter("Rosters", TABLES);
        Box::pin(dialog.pick_file())
    })
    .await
}

/// Asks which folder to import; none where the person chose none.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn import_folder<R: Runtime>(window: &WebviewWindow<R>) -> Result<Option<PathBuf>> {
    ask(window, |dialog| Box::pin(dialog.set_title("Choose the roster's folder").pick_folder())).await
}

/// Asks which mapping file to use; none where the person chose none.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn mapping_file<R: Runtime>(window: &WebviewWindow<R>) -> Result<Option<PathBuf>> {
    ask(window, |dialog| {
        let dialog = dialog.set_title("Choose a mapping file");
        Box::pin(dialog.add_filter("Mapping files", &["toml", "json"]).pick_file())
    })
    .await
}

/// Asks where to put a mapping file; none where the person chose no place.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn save_mapping<R: Runtime>(window: &WebviewWindow<R>) -> Result<Option<PathBuf>> {
    ask(window, |dialog| {
        let dialog = dialog.set_title("Save the mapping").set_file_name("mapping.toml");
        Box::pin(dialog.add_filter("Mapping files", &["toml"]).save_file())
    })
    .await
}

/// Asks where to put a table, `name` being proposed; none where the person chose no place.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn save_table<R: Runtime>(window: &WebviewWindow<R>, name: String) -> Result<Option<PathBuf>> {
    ask(window, move |dialog| {
        let dialog = dialog.set_title("Save the rejected rows").set_file_name(name);
        Box::pin(dialog.add_filter("CSV", &["csv"]).save_file())
    })
    .await
}

/// Asks where to put a report with this ending; none where the person chose no place.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn save_report<R: Runtime>(
    window: &WebviewWindow<R>,
    ending: &'static str,
) -> Result<Option<PathBuf>> {
    ask(window, move |dialog| {
        let dialog = dialog.set_title("Save the report");
        let dialog = dialog.set_file_name(format!("import-report.{ending}"));
        Box::pin(dialog.add_filter("Reports", &[ending]).save_file())
    })
    .await
}

/// Asks which report to check; none where the person chose none.
///
/// # Errors
/// `no_dialog` where the desktop opens none.
pub async fn report_file<R: Runtime>(window: &WebviewWindow<R>) -> Result<Option<PathBuf>> {
    ask(window, |dialog| {
        let dialog = dialog.set_title("Choose a report");
        Box::pin(dialog.add_filter("Reports", &["html", "csv"]).pick_file())
    })
    .await
}

/// Desktops open dialogs on the thread of the window, above it; waiting for the person happens elsewhere.
async fn ask<R: Runtime>(
    window: &WebviewWindow<R>,
    open: impl FnOnce(AsyncFileDialog) -> Picking + Send + 'static,
) -> Result<Option<PathBuf>> {
    let none = |_| fault("no_dialog", "This desktop opens no dialog for files. Type the path instead.");
    let (tell, told) = oneshot::channel();
    let above = window.clone();
    let picking = move || drop(tell.send(open(AsyncFileDialog::new().set_parent(&above))));
    window.run_on_main_thread(picking).map_err(|error| none(error.to_string()))?;
    let picking = told.await.map_err(|error| none(error.to_string()))?;
    Ok(picking.await.map(|file| file.path().to_owned()))
}
