//! The first start: one page, opened by the one-time link that `serve` prints, makes the first administrator.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::fields::Fields;
use super::frame;
use super::problem::Failure;
use super::visit::{Visitor, form_key};
use crate::app::{App, Error, FieldError, access};
use crate::secret::Secret;
use crate::views::common::Page;
use crate::views::form::Form;
use crate::views::session::{NoToken, Setup};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/setup", get(form).post(set_up))
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn form(visitor: Visitor, Query(query): Query<Token>) -> Result<Response, Failure> {
    if !access::is_setup_token(&visitor.app, &query.token).await? {
        return no_token(&visitor);
    }
    show(&visitor, setup_form(&query.token))
}

async fn set_up(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["token", "name", "email", "password"])?;
    let (name, email) = (fields.get("name").to_owned(), fields.get("email").trim().to_owned());
    let password = Secret::new(fields.get("password").to_owned());
    match access::set_up(&visitor.app, fields.get("token"), (name.clone(), email.clone()), password).await {
        Ok(()) => Ok(Redirect::to("/sign-in").into_response()),
        Err(Error::Forbidden(_)) => no_token(&visitor),
        Err(Error::Invalid(errors)) => {
            let mut form = setup_form(fields.get("token"));
            fill(&mut form, &[("name", &name), ("email", &email)], &errors);
            show(&visitor, form)
        }
        Err(other) => Err(other.into()),
    }
}

/// Links in mail start with the configured public address, so the page does not ask for one.
fn setup_form(token: &str) -> Form {
    let mut form = Setup::form("/setup", &form_key(), token, "");
    form.fields.retain(|field| field.name != "public_url");
    form
}

fn show(visitor: &Visitor, form: Form) -> Result<Response, Failure> {
    let errors = form.errors();
    let mut page = Page::new("Set up Postern", frame::frame(visitor), Setup { form });
    page.errors = errors;
    frame::show(visitor, Setup::TEMPLATE, &page)
}

fn no_token(visitor: &Visitor) -> Result<Response, Failure> {
    let body = NoToken {
        file: visitor.app.data.join("setup-token").display().to_string(),
        spent: false,
        sign_in: "/sign-in".to_owned(),
    };
    let page = Page::new("This link does not work", frame::frame(visitor), body);
    let mut response = frame::show(visitor, NoToken::TEMPLATE, &page)?;
    *response.status_mut() = StatusCode::FORBIDDEN;
    Ok(response)
}

/// Puts what was typed, and what is wrong with it, back into a form. Secrets are never put back.
pub(super) fn fill(form: &mut Form, typed: &[(&str, &str)], errors: &[FieldError]) {
    for field in &mut form.fields {
        if let Some((_, value)) = typed.iter().find(|(name, _)| *name == field.name) {
            *field = field.clone().value(*value);
        }
        if let Some(error) = errors.iter().find(|error| error.field == field.name) {
            field.error = Some(error.message.clone());
        }
    }
}
