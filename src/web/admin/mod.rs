//! The administrators' pages: what runs here, and what could not be delivered.

mod present;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::fields::Fields;
use super::frame;
use super::problem::Failure;
use super::visit::Visitor;
use crate::app::{App, Error, admin, dead_letters, installation};
use crate::views::admin::{About, Outbox};
use crate::views::common::Page;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/admin/about", get(about))
        .route("/admin/outbox", get(outbox))
        .route("/admin/outbox/resend", post(resend))
}

async fn about(visitor: Visitor) -> Result<Response, Failure> {
    let installation = installation::describe(&visitor.app, visitor.person()?).await?;
    let page = Page::new("About this service", frame::frame(&visitor), present::about(&installation));
    frame::show(&visitor, About::TEMPLATE, &page)
}

async fn outbox(visitor: Visitor) -> Result<Response, Failure> {
    let (letters, waiting) = dead_letters::list(&visitor.app, visitor.person()?).await?;
    let body = present::outbox(&visitor.app.mailer.describe(), &letters, waiting);
    let page = Page::new("Outgoing mail", frame::frame(&visitor), body);
    frame::show(&visitor, Outbox::TEMPLATE, &page)
}

/// Tries an effect again. The key names it: one that is on its way again already is not tried twice.
async fn resend(visitor: Visitor, fields: Fields) -> Result<Response, Failure> {
    let person = visitor.person()?;
    fields.only(&["effect_key"])?;
    let key = fields.get("effect_key");
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if !is_key {
        let text = "Reload the page and choose what is to be sent again";
        return Err(Error::field("effect_key", "unknown", text).into());
    }
    admin::resend(&visitor.app, person, key.to_owned()).await?;
    Ok(Redirect::to("/admin/outbox").into_response())
}
