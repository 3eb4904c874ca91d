//! One try: claimed under a lease, signed, sent outside any transaction, and its outcome written down.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;
use serde_json::json;

use crate::app::{App, Error, personal_mails};
use crate::domain::id::EndpointId;
use crate::domain::webhook::{self, Delivery, LONGEST_FAILURE, OffReason, Verdict, judge, read_key};
use crate::store::deliveries::{self, Claimed, Ended};
use crate::store::webhooks::{self, Endpoint};
use crate::store::{Tx, people};
use crate::webhook::{Answer, Message, SendError};

/// Longer than a try takes.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// A message that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Its try.
    pub claimed: Claimed,
    /// Where it goes.
    pub url: String,
    /// `webhook-id`.
    pub id: String,
    /// When this try was signed.
    pub at: DateTime<Utc>,
    /// `webhook-signature`.
    pub signature: String,
}

impl Ready {
    /// As it is sent.
    pub fn message(&self) -> Message<'_> {
        Message {
            url: &self.url,
            id: &self.id,
            timestamp: self.at.timestamp(),
            signature: &self.signature,
            body: &self.claimed.body,
        }
    }
}

/// What came of a try.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, SendError>,
    /// How long it took.
    pub took: std::time::Duration,
}

/// Claims what is due, with its endpoint, and signs it.
///
/// # Errors
/// What the database says; [`Error::Internal`] where a key does not open: the try counts, and another one follows.
pub async fn claim(app: &Arc<App>) -> Result<Option<Ready>, Error> {
    let (node, at) = (app.node.clone(), app.now());
    let claimed = app
        .db
        .write(move |tx| {
            let node = node.clone();
            Box::pin(async move { Ok::<_, Error>(deliveries::claim(tx, &node, at, at + LEASE).await?) })
        })
        .await?;
    let Some(claimed) = claimed else { return Ok(None) };
    let mut tx = app.db.read().await?;
    let endpoint = webhooks::by_id(&mut tx, claimed.endpoint_id).await?.ok_or(Error::NotFound)?;
    let mut keys = Vec::new();
    for key in webhooks::keys(&mut tx, endpoint.id, at).await? {
        let key = app.vault.open_webhook(&key)?;
        let damaged = || Error::Internal(format!("the key of endpoint {} is damaged", endpoint.id));
        keys.push(read_key(key.expose()).ok_or_else(damaged)?);
    }
    let id = format!("msg_{}", claimed.event_id.uuid().simple());
    let signature = webhook::signature(keys.iter().map(Vec::as_slice), (&id, at.timestamp()), &claimed.body);
    Ok(Some(Ready { claimed, url: endpoint.url, id, at, signature }))
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
            let off = (at - since >= LONGEST_FAILURE).then_some(OffReason::Failing);
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
