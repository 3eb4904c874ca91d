//! Health for machines: alive, and ready.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

/// Ready means that the database answers.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.db.ping().await {
        Ok(()) => Json(json!({"ready": true, "database": "ok"})).into_response(),
        Err(error) => {
            tracing::warn!(error = %crate::app::chain(&error), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"ready": false, "database": "away"}))).into_response()
        }
    }
}
