//! Cases: lists, one case, sending a request, acts, claims.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderMap, IF_NONE_MATCH, LINK};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::body::Body;
use super::query::{Query, own_cursor, queue_cursor};
use super::{describe, header, replayed, resource};
use crate::app::cases::{Act, Answers};
use crate::app::priority::{self, Wish};
use crate::app::requests::Draft;
use crate::app::resource as shape;
use crate::app::{Error, Outcome, cases, opening, queue, requests};
use crate::domain::case::Case;
use crate::domain::id::CustomerId;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// A customer's own cases, newest first; for engineers a view of the queue, most urgent first.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    let person = visitor.person()?;
    if person.customer.is_some() {
        query.only(&["limit", "cursor"])?;
        let (limit, before) = (query.limit()?, query.before()?);
        let mut found = cases::mine(&visitor.app, person, before, limit + 1).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| more).map(|case| own_cursor(case.number));
        return page(&visitor, &found, (limit, next));
    }
    query.only(&["view", "limit", "cursor"])?;
    let (limit, (view, after)) = (query.limit()?, query.view(queue::top())?);
    let (found, next) = queue::rows(&visitor.app, person, view, (after, limit)).await?;
    page(&visitor, &found, (limit, next.map(|next| queue_cursor(view, next))))
}

/// Items with the address of the next page, in the body and as a link (RFC 8288).
fn page(visitor: &Visitor, found: &[Case], (limit, cursor): (i64, Option<String>)) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let items: Vec<_> = found.iter().map(|case| shape::summary(&visitor.app, person, case)).collect();
    let next = cursor.map(|cursor| format!("{}/api/v1/cases?cursor={cursor}&limit={limit}", visitor.app.public_url));
    let mut response = resource(StatusCode::OK, &json!({"items": items, "next": next}));
    if let Some(url) = next {
        response.headers_mut().insert(LINK, header(&format!("<{url}>; rel=\"next\""))?);
    }
    Ok(response)
}

/// One case.
pub(super) async fn one(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let case = cases::one(&visitor.app, person, path_number(&number)?).await?;
    let tag = cases::etag(&case);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header(&tag)?)]).into_response());
    }
    answer(&visitor, StatusCode::OK, &case)
}

/// `If-None-Match` (RFC 9110, section 13.1.2): tags are compared weakly.
pub(in crate::web) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn answer(visitor: &Visitor, status: StatusCode, case: &Case) -> Result<Response, Failure> {
    let body = shape::case(&visitor.app, visitor.person()?, case)?;
    let mut response = resource(status, &body);
    describe(&mut response, &body)?;
    Ok(response)
}

fn outcome(visitor: &Visitor, status: StatusCode, outcome: Outcome<Case>) -> Result<Response, Failure> {
    match outcome {
        Outcome::Done(case) => answer(visitor, status, &case),
        Outcome::Before(stored) => replayed(stored),
    }
}

/// Sends a request: a case is made.
pub(super) async fn create(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let once = body.once(&visitor)?;
    // Engineers name the customer and the contact for whom they ask; a contact's request is its own.
    let mut members = body.members;
    let mut named = |name: &str| if person.is_staff() { members.remove(name) } else { None };
    let named = named("customer").zip(named("contact"));
    let draft = Draft::from_json(&visitor.app, &members)?;
    let sent = match named {
        Some((customer, contact)) => {
            let id = customer.as_str().and_then(|id| id.parse().ok()).map(CustomerId::new);
            let unknown = || Error::field("customer", "unknown", "Send the id of a customer, as cases show it");
            let contact = contact.as_str().unwrap_or_default().to_owned();
            opening::open(&visitor.app, person, (id.ok_or_else(unknown)?, contact), draft, once).await?
        }
        None => requests::send(&visitor.app, person, draft, once).await?,
    };
    outcome(&visitor, StatusCode::CREATED, sent)
}

/// Does one act in a case.
pub(super) async fn act(
    visitor: Visitor,
    Path((number, event)): Path<(String, String)>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let act = Act {
        number: path_number(&number)?,
        event,
        once: body.once(&visitor)?,
        revision: body.revision()?,
        entered: None,
        answers: Answers::Json(body.members),
    };
    outcome(&visitor, StatusCode::OK, cases::act(&visitor.app, person, act).await?)
}

/// Claims a case; claiming it twice is claiming it once.
pub(super) async fn claim(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&[])?;
    let case = queue::claim_at(&visitor.app, person, path_number(&number)?, body.revision_if_sent()).await?;
    answer(&visitor, StatusCode::OK, &case)
}

/// Gives a case back, with a note for whoever takes it next.
pub(super) async fn release(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["note"])?;
    let at = (path_number(&number)?, body.revision_if_sent());
    let case = queue::release_at(&visitor.app, person, at, body.text("note")?).await?;
    answer(&visitor, StatusCode::OK, &case)
}

/// Changes the priority of a case, with the reason.
pub(super) async fn prioritize(
    visitor: Visitor,
    Path(number): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["priority", "reason"])?;
    let wish = Wish {
        number: path_number(&number)?,
        revision: body.revision_if_sent(),
        priority: body.text("priority")?,
        reason: body.text("reason")?,
    };
    outcome(&visitor, StatusCode::OK, priority::set(&visitor.app, person, wish, body.once(&visitor)?).await?)
}

/// Claims the most urgent case that nobody has; 204 where there is none.
pub(super) async fn next(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&[])?;
    let once = body.once(&visitor)?;
    match queue::claim_next_once(&visitor.app, person, once).await? {
        Some(found) => outcome(&visitor, StatusCode::OK, found),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_tag_is_found_among_several_and_weakly() {
        let known = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, text.parse().unwrap());
            is_known(&headers, "\"7\"")
        };
        assert!(known("\"7\"") && known("W/\"7\"") && known("\"5\", \"7\"") && known("*"));
        assert!(!known("\"77\"") && !known("7"));
    }
}
