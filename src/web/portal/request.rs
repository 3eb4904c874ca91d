//! Starting a request: what it needs, its questions one page at a time, the last look, sending.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;

use super::present_request::{self, Asked};
use crate::app::requests::{self, Draft};
use crate::app::{Error, FieldError, Outcome};
use crate::domain::address::Options;
use crate::domain::case::Case;
use crate::domain::channel::Channel;
use crate::domain::customer::Architecture;
use crate::views::common::Page;
use crate::views::form::{Button, ErrorLink, Form};
use crate::views::portal::{Check, Question, Start};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// Where a question was opened from.
#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: String,
}

impl From {
    /// The query that leads back to the last look.
    fn suffix(&self) -> &'static str {
        if self.from == "check" { "?from=check" } else { "" }
    }
}

/// Says what a request needs; on a Secure Relay, that none is needed.
pub(super) async fn start(visitor: Visitor) -> Result<Response, Failure> {
    let body = Start {
        back: "/cases".to_owned(),
        promise: present_request::promise(visitor.app.workflows.newest(Channel::Smtp)?),
        next: Asked::Place.path().to_owned(),
        next_syslog: Asked::ReceiverPlace.path().to_owned(),
        relay: is_relay(&visitor)
            .await?
            .then(|| Form::new("relay", "/start/check", form_key(), Button::main("Continue"))),
    };
    frame::show(&visitor, Start::TEMPLATE, &Page::new("Start a request", frame::frame(&visitor), body))
}

pub(super) async fn place(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::Place, &from).await
}

pub(super) async fn place_sent(v: Visitor, Query(from): Query<From>, fields: Fields) -> Result<Response, Failure> {
    take(&v, Asked::Place, &from, &fields).await
}

pub(super) async fn filters(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::Filters, &from).await
}

pub(super) async fn filters_sent(v: Visitor, Query(from): Query<From>, fields: Fields) -> Result<Response, Failure> {
    take(&v, Asked::Filters, &from, &fields).await
}

pub(super) async fn server(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::Server, &from).await
}

pub(super) async fn server_sent(v: Visitor, Query(from): Query<From>, fields: Fields) -> Result<Response, Failure> {
    take(&v, Asked::Server, &from, &fields).await
}

pub(super) async fn receiver_place(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::ReceiverPlace, &from).await
}

pub(super) async fn receiver_place_sent(
    v: Visitor,
    Query(from): Query<From>,
    fields: Fields,
) -> Result<Response, Failure> {
    take(&v, Asked::ReceiverPlace, &from, &fields).await
}

pub(super) async fn receiver_filters(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::ReceiverFilters, &from).await
}

pub(super) async fn receiver_filters_sent(
    v: Visitor,
    Query(from): Query<From>,
    fields: Fields,
) -> Result<Response, Failure> {
    take(&v, Asked::ReceiverFilters, &from, &fields).await
}

pub(super) async fn receiver(visitor: Visitor, Query(from): Query<From>) -> Result<Response, Failure> {
    ask(&visitor, Asked::Receiver, &from).await
}

pub(super) async fn receiver_sent(v: Visitor, Query(from): Query<From>, fields: Fields) -> Result<Response, Failure> {
    take(&v, Asked::Receiver, &from, &fields).await
}

/// Shows every answer once more; leads to the first question that is not answered yet.
pub(super) async fn check(visitor: Visitor) -> Result<Response, Failure> {
    if is_relay(&visitor).await? {
        return Ok(Redirect::to("/start").into_response());
    }
    let draft = requests::draft(&visitor.app, visitor.person()?).await?;
    let errors = judge(&visitor, &draft).await?;
    match first_wrong(&draft, &errors) {
        Some(page) => Ok(Redirect::to(page.path()).into_response()),
        None => show_check(&visitor, &draft, Vec::new()),
    }
}

/// Sends the request, once however often the button is pressed.
pub(super) async fn send(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    fields.only(&[])?;
    let is_relay = is_relay(&visitor).await?;
    let draft = if is_relay { Draft::default() } else { requests::draft(app, person).await? };
    let is_private = !draft.is_public();
    let wrong = match requests::send(app, person, draft.clone(), fields.once(&visitor)?).await {
        Ok(outcome) => {
            let number = number(&outcome)?;
            let to = if is_relay { format!("/cases/{number}") } else { format!("/cases/{number}/sent") };
            return Ok(Redirect::to(&to).into_response());
        }
        Err(Error::Invalid(errors)) => errors.iter().map(|error| present_request::said(error, is_private)).collect(),
        Err(Error::Refused(crate::domain::workflow::Refusal::Guard(text))) => vec![text],
        Err(other) => return Err(other.into()),
    };
    show_check(&visitor, &draft, wrong)
}

