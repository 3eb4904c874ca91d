//! The conversation of a case.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::body::Body;
use super::query::Query;
use super::{replayed, resource};
use crate::app::resource as shape;
use crate::app::{Outcome, cases};
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Messages, oldest first; notes among them for the vendor's people only.
pub(super) async fn list(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let found = cases::conversation(&visitor.app, visitor.person()?, path_number(&number)?).await?;
    let items: Vec<_> = found.iter().map(shape::message).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// Writes a message, or a note where `internal` is true.
pub(super) async fn write(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["message", "internal"])?;
    let once = body.once(&visitor)?;
    let message = (path_number(&number)?, body.text("message")?, body.truth("internal")?);
    match cases::write(&visitor.app, person, message, once).await? {
        Outcome::Done(message) => Ok(resource(StatusCode::CREATED, &shape::message(&message))),
        Outcome::Before(stored) => replayed(stored),
    }
}
