//! The customer's pages: the list, the request, the case, its acts, messages and test results.
//!
//! The pages of acts and of test results serve engineers too: an act is the same form for everybody who may do it.

pub(in crate::web) mod act_form;
mod acts;
mod case;
pub(in crate::web) mod family;
pub(in crate::web) mod files;
mod for_provider;
mod list;
pub(in crate::web) mod messages;
pub(in crate::web) mod notice;
pub(in crate::web) mod present_case;
mod present_notice;
pub(in crate::web) mod present_request;
mod request;
mod result;
pub(in crate::web) mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};

use super::problem::Failure;
use super::queue;
use super::visit::Visitor;
use crate::app::{App, Error};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/cases", get(list::page))
        .route("/start", get(request::start))
        .route("/start/where", get(request::place).post(request::place_sent))
        .route("/start/filters", get(request::filters).post(request::filters_sent))
        .route("/start/server", get(request::server).post(request::server_sent))
        .route("/start/syslog/where", get(request::receiver_place).post(request::receiver_place_sent))
        .route("/start/syslog/filters", get(request::receiver_filters).post(request::receiver_filters_sent))
        .route("/start/syslog/receiver", get(request::receiver).post(request::receiver_sent))
        .route("/start/check", get(request::check).post(request::send))
        .route("/cases/{number}", get(case_page))
        .route("/cases/{number}/sent", get(case::sent))
        .route("/servers/{server}/change-ip", get(notice::page).post(notice::check))
        .route("/servers/{server}/change-ip/send", post(notice::send))
        .route("/cases/{number}/notice", get(notice::sent))
        .route("/cases/{number}/notice.ics", get(notice::calendar))
        .route("/cases/{number}/act/{event}", get(acts::page).post(acts::send))
        .route("/cases/{number}/files/{file}", get(files::download))
        .route("/cases/{number}/tests", post(result::ask))
        .route("/cases/{number}/tests/{test}", get(result::page))
        .route("/cases/{number}/tests/{test}/compare", get(result::comparison))
}

/// A case as the customer sees it, or as the engineers do.
async fn case_page(visitor: Visitor, Path(number): Path<String>) -> Result<Response, Failure> {
    let number = path_number(&number)?;
    if visitor.person()?.is_staff() {
        queue::case::case_page(visitor, number).await
    } else {
        case::page(&visitor, number).await
    }
}

/// A number in a path.
///
/// # Errors
/// [`Error::NotFound`] for anything else: there is no page of that name.
pub(in crate::web) fn path_number(text: &str) -> Result<i64, Failure> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| Error::NotFound.into())
}
