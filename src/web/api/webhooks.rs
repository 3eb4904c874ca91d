//! Webhooks for administrators' programs: endpoints, what was sent to them, sending it again. A token opens no other way
//! out of the service, so endpoints and their keys are made on the page or on the command line, and only there.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::query::Query;
use super::{identifier, resource};
use crate::app::webhooks::{KEPT, endpoints, log, resource as shape};
use crate::app::{Error, admin};
use crate::domain::id::{EndpointId, EventId};
use crate::domain::problem::ProblemCode;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// All endpoints.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    let views = endpoints::list(&visitor.app).await?;
    let items: Vec<Json> = views.iter().map(|view| shape::endpoint(&visitor.app, view)).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// One endpoint.
pub(super) async fn one(visitor: Visitor, Path(id): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    let view = endpoints::one(&visitor.app, endpoint_id(&id)?).await?;
    Ok(resource(StatusCode::OK, &shape::endpoint(&visitor.app, &view)))
}

/// Switches an endpoint off; one that is off stays so.
pub(super) async fn off(
    visitor: Visitor,
    Path(id): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let id = act(&visitor, &id, &query)?;
    body.only(&[])?;
    let view = endpoints::switch_off(&visitor.app, id).await?;
    Ok(resource(StatusCode::OK, &shape::endpoint(&visitor.app, &view)))
}

/// Switches an endpoint on; one that is on stays so.
pub(super) async fn on(
    visitor: Visitor,
    Path(id): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let id = act(&visitor, &id, &query)?;
    body.only(&[])?;
    let view = endpoints::switch_on(&visitor.app, id).await?;
    Ok(resource(StatusCode::OK, &shape::endpoint(&visitor.app, &view)))
}

/// Sends a message that tells nothing.
pub(super) async fn ping(
    visitor: Visitor,
    Path(id): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let id = act(&visitor, &id, &query)?;
    body.only(&[])?;
    endpoints::one(&visitor.app, id).await?;
    let event = log::ping(&visitor.app, id, Some(body.once(&visitor)?)).await?;
    let detail = log::one(&visitor.app, id, event).await?;
    Ok(resource(StatusCode::ACCEPTED, &shape::detail(&visitor.app, &detail)))
}

/// Messages, newest first.
pub(super) async fn deliveries(visitor: Visitor, Path(id): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&["limit", "cursor"])?;
    admin::require_admin(visitor.person()?)?;
    let id = endpoint_id(&id)?;
    let limit = query.limit()?;
    let advice = "The cursor is not one of this list; begin without one, and take the next from each answer";
    let before = query.get("cursor").map(|text| {
        text.parse().map(EventId::new).map_err(|_no_id| Error::malformed(ProblemCode::BadParameter, advice))
    });
    let (rows, next) = log::page(&visitor.app, id, before.transpose()?, limit).await?;
    let items: Vec<Json> = rows.iter().map(|row| shape::logged(&visitor.app, row)).collect();
    let next = next
        .map(|next| format!("{}/api/v1/webhooks/{id}/deliveries?cursor={next}&limit={limit}", visitor.app.public_url));
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": next})))
}

/// One message with every try.
pub(super) async fn delivery(
    visitor: Visitor,
    Path((id, event)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    let detail = log::one(&visitor.app, endpoint_id(&id)?, event_id(&event)?).await?;
    Ok(resource(StatusCode::OK, &shape::detail(&visitor.app, &detail)))
}

/// Sends one message again, under the same id.
pub(super) async fn redeliver(
    visitor: Visitor,
    Path((id, event)): Path<(String, String)>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (id, event) = (act(&visitor, &id, &query)?, event_id(&event)?);
    body.only(&[])?;
    log::redeliver(&visitor.app, id, event).await?;
    let detail = log::one(&visitor.app, id, event).await?;
    Ok(resource(StatusCode::ACCEPTED, &shape::detail(&visitor.app, &detail)))
}

/// Sends everything again that was given up or missed since an instant, or in the last 30 days.
pub(super) async fn redeliver_since(
    visitor: Visitor,
    Path(id): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let id = act(&visitor, &id, &query)?;
    body.only(&["since"])?;
    let since = match body.text("since")?.as_str() {
        "" => visitor.app.now() - KEPT,
        text => DateTime::parse_from_rfc3339(text)
            .map_err(|_no_instant| {
                let text = "since takes an instant (RFC 3339), like 2026-11-25T08:00:00Z";
                Error::field("since", "not_an_instant", text)
            })?
            .to_utc(),
    };
    let count = log::redeliver_since(&visitor.app, id, since).await?;
    Ok(resource(StatusCode::ACCEPTED, &json!({"count": count, "since": since})))
}

fn act(visitor: &Visitor, id: &str, query: &Query) -> Result<EndpointId, Failure> {
    query.only(&[])?;
    admin::require_admin(visitor.person()?)?;
    endpoint_id(id)
}

fn endpoint_id(text: &str) -> Result<EndpointId, Failure> {
    identifier(text).map(EndpointId::new)
}

fn event_id(text: &str) -> Result<EventId, Failure> {
    identifier(text).map(EventId::new)
}
