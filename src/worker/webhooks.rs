//! Sends messages to programs of the vendor.

use std::sync::Arc;

use super::Step;
use crate::app::webhooks::sending;
use crate::app::{App, Error};
use crate::domain::webhook::message_id;
use crate::store::deliveries::Claimed;

/// One message.
///
/// # Errors
/// What the database says; the message stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some(claimed) = sending::claim(app).await? else { return Ok(Step::Idle) };
    run(Arc::clone(app), claimed).await?;
    Ok(Step::Worked)
}

pub(super) async fn run(app: Arc<App>, claimed: Claimed) -> Result<(), Error> {
    let outcome = sending::attempt(&app, &claimed).await?;
    let (endpoint, id, attempt) = (claimed.endpoint_id, message_id(claimed.event_id), claimed.attempt);
    match &outcome.result {
        Ok(answer) => tracing::info!(%endpoint, id, attempt, status = answer.status, "message answered"),
        Err(error) => tracing::warn!(%endpoint, id, attempt, why = error.kind(), "message not answered"),
    }
    sending::settle(&app, claimed, outcome).await
}
