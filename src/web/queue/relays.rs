//! The register of a customer's Secure Relays: for engineers and administrators.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};
use uuid::Uuid;

use crate::app::relays::{self, Harvest};
use crate::app::{Error, FieldError};
use crate::domain::id::{CustomerId, RelayId};
use crate::store::relays::Relay;
use crate::views::common::{Empty, Fact, Note, Page, Tone};
use crate::views::form::{Button, ErrorLink, Field, Form, Kind, Style};
use crate::views::{instant, relays as views};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// What was typed into which form, and what is wrong about it.
struct Wrong<'w> {
    id: Option<RelayId>,
    fields: &'w Fields,
    errors: Vec<FieldError>,
}

/// Where a customer's relays are.
pub(in crate::web) fn path(customer: CustomerId) -> String {
    format!("/customers/{customer}/relays")
}

fn identifier(text: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_no_identifier| Error::NotFound.into())
}

fn customer(text: &str) -> Result<CustomerId, Failure> {
    Ok(CustomerId::new(identifier(text)?))
}

/// The relays.
pub(super) async fn page(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    visitor.person()?;
    show(&visitor, customer(&id)?, Vec::new(), None).await
}

async fn show(
    visitor: &Visitor,
    id: CustomerId,
    notes: Vec<Note>,
    wrong: Option<Wrong<'_>>,
) -> Result<Response, Failure> {
    let (customer, all) = relays::list(&visitor.app, visitor.person()?, id).await?;
    let list = path(id);
    let empty = "No relay is on record. Read them from the product, or enter those that the customer names.";
    let read = Form::new("read", format!("{list}/read"), form_key(), Button::main("Read from the product"));
    let mut body = views::Relays {
        customer: customer.name,
        notes,
        read,
        empty: all.is_empty().then(|| Empty { text: empty.to_owned(), link: None }),
        relays: all.iter().map(|known| relay(&list, known)).collect(),
        add: form(&list, None),
    };
    let mut errors = Vec::new();
    if let Some(wrong) = wrong {
        let index = wrong.id.and_then(|id| all.iter().position(|relay| relay.id == id));
        let form = match index.and_then(|index| body.relays.get_mut(index)) {
            Some(relay) => &mut relay.change,
            None => &mut body.add,
        };
        for field in &mut form.fields {
            wrong.fields.get(&field.name).clone_into(&mut field.value);
            field.error = wrong.errors.iter().find(|e| e.field == field.name).map(|error| error.message.clone());
        }
        errors = form.errors();
        if errors.is_empty() {
            let link = |error: FieldError| ErrorLink { target: None, message: error.message };
            errors = wrong.errors.into_iter().map(link).collect();
        }
    }
    let mut page = Page::new(format!("Secure Relays: {}", body.customer), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, views::Relays::TEMPLATE, &page)
}

fn relay(list: &str, relay: &Relay) -> views::Relay {
    let number = relay.product_id.map(|number| number.to_string());
    let mut facts = vec![match number {
        Some(number) => Fact::code("Number in the product", number),
        None => Fact::missing("Number in the product"),
    }];
    facts.extend(relay.product_uuid.as_ref().map(|uuid| Fact::code("UUID in the product", uuid.as_str())));
    facts.push(match (relay.read_at, relay.used_for.as_str()) {
        (Some(at), used) => Fact::new("Used for", format!("{used}, read {}", instant(at))),
        (None, _) => Fact::new("Used for", "Nobody has read it in the product"),
    });
    let delete = Button::of(Style::Other, "Take it out").about(relay.name.clone());
    views::Relay {
        name: relay.name.clone(),
        facts,
        change: form(list, Some(relay)),
        delete: Form::new(&format!("delete-{}", relay.id), format!("{list}/{}/delete", relay.id), form_key(), delete),
    }
}

fn form(list: &str, relay: Option<&Relay>) -> Form {
    let (id, action, label) = match relay {
        None => ("add".to_owned(), list.to_owned(), "Add the relay"),
        Some(relay) => (format!("relay-{}", relay.id), format!("{list}/{}", relay.id), "Save"),
    };
    let name = relay.map(|relay| relay.name.clone()).unwrap_or_default();
    let number = relay.and_then(|relay| relay.product_id).map(|number| number.to_string()).unwrap_or_default();
    Form::new(&id, action, form_key(), Button::of(Style::Other, label)).fields(vec![
        Field::new(Kind::Text, "name", "Name").value(name),
        Field::new(Kind::Number, "product_id", "Number in the product").value(number).optional(),
    ])
}

/// Adds a relay.
pub(super) async fn add(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    visitor.person()?;
    save(&visitor, customer(&id)?, None, &fields).await
}

/// Changes a relay.
pub(super) async fn change(
    visitor: Visitor,
    Path((id, relay)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    visitor.person()?;
    save(&visitor, customer(&id)?, Some(RelayId::new(identifier(&relay)?)), &fields).await
}

async fn save(
    visitor: &Visitor,
    customer: CustomerId,
    id: Option<RelayId>,
    fields: &Fields,
) -> Result<Response, Failure> {
    fields.only(&["name", "product_id"])?;
    let typed = (fields.get("name").to_owned(), fields.get("product_id").to_owned());
    match relays::put(&visitor.app, visitor.person()?, (customer, id), typed).await {
        Ok(()) => Ok(Redirect::to(&path(customer)).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => {
            show(visitor, customer, Vec::new(), Some(Wrong { id, fields, errors })).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes a relay out.
pub(super) async fn delete(
    visitor: Visitor,
    Path((id, relay)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&[])?;
    let customer = customer(&id)?;
    relays::delete(&visitor.app, person, customer, RelayId::new(identifier(&relay)?)).await?;
    Ok(Redirect::to(&path(customer)).into_response())
}

/// Reads the product, and says what came of it.
pub(super) async fn read(visitor: Visitor, Path(id): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&[])?;
    let customer = customer(&id)?;
    match relays::harvest(&visitor.app, person, customer).await {
        Ok(harvest) => show(&visitor, customer, told(&harvest), None).await,
        Err(Error::Invalid(errors)) if !visitor.json => {
            show(&visitor, customer, Vec::new(), Some(Wrong { id: None, fields: &fields, errors })).await
        }
        Err(error) => Err(error.into()),
    }
}

fn told(harvest: &Harvest) -> Vec<Note> {
    let found = match (harvest.added + harvest.known, harvest.added) {
        (0, _) => "The product names no relay where it could be read.".to_owned(),
        (all, added) => format!("Relays that the product names: {all}. Not known before: {added}."),
    };
    let mut notes = vec![Note::new(Tone::Done, found)];
    if !harvest.unread.is_empty() {
        notes.push(Note::new(Tone::You, format!("Not read: {}.", harvest.unread.join("; "))));
    }
    notes
}
