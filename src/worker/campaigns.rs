//! Carries changes of alerting IPs to every server.

use std::sync::Arc;

use super::Step;
use crate::app::{App, Error, campaign};

/// One batch.
///
/// # Errors
/// What the database says; what was begun is undone and begun again.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    Ok(if campaign::sweep::step(app).await? { Step::Worked } else { Step::Idle })
}
