//! Sends messages to programs of the vendor.

use std::sync::Arc;

use tokio::time::Instant;

use super::Step;
use crate::app::webhooks::sending::{self, Outcome};
use crate::app::{App, Error};

/// One message.
///
/// # Errors
/// What the database says; the message stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some(ready) = sending::claim(app).await? else { return Ok(Step::Idle) };
    let began = Instant::now();
    let result = app.webhooks.send(&ready.message()).await;
    let took = began.elapsed();
    let status = result.as_ref().map_or(0, |answer| answer.status);
    tracing::info!(endpoint = %ready.claimed.endpoint_id, id = ready.id, status, attempt = ready.claimed.attempt, "message sent");
    sending::settle(app, ready.claimed, Outcome { result, took }).await?;
    Ok(Step::Worked)
}
