//! The engineers' pages: the queue, claims, the case with its step panel, its settings.

mod beside;
pub(in crate::web) mod case;
mod claims;
mod contacts;
mod list;
mod open;
mod overdue;
mod present_case;
mod present_list;
mod present_panel;
mod present_settings;
mod present_syslog;
mod priority;
mod quarantine;
pub(in crate::web) mod relays;
mod settings;
mod texts;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/queue", get(list::page))
        .route("/queue/overdue", get(overdue::page))
        .route("/queue/quarantine", get(quarantine::page))
        .route("/queue/quarantine/{mail}/original", get(quarantine::original))
        .route("/queue/quarantine/{mail}/attach", post(quarantine::attach))
        .route("/queue/quarantine/{mail}/discard", post(quarantine::discard))
        .route("/queue/texts", get(texts::page).post(texts::add))
        .route("/queue/texts/{text}", post(texts::change))
        .route("/queue/texts/{text}/delete", post(texts::delete))
        .route("/customers/{id}/relays", get(relays::page).post(relays::add))
        .route("/customers/{id}/relays/read", post(relays::read))
        .route("/customers/{id}/relays/{relay}", post(relays::change))
        .route("/customers/{id}/relays/{relay}/delete", post(relays::delete))
        .route("/queue/open", get(open::page).post(open::send))
        .route("/queue/next", post(claims::next))
        .route("/cases/{number}/claim", post(claims::claim))
        .route("/cases/{number}/release", post(claims::release))
        .route("/cases/{number}/hand-over", get(claims::hand_over_form).post(claims::hand_over))
        .route("/cases/{number}/priority", get(priority::form_page).post(priority::set))
        .route("/cases/{number}/contacts/{contact}/verify", get(contacts::form_page).post(contacts::verify))
        .route("/cases/{number}/settings", get(settings::page))
        .route("/cases/{number}/apply-check", get(settings::apply_check))
}
