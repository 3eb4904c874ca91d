//! Writing in the conversation of a case: a message for both sides, or an engineer's note that stays inside.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::{path_number, words};
use crate::app::{Error, cases};
use crate::views::case::ActPage;
use crate::views::common::Page;
use crate::views::form::{Button, Choice, Field, Form, Kind, Style};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::{self, Failure};
use crate::web::visit::{Visitor, form_key};

/// The form that writes a message. `internal` marks an engineer's note.
pub(in crate::web) fn form(number: i64, (id, label, button): (&str, &str, &str), internal: bool) -> Form {
    let fields = vec![Field::new(Kind::Textarea, "message", label)];
    let mut form =
        Form::new(id, format!("/cases/{number}/messages"), form_key(), Button::of(Style::Other, button)).fields(fields);
    if internal {
        form.hidden.push(crate::views::form::Hidden { name: "internal".into(), value: "true".into() });
    }
    form
}

/// Writes it.
pub(super) async fn send(visitor: Visitor, Path(number): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    // Another customer's case looks like none, before anything is said about the form.
    let view = cases::view(&visitor.app, person, number).await?;
    fields.only(if person.is_staff() { &["message", "internal"] } else { &["message"] })?;
    let internal = match fields.get("internal") {
        "" | "false" => false,
        "true" => true,
        _ => return Err(Error::field("internal", "not_bool", "Answer yes or no").into()),
    };
    let text = fields.get("message").to_owned();
    match cases::write(&visitor.app, person, (number, text.clone(), internal), fields.once(&visitor)?).await {
        Ok(_now_or_before) => Ok(Redirect::to(&format!("/cases/{number}#messages")).into_response()),
        Err(Error::Invalid(errors)) => {
            let mut form = form(number, ("message", "Message", "Send message"), false);
            if person.is_staff() {
                let mut inside = Choice::new("true", "Not shown to the customer");
                inside.checked = internal;
                form.fields
                    .push(Field::new(Kind::Checkbox, "internal", "Internal note").options(vec![inside]).optional());
            }
            if let Some(field) = form.fields.first_mut() {
                field.value = text;
                field.error = errors.first().map(|error| error.message.clone());
            }
            show(&visitor, &view, form)
        }
        Err(error) => {
            let kept = vec![crate::views::common::Fact::new("Message", text)];
            problem::lost_nothing(&visitor, error, number, kept)
        }
    }
}

fn show(visitor: &Visitor, view: &cases::View<'_>, form: Form) -> Result<Response, Failure> {
    let back = format!("/cases/{}", view.case.number);
    let errors = form.errors();
    let body = ActPage {
        back: back.clone(),
        number: words::count(view.case.number),
        case_title: view.case.title.clone(),
        heading: "Write a message".to_owned(),
        lead: None,
        form: Form { cancel: Some(back), ..form },
    };
    let mut page = Page::new(format!("Write a message: case {}", view.case.number), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, ActPage::TEMPLATE, &page)
}
