//! Files of a conversation: a form with files as it comes in, and the download of one. Nothing that somebody uploaded is
//! ever shown inside our pages.

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use sha2::{Digest as _, Sha256};

use super::{messages, path_number};
use crate::app::conversation::MOST_FILES;
use crate::app::{App, Error, conversation};
use crate::domain::attachment;
use crate::domain::id::AttachmentId;
use crate::domain::log::hex;
use crate::web::api;
use crate::web::fields::Fields;
use crate::web::problem::{self, Failure};
use crate::web::visit::Visitor;

/// The largest request with files: one of the largest size with what stands around it, or several small ones.
const LARGEST_BODY: usize = attachment::LARGEST + 256 * 1024;

/// Should somebody get a browser to show a file after all, it runs nothing and belongs to no site.
const SANDBOX: &str = "default-src 'none'; sandbox";

/// The addresses that take files; they have a limit of their own.
pub(in crate::web) fn routes() -> axum::Router<std::sync::Arc<App>> {
    axum::Router::new()
        .route("/cases/{number}/messages", post(messages::send))
        .merge(api::upload_routes())
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

/// The identifier of a file as written.
pub(in crate::web) fn id(text: &str) -> Option<AttachmentId> {
    text.parse().ok().map(AttachmentId::new)
}

/// Sends a file to be saved.
pub(in crate::web) async fn download(
    visitor: Visitor,
    Path((number, file)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let id = id(&file).ok_or(Error::NotFound)?;
    let (file, content) = conversation::file(&visitor.app, visitor.person()?, path_number(&number)?, id).await?;
    saved(&file.name, &file.kind, content)
}

/// Bytes that a browser saves under a name and never shows (RFC 6266).
///
/// # Errors
/// [`Error::Internal`] where type or name are no headers: a defect.
pub(in crate::web) fn saved(name: &str, kind: &str, content: Vec<u8>) -> Result<Response, Failure> {
    let header = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| Failure::from(Error::Internal(format!("header {text:?}: {error}"))))
    };
    let headers = [
        (CONTENT_TYPE, header(kind)?),
        (CONTENT_DISPOSITION, header(&attachment::disposition(name))?),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    ];
    Ok((StatusCode::OK, headers, content).into_response())
}

/// A form that may hold files.
pub(in crate::web) struct Sent {
    /// Its other fields.
    pub(in crate::web) fields: Fields,
    /// Files by their names, without the empty one that browsers send where none was chosen.
    pub(in crate::web) files: Vec<(String, Bytes)>,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("multipart/form-data") {
            let fields = Fields::from_request(request, state).await?;
            return Ok(Self { fields, files: Vec::new() });
        }
        // Nobody's file is read before it is known who sends it.
        let signed_in = request.extensions().get::<Visitor>().is_some_and(|visitor| visitor.person.is_some());
        if !signed_in {
            return Err(Failure::from(Error::SignedOut).into_response());
        }
        let route = format!("{} {}", request.method(), request.uri().path());
        let multipart = Multipart::from_request(request, state).await;
        read(route, multipart.map_err(|error| unreadable(&error.to_string()))?).await
    }
}

async fn read(route: String, mut multipart: Multipart) -> Result<Sent, Response> {
    let (mut pairs, mut files, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(field) = multipart.next_field().await.map_err(|error| refused(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let Some(file_name) = field.file_name().map(str::to_owned) else {
            pairs.push((name, field.text().await.map_err(|error| refused(&error))?));
            continue;
        };
        let content = field.bytes().await.map_err(|error| refused(&error))?;
        if file_name.is_empty() && content.is_empty() {
            continue;
        }
        if name != "file" || files.len() == MOST_FILES {
            let text = format!("A message may have {MOST_FILES} files at most");
            return Err(Failure::from(Error::field("file", "too_many", text)).into_response());
        }
        digests.push(format!("{file_name} {}", hex(&Sha256::digest(&content))));
        files.push((file_name, content));
    }
    let fields = Fields::of(route, pairs, digests).map_err(Failure::into_response)?;
    Ok(Sent { fields, files })
}

fn refused(error: &MultipartError) -> Response {
    // The outer layer says what is too large.
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return error.status().into_response();
    }
    unreadable(&error.body_text())
}

fn unreadable(why: &str) -> Response {
    Failure::from(Error::field("form", "unreadable", format!("The form could not be read: {why}"))).into_response()
}
