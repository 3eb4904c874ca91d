//! The page of one act: the form of an event, and sending it.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::act_form;
use super::path_number;
use super::words::Texts;
use crate::app::cases::{self, Act, View};
use crate::app::{Error, FieldError, conversation};
use crate::domain::actor::{Actor, Person};
use crate::domain::workflow::{Definition, Refusal};
use crate::views::case::ActPage;
use crate::views::common::Page;
use crate::views::form::{ErrorLink, Form};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::{self, Failure};
use crate::web::visit::Visitor;

/// Ticked by whoever has read that an answer looks like a password or key.
const CONFIRMED: &str = "confirmed";

/// Shows the form of an event.
pub(super) async fn page(visitor: Visitor, Path((number, event)): Path<(String, String)>) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    let view = cases::view(&visitor.app, person, number).await?;
    match view.offers.iter().find(|rule| rule.event == event) {
        Some(rule) => {
            show(&visitor, &view, &event, act_form::form(view.definition, &view.case, rule, None), Vec::new())
        }
        None => problem::lost_nothing(&visitor, not_now(&view, person, &event), number, Vec::new()),
    }
}

/// Does it.
pub(super) async fn send(
    visitor: Visitor,
    Path((number, event)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    let view = cases::view(&visitor.app, person, number).await?;
    conversation::takes_part(person)?;
    if view.definition.rule_named(&event).is_none() {
        return Err(Error::NotFound.into());
    }
    let known: Vec<&str> = view.definition.questions_of(&event).into_iter().chain([CONFIRMED]).collect();
    fields.only(&known)?;
    let mut typed = fields.answers();
    let is_confirmed = typed.remove(CONFIRMED).is_some_and(|tick| !tick.is_empty());
    let warned = if is_confirmed { Vec::new() } else { act_form::credentials(view.definition, &typed) };
    if let Some(rule) = view.offers.iter().find(|rule| rule.event == event).filter(|_| !warned.is_empty()) {
        let mut form = act_form::form(view.definition, &view.case, rule, Some(&typed));
        act_form::mark(&mut form, &warned);
        form.fields.push(act_form::confirmation(CONFIRMED));
        let summary = form.errors();
        return show(&visitor, &view, &event, form, summary);
    }
    let Some(entered) = fields.entered()? else {
        return Err(Error::field("entered", "missing", "Reload the page and send the form again").into());
    };
    let act = Act {
        number,
        event: event.clone(),
        answers: act_form::answers(view.definition, &typed).into(),
        entered: Some(entered),
        revision: None,
        once: fields.once(&visitor)?,
    };
    let error = match cases::act(&visitor.app, person, act).await {
        Ok(_now_or_before) => return Ok(Redirect::to(&format!("/cases/{number}")).into_response()),
        Err(error) => error,
    };
    let rule = view.offers.iter().find(|rule| rule.event == event);
    let form = rule.map(|rule| act_form::form(view.definition, &view.case, rule, Some(&typed)));
    match (form, error) {
        (Some(mut form), Error::Invalid(errors)) => {
            act_form::mark(&mut form, &errors);
            let summary = summary(view.definition, &form, &errors);
            show(&visitor, &view, &event, form, summary)
        }
        (Some(form), Error::Refused(Refusal::Guard(text))) => {
            show(&visitor, &view, &event, form, vec![ErrorLink { target: None, message: text }])
        }
        (_, error) => problem::lost_nothing(&visitor, error, number, act_form::kept(view.definition, &typed)),
    }
}

/// Why an act that is not offered cannot be done: it belongs to others, to no state, or not to this moment.
fn not_now(view: &View<'_>, person: &Person, event: &str) -> Error {
    let roles = Actor::Person(person.clone()).workflow_roles();
    if view.definition.rule_named(event).is_none() {
        return Error::NotFound;
    }
    let is_theirs = roles.iter().any(|role| view.definition.is_ever_open_to(event, role));
    Error::Refused(if is_theirs {
        Refusal::Unhandled { event: event.to_owned(), state: view.case.flow.state.clone() }
    } else {
        Refusal::Forbidden { event: event.to_owned(), role: roles.first().copied().unwrap_or_default().to_owned() }
    })
}

/// The errors of the fields, and those that no field of the form can show.
fn summary(definition: &Definition, form: &Form, errors: &[FieldError]) -> Vec<ErrorLink> {
    let mut summary = form.errors();
    let others = errors.iter().filter(|error| form.fields.iter().all(|field| field.name != error.field));
    summary.extend(others.map(|error| {
        let label = super::words::label(definition, &error.field);
        ErrorLink { target: None, message: format!("{label}: {}", error.message) }
    }));
    summary
}

fn show(
    visitor: &Visitor,
    view: &View<'_>,
    event: &str,
    form: Form,
    errors: Vec<ErrorLink>,
) -> Result<Response, Failure> {
    let (case, texts) = (&view.case, Texts::new(&visitor.app, view.definition, &view.case));
    let rule = view.offers.iter().find(|rule| rule.event == event).ok_or(Error::NotFound)?;
    let back = format!("/cases/{}", case.number);
    let body = ActPage {
        back: back.clone(),
        number: super::words::count(case.number),
        case_title: case.title.clone(),
        heading: texts.fill(&rule.label),
        lead: rule.help.as_deref().map(|help| texts.fill(help)),
        form: Form { cancel: Some(back), ..act_form::suggest(form, "relay_name", &view.relays) },
    };
    let mut page = Page::new(format!("{}: case {}", body.heading, case.number), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, ActPage::TEMPLATE, &page)
}
