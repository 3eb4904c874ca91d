//! One try: claimed under a lease, signed, sent outside any transaction, and its outcome written down.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use serde_json::json;
use tokio::time::Instant;

use crate::app::{App, Error, personal_mails};
use crate::domain::id::EndpointId;
use crate::domain::webhook::{self, Delivery, LONGEST_FAILURE, OffReason, Verdict, judge, read_key};
use crate::store::deliveries::{self, Claimed, Ended};
use crate::store::webhooks::{self, Endpoint, Key};
use crate::store::{Tx, people};
use crate::webhook::{Answer, Message, SendError};

/// Longer than a try takes.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// What came of a try.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, SendError>,
    /// How long it took.
    pub took: std::time::Duration,
}

/// Claims the message that is due, with its endpoint.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &Arc<App>) -> Result<Option<Claimed>, Error> {
    let (node, at) = (app.node.clone(), app.now());
    app.db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(deliveries::claim(tx, &node, at, at + LEASE).await?) })
        })
        .await
}

/// Signs a message that was claimed, and sends it. A key that does not open is a failure like any other, so that the log
/// shows it and the owner hears of it.
///
/// # Errors
/// What the database says.
pub async fn attempt(app: &App, claimed: &Claimed) -> Result<Outcome, Error> {
    let (began, at) = (Instant::now(), app.now());
    let (url, keys) = {
        let mut tx = app.db.read().await?;
        let endpoint = webhooks::by_id(&mut tx, claimed.endpoint_id).await?.ok_or(Error::NotFound)?;
        (endpoint.url, webhooks::keys(&mut tx, endpoint.id, at).await?)
    };
    let result = match open(app, &keys) {
        Some(keys) => {
            let (id, timestamp) = (webhook::message_id(claimed.event_id), at.timestamp());
            let signature = webhook::signature(keys.iter().map(Vec::as_slice), (&id, timestamp), &claimed.body);
            let message = Message { url: &url, id: &id, timestamp, signature: &signature, body: &claimed.body };
            app.webhooks.send(&message).await
        }
        None => Err(SendError::Key),
    };
    Ok(Outcome { result, took: began.elapsed() })
}

/// The keys that sign; none where the present one does not open. A former one that does not is left out: the present one
/// may have been made because of that.
fn open(app: &App, keys: &[Key]) -> Option<Vec<Vec<u8>>> {
    let mut opened = Vec::with_capacity(keys.len());
    for key in keys {
        match app.vault.open_webhook(key).ok().and_then(|text| read_key(text.expose())) {
            Some(bytes) => opened.push(bytes),
            None if key.ends_at.is_some() => {}
            None => return None,
        }
    }
    Some(opened)
}

/// Writes down what came of a try: the message is done, tried again, or given up; an endpoint that is gone, or of which
/// nothing but failures was heard for days, is switched off, and its owner gets a mail.
///
/// # Errors
/// What the database says; the message is then tried again under the same id.
pub async fn settle(app: &Arc<App>, claimed: Claimed, outcome: Outcome) -> Result<(), Error> {
    let (shared, random) = (Arc::clone(app), rand::rng().random_range(0.0..1.0));
    app.db
        .write(move |tx| {
            let (app, claimed, outcome) = (Arc::clone(&shared), claimed.clone(), outcome.clone());
            Box::pin(async move {
                let at = app.now();
                let Some(endpoint) = webhooks::by_id(tx, claimed.endpoint_id).await? else { return Ok(()) };
                let (mut ended, off) = judged(&endpoint, &claimed, &outcome, (at, random));
                if endpoint.off_since.is_some() && ended.state == Delivery::Waiting {
                    // Switched off while this was on the line.
                    ended.state = Delivery::Missed;
                }
                if !deliveries::settle(tx, &claimed, &app.node, &ended, at).await? {
                    tracing::warn!(endpoint = %endpoint.id, event = %claimed.event_id, "a try took longer than its lease");
                    return Ok(());
                }
                match off {
                    Some(why) if webhooks::set_off(tx, endpoint.id, why, at).await? => {
                        deliveries::miss(tx, endpoint.id).await?;
                        tell_owner(&app, tx, &endpoint, (why, ended.error.as_deref()), at).await
                    }
                    Some(_) | None => Ok::<(), Error>(()),
                }
            })
        })
        .await
}

/// How a try ended, and why its endpoint is to be switched off, if it is.
fn judged(
    endpoint: &Endpoint,
    claimed: &Claimed,
    outcome: &Outcome,
    (at, random): (DateTime<Utc>, f64),
) -> (Ended, Option<OffReason>) {
    let answer = outcome.result.as_ref().ok();
    let asked = answer.and_then(|answer| answer.retry_after.as_deref()).and_then(|text| webhook::retry_after(text, at));
    let verdict = match &outcome.result {
        Ok(answer) => judge(answer.status),
        Err(error) => Verdict::NotTaken(error.to_string()),
    };
    let tries = u32::try_from(claimed.tries).unwrap_or(u32::MAX);
    let (state, not_before, error, off) = match verdict {
        Verdict::Taken => (Delivery::Delivered, at, None, None),
        Verdict::Gone => (Delivery::Failed, at, Some("It answered 410 Gone".to_owned()), Some(OffReason::Gone)),
        Verdict::NotTaken(why) => {
            let again = webhook::retry_at(tries, at, random, asked);
            let state = if again.is_some() { Delivery::Waiting } else { Delivery::Failed };
            let since = endpoint.failing_since.unwrap_or(at);
            // By the tries too: where this service was down, days have passed in which nobody asked.
            let off = (again.is_none() && at - since >= LONGEST_FAILURE).then_some(OffReason::Failing);
            (state, again.unwrap_or(at), Some(why), off)
        }
    };
    let ended = Ended {
        state,
        not_before,
        took_ms: i64::try_from(outcome.took.as_millis()).unwrap_or(i64::MAX),
        status: answer.map(|answer| i64::from(answer.status)),
        error,
        answer: answer.map(|answer| answer.body.clone()).filter(|body| !body.is_empty()),
        rests_until: asked.map(|asked| at + asked),
    };
    (ended, off)
}

/// Asks for the mail to the owner, or to the administrators where the owner has left.
async fn tell_owner(
    app: &App,
    tx: &mut Tx,
    endpoint: &Endpoint,
    (why, error): (OffReason, Option<&str>),
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let owner = people::by_id(tx, endpoint.owner_id).await?.filter(|entry| entry.active);
    let readers = match owner {
        Some(owner) => vec![owner],
        None => people::staff(tx, crate::domain::actor::Role::Admin).await?,
    };
    let payload = json!({
        "name": endpoint.name,
        "url": format!("{}{}", app.public_url, page(endpoint.id)),
        "is_gone": why == OffReason::Gone,
        "error": error.unwrap_or_default(),
    });
    for reader in readers {
        let key = format!("webhook-off.{}.{}.{}", endpoint.id, at.timestamp_micros(), reader.person.id);
        personal_mails::ask(tx, (key, reader.person.id), ("webhook-off", payload.clone()), (at, at)).await?;
    }
    Ok(())
}

/// The page of an endpoint.
pub fn page(id: EndpointId) -> String {
    format!("/admin/webhooks/{id}")
}
