//! The administrators' pages: customers, people, tunnels, product tenants, what runs here, and what could not be delivered.

mod calendars;
mod customers;
mod mails;
mod objectives;
mod people;
mod present;
mod present_webhooks;
mod tenants;
mod tunnels;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use serde::Serialize;
use uuid::Uuid;

use super::fields::Fields;
use super::frame;
use super::problem::Failure;
use super::visit::Visitor;
use crate::app::{App, Error, FieldError, admin, dead_letters, installation};
use crate::domain::actor::Person;
use crate::domain::customer::Customer;
use crate::domain::id::CustomerId;
use crate::views::admin::{About, Outbox};
use crate::views::common::{Link, Page};
use crate::views::form::{ErrorLink, Form, Kind};
use crate::views::records::Edit;

pub(super) use objectives::meaning;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/customers", get(customers::list).post(customers::add))
        .route("/admin/customers/new", get(customers::new))
        .route("/admin/customers/{id}", get(customers::one))
        .route("/admin/customers/{id}/edit", get(customers::edit).post(customers::change))
        .route("/admin/customers/{id}/tunnels", get(tunnels::list).post(tunnels::add))
        .route("/admin/customers/{id}/tunnels/new", get(tunnels::new))
        .route("/admin/customers/{id}/tunnels/{tunnel}", get(tunnels::one))
        .route("/admin/customers/{id}/tunnels/{tunnel}/edit", get(tunnels::edit).post(tunnels::change))
        .route("/admin/customers/{id}/tenants", get(tenants::list).post(tenants::add))
        .route("/admin/customers/{id}/tenants/new", get(tenants::new))
        .route("/admin/customers/{id}/tenants/{tenant}/edit", get(tenants::edit).post(tenants::change))
        .route("/admin/customers/{id}/people", get(people::contacts).post(people::invite_contact))
        .route("/admin/customers/{id}/people/new", get(people::new_contact))
        .route("/admin/customers/{id}/calendar", get(calendars::of_customer).post(calendars::assign))
        .route("/admin/calendars", get(calendars::list).post(calendars::add))
        .route("/admin/calendars/new", get(calendars::new))
        .route("/admin/calendars/{id}", get(calendars::one))
        .route("/admin/calendars/{id}/edit", get(calendars::edit).post(calendars::change))
        .route("/admin/calendars/{id}/holidays", post(calendars::import))
        .route("/admin/calendars/{id}/delete", post(calendars::delete))
        .route("/admin/due-times", get(calendars::due_times).post(calendars::reckon))
        .route("/admin/objectives", get(objectives::page).post(objectives::add))
        .route("/admin/people", get(people::staff).post(people::invite_staff))
        .route("/admin/people/new", get(people::new_staff))
        .route("/admin/people/{id}", get(people::one))
        .route("/admin/people/{id}/edit", get(people::edit).post(people::change))
        .route("/admin/people/{id}/disable", post(people::disable))
        .route("/admin/people/{id}/invite", post(people::send_link))
        .route("/admin/people/{id}/enable", post(people::enable))
        .route("/admin/people/{id}/sessions/end", post(people::end_sessions))
        .route("/admin/people/{id}/factor/reset", post(people::reset_factor))
        .merge(webhook_routes())
        .route("/admin/about", get(about))
        .route("/admin/mails", get(mails::list))
        .route("/admin/mails/{name}", get(mails::one))
        .route("/admin/mails/{name}/page", get(mails::html))
        .route("/admin/outbox", get(outbox))
        .route("/admin/outbox/resend", post(resend))
}

fn webhook_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/admin/webhooks/new", get(webhooks::new))
        .route("/admin/webhooks/{id}", get(webhooks::one))
        .route("/admin/webhooks/{id}/edit", get(webhooks::edit).post(webhooks::change))
        .route("/admin/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/admin/webhooks/{id}/on", post(webhooks::on))
        .route("/admin/webhooks/{id}/off", post(webhooks::off))
        .route("/admin/webhooks/{id}/ping", post(webhooks::ping))
        .route("/admin/webhooks/{id}/redeliver", post(webhooks::redeliver_since))
        .route("/admin/webhooks/{id}/deliveries/{event}", get(webhooks::delivery))
        .route("/admin/webhooks/{id}/deliveries/{event}/redeliver", post(webhooks::redeliver))
}

