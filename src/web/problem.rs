//! What went wrong, as a page or as `application/problem+json` (RFC 9457). The only file with status codes for errors.

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::frame;
use super::visit::Visitor;
use crate::app::{Error, FieldError};
use crate::domain::problem::ProblemCode;
use crate::domain::workflow::Refusal;
use crate::views::common::{Fact, Link, Page};
use crate::views::error::ErrorPage;

/// A failure on its way to the middleware that renders it.
#[derive(Clone, Debug)]
pub struct Failure(Arc<Error>);

impl Failure {
    /// What failed.
    pub(super) fn error(&self) -> &Error {
        &self.0
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Arc::new(error.into()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a client is told: the kind of failure, and what happened this time.
struct Told {
    code: ProblemCode,
    detail: String,
    /// The way on, where it is another one than to the visitor's start page.
    way: Option<Link>,
}

impl Told {
    fn of(error: &Error) -> Self {
        let way = if let Error::Unproved(back) = error {
            Some(Link::new("Show who you are", super::account::prove_path(back)))
        } else if matches!(error, Error::FactorMissing) {
            Some(Link::new("Set up a second factor", super::account::FACTOR))
        } else {
            matches!(error, Error::SignedOut | Error::WrongPassword)
                .then(|| Link::new("Sign in", super::session::sign_in_path("/")))
        };
        Self { code: error.code(), detail: error.detail(), way }
    }

    /// Where nothing is known beyond the kind.
    fn plain(code: ProblemCode) -> Self {
        Self { code, detail: code.happened().to_owned(), way: None }
    }
}

/// An unknown path.
pub(super) async fn unknown() -> Failure {
    std::future::ready(Failure::from(Error::NotFound)).await
}

/// A known path with a method that it does not know.
pub(super) async fn wrong_method(visitor: Visitor) -> Response {
    let detail = format!("{} is not possible here.", visitor.method);
    let told = Told { code: ProblemCode::MethodNotAllowed, detail, way: None };
    std::future::ready(answer(&visitor, &told, &[])).await
}

/// The last resort: a defect in a handler must not end the service, nor tell anybody more than a reference.
pub(super) fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response {
    Failure::from(Error::Internal("a handler panicked".to_owned())).into_response()
}

/// A form that was sent from another site (Sec-Fetch-Site, Origin).
pub(super) fn cross_site(visitor: &Visitor) -> Response {
    answer(visitor, &Told::plain(ProblemCode::CrossSite), &[])
}

/// A body that is too large to be read.
pub(super) fn too_large(visitor: &Visitor) -> Response {
    let detail = format!("More than {} was sent. Nothing was changed.", super::most_sent(&visitor.uri));
    answer(visitor, &Told { code: ProblemCode::TooLarge, detail, way: None }, &[])
}

/// What did not go through because the case has moved on or a colleague holds it, with what was entered, so that nothing
/// is lost; any other error as it is.
pub(super) fn lost_nothing(visitor: &Visitor, error: Error, number: i64, kept: Vec<Fact>) -> Result<Response, Failure> {
    if visitor.json {
        return Err(error.into());
    }
    let went_on = matches!(
        error,
        Error::Refused(Refusal::Stale { .. } | Refusal::Unhandled { .. })
            | Error::Changed { .. }
            | Error::Claimed { .. }
    );
    if !went_on {
        return Err(error.into());
    }
    let link = Link::new(format!("Go to case {number}"), format!("/cases/{number}"));
    let mut body = error_page(visitor, &Told::of(&error), &[]);
    (body.kept, body.links) = (kept, vec![link]);
    Ok(page(visitor, body))
}

/// Renders a failure for the visitor, and logs what only we may know.
pub(super) fn render(visitor: &Visitor, error: &Error) -> Response {
    let told = Told::of(error);
    if status(told.code).is_server_error() {
        tracing::error!(
            request = visitor.request_id,
            path = visitor.uri,
            error = %crate::app::chain(error),
            "a request failed"
        );
    } else {
        tracing::debug!(request = visitor.request_id, path = visitor.uri, %error, "a request was refused");
    }
    let fields: &[FieldError] = if let Error::Invalid(fields) = error { fields } else { &[] };
    let mut response = answer(visitor, &told, fields);
    if matches!(response.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if let Error::Changed { revision, .. } = error
        && let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\""))
    {
        response.headers_mut().insert(axum::http::header::ETAG, tag);
    }
    response
}

/// The status of each kind of failure (RFC 9110, RFC 6585).
fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::Forbidden | ProblemCode::CrossSite | ProblemCode::Unproved | ProblemCode::FactorMissing => {
            StatusCode::FORBIDDEN
        }
        ProblemCode::SignedOut | ProblemCode::WrongPassword => StatusCode::UNAUTHORIZED,
        ProblemCode::Throttled | ProblemCode::TestTooSoon => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::Invalid | ProblemCode::Refused | ProblemCode::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemCode::Changed | ProblemCode::ListChanged => StatusCode::PRECONDITION_FAILED,
        ProblemCode::Stale | ProblemCode::Claimed | ProblemCode::Settled | ProblemCode::JobLost => StatusCode::CONFLICT,
        ProblemCode::KeyMissing
        | ProblemCode::BadKey
        | ProblemCode::UnknownParameter
        | ProblemCode::BadParameter
        | ProblemCode::Unreadable
        | ProblemCode::AgentProtocol
        | ProblemCode::BadEvents
        | ProblemCode::BadReport => StatusCode::BAD_REQUEST,
        ProblemCode::RevisionMissing => StatusCode::PRECONDITION_REQUIRED,
        ProblemCode::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ProblemCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::Unavailable | ProblemCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn answer(visitor: &Visitor, told: &Told, fields: &[FieldError]) -> Response {
    if visitor.json { problem(visitor, told, fields) } else { page(visitor, error_page(visitor, told, fields)) }
}

fn problem(visitor: &Visitor, told: &Told, fields: &[FieldError]) -> Response {
    let errors: Vec<Value> = fields
        .iter()
        .map(|field| json!({"pointer": pointer(&field.field), "code": field.code, "detail": field.message}))
        .collect();
    let status = status(told.code);
    let body = json!({
        "type": format!("{}/help/problems/{}", visitor.app.public_url, told.code),
        "title": told.code.title(),
        "status": status.as_u16(),
        "detail": told.detail,
        "what_to_do": told.code.what_to_do(),
        "instance": visitor.uri,
        "code": told.code.as_str(),
        "errors": errors,
        "trace_id": visitor.request_id,
    });
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(CONTENT_TYPE, kind)], Json(body).0.to_string()).into_response()
}

