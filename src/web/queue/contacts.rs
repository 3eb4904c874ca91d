//! The contacts of a customer beside a notice: who may confirm it, and engineers who verify one.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::beside;
use crate::app::cases::{self, View};
use crate::app::{Error, FieldError, notices};
use crate::domain::id::PersonId;
use crate::domain::notice::Objection;
use crate::store::contacts::Contact;
use crate::views::common::{Link, Note, Tone};
use crate::views::form::{Button, Field, Form, Kind};
use crate::web::fields::Fields;
use crate::web::portal::{act_form, path_number};
use crate::web::problem::Failure;
use crate::web::visit::{Visitor, form_key};

/// What verifying does.
const LEAD: &str =
    "A verified contact may confirm notices before it has been known for 72 hours. Your name stays with it.";

/// What the engineer reads of each contact, where a case waits for a second one.
pub(super) fn notes(view: &View<'_>) -> Vec<Note> {
    let own = view.second.withheld.map(|objection| Note::new(Tone::Us, format!("{objection}.")));
    own.into_iter().chain(view.second.contacts.iter().map(|(contact, against)| note(view, contact, *against))).collect()
}

fn note(view: &View<'_>, contact: &Contact, against: Option<Objection>) -> Note {
    let name = &contact.name;
    let verified = contact.verified_by.as_ref().zip(contact.verified_at);
    match (against, verified) {
        (None, Some((by, at))) => {
            let text = format!("{name} may confirm it: verified by {by} on {}.", at.format("%-d %B %Y"));
            Note::new(Tone::Done, text)
        }
        (None, None) => Note::new(
            Tone::Done,
            format!("{name} may confirm it: a contact since {}.", contact.since.format("%-d %B %Y")),
        ),
        (Some(Objection::TooNew(until)), _) => {
            let text =
                format!("{name} is too new a contact to confirm it before {}.", until.format("%-d %B %Y at %H:%M UTC"));
            let href = format!("/cases/{}/contacts/{}/verify", view.case.number, contact.id);
            Note { link: Some(Link::new(format!("Verify {name}"), href)), ..Note::new(Tone::You, text) }
        }
        (Some(Objection::OwnNotice | Objection::OwnNoticeOfVendor), _) => {
            Note::new(Tone::Neutral, format!("{name} gave the notice and cannot confirm it."))
        }
        (Some(Objection::Disabled), _) => Note::new(Tone::Neutral, format!("{name} may not sign in.")),
    }
}

/// Asks how the contact was verified.
pub(super) async fn form_page(
    visitor: Visitor,
    Path((number, contact)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    require_engineer(&visitor)?;
    let view = cases::view(&visitor.app, visitor.person()?, number).await?;
    show(&visitor, &view, id(&contact)?, ("", &[]))
}

/// Writes it down.
pub(super) async fn verify(
    visitor: Visitor,
    Path((number, contact)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    require_engineer(&visitor)?;
    let (person, contact) = (visitor.person()?, id(&contact)?);
    let view = cases::view(&visitor.app, person, number).await?;
    fields.only(&["how"])?;
    match notices::verify(&visitor.app, person, (number, contact), fields.get("how")).await {
        Ok(_) => Ok(Redirect::to(&format!("/cases/{number}")).into_response()),
        Err(Error::Invalid(errors)) => show(&visitor, &view, contact, (fields.get("how"), &errors)),
        Err(other) => Err(other.into()),
    }
}

fn require_engineer(visitor: &Visitor) -> Result<(), Failure> {
    if visitor.person()?.works_queue() {
        return Ok(());
    }
    Err(Error::Forbidden("Contacts are verified by the vendor's engineers").into())
}

fn id(text: &str) -> Result<PersonId, Failure> {
    text.parse().map(PersonId::new).map_err(|_not_an_id| Error::NotFound.into())
}

fn show(
    visitor: &Visitor,
    view: &View<'_>,
    contact: PersonId,
    (how, errors): (&str, &[FieldError]),
) -> Result<Response, Failure> {
    let known = view.second.contacts.iter().find(|(known, _)| known.id == contact);
    let name = known.map(|(known, _)| known.name.clone()).ok_or(Error::NotFound)?;
    let fields = vec![
        Field::new(Kind::Text, "how", "How you made sure who this is")
            .hint("Like: called back on the number of the contract. Not shown to the customer")
            .value(how),
    ];
    let action = format!("/cases/{}/contacts/{contact}/verify", view.case.number);
    let mut form = Form::new("verify", action, form_key(), Button::main("Verify this contact")).fields(fields);
    act_form::mark(&mut form, errors);
    beside::show(visitor, view, (&format!("Verify {name}"), LEAD), form)
}
