//! Health for machines: alive, and ready; figures on a listener of their own.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::app::App;
use crate::app::health::{self, Figures};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

/// The figures, for a listener that only the monitor reaches: counts over all customers are for none of them.
pub fn figures(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(app)
}

/// Ready, or everything that speaks against it.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let reasons = health::reasons(&app).await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": reasons.is_empty(), "reasons": reasons}))).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    match health::figures(&app).await {
        Ok(figures) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(&figures)).into_response(),
        Err(error) => {
            tracing::warn!(error = %crate::app::chain(&error), "no figures");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

/// The text format of Prometheus, version 0.0.4. Labels hold words of ours only, so nothing needs escaping.
fn text(figures: &Figures) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: Vec<(String, i64)>| {
        // Writing into a string cannot fail.
        let _always_ok = writeln!(text, "# HELP postern_{name} {help}\n# TYPE postern_{name} gauge");
        for (labels, value) in samples {
            let _always_ok = writeln!(text, "postern_{name}{labels} {value}");
        }
    };
    let one = |value: i64| vec![(String::new(), value)];
    let label = |name: &str, word: &str| format!("{{{name}=\"{word}\"}}");
    let version = label("version", env!("CARGO_PKG_VERSION"));
    family("build_info", "The version that runs.", vec![(version, 1)]);
    family("ready", "1 where nothing speaks against readiness.", one(i64::from(figures.ready)));
    let open = figures.open.iter().map(|row| (label("waiting_on", &row.word), row.count)).collect();
    family("cases_open", "Open cases by the side they wait for.", open);
    family("cases_overdue", "Open cases that wait for the vendor beyond their time.", one(figures.overdue));
    let effects = figures.effects.iter().map(|row| (label("state", &row.word), row.count)).collect();
    family("outbox_effects", "Effects that wait (pending) or were given up or are held (dead).", effects);
    let webhooks = figures.webhooks.iter().map(|row| (label("state", &row.word), row.count)).collect();
    let help = "Messages to programs that wait, were given up (failed) or were not sent (missed), of 30 days.";
    family("webhook_deliveries", help, webhooks);
    family("outbox_held", "Effects that are held after a restore.", one(figures.held));
    let help = "For how long the oldest effect that nobody carries out has been due.";
    family("outbox_backlog_seconds", help, one(figures.backlog_s));
    family("tunnel_tests_waiting", "Tests that wait or run.", one(figures.tests));
    let workers = figures.workers.iter().map(|(name, at)| (label("worker", name), at.timestamp())).collect();
    family("worker_last_look_timestamp_seconds", "When each worker looked for work last.", workers);
    text
}
