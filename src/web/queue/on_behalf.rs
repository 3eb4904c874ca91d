//! A request for SYSLOG alerts that an engineer makes for a customer, say after a telephone call: everything on one page.

use axum::response::{IntoResponse, Redirect, Response};

use crate::app::requests::{self, Draft};
use crate::app::{Error, FieldError, Outcome};
use crate::domain::channel::Channel;
use crate::domain::customer::Customer;
use crate::domain::id::CustomerId;
use crate::domain::workflow::Refusal;
use crate::views::common::Page;
use crate::views::form::{Button, Choice, ErrorLink, Field, Form, Kind};
use crate::views::portal::Question;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::{request_faults, sent_number};
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

const PATH: &str = "/queue/syslog";

/// Shows the form.
pub(super) async fn form(visitor: Visitor) -> Result<Response, Failure> {
    let customers = requests::customers_to_serve(&visitor.app, visitor.person()?).await?;
    show(&visitor, &customers, ("", &Draft::default()), &[], Vec::new())
}

/// Sends the request, once however often the button is pressed.
pub(super) async fn send(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let customers = requests::customers_to_serve(app, person).await?;
    let mut draft = Draft { channel: Channel::Syslog.as_str().to_owned(), ..Draft::default() };
    let asked: Vec<String> = questions(&[]).into_iter().map(|field| field.name).collect();
    fields.only(&asked.iter().map(String::as_str).collect::<Vec<_>>())?;
    for name in &asked {
        if let Some(slot) = draft.slot(name) {
            fields.get(name).clone_into(slot);
        }
    }
    let chosen = fields.get("customer");
    let Some(customer) = chosen.parse().ok().map(CustomerId::new) else {
        let fault = FieldError::new("customer", "missing", "Choose the customer");
        return show(&visitor, &customers, (chosen, &draft), &[fault], Vec::new());
    };
    let sent = requests::send_for(app, person, customer, draft.clone(), fields.once(&visitor)?).await;
    match sent {
        Ok(outcome) => {
            let number = match &outcome {
                Outcome::Done(case) => case.number,
                Outcome::Before(answer) => sent_number(&answer.answer)?,
            };
            Ok(Redirect::to(&format!("/cases/{number}")).into_response())
        }
        Err(Error::Invalid(faults)) => show(&visitor, &customers, (chosen, &draft), &faults, Vec::new()),
        Err(Error::Refused(Refusal::Guard(message))) => {
            let error = ErrorLink { target: None, message };
            show(&visitor, &customers, (chosen, &draft), &[], vec![error])
        }
        Err(other) => Err(other.into()),
    }
}

/// The questions of the customers' pages, on one.
fn questions(customers: &[Customer]) -> Vec<Field> {
    let none = Choice::new("", "Choose one");
    let all = customers.iter().map(|customer| Choice::new(customer.id.to_string(), customer.name.as_str()));
    let whose = Field::new(Kind::Select, "customer", "Customer").options(std::iter::once(none).chain(all).collect());
    let fields_of = |question: Question| question.form.fields;
    let place = fields_of(Question::receiver_place("", "", "")).into_iter();
    let filters = fields_of(Question::receiver_filters("", "", "")).into_iter().map(Field::optional);
    let receiver = fields_of(Question::receiver("", "", "", true)).into_iter();
    let receiver = receiver.map(|field| match field.name.as_str() {
        "syslog_ip" => Field::new(Kind::Code, "syslog_ip", "IP of the receiver"),
        _ => field,
    });
    // A question that is the heading of its own page is one among others here.
    let small = place.chain(filters).map(|field| Field { is_heading: false, ..field });
    std::iter::once(whose).chain(small).chain(receiver).collect()
}

fn show(
    visitor: &Visitor,
    customers: &[Customer],
    (chosen, draft): (&str, &Draft),
    faults: &[FieldError],
    mut errors: Vec<ErrorLink>,
) -> Result<Response, Failure> {
    let fields = questions(customers).into_iter().map(|field| {
        let typed = if field.name == "customer" { chosen } else { draft.get(&field.name).unwrap_or_default() };
        let field = field.value(typed);
        match faults.iter().find(|fault| fault.field == field.name) {
            Some(fault) => field.error(request_faults(fault, !draft.is_public())),
            None => field,
        }
    });
    let form = Form::new("form", PATH, form_key(), Button::main("Send request")).fields(fields.collect());
    errors.extend(form.errors());
    let body = Question {
        back: "/queue".to_owned(),
        counter: None,
        heading: Some("SYSLOG alerts for a customer".to_owned()),
        lead: Some("The case begins as if the customer had asked, and the customer's contacts are told.".to_owned()),
        form,
        notes: Vec::new(),
    };
    let mut page = Page::new("SYSLOG alerts for a customer", frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Question::TEMPLATE, &page)
}
