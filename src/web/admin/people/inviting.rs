//! Inviting people of the vendor and of customers.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::customers::path as customer_path;
use super::super::{administrator, again, customer_of, fill, identifier};
use super::{CONTACT_FIELDS, STAFF_FIELDS, path, right, right_field, roles, roles_field};
use crate::app::admin::Place;
use crate::app::{Error, Outcome, adding};
use crate::domain::customer::Customer;
use crate::domain::id::PersonId;
use crate::views::form::{Button, Field, Form, Kind};
use crate::views::records::Edit;
use crate::web::fields::Fields;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// The empty form for one of the vendor's people.
pub(in crate::web::admin) async fn new_staff(visitor: Visitor) -> Result<Response, Failure> {
    administrator(&visitor)?;
    visitor.proved("/admin/people/new")?;
    std::future::ready(again(&visitor, inviting(None))).await
}

/// The empty form for a contact of a customer.
pub(in crate::web::admin) async fn new_contact(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Failure> {
    administrator(&visitor)?;
    let customer = customer_of(&visitor, &id).await?;
    visitor.proved(&visitor.uri)?;
    let mut body = inviting(Some(&customer));
    choose(&mut body.form, "right", "all");
    again(&visitor, body)
}

/// Invites one of the vendor's people.
pub(in crate::web::admin) async fn invite_staff(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    administrator(&visitor)?;
    visitor.proved("/admin/people/new")?;
    fields.only(STAFF_FIELDS)?;
    invite(&visitor, &fields, None, Place::Staff(roles(&fields))).await
}

/// Invites a contact of a customer.
pub(in crate::web::admin) async fn invite_contact(
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    administrator(&visitor)?;
    fields.only(CONTACT_FIELDS)?;
    let customer = customer_of(&visitor, &id).await?;
    visitor.proved(&format!("{}/people/new", customer_path(&customer)))?;
    match right(&fields) {
        Ok(all_cases) => {
            let place = Place::Contact { customer: customer.id, all_cases };
            invite(&visitor, &fields, Some(&customer), place).await
        }
        Err(error) => {
            let mut body = inviting(Some(&customer));
            fill(&mut body.form, &fields, &[error]);
            again(&visitor, body)
        }
    }
}

async fn invite(
    visitor: &Visitor,
    fields: &Fields,
    customer: Option<&Customer>,
    place: Place,
) -> Result<Response, Failure> {
    let who = (fields.get("name").trim().to_owned(), fields.get("email").trim().to_owned());
    let (admin, once) = (administrator(visitor)?, fields.once(visitor)?);
    match adding::person(&visitor.app, admin, who, place, once).await {
        Ok(Outcome::Done(person)) => Ok(Redirect::to(&path(person.id)).into_response()),
        Ok(Outcome::Before(answer)) => {
            Ok(Redirect::to(&path(PersonId::new(identifier(&answer.answer)?))).into_response())
        }
        Err(Error::Invalid(errors)) => {
            let mut body = inviting(customer);
            fill(&mut body.form, fields, &errors);
            again(visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

fn inviting(customer: Option<&Customer>) -> Edit {
    let (heading, list) = match customer {
        Some(customer) => {
            (format!("Invite a person of {}", customer.name), format!("{}/people", customer_path(customer)))
        }
        None => ("Invite a person".to_owned(), "/admin/people".to_owned()),
    };
    let mut form = Form::new("form", list.as_str(), form_key(), Button::main("Send invitation")).fields(vec![
        Field::new(Kind::Text, "name", "Name"),
        Field::new(Kind::Email, "email", "Email address"),
        if customer.is_some() { right_field() } else { roles_field() },
    ]);
    form.cancel = Some(list);
    Edit { heading, intro: None, form }
}

fn choose(form: &mut Form, name: &str, value: &str) {
    for field in form.fields.iter_mut().filter(|field| field.name == name) {
        *field = field.clone().value(value);
    }
}
