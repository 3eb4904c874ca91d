//! Tunnel tests of a case: lists and single results.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::query::Query;
use super::{present, resource};
use crate::app::cases;
use crate::web::portal::path_number;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The tests of a case, newest first, without their stages.
pub(super) async fn list(visitor: Visitor, Path(number): Path<String>, query: Query) -> Result<Response, Failure> {
    query.only(&[])?;
    let number = path_number(&number)?;
    let found = cases::tests(&visitor.app, visitor.person()?, number).await?;
    let items: Vec<_> = found.iter().map(|test| present::test(&visitor.app, number, test)).collect();
    Ok(resource(StatusCode::OK, &json!({"items": items, "next": null})))
}

/// One test with its stages, as far as the person may see them.
pub(super) async fn one(
    visitor: Visitor,
    Path((number, test)): Path<(String, String)>,
    query: Query,
) -> Result<Response, Failure> {
    query.only(&[])?;
    let person = visitor.person()?;
    let (case, test) = cases::test(&visitor.app, person, path_number(&number)?, path_number(&test)?).await?;
    Ok(resource(StatusCode::OK, &present::test_with_report(&visitor.app, person, case.number, &test)))
}
