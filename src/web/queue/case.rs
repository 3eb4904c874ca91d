//! A case as an engineer sees it.

use axum::response::Response;

use super::present_case;
use crate::app::{cases, desk};
use crate::views::casework::Case;
use crate::views::common::{Link, Page};
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The page of a case for the vendor's people.
pub(in crate::web) async fn case_page(visitor: Visitor, number: i64) -> Result<Response, Failure> {
    let (app, person) = (&visitor.app, visitor.person()?);
    let view = cases::view(app, person, number).await?;
    let around = desk::surroundings(app, &view.case).await?;
    let body = present_case::case(app, person, &view, &around)?;
    let mut page = Page::new(format!("{}: case {number}", body.tag.text), frame::frame(&visitor), body);
    if person.works_queue() {
        page.crumbs = vec![Link::new("Queue", "/queue")];
    }
    frame::show(&visitor, Case::TEMPLATE, &page)
}
