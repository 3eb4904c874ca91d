//! The whitelist of a tunnel, for the vendor's automation to pull: Postern writes no firewall itself.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::query::Query;
use super::{present, resource};
use crate::app::{Error, whitelist};
use crate::domain::problem::ProblemCode;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The entries of the tunnel that `tunnel` names.
pub(super) async fn of_tunnel(visitor: Visitor, query: Query) -> Result<Response, Failure> {
    query.only(&["tunnel"])?;
    let person = visitor.person()?;
    let name = query.get("tunnel").filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::malformed(ProblemCode::BadParameter, "Name the tunnel: ?tunnel=NAME"))?;
    let (tunnel, entries) = whitelist::of_tunnel(&visitor.app, person, name).await?;
    let items: Vec<_> = entries.iter().map(|entry| present::entry(&tunnel, entry)).collect();
    Ok(resource(StatusCode::OK, &json!({"tunnel": tunnel.name, "items": items, "next": null})))
}
