//! (filled by its own change)

use axum::response::Response;

use crate::app::Error;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

pub(in crate::web) async fn case_page(_visitor: Visitor, _number: i64) -> Result<Response, Failure> {
    std::future::ready(Err(Error::NotFound.into())).await
}
