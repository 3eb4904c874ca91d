//! Who asks: found once for each request; and the one place where a failure becomes an answer.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use chrono::TimeDelta;
use tower_http::csrf::ProtectionError;

use super::problem::{self, Failure};
use super::{account, session, source};
use crate::app::throttle::Origin;
use crate::app::{App, Error, access, token};
use crate::clock::fresh_id;
use crate::domain::actor::Person;
use crate::store::sessions::Session;

/// Who asks, from where, and in which form the answer is wanted.
#[derive(Clone)]
pub(super) struct Visitor {
    /// The service.
    pub(super) app: Arc<App>,
    /// Who is signed in.
    pub(super) person: Option<Person>,
    /// The session of a browser; programs with a token have none.
    pub(super) session: Option<Session>,
    /// Where the request comes from.
    pub(super) origin: Origin,
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

    /// The session of the person signed in. A token of a program never stands for it, so that it opens no other ways in.
    ///
    /// # Errors
    /// [`Error::SignedOut`] where nobody is signed in; [`Error::Forbidden`] for a program.
    pub(super) fn session(&self) -> Result<&Session, Failure> {
        self.person()?;
        let refused = Error::Forbidden("This is for people who are signed in, not for programs with a token");
        self.session.as_ref().ok_or_else(|| refused.into())
    }

    /// The session, where its owner has shown lately who it is. What only shows a page asks earlier, so that whoever fills
    /// in a form has time for it.
    ///
    /// # Errors
    /// [`Error::Unproved`] leads to the question and then to `back`, a page of ours; otherwise as [`Visitor::session`].
    pub(super) fn proved(&self, back: &str) -> Result<&Session, Failure> {
        let session = self.session()?;
        let most = if self.method == Method::GET { PROVED_FOR_PAGES } else { PROVED_FOR_ACTS };
        let lately = session.proved_at.is_some_and(|at| self.app.now() - at <= most);
        if lately { Ok(session) } else { Err(Error::Unproved(back.to_owned()).into()) }
    }
}

/// How long ago somebody may have shown who it is, for acts that matter.
const PROVED_FOR_ACTS: TimeDelta = TimeDelta::minutes(10);
/// The same for the pages that lead to such acts.
const PROVED_FOR_PAGES: TimeDelta = TimeDelta::minutes(5);

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
        session: None,
        origin: source::origin(&app.trusted_proxies, &request),
        app,
    };
    // An agent is no person; its area reads its token itself.
    let found = if request.uri().path().starts_with(super::agent::AREA) {
        Ok((None, None))
    } else {
        identify(&visitor.app, request.headers()).await
    };
    match found {
        Ok((person, session)) => (visitor.person, visitor.session) = (person, session),
        Err(error) => return render(&visitor, &error),
    }
    if lacks_factor(&visitor, request.uri().path()) {
        return render(&visitor, &Error::FactorMissing);
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

/// Whether the visitor must set up a second factor before anything else. A token was made by somebody with the machine's
/// command line and is no password, so it needs none.
fn lacks_factor(visitor: &Visitor, path: &str) -> bool {
    let Some((person, session)) = visitor.person.as_ref().zip(visitor.session.as_ref()) else { return false };
    let must = visitor.app.staff_second_factor && person.is_staff() && !session.has_factor;
    let is_way_there = [account::FACTOR, account::PROVE, "/sign-out", "/help", "/assets/"];
    must && !is_way_there.iter().any(|start| path.starts_with(start))
}

/// Somebody who is not signed in is led to the sign-in page and back, and so is who must do something else first;
/// everybody else is told what went wrong.
fn render(visitor: &Visitor, error: &Error) -> Response {
    // Whoever sent a form is told, so that the way back leads to what was filled in.
    let is_page = !visitor.json && visitor.method == Method::GET;
    let to = if let Error::Unproved(back) = error {
        Some(account::prove_path(back))
    } else if matches!(error, Error::FactorMissing) {
        Some(account::FACTOR.to_owned())
    } else {
        matches!(error, Error::SignedOut).then(|| session::sign_in_path(&visitor.uri))
    };
    match to.filter(|_| is_page) {
        Some(to) => Redirect::to(&to).into_response(),
        None => problem::render(visitor, error),
    }
}

async fn identify(app: &Arc<App>, headers: &HeaderMap) -> Result<(Option<Person>, Option<Session>), Error> {
    let bearer =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return access::bearer(app, token).await.map(|person| (Some(person), None));
    }
    let jar = CookieJar::from_headers(headers);
    let Some(cookie) = jar.get(session::COOKIE) else { return Ok((None, None)) };
    match access::session(app, cookie.value()).await {
        Ok((person, session)) => Ok((Some(person), Some(session))),
        Err(Error::SignedOut) => Ok((None, None)),
        Err(other) => Err(other),
    }
}

fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    path.starts_with("/api/")
        // The lists for machines: a page that asks to sign in would be read as one.
        || path.contains("/alerting-ips.")
        || path.starts_with(super::agent::AREA)
        || (accept.contains("json") && !accept.contains("text/html"))
}

/// A key for a form, so that sending it twice does it once.
pub(super) fn form_key() -> String {
    token::fresh()
}
