//! The JSON API: the same acts as the pages, for programs. Answers are resources or problems (RFC 9457).
//!
//! Reading order: `body` and `query` (what came, read strictly), `cases`, `conversation`, `tests`, `whitelist`,
//! `exports`, `watching`, `calendars`, `webhooks`, `mail`, `alerting_ips` (one file per resource), `present` (what a person
//! may see of them).

mod alerting_ips;
mod body;
mod calendars;
mod cases;
mod conversation;
mod exports;
mod mail;
mod notices;
mod present;
mod query;
mod tests;
mod watching;
mod webhooks;
mod whitelist;

use std::sync::Arc;

use axum::Router;
use axum::body::Body as Content;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value as Json;
use uuid::Uuid;

pub(super) use cases::is_known;

use super::portal::{files, notice};
use super::problem::Failure;
use crate::app::{App, Error};
use crate::store::idempotency::Answer;

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) fn routes() -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/requests", post(cases::create))
        .route("/cases", get(cases::list))
        .route("/cases/{number}", get(cases::one))
        .route("/cases/{number}/events/{event}", post(cases::act))
        .route("/cases/{number}/claim", post(cases::claim))
        .route("/cases/{number}/release", post(cases::release))
        .route("/cases/{number}/messages", get(conversation::list).post(conversation::write))
        .route("/cases/{number}/attachments/{file}", get(files::download))
        .route("/cases/{number}/tests", get(tests::list))
        .route("/cases/{number}/tests/{test}", get(tests::one))
        .route("/cases/{number}/watch", get(watching::of_case))
        .route("/cases/{number}/watch/{act}", post(watching::act))
        .route("/servers/{id}/watch", get(watching::of_server))
        .route("/watches", get(watching::list))
        .route("/cases/{number}/notice.ics", get(notice::calendar))
        .route("/cases/{number}/contacts/{contact}/verify", post(notices::verify))
        .route("/servers/{server}/change-ip", post(notices::give))
        .route("/queue/next", post(cases::next))
        .route("/cases/{number}/priority", post(cases::prioritize))
        .route("/account/mail", get(mail::one).put(mail::put))
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/{id}", get(webhooks::one))
        .route("/webhooks/{id}/on", post(webhooks::on))
        .route("/webhooks/{id}/off", post(webhooks::off))
        .route("/webhooks/{id}/ping", post(webhooks::ping))
        .route("/webhooks/{id}/redeliver", post(webhooks::redeliver_since))
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/webhooks/{id}/deliveries/{event}", get(webhooks::delivery))
        .route("/webhooks/{id}/deliveries/{event}/redeliver", post(webhooks::redeliver))
        .route("/alerting-ips", get(alerting_ips::list).post(alerting_ips::add))
        .route("/alerting-ips/{number}", get(alerting_ips::one).put(alerting_ips::put))
        .route("/alerting-ips/{number}/retire", post(alerting_ips::retire))
        .route("/alerting-changes", get(alerting_ips::changes).post(alerting_ips::announce))
        .route("/alerting-changes/{number}", get(alerting_ips::change))
        .route("/alerting-changes/{number}/dates", post(alerting_ips::dates))
        .route("/alerting-changes/{number}/withdraw", post(alerting_ips::withdraw))
        .route("/alerting-changes/{number}/go-on", post(alerting_ips::go_on))
        .route("/alerting-changes/{number}/tunnels/{tunnel}/go-on", post(alerting_ips::go_on_with_tunnel))
        .route("/calendars", get(calendars::list))
        .route("/calendars/{name}", get(calendars::one).put(calendars::put));
    // Both words lead to the same lists: one is what firewalls' menus say, the other what style guides ask for.
    ["whitelist", "allowlist"].into_iter().fold(routes, with_lists)
}

/// The addresses of whitelists under one of their two words.
fn with_lists(routes: Router<Arc<App>>, word: &str) -> Router<Arc<App>> {
    routes
        .route(&format!("/{word}"), get(whitelist::list).post(whitelist::add))
        .route(&format!("/{word}/requests"), get(whitelist::requests))
        .route(&format!("/{word}/requests/{{request}}/approve"), post(whitelist::approve))
        .route(&format!("/{word}/requests/{{request}}/refuse"), post(whitelist::refuse))
        .route(&format!("/{word}/{{entry}}"), get(whitelist::one))
        .route(&format!("/{word}/{{entry}}/retire"), post(whitelist::retire))
        .route(&format!("/{word}/{{entry}}/stay"), post(whitelist::stay))
        .route(&format!("/{word}/{{entry}}/theirs"), post(whitelist::theirs))
        .route(&format!("/tunnels/{{tunnel}}/{word}"), get(exports::plan))
        .route(&format!("/tunnels/{{tunnel}}/{word}/applied"), post(exports::applied))
        .route(&format!("/tunnels/{{tunnel}}/{word}.json"), get(exports::json))
        .route(&format!("/tunnels/{{tunnel}}/{word}.txt"), get(exports::text))
        .route(&format!("/tunnels/{{tunnel}}/{word}.nft"), get(exports::nft))
}

/// The addresses that take files, whose bodies are larger than the others'.
pub(super) fn upload_routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/cases/{number}/attachments", post(conversation::upload))
}

/// A resource with its status.
fn resource(status: StatusCode, body: &Json) -> Response {
    json(status, body.to_string())
}

fn json(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, kind)], Content::from(text)).into_response()
}

/// The answer to a request that had been answered before: the stored body, whatever has become of the case since. What
/// the headers said then follows from it.
fn replayed(answer: Answer) -> Result<Response, Failure> {
    let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.ok_or_else(|| Error::Internal(format!("a stored answer has status {}", answer.status)))?;
    let body: Json = serde_json::from_str(&answer.answer).unwrap_or_default();
    let mut response = json(status, answer.answer);
    describe(&mut response, &body)?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Puts version and address of a case into the headers of its resource: the address where it was made just now.
fn describe(response: &mut Response, body: &Json) -> Result<(), Failure> {
    if let Some(tag) = body.get("etag").and_then(Json::as_str) {
        response.headers_mut().insert(ETAG, header(tag)?);
    }
    if let Some(url) = body.get("url").and_then(Json::as_str).filter(|_| response.status() == StatusCode::CREATED) {
        response.headers_mut().insert(LOCATION, header(url)?);
    }
    Ok(())
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|error| Error::Internal(format!("header {text:?}: {error}")).into())
}

/// An identifier in a path.
fn identifier(text: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_no_identifier| Error::NotFound.into())
}
