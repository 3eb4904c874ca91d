//! Runs queued tunnel tests.

use std::sync::Arc;

use chrono::TimeDelta;

use super::Step;
use crate::app::{App, Error, probes};
use crate::store;

/// Longer than the longest test, so that no second worker starts one that runs.
const LEASE: TimeDelta = TimeDelta::seconds(240);

/// One test.
///
/// # Errors
/// What the database says; the test stays queued and is run again when the lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let shared = Arc::clone(app);
    let claimed = app
        .db
        .write(move |tx| {
            let app = Arc::clone(&shared);
            Box::pin(async move {
                let now = app.now();
                let Some(probe) = store::probes::claim(tx, &app.node, now, now + LEASE).await? else { return Ok(None) };
                let request = probes::request(&app, tx, &probe).await?;
                Ok::<_, Error>(Some((probe, request)))
            })
        })
        .await?;
    let Some((probe, request)) = claimed else { return Ok(Step::Idle) };
    let report = app.prober.run(request).await;
    probes::take_report(app, probe, report).await?;
    Ok(Step::Worked)
}
