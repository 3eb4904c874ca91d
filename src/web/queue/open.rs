//! Opening a case for a customer: first whose, then the same questions as on the customer's pages.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::app::requests::Draft;
use crate::app::{Error, FieldError, Outcome, opening};
use crate::domain::actor::Person;
use crate::domain::channel::Channel;
use crate::domain::customer::{Architecture, Customer};
use crate::domain::id::CustomerId;
use crate::domain::workflow::Refusal;
use crate::views::common::{Empty, Link, Page};
use crate::views::form::{Button, Choice, ErrorLink, Field, Form, Kind};
use crate::views::records::{Cell, Edit, Listing, Row};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::present_request as questions;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// What the address of the page may say.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    customer: String,
    channel: String,
}

/// The customers, or the questions for the one that was chosen.
pub(super) async fn page(visitor: Visitor, wanted: Result<Query<Wanted>, QueryRejection>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let Ok(Query(wanted)) = wanted else { return Err(Error::NotFound.into()) };
    if wanted.customer.is_empty() {
        return choose(&visitor, person).await;
    }
    let (customer, contacts) = opening::customer(&visitor.app, person, id(&wanted.customer)).await?;
    let form = form(&customer, &contacts, (&draft(&wanted)?, ""), &[]);
    show(&visitor, &customer, form, Vec::new())
}

/// A draft without answers, of the channel that the address names; e-mail where it names none.
fn draft(wanted: &Wanted) -> Result<Draft, Failure> {
    if !wanted.channel.is_empty() && Channel::parse(&wanted.channel).is_none() {
        return Err(Error::NotFound.into());
    }
    Ok(Draft { channel: wanted.channel.clone(), ..Draft::default() })
}

/// What is no identifier names a customer that is not there, so that rights are looked at first.
fn id(text: &str) -> CustomerId {
    CustomerId::new(text.parse().unwrap_or_default())
}

async fn choose(visitor: &Visitor, person: &Person) -> Result<Response, Failure> {
    let all = opening::customers(&visitor.app, person).await?;
    let row = |customer: &Customer| Row {
        link: Link::new(customer.name.as_str(), format!("/queue/open?customer={}", customer.id)),
        cells: vec![Cell::new(match customer.architecture {
            Architecture::Vpn => "VPN tunnel",
            Architecture::SecureRelay => "Secure Relay",
        })],
    };
    let syslog = |customer: &Customer| Row {
        link: Link::new(
            format!("{}, SYSLOG", customer.name),
            format!("/queue/open?customer={}&channel={}", customer.id, Channel::Syslog),
        ),
        cells: vec![Cell::new("VPN tunnel")],
    };
    // With a Secure Relay, SYSLOG needs no case.
    let rows = all.iter().flat_map(|customer| {
        let beside = (customer.architecture == Architecture::Vpn).then(|| syslog(customer));
        std::iter::once(row(customer)).chain(beside)
    });
    let rows = rows.collect();
    let heading = "Open a case for a customer";
    let empty = || Empty { text: "There are no customers yet.".to_owned(), link: None };
    let body = Listing {
        heading: heading.to_owned(),
        intro: Some("Choose the customer who asked by telephone or mail.".to_owned()),
        add: None,
        columns: ["Customer", "Architecture"].map(str::to_owned).to_vec(),
        rows,
        empty: all.is_empty().then(empty),
    };
    let mut page = Page::new(heading, frame::frame(visitor), body);
    page.crumbs = vec![Link::new("Queue", "/queue")];
    frame::show(visitor, Listing::TEMPLATE, &page)
}

fn form(customer: &Customer, contacts: &[Person], (draft, contact): (&Draft, &str), errors: &[FieldError]) -> Form {
    let nobody = std::iter::once(Choice::new("", "Choose one"));
    let people = contacts.iter().map(|person| Choice::new(person.id.to_string(), person.name.as_str()));
    let mut who = Field::new(Kind::Select, "contact", "Who asked for it?")
        .hint("The case is in this contact's name, who gets its mail")
        .options(nobody.chain(people).collect())
        .value(contact);
    who.error = errors.iter().find(|error| error.field == "contact").map(|error| error.message.clone());
    let mut fields = vec![who];
    if customer.architecture == Architecture::Vpn {
        fields.extend(questions::all(draft, errors));
    }
    let action = match draft.channel() {
        Channel::Smtp => format!("/queue/open?customer={}", customer.id),
        Channel::Syslog => format!("/queue/open?customer={}&channel={}", customer.id, Channel::Syslog),
    };
    let mut form = Form::new("open", action, form_key(), Button::main("Open the case")).fields(fields);
    form.cancel = Some("/queue".to_owned());
    form
}

fn show(visitor: &Visitor, customer: &Customer, form: Form, more: Vec<ErrorLink>) -> Result<Response, Failure> {
    let mut errors = form.errors();
    errors.extend(more);
    let heading = format!("Open a case for {}", customer.name);
    let intro = match customer.architecture {
        Architecture::Vpn => "Ask the contact these questions. They stand here as customers read them.",
        Architecture::SecureRelay => {
            "The customer enters the settings in the product; the case leads through the steps."
        }
    };
    let intro = Some(intro.to_owned());
    let mut page = Page::new(heading.clone(), frame::frame(visitor), Edit { heading, intro, form });
    page.crumbs = vec![Link::new("Queue", "/queue"), Link::new("Open a case", "/queue/open")];
    page.errors = errors;
    frame::show(visitor, Edit::TEMPLATE, &page)
}

/// Opens the case.
pub(super) async fn send(
    visitor: Visitor,
    wanted: Result<Query<Wanted>, QueryRejection>,
    fields: Fields,
) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let Ok(Query(wanted)) = wanted else { return Err(Error::NotFound.into()) };
    let once = fields.once(&visitor)?;
    let (customer, contacts) = opening::customer(app, person, id(&wanted.customer)).await?;
    let mut known = vec!["contact"];
    let mut draft = draft(&wanted)?;
    if customer.architecture == Architecture::Vpn {
        let names: Vec<_> = questions::all_names(draft.channel()).collect();
        for name in &names {
            if let Some(slot) = draft.slot(name) {
                fields.get(name).clone_into(slot);
            }
        }
        known.extend(names);
    }
    fields.only(&known)?;
    let contact = fields.get("contact");
    match opening::open(app, person, (customer.id, contact.to_owned()), draft.clone(), once).await {
        Ok(outcome) => Ok(Redirect::to(&format!("/cases/{}", number(&outcome)?)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => {
            let form = form(&customer, &contacts, (&draft, contact), &errors);
            show(&visitor, &customer, form, Vec::new())
        }
        Err(Error::Refused(Refusal::Guard(message))) if !visitor.json => {
            let form = form(&customer, &contacts, (&draft, contact), &[]);
            show(&visitor, &customer, form, vec![ErrorLink { target: None, message }])
        }
        Err(other) => Err(other.into()),
    }
}

/// The case's number: of the one made now, or of the one that this key made before.
fn number(outcome: &Outcome<crate::domain::case::Case>) -> Result<i64, Error> {
    match outcome {
        Outcome::Done(case) => Ok(case.number),
        Outcome::Before(answer) => serde_json::from_str::<Json>(&answer.answer)
            .ok()
            .and_then(|answer| answer.get("number").and_then(Json::as_i64))
            .ok_or_else(|| Error::Internal("the answer kept for an opened case names none".to_owned())),
    }
}
