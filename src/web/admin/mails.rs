//! What goes out by mail, to be read before anybody gets it.

use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};

use super::page;
use crate::app::mail_samples;
use crate::views::admin::MailSample;
use crate::views::common::Link;
use crate::views::mail::MailText;
use crate::views::records::{Cell, Listing, Row};
use crate::web::problem::Failure;
use crate::web::visit::Visitor;

/// The page around a mail may show it in a frame of this service, and otherwise what every page may.
const POLICY_OF_PAGE: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A mail brings its own style, does nothing, and is shown by our page only.
const POLICY_OF_MAIL: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; \
                              form-action 'none'; frame-ancestors 'self'";

pub(super) async fn list(visitor: Visitor) -> Result<Response, Failure> {
    let mails = mail_samples::all(&visitor.app, visitor.person()?)?;
    let rows = mails.into_iter().map(|(name, mail)| Row {
        link: Link::new(mail.subject, format!("/admin/mails/{name}")),
        cells: vec![Cell::code(name)],
    });
    let body = Listing {
        heading: "Mails".to_owned(),
        intro: Some("Every mail about a case, with made-up values. Definitions of the procedure name them.".to_owned()),
        add: None,
        columns: ["Subject", "Name"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        empty: None,
    };
    std::future::ready(page(&visitor, "Mails", Vec::new(), Listing::TEMPLATE, body)).await
}

pub(super) async fn one(visitor: Visitor, Path(name): Path<String>) -> Result<Response, Failure> {
    let MailText { subject, text, .. } = mail_samples::one(&visitor.app, visitor.person()?, &name)?;
    let crumbs = vec![Link::new("Mails", "/admin/mails")];
    let title = format!("Mail {name}");
    let body = MailSample { html: format!("/admin/mails/{name}/page"), name, subject, text };
    let mut response = std::future::ready(page(&visitor, &title, crumbs, MailSample::TEMPLATE, body)).await?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY_OF_PAGE));
    Ok(response)
}

/// The part that programs show as a page, by itself.
pub(super) async fn html(visitor: Visitor, Path(name): Path<String>) -> Result<Response, Failure> {
    let mail = std::future::ready(mail_samples::one(&visitor.app, visitor.person()?, &name)).await?;
    Ok(([(CONTENT_SECURITY_POLICY, POLICY_OF_MAIL)], Html(mail.html)).into_response())
}
