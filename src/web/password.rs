//! A password by a link that works once: asked for, and chosen.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::fields::Fields;
use super::frame;
use super::problem::Failure;
use super::session::device_cookie;
use super::setup::fill;
use super::visit::{Visitor, form_key};
use crate::app::{App, Error, FieldError, letters};
use crate::domain::contact::EmailAddress;
use crate::secret::Secret;
use crate::views::common::Page;
use crate::views::session::{Password, Said};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/forgotten", get(forgotten).post(ask)).route("/welcome", get(welcome).post(choose))
}

async fn forgotten(visitor: Visitor) -> Result<Response, Failure> {
    std::future::ready(show(&visitor, Password::forgotten(&form_key(), ""))).await
}

/// Asks for a link. The answer is the same whoever has the address.
async fn ask(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["email"])?;
    let email = fields.get("email").trim();
    if EmailAddress::parse(email).is_err() {
        let mut body = Password::forgotten(&form_key(), email);
        let text = "Enter the email address in the form name@example.com";
        fill(&mut body.form, &[], &[FieldError::new("email", "not_an_email", text)]);
        return show(&visitor, body);
    }
    letters::ask(&visitor.app, email).await?;
    said(&visitor, Said::link_sent(), StatusCode::OK)
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
}

async fn welcome(visitor: Visitor, Query(query): Query<Token>) -> Result<Response, Failure> {
    match letters::whose(&visitor.app, &query.token).await {
        Ok(person) => show(&visitor, Password::choose(&form_key(), &query.token, &person.email)),
        Err(Error::Forbidden(_)) => said(&visitor, Said::link_spent(), StatusCode::FORBIDDEN),
        Err(other) => Err(other.into()),
    }
}

async fn choose(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["token", "password"])?;
    let token = fields.get("token");
    let password = Secret::new(fields.get("password").to_owned());
    match letters::redeem(&visitor.app, token, password, &visitor.origin).await {
        Ok(device) => {
            let known = AppendHeaders([(SET_COOKIE, device_cookie(device))]);
            Ok((known, Redirect::to("/sign-in")).into_response())
        }
        Err(Error::Forbidden(_)) => said(&visitor, Said::link_spent(), StatusCode::FORBIDDEN),
        Err(Error::Invalid(errors)) => {
            let person = letters::whose(&visitor.app, token).await?;
            let mut body = Password::choose(&form_key(), token, &person.email);
            fill(&mut body.form, &[], &errors);
            show(&visitor, body)
        }
        Err(other) => Err(other.into()),
    }
}

fn show(visitor: &Visitor, body: Password) -> Result<Response, Failure> {
    let errors = body.form.errors();
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Password::TEMPLATE, &page)
}

fn said(visitor: &Visitor, body: Said, status: StatusCode) -> Result<Response, Failure> {
    let page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    let mut response = frame::show(visitor, Said::TEMPLATE, &page)?;
    *response.status_mut() = status;
    Ok(response)
}
