//! Runs queued tunnel tests, except those whose tunnel has an agent.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Step, chain};
use crate::app::{App, Error, probes};
use crate::store;

/// Longer than the longest test, so that no second worker starts one that runs.
const LEASE: TimeDelta = TimeDelta::seconds(240);

/// One test.
///
/// # Errors
/// What the database says; the test stays queued and is run again when the lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let (node, now) = (app.node.clone(), app.now());
    let claimed = app
        .db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(store::probes::claim(tx, &node, now, now + LEASE).await?) })
        })
        .await?;
    let Some(probe) = claimed else { return Ok(Step::Idle) };
    // After the claim is on record: a test that cannot be prepared waits for its lease to end, and not the others for it.
    let prepared = {
        let mut tx = app.db.read().await?;
        probes::request(app, &mut tx, &probe).await
    };
    let request = match prepared {
        Ok(request) => request,
        Err(Error::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(case = %probe.case_id, error = chain(&error), "a test could not be prepared");
            return Ok(Step::Worked);
        }
    };
    let report = app.prober.run(request).await;
    probes::take_report(app, &app.node, probe, report).await?;
    Ok(Step::Worked)
}
