//! The priority of a case: the form, and changing it with a reason.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::beside;
use crate::app::priority::{self, Wish};
use crate::app::{Error, FieldError, cases};
use crate::domain::case::Priority;
use crate::views::form::{Button, Choice, Field, Form, Kind};
use crate::web::admin::meaning;
use crate::web::fields::Fields;
use crate::web::portal::{act_form, path_number};
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// Heading, and what changing it does.
const WORDS: (&str, &str) =
    ("Change the priority", "What is owed gets the spans of the other priority; the time that has passed stays.");

/// Asks for priority and reason.
pub(super) async fn form_page(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    require_engineer(&visitor)?;
    let view = cases::view(&visitor.app, person, number).await?;
    beside::show(&visitor, &view, WORDS, form(number, (view.case.priority.as_str(), ""), &[]))
}

/// Changes it.
pub(super) async fn set(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    require_engineer(&visitor)?;
    let view = cases::view(&visitor.app, person, number).await?;
    fields.only(&["priority", "reason"])?;
    let typed = (fields.get("priority"), fields.get("reason"));
    let wish = Wish { number, revision: None, priority: typed.0.to_owned(), reason: typed.1.to_owned() };
    match priority::set(&visitor.app, person, wish, fields.once(&visitor)?).await {
        Ok(_) => Ok(Redirect::to(&format!("/cases/{number}")).into_response()),
        Err(Error::Invalid(errors)) => beside::show(&visitor, &view, WORDS, form(number, typed, &errors)),
        Err(other) => Err(other.into()),
    }
}

fn require_engineer(visitor: &Visitor) -> Result<(), Failure> {
    if visitor.person()?.works_queue() {
        return Ok(());
    }
    Err(Error::Forbidden("Priorities are set by the vendor's engineers").into())
}

fn form(number: i64, (priority, reason): (&str, &str), errors: &[FieldError]) -> Form {
    let choices = Priority::ALL.iter().map(|one| Choice::new(one.as_str(), meaning(*one))).collect();
    let fields = vec![
        Field::new(Kind::Radio, "priority", "Priority").options(choices).value(priority),
        Field::new(Kind::Text, "reason", "Reason").hint("Not shown to the customer").value(reason),
    ];
    let button = Button::main("Change priority");
    let mut form = Form::new("priority", format!("/cases/{number}/priority"), form_key(), button).fields(fields);
    act_form::mark(&mut form, errors);
    form
}
