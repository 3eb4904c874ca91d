//! The pages of the whitelist register: list and search, adding after a look, one entry, requests for a lead, what is to be
//! applied.

mod add;
mod entry;
mod list;
pub(super) mod place;
mod plan;
mod requests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use uuid::Uuid;

use super::frame;
use super::problem::Failure;
use super::visit::Visitor;
use crate::app::{App, Error};
use crate::domain::tunnel::Progress;
use crate::store::whitelist::Entry;
use crate::views::common::{Link, Tag, Tone};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/whitelist", get(list::page).post(add::add))
        .route("/whitelist/add", get(add::form).post(add::check))
        .route("/whitelist/requests", get(requests::page))
        .route("/whitelist/requests/{request}/approve", post(requests::approve))
        .route("/whitelist/requests/{request}/refuse", post(requests::refuse))
        .route("/whitelist/plan/{tunnel}", get(plan::page).post(plan::applied))
        .route("/whitelist/{entry}", get(entry::page))
        .route("/whitelist/{entry}/retire", post(entry::retire))
        .route("/whitelist/{entry}/stay", post(entry::stay))
        .route("/whitelist/{entry}/theirs", post(entry::theirs))
}

/// What the list is called on this installation.
fn word(visitor: &Visitor) -> &str {
    &visitor.app.brand.list_word
}

/// The way back to the list.
fn crumbs(visitor: &Visitor) -> Vec<Link> {
    vec![Link::new(frame::capital(word(visitor)), "/whitelist")]
}

/// An identifier in a path.
fn identifier(text: &str) -> Result<Uuid, Failure> {
    text.parse().map_err(|_no_identifier| Error::NotFound.into())
}

/// The page of an entry.
fn path(entry: &Entry) -> String {
    format!("/whitelist/{}", entry.id)
}

/// Port and transport.
fn port(entry: &Entry) -> String {
    format!("{}/{}", entry.port, entry.protocol)
}

/// How far a side has come, in a word or two.
fn progress(progress: Progress, leaves: bool) -> Tag {
    match progress {
        Progress::Applied | Progress::Proven if leaves => Tag::new(Tone::You, "To leave"),
        Progress::None => Tag::new(Tone::Neutral, "Not asked for"),
        Progress::Wanted => Tag::new(Tone::You, "Wanted"),
        Progress::Applied => Tag::new(Tone::Us, "Applied"),
        Progress::Proven => Tag::new(Tone::Done, "Proven"),
        Progress::Retired => Tag::new(Tone::Skipped, "Taken away"),
    }
}
