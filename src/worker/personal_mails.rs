//! Sends mail to single people that belongs to no case.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rand::RngExt as _;

use super::Step;
use crate::app::{App, Error, chain, personal_mails};
use crate::domain::id::PersonId;
use crate::mail::{Outgoing, retry_at};

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
    let ended = send(app, (mail.person_id, mail.attempts), prepared).await?;
    personal_mails::settle(app, mail, ended.again, ended.error).await?;
    Ok(Step::Worked)
}

/// How the try of a mail ended.
#[derive(Default)]
pub(super) struct Ended {
    /// When there is another one.
    pub(super) again: Option<DateTime<Utc>>,
    /// Why it failed.
    pub(super) error: Option<String>,
}

/// Sends what was prepared after `attempts` tries; nothing where there is nothing to be sent any more. A mail that cannot be
/// prepared is tried again like one that cannot be sent, and given up in the end.
pub(super) async fn send(
    app: &App,
    (person, attempts): (PersonId, i64),
    prepared: Result<Option<Outgoing>, Error>,
) -> Result<Ended, Error> {
    let (error, may_repeat) = match prepared {
        Ok(None) => return Ok(Ended::default()),
        Ok(Some(outgoing)) => match app.mailer.send(&outgoing).await {
            Ok(receipt) => {
                tracing::info!(%person, id = receipt.message_id, "mail sent");
                return Ok(Ended::default());
            }
            Err(error) => (chain(&error), error.retryable()),
        },
        Err(Error::Store(error)) => return Err(error.into()),
        Err(error) => (chain(&error), true),
    };
    let tries = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
    let again = retry_at(tries, app.now(), rand::rng().random_range(0.0..1.0)).filter(|_| may_repeat);
    tracing::warn!(%person, error, dead = again.is_none(), "a mail failed");
    Ok(Ended { again, error: Some(error) })
}
