//! Sends letters about accounts.

use std::sync::Arc;

use rand::RngExt as _;

use super::Step;
use crate::app::{App, Error, chain, letters};
use crate::mail::retry_at;

/// One letter.
///
/// # Errors
/// What the database says; the letter stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some((letter, outgoing)) = letters::take(app).await? else { return Ok(Step::Idle) };
    let Some(outgoing) = outgoing else {
        letters::settle(app, letter, None, None).await?;
        return Ok(Step::Worked);
    };
    match app.mailer.send(&outgoing).await {
        Ok(receipt) => {
            tracing::info!(person = %letter.person_id, id = receipt.message_id, "letter sent");
            letters::settle(app, letter, None, None).await?;
        }
        Err(error) => {
            let tries = u32::try_from(letter.attempts + 1).unwrap_or(u32::MAX);
            let again = retry_at(tries, app.now(), rand::rng().random_range(0.0..1.0)).filter(|_| error.retryable());
            let text = chain(&error);
            tracing::warn!(person = %letter.person_id, error = text, dead = again.is_none(), "a letter failed");
            letters::settle(app, letter, again, Some(text)).await?;
        }
    }
    Ok(Step::Worked)
}
