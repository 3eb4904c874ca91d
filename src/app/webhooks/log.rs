//! What was sent to an endpoint, what came back, and sending it again.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{KEPT, events};
use crate::app::{App, Error, Once};
use crate::domain::id::{EndpointId, EventId};
use crate::store::deliveries::{self, Attempt, Logged};
use crate::store::webhooks;

/// One message with its tries.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The message.
    pub logged: Logged,
    /// What is sent.
    pub body: String,
    /// Its tries, the last one first.
    pub attempts: Vec<Attempt>,
}

/// The log of an endpoint, newest first, before one of its messages; and whether there is more.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn page(
    app: &App,
    id: EndpointId,
    before: Option<EventId>,
    limit: i64,
) -> Result<(Vec<Logged>, Option<EventId>), Error> {
    let mut tx = app.db.read().await?;
    webhooks::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let before = before.unwrap_or(EventId::new(Uuid::max()));
    let mut rows = deliveries::page(&mut tx, id, before, limit + 1).await?;
    let is_more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > limit;
    if is_more {
        rows.pop();
    }
    let next = rows.last().map(|row| row.event_id).filter(|_| is_more);
    Ok((rows, next))
}

/// One message.
///
/// # Errors
/// [`Error::NotFound`]; what the database says.
pub async fn one(app: &App, id: EndpointId, event: EventId) -> Result<Detail, Error> {
    let mut tx = app.db.read().await?;
    let logged = deliveries::one(&mut tx, id, event).await?.ok_or(Error::NotFound)?;
    let body = deliveries::body(&mut tx, event).await?.ok_or(Error::NotFound)?;
    let attempts = deliveries::attempts(&mut tx, id, event).await?;
    Ok(Detail { logged, body, attempts })
}

/// Sends a message again, under the same id. Nothing goes to an endpoint that is off.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Settled`] where the endpoint is off.
pub async fn redeliver(app: &Arc<App>, id: EndpointId, event: EventId) -> Result<(), Error> {
    let at = app.now();
    app.db
        .write(move |tx| {
            Box::pin(async move {
                require_on(tx, id).await?;
                if deliveries::redeliver(tx, id, event, at).await? { Ok(()) } else { Err(Error::NotFound) }
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Sends everything again that was given up or missed, of what happened since an instant; says how much that is.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Settled`] where the endpoint is off.
pub async fn redeliver_since(app: &Arc<App>, id: EndpointId, since: DateTime<Utc>) -> Result<u64, Error> {
    let at = app.now();
    let count = app
        .db
        .write(move |tx| {
            Box::pin(async move {
                require_on(tx, id).await?;
                Ok::<u64, Error>(deliveries::redeliver_since(tx, id, since, at).await?)
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(count)
}

/// How much was given up or missed and is still on record.
///
/// # Errors
/// What the database says.
pub async fn undone(app: &App, id: EndpointId) -> Result<i64, Error> {
    let mut tx = app.db.read().await?;
    Ok(deliveries::undone(&mut tx, id, app.now() - KEPT).await?)
}

/// Sends a message that tells nothing, to see whether it arrives; the same form sends one.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Settled`] where the endpoint is off.
pub async fn ping(app: &Arc<App>, id: EndpointId, once: Option<Once>) -> Result<EventId, Error> {
    let shared = Arc::clone(app);
    let event = app
        .db
        .write(move |tx| {
            let (app, once) = (Arc::clone(&shared), once.clone());
            Box::pin(async move {
                require_on(tx, id).await?;
                if let Some(once) = &once
                    && let Some(answer) = once.before(tx).await?
                {
                    let known = answer.answer.parse().map(EventId::new);
                    return known.map_err(|_not_ours| Error::Internal("a stored answer names no message".to_owned()));
                }
                let at = app.now();
                let event = events::ping(&app, tx, id, at).await?;
                if let Some(once) = once {
                    once.keep(tx, 200, event.to_string(), at).await?;
                }
                Ok::<_, Error>(event)
            })
        })
        .await?;
    app.wake.notify_waiters();
    Ok(event)
}

async fn require_on(tx: &mut crate::store::Tx, id: EndpointId) -> Result<(), Error> {
    let endpoint = webhooks::by_id(tx, id).await?.ok_or(Error::NotFound)?;
    if endpoint.off_since.is_some() {
        return Err(Error::Settled("The endpoint is off. Switch it on before anything is sent to it".to_owned()));
    }
    Ok(())
}
