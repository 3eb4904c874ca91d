//! What waits for a lead, and what was decided.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::{crumbs, identifier};
use crate::app::Error;
use crate::app::whitelist::requests::{self, may_approve, may_refuse};
use crate::domain::actor::Person;
use crate::domain::id::ListRequestId;
use crate::domain::whitelist::RequestState;
use crate::store::list_requests::Request;
use crate::views::common::{Empty, Fact, Page, Tag, Tone};
use crate::views::form::{Button, ErrorLink, Field, Form, Kind, Style};
use crate::views::whitelist::{Asked, Requests};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// The page.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    show(&visitor, Vec::new()).await
}

async fn show(visitor: &Visitor, errors: Vec<ErrorLink>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let found = requests::list(&visitor.app, person).await?;
    let empty = || Empty { text: "No request waits for a lead.".to_owned(), link: None };
    let body = Requests {
        empty: found.pending.is_empty().then(empty),
        pending: found.pending.iter().map(|request| asked(person, request)).collect(),
        decided: found.decided.iter().map(|request| asked(person, request)).collect(),
    };
    let mut page = Page::new("Requests that need a lead", frame::frame(visitor), body);
    page.crumbs = crumbs(visitor);
    page.errors = errors;
    frame::show(visitor, Requests::TEMPLATE, &page)
}

fn asked(person: &Person, request: &Request) -> Asked {
    let target = format!("{} port {}/{}", request.network, request.port, request.protocol);
    let (tag, waits) = match request.state {
        RequestState::Pending => (Tag::new(Tone::You, "Waits for a lead"), true),
        RequestState::Approved => (Tag::new(Tone::Done, "Approved"), false),
        RequestState::Refused => (Tag::new(Tone::Failed, "Refused"), false),
    };
    let form = |act: &str, style, label: &str| {
        let button = Button::of(style, label).about(target.clone());
        Form::new(
            &format!("{act}-{}", request.id),
            format!("/whitelist/requests/{}/{act}", request.id),
            form_key(),
            button,
        )
        .fields(vec![Field::new(Kind::Text, "note", "Note").optional()])
    };
    let refuse = if person.id == request.asked_by { "Take it back" } else { "Refuse" };
    let mut facts = vec![
        Fact::new("Tunnel", format!("{} ({})", request.tunnel_name, request.customer_name)),
        Fact::new("Asked for by", request.asked_by_name.as_str()),
        Fact::new("Reason", request.reason.as_str()),
    ];
    facts.extend(request.decided_by_name.as_ref().map(|name| Fact::new("Decided by", name.as_str())));
    facts.extend(request.note.as_ref().map(|note| Fact::new("Note", note.as_str())));
    Asked {
        heading: target.clone(),
        tag,
        at: request.asked_at,
        facts,
        approve: (waits && may_approve(person, request)).then(|| form("approve", Style::Main, "Approve")),
        refuse: (waits && may_refuse(person, request)).then(|| form("refuse", Style::Other, refuse)),
    }
}

/// Approves a request of somebody else.
pub(super) async fn approve(
    visitor: Visitor,
    Path(request): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&["note"])?;
    let id = ListRequestId::new(identifier(&request)?);
    let outcome = requests::approve(&visitor.app, person, id, fields.get("note").to_owned()).await;
    finish(&visitor, outcome).await
}

/// Refuses a request, or takes back one's own.
pub(super) async fn refuse(visitor: Visitor, Path(request): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&["note"])?;
    let id = ListRequestId::new(identifier(&request)?);
    let outcome = requests::refuse(&visitor.app, person, id, fields.get("note").to_owned()).await;
    finish(&visitor, outcome).await
}

async fn finish(visitor: &Visitor, outcome: Result<Request, Error>) -> Result<Response, Failure> {
    match outcome {
        Ok(request) => {
            let to = request.entry_id.map(|entry| format!("/whitelist/{entry}"));
            Ok(Redirect::to(to.as_deref().unwrap_or("/whitelist/requests")).into_response())
        }
        Err(Error::Invalid(errors)) if !visitor.json => {
            let link = |message| ErrorLink { target: None, message };
            show(visitor, errors.into_iter().map(|error| link(error.message)).collect()).await
        }
        Err(other) => Err(other.into()),
    }
}
