//! Carries out effects: sends mail, applies settings, sends test alerts.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;

use super::Step;
use crate::app::syslog::product;
use crate::app::{App, Error, alerts, chain, completion, mails};
use crate::apply::{ApplyError, ApplyRequest, SyslogRequest, Target};
use crate::domain::channel::Channel;
use crate::mail::{Outgoing, retry_at};
use crate::probe::ProbeRequest;
use crate::secret::Secret;
use crate::store::outbox::{self, Effect, Kind};
use crate::store::{Tx, cases};

/// Longer than the longest effect: a test alert with all its stages.
const LEASE: TimeDelta = TimeDelta::seconds(240);
/// After so many tries an apply that could be repeated is told to the engineer instead.
const MOST_APPLIES: i64 = 3;

/// What a claimed effect needs.
enum Work {
    Mail(Box<Option<Outgoing>>),
    Apply(Box<(Target, ApplyRequest, Option<Secret>)>),
    Syslog(Box<(Target, SyslogRequest)>),
    Alert(Box<ProbeRequest>),
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
        Ok(Work::Syslog(parts)) => syslog(app, effect, &parts.0, &parts.1).await?,
        Ok(Work::Alert(request)) => alert(app, effect, *request).await?,
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
        Kind::Apply if is_syslog(&mut tx, effect).await? => {
            Work::Syslog(Box::new(product::task(app, &mut tx, effect).await?))
        }
        Kind::Apply => {
            let task = completion::load(app, &mut tx, effect).await?;
            let (target, previous) = completion::target(app, &mut tx, &task.case, task.settings.tenant_id).await?;
            Work::Apply(Box::new((target, completion::request(&task)?, previous)))
        }
        Kind::TestAlert => Work::Alert(Box::new(alerts::request(app, &mut tx, effect).await?)),
    })
}

async fn is_syslog(tx: &mut Tx, effect: &Effect) -> Result<bool, Error> {
    let case = cases::by_id(tx, effect.customer_id, effect.case_id).await?;
    Ok(case.is_some_and(|case| case.channel() == Channel::Syslog))
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
    if let Some((again, error)) = later(app, &effect, result.as_ref().err()) {
        return put_back(app, effect, Some(again), error).await;
    }
    completion::settle_apply(app, effect, completion::judge(&result)).await
}

async fn syslog(app: &Arc<App>, effect: Effect, target: &Target, request: &SyslogRequest) -> Result<(), Error> {
    let result = target.apply_syslog(request).await;
    if let Some((again, error)) = later(app, &effect, result.as_ref().err()) {
        return put_back(app, effect, Some(again), error).await;
    }
    let (answer, product_id) = product::judge(&result);
    completion::settle_syslog(app, effect, answer, product_id).await
}

/// When an apply that changed nothing is tried again, and why; `None` once it was tried often enough.
fn later(app: &App, effect: &Effect, error: Option<&ApplyError>) -> Option<(DateTime<Utc>, String)> {
    let error = error.filter(|error| error.retryable() && effect.attempts + 1 < MOST_APPLIES)?;
    Some((app.now() + TimeDelta::seconds(5 << effect.attempts.min(6)), chain(error)))
}

async fn alert(app: &Arc<App>, effect: Effect, request: ProbeRequest) -> Result<(), Error> {
    let report = app.prober.run(request).await;
    alerts::settle(app, &app.node, effect, &report).await
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
