//! Carries out effects: sends mail, applies settings, sends test alerts.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;

use super::Step;
use crate::app::completion::{self, Task};
use crate::app::{App, Error, chain, mails, probes};
use crate::apply::{ApplyRequest, Target};
use crate::mail::{Outgoing, retry_at};
use crate::probe::ProbeRequest;
use crate::secret::Secret;
use crate::store::outbox::{self, Effect, Kind};

/// Longer than the longest effect: a test alert with all its stages.
const LEASE: TimeDelta = TimeDelta::seconds(240);
/// After so many tries an apply that could be repeated is told to the engineer instead.
const MOST_APPLIES: i64 = 3;

/// What a claimed effect needs.
enum Work {
    Mail(Box<Option<Outgoing>>),
    Apply(Box<(Target, ApplyRequest, Option<Secret>)>),
    Alert(Box<(ProbeRequest, Task)>),
}

/// One effect.
///
/// # Errors
/// What the database says; the effect stays and is tried again when its lease has ended.
pub async fn step(app: &Arc<App>) -> Result<Step, Error> {
    let (node, now) = (app.node.clone(), app.now());
    let claimed = app
        .db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(outbox::claim(tx, &node, now, now + LEASE).await?) })
        })
        .await?;
    let Some(effect) = claimed else { return Ok(Step::Idle) };
    // After the claim is on record: an effect that cannot be prepared must not hold up those behind it.
    match prepare(app, &effect).await {
        Ok(Work::Mail(outgoing)) => mail(app, effect, outgoing.as_ref().as_ref()).await?,
        Ok(Work::Apply(parts)) => apply(app, effect, &parts.0, &parts.1, parts.2.as_ref()).await?,
        Ok(Work::Alert(parts)) => alert(app, effect, parts.0, &parts.1).await?,
        Err(Error::Store(error)) => return Err(error.into()),
        Err(error) => {
            let again = try_again_at(app, &effect);
            put_back(app, effect, again, chain(&error)).await?;
        }
    }
    Ok(Step::Worked)
}

async fn prepare(app: &App, effect: &Effect) -> Result<Work, Error> {
    let mut tx = app.db.read().await?;
    Ok(match effect.kind {
        Kind::Mail => Work::Mail(Box::new(mails::compose(app, &mut tx, effect).await?)),
        Kind::Apply => {
            let task = completion::load(app, &mut tx, effect).await?;
            let (target, previous) = completion::target(app, &mut tx, &task).await?;
            Work::Apply(Box::new((target, completion::request(&task)?, previous)))
        }
        Kind::TestAlert => {
            let task = completion::load(app, &mut tx, effect).await?;
            let request = probes::alert_request(app, &mut tx, &task).await?;
            Work::Alert(Box::new((request, task)))
        }
    })
}

/// When an effect that failed is tried again; `None` once it was tried often enough.
fn try_again_at(app: &App, effect: &Effect) -> Option<DateTime<Utc>> {
    let tries = u32::try_from(effect.attempts + 1).unwrap_or(u32::MAX);
    retry_at(tries, app.now(), rand::rng().random_range(0.0..1.0))
}

async fn mail(app: &Arc<App>, effect: Effect, outgoing: Option<&Outgoing>) -> Result<(), Error> {
    let Some(outgoing) = outgoing else { return settle(app, effect).await };
    match app.mailer.send(outgoing).await {
        Ok(receipt) => {
            tracing::info!(key = effect.effect_key, id = receipt.message_id, "mail sent");
            settle(app, effect).await
        }
        Err(error) => {
            let again = try_again_at(app, &effect).filter(|_| error.retryable());
            put_back(app, effect, again, chain(&error)).await
        }
    }
}

async fn apply(
    app: &Arc<App>,
    effect: Effect,
    target: &Target,
    request: &ApplyRequest,
    previous: Option<&Secret>,
) -> Result<(), Error> {
    let result = target.apply(request, previous).await;
    if let Err(error) = &result
        && error.retryable()
        && effect.attempts + 1 < MOST_APPLIES
    {
        let again = app.now() + TimeDelta::seconds(5 << effect.attempts.min(6));
        return put_back(app, effect, Some(again), chain(error)).await;
    }
    completion::settle_apply(app, effect, completion::judge(&result)).await
}

async fn alert(app: &Arc<App>, effect: Effect, request: ProbeRequest, task: &Task) -> Result<(), Error> {
    let report = app.prober.run(request).await;
    let evidence = probes::alert_evidence(task, &report);
    completion::settle_alert(app, &app.node, effect, report.passed(), &evidence).await
}

async fn settle(app: &Arc<App>, effect: Effect) -> Result<(), Error> {
    let (node, at) = (app.node.clone(), app.now());
    app.db
        .write(move |tx| {
            let (key, node) = (effect.effect_key.clone(), node.clone());
            Box::pin(async move {
                outbox::settle(tx, &key, &node, at).await?;
                Ok::<(), Error>(())
            })
        })
        .await
}

/// For another try at `again`, or to the dead letters where there is none.
async fn put_back(app: &Arc<App>, effect: Effect, again: Option<DateTime<Utc>>, error: String) -> Result<(), Error> {
    let (node, at) = (app.node.clone(), app.now());
    tracing::warn!(key = effect.effect_key, error, dead = again.is_none(), "an effect failed");
    app.db
        .write(move |tx| {
            let (key, node, error) = (effect.effect_key.clone(), node.clone(), error.clone());
            Box::pin(async move {
                match again {
                    Some(again) => outbox::retry(tx, &key, &node, again, &error).await?,
                    None => outbox::bury(tx, &key, &node, &error, at).await?,
                }
                Ok::<(), Error>(())
            })
        })
        .await
}
