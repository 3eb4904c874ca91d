//! Who works on a case: claiming, claiming the next, giving back, handing over; and losing a race without losing anything.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};

use super::beside;
use crate::app::{Error, FieldError, Outcome, cases, desk, queue};
use crate::domain::actor::Person;
use crate::views::common::Page;
use crate::views::form::{Button, Choice, Field, Form, Kind};
use crate::views::queue::ClaimLost;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::words::{self, Texts};
use crate::web::portal::{act_form, path_number};
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// Heading and lead of the form that hands a case over.
const WORDS: (&str, &str) =
    ("Hand over", "Your colleague has the case at once, and finds your note among the internal notes.");

/// Claims the most urgent case that nobody has; where there is none, the queue says so.
pub(super) async fn next(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    let once = fields.once(&visitor)?;
    let number = match queue::claim_next_once(&visitor.app, visitor.person()?, once).await? {
        Some(Outcome::Done(case)) => Some(case.number),
        Some(Outcome::Before(answer)) => {
            let answer: serde_json::Value = serde_json::from_str(&answer.answer).unwrap_or_default();
            answer.get("number").and_then(serde_json::Value::as_i64)
        }
        None => None,
    };
    Ok(number.map_or_else(|| Redirect::to("/queue?view=unclaimed"), to_case).into_response())
}

/// Claims a case.
pub(super) async fn claim(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    fields.only(&[])?;
    let result = queue::claim(&visitor.app, person, number).await;
    finish(&visitor, result.map(|case| case.number)).await
}

/// Gives a case back to the queue.
pub(super) async fn release(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    fields.only(&[])?;
    let result = queue::release(&visitor.app, person, number, String::new()).await;
    finish(&visitor, result.map(|case| case.number)).await
}

/// Asks to whom a case goes, and what they should know.
pub(super) async fn hand_over_form(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    let colleagues = queue::colleagues(&visitor.app, person).await?;
    let view = cases::view(&visitor.app, person, number).await?;
    let texts = Texts::new(&visitor.app, view.definition, &view.case);
    let headline = texts.state()?.engineer.as_ref().map(|wording| texts.fill(&wording.headline));
    let note = headline.map(|headline| format!("Next: {headline}")).unwrap_or_default();
    beside::show(&visitor, &view, WORDS, form(number, &colleagues, ("", &note), &[]))
}

/// Hands a case over.
pub(super) async fn hand_over(
    visitor: Visitor,
    Path(number): Path<String>,
    fields: Fields,
) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    let colleagues = queue::colleagues(&visitor.app, person).await?;
    let view = cases::view(&visitor.app, person, number).await?;
    fields.only(&["colleague", "note"])?;
    let typed = (fields.get("colleague"), fields.get("note"));
    match desk::hand_over(&visitor.app, person, number, typed).await {
        Err(Error::Invalid(errors)) => beside::show(&visitor, &view, WORDS, form(number, &colleagues, typed, &errors)),
        result => finish(&visitor, result.map(|case| case.number)).await,
    }
}

fn form(number: i64, colleagues: &[Person], (colleague, note): (&str, &str), errors: &[FieldError]) -> Form {
    let nobody = std::iter::once(Choice::new("", "Choose one"));
    let people = colleagues.iter().map(|person| Choice::new(person.id.to_string(), person.name.as_str()));
    let fields = vec![
        Field::new(Kind::Select, "colleague", "Who takes the case?")
            .options(nobody.chain(people).collect())
            .value(colleague),
        Field::new(Kind::Textarea, "note", "Note for your colleague").hint("Not shown to the customer").value(note),
    ];
    let action = format!("/cases/{number}/hand-over");
    let mut form = Form::new("hand-over", action, form_key(), Button::main("Hand over")).fields(fields);
    act_form::mark(&mut form, errors);
    form
}

/// On to the case, or to the page that says who was faster.
async fn finish(visitor: &Visitor, result: Result<i64, Error>) -> Result<Response, Failure> {
    match result {
        Ok(number) => Ok(to_case(number).into_response()),
        Err(Error::Claimed { number, by, at }) if !visitor.json => lost(visitor, number, by, at).await,
        Err(other) => Err(other.into()),
    }
}

async fn lost(visitor: &Visitor, number: i64, who: String, at: DateTime<Utc>) -> Result<Response, Failure> {
    let unclaimed = desk::unclaimed(&visitor.app, visitor.person()?).await?;
    let body = ClaimLost {
        number: words::count(number),
        who,
        seconds: words::count((visitor.app.now() - at).num_seconds()),
        watch: format!("/cases/{number}"),
        claim_next: (unclaimed > 0)
            .then(|| Form::new("next", "/queue/next", form_key(), Button::main("Claim the next one"))),
    };
    let page = Page::new(format!("Claimed by {}: case {number}", body.who), frame::frame(visitor), body);
    let mut response = frame::show(visitor, ClaimLost::TEMPLATE, &page)?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}

fn to_case(number: i64) -> Redirect {
    Redirect::to(&format!("/cases/{number}"))
}
