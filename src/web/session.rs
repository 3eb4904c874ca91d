//! Signing in and out.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use super::fields::{Fields, encode};
use super::frame;
use super::problem::Failure;
use super::visit::{Visitor, form_key};
use crate::app::{App, Error, access};
use crate::secret::Secret;
use crate::views::common::Page;
use crate::views::session::{CookieMissing, SignIn};

/// The session's cookie. The prefix makes browsers insist on Secure, no Domain and the path `/`, so that no sibling site
/// can plant one.
pub(super) const COOKIE: &str = "__Host-postern";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(form).post(sign_in))
        .route("/signed-in", get(arrived))
        .route("/sign-out", post(sign_out))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// The sign-in page that leads back to a path afterwards.
pub(super) fn sign_in_path(next: &str) -> String {
    if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", encode(next)) }
}

/// The start page of whoever is signed in.
pub(super) async fn home(visitor: Visitor) -> Redirect {
    std::future::ready(match &visitor.person {
        Some(person) if person.works_queue() => Redirect::to("/queue"),
        Some(person) if person.is_staff() => Redirect::to("/admin/about"),
        Some(_) => Redirect::to("/cases"),
        None => Redirect::to("/sign-in"),
    })
    .await
}

async fn form(visitor: Visitor, Query(query): Query<Next>) -> Result<Response, Failure> {
    let next = safe_path(&query.next);
    let form = SignIn::form("/sign-in", &form_key(), "", &next);
    let page =
        Page::new("Sign in", frame::frame(&visitor), SignIn { form, ended: !query.next.is_empty(), demo: Vec::new() });
    std::future::ready(frame::show(&visitor, SignIn::TEMPLATE, &page)).await
}

async fn sign_in(visitor: Visitor, jar: CookieJar, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["email", "password", "next"])?;
    let email = fields.get("email").trim().to_owned();
    let next = safe_path(fields.get("next"));
    match access::sign_in(&visitor.app, &email, Secret::new(fields.get("password").to_owned())).await {
        Ok((token, _)) => {
            let to = format!("/signed-in?next={}", encode(&next));
            Ok((jar.add(cookie(token)), Redirect::to(&to)).into_response())
        }
        Err(error @ (Error::WrongPassword | Error::Throttled(_))) => again(&visitor, &email, &next, &error),
        Err(other) => Err(other.into()),
    }
}

/// The form once more, with the address as typed and never the password.
fn again(visitor: &Visitor, email: &str, next: &str, error: &Error) -> Result<Response, Failure> {
    let text = if let Error::Throttled(until) = error {
        format!("Too many tries. Try again after {} UTC", until.format("%H:%M:%S"))
    } else {
        "Email address and password do not match. Check both, or ask your administrator for a new link".to_owned()
    };
    let mut form = SignIn::form("/sign-in", &form_key(), email, next);
    for field in &mut form.fields {
        if field.name == "password" {
            field.error = Some(text.clone());
        }
    }
    let errors = form.errors();
    let mut page = Page::new("Sign in", frame::frame(visitor), SignIn { form, ended: false, demo: Vec::new() });
    page.errors = errors;
    frame::show(visitor, SignIn::TEMPLATE, &page)
}

/// Where the browser arrives after signing in: without the cookie, the page says why that can be.
async fn arrived(visitor: Visitor, Query(query): Query<Next>) -> Result<Response, Failure> {
    if visitor.person.is_some() {
        return Ok(Redirect::to(&safe_path(&query.next)).into_response());
    }
    let body = CookieMissing {
        // Over https the browser itself refuses cookies, so no other address would help.
        use_instead: if visitor.app.is_secure { None } else { loopback(&visitor) },
        sign_in: sign_in_path(&query.next),
    };
    let page = Page::new("You are not signed in yet", frame::frame(&visitor), body);
    let mut response = std::future::ready(frame::show(&visitor, CookieMissing::TEMPLATE, &page)).await?;
    *response.status_mut() = StatusCode::FORBIDDEN;
    Ok(response)
}

/// The address at which browsers take a secure cookie without https: this machine.
fn loopback(visitor: &Visitor) -> Option<String> {
    let port = visitor.app.public_url.rsplit(':').next().and_then(|text| text.parse::<u16>().ok())?;
    Some(format!("http://localhost:{port}/"))
}

async fn sign_out(visitor: Visitor, jar: CookieJar) -> Result<Response, Failure> {
    if let Some(cookie) = jar.get(COOKIE) {
        access::end(&visitor.app, cookie.value()).await?;
    }
    let mut gone = cookie(String::new());
    gone.make_removal();
    Ok((jar.add(gone), Redirect::to("/sign-in")).into_response())
}

fn cookie(token: String) -> Cookie<'static> {
    Cookie::build((COOKIE, token)).path("/").secure(true).http_only(true).same_site(SameSite::Lax).build()
}

/// A path of this service, or the start page: never another site, however it is spelled.
fn safe_path(next: &str) -> String {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if is_ours { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_another_site_is_followed() {
        for evil in ["//evil", "/\\evil", "https:evil", "\t//evil", "/\t/evil", "evil", ""] {
            assert_eq!(safe_path(evil), "/", "{evil:?}");
        }
        assert_eq!(safe_path("/cases/1001?x=1"), "/cases/1001?x=1");
    }
}
