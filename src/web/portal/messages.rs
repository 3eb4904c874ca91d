//! Writing in the conversation of a case: a message for both sides, or an engineer's note that stays inside, with files.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::files::{self, Sent};
use super::{path_number, words};
use crate::app::conversation::{self, CREDENTIAL, Post};
use crate::app::{Error, FieldError, Outcome, cases};
use crate::domain::id::AttachmentId;
use crate::store::attachments::Attachment;
use crate::views::case::ActPage;
use crate::views::common::{Fact, Page};
use crate::views::form::{Button, Choice, Field, Form, Hidden, Kind, Style};
use crate::views::size;
use crate::web::frame;
use crate::web::problem::{self, Failure};
use crate::web::visit::{Visitor, form_key};

/// The form that writes a message. `internal` marks an engineer's note.
pub(in crate::web) fn form(number: i64, (id, label, button): (&str, &str, &str), internal: bool) -> Form {
    let hint =
        format!("Text, picture, PDF or archive, {} MiB at most", crate::domain::attachment::LARGEST / 1024 / 1024);
    let fields = vec![
        Field::new(Kind::Textarea, "message", label),
        Field::new(Kind::File, "file", "Files").hint(hint).optional(),
    ];
    let mut form =
        Form::new(id, format!("/cases/{number}/messages"), form_key(), Button::of(Style::Other, button)).fields(fields);
    if internal {
        form.hidden.push(hidden("internal", "true"));
    }
    form
}

fn hidden(name: &str, value: &str) -> Hidden {
    Hidden { name: name.to_owned(), value: value.to_owned() }
}

/// Writes it. Files are kept as drafts first, so that a form that comes back does not lose them.
pub(in crate::web) async fn send(
    visitor: Visitor,
    Path(number): Path<String>,
    Sent { fields, files }: Sent,
) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    let person = visitor.person()?;
    // Another customer's case looks like none, before anything is said about the form.
    let view = cases::view(&visitor.app, person, number).await?;
    let known = ["message", "file", "attachments", "confirmed", "internal"];
    fields.only(known.get(..if person.is_staff() { 5 } else { 4 }).unwrap_or_default())?;
    let mut post = Post {
        is_confirmed: truth(fields.get("confirmed"), "confirmed")?,
        files: fields.get("attachments").split(' ').filter_map(files::id).collect(),
        ..Post::new(number, fields.get("message"), truth(fields.get("internal"), "internal")?)
    };
    let once = fields.once(&visitor)?;
    let mut refused = Vec::new();
    for (name, content) in files {
        match conversation::upload(&visitor.app, person, number, (&name, content.as_ref()), None).await {
            Ok(Outcome::Done(file)) => post.files.push(file.id),
            Ok(Outcome::Before(_)) => {}
            Err(Error::Invalid(errors)) => refused.extend(errors.into_iter().map(|error| FieldError {
                message: format!("{}: {}", name.chars().take(80).collect::<String>(), error.message),
                ..error
            })),
            Err(error) => return Err(error.into()),
        }
    }
    if !refused.is_empty() {
        return again(&visitor, &view, &post, &refused).await;
    }
    match conversation::write(&visitor.app, person, post.clone(), once).await {
        Ok(_now_or_before) => Ok(Redirect::to(&format!("/cases/{number}#messages")).into_response()),
        Err(Error::Invalid(errors)) => again(&visitor, &view, &post, &errors).await,
        Err(error) => {
            let kept = vec![Fact::new("Message", post.body)];
            problem::lost_nothing(&visitor, error, number, kept)
        }
    }
}

fn truth(text: &str, field: &str) -> Result<bool, Error> {
    match text {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        _ => Err(Error::field(field, "not_bool", "Answer yes or no")),
    }
}

/// The form once more, with what was written and uploaded, and what is wrong about it.
async fn again(
    visitor: &Visitor,
    view: &cases::View<'_>,
    post: &Post,
    errors: &[FieldError],
) -> Result<Response, Failure> {
    let person = visitor.person()?;
    if visitor.json {
        return Err(Error::Invalid(errors.to_vec()).into());
    }
    let is_warning = errors.iter().any(|error| error.code == CREDENTIAL);
    let button = if is_warning { "Send anyway" } else { "Send message" };
    let mut form = form(post.number, ("message", "Message", button), false);
    if person.is_staff() {
        let mut inside = Choice::new("true", "Not shown to the customer");
        inside.checked = post.is_internal;
        form.fields.push(Field::new(Kind::Checkbox, "internal", "Internal note").options(vec![inside]).optional());
    }
    for field in &mut form.fields {
        if field.name == "message" {
            field.value.clone_from(&post.body);
        }
        let shown = |error: &&FieldError| match field.name.as_str() {
            "file" => matches!(error.field.as_str(), "file" | "attachments"),
            name => error.field == name,
        };
        field.error = errors.iter().find(shown).map(|error| error.message.clone());
    }
    if is_warning {
        form.hidden.push(hidden("confirmed", "true"));
    }
    let drafts = conversation::drafts(&visitor.app, person, post.number, &post.files).await?;
    if !drafts.is_empty() {
        let ids: Vec<String> = drafts.iter().map(|file| file.id.to_string()).collect();
        form.hidden.push(hidden("attachments", &ids.join(" ")));
        if let Some(field) = form.fields.iter_mut().find(|field| field.name == "file") {
            field.label = "More files".to_owned();
            field.hint = Some(format!("Uploaded: {}", drafts.iter().map(named).collect::<Vec<_>>().join(", ")));
        }
    }
    show(visitor, view, form, is_warning)
}

fn named(file: &Attachment) -> String {
    format!("{} ({})", file.name, size(file.size.unsigned_abs()))
}

/// Where a file is downloaded.
pub(in crate::web) fn file_path(number: i64, id: AttachmentId) -> String {
    format!("/cases/{number}/files/{id}")
}

fn show(visitor: &Visitor, view: &cases::View<'_>, form: Form, is_warning: bool) -> Result<Response, Failure> {
    let back = format!("/cases/{}", view.case.number);
    let errors = form.errors();
    let lead = "Everybody who reads this case would read it too, and it stays in the case. SMTP passwords are entered \
                with the SMTP settings, where they are stored encrypted and shown to nobody.";
    let body = ActPage {
        back: back.clone(),
        number: words::count(view.case.number),
        case_title: view.case.title.clone(),
        heading: if is_warning { "Send a password or key?" } else { "Write a message" }.to_owned(),
        lead: is_warning.then(|| lead.to_owned()),
        form: Form { cancel: Some(back), ..form },
    };
    let mut page = Page::new(format!("{}: case {}", body.heading, view.case.number), frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, ActPage::TEMPLATE, &page)
}
