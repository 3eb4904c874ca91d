//! The result of a tunnel test, for both sides: as a page, as text, and beside the run before it.
//!
//! Reading order: `fold` brings the stages of a report under the steps that people see; `present` makes the page of them
//! with `steps`, `verdict` and `path`, `progress` that of a test that runs. What a reader may not see ends there: `plain`
//! and `compare` read the page, never the report.

mod compare;
mod fold;
mod path;
mod plain;
mod present;
mod progress;
mod steps;
mod verdict;

use axum::extract::{Path, Query};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, REFRESH};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::path_number;
use crate::app::{Error, Outcome, cases, probes};
use crate::domain::case::Case;
use crate::smtp::report::Report;
use crate::store::probes::Probe;
use crate::views::common::{Link, Page};
use crate::views::form::{Button, Form, Style};
use crate::views::probe::{Comparison, TestResult};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// How the page of a running test is read.
#[derive(Deserialize)]
pub(super) struct Watching {
    reload: Option<String>,
}

/// Shows a test: a customer reads verdict, cause and remedy; an engineer everything. `/tests/7.txt` is the same as text.
pub(super) async fn page(
    visitor: Visitor,
    Path((number, test)): Path<(String, String)>,
    Query(watching): Query<Watching>,
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let (plain, test) = test.strip_suffix(".txt").map_or((false, test.as_str()), |test| (true, test));
    let (case, probe) = cases::test(&visitor.app, person, path_number(&number)?, path_number(test)?).await?;
    let mut body = seen(&case, &probe, person.is_staff())?;
    let address = format!("/cases/{}/tests/{}", case.number, probe.number);
    if plain {
        let text = plain::text(&body, &format!("{}{address}", visitor.app.public_url));
        return Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], text).into_response());
    }
    let stands_still = watching.reload.as_deref() == Some("no");
    if body.running {
        body.reloads = !stands_still;
        body.links = vec![match body.reloads {
            true => Link::new("Stop reloading", format!("{address}?reload=no")),
            false => Link::new("Reload by itself", address),
        }];
    } else {
        offer_again(&visitor, &case, &mut body).await?;
        let earlier = cases::test_before(&visitor.app, &case, probe.number).await?;
        let compare = earlier
            .map(|earlier| Link::new(format!("Compare with test {}", earlier.number), format!("{address}/compare")));
        body.links.extend(compare);
        body.links.push(Link::new("Copy as text", format!("{address}.txt")));
        body.links.push(Link::new("JSON", format!("/api/v1{address}")));
    }
    let reloads = body.running && body.reloads;
    let title = format!("{}: tunnel test {} of case {}", body.tag.text, probe.number, case.number);
    let mut page = Page::new(title, frame::frame(&visitor), body);
    page.crumbs = crumbs(&case, person.is_staff());
    let mut response = frame::show(&visitor, TestResult::TEMPLATE, &page)?;
    if reloads {
        // Browsers that run script pass over the page's own `noscript`; the header reaches them all.
        response.headers_mut().insert(REFRESH, HeaderValue::from_static("3"));
    }
    Ok(response)
}

/// Adds the button that runs the test again, or says from when it can be.
async fn offer_again(visitor: &Visitor, case: &Case, body: &mut TestResult) -> Result<(), Failure> {
    match probes::check_ask(&visitor.app, visitor.person()?, case.number).await {
        Ok(()) => {
            let button = Button::of(Style::Main, "Run the test again");
            body.forms.push(Form::new("again", format!("/cases/{}/tests", case.number), form_key(), button));
        }
        Err(Error::TestTooSoon(next)) => body.not_again = Some(next),
        Err(Error::Refused(_) | Error::Forbidden(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Asks for a test, and leads to its result.
pub(super) async fn ask(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    // Another customer's case looks like none, before anything is said about the form.
    cases::one(&visitor.app, person, number).await?;
    fields.only(&[])?;
    let test = match probes::ask(&visitor.app, person, number, fields.once(&visitor)?).await? {
        Outcome::Done(probe) => probe.number,
        Outcome::Before(answer) => asked_before(&answer.answer)?,
    };
    Ok(Redirect::to(&format!("/cases/{number}/tests/{test}")).into_response())
}

fn asked_before(answer: &str) -> Result<i64, Error> {
    let kept: serde_json::Value = serde_json::from_str(answer).unwrap_or_default();
    let number = kept.get("number").and_then(serde_json::Value::as_i64);
    number.ok_or_else(|| Error::Internal(format!("an answer to an asked test has no number: {answer}")))
}

/// Shows what differs between a test and the one that ended before it.
pub(super) async fn comparison(
    visitor: Visitor,
    Path((number, test)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let (case, probe) = cases::test(&visitor.app, person, path_number(&number)?, path_number(&test)?).await?;
    let after = seen(&case, &probe, person.is_staff())?;
    let earlier = match after.running {
        true => None,
        false => cases::test_before(&visitor.app, &case, probe.number).await?,
    };
    let before = earlier.map(|earlier| seen(&case, &earlier, person.is_staff())).transpose()?;
    let body = compare::compared(before.as_ref(), &after);
    let title = format!("Tunnel test {} compared: case {}", probe.number, case.number);
    let mut page = Page::new(title, frame::frame(&visitor), body);
    page.crumbs = crumbs(&case, person.is_staff());
    page.crumbs.push(Link::new(format!("Test {}", probe.number), after.href));
    frame::show(&visitor, Comparison::TEMPLATE, &page)
}

/// A test as this reader may see it.
fn seen(case: &Case, probe: &Probe, is_staff: bool) -> Result<TestResult, Error> {
    let Some(report) = &probe.report else {
        return Ok(progress::so_far(present::running(case, probe), probe));
    };
    let report: Report = serde_json::from_value(report.0.clone()).map_err(|error| {
        Error::Internal(format!("report of test {} of case {}: {error}", probe.number, case.number))
    })?;
    Ok(present::finished(case, probe, &report, is_staff))
}

fn crumbs(case: &Case, is_staff: bool) -> Vec<Link> {
    vec![
        if is_staff { Link::new("Queue", "/queue") } else { Link::new("Your cases", "/cases") },
        Link::new(format!("Case {}", case.number), format!("/cases/{}", case.number)),
    ]
}
