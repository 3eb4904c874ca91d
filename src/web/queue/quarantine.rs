//! Mail that waits: read as text, added to a case or discarded.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::app::{Error, incoming};
use crate::domain::id::IncomingId;
use crate::store::incoming::Incoming;
use crate::views::common::{Empty, Link, Page};
use crate::views::form::{Button, Field, Form, Kind, Style};
use crate::views::quarantine::{Quarantine, Waiting};
use crate::views::size;
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::portal::files;
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// Where the page is.
const PATH: &str = "/queue/quarantine";

/// Everything that waits.
pub(super) async fn page(visitor: Visitor) -> Result<Response, Failure> {
    show(&visitor, None).await
}

async fn show(visitor: &Visitor, wrong: Option<(IncomingId, String, String)>) -> Result<Response, Failure> {
    let mails = incoming::waiting(&visitor.app, visitor.person()?).await?;
    let mut mails: Vec<Waiting> = mails.into_iter().map(waiting).collect();
    let mut errors = Vec::new();
    if let Some((id, typed, message)) = wrong
        && let Some(mail) = mails.iter_mut().find(|mail| mail.id == format!("mail-{id}"))
    {
        for field in &mut mail.attach.fields {
            field.value.clone_from(&typed);
            field.error = Some(message.clone());
        }
        errors = mail.attach.errors();
    }
    let empty = mails.is_empty().then(|| Empty { text: "No mail waits.".to_owned(), link: None });
    let mut page = Page::new("Mail that waits: queue", frame::frame(visitor), Quarantine { mails, empty });
    page.crumbs = vec![Link::new("Queue", "/queue")];
    page.errors = errors;
    frame::show(visitor, Quarantine::TEMPLATE, &page)
}

fn waiting(mail: Incoming) -> Waiting {
    let path = format!("{PATH}/{}", mail.id);
    let button = |label: &str| Button::of(Style::Other, label).about(mail.subject.clone());
    let case = Field::new(Kind::Number, "case", "Number of the case");
    let attach =
        Form::new(&format!("attach-{}", mail.id), format!("{path}/attach"), form_key(), button("Add to the case"));
    Waiting {
        id: format!("mail-{}", mail.id),
        at: mail.at,
        size: size(mail.size.unsigned_abs()),
        original: format!("{path}/original"),
        attach: attach.fields(vec![case]),
        discard: Form::new(&format!("discard-{}", mail.id), format!("{path}/discard"), form_key(), button("Discard")),
        sender: mail.sender,
        subject: mail.subject,
        reason: mail.reason,
        text: mail.body,
    }
}

fn id(text: &str) -> Result<IncomingId, Failure> {
    text.parse().map(IncomingId::new).map_err(|_no_id| Error::NotFound.into())
}

/// The mail as it came, to be saved.
pub(super) async fn original(visitor: Visitor, Path(mail): Path<String>) -> Result<Response, Failure> {
    let mail = id(&mail)?;
    let raw = incoming::original(&visitor.app, visitor.person()?, mail).await?;
    files::saved(&format!("{mail}.eml"), crate::domain::attachment::BYTES, raw)
}

/// Adds a mail to a case.
pub(super) async fn attach(visitor: Visitor, Path(mail): Path<String>, fields: Fields) -> Result<Response, Failure> {
    let mail = id(&mail)?;
    fields.only(&["case"])?;
    let typed = fields.get("case").trim();
    // Minus one is nobody's case: what is no number is told as what is no case.
    let number = typed.trim_start_matches('#').parse().unwrap_or(-1);
    match incoming::settle(&visitor.app, visitor.person()?, mail, Some(number)).await {
        Ok(()) => Ok(Redirect::to(&format!("/cases/{number}#messages")).into_response()),
        Err(Error::Invalid(errors)) if !visitor.json => {
            let message = errors.into_iter().next().map(|error| error.message).unwrap_or_default();
            show(&visitor, Some((mail, typed.to_owned(), message))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Discards a mail.
pub(super) async fn discard(visitor: Visitor, Path(mail): Path<String>, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    incoming::settle(&visitor.app, visitor.person()?, id(&mail)?, None).await?;
    Ok(Redirect::to(PATH).into_response())
}