/// A member of the body as a JSON Pointer in URI fragment form (RFC 6901, section 6); the whole body for no name.
fn pointer(field: &str) -> String {
    if field.is_empty() {
        return "#".to_owned();
    }
    let escaped = field.replace('~', "~0").replace('/', "~1");
    let encoded = escaped.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    format!("#/{}", encoded.collect::<String>())
}

fn error_page(visitor: &Visitor, told: &Told, fields: &[FieldError]) -> ErrorPage {
    let home = told.way.clone().unwrap_or_else(|| home(visitor));
    let mut body = ErrorPage::of(told.code, status(told.code).as_u16(), &told.detail, home);
    let named = |field: &FieldError| match field.field.as_str() {
        "" => field.message.clone(),
        name => format!("{name}: {}", field.message),
    };
    body.faults = fields.iter().map(named).collect();
    body.reference = status(told.code).is_server_error().then(|| visitor.request_id.clone());
    body
}

/// Where a person goes on from an error.
fn home(visitor: &Visitor) -> Link {
    match &visitor.person {
        Some(person) if person.works_queue() => Link::new("Queue", "/queue"),
        Some(person) if person.is_staff() => Link::new("About this installation", "/admin/about"),
        Some(_) => Link::new("Your cases", "/cases"),
        None => Link::new("Sign in", "/sign-in"),
    }
}

fn page(visitor: &Visitor, body: ErrorPage) -> Response {
    let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = body.heading.clone();
    let page = Page::new(title, frame::frame(visitor), body);
    match visitor.app.views.render(ErrorPage::TEMPLATE, &page) {
        Ok(html) => (status, axum::response::Html(html)).into_response(),
        // A page that cannot be made must not fail again.
        Err(error) => {
            tracing::error!(error = %crate::app::chain(&error), "the error page does not render");
            (status, "There is a problem with Postern.").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_what_a_client_made_up() {
        assert_eq!(pointer("smtp_ip"), "#/smtp_ip");
        assert_eq!(pointer("a/b~c d\""), "#/a~1b~0c%20d%22");
        assert_eq!(pointer(""), "#");
    }
}
