//! Lets due clocks ring.

use std::sync::Arc;

use super::Step;
use crate::app::{App, Error, timers};

/// One timer.
///
/// # Errors
/// What the database says; the timer stays due.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    Ok(if timers::ring(app).await? { Step::Worked } else { Step::Idle })
}
