//! The conversation of a case and its files.

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Path, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::body::{self, Body};
use super::query::Query;
use super::{replayed, resource};
use crate::app::conversation::Post;
use crate::app::resource as shape;
use crate::app::{Error, Outcome, conversation};
use crate::domain::problem::ProblemCode;
use crate::web::portal::{files, path_number};
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Messages, oldest first; notes among them for the vendor's people only.
pub(super) async fn list(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let (messages, files) = conversation::read(&visitor.app, visitor.person()?, path_number(&number)?).await?;
    let items: Vec<_> = messages.iter().map(|message| shape::message(message, &files)).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// Writes a message, or a note where `internal` is true, with the files that were uploaded for it. A text that looks like
/// a credential needs `confirmed`.
pub(super) async fn write(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["message", "internal", "attachments", "confirmed"])?;
    let once = body.once(&visitor)?;
    let unknown = || Error::field("attachments", "unknown", "Send the identifiers that uploading gave");
    let ids = body.texts("attachments")?;
    let post = Post {
        files: ids.iter().map(|id| files::id(id).ok_or_else(unknown)).collect::<Result<_, _>>()?,
        is_confirmed: body.truth("confirmed")?,
        ..Post::new(path_number(&number)?, body.text("message")?, body.truth("internal")?)
    };
    match conversation::write(&visitor.app, person, post, once).await? {
        Outcome::Done((message, files)) => Ok(resource(StatusCode::CREATED, &shape::message(&message, &files))),
        Outcome::Before(stored) => replayed(stored),
    }
}

/// Uploads a file, the body, under the name that the query gives. It is a draft of the uploader until a message names it.
pub(super) async fn upload(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    request: Request,
) -> Result<Response, Failure> {
    query.only(&["name"])?;
    // Nobody's file is read before it is known who sends it.
    let (person, number) = (visitor.person()?, path_number(&number)?);
    let headers = request.headers().clone();
    let content = match Bytes::from_request(request, &()).await {
        Ok(content) => content,
        // The outer layer says what is too large.
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => return Ok(error.status().into_response()),
        Err(error) => {
            return Err(Error::malformed(ProblemCode::Unreadable, format!("The file cannot be read: {error}")).into());
        }
    };
    let once = body::once(&visitor, &headers, &content)?;
    let name = query.get("name").unwrap_or_default();
    match conversation::upload(&visitor.app, person, number, (name, content.as_ref()), Some(once)).await? {
        Outcome::Done(file) => Ok(resource(StatusCode::CREATED, &shape::attachment(&file))),
        Outcome::Before(stored) => replayed(stored),
    }
}
