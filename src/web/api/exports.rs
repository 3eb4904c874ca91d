//! The list of one tunnel for automation: the difference that is to be applied, the whole list in forms that firewalls
//! read, and the word that it was applied. Postern writes no firewall itself.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value as Json, json};

use super::body::Body;
use super::cases::is_known;
use super::query::Query;
use super::{header, identifier, resource};
use crate::app::whitelist::resource as shape;
use crate::app::whitelist::{changes, export};
use crate::domain::id::TunnelId;
use crate::domain::whitelist::Format;
use crate::store::register::Listed;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What a client may keep: it asks each time whether its copy is still the list.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// The difference between the list as it is wanted and as it was applied.
pub(super) async fn plan(visitor: Visitor, Path(tunnel): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let plan = changes::plan(&visitor.app, visitor.person()?, TunnelId::new(identifier(&tunnel)?)).await?;
    let items =
        |list: &[Listed]| -> Vec<Json> { list.iter().map(|listed| shape::entry(&visitor.app, listed)).collect() };
    let body = json!({
        "tunnel": {"id": plan.tunnel.id, "name": plan.tunnel.name, "customer": plan.customer},
        "version": plan.version,
        "adding": items(&plan.adding),
        "leaving": items(&plan.leaving),
        "in_cases": items(&plan.in_cases),
        "standing": plan.standing,
    });
    let mut response = resource(StatusCode::OK, &body);
    response.headers_mut().insert(ETAG, header(&format!("\"{}\"", plan.version))?);
    Ok(response)
}

/// Records that the difference was applied, at the version that `If-Match` names.
pub(super) async fn applied(
    visitor: Visitor,
    Path(tunnel): Path<String>,
    query: Query,
    body: Body,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    body.only(&["change_ref"])?;
    let at = (TunnelId::new(identifier(&tunnel)?), body.revision()?);
    let done = changes::mark_applied(&visitor.app, person, at, body.text("change_ref")?).await?;
    let body = json!({"added": done.added, "removed": done.removed, "version": done.version});
    Ok(resource(StatusCode::OK, &body))
}

/// The list as JSON.
pub(super) async fn json(
    visitor: Visitor,
    tunnel: Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    pulled(&visitor, &tunnel, &query, (&headers, Format::Json)).await
}

/// The list as networks, one a line.
pub(super) async fn text(
    visitor: Visitor,
    tunnel: Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    pulled(&visitor, &tunnel, &query, (&headers, Format::Text)).await
}

/// The list as sets for `nft -f`.
pub(super) async fn nft(
    visitor: Visitor,
    tunnel: Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    pulled(&visitor, &tunnel, &query, (&headers, Format::Nft)).await
}

async fn pulled(
    visitor: &Visitor,
    tunnel: &str,
    query: &Query,
    (headers, format): (&HeaderMap, Format),
) -> Result<Response, Failure> {
    query.only(&[])?;
    let (person, tunnel) = (visitor.person()?, TunnelId::new(identifier(tunnel)?));
    let tag = export::etag(&export::version(&visitor.app, person, tunnel).await?);
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, header(&tag)?), (CACHE_CONTROL, ASK_AGAIN)]).into_response());
    }
    let (tag, text) = export::content(&visitor.app, person, tunnel, format).await?;
    let kind = match format {
        Format::Json => "application/json",
        Format::Text | Format::Nft => "text/plain; charset=utf-8",
    };
    let headers = [(ETAG, header(&tag)?), (CACHE_CONTROL, ASK_AGAIN), (CONTENT_TYPE, HeaderValue::from_static(kind))];
    Ok((StatusCode::OK, headers, text).into_response())
}
