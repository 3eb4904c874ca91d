//! The result of a tunnel test, for both sides.

use axum::extract::Path;
use axum::response::Response;

use super::{path_number, present_test};
use crate::app::{Error, cases};
use crate::smtp::report::Report;
use crate::views::common::{Link, Page};
use crate::views::probe::TestResult;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// Shows a test: a customer reads verdict, cause and remedy; an engineer everything.
pub(super) async fn page(visitor: Visitor, Path((number, test)): Path<(String, String)>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let (case, probe) = cases::test(&visitor.app, person, path_number(&number)?, path_number(&test)?).await?;
    let report =
        probe.report.as_ref().map(|report| serde_json::from_value::<Report>(report.0.clone())).transpose().map_err(
            |error| Error::Internal(format!("report of test {} of case {}: {error}", probe.number, case.number)),
        )?;
    let body = match &report {
        Some(report) => present_test::finished(&case, &probe, report, person.is_staff()),
        None => present_test::running(&case, &probe),
    };
    let title = format!("{}: tunnel test {} of case {}", body.tag.text, probe.number, case.number);
    let mut page = Page::new(title, frame::frame(&visitor), body);
    page.crumbs = vec![
        if person.is_staff() { Link::new("Queue", "/queue") } else { Link::new("Your cases", "/cases") },
        Link::new(format!("Case {}", case.number), format!("/cases/{}", case.number)),
    ];
    frame::show(&visitor, TestResult::TEMPLATE, &page)
}
