//! Who asks: found once for each request; and the one place where a failure becomes an answer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use tower_http::csrf::ProtectionError;

use super::problem::{self, Failure};
use super::session;
use crate::app::{App, Error, access, token};
use crate::clock::fresh_id;
use crate::domain::actor::Person;

/// Who asks, from where, and in which form the answer is wanted.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The service.
    pub(super) app: Arc<App>,
    /// Who is signed in.
    pub(super) person: Option<Person>,
    /// Path and query.
    pub(super) uri: String,
    /// Method.
    pub(super) method: Method,
    /// The answer is wanted as JSON.
    pub(super) json: bool,
    /// Names the request in the log and on error pages.
    pub(super) request_id: String,
}

impl Visitor {
    /// The person signed in.
    ///
    /// # Errors
    /// [`Error::SignedOut`] where nobody is.
    pub(super) fn person(&self) -> Result<&Person, Failure> {
        self.person.as_ref().ok_or_else(|| Failure::from(Error::SignedOut))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        std::future::ready(
            parts
                .extensions
                .get::<Self>()
                .cloned()
                .ok_or_else(|| Failure::from(Error::Internal("a route without a visitor".to_owned()))),
        )
        .await
    }
}

/// Finds out who asks, lets the handler answer, and renders whatever failed.
pub(super) async fn visit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let mut visitor = Visitor {
        uri: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        method: request.method().clone(),
        json: wants_json(request.uri().path(), request.headers()),
        request_id: fresh_id().simple().to_string(),
        person: None,
        app,
    };
    // An agent is no person; its area reads its token itself.
    let person = if request.uri().path().starts_with(super::agent::AREA) {
        Ok(None)
    } else {
        identify(&visitor.app, request.headers()).await
    };
    match person {
        Ok(person) => visitor.person = person,
        Err(error) => return render(&visitor, &error),
    }
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    if response.extensions().get::<ProtectionError>().is_some() {
        return problem::cross_site(&visitor);
    }
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => render(&visitor, failure.error()),
        None if response.status() == StatusCode::PAYLOAD_TOO_LARGE => problem::too_large(&visitor),
        None => response,
    }
}

/// Somebody who is not signed in is led to the sign-in page and back; everybody else is told what went wrong.
fn render(visitor: &Visitor, error: &Error) -> Response {
    let is_page = !visitor.json && visitor.method == Method::GET;
    if matches!(error, Error::SignedOut) && is_page {
        return Redirect::to(&session::sign_in_path(&visitor.uri)).into_response();
    }
    problem::render(visitor, error)
}

async fn identify(app: &Arc<App>, headers: &HeaderMap) -> Result<Option<Person>, Error> {
    let bearer =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return access::bearer(app, token).await.map(Some);
    }
    let jar = CookieJar::from_headers(headers);
    let Some(cookie) = jar.get(session::COOKIE) else { return Ok(None) };
    match access::session(app, cookie.value()).await {
        Ok(person) => Ok(Some(person)),
        Err(Error::SignedOut) => Ok(None),
        Err(other) => Err(other),
    }
}

fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    path.starts_with("/api/")
        || path.starts_with(super::agent::AREA)
        || (accept.contains("json") && !accept.contains("text/html"))
}

/// A key for a form, so that sending it twice does it once.
pub(super) fn form_key() -> String {
    token::fresh()
}
