//! Somebody with a session, who sends requests to the router in process: everything but the socket is the real service.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, ETAG, SET_COOKIE};
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode};
use tower::ServiceExt as _;

use super::figures::Samples;
use crate::app::App;
use crate::cli::out::Stop;
use crate::web;

/// A person with a session.
#[derive(Clone)]
pub(super) struct Visitor {
    router: Router,
    cookie: String,
}

/// What a visitor was answered.
pub(super) struct Answer {
    /// Status.
    pub(super) status: StatusCode,
    /// Entity tag; empty where there is none.
    pub(super) tag: String,
    /// Body.
    pub(super) text: String,
}

impl Visitor {
    /// Signs in through the sign-in form, as a browser does.
    ///
    /// # Errors
    /// The router gives no session.
    pub(super) async fn signed_in(app: &Arc<App>, email: &str, password: &str) -> Result<Self, Stop> {
        let router = web::router(Arc::clone(app));
        let form = format!("email={}&password={password}", email.replace('@', "%40"));
        let request = Request::builder().method(Method::POST).uri("/sign-in");
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(form));
        let response = router.clone().oneshot(request.map_err(Stop::failed)?).await.map_err(Stop::failed)?;
        let cookie = response.headers().get(SET_COOKIE).and_then(|cookie| cookie.to_str().ok());
        let cookie = cookie.and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
        let cookie = cookie.ok_or_else(|| Stop::failed(format!("signing in was answered {}", response.status())))?;
        Ok(Self { router, cookie })
    }

    /// Opens an address, and notes how long it took.
    pub(super) async fn get(&self, path: &str, samples: &mut Samples) -> Result<Answer, Stop> {
        self.send(Request::builder().method(Method::GET).uri(path), String::new(), samples).await
    }

    /// Sends JSON under a key, for the version of a case that `tag` names, and notes how long it took.
    pub(super) async fn post(
        &self,
        path: &str,
        (key, tag): (&str, &str),
        body: String,
        samples: &mut Samples,
    ) -> Result<Answer, Stop> {
        let request = Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, "application/json");
        self.send(request.header("idempotency-key", key).header("if-match", tag), body, samples).await
    }

    async fn send(&self, request: Builder, body: String, samples: &mut Samples) -> Result<Answer, Stop> {
        let request = request.header(COOKIE, &self.cookie).body(Body::from(body)).map_err(Stop::failed)?;
        let begun = Instant::now();
        let response = self.router.clone().oneshot(request).await.map_err(Stop::failed)?;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.map_err(Stop::failed)?;
        samples.note(begun.elapsed(), bytes.len());
        let tag = parts.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Answer { status: parts.status, tag, text: String::from_utf8_lossy(&bytes).into_owned() })
    }
}

impl Answer {
    /// The answer, where it is 200; anything else would measure something else.
    ///
    /// # Errors
    /// What was answered instead.
    pub(super) fn good(self) -> Result<Self, Stop> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        let text: String = self.text.chars().take(400).collect();
        Err(Stop::failed(format!("a request was answered {}: {text}", self.status)))
    }
}
