//! Ends what agents leave lying.

use std::sync::Arc;

use super::Step;
use crate::app::agents::silence;
use crate::app::{App, Error};

/// One test or test alert.
///
/// # Errors
/// What the database says; it stays queued.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    Ok(if silence::end_one(app).await? { Step::Worked } else { Step::Idle })
}
