//! Somebody's own account: name, password, second factor, sessions; and the question who one is, before acts that matter.

mod factor;
mod present;

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::fields::{Fields, encode};
use super::frame;
use super::problem::Failure;
use super::session::{safe_path, throttled};
use super::setup::fill;
use super::visit::{Visitor, form_key};
use crate::app::account::{self, Ending};
use crate::app::mail_wishes::{self, Draft};
use crate::app::sign_in::{self, Proof};
use crate::app::{App, Error, FieldError, token};
use crate::domain::mail_wish::About;
use crate::secret::Secret;
use crate::views::account::Account;
use crate::views::common::Page;
use crate::views::form::Form;
use crate::views::session::Password;

pub(super) use present::{happening, standing};

/// The account of whoever is signed in.
pub(super) const PATH: &str = "/account";
/// Where a second factor is set up.
pub(super) const FACTOR: &str = "/account/factor";
/// Where somebody shows again who it is.
pub(super) const PROVE: &str = "/account/prove";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(PATH, get(show))
        .route("/account/name", post(rename))
        .route("/account/mail", post(change_mail))
        .route("/account/password", post(change_password))
        .route("/account/sessions/end", post(end_sessions))
        .route(PROVE, get(prove_form).post(prove))
        .merge(factor::routes())
}

/// The question who somebody is, which leads to a page of ours afterwards.
pub(super) fn prove_path(back: &str) -> String {
    format!("{PROVE}?next={}", encode(back))
}

async fn show(visitor: Visitor) -> Result<Response, Failure> {
    visitor.session()?;
    page(&visitor, None).await
}

/// The account, with a form of it that needs another look.
async fn page(visitor: &Visitor, wrong: Option<Form>) -> Result<Response, Failure> {
    let (person, session) = (visitor.person()?, visitor.session()?);
    let account = account::of(&visitor.app, person).await?;
    let wishes = mail_wishes::of(&visitor.app, person).await?;
    let mut body = present::account(person, session, (&account, &wishes), visitor.app.staff_second_factor);
    let errors = wrong.as_ref().map(Form::errors).unwrap_or_default();
    match wrong {
        Some(form) if form.id == body.name.id => body.name = form,
        Some(form) if form.id == body.mail.id => body.mail = form,
        Some(form) => body.password = form,
        None => {}
    }
    let mut page = Page::new("Your account", frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Account::TEMPLATE, &page)
}

async fn rename(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["name"])?;
    visitor.session()?;
    let name = fields.get("name");
    match account::rename(&visitor.app, visitor.person()?, name, &visitor.origin).await {
        Ok(()) => Ok(Redirect::to(PATH).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut form = Account::name_form(&form_key(), "");
            fill(&mut form, &[("name", name)], &errors);
            page(&visitor, Some(form)).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Which mail is sent when, and the zone of its times.
async fn change_mail(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    visitor.session()?;
    let person = visitor.person()?;
    let choices = About::choices(person.is_staff());
    let known: Vec<&str> = std::iter::once("time_zone").chain(choices.iter().map(|about| about.as_str())).collect();
    fields.only(&known)?;
    let wished = |about: &About| (about.to_string(), fields.get(about.as_str()).to_owned());
    let draft = Draft {
        time_zone: Some(fields.get("time_zone").to_owned()),
        wishes: choices.iter().map(wished).filter(|(_, wish)| !wish.is_empty()).collect(),
    };
    match mail_wishes::change(&visitor.app, person, &draft).await {
        Ok(_) => Ok(Redirect::to(PATH).into_response()),
        Err(Error::Invalid(errors)) => {
            let wishes = mail_wishes::of(&visitor.app, person).await?;
            let mut form = Account::mail_form(&form_key(), wishes.zone.name(), &wishes.wishes);
            let typed: Vec<(&str, &str)> = known.iter().map(|name| (*name, fields.get(name))).collect();
            fill(&mut form, &typed, &errors);
            page(&visitor, Some(form)).await
        }
        Err(other) => Err(other.into()),
    }
}

/// The present password is asked for, so nothing else has to be shown.
async fn change_password(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["present", "password"])?;
    let secret = |name: &str| Secret::new(fields.get(name).to_owned());
    let words = (secret("present"), secret("password"));
    let (session, once) = (visitor.session()?, fields.once(&visitor)?);
    let errors = match account::change_password(&visitor.app, session, words, (&visitor.origin, once)).await {
        Ok(()) => return Ok(Redirect::to(PATH).into_response()),
        Err(Error::Invalid(errors)) => errors,
        Err(error @ Error::Throttled(_)) => vec![FieldError::new("present", "throttled", throttled(&error))],
        Err(other) => return Err(other.into()),
    };
    let mut form = Account::password_form(&form_key());
    fill(&mut form, &[], &errors);
    page(&visitor, Some(form)).await
}

/// Ends one session, or all but this one.
async fn end_sessions(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["session"])?;
    let ending = match fields.get("session") {
        "" => Ending::Others,
        text => Ending::One(token::unhex::<32>(text).ok_or(Error::NotFound)?.to_vec()),
    };
    account::end_sessions(&visitor.app, visitor.session()?, ending, &visitor.origin).await?;
    Ok(Redirect::to(PATH).into_response())
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn prove_form(visitor: Visitor, Query(query): Query<Next>) -> Result<Response, Failure> {
    let has_factor = visitor.session()?.has_factor;
    let body = Password::prove(&form_key(), &safe_path(&query.next), has_factor);
    std::future::ready(show_proof(&visitor, body, StatusCode::OK)).await
}

async fn prove(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let session = visitor.session()?;
    let field = if session.has_factor { "code" } else { "password" };
    fields.only(&[field, "next"])?;
    let next = safe_path(fields.get("next"));
    let word = Secret::new(fields.get(field).to_owned());
    let proof = if session.has_factor { Proof::Code(word) } else { Proof::Password(word) };
    let errors = match sign_in::prove(&visitor.app, session, proof).await {
        Ok(()) => return Ok(Redirect::to(&next).into_response()),
        Err(Error::Invalid(errors)) => errors,
        Err(error @ Error::Throttled(_)) => vec![FieldError::new(field, "throttled", throttled(&error))],
        Err(other) => return Err(other.into()),
    };
    let mut body = Password::prove(&form_key(), &next, session.has_factor);
    fill(&mut body.form, &[], &errors);
    show_proof(&visitor, body, StatusCode::UNPROCESSABLE_ENTITY)
}

fn show_proof(visitor: &Visitor, body: Password, status: StatusCode) -> Result<Response, Failure> {
    let errors = body.form.errors();
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.errors = errors;
    let mut response = frame::show(visitor, Password::TEMPLATE, &page)?;
    *response.status_mut() = status;
    Ok(response)
}
