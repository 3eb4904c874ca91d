//! What an agent does: fetches work, tells how far a test has come, reports, gives work back.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::Agent;
use crate::app::{App, Error, alerts, chain, probes};
use crate::domain::id::ProbeId;
use crate::domain::problem::ProblemCode;
use crate::probe::ProbeRequest;
use crate::probe::job::{Asked, Job, PROTOCOL};
use crate::probe::received;
use crate::store::Tx;
use crate::store::jobs::{self, Key, Row, Standing};

/// The longest that a request for work waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(55);
/// How long an agent holds a job without a sign of life; each event prolongs it.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often a waiting request looks although nobody woke it: for what became due, or was asked for on another node.
const TICK: Duration = Duration::from_secs(1);

/// The next job for an agent; waits for one up to `wait`. Between looks it holds neither a connection nor a transaction.
///
/// # Errors
/// [`Error::Throttled`] where the agent waits too often at a time already.
pub async fn next(app: &Arc<App>, agent: &Agent, wait: Duration) -> Result<Option<Job>, Error> {
    let place = app.waiting.enter(agent.id).ok_or_else(|| Error::Throttled(app.now() + TimeDelta::seconds(5)))?;
    super::note_seen(app, agent).await?;
    let until = Instant::now() + wait.min(LONGEST_WAIT);
    let mut closing = app.closing.subscribe();
    loop {
        // Registered before looking, so that what is left between the look and the wait wakes it.
        let woken = app.wake.notified();
        if let Some(job) = fetch(app, agent).await? {
            drop(place);
            return Ok(Some(job));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || *closing.borrow() {
            return Ok(None);
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(TICK.min(left)) => {}
            _ = closing.changed() => {}
        }
    }
}

async fn fetch(app: &Arc<App>, agent: &Agent) -> Result<Option<Job>, Error> {
    let (id, now, at_once) = (agent.id, app.now(), app.probe.at_once);
    if !jobs::any(&mut app.db.read().await?, id, now).await? {
        return Ok(None);
    }
    let fetched = app
        .db
        .write(move |tx| {
            Box::pin(async move { Ok::<_, Error>(jobs::fetch(tx, id, (now, now + LEASE), at_once).await?) })
        })
        .await?;
    let Some(row) = fetched else { return Ok(None) };
    // After the lease is on record: what cannot be prepared waits for its end, and not the others for it.
    let request = match prepare(app, &mut app.db.read().await?, &row).await {
        Ok(request) => request,
        Err(Error::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(job = name(&row.key()), error = chain(&error), "a job could not be prepared");
            return Ok(None);
        }
    };
    tracing::info!(agent = agent.name, job = name(&row.key()), "an agent fetched a job");
    Ok(Some(Job {
        protocol: PROTOCOL,
        id: name(&row.key()),
        lease_s: LEASE.num_seconds().unsigned_abs(),
        request: Asked::of(&request),
    }))
}

async fn prepare(app: &App, tx: &mut Tx, row: &Row) -> Result<ProbeRequest, Error> {
    match row {
        Row::Test(probe) => probes::request(app, tx, probe).await,
        Row::Alert(effect) => alerts::request(app, tx, effect).await,
    }
}

/// Takes what a running test has seen so far, and prolongs the lease.
///
/// # Errors
/// [`Error::NotFound`] for a job of a tunnel that is not the agent's; [`Error::JobLost`] where the agent does not hold it;
/// [`Error::Malformed`] for events that cannot be read.
pub async fn progress(app: &Arc<App>, agent: &Agent, id: &str, body: &[u8]) -> Result<(), Error> {
    let key = key(id)?;
    let stages = received::events(body).map_err(|why| Error::malformed(ProblemCode::BadEvents, why))?;
    let seen = json!({"stages": stages});
    super::note_seen(app, agent).await?;
    let (agent, until) = (agent.id, app.now() + LEASE);
    app.db
        .write(move |tx| {
            let (key, seen) = (key.clone(), seen.clone());
            Box::pin(async move {
                jobs::find(tx, agent, &key).await?.ok_or(Error::NotFound)?;
                if jobs::renew(tx, agent, &key, until, &seen).await? { Ok(()) } else { Err(Error::JobLost) }
            })
        })
        .await
}

/// Takes a final report. The same job reported again is answered alike, and nothing happens twice.
///
/// # Errors
/// As [`progress`].
pub async fn report(app: &Arc<App>, agent: &Agent, id: &str, body: &[u8]) -> Result<(), Error> {
    let key = key(id)?;
    super::note_seen(app, agent).await?;
    let (row, request) = {
        let mut tx = app.db.read().await?;
        let (row, standing) = jobs::find(&mut tx, agent.id, &key).await?.ok_or(Error::NotFound)?;
        match standing {
            Standing::Reported => return Ok(()),
            Standing::NotHeld => return Err(Error::JobLost),
            Standing::Held => {}
        }
        let request = prepare(app, &mut tx, &row).await?;
        (row, request)
    };
    let report = received::report(body, &request).map_err(|why| Error::malformed(ProblemCode::BadReport, why))?;
    let owner = jobs::owner(agent.id);
    tracing::info!(agent = agent.name, job = id, verdict = ?report.verdict, "an agent reported");
    match row {
        Row::Test(probe) => probes::take_report(app, &owner, *probe, report).await?,
        Row::Alert(effect) => alerts::settle(app, &owner, *effect, &report).await?,
    }
    // Where the lease was lost between the look and the write, nothing was taken.
    match jobs::find(&mut app.db.read().await?, agent.id, &key).await? {
        Some((_, Standing::Reported)) => Ok(()),
        Some((_, Standing::Held | Standing::NotHeld)) | None => Err(Error::JobLost),
    }
}

/// Takes a job back that the agent will not run; another agent, or the same one later, gets it as if for the first time.
///
/// # Errors
/// As [`progress`].
pub async fn give_back(app: &Arc<App>, agent: &Agent, id: &str) -> Result<(), Error> {
    let key = key(id)?;
    let agent = agent.id;
    app.db
        .write(move |tx| {
            let key = key.clone();
            Box::pin(async move {
                jobs::find(tx, agent, &key).await?.ok_or(Error::NotFound)?;
                if jobs::release(tx, agent, &key).await? { Ok(()) } else { Err(Error::JobLost) }
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}

/// The name of a job towards agents.
pub(super) fn name(key: &Key) -> String {
    match key {
        Key::Test(id) => format!("test-{id}"),
        Key::Alert(key) => format!("alert-{key}"),
    }
}

/// The job that has this name; a name of another form is that of no job.
fn key(name: &str) -> Result<Key, Error> {
    if let Some(id) = name.strip_prefix("test-") {
        let id = Uuid::try_parse(id).map_err(|_not_a_uuid| Error::NotFound)?;
        return Ok(Key::Test(ProbeId::new(id)));
    }
    let key =
        name.strip_prefix("alert-").filter(|key| key.len() <= 200 && key.bytes().all(|byte| byte.is_ascii_graphic()));
    key.map(|key| Key::Alert(key.to_owned())).ok_or(Error::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fresh_id;

    #[test]
    fn names_lead_back_to_their_job() {
        for known in [Key::Test(ProbeId::new(fresh_id())), Key::Alert(format!("{}.00000007.001", fresh_id()))] {
            assert_eq!(key(&name(&known)).unwrap(), known);
        }
        for none in ["", "test-", "test-1", "alert\0", "alert-a b", "alert-\u{0}", "probe-1"] {
            assert!(matches!(key(none), Err(Error::NotFound)), "{none:?}");
        }
    }
}
