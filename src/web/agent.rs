//! The area of agents (docs/agent-protocol.md): work by long poll, events and reports back. An agent shows its token; what
//! it may see follows from the tunnels that the token is bound to, and everything else is not found.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde::Deserialize;
use tower_http::set_header::SetResponseHeaderLayer;

use super::problem::{self, Failure};
use super::visit::Visitor;
use crate::app::agents::{self, Agent, jobs};
use crate::app::{App, Error};
use crate::domain::problem::ProblemCode;
use crate::probe::job::{PROTOCOL, PROTOCOL_HEADER};
use crate::probe::received::LARGEST_REPORT;

/// What the addresses of the area begin with.
pub(super) const AREA: &str = "/agent/";

pub(super) fn routes() -> Router<Arc<App>> {
    let area = Router::new()
        .route("/jobs/next", post(next))
        .route("/jobs/{id}/events", post(events))
        .route("/jobs/{id}/report", post(report))
        .route("/jobs/{id}/release", post(release))
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_REPORT))
        .layer(SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(PROTOCOL_HEADER),
            HeaderValue::from(PROTOCOL),
        ));
    Router::new().nest("/agent/v1", area)
}

/// The agent that asks.
struct Caller {
    app: Arc<App>,
    agent: Agent,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let bearer = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|text| text.strip_prefix("Bearer ")).ok_or(Error::SignedOut)?;
        let agent = agents::bearer(&visitor.app, token).await?;
        let spoken = parts.headers.get(PROTOCOL_HEADER).map(|value| value.to_str().unwrap_or_default());
        if spoken != Some(PROTOCOL.to_string().as_str()) {
            let text = format!("This service speaks version {PROTOCOL}; send Postern-Agent-Protocol: {PROTOCOL}");
            return Err(Error::malformed(ProblemCode::AgentProtocol, text).into());
        }
        Ok(Self { app: visitor.app, agent })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    wait: Option<u64>,
}

/// The next job, or 204 where there was none in the time that the agent waits.
async fn next(
    caller: Caller,
    query: Result<Query<Wait>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let longest = jobs::LONGEST_WAIT;
    let bad = || Error::malformed(ProblemCode::BadParameter, format!("wait takes seconds, 0 to {}", longest.as_secs()));
    let Query(query) = query.map_err(|_not_a_number| bad())?;
    let wait = Duration::from_secs(query.wait.unwrap_or(0));
    if wait > longest {
        return Err(bad().into());
    }
    let Some(job) = jobs::next(&caller.app, &caller.agent, wait).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let text = serde_json::to_string(&job).map_err(|error| Error::Internal(error.to_string()))?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response())
}

/// What a running test has seen so far.
async fn events(
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    jobs::progress(&caller.app, &caller.agent, &id, &body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The final report.
async fn report(
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&rejection),
    };
    jobs::report(&caller.app, &caller.agent, &id, &body).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A job that the agent gives back.
async fn release(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    jobs::give_back(&caller.app, &caller.agent, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A body that was not read to its end; `visit` says what is too large.
fn unread(rejection: &BytesRejection) -> Result<Response, Failure> {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    }
    Err(Error::malformed(ProblemCode::Unreadable, "The body ended early").into())
}
