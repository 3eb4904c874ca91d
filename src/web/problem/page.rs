//! What went wrong as a page.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::told;
use crate::app::{Error, FieldError};
use crate::domain::workflow::Refusal;
use crate::store::StoreError;
use crate::views::common::{Link, Page};
use crate::views::error::ErrorPage;
use crate::web::frame;
use crate::web::visit::Visitor;

pub(super) fn error_page(visitor: &Visitor, error: &Error, fields: &[FieldError]) -> ErrorPage {
    let home = home(visitor);
    match error {
        Error::NotFound => ErrorPage::not_found(home),
        Error::Forbidden(why) => {
            let mut page = ErrorPage::forbidden(home);
            page.text.insert(0, format!("{why}."));
            page
        }
        Error::Unproved(_) | Error::FactorMissing => {
            let mut page = ErrorPage::forbidden(Link::new("Your account", crate::web::account::PATH));
            page.text = vec![told(error).detail];
            page
        }
        Error::SignedOut | Error::WrongPassword => {
            let mut page = ErrorPage::forbidden(Link::new("Sign in", crate::web::session::sign_in_path("/")));
            page.text = vec!["Your session has ended. Sign in and send the form again.".to_owned()];
            page
        }
        Error::Throttled(until) => {
            let wait = format!("until {} UTC", until.format("%H:%M:%S"));
            ErrorPage::throttled(&wait, home)
        }
        Error::TestTooSoon(next) => {
            let text = format!("Nothing was started. The next test can start at {} UTC.", next.format("%H:%M:%S"));
            ErrorPage { heading: "Too many tests".to_owned(), text: vec![text], ..ErrorPage::throttled("", home) }
        }
        Error::Refused(Refusal::Stale { .. } | Refusal::Unhandled { .. }) => ErrorPage::stale(home, Vec::new()),
        Error::Refused(Refusal::Forbidden { .. }) => ErrorPage::forbidden(home),
        Error::Refused(Refusal::Guard(text)) => ErrorPage::invalid(&[text], home),
        Error::Changed { number, .. } => {
            ErrorPage::stale(Link::new(format!("Go to case {number}"), format!("/cases/{number}")), Vec::new())
        }
        Error::Claimed { number, by, .. } => {
            let mut page =
                ErrorPage::stale(Link::new(format!("Go to case {number}"), format!("/cases/{number}")), Vec::new());
            page.heading = format!("{by} claimed this case");
            page
        }
        Error::Invalid(_) => {
            let lines: Vec<String> = fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            ErrorPage::invalid(&lines, home)
        }
        Error::KeyReused | Error::JobLost => ErrorPage::conflict(home),
        Error::KeyMissing | Error::RevisionMissing | Error::Malformed { .. } | Error::NotJson(_) => {
            ErrorPage::invalid(&[&told(error).detail], home)
        }
        Error::Store(store) if store.is_unavailable() || matches!(store, StoreError::Contended) => {
            ErrorPage::unavailable(&visitor.request_id, home)
        }
        Error::Store(_)
        | Error::View(_)
        | Error::Internal(_)
        | Error::Refused(Refusal::Fields(_) | Refusal::Defect(_)) => ErrorPage::internal(&visitor.request_id, home),
    }
}

/// Where a person goes on from an error.
pub(super) fn home(visitor: &Visitor) -> Link {
    match &visitor.person {
        Some(person) if person.works_queue() => Link::new("Queue", "/queue"),
        Some(person) if person.is_staff() => Link::new("About this installation", "/admin/about"),
        Some(_) => Link::new("Your cases", "/cases"),
        None => Link::new("Sign in", "/sign-in"),
    }
}

pub(super) fn page(visitor: &Visitor, status: StatusCode, body: ErrorPage) -> Response {
    let title = body.heading.clone();
    let page = Page::new(title, frame::frame(visitor), body);
    match visitor.app.views.render(ErrorPage::TEMPLATE, &page) {
        Ok(html) => (status, axum::response::Html(html)).into_response(),
        // A page that cannot be made must not fail again.
        Err(error) => {
            tracing::error!(error = %crate::app::chain(&error), "the error page does not render");
            (status, "There is a problem with Postern.").into_response()
        }
    }
}
