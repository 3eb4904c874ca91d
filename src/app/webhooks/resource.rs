//! Endpoints and messages as the API gives them. A key is in none of them.

use serde_json::{Value as Json, json};

use super::endpoints::View;
use super::log::Detail;
use crate::app::App;
use crate::domain::webhook::{Delivery, message_id};
use crate::store::deliveries::Logged;

/// An endpoint.
pub fn endpoint(app: &App, view: &View) -> Json {
    let endpoint = &view.endpoint;
    json!({
        "id": endpoint.id,
        "name": endpoint.name,
        "target": endpoint.url,
        "owner": endpoint.owner_email,
        "topics": view.topics,
        "is_on": endpoint.off_since.is_none(),
        "off_since": endpoint.off_since,
        "off_reason": endpoint.off_why,
        "failing_since": endpoint.failing_since,
        "rests_until": endpoint.rests_until,
        "key_set": view.key_made_at.is_some(),
        "key_made_at": view.key_made_at,
        "former_key_until": view.former_until,
        "made_at": endpoint.made_at,
        "url": format!("{}/api/v1/webhooks/{}", app.public_url, endpoint.id),
    })
}

/// A message of its log.
pub fn logged(app: &App, row: &Logged) -> Json {
    let last =
        row.tried_at.map(|at| json!({"at": at, "took_ms": row.took_ms, "status": row.status, "error": row.error}));
    json!({
        "id": row.event_id,
        "webhook_id": message_id(row.event_id),
        "topic": row.topic,
        "at": row.at,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": (row.state == Delivery::Waiting).then_some(row.not_before),
        "last_attempt": last,
        "url": format!("{}/api/v1/webhooks/{}/deliveries/{}", app.public_url, row.endpoint_id, row.event_id),
    })
}

/// A message with what is sent and every try.
pub fn detail(app: &App, detail: &Detail) -> Json {
    let mut body = logged(app, &detail.logged);
    let tries: Vec<Json> = detail
        .attempts
        .iter()
        .map(|one| {
            json!({"number": one.number, "at": one.at, "took_ms": one.took_ms, "status": one.status, "error": one.error,
                "answer": one.answer})
        })
        .collect();
    if let Some(members) = body.as_object_mut() {
        members.insert("body".to_owned(), json!(detail.body));
        members.insert("log".to_owned(), json!(tries));
    }
    body
}
