//! The notice that the IP of a server changes: its question, the last look, sending, and the calendar file.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{files, path_number, present_notice};
use crate::app::cases;
use crate::app::notices::{self, Draft};
use crate::app::{Error, FieldError};
use crate::domain::case::Case;
use crate::domain::id::ServerId;
use crate::domain::workflow::Refusal;
use crate::views::common::Page;
use crate::views::notice::{Check, Sent};
use crate::views::portal::Question;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// What is asked.
const FIELDS: [&str; 6] = ["new_ip", "how", "date", "time", "zone", "call"];

/// Shows the question.
pub(in crate::web) async fn page(visitor: Visitor, Path(server): Path<String>) -> Result<Response, Failure> {
    let case = in_use(&visitor, &server).await?;
    let zone = notices::zone_of(&visitor.app, &case).await?;
    let draft = Draft { how: "keep_both".to_owned(), zone, ..Draft::default() };
    ask(&visitor, &server, &case, (&draft, &[]))
}

/// Shows every answer once more, or the question again.
pub(in crate::web) async fn check(
    visitor: Visitor,
    Path(server): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    fields.only(&FIELDS)?;
    let case = in_use(&visitor, &server).await?;
    let draft = typed(&fields);
    let plan = match draft.plan(&visitor.app, &case, visitor.app.now()) {
        Ok(plan) => plan,
        Err(Error::Invalid(errors)) => return ask(&visitor, &server, &case, (&draft, &errors)),
        Err(other) => return Err(other.into()),
    };
    let is_soon = match plan.at {
        Some(at) => notices::is_soon(&visitor.app, &case, at).await?,
        None => false,
    };
    let body = present_notice::check(&server, &case, (&draft, &plan), is_soon);
    frame::show(&visitor, Check::TEMPLATE, &Page::new("Check your notice", frame::frame(&visitor), body))
}

/// Sends the notice, once however often the button is pressed.
pub(in crate::web) async fn send(
    visitor: Visitor,
    Path(server): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    fields.only(&FIELDS)?;
    let person = visitor.person()?;
    let case = in_use(&visitor, &server).await?;
    let draft = typed(&fields);
    match notices::give(&visitor.app, person, &case, (&draft, fields.once(&visitor)?)).await {
        Ok(number) => Ok(Redirect::to(&format!("/cases/{number}/notice")).into_response()),
        Err(Error::Invalid(errors)) => ask(&visitor, &server, &case, (&draft, &errors)),
        Err(Error::Refused(Refusal::Guard(text))) => {
            ask(&visitor, &server, &case, (&draft, &[FieldError::new("new_ip", "refused", text)]))
        }
        Err(other) => Err(other.into()),
    }
}

/// Says that the notice was sent; may be kept as a bookmark.
pub(in crate::web) async fn sent(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let person = visitor.person()?;
    let view = cases::view(&visitor.app, person, path_number(&number)?).await?;
    if view.case.workflow.id != notices::WORKFLOW {
        return Err(Error::NotFound.into());
    }
    let body = present_notice::sent(&visitor.app, &view, person);
    let page = Page::new(format!("Notice sent: case {}", view.case.number), frame::frame(&visitor), body);
    frame::show(&visitor, Sent::TEMPLATE, &page)
}

/// The calendar file of a notice (RFC 5545).
pub(in crate::web) async fn calendar(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let entry = notices::entry(&visitor.app, visitor.person()?, path_number(&number)?).await?;
    let kind = format!("text/calendar; charset=utf-8; method={}", entry.method());
    let mut response = files::saved("ip-change.ics", &kind, entry.ics().into_bytes())?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The case in which the server of a path is in use.
///
/// # Errors
/// [`Error::NotFound`] also for what is no identifier.
pub(in crate::web) async fn in_use(visitor: &Visitor, server: &str) -> Result<Case, Failure> {
    let person = visitor.person()?;
    let id = server.parse().map(ServerId::new).map_err(|_not_an_id| Error::NotFound)?;
    let case = notices::in_use(&visitor.app, person, id).await?;
    crate::app::conversation::takes_part(person)?;
    Ok(case)
}

fn typed(fields: &Fields) -> Draft {
    let get = |name: &str| fields.get(name).to_owned();
    Draft {
        new_ip: get("new_ip"),
        how: get("how"),
        date: get("date"),
        time: get("time"),
        zone: get("zone"),
        call: get("call"),
    }
}

fn ask(
    visitor: &Visitor,
    server: &str,
    case: &Case,
    (draft, errors): (&Draft, &[FieldError]),
) -> Result<Response, Failure> {
    let body = present_notice::question(server, case, (draft, errors));
    let summary = body.form.errors();
    let mut page = Page::new("The IP of your SMTP server will change", frame::frame(visitor), body);
    page.errors = summary;
    frame::show(visitor, Question::TEMPLATE, &page)
}
