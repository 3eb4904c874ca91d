//! Pages and JSON API: area by area, and who may enter each.
//!
//! A handler reads a `visit::Visitor` (who asks, from where), parses what came, calls one use case and turns its result
//! into a page or a resource. It returns `problem::Failure` for everything else; `visit` renders that once, as the page
//! or the `application/problem+json` (RFC 9457) that the client asked for.

mod account;
mod admin;
mod agent;
mod alerting_ips;
mod api;
mod assets;
mod fields;
mod frame;
mod health;
mod help;
mod password;
mod portal;
mod problem;
mod queue;
mod session;
mod setup;
mod source;
mod visit;
mod watching;
mod whitelist;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;

pub use health::figures;
pub use problem::Failure;

/// The largest form or API body that is read.
const LARGEST_BODY: usize = 256 * 1024;

/// How much an address takes, in words for whoever sent more.
fn most_sent(uri: &str) -> &'static str {
    let path = uri.split('?').next().unwrap_or_default();
    let takes_files = path.ends_with("/messages") || path.ends_with("/attachments");
    match (path.starts_with(agent::AREA), takes_files) {
        (true, _) => "1 MiB",
        (false, true) => "10 MiB",
        (false, false) => "256 KiB",
    }
}

/// Nothing is loaded from elsewhere, nothing runs, nobody frames us, forms come back here.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                              frame-ancestors 'none'";

/// The whole service as one router; the same one in `serve`, tests, `bench` and the demo walk.
pub fn router(app: Arc<App>) -> Router {
    framed(app, routes())
}

fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(session::home))
        .merge(session::routes())
        .merge(setup::routes())
        .merge(password::routes())
        .merge(account::routes())
        .merge(portal::routes())
        .merge(queue::routes())
        .merge(watching::routes())
        .merge(whitelist::routes())
        .merge(admin::routes())
        .merge(alerting_ips::routes())
        .merge(help::routes())
        .nest("/api/v1", api::routes())
        .route("/assets/{name}", get(assets::serve))
        .fallback(problem::unknown)
        .method_not_allowed_fallback(problem::wrong_method)
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        // Reports and files are larger than forms; their areas set their own limits.
        .merge(agent::routes())
        .merge(portal::files::routes())
}

/// Routes with what every answer of the service passes: who asks is found, failures are rendered, headers are set.
pub fn framed(app: Arc<App>, routes: Router<Arc<App>>) -> Router {
    let header = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    routes
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(CsrfLayer::new())
        .layer(from_fn_with_state(Arc::clone(&app), visit::visit))
        // Health is asked by machines that have neither session nor patience.
        .merge(health::routes())
        .layer(header(CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(header(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"))
        .layer(header(CACHE_CONTROL, "no-store"))
        .with_state(app)
}