/// The administrator who asks.
///
/// # Errors
/// [`Error::Forbidden`] for everybody else.
fn administrator(visitor: &Visitor) -> Result<&Person, Failure> {
    let person = visitor.person()?;
    admin::require_admin(person)?;
    Ok(person)
}

/// An identifier in a path.
///
/// # Errors
/// [`Error::NotFound`] for anything else: there is no page of that name.
pub(super) fn identifier(text: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_no_identifier| Error::NotFound.into())
}

/// The customer in a path.
///
/// # Errors
/// [`Error::NotFound`] where there is none.
async fn customer_of(visitor: &Visitor, id: &str) -> Result<Customer, Failure> {
    Ok(admin::customer_by_id(&visitor.app, CustomerId::new(identifier(id)?)).await?)
}

/// A page of administration without a form, or with one that is as it should be.
fn page<B: Serialize>(
    visitor: &Visitor,
    title: &str,
    crumbs: Vec<Link>,
    template: &'static str,
    body: B,
) -> Result<Response, Failure> {
    wrong(visitor, (title, crumbs), template, body, Vec::new())
}

/// The same with what is wrong with its form on top.
fn wrong<B: Serialize>(
    visitor: &Visitor,
    (title, crumbs): (&str, Vec<Link>),
    template: &'static str,
    body: B,
    errors: Vec<ErrorLink>,
) -> Result<Response, Failure> {
    let mut page = Page::new(title, frame::frame(visitor), body);
    page.crumbs = crumbs;
    page.errors = errors;
    frame::show(visitor, template, &page)
}

/// The page of a form, empty or with what was typed and what is wrong with it.
fn again(visitor: &Visitor, body: Edit) -> Result<Response, Failure> {
    let title = body.heading.clone();
    let errors = body.form.errors();
    wrong(visitor, (&title, Vec::new()), Edit::TEMPLATE, body, errors)
}

/// Puts what was typed, and what is wrong with it, back into a form. Secrets are never put back.
pub(super) fn fill(form: &mut Form, fields: &Fields, errors: &[FieldError]) {
    for field in &mut form.fields {
        if field.kind == Kind::Checkbox {
            for choice in &mut field.options {
                choice.checked = !fields.get(&format!("{}-{}", field.name, choice.value)).is_empty();
            }
        } else if field.kind != Kind::Password {
            *field = field.clone().value(fields.get(&field.name));
        }
        field.error = errors.iter().find(|error| error.field == field.name).map(|error| error.message.clone());
    }
}

async fn about(visitor: Visitor) -> Result<Response, Failure> {
    let installation = installation::describe(&visitor.app, visitor.person()?).await?;
    let page = Page::new("About this service", frame::frame(&visitor), present::about(&installation));
    frame::show(&visitor, About::TEMPLATE, &page)
}

async fn outbox(visitor: Visitor) -> Result<Response, Failure> {
    let (letters, waiting) = dead_letters::list(&visitor.app, visitor.person()?).await?;
    let body = present::outbox(&visitor.app.mailer.describe(), &letters, waiting);
    let page = Page::new("Outgoing mail", frame::frame(&visitor), body);
    frame::show(&visitor, Outbox::TEMPLATE, &page)
}

/// Tries an effect again. The key names it: one that is on its way again already is not tried twice.
async fn resend(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&["effect_key"])?;
    let key = fields.get("effect_key");
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !is_key {
        let text = "Reload the page and choose what is to be sent again";
        return Err(Error::field("effect_key", "unknown", text).into());
    }
    dead_letters::resend(&visitor.app, person, key.to_owned()).await?;
    Ok(Redirect::to("/admin/outbox").into_response())
}
