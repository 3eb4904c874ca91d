//! Tests whose agents do nothing: they end as "could not tell", which is never the customer's fault.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::app::{App, Error, chain, completion, probes};
use crate::domain::cause::Cause;
use crate::probe::could_not_run;
use crate::smtp::stage::Stage;
use crate::store::jobs::{self, Row};

/// Longer than it takes to store a report.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// Ends one test or test alert that agents leave lying; says whether there was one. In the first moments of a process
/// nothing is judged: while it was away, no agent could be heard.
///
/// # Errors
/// What the database says.
pub async fn end_one(app: &Arc<App>) -> Result<bool, Error> {
    let (node, now) = (app.node.clone(), app.now());
    let since = now - app.agent_silence;
    if since < app.started_at {
        return Ok(false);
    }
    let claimed = app
        .db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(jobs::claim_silent(tx, &node, (now, since), now + LEASE).await?) })
        })
        .await?;
    let Some(row) = claimed else { return Ok(false) };
    let cause = Cause::ProbeAgentSilent;
    tracing::warn!(job = super::jobs::name(&row.key()), "the agents of the tunnel are silent");
    match row {
        Row::Test(probe) => {
            let prepared = probes::request(app, &mut app.db.read().await?, &probe).await;
            let request = match prepared {
                Ok(request) => request,
                Err(Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(case = %probe.case_id, error = chain(&error), "a test could not be prepared");
                    return Ok(true);
                }
            };
            let detail = "no agent of the tunnel ran the test in time";
            let report = could_not_run(&app.clock, &request, Stage::Route, cause, detail);
            probes::take_report(app, &app.node, *probe, report).await?;
        }
        Row::Alert(effect) => {
            completion::settle_alert(app, &app.node, *effect, false, (cause.entry().title, None)).await?;
        }
    }
    Ok(true)
}
