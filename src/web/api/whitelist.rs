//! The whitelist register: lists, one entry, adding (with `validate_only`), what a lead decides, what leaves.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::LINK;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::body::Body;
use super::query::Query;
use super::{header, identifier, replayed, resource};
use crate::app::whitelist::lists::{self, Wanted};
use crate::app::whitelist::register::{self, Typed};
use crate::app::whitelist::resource as shape;
use crate::app::whitelist::{changes, requests as asked};
use crate::app::{Error, Outcome};
use crate::domain::address::Relation;
use crate::domain::id::{CustomerId, EntryId, ListRequestId};
use crate::domain::problem::ProblemCode;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;
use crate::web::whitelist::place;

/// Entries in the order of addresses: all, a customer's, a tunnel's, or what contains an address and lies inside it.
pub(super) async fn list(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&["tunnel", "customer", "q", "gone", "limit", "cursor"])?;
    let (person, limit, wanted) = (visitor.person()?, query.limit()?, wanted(&query)?);
    let page = lists::page(&visitor.app, person, &wanted, limit).await?;
    let item = |(listed, relation): &(_, Option<Relation>)| {
        let mut item = shape::entry(&visitor.app, listed);
        if let (Some(members), Some(relation)) = (item.as_object_mut(), relation) {
            members.insert("relation".to_owned(), json!(word(*relation)));
        }
        item
    };
    let items: Vec<Json> = page.rows.iter().map(item).collect();
    let next = page.next.map(|at| {
        format!("{}/api/v1/whitelist?cursor={}&limit={limit}", visitor.app.public_url, place::write(&wanted, &at))
    });
    let mut response = resource(StatusCode::OK, &json!({"items": items, "next": next}));
    if let Some(url) = next {
        response.headers_mut().insert(LINK, header(&format!("<{url}>; rel=\"next\""))?);
    }
    Ok(response)
}

/// How an entry lies to what was searched.
fn word(relation: Relation) -> &'static str {
    match relation {
        Relation::Same => "exact",
        Relation::Contains => "containing",
        Relation::Contained => "contained",
        Relation::Disjoint => "disjoint",
    }
}

fn wanted(query: &Query) -> Result<Wanted, Failure> {
    let bad = |text: &str| Failure::from(Error::malformed(ProblemCode::BadParameter, text));
    let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
    if let Some(cursor) = query.get("cursor") {
        if ["tunnel", "customer", "q", "gone"].iter().any(|name| query.get(name).is_some()) {
            return Err(bad("The cursor carries the filter of its list; send it without another"));
        }
        let advice = "The cursor is not one of this list; begin without one, and take the next from each answer";
        return place::read(cursor).ok_or_else(|| bad(advice));
    }
    let with_gone = match query.get("gone") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad("gone takes true or false")),
    };
    let customer = query.get("customer").map(|text| {
        text.parse().map(CustomerId::new).map_err(|_no_id| bad("customer takes the identifier of a customer"))
    });
    Ok(Wanted { tunnel: text("tunnel"), customer: customer.transpose()?, search: text("q"), with_gone, after: None })
}

/// One entry, with its changes and what is known about its use.
pub(super) async fn one(visitor: Visitor, Path(entry): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let view = changes::view(&visitor.app, visitor.person()?, EntryId::new(identifier(&entry)?)).await?;
    let mut body = shape::entry(&visitor.app, &view.listed);
    let test = view.used.last_test.as_ref().map(|test| {
        json!({"case": test.case_number, "number": test.number, "verdict": test.verdict, "finished_at": test.finished_at})
    });
    let history: Vec<Json> = view
        .changes
        .iter()
        .map(|change| json!({"at": change.at, "who": change.who, "what": change.what, "how": change.how}))
        .collect();
    if let Some(members) = body.as_object_mut() {
        members.insert(
            "use".to_owned(),
            json!({"is_used": view.used.is_used(), "last_test": test, "tenants": view.used.tenants}),
        );
        members.insert("changes".to_owned(), json!(history));
    }
    Ok(resource(StatusCode::OK, &body))
}

/// Adds an entry, or asks a lead for it; with `validate_only` it says what adding would lead to.
pub(super) async fn add(visitor: Visitor, query: Query, body: Body) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["tunnel", "network", "port", "protocol", "reason", "validate_only"])?;
    let typed = Typed {
        tunnel: body.text("tunnel")?,
        network: body.text("network")?,
        port: body.digits("port")?,
        protocol: body.text("protocol")?,
        reason: body.text("reason")?,
    };
    if body.truth("validate_only")? {
        let judged = register::judge_only(&visitor.app, person, &typed).await?;
        return Ok(resource(StatusCode::OK, &shape::judged(&judged)));
    }
    let once = body.once(&visitor)?;
    match register::add(&visitor.app, person, typed, once).await? {
        Outcome::Done(added) => Ok(resource(StatusCode::CREATED, &shape::added(&visitor.app, &added))),
        Outcome::Before(stored) => replayed(stored),
    }
}

/// What waits for a lead, oldest first, and what was decided last.
pub(super) async fn requests(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let found = asked::list(&visitor.app, visitor.person()?).await?;
    let all = found.pending.iter().chain(&found.decided);
    let items: Vec<Json> = all.map(|request| shape::request(&visitor.app, request)).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// Approves a request of somebody else.
pub(super) async fn approve(
    visitor: Visitor,
    Path(request): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (id, note) = decision(&visitor, &request, &query, &body)?;
    let decided = asked::approve(&visitor.app, visitor.person()?, id, note).await?;
    Ok(resource(StatusCode::OK, &shape::request(&visitor.app, &decided)))
}

/// Refuses a request, or takes back one's own.
pub(super) async fn refuse(
    visitor: Visitor,
    Path(request): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    let (id, note) = decision(&visitor, &request, &query, &body)?;
    let decided = asked::refuse(&visitor.app, visitor.person()?, id, note).await?;
    Ok(resource(StatusCode::OK, &shape::request(&visitor.app, &decided)))
}

/// What both decisions send: which request, and a note.
fn decision(visitor: &Visitor, request: &str, query: &Query, body: &Body) -> Result<(ListRequestId, String), Failure> {
    query.only(&[])?;
    visitor.person()?;
    body.only(&["note"])?;
    Ok((ListRequestId::new(identifier(request)?), body.text("note")?))
}

/// Asks for an entry to leave the list; one that is in use needs its network as `confirm`.
pub(super) async fn retire(
    visitor: Visitor,
    Path(entry): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["reason", "confirm"])?;
    let typed = (body.text("reason")?, body.text("confirm")?);
    let listed = changes::retire(&visitor.app, person, EntryId::new(identifier(&entry)?), typed).await?;
    Ok(resource(StatusCode::OK, &shape::entry(&visitor.app, &listed)))
}

/// Keeps an entry that was to leave.
pub(super) async fn stay(
    visitor: Visitor,
    Path(entry): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&[])?;
    let listed = changes::stay(&visitor.app, person, EntryId::new(identifier(&entry)?)).await?;
    Ok(resource(StatusCode::OK, &shape::entry(&visitor.app, &listed)))
}

/// Records how far the customer's side has come.
pub(super) async fn theirs(
    visitor: Visitor,
    Path(entry): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["state", "how"])?;
    let typed = (body.text("state")?, body.text("how")?);
    let listed = changes::mark_theirs(&visitor.app, person, EntryId::new(identifier(&entry)?), typed).await?;
    Ok(resource(StatusCode::OK, &shape::entry(&visitor.app, &listed)))
}
