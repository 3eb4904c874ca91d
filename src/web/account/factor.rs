//! Setting up a second factor, its recovery codes, and taking it away.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use qrcodegen::{QrCode, QrCodeEcc};

use super::{FACTOR, PATH};
use crate::app::{App, Error, factor};
use crate::secret::Secret;
use crate::views::account::{Factor, Picture, Recovery};
use crate::views::common::{Link, Note, Page, Tone};
use crate::views::form::{Button, Form, Style};
use crate::web::fields::Fields;
use crate::web::frame;
use crate::web::problem::Failure;
use crate::web::setup::fill;
use crate::web::visit::{Visitor, form_key};

/// Modules of white around a QR code (ISO/IEC 18004, section 6.3.8).
const QUIET: i32 = 4;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route(FACTOR, get(show).post(begin))
        .route("/account/factor/confirm", post(confirm))
        .route("/account/factor/remove", post(remove))
        .route("/account/recovery", post(recovery))
}

async fn show(visitor: Visitor) -> Result<Response, Failure> {
    visitor.proved(FACTOR)?;
    page(&visitor, Factor::confirm_form(&form_key())).await
}

async fn page(visitor: &Visitor, confirm: Form) -> Result<Response, Failure> {
    let person = visitor.person()?;
    if factor::status(&visitor.app, person.id).await?.since.is_some() {
        return Ok(Redirect::to(PATH).into_response());
    }
    let enrolment = factor::enrolment(&visitor.app, person).await?;
    let (style, label) = match enrolment {
        Some(_) => (Style::Other, "Make another key"),
        None => (Style::Main, "Make a key"),
    };
    let must = visitor.app.staff_second_factor && person.is_staff();
    let text =
        "This installation asks the vendor's people for a second factor. Everything else opens once it is set up.";
    let errors = confirm.errors();
    let body = Factor {
        must: must.then(|| Note::new(Tone::You, text)),
        picture: enrolment.as_ref().map(|found| picture(&found.address)).transpose()?.unwrap_or_default(),
        key: enrolment.map(|found| grouped(found.key.expose(), " ")),
        confirm,
        begin: Some(Form::new("begin", FACTOR, form_key(), Button::of(style, label))),
    };
    let mut page = Page::new("Set up a second factor", frame::frame(visitor), body);
    page.errors = errors;
    frame::show(visitor, Factor::TEMPLATE, &page)
}

/// The QR code of an address, drawn here so that no other site learns it.
fn picture(address: &Secret) -> Result<Picture, Failure> {
    let code = QrCode::encode_text(address.expose(), QrCodeEcc::Medium)
        .map_err(|error| Error::Internal(format!("the address of a second factor has no QR code: {error}")))?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    Ok(Picture { size: code.size() + 2 * QUIET, path })
}

fn grouped(text: &str, between: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(between)
}

async fn begin(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    visitor.proved(FACTOR)?;
    factor::begin(&visitor.app, visitor.person()?).await?;
    Ok(Redirect::to(FACTOR).into_response())
}

async fn confirm(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&["code"])?;
    let session = visitor.proved(FACTOR)?;
    let code = Secret::new(fields.get("code").to_owned());
    match factor::confirm(&visitor.app, session, code, &visitor.origin).await {
        Ok(codes) => show_recovery(&visitor, &codes),
        Err(Error::Invalid(errors)) => {
            let mut form = Factor::confirm_form(&form_key());
            fill(&mut form, &[], &errors);
            page(&visitor, form).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn recovery(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    visitor.proved(PATH)?;
    let codes = factor::fresh_recovery(&visitor.app, visitor.person()?, &visitor.origin).await?;
    show_recovery(&visitor, &codes)
}

fn show_recovery(visitor: &Visitor, codes: &[Secret]) -> Result<Response, Failure> {
    let codes = codes.iter().map(|code| grouped(code.expose(), "-")).collect();
    let body = Recovery { codes, on: Link::new("I have kept them", PATH) };
    frame::show(visitor, Recovery::TEMPLATE, &Page::new("Your recovery codes", frame::frame(visitor), body))
}

async fn remove(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    fields.only(&[])?;
    visitor.proved(PATH)?;
    factor::remove(&visitor.app, visitor.person()?, &visitor.origin).await?;
    Ok(Redirect::to(PATH).into_response())
}
