//! The page of a case as its customer sees it, and the confirmation of a request.

use axum::extract::Path;
use axum::response::Response;

use super::{path_number, present_case};
use crate::app::cases;
use crate::views::case::Case;
use crate::views::common::{Link, Page};
use crate::views::portal::Sent;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Shows a case to its customer.
pub(super) async fn page(visitor: &Visitor, number: i64) -> Result<Response, Failure> {
    let view = cases::view(&visitor.app, visitor.person()?, number).await?;
    let body = present_case::case(&visitor.app, &view)?;
    let mut page = Page::new(format!("{}: case {number}", body.tag.text), frame::frame(visitor), body);
    page.crumbs = vec![Link::new("Your cases", "/cases")];
    page.crumbs.extend(view.case.parent.map(|parent| Link::new(format!("Case {parent}"), format!("/cases/{parent}"))));
    frame::show(visitor, Case::TEMPLATE, &page)
}

/// Says that a request was sent; may be kept as a bookmark.
pub(super) async fn sent(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let view = cases::view(&visitor.app, person, path_number(&number)?).await?;
    let body = present_case::sent(&visitor.app, &view, person)?;
    let page = Page::new(format!("Request sent: case {}", view.case.number), frame::frame(&visitor), body);
    frame::show(&visitor, Sent::TEMPLATE, &page)
}
