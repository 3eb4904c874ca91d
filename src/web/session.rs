//! Signing in and out.

use std::sync::Arc;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use super::fields::{Fields, encode};
use super::frame;
use super::problem::Failure;
use super::setup::fill;
use super::visit::{Visitor, form_key};
use crate::app::sign_in::{self, SignedIn};
use crate::app::throttle::KNOWN_FOR;
use crate::app::{App, Error, FieldError, access};
use crate::secret::Secret;
use crate::views::common::Page;
use crate::views::session::{CookieMissing, Password, SignIn};

/// The session's cookie. The prefix makes browsers insist on Secure, no Domain and the path `/`, so that no sibling site
/// can plant one.
pub(super) const COOKIE: &str = "__Host-postern";
/// The cookie by which a browser is known to an account that it signed in to. It opens nothing.
pub(super) const DEVICE_COOKIE: &str = "__Host-postern-device";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/sign-in", get(form).post(sign_in))
        .route("/sign-in/code", get(code_form).post(code))
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

async fn sign_in(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["email", "password", "next"])?;
    let email = fields.get("email").trim().to_owned();
    let next = safe_path(fields.get("next"));
    let password = Secret::new(fields.get("password").to_owned());
    match sign_in::sign_in(&visitor.app, &email, password, &visitor.origin).await {
        Ok(begun) => Ok(entered(begun, &next)),
        Err(error @ (Error::WrongPassword | Error::Throttled(_))) => again(&visitor, &email, &next, &error),
        Err(other) => Err(other.into()),
    }
}

/// The answer to a sign-in: on to the page that was wanted, or to the question for a code.
fn entered(begun: SignedIn, next: &str) -> Response {
    let page = if begun.waits_for_code { "/sign-in/code" } else { "/signed-in" };
    let to = format!("{page}?next={}", encode(next));
    // The session's cookie stands first: programs that sign in as a browser does read one.
    let cookies = AppendHeaders([(SET_COOKIE, cookie(begun.token).to_string())]);
    let known = begun.device.map(|device| AppendHeaders([(SET_COOKIE, device_cookie(device))]));
    match known {
        Some(known) => (cookies, known, Redirect::to(&to)).into_response(),
        None => (cookies, Redirect::to(&to)).into_response(),
    }
}

/// Asks for the code of the second factor.
async fn code_form(visitor: Visitor, jar: CookieJar, Query(query): Query<Next>) -> Result<Response, Failure> {
    let next = safe_path(&query.next);
    match waiting(&visitor, &jar).await? {
        Some(_) => show_code(&visitor, Password::code(&form_key(), &next)),
        None => Ok(Redirect::to(&sign_in_path(&next)).into_response()),
    }
}

/// The session that waits for a code.
async fn waiting(visitor: &Visitor, jar: &CookieJar) -> Result<Option<String>, Failure> {
    let Some(cookie) = jar.get(COOKIE) else { return Ok(None) };
    match sign_in::awaited(&visitor.app, cookie.value()).await {
        Ok(_) => Ok(Some(cookie.value().to_owned())),
        Err(Error::SignedOut) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

async fn code(visitor: Visitor, jar: CookieJar, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["code", "next"])?;
    let next = safe_path(fields.get("next"));
    let Some(session) = waiting(&visitor, &jar).await? else {
        return Ok(Redirect::to(&sign_in_path(&next)).into_response());
    };
    let code = Secret::new(fields.get("code").to_owned());
    let errors = match sign_in::code(&visitor.app, &session, code, &visitor.origin).await {
        Ok(begun) => return Ok(entered(begun, &next)),
        Err(Error::Invalid(errors)) => errors,
        Err(error @ Error::Throttled(_)) => vec![FieldError::new("code", "throttled", throttled(&error))],
        Err(other) => return Err(other.into()),
    };
    let mut body = Password::code(&form_key(), &next);
    fill(&mut body.form, &[], &errors);
    show_code(&visitor, body)
}

fn show_code(visitor: &Visitor, body: Password) -> Result<Response, Failure> {
    let errors = body.form.errors();
    let mut page = Page::new(body.heading.clone(), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Password::TEMPLATE, &page)
}

/// When the next try is looked at, in words; nothing for other errors.
pub(super) fn throttled(error: &Error) -> String {
    let Error::Throttled(until) = error else { return String::new() };
    format!("Too many tries. Try again after {} UTC", until.format("%H:%M:%S"))
}

/// The form once more, with the address as typed and never the password.
fn again(visitor: &Visitor, email: &str, next: &str, error: &Error) -> Result<Response, Failure> {
    let text = if matches!(error, Error::Throttled(_)) {
        throttled(error)
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

/// Outlives the session, so that the browser is known at the next sign-in.
pub(super) fn device_cookie(value: String) -> String {
    let cookie = Cookie::build((DEVICE_COOKIE, value)).path("/").secure(true).http_only(true);
    let cookie = cookie.same_site(SameSite::Lax).build();
    format!("{cookie}; Max-Age={}", KNOWN_FOR.num_seconds())
}

/// A path of this service, or the start page: never another site, however it is spelled.
pub(super) fn safe_path(next: &str) -> String {
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
