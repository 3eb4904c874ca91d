//! The frame around every page: who is signed in, where one can go; and how a page becomes an answer.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;

use super::assets;
use super::problem::Failure;
use super::visit::{Visitor, form_key};
use crate::app::App;
use crate::domain::actor::{Person, Role};
use crate::views::common::{Brand, Frame, NavItem, Page, Theme, User};
use crate::views::form::{Button, Form, Style};

/// The frame for a visitor.
pub(super) fn frame(visitor: &Visitor) -> Frame {
    let path = visitor.uri.split('?').next().unwrap_or_default();
    Frame {
        root: String::new(),
        style: assets::path("postern.css"),
        icon: assets::path("favicon.svg"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        theme: Theme::Auto,
        brand: Brand { product: visitor.app.brand.product.clone(), vendor: visitor.app.brand.vendor.clone() },
        nav: visitor.person.as_ref().map_or_else(Vec::new, |person| nav(&visitor.app, person, path)),
        help_current: path.starts_with("/help"),
        user: visitor.person.as_ref().map(user),
        support: None,
    }
}

fn nav(app: &App, person: &Person, path: &str) -> Vec<NavItem> {
    let mut items = Vec::new();
    let is_beside = ["/queue/quarantine", "/queue/overdue"].iter().any(|page| path.starts_with(page));
    let mut add = |text: &str, href: &str| {
        let is_current = path.starts_with(href) && (href != "/queue" || !is_beside);
        items.push(NavItem::new(text, href, is_current));
    };
    if person.works_queue() {
        add("Queue", "/queue");
        if app.reply_domain.is_some() {
            add("Mail", "/queue/quarantine");
        }
    }
    if person.is_staff() {
        add(&capital(&app.brand.list_word), "/whitelist");
    }
    if person.is(Role::Lead) || person.is(Role::Admin) {
        add("Overdue", "/queue/overdue");
    }
    if person.customer.is_some() {
        add("Your cases", "/cases");
    }
    if !person.is_staff() || person.works_queue() {
        add("Alerting IPs", if person.is_staff() { "/alerting-changes" } else { "/alerting-ips" });
    }
    if person.is(Role::Admin) {
        add("Alerting IPs", "/admin/alerting-ips");
        add("Customers", "/admin/customers");
        add("People", "/admin/people");
        add("Calendars", "/admin/calendars");
        add("Objectives", "/admin/objectives");
        add("Webhooks", "/admin/webhooks");
        add("Outbox", "/admin/outbox");
        add("About", "/admin/about");
    }
    items
}

/// A word at the beginning of a sentence.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn user(person: &Person) -> User {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.as_str()).collect();
    let button = Button::of(Style::Small, "Sign out");
    User {
        name: person.name.clone(),
        role: roles.join(", "),
        sign_out: Form::new("sign-out", "/sign-out", form_key(), button),
    }
}

/// Renders a page.
///
/// # Errors
/// [`crate::app::Error::View`] for a template that does not fit its context: a defect.
pub(super) fn show<B: Serialize>(visitor: &Visitor, template: &str, page: &Page<B>) -> Result<Response, Failure> {
    let status = if page.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(visitor.app.views.render(template, page)?)).into_response())
}
