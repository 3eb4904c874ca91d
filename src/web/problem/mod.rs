//! What went wrong, as a page or as `application/problem+json` (RFC 9457). The only file with status codes for errors.

mod page;

use std::any::Any;
use std::sync::Arc;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::visit::Visitor;
use crate::app::{Error, FieldError};
use crate::domain::workflow::Refusal;
use crate::store::StoreError;
use crate::views::common::{Fact, Link};
use crate::views::error::ErrorPage;
use page::{error_page, home, page};

/// A failure on its way to [`super::visit`], which renders it.
#[derive(Clone, Debug)]
pub(super) struct Failure(Arc<Error>);

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

/// What a client is told: stable code, status, title, sentence.
struct Told {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
}

const SEND_A_KEY: &str = "Send a fresh Idempotency-Key (a UUID will do); the same key again gives the same answer.";
const SEND_A_REVISION: &str = "Read the case and send its ETag as If-Match, so that nobody acts on what has changed.";

/// An unknown path.
pub(super) async fn unknown() -> Failure {
    std::future::ready(Failure::from(Error::NotFound)).await
}

/// A known path with a method that it does not know.
pub(super) async fn wrong_method(visitor: Visitor) -> Response {
    let told = Told {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        title: "This address does not take this method",
        detail: format!("{} is not possible here.", visitor.method),
    };
    std::future::ready(if visitor.json {
        problem(&visitor, &told, &[])
    } else {
        page(&visitor, told.status, ErrorPage::not_found(home(&visitor)))
    })
    .await
}

/// The last resort: a defect in a handler must not end the service, nor tell anybody more than a reference.
pub(super) fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response {
    Failure::from(Error::Internal("a handler panicked".to_owned())).into_response()
}

/// A form that was sent from another site (Sec-Fetch-Site, Origin).
pub(super) fn cross_site(visitor: &Visitor) -> Response {
    let told = Told {
        status: StatusCode::FORBIDDEN,
        code: "cross_site",
        title: "This request was sent from another site",
        detail: "Nothing was changed. Send it from this service's own pages, or with an API token.".to_owned(),
    };
    if visitor.json {
        problem(visitor, &told, &[])
    } else {
        page(visitor, told.status, ErrorPage::cross_site(home(visitor)))
    }
}

