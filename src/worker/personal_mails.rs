//! Sends mail to single people that belongs to no case.

use std::sync::Arc;

use rand::RngExt as _;

use super::Step;
use crate::app::{App, Error, chain, personal_mails};
use crate::mail::retry_at;

/// One mail.
///
/// # Errors
/// What the database says; the mail stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some(mail) = personal_mails::claim(app).await? else { return Ok(Step::Idle) };
    let prepared = {
        let mut tx = app.db.read().await?;
        personal_mails::compose(app, &mut tx, &mail).await
    };
    let Some(outgoing) = prepared? else {
        personal_mails::settle(app, mail, None, None).await?;
        return Ok(Step::Worked);
    };
    match app.mailer.send(&outgoing).await {
        Ok(receipt) => {
            tracing::info!(person = %mail.person_id, id = receipt.message_id, "mail sent");
            personal_mails::settle(app, mail, None, None).await?;
        }
        Err(error) => {
            let tries = u32::try_from(mail.attempts + 1).unwrap_or(u32::MAX);
            let again = retry_at(tries, app.now(), rand::rng().random_range(0.0..1.0)).filter(|_| error.retryable());
            let text = chain(&error);
            tracing::warn!(person = %mail.person_id, error = text, dead = again.is_none(), "a mail failed");
            personal_mails::settle(app, mail, again, Some(text)).await?;
        }
    }
    Ok(Step::Worked)
}
