//! (filled by its own change)

pub(super) mod case;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
}
