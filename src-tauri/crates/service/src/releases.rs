//! The folder of releases: signed manifests and packages, given to whoever asks.
//!
//! The service vouches for nothing here. Laptops check what the makers signed (docs/updates.md), so
//! these files need no account, and a folder that somebody changed can install nothing.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use cairn_protocol::updates::is_plain_name;
use cairn_protocol::{ApiError, code};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::http::refused;

/// `GET /v1/releases/{file}` from `folder`; without a folder there is nothing to give.
pub fn router<S: Clone + Send + Sync + 'static>(folder: Option<PathBuf>) -> Router<S> {
    Router::new().route("/v1/releases/{file}", get(give)).with_state(Arc::new(folder))
}

async fn give(
    State(folder): State<Arc<Option<PathBuf>>>,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let Some(folder) = folder.as_ref().as_ref().filter(|_| is_plain_name(&file)) else {
        return refused(ApiError::new(code::NOT_FOUND, "There is no such release."));
    };
    match ServeFile::new(folder.join(file)).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