/// The case's number: of the one made now, or of the one that this key made before.
fn number(outcome: &Outcome<Case>) -> Result<i64, Error> {
    match outcome {
        Outcome::Done(case) => Ok(case.number),
        Outcome::Before(answer) => serde_json::from_str::<Json>(&answer.answer)
            .ok()
            .and_then(|answer| answer.get("number").and_then(Json::as_i64))
            .ok_or_else(|| Error::Internal("the answer kept for a sent request names no case".to_owned())),
    }
}

async fn ask(visitor: &Visitor, asked: Asked, from: &From) -> Result<Response, Failure> {
    if is_relay(visitor).await? {
        return Ok(Redirect::to("/start").into_response());
    }
    let draft = requests::draft(&visitor.app, visitor.person()?).await?;
    show(visitor, asked.question(&draft, from.suffix(), &[]))
}

/// Keeps what was typed, judges this page's answers, and goes on.
async fn take(visitor: &Visitor, asked: Asked, from: &From, fields: &Fields) -> Result<Response, Failure> {
    fields.only(asked.fields())?;
    if is_relay(visitor).await? {
        return Ok(Redirect::to("/start").into_response());
    }
    let person = visitor.person()?;
    let mut draft = requests::draft(&visitor.app, person).await?;
    // The pages of a channel are its own; whoever answers one asks for its alerts.
    if draft.channel() != asked.channel() {
        asked.channel().as_str().clone_into(&mut draft.channel);
    }
    for field in asked.fields() {
        if let Some(slot) = draft.slot(field) {
            fields.get(field).clone_into(slot);
        }
    }
    requests::save(&visitor.app, person, &draft).await?;
    let errors = judge(visitor, &draft).await?;
    if errors.iter().any(|error| asked.fields().contains(&error.field.as_str())) {
        return show(visitor, asked.question(&draft, from.suffix(), &errors));
    }
    let pages = Asked::of(&draft);
    let after = pages.iter().position(|page| *page == asked).and_then(|position| pages.get(position + 1));
    let next = match after {
        // From the last look one page is changed; others open again only where the change made them wrong.
        Some(page) if from.suffix().is_empty() => page.path().to_owned(),
        Some(_) => first_wrong(&draft, &errors)
            .map_or_else(|| "/start/check".to_owned(), |page| format!("{}{}", page.path(), from.suffix())),
        None => "/start/check".to_owned(),
    };
    Ok(Redirect::to(&next).into_response())
}

async fn judge(visitor: &Visitor, draft: &Draft) -> Result<Vec<FieldError>, Failure> {
    match requests::check(&visitor.app, visitor.person()?, draft).await {
        Ok(()) => Ok(Vec::new()),
        Err(error) => Ok(requests::field_errors(error)?),
    }
}

fn first_wrong(draft: &Draft, errors: &[FieldError]) -> Option<Asked> {
    let is_wrong = |page: &Asked| errors.iter().any(|error| page.fields().contains(&error.field.as_str()));
    Asked::of(draft).into_iter().find(is_wrong)
}

async fn is_relay(visitor: &Visitor) -> Result<bool, Failure> {
    let customer = requests::customer_of(&visitor.app, visitor.person()?).await?;
    Ok(customer.architecture == Architecture::SecureRelay)
}

fn show(visitor: &Visitor, question: Question) -> Result<Response, Failure> {
    let heading = question.heading.clone().or_else(|| question.form.fields.first().map(|field| field.label.clone()));
    let errors = question.form.errors();
    let mut page = Page::new(heading.unwrap_or_default(), frame::frame(visitor), question);
    page.errors = errors;
    frame::show(visitor, Question::TEMPLATE, &page)
}

fn show_check(visitor: &Visitor, draft: &Draft, wrong: Vec<String>) -> Result<Response, Failure> {
    let options = Options { allow_documentation: visitor.app.policy.allow_documentation };
    let body = Check {
        back: Asked::last(draft.channel()).path().to_owned(),
        facts: present_request::facts(draft),
        notes: present_request::notes(draft, options),
        form: Form::new("send", "/start/check", form_key(), Button::main("Send request")),
    };
    let mut page = Page::new("Check your answers", frame::frame(visitor), body);
    page.errors = wrong.into_iter().map(|message| ErrorLink { target: None, message }).collect();
    frame::show(visitor, Check::TEMPLATE, &page)
}
