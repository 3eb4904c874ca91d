//! Begins the rounds of watched servers that are due. Their tests run with everybody's.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Step, chain};
use crate::app::watching::{self, Reading};
use crate::app::{App, Error};

/// The rounds that are due, a bounded number of them: each is read in the product beside the others, then begun.
///
/// # Errors
/// What the database says; what was not begun stays due.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let due = watching::due(app).await?;
    if due.is_empty() {
        return Ok(Step::Idle);
    }
    let mut rounds = JoinSet::new();
    for watch in due {
        let app = Arc::clone(app);
        rounds.spawn(async move {
            // A tenant whose key cannot be opened must not keep its server from being tested.
            let reading = match Reading::of(&app, &watch).await {
                Ok(reading) => reading,
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(case = %watch.case_id, error = chain(&error), "settings cannot be compared");
                    Reading::default()
                }
            };
            watching::begin_due(&app, &watch, reading).await
        });
    }
    let mut outcome = Ok(Step::Worked);
    while let Some(ended) = rounds.join_next().await {
        if let Err(error) = ended.map_err(|error| Error::Internal(error.to_string())).flatten() {
            outcome = Err(error);
        }
    }
    outcome
}
