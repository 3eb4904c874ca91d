//! A form about a case that is no act of its procedure: handing over, the priority.

use axum::response::Response;

use crate::app::cases::View;
use crate::views::case::ActPage;
use crate::views::common::Page;
use crate::views::form::Form;
use crate::web::frame;
use crate::web::portal::words;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The page of such a form, from which one goes back to the case.
pub(super) fn show(
    visitor: &Visitor,
    view: &View<'_>,
    (heading, lead): (&str, &str),
    form: Form,
) -> Result<Response, Failure> {
    let number = view.case.number;
    let back = format!("/cases/{number}");
    let errors = form.errors();
    let body = ActPage {
        back: back.clone(),
        number: words::count(number),
        case_title: view.case.title.clone(),
        heading: heading.to_owned(),
        lead: Some(lead.to_owned()),
        form: Form { cancel: Some(back), ..form },
    };
    let mut page = Page::new(format!("{heading}: case {number}"), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, ActPage::TEMPLATE, &page)
}
