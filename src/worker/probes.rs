//! Runs queued tunnel tests, as many at once as the queue gives out, except those whose tunnel has an agent.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{Step, chain};
use crate::app::{App, Error, probes};
use crate::store;
use crate::store::probes::Probe;

/// Longer than the longest test, so that no second worker starts one that runs.
const LEASE: TimeDelta = TimeDelta::seconds(240);

/// One test from claim to report.
///
/// # Errors
/// What the database says; the test stays queued and is run again when the lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let Some(probe) = claim(app).await? else { return Ok(Step::Idle) };
    run(Arc::clone(app), probe).await?;
    Ok(Step::Worked)
}

pub(super) async fn claim(app: &Arc<App>) -> Result<Option<Probe>, Error> {
    let (node, now, at_once) = (app.node.clone(), app.now(), app.probe.at_once);
    app.db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(store::probes::claim(tx, &node, (now, now + LEASE), at_once).await?) })
        })
        .await
}

pub(super) async fn run(app: Arc<App>, probe: Probe) -> Result<(), Error> {
    let prepared = {
        let mut tx = app.db.read().await?;
        probes::request(&app, &mut tx, &probe).await
    };
    let request = match prepared {
        Ok(request) => request,
        Err(Error::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(case = %probe.case_id, error = chain(&error), "a test could not be prepared");
            return put_off(&app, probe).await;
        }
    };
    let report = app.prober.run(request).await;
    probes::take_report(&app, &app.node, probe, report).await
}

/// A test that cannot be prepared waits until its record may have been put right, and not the others for it.
async fn put_off(app: &Arc<App>, probe: Probe) -> Result<(), Error> {
    let (node, until) = (app.node.clone(), app.now() + LEASE);
    app.db
        .write(move |tx| {
            let (node, probe) = (node.clone(), probe.clone());
            Box::pin(async move { Ok::<_, Error>(store::probes::put_off(tx, &probe, &node, until).await?) })
        })
        .await
}
