//! Sends letters about accounts.

use std::sync::Arc;

use super::{Step, personal_mails};
use crate::app::{App, Error, letters};

/// One letter.
///
/// # Errors
/// What the database says; the letter stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some((letter, prepared)) = letters::take(app).await? else { return Ok(Step::Idle) };
    let ended = personal_mails::send(app, (letter.person_id, letter.attempts), prepared).await?;
    letters::settle(app, letter, ended.again, ended.error).await?;
    Ok(Step::Worked)
}