/// A body that is too large to be read.
pub(super) fn too_large(visitor: &Visitor) -> Response {
    let most = super::most_sent(&visitor.uri);
    let detail = format!("Send at most {most}.");
    let told = Told { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", title: "This is too large", detail };
    if visitor.json {
        problem(visitor, &told, &[])
    } else {
        let text = format!("What was sent is larger than {most}. Nothing was changed.");
        page(visitor, told.status, ErrorPage::invalid(&[&text], home(visitor)))
    }
}

/// What did not go through because the case has moved on or a colleague holds it, with what was entered, so that nothing
/// is lost; any other error as it is.
pub(super) fn lost_nothing(visitor: &Visitor, error: Error, number: i64, kept: Vec<Fact>) -> Result<Response, Failure> {
    if visitor.json {
        return Err(error.into());
    }
    let link = Link::new(format!("Go to case {number}"), format!("/cases/{number}"));
    let mut body = ErrorPage::stale(link, kept);
    match &error {
        Error::Refused(Refusal::Stale { .. } | Refusal::Unhandled { .. }) | Error::Changed { .. } => {}
        Error::Claimed { by, .. } => body.heading = format!("{by} claimed this case"),
        Error::NotFound
        | Error::Forbidden(_)
        | Error::SignedOut
        | Error::Unproved(_)
        | Error::FactorMissing
        | Error::WrongPassword
        | Error::Throttled(_)
        | Error::TestTooSoon(_)
        | Error::Refused(Refusal::Forbidden { .. } | Refusal::Guard(_) | Refusal::Fields(_) | Refusal::Defect(_))
        | Error::Invalid(_)
        | Error::KeyReused
        | Error::KeyMissing
        | Error::RevisionMissing
        | Error::Malformed { .. }
        | Error::NotJson(_)
        | Error::JobLost
        | Error::Store(_)
        | Error::View(_)
        | Error::Internal(_) => return Err(error.into()),
    }
    let status = told(&error).status;
    body.status = status.as_u16();
    Ok(page(visitor, status, body))
}

/// Renders a failure for the visitor, and logs what only we may know.
pub(super) fn render(visitor: &Visitor, error: &Error) -> Response {
    let told = told(error);
    if told.status.is_server_error() {
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
    let mut response = if visitor.json {
        problem(visitor, &told, fields)
    } else {
        page(visitor, told.status, error_page(visitor, error, fields))
    };
    if matches!(told.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if let Error::Changed { revision, .. } = error
        && let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\""))
    {
        response.headers_mut().insert(axum::http::header::ETAG, tag);
    }
    response
}

fn told(error: &Error) -> Told {
    let say = |status, code, title, detail: String| Told { status, code, title, detail };
    match error {
        Error::NotFound => {
            say(StatusCode::NOT_FOUND, "not_found", "Not found", "There is nothing here for you.".into())
        }
        Error::Forbidden(why) => say(StatusCode::FORBIDDEN, "forbidden", "Not allowed", format!("{why}.")),
        Error::SignedOut => {
            let detail = "Sign in, or send an API token as Authorization: Bearer TOKEN.".into();
            say(StatusCode::UNAUTHORIZED, "signed_out", "Nobody is signed in", detail)
        }
        Error::Unproved(_) => {
            let detail = "Nothing was changed. Show again who you are at /account/prove, then repeat this.".into();
            say(StatusCode::FORBIDDEN, "unproved", "Show again who you are", detail)
        }
        Error::FactorMissing => {
            let detail = "Set up a second factor at /account/factor first.".into();
            say(StatusCode::FORBIDDEN, "factor_missing", "A second factor is needed", detail)
        }
        Error::WrongPassword => {
            let detail = "Email address and password do not match.".into();
            say(StatusCode::UNAUTHORIZED, "wrong_password", "Not signed in", detail)
        }
        Error::Throttled(until) => {
            let detail = format!("The next try is looked at from {}.", until.to_rfc3339());
            say(StatusCode::TOO_MANY_REQUESTS, "throttled", "Too many tries", detail)
        }
        Error::TestTooSoon(next) => {
            let detail = format!("The next test can start at {}.", next.to_rfc3339());
            say(StatusCode::TOO_MANY_REQUESTS, "test_too_soon", "Too many tests", detail)
        }
        Error::Refused(refusal) => refused(refusal),
        Error::Invalid(fields) => invalid(fields),
        Error::Changed { number, revision } => {
            let detail =
                format!("Case {number} is at revision {revision}. Read it again, then act where it still fits.");
            say(StatusCode::PRECONDITION_FAILED, "changed", "The case has changed", detail)
        }
        Error::Claimed { number, by, .. } => {
            let detail = format!("{by} claimed case {number}. Nothing was changed.");
            say(StatusCode::CONFLICT, "claimed", "A colleague works on this case", detail)
        }
        Error::KeyReused => {
            let detail = "Use a fresh Idempotency-Key for another request.".into();
            say(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", "This key was used for another request", detail)
        }
        Error::KeyMissing => {
            say(StatusCode::BAD_REQUEST, "key_missing", "This request needs an Idempotency-Key", SEND_A_KEY.into())
        }
        Error::RevisionMissing => {
            let status = StatusCode::PRECONDITION_REQUIRED;
            say(status, "revision_missing", "This request needs If-Match", SEND_A_REVISION.into())
        }
        Error::Malformed { code, detail } => {
            say(StatusCode::BAD_REQUEST, code, "This request cannot be read", format!("{detail}."))
        }
        Error::NotJson(received) => {
            let detail = format!("Send application/json; {received:?} was received.");
            say(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "The body must be JSON", detail)
        }
        Error::JobLost => {
            let detail = "Somebody else has it, or it has ended. Drop it.".into();
            say(StatusCode::CONFLICT, "job_lost", "This job is not yours any more", detail)
        }
        Error::Store(error) => store(error),
        Error::View(_) | Error::Internal(_) => defect(),
    }
}

fn invalid(fields: &[FieldError]) -> Told {
    let name = |field: &FieldError| if field.field.is_empty() { "the body".to_owned() } else { field.field.clone() };
    let detail = format!("Look again at: {}.", fields.iter().map(name).collect::<Vec<_>>().join(", "));
    Told { status: StatusCode::UNPROCESSABLE_ENTITY, code: "invalid", title: "Some fields need another look", detail }
}

fn store(error: &StoreError) -> Told {
    let say = |code, title, detail: &str| Told {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code,
        title,
        detail: detail.to_owned(),
    };
    match error {
        StoreError::Unavailable(_) => {
            let detail = "The database is away. Nothing was changed. Try again in a moment.";
            say("unavailable", "Postern is not ready", detail)
        }
        StoreError::Contended => {
            let detail = "Too many others change this at once. Nothing was changed. Try again in a moment.";
            say("busy", "Postern is busy", detail)
        }
        StoreError::Duplicate(_)
        | StoreError::Corrupt { .. }
        | StoreError::Unfit(_)
        | StoreError::Interrupted(_)
        | StoreError::Database(_) => defect(),
    }
}

fn refused(refusal: &Refusal) -> Told {
    let say = |status, code, title, detail| Told { status, code, title, detail };
    match refusal {
        Refusal::Stale { .. } | Refusal::Unhandled { .. } => {
            let detail = "Somebody acted before you, so your act was not carried out.".to_owned();
            say(StatusCode::CONFLICT, "stale", "The case has moved on", detail)
        }
        Refusal::Forbidden { .. } => {
            let detail = "This act belongs to another role.".to_owned();
            say(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
        }
        Refusal::Guard(text) => {
            say(StatusCode::UNPROCESSABLE_ENTITY, "refused", "This is not possible as the case stands", text.clone())
        }
        Refusal::Fields(_) | Refusal::Defect(_) => defect(),
    }
}

fn defect() -> Told {
    Told {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "internal",
        title: "There is a problem with Postern",
        detail: "The reference below names this failure in the log.".to_owned(),
    }
}

fn problem(visitor: &Visitor, told: &Told, fields: &[FieldError]) -> Response {
    let errors: Vec<Value> = fields
        .iter()
        .map(|field| json!({"pointer": pointer(&field.field), "code": field.code, "detail": field.message}))
        .collect();
    let body = json!({
        "type": format!("{}/help/problems/{}", visitor.app.public_url, told.code),
        "title": told.title,
        "status": told.status.as_u16(),
        "detail": told.detail,
        "instance": visitor.uri,
        "code": told.code,
        "errors": errors,
        "trace_id": visitor.request_id,
    });
    let kind = HeaderValue::from_static("application/problem+json");
    (told.status, [(CONTENT_TYPE, kind)], Json(body).0.to_string()).into_response()
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
